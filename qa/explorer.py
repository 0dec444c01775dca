"""Walks every history of a small shop over the pure core, within a limit of faults, and checks each world.

A world is the till, Mercado Pago's books, the paper, and what is under way. From a world lead moves: somebody pays,
a doorbell comes, a worker ends its duty well or badly, time passes, the power goes. A power cut passes through
the real journal. `python -m qa.explorer --faults N` walks further and prints what it saw.
"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from edge.core import duties, events
from edge.core import till as core
from edge.core.agenda import LOOKS
from edge.core.cashier import SETTLE_S
from edge.core.failures import SLIP_EVERY_S
from edge.core.lifecycle import Stage
from edge.core.notices import TOLD_OTHERWISE, Concern, Notice
from edge.core.order import Item, MerchantOrder, Payment
from edge.core.printing import printer_duty
from edge.core.settings import Settings
from edge.core.state import Durable, Till
from edge.core.status import Signal, signal
from edge.core.sweeps import History, Sweeps
from edge.core.till import payment_duty
from edge.journal.store import Journal

USER, POS, EXTERNAL_POS = "1", "55001", "SUC001POS003"
SETTINGS = Settings(USER, EXTERNAL_POS)
AT_OUR_POS = Till(SETTINGS, sweeps=Sweeps(History(POS)))
DATE = datetime(2026, 3, 2, 21, 39, 20, tzinfo=UTC)
READING_S = 0.1
"""Between two readings of the button's wire."""
QUIET = 1300.0
"""Seconds in which nothing new happens: two sweeps and the time of grace have passed."""


@dataclass(frozen=True)
class Books:
    """What Mercado Pago knows. Orders are known by one letter, and so are their merchant orders."""

    on_till: str = ""
    paid: tuple[str, ...] = ()
    """Merchant orders that were paid: `a`, and `A` for the second payment of the same reference."""
    opened: tuple[str, ...] = ()
    locked: bool = False
    by_id: bool = False
    """Orders have an id, `#a`, as under the Orders API: no till can be asked, and each is cancelled by its id."""
    placed: tuple[str, ...] = ()
    """Orders that were put on the till by an id, and those of them that were cancelled by it."""
    cancelled: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """Everything there is, at one moment."""

    till: Till
    books: Books
    paper: tuple[tuple[str, bool, bool], ...] = ()
    """Tickets: reference, marked, complete."""
    told: tuple[tuple[duties.Cause, float], ...] = ()
    """Slips that say what fails, each with its moment."""
    concerns: tuple[tuple[Notice, bool, bool], ...] = ()
    """Slips that say what a person must look at: the notice, marked, complete."""
    paying: duties.PaymentDuty | None = None
    printing: duties.Print | duties.PrintFailure | duties.PrintConcern | None = None
    rings: tuple[str, ...] = ()
    """Doorbells under way."""
    proved: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Orders for which the button was held."""
    swallowed: tuple[str, ...] = ()
    """Tickets that the printer took and lost: nobody can know, so a person must be told."""
    faults: int = 0
    acts: tuple[str, ...] = ()
    """What customer and shop did already; each act happens once."""
    now: float = 0.0


class Broken(AssertionError):
    """A world in which the promise does not hold, and how it came about."""


# --- Mercado Pago --------------------------------------------------------------------------------------------------


def date(payments: int) -> datetime:
    """Mercado Pago's clock after so many payments: it is these that tell one moment from the next."""
    return DATE + timedelta(minutes=payments)


def reading(letter: str, books: Books) -> MerchantOrder:
    paid = letter in books.paid
    when = date(books.paid.index(letter)) + timedelta(seconds=1) if paid else DATE
    payment = Payment(f"p{letter}", "approved", Decimal(1), Decimal(0), "ARS", when)
    return MerchantOrder(
        id=letter,
        status="closed" if paid else "opened",
        order_status="paid" if paid else "payment_required",
        external_reference=letter.lower(),
        collector_id=USER,
        cancelled=False,
        total=Decimal(1),
        site="MLA",
        items=(Item("x", Decimal(1), Decimal(1)),),
        payments=(payment,) if paid else (),
    )


