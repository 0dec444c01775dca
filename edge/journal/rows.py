"""The till as rows of the journal, and back: what is written when it changes, and what is read at a start. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import Any

from edge.core import duties, events
from edge.core.lifecycle import Order, Stage
from edge.core.notices import Concern, Notice, Notices, Telling
from edge.core.notices import Stage as TellingStage
from edge.core.order import Item, MerchantOrder, Payment, WantedOrder
from edge.core.orders import Orders
from edge.core.outbox import LastTicket, Today
from edge.core.state import Durable
from edge.core.sweeps import History

PUT_ORDER = """
INSERT INTO orders VALUES (:reference, :stage, :on_our_till, :banners, :also_paid, :reading, unixepoch(),
    :called_for, :filed_at, :handle)
ON CONFLICT (reference) DO UPDATE SET stage = excluded.stage, on_our_till = excluded.on_our_till,
    banners = excluded.banners, also_paid = excluded.also_paid, reading = excluded.reading,
    changed_at = excluded.changed_at, called_for = excluded.called_for, filed_at = excluded.filed_at,
    handle = excluded.handle
"""
PUT_MEMORY = "INSERT OR REPLACE INTO memory VALUES (?, ?)"
PUT_LAST_SLIP = "INSERT OR REPLACE INTO memory VALUES ('told:' || ?, unixepoch())"
DROP_LAST_SLIP = "DELETE FROM memory WHERE key = 'told:' || ?"
LAST_SLIPS = "SELECT substr(key, 6), max(0, unixepoch() - value) FROM memory WHERE key LIKE 'told:%'"
"""Seconds ago, by a clock that may be wrong: a slip of its future came just now."""
UNREADABLE = (ValueError, KeyError, TypeError, ArithmeticError)
"""What reading a row raises whose text was damaged."""
shared_decimal = lru_cache(maxsize=1024)(Decimal)
"""From digits: one number for all orders that have it, for a till remembers tens of thousands of them."""

REMEMBERED = ("history", "proof", "notices", "today", "last_ticket")
"""The fields of a `Durable` that are entries of the table `memory`."""

PUT_REQUEST = """
INSERT INTO wishes (reference, day, announced, page, asked_at)
VALUES (:reference, :day, :announced, :page, unixepoch())
"""
PAGE_REQUEST_LASTS_S = 30
"""A page's request is done at once or not at all: after a power cut nobody stands there any more."""
DROP_LATE_REQUESTS = "DELETE FROM wishes WHERE page IS NOT NULL AND unixepoch() - asked_at > ?"
PAGE_REQUESTS: Mapping[str, type[events.PageRequest]] = {
    "order": events.OrderAsked,
    "cancel": events.CancelAsked,
    "check": events.CheckAsked,
    "pairing": events.PairingAsked,
}
Change = tuple[str, Any]
"""A statement and its values."""
Doorbell = duties.Verify | duties.ReadPayment
"""A question that a doorbell may have brought."""


def differences(before: Durable, after: Durable) -> Iterator[Change]:
    """What has to be written so that the rows of `before` become those of `after`."""
    yield from _order_changes(before.orders, after.orders)
    yield from _doorbell_changes(before.doorbells, after.doorbells)
    yield from _report_changes(before.reports, after.reports)
    yield from _memory_changes(before, after)
    yield from _slip_changes(before.last_slip_at, after.last_slip_at)


def _order_changes(before: Orders, after: Orders) -> Iterator[Change]:
    for order in after.changes_since(before):
        yield PUT_ORDER, _write_order(order)
    for reference in after.forgotten_since(before):
        yield "DELETE FROM orders WHERE reference = ?", [reference]


def _doorbell_changes(before: frozenset[Doorbell], after: frozenset[Doorbell]) -> Iterator[Change]:
    old, new = set(map(_write_doorbell, before)), set(map(_write_doorbell, after))
    for doorbell in sorted(new - old):
        yield "INSERT OR IGNORE INTO doorbells VALUES (?, ?)", doorbell
    for doorbell in sorted(old - new):
        yield "DELETE FROM doorbells WHERE kind = ? AND id = ?", doorbell


def _write_doorbell(doorbell: Doorbell) -> tuple[str, str]:
    return next(kind for kind, duty in events.RUNG.items() if isinstance(doorbell, duty)), doorbell.id


def _report_changes(before: Mapping[int, duties.Report], after: Mapping[int, duties.Report]) -> Iterator[Change]:
    for number in after.keys() - before.keys():
        yield "INSERT OR REPLACE INTO reports VALUES (?, ?)", [number, json.dumps(_write_report(after[number]))]
    for number in before.keys() - after.keys():
        yield "DELETE FROM reports WHERE number = ?", [number]


