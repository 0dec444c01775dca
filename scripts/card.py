"""Makes the card for the till, one A4 sheet per language: the lights on its left half, button and papers on its right.
Fold it in the middle, cut it, or pin it up as it is.

    python -m scripts.card --till "Caja 1" --support "0800 555 0000"

The lights are drawn from `edge.machine.panel.LIGHTS`. The same words give the same bytes.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from edge.core.duties import Heard
from edge.core.status import Signal
from edge.install.check.light_words import MEANINGS, Meaning
from edge.machine.panel import LIGHTS, OFF, STEADY, Lights
from edge.paper.sound_words import SPOKEN_WORDS, SpokenWords
from edge.paper.words import WORDS, Notice
from scripts.card_words import CARD_WORDS, CardWords

FOLDER = Path("build")
WIDTH, HEIGHT = landscape(A4)
HALF = WIDTH / 2
MARGIN = 9 * mm
INNER = HALF - 2 * MARGIN
GUTTER = 2.5 * mm
MIN_AIR = 1.5 * mm
"""In each row, above and below the words together."""

INK, DULL, RULE, PAPER = HexColor("#1d2026"), HexColor("#454b55"), HexColor("#d4d7dd"), HexColor("#ffffff")
PANEL, UNLIT = HexColor("#262a32"), HexColor("#4a505c")
GREEN_TINT, RED_TINT = HexColor("#dcf3e3"), HexColor("#fbe3e1")
LIT = {"green": HexColor("#2fd46c"), "yellow": HexColor("#ffcc1f"), "red": HexColor("#ff4a42")}

REGULAR, BOLD = "Vera", "VeraBd"

Column = tuple[Paragraph, ...]
"""Paragraphs that stand one below the other."""


class TooLongError(ValueError):
    """The text doesn't fit where it belongs; the message says which."""


def style(size: float, font: str = REGULAR, color: Any = INK) -> ParagraphStyle:
    return ParagraphStyle("", fontName=font, fontSize=size, leading=size * 1.22, textColor=color)


def make_card(path: Path, language: str, till: str = "", support: str = "", sound: bool = False) -> None:
    """Write the card as a PDF of one page. Without `till` or `support` there is a line to write on.

    `sound`: it also says what each sound means.

    Raises `TooLongError`.
    """
    for font in (REGULAR, BOLD):  # which reportlab brings along; embedded, so that every printer has them
        pdfmetrics.registerFont(TTFont(font, f"{font}.ttf"))
    words = CARD_WORDS[language]
    canvas = Canvas(str(path), (WIDTH, HEIGHT), invariant=1)
    canvas.setTitle(f"till-edge: {words.title}")
    canvas.setAuthor("till-edge")
    _lights_side(canvas, words, MEANINGS[language], SPOKEN_WORDS[language] if sound else None)
    canvas.translate(HALF, 0)
    _other_side(canvas, words, _papers(language), till, support)
    _fold(canvas)
    canvas.save()


def _papers(language: str) -> list[Notice]:
    words = WORDS[language]
    return [words.waiting, *words.banners.values()]


# --- the lights ----------------------------------------------------------------------------------------------------

PANEL_HEIGHT = 9.4 * mm
PANEL_COLUMN, MEANS_COLUMN = 29 * mm, 56 * mm
DO_COLUMN = INNER - PANEL_COLUMN - MEANS_COLUMN


def _lights_side(canvas: Canvas, words: CardWords, meanings: Sequence[Meaning], spoken: SpokenWords | None) -> None:
    y = _band(canvas, words.title) - 3 * mm
    y = _rule(canvas, words.rule, y) - 2.5 * mm
    cells = [(_says(meaning), _does(meaning, spoken)) for meaning in meanings]
    needed = [max(_height(says, MEANS_COLUMN), _height(does, DO_COLUMN), PANEL_HEIGHT) for says, does in cells]
    air = (y - MARGIN - sum(needed)) / len(cells)
    if air < MIN_AIR:
        raise TooLongError("the lights don't fit on the card")
    for meaning, (says, does), height in zip(meanings, cells, needed, strict=True):
        _row(canvas, meaning, y, height + air)
        _middle(canvas, says, MARGIN + PANEL_COLUMN, y, MEANS_COLUMN, height + air)
        _middle(canvas, does, MARGIN + PANEL_COLUMN + MEANS_COLUMN, y, DO_COLUMN, height + air)
        y -= height + air


