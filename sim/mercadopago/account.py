"""A seller's account at Mercado Pago: tills, orders on them, merchant orders, payments, and the rules between them.

No HTTP here. Shapes are those of the API's documentation; what it leaves open is a switch. Methods in the customer's
and shop's words (`scan`, `pay`, `refund`, …) are for tests and the demo.
"""

import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Json = dict[str, Any]


@dataclass
class Switches:
    """What nobody outside Mercado Pago knows for sure, or what differs from day to day."""

    mo_created_at: str = "scan"
    """When a merchant order appears: `put`, `scan` or `payment`."""
    opened_notification: bool = True
    till_answer: str = "object"
    """The order on the till is answered as an `object` or as an `array`."""
    absent_delete_status: int = 400
    locked_status: int = 409
    enforce_sums: bool = False
    search_lag: float = 0.0
    """Seconds until a search shows what a read by id shows at once."""
    hidden_after_creation: float = 0.0
    """Seconds for which a merchant order is 404 although its notification went out."""
    refund_words: str = "old"
    """`old` (reverted) or `2026` (refunded)."""
    expired_status: str = "opened"
    """What the merchant order of an expired order says."""
    cancelled_key: str = "cancelled"
    detail_key: str = "status_detail"
    payment_names_reference: bool = True
    order_names_reference: bool = True
    life_seconds: float = 600.0


@dataclass
class Loaded:
    """An order that is, or was, on a till."""

    body: Json
    pos: "Pos"
    expires: datetime
    merchant_orders: list[int] = field(default_factory=list)

    @property
    def reference(self) -> str:
        return str(self.body["external_reference"])

    @property
    def total(self) -> Decimal:
        return Decimal(str(self.body["total_amount"]))


@dataclass
class Pos:
    """A point of sale: the till, in Mercado Pago's books."""

    id: int
    external_id: str
    store_id: int
    external_store_id: str
    loaded: Loaded | None = None
    paying: bool = False


CURRENCIES = {"MLA": "ARS", "MLB": "BRL", "MLC": "CLP", "MLU": "UYU", "MLM": "MXN", "MPE": "PEN", "MCO": "COP"}
WORDS = {"old": ("reverted", "partially_reverted"), "2026": ("refunded", "partially_refunded")}


