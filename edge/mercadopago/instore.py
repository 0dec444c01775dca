"""The in-store API, version 2: the order on the till, by a path of the till itself.

Nothing there has an id. DELETE acts on the till and not on a reference, and removes whatever is there.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from edge.config.schema import MercadoPagoConfig
from edge.core import events
from edge.core.order import LoadedOrder, MerchantOrder
from edge.mercadopago.decode import decode_loaded_order, decode_merchant_orders, encode_order
from edge.mercadopago.exchange import ApiError, Exchange, till_unknown

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

    def order(self) -> LoadedOrder | None:
        """The order on our till, whoever put it there."""
        try:
            return decode_loaded_order(self._exchange.get(self._path))
        except ApiError as error:
            if error.status != 404 or error.trouble.is_the_questions:
                raise
            if NO_ORDER in error.code:
                return None
            raise till_unknown(f"GET {self._path}: 404 {error.code}".rstrip(), 404, error.code) from None

    def find(self, reference: str) -> tuple[MerchantOrder, ...]:
        """All merchant orders of exactly this reference."""
        query = {"external_reference": reference}
        found, _ = self._exchange.search("/merchant_orders/search", query, decode_merchant_orders, MAX_SEARCH_PAGES)
        return tuple(order for order in found if order.external_reference == reference)

    def put(self, order: Mapping[str, Any]) -> None:
        """Put an order, as `new_order` makes it, on our till; it replaces any that is there."""
        self._exchange.call("PUT", self._put_path, body=encode_order(order))

    def cancel(self, reference: str) -> events.CancelTried:
        """Remove the order if it is still on the till, then fetch what was paid.

        DELETE acts on the till, not on a reference, and removes whatever is there; hence the look just before.
        """
        loaded = self.order()
        removal = events.Removal.ANOTHER
        if loaded is None:
            removal = events.Removal.ABSENT
        elif loaded.reference == reference:
            removal = self._delete()
        on_till = loaded.reference if loaded else None
        return events.CancelTried(reference, removal, self.find(reference), on_till)

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
