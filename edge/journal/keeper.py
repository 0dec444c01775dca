"""The journal through good and bad days: it is read as soon as it can be, and kept up to date whenever it can be.

What could not be written is not lost: the next attempt writes whatever differs from what is on the disk.
"""

import logging
from collections.abc import Callable, Iterator

from edge.core import events
from edge.core.state import Till
from edge.journal.file import JournalError
from edge.journal.store import Journal

log = logging.getLogger(__name__)

AGAIN = 2.0
"""How soon a journal that failed is tried again. Seconds."""

Remember = Callable[[float], tuple[Journal, Till]]
"""Opens the journal and says what it knows, at a time; raises `JournalError`."""


class Memory:
    """What is on the disk, and how to get more there. Used by one thread."""

    def __init__(self, remember: Remember) -> None:
        self._remember = remember
        self._journal: Journal | None = None
        self._kept: Till | None = None
        self._try_at = float("-inf")
        self.why = ""
        """Why the disk failed, for people; "" if it didn't."""

    @property
    def read(self) -> bool:
        """Whether we know what the journal knows."""
        return self._kept is not None

    def recall(self, now: float) -> Till | None:
        """What the journal knows; None while it can't be read. Raises `InUse`."""
        if now < self._try_at:
            return None
        try:
            self._journal, self._kept = self._remember(now)
        except JournalError as error:
            self._fail(error, now)
            return None
        self.why = ""
        return self._kept

    def keep(self, till: Till, now: float) -> bool:
        """Put on disk what isn't there yet; returns whether all is. Raises `BrokenJournal`: a new start mends it."""
        if self._journal is None or self._kept is None or now < self._try_at:
            return False
        try:
            # After a failure nothing is believed but a write.
            self._journal.save(self._kept, till, anyway=bool(self.why))
        except JournalError as error:
            self._fail(error, now)
            return False
        self._kept, self.why = till, ""
        return True

    def wishes(self) -> Iterator[tuple[events.Wish, Callable[[], None]]]:
        """What somebody at the command line wants, and how to strike it off."""
        if self._journal is None or self.why:
            return
        journal = self._journal
        try:
            wishes = journal.wishes()
        except JournalError as error:
            log.error("%s", error)  # and they stay where they are
            return
        for number, wish in wishes:
            yield wish, lambda number=number: self._grant(journal, number)  # type: ignore[misc]

    def _grant(self, journal: Journal, number: int) -> None:
        try:
            journal.grant(number)
        except JournalError as error:  # granted again at the next start: one more slip or marked copy
            log.error("%s", error)

    def _fail(self, error: JournalError, now: float) -> None:
        self._try_at = now + AGAIN
        if str(error) != self.why:
            log.error("%s", error)
        self.why = str(error)
