"""What becomes of a ticket, whatever happens to printer and paper: proved, not proved, interrupted or refused.

The other end is the simulated printer on a real socket. A ticket here has twenty numbered lines and a cut.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config.schema import PrinterConfig
from edge.core.events import (
    Paper,
    Proof,
    TicketEnd,
    TicketInterrupted,
    TicketPrinted,
    TicketRefused,
    TicketUnproved,
)
from edge.printer.commands import (
    ASK_NAME,
    ASK_STATUS,
    BARRIER,
    BELLS,
    CLEAR_BUFFERS,
    FILLER,
    MODEL,
    PROCESS_ID,
    STOP_WATCHING,
    WATCH,
)
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts
from sim.printer.printer import Printer as SimPrinter
from sim.shop import wait_for

pytestmark = pytest.mark.slow

TIMEOUTS = Timeouts(answer=2.0, late=1.0, stall=2.0, proof=20.0, lag=0.5, settle=0.3, silent=0.3, poll=0.05, clear=0.3)
SHORT_TIMEOUTS = replace(TIMEOUTS, answer=0.3, stall=0.5, proof=1.0)
"""For printers from which nothing comes, so that every wait ends soon."""

LINES = [f"line {number:02}" for number in range(1, 21)]
TICKET = b"\x1b@" + "".join(f"{line}\n" for line in LINES).encode() + b"\x1dV\x01"
COPY = TICKET.replace(b"line 01", b"COPY 01")


def printer_at(sim: SimPrinter, proof: str = "auto", timeouts: Timeouts = TIMEOUTS) -> Printer:
    config = PrinterConfig(connection="network", host=sim.host, port=sim.port, proof=proof)
    return Printer(config, timeouts)


def print_copy(printer: Printer) -> TicketEnd:
    """The same ticket again, after an interruption."""
    return printer.print(COPY, is_copy=True)


@pytest.fixture
def sim():
    with SimPrinter() as printer:
        yield printer


def texts(sim: SimPrinter) -> list[list[str]]:
    """The lines of each piece of paper that came out."""
    return [ticket.text.split("\n")[:-1] for ticket in sim.tickets]


class Errand:
    """A ticket that is being printed while the test does something to the printer."""

    def __init__(self, printer: Printer, ticket: bytes = TICKET) -> None:
        self._ends: list[TicketEnd] = []
        self._thread = threading.Thread(target=lambda: self._ends.append(printer.print(ticket)))
        self._thread.start()

    def end(self) -> TicketEnd:
        self._thread.join()
        return self._ends[0]


def half_printed(sim: SimPrinter, printer: Printer) -> Errand:
    """A ticket at about its tenth line. Even if a busy machine takes a second to act, it acts in mid-ticket."""
    sim.bytes_per_second = 100
    errand = Errand(printer)
    sim.wait_until(lambda it: "line 08" in it.loose, "half a ticket")
    return errand


# --- proof ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("able", "end", "timeouts"),
    [
        ("process_id", TicketPrinted(Proof.PROCESS_ID, Paper.READY), TIMEOUTS),
        ("status", TicketPrinted(Proof.STATUS, Paper.READY), TIMEOUTS),
        ("real_time", TicketPrinted(Proof.STATUS, Paper.READY), replace(TIMEOUTS, proof=1.0)),
        ("none", TicketUnproved(Paper.UNKNOWN), SHORT_TIMEOUTS),
    ],
)
def test_a_ticket_is_proved_as_well_as_the_printer_can(able, end, timeouts):
    with SimPrinter(proof=able) as sim:
        printer = printer_at(sim, timeouts=timeouts)
        assert [printer.print(TICKET), printer.print(TICKET)] == [end, end]
        assert texts(sim) == [LINES, LINES]
        assert sim.unknown == []


def test_a_slow_printer_is_given_its_time(sim):
    sim.bytes_per_second = 400
    assert printer_at(sim).print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim) == [LINES]


def test_paper_that_is_nearly_used_up_still_prints(sim):
    sim.paper_low()
    assert printer_at(sim).print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.LOW)


def test_answers_that_come_late_are_not_taken_for_others(sim):
    """With the drawer's contact high, an answer to the first question reads like "cover open" to the second."""
    sim.move_drawer(high=True)
    sim.answer_delay = 0.25
    printer = printer_at(sim, timeouts=replace(TIMEOUTS, answer=0.1))
    assert printer.look() is Paper.UNKNOWN
    end = printer.print(TICKET)
    assert isinstance(end, TicketPrinted)
    assert end.proof is Proof.PROCESS_ID
    assert end.paper.prints


