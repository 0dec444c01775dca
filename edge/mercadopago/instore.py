"""The in-store API, version 2: the order on the till, by a path of the till itself.

Nothing there has an id. DELETE acts on the till and not on a reference, and removes whatever is there.
"""

from typing import Any
from urllib.parse import quote

from edge.config.schema import MercadoPagoConfig
from edge.core import events
from edge.core.order import Item, LoadedOrder, MerchantOrder
from edge.mercadopago.decode import decode_loaded_order, decode_merchant_order, decode_merchant_orders
from edge.mercadopago.exchange import ApiError, Exchange, till_unknown
from edge.mercadopago.fields import Json
from edge.mercadopago.new_order import NewOrder

NO_ORDER = "in_store_order_not_found"
"""Part of the only word that means that our till is there, and no order on it."""
MAX_SEARCH_PAGES = 10
"""A question that took longer than the watchdog waits would be asked for ever."""


class InStoreTill:
    """Our till, as the in-store API shows it. All methods raise `ApiError` and `DecodeError`."""

    def __init__(self, exchange: Exchange, config: MercadoPagoConfig) -> None:
        self._exchange = exchange
        till = f"/pos/{quote(config.external_pos_id)}/orders"
        self._path = f"/instore/qr/seller/collectors/{config.user_id}{till}"
        store = f"/stores/{quote(config.external_store_id)}"
        self._put_path = f"/instore/qr/seller/collectors/{config.user_id}{store}{till}"

    def look(self, _announced: str = "") -> events.TillSeen:
        """The order on our till, whoever put it there."""
        loaded = self._order()
        return events.TillSeen(loaded.reference, loaded.total) if loaded else events.TillSeen(None)

    def read(self, identity: str) -> MerchantOrder:
        """The merchant order of this id."""
        return decode_merchant_order(self._exchange.get("/merchant_orders/" + quote(identity, safe="")))

    def find(self, reference: str) -> tuple[MerchantOrder, ...]:
        """All merchant orders of exactly this reference."""
        query = {"external_reference": reference}
        found, _ = self._exchange.search("/merchant_orders/search", query, decode_merchant_orders, MAX_SEARCH_PAGES)
        return tuple(order for order in found if order.external_reference == reference)

    def put(self, order: NewOrder) -> LoadedOrder:
        """Put an order on our till; it replaces any that is there."""
        self._exchange.call("PUT", self._put_path, body=_body(order))
        return LoadedOrder(order.reference, order.total)

    def handle_of(self, _order: NewOrder) -> str:
        """An order has no id there."""
        return ""

    def cancel(self, reference: str, _handle: str = "") -> events.CancelTried:
        """Remove the order if it is still on the till, then fetch what was paid.

        DELETE acts on the till, not on a reference, and removes whatever is there; hence the look just before.
        """
        loaded = self._order()
        removal = events.Removal.ANOTHER
        if loaded is None:
            removal = events.Removal.ABSENT
        elif loaded.reference == reference:
            removal = self._delete()
        on_till = loaded.reference if loaded else None
        return events.CancelTried(reference, removal, self.find(reference), on_till)

    def _order(self) -> LoadedOrder | None:
        try:
            return decode_loaded_order(self._exchange.get(self._path))
        except ApiError as error:
            if error.status != 404 or error.trouble.is_the_questions:
                raise
            if NO_ORDER in error.code:
                return None
            raise till_unknown(f"GET {self._path}: 404 {error.code}".rstrip(), 404, error.code) from None

    def _delete(self) -> events.Removal:
        try:
            self._exchange.call("DELETE", self._path)
        except ApiError as error:
            if error.trouble.is_the_questions:
                raise
            if error.code == "instore_order_locked_error" or error.status in (409, 423):
                return events.Removal.LOCKED
            # Absent, paid and not removable all come as the same 400 (or 500, as documented).
            if error.status in (400, 404) or error.code.startswith("in_store_order"):
                return events.Removal.REFUSED
            raise
        return events.Removal.DELETED


def _body(order: NewOrder) -> Json:
    """The body of the PUT: amounts are numbers, and the end is a date."""
    body = {
        "external_reference": order.reference,
        "title": order.title,
        "description": order.description,
        "expiration_date": (order.created + order.lifetime).isoformat(timespec="milliseconds"),
        "total_amount": order.total,
        "items": [_item(item) for item in order.items],
    }
    return {**body, "notification_url": order.notification_url} if order.notification_url else body


def _item(item: Item) -> dict[str, Any]:
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
