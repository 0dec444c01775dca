"""What Mercado Pago has said about money, and what a reading of a merchant order means. Pure.

Whether it is ours, whether it is paid, whether it has its ticket. An old reading is never judged, nor one that another
has overtaken; and one that was paid is judged again before its ticket. `till.py` decides when to read. None of this is
kept over a restart, for Mercado Pago can be asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.core import duties, events
from edge.core.agenda import Due
from edge.core.lifecycle import FINISHED, Move, Order, Stage
from edge.core.maps import remember, without
from edge.core.notices import Concern
from edge.core.order import NEVER, Account, MerchantOrder, Payment, Verdict, money, unplaced, verdict

if TYPE_CHECKING:
    from edge.core.state import Till

PLACE_AGAIN_S = 60.0
"""When an order is read again whose place could not be found out."""
MAX_AGE_S = 60.0
"""What was read longer ago is read again before its ticket is printed, for money goes back, too."""
FRESH_READING_S = 5.0
"""A reading that waited no longer for its place is judged as it stands; an older one is read again."""
LIST_PATIENCE_S = 0.5
"""How long a list may keep a reading waiting; then the payment itself is asked where it was made."""
MAX_REJECTIONS = 5000
"""A sweep lists three days, and beside this till a card terminal may sell a thousand times a day without an order."""

NO_ORDER = "no_merchant_order"
"""The reason of a payment that names no order, on the `tickets` topic."""

Source = duties.Verify | duties.ReadPayment
"""What was looked up: a merchant order or a payment."""


@dataclass(frozen=True)
class Unplaced:
    """A reading that is paid, and waits to be told where. Made by `judge`; gone with the place, or a newer reading."""

    reading: MerchantOrder
    read_at: float
    """When its question went out."""
    since: float
    """When its answer came."""


@dataclass(frozen=True)
class Evidence:
    """Collected from Mercado Pago's answers; asked before a ticket is owed, and again before it is printed."""

    pos_by_payment: Mapping[str, str] = field(default_factory=dict)
    """Payment id -> the id of the point of sale where it was made; "" where Mercado Pago names none."""
    awaiting_pos: Mapping[str, Unplaced] = field(default_factory=dict)
    """Merchant order id -> a reading that can't be judged before we know where its payment was made."""
    confirmed_at: Mapping[str, float] = field(default_factory=dict)
    """Merchant order id -> when Mercado Pago was last asked that said that it is paid."""
    contradicted_at: Mapping[str, float] = field(default_factory=dict)
    """Reference -> when Mercado Pago last said that an order of it isn't paid, or not any more."""
    insisted: frozenset[str] = frozenset()
    """Merchant orders whose ticket a person wants although Mercado Pago can't confirm them any more."""
    rejections: Mapping[Source, str] = field(default_factory=dict)
    """What was rejected, and why, so that it is reported once."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Reference -> why it was last rejected: one order may be told under several names."""
    paid_twice: Mapping[str, bool] = field(default_factory=dict)
    """Merchant orders that were reported as paid twice."""
    first_heard_at: Mapping[str, float] = field(default_factory=dict)
    """Merchant order id -> when the first news of it came, until its ticket is out."""

    def verdict(self, reading: MerchantOrder, account: Account, order: Order | None) -> Verdict:
        return verdict(reading, account, order is not None and order.on_our_till, self.pos_by_payment)

    def place(self, payment: str, pos_id: str) -> "Evidence":
        """It is known now where a payment was made."""
        return replace(self, pos_by_payment=remember(self.pos_by_payment, payment, pos_id))

    def await_pos(self, reading: MerchantOrder, read_at: float, now: float) -> "Evidence":
        unplaced = Unplaced(reading, read_at, now)
        return replace(self, awaiting_pos=remember(self.awaiting_pos, reading.id, unplaced))

    def without_waiting(self, merchant_order: str) -> "Evidence":
        """A newer reading replaces the one that waits."""
        return replace(self, awaiting_pos=without(self.awaiting_pos, merchant_order))

    def waiting_for(self, payment: str) -> tuple[Unplaced, ...]:
        """The readings that wait for the place of this payment."""
        return tuple(each for each in self.awaiting_pos.values() if payment in unplaced(each.reading, {}))

    def unplaced(self, reading: MerchantOrder) -> tuple[str, ...]:
        """The approved payments of a reading whose place is still to be asked for."""
        return unplaced(reading, self.pos_by_payment)

    def confirm(self, merchant_order: str, read_at: float) -> "Evidence":
        """Mercado Pago says that it is paid."""
        return replace(self, confirmed_at=remember(self.confirmed_at, merchant_order, read_at))

    def contradict(self, reference: str, now: float) -> "Evidence":
        """Mercado Pago says that it isn't paid: what was asked before, and answers later, is older than that."""
        return replace(self, contradicted_at=remember(self.contradicted_at, reference, now))

    def is_overtaken(self, reading: MerchantOrder, read_at: float) -> bool:
        """Whether Mercado Pago has said otherwise since this question went out."""
        return read_at < self.contradicted_at.get(reading.reference, read_at)

    def doubt(self, merchant_order: str) -> "Evidence":
        """Mercado Pago doesn't say so any more, or it was too long ago."""
        return replace(self, confirmed_at=without(self.confirmed_at, merchant_order))

    def insist(self, merchant_order: str) -> "Evidence":
        return replace(self, insisted=self.insisted | {merchant_order})

    def no_longer_insist(self, *merchant_orders: str) -> "Evidence":
        return replace(self, insisted=self.insisted - set(merchant_orders))

    def is_stale(self, order: Order, now: float) -> bool:
        """Whether a paid order must be read again before its ticket. A copy that a person wants needs none."""
        merchant_order = order.paid_by[0]
        if order.is_reprint or merchant_order in self.insisted:
            return False
        return not self.is_confirmed(merchant_order, now)

    def is_confirmed(self, merchant_order: str, now: float) -> bool:
        """Whether Mercado Pago said within the last minute that it is paid."""
        confirmed_at = self.confirmed_at.get(merchant_order)
        return confirmed_at is not None and now < confirmed_at + MAX_AGE_S

    def reject(self, source: Source, reason: str, reference: str = "") -> "Evidence":
        reasons = remember(self.reasons, reference, reason) if reference else self.reasons
        return replace(self, rejections=remember(self.rejections, source, reason, MAX_REJECTIONS), reasons=reasons)

    def clear(self, reference: str) -> "Evidence":
        """It is paid: whatever is wrong with it from now on is news."""
        return replace(self, reasons=without(self.reasons, reference))

    def rejected(self, merchant_order: str) -> str | None:
        """Why a merchant order was last rejected; None if it wasn't."""
        return self.rejections.get(duties.Verify(merchant_order))

    def note_paid_twice(self, merchant_order: str) -> "Evidence":
        return replace(self, paid_twice=remember(self.paid_twice, merchant_order, True))

    def note_news(self, merchant_order: str, heard_at: float) -> "Evidence":
        """The time from the doorbell to the paper is measured from here."""
        if merchant_order in self.first_heard_at:
            return self
        return replace(self, first_heard_at=remember(self.first_heard_at, merchant_order, heard_at))

    def forget_news(self, merchant_orders: tuple[str, ...]) -> "Evidence":
        return replace(self, first_heard_at=without(self.first_heard_at, *merchant_orders))


