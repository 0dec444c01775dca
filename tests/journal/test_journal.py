"""What the disk remembers: a real SQLite file, opened again as after a power cut."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from edge.core import duties, events
from edge.core.lifecycle import Order, Stage
from edge.core.state import Concern, Due, Notice, Settings, Till
from edge.journal.store import InUse, Journal, remember
from tests.support.facts import APPROVED, PAID, POS, REFERENCE, USER

SETTINGS = Settings(USER)
IDENTITY = f"{USER}/SUC001POS003"
BLANK = Till(SETTINGS)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "journal.db"


def saved(path: Path, *tills: Till) -> Till:
    """Save one till after the other, and read the last back with another connection."""
    journal = Journal(path)
    before = journal.load(SETTINGS, IDENTITY, 0.0)
    for till in tills:
        journal.save(before, till)
        before = till
    return Journal(path).load(SETTINGS, IDENTITY, 0.0)


def test_orders_come_back_as_they_were(path):
    waiting = Order("a")
    printed = Order(REFERENCE, Stage.PRINTED, True, PAID, ("2", "3"), (duties.Banner.COPY, duties.Banner.LATE))
    till = saved(path, BLANK.put(waiting).put(printed))
    assert till.orders == {"a": waiting}
    assert till.past == {REFERENCE: printed}
    assert till.past[REFERENCE].reading.payments == (APPROVED,)


def test_the_last_stage_counts(path):
    begun = BLANK.put(Order(REFERENCE, Stage.PRINTING, True, PAID))
    till = saved(path, begun, begun.put(Order(REFERENCE, Stage.PRINTED, True, PAID)))
    assert till.orders == {}
    assert till.past[REFERENCE].stage is Stage.PRINTED


def test_doorbells_that_were_acknowledged_are_still_owed(path):
    rung = BLANK.schedule(duties.Verify("1"), Due(5, 5)).schedule(duties.ReadPayment("2"), Due(5, 5))
    rung = rung.schedule(duties.LookAtTill(), Due(5, 5))
    assert set(saved(path, rung).agenda) == {duties.Verify("1"), duties.ReadPayment("2")}
    assert set(saved(path, rung, rung.drop(duties.Verify("1"))).agenda) == {duties.ReadPayment("2")}


def test_reports_wait_for_the_broker_across_a_restart(path):
    told = BLANK.report(duties.Outcome.REJECTED, REFERENCE, "1", "refunded").report(
        duties.Outcome.PRINTED, REFERENCE, "2"
    )
    till = saved(path, told)
    assert till.reports == told.reports
    assert till.last_report == 2
    assert saved(path, told, replace(told, reports={2: told.reports[2]})).reports == {2: told.reports[2]}


def test_what_else_a_power_cut_must_not_take(path):
    kept = replace(
        BLANK,
        pos_id=POS,
        swept_until=datetime(2026, 3, 2, tzinfo=UTC),
        proof=events.Proof.STATUS,
        notices=frozenset({Notice(Concern.LATE_MONEY, REFERENCE)}),
    )
    till = saved(path, kept)
    for name in ("pos_id", "swept_until", "proof", "notices"):
        assert getattr(till, name) == getattr(kept, name), name


def test_another_point_of_sale_is_not_taken_for_the_old_one(path):
    saved(path, replace(BLANK, pos_id=POS, swept_until=datetime(2026, 3, 2, tzinfo=UTC)))
    till = Journal(path).load(SETTINGS, f"{USER}/SUC001POS004", 0.0)
    assert (till.pos_id, till.swept_until) == ("", None)


def test_a_journal_has_one_daemon(path):
    first, _ = remember(path, SETTINGS, IDENTITY, 0.0)
    with pytest.raises(InUse, match="another till-edge"):
        remember(path, SETTINGS, IDENTITY, 0.0)
    first.close()
    remember(path, SETTINGS, IDENTITY, 0.0)


def test_nothing_new_writes_nothing(path):
    journal = Journal(path)
    till = BLANK.put(Order("a"))
    journal.save(BLANK, till)
    size = path.with_name("journal.db-wal").stat().st_size
    journal.save(till, till.owe(duties.LookAtTill(), 5.0))
    assert path.with_name("journal.db-wal").stat().st_size == size


def test_a_wish_from_another_process_is_heard_once(path):
    daemon, shell = Journal(path), Journal(path)
    assert daemon.wishes() == []
    shell.wish(events.ReprintAsked(REFERENCE))
    assert daemon.wishes() == [(1, events.ReprintAsked(REFERENCE))]
    daemon.grant(1)
    shell.wish(events.DayAsked(date(2026, 3, 2)))
    assert [wish for _, wish in daemon.wishes()] == [events.DayAsked(date(2026, 3, 2))]
    assert daemon.wishes() == []


def test_a_wish_outlives_a_daemon_that_did_not_grant_it(path):
    Journal(path).wish(events.ReprintAsked(REFERENCE))
    for _ in range(2):
        assert Journal(path).wishes() == [(1, events.ReprintAsked(REFERENCE))]
