"""What the till knows, as one frozen value, and the few ways to change it.

The journal keeps what a power cut must not take; the rest is asked for again after a start. Each method returns a
new `Till`. Why anything changes is not said here but in `till.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TypeVar

from edge.core import duties, events
from edge.core.button import Button
from edge.core.lifecycle import FINISHED, Order
from edge.core.order import Account, MerchantOrder

Key = TypeVar("Key")
Value = TypeVar("Value")

FIRST = float("-inf")
"""Due before all else but a cancel: money was seen."""
SLOWEST_RETRY = 30.0
ODD_TRIES = 8
"""So often one question fails while others are answered before a person hears of it."""
WAITS = 200
"""Of how many tickets we remember how long they took."""
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
    timezone: tzinfo = UTC
    """Where a day begins and ends."""
    reference_prefix: str = ""
    """How the references of this till's orders begin, if the shop's software has it so."""
    slip_after: float = 60
    """How long a failure that may go by itself lasts before a slip says it."""
    broker_far: bool = False
    """The broker is out on the internet, so that a connection to it shows that there is one."""


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
    for_all: bool = False
    """It was rung for all tills of the seller; what turns out to be another's is no matter of ours."""

    def later(self, now: float, jitter: float = 0.0) -> "Due":
        return replace(self, at=now + back_off(self.tries, jitter), tries=self.tries + 1, rung_again=False)


def back_off(tries: int, jitter: float = 0.0) -> float:
    """Half a second, then twice as long each time, up to `SLOWEST_RETRY`; half as much again by `jitter` in [0, 1)."""
    return min(0.5 * 2.0 ** min(tries, 10), SLOWEST_RETRY) * (1 + jitter / 2)


@dataclass(frozen=True)
class Api:
    """How it stands with Mercado Pago."""

    trouble: events.Trouble | None = None
    why: str = ""
    failures: int = 0
    retry_at: float = 0.0
    pause: float = 0.0
    """How long nothing is asked, in seconds."""
    failed_at: float = 0.0
    """When it was last asked in vain."""

    @property
    def down(self) -> bool:
        """One odd answer is no outage, unless it bids us wait for longer than a cashier does."""
        return self.failures >= 2 or self.pause > 10


@dataclass(frozen=True)
class Printer:
    """How it stands with the printer."""

    paper: events.Paper = events.Paper.UNKNOWN
    look_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0


@dataclass(frozen=True)
class Echo:
    """Whether what is rung for us reaches us: our pings, which the relay rings back."""

    number: int = 0
    """Of the last ping."""
    sent_at: float | None = None
    """When it left, if it is awaited."""
    due_at: float = 0.0
    round_trip: float | None = None
    """Of the last one that came back. Seconds."""
    missed: int = 0


@dataclass(frozen=True)
class LastTicket:
    at: datetime | None
    """By Mercado Pago's clock."""
    reference: str
    outcome: duties.Outcome


