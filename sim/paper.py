"""Paper: what was printed, to be read as text and looked at as a picture.

A dot is a pixel: 203 dpi, 12 x 24 dots a letter, 576 dots on 80 mm and 384 on 58 mm.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CELL_WIDTH, CELL_HEIGHT = 12, 24
LINE_HEIGHT = 30
MARGIN = 28
INK, PAPER, EDGE = (38, 36, 44), (253, 252, 247), (226, 224, 216)
FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
)


@dataclass(frozen=True)
class Look:
    """How a letter is printed; `width` and `height` are multiples of the normal size."""

    bold: bool = False
    underline: bool = False
    inverse: bool = False
    width: int = 1
    height: int = 1


@dataclass(frozen=True)
class Letters:
    """A printed line: letters with their looks, and where they begin (in cells)."""

    cells: tuple[tuple[str, Look], ...]
    indent: int

    @property
    def text(self) -> str:
        """As one reads it: wide letters are not spaced out, but what is at the right stays there."""
        letters = "".join(letter for letter, _ in self.cells)
        spare = sum(look.width for _, look in self.cells) - len(letters)
        gap = max(re.findall(" +", letters), key=len, default="")
        if gap and not self.indent:
            left, _, right = letters.partition(gap)
            return left + gap + " " * spare + right
        return " " * (self.indent + spare // 2) + letters

    @property
    def height(self) -> int:
        return LINE_HEIGHT * max((look.height for _, look in self.cells), default=1)


@dataclass(frozen=True)
class Code:
    """A QR code that the printer drew from its text; `module` is dots per module."""

    data: str
    module: int
    align: int


@dataclass(frozen=True)
class Picture:
    """A raster image: rows of bytes, a bit a dot."""

    width_bytes: int
    rows: bytes
    align: int


@dataclass(frozen=True)
class Blank:
    """Paper fed without printing, in dots."""

    dots: int


Row = Letters | Code | Picture | Blank


@dataclass
class Ticket:
    """A piece of paper. `cut` says whether the knife ended it, or somebody tore it off."""

    columns: int
    rows: list[Row] = field(default_factory=list)
    cut: bool = False
    drawer_kicks: int = 0

    @property
    def text(self) -> str:
        """The printed lines, with QR codes as `[QR data]`."""
        lines = []
        for row in self.rows:
            match row:
                case Letters():
                    lines.append(row.text.rstrip())
                case Code(data):
                    lines.append(f"[QR {data}]".center(self.columns).rstrip())
                case Picture():
                    lines.append("[picture]".center(self.columns).rstrip())
        return "\n".join(lines).strip("\n") + "\n"

    @property
    def qrs(self) -> list[str]:
        return [row.data for row in self.rows if isinstance(row, Code)]

    @property
    def blank(self) -> bool:
        return not any(isinstance(row, Code | Picture) or (isinstance(row, Letters) and row.cells) for row in self.rows)

    def save(self, path: Path) -> None:
        """Keep it as `.txt` and `.png`."""
        path.with_suffix(".txt").write_text(self.text)
        self.picture().save(path.with_suffix(".png"))

    def picture(self) -> Any:
        """Draw it. Returns a PIL image."""
        from PIL import Image, ImageDraw

        width = self.columns * CELL_WIDTH + 2 * MARGIN
        drawn = [_draw(row, self.columns) for row in self.rows]
        height = sum(image.height for image in drawn) + 2 * MARGIN
        paper = Image.new("RGB", (width, height), PAPER)
        top = MARGIN
        for image in drawn:
            paper.paste(image, (MARGIN, top))
            top += image.height
        draw = ImageDraw.Draw(paper)
        draw.line([(0, 0), (0, height), (width - 1, height), (width - 1, 0)], fill=EDGE)
        if self.cut:
            for x in range(0, width, 12):
                draw.line([(x, height - 2), (x + 6, height - 2)], fill=INK)
        return paper


def _draw(row: Row, columns: int) -> Any:
    from PIL import Image

    width = columns * CELL_WIDTH
    match row:
        case Letters():
            return _draw_letters(row, width)
        case Code():
            return _draw_code(row, width)
        case Picture():
            image = Image.frombytes("1", (row.width_bytes * 8, len(row.rows) // row.width_bytes), _inverted(row.rows))
            return _placed(image.convert("RGB"), width, row.align)
        case Blank(dots):
            return Image.new("RGB", (width, dots), PAPER)


def _draw_letters(row: Letters, width: int) -> Any:
    from PIL import Image

    line = Image.new("RGB", (width, row.height), PAPER)
    x = row.indent * CELL_WIDTH
    for letter, look in row.cells:
        cell = _draw_letter(letter, look)
        line.paste(cell, (x, row.height - cell.height))
        x += cell.width
    return line


def _draw_letter(letter: str, look: Look) -> Any:
    from PIL import Image, ImageDraw

    ink, ground = (PAPER, INK) if look.inverse else (INK, PAPER)
    cell = Image.new("RGB", (CELL_WIDTH, LINE_HEIGHT), PAPER)
    draw = ImageDraw.Draw(cell)
    if look.inverse:
        draw.rectangle([(0, 1), (CELL_WIDTH, LINE_HEIGHT - 3)], fill=ground)
    font = _font(look.bold)
    box = draw.textlength(letter, font=font)
    draw.text(((CELL_WIDTH - box) / 2, CELL_HEIGHT), letter, font=font, fill=ink, anchor="ls")
    if look.underline:
        draw.line([(0, LINE_HEIGHT - 3), (CELL_WIDTH, LINE_HEIGHT - 3)], fill=ink, width=2)
    size = (CELL_WIDTH * look.width, LINE_HEIGHT * look.height)
    return cell.resize(size) if size != cell.size else cell


_fonts: dict[bool, Any] = {}


def _font(bold: bool) -> Any:
    """DejaVu Sans Mono where the system has it; else the one that Pillow brings, letter by letter in its cell."""
    from PIL import ImageFont

    if bold not in _fonts:
        file = Path(FONTS[bold])
        _fonts[bold] = ImageFont.truetype(file, 20) if file.exists() else ImageFont.load_default(20)
    return _fonts[bold]


def _draw_code(code: Code, width: int) -> Any:
    import segno
    from PIL import Image

    matrix = segno.make(code.data, error="m", micro=False).matrix
    side = len(matrix)
    image = Image.new("RGB", (side, side), PAPER)
    for y, line in enumerate(matrix):
        for x, dark in enumerate(line):
            if dark:
                image.putpixel((x, y), INK)
    return _placed(image.resize((side * code.module, side * code.module), Image.Resampling.NEAREST), width, code.align)


def _placed(image: Any, width: int, align: int) -> Any:
    from PIL import Image

    row = Image.new("RGB", (width, image.height + 8), PAPER)
    row.paste(image, ((0, (width - image.width) // 2, width - image.width)[align], 4))
    return row


def _inverted(rows: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in rows)
