"""Orders that have an id, as under the Orders API: announced, watched and cancelled by it, and told by two names."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from edge.core import duties, events
from edge.core.agenda import LOOKS
from edge.core.lifecycle import Stage
from edge.core.order import MerchantOrder
from edge.core.status import Signal
from tests.support.desk import Books, Desk, with_settings
from tests.support.facts import APPROVED, EXTERNAL_POS, OPENED, PAID, POS, REFERENCE

ID = "ORD01KA0000000000000000000AA"
NEXT_ID = "ORD01KA0000000000000000000BB"
WAITS = replace(OPENED, id=ID, external_pos_id=EXTERNAL_POS)
PROCESSED = replace(PAID, id=ID, order_status="processed", external_pos_id=EXTERNAL_POS)
NEXT = replace(WAITS, id=NEXT_ID, external_reference="the-next-sale")


def desk_of(*orders: MerchantOrder, **habits: bool) -> Desk:
    books = Books(by_id=True, **habits)
    books.write(*orders)
    return Desk(books=books)


def announced(desk: Desk, identity: str = ID) -> Desk:
    return desk.hear(events.OrderAnnounced(identity)).settle()


# --- announced -------------------------------------------------------------------------------------------------------


def test_an_order_that_was_announced_is_watched_and_printed():
    desk = announced(desk_of(WAITS, searchable=False, named=False))
    assert (desk.till.cashier.loaded, desk.sign) == (REFERENCE, Signal.WAITING)
    desk.books.write(PROCESSED)
    desk.wait(45).print()
    assert [duty.order for duty in desk.printed] == [PROCESSED]
    assert desk.till.cashier.loaded is None
    assert not [duty for duty in desk.asked if isinstance(duty, duties.ReadPayment)], "its place needs no question"


def test_what_the_till_shows_is_looked_for_in_one_book_only():
    desk = Desk(books=Books(on_till=REFERENCE)).wait(45)
    searches = [duty for duty in desk.asked if isinstance(duty, duties.Search)]
    assert [duty.on_till for duty in searches] == [True] * len(searches) != []
    desk.books.on_till = None
    desk.wait(90)
    assert any(not duty.on_till for duty in desk.asked if isinstance(duty, duties.Search))


def test_a_reference_may_be_announced_where_orders_have_no_id():
    desk = Desk(books=Books(on_till=REFERENCE))
    asked = len(desk.asked)
    desk.hear(events.OrderAnnounced(reference=REFERENCE)).settle()
    assert duties.LookAtTill() in desk.asked[asked:]
    assert desk.till.cashier.loaded == REFERENCE


def test_an_order_that_was_paid_before_it_was_announced_gets_its_ticket():
    desk = announced(desk_of(PROCESSED, searchable=False)).print()
    assert [duty.order for duty in desk.printed] == [PROCESSED]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(WAITS, external_pos_id="another"), "another_till"),
        (replace(PROCESSED, external_pos_id="another"), "another_till"),
        (replace(WAITS, collector_id="1"), "wrong_collector"),
        (replace(PROCESSED, collector_id="1"), "wrong_collector"),
    ],
)
def test_what_is_announced_and_is_not_ours_is_neither_watched_nor_cancelled_nor_printed(order, reason):
    desk = announced(desk_of(order)).press(2.5).wait(20).print()
    assert (desk.printed, desk.till.cashier.loaded, desk.reasons) == ([], None, [reason])
    assert not [duty for duty in desk.asked if isinstance(duty, duties.Cancel)]


def test_an_announcement_that_can_not_be_read_means_look():
    desk = desk_of()
    asked = len(desk.asked)
    announced(desk)
    assert duties.LookAtTill() in desk.asked[asked:]


def test_a_flood_of_announcements_is_paced():
    desk = desk_of()
    asked = len(desk.asked)
    for number in range(300):
        desk.hear(events.OrderAnnounced(reference=f"r{number}"))
    desk.wait(10)
    assert len(desk.asked) - asked < 30


def test_a_reference_that_was_announced_is_named_to_the_look():
    desk = desk_of(WAITS).hear(events.OrderAnnounced(reference=REFERENCE)).settle()
    looks = [duty.announced for duty in desk.asked if isinstance(duty, duties.LookAtTill)]
    assert looks[-1] == REFERENCE


def test_a_flood_of_announced_references_is_paced():
    desk = Desk(books=Books())
    desk.asked.clear()
    for number in range(40):
        desk.hear(events.OrderAnnounced(reference=f"sale-{number}")).settle()
    assert desk.asked.count(duties.LookAtTill()) <= LOOKS.burst


def test_an_order_of_which_only_a_scan_was_told_is_found_by_its_reference_and_is_on_the_till():
    desk = desk_of(WAITS)
    desk.books.write(OPENED)
    desk.ring(OPENED.id).wait(10)
    assert (desk.till.cashier.loaded, desk.till.orders.get(REFERENCE).handle) == (REFERENCE, ID)


def test_without_an_announcement_a_press_finds_what_was_paid():
    desk = desk_of(WAITS)
    desk.books.write(PROCESSED)
    desk.press().print()
    assert [duty.order.external_reference for duty in desk.printed] == [REFERENCE]


def test_a_power_cut_forgets_neither_the_order_nor_its_id():
    desk = announced(desk_of(WAITS, searchable=False)).restart()
    assert (desk.till.cashier.loaded, desk.till.orders.get(REFERENCE).handle) == (REFERENCE, ID)
    desk.press(2.5).wait(15)
    assert desk.stage(REFERENCE) is Stage.CANCELLED


def test_an_older_order_that_waits_is_not_taken_for_the_one_that_was_announced_last():
    desk = announced(desk_of(WAITS, NEXT))
    announced(desk, NEXT_ID).wait(30)
    assert desk.till.cashier.loaded == "the-next-sale"


def test_an_order_that_is_announced_again_is_the_one_on_the_till():
    desk = announced(desk_of(WAITS, NEXT))
    announced(desk, NEXT_ID)
    desk.books.write(replace(NEXT, cancelled=True))
    announced(desk.wait(30))
    assert desk.till.cashier.loaded == REFERENCE


def test_what_is_announced_and_is_not_ours_hides_nothing():
    elsewhere = replace(WAITS, id=NEXT_ID, external_pos_id="another")
    desk = announced(announced(desk_of(WAITS, elsewhere)), NEXT_ID).wait(30)
    assert desk.till.cashier.loaded == REFERENCE


@pytest.mark.parametrize("order", [WAITS, PROCESSED])
@pytest.mark.parametrize("pos", [EXTERNAL_POS, "another"])
def test_a_doorbell_for_all_tills_is_for_the_one_that_the_order_names(order, pos):
    desk = announced(desk_of(NEXT), NEXT_ID)
    desk.books.write(replace(order, external_pos_id=pos), place=POS if pos == EXTERNAL_POS else "elsewhere")
    desk.hear(events.DoorbellRang(events.Kind.ORDER, ID, for_all=True)).settle().print()
    ours = pos == EXTERNAL_POS
    assert desk.stage(REFERENCE) == ((Stage.PRINTED if order is PROCESSED else Stage.WAITING) if ours else None)
    assert desk.reasons == [], "what is another till's is dropped silently"


# --- told by two names ----------------------------------------------------------------------------------------------


def both_names(first: MerchantOrder, second: MerchantOrder) -> Desk:
    desk = desk_of(first, second)
    for order in (first, second):
        desk.ring(order.id).print()
    return desk.wait(120).print()


@pytest.mark.parametrize(("first", "second"), [(PAID, PROCESSED), (PROCESSED, PAID)])
def test_a_sale_that_is_told_by_two_names_has_one_ticket_and_is_no_double_payment(first, second):
    desk = both_names(first, second)
    assert (len(desk.printed), desk.outcomes) == (1, ["printed"])
    assert list(desk.till.notices) == []


def test_a_second_payment_under_the_other_name_is_a_double_payment():
    twice = replace(PAID, payments=(APPROVED, replace(APPROVED, id="another")))
    desk = both_names(PROCESSED, twice)
    assert (len(desk.printed), sorted(desk.outcomes)) == (1, ["double_payment", "printed"])
    [notice] = desk.till.notices
    assert [payment.id for payment in notice.payments] == [APPROVED.id, "another"]


def test_an_end_that_is_told_by_two_names_is_reported_once():
    expired = [replace(each, status="expired") for each in (OPENED, WAITS)]
    desk = both_names(*expired)
    assert desk.reasons == ["expired"]


# --- cancelled --------------------------------------------------------------------------------------------------------


def test_a_held_button_cancels_the_order_that_was_on_the_till_by_its_id():
    desk = announced(desk_of(WAITS, NEXT)).put_finger()
    announced(desk, NEXT_ID)
    for _ in range(20):
        desk.wait(0.25)
    desk.lift_finger().wait(15)
    cancels = [duty.handle for duty in desk.asked if isinstance(duty, duties.Cancel)]
    assert cancels == [ID]
    assert (desk.books.orders[ID].cancelled, desk.books.orders[NEXT_ID].cancelled) == (True, False)
    assert desk.outcomes == ["cancelled"]


def test_a_cancel_is_reported_once_and_is_no_matter_for_a_person():
    desk = announced(desk_of(WAITS)).press(2.5).wait(1200)
    assert (desk.stage(REFERENCE), desk.outcomes, list(desk.till.notices)) == (Stage.CANCELLED, ["cancelled"], [])


def test_who_removes_an_order_with_the_shops_software_is_not_called():
    desk = announced(desk_of(WAITS))
    desk.books.write(replace(WAITS, cancelled=True))
    desk.wait(1200)
    assert (desk.reasons, desk.stage(REFERENCE), list(desk.till.notices)) == (["cancelled"], Stage.LAPSED, [])


def test_a_held_button_where_nothing_is_known_to_be_on_the_till_says_that_nothing_was_cancelled():
    desk = desk_of(WAITS).press(2.5).wait(1)
    assert [notice.concern.value for notice in desk.till.notices] == ["not_cancelled"]


@pytest.mark.parametrize("printed", [False, True])
def test_a_held_button_for_an_order_that_was_just_paid_calls_nobody(printed):
    desk = announced(desk_of(WAITS))
    desk.books.write(PROCESSED)
    desk.hear(events.Answered(duties.LookAtTill(), events.TillSeen(None, known=False)))
    if printed:
        desk.settle().print()
    desk.press(2.5).print()
    assert (desk.outcomes, list(desk.till.notices)) == (["printed"], [])


def test_money_in_an_order_that_is_being_cancelled_prints():
    desk = announced(desk_of(WAITS))
    desk.books.write(PROCESSED)
    desk.press(2.5).wait(5).print()
    assert (desk.outcomes, [duty.order for duty in desk.printed]) == (["printed"], [PROCESSED])


# --- the net under both -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("searchable", [True, False])
def test_a_payment_that_names_no_order_leads_to_it_by_its_reference_or_calls_a_person(searchable):
    desk = desk_of(PROCESSED, searchable=searchable, named=False)
    desk.wait(120).print()
    assert desk.outcomes[:1] == ["printed" if searchable else "rejected"]
    assert [notice.concern.value for notice in desk.till.notices] == ([] if searchable else ["paid_without_order"])


@pytest.mark.parametrize("ignored", [False, True])
def test_so_does_one_of_hours_ago_also_where_payments_without_an_order_are_ignored(ignored):
    """The till was off, or Mercado Pago unreachable, when it was paid."""
    desk = Desk(with_settings(ignore_orderless=ignored), Books(by_id=True, named=False))
    desk.books.today += timedelta(hours=2)
    desk.books.write(PROCESSED)
    desk.wait(120).print()
    assert (desk.outcomes, list(desk.till.notices)) == (["printed"], [])


def test_money_of_a_sale_that_has_its_ticket_is_no_riddle_though_it_names_no_order():
    desk = announced(desk_of(WAITS, searchable=False, named=False))
    desk.books.write(PROCESSED)
    announced(desk).print()
    asked = len(desk.asked)
    desk.wait(300)
    assert (desk.outcomes, list(desk.till.notices)) == (["printed"], [])
    assert not [duty for duty in desk.asked[asked:] if isinstance(duty, duties.ReadPayment)]
    desk.ring(APPROVED.id, events.Kind.PAYMENT).wait(60)
    assert (desk.outcomes, list(desk.till.notices)) == (["printed"], [])


@pytest.mark.parametrize("trouble", [None, events.Trouble.FORBIDDEN])
def test_a_doorbell_of_an_order_that_can_not_be_read_means_look_now(trouble):
    desk = Desk(books=Books())
    desk.books.write(PAID, place=POS)
    if trouble:
        desk.books.refused[duties.Verify] = trouble
    asked = len(desk.asked)
    desk.ring(ID, events.Kind.ORDER)
    assert any(isinstance(duty, duties.Sweep) for duty in desk.asked[asked:])


def test_the_sum_that_counts_is_the_orders():
    short = replace(PROCESSED, total=Decimal("5350.51"))
    desk = announced(desk_of(short)).print()
    assert (desk.printed, desk.reasons) == ([], ["not_covered"])
