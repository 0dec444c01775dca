"""Mercado Pago's JSON -> facts, and an order -> its JSON. Pure; an undocumented shape raises `DecodeError`.

Shapes and names are those of the merchant order, payment, POS and in-store order resources. Numbers arrive as `int` or
`Decimal`, never `float`. Ids leave as strings: they exceed 32 bits, and nobody computes with them.
"""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Generic, TypeVar

from edge.core.day_report import Received
from edge.core.events import PaymentRead
from edge.core.order import EXACT, Item, LoadedOrder, MerchantOrder, Payment

Json = Mapping[str, Any]
Found = TypeVar("Found")

AMOUNT_MAGNITUDES = range(-15, 15)
"""Powers of ten that an amount may have."""
MAX_DIGITS = 50
MAX_TEXT_LENGTH = 1000
MAX_ID_LENGTH = 40
ID = re.compile(f"[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH}}}", re.ASCII)
"""One segment of a path, so that no id can lead to another address."""


class DecodeError(ValueError):
    """The answer is not what the documentation promises; the text says where."""


def decode_json(body: bytes) -> Any:
    """Any JSON, with exact numbers. Raises `DecodeError`."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise DecodeError(f"no JSON: {str(error)[:80]} in {body[:60]!r}") from None


def encode_order(order: Json) -> bytes:
    """An order as JSON, with `Decimal` as numbers. Raises `ValueError` for values that JSON lacks."""
    return json.dumps(order, ensure_ascii=False, default=_number, allow_nan=False).encode()


def decode_merchant_order(answer: Any) -> MerchantOrder:
    """`GET /merchant_orders/{id}`."""
    order = _object(answer, "merchant order")
    return MerchantOrder(
        id=_id(order, "id"),
        status=_text(order, "status"),
        order_status=_text(order, "order_status"),
        external_reference=_text(order, "external_reference"),
        collector_id=_id(_object(order.get("collector"), "collector"), "id"),
        # The reference spells it with two l, the OpenAPI of 2026 with one.
        cancelled=bool(order.get("cancelled") or order.get("canceled")),
        total=_required_amount(order, "total_amount"),
        site=_text(order, "site_id"),
        items=tuple(_item(item) for item in _list(order, "items")),
        payments=tuple(_payment(payment) for payment in _list(order, "payments")),
    )


@dataclass(frozen=True)
class Page(Generic[Found]):
    """One page of a search. An element that can't be decoded is left out, so that it doesn't hide the others."""

    found: tuple[Found, ...]
    size: int
    """How many elements the page has, those that were left out included."""
    total: int
    """How many there are on all pages."""


def decode_merchant_orders(answer: Any) -> Page[MerchantOrder]:
    """`GET /merchant_orders/search`. `elements` is null when there are none."""
    page = _object(answer, "search")
    return _page(page, "elements", decode_merchant_order, _count(page, "total"))


def decode_payment(answer: Any) -> PaymentRead:
    """`GET /v1/payments/{id}`."""
    payment = _object(answer, "payment")
    # A card that was only validated is no sale.
    approved = payment.get("status") == "approved" and payment.get("operation_type") != "card_validation"
    created = _date(payment, "date_created")
    pos_id, money = _text(payment, "pos_id"), _money_of(payment)
    return PaymentRead(_id(payment, "id"), pos_id, _order_of(payment), approved, created, money)


def _money_of(payment: Json) -> Payment | None:
    """What was paid, for people; where the payment was made can be told without it."""
    try:
        return _payment(payment, refunded="transaction_amount_refunded")
    except DecodeError:
        return None


def decode_payments(answer: Any) -> Page[PaymentRead]:
    """`GET /v1/payments/search`."""
    page = _object(answer, "search")
    return _page(page, "results", decode_payment, _count(_object(page.get("paging"), "paging"), "total"))


def decode_listed_payments(answer: Any) -> Page[tuple[Received, str]]:
    """`GET /v1/payments/search`: the money, and the internal id of the point of sale that received it."""
    page = _object(answer, "search")
    return _page(page, "results", _received, _count(_object(page.get("paging"), "paging"), "total"))


def _received(answer: Any) -> tuple[Received, str]:
    known = decode_payment(answer)
    payment = _object(answer, "payment")
    approved_at = _date(payment, "date_approved")
    if approved_at is None or not known.approved:
        raise DecodeError("the payment is not approved, or has no date of approval")
    with localcontext(EXACT):
        amount = _amount(payment, "transaction_amount") - _amount(payment, "transaction_amount_refunded")
    currency = _text(payment, "currency_id")
    return Received(known.id, known.merchant_order, amount, currency, approved_at), known.pos_id


def decode_pos_id(answer: Any, external_id: str, external_store_id: str) -> str | None:
    """`GET /pos?external_id=`: the internal id of our point of sale; None if it isn't there."""
    for result in _list(_object(answer, "search"), "results"):
        pos = _object(result, "POS")
        if pos.get("external_id") == external_id and pos.get("external_store_id") in (external_store_id, None):
            return _id(pos, "id")
    return None


@dataclass(frozen=True)
class Owner:
    """The account that an access token belongs to. Read by `till-edge check`."""

    user_id: str
    nickname: str
    site: str


def decode_owner(answer: Any) -> Owner:
    """`GET /users/me`."""
    user = _object(answer, "user")
    return Owner(_id(user, "id"), _text(user, "nickname"), _text(user, "site_id"))


