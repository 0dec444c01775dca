"""The till: what a fact teaches it, and what it therefore owes. Pure: no clock, no I/O, no thread, no library.

`step(till, event, now)` is the till after a fact. `payment_duty`, `printing.printer_duty` and `links.report_duty` say
what is owed now to Mercado Pago, to the printer and to the relay. Nothing is emitted, so nothing can be lost: retry,
going on after paper, recovery after a power cut and polling are the same question, asked again after each event.
`now` is in seconds of a clock that never jumps; dates are Mercado Pago's own.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from edge.core import duties, events, evidence
from edge.core.agenda import ALARM_AFTER_FAILURES, REFUSED_EVERY_S, ApiLine, Due, Line, Refusal
from edge.core.backoff import back_off
from edge.core.cashier import (
    Button,
    Gesture,
    announce,
    cancel,
    cancel_refused,
    hold,
    on_cancel_tried,
    see_announced,
    see_till,
)
from edge.core.doorbells import is_about_us, look_up, ring, ring_again
from edge.core.failures import NO_POS, observe_failures
from edge.core.lifecycle import Move, Order, Stage
from edge.core.links import look_again, look_around, miss_echo, on_link_event, sweep_later, trust_broker
from edge.core.notices import Concern, observe_notices
from edge.core.order import MerchantOrder, Verdict
from edge.core.page import ask_pairing, give_up_placing, on_order_not_put, on_order_put, place, print_pairing
from edge.core.printing import call_for_listed, on_printer_event, read_stale_again, reprint
from edge.core.questions import observe_questions
from edge.core.reconciliation import ask_day, on_day_read
from edge.core.remote import handle_command
from edge.core.sounds import observe_sounds, on_sound_event
from edge.core.state import Till

MAX_NOT_FOUND = 5
"""A notification may be seconds ahead of the resource that it names; after some 15 s an id is called unknown."""
LOOK_AGAIN_S = 0.25
"""How soon the till is looked at again while other answers may show that something was sold."""
MAX_ORDER_LAG = timedelta(minutes=15)
"""A payment of longer ago that names neither order nor reference won't name one in some seconds."""

# --- what is owed to Mercado Pago ----------------------------------------------------------------------------------


def payment_duty(till: Till, now: float) -> duties.PaymentDuty | None:
    """What may be asked of Mercado Pago now, beside what is out; None if nothing.

    A cashier who waits comes first, then whatever has been due longest.
    """
    if now < till.api.retry_at or (till.api.failures and till.agenda.under_way):
        return None  # a line in trouble gets one question, which shows whether it is back
    for_tickets = {order.paid_by[0] for order in till.orders.unprinted}
    free = {line for line in Line if till.agenda.is_free(line)}
    due_now = ((duty, due) for duty, due in till.agenda.due.items() if due.at <= now and Line.of(duty) in free)
    may = {duty: due for duty, due in due_now if _may_ask(till, duty, now)}
    first = min(may, key=lambda duty: (_rank(duty, may[duty], for_tickets), may[duty].at), default=None)
    return _with_handle(till, first)


def _with_handle(till: Till, duty: duties.PaymentDuty | None) -> duties.PaymentDuty | None:
    """The question with what is known, by now, of how to find the order that it is about."""
    match duty:
        case duties.Search(reference):
            return replace(duty, handle=_handle(till, reference), on_till=reference == till.cashier.loaded)
        case duties.Cancel(reference):
            return replace(duty, handle=_handle(till, reference))
        case duties.LookAtTill() | duties.PutOrder():
            waiting = [order.handle for order in till.orders.in_stage(Stage.WAITING) if order.handle]
            return replace(duty, announced=till.cashier.announced or next(reversed(waiting), ""))
    return duty


def _handle(till: Till, reference: str) -> str:
    order = till.orders.get(reference)
    return order.handle if order else ""


def _rank(duty: duties.PaymentDuty, due: Due, for_tickets: set[str]) -> int:
    """A cashier waits for a cancel, and for money that was seen. What anybody can ring comes last."""
    match duty:
        case duties.Cancel():
            return 0
        case _ if due.urgent:
            return 1
        case duties.Verify(merchant_order) if merchant_order in for_tickets:
            return 2
        case duties.Verify() | duties.ReadPayment():
            return 3
    return 2


