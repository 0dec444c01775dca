"""The hardware at the till: printer, lights, button, clock, disk and power."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config.schema import Config
from edge.core import events
from edge.core.events import Paper
from edge.core.status import Signal
from edge.install.check.broker import STOP_IT
from edge.install.check.findings import Cause, Finding, Part, blocked, failed, ok, skipped, warning
from edge.install.printer_setup import place_keys
from edge.journal.file import SUFFIXES
from edge.machine.button import READING_INTERVAL_S
from edge.machine.panel import Panel, PanelError
from edge.printer.commands import RESET
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts

HASTE = Timeouts(late=1.0, stall=5.0, proof=4.0, lag=3.0, settle=0.5)
"""For a job that prints nothing."""
BUSY_TRIES = 5
BUSY_PAUSE_S = 0.4
"""Until the daemon has finished with the printer."""

# --- printer -------------------------------------------------------------------------------------------------------

FINDING_BY_PAPER = {
    Paper.OUT: (Cause.NO_PAPER, "the printer has no paper", "put in a roll"),
    Paper.COVER: (Cause.COVER_OPEN, "the printer's cover is open", "close it"),
    Paper.ERROR: (
        Cause.PRINTER_ERROR,
        "the printer reports that it can't print",
        "check the cutter, then switch the printer off and on",
    ),
    Paper.SILENT: (
        Cause.PRINTER_SILENT,
        "the printer answered before, and now it doesn't",
        "switch it off and on; if it is new and can't answer, write printer.proof: none",
    ),
}


def check_printer(config: Config, running: bool) -> Iterator[Finding]:
    """Ask the printer for its status, and have it prove a job that prints nothing. No paper moves."""
    printer = Printer(config.printer, HASTE)
    paper = _look(printer, BUSY_TRIES if running else 1)
    yield _paper(paper, printer.complaint, config)
    yield _prove(printer, config) if paper.prints else blocked(Part.PROOF, Part.PRINTER)


def ask_daemon_for_printer(status: Mapping[str, Any], config: Config) -> Iterator[Finding]:
    """What the running daemon reports of the printer. A serial line has no lock: two writers would print a mixture."""
    try:
        paper, proof = Paper(str(status.get("printer"))), events.Proof(str(status.get("proof")))
    except ValueError:
        seen = "the running daemon uses the printer"
        yield skipped(Part.PRINTER, Cause.DAEMON_RUNS, seen, STOP_IT)
        yield skipped(Part.PROOF, Cause.DAEMON_RUNS, seen)
        return
    yield _paper(paper, "", config)
    yield ok(Part.PROOF, f"{proof}: the best proof that the running daemon has seen so far", proof.value)


def _look(printer: Printer, tries: int) -> Paper:
    """The printer's status; more than one try for a printer that may be busy with another host."""
    while True:
        paper = printer.look()
        tries -= 1
        if paper is not Paper.GONE or not tries:
            return paper
        time.sleep(BUSY_PAUSE_S)


def _paper(paper: Paper, complaint: str, config: Config) -> Finding:
    where = config.printer.connection
    if paper is Paper.GONE:
        cause = Cause.NOT_AT_ADDRESS if where == "network" else Cause.PRINTER_GONE
        advice = f"check its power, its cable, and {place_keys(config.printer)}"
        return failed(Part.PRINTER, cause, complaint or "the printer can't be reached", advice)
    if paper in FINDING_BY_PAPER:
        cause, seen, advice = FINDING_BY_PAPER[paper]
        return failed(Part.PRINTER, cause, complaint or seen, advice)
    if paper is Paper.LOW:
        return warning(Part.PRINTER, Cause.PAPER_LOW, "the roll is near its end", "have another one at hand")
    if paper is Paper.UNKNOWN and config.printer.proof != "none":
        return _silent_printer(Part.PRINTER, "the printer takes status requests and answers none", config)
    return ok(Part.PRINTER, f"{where}, profile {config.printer.profile}: {paper}")


def _silent_printer(part: Part, seen: str, config: Config) -> Finding:
    place = f"if nothing is printed, check {place_keys(config.printer)}"
    advice = f"its tickets count as unconfirmed; if it can't answer, write printer.proof: none; {place}"
    return warning(part, Cause.PRINTER_SILENT, seen, advice)


