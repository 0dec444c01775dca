"""The contract between till and relay: topics, and the messages on them. Pure; standard library only.

Nothing else in the product looks inside a payload: what other machines send is decoded here, or refused with a
`BadMessageError` that says what is wrong. A doorbell carries no amount and no claim that anybody has to believe.
"""

import contextlib
import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

VERSION = 1
MAX_MESSAGE_BYTES = 4096
"""Bytes. A doorbell has about 100."""
MAX_RECORD_BYTES = 16384
"""Bytes. The record of a check has 2,000, or 7,000 if everything fails."""
REPEAT_EVERY_S = 300.0
"""How often relay and tills repeat their retained status. On a cluster whose nodes keep retained messages of their own,
or give none for a wildcard, whoever listens for so long has heard everybody who lives."""

TILL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
NUMERIC_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
ORDER_ID = re.compile(r"ORD[A-Z0-9]{20,40}", re.ASCII)
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
NONCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)

LOOK = "look"
IDS = {"merchant_order": NUMERIC_ID, "payment": NUMERIC_ID, "order": ORDER_ID, "ping": NONCE, LOOK: NONCE}
"""Kind of doorbell -> the form of its id. That of a `look` only says which topic the relay didn't understand."""

COMMANDS = ("identify", "test_ticket", "reprint", "report", "check_now", "end_of_day")

RELAY_STATUS = "relay/status"
OFFLINE = b'{"v":1,"state":"offline"}'
ONLINE = b'{"v":1,"state":"online"}'


class BadMessageError(ValueError):
    """The payload is not what the contract says; the text says why."""


@dataclass(frozen=True)
class Topics:
    """The topics of one till."""

    root: str
    till: str

    @property
    def orders(self) -> str:
        return f"{self.root}/{self.till}/orders"

    @property
    def announcements(self) -> str:
        """Where the shop's software says which order it put on the till."""
        return f"{self.root}/{self.till}/announcements"

    @property
    def status(self) -> str:
        return f"{self.root}/{self.till}/status"

    @property
    def tickets(self) -> str:
        return f"{self.root}/{self.till}/tickets"

    @property
    def ping(self) -> str:
        return f"{self.root}/{self.till}/ping"

    @property
    def commands(self) -> str:
        return f"{self.root}/{self.till}/commands"

    @property
    def answers(self) -> str:
        """Where support has its commands answered: the only topic for that on which a till may publish."""
        return f"{self.root}/{self.till}/answers"

    @property
    def commissioning(self) -> str:
        return f"{self.root}/{self.till}/commissioning"


@dataclass(frozen=True)
class Command:
    """A request of support to a till. `reference` and `day` are the order and the day that it is about, if any."""

    command: str
    reference: str = ""
    day: date | None = None
    find: str = ""
    """The order's reference or operation number, or the end of either; only where no `reference` is given."""
    last: bool = False
    """The order whose ticket came out last."""


@dataclass(frozen=True)
class Announcement:
    """What the shop's software put on the till: the id of an order, or else its reference."""

    id: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Doorbell:
    """Go and look at this id. The relay makes it from a notification, and the till asks Mercado Pago about it."""

    kind: str
    id: str
    received_at: str = ""
    request_id: str = ""


def is_till_id(text: str) -> bool:
    """Whether `text` can be the name of a till, in topics and addresses."""
    return TILL_ID.fullmatch(text) is not None


def seller_topic(user_id: str) -> str:
    """Return the topic of the doorbells that name no till. All tills of the seller subscribe to it."""
    return f"sellers/{user_id}/orders"


def encode_doorbell(doorbell: Doorbell) -> bytes:
    """Encode a doorbell, as the relay publishes it."""
    message = {"v": VERSION, "kind": doorbell.kind, "id": doorbell.id}
    if doorbell.received_at:
        message["received_at"] = doorbell.received_at
    if doorbell.request_id:
        message["request_id"] = doorbell.request_id
    return encode(message)


