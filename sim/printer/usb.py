"""A USB cable between the Pi and a printer: a device node that exists while the cable is in and the printer is on.

The node is a pseudo terminal under a path of our choice; a thread carries bytes between it and the printer's socket. As
with the kernel's own node, a pulled cable gives errors to whoever has it open, and loses the bytes under way.
"""

import contextlib
import os
import socket
import threading
import tty
from pathlib import Path

from sim.network import readable
from sim.printer.printer import TICK_S, Printer


class Cable:
    """Runs from `node` to `printer`. It is not plugged in yet."""

    def __init__(self, printer: Printer, node: Path) -> None:
        self.node = node
        self._printer = printer
        self._in = False
        self._bytes_left: int | None = None
        self._thread: threading.Thread | None = None

    def plug_in(self) -> None:
        """The node appears, under the same path as before."""
        self.pull_out()
        link = socket.create_connection((self._printer.host, self._printer.port))
        end, ours = os.openpty()
        tty.setraw(ours)
        self._in = True
        self.node.symlink_to(os.ttyname(ours))
        self._thread = threading.Thread(target=self._carry, args=(link, end, ours), name="cable", daemon=True)
        self._thread.start()

    def pull_out(self) -> None:
        """The node disappears; the printer keeps its power and its bytes. Twice is fine."""
        self._in = False
        if self._thread is not None:
            self._thread.join()

    def pull_out_after(self, count: int) -> None:
        """Pull it after so many more bytes to the printer."""
        self._bytes_left = count

    def _carry(self, link: socket.socket, end: int, ours: int) -> None:
        """`ours` is kept open, or the node would vanish when the till closes it between two jobs."""
        with link, contextlib.suppress(ConnectionError):  # the printer was switched off: no device, no node
            while self._in and self._carry_some(link, end):
                pass
        self.node.unlink()
        os.close(ours)
        os.close(end)

    def _carry_some(self, link: socket.socket, end: int) -> bool:
        """Returns False when one end is gone."""
        ready = readable(link, end, seconds=TICK_S)
        if link.fileno() in ready:
            if not (answer := link.recv(1024)):
                return False
            os.write(end, answer)
        if end in ready:
            data = os.read(end, 1024)[: self._bytes_left]
            link.sendall(data)
            if self._bytes_left is not None:
                self._bytes_left -= len(data)
        if self._bytes_left != 0:
            return True
        self._bytes_left = None
        return False
