"""The slips that ask a person how this printer prints, and the one that shows the result. Pure.

A ruler that fills the line, then a line of accents with the code that a ticket ends in, then the bell. A press means
"this one is right", a hold "the next one".
"""

from collections.abc import Iterator

from edge.core.calibration import NO_BELL, Calibration
from edge.paper.ticket import STRONG, Cut, Feed, Line, Qr, Row, Rule, Text, notice
from edge.paper.words import Words


def lay_out_calibration(state: Calibration, words: Words, with_button: bool = True, code: str = "") -> tuple[Line, ...]:
    """Lay out the next question, or the result.

    `with_button`: whether the slip explains how to answer. `code`: what its QR code says; "" where tickets have none.
    """
    said = words.calibration
    sample = (Text(words.all_letters), *((Feed(), Qr(code)) if code else ()))
    if state.done:
        return (*_result(state, words), *sample, Cut())
    asked = {"bell": said.rings, "codepage": said.readable}.get(str(state.question), said.fits)
    question = (*asked, *said.meanwhile)
    how: tuple[Line, ...] = (*(Text(sentence) for sentence in question), Feed()) if with_button else ()
    shown = (Text(state.page, STRONG), *sample) if state.columns else (Text(ruler(state.width)),)
    shown = (Text(state.rung, STRONG),) if state.question == "bell" else shown
    return (Text(said.title, STRONG), *how, *shown, Cut())


def ruler(columns: int) -> str:
    """Return a line that fills the paper, with its length in the middle."""
    return "<" + f" {columns} ".center(columns - 2, "-") + ">"


def _result(state: Calibration, words: Words) -> Iterator[Line]:
    yield from notice(words.calibration.done)
    if state.codepage == state.pages[-1]:
        yield Text(words.calibration.plain)
    yield Rule()
    yield Row(state.page, str(state.width), STRONG)
    if state.bell:
        yield Text(words.calibration.rung if state.bell != NO_BELL else words.calibration.no_bell)
