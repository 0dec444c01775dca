"""The printer's side of ESC/POS: a stream of bytes becomes commands, a state becomes answers.

Written from the command reference, with Python's own codecs for the code pages; it shares nothing with any encoder.
Commands have the reference's names ("ESC a", "GS ( k"); text has an empty one.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CODE_PAGES = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737", 15: "iso8859_7", 16: "cp1252",
    17: "cp866", 18: "cp852", 19: "cp858", 32: "cp720", 33: "cp775", 34: "cp855", 35: "cp861", 36: "cp862",
    37: "cp864", 38: "cp869", 39: "iso8859_2", 40: "iso8859_15", 45: "cp1250", 46: "cp1251", 47: "cp1253",
    48: "cp1254", 49: "cp1255", 50: "cp1256", 51: "cp1257", 52: "cp1258",
}  # fmt: skip
"""ESC t n."""

NATIONAL = "#$@[\\]^`{|}~"
COUNTRIES = tuple(str.maketrans(NATIONAL, letters) for letters in (
    NATIONAL, "#$à°ç§^`éùè¨", "#$§ÄÖÜ^`äöüß", "£$@[\\]^`{|}~", "#$@ÆØÅ^`æøå~", "#¤ÉÄÖÅÜéäöåü", "#$@°\\é^ùàòèì",
    "₧$@¡Ñ¿^`¨ñ}~", "#$@[¥]^`{|}~", "#¤ÉÆØÅÜéæøåü", "#$ÉÆØÅÜéæøåü", "#$á¡Ñ¿é`íñóú", "#$á¡Ñ¿éüíñóú", "#$@[₩]^`{|}~",
))  # fmt: skip
"""ESC R n: what stands in place of the twelve `NATIONAL` letters, from the United States (0) to Korea (13)."""

PREFIXES = {0x1B: "ESC", 0x1D: "GS", 0x1C: "FS", 0x10: "DLE"}
CONTROLS = {0x00: "NUL", 0x04: "EOT", 0x05: "ENQ", 0x09: "HT", 0x0A: "LF", 0x0D: "CR", 0x14: "DC4", 0x20: "SP"}

PARAMETERS = {
    "ESC @": 0, "ESC t": 1, "ESC R": 1, "ESC a": 1, "ESC E": 1, "ESC G": 1, "ESC !": 1, "ESC -": 1, "ESC d": 1,
    "ESC e": 1, "ESC J": 1, "ESC K": 1, "ESC 2": 0, "ESC 3": 1, "ESC M": 1, "ESC {": 1, "ESC SP": 1, "ESC V": 1,
    "ESC $": 2, "ESC \\": 2, "ESC i": 0, "ESC m": 0, "ESC p": 3, "ESC v": 0, "ESC u": 1, "ESC c": 2, "ESC S": 0,
    "ESC L": 0, "ESC =": 1, "ESC T": 1, "ESC W": 8, "ESC %": 1, "ESC ?": 1, "ESC r": 1, "GS !": 1, "GS B": 1,
    "GS L": 2, "GS W": 2, "GS P": 2, "GS $": 2, "GS \\": 2, "GS T": 1, "GS b": 1, "GS r": 1, "GS a": 1, "GS I": 1,
    "GS h": 1, "GS w": 1, "GS H": 1, "GS f": 1, "GS :": 0, "GS ^": 3, "GS /": 1, "FS .": 0, "FS &": 0, "FS !": 1,
    "FS -": 1, "FS C": 1, "FS S": 2, "FS W": 1, "FS p": 2, "DLE EOT": 1, "DLE ENQ": 1, "ESC B": 2,
}  # fmt: skip
"""How many bytes follow each command of fixed length."""

CONTROL = re.compile(rb"[\x00-\x1f]")
CUTS_AFTER_FEED = (65, 66, 97, 98, 103, 104)
PULSE, CLEAR_BUFFERS = 1, 8
"""Functions of DLE DC4."""
TRIPLE_DENSITY = (32, 33)


@dataclass(frozen=True)
class Command:
    """A command and its parameters, without the lengths that only frame them."""

    name: str
    data: bytes


# --- the queue: commands in the order in which they came ------------------------------------------------------------


def take(buffer: bytearray) -> Command | None:
    """Take the first command off `buffer`. None, and nothing is taken, while a part of it is missing."""
    length = _length(buffer) if buffer else None
    if length is None or length > len(buffer):
        return None
    whole = bytes(buffer[:length])
    del buffer[:length]
    return _split(whole)


def _split(whole: bytes) -> Command:
    if whole[0] not in PREFIXES:
        return Command(CONTROLS.get(whole[0], f"{whole[0]:02X}"), b"") if whole[0] < 0x20 else Command("", whole)
    name = _name(whole)
    framing = {"ESC (": 5, "GS (": 5, "GS 8": 7, "GS v": 3}.get(name)
    if framing is None:
        return Command(name, whole[2:])
    return Command(f"{name} {chr(whole[2])}", whole[framing:])


def _name(data: bytes | bytearray) -> str:
    second = data[1]
    letter = chr(second) if 0x20 < second < 0x7F else CONTROLS.get(second, f"{second:02X}")
    return f"{PREFIXES[data[0]]} {letter}"


def _length(data: bytearray) -> int | None:
    """Return the length of the first command; None while too little of it is here. An unknown one has two bytes."""
    if data[0] not in PREFIXES:
        return _text_length(data)
    if len(data) < 2:
        return None
    name = _name(data)
    if name in PARAMETERS:
        return 2 + PARAMETERS[name]
    measure = VARIABLE.get(name)
    return measure(data) if measure else 2


def _text_length(data: bytearray) -> int:
    """A run of letters, or one control character."""
    if data[0] < 0x20:
        return 1
    found = CONTROL.search(data)
    return found.start() if found else len(data)


def _word(data: bytearray, at: int) -> int:
    return data[at] + 256 * data[at + 1]


def _known_after(size: int, measure: Callable[[bytearray], int]) -> Callable[[bytearray], int | None]:
    """Measure the command as soon as `size` bytes of it are here."""
    return lambda data: measure(data) if len(data) >= size else None


def _tabs(data: bytearray) -> int | None:
    end = data.find(0, 2)
    return None if end < 0 else end + 1


def _barcode(data: bytearray) -> int | None:
    """GS k has two forms: one ends with a NUL, one begins with its length."""
    if len(data) < 4:
        return None
    if data[2] >= 65:
        return 4 + data[3]
    end = data.find(0, 3)
    return None if end < 0 else end + 1


VARIABLE: dict[str, Callable[[bytearray], int | None]] = {
    "GS V": _known_after(3, lambda data: 4 if data[2] in CUTS_AFTER_FEED else 3),
    "GS (": _known_after(5, lambda data: 5 + _word(data, 3)),
    "GS 8": _known_after(7, lambda data: 7 + int.from_bytes(data[3:7], "little")),
    "GS v": _known_after(8, lambda data: 8 + _word(data, 4) * _word(data, 6)),
    "GS *": _known_after(4, lambda data: 4 + 8 * data[2] * data[3]),
    "GS k": _barcode,
    "ESC *": _known_after(5, lambda data: 5 + _word(data, 3) * (3 if data[2] in TRIPLE_DENSITY else 1)),
    "ESC (": _known_after(5, lambda data: 5 + _word(data, 3)),
    "ESC D": _tabs,
    "DLE DC4": _known_after(3, lambda data: 10 if data[2] == CLEAR_BUFFERS else 5),
}

# --- real time: commands that act on arrival, wherever they stand ---------------------------------------------------

REAL_TIME = re.compile(
    rb"\x10\x04[\x01-\x04]|\x10\x05[\x01\x02]|\x10\x14\x01[\x00\x01][\x01-\x08]|\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
)
MAX_REAL_TIME_BYTES = 10


class RealTimeScanner:
    """Finds real-time commands on arrival, even in the middle of another command, as real printers do.

    They stay in the stream: in the queue they have no effect, and an image that contains one keeps its dots.
    """

    def __init__(self) -> None:
        self._tail = b""

    def pieces(self, data: bytes) -> Iterator[tuple[bytes, Command | None]]:
        """Yield `data` in pieces, each with the real-time command that ends it; the last one has none."""
        scanned, before = self._tail + data, len(self._tail)
        start = matched = 0
        for found in REAL_TIME.finditer(scanned):
            matched, end = found.end(), found.end() - before
            yield data[start:end], _split(found[0])
            start = end
        self._tail = scanned[matched:][-MAX_REAL_TIME_BYTES + 1 :]
        yield data[start:], None


# --- what a printer answers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Health:
    """What a printer's sensors see."""

    paper: bool = True
    near_end: bool = False
    cover_open: bool = False
    jammed: bool = False
    drawer_high: bool = False
    """The level at pin 3 of the drawer's connector; its meaning depends on the drawer."""

    @property
    def online(self) -> bool:
        return self.paper and not self.cover_open and not self.jammed

    def real_time(self, n: int) -> bytes:
        """The answer to `DLE EOT n`. Bits 1 and 4 are always set, 0 and 7 never."""
        bits = {
            1: 0x04 * self.drawer_high | 0x08 * (not self.online),
            2: 0x04 * self.cover_open | 0x20 * (not self.paper) | 0x40 * self.jammed,
            3: 0x08 * self.jammed,
            4: 0x0C * self._near_end | 0x60 * (not self.paper),
        }
        return bytes((0x12 | bits[n],))

    def queued(self, n: int) -> bytes:
        """The answer to `GS r n`: 1 is the paper, 2 the drawer. A printer without paper never gets there."""
        return bytes((0x03 * self.near_end if n & 3 == 1 else 0x01 * self.drawer_high,))

    def automatic(self) -> bytes:
        """The four bytes of an automatic status (ASB)."""
        first = 0x10 | 0x04 * self.drawer_high | 0x08 * (not self.online) | 0x20 * self.cover_open
        return bytes((first, 0x08 * self.jammed, 0x03 * self._near_end | 0x0C * (not self.paper), 0x0F))

    def watched(self, n: int) -> tuple[bool, ...]:
        """The values of which a printer reports each change, after `GS a n`."""
        items = ((self.drawer_high,), (self.online, self.cover_open), (self.jammed,), (self.paper, self._near_end))
        return tuple(value for bit, values in enumerate(items) for value in values if n >> bit & 1)

    @property
    def _near_end(self) -> bool:
        return self.near_end or not self.paper


def process_id(digits: bytes) -> bytes:
    """The echo of `GS ( H` function 48."""
    return b"\x37\x22" + digits + b"\x00"


CLEARED = b"\x37\x25\x00"
"""The answer to `DLE DC4` function 8."""


def identity(n: int, maker: str, model: str) -> bytes | None:
    """The answer to `GS I n`: a text, or for a small n one byte. The one for 1 most clones share with the TM-T88."""
    texts = {65: "1.00", 66: maker, 67: model, 68: "X3AB000001"}
    if n in texts:
        return b"_" + texts[n].encode() + b"\0"
    return {1: b"\x20", 2: b"\x02", 3: b"\x01"}.get(n - 48 if n > 48 else n)