def test_without_the_proof_that_is_demanded_a_ticket_is_not_called_printed():
    with SimPrinter(proof="status") as sim:
        assert printer_at(sim, proof="process_id").print(TICKET) == TicketUnproved(Paper.READY, alarming=True)
        assert texts(sim) == [LINES]


def test_a_printer_that_could_do_better_is_not_believed_on_less(sim):
    printer = printer_at(sim)
    assert printer.print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    sim.proof = "status"
    assert printer.print(TICKET) == TicketUnproved(Paper.READY, alarming=True)
    sim.proof = "process_id"
    assert printer.print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)


def test_a_printer_that_never_echoed_is_not_asked_for_an_echo_again():
    with SimPrinter(proof="status") as sim:
        printer = printer_at(sim)
        printer.print(TICKET)
        printer.print(TICKET)
        sim.proof = "process_id"
        assert printer.print(TICKET) == TicketPrinted(Proof.STATUS, Paper.READY)


def test_a_printer_that_was_silent_is_not_waited_for_again_but_believed_once_it_speaks(sim):
    sim.silent = True
    printer = printer_at(sim, timeouts=replace(SHORT_TIMEOUTS, silent=0.75, proof=3.0))
    assert printer.print(TICKET) == TicketUnproved(Paper.UNKNOWN)
    sim.silent = False
    sim.answer_delay = 2.0  # longer than a silent printer is waited for, shorter than an unknown one
    assert printer.print(TICKET) == TicketUnproved(Paper.UNKNOWN)
    sim.answer_delay = 0
    wait_for(lambda: sim._connection is None, "it has said all that it still had to say")
    sim.bytes_per_second = 400  # it answers at once, and then takes its time
    assert printer.print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)


def test_a_printer_known_to_answer_that_falls_silent_gets_no_ticket(sim):
    printer = printer_at(sim, timeouts=SHORT_TIMEOUTS)
    printer.print(TICKET)
    sim.silent = True
    assert printer.print(TICKET) == TicketRefused(Paper.SILENT)
    assert printer.look() is Paper.SILENT
    assert len(sim.tickets) == 1


def test_where_no_proof_is_wanted_nothing_but_the_ticket_is_sent(sim):
    assert printer_at(sim, proof="none").print(TICKET) == TicketUnproved(Paper.UNKNOWN)
    sim.wait_for_tickets(1)
    assert sim.bytes_received == len(FILLER + TICKET)


# --- trouble before the ticket: not a byte of it is sent -------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "paper"),
    [(SimPrinter.paper_out, Paper.OUT), (SimPrinter.open_cover, Paper.COVER), (SimPrinter.jam, Paper.ERROR)],
)
def test_a_printer_in_trouble_gets_no_ticket(sim, trouble, paper):
    trouble(sim)
    printer = printer_at(sim)
    assert printer.look() is paper
    assert printer.print(TICKET) == TicketRefused(paper)
    assert sim.bytes_received < len(TICKET)


def test_a_printer_that_is_off_is_gone_and_people_are_told_once(sim, caplog):
    caplog.set_level(logging.INFO)
    sim.switch_off()
    printer = printer_at(sim)
    assert printer.look() is Paper.GONE
    assert printer.print(TICKET) == TicketRefused(Paper.GONE)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    sim.switch_on()
    assert printer.look() is Paper.READY
    sim.switch_off()
    printer.look()
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 2


