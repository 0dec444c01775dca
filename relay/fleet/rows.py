"""Which till needs help, and why: statuses and records become rows, sorted by urgency. Pure.

A till needs help if it can't sell properly now. The result of its last check is shown separately, because the check may
be long ago.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from relay.fleet.facts import Record, Status, clean

BUSY_STATES = ("waiting", "working", "paid", "holding", "cancelled")
STATES = (*BUSY_STATES, "ready", "starting", "attention", "printer", "polling", "unreachable", "offline")
PRINTER_WORDS = {
    "low": "the paper is nearly used up",
    "no_paper": "no paper",
    "cover_open": "the printer's cover is open",
    "error": "the printer reports an error",
    "no_answer": "the printer doesn't answer",
    "gone": "the printer is switched off or unplugged",
}
CONCERN = re.compile(r"[a-z]+(_[a-z]+)*", re.ASCII)
NUMBER = re.compile(r"\d{1,9}", re.ASCII)
MAX_VERSION_NUMBERS = 4
LOW_DISK_MB = 200
"""Below this a disk is reported as nearly full."""


class Help(StrEnum):
    """How urgently a till needs a person; the most urgent comes first."""

    DARK = "dark"
    ATTENTION = "attention"
    UNREACHABLE = "unreachable"
    PRINTER = "printer"
    POLLING = "polling"
    CLOCK = "clock"
    OTHER = "other"
    BUSY = "busy"
    CLOSED = "closed"
    READY = "ready"


URGENCY = tuple(Help)
NEED_A_LOOK = URGENCY[URGENCY.index(Help.ATTENTION) : URGENCY.index(Help.OTHER) + 1]


class Check(StrEnum):
    """The result of the last `till-edge check`; what needs a person comes first."""

    FAILED = "failed"
    UNREADABLE = "unreadable"
    NEVER = "never"
    WELL = "well"
    UNKNOWN = "unknown"
    """No record of any till came: none was checked, or our rights don't include the records."""


CHECKS = tuple(Check)
TO_BE_CHECKED = (Check.FAILED, Check.UNREADABLE, Check.NEVER)


@dataclass(frozen=True)
class Hours:
    """When a shop is open, by its local time. If it closes before it opens, it is open over midnight."""

    open_from: time
    open_until: time
    zone: tzinfo | None
    """None: this machine's time zone."""

    def include(self, moment: datetime) -> bool:
        """Whether the shop is open then. From an hour to the same hour means day and night."""
        clock = moment.astimezone(self.zone).time()
        if self.open_from < self.open_until:
            return self.open_from <= clock < self.open_until
        return clock >= self.open_from or clock < self.open_until

    def opened_at(self, moment: datetime) -> datetime:
        """When it opened last, as seen then."""
        local = moment.astimezone(self.zone)
        opened = local.replace(hour=self.open_from.hour, minute=self.open_from.minute, second=0, microsecond=0)
        return opened if opened <= local else opened - timedelta(days=1)


