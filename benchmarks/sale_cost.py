"""What a sale costs: processor time, bytes for the disk, waits for the disk; and the memory after a thousand."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, Pair, TillEdge, pair
from benchmarks.figures import Cell, Figure, Limit, Part, Table, Unmeasured, combined, median, p99, ratio
from benchmarks.process import KIB, cpu_s, resident_kib, threads, written_kib
from sim.shop import wait_for

MS = 1000
WARM_UPS = 10
SALES_BEFORE_MEMORY = 5
"""Times as many sales as in the other benchmarks: a thousand, as a rule."""
SALES_ALONE = 5
LIGHT_S = 4.0
"""It blinks for three seconds after a ticket."""
MAX_TRACED_SALES = 50
"""Each system call stops the till for a while under strace, so these are apart from all that is timed."""
ATTACH_TIMEOUT_S = 10.0
SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")
WRITES = ("write", "pwrite64", "writev", "pwritev")
CALL = re.compile(r'^\d+ +(\w+)\(\d+<([^>]*)>(?:, ""\.\.\., (\d+))?')
"""A line of strace: the call, the file, and how many bytes if it writes. A call that is interrupted by another thread's
has a second line, which begins otherwise."""

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


@dataclass(frozen=True)
class Cost:
    """What one contender used for its sales: seconds of the processor for each, and the rest on average."""

    cpu_s: tuple[float, ...]
    written_kib: Figure
    questions: float

    @property
    def mean_cpu_ms(self) -> Figure:
        return sum(self.cpu_s) / len(self.cpu_s) * MS


@dataclass(frozen=True)
class Calls:
    """What strace saw, for each sale on average."""

    syncs: Figure
    written_kib: Figure


def measure(folder: Path, sales: int) -> Part:
    """Everything."""
    traced_sales = min(sales, MAX_TRACED_SALES)
    with pair(folder / "sales") as both:
        for _ in range(WARM_UPS):
            sell(both)
        ours, theirs = costs(both, sales)
        lights = [alone(contender) for contender in both.both]
        rush(both, sales * (SALES_BEFORE_MEMORY - 1))
        memory = [combined(lambda kib: kib / KIB, resident_kib(contender.pid)) for contender in both.both]
        calls = traced(both.ours, traced_sales)
    rows: tuple[tuple[Cell, ...], ...] = (
        _row("CPU, mean, ms", theirs.mean_cpu_ms, ours.mean_cpu_ms),
        _row("CPU, median, ms", *(median(value * MS for value in each.cpu_s) for each in (theirs, ours))),
        _row("CPU, p99, ms", *(p99(value * MS for value in each.cpu_s) for each in (theirs, ours))),
        _row("CPU until the light is steady again, mean, ms", *lights),
        ("for the disk, mean, KiB", theirs.written_kib, ours.written_kib, ""),
        ("into its files, mean, KiB", "no files", calls.written_kib, ""),
        ("fsyncs, mean", "no files", calls.syncs, ""),
        ("questions to Mercado Pago, mean", theirs.questions, ours.questions, ""),
        _row(f"memory after {sales * SALES_BEFORE_MEMORY:,} sales, MiB", *memory),
    )
    note = NOTE.format(sales=sales, warm_ups=WARM_UPS, traced=traced_sales, alone=SALES_ALONE, light=LIGHT_S)
    reached = (ours.mean_cpu_ms, ours.written_kib, calls.syncs, ratio(memory[1], memory[0]))
    return Part((Table("What a sale costs", note, HEAD, rows),), reached)


def _row(what: str, theirs: Figure, ours: Figure) -> tuple[Cell, ...]:
    return what, theirs, ours, ratio(ours, theirs)


def sell(both: Pair) -> None:
    for contender in both.both:
        contender.sell()
        contender.settle()


def costs(both: Pair, sales: int) -> tuple[Cost, Cost]:
    """Ours and theirs, of so many sales."""
    before = [_so_far(contender) for contender in both.both]
    ours, theirs = both.in_turn(sales, _cpu_of_a_sale)
    after = [_so_far(contender) for contender in both.both]
    cpu = {both.ours: ours, both.theirs: theirs}
    found = {
        contender: Cost(
            tuple(cpu[contender]),
            combined(lambda one, other: (other - one) / sales, was[0], now[0]),
            (now[1] - was[1]) / sales,
        )
        for contender, was, now in zip(both.both, before, after, strict=True)
    }
    return found[both.ours], found[both.theirs]


def _so_far(contender: Contender) -> tuple[Figure, int]:
    return written_kib(contender.pid, contender.shop.folder), len(contender.shop.mercadopago.requests)


def _cpu_of_a_sale(contender: Contender) -> float:
    before = cpu_s(contender.pid)
    contender.sell()
    contender.settle()
    return cpu_s(contender.pid) - before


def rush(both: Pair, sales: int) -> None:
    """Sell so often with both, one sale right after the other."""
    for _ in range(sales):
        for contender in both.both:
            contender.finish(contender.put())
            contender.wait_for_tickets()


def alone(contender: Contender) -> float:
    """Milliseconds of the processor that a sale takes with all that follows, in the light's own time."""
    before = cpu_s(contender.pid)
    for _ in range(SALES_ALONE):
        contender.sell()
        time.sleep(LIGHT_S)
    return (cpu_s(contender.pid) - before) / SALES_ALONE * MS


# --- under strace --------------------------------------------------------------------------------------------------


def traced(till: TillEdge, sales: int) -> Calls:
    """Sell with strace looking on."""
    record = till.shop.folder / "calls"
    try:
        with strace(till.pid, record):
            for _ in range(sales):
                till.sell()
                till.settle()
    except (FileNotFoundError, RuntimeError) as error:
        missing = Unmeasured(str(error))
        return Calls(missing, missing)
    calls = [found for line in record.read_text().splitlines() if (found := CALL.match(line))]
    ours = [found for found in calls if Path(found[2]).is_relative_to(till.shop.folder.resolve())]
    syncs = sum(found[1] in SYNCS for found in ours)
    written = sum(int(found[3] or 0) for found in ours if found[1] in WRITES and found[2] != str(till.shop.board.log))
    return Calls(syncs / sales, written / KIB / sales)


@contextmanager
def strace(pid: int, record: Path) -> Iterator[None]:
    """Write down what a process writes and when it waits for the disk. Raises `FileNotFoundError`, `RuntimeError`."""
    calls = ",".join((*SYNCS, *WRITES))
    command = ["strace", "-f", "-qq", "-y", "-s0", "-e", f"trace={calls}", "-o", str(record), "-p", str(pid)]
    try:
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise FileNotFoundError("strace is missing: apt install strace") from None
    try:
        wait_for(lambda: tracer.poll() is not None or _is_traced(pid), "strace is attached", ATTACH_TIMEOUT_S)
        if tracer.poll() is not None:
            raise RuntimeError(f"strace may not trace here: {((tracer.stderr and tracer.stderr.read()) or '').strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()


def _is_traced(pid: int) -> bool:
    return all(
        "TracerPid:\t0\n" not in Path(f"/proc/{pid}/task/{thread}/status").read_text() for thread in threads(pid)
    )
