"""Paper: what was printed, as text to read and as a picture to look at.

A dot is a pixel: 203 to the inch. A letter has 12 x 24, a line of 80 mm paper 576, one of 58 mm paper 384.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

CELL_WIDTH, CELL_HEIGHT = 12, 24
SMALL_WIDTH = 9
BASELINE = 19
LINE_HEIGHT = 30
"""Dots, as ESC 2 sets it."""
LINE_SPACING = 6
"""Dots between two lines of letters of any size."""

# --- what can be on paper ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How a letter is printed. `width` and `height` are multiples of its normal size; `gap` is in dots, after it."""

    bold: bool = False
    underline: int = 0
    inverse: bool = False
    width: int = 1
    height: int = 1
    small: bool = False
    gap: int = 0

    @property
    def dots(self) -> int:
        """The width of the letter on the line."""
        return ((SMALL_WIDTH if self.small else CELL_WIDTH) + self.gap) * self.width


@dataclass(frozen=True)
class Letters:
    """A printed line: letters with their looks, where it begins, and how much fits on it (dots)."""

    cells: tuple[tuple[str, Look], ...]
    left: int = 0
    room: int = 0
    align: int = 0
    line_height: int = LINE_HEIGHT
    upside_down: bool = False

    @property
    def text(self) -> str:
        """The line as one reads it: wide letters aren't spaced out, yet what is centred or at the right stays there."""
        letters = "".join(letter for letter, _ in self.cells)
        indent, spare = self.left // CELL_WIDTH, max(0, self.dots // CELL_WIDTH - len(letters))
        words = letters.strip(" ")
        begin, gap, end = words.partition("  ")
        if not gap and self.align == 0 and self.dots == self.room:
            begin, gap, end = words.rpartition(" ")  # from edge to edge: the host has made two columns
        padding = letters[: len(letters) - len(letters.lstrip(" "))]
        if gap:
            return " " * indent + padding + begin + gap + " " * spare + end
        before = (spare // 2 if padding else 0, spare // 2, spare)[self.align]
        return " " * (indent + before) + letters

    @property
    def dots(self) -> int:
        return sum(look.dots for _, look in self.cells)

    @property
    def height(self) -> int:
        return max(self.line_height, CELL_HEIGHT * self._tallest + LINE_SPACING * (self._tallest > 1))

    @property
    def base(self) -> int:
        """The baseline of all its letters, big and small, in dots from its top."""
        return self.height - LINE_SPACING // 2 - (CELL_HEIGHT - BASELINE) * self._tallest

    @property
    def _tallest(self) -> int:
        return max((look.height for _, look in self.cells), default=1)


@dataclass(frozen=True)
class Code:
    """A QR code that the printer drew from its text; `module` is dots per module."""

    data: str
    module: int = 3
    level: str = "l"
    align: int = 0

    def draw(self) -> Any:
        """Return it in black (0) and white (255)."""
        import segno

        matrix = segno.make(self.data, error=self.level, micro=False, boost_error=False).matrix
        side = len(matrix)
        image = Image.frombytes("L", (side, side), bytes(0 if dark else 255 for line in matrix for dark in line))
        return image.resize((side * self.module,) * 2, Image.Resampling.NEAREST)


@dataclass(frozen=True)
class Picture:
    """A raster image: rows of bytes, a bit a dot; `wide` and `tall` multiply each dot."""

    width_bytes: int
    rows: bytes
    align: int = 0
    wide: int = 1
    tall: int = 1

    def draw(self) -> Any:
        """Return it in black (0) and white (255)."""
        size = self.width_bytes * 8, len(self.rows) // max(1, self.width_bytes)
        image = ImageChops.invert(Image.frombytes("1", size, self.rows).convert("L"))
        return image.resize((size[0] * self.wide, size[1] * self.tall), Image.Resampling.NEAREST)


@dataclass(frozen=True)
class Logo:
    """An image from the printer's own memory, of which only the name is known here."""

    name: int | str
    align: int = 0

    def draw(self) -> Any:
        """Return a frame with its name."""
        image = Image.new("L", (CELL_WIDTH * 16, 96), 255)
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle([(2, 2), (image.width - 3, image.height - 3)], 12, outline=0, width=3)
        draw.text((image.width / 2, image.height / 2), f"logo {self.name}", font=_font(True, 20), fill=0, anchor="mm")
        return image


@dataclass(frozen=True)
class Blank:
    """Paper fed without printing, in dots."""

    dots: int


Row = Letters | Code | Picture | Logo | Blank


@dataclass
class Ticket:
    """A piece of paper. `cut`: the cutter ended it, and neither a hand nor the end of the roll."""

    columns: int
    rows: list[Row] = field(default_factory=list)
    cut: bool = False
    interrupted: bool = False
    """The printer lost its power, its paper or its memory in mid-ticket."""
    drawer_kicks: int = 0

    @property
    def complete(self) -> bool:
        """Whether it is one ticket from beginning to cut."""
        return self.cut and not self.interrupted

    @property
    def text(self) -> str:
        """The printed lines, with QR codes as `[QR data]`."""
        lines: list[str] = []
        for row in self.rows:
            match row:
                case Letters():
                    lines.append(row.text.rstrip())
                case Blank(dots):
                    lines += [""] * (dots // LINE_HEIGHT)
                case _:
                    lines.append(self._named(row))
        return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""

    def _named(self, row: Code | Picture | Logo) -> str:
        name = {Code: "QR", Picture: "picture", Logo: "logo"}[type(row)]
        detail = {Code: "data", Logo: "name"}.get(type(row))
        words = f"[{name} {getattr(row, detail)}]" if detail else f"[{name}]"
        return " " * ((0, 1, 2)[row.align] * max(0, self.columns - len(words)) // 2) + words

    @property
    def qrs(self) -> list[str]:
        """The texts of the QR codes."""
        return [row.data for row in self.rows if isinstance(row, Code)]

    @property
    def images(self) -> list[Any]:
        """The raster images, as PIL images in black (0) and white (255)."""
        return [row.draw() for row in self.rows if isinstance(row, Picture)]

    @property
    def blank(self) -> bool:
        """Whether nothing is printed on it."""
        return not any(row.cells if isinstance(row, Letters) else not isinstance(row, Blank) for row in self.rows)

    def picture(self) -> Any:
        """Draw it as it lies on the counter. Returns a PIL image."""
        width = self.columns * CELL_WIDTH
        drawn = [draw(row, width) for row in self.rows]
        sheet = Image.new("L", (width, sum(image.height for image in drawn)), 255)
        top = 0
        for image in drawn:
            sheet.paste(image, (0, top))
            top += image.height
        return _on_the_counter(sheet, self.cut)

    def save(self, path: Path) -> None:
        """Write it as `.txt` and `.png`."""
        path.with_suffix(".txt").write_text(self.text, encoding="utf-8")
        self.picture().save(path.with_suffix(".png"))


# --- drawing: first in black and white, then as ink on paper --------------------------------------------------------

MARGIN = 32
COUNTER_MARGIN = 36
TOOTH_DOTS = 8
INK, PAPER, COUNTER = (46, 44, 52), (253, 251, 245), (222, 219, 213)
FONT_SIZE = 20
"""Of DejaVu Sans Mono: 12 dots a letter."""
FONT_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu", "/usr/share/fonts/TTF")


def height_of(row: Row) -> int:
    """How far the paper moves for it, in dots."""
    match row:
        case Letters():
            return row.height
        case Blank(dots):
            return dots
    return int(row.draw().height) + 8


def draw(row: Row, width: int) -> Any:
    """Draw it across a paper of so many dots, in black (0) and white (255)."""
    match row:
        case Letters():
            return _draw_letters(row, width)
        case Blank(dots):
            return Image.new("L", (width, dots), 255)
    drawn = row.draw()
    spare = width - drawn.width
    placed = Image.new("L", (width, drawn.height + 8), 255)
    placed.paste(drawn, ((0, spare // 2, spare)[row.align], 4))
    return placed


def _draw_letters(row: Letters, width: int) -> Any:
    line = Image.new("L", (width, row.height), 255)
    x = row.left
    for letter, look in row.cells:
        cell = _draw_letter(letter, look)
        line.paste(cell, (x, row.base - cell.height * BASELINE // CELL_HEIGHT))
        x += cell.width
    return line.rotate(180) if row.upside_down else line


@cache
def _draw_letter(letter: str, look: Look) -> Any:
    """Draw it at the larger of its two magnifications, then squeeze it into its cell."""
    scale = max(look.width, look.height)
    ink, ground = (255, 0) if look.inverse else (0, 255)
    cell = Image.new("L", (CELL_WIDTH * scale, CELL_HEIGHT * scale), ground)
    draw = ImageDraw.Draw(cell)
    font = _font(look.bold, FONT_SIZE * scale)
    for strike in range(2 if look.bold and not _face(True, FONT_SIZE * scale) else 1):
        draw.text((CELL_WIDTH * scale / 2 + strike * scale, BASELINE * scale), letter, font=font, fill=ink, anchor="ms")
    if look.underline:
        bottom = cell.height - 1
        draw.rectangle([(0, bottom - look.underline), (cell.width, bottom)], fill=ink)
    size = (look.dots, (CELL_HEIGHT if not look.small else 17) * look.height)
    return cell if size == cell.size else cell.resize(size, Image.Resampling.LANCZOS)


def _font(bold: bool, size: int) -> Any:
    return _face(bold, size) or _face(False, size) or ImageFont.load_default(size)


@cache
def _face(bold: bool, size: int) -> Any:
    """DejaVu Sans Mono of the system, or python-barcode's, which has no bold one. None if there is neither."""
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    barcode = find_spec("barcode")
    bundled = [str(Path(barcode.origin).parent / "fonts")] if barcode and barcode.origin else []
    file = next((path for folder in (*FONT_FOLDERS, *bundled) if (path := Path(folder, name)).exists()), None)
    return ImageFont.truetype(file, size) if file else None


def _on_the_counter(sheet: Any, cut: bool) -> Any:
    """Ink on paper, paper on the counter, with a shadow. The lower edge is cut or torn."""
    size = sheet.width + 2 * MARGIN, sheet.height + 2 * MARGIN
    shape = _shape(size, cut)
    ink = Image.new("L", size, 0)
    ink.paste(ImageChops.invert(sheet), (MARGIN, MARGIN))
    if cut:
        _dash(ink)
    paper = Image.composite(Image.new("RGB", size, INK), Image.new("RGB", size, PAPER), ink)
    counter = Image.new("RGB", (size[0] + 2 * COUNTER_MARGIN, size[1] + 2 * COUNTER_MARGIN), COUNTER)
    shadow = Image.new("L", counter.size, 0)
    shadow.paste(shape.point(lambda value: value * 2 // 5), (COUNTER_MARGIN, COUNTER_MARGIN + 5))
    counter.paste((90, 84, 76), mask=shadow.filter(ImageFilter.GaussianBlur(9)))
    counter.paste(paper, (COUNTER_MARGIN, COUNTER_MARGIN), shape)
    return counter


def _shape(size: tuple[int, int], cut: bool) -> Any:
    """The outline of the paper: white where there is some."""
    width, height = size
    if cut:
        return Image.new("L", size, 255)
    shape = Image.new("L", size, 0)
    teeth = [
        (x, height - 1 - TOOTH_DOTS * (index % 2))
        for index, x in enumerate(range(width + TOOTH_DOTS, -TOOTH_DOTS, -TOOTH_DOTS))
    ]
    ImageDraw.Draw(shape).polygon([(0, 0), (width, 0), *teeth], fill=255)
    return shape


def _dash(ink: Any) -> None:
    """The line of the cutter."""
    draw = ImageDraw.Draw(ink)
    for x in range(6, ink.width - 6, 14):
        draw.line([(x, ink.height - 5), (x + 7, ink.height - 5)], fill=110, width=1)
