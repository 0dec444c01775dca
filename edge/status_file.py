"""The daemon's status beside its journal, for who stands at this machine: it alone is at the broker and the pins.

Not the record of anything: a power cut may leave an old one, or none, and nobody may fail for that.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAUSE = 1.0
"""Seconds between two writes."""


def path_of(journal: Path) -> Path:
    """Where the status of the daemon with this journal is."""
    return journal.with_suffix(".status")


class StatusFile:
    """Written anew, as a whole, whenever something changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: Mapping[str, Any] | None = None
        self._shown_at = float("-inf")

    def show(self, facts: Mapping[str, Any]) -> None:
        """Called again and again. A disk that takes nothing is told elsewhere."""
        if facts == self._shown or time.monotonic() - self._shown_at < PAUSE:
            return
        self._shown, self._shown_at = facts, time.monotonic()
        fresh = self._path.with_suffix(".status-new")
        with contextlib.suppress(OSError):
            fresh.write_text(json.dumps(facts, ensure_ascii=False))
            os.replace(fresh, self._path)


def read_status(path: Path) -> Mapping[str, Any]:
    """The last status that was shown; empty where there is none that can be read."""
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
