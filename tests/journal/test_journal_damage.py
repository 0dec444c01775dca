"""A journal that a dying card has damaged: set aside, what can be read of it kept, and what is unknown not claimed."""

import os
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from edge.core import duties, events
from edge.core.agenda import Due
from edge.core.lifecycle import Order, Stage
from edge.core.maps import Shelf
from edge.core.notices import Concern, Notice, Telling
from edge.core.notices import Stage as TellingStage
from edge.core.settings import Settings
from edge.core.state import Durable, Till
from edge.core.sweeps import History
from edge.journal.file import JournalError
from edge.journal.store import Journal, open_journal
from tests.support.facts import PAID, POS, USER

SETTINGS = Settings(USER)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDERS = 300
KNOWN = Durable(
    history=History(POS, swept_until=NOON, complete_since=NOON - timedelta(days=9)), proof=events.Proof.PROCESS_ID
)
DAMAGED = Notice(Concern.JOURNAL_DAMAGED)
TOLD = Telling(TellingStage.DONE)


@pytest.fixture
def path(tmp_path) -> Path:
    """A journal of some hundred orders, all in the file and none in its log."""
    path = tmp_path / "journal.db"
    journal, before = open_journal(path, "us", 0.0)
    till = Till.resume(SETTINGS, KNOWN, 0.0)
    for number in range(ORDERS):
        reading = replace(PAID, id=str(number), external_reference=f"sale-{number}")
        till = till.put(Order(f"sale-{number}", Stage.PRINTED, True, reading))
        journal.save(before, before := till.durable)
    till = till.put(Order("owed", Stage.PAID, True, replace(PAID, id="owed", external_reference="owed")))
    till = till.schedule(duties.Verify("7"), Due(0, 0)).report(duties.Outcome.REJECTED, "x", "1", "refunded")
    journal.save(before, till.durable)
    journal.close()
    return path


def after_a_start(path: Path) -> Till:
    journal, durable = open_journal(path, "us", 0.0)
    journal.close()
    return Till.resume(SETTINGS, durable, 0.0)


def test_a_sound_file_is_left_alone(path):
    till = after_a_start(path)
    assert len(till.orders.finished) == ORDERS
    assert till.history.complete_since == KNOWN.history.complete_since
    assert not till.notices
    assert not list(path.parent.glob("*.broken*"))