def reading_by_id(letter: str, books: Books) -> MerchantOrder:
    """The order on the till, which names it, and has the same payment as its merchant order."""
    cancelled = letter in books.cancelled
    return replace(reading(letter, books), id=f"#{letter}", external_pos_id=EXTERNAL_POS, cancelled=cancelled)


def known(books: Books) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*books.opened, *books.paid)))


def readings(reference: str, books: Books, handle: str = "") -> tuple[MerchantOrder, ...]:
    if handle:
        return (reading_by_id(reference, books),)
    return tuple(reading(letter, books) for letter in known(books) if letter.lower() == reference)


def answer(duty: duties.PaymentDuty, books: Books) -> tuple[events.Answer, Books]:
    """What Mercado Pago answers, and its books afterwards."""
    match duty:
        case duties.FindPos():
            return events.PosFound(POS), books
        case duties.Verify(identity) if identity.startswith("#"):
            return events.MerchantOrderRead(reading_by_id(identity[1:], books)), books
        case duties.Verify(letter):
            found = letter in known(books)
            return (events.MerchantOrderRead(reading(letter, books)) if found else events.NotFound()), books
        case duties.ReadPayment(identity):
            found = identity[1:] in books.paid
            return (events.PaymentRead(identity, POS, identity[1:]) if found else events.NotFound()), books
        case duties.Search(reference, handle):
            return events.OrdersFound(reference, readings(reference, books, handle)), books
        case duties.LookAtTill(announced) if books.by_id:
            return seen_by_id(announced, books), books
        case duties.LookAtTill():
            return events.TillSeen(books.on_till or None), books
        case duties.Cancel(reference, handle) if handle:
            return cancel_by_id(reference, handle, books)
        case duties.Sweep(pos_id):
            return events.Swept(pos_id, date(len(books.paid)), {f"p{letter}": letter for letter in books.paid}), books
        case duties.Cancel(reference):
            return cancel(reference, books)


def cancel(reference: str, books: Books) -> tuple[events.Answer, Books]:
    on_till = books.on_till
    if on_till != reference:
        removal = events.Removal.ANOTHER if on_till else events.Removal.ABSENT
    elif books.locked:
        removal = events.Removal.LOCKED
    else:
        removal, books = events.Removal.DELETED, replace(books, on_till="")
    return events.CancelTried(reference, removal, readings(reference, books), on_till or None), books


def seen_by_id(announced: str, books: Books) -> events.TillSeen:
    letter = announced.removeprefix("#")
    if not letter or letter in books.paid or letter in books.cancelled:
        return events.TillSeen(None, known=False)
    return events.TillSeen(letter, Decimal(1), announced)


def cancel_by_id(reference: str, handle: str, books: Books) -> tuple[events.Answer, Books]:
    """No order but this one can be touched, whatever is on the till."""
    if reference in books.paid:
        removal, found = events.Removal.REFUSED, readings(reference, books, handle)
    elif books.locked and books.on_till == reference:
        removal, found = events.Removal.LOCKED, ()
    else:
        removal, found = (events.Removal.ABSENT if reference in books.cancelled else events.Removal.DELETED), ()
        on_till = "" if books.on_till == reference else books.on_till
        books = replace(books, on_till=on_till, cancelled=tuple({*books.cancelled, reference}))
    return events.CancelTried(reference, removal, found, reference), books


# --- moves ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """How far to walk."""

    faults: int = 1
    acts: tuple[str, ...] = ("load a", "scan a", "pay a", "hold", "load b")

    @property
    def by_id(self) -> bool:
        """Whether orders have an id, which somebody announces."""
        return any(act.startswith(("announce", "put")) for act in self.acts)


Move = tuple[str, World]


def learn(world: World, event: events.Event) -> World:
    return replace(world, till=core.step(world.till, event, world.now))


