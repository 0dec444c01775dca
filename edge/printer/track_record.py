"""What a printer has shown: what it ever answered, how well it proves its tickets, which questions it can't bear. Pure.

`Printer` keeps it from one job to the next, and `printer.json` from one start to the next. Each job reads it, to decide
what to ask, what silence means and how long to wait, and adds to it. Another printer begins with an empty one.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from edge.core.events import Proof
from edge.printer.timeouts import Timeouts

HABIT_TICKETS = 3
"""So many tickets in a row make a habit."""
MAX_UNECHOED = 2
"""So many tickets ask in vain for an echo. One settles nothing: a printer may swallow its first after it was switched
on, and one that knows no echo prints the question's digits."""


class Question(StrEnum):
    """What a printer can be asked. The values stand in `printer.json`."""

    STATUS = "status"
    """`DLE EOT`"""
    NAME = "name"
    """`GS I`"""
    BARRIER = "barrier"
    """`GS r`"""
    WATCH = "watch"
    """`GS a`"""
    ECHO = "echo"
    """`GS ( H`"""


class Capability(IntEnum):
    """How well a printer has proved a ticket, worst first. The names stand in `printer.json`."""

    SILENT = 0
    """Not at all."""
    STATUS = 1
    """It answered `DLE EOT`: it was well before the ticket and after it."""
    BARRIER = 2
    """It answered `GS r` after the cut."""
    ECHO = 3
    """It echoed `GS ( H` after the cut."""


@dataclass(frozen=True)
class TrackRecord:
    """A value: each job makes the next. All but the last two fields are kept over a restart."""

    name: str = ""
    """What it called itself; "" if it doesn't say."""
    capability: Capability | None = None
    """The best proof so far. A printer that once did better is not believed on less. None: no ticket yet."""
    answers: frozenset[Question] = frozenset()
    """What it ever answered. Where it answers nothing of that any more, something is wrong with it."""
    shunned: frozenset[Question] = frozenset()
    """Questions after which it said nothing more."""
    unechoed: int = 0
    """So many tickets asked for an echo in vain, up to `MAX_UNECHOED`."""
    failed_watches: int = field(default=0, compare=False)
    """For so many tickets in a row it could not be watched."""
    stops: int = field(default=0, compare=False)
    """So many tickets in a row looked whole although it reported a stop in each."""

    def note_answers(self, answers: frozenset[Question]) -> "TrackRecord":
        return replace(self, answers=self.answers | answers) if answers - self.answers else self

    def note_capability(self, shown: Capability) -> "TrackRecord":
        """Return the record with a ticket that was proved so well."""
        better = self.capability is None or shown > self.capability
        return replace(self, capability=shown) if better else self

    def note_echo(self, echoed: bool) -> "TrackRecord":
        """The echo was asked for."""
        return replace(self, unechoed=0 if echoed else min(self.unechoed + 1, MAX_UNECHOED))

    def note_watch(self, succeeded: bool) -> "TrackRecord":
        failed = 0 if succeeded else self.failed_watches + 1
        shunned = self.shunned | {Question.WATCH} if failed >= HABIT_TICKETS else self.shunned
        return replace(self, failed_watches=failed, shunned=shunned)

    def note_stop(self, stopped: bool) -> "TrackRecord":
        return replace(self, stops=self.stops + 1 if stopped else 0)

    def shun(self, question: Question) -> "TrackRecord":
        """It said nothing more after this question. What it once answered is no such question."""
        return self if question in self.answers else replace(self, shunned=self.shunned | {question})

    def may_ask(self, question: Question) -> bool:
        return question not in self.shunned

    @property
    def proof(self) -> Proof:
        """How well it proves, as the till says it."""
        match self.capability:
            case Capability.ECHO:
                return Proof.PROCESS_ID
            case Capability.BARRIER | Capability.STATUS:
                return Proof.STATUS
        return Proof.NONE

    @property
    def silent(self) -> bool:
        """Whether it has never said anything, though there was a ticket."""
        return self.capability is Capability.SILENT and not self.answers

    @property
    def can_be_watched(self) -> bool:
        return not self.silent and self.may_ask(Question.WATCH)

    @property
    def may_echo(self) -> bool:
        """Whether it is worth asking for an echo: it gave one, or nobody knows better."""
        known = self.capability is Capability.ECHO or self.unechoed < MAX_UNECHOED
        return known and self.may_ask(Question.ECHO)

    @property
    def stopped(self) -> bool:
        """Whether it came to a stop in the last ticket. One that reports a stop in each of them isn't believed."""
        return 0 < self.stops < HABIT_TICKETS

    def answer_timeout(self, timeouts: Timeouts) -> float:
        """How long to wait for an answer, in seconds."""
        return timeouts.silent if self.silent else timeouts.answer
