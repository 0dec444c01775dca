"""One HTTP exchange within one deadline: connection, TLS, request, head and body together.

A session keeps one connection to one origin alive. It follows no redirect, uses no proxy and no netrc of the
environment, and takes no body beyond its limit. Whatever goes wrong is an `HttpError`.
"""

import contextlib
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

STEPS_PER_EXCHANGE = 2
"""An exchange may take as long as this many steps (a connection, a piece of an answer) may."""
CHUNK_BYTES = 16 * 1024
ANY_COMPRESSION = zlib.MAX_WBITS | 32
MAX_ERROR_LENGTH = 120


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
        self._url = url.rstrip("/")
        self._step_timeout_s = step_timeout_s
        self._max_body_bytes = max_body_bytes
        self._watchdog = _Watchdog()
        self._session = _UnledSession()
        self._session.trust_env = False
        self._session.verify = _trusted_certificates()
        self._session.headers.update({**headers, "Accept-Encoding": "gzip"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _WatchedAdapter(self._watchdog))

    def exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and return its answer. Raises `HttpError`; nothing is sent twice."""
        try:
            with self._watchdog.over(STEPS_PER_EXCHANGE * self._step_timeout_s):
                answer = self._receive(method, path, query, body, headers)
            if self._watchdog.has_bitten:  # an answer may look whole that was cut off at the end of a line
                raise TimeoutError("cut off at the deadline")
            return answer
        except HttpError:
            self.close()
            raise
        except Exception as error:  # heads are parsed by libraries, which raise whatever they stumble over
            self.close()
            raise _as_http_error(error, self._watchdog.has_bitten) from None

    def close(self) -> None:
        """Let the connection go. The next exchange makes another."""
        self._session.close()

    def _receive(self, method: str, path: str, *rest: Any) -> Response:
        query, body, headers = rest
        with self._session.request(
            method,
            self._url + path,
            params=query,
            data=body,
            headers=headers,
            timeout=self._step_timeout_s,
            allow_redirects=False,
            stream=True,
        ) as answer:
            date_at = time.monotonic()
            retry_after = answer.headers.get("Retry-After", "")
            return Response(
                answer.status_code,
                _body(answer.raw, self._max_body_bytes),
                answer.headers.get("Date", ""),
                date_at,
                float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0,
            )


# --- the deadline --------------------------------------------------------------------------------------------------


class _Watchdog:
    """Shuts the connection down at the deadline: each byte that comes starts a socket's own timeout anew."""

    def __init__(self) -> None:
        self._watched: HTTPConnection | None = None
        self.has_bitten = False

    @contextlib.contextmanager
    def over(self, seconds: float) -> Iterator[None]:
        self.has_bitten = False
        timer = threading.Timer(seconds, self._bite)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def watch(self, connection: HTTPConnection) -> None:
        self._watched = connection

    def _bite(self) -> None:
        self.has_bitten = True
        wire = self._watched.sock if self._watched is not None else None
        if wire is not None:
            with contextlib.suppress(OSError):  # it ended by itself just now
                # Not TLS's own farewell, which would wait for the other side.
                socket.socket.shutdown(wire, socket.SHUT_RDWR)


class _UnledSession(requests.Session):
    """A session that doesn't even look where a redirect leads: it would parse the address, and read the whole body."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _WatchedAdapter(HTTPAdapter):
    """requests' adapter, whose connections tell the watchdog which one is in use."""

    def __init__(self, watchdog: _Watchdog) -> None:
        self._watchdog = watchdog
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _watched(HTTPConnectionPool, HTTPConnection, self._watchdog),
            "https": _watched(HTTPSConnectionPool, HTTPSConnection, self._watchdog),
        }


def _watched(pool: type[Any], connection: type[Any], watchdog: _Watchdog) -> type[Any]:
    """The same pool, of connections that are watched while they connect and while they are used."""

    class Watched(connection):  # type: ignore[misc]
        def connect(self) -> None:
            watchdog.watch(self)
            super().connect()

        def request(self, *arguments: Any, **options: Any) -> None:
            watchdog.watch(self)
            super().request(*arguments, **options)

    return type(pool.__name__, (pool,), {"ConnectionCls": Watched})


# --- the answer ----------------------------------------------------------------------------------------------------


def _body(answer: urllib3.HTTPResponse, max_bytes: int) -> bytes:
    """The whole body, decompressed. Raises `HttpError` if it is too large or cut short."""
    body = b""
    while len(body) <= max_bytes and (chunk := answer.read(CHUNK_BYTES, decode_content=False)):
        body += chunk
    if body and answer.headers.get("Content-Encoding", "").lower() in ("gzip", "deflate"):
        body = _decompressed(body, max_bytes)
    if len(body) > max_bytes:
        raise HttpError(Failure.TOO_LARGE, f"more than {max_bytes} bytes")
    return body


def _decompressed(body: bytes, max_bytes: int) -> bytes:
    """At most a byte more than the limit: a few kilobytes may hold gigabytes. urllib3 takes half of one for a whole."""
    inflating = zlib.decompressobj(ANY_COMPRESSION)
    try:
        inflated = inflating.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise HttpError(Failure.NETWORK, str(error)) from None
    if len(inflated) <= max_bytes and not inflating.eof:
        raise HttpError(Failure.NETWORK, "a compressed answer was cut short")
    return inflated


def _trusted_certificates() -> str | bool:
    """Where the system keeps the certificates that it trusts; True, for requests' own, if it has none."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def _as_http_error(error: Exception, out_of_time: bool) -> HttpError:
    reason = _innermost(error)
    why = str(reason)[:MAX_ERROR_LENGTH] or type(reason).__name__
    if out_of_time or isinstance(error, requests.Timeout) or isinstance(reason, TimeoutError):
        return HttpError(Failure.TIMEOUT, "no answer in time" if out_of_time else why)
    if isinstance(reason, ssl.SSLCertVerificationError) and _blames_the_clock(reason):
        return HttpError(Failure.CLOCK, why)
    return HttpError(Failure.TLS if isinstance(reason, ssl.SSLError) else Failure.NETWORK, why)


def _blames_the_clock(error: ssl.SSLCertVerificationError) -> bool:
    return any(word in error.verify_message for word in ("not yet valid", "has expired"))


def _innermost(error: BaseException) -> BaseException:
    """The reason at the end of the chain that requests and urllib3 wrap around it."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "reason", None)) is not None:
        if not isinstance(inner, BaseException):
            break
        error = inner
    return error