def moves(world: World, limits: Limits) -> Iterator[Move]:
    """Every way from this world to the next."""
    yield from acts(world, limits)
    yield from lost_edges(world, limits)
    yield from doorbells(world, limits)
    yield from payments(world, limits)
    yield from prints(world, limits)
    yield from passing(world)
    if world.faults < limits.faults:
        yield from cuts(world)


def acts(world: World, limits: Limits) -> Iterator[Move]:
    for act in limits.acts:
        if act not in world.acts and (after := do_act(act, world)):
            yield act, replace(after, acts=(*world.acts, act))


def do_act(act: str, world: World) -> World | None:
    """What a customer or the shop does, if it can be done now."""
    books = world.books
    match act.split():
        case ["load", letter]:
            placed = (*books.placed, letter) if books.by_id else ()
            return replace(world, books=replace(books, on_till=letter, locked=False, placed=placed))
        case ["announce", letter] if letter in books.placed:
            return learn(world, events.OrderAnnounced(f"#{letter}"))
        case ["put", letter]:
            placed = replace(books, on_till=letter, placed=(*books.placed, letter))
            return learn(replace(world, books=placed), events.OrderAnnounced(f"#{letter}"))
        case ["scan", letter] if books.on_till == letter:
            books = replace(books, opened=(*books.opened, letter))
            return replace(world, books=books, rings=(*world.rings, letter))
        case ["lock", letter] if books.on_till == letter:
            return replace(world, books=replace(books, locked=True))
        case ["pay", letter] if books.on_till == letter:
            books = replace(books, paid=(*books.paid, letter), on_till="", locked=False)
            rung = f"#{letter}" if books.by_id else letter
            return replace(world, books=books, rings=(*world.rings, rung))
        case ["late", letter] if letter in books.opened and letter not in books.paid and books.on_till != letter:
            return replace(world, books=replace(books, paid=(*books.paid, letter)), rings=(*world.rings, letter))
        case ["again", letter] if letter in books.paid:
            books = replace(books, paid=(*books.paid, letter.upper()))
            return replace(world, books=books, rings=(*world.rings, letter.upper()))
        case ["hold"]:
            return hold(world)
        case ["press"]:
            return lift(touch(world, READING_S))
        case ["flap"]:
            return learn(learn(world, events.RelaySeen(False)), events.RelaySeen(True))
        case ["hang", "up"]:
            lost = events.BrokerLost("hung up again", events.BrokerTrouble.HANGS_UP)
            return learn(learn(world, lost), events.BrokerConnected())
    return None


def hold(world: World) -> World:
    """A finger, long enough; the till tells which order it means by what it has seen."""
    meant = world.till.cashier.loaded
    world = lift(touch(world, SETTINGS.hold_s + 0.1))
    order = world.till.orders.living.get(meant or "")
    meant_one = (meant,) if meant and order and order.stage in (Stage.WAITING, Stage.CANCELLING) else ()
    return replace(world, held=(*world.held, *meant_one))


def touch(world: World, seconds: float) -> World:
    """A finger is on the button for so long, and its wire is read again and again."""
    world = learn(world, events.ButtonDown())
    for _ in range(round(seconds / READING_S)):
        world = learn(replace(world, now=world.now + READING_S), events.ButtonDown())
    return world


def lift(world: World) -> World:
    world = learn(world, events.ButtonUp())
    return learn(replace(world, now=world.now + READING_S), events.ButtonUp())


def unread(world: World) -> World:
    """Nobody reads the wire for so long that a finger on it would have held; all else goes on."""
    return learn(replace(world, now=world.now + SETTINGS.hold_s + READING_S), events.Ticked())


def lost_edges(world: World, limits: Limits) -> Iterator[Move]:
    """A press of which the release, or that and the next press, is not seen when it happens."""
    if "press" not in limits.acts or "press" in world.acts or world.faults >= limits.faults:
        return
    pressed = replace(world, acts=(*world.acts, "press"), faults=world.faults + 1)
    away = unread(touch(pressed, READING_S))
    yield "press, and the release is lost", lift(away)
    yield "press, and again, and what is between is lost", lift(touch(away, READING_S))


