"""What a power cut must not take, on disk: one SQLite file, one row per order.

`save(before, after)` writes only what changed, in one transaction that is on the disk when it returns (WAL with
`synchronous=FULL`: one fdatasync). A file that is broken is mended at the daemon's start. The command line leaves its
wishes here too, so that it needs no other way into a running daemon.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edge.core import duties, events
from edge.core.lifecycle import FINISHED, Order
from edge.core.state import Concern, Due, Notice, Settings, Till
from edge.journal.file import (
    BROKEN,
    BrokenJournal,
    Note,
    begin_mending,
    check,
    end_mending,
    misfortune,
    open_file,
    read_note,
    salvage,
    write_note,
)
from edge.journal.rows import (
    PUT_MEMORY,
    TOLD,
    Change,
    differences,
    iso,
    read_memory,
    read_notices,
    read_order,
    read_report,
    read_told,
    read_wish,
    readable,
    write_notices,
    write_wish,
)

log = logging.getLogger(__name__)


class InUse(Exception):
    """Another daemon works from this journal."""


class Journal:
    """The till's memory. Used by one thread; another process may read it and leave wishes at any time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises `JournalError`, `BrokenJournal`."""
        self._path = path
        self._claim: IO[bytes] | None = None
        self._database = open_file(path)
        self._seen_version = -1
        self._commits = 0

    def belong_to(self, claim: IO[bytes]) -> None:
        """Keep the claim, and with each commit a note in its file, until `close`."""
        self._claim = claim

    def check(self) -> None:
        """Read the whole file. Raises `JournalError`, `BrokenJournal`."""
        check(self._path, self._database)

    def take_over(self, broken: Path) -> int:
        """Copy what can be read of a broken file; returns how many rows. Raises `JournalError`."""
        with misfortune(self._path), self._transaction():
            return salvage(broken, self._database, readable)

    def doubt(self, note: Note) -> None:
        """Commits are missing: note that we don't know which tickets are out, and that a person must hear of it."""
        memory = self._memory()
        notices = read_notices(memory.get("notices", "[]")) | {Notice(Concern.JOURNAL_DAMAGED)}
        changes = {
            "known_since": "",
            "swept_until": memory.get("swept_until") or note.swept_until,
            "commits": str(max(note.commits, self.commits)),
            "notices": write_notices(notices),
        }
        with misfortune(self._path), self._transaction():
            self._database.executemany(PUT_MEMORY, list(changes.items()))

    @property
    def commits(self) -> int:
        """How often something was saved, in this file's life and that of its predecessors."""
        return int(self._memory().get("commits", 0))

    def load(self, settings: Settings, identity: str, now: float) -> Till:
        """The till as it was at the last commit. The POS id goes if `identity`, our POS's name, is another now.

        Raises `JournalError`, `BrokenJournal`.
        """
        with misfortune(self._path):
            return self._load(settings, identity, now)

    def _load(self, settings: Settings, identity: str, now: float) -> Till:
        orders = {order.reference: order for order in self.orders()}
        memory = self._memory()
        if memory.get("identity") != identity:
            memory = self._move_to(identity, memory)
        reports = self._reports()
        self._wishes()  # a damaged one is to be found now, while the file can be mended
        self._commits = int(memory.get("commits", 0))
        return Till(
            settings=settings,
            orders={reference: order for reference, order in orders.items() if order.stage not in FINISHED},
            past={reference: order for reference, order in orders.items() if order.stage in FINISHED},
            agenda={duty: Due(now, now) for duty in self._doorbells()},
            reports=reports,
            last_report=max(reports, default=0),
            told=read_told(self._database.execute(TOLD), now),
            **read_memory(memory),
        )

    def save(self, before: Till, after: Till, anyway: bool = False) -> None:
        """Put on disk whatever differs between the two; touch nothing if nothing does, or write `anyway`.

        Raises `JournalError`, `BrokenJournal`. What was not saved is saved the next time, if `before` is what was.
        """
        changes = list(differences(before, after))
        if changes or anyway:
            with misfortune(self._path):
                self._commit(changes, after)

    def _commit(self, changes: list[Change], after: Till) -> None:
        with self._transaction():
            for statement, values in changes:
                self._database.execute(statement, values)
            self._database.execute(PUT_MEMORY, ["commits", str(self._commits + 1)])
        self._commits += 1
        if self._claim is not None:
            write_note(self._claim, Note(self._commits, iso(after.swept_until)))

    def orders(self) -> Iterator[Order]:
        """All orders, oldest first."""
        rows = self._database.execute("SELECT * FROM orders ORDER BY rowid")
        names = [column[0] for column in rows.description]
        return (read_order(dict(zip(names, row, strict=True))) for row in rows)

    def wish(self, wish: events.Wish) -> None:
        """Ask something of the daemon, which may be running or not. Raises `JournalError`."""
        with misfortune(self._path):
            self._database.execute("INSERT INTO wishes (reference, day) VALUES (:reference, :day)", write_wish(wish))

    def wishes(self) -> list[tuple[int, events.Wish]]:
        """The wishes that somebody else left since the last call, each with its number. Raises `JournalError`."""
        with misfortune(self._path):
            (version,) = self._database.execute("PRAGMA data_version").fetchone()
            if version == self._seen_version:
                return []
            self._seen_version = version
            return self._wishes()

    def grant(self, number: int) -> None:
        """Strike off a wish. Raises `JournalError`."""
        with misfortune(self._path):
            self._database.execute("DELETE FROM wishes WHERE number = ?", [number])

    def close(self) -> None:
        self._database.close()
        if self._claim is not None:
            self._claim.close()

    def _move_to(self, identity: str, memory: dict[str, str]) -> dict[str, str]:
        """Forget where the till was, if it was anywhere, and note where it is now."""
        places = ("pos_id", "swept_until", "known_since") if "identity" in memory else ()
        with self._transaction():
            self._database.executemany("DELETE FROM memory WHERE key = ?", [[key] for key in places])
            self._database.execute(PUT_MEMORY, ["identity", identity])
        return {key: value for key, value in memory.items() if key not in places}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # after some errors SQLite has rolled back by itself
                self._database.execute("ROLLBACK")
            raise

    def _memory(self) -> dict[str, str]:
        return dict(self._database.execute("SELECT key, value FROM memory"))

    def _wishes(self) -> list[tuple[int, events.Wish]]:
        rows = self._database.execute("SELECT number, reference, day FROM wishes ORDER BY number").fetchall()
        return [(number, read_wish({"reference": reference, "day": day})) for number, reference, day in rows]

    def _doorbells(self) -> list[duties.PaymentDuty]:
        rows = self._database.execute("SELECT kind, id FROM doorbells").fetchall()
        return [events.RUNG[kind](identity) for kind, identity in rows]

    def _reports(self) -> dict[int, duties.Report]:
        rows = self._database.execute("SELECT number, report FROM reports ORDER BY number").fetchall()
        return {number: read_report(json.loads(report)) for number, report in rows}


