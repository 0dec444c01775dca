"""Serves the demo's page on this machine until somebody ends it, and opens a browser where there is one."""

import asyncio
import os
import socket
import sys
import webbrowser
from types import FrameType

import uvicorn

from sim.network import HOST, free_port
from sim.world.app import create_app
from sim.world.stage import Stage

USUAL_PORT = 8090
SHUTDOWN_TIMEOUT_S = 5


class Server(uvicorn.Server):
    """Ends when it is told to, its streams first, and raises no signal again: the shop is still to be closed."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(stage),
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
            )
        )
        self._stage = stage

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.to_thread(self._stage.end_streams)
        await super().shutdown(sockets)


def listen(port: int = 0) -> socket.socket:
    """A socket for the page: at this port, or at the usual one if it is free, or at any. Raises `OSError`."""
    if port:
        return socket.create_server((HOST, port), backlog=50)
    try:
        return socket.create_server((HOST, USUAL_PORT), backlog=50)
    except OSError:
        return socket.create_server((HOST, free_port()), backlog=50)


def serve(stage: Stage, listener: socket.socket, browser: bool) -> None:
    """Say where the page is, open it if there is a browser, and serve until SIGINT or SIGTERM."""
    url = f"http://{HOST}:{listener.getsockname()[1]}/"
    print(f"The demo is at {url}  (Ctrl+C ends it)")
    print(f"Its till, in another terminal: .venv/bin/till-edge orders --config {stage.shop.config}", flush=True)
    if browser and has_browser():
        webbrowser.open(url)
    Server(stage).run(sockets=[listener])


def has_browser() -> bool:
    """Whether a window can be opened here; a browser in this very terminal is none."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
