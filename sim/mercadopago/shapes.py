"""The JSON of the API's resources, as the documentation and captures show it. Pure.

Amounts are `Decimal`, ids are integers, dates are strings that came from outside; where two official sources disagree,
a switch says which is followed. The account's rules change these dictionaries; nothing else makes them.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sim.mercadopago.switches import Switches

if TYPE_CHECKING:
    from sim.mercadopago.orders import PlacedOrder

Json = dict[str, Any]

CURRENCIES = {"MLA": "ARS", "MLB": "BRL", "MLC": "CLP", "MLU": "UYU", "MLM": "MXN", "MPE": "PEN", "MCO": "COP"}
DETAILS = {
    "approved": "accredited",
    "rejected": "cc_rejected_insufficient_amount",
    "pending": "pending_waiting_payment",
    "in_process": "pending_contingency",
    "authorized": "pending_capture",
    "in_mediation": "pending",
    "refunded": "refunded",
    "charged_back": "in_process",
    "cancelled": "by_collector",
}
TYPES = {
    "account_money": "account_money",
    "visa": "credit_card",
    "master": "credit_card",
    "debvisa": "debit_card",
    "consumer_credits": "digital_currency",
    "interop_transfer": "bank_transfer",
    "pix": "bank_transfer",
}
FOUR_HOURS_WEST = timezone(timedelta(hours=-4))


@dataclass(frozen=True)
class Seller:
    """Whose account it is."""

    user_id: str
    site: str
    nickname: str = "KIOSCOSUR"

    @property
    def gastronomy(self) -> int:
        """The category of what eats and drinks, which each country numbers in its own way."""
        return {"MLA": 621102, "MLB": 5611203, "MLC": 561000, "MLU": 56101}.get(self.site, 5812)

    @property
    def currency(self) -> str:
        return CURRENCIES[self.site]


def date_text(date: datetime) -> str:
    """Write a date as Mercado Pago does: milliseconds, and an offset that is not the shop's."""
    return date.astimezone(FOUR_HOURS_WEST).isoformat(timespec="milliseconds")


def merchant_order(seller: Seller, switches: Switches, identity: int, body: Json, date: str) -> Json:
    """Return a merchant order, as yet unpaid, for what was put on a till."""
    return {
        "id": identity,
        "status": "opened",
        "external_reference": body["external_reference"] if switches.order_names_reference else "",
        "preference_id": f"{seller.user_id}-{uuid.uuid4()}",
        "application_id": "5550001",
        "site_id": seller.site,
        "marketplace": "NONE",
        "notification_url": body.get("notification_url"),
        "sponsor_id": (body.get("sponsor") or {}).get("id"),
        "payments": [],
        "shipments": [],
        "payouts": [],
        "collector": {"id": int(seller.user_id), "email": "", "nickname": seller.nickname},
        "payer": {"id": 9000001, "email": ""},
        "items": [_item(item, seller.currency) for item in body.get("items", [])],
        "shipping_cost": 0,
        "total_amount": Decimal(body["total_amount"]),
        "paid_amount": Decimal(0),
        "refunded_amount": Decimal(0),
        switches.cancelled_key: False,
        "additional_info": "",
        "order_status": "payment_required",
        "is_test": False,
        "date_created": date,
        "last_updated": date,
    }


COUNTRIES = {"MLA": "ARG", "MLB": "BRA", "MLC": "CHL", "MLU": "URY", "MLM": "MEX", "MPE": "PER", "MCO": "COL"}
TRANSACTIONS = {
    "approved": ("processed", "accredited"),
    "in_process": ("processing", "in_process"),
    "authorized": ("action_required", "waiting_capture"),
    "in_mediation": ("processed", "accredited"),
    "refunded": ("refunded", "refunded"),
    "charged_back": ("charged_back", "in_process"),
}
"""A payment's status -> the status and the detail of its transaction in an order."""


def order(seller: Seller, placed: "PlacedOrder", status: str, payments: list[Json]) -> Json:
    """Return an order of the Orders API as `GET` shows it; amounts are strings there."""
    paid = sum((each["transaction_amount"] for each in payments if each["status"] == "approved"), Decimal(0))
    returned = any(each["transaction_amount_refunded"] for each in payments)
    details = {"created": "created", "processed": "partially_refunded" if returned else "accredited"}
    body = placed.body
    waiting = {"id": placed.payment_id, "amount": body["total_amount"], "status": "created"}
    shown = [_transaction(placed.payment_id, number, each, seller) for number, each in enumerate(payments)]
    return {
        "id": placed.id,
        "type": "qr",
        "processing_mode": "automatic",
        "external_reference": body["external_reference"],
        "description": body.get("description", ""),
        "expiration_time": body.get("expiration_time", "PT10M"),
        "total_amount": body["total_amount"],
        **({"total_paid_amount": money(paid, seller)} if paid else {}),
        "country_code": COUNTRIES[seller.site],
        "user_id": seller.user_id,
        "status": status,
        "status_detail": details.get(status, status),
        "created_date": placed.created,
        "last_updated_date": max([placed.created, *(each["date_last_updated"] for each in payments)]),
        "config": {"qr": {"external_pos_id": placed.loaded.pos.external_id, "mode": "static"}},
        "transactions": {"payments": shown or [waiting | {"status_detail": "ready_to_process"}]},
        "items": body.get("items") or [],
    }


