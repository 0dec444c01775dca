"""The Orders API's book (`/v1/orders`, type `qr`): orders with an id, on the same tills, paid by the same payments.

An order's status is not stored: it follows from what was done to it, from the time, and from its payments.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sim.mercadopago import shapes
from sim.mercadopago.shapes import Json
from sim.mercadopago.validation import REFERENCE, ApiProblem

if TYPE_CHECKING:
    from sim.mercadopago.books import Books, Loaded, Pos

KEY = re.compile(r"[!-~]{1,128}", re.ASCII)
ORDER_ID = re.compile(r"ORD[0-9A-Z]{26}", re.ASCII)
DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,6})S)?", re.ASCII)
KEYS_LIVE = timedelta(hours=24)
STATIC_LIFE = timedelta(minutes=10)
"""Of an order on a printed QR: the default, and the most, whatever is asked for."""
SHORTEST_LIFE, LONGEST_LIFE = timedelta(seconds=30), timedelta(hours=3600)
MAX_DESCRIPTION = 150
KNOWN_FIELDS = {
    "type",
    "total_amount",
    "external_reference",
    "description",
    "expiration_time",
    "config",
    "transactions",
    "items",
    "integration_data",
    "marketplace_fee",
    "discounts",
    "taxes",
}


@dataclass(eq=False)
class PlacedOrder:
    """An order that was created by `POST /v1/orders`."""

    id: str
    payment_id: str
    """`PAY…`: of the one transaction that it has."""
    loaded: "Loaded"
    body: Json
    created: str
    canceled: bool = False
    told: set[str] = field(default_factory=set)
    """The statuses that were already notified."""


class OrderBook:
    """The orders of an account. Shares the books' lock, tills and payments."""

    def __init__(self, books: "Books") -> None:
        self._books = books
        self.orders: dict[str, PlacedOrder] = {}
        self._keys: dict[str, tuple[datetime, str, Json]] = {}
        """Idempotency key -> when it was used, for what, and what was answered."""

    # --- what can be asked -----------------------------------------------------------------------------------------

    def create(self, key: str, body: Any) -> Json:
        """Put a new order on a till; it replaces the one that is there. Raises `ApiProblem`."""
        return self._once(key, ["create", body], lambda: self._create(body))

    def read(self, identity: str) -> Json:
        """One order as it is now. Raises `ApiProblem`."""
        return self.shown(self._order(identity))

    def search(self, fits: Callable[[Json], bool]) -> list[Json]:
        """The orders that fit, in the order of their making; none where search doesn't know QR orders."""
        with self._books.lock:
            if not self._books.switches.search_finds_qr_orders:
                return []
            return [shown for shown in map(self.shown, self.orders.values()) if fits(shown)]

    def cancel(self, key: str, identity: str) -> Json:
        """Cancel an order that nobody pays. Raises `ApiProblem`."""
        return self._once(key, ["cancel", identity], lambda: self._cancel(self._order(identity)))

    def refund(self, key: str, identity: str, body: Any) -> Json:
        """Give an order's money back: all of it, or what `transactions` asks for. Raises `ApiProblem`."""
        return self._once(key, ["refund", identity, body], lambda: self._refund(self._order(identity), body))

    # --- how an order is -------------------------------------------------------------------------------------------

    def status(self, order: PlacedOrder) -> str:
        """The order's status, by its payments first: money that came late is there all the same."""
        payments = self.payments(order)
        paid = sum((each["transaction_amount"] for each in payments if _took_money(each)), Decimal(0))
        if paid >= order.loaded.total:
            returned = sum((each["transaction_amount_refunded"] for each in payments), Decimal(0))
            return "processed" if returned < paid else "refunded"
        if order.canceled:
            return "canceled"
        return "expired" if order.loaded.expires <= self._books.now() else "created"

    def payments(self, order: PlacedOrder) -> list[Json]:
        """The attempts to pay it that took money or may still."""
        books = self._books
        found = [
            each for identity in order.loaded.merchant_orders for each in books.merchant_orders[identity]["payments"]
        ]
        attempts = [books.payments[each["id"]] for each in found]
        return [each for each in attempts if each["status"] not in ("rejected", "cancelled", "pending")]

    def order_of(self, loaded: "Loaded") -> PlacedOrder | None:
        """The order that put this on its till; None if the in-store API did."""
        return next((order for order in self.orders.values() if order.loaded is loaded), None)

    def shown(self, order: PlacedOrder) -> Json:
        """An order as `GET` and the notifications show it."""
        with self._books.lock:
            return shapes.order(self._books.seller, order, self.status(order), self.payments(order))

    def news(self) -> Iterator[PlacedOrder]:
        """The orders whose status changed to one that is notified, each once."""
        for order in self.orders.values():
            status = self.status(order)
            if status != "created" and status not in order.told:
                order.told.add(status)
                yield order

    # --- rules -----------------------------------------------------------------------------------------------------

    def _create(self, body: Any) -> Json:
        books = self._books
        pos, total, life = _check(body, books)
        expires = books.now() + life
        loaded = books.place(pos, _as_instore(body, total), expires)
        number = f"{len(self.orders) + 1:06d}"
        tail = f"01KA{int(books.seller.user_id) % 10**12:012d}".ljust(20, "0")
        order = PlacedOrder(f"ORD{tail}{number}", f"PAY{tail}{number}", loaded, copy.deepcopy(body), books.date())
        self.orders[order.id] = order
        return self.shown(order)

    def _cancel(self, order: PlacedOrder) -> Json:
        books, pos = self._books, order.loaded.pos
        if pos.paying is order.loaded:
            raise ApiProblem(409, "instore_order_locked_error", "The order is locked: a payment is in progress")
        status = self.status(order)
        if status != "created":
            raise ApiProblem(409, "order_already_canceled", f"The order is {status}")
        order.canceled = True
        if pos.loaded is order.loaded:
            pos.loaded = None
        books.tell_of_orders()
        return self.shown(order)

    def _refund(self, order: PlacedOrder, body: Any) -> Json:
        payments = [each for each in self.payments(order) if each["status"] == "approved"]
        if not payments:
            raise ApiProblem(409, "cannot_refund_order", f"The order is {self.status(order)}")
        asked = (body or {}).get("transactions") or []
        for payment in payments if not asked else payments[:1]:
            self._books.refund(payment["id"], asked[0]["amount"] if asked else None)
        return self.shown(order)

    def _order(self, identity: str) -> PlacedOrder:
        if not ORDER_ID.fullmatch(identity):
            raise ApiProblem(400, "invalid_path_param", "The order id must be ORD and 26 characters")
        if identity not in self.orders:
            raise ApiProblem(404, "order_not_found", "There is no such order")
        return self.orders[identity]

    def _once(self, key: str, what: Any, do: Callable[[], Json]) -> Json:
        """Do it, or repeat the first answer to the same key. Raises `ApiProblem`."""
        if not KEY.fullmatch(key):
            raise ApiProblem(400, "empty_required_header", "X-Idempotency-Key must have 1 to 128 characters")
        wanted = json.dumps(what, sort_keys=True, default=str)
        with self._books.lock:
            at, done, answer = self._keys.get(key, (None, "", {}))
            if at is not None and self._books.now() - at < KEYS_LIVE:
                if done != wanted:
                    raise ApiProblem(409, "idempotency_key_already_used", "The key was used for another request")
                return answer
            answer = do()
            self._keys[key] = (self._books.now(), wanted, answer)
            return answer


