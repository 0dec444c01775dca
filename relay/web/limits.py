"""Rate limits: a token bucket per name, in memory, of bounded size. No clock is read here.

Somebody who has found out an address can ring that till's doorbell without end, but can't keep the relay from the
others.
"""

from collections import OrderedDict


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

    def __len__(self) -> int:
        return len(self._buckets)