def decode_doorbell(payload: bytes) -> Doorbell:
    """Decode a doorbell. Raises `BadMessageError`."""
    message = decode(payload)
    kind = message.get("kind")
    if not isinstance(kind, str) or kind not in IDS:
        raise BadMessageError(f"kind is {_shown(kind)}; it must be one of {', '.join(IDS)}")
    identity = message.get("id")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = _shown(identity) if abs(identity) >= 10**20 else str(identity)
    if not isinstance(identity, str) or not IDS[kind].fullmatch(identity):
        raise BadMessageError(f"id {_shown(identity)} is not the id of a doorbell of kind {kind}")
    return Doorbell(kind, identity, _text(message, "received_at"), _text(message, "request_id"))


def decode_announcement(payload: bytes) -> Announcement:
    """Decode an announcement. Raises `BadMessageError`."""
    order = decode(payload).get("order")
    if isinstance(order, str) and ORDER_ID.fullmatch(order):
        return Announcement(id=order)
    if not isinstance(order, str) or not REFERENCE.fullmatch(order):
        raise BadMessageError(f"order is {_shown(order)}; it must be an order's id (ORD…) or its external_reference")
    return Announcement(reference=order)


def decode_command(payload: bytes) -> Command:
    """Decode a command. Raises `BadMessageError`."""
    message = decode(payload)
    command = message.get("command")
    if not isinstance(command, str) or command not in COMMANDS:
        raise BadMessageError(f"command is {_shown(command)}; it must be one of {', '.join(COMMANDS)}")
    reference = message.get("external_reference", "")
    if not isinstance(reference, str):
        raise BadMessageError(f"external_reference is {_shown(reference)}; it must be a string")
    wanted, last = message.get("find", ""), message.get("last", False)
    if not isinstance(wanted, str):
        raise BadMessageError(f"find is {_shown(wanted)}; it must be a string")
    if not isinstance(last, bool):
        raise BadMessageError(f"last is {_shown(last)}; it must be true or false")
    day = None if message.get("date") is None else parse_day(message["date"])
    return Command(command, reference, day, wanted, last)


def parse_day(text: object) -> date:
    """Read a day of this century, like 2026-03-02. Raises `BadMessageError`."""
    if isinstance(text, str) and DAY.fullmatch(text):
        with contextlib.suppress(ValueError):  # the thirty-first of April
            return date.fromisoformat(text)
    raise BadMessageError(f"date is {_shown(text)}; it must be a day like 2026-03-02")


def decode_state(payload: bytes) -> str:
    """Decode the `state` of a retained status. Raises `BadMessageError`."""
    state = decode(payload).get("state")
    if not isinstance(state, str):
        raise BadMessageError(f"state is {_shown(state)}; it must be a string")
    return state


def encode(message: dict[str, Any]) -> bytes:
    """Encode a message as compact JSON in UTF-8."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def decode(payload: bytes, largest: int = MAX_MESSAGE_BYTES, versions: tuple[int, ...] = (VERSION,)) -> dict[str, Any]:
    """Decode a JSON object of one of these versions and of at most `largest` bytes. Raises `BadMessageError`."""
    if len(payload) > largest:
        raise BadMessageError(f"{len(payload)} bytes; at most {largest} are read")
    try:
        message = json.loads(payload.decode())
    except UnicodeDecodeError as error:
        raise BadMessageError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise BadMessageError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise BadMessageError(f"not JSON: {str(error)[:80]}") from None
    if not isinstance(message, dict):
        raise BadMessageError(f"a JSON {type(message).__name__}; an object is needed")
    if message.get("v") not in versions or isinstance(message.get("v"), bool):
        raise BadMessageError(f"v is {_shown(message.get('v'))}; this till speaks {versions[-1]}")
    return message


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key, "")
    return value[:64] if isinstance(value, str) else ""


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        text = "a number too long to show"
    return text if len(text) <= 60 else text[:57] + "..."
