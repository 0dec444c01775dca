"""What a reading of a merchant order means: whether it is ours, whether it is paid, whether it has its ticket. Pure.

Nothing here waits. An old reading is never judged, and one that was paid is judged again before its ticket. `till.py`
decides when to read.
"""

from dataclasses import replace

from edge.core import duties, events
from edge.core.lifecycle import FINISHED, Move, Order, Stage
from edge.core.machines.agenda import Due
from edge.core.machines.evidence import Source
from edge.core.machines.notices import Concern, Notice
from edge.core.order import NEVER, MerchantOrder, Verdict, money
from edge.core.state import Till

PLACE_AGAIN_S = 60.0
"""When an order is read again whose place could not be found out."""


def judge(till: Till, reading: MerchantOrder, now: float) -> Till:
    """Draw the consequence of one reading; it replaces an older one that waits for the place of its payment."""
    till = replace(till, evidence=till.evidence.without_waiting(reading.id))
    order = till.orders.about(reading)
    if order is not None and reading.id in order.paid_by:
        return _judge_again(till, order, reading, now)
    found = till.evidence.verdict(reading, till.account, order)
    match found:
        case Verdict.PAID:
            order = order or Order(reading.reference)
            return _confirm(_pay(till, order, reading), order.reference, reading, now)
        case Verdict.LOOK_AGAIN:
            return _watch(till, reading, now)
        case Verdict.PLACE_UNKNOWN:
            return _ask_place(till, reading, now)
    return reject(till, duties.Verify(reading.id), found.value, reading.reference)


def judge_all(till: Till, readings: tuple[MerchantOrder, ...], now: float) -> Till:
    for reading in readings:
        till = judge(till, reading, now)
    return till


def _ask_place(till: Till, reading: MerchantOrder, now: float) -> Till:
    """Covered, and Mercado Pago has to say at which point of sale: ask for one of its payments."""
    payment = till.evidence.unplaced(reading)[0]
    till = replace(till, evidence=till.evidence.await_pos(reading))
    till = till.owe(duties.Verify(reading.id), now + PLACE_AGAIN_S)  # the journal keeps this one
    return till.owe(duties.ReadPayment(payment), now, urgent=True)


def _watch(till: Till, reading: MerchantOrder, now: float) -> Till:
    """`opened` means no more than: look again. Watch the reference, and see whether it is on our till at all."""
    if till.orders.get(reading.reference) is not None or not reading.external_reference:
        return till
    till = till.put(Order(reading.reference)).owe(duties.LookAtTill(), now)
    return till.schedule(duties.Search(reading.reference), Due(now + till.settings.check_every_s, now))


def _pay(till: Till, order: Order, reading: MerchantOrder) -> Till:
    """The money is there: a ticket is owed, unless this reference has its own."""
    if order.reading is not None:
        till = till.put(replace(order, also_paid=(*order.also_paid, reading.id)))
        return _report_double(till, order.reference, reading)
    late = order.stage in FINISHED and order.on_our_till  # an order that we only lost sight of isn't late
    order = replace(order.moved(Move.PAID), reading=reading, on_our_till=True, first_finished_at=None)
    if _may_have_its_ticket(till, reading):
        order = order.with_banner(duties.Banner.COPY)
    if late:
        order = order.with_banner(duties.Banner.LATE)
        till = till.alarm(Concern.LATE_MONEY, order.reference)
        till = till.report(duties.Outcome.LATE_MONEY, order.reference, reading.id)
    till = till.drop(duties.Search(order.reference), duties.Cancel(order.reference)).put(order)
    solved = {Notice(Concern.PAID_WITHOUT_ORDER, payment.id) for payment in reading.payments}
    return replace(
        till,
        cashier=till.cashier.off_the_till(order.reference),
        notices=till.notices - solved,
        agenda=till.agenda.refund_lookups(),
    )


def _may_have_its_ticket(till: Till, reading: MerchantOrder) -> bool:
    """Whether it was paid at a time of which the journal no longer knows what was printed."""
    complete_since = till.history.complete_since
    return complete_since is not None and NEVER < reading.first_paid_at < complete_since


