"""What a printer says back, told apart by the bits that ESC/POS fixes in each kind of answer. Pure.

A reply doesn't name its question: a `Status` belongs to the one `DLE EOT` under way, a `Barrier` to `GS r`. Only a
`ProcessId`, a `Cleared` and a `Name` say what they are; an `AutomaticStatus` comes unasked, whenever something changes.
Bytes that fit nothing are dropped one by one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.events import Paper


@dataclass(frozen=True)
class Status:
    """The answer to `DLE EOT n`: how the printer is now."""

    byte: int


@dataclass(frozen=True)
class Barrier:
    """The answer to `GS r`: everything before it was processed."""

    byte: int


@dataclass(frozen=True)
class ProcessId:
    """The echo of `GS ( H` function 48: everything before it is on paper."""

    digits: bytes


@dataclass(frozen=True)
class Cleared:
    """The answer to `DLE DC4` function 8: the printer's buffers are empty."""


@dataclass(frozen=True)
class AutomaticStatus:
    """Automatic status back (ASB), after `GS a`: how the printer was when something changed."""

    stopped: bool
    """Whether it can't print until a person helps. Off-line alone doesn't mean that: it may be feeding or cooling."""


@dataclass(frozen=True)
class Name:
    """The answer to `GS I 65` and above: a text about itself, such as its maker or its model."""

    text: str


PrinterReply = Status | Barrier | ProcessId | Cleared | AutomaticStatus | Name

FLOW_CONTROL = b"\x11\x13"  # XON and XOFF, which may stand anywhere, even inside a block
BLOCK = re.compile(rb"\x37([\x20-\x7e])([\x20-\x7e]{0,4})\x00")
UNFINISHED_BLOCK = re.compile(rb"\x37[\x20-\x7e]{0,5}")
NAME = re.compile(rb"_([\x20-\x7e]{0,80})\x00")  # its first byte has bits that begin no other answer
UNFINISHED_NAME = re.compile(rb"_[\x20-\x7e]{0,80}")
FIXED_BITS = 0b1001_0011
STATUS_BITS = 0b0001_0010
AUTOMATIC_BITS = 0b0001_0000
CLEAR_BITS = 0b1001_0000
"""Never set in the last three of the four bytes of an automatic status."""
BARRIERS = frozenset({0x00, 0x03, 0x0C, 0x0F})
"""All answers to `GS r 1`: each of its two sensors has two bits, which agree."""


class Parser:
    """Turns the bytes of one connection into replies, however they are split."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[PrinterReply]:
        """Return the replies that `data` completes."""
        self._rest += data.translate(None, FLOW_CONTROL)
        found: list[PrinterReply] = []
        while self._rest:
            used, reply = _first(self._rest)
            if not used:
                break
            self._rest = self._rest[used:]
            if reply is not None:
                found.append(reply)
        return found


def _first(data: bytes) -> tuple[int, PrinterReply | None]:
    """Return how many bytes the first reply has (0: not all of them are here yet) and the reply, if it is one."""
    head = data[0]
    if head == 0x37:
        return _block(data)
    if head == 0x5F:
        return _name(data)
    if head & FIXED_BITS == STATUS_BITS:
        return 1, Status(head)
    if head & FIXED_BITS == AUTOMATIC_BITS:
        return _automatic_status(data)
    return 1, Barrier(head) if head in BARRIERS else None


def _block(data: bytes) -> tuple[int, PrinterReply | None]:
    found = BLOCK.match(data)
    if not found:
        return (0 if UNFINISHED_BLOCK.fullmatch(data) else 1), None
    match found.groups():
        case (b"\x22", digits) if len(digits) == 4:
            return found.end(), ProcessId(digits)
        case (b"\x25", b""):
            return found.end(), Cleared()
    return found.end(), None


def _name(data: bytes) -> tuple[int, PrinterReply | None]:
    if found := NAME.match(data):
        return found.end(), Name(found[1].decode("ascii").strip())
    return (0 if UNFINISHED_NAME.fullmatch(data) else 1), None


def _automatic_status(data: bytes) -> tuple[int, PrinterReply | None]:
    if any(byte & CLEAR_BITS for byte in data[1:4]):
        return 1, None
    if len(data) < 4:
        return 0, None
    printer, error, roll, _ = data[:4]
    return 4, AutomaticStatus(bool(printer & LID_OPEN or error & NEEDS_A_HAND or roll & ROLL_END))


# --- what the four statuses mean -----------------------------------------------------------------------------------

PRINTER, OFFLINE_CAUSE, ERROR_CAUSE, ROLL = 1, 2, 3, 4
"""The n of `DLE EOT n`."""

IS_OFFLINE = 0x08
COVER_OPEN, BEING_FED, STOPPED_FOR_PAPER, ERROR = 0x04, 0x08, 0x20, 0x40
NEEDS_A_HAND, RECOVERS_BY_ITSELF = 0x2C, 0x40  # mechanical, cutter, unrecoverable; a print head that is too hot
NEAR_END, PAPER_END = 0x0C, 0x60
LID_OPEN, ROLL_END = 0x20, 0x0C
"""The cover and the end of the roll as an automatic status has them, in its first byte and its third."""


def can_be(question: int, answer: int) -> bool:
    """Whether a status can be the answer to `DLE EOT` with this n: the two bits of each paper sensor agree."""
    return question != ROLL or (answer & NEAR_END in (0, NEAR_END) and answer & PAPER_END in (0, PAPER_END))


def contradict(statuses: Mapping[int, int]) -> bool:
    """Whether the printer is on-line and yet names a cause for being off-line.

    Then an answer was to another question: some printers answer each question when the next one comes.
    """
    stops = statuses.get(OFFLINE_CAUSE, 0) & (COVER_OPEN | STOPPED_FOR_PAPER)
    return PRINTER in statuses and bool(stops) and not statuses[PRINTER] & IS_OFFLINE


def paper(statuses: Mapping[int, int]) -> Paper:
    """Sum up the answers to `DLE EOT n`, by n; those that didn't come are left out."""
    if contradict(statuses):
        statuses = {question: answer for question, answer in statuses.items() if question == PRINTER}
    if not statuses:
        return Paper.UNKNOWN
    printer, cause, error, roll = (statuses.get(n, 0) for n in (PRINTER, OFFLINE_CAUSE, ERROR_CAUSE, ROLL))
    if cause & COVER_OPEN:  # first, for the paper sensors are in the cover
        return Paper.COVER
    if roll & PAPER_END or cause & STOPPED_FOR_PAPER:
        return Paper.OUT
    # A hot head cools down and a feed button is released: the printer goes on by itself.
    passing = (error & RECOVERS_BY_ITSELF) or (cause & BEING_FED)
    if error & NEEDS_A_HAND or ((cause & ERROR or printer & IS_OFFLINE) and not passing):
        return Paper.ERROR
    return Paper.LOW if roll & NEAR_END else Paper.READY
