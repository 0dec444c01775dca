"""Which till needs help, and why: statuses become rows, sorted. Pure.

A status comes from another machine: whatever is missing or of another type in it counts as not said, and none of its
characters can move a cursor. All moments have a time zone.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, tzinfo
from enum import StrEnum
from typing import Any

from edge.wire import BadMessage, decode

BUSY_STATES = ("waiting", "working", "paid", "holding", "cancelled")
STATES = (*BUSY_STATES, "ready", "starting", "attention", "printer", "polling", "unreachable", "offline")
PRINTER_WORDS = {
    "low": "the paper is nearly used up",
    "no_paper": "no paper",
    "cover_open": "the printer's cover is open",
    "error": "the printer reports an error",
    "gone": "the printer is switched off or unplugged",
}
CONCERN = re.compile(r"[a-z]+(_[a-z]+)*", re.ASCII)
LITTLE_DISK = 200
"""MB, below which a disk is said to be nearly full."""
LONGEST_TEXT = 200
"""Characters that are shown of what a till says."""


class Help(StrEnum):
    """How much a till needs a person, most of all first."""

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


@dataclass(frozen=True)
class Hours:
    """When a shop is open, by the clock on its wall; over midnight if it closes before it opens."""

    open_from: time
    open_until: time
    zone: tzinfo | None
    """None: this machine's."""

    def include(self, moment: datetime) -> bool:
        """Say whether the shop is open then. From an hour to the same hour is day and night."""
        clock = moment.astimezone(self.zone).time()
        if self.open_from < self.open_until:
            return self.open_from <= clock < self.open_until
        return clock >= self.open_from or clock < self.open_until


@dataclass(frozen=True)
class Status:
    """What a till last said; None and "" for what it did not say. `facts` is all of it, as it came."""

    state: str = ""
    since: datetime | None = None
    version: str = ""
    can_sell: bool | None = None
    not_ready: str = ""
    printer: str = ""
    api: str = ""
    api_error: str = ""
    relay: str = ""
    problems: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    disk_free_mb: float | None = None
    last_ticket: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_gone(self) -> bool:
        """Whether only its will, or its farewell, is heard."""
        return self.state == "offline"

    def after(self, before: "Status", at: datetime | None) -> "Status":
        """Of a till that says nothing but that it is gone: keep what it had said. `at` is when it went, if known."""
        since = before.since if before.is_gone else at
        return replace(self, since=since, version=before.version, last_ticket=before.last_ticket)


def read_status(payload: bytes) -> Status:
    """Read a retained status; one that can't be read becomes a problem of its till."""
    try:
        facts = decode(payload)
        json.dumps(facts, allow_nan=False)  # Python reads NaN, and what is nested deeper than others can read
    except (BadMessage, ValueError, RecursionError) as error:
        return Status(problems=(f"its status can't be read: {_clean(str(error))}",))
    ticket = facts.get("last_ticket")
    return Status(
        state=_text(facts, "state"),
        since=_moment(facts, "since"),
        version=_text(facts, "version"),
        can_sell=facts["ready_to_sell"] if isinstance(facts.get("ready_to_sell"), bool) else None,
        not_ready=_text(facts, "not_ready"),
        printer=_text(facts, "printer"),
        api=_text(facts, "api"),
        api_error=_text(facts, "api_error"),
        relay=_text(facts, "relay"),
        problems=_texts(facts, "problems"),
        throttled=_texts(facts, "throttled"),
        disk_free_mb=_number(facts, "disk_free_mb"),
        last_ticket=_moment(ticket, "at") if isinstance(ticket, dict) else None,
        facts=facts,
    )


# --- who needs help, and why ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One till in the table. `wrong` says in words what a person should know."""

    till: str
    help: Help
    wrong: tuple[str, ...]
    status: Status


def rows_of(statuses: Mapping[str, Status], shop_is_open: bool) -> list[Row]:
    """Make a row of each till, who needs help most first."""
    rows = []
    for till, status in statuses.items():
        wrong = _wrong(status, shop_is_open)
        rows.append(Row(_clean(till), _help(status, bool(wrong), shop_is_open), wrong, status))
    return sorted(rows, key=lambda row: (URGENCY.index(row.help), row.till))


def counts_of(rows: Iterable[Row]) -> dict[str, int]:
    """Count the tills of a kind; a till in the middle of a sale is ready."""
    counts = Counter(row.help for row in rows)
    return {
        "tills": counts.total(),
        "dark": counts[Help.DARK],
        "need_a_look": sum(counts[help_] for help_ in NEED_A_LOOK),
        "closed": counts[Help.CLOSED],
        "ready": counts[Help.READY] + counts[Help.BUSY],
    }


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
        return ("no sign of life; look at its power and its network",) if shop_is_open else ()
    found = [*map(_in_words, status.problems), PRINTER_WORDS.get(status.printer, ""), _api(status), _link(status)]
    found += [f"the computer reports {spaced(trouble)}" for trouble in status.throttled]
    if status.disk_free_mb is not None and 0 <= status.disk_free_mb < LITTLE_DISK:
        found.append(f"the disk is nearly full: {status.disk_free_mb:.0f} MB left")
    if status.facts and status.state not in STATES:
        found.append(f"its state is {status.state!r}, which is not known here" if status.state else "it names no state")
    words = tuple(dict.fromkeys(filter(None, found)))
    return words or ((status.not_ready,) if status.not_ready else ())


def _api(status: Status) -> str:
    """One odd answer is no outage: the till says when it is one."""
    if _clock_is_wrong(status):
        return f"its clock is wrong: {status.api_error}".removesuffix(": ")
    if status.state == "unreachable" or (status.can_sell is False and status.api not in ("", "ok")):
        return f"Mercado Pago can't be asked: {status.api_error}".removesuffix(": ")
    return ""


def _link(status: Status) -> str:
    if status.relay == "unheard":
        return "the relay's doorbells don't reach it; look at its rights at the broker"
    if status.state == "polling" or status.relay == "offline":
        return "it hears no relay and sells by asking Mercado Pago"
    return ""


def _clock_is_wrong(status: Status) -> bool:
    return status.state == "starting" and status.api == "clock"


def _in_words(problem: str) -> str:
    """Of `late_money: ref_1`, the first part is a word of ours."""
    concern, colon, rest = problem.partition(":")
    if not colon or not CONCERN.fullmatch(concern):
        return problem
    return f"{spaced(concern)}: {rest.strip()}".removesuffix(": ")


def spaced(word: str) -> str:
    """Write `no_paper` as people do."""
    return word.replace("_", " ")


# --- what another machine wrote ---------------------------------------------------------------------------------------


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key)
    return _clean(value) if isinstance(value, str) else ""


def _texts(facts: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = facts.get(key)
    return tuple(_clean(text) for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _number(facts: Mapping[str, Any], key: str) -> float | None:
    value = facts.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(facts: Mapping[str, Any], key: str) -> datetime | None:
    value = facts.get(key)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _clean(text: str) -> str:
    """Keep what has a shape: no control or format characters, no lone surrogates, no line breaks."""
    kept = ("�" if unicodedata.category(character)[0] in "CZ" and character != " " else character for character in text)
    short = "".join(kept).strip()
    return short if len(short) <= LONGEST_TEXT else f"{short[: LONGEST_TEXT - 1]}…"