def _may_ask(till: Till, duty: duties.PaymentDuty, now: float) -> bool:
    if not till.history.pos_id:  # without it no payment can be placed, and a ticket might be another till's
        return isinstance(duty, duties.FindPos)
    if till.history.complete_since is None:  # without it no ticket can be told from a copy
        return isinstance(duty, duties.FindPos | duties.Sweep)
    return not isinstance(duty, duties.Verify | duties.ReadPayment) or till.agenda.may_look_up(now)


# --- what a fact teaches -------------------------------------------------------------------------------------------


def step(till: Till, event: events.Event, now: float) -> Till:
    """The till after `event`, and after all that follows from it."""
    till = _on_event(till, event, now)
    for consequence, _ in AFTER_EACH_EVENT:
        till = consequence(till, now)
    return till


def _on_event(till: Till, event: events.Event, now: float) -> Till:
    match event:
        case events.Ticked():
            return till
        case events.Started():
            return _start(till, event, now)
        case events.DoorbellRang():
            return ring(till, event, now)
        case events.OrderAnnounced(identity):
            named = duties.Verify(identity) if identity else None
            return look_up(till, named, Due(now, now, or_look=True)) if named else announce(till, event, now)
        case events.Asked(duty):
            return _list_beside(replace(till, agenda=till.agenda.asked(duty, now)), duty, now)
        case events.Answered(duty, answer):
            return _on_answer(till, duty, answer, now)
        case events.ButtonDown(at) | events.ButtonUp(at):
            return _feel_button(till, isinstance(event, events.ButtonDown), now if at is None else at, now)
        case events.CommandCame():
            return handle_command(till, event, now)
        case events.ReprintAsked(reference):
            return reprint(till, reference)
        case events.DayAsked(day):
            return ask_day(till, day, now)
        case events.OrderAsked(order):
            return place(till, order, now)
        case events.CancelAsked(reference):
            return cancel(till, reference, now)
        case events.CheckAsked():
            return _press(till, now)
        case events.PairingAsked(code):
            return ask_pairing(till, code, now)
        case events.JournalTried(why):
            return replace(till, journal_error=why)
        case _ if isinstance(event, events.PrinterEvent):
            return on_printer_event(till, event, now)
        case _ if isinstance(event, events.SoundEvent):
            return on_sound_event(till, event)
    return on_link_event(till, event, now)


def _list_beside(till: Till, asked: duties.PaymentDuty, now: float) -> Till:
    """Where an order was paid is asked beside the order, so that a sale waits for one answer and not for three."""
    due = till.agenda.due.get(asked)
    if due is None or not isinstance(asked, duties.Verify) or due.urgent or due.or_look or due.for_all:
        return till
    if not till.history.pos_id or till.orders.paid_with(asked.id):
        return till
    return replace(till, agenda=till.agenda.list_beside(duties.ListLatest(till.history.pos_id), now))


def _start(till: Till, event: events.Started, now: float) -> Till:
    """Take up again what the journal says was under way."""
    cashier = replace(till.cashier, button=Button.found(event.button_down, now))
    till = replace(till, cashier=cashier).owe(duties.FindPos(), now)
    for order in tuple(till.orders.living.values()):
        till = _resume(till, order, now)
    return look_around(till, now)


def _resume(till: Till, order: Order, now: float) -> Till:
    match order.stage:
        case Stage.WAITING:
            till = till.owe(duties.Search(order.reference), now)
        case Stage.CANCELLING:
            till = till.owe(duties.Cancel(order.reference), now)
        case Stage.PRINTING:
            order = order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)
    if order.reading and till.history.complete_since is None:  # the journal lacks commits, perhaps those of its ticket
        order = order.with_banner(duties.Banner.COPY)
    return till.put(order)


def _feel_button(till: Till, down: bool, at: float, now: float) -> Till:
    cashier, gesture = till.cashier.feel(down, at, till.settings.hold_s)
    questions = till.questions.gestured(gesture, till.cashier.button.down_at, now)
    till = replace(till, cashier=cashier, questions=questions)
    match gesture:
        case Gesture.PRESS:
            return _press(print_pairing(till, now), now)
        case Gesture.HOLD if cashier.pointed_at is None and questions.out:
            return look_again(till, now)  # the finger says no to a slip; whatever is on the till unseen isn't meant
        case Gesture.HOLD:
            return hold(till, now)
    return till