class ApiProblem(Exception):
    """An error of the API: status, its word for it, and a sentence."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": error, "message": message, "status": status, "causes": []}


class Account:
    """The account. Thread-safe; `notify(url, topic, id)` is told of all that Mercado Pago would notify."""

    def __init__(self, user_id: str, site: str, pos: list[tuple[str, str]], switches: Switches) -> None:
        self.user_id = user_id
        self.site = site
        self.switches = switches
        self.lock = threading.RLock()
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.notify: Callable[[str, str, str], None] = lambda url, topic, identity: None
        self.on_delete: Callable[[], Any] = lambda: None
        self.stores = {store: 31000 + number for number, store in enumerate(sorted({store for store, _ in pos}))}
        self.pos = {
            name: Pos(55001 + number, name, self.stores[store], store) for number, (store, name) in enumerate(pos)
        }
        self.placed: dict[str, Loaded] = {}
        self.merchant_orders: dict[int, Json] = {}
        self.payments: dict[int, Json] = {}
        self._born: dict[int, datetime] = {}
        self._changed: dict[int, datetime] = {}
        self._seen_by_search: dict[int, Json] = {}
        self._ids = random.Random(20260302)

    # --- what the API does -----------------------------------------------------------------------------------------

    def put_order(self, pos: Pos, body: Json) -> None:
        """PUT: load an order; it replaces the one that is there."""
        with self.lock:
            check_order(body, self.switches.enforce_sums, whole=self.site == "MLC")
            life = timedelta(seconds=self.switches.life_seconds)
            expires = self.now() + life
            if date := body.get("expiration_date"):
                asked = datetime.fromisoformat(date)
                if asked <= self.now():
                    raise ApiProblem(400, "invalid_expiration_date", "expiration_date must be in the future")
                expires = min(expires, asked)
            pos.loaded = Loaded(body, pos, expires)
            self.placed[pos.loaded.reference] = pos.loaded
            if self.switches.mo_created_at == "put":
                self.new_merchant_order(pos.loaded)

    def order_on(self, pos: Pos) -> Loaded | None:
        """The order on a till, if it has not expired."""
        with self.lock:
            if pos.loaded and pos.loaded.expires <= self.now():
                self._expire(pos.loaded)
            return pos.loaded

    def delete_order(self, pos: Pos) -> None:
        """DELETE: empty the till."""
        with self.lock:
            if self.order_on(pos) is None:
                status = self.switches.absent_delete_status
                raise ApiProblem(
                    status, "in_store_order_delete_error", "An error occurred when deleting the InStoreOrder"
                )
            if pos.paying:
                raise ApiProblem(self.switches.locked_status, "instore_order_locked_error", "The order is locked")
            pos.loaded = None
        self.on_delete()

    def merchant_order(self, identity: int) -> Json | None:
        """A merchant order by id, or None: unknown, or not yet to be read."""
        with self.lock:
            born = self._born.get(identity)
            if born is None or (self.now() - born).total_seconds() < self.switches.hidden_after_creation:
                return None
            return self.merchant_orders[identity]

    def search_merchant_orders(self, **wanted: str) -> list[Json]:
        """What the search index knows, which may be older than what a read by id says."""
        with self.lock:
            self._index()
            found = self._seen_by_search.values()
            return [order for order in found if all(str(order.get(key)) == value for key, value in wanted.items())]

    def _index(self) -> None:
        for identity, order in self.merchant_orders.items():
            if (self.now() - self._changed[identity]).total_seconds() >= self.switches.search_lag:
                self._seen_by_search[identity] = {**order, "payments": [dict(each) for each in order["payments"]]}

    # --- what the customer does ------------------------------------------------------------------------------------

    def till(self, pos: str | None = None) -> Pos:
        """A till by its external id; the first one by default."""
        return self.pos[pos] if pos else next(iter(self.pos.values()))

    def scan(self, pos: str | None = None) -> int:
        """A phone reads the printed QR: a merchant order appears, `opened`. Returns its id."""
        with self.lock:
            loaded = self.order_on(self.till(pos))
            if loaded is None:
                raise LookupError("no order on this till; the app shows a waiting screen")
            return self.new_merchant_order(loaded)

    def pay(
        self,
        pos: str | None = None,
        reference: str | None = None,
        amount: str | Decimal | None = None,
        status: str = "approved",
        method: str = "account_money",
        currency: str | None = None,
        new_scan: bool = False,
    ) -> Json:
        """Pay what is on the till, or an order that was there once. Returns the payment."""
        with self.lock:
            loaded = self.placed[reference] if reference else self.order_on(self.till(pos))
            if loaded is None:
                raise LookupError("no order on this till")
            if new_scan or not loaded.merchant_orders:
                self.new_merchant_order(loaded, silent=self.switches.mo_created_at == "payment")
            order = self.merchant_orders[loaded.merchant_orders[-1]]
            payment = self._new_payment(order, loaded, Decimal(str(amount or loaded.total)), status, method, currency)
            self._settle(order, loaded)
        self._tell(order, loaded, payment)
        return payment

    def begin_payment(self, pos: str | None = None) -> None:
        """The customer is on the pay screen: the order is locked."""
        self.till(pos).paying = True

    def finish_payment(self, pos: str | None = None, status: str = "approved") -> Json:
        """The customer pressed the button (or it was rejected)."""
        self.till(pos).paying = False
        return self.pay(pos, status=status)

    def approve(self, payment_id: int) -> None:
        """A pending payment comes through."""
        with self.lock:
            payment = self.payments[payment_id]
            payment.update(status="approved", date_approved=self._date(), date_last_updated=self._date())
            order, loaded = self._order_of(payment)
            self._settle(order, loaded)
        self._tell(order, loaded, payment)

    def refund(self, payment_id: int, amount: str | Decimal | None = None) -> None:
        """The seller gives money back."""
        with self.lock:
            payment = self.payments[payment_id]
            given = Decimal(str(amount or payment["transaction_amount"]))
            payment["transaction_amount_refunded"] += given
            whole = payment["transaction_amount_refunded"] >= payment["transaction_amount"]
            payment["status"] = "refunded" if whole else payment["status"]
            order, loaded = self._order_of(payment)
            words = WORDS[self.switches.refund_words]
            order.update(order_status=words[0] if whole else words[1], refunded_amount=order["refunded_amount"] + given)
            self._settle(order, loaded, keep_words=True)
        self._tell(order, loaded, payment)

    def charge_back(self, payment_id: int) -> None:
        """The customer's bank takes the money back; the order goes on saying `paid`."""
        with self.lock:
            payment = self.payments[payment_id]
            payment["status"] = "charged_back"
            order, loaded = self._order_of(payment)
            self._settle(order, loaded, keep_words=True)

    def expire(self, pos: str | None = None) -> None:
        """The order's time is over."""
        with self.lock:
            if loaded := self.till(pos).loaded:
                self._expire(loaded)

    def forge(self, **changes: Any) -> int:
        """Put a paid merchant order of our till straight into the books, changed as told. Returns its id.

        `payments` are dicts laid over one approved payment; `pos_id` is where they were made.
        """
        with self.lock:
            pos_id = str(changes.pop("pos_id", self.till().id))
            paid = changes.pop("payments", [{}])
            total = Decimal(str(changes.get("total_amount", "100.00")))
            order = self._blank_order(
                changes.pop("external_reference", f"forged-{uuid.uuid4().hex[:8]}"), total, [], ""
            )
            order.update(status="closed", order_status="paid", paid_amount=total)
            self.merchant_orders[order["id"]] = order
            for each in paid:
                payment = self._blank_payment(
                    order, Decimal(str(each.get("transaction_amount", total))), pos_id, "31000"
                )
                payment.update(status="approved", date_approved=self._date())
                payment.update({key: value for key, value in each.items() if key in payment})
                self.payments[payment["id"]] = payment
                order["payments"].append({**_summary(payment, self.switches), **each})
            order.update(changes)
            self._born[order["id"]] = self._changed[order["id"]] = self.now()
            return int(order["id"])

    # --- the books -------------------------------------------------------------------------------------------------

    def new_merchant_order(self, loaded: Loaded, silent: bool = False) -> int:
        """Open a merchant order for what is on a till."""
        with self.lock:
            url = loaded.body.get("notification_url", "")
            order = self._blank_order(loaded.reference, loaded.total, loaded.body.get("items", []), url)
            identity = int(order["id"])
            self.merchant_orders[identity] = order
            loaded.merchant_orders.append(identity)
            self._born[identity] = self._changed[identity] = self.now()
        if url and self.switches.opened_notification and not silent:
            self.notify(url, "merchant_order", str(identity))
        return identity

    def _settle(self, order: Json, loaded: Loaded, keep_words: bool = False) -> None:
        """Work out what the payments make of the order."""
        payments = [self.payments[each["id"]] for each in order["payments"]]
        order["payments"] = [_summary(payment, self.switches) for payment in payments]
        approved = [payment for payment in payments if payment["status"] == "approved"]
        order["paid_amount"] = sum((payment["transaction_amount"] for payment in approved), Decimal(0))
        if order["paid_amount"] >= order["total_amount"] and approved:
            order.update(status="closed")
            if not keep_words:
                order.update(order_status="paid")
            if loaded.pos.loaded is loaded:
                loaded.pos.loaded = None
        elif not keep_words:
            pending = any(payment["status"] in ("pending", "in_process", "authorized") for payment in payments)
            words = "partially_paid" if approved else "payment_in_process" if pending else "payment_required"
            order.update(order_status=words)
        order["last_updated"] = self._date()
        self._changed[int(order["id"])] = self.now()

    def _tell(self, order: Json, loaded: Loaded, payment: Json) -> None:
        if url := loaded.body.get("notification_url", ""):
            self.notify(url, "merchant_order", str(order["id"]))
            self.notify(url, "payment", str(payment["id"]))

    def _expire(self, loaded: Loaded) -> None:
        loaded.pos.loaded = None
        for identity in loaded.merchant_orders:
            order = self.merchant_orders[identity]
            if order["status"] == "opened" and self.switches.expired_status != "opened":
                order.update(status=self.switches.expired_status, order_status="expired")

    def _order_of(self, payment: Json) -> tuple[Json, Loaded]:
        order = self.merchant_orders[payment["order"]["id"]]
        loaded = next(each for each in self.placed.values() if order["id"] in each.merchant_orders)
        return order, loaded

    def _new_payment(
        self, order: Json, loaded: Loaded, amount: Decimal, status: str, method: str, currency: str | None
    ) -> Json:
        payment = self._blank_payment(order, amount, str(loaded.pos.id), str(loaded.pos.store_id))
        payment.update(status=status, payment_method_id=method, payment_type_id=method)
        payment["currency_id"] = currency or payment["currency_id"]
        if status == "approved":
            payment.update(status_detail="accredited", date_approved=self._date())
        if status == "rejected":
            payment.update(status_detail="cc_rejected_insufficient_amount")
        self.payments[payment["id"]] = payment
        order["payments"].append(_summary(payment, self.switches))
        return payment

    def _blank_order(self, reference: str, total: Decimal, items: list[Json], url: str) -> Json:
        return {
            "id": 31_000_000_000 + self._ids.randrange(10**9),
            "status": "opened",
            "external_reference": reference if self.switches.order_names_reference else "",
            "preference_id": f"{self.user_id}-{uuid.uuid4()}",
            "application_id": "5550001",
            "site_id": self.site,
            "marketplace": "NONE",
            "notification_url": url or None,
            "sponsor_id": None,
            "payments": [],
            "shipments": [],
            "payouts": [],
            "collector": {"id": int(self.user_id), "email": "", "nickname": "KIOSCOSUR"},
            "payer": {"id": 9000001, "email": ""},
            "items": [self._item(item) for item in items],
            "shipping_cost": 0,
            "total_amount": total,
            "paid_amount": Decimal(0),
            "refunded_amount": Decimal(0),
            self.switches.cancelled_key: False,
            "additional_info": "",
            "order_status": "payment_required",
            "is_test": False,
            "date_created": self._date(),
            "last_updated": self._date(),
        }

    def _item(self, item: Json) -> Json:
        return {
            "id": item.get("sku_number", ""),
            "category_id": item.get("category", ""),
            "currency_id": CURRENCIES[self.site],
            "title": item.get("title", ""),
            "description": item.get("description", ""),
            "picture_url": None,
            "quantity": item.get("quantity", 1),
            "unit_price": item.get("unit_price", 0),
        }

    def _blank_payment(self, order: Json, amount: Decimal, pos_id: str, store_id: str) -> Json:
        reference = order["external_reference"] if self.switches.payment_names_reference else None
        return {
            "id": 98_000_000_000 + self._ids.randrange(10**9),
            "status": "pending",
            "status_detail": "pending",
            "operation_type": "regular_payment",
            "date_created": self._date(),
            "date_approved": None,
            "date_last_updated": self._date(),
            "collector_id": int(self.user_id),
            "external_reference": reference,
            "order": {"id": order["id"], "type": "mercadopago"},
            "live_mode": True,
            "transaction_amount": amount,
            "transaction_amount_refunded": Decimal(0),
            "coupon_amount": 0,
            "currency_id": CURRENCIES[self.site],
            "installments": 1,
            "transaction_details": {
                "net_received_amount": amount,
                "total_paid_amount": amount,
                "installment_amount": 0,
            },
            "payment_method_id": "account_money",
            "payment_type_id": "account_money",
            "pos_id": pos_id,
            "store_id": store_id,
            "point_of_interaction": {"type": "INSTORE", "sub_type": "INTRA_PSP", "business_info": {"unit": "wallet"}},
        }

    def _date(self) -> str:
        """The date as Mercado Pago writes it: milliseconds, and an offset that is not the shop's."""
        return self.now().astimezone(_FOUR_HOURS_WEST).isoformat(timespec="milliseconds")


