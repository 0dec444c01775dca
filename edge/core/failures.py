"""What keeps the till from its work, since when, and when a slip says so. Pure.

The lights show that something fails; the slip says what, what to do and whom to call. It comes when the failure has
lasted, once, and not within an hour of the last one with that cause; behind all else that is owed to the printer.
What is over is told no more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from edge.core import duties, events
from edge.core.state import Concern, Till, without

HOUR = 3600.0
NO_POS = "Mercado Pago knows no point of sale by external_store_id and external_pos_id; correct the configuration"
PATIENCE: Mapping[duties.Cause, float] = {
    duties.Cause.NO_INTERNET: 1,
    duties.Cause.NO_MEMORY: 1,
    duties.Cause.WRONG_CLOCK: 2,  # after a power cut it takes a while to hear the time
    duties.Cause.API_DOWN: 5,  # and nobody at the till can do anything about it
}
"""How long what may go by itself has to last, in times of `Settings.slip_after`. The others are told at once."""
ASKED = (duties.Cause.NO_INTERNET, duties.Cause.API_DOWN, duties.Cause.WRONG_CLOCK)
"""What shows only when Mercado Pago is asked, which is done the more seldom the longer it lasts."""


def watch(till: Till, now: float) -> Till:
    """Note what fails, and since when."""
    failing = {cause: till.failing.get(cause, now) for cause, _ in _failures(till)}
    return replace(till, failing=failing) if failing != till.failing else till


def failure_duty(till: Till, now: float) -> duties.PrintFailure | None:
    """The slip that is owed now, if tickets and other slips leave room for one."""
    at = till.date(now) if till.swept_at > float("-inf") else None
    slips = (duties.PrintFailure(cause, why, at) for cause, why in _failures(till) if _to_be_told(till, cause, now))
    return next(slips, None)


def begin_to_tell(till: Till, slip: duties.PrintFailure, now: float) -> Till:
    """The first byte of a slip may leave: from here on it was told, lest a till that fails at it tell it for ever."""
    return replace(till, told={**till.told, slip.cause: now})


def not_told(till: Till, slip: duties.Slip) -> Till:
    """It did not come out whole."""
    return replace(till, told=without(till.told, slip.cause)) if isinstance(slip, duties.PrintFailure) else till


def _to_be_told(till: Till, cause: duties.Cause, now: float) -> bool:
    """What can't be remembered isn't printed, or each start would tell it anew; save that this is what fails."""
    if till.journal_why and cause is not duties.Cause.NO_MEMORY:
        return False
    since, told = till.failing.get(cause, now), till.told.get(cause, float("-inf"))
    # As long as we know: Mercado Pago may be back since we asked, and a slip that says otherwise is not believed twice.
    until = till.api.failed_at if cause in ASKED else now
    lasted = until - since >= PATIENCE.get(cause, 0) * till.settings.slip_after
    return lasted and told < since and now - told >= HOUR


def _failures(till: Till) -> Iterator[tuple[duties.Cause, str]]:
    """What fails now, and why, in words for whoever is called."""
    if till.journal_why:
        yield duties.Cause.NO_MEMORY, till.journal_why
    if _asked_for_pos_in_vain(till):
        yield duties.Cause.WRONG_TILL, NO_POS
    if (cause := _api_failure(till)) is not None:
        yield cause, till.api.why
    if any(notice.concern is Concern.TWINS for notice in till.notices):
        yield duties.Cause.TWINS, till.broker_why


def _asked_for_pos_in_vain(till: Till) -> bool:
    due = till.agenda.get(duties.FindPos())
    return due is not None and due.missed > 0


def _api_failure(till: Till) -> duties.Cause | None:
    match till.api.trouble:
        case events.Trouble.NETWORK:
            online = till.settings.broker_far and till.broker_up
            return duties.Cause.API_DOWN if online else duties.Cause.NO_INTERNET
        case events.Trouble.BUSY:
            return duties.Cause.API_DOWN
        case events.Trouble.CLOCK:
            return duties.Cause.WRONG_CLOCK
        case events.Trouble.REFUSED if till.api.why != NO_POS:
            return duties.Cause.TOKEN_REFUSED
    return None
