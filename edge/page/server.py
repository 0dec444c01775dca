"""The page's HTTP server: uvicorn, with the limits that it lacks.

A connection that sends no whole request in time is closed, and when there is no room for one more, the one that has
been idle the longest makes room.
"""

import asyncio
import logging
import socket
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.config.schema import Config, PageConfig
from edge.page.app import create_app

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 100
MAX_HEAD_BYTES = 16 * 1024
HEAD_TIMEOUT_S = 10
"""From the beginning of a connection, or the end of an answer, to the end of the next request's head."""
SHUTDOWN_TIMEOUT_S = 1
"""Streams end then; a browser opens a new one."""


class Connection(H11Protocol):
    """One connection; its client may be slow or hostile."""

    _deadline: asyncio.TimerHandle | None = None
    _idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self) -> None:
        self._stop_waiting()
        self._idle_since = self.loop.time()
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None

    def _give_up(self) -> None:
        if not self._answers:
            self.transport.abort()

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if isinstance(each, Connection) and not each._answers]
        min(waiting, key=lambda each: each._idle_since).transport.abort()  # never empty: this one has not asked yet


class Server(uvicorn.Server):
    """Ends when it is told to, and raises no signal again: its unit lets it send none."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True


def listen(page: PageConfig) -> socket.socket:
    """The socket where devices connect. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in page.host else socket.AF_INET
    listener = socket.create_server((page.host, page.port), family=family, backlog=50)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(config: Config, page: PageConfig, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = uvicorn.Config(
        create_app(config, page),
        http=Connection,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=HEAD_TIMEOUT_S,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        ssl_certfile=page.cert_file,
        ssl_keyfile=page.key_file,
    )
    Server(settings).run(sockets=[listener])