def _says(meaning: Meaning) -> Column:
    looks = Paragraph(escape(meaning.looks.upper()), style(7.8, REGULAR, DULL))
    return looks, Paragraph(escape(_begun(meaning.means)), style(9.6, BOLD))


def _heard(meaning: Meaning, spoken: SpokenWords) -> str:
    """What is heard with this light: the beeps, and the sentence."""
    signs = [Heard(sign.value) for sign in meaning.signals if sign.value in set(Heard)]
    return "; ".join(f"{spoken.beeps[sign]}: “{spoken.sentences[sign]}”" for sign in signs)


def _does(meaning: Meaning, spoken: SpokenWords | None) -> Column:
    """What to do; and, smaller, what is heard, where there is sound."""
    heard = _heard(meaning, spoken) if spoken else ""
    size = 8.4 if heard else 9.6
    below = (Paragraph(escape(heard), style(6.4, REGULAR, DULL)),) if heard else ()
    return Paragraph(escape(_begun(meaning.do)), style(size)), *below


def _row(canvas: Canvas, meaning: Meaning, top: float, height: float) -> None:
    """The tint behind the words, and the lights."""
    tint = {(Signal.PAID,): GREEN_TINT, (Signal.UNREACHABLE,): RED_TINT}.get(meaning.signals)
    if tint:
        canvas.setFillColor(tint)
        canvas.rect(MARGIN, top - height, INNER, height, stroke=0, fill=1)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, top - height, MARGIN + INNER, top - height)
    _panel(canvas, LIGHTS[meaning.signals[0]] if meaning.signals else Lights(), MARGIN + 1 * mm, top - height / 2)


def _panel(canvas: Canvas, lights: Lights, x: float, middle: float) -> None:
    """The three lights as they stand on the panel; under one that blinks, its two seconds as bars."""
    width, height, radius, pitch = 26 * mm, PANEL_HEIGHT, 2.75 * mm, 8 * mm
    canvas.setFillColor(PANEL)
    canvas.roundRect(x, middle - height / 2, width, height, 2 * mm, stroke=0, fill=1)
    for number, (color, fill) in enumerate(LIT.items()):
        pattern, center = getattr(lights, color), x + 5 * mm + number * pitch
        canvas.setFillColor(UNLIT if pattern == OFF else fill)
        canvas.setStrokeColor(UNLIT if pattern == OFF else PAPER)
        canvas.setLineWidth(1.1)
        canvas.circle(center, middle + 0.7 * mm, radius, stroke=1, fill=0 if pattern == OFF else 1)
        if pattern not in (OFF, STEADY):
            _bars(canvas, pattern, center - radius, middle - height / 2 + 0.9 * mm, 2 * radius / len(OFF))


def _bars(canvas: Canvas, pattern: str, x: float, y: float, frame: float) -> None:
    canvas.setFillColor(PAPER)
    for number, state in enumerate(pattern):
        if state == "#":
            canvas.rect(x + number * frame, y, frame, 0.9 * mm, stroke=0, fill=1)


# --- button, papers, help ------------------------------------------------------------------------------------------


def _other_side(canvas: Canvas, words: CardWords, papers: Sequence[Notice], till: str, support: str) -> None:
    y = _band(canvas, words.button) - 5 * mm
    for what, does in (words.press, words.hold):
        y = _entry(canvas, Paragraph(escape(what), style(12, BOLD)), does, y)
    y = _heading(canvas, words.claims, y - 1 * mm)
    for number, step in enumerate(words.steps, start=1):
        y = _step(canvas, number, step, y)
    y = _heading(canvas, words.papers, y - 1 * mm)
    for name, means in (*((paper.title, " ".join(paper.advice)) for paper in papers), words.other):
        y = _entry(canvas, Paragraph(escape(name), style(12, BOLD)), means, y)
    bottom = MARGIN + 33 * mm
    if y < bottom:
        raise TooLongError("the papers don't fit on the card")
    y = _heading(canvas, words.help, bottom)
    _blank(canvas, words.till, till, y - 5 * mm)
    _blank(canvas, words.call, support, y - 16 * mm)


def _step(canvas: Canvas, number: int, does: str, y: float) -> float:
    radius = 3.2 * mm
    canvas.setFillColor(PANEL)
    canvas.circle(MARGIN + radius, y - 2.6 * mm, radius, stroke=0, fill=1)
    canvas.setFillColor(PAPER)
    canvas.setFont(BOLD, 11)
    canvas.drawCentredString(MARGIN + radius, y - 2.6 * mm - 4, str(number))
    height = _draw(canvas, Paragraph(escape(does), style(11)), MARGIN + 10 * mm, y + 0.4 * mm, INNER - 10 * mm)
    return y - max(height, 2 * radius) - 2 * mm


