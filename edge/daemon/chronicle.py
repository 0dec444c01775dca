"""The log of a running till: one line for each stage that an order reaches, and for what else a person looks for."""

import logging

from edge.core import duties, events
from edge.core.state import Till

log = logging.getLogger(__name__)

LOGGED_DROPS = 20
LOGGED_DROPS_EVERY = 1000


def log_step(before: Till, after: Till, event: events.Event) -> None:
    """Log what an event changed."""
    if not isinstance(event, events.Ticked):
        log.debug("%s", event)
    if isinstance(event, events.MessageDropped):
        _log_dropped(event, after.link.dropped_messages)
    if isinstance(event, events.SlipBegun):
        log.info("a slip reports: %s", _subject(event.slip))
    if before is not after:
        _log_orders(before, after)
        _log_links(before, after)


def _log_dropped(event: events.MessageDropped, count: int) -> None:
    """Each of the first ones, then one of many: whoever sends them could fill the disk."""
    if count <= LOGGED_DROPS or count % LOGGED_DROPS_EVERY == 0:
        log.warning("dropped a message on %s (number %d): %s", event.topic, count, event.why)


def _subject(slip: duties.PrintFailure | duties.PrintConcern) -> str:
    match slip:
        case duties.PrintFailure(cause):
            return cause.value
        case duties.PrintConcern(notice):
            return f"{notice.concern} {notice.reference}".strip()


def _log_orders(before: Till, after: Till) -> None:
    for order in after.orders.changes_since(before.orders):
        known = before.orders.get(order.reference)
        if known is None or known.stage is not order.stage:
            log.info("order %s: %s", order.reference, order.stage)
    for number in after.outbox.reports.keys() - before.outbox.reports.keys():
        report = after.outbox.reports[number]
        log.info("%s %s %s %s", report.outcome, report.reference, report.subject, report.reason)


def _broker(till: Till) -> str:
    return "connected" if till.link.broker_up else till.link.broker_error


def _log_links(before: Till, after: Till) -> None:
    if before.api.error != after.api.error:
        level = logging.WARNING if after.api.error else logging.INFO
        log.log(level, "Mercado Pago: %s", after.api.error or "answers")
    if (said := _broker(after)) != _broker(before):
        log.info("broker: %s", said)
    for missing in after.link.missing_rights:
        if missing not in before.link.missing_rights:
            log.warning("a right is missing: %s", missing)
    if after.link.refused_reports and not before.link.refused_reports:
        log.warning("the broker takes no reports: %s", after.link.refused_reports)
    if before.printer.paper is not after.printer.paper:
        log.info("printer: %s", after.printer.paper)
    if before.sounds.trouble != after.sounds.trouble:
        level = logging.WARNING if after.sounds.trouble else logging.INFO
        log.log(level, "sound: %s", after.sounds.trouble or "works again")
