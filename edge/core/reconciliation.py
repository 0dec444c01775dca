"""The end of a day: what was sold here, held against what Mercado Pago lists for our point of sale. Pure.

Payments are compared one by one, for sums may agree by chance. What one side has and the other lacks is named on the
slip and changes nothing else: the sweeps bring every ticket that is due.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext

from edge.core import duties, events
from edge.core.day_report import Day, Entry, Received, Sum, total
from edge.core.lifecycle import FINISHED, Order, Stage
from edge.core.order import EXACT, NEVER, MerchantOrder
from edge.core.state import Till


def ask_day(till: Till, day: date, now: float) -> Till:
    """Somebody wants the slip of this day: ask Mercado Pago first. It is no ticket: a power cut may take the wish."""
    begin, end = (datetime.combine(each, time.min, till.settings.timezone) for each in (day, day + timedelta(days=1)))
    return till.owe(duties.ReadDay(begin, end), now)


def today(till: Till, now: float) -> date | None:
    """Today by the shop's calendar and Mercado Pago's clock; None if we have not heard it since the start."""
    moment = till.date(now) if till.swept_at > float("-inf") else None
    return moment.astimezone(till.settings.timezone).date() if moment else None


def being_closed(till: Till) -> bool:
    """Whether the slip of some day is on its way."""
    asked = any(isinstance(duty, duties.ReadDay) for duty in till.agenda)
    return asked or any(isinstance(slip, duties.PrintDay) for slip in till.slips)


def take_day(till: Till, duty: duties.ReadDay, read: events.DayRead, now: float) -> Till:
    """Ask for the rest of the list, or owe the slip, which replaces one of the same day that still waits for paper."""
    if read.reached:
        return till.owe(replace(duty, since=read.reached, so_far=read.payments), now)
    slip = duties.PrintDay(summarize(till, duty, read))
    others = (other for other in till.slips if not (isinstance(other, duties.PrintDay) and other.day.on == slip.day.on))
    return replace(till, slips=(*others, slip))


# --- what it came to -----------------------------------------------------------------------------------------------

Sale = tuple[Order, MerchantOrder]
"""An order, and the reading that said that it is paid."""


def summarize(till: Till, span: duties.ReadDay, read: events.DayRead) -> Day:
    """What the day came to, by our tickets and by Mercado Pago's list."""
    sales = [(order, order.reading) for order in (*till.past.values(), *till.orders.values()) if order.reading]
    done = [sale for sale in sales if _has_ticket(sale[0])]
    listed = {each.id: each for each in read.payments if span.covers(each.approved_at) and each.amount > 0}
    ours = _payments(sales)
    unknown = [each for each in listed.values() if each.id not in ours]
    young = [each for each in unknown if _looked_into(till, each)]
    today = [(order, reading) for order, reading in done if span.covers(_moment(order))]
    return Day(
        on=span.begin.date(),
        asked_at=read.at,
        tickets=total(len(today), ((reading.currency, reading.received) for _, reading in today)),
        unconfirmed=sum(order.stage is Stage.UNCONFIRMED for order, _ in today),
        waiting=(*_waiting(sales, span), *map(_entry, young)),
        cancelled=sum(order.stage is Stage.CANCELLED and span.covers(_moment(order)) for order in till.past.values()),
        listed=_sum(listed.values()),
        without_ticket=tuple(_entry(each) for each in unknown if each not in young),
        without_money=tuple(_without_money(done, span, listed)),
        unknown_before=till.known_since if till.known_since and till.known_since > span.begin else None,
        site=next((reading.site for _, reading in sales), ""),
    )


def _has_ticket(order: Order) -> bool:
    """Also while a copy of it is printed."""
    return order.stage in FINISHED or order.filed_at is not None


def _moment(order: Order) -> datetime:
    """When it was paid; where that is not known, or it was not, when it was finished."""
    paid_at = order.reading.paid_at if order.reading else NEVER
    return paid_at if paid_at > NEVER else order.filed_at or NEVER


def _waiting(sales: Iterable[Sale], span: duties.ReadDay) -> Iterator[Entry]:
    for order, reading in sales:
        if not _has_ticket(order) and span.covers(_moment(order)):
            yield Entry(order.reference, reading.received, reading.currency)


def _payments(sales: Iterable[Sale]) -> frozenset[str]:
    return frozenset(payment.id for _, reading in sales for payment in reading.approved)


def _looked_into(till: Till, payment: Received) -> bool:
    """It came while Mercado Pago was asked, and has its ticket in a moment."""
    return duties.Verify(payment.merchant_order) in till.agenda or duties.ReadPayment(payment.id) in till.agenda


def _entry(payment: Received) -> Entry:
    return Entry(payment.id, payment.amount, payment.currency)


def _sum(payments: Iterable[Received]) -> Sum:
    listed = tuple(payments)
    return total(len({each.sale for each in listed}), ((each.currency, each.amount) for each in listed))


def _without_money(done: Iterable[Sale], span: duties.ReadDay, listed: Mapping[str, Received]) -> Iterator[Entry]:
    """What a ticket was printed for and Mercado Pago doesn't list, or not in full: refunded since, as a rule."""
    for order, reading in done:
        for payment in reading.approved:
            there = listed[payment.id].amount if payment.id in listed else Decimal(0)
            with localcontext(EXACT):
                missing = payment.left - there
            if missing > 0 and span.covers(payment.date_approved or _moment(order)):
                yield Entry(order.reference, missing, payment.currency)
