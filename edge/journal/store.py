"""What a power cut must not take, on disk: one SQLite file, one row per order.

`save(before, after)` writes only what changed, in one transaction that is on the disk when it returns (WAL with
`synchronous=FULL`: one fdatasync). A broken file is mended at the daemon's start. The command line leaves its requests
here, so it needs no other way into a running daemon.
"""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edge.core import duties, events
from edge.core.lifecycle import Order, Stage
from edge.core.notices import Concern, Notice, Notices
from edge.core.orders import Orders
from edge.core.outbox import LastTicket
from edge.core.state import Durable
from edge.journal.file import (
    BROKEN,
    BrokenJournalError,
    JournalError,
    Note,
    as_journal_error,
    begin_mending,
    check,
    end_mending,
    open_file,
    open_for_reading,
    read_note,
    salvage,
    write_note,
)
from edge.journal.knock import knock
from edge.journal.rows import (
    DROP_LATE_REQUESTS,
    LAST_SLIPS,
    PAGE_REQUEST_LASTS_S,
    PUT_MEMORY,
    PUT_REQUEST,
    Change,
    differences,
    facts_from_memory,
    iso,
    last_slips_from_rows,
    notices_from_texts,
    order_from_row,
    readable,
    report_from,
    request_from_row,
    write_notices,
    write_request,
)

log = logging.getLogger(__name__)


class InUseError(Exception):
    """Another daemon works from this journal."""


class Journal:
    """The file on the disk. Used by one thread; another process may read it and leave requests at any time."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        """Open or make the file; nothing is made or changed if it is `read_only`.

        Raises `JournalError`, `BrokenJournalError`.
        """
        self._path = path
        self._lock: IO[bytes] | None = None
        self._database = open_for_reading(path) if read_only else open_file(path)
        self._seen_version = -1
        self._commits = 0

    def hold_lock(self, lock: IO[bytes]) -> None:
        """Keep the lock until `close`, and with each commit write a note into its file."""
        self._lock = lock

    def check(self) -> None:
        """Read the whole file. Raises `JournalError`, `BrokenJournalError`."""
        check(self._path, self._database)

    def salvage_from(self, broken: Path) -> int:
        """Copy what can be read of a broken file; returns how many rows. Raises `JournalError`."""
        with as_journal_error(self._path), self._transaction():
            return salvage(broken, self._database, readable)

    def mark_incomplete(self, note: Note) -> None:
        """Commits are missing: note that we don't know which tickets came out, and that a person must look."""
        memory = self._memory()
        notices = notices_from_texts(memory.get("notices", "[]"), "[]").raised(Notice(Concern.JOURNAL_DAMAGED))
        changes = {
            "known_since": "",
            "swept_until": memory.get("swept_until") or note.swept_until,
            "commits": str(max(note.commits, self.commits)),
            "notices": write_notices(notices),
        }
        with as_journal_error(self._path), self._transaction():
            self._database.executemany(PUT_MEMORY, list(changes.items()))

    @property
    def commits(self) -> int:
        """How often something was saved, in this file's life and that of its predecessors."""
        return int(self._memory().get("commits", 0))

    def load(self, identity: str, now: float) -> Durable:
        """What was known at the last commit. The history goes if `identity`, our point of sale's name, is another now.

        Raises `JournalError`, `BrokenJournalError`.
        """
        with as_journal_error(self._path):
            return self._load(identity, now)

    def _load(self, identity: str, now: float) -> Durable:
        orders = Orders.of(self.orders())
        memory = self._memory()
        if memory.get("identity") != identity:
            memory = self._move_to(identity, memory)
        self._requests()  # a damaged one is to be found now, while the file can be mended
        self._commits = int(memory.get("commits", 0))
        return Durable(
            orders=orders,
            doorbells=self._doorbells(),
            reports=self._reports(),
            last_slip_at=last_slips_from_rows(self._database.execute(LAST_SLIPS), now),
            **facts_from_memory(memory),
        )

    def save(self, before: Durable, after: Durable, anyway: bool = False) -> None:
        """Put on disk whatever differs between the two; touch nothing if nothing does, or write `anyway`.

        Raises `JournalError`, `BrokenJournalError`. What was not saved is saved the next time, if `before` is what was.
        """
        changes = list(differences(before, after))
        if changes or anyway:
            with as_journal_error(self._path):
                self._commit(changes, after)

    def _commit(self, changes: list[Change], after: Durable) -> None:
        with self._transaction():
            for statement, values in changes:
                self._database.execute(statement, values)
            self._database.execute(PUT_MEMORY, ["commits", str(self._commits + 1)])
        self._commits += 1
        if self._lock is not None:
            write_note(self._lock, Note(self._commits, iso(after.history.swept_until)))

    def orders(self) -> Iterator[Order]:
        """All orders, oldest first."""
        return self._orders("SELECT * FROM orders ORDER BY rowid")

    def _orders(self, query: str, *values: int) -> Iterator[Order]:
        rows = self._database.execute(query, values)
        names = [column[0] for column in rows.description]
        return (order_from_row(dict(zip(names, row, strict=True))) for row in rows)

    def latest_orders(self, most: int) -> list[Order]:
        """The orders that were first seen last, the newest first. Raises `JournalError`, `BrokenJournalError`."""
        with as_journal_error(self._path):
            return list(self._orders("SELECT * FROM orders ORDER BY rowid DESC LIMIT ?", most))

    def notices(self) -> Notices:
        """What a person must look at, and what somebody has looked at. Raises `JournalError`, `BrokenJournalError`."""
        with as_journal_error(self._path):
            memory = self._memory()
            return notices_from_texts(memory.get("notices", "[]"), memory.get("seen_notices", "[]"))

    def announced(self) -> str:
        """The id of the order that was put on the till last, where it has one; else "". Raises as `notices`."""
        with as_journal_error(self._path):
            waiting = [order.handle for order in self.orders() if order.stage is Stage.WAITING]
            asked = [request.id for _, request in self._requests() if isinstance(request, events.OrderAnnounced)]
            return next((handle for handle in reversed([*waiting, *asked]) if handle), "")

    def last_ticket(self) -> LastTicket | None:
        """The ticket that came out last. Raises `JournalError`, `BrokenJournalError`."""
        with as_journal_error(self._path):
            last: LastTicket | None = facts_from_memory(self._memory())["last_ticket"]
            return last

    def request(self, request: events.Request) -> None:
        """Ask something of the daemon, which may be running or not. Raises `JournalError`."""
        row = write_request(request)
        with as_journal_error(self._path):
            self._database.execute(PUT_REQUEST, row)
        knock(self._path)

    def requests(self) -> list[tuple[int, events.Request]]:
        """The requests that another process left since the last call, each with its number. Raises `JournalError`."""
        with as_journal_error(self._path):
            (version,) = self._database.execute("PRAGMA data_version").fetchone()
            if version == self._seen_version:
                return []
            self._seen_version = version
            self._database.execute(DROP_LATE_REQUESTS, [PAGE_REQUEST_LASTS_S])
            return self._requests()

    def done(self, number: int) -> None:
        """Strike off a request. Raises `JournalError`."""
        with as_journal_error(self._path):
            self._database.execute("DELETE FROM wishes WHERE number = ?", [number])

    def close(self) -> None:
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    def _move_to(self, identity: str, memory: dict[str, str]) -> dict[str, str]:
        """Forget where the till was, if it was anywhere, and note where it is now."""
        places = ("pos_id", "swept_until", "known_since") if "identity" in memory else ()
        with self._transaction():
            self._database.executemany("DELETE FROM memory WHERE key = ?", [[key] for key in places])
            self._database.execute(PUT_MEMORY, ["identity", identity])
        return {key: value for key, value in memory.items() if key not in places}

    @contextlib.contextmanager
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

    def _requests(self) -> list[tuple[int, events.Request]]:
        rows = self._database.execute("SELECT * FROM wishes ORDER BY number")
        names = [column[0] for column in rows.description]
        return [
            (row["number"], request_from_row(row)) for row in (dict(zip(names, each, strict=True)) for each in rows)
        ]

    def _doorbells(self) -> frozenset[duties.Verify | duties.ReadPayment]:
        rows = self._database.execute("SELECT kind, id FROM doorbells").fetchall()
        return frozenset(events.RUNG[kind](identity) for kind, identity in rows)

    def _reports(self) -> dict[int, duties.Report]:
        rows = self._database.execute("SELECT number, report FROM reports ORDER BY number").fetchall()
        return {number: report_from(json.loads(report)) for number, report in rows}


