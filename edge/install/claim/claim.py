"""`till-edge claim`: a till without a bundle prints a slip with its code, and fetches its bundle when that is enrolled.

One loop, one thread. It never gives up: no network, no printer, a relay that refuses, a bundle that doesn't fit are
said and tried again. It ends when the bundle is adopted; the service manager starts the daemon then.
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
from edge.core.status import Signal
from edge.install.adopt.bundle import adopt, resume
from edge.install.claim.key import BadBundle, Identity, forget, load_or_make
from edge.install.claim.relay import NoBundle, Place, Relay, place_on_card, read_place
from edge.install.claim.slip import COLUMNS, lay_out_claim
from edge.machine.facts import serial
from edge.machine.panel import Panel, PanelError
from edge.paper.escpos import Encoder
from edge.printer.printer import Printer

log = logging.getLogger(__name__)

CARD = (Path("/etc/till-edge/relay_url"), Path("/boot/firmware/till-edge/relay_url"))

OFTEN, SELDOM = 5.0, 60.0
"""Seconds between two questions, for as long as somebody is likely to stand there, and afterwards."""
ATTENDED = 600.0
NETWORK = 60.0
"""Seconds that a slip waits for the network to come up, so that it need not say that there is none."""
LOOK = 5.0
"""Seconds between two attempts to print a slip that is owed."""
BREAKS = 3
"""A slip that broke off so often comes no more until somebody presses the button; it may be whole for all we know."""


class Slip:
    """The paper. A slip that is owed comes when there is a printer."""

    def __init__(self, config: PrinterConfig, page: Callable[[bool], bytes]) -> None:
        self._page = page
        self._printer = Printer(config)
        self.owe()

    def owe(self) -> None:
        self.owed, self._broken = True, 0

    def try_to_print(self, offline: bool) -> None:
        end = self._printer.print(self._page(offline))
        self._broken += isinstance(end, events.TicketInterrupted)
        self.owed = isinstance(end, events.TicketRefused | events.TicketInterrupted) and self._broken < BREAKS


class Claimant:
    """Asks until there is a bundle. `pressed` is set by the button."""

    def __init__(self, relay: Relay, slip: Slip, take: Callable[[bytes], None], pressed: threading.Event) -> None:
        self._relay = relay
        self._slip = slip
        self._take = take
        self._pressed = pressed
        self._offline = True
        self._said = ""
        self._attended_until = self._ask_at = self._slip_at = 0.0

    def run(self) -> None:
        """Return when the bundle is adopted."""
        self._attend(NETWORK)
        while not (time.monotonic() >= self._ask_at and self._ask()):
            if self._slip.owed and time.monotonic() >= self._slip_at:
                self._slip.try_to_print(self._offline)
                self._slip_at = time.monotonic() + LOOK
            self._wait()

    def _attend(self, patience: float) -> None:
        """Somebody is there, and wants a slip within `patience` seconds."""
        now = time.monotonic()
        self._slip.owe()
        self._attended_until, self._slip_at, self._ask_at = now + ATTENDED, now + patience, now

    def _wait(self) -> None:
        until = min(self._ask_at, self._slip_at) if self._slip.owed else self._ask_at
        if self._pressed.wait(max(0.0, until - time.monotonic())):
            self._pressed.clear()
            self._attend(0.0)

    def _ask(self) -> bool:
        """Ask once, and settle when to ask again."""
        pause = 0.0
        try:
            sealed = self._relay.ask()
            self._reached(True)
            if sealed is not None:
                self._take(sealed)
                return True
            self._say("the relay knows of this till, which waits for its code to be enrolled")
        except NoBundle as error:
            pause = error.pause
            self._reached(not error.offline)
            self._say(str(error))
        except (BadBundle, ConfigError, OSError) as error:
            pause = SELDOM
            self._say(f"this bundle can't be adopted; enroll the code again: {error}")
        often = time.monotonic() < self._attended_until
        self._ask_at = time.monotonic() + max(pause, OFTEN if often else SELDOM) * random.uniform(1.0, 1.3)
        return False

    def _reached(self, reached: bool) -> None:
        """A slip waits for the network, and no longer than that."""
        if reached and self._offline:
            self._slip_at = time.monotonic()
        self._offline = not reached

    def _say(self, text: str) -> None:
        if text != self._said:
            log.info("%s", text)
        self._said = text


def claim(options: argparse.Namespace, version: str) -> int:
    """Claim, wait, and adopt. Raises `ConfigError`, `OSError`."""
    place = read_place(options.relay, "--relay") if options.relay else place_on_card(CARD)
    home = options.config.parent
    resume(home)
    if options.config.exists():
        log.info("%s is there already: nothing to claim", options.config)
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
            relay.thank()
        except NoBundle as error:
            log.info("the relay keeps the sealed bundle until it expires: %s", error)
    return 0


def _slip(identity: Identity, place: Place, device: Path | None) -> Slip:
    encoder = Encoder(columns=COLUMNS)

    def page(offline: bool) -> bytes:
        return encoder.encode(lay_out_claim(identity.code, identity.serial, place.host, offline))

    return Slip(PrinterConfig("usb", device), page)


@contextlib.contextmanager
def _panel(pressed: threading.Event) -> Iterator[None]:
    """Show that the till is starting, where there are lights at the pins that are usual."""
    try:
        panel = Panel(PanelConfig(), lambda event: pressed.set() if isinstance(event, events.ButtonDown) else None)
    except PanelError as error:
        log.info("no lights and no button: %s", error)
        yield
        return
    try:
        panel.show(Signal.STARTING, time.monotonic())
        yield
    finally:
        panel.close()
