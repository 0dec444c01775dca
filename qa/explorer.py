"""Walks every history of a small shop over the pure core, within a limit of faults, and checks each world.

A world (`qa.world`) is the till, Mercado Pago's books, the paper, and what is under way. From a world lead moves
(`qa.moves`): somebody pays, a doorbell comes, a worker ends its duty well or badly, time passes, the power goes. In
each one the promise is checked (`qa.promise`). `python -m qa.explorer --faults N` walks further and prints what it saw.
"""

import argparse
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from edge.core import events
from edge.core.agenda import LISTS, LOOKS
from edge.core.cashier import HOLD_COUNTS_S, SETTLE_S
from edge.core.evidence import FRESH_READING_S, LIST_PATIENCE_S
from edge.core.failures import SLIP_EVERY_S
from edge.core.state import Till
from qa.moves import READY, Limits, Move, doorbells, moves, passing, payments, prints
from qa.promise import check, check_end, check_prompt
from qa.world import AT_OUR_POS, SETTINGS, Books, Broken, World, learn

QUIET = 1300.0
"""Seconds in which nothing new happens: two sweeps and the time of grace have passed."""

# --- from here on all goes well ------------------------------------------------------------------------------------


def calm(world: World) -> Iterator[World]:
    """All goes well from here on, until `QUIET` seconds bring nothing new: every world on the way."""
    quiet_since = world.now
    while world.now - quiet_since < QUIET:
        yield world
        after = next(all_well(world))
        if any(
            getattr(after, what) != getattr(world, what)
            for what in ("paper", "books", "rings", "concerns", "questions")
        ):
            quiet_since = after.now
        world = after
    yield world


def all_well(world: World) -> Iterator[World]:
    """The next step where nothing fails."""
    calm_limits = Limits(faults=-1, acts=())
    for ways in (prints, doorbells, payments):
        yield from (after for _, after in ways(world, calm_limits))
    yield from (after for _, after in passing(world, calm_limits))


# --- the walk ------------------------------------------------------------------------------------------------------

Key = tuple[object, ...]


def key(world: World) -> Key:
    """What makes two worlds the same. Of times only this counts: whether they have come."""
    till, now = world.till, world.now
    stale = frozenset(order.reference for order in till.orders.unprinted if till.evidence.is_stale(order, now))
    printer = (till.printer.paper, till.printer.look_at <= now, till.printer.retry_at <= now, stale)
    api = (till.api.trouble, till.api.retry_at <= now)
    stands = {notice: now >= since + notice.patience_s for notice, since in till.notices.since.items()}
    rest = (
        world.books,
        world.paper,
        world.concerns,
        frozenset(world.paying),
        overtaken(till),
        world.printing,
        tuple(sorted(world.rings)),
        world.held,
        world.faults,
        tuple((cause, now < at + SLIP_EVERY_S) for cause, at in world.told),
        tuple(
            (cause, cause in till.failures.since, now < at + SLIP_EVERY_S)
            for cause, at in till.failures.last_slip_at.items()
        ),
    )
    asked = till.questions
    questions = (
        *(asked.asked, asked.out, asked.open_since is None, asked.answer, now < asked.answered_at + HOLD_COUNTS_S),
        *(world.questions, world.unknown, world.seen, world.may_be_out, world.idle, world.heard),
    )
    looks = (
        till.agenda.looks.free_at(LOOKS, now) <= now,
        till.agenda.lists.allows(LISTS, now),
        frozenset(
            (each.reading, now <= each.read_at + FRESH_READING_S, now < each.since + LIST_PATIENCE_S)
            for each in till.evidence.awaiting_pos.values()
        ),
        till.agenda.pace.factor(now) > 1,
        till.link.holds(now),
        freeze(stands),
    )
    return (
        known_to(till),
        agenda_of(till, now),
        printer,
        api,
        looks,
        questions,
        rest,
        frozenset(world.acts),
        world.proved,
        on_disk(world),
    )


