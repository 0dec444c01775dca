"""The table of lights, as it is promised to cashiers."""

import pytest

from edge.core.status import Signal
from edge.machine.panel import FRAMES_PER_SECOND, LIGHTS, frame

PROMISED = {
    Signal.STARTING: "off steady off",
    Signal.READY: "steady off off",
    Signal.WAITING: "off 1Hz off",
    Signal.WORKING: "off 4Hz off",
    Signal.PAID: "4Hz off off",
    Signal.HOLDING: "off steady 4Hz",
    Signal.CANCELLED: "off steady 4Hz",
    Signal.ATTENTION: "2Hz off 2Hz",
    Signal.PRINTER: "off off 1Hz",
    Signal.POLLING: "steady flash off",
    Signal.UNREACHABLE: "off off steady",
    Signal.IDENTIFY: "wave wave wave",
}
SHAPES = {
    "1Hz": (8, 2),
    "2Hz": (8, 4),
    "4Hz": (8, 8),
    "flash": (1, 1),
    "wave": (6, 2),
    "off": (0, 0),
    "steady": (16, 0),
}
"""In two seconds of sixteen frames: how many are lit, and how often the light goes on."""


@pytest.mark.parametrize("sign", Signal)
def test_each_sign_looks_as_promised(sign):
    frames = [frame(sign, 100 + step / FRAMES_PER_SECOND) for step in range(16)]
    for color, shape in zip(range(3), PROMISED[sign].split(), strict=True):
        lit = [look[color] for look in frames]
        rises = sum(on and not lit[index - 1] for index, on in enumerate(lit))
        assert (sum(lit), rises) == SHAPES[shape], (sign, color)


def test_green_and_red_alternate_when_a_person_must_look():
    for step in range(16):
        green, yellow, red = frame(Signal.ATTENTION, step / FRAMES_PER_SECOND)
        assert green != red
        assert not yellow


def test_every_sign_has_its_lights():
    assert set(LIGHTS) == set(Signal)
