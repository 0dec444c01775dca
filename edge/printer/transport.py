"""Bytes to and from a printer, always with a deadline.

One class over a non-blocking file descriptor serves the network, the kernel's USB printer node, a serial line, and a
plain file or FIFO; they differ in how they are opened and let go. Only `TransportError` leaves this page: how
the printer is as far as the failure tells, a text for people, and how many bytes had been taken. Deadlines are
`time.monotonic()` seconds.
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
from pathlib import Path

from edge.config.schema import PrinterConfig
from edge.core.events import Paper
from edge.printer.usb import UsbError, find_usb_printer

CONNECT_SECONDS = 5.0
"""A printer in the same shop answers in milliseconds; one that boots, in seconds."""
CHUNK = 1024
"""Bytes per write: one second at 9,600 baud, so that progress is seen."""
FAREWELL_SECONDS = 0.3
"""How long a network printer may take to hang up after us."""
LEFTOVER_SECONDS = 0.05
"""How long a device is listened to at the start, for what it said to somebody before us."""
BREATH_SECONDS = 0.005
"""Between two looks at something that poll() can't wait for."""

BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL


class TransportError(Exception):
    """The printer can't be reached, or no longer."""

    def __init__(self, paper: Paper, text: str, taken: int = 0) -> None:
        super().__init__(text)
        self.paper = paper
        self.text = text
        self.taken = taken


class Stalled(TransportError):
    """The link stands, but the printer takes no more bytes."""


class Transport:
    """An open way to a printer. `readable` is False where no answer can ever come back."""

    def __init__(self, descriptor: int, name: str, readable: bool = True) -> None:
        self._descriptor = descriptor
        self._name = name
        self.readable = readable
        # A read of nothing ends a stream; a USB printer node uses it for an empty packet.
        self._may_read_nothing = stat.S_ISCHR(os.fstat(descriptor).st_mode)

    def write(self, data: bytes, stall_seconds: float) -> None:
        """Hand `data` to the printer; each bit of progress starts `stall_seconds` anew.

        Returns when nothing waits in this machine any more, or as soon as the printer has something to say. Raises
        `Stalled` or `TransportError`, both with the number of bytes that are gone.
        """
        taken = 0
        try:
            while taken < len(data):
                taken += self._push(data[taken : taken + CHUNK], stall_seconds)
            self._settle(stall_seconds)
        except TransportError as error:
            error.taken = taken
            raise
        except OSError as error:
            raise _misfortune(error, self._name, taken) from None

    def read(self, deadline: float) -> bytes:
        """Return what the printer says next, or b"" at the deadline. Raises `TransportError` when the link is gone."""
        while ready := self._wait(select.POLLIN, deadline):
            try:
                data = os.read(self._descriptor, CHUNK)
            except BlockingIOError:
                data = b""
            except OSError as error:
                raise _misfortune(error, self._name) from None
            if data:
                return data
            if ready & BROKEN or not self._may_read_nothing:
                raise TransportError(Paper.GONE, f"{self._name} closed the connection")
            time.sleep(BREATH_SECONDS)
            if time.monotonic() >= deadline:
                break
        return b""

    def close(self, abandon: bool = False) -> None:
        """Let go; twice is fine. `abandon` throws away what was not sent, for it will come again."""
        if self._descriptor >= 0:
            self._part(abandon)
            with contextlib.suppress(OSError):  # unplugged; it is closed all the same
                os.close(self._descriptor)
            self._descriptor = -1

    def _part(self, abandon: bool) -> None:
        """What is to be done before the descriptor is closed."""

    def _push(self, chunk: bytes, stall_seconds: float) -> int:
        deadline = time.monotonic() + stall_seconds
        while self._wait(select.POLLOUT, deadline):
            try:
                return os.write(self._descriptor, chunk)
            except BlockingIOError:
                time.sleep(BREATH_SECONDS)
            if time.monotonic() >= deadline:
                break
        raise self._stalled()

    def _settle(self, stall_seconds: float) -> None:
        """Wait until the bytes are out of the kernel: closing a usblp node kills the packet under way, and a socket
        takes a whole ticket for a printer that reads nothing."""
        before, deadline = 0, 0.0
        while left := self._unsent():
            now = time.monotonic()
            if left != before:
                before, deadline = left, now + stall_seconds
            elif now >= deadline:
                raise self._stalled()
            ready = self._wait(select.POLLIN if self.readable else 0, now + BREATH_SECONDS)
            if ready & BROKEN:
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

    def _stalled(self) -> Stalled:
        return Stalled(Paper.ERROR, f"{self._name} takes no more bytes")


