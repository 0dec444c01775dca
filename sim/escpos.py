"""Reads ESC/POS as a current receipt printer does: a stream of bytes, cut anywhere, becomes commands.

Written from the command reference, with Python's own codecs for the code pages; it shares nothing with any encoder.
What it does not know it names, so that a test can insist on there being nothing of the kind.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

ESC, GS, FS, DLE = b"\x1b", b"\x1d", b"\x1c", b"\x10"

CODE_PAGES = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737", 15: "iso8859_7", 16: "cp1252",
    17: "cp866", 18: "cp852", 19: "cp858", 40: "iso8859_15",
}  # fmt: skip
"""ESC t n."""

PARAMETERS = {
    ESC + b"@": 0, ESC + b"t": 1, ESC + b"R": 1, ESC + b"a": 1, ESC + b"E": 1, ESC + b"G": 1, ESC + b"!": 1,
    ESC + b"-": 1, ESC + b"d": 1, ESC + b"e": 1, ESC + b"J": 1, ESC + b"2": 0, ESC + b"3": 1, ESC + b"M": 1,
    ESC + b"{": 1, ESC + b" ": 1, ESC + b"V": 1, ESC + b"$": 2, ESC + b"\\": 2, ESC + b"i": 0, ESC + b"m": 0,
    ESC + b"p": 3, ESC + b"v": 0, ESC + b"u": 1, ESC + b"c": 2, ESC + b"S": 0, ESC + b"L": 0, GS + b"!": 1,
    GS + b"B": 1, GS + b"L": 2, GS + b"W": 2, GS + b"P": 2, GS + b"r": 1, GS + b"a": 1, GS + b"I": 1,
    GS + b"h": 1, GS + b"w": 1, GS + b"H": 1, GS + b"f": 1, GS + b":": 0, FS + b".": 0, FS + b"&": 0,
    FS + b"p": 2, DLE + b"\x04": 1, DLE + b"\x05": 1,
}  # fmt: skip
"""How many bytes follow each command of fixed length."""


@dataclass(frozen=True)
class Command:
    """`name` is the command's first bytes; `data` what follows them. Text has the empty name."""

    name: bytes
    data: bytes


def commands(buffer: bytearray) -> Iterator[Command]:
    """Take whole commands off the front of `buffer`; leave there what is not complete yet."""
    while buffer:
        length = _length(bytes(buffer))
        if length is None or length > len(buffer):
            return
        whole = bytes(buffer[:length])
        del buffer[:length]
        yield _split(whole)


def _split(whole: bytes) -> Command:
    if whole[:1] not in (ESC, GS, FS, DLE):
        return Command(b"", whole)
    size = 3 if whole[:2] in (GS + b"(", GS + b"v", GS + b"8") else 2
    return Command(whole[:size], whole[size:])


def _length(data: bytes) -> int | None:
    """How long the first command is; None if that can't be told yet."""
    if data[:1] not in (ESC, GS, FS, DLE):
        return _text_length(data)
    if len(data) < 2:
        return None
    if data[:2] in PARAMETERS:
        return 2 + PARAMETERS[data[:2]]
    measure = VARIABLE.get(data[:2])
    return measure(data) if measure else 2


def _text_length(data: bytes) -> int:
    """A run of letters, or one control character."""
    if data[0] < 0x20:
        return 1
    return next((index for index, byte in enumerate(data) if byte < 0x20), len(data))


def _cut(data: bytes) -> int | None:
    if len(data) < 3:
        return None
    return 4 if data[2] in (65, 66, 97, 98, 103, 104) else 3


def _parenthesis(data: bytes) -> int | None:
    return None if len(data) < 5 else 5 + data[3] + 256 * data[4]


def _graphics(data: bytes) -> int | None:
    return None if len(data) < 7 else 7 + int.from_bytes(data[3:7], "little")


def _raster(data: bytes) -> int | None:
    if len(data) < 8:
        return None
    return 8 + (data[4] + 256 * data[5]) * (data[6] + 256 * data[7])


def _bit_image(data: bytes) -> int | None:
    if len(data) < 5:
        return None
    return 5 + (data[3] + 256 * data[4]) * (3 if data[2] in (32, 33) else 1)


def _tabs(data: bytes) -> int | None:
    end = data.find(b"\0", 2)
    return None if end < 0 else end + 1


def _real_time(data: bytes) -> int | None:
    if len(data) < 3:
        return None
    return 10 if data[2] == 8 else 5


VARIABLE: dict[bytes, Callable[[bytes], int | None]] = {
    GS + b"V": _cut,
    GS + b"(": _parenthesis,
    GS + b"8": _graphics,
    GS + b"v": _raster,
    ESC + b"*": _bit_image,
    ESC + b"D": _tabs,
    DLE + b"\x14": _real_time,
}
