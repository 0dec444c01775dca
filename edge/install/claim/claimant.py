"""`till-edge claim`: a till without a bundle prints a slip with its code, and fetches its bundle once that is enrolled.

One loop, one thread, no rights. It never gives up: no network, no printer, a relay that refuses, a bundle that doesn't
fit are logged and tried again. Only a code at which somebody guesses waits for a person. It ends when it has left a
bundle for root; then the service manager has that adopted (claimed_bundle.py), and starts the daemon.
"""

import argparse
import contextlib
import logging
import math
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.config.schema import ConfigError, PanelConfig, PrinterConfig
from edge.contract.claims import shown
from edge.core import events
from edge.core.backoff import jittered
from edge.core.cashier import Button, Gesture
from edge.core.status import Signal
from edge.install.adopt.bundle import load_bundle
from edge.install.claim.claimed_bundle import BundleError, leave
from edge.install.claim.identity import (
    MAX_WRONG_BUNDLES,
    Identity,
    WrongCodeError,
    forget,
    load_or_make,
    make,
    renewed,
    save,
)
from edge.install.claim.place import Place, parse_place, place_on_card, relay_url_files
from edge.install.claim.relay import Relay, RelayError
from edge.install.claim.slip import COLUMNS, Notice, lay_out_claim
from edge.machine.button import READING_INTERVAL_S
from edge.machine.facts import serial
from edge.machine.panel import Panel, PanelError
from edge.machine.users import become_owner
from edge.paper.escpos import Encoder
from edge.paper.ticket import Line
from edge.printer.printer import Printer

log = logging.getLogger(__name__)

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
MAX_WAIT_S = 3600.0
MAX_BROKEN_SLIPS = 3
"""After so many interrupted slips the next one waits for the button: each may be whole, for all we know."""


class Slip:
    """The slip on paper. One that is due is printed when there is a printer."""

    def __init__(self, config: PrinterConfig) -> None:
        self._encoder = Encoder(columns=COLUMNS)
        self._printer = Printer(config)
        self.renew()

    def renew(self) -> None:
        """Make a slip due, whatever became of the ones before."""
        self.due, self._broken = True, 0

    def try_to_print(self, lines: Sequence[Line]) -> None:
        """Print it; it stays due as long as the printer refuses it."""
        end = self._printer.print(self._encoder.encode(lines))
        self._broken += isinstance(end, events.TicketInterrupted)
        failed = isinstance(end, events.TicketRefused | events.TicketInterrupted)
        self.due = failed and self._broken < MAX_BROKEN_SLIPS


@dataclass(frozen=True)
class Card:
    """What the claimant works on: where to claim, and its own folder."""

    place: Place
    state: Path


