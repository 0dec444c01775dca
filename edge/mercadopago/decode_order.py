"""An order of the Orders API (`/v1/orders`, type `qr`): JSON -> the same facts as of a merchant order. Pure.

Its states are told in a merchant order's words, so that one rule decides what is paid. A state that isn't documented
means: look again.
"""

from datetime import datetime
from typing import Any

from edge.core.order import Item, MerchantOrder, Payment
from edge.mercadopago.fields import (
    Json,
    Page,
    amount_of,
    as_object,
    count_of,
    date_of,
    id_of,
    list_of,
    page_of,
    required_amount,
    text_of,
)

STATUS = {"processed": "closed", "refunded": "closed", "expired": "expired"}
"""Of an order -> of a merchant order; all others are still open."""
PAYMENT_STATUS = {
    "processed": "approved",
    "failed": "rejected",
    "canceled": "cancelled",
    "expired": "cancelled",
}
"""Of a transaction -> of a payment; all others have the same word."""
NOT_YET = ("created", "ready_to_process")
"""A transaction that nobody has begun to pay is no attempt to pay."""
SITES = {"ARG": "MLA", "BRA": "MLB", "CHL": "MLC", "URY": "MLU"}
"""`country_code` -> Mercado Pago's site, which the OpenAPI document has in its place."""
CURRENCIES = {"MLA": "ARS", "MLB": "BRL", "MLC": "CLP", "MLU": "UYU"}
"""The order doesn't name its currency."""


def decode_order(answer: Any) -> MerchantOrder:
    """`GET /v1/orders/{id}`, and what creating, cancelling and the search answer."""
    order = as_object(answer, "order")
    status, country = text_of(order, "status"), text_of(order, "country_code")
    site = SITES.get(country, country)
    transactions = as_object(order.get("transactions") or {}, "transactions")
    attempts = [as_object(each, "transaction") for each in list_of(transactions, "payments")]
    changed = date_of(order, "last_updated_date")
    return MerchantOrder(
        id=id_of(order, "id"),
        status=STATUS.get(status, "opened"),
        order_status=_order_status(order, status),
        external_reference=text_of(order, "external_reference"),
        collector_id=id_of(order, "user_id"),
        cancelled=status == "canceled",
        total=required_amount(order, "total_amount"),
        site=site,
        items=tuple(_item(item) for item in list_of(order, "items")),
        payments=tuple(
            _payment(each, CURRENCIES.get(site, ""), changed)
            for each in attempts
            if text_of(each, "status") not in NOT_YET
        ),
        external_pos_id=_external_pos_id(order),
    )


def decode_orders(answer: Any) -> Page[MerchantOrder]:
    """`GET /v1/orders`."""
    page = as_object(answer, "search")
    paging = as_object(page.get("paging") or {}, "paging")
    return page_of(page, "data", decode_order, count_of(paging, "total"))


def _order_status(order: Json, status: str) -> str:
    """The word that may contradict the payments: `refunded`, or that a part went back."""
    detail = text_of(order, "status_detail")
    return detail if status == "processed" and detail == "partially_refunded" else status


def _external_pos_id(order: Json) -> str:
    config = as_object(order.get("config") or {}, "config")
    return text_of(as_object(config.get("qr") or {}, "config.qr"), "external_pos_id")


def _item(answer: Any) -> Item:
    item = as_object(answer, "item")
    return Item(text_of(item, "title"), amount_of(item, "quantity"), amount_of(item, "unit_price"))


def _payment(payment: Json, currency: str, changed: datetime | None) -> Payment:
    """One attempt to pay. It has no date of its own: the order's last change is when it was paid, or given back."""
    status = text_of(payment, "status")
    return Payment(
        id=_operation_number(payment),
        status=PAYMENT_STATUS.get(status, status),
        amount=amount_of(payment, "amount"),
        refunded=amount_of(payment, "refunded_amount"),
        currency=currency,
        date_approved=date_of(payment, "date_approved") or changed,
    )


def _operation_number(payment: Json) -> str:
    """The payment's number, which the customer's phone shows; the transaction's own id where it isn't told."""
    if payment.get("reference_id"):
        return id_of(payment, "reference_id")
    reference = as_object(payment.get("reference") or {}, "reference")
    return id_of(reference if reference.get("id") else payment, "id")
