"""The end of a day: what was sold here, held against what Mercado Pago lists for our point of sale. Pure.

Payments are compared one by one, for sums may agree by chance. A difference is named on the slip and changes nothing
else: the sweeps bring every ticket that is due.
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
    """Somebody wants the slip of this day: ask Mercado Pago first. A power cut may take the request."""
    begin, end = (datetime.combine(each, time.min, till.settings.timezone) for each in (day, day + timedelta(days=1)))
    return till.owe(duties.ReadDay(begin, end), now)


def is_closing(till: Till) -> bool:
    """Whether the slip of some day is on its way."""
    asked = any(isinstance(duty, duties.ReadDay) for duty in till.agenda.due)
    return asked or any(isinstance(slip, duties.PrintDay) for slip in till.printer.slips)


def on_day_read(till: Till, duty: duties.ReadDay, read: events.DayRead, now: float) -> Till:
    """Ask for the rest of the list, or owe the slip; it replaces one of the same day that still waits for paper."""
    if read.reached:
        return till.owe(replace(duty, since=read.reached, so_far=read.payments), now)
    slip = duties.PrintDay(summarize(till, duty, read))
    printer = till.printer
    for other in printer.slips:
        if isinstance(other, duties.PrintDay) and other.day.on == slip.day.on:
            printer = printer.without_slip(other)
    return replace(till, printer=printer.owe(slip))


# --- what it came to -----------------------------------------------------------------------------------------------

Sale = tuple[Order, MerchantOrder]
"""An order, and the reading that said that it is paid."""


def summarize(till: Till, span: duties.ReadDay, read: events.DayRead) -> Day:
    """What the day came to, by our tickets and by Mercado Pago's list."""
    sales = sorted(_sales(till), key=lambda sale: (_moment(sale[0]), sale[0].reference))
    done = [sale for sale in sales if _has_ticket(sale[0])]
    listed = {each.id: each for each in read.payments if span.covers(each.approved_at) and each.amount > 0}
    ours = _payments(sales)
    unknown = [each for each in listed.values() if each.id not in ours]
    young = [each for each in unknown if _is_looked_up(till, each)]
    today = [(order, reading) for order, reading in done if span.covers(_moment(order))]
    complete_since = till.history.complete_since
    return Day(
        on=span.begin.date(),
        asked_at=read.at,
        tickets=total(len(today), ((reading.currency, reading.received) for _, reading in today)),
        unconfirmed=sum(order.stage is Stage.UNCONFIRMED for order, _ in today),
        waiting=(*_waiting(sales, span), *map(_entry, young)),
        cancelled=_cancelled(till, span),
        listed=_sum(listed.values()),
        without_ticket=tuple(_entry(each) for each in unknown if each not in young),
        without_money=tuple(_without_money(done, span, listed)),
        unknown_before=complete_since if complete_since and complete_since > span.begin else None,
        site=next((reading.site for _, reading in sales), ""),
    )


def _sales(till: Till) -> list[Sale]:
    return [(order, order.reading) for order in till.orders if order.reading]


def _cancelled(till: Till, span: duties.ReadDay) -> int:
    finished = till.orders.finished.values()
    return sum(order.stage is Stage.CANCELLED and span.covers(_moment(order)) for order in finished)


def _has_ticket(order: Order) -> bool:
    """Also while a copy of it is printed."""
    return order.stage in FINISHED or order.first_finished_at is not None


def _moment(order: Order) -> datetime:
    """When it was paid; if that isn't known, or it was not, when it was finished."""
    paid_at = order.reading.paid_at if order.reading else NEVER
    return paid_at if paid_at > NEVER else order.first_finished_at or NEVER


def _waiting(sales: Iterable[Sale], span: duties.ReadDay) -> Iterator[Entry]:
    for order, reading in sales:
        if not _has_ticket(order) and span.covers(_moment(order)):
            yield Entry(order.reference, reading.received, reading.currency)


def _payments(sales: Iterable[Sale]) -> frozenset[str]:
    return frozenset(payment.id for _, reading in sales for payment in reading.approved)


def _is_looked_up(till: Till, payment: Received) -> bool:
    """It came while Mercado Pago was asked, and has its ticket in a moment."""
    lookups = (duties.Verify(payment.merchant_order), duties.ReadPayment(payment.id))
    return any(duty in till.agenda.due for duty in lookups)


def _entry(payment: Received) -> Entry:
    return Entry(payment.id, payment.amount, payment.currency)


def _sum(payments: Iterable[Received]) -> Sum:
    listed = tuple(payments)
    return total(len({each.sale for each in listed}), ((each.currency, each.amount) for each in listed))


def _without_money(done: Iterable[Sale], span: duties.ReadDay, listed: Mapping[str, Received]) -> Iterator[Entry]:
    """Money that a ticket was printed for and Mercado Pago doesn't list, or not in full: as a rule, refunded since."""
    for order, reading in done:
        for payment in reading.approved:
            there = listed[payment.id].amount if payment.id in listed else Decimal(0)
            with localcontext(EXACT):
                missing = payment.left - there
            if missing > 0 and span.covers(payment.date_approved or _moment(order)):
                yield Entry(order.reference, missing, payment.currency)
