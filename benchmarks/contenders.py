"""The two that are compared: till-edge and the script that people write, each in a shop of its own.

Each has its own Mercado Pago, printer and broker, so that nobody sees the other's sales. The benchmark itself rings, at
the broker, with no relay in between. `Pair` sells with both in turn: what disturbs the machine disturbs both.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sim.mercadopago.account import Line
from sim.mercadopago.http import Fault
from sim.printer.printer import Printer
from sim.shop import TILL, Shop, wait_for

ROOT = Path(__file__).parent.parent
OUTCOMES = f"tills/{TILL}/tickets"
SALE_TIMEOUT_S = 60.0
QUIET_S = 0.05
"""When nothing more was asked for so long, nothing more will be."""
GOODS: tuple[Line, ...] = (
    ("Yerba mate 1 kg", 2, "2675.25"),
    ("Café con leche", 1, "1800.00"),
    ("Alfajor", 3, "950.00"),
)

Found = TypeVar("Found")


class Contender:
    """Somebody who prints a ticket for each paid order. A context manager: it runs within."""

    name = ""

    def __init__(self, folder: Path, api: str = "instore") -> None:
        folder.mkdir(parents=True)
        self.shop = Shop(folder, printer=Printer(columns=48), without=("relay", "board"), api=api)
        self.shop.broker.durable = False
        self.shop.broker.settings = ("set_tcp_nodelay true", "max_queued_messages 0")
        self.sold = self.settled = 0
        """How many orders were paid, and of how many everything is over."""
        self._asked = 0
        """How much Mercado Pago had been asked when an order was announced."""
        self.rung_at = 0.0
        """When the last doorbell was about to be published, by `time.monotonic`."""
        self.interpreter: tuple[str, ...] = (sys.executable,)
        self.environment: dict[str, str] = {}
        """What runs it, and what the interpreter is told: an emulator, say."""
        self.delay_s = 0.0
        """How long Mercado Pago takes to answer."""

    @property
    def pid(self) -> int:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it is ready to sell."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it."""
        raise NotImplementedError

    def wait_until_ready(self) -> None:
        """Wait until it is ready to sell, and everything that waited for it is printed."""
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def announce(self, identity: str) -> None:
        """Ring for an order that isn't paid yet."""
        self._asked = len(self.shop.mercadopago.requests)
        self.ring(identity)

    def wait_until_noticed(self) -> None:
        """Wait until it has made of that order what it will."""
        requests = self.shop.mercadopago.requests
        wait_for(lambda: len(requests) > self._asked, "a question about a new order", SALE_TIMEOUT_S)
        self._wait_until_quiet()

    def wait_for_tickets(self) -> None:
        """Wait until each order that was paid has its ticket."""
        self.shop.printer.wait_for_tickets(self.sold, SALE_TIMEOUT_S)
        self.settled = self.sold

    def settle(self) -> None:
        """Wait until the last sale is over and done with."""
        self.wait_for_tickets()
        self._wait_until_quiet()

    # --- a sale ----------------------------------------------------------------------------------------------------

    def delay(self, seconds: float) -> None:
        """From now on, Mercado Pago takes so long to answer."""
        self.delay_s = seconds
        self.shop.mercadopago.faults[:] = [Fault("hang", seconds=seconds)] if seconds else []

    def put(self, goods: tuple[Line, ...] = GOODS) -> str:
        """Put an order on the till, unheard of by the contender. Returns what its doorbell names."""
        mercadopago, reference = self.shop.mercadopago, f"sale-{self.sold:06}"
        amount = sum(Decimal(count) * Decimal(price) for _, count, price in goods)
        if self.shop.api == "orders":
            return mercadopago.create_order(reference, amount, goods)
        mercadopago.put_order(reference, amount, goods)
        return str(mercadopago.scan())

    def pay(self) -> None:
        """The customer pays what is on the till."""
        self.shop.mercadopago.pay()

        self.sold += 1

    def ring(self, identity: str) -> None:
        """Publish the doorbell."""
        kind = "order" if self.shop.api == "orders" else "merchant_order"
        payload, self.rung_at = json.dumps({"v": 1, "kind": kind, "id": identity}), time.monotonic()
        self.shop.say(payload)

    def finish(self, identity: str) -> float:
        """Have the order on the till paid, ring, and return the seconds until its ticket's first byte was there."""
        self.pay()
        self.ring(identity)
        printer = self.shop.printer
        printer.wait_until(lambda _: self._first_byte_at(), f"the first byte of ticket {self.sold}", SALE_TIMEOUT_S)
        return self._first_byte_at() - self.rung_at

    def finished_at(self) -> float:
        """Wait until all tickets are out. Returns that moment, by `time.monotonic`."""
        self.shop.printer.wait_for_tickets(self.sold, SALE_TIMEOUT_S)
        return time.monotonic()

    def _first_byte_at(self) -> float:
        """When the first byte came since the doorbell; 0 if none has."""
        return next((at for at in tuple(self.shop.printer.came_at) if at > self.rung_at), 0.0)

    def sell(self) -> float:
        """A whole sale of an order that was never seen before. Returns what `finish` does."""
        self.settle()
        return self.finish(self.put())

    def _wait_until_quiet(self) -> None:
        requests, pause = self.shop.mercadopago.requests, self.delay_s + QUIET_S
        wait_for(
            lambda: not requests or time.monotonic() - requests[-1].at > pause, "quiet at Mercado Pago", SALE_TIMEOUT_S
        )

    # --- opening and closing ---------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.shop.close)
            self.shop.open()
            undo.callback(self.stop)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
        self.shop.close()