def decode_store_id(answer: Any, external_id: str) -> str | None:
    """`GET /users/{id}/stores/search?external_id=`: the internal id of our store; None if it isn't there."""
    for result in _list(_object(answer, "search"), "results"):
        store = _object(result, "store")
        if store.get("external_id") == external_id:
            return _id(store, "id")
    return None


@dataclass(frozen=True)
class PointOfSale:
    """A point of sale, as the account has it. Read by `till-edge check`."""

    id: str
    external_store_id: str
    """"" where the account names none."""
    fixed_amount: bool
    active: bool


def decode_point_of_sale(answer: Any, external_id: str) -> PointOfSale | None:
    """`GET /pos?external_id=`: our point of sale; None if it isn't there."""
    for result in _list(_object(answer, "search"), "results"):
        pos = _object(result, "POS")
        if pos.get("external_id") == external_id:
            active = pos.get("status", "active") == "active"
            return PointOfSale(_id(pos, "id"), _text(pos, "external_store_id"), pos.get("fixed_amount") is True, active)
    return None


def decode_loaded_order(answer: Any) -> LoadedOrder | None:
    """`GET …/pos/{id}/orders`: the order on the till. Documented as a list, plausible as an object."""
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    order = _object(answer, "order on the till")
    reference = _text(order, "external_reference")
    return LoadedOrder(reference, _amount(order, "total_amount")) if reference else None


def decode_error_code(answer: Any) -> str:
    """The kind of error in the body of a refusal; the families of the API spell it in three ways."""
    if not isinstance(answer, dict):
        return ""
    if isinstance(answer.get("errors"), list) and answer["errors"] and isinstance(answer["errors"][0], dict):
        answer = answer["errors"][0]
    said = [_printable(str(answer.get(key) or "")[:80]) for key in ("error", "code", "message")]
    return next((word for word in said if "in_store_order" in word), said[0] or said[1] or said[2])


def _page(page: Json, key: str, decode: Callable[[Any], Found], total: int) -> Page[Found]:
    elements = _list(page, key)
    found = []
    for element in elements:
        with contextlib.suppress(DecodeError):
            found.append(decode(element))
    return Page(tuple(found), len(elements), total)


def _item(answer: Any) -> Item:
    item = _object(answer, "item")
    return Item(_text(item, "title"), _amount(item, "quantity"), _amount(item, "unit_price"))


def _payment(answer: Any, refunded: str = "amount_refunded") -> Payment:
    payment = _object(answer, "payment")
    return Payment(
        id=_id(payment, "id"),
        status=_text(payment, "status"),
        amount=_amount(payment, "transaction_amount"),
        refunded=_amount(payment, refunded),
        currency=_text(payment, "currency_id"),
        date_approved=_date(payment, "date_approved"),
    )


def _order_of(payment: Json) -> str:
    order = payment.get("order")
    return _id(order, "id") if isinstance(order, dict) and order.get("id") else ""


def _object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise DecodeError(f"{name} is a {type(value).__name__}, not an object")
    return value


def _list(holder: Json, key: str) -> list[Any]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DecodeError(f"{key} is a {type(value).__name__}, not a list")
    return value


def _id(holder: Json, key: str) -> str:
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DecodeError(f"{key} is no id")
    # As a number first: Python refuses to convert integers of thousands of digits to text.
    if isinstance(value, int) and abs(value) >= 10**MAX_ID_LENGTH:
        raise DecodeError(f"{key} is too long for an id")
    if not ID.fullmatch(str(value)):
        raise DecodeError(f"{key} is no id")
    return str(value)


def _text(holder: Json, key: str) -> str:
    """A string; "" where it is null or missing. An id of a point of sale may come as a number."""
    value = holder.get(key)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return _id(holder, key)
    if not isinstance(value, str):
        raise DecodeError(f"{key} is a {type(value).__name__}, not a string")
    return _printable(value[:MAX_TEXT_LENGTH])


def _printable(text: str) -> str:
    """Without lone surrogates: they are legal JSON, but can be neither printed nor stored."""
    return text.encode(errors="replace").decode()


def _required_amount(holder: Json, key: str) -> Decimal:
    if holder.get(key) is None:
        raise DecodeError(f"{key} is missing")
    return _amount(holder, key)


def _amount(holder: Json, key: str) -> Decimal:
    value = holder.get(key)
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise DecodeError(f"{key} is a {type(value).__name__}, not a number")
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError):
        raise DecodeError(f"{key} is no number") from None
    # No comparison: Decimal can hold a number that is too large to be compared.
    digits = len(amount.as_tuple().digits)
    if not amount.is_finite() or amount.adjusted() not in AMOUNT_MAGNITUDES or digits > MAX_DIGITS:
        raise DecodeError(f"{key} is out of all proportion")
    return amount


def _count(holder: Json, key: str) -> int:
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _date(holder: Json, key: str) -> datetime | None:
    """An instant of this century, or None: a ticket without a date is better than no ticket."""
    value = holder.get(key)
    if not isinstance(value, str):
        return None
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return date if date.tzinfo and 2000 < date.year < 2100 else None


def _number(value: object) -> float | int:
    """JSON numbers are doubles, which keep the two decimals of any till's amount."""
    if not isinstance(value, Decimal):
        raise ValueError(f"{value!r} can't be part of an order")
    return int(value) if value == value.to_integral_value() else float(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