def known_to(till: Till) -> Key:
    """What the till knows, times apart."""
    evidence, cashier, link = till.evidence, till.cashier, till.link
    return (
        *(frozenset(till.orders.living.items()), frozenset(till.orders.finished.items())),
        *(
            freeze(till.notices.open),
            till.notices.seen,
            till.history,
            till.sweeps.began,
            till.sweeps.swept_at is None,
            till.printer.proof,
            till.printer.slips,
            till.journal_error,
        ),
        *(freeze(evidence.pos_by_payment), freeze(evidence.rejections)),
        *(freeze(evidence.paid_twice), evidence.insisted),
        *(cashier.loaded, cashier.announced, cashier.pointed_at, cashier.cancel_wanted_at),
        frozenset((reference, placing.result) for reference, placing in till.page.placings.items()),
        *(link.broker_up, link.broker_trouble, link.broker_error, link.relay_up, link.relay_speaks),
    )


def on_disk(world: World) -> object:
    """What a power cut would leave."""
    if (disk := world.disk) is None:
        return world.unsettled
    orders = frozenset(disk.orders.living.items()), frozenset(disk.orders.finished.items())
    return world.unsettled, orders, disk.doorbells, disk.history, freeze(disk.notices.open), disk.notices.seen


def overtaken(till: Till) -> object:
    """What Mercado Pago has said since a question went out."""
    said, out = till.evidence.contradicted_at, till.agenda.under_way
    pairs = ((reference, duty, at, out[duty]) for reference, at in said.items() for duty in out)
    return frozenset((reference, duty) for reference, duty, at, asked_at in pairs if asked_at < at)


def agenda_of(till: Till, now: float) -> object:
    return frozenset(
        (
            duty,
            due.at <= now,
            due.urgent,
            min(due.failures, 2),
            due.rung_again,
            due.refused is None,
            now >= due.since + SETTLE_S,
            now >= due.since + SETTINGS.grace_s,
        )
        for duty, due in till.agenda.due.items()
    )


def freeze(mapping: Mapping[object, object]) -> object:
    return frozenset(mapping.items())


@dataclass
class Walk:
    """What was seen."""

    worlds: int = 0
    moves: int = 0
    deepest: int = 0
    seconds: float = 0.0
    complete: bool = True


def first_world(limits: Limits) -> World:
    """A till that was just started, with paper and a broker; it has asked for the time unless that may be wrong."""
    world = World(AT_OUR_POS, Books(by_id=limits.by_id), slow_disk=limits.has("slow disk"))
    for event in (events.Started(), events.BrokerConnected(), events.PrinterSeen(READY)):
        world = learn(world, event)
    if limits.has("hour"):
        return world
    while world.now < 1:
        world = next(all_well(world))
    return world


class Explorer:
    """One walk, breadth first. Raises `Broken` with the shortest history that breaks the promise."""

    def __init__(self, limits: Limits, most_worlds: int = 10**9) -> None:
        self._limits = limits
        self._most = most_worlds
        self._numbers: dict[Key, int] = {}
        self._came_from: list[tuple[int, str]] = []
        self._end_well: set[Key] = set()

    def walk(self) -> Walk:
        began = time.monotonic()
        walk = Walk()
        first = first_world(self._limits)
        queue = deque([(first, self._number(first, -1, "start"), 0)])
        while queue and walk.worlds < self._most:
            world, number, depth = queue.popleft()
            walk.worlds += 1
            walk.deepest = max(walk.deepest, depth)
            for name, after in self._look_at(world, number):
                walk.moves += 1
                if key(after) not in self._numbers:
                    queue.append((after, self._number(after, number, name), depth + 1))
        walk.complete = not queue
        walk.seconds = time.monotonic() - began
        return walk

    def _number(self, world: World, parent: int, name: str) -> int:
        self._numbers[key(world)] = len(self._came_from)
        self._came_from.append((parent, name))
        return len(self._came_from) - 1

    def _look_at(self, world: World, number: int) -> list[Move]:
        try:
            check(world)
            self._check_end(world)
            return list(moves(world, self._limits))
        except Exception as error:
            raise Broken(f"{type(error).__name__}: {error}\n{self.history(number)}") from error

    def _check_end(self, world: World) -> None:
        """From here a good end is reachable without a further fault. A world that leads to a good one is good."""
        passed = set()
        for later in calm(replace(world, acts=())):
            check(replace(later, acts=world.acts))
            check_prompt(world, later)
            if (here := key(later)) in self._end_well:
                break
            passed.add(here)
        else:
            check_end(later)
        self._end_well |= passed

    def history(self, number: int) -> str:
        """How it came to this, step by step."""
        steps = []
        while number >= 0:
            number, name = self._came_from[number]
            steps.append(name)
        return "\n".join(f"  {step:3} {name}" for step, name in enumerate(reversed(steps)))


