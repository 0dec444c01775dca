"""The life of an order: its stages, and every way from one to the next, in one table. Pure.

`Order` is what we remember of one `external_reference`, a row of the journal. A move that isn't in the table is a bug:
it raises and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from edge.core.duties import Banner
from edge.core.order import MerchantOrder


class Stage(StrEnum):
    WAITING = "waiting"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    PAID = "paid"
    LISTED = "listed"
    PRINTING = "printing"
    PRINTED = "printed"
    UNCONFIRMED = "unconfirmed"


class Move(StrEnum):
    """What can happen to an order."""

    HELD = "the button was held"
    KEPT = "it can't be cancelled"
    REMOVED = "removed, and read as unpaid"
    GIVEN_UP = "unpaid, and long gone from the till"
    SEEN_AGAIN = "on the till again"
    PAID = "Mercado Pago says it is paid"
    LISTED = "on the list of tickets that wait"
    CALLED_FOR = "a person wants it printed"
    BEGUN = "the first byte may leave"
    REFUSED = "not a byte was sent"
    INTERRUPTED = "cut off, so the next one is a copy"
    PROVED = "the printer proved it"
    UNPROVED = "sent, without proof"
    REPRINT = "a person wants a copy"
    TAKEN_BACK = "the money went back before its ticket"


LIFE: Mapping[Stage, Mapping[Move, Stage]] = {
    Stage.WAITING: {Move.PAID: Stage.PAID, Move.HELD: Stage.CANCELLING, Move.GIVEN_UP: Stage.LAPSED},
    Stage.CANCELLING: {Move.PAID: Stage.PAID, Move.REMOVED: Stage.CANCELLED, Move.KEPT: Stage.WAITING},
    Stage.CANCELLED: {Move.PAID: Stage.PAID, Move.SEEN_AGAIN: Stage.WAITING},
    Stage.LAPSED: {Move.PAID: Stage.PAID, Move.SEEN_AGAIN: Stage.WAITING},
    Stage.PAID: {Move.BEGUN: Stage.PRINTING, Move.LISTED: Stage.LISTED, Move.TAKEN_BACK: Stage.LAPSED},
    Stage.LISTED: {Move.CALLED_FOR: Stage.PAID, Move.TAKEN_BACK: Stage.LAPSED},
    Stage.PRINTING: {
        Move.PROVED: Stage.PRINTED,
        Move.UNPROVED: Stage.UNCONFIRMED,
        Move.INTERRUPTED: Stage.PAID,
        Move.REFUSED: Stage.PAID,
    },
    Stage.PRINTED: {Move.REPRINT: Stage.PAID},
    Stage.UNCONFIRMED: {Move.REPRINT: Stage.PAID},
}
"""The whole life of an order. ARCHITECTURE.md's diagram is drawn from this table."""

FINISHED = frozenset({Stage.CANCELLED, Stage.LAPSED, Stage.PRINTED, Stage.UNCONFIRMED})


class IllegalMove(Exception):
    """A bug: the table has no such move. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Order:
    """What we remember of one `external_reference`, the shop's own name of a sale; one row of the journal.

    Made when the order is first seen on the till, or first read as paid. Changed by a `Move`, and by what readings add.
    """

    reference: str
    stage: Stage = Stage.WAITING
    on_our_till: bool = False
    """We saw it loaded on our till, so that its place needs no further proof."""
    reading: MerchantOrder | None = None
    """The reading that said "paid"; the ticket is printed from it."""
    also_paid: tuple[str, ...] = ()
    """Further merchant orders of this reference that were paid as well."""
    banners: tuple[Banner, ...] = ()
    wanted_by_person: bool = False
    """A person asked for this ticket, so it is not put on a list of tickets that wait."""
    first_finished_at: datetime | None = None
    """By Mercado Pago's clock; None while it has never been finished."""
    handle: str = ""
    """Mercado Pago's id of the order on our till, where it gives one; else the till is asked by the reference."""

    @property
    def paid_by(self) -> tuple[str, ...]:
        """The merchant orders of this reference that were paid: one, as a rule."""
        return (self.reading.id, *self.also_paid) if self.reading else ()

    @property
    def payments(self) -> tuple[str, ...]:
        """The payments that its ticket is for."""
        return tuple(payment.id for payment in self.reading.approved) if self.reading else ()

    @property
    def is_reprint(self) -> bool:
        """A person wants another ticket of an order that had one, whatever became of the money."""
        return self.wanted_by_person and self.first_finished_at is not None

    def moved(self, move: Move) -> "Order":
        """The order after `move`. Raises `IllegalMove`."""
        if move not in LIFE[self.stage]:
            raise IllegalMove(f"{self.reference} is {self.stage}: no way to '{move}' from there")
        return replace(self, stage=LIFE[self.stage][move])

    def with_banner(self, banner: Banner) -> "Order":
        return self if banner in self.banners else replace(self, banners=(*self.banners, banner))
