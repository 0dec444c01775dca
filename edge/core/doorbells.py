"""Doorbells: somebody named an id, or nothing that can be read. Both mean: look. Pure.

Nothing else in a doorbell is believed. Anybody may ring, so that a flood of ids is bounded, and left to a sweep.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from edge.core import duties, events
from edge.core.agenda import MAX_DOORBELLS, Due
from edge.core.links import look_around
from edge.core.order import MerchantOrder

if TYPE_CHECKING:
    from edge.core.state import Till


def ring(till: "Till", bell: events.DoorbellRang, now: float) -> "Till":
    """A doorbell: go and look. Equal ones fall together; one that names nothing that we can read means: look around."""
    if bell.for_all and not _expects_money(till):
        return till
    if bell.kind not in events.RUNG:
        return look_around(till, now)
    or_look = bell.kind is events.Kind.ORDER
    return look_up(till, events.RUNG[bell.kind](bell.id), Due(now, now, for_all=bell.for_all, or_look=or_look))


def look_up(till: "Till", duty: duties.Verify | duties.ReadPayment, news: Due) -> "Till":
    """Somebody named an id: read it."""
    due = till.agenda.due.get(duty)
    if due is None and len(till.agenda.doorbells) >= MAX_DOORBELLS:
        return look_around(till, news.at)
    if due is None:
        return till.schedule(duty, news)
    due = replace(due, at=min(due.at, news.at), rung_again=True, for_all=due.for_all and news.for_all)
    return till.schedule(duty, due)


def ring_again(till: "Till", duty: duties.PaymentDuty, due: Due, now: float) -> "Till":
    """A doorbell came while we were asking: the answer may be older than the news."""
    return till.schedule(duty, Due(now, now, for_all=due.for_all)) if due.rung_again else till


def _expects_money(till: "Till") -> bool:
    """Whether a doorbell that names no till may be ours; else all tills of a chain would look up each sale."""
    searching = any(isinstance(duty, duties.Search) for duty in till.agenda.due)
    return searching or bool(till.settings.reference_prefix)


def is_about_us(till: "Till", reading: MerchantOrder) -> bool:
    """Whether a reading that was rung for all tills is about a sale of ours."""
    if reading.external_pos_id:
        return reading.external_pos_id == till.settings.external_pos_id
    prefix = till.settings.reference_prefix
    return till.orders.get(reading.reference) is not None or bool(prefix and reading.reference.startswith(prefix))
