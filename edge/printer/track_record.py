"""What a printer has shown since this process began: how well it proves its tickets, and which reports to trust. Pure.

`Printer` keeps it from one job to the next. Each job reads it, to decide what to ask and how long to wait, and adds to
it. Nothing of it outlives the process.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from edge.printer.timeouts import Timeouts

HABIT_TICKETS = 3
"""So many tickets in a row make a habit."""


class Capability(IntEnum):
    """How well a printer has proved a ticket, worst first."""

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
    """A value: `Printer` begins with an empty one, and each job makes the next."""

    capability: Capability | None = None
    """The best proof so far. A printer that once did better is not believed on less. None: no ticket yet."""
    failed_watches: int = 0
    """For so many tickets in a row it could not be watched."""
    stops: int = 0
    """So many tickets in a row looked whole although it reported a stop in each."""

    def note_capability(self, shown: Capability) -> "TrackRecord":
        """Return the record with a ticket that was proved so well."""
        better = self.capability is None or shown > self.capability
        return replace(self, capability=shown) if better else self

    def note_watch(self, succeeded: bool) -> "TrackRecord":
        return replace(self, failed_watches=0 if succeeded else self.failed_watches + 1)

    def note_stop(self, stopped: bool) -> "TrackRecord":
        return replace(self, stops=self.stops + 1 if stopped else 0)

    @property
    def silent(self) -> bool:
        """Whether it has proved nothing, though there was a ticket."""
        return self.capability is Capability.SILENT

    @property
    def can_be_watched(self) -> bool:
        return not self.silent and self.failed_watches < HABIT_TICKETS

    @property
    def stopped(self) -> bool:
        """Whether it came to a stop in the last ticket. One that reports a stop in each of them isn't believed."""
        return 0 < self.stops < HABIT_TICKETS

    def answer_timeout(self, timeouts: Timeouts) -> float:
        """How long to wait for an answer, in seconds."""
        return timeouts.silent if self.silent else timeouts.answer
