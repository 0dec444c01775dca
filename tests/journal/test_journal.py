"""What the disk remembers: a real SQLite file, opened again as after a power cut."""

import contextlib
import json
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from edge.core import duties, events
from edge.core.agenda import Due
from edge.core.lifecycle import Order, Stage
from edge.core.notices import Concern, Notice, all_of
from edge.core.order import Item, WantedOrder
from edge.core.outbox import LastTicket, Today
from edge.core.settings import Settings
from edge.core.state import Durable, Till
from edge.core.sweeps import History
from edge.journal.rows import PAGE_REQUEST_LASTS_S
from edge.journal.store import InUseError, Journal, open_journal
from tests.support.desk import with_history
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
    before = journal.load(IDENTITY, 0.0)
    for till in tills:
        journal.save(before, till.durable)
        before = till.durable
    return Till.resume(SETTINGS, Journal(path).load(IDENTITY, 0.0), 0.0)


def test_orders_come_back_as_they_were(path):
    waiting = Order("a")
    printed = Order(REFERENCE, Stage.PRINTED, True, PAID, ("2", "3"), (duties.Banner.COPY, duties.Banner.LATE))
    till = saved(path, BLANK.put(waiting).put(printed))
    assert till.orders.living == {"a": waiting}
    assert till.orders.finished == {REFERENCE: printed}
    assert till.orders.finished[REFERENCE].reading.payments == (APPROVED,)


def test_the_last_stage_counts(path):
    begun = BLANK.put(Order(REFERENCE, Stage.PRINTING, True, PAID))
    till = saved(path, begun, begun.put(Order(REFERENCE, Stage.PRINTED, True, PAID)))
    assert till.orders.living == {}
    assert till.orders.finished[REFERENCE].stage is Stage.PRINTED


def test_doorbells_that_were_acknowledged_are_still_owed(path):
    rung = BLANK.schedule(duties.Verify("1"), Due(5, 5)).schedule(duties.ReadPayment("2"), Due(5, 5))
    rung = rung.schedule(duties.LookAtTill(), Due(5, 5))
    assert set(saved(path, rung).agenda.due) == {duties.Verify("1"), duties.ReadPayment("2")}
    assert set(saved(path, rung, rung.drop(duties.Verify("1"))).agenda.due) == {duties.ReadPayment("2")}


def test_reports_wait_for_the_broker_across_a_restart(path):
    told = BLANK.report(duties.Outcome.REJECTED, REFERENCE, "1", "refunded").report(
        duties.Outcome.PRINTED, REFERENCE, "2"
    )
    till = saved(path, told)
    assert till.outbox.reports == told.outbox.reports
    assert till.outbox.last_number == 2
    delivered = replace(told, outbox=told.outbox.delivered(1))
    assert saved(path, told, delivered).outbox.reports == {2: told.outbox.reports[2]}


def test_what_else_a_power_cut_must_not_take(path):
    kept = replace(
        Durable(),
        history=History(POS, swept_until=datetime(2026, 3, 2, tzinfo=UTC)),
        proof=events.Proof.STATUS,
        notices=all_of([Notice(Concern.LATE_MONEY, REFERENCE)]),
        last_ticket=LastTicket(datetime(2026, 3, 2, tzinfo=UTC), REFERENCE, duties.Outcome.PRINTED),
        today=Today("2026-03-02", {duties.Outcome.PRINTED: 1}),
    )
    assert saved(path, Till.resume(SETTINGS, kept, 0.0)).durable == kept


def test_a_rejected_payment_is_written_as_earlier_versions_read_it(path):
    rejected = duties.Report(duties.Outcome.REJECTED, reason="no_merchant_order", payment="77")
    assert saved(path, BLANK.publish(rejected)).outbox.reports == {1: rejected}
    [(row,)] = sqlite3.connect(path).execute("SELECT report FROM reports").fetchall()
    assert json.loads(row) == {
        "outcome": "rejected",
        "reference": "",
        "merchant_order": "payment 77",
        "reason": "no_merchant_order",
    }