def test_looking_at_a_silent_printer_says_unknown(sim):
    sim.silent = True
    assert printer_at(sim, timeouts=SHORT_TIMEOUTS).look() is Paper.UNKNOWN


def test_looking_prints_nothing(sim):
    printer_at(sim).look()
    printer_at(sim).print(TICKET)
    assert texts(sim) == [LINES]


# --- trouble in mid-ticket: the ticket comes again, and only the copy ------------------------------------------------


def test_paper_that_ends_in_mid_ticket_interrupts_it_and_the_rest_is_never_printed(sim):
    printer = printer_at(sim)
    sim.paper_out(after_lines=8)
    assert printer.print(TICKET) == TicketInterrupted(Paper.OUT)
    assert print_copy(printer) == TicketRefused(Paper.OUT)
    sim.load_paper()
    assert print_copy(printer) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim) == [LINES[:8], ["COPY 01", *LINES[1:]]]
    assert sim.tickets[1].complete


def test_a_printer_that_can_not_forget_prints_the_rest_and_then_the_whole_copy(sim):
    sim.clears = False
    printer = printer_at(sim)
    sim.paper_out(after_lines=8)
    assert printer.print(TICKET) == TicketInterrupted(Paper.OUT)
    sim.load_paper()
    assert print_copy(printer) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim) == [LINES[:8], LINES[8:], ["COPY 01", *LINES[1:]]]


HASTY = [
    pytest.param(SimPrinter.paper_out, SimPrinter.load_paper, id="a new roll"),
    pytest.param(SimPrinter.open_cover, SimPrinter.close_cover, id="the cover opened and closed"),
]
RARE_LOOKS = replace(TIMEOUTS, poll=10.0)
"""Nobody looks at the printer while a ticket is being printed."""


@pytest.mark.parametrize("able", ["process_id", "status"])
@pytest.mark.parametrize(("stops", "goes_on"), HASTY)
def test_what_a_hasty_hand_does_between_two_looks_interrupts_the_ticket(able, stops, goes_on):
    with SimPrinter(proof=able) as sim:
        printer = printer_at(sim, timeouts=RARE_LOOKS)
        errand = half_printed(sim, printer)
        stops(sim)
        goes_on(sim)
        assert errand.end() == TicketInterrupted(Paper.READY)
        sim.bytes_per_second = None
        assert isinstance(print_copy(printer), TicketPrinted)
        assert texts(sim)[-1] == ["COPY 01", *LINES[1:]]


class Clone(SimPrinter):
    """Sets bits in its automatic status that have no meaning in ESC/POS."""

    def _report(self) -> None:
        self._answer(bytes.fromhex("38 00 0f 0f"), "status")


def test_a_printer_whose_automatic_status_is_never_well_is_believed_as_before():
    with Clone() as sim:
        errand = half_printed(sim, printer_at(sim))
        sim.paper_low()
        assert errand.end() == TicketPrinted(Proof.PROCESS_ID, Paper.LOW)


class NervousKnife(SimPrinter):
    """Reports an error at each cut, though each succeeds."""

    def _end_ticket(self, cut: bool) -> None:
        super()._end_ticket(cut)
        if cut and self._watched_items:
            self._answer(bytes.fromhex("18 08 00 0f"), "status")
            self._answer(bytes.fromhex("10 00 00 0f"), "status")


def test_a_printer_that_tells_of_a_stop_at_each_ticket_is_soon_believed_no_more():
    with NervousKnife() as sim:
        printer = printer_at(sim)
        ends = [printer.print(TICKET), print_copy(printer), print_copy(printer), printer.print(TICKET)]
    interrupted, printed = TicketInterrupted(Paper.READY), TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert ends == [interrupted, interrupted, printed, printed]


class OddBits(SimPrinter):
    """Its automatic status has a bit where none may be, so it is none; and its zeros look like answers to `GS r`."""

    def _report(self) -> None:
        self._answer(bytes.fromhex("10 00 00 80"), "real_time")


