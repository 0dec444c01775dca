"""The cashier's side: what a finger on the button means, the order on the till, and how it is cancelled. Pure.

A hold means the order that was on the till when the finger went down, not the one that is there later. DELETE acts on
the till and not on an order, and its answer may be wrong about money: only an order that is off the till *and* reads
as unpaid is cancelled. A reading outranks the button.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING

from edge.core import duties, events, evidence
from edge.core.agenda import ALARM_AFTER_FAILURES, Due
from edge.core.budget import Budget, Rate
from edge.core.lifecycle import FINISHED, Move, Order, Stage
from edge.core.links import look_later
from edge.core.notices import Concern
from edge.core.order import NEVER, MerchantOrder, Verdict, in_currency

if TYPE_CHECKING:
    from edge.core.state import Till

BOUNCE_S = 0.03
"""A finger counts once it was there this long: contacts bounce, and a spike on the wire is no finger."""
RELEASE_S = 0.01
"""It is away after less, for a cashier waits for what a press does."""
MAX_READING_GAP_S = 0.5
"""Between two readings farther apart than this a finger may have been lifted unseen: a hold begins anew."""
STUCK_AFTER_S = 60.0
"""No finger holds so long: something lies on the button, or its wire touches ground."""
HOLD_COUNTS_S = 30.0
"""How long a hold may still mean an order that we haven't seen yet."""
LOOK_AGAIN_S = 1.0
"""How soon the till is looked at again while a hold waits for an answer."""
LIFE_ON_TILL = timedelta(minutes=10)
"""No order stays on a till for longer."""
SETTLE_S = 10.0
"""An order that is off the till may have been paid: its merchant orders get this long to show up in a search."""
PRESSES = Rate(every_s=2.0, burst=5)
"""How often a press makes the till look: a wire that is shorted presses ten times a second."""
MAX_DELETES = 5
"""How often a removal is tried that Mercado Pago refuses without a reason."""


class Gesture(Enum):
    """What a finger meant: a press is a release before the hold time; a hold counts while the finger is still down."""

    NONE = auto()
    PRESS = auto()
    HOLD = auto()


@dataclass(frozen=True)
class Button:
    """A push button: readings of its wire in, gestures out. Times are the core's seconds.

    Made anew by each reading; the panel takes them as long as a finger may be there. No gesture follows from a level
    that was not read, so that an edge which nobody reported can't turn a press into a hold.
    """

    level: bool = False
    """What the wire said when it was last read."""
    level_at: float = 0.0
    """Since when it says so."""
    read_at: float = 0.0
    """When it was last read."""
    down: bool = False
    """What we believe."""
    down_at: float = 0.0
    spent: bool = False
    """This press has had its effect, or is to have none: nothing counts until the release."""
    stuck: bool = False
    """It was down when we started, or is down for longer than a finger would be."""

    @classmethod
    def found(cls, down: bool, now: float) -> "Button":
        """The button as it was at start. One that is down then is stuck, not pressed."""
        return cls(level=down, level_at=now, read_at=now, down=down, down_at=now, spent=down, stuck=down)

    @property
    def being_held(self) -> bool:
        return self.down and not self.spent

    def read(self, level: bool, at: float, hold_s: float) -> tuple["Button", Gesture]:
        """The wire was read at `at`; work out what that means. Readings come in the order of their times."""
        if self.level and not self.spent and at > self.read_at + MAX_READING_GAP_S:
            # Nobody knows what the finger did meanwhile: that it is down now is taken for another press.
            gesture = Gesture.PRESS if self.down and not level else Gesture.NONE
            return Button(level, level_at=at, read_at=at), gesture
        if level != self.level:
            settled, gesture = self._settle(at)
            return replace(settled, level=level, level_at=at, read_at=at), gesture
        button = replace(self, read_at=at)
        if button.being_held and level and at >= button.down_at + hold_s:
            return replace(button, spent=True), Gesture.HOLD
        return button._settle(at)

    def _settle(self, now: float) -> tuple["Button", Gesture]:
        """A level that lasted until `now` counts, unless it was a bounce."""
        if self.level != self.down:
            stable_s = BOUNCE_S if self.level else RELEASE_S
            return self._flip() if now >= self.level_at + stable_s else (self, Gesture.NONE)
        return replace(self, stuck=self.stuck or (self.down and now >= self.down_at + STUCK_AFTER_S)), Gesture.NONE

    def _flip(self) -> tuple["Button", Gesture]:
        if self.level:
            return replace(self, down=True, down_at=self.level_at, spent=False), Gesture.NONE
        gesture = Gesture.NONE if self.spent else Gesture.PRESS
        return replace(self, down=False, spent=False, stuck=False), gesture


