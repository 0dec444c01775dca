"""Bytes to a printer and back over every kind of link: TCP, a serial line, a file, a FIFO, USB."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from edge.config.schema import PrinterConfig
from edge.core.events import Paper
from edge.printer.connections import open_transport
from edge.printer.transport import StalledError, TransportError
from edge.printer.usb import UsbError, find_usb_printer, usb_name

pytestmark = pytest.mark.slow

EVERY_BYTE = bytes(range(256))
SHORT, LONG = 0.2, 10.0
"""Seconds: for what will not happen, and for what will."""


def soon(seconds: float = LONG) -> float:
    return time.monotonic() + seconds


def opened(**config: object):
    return open_transport(PrinterConfig(**config))


def failure(**config: object) -> TransportError:
    with pytest.raises(TransportError) as caught:
        opened(**config)
    return caught.value


# --- the network ---------------------------------------------------------------------------------------------------


@pytest.fixture
def listener():
    """A port with hardly any room, which soon takes no more bytes if nobody reads them."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


@pytest.fixture
def wire(listener):
    """Our end and the printer's."""
    host, port = listener.getsockname()
    transport = opened(connection="network", host=host, port=port)
    peer, _ = listener.accept()
    with peer:
        yield transport, peer
        peer.close()
        transport.close(abandon=True)


def heard_by(peer: socket.socket) -> bytes:
    return b"".join(iter(lambda: peer.recv(65536), b""))


def test_bytes_go_there_and_come_back(wire):
    transport, peer = wire
    transport.write(EVERY_BYTE, LONG)
    assert peer.recv(1024) == EVERY_BYTE
    peer.sendall(b"\x12")
    assert transport.read(soon()) == b"\x12"


def test_silence_ends_at_the_deadline(wire):
    assert wire[0].read(soon(SHORT)) == b""


def test_a_large_ticket_arrives_whole_at_a_reader_that_is_slower_than_us(wire):
    transport, peer = wire
    ticket = os.urandom(300_000)
    received = []
    reader = threading.Thread(target=lambda: received.append(heard_by(peer)))
    reader.start()
    transport.write(ticket, LONG)
    transport.close()
    reader.join()
    assert received == [ticket]


def test_a_printer_that_reads_nothing_is_not_given_a_ticket_silently(wire):
    with pytest.raises(StalledError) as caught:
        wire[0].write(bytes(10_000_000), SHORT)
    assert 0 < caught.value.taken < 10_000_000


def test_bytes_that_only_the_kernel_took_are_not_through(wire):
    """The ticket fits into our own socket, but not into the printer."""
    with pytest.raises(StalledError) as caught:
        wire[0].write(bytes(60_000), SHORT)
    assert caught.value.taken == 60_000


def test_a_printer_that_hangs_up_is_gone(wire):
    transport, peer = wire
    peer.close()
    with pytest.raises(TransportError, match="closed") as caught:
        transport.read(soon())
    assert caught.value.paper is Paper.GONE


def test_a_connection_that_breaks_in_mid_ticket_tells_how_far_it_came(wire):
    transport, peer = wire
    transport.write(b"half", LONG)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    peer.close()
    with pytest.raises(TransportError) as caught:
        transport.write(bytes(100_000), LONG)
    assert caught.value.paper is Paper.GONE
    assert 0 <= caught.value.taken < 100_000


def test_a_farewell_costs_no_byte_of_the_ticket_although_the_printer_chatters(wire):
    transport, peer = wire
    peer.sendall(b"\x14\x00\x00\x0f")
    transport.write(EVERY_BYTE, LONG)
    transport.close()
    assert heard_by(peer) == EVERY_BYTE


def test_what_is_abandoned_does_not_follow_later(wire):
    transport, peer = wire
    with pytest.raises(StalledError):
        transport.write(bytes(1_000_000), SHORT)
    transport.close(abandon=True)
    with pytest.raises(ConnectionResetError):
        heard_by(peer)