def _press(till: Till, now: float) -> Till:
    """Check now. It also means that somebody has looked at whatever a person had to look at."""
    till = replace(till, notices=till.notices.acknowledged(), failures=till.failures.acknowledged())
    cashier, at = till.cashier.plan_look(now)
    till = replace(till, printer=till.printer.pressed(now))
    return look_again(replace(call_for_listed(till), cashier=cashier), at)


Consequence = Callable[[Till, float], Till]

AFTER_EACH_EVENT: tuple[tuple[Consequence, str], ...] = (
    (miss_echo, "a ping that wasn't echoed in time decides whether the till polls, so it comes before all that looks"),
    (trust_broker, "a connection that holds ends a failure, so it comes before failures are noted"),
    (evidence.ask_places, "a reading waits for its place, and no list is out any more that could tell it"),
    (read_stale_again, "money goes back: what could be printed now, and was read a while ago, is asked for anew"),
    (observe_notices, "what stands until it ends, and since when: all else that follows may have changed it"),
    (observe_questions, "a question about the printer waits for whatever is sold, or has to be looked at, by now"),
    (give_up_placing, "an order that can't be put on the till is given up before the loop asks what is owed"),
    (observe_failures, "since when something fails is noted when all else that follows is known"),
    (observe_sounds, "what the light says by now is heard, so it comes last"),
)
"""What follows after each event, in this order, and why."""


# --- what Mercado Pago answers -------------------------------------------------------------------------------------


def _on_answer(till: Till, duty: duties.PaymentDuty, answer: events.Answer, now: float) -> Till:
    asked_at = till.agenda.under_way.get(duty, now)
    till = replace(till, agenda=till.agenda.answered(duty))
    if isinstance(answer, events.Unreachable):
        return _on_unreachable(till, duty, answer, asked_at, now)
    due = replace(till.agenda.due.get(duty) or Due(now, now), refused=None)
    till = replace(till, api=ApiLine()).drop(duty)
    match answer:
        case events.PosFound(pos_id):
            history = replace(till.history, pos_id=pos_id)
            return look_around(replace(till, sweeps=replace(till.sweeps, history=history)), now)
        case events.MerchantOrderRead(reading):
            return _on_reading(till, duty, due, reading, asked_at, now)
        case events.PaymentRead():
            return _on_payment(till, duty, due, answer, now)
        case events.OrdersFound(reference, readings):
            return _keep_watching(evidence.judge_all(till, readings, asked_at, now), reference, due, now)
        case events.TillSeen():
            return _on_till_seen(till, answer, asked_at, now)
        case events.CancelTried():
            return on_cancel_tried(till, answer, due, asked_at, now)
        case events.OrderPut():
            return on_order_put(till, answer, now)
        case events.OrderNotPut():
            return on_order_not_put(till, answer, now)
        case events.Swept():
            return _on_swept(till, answer, now)
        case events.LatestListed():
            return _on_latest(till, answer, now)
        case events.DayRead():
            assert isinstance(duty, duties.ReadDay)
            return on_day_read(till, duty, answer, now)
        case events.NotFound():
            return _on_not_found(till, duty, due, now)


def _on_till_seen(till: Till, seen: events.TillSeen, asked_at: float, now: float) -> Till:
    """What is on the till. A finger answered a slip only if it is free, and nothing is found that was sold there."""
    answered = till.questions.answer is not None
    if answered and not (asked_at >= till.questions.answered_at and till.agenda.is_quiet(now)):
        return see_till(till, seen, now).owe(duties.LookAtTill(), now + LOOK_AGAIN_S)
    questions = till.questions if seen.reference else till.questions.till_is_free(now)
    return see_till(replace(till, questions=questions), seen, now)


def _on_reading(
    till: Till, duty: duties.PaymentDuty, due: Due, reading: MerchantOrder, asked_at: float, now: float
) -> Till:
    if not due.for_all or is_about_us(till, reading):
        till = _note_news(till, reading, due.since)
        till = see_announced(evidence.judge(till, reading, asked_at, now), reading, now)
        if evidence.in_doubt(till, reading.id, now):
            till = till.schedule(duty, due.after_not_found(now))
    return ring_again(till, duty, due, now)


