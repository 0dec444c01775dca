"""What is owed to Mercado Pago, when, and in which order; and how the line to it is. Pure.

A question that failed comes back by its own clock; a line in trouble gives all questions a rest. Which question may be
asked at all, and which goes first, also depends on the orders: see `till.payment_duty`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from edge.core.backoff import back_off
from edge.core.budget import Budget, Rate
from edge.core.duties import ListLatest, PaymentDuty, ReadDay, ReadPayment, Sweep, Verify
from edge.core.events import Trouble, Unreachable
from edge.core.maps import without

ALARM_AFTER_FAILURES = 8
"""After this many failures of one question, while others are answered, a person is alerted."""
LOOKUPS = Rate(every_s=0.25, burst=40)
"""How often an id is looked up that came by doorbell."""
LOOKS = Rate(every_s=5.0, burst=6)
"""How often the till looks around because of what others cause: a link that comes and goes, a command, a flood."""
LISTS = Rate(every_s=2.0, burst=10)
"""How often a doorbell makes the till list the latest payments; else the payment itself tells where it was made."""
REFUSED_EVERY_S = 60.0
"""How often a question is asked again that was refused: a person has to mend something first."""
MAX_PACE = 8.0
PACE_HALVES_S = 60.0
"""How fast a till dares to look more often again, after it was told to slow down."""
MAX_DOORBELLS = 100
"""How many may wait. The others are left to a sweep, which finds whatever was paid at our till."""
NETWORK_PAUSE_S = 6.0
"""The longest pause, before jitter, where nobody answers: paid orders wait for the line, and nobody is disturbed."""
MAX_PAUSE_S = 30.0
"""The longest, before jitter, where Mercado Pago answers that it can't."""
OUTAGE_PAUSE_S = 10.0
"""A cashier waits this long for an answer; a longer pause is an outage."""


@dataclass(frozen=True)
class Due:
    """When a question is due, and how it went so far. Made when a duty is first owed, gone when it is answered."""

    at: float
    since: float
    """When it was first owed."""
    urgent: bool = False
    """Money was seen: it goes ahead of everything but a cancel."""
    failures: int = 0
    """How often it failed while Mercado Pago answered other questions."""
    not_found: int = 0
    """How often Mercado Pago didn't know the id."""
    rung_again: bool = False
    """A doorbell came while the question was under way, so the answer may be older than the news."""
    refused: "Refusal | None" = None
    """Why it alone is refused, for a person who must mend something."""
    for_all: bool = False
    """It was rung for all tills of the seller. If it turns out to be another till's, we drop it silently."""
    or_look: bool = False
    """If it can't be read, look around instead: the account may have no such API."""

    def after_refusal(self, refusal: "Refusal", now: float) -> "Due":
        at, failures = now + REFUSED_EVERY_S, self.failures + 1
        return replace(self, at=at, urgent=False, failures=failures, rung_again=False, refused=refusal)

    def after_failure(self, now: float, jitter: float = 0.0) -> "Due":
        at = now + back_off(self.failures, jitter)
        return replace(self, at=at, urgent=False, failures=self.failures + 1, rung_again=False)

    def after_not_found(self, now: float) -> "Due":
        """It may be too early to know."""
        at = now + back_off(self.not_found)
        return replace(self, at=at, urgent=False, not_found=self.not_found + 1, rung_again=False)


class Line(Enum):
    """One question of each line is out at a time, and the lines don't wait for one another.

    What is about the till stays in the order in which it is asked: a look that overlaps a removal shows what is gone.
    """

    TILL = auto()
    LOOKUPS = auto()
    LISTS = auto()

    @classmethod
    def of(cls, duty: PaymentDuty) -> "Line":
        match duty:
            case Verify() | ReadPayment():
                return cls.LOOKUPS
            case Sweep() | ReadDay() | ListLatest():
                return cls.LISTS
        return cls.TILL


@dataclass(frozen=True)
class Refusal:
    """Mercado Pago answers everything but this question."""

    trouble: Trouble
    why: str
    """For people, with the key to look at."""


@dataclass(frozen=True)
class Pace:
    """How slowly the till looks for itself. All tills of an account share what Mercado Pago answers in a minute."""

    then: float = 1.0
    at: float = 0.0

    def factor(self, now: float) -> float:
        """How many times as long as configured it is between two looks."""
        return max(1.0, self.then * float(0.5 ** ((now - self.at) / PACE_HALVES_S)))

    def slowed(self, now: float) -> "Pace":
        """Mercado Pago said that it is asked too much."""
        return Pace(min(2 * self.factor(now), MAX_PACE), now)