@dataclass(frozen=True)
class Today:
    """What came out on one day, by the shop's calendar and Mercado Pago's clock; `date` is "" if it isn't known."""

    date: str = ""
    counts: Mapping[duties.Outcome, int] = field(default_factory=dict)

    def count(self, outcome: duties.Outcome, date: str) -> "Today":
        counts = self.counts if date == self.date else {}
        return Today(date, {**counts, outcome: counts.get(outcome, 0) + 1})


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
    agenda: Mapping[duties.PaymentDuty, Due] = field(default_factory=dict)
    """What we owe Mercado Pago, and when. Of these the journal keeps the doorbells."""
    reports: Mapping[int, duties.Report] = field(default_factory=dict)
    notices: frozenset[Notice] = frozenset()
    pos_id: str = ""
    swept_until: datetime | None = None
    known_since: datetime | None = None
    """Of what was paid before this we can't say that it has no ticket: a journal that is gone, or pruned, knew.
    By Mercado Pago's clock; None until we have heard it."""
    proof: events.Proof = events.Proof.NONE
    """The best that this printer was ever seen to give."""
    today: Today = field(default_factory=Today)
    last_ticket: LastTicket | None = None
    told: Mapping[duties.Cause, float] = field(default_factory=dict)
    """When a slip last said that something fails, by the core's clock."""

    # Asked for again after a start.
    loaded: str | None = None
    """The order on our till, when we last looked."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where payments were made: payment id -> POS id."""
    confirmed: Mapping[str, float] = field(default_factory=dict)
    """When Mercado Pago last said that a merchant order is paid, by its id: money goes back, too."""
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
    relay_speaks: bool = False
    """It said that it is there, so that it rings pings back as well."""
    echo: Echo = field(default_factory=Echo)
    button: Button = field(default_factory=Button)
    pointed_at: str | None = None
    """The order that was on the till when the finger went down."""
    cancel_wanted_at: float | None = None
    """The button was held when we knew of no order; a look at the till, if it comes soon, says which was meant."""
    dropped_messages: int = 0
    last_report: int = 0
    slips: tuple[duties.Slip, ...] = ()
    """What is owed to the printer beside tickets."""
    replies: tuple[duties.Reply, ...] = ()
    """What is owed to support."""
    news: Mapping[str, float] = field(default_factory=dict)
    """When we heard that a merchant order is closed which has no ticket yet, by its id."""
    waits: tuple[float, ...] = ()
    """From the doorbell to the paper, the last `WAITS` tickets. Seconds."""
    identify_until: float = float("-inf")
    journal_why: str = ""
    """Why the journal takes nothing, for people; "" if it does. What can't be remembered is not printed."""
    lookups: float = 0.0
    """Until when the ids looked up so far have used up our share of Mercado Pago's patience."""
    swept_at: float = float("-inf")
    swept_far_at: float | None = None
    """When we last looked further back than the sweeps do."""
    failing: Mapping[duties.Cause, float] = field(default_factory=dict)
    """What keeps us from our work, and since when."""
    ticket_at: float = float("-inf")
    cancelled_at: float = float("-inf")

    @property
    def account(self) -> Account:
        return Account(self.settings.user_id, self.pos_id)

    @property
    def selling_blind(self) -> bool:
        """Nobody rings, or we wouldn't hear it, so we have to look for ourselves."""
        return not (self.broker_up and self.relay_up) or self.deaf

    @property
    def deaf(self) -> bool:
        """The relay is there, and what it rings doesn't reach us."""
        return self.relay_speaks and self.relay_up and self.echo.missed >= 2

    def date(self, now: float) -> datetime | None:
        """What Mercado Pago's clock shows, as far as we have heard it."""
        if self.swept_until is None or self.swept_at == float("-inf"):
            return self.swept_until
        return self.swept_until + timedelta(seconds=now - self.swept_at)

    @property
    def day(self) -> str:
        """Today by the shop's calendar; "" if we have not heard the time yet."""
        return self.swept_until.astimezone(self.settings.timezone).date().isoformat() if self.swept_until else ""

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

    def owe(self, duty: duties.PaymentDuty, at: float) -> "Till":
        """Put a duty on the agenda. One that is there already comes no later than it would have."""
        due = self.agenda.get(duty) or Due(at, at)
        return self.schedule(duty, replace(due, at=min(due.at, at)))

    def schedule(self, duty: duties.PaymentDuty, due: Due) -> "Till":
        """Say exactly when a duty is due."""
        return replace(self, agenda={**self.agenda, duty: due})

    def drop(self, *duties: duties.PaymentDuty) -> "Till":
        """Take duties off the agenda."""
        return replace(self, agenda=without(self.agenda, *duties))

    def report(
        self, outcome: duties.Outcome, reference: str = "", merchant_order: str = "", reason: str = ""
    ) -> "Till":
        """Tell the relay, as soon as it listens. Of rejections, which anybody can cause, no more than `MEMORY` wait."""
        if outcome is duties.Outcome.REJECTED and len(self.reports) >= MEMORY:
            return self
        number = self.last_report + 1
        report = duties.Report(outcome, reference, merchant_order, reason)
        today = self.today.count(outcome, self.day)
        return replace(self, last_report=number, reports={**self.reports, number: report}, today=today)

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
