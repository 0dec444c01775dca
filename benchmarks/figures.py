"""What is measured, and how it is shown: samples, their medians and 99th percentiles, ratios, tables, targets.

A figure that couldn't be measured is a value of its own and says why. It is never zero, and whatever is computed from
it couldn't be measured either.
"""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Unmeasured:
    """A figure that is missing, and why."""

    reason: str


Figure = float | Unmeasured
Cell = str | Figure
"""What stands in a table."""


def median(values: Iterable[float]) -> Figure:
    """The middle one; of an even number, the mean of the two in the middle."""
    found = list(values)
    return statistics.median(found) if found else Unmeasured("no values")


def p99(values: Iterable[float]) -> Figure:
    """The smallest value that 99 % of them don't exceed."""
    found = sorted(values)
    return found[math.ceil(0.99 * len(found)) - 1] if found else Unmeasured("no values")


def combined(compute: Callable[..., float], *figures: Figure) -> Figure:
    """Compute a figure from others, of which each has to be measured."""
    for figure in figures:
        if isinstance(figure, Unmeasured):
            return figure
    return compute(*figures)


def ratio(ours: Figure, theirs: Figure) -> Figure:
    """How many times theirs is ours."""
    if theirs == 0:
        return Unmeasured("the other figure is 0")
    return combined(lambda one, other: one / other, ours, theirs)


def reason_of(error: BaseException) -> Unmeasured:
    """What couldn't be measured because of an error."""
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    return Unmeasured(first_line)


@dataclass(frozen=True)
class Limit:
    """A target: what is to be at most how much, in which unit; a ratio has none. `at_least` turns it round."""

    what: str
    bound: float
    unit: str = ""
    at_least: bool = False

    def kept_by(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound


@dataclass(frozen=True)
class Table:
    """A table of the page: `note` says in plain words what its figures mean."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Part:
    """What one benchmark found: its tables, and a figure for each of its limits, in their order."""

    tables: tuple[Table, ...]
    reached: tuple[Figure, ...] = ()


# --- as text -------------------------------------------------------------------------------------------------------


def shown(cell: Cell) -> str:
    """A figure with three digits that count; thousands with commas."""
    match cell:
        case str():
            return cell
        case Unmeasured(reason):
            return f"not measured: {reason}"
        case value if value == 0 or not math.isfinite(value):
            return f"{value:g}"
        case value:
            digits = max(0, 2 - math.floor(math.log10(abs(value))))
            return f"{value:,.{digits}f}"


def table_text(table: Table) -> str:
    """The table in Markdown, below its title and its note; numbers stand on the right."""
    if not table.rows:
        return f"## {table.title}\n\n{table.note}\n"
    rule = ["---"] + ["---:"] * (len(table.head) - 1)
    lines = [table.head, rule, *([shown(cell) for cell in row] for row in table.rows)]
    return f"## {table.title}\n\n{table.note}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def limit_row(limit: Limit, figure: Figure) -> tuple[Cell, ...]:
    """A row of the table of targets."""
    unit = limit.unit and f" {limit.unit}"
    bound = f"at {'least' if limit.at_least else 'most'} {shown(limit.bound)}{unit}"
    if isinstance(figure, Unmeasured):
        return limit.what, bound, figure, ""
    return limit.what, bound, f"{shown(figure)}{unit}", "yes" if limit.kept_by(figure) else "**no**"