def doorbells(world: World, limits: Limits) -> Iterator[Move]:
    for letter in dict.fromkeys(world.rings):
        kind = events.Kind.ORDER if letter.startswith("#") else events.Kind.MERCHANT_ORDER
        event = events.DoorbellRang(kind, letter)
        rest = list(world.rings)
        rest.remove(letter)
        yield f"ring {letter}", learn(replace(world, rings=tuple(rest)), event)
        if world.faults < limits.faults:
            lost = replace(world, rings=tuple(rest), faults=world.faults + 1)
            yield f"lose the doorbell {letter}", lost
            yield f"ring {letter} and again later", learn(replace(world, faults=world.faults + 1), event)


def payments(world: World, limits: Limits) -> Iterator[Move]:
    if world.paying is None:
        if duty := payment_duty(world.till, world.now):
            yield f"ask {duty}", replace(learn(world, events.Asked(duty)), paying=duty)
        return
    duty = world.paying
    idle = replace(world, paying=None)
    found, books = answer(duty, world.books)
    yield f"hear of {duty}", learn(replace(idle, books=books), events.Answered(duty, found))
    if world.faults < limits.faults:
        away = events.Answered(duty, events.Unreachable(events.Trouble.NETWORK, "away"))
        refused = events.Answered(duty, events.Unreachable(events.Trouble.REFUSED, "the token is refused"))
        worse = replace(idle, faults=world.faults + 1)
        yield f"no answer to {duty}", learn(worse, away)
        yield f"a refusal of {duty}", learn(worse, refused)
        if books != world.books:
            yield f"done and unanswered: {duty}", learn(replace(worse, books=books), away)


READY = events.Paper.READY


def prints(world: World, limits: Limits) -> Iterator[Move]:
    if world.printing is None:
        duty = printer_duty(world.till, world.now)
        if isinstance(duty, duties.Print):
            begun = learn(world, events.TicketBegun(duty.order.reference))
            yield f"begin the ticket of {duty.order.reference}", replace(begun, printing=duty)
        elif isinstance(duty, duties.PrintFailure):
            yield f"begin to tell {duty.cause}", begin_to_tell(world, duty)
        elif isinstance(duty, duties.PrintConcern):
            yield (
                f"begin the slip of {duty.notice.concern}",
                replace(learn(world, events.SlipBegun(duty)), printing=duty),
            )
        elif duty is not None:
            yield "look at the paper", learn(world, events.PrinterSeen(READY))
        return
    idle = replace(world, printing=None)
    if isinstance(world.printing, duties.PrintFailure):
        yield from tells(idle, world.printing, limits)
        return
    if isinstance(world.printing, duties.PrintConcern):
        yield from tells_concern(idle, world.printing, limits)
        return
    whole = on_paper(idle, world.printing, complete=True)
    proved = replace(whole, proved=(*world.proved, world.printing.order.reference))
    yield "the ticket is out", learn(proved, events.TicketPrinted(events.Proof.PROCESS_ID, READY))
    if world.faults < limits.faults:
        half = on_paper(replace(idle, faults=world.faults + 1), world.printing, complete=False)
        none = replace(idle, faults=world.faults + 1)
        yield "no paper before the ticket", learn(none, events.TicketRefused(events.Paper.OUT))
        yield "no paper in the middle", learn(half, events.TicketInterrupted(events.Paper.OUT))
        yield (
            "out, and the link broke",
            learn(replace(whole, faults=half.faults), events.TicketInterrupted(events.Paper.GONE)),
        )
        yield (
            "out, and no proof",
            learn(replace(whole, faults=half.faults), events.TicketUnproved(events.Paper.UNKNOWN)),
        )
        yield "silent before the ticket", learn(none, events.TicketRefused(events.Paper.SILENT))
        yield (
            "swallowed, as by one that was just switched on",
            unpaid(learn(swallow(none, world.printing), events.TicketUnproved(READY, alarming=True))),
        )


def swallow(world: World, ticket: duties.Print) -> World:
    return replace(world, swallowed=(*world.swallowed, ticket.order.reference))


