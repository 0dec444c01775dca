"""What the panel shows and what the status publishes: views of the till, never commands. Pure.

The first sign of `signal` that holds is shown. What just happened outranks what is wrong, for the cashier is looking at
it; what is wrong outranks what is going on.
"""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from edge.core import duties, events
from edge.core.agenda import ALARM_AFTER_FAILURES, Due
from edge.core.lifecycle import Order, Stage
from edge.core.notices import STANDING, Notice
from edge.core.order import NEVER
from edge.core.printing import breaks_at_each_ticket

if TYPE_CHECKING:
    from edge.core.state import Till

SHOWN_S = 3.0
"""How long the panel shows that a ticket came out, or that an order was cancelled."""
MAX_PROBLEMS = 10
"""In a status, of which 4 KB are read."""
MAX_ORDERS = 20
"""In a report, of each kind."""
OWED = (Stage.PAID, Stage.LISTED, Stage.PRINTING)
"""The ticket is still to come."""


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


def signal(till: "Till", now: float) -> Signal:
    """The one sign that the cashier sees."""
    identify_until = till.link.identify_until
    signs = (
        (Signal.HOLDING, till.cashier.button.being_held),
        (Signal.PAID, _is_recent(till.printer.ticket_at, now)),
        (Signal.CANCELLED, _is_recent(till.cashier.cancelled_at, now)),
        (Signal.IDENTIFY, identify_until is not None and now < identify_until),
        (Signal.PRINTER, till.notices.untold > 0 and not till.printer.paper.prints),  # else the slip can't be looked at
        (Signal.ATTENTION, bool(problems(till))),
        (Signal.PRINTER, not till.printer.paper.prints or breaks_at_each_ticket(till)),
        (Signal.STARTING, till.api.trouble is events.Trouble.CLOCK),
        (Signal.UNREACHABLE, till.api.down),
        (Signal.STARTING, not till.history.pos_id or till.history.complete_since is None),
        (Signal.WORKING, _is_working(till, now)),
        (Signal.WAITING, till.cashier.loaded is not None),
        (Signal.POLLING, till.link.must_poll),
    )
    return next((sign for sign, holds in signs if holds), Signal.READY)


def _is_recent(at: float | None, now: float) -> bool:
    return at is not None and now < at + SHOWN_S


def problems(till: "Till") -> list[str]:
    """What a person must look at, in words; empty if nothing."""
    found = sorted(f"{each.concern}: {each.reference}" for each in till.notices if each.concern not in STANDING)
    if till.journal_error:
        found.append(f"nothing can be printed, for it could not be remembered: {till.journal_error}")
    if listed := len(till.orders.in_stage(Stage.LISTED)):
        found.append(f"{listed} tickets wait on a list that was printed; a press of the button prints them")
    found += [
        f"{order.reference} was paid and Mercado Pago doesn't say so again, so that it has no ticket yet; "
        f"`till-edge reprint {order.reference}` prints it all the same"
        for order in till.orders.unprinted
        if till.agenda.keeps_failing_to_read(order.paid_by[0])
    ]
    if till.api.trouble is events.Trouble.REFUSED:
        found.append(till.api.error)
    found += sorted(till.agenda.refusals)
    if till.cashier.button.stuck:
        found.append(
            "the button was found pressed at start, or is pressed for a minute; it is ignored until it is released"
        )
    return found if len(found) <= MAX_PROBLEMS else [*found[:MAX_PROBLEMS], f"and {len(found) - MAX_PROBLEMS} more"]


def not_ready(till: "Till") -> str:
    """Why a sale could not be confirmed and printed this moment, in words; "" if it could."""
    reasons = (
        (till.api.down, f"Mercado Pago can't be asked: {till.api.error}"),
        (not till.history.pos_id, "our point of sale is not known yet"),
        (till.history.complete_since is None, "what was paid so far is not known yet"),
        (not till.printer.paper.prints, f"the printer can't print: {till.printer.paper}"),
        (till.printer.failures > 0, "the last ticket broke off"),
        (bool(till.journal_error), f"nothing can be remembered: {till.journal_error}"),
    )
    return next((why for holds, why in reasons if holds), "")


def _is_working(till: "Till", now: float) -> bool:
    """Whether somebody's news is being looked into, or paper is moving."""
    asked = (duties.Verify, duties.ReadPayment, duties.Cancel)
    busy = any(isinstance(duty, asked) and _is_being_asked(due, now) for duty, due in till.agenda.due.items())
    moving = till.orders.in_stage(Stage.PAID, Stage.PRINTING, Stage.CANCELLING)
    return busy or till.cashier.cancel_wanted_at is not None or bool(moving)


def _is_being_asked(due: Due, now: float) -> bool:
    """Or asked again. A question that fails for ever is a problem and no work."""
    return due.at <= now or 0 < due.not_found + due.failures < ALARM_AFTER_FAILURES


# --- the status ----------------------------------------------------------------------------------------------------