def test_what_is_no_automatic_status_proves_nothing():
    with OddBits(proof="real_time") as sim:
        assert half_printed(sim, printer_at(sim)).end() == TicketPrinted(Proof.STATUS, Paper.READY)
        assert texts(sim) == [LINES]


def test_the_printer_is_not_watched_between_two_tickets(sim):
    printer_at(sim).print(TICKET)
    with socket.create_connection((sim.host, sim.port)) as other:
        wait_for(lambda: sim._connection is not None, "another host")
        sim.open_cover()
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.recv(4)


@pytest.mark.parametrize("able", ["status", "real_time"])
def test_paper_that_ends_is_noticed_by_weaker_printers_too(able):
    with SimPrinter(proof=able) as sim:
        sim.paper_out(after_lines=8)
        assert printer_at(sim).print(TICKET) == TicketInterrupted(Paper.OUT)


def test_a_cover_that_is_opened_in_mid_ticket_interrupts_it(sim):
    printer = printer_at(sim)
    errand = half_printed(sim, printer)
    sim.open_cover()
    assert errand.end() == TicketInterrupted(Paper.COVER)
    sim.bytes_per_second = None
    sim.close_cover()
    assert print_copy(printer) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim)[-1] == ["COPY 01", *LINES[1:]]


def test_a_ticket_that_hangs_in_a_jammed_cutter_is_not_printed(sim):
    sim.jam(at_cut=True)
    assert printer_at(sim).print(TICKET) == TicketInterrupted(Paper.ERROR)


def test_a_printer_that_dies_in_mid_ticket_interrupts_it(sim):
    printer = printer_at(sim)
    printer.look()
    sim.die_after(100)
    assert printer.print(TICKET) == TicketInterrupted(Paper.GONE)
    sim.switch_on()
    assert print_copy(printer) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim)[-1] == ["COPY 01", *LINES[1:]]


def test_a_printer_that_is_switched_off_before_the_proof_interrupts_the_ticket(sim):
    errand = half_printed(sim, printer_at(sim))
    sim.switch_off()
    assert errand.end() == TicketInterrupted(Paper.GONE)


def test_a_printer_known_to_echo_that_is_switched_off_before_the_echo_interrupts_the_ticket(sim):
    printer = printer_at(sim, timeouts=replace(TIMEOUTS, lag=20.0))
    printer.print(TICKET)
    sim.proof = "status"  # it has read the ticket to its end, and may still be printing
    errand = Errand(printer)
    sim.wait_for_tickets(2)
    sim.switch_off()
    assert errand.end() == TicketInterrupted(Paper.GONE)


def test_a_printer_that_never_spoke_and_hangs_up_proves_nothing_and_teaches_nothing(sim):
    """Some print servers close the connection once they have everything; that must not bring the ticket again."""
    sim.silent = True
    printer = printer_at(sim, timeouts=replace(TIMEOUTS, answer=0.3))
    errand = half_printed(sim, printer)
    sim.switch_off()
    assert errand.end() == TicketUnproved(Paper.GONE)
    sim.silent = False
    sim.bytes_per_second = None
    sim.answer_delay = 0.8
    sim.switch_on()
    end = printer.print(TICKET)
    assert isinstance(end, TicketPrinted)
    assert end.proof is Proof.PROCESS_ID


def test_a_printer_that_takes_no_more_is_asked_for_the_reason_on_a_fresh_connection():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        host, port = server.getsockname()
        config = PrinterConfig(connection="network", host=host, port=port)
        errand = Errand(Printer(config, SHORT_TIMEOUTS), bytes(10_000_000))
        blocked, _ = server.accept()
        fresh, _ = server.accept()
        with blocked, fresh:
            assert fresh.recv(len(FILLER), socket.MSG_WAITALL) == FILLER  # the ticket was cut off
            for status in (0x1A, 0x7E, 0x32, 0x12):
                assert fresh.recv(3)[:2] == b"\x10\x04"
                fresh.sendall(bytes([status]))
            assert fresh.recv(1) == b""
        assert errand.end() == TicketInterrupted(Paper.OUT)


