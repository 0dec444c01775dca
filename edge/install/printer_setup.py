"""Asks whoever installs a till how its printer prints: by its name, or with slips that they answer on the spot.

The daemon asks by itself, beside its work; this is for `till-edge check` and `till-edge printer`. What a printer has
shown of itself is kept. No missing answer is an error.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace

from edge.config.schema import Config, PrinterConfig
from edge.core import events
from edge.core.calibration import Calibration
from edge.core.cashier import Button, Gesture
from edge.core.status import Signal
from edge.daemon.known_printer import (
    KnownPrinter,
    connection,
    fitted,
    is_open,
    load_known_printer,
    looked_up,
    questions,
    save_known_printer,
)
from edge.daemon.printing_worker import calibration_slip
from edge.inbox import Panel
from edge.machine.button import READING_INTERVAL_S
from edge.paper.escpos import DEFAULT_PROFILE, codepages
from edge.printer.commands import BELLS
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 180.0
"""How long a person is waited for at each slip."""
SLIP_TIMEOUTS = Timeouts(late=1.0, stall=5.0)

AwaitGesture = Callable[[], Gesture]
"""Waits for a person's answer to a slip; NONE if none comes."""


def set_up(config: Config, await_gesture: AwaitGesture | None) -> Config:
    """Return the configuration, completed. Blocks while a person is asked; None: nobody is there.

    Raises `UnknownPrinterError`.
    """
    printer = config.printer
    if not is_open(printer) and not asks_for_bell(config):
        return config
    known, here = load_known_printer(config.journal.path), connection(printer)
    name = identify(printer)
    if known and not known.is_of(name, here):
        name = identify(printer)  # an answer that was garbled on its way makes no other printer
    if not (known and known.is_of(name, here)) or questions(printer, known, asks_for_bell(config)):
        known = find_out(config, name, await_gesture)
        if known:
            save_known_printer(config.journal.path, known)
    return replace(config, printer=fitted(printer, known))


def asks_for_bell(config: Config) -> bool:
    """Whether a person is to say by which command the printer's bell rings."""
    return config.sound is not None and config.sound.printer == "ask"


def identify(printer: PrinterConfig) -> str:
    """Ask the printer for its name; "" if it doesn't say."""
    return Printer(printer).identity()


def place_keys(printer: PrinterConfig) -> str:
    """The keys that say where the printer is, for people."""
    match printer.connection:
        case "network":
            return "printer.host and printer.port"
        case "usb" if printer.device is None:
            return "printer.connection"
        case _:
            return "printer.device"


def find_out(
    config: Config, name: str, await_gesture: AwaitGesture | None, believe: bool = True, with_button: bool = True
) -> KnownPrinter | None:
    """Look the printer up, or calibrate it; None if it can't print now.

    `believe`: whether its name will do, or the profile that is written.
    """
    printer = config.printer
    known = load_known_printer(config.journal.path)
    if not (known and known.is_of(name, connection(printer))):
        known = KnownPrinter(name, connection(printer))
    known = replace(known, printer=name or known.printer, profile=printer.profile)
    model = looked_up(printer, name) if believe else None
    if model:
        log.info("printer: it is %s", name or model.profile)
        known = replace(known, profile=model.profile, columns=model.columns, codepage=model.codepage)
    asked = _questions(config, known, believed=model is not None)
    if asked.done or await_gesture is None:
        return known  # the daemon asks, beside its work
    if not os.access(config.journal.path.parent, os.W_OK):
        log.warning("printer: what would be found out could not be kept in %s", config.journal.path.parent)
        return None
    if not asked.prints:
        log.info("printer: %s; slips ask how it prints", f"{name} is not known" if name else "it doesn't say its name")
    state = calibrate(config, asked, await_gesture, with_button)
    if state is None:
        return known if model else None
    return replace(known, columns=state.columns, codepage=state.codepage, bell=state.bell or known.bell)


def _questions(config: Config, known: KnownPrinter, believed: bool) -> Calibration:
    """All that a person is asked. `believed`: how it prints is known, so that what was answered counts, too."""
    how = fitted(config.printer, known) if believed else config.printer
    bells = tuple(BELLS) if asks_for_bell(config) and not (believed and known.bell) else ()
    pages = codepages(config.printer.profile or DEFAULT_PROFILE)
    asked = Calibration(pages, how.columns, how.codepage, bells=bells)
    return asked.settled() if asked.columns else asked


# --- asking a person -----------------------------------------------------------------------------------------------


def calibrate(config: Config, state: Calibration, await_gesture: AwaitGesture, with_button: bool) -> Calibration | None:
    """Print slips until all is answered, or nobody answers; None if the printer fails. Raises `UnknownPrinterError`."""
    if not Printer(config.printer).look().prints:
        log.warning("printer: it can't print now; `till-edge printer` calibrates it, and so does the daemon")
        return None
    while not state.done:
        if not _print(config, state, with_button):
            return None
        if (gesture := await_gesture()) is Gesture.NONE:
            log.warning("printer: nobody answers; `till-edge printer` asks again, and so does the daemon")
            return state
        state = state.right() if gesture is Gesture.PRESS else state.next()
    _print(config, state, with_button)
    log.info("printer: %s columns, %s, bell: %s", state.columns, state.codepage, state.bell or "not asked for")
    return state


def _print(config: Config, state: Calibration, with_button: bool) -> bool:
    """Print a slip; returns whether it got through. Whether it is on paper the person's answer shows."""
    slip = calibration_slip(state, config.printer.profile, config.till, config.ticket, with_button)
    end = Printer(config.printer, SLIP_TIMEOUTS).print(slip, prove=False)
    return isinstance(end, events.TicketUnproved)


def by_button(panel: Panel, hold_seconds: float, timeout: float = ANSWER_TIMEOUT_S) -> AwaitGesture:
    """Return a function that waits for a gesture at the panel's button, `timeout` seconds at most, and shows so."""

    def await_gesture() -> Gesture:
        now = time.monotonic()
        deadline = now + timeout
        # What the finger did while the slip was being printed is no answer to it.
        button, gesture = Button.found(panel.button_down(), now), Gesture.NONE
        while gesture is Gesture.NONE and now < deadline:
            panel.show(Signal.HOLDING if button.being_held else Signal.WAITING, now)
            time.sleep(READING_INTERVAL_S)
            now = time.monotonic()
            button, gesture = button.read(panel.button_down(), now, hold_seconds)
        panel.show(Signal.WORKING, now)
        return gesture

    return await_gesture
