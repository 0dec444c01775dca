"""How often one address may be used. A token bucket per name, in memory, of bounded size; it reads no clock.

An address that leaked can so ring one till's doorbell without end, but not keep the relay from the others.
"""

from collections import OrderedDict


class Limit:
    """Up to `burst` uses at once, and `per_second` more as time goes by, for each of the `most` last used names."""

    def __init__(self, per_second: float, burst: int, most: int = 10_000) -> None:
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """name -> what is left in its bucket, and when that was so; the last used at the end."""

    def allows(self, name: str, now: float) -> bool:
        """Count one use of `name`, unless it is one too many. `now` is in seconds, of a clock that never goes back."""
        left, then = self._buckets.get(name, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        allowed = left >= 1
        self._buckets[name] = (left - allowed, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return allowed

    def __len__(self) -> int:
        return len(self._buckets)