class _Network(Transport):
    """A raw TCP connection, one per job: printers serve one host at a time and others may be waiting."""

    def __init__(self, link: socket.socket, name: str) -> None:
        super().__init__(link.fileno(), name)
        self._link = link

    def _part(self, abandon: bool) -> None:
        with contextlib.suppress(OSError, TransportError):  # it hung up first
            if abandon:  # a reset instead of a farewell, so that no late byte follows
                self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self._hang_up()
        self._link.detach()

    def _hang_up(self) -> None:
        """Say goodbye and hear the printer out: closing with unread bytes is a reset, which may cost the ticket."""
        self._link.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + FAREWELL_SECONDS
        while time.monotonic() < deadline and self.read(deadline):
            pass


class _Terminal(Transport):
    """A serial line, or anything else with the manners of a terminal."""

    def _part(self, abandon: bool) -> None:
        if self._unsent():  # close() would wait half a minute for a printer that takes nothing
            with contextlib.suppress(termios.error):
                termios.tcflush(self._descriptor, termios.TCOFLUSH)


def open_transport(config: PrinterConfig, sysfs: Path = Path("/sys")) -> Transport:
    """Open the way to the printer, clean of what was said to others. Raises only `TransportError`."""
    try:
        match config.connection:
            case "network":
                return _open_network(str(config.host), int(config.port or 9100))
            case "serial":
                return _heard_out(_open_device(Path(config.device or ""), config.baudrate))
            case "usb":
                return _heard_out(_open_device(config.device or find_usb_printer(sysfs)))
            case _:
                return _heard_out(_open_device(Path(config.device or "")))
    except UsbError as error:
        raise TransportError(Paper.GONE, str(error)) from None
    except OSError as error:
        raise _misfortune(error, _where(config)) from None
    except UnicodeError:  # what a name that can't be one costs instead of a gaierror
        raise TransportError(Paper.GONE, f"{_where(config)}: no such host") from None


def _where(config: PrinterConfig) -> str:
    return f"{config.host}:{config.port}" if config.connection == "network" else str(config.device or "the printer")


def _open_network(host: str, port: int) -> Transport:
    link = socket.create_connection((host, port), CONNECT_SECONDS)
    link.setblocking(False)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Network(link, f"{host}:{port}")


def _open_device(path: Path, baudrate: int | None = None) -> Transport:
    descriptor, readable = _open_node(path)
    try:
        if os.isatty(descriptor):
            _make_raw(descriptor, baudrate)
            return _Terminal(descriptor, str(path), readable)
        return Transport(descriptor, str(path), readable)
    except termios.error as error:
        os.close(descriptor)
        raise TransportError(Paper.GONE, f"{path} is no serial line: {error.args[-1]}") from None
    except TransportError:
        os.close(descriptor)
        raise


def _open_node(path: Path) -> tuple[int, bool]:
    """Open for both directions where there are two. Never creates: an unplugged printer would become a file."""
    if not stat.S_ISCHR(path.stat().st_mode):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC), False
    manners = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | manners), True
    except PermissionError:
        return os.open(path, os.O_WRONLY | manners), False


def _make_raw(descriptor: int, baudrate: int | None) -> None:
    """Set 8N1, no echo, no translation. XON/XOFF is heeded, for no answer can contain it and a printer that is set
    to it loses bytes otherwise; RTS/CTS isn't, for a three-wire cable would wait for ever."""
    settings = termios.tcgetattr(descriptor)
    speed = settings[4]
    if baudrate is not None:
        speed = getattr(termios, f"B{baudrate}", None)
        if speed is None:
            raise TransportError(Paper.GONE, f"{baudrate} baud is no speed of a serial line")
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    termios.tcsetattr(descriptor, termios.TCSANOW, [termios.IXON, 0, flags, 0, speed, speed, settings[6]])


def _heard_out(transport: Transport) -> Transport:
    """Drop what the device still had to say: it answers somebody who is gone."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    try:
        while transport.readable and time.monotonic() < deadline and transport.read(deadline):
            pass
    except TransportError:
        transport.close()
        raise
    return transport


def _misfortune(error: OSError, where: str, taken: int = 0) -> TransportError:
    """Put an error of the system into words, and say what it tells about the printer."""
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
