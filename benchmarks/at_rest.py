"""What a till costs while nobody buys: it is `ready`, its light is a steady green, and a minute passes."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, Pair, TillEdge, pair
from benchmarks.figures import Cell, Limit, Part, Table, ratio
from benchmarks.process import ThreadCost, threads

REST_S = 60.0
SETTLE_S = 10.0
"""After a sale the light blinks for three seconds; what is remembered for a few seconds is forgotten then."""
PERCENT = 100.0
HANDS = "hands"
"""What the simulated board adds to the daemon, and a Pi doesn't have."""

LIMITS = (Limit("at rest: CPU", 0.1, "%"), Limit("at rest: wake-ups a minute", 120))
HEAD = ("who", "CPU %", "wake-ups a minute")
NOTE = """\
Over {seconds:.0f} s, after one sale and a pause, both at the same time. A wake-up is a voluntary context switch: a
thread that had nothing to do was woken. The kernel counts them for each thread. What the simulation of the pins adds is
left out. In that minute till-edge asked Mercado Pago {ours} times, the bare script {theirs} times."""

Costs = dict[str, ThreadCost]
"""By the thread's name; two of one name are one."""


@dataclass(frozen=True)
class Rest:
    """What one contender did while nothing happened."""

    costs: Costs
    questions: int

    @property
    def cpu_percent(self) -> float:
        return sum(cost.cpu_s for cost in self.costs.values()) / REST_S * PERCENT

    @property
    def wakeups(self) -> float:
        return sum(cost.wakeups for cost in self.costs.values()) * 60 / REST_S


def measure(folder: Path, _sales: int) -> Part:
    """Let a minute pass."""
    with pair(folder / "rest") as both:
        for contender in both.both:
            contender.sell()
        both.settle()
        time.sleep(SETTLE_S)
        both.ours.shop.wait_for_state("ready")
        ours, theirs = rest(both)
    rows = [*_rows("bare script", theirs), *_rows("till-edge", ours)]
    ratios = ratio(ours.cpu_percent, theirs.cpu_percent), ratio(ours.wakeups, theirs.wakeups)
    rows.append(("till-edge / bare script", *ratios))
    note = NOTE.format(seconds=REST_S, ours=ours.questions, theirs=theirs.questions)
    return Part((Table("At rest", note, HEAD, tuple(rows)),), (ours.cpu_percent, ours.wakeups))


def rest(both: Pair) -> tuple[Rest, Rest]:
    """Ours and theirs."""
    asked = [len(contender.shop.mercadopago.requests) for contender in both.both]
    before = [threads(contender.pid) for contender in both.both]
    time.sleep(REST_S)
    spent = [_since(was, threads(contender.pid)) for was, contender in zip(before, both.both, strict=True)]
    found = [
        Rest(_by_name(contender, costs), len(contender.shop.mercadopago.requests) - was)
        for contender, costs, was in zip(both.both, spent, asked, strict=True)
    ]
    return found[1], found[0]


def _since(before: dict[int, ThreadCost], now: dict[int, ThreadCost]) -> dict[int, ThreadCost]:
    return {number: cost - before.get(number, ThreadCost(0, 0)) for number, cost in now.items()}


def _by_name(contender: Contender, costs: dict[int, ThreadCost]) -> Costs:
    names = contender.shop.board.threads if isinstance(contender, TillEdge) else {contender.pid: "MainThread"}
    found: Costs = {}
    for number, cost in costs.items():
        name = names.get(number, "not Python's")
        known = found.get(name, ThreadCost(0, 0))
        found[name] = ThreadCost(known.cpu_s + cost.cpu_s, known.wakeups + cost.wakeups)
    found.pop(HANDS, None)
    return found


def _rows(name: str, rest: Rest) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [(f"**{name}**", rest.cpu_percent, rest.wakeups)]
    for thread, cost in sorted(rest.costs.items(), key=lambda each: -each[1].wakeups):
        rows.append((f"{name}, thread {thread}", cost.cpu_s / REST_S * PERCENT, cost.wakeups * 60 / REST_S))
    return rows
