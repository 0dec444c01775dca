"""A table of tills, one in each line, which `till-relay enroll` and `till-provision` read alike. All that is wrong with
it as a table is reported at once, with line and column.

It may come from any spreadsheet: with commas, semicolons or tabs, with or without a byte order mark, in UTF-8 or in the
Latin letters of an older Excel.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.config.reader import BadValueError, closest
from edge.config.yaml_nodes import ConfigError

CARD_COLUMNS = ("bundle", "hostname", "user", "ssh_key", "wifi_ssid", "wifi_password", "wifi_country")
"""What only `till-provision` reads."""
TILL_COLUMNS = ("till", "name", "user_id", "store", "pos", "timezone", "language", "support", "header", "printer")
"""What `till-relay enroll` reads."""
COLUMNS = (*CARD_COLUMNS, *TILL_COLUMNS, "token_file")

SPOILED_CELL = re.compile(r"\d([.,]\d+)?E\+\d{1,3}|#[¿¡]?(NAME|NOMBRE|NOME|VALUE|VALOR|REF|N/A|N/D)[?!]?")
"""What a spreadsheet makes of a long number, or of something that looks like a formula."""
SPOILED = "a spreadsheet took the text for a number; format the column as text, and type it again"
SEPARATOR_LINE = re.compile(r'"?sep=."?')


@dataclass(frozen=True)
class Row:
    """One line of the table. An empty cell, or a missing column, takes its value from the command line."""

    line: int
    cells: dict[str, str]
    faults: tuple[str, ...] = ()
    """What is wrong with the line as a line of a table; a cell that a spreadsheet changed is left out of `cells`."""

    @property
    def bundle(self) -> str:
        """The folder of the till's bundle, relative to the table: the till's id unless there is a cell for it."""
        return self.cells.get("bundle") or self.cells.get("till", "")


def load(path: Path, required: Sequence[str]) -> list[Row]:
    """The rows of a file, which has one of the `required` columns. Raises `ConfigError` if these can't be told."""
    try:
        (line, heading), *others = _lines(path)
    except BadValueError as error:
        raise ConfigError([f"{path}:{error}"]) from None
    names = [name.lower() for name in heading]
    while not names[-1]:  # columns that were emptied in Excel
        names.pop()
    if faults := [f"{path}:{line}: {fault}" for fault in _heading(names, required)]:
        raise ConfigError(faults)
    return [_row(line, names, cells) for line, cells in others]


def _row(line: int, names: list[str], cells: list[str]) -> Row:
    spoiled = {name for name, cell in zip(names, cells, strict=False) if SPOILED_CELL.fullmatch(cell)}
    faults = [f"{name}: {SPOILED}" for name in names if name in spoiled]
    if any(cells[len(names) :]):
        faults.insert(0, "has more cells than columns; put a text with a comma in quotes")
    kept = {name: cell for name, cell in zip(names, cells, strict=False) if name not in spoiled}
    return Row(line, kept, tuple(faults))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    lines = _text(path).splitlines()
    if lines and SEPARATOR_LINE.fullmatch(lines[0]):
        lines[0] = ""  # for Excel only
    heading = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(",;\t", key=heading.count), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise BadValueError(f"{reader.line_num}: is no table ({error}); does a quote lack its partner?") from None
    if len(rows) < 2:
        raise BadValueError(
            f" has no tills; the first line names the columns ({', '.join(COLUMNS)}), each other is a till"
        )
    return rows


def _heading(names: list[str], required: Sequence[str]) -> Iterator[str]:
    if not any(closest(name, COLUMNS) for name in names):  # not quoted: one may be a password
        yield f"is not the names of the columns ({', '.join(COLUMNS)}); put a line with them before the tills"
        return
    for name in names:
        near = closest(name, COLUMNS)
        if name not in COLUMNS:
            yield f"{name}: there is no such column; " + (
                f"did you mean {near}?" if near else f"use {', '.join(COLUMNS)}"
            )
        elif names.count(name) > 1:
            yield f"{name}: is here twice; remove one of them"
    if not set(required) & set(names):
        yield f"{required[0]}: there is no such column; add it"


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadValueError(f" can't be read: {error.strerror}") from None
    if b"\0" in content:
        raise BadValueError(" is no text table; save it as CSV (UTF-8)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
