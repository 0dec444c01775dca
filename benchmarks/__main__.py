"""`make bench`: measure everything, and write docs/performance.md; or one part, to the screen.

A part that fails costs its own figures only, and the page says why they are missing.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import ModuleType

from benchmarks import (
    at_rest,
    button,
    drain,
    instructions,
    latency,
    relay_beside_express,
    sale_cost,
    scale,
    sound,
    start,
)
from benchmarks.figures import Part, Table, reason_of, shown, table_text
from benchmarks.page import PAGE, TARGETS_HEAD, Outcome, limit_row, load, text

PARTS: dict[str, ModuleType] = {
    "latency": latency,
    "button": button,
    "cost": sale_cost,
    "rest": at_rest,
    "start": start,
    "drain": drain,
    "scale": scale,
    "relay": relay_beside_express,
    "sound": sound,
    "instructions": instructions,
}
"""Each has `LIMITS`, and `measure(folder, sales)`, which returns a `Part`."""
SWITCH_INTERVAL_S = 0.0005
"""Mercado Pago and the printer are threads here: none is to wait long for another."""


def main() -> int:
    """Returns the exit code: 1 if a part failed."""
    parser = argparse.ArgumentParser("python -m benchmarks")
    parser.add_argument("--sales", type=int, default=200, help="how many for each figure; default: %(default)s")
    parser.add_argument("--only", default="", help=f"one of {', '.join(PARTS)}")
    options = parser.parse_args()
    if options.only and options.only not in PARTS:
        parser.error(f"there is no part {options.only}; choose one of {', '.join(PARTS)}")
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    before = load()
    outcomes = [run(name, options.sales) for name in ([options.only] if options.only else PARTS)]
    if options.only:
        print(short(outcomes[0]))
    else:
        PAGE.write_text(text(outcomes, before))
        print(f"written: {PAGE}")
    return int(any(not table.rows for outcome in outcomes for table in outcome.part.tables))


def run(name: str, sales: int) -> Outcome:
    """Measure one part. Whatever goes wrong in it is shown, and told in its figures."""
    part, began = PARTS[name], time.monotonic()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="till-edge-bench-") as folder:
            found = part.measure(Path(folder), sales)
    except Exception as error:
        traceback.print_exc()
        reason = reason_of(error)
        found = Part((Table(f"Missing: {name}", f"N{shown(reason)[1:]}.", (), ()),), (reason,) * len(part.LIMITS))
    took = time.monotonic() - began
    print(f"{took:.0f} s", file=sys.stderr, flush=True)
    return Outcome(found, part.LIMITS, took)


def short(outcome: Outcome) -> str:
    """A part alone."""
    rows = tuple(limit_row(*target) for target in outcome.targets)
    targets = Table("Targets", f"Load: {load():.1f}.", TARGETS_HEAD, rows)
    return "\n".join(map(table_text, (*outcome.part.tables, targets)))


if __name__ == "__main__":
    sys.exit(main())