# --- what a reading means ------------------------------------------------------------------------------------------


def judge(till: "Till", reading: MerchantOrder, read_at: float, now: float) -> "Till":
    """Draw the consequence of one reading; it replaces an older one that waits for the place of its payment.

    `read_at` is when its question went out: what is true may have changed since.
    """
    till = replace(till, evidence=till.evidence.without_waiting(reading.id))
    order = till.orders.about(reading)
    if order is not None and reading.id in order.paid_by:
        return _judge_again(till, order, reading, read_at, now)
    found = till.evidence.verdict(reading, till.account, order)
    match found:
        case Verdict.PAID if till.evidence.is_overtaken(reading, read_at):
            return till.owe(duties.Verify(reading.id), now, urgent=True)
        case Verdict.PAID:
            order = order or Order(reading.reference)
            return _confirm(_pay(till, order, reading, now), order.reference, reading, read_at)
        case Verdict.LOOK_AGAIN:
            return _watch(till, reading, now)
        case Verdict.PLACE_UNKNOWN:
            return _await_place(till, reading, read_at, now)
        case Verdict.CANCELLED if _was_our_doing(order, reading):
            return till
    till = replace(till, evidence=till.evidence.contradict(reading.reference, now))
    return reject(till, duties.Verify(reading.id), found.value, reading.reference, reading.moved_money)


def judge_all(till: "Till", readings: tuple[MerchantOrder, ...], read_at: float, now: float) -> "Till":
    for reading in readings:
        till = judge(till, reading, read_at, now)
    return till


def _await_place(till: "Till", reading: MerchantOrder, read_at: float, now: float) -> "Till":
    """Covered, and Mercado Pago has to say at which point of sale."""
    till = replace(till, evidence=till.evidence.await_pos(reading, read_at, now))
    return till.owe(duties.Verify(reading.id), now + PLACE_AGAIN_S)  # the journal keeps this one


def ask_places(till: "Till", now: float) -> "Till":
    """Ask for a payment whose place a reading waits for, unless a list is out that may soon tell it."""
    for each in till.evidence.awaiting_pos.values():
        to_ask = till.evidence.unplaced(each.reading)[:1]
        if to_ask and not (till.agenda.lists_soon and now < each.since + LIST_PATIENCE_S):
            till = till.insist(duties.ReadPayment(*to_ask), now)
    return till