SHOPS = {
    "a sale": ("load a", "scan a", "pay a"),
    "a cancel": ("load a", "scan a", "pay a", "hold"),
    "a cancel while somebody pays": ("load a", "lock a", "pay a", "hold"),
    "money after a cancel": ("load a", "scan a", "hold", "late a"),
    "the next sale comes meanwhile": ("load a", "pay a", "hold", "load b", "pay b"),
    "a press": ("load a", "scan a", "pay a", "press"),
    "paid twice": ("load a", "pay a", "again a"),
    "paid twice, and a press": ("load a", "pay a", "again a", "press"),
    "the links come and go": ("load a", "pay a", "flap", "hang up"),
    "a relay that is only said to be gone": ("load a", "pay a", "stale"),
    "announced late, or never": ("load a", "announce a", "pay a"),
    "told by two names": ("put a", "scan a", "pay a"),
    "a cancel by its id": ("put a", "lock a", "pay a", "hold"),
    "the next sale by its id": ("put a", "hold", "load b", "pay b"),
    "money without a place": ("load a", "pay a nowhere", "online n"),
    "the neighbour's money": ("load a", "pay a", "neighbour m"),
    "a question is refused": (
        "load a",
        "pay a",
        "forbid Sweep",
        "forbid ReadPayment",
        "forbid Search",
        "forbid LookAtTill",
    ),
    "a wrong hour": ("load a", "pay a", "hour ahead", "hour behind"),
    "written a moment later": ("load a", "scan a", "pay a", "slow disk"),
    "a cancel, written a moment later": ("load a", "pay a", "hold", "slow disk"),
    "the page's order": ("want a", "scan a", "pay a", "call off a"),
    "two orders of the page": ("want a", "pay a", "call off a", "want b"),
    "the page's order, and the shop's": ("want a", "load b", "pay a", "pay b"),
    "an unknown printer": ("load a", "pay a", "unknown printer", "press"),
}
"""Small shops, each with what can happen in it once, at any time."""


def main() -> int:
    """Walk all shops and print a table. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m qa.explorer")
    parser.add_argument("--faults", type=int, default=2)
    parser.add_argument("--worlds", type=int, default=10**9, help="at most so many in each shop")
    options = parser.parse_args()
    print(f"{'shop':32} {'worlds':>9} {'moves':>10} {'deepest':>8} {'seconds':>8}")
    walks = [(Limits(options.faults, happenings), options.worlds) for happenings in SHOPS.values()]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, walk in zip(SHOPS, pool.map(explore, *zip(*walks, strict=True)), strict=True):
            more = "" if walk.complete else "  (not all)"
            print(f"{name:32} {walk.worlds:9} {walk.moves:10} {walk.deepest:8} {walk.seconds:8.1f}{more}", flush=True)
    return 0


def explore(limits: Limits, most_worlds: int) -> Walk:
    """Walk one shop, in a process of its own. Raises `Broken`."""
    return Explorer(limits, most_worlds).walk()


if __name__ == "__main__":
    sys.exit(main())