def _note_news(till: Till, reading: MerchantOrder, heard_at: float) -> Till:
    """The time from the doorbell to the paper is measured from here, unless the ticket is out already."""
    if reading.status != "closed" or till.orders.paid_with(reading.id):
        return till
    return replace(till, evidence=till.evidence.note_news(reading.id, heard_at))


def _on_payment(till: Till, duty: duties.PaymentDuty, due: Due, payment: events.PaymentRead, now: float) -> Till:
    if due.for_all and payment.pos_id != till.history.pos_id:
        return till  # it was made elsewhere; if it is ours after all, the sweep finds it
    known = till.evidence.waiting_for(payment.id) or till.orders.with_payment(payment.id)
    if not payment.merchant_order and not known and due.not_found < MAX_NOT_FOUND and _may_name_it(till, payment, now):
        till = till.owe(duties.Search(payment.reference), now) if payment.reference else till
        return till.schedule(duty, due.after_not_found(now))
    return ring_again(evidence.place(till, payment, now), duty, due, now)


def _may_name_it(till: Till, payment: events.PaymentRead, now: float) -> bool:
    """Whether a payment without an order may lead to one in a moment: by its reference, or because it is young."""
    if payment.reference:
        return True
    paid_at, clock = payment.money.date_approved if payment.money else None, till.sweeps.sure_clock(now)
    return paid_at is None or clock is None or paid_at > clock - MAX_ORDER_LAG


def _keep_watching(till: Till, reference: str, due: Due, now: float) -> Till:
    """Not paid so far: when to ask again, and when to stop."""
    order = till.orders.get(reference)
    if order is None or order.stage not in (Stage.WAITING, Stage.CANCELLED):
        return till
    if reference == till.cashier.loaded:
        every_s = till.settings.check_every_s * till.agenda.pace.factor(now)
        return till.schedule(duties.Search(reference), Due(now + every_s, now))
    if now < due.since + till.settings.grace_s:
        return till.schedule(duties.Search(reference), due.after_failure(now))
    return till.put(order.moved(Move.GIVEN_UP)) if order.stage is Stage.WAITING else till


def _on_swept(till: Till, swept: events.Swept, now: float) -> Till:
    """Whatever was paid at our till and has no ticket yet goes the way of a doorbell."""
    for payment, merchant_order in swept.payments.items():
        if till.orders.with_payment(payment) is not None:
            continue
        place = till.evidence.pos_by_payment.get(payment) if payment in swept.unplaced else swept.pos_id
        if not merchant_order or place is None:  # the payment itself may say more than the list
            lookup = duties.ReadPayment(payment)
            till = till if lookup in till.evidence.rejections else till.owe(lookup, now)
        elif till.orders.paid_with(merchant_order) is None:
            till = evidence.place(till, events.PaymentRead(payment, place, merchant_order), now)
            if place and till.evidence.rejected(merchant_order) in ("not_found", Verdict.EXPIRED):
                money = swept.money.get(payment)
                till = till.alarm(Concern.PAID_WITHOUT_ORDER, payment, (money,) if money else ())
    till = replace(till, agenda=till.agenda.drop_sweeps())
    if swept.reached:
        return till.owe(duties.Sweep(swept.pos_id, swept.reached), now)
    confirmed = till.sweeps.confirms(swept.until, now)
    till = replace(till, sweeps=till.sweeps.done(swept.until, now))
    return sweep_later(_forget(till, swept) if confirmed else till, now)


def _on_latest(till: Till, listed: events.LatestListed, now: float) -> Till:
    """Places that orders may wait for, or will. What no order is read of is left to the sweep."""
    for payment, merchant_order in listed.payments.items():
        if duties.Verify(merchant_order) in till.agenda.under_way:
            till = replace(till, evidence=till.evidence.place(payment, listed.pos_id))
        elif merchant_order and till.orders.with_payment(payment) is None:
            till = evidence.place(till, events.PaymentRead(payment, listed.pos_id, merchant_order), now)
    return till


