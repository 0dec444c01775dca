"""What a program writes into its files, and how often it waits for the disk: strace looks on while it sells."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import TillEdge
from benchmarks.figures import Figure, Unmeasured
from benchmarks.process import KIB, threads
from sim.shop import wait_for

ATTACH_TIMEOUT_S = 10.0
SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")
WRITES = ("write", "pwrite64", "writev", "pwritev")
CALL = re.compile(r'^\d+ +(\w+)\(\d+<([^>]*)>(?:, ""\.\.\., (\d+))?')
"""A line of strace: the call, the file, and how many bytes if it writes. A call that is interrupted by another thread's
has a second line, which begins otherwise."""


@dataclass(frozen=True)
class Calls:
    """What strace saw, for each sale on average."""

    syncs: Figure
    written_kib: Figure


def traced(till: TillEdge, sales: int) -> Calls:
    """Sell with strace looking on."""
    record = till.shop.folder / "calls"
    try:
        with strace(till.pid, record):
            for _ in range(sales):
                till.sell()
                till.settle()
    except (FileNotFoundError, RuntimeError, TimeoutError) as error:
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