def unpaid(world: World) -> World:
    """No light may say that a ticket is out of which nobody knows."""
    if signal(world.till, world.now) is Signal.PAID:
        raise Broken("paid is shown of a ticket that the printer swallowed")
    return world


def begin_to_tell(world: World, slip: duties.PrintFailure) -> World:
    """Tickets go first, and whoever is told of the same within an hour has lost an hour's worth of trust."""
    if any(not world.till.evidence.is_stale(order, world.now) for order in world.till.orders.unprinted):
        raise Broken(f"{slip.cause} is told before a ticket")
    if any(cause is slip.cause and world.now - at < SLIP_EVERY_S for cause, at in world.told):
        raise Broken(f"{slip.cause} is told twice in an hour")
    return replace(learn(world, events.SlipBegun(slip)), printing=slip)


def tells(idle: World, slip: duties.PrintFailure, limits: Limits) -> Iterator[Move]:
    told = replace(idle, told=(*idle.told, (slip.cause, idle.now)))
    yield (
        f"{slip.cause} is told",
        learn(told, events.SlipTried(slip, events.TicketPrinted(events.Proof.PROCESS_ID, READY))),
    )
    if idle.faults < limits.faults:
        worse = replace(idle, faults=idle.faults + 1)
        yield f"no paper for {slip.cause}", learn(worse, events.SlipTried(slip, events.TicketRefused(events.Paper.OUT)))
        yield (
            f"{slip.cause} broke off",
            learn(worse, events.SlipTried(slip, events.TicketInterrupted(events.Paper.OUT))),
        )


def tells_concern(idle: World, slip: duties.PrintConcern, limits: Limits) -> Iterator[Move]:
    what = slip.notice.concern
    out = concern_on_paper(idle, slip, complete=True)
    yield f"the slip of {what} is out", end_slip(out, slip, events.TicketPrinted(events.Proof.PROCESS_ID, READY))
    if idle.faults < limits.faults:
        none = replace(idle, faults=idle.faults + 1)
        half = concern_on_paper(none, slip, complete=False)
        whole = replace(out, faults=none.faults)
        yield f"no paper before the slip of {what}", end_slip(none, slip, events.TicketRefused(events.Paper.OUT))
        yield f"no paper in the slip of {what}", end_slip(half, slip, events.TicketInterrupted(events.Paper.OUT))
        yield f"the slip of {what} is out, and no proof", end_slip(whole, slip, events.TicketUnproved(READY))
        if idle.till.printer.proof is not events.Proof.NONE and not slip.is_copy:  # the only void that can be noticed
            yield f"the slip of {what} went into the void", end_slip(none, slip, events.TicketUnproved(READY))


def end_slip(world: World, slip: duties.PrintConcern, end: events.TicketEnd) -> World:
    return learn(world, events.SlipTried(slip, end))


def concern_on_paper(world: World, slip: duties.PrintConcern, complete: bool) -> World:
    return replace(world, concerns=(*world.concerns, (slip.notice, slip.is_copy, complete)))


def on_paper(world: World, ticket: duties.Print, complete: bool) -> World:
    marked = duties.Banner.COPY in ticket.banners
    return replace(world, paper=(*world.paper, (ticket.order.reference, marked, complete)))


def passing(world: World) -> Iterator[Move]:
    """Time passes to the next moment at which anything changes by itself."""
    if world.paying or world.printing:
        return  # a worker ends before anything else falls due; the other order is a lost answer
    moments = [due.at for due in world.till.agenda.due.values()]
    moments += [world.till.api.retry_at, world.till.printer.retry_at, world.till.printer.look_at]
    moments += [since + notice.patience_s for notice, since in world.till.notices.since.items()]
    later = [moment for moment in moments if moment > world.now]
    if later and payment_duty(world.till, world.now) is None and printer_duty(world.till, world.now) is None:
        yield "time passes", learn(replace(world, now=min(later)), events.Ticked())


