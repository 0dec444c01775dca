"""From the doorbell to the first byte of the ticket: what a cashier waits for, without paper and without the relay.

Mercado Pago answers at once, after 50 ms, or after 200 ms, which is what a shop sees. An order was seen on the till
before it was paid, or is heard of for the first time when it is.
"""

import traceback
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Pair, pair
from benchmarks.figures import Cell, Figure, Limit, Part, Table, Unmeasured, median, p99, ratio, reason_of

MS = 1000
DELAYS_S = (0.2, 0.05, 0.0)
WARM_UPS = 5
ORDERS_API_DELAY_S = 0.2
"""With Mercado Pago's newer API one situation is measured: the usual one."""


@dataclass(frozen=True)
class Situation:
    """What is sold how. The `limit`s are of the ratio of the medians, and of the 99th percentiles."""

    api: str
    delay_s: float
    seen: bool

    def __str__(self) -> str:
        how = "seen on the till before" if self.seen else "never seen before"
        return f"{self.api}, {self.delay_s * MS:.0f} ms, {how}"


INSTORE = [Situation("instore", delay, seen) for seen in (True, False) for delay in DELAYS_S]
ORDERS = [Situation("orders", ORDERS_API_DELAY_S, True)]
MEDIAN_RATIOS = {0.2: 1.1, 0.05: 1.3, 0.0: 3.0}
P99_RATIO = 1.3
P99_DELAYS_S = (0.2, 0.05)
LIMITS = (
    *(Limit(f"median, till-edge / bare script: {each}", MEDIAN_RATIOS[each.delay_s]) for each in INSTORE),
    *(Limit(f"p99, till-edge / bare script: {each}", P99_RATIO) for each in INSTORE if each.delay_s in P99_DELAYS_S),
)
HEAD = (
    "Mercado Pago's API, its delay, the order",
    "bare: median ms",
    "p99",
    "till-edge: median ms",
    "p99",
    "ratio: median",
    "p99",
)
NOTE = """\
From the moment before the doorbell is published to the first byte at the printer that is to be printed; what the till
asks the printer in real time is none. {sales} sales each, in turn, after {warm_ups} that don't count. The p99 is the
value that 99 % don't exceed: of 200, two are larger. Mercado Pago is simulated over plain HTTP on the loopback, and
answers each question after the delay, head and body in one piece. A new connection costs nothing there; over the
internet it costs two or three times the delay. The bare script opens one for each order, till-edge keeps its own open:
so the comparison is in favour of the bare script."""


@dataclass(frozen=True)
class Found:
    """Seconds of each sale; or why there are none."""

    ours: list[float]
    theirs: list[float]
    missing: Unmeasured | None = None

    @property
    def median(self) -> Figure:
        return self.missing or ratio(median(self.ours), median(self.theirs))

    @property
    def p99(self) -> Figure:
        return self.missing or ratio(p99(self.ours), p99(self.theirs))

    def row(self, what: str) -> tuple[Cell, ...]:
        if self.missing:
            return what, self.missing, *[""] * 5
        ours, theirs = ([value * MS for value in values] for values in (self.ours, self.theirs))
        return what, median(theirs), p99(theirs), median(ours), p99(ours), self.median, self.p99


def measure(folder: Path, sales: int) -> Part:
    """All situations, each in shops of its own: one that fails costs its own figures only."""
    found = {each: _attempt(folder / f"{number}", each, sales) for number, each in enumerate(INSTORE + ORDERS)}
    reached = [found[each].median for each in INSTORE]
    reached += [found[each].p99 for each in INSTORE if each.delay_s in P99_DELAYS_S]
    rows = tuple(each.row(str(situation)) for situation, each in found.items())
    note = NOTE.format(sales=sales, warm_ups=WARM_UPS)
    return Part((Table("From the doorbell to the ticket's first byte", note, HEAD, rows),), tuple(reached))


def _attempt(folder: Path, situation: Situation, sales: int) -> Found:
    try:
        with pair(folder, situation.api) as both:
            return one(both, situation, sales)
    except Exception as error:
        traceback.print_exc()
        return Found([], [], reason_of(error))


def one(both: Pair, situation: Situation, sales: int) -> Found:
    """Sell so often with both, in turn."""
    for _ in range(WARM_UPS):
        _round(both, situation)
    rounds = [_round(both, situation) for _ in range(sales)]
    return Found([ours for ours, _ in rounds], [theirs for _, theirs in rounds])


def _round(both: Pair, situation: Situation) -> tuple[float, float]:
    """A sale of ours and one of theirs. Returns the seconds of each."""
    both.settle()
    both.delay(0)  # of what comes before the payment nothing is measured
    theirs, ours = (contender.put() for contender in both.both)
    if situation.seen:
        both.theirs.announce(theirs)
        both.ours.announce(ours)
        for contender in both.both:
            contender.wait_until_noticed()
    both.delay(situation.delay_s)
    took = both.theirs.finish(theirs)
    return both.ours.finish(ours), took
