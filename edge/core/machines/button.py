"""A push button as a value: edges in, presses and holds out. Pure.

Contacts bounce and mock pins ignore gpiozero's own bounce time, so a level counts once it was stable for
`BOUNCE_SECONDS`. A press is a release before the hold time; a hold is told while the finger is still down.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

BOUNCE_SECONDS = 0.03


class Gesture(Enum):
    NONE = auto()
    PRESS = auto()
    HOLD = auto()


@dataclass(frozen=True)
class Button:
    """`level` is what the wire says, `down` what we believe; times are the core's seconds."""

    level: bool = False
    level_at: float = 0.0
    down: bool = False
    down_at: float = 0.0
    spent: bool = False
    """This press has had its effect, or is to have none: whatever comes until the release is ignored."""
    stuck: bool = False
    """It was down when we started."""

    @property
    def unsettled(self) -> bool:
        """Whether time alone may still change what the button means."""
        return self.level != self.down or (self.down and not self.spent)

    @property
    def being_held(self) -> bool:
        return self.down and not self.spent


def found(down: bool, now: float) -> Button:
    """The button as it was at start. One that is down then is stuck, not pressed."""
    return Button(level=down, level_at=now, down=down, down_at=now, spent=down, stuck=down)


def edge(button: Button, level: bool, now: float) -> Button:
    """The wire changed."""
    return button if level == button.level else replace(button, level=level, level_at=now)


def settle(button: Button, now: float, hold_seconds: float) -> tuple[Button, Gesture]:
    """Draw from the time that passed what the edges meant."""
    if button.level != button.down and now - button.level_at >= BOUNCE_SECONDS:
        return _flip(button, hold_seconds)
    if button.being_held and button.level and now - button.down_at >= hold_seconds:
        return replace(button, spent=True), Gesture.HOLD
    return button, Gesture.NONE


def _flip(button: Button, hold_seconds: float) -> tuple[Button, Gesture]:
    if button.level:
        return replace(button, down=True, down_at=button.level_at, spent=False), Gesture.NONE
    released = replace(button, down=False, spent=False, stuck=False)
    if button.spent:
        return released, Gesture.NONE
    # A busy loop may hear of a long press only after its end; how long it was is in the edges.
    held = button.level_at - button.down_at >= hold_seconds
    return released, Gesture.HOLD if held else Gesture.PRESS
