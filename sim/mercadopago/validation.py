"""What a PUT may say: the documented checks, each with the code that the documentation gives it.

What is missing and what is of the wrong type have codes of their own. Where no code is documented, the nearest is used.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from sim.mercadopago.shapes import Json

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
ITEM_STRINGS = ("sku_number", "category", "title", "description", "unit_measure", "currency_id")
ITEM_NUMBERS = ("quantity", "unit_price", "total_amount")
ITEM_NEEDS = {
    "title": "invalid_title",
    "unit_measure": "invalid_unit_measure",
    "quantity": "invalid_quantity",
    "unit_price": "invalid_unit_price",
    "total_amount": "invalid_items.total_amount",
}


class ApiProblem(Exception):
    """An error of the API: status, its word for it, and a sentence."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message


def check_order(body: Any, sums: bool, whole: bool) -> None:
    """Refuse an order that the API would. `whole`: amounts have no decimals. Raises `ApiProblem`."""
    if not isinstance(body, dict):
        raise ApiProblem(400, "bad_request", "the body must be an object")
    _check_texts(body)
    _check_amount(body.get("total_amount"), "invalid_total_amount", whole)
    _check_sponsor(body)
    _check_cash_out(body)
    items = body.get("items") or []
    if not items and "cash_out" not in body:
        _refuse("error_creating_seller_qr_order", "cash_out is required when there are no items")
    for item in items:
        _check_item(item, whole)
    if sums and items:
        _check_sums(items, Decimal(body["total_amount"]))


def expiration(body: Json, now: datetime) -> datetime | None:
    """Read `expiration_date`, which must be in the future. Raises `ApiProblem`."""
    text = body.get("expiration_date")
    if text is None:
        return None
    try:
        date = datetime.fromisoformat(text)
        if date > now:
            return date
    except (TypeError, ValueError):  # no string, no date, or one without an offset
        pass
    raise ApiProblem(400, "invalid_expiration_date", "expiration_date must be a valid date in the future")


def _check_texts(body: Json) -> None:
    for name in ("external_reference", "title", "description"):
        if not isinstance(body.get(name), str) or not body[name]:
            _refuse(f"invalid_{name}", f"{name} must be present")
    if not REFERENCE.fullmatch(body["external_reference"]):
        _refuse("invalid_external_reference", "external_reference is not valid")
    url = body.get("notification_url", "http://")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 500:
        _refuse("invalid_notification_url", "notification_url is not valid")


def _check_sponsor(body: Json) -> None:
    if "sponsor" in body:
        sponsor = body["sponsor"] or {}
        if "id" not in sponsor:
            _refuse("invalid_id", "sponsor.id must be present")
        _check_amount(sponsor["id"], "invalid_sponsor.id")


def _check_cash_out(body: Json) -> None:
    if "cash_out" in body:
        cash_out = body["cash_out"] or {}
        if "amount" not in cash_out:
            _refuse("invalid_amount", "cash_out.amount must be present")
        _check_amount(cash_out["amount"], "invalid_cash_out.amount")


def _check_item(item: Any, whole: bool) -> None:
    if not isinstance(item, dict):
        _refuse("bad_request", "an item must be an object")
    for name, code in ITEM_NEEDS.items():
        if item.get(name) is None:
            _refuse(code, f"{name} must be present")
    for name in ITEM_STRINGS:
        if not isinstance(item.get(name, ""), str):
            _refuse(f"invalid_items.{name}", f"items.{name} must be a string")
    for name in ITEM_NUMBERS:
        _check_amount(item[name], f"invalid_items.{name}", whole and name != "quantity")
    if int(Decimal(item["unit_price"]).normalize().as_tuple().exponent) < -2:
        _refuse("invalid_items.unit_price", "items.unit_price must have at most two decimals")


def _check_sums(items: list[Json], total: Decimal) -> None:
    if any(item["unit_price"] * item["quantity"] != item["total_amount"] for item in items):
        _refuse("invalid_items.total_amount", "items.total_amount is not unit_price times quantity")
    if sum(item["total_amount"] for item in items) != total:
        _refuse("invalid_total_amount", "total_amount does not match the items")


def _check_amount(value: Any, code: str, whole: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        _refuse(code, f"{code.removeprefix('invalid_')} must be a number")
    if whole and value != int(value):
        _refuse(code, f"{code.removeprefix('invalid_')} must have no decimals")


def _refuse(error: str, message: str) -> NoReturn:
    raise ApiProblem(400, error, message)
