"""How often something may happen that others can cause: a few times at once, and then at a steady pace. Pure.

Whoever rings, flaps, presses or asks can cause as much as they like: what comes of it is bounded here, by one rule.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rate:
    """`burst` times at once, and then once every `every_s` seconds."""

    every_s: float
    burst: int

    @property
    def burst_s(self) -> float:
        return self.every_s * self.burst


@dataclass(frozen=True)
class Budget:
    """A token bucket. Made full; changed by whoever spends of it; not kept over a restart."""

    spent_until: float = 0.0
    """Until when what was spent so far has used up the pace."""
    planned_at: float = 0.0
    """For when the last one was planned."""

    def allows(self, rate: Rate, now: float) -> bool:
        return self.spent_until - now <= rate.burst_s - rate.every_s

    def spend(self, rate: Rate, now: float) -> "Budget":
        return replace(self, spent_until=max(self.spent_until, now) + rate.every_s)

    def free_at(self, rate: Rate, now: float) -> float:
        """The first moment that allows one more."""
        return max(now, self.spent_until - rate.burst_s + rate.every_s)

    def plan(self, rate: Rate, now: float) -> tuple["Budget", float]:
        """When the next one comes: now, or when it is allowed. Reasons that come before it fall together with it."""
        if now < self.planned_at:
            return self, self.planned_at
        at = self.free_at(rate, now)
        return replace(self.spend(rate, at), planned_at=at), at
