"""Mercado Pago's JSON -> facts, and an order -> its JSON. Pure; what is not as documented raises `Unreadable`.

Shapes and names are those of the merchant order, payment, POS and in-store order resources. Numbers arrive as
`int` or `Decimal` (never `float`); ids leave as strings, for they exceed 32 bits and nobody computes with them.
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

MAGNITUDES = range(-15, 15)
"""Powers of ten that an amount may have."""
MOST_DIGITS = 50
LONGEST_TEXT = 1000
LONGEST_ID = 40
ID = re.compile(f"[A-Za-z0-9_-]{{1,{LONGEST_ID}}}", re.ASCII)
"""One part of a path, and nothing that leads out of it."""


class Unreadable(ValueError):
    """The answer is not what the documentation promises; the text says where."""


def parse(body: bytes) -> Any:
    """Read JSON with exact numbers. Raises `Unreadable`."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise Unreadable(f"no JSON: {str(error)[:80]} in {body[:60]!r}") from None


def encode(order: Json) -> bytes:
    """Write an order as JSON, with `Decimal` as numbers. Raises `ValueError` for what JSON lacks."""
    return json.dumps(order, ensure_ascii=False, default=_number, allow_nan=False).encode()


def read_merchant_order(answer: Any) -> MerchantOrder:
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
    """What could be read of one page of a search: one odd element must not hide the others."""

    found: tuple[Found, ...]
    size: int
    """How many elements the page has, readable or not."""
    total: int
    """How many there are on all pages."""


def read_merchant_orders(answer: Any) -> Page[MerchantOrder]:
    """`GET /merchant_orders/search`. `elements` is null when there are none."""
    page = _object(answer, "search")
    return _page(page, "elements", read_merchant_order, _count(page, "total"))


def read_payment(answer: Any) -> PaymentRead:
    """`GET /v1/payments/{id}`."""
    payment = _object(answer, "payment")
    # A card that was only checked is no sale.
    approved = payment.get("status") == "approved" and payment.get("operation_type") != "card_validation"
    created = _date(payment, "date_created")
    return PaymentRead(_id(payment, "id"), _text(payment, "pos_id"), _order_of(payment), approved, created)


def read_payments(answer: Any) -> Page[PaymentRead]:
    """`GET /v1/payments/search`."""
    page = _object(answer, "search")
    return _page(page, "results", read_payment, _count(_object(page.get("paging"), "paging"), "total"))


def read_listed_payments(answer: Any) -> Page[tuple[Received, str]]:
    """`GET /v1/payments/search`: the money, and the internal id of the point of sale where it was received."""
    page = _object(answer, "search")
    return _page(page, "results", _received, _count(_object(page.get("paging"), "paging"), "total"))


def _received(answer: Any) -> tuple[Received, str]:
    read = read_payment(answer)
    payment = _object(answer, "payment")
    approved_at = _date(payment, "date_approved")
    if approved_at is None or not read.approved:
        raise Unreadable("no payment that was approved, and when")
    with localcontext(EXACT):
        amount = _amount(payment, "transaction_amount") - _amount(payment, "transaction_amount_refunded")
    currency = _text(payment, "currency_id")
    return Received(read.id, read.merchant_order, amount, currency, approved_at), read.pos_id


def read_pos(answer: Any, external_id: str, external_store_id: str) -> str | None:
    """`GET /pos?external_id=`: the internal id of our point of sale, or None where there is no such one."""
    for result in _list(_object(answer, "search"), "results"):
        pos = _object(result, "POS")
        if pos.get("external_id") == external_id and pos.get("external_store_id") in (external_store_id, None):
            return _id(pos, "id")
    return None


@dataclass(frozen=True)
class Owner:
    """Whose access token it is."""

    user_id: str
    nickname: str
    site: str


def read_owner(answer: Any) -> Owner:
    """`GET /users/me`."""
    user = _object(answer, "user")
    return Owner(_id(user, "id"), _text(user, "nickname"), _text(user, "site_id"))


def read_store(answer: Any, external_id: str) -> str | None:
    """`GET /users/{id}/stores/search?external_id=`: the internal id of our store, or None if there is none."""
    for result in _list(_object(answer, "search"), "results"):
        store = _object(result, "store")
        if store.get("external_id") == external_id:
            return _id(store, "id")
    return None


@dataclass(frozen=True)
class PointOfSale:
    """What the account says of a point of sale. `external_store_id` is "" where it names none."""

    id: str
    external_store_id: str
    fixed_amount: bool
    active: bool


