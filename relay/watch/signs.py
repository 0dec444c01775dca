"""What is wrong with the fleet now, as signs that a person should hear of. Pure.

A sign says of one till, or of the relay, what is wrong; how long it must last, and when it may be told, is in
`alerts.py`. The fleet's statuses come from other machines: whatever they don't say is not wrong.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from relay.config import TokenEnd
from relay.fleet.facts import Status
from relay.fleet.rows import CONCERN, LOW_DISK_MB, PRINTER_WORDS

TOKEN_NOTICE = timedelta(days=14)
"""So long before its last day a token is reported."""
NUMBERS = re.compile(r"[0-9]+", re.ASCII)
JOURNAL_DAMAGED = "journal_damaged"
REFUSED = "refused"
PAPER_IS_LOW = "low"


class Cause(StrEnum):
    """Why a person should hear of it. The values are in the memory's file and in the metrics."""

    BROKER = "broker"
    """The broker can't be reached, so that nobody knows how the tills are."""
    RELAY = "relay"
    DARK = "dark"
    CARD = "card"
    PRINTER = "printer"
    TOKEN_REFUSED = "token_refused"
    MERCADO_PAGO = "mercado_pago"
    """It can't be asked, for another reason."""
    ATTENTION = "attention"
    TOKEN_EXPIRES = "token_expires"
    VERSION = "version"
    UPDATE = "update"
    """It was taken back."""
    SOUND = "sound"


@dataclass(frozen=True, order=True)
class Sign:
    """What is wrong, as one thing to be told once. `signs_of` makes it; the ledger is kept by it."""

    subject: str
    """A till's id; an account's, of a token; "" for relay and broker."""
    cause: Cause
    about: str = ""
    """Which of several problems of the same till; "" where there is one only."""


@dataclass(frozen=True)
class View:
    """What the watcher knows at one moment."""

    statuses: Mapping[str, Status] = field(default_factory=dict)
    heard: Collection[str] | None = None
    """The tills of which it is known how they are; None: all there are."""
    relay: str = ""
    """`online`, `offline`, or "" if nothing was ever published."""
    version: str = "0"
    """Of the till-edge on this machine."""
    broker_trouble: str = ""
    """Why the statuses are not the present ones; "" if they are."""

    @property
    def ready(self) -> int:
        return sum(status.can_sell is True and not status.is_gone for status in self.statuses.values())


def signs_of(view: View, tokens: Sequence[TokenEnd], today: date) -> dict[Sign, str]:
    """Return each sign with its detail, a word or a text of the till's. Without a broker nothing is known of tills."""
    found = dict(_of_tokens(tokens, today))
    if view.broker_trouble:
        return {**found, Sign("", Cause.BROKER): view.broker_trouble}
    if view.relay == "offline":
        found[Sign("", Cause.RELAY)] = ""
    newest = max((status.version for status in view.statuses.values()), key=_parts, default="0")
    newest = max(newest, view.version, key=_parts)
    for till, status in view.statuses.items():
        found.update((Sign(till, cause, about), detail) for cause, about, detail in _of_till(status, newest))
    return found


def _of_till(status: Status, newest: str) -> Iterator[tuple[Cause, str, str]]:
    if status.is_gone:
        yield Cause.DARK, "", ""
        return
    if status.printer in PRINTER_WORDS and status.printer != PAPER_IS_LOW:
        yield Cause.PRINTER, "", status.printer
    if failing := _card(status):
        yield Cause.CARD, "", failing
    if status.api == REFUSED:
        yield Cause.TOKEN_REFUSED, "", status.api_error
    elif status.can_sell is False and status.api not in ("", "ok"):
        yield Cause.MERCADO_PAGO, "", status.api_error
    yield from _of_problems(status)
    if status.sound_error:
        yield Cause.SOUND, "", status.sound_error
    if status.update_error:
        yield Cause.UPDATE, "", status.update_error
    elif status.version and _parts(status.version) < _parts(newest):
        yield Cause.VERSION, "", f"{status.version} < {newest}"


def _of_problems(status: Status) -> Iterator[tuple[Cause, str, str]]:
    """Each thing that a till names is told by itself; what it says in free words, which may change, together."""
    told_otherwise = tuple(filter(None, (status.journal_error, status.api_error if status.api == REFUSED else "")))
    problems = [each for each in status.problems if not each.endswith(told_otherwise)]
    named = [each for each in problems if CONCERN.fullmatch(each.partition(":")[0]) and ":" in each]
    for problem in named:
        if not problem.startswith(JOURNAL_DAMAGED):
            yield Cause.ATTENTION, problem, problem
    if others := [each for each in problems if each not in named]:
        yield Cause.ATTENTION, "", "; ".join(others)


def _card(status: Status) -> str:
    """Why the memory card seems to fail; "" if it doesn't."""
    if status.journal_error:
        return status.journal_error
    if damaged := next((each for each in status.problems if each.startswith(JOURNAL_DAMAGED)), ""):
        return damaged
    free = status.disk_free_mb
    return f"{free:.0f} MB < {LOW_DISK_MB} MB" if free is not None and 0 <= free < LOW_DISK_MB else ""


def _of_tokens(tokens: Sequence[TokenEnd], today: date) -> Iterator[tuple[Sign, str]]:
    for token in tokens:
        if token.last_day - today <= TOKEN_NOTICE:
            yield Sign(token.whose, Cause.TOKEN_EXPIRES), token.last_day.isoformat()


def _parts(version: str) -> tuple[int, ...]:
    """A version as numbers, so that 0.10 comes after 0.9; what isn't a number doesn't count."""
    return tuple(int(each) for each in NUMBERS.findall(version)[:4])
