"""A network on which each connection leads to a server that has already answered, and hung up."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from urllib3.util import connection


@contextlib.contextmanager
def each_connection_answers(answer: bytes) -> Iterator[None]:
    """Whoever connects meanwhile by HTTP without TLS reads this. Of at most 64 KB, which a socket holds by itself."""

    def connect(*_: Any, **__: Any) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        servers.append(theirs)
        return ours

    servers: list[socket.socket] = []
    before = connection.create_connection
    connection.create_connection = connect
    try:
        yield
    finally:
        connection.create_connection = before
        for server in servers:
            server.close()
