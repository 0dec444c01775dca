"""What is known of the printer where the configuration leaves it open: kept in `printer.json` beside the journal.

What is written in the configuration always wins. For a printer of which nothing is known there are safe values.
"""

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from edge.config.schema import CodePage, PrinterConfig
from edge.core.calibration import CANDIDATE_COLUMNS, NO_BELL, Calibration
from edge.machine.files import read_plain, write_whole
from edge.paper.escpos import DEFAULT_PROFILE, codepages, profile_columns
from edge.printer.commands import BELLS
from edge.printer.models import Model, recognise
from edge.printer.track_record import Capability, Question, TrackRecord

log = logging.getLogger(__name__)

SAFE_COLUMNS = min(CANDIDATE_COLUMNS)
"""All can be read on wider paper too, while longer lines would be torn apart on narrow paper."""
POSSIBLE_COLUMNS = range(24, 65)
BROKEN_SUFFIX = ".broken"
MAX_FILE_BYTES = 65536


@dataclass(frozen=True)
class KnownPrinter:
    """How a printer prints, which one it is, and what it has shown. Read at each start.

    How it prints is found out by the set-up; None: nobody answered, or the configuration has it. What it has shown is
    added by the daemon as it prints.
    """

    printer: str
    """Its name, or "" if it doesn't say."""
    connection: str
    profile: str | None = None
    columns: int | None = None
    codepage: str | None = None
    bell: str | None = None
    """The command of its bell, or `NO_BELL`; None: nobody answered, or it isn't wanted."""
    record: TrackRecord = field(default_factory=TrackRecord)

    def is_of(self, printer: str, connection: str) -> bool:
        """Whether this is about that printer. One that doesn't answer now, for want of paper say, is the same one."""
        return self.connection == connection and printer in ("", self.printer)


def is_open(printer: PrinterConfig) -> bool:
    """Whether the configuration leaves something to be found out."""
    return printer.columns is None or printer.codepage is None


def looked_up(printer: PrinterConfig, name: str) -> Model | None:
    """What can be known without asking: by the profile that is written, or else by its name.

    `default` is the profile of no printer in particular. Raises `UnknownPrinterError`.
    """
    if printer.profile in (None, DEFAULT_PROFILE):
        return recognise(name)
    profile = str(printer.profile)
    columns = profile_columns(profile)
    return Model(name, profile, columns if columns in POSSIBLE_COLUMNS else SAFE_COLUMNS, codepages(profile)[0])


def fitted(printer: PrinterConfig, known: KnownPrinter | None) -> PrinterConfig:
    """Fill what is open: with what is known of the printer, or with values that can be read on any."""
    if not is_open(printer):
        return replace(printer, profile=printer.profile or DEFAULT_PROFILE)
    if known is None or known.connection != connection(printer):
        known = KnownPrinter("", "")
    model = looked_up(printer, known.printer)
    profile = printer.profile or known.profile or (model.profile if model else DEFAULT_PROFILE)
    pages = codepages(profile)
    likely = (known.codepage, model.codepage if model else None)
    codepage = cast(CodePage, next((page for page in likely if page in pages), pages[0]))
    columns = printer.columns or known.columns or (model.columns if model else SAFE_COLUMNS)
    return replace(printer, profile=profile, columns=columns, codepage=printer.codepage or codepage)


def questions(printer: PrinterConfig, known: KnownPrinter, wants_bell: bool = False) -> Calibration | None:
    """What a person must be asked about this printer; None if all is written, looked up or answered."""
    bells = tuple(BELLS) if wants_bell and known.bell is None else ()
    pages = codepages(printer.profile or known.profile or DEFAULT_PROFILE)
    if not is_open(printer) or looked_up(printer, known.printer):
        how = fitted(printer, known)
        return Calibration(pages, how.columns, how.codepage, printer=known.printer, bells=bells) if bells else None
    columns, codepage = printer.columns or known.columns, printer.codepage or known.codepage
    asked = Calibration(pages, columns, codepage, printer=known.printer, bells=bells)
    asked = asked.settled() if columns else asked
    return None if asked.done else asked


def connection(printer: PrinterConfig) -> str:
    """Where the printer is, as far as the configuration says."""
    place = f"{printer.host}:{printer.port}" if printer.connection == "network" else str(printer.device or "")
    return f"{printer.connection} {place}".strip()


# --- the file --------------------------------------------------------------------------------------------------------


def known_printer_file(journal: Path) -> Path:
    """Return the path of the file beside the journal."""
    return journal.with_name("printer.json")


