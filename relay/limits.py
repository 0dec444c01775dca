"""Limits per name, in memory, of bounded size: so many uses per second, so many at once. No clock is read here.

Somebody who has found out an address can ring that till's doorbell without end, but can't keep the relay from the
others.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager


class Limit:
    """Each name may be used `burst` times at once, and `per_second` times in the long run.

    Only the `max_names` names that were used last are remembered.
    """

    def __init__(self, per_second: float, burst: int, max_names: int = 10_000) -> None:
        self._per_second = per_second
        self._burst = burst
        self._max_names = max_names
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """name -> what was left in its bucket, and when; the last used is at the end."""

    def allows(self, name: str, now: float) -> bool:
        """Count one use of `name`, and say whether it is allowed. `now`: seconds of a monotonic clock."""
        left, then = self._buckets.get(name, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        allowed = left >= 1
        self._buckets[name] = (left - allowed, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._max_names:
            self._buckets.popitem(last=False)
        return allowed

    def __contains__(self, name: str) -> bool:
        """Whether this name is remembered."""
        return name in self._buckets

    def __len__(self) -> int:
        return len(self._buckets)


class AtOnce:
    """Each name may be used `most` times at the same time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: Counter[str] = Counter()

    @contextmanager
    def one(self, name: str) -> Iterator[bool]:
        """Use `name` while the context is open, and say whether that is allowed; what is refused isn't counted."""
        allowed = self._used[name] < self._most
        self._used[name] += allowed
        try:
            yield allowed
        finally:
            self._used[name] -= allowed
            if not self._used[name]:
                del self._used[name]

    def __len__(self) -> int:
        return len(self._used)
