"""What a process costs, read from the kernel: processor time, memory, bytes for the disk, wake-ups of each thread."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, Unmeasured

KIB = 1024
NS = 1e9
CPUCLOCK_SCHED = 2
"""Of Linux' clocks of other processes: the time that the scheduler gave it, in user and system mode together."""
WITHOUT_DISK = ("tmpfs", "ramfs", "overlayfs")
"""File systems on which the kernel counts no bytes that go to a disk, or not as ours."""


def cpu_s(pid: int) -> float:
    """Processor time of all its threads so far, those that have ended too. Seconds."""
    return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)


def resident_kib(pid: int) -> Figure:
    """The pages that it holds in memory, with those of libraries that others may hold as well."""
    return _number(Path(f"/proc/{pid}/status"), "VmRSS:")


def written_kib(pid: int, folder: Path) -> Figure:
    """What it had the kernel write to the disk so far: whole pages, as a memory card gets them.

    The kernel doesn't count what lies in memory only, so `folder` must be on a disk.
    """
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False).stdout
    if kind.strip() in WITHOUT_DISK:
        return Unmeasured(f"{folder} is on {kind.strip()}; set TMPDIR to a folder on a disk")
    found = _number(Path(f"/proc/{pid}/io"), "write_bytes:")
    return found if isinstance(found, Unmeasured) else found / KIB


def _number(file: Path, name: str) -> Figure:
    try:
        [line] = [line for line in file.read_text().splitlines() if line.startswith(name)]
    except (OSError, ValueError):
        return Unmeasured(f"{file} has no {name.rstrip(':')}")
    return float(line.split()[1])


@dataclass(frozen=True)
class ThreadCost:
    """What one thread used so far: processor time, and how often it went to sleep by itself and was woken."""

    cpu_s: float
    wakeups: int

    def __sub__(self, before: "ThreadCost") -> "ThreadCost":
        return ThreadCost(self.cpu_s - before.cpu_s, self.wakeups - before.wakeups)


def threads(pid: int) -> dict[int, ThreadCost]:
    """Each of its threads, by the kernel's number. Raises `OSError`."""
    return {int(task.name): _thread(task) for task in Path(f"/proc/{pid}/task").iterdir()}


def _thread(task: Path) -> ThreadCost:
    lines = (task / "status").read_text().splitlines()
    [wakeups] = [int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:")]
    return ThreadCost(int((task / "schedstat").read_text().split()[0]) / NS, wakeups)
