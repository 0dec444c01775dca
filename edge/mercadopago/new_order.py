"""An order as a shop's software would put it on the till, checked before anybody is asked. Pure.

Field names and limits are those of the in-store API, version 2. What Mercado Pago would refuse, or might accept and
mean otherwise, is refused here with a sentence that says what to do.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from edge.config.schema import Config
from edge.core.order import Item

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
QUANTITY = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
LIFE = timedelta(minutes=10)
"""A printed QR's order lives no longer, whatever is asked for."""
CHILE = frozenset(
    {"America/Santiago", "America/Punta_Arenas", "America/Coyhaique", "Pacific/Easter", "Chile/Continental"}
)
"""Where pesos have no cents."""


class BadOrder(ValueError):
    """The order can't be put on a till; the text says why, and what to do."""


def read_amount(text: str, what: str) -> Decimal:
    """An amount as people type it, with a point for the decimals. Raises `BadOrder`."""
    # 5.350 is five thousand to whoever types it in these countries, and five pesos thirty-five to Mercado Pago.
    if text.startswith("-"):
        raise BadOrder(f"{what} is {text!r}; it must be more than nothing")
    if not AMOUNT.fullmatch(text):
        raise BadOrder(f"{what} is {text!r}; write no separator of thousands, and a point before two decimals: 5350.50")
    return _more_than_nothing(Decimal(text), what)


def read_quantity(text: str, what: str) -> Decimal:
    """A number of pieces, or a weight with up to three decimals. Raises `BadOrder`."""
    if not QUANTITY.fullmatch(text):
        raise BadOrder(f"{what} is {text!r}; write a number with a point before the decimals, like 2 or 0.350")
    return _more_than_nothing(Decimal(text), what)


def _more_than_nothing(number: Decimal, what: str) -> Decimal:
    if number == 0:
        raise BadOrder(f"{what} is {number}; it must be more than nothing")
    return number


def read_item(text: str) -> Item:
    """`TITLE:QUANTITY:UNIT_PRICE`. Raises `BadOrder`."""
    title, *rest = text.rsplit(":", 2)
    if not title.strip() or len(rest) != 2:
        raise BadOrder(f'item {text!r} can\'t be read; write "TITLE:QUANTITY:UNIT_PRICE", like "Yerba 1 kg:2:2675.25"')
    return Item(
        title.strip(), read_quantity(rest[0], f"the quantity of {title}"), read_amount(rest[1], f"{title}'s price")
    )


def fresh_reference(till: str, now: datetime, nonce: str) -> str:
    """A reference that was never used: a used one finds the money of an old sale."""
    return f"{till[:32]}-{now:%Y%m%d-%H%M%S}-{nonce}"


def new_order(
    config: Config, reference: str, total: Decimal, items: Sequence[Item], now: datetime, life: timedelta = LIFE
) -> dict[str, Any]:
    """The body of the PUT. `now` is aware. Raises `BadOrder`."""
    items = items or (Item(config.till.name, Decimal(1), total),)
    _check_reference(reference)
    _check_amounts(total, items, whole=config.till.timezone.key in CHILE)
    expires = (now + life).astimezone(config.till.timezone)
    order: dict[str, Any] = {
        "external_reference": reference,
        "title": config.till.name,
        "description": f"{config.till.name} {reference}"[:256],
        "expiration_date": expires.isoformat(timespec="milliseconds"),
        "total_amount": total,
        "items": [_write_item(item) for item in items],
    }
    url = config.mercadopago.notification_url
    return {**order, "notification_url": url} if url else order


def _check_reference(reference: str) -> None:
    if len(reference) > 64:
        raise BadOrder(f"the reference has {len(reference)} characters; Mercado Pago takes at most 64")
    if not REFERENCE.fullmatch(reference):
        raise BadOrder(f"the reference {reference!r} has other characters than A-Z, a-z, 0-9, - and _")


def _check_amounts(total: Decimal, items: Sequence[Item], whole: bool) -> None:
    amounts = [("the total", total), *((f"the price of {item.title}", item.unit_price) for item in items)]
    for what, amount in amounts:
        if whole and amount != amount.to_integral_value():
            raise BadOrder(f"{what} is {amount}; Chilean pesos have no cents: write a whole number")
    sums = sum((item.amount for item in items), Decimal(0))
    if sums != total:
        raise BadOrder(f"the items come to {sums} and the total is {total}; make them equal")


def _write_item(item: Item) -> dict[str, Any]:
    return {
        "sku_number": "",
        "category": "others",
        "title": item.title,
        "description": item.title,
        "unit_price": item.unit_price,
        "quantity": item.quantity,
        "unit_measure": "unit",
        "total_amount": item.amount,
    }
