"""What the Pi says of itself: room on the disk, power, and how far its clock is off. Read seldom; never an error."""

import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
BITS = {0: "under_voltage", 1: "slowed_down", 2: "throttled", 3: "hot"}
"""What the firmware says of this moment, by the documentation of `vcgencmd get_throttled`."""
EVERY = 60.0
"""Seconds from one reading to the next."""
ROUND = 100
"""Megabytes: the room on a disk changes with each line of a log, and is news only when it changes by so much."""


class Machine:
    """Facts for the status. `clock_ahead` says how many seconds our clock is ahead of Mercado Pago's, or None."""

    def __init__(self, folder: Path, clock_ahead: Callable[[], float | None], throttled: Path = THROTTLED) -> None:
        self._folder = folder
        self._firmware = throttled
        self._clock_ahead = clock_ahead
        self._read_at = float("-inf")
        self._facts: Mapping[str, Any] = {}

    def facts(self) -> Mapping[str, Any]:
        """At most a minute old; null where something can't be read."""
        if time.monotonic() - self._read_at >= EVERY:
            self._read_at = time.monotonic()
            self._facts = {"throttled": _throttled(self._firmware), "disk_free_mb": _disk_free(self._folder)}
        ahead = self._clock_ahead()
        return {**self._facts, "clock_offset_seconds": None if ahead is None else round(ahead)}


@dataclass(frozen=True)
class Board:
    """What is printed on the Pi's box; "" where this is none."""

    model: str
    serial: str


def board(root: Path = Path("/")) -> Board:
    """Which Pi this is, by its device tree."""
    tree = root / "proc/device-tree"
    return Board(*(_word(tree / name) for name in ("model", "serial-number")))


def _word(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def version() -> str:
    """The version of this distribution; "0" where it was not installed as one."""
    try:
        return metadata.version("till-edge")
    except metadata.PackageNotFoundError:
        return "0"


def versions() -> dict[str, str]:
    """What runs here, for whoever reads a report."""
    parts = ("paho-mqtt", "python-escpos", "gpiozero", "PyYAML")
    found = {part: metadata.version(part) for part in parts}
    return {"python": platform.python_version(), "system": platform.platform(), **found}


def serial() -> str:
    """What tells this machine from all others: the serial number of a Pi; of another machine, the begin of its id."""
    number = board().serial or _word(Path("/etc/machine-id"))
    return re.sub(r"[^A-Za-z0-9_.:-]", "", number)[:16] or "unknown"


def _throttled(firmware: Path) -> list[str] | None:
    try:
        bits = int(firmware.read_text(), 16)
    except (OSError, ValueError):
        return None
    return [word for bit, word in BITS.items() if bits & 1 << bit]


def _disk_free(folder: Path) -> int | None:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize // (ROUND * 1_000_000) * ROUND
