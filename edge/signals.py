"""What the panel shows and the status says: views of the till, never commands. Pure.

The first sign of `signal` that holds is shown. What just happened outranks what is wrong, for the cashier is looking
at it; what is wrong outranks what is going on.
"""

from enum import StrEnum
from typing import Any

from edge import messages as m
from edge.life import Stage
from edge.state import ODD_TRIES, Due, Till

SHOWN = 3.0
"""How long the panel shows that a ticket came out, or that an order was cancelled. Seconds."""


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


def signal(till: Till, now: float) -> Signal:
    """The one sign that the cashier sees."""
    signs = (
        (Signal.HOLDING, till.button.being_held),
        (Signal.PAID, now - till.ticket_at < SHOWN),
        (Signal.CANCELLED, now - till.cancelled_at < SHOWN),
        (Signal.ATTENTION, bool(problems(till))),
        (Signal.PRINTER, not till.printer.paper.prints),
        (Signal.STARTING, till.api.trouble is m.Trouble.CLOCK),
        (Signal.UNREACHABLE, till.api.down),
        (Signal.STARTING, not till.pos_id),
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
    if till.api.trouble is m.Trouble.REFUSED:
        found.append(till.api.why)
    if till.button.stuck:
        found.append("the button was found pressed at start; it is ignored until it is released")
    return found


def _working(till: Till, now: float) -> bool:
    """Whether somebody's news is being looked into, or paper is moving."""
    asked = (m.Verify, m.ReadPayment, m.Cancel)
    busy = any(isinstance(duty, asked) and _fresh(due, now) for duty, due in till.agenda.items())
    stages = (Stage.PAID, Stage.PRINTING, Stage.CANCELLING)
    return busy or till.cancel_wanted_at is not None or any(order.stage in stages for order in till.orders.values())


def _fresh(due: Due, now: float) -> bool:
    """Whether it is being asked, or asked again; a question that fails for ever is a problem and no work."""
    return due.at <= now or 0 < due.missed + due.tries < ODD_TRIES


def status(till: Till, now: float) -> dict[str, Any]:
    """The facts of the retained status, without the version and the dates that only the daemon knows."""
    return {
        "state": signal(till, now).value,
        "printer": till.printer.paper.value,
        "proof": till.proof.value,
        "api": till.api.trouble.value if till.api.trouble else "ok",
        "api_error": till.api.why,
        "relay": "online" if till.relay_up else "offline",
        "problems": problems(till),
        "loaded": till.loaded,
        "waiting": sum(order.stage is Stage.WAITING for order in till.orders.values()),
        "owed_tickets": sum(order.stage in OWED for order in till.orders.values()),
        "dropped_messages": till.dropped_messages,
    }
