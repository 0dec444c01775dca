"""What the panel shows and the status says: views of the till, never commands. Pure.

The first sign of `signal` that holds is shown. What just happened outranks what is wrong, for the cashier is looking
at it; what is wrong outranks what is going on.
"""

from enum import StrEnum
from typing import Any

from edge.core import duties, events
from edge.core.lifecycle import Stage
from edge.core.printing import breaks_each, unprinted
from edge.core.state import ODD_TRIES, Due, Till

SHOWN = 3.0
"""How long the panel shows that a ticket came out, or that an order was cancelled. Seconds."""


MOST_PROBLEMS = 10
"""In a status, which is read within 4 KB."""
OWED = (Stage.PAID, Stage.LISTED, Stage.PRINTING)
"""Where the ticket is still to come."""


class Signal(StrEnum):
    """The table of lights in the README; the panel knows how each one looks."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    WORKING = "working"
    PAID = "paid"
    HOLDING = "holding"
    CANCELLED = "cancelled"
    ATTENTION = "attention"
    PRINTER = "printer"
    POLLING = "polling"
    UNREACHABLE = "unreachable"
    IDENTIFY = "identify"


def signal(till: Till, now: float) -> Signal:
    """The one sign that the cashier sees."""
    signs = (
        (Signal.IDENTIFY, now < till.identify_until),
        (Signal.HOLDING, till.button.being_held),
        (Signal.PAID, now - till.ticket_at < SHOWN),
        (Signal.CANCELLED, now - till.cancelled_at < SHOWN),
        (Signal.ATTENTION, bool(problems(till))),
        (Signal.PRINTER, not till.printer.paper.prints or breaks_each(till)),
        (Signal.STARTING, till.api.trouble is events.Trouble.CLOCK),
        (Signal.UNREACHABLE, till.api.down),
        (Signal.STARTING, not till.pos_id or till.known_since is None),
        (Signal.WORKING, _working(till, now)),
        (Signal.WAITING, till.loaded is not None),
        (Signal.POLLING, till.selling_blind),
    )
    return next((sign for sign, holds in signs if holds), Signal.READY)


def problems(till: Till) -> list[str]:
    """What a person must look at, in words; empty if nothing."""
    found = sorted(f"{notice.concern}: {notice.reference}" for notice in till.notices)
    if till.journal_why:
        found.append(f"nothing can be printed, for it could not be remembered: {till.journal_why}")
    if listed := sum(order.stage is Stage.LISTED for order in till.orders.values()):
        found.append(f"{listed} tickets wait on a list that was printed; a press of the button prints them")
    found += [
        f"{order.reference} was paid and Mercado Pago doesn't say so again, so that it has no ticket yet; "
        f"`till-edge reprint {order.reference}` prints it all the same"
        for order in unprinted(till)
        if _stuck(till, order.paid_by[0])
    ]
    if till.api.trouble is events.Trouble.REFUSED:
        found.append(till.api.why)
    if till.button.stuck:
        found.append("the button was found pressed at start; it is ignored until it is released")
    return found if len(found) <= MOST_PROBLEMS else [*found[:MOST_PROBLEMS], f"and {len(found) - MOST_PROBLEMS} more"]


def not_ready(till: Till) -> str:
    """Why a sale could not be confirmed and printed this moment, in words; "" if it could."""
    reasons = (
        (till.api.down, f"Mercado Pago can't be asked: {till.api.why}"),
        (not till.pos_id, "our point of sale is not known yet"),
        (till.known_since is None, "what was paid so far is not known yet"),
        (not till.printer.paper.prints, f"the printer can't print: {till.printer.paper}"),
        (till.printer.failures > 0, "the last ticket broke off"),
        (bool(till.journal_why), f"nothing can be remembered: {till.journal_why}"),
    )
    return next((why for holds, why in reasons if holds), "")


def _working(till: Till, now: float) -> bool:
    """Whether somebody's news is being looked into, or paper is moving."""
    asked = (duties.Verify, duties.ReadPayment, duties.Cancel)
    busy = any(isinstance(duty, asked) and _fresh(due, now) for duty, due in till.agenda.items())
    stages = (Stage.PAID, Stage.PRINTING, Stage.CANCELLING)
    return busy or till.cancel_wanted_at is not None or any(order.stage in stages for order in till.orders.values())


