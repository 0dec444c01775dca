"""Mercado Pago's time, by the `Date` of its answers: believed only with a second witness, and never for good.

The machine's own clock is the first witness: a Pi that reached Mercado Pago over TLS is right to within months. If it
says otherwise, answers must agree with one another for some seconds. Times are Unix seconds.
"""

import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

NEAR_S = 600.0
"""Our own clock confirms what is no further from it."""
AGREES_S = 60.0
"""Two answers tell the same time, but for the way and the whole seconds of a header."""
AGREEING_FOR_S = 2.5
"""How long answers must agree that our own clock contradicts. A wrong header comes alone, or for a moment."""
OVERRULED_FOR_S = 600.0
"""How long, if our own clock agreed with it until now."""
FAR_S = 10 * 365 * 86400.0
"""What is further from our own clock is never believed, unless our own is lost."""
LOST_BEFORE = 1767225600.0
"""The beginning of 2026. A machine that believes in an earlier time never heard it, and is no witness."""


class ServerClock:
    """Fed with each answer by the clients that share it, which ask it for the time. Any thread may."""

    def __init__(self, own: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._own = own
        self._monotonic = monotonic
        self._believed: float | None = None
        """Its time less that of the monotonic clock, which nobody sets. None before it is known."""
        self._claimed: float | None = None
        """The same, as answers tell it that nothing confirms yet."""
        self._claimed_at = 0.0
        self._hearing = threading.Lock()

    def hear(self, date: str, at: float) -> None:
        """Note the header `Date` of an answer whose head came `at`, by the monotonic clock. Without one nothing is."""
        try:
            claimed = parsedate_to_datetime(date).timestamp() - at
        except (ValueError, TypeError, OverflowError):
            return
        with self._hearing:
            self._weigh(claimed, at)

    def _weigh(self, claimed: float, at: float) -> None:
        own = self._own() - self._monotonic()
        if own + at >= LOST_BEFORE and abs(claimed - own) > FAR_S:
            return
        if abs(claimed - own) <= NEAR_S or _agree(claimed, self._believed):
            self._believed, self._claimed = claimed, None
        elif not _agree(claimed, self._claimed):
            self._claimed, self._claimed_at = claimed, at
        elif at - self._claimed_at >= self._must_agree_for_s(own):
            self._believed, self._claimed = claimed, None

    def _must_agree_for_s(self, own: float) -> float:
        confirmed = self._believed is not None and abs(own - self._believed) <= NEAR_S
        return OVERRULED_FOR_S if confirmed else AGREEING_FOR_S

    @property
    def is_doubtful(self) -> bool:
        """Whether a time was told that another answer may confirm."""
        return self._believed is None and self._claimed is not None

    @property
    def is_sure(self) -> bool:
        return self._believed is not None

    def now(self) -> float:
        """Mercado Pago's time; our own where that isn't known."""
        return self._own() if self._believed is None else self._believed + self._monotonic()

    def ahead(self) -> float | None:
        """Seconds that our own clock is ahead of what was last believed, or else told; None if nothing was."""
        told = self._claimed if self._believed is None else self._believed
        return None if told is None else self._own() - self._monotonic() - told


def _agree(claimed: float, other: float | None) -> bool:
    return other is not None and abs(claimed - other) <= AGREES_S
