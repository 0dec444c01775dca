"""What can go wrong, each as a switch; and what each takes from the shop. Switches that share a part agree about it."""

import contextlib
import threading
from collections.abc import Callable

from sim.mercadopago import Fault
from sim.shop import Shop
from sim.world.till_page import TillPage

SLOW_ANSWER_S = 1.5
CLOCK_BEHIND_S = 3 * 86400
FAULTS = (
    "no_paper",
    "cover_open",
    "printer_off",
    "internet_down",
    "relay_dead",
    "broker_dead",
    "mercadopago_slow",
    "wrong_clock",
    "plug_pulled",
    "page_dead",
)


class Faults:
    """The switches. One hand at a time."""

    def __init__(self, shop: Shop, page: TillPage) -> None:
        self._shop = shop
        self._page = page
        self._on: set[str] = set()
        self._slow = Fault("hang", seconds=SLOW_ANSWER_S)
        self._hand = threading.RLock()

    @property
    def on(self) -> list[str]:
        return [name for name in FAULTS if name in self._on]

    def set(self, name: str, on: bool) -> None:
        """Turn a switch. Raises `LookupError` if there is none of this name."""
        if name not in FAULTS:
            raise LookupError(name)
        with self._hand:
            if on == (name in self._on):
                return
            self._on ^= {name}
            self._turn(name, on)

    def clear(self) -> None:
        """All is well again. The Pi comes last: it finds the others as they are."""
        with self._hand:
            for name in sorted(self._on, key=lambda each: each in ("wrong_clock", "plug_pulled")):
                self.set(name, False)

    def _turn(self, name: str, on: bool) -> None:
        printer, page = self._shop.printer, self._page
        deeds: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "no_paper": (printer.load_paper, printer.paper_out),
            "cover_open": (printer.close_cover, printer.open_cover),
            "printer_off": (printer.switch_on, printer.switch_off),
            "relay_dead": (self._shop.relay.start, self._shop.relay.kill),
            "plug_pulled": (self._plug_in, self._shop.board.pull_the_plug),
            "page_dead": (page.start, page.kill),
            "wrong_clock": (self._set_clock, self._set_clock),
            "internet_down": (self._connect, self._connect),
            "broker_dead": (self._connect, self._connect),
            "mercadopago_slow": (self._hurry, self._dawdle),
        }
        deeds[name][on]()

    def _connect(self) -> None:
        """Bring lines and broker into the state that the switches ask for."""
        broker, mercadopago = self._shop.broker, self._shop.mercadopago
        cut = "internet_down" in self._on
        if cut == self._reachable:
            mercadopago.go_away() if cut else mercadopago.come_back()
            self._reachable = not cut
        dead = cut or "broker_dead" in self._on
        if dead and broker.running:
            broker.kill() if "broker_dead" in self._on else broker.stop()
        elif not dead:
            broker.start()

    _reachable = True

    def _dawdle(self) -> None:
        self._shop.mercadopago.faults.append(self._slow)

    def _hurry(self) -> None:
        with contextlib.suppress(ValueError):
            self._shop.mercadopago.faults.remove(self._slow)

    def _set_clock(self) -> None:
        """A Pi without a battery: it wakes up in the past, and keeps to it until the next start."""
        wrong = "wrong_clock" in self._on
        self._shop.board.environment["SIM_CLOCK_AHEAD_S"] = str(-CLOCK_BEHIND_S * wrong)
        if self._shop.board.running:
            self._shop.board.pull_the_plug()
            self._shop.board.plug_in()

    def _plug_in(self) -> None:
        if not self._shop.board.running:
            self._shop.board.plug_in()
