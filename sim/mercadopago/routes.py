"""The API's addresses, one function each: a request to the account's books, and the answer's JSON.

A family that is not simulated (version 1) has no row in `ROUTES` and answers 404 like any unknown address; a family is
added by adding rows.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from sim.mercadopago.books import Books, Pos
from sim.mercadopago.shapes import Json
from sim.mercadopago.validation import ApiProblem

Answer = tuple[int, Any]
"""Status, and what becomes the body's JSON; None: no body."""

DAYS_SEARCHED = 90
LONGEST_ORDER_SEARCH = timedelta(hours=720)


@dataclass(frozen=True)
class Call:
    """A request, taken apart. `names` are the parts of the path."""

    books: Books
    names: dict[str, str]
    query: dict[str, str]
    body: bytes
    key: str = ""
    """The header `X-Idempotency-Key`."""

    def json(self) -> Any:
        try:
            return json.loads(self.body or b"{}", parse_float=Decimal)
        except ValueError:
            raise ApiProblem(400, "bad_request", "the body is no JSON") from None

    def number(self, name: str, default: int) -> int:
        text = self.query.get(name, str(default))
        if not re.fullmatch("[0-9]{1,9}", text, re.ASCII):
            raise ApiProblem(400, "bad_request", f"{name} must be a number")
        return int(text)

    def identity(self) -> int:
        if not re.fullmatch("[0-9]{1,20}", self.names["id"], re.ASCII):
            raise ApiProblem(400, "invalid_format", "the id is no number")
        return int(self.names["id"])

    def page(self, found: list[Json]) -> list[Json]:
        offset = self.number("offset", 0)
        return found[offset : offset + self.number("limit", 30)]

    def paged(self, found: list[Json]) -> Json:
        paging = {"total": len(found), "limit": self.number("limit", 30), "offset": self.number("offset", 0)}
        return {"paging": paging, "results": self.page(found)}


def route(books: Books, method: str, path: str, query: dict[str, str], body: bytes, key: str = "") -> Answer:
    """Carry out one request. Raises `ApiProblem`."""
    for wanted, pattern, handle in ROUTES:
        if wanted == method and (found := re.fullmatch(pattern, path)):
            names = {name: unquote(value) for name, value in found.groupdict().items()}
            return handle(Call(books, names, query, body, key))
    raise ApiProblem(404, "not_found", f"{method} {path} is unknown here")


# --- the order on a till -------------------------------------------------------------------------------------------


def _put(call: Call) -> Answer:
    call.books.load(_pos(call), call.json())
    return 204, None


def _look(call: Call) -> Answer:
    loaded = call.books.order_on(_pos(call))
    if loaded is None:
        raise ApiProblem(404, "point_of_sale_in_store_order_not_found", "No associated order found")
    return 200, [loaded.body] if call.books.switches.till_answer == "array" else loaded.body


def _delete(call: Call) -> Answer:
    call.books.delete_order(_pos(call))
    return 204, None


def _pos(call: Call) -> Pos:
    if not call.names["user"].isdecimal():
        raise ApiProblem(400, "invalid_collectorId", "collectorId must be a number")
    if not call.names["pos"].strip():
        raise ApiProblem(400, "invalid_externalPosId", "externalPosId must be present")
    pos = call.books.pos.get(call.names["pos"])
    ours = call.names["user"] == call.books.seller.user_id
    if pos is None or not ours or call.names.get("store", pos.external_store_id) != pos.external_store_id:
        raise ApiProblem(call.books.switches.unknown_pos_status, "pos_not_found", "no such point of sale")
    return pos


# --- the Orders API ------------------------------------------------------------------------------------------------


def _create_order(call: Call) -> Answer:
    return 201, call.books.order_book.create(call.key, call.json())


def _order(call: Call) -> Answer:
    return 200, call.books.order_book.read(call.names["id"])


def _find_orders(call: Call) -> Answer:
    begin, end = _instant(call, "begin_date"), _instant(call, "end_date")
    if begin is None or end is None:
        raise ApiProblem(400, "missing_required_params", "begin_date and end_date are required")
    if end - begin > LONGEST_ORDER_SEARCH or begin > call.books.now():
        raise ApiProblem(400, "invalid_parameter", "the dates are more than 30 days apart, or the first is to come")

    def fits(order: Json) -> bool:
        names = ("external_reference", "type", "status")
        return _equal(order, call.query, names) and _within(order, "created_date", begin, end)

    found = call.books.order_book.search(fits)
    paging = {"total": str(len(found)), "limit": str(call.number("limit", 30)), "offset": str(call.number("offset", 0))}
    return 200, {"data": call.page(found), "paging": paging}


