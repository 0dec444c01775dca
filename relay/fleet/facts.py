"""The status of a till, and the record of its last `till-edge check`, decoded. Pure.

Both come from other machines: a field that is missing or of another type counts as unknown, and no character in them
can move a cursor. All times have a time zone.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from edge.contract.mqtt import MAX_MESSAGE_BYTES, MAX_RECORD_BYTES, BadMessageError, decode

MAX_TEXT_CHARS = 200
"""Longer texts of a till are cut."""
GONE = "offline"
"""The state in a till's will, and in its farewell."""
MAX_DELAY_S = 60.0
"""By so much a till may be late with its status: it may just be on its way to another node of the broker."""


@dataclass(frozen=True)
class Status:
    """A till's last status, decoded. None and "" stand for what it doesn't contain; `facts` is the whole message."""

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
    journal_error: str = ""
    sound_error: str = ""
    update_error: str = ""
    throttled: tuple[str, ...] = ()
    disk_free_mb: float | None = None
    last_ticket: datetime | None = None
    at: datetime | None = None
    """When it was published, by the till's clock; or heard, by ours, if it came live."""
    repeated_every_s: float | None = None
    """How often a till that lives publishes it at least; None: an older till, which doesn't repeat itself."""
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_gone(self) -> bool:
        """Whether the status is only the till's will, or its farewell."""
        return self.state == GONE

    def as_of(self, now: datetime) -> "Status":
        """The same, or that the till is gone since, if it should have repeated it by now.

        A broker's node that dies publishes no will, and another node may have kept what the till said long ago.
        """
        if self.is_gone or self.at is None or not self.repeated_every_s:
            return self
        overdue = (now - self.at).total_seconds() > self.repeated_every_s + MAX_DELAY_S
        return replace(self, state=GONE, since=self.at) if overdue else self

    def after(self, before: "Status", at: datetime | None) -> "Status":
        """Add to the status of a till that is gone what it reported before. `at`: when it went, if that is known."""
        since = before.since if before.is_gone else at
        return replace(self, since=since, version=before.version, last_ticket=before.last_ticket)


def decode_status(payload: bytes) -> Status:
    """Decode a retained status; one that can't be decoded becomes a problem of its till."""
    try:
        facts = _decoded(payload, MAX_MESSAGE_BYTES)
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
        journal_error=_text(facts, "journal_error"),
        sound_error=_text(facts, "sound_error"),
        update_error=_text(facts, "update_error"),
        throttled=_texts(facts, "throttled"),
        disk_free_mb=_number(facts, "disk_free_mb"),
        last_ticket=_moment(ticket, "at") if isinstance(ticket, dict) else None,
        at=_moment(facts, "at"),
        repeated_every_s=_number(facts, "repeated_every_s"),
        facts=facts,
    )


@dataclass(frozen=True)
class Record:
    """What a till's last check found. `well` is None if that can't be decoded, and `unreadable` says why."""

    at: datetime | None = None
    well: bool | None = None
    failed: tuple[str, ...] = ()
    """The names of the parts that failed."""
    unreadable: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


def decode_record(payload: bytes) -> Record:
    """Decode the retained record of a check."""
    try:
        facts = _decoded(payload, MAX_RECORD_BYTES)
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


# --- fields of a message that another machine wrote -------------------------------------------------------------------


def _decoded(payload: bytes, largest: int) -> dict[str, Any]:
    """Decode a message, and refuse what `--json` could not print for others. Raises `ValueError`."""
    facts = decode(payload, largest)
    try:
        json.dumps(facts, allow_nan=False)  # Python decodes NaN, and deeper nesting than others can
    except RecursionError:
        raise BadMessageError("nested too deeply") from None
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
    """Replace control and format characters, lone surrogates and line breaks, and cut what is long."""
    kept = ("�" if unicodedata.category(character)[0] in "CZ" and character != " " else character for character in text)
    short = "".join(kept).strip()
    return short if len(short) <= MAX_TEXT_CHARS else f"{short[: MAX_TEXT_CHARS - 1]}…"
