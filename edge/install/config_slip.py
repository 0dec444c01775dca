"""The slip of a till that can't start for its configuration: which file, which line, which key, and whom to call.

Printed with what can be read of that configuration; by USB where it can't be read what kind of printer there is. Paper
is a bonus here: nothing is raised, nothing waits for long, and one text comes once an hour, as a file remembers that
lies with the journal, or where temporary files do.
"""

import contextlib
import hashlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar

from edge.config.reader import UNREAD, Reader
from edge.config.schema import Config, ConfigError, JournalConfig, PrinterConfig, TicketConfig, TillConfig
from edge.config.yaml_nodes import compose_what_can_be_read
from edge.core import duties, events
from edge.daemon.known_printer import SAFE_COLUMNS, fitted, load_known_printer
from edge.paper.escpos import Encoder, UnknownPrinterError
from edge.paper.slips import lay_out_failure
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts

log = logging.getLogger(__name__)

LONGEST = 20.0
"""Seconds, and then we go, printed or not."""
TRIES, AGAIN = 4, 3.0
"""Where systemd starts us, perhaps before the printer can be reached; seconds from one to the next."""
HOUR = 3600.0
PRINTER_TIMEOUTS = Timeouts(stall=5, proof=3, lag=1)

Section = TypeVar("Section")


@dataclass(frozen=True)
class Remains:
    """What of a configuration it takes for a slip, with something in the place of what can't be read."""

    printer: PrinterConfig
    till: TillConfig
    ticket: TicketConfig
    journal: Path


def say_on_paper(
    path: Path,
    mistakes: Sequence[str],
    environ: Mapping[str, str] = os.environ,
    longest: float = LONGEST,
    printer: PrinterConfig | None = None,
) -> None:
    """Print the mistakes of the configuration `path`, if that can be done; it takes `longest` seconds at worst.

    `printer`: where it doesn't say which, or isn't there yet.
    """
    words = (path, "\n".join(mistakes), environ, printer)
    work = threading.Thread(target=_try, args=words, name="config-slip", daemon=True)
    work.start()
    work.join(longest)


def _try(path: Path, mistakes: str, environ: Mapping[str, str], printer: PrinterConfig | None) -> None:
    try:
        _say(path, mistakes, environ, printer)
    except Exception as error:  # whatever it is: what is wrong with the configuration is told already
        log.warning("no slip says so: %s", error)


def _say(path: Path, mistakes: str, environ: Mapping[str, str], printer: PrinterConfig | None) -> None:
    remains = read_remains(path)
    remains = replace(remains, printer=printer or remains.printer)
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    folders = [Path(state)] if state else [remains.journal.parent, Path(tempfile.gettempdir())]
    slip = duties.PrintFailure(duties.Cause.MISCONFIGURED, mistakes)
    encoder = _encoder(remains)
    paper = encoder.encode(lay_out_failure(slip, remains.ticket, remains.till, encoder.columns))
    there = Printer(remains.printer, PRINTER_TIMEOUTS)
    for attempt in range(TRIES if state else 1):
        time.sleep(AGAIN if attempt else 0)
        note = _note(path, mistakes, folders)
        if note is None or not isinstance(there.print(paper), events.TicketRefused):  # not a byte was sent
            return
        note.unlink()


def _note(path: Path, text: str, folders: Sequence[Path]) -> Path | None:
    """Note down that it is said; None if it was already, or if that can't be noted: it might come for ever.

    A clock that is set meanwhile makes one more slip.
    """
    name = f"till-edge-{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]}.said"
    print_of_text = hashlib.sha256(text.encode()).hexdigest()
    for note in (folder / name for folder in folders):
        with contextlib.suppress(OSError):
            if note.read_text() == print_of_text and abs(time.time() - note.stat().st_mtime) < HOUR:
                return None
    for note in (folder / name for folder in folders):
        with contextlib.suppress(OSError):
            opened = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(opened, "w") as file:
                file.write(print_of_text)
            return note
    return None


def _encoder(remains: Remains) -> Encoder:
    try:
        printer = fitted(remains.printer, load_known_printer(remains.journal))
        return Encoder(printer.profile, printer.columns, printer.codepage)
    except UnknownPrinterError:  # which may be just what is wrong
        return Encoder(columns=remains.printer.columns or SAFE_COLUMNS)


# --- what can be read ----------------------------------------------------------------------------------------------


def read_remains(path: Path) -> Remains:
    """Read what can be read of a configuration that has mistakes, or isn't there at all."""
    reader = Reader(path, {})
    with contextlib.suppress(ConfigError):
        reader.read(Config, compose_what_can_be_read(path))
    read = reader.values
    header = getattr(read.get("ticket"), "header", UNREAD)
    return Remains(
        _section(PrinterConfig, read.get("printer"), connection="usb"),
        _section(TillConfig, read.get("till"), id="", name="", timezone=UTC),
        TicketConfig(() if header is UNREAD else tuple(line for line in header if line is not UNREAD)),
        read.get("journal.path", JournalConfig().path),
    )


def _section(shape: type[Section], read: object, **instead: Any) -> Section:
    """What was read of a section; what was not has its default, or stands in `instead`."""
    found = {each.name: getattr(read, each.name, UNREAD) for each in fields(shape)}  # type: ignore[arg-type]
    return shape(**{**instead, **{name: value for name, value in found.items() if value is not UNREAD}})
