"""How many notifications the relay takes a second, beside the receiver that people write in Express: the short form.

`relay_load.py` has the long one, in which things fail.
"""

import shutil
from pathlib import Path

from benchmarks.figures import Cell, Limit, Part, Table, median, ratio
from benchmarks.relay_load import RECEIVERS, Result, nothing, run

ROUNDS = 2
SECONDS = 6
NEEDED = ("wrk", "node", "npm")
LIMITS = (
    Limit("relay: notifications a second, till-relay / Express", 0.6, at_least=True),
    Limit("relay: accepted notifications without a doorbell", 0),
)
HEAD = ("receiver", "accepted a second", "p50 ms", "p99 ms", "accepted", "lost")
NOTE = """\
{rounds} rounds of {seconds} s each, in turn, 32 connections for a thousand tills; medians, and sums of what was
accepted and lost. till-relay answers when the broker has acknowledged, Express before it publishes. wrk, broker and
receiver share the machine's cores. When something fails: [relay/README.md](../relay/README.md#how-much-it-carries)."""


def measure(_folder: Path, _sales: int) -> Part:
    """Load both in turn. Raises `FileNotFoundError`."""
    missing = [program for program in NEEDED if not shutil.which(program)]
    if missing:
        raise FileNotFoundError(f"missing: {', '.join(missing)} (apt install wrk nodejs npm)")
    found: dict[str, list[Result]] = {name: [] for name in RECEIVERS}
    for _ in range(ROUNDS):
        for name, kind in RECEIVERS.items():
            found[name].append(run(kind, nothing, durable=False, seconds=SECONDS))
    ours, theirs = found.values()
    rows = tuple(_row(name, results) for name, results in found.items())
    table = Table("The relay", NOTE.format(rounds=ROUNDS, seconds=SECONDS), HEAD, rows)
    rates = ratio(median(each.per_second for each in ours), median(each.per_second for each in theirs))
    return Part((table,), (rates, float(sum(each.lost for each in ours))))


def _row(name: str, results: list[Result]) -> tuple[Cell, ...]:
    middle = [median(getattr(each, what) for each in results) for what in ("per_second", "p50", "p99")]
    return name, *middle, f"{sum(each.taken for each in results):,}", f"{sum(each.lost for each in results):,}"