def status(till: "Till", now: float) -> dict[str, Any]:
    """The facts of the retained status, without the version and the dates, which only the daemon knows."""
    why = not_ready(till)
    round_trip_s = till.link.echo.round_trip_s
    return {
        "state": signal(till, now).value,
        "ready_to_sell": not why,
        "not_ready": why,
        "printer": till.printer.paper.value,
        "proof": till.printer.proof.value,
        "printer_question": till.questions.asked.question if till.questions.asked else None,
        "api": till.api.trouble.value if till.api.trouble else "ok",
        "api_error": till.api.error,
        "broker": till.link.broker_trouble.value if till.link.broker_trouble else "ok",
        "broker_error": till.link.broker_error or "; ".join(filter(None, _refused(till))),
        "relay": _relay(till),
        "round_trip_ms": None if round_trip_s is None else round(round_trip_s * 1000),
        "problems": problems(till),
        "journal_error": till.journal_error,
        "loaded": till.cashier.loaded,
        "waiting": len(till.orders.in_stage(Stage.WAITING)),
        "owed_tickets": len(till.orders.in_stage(*OWED)),
        "owed_slips": till.notices.untold,
        "dropped_messages": till.link.dropped_messages,
        "last_ticket": _last_ticket(till),
        "today": _today(till),
        "event_to_paper_ms": _event_to_paper(till),
        "sound_error": till.sounds.trouble,
    }


def _refused(till: "Till") -> tuple[str, ...]:
    """What the broker doesn't let us do, though it lets us in."""
    return (till.link.refused_reports, *till.link.missing_rights)


def _relay(till: "Till") -> str:
    """`unheard`: the relay is there, and its doorbells don't reach us; look at this till's rights at the broker."""
    return "unheard" if till.link.deaf else "online" if till.link.relay_up else "offline"


def _last_ticket(till: "Till") -> dict[str, Any] | None:
    last = till.printer.last_ticket
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


def _today(till: "Till") -> dict[str, Any]:
    """The counts of the day; those of an earlier day are over."""
    date = till.sweeps.day(till.settings.timezone)
    counts = till.outbox.today.counts if till.outbox.today.date == date else {}
    return {"date": date, **{name: counts.get(outcome, 0) for name, outcome in COUNTED.items()}}


def _event_to_paper(till: "Till") -> dict[str, int] | None:
    latencies_s = sorted(till.printer.latencies_s)
    if not latencies_s:
        return None
    at = {name: latencies_s[round(part * (len(latencies_s) - 1))] for name, part in (("p50", 0.5), ("p95", 0.95))}
    return {**{name: round(seconds * 1000) for name, seconds in at.items()}, "count": len(latencies_s)}


def diagnosis(till: "Till", now: float) -> dict[str, Any]:
    """What a report adds to the status: what is under way, and what was last. No name, no amount, no secret."""
    finished = sorted(till.orders.finished.values(), key=_finished_at)
    orders = [*finished[-MAX_ORDERS:], *list(till.orders.living.values())[-MAX_ORDERS:]]
    rejections = list(till.evidence.rejections.items())[-MAX_ORDERS:]
    return {
        "date": str(till.sweeps.clock(now)),
        "orders": [{"external_reference": order.reference, "stage": order.stage.value} for order in orders],
        "agenda": [f"{duty} in {due.at - now:.0f} s" for duty, due in list(till.agenda.due.items())[:MAX_ORDERS]],
        "rejections": {duties.shown(source): reason for source, reason in rejections},
        "reports_waiting": len(till.outbox.reports),
        "broker": "connected" if till.link.broker_up else till.link.broker_error,
    }


# --- the till's page -----------------------------------------------------------------------------------------------

SEEN_ONCE = (duties.Cause.NO_INTERNET, duties.Cause.API_DOWN)
"""One odd answer is no outage."""


def page(till: "Till") -> dict[str, Any]:
    """What the till's page needs beside the status: what it asked for, and what fails, by the names of the slips."""
    loaded = till.orders.living.get(till.cashier.loaded or "")
    pairing = till.page.pairing
    placings = {
        reference: {"result": placing.result.value, "why": placing.why}
        for reference, placing in till.page.placings.items()
    }
    causes = (cause for cause in till.failures.since if till.api.down or cause not in SEEN_ONCE)
    return {
        "total": None if till.cashier.total is None else str(till.cashier.total),
        "placings": placings,
        "cancelling": loaded is not None and loaded.stage is Stage.CANCELLING,
        "pairing": pairing.stage.value if pairing else None,
        "failures": [cause.value for cause in causes],
        "notices": [_noticed(notice) for notice in till.notices],
        "listed": len(till.orders.in_stage(Stage.LISTED)),
    }


def _noticed(notice: Notice) -> dict[str, Any]:
    return {"concern": notice.concern.value, "reference": notice.reference, "reason": notice.reason}


def _finished_at(order: Order) -> datetime:
    return order.first_finished_at or NEVER
