"""What is owed to the printer, and what became of it: the till's other half. Pure.

Tickets come in the order of their payment. What is known to have been cut off comes again, marked as a copy; where the
printer was away for long, one list says which tickets wait, and a person says when.
"""

from dataclasses import replace
from datetime import timedelta

from edge.core import duties, events
from edge.core.failures import begin_to_tell, failure_duty, not_told
from edge.core.lifecycle import Move, Order, Stage
from edge.core.order import NEVER, MerchantOrder
from edge.core.state import FIRST, WAITS, Concern, LastTicket, Till, back_off, remember, without

BACKLOG = timedelta(minutes=15)
"""A ticket that waited for longer has no customer before it any more."""
MOST_ON_LIST = 50
"""Tickets on one list: a slow printer is done with it before the watchdog takes it for dead."""
OLD = 60.0
"""What was read longer ago is read again before it is printed, for money goes back, too. Seconds."""
ALL_THE_SAME = float("inf")
"""As good as read just now: a person wants it printed, whatever Mercado Pago says by now."""
BREAKS = 3
"""A ticket that broke so often lets the others go first; a failure is not told by a printer that breaks so often."""
LOOK_AT_TROUBLED_PRINTER = 2.0
LOOK_AT_PRINTER = 10.0


def printer_duty(till: Till, now: float) -> duties.PrinterDuty | None:
    """What we owe the printer now: the ticket that was paid first, a list, a slip, or else a look at the paper."""
    printer = till.printer
    if _under_way(till):
        return None
    ready = printer.paper.prints and now >= printer.retry_at
    if ready and not till.journal_why and (owed := _list(till) or _ticket(till, now) or next(iter(till.slips), None)):
        return owed
    if ready and printer.failures < BREAKS and (failure := failure_duty(till, now)):
        return failure
    return duties.LookAtPrinter() if now >= printer.look_at else None


def unprinted(till: Till) -> list[Order]:
    """What is owed its ticket, and waits for no person."""
    return [order for order in till.orders.values() if order.stage is Stage.PAID]


def is_old(till: Till, order: Order, now: float) -> bool:
    """Whether it was paid when we last heard of it, and that is too long ago to print."""
    return not order.copy_wanted and now - till.confirmed.get(order.paid_by[0], float("-inf")) > OLD


def read_old_again(till: Till, now: float) -> Till:
    """Ask anew for what could be printed now, if only it had been read lately."""
    if not till.printer.paper.prints or till.journal_why:
        return till
    for order in unprinted(till):
        duty = duties.Verify(order.paid_by[0])
        if is_old(till, order, now) and duty not in till.agenda:
            till = till.owe(duty, FIRST)
    return till


def _ticket(till: Till, now: float) -> duties.Print | None:
    owed = [order.reading for order in unprinted(till) if order.reading and not is_old(till, order, now)]
    if not owed:
        return None
    first = min(owed, key=lambda reading: (_breaks(till, reading), reading.paid_at))
    return duties.Print(first, till.orders[first.reference].banners)


def breaks_each(till: Till) -> bool:
    """Whether the printer says that it is well, and no ticket comes out of it whole."""
    stages = (Stage.PAID, Stage.PRINTING)
    return till.printer.failures >= BREAKS and any(order.stage in stages for order in till.orders.values())


def _breaks(till: Till, reading: MerchantOrder) -> bool:
    """Whether the printer breaks, and this ticket may be why: it was cut off before."""
    return till.printer.failures >= BREAKS and duties.Banner.COPY in till.orders[reading.reference].banners


def _list(till: Till) -> duties.PrintList | None:
    """Tickets that waited for long don't come as a storm. A single one is as short as a list of it.

    What is on it is read again when a person calls for it, and not before, or the list would come in pieces.
    """
    waiting = [order.reading for order in unprinted(till) if order.reading and not order.called_for]
    old = [reading for reading in waiting if _waited(till, reading)]
    old.sort(key=lambda reading: reading.paid_at)
    return duties.PrintList(tuple(old[:MOST_ON_LIST])) if len(old) > 1 else None


def _waited(till: Till, reading: MerchantOrder) -> bool:
    """Whether it was paid long ago, by Mercado Pago's clock, as far as we have heard it."""
    return till.swept_until is not None and NEVER < reading.paid_at < till.swept_until - BACKLOG


def call_for_listed(till: Till) -> Till:
    """A person wants what is on the list."""
    for order in tuple(till.orders.values()):
        if order.stage is Stage.LISTED:
            till = _call_for(till, order)
    return till


def _call_for(till: Till, order: Order) -> Till:
    """It waited for long: its money may be gone."""
    assert order.reading is not None
    till = replace(till, confirmed=without(till.confirmed, order.reading.id))
    return till.put(_called_for(order, Move.CALLED_FOR))


