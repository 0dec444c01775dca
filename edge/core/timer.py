"""When the till next has something to do of its own accord: until then the loop sleeps. Pure.

Whatever a machine decides by comparing a time of its own with `now` has that time here. A moment that is listed and
brings nothing costs one turn of the loop; one that is missing makes the till late, so the explorer lets time pass by
this page alone.
"""

from collections.abc import Iterator

from edge.core.agenda import LOOKUPS
from edge.core.duties import Heard
from edge.core.evidence import LIST_PATIENCE_S, MAX_AGE_S
from edge.core.failures import SLIP_EVERY_S, patience_s
from edge.core.links import HOLDS_AFTER_S
from edge.core.page import PLACING_TIMEOUT_S, Placed
from edge.core.sounds import HOLD_HEARD_AFTER_S, PAID_COUNTS_S
from edge.core.state import Till
from edge.core.status import SHOWN_S


def due_at(till: Till, now: float) -> float | None:
    """The next moment after `now` at which something is due, or over; None if only an event can change anything."""
    return min((moment for moment in _moments(till) if moment > now), default=None)


def _moments(till: Till) -> Iterator[float]:
    yield from _questions(till)
    yield from _printing(till)
    yield from _links(till)
    yield from _told(till)
    yield from _shown(till)
    yield from _heard(till)


def _questions(till: Till) -> Iterator[float]:
    yield till.api.retry_at
    yield till.agenda.lookups.free_at(LOOKUPS, 0.0)
    for duty, due in till.agenda.due.items():
        if duty not in till.agenda.under_way:
            yield due.at
    for each in till.evidence.awaiting_pos.values():
        yield each.since + LIST_PATIENCE_S
    for placing in till.page.placings.values():
        if placing.result is Placed.ASKED:
            yield placing.since + PLACING_TIMEOUT_S


def _printing(till: Till) -> Iterator[float]:
    yield till.printer.look_at
    yield till.printer.retry_at
    for order in till.orders.unprinted:
        confirmed_at = till.evidence.confirmed_at.get(order.paid_by[0])
        if confirmed_at is not None:
            yield confirmed_at + MAX_AGE_S


def _links(till: Till) -> Iterator[float]:
    echo = till.link.echo
    yield echo.due_at
    if echo.sent_at is not None:
        yield echo.given_up_at
    if till.link.broker_trouble is not None:
        yield till.link.connected_at + HOLDS_AFTER_S
    yield till.outbox.retry_at


def _told(till: Till) -> Iterator[float]:
    """Slips: of what a person must look at, and of what fails."""
    for notice, since in till.notices.since.items():
        yield since + notice.patience_s
    for cause, since in till.failures.since.items():
        yield since + patience_s(cause, till.settings.slip_after_s)
        if (last := till.failures.last_slip_at.get(cause)) is not None:
            yield last + SLIP_EVERY_S


def _shown(till: Till) -> Iterator[float]:
    """Lights that mean something for a while."""
    for since in (till.printer.ticket_at, till.cashier.cancelled_at):
        if since is not None:
            yield since + SHOWN_S
    if till.link.identify_until is not None:
        yield till.link.identify_until


def _heard(till: Till) -> Iterator[float]:
    """A hold is heard when it lasts, an alarm when there may be one; a sale that waited too long isn't any more."""
    if till.cashier.button.being_held:
        yield till.cashier.button.down_at + HOLD_HEARD_AFTER_S
    if (alarm_at := till.sounds.alarm_at) is not None:
        yield alarm_at
    for play in (*till.sounds.owed, *till.sounds.bells):
        yield play.at + (PAID_COUNTS_S if play.sign is Heard.PAID else SHOWN_S)