def _cancel_order(call: Call) -> Answer:
    return 200, call.books.order_book.cancel(call.key, call.names["id"])


def _refund_order(call: Call) -> Answer:
    order = call.books.order_book.refund(call.key, call.names["id"], call.json())
    return 201, {name: order[name] for name in ("id", "status", "status_detail", "transactions")}


# --- merchant orders -----------------------------------------------------------------------------------------------

ORDER_FILTERS = (
    "external_reference",
    "status",
    "preference_id",
    "application_id",
    "site_id",
    "marketplace",
    "sponsor_id",
)


def _merchant_order(call: Call) -> Answer:
    order = call.books.merchant_order(call.identity())
    if order is None:
        raise ApiProblem(404, "not_found", "merchant order not found")
    return 200, order


def _search_orders(call: Call) -> Answer:
    oldest = call.books.now() - timedelta(days=DAYS_SEARCHED)
    periods = list(_periods(call, "date_created", "last_updated"))

    def fits(order: Json) -> bool:
        return (
            _equal(order, call.query, ORDER_FILTERS)
            and call.query.get("payer_id") in (None, str(order["payer"]["id"]))
            and datetime.fromisoformat(order["date_created"]) > oldest
            and all(_within(order, *period) for period in periods)
        )

    found = call.books.search_merchant_orders(fits)
    following = call.number("offset", 0) + call.number("limit", 30)
    page = call.page(found)
    return 200, {
        "elements": page or None,
        "next_offset": following if following < len(found) else 0,
        "total": len(found),
    }


def _periods(call: Call, *names: str) -> Iterator[tuple[str, datetime | None, datetime | None]]:
    for name in names:
        yield name, _instant(call, f"{name}_from"), _instant(call, f"{name}_to")


# --- payments ------------------------------------------------------------------------------------------------------


def _payment(call: Call) -> Answer:
    payment = call.books.payment(call.identity())
    if payment is None:
        raise ApiProblem(404, "not_found", "Payment not found")
    return 200, payment


def _search_payments(call: Call) -> Answer:
    date = call.query.get("range", "date_created")
    begin, end = _instant(call, "begin_date"), _instant(call, "end_date")

    def fits(payment: Json) -> bool:
        names = ("pos_id", "store_id", "external_reference", "status")
        return _equal(payment, call.query, names) and _within(payment, date, begin, end)

    found = call.books.search_payments(fits)
    if sort := call.query.get("sort"):
        found.sort(key=lambda payment: _sortable(payment.get(sort)))
    if call.query.get("criteria") == "desc":
        found.reverse()
    return 200, call.paged(found)


def _refund(call: Call) -> Answer:
    order = call.json()
    amount = order.get("amount") if isinstance(order, dict) else None
    if amount is not None and not isinstance(amount, int | Decimal):
        raise ApiProblem(400, "bad_request", "amount must be a number")
    if call.identity() not in call.books.payments:
        raise ApiProblem(404, "not_found", "Payment not found")
    return 201, call.books.refund(call.identity(), amount)


def _refunds(call: Call) -> Answer:
    return 200, _payment(call)[1]["refunds"]


def _equal(thing: Json, query: dict[str, str], names: tuple[str, ...]) -> bool:
    return all(str(thing.get(name)) == query[name] for name in names if name in query)


def _within(thing: Json, name: str, begin: datetime | None, end: datetime | None) -> bool:
    if begin is None and end is None:
        return True
    if not (text := thing.get(name)):
        return False
    date = datetime.fromisoformat(text)
    return (begin is None or begin <= date) and (end is None or date <= end)


def _sortable(value: Any) -> tuple[bool, Any]:
    return (False, value) if isinstance(value, Decimal | int) else (True, str(value))


