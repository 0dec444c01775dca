"""The print head: commands go in; rows for the paper, cuts and kicks come out. It knows neither sockets nor faults.

Positions are in dots. As on a real one, many commands work only at the beginning of a line; elsewhere they are
refused, so that a test can see it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sim.printer.escpos import CODE_PAGES, COUNTRIES, Command
from sim.printer.paper import CELL_WIDTH, LINE_HEIGHT, Blank, Code, Letters, Logo, Look, Picture, Row

TAB_LETTERS = 8
"""Between two tab stops, until ESC D sets others."""
ERROR_LEVELS = {48: "l", 49: "m", 50: "q", 51: "h"}


@dataclass(frozen=True)
class Cut:
    """The cutter goes through the paper."""


@dataclass(frozen=True)
class Kick:
    """The drawer opens."""


Effect = Row | Cut | Kick


class Head:
    """Settings, the line under way, and images stored for later."""

    def __init__(self, columns: int, pages: Mapping[int, str] = CODE_PAGES) -> None:
        self.pages = pages
        self.dots = columns * CELL_WIDTH
        self.reset()

    def reset(self) -> None:
        """ESC @, or a power cut."""
        self._look = Look()
        self._page, self._country = "cp437", COUNTRIES[0]
        self._align = self._left = 0
        self._width = self.dots
        self._line_height = LINE_HEIGHT
        self._upside_down = False
        self._tabs = tuple(range(TAB_LETTERS, 256, TAB_LETTERS))
        self._symbol = Code("")
        self._picture: Picture | None = None
        self.forget_line()

    def forget_line(self) -> None:
        """Drop the letters that are not on paper yet."""
        self._line: list[tuple[str, Look]] = []
        self._filled = 0

    @property
    def at_start(self) -> bool:
        """Whether nothing waits to be printed on this line."""
        return not self._line

    def execute(self, command: Command) -> list[Effect] | None:
        """Return what happens; None if the command is not known, or not possible here."""
        data = command.data
        match command.name:
            case "":
                return self._letters(data)
            case "LF":
                return [self._end_line()]
            case "CR" | "NUL" | "FS ." | "ESC S" | "DLE EOT" | "DLE ENQ" | "DLE DC4":
                return []  # not of this page or this mode, or executed on arrival
            case "HT":
                return self._tab()
            case "ESC @":
                self.reset()
            case "ESC t" if data[0] in self.pages:
                self._page = self.pages[data[0]]
            case "ESC R" if data[0] < len(COUNTRIES):
                self._country = COUNTRIES[data[0]]
            case "ESC a" if self.at_start and data[0] in (0, 1, 2, 48, 49, 50):
                self._align = data[0] & 3
            case "ESC E" | "ESC G":
                self._set_look(bold=bool(data[0] & 1))
            case "ESC -" if data[0] in (0, 1, 2, 48, 49, 50):
                self._set_look(underline=data[0] & 3)
            case "ESC M" if data[0] in (0, 1, 48, 49):
                self._set_look(small=bool(data[0] & 1))
            case "GS B":
                self._set_look(inverse=bool(data[0] & 1))
            case "ESC !":
                self._set_mode(data[0])
            case "GS !":
                self._set_look(width=(data[0] >> 4 & 7) + 1, height=(data[0] & 7) + 1)
            case "ESC {" if self.at_start:
                self._upside_down = bool(data[0] & 1)
            case "ESC SP":
                self._set_look(gap=data[0])
            case "ESC 2":
                self._line_height = LINE_HEIGHT
            case "ESC 3":
                self._line_height = data[0]
            case "ESC D":
                self._tabs = tuple(data[:-1])
            case "GS L" if self.at_start:
                self._left = min(int.from_bytes(data, "little"), self.dots - CELL_WIDTH)
            case "GS W" if self.at_start:
                self._width = int.from_bytes(data, "little")
            case "ESC d":
                return self._feed(data[0] * self._line_height)
            case "ESC J":
                return self._feed(data[0])
            case "GS V" if self.at_start:
                return [*self._feed(data[1] if len(data) > 1 else 0), Cut()]
            case "ESC i" | "ESC m" if self.at_start:
                return [Cut()]
            case "ESC p":
                return [Kick()]
            case "FS p" if self.at_start:
                return [Logo(data[0], self._align)]
            case "GS v 0" if self.at_start:
                return [self._raster(data)]
            case "GS ( k":
                return self._execute_symbol(data)
            case "GS ( L" | "GS 8 L":
                return self._execute_graphics(data)
            case _:
                return None
        return []

    # --- letters ---------------------------------------------------------------------------------------------------

    def _letters(self, data: bytes) -> list[Effect] | None:
        """Take letters in; return the lines that are full."""
        full: list[Effect] = []
        for letter in data.decode(self._page, errors="replace").translate(self._country):
            if self._filled + self._look.dots > self._room:
                full.append(self._end_line())
            self._put(letter, self._look)
        return full

    def _put(self, letter: str, look: Look) -> None:
        self._line.append((letter, look))
        self._filled += look.dots

    def _end_line(self) -> Letters:
        spare = max(0, self._room - self._filled)
        left = self._left + (0, spare // 2, spare)[self._align]
        row = Letters(tuple(self._line), left, self._room, self._align, self._line_height, self._upside_down)
        self.forget_line()
        return row

    def _tab(self) -> list[Effect]:
        """Go on at the next tab stop; nothing happens where there is none."""
        stops = (stop * CELL_WIDTH for stop in self._tabs)
        stop = next((stop for stop in stops if self._filled < stop < self._room), self._filled)
        while self._filled + CELL_WIDTH <= stop:
            self._put(" ", Look())
        return []

    def _feed(self, dots: int) -> list[Effect]:
        """Print the line, if there is one; its height counts as a part of the feed."""
        rows: list[Effect] = []
        if not self.at_start:
            rows.append(line := self._end_line())
            dots -= line.height
        return [*rows, Blank(dots)] if dots > 0 else rows

    def _set_mode(self, n: int) -> None:
        """ESC !: all of a look in one byte."""
        self._set_look(
            small=bool(n & 1),
            bold=bool(n & 8),
            height=2 if n & 16 else 1,
            width=2 if n & 32 else 1,
            underline=1 if n & 128 else 0,
        )

    def _set_look(self, **changes: int) -> None:
        self._look = replace(self._look, **changes)  # type: ignore[arg-type]

    @property
    def _room(self) -> int:
        return min(self._width, self.dots - self._left)

    # --- pictures and codes ----------------------------------------------------------------------------------------

    def _raster(self, data: bytes) -> Picture:
        """GS v 0 m xL xH yL yH: x is bytes."""
        width = int.from_bytes(data[1:3], "little")
        return Picture(width, data[5:], self._align, 1 + (data[0] & 1), 1 + (data[0] >> 1 & 1))

    def _execute_graphics(self, data: bytes) -> list[Effect] | None:
        """GS ( L: store a raster (function 112), print it (50), print a logo from the printer's memory (69)."""
        match data[1:2]:
            case b"\x70" if len(data) >= 10:
                width = (int.from_bytes(data[6:8], "little") + 7) // 8  # x is dots here
                self._picture = Picture(width, data[10:], self._align, data[3], data[4])
            case b"\x32" | b"\x02" if self._picture and self.at_start:
                picture, self._picture = replace(self._picture, align=self._align), None
                return [picture]
            case b"\x45" | b"\x55" if len(data) >= 4 and self.at_start:
                return [Logo(data[2:4].decode("latin1"), self._align)]
            case _:
                return None
        return []

    def _execute_symbol(self, data: bytes) -> list[Effect] | None:
        """GS ( k, for QR codes only: model, size, error level, store, print."""
        value = data[2] if len(data) > 2 else 0
        match data[:2]:
            case b"1A" if value in (49, 50):
                pass  # both models scan alike
            case b"1C" if 1 <= value <= 16:
                self._symbol = replace(self._symbol, module=value)
            case b"1E" if value in ERROR_LEVELS:
                self._symbol = replace(self._symbol, level=ERROR_LEVELS[value])
            case b"1P" if len(data) > 3:
                self._symbol = replace(self._symbol, data=data[3:].decode("utf-8", errors="replace"))
            case b"1Q" if self._symbol.data and self.at_start:
                return [replace(self._symbol, align=self._align)]
            case _:
                return None
        return []