def cuts(world: World) -> Iterator[Move]:
    """The power goes, and comes back; what was under way may have been carried out or not."""
    cut = replace(world, faults=world.faults + 1)
    yield "power cut", restart(cut)
    if not world.held:  # what a person held can't outlive the journal
        yield "power cut, and the journal is gone", start(replace(cut, till=AT_OUR_POS, told=(), concerns=()))
    if world.paying:
        _, books = answer(world.paying, world.books)
        if books != world.books:
            yield "power cut, after it was done", restart(replace(cut, books=books))
    if isinstance(world.printing, duties.PrintFailure):
        told = (*world.told, (world.printing.cause, world.now))
        yield "power cut in mid-slip", restart(replace(cut, told=told))
    elif isinstance(world.printing, duties.PrintConcern):
        yield "power cut in mid-slip", restart(concern_on_paper(cut, world.printing, complete=False))
        yield "power cut behind the slip", restart(concern_on_paper(cut, world.printing, complete=True))
    elif world.printing:
        yield "power cut in mid-ticket", restart(on_paper(cut, world.printing, complete=False))
        yield "power cut behind the ticket", restart(on_paper(cut, world.printing, complete=True))


def restart(world: World) -> World:
    """What the journal kept, and a new start. Doorbells that were not acknowledged are still under way."""
    journal = Journal(Path(":memory:"))
    journal.save(Durable(), world.till.durable)
    durable = journal.load("us", world.now)
    journal.close()
    till = Till.resume(SETTINGS, replace(durable, history=world.till.history), world.now)
    return start(replace(world, till=till))


def start(world: World) -> World:
    world = replace(world, paying=None, printing=None)
    return learn(learn(world, events.Started()), events.BrokerConnected())


# --- the promise ---------------------------------------------------------------------------------------------------


def check(world: World) -> None:
    """What must hold in every world. Raises `Broken`."""
    for reference in {reference for reference, _, _ in world.paper}:
        unmarked = [each for each in world.paper if each[0] == reference and not each[1]]
        if len(unmarked) > 1:
            raise Broken(f"two unmarked tickets of {reference}")
        if not any(letter.lower() == reference for letter in world.books.paid):
            raise Broken(f"a ticket of {reference} and no money")
    for letter in world.books.cancelled:
        if "hold" not in world.acts or not {f"announce {letter}", f"put {letter}"} & set(world.acts):
            raise Broken(f"{letter} was cancelled by its id, and nobody meant it")
    for order in world.till.orders:
        if order.stage is Stage.PRINTED and order.reference not in world.proved:
            raise Broken(f"{order.reference} is called printed and nobody proved it")
        if order.stage is Stage.CANCELLED and world.books.on_till == order.reference:
            raise Broken(f"{order.reference} is called cancelled and is on the till")
        if order.stage in (Stage.CANCELLING, Stage.CANCELLED) and "hold" not in world.acts:
            raise Broken(f"{order.reference} is being cancelled, and nobody held the button")
    check_concerns(world)


def check_concerns(world: World) -> None:
    """Each has one slip, or repetitions that are marked; and nobody's press wipes what was never on paper."""
    unmarked = [notice for notice, marked, _ in world.concerns if not marked]
    if len(unmarked) > len(set(unmarked)):
        raise Broken("two unmarked slips of one concern")
    on_slips = {notice for notice, _, _ in world.concerns}
    if wiped := [notice.concern for notice in world.till.notices.seen if notice not in on_slips]:
        raise Broken(f"nobody was told of {wiped} on paper, and it is called seen")


def check_end(world: World) -> None:
    """What must hold when all is quiet. Raises `Broken`."""
    complete = {reference for reference, _, complete in world.paper if complete}
    for letter in world.books.paid:
        if letter.lower() in world.swallowed:
            if not any(notice.concern is Concern.SILENT_PRINTER for notice, _, _ in world.concerns):
                raise Broken(f"{letter}'s ticket was swallowed, and nobody was told to look")
        elif letter.lower() not in complete:
            raise Broken(f"{letter} is paid and has no ticket")
    for reference in world.held:
        order = world.till.orders.get(reference)
        if order is None or order.stage in (Stage.CANCELLING,):
            raise Broken(f"the button was held for {reference}, and nothing came of it")
    if world.till.orders.in_stage(Stage.PAID, Stage.PRINTING):
        raise Broken("a ticket is still owed")
    told = {notice for notice, _, complete in world.concerns if complete}
    for notice in (*world.till.notices, *world.till.notices.seen):
        if notice.concern not in TOLD_OTHERWISE and notice not in told:
            raise Broken(f"a person must look at {notice.concern} {notice.reference}, and no slip says so")
    if world.till.link.broker_trouble or any(notice.concern is Concern.TWINS for notice in world.till.notices):
        raise Broken("the broker is well again, and still called names")


