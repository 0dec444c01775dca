"""Streams of server-sent events: each device sees a change a moment later, and that nothing changes is said as well.

Nothing is looked at while nobody watches. A device has a few streams, all of them together some more; a session that
ends takes its streams with it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

LOOK_EVERY_S = 0.25
STILL_EVERY_S = 5.0
"""How often something is sent though nothing changed: a page that hears nothing for longer says so."""
MAX_OF_A_SESSION = 6
MAX_STREAMS = 24
LIFE_S = 3600.0
"""Then the browser opens a new one: a stream that nobody reads any more doesn't stay for ever."""


class Streams:
    """All that are open."""

    def __init__(self, stamp: Callable[[], Any]) -> None:
        """`stamp` changes with whatever is shown."""
        self._stamp = stamp
        self._open: Counter[str] = Counter()
        self._closed = False
        self._woken = asyncio.Event()

    def __len__(self) -> int:
        return self._open.total()

    def open(self, session: str, shown: Callable[[], str], may: Callable[[], bool]) -> AsyncIterator[str] | None:
        """A stream of what `shown` says, as long as the device `may`; None if there are too many."""
        if self._closed or self._open[session] >= MAX_OF_A_SESSION or len(self) >= MAX_STREAMS:
            return None
        self._open[session] += 1
        return self._run(session, shown, may)

    async def _run(self, session: str, shown: Callable[[], str], may: Callable[[], bool]) -> AsyncIterator[str]:
        try:
            async for event in self._events(shown, may):
                yield event
        finally:
            self._open[session] -= 1
            self._open += Counter()  # drops what is zero

    async def _events(self, shown: Callable[[], str], may: Callable[[], bool]) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        stamp: Any = None
        said, said_at, until = "", loop.time(), loop.time() + LIFE_S
        while not self._closed and loop.time() < until:
            if not may():
                yield "event: ended\ndata: {}\n\n"
                return
            due = loop.time() - said_at >= STILL_EVERY_S
            if due or (now := self._stamp()) != stamp:
                stamp = self._stamp() if due else now
                fresh = await asyncio.to_thread(shown)
                if fresh != said or due:
                    said, said_at = fresh, loop.time()
                    yield f"data: {fresh}\n\n"
            await self._pause()

    async def _pause(self) -> None:
        """Until the next look; sooner if somebody is turned out, or all is over."""
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return

    def wake(self) -> None:
        """Something changed that is in no file."""
        self._woken.set()
        self._woken = asyncio.Event()

    def close(self) -> None:
        self._closed = True
        self.wake()
