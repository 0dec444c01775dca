"""What keeps the till from its work, since when, and when a slip says so. Pure.

The lights show that something fails; a slip says what, what to do and whom to call. It comes when the failure has
lasted, behind everything else that is owed to the printer, and not within an hour of the last slip with the same cause.
A failure that is over is never reported late.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.core.duties import Cause, FindPos, PrintFailure
from edge.core.events import BrokerTrouble, Trouble
from edge.core.maps import without
from edge.core.notices import Concern

if TYPE_CHECKING:
    from edge.core.state import Till

NO_POS = "Mercado Pago knows no point of sale by external_store_id and external_pos_id; correct the configuration"
SEEN_ONLY_BY_ASKING = (Cause.NO_INTERNET, Cause.API_DOWN, Cause.WRONG_CLOCK)
"""Causes that show only when Mercado Pago is asked, which is done less and less often the longer they last."""
SLIP_EVERY_S = 3600.0
PATIENCE_IN_SLIPS: Mapping[Cause, float] = {
    Cause.NO_INTERNET: 1,
    Cause.NO_MEMORY: 1,
    Cause.WRONG_CLOCK: 2,  # after a power cut it takes a while to hear the time
    Cause.API_DOWN: 5,  # and nobody at the till can do anything about it
    Cause.BROKER_CREDENTIALS: 1,
    Cause.BROKER_UNFIT: 1,
    Cause.BROKER_REFUSES: 5,
    Cause.BROKER_BUSY: 15,  # the till sells without it
    Cause.BROKER_MUTE: 5,
    Cause.BROKER_HANGS_UP: 5,
}
"""How long a failure that may pass by itself must last, as a multiple of `Settings.slip_after_s`."""


BROKER_CAUSES: Mapping[BrokerTrouble, Cause] = {
    BrokerTrouble.CREDENTIALS: Cause.BROKER_CREDENTIALS,
    BrokerTrouble.RIGHTS: Cause.BROKER_CREDENTIALS,
    BrokerTrouble.UNFIT: Cause.BROKER_UNFIT,
    BrokerTrouble.BUSY: Cause.BROKER_BUSY,
    BrokerTrouble.REFUSED: Cause.BROKER_REFUSES,
    BrokerTrouble.MUTE: Cause.BROKER_MUTE,
    BrokerTrouble.NO_MQTT: Cause.BROKER_MUTE,
    BrokerTrouble.HANGS_UP: Cause.BROKER_HANGS_UP,
}
"""What is said on paper. A broker that is away is not: the till sells, and `NO_INTERNET` says what a cashier can check.
That there are twins stays to be looked at after the broker has settled it."""


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
        lasted = known_until >= since + patience_s(cause, slip_after_s)
        return lasted and (last is None or (last < since and now >= last + SLIP_EVERY_S))

    def slip_begun(self, cause: Cause, now: float) -> "Failures":
        """The first byte may leave. The slip counts from here, or a till that fails at it would print it for ever."""
        return replace(self, last_slip_at={**self.last_slip_at, cause: now})

    def slip_failed(self, cause: Cause) -> "Failures":
        """It did not come out whole."""
        return replace(self, last_slip_at=without(self.last_slip_at, cause))


def patience_s(cause: Cause, slip_after_s: float) -> float:
    """How long this failure lasts before a slip tells it."""
    return PATIENCE_IN_SLIPS.get(cause, 0) * slip_after_s


# --- what fails now ------------------------------------------------------------------------------------------------


def observe_failures(till: "Till", now: float) -> "Till":
    """Note what fails, and since when."""
    failures = till.failures.observe((cause for cause, _ in _failing(till)), now)
    return till if failures is till.failures else replace(till, failures=failures)


def failure_duty(till: "Till", now: float) -> PrintFailure | None:
    """The slip that is owed now, if tickets and other slips leave room for one."""
    due = (
        PrintFailure(cause, why, till.sweeps.sure_clock(now))
        for cause, why in _failing(till)
        if _is_due(till, cause, now)
    )
    return next(due, None)


def _is_due(till: "Till", cause: Cause, now: float) -> bool:
    """What can't be remembered isn't printed, or each start would print it anew; except that this is what fails."""
    if till.journal_error and cause is not Cause.NO_MEMORY:
        return False
    # Mercado Pago may be back since we asked, and nobody believes a second slip after one that was wrong.
    known_until = till.api.failed_at if cause in SEEN_ONLY_BY_ASKING else now
    return till.failures.slip_due(cause, known_until, till.settings.slip_after_s, now)


def _failing(till: "Till") -> Iterator[tuple[Cause, str]]:
    """What fails now, and why, in words for whoever is called."""
    if till.journal_error:
        yield Cause.NO_MEMORY, till.journal_error
    if _pos_is_unknown(till):
        yield Cause.WRONG_TILL, NO_POS
    if (cause := _api_failure(till)) is not None:
        yield cause, till.api.error
    yield from _refused_questions(till)
    if till.notices.has(Concern.TWINS):
        yield Cause.TWINS, till.link.broker_error
    trouble = till.link.broker_trouble
    if trouble is not None and trouble in BROKER_CAUSES:
        yield BROKER_CAUSES[trouble], till.link.broker_error


def _pos_is_unknown(till: "Till") -> bool:
    due = till.agenda.due.get(FindPos())
    return due is not None and due.not_found > 0


def _refused_questions(till: "Till") -> Iterator[tuple[Cause, str]]:
    refusals = till.agenda.refusals
    for trouble, cause in ((Trouble.FORBIDDEN, Cause.WRONG_APPLICATION), (Trouble.NO_SUCH_TILL, Cause.WRONG_TILL)):
        if whys := sorted(why for why, each in refusals.items() if each is trouble):
            yield cause, "\n".join(whys)


def _api_failure(till: "Till") -> Cause | None:
    match till.api.trouble:
        case Trouble.NETWORK:
            online = till.settings.broker_far and till.link.broker_up
            return Cause.API_DOWN if online else Cause.NO_INTERNET
        case Trouble.BUSY:
            return Cause.API_DOWN
        case Trouble.CLOCK:
            return Cause.WRONG_CLOCK
        case Trouble.REFUSED if till.api.error != NO_POS:
            return Cause.TOKEN_REFUSED
    return None
