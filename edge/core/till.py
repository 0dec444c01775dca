"""The till: what a fact teaches it, and what it therefore owes. Pure: no clock, no I/O, no thread, no library.

`learn(till, event, now)` is the till after a fact; what a reading of an order teaches is `sale.py`. `payment_duty`,
`printing.printer_duty` and `links.report_duty` say what is owed now to Mercado Pago, the printer and the relay. Nothing
is emitted, so nothing can be lost: retry, going on after paper, recovery after a power cut and polling are the same
question, asked again after each event.
`now` is in seconds of a clock that never jumps; dates are Mercado Pago's own.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from edge.core import button as buttons
from edge.core import duties, events
from edge.core import evidence as sale
from edge.core.button import Gesture
from edge.core.failures import NO_POS, watch
from edge.core.lifecycle import FINISHED, Move, Order, Stage
from edge.core.links import look_again, look_around, look_every, miss_echo, sweep, sweep_again, take_link_event
from edge.core.order import MerchantOrder, Verdict
from edge.core.printing import call_for_listed, read_old_again, reprint, take_printer_event, unprinted
from edge.core.reconciliation import ask_day, take_day
from edge.core.state import FIRST, ODD_TRIES, Api, Concern, Due, Till, back_off, remember, without

NOT_FOUND_TRIES = 5
"""The first notification may beat the readable resource by seconds; after some 15 s an id is called unknown."""
SETTLE = 10.0
"""An order absent from the till may have been paid: its merchant orders get so long to show up in a search."""
REFUSED_EVERY = 60.0
HOLD_COUNTS = 30.0
"""For so long a hold may still mean an order that we have not seen yet."""
DELETE_TRIES = 5
LOOKUP = 0.25
"""Seconds of Mercado Pago's patience that an id costs which somebody rang."""
PATIENCE = 10.0
"""So many of them may be used up at once."""
MOST_DOORBELLS = 100
"""When so many wait, a sweep answers for the others: it finds whatever was paid at our till."""
SWEEP_PAUSE = 5.0


# --- what is owed --------------------------------------------------------------------------------------------------


def payment_duty(till: Till, now: float) -> duties.PaymentDuty | None:
    """What we owe Mercado Pago now. A cashier who waits comes first, then whatever has been due longest."""
    if now < till.api.retry_at:
        return None
    may = [duty for duty, due in till.agenda.items() if due.at <= now and _may_ask(till, duty, now)]
    return min(may, key=lambda duty: (_rank(till, duty), till.agenda[duty].at), default=None)


def _rank(till: Till, duty: duties.PaymentDuty) -> int:
    """A cashier waits for a cancel, and for money that was seen; what others ring comes behind our own questions."""
    if isinstance(duty, duties.Cancel):
        return 0
    if till.agenda[duty].at == FIRST:
        return 1
    return 3 if _was_rung(duty) and not _is_for_a_ticket(till, duty) else 2


def _is_for_a_ticket(till: Till, duty: duties.PaymentDuty) -> bool:
    return any(duty == duties.Verify(order.paid_by[0]) for order in unprinted(till))


def _was_rung(duty: duties.PaymentDuty) -> bool:
    """Whether a doorbell may be behind it, and be it one of ten thousand."""
    return isinstance(duty, duties.Verify | duties.ReadPayment)


def _may_ask(till: Till, duty: duties.PaymentDuty, now: float) -> bool:
    if not till.pos_id:  # without it no payment can be placed, and a ticket might be another till's
        return isinstance(duty, duties.FindPos)
    if till.known_since is None:  # without it no ticket can be told from a copy
        return isinstance(duty, duties.FindPos | duties.Sweep)
    return not _was_rung(duty) or till.lookups - now < PATIENCE


# --- what a fact teaches -------------------------------------------------------------------------------------------


