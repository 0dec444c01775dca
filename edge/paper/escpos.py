"""Neutral lines become the bytes of one ESC/POS ticket. python-escpos encodes; here it never opens or sends anything.

Each ticket stands alone: it starts with a reset and its one code page, and ends with a cut. Any text is accepted: a
letter that the code page lacks becomes its closest one, or `?`, and no control byte ever comes out of a text.
"""

import json
import os
import pickle
import platform
import tempfile
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge.paper.ticket import CENTERED, PLAIN, Cut, Feed, Line, Logo, Qr, Row, Rule, Style, Text, justify, wrap

CODEPAGES = ("CP858", "CP850", "CP1252", "CP860")
"""The ones that have the letters of Spanish and Portuguese, best first."""
ASCII = "ASCII"
"""No code page: letters without accents, which every printer has."""
FIRST_CODEPAGE = "CP437"
"""The one that a printer starts with. Its first half is ASCII."""

DEFAULT_PROFILE = "default"
DOTS_PER_LETTER = 12
MAX_LOGO_DOTS = 240
"""Its height: three centimetres of paper."""
QR_MODULE_DOTS = 6
DRAWER_PIN = 2

# A printer's memory switches may put other letters in place of # [ ] { }. Cheap printers start in Chinese mode, where
# two accented letters make one ideogram.
PLAIN_ASCII = b"\x1bR\x00"
NO_IDEOGRAMS = b"\x1c."
RASTER = b"\x1dv0\x00"

