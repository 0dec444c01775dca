"""Duties become paper and events: the worker between the till, what is laid out, and a printer that knows neither."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import Config, PrinterConfig, TicketConfig, TillConfig
from edge.core import duties, events
from edge.core.events import Paper, Proof
from edge.daemon.known_printer import Acquaintance
from edge.daemon.printing_worker import Composer, PrintingWorker
from edge.paper.escpos import _escpos
from edge.printer.printer import Printer
from sim.printer.printer import Printer as SimPrinter
from tests.support.facts import PAID
from tests.support.hosts import call

COPY = duties.Print(PAID, (duties.Banner.COPY,))
SLIPS = (
    duties.PrintTest(),
    duties.PrintList((PAID, PAID)),
    duties.PrintFailure(duties.Cause.NO_INTERNET),
    duties.PrintPairing("123456"),
)
PRINTED = events.TicketPrinted(Proof.PROCESS_ID, Paper.READY)


@pytest.fixture
def sim() -> Iterator[SimPrinter]:
    with SimPrinter() as printer:
        yield printer


@pytest.fixture
def worker(sim: SimPrinter, tmp_path) -> PrintingWorker:
    printer = PrinterConfig("network", host=sim.host, port=sim.port, columns=48, codepage="CP858", open_drawer=True)
    till = TillConfig(id="CAJA01", name="Caja 1", timezone=ZoneInfo("America/Argentina/Buenos_Aires"))
    config = Config(till, None, None, printer, TicketConfig(("KIOSCO SUR",)), None, None, None)
    known = Acquaintance(tmp_path / "journal.db", printer)
    return PrintingWorker(Printer(printer), Composer(config), known)


def test_a_ticket_ends_as_it_was_proved(sim, worker):
    assert worker.do(duties.Print(PAID)) == PRINTED
    assert PAID.reference in sim.tickets[0].text


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: type(slip).__name__)
def test_a_slip_ends_as_itself_and_how_it_was_proved(sim, worker, slip):
    assert worker.do(slip) == events.SlipTried(slip, PRINTED)
    assert "KIOSCO SUR" in sim.tickets[0].text


def test_a_look_ends_as_what_was_seen(sim, worker):
    sim.open_cover()
    assert worker.do(duties.LookAtPrinter()) == events.PrinterSeen(Paper.COVER, proof=events.Proof.NONE)
    sim.close_cover()
    worker.do(duties.Print(PAID))
    assert worker.do(duties.LookAtPrinter()) == events.PrinterSeen(Paper.READY, proof=events.Proof.PROCESS_ID)


def test_a_start_does_not_wait_for_the_library_and_nor_does_the_first_ticket_after_it(worker):
    _escpos.cache_clear()
    worker.do(duties.LookAtPrinter())
    assert _escpos.cache_info().currsize == 0
    worker.do(duties.LookAtPrinter())
    assert _escpos.cache_info().currsize == 1


def test_the_drawer_opens_with_a_ticket_and_neither_with_its_copy_nor_with_a_slip(sim, worker):
    for duty in (duties.Print(PAID), COPY, *SLIPS):
        worker.do(duty)
    assert [ticket.drawer_kicks for ticket in sim.tickets] == [1, 0, *(0 for _ in SLIPS)]


def test_a_copy_is_printed_apart_from_what_is_left_of_its_original(sim, worker):
    """The Pi lost its power when a line of the original was out."""
    with call(sim) as link:
        link.sendall(b"\x1b@half a ticket\n")
    sim.wait_until(lambda printer: printer.loose, "a line is out")
    assert worker.do(COPY) == PRINTED
    assert "half a ticket" not in sim.tickets[-1].text


# --- the bell --------------------------------------------------------------------------------------------------------


def with_bell(sim: SimPrinter, tmp_path, bell: str) -> PrintingWorker:
    printer = PrinterConfig("network", host=sim.host, port=sim.port, columns=48, codepage="CP858")
    till = TillConfig(id="CAJA01", name="Caja 1", timezone=ZoneInfo("America/Argentina/Buenos_Aires"))
    config = Config(till, None, None, printer, TicketConfig(("KIOSCO SUR",)), None, None, None)
    return PrintingWorker(Printer(printer), Composer(config), Acquaintance(tmp_path / "journal.db", printer, bell))


@pytest.mark.parametrize(("bell", "command"), [("esc_a", "ESC ( A"), ("esc_b", "ESC B")])
def test_the_bell_rings_between_two_tickets_and_harms_no_proof(sim, tmp_path, bell, command):
    sim.bell = command
    worker = with_bell(sim, tmp_path, bell)
    assert worker.do(duties.Print(PAID)) == PRINTED
    assert worker.do(duties.RingBell(duties.Heard.PAID)) == events.SoundTried(of_bell=True)
    assert worker.do(duties.Print(PAID)) == PRINTED
    assert (sim.rings, sim.unknown, len(sim.tickets)) == ([2], [], 2)


def test_a_bell_that_cant_be_reached_is_said(sim, tmp_path):
    worker = with_bell(sim, tmp_path, "esc_b")
    sim.stop()
    assert "refuses the connection" in worker.do(duties.RingBell(duties.Heard.PAID)).error


def test_a_printer_whose_bell_nobody_heard_isnt_rung(sim, tmp_path):
    worker = with_bell(sim, tmp_path, "ask")
    assert worker.do(duties.RingBell(duties.Heard.PAID)) == events.SoundTried(of_bell=True)
    assert (sim.rings, sim.unknown) == ([], [])


def test_a_person_says_which_command_rings(sim, tmp_path):
    """The first one isn't known to this printer, so nothing is heard."""
    sim.bell = "ESC B"
    worker = with_bell(sim, tmp_path, "ask")
    asked = worker.do(duties.LookAtPrinter()).unknown
    assert asked.question == "bell"
    worker.do(duties.PrintCalibration(asked))
    assert sim.rings == []
    worker.do(duties.PrintCalibration(asked.next()))
    assert sim.rings == [3]
    worker.do(duties.PrintCalibration(asked.next().right()))
    assert worker.do(duties.LookAtPrinter()).unknown is None
    worker.do(duties.RingBell(duties.Heard.ATTENTION))
    assert sim.rings == [3, 3]
    again = with_bell(sim, tmp_path, "ask")
    assert again.do(duties.LookAtPrinter()).unknown is None


def test_a_printer_without_a_bell_is_asked_about_once(sim, tmp_path):
    worker = with_bell(sim, tmp_path, "ask")
    silent = worker.do(duties.LookAtPrinter()).unknown.next().next()
    assert (silent.bell, silent.done) == ("none", True)
    worker.do(duties.PrintCalibration(silent))
    assert worker.do(duties.LookAtPrinter()).unknown is None
    assert worker.do(duties.RingBell(duties.Heard.PAID)) == events.SoundTried(of_bell=True)
    assert sim.rings == []
