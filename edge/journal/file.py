"""The journal's file: made, brought up to date, checked, and mended where a dying card has broken it.

A file that can't be read is set aside, and a new one made of whatever can still be read of it. What nobody can tell any
more is which tickets were printed since: the note beside the file says when commits are missing.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edge.journal.rows import UNREADABLE

SCHEMA_VERSION = 6
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    reference TEXT PRIMARY KEY, stage TEXT NOT NULL, on_our_till INTEGER NOT NULL, banners TEXT NOT NULL,
    also_paid TEXT NOT NULL, reading TEXT, changed_at INTEGER NOT NULL,
    called_for INTEGER NOT NULL DEFAULT 0, filed_at TEXT, handle TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS doorbells (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reports (number INTEGER PRIMARY KEY, report TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wishes (
    number INTEGER PRIMARY KEY, reference TEXT NOT NULL, day TEXT, announced TEXT, page TEXT, asked_at INTEGER);
"""
PAGE_BYTES = 1024
"""Of a new file. A commit writes whole pages, and changes a row in each of two or three tables: with SQLite's own 4,096
bytes a sale wrote twice as much to the card."""
UPGRADES = {
    1: (
        "ALTER TABLE orders ADD COLUMN called_for INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE orders ADD COLUMN filed_at TEXT",
    ),
    2: ("ALTER TABLE wishes ADD COLUMN day TEXT",),
    3: (),  # the notices in `memory` have grown; each form of them is read, but by an older till-edge only its own
    4: (
        "ALTER TABLE orders ADD COLUMN handle TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE wishes ADD COLUMN announced TEXT",
    ),
    5: ("ALTER TABLE wishes ADD COLUMN page TEXT", "ALTER TABLE wishes ADD COLUMN asked_at INTEGER"),
}
"""From each earlier version of the file to the next."""
BROKEN, MENDED, OLDER = ".broken", ".mended", ".older"
SUFFIXES = ("", "-wal", "-shm")
"""What SQLite keeps beside a file belongs to it."""
TABLES = ("orders", "doorbells", "reports", "memory", "wishes")


class JournalError(Exception):
    """The journal can't be read or written now; the text says which file, why, and what to do."""


class BrokenJournalError(Exception):
    """The file is damaged."""