def reprint(till: Till, reference: str) -> Till:
    """A copy on demand of what had its ticket; what is on a list is called for; what is still owed comes anyway."""
    order = till.order(reference)
    if order is None or order.reading is None:
        return till
    match order.stage:
        case Stage.LISTED:
            return _call_for(till, order)
        case Stage.PAID:  # which can't be read again, perhaps never; the person takes it upon themselves
            return replace(till, confirmed=remember(till.confirmed, order.reading.id, ALL_THE_SAME))
        case Stage.PRINTED | Stage.UNCONFIRMED:
            return till.put(_called_for(order, Move.REPRINT).with_banner(duties.Banner.COPY))
    return till


def _called_for(order: Order, move: Move) -> Order:
    return replace(order.moved(move), called_for=True)


# --- what became of it ---------------------------------------------------------------------------------------------


def take_printer_event(till: Till, event: events.PrinterEvent, now: float) -> Till:
    """The till after an event of the printing worker."""
    match event:
        case events.PrinterSeen(paper):
            return _see_paper(till, paper, now)
        case events.TicketBegun(reference):
            return till.put(till.orders[reference].moved(Move.BEGUN))
        case events.SlipBegun(slip):
            return begin_to_tell(till, slip, now)
        case events.SlipTried(slip, end):
            return _take_slip(till, slip, end, now)
    order = _under_way(till)
    assert order is not None, f"{event} with no ticket under way"
    return _take_ticket(till, order, event, now)


def _under_way(till: Till) -> Order | None:
    """The order whose ticket is being printed."""
    return next((order for order in till.orders.values() if order.stage is Stage.PRINTING), None)


def _take_ticket(till: Till, order: Order, end: events.TicketEnd, now: float) -> Till:
    """What became of the ticket under way."""
    match end:
        case events.TicketPrinted(proof, paper):
            till = replace(till, proof=proof) if proof.better_than(till.proof) else till
            outcome = duties.Outcome.COPY if duties.Banner.COPY in order.banners else duties.Outcome.PRINTED
            till = replace(_see_paper(till, paper, now), ticket_at=now)
            return _ticket_out(till, order.moved(Move.PROVED), outcome, now)
        case events.TicketUnproved(paper):
            if till.proof is not events.Proof.NONE:
                till = till.alarm(Concern.SILENT_PRINTER, order.reference)
            else:
                till = replace(till, ticket_at=now)
            return _ticket_out(
                _see_paper(till, paper, now), order.moved(Move.UNPROVED), duties.Outcome.UNCONFIRMED, now
            )
        case events.TicketInterrupted(paper):
            order = order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)
        case events.TicketRefused(paper):
            order = order.moved(Move.REFUSED)
    return _rest(till, paper, now).put(order)


def _ticket_out(till: Till, order: Order, outcome: duties.Outcome, now: float) -> Till:
    last = LastTicket(till.date(now), order.reference, outcome)
    till = replace(_note_paper(_recovered(till, now), order, now), last_ticket=last).put(order)
    return till.report(outcome, order.reference, order.paid_by[0])


def _note_paper(till: Till, order: Order, now: float) -> Till:
    """How long it took from the doorbell to the paper; of a copy that means nothing."""
    heard = till.news.get(order.paid_by[0])
    till = replace(till, news=without(till.news, *order.paid_by))
    if heard is None or duties.Banner.COPY in order.banners:
        return till
    return replace(till, waits=(*till.waits[1 - WAITS :], now - heard))


def _take_slip(till: Till, slip: duties.Slip, end: events.TicketEnd, now: float) -> Till:
    """One that broke off comes again. A list that is out holds its tickets back until a person asks for them."""
    if isinstance(end, events.TicketInterrupted | events.TicketRefused):
        return _rest(not_told(till, slip), end.paper, now)
    for reading in slip.orders if isinstance(slip, duties.PrintList) else ():
        order = till.orders.get(reading.reference)
        if order is not None and order.stage is Stage.PAID and not order.called_for:
            till = till.put(order.moved(Move.LISTED))
    till = replace(till, slips=tuple(other for other in till.slips if other != slip))
    return _see_paper(_recovered(till, now), end.paper, now)


def _recovered(till: Till, now: float) -> Till:
    """It printed something to its end."""
    return replace(till, printer=replace(till.printer, failures=0, retry_at=now))


def _rest(till: Till, paper: events.Paper, now: float) -> Till:
    """The ticket is still owed; a printer that breaks at each one is not fed the whole roll."""
    failures = till.printer.failures + 1
    printer = replace(till.printer, failures=failures, retry_at=now + back_off(failures))
    return _see_paper(replace(till, printer=printer), paper, now)


def _see_paper(till: Till, paper: events.Paper, now: float) -> Till:
    pause = LOOK_AT_PRINTER if paper.prints else LOOK_AT_TROUBLED_PRINTER
    return replace(till, printer=replace(till.printer, paper=paper, look_at=now + pause))