def learn(till: Till, event: events.Event, now: float) -> Till:
    """The till after `event`."""
    match event:
        case events.Ticked():
            pass
        case events.Started():
            till = _start(till, event, now)
        case events.Asked(duty):
            till = _ask(till, duty, now)
        case events.Answered(duty, answer):
            till = _take_answer(till, duty, answer, now)
        case events.DoorbellRang():
            till = _ring(till, event, now)
        case events.ButtonDown(at):
            till = replace(till, button=buttons.edge(till.button, True, now if at is None else at))
        case events.ButtonUp(at):
            till = replace(till, button=buttons.edge(till.button, False, now if at is None else at))
        case events.ReprintAsked(reference):
            till = reprint(till, reference)
        case events.DayAsked(day):
            till = ask_day(till, day, now)
        case events.JournalTried(why):
            till = replace(till, journal_why=why)
        case _ if isinstance(event, events.PrinterEvent):
            till = take_printer_event(till, event, now)
        case _:
            till = take_link_event(till, event, now)
    till = _feel_button(miss_echo(till, now), now)
    return watch(read_old_again(till, now), now)


def _start(till: Till, event: events.Started, now: float) -> Till:
    """Take up again what the journal says was under way."""
    till = replace(till, button=buttons.found(event.button_down, now)).owe(duties.FindPos(), now)
    for order in tuple(till.orders.values()):
        match order.stage:
            case Stage.WAITING:
                till = till.owe(duties.Search(order.reference), now)
            case Stage.CANCELLING:
                till = till.owe(duties.Cancel(order.reference), now)
            case Stage.PRINTING:
                till = till.put(order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY))
        if order.reading and till.known_since is None:  # the journal lacks commits, perhaps those of its ticket
            till = till.put(till.orders[order.reference].with_banner(duties.Banner.COPY))
    return look_around(till, now)


def _ring(till: Till, bell: events.DoorbellRang, now: float) -> Till:
    """A doorbell: go and look. Equal ones fall together."""
    if bell.kind not in events.RUNG or (bell.for_all and not _expects_money(till)):
        return till
    duty = events.RUNG[bell.kind](bell.id)
    due = till.agenda.get(duty)
    if due is None and sum(map(_was_rung, till.agenda)) >= MOST_DOORBELLS:
        return till.owe(sweep(till), max(now, till.swept_at + SWEEP_PAUSE)) if till.pos_id else till
    if due is None:
        return till.schedule(duty, Due(now, now, for_all=bell.for_all))
    due = replace(due, at=min(due.at, now), rung_again=True, for_all=due.for_all and bell.for_all)
    return till.schedule(duty, due)


def _expects_money(till: Till) -> bool:
    """Whether news that names no till may be ours; else each sale of a chain would be looked up by all its tills."""
    return bool(till.settings.reference_prefix) or any(isinstance(duty, duties.Search) for duty in till.agenda)


def _concerns(till: Till, reading: MerchantOrder) -> bool:
    """Whether a reading that was rung for all tills is about our sale."""
    prefix = till.settings.reference_prefix
    return till.order(reading.reference) is not None or bool(prefix and reading.reference.startswith(prefix))


def _ask(till: Till, duty: duties.PaymentDuty, now: float) -> Till:
    """The question is on its way; one that somebody rang for is paid from our share of Mercado Pago's patience."""
    if _was_rung(duty):
        till = replace(till, lookups=max(till.lookups, now) + LOOKUP)
    due = till.agenda.get(duty)  # a finger that was felt just now may have dropped it
    return till.schedule(duty, replace(due, rung_again=False)) if due else till


# --- what Mercado Pago answers -------------------------------------------------------------------------------------