# --- the daemon's start --------------------------------------------------------------------------------------------


def remember(path: Path, settings: Settings, identity: str, now: float) -> tuple[Journal, Till]:
    """Be the one daemon of this journal, and learn what it knows. A broken file is mended.

    Raises `InUse`; `JournalError`, after which it may be tried again.
    """

    def recall() -> tuple[Journal, Till]:
        journal = Journal(path)
        try:
            journal.check()
            return journal, journal.load(settings, identity, now)
        except BaseException:
            journal.close()
            raise

    claimed = claim(path)
    try:
        note = read_note(claimed)
        if not path.exists():
            end_mending(path)  # the power went just then
        try:
            journal, till = recall()
        except BrokenJournal as error:
            _mend(path, note, str(error))
            journal, till = recall()
        if journal.commits < note.commits:
            journal.doubt(note)
            till = journal.load(settings, identity, now)
    except BaseException:
        claimed.close()
        raise
    journal.belong_to(claimed)
    return journal, till


def claim(path: Path) -> IO[bytes]:
    """Be the one daemon of this journal until the returned file is closed. Raises `InUse`, `JournalError`."""
    with misfortune(path):
        claimed = os.fdopen(os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            fcntl.flock(claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claimed.close()
            raise InUse(f"{path}: another till-edge works from this journal; stop it first") from None
    return claimed


def in_use(path: Path) -> bool:
    """Whether a daemon works from this journal now. Makes nothing: a file of root's would lock the daemon out."""
    try:
        with path.with_suffix(".lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # who may not look must not disturb either
        return True
    except OSError:
        return False
    return False


def _mend(path: Path, note: Note, why: str) -> None:
    """Put a sound file in the place of a broken one, with what could be read of it."""
    mended = Journal(begin_mending(path))
    kept = mended.take_over(path)
    mended.doubt(note)
    mended.close()
    end_mending(path)
    log.error("%s; set aside as %s, %d rows of it are kept", why, path.name + BROKEN, kept)
