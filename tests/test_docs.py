"""What is told to installers and cashiers is so: the drawing, the sentences of the lights, the card, the commands."""

from scripts.wiring import PAGE as WIRING
from scripts.wiring import draw

from edge.config import PanelConfig


def test_the_wiring_is_drawn_from_the_configurations_defaults():
    assert WIRING.read_text() == draw(PanelConfig()), "run `python -m scripts.wiring`"