def test_a_printer_that_stops_reading_interrupts_a_ticket_that_does_not_get_through(sim):
    sim.reads = False
    long_ticket = b"\x1b@" + b"x\n" * 8_000_000
    printer = printer_at(sim, timeouts=replace(SHORT_TIMEOUTS, stall=0.2))
    assert printer.print(long_ticket) == TicketInterrupted(Paper.ERROR)


class Dozing(SimPrinter):
    """Reports that it is well, and reads no more."""

    def _report(self) -> None:
        super()._report()
        self.reads = False


def test_a_watched_printer_s_word_that_it_is_well_is_no_sign_that_it_took_the_ticket():
    with Dozing() as sim:
        long_ticket = b"\x1b@" + b"x\n" * 4_000_000
        printer = printer_at(sim, timeouts=replace(SHORT_TIMEOUTS, answer=2.0, late=1.0, stall=0.2))
        assert isinstance(printer.print(long_ticket), TicketInterrupted)


def test_a_printer_that_reads_nothing_proves_nothing(sim):
    """The ticket fits into the network, so nobody knows."""
    sim.reads = False
    assert printer_at(sim, timeouts=SHORT_TIMEOUTS).print(TICKET) == TicketUnproved(Paper.UNKNOWN)


# --- what an earlier life left in the printer ------------------------------------------------------------------------


def left_behind(sim: SimPrinter, data: bytes) -> None:
    """The power of the Pi failed in mid-ticket."""
    with socket.create_connection((sim.host, sim.port)) as link:
        link.sendall(data)
    sim.wait_until(lambda it: it.bytes_received >= len(data), "the half ticket")


@pytest.mark.parametrize("clears", [True, False])
def test_after_a_power_cut_the_copy_does_not_hang_on_to_the_half_ticket(sim, clears):
    sim.clears = clears
    left_behind(sim, TICKET[:60])
    sim.wait_until(lambda it: "line 07" in it.loose, "half a ticket")
    assert print_copy(printer_at(sim)) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim)[-1] == ["COPY 01", *LINES[1:]]
    assert len(texts(sim)) == 2


@pytest.mark.parametrize("clears", [True, False])
def test_half_a_command_does_not_swallow_the_copy(sim, clears):
    """A picture of 150 bytes, of which ten came."""
    sim.clears = clears
    left_behind(sim, b"\x1b@\x1dv0\x00\x0a\x00\x0f\x00" + bytes(10))
    assert print_copy(printer_at(sim)) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim)[-1] == ["COPY 01", *LINES[1:]]


def test_half_a_command_swallows_nothing_else_either(sim):
    """A picture of four kilobytes, of which ten bytes came; the copy has to wait for something."""
    left_behind(sim, b"\x1b@\x1dv0\x00\x0a\x00\xc2\x01" + bytes(10))
    printer = printer_at(sim)
    printer.expect_leftovers()
    printer.print(TICKET)
    assert isinstance(printer.print(TICKET, is_copy=True), TicketPrinted)
    assert texts(sim)[-2:] == [LINES, LINES]


def halves(*commands: bytes) -> list[bytes]:
    return [command[:end] for command in commands for end in range(1, len(command))]


@pytest.mark.parametrize("able", ["process_id", "none"])
def test_half_a_command_of_an_earlier_process_swallows_nothing_of_the_first_ticket(able):
    """A bell, a question, a slip that nobody needs to see again: no copy follows that would tidy up."""
    questions = (ASK_STATUS + b"\x01", ASK_NAME + bytes([MODEL]), BARRIER, WATCH, STOP_WATCHING, CLEAR_BUFFERS)
    qr_code = b"\x1d(k\x09\x001P0CAJA01"
    for half in halves(*(bell % 2 for bell in BELLS.values()), PROCESS_ID + b"0001", qr_code, *questions):
        with SimPrinter(proof=able) as sim:
            left_behind(sim, half)
            printer = printer_at(sim, timeouts=SHORT_TIMEOUTS)
            printer.look()
            printer.print(TICKET)
            sim.wait_for_tickets(1)
            assert texts(sim) == [LINES], half


