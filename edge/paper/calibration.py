"""Finding out with a person how wide a printer prints, and which of its code pages has our letters. Pure.

Each question is a slip of its own: a ruler that fills the line, then a line of accents. A press means "this one is
right", a hold "the next one". After the last candidate the first comes again, for a finger may have slipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.core.cashier import Gesture
from edge.paper.ticket import STRONG, Cut, Feed, Line, Row, Rule, Text, notice
from edge.paper.words import Words

CANDIDATE_COLUMNS = (48, 42, 32)
"""Widest first: the right one is the first that doesn't wrap. 80 mm, 80 mm at 180 dots to the inch, 58 mm."""


@dataclass(frozen=True)
class Calibration:
    """What is known so far, and which candidate is being asked about. Made by the set-up, anew after each answer."""

    pages: tuple[str, ...]
    """The candidates for the code page, best first."""
    columns: int | None = None
    codepage: str | None = None
    candidate: int = 0
    """Index of the one that the slip shows."""

    @property
    def done(self) -> bool:
        return self.columns is not None and self.codepage is not None

    @property
    def width(self) -> int:
        """The columns of the slip that asks."""
        return self.columns or CANDIDATE_COLUMNS[self.candidate]

    @property
    def page(self) -> str:
        """The code page of the slip that asks; for a ruler any will do."""
        return self.codepage or self.pages[self.candidate if self.columns else 0]


def step(state: Calibration, gesture: Gesture) -> Calibration:
    """Return the state after an answer."""
    if gesture is Gesture.HOLD:
        candidates = len(CANDIDATE_COLUMNS if state.columns is None else state.pages)
        return replace(state, candidate=(state.candidate + 1) % candidates)
    if gesture is Gesture.PRESS and state.columns is None:
        return replace(state, columns=state.width, candidate=0)
    if gesture is Gesture.PRESS:
        return replace(state, codepage=state.page)
    return state


def lay_out_calibration(state: Calibration, words: Words, with_button: bool) -> tuple[Line, ...]:
    """Lay out the next question, or the result. `with_button`: whether the slip explains how to answer."""
    said = words.calibration
    if state.done:
        return (*_result(state, words), Cut())
    question = said.readable if state.columns else said.fits
    how: tuple[Line, ...] = (*(Text(sentence) for sentence in question), Feed()) if with_button else ()
    return (Text(said.title, STRONG), *how, *_candidate(state, words), Cut())


def _candidate(state: Calibration, words: Words) -> tuple[Line, ...]:
    if state.columns is None:
        return (Text(ruler(state.width)),)
    return (Text(state.page, STRONG), Text(words.all_letters))


def ruler(columns: int) -> str:
    """Return a line that fills the paper, with its length in the middle."""
    return "<" + f" {columns} ".center(columns - 2, "-") + ">"


def _result(state: Calibration, words: Words) -> Iterator[Line]:
    yield from notice(words.calibration.done)
    yield Rule()
    yield Row(state.page, str(state.width), STRONG)
    yield Text(words.all_letters)
    yield Rule()
