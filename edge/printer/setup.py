"""What the configuration leaves open about the printer is found out and kept: `printer.json` beside the journal.

The printer is asked who it is. One that nobody knows prints a few slips, and a person says which is right; once, and
again only for another printer. What is written in the configuration always wins. Nothing here keeps a till from
selling for longer than `PATIENCE` after the last touch of the button, and nothing is ever raised for want of an answer.
"""

import contextlib
import json
import logging
import os
import queue
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from edge.config.schema import CodePage, Config, PrinterConfig
from edge.core import duties, events
from edge.core.cashier import Button, Gesture
from edge.core.status import Signal
from edge.inbox import FINGER_FRAME_S, FRAME_S, Arrival, Inbox, Panel
from edge.machine import systemd
from edge.machine.files import write_whole
from edge.paper.escpos import DEFAULT_PROFILE, Encoder, codepages
from edge.paper.words import WORDS
from edge.printer.calibration import WIDTHS, Calibration, lay_out, step
from edge.printer.models import recognise
from edge.printer.printer import Patience, Printer

log = logging.getLogger(__name__)

PATIENCE = 180.0
"""How long a person is waited for at each slip. Seconds."""
HURRY = Patience(stall=5.0)
"""The watchdog is not fed while a slip goes out."""
SAFE_COLUMNS = min(WIDTHS)
"""For a printer of which nothing is known: on wider paper all can be read, while more would be torn apart on narrow."""
BROKEN = ".broken"

Answer = Callable[[], Gesture]
"""Waits for what a person says to a slip; NONE if nobody does."""


@dataclass(frozen=True)
class Found:
    """How a printer prints, and which it was. None: nobody said, or the configuration does."""

    printer: str
    connection: str
    profile: str | None = None
    columns: int | None = None
    codepage: str | None = None

    def is_of(self, printer: str, connection: str) -> bool:
        """Whether it was found for this printer. One that doesn't answer now, for want of paper say, is no other."""
        return self.connection == connection and printer in ("", self.printer)


def is_open(printer: PrinterConfig) -> bool:
    """Whether the configuration leaves something to be found out."""
    return printer.columns is None or printer.codepage is None


def set_up(config: Config, answer: Answer) -> Config:
    """Return the configuration with what was found out. May block while a person is asked. Raises `UnknownPrinter`."""
    printer = config.printer
    if not is_open(printer):
        return config
    known, here = recall(config.journal.path), connection(printer)
    who = identify(printer)
    if known and not known.is_of(who, here):
        who = identify(printer)  # an answer that was garbled on its way makes no other printer
    if not (known and known.is_of(who, here)):
        known = find_out(config, who, answer)
        if known:
            keep(config.journal.path, known)
    return replace(config, printer=fitted(printer, known))


def fitted(printer: PrinterConfig, known: Found | None) -> PrinterConfig:
    """Fill what is open: with what is known of the printer, or with what can be read on any."""
    if not is_open(printer):
        return replace(printer, profile=printer.profile or DEFAULT_PROFILE)
    if known is None or known.connection != connection(printer):
        known = Found("", "")
    profile = printer.profile or known.profile or DEFAULT_PROFILE
    pages = codepages(profile)
    found = cast(CodePage, known.codepage if known.codepage in pages else pages[0])
    columns = printer.columns or known.columns or SAFE_COLUMNS
    return replace(printer, profile=profile, columns=columns, codepage=printer.codepage or found)


def identify(printer: PrinterConfig) -> str:
    """Ask the printer who it is; "" if it doesn't say."""
    return Printer(printer, lambda _: b"").identity()


def find_out(config: Config, who: str, answer: Answer, believe: bool = True, with_button: bool = True) -> Found | None:
    """Look the printer up, or calibrate it; None if it can't print now. `believe`: whether its name will do."""
    printer = config.printer
    found = Found(who, connection(printer), printer.profile)
    if believe and (model := recognise(who)):
        log.info("printer: it is %s", who)
        return replace(found, profile=model.profile, columns=model.columns, codepage=model.codepage)
    if not os.access(config.journal.path.parent, os.W_OK):
        log.warning("printer: what would be found out could not be kept in %s", config.journal.path.parent)
        return None
    log.info("printer: %s; slips ask how it prints", f"{who} is not known" if who else "it doesn't say who it is")
    state = calibrate(config, answer, with_button)
    return replace(found, columns=state.columns, codepage=state.codepage) if state else None


# --- asking a person -----------------------------------------------------------------------------------------------


