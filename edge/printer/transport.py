"""Bytes to and from a printer, always with a deadline.

One class over a non-blocking file descriptor serves the network, the kernel's USB printer node, a serial line, and a
plain file or FIFO; `connections.py` opens them. Only `TransportError` leaves this page: how the printer is as far as
the failure shows it, a text for people, and how many bytes were taken. Deadlines are `time.monotonic()` seconds.
"""

import contextlib
import errno
import fcntl
import os
import select
import socket
import stat
import struct
import termios
import time

from edge.core.events import Paper

CHUNK_BYTES = 1024
"""Per write: one second at 9,600 baud, so that progress is seen."""
PAUSE_S = 0.005
"""Between two looks at something that poll() can't wait for."""

BROKEN_EVENTS = select.POLLERR | select.POLLHUP | select.POLLNVAL


class TransportError(Exception):
    """The printer can't be reached, or no longer. `text` is for people; `taken` is in bytes."""

    def __init__(self, paper: Paper, text: str, taken: int = 0) -> None:
        super().__init__(text)
        self.paper = paper
        self.text = text
        self.taken = taken


class StalledError(TransportError):
    """The link stands, but the printer takes no more bytes."""


class NoPrinterError(TransportError):
    """Another service is at the other end: whatever it took is on no paper."""


class Transport:
    """An open link to a printer. `readable` is False where no answer can ever come back."""

    def __init__(self, descriptor: int, name: str, readable: bool = True) -> None:
        self._descriptor = descriptor
        self._name = name
        self.readable = readable
        # A read of nothing ends a stream; a USB printer node uses it for an empty packet.
        self._may_read_nothing = stat.S_ISCHR(os.fstat(descriptor).st_mode)

    def write(self, data: bytes, stall_timeout: float) -> None:
        """Hand `data` to the printer; `stall_timeout` (seconds) begins anew with each bit of progress.

        Returns when no byte waits in this machine any more, or as soon as the printer has something to say. Raises
        `StalledError` or `TransportError`, both with the number of bytes that are gone.
        """
        taken = 0
        try:
            while taken < len(data):
                taken += self._push(data[taken : taken + CHUNK_BYTES], stall_timeout)
            self._drain(stall_timeout)
        except TransportError as error:
            error.taken = taken
            raise
        except OSError as error:
            raise as_transport_error(error, self._name, taken) from None

    def read(self, deadline: float) -> bytes:
        """Return what the printer says next, or b"" at the deadline. Raises `TransportError` when the link is gone."""
        while ready := self._wait(select.POLLIN, deadline):
            try:
                data = os.read(self._descriptor, CHUNK_BYTES)
            except BlockingIOError:
                data = b""
            except OSError as error:
                raise as_transport_error(error, self._name) from None
            if data:
                return data
            if ready & BROKEN_EVENTS or not self._may_read_nothing:
                raise TransportError(Paper.GONE, f"{self._name} closed the connection")
            time.sleep(PAUSE_S)
            if time.monotonic() >= deadline:
                break
        return b""

    def close(self, abandon: bool = False) -> None:
        """Close the link; twice is fine. `abandon` throws away what was not sent, for it will come again."""
        if self._descriptor >= 0:
            self._before_close(abandon)
            with contextlib.suppress(OSError):  # unplugged; it is closed all the same
                os.close(self._descriptor)
            self._descriptor = -1

    def _before_close(self, abandon: bool) -> None:
        """What some links need before their descriptor is closed."""

    def _push(self, chunk: bytes, stall_timeout: float) -> int:
        deadline = time.monotonic() + stall_timeout
        while self._wait(select.POLLOUT, deadline):
            try:
                return os.write(self._descriptor, chunk)
            except BlockingIOError:
                time.sleep(PAUSE_S)
            if time.monotonic() >= deadline:
                break
        raise self._stalled()

    def _drain(self, stall_timeout: float) -> None:
        """Wait until the bytes are out of the kernel: closing a usblp node kills the packet under way, and a socket
        takes a whole ticket for a printer that reads nothing."""
        before, deadline = 0, 0.0
        while left := self._unsent():
            now = time.monotonic()
            if left != before:
                before, deadline = left, now + stall_timeout
            elif now >= deadline:
                raise self._stalled()
            ready = self._wait(select.POLLIN if self.readable else 0, now + PAUSE_S)
            if ready & BROKEN_EVENTS:
                raise TransportError(Paper.GONE, f"{self._name} broke the connection")
            if ready:
                return

    def _unsent(self) -> int:
        """Return how many bytes the kernel still holds (1 where it only says that there are some)."""
        try:
            answer = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, struct.pack("i", 0))
        except OSError:  # neither a socket nor a terminal: usblp is writable only when its packet is through
            return 0 if self._wait(select.POLLOUT, time.monotonic()) else 1
        return int(struct.unpack("i", answer)[0])

    def _wait(self, events: int, deadline: float) -> int:
        """Return the events that came, 0 at the deadline."""
        poll = select.poll()
        poll.register(self._descriptor, events)
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        return ready[0][1] if ready else 0

    def _stalled(self) -> StalledError:
        return StalledError(Paper.ERROR, f"{self._name} takes no more bytes")


def as_transport_error(error: OSError, where: str, taken: int = 0) -> TransportError:
    """Put an error of the system into words, with what it shows of the printer."""
    if error.errno == errno.ENOSPC:
        return TransportError(Paper.OUT, f"{where}: the printer says that it has no paper", taken)
    if isinstance(error, socket.gaierror):
        return TransportError(Paper.GONE, f"{where}: no such host; write the printer's address as numbers", taken)
    advice = ADVICE.get(error.errno or errno.ETIMEDOUT, f"{error.strerror or error}")
    return TransportError(Paper.GONE, f"{where}: {advice}", taken)


ADVICE = {
    errno.ENOENT: "not there; is the printer plugged in and switched on?",
    errno.EACCES: "not allowed; put the service's user into the group lp (USB) or dialout (serial)",
    errno.EBUSY: "in use by another program, perhaps CUPS",
    errno.ENXIO: "nobody is at the other end",
    errno.ENODEV: "unplugged or switched off",
    errno.EIO: "unplugged or switched off",
    errno.ECONNREFUSED: "refuses the connection; is this the printer's port, and is no other host printing?",
    errno.ETIMEDOUT: "no answer; is the printer switched on and in this network?",
    errno.EHOSTUNREACH: "no answer; is the printer switched on and in this network?",
    errno.ECONNRESET: "broke the connection",
    errno.EPIPE: "broke the connection",
}