@dataclass(frozen=True)
class Cashier:
    """What is on the till and what the cashier wants of it. Not kept: a restart looks at the till again."""

    loaded: str | None = None
    """The reference of the order on our till, when we last looked."""
    total: Decimal | None = None
    """Its total, where Mercado Pago said it."""
    announced: str = ""
    """The id or reference of the order that was last said to be there, by the shop's software or a reading."""
    button: Button = field(default_factory=Button)
    pointed_at: str | None = None
    """The order that was on the till when the finger went down."""
    cancel_wanted_at: float | None = None
    """When the button was held while we knew of no order; a look at the till that comes soon shows which was meant."""
    cancelled_at: float | None = None
    """When an order was last cancelled."""
    presses: Budget = field(default_factory=Budget)

    def feel(self, down: bool, at: float, hold_s: float) -> tuple["Cashier", Gesture]:
        """The button's wire was read; work out what the finger means."""
        button, gesture = self.button.read(down, at, hold_s)
        pointed_at = self.loaded if button.down and not self.button.down else self.pointed_at
        return replace(self, button=button, pointed_at=pointed_at), gesture

    def plan_look(self, now: float) -> tuple["Cashier", float]:
        """When to look because of a press that comes now. What others cause takes nothing from the cashier."""
        presses, at = self.presses.plan(PRESSES, now)
        return replace(self, presses=presses), at

    def off_the_till(self, reference: str) -> "Cashier":
        """This order is on the till no more."""
        return replace(self, loaded=None) if self.loaded == reference else self


# --- cancelling ----------------------------------------------------------------------------------------------------


def hold(till: "Till", now: float) -> "Till":
    """The cashier wants the order gone that was on the till when the finger went down."""
    reference = till.cashier.pointed_at
    if reference is not None:
        return cancel(till, reference, now)
    till = replace(till, api=replace(till.api, retry_at=now))
    return replace(till, cashier=replace(till.cashier, cancel_wanted_at=now)).owe(duties.LookAtTill(), now)


def cancel(till: "Till", reference: str, now: float) -> "Till":
    """A person wants this order gone."""
    till = replace(till, api=replace(till.api, retry_at=now))
    order = till.orders.living.get(reference)
    if order is None or order.stage not in (Stage.WAITING, Stage.CANCELLING):
        return till  # it was paid, or is gone; the order that is on the till by now was not meant
    if order.stage is Stage.WAITING:
        till = till.put(order.moved(Move.HELD)).drop(duties.Search(reference))
    return till.owe(duties.Cancel(reference), now)


# --- what is on the till -------------------------------------------------------------------------------------------


def announce(till: "Till", said: events.OrderAnnounced, now: float) -> "Till":
    """The shop's software says that an order is on the till: look. Nothing is done to an order before it is read."""
    agenda, at = till.agenda.plan_look(now)
    till = replace(till, cashier=replace(till.cashier, announced=said.reference), agenda=agenda)
    return till.owe(duties.LookAtTill(), at)


def see_announced(till: "Till", reading: MerchantOrder, now: float) -> "Till":
    """An order was read by the id that somebody named: if it waits to be paid and is ours, the till may show it."""
    order = till.orders.get(reading.reference)
    waits = order is not None and order.stage is Stage.WAITING and till.evidence.rejected(reading.id) is None
    if not waits or reading.handle in ("", till.cashier.announced):
        return till
    return replace(till, cashier=replace(till.cashier, announced=reading.handle)).owe(duties.LookAtTill(), now)


def see_till(till: "Till", seen: events.TillSeen, now: float) -> "Till":
    """Which order is on the till now. One that has left it was paid, removed or replaced, or has expired."""
    reference = seen.reference
    left = till.orders.living.get(till.cashier.loaded or "")
    if left is not None and left.reference != reference and left.stage is Stage.WAITING:
        till = till.schedule(duties.Search(left.reference), Due(now, now))
    till = _load(till, reference, seen, now) if reference else replace(till, cashier=replace(till.cashier, loaded=None))
    till = _cancel_what_was_meant(till, seen, now) if till.cashier.cancel_wanted_at is not None else till
    return look_later(till, now)


def _load(till: "Till", reference: str, seen: events.TillSeen, now: float) -> "Till":
    """Watch the order that is on our till."""
    order = till.orders.get(reference) or Order(reference)
    if order.reading is not None:
        # Its ticket is out or on the way: Mercado Pago is slow to clear the till, or the reference is used twice.
        if _is_another_sale(till, order.reading, seen.total, now):
            till = till.alarm(Concern.REFERENCE_USED_AGAIN, reference)
        return replace(till, cashier=replace(till.cashier, loaded=None))
    if order.stage in FINISHED:
        order = order.moved(Move.SEEN_AGAIN)
    order = replace(order, on_our_till=True, handle=seen.handle)
    till = replace(till, cashier=replace(till.cashier, loaded=reference, total=seen.total)).put(order)
    if order.stage is not Stage.WAITING:
        return till
    return till.owe(duties.Search(reference), now + till.settings.first_check_s)


def _is_another_sale(till: "Till", paid: MerchantOrder, total: Decimal | None, now: float) -> bool:
    """Whether what is on the till isn't what was paid under its reference: another sum, or long after the payment."""
    if total is not None and in_currency(total, paid.currency) != paid.due:
        return True
    today = till.sweeps.clock(now)
    return today is not None and NEVER < paid.paid_at < today - LIFE_ON_TILL


