"""What the daemon and a check at the same machine hand each other, in files beside the journal.

The daemon's status, for it alone is at the broker and the pins; and the record of a check, which it publishes.
Neither is the memory of a sale: a power cut may take them, and nobody may fail for that.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.journal.knock import knock
from edge.machine.files import read_plain, write_whole

TOLD = ("broker", "broker_trouble", "broker_error", "relay", "round_trip_ms", "printer", "proof")
"""What of the status a check asks for: of what changes with each sale the card is spared."""
MAX_FILE_BYTES = 1 << 20
PAUSE = 1.0
"""Seconds between two writes."""
STILL_HERE_EVERY_S = 5.0
"""How often the page hears from a till where nothing happens."""
SILENT_AFTER_S = 15.0
"""What the page read longer ago says nothing about now."""
NOT_YET = "not connected yet"
"""How the broker is while the first connection is being made."""


class Handover:
    """The daemon's side. Both methods are called again and again; a disk that fails is told elsewhere."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._shown: Mapping[str, Any] | None = None
        self._shown_at = float("-inf")

    def show(self, facts: Mapping[str, Any]) -> None:
        """Write how we are anew, as a whole, if it is not as it was."""
        told = {name: facts[name] for name in TOLD if name in facts}
        if told == self._shown or time.monotonic() - self._shown_at < PAUSE:
            return
        self._shown, self._shown_at = told, time.monotonic()
        with contextlib.suppress(OSError):
            write_whole(_status(self._journal), json.dumps(told, ensure_ascii=False).encode(), 0o644, forced=False)

    def show_page(self, facts: Mapping[str, Any]) -> None:
        """Write for the till's page how we are; the same again says that we are still here."""
        told = json.dumps({**facts, "at": time.monotonic()}, ensure_ascii=False, default=str).encode()
        with contextlib.suppress(OSError):
            write_whole(page_status(self._journal), told, 0o600, forced=False)

    def take_record(self) -> bytes | None:
        """The record of a check, if one was left since the last call."""
        try:
            record = read_plain(_record(self._journal), MAX_FILE_BYTES)
            _record(self._journal).unlink()
        except OSError:  # none was left
            return None
        return record


def read_page_status(journal: Path) -> Mapping[str, Any]:
    """What the daemon showed last for the page; empty if it has been silent for too long, or there is none."""
    try:
        facts = json.loads(read_plain(page_status(journal), MAX_FILE_BYTES))
    except (OSError, ValueError):
        return {}
    at = facts.get("at") if isinstance(facts, dict) else None
    # Seconds since this machine's start, the same for all its processes: a file from before a restart is of the future.
    is_fresh = isinstance(at, int | float) and 0 <= time.monotonic() - at < SILENT_AFTER_S
    return facts if is_fresh else {}


def page_status(journal: Path) -> Path:
    """Where the page finds it: in memory, if systemd has made a folder there, for it changes every few seconds."""
    folder = os.environ.get("RUNTIME_DIRECTORY")
    return (Path(folder) / journal.name if folder else journal).with_suffix(".page")


def read_status(journal: Path) -> Mapping[str, Any]:
    """The last status that the daemon of this journal has shown; empty where there is none that can be read."""
    try:
        facts = json.loads(read_plain(_status(journal), MAX_FILE_BYTES))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def leave_record(journal: Path, record: bytes) -> None:
    """Leave the record of a check for the daemon of this journal. Raises `OSError`."""
    write_whole(_record(journal), record, 0o644)
    knock(journal)


def _status(journal: Path) -> Path:
    return journal.with_suffix(".status")


def _record(journal: Path) -> Path:
    return journal.with_suffix(".record")