_FOUR_HOURS_WEST = datetime.strptime("-0400", "%z").tzinfo


def _summary(payment: Json, switches: Switches) -> Json:
    """A payment as it stands in its merchant order."""
    return {
        "id": payment["id"],
        "transaction_amount": payment["transaction_amount"],
        "total_paid_amount": payment["transaction_details"]["total_paid_amount"],
        "shipping_cost": 0,
        "currency_id": payment["currency_id"],
        "status": payment["status"],
        switches.detail_key: payment["status_detail"],
        "operation_type": payment["operation_type"],
        "date_created": payment["date_created"],
        "date_approved": payment["date_approved"],
        "last_modified": payment["date_last_updated"],
        "amount_refunded": payment["transaction_amount_refunded"],
    }


STRINGS = ("external_reference", "title", "description")
ITEM_STRINGS = ("title", "unit_measure")
ITEM_NUMBERS = ("quantity", "unit_price", "total_amount")


def check_order(body: Json, sums: bool, whole: bool) -> None:
    """Refuse what the API documents as wrong. Raises `ApiProblem` with the documented code."""
    for name in STRINGS:
        if not isinstance(body.get(name), str) or not body[name]:
            raise ApiProblem(400, f"invalid_{name}", f"{name} must be present")
    reference = body["external_reference"]
    if len(reference) > 64 or not reference.replace("-", "").replace("_", "").isalnum():
        raise ApiProblem(400, "invalid_external_reference", "external_reference is not valid")
    _check_number(body, "total_amount", "invalid_total_amount", whole)
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise ApiProblem(400, "error_creating_seller_qr_order", "cash_out is required when there are no items")
    for item in items:
        for name in ITEM_STRINGS:
            if not isinstance(item.get(name), str):
                raise ApiProblem(400, f"invalid_items.{name}", f"items.{name} must be a string")
        for name in ITEM_NUMBERS:
            _check_number(item, name, f"invalid_items.{name}", whole and name != "quantity")
    if sums and sum((item["total_amount"] for item in items), Decimal(0)) != body["total_amount"]:
        raise ApiProblem(400, "invalid_total_amount", "total_amount does not match the items")
    url = body.get("notification_url")
    if url is not None and (not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 500):
        raise ApiProblem(400, "invalid_notification_url", "notification_url is not valid")


def _check_number(holder: Json, name: str, code: str, whole: bool) -> None:
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiProblem(400, code, f"{name} must be a number")
    if whole and Decimal(value) != int(value):
        raise ApiProblem(400, code, f"{name} must have no decimals")