def load_known_printer(journal: Path) -> KnownPrinter | None:
    """Read the file. None if there is none; one that makes no sense is set aside, with a warning."""
    path = known_printer_file(journal)
    try:
        return _decode(read_plain(path, MAX_FILE_BYTES).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s can't be read: %s", path, error.strerror)
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s makes no sense (%s); it is set aside as %s", path, error, path.name + BROKEN_SUFFIX)
        with contextlib.suppress(OSError):
            path.replace(path.with_name(path.name + BROKEN_SUFFIX))
        return None


def _decode(text: str) -> KnownPrinter:
    """Raises `ValueError` and `TypeError` for what no set-up has written."""
    fields = json.loads(text)
    record = _decode_record(fields.pop("record", {}))
    known = KnownPrinter(**fields, record=record)
    if not (isinstance(known.printer, str) and isinstance(known.connection, str)):
        raise ValueError("it doesn't say of which printer it is")
    if known.columns is not None and known.columns not in POSSIBLE_COLUMNS:
        raise ValueError(f"{known.columns!r} columns")
    if known.codepage not in (None, *codepages(known.profile or DEFAULT_PROFILE)):
        raise ValueError(f"no code page {known.codepage}")
    if known.bell not in (None, NO_BELL, *BELLS):
        raise ValueError(f"no bell {known.bell}")
    return known


def _decode_record(fields: Mapping[str, Any]) -> TrackRecord:
    """What an earlier version lacks is not known. Raises `ValueError`, `TypeError`, `KeyError`."""
    capability = fields.get("capability")
    return TrackRecord(
        str(fields.get("name", "")),
        None if capability is None else Capability[capability],
        frozenset(Question(each) for each in fields.get("answers", ())),
        frozenset(Question(each) for each in fields.get("shunned", ())),
        int(fields.get("unechoed", 0)),
    )


def _encode(known: KnownPrinter) -> bytes:
    record = known.record
    shown = {
        "name": record.name,
        "capability": None if record.capability is None else record.capability.name,
        "answers": sorted(record.answers),
        "shunned": sorted(record.shunned),
        "unechoed": record.unechoed,
    }
    return json.dumps({**asdict(replace(known, record=TrackRecord())), "record": shown}, indent=2).encode()


def save_known_printer(journal: Path, known: KnownPrinter) -> bool:
    """Write the file; returns whether that could be done."""
    path = known_printer_file(journal)
    try:
        write_whole(path, _encode(known), 0o600)
    except OSError as error:
        log.warning("%s can't be written: %s; the next start asks again", path, error.strerror)
        return False
    return True


class Acquaintance:
    """What the daemon learns of its printer, kept in the file. Used by the printing thread, and once before it."""

    def __init__(self, journal: Path, printer: PrinterConfig, bell: str | None = None) -> None:
        """`bell`: its command, as it is written; `ask`: a person says; None: nobody wants it."""
        self._journal = journal
        self._written = printer
        self._bell = bell
        self._known = self._read() or KnownPrinter("", connection(printer))

    @property
    def record(self) -> TrackRecord:
        """What the printer at this connection has shown so far."""
        return self._known.record

    @property
    def fitted(self) -> PrinterConfig:
        """How it prints, as far as that is known."""
        return fitted(self._written, self._known)

    @property
    def questions(self) -> Calibration | None:
        """What a person must be asked."""
        return questions(self._written, self._known, self._bell == "ask")

    @property
    def bell(self) -> bytes | None:
        """The command of its bell, to be filled in with how often it rings; None if it has none, as far as is known."""
        return BELLS.get((self._known.bell if self._bell == "ask" else self._bell) or NO_BELL)

    def keep(self, record: TrackRecord) -> None:
        """Write down what it has shown now. How another printer printed says nothing about this one."""
        before = self._read() or self._known  # a person at a keyboard may have answered meanwhile
        name = record.name or before.printer
        exchanged = before.printer not in ("", name)
        known = KnownPrinter("", before.connection) if exchanged else before
        self._write(replace(known, printer=name, record=record))

    def answered(self, state: Calibration) -> None:
        """Write down what a person answered."""
        log.info("printer: %s columns, %s, bell: %s", state.columns, state.codepage, state.bell or "not asked for")
        bell = state.bell or self._known.bell
        self._write(replace(self._known, columns=state.columns, codepage=state.codepage, bell=bell))

    def _read(self) -> KnownPrinter | None:
        known = load_known_printer(self._journal)
        return known if known and known.connection == connection(self._written) else None

    def _write(self, known: KnownPrinter) -> None:
        self._known = known
        save_known_printer(self._journal, known)
