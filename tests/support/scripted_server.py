"""A server on a real socket that does to each connection what its script says, as no server should."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from itertools import count

STEP_S = 0.3
"""What a client under test gives one step; an exchange has twice as long."""
OK = b"HTTP/1.1 200 OK\r\n"

Script = Callable[[socket.socket], None]


class Server:
    """Does to each connection what its script says, then closes it."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone wakes no thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as wire:
                self._script(wire)
        except OSError:
            pass  # the client has left


def request(wire: socket.socket) -> bytes:
    """The head of one request; b"" when the client has closed."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (piece := wire.recv(4096)):
            return b""
        head += piece
    return head


def answering(*answers: bytes) -> Script:
    """One answer for each request of a connection."""

    def script(wire: socket.socket) -> None:
        for answer in answers:
            if not request(wire):
                return
            wire.sendall(answer)

    return script


def with_length(body: bytes, *headers: bytes) -> bytes:
    return OK + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def dribbling(text: bytes) -> Script:
    def script(wire: socket.socket) -> None:
        for number in count():
            wire.sendall(text[number % len(text)].to_bytes())
            time.sleep(STEP_S / 6)

    return script


def after_a_request(first: bytes, then: Script) -> Script:
    def script(wire: socket.socket) -> None:
        request(wire)
        wire.sendall(first)
        then(wire)

    return script


def silent(_: socket.socket) -> None:
    time.sleep(60)


DRIBBLING = {
    "a head that dribbles": after_a_request(OK, dribbling(b"X-More: and more\r\n")),
    "a first line that dribbles": after_a_request(b"", dribbling(b"HTTP/1.1 200 OK")),
    "a body that dribbles": after_a_request(OK + b"Content-Length: 900\r\n\r\n", dribbling(b"{}")),
    "chunks that dribble": after_a_request(OK + b"Transfer-Encoding: chunked\r\n\r\n", dribbling(b"1\r\nx\r\n")),
    "endless 100 Continue": after_a_request(b"", dribbling(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "no answer": silent,
}
