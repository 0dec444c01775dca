"""Ports to listen at, and how connections end badly. All on the loopback."""

import contextlib
import random
import select
import socket
import struct
from collections import deque

HOST = "127.0.0.1"
PORTS = range(15_000, 32_000)
"""Below those that the system gives to outgoing connections, one of which would take a port that is free just now."""


_given: set[int] = set()
_kept: deque[socket.socket] = deque(maxlen=100)
"""Bound to the ports that were given last, and not listening: whoever sets SO_REUSEADDR can listen there, as servers
do, and nobody who looks for a free port finds it, in this process or another."""


def free_port() -> int:
    """Return a port that nobody uses, and that nobody else is given: who listens there in vain hears no stranger."""
    while True:
        port = random.choice(PORTS)
        if port not in _given and _is_kept(port):
            _given.add(port)
            return port


def _is_kept(port: int) -> bool:
    """Take a port if it is free. Bound without SO_REUSEADDR, which would also succeed where another one keeps it."""
    keeper = socket.socket()
    try:
        keeper.bind((HOST, port))
    except OSError:
        keeper.close()
        return False
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _kept.append(keeper)
    return True


def break_off(connection: socket.socket) -> None:
    """Break a connection in both directions; when its owner closes it, the other side gets a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)


def readable(*descriptors: int | socket.socket, seconds: float) -> list[int]:
    """Wait until one of these can be read; their numbers. `select` takes none over 1,023, and a test may open many."""
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
