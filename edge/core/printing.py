"""The printer: how it is, what is owed to it, and what became of that. Pure.

Tickets come in the order of their payment, those of a list behind a sale of now. A ticket that is known to have been
cut off comes again, marked as a copy. After a long absence of the printer one list says which tickets wait, and a
person says when they come.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from edge.core import duties, events
from edge.core.backoff import back_off
from edge.core.failures import failure_duty
from edge.core.lifecycle import Move, Order, Stage
from edge.core.notices import Concern
from edge.core.order import NEVER, MerchantOrder
from edge.core.outbox import LastTicket
from edge.core.questions import question_duty

if TYPE_CHECKING:
    from edge.core.state import Till

LOOK_EVERY_S = 10.0
LOOK_AT_TROUBLE_EVERY_S = 2.0
REFUSES_WRONGLY_AFTER_S = 60.0
"""So long a printer is believed that says that it can't print; then a press of the button prints one ticket."""
MAX_BREAKS = 3
"""A ticket that broke off this often lets the others go first; such a printer is in trouble, whatever it says."""
MAX_LATENCIES = 200
BACKLOG_AFTER = timedelta(minutes=15)
"""A ticket that waited longer has no customer before it any more."""
READ_AHEAD = 2
"""Tickets whose orders are read again before their turn: with more, a new sale would wait for their answers."""
MAX_LISTED = 50
"""Tickets on one list, so that a slow printer has done it before the watchdog takes it for dead."""


@dataclass(frozen=True)
class PrinterLine:
    """What the printing worker's events told. The journal keeps the best proof and the last ticket."""

    paper: events.Paper = events.Paper.UNKNOWN
    refuses_since: float | None = None
    """Since when it says that it can't print; None while it can, or can't be reached at all."""
    despite: bool = False
    """A person wants the next ticket printed whatever it says."""
    silences: int = 0
    """How often in a row it was asked in vain."""
    look_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    """Tickets and slips that broke off or were refused, in a row."""
    proof: events.Proof = events.Proof.NONE
    """The best proof that this printer was ever seen to give."""
    slips: tuple[duties.Slip, ...] = ()
    """What is owed to it beside tickets. A restart loses them."""
    ticket_at: float | None = None
    """When a ticket last came out that the light may call paid."""
    last_ticket: LastTicket | None = None
    latencies_s: tuple[float, ...] = ()
    """From the news to the paper, for the last `MAX_LATENCIES` tickets."""

    @property
    def prints(self) -> bool:
        """Whether a ticket is worth sending: it says so, or a person does."""
        return self.paper.prints or self.despite

    def may_print(self, now: float) -> bool:
        return self.prints and now >= self.retry_at

    @property
    def next_slip(self) -> duties.Slip | None:
        return next(iter(self.slips), None)

    @property
    def keeps_breaking(self) -> bool:
        return self.failures >= MAX_BREAKS

    def seen(self, paper: events.Paper, now: float) -> "PrinterLine":
        """Looks at a silent one come ever farther apart, for a look may be what keeps it deaf."""
        silences = self.silences + 1 if paper is events.Paper.SILENT else 0
        every_s = LOOK_EVERY_S if paper.prints else LOOK_AT_TROUBLE_EVERY_S
        every_s = max(every_s, back_off(silences)) if silences else every_s
        refuses = not paper.prints and paper is not events.Paper.GONE
        since = (now if self.refuses_since is None else self.refuses_since) if refuses else None
        return replace(self, paper=paper, silences=silences, refuses_since=since, look_at=now + every_s)

    def pressed(self, now: float) -> "PrinterLine":
        """Somebody stands at a printer that has refused for a minute: they may know better than it does."""
        refused_long = self.refuses_since is not None and now >= self.refuses_since + REFUSES_WRONGLY_AFTER_S
        return replace(self, despite=True) if refused_long else self

    def failed(self, paper: events.Paper, now: float) -> "PrinterLine":
        """What was sent is still owed; a printer that breaks at each ticket is not fed the whole roll."""
        failures = self.failures + 1
        return replace(self, failures=failures, retry_at=now + back_off(failures)).seen(paper, now)

    def succeeded(self, paper: events.Paper, now: float) -> "PrinterLine":
        """It took something to its end."""
        return replace(self, failures=0, retry_at=now).seen(paper, now)

    def proved(self, proof: events.Proof) -> "PrinterLine":
        return replace(self, proof=proof) if proof.better_than(self.proof) else self

    def owe(self, slip: duties.Slip) -> "PrinterLine":
        return replace(self, slips=(*self.slips, slip))

    def without_slip(self, slip: duties.Slip) -> "PrinterLine":
        return replace(self, slips=tuple(other for other in self.slips if other != slip))

    def note_latency(self, seconds: float) -> "PrinterLine":
        return replace(self, latencies_s=(*self.latencies_s[1 - MAX_LATENCIES :], seconds))


