"""Where everything that happens to the till arrives, from whichever thread; what the loop shares with its adapters.

One queue, read by one thread. An adapter puts an `Arrival` into it and knows nothing of the loop behind it. The panel
is here as a protocol, for the loop and the questions that an installer is asked both drive one.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.core import events
from edge.core.status import Signal


def no_op() -> None:
    pass


@dataclass(frozen=True)
class Arrival:
    """An event on its way to the core. Made by whichever thread saw it happen; read by the loop."""

    event: events.Event
    settle: Callable[[], None] = no_op
    """Called once the journal has committed what the event taught: acknowledges an MQTT message, for one."""
    taken: Callable[[], None] = no_op
    """Called as soon as the loop takes it out of the inbox: a worker is idle again, for one."""


@dataclass(frozen=True)
class Call:
    """Something that an adapter wants to be run by the loop's thread, and that is no event."""

    run: Callable[[], None]


@dataclass(frozen=True)
class Death:
    """A thread's body ended. It never should."""

    name: str
    error: BaseException | None


Inbox = queue.SimpleQueue[Arrival | Call | Death]


class Thread(threading.Thread):
    """A named thread whose end arrives in the inbox. It never outlives the process."""

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
    """Three lights and a button, whose wire any thread may read."""

    def show(self, sign: Signal, now: float) -> float | None: ...

    def button_down(self) -> bool: ...

    def wait_for_edge(self, seconds: float) -> bool: ...

    def close(self) -> None: ...
