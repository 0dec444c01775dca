"""What keeps the till from its work at this moment, and the slip that says so. Pure.

Worked out from the other machines each time; `machines/failures.py` remembers since when. A slip is owed only while its
cause fails, behind everything else that is owed to the printer.
"""

from collections.abc import Iterator
from dataclasses import replace

from edge.core.duties import Cause, FindPos, PrintFailure
from edge.core.events import Trouble
from edge.core.machines.notices import Concern
from edge.core.state import Till

NO_POS = "Mercado Pago knows no point of sale by external_store_id and external_pos_id; correct the configuration"
SEEN_ONLY_BY_ASKING = (Cause.NO_INTERNET, Cause.API_DOWN, Cause.WRONG_CLOCK)
"""Causes that show only when Mercado Pago is asked, which is done less and less often the longer they last."""


def observe_failures(till: Till, now: float) -> Till:
    """Note what fails, and since when."""
    failures = till.failures.observe((cause for cause, _ in _failing(till)), now)
    return till if failures is till.failures else replace(till, failures=failures)


def failure_duty(till: Till, now: float) -> PrintFailure | None:
    """The slip that is owed now, if tickets and other slips leave room for one."""
    due = (
        PrintFailure(cause, why, till.sweeps.sure_clock(now))
        for cause, why in _failing(till)
        if _is_due(till, cause, now)
    )
    return next(due, None)


def _is_due(till: Till, cause: Cause, now: float) -> bool:
    """What can't be remembered isn't printed, or each start would print it anew; except that this is what fails."""
    if till.journal_error and cause is not Cause.NO_MEMORY:
        return False
    # Mercado Pago may be back since we asked, and nobody believes a second slip after one that was wrong.
    known_until = till.api.failed_at if cause in SEEN_ONLY_BY_ASKING else now
    return till.failures.slip_due(cause, known_until, till.settings.slip_after_s, now)


def _failing(till: Till) -> Iterator[tuple[Cause, str]]:
    """What fails now, and why, in words for whoever is called."""
    if till.journal_error:
        yield Cause.NO_MEMORY, till.journal_error
    if _pos_is_unknown(till):
        yield Cause.WRONG_TILL, NO_POS
    if (cause := _api_failure(till)) is not None:
        yield cause, till.api.error
    if any(notice.concern is Concern.TWINS for notice in till.notices):
        yield Cause.TWINS, till.link.broker_error


def _pos_is_unknown(till: Till) -> bool:
    due = till.agenda.due.get(FindPos())
    return due is not None and due.not_found > 0


def _api_failure(till: Till) -> Cause | None:
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