@contextlib.contextmanager
def as_journal_error(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk raise into `JournalError`, or `BrokenJournalError` where the file is damaged."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        if "decode" in str(error):  # a text with a flipped bit; no other error of this kind means damage
            raise BrokenJournalError(f"{path}: {error}") from error
        advice = f"{path.parent} must be there, have room, and be writable by this user"
        raise JournalError(f"{path}: {error}; {advice}") from error
    except (sqlite3.DatabaseError, *UNREADABLE) as error:
        raise BrokenJournalError(f"{path}: {error}") from error


def open_file(path: Path) -> sqlite3.Connection:
    """Open or make the file, in today's form. Raises `JournalError`, `BrokenJournalError`."""
    with as_journal_error(path):
        refuse_links(path)
        database = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            _prepare(path, database)
        except BaseException:
            database.close()
            raise
    return database


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the file, which may be of an earlier form, and change nothing. Raises `JournalError`, `BrokenJournalError`.

    A row of an earlier form lacks some columns; `rows` knows what that means.
    """
    with as_journal_error(path):
        refuse_links(path)
        # Without a WAL nobody has it open; SQLite would make one, for a reader too.
        alone = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True, timeout=5)
        try:
            _version(database)
        except BaseException:
            database.close()
            raise
    return database


def refuse_links(path: Path) -> None:
    """Raise `OSError` if the file or one beside it is a link: what is behind it is no journal of ours."""
    for suffix in SUFFIXES:
        beside = path.with_name(path.name + suffix)
        if beside.is_symlink():
            raise OSError(f"{beside.name} is a link, which is not followed; put the file itself in its place")


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    if not pages:  # to be said before the first table; a file that is there keeps what it has
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        database.execute("PRAGMA auto_vacuum = FULL")  # what is freed is given back
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    version = _version(database)
    upgrades = [step for older in range(version or SCHEMA_VERSION, SCHEMA_VERSION) for step in UPGRADES[older]]
    if 0 < version < SCHEMA_VERSION:
        _keep_older(path, version, database)
    if version != SCHEMA_VERSION:  # at once or not at all: half an upgrade could never be finished
        steps = "; ".join(["BEGIN IMMEDIATE", *upgrades, SCHEMA, f"PRAGMA user_version = {SCHEMA_VERSION}", "COMMIT"])
        database.executescript(steps)


def _keep_older(path: Path, version: int, database: sqlite3.Connection) -> None:
    """Keep a copy in the form that the package before this one can read: packaging/update-gate may have to go back.

    A copy of a still earlier form stays, for it is there that the gate goes back. Each trial begins without any.
    """
    copy = path.with_name(path.name + OLDER)
    if 0 < _form(copy) < version:
        return
    fresh = copy.with_name(copy.name + ".new")
    fresh.unlink(missing_ok=True)
    database.execute("VACUUM INTO ?", [str(fresh)])
    _force(fresh)
    fresh.replace(copy)
    _force(path.parent)


def _form(copy: Path) -> int:
    """The form of a copy; 0 where there is none that can be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return 0


def _force(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(database: sqlite3.Connection) -> int:
    """The form of the file; 0 for a new one. Raises `sqlite3.OperationalError` for one that is newer than ours."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise sqlite3.OperationalError(f"it was written by a newer till-edge (form {version}); install that one")
    return int(version)


def check(path: Path, database: sqlite3.Connection) -> None:
    """Read the whole file. Raises `JournalError`, `BrokenJournalError`."""
    with as_journal_error(path):
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(" ".join(found.split()))


def begin_mending(path: Path) -> Path:
    """Make way for an attempt; returns where the sound file is to be written. Raises `JournalError`."""
    with as_journal_error(path):
        for name in (BROKEN, MENDED):
            for suffix in SUFFIXES:
                path.with_name(path.name + name + suffix).unlink(missing_ok=True)
    return path.with_name(path.name + MENDED)


def end_mending(path: Path) -> None:
    """Put the mended file in the place of the broken one, which is kept beside it. Raises `JournalError`.

    The power may go at any moment: while the broken file has its name the mending begins anew, and from then on
    the mended one is whole, and only its name is left to be given. Without one, nothing is done.
    """
    mended = path.with_name(path.name + MENDED)
    with as_journal_error(path):
        if not mended.exists():
            return
        for suffix in SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path.with_name(path.name + suffix), path.with_name(path.name + BROKEN + suffix))
        os.replace(mended, path)
        _force(path.parent)


def salvage(broken: Path, database: sqlite3.Connection, readable: Callable[[str, dict[str, Any]], bool]) -> int:
    """Copy the rows that can be read, if `readable` says so of the table and the row. Returns how many."""
    old = sqlite3.connect(broken, isolation_level=None)
    kept = 0
    for table in TABLES:
        for row in _rows(old, table):
            if readable(table, row):
                names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
                kept += database.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", row).rowcount
    old.close()
    return kept


def _rows(old: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """What can be read of a table: from its beginning up to the damage, and from its end down to it."""
    for direction in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            rows = old.execute(f"SELECT * FROM {table} ORDER BY 1 {direction}")
            names = [column[0] for column in rows.description]
            for row in rows:
                yield dict(zip(names, row, strict=True))


@dataclass(frozen=True)
class Note:
    """What stands beside the file, in a few bytes that are not forced to the disk with each commit."""

    commits: int = 0
    swept_until: str = ""


def write_note(file: IO[bytes], note: Note) -> None:
    """Write the note, if there is room for it; a commit doesn't fail for its note."""
    text = json.dumps([note.commits, note.swept_until]).encode()
    with contextlib.suppress(OSError):
        os.pwrite(file.fileno(), text.ljust(80), 0)


def read_note(file: IO[bytes]) -> Note:
    """The note, or an empty one where there is none that can be read. Raises `OSError`."""
    try:
        commits, swept_until = json.loads(os.pread(file.fileno(), 1000, 0) or b'[0, ""]')
        return Note(int(commits), str(swept_until))
    except UNREADABLE:
        return Note()
