"""The findings of a check: one for each part, with its grade and its cause. Pure.

A finding has a sentence for the terminal, in English like the output of all commands, and a cause, for which the
acceptance ticket has a sentence in the shop's language.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """The till sells, but somebody should know."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not tried; the finding says why."""


class Part(StrEnum):
    """The parts of a till, in the order in which they are tried."""

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
    SOUND = "sound"
    CLOCK = "clock"
    DISK = "disk"
    POWER = "power"


class Cause(StrEnum):
    """Why a part is not as it should be."""

    BLOCKED = "blocked"
    """A part that this one needs has failed."""
    DAEMON_RUNS = "daemon_runs"
    API_UNREACHABLE = "api_unreachable"
    API_ERROR = "api_error"
    TOKEN_REFUSED = "token_refused"
    WRONG_APPLICATION = "wrong_application"
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
    CERTIFICATE_EXPIRED = "certificate_expired"
    LOGIN_REFUSED = "login_refused"
    SUBSCRIPTION_REFUSED = "subscription_refused"
    RIGHT_MISSING = "right_missing"
    BROKER_MUTE = "broker_mute"
    NO_BROKER = "no_broker"
    BROKER_UNFIT = "broker_unfit"
    BROKER_BUSY = "broker_busy"
    BROKER_REFUSES = "broker_refuses"
    BROKER_HANGS_UP = "broker_hangs_up"
    BROKER_LOST = "broker_lost"
    RELAY_OFFLINE = "relay_offline"
    RELAY_UNHEARD = "relay_unheard"
    RELAY_SILENT = "relay_silent"
    RELAY_SLOW = "relay_slow"
    DOORBELLS_WAIT = "doorbells_wait"
    PRINTER_GONE = "printer_gone"
    NOT_AT_ADDRESS = "not_at_address"
    """Nothing answers where the network printer should be, or another service does."""
    NO_PAPER = "no_paper"
    PAPER_LOW = "paper_low"
    COVER_OPEN = "cover_open"
    PRINTER_ERROR = "printer_error"
    PRINTER_SILENT = "printer_silent"
    NO_PROOF = "no_proof"
    NO_PINS = "no_pins"
    LIGHTS_UNSEEN = "lights_unseen"
    """They were switched on; only an eye can tell whether they shone."""
    BUTTON_STUCK = "button_stuck"
    BUTTON_UNHEARD = "button_unheard"
    BUTTON_NOT_TRIED = "button_not_tried"
    SOUND_FAILED = "sound_failed"
    SOUND_UNHEARD = "sound_unheard"
    """It was played; only an ear can tell whether it could be heard."""
    CLOCK_WRONG = "clock_wrong"
    CLOCK_UNKNOWN = "clock_unknown"
    NO_FOLDER = "no_folder"
    FOLDER_READ_ONLY = "folder_read_only"
    FOREIGN_FILES = "foreign_files"
    DISK_FULL = "disk_full"
    UNDER_VOLTAGE = "under_voltage"
    SLOWED_DOWN = "slowed_down"
    NO_PI = "no_pi"


MAX_SEEN_LENGTH = 300
"""In letters, for a sentence that quotes others: a whole record must fit into `wire.MAX_RECORD_BYTES`."""


@dataclass(frozen=True)
class Finding:
    """What a check found of one part.

    Made by the functions below while a part is tried; read by the terminal, the acceptance ticket and the record.
    """

    part: Part
    grade: Grade
    seen: str
    advice: str = ""
    cause: Cause | None = None
    value: str = ""
    """What was measured, short enough for paper."""

    @property
    def line(self) -> str:
        """All of it on one line, for a terminal."""
        return f"{self.grade:8} {self.part:14} {self.seen}" + (f"; {self.advice}" if self.advice else "")

    def as_json(self) -> dict[str, Any]:
        texts = {"part": self.part.value, "grade": self.grade.value, "seen": self.seen, "advice": self.advice}
        return {**texts, "cause": self.cause.value if self.cause else None, "value": self.value}


Findings = tuple[Finding, ...]


def ok(part: Part, seen: str, value: str = "", cause: Cause | None = None) -> Finding:
    return Finding(part, Grade.OK, seen, value=value, cause=cause)


def warning(part: Part, cause: Cause, seen: str, advice: str, value: str = "") -> Finding:
    return Finding(part, Grade.WARNING, seen[:MAX_SEEN_LENGTH], advice, cause, value)


def failed(part: Part, cause: Cause, seen: str, advice: str, value: str = "") -> Finding:
    return Finding(part, Grade.FAILED, seen[:MAX_SEEN_LENGTH], advice, cause, value)


def skipped(part: Part, cause: Cause, seen: str, advice: str = "") -> Finding:
    return Finding(part, Grade.SKIPPED, seen[:MAX_SEEN_LENGTH], advice, cause)


def blocked(part: Part, by: Part) -> Finding:
    return skipped(part, Cause.BLOCKED, f"not tried: it needs the {by}")


def all_well(findings: Findings) -> bool:
    """Whether the shop can open: warnings, and parts that could not be tried, don't prevent it."""
    return not any(finding.grade is Grade.FAILED for finding in findings)


def untried(findings: Findings) -> Findings:
    """The parts that were skipped. Absent hardware doesn't count, nor does a relay that nobody configured."""
    there = (finding for finding in findings if finding.cause not in (Cause.NO_RELAY, Cause.NO_PI))
    return tuple(finding for finding in there if finding.grade is Grade.SKIPPED)
