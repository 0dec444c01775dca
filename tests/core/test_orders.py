"""The orders and their index, and the mapping that they lie in: what changes one changes the other."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.core import duties, events
from edge.core.lifecycle import Order, Stage
from edge.core.maps import Shelf
from edge.core.orders import Orders
from tests.support.desk import Desk
from tests.support.facts import PAID

NAMES = st.sampled_from("abc")
PAID_BY = st.lists(st.sampled_from("123456"), unique=True, max_size=3)


def order(reference: str, paid_by: list[str], stage: Stage) -> Order:
    first, *others = (f"{reference}{each}" for each in paid_by) if paid_by else ("",)
    return Order(reference, stage, reading=replace(PAID, id=first) if first else None, also_paid=tuple(others))


@given(st.lists(st.builds(order, NAMES, PAID_BY, st.sampled_from(Stage))))
def test_the_index_knows_what_each_order_was_paid_with_and_nothing_else(changes):
    orders = Orders()
    for change in changes:
        orders = orders.put(change, None)
    rebuilt = Orders.of(orders)
    assert dict(orders.paid_by) == dict(rebuilt.paid_by)
    assert (dict(orders.living), dict(orders.finished)) == (dict(rebuilt.living), dict(rebuilt.finished))


@given(st.dictionaries(st.text(max_size=3), st.integers()), st.text(max_size=3), st.integers())
def test_a_shelf_is_a_mapping_whose_copies_tell_what_changed(items, key, value):
    before = Shelf(items)
    after = before.put(key, value)
    assert dict(after) == {**items, key: value}
    assert dict(before) == items
    assert len(after) == len({**items, key: value})
    assert dict(after.changes_since(before)) == ({} if items.get(key) is value else {key: value})
    gone = after.drop(key)
    assert list(gone.dropped_since(after)) == [key]
    assert key not in gone
    assert gone.drop(key) is gone


def test_an_urgent_question_that_fails_lets_the_others_go_first():
    """Else one that never is answered would have its turn at each attempt, and the others none."""
    desk = Desk()
    desk.till = desk.till.owe(duties.ReadPayment("1"), desk.now, urgent=True)
    duty = duties.ReadPayment("1")
    for asked in (duties.LookAtTill(), duty):
        desk.hear(events.Answered(asked, events.Unreachable(events.Trouble.BUSY, "503")))
    assert not desk.till.agenda.due[duty].urgent