def test_closing_twice_is_fine(wire):
    wire[0].close()
    wire[0].close()


def test_nobody_listening_is_gone_and_says_so(listener):
    host, port = listener.getsockname()
    listener.close()
    error = failure(connection="network", host=host, port=port)
    assert error.paper is Paper.GONE
    assert f"{host}:{port}: refuses the connection" in error.text


@pytest.mark.parametrize("host", ["a" * 70, "a..b"])
def test_a_name_that_no_host_can_have_is_gone_and_says_so(host):
    assert "no such host" in failure(connection="network", host=host).text


# --- a serial line -------------------------------------------------------------------------------------------------


@pytest.fixture
def line():
    """The printer's end of a serial line, and the path of ours."""
    printer, ours = os.openpty()
    path = Path(os.ttyname(ours))
    os.close(ours)
    yield printer, path
    os.close(printer)


def test_a_serial_line_carries_every_byte_unchanged_both_ways(line):
    printer, path = line
    transport = opened(connection="serial", device=path, baudrate=9600)
    transport.write(EVERY_BYTE, LONG)
    assert os.read(printer, 1024) == EVERY_BYTE
    answer = EVERY_BYTE.translate(None, b"\x11\x13")  # all but XON and XOFF, which are heeded
    os.write(printer, answer)
    assert transport.read(soon()) == answer
    transport.close()


def test_a_printer_that_holds_the_line_with_xoff_is_waited_for_and_then_given_up(line):
    printer, path = line
    transport = opened(connection="serial", device=path)
    os.write(printer, b"\x13")
    with pytest.raises(StalledError):
        transport.write(bytes(100_000), SHORT)
    transport.close(abandon=True)


def test_what_the_printer_said_to_somebody_before_us_is_not_our_answer(line):
    printer, path = line
    before = opened(connection="serial", device=path)
    os.write(printer, b'7"0001\x00')
    transport = opened(connection="serial", device=path)
    assert transport.read(soon(SHORT)) == b""
    before.close()
    transport.close()


def test_a_serial_adapter_that_is_pulled_out_is_gone():
    printer, ours = os.openpty()
    path = Path(os.ttyname(ours))
    transport = opened(connection="serial", device=path)
    os.close(printer)
    with pytest.raises(TransportError) as caught:
        transport.read(soon())
    assert caught.value.paper is Paper.GONE
    transport.close()
    os.close(ours)


def test_a_speed_that_no_line_has_is_said(line):
    assert "12345 baud" in failure(connection="serial", device=line[1], baudrate=12345).text


# --- files ---------------------------------------------------------------------------------------------------------


def test_tickets_are_appended_to_a_file_and_no_answer_is_expected(tmp_path):
    path = tmp_path / "tickets"
    path.write_bytes(b"before ")
    transport = opened(connection="file", device=path)
    transport.write(b"ticket", LONG)
    transport.close()
    assert not transport.readable
    assert path.read_bytes() == b"before ticket"


def test_a_printer_that_is_not_plugged_in_is_not_replaced_by_a_file(tmp_path):
    error = failure(connection="file", device=tmp_path / "lp0")
    assert error.paper is Paper.GONE
    assert "is the printer plugged in" in error.text
    assert not (tmp_path / "lp0").exists()


