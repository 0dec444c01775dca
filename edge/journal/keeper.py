"""The journal through good and bad days: loaded as soon as it can be, and kept up to date whenever it can be.

What could not be written is not lost: the next attempt writes whatever differs from what is on the disk.
"""

import logging
from collections.abc import Callable, Iterator

from edge.core import events
from edge.core.state import Durable
from edge.journal.file import JournalError
from edge.journal.store import Journal

log = logging.getLogger(__name__)

RETRY_EVERY_S = 2.0
"""How soon a journal that failed is tried again."""

OpenJournal = Callable[[float], tuple[Journal, Durable]]
"""Opens the journal at a time and loads what it knows; raises `JournalError`."""


class JournalKeeper:
    """What is on the disk, and how to get more there. Used by the loop's thread alone."""

    def __init__(self, open_journal: OpenJournal) -> None:
        self._open_journal = open_journal
        self._journal: Journal | None = None
        self._saved: Durable | None = None
        self.retry_at: float | None = None
        """When a journal that failed is tried again; None if it didn't."""
        self.error = ""
        """Why the disk failed, for people; "" if it didn't."""

    @property
    def loaded(self) -> bool:
        """Whether we know what the journal knows."""
        return self._saved is not None

    def load(self, now: float) -> Durable | None:
        """What the journal knows; None while it can't be read. Raises `InUseError`."""
        if self._must_rest(now):
            return None
        try:
            self._journal, self._saved = self._open_journal(now)
        except JournalError as error:
            self._fail(error, now)
            return None
        self.error, self.retry_at = "", None
        return self._saved

    def save(self, durable: Durable, now: float) -> bool:
        """Write what isn't on the disk yet; returns whether all is. Raises `BrokenJournalError`: restart to mend it."""
        if self._journal is None or self._saved is None or self._must_rest(now):
            return False
        try:
            # After a failure nothing is believed but a write.
            self._journal.save(self._saved, durable, anyway=bool(self.error))
        except JournalError as error:
            self._fail(error, now)
            return False
        self._saved, self.error, self.retry_at = durable, "", None
        return True

    def requests(self) -> Iterator[tuple[events.Request, Callable[[], None]]]:
        """What somebody at the command line asked for, each with what strikes it off."""
        if self._journal is None or self.error:
            return
        journal = self._journal
        try:
            requests = journal.requests()
        except JournalError as error:
            log.error("%s", error)  # the requests stay where they are
            return
        for number, request in requests:
            yield request, lambda number=number: self._strike_off(journal, number)  # type: ignore[misc]

    def _strike_off(self, journal: Journal, number: int) -> None:
        try:
            journal.done(number)
        except JournalError as error:  # it is done again at the next start: one more slip or marked copy
            log.error("%s", error)

    def _must_rest(self, now: float) -> bool:
        return self.retry_at is not None and now < self.retry_at

    def _fail(self, error: JournalError, now: float) -> None:
        self.retry_at = now + RETRY_EVERY_S
        if str(error) != self.error:
            log.error("%s", error)
        self.error = str(error)
