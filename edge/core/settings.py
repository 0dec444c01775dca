"""What the core has to know of the configuration. Pure.

Made once, by `daemon/assembly.py`; read by every machine of the till, changed by none.
"""

from dataclasses import dataclass
from datetime import UTC, time, tzinfo


@dataclass(frozen=True)
class Settings:
    """Whose till it is, and how patient it is: from its configuration."""

    user_id: str
    """Mercado Pago's id of the account that must receive the money."""
    external_pos_id: str = ""
    """The name that the shop chose for our point of sale."""
    first_check_s: float = 30
    check_every_s: float = 5
    idle_every_s: float = 60
    outage_every_s: float = 10
    grace_s: float = 900
    """How long an order that left the till is still asked for."""
    hold_s: float = 2
    keep_s: float = 30 * 24 * 3600
    """How long finished orders are remembered."""
    timezone: tzinfo = UTC
    """Decides where a day begins and ends."""
    reference_prefix: str = ""
    """How the references of this till's orders begin, if the shop's software has such a rule."""
    ignore_orderless: bool = False
    """Payments without an order are another device's, such as a Point terminal at our point of sale."""
    slip_after_s: float = 60
    """How long a failure that may pass by itself lasts before a slip reports it."""
    plays: bool = False
    """Signs of the light are heard from a buzzer or a loudspeaker."""
    rings: bool = False
    """Signs of the light are heard from the printer's bell."""
    quiet: tuple[time, time] | None = None
    """From when to when, by the shop's clock, nothing is heard; the hours may span midnight."""
    broker_far: bool = False
    """The broker is out on the internet, so a connection to it shows that there is internet."""
