"""Stories of a shop, played by hands that press what a person would press, and judged by what lies there in the end.

Each is a row of steps that the page shows. A step waits for what really happens; a story that ends otherwise than it
must is shown as failed.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from sim.goods import Goods
from sim.mercadopago import Fault
from sim.shop import Shop, wait_for
from sim.world.faults import Faults
from sim.world.paper import Ledger, Promise
from sim.world.phone import Phone
from sim.world.till_page import TillPage
from sim.world.wire import Wire

HOLD_S = 1.4
SATURDAYS_SALES = 5
ROWS_BEFORE_CUT = 8
NO_TICKET_FOR_S = 2.0
"""So long it is watched that nothing comes out."""
GUIDE = ("1a", "1b", "2", "3", "4", "5a", "5b", "5c", "6a", "6b", "7")
"""The numbers of the integration guide's picture."""
CANCELS = r"/instore/qr/.*/orders|/v1/orders/\w+/cancel"


class StoppedError(Exception):
    """Somebody stopped the scenario."""


@dataclass(frozen=True)
class Step:
    """What the page shows of a step. `state`: todo, doing, done or failed."""

    name: str
    state: str = "todo"
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class World:
    """All that a scenario may put its hands on."""

    shop: Shop
    goods: Goods
    page: TillPage
    phone: Phone
    faults: Faults
    wire: Wire
    ledger: Ledger
    pace_s: float = 1.2
    """How long a person looks at each step."""
    timeout_s: float = 40.0
    """How long a step may take."""


class Play:
    """A scenario that is being played. Made when it is started; read by the page."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.steps = [Step(each) for each in SCENARIOS[name].steps]
        self.result = ""
        """"" while it is played, then done, failed or stopped."""
        self.why = ""
        self.before = Promise(0, 0, 0, 0, 0)
        self._gain: Promise | None = None
        """At the end; what comes later is not of this scenario."""
        self._stopped = threading.Event()

    def run(self) -> None:
        """Play it to its end; failures are shown, and end nothing."""
        try:
            tidy(self)
            self.before = self.world.ledger.promise()
            SCENARIOS[self.name].play(self)
            self.result = self._end("done")
        except StoppedError:
            self.result = self._end("failed", "stopped")
        except (AssertionError, TimeoutError, LookupError, RuntimeError, OSError) as error:
            self.why = str(error).splitlines()[0]
            self.result = self._end("failed")

    def stop(self) -> None:
        self._stopped.set()

    def shown(self) -> dict[str, Any]:
        steps = [vars(step) for step in self.steps]
        return {"name": self.name, "steps": steps, "result": self.result, "why": self.why, "gain": self.gain().shown()}

    def gain(self) -> Promise:
        """What this scenario added to the counters."""
        if self._gain is not None:
            return self._gain
        now, before = vars(self.world.ledger.promise()), vars(self.before)
        return Promise(**{name: value - before[name] for name, value in now.items()})

    # --- for scenarios -----------------------------------------------------------------------------------------------

    def step(self, name: str, **facts: Any) -> None:
        """The steps before are done, and this one begins; again, if it has begun before."""
        at = [step.name for step in self.steps].index(name)
        states = ["done"] * at + ["doing"] + ["todo"] * (len(self.steps) - at - 1)
        self.steps = [replace(step, state=state) for step, state in zip(self.steps, states, strict=True)]
        self.steps[at] = replace(self.steps[at], facts=facts)

    def pause(self, times: float = 1.0) -> None:
        if self._stopped.wait(self.world.pace_s * times):
            raise StoppedError

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Until it holds. Raises `TimeoutError`, `StoppedError`."""
        wait_for(lambda: self._stopped.is_set() or condition(), what, self.world.timeout_s)
        if self._stopped.is_set():
            raise StoppedError

    def expect(self, **counts: int) -> None:
        """What the scenario must have added: orders paid, tickets, copies. Raises `AssertionError`."""
        found = self.gain()
        wanted = Promise(**{"paid": 0, "tickets": 0, "copies": 0, "unpaid": 0, "unmarked": 0, **counts})
        assert found == wanted, f"expected {wanted}, found {found}"

    def _end(self, state: str, result: str = "") -> str:
        ended, self._gain = {"doing": state}, self.gain()
        self.steps = [replace(step, state=ended.get(step.state, step.state)) for step in self.steps]
        return result or state


