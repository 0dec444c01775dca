"""What the till knows, as one frozen value, and the few ways to change it.

The journal keeps what a power cut must not take; the rest is asked for again after a start. Each method returns a
new `Till`. Why anything changes is not said here but in `till.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from edge import messages as m
from edge.button import Button
from edge.life import FINISHED, Order
from edge.order import Account, MerchantOrder

Key = TypeVar("Key")
Value = TypeVar("Value")

SLOWEST_RETRY = 30.0
ODD_TRIES = 8
"""So often one question fails while others are answered before a person hears of it."""
MEMORY = 1000
"""How many places, readings and rejections are remembered between starts; the oldest go first. And reports."""


@dataclass(frozen=True)
class Settings:
    """Whose till it is and how patient it is. All times in seconds; configuration keys `watch` and `panel`."""

    user_id: str
    first_check: float = 30
    check_every: float = 5
    idle_every: float = 60
    outage_every: float = 10
    grace: float = 900
    hold: float = 2
    keep: float = 30 * 24 * 3600
    """For how long finished orders are remembered."""


@dataclass(frozen=True)
class Due:
    """When something is owed next, since when it is, and how often it was asked in vain."""

    at: float
    since: float
    tries: int = 0
    """How often it failed while Mercado Pago answered other questions."""
    missed: int = 0
    """How often Mercado Pago knew no such thing."""
    rung_again: bool = False
    """A doorbell came while this was owed: the answer under way may be older than the news."""

    def later(self, now: float, jitter: float = 0.0) -> "Due":
        return replace(self, at=now + back_off(self.tries, jitter), tries=self.tries + 1, rung_again=False)


def back_off(tries: int, jitter: float = 0.0) -> float:
    """Half a second, then twice as long each time, up to `SLOWEST_RETRY`; half as much again by `jitter` in [0, 1)."""
    return min(0.5 * 2.0 ** min(tries, 10), SLOWEST_RETRY) * (1 + jitter / 2)


@dataclass(frozen=True)
class Api:
    """How it stands with Mercado Pago."""

    trouble: m.Trouble | None = None
    why: str = ""
    failures: int = 0
    retry_at: float = 0.0
    pause: float = 0.0
    """How long nothing is asked, in seconds."""

    @property
    def down(self) -> bool:
        """One odd answer is no outage, unless it bids us wait for longer than a cashier does."""
        return self.failures >= 2 or self.pause > 10


@dataclass(frozen=True)
class Printer:
    """How it stands with the printer."""

    paper: m.Paper = m.Paper.UNKNOWN
    look_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0


class Concern(StrEnum):
    """What a person must look at; a press of the button says that somebody did."""

    LATE_MONEY = "late_money"
    DOUBLE_PAYMENT = "double_payment"
    REJECTED = "rejected"
    NOT_CANCELLED = "not_cancelled"
    UNREADABLE = "unreadable"
    PAID_WITHOUT_ORDER = "paid_without_order"
    SILENT_PRINTER = "silent_printer"
    JOURNAL_DAMAGED = "journal_damaged"
    TWINS = "two_devices_with_this_identity"


@dataclass(frozen=True)
class Notice:
    concern: Concern
    reference: str = ""


@dataclass(frozen=True)
class Till:
    """Everything the till knows."""

    settings: Settings

    # Kept by the journal.
    orders: Mapping[str, Order] = field(default_factory=dict)
    past: Mapping[str, Order] = field(default_factory=dict)
    """Finished orders, remembered so that late and repeated news of them do no harm."""
    agenda: Mapping[m.PaymentDuty, Due] = field(default_factory=dict)
    """What we owe Mercado Pago, and when. Of these the journal keeps the doorbells."""
    reports: Mapping[int, m.Report] = field(default_factory=dict)
    notices: frozenset[Notice] = frozenset()
    pos_id: str = ""
    swept_until: datetime | None = None
    known_since: datetime | None = None
    """Of what was paid before this we can't say that it has no ticket: a journal that is gone, or pruned, knew.
    By Mercado Pago's clock; None until we have heard it."""
    proof: m.Proof = m.Proof.NONE
    """The best that this printer was ever seen to give."""

    # Asked for again after a start.
    loaded: str | None = None
    """The order on our till, when we last looked."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where payments were made: payment id -> POS id."""
    to_read_again: frozenset[str] = frozenset()
    """Merchant orders that were paid when the power went: read again before their ticket, for money goes back too."""
    unplaced: Mapping[str, MerchantOrder] = field(default_factory=dict)
    """Readings that wait for the place of their payment, by merchant order id."""
    rejections: Mapping[str, str] = field(default_factory=dict)
    """What was rejected already, and why, so that it is said once."""
    api: Api = field(default_factory=Api)
    printer: Printer = field(default_factory=Printer)
    broker_up: bool = False
    broker_why: str = ""
    relay_up: bool = True
    """Until we hear otherwise: a shop's own relay may say nothing at all."""
    button: Button = field(default_factory=Button)
    pointed_at: str | None = None
    """The order that was on the till when the finger went down."""
    cancel_wanted_at: float | None = None
    """The button was held when we knew of no order; a look at the till, if it comes soon, says which was meant."""
    dropped_messages: int = 0
    last_report: int = 0
    journal_why: str = ""
    """Why the journal takes nothing, for people; "" if it does. What can't be remembered is not printed."""
    lookups: float = 0.0
    """Until when the ids looked up so far have used up our share of Mercado Pago's patience."""
    swept_at: float = float("-inf")
    ticket_at: float = float("-inf")
    cancelled_at: float = float("-inf")

    @property
    def account(self) -> Account:
        return Account(self.settings.user_id, self.pos_id)

    @property
    def selling_blind(self) -> bool:
        """Nobody rings, so we have to look for ourselves."""
        return not (self.broker_up and self.relay_up)

    def order(self, reference: str | None) -> Order | None:
        """The order of this reference, finished or not."""
        return self.orders.get(reference or "") or self.past.get(reference or "")

    def put(self, order: Order) -> "Till":
        """File the order under the living or the past."""
        reference = order.reference
        if order.stage in FINISHED:
            order = replace(order, filed_at=order.filed_at or self.swept_until)
            return replace(self, orders=without(self.orders, reference), past={**self.past, reference: order})
        past = without(self.past, reference) if reference in self.past else self.past
        return replace(self, orders={**self.orders, reference: order}, past=past)

    def owe(self, duty: m.PaymentDuty, at: float) -> "Till":
        """Put a duty on the agenda. One that is there already comes no later than it would have."""
        due = self.agenda.get(duty) or Due(at, at)
        return self.schedule(duty, replace(due, at=min(due.at, at)))

    def schedule(self, duty: m.PaymentDuty, due: Due) -> "Till":
        """Say exactly when a duty is due."""
        return replace(self, agenda={**self.agenda, duty: due})

    def drop(self, *duties: m.PaymentDuty) -> "Till":
        """Take duties off the agenda."""
        return replace(self, agenda=without(self.agenda, *duties))

    def report(self, outcome: m.Outcome, reference: str = "", merchant_order: str = "", reason: str = "") -> "Till":
        """Tell the relay, as soon as it listens. Of rejections, which anybody can cause, no more than `MEMORY` wait."""
        if outcome is m.Outcome.REJECTED and len(self.reports) >= MEMORY:
            return self
        number = self.last_report + 1
        report = m.Report(outcome, reference, merchant_order, reason)
        return replace(self, last_report=number, reports={**self.reports, number: report})

    def alarm(self, concern: Concern, reference: str = "") -> "Till":
        """Show that a person must look."""
        return replace(self, notices=self.notices | {Notice(concern, reference)})


def without(mapping: Mapping[Key, Value], *keys: Key) -> Mapping[Key, Value]:
    """A copy of `mapping` that lacks `keys`."""
    return {key: value for key, value in mapping.items() if key not in keys}


def remember(mapping: Mapping[Key, Value], key: Key, value: Value) -> Mapping[Key, Value]:
    """A copy of `mapping` with one more entry, and at most `MEMORY` in all."""
    grown = {**without(mapping, key), key: value}
    return without(grown, *tuple(grown)[: max(0, len(grown) - MEMORY)])


def changed_orders(before: Till, after: Till) -> Iterator[Order]:
    """The orders of `after` that are not as they were."""
    for old, new in ((before.orders, after.orders), (before.past, after.past)):
        if old is not new:
            yield from (order for reference, order in new.items() if order is not old.get(reference))
