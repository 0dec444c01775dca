"""The books of a seller's account: tills, orders on them, merchant orders, payments, and the rules between them.

No HTTP here, and nobody's will: what people do is in `account`. Every state of a merchant order or payment is kept
with its date, for a search may show an older one than a read by id. Thread-safe: take `lock` for more than one step.
"""

import copy
import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sim.mercadopago import shapes
from sim.mercadopago.orders import OrderBook, PlacedOrder
from sim.mercadopago.shapes import Json, Seller
from sim.mercadopago.switches import Switches
from sim.mercadopago.validation import ApiProblem, check_order, expiration


@dataclass(eq=False)
class Loaded:
    """An order that is, or was, on a till."""

    body: Json
    pos: "Pos"
    expires: datetime
    merchant_orders: list[int] = field(default_factory=list)
    scanned: bool = False

    @property
    def reference(self) -> str:
        return str(self.body["external_reference"])

    @property
    def total(self) -> Decimal:
        return Decimal(self.body["total_amount"])


@dataclass(eq=False)
class Pos:
    """A point of sale: the till, in Mercado Pago's books."""

    id: int
    external_id: str
    """"" for one that was made in the app."""
    store_id: int
    """0: of no store."""
    external_store_id: str
    fixed_amount: bool = True
    status: str = "active"
    name: str = ""
    """"" for one that is called like its external id."""
    category: int | None = None
    """None: gastronomy, as the seller's country numbers it."""
    has_qr: bool = True
    loaded: Loaded | None = None
    paying: Loaded | None = None
    """The order that a customer has on the pay screen; it may have been replaced since."""


@dataclass(frozen=True)
class Notice:
    """Something that Mercado Pago tells whoever the order's `notification_url` names."""

    url: str
    topic: str
    """`merchant_order`, `payment` or `order`."""
    id: str
    status: str
    new: bool
    date: str
    order: Json | None = None
    """The whole order, which its notification brings along."""


