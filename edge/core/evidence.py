"""What a reading of a merchant order teaches: whether it is ours, whether it is paid, whether it has its ticket. Pure.

Nothing here waits: `till.py` says when to read, and is told here what else is to be asked for. An old reading is
never judged, and one that was paid is judged again before its ticket.
"""

from dataclasses import replace

from edge.core import duties, events
from edge.core.lifecycle import FINISHED, Move, Order, Stage
from edge.core.order import NEVER, MerchantOrder, Verdict, money, unplaced, verdict
from edge.core.printing import ALL_THE_SAME, is_old, unprinted
from edge.core.state import FIRST, Concern, Due, Notice, Till, remember, without

PAID_TWICE = "paid_twice"
PLACE_AGAIN = 60.0
"""When an order is read again whose place we could not find out."""


def read(till: Till, reading: MerchantOrder, now: float) -> Till:
    """Draw the consequence of one reading of a merchant order; it replaces an older one that waits for its place."""
    till = replace(till, unplaced=without(till.unplaced, reading.id))
    order = told_of(till, reading)
    if order is not None and reading.id in order.paid_by:
        return _read_paid(till, order, reading, now)
    found = verdict(reading, till.account, order is not None and order.on_our_till, till.places)
    match found:
        case Verdict.PAID:
            order = order or Order(reading.reference)
            return _confirm(_pay(till, order, reading), order.reference, reading, now)
        case Verdict.LOOK_AGAIN:
            return _watch(till, reading, now)
        case Verdict.PLACE_UNKNOWN:
            till = replace(till, unplaced=remember(till.unplaced, reading.id, reading))
            till = till.owe(duties.Verify(reading.id), now + PLACE_AGAIN)  # the journal keeps this one
            return till.owe(duties.ReadPayment(unplaced(reading, till.places)[0]), FIRST)
    return reject(till, found.value, reading.reference, reading.id)


def read_all(till: Till, readings: tuple[MerchantOrder, ...], now: float) -> Till:
    for reading in readings:
        till = read(till, reading, now)
    return till


def told_of(till: Till, reading: MerchantOrder) -> Order | None:
    """The order that a reading is about: the one that it paid, whatever Mercado Pago calls it by now."""
    orders = (*till.orders.values(), *till.past.values())
    return next((order for order in orders if reading.id in order.paid_by), None) or till.order(reading.reference)


def _watch(till: Till, reading: MerchantOrder, now: float) -> Till:
    """`opened` means no more than: look again. Watch the reference, and see whether it is on our till at all."""
    if till.order(reading.reference) is not None or not reading.external_reference:
        return till
    till = till.put(Order(reading.reference)).owe(duties.LookAtTill(), now)
    return till.schedule(duties.Search(reading.reference), Due(now + till.settings.check_every, now))


def _pay(till: Till, order: Order, reading: MerchantOrder) -> Till:
    """The money is there: a ticket is owed, unless this reference has its own."""
    if order.reading is not None:
        till = till.put(replace(order, also_paid=(*order.also_paid, reading.id)))
        return _say_double(till, order.reference, reading)
    # What we never saw on our till lapsed for want of knowledge, not of money.
    late = order.stage in FINISHED and order.on_our_till
    order = replace(order.moved(Move.PAID), reading=reading, on_our_till=True, filed_at=None)
    if till.known_since is not None and NEVER < reading.first_paid_at < till.known_since:
        order = order.with_banner(duties.Banner.COPY)
    if late:
        order = order.with_banner(duties.Banner.LATE)
        till = till.alarm(Concern.LATE_MONEY, order.reference)
        till = till.report(duties.Outcome.LATE_MONEY, order.reference, reading.id)
    loaded = None if till.loaded == order.reference else till.loaded
    notices = till.notices - {Notice(Concern.PAID_WITHOUT_ORDER, payment.id) for payment in reading.payments}
    till = replace(till, loaded=loaded, notices=notices, lookups=0.0)  # whoever rings for money is no flood
    return till.drop(duties.Search(order.reference), duties.Cancel(order.reference)).put(order)


