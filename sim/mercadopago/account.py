"""What people do with a seller's account: the shop's software, the customer, the bank, and a test that forges.

Each method is one deed in their words. Those that need an order on the till raise `LookupError` when none is there, as
the customer's app would show its waiting screen.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sim.mercadopago import shapes
from sim.mercadopago.books import Books, Loaded, Pos
from sim.mercadopago.shapes import Json

Amount = str | int | Decimal
Line = tuple[str, Amount, Amount]
"""Title, quantity, unit price."""


class Account(Books):
    """The account in people's hands."""

    software = "instore"
    """The API of the shop's software: `instore` or `orders`."""
    announce: Callable[[str], None] = staticmethod(lambda _order: None)
    """How the shop's software tells the till the id of an order, where it has one."""

    # --- the shop --------------------------------------------------------------------------------------------------

    def till(self, pos: str | None = None) -> Pos:
        """A till by its external id; the first one by default."""
        return self.pos[pos] if pos else next(iter(self.pos.values()))

    def pos_internal_id(self, pos: str | None = None) -> str:
        """The number by which Mercado Pago knows a till."""
        return str(self.till(pos).id)

    def put_order(
        self,
        reference: str,
        total: Amount,
        items: Sequence[Line] = (),
        pos: str | None = None,
        notification_url: str = "",
        **fields: Any,
    ) -> None:
        """Put an order on a till, as the shop's software does. Raises `validation.ApiProblem`."""
        if self.software == "orders":
            self.announce(self.create_order(reference, total, items, pos, **fields))
            return
        lines = items or [(reference, 1, total)]
        body: Json = {
            "external_reference": reference,
            "title": reference,
            "description": reference,
            "total_amount": Decimal(total),
            "items": [_item(title, Decimal(quantity), Decimal(price)) for title, quantity, price in lines],
        }
        if notification_url:
            body["notification_url"] = notification_url
        self.load(self.till(pos), body | fields)

    def create_order(
        self, reference: str, total: Amount, items: Sequence[Line] = (), pos: str | None = None, **fields: Any
    ) -> str:
        """Put an order on a till by the Orders API. Returns its id. Raises `validation.ApiProblem`."""
        amount = shapes.money(Decimal(total), self.seller)
        lines = items or [(reference, 1, total)]
        body: Json = {
            "type": "qr",
            "external_reference": reference,
            "description": reference,
            "total_amount": amount,
            "config": {"qr": {"external_pos_id": self.till(pos).external_id, "mode": "static"}},
            "transactions": {"payments": [{"amount": amount}]},
            "items": [self._order_item(*line) for line in lines],
        }
        key = f"shop-{len(self.order_book.orders)}-{reference}"
        return str(self.order_book.create(key, body | fields)["id"])

    def _order_item(self, title: str, quantity: Amount, price: Amount) -> Json:
        unit_price = shapes.money(Decimal(price), self.seller)
        return {"title": title, "quantity": quantity, "unit_price": unit_price, "unit_measure": "unit"}

    # --- the customer ----------------------------------------------------------------------------------------------

    def scan(self, pos: str | None = None) -> int | None:
        """A phone reads the printed QR. Returns the id of the merchant order, if one is there before the payment."""
        with self.lock:
            loaded = self._waiting_on(pos)
            made_at, first, loaded.scanned = self.switches.mo_created_at, not loaded.scanned, True
            if made_at == "payment":
                return None
            if made_at == "put" and first:
                return loaded.merchant_orders[-1]
            return [self.open_merchant_order(loaded) for _ in range(self.switches.scans)][-1]

    def pay(
        self,
        pos: str | None = None,
        reference: str | Loaded | None = None,
        amount: Amount | None = None,
        approved: bool = True,
        status: str = "",
        method: str = "account_money",
        currency: str = "",
        refunded: Amount = 0,
        pos_id: str = "",
        new_scan: bool = False,
    ) -> Json:
        """Pay what is on the till, or by its `reference` an order that was there once. Returns the payment.

        `status` is for what is neither approved nor rejected; `pos_id` is another till's internal id;
        `new_scan` pays with a merchant order of its own, which makes a second payment a double one.
        """
        with self.lock:
            loaded = self._order_meant(pos, reference)
            total = loaded.total if amount is None else Decimal(amount)
            payment = self.new_payment(self._order_to_pay(loaded, new_scan), loaded.pos, total)
            payment.update(shapes.means(method))
            payment["currency_id"] = currency or payment["currency_id"]
            payment["pos_id"] = pos_id or payment["pos_id"]
            self.change(payment, status or ("approved" if approved else "rejected"))
            if refunded:
                self.refund(payment["id"], refunded)
            return payment

    def pending(self, pos: str | None = None) -> Json:
        """Pay, but the bank takes its time: see `approve`. Returns the payment."""
        return self.pay(pos, status="in_process")

    def approve(self, payment_id: int) -> None:
        """A payment that was pending comes through."""
        with self.lock:
            self.change(self.payments[payment_id], "approved")

    def begin_payment(self, pos: str | None = None) -> None:
        """The customer is on the pay screen: the order is locked."""
        with self.lock:
            self.till(pos).paying = self._waiting_on(pos)

    def finish_payment(self, pos: str | None = None, approved: bool = True, status: str = "") -> Json:
        """The customer pressed the button; what is paid is the order of `begin_payment`. Returns the payment."""
        with self.lock:
            till = self.till(pos)
            if till.paying is None:
                raise LookupError("nobody is on the pay screen")
            loaded, till.paying = till.paying, None
            return self.pay(pos, loaded, approved=approved, status=status)

    def _waiting_on(self, pos: str | None) -> Loaded:
        loaded = self.order_on(self.till(pos))
        if loaded is None:
            raise LookupError("no order on this till; the app shows a waiting screen")
        return loaded

    def _order_meant(self, pos: str | None, reference: str | Loaded | None) -> Loaded:
        if isinstance(reference, Loaded):
            return reference
        return self.placed[reference] if reference else self._waiting_on(pos)

    def _order_to_pay(self, loaded: Loaded, new_scan: bool) -> Json:
        if new_scan or not loaded.merchant_orders:
            self.open_merchant_order(loaded, silent=self.switches.mo_created_at == "payment")
        return self.merchant_orders[loaded.merchant_orders[-1]]

    # --- the bank and the clock ------------------------------------------------------------------------------------

    def chargeback(self, payment_id: int) -> None:
        """The customer's bank takes the money back; the order goes on saying `paid`."""
        with self.lock:
            self.change(self.payments[payment_id], "charged_back")

    def expire(self, pos: str | None = None) -> None:
        """The order's time is over, now."""
        with self.lock:
            loaded = self._waiting_on(pos)
            loaded.expires = self.now()
            self.end(loaded)

    def advance(self, seconds: float) -> None:
        """Put Mercado Pago's clock forward; or back, with less than nothing."""
        before = self.now
        self.now = lambda: before() + timedelta(seconds=seconds)

    # --- the forger ------------------------------------------------------------------------------------------------

    def forge(self, **changes: Any) -> int:
        """Put a paid merchant order of our till straight into the books, changed as told. Returns its id.

        `payments` are dicts laid over one approved payment each; `pos_id` is where they were made, or None.
        """
        with self.lock:
            place = changes.pop("pos_id", self.till().id)
            pos_id = None if place is None else str(place)
            paid = changes.pop("payments", [{}])
            order = self._forged_order(changes)
            for each in paid:
                amount = Decimal(each.get("transaction_amount", order["total_amount"]))
                payment = self.new_payment(order, self.till(), amount)
                self._lay_over(payment, {"pos_id": pos_id, "collector_id": order["collector"]["id"], **each})
                order["payments"][-1] = shapes.summary(payment, self.switches) | each
            self.record(order)
            return int(order["id"])

    def forge_payment(self, **changes: Any) -> int:
        """Put an approved payment at our till, for no order, into the books, changed as told. Returns its id."""
        with self.lock:
            payment = shapes.payment(self.seller, self.new_id(98), Decimal(100), self.date())
            place = {"pos_id": self.pos_internal_id(), "store_id": str(self.till().store_id)}
            self._lay_over(payment, place | changes)
            return int(payment["id"])

    def _forged_order(self, changes: Json) -> Json:
        identity = self.new_id(31)
        body = {"external_reference": f"forged-{identity}", "total_amount": Decimal(100)}
        body |= {name: changes[name] for name in ("external_reference", "total_amount") if name in changes}
        order = shapes.merchant_order(self.seller, self.switches, identity, body, self.date())
        order.update(status="closed", order_status="paid", paid_amount=order["total_amount"])
        return order | changes

    def _lay_over(self, payment: Json, changes: Json) -> None:
        payment.update(status="approved", status_detail="accredited", date_approved=self.date())
        payment.update({name: value for name, value in changes.items() if name in payment})
        payment["transaction_amount_refunded"] = changes.get("amount_refunded", payment["transaction_amount_refunded"])
        self.record(payment)


def _item(title: str, quantity: Decimal, price: Decimal) -> Json:
    return {
        "sku_number": "",
        "category": "",
        "title": title,
        "description": title,
        "quantity": quantity,
        "unit_price": price,
        "unit_measure": "unit",
        "total_amount": quantity * price,
    }
