"""From the start of the process until it is ready to sell."""

import time
from pathlib import Path

from benchmarks.contenders import Contender, pair
from benchmarks.figures import Cell, Limit, Part, Table, median, p99, ratio

STARTS = 10
LIMITS = (Limit("start to ready, till-edge / bare script", 0.7),)
HEAD = ("who", "median s", "longest s")
NOTE = """\
{starts} starts each, in turn, after one that doesn't count, so that files are in memory and modules compiled. till-edge
is ready when it publishes `ready`: it has checked its journal and reached broker, printer and Mercado Pago. The bare
script is ready when it has subscribed at the broker. After a Pi was switched on, all is read from the card as well."""


def measure(folder: Path, _sales: int) -> Part:
    """Start both so often."""
    with pair(folder / "start") as both:
        for contender in both.both:
            contender.sell()
        both.settle()
        both.in_turn(1, restart)
        ours, theirs = both.in_turn(STARTS, restart)
    medians = ratio(median(ours), median(theirs))
    rows: tuple[tuple[Cell, ...], ...] = (
        ("bare script", median(theirs), p99(theirs)),
        ("till-edge", median(ours), p99(ours)),
        ("till-edge / bare script", medians, ratio(p99(ours), p99(theirs))),
    )
    return Part((Table("Start", NOTE.format(starts=STARTS), HEAD, rows),), (medians,))


def restart(contender: Contender) -> float:
    """Seconds until it is ready."""
    contender.stop()
    began = time.monotonic()
    contender.start()
    return time.monotonic() - began
