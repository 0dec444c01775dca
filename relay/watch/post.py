"""Brings each channel what it is owed, a step behind the memory: what leaves is remembered before and after.

A channel that fails is tried again later and later; the others don't wait for it.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from relay.watch.alerts import Ledger, Rules
from relay.watch.memory import Memory
from relay.watch.metrics import Exporter
from relay.watch.signs import View
from relay.watch.words import Letter, Words, letter_of

log = logging.getLogger(__name__)

MIN_RETRY_S, MAX_RETRY_S = 30.0, 900.0
"""Between two attempts at one channel that fails."""


class Way(Protocol):
    """A way to people: `channels.py` has apprise's."""

    name: str
    """Stands for it in the memory."""
    label: str
    """Stands for it in log and metrics: no password."""

    def send(self, letter: Letter) -> bool: ...


class Keeper:
    """The memory, written only where something changed. A disk that takes nothing is reported and stops nobody."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.ledger = memory.load()

    def keep(self, ledger: Ledger) -> Ledger:
        """Remember it, on the disk, and return it."""
        if ledger != self.ledger:
            try:
                self._memory.save(ledger)
            except OSError as error:
                log.error("the memory can't be written (%s): a restart would tell things again", error)
        self.ledger = ledger
        return ledger


@dataclass
class Attempts:
    """How often in a row a channel failed, and when to try it again, by the monotonic clock."""

    failed: int = 0
    next_at: float = 0.0

    def after(self, is_sent: bool, now: float) -> "Attempts":
        if is_sent:
            return Attempts()
        return Attempts(self.failed + 1, now + min(MIN_RETRY_S * 2 ** min(self.failed, 10), MAX_RETRY_S))


class Post:
    """Brings each channel what it is owed, and keeps the ledger's file a step ahead of what has left."""

    def __init__(self, ways: Sequence[Way], words: Words, zone: tzinfo | None, exporter: Exporter) -> None:
        self._ways, self._words, self._zone, self._exporter = ways, words, zone, exporter
        self._attempts = {way.name: Attempts() for way in ways}

    def names(self) -> Iterable[str]:
        """The channels, as the ledger calls them."""
        return [way.name for way in self._ways]

    def bring(self, ledger: Ledger, view: View, rules: Rules, now: datetime, keeper: Keeper) -> Ledger:
        """Send what is owed now, and return the ledger that knows of it."""
        for way in self._ways:
            if time.monotonic() < self._attempts[way.name].next_at:
                continue
            message = ledger.owed(way.name, view, rules, now)
            if message is None:
                continue
            ledger = keeper.keep(ledger.sending(way.name))
            letter = letter_of(message, self._words, now, self._zone)
            is_sent = self._send(way, letter)
            ledger = keeper.keep(ledger.delivered(way.name, message) if is_sent else ledger.failed(way.name))
        return ledger

    def _send(self, way: Way, letter: Letter) -> bool:
        is_sent = way.send(letter)
        self._exporter.count(way.label, is_sent)
        attempts = self._attempts[way.name] = self._attempts[way.name].after(is_sent, time.monotonic())
        if is_sent:
            log.info("%s: told: %s", way.label, letter.title)
        else:
            wait = attempts.next_at - time.monotonic()
            log.warning("%s: not delivered: %s; again in %.0f s", way.label, letter.title, wait)
        return is_sent
