"""Mercado Pago's merchant orders, payments, points of sale and in-store orders: JSON -> facts. Pure.

Shapes and names are those of the resources; an undocumented shape raises `DecodeError`.
"""

from dataclasses import dataclass
from decimal import localcontext
from typing import Any

from edge.core.day_report import Received
from edge.core.events import PaymentRead
from edge.core.order import EXACT, Item, LoadedOrder, MerchantOrder, Payment
from edge.mercadopago.fields import (
    DecodeError,
    Json,
    Page,
    amount_of,
    as_object,
    count_of,
    date_of,
    id_of,
    list_of,
    page_of,
    printable,
    required_amount,
    text_of,
)


def decode_merchant_order(answer: Any) -> MerchantOrder:
    """`GET /merchant_orders/{id}`."""
    order = as_object(answer, "merchant order")
    return MerchantOrder(
        id=id_of(order, "id"),
        status=text_of(order, "status"),
        order_status=text_of(order, "order_status"),
        external_reference=text_of(order, "external_reference"),
        collector_id=id_of(as_object(order.get("collector"), "collector"), "id"),
        # The reference spells it with two l, the OpenAPI of 2026 with one.
        cancelled=bool(order.get("cancelled") or order.get("canceled")),
        total=required_amount(order, "total_amount"),
        site=text_of(order, "site_id"),
        items=tuple(_item(item) for item in list_of(order, "items")),
        payments=tuple(_payment(payment) for payment in list_of(order, "payments")),
    )


def decode_merchant_orders(answer: Any) -> Page[MerchantOrder]:
    """`GET /merchant_orders/search`. `elements` is null when there are none."""
    page = as_object(answer, "search")
    return page_of(page, "elements", decode_merchant_order, count_of(page, "total"))


def decode_payment(answer: Any) -> PaymentRead:
    """`GET /v1/payments/{id}`."""
    payment = as_object(answer, "payment")
    # A card that was only validated is no sale.
    approved = payment.get("status") == "approved" and payment.get("operation_type") != "card_validation"
    created = date_of(payment, "date_created")
    pos_id, money = text_of(payment, "pos_id"), _money_of(payment)
    reference = text_of(payment, "external_reference")
    return PaymentRead(id_of(payment, "id"), pos_id, _order_of(payment), approved, created, reference, money)


def _money_of(payment: Json) -> Payment | None:
    """What was paid, for people; where the payment was made can be told without it."""
    try:
        return _payment(payment, refunded="transaction_amount_refunded")
    except DecodeError:
        return None


def decode_payments(answer: Any) -> Page[PaymentRead]:
    """`GET /v1/payments/search`."""
    page = as_object(answer, "search")
    return page_of(page, "results", decode_payment, count_of(as_object(page.get("paging"), "paging"), "total"))


def decode_listed_payments(answer: Any) -> Page[tuple[Received, str]]:
    """`GET /v1/payments/search`: the money, and the internal id of the point of sale that received it."""
    page = as_object(answer, "search")
    return page_of(page, "results", _received, count_of(as_object(page.get("paging"), "paging"), "total"))


def _received(answer: Any) -> tuple[Received, str]:
    known = decode_payment(answer)
    payment = as_object(answer, "payment")
    approved_at = date_of(payment, "date_approved")
    if approved_at is None or not known.approved:
        raise DecodeError("the payment is not approved, or has no date of approval")
    with localcontext(EXACT):
        amount = amount_of(payment, "transaction_amount") - amount_of(payment, "transaction_amount_refunded")
    currency = text_of(payment, "currency_id")
    return Received(known.id, known.merchant_order, amount, currency, approved_at), known.pos_id


def decode_pos_id(answer: Any, external_id: str, external_store_id: str) -> str | None:
    """`GET /pos?external_id=`: the internal id of our point of sale; None if it isn't there."""
    for result in list_of(as_object(answer, "search"), "results"):
        pos = as_object(result, "POS")
        if pos.get("external_id") == external_id and pos.get("external_store_id") in (external_store_id, None):
            return id_of(pos, "id")
    return None


@dataclass(frozen=True)
class Owner:
    """The account that an access token belongs to. Read by `till-edge check`."""

    user_id: str
    nickname: str
    site: str


def decode_owner(answer: Any) -> Owner:
    """`GET /users/me`."""
    user = as_object(answer, "user")
    return Owner(id_of(user, "id"), text_of(user, "nickname"), text_of(user, "site_id"))


def decode_store_id(answer: Any, external_id: str) -> str | None:
    """`GET /users/{id}/stores/search?external_id=`: the internal id of our store; None if it isn't there."""
    for result in list_of(as_object(answer, "search"), "results"):
        store = as_object(result, "store")
        if store.get("external_id") == external_id:
            return id_of(store, "id")
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
    for result in list_of(as_object(answer, "search"), "results"):
        pos = as_object(result, "POS")
        if pos.get("external_id") == external_id:
            active = pos.get("status", "active") == "active"
            return PointOfSale(
                id_of(pos, "id"), text_of(pos, "external_store_id"), pos.get("fixed_amount") is True, active
            )
    return None


def decode_loaded_order(answer: Any) -> LoadedOrder | None:
    """`GET …/pos/{id}/orders`: the order on the till. Documented as a list, plausible as an object."""
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    order = as_object(answer, "order on the till")
    reference = text_of(order, "external_reference")
    return LoadedOrder(reference, amount_of(order, "total_amount")) if reference else None


def decode_error_code(answer: Any) -> str:
    """The kind of error in the body of a refusal; the families of the API spell it in three ways."""
    if not isinstance(answer, dict):
        return ""
    if isinstance(answer.get("errors"), list) and answer["errors"] and isinstance(answer["errors"][0], dict):
        answer = answer["errors"][0]
    said = [printable(str(answer.get(key) or "")[:80]) for key in ("error", "code", "message")]
    return next((word for word in said if "in_store_order" in word), said[0] or said[1] or said[2])


def _item(answer: Any) -> Item:
    item = as_object(answer, "item")
    return Item(text_of(item, "title"), amount_of(item, "quantity"), amount_of(item, "unit_price"))


def _payment(answer: Any, refunded: str = "amount_refunded") -> Payment:
    payment = as_object(answer, "payment")
    return Payment(
        id=id_of(payment, "id"),
        status=text_of(payment, "status"),
        amount=amount_of(payment, "transaction_amount"),
        refunded=amount_of(payment, refunded),
        currency=text_of(payment, "currency_id"),
        date_approved=date_of(payment, "date_approved"),
    )


def _order_of(payment: Json) -> str:
    order = payment.get("order")
    return id_of(order, "id") if isinstance(order, dict) and order.get("id") else ""
