"""A broker at protocol level that does one odd thing: refuses with any code, says nothing, hangs up, speaks no MQTT."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Container

CONNACK, SUBACK, PUBACK, DISCONNECT = 0x20, 0x90, 0x40, 0xE0
CONNECT, SUBSCRIBE, PUBLISH = 0x10, 0x82, 0x30
NOT_AUTHORIZED = 0x87

Talk = Callable[["Link"], None]


class Link:
    """One connection, as the broker has it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.subscription = b"\0\0"

    def say(self, kind: int, body: bytes) -> None:
        self.write(packet(kind, body))

    def write(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):
            self._connection.sendall(packet)

    def hear(self, kind: int) -> bytes:
        """The next packet of a kind, without its fixed header; b"" if the till hangs up."""
        while packet := self.next():
            if packet[0] & 0xF0 == kind & 0xF0:
                return packet[1]
        return b""

    def next(self) -> tuple[int, bytes] | None:
        """The next packet, without its fixed header; None if the till hangs up."""
        first = self._read(1)
        return (first[0], self._read(self._read_length())) if first else None

    def _read_length(self) -> int:
        length = shift = 0
        while byte := self._read(1):
            length, shift = length | (byte[0] & 127) << shift, shift + 7
            if not byte[0] & 128:
                break
        return length

    def _read(self, count: int) -> bytes:
        data = b""
        with contextlib.suppress(OSError):
            while len(data) < count and (more := self._connection.recv(count - len(data))):
                data += more
        return data

    # --- what a broker does, step by step ----------------------------------------------------------------------------

    def answer_login(self, code: int = 0) -> None:
        self.hear(CONNECT)
        self.say(CONNACK, bytes([0, code, 0]))

    def answer_subscription(self, code: int = 1) -> None:
        subscription = self.hear(SUBSCRIBE)[:2]
        self.say(SUBACK, subscription + bytes([0, code, 1, 1, 1]))

    def welcome(self) -> None:
        self.answer_login()
        self.answer_subscription()

    def send_away(self, code: int) -> None:
        self.say(DISCONNECT, bytes([code, 0]))

    def refuse_messages(self, code: int) -> None:
        """Answer each message with this code, until the till goes."""
        while message := self.hear(PUBLISH):
            topic = int.from_bytes(message[:2], "big")
            self.say(PUBACK, message[2 + topic : 4 + topic] + bytes([code, 0]))

    def forbid(self, topics: Container[str], code: int | None, answers: bool = True) -> None:
        """Serve, but end the connection at these topics: with a code, or as RabbitMQ 4.0 does, without one.

        `answers`: whether a subscription is refused before that.
        """
        while packet := self.next():
            kind, body = packet
            if kind & 0xF0 == SUBSCRIBE & 0xF0:
                refused = body[5 : 5 + body[4]].decode() in topics
                if answers or not refused:
                    self.say(SUBACK, body[:2] + bytes([0, NOT_AUTHORIZED if refused else 1]))
            elif kind & 0xF0 == PUBLISH:
                end = 2 + int.from_bytes(body[:2], "big")
                refused = body[2:end].decode() in topics
                if not refused:
                    self.say(PUBACK, body[end : end + 2] + b"\0\0")
            else:
                continue
            if refused:
                if code is not None:
                    self.send_away(code)
                return

    def wait(self) -> None:
        """Until the till goes."""
        while self._read(1):
            pass


class OddBroker:
    """Talks to each connection in the same way, and hangs up at the end of the talk."""

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        self._talk, self._tls = talk, tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._server.getsockname()[:2]
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._talk_to, args=[connection], daemon=True).start()

    def _talk_to(self, connection: socket.socket) -> None:
        with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as link:
            self._talk(Link(link))

    def __enter__(self) -> "OddBroker":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # ends the thread that accepts
        self._server.close()


def packet(kind: int, body: bytes) -> bytes:
    """The bytes of one packet, without its flags if `kind` has none."""
    return bytes([kind]) + _length(len(body)) + body


def _length(count: int) -> bytes:
    found = b""
    while count > 127:
        found, count = found + bytes([count & 127 | 128]), count >> 7
    return found + bytes([count])
