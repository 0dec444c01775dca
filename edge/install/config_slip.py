"""The slip of a till that can't start because of its configuration: file, line, key, and whom to call.

It is printed with whatever can be salvaged from that configuration; by USB if the printer can't. Paper is a bonus here:
nothing is raised, nothing waits for long, and the same text is printed once an hour at most. A file beside the journal,
or among temporary files, remembers that.
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
from edge.machine.files import read_plain, write_whole
from edge.machine.users import become_owner
from edge.paper.escpos import Encoder, UnknownPrinterError
from edge.paper.slips import lay_out_failure
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts

log = logging.getLogger(__name__)

SLIP_TIMEOUT_S = 20.0
"""Then the command ends, printed or not."""
BOOT_TRIES, RETRY_S = 4, 3.0
"""When systemd starts us, the printer may not be reachable yet."""
REPEAT_AFTER_S = 3600.0
PRINTER_TIMEOUTS = Timeouts(late=1, stall=5, proof=3, lag=1)

Section = TypeVar("Section")


@dataclass(frozen=True)
class SalvagedConfig:
    """The parts of a configuration that a slip needs, with substitutes for what can't be read."""

    printer: PrinterConfig
    till: TillConfig
    ticket: TicketConfig
    journal: Path


def print_config_slip(
    path: Path,
    faults: Sequence[str],
    environ: Mapping[str, str] = os.environ,
    timeout_s: float = SLIP_TIMEOUT_S,
    printer: PrinterConfig | None = None,
) -> None:
    """Print the faults of the configuration `path`, if that is possible within `timeout_s`.

    `printer` counts more than the one that the configuration names; give it where there is no configuration yet.
    """
    arguments = (path, "\n".join(faults), environ, printer)
    work = threading.Thread(target=_try, args=arguments, name="config-slip", daemon=True)
    work.start()
    work.join(timeout_s)


def _try(path: Path, faults: str, environ: Mapping[str, str], printer: PrinterConfig | None) -> None:
    try:
        _print(path, faults, environ, printer)
    except Exception as error:  # of any kind: the faults themselves are on stderr already
        log.warning("the slip with this mistake can't be printed: %s", error)


def _print(path: Path, faults: str, environ: Mapping[str, str], printer: PrinterConfig | None) -> None:
    config = salvage_config(path)
    config = replace(config, printer=printer or config.printer)
    with contextlib.suppress(OSError):  # the units of adopt and claim may not, and can't write there either
        become_owner(config.journal.parent)
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    folders = [Path(state)] if state else [config.journal.parent, Path(tempfile.gettempdir())]
    slip = duties.PrintFailure(duties.Cause.MISCONFIGURED, faults)
    encoder = _encoder(config)
    paper = encoder.encode(lay_out_failure(slip, config.ticket, config.till, encoder.columns))
    there = Printer(config.printer, PRINTER_TIMEOUTS)
    for attempt in range(BOOT_TRIES if state else 1):
        time.sleep(RETRY_S if attempt else 0)
        note = _note(path, faults, folders)
        if note is None or not isinstance(there.print(paper), events.TicketRefused):  # not a byte was sent
            return
        note.unlink()


def _note(path: Path, text: str, folders: Sequence[Path]) -> Path | None:
    """Note down that this text is printed. None if it was printed within the hour, or if no folder takes the note.

    Without a note the slip might be printed for ever. A clock that is set meanwhile makes one more slip.
    """
    name = f"till-edge-{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]}.said"
    digest = hashlib.sha256(text.encode()).hexdigest()
    for note in (folder / name for folder in folders):
        with contextlib.suppress(OSError):
            said = read_plain(note, len(digest)).decode()
            if said == digest and abs(time.time() - note.lstat().st_mtime) < REPEAT_AFTER_S:
                return None
    for note in (folder / name for folder in folders):
        with contextlib.suppress(OSError):
            write_whole(note, digest.encode(), 0o600, forced=False)
            return note
    return None


def _encoder(config: SalvagedConfig) -> Encoder:
    try:
        printer = fitted(config.printer, load_known_printer(config.journal))
        return Encoder(printer.profile, printer.columns, printer.codepage)
    except UnknownPrinterError:  # perhaps the very mistake
        return Encoder(columns=config.printer.columns or SAFE_COLUMNS)


# --- what can be salvaged ------------------------------------------------------------------------------------------


def salvage_config(path: Path) -> SalvagedConfig:
    """What can be read of a configuration that has mistakes, or doesn't exist."""
    reader = Reader(path, {})
    with contextlib.suppress(ConfigError):
        reader.read(Config, compose_what_can_be_read(path))
    read = reader.values
    header = getattr(read.get("ticket"), "header", UNREAD)
    return SalvagedConfig(
        _section(PrinterConfig, read.get("printer"), connection="usb"),
        _section(TillConfig, read.get("till"), id="", name="", timezone=UTC),
        TicketConfig(() if header is UNREAD else tuple(line for line in header if line is not UNREAD)),
        read.get("journal.path", JournalConfig().path),
    )


def _section(shape: type[Section], read: object, **instead: Any) -> Section:
    """A section: what was read of it, else what `instead` has, else its defaults."""
    found = {each.name: getattr(read, each.name, UNREAD) for each in fields(shape)}  # type: ignore[arg-type]
    return shape(**{**instead, **{name: value for name, value in found.items() if value is not UNREAD}})