def _instant(call: Call, name: str) -> datetime | None:
    """A date with its offset, `NOW`, or `NOW-15MINUTES` and the like."""
    text = call.query.get(name)
    if text is None:
        return None
    if found := re.fullmatch(r"NOW(?:-(\d{1,6})(MINUTE|HOUR|DAY|MONTH|YEAR)S?)?", text):
        minutes = {"MINUTE": 1, "HOUR": 60, "DAY": 1440, "MONTH": 43200, "YEAR": 525600, None: 0}
        return call.books.now() - timedelta(minutes=int(found[1] or 0) * minutes[found[2]])
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        date = None
    if date is None or date.tzinfo is None:
        raise ApiProblem(400, "bad_request", f"{name} is no date with an offset")
    return date


# --- stores, tills, the user ---------------------------------------------------------------------------------------


def _search_pos(call: Call) -> Answer:
    found = [_pos_json(call.books, pos) for pos in (*call.books.pos.values(), *call.books.idle_pos)]
    return 200, call.paged(
        [each for each in found if _equal(each, call.query, ("external_id", "external_store_id", "store_id"))]
    )


def _one_pos(call: Call) -> Answer:
    for pos in call.books.pos.values():
        if pos.id == call.identity():
            return 200, _pos_json(call.books, pos)
    raise ApiProblem(404, "not_found", "no such point of sale")


def _pos_json(books: Books, pos: Pos) -> Json:
    image = f"https://www.mercadopago.com/instore/merchant/qr/{pos.id}/0f.png"
    return {
        "id": pos.id,
        "status": pos.status,
        "user_id": int(books.seller.user_id),
        "name": pos.name or pos.external_id,
        "fixed_amount": pos.fixed_amount,
        "category": pos.category or books.seller.gastronomy,
        "store_id": str(pos.store_id) if pos.store_id else None,
        "external_store_id": pos.external_store_id or None,
        "external_id": pos.external_id or None,
        "qr": {"image": image, "template_document": image, "template_image": image} if pos.has_qr else None,
    }


def _search_stores(call: Call) -> Answer:
    _check_user(call)
    stores = [_store_json(call.books, name, number) for name, number in call.books.stores.items()]
    return 200, call.paged([each for each in stores if _equal(each, call.query, ("external_id",))])


def _store_json(books: Books, external_id: str, number: int) -> Json:
    address = {"street_name": "Av. Siempre Viva", "street_number": "742", "city_name": "Buenos Aires"}
    name = books.store_names.get(external_id, external_id)
    return {"id": str(number), "name": name, "external_id": external_id or None, "location": address}


def _me(call: Call) -> Answer:
    seller = call.books.seller
    return 200, {"id": int(seller.user_id), "nickname": seller.nickname, "site_id": seller.site}


def _check_user(call: Call) -> None:
    if call.names["user"] != call.books.seller.user_id:
        raise ApiProblem(403, "forbidden", "the token is another user's")


TILL = r"/instore/qr/seller/collectors/(?P<user>[^/]+)/pos/(?P<pos>[^/]+)/orders"
ROUTES: list[tuple[str, str, Callable[[Call], Answer]]] = [
    ("PUT", TILL.replace("/pos/", "/stores/(?P<store>[^/]+)/pos/"), _put),
    ("GET", TILL, _look),
    ("DELETE", TILL, _delete),
    ("POST", r"/v1/orders", _create_order),
    ("GET", r"/v1/orders", _find_orders),
    ("GET", r"/v1/orders/(?P<id>[^/]+)", _order),
    ("POST", r"/v1/orders/(?P<id>[^/]+)/cancel", _cancel_order),
    ("POST", r"/v1/orders/(?P<id>[^/]+)/refund", _refund_order),
    ("GET", r"/merchant_orders(/search)?", _search_orders),
    ("GET", r"/merchant_orders/(?P<id>[^/]+)", _merchant_order),
    ("GET", r"/v1/payments/search", _search_payments),
    ("GET", r"/v1/payments/(?P<id>[^/]+)", _payment),
    ("GET", r"/v1/payments/(?P<id>[^/]+)/refunds", _refunds),
    ("POST", r"/v1/payments/(?P<id>[^/]+)/refunds", _refund),
    ("GET", r"/pos", _search_pos),
    ("GET", r"/pos/(?P<id>[0-9]+)", _one_pos),
    ("GET", r"/users/(?P<user>[0-9]+)/stores/search", _search_stores),
    ("GET", r"/users/me", _me),
]
