"""Finding out with a person how wide a printer prints and which of its code pages has our letters. Pure.

One question at a time comes on a slip of its own: a ruler that fills the line, then a line of accents. Press means
"this one is right", hold means "the next one"; after the last the first comes again, for a finger may have slipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.core.cashier import Gesture
from edge.paper.ticket import STRONG, Cut, Feed, Line, Row, Rule, Text, notice
from edge.paper.words import Words

WIDTHS = (48, 42, 32)
"""Widest first: the right one is the first that does not wrap. 80 mm, 80 mm at 180 dots to the inch, 58 mm."""


@dataclass(frozen=True)
class Calibration:
    """What is known already, and which of the candidates is being asked for."""

    pages: tuple[str, ...]
    columns: int | None = None
    codepage: str | None = None
    candidate: int = 0

    @property
    def done(self) -> bool:
        return self.columns is not None and self.codepage is not None

    @property
    def width(self) -> int:
        """The columns of the slip that asks."""
        return self.columns or WIDTHS[self.candidate]

    @property
    def page(self) -> str:
        """The code page of the slip that asks; for a ruler any will do."""
        return self.codepage or self.pages[self.candidate if self.columns else 0]


def step(state: Calibration, gesture: Gesture) -> Calibration:
    """What an answer teaches."""
    if gesture is Gesture.HOLD:
        candidates = len(WIDTHS if state.columns is None else state.pages)
        return replace(state, candidate=(state.candidate + 1) % candidates)
    if gesture is Gesture.PRESS and state.columns is None:
        return replace(state, columns=state.width, candidate=0)
    if gesture is Gesture.PRESS:
        return replace(state, codepage=state.page)
    return state


def lay_out(state: Calibration, words: Words, with_button: bool) -> tuple[Line, ...]:
    """Lay out the question, or what came of it. `with_button`: whether the slip says how to answer."""
    said = words.calibration
    if state.done:
        return (*_outcome(state, words), Cut())
    question = said.readable if state.columns else said.fits
    how: tuple[Line, ...] = (*(Text(sentence) for sentence in question), Feed()) if with_button else ()
    return (Text(said.title, STRONG), *how, *_candidate(state, words), Cut())


def _candidate(state: Calibration, words: Words) -> tuple[Line, ...]:
    if state.columns is None:
        return (Text(ruler(state.width)),)
    return (Text(state.page, STRONG), Text(words.all_letters))


def ruler(columns: int) -> str:
    """Fills the line and says how many letters that are."""
    return "<" + f" {columns} ".center(columns - 2, "-") + ">"


def _outcome(state: Calibration, words: Words) -> Iterator[Line]:
    yield from notice(words.calibration.done)
    yield Rule()
    yield Row(state.page, str(state.width), STRONG)
    yield Text(words.all_letters)
    yield Rule()