DAMAGE = {
    "truncated in the middle": lambda data: data[: len(data) // 2],
    "truncated by some bytes": lambda data: data[:-1000],
    "zeros at its tail": lambda data: data[: -20 * 4096] + bytes(20 * 4096),
    "zeros from its middle on": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "noise in its middle": lambda data: data[: len(data) // 2] + os.urandom(8192) + data[len(data) // 2 + 8192 :],
    "noise at its head": lambda data: os.urandom(4096) + data[4096:],
    "no database at all": lambda _: b"this is no database, and never was one" * 100,
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_file_is_set_aside_and_what_can_be_read_is_kept(path, what):
    path.write_bytes(DAMAGE[what](path.read_bytes()))
    broken = path.read_bytes()
    till = after_a_start(path)
    assert path.with_name("journal.db.broken").read_bytes() == broken
    assert till.history.complete_since is None
    assert DAMAGED in till.notices
    assert till.history.swept_until == NOON
    for order in till.orders.finished.values():
        assert order.stage is Stage.PRINTED
        assert order.reading is not None
    again = after_a_start(path)
    assert again.orders.finished == till.orders.finished
    assert again.notices == till.notices


def test_most_orders_survive_a_hole_in_the_file(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(4096) + data[len(data) // 2 + 4096 :])
    assert ORDERS * 0.8 < len(after_a_start(path).orders.finished) < ORDERS


def test_text_that_was_damaged_inside_a_sound_file_is_found_too(path):
    database = sqlite3.connect(path)
    database.execute("UPDATE orders SET reading = replace(reading, '\"id\"', char(0)) WHERE reference = 'sale-7'")
    database.commit()
    database.close()
    till = after_a_start(path)
    assert set(till.orders.finished) == {f"sale-{number}" for number in range(ORDERS) if number != 7}
    assert (list(till.orders.living), list(till.agenda.due), len(till.outbox.reports)) == (
        ["owed"],
        [duties.Verify("7")],
        1,
    )
    assert (till.history.pos_id, till.printer.proof) == (POS, events.Proof.PROCESS_ID)
    assert DAMAGED in till.notices


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


FLIPPED = {
    "a letter of a reading": "UPDATE orders SET reading = CAST(X'FF41' AS TEXT) WHERE reference = 'sale-7'",
    "a letter of a reference": "UPDATE orders SET reference = CAST(X'FF41' AS TEXT) WHERE reference = 'sale-7'",
    "a digit of the count of commits": "UPDATE memory SET value = '1s' WHERE key = 'commits'",
    "a letter of our point of sale's id": "UPDATE memory SET value = CAST(X'B53535' AS TEXT) WHERE key = 'pos_id'",
}


@pytest.mark.parametrize("what", FLIPPED)
def test_one_flipped_bit_in_a_text_costs_one_row_and_is_told(path, what):
    change(path, FLIPPED[what])
    till = after_a_start(path)
    assert len(till.orders.finished) >= ORDERS - 1
    assert "owed" in till.orders.living
    assert till.history.complete_since is None
    assert DAMAGED in till.notices


def test_the_power_goes_while_the_mended_file_is_put_in_its_place(path):
    change(path, FLIPPED["a letter of a reading"])
    mended = after_a_start(path)
    path.rename(path.with_name("journal.db.mended"))
    assert after_a_start(path) == mended


def test_the_power_goes_while_the_file_is_being_mended(path):
    change(path, FLIPPED["a letter of a reading"])
    path.with_name("journal.db.mended").write_bytes(path.read_bytes()[:5000])
    till = after_a_start(path)
    assert len(till.orders.finished) == ORDERS - 1
    assert DAMAGED in till.notices
    assert not path.with_name("journal.db.mended").exists()


def test_a_log_that_lost_its_last_commits_is_noticed(path):
    """SQLite sees nothing wrong with it: a log may end anywhere. The note beside the file knows better."""
    journal, before = open_journal(path, "us", 0.0)
    later = Till.resume(SETTINGS, before, 0.0).put(Order("later", Stage.PRINTED, True, PAID))
    journal.save(before, later.durable)
    log = path.with_name("journal.db-wal").read_bytes()
    data = path.read_bytes()
    journal.close()
    path.write_bytes(data)
    path.with_name("journal.db-wal").write_bytes(log[: len(log) // 2])
    till = after_a_start(path)
    assert "later" not in till.orders.finished
    assert till.history.complete_since is None
    assert DAMAGED in till.notices


def test_a_file_that_vanished_is_noticed(path):
    path.unlink()
    till = after_a_start(path)
    assert (till.orders.finished, till.history.complete_since, till.history.swept_until) == ({}, None, NOON)
    assert DAMAGED in till.notices


def test_a_note_that_is_torn_is_no_note(path):
    path.with_suffix(".lock").write_bytes(b'[12, "2026')
    assert not after_a_start(path).notices


def test_only_the_last_broken_file_is_kept(path):
    for _ in range(3):
        path.write_bytes(b"noise" * 1000)
        after_a_start(path)
    assert len(list(path.parent.glob("*.broken*"))) == 1


def test_a_journal_that_can_not_be_read_is_left_where_it_is(tmp_path):
    path = tmp_path / "journal.db"
    path.mkdir()
    with pytest.raises(JournalError, match=r"journal.db: unable to open database file; .* must be there"):
        open_journal(path, "us", 0.0)


def test_a_journal_of_a_newer_till_edge_is_left_alone(path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="newer till-edge"):
        open_journal(path, "us", 0.0)
    with pytest.raises(JournalError, match="newer till-edge"):
        Journal(path, read_only=True)
    assert not list(path.parent.glob("*.broken*"))


OLD = """
CREATE TABLE orders (
    reference TEXT PRIMARY KEY, stage TEXT NOT NULL, on_our_till INTEGER NOT NULL, banners TEXT NOT NULL,
    also_paid TEXT NOT NULL, reading TEXT, changed_at INTEGER NOT NULL);
CREATE TABLE memory (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE wishes (number INTEGER PRIMARY KEY, reference TEXT NOT NULL);
INSERT INTO wishes VALUES (7, 'a');
INSERT INTO orders VALUES ('a', 'cancelled', 1, '["late"]', '[]', NULL, 0);
INSERT INTO memory VALUES ('identity', 'us');
INSERT INTO memory VALUES ('pos_id', '55001');
PRAGMA user_version = 1;
"""


def test_a_journal_of_the_first_form_is_brought_up_to_date(tmp_path):
    database = sqlite3.connect(tmp_path / "journal.db")
    database.executescript(OLD)
    database.close()
    for _ in range(2):
        till = after_a_start(tmp_path / "journal.db")
        assert till.orders.finished == {"a": Order("a", Stage.CANCELLED, True, banners=(duties.Banner.LATE,))}
        assert till.history.pos_id == POS
        assert requests(tmp_path / "journal.db") == [events.ReprintAsked("a")]


SECOND = """
PRAGMA user_version = 2;
ALTER TABLE orders ADD COLUMN called_for INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN filed_at TEXT;
"""


def test_a_journal_of_the_second_form_learns_to_take_requests_for_a_day(tmp_path):
    path = tmp_path / "journal.db"
    database = sqlite3.connect(path)
    database.executescript(OLD + SECOND)
    database.close()
    journal = Journal(path)
    journal.request(events.DayAsked(date(2026, 3, 2)))
    journal.close()
    assert requests(path) == [events.ReprintAsked("a"), events.DayAsked(date(2026, 3, 2))]


THIRD = """
PRAGMA user_version = 3;
ALTER TABLE wishes ADD COLUMN day TEXT;
INSERT INTO memory VALUES ('notices', '[["double_payment", "a"], ["two_devices_with_this_identity", ""]]');
"""


FOURTH = "PRAGMA user_version = 4;"
FIFTH = """
PRAGMA user_version = 5;
ALTER TABLE orders ADD COLUMN handle TEXT NOT NULL DEFAULT '';
ALTER TABLE wishes ADD COLUMN announced TEXT;
INSERT INTO wishes VALUES (9, 'b', NULL, 'ORD01');
"""


def test_a_journal_of_the_third_form_owes_the_slips_of_its_notices(tmp_path):
    """Nobody was told of them on paper; and what has another slip has none here."""
    path = tmp_path / "journal.db"
    database = sqlite3.connect(path)
    database.executescript(OLD + SECOND + THIRD)
    database.close()
    for _ in range(2):
        notices = after_a_start(path).notices
        assert notices.open == {Notice(Concern.DOUBLE_PAYMENT, "a"): Telling(), Notice(Concern.TWINS): TOLD}


@pytest.mark.parametrize("form", [OLD, OLD + SECOND, OLD + SECOND + THIRD, OLD + SECOND + THIRD + FIFTH])
def test_who_only_reads_brings_nothing_up_to_date_on_the_disk(tmp_path, form):
    path = tmp_path / "journal.db"
    database = sqlite3.connect(path)
    database.executescript(form)
    database.close()
    before = path.read_bytes()
    journal = Journal(path, read_only=True)
    assert [order.reference for order in journal.orders()] == ["a"]
    journal.close()
    assert [each.name for each in tmp_path.iterdir()] == ["journal.db"]
    assert path.read_bytes() == before


def test_a_journal_of_the_fifth_form_keeps_its_requests_and_learns_to_take_those_of_the_page(tmp_path):
    path = tmp_path / "journal.db"
    database = sqlite3.connect(path)
    database.executescript(OLD + SECOND + THIRD + FOURTH + FIFTH)
    database.close()
    journal = Journal(path)
    journal.request(events.CheckAsked())
    journal.close()
    earlier = [events.ReprintAsked("a"), events.OrderAnnounced("ORD01", "b")]
    assert requests(path) == [*earlier, events.CheckAsked()]


def requests(path: Path) -> list[events.Request]:
    journal = Journal(path)
    found = [request for _, request in journal.requests()]
    journal.close()
    return found


@pytest.mark.parametrize(
    "damage", ["day = '2026-13-02'", "reference = CAST(X'FF41' AS TEXT)", "page = '{}'", "page = '7'"]
)
def test_a_request_that_can_not_be_read_is_given_up_and_stops_no_daemon(path, damage):
    journal = Journal(path)
    journal.request(events.DayAsked(date(2026, 3, 2)))
    journal.request(events.ReprintAsked("sale-1"))
    journal.close()
    change(path, f"UPDATE wishes SET {damage} WHERE number = 1")
    assert DAMAGED in after_a_start(path).notices
    assert requests(path) == [events.ReprintAsked("sale-1")]


def test_an_upgrade_that_fails_half_way_changes_nothing(tmp_path):
    """And so does one that the power cuts: else its first half would be in the way of the next attempt for ever."""
    path = tmp_path / "journal.db"
    database = sqlite3.connect(path)
    database.executescript(OLD)
    database.execute("ALTER TABLE orders ADD COLUMN filed_at TEXT")
    with pytest.raises(JournalError, match="duplicate column"):
        after_a_start(path)
    columns = [row[1] for row in database.execute("PRAGMA table_info(orders)")]
    database.close()
    assert "called_for" not in columns


def test_what_is_forgotten_gives_its_room_back(path):
    full = path.stat().st_size
    journal, durable = open_journal(path, "us", 0.0)
    journal.save(durable, replace(durable, orders=replace(durable.orders, finished=Shelf())))
    journal.close()
    assert path.stat().st_size < full / 4
    journal = Journal(path)
    assert [order.reference for order in journal.orders()] == ["owed"]
    journal.close()
