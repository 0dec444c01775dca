"""What `till-edge orders` shows: each order with what a person must look at, and the concerns that have no order."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.lifecycle import Order
from edge.core.notices import Notice, Notices
from edge.core.order import NEVER, Payment
from edge.mercadopago.new_order import format_amount

SEEN = "seen"
"""The slip is on paper, and somebody has pressed the button since."""


@dataclass(frozen=True)
class Shown:
    """A notice, and how far it has come: the stage of its slip, or `SEEN`."""

    notice: Notice
    stage: str

    @property
    def when(self) -> datetime | None:
        return max((payment.date_approved for payment in self.notice.payments if payment.date_approved), default=None)


@dataclass(frozen=True)
class View:
    """What is shown, oldest first. Made from the journal, for one day or all, and cut to a limit."""

    orders: Sequence[Order]
    concerns: Sequence[Shown]
    """All of those whose order is shown, or that have none."""
    timezone: ZoneInfo

    @classmethod
    def of(
        cls, orders: Iterable[Order], notices: Notices, timezone: ZoneInfo, day: date | None, limit: int | None
    ) -> "View":
        """Of a day: what was paid on it, or finished unpaid. A concern that no date is known of is shown while open."""
        every = list(orders)
        known = {order.reference for order in every}
        kept = [order for order in every if day is None or _is_on(_moment(order), day, timezone)]
        kept = kept[max(0, len(kept) - limit) :] if limit is not None else kept
        shown = {order.reference for order in kept}
        concerns = [
            each
            for each in _all(notices)
            if each.notice.reference in shown
            or (each.notice.reference not in known and (day is None or _is_of(each, day, timezone)))
        ]
        return cls(kept, concerns, timezone)

    def table(self) -> Iterator[str]:
        """The lines of the table."""
        yield f"{'paid':19}  {'stage':11}  {'total':>16}  reference"
        for order in self.orders:
            marks = [*order.banners, *(f"! {each.notice.concern} ({each.stage})" for each in self._about(order))]
            yield self._row(_paid_at(order), order.stage, _total(order), order.reference, *marks)
        if alone := self._alone:
            yield ""
            yield "to look at, without an order here (`reference` is an operation number, where there is one):"
        for each in alone:
            amount = " + ".join(map(_amount, each.notice.payments)) or "-"
            reason = [each.notice.reason] if each.notice.reason else []
            yield self._row(each.when, each.stage, amount, each.notice.reference, f"! {each.notice.concern}", *reason)

    def as_json(self) -> str:
        """The same for machines; amounts are strings, as exact as Mercado Pago's."""
        orders = [
            {**_order(order), "concerns": [_concern(each) for each in self._about(order)]} for order in self.orders
        ]
        return json.dumps({"v": 1, "orders": orders, "concerns": [_concern(each) for each in self._alone]}, indent=1)

    def _about(self, order: Order) -> list[Shown]:
        return [each for each in self.concerns if each.notice.reference == order.reference]

    @property
    def _alone(self) -> list[Shown]:
        shown = {order.reference for order in self.orders}
        return [each for each in self.concerns if each.notice.reference not in shown]

    def _row(self, when: datetime | None, stage: str, amount: str, reference: str, *marks: str) -> str:
        dated = f"{when.astimezone(self.timezone):%Y-%m-%d %H:%M:%S}" if when else "-"
        return f"{dated:19}  {stage:11}  {amount:>16}  {reference}  {' '.join(marks)}".rstrip()


def _all(notices: Notices) -> Iterator[Shown]:
    yield from (Shown(notice, SEEN) for notice in notices.seen)
    yield from (Shown(notice, telling.stage.value) for notice, telling in notices.open.items())


def _paid_at(order: Order) -> datetime | None:
    return order.reading.paid_at if order.reading and order.reading.paid_at > NEVER else None


def _moment(order: Order) -> datetime | None:
    return _paid_at(order) or order.first_finished_at


def _is_on(moment: datetime | None, day: date, timezone: ZoneInfo) -> bool:
    return moment is not None and moment.astimezone(timezone).date() == day


def _is_of(each: Shown, day: date, timezone: ZoneInfo) -> bool:
    return _is_on(each.when, day, timezone) if each.when else each.stage != SEEN


def _total(order: Order) -> str:
    return (
        f"{format_amount(order.reading.total, order.reading.currency)} {order.reading.currency}"
        if order.reading
        else "-"
    )


def _amount(payment: Payment) -> str:
    return f"{format_amount(payment.amount, payment.currency)} {payment.currency}"


def _order(order: Order) -> dict[str, Any]:
    paid_at, reading = _paid_at(order), order.reading
    return {
        "external_reference": order.reference,
        "stage": order.stage.value,
        "paid_at": paid_at.isoformat() if paid_at else None,
        "total": str(reading.total) if reading else None,
        "currency": reading.currency if reading else None,
        "operations": [_payment(payment) for payment in (reading.approved if reading else ())],
        "banners": [banner.value for banner in order.banners],
    }


def _concern(each: Shown) -> dict[str, Any]:
    notice = each.notice
    operations = [_payment(payment) for payment in notice.payments]
    named = {"concern": notice.concern.value, "reference": notice.reference, "reason": notice.reason}
    return {**named, "slip": each.stage, "operations": operations}


def _payment(payment: Payment) -> dict[str, Any]:
    approved_at = payment.date_approved
    return {
        "id": payment.id,
        "status": payment.status,
        "amount": str(payment.amount),
        "refunded": str(payment.refunded),
        "currency": payment.currency,
        "approved_at": approved_at.isoformat() if approved_at else None,
    }
