"""Questions that are out at once: a sale waits for one answer, and no answer is taken for younger than it is."""

from dataclasses import replace

import pytest

from edge.core import duties, events
from edge.core.agenda import LISTS, Line
from edge.core.evidence import FRESH_READING_S, LIST_PATIENCE_S
from edge.core.order import MerchantOrder
from edge.core.status import Signal
from tests.support.desk import Books, Desk
from tests.support.facts import APPROVED, OPENED, PAID, POS, REFERENCE

ORDER = duties.Verify(PAID.id)
LIST = duties.ListLatest(POS)
PLACE = duties.ReadPayment(APPROVED.id)
REFUNDED = replace(PAID, order_status="refunded")


def rung(*orders: MerchantOrder, **habits: bool) -> tuple[Desk, list[duties.PaymentDuty]]:
    """A till for which a doorbell rang, and what it asks at once."""
    desk = Desk(books=Books(**habits))
    desk.books.write(*orders)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id))
    return desk, desk.ask_all()


def answer(desk: Desk, *duties_: duties.PaymentDuty) -> Desk:
    return desk.hear(*(events.Answered(duty, desk.books.answer(duty)) for duty in duties_))


def fail(desk: Desk, trouble: events.Trouble, *duties_: duties.PaymentDuty) -> Desk:
    return desk.hear(*(events.Answered(duty, events.Unreachable(trouble, "away")) for duty in duties_))


# --- the order and its place ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [(ORDER, LIST), (LIST, ORDER)])
def test_the_order_and_its_place_are_asked_at_once_and_answered_in_any_order(answers):
    desk, out = rung(PAID)
    assert out == [ORDER, LIST]
    answer(desk, *answers).print()
    assert [duty.order for duty in desk.printed] == [PAID]
    assert desk.ask_all() == [], "nothing is read twice"


def test_a_list_that_is_late_keeps_nobody_waiting():
    desk, _ = rung(PAID)
    answer(desk, ORDER)
    assert desk.ask_all() == []
    desk.now += LIST_PATIENCE_S
    desk.hear(events.Ticked())
    assert desk.ask_all() == [PLACE]
    answer(desk, PLACE).print()
    assert len(desk.printed) == 1


def test_a_list_that_lags_behind_costs_one_more_question():
    desk, _ = rung(PAID, lists=False)
    answer(desk, ORDER, LIST)
    assert desk.ask_all() == [PLACE]
    answer(desk, PLACE).print()
    assert len(desk.printed) == 1


@pytest.mark.parametrize("trouble", [events.Trouble.BUSY, events.Trouble.FORBIDDEN])
def test_a_list_that_fails_is_replaced_by_the_payment_itself(trouble):
    desk, _ = rung(PAID)
    answer(desk, ORDER)
    fail(desk, trouble, LIST)
    assert desk.ask_all() == [PLACE]
    answer(desk, PLACE).print()
    assert len(desk.printed) == 1
    assert desk.sign is not Signal.ATTENTION


def test_a_reading_that_waited_too_long_for_its_place_is_read_again():
    desk, _ = rung(PAID)
    answer(desk, ORDER)
    desk.now += FRESH_READING_S + 0.1
    desk.books.write(REFUNDED)
    answer(desk, LIST).settle().print()
    assert (desk.printed, desk.reasons) == ([], ["refunded"])


def test_an_order_that_names_its_place_needs_no_list():
    desk = Desk()
    desk.hear(events.DoorbellRang(events.Kind.ORDER, "ORD01"))
    assert desk.ask_all() == [duties.Verify("ORD01")]


def test_a_flood_of_doorbells_asks_for_few_lists():
    desk = Desk()
    desk.asked.clear()
    for number in range(40):
        desk.ring(f"9{number}")
    assert desk.asked.count(LIST) <= LISTS.burst


def test_what_the_list_shows_beside_the_order_is_looked_into_as_well():
    other = replace(PAID, id="27", external_reference="another", payments=(replace(APPROVED, id="28"),))
    desk, out = rung(PAID, other)
    answer(desk, *out).settle().print()
    assert {duty.order.id for duty in desk.printed} == {PAID.id, "27"}


# --- what overtakes what -------------------------------------------------------------------------------------------


def test_an_answer_from_before_a_refund_is_not_believed_after_it():
    """Two questions read one order; the younger answer comes first."""
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.write(OPENED)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id))
    assert ORDER in desk.ask_all()
    desk.now += 0.1
    desk.hear(events.Answered(duties.Search(REFERENCE), events.OrdersFound(REFERENCE, (REFUNDED,))))
    desk.books.write(REFUNDED)
    desk.hear(events.Answered(ORDER, events.MerchantOrderRead(PAID)))
    desk.settle().print()
    assert desk.printed == []


@pytest.mark.parametrize("by_now", [REFUNDED, OPENED], ids=["refunded", "not paid any more"])
def test_a_ticket_that_waits_for_paper_is_not_confirmed_by_an_answer_from_before(by_now):
    desk, out = rung(PAID)
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    answer(desk, *out)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id))
    assert ORDER in desk.ask_all()
    desk.now += 0.1
    desk.hear(events.Answered(duties.Search(REFERENCE), events.OrdersFound(REFERENCE, (by_now,))))
    desk.books.write(by_now)
    desk.hear(events.Answered(ORDER, events.MerchantOrderRead(PAID)), events.PrinterSeen(events.Paper.READY))
    desk.settle().print()
    assert desk.printed == []


# --- what is asked beside what -------------------------------------------------------------------------------------


def test_one_question_of_each_line_is_out():
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.now += 1000
    desk.hear(*(events.DoorbellRang(events.Kind.MERCHANT_ORDER, identity) for identity in ("1", "2", "3")))
    out = desk.ask_all()
    assert len(out) == len({Line.of(duty) for duty in out}) == len(Line)


def test_the_till_is_not_looked_at_while_an_order_is_taken_off_it():
    """A look that overlaps the removal would show what is gone by the time of its answer."""
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.put_finger(2.5)
    assert duties.Cancel(REFERENCE) in desk.ask_all()
    desk.hear(events.BrokerLost("no route"))
    assert duties.LookAtTill() in desk.till.agenda.due
    assert not any(Line.of(duty) is Line.TILL for duty in desk.ask_all())


def test_a_line_in_trouble_gets_one_question():
    desk, out = rung(PAID)
    desk.now += 1
    fail(desk, events.Trouble.NETWORK, *out)
    desk.now += 30
    desk.hear(events.Ticked())
    assert len(desk.ask_all()) == 1


def test_two_questions_that_fail_together_are_one_failure():
    desk, out = rung(PAID)
    desk.now += 1
    fail(desk, events.Trouble.NETWORK, *out)
    assert (desk.till.api.failures, desk.till.api.down) == (1, False)
    desk.wait(5)
    assert desk.till.api.failures == 0
