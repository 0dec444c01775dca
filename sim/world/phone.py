"""The customer's phone: it scans the printed QR, shows what is to be paid, and pays in more ways than one."""

from dataclasses import dataclass
from typing import Any

from sim.mercadopago import MercadoPago
from sim.mercadopago.books import Loaded

OTHER_WALLETS = {"MLB": "pix"}
"""Country -> how another bank's app pays."""


@dataclass(frozen=True)
class Display:
    """What the phone shows. `stage`: idle, nothing (no order on the till), asked, approved, rejected or gone."""

    stage: str = "idle"
    total: str = ""
    titles: tuple[str, ...] = ()
    operation: str = ""


class Phone:
    """In the hand of whoever plays. What it has scanned it remembers, as an app does."""

    def __init__(self, mercadopago: MercadoPago) -> None:
        self._mercadopago = mercadopago
        self._order: Loaded | None = None
        self.display = Display()

    @property
    def currency(self) -> str:
        return self._mercadopago.seller.currency

    def put_away(self) -> None:
        self._order, self.display = None, Display()

    def scan(self) -> None:
        """Look at the QR beside the till."""
        account = self._mercadopago.account
        try:
            account.scan()
        except LookupError:
            self._order, self.display = None, Display("nothing")
            return
        self._order = account.order_on(account.till())
        self.display = self._asked() if self._order else Display("nothing")

    def pay(self, method: str = "account_money", approved: bool = True) -> None:
        """Pay what was scanned, if it is still on the till. Raises `LookupError` if nothing was scanned."""
        order, account = self._scanned(), self._mercadopago.account
        if account.order_on(account.till()) is not order:
            self.display = self._asked("gone")
        else:
            self._show(account.pay(reference=order, approved=approved, method=method))

    def pay_from_another_wallet(self) -> None:
        self.pay(OTHER_WALLETS.get(self._mercadopago.seller.site, "interop_transfer"))

    def pay_late(self) -> None:
        """The app was left open, the order's time runs out, and the payment still goes through."""
        order, account = self._scanned(), self._mercadopago.account
        if account.order_on(account.till()) is order:
            account.expire()
        self._show(account.pay(reference=order))

    def look(self) -> None:
        """The app learns what became of its payment, also if somebody else's hand pressed the button."""
        if self.display.stage == "asked" and (payment := self._approved()):
            self._show(payment)

    @property
    def order_is_gone(self) -> bool:
        """Whether what was scanned is no longer on the till."""
        account = self._mercadopago.account
        return self._order is not None and account.order_on(account.till()) is not self._order

    @property
    def may_pay_late(self) -> bool:
        return self.display.stage in ("asked", "rejected", "gone")

    def _approved(self) -> dict[str, Any] | None:
        reference = self._scanned().reference
        with self._mercadopago.lock:
            paid = (each for each in self._mercadopago.payments.values() if each["external_reference"] == reference)
            return next((each for each in paid if each["status"] == "approved"), None)

    def _scanned(self) -> Loaded:
        if self._order is None:
            raise LookupError("nothing was scanned")
        return self._order

    def _asked(self, stage: str = "asked") -> Display:
        order = self._scanned()
        return Display(stage, str(order.total), tuple(str(item["title"]) for item in order.body.get("items", ())))

    def _show(self, payment: dict[str, Any]) -> None:
        stage = "approved" if payment["status"] == "approved" else "rejected"
        self.display = Display(stage, str(payment["transaction_amount"]), operation=str(payment["id"]))
