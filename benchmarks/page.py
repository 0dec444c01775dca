"""docs/performance.md: how fast and how frugal, on which machine, beside what was wanted."""

import os
import platform
import sqlite3
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, Limit, Part, Table, limit_row, table_text

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/performance.md"
TARGETS_HEAD = ("what", "wanted", "measured", "reached")
INTRO = """\
# How fast, and how frugal

`make bench` measures all of this in one run and writes this page; nothing here was typed. Beside the till stands
the script that people write (`benchmarks/bare_till.py`): paho's callback, one `requests.get`, python-escpos; no
journal, no proof, no check of whose money it is. The two sell in turn, sale by sale, so that what disturbs the machine
disturbs both. They run as processes of their own, each with a real mosquitto; Mercado Pago and the printer are
simulated at their protocols, and the printer takes all bytes at once. The benchmark publishes the doorbells itself.

What counts is the ratio: the times are those of a machine that is much faster than a Pi.
"""
NOT_MEASURED = """\
## What was not measured

* A real Pi: its processor, its memory card, its network. Bytes and fsyncs are the same there; the milliseconds are not.
* TLS, to the broker and to Mercado Pago, and the way through the internet. The delay stands for both.
* The way from Mercado Pago's notification through the relay to the doorbell.
* Paper: a printer takes a second or more for a ticket, whoever sends it.
* Real pins. The simulated ones cost processor time as well, probably not the same.
* How long an instruction takes on a Pi. Under emulation they were counted only.
"""


@dataclass(frozen=True)
class Outcome:
    """What a part found, or a figure without a value for each of its limits; and how long it took. Seconds."""

    part: Part
    limits: tuple[Limit, ...]
    took_s: float

    @property
    def targets(self) -> list[tuple[Limit, Figure]]:
        return list(zip(self.limits, self.part.reached, strict=True))


def load() -> float:
    """How many processes want to run, on average over the last minute."""
    return os.getloadavg()[0]


def text(outcomes: list[Outcome], load_before: float) -> str:
    """The whole page."""
    rows = tuple(limit_row(*target) for outcome in outcomes for target in outcome.targets)
    targets = Table("What was wanted, and what was reached", _run(outcomes, load_before), TARGETS_HEAD, rows)
    tables = [targets, *(table for outcome in outcomes for table in outcome.part.tables)]
    return "\n".join([INTRO, *map(table_text, tables), NOT_MEASURED])


def _run(outcomes: list[Outcome], load_before: float) -> str:
    minutes = sum(outcome.took_s for outcome in outcomes) / 60
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{now}, commit {_commit()}, in {minutes:.0f} minutes. {_machine()}. "
        f"Processes that wanted to run, on average over a minute: {load_before:.1f} before, {load():.1f} at the end."
    )


def _commit() -> str:
    found = _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD") or "unknown"
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return f"{found} with changes" if changed else found


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    broker = (_said("/usr/sbin/mosquitto", "-h") or "mosquitto").splitlines()[0]
    processor = (models or [platform.machine()])[0]
    return (
        f"{os.cpu_count()} cores, {processor}, {memory:.0f} GiB, Linux {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {broker}"
    )


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