def _cancel_what_was_meant(till: "Till", seen: events.TillSeen, now: float) -> "Till":
    """The button was held for an order that we hadn't seen. Here it is, or nobody can say which was meant."""
    held_at = till.cashier.cancel_wanted_at
    assert held_at is not None
    if now >= held_at + HOLD_COUNTS_S:
        return _forget_hold(till).alarm(Concern.NOT_CANCELLED)
    if not seen.known and not _was_just_paid(till, now):
        if _is_being_searched(till, now):
            return till.owe(duties.LookAtTill(), now + LOOK_AGAIN_S)
        return _forget_hold(till).alarm(Concern.NOT_CANCELLED)
    return hold(_forget_hold(till), now) if till.cashier.loaded else _forget_hold(till)


def _forget_hold(till: "Till") -> "Till":
    """It has its answer; whatever is on the till now is what it meant."""
    cashier = replace(till.cashier, cancel_wanted_at=None, pointed_at=till.cashier.loaded)
    return replace(till, cashier=cashier)


def _was_just_paid(till: "Till", now: float) -> bool:
    """Whether an order has just left the till because it was paid: its ticket says so, or will."""
    ticket_at = till.printer.ticket_at
    owed = till.orders.in_stage(Stage.PAID, Stage.PRINTING)
    return bool(owed) or (ticket_at is not None and now < ticket_at + SETTLE_S)


def _is_being_searched(till: "Till", now: float) -> bool:
    """Whether an order may have been paid just now: the question is out, or due."""
    searches = (till.agenda.due.get(duties.Search(each.reference)) for each in till.orders.in_stage(Stage.WAITING))
    return any(due is not None and due.at <= now for due in searches)


# --- what came of it -----------------------------------------------------------------------------------------------


def on_cancel_tried(till: "Till", tried: events.CancelTried, due: Due, asked_at: float, now: float) -> "Till":
    """Judge the readings first; then, if the order is still unpaid, see what became of its removal."""
    till = evidence.judge_all(till, tried.orders, asked_at, now)
    order = till.orders.living.get(tried.reference)
    if order is None or order.stage is not Stage.CANCELLING:
        return till
    if _is_being_placed(till, tried.orders) and due.failures < ALARM_AFTER_FAILURES:
        return till.schedule(duties.Cancel(order.reference), due.after_failure(now))
    if any(_may_be_ours(till, reading) for reading in tried.orders):
        return _kept(till, order, "being_paid", now)
    return _on_removal(till, order, tried, due, now)


def cancel_refused(till: "Till", reference: str, now: float) -> "Till":
    """Mercado Pago doesn't let us at the till at all; the order is still there, and may be paid."""
    order = till.orders.living.get(reference)
    if order is None or order.stage is not Stage.CANCELLING:
        return till
    return _kept(till, order, "refused", now).alarm(Concern.NOT_CANCELLED, reference).owe(duties.LookAtTill(), now)


def _on_removal(till: "Till", order: Order, tried: events.CancelTried, due: Due, now: float) -> "Till":
    match tried.removal:
        case events.Removal.DELETED:
            return _cancelled(till, order, now)
        case events.Removal.ABSENT if due.not_found and now >= due.since + SETTLE_S:
            return _cancelled(till, order, now)
        case events.Removal.ABSENT if not due.not_found:
            due = replace(due, since=now, not_found=1)
        case events.Removal.LOCKED:
            return _kept(till, order, "being_paid", now)
        case events.Removal.ANOTHER:
            till = _kept(till, order, "another_order_on_till", now).alarm(Concern.NOT_CANCELLED, order.reference)
            return see_till(till, events.TillSeen(tried.on_till), now)
        case events.Removal.REFUSED if due.failures >= MAX_DELETES:
            return _kept(till, order, "refused", now).alarm(Concern.NOT_CANCELLED, order.reference)
    return till.schedule(duties.Cancel(order.reference), due.after_failure(now))


def _is_being_placed(till: "Till", readings: tuple[MerchantOrder, ...]) -> bool:
    """Whether one is paid, and Mercado Pago is being asked where."""
    return any(reading.id in till.evidence.awaiting_pos for reading in readings)


def _may_be_ours(till: "Till", reading: MerchantOrder) -> bool:
    """Whether there is money that isn't closed yet, or not placed."""
    elsewhere = till.evidence.rejected(reading.id) == Verdict.ANOTHER_TILL
    return reading.received > 0 and not reading.cancelled and not elsewhere


def _cancelled(till: "Till", order: Order, now: float) -> "Till":
    # A search may lag behind the payment: go on asking for as long as money could still turn up.
    till = till.schedule(duties.Search(order.reference), Due(now + SETTLE_S, now))
    till = replace(till, cashier=replace(till.cashier, cancelled_at=now, loaded=None))
    return till.put(order.moved(Move.REMOVED)).report(duties.Outcome.CANCELLED, order.reference)


def _kept(till: "Till", order: Order, reason: str, now: float) -> "Till":
    """It was not cancelled: report why, and watch it further."""
    till = till.put(order.moved(Move.KEPT)).owe(duties.Search(order.reference), now + till.settings.check_every_s)
    return till.report(duties.Outcome.REJECTED, order.reference, reason=f"not_cancelled: {reason}")
