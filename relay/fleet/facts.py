"""What tills say of themselves, read: the status, and the record of the last `till-edge check`. Pure.

Both come from other machines: whatever is missing or of another type in them counts as not said, and none of their
characters can move a cursor. All moments have a time zone.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from edge.contract.mqtt import LARGEST_MESSAGE, LARGEST_RECORD, BadMessage, decode

LONGEST_TEXT = 200
"""Characters that are shown of what a till says."""


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
        facts = _decoded(payload, LARGEST_MESSAGE)
    except ValueError as error:
        return Status(problems=(f"its status can't be read: {clean(str(error))}",))
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


@dataclass(frozen=True)
class Record:
    """What a till's last check found. `well` is None where that can't be read, and `unreadable` says why."""

    at: datetime | None = None
    well: bool | None = None
    failed: tuple[str, ...] = ()
    """The parts."""
    unreadable: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


def read_record(payload: bytes) -> Record:
    """Read the retained record of a check."""
    try:
        facts = _decoded(payload, LARGEST_RECORD)
    except ValueError as error:
        return Record(unreadable=clean(str(error)))
    at, well = _moment(facts, "at"), facts.get("well")
    if not isinstance(well, bool):
        return Record(at, unreadable="it does not say whether all was well", facts=facts)
    return Record(at, well, tuple(_failed(facts)), facts=facts)


def _failed(facts: Mapping[str, Any]) -> Iterator[str]:
    checks = facts.get("checks")
    for check in checks if isinstance(checks, list) else ():
        if isinstance(check, dict) and check.get("grade") == "failed":
            yield _text(check, "part")


# --- what another machine wrote ---------------------------------------------------------------------------------------


def _decoded(payload: bytes, largest: int) -> dict[str, Any]:
    """Read what others can read, too. Raises `ValueError`."""
    facts = decode(payload, largest)
    try:
        json.dumps(facts, allow_nan=False)  # Python reads NaN, and what is nested deeper than others can read
    except RecursionError:
        raise BadMessage("nested too deeply") from None
    return facts


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key)
    return clean(value) if isinstance(value, str) else ""


def _texts(facts: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = facts.get(key)
    return tuple(clean(text) for text in value if isinstance(text, str)) if isinstance(value, list) else ()


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


def clean(text: str) -> str:
    """Keep what has a shape: no control or format characters, no lone surrogates, no line breaks."""
    kept = ("�" if unicodedata.category(character)[0] in "CZ" and character != " " else character for character in text)
    short = "".join(kept).strip()
    return short if len(short) <= LONGEST_TEXT else f"{short[: LONGEST_TEXT - 1]}…"
