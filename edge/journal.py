"""What a power cut must not take, on disk: one SQLite file, one row per order.

`save(before, after)` writes only what changed, in one transaction that is on the disk when it returns (WAL with
`synchronous=FULL`: one fdatasync). The command line leaves its wishes here too, so that it needs no other way
into a running daemon.
"""

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from edge import messages as m
from edge.life import FINISHED, Order, Stage
from edge.order import Item, MerchantOrder, Payment
from edge.state import Concern, Due, Notice, Settings, Till, changed_orders

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    reference TEXT PRIMARY KEY, stage TEXT NOT NULL, on_our_till INTEGER NOT NULL, banners TEXT NOT NULL,
    also_paid TEXT NOT NULL, reading TEXT, changed_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS doorbells (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reports (number INTEGER PRIMARY KEY, report TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wishes (number INTEGER PRIMARY KEY, reference TEXT NOT NULL);
"""
PUT_ORDER = """
INSERT INTO orders VALUES (:reference, :stage, :on_our_till, :banners, :also_paid, :reading, unixepoch())
ON CONFLICT (reference) DO UPDATE SET stage = excluded.stage, on_our_till = excluded.on_our_till,
    banners = excluded.banners, also_paid = excluded.also_paid, reading = excluded.reading,
    changed_at = excluded.changed_at
"""
DOORBELLS: Mapping[str, type[m.Verify] | type[m.ReadPayment]] = {"merchant_order": m.Verify, "payment": m.ReadPayment}


class InUse(Exception):
    """Another daemon works from this journal."""


class Journal:
    """The till's memory. Used by one thread; another process may read it and leave wishes at any time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises `sqlite3.Error`."""
        self._path = path
        self._claim: IO[bytes] | None = None
        self._database = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(SCHEMA)
        self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._seen_version = -1

    def claim(self) -> None:
        """Be the one daemon of this journal for as long as the process lives. Raises `InUse`, `OSError`."""
        self._claim = self._path.with_suffix(".lock").open("wb")
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{self._path}: another till-edge works from this journal; stop it first") from None

    def load(self, settings: Settings, identity: str, now: float) -> Till:
        """The till as it was at the last commit. The POS id goes if `identity`, our POS's name, is another now."""
        orders = {order.reference: order for order in self.orders()}
        memory = dict(self._database.execute("SELECT key, value FROM memory"))
        if memory.get("identity") != identity:
            memory = self._move_to(identity, memory)
        reports = self._reports()
        until = memory.get("swept_until")
        return Till(
            settings=settings,
            orders={reference: order for reference, order in orders.items() if order.stage not in FINISHED},
            past={reference: order for reference, order in orders.items() if order.stage in FINISHED},
            agenda={duty: Due(now, now) for duty in self._doorbells()},
            reports=reports,
            last_report=max(reports, default=0),
            notices=_read_notices(memory.get("notices", "[]")),
            pos_id=memory.get("pos_id", ""),
            swept_until=datetime.fromisoformat(until) if until else None,
            proof=m.Proof(memory.get("proof", m.Proof.NONE)),
        )

    def save(self, before: Till, after: Till) -> None:
        """Put on disk whatever differs between the two; touch nothing if nothing does. Raises `sqlite3.Error`."""
        changes = [
            *_order_changes(before, after),
            *_doorbell_changes(before, after),
            *_report_changes(before, after),
            *_memory_changes(before, after),
        ]
        if not changes:
            return
        with self._transaction():
            for statement, values in changes:
                self._database.execute(statement, values)

    def orders(self) -> Iterator[Order]:
        """All orders, oldest first."""
        rows = self._database.execute(
            "SELECT reference, stage, on_our_till, banners, also_paid, reading FROM orders ORDER BY rowid"
        )
        return (_read_order(*row) for row in rows)

    def wish(self, reference: str) -> None:
        """Ask the daemon, which may be running or not, for a copy of this order's ticket."""
        self._database.execute("INSERT INTO wishes (reference) VALUES (?)", [reference])

    def wishes(self) -> list[tuple[int, str]]:
        """The wishes that somebody else left since the last call: number and reference."""
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        if version == self._seen_version:
            return []
        self._seen_version = version
        return self._database.execute("SELECT number, reference FROM wishes ORDER BY number").fetchall()

    def grant(self, number: int) -> None:
        """Strike off a wish."""
        self._database.execute("DELETE FROM wishes WHERE number = ?", [number])

    def close(self) -> None:
        self._database.close()
        if self._claim is not None:
            self._claim.close()

    def _move_to(self, identity: str, memory: dict[str, str]) -> dict[str, str]:
        """Forget where the till was, and note where it is now."""
        places = ("pos_id", "swept_until")
        with self._transaction():
            self._database.executemany("DELETE FROM memory WHERE key = ?", [[key] for key in places])
            self._database.execute("INSERT OR REPLACE INTO memory VALUES ('identity', ?)", [identity])
        return {key: value for key, value in memory.items() if key not in places}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _doorbells(self) -> list[m.PaymentDuty]:
        rows = self._database.execute("SELECT kind, id FROM doorbells").fetchall()
        return [DOORBELLS[kind](identity) for kind, identity in rows]

    def _reports(self) -> dict[int, m.Report]:
        rows = self._database.execute("SELECT number, report FROM reports ORDER BY number").fetchall()
        return {number: _read_report(json.loads(report)) for number, report in rows}


Change = tuple[str, Any]


def _order_changes(before: Till, after: Till) -> Iterator[Change]:
    for order in changed_orders(before, after):
        yield PUT_ORDER, _write_order(order)


def _doorbell_changes(before: Till, after: Till) -> Iterator[Change]:
    old, new = _rung(before), _rung(after)
    for doorbell in sorted(new - old):
        yield "INSERT OR IGNORE INTO doorbells VALUES (?, ?)", doorbell
    for doorbell in sorted(old - new):
        yield "DELETE FROM doorbells WHERE kind = ? AND id = ?", doorbell


def _rung(till: Till) -> set[tuple[str, str]]:
    return {
        (kind, duty.id) for duty in till.agenda for kind, duty_type in DOORBELLS.items() if isinstance(duty, duty_type)
    }


def _report_changes(before: Till, after: Till) -> Iterator[Change]:
    for number in after.reports.keys() - before.reports.keys():
        yield "INSERT INTO reports VALUES (?, ?)", [number, json.dumps(asdict(after.reports[number]))]
    for number in before.reports.keys() - after.reports.keys():
        yield "DELETE FROM reports WHERE number = ?", [number]


def _memory_changes(before: Till, after: Till) -> Iterator[Change]:
    old = _memory(before)
    for key, value in _memory(after).items():
        if value != old[key]:
            yield "INSERT OR REPLACE INTO memory VALUES (?, ?)", [key, value]


def _memory(till: Till) -> dict[str, str]:
    return {
        "pos_id": till.pos_id,
        "swept_until": till.swept_until.isoformat() if till.swept_until else "",
        "proof": till.proof.value,
        "notices": json.dumps(sorted([notice.concern, notice.reference] for notice in till.notices)),
    }


def _read_notices(text: str) -> frozenset[Notice]:
    return frozenset(Notice(Concern(concern), reference) for concern, reference in json.loads(text))


def _read_report(report: dict[str, str]) -> m.Report:
    return m.Report(m.Outcome(report.pop("outcome")), **report)


def _write_order(order: Order) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "stage": order.stage.value,
        "on_our_till": order.on_our_till,
        "banners": json.dumps(order.banners),
        "also_paid": json.dumps(order.also_paid),
        "reading": json.dumps(asdict(order.reading), default=str) if order.reading else None,
    }


def _read_order(reference: str, stage: str, ours: int, banners: str, also_paid: str, reading: str | None) -> Order:
    return Order(
        reference=reference,
        stage=Stage(stage),
        on_our_till=bool(ours),
        reading=_read_reading(json.loads(reading)) if reading else None,
        also_paid=tuple(json.loads(also_paid)),
        banners=tuple(m.Banner(banner) for banner in json.loads(banners)),
    )


def _read_reading(reading: dict[str, Any]) -> MerchantOrder:
    items = tuple(
        Item(item["title"], Decimal(item["quantity"]), Decimal(item["unit_price"])) for item in reading["items"]
    )
    payments = tuple(_read_payment(payment) for payment in reading["payments"])
    return MerchantOrder(**{**reading, "total": Decimal(reading["total"]), "items": items, "payments": payments})


def _read_payment(payment: dict[str, Any]) -> Payment:
    approved = payment["date_approved"]
    money = {key: Decimal(payment[key]) for key in ("amount", "refunded")}
    return Payment(**{**payment, **money, "date_approved": datetime.fromisoformat(approved) if approved else None})
