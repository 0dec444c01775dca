"""The till as rows of the journal, and back: what is written when it changes, and what is read at a start. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from edge.contract.mqtt import read_day
from edge.core import duties, events
from edge.core.lifecycle import Order, Stage
from edge.core.order import Item, MerchantOrder, Payment
from edge.core.state import Concern, LastTicket, Notice, Till, Today, changed_orders

PUT_ORDER = """
INSERT INTO orders VALUES (:reference, :stage, :on_our_till, :banners, :also_paid, :reading, unixepoch(),
    :called_for, :filed_at)
ON CONFLICT (reference) DO UPDATE SET stage = excluded.stage, on_our_till = excluded.on_our_till,
    banners = excluded.banners, also_paid = excluded.also_paid, reading = excluded.reading,
    changed_at = excluded.changed_at, called_for = excluded.called_for, filed_at = excluded.filed_at
"""
PUT_MEMORY = "INSERT OR REPLACE INTO memory VALUES (?, ?)"
PUT_TOLD = "INSERT OR REPLACE INTO memory VALUES ('told:' || ?, unixepoch())"
DROP_TOLD = "DELETE FROM memory WHERE key = 'told:' || ?"
TOLD = "SELECT substr(key, 6), max(0, unixepoch() - value) FROM memory WHERE key LIKE 'told:%'"
"""Seconds ago, by a clock that may be wrong: what was told in its future was told just now."""
UNREADABLE = (ValueError, KeyError, TypeError, ArithmeticError)
"""What reading a row raises whose text was damaged."""

Change = tuple[str, Any]
"""A statement and its values."""


def differences(before: Till, after: Till) -> Iterator[Change]:
    """What has to be written so that the rows of `before` become those of `after`."""
    if before is after:  # as a rule: time passed, and nothing else
        return
    yield from _order_changes(before, after)
    yield from _doorbell_changes(before, after)
    yield from _report_changes(before, after)
    yield from _memory_changes(before, after)
    yield from _told_changes(before, after)


def _order_changes(before: Till, after: Till) -> Iterator[Change]:
    for order in changed_orders(before, after):
        yield PUT_ORDER, _write_order(order)
    if before.past is not after.past:
        for reference in before.past.keys() - after.past.keys() - after.orders.keys():
            yield "DELETE FROM orders WHERE reference = ?", [reference]


def _doorbell_changes(before: Till, after: Till) -> Iterator[Change]:
    old, new = _rung(before), _rung(after)
    for doorbell in sorted(new - old):
        yield "INSERT OR IGNORE INTO doorbells VALUES (?, ?)", doorbell
    for doorbell in sorted(old - new):
        yield "DELETE FROM doorbells WHERE kind = ? AND id = ?", doorbell


def _rung(till: Till) -> set[tuple[str, str]]:
    return {
        (kind, duty.id)
        for duty in till.agenda
        for kind, duty_type in events.RUNG.items()
        if isinstance(duty, duty_type)
    }


def _report_changes(before: Till, after: Till) -> Iterator[Change]:
    for number in after.reports.keys() - before.reports.keys():
        yield "INSERT OR REPLACE INTO reports VALUES (?, ?)", [number, json.dumps(asdict(after.reports[number]))]
    for number in before.reports.keys() - after.reports.keys():
        yield "DELETE FROM reports WHERE number = ?", [number]


def _memory_changes(before: Till, after: Till) -> Iterator[Change]:
    old = _memory(before)
    for key, value in _memory(after).items():
        if value != old[key]:
            yield PUT_MEMORY, [key, value]


def _told_changes(before: Till, after: Till) -> Iterator[Change]:
    for cause, at in after.told.items():
        if at != before.told.get(cause):
            yield PUT_TOLD, [cause.value]
    for cause in before.told.keys() - after.told.keys():
        yield DROP_TOLD, [cause.value]


def read_told(ages: Iterable[tuple[str, int]], now: float) -> dict[duties.Cause, float]:
    """What `TOLD` found, by the core's clock; a cause that only a later version knows is none."""
    return {duties.Cause(cause): now - age for cause, age in ages if cause in list(duties.Cause)}


