"""Mercado Pago as a till sees it: HTTP in, notifications out, and an account whose customer is a test.

with MercadoPago() as mercadopago:
    mercadopago.account.scan()
    mercadopago.account.pay()
"""

from types import TracebackType
from typing import Self

from sim.mercadopago.account import Account, Switches
from sim.mercadopago.http import Api, Fault
from sim.mercadopago.notifier import Habits, Notifier

__all__ = ["Account", "Fault", "Habits", "MercadoPago", "Switches"]


class MercadoPago:
    """The service: an account, the API before it, and the notifier behind it."""

    def __init__(
        self,
        user_id: str = "700100200",
        access_token: str = "APP_USR-5550001-000000-0123456789abcdef-700100200",
        site: str = "MLA",
        pos: list[tuple[str, str]] | None = None,
        switches: Switches | None = None,
        habits: Habits | None = None,
    ) -> None:
        self.user_id = user_id
        self.access_token = access_token
        self.switches = switches or Switches()
        self.habits = habits or Habits()
        self.account = Account(user_id, site, pos or [("SUC001", "SUC001POS003")], self.switches)
        self.api = Api(self.account, access_token)
        self.notifier = Notifier(user_id, self.habits)
        self.account.notify = self.notifier.notify

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    @property
    def faults(self) -> list[Fault]:
        """What goes wrong from now on; empty it to make all well."""
        return self.api.faults

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