def test_another_point_of_sale_is_not_taken_for_the_old_one(path):
    saved(path, with_history(BLANK, pos_id=POS, swept_until=datetime(2026, 3, 2, tzinfo=UTC)))
    assert Journal(path).load(f"{USER}/SUC001POS004", 0.0).history == History()


def test_a_journal_has_one_daemon(path):
    first, _ = open_journal(path, IDENTITY, 0.0)
    with pytest.raises(InUseError, match="another till-edge"):
        open_journal(path, IDENTITY, 0.0)
    first.close()
    open_journal(path, IDENTITY, 0.0)


def test_nothing_new_writes_nothing(path):
    journal = Journal(path)
    till = BLANK.put(Order("a"))
    journal.save(BLANK.durable, till.durable)
    size = path.with_name("journal.db-wal").stat().st_size
    journal.save(till.durable, till.owe(duties.LookAtTill(), 5.0).durable)
    assert path.with_name("journal.db-wal").stat().st_size == size


def test_a_sale_writes_a_few_kilobytes(path):
    """A memory card wears out by what is written, and is slow at it."""
    journal = Journal(path)
    known = BLANK
    for number in range(20):
        known = known.put(Order(f"before-{number}", Stage.PRINTED, True, PAID))
    journal.save(journal.load(IDENTITY, 0.0), known.durable)
    log = path.with_name(path.name + "-wal")
    before, till = log.stat().st_size, known
    for stage in (Stage.WAITING, Stage.PRINTING, Stage.PRINTED):
        after = till.put(Order(REFERENCE, stage, True, PAID))
        journal.save(till.durable, after.durable)
        till = after
    assert 0 < log.stat().st_size - before <= 16 * 1024


def test_a_request_from_another_process_is_seen_once(path):
    daemon, shell = Journal(path), Journal(path)
    assert daemon.requests() == []
    shell.request(events.ReprintAsked(REFERENCE))
    assert daemon.requests() == [(1, events.ReprintAsked(REFERENCE))]
    daemon.done(1)
    shell.request(events.DayAsked(date(2026, 3, 2)))
    assert [request for _, request in daemon.requests()] == [events.DayAsked(date(2026, 3, 2))]
    assert daemon.requests() == []


def test_a_request_outlives_a_daemon_that_did_not_do_it(path):
    Journal(path).request(events.ReprintAsked(REFERENCE))
    for _ in range(2):
        assert Journal(path).requests() == [(1, events.ReprintAsked(REFERENCE))]


PAGE_REQUESTS = [
    events.OrderAsked(
        WantedOrder("R1", "Caja 1", Decimal("10.50"), (Item("Té", Decimal("0.350"), Decimal(30)),), True)
    ),
    events.CancelAsked("R1"),
    events.CheckAsked(),
    events.PairingAsked("123456"),
]


@pytest.mark.parametrize("asked", PAGE_REQUESTS, ids=lambda asked: type(asked).__name__)
def test_what_the_page_asks_for_arrives_as_it_was_asked(path, asked):
    daemon, page = Journal(path), Journal(path)
    page.request(asked)
    assert daemon.requests() == [(1, asked)]


def test_what_the_page_asked_for_a_while_ago_is_not_done_any_more_and_all_else_is(path):
    page = Journal(path)
    for asked in (*PAGE_REQUESTS, events.ReprintAsked(REFERENCE)):
        page.request(asked)
    page.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE wishes SET asked_at = asked_at - ?", [PAGE_REQUEST_LASTS_S + 2])
    assert [request for _, request in Journal(path).requests()] == [events.ReprintAsked(REFERENCE)]


def test_what_the_page_asked_for_by_a_clock_that_was_ahead_is_done(path):
    Journal(path).request(events.CheckAsked())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE wishes SET asked_at = asked_at + 86400")
    assert [request for _, request in Journal(path).requests()] == [events.CheckAsked()]


def test_the_latest_orders_come_newest_first(path):
    journal = Journal(path)
    till = BLANK.put(Order("a")).put(Order("b")).put(Order("c"))
    journal.save(BLANK.durable, till.durable)
    assert [order.reference for order in journal.latest_orders(2)] == [
        order.reference for order in reversed(list(journal.orders()))
    ][:2]
