"""Mercado Pago as a till sees it: HTTP in, notifications out, and an account whose customer is a test.

with MercadoPago() as mercadopago:
    mercadopago.put_order("the-sale", "5350.50")
    mercadopago.scan()
    mercadopago.pay()
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sim.mercadopago.account import Account
from sim.mercadopago.http import Api, Fault, Request
from sim.mercadopago.notifier import LADDER, OLD_LADDER, Habits, Notifier
from sim.mercadopago.shapes import Seller
from sim.mercadopago.switches import Switches
from sim.mercadopago.validation import ApiProblem

__all__ = [
    "LADDER",
    "OLD_LADDER",
    "Account",
    "ApiProblem",
    "Fault",
    "Habits",
    "MercadoPago",
    "Request",
    "Seller",
    "Switches",
]


class MercadoPago(Account):
    """The service: an account, the API before it, and the notifier behind it.

    Its clock is `now`, a callable that a test may replace; `advance` puts it forward.
    """

    def __init__(
        self,
        user_id: str = "700100200",
        access_token: str = "APP_USR-5550001-000000-0123456789abcdef-700100200",
        site: str = "MLA",
        pos: Sequence[tuple[str, str]] = (("SUC001", "SUC001POS003"),),
        switches: Switches | None = None,
        habits: Habits | None = None,
    ) -> None:
        super().__init__(Seller(user_id, site), pos, switches or Switches())
        self.habits = habits or Habits()
        self.access_token = access_token
        self.api = Api(self, access_token)
        self.notifier = Notifier(user_id, self.habits)
        self.notify = self.notifier.notify

    @property
    def account(self) -> Account:
        """The account without what is before and behind it."""
        return self

    @property
    def user_id(self) -> str:
        return self.seller.user_id

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    @property
    def faults(self) -> list[Fault]:
        """What goes wrong from now on; empty it to make all well."""
        return self.api.faults

    @property
    def requests(self) -> list[Request]:
        """What was asked so far."""
        return self.api.requests

    def start(self) -> Self:
        self.api.start()
        self.notifier.start()
        return self

    def stop(self) -> None:
        self.notifier.stop()
        self.api.stop()

    def go_away(self) -> None:
        """The network is down: nothing listens any more, and what was open is cut."""
        self.api.stop()

    def come_back(self) -> None:
        """At the same address as before."""
        self.api.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
