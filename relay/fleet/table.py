"""The table of tills as people see it: a summary, and as many rows as fit, the most urgent first. Pure.

Texts of a till are drawn as `Text`, so that nothing in them is taken for markup. `now` is a parameter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from relay.fleet.facts import clean
from relay.fleet.rows import PRINTER_WORDS, TO_BE_CHECKED, Check, Help, Row, checks_of, counts_of, spaced

HEADER_LINES = 2
COLUMN_GAP = 2
"""Characters between two columns of the table."""
MIN_FULL_WIDTH = 100
"""Characters that a terminal must have to show all columns."""
STYLES = {
    Help.DARK: "bold white on red3",
    Help.ATTENTION: "bold red",
    Help.UNREACHABLE: "red",
    Help.PRINTER: "dark_orange",
    Help.POLLING: "yellow",
    Help.CLOCK: "yellow",
    Help.OTHER: "yellow",
    Help.BUSY: "cyan",
    Help.CLOSED: "dim",
    Help.READY: "green",
}


def picture(rows: list[Row], now: datetime, notes: Iterable[Text], console: Console, height: int) -> RenderableType:
    """Draw the summary, `notes` and as many rows as fit into `height` lines; rows are wrapped if there is room."""
    width = console.width
    head = [summary(rows), *notes, Text()]
    room = height - sum(len(console.render_lines(line)) for line in head) - HEADER_LINES
    if len(rows) <= room:
        full = table(rows, now, width, wrap=True)
        fits = len(console.render_lines(full)) <= room + HEADER_LINES
        return Group(*head, full if fits else table(rows, now, width))
    shown = rows[: max(room - 1, 0)]
    hidden = counts_of(rows[len(shown) :])
    more = Text(f"and {hidden['tills']} more: {_counted(hidden)}", "dim")
    return Group(*head, table(shown, now, width), more)


def summary(rows: list[Row]) -> Text:
    """Draw the line that counts the tills by the help and the check that they need."""
    counts = counts_of(rows)
    if not counts["tills"]:
        return Text("No till has published a status, or we may not read it.", "bold")
    text = Text.assemble((f"{_tills(counts['tills'])}: ", "bold"))
    text.append(_counted(counts), "bold")
    text.highlight_words([f"{counts['dark']} dark"], STYLES[Help.DARK])
    text.highlight_regex(r"\d+ needs? a look", "bold dark_orange")
    text.highlight_regex(r"\d+ closed", "dim")
    text.highlight_regex(r"\d+ ready", "bold green")
    behind = sum(row.is_behind for row in rows)
    return text.append_text(_checks(rows)).append(f" · {behind} behind the newest version" if behind else "", "yellow")


def _checks(rows: list[Row]) -> Text:
    """Draw how many tills need a check."""
    counts = checks_of(rows)
    if counts[Check.UNKNOWN]:
        return Text(" · check: none that we may read", "dim")
    words = ", ".join(f"{counts[check]} {check.value}" for check in TO_BE_CHECKED if counts[check])
    return Text(f" · check: {words}" if words else "", "yellow")


def table(rows: list[Row], now: datetime, width: int, wrap: bool = False) -> Table:
    """Draw the rows. Without `wrap` each row is one line, cut where it is too long."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="dim", border_style="dim")
    columns = [column for column in COLUMNS if width >= MIN_FULL_WIDTH or not column.needs_room]
    cells = [[column.draw(row, now) for row in rows] for column in columns]
    wrongs = [_wrong_cell(row, now) for row in rows]
    for column, texts in zip(columns, cells, strict=True):
        broad = min(max(map(cell_len, [column.name, *map(str, texts)])), column.widest)
        drawn.add_column(column.name, width=broad, no_wrap=True, justify=column.justify)
        width -= broad + COLUMN_GAP
    broad = max(map(cell_len, ["what is wrong", *map(str, wrongs)]))
    drawn.add_column("what is wrong", width=max(min(broad, width - 1), 1), no_wrap=not wrap)
    for row, *line in zip(rows, *cells, wrongs, strict=True):
        drawn.add_row(*line, style="dim" if row.help is Help.CLOSED else "")
    return drawn


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in two units at most; "" if the moment is unknown."""
    if moment is None:
        return ""
    seconds = max(int((now - moment).total_seconds()), 0)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours}h" if days < 100 else f"{days}d"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m" if minutes else f"{seconds}s"


def _till_cell(row: Row, now: datetime) -> Text:
    return Text(row.till, "bold red" if row.help is Help.DARK else "bold")


def _state_cell(row: Row, now: datetime) -> Text:
    state = spaced(row.status.state) or "?"
    words = {Help.DARK: " DARK ", Help.CLOSED: "closed"}
    return Text.assemble((words.get(row.help, state), STYLES[row.help]))


def _since_cell(row: Row, now: datetime) -> Text:
    return Text(ago(row.status.since, now))


def _printer_cell(row: Row, now: datetime) -> Text:
    printer = row.status.printer
    style = STYLES[Help.PRINTER] if printer in PRINTER_WORDS else "" if printer == "ready" else "dim"
    return Text(spaced(printer), style)


def _ticket_cell(row: Row, now: datetime) -> Text:
    return Text(ago(row.status.last_ticket, now))


def _version_cell(row: Row, now: datetime) -> Text:
    return Text(row.status.version, "yellow" if row.is_behind else "dim")


def _wrong_cell(row: Row, now: datetime) -> Text:
    wrong = Text("; ".join(row.wrong), "bold red" if row.help is Help.DARK else "")
    return Text("; ").join(filter(None, (wrong, Text(_of_check(row, now), "yellow"))))


def _of_check(row: Row, now: datetime) -> str:
    """Return what the last check found wrong."""
    if row.check is Check.FAILED:
        when, parts = ago(row.record.at, now), clean(", ".join(map(spaced, row.record.failed)))
        return f"its check failed{f' {when} ago' if when else ''}: {parts}".removesuffix(": ")
    unreadable = f"the record of its check can't be read: {row.record.unreadable}"
    return {Check.NEVER: "never checked", Check.UNREADABLE: unreadable}.get(row.check, "")


@dataclass(frozen=True)
class Column:
    """One column before the last. One that `needs_room` is left out on a narrow terminal."""

    name: str
    draw: Callable[[Row, datetime], Text]
    justify: Literal["left", "right"] = "left"
    widest: int = 12
    needs_room: bool = False


COLUMNS = (
    Column("till", _till_cell, widest=24),
    Column("state", _state_cell),
    Column("since", _since_cell, justify="right"),
    Column("printer", _printer_cell),
    Column("last ticket", _ticket_cell, justify="right"),
    Column("version", _version_cell, needs_room=True),
)


def _counted(counts: Mapping[str, int]) -> str:
    look = "needs a look" if counts["need_a_look"] == 1 else "need a look"
    words = {"dark": "dark", "need_a_look": look, "closed": "closed", "ready": "ready"}
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])


def _tills(number: int) -> str:
    return "1 till" if number == 1 else f"{number} tills"
