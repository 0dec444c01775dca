"""One HTTP exchange within one deadline: name, connection, TLS, request, head and body together.

A session keeps one connection to one origin alive. It follows no redirect, uses no proxy and no netrc of the
environment, and takes no body beyond its limit. Whatever goes wrong is an `HttpError`.
"""

import http.client
import queue
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

STEPS_PER_EXCHANGE = 2
"""An exchange may take as long as this many steps (a connection, a piece of an answer) may."""
WRONG_CLOCK = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED, as OpenSSL numbers them."""
ANY_COMPRESSION = zlib.MAX_WBITS | 32
MAX_ERROR_LENGTH = 120

Address = tuple[Any, ...]


class Failure(Enum):
    """Why there is no answer."""

    TIMEOUT = auto()
    CLOCK = auto()
    """The certificate is not valid at this machine's date."""
    TLS = auto()
    NETWORK = auto()
    """Everything else, an answer that is no HTTP included."""
    TOO_LARGE = auto()


class HttpError(Exception):
    """There is no usable answer. The text is the innermost reason, for people."""

    def __init__(self, failure: Failure, why: str) -> None:
        super().__init__(why)
        self.failure = failure


@dataclass(frozen=True)
class Response:
    """An answer of whatever status, made by `Session.exchange` and read by the client of one API."""

    status: int
    body: bytes
    date: str
    """The header `Date` as it came; "" without one."""
    date_at: float
    """When the head with that date was here, by `time.monotonic`."""
    retry_after_s: float
    """`Retry-After`; 0 without one, or where it is a date."""


class Session:
    """One origin, over a connection that is kept alive. Used by one thread.

    A single step takes at most `step_timeout_s`, an exchange at most `STEPS_PER_EXCHANGE` times that.
    """

    def __init__(self, url: str, headers: Mapping[str, str], step_timeout_s: float, max_body_bytes: int) -> None:
        origin = urlsplit(url)
        self._path = quote(origin.path.rstrip("/"), safe="/%")
        self._headers = {**headers, "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._step_timeout_s = step_timeout_s
        self._max_body_bytes = max_body_bytes
        tls = _tls_context() if origin.scheme == "https" else None
        self._connection = _Connection(origin.hostname or "", origin.port or (443 if tls else 80), tls)

    def exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and return its answer. Raises `HttpError`; nothing is sent twice."""
        target = self._path + path + (f"?{urlencode(query)}" if query else "")
        self._connection.keep(_Deadline(self._step_timeout_s))
        try:
            self._connection.request(method, target, body, {**self._headers, **(headers or {})})
            return self._receive()
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            self.close()
            raise _as_http_error(error) from None
        except HttpError:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def _receive(self) -> Response:
        answer = self._connection.getresponse()
        date_at = time.monotonic()
        retry_after = answer.headers.get("Retry-After", "")
        return Response(
            answer.status,
            _body(answer, self._max_body_bytes),
            answer.headers.get("Date", ""),
            date_at,
            float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0,
        )


# --- the connection ------------------------------------------------------------------------------------------------


class _Deadline:
    """The time of one exchange, from its making on."""

    def __init__(self, step_timeout_s: float) -> None:
        self._step_timeout_s = step_timeout_s
        self._ends_at = time.monotonic() + STEPS_PER_EXCHANGE * step_timeout_s

    def left(self) -> float:
        """Seconds that the next step may take. Raises `TimeoutError` when there are none."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer dribbles")
        return min(left, self._step_timeout_s)


class _Socket(socket.socket):
    """A socket's own timeout starts anew with each byte; this one's is what the deadline leaves."""

    deadline: _Deadline

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(self.deadline.left())
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(self.deadline.left())  # which holds for all of it
        super().sendall(*arguments)


class _TlsSocket(_Socket, ssl.SSLSocket):
    pass


class _Connection(http.client.HTTPConnection):
    """http.client's connection, with sockets that keep the deadline. It connects by itself when it has none."""

    sock: _Socket | None

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.default_port = 443 if tls else 80
        self._tls = tls

    def keep(self, deadline: _Deadline) -> None:
        """Begin an exchange. A connection that the server has closed meanwhile is dropped."""
        self._deadline = deadline
        if self.sock is not None:
            self.sock.deadline = deadline
            if _is_readable(self.sock):
                self.close()

    def connect(self) -> None:
        self.sock = _connect(self.host, self.port, self._deadline)
        if self._tls is not None:
            self.sock.settimeout(self._deadline.left())  # which holds for the handshake as a whole
            secured = self._tls.wrap_socket(self.sock, server_hostname=self.host)
            assert isinstance(secured, _TlsSocket)
            secured.deadline = self._deadline
            self.sock = secured


def _connect(host: str, port: int, deadline: _Deadline) -> _Socket:
    """Connect to the first address that takes us. Raises `OSError`."""
    refusal = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in _resolve(host, port, deadline):
        connection = _Socket(family, kind, protocol)
        connection.deadline = deadline
        try:
            connection.settimeout(deadline.left())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            refusal = error
    raise refusal


def _resolve(host: str, port: int, deadline: _Deadline) -> list[Address]:
    """The addresses of a host. The system's resolver takes no deadline: a thread waits for it, and may outlive us."""
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, ValueError) as error:  # ValueError: no name can be like that
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError(f"{host} is not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_readable(connection: socket.socket) -> bool:
    """Whether something came that nobody asked for: most likely the end of the connection."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _tls_context() -> ssl.SSLContext:
    """The certificates that the system trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = _TlsSocket
    return context


# --- the answer ----------------------------------------------------------------------------------------------------


def _body(answer: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The whole body, decompressed. Raises `HttpError` if it is too large, `HTTPException` if it is cut short."""
    if (answer.length or 0) > max_bytes:
        raise _too_large(max_bytes)
    # With a length, http.client notices an end that comes early; without, the answer ends where it ends.
    body = answer.read() if answer.length is not None else answer.read(max_bytes + 1)
    if body and answer.headers.get("Content-Encoding", "").lower() in ("gzip", "deflate"):
        body = _decompressed(body, max_bytes)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _decompressed(body: bytes, max_bytes: int) -> bytes:
    """At most a byte more than the limit: a few kilobytes may hold gigabytes."""
    inflating = zlib.decompressobj(ANY_COMPRESSION)
    inflated = inflating.decompress(body, max_bytes + 1)
    if len(inflated) <= max_bytes and not inflating.eof:
        raise http.client.IncompleteRead(inflated)
    return inflated


def _too_large(max_bytes: int) -> HttpError:
    return HttpError(Failure.TOO_LARGE, f"more than {max_bytes} bytes")


def _as_http_error(error: Exception) -> HttpError:
    failure = Failure.NETWORK
    if isinstance(error, TimeoutError):
        failure = Failure.TIMEOUT
    elif isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in WRONG_CLOCK:
        failure = Failure.CLOCK
    elif isinstance(error, ssl.SSLError):
        failure = Failure.TLS
    return HttpError(failure, str(error)[:MAX_ERROR_LENGTH] or type(error).__name__)
