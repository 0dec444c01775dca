"""The cashier's side: the order on the till, and what a finger on the button means by it. Pure.

A hold means the order that was on the till when the finger went down, not the one that is there later.
"""

from dataclasses import dataclass, field, replace

from edge.core.machines import button as buttons
from edge.core.machines.button import Button, Gesture

HOLD_COUNTS_S = 30.0
"""How long a hold may still mean an order that we haven't seen yet."""


@dataclass(frozen=True)
class Cashier:
    """What is on the till and what the cashier wants of it. Not kept: a restart looks at the till again."""

    loaded: str | None = None
    """The reference of the order on our till, when we last looked."""
    button: Button = field(default_factory=Button)
    pointed_at: str | None = None
    """The order that was on the till when the finger went down."""
    cancel_wanted_at: float | None = None
    """When the button was held while we knew of no order; a look at the till that comes soon shows which was meant."""
    cancelled_at: float | None = None
    """When an order was last cancelled."""

    def edge(self, down: bool, at: float) -> "Cashier":
        """The button's wire changed."""
        return replace(self, button=buttons.edge(self.button, down, at))

    def feel(self, now: float, hold_s: float) -> tuple["Cashier", Gesture]:
        """Work out from the time that passed what the finger means."""
        button, gesture = buttons.settle(self.button, now, hold_s)
        if button is self.button:
            return self, Gesture.NONE
        pointed_at = self.loaded if button.down and not self.button.down else self.pointed_at
        return replace(self, button=button, pointed_at=pointed_at), gesture

    def off_the_till(self, reference: str) -> "Cashier":
        """This order is on the till no more."""
        return replace(self, loaded=None) if self.loaded == reference else self