# --- what is owed to the printer -----------------------------------------------------------------------------------


def printer_duty(till: "Till", now: float) -> duties.PrinterDuty | None:
    """What is owed to the printer now: the ticket that was paid first, a list, a slip, or else a look at the paper."""
    printer = till.printer
    if till.orders.under_way:
        return None
    ready = printer.may_print(now)
    if ready and not till.journal_error and (owed := _owed(till, now)):
        return owed
    if ready and printer.paper.prints and not printer.keeps_breaking and (failure := failure_duty(till, now)):
        return failure
    if ready and not till.agenda.reads_news and (bell := till.sounds.bell_duty):
        return bell  # not when the next moment may bring a ticket, which would wait for it
    return duties.LookAtPrinter() if now >= printer.look_at else None


def _owed(till: "Till", now: float) -> duties.PrinterDuty | None:
    """A customer waits for a ticket, so whatever else is owed comes behind it."""
    if not till.printer.paper.prints:
        return _ticket(till, now)
    return _list(till) or _ticket(till, now) or _concern(till, now) or till.printer.next_slip or question_duty(till)


def _concern(till: "Till", now: float) -> duties.PrintConcern | None:
    """What a person must look at and nobody was told yet."""
    notice = till.notices.slip_due(now)
    return duties.PrintConcern(notice, till.notices.open[notice].may_be_out) if notice else None


def read_stale_again(till: "Till", now: float) -> "Till":
    """Ask Mercado Pago anew about the next tickets that could be printed, had they been read within the last minute."""
    if not till.printer.prints or till.journal_error:
        return till
    in_turn = sorted(till.orders.unprinted, key=lambda order: _turn(till, order))
    readable = [order for order in in_turn if not till.agenda.fails_to_read(order.paid_by[0])]
    for order in readable[:READ_AHEAD]:
        duty = duties.Verify(order.paid_by[0])
        if till.evidence.is_stale(order, now) and duty not in till.agenda.due:
            till = till.owe(duty, now, urgent=True)
    return till


def _ticket(till: "Till", now: float) -> duties.Print | None:
    owed = [(order, order.reading) for order in till.orders.unprinted if order.reading]
    fresh = [(order, reading) for order, reading in owed if not till.evidence.is_stale(order, now)]
    if not fresh:
        return None
    order, reading = min(fresh, key=lambda each: _turn(till, each[0]))
    return duties.Print(reading, order.banners, despite=not till.printer.paper.prints)


def _turn(till: "Till", order: Order) -> tuple[bool, bool, datetime]:
    """By the time of the payment; but a customer of now doesn't wait for what a person called for from a list."""
    paid_at = order.reading.paid_at if order.reading else NEVER
    return _may_break_the_printer(till, order), order.wanted_by_person, paid_at


def _may_break_the_printer(till: "Till", order: Order) -> bool:
    """Whether the printer breaks at each ticket and this one, which was cut off before, may be why."""
    return till.printer.keeps_breaking and duties.Banner.COPY in order.banners


def breaks_at_each_ticket(till: "Till") -> bool:
    """Whether the printer says that it is well, and no ticket comes out of it whole."""
    return till.printer.keeps_breaking and bool(till.orders.in_stage(Stage.PAID, Stage.PRINTING))