def read_point_of_sale(answer: Any, external_id: str) -> PointOfSale | None:
    """`GET /pos?external_id=`: our point of sale, or None where there is no such one."""
    for result in _list(_object(answer, "search"), "results"):
        pos = _object(result, "POS")
        if pos.get("external_id") == external_id:
            active = pos.get("status", "active") == "active"
            return PointOfSale(_id(pos, "id"), _text(pos, "external_store_id"), pos.get("fixed_amount") is True, active)
    return None


def read_till(answer: Any) -> LoadedOrder | None:
    """`GET …/pos/{id}/orders`: the order on the till. Documented as a list, plausible as an object."""
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    order = _object(answer, "order on the till")
    reference = _text(order, "external_reference")
    return LoadedOrder(reference, _amount(order, "total_amount")) if reference else None


def error_code(answer: Any) -> str:
    """What kind of error a body tells of; the families of the API spell it in three ways."""
    if not isinstance(answer, dict):
        return ""
    if isinstance(answer.get("errors"), list) and answer["errors"] and isinstance(answer["errors"][0], dict):
        answer = answer["errors"][0]
    return _printable(str(answer.get("error") or answer.get("code") or answer.get("message") or "")[:80])


def _page(page: Json, key: str, read: Callable[[Any], Found], total: int) -> Page[Found]:
    elements = _list(page, key)
    found = []
    for element in elements:
        with contextlib.suppress(Unreadable):
            found.append(read(element))
    return Page(tuple(found), len(elements), total)


def _item(answer: Any) -> Item:
    item = _object(answer, "item")
    return Item(_text(item, "title"), _amount(item, "quantity"), _amount(item, "unit_price"))


def _payment(answer: Any) -> Payment:
    payment = _object(answer, "payment")
    return Payment(
        id=_id(payment, "id"),
        status=_text(payment, "status"),
        amount=_amount(payment, "transaction_amount"),
        refunded=_amount(payment, "amount_refunded"),
        currency=_text(payment, "currency_id"),
        date_approved=_date(payment, "date_approved"),
    )


def _order_of(payment: Json) -> str:
    order = payment.get("order")
    return _id(order, "id") if isinstance(order, dict) and order.get("id") else ""


def _object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is a {type(value).__name__}, not an object")
    return value


def _list(holder: Json, key: str) -> list[Any]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{key} is a {type(value).__name__}, not a list")
    return value


def _id(holder: Json, key: str) -> str:
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Unreadable(f"{key} is no id")
    # Compared as a number first: Python refuses to write out integers of thousands of digits.
    if isinstance(value, int) and abs(value) >= 10**LONGEST_ID:
        raise Unreadable(f"{key} is too long for an id")
    if not ID.fullmatch(str(value)):
        raise Unreadable(f"{key} is no id")
    return str(value)


def _text(holder: Json, key: str) -> str:
    """A string; "" where it is null or missing. A POS id comes as a string here and as a number there."""
    value = holder.get(key)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return _id(holder, key)
    if not isinstance(value, str):
        raise Unreadable(f"{key} is a {type(value).__name__}, not a string")
    return _printable(value[:LONGEST_TEXT])


def _printable(text: str) -> str:
    """A lone surrogate is legal JSON, and can be neither printed nor stored."""
    return text.encode(errors="replace").decode()


def _required_amount(holder: Json, key: str) -> Decimal:
    if holder.get(key) is None:
        raise Unreadable(f"{key} is missing")
    return _amount(holder, key)


def _amount(holder: Json, key: str) -> Decimal:
    value = holder.get(key)
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Unreadable(f"{key} is a {type(value).__name__}, not a number")
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError):
        raise Unreadable(f"{key} is no number") from None
    # Not by comparing: Decimal can hold what is too large for that.
    if not amount.is_finite() or amount.adjusted() not in MAGNITUDES or len(amount.as_tuple().digits) > MOST_DIGITS:
        raise Unreadable(f"{key} is out of all proportion")
    return amount


def _count(holder: Json, key: str) -> int:
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _date(holder: Json, key: str) -> datetime | None:
    """An instant of this century, or None: a ticket with no date is better than none."""
    value = holder.get(key)
    if not isinstance(value, str):
        return None
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return date if date.tzinfo and 2000 < date.year < 2100 else None


def _number(value: object) -> float | int:
    """JSON numbers are doubles; two decimals of any till's amount survive that."""
    if not isinstance(value, Decimal):
        raise ValueError(f"{value!r} has no place in an order")
    return int(value) if value == value.to_integral_value() else float(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