def tidy(play: Play) -> None:
    """All is well, nothing is on the till, and nobody has to look at anything."""
    world, shop = play.world, play.world.shop
    world.faults.clear()
    world.phone.put_away()
    play.wait(lambda: shop.relay.well, "the relay is well")  # Mercado Pago would come again after 15 minutes
    play.wait(lambda: shop.state() not in ("", "offline", "starting", "printer", "unreachable"), "the till is well")
    if loaded := shop.mercadopago.order_on(shop.mercadopago.till()):
        world.page.cancel(loaded.reference)
        play.wait(lambda: shop.mercadopago.order_on(shop.mercadopago.till()) is None, "the till is empty")
    play.wait(lambda: shop.state() not in ("working", "cancelled", "paid", "waiting"), "the till is at rest")
    if shop.state() == "attention":
        shop.board.press()
    play.wait(lambda: shop.state() == "ready", "the till is ready")


# --- deeds that several have in common -------------------------------------------------------------------------------


def _charge(play: Play, number: int = 0) -> str:
    """The cashier types an order at the till's page. Returns its reference, as soon as it is on the till."""
    world, mercadopago = play.world, play.world.shop.mercadopago
    reference = world.page.charge(world.goods.line(number))
    play.wait(lambda: reference in mercadopago.placed, f"{reference} is on the till")
    play.wait(lambda: world.shop.status.get("loaded") == reference, f"the till knows of {reference}")
    return reference


def _scan(play: Play) -> None:
    play.world.wire.say("customer", "mercadopago", "scan")
    play.world.phone.scan()


def _pay(play: Play) -> None:
    play.world.wire.say("customer", "mercadopago", "pay")
    play.world.phone.pay()


def _wait_for_ticket(play: Play, count: int = 1) -> None:
    play.wait(lambda: play.gain().tickets >= count, f"{count} tickets")


# --- the stories -----------------------------------------------------------------------------------------------------


def guide(play: Play) -> None:
    """The flow of Mercado Pago's integration guide, with its numbers."""
    wire = play.world.wire
    _, version = wire.since(0)

    def seen(number: str) -> None:
        play.step(number)
        play.wait(lambda: any(number in each.steps for each in wire.since(version)[0]), f"step {number}")
        play.pause()

    play.step("1a")
    _charge(play)
    play.pause()
    for number in ("1b", "2"):
        seen(number)
    play.step("3")
    _scan(play)
    play.pause()
    play.step("4")
    play.pause()
    play.step("5a")
    _pay(play)
    play.pause()
    for number in ("5b", "5c", "6a", "6b"):
        seen(number)
    play.step("7")
    _wait_for_ticket(play)
    play.expect(paid=1, tickets=1)


def double_scan(play: Play) -> None:
    """Two phones scan the same QR, so that Mercado Pago opens two merchant orders; one of them is paid."""
    play.step("charge")
    reference = _charge(play)
    play.pause()
    play.step("first_scan")
    _scan(play)
    play.pause()
    play.step("second_scan")
    play.world.phone.put_away()
    _scan(play)
    if play.world.shop.api == "instore":
        opened = play.world.shop.mercadopago.placed[reference].merchant_orders
        assert len(opened) == 2, f"merchant orders: {opened}"
    play.pause()
    play.step("pay")
    _pay(play)
    play.step("ticket")
    _wait_for_ticket(play)
    _nothing_more_comes(play)
    play.expect(paid=1, tickets=1)


def cancel_against_payment(play: Play) -> None:
    """The cashier cancels, and at the same moment the customer pays: the payment is a hair earlier."""
    shop = play.world.shop
    play.step("charge")
    _charge(play)
    play.pause()
    play.step("scan")
    _scan(play)
    play.pause()
    play.step("hold")
    shop.mercadopago.faults.append(Fault("pay_before", "DELETE|POST", CANCELS, times=1))
    play.world.wire.say("cashier", "till", "button_held")
    shop.board.press(HOLD_S)
    play.step("ticket")
    _wait_for_ticket(play)
    play.world.phone.look()
    play.expect(paid=1, tickets=1)