class Books:
    """The account as the API shows it. `notify` is told of all that Mercado Pago would notify, batch by batch."""

    def __init__(self, seller: Seller, pos: Iterable[tuple[str, str]], switches: Switches) -> None:
        self.seller = seller
        self.switches = switches
        self.lock = threading.RLock()
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.notify: Callable[[list[Notice]], None] = lambda notices: None
        self.order_book = OrderBook(self)
        self.application_url = ""
        """Where what the Orders API brings is told: the panel's address, not the order's."""
        self.on_delete: Callable[[], Any] = lambda: None
        """Called after a DELETE was applied and before it is answered."""
        names = list(pos)
        self.stores = {store: 31000 + number for number, store in enumerate(sorted({store for store, _ in names}))}
        self.pos = {
            name: Pos(55001 + number, name, self.stores[store], store) for number, (store, name) in enumerate(names)
        }
        self.idle_pos: list[Pos] = []
        """Points of sale at which nothing is sold: the account only shows them, whatever is wrong with them."""
        self.store_names: dict[str, str] = {}
        """The names of the stores, by external id, where they have others than that."""
        self.placed: dict[str, Loaded] = {}
        """The newest order of each reference that was ever on a till."""
        self.merchant_orders: dict[int, Json] = {}
        self.payments: dict[int, Json] = {}
        self._states: dict[int, list[tuple[datetime, Json]]] = {}
        self._told: dict[int, datetime] = {}
        self._ids = random.Random(20260302)

    # --- the order on a till ---------------------------------------------------------------------------------------

    def load(self, pos: Pos, body: Any) -> None:
        """Put an order on a till; it replaces the one that is there. Raises `ApiProblem`."""
        with self.lock:
            switches = self.switches
            check_order(body, switches.enforce_sums, whole=switches.whole_pesos and self.seller.site == "MLC")
            expires = self._end_of_life(body)
            if switches.locked_put_refused and self._locked(pos):
                raise ApiProblem(switches.locked_status, "instore_order_locked_error", "The order is locked")
            self.place(pos, body, expires)

    def place(self, pos: Pos, body: Json, expires: datetime) -> Loaded:
        """Put on a till what was found to be in order, by whichever API it came."""
        pos.loaded = loaded = Loaded(body, pos, expires)
        self.placed[loaded.reference] = loaded
        if self.switches.mo_created_at == "put":
            self.open_merchant_order(loaded)
        return loaded

    def order_on(self, pos: Pos) -> Loaded | None:
        """The order on a till, if it has not expired."""
        with self.lock:
            if pos.loaded and pos.loaded.expires <= self.now():
                self.end(pos.loaded)
            return pos.loaded

    def delete_order(self, pos: Pos) -> None:
        """Empty a till. Raises `ApiProblem` when nothing is there or somebody is paying it."""
        with self.lock:
            if self.order_on(pos) is None:
                raise self._nothing_to_delete()
            if self._locked(pos):
                status = self.switches.locked_status
                raise ApiProblem(status, "instore_order_locked_error", "The order is locked: a payment is in progress")
            pos.loaded = None
        self.on_delete()

    def end(self, loaded: Loaded) -> None:
        """The order's life is over: the till is empty, and what nobody paid has expired."""
        loaded.pos.loaded, loaded.expires = None, min(loaded.expires, self.now())
        self.tell_of_orders()
        if self.switches.expired_status == "opened":
            return
        for order in (self.merchant_orders[identity] for identity in loaded.merchant_orders):
            if order["status"] == "opened":
                order.update(status="expired", order_status="expired", last_updated=self.date())
                self.record(order)

    def _end_of_life(self, body: Json) -> datetime:
        now = self.now()
        asked = expiration(body, now)
        if asked is None:
            return now + timedelta(seconds=self.switches.life_seconds)
        longest = self.switches.longest_life_seconds
        return asked if longest is None else min(asked, now + timedelta(seconds=longest))

    def _locked(self, pos: Pos) -> bool:
        return pos.paying is not None and pos.paying is self.order_on(pos)

    def _nothing_to_delete(self) -> ApiProblem:
        match self.switches.absent_delete_status:
            case 500:
                return ApiProblem(500, "in_store_order_creation_error", "Failed to delete order")
            case 404:
                return ApiProblem(404, "point_of_sale_in_store_order_not_found", "No associated order found")
            case status:
                message = "An error occurred when deleting the InStoreOrder"
                return ApiProblem(status, "in_store_order_delete_error", message)

    # --- reading ---------------------------------------------------------------------------------------------------

    def merchant_order(self, identity: int) -> Json | None:
        """A merchant order by id, or None: unknown, or not yet to be read."""
        if self._has_no_merchant_order(identity):
            return None
        return self._by_id(self.merchant_orders, identity)

    def payment(self, identity: int) -> Json | None:
        """A payment by id, or None: unknown, or not yet to be read."""
        return self._by_id(self.payments, identity)

    def search_merchant_orders(self, fits: Callable[[Json], bool]) -> list[Json]:
        """The merchant orders that the search index knows and that fit, in the order of their making."""
        return self._search(
            self.merchant_orders, lambda order: fits(order) and not self._has_no_merchant_order(order["id"])
        )

    def search_payments(self, fits: Callable[[Json], bool]) -> list[Json]:
        """The payments that the search index knows and that fit, in the order of their making."""
        return self._search(self.payments, fits)

    def _by_id(self, book: dict[int, Json], identity: int) -> Json | None:
        with self.lock:
            self._end_what_expired()
            if identity not in book or self._hidden(identity):
                return None
            return copy.deepcopy(book[identity])

    def _search(self, book: dict[int, Json], fits: Callable[[Json], bool]) -> list[Json]:
        with self.lock:
            self._end_what_expired()
            states = (self._indexed(identity) for identity in book)
            return [state for state in states if state is not None and fits(state)]

    def _hidden(self, identity: int) -> bool:
        since = self._told.get(identity, self._states[identity][0][0])
        return self.now() < since + timedelta(seconds=self.switches.hidden_after_notification_seconds)

    def _indexed(self, identity: int) -> Json | None:
        lag = self.switches.search_lag_seconds
        until = self.now() - timedelta(seconds=lag)
        known = [state for date, state in self._states[identity] if not lag or date <= until]
        return known[-1] if known else None

    def _has_no_merchant_order(self, identity: int) -> bool:
        """Whether it is only how these books keep the payments of an order of the Orders API."""
        return not self.switches.orders_have_merchant_orders and self._is_of_orders_api(identity)

    def _is_of_orders_api(self, merchant_order: int) -> bool:
        return any(merchant_order in order.loaded.merchant_orders for order in self.order_book.orders.values())

    def _end_what_expired(self) -> None:
        for pos in self.pos.values():
            self.order_on(pos)

    # --- writing ---------------------------------------------------------------------------------------------------

    def open_merchant_order(self, loaded: Loaded, silent: bool = False) -> int:
        """Open a merchant order for what is on a till. Returns its id."""
        order = shapes.merchant_order(self.seller, self.switches, self.new_id(31), loaded.body, self.date())
        self.record(order)
        loaded.merchant_orders.append(order["id"])
        told = self.switches.mo_created_at != "never_opened_notification" and self.switches.opened_notice != "after"
        if told and not silent:
            self._tell([self._order_notice(order, "opened", new=True)])
        return int(order["id"])

    def new_payment(self, order: Json, pos: Pos, amount: Decimal) -> Json:
        """Begin a payment of a merchant order at a till."""
        payment = shapes.payment(self.seller, self.new_id(98), amount, self.date())
        reference = order["external_reference"] if self.switches.payment_names_reference else None
        payment.update(pos_id=str(pos.id), store_id=str(pos.store_id), external_reference=reference)
        if not self._has_no_merchant_order(order["id"]):
            payment["order"] = {"id": order["id"], "type": "mercadopago"}
        order["payments"].append(shapes.summary(payment, self.switches))
        self.record(payment)
        return payment

    def change(self, payment: Json, status: str) -> None:
        """A payment changes its status, and what it pays for changes with it; both are told."""
        new = len(self._states[payment["id"]]) == 1
        if status == "approved" and not payment["date_approved"]:
            payment["date_approved"] = self.date()
        payment.update(status=status, status_detail=shapes.DETAILS[status], date_last_updated=self.date())
        self.record(payment)
        order = self._paid_by(payment)
        if order is not None:
            self._settle(order)
            self._tell_of(order, payment, new)
            self.tell_of_orders()

    def refund(self, payment_id: int, amount: str | int | Decimal | None = None) -> Json:
        """Give a payment's money back; all of it by default. Raises `ApiProblem`. Returns the refund."""
        with self.lock:
            payment = self.payments[payment_id]
            left = payment["transaction_amount"] - payment["transaction_amount_refunded"]
            given = left if amount is None else Decimal(amount)
            if payment["status"] != "approved" or not 0 < given <= left:
                raise ApiProblem(400, "bad_request", "the payment can't be refunded by this amount")
            refund = {"id": self.new_id(12), "payment_id": payment_id, "amount": given, "status": "approved"}
            refund["date_created"] = self.date()
            payment["refunds"].append(refund)
            payment["transaction_amount_refunded"] += given
            self.change(payment, "refunded" if given == left else "approved")
            return refund

    def record(self, thing: Json) -> None:
        """Enter a merchant order or a payment as it is now."""
        book = self.payments if "payment_method_id" in thing else self.merchant_orders
        book[thing["id"]] = thing
        self._states.setdefault(thing["id"], []).append((self.now(), copy.deepcopy(thing)))

    def new_id(self, first_digits: int) -> int:
        return first_digits * 10**9 + self._ids.randrange(10**9)

    def date(self) -> str:
        return shapes.date_text(self.now())

    def _settle(self, order: Json) -> None:
        """Work out what the payments make of a merchant order; enough money closes it and empties the till."""
        payments = [self.payments[each["id"]] for each in order["payments"]]
        approved = [payment["transaction_amount"] for payment in payments if payment["status"] == "approved"]
        order.update(
            payments=[shapes.summary(payment, self.switches) for payment in payments],
            paid_amount=sum(approved, Decimal(0)),
            refunded_amount=sum((payment["transaction_amount_refunded"] for payment in payments), Decimal(0)),
            order_status=shapes.order_status(payments, order["total_amount"], self.switches.refund_words),
            last_updated=self.date(),
        )
        if approved and order["paid_amount"] >= order["total_amount"]:
            order["status"] = "closed"
            self._empty_till(order["id"])
        self.record(order)

    def _paid_by(self, payment: Json) -> Json | None:
        """The merchant order of a payment, whether or not the payment names it."""
        orders = self.merchant_orders.values()
        return next((order for order in orders if any(each["id"] == payment["id"] for each in order["payments"])), None)

    def _empty_till(self, merchant_order: int) -> None:
        for pos in self.pos.values():
            if pos.loaded and merchant_order in pos.loaded.merchant_orders:
                pos.loaded = None

    # --- telling ---------------------------------------------------------------------------------------------------

    def tell_of_orders(self) -> None:
        """Tell what became of the orders of the Orders API; a scan and a rejection are never told."""
        self._tell([self._news_of(order) for order in self.order_book.news()])

    def _news_of(self, order: PlacedOrder) -> Notice:
        shown = self.order_book.shown(order)
        return Notice(self.application_url, "order", order.id, shown["status"], False, self.date(), shown)

    def _tell_of(self, order: Json, payment: Json, new: bool) -> None:
        notices = [self._order_notice(order, order["status"])]
        notices.append(Notice(self._url_of(order), "payment", str(payment["id"]), payment["status"], new, self.date()))
        if order["status"] == "closed" and self.switches.opened_notice != "before":
            notices.append(self._order_notice(order, "opened", new=True))
        self._tell(notices)

    def _is_unknown(self, notice: Notice) -> bool:
        return notice.topic == "merchant_order" and self._has_no_merchant_order(int(notice.id))

    def _order_notice(self, order: Json, status: str, new: bool = False) -> Notice:
        return Notice(self._url_of(order), "merchant_order", str(order["id"]), status, new, self.date())

    def _url_of(self, order: Json) -> str:
        """Where news of a merchant order and its payments go: the order's own address, or else the application's."""
        return order["notification_url"] or (self.application_url if self._is_of_orders_api(order["id"]) else "")

    def _tell(self, notices: list[Notice]) -> None:
        notices = [notice for notice in notices if notice.url and not self._is_unknown(notice)]
        for notice in notices:
            if notice.id.isdecimal():
                self._told.setdefault(int(notice.id), self.now())
        if notices:
            self.notify(notices)
