"""What a broker's reason codes mean: one table, for MQTT 5 and 3.1.1, of their names and of what a person can do.

Till and relay read it wherever a broker refuses something: a login, a subscription, a message, or to go on. A code that
no table knows is reported with its number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """What kind of refusal it is, by what a person can do about it."""

    CREDENTIALS = "credentials"
    """User, password, client id or rights are not what the broker wants."""
    UNFIT = "unfit"
    """This broker, or its plan, can't do what is needed."""
    BUSY = "busy"
    """It is full, busy or stopping: later it may be well."""
    TAKEN_OVER = "taken_over"
    """Another client came with our name."""
    UNKNOWN = "unknown"
    """The code says nothing that a person could act on."""


@dataclass(frozen=True)
class ReasonCode:
    """One code, with its name in the standard. Made by `reason`; read by whoever reports a refusal."""

    number: int
    name: str
    refusal: Refusal

    def __str__(self) -> str:
        return f"{self.name or 'a code that MQTT does not define'} (0x{self.number:02X})"


NOT_AUTHORIZED = 0x87
FIRST_FAILURE = 0x80
"""Lower codes are no failures, but for those that a broker of MQTT 3.1.1 answers a login with."""

_NAMES: Mapping[Refusal, Mapping[int, str]] = {
    Refusal.CREDENTIALS: {
        0x85: "client identifier not valid",
        0x86: "bad user name or password",
        0x87: "not authorized",
        0x8A: "banned",
        0x8C: "bad authentication method",
    },
    Refusal.UNFIT: {
        0x81: "malformed packet",
        0x82: "protocol error",
        0x83: "implementation specific error",
        0x84: "unsupported protocol version",
        0x8F: "topic filter invalid",
        0x90: "topic name invalid",
        0x93: "receive maximum exceeded",
        0x94: "topic alias invalid",
        0x95: "packet too large",
        0x99: "payload format invalid",
        0x9A: "retain not supported",
        0x9B: "QoS not supported",
        0x9C: "use another server",
        0x9D: "server moved",
        0x9E: "shared subscriptions not supported",
        0xA1: "subscription identifiers not supported",
        0xA2: "wildcard subscriptions not supported",
    },
    Refusal.BUSY: {
        0x88: "server unavailable",
        0x89: "server busy",
        0x8B: "server shutting down",
        0x96: "message rate too high",
        0x97: "quota exceeded",
        0x9F: "connection rate exceeded",
        0xA0: "maximum connect time",
    },
    Refusal.TAKEN_OVER: {0x8E: "session taken over"},
    Refusal.UNKNOWN: {
        0x80: "unspecified error",
        0x8D: "keep alive timeout",
        0x91: "packet identifier in use",
        0x92: "packet identifier not found",
        0x98: "administrative action",
    },
}
REASON_CODES: Mapping[int, ReasonCode] = {
    number: ReasonCode(number, name, refusal) for refusal, names in _NAMES.items() for number, name in names.items()
}
"""All failures of MQTT 5.0, section 2.4."""

OLD_LOGIN_CODES: Mapping[int, int] = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
"""What MQTT 3.1.1, section 3.2.2.3, answers a login with, and the same in MQTT 5."""


def reason(number: int) -> ReasonCode:
    """The reason code with this number, whether any standard knows it or not."""
    return REASON_CODES.get(number) or ReasonCode(number, "", Refusal.UNKNOWN)


def login_reason(number: int) -> ReasonCode:
    """The same for the answer to a login, in which a broker of MQTT 3.1.1 uses numbers of its own."""
    return reason(OLD_LOGIN_CODES.get(number, number))
