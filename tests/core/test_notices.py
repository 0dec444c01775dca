"""What a person must look at is told on paper, once, and stays shown until it was told and somebody looked."""

from dataclasses import replace
from decimal import Decimal

import pytest

from edge.core import duties, events
from edge.core.lifecycle import Stage
from edge.core.notices import Concern
from edge.core.status import Signal
from tests.support.desk import Desk
from tests.support.facts import PAID, REFERENCE

OUT = events.Paper.OUT
READY = events.Paper.READY
PROVED = events.TicketPrinted(events.Proof.PROCESS_ID, READY)
EXTRA = replace(PAID, id="2", payments=tuple(replace(each, id="22") for each in PAID.payments))


def paid_twice() -> Desk:
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    desk.books.write(EXTRA)
    return desk.ring(EXTRA.id)


def concerns(desk: Desk) -> list[tuple[Concern, bool]]:
    return [(slip.notice.concern, slip.is_copy) for slip in desk.told]


def test_a_double_payment_is_told_with_both_operations_and_sums():
    (slip,) = paid_twice().tell().told
    assert slip.notice.reference == REFERENCE
    assert [payment.id for payment in slip.notice.payments] == [PAID.payments[0].id, "22"]
    assert {payment.left for payment in slip.notice.payments} == {PAID.total}


def test_a_ticket_goes_before_a_concern():
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(PAID.id)
    desk.books.write(EXTRA)
    desk.ring(EXTRA.id)
    assert isinstance(desk.owed(), duties.Print)
    assert concerns(desk.print().tell()) == [(Concern.DOUBLE_PAYMENT, False)]


def test_one_press_does_not_wipe_what_was_never_on_paper():
    desk = paid_twice().hear(events.PrinterSeen(OUT)).press().press().wait(4)
    assert desk.sign is Signal.PRINTER, "the slip can't come: the printer is what a person must look at"
    desk.hear(events.PrinterSeen(READY))
    assert desk.sign is Signal.ATTENTION
    assert concerns(desk.tell()) == [(Concern.DOUBLE_PAYMENT, False)]
    assert desk.wait(4).sign is Signal.ATTENTION, "told, and nobody has looked"
    assert desk.press().sign is Signal.READY


def test_it_is_told_once_however_often_mercado_pago_is_asked():
    desk = paid_twice().tell().press().ring(EXTRA.id).ring(PAID.id).wait(1300).tell()
    again = desk.restart().ring(EXTRA.id).wait(1300).tell()
    assert (len(desk.told), len(again.told), again.sign) == (1, 0, Signal.READY)


def test_a_third_payment_is_news():
    desk = paid_twice().tell().press()
    desk.books.write(replace(EXTRA, id="3", payments=tuple(replace(each, id="33") for each in PAID.payments)))
    (_, slip) = desk.ring("3").tell().told
    assert slip.notice.payments[-1].id == "33"


def test_what_waits_for_paper_survives_a_power_cut_and_is_told_unmarked():
    desk = paid_twice().hear(events.PrinterSeen(OUT)).restart()
    assert concerns(desk.hear(events.PrinterSeen(READY)).tell()) == [(Concern.DOUBLE_PAYMENT, False)]
    assert concerns(desk.restart().tell()) == []


def test_a_slip_that_was_begun_when_the_power_went_comes_marked():
    desk = paid_twice()
    desk.hear(events.SlipBegun(desk.owed()))
    assert concerns(desk.restart().tell()) == [(Concern.DOUBLE_PAYMENT, True)]


@pytest.mark.parametrize(
    ("end", "copies"),
    [
        (events.TicketRefused(READY), [False, False]),
        (events.TicketInterrupted(READY), [False, True]),
        (events.TicketUnproved(READY), [False, True]),
    ],
)
def test_a_slip_that_may_be_lost_comes_again(end, copies):
    desk = paid_twice().tell(end)
    desk.wait(30).tell()
    assert [slip.is_copy for slip in desk.told] == copies


def test_doubt_is_worth_one_repetition():
    unproved = events.TicketUnproved(events.Paper.UNKNOWN)
    desk = paid_twice().tell(unproved, unproved)
    desk.wait(60).tell()
    assert len(desk.told) == 2


def test_a_printer_that_can_prove_nothing_is_believed():
    desk = Desk()
    desk.books.write(PAID)
    unproved = events.TicketUnproved(events.Paper.UNKNOWN)
    desk.ring(PAID.id).print(unproved)
    desk.books.write(EXTRA)
    desk.ring(EXTRA.id).tell(unproved).wait(60).tell()
    assert concerns(desk) == [(Concern.DOUBLE_PAYMENT, False)]