# --- who needs help, and why ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One till in the table. `wrong`: in words, what a person should know about it now."""

    till: str
    help: Help
    wrong: tuple[str, ...]
    status: Status
    check: Check
    record: Record
    is_behind: bool = False
    """Another till has a newer till-edge."""


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as its numbers, so that 0.10 is newer than 0.9; of what is no version there are none."""
    return tuple(int(number) for number in NUMBER.findall(version)[:MAX_VERSION_NUMBERS])


def rows_of(statuses: Mapping[str, Status], records: Mapping[str, Record], shop_is_open: bool) -> list[Row]:
    """Make a row of each till that has a status. Tills that need help come first, then those that need a check."""
    newest = max((version_key(status.version) for status in statuses.values()), default=())
    rows = []
    for till, status in statuses.items():
        wrong = _wrong(status, shop_is_open)
        help_, check = _help(status, bool(wrong), shop_is_open), _check(till, records)
        is_behind = bool(status.version) and version_key(status.version) < newest
        rows.append(Row(clean(till), help_, wrong, status, check, records.get(till, Record()), is_behind))
    return sorted(rows, key=lambda row: (URGENCY.index(row.help), CHECKS.index(row.check), row.till))


def counts_of(rows: Iterable[Row]) -> dict[str, int]:
    """Count the tills by the help that they need. A till in the middle of a sale counts as ready."""
    counts = Counter(row.help for row in rows)
    return {
        "tills": counts.total(),
        "dark": counts[Help.DARK],
        "need_a_look": sum(counts[help_] for help_ in NEED_A_LOOK),
        "closed": counts[Help.CLOSED],
        "ready": counts[Help.READY] + counts[Help.BUSY],
    }


def checks_of(rows: Iterable[Row]) -> dict[str, int]:
    """Count the tills by the result of their last check."""
    counts = Counter(row.check for row in rows)
    return {check.value: counts[check] for check in CHECKS}


def _help(status: Status, anything_wrong: bool, shop_is_open: bool) -> Help:
    state = status.state
    signs = (
        (Help.DARK, status.is_gone and shop_is_open),
        (Help.CLOSED, status.is_gone),
        (Help.ATTENTION, state == "attention" or bool(status.problems)),
        (Help.UNREACHABLE, state == "unreachable"),
        (Help.PRINTER, state == "printer" or (status.printer in PRINTER_WORDS and status.printer != "low")),
        (Help.POLLING, bool(_link(status))),
        (Help.CLOCK, _clock_is_wrong(status)),
        (Help.OTHER, anything_wrong or status.can_sell is False),
        (Help.BUSY, state in BUSY_STATES),
        (Help.READY, state == "ready"),
    )
    return next((help_ for help_, holds in signs if holds), Help.OTHER)


def _wrong(status: Status, shop_is_open: bool) -> tuple[str, ...]:
    if status.is_gone:
        return ("no sign of life; check its power and its network",) if shop_is_open else ()
    found = [*map(_in_words, status.problems), PRINTER_WORDS.get(status.printer, ""), _api(status), _link(status)]
    found += [f"the computer reports {spaced(trouble)}" for trouble in status.throttled]
    found += [f"it can't be heard: {status.sound_error}"] * bool(status.sound_error)
    found += [f"an update was taken back: {status.update_error}"] * bool(status.update_error)
    if status.disk_free_mb is not None and 0 <= status.disk_free_mb < LOW_DISK_MB:
        found.append(f"the disk is nearly full: {status.disk_free_mb:.0f} MB left")
    if status.facts and status.state not in STATES:
        unknown = f"its state is {status.state!r}, which is not known here"
        found.append(unknown if status.state else "it reports no state")
    words = tuple(dict.fromkeys(filter(None, found)))
    return words or ((status.not_ready,) if status.not_ready else ())


def _check(till: str, records: Mapping[str, Record]) -> Check:
    record = records.get(till)
    if record is None:
        return Check.NEVER if records else Check.UNKNOWN
    return {True: Check.WELL, False: Check.FAILED, None: Check.UNREADABLE}[record.well]


def _api(status: Status) -> str:
    """One odd answer is not an outage; the till reports when there is one."""
    if _clock_is_wrong(status):
        return f"its clock is wrong: {status.api_error}".removesuffix(": ")
    if status.state == "unreachable" or (status.can_sell is False and status.api not in ("", "ok")):
        return f"Mercado Pago can't be asked: {status.api_error}".removesuffix(": ")
    return ""


def _link(status: Status) -> str:
    if status.relay == "unheard":
        return "the relay's doorbells don't reach it; check its rights at the broker"
    if status.state == "polling" or status.relay == "offline":
        return "no relay reaches it; it polls Mercado Pago"
    return ""


def _clock_is_wrong(status: Status) -> bool:
    return status.state == "starting" and status.api == "clock"


def _in_words(problem: str) -> str:
    """In `late_money: ref_1` the first part is one of our words."""
    concern, colon, rest = problem.partition(":")
    if not colon or not CONCERN.fullmatch(concern):
        return problem
    return f"{spaced(concern)}: {rest.strip()}".removesuffix(": ")


def spaced(word: str) -> str:
    """Return `no_paper` as `no paper`."""
    return word.replace("_", " ")