@dataclass(frozen=True)
class Agenda:
    """The questions that are owed to Mercado Pago. The journal keeps those that a doorbell brought."""

    due: Mapping[PaymentDuty, Due] = field(default_factory=dict)
    under_way: Mapping[PaymentDuty, float] = field(default_factory=dict)
    """The questions that are out -> when they went. What is true may change from then on."""
    lookups: Budget = field(default_factory=Budget)
    looks: Budget = field(default_factory=Budget)
    lists: Budget = field(default_factory=Budget)
    pace: Pace = field(default_factory=Pace)

    @property
    def refusals(self) -> Mapping[str, Trouble]:
        """What is refused while other questions are answered: why, for people, and what kind of trouble it is."""
        return {due.refused.why: due.refused.trouble for due in self.due.values() if due.refused}

    @property
    def doorbells(self) -> frozenset[Verify | ReadPayment]:
        """What a doorbell may have brought. A restart asks all of it again."""
        return frozenset(duty for duty in self.due if isinstance(duty, Verify | ReadPayment))

    def fails_to_read(self, merchant_order: str) -> bool:
        """Whether the last attempt to read this one was in vain."""
        return self._attempts_in_vain(merchant_order) > 0

    def keeps_failing_to_read(self, merchant_order: str) -> bool:
        """Whether this one was asked for again and again, in vain."""
        return self._attempts_in_vain(merchant_order) >= ALARM_AFTER_FAILURES

    def _attempts_in_vain(self, merchant_order: str) -> int:
        due = self.due.get(Verify(merchant_order))
        return due.failures + due.not_found if due else 0

    def is_free(self, line: Line) -> bool:
        """Whether no question of this line is out."""
        return not any(Line.of(duty) is line for duty in self.under_way)

    def is_quiet(self, now: float) -> bool:
        """Whether nothing is out, or due, that may show a sale."""
        out = (duty for duty, due in self.due.items() if duty in self.under_way or due.at <= now)
        return not any(Line.of(duty) is not Line.TILL for duty in out)

    @property
    def reads_news(self) -> bool:
        """Whether the answer that is awaited may be a sale."""
        return any(isinstance(duty, Verify | ReadPayment) for duty in self.under_way)

    @property
    def lists_soon(self) -> bool:
        """Whether a list of the latest payments is out, or is about to be."""
        return any(isinstance(duty, ListLatest) for duty in self.due)

    def may_look_up(self, now: float) -> bool:
        return self.lookups.allows(LOOKUPS, now)

    def plan_look(self, now: float) -> tuple["Agenda", float]:
        """When to look around for a reason that comes now: now, or as soon as there may be another look."""
        looks, at = self.looks.plan(LOOKS, now)
        return replace(self, looks=looks), at

    def owe(self, duty: PaymentDuty, at: float, urgent: bool = False) -> "Agenda":
        """Add a question. One that is there already comes no later than it would have."""
        due = self.due.get(duty) or Due(at, at)
        return self.schedule(duty, replace(due, at=min(due.at, at), urgent=due.urgent or urgent))

    def schedule(self, duty: PaymentDuty, due: Due) -> "Agenda":
        """Set exactly when a question is due."""
        return replace(self, due={**self.due, duty: due})

    def drop(self, *duties: PaymentDuty) -> "Agenda":
        return replace(self, due=without(self.due, *duties))

    def drop_sweeps(self) -> "Agenda":
        return self.drop(*(duty for duty in self.due if isinstance(duty, Sweep)))

    def asked(self, duty: PaymentDuty, now: float) -> "Agenda":
        """The question goes out. One from a doorbell is paid for from the lookups' share."""
        agenda = replace(self, under_way={**self.under_way, duty: now})
        if isinstance(duty, Verify | ReadPayment):
            agenda = replace(agenda, lookups=self.lookups.spend(LOOKUPS, now))
        due = agenda.due.get(duty)  # a gesture of the same moment may have dropped it
        return agenda.schedule(duty, replace(due, rung_again=False)) if due else agenda

    def answered(self, duty: PaymentDuty) -> "Agenda":
        return replace(self, under_way=without(self.under_way, duty))

    def list_beside(self, duty: ListLatest, now: float) -> "Agenda":
        """Owe a list with the question that goes out now, unless that happens too often."""
        if not self.lists.allows(LISTS, now):
            return self
        return replace(self, lists=self.lists.spend(LISTS, now)).owe(duty, now, urgent=True)

    def refund_lookups(self) -> "Agenda":
        """A lookup found money: whoever rings for money is no flood."""
        return replace(self, lookups=Budget(), lists=Budget())


@dataclass(frozen=True)
class ApiLine:
    """How the line to Mercado Pago is, by its last answer. Not kept: a restart simply asks."""

    trouble: Trouble | None = None
    error: str = ""
    """What failed, for people; "" if the last question was answered."""
    failures: int = 0
    """In a row, whatever was asked."""
    retry_at: float = 0.0
    pause_s: float = 0.0
    """How long nothing is asked."""
    failed_at: float = 0.0
    """When a question last failed."""

    def failed(self, answer: Unreachable, asked_at: float, now: float) -> "ApiLine":
        """A question went unanswered. What went out before the last failure fails with it, and counts as one."""
        failures = self.failures if self.failures and asked_at < self.failed_at else self.failures + 1
        pause_s = self._pause_s(answer)
        return ApiLine(answer.trouble, answer.why, failures, now + pause_s, pause_s, now)

    def _pause_s(self, answer: Unreachable) -> float:
        if answer.trouble is Trouble.BUSY and not (self.failures or answer.too_many or answer.retry_after):
            return 0.0  # one odd answer is this question's
        longest = NETWORK_PAUSE_S if answer.trouble is Trouble.NETWORK else MAX_PAUSE_S
        pause_s = max(back_off(self.failures, answer.jitter, max_s=longest), answer.retry_after)
        return max(pause_s, REFUSED_EVERY_S) if answer.trouble is Trouble.REFUSED else pause_s

    @property
    def down(self) -> bool:
        """Whether it is an outage. One odd answer is none, unless it makes us wait longer than a cashier does."""
        return self.failures >= 2 or self.pause_s > OUTAGE_PAUSE_S
