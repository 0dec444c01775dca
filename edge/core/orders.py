"""The orders that the till knows, and how one is found: by its reference, or by what paid it. Pure.

Finished orders are remembered so that late and repeated news of them do no harm. There may be a hundred thousand, so
nothing here walks through them except the end of a day and the forgetting.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from edge.core.lifecycle import FINISHED, Order, Stage
from edge.core.maps import Shelf, without
from edge.core.order import MerchantOrder


@dataclass(frozen=True)
class Orders:
    """All orders, each under the shop's reference. The journal keeps one row for each."""

    living: Mapping[str, Order] = field(default_factory=dict)
    finished: Shelf[str, Order] = field(default_factory=Shelf)
    paid_by: Shelf[str, str] = field(default_factory=Shelf)
    """Index: the id of a merchant order that paid -> the reference that it paid."""
    payments: Shelf[str, str] = field(default_factory=Shelf)
    """Index: the id of a payment -> the reference whose ticket is for it."""

    @classmethod
    def of(cls, orders: Iterable[Order]) -> "Orders":
        """The collection of these orders, as the journal gives them at a start."""
        known = {order.reference: order for order in orders}
        return cls(
            living={name: order for name, order in known.items() if order.stage not in FINISHED},
            finished=Shelf({name: order for name, order in known.items() if order.stage in FINISHED}),
            paid_by=Shelf({paid: name for name, order in known.items() for paid in order.paid_by}),
            payments=Shelf({payment: name for name, order in known.items() for payment in order.payments}),
        )

    def __iter__(self) -> Iterator[Order]:
        """All of them, the living ones last."""
        yield from self.finished.values()
        yield from self.living.values()

    def get(self, reference: str | None) -> Order | None:
        """The order of this reference, finished or not."""
        return self.living.get(reference or "") or self.finished.get(reference or "")

    def paid_with(self, merchant_order: str) -> Order | None:
        """The order that this merchant order paid."""
        return self.get(self.paid_by.get(merchant_order))

    def with_payment(self, payment: str) -> Order | None:
        """The order whose ticket is for this payment."""
        return self.get(self.payments.get(payment))

    def about(self, reading: MerchantOrder) -> Order | None:
        """The order that a reading is about: the one that it paid, even if Mercado Pago has renamed it since."""
        return self.paid_with(reading.id) or self.get(reading.reference)

    def in_stage(self, *stages: Stage) -> list[Order]:
        """The living orders in one of these stages, oldest first."""
        return [order for order in self.living.values() if order.stage in stages]

    @property
    def unprinted(self) -> list[Order]:
        """Orders that are owed their ticket and wait for no person."""
        return self.in_stage(Stage.PAID)

    @property
    def under_way(self) -> Order | None:
        """The order whose ticket is being printed."""
        return next(iter(self.in_stage(Stage.PRINTING)), None)

    def put(self, order: Order, today: datetime | None) -> "Orders":
        """File an order under the living or the finished; one that finishes for the first time gets `today`'s date."""
        reference, before = order.reference, self.get(order.reference)
        filed = replace(
            self,
            paid_by=_reindexed(self.paid_by, before.paid_by if before else (), order.paid_by, reference),
            payments=_reindexed(self.payments, before.payments if before else (), order.payments, reference),
        )
        if order.stage in FINISHED:
            order = replace(order, first_finished_at=order.first_finished_at or today)
            return replace(filed, living=without(self.living, reference), finished=self.finished.put(reference, order))
        return replace(filed, living={**self.living, reference: order}, finished=self.finished.drop(reference))

    def forget(self, horizon: datetime) -> tuple["Orders", datetime | None]:
        """Let go of what was finished before `horizon`.

        Returns what is left, and a moment after the last payment that was forgotten; None if nothing was.
        """
        old = [each for each in self.finished.values() if each.first_finished_at and each.first_finished_at < horizon]
        if not old:
            return self, None
        finished, paid_by, payments = self.finished, self.paid_by, self.payments
        for order in old:
            finished = finished.drop(order.reference)
            paid_by = _reindexed(paid_by, order.paid_by, (), order.reference)
            payments = _reindexed(payments, order.payments, (), order.reference)
        paid_at = [order.reading.paid_at + timedelta.resolution for order in old if order.reading]
        return replace(self, finished=finished, paid_by=paid_by, payments=payments), max([horizon, *paid_at])

    def changes_since(self, before: "Orders") -> Iterator[Order]:
        """The orders that are not as they were."""
        if self.living is not before.living:
            yield from (each for name, each in self.living.items() if each is not before.living.get(name))
        yield from (order for _, order in self.finished.changes_since(before.finished))

    def forgotten_since(self, before: "Orders") -> Iterator[str]:
        """The references that are known no more."""
        return (name for name in self.finished.dropped_since(before.finished) if name not in self.living)


def _reindexed(
    index: Shelf[str, str], before: tuple[str, ...], after: tuple[str, ...], reference: str
) -> Shelf[str, str]:
    """The index in which these names, and not those before, lead to the reference."""
    if before == after:
        return index
    for gone in before:
        index = index.drop(gone)
    for name in after:
        index = index.put(name, reference)
    return index