def _prove(printer: Printer, config: Config) -> Finding:
    end = printer.print(RESET)
    if isinstance(end, events.TicketPrinted):
        proof = end.proof
        return ok(Part.PROOF, f"{proof}: it confirms what it has printed", proof.value)
    if isinstance(end, events.TicketUnproved):
        return _unproved(config)
    seen = printer.complaint or f"the printer broke off: {end.paper}"
    return failed(Part.PROOF, Cause.PRINTER_ERROR, seen, "check again")


def _unproved(config: Config) -> Finding:
    """No proof came, which may be as configured."""
    demanded = config.printer.proof
    if demanded == "none":
        return ok(Part.PROOF, "none, as configured: tickets count as unconfirmed", "none")
    if demanded == "auto":
        return _silent_printer(Part.PROOF, "the printer confirms nothing that it prints", config)
    seen = f"the printer doesn't prove by {demanded}"
    return failed(Part.PROOF, Cause.NO_PROOF, seen, "write printer.proof: auto")


# --- lights and button ---------------------------------------------------------------------------------------------

LIGHTS_SHOWN_S = 4.0
"""How long the lights are lit in turn."""


@dataclass(frozen=True)
class Press:
    """How somebody is asked to press the button, and how long that is waited for."""

    ask: Callable[[str], None] | None = None
    """None: nobody is asked."""
    seconds: float = 20.0


def check_panel(config: Config, press: Press, shown_s: float = LIGHTS_SHOWN_S) -> Iterator[Finding]:
    """Light each LED in turn, then wait for a press of the button."""
    try:
        panel = Panel(config.panel)
    except PanelError as error:
        advice = "check panel in the configuration, and that no other program uses the pins"
        yield failed(Part.LIGHTS, Cause.NO_PINS, str(error), advice)
        yield blocked(Part.BUTTON, Part.LIGHTS)
        return
    with contextlib.closing(panel):
        show_until(panel, Signal.IDENTIFY, shown_s, lambda: False)
        pins = config.panel.leds
        seen = (
            f"green, yellow and red (GPIO {pins.green}, {pins.yellow}, {pins.red}) were lit in turn: did you see them?"
        )
        yield ok(Part.LIGHTS, seen, cause=Cause.LIGHTS_UNSEEN)
        yield _button(panel, config.panel.button.pin, press)


def leave_panel() -> Iterator[Finding]:
    """The running daemon has the pins."""
    yield skipped(Part.LIGHTS, Cause.DAEMON_RUNS, "in use by the running daemon", STOP_IT)
    yield skipped(Part.BUTTON, Cause.DAEMON_RUNS, "in use by the running daemon")


def _button(panel: Panel, pin: int, press: Press) -> Finding:
    if panel.button_down():
        seen = f"the button (GPIO {pin}) is pressed, though nobody was asked to"
        return failed(Part.BUTTON, Cause.BUTTON_STUCK, seen, "check its wires: it goes between the pin and ground")
    if press.ask is None:
        return skipped(Part.BUTTON, Cause.BUTTON_NOT_TRIED, "not tried", "to try it: till-edge check --button")
    press.ask(f"press the button now (within {press.seconds:.0f} s)")
    if not show_until(panel, Signal.WAITING, press.seconds, panel.button_down):
        seen = f"no press came within {press.seconds:g} s"
        return failed(Part.BUTTON, Cause.BUTTON_UNHEARD, seen, f"check the wires between GPIO {pin}, button and ground")
    show_until(panel, Signal.READY, 1.0, lambda: False)
    return ok(Part.BUTTON, f"the press arrived (GPIO {pin})")


def show_until(panel: Panel, sign: Signal, seconds: float, until: Callable[[], bool]) -> bool:
    """Show a signal until it is time; returns whether `until` became true before."""
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        if until():
            return True
        panel.show(sign, now)
        time.sleep(READING_INTERVAL_S)
    return False


# --- the machine ---------------------------------------------------------------------------------------------------