def _entry(canvas: Canvas, name: Paragraph, does: str, y: float) -> float:
    """A word at the left, its meaning at the right. Returns the top of the next entry."""
    split = 44 * mm
    text = Paragraph(escape(_begun(does)), style(11))
    height = max(_draw(canvas, name, MARGIN, y, split - 3 * mm), _draw(canvas, text, MARGIN + split, y, INNER - split))
    return y - height - 3 * mm


def _heading(canvas: Canvas, words: str, y: float) -> float:
    canvas.setFillColor(PANEL)
    canvas.roundRect(MARGIN, y - 8.5 * mm, INNER, 8.5 * mm, 1.5 * mm, stroke=0, fill=1)
    canvas.setFillColor(PAPER)
    canvas.setFont(BOLD, 13)
    canvas.drawString(MARGIN + 4 * mm, y - 5.9 * mm, words)
    return y - 13 * mm


def _blank(canvas: Canvas, label: str, value: str, y: float) -> None:
    """Print the value, or a line to write it on."""
    canvas.setFillColor(DULL)
    canvas.setFont(REGULAR, 10)
    canvas.drawString(MARGIN, y, label)
    x = MARGIN + 26 * mm
    canvas.setStrokeColor(DULL)
    canvas.setLineWidth(0.6)
    canvas.line(x, y - 1.2 * mm, MARGIN + INNER, y - 1.2 * mm)
    size = next((size for size in (16, 14, 12, 10) if pdfmetrics.stringWidth(value, BOLD, size) < INNER - 27 * mm), 0)
    if not size:
        raise TooLongError(f"{value!r} is too long for the card; shorten it")
    canvas.setFillColor(INK)
    canvas.setFont(BOLD, size)
    canvas.drawString(x + 1 * mm, y, value)


# --- parts of both -------------------------------------------------------------------------------------------------


def _band(canvas: Canvas, title: str) -> float:
    height = 13 * mm
    top = HEIGHT - MARGIN
    canvas.setFillColor(PANEL)
    canvas.roundRect(MARGIN, top - height, INNER, height, 2 * mm, stroke=0, fill=1)
    canvas.setFillColor(PAPER)
    canvas.setFont(BOLD, 19)
    canvas.drawString(MARGIN + 4 * mm, top - height / 2 - 6.5, title)
    return top - height


def _rule(canvas: Canvas, words: str, y: float) -> float:
    return y - _draw(canvas, Paragraph(escape(words), style(10.5, BOLD)), MARGIN + 1 * mm, y, INNER - 2 * mm)


def _fold(canvas: Canvas) -> None:
    """Mark where to fold or cut, at the edges only."""
    canvas.setStrokeColor(DULL)
    canvas.setLineWidth(0.5)
    canvas.line(0, 0, 0, 5 * mm)
    canvas.line(0, HEIGHT - 5 * mm, 0, HEIGHT)


def _draw(canvas: Canvas, paragraph: Paragraph, x: float, top: float, width: float) -> float:
    """Draw below `top`; returns the height."""
    _, height = paragraph.wrap(width, HEIGHT)
    paragraph.drawOn(canvas, x, top - height)
    return float(height)


def _middle(canvas: Canvas, column: Column, x: float, top: float, width: float, height: float) -> None:
    """One below the other, in the middle of a row."""
    y = top - (height - _height(column, width)) / 2
    for paragraph in column:
        y -= _draw(canvas, paragraph, x, y, width - GUTTER)


def _height(column: Column, width: float) -> float:
    return sum(float(paragraph.wrap(width - GUTTER, HEIGHT)[1]) for paragraph in column)


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the cards; returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes the card that stays at the till, in three languages.")
    parser.add_argument("--till", default="", help="its name, as in Caja 1; default: a line to write it on")
    parser.add_argument("--support", default="", help="whom to call; default: a line to write it on")
    parser.add_argument("--sound", action="store_true", help="with what each sound means")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: %(default)s")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        for language in CARD_WORDS:
            path = options.folder / f"card-{language}.pdf"
            make_card(path, language, options.till, options.support, options.sound)
            print(path)
    except TooLongError as error:
        print(f"card: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
