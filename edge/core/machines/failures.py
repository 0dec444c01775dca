"""What keeps the till from its work, since when, and when a slip last said so. Pure.

The lights show that something fails; a slip says what, what to do and whom to call. It comes when the failure has
lasted, and not within an hour of the last slip with the same cause. A failure that is over is never reported late.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edge.core.duties import Cause
from edge.core.maps import without

SLIP_EVERY_S = 3600.0
PATIENCE_IN_SLIPS: Mapping[Cause, float] = {
    Cause.NO_INTERNET: 1,
    Cause.NO_MEMORY: 1,
    Cause.WRONG_CLOCK: 2,  # after a power cut it takes a while to hear the time
    Cause.API_DOWN: 5,  # and nobody at the till can do anything about it
}
"""How long a failure that may pass by itself must last, as a multiple of `Settings.slip_after_s`."""


@dataclass(frozen=True)
class Failures:
    """Since when each cause fails; the journal keeps when its last slip came."""

    since: Mapping[Cause, float] = field(default_factory=dict)
    last_slip_at: Mapping[Cause, float] = field(default_factory=dict)
    """By the core's clock."""

    def observe(self, failing: Iterable[Cause], now: float) -> "Failures":
        """Note what fails now."""
        since = {cause: self.since.get(cause, now) for cause in failing}
        return replace(self, since=since) if since != self.since else self

    def acknowledged(self) -> "Failures":
        """Somebody pressed the button, who may not have seen the slip of what still fails."""
        return replace(self, since={})

    def slip_due(self, cause: Cause, known_until: float, slip_after_s: float, now: float) -> bool:
        """Whether a slip should report this cause, which is known to have failed up to `known_until`."""
        since, last = self.since.get(cause, now), self.last_slip_at.get(cause)
        lasted = known_until - since >= PATIENCE_IN_SLIPS.get(cause, 0) * slip_after_s
        return lasted and (last is None or (last < since and now - last >= SLIP_EVERY_S))

    def slip_begun(self, cause: Cause, now: float) -> "Failures":
        """The first byte may leave. The slip counts from here, or a till that fails at it would print it for ever."""
        return replace(self, last_slip_at={**self.last_slip_at, cause: now})

    def slip_failed(self, cause: Cause) -> "Failures":
        """It did not come out whole."""
        return replace(self, last_slip_at=without(self.last_slip_at, cause))