def _was_our_doing(order: Order | None, reading: MerchantOrder) -> bool:
    """Whether we removed it ourselves, so that nobody has to be told."""
    return order is not None and order.stage in (Stage.CANCELLING, Stage.CANCELLED) and not reading.moved_money


def _watch(till: "Till", reading: MerchantOrder, now: float) -> "Till":
    """`opened` means no more than: look again. Watch the reference, and see whether it is on our till at all."""
    order = till.orders.get(reading.reference)
    if not reading.external_reference or (order is not None and order.handle == reading.handle):
        return till
    if reading.handle:
        till = replace(till, cashier=replace(till.cashier, announced=reading.handle))
    till = till.owe(duties.LookAtTill(), now)
    if order is not None:
        return till
    till = till.put(Order(reading.reference))
    return till.schedule(duties.Search(reading.reference), Due(now + till.settings.check_every_s, now))


def _pay(till: "Till", order: Order, reading: MerchantOrder, now: float) -> "Till":
    """The money is there: a ticket is owed, unless this reference has its own."""
    if order.reading is not None:
        return _pay_again(till, order, order.reading, reading)
    late = order.stage in FINISHED and order.on_our_till  # an order that we only lost sight of isn't late
    order = replace(order.moved(Move.PAID), reading=reading, on_our_till=True, first_finished_at=None)
    if _may_have_its_ticket(till, reading, now):
        order = order.with_banner(duties.Banner.COPY)
    if late:
        order = order.with_banner(duties.Banner.LATE)
        till = till.alarm(Concern.LATE_MONEY, order.reference, reading.approved)
        till = till.publish(duties.Report(duties.Outcome.LATE_MONEY, order.reference, reading.id).of(reading))
    till = till.drop(duties.Search(order.reference), duties.Cancel(order.reference)).put(order)
    till = till.solve(Concern.PAID_WITHOUT_ORDER, *(payment.id for payment in reading.payments))
    till = till.solve(Concern.REJECTED, order.reference)
    till = replace(till, evidence=till.evidence.clear(order.reference))
    cashier = till.cashier.off_the_till(order.reference)
    return replace(till, cashier=cashier, agenda=till.agenda.refund_lookups())


def _pay_again(till: "Till", order: Order, before: MerchantOrder, reading: MerchantOrder) -> "Till":
    """A reference that has its ticket is paid again. The same sum is the same sale; another sum is another sale.

    Mercado Pago may tell one payment under two names: by its merchant order, and by the order that was on the till.
    """
    till = till.put(replace(order, also_paid=(*order.also_paid, reading.id)))
    if reading.is_the_money_of(before):
        return till
    if reading.due == before.due:
        payments = {payment.id: payment for payment in (*before.approved, *reading.approved)}
        return _report_double(till, order.reference, reading, tuple(payments.values()))
    till = till.alarm(Concern.REFERENCE_USED_AGAIN, order.reference, reading.approved)
    return till.publish(duties.Report(duties.Outcome.REFERENCE_USED_AGAIN, order.reference, reading.id).of(reading))


def _may_have_its_ticket(till: "Till", reading: MerchantOrder, now: float) -> bool:
    """Whether it was paid at a time of which the journal doesn't know what was printed."""
    complete_since = till.history.complete_since
    if complete_since is None or reading.first_paid_at == NEVER:
        return False
    return reading.first_paid_at < complete_since or till.sweeps.began_too_early(reading.first_paid_at, now)


def _judge_again(till: "Till", order: Order, reading: MerchantOrder, read_at: float, now: float) -> "Till":
    """It was paid when last read: is it still? Where it was paid needs no second proof."""
    found = money(reading, till.account)
    if found is Verdict.PAID and till.evidence.is_overtaken(reading, read_at):
        return till.owe(duties.Verify(reading.id), now, urgent=True)
    if found is Verdict.PAID:
        return _confirm(till, order.reference, reading, read_at)
    till = replace(till, evidence=till.evidence.doubt(reading.id).contradict(reading.reference, now))
    return _take_back(till, order, reading, found, now) if found.rejected else till


def _confirm(till: "Till", reference: str, reading: MerchantOrder, read_at: float) -> "Till":
    """The money was there when this was asked; and perhaps twice, by two phones that scanned at once."""
    evidence = till.evidence.confirm(reading.id, read_at)
    if not reading.paid_twice or reading.id in evidence.paid_twice:
        return replace(till, evidence=evidence)
    till = replace(till, evidence=evidence.note_paid_twice(reading.id))
    return _report_double(till, reference, reading, reading.approved)


