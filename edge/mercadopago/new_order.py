"""An order as a shop's software would put it on the till, checked before Mercado Pago is asked. Pure.

Its limits are those of both APIs. What Mercado Pago would refuse, or might accept with another meaning, is refused here
with a sentence that says what to do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from edge.config.schema import Config
from edge.core.order import Item, WantedOrder

MAX_REFERENCE_LENGTH = 64
MAX_TILL_IN_REFERENCE = 32
MAX_DESCRIPTION_LENGTH = 150
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
QUANTITY = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
LIFETIME = timedelta(minutes=10)
"""The longest life of an order on a printed QR, whatever is asked for."""
CHILEAN_TIME_ZONES = frozenset(
    {"America/Santiago", "America/Punta_Arenas", "America/Coyhaique", "Pacific/Easter", "Chile/Continental"}
)
"""Where pesos have no cents."""


class OrderError(ValueError):
    """The order can't be put on a till; the text says why, and what to do."""


def parse_amount(text: str, what: str) -> Decimal:
    """An amount as people type it, with a point before the decimals. Raises `OrderError`."""
    # Whoever types 5.350 in these countries means five thousand; Mercado Pago would read five pesos thirty-five.
    if text.startswith("-"):
        raise OrderError(f"{what} is {text!r}; it must be more than nothing")
    if not AMOUNT.fullmatch(text):
        advice = "write no separator of thousands, and a point before two decimals: 5350.50"
        raise OrderError(f"{what} is {text!r}; {advice}")
    return _more_than_nothing(Decimal(text), what)


def format_amount(amount: Decimal, currency: str) -> str:
    """An amount as `parse_amount` takes it."""
    return f"{amount:.2f}" if currency != "CLP" or amount % 1 else f"{amount:.0f}"


def parse_quantity(text: str, what: str) -> Decimal:
    """A number of pieces, or a weight with up to three decimals. Raises `OrderError`."""
    if not QUANTITY.fullmatch(text):
        raise OrderError(f"{what} is {text!r}; write a number with a point before the decimals, like 2 or 0.350")
    return _more_than_nothing(Decimal(text), what)


def _more_than_nothing(number: Decimal, what: str) -> Decimal:
    if number == 0:
        raise OrderError(f"{what} is {number}; it must be more than nothing")
    return number


def parse_item(text: str) -> Item:
    """`TITLE:QUANTITY:UNIT_PRICE`. Raises `OrderError`."""
    title, *rest = text.rsplit(":", 2)
    if not title.strip() or len(rest) != 2:
        advice = 'write "TITLE:QUANTITY:UNIT_PRICE", like "Yerba 1 kg:2:2675.25"'
        raise OrderError(f"item {text!r} can't be parsed; {advice}")
    quantity = parse_quantity(rest[0], f"the quantity of {title}")
    return Item(title.strip(), quantity, parse_amount(rest[1], f"{title}'s price"))


def fresh_reference(till: str, now: datetime, nonce: str) -> str:
    """A reference that was never used before: with a used one, the money of an old sale would be found."""
    return f"{till[:MAX_TILL_IN_REFERENCE]}-{now:%Y%m%d-%H%M%S}-{nonce}"


@dataclass(frozen=True)
class NewOrder:
    """An order that may be put on a till. Made by `new_order`; each back-end writes it in its own JSON."""

    reference: str
    title: str
    total: Decimal
    items: tuple[Item, ...]
    created: datetime
    """In the shop's time zone."""
    lifetime: timedelta
    whole: bool
    """Whether its currency has no decimals."""
    notification_url: str | None = None
    """Where the in-store API notifies of it; the Orders API knows one address for all."""

    @classmethod
    def of(cls, wanted: WantedOrder, now: datetime, notification_url: str | None) -> "NewOrder":
        """An order that the till's page has checked. `now` is aware."""
        return cls(
            wanted.reference, wanted.title, wanted.total, wanted.items, now, LIFETIME, wanted.whole, notification_url
        )

    @property
    def wanted(self) -> WantedOrder:
        """The same for another process, which knows the account and the time."""
        return WantedOrder(self.reference, self.title, self.total, self.items, self.whole)

    @property
    def description(self) -> str:
        return f"{self.title} {self.reference}"[:MAX_DESCRIPTION_LENGTH]


def new_order(
    config: Config, reference: str, total: Decimal, items: Sequence[Item], now: datetime, lifetime: timedelta = LIFETIME
) -> NewOrder:
    """An order for this till. `now` is aware. Raises `OrderError`."""
    items = tuple(items) or (Item(config.till.name, Decimal(1), total),)
    whole = config.till.timezone.key in CHILEAN_TIME_ZONES
    _check_reference(reference)
    _check_amounts(total, items, whole)
    created, url = now.astimezone(config.till.timezone), config.mercadopago.notification_url
    return NewOrder(reference, config.till.name, total, items, created, lifetime, whole, url)


def _check_reference(reference: str) -> None:
    if len(reference) > MAX_REFERENCE_LENGTH:
        most = f"Mercado Pago takes at most {MAX_REFERENCE_LENGTH}"
        raise OrderError(f"the reference has {len(reference)} characters; {most}")
    if not REFERENCE.fullmatch(reference):
        raise OrderError(f"the reference {reference!r} has other characters than A-Z, a-z, 0-9, - and _")


def _check_amounts(total: Decimal, items: Sequence[Item], whole: bool) -> None:
    amounts = [("the total", total), *((f"the price of {item.title}", item.unit_price) for item in items)]
    for what, amount in amounts:
        if whole and amount != amount.to_integral_value():
            raise OrderError(f"{what} is {amount}; Chilean pesos have no cents: write a whole number")
    sums = sum((item.amount for item in items), Decimal(0))
    if sums != total:
        raise OrderError(f"the items come to {sums} and the total is {total}; make them equal")