def _memory_changes(before: Durable, after: Durable) -> Iterator[Change]:
    if all(getattr(before, name) == getattr(after, name) for name in REMEMBERED):  # as a rule
        return
    old = _memory(before)
    for key, value in _memory(after).items():
        if value != old[key]:
            yield PUT_MEMORY, [key, value]


def _slip_changes(before: Mapping[duties.Cause, float], after: Mapping[duties.Cause, float]) -> Iterator[Change]:
    for cause, at in after.items():
        if at != before.get(cause):
            yield PUT_LAST_SLIP, [cause.value]
    for cause in before.keys() - after.keys():
        yield DROP_LAST_SLIP, [cause.value]


def last_slips_from_rows(ages: Iterable[tuple[str, int]], now: float) -> dict[duties.Cause, float]:
    """What `LAST_SLIPS` found, by the core's clock; a cause that only a later version knows is left out."""
    return {duties.Cause(cause): now - age for cause, age in ages if cause in list(duties.Cause)}


def _memory(durable: Durable) -> dict[str, str]:
    history = durable.history
    return {
        "pos_id": history.pos_id,
        "swept_until": iso(history.swept_until),
        "known_since": iso(history.complete_since),
        "proof": durable.proof.value,
        "notices": write_notices(durable.notices),
        "seen_notices": json.dumps([_write_notice(notice) for notice in durable.notices.seen], default=str),
        "today": json.dumps(asdict(durable.today)),
        "last_ticket": json.dumps(durable.last_ticket and asdict(durable.last_ticket), default=str),
    }


