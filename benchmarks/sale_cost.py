"""What a sale costs: processor time, bytes for the disk, waits for the disk; and the memory after a thousand."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import Contender, Pair, pair
from benchmarks.figures import Cell, Figure, Limit, Part, Table, Unmeasured, combined, median, p99, ratio
from benchmarks.process import KIB, cpu_s, resident_kib, written_kib
from benchmarks.system_calls import Calls, traced

MS = 1000
WARM_UPS = 10
SALES_BEFORE_MEMORY = 5
"""Times as many sales as in the other benchmarks: a thousand, as a rule."""
SALES_ALONE = 5
LIGHT_S = 4.0
"""It blinks for three seconds after a ticket."""
MAX_TRACED_SALES = 50
"""Each system call stops the till for a while under strace, so these are apart from all that is timed."""
NOT_YET = Unmeasured("nothing was sold")

LIMITS = (
    Limit("CPU per sale", 12, "ms"),
    Limit("written per sale", 32, "KiB"),
    Limit("fsyncs per sale", 4),
    Limit("memory after 1,000 sales, till-edge / bare script", 1.2),
)
HEAD = ("a sale", "bare script", "till-edge", "ratio")
NOTE = """\
{sales} sales each, in turn, with Mercado Pago answering at once, of orders never seen before; {warm_ups} before them
don't count. CPU is the time that the kernel gave the process, all its threads, in user and system mode, from the
doorbell until nothing was asked of Mercado Pago for 50 ms. *Until the light is steady again* are {light:.0f} s, so that
the blinking and a rest of that length are in it; {alone} sales each. *For the disk* is `write_bytes` of `/proc/PID/io`:
whole pages, which is what a memory card gets; what the file system adds comes on top. *Into its files* is what the
program handed over, counted by strace, as are the fsyncs, in {traced} further sales. Memory is RSS, shared libraries
included: nobody shares them on a Pi. The daemon logs as it does by default, into a file that counts little."""


@dataclass
class Cost:
    """What one contender used: seconds of the processor for each sale, and the rest on average."""

    contender: Contender
    cpu_s: list[float] = field(default_factory=list)
    written_kib: Figure = NOT_YET
    questions: Figure = NOT_YET
    light_ms: Figure = NOT_YET
    """Milliseconds of the processor until the light is steady again."""
    memory_mib: Figure = NOT_YET

    @property
    def mean_cpu_ms(self) -> float:
        return sum(self.cpu_s) / len(self.cpu_s) * MS

    def sell(self) -> None:
        before = cpu_s(self.contender.pid)
        self.contender.sell()
        self.contender.settle()
        self.cpu_s.append(cpu_s(self.contender.pid) - before)

    def sell_alone(self) -> None:
        """A few sales with all that follows, in the light's own time."""
        before = cpu_s(self.contender.pid)
        for _ in range(SALES_ALONE):
            self.contender.sell()
            time.sleep(LIGHT_S)
        self.light_ms = (cpu_s(self.contender.pid) - before) / SALES_ALONE * MS

    def weigh(self) -> None:
        self.memory_mib = combined(lambda kib: kib / KIB, resident_kib(self.contender.pid))


def measure(folder: Path, sales: int) -> Part:
    """Everything."""
    with pair(folder / "sales") as both:
        theirs, ours = costs = [Cost(contender) for contender in both.both]
        rush(both, WARM_UPS)
        sell(costs, sales)
        for each in costs:
            each.sell_alone()
        rush(both, sales * (SALES_BEFORE_MEMORY - 1))
        for each in costs:
            each.weigh()
        calls = traced(both.ours, min(sales, MAX_TRACED_SALES))
    reached = (ours.mean_cpu_ms, ours.written_kib, calls.syncs, ratio(ours.memory_mib, theirs.memory_mib))
    return Part((_table(theirs, ours, calls, sales),), reached)


def sell(costs: list[Cost], sales: int) -> None:
    """Sell so often with both, in turn, each sale by itself."""
    before = [_so_far(each.contender) for each in costs]
    for _ in range(sales):
        for each in costs:
            each.sell()
    for each, (written, asked) in zip(costs, before, strict=True):
        written_now, asked_now = _so_far(each.contender)
        each.written_kib = combined(lambda now, was: (now - was) / sales, written_now, written)
        each.questions = (asked_now - asked) / sales


def _so_far(contender: Contender) -> tuple[Figure, int]:
    return written_kib(contender.pid, contender.shop.folder), len(contender.shop.mercadopago.requests)


def rush(both: Pair, sales: int) -> None:
    """Sell so often with both, one sale right after the other."""
    for _ in range(sales):
        for contender in both.both:
            contender.finish(contender.put())
            contender.wait_for_tickets()
    both.settle()


def _table(theirs: Cost, ours: Cost, calls: Calls, sales: int) -> Table:
    both = (theirs, ours)
    rows: tuple[tuple[Cell, ...], ...] = (
        _row("CPU, mean, ms", *(each.mean_cpu_ms for each in both)),
        _row("CPU, median, ms", *(median(value * MS for value in each.cpu_s) for each in both)),
        _row("CPU, p99, ms", *(p99(value * MS for value in each.cpu_s) for each in both)),
        _row("CPU until the light is steady again, mean, ms", *(each.light_ms for each in both)),
        ("for the disk, mean, KiB", theirs.written_kib, ours.written_kib, ""),
        ("into its files, mean, KiB", "no files", calls.written_kib, ""),
        ("fsyncs, mean", "no files", calls.syncs, ""),
        ("questions to Mercado Pago, mean", theirs.questions, ours.questions, ""),
        _row(f"memory after {sales * SALES_BEFORE_MEMORY:,} sales, MiB", *(each.memory_mib for each in both)),
    )
    traced_sales = min(sales, MAX_TRACED_SALES)
    note = NOTE.format(sales=sales, warm_ups=WARM_UPS, traced=traced_sales, alone=SALES_ALONE, light=LIGHT_S)
    return Table("What a sale costs", note, HEAD, rows)


def _row(what: str, theirs: Figure, ours: Figure) -> tuple[Cell, ...]:
    return what, theirs, ours, ratio(ours, theirs)
