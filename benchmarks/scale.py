"""What grows with what: orders in the journal, items on a ticket, doorbells that wait. Straight lines, or a reason."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import Contender, Pair, TillEdge, pair
from benchmarks.drain import waited
from benchmarks.figures import Cell, Figure, Limit, Part, Table, combined, median, ratio
from benchmarks.full_journal import fill
from benchmarks.process import KIB, cpu_s, resident_kib
from benchmarks.start import restart
from sim.mercadopago.account import Line

MS = 1000
ORDERS = (10, 10_000, 100_000)
ITEMS = (1, 10, 100, 500)
DOORBELLS = (1, 10, 100, 1000)
STARTS = 3
TICKETS = 10
WARM_UPS = 5
LIMITS = (
    Limit("CPU per sale with 100,000 orders in the journal / with 10", 1.2),
    Limit("doorbell to first byte with 100,000 orders in the journal / with 10", 1.2),
)

JOURNALS_HEAD = ("orders", "file MiB", "start s", "memory MiB", "CPU per sale ms", "doorbell to first byte ms")
JOURNALS_NOTE = """\
Tills that remember so many printed orders; {sales} sales each, in turn, with Mercado Pago answering at once. Medians;
of the CPU, the mean: it has in it each step of the till and each commit. A shop with 300 sales a day has 9,000 orders
in its journal."""
TICKETS_HEAD = (
    "items",
    "bare: first byte ms",
    "whole ticket ms",
    "till-edge: first byte ms",
    "whole ticket ms",
    "ratio",
)
TICKETS_NOTE = """\
From the doorbell, the median of {tickets} tickets each. The whole ticket has in it the time that the simulated printer
takes to draw it."""
DOORBELLS_HEAD = ("doorbells", "bare: s", "ms each", "till-edge: s", "ms each", "ratio")
DOORBELLS_NOTE = """\
So many orders were paid while the till was off, and their doorbells wait at the broker; Mercado Pago answers at once.
The time runs from the start of the process to the last whole ticket."""


def measure(folder: Path, sales: int) -> Part:
    """The three."""
    journals, reached = _journals(folder / "journals", max(TICKETS, sales // 4))
    with pair(folder / "growth") as both:
        for contender in both.both:
            contender.sell()
            contender.settle()
        tickets = Table("Items on a ticket", TICKETS_NOTE.format(tickets=TICKETS), TICKETS_HEAD, tuple(_tickets(both)))
        doorbells = Table("Doorbells that wait", DOORBELLS_NOTE, DOORBELLS_HEAD, tuple(_doorbells(both, sales)))
    return Part((journals, tickets, doorbells), reached)


# --- orders in the journal -----------------------------------------------------------------------------------------


@dataclass
class Remembering:
    """A till that remembers so many orders, and what was measured of it: seconds, and MiB."""

    orders: int
    till: TillEdge
    file_mib: float
    starts: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def restart(self) -> None:
        self.starts.append(restart(self.till))

    def warm_up(self) -> None:
        self.till.sell()
        self.till.settle()

    def sell(self) -> None:
        before = cpu_s(self.till.pid)
        self.first_bytes.append(self.till.sell())
        self.till.settle()
        self.cpu_s.append(cpu_s(self.till.pid) - before)

    @property
    def mean_cpu_ms(self) -> float:
        return sum(self.cpu_s) / len(self.cpu_s) * MS

    @property
    def row(self) -> tuple[Cell, ...]:
        memory: Figure = combined(lambda kib: kib / KIB, resident_kib(self.till.pid))
        first_byte = median(value * MS for value in self.first_bytes)
        return f"{self.orders:,}", self.file_mib, median(self.starts), memory, self.mean_cpu_ms, first_byte


def _journals(folder: Path, sales: int) -> tuple[Table, tuple[Figure, ...]]:
    with ExitStack() as open_tills:
        tills = [_remembering(folder / str(orders), orders, open_tills) for orders in ORDERS]
        _in_turn(tills, STARTS, Remembering.restart)
        _in_turn(tills, WARM_UPS, Remembering.warm_up)
        _in_turn(tills, sales, Remembering.sell)
        rows = tuple(each.row for each in tills)
    table = Table("Orders in the journal", JOURNALS_NOTE.format(sales=sales), JOURNALS_HEAD, rows)
    least, most = tills[0], tills[-1]
    return table, (
        ratio(most.mean_cpu_ms, least.mean_cpu_ms),
        ratio(median(most.first_bytes), median(least.first_bytes)),
    )


def _in_turn(tills: list[Remembering], rounds: int, act: Callable[[Remembering], None]) -> None:
    for _ in range(rounds):
        for each in tills:
            act(each)


def _remembering(folder: Path, orders: int, open_tills: ExitStack) -> Remembering:
    till = TillEdge(folder)
    journal = till.shop.folder / "journal.db"
    fill(journal, orders)
    size = journal.stat().st_size / KIB / KIB
    return Remembering(orders, open_tills.enter_context(till), size)


# --- items and doorbells -------------------------------------------------------------------------------------------


def _tickets(both: Pair) -> Iterator[tuple[Cell, ...]]:
    for count in ITEMS:
        goods: tuple[Line, ...] = tuple((f"Artículo {number}", 1, "10.00") for number in range(count))
        ours, theirs = both.in_turn(TICKETS, lambda contender, goods=goods: _ticket(contender, goods))
        (our_first, our_whole), (their_first, their_whole) = (_medians(each) for each in (ours, theirs))
        yield f"{count}", their_first, their_whole, our_first, our_whole, ratio(our_whole, their_whole)


def _ticket(contender: Contender, goods: tuple[Line, ...]) -> tuple[float, float]:
    """Milliseconds from the doorbell to the first byte, and to the whole ticket."""
    contender.settle()
    first = contender.finish(contender.put(goods))
    whole = contender.finished_at() - contender.rung_at
    return first * MS, whole * MS


def _medians(pairs: list[tuple[float, float]]) -> tuple[Figure, Figure]:
    return median(first for first, _ in pairs), median(whole for _, whole in pairs)


def _doorbells(both: Pair, sales: int) -> Iterator[tuple[Cell, ...]]:
    for count in (count for count in DOORBELLS if count <= sales * 5):
        ours, theirs = both.in_turn(1, lambda contender, count=count: waited(contender, count))
        each = (theirs[0], theirs[0] / count * MS, ours[0], ours[0] / count * MS)
        yield f"{count:,}", *each, ratio(ours[0], theirs[0])