def test_a_fifo_carries_a_ticket_to_whoever_reads_it(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    transport = opened(connection="file", device=path)
    transport.write(EVERY_BYTE, LONG)
    transport.close()
    assert not transport.readable
    assert os.read(reader, 1024) == EVERY_BYTE
    os.close(reader)


def test_a_fifo_without_a_reader_is_gone(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert "nobody is at the other end" in failure(connection="file", device=tmp_path / "fifo").text


def test_a_fifo_that_is_full_stalls(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    transport = opened(connection="file", device=tmp_path / "fifo")
    with pytest.raises(StalledError) as caught:
        transport.write(bytes(1_000_000), SHORT)
    assert 0 < caught.value.taken < 1_000_000
    transport.close(abandon=True)
    os.close(reader)


def test_a_device_that_is_full_says_that_it_has_no_paper():
    """The kernel's printer node answers ENOSPC when the printer has no paper; so does /dev/full."""
    transport = opened(connection="file", device=Path("/dev/full"), proof="none")
    with pytest.raises(TransportError) as caught:
        transport.write(b"ticket", LONG)
    assert caught.value.paper is Paper.OUT
    assert caught.value.taken == 0
    transport.close()


def test_a_folder_is_no_printer(tmp_path):
    assert failure(connection="file", device=tmp_path).paper is Paper.GONE


# --- USB -----------------------------------------------------------------------------------------------------------


def plug_in(sysfs: Path, device: str, interface_class: str, node: str | None = None) -> None:
    """What the kernel shows of a USB device, and of its node if a driver took it."""
    interface = sysfs / "bus/usb/devices" / device
    interface.mkdir(parents=True)
    (interface / "bInterfaceClass").write_text(interface_class + "\n")
    if node:
        (sysfs / "class/usbmisc" / node).mkdir(parents=True)
        (sysfs / "class/usbmisc" / node / "device").symlink_to(interface)


def test_the_first_device_of_the_printer_class_is_the_printer(tmp_path):
    plug_in(tmp_path, "1-1:1.0", "08")
    plug_in(tmp_path, "1-2:1.0", "ff", node="lp0")
    plug_in(tmp_path, "1-4:1.0", "07", node="lp2")
    plug_in(tmp_path, "1-3:1.0", "07", node="lp1")
    assert find_usb_printer(tmp_path) == Path("/dev/usb/lp1")


@pytest.mark.parametrize(
    ("device_id", "name"),
    [
        ("MFG:EPSON;CMD:ESC/POS;MDL:TM-T20III;CLS:PRINTER;\n", "EPSON TM-T20III"),
        ("MANUFACTURER:STMicroelectronics;MODEL:STM POS-58;", "STMicroelectronics STM POS-58"),
        ("MFG:Xprinter;MDL:XPRINTER XP-58\x1b;", "XPRINTER XP-58"),
        ("MFG:;MDL:;", ""),
        ("", ""),
        ("\x00\x12nonsense", ""),
    ],
)
def test_at_usb_a_silent_printer_has_a_name_too(tmp_path, device_id, name):
    plug_in(tmp_path, "1-1:1.0", "07", node="lp1")
    (tmp_path / "bus/usb/devices/1-1:1.0/ieee1284_id").write_text(device_id)
    assert usb_name(PrinterConfig("usb"), tmp_path) == name
    assert usb_name(PrinterConfig("usb", Path("/dev/usb/lp1")), tmp_path) == name
    assert usb_name(PrinterConfig("file", Path("/dev/usb/lp1")), tmp_path) == ""


def test_a_usb_printer_without_a_device_id_has_no_name(tmp_path):
    assert usb_name(PrinterConfig("usb"), tmp_path) == ""
    plug_in(tmp_path, "1-1:1.0", "07", node="lp1")
    assert usb_name(PrinterConfig("usb"), tmp_path) == ""


def test_a_printer_that_no_driver_took_is_told_from_one_that_is_not_there(tmp_path):
    with pytest.raises(UsbError, match="no USB printer found"):
        find_usb_printer(tmp_path)
    plug_in(tmp_path, "1-1:1.0", "07")
    with pytest.raises(UsbError, match="usblp"):
        find_usb_printer(tmp_path)


def test_without_usb_at_all_the_printer_is_gone(tmp_path):
    with pytest.raises(TransportError) as caught:
        open_transport(PrinterConfig(connection="usb"), sysfs=tmp_path)
    assert caught.value.paper is Paper.GONE