def _take_answer(till: Till, duty: duties.PaymentDuty, answer: events.Answer, now: float) -> Till:
    if isinstance(answer, events.Unreachable):
        return _wait_for_api(till, duty, answer, now)
    due = till.agenda.get(duty) or Due(now, now)
    till = replace(till, api=Api()).drop(duty)
    match answer:
        case events.PosFound(pos_id):
            return look_around(replace(till, pos_id=pos_id), now)
        case events.MerchantOrderRead(reading) if due.for_all and not _concerns(till, reading):
            return _ring_again(till, duty, due, now)
        case events.MerchantOrderRead(reading):
            till = _note_news(till, reading, now if due.since == FIRST else due.since)
            till = sale.read(till, reading, now)
            till = _ask_again(till, duty, due, now) if sale.in_doubt(till, reading.id, now) else till
            return _ring_again(till, duty, due, now)
        case events.PaymentRead() if due.for_all and answer.pos_id != till.pos_id:
            return till  # it was made elsewhere, and if it was ours after all, the sweep finds it
        case events.PaymentRead(merchant_order="") if (
            not sale.waiting_for(till, answer.id) and due.missed < NOT_FOUND_TRIES
        ):
            return _ask_again(till, duty, due, now)
        case events.PaymentRead():
            return _ring_again(sale.place(till, answer), duty, due, now)
        case events.OrdersFound(reference, readings):
            return _keep_watching(sale.read_all(till, readings, now), reference, due, now)
        case events.TillSeen(reference):
            return _see_till(till, reference, now)
        case events.CancelTried():
            return _take_cancel(till, answer, due, now)
        case events.Swept():
            return _take_sweep(till, answer, now)
        case events.DayRead():
            assert isinstance(duty, duties.ReadDay)
            return take_day(till, duty, answer, now)
        case events.NotFound():
            return _miss(till, duty, due, now)


def _ring_again(till: Till, duty: duties.PaymentDuty, due: Due, now: float) -> Till:
    """A doorbell came while we were asking: what we heard may be older than the news."""
    return till.schedule(duty, Due(now, now, for_all=due.for_all)) if due.rung_again else till


def _note_news(till: Till, reading: MerchantOrder, heard: float) -> Till:
    """How long it takes from the doorbell to the paper is measured from here."""
    if reading.status != "closed" or reading.id in till.news:
        return till
    order = sale.told_of(till, reading)
    if order and reading.id in order.paid_by:
        return till
    return replace(till, news=remember(till.news, reading.id, heard))


def _ask_again(till: Till, duty: duties.PaymentDuty, due: Due, now: float) -> Till:
    """It may be too early to know."""
    later = replace(due, at=now + back_off(due.missed), missed=due.missed + 1, rung_again=False)
    return till.schedule(duty, later)


def _wait_for_api(till: Till, duty: duties.PaymentDuty, answer: events.Unreachable, now: float) -> Till:
    """Ask again later: this question by its own clock, and any other not before the line has had a rest."""
    pause = max(back_off(till.api.failures, answer.jitter), answer.retry_after)
    if answer.trouble is events.Trouble.REFUSED:
        pause = max(pause, REFUSED_EVERY)
    due = till.agenda.get(duty) or Due(now, now)
    if till.api.failures == 0:  # others were answered: it is this question
        due = due.later(now, answer.jitter)
        till = till.alarm(Concern.UNREADABLE, f"{duty}") if due.tries == ODD_TRIES else till
    api = Api(answer.trouble, answer.why, till.api.failures + 1, now + pause, pause, now)
    # Behind the others, when the line has had its rest: were it this question alone, they would wait for ever.
    return replace(till, api=api).schedule(duty, replace(due, at=max(due.at, api.retry_at + back_off(0))))


def _miss(till: Till, duty: duties.PaymentDuty, due: Due, now: float) -> Till:
    """Mercado Pago knows no such thing. It may be too early; what stays unknown was forged, or is another seller's."""
    if isinstance(duty, duties.FindPos):
        return _miss_pos(till, duty, due, now)
    if due.missed < NOT_FOUND_TRIES or (isinstance(duty, duties.Verify) and sale.in_doubt(till, duty.id, now)):
        return _ask_again(till, duty, due, now)
    match duty:
        case duties.Verify() | duties.ReadPayment() if due.for_all:
            return till
        case duties.Verify(identity):
            return sale.reject(till, "not_found", merchant_order=identity)
        case duties.ReadPayment(identity) if sale.waiting_for(till, identity):
            return sale.place(till, events.PaymentRead(identity, "", ""))
        case duties.ReadPayment(identity):
            return sale.reject(till, "not_found", merchant_order=f"payment {identity}")
    return till