def test_nothing_is_told_that_could_not_be_remembered():
    desk = paid_twice().hear(events.JournalTried("the disk is full"))
    assert not isinstance(desk.owed(), duties.PrintConcern)
    assert concerns(desk.hear(events.JournalTried("")).tell()) == [(Concern.DOUBLE_PAYMENT, False)]


def test_payments_that_lag_behind_their_order_need_no_slip():
    lagging = replace(PAID, payments=())
    desk = Desk()
    desk.books.on_till = REFERENCE
    desk.wait(60)
    desk.books.write(lagging)
    desk.ring(PAID.id).wait(3).tell()
    assert concerns(desk) == []
    assert desk.wait(30).tell().told[0].notice.reason == "not_covered"


def test_a_payment_without_an_order_is_told_with_its_sum():
    desk = Desk()
    (payment,) = PAID.payments
    found = events.PaymentRead("77", "POS", "", money=replace(payment, id="77"))
    answer = desk.books.answer
    place = desk.till.history.pos_id
    desk.books.answer = lambda duty: replace(found, pos_id=place) if duty == duties.ReadPayment("77") else answer(duty)  # type: ignore[method-assign]
    desk.ring("77", events.Kind.PAYMENT).wait(60).tell()
    (slip,) = desk.told
    assert (slip.notice.concern, slip.notice.payments[0].left) == (Concern.PAID_WITHOUT_ORDER, payment.left)
    assert desk.stage(REFERENCE) is None
    assert concerns(desk.restart().ring("77", events.Kind.PAYMENT).wait(60).tell()) == []
    again = desk.press().restart().ring("77", events.Kind.PAYMENT).wait(60).tell()
    assert (concerns(again), len(again.till.notices)) == ([], 0), "somebody has looked at it, before the power cut"


def test_what_happens_again_is_told_again():
    desk = paid_twice().tell().press()
    for _ in range(2):
        desk.hear(events.ReprintAsked(REFERENCE)).wait(1).print(events.TicketUnproved(READY)).tell().press()
    assert [concern for concern, _ in concerns(desk)].count(Concern.SILENT_PRINTER) == 2
    assert desk.stage(REFERENCE) is Stage.UNCONFIRMED


def test_a_button_that_is_stuck_is_told_once_and_is_over_when_it_is_released():
    desk = Desk()
    stuck = Desk(desk.till).hear(events.Started(button_down=True)).wait(3).tell()
    assert concerns(stuck) == [], "a finger may rest there for a moment"
    assert concerns(stuck.wait(30).tell().wait(60).tell()) == [(Concern.STUCK_BUTTON, False)]
    for _ in range(2):  # a wire is believed when it was read twice
        stuck.now += 0.1
        stuck.hear(events.ButtonUp())
    assert not stuck.till.notices


def test_a_ticket_that_is_held_back_is_told_and_needs_no_slip_once_it_may_come():
    desk = Desk()
    desk.books.write(PAID)
    desk.hear(events.PrinterSeen(OUT)).ring(PAID.id)
    answer = desk.books.answer
    unreadable = events.Unreachable(events.Trouble.BUSY, "an answer that makes no sense")
    desk.books.answer = lambda duty: unreadable if duty == duties.Verify(PAID.id) else answer(duty)  # type: ignore[method-assign]
    desk.wait(70).hear(events.PrinterSeen(READY)).wait(600)
    assert desk.till.notices.has(Concern.NOT_CONFIRMED)
    told = desk.tell().told
    assert [slip.notice.payments for slip in told if slip.notice.concern is Concern.NOT_CONFIRMED] == [PAID.approved]
    desk.books.answer = answer  # type: ignore[method-assign]
    desk.wait(600)
    assert not desk.till.notices.has(Concern.NOT_CONFIRMED)
    assert desk.print().stage(REFERENCE) is Stage.PRINTED


@pytest.mark.parametrize("left", ["5350.50", "5000.50"])
def test_a_sale_that_was_told_is_no_news_when_some_of_it_went_back(left):
    """An online sale of the same account, of which the shop refunds a part after the slip."""
    desk = Desk()
    [payment] = PAID.payments
    sale = replace(PAID, external_reference="web-1", total=Decimal(100))
    desk.books.write(sale, place="")
    desk.wait(70).tell()
    assert [slip.notice.reason for slip in desk.told] == ["no_place"]
    desk.press().books.write(
        replace(sale, payments=(replace(payment, refunded=payment.amount - Decimal(left)),)), place=""
    )
    again = desk.restart().ring(sale.id).wait(70).tell()
    assert (again.told, len(again.till.notices)) == ([], 0)
