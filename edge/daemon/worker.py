"""A worker: a thread that does one duty at a time, and puts what came of it into the inbox."""

import queue
from collections.abc import Callable
from typing import Generic, TypeVar

from edge.core import events
from edge.inbox import Arrival, Inbox, Thread

LONGEST_JOB_S = 300.0
"""A worker that is busy for longer hangs, so the watchdog is fed no more. The slowest printer needs less."""

Duty = TypeVar("Duty")


class Worker(Generic[Duty]):
    """Does what the loop gives it, with `do`, which blocks. Every method is the loop's thread's."""

    def __init__(self, name: str, do: Callable[[Duty], events.Event], inbox: Inbox) -> None:
        self._do = do
        self._inbox = inbox
        self._given: queue.SimpleQueue[Duty] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._thread = Thread(name, self._work, inbox)

    def start(self) -> None:
        self._thread.start()

    @property
    def idle(self) -> bool:
        return self._busy_since is None

    def hangs(self, now: float) -> bool:
        return self._busy_since is not None and now - self._busy_since > LONGEST_JOB_S

    def give(self, duty: Duty, now: float) -> None:
        """Hand over a duty. Only to an idle worker."""
        self._busy_since = now
        self._given.put(duty)

    def _work(self) -> None:
        while True:
            event = self._do(self._given.get())
            self._inbox.put(Arrival(event, taken=self._done))

    def _done(self) -> None:
        """The loop has taken the event in."""
        self._busy_since = None
