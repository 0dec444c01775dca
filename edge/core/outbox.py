"""What is owed to the broker, and what came out today. Pure.

Outcomes are published one after the other, each until the broker acknowledges it; the journal keeps them until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from edge.core.duties import Outcome, Reply, Report
from edge.core.maps import MAX_REMEMBERED, without

REFUSED_EVERY_S = 30.0
"""How soon a report is offered again that the broker refused."""


@dataclass(frozen=True)
class Today:
    """What came out on one day, by the shop's calendar and Mercado Pago's clock; counted for the status."""

    date: str = ""
    """Like 2026-03-02; "" if the time isn't known yet."""
    counts: Mapping[Outcome, int] = field(default_factory=dict)

    def count(self, outcome: Outcome, date: str) -> "Today":
        counts = self.counts if date == self.date else {}
        return Today(date, {**counts, outcome: counts.get(outcome, 0) + 1})


@dataclass(frozen=True)
class LastTicket:
    """The last ticket that came out. For the status."""

    at: datetime | None
    """By Mercado Pago's clock."""
    reference: str
    outcome: Outcome


@dataclass(frozen=True)
class Outbox:
    """Reports wait here for the broker, replies for support."""

    reports: Mapping[int, Report] = field(default_factory=dict)
    last_number: int = 0
    """Of the last report; numbers only grow while the daemon runs."""
    replies: tuple[Reply, ...] = ()
    """Answers to support's commands. A restart loses them."""
    today: Today = field(default_factory=Today)
    retry_at: float = 0.0
    """When the broker is offered a report again, after it refused one."""

    def add(self, report: Report, day: str) -> "Outbox":
        """Queue a report. Anybody can cause rejections, so at most `MAX_REMEMBERED` of them wait."""
        if report.outcome is Outcome.REJECTED and len(self.reports) >= MAX_REMEMBERED:
            return self
        number = self.last_number + 1
        today = self.today.count(report.outcome, day)
        return replace(self, last_number=number, reports={**self.reports, number: report}, today=today)

    def reply(self, reply: Reply) -> "Outbox":
        return replace(self, replies=(*self.replies, reply))

    def delivered(self, number: int) -> "Outbox":
        return replace(self, reports=without(self.reports, number))

    def refused(self, number: int, now: float) -> "Outbox":
        """It is offered again later and behind the others: what is wrong may be this one."""
        if number not in self.reports:
            return self
        last_number = self.last_number + 1
        reports = {**without(self.reports, number), last_number: self.reports[number]}
        return replace(self, last_number=last_number, reports=reports, retry_at=now + REFUSED_EVERY_S)

    @property
    def next_report(self) -> tuple[int, Report] | None:
        return next(iter(self.reports.items()), None)