def _miss_pos(till: Till, duty: duties.FindPos, due: Due, now: float) -> Till:
    """There is no such point of sale. A person must look; what we knew of it yesterday has to do until then."""
    api = Api(events.Trouble.REFUSED, NO_POS, failures=2, retry_at=0.0 if till.pos_id else now + REFUSED_EVERY)
    return replace(till, api=api).schedule(duty, replace(due, at=now + REFUSED_EVERY, missed=due.missed + 1))


def _keep_watching(till: Till, reference: str, due: Due, now: float) -> Till:
    """Not paid so far: when to ask again, and when to stop."""
    order = till.order(reference)
    if order is None or order.stage not in (Stage.WAITING, Stage.CANCELLED):
        return till
    if reference == till.loaded:
        return till.schedule(duties.Search(reference), Due(now + till.settings.check_every, now))
    if now - due.since < till.settings.grace:
        return till.schedule(duties.Search(reference), due.later(now))
    return till.put(order.moved(Move.GIVEN_UP)) if order.stage is Stage.WAITING else till


def _see_till(till: Till, reference: str | None, now: float) -> Till:
    """Which order is on the till now; one that left it was paid, removed or replaced, or has expired."""
    left = till.orders.get(till.loaded or "")
    if left is not None and left.reference != reference and left.stage is Stage.WAITING:
        till = till.schedule(duties.Search(left.reference), Due(now, now))
    till = _load(till, reference, now) if reference else replace(till, loaded=None)
    till = _cancel_seen(till, now) if till.cancel_wanted_at is not None else till
    return till.owe(duties.LookAtTill(), now + look_every(till))


def _load(till: Till, reference: str, now: float) -> Till:
    """Watch the order that is on our till."""
    order = till.order(reference) or Order(reference)
    if order.reading is not None:
        # Its ticket is out or on the way: Mercado Pago is slow to clear the till, or the reference is used twice.
        return replace(till, loaded=None)
    if order.stage in FINISHED:
        order = order.moved(Move.SEEN_AGAIN)
    till = replace(till, loaded=reference).put(replace(order, on_our_till=True))
    return till.owe(duties.Search(reference), now + till.settings.first_check) if order.stage is Stage.WAITING else till


def _take_sweep(till: Till, swept: events.Swept, now: float) -> Till:
    """Whatever was paid at our till and has no ticket yet goes the way of a doorbell."""
    known = {identity for order in (*till.orders.values(), *till.past.values()) for identity in order.paid_by}
    for payment, merchant_order in swept.payments.items():
        if not merchant_order:
            till = till.owe(duties.ReadPayment(payment), now) if f"payment {payment}" not in till.rejections else till
        elif merchant_order not in known:
            till = sale.place(till, events.PaymentRead(payment, swept.pos_id, merchant_order))
            if till.rejections.get(merchant_order) in ("not_found", Verdict.EXPIRED):
                till = till.alarm(Concern.PAID_WITHOUT_ORDER, payment)
    till = till.drop(*(duty for duty in till.agenda if isinstance(duty, duties.Sweep)))
    if swept.reached:
        return till.owe(duties.Sweep(swept.pos_id, swept.reached), now)
    till = replace(till, swept_until=swept.until, swept_at=now, known_since=till.known_since or swept.until)
    return sweep_again(_forget(till, swept.until), now)


def _forget(till: Till, today: datetime) -> Till:
    """Let go of what was finished long ago. If somebody rings for it yet, its ticket comes marked as a copy."""
    horizon = today - timedelta(seconds=till.settings.keep)
    old = [reference for reference, order in till.past.items() if order.filed_at and order.filed_at < horizon]
    if not old:
        return till
    readings = [till.past[reference].reading for reference in old]
    paid = [reading.paid_at + timedelta.resolution for reading in readings if reading]
    known_since = max(till.known_since or horizon, horizon, *paid)
    return replace(till, past=without(till.past, *old), known_since=known_since)


# --- cancelling ----------------------------------------------------------------------------------------------------


def _hold(till: Till, now: float) -> Till:
    """The cashier wants the order gone that was on the till when the finger went down."""
    till = replace(till, api=replace(till.api, retry_at=now))
    if till.pointed_at is None:
        return replace(till, cancel_wanted_at=now).owe(duties.LookAtTill(), now)
    order = till.orders.get(till.pointed_at)
    if order is None or order.stage not in (Stage.WAITING, Stage.CANCELLING):
        return till  # it was paid, or is gone: whatever is on the till by now was not meant
    if order.stage is Stage.WAITING:
        till = till.put(order.moved(Move.HELD)).drop(duties.Search(order.reference))
    return till.owe(duties.Cancel(order.reference), now)