CLOSEST_LETTERS = dict(
    zip(
        "“”„«»‘’‚–—−─•·×⁄ºª°øØłŁđĐðÐı₡₲₱¡¿",
        '"""""\'\',----*.x/oaooOlLdDdDiCGP!?',
        strict=True,
    ),
    **{"€": "EUR", "…": "...", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th"},
)
"""For letters that don't decompose into a plain one and its accent."""


class UnknownPrinterError(ValueError):
    """The configuration fits no printer: no such profile, or it lacks the code page. A person must mend it."""


class Encoder:
    """Encodes tickets for one printer. `columns`: how many normal letters fit on its line."""

    def __init__(
        self,
        profile: str | None = None,
        columns: int | None = None,
        codepage: str | None = None,
        logo: Path | None = None,
    ) -> None:
        """What is None is chosen by the profile. Raises `UnknownPrinterError`; `OSError` if the logo can't be read."""
        self.profile = profile or DEFAULT_PROFILE
        self.columns: int = columns or profile_columns(self.profile)
        self.codepage = _choose_codepage(self.profile, codepage)
        self._logo = self._raster(logo) if logo else b""

    def encode(self, lines: Iterable[Line], open_drawer: bool = False) -> bytes:
        """Return the whole ticket, from reset to cut. `open_drawer` opens the cash drawer first."""
        sheet = _Sheet(self.profile, self.columns, self.codepage, self._logo)
        if open_drawer:
            sheet.printer.cashdraw(DRAWER_PIN)
        for line in lines:
            sheet.write(line)
        return bytes(sheet.printer.output)

    def _raster(self, logo: Path) -> bytes:
        """Return the bytes that go with each ticket: width / 8 * height of them, and 9,600 baud carry 960 a second."""
        from PIL import Image  # only shops with a logo pay for it

        with Image.open(logo) as file:
            picture = file.convert("RGBA")
        picture.thumbnail((self.columns * DOTS_PER_LETTER, MAX_LOGO_DOTS))
        image = _escpos().image.EscposImage(picture)
        # Not `Dummy.image`, which prints to stdout where the profile doesn't say how wide the paper is.
        size = image.width_bytes.to_bytes(2, "little") + image.height.to_bytes(2, "little")
        return bytes(RASTER + size + image.to_raster_format())


class _Sheet:
    """One ticket under way, and the style that the printer is set to."""

    def __init__(self, profile: str, columns: int, codepage: str, logo: bytes) -> None:
        known = _escpos().capabilities.CAPABILITIES["profiles"]
        known.setdefault(profile, _profile(profile))
        self.printer = _escpos().printer.Dummy(profile)
        self.columns = columns
        self.codepage = codepage
        self.logo = logo
        self.style = PLAIN
        self.printer.hw("INIT")
        self.printer._raw(NO_IDEOGRAMS + PLAIN_ASCII)
        self.printer.charcode(FIRST_CODEPAGE if codepage == ASCII else codepage)

    def write(self, line: Line) -> None:
        match line:
            case Text(text, style):
                self._paragraph(fold(text, self.codepage), style)
            case Row(left, right, style):
                room = self.columns // style.size.width
                self._print(justify(fold(left, self.codepage), fold(right, self.codepage), room), style)
            case Rule():
                self._print([fold("─", self.codepage) * self.columns], PLAIN)
            case Qr(data):
                self._qr(data)
            case Logo():
                self._set_style(CENTERED)
                self.printer._raw(self.logo)
            case Feed(count):
                self._print([""] * count, PLAIN)
            case Cut():
                self.printer.cut("PART")

    def _paragraph(self, text: str, style: Style) -> None:
        room = self.columns // style.size.width
        rows = wrap(text, room)
        self._print([row.center(room) for row in rows] if style.inverse else rows, style)

    def _print(self, rows: list[str], style: Style) -> None:
        self._set_style(style)
        for row in rows:
            self.printer.textln(row)

    def _qr(self, data: str) -> None:
        """A printer that draws no QR codes prints none: the number is on the ticket in digits, too."""
        if self.printer.profile.supports("qrCode"):
            self._set_style(CENTERED)
            self.printer.qr(data, size=QR_MODULE_DOTS, native=True)

    def _set_style(self, style: Style) -> None:
        """Send only what changes: at 9,600 baud each byte is a millisecond."""
        was, self.style = self.style, style
        resized = style.size is not was.size
        self.printer.set(
            align=style.align.value if style.align is not was.align else None,
            bold=style.bold if style.bold is not was.bold else None,
            invert=style.inverse if style.inverse is not was.inverse else None,
            custom_size=resized,
            width=style.size.width,
            height=style.size.height,
        )


# --- letters -------------------------------------------------------------------------------------------------------


def fold(text: str, codepage: str) -> str:
    """Return `text` in letters of `codepage` alone; control characters vanish."""
    return "".join(_closest(letter, codepage) for letter in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=2048)
def _closest(letter: str, codepage: str) -> str:
    if unicodedata.category(letter) in ("Cc", "Cf", "Mn", "Me"):
        return ""
    decomposed = (part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    bare = "".join(CLOSEST_LETTERS.get(part, part) for part in decomposed)
    candidates = (letter, CLOSEST_LETTERS.get(letter, bare), bare)
    return next((candidate for candidate in candidates if _encodable(candidate, codepage)), "?")


def _encodable(text: str, codepage: str) -> bool:
    try:
        text.encode(codepage)
    except UnicodeEncodeError:
        return False
    return True


# --- python-escpos -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _profile(name: str) -> Any:
    known = _capabilities()["profiles"]
    if name not in known:
        raise UnknownPrinterError(f"no printer profile is called {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def codepages(profile: str) -> tuple[str, ...]:
    """Return those of our code pages that a printer has, best first; plain ASCII is the last of them.

    Raises `UnknownPrinterError` for a profile that doesn't exist, or isn't a printer's.
    """
    theirs = _profile(profile)["codePages"].values()
    if FIRST_CODEPAGE not in theirs:
        raise UnknownPrinterError(f"the profile {profile} has no letters that a ticket could be printed in")
    return (*(page for page in CODEPAGES if page in theirs), ASCII)


def profile_columns(profile: str) -> int:
    """Return how many normal letters fit on its line. Raises `UnknownPrinterError`."""
    return int(_profile(profile)["fonts"]["0"]["columns"])


def _choose_codepage(profile: str, wanted: str | None) -> str:
    ours = codepages(profile)
    if wanted is None:
        return ours[0]
    if wanted in ours:
        return wanted
    raise UnknownPrinterError(f"its profile has no code page {wanted}; it has {', '.join(ours)}")


def load_library() -> None:
    """Import python-escpos now, so that the first ticket need not wait for it."""
    _escpos()


@cache
def _escpos() -> Any:
    """Import python-escpos at the first use, for it calls `logging.basicConfig`: logging must be configured by then.

    It parses 150 KB of YAML unless it finds a pickle, and leaves a temporary folder behind. A power cut while it writes
    its own pickle would stop every later start. So it gets a pickle of ours, in a folder that goes away. Used by one
    thread at a time, while nobody else makes temporary files.
    """
    with tempfile.TemporaryDirectory(prefix="till-edge-") as scratch:
        _pickle_capabilities(Path(scratch))
        before, tempfile.tempdir = tempfile.tempdir, scratch
        os.environ["ESCPOS_CAPABILITIES_PICKLE_DIR"] = scratch
        try:
            import escpos.capabilities
            import escpos.image
            import escpos.printer
        finally:
            tempfile.tempdir = before
            del os.environ["ESCPOS_CAPABILITIES_PICKLE_DIR"]
    return escpos


def _pickle_capabilities(folder: Path) -> None:
    """Of the printers only the default one; `_Sheet` adds its own, and nobody has use for the others.

    If python-escpos changes the name or the form of its database, this only loses its effect.
    """
    capabilities = _capabilities() | {"profiles": {DEFAULT_PROFILE: _profile(DEFAULT_PROFILE)}}
    with (folder / f"{platform.python_version()}.capabilities.pickle").open("wb") as file:
        pickle.dump(capabilities, file)


def _capabilities() -> dict[str, Any]:
    """python-escpos' database, read without importing it."""
    package = find_spec("escpos")
    assert package is not None
    assert package.origin is not None
    found: dict[str, Any] = json.loads(Path(package.origin).with_name("capabilities.json").read_text())
    return found
