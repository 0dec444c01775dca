"""What the till's page asks for, and what became of it. Pure.

The page's own process leaves requests in the journal, as the command line does. An order that it wants is one more
question to Mercado Pago, asked for a short time and then given up: nobody pays an order that turns up a minute late.
Nothing here is kept over a restart; the page asks again, by the same reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from edge.core import duties, events
from edge.core.cashier import see_till
from edge.core.lifecycle import Stage
from edge.core.maps import remember
from edge.core.order import WantedOrder

if TYPE_CHECKING:
    from edge.core.state import Till

PLACING_TIMEOUT_S = 20.0
"""How long an order that somebody wants is tried to be put on the till."""
PAIRING_TIMEOUT_S = 60.0
"""How long a press of the button may print the code of a device that asks."""
MAX_PLACINGS = 20
"""How many are remembered, the last ones. The page shows one, and finds older ones in the journal."""


class Placed(StrEnum):
    """What became of an order that the page wanted. The values are in the file that the page reads."""

    ASKED = "asked"
    DONE = "done"
    """It is on the till, or was."""
    OCCUPIED = "occupied"
    """Another order is there."""
    USED = "used"
    """Its reference belongs to another sale, or its own was paid already."""
    REFUSED = "refused"
    """Mercado Pago doesn't take it."""
    NO_ANSWER = "no_answer"
    """Nobody knows: Mercado Pago could not be asked, or its answer didn't come."""


@dataclass(frozen=True)
class Placing:
    """One order that the page wants, and how far it is. Made by `place`; read by the page through `status.page`."""

    since: float
    result: Placed = Placed.ASKED
    why: str = ""
    """For people: Mercado Pago's word, or the reference that is in the way."""


class PairingStage(StrEnum):
    ASKED = "asked"
    """Somebody has to press the button."""
    PRINTED = "printed"
    NO_PAPER = "no_paper"


@dataclass(frozen=True)
class Pairing:
    """A device that asks to be let in. Its code is on paper only if a person presses the button of this very till."""

    code: str = field(repr=False)
    since: float
    stage: PairingStage = PairingStage.ASKED


@dataclass(frozen=True)
class Page:
    """What the page asked for since the start. Not kept."""

    placings: Mapping[str, Placing] = field(default_factory=dict)
    """Reference -> what became of it."""
    pairing: Pairing | None = None

    def noted(self, reference: str, placing: Placing) -> "Page":
        return replace(self, placings=remember(self.placings, reference, placing, MAX_PLACINGS))


# --- an order that the page wants ----------------------------------------------------------------------------------


def place(till: "Till", order: WantedOrder, now: float) -> "Till":
    """Put this order on the till, unless it can't be. One that is asked for again is the same order."""
    if _is_on_its_way(till, order.reference):
        return till
    if till.cashier.loaded == order.reference:
        return _end(till, order.reference, Placed.DONE, now)
    if (known := till.orders.get(order.reference)) and known.stage is not Stage.WAITING:
        return _end(till, order.reference, Placed.USED, now)
    if (in_the_way := _in_the_way(till)) is not None:
        return _end(till, order.reference, Placed.OCCUPIED, now, in_the_way)
    till = replace(till, page=till.page.noted(order.reference, Placing(now)))
    return till.owe(duties.PutOrder(order), now, urgent=True)


def _is_on_its_way(till: "Till", reference: str) -> bool:
    placing = till.page.placings.get(reference)
    return placing is not None and placing.result is Placed.ASKED


def _in_the_way(till: "Till") -> str | None:
    """The order that is on the till, or is being put there or taken off; "" if nobody knows which; None if none is."""
    if till.cashier.loaded:
        return till.cashier.loaded
    for duty in till.agenda.due:
        match duty:
            case duties.PutOrder(order):
                return order.reference
            case duties.Cancel(reference):
                return reference
    return None if till.cashier.cancel_wanted_at is None else ""


def _end(till: "Till", reference: str, result: Placed, now: float, why: str = "") -> "Till":
    return replace(till, page=till.page.noted(reference, Placing(now, result, why)))


def on_order_put(till: "Till", put: events.OrderPut, now: float) -> "Till":
    """It is on the till, and is watched from now on like any other that is seen there."""
    till = _end(till, put.seen.reference or "", Placed.DONE, now)
    return see_till(till, put.seen, now)


def on_order_not_put(till: "Till", refused: events.OrderNotPut, now: float) -> "Till":
    """It is not there, and why; what is there instead is looked at."""
    till = _end(till, refused.reference, _REFUSALS[refused.refusal], now, refused.why)
    return till.owe(duties.LookAtTill(), now)


_REFUSALS = {
    events.PutRefusal.OCCUPIED: Placed.OCCUPIED,
    events.PutRefusal.USED: Placed.USED,
    events.PutRefusal.REFUSED: Placed.REFUSED,
}


def give_up_placing(till: "Till", now: float) -> "Till":
    """What can't be put on the till soon isn't put there later; whether it is there, the next look shows."""
    for reference, placing in till.page.placings.items():
        if placing.result is Placed.ASKED and now >= placing.since + PLACING_TIMEOUT_S:
            till = _end(till, reference, Placed.NO_ANSWER, now, till.api.error).owe(duties.LookAtTill(), now)
    over = [] if not till.page.placings else [duty for duty in till.agenda.due if _is_over(till, duty)]
    return till.drop(*over) if over else till


def _is_over(till: "Till", duty: duties.PaymentDuty) -> bool:
    """Whether an order was given up. A question that was out then may still come back to be asked again."""
    return isinstance(duty, duties.PutOrder) and not _is_on_its_way(till, duty.order.reference)


# --- a device that asks to be let in -------------------------------------------------------------------------------


def ask_pairing(till: "Till", code: str, now: float) -> "Till":
    """A device asks; the last one that does is meant by the next press."""
    return replace(till, page=replace(till.page, pairing=Pairing(code, now)))


def print_pairing(till: "Till", now: float) -> "Till":
    """The button was pressed: the code comes out, if a device has just asked. A later slip would be of no use."""
    pairing = till.page.pairing
    if pairing is None or pairing.stage is PairingStage.PRINTED or now >= pairing.since + PAIRING_TIMEOUT_S:
        return till
    if not till.printer.paper.prints:
        return replace(till, page=replace(till.page, pairing=replace(pairing, stage=PairingStage.NO_PAPER)))
    pairing = replace(pairing, stage=PairingStage.PRINTED)
    printer = till.printer.owe(duties.PrintPairing(pairing.code))
    return replace(till, page=replace(till.page, pairing=pairing), printer=printer)