def test_a_first_ticket_wastes_no_paper_on_tidying_up(sim):
    printer = printer_at(sim)
    printer.print(TICKET)
    assert sim.bytes_received - len(FILLER) < 2 * len(TICKET)
    assert texts(sim) == [LINES]


# --- the bell --------------------------------------------------------------------------------------------------------


def test_a_bell_that_the_printer_doesnt_take_holds_up_no_ticket(sim):
    """What it didn't take is thrown away: it would ring for a sale of long ago."""
    with socket.socket() as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        full.bind(("127.0.0.1", 0))
        full.listen()
        config = PrinterConfig(connection="network", host="127.0.0.1", port=full.getsockname()[1])
        begun = time.monotonic()
        error = Printer(config, Timeouts()).ring(bytes(10_000_000))
        assert "takes no more bytes" in error
        assert time.monotonic() - begun < 4 * Timeouts().ring
        accepted, _ = full.accept()
        with accepted, pytest.raises(ConnectionResetError):
            b"".join(iter(lambda: accepted.recv(1_000_000), b""))


class Overrun(SimPrinter):
    """Takes so many bytes, and then no more."""

    takes: int | None = None

    def _take(self, data: bytes) -> None:
        if self.takes is not None:
            data, self.takes, self.reads = data[: self.takes], None, False
        super()._take(data)


@pytest.mark.parametrize("able", ["process_id", "none"])
def test_a_bell_that_was_cut_off_takes_nothing_of_the_next_ticket_for_its_own(able):
    with Overrun(proof=able) as sim:
        printer = printer_at(sim, timeouts=replace(SHORT_TIMEOUTS, answer=2.0))
        printer.print(TICKET)
        sim.takes = 3
        assert "takes no more bytes" in printer.ring(BELLS["esc_a"] % 2 + bytes(10_000_000))
        sim.reads = True
        printer.look()
        printer.print(TICKET)
        sim.wait_for_tickets(2)
        assert texts(sim) == [LINES, LINES]


def test_nothing_stands_before_what_follows_something_whole(sim):
    printer = printer_at(sim)
    printer.print(TICKET)
    before = sim.bytes_received
    assert printer.ring(BELLS["esc_a"] % 2) == ""
    sim.wait_until(lambda it: it.bytes_received > before, "the bell")
    assert sim.bytes_received - before == len(BELLS["esc_a"] % 2)


def test_a_bell_in_a_printer_that_isnt_there_holds_up_no_ticket():
    """Its queue of connections is full, so that no answer comes at all."""
    with socket.socket() as deaf, contextlib.ExitStack() as others:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        config = PrinterConfig(connection="network", host="127.0.0.1", port=deaf.getsockname()[1])
        begun = time.monotonic()
        assert "no answer" in Printer(config, Timeouts()).ring(BELLS["esc_b"] % 2)
        assert time.monotonic() - begun < 4 * Timeouts().ring


def test_a_reprint_that_somebody_asked_for_wastes_no_paper_on_tidying_up(sim):
    printer = printer_at(sim)
    printer.print(TICKET)
    before = sim.bytes_received
    print_copy(printer)
    assert sim.bytes_received - before < 2 * len(TICKET)


# --- printers without an ear or a mouth ------------------------------------------------------------------------------


def file_printer(path: Path) -> Printer:
    return Printer(PrinterConfig(connection="file", device=path), TIMEOUTS)


def test_a_ticket_into_a_file_is_unproved(tmp_path):
    path = tmp_path / "lp0"
    path.touch()
    printer = file_printer(path)
    assert printer.look() is Paper.UNKNOWN
    assert printer.print(TICKET) == TicketUnproved(Paper.UNKNOWN)
    assert path.read_bytes() == FILLER + TICKET


def test_a_file_that_is_not_there_is_a_printer_that_is_gone(tmp_path):
    assert file_printer(tmp_path / "lp0").print(TICKET) == TicketRefused(Paper.GONE)