# --- the daemon's start --------------------------------------------------------------------------------------------


def open_journal(path: Path, identity: str, now: float) -> tuple[Journal, Durable]:
    """Be the one daemon of this journal, and load what it knows. A broken file is mended.

    Raises `InUseError`; `JournalError`, after which it may be tried again.
    """
    held = lock(path)
    try:
        journal, durable = _open_sound(path, identity, read_note(held), now)
    except BaseException:
        held.close()
        raise
    journal.hold_lock(held)
    return journal, durable


def _open_sound(path: Path, identity: str, note: Note, now: float) -> tuple[Journal, Durable]:
    if not path.exists():
        end_mending(path)  # the power went just then
    try:
        journal, durable = _open_checked(path, identity, now)
    except BrokenJournalError as error:
        _mend(path, note, str(error))
        journal, durable = _open_checked(path, identity, now)
    if journal.commits < note.commits:
        journal.mark_incomplete(note)
        durable = journal.load(identity, now)
    return journal, durable


def _open_checked(path: Path, identity: str, now: float) -> tuple[Journal, Durable]:
    journal = Journal(path)
    try:
        journal.check()
        return journal, journal.load(identity, now)
    except BaseException:
        journal.close()
        raise


def lock(path: Path) -> IO[bytes]:
    """Be the one daemon of this journal until the returned file is closed. Raises `InUseError`, `JournalError`."""
    with as_journal_error(path):
        held = os.fdopen(os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.close()
            raise InUseError(f"{path}: another till-edge works from this journal; stop it first") from None
    return held


def in_use(path: Path) -> bool:
    """Whether a daemon works from this journal now. Makes nothing: a file of root's would lock the daemon out."""
    try:
        with os.fdopen(os.open(path.with_suffix(".lock"), os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # who may not look must not disturb either
        return True
    except OSError:
        return False
    return False


def _mend(path: Path, note: Note, why: str) -> None:
    """Put a sound file in the place of a broken one, with what could be read of it."""
    mended = Journal(begin_mending(path))
    kept = mended.salvage_from(path)
    mended.mark_incomplete(note)
    mended.close()
    end_mending(path)
    log.error("%s; set aside as %s, %d rows of it are kept", why, path.name + BROKEN, kept)


def announced_order(path: Path) -> str:
    """The id of the order that the daemon last saw waiting on the till; "" without one, or a readable journal."""
    if not path.exists():
        return ""
    try:
        with contextlib.closing(Journal(path, read_only=True)) as journal:
            return journal.announced()
    except (JournalError, BrokenJournalError):
        return ""
