"""The Orders API, type `qr`: each order has an id, names its till, and is read and cancelled by its id.

So a cancel can't touch the next customer's order. But no till can be asked what is on it: somebody has to announce the
order's id or reference.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from edge.config.schema import MercadoPagoConfig
from edge.core import events
from edge.core.order import Item, LoadedOrder, MerchantOrder
from edge.mercadopago.decode_order import decode_order, decode_orders
from edge.mercadopago.exchange import WHOSE_TOKEN, ApiError, Exchange
from edge.mercadopago.fields import Json, iso
from edge.mercadopago.new_order import NewOrder

ORDER_ID = re.compile(r"ORD[A-Z0-9]{20,40}", re.ASCII)
PATH = "/v1/orders"
SEARCHED, AHEAD = timedelta(days=28), timedelta(days=1)
"""How far back a reference is looked for, and how far ahead: together less than the 720 hours that are allowed."""
MAX_SEARCH_PAGES = 3


class OrdersTill:
    """Our till, as far as the Orders API shows it. All methods raise `ApiError` and `DecodeError`."""

    def __init__(self, exchange: Exchange, config: MercadoPagoConfig) -> None:
        self._exchange = exchange
        self._user_id, self._external_pos_id = config.user_id, config.external_pos_id

    def look(self, announced: str = "") -> events.TillSeen:
        """The order that was announced, if it is ours and waits to be paid."""
        if not announced:
            self._exchange.get(WHOSE_TOKEN)  # a look that asks nothing would say that Mercado Pago answers
        for order in reversed(self._named(announced) if announced else ()):
            if self._waits_here(order):
                return events.TillSeen(order.external_reference or None, order.total, order.id)
        return events.TillSeen(None, known=False)

    def read(self, identity: str) -> MerchantOrder:
        """The order of this id."""
        return decode_order(self._exchange.get(_path(identity)))

    def known(self, identity: str) -> tuple[MerchantOrder, ...]:
        """The order of this id, or none if there is none that we may read."""
        try:
            return (self.read(identity),)
        except ApiError as error:
            if error.names_nothing:
                return ()
            raise

    def find(self, reference: str) -> tuple[MerchantOrder, ...]:
        """The orders of exactly this reference that the search knows; it may know none of type `qr`."""
        now = datetime.fromtimestamp(self._exchange.clock.now(), UTC)
        query = {
            "external_reference": reference,
            "begin_date": iso(now - SEARCHED),
            "end_date": iso(now + AHEAD),
        }
        found, _ = self._exchange.search(PATH, query, decode_orders, MAX_SEARCH_PAGES)
        return tuple(order for order in found if order.external_reference == reference)

    def put(self, order: NewOrder) -> LoadedOrder:
        """Create an order on our till. The same order is created once, however often it is asked for."""
        body = _body(order, self._external_pos_id)
        created = decode_order(self._exchange.post(PATH, str(_key(body)), body))
        return LoadedOrder(created.external_reference, created.total, created.id)

    def handle_of(self, order: NewOrder) -> str:
        """The id of an order that may have been created: asking for it again creates no second one."""
        return self.put(order).handle

    def cancel(self, reference: str, handle: str) -> events.CancelTried:
        """Cancel the order of this id, or see why it can't be."""
        try:
            # A key of its own each time: one that was used would be answered as it was then.
            cancelled = self._exchange.post(f"{_path(handle)}/cancel", str(uuid4()))
        except ApiError as error:
            if error.status not in (400, 404, 409, 423) or error.trouble.is_the_questions:
                raise
            return self._not_cancelled(reference, handle, error)
        left = decode_order(cancelled)
        removal = events.Removal.DELETED if left.cancelled else events.Removal.REFUSED
        return events.CancelTried(reference, removal, _with_money(left), reference)

    def _not_cancelled(self, reference: str, handle: str, error: ApiError) -> events.CancelTried:
        """What the order is, which can't be cancelled, outranks the reason that was given."""
        left = self.read(handle)
        removal = events.Removal.REFUSED
        if left.cancelled or left.status == "expired":
            removal = events.Removal.ABSENT
        elif error.status == 423 or "locked" in error.code:
            removal = events.Removal.LOCKED
        return events.CancelTried(reference, removal, _with_money(left), reference)

    def _named(self, announced: str) -> tuple[MerchantOrder, ...]:
        return (self.known(announced) if ORDER_ID.fullmatch(announced) else ()) or self.find(announced)

    def _waits_here(self, order: MerchantOrder) -> bool:
        ours = (order.collector_id, order.external_pos_id) == (self._user_id, self._external_pos_id)
        return ours and order.status == "opened" and not order.cancelled


def _with_money(order: MerchantOrder) -> tuple[MerchantOrder, ...]:
    """The reading, unless it says no more than that the order has ended unpaid."""
    return (order,) if order.moved_money else ()


def _path(identity: str) -> str:
    return f"{PATH}/{quote(identity, safe='')}"


def _key(body: Json) -> UUID:
    """The idempotency key of an order: follows from all that is in it, so that nothing has to be remembered."""
    return uuid5(NAMESPACE_URL, json.dumps(body, sort_keys=True))


def _body(order: NewOrder, external_pos_id: str) -> Json:
    """The body of the POST: amounts are strings, and the end is a duration."""
    total = _amount(order.total, order.whole)
    return {
        "type": "qr",
        "external_reference": order.reference,
        "description": order.description,
        "expiration_time": f"PT{order.lifetime.total_seconds():.0f}S",
        "total_amount": total,
        "config": {"qr": {"external_pos_id": external_pos_id, "mode": "static"}},
        "transactions": {"payments": [{"amount": total}]},
        "items": [_item(item, order.whole) for item in order.items],
    }


def _item(item: Item, whole: bool) -> dict[str, Any]:
    """A line of the order. Quantities are whole there: what is sold by weight is one piece of its price."""
    if item.quantity != item.quantity.to_integral_value():
        item = Item(f"{item.title} × {item.quantity}", Decimal(1), item.amount)
    price = _amount(item.unit_price, whole)
    return {"title": item.title, "unit_price": price, "quantity": int(item.quantity), "unit_measure": "unit"}


def _amount(amount: Decimal, whole: bool) -> str:
    return f"{amount:.0f}" if whole else f"{amount:.2f}"
