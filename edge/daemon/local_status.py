"""What the daemon and a check at the same machine hand each other, in files beside the journal.

The daemon's status, for it alone is at the broker and the pins; and the record of a check, which it publishes.
Neither is the memory of a sale: a power cut may take them, and nobody may fail for that.
"""

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.machine.files import read_plain, write_whole

TOLD = ("broker", "broker_trouble", "relay", "round_trip_ms", "printer", "proof")
"""What of the status a check asks for: of what changes with each sale the card is spared."""
MAX_FILE_BYTES = 1 << 20
PAUSE = 1.0
"""Seconds between two looks, and between two writes."""
NOT_YET = "not connected yet"
"""How the broker is while the first connection is being made."""


class Handover:
    """The daemon's side. Both methods are called again and again; a disk that fails is told elsewhere."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._shown: Mapping[str, Any] | None = None
        self._shown_at = self._looked_at = float("-inf")

    def show(self, facts: Mapping[str, Any]) -> None:
        """Write how we are anew, as a whole, if it is not as it was."""
        told = {name: facts[name] for name in TOLD if name in facts}
        if told == self._shown or time.monotonic() - self._shown_at < PAUSE:
            return
        self._shown, self._shown_at = told, time.monotonic()
        with contextlib.suppress(OSError):
            write_whole(_status(self._journal), json.dumps(told, ensure_ascii=False).encode(), 0o644, forced=False)

    def take_record(self) -> bytes | None:
        """The record of a check, if one was left since the last call."""
        if time.monotonic() - self._looked_at < PAUSE:
            return None
        self._looked_at = time.monotonic()
        try:
            record = read_plain(_record(self._journal), MAX_FILE_BYTES)
            _record(self._journal).unlink()
        except OSError:  # none was left
            return None
        return record


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


def _status(journal: Path) -> Path:
    return journal.with_suffix(".status")


def _record(journal: Path) -> Path:
    return journal.with_suffix(".record")