def calm(world: World) -> Iterator[World]:
    """All goes well from here on, until `QUIET` seconds bring nothing new: every world on the way."""
    quiet_since = world.now
    while world.now - quiet_since < QUIET:
        yield world
        after = next(all_well(world))
        if any(getattr(after, what) != getattr(world, what) for what in ("paper", "books", "rings", "concerns")):
            quiet_since = after.now
        world = after
    yield world


def all_well(world: World) -> Iterator[World]:
    """The next step where nothing fails."""
    calm_limits = Limits(faults=-1, acts=())
    for ways in (prints, doorbells, payments):
        yield from (after for _, after in ways(world, calm_limits))
    yield from (after for _, after in passing(world))


# --- the walk ------------------------------------------------------------------------------------------------------

Key = tuple[object, ...]


def key(world: World) -> Key:
    """What makes two worlds the same. Of times only this counts: whether they have come."""
    till, now = world.till, world.now
    stale = frozenset(order.reference for order in till.orders.unprinted if till.evidence.is_stale(order, now))
    printer = (till.printer.paper, till.printer.look_at <= now, till.printer.retry_at <= now, stale)
    api = (till.api.trouble, till.api.retry_at <= now)
    stands = {notice: now - since >= notice.patience_s for notice, since in till.notices.since.items()}
    rest = (
        world.books,
        world.paper,
        world.concerns,
        world.paying,
        world.printing,
        tuple(sorted(world.rings)),
        world.held,
        world.faults,
        tuple((cause, now - at < SLIP_EVERY_S) for cause, at in world.told),
        tuple(
            (cause, cause in till.failures.since, now - at < SLIP_EVERY_S)
            for cause, at in till.failures.last_slip_at.items()
        ),
    )
    looks = (till.agenda.looks.free_at(LOOKS, now) <= now, till.link.holds(now), freeze(stands))
    return known_to(till), agenda_of(till, now), printer, api, looks, rest, frozenset(world.acts), world.proved


def known_to(till: Till) -> Key:
    """What the till knows, times apart."""
    evidence, cashier, link = till.evidence, till.cashier, till.link
    return (
        *(frozenset(till.orders.living.items()), frozenset(till.orders.finished.items())),
        *(
            freeze(till.notices.open),
            till.notices.seen,
            till.history,
            till.printer.proof,
            till.printer.slips,
            till.journal_error,
        ),
        *(freeze(evidence.pos_by_payment), freeze(evidence.awaiting_pos), freeze(evidence.rejections)),
        *(freeze(evidence.paid_twice), evidence.insisted),
        *(cashier.loaded, cashier.announced, cashier.pointed_at, cashier.cancel_wanted_at),
        *(link.broker_up, link.broker_trouble, link.broker_error, link.relay_up, link.relay_speaks),
    )


def agenda_of(till: Till, now: float) -> object:
    return frozenset(
        (
            duty,
            due.at <= now,
            due.urgent,
            min(due.failures, 2),
            due.rung_again,
            now - due.since >= SETTLE_S,
            now - due.since >= SETTINGS.grace_s,
        )
        for duty, due in till.agenda.due.items()
    )


def freeze(mapping: Mapping[object, object]) -> object:
    return frozenset(mapping.items())


@dataclass
class Walk:
    """What was seen."""

    worlds: int = 0
    moves: int = 0
    deepest: int = 0
    seconds: float = 0.0
    complete: bool = True