class Claimant:
    """Asks the relay until a bundle is there. `pressed` is set by the button."""

    def __init__(self, relay: Relay, slip: Slip, card: Card, pressed: threading.Event) -> None:
        self._relay = relay
        self._slip = slip
        self._card = card
        self._pressed = pressed
        self._identity = load_or_make(card.state, serial(), card.place.signer)
        self._notice = Notice.OFFLINE
        self._logged = ""
        self._attended_until = self._ask_at = self._slip_at = 0.0

    def run(self) -> None:
        """Return when the bundle lies there for root, and the relay has forgotten it if it could be told to."""
        self._attend(NETWORK_TIMEOUT_S)
        while not (time.monotonic() >= self._ask_at and self._ask()):
            if self._slip.due and time.monotonic() >= self._slip_at:
                self._slip.try_to_print(self._slip_lines())
                self._slip_at = time.monotonic() + SLIP_RETRY_S
            self._wait()
        forget(self._card.state)
        self._delete_claim(self._identity)

    def _attend(self, slip_within_s: float) -> None:
        """Somebody is there and wants a slip."""
        if self._identity.is_void:
            self._keep(make(self._identity.serial, self._identity.signer))
            self._notice = Notice.NONE
        now = time.monotonic()
        self._slip.renew()
        self._attended_until, self._slip_at, self._ask_at = now + ATTENDED_FOR_S, now + slip_within_s, now
        code, where = shown(self._identity.code), self._card.place.url
        log.info("the code of this till is %s, its serial %s, its relay %s", code, self._identity.serial, where)

    def _wait(self) -> None:
        until = min(self._ask_at, self._slip_at) if self._slip.due else self._ask_at
        if self._pressed.wait(min(MAX_WAIT_S, max(0.0, until - time.monotonic()))):
            self._pressed.clear()
            self._attend(0.0)

    def _ask(self) -> bool:
        """Ask once, and set the time of the next question. Returns whether the bundle is there."""
        pause_s = 0.0
        try:
            sealed = self._relay.ask(self._identity)
            self._note(Notice.NONE)
            if sealed is not None:
                self._take(sealed)
                return True
            self._log_once("the relay knows this till, which waits for its code to be enrolled")
        except RelayError as error:
            pause_s = error.pause_s
            self._note(error.notice)
            self._log_once(str(error))
        except (BundleError, ConfigError, OSError) as error:
            pause_s = UNATTENDED_INTERVAL_S
            self._log_once(f"this bundle can't be adopted; enroll the code again: {error}")
        self._ask_at = time.monotonic() + self._pause(pause_s)
        if self._identity.is_void:
            self._close()
        return False

    def _take(self, sealed: bytes) -> None:
        """Leave a bundle for root. Whatever is wrong with it, its exchange is used up, and the code goes on in another.

        Raises `BundleError`, `ConfigError`, `OSError`.
        """
        try:
            bundle = self._identity.open(sealed)
            _try_out(bundle.files(self._identity.signer))
        except (BundleError, ConfigError) as error:
            used_up = self._identity
            self._keep(renewed(used_up, guessed=isinstance(error, WrongCodeError)))
            self._delete_claim(used_up)
            if not self._identity.is_void:
                self._claim_again()
            raise
        log.info("the bundle lies in %s, where till-edge-adopt.service takes it over", leave(bundle, self._card.state))

    def _close(self) -> None:
        """The code is void. Nothing is asked until a person presses the button, or switches the till on again."""
        log.warning("%d bundles came from somebody who doesn't know the code: it is void", MAX_WRONG_BUNDLES)
        self._notice, self._ask_at, self._slip_at = Notice.VOID, math.inf, time.monotonic()
        self._slip.renew()

    def _keep(self, identity: Identity) -> None:
        save(self._card.state, identity)
        self._identity = identity

    def _delete_claim(self, identity: Identity) -> None:
        try:
            self._relay.delete_claim(identity)
        except RelayError as error:
            log.info("the relay keeps a claim that is over until it expires: %s", error)

    def _claim_again(self) -> None:
        """At once, so that whoever enrolls the code again finds it; the next bundle is asked for later."""
        try:
            self._relay.put_claim(self._identity)
        except RelayError as error:
            log.info("the relay will be told later of the new exchange: %s", error)

    def _pause(self, at_least_s: float) -> float:
        attended = time.monotonic() < self._attended_until
        interval_s = ATTENDED_INTERVAL_S if attended else UNATTENDED_INTERVAL_S
        return jittered(max(at_least_s, interval_s), random.random(), INTERVAL_SPREAD)

    def _note(self, notice: Notice) -> None:
        """A slip waits for the network, but no longer."""
        if self._notice is Notice.OFFLINE and notice is not Notice.OFFLINE:
            self._slip_at = time.monotonic()
        self._notice = notice

    def _slip_lines(self) -> Sequence[Line]:
        return lay_out_claim(self._identity.code, self._identity.serial, self._card.place.host, self._notice)

    def _log_once(self, text: str) -> None:
        if text != self._logged:
            log.info("%s", text)
        self._logged = text


def _try_out(files: Mapping[str, bytes]) -> None:
    """Raises `ConfigError` if the daemon could not start with these files."""
    with tempfile.TemporaryDirectory(prefix="till-edge-") as folder:
        load_bundle(files, Path(folder, "bundle"), confined=True)


def claim(options: argparse.Namespace, version: str) -> int:
    """Claim a bundle, and wait for it. Raises `ConfigError`, `OSError`."""
    files = relay_url_files(options.config.parent)
    place = parse_place(options.relay, "--relay") if options.relay else place_on_card(files)
    if options.config.exists():
        log.info("%s exists already: nothing to claim", options.config)
        return 0
    become_owner(options.state)  # for a person who types it with sudo; the unit has no rights from the start
    pressed = threading.Event()
    with _panel(pressed), contextlib.closing(Relay(place, version)) as relay:
        slip = Slip(PrinterConfig("usb", options.printer))
        Claimant(relay, slip, Card(place, options.state), pressed).run()
    return 0


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