def test_a_device_out_of_paper_refuses_the_ticket():
    printer = Printer(PrinterConfig(connection="file", device=Path("/dev/full"), proof="none"), TIMEOUTS)
    assert printer.print(TICKET) == TicketRefused(Paper.OUT)


@contextlib.contextmanager
def serial_line(sim: SimPrinter) -> Iterator[Path]:
    """The simulated printer behind a pseudo terminal, with a cable of two threads."""
    end, ours = os.openpty()

    def carry(read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        with contextlib.suppress(OSError):  # the pseudo terminal was closed
            while data := read():
                write(data)

    with socket.create_connection((sim.host, sim.port)) as link:
        there = threading.Thread(target=carry, args=(lambda: os.read(end, 1024), link.sendall))
        back = threading.Thread(target=carry, args=(lambda: link.recv(1024), lambda data: os.write(end, data)))
        there.start(), back.start()
        try:
            yield Path(os.ttyname(ours))
        finally:
            os.close(ours)
            link.shutdown(socket.SHUT_RDWR)
            there.join(), back.join()
            os.close(end)


def test_a_printer_on_a_serial_line_proves_its_tickets(sim):
    with serial_line(sim) as path:
        printer = Printer(PrinterConfig(connection="serial", device=path, baudrate=9600), TIMEOUTS)
        assert printer.print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
        assert printer.print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert texts(sim) == [LINES, LINES]


def test_a_serial_line_that_the_printer_holds_up_is_silence():
    end, ours = os.openpty()
    printer = Printer(PrinterConfig(connection="serial", device=Path(os.ttyname(ours))), SHORT_TIMEOUTS)
    printer.look()
    os.write(end, b"\x13")
    assert printer.look() is Paper.UNKNOWN
    assert printer.print(TICKET) == TicketRefused(Paper.ERROR)
    os.close(ours)
    os.close(end)


def test_a_late_answer_for_one_ticket_does_not_prove_the_next():
    """A serial line still brings the answers to the job before."""
    with SimPrinter(proof="status") as sim, serial_line(sim) as path:
        timeouts = replace(TIMEOUTS, proof=1.5, lag=10.0, poll=1.0)
        printer = Printer(PrinterConfig(connection="serial", device=path), timeouts)
        assert printer.print(TICKET) == TicketPrinted(Proof.STATUS, Paper.READY)
        sim.bytes_per_second = 80  # over two seconds for a ticket: its answer comes while the next one's is due
        assert printer.print(TICKET) == TicketUnproved(Paper.READY, alarming=True)
        assert printer.print(TICKET) == TicketUnproved(Paper.READY, alarming=True)
        sim.wait_for_tickets(3)
        assert texts(sim) == [LINES] * 3


# --- who it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        (("EPSON", "TM-T20III"), "EPSON TM-T20III"),
        (("BIXOLON", "BIXOLON SRP-350"), "BIXOLON SRP-350"),
        (("", "POS-80"), "POS-80"),
        (None, ""),
    ],
)
def test_it_is_asked_who_it_is(sim, name, identity):
    sim.name = name
    assert printer_at(sim, timeouts=TIMEOUTS if identity else SHORT_TIMEOUTS).identity() == identity


def test_one_that_takes_the_question_for_letters_has_them_on_no_ticket(sim):
    sim.name = None
    printer = printer_at(sim, timeouts=SHORT_TIMEOUTS)
    assert printer.identity() == ""
    printer.print(TICKET)
    assert texts(sim) == [LINES]


@pytest.mark.parametrize("able", ["real_time", "none"])
def test_silence_is_no_name(able):
    with SimPrinter(proof=able) as sim:
        assert printer_at(sim, timeouts=SHORT_TIMEOUTS).identity() == ""


def test_one_that_is_not_there_has_no_name(sim):
    printer = printer_at(sim, timeouts=SHORT_TIMEOUTS)
    sim.switch_off()
    assert printer.identity() == ""
