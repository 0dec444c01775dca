"""Ports to listen at, and how connections end badly. All on the loopback."""

import contextlib
import random
import socket
import struct

HOST = "127.0.0.1"
PORTS = range(15_000, 32_000)
"""Below those that the system gives to outgoing connections, one of which would take a port that is free just now."""


def free_port() -> int:
    """Return a port that nobody uses at the moment, and that nobody is likely to use before you do."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def break_off(connection: socket.socket) -> None:
    """Break a connection in both directions; when its owner closes it, the other side gets a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