def _list(till: "Till") -> duties.PrintList | None:
    """Tickets that waited long don't come as a storm. A single one does: it is as short as a list of it.

    What is on the list is read again when a person calls for it, and not before, or the list would come in pieces.
    """
    waiting = [order.reading for order in till.orders.unprinted if order.reading and not order.wanted_by_person]
    late = sorted((reading for reading in waiting if _waited_long(till, reading)), key=lambda reading: reading.paid_at)
    return duties.PrintList(tuple(late[:MAX_LISTED])) if len(late) > 1 else None


def _waited_long(till: "Till", reading: MerchantOrder) -> bool:
    """By Mercado Pago's clock, for the Pi's may be wrong."""
    until = till.history.swept_until
    return until is not None and NEVER < reading.paid_at < until - BACKLOG_AFTER


# --- what a person wants -------------------------------------------------------------------------------------------


def call_for_listed(till: "Till") -> "Till":
    """A person wants the tickets that are on the list."""
    for order in till.orders.in_stage(Stage.LISTED):
        till = _call_for(till, order)
    return till


def _call_for(till: "Till", order: Order) -> "Till":
    """It waited long, so its money may be gone: it is read again first."""
    evidence = till.evidence.doubt(order.paid_by[0]).no_longer_insist(order.paid_by[0])
    return replace(till, evidence=evidence).put(_wanted(order, Move.CALLED_FOR))


def reprint(till: "Till", reference: str) -> "Till":
    """A person wants this ticket: a copy if it came out, the ticket itself if it is on a list or can't be confirmed."""
    order = till.orders.get(reference)
    if order is None or order.reading is None:
        return till
    match order.stage:
        case Stage.LISTED:
            return _call_for(till, order)
        case Stage.PAID:  # it can't be read again, perhaps never; the person takes it upon themselves
            till = till.put(replace(order, wanted_by_person=True))
            return replace(till, evidence=till.evidence.insist(order.reading.id))
        case Stage.PRINTED | Stage.UNCONFIRMED:
            return till.put(_wanted(order, Move.REPRINT).with_banner(duties.Banner.COPY))
    return till


def _wanted(order: Order, move: Move) -> Order:
    return replace(order.moved(move), wanted_by_person=True)


# --- what became of it ---------------------------------------------------------------------------------------------


def on_printer_event(till: "Till", event: events.PrinterEvent, now: float) -> "Till":
    """The till after an event of the printing worker."""
    match event:
        case events.PrinterSeen(paper, unknown, proof):
            shown = till.printer.proof if proof is None else proof
            printer = replace(till.printer, proof=shown).seen(paper, now)
            return replace(till, printer=printer, questions=till.questions.unknown(unknown))
        case events.TicketBegun(reference):
            till = replace(till, printer=replace(till.printer, despite=False))
            return till.put(till.orders.living[reference].moved(Move.BEGUN))
        case events.SlipBegun(slip):
            return _begin_slip(till, slip, now)
        case events.SlipTried(duties.PrintConcern() as slip, end):
            return _on_slip(_on_concern(till, slip, end), slip, end, now)
        case events.SlipTried(slip, end):
            return _on_slip(till, slip, end, now)
    order = till.orders.under_way
    assert order is not None, f"{event} with no ticket under way"
    return _on_ticket(till, order, event, now)


def _on_ticket(till: "Till", order: Order, end: events.TicketEnd, now: float) -> "Till":
    """What became of the ticket under way."""
    match end:
        case events.TicketPrinted(proof):
            printer = replace(till.printer.proved(proof), ticket_at=now)
            is_copy = duties.Banner.COPY in order.banners
            outcome = duties.Outcome.COPY if is_copy else duties.Outcome.PRINTED
            return _ticket_out(replace(till, printer=printer), order, Move.PROVED, outcome, end.paper, now)
        case events.TicketUnproved():
            till = _unproved(till, order, end, now)
            return _ticket_out(till, order, Move.UNPROVED, duties.Outcome.UNCONFIRMED, end.paper, now)
        case events.TicketInterrupted():
            order = order.moved(Move.INTERRUPTED).with_banner(duties.Banner.COPY)
        case events.TicketRefused():
            order = order.moved(Move.REFUSED)
    return replace(till, printer=till.printer.failed(end.paper, now)).put(order)


