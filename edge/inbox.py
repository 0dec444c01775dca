"""Where everything that happens to the till arrives, from whichever thread; what the loop shares with its adapters.

One queue, read by one thread. An adapter puts an `Arrival` into it and knows nothing of the loop behind it. The panel
is here as a protocol, for the loop and the questions asked at a printer's first start both drive one.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.core import events
from edge.core.status import Signal

TICK = 0.125
"""One frame of the panel's lights. Seconds."""
FAST_TICK = 0.03
"""The same while a finger is on the button. Seconds."""


def no_op() -> None:
    pass


@dataclass(frozen=True)
class Arrival:
    """An event, what to do as soon as it is heard, and what once it can't be forgotten any more."""

    event: events.Event
    settle: Callable[[], None] = no_op
    heard: Callable[[], None] = no_op


@dataclass(frozen=True)
class Death:
    """A thread's body ended. It never should."""

    name: str
    error: BaseException | None


Inbox = queue.SimpleQueue[Arrival | Death]


class Thread(threading.Thread):
    """A thread whose end is told to the inbox. Named, and never outlives the process."""

    def __init__(self, name: str, body: Callable[[], None], inbox: Inbox) -> None:
        super().__init__(name=name, daemon=True)
        self._body = body
        self._inbox = inbox

    def run(self) -> None:
        error: BaseException | None = None
        try:
            self._body()
        except BaseException as end:  # not swallowed: the loop raises it again
            error = end
        self._inbox.put(Death(self.name, error))


class Panel(Protocol):
    def show(self, sign: Signal, now: float) -> None: ...

    def button_down(self) -> bool: ...

    def close(self) -> None: ...
