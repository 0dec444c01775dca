"""How connections end badly."""

import contextlib
import socket
import struct


def break_off(connection: socket.socket) -> None:
    """Break a connection in both directions; when its owner closes it, the other side gets a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
