"""The connections that a configuration can name, and how each is opened and closed. A new one has no stale answers."""

import contextlib
import os
import re
import socket
import stat
import struct
import termios
import time
from pathlib import Path

from edge.config.schema import PrinterConfig
from edge.core.events import Paper
from edge.printer.transport import NoPrinterError, Transport, TransportError, as_transport_error
from edge.printer.usb import UsbError, find_usb_printer

CONNECT_TIMEOUT_S = 5.0
"""A printer in the same shop answers in milliseconds; one that boots, in seconds."""
FAREWELL_TIMEOUT_S = 0.3
"""How long a network printer may take to hang up after us."""
STALE_ANSWERS_S = 0.05
"""How long a device is read at the start, for answers to somebody before us."""


SERVICES = {
    "SSH": rb"SSH-",
    "a web server": rb"HTTP/|(?i:<!doctype|<html)",
    "FTP or mail": rb"220[ -]|\+OK|\* OK",
    "telnet": rb"\xff[\xfb-\xfe]",
    "VNC": rb"RFB \d",
    "something encrypted": rb"[\x15\x16]\x03[\x00-\x04]",
}
"""How other services begin. Some letters are bytes of a printer's answers, too; a printer would seem to be there."""


class _Network(Transport):
    """A raw TCP connection, one per job: printers serve one host at a time, and others may be waiting."""

    def __init__(self, link: socket.socket, name: str) -> None:
        super().__init__(link.fileno(), name)
        self._link = link
        self._has_spoken = False

    def read(self, deadline: float) -> bytes:
        """As for any transport; also raises `NoPrinterError`."""
        data = super().read(deadline)
        if data and not self._has_spoken:
            self._has_spoken = True
            for service, begins in SERVICES.items():
                if re.match(begins, data):
                    text = f"{self._name}: {service} answers there; is this the printer's port?"
                    raise NoPrinterError(Paper.GONE, text)
        return data

    def _before_close(self, abandon: bool) -> None:
        with contextlib.suppress(OSError, TransportError):  # the printer hung up first
            if abandon:  # a reset instead of a farewell, so that no late byte follows
                self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self._hang_up()
        self._link.detach()

    def _hang_up(self) -> None:
        """Announce the end and read what still comes: closing with unread bytes is a reset and may cost the ticket."""
        self._link.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + FAREWELL_TIMEOUT_S
        while time.monotonic() < deadline and self.read(deadline):
            pass


class _Terminal(Transport):
    """A serial line, or anything else that the kernel treats as a terminal."""

    def _before_close(self, abandon: bool) -> None:
        if self._unsent():  # close() would wait half a minute on a printer that takes nothing
            with contextlib.suppress(termios.error):
                termios.tcflush(self._descriptor, termios.TCOFLUSH)


def open_transport(config: PrinterConfig, timeout: float = CONNECT_TIMEOUT_S, sysfs: Path = Path("/sys")) -> Transport:
    """Open the link to the printer; on the network within `timeout` seconds. Raises only `TransportError`."""
    try:
        match config.connection:
            case "network":
                return _open_network(str(config.host), int(config.port or 9100), timeout)
            case "serial":
                return _without_stale_answers(_open_device(Path(config.device or ""), config.baudrate))
            case "usb":
                return _without_stale_answers(_open_device(config.device or find_usb_printer(sysfs)))
            case _:
                return _without_stale_answers(_open_device(Path(config.device or "")))
    except UsbError as error:
        raise TransportError(Paper.GONE, str(error)) from None
    except OSError as error:
        raise as_transport_error(error, _where(config)) from None
    except UnicodeError:  # raised in place of a gaierror for what can't be a name at all
        raise TransportError(Paper.GONE, f"{_where(config)}: no such host") from None


def _where(config: PrinterConfig) -> str:
    return f"{config.host}:{config.port}" if config.connection == "network" else str(config.device or "the printer")


def _open_network(host: str, port: int, timeout: float) -> Transport:
    link = socket.create_connection((host, port), timeout)
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
    """Open for both directions where there are two. Nothing is created: an unplugged printer would become a file."""
    if not stat.S_ISCHR(path.stat().st_mode):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC), False
    flags = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags), True
    except PermissionError:
        return os.open(path, os.O_WRONLY | flags), False


def _make_raw(descriptor: int, baudrate: int | None) -> None:
    """Set 8N1, no echo, no translation, XON/XOFF, no RTS/CTS.

    No answer can contain XON or XOFF, and a printer that is set to them loses bytes otherwise. With RTS/CTS, a
    three-wire cable would wait for ever.
    """
    settings = termios.tcgetattr(descriptor)
    speed = settings[4]
    if baudrate is not None:
        speed = getattr(termios, f"B{baudrate}", None)
        if speed is None:
            raise TransportError(Paper.GONE, f"{baudrate} baud is no speed of a serial line")
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    termios.tcsetattr(descriptor, termios.TCSANOW, [termios.IXON, 0, flags, 0, speed, speed, settings[6]])


def _without_stale_answers(transport: Transport) -> Transport:
    """Drop what the device still sends: it answers somebody who is gone."""
    deadline = time.monotonic() + STALE_ANSWERS_S
    try:
        while transport.readable and time.monotonic() < deadline and transport.read(deadline):
            pass
    except TransportError:
        transport.close()
        raise
    return transport