def _judge_again(till: Till, order: Order, reading: MerchantOrder, now: float) -> Till:
    """It was paid when last read: is it still? Where it was paid needs no second proof."""
    found = money(reading, till.account)
    if found is Verdict.PAID:
        return _confirm(till, order.reference, reading, now)
    till = replace(till, evidence=till.evidence.doubt(reading.id))
    return _take_back(till, order, reading, found, now) if found.rejected else till


def _confirm(till: Till, reference: str, reading: MerchantOrder, now: float) -> Till:
    """The money is there, at this moment; and perhaps twice, by two phones that scanned at once."""
    evidence = till.evidence.confirm(reading.id, now)
    if not reading.paid_twice or reading.id in evidence.paid_twice:
        return replace(till, evidence=evidence)
    return _report_double(replace(till, evidence=evidence.note_paid_twice(reading.id)), reference, reading)


def _report_double(till: Till, reference: str, reading: MerchantOrder) -> Till:
    till = till.alarm(Concern.DOUBLE_PAYMENT, reference)
    return till.report(duties.Outcome.DOUBLE_PAYMENT, reference, reading.id)


def _take_back(till: Till, order: Order, reading: MerchantOrder, found: Verdict, now: float) -> Till:
    """The money went back. An order without a ticket gets none; a copy that a person asked for comes all the same."""
    assert order.reading is not None
    if order.stage not in (Stage.PAID, Stage.LISTED) or order.is_reprint or reading.id != order.reading.id:
        return till
    for other in order.also_paid:  # the same sale, paid a second time: that money is still there
        till = till.owe(duties.Verify(other), now, urgent=True)
    till = till.put(replace(order.moved(Move.TAKEN_BACK), reading=None, also_paid=()))
    till = replace(till, evidence=till.evidence.no_longer_insist(*order.paid_by))
    till = till.alarm(Concern.REJECTED, order.reference)
    return reject(till, duties.Verify(reading.id), found.value, order.reference)


def in_doubt(till: Till, merchant_order: str, now: float) -> bool:
    """Whether it was paid and Mercado Pago no longer says so, nor that the money went back: no ticket, and ask on."""
    order = till.orders.paid_with(merchant_order)
    unprinted = order is not None and order.stage is Stage.PAID and order.paid_by[0] == merchant_order
    return order is not None and unprinted and till.evidence.is_stale(order, now)


def place(till: Till, payment: events.PaymentRead, now: float) -> Till:
    """Where a payment was made is known now: read its merchant order, afresh if a reading waited for that."""
    till = replace(till, evidence=till.evidence.place(payment.id, payment.pos_id))
    merchant_orders = {reading.id for reading in till.evidence.waiting_for(payment.id)}
    merchant_orders |= {payment.merchant_order} - {""}
    for merchant_order in sorted(merchant_orders):
        till = till.owe(duties.Verify(merchant_order), now, urgent=True)
    return till if merchant_orders else _orphan(till, payment)


def _orphan(till: Till, payment: events.PaymentRead) -> Till:
    """Money without an order: a person has to find out whose it is."""
    source = duties.ReadPayment(payment.id)
    ours = payment.approved and payment.pos_id == till.history.pos_id
    if ours and source not in till.evidence.rejections:
        till = till.alarm(Concern.PAID_WITHOUT_ORDER, payment.id)
    return reject(till, source, "no_merchant_order")


def reject(till: Till, source: Source, reason: str, reference: str = "") -> Till:
    """Report once why something that was read gets no ticket. The order that it claims to be is watched further."""
    if till.evidence.rejections.get(source) == reason:
        return till
    till = replace(till, evidence=till.evidence.reject(source, reason))
    if _concerns_a_person(till.orders.living.get(reference), reason):
        till = till.alarm(Concern.REJECTED, reference)
    return till.publish(_rejection(source, reason, reference))


def _concerns_a_person(order: Order | None, reason: str) -> bool:
    """An abandoned scan expires at every second sale, which is no matter for a person."""
    waits_here = order is not None and order.on_our_till and order.reading is None
    return (waits_here and reason != Verdict.EXPIRED) or reason == Verdict.NO_PLACE


def _rejection(source: Source, reason: str, reference: str) -> duties.Report:
    match source:
        case duties.Verify(merchant_order):
            return duties.Report(duties.Outcome.REJECTED, reference, merchant_order, reason)
        case duties.ReadPayment(payment):
            return duties.Report(duties.Outcome.REJECTED, reference, reason=reason, payment=payment)