def facts_from_memory(memory: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a `Durable` that `_memory` wrote."""
    return {
        "history": History(
            memory.get("pos_id", ""), _date(memory.get("swept_until")), _date(memory.get("known_since"))
        ),
        "proof": events.Proof(memory.get("proof", events.Proof.NONE)),
        "notices": notices_from_texts(memory.get("notices", "[]"), memory.get("seen_notices", "[]")),
        "today": _today_from(json.loads(memory.get("today", "{}"))),
        "last_ticket": _last_ticket_from(json.loads(memory.get("last_ticket", "null"))),
    }


def _today_from(today: dict[str, Any]) -> Today:
    counts = {duties.Outcome(outcome): int(count) for outcome, count in today.get("counts", {}).items()}
    return Today(today.get("date", ""), counts)


def _last_ticket_from(last: dict[str, Any] | None) -> LastTicket | None:
    return LastTicket(_date(last["at"]), last["reference"], duties.Outcome(last["outcome"])) if last else None


def write_notices(notices: Notices) -> str:
    """Those that somebody is still to look at, each with its slip."""
    written = [_write_notice(notice) | asdict(telling) for notice, telling in notices.open.items()]
    return json.dumps(written, default=str)


def _write_notice(notice: Notice) -> dict[str, Any]:
    return asdict(notice)


def notices_from_texts(open_ones: str, seen: str) -> Notices:
    """All notices. An older journal has pairs, of which nobody was told on paper: their slips are owed."""
    return Notices(
        open=dict(_telling_from(row) for row in json.loads(open_ones)),
        seen=tuple(_notice_from(row) for row in json.loads(seen)),
    )


def _telling_from(row: Any) -> tuple[Notice, Telling]:
    if isinstance(row, list):
        concern, reference = row
        return next(iter(Notices().raised(Notice(Concern(concern), reference)).open.items()))
    return _notice_from(row), Telling(TellingStage(row["stage"]), bool(row["may_be_out"]))


def _notice_from(row: Mapping[str, Any]) -> Notice:
    payments = tuple(_payment_from(payment) for payment in row["payments"])
    return Notice(Concern(row["concern"]), row["reference"], row["reason"], payments)


def _write_report(report: duties.Report) -> dict[str, Any]:
    """As every version has written it: a payment stands in the place of a merchant order, with a word before it."""
    written: dict[str, Any] = asdict(report) | {"merchant_order": report.subject}
    del written["payment"]
    plain = asdict(duties.Report(report.outcome))
    sale = ("amount", "currency", "payments", "paid_at", "copy")
    return {key: value for key, value in written.items() if key not in sale or value != plain[key]}


def report_from(report: dict[str, Any]) -> duties.Report:
    """A report from its JSON; one of an earlier version has less of the sale."""
    outcome = duties.Outcome(report.pop("outcome"))
    report |= {"payments": tuple(report.get("payments", ()))}
    if report["merchant_order"].startswith(duties.PAYMENT_PREFIX):
        report |= {"merchant_order": "", "payment": report["merchant_order"].removeprefix(duties.PAYMENT_PREFIX)}
    return duties.Report(outcome, **report)


def _write_order(order: Order) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "stage": order.stage.value,
        "on_our_till": order.on_our_till,
        "banners": json.dumps(order.banners),
        "also_paid": json.dumps(order.also_paid),
        "reading": json.dumps(order.reading, default=_plain) if order.reading else None,
        "called_for": order.wanted_by_person,
        "filed_at": iso(order.first_finished_at) or None,
        "handle": order.handle,
    }


def _plain(value: Any) -> Any:
    """What JSON has no word for. A copy of the whole reading, as `asdict` makes one, takes ten times as long."""
    if not is_dataclass(value):
        return str(value)
    # Not `vars`, which would give each of them a dictionary that it keeps for good.
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def order_from_row(row: Mapping[str, Any]) -> Order:
    """An order from its row; a row from before a column was added lacks it."""
    return Order(
        reference=row["reference"],
        stage=Stage(row["stage"]),
        on_our_till=bool(row["on_our_till"]),
        reading=_reading_from(json.loads(row["reading"])) if row["reading"] else None,
        also_paid=tuple(json.loads(row["also_paid"])),
        banners=tuple(duties.Banner(banner) for banner in json.loads(row["banners"])),
        wanted_by_person=bool(row.get("called_for")),
        first_finished_at=_date(row.get("filed_at")),
        handle=row.get("handle") or "",
    )


def write_request(request: events.Request) -> dict[str, str | None]:
    row: dict[str, str | None] = {"reference": "", "day": None, "announced": None, "page": None}
    match request:
        case events.ReprintAsked(reference):
            return row | {"reference": reference}
        case events.DayAsked(day):
            return row | {"day": day.isoformat()}
        case events.OrderAnnounced(identity, reference):
            return row | {"reference": reference, "announced": identity}
        case _:
            return row | {"page": json.dumps(_write_page_request(request), default=str)}


def _write_page_request(request: events.PageRequest) -> dict[str, Any]:
    kind = next(kind for kind, asked in PAGE_REQUESTS.items() if isinstance(request, asked))
    return {"kind": kind, **asdict(request)}


def _page_request_from(row: dict[str, Any]) -> events.PageRequest:
    asked = PAGE_REQUESTS[row["kind"]]
    if asked is not events.OrderAsked:
        return asked(**{name: value for name, value in row.items() if name != "kind"})
    order = row["order"]
    items, total = tuple(map(_item_from, order["items"])), Decimal(order["total"])
    return events.OrderAsked(WantedOrder(**{**order, "items": items, "total": total}))


def request_from_row(row: Mapping[str, Any]) -> events.Request:
    """A request from its row; before there were slips of a day, all were for a ticket."""
    if row.get("page") is not None:
        return _page_request_from(json.loads(row["page"]))
    if row.get("announced") is not None:
        return events.OrderAnnounced(row["announced"], row["reference"])
    return events.DayAsked(date.fromisoformat(row["day"])) if row.get("day") else events.ReprintAsked(row["reference"])


def iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _reading_from(reading: dict[str, Any]) -> MerchantOrder:
    parts = {
        "total": shared_decimal(reading["total"]),
        "items": tuple(map(_item_from, reading["items"])),
        "payments": tuple(map(_payment_from, reading["payments"])),
    }
    return MerchantOrder(**_shared(reading) | parts)


def _item_from(item: Mapping[str, Any]) -> Item:
    return Item(intern(item["title"]), shared_decimal(item["quantity"]), shared_decimal(item["unit_price"]))


def _payment_from(payment: dict[str, Any]) -> Payment:
    approved = payment["date_approved"]
    parts = {
        "amount": shared_decimal(payment["amount"]),
        "refunded": shared_decimal(payment["refunded"]),
        "date_approved": datetime.fromisoformat(approved) if approved else None,
    }
    return Payment(**_shared(payment) | parts)


def _shared(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same few words in each of tens of thousands of orders need room once."""
    return {name: intern(value) if isinstance(value, str) else value for name, value in row.items()}


def readable(table: str, row: Mapping[str, Any]) -> bool:
    """Whether this row of that table can be read; in a damaged file it may not be."""
    try:
        match table:
            case "orders":
                order_from_row(row)
            case "doorbells":
                events.RUNG[row["kind"]](row["id"])
            case "reports":
                report_from(json.loads(row["report"]))
            case "wishes":
                request_from_row(row)
            case "memory":
                facts_from_memory({row["key"]: row["value"]})
                int(row["value"] if row["key"] == "commits" else 0)  # which the journal counts for itself
    except UNREADABLE:
        return False
    return True