def _took_money(payment: Json) -> bool:
    return payment["status"] in ("approved", "refunded", "charged_back", "in_mediation")


# --- what is asked for ---------------------------------------------------------------------------------------------


def _check(body: Any, books: "Books") -> tuple["Pos", Decimal, timedelta]:
    """Refuse an order that the API would; return its till, total and life. Raises `ApiProblem`."""
    if not isinstance(body, dict) or body.get("type") != "qr":
        raise ApiProblem(400, "property_value", "type must be qr")
    if unknown := set(body) - KNOWN_FIELDS:
        raise ApiProblem(400, "unsupported_properties", f"not supported: {', '.join(sorted(unknown))}")
    if not REFERENCE.fullmatch(str(body.get("external_reference", ""))):
        raise ApiProblem(400, "property_value", "external_reference must be 1 to 64 of A-Z a-z 0-9 - _")
    if len(body.get("description", "")) > MAX_DESCRIPTION:
        raise ApiProblem(400, "property_value", "description is too long")
    whole = books.switches.whole_pesos and books.seller.site == "MLC"
    total = _amount(body.get("total_amount"), "total_amount", whole)
    _check_transactions(body, total, whole)
    _check_items(body, total, whole)
    return _pos(body, books), total, _life(body)


def _check_transactions(body: Json, total: Decimal, whole: bool) -> None:
    payments = (body.get("transactions") or {}).get("payments") or []
    if len(payments) != 1:
        raise ApiProblem(400, "required_properties", "transactions.payments must have one payment")
    if _amount(payments[0].get("amount"), "transactions.payments[0].amount", whole) != total:
        raise ApiProblem(400, "invalid_total_amount", "total_amount does not match the payments")


def _check_items(body: Json, total: Decimal, whole: bool) -> None:
    items = body.get("items") or []
    amounts = [_amount(item.get("unit_price"), "unit_price", whole) * Decimal(item["quantity"]) for item in items]
    if items and sum(amounts) != total:
        raise ApiProblem(400, "order_items_total_amount_mismatch", "total_amount does not match the items")


def _amount(value: Any, name: str, whole: bool) -> Decimal:
    """A decimal string. Raises `ApiProblem`."""
    if not isinstance(value, str):
        raise ApiProblem(400, "property_type", f"{name} must be a string")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ApiProblem(400, "property_value", f"{name} is no number") from None
    digits = 0 if whole else 2
    if not amount.is_finite() or amount <= 0 or -int(amount.as_tuple().exponent) > digits:
        raise ApiProblem(400, "property_value", f"{name} must be positive, with at most {digits} decimals")
    return amount


def _pos(body: Json, books: "Books") -> "Pos":
    qr = (body.get("config") or {}).get("qr") or {}
    if qr.get("mode", "static") != "static":
        raise ApiProblem(400, "property_value", "only static QR codes are simulated")
    pos = books.pos.get(str(qr.get("external_pos_id", "")))
    if pos is None:
        raise ApiProblem(404, "pos_not_found", "There is no such point of sale")
    return pos


def _life(body: Json) -> timedelta:
    """Read `expiration_time`, an ISO 8601 duration. Raises `ApiProblem`."""
    text = body.get("expiration_time")
    if text is None:
        return STATIC_LIFE
    found = DURATION.fullmatch(text) if isinstance(text, str) else None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    life = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not SHORTEST_LIFE <= life <= LONGEST_LIFE:
        raise ApiProblem(400, "property_value", "expiration_time must be a duration from PT30S to PT3600H")
    return min(life, STATIC_LIFE)


def _as_instore(body: Json, total: Decimal) -> Json:
    """The order as the in-store API would have it: what its merchant order is made of."""
    items = [
        {**item, "quantity": Decimal(item["quantity"]), "unit_price": Decimal(item["unit_price"])}
        for item in body.get("items") or []
    ]
    return {"external_reference": body["external_reference"], "total_amount": total, "items": items}
