"""The world around the till's page, joined: what people can do in it, and what is seen of it."""

import threading
from collections.abc import Callable
from typing import Any

from sim.goods import Goods
from sim.lamps import Lamps
from sim.shop import Shop
from sim.world.faults import Faults
from sim.world.loudspeaker import Loudspeaker
from sim.world.paper import Ledger
from sim.world.phone import Phone
from sim.world.scenarios import SCENARIOS, Play, World
from sim.world.till_page import TillPage
from sim.world.wire import Wire


class BusyError(RuntimeError):
    """A scenario is being played, and only one pair of hands fits."""


class Stage:
    """Opened when the shop is open, and closed before it."""

    def __init__(
        self, shop: Shop, goods: Goods, language: str, pace_s: float, loudspeaker: Loudspeaker | None = None
    ) -> None:
        self.shop = shop
        self.loudspeaker = loudspeaker
        self.language = language
        page = TillPage(shop.config, shop.settings["page"]["port"])
        wire = Wire(shop)
        self.world = World(
            shop,
            goods,
            page,
            Phone(shop.mercadopago),
            Faults(shop, page),
            wire,
            Ledger(shop.mercadopago, shop.printer),
            pace_s,
        )
        self.session = ""
        """The secret of the device that was let in: whoever looks at the demo has it."""
        self.first_sheet = 0
        """The first paper after the one with that device's code."""
        self.closed = False
        self._lamps = Lamps(shop.board)
        self._hands = threading.Lock()
        self._pressed = False
        self._play: Play | None = None
        self._player: threading.Thread | None = None

    @property
    def wire(self) -> Wire:
        return self.world.wire

    def open(self) -> None:
        """Start the page's process, and let a device in with the code from the paper."""
        self.wire.watch_broker(self.shop)
        self._lamps.start()
        self.world.page.open()
        self.session = self.world.page.pair(self.shop)
        self.first_sheet = len(self.shop.printer.tickets)

    def end_streams(self) -> None:
        """Our own, and with its process those of the till's page."""
        self.closed = True
        self.world.page.close()

    def close(self) -> None:
        self.end_streams()
        if self._play and self._player:
            self._play.stop()
            self._player.join()
        self._lamps.stop()

    # --- what people do ----------------------------------------------------------------------------------------------

    def do(self, deed: str, **facts: Any) -> None:
        """One deed. Raises `LookupError` for one that isn't possible, `BusyError`."""
        if deed == "stop":
            return self._stop()
        if self._is_playing:
            raise BusyError
        with self._hands:
            deeds = {"scenario": self._begin, "fault": self._turn, "button": self._button, "tear": self._tear}
            if deed in deeds:
                return deeds[deed](**facts)
            return self._use_phone(deed, **facts)

    @property
    def _is_playing(self) -> bool:
        return self._player is not None and self._player.is_alive()

    def _begin(self, name: str) -> None:
        if name not in SCENARIOS:
            raise LookupError(name)
        self._button(down=False)
        self._play = Play(self.world, name)
        self._player = threading.Thread(target=self._play.run, name="scenario", daemon=True)
        self._player.start()

    def _stop(self) -> None:
        if self._play is not None:
            self._play.stop()

    def _turn(self, name: str, on: bool) -> None:
        self.world.faults.set(name, bool(on))
        self.wire.say("cashier", "till", f"fault_{'on' if on else 'off'}", fault=name)

    def _button(self, down: bool) -> None:
        if bool(down) == self._pressed or not self.shop.board.running:
            self._pressed = False
            return
        self._pressed = bool(down)
        self.shop.board.button(down=bool(down))
        self.wire.say("cashier", "till", "button_down" if down else "button_up")

    def _tear(self) -> None:
        self.shop.printer.tear_off()

    def _use_phone(self, deed: str) -> None:
        phone = self.world.phone
        deeds: dict[str, Callable[[], None]] = {
            "scan": phone.scan,
            "pay": phone.pay,
            "pay_rejected": lambda: phone.pay(approved=False),
            "pay_other_wallet": phone.pay_from_another_wallet,
            "pay_late": phone.pay_late,
            "put_away": phone.put_away,
        }
        if deed not in deeds:
            raise LookupError(deed)
        if deed != "put_away":
            self.wire.say("customer", "mercadopago", deed)
        deeds[deed]()

    # --- what is seen ------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """All that changes, but for messages and paper."""
        phone, lamps = self.world.phone, self._lamps
        phone.look()
        return {
            "power": self.shop.board.running,
            "on": lamps.on,
            "looks": lamps.looks,
            "meaning": lamps.meaning if self.shop.board.running else "dark",
            "pressed": self._pressed,
            "printer": self._printer(),
            "phone": {**vars(phone.display), "late": phone.may_pay_late, "gone": phone.order_is_gone},
            "currency": phone.currency,
            "faults": self.world.faults.on,
            "promise": self.world.ledger.promise().shown(),
            "playing": self._is_playing,
            "scenario": self._play.shown() if self._play else None,
        }

    def _printer(self) -> str:
        health, faults = self.shop.printer.health, self.world.faults.on
        if "printer_off" in faults:
            return "off"
        return "no_paper" if not health.paper else "cover_open" if health.cover_open else "ready"
