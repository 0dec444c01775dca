"""The simulated printer over a real socket: it must be as strict and as fallible as a real one."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hosts import (
    BARRIER,
    CLEAR,
    CLEARED,
    CUT,
    ECHO,
    NO_PAPER_ROLL,
    PROCESS_ID,
    READY,
    RESET,
    call,
    hear,
    hear_out,
    printed,
    status,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def host(printer):
    with call(printer) as host:
        yield host


# --- answers -------------------------------------------------------------------------------------------------------

STATES = {
    "ready": (lambda printer: None, (0x12, 0x12, 0x12, 0x12), "10 00 00 0f"),
    "near end": (lambda printer: printer.paper_low(), (0x12, 0x12, 0x12, 0x1E), "10 00 03 0f"),
    "no paper": (lambda printer: printer.paper_out(), (0x1A, 0x32, 0x12, 0x7E), "18 00 0f 0f"),
    "cover open": (lambda printer: printer.open_cover(), (0x1A, 0x16, 0x12, 0x12), "38 00 00 0f"),
    "jammed": (lambda printer: printer.jam(), (0x1A, 0x52, 0x1A, 0x12), "18 08 00 0f"),
    "drawer": (lambda printer: printer.move_drawer(high=True), (0x16, 0x12, 0x12, 0x12), "14 00 00 0f"),
}


@pytest.mark.parametrize(("happens", "answers", "automatic"), STATES.values(), ids=STATES.keys())
def test_the_status_has_the_documented_bits(printer, host, happens, answers, automatic):
    happens(printer)
    host.sendall(b"".join(map(status, (1, 2, 3, 4))))
    assert hear(host, 4) == bytes(answers)


@pytest.mark.parametrize(("happens", "answers", "automatic"), STATES.values(), ids=STATES.keys())
def test_automatic_status_comes_at_once_and_with_each_change(printer, host, happens, answers, automatic):
    host.sendall(b"\x1da\x0f")
    assert hear(host, 4).hex(" ") == "10 00 00 0f"
    happens(printer)
    if automatic != "10 00 00 0f":
        assert hear(host, 4).hex(" ") == automatic


def test_automatic_status_tells_only_what_was_asked_for(printer, host):
    host.sendall(b"\x1da\x08")
    assert hear(host, 4)[2] == 0x00
    printer.move_drawer(high=True)
    printer.paper_low()
    assert hear(host, 4).hex(" ") == "14 00 03 0f"
    host.sendall(RESET + BARRIER)
    assert hear(host, 1) == b"\x03"
    printer.load_paper()
    assert hear_out(host) == b""


def test_a_question_may_come_in_pieces_and_in_the_middle_of_a_command(printer, host):
    for count, byte in enumerate(b"\x1d(k\x06\x001P0" + status(4), start=1):
        host.sendall(bytes((byte,)))
        printer.wait_until(lambda printer, count=count: printer.bytes_received == count, "a byte arrives")
    assert hear(host, 1) == READY


def test_the_queued_status_is_answered_when_its_turn_comes(printer, host):
    printer.paper_low()
    printer.move_drawer(high=True)
    host.sendall(b"one\n\x1dr\x01\x1dr\x02\x1bv\x1bu\x00\x1dI\x43\x1dI\x42")
    assert hear(host, 4) == b"\x03\x01\x03\x01"
    assert hear(host, 18) == b"_TM-T20III\x00_EPSON\x00"
    assert printer.loose == "one\n"


def test_the_process_id_is_echoed_when_all_before_it_is_printed(printer, host):
    printer.paper_out(after_lines=1)
    host.sendall(b"one\ntwo\n" + CUT + PROCESS_ID)
    printer.wait_until(lambda printer: printer.loose == "one\n", "the first line is out")
    host.sendall(status(4))
    assert hear(host, 1) == NO_PAPER_ROLL
    printer.load_paper()
    assert hear(host, 7) == ECHO
    assert printer.tickets[-1].text == "two\n"


def test_with_no_paper_the_barrier_is_silent_and_the_status_speaks(printer, host):
    printer.paper_out()
    host.sendall(b"one\n" + BARRIER + status(4))
    assert hear_out(host) == NO_PAPER_ROLL


@pytest.mark.parametrize(
    ("proof", "heard"),
    [("process_id", READY + ECHO + b"\x00"), ("status", READY + b"\x00"), ("real_time", READY), ("none", b"")],
)
def test_printers_differ_in_what_they_can_answer(printer, host, proof, heard):
    printer.proof = proof
    host.sendall(b"hello\n" + CUT + PROCESS_ID + BARRIER + status(1))
    assert hear_out(host) == heard
    assert printer.wait_for_tickets(1)[0].text == "hello\n"


def test_it_can_fall_silent_and_prints_all_the_same(printer, host):
    printer.silent = True
    host.sendall(status(1) + b"quiet\n" + CUT + PROCESS_ID + BARRIER)
    assert printer.wait_for_tickets(1)[0].text == "quiet\n"
    assert hear_out(host) == b""


def test_late_answers_come_in_their_order(printer, host):
    printer.answer_delay = 0.05
    host.sendall(status(1) + b"x\n" + CUT + PROCESS_ID + BARRIER)
    printer.wait_for_tickets(1)
    assert hear(host, 9) == READY + ECHO + b"\x00"


def test_a_slow_printer_answers_in_real_time_while_it_prints(printer, host):
    printer.bytes_per_second = 40
    host.sendall(b"one\n" * 20 + CUT + status(1))
    assert hear(host, 1) == READY
    assert printer.tickets == []
    printer.bytes_per_second = None
    assert printer.wait_for_tickets(1)[0].text == "one\n" * 20


# --- misfortune ----------------------------------------------------------------------------------------------------


def test_paper_that_ends_in_mid_ticket_leaves_two_pieces(printer, host):
    printer.paper_out(after_lines=2)
    host.sendall(b"one\ntwo\nthree\nfour\n" + CUT + BARRIER)
    printer.wait_until(lambda printer: "two" in printer.loose, "two lines are out")
    printer.load_paper()
    assert hear(host, 1) == b"\x00"
    assert [(ticket.text, ticket.cut, ticket.complete) for ticket in printer.tickets] == [
        ("one\ntwo\n", False, False),
        ("three\nfour\n", True, False),
    ]


def test_some_printers_forget_the_rest_when_paper_is_loaded(printer, host):
    printer.forgets_at_paper_end = True
    printer.paper_out(after_lines=1)
    host.sendall(b"one\ntwo\n" + CUT)
    printer.wait_until(lambda printer: printer.bytes_received == 11 and printer.loose, "a line is out")
    printer.load_paper()
    host.sendall(b"new\n" + CUT)
    first, second = printer.wait_for_tickets(2)
    assert (first.text, first.complete) == ("one\n", False)
    assert (second.text, second.complete) == ("new\n", True)


def test_a_clear_of_the_buffers_is_heard_with_no_paper(printer, host):
    printer.paper_out(after_lines=1)
    host.sendall(b"one\ntwo\nthree\n")
    printer.wait_until(lambda printer: printer.loose, "a line is out")
    host.sendall(CLEAR)
    assert hear(host, 3) == CLEARED
    printer.load_paper()
    host.sendall(b"four\n" + CUT)
    assert [(ticket.text, ticket.complete) for ticket in printer.wait_for_tickets(2)] == [
        ("one\n", False),
        ("four\n", True),
    ]


def test_a_clear_ends_a_command_that_was_cut_in_half(printer, host):
    host.sendall(b"\x1dv0\x00\x10\x00\x10\x00abc" + CLEAR)
    assert hear(host, 3) == CLEARED
    host.sendall(b"whole\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text == "whole\n"


def test_a_printer_that_cannot_clear_takes_it_for_data(printer, host):
    printer.clears = False
    host.sendall(b"one\n" + CLEAR + b"two\n" + CUT + BARRIER)
    assert hear(host, 1) == b"\x00"
    assert printer.tickets[0].text == "one\ntwo\n"


def test_an_open_cover_holds_the_printing_up(printer, host):
    printer.open_cover()
    host.sendall(b"one\n" + CUT + status(2))
    assert hear(host, 1) == b"\x16"
    assert printer.loose == ""
    printer.close_cover()
    assert printer.wait_for_tickets(1)[0].complete


def test_a_knife_that_jams_keeps_the_proof_back(printer, host):
    printer.jam(at_cut=True)
    host.sendall(b"one\n" + CUT + PROCESS_ID + BARRIER)
    printer.wait_until(lambda printer: printer.loose, "the line is out")
    host.sendall(status(3))
    while (answer := hear(host, 1)) == READY:
        host.sendall(status(3))
    assert answer == b"\x1a"
    assert printer.tickets == []
    printer.clear_jam()
    assert hear(host, 8) == ECHO + b"\x00"
    assert printer.tickets[0].complete


def test_a_host_may_recover_a_jam(printer, host):
    printer.jam()
    host.sendall(b"dropped\n\x10\x05\x02kept\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text == "kept\n"


def test_it_can_die_in_mid_ticket_and_the_paper_stays(printer, host):
    printer.die_after(10)
    host.sendall(RESET + b"one\ntwo\nthree\n" + CUT)
    with pytest.raises(ConnectionResetError):
        host.recv(1)
    with pytest.raises(ConnectionRefusedError):
        call(printer)
    assert printer.loose == "one\ntwo\n"
    printer.switch_on()
    ticket = printed(printer, b"four\n" + CUT)
    assert (ticket.text, ticket.cut, ticket.complete) == ("one\ntwo\nfour\n", True, False)


def test_a_power_cut_empties_the_buffer_and_the_port_stays(printer, host):
    printer.open_cover()
    host.sendall(b"lost\n" + status(1))
    hear(host, 1)
    port = printer.port
    printer.switch_off()
    printer.switch_off()
    printer.close_cover()
    printer.switch_on()
    assert printer.port == port
    assert printed(printer, b"new\n" + CUT).text == "new\n"


def test_a_printer_that_stops_reading_fills_the_window(printer, host):
    printer.reads = False
    host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    host.settimeout(0.2)
    with pytest.raises(TimeoutError):
        host.sendall(b"x" * 100_000)
    assert printer.bytes_received == 0
    printer.reads = True
    host.settimeout(10)
    host.sendall(b"\n" + CUT)
    assert printer.wait_for_tickets(1)[0].text.startswith("xxx")


def test_hosts_are_served_one_after_the_other(printer, host):
    host.sendall(status(1))
    assert hear(host, 1) == READY
    with call(printer) as second:
        second.sendall(b"second\n" + CUT)
        host.sendall(b"first\n" + CUT)
        host.close()
        assert [ticket.text for ticket in printer.wait_for_tickets(2)] == ["first\n", "second\n"]


def test_what_is_torn_off_is_no_whole_ticket(printer, host):
    host.sendall(b"one\n" + BARRIER)
    hear(host, 1)
    printer.tear_off()
    assert (printer.tickets[0].cut, printer.tickets[0].complete, printer.loose) == (False, False, "")


# --- alone ---------------------------------------------------------------------------------------------------------


def test_it_runs_alone_and_keeps_each_ticket(tmp_path):
    command = [
        sys.executable,
        "-m",
        "sim.printer",
        "--port",
        "0",
        "--columns",
        "32",
        "--save",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            host, port = re.search(r"listening on ([\d.]+):(\d+)", process.stdout.readline()).groups()
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"alone\n" + CUT)
            assert process.stdout.readline() == "alone\n"
            assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["001.png", "001.txt"]
        finally:
            process.kill()
