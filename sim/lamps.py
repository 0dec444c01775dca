"""The three lamps, as somebody sees them who stands before the box: read from the pins, and never from what is said."""

import threading
import time
from collections import deque

from sim.board import DARK, Board

LOOK_EVERY_S = 0.04
REMEMBERED_S = 2.1
"""A pattern of the panel repeats after two seconds."""
STEADY_AFTER_S = 0.7
FLASHES = "yellow"
"""The one lamp that flashes, beside the green one; what else looks so is the end of a pattern."""
QUICK_S = 0.2
"""What lasts no longer is a flash, or part of fast blinking."""

MEANINGS = {
    ("on", "off", "off"): "ready",
    ("off", "slow", "off"): "waiting",
    ("off", "fast", "off"): "working",
    ("fast", "off", "off"): "paid",
    ("on", "flash", "off"): "polling",
    ("off", "on", "off"): "starting",
    ("off", "on", "fast"): "holding",
    ("slow", "off", "slow"): "attention",
    ("off", "off", "slow"): "printer",
    ("off", "off", "on"): "unreachable",
}
"""How green, yellow and red look -> the page's word for it, as in the README's table of lights."""


class Lamps:
    """Looks at the pins from a thread of its own."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._on = dict(DARK)
        self._changes: dict[str, deque[float]] = {color: deque(maxlen=40) for color in DARK}
        self._meaning = "starting"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="lamps", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def on(self) -> dict[str, bool]:
        return dict(self._on)

    @property
    def looks(self) -> dict[str, str]:
        """How each lamp looks: on, off, slow, fast or flash."""
        now = time.monotonic()
        looks = {color: _look(list(changes), self._on[color], now) for color, changes in self._changes.items()}
        is_flash = looks["green"] == "on" and looks[FLASHES] == "flash"
        return looks | {color: "off" for color, look in looks.items() if look == "flash" and not is_flash}

    @property
    def meaning(self) -> str:
        """What they say together; while they change from one sign to the next, what they said before."""
        looks = self.looks
        self._meaning = MEANINGS.get((looks["green"], looks["yellow"], looks["red"]), self._meaning)
        return self._meaning

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            self.note(self._board.lights, time.monotonic())

    def note(self, seen: dict[str, bool], now: float) -> None:
        """What is lit at this moment."""
        for color, on in seen.items():
            if on != self._on[color]:
                self._changes[color].append(now)
        self._on = dict(seen)


def _look(changes: list[float], on: bool, now: float) -> str:
    steady = "on" if on else "off"
    recent = [at for at in changes if now - at < REMEMBERED_S]
    if len(recent) < 2:
        return steady
    gap = recent[-1] - recent[-2]
    if now - recent[-1] > STEADY_AFTER_S:
        return "flash" if len(recent) <= 3 and gap < QUICK_S and not on else steady
    if len(recent) <= 3:
        return "slow" if gap >= QUICK_S else steady if on else "flash"
    return "fast" if gap < QUICK_S else "slow"
