"""How a person names a sale: by its reference, by an operation number, or by the end of either. Pure."""

from collections.abc import Iterable, Iterator

from edge.core.lifecycle import Order
from edge.core.notices import Notice

MAX_CANDIDATES = 10
"""How many are named where a person has to choose."""


def find(orders: Iterable[Order], notices: Iterable[Notice], wanted: str) -> list[Order]:
    """The orders that `wanted` may mean: one if it names one in full, all of which it is an end if it doesn't.

    The notices know the operation numbers of further payments of an order. Only a paid order is found by an end.
    """
    known = list(orders)
    further: dict[str, list[str]] = {}
    for notice in notices:
        further.setdefault(notice.reference, []).extend(payment.id for payment in notice.payments)
    named = {
        order.reference: (order.reference, *_operations(order), *further.get(order.reference, ())) for order in known
    }
    for order in known:
        if order.reference == wanted:
            return [order]
    if exact := [order for order in known if wanted in named[order.reference]]:
        return exact
    return [order for order in known if order.reading and wanted and _ends(named[order.reference], wanted)]


def candidates(found: list[Order]) -> str:
    """The references of these, for a person who has to choose."""
    more = f" and {len(found) - MAX_CANDIDATES} more" if len(found) > MAX_CANDIDATES else ""
    return ", ".join(order.reference for order in found[-MAX_CANDIDATES:]) + more


def _operations(order: Order) -> Iterator[str]:
    return (payment.id for payment in (order.reading.payments if order.reading else ()))


def _ends(names: Iterable[str], wanted: str) -> bool:
    return any(name.casefold().endswith(wanted.casefold()) for name in names)
