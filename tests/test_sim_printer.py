"""The simulated printer, spoken to in hand-written ESC/POS: it must be as strict as the real thing."""

import socket
import time

import pytest

from sim.paper import Code, Letters
from sim.printer import Printer

CUT = b"\x1dV\x00"
STATUS = {n: bytes((0x10, 0x04, n)) for n in (1, 2, 3, 4)}
PROCESS_ID = b"\x1d(H\x06\x0000" + b"1234"
ECHO = b"\x37\x22" + b"1234" + b"\x00"
BARRIER = b"\x1dr\x01"


@pytest.fixture
def printer():
    with Printer(columns=32) as printer:
        yield printer


@pytest.fixture
def wire(printer):
    connection = socket.create_connection((printer.host, printer.port), timeout=5)
    yield connection
    connection.close()


def hear(wire: socket.socket, count: int, timeout: float = 5.0) -> bytes:
    """What the printer says, up to `count` bytes; less if it falls silent."""
    wire.settimeout(timeout)
    heard = b""
    try:
        while len(heard) < count and (part := wire.recv(count - len(heard))):
            heard += part
    except TimeoutError:
        pass
    return heard


@pytest.mark.parametrize(("number", "codec"), [(19, "cp858"), (2, "cp850"), (3, "cp860")])
def test_letters_are_those_of_the_chosen_code_page(printer, wire, number, codec):
    words = "ñ á é í ó ú ü ç ¿ ¡" if codec != "cp860" else "ã õ ç á é í ó ú ü"
    wire.sendall(b"\x1b@\x1bt" + bytes((number,)) + words.encode(codec) + b"\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text.strip() == words


def test_commands_may_be_cut_anywhere(printer, wire):
    data = b"\x1b@\x1bt\x13\x1ba\x01\x1bE\x01\x1d!\x11HI\n\x1d!\x00\x1d(k\x05\x001P0AB\x1d(k\x03\x001Q0" + CUT
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        wire.sendall(bytes((byte,)))
        time.sleep(0.002)
    [ticket] = printer.wait_for_tickets(1)
    row = next(row for row in ticket.rows if isinstance(row, Letters))
    assert [(letter, look.bold, look.width, look.height) for letter, look in row.cells] == [
        ("H", True, 2, 2),
        ("I", True, 2, 2),
    ]
    assert row.indent == 14
    assert ticket.qrs == ["AB"]
    assert printer.unknown == []


def test_long_lines_go_on_in_the_next(printer, wire):
    wire.sendall(b"\x1b@" + b"x" * 40 + b"\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text == "x" * 32 + "\n" + "x" * 8 + "\n"


def test_what_it_does_not_know_it_names(printer, wire):
    wire.sendall(b"\x1b@\x1b\x99\x1bc\x30\x01ok\n" + CUT)
    printer.wait_for_tickets(1)
    assert [command.name for command in printer.unknown] == [b"\x1b\x99", b"\x1bc"]


def test_a_kick_of_the_drawer_is_counted(printer, wire):
    wire.sendall(b"\x1b@\x1bp\x00\x32\x32kicked\n" + CUT)
    assert printer.wait_for_tickets(1)[0].drawer_kicks == 1


STATES = {
    "ready": (lambda printer: None, (0x12, 0x12, 0x12, 0x12)),
    "near end": (lambda printer: printer.paper_low(), (0x12, 0x12, 0x12, 0x1E)),
    "no paper": (lambda printer: printer.paper_out(), (0x1A, 0x32, 0x12, 0x7E)),
    "cover open": (lambda printer: printer.open_cover(), (0x1A, 0x16, 0x12, 0x12)),
    "jammed": (lambda printer: printer.jam(), (0x1A, 0x52, 0x1A, 0x12)),
}


@pytest.mark.parametrize(("happens", "answers"), STATES.values(), ids=STATES.keys())
def test_the_status_has_the_documented_bits(printer, wire, happens, answers):
    happens(printer)
    for n, expected in enumerate(answers, start=1):
        wire.sendall(STATUS[n])
        assert hear(wire, 1) == bytes((expected,)), n


def test_the_process_id_is_echoed_when_all_before_it_is_printed(printer, wire):
    printer.paper_out(after_lines=1)
    wire.sendall(b"\x1b@one\ntwo\n" + CUT + PROCESS_ID)
    assert hear(wire, 7, timeout=0.3) == b""
    assert printer.loose == "one\n"
    printer.load_paper()
    assert hear(wire, 7) == ECHO
    assert printer.wait_for_tickets(1)[0].text == "one\ntwo\n"


def test_with_no_paper_the_barrier_is_silent_and_the_status_speaks(printer, wire):
    printer.paper_out()
    wire.sendall(b"one\n" + BARRIER + STATUS[4])
    assert hear(wire, 2, timeout=0.3) == b"\x7e"


@pytest.mark.parametrize(
    ("proof", "heard"),
    [("process_id", ECHO + b"\x00\x12"), ("status", b"\x00\x12"), ("real_time", b"\x12"), ("none", b"")],
)
def test_printers_differ_in_what_they_can_answer(proof, heard):
    with Printer(proof=proof) as printer:
        wire = socket.create_connection((printer.host, printer.port))
        wire.sendall(b"\x1b@hello\n" + CUT + PROCESS_ID + BARRIER + STATUS[1])
        assert hear(wire, 9, timeout=0.3) == heard
        assert printer.wait_for_tickets(1)[0].text == "hello\n"


def test_it_can_fall_silent(printer, wire):
    printer.silent = True
    wire.sendall(STATUS[1] + b"quiet\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text == "quiet\n"
    assert hear(wire, 1, timeout=0.2) == b""


def test_it_can_die_in_the_middle_and_the_paper_stays(printer, wire):
    printer.die_after(10)
    wire.sendall(b"\x1b@one\ntwo\nthree\n" + CUT)
    assert hear(wire, 1) == b""
    printer.switch_on()
    again = socket.create_connection((printer.host, printer.port))
    again.sendall(b"\x1b@four\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text == "one\ntwo\nfour\n"


def test_a_clear_of_the_buffer_is_heard_with_no_paper(printer, wire):
    printer.paper_out(after_lines=1)
    wire.sendall(b"one\ntwo\nthree\n" + b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08")
    assert hear(wire, 3) == b"\x37\x25\x00"
    printer.load_paper()
    wire.sendall(b"four\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text == "one\nfour\n"


def test_a_ticket_can_be_looked_at(printer, wire, tmp_path):
    wire.sendall(b"\x1b@\x1d!\x11BIG\n\x1d!\x00\x1dB\x01dark\n\x1dB\x00\x1d(k\x05\x001P0AB\x1d(k\x03\x001Q0" + CUT)
    [ticket] = printer.wait_for_tickets(1)
    ticket.save(tmp_path / "001")
    picture = ticket.picture()
    assert (tmp_path / "001.png").stat().st_size > 500
    assert picture.width == 32 * 12 + 56
    assert sum(isinstance(row, Code) for row in ticket.rows) == 1
    ink = sum(count for count, color in picture.getcolors(1 << 20) if sum(color) < 200)
    assert ink > 2000