def _cancel_seen(till: Till, now: float) -> Till:
    """The button was held for an order that we had not seen; here it is, or it is too late to say."""
    assert till.cancel_wanted_at is not None
    in_time = now - till.cancel_wanted_at < HOLD_COUNTS
    till = replace(till, cancel_wanted_at=None, pointed_at=till.loaded)
    if not in_time:
        return till.alarm(Concern.NOT_CANCELLED)
    return _hold(till, now) if till.loaded else till


def _take_cancel(till: Till, tried: events.CancelTried, due: Due, now: float) -> Till:
    """A reading outranks the button: only what is off the till and reads as unpaid is cancelled."""
    till = sale.read_all(till, tried.orders, now)
    order = till.orders.get(tried.reference)
    if order is None or order.stage is not Stage.CANCELLING:
        return till
    if any(reading.id in till.unplaced for reading in tried.orders) and due.tries < ODD_TRIES:
        return till.schedule(duties.Cancel(order.reference), due.later(now))  # paid, and it is being asked where
    if any(_may_be_ours(till, reading) for reading in tried.orders):
        return _kept(till, order, "being_paid", now)
    match tried.removal:
        case events.Removal.DELETED:
            return _cancelled(till, order, now)
        case events.Removal.ABSENT if due.missed and now - due.since >= SETTLE:
            return _cancelled(till, order, now)
        case events.Removal.ABSENT if not due.missed:
            due = replace(due, since=now, missed=1)
        case events.Removal.LOCKED:
            return _kept(till, order, "being_paid", now)
        case events.Removal.ANOTHER:
            till = _kept(till, order, "another_order_on_till", now).alarm(Concern.NOT_CANCELLED, order.reference)
            return _see_till(till, tried.on_till, now)
        case events.Removal.REFUSED if due.tries >= DELETE_TRIES:
            return _kept(till, order, "refused", now).alarm(Concern.NOT_CANCELLED, order.reference)
    return till.schedule(duties.Cancel(order.reference), due.later(now))


def _may_be_ours(till: Till, reading: MerchantOrder) -> bool:
    """Whether there is money that only is not closed yet, or not placed."""
    elsewhere = till.rejections.get(reading.id) == Verdict.ANOTHER_TILL
    return reading.received > 0 and not reading.cancelled and not elsewhere


def _cancelled(till: Till, order: Order, now: float) -> Till:
    # A search may lag behind the payment: go on asking for as long as money could still turn up.
    till = replace(till, cancelled_at=now, loaded=None).schedule(duties.Search(order.reference), Due(now + SETTLE, now))
    return till.put(order.moved(Move.REMOVED)).report(duties.Outcome.CANCELLED, order.reference)


def _kept(till: Till, order: Order, reason: str, now: float) -> Till:
    """It was not cancelled: say why, and go on watching it."""
    till = till.put(order.moved(Move.KEPT)).owe(duties.Search(order.reference), now + till.settings.check_every)
    return till.report(duties.Outcome.REJECTED, order.reference, reason=f"not_cancelled: {reason}")


# --- the button ----------------------------------------------------------------------------------------------------


def _feel_button(till: Till, now: float) -> Till:
    button, gesture = buttons.settle(till.button, now, till.settings.hold)
    if button is till.button:
        return till
    pointed_at = till.loaded if button.down and not till.button.down else till.pointed_at
    till = replace(till, button=button, pointed_at=pointed_at)
    match gesture:
        case Gesture.PRESS:
            return _press(till, now)
        case Gesture.HOLD:
            return _hold(till, now)
    return till


def _press(till: Till, now: float) -> Till:
    """Check now. And: somebody has looked, who may not have seen the slip of what still fails."""
    till = replace(till, failing={})
    return look_again(call_for_listed(replace(till, notices=frozenset())), now)