def _forget(till: Till, swept: events.Swept) -> Till:
    """Let go of orders that were finished long ago. If one is rung for again, its ticket comes marked as a copy."""
    orders, forgotten_until = till.orders.forget(swept.until - timedelta(seconds=till.settings.keep_s))
    if forgotten_until is None:
        return till
    history = till.history.forgot_until(forgotten_until)
    return replace(till, orders=orders, sweeps=replace(till.sweeps, history=history))


# --- when Mercado Pago has no answer -------------------------------------------------------------------------------


def _on_unreachable(
    till: Till, duty: duties.PaymentDuty, answer: events.Unreachable, asked_at: float, now: float
) -> Till:
    """Ask again later: this question by its own clock, and any other not before the line has had a rest."""
    rung = till.agenda.due.get(duty)
    if rung is not None and rung.or_look and not rung.failures:
        till = look_around(till, now)
    if answer.trouble.is_the_questions:
        return _on_refused(till, duty, Refusal(answer.trouble, answer.why), now)
    if answer.too_many:
        till = replace(till, agenda=replace(till.agenda, pace=till.agenda.pace.slowed(now)))
    due = till.agenda.due.get(duty) or Due(now, now)
    if till.api.failures == 0:  # others were answered, so it is this question
        due = due.after_failure(now, answer.jitter)
        if due.failures == ALARM_AFTER_FAILURES:
            till = till.alarm(Concern.UNREADABLE, _named(duty))
    api = till.api.failed(answer, asked_at, now)
    till = replace(till, api=api)
    if isinstance(duty, duties.ListLatest):
        return till.drop(duty)  # it only saves time: the payment itself is asked
    # Behind the others, when the line has had its rest: were it this question alone, they would wait for ever.
    return till.schedule(duty, replace(due, at=max(due.at, api.retry_at + back_off(0)), urgent=False))


def _named(duty: duties.PaymentDuty) -> str:
    return duties.shown(duty) if isinstance(duty, duties.Verify | duties.ReadPayment) else f"{duty}"


def _on_refused(till: Till, duty: duties.PaymentDuty, refusal: Refusal, now: float) -> Till:
    """Only this question is refused, so that only it waits for a person; the others go on at their own pace."""
    due = till.agenda.due.get(duty) or Due(now, now)
    till = replace(till, api=ApiLine())
    if isinstance(duty, duties.Cancel):
        return cancel_refused(till.drop(duty), duty.reference, now)
    if isinstance(duty, duties.ListLatest):
        return till.drop(duty)
    if isinstance(duty, duties.ReadPayment) and till.evidence.waiting_for(duty.id):
        till = evidence.place(till, events.PaymentRead(duty.id, "", ""), now)  # it may be ours by its reference
    return till.schedule(duty, due.after_refusal(refusal, now))


def _on_not_found(till: Till, duty: duties.PaymentDuty, due: Due, now: float) -> Till:
    """Mercado Pago knows no such thing. It may be too early; what stays unknown was forged, or is another seller's."""
    if isinstance(duty, duties.FindPos):
        return _on_pos_not_found(till, duty, due, now)
    if due.or_look and not due.not_found:
        till = look_around(till, now)
    in_doubt = isinstance(duty, duties.Verify) and evidence.in_doubt(till, duty.id, now)
    if due.not_found < MAX_NOT_FOUND or in_doubt:
        return till.schedule(duty, due.after_not_found(now))
    match duty:
        case duties.Verify() | duties.ReadPayment() if due.for_all:
            return till
        case duties.ReadPayment(payment) if till.evidence.waiting_for(payment):
            return evidence.place(till, events.PaymentRead(payment, "", ""), now)
        case duties.Verify() | duties.ReadPayment():
            return evidence.reject(till, duty, "not_found")
    return till


def _on_pos_not_found(till: Till, duty: duties.FindPos, due: Due, now: float) -> Till:
    """There is no such point of sale. A person must look; what was known of it yesterday has to do until then."""
    retry_at = 0.0 if till.history.pos_id else now + REFUSED_EVERY_S
    api = ApiLine(events.Trouble.REFUSED, NO_POS, failures=2, retry_at=retry_at)
    due = replace(due, at=now + REFUSED_EVERY_S, not_found=due.not_found + 1)
    return replace(till, api=api).schedule(duty, due)
