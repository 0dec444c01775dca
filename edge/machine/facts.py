"""Facts of this machine: free disk space, power, clock offset, model, serial, versions. A missing one is no error."""

import contextlib
import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

SYSFS = Path("/sys")
THROTTLED_FILES = "devices/platform/soc*/soc*:firmware/get_throttled"
"""`soc/soc:firmware` up to a Pi 4, `soc@107c000000/soc@107c000000:firmware` on a Pi 5."""
VOLTAGE_SENSOR = "rpi_volt"
"""The kernel's own driver, in class/hwmon: found by its name, for the numbers there change."""
THROTTLED_BITS = {0: "under_voltage", 1: "slowed_down", 2: "throttled", 3: "hot"}
"""Bits for the present moment, by the documentation of `vcgencmd get_throttled`."""
REFUSED_UPDATE = Path("/etc/apt/preferences.d/till-edge-refused")
REFUSAL = re.compile(r"# (.{1,200})\nPackage: .*\nPin: version (\S{1,50})\n")
"""As packaging/update-gate writes it when it goes back to the package before."""
MAX_AGE_S = 60.0
DISK_STEP_MB = 100
"""Free space changes with each line of a log; it is rounded down to this, so that not every line makes a new status."""


class Machine:
    """Facts for the status. `clock_ahead`: seconds that our clock is ahead of Mercado Pago's, or None."""

    def __init__(
        self,
        folder: Path,
        clock_ahead: Callable[[], float | None],
        sysfs: Path = SYSFS,
        refused: Path = REFUSED_UPDATE,
    ) -> None:
        self._folder = folder
        self._sysfs = sysfs
        self._refused = refused
        self._clock_ahead = clock_ahead
        self._read_at = float("-inf")
        self._facts: Mapping[str, Any] = {}

    def facts(self) -> Mapping[str, Any]:
        """At most `MAX_AGE_S` old; None for what can't be read."""
        if time.monotonic() - self._read_at >= MAX_AGE_S:
            self._read_at = time.monotonic()
            self._facts = {
                "throttled": _throttled(self._sysfs),
                "disk_free_mb": _disk_free(self._folder),
                "update_error": _update_error(self._refused),
            }
        ahead = self._clock_ahead()
        return {**self._facts, "clock_offset_seconds": None if ahead is None else round(ahead)}


@dataclass(frozen=True)
class Board:
    """Model and serial number of the Pi; "" on another machine."""

    model: str
    serial: str


def board(root: Path = Path("/")) -> Board:
    """Which Pi this is, from its device tree."""
    tree = root / "proc/device-tree"
    return Board(*(_read_word(tree / name) for name in ("model", "serial-number")))


def _read_word(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def version() -> str:
    """The version of till-edge; "0" if it is not installed as a distribution."""
    try:
        return metadata.version("till-edge")
    except metadata.PackageNotFoundError:
        return "0"


def versions() -> dict[str, str]:
    """Versions of Python, the system and the libraries, for support."""
    parts = ("paho-mqtt", "requests", "python-escpos", "gpiozero", "PyYAML")
    found = {part: metadata.version(part) for part in parts}
    return {"python": platform.python_version(), "system": platform.platform(), **found}


def serial() -> str:
    """An identifier of this machine: the serial number of a Pi; on another machine, the start of its machine id."""
    number = board().serial or _read_word(Path("/etc/machine-id"))
    return re.sub(r"[^A-Za-z0-9_.:-]", "", number)[:16] or "unknown"


def _update_error(refused: Path) -> str:
    """Which update was taken back and why; "" if none was, or the one after it proved itself."""
    try:
        found = REFUSAL.match(refused.read_text(errors="replace"))
    except OSError:
        return ""
    return f"{found[2]}: {found[1]}" if found else ""


def _throttled(sysfs: Path) -> list[str] | None:
    """What the firmware and the voltage sensor say; None if neither is there."""
    found = [words for words in (_firmware_words(sysfs), _sensor_words(sysfs)) if words is not None]
    return sorted({word for words in found for word in words}) if found else None


def _firmware_words(sysfs: Path) -> list[str] | None:
    for path in sorted(sysfs.glob(THROTTLED_FILES)):
        with contextlib.suppress(OSError, ValueError):
            bits = int(path.read_text(), 16)
            return [word for bit, word in THROTTLED_BITS.items() if bits & 1 << bit]
    return None


def _sensor_words(sysfs: Path) -> list[str] | None:
    for sensor in sorted(sysfs.glob("class/hwmon/*")):
        with contextlib.suppress(OSError, ValueError):
            if (sensor / "name").read_text().strip() == VOLTAGE_SENSOR:
                return ["under_voltage"] if int((sensor / "in0_lcrit_alarm").read_text()) else []
    return None


def _disk_free(folder: Path) -> int | None:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize // (DISK_STEP_MB * 1_000_000) * DISK_STEP_MB
