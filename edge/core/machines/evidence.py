"""What Mercado Pago has said about money: where it was paid, when it was last confirmed, what was rejected. Pure.

An old reading is never judged: what has to wait for the place of its payment is read afresh when the place is known.
Nothing here is kept over a restart, for Mercado Pago can be asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.core.duties import ReadPayment, Verify
from edge.core.lifecycle import Order
from edge.core.maps import remember, without
from edge.core.order import Account, MerchantOrder, Verdict, unplaced, verdict

MAX_AGE_S = 60.0
"""What was read longer ago is read again before its ticket is printed, for money goes back, too."""

Source = Verify | ReadPayment
"""What was looked up: a merchant order or a payment."""


@dataclass(frozen=True)
class Evidence:
    """Collected from Mercado Pago's answers; asked before a ticket is owed, and again before it is printed."""

    pos_by_payment: Mapping[str, str] = field(default_factory=dict)
    """Payment id -> the id of the point of sale where it was made; "" where Mercado Pago names none."""
    awaiting_pos: Mapping[str, MerchantOrder] = field(default_factory=dict)
    """Merchant order id -> a reading that can't be judged before we know where its payment was made."""
    confirmed_at: Mapping[str, float] = field(default_factory=dict)
    """Merchant order id -> when Mercado Pago last said that it is paid."""
    insisted: frozenset[str] = frozenset()
    """Merchant orders whose ticket a person wants although Mercado Pago can't confirm them any more."""
    rejections: Mapping[Source, str] = field(default_factory=dict)
    """What was rejected, and why, so that it is reported once."""
    paid_twice: Mapping[str, bool] = field(default_factory=dict)
    """Merchant orders that were reported as paid twice."""
    first_heard_at: Mapping[str, float] = field(default_factory=dict)
    """Merchant order id -> when the first news of it came, until its ticket is out."""

    def verdict(self, reading: MerchantOrder, account: Account, order: Order | None) -> Verdict:
        return verdict(reading, account, order is not None and order.on_our_till, self.pos_by_payment)

    def place(self, payment: str, pos_id: str) -> "Evidence":
        """It is known now where a payment was made."""
        return replace(self, pos_by_payment=remember(self.pos_by_payment, payment, pos_id))

    def await_pos(self, reading: MerchantOrder) -> "Evidence":
        return replace(self, awaiting_pos=remember(self.awaiting_pos, reading.id, reading))

    def without_waiting(self, merchant_order: str) -> "Evidence":
        """A newer reading replaces the one that waits."""
        return replace(self, awaiting_pos=without(self.awaiting_pos, merchant_order))

    def waiting_for(self, payment: str) -> tuple[MerchantOrder, ...]:
        """The readings that wait for the place of this payment."""
        return tuple(reading for reading in self.awaiting_pos.values() if payment in unplaced(reading, {}))

    def unplaced(self, reading: MerchantOrder) -> tuple[str, ...]:
        """The approved payments of a reading whose place is still to be asked for."""
        return unplaced(reading, self.pos_by_payment)

    def confirm(self, merchant_order: str, now: float) -> "Evidence":
        """Mercado Pago says that it is paid."""
        return replace(self, confirmed_at=remember(self.confirmed_at, merchant_order, now))

    def doubt(self, merchant_order: str) -> "Evidence":
        """Mercado Pago doesn't say so any more, or it was too long ago."""
        return replace(self, confirmed_at=without(self.confirmed_at, merchant_order))

    def insist(self, merchant_order: str) -> "Evidence":
        return replace(self, insisted=self.insisted | {merchant_order})

    def no_longer_insist(self, *merchant_orders: str) -> "Evidence":
        return replace(self, insisted=self.insisted - set(merchant_orders))

    def is_stale(self, order: Order, now: float) -> bool:
        """Whether a paid order must be read again before its ticket. A copy that a person wants needs none."""
        merchant_order = order.paid_by[0]
        if order.is_reprint or merchant_order in self.insisted:
            return False
        confirmed_at = self.confirmed_at.get(merchant_order)
        return confirmed_at is None or now - confirmed_at > MAX_AGE_S

    def reject(self, source: Source, reason: str) -> "Evidence":
        return replace(self, rejections=remember(self.rejections, source, reason))

    def rejected(self, merchant_order: str) -> str | None:
        """Why a merchant order was last rejected; None if it wasn't."""
        return self.rejections.get(Verify(merchant_order))

    def note_paid_twice(self, merchant_order: str) -> "Evidence":
        return replace(self, paid_twice=remember(self.paid_twice, merchant_order, True))

    def note_news(self, merchant_order: str, heard_at: float) -> "Evidence":
        """The time from the doorbell to the paper is measured from here."""
        if merchant_order in self.first_heard_at:
            return self
        return replace(self, first_heard_at=remember(self.first_heard_at, merchant_order, heard_at))

    def forget_news(self, merchant_orders: tuple[str, ...]) -> "Evidence":
        return replace(self, first_heard_at=without(self.first_heard_at, *merchant_orders))