def first_world(by_id: bool = False) -> World:
    """A till that was just started, with paper and a broker."""
    world = World(AT_OUR_POS, Books(by_id=by_id))
    for event in (events.Started(), events.BrokerConnected(), events.PrinterSeen(READY)):
        world = learn(world, event)
    while world.now < 1:
        world = next(all_well(world))
    return world


class Explorer:
    """One walk, breadth first. Raises `Broken` with the shortest history that breaks the promise."""

    def __init__(self, limits: Limits, most_worlds: int = 10**9) -> None:
        self._limits = limits
        self._most = most_worlds
        self._numbers: dict[Key, int] = {}
        self._came_from: list[tuple[int, str]] = []
        self._end_well: set[Key] = set()

    def walk(self) -> Walk:
        began = time.monotonic()
        walk = Walk()
        first = first_world(self._limits.by_id)
        queue = deque([(first, self._number(first, -1, "start"), 0)])
        while queue and walk.worlds < self._most:
            world, number, depth = queue.popleft()
            walk.worlds += 1
            walk.deepest = max(walk.deepest, depth)
            for name, after in self._look_at(world, number):
                walk.moves += 1
                if key(after) not in self._numbers:
                    queue.append((after, self._number(after, number, name), depth + 1))
        walk.complete = not queue
        walk.seconds = time.monotonic() - began
        return walk

    def _number(self, world: World, parent: int, name: str) -> int:
        self._numbers[key(world)] = len(self._came_from)
        self._came_from.append((parent, name))
        return len(self._came_from) - 1

    def _look_at(self, world: World, number: int) -> list[Move]:
        try:
            check(world)
            self._check_end(world)
            return list(moves(world, self._limits))
        except Exception as error:
            raise Broken(f"{type(error).__name__}: {error}\n{self.history(number)}") from error

    def _check_end(self, world: World) -> None:
        """From here a good end is reachable without a further fault. A world that leads to a good one is good."""
        passed = set()
        for later in calm(replace(world, acts=())):
            if (here := key(later)) in self._end_well:
                break
            passed.add(here)
        else:
            check_end(later)
        self._end_well |= passed

    def history(self, number: int) -> str:
        """How it came to this, step by step."""
        steps = []
        while number >= 0:
            number, name = self._came_from[number]
            steps.append(name)
        return "\n".join(f"  {step:3} {name}" for step, name in enumerate(reversed(steps)))


SHOPS = {
    "a sale": ("load a", "scan a", "pay a"),
    "a cancel": ("load a", "scan a", "pay a", "hold"),
    "a cancel while somebody pays": ("load a", "lock a", "pay a", "hold"),
    "money after a cancel": ("load a", "scan a", "hold", "late a"),
    "the next sale comes meanwhile": ("load a", "pay a", "hold", "load b", "pay b"),
    "a press": ("load a", "scan a", "pay a", "press"),
    "paid twice": ("load a", "pay a", "again a"),
    "paid twice, and a press": ("load a", "pay a", "again a", "press"),
    "the links come and go": ("load a", "scan a", "pay a", "flap", "hang up"),
    "announced late, or never": ("load a", "announce a", "pay a"),
    "told by two names": ("put a", "scan a", "pay a"),
    "a cancel by its id": ("put a", "lock a", "pay a", "hold"),
    "the next sale by its id": ("put a", "hold", "load b", "pay b"),
}
"""Small shops, each with what can happen in it once, at any time."""


def main() -> int:
    """Walk all shops and print a table. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m qa.explorer")
    parser.add_argument("--faults", type=int, default=2)
    parser.add_argument("--worlds", type=int, default=10**9, help="at most so many in each shop")
    options = parser.parse_args()
    print(f"{'shop':32} {'worlds':>9} {'moves':>10} {'deepest':>8} {'seconds':>8}")
    for name, happenings in SHOPS.items():
        walk = Explorer(Limits(options.faults, happenings), options.worlds).walk()
        more = "" if walk.complete else "  (not all)"
        print(f"{name:32} {walk.worlds:9} {walk.moves:10} {walk.deepest:8} {walk.seconds:8.1f}{more}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