def _memory(till: Till) -> dict[str, str]:
    return {
        "pos_id": till.pos_id,
        "swept_until": iso(till.swept_until),
        "known_since": iso(till.known_since),
        "proof": till.proof.value,
        "notices": write_notices(till.notices),
        "today": json.dumps(asdict(till.today)),
        "last_ticket": json.dumps(till.last_ticket and asdict(till.last_ticket), default=str),
    }


def read_memory(memory: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a till that `_memory` wrote."""
    return {
        "pos_id": memory.get("pos_id", ""),
        "swept_until": _date(memory.get("swept_until")),
        "known_since": _date(memory.get("known_since")),
        "proof": events.Proof(memory.get("proof", events.Proof.NONE)),
        "notices": read_notices(memory.get("notices", "[]")),
        "today": _read_today(json.loads(memory.get("today", "{}"))),
        "last_ticket": _read_last_ticket(json.loads(memory.get("last_ticket", "null"))),
    }


def _read_today(today: dict[str, Any]) -> Today:
    counts = {duties.Outcome(outcome): int(count) for outcome, count in today.get("counts", {}).items()}
    return Today(today.get("date", ""), counts)


def _read_last_ticket(last: dict[str, Any] | None) -> LastTicket | None:
    return LastTicket(_date(last["at"]), last["reference"], duties.Outcome(last["outcome"])) if last else None


def write_notices(notices: frozenset[Notice]) -> str:
    return json.dumps(sorted([notice.concern, notice.reference] for notice in notices))


def read_notices(text: str) -> frozenset[Notice]:
    return frozenset(Notice(Concern(concern), reference) for concern, reference in json.loads(text))


def read_report(report: dict[str, str]) -> duties.Report:
    return duties.Report(duties.Outcome(report.pop("outcome")), **report)


def _write_order(order: Order) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "stage": order.stage.value,
        "on_our_till": order.on_our_till,
        "banners": json.dumps(order.banners),
        "also_paid": json.dumps(order.also_paid),
        "reading": json.dumps(asdict(order.reading), default=str) if order.reading else None,
        "called_for": order.called_for,
        "filed_at": iso(order.filed_at) or None,
    }


def read_order(row: Mapping[str, Any]) -> Order:
    """An order from its row; a row from before a column was added lacks it."""
    return Order(
        reference=row["reference"],
        stage=Stage(row["stage"]),
        on_our_till=bool(row["on_our_till"]),
        reading=_read_reading(json.loads(row["reading"])) if row["reading"] else None,
        also_paid=tuple(json.loads(row["also_paid"])),
        banners=tuple(duties.Banner(banner) for banner in json.loads(row["banners"])),
        called_for=bool(row.get("called_for")),
        filed_at=_date(row.get("filed_at")),
    )


def write_wish(wish: events.Wish) -> dict[str, str | None]:
    match wish:
        case events.ReprintAsked(reference):
            return {"reference": reference, "day": None}
        case events.DayAsked(day):
            return {"reference": "", "day": day.isoformat()}


def read_wish(row: Mapping[str, Any]) -> events.Wish:
    """A wish from its row; before there were slips of a day, all were for a ticket."""
    return events.DayAsked(read_day(row["day"])) if row.get("day") else events.ReprintAsked(row["reference"])


def iso(date: datetime | None) -> str:
    return date.isoformat() if date else ""


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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


def readable(table: str, row: Mapping[str, Any]) -> bool:
    """Whether this row of that table can be read; in a damaged file it may not be."""
    try:
        match table:
            case "orders":
                read_order(row)
            case "doorbells":
                events.RUNG[row["kind"]](row["id"])
            case "reports":
                read_report(json.loads(row["report"]))
            case "wishes":
                read_wish(row)
            case "memory":
                read_memory({row["key"]: row["value"]})
                int(row["value"] if row["key"] == "commits" else 0)  # which the journal counts for itself
    except UNREADABLE:
        return False
    return True
