"""What a check of the till found: one finding for each part, and what each may be caused by. Pure.

A finding is a sentence for whoever stands at the terminal, in English like all that commands say; and a cause, for
which the acceptance ticket has a sentence in the shop's language.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It sells, and somebody should know."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not tried; the finding says why."""


class Part(StrEnum):
    """What is tried, in this order."""

    CONFIGURATION = "configuration"
    TOKEN = "token"
    STORE = "store"
    POS = "point of sale"
    ORDER = "order"
    BROKER = "broker"
    RELAY = "relay"
    PRINTER = "printer"
    PROOF = "proof"
    LIGHTS = "lights"
    BUTTON = "button"
    CLOCK = "clock"
    DISK = "disk"
    POWER = "power"


class Cause(StrEnum):
    """Why something is not as it should be."""

    BLOCKED = "blocked"
    """Something before it failed."""
    DAEMON_RUNS = "daemon_runs"
    API_UNREACHABLE = "api_unreachable"
    API_ERROR = "api_error"
    TOKEN_REFUSED = "token_refused"
    OTHER_ACCOUNT = "other_account"
    OTHER_COUNTRY = "other_country"
    NO_STORE = "no_store"
    NO_POS = "no_pos"
    OTHER_STORE = "other_store"
    FREE_AMOUNT = "free_amount"
    POS_INACTIVE = "pos_inactive"
    NOT_WANTED = "not_wanted"
    TILL_IN_USE = "till_in_use"
    ORDER_REFUSED = "order_refused"
    ORDER_LOST = "order_lost"
    ORDER_REPLACED = "order_replaced"
    ORDER_STAYS = "order_stays"
    NO_RELAY = "no_relay"
    BROKER_UNREACHABLE = "broker_unreachable"
    NO_TLS = "no_tls"
    LOGIN_REFUSED = "login_refused"
    SUBSCRIPTION_REFUSED = "subscription_refused"
    BROKER_LOST = "broker_lost"
    RELAY_OFFLINE = "relay_offline"
    RELAY_UNHEARD = "relay_unheard"
    RELAY_SILENT = "relay_silent"
    RELAY_SLOW = "relay_slow"
    DOORBELLS_WAIT = "doorbells_wait"
    PRINTER_GONE = "printer_gone"
    NO_PAPER = "no_paper"
    PAPER_LOW = "paper_low"
    COVER_OPEN = "cover_open"
    PRINTER_ERROR = "printer_error"
    PRINTER_SILENT = "printer_silent"
    NO_PROOF = "no_proof"
    NO_PINS = "no_pins"
    LIGHTS_UNSEEN = "lights_unseen"
    """They were lit, and only an eye can tell whether they shone."""
    BUTTON_STUCK = "button_stuck"
    BUTTON_UNHEARD = "button_unheard"
    BUTTON_NOT_TRIED = "button_not_tried"
    CLOCK_WRONG = "clock_wrong"
    CLOCK_UNKNOWN = "clock_unknown"
    NO_FOLDER = "no_folder"
    FOLDER_READ_ONLY = "folder_read_only"
    FOREIGN_FILES = "foreign_files"
    DISK_FULL = "disk_full"
    UNDER_VOLTAGE = "under_voltage"
    SLOWED_DOWN = "slowed_down"
    NO_PI = "no_pi"


LONGEST = 300
"""Letters of what others say that find their way into a sentence: `wire.LARGEST_RECORD` has room for the rest."""


@dataclass(frozen=True)
class Finding:
    """How one part is. `value` is what was measured, short enough for paper."""

    part: Part
    grade: Grade
    seen: str
    advice: str = ""
    cause: Cause | None = None
    value: str = ""

    @property
    def line(self) -> str:
        """All of it on one line, for a terminal."""
        return f"{self.grade:8} {self.part:14} {self.seen}" + (f"; {self.advice}" if self.advice else "")

    def as_json(self) -> dict[str, Any]:
        told = {"part": self.part.value, "grade": self.grade.value, "seen": self.seen, "advice": self.advice}
        return {**told, "cause": self.cause.value if self.cause else None, "value": self.value}


Findings = tuple[Finding, ...]


def ok(part: Part, seen: str, value: str = "", cause: Cause | None = None) -> Finding:
    return Finding(part, Grade.OK, seen, value=value, cause=cause)


def warning(part: Part, cause: Cause, seen: str, advice: str, value: str = "") -> Finding:
    return Finding(part, Grade.WARNING, seen[:LONGEST], advice, cause, value)


def failed(part: Part, cause: Cause, seen: str, advice: str, value: str = "") -> Finding:
    return Finding(part, Grade.FAILED, seen[:LONGEST], advice, cause, value)


def skipped(part: Part, cause: Cause, seen: str, advice: str = "") -> Finding:
    return Finding(part, Grade.SKIPPED, seen[:LONGEST], advice, cause)


def blocked(part: Part, by: Part) -> Finding:
    return skipped(part, Cause.BLOCKED, f"not tried, for it needs the {by}")


def all_well(findings: Findings) -> bool:
    """Whether a shop can open: what is only worth knowing, or could not be tried, keeps no door shut."""
    return not any(finding.grade is Grade.FAILED for finding in findings)


def untried(findings: Findings) -> Findings:
    """What nobody knows how it is. Of what isn't there, nobody has to know."""
    there = (finding for finding in findings if finding.cause not in (Cause.NO_RELAY, Cause.NO_PI))
    return tuple(finding for finding in there if finding.grade is Grade.SKIPPED)