def _read_paid(till: Till, order: Order, reading: MerchantOrder, now: float) -> Till:
    """It is paid, as far as we know: is it still? Where it was paid needs no second proof."""
    found = money(reading, till.account)
    if found is Verdict.PAID:
        return _confirm(till, order.reference, reading, now)
    if till.confirmed.get(reading.id) != ALL_THE_SAME:
        till = replace(till, confirmed=without(till.confirmed, reading.id))
    return _take_back(till, order, reading, found) if found.rejected else till


def _confirm(till: Till, reference: str, reading: MerchantOrder, now: float) -> Till:
    """The money is there, at this moment; and perhaps twice, by two phones that scanned at once."""
    confirmed = max(now, till.confirmed.get(reading.id, now))  # what a person wanted all the same stays wanted
    till = replace(till, confirmed=remember(till.confirmed, reading.id, confirmed))
    if not reading.paid_twice or till.rejections.get(reading.id) == PAID_TWICE:
        return till
    till = replace(till, rejections=remember(till.rejections, reading.id, PAID_TWICE))
    return _say_double(till, reference, reading)


def _say_double(till: Till, reference: str, reading: MerchantOrder) -> Till:
    till = till.alarm(Concern.DOUBLE_PAYMENT, reference)
    return till.report(duties.Outcome.DOUBLE_PAYMENT, reference, reading.id)


def _take_back(till: Till, order: Order, reading: MerchantOrder, found: Verdict) -> Till:
    """The money went back. What has no ticket yet gets none; a copy that a person asked for is no matter of ours."""
    assert order.reading is not None
    if order.stage not in (Stage.PAID, Stage.LISTED) or order.copy_wanted or reading.id != order.reading.id:
        return till
    for other in order.also_paid:  # the same sale, paid a second time: that money is still there
        till = till.owe(duties.Verify(other), FIRST)
    till = till.put(replace(order.moved(Move.TAKEN_BACK), reading=None, also_paid=()))
    return reject(till.alarm(Concern.REJECTED, order.reference), found.value, order.reference, reading.id)


def in_doubt(till: Till, merchant_order: str, now: float) -> bool:
    """Whether it was paid and Mercado Pago no longer says so, nor that the money went back: no ticket, and ask on."""
    return any(order.paid_by[0] == merchant_order and is_old(till, order, now) for order in unprinted(till))


def place(till: Till, payment: events.PaymentRead) -> Till:
    """Where a payment was made is known now: read its merchant order, afresh if a reading waited for that."""
    till = replace(till, places=remember(till.places, payment.id, payment.pos_id))
    orders = {reading.id for reading in waiting_for(till, payment.id)}
    for identity in sorted(orders | {payment.merchant_order} - {""}):
        till = till.owe(duties.Verify(identity), FIRST)
    return till if orders or payment.merchant_order else _orphan(till, payment)


def waiting_for(till: Till, payment: str) -> tuple[MerchantOrder, ...]:
    """The readings that can't be judged before we know where this payment was made."""
    return tuple(reading for reading in till.unplaced.values() if payment in unplaced(reading, {}))


def _orphan(till: Till, payment: events.PaymentRead) -> Till:
    """Money without an order: a person has to find out whose it is."""
    name = f"payment {payment.id}"
    if payment.approved and payment.pos_id == till.pos_id and name not in till.rejections:
        till = till.alarm(Concern.PAID_WITHOUT_ORDER, payment.id)
    return reject(till, "no_merchant_order", merchant_order=name)


def reject(till: Till, reason: str, reference: str = "", merchant_order: str = "") -> Till:
    """Say once why a reading is worth no ticket. The order that it claims to be goes on being watched."""
    if till.rejections.get(merchant_order) == reason:
        return till
    till = replace(till, rejections=remember(till.rejections, merchant_order, reason))
    order = till.orders.get(reference)
    ours = order is not None and order.on_our_till and order.reading is None
    # An abandoned scan expires at every second sale; that is no matter for a person.
    if (ours and reason != Verdict.EXPIRED) or reason == Verdict.NO_PLACE:
        till = till.alarm(Concern.REJECTED, reference)
    return till.report(duties.Outcome.REJECTED, reference, merchant_order, reason)