HOUR_S, DAY_S = 3600, 86400
CLOCK_WARNING_S = 30
CLOCK_FAILURE_S = 300
"""By a clock that is off by more, an order that should live for ten minutes may have expired when it arrives."""
LOW_DISK_MB = 500
PROBE_BYTES = 64 * 1024


def check_machine(facts: Mapping[str, Any], journal: Path) -> Iterator[Finding]:
    """Judge the facts of `Machine.facts`, and try the journal's folder."""
    yield _clock(facts["clock_offset_seconds"])
    yield _folder(journal) or _disk(facts["disk_free_mb"], journal.parent)
    yield _power(facts["throttled"])


def _clock(ahead: float | None) -> Finding:
    advice = "timedatectl set-ntp true, and check that no firewall blocks NTP"
    if ahead is None:
        return skipped(Part.CLOCK, Cause.CLOCK_UNKNOWN, "no answer of Mercado Pago gave the time")
    value = f"{ahead:+.0f} s"
    seen = f"{_duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} Mercado Pago's"
    if abs(ahead) >= CLOCK_FAILURE_S:
        return failed(Part.CLOCK, Cause.CLOCK_WRONG, seen, advice, value)
    return (
        warning(Part.CLOCK, Cause.CLOCK_WRONG, seen, advice, value)
        if abs(ahead) >= CLOCK_WARNING_S
        else ok(Part.CLOCK, seen, value)
    )


def _duration(seconds: float) -> str:
    for unit, length in (("days", DAY_S), ("hours", HOUR_S)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _folder(journal: Path) -> Finding | None:
    """What would keep the daemon from its journal, if anything."""
    folder = journal.parent
    if not folder.is_dir():
        seen = f"there is no folder {folder}"
        return failed(Part.DISK, Cause.NO_FOLDER, seen, "make it, owned by the service's user, or correct journal.path")
    if why := _write_error(folder):
        advice = "check that this user may write there, that there is room, and that the card is sound"
        return failed(Part.DISK, Cause.FOLDER_READ_ONLY, f"{folder} takes no file: {why}", advice)
    if foreign := _foreign(journal):
        seen = f"{', '.join(foreign)} in {folder} belong to another user than the folder"
        return failed(Part.DISK, Cause.FOREIGN_FILES, seen, f"chown --reference={folder} {folder}/{journal.stem}.*")
    return None


def _write_error(folder: Path) -> str:
    """Why no file can be written in a folder; "" if one can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _foreign(journal: Path) -> list[str]:
    """Files that the daemon's user may not be able to write: those of root, say."""
    owner = journal.parent.stat().st_uid
    files = [*(journal.with_name(journal.name + suffix) for suffix in SUFFIXES), journal.with_suffix(".lock")]
    return [file.name for file in files if file.exists() and file.stat().st_uid != owner]


def _disk(free: int | None, folder: Path) -> Finding:
    if free is None:
        return failed(
            Part.DISK, Cause.FOLDER_READ_ONLY, f"{folder} can't be inspected", "check that its disk is mounted"
        )
    seen = f"{free} MB are free for the journal" if free else "less than 100 MB are free for the journal"
    advice = "make room: journalctl --vacuum-size=50M, apt-get clean"
    if not free:
        return failed(Part.DISK, Cause.DISK_FULL, seen, advice, "<100 MB")
    value = f"{free} MB"
    return (
        warning(Part.DISK, Cause.DISK_FULL, seen, advice, value) if free < LOW_DISK_MB else ok(Part.DISK, seen, value)
    )


def _power(throttled: list[str] | None) -> Finding:
    if throttled is None:
        return skipped(Part.POWER, Cause.NO_PI, "unknown: this machine is no Raspberry Pi")
    if "under_voltage" in throttled:
        seen = "the Pi gets too little power at this moment"
        return failed(Part.POWER, Cause.UNDER_VOLTAGE, seen, "use the Pi's own power supply, and a short cable")
    if throttled:
        seen = f"the Pi is slowed down: {', '.join(throttled)}"
        return warning(Part.POWER, Cause.SLOWED_DOWN, seen, "give it air, away from the printer's power supply")
    return ok(Part.POWER, "enough, and cool")