def calibrate(config: Config, answer: Answer, with_button: bool) -> Calibration | None:
    """Print slips until all is answered, or nobody answers; None if the printer fails. Raises `UnknownPrinter`."""
    printer = config.printer
    if not _can_print(printer):
        log.warning("printer: it can't print now; `till-edge printer` calibrates it, and so does the next start")
        return None
    systemd.ready("calibrating the printer")
    state = Calibration(codepages(printer.profile or DEFAULT_PROFILE), printer.columns, printer.codepage)
    while not state.done:
        if not _print(config, state, with_button):
            return None
        if (gesture := answer()) is Gesture.NONE:
            log.warning("printer: nobody answers; `till-edge printer` asks again")
            return state
        state = step(state, gesture)
    _print(config, state, with_button)
    log.info("printer: %s columns, %s", state.columns, state.codepage)
    return state


def _can_print(printer: PrinterConfig) -> bool:
    seen = Printer(printer, lambda _: b"").do(duties.LookAtPrinter())
    return isinstance(seen, events.PrinterSeen) and seen.paper.prints


def _print(config: Config, state: Calibration, with_button: bool) -> bool:
    """Whether the slip got through; that it is on paper is what the person says."""
    encoder = Encoder(config.printer.profile, state.width, state.page)
    slip = encoder.encode(lay_out(state, WORDS[config.till.language], with_button))
    end = Printer(replace(config.printer, proof="none"), lambda _: slip, HURRY).do(duties.PrintTest())
    return isinstance(end, events.SlipTried) and isinstance(end.end, events.TicketUnproved)


def by_button(panel: Panel, inbox: Inbox, hold_seconds: float, patience: float = PATIENCE) -> Answer:
    """A finger on the button of the panel."""

    def answer() -> Gesture:
        with contextlib.suppress(queue.Empty):
            while True:  # what it did while the slip was being printed is no answer to that slip
                inbox.get_nowait()
        now = time.monotonic()
        deadline = now + patience
        button, gesture = Button(), Gesture.NONE
        while gesture is Gesture.NONE and now < deadline:
            panel.show(Signal.HOLDING if button.being_held else Signal.WAITING, now)
            systemd.alive()
            button = _feel(button, inbox)
            now = time.monotonic()
            button, gesture = button.settle(now, hold_seconds)
        panel.show(Signal.WORKING, now)
        return gesture

    return answer


def _feel(button: Button, inbox: Inbox) -> Button:
    """Wait for an edge, or for the next frame of the lights."""
    try:
        arrival = inbox.get(timeout=FINGER_FRAME_S if button.unsettled else FRAME_S)
    except queue.Empty:
        return button
    match arrival:
        case Arrival(events.ButtonDown(at) | events.ButtonUp(at) as edge):
            return button.edge(isinstance(edge, events.ButtonDown), time.monotonic() if at is None else at)
    return button


# --- what is kept --------------------------------------------------------------------------------------------------


def connection(printer: PrinterConfig) -> str:
    """Where the printer is, as far as the configuration says it."""
    place = f"{printer.host}:{printer.port}" if printer.connection == "network" else str(printer.device or "")
    return f"{printer.connection} {place}".strip()


def kept_in(journal: Path) -> Path:
    """The file beside the journal in which what was found is kept."""
    return journal.with_name("printer.json")


def recall(journal: Path) -> Found | None:
    """What was kept. A file that makes no sense is set aside, with a warning."""
    path = kept_in(journal)
    try:
        return _read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s can't be read: %s", path, error.strerror)
        return None
    except (ValueError, TypeError) as error:
        log.warning("%s makes no sense (%s); it is set aside as %s", path, error, path.name + BROKEN)
        with contextlib.suppress(OSError):
            path.replace(path.with_name(path.name + BROKEN))
        return None


def _read(text: str) -> Found:
    """Raises `ValueError` and `TypeError` for what no calibration has written."""
    found = Found(**json.loads(text))
    if not (isinstance(found.printer, str) and isinstance(found.connection, str)):
        raise ValueError("it doesn't say of which printer it is")
    if found.columns is not None and found.columns not in range(24, 65):
        raise ValueError(f"{found.columns!r} columns")
    if found.codepage not in (None, *codepages(found.profile or DEFAULT_PROFILE)):
        raise ValueError(f"no code page {found.codepage}")
    return found


def keep(journal: Path, found: Found) -> bool:
    """Keep it for all later starts; returns whether that could be done."""
    path = kept_in(journal)
    try:
        write_whole(path, json.dumps(asdict(found), indent=2).encode(), 0o600)
    except OSError as error:
        log.warning("%s can't be written: %s; the next start asks again", path, error.strerror)
        return False
    return True
