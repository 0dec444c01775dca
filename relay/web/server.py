"""The relay's HTTP server: uvicorn, with the limits that it lacks, and an orderly shutdown.

A slow client doesn't keep others waiting: a request and its answer get a few seconds from the first byte on, and when
there is no room for one more connection, the one that has been idle the longest is closed.
"""

import asyncio
import logging
import signal
import socket
import sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from relay.bugs import end_with_any_thread
from relay.config import Config
from relay.web.app import create_app

log = logging.getLogger(__name__)

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78
MAX_CONNECTIONS = 500
MAX_HEAD_BYTES = 16 * 1024
EXCHANGE_TIMEOUT_S = 20.0
"""From the first byte of a request to the last of its answer. Mercado Pago gives us 22."""
IDLE_TIMEOUT_S = 75
"""Between two requests of a connection. A web server in front closes it earlier."""
SHUTDOWN_TIMEOUT_S = 15
"""For accepted requests to finish. They need at most 10 for a body and 4 for the broker."""


class Connection(H11Protocol):
    """One connection; its client may be slow or hostile."""

    _deadline: asyncio.TimerHandle | None = None
    """Aborts the present exchange when its time is up; None between two exchanges."""
    _since = 0.0
    """When the present exchange, or the pause between two, began."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None:
            self._begin()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._end()
        super().on_response_complete()
        if self._answers or self.conn.trailing_data[0]:  # the next request has begun already
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin(self) -> None:
        self._since = self.loop.time()
        self._deadline = self.loop.call_later(EXCHANGE_TIMEOUT_S, self.transport.abort)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        self._since = self.loop.time()

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if isinstance(each, Connection) and not each._answers]
        min(waiting, key=lambda each: each._since).transport.abort()  # never empty: this connection has not asked yet


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, finish what was accepted, and return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else each odd request is a warning
    end_with_any_thread()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(DONE))  # uvicorn finishes first, then raises the signal again
    try:
        server = _server(config)
    except OSError as error:
        log.error("claims.folder: %s; let the relay's user write there", error)
        return BAD_CONFIGURATION
    try:
        listener = _listener(config.listen.host, config.listen.port)
    except OSError as error:
        log.error("can't listen on %s port %d: %s", config.listen.host, config.listen.port, error.strerror)
        return FAILED
    log.info("listening on %s port %d", config.listen.host, config.listen.port)
    server.run(sockets=[listener])
    return DONE


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=100)
    # Connections inherit this. asyncio sets it only for sockets that name their protocol; without it each answer, which
    # is written in two parts, takes the 40 ms of a delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _server(config: Config) -> uvicorn.Server:
    settings = uvicorn.Config(
        create_app(config),
        http=Connection,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # its lines would contain the secrets
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_TIMEOUT_S,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    return uvicorn.Server(settings)