def _report_double(till: "Till", reference: str, reading: MerchantOrder, payments: tuple[Payment, ...]) -> "Till":
    till = till.alarm(Concern.DOUBLE_PAYMENT, reference, payments)
    return till.publish(duties.Report(duties.Outcome.DOUBLE_PAYMENT, reference, reading.id).of(reading))


def _take_back(till: "Till", order: Order, reading: MerchantOrder, found: Verdict, now: float) -> "Till":
    """The money went back. An order without a ticket gets none; a copy that a person asked for comes all the same."""
    assert order.reading is not None
    if order.stage not in (Stage.PAID, Stage.LISTED) or order.is_reprint or reading.id != order.reading.id:
        return till
    for other in order.also_paid:  # the same sale, paid a second time: that money is still there
        till = till.owe(duties.Verify(other), now, urgent=True)
    till = till.put(replace(order.moved(Move.TAKEN_BACK), reading=None, also_paid=()))
    till = replace(till, evidence=till.evidence.no_longer_insist(*order.paid_by))
    till = till.alarm(Concern.REJECTED, order.reference, reading.moved_money, found.value)
    return reject(till, duties.Verify(reading.id), found.value, order.reference, reading.moved_money)


def in_doubt(till: "Till", merchant_order: str, now: float) -> bool:
    """Whether it was paid and Mercado Pago no longer says so, nor that the money went back: no ticket, and ask on."""
    order = till.orders.paid_with(merchant_order)
    unprinted = order is not None and order.stage is Stage.PAID and order.paid_by[0] == merchant_order
    return order is not None and unprinted and till.evidence.is_stale(order, now)


def place(till: "Till", payment: events.PaymentRead, now: float) -> "Till":
    """Where a payment was made is known now: judge what waited for that, or read its merchant order."""
    till = replace(till, evidence=till.evidence.place(payment.id, payment.pos_id))
    waiting = till.evidence.waiting_for(payment.id)
    for each in waiting:
        till = _judge_placed(till, each, now)
    others = {payment.merchant_order} - {"", *(each.reading.id for each in waiting)}
    for merchant_order in others:
        till = till.owe(duties.Verify(merchant_order), now, urgent=True)
    return till if waiting or others else _orphan(till, payment)


def _judge_placed(till: "Till", each: Unplaced, now: float) -> "Till":
    """The reading as it stands, if it is fresh: the next one would be no younger when it is answered."""
    duty = duties.Verify(each.reading.id)
    if now > each.read_at + FRESH_READING_S:
        return till.owe(duty, now, urgent=True)
    due = till.agenda.due.get(duty)
    till = till.drop(duty) if due is not None and due.at > now else till
    return judge(till, each.reading, each.read_at, now)


def _orphan(till: "Till", payment: events.PaymentRead) -> "Till":
    """Money without an order: a person has to find out whose it is, unless another device sells here without orders."""
    if till.orders.with_payment(payment.id) is not None:
        return till
    source = duties.ReadPayment(payment.id)
    if till.settings.ignore_orderless:
        return replace(till, evidence=till.evidence.reject(source, NO_ORDER))
    if payment.approved and payment.pos_id == till.history.pos_id:
        till = till.alarm(Concern.PAID_WITHOUT_ORDER, payment.id, (payment.money,) if payment.money else ())
    return reject(till, source, NO_ORDER)


def reject(
    till: "Till", source: Source, reason: str, reference: str = "", payments: tuple[Payment, ...] = ()
) -> "Till":
    """Report once why something that was read gets no ticket. The order that it claims to be is watched further."""
    if till.evidence.rejections.get(source) == reason:
        return till
    told = bool(reference) and till.evidence.reasons.get(reference) == reason
    till = replace(till, evidence=till.evidence.reject(source, reason, reference))
    if _concerns_a_person(till.orders.living.get(reference), reason, payments):
        till = till.alarm(Concern.REJECTED, reference, payments, reason)
    return till if told else till.publish(_rejection(source, reason, reference))


def _concerns_a_person(order: Order | None, reason: str, payments: tuple[Payment, ...]) -> bool:
    """An abandoned scan expires at every second sale, and the shop's software removes its own orders."""
    waits_here = order is not None and order.on_our_till and order.reading is None
    ended_unpaid = reason == Verdict.EXPIRED or (reason == Verdict.CANCELLED and not payments)
    return (waits_here and not ended_unpaid) or reason == Verdict.NO_PLACE


def _rejection(source: Source, reason: str, reference: str) -> duties.Report:
    match source:
        case duties.Verify(merchant_order):
            return duties.Report(duties.Outcome.REJECTED, reference, merchant_order, reason)
        case duties.ReadPayment(payment):
            return duties.Report(duties.Outcome.REJECTED, reference, reason=reason, payment=payment)