def _unproved(till: "Till", order: Order, end: events.TicketUnproved, now: float) -> "Till":
    """Silence is alarming in a printer that is known to answer; in one that never did it is all there is to be had."""
    if end.alarming or till.printer.proof is not events.Proof.NONE:
        till = replace(till, printer=replace(till.printer, ticket_at=None))  # the light may still mean the one before
        return till.alarm(Concern.SILENT_PRINTER, order.reference, order.reading.approved if order.reading else ())
    return replace(till, printer=replace(till.printer, ticket_at=now))


def _ticket_out(
    till: "Till", order: Order, move: Move, outcome: duties.Outcome, paper: events.Paper, now: float
) -> "Till":
    till = _note_latency(till, order, now)
    last = LastTicket(till.sweeps.clock(now), order.reference, outcome)
    printer = replace(till.printer.succeeded(paper, now), last_ticket=last)
    till = replace(till, printer=printer, evidence=till.evidence.no_longer_insist(*order.paid_by))
    return till.put(order.moved(move)).publish(
        duties.Report(outcome, order.reference, order.paid_by[0], copy=duties.Banner.COPY in order.banners).of(
            order.reading
        )
    )


def _note_latency(till: "Till", order: Order, now: float) -> "Till":
    """How long it took from the doorbell to the paper; of a copy that means nothing."""
    heard_at = till.evidence.first_heard_at.get(order.paid_by[0])
    till = replace(till, evidence=till.evidence.forget_news(order.paid_by))
    if heard_at is None or duties.Banner.COPY in order.banners:
        return till
    return replace(till, printer=till.printer.note_latency(now - heard_at))


def _begin_slip(till: "Till", slip: duties.PrintFailure | duties.PrintConcern, now: float) -> "Till":
    match slip:
        case duties.PrintFailure(cause):
            return replace(till, failures=till.failures.slip_begun(cause, now))
        case duties.PrintConcern(notice):
            return replace(till, notices=till.notices.slip_begun(notice))


def _on_concern(till: "Till", slip: duties.PrintConcern, end: events.TicketEnd) -> "Till":
    """What became of a concern's slip. Doubt is worth a second one, marked as a copy, but never a third."""
    notices = till.notices
    can_prove = till.printer.proof is not events.Proof.NONE or getattr(end, "alarming", False)
    match end:
        case events.TicketRefused():
            notices = notices.slip_refused(slip.notice)
        case events.TicketInterrupted():
            notices = notices.slip_in_doubt(slip.notice)
        case events.TicketUnproved() if can_prove and not slip.is_copy:
            notices = notices.slip_in_doubt(slip.notice)
        case _:
            notices = notices.slip_out(slip.notice)
    return replace(till, notices=notices)


def _on_slip(till: "Till", slip: duties.Slip, end: events.TicketEnd, now: float) -> "Till":
    """A slip that broke off comes again. A list that is out holds its tickets back until a person asks for them."""
    if isinstance(end, events.TicketInterrupted | events.TicketRefused):
        if isinstance(slip, duties.PrintFailure):
            till = replace(till, failures=till.failures.slip_failed(slip.cause))
        return replace(till, printer=till.printer.failed(end.paper, now))
    if isinstance(slip, duties.PrintCalibration):
        till = replace(till, questions=till.questions.slip_out(slip))
    for reading in slip.orders if isinstance(slip, duties.PrintList) else ():
        order = till.orders.living.get(reading.reference)
        if order is not None and order.stage is Stage.PAID and not order.wanted_by_person:
            till = till.put(order.moved(Move.LISTED))
    return replace(till, printer=till.printer.without_slip(slip).succeeded(end.paper, now))
