"""How far the till's knowledge of its point of sale reaches, and when to ask what was paid there. Pure.

The broker may lose what it acknowledged, so nothing depends on doorbells: a sweep asks Mercado Pago what was paid at
our point of sale since the last one.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo

from edge.core.duties import Sweep

OVERLAP = timedelta(hours=1)
"""A payment is listed under the date of its creation; its approval may come later."""
LOOK_BACK = timedelta(days=3)
LOOK_BACK_EVERY_S = 3600.0
"""Once an hour a sweep looks further back, for a payment may be under review for days."""
LEAP = timedelta(minutes=10)
"""Between two sweeps Mercado Pago's clock goes on as ours does; one that doesn't was wrong before, or is now."""


@dataclass(frozen=True)
class History:
    """What is known of our point of sale. The journal keeps it; another point of sale begins a new one."""

    pos_id: str = ""
    """Its internal id at Mercado Pago; "" until it was asked for."""
    swept_until: datetime | None = None
    """By Mercado Pago's clock: all that was paid before was looked at."""
    complete_since: datetime | None = None
    """For what was paid earlier we can't say whether a ticket came out: a journal that is lost, or pruned, knew.
    None until the first sweep of a new journal."""

    def forgot_until(self, moment: datetime) -> "History":
        """Orders were forgotten; the last of them was paid just before `moment`."""
        return replace(self, complete_since=max(self.complete_since or moment, moment))


@dataclass(frozen=True)
class Sweeps:
    """The history, and when it was last brought up to date."""

    history: History = field(default_factory=History)
    swept_at: float | None = None
    """None before the first sweep since the start, as the next."""
    looked_back_at: float | None = None
    began: bool = False
    """This process began the journal, by the clock that it then heard."""

    def clock(self, now: float) -> datetime | None:
        """What Mercado Pago's clock shows, as far as it was heard: right since the first sweep, else the last known."""
        until = self.history.swept_until
        if until is None or self.swept_at is None:
            return until
        return until + timedelta(seconds=now - self.swept_at)

    def sure_clock(self, now: float) -> datetime | None:
        """The same, and None unless Mercado Pago was heard since the start."""
        return None if self.swept_at is None else self.clock(now)

    def day(self, timezone: tzinfo) -> str:
        """The day of the last sweep by the shop's calendar, like 2026-03-02; "" if the time isn't known yet."""
        until = self.history.swept_until
        return until.astimezone(timezone).date().isoformat() if until else ""

    def today(self, timezone: tzinfo, now: float) -> date | None:
        """Today by the shop's calendar; None unless Mercado Pago was heard since the start."""
        moment = self.sure_clock(now)
        return moment.astimezone(timezone).date() if moment else None

    @property
    def next(self) -> Sweep:
        """The sweep that takes up where the last one ended."""
        until = self.history.swept_until
        return Sweep(self.history.pos_id, until - OVERLAP if until else None)

    def done(self, until: datetime, now: float) -> "Sweeps":
        """A sweep came to its end; `until` is Mercado Pago's time when it began.

        What rests on an hour that was wrong heals here: nothing can have been known since a time that is to come, and
        a journal that began by a clock which leapt begins now.
        """
        since = self.history.complete_since or until
        if self.leaps(until, now) and self.began:
            since = until
        elif self.confirms(until, now):
            since = min(since, until)
        began = self.began or self.history.complete_since is None
        history = replace(self.history, swept_until=until, complete_since=since)
        return replace(self, history=history, swept_at=now, began=began)

    def leaps(self, until: datetime, now: float) -> bool:
        """Whether `until` isn't what Mercado Pago's clock shows, as far as it was heard since the start."""
        clock = self.sure_clock(now)
        return clock is not None and abs(until - clock) > LEAP

    def confirms(self, until: datetime, now: float) -> bool:
        """Whether `until` is what Mercado Pago's clock shows, as it was heard since the start: two sweeps agree."""
        return self.sure_clock(now) is not None and not self.leaps(until, now)

    def began_too_early(self, paid_at: datetime, now: float) -> bool:
        """Whether the hour by which this process began the journal is long past, as a later payment shows."""
        clock = self.clock(now)
        return self.began and clock is not None and paid_at - clock > LEAP

    def plan(self, every_s: float, now: float) -> tuple["Sweeps", Sweep, float]:
        """When and how to sweep next: as a rule in `every_s` seconds; once an hour at once, and three days back."""
        far_at = now if self.looked_back_at is None else self.looked_back_at
        until, complete_since = self.history.swept_until, self.history.complete_since
        if now < far_at + LOOK_BACK_EVERY_S or until is None or complete_since is None:
            return replace(self, looked_back_at=far_at), self.next, now + every_s
        since = max(until - LOOK_BACK, complete_since - OVERLAP)
        return replace(self, looked_back_at=now), Sweep(self.history.pos_id, since), now
