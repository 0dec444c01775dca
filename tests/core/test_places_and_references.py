"""Money whose place nobody names, a reference that is used again, and doorbells that name nothing to look up."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from edge.core import duties, events
from edge.core.notices import Concern
from edge.core.status import Signal
from tests.support.desk import Books, Desk, with_settings
from tests.support.facts import APPROVED, PAID, POS, REFERENCE


def concerns(desk: Desk) -> list[Concern]:
    return [notice.concern for notice in desk.till.notices]


def selling(*orders, place: str = POS) -> Desk:
    """A desk at which the order of the story is on the till and seen."""
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.write(*orders, place=place)
    return desk


def later(order, seconds: float = 3600):
    """Another merchant order of the same reference, paid later."""
    payment = replace(APPROVED, id="98000000099", date_approved=APPROVED.date_approved + timedelta(seconds=seconds))
    return replace(order, id="31000000099", payments=(payment,))


# --- places --------------------------------------------------------------------------------------------------------


def test_what_the_sweep_finds_without_a_place_gets_no_ticket():
    """An online sale of the same account."""
    desk = Desk()
    desk.books.write(replace(PAID, external_reference="web-7781"), place="")
    desk.wait(120).print()
    assert desk.printed == []
    assert desk.reasons == ["no_place"]
    assert concerns(desk) == [Concern.REJECTED]


def test_what_the_list_names_no_place_of_and_the_payment_does_is_ours():
    desk = Desk()
    desk.books.write(PAID)
    listed = events.Swept(POS, desk.books.today, {APPROVED.id: PAID.id}, unplaced=frozenset({APPROVED.id}))
    desk.hear(events.Answered(duties.Sweep(POS), listed)).settle().print()
    assert [ticket.order for ticket in desk.printed] == [PAID]


def test_what_names_no_place_and_was_on_our_till_is_ours():
    desk = selling(PAID, place="").wait(120).print()
    assert [ticket.order for ticket in desk.printed] == [PAID]


def test_it_is_asked_for_its_place_once_and_not_at_each_sweep():
    desk = Desk()
    desk.books.write(replace(PAID, external_reference="web-7781"), place="")
    desk.wait(900)
    assert desk.asked.count(duties.ReadPayment(APPROVED.id)) == 1


# --- references ----------------------------------------------------------------------------------------------------


def test_another_sum_under_a_used_reference_is_no_double_payment():
    desk = selling(PAID).ring(PAID.id).print()
    other = later(PAID)
    other = replace(other, total=Decimal(800), payments=(replace(other.payments[0], amount=Decimal(800)),))
    desk.books.write(other)
    desk.ring(other.id).print()
    assert desk.outcomes == ["printed", "reference_used_again"]
    assert concerns(desk) == [Concern.REFERENCE_USED_AGAIN]
    assert next(iter(desk.till.notices)).payments == other.payments
    assert len(desk.printed) == 1


def test_the_same_sum_is_the_same_sale_paid_twice():
    desk = selling(PAID).ring(PAID.id).print()
    desk.books.write(later(PAID))
    desk.ring("31000000099").print()
    assert desk.outcomes == ["printed", "double_payment"]


def test_it_is_told_once_also_after_a_restart():
    desk = selling(PAID).ring(PAID.id).print()
    other = later(PAID)
    other = replace(other, total=Decimal(800), payments=(replace(other.payments[0], amount=Decimal(800)),))
    desk.books.write(other)
    desk = desk.ring(other.id).restart()
    desk.ring(other.id)
    assert desk.outcomes.count("reference_used_again") <= 1
    assert concerns(desk) == [Concern.REFERENCE_USED_AGAIN]


@pytest.mark.parametrize(("total", "warned"), [(Decimal("5350.50"), False), (Decimal(800), True), (None, False)])
def test_a_used_reference_is_warned_of_when_it_is_loaded(total, warned):
    desk = selling(PAID).ring(PAID.id).print()
    desk.books.total = total
    desk.press()
    assert (Concern.REFERENCE_USED_AGAIN in concerns(desk)) is warned


def test_a_used_reference_that_is_on_the_till_long_after_its_payment_is_warned_of():
    desk = selling(PAID).ring(PAID.id).print()
    desk.books.total = PAID.total
    desk.books.today += timedelta(minutes=30)
    desk.wait(900).press()
    assert Concern.REFERENCE_USED_AGAIN in concerns(desk)
    assert desk.sign is Signal.ATTENTION


# --- concerns and doorbells ----------------------------------------------------------------------------------------


def test_a_concern_ends_with_its_ticket():
    """Closed, and its payments are null for some seconds."""
    early = replace(PAID, payments=())
    desk = selling(early).ring(PAID.id)
    assert concerns(desk) == [Concern.REJECTED]
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    assert desk.outcomes[-1] == "printed"
    assert concerns(desk) == []


def test_a_doorbell_of_an_order_means_look_now():
    desk = selling(PAID)
    asked = len(desk.asked)
    desk.ring("ORD01KA0000000000000000000AA", events.Kind.ORDER).print()
    assert duties.LookAtTill() in desk.asked[asked:]
    assert [ticket.order for ticket in desk.printed] == [PAID]


# --- another device at our point of sale ---------------------------------------------------------------------------


def beside_a_terminal(count: int, **settings) -> Desk:
    """A Point terminal has sold at our point of sale: its payments name no order."""
    desk = Desk(with_settings(**settings), Books(named=False))
    for number in range(count):
        desk.books.write(replace(PAID, id=f"{number}", payments=(replace(APPROVED, id=f"p{number}"),)))
    return desk.wait(120)


def test_each_payment_without_an_order_is_told_once_over_sweeps_restarts_and_refunds():
    desk = beside_a_terminal(3).tell()
    assert [slip.notice.reference for slip in desk.told] == ["p0", "p1", "p2"]
    desk.press().wait(4000)
    given_back = replace(APPROVED, id="p1", refunded=Decimal(50))
    desk.books.payments["p1"] = given_back
    again = desk.restart().wait(4000).tell()
    assert duties.ReadPayment("p1") in again.asked
    assert (again.told, again.sign) == ([], Signal.READY)


def test_one_that_was_not_approved_at_first_is_told_when_it_is():
    desk = Desk()
    for approved in (False, True):
        answer = events.PaymentRead("77", POS, "", approved)
        for _ in range(6):
            desk.hear(events.Answered(duties.ReadPayment("77"), answer))
    assert concerns(desk) == [Concern.PAID_WITHOUT_ORDER]


def test_a_shop_may_ignore_what_a_terminal_sells():
    desk = beside_a_terminal(3, ignore_orderless=True).tell()
    assert (desk.told, desk.reasons, desk.sign) == ([], [], Signal.READY)
    desk.wait(900)
    assert desk.asked.count(duties.ReadPayment("p1")) <= 6, "looked up once, not at each sweep"


def test_a_sale_of_ours_that_names_no_order_at_first_is_not_ignored():
    desk = beside_a_terminal(0, ignore_orderless=True)
    desk.books.write(PAID)
    desk.wait(120).books.named = True
    desk.wait(120).print()
    assert [ticket.order for ticket in desk.printed] == [PAID]


def test_what_names_an_order_that_ended_unpaid_is_for_a_person_all_the_same():
    desk = Desk(with_settings(ignore_orderless=True))
    desk.books.write(replace(PAID, status="expired"))
    desk.wait(200)
    assert concerns(desk) == [Concern.PAID_WITHOUT_ORDER]


def test_an_old_payment_without_an_order_is_read_once():
    desk = Desk(books=Books(named=False))
    desk.books.today += timedelta(hours=1)
    desk.books.write(PAID)
    desk.wait(900)
    assert desk.asked.count(duties.ReadPayment(APPROVED.id)) == 1
