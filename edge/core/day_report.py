"""What a day at the till came to, by our tickets and by Mercado Pago's list: the facts and their sums. Pure.

Counts are of sales, so that one which was paid in two pieces is one. Money is what is there: less what was given back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext

from edge.core.order import EXACT


@dataclass(frozen=True)
class Received:
    """A payment approved at our point of sale, as Mercado Pago lists it."""

    id: str
    merchant_order: str
    """Its id; "" where Mercado Pago names none."""
    amount: Decimal
    currency: str
    approved_at: datetime
    placed: bool = True
    """Whether the list names its point of sale. If not it may be anybody's: an online sale of the same account, say."""

    @property
    def sale(self) -> tuple[str, str]:
        """What makes two payments one sale: their merchant order. A payment without one is a sale of its own."""
        return (self.merchant_order, "") if self.merchant_order else ("", self.id)


@dataclass(frozen=True)
class Entry:
    """A sale or a payment that has to be named on the slip, and its money."""

    name: str
    """A reference, or the id of a payment."""
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Sum:
    """So many sales, and their money by currency, in the order of the currencies' names."""

    count: int = 0
    amounts: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True)
class Day:
    """One day at the till, and what Mercado Pago says of it."""

    on: date
    """By the shop's calendar."""
    asked_at: datetime
    """When Mercado Pago was asked, by its own clock."""
    tickets: Sum
    """Sales that have their ticket; copies are not counted."""
    unconfirmed: int
    """So many of these tickets the printer didn't prove."""
    waiting: tuple[Entry, ...]
    """Paid, and the ticket is still to come."""
    cancelled: int
    listed: Sum
    """What Mercado Pago lists."""
    without_ticket: tuple[Entry, ...]
    """Payments that Mercado Pago lists and that have no ticket here."""
    without_money: tuple[Entry, ...]
    """Sales that have their ticket, and how much of their money Mercado Pago doesn't list (any more)."""
    unknown_before: datetime | None = None
    """The journal begins within this day or later: what was paid before, it can't know."""
    on_the_way: tuple[Entry, ...] = ()
    """Payments so young, or so unclear, that their ticket may still come: no difference, and named all the same."""
    not_listed_yet: tuple[Entry, ...] = ()
    """Sales that were paid this moment, which Mercado Pago says itself, though not in its list."""
    no_place: tuple[Entry, ...] = ()
    """Payments that the list names without a point of sale and that paid nothing here: they are not counted."""
    no_order: Sum = Sum()
    """Payments of another device at our point of sale, by the configuration: they are not in `listed`."""
    site: str = ""
    """In which country the shop is, as Mercado Pago calls it; "" if nothing was ever sold."""

    @property
    def agrees(self) -> bool:
        return not (self.without_ticket or self.without_money)


def total(count: int, money: Iterable[tuple[str, Decimal]]) -> Sum:
    """Add up money, each currency by itself."""
    amounts: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for currency, amount in money:
            amounts[currency] = amounts.get(currency, Decimal(0)) + amount
    return Sum(count, tuple(sorted(amounts.items())))