def power_cut(play: Play) -> None:
    """The power fails while the ticket comes out: of the box and of the printer."""
    world, printer = play.world, play.world.shop.printer
    play.step("charge")
    _charge(play)
    play.pause()
    play.step("pay")
    _scan(play)
    _pay(play)
    play.wait(lambda: len(printer.sheets[-1].rows) >= ROWS_BEFORE_CUT, "the ticket comes out")
    play.step("dark")
    world.faults.set("plug_pulled", True)
    world.faults.set("printer_off", True)
    world.wire.say("cashier", "till", "power_cut")
    assert play.gain().tickets == 0, "the whole ticket came out before the power went"
    play.pause(2)
    play.step("tear")
    printer.tear_off()
    play.pause()
    play.step("light")
    world.wire.say("cashier", "till", "power_back")
    world.faults.clear()
    play.step("copy")
    _wait_for_ticket(play)
    _nothing_more_comes(play)
    play.expect(paid=1, tickets=1, copies=1)


def saturday(play: Play) -> None:
    """Nobody notifies: the relay is dead, and the till asks Mercado Pago by itself."""
    play.step("relay_dies")
    play.world.faults.set("relay_dead", True)
    play.pause()
    for number in range(SATURDAYS_SALES):
        play.step("sales", sale=number + 1, sales=SATURDAYS_SALES)
        _charge(play, number)
        _scan(play)
        play.pause(0.5)
        _pay(play)
        _wait_for_ticket(play, number + 1)
        play.pause(0.5)
    play.step("relay_lives")
    play.world.faults.clear()
    play.expect(paid=SATURDAYS_SALES, tickets=SATURDAYS_SALES)


def forged(play: Play) -> None:
    """A stranger tells the relay that the order is paid. It isn't."""
    play.step("charge")
    reference = _charge(play)
    _scan(play)
    play.pause()
    play.step("lie")
    identity = _identity_of(play, reference)
    _, version = play.world.wire.since(0)
    _tell_a_lie(play, identity)
    play.step("ask")
    play.wait(lambda: _was_asked(play, identity, version), "the till asks Mercado Pago")
    play.pause()
    play.step("nothing")
    _nothing_more_comes(play)
    play.expect()
    play.step("pay")
    _pay(play)
    _wait_for_ticket(play)
    play.expect(paid=1, tickets=1)


def _was_asked(play: Play, identity: str, version: int) -> bool:
    """Whether the till asked about this order since that version of the wire."""
    news = play.world.wire.since(version)[0]
    return any(each.kind == "get" and each.facts["path"].endswith(f"/{identity}") for each in news)


def _nothing_more_comes(play: Play) -> None:
    before = len(play.world.shop.printer.tickets)
    time.sleep(NO_TICKET_FOR_S)
    play.pause(0)
    assert len(play.world.shop.printer.tickets) == before, "something more came out"


def _identity_of(play: Play, reference: str) -> str:
    """What Mercado Pago calls this order: a merchant order's number, or the order's id."""
    mercadopago = play.world.shop.mercadopago
    if play.world.shop.api == "instore":
        return str(mercadopago.placed[reference].merchant_orders[-1])
    return next(each.id for each in mercadopago.order_book.orders.values() if each.loaded.reference == reference)


def _tell_a_lie(play: Play, identity: str) -> None:
    url = play.world.shop.notification_url
    if play.world.shop.api == "instore":
        query, lie = {"id": identity, "topic": "merchant_order"}, {"topic": "merchant_order", "status": "closed"}
    else:
        query, lie = {"data.id": identity, "type": "order"}, {"type": "order", "data": {"id": identity}}
    answer = requests.post(url, params=query, json=lie, timeout=10)
    text = f"POST …?{'&'.join(f'{name}={value}' for name, value in query.items())}\n\n{json.dumps(lie, indent=2)}"
    play.world.wire.say("stranger", "relay", "forged", text, f"HTTP {answer.status_code}", status=answer.status_code)


@dataclass(frozen=True)
class Scenario:
    """A story and the names of its steps, in their order."""

    play: Callable[[Play], None]
    steps: tuple[str, ...]


SCENARIOS = {
    "guide": Scenario(guide, GUIDE),
    "double_scan": Scenario(double_scan, ("charge", "first_scan", "second_scan", "pay", "ticket")),
    "cancel_against_payment": Scenario(cancel_against_payment, ("charge", "scan", "hold", "ticket")),
    "power_cut": Scenario(power_cut, ("charge", "pay", "dark", "tear", "light", "copy")),
    "saturday": Scenario(saturday, ("relay_dies", "sales", "relay_lives")),
    "forged": Scenario(forged, ("charge", "lie", "ask", "nothing", "pay")),
}