def _transaction(first_id: str, number: int, payment: Json, seller: Seller) -> Json:
    status, detail = TRANSACTIONS[payment["status"]]
    refunded = payment["transaction_amount_refunded"]
    returned = {"refunded_amount": money(refunded, seller)} if refunded else {}
    return {
        "id": first_id if not number else f"{first_id[:-2]}{number:02d}",
        "amount": money(payment["transaction_amount"], seller),
        "paid_amount": money(payment["transaction_details"]["total_paid_amount"], seller),
        **returned,
        "status": status,
        "status_detail": detail,
        "reference_id": str(payment["id"]),
        "payment_method": {"id": payment["payment_method_id"], "type": payment["payment_type_id"], "installments": 1},
    }


def money(amount: Decimal, seller: Seller) -> str:
    """Write an amount as the Orders API does: a string, with the decimals of the currency."""
    return f"{amount:.{0 if seller.site == 'MLC' else 2}f}"


def _item(item: Json, currency: str) -> Json:
    return {
        "id": item.get("sku_number", ""),
        "category_id": item.get("category", ""),
        "currency_id": item.get("currency_id", currency),
        "title": item.get("title", ""),
        "description": item.get("description", ""),
        "picture_url": None,
        "quantity": item.get("quantity", 1),
        "unit_price": item.get("unit_price", 0),
    }


def payment(seller: Seller, identity: int, amount: Decimal, date: str) -> Json:
    """Return a payment that just began, at no till and for no order yet."""
    return {
        "id": identity,
        "status": "pending",
        "status_detail": DETAILS["pending"],
        "operation_type": "regular_payment",
        "date_created": date,
        "date_approved": None,
        "date_last_updated": date,
        "collector_id": int(seller.user_id),
        "external_reference": None,
        "order": {},
        "live_mode": True,
        "refunds": [],
        "transaction_amount": amount,
        "transaction_amount_refunded": Decimal(0),
        "coupon_amount": 0,
        "currency_id": seller.currency,
        "installments": 1,
        "transaction_details": {
            "net_received_amount": amount,
            "total_paid_amount": amount,
            "installment_amount": 0,
        },
        "fee_details": [],
        "card": {},
        "authorization_code": None,
        "metadata": {},
        "pos_id": None,
        "store_id": None,
        **means("account_money"),
    }


def means(method: str) -> Json:
    """Return the fields that say how a payment is made; a transfer from another wallet hides who made it."""
    kind = TYPES.get(method, method)
    place: Json = {
        "type": "INSTORE",
        "sub_type": "INTRA_PSP",
        "business_info": {"unit": "wallet", "sub_unit": "qr", "branch": "QR"},
        "transaction_data": {},
    }
    fields: Json = {"payment_method_id": method, "payment_type_id": kind, "point_of_interaction": place}
    if method == "interop_transfer":
        place["sub_type"] = "INTER_PSP"
        place["transaction_data"] = {"bank_info": {"payer": {"long_name": "Banco de la Provincia"}}}
        fields["metadata"] = {"hide_payer_information": True}
    if kind in ("credit_card", "debit_card"):
        fields |= {"card": {"last_four_digits": "0604"}, "authorization_code": "301299"}
    return fields


def summary(payment: Json, switches: Switches) -> Json:
    """Return a payment as it stands in its merchant order."""
    approved = {"date_approved": payment["date_approved"]} if payment["date_approved"] else {}
    return {
        "id": payment["id"],
        "transaction_amount": payment["transaction_amount"],
        "total_paid_amount": payment["transaction_details"]["total_paid_amount"],
        "shipping_cost": 0,
        "currency_id": payment["currency_id"],
        "status": payment["status"],
        switches.detail_key: payment["status_detail"],
        "operation_type": payment["operation_type"],
        **approved,
        "date_created": payment["date_created"],
        "last_modified": payment["date_last_updated"],
        "amount_refunded": payment["transaction_amount_refunded"],
    }


def order_status(payments: list[Json], total: Decimal, words: str) -> str:
    """Say what payments make of an order, in the `old` words or those of `2026`.

    `paid` includes what was charged back or is in mediation: so it is documented.
    """
    counted = [each for each in payments if each["status"] in ("approved", "charged_back", "in_mediation")]
    if any(each["transaction_amount_refunded"] for each in payments):
        word = "reverted" if words == "old" else "refunded"
        return f"partially_{word}" if counted else word
    if counted:
        covered = sum(each["transaction_amount"] for each in counted) >= total
        return "paid" if covered else "partially_paid"
    waiting = any(each["status"] in ("pending", "in_process", "authorized") for each in payments)
    return "payment_in_process" if waiting else "payment_required"
