"""A host that sends the simulated printer hand-written ESC/POS."""

import socket

from sim.printer.paper import Ticket
from sim.printer.printer import Printer

RESET, CUT = b"\x1b@", b"\x1dV\x00"
EURO_PAGE = b"\x1bt\x13"
PROCESS_ID, ECHO = b"\x1d(H\x06\x00001234", b"\x37\x221234\x00"
BARRIER = b"\x1dr\x01"
CLEAR, CLEARED = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", b"\x37\x25\x00"
QR = b"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1\x1d(k\x05\x001P0AB\x1d(k\x03\x001Q0"
READY, NO_PAPER_ROLL = b"\x12", b"\x7e"


def status(n: int) -> bytes:
    return b"\x10\x04" + bytes((n,))


def call(printer: Printer) -> socket.socket:
    return socket.create_connection((printer.host, printer.port), timeout=10)


def hear(host: socket.socket, count: int) -> bytes:
    """The next `count` bytes from the printer; fewer only if it hangs up."""
    heard = b""
    while len(heard) < count and (part := host.recv(count - len(heard))):
        heard += part
    return heard


def hear_out(host: socket.socket) -> bytes:
    """All that is left from the printer: it hangs up when it has answered everything it can."""
    host.shutdown(socket.SHUT_WR)
    return hear(host, 1 << 16)


def printed(printer: Printer, data: bytes) -> Ticket:
    """Send `data` and hang up; returns the first ticket that comes out."""
    with call(printer) as host:
        host.sendall(data)
    return printer.wait_for_tickets(1)[0]