def _stuck(till: Till, merchant_order: str) -> bool:
    due = till.agenda.get(duties.Verify(merchant_order))
    return due is not None and due.tries + due.missed >= ODD_TRIES


def _fresh(due: Due, now: float) -> bool:
    """Whether it is being asked, or asked again; a question that fails for ever is a problem and no work."""
    return due.at <= now or 0 < due.missed + due.tries < ODD_TRIES


def status(till: Till, now: float) -> dict[str, Any]:
    """The facts of the retained status, without the version and the dates that only the daemon knows."""
    why = not_ready(till)
    return {
        "state": signal(till, now).value,
        "ready_to_sell": not why,
        "not_ready": why,
        "printer": till.printer.paper.value,
        "proof": till.proof.value,
        "api": till.api.trouble.value if till.api.trouble else "ok",
        "api_error": till.api.why,
        "relay": _relay(till),
        "round_trip_ms": None if till.echo.round_trip is None else round(till.echo.round_trip * 1000),
        "problems": problems(till),
        "loaded": till.loaded,
        "waiting": sum(order.stage is Stage.WAITING for order in till.orders.values()),
        "owed_tickets": sum(order.stage in OWED for order in till.orders.values()),
        "dropped_messages": till.dropped_messages,
        "last_ticket": _last_ticket(till),
        "today": _today(till),
        "event_to_paper_ms": _event_to_paper(till),
    }


def _relay(till: Till) -> str:
    """`unheard`: it is there, and what it rings doesn't reach us; look at this till's rights at the broker."""
    return "unheard" if till.deaf else "online" if till.relay_up else "offline"


def _last_ticket(till: Till) -> dict[str, Any] | None:
    last = till.last_ticket
    if last is None:
        return None
    return {
        "at": last.at.isoformat(timespec="seconds") if last.at else None,
        "external_reference": last.reference,
        "outcome": last.outcome.value,
    }


COUNTED = {
    "printed": duties.Outcome.PRINTED,
    "unconfirmed": duties.Outcome.UNCONFIRMED,
    "copies": duties.Outcome.COPY,
    "rejected": duties.Outcome.REJECTED,
    "cancelled": duties.Outcome.CANCELLED,
}


def _today(till: Till) -> dict[str, Any]:
    """The counts of the day; those of an earlier day are over."""
    date = till.day
    counts = till.today.counts if till.today.date == date else {}
    return {"date": date, **{name: counts.get(outcome, 0) for name, outcome in COUNTED.items()}}


def _event_to_paper(till: Till) -> dict[str, int] | None:
    waits = sorted(till.waits)
    if not waits:
        return None
    at = {name: waits[round(part * (len(waits) - 1))] for name, part in (("p50", 0.5), ("p95", 0.95))}
    return {**{name: round(seconds * 1000) for name, seconds in at.items()}, "count": len(waits)}


MOST_ORDERS = 20


def diagnosis(till: Till, now: float) -> dict[str, Any]:
    """What a report adds to the status: what is under way, and what was last. No name, no amount, no secret."""
    orders = [*list(till.past.values())[-MOST_ORDERS:], *list(till.orders.values())[-MOST_ORDERS:]]
    return {
        "date": str(till.date(now)),
        "orders": [{"external_reference": order.reference, "stage": order.stage.value} for order in orders],
        "agenda": [f"{duty} in {due.at - now:.0f} s" for duty, due in list(till.agenda.items())[:MOST_ORDERS]],
        "rejections": dict(list(till.rejections.items())[-MOST_ORDERS:]),
        "reports_waiting": len(till.reports),
        "broker": till.broker_why or "connected",
    }
