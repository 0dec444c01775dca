"""`till-edge claim`: a till without a bundle prints a slip with its code, and fetches its bundle once that is enrolled.

One loop, one thread. It never gives up: no network, no printer, a relay that refuses, a bundle that doesn't fit are
logged and tried again. It ends when the bundle is adopted; then the service manager starts the daemon.
"""

import argparse
import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.config.schema import ConfigError, PanelConfig, PrinterConfig
from edge.contract.claims import shown
from edge.core import events
from edge.core.backoff import jittered
from edge.core.cashier import Button, Gesture
from edge.core.status import Signal
from edge.install.adopt.bundle import adopt, resume
from edge.install.claim.identity import BundleError, Identity, forget, load_or_make
from edge.install.claim.relay import Place, Relay, RelayError, parse_place, place_on_card
from edge.install.claim.slip import COLUMNS, lay_out_claim
from edge.machine.facts import serial
from edge.machine.panel import READING_INTERVAL_S, Panel, PanelError
from edge.paper.escpos import Encoder
from edge.printer.printer import Printer

log = logging.getLogger(__name__)

RELAY_URL_FILES = (Path("/etc/till-edge/relay_url"), Path("/boot/firmware/till-edge/relay_url"))
"""Where the address of the relay may be written; the first that exists counts."""
ATTENDED_INTERVAL_S = 5.0
"""Between two questions while somebody is likely to stand at the till."""
UNATTENDED_INTERVAL_S = 60.0
ATTENDED_FOR_S = 600.0
"""From the start, and from each press of the button."""
INTERVAL_SPREAD = 0.3
"""Tills that were switched on together ask apart."""
NETWORK_TIMEOUT_S = 60.0
"""How long the first slip waits for the network, before it says that there is none."""
SLIP_RETRY_S = 5.0
MAX_BROKEN_SLIPS = 3
"""After so many interrupted slips the next one waits for the button: each may be whole, for all we know."""


class Slip:
    """The slip on paper. One that is due is printed when there is a printer."""

    def __init__(self, config: PrinterConfig, page: Callable[[bool], bytes]) -> None:
        self._page = page
        self._printer = Printer(config)
        self.renew()

    def renew(self) -> None:
        """Make a slip due, whatever became of the ones before."""
        self.due, self._broken = True, 0

    def try_to_print(self, offline: bool) -> None:
        end = self._printer.print(self._page(offline))
        self._broken += isinstance(end, events.TicketInterrupted)
        failed = isinstance(end, events.TicketRefused | events.TicketInterrupted)
        self.due = failed and self._broken < MAX_BROKEN_SLIPS


class Claimant:
    """Asks the relay until there is a bundle. `pressed` is set by the button, `take` adopts a sealed bundle."""

    def __init__(self, relay: Relay, slip: Slip, take: Callable[[bytes], None], pressed: threading.Event) -> None:
        self._relay = relay
        self._slip = slip
        self._take = take
        self._pressed = pressed
        self._offline = True
        self._logged = ""
        self._attended_until = self._ask_at = self._slip_at = 0.0

    def run(self) -> None:
        """Return when the bundle is adopted."""
        self._attend(NETWORK_TIMEOUT_S)
        while not (time.monotonic() >= self._ask_at and self._ask()):
            if self._slip.due and time.monotonic() >= self._slip_at:
                self._slip.try_to_print(self._offline)
                self._slip_at = time.monotonic() + SLIP_RETRY_S
            self._wait()

    def _attend(self, slip_within_s: float) -> None:
        """Somebody is there and wants a slip."""
        now = time.monotonic()
        self._slip.renew()
        self._attended_until, self._slip_at, self._ask_at = now + ATTENDED_FOR_S, now + slip_within_s, now

    def _wait(self) -> None:
        until = min(self._ask_at, self._slip_at) if self._slip.due else self._ask_at
        if self._pressed.wait(max(0.0, until - time.monotonic())):
            self._pressed.clear()
            self._attend(0.0)

    def _ask(self) -> bool:
        """Ask once, and set the time of the next question. Returns whether the bundle is adopted."""
        pause_s = 0.0
        try:
            sealed = self._relay.ask()
            self._note_network(True)
            if sealed is not None:
                self._take(sealed)
                return True
            self._log_once("the relay knows this till, which waits for its code to be enrolled")
        except RelayError as error:
            pause_s = error.pause_s
            self._note_network(not error.offline)
            self._log_once(str(error))
        except (BundleError, ConfigError, OSError) as error:
            pause_s = UNATTENDED_INTERVAL_S
            self._log_once(f"this bundle can't be adopted; enroll the code again: {error}")
        attended = time.monotonic() < self._attended_until
        interval_s = ATTENDED_INTERVAL_S if attended else UNATTENDED_INTERVAL_S
        self._ask_at = time.monotonic() + jittered(max(pause_s, interval_s), random.random(), INTERVAL_SPREAD)
        return False

    def _note_network(self, online: bool) -> None:
        """A slip waits for the network, but no longer."""
        if online and self._offline:
            self._slip_at = time.monotonic()
        self._offline = not online

    def _log_once(self, text: str) -> None:
        if text != self._logged:
            log.info("%s", text)
        self._logged = text


def claim(options: argparse.Namespace, version: str) -> int:
    """Claim a bundle, wait for it, and adopt it. Raises `ConfigError`, `OSError`."""
    place = parse_place(options.relay, "--relay") if options.relay else place_on_card(RELAY_URL_FILES)
    home = options.config.parent
    resume(home)
    if options.config.exists():
        log.info("%s exists already: nothing to claim", options.config)
        return 0
    identity = load_or_make(options.state, serial())
    log.info(
        "the code of this till is %s, its serial %s, its relay %s", shown(identity.code), identity.serial, place.url
    )
    relay = Relay(place, identity, version)

    def take(sealed: bytes) -> None:
        adopt(identity.open(sealed, place.signer), home)

    pressed = threading.Event()
    with _panel(pressed), contextlib.closing(relay):
        Claimant(relay, _slip(identity, place, options.printer), take, pressed).run()
        log.info("the bundle is adopted")
        forget(options.state)
        try:
            relay.delete_claim()
        except RelayError as error:
            log.info("the relay keeps the sealed bundle until it expires: %s", error)
    return 0


def _slip(identity: Identity, place: Place, device: Path | None) -> Slip:
    encoder = Encoder(columns=COLUMNS)

    def page(offline: bool) -> bytes:
        return encoder.encode(lay_out_claim(identity.code, identity.serial, place.host, offline))

    return Slip(PrinterConfig("usb", device), page)


@contextlib.contextmanager
def _panel(pressed: threading.Event) -> Iterator[None]:
    """Show that the till is starting, if lights are wired to the usual pins."""
    try:
        panel = Panel(PanelConfig())
    except PanelError as error:
        log.info("no lights and no button: %s", error)
        yield
        return
    ended = threading.Event()
    watch = threading.Thread(target=_note_presses, args=(panel, pressed, ended), name="panel")
    watch.start()
    try:
        panel.show(Signal.STARTING, time.monotonic())
        yield
    finally:
        ended.set()
        watch.join()
        panel.close()


def _note_presses(panel: Panel, pressed: threading.Event, ended: threading.Event) -> None:
    """Set `pressed` at each press of the button, short or long, until `ended`. One that was down at first is stuck."""
    hold_s = PanelConfig().button.hold_seconds
    button = Button.found(panel.button_down(), time.monotonic())
    while not ended.wait(READING_INTERVAL_S):
        button, gesture = button.read(panel.button_down(), time.monotonic(), hold_s)
        if gesture is not Gesture.NONE:
            pressed.set()
