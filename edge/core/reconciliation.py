"""The end of a day: what was sold here, held against what Mercado Pago lists for our point of sale. Pure.

Payments are compared one by one, for sums may agree by chance. What the list names and the till doesn't know is looked
up before anything is called missing, and what is too young to be missing is on its way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext

from edge.core import duties, events
from edge.core.day_report import Day, Entry, Received, Sum, total
from edge.core.evidence import NO_ORDER
from edge.core.lifecycle import FINISHED, Order, Stage
from edge.core.order import EXACT, NEVER, MerchantOrder, Verdict
from edge.core.state import Till

Lookup = duties.Verify | duties.ReadPayment
YOUNG = timedelta(minutes=5)
"""A payment that was approved so lately may still get its ticket, or its place in Mercado Pago's list."""
ROUND_S = 2.0
MAX_ROUNDS = 15
"""Half a minute; what has no answer by then has none for the slip."""
MAX_LOOKUPS = 40
"""In one round: what one burst of questions may cost."""
MAY_PASS = frozenset({"not_found", Verdict.NOT_COVERED})
"""Rejections of an order that Mercado Pago may be late with."""


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
    stray = tuple(each for each in read.payments if not each.placed and not _paid_here(till, each))
    apart = tuple(each for each in read.payments if each not in stray and _is_another_devices(till, each))
    read = replace(read, payments=tuple(each for each in read.payments if each not in (*stray, *apart)))
    if duty.rounds < MAX_ROUNDS and (lookups := _lookups(till, duty, read)):
        return _look_up_first(till, duty, lookups, now)
    day = summarize(till, duty, read, now)
    day = replace(day, no_place=tuple(map(_entry, stray)), no_order=_sum(_of_the_day(duty, apart)))
    slip = duties.PrintDay(day)
    printer = till.printer
    for other in printer.slips:
        if isinstance(other, duties.PrintDay) and other.day.on == slip.day.on:
            printer = printer.without_slip(other)
    return replace(till, printer=printer.owe(slip))


def _paid_here(till: Till, payment: Received) -> bool:
    """Whether a payment paid an order of ours, whatever the list says of its place."""
    order = till.orders.paid_with(payment.merchant_order)
    return order is not None and order.reading is not None


def _is_another_devices(till: Till, payment: Received) -> bool:
    """Whether it was looked up, has no order, and is to be ignored for that."""
    is_orderless = till.evidence.rejections.get(duties.ReadPayment(payment.id)) == NO_ORDER
    return till.settings.ignore_orderless and is_orderless and not payment.merchant_order


def _look_up_first(till: Till, duty: duties.ReadDay, lookups: list[Lookup], now: float) -> Till:
    """Ask for what the list shows and the till doesn't know, or the other way round; then read the list again."""
    for lookup in lookups[:MAX_LOOKUPS]:
        till = till if lookup in till.agenda.due else till.owe(lookup, now, urgent=True)
    return till.owe(replace(duty, rounds=duty.rounds + 1), now + ROUND_S)


def _lookups(till: Till, span: duties.ReadDay, read: events.DayRead) -> list[Lookup]:
    """The questions whose answers may still change the slip. None about times unknown to us: old sales would print."""
    begin = till.history.complete_since or NEVER
    unknown = [each for each in _unknown(till, _listed(span, read)) if each.approved_at >= begin]
    lookups = [_lookup(each) for each in unknown if not _is_decided(till, each)]
    if span.rounds == 0:
        lookups += [duties.Verify(reading.id) for reading in _young_and_unlisted(till, span, read)]
    return lookups


def _lookup(payment: Received) -> Lookup:
    return duties.Verify(payment.merchant_order) if payment.merchant_order else duties.ReadPayment(payment.id)


def _is_decided(till: Till, payment: Received) -> bool:
    """Whether the till knows that this payment gets no ticket: it is a second one, or was rejected for good."""
    reason = till.evidence.rejections.get(_lookup(payment))
    is_extra = till.orders.paid_with(payment.merchant_order) is not None
    return is_extra or (reason is not None and reason not in MAY_PASS)


# --- what it came to -----------------------------------------------------------------------------------------------

Sale = tuple[Order, MerchantOrder]
"""An order, and the reading that said that it is paid."""


def summarize(till: Till, span: duties.ReadDay, read: events.DayRead, now: float) -> Day:
    """What the day came to, by our tickets and by Mercado Pago's list."""
    sales = sorted(_sales(till), key=lambda sale: (_moment(sale[0]), sale[0].reference))
    done = [sale for sale in sales if _has_ticket(sale[0])]
    listed = _listed(span, read)
    unknown = _unknown(till, listed)
    on_the_way = [each for each in unknown if _is_on_its_way(till, each, read.at)]
    unlisted = {each.id for each in _young_and_unlisted(till, span, read) if till.evidence.is_confirmed(each.id, now)}
    today = [(order, reading) for order, reading in done if span.covers(_moment(order))]
    complete_since = till.history.complete_since
    return Day(
        on=span.begin.date(),
        asked_at=read.at,
        tickets=total(len(today), ((reading.currency, reading.received) for _, reading in today)),
        unconfirmed=sum(order.stage is Stage.UNCONFIRMED for order, _ in today),
        waiting=tuple(_waiting(sales, span)),
        cancelled=_cancelled(till, span),
        listed=_sum(listed.values()),
        without_ticket=tuple(_entry(each) for each in unknown if each not in on_the_way),
        without_money=tuple(_without_money((sale for sale in done if sale[1].id not in unlisted), span, listed)),
        on_the_way=tuple(map(_entry, on_the_way)),
        not_listed_yet=tuple(_without_money((sale for sale in done if sale[1].id in unlisted), span, listed)),
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


def _listed(span: duties.ReadDay, read: events.DayRead) -> dict[str, Received]:
    """What Mercado Pago lists of this day, by the payments' ids."""
    return {each.id: each for each in _of_the_day(span, read.payments)}


def _of_the_day(span: duties.ReadDay, payments: Iterable[Received]) -> Iterator[Received]:
    return (each for each in payments if span.covers(each.approved_at) and each.amount > 0)


def _unknown(till: Till, listed: Mapping[str, Received]) -> list[Received]:
    """Payments that are in no sale of ours."""
    ours = frozenset(payment.id for _, reading in _sales(till) for payment in reading.approved)
    return [each for each in listed.values() if each.id not in ours]


def _is_on_its_way(till: Till, payment: Received, at: datetime) -> bool:
    """Whether its ticket may still come: it is young, or being looked up."""
    lookups = (duties.Verify(payment.merchant_order), duties.ReadPayment(payment.id))
    is_looked_up = any(duty in till.agenda.due for duty in lookups)
    return not _is_decided(till, payment) and (is_looked_up or payment.approved_at > at - YOUNG)


def _young_and_unlisted(till: Till, span: duties.ReadDay, read: events.DayRead) -> Iterator[MerchantOrder]:
    """Sales of this moment that have their ticket, and of which Mercado Pago's list lacks a payment."""
    listed = _listed(span, read)
    for order, reading in _sales(till):
        lacks = any(payment.id not in listed for payment in reading.approved)
        if lacks and _has_ticket(order) and span.covers(_moment(order)) and _moment(order) > read.at - YOUNG:
            yield reading


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
