"""A printer that answered before: its silence is no health, and nothing of it is called paid without proof."""

from dataclasses import replace
from itertools import pairwise

import pytest

from edge.core import duties, events
from edge.core.events import Paper
from edge.core.status import Signal
from tests.support.desk import Books, Desk
from tests.support.facts import APPROVED, PAID, POS, REFERENCE


def due_for_paper() -> Desk:
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.write(PAID, place=POS)
    return desk.ring(PAID.id)


def looks(desk, seconds: float, seen: Paper) -> list[float]:
    """When the till looked at the printer in this time, which is always as `seen`."""
    desk.hear(events.PrinterSeen(seen))
    at, end = [desk.now], desk.now + seconds
    while desk.now < end:
        if isinstance(desk.owed(), duties.LookAtPrinter):
            at.append(desk.now)
            desk.hear(events.PrinterSeen(seen))
        desk.wait(0.25)
    return at


def test_a_silent_one_gets_no_ticket_and_has_its_light():
    desk = due_for_paper().hear(events.PrinterSeen(Paper.SILENT))
    assert not isinstance(desk.owed(), duties.Print)
    assert desk.sign is Signal.PRINTER
    desk.hear(events.PrinterSeen(Paper.READY)).wait(1).print()
    assert [ticket.banners for ticket in desk.printed] == [()]


def test_looks_at_a_silent_one_come_ever_farther_apart():
    at = looks(due_for_paper(), 200, Paper.SILENT)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps == sorted(gaps)
    assert gaps[0] == pytest.approx(2, abs=0.3)
    assert gaps[-1] == pytest.approx(30, abs=0.3)


def test_a_press_looks_at_once():
    desk = due_for_paper()
    looks(desk, 100, Paper.SILENT)
    desk.press()
    assert isinstance(desk.owed(), duties.LookAtPrinter | duties.Print)


@pytest.mark.parametrize("paper", [Paper.SILENT, Paper.COVER, Paper.OUT, Paper.ERROR])
def test_after_a_minute_of_refusals_a_press_prints_one_ticket_all_the_same(paper):
    desk = due_for_paper()
    looks(desk, 61, paper)
    desk.press()
    duty = desk.owed()
    assert isinstance(duty, duties.Print)
    assert duty.despite
    desk.print(events.TicketUnproved(paper, alarming=True)).wait(4)
    assert desk.sign is not Signal.PAID
    assert desk.outcomes == ["unconfirmed"]
    assert "silent_printer" in str(desk.till.notices)


@pytest.mark.parametrize("paper", [Paper.SILENT, Paper.COVER])
def test_before_that_minute_a_press_prints_nothing(paper):
    desk = due_for_paper()
    looks(desk, 40, paper)
    desk.press()
    assert not isinstance(desk.owed(), duties.Print)


def test_what_is_not_there_at_all_is_not_printed_to():
    desk = due_for_paper()
    looks(desk, 100, Paper.GONE)
    desk.press()
    assert not isinstance(desk.owed(), duties.Print)


def test_one_press_is_one_ticket():
    desk = due_for_paper()
    looks(desk, 61, Paper.COVER)
    desk.press().print(events.TicketUnproved(Paper.COVER, alarming=True))
    desk.hear(events.ReprintAsked(desk.printed[0].order.reference))
    assert not isinstance(desk.owed(), duties.Print)


def test_the_first_ticket_of_one_that_answers_is_not_paid_without_its_proof():
    desk = due_for_paper().print(events.TicketUnproved(Paper.UNKNOWN, alarming=True)).wait(1)
    assert desk.sign is Signal.ATTENTION
    assert desk.outcomes == ["unconfirmed"]


def test_one_that_never_answered_is_believed_as_ever():
    desk = due_for_paper().print(events.TicketUnproved(Paper.UNKNOWN))
    assert desk.sign is Signal.PAID


def test_a_press_prints_a_ticket_and_nothing_else_that_waits():
    desk = due_for_paper().print()
    looks(desk, 61, Paper.COVER)
    desk.hear(events.CommandCame(duties.Command.TEST_TICKET)).press()
    assert not isinstance(desk.owed(), duties.PrintTest)


def test_a_ticket_that_was_swallowed_ends_the_light_of_the_one_before_it():
    desk = due_for_paper()
    second = replace(PAID, id="31415926536", external_reference="the next", payments=(replace(APPROVED, id="9"),))
    desk.books.write(second, place=POS)
    proved = events.TicketPrinted(events.Proof.STATUS, Paper.READY)
    desk.ring(second.id).print(proved, events.TicketUnproved(Paper.READY, alarming=True))
    assert desk.outcomes == ["printed", "unconfirmed"]
    assert desk.sign is not Signal.PAID


def test_a_printer_that_was_exchanged_is_not_measured_by_the_one_before_it():
    """The old one echoed each ticket; the new one answers nothing at all."""
    desk = due_for_paper().print(events.TicketPrinted(events.Proof.PROCESS_ID, Paper.READY)).wait(4)
    assert desk.till.printer.proof is events.Proof.PROCESS_ID
    desk.hear(events.PrinterSeen(Paper.UNKNOWN, proof=events.Proof.NONE)).restart()
    assert desk.till.printer.proof is events.Proof.NONE
    desk.hear(events.PrinterSeen(Paper.UNKNOWN, proof=events.Proof.NONE), events.ReprintAsked(REFERENCE))
    desk.print(events.TicketUnproved(Paper.UNKNOWN))
    assert "silent_printer" not in str(desk.till.notices)


def test_a_press_at_a_printer_that_refuses_prints_a_ticket_and_no_slip():
    desk = Desk().hear(events.CommandCame(duties.Command.TEST_TICKET))
    looks(desk, 61, Paper.COVER)
    desk.press()
    assert desk.till.printer.despite
    assert not isinstance(desk.owed(), duties.Slip)
