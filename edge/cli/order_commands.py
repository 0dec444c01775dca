"""`till-edge order create|show|cancel`: the order on this till, at Mercado Pago.

Each takes the configuration and what was typed, and returns the exit code.
"""

import argparse
import contextlib
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from edge.cli.exit_codes import DONE, FAILED
from edge.config.schema import Config
from edge.core import duties, events
from edge.core.lifecycle import Order
from edge.core.order import LoadedOrder, MerchantOrder
from edge.journal.file import BrokenJournalError, JournalError
from edge.journal.store import Journal, announced_order
from edge.machine.facts import version
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.new_order import (
    CHILEAN_TIME_ZONES,
    OrderError,
    format_amount,
    fresh_reference,
    new_order,
    parse_amount,
    parse_item,
)


def create(config: Config, options: argparse.Namespace) -> int:
    """Put an order on a free till, and print its reference. No reference is used twice, and none replaced unasked."""
    now = datetime.now(UTC)
    reference = options.reference or fresh_reference(config.till.id, now, secrets.token_hex(3))
    items = [parse_item(item) for item in options.item]
    total = parse_amount(options.total, "the total")
    order = new_order(config, reference, total, items, now)
    api = MercadoPago(config.mercadopago, version())
    there = _there(config, api)
    if there and not options.replace:
        raise OrderError(f"{_shown(config, there)} is on this till; {_HOW_TO_REPLACE}")
    used = api.find(duties.Search(reference)) if options.reference else ()
    _refuse_used(config, [each for each in used if not _is(there, each)], reference, there)
    _make_way(config, api, there)
    ours = api.till.put(order)
    _announce(config, ours)
    _look_again(config, api, ours, there)
    print(reference)
    return DONE


def _is(there: LoadedOrder | None, order: MerchantOrder) -> bool:
    """Whether this is the very order on the till, unpaid."""
    return there is not None and bool(there.handle) and there.handle == order.id and not order.moved_money


def _make_way(config: Config, api: MercadoPago, there: LoadedOrder | None) -> None:
    """Cancel an order that has an id before another takes its place: it could still be paid. Raises `OrderError`."""
    if there is None or not there.handle:
        return
    tried = api.cancel(there.reference, there.handle)
    if tried.orders or tried.removal not in (events.Removal.DELETED, events.Removal.ABSENT):
        state = "paid" if tried.orders else "being paid"
        raise OrderError(f"{_shown(config, there)} is {state}; it was not replaced")


_HOW_TO_REPLACE = "remove it with `till-edge order cancel`, or put yours in its place with --replace"
_ANOTHER_REFERENCE = "choose another reference, or leave --reference out for a fresh one"


def _refuse_used(config: Config, found: Sequence[MerchantOrder], reference: str, there: LoadedOrder | None) -> None:
    """A reference has one ticket for ever: a second order of it would be paid and get none. Raises `OrderError`."""
    if found:
        status = f"Mercado Pago has its order {found[-1].id}, {found[-1].status}"
        raise OrderError(f"the reference {reference!r} was used before: {status}; {_ANOTHER_REFERENCE}")
    known = _in_journal(config, reference)
    if known is not None and not (there and there.reference == reference and known.reading is None):
        used = f"this till knows it as {known.stage}"
        raise OrderError(f"the reference {reference!r} was used before: {used}; {_ANOTHER_REFERENCE}")


def _there(config: Config, api: MercadoPago, announced: str = "") -> LoadedOrder | None:
    """The order on our till, as far as that can be known."""
    seen = api.till.look(announced or announced_order(config.journal.path))
    return LoadedOrder(seen.reference, seen.total or Decimal(0), seen.handle) if seen.reference else None


def _announce(config: Config, order: LoadedOrder) -> None:
    """Tell the daemon which order is on the till, where the till itself doesn't show it."""
    if not order.handle or not config.journal.path.exists():
        return
    try:
        with contextlib.closing(Journal(config.journal.path)) as journal:
            journal.request(events.OrderAnnounced(order.handle))
    except (JournalError, BrokenJournalError) as error:
        print(f"till-edge: {error}; the daemon doesn't know yet of {order.reference}", file=sys.stderr)


def _in_journal(config: Config, reference: str) -> Order | None:
    """What this till's journal knows of a reference. Without a journal, as on another machine, Mercado Pago decides."""
    path = config.journal.path
    if not path.exists():
        return None
    try:
        journal = Journal(path, read_only=True)
    except (JournalError, BrokenJournalError) as error:
        print(f"till-edge: {error}; whether {reference} has its ticket was asked of Mercado Pago only", file=sys.stderr)
        return None
    with contextlib.closing(journal):
        return next((order for order in journal.orders() if order.reference == reference), None)


def _look_again(config: Config, api: MercadoPago, ours: LoadedOrder, before: LoadedOrder | None) -> None:
    """Somebody else may have put an order at the same moment, or paid the one that was there. Raises `OrderError`."""
    now_there = _there(config, api, ours.handle)
    if now_there and now_there.reference != ours.reference:
        taken = f"{_shown(config, now_there)} was put in its place at the same moment"
        raise OrderError(f"{ours.reference} is not on this till: {taken}; look with `till-edge order show`")
    if any(order.total != ours.total for order in api.find(duties.Search(ours.reference, ours.handle))):
        used = "somebody used it for another sum at the same moment"
        raise OrderError(f"the reference {ours.reference!r} is used twice: {used}; remove it: `till-edge order cancel`")
    if before and before.reference != ours.reference:
        print(f"{_shown(config, before)} was on this till and is replaced", file=sys.stderr)
        if any(order.status == "closed" for order in api.find(duties.Search(before.reference, before.handle))):
            print(f"{before.reference} may be paid already: if it is, the till prints its ticket", file=sys.stderr)


def _shown(config: Config, order: LoadedOrder) -> str:
    currency = "CLP" if config.till.timezone.key in CHILEAN_TIME_ZONES else ""
    return f"{order.reference}  {format_amount(order.total, currency)}"


def show(config: Config, _: argparse.Namespace) -> int:
    """Print the reference and the total of the order on this till."""
    order = _there(config, MercadoPago(config.mercadopago, version()))
    print(_shown(config, order) if order else _nothing_there(config))
    return DONE


def _nothing_there(config: Config) -> str:
    if config.mercadopago.api == "orders":
        return "no order that this till knows of; one that was not announced can't be seen"
    return "no order on this till"


def cancel(config: Config, _: argparse.Namespace) -> int:
    """Remove the order from this till, unless it may be paid already."""
    api = MercadoPago(config.mercadopago, version())
    order = _there(config, api)
    if order is None:
        print(_nothing_there(config))
        return DONE
    tried = api.cancel(order.reference, order.handle)
    if any(merchant_order.status == "closed" for merchant_order in tried.orders):
        print(f"{order.reference} may be paid already: if it is, the till prints its ticket", file=sys.stderr)
        return FAILED
    if tried.removal is not events.Removal.DELETED:
        print(f"{order.reference} was not cancelled: {tried.removal}", file=sys.stderr)
        return FAILED
    print(f"{order.reference} cancelled")
    return DONE