class TillEdge(Contender):
    """The daemon that ships."""

    name = "till-edge"

    def __init__(self, folder: Path, api: str = "instore") -> None:
        super().__init__(folder, api)
        self.shop.board.verbose = False

    @property
    def pid(self) -> int:
        return self.shop.board.pid

    def launch(self) -> None:
        self.shop.ears.retained.clear()  # what it said before it was stopped
        self.shop.board.interpreter, self.shop.board.environment = self.interpreter, self.environment
        self.shop.board.plug_in(timeout=SALE_TIMEOUT_S)

    def wait_until_ready(self) -> None:
        self.shop.wait_for_state("ready", timeout=SALE_TIMEOUT_S)

    def stop(self) -> None:
        if self.shop.board.running:
            self.shop.board.shut_down()

    def wait_for_tickets(self) -> None:
        """Also until each outcome was published; it has to be `printed`."""
        due = self.sold - self.settled
        super().wait_for_tickets()
        wait_for(lambda: len(self.shop.outcomes) >= due, f"{due} outcomes", SALE_TIMEOUT_S)
        wrong = [outcome for outcome in self.shop.outcomes if outcome["outcome"] != "printed"]
        assert not wrong, f"not printed: {wrong}"
        self.shop.ears.heard.clear()  # to look through all that was ever published takes longer with each sale


class BareTill(Contender):
    """`bare_till.py`."""

    name = "bare script"
    _process: subprocess.Popen[bytes] | None = None
    _starts = 0

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.shop.folder / "bare.log"

    def launch(self) -> None:
        self._starts = self._times_ready()
        with self.log.open("ab") as log:
            command = [*self.interpreter, str(Path(__file__).with_name("bare_till.py"))]
            environment = os.environ | self.environment | self._settings()
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def wait_until_ready(self) -> None:
        wait_for(lambda: self._times_ready() > self._starts, "the bare script is ready", SALE_TIMEOUT_S)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _times_ready(self) -> int:
        return self.log.read_text().count("ready") if self.log.exists() else 0

    def _settings(self) -> dict[str, str]:
        shop = self.shop
        return {
            "API_URL": shop.mercadopago.url,
            "ACCESS_TOKEN": shop.mercadopago.access_token,
            "BROKER_HOST": shop.broker.host,
            "BROKER_PORT": str(shop.broker.port),
            "PRINTER_HOST": shop.printer.host,
            "PRINTER_PORT": str(shop.printer.port),
            "TOPIC": f"tills/{TILL}/orders",
        }


class Pair:
    """Both, side by side. Made by `pair`, for one benchmark."""

    def __init__(self, ours: TillEdge, theirs: BareTill) -> None:
        self.ours = ours
        self.theirs = theirs
        self.both: tuple[Contender, ...] = (theirs, ours)

    def in_turn(self, rounds: int, measure: Callable[[Contender], Found]) -> tuple[list[Found], list[Found]]:
        """Measure theirs, ours, theirs, ours …; returns what was found of us, and of them."""
        found: tuple[list[Found], list[Found]] = ([], [])
        for _ in range(rounds):
            found[1].append(measure(self.theirs))
            found[0].append(measure(self.ours))
        return found

    def delay(self, seconds: float) -> None:
        """From now on, both their Mercado Pagos take so long to answer."""
        for contender in self.both:
            contender.delay(seconds)

    def settle(self) -> None:
        for contender in self.both:
            contender.settle()


@contextmanager
def pair(folder: Path, api: str = "instore") -> Iterator[Pair]:
    """Both of them, running, in folders of their own."""
    with TillEdge(folder / "till", api) as ours, BareTill(folder / "bare", api) as theirs:
        yield Pair(ours, theirs)
