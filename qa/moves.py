"""The explorer's moves: every way from one world to the next.

Customer and shop do what they may do once; a doorbell comes, a worker ends its duty well or badly, time passes, the
power goes. Whatever goes badly is a fault, and only so many of them are allowed. A power cut passes through the real
journal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge.core import duties, events
from edge.core.calibration import Calibration
from edge.core.evidence import LIST_PATIENCE_S
from edge.core.failures import SLIP_EVERY_S
from edge.core.lifecycle import Stage
from edge.core.page import PLACING_TIMEOUT_S, Placed
from edge.core.printing import printer_duty
from edge.core.state import Durable, Till
from edge.core.status import Signal, signal
from edge.core.till import payment_duty
from edge.journal.store import Journal
from qa.promise import check_answer, check_question
from qa.world import AT_OUR_POS, MAY_NOT, SETTINGS, Broken, World, answer, learn, wanted, written

SELLING = (Stage.PAID, Stage.LISTED, Stage.PRINTING, Stage.CANCELLING)
READING_S = 0.1
"""Between two readings of the button's wire."""


@dataclass(frozen=True)
class Limits:
    """How far to walk."""

    faults: int = 1
    acts: tuple[str, ...] = ("load a", "scan a", "pay a", "hold", "load b")

    @property
    def patient(self) -> bool:
        """Whether time passes to the next question, and not only to the next look at a printer that is well.

        Two worlds that differ only in time are one, so no time passes where nothing but that look comes of it. The
        shops that need it are walked further; the others would take hours.
        """
        return self.has("forbid")

    @property
    def by_id(self) -> bool:
        """Whether orders have an id, which somebody announces."""
        return self.has("announce") or self.has("put")

    def has(self, act: str) -> bool:
        """Whether an act that begins with this word is among them."""
        return any(each.startswith(act) for each in self.acts)


Move = tuple[str, World]


def moves(world: World, limits: Limits) -> Iterator[Move]:
    """Every way from this world to the next."""
    yield from acts(world, limits)
    yield from lost_edges(world, limits)
    yield from doorbells(world, limits)
    yield from payments(world, limits)
    yield from prints(world, limits)
    yield from passing(world, limits)
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
        case ["pay", letter, "nowhere"] if books.on_till == letter:
            books = replace(books, paid=(*books.paid, letter), on_till="", nowhere=(*books.nowhere, letter))
            return replace(world, books=books, rings=(*world.rings, letter))
        case ["online", letter]:
            return sell_elsewhere(letter, replace(world, books=replace(books, nowhere=(*books.nowhere, letter))))
        case ["neighbour", letter]:
            return sell_elsewhere(letter, world)
        case ["forbid", question] if not books.refuses:
            return replace(world, books=replace(books, refuses=question))
        case ["hour", wrong] if not books.hour:
            return replace(world, books=replace(books, hour=wrong))
        case ["unknown", "printer"]:
            return look(replace(world, unknown=UNKNOWN))
        case ["again", letter] if letter in books.paid:
            books = replace(books, paid=(*books.paid, letter.upper()))
            return replace(world, books=books, rings=(*world.rings, letter.upper()))
        case ["want", letter]:
            return learn(world, events.OrderAsked(wanted(letter)))
        case ["call", "off", letter]:
            return call_off(letter, world)
        case ["hold"]:
            return hold(world)
        case ["press"]:
            return lift(touch(world, READING_S))
        case ["flap"]:
            return learn(learn(world, events.RelaySeen(False)), events.RelaySeen(True))
        case ["stale"]:
            number = world.till.link.echo.number + 1
            gone = learn(learn(world, events.PingSent(number)), events.RelaySeen(False))
            return learn(gone, events.PingEchoed(number))
        case ["hang", "up"]:
            lost = events.BrokerLost("hung up again", events.BrokerTrouble.HANGS_UP)
            return learn(learn(world, lost), events.BrokerConnected())
    return None


def sell_elsewhere(letter: str, world: World) -> World:
    """The same account is paid for something that was never at our till, and its doorbell is rung at ours."""
    books = replace(world.books, paid=(*world.books.paid, letter), strange=(*world.books.strange, letter))
    return replace(world, books=books, rings=(*world.rings, letter))


def hold(world: World) -> World:
    """A finger, long enough; the till tells which order it means by what it has seen."""
    meant = world.till.cashier.loaded
    world = lift(touch(world, SETTINGS.hold_s + 0.1))
    order = world.till.orders.living.get(meant or "")
    meant_one = (meant,) if meant and order and order.stage in (Stage.WAITING, Stage.CANCELLING) else ()
    return replace(world, held=(*world.held, *meant_one))


def call_off(letter: str, world: World) -> World:
    """Somebody at the till's page wants this order gone, whatever is on the till."""
    order = world.till.orders.living.get(letter)
    meant = (letter,) if order and order.stage in (Stage.WAITING, Stage.CANCELLING) else ()
    return replace(learn(world, events.CancelAsked(letter)), held=(*world.held, *meant))


def touch(world: World, seconds: float) -> World:
    """A finger is on the button for so long, and its wire is read again and again."""
    selling = world.till.cashier.loaded or world.till.orders.in_stage(*SELLING)
    world = learn(replace(world, idle=not selling), events.ButtonDown())
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
        yield f"ring {letter}", unacknowledged(letter, learn(replace(world, rings=tuple(rest)), event))
        if world.faults < limits.faults:
            lost = replace(world, rings=tuple(rest), faults=world.faults + 1)
            yield f"lose the doorbell {letter}", lost
            yield f"ring {letter} and again later", learn(replace(world, faults=world.faults + 1), event)


def unacknowledged(letter: str, world: World) -> World:
    return replace(world, unsettled=(*world.unsettled, letter)) if world.slow_disk else world


def payments(world: World, limits: Limits) -> Iterator[Move]:
    """The daemon asks whatever may be asked as soon as it may. An answer that overtakes another is a fault."""
    if duty := payment_duty(world.till, world.now):
        check_question(world, duty)
        yield f"ask {duty}", replace(learn(world, events.Asked(duty)), paying=(*world.paying, duty))
        return
    for duty in world.paying[:1]:
        yield from answers(world, duty, limits)
    if world.faults < limits.faults:
        for duty in world.paying[1:]:
            overtaking = replace(world, faults=world.faults + 1)
            yield from ((f"early, {name}", after) for name, after in answers(overtaking, duty, limits))


def answers(world: World, duty: duties.PaymentDuty, limits: Limits) -> Iterator[Move]:
    """One question is answered, well or badly; that takes a moment, so that what comes later is seen to."""
    out = tuple(other for other in world.paying if other is not duty)
    idle = replace(world, paying=out, now=world.now + ANSWER_S)
    found, books = answer(duty, world.books)
    misled = world.books.misled or books.misled
    heard = learn(replace(idle, books=replace(books, misled=misled)), events.Answered(duty, found))
    heard = replace(heard, books=books)
    check_answer(world, heard)
    yield f"hear of {duty}", heard
    if world.faults < limits.faults:
        away = events.Answered(duty, events.Unreachable(events.Trouble.NETWORK, "away"))
        refused = events.Answered(duty, events.Unreachable(events.Trouble.REFUSED, "the token is refused"))
        worse = replace(idle, faults=world.faults + 1)
        yield f"no answer to {duty}", learn(worse, away)
        yield f"a refusal of {duty}", learn(worse, refused)
        if limits.has("forbid"):
            yield f"{duty} alone is refused, once", learn(worse, events.Answered(duty, MAY_NOT))
            yield f"too much is asked, {duty} too", learn(worse, events.Answered(duty, TOO_MUCH))
        if books != world.books:
            yield f"done and unanswered: {duty}", learn(replace(worse, books=books), away)


ANSWER_S = 0.001
TOO_MUCH = events.Unreachable(events.Trouble.BUSY, "429", retry_after=7.0, too_many=True)
READY = events.Paper.READY
UNKNOWN = Calibration(("CP858", "ASCII"), columns=48)
"""One question is open."""


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
        elif isinstance(duty, duties.PrintCalibration):
            yield "begin the slip of a question", begin_to_ask(world, duty)
        elif duty is not None:
            yield "look at the paper", look(world)
        return
    idle = replace(world, printing=None)
    if isinstance(world.printing, duties.PrintFailure):
        yield from tells(idle, world.printing, limits)
        return
    if isinstance(world.printing, duties.PrintConcern):
        yield from tells_concern(idle, world.printing, limits)
        return
    if isinstance(world.printing, duties.PrintCalibration):
        yield from asks(idle, world.printing, limits)
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


def look(world: World) -> World:
    return learn(world, events.PrinterSeen(READY, world.unknown))


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


def begin_to_ask(world: World, slip: duties.PrintCalibration) -> World:
    """A sale always wins."""
    if world.till.cashier.loaded or world.till.orders.in_stage(*SELLING):
        raise Broken("a question about the printer comes between a sale and its ticket")
    return replace(world, printing=slip)


def asks(idle: World, slip: duties.PrintCalibration, limits: Limits) -> Iterator[Move]:
    if slip.state in idle.questions:
        raise Broken("the same question is printed twice")
    out = replace(idle, questions=(*idle.questions, slip.state), unknown=None if slip.state.done else idle.unknown)
    yield (
        "the slip of a question is out",
        learn(out, events.SlipTried(slip, events.TicketPrinted(events.Proof.PROCESS_ID, READY))),
    )
    if idle.faults < limits.faults:
        worse = replace(idle, faults=idle.faults + 1)
        for end in (events.TicketRefused(events.Paper.OUT), events.TicketInterrupted(events.Paper.OUT)):
            yield f"no paper for a question: {end}", learn(worse, events.SlipTried(slip, end))


def end_slip(world: World, slip: duties.PrintConcern, end: events.TicketEnd) -> World:
    return learn(world, events.SlipTried(slip, end))


def concern_on_paper(world: World, slip: duties.PrintConcern, complete: bool) -> World:
    return replace(world, concerns=(*world.concerns, (slip.notice, slip.is_copy, complete)))


def on_paper(world: World, ticket: duties.Print, complete: bool) -> World:
    marked = duties.Banner.COPY in ticket.banners
    reference = ticket.order.reference
    world = replace(world, paper=(*world.paper, (reference, marked, complete)))
    return replace(world, may_be_out=world.may_be_out | {reference})


def passing(world: World, limits: Limits) -> Iterator[Move]:
    """Time passes to the next moment at which anything changes by itself."""
    if world.paying or world.printing:
        return  # a worker ends before anything else falls due; the other order is a lost answer
    moments = [due.at for due in world.till.agenda.due.values()]
    moments += [world.till.api.retry_at, world.till.printer.retry_at]
    if not (limits.patient and world.till.printer.paper is READY):
        moments.append(world.till.printer.look_at)
    moments += [since + notice.patience_s for notice, since in world.till.notices.since.items()]
    moments += [each.since + LIST_PATIENCE_S for each in world.till.evidence.awaiting_pos.values()]
    placings = world.till.page.placings.values()
    moments += [each.since + PLACING_TIMEOUT_S for each in placings if each.result is Placed.ASKED]
    later = [moment for moment in moments if moment > world.now]
    if later and payment_duty(world.till, world.now) is None and printer_duty(world.till, world.now) is None:
        yield "time passes", learn(written(replace(world, now=min(later))), events.Ticked())


def cuts(world: World) -> Iterator[Move]:
    yield from cuts_of(world)
    if world.disk is not None or world.unsettled:
        behind = Till.resume(SETTINGS, world.disk or world.till.durable, world.now)
        rings = (*world.rings, *world.unsettled)
        yield from (
            (f"{name}, before all was written", after)
            for name, after in cuts_of(replace(written(world), till=behind, rings=rings))
        )


def cuts_of(world: World) -> Iterator[Move]:
    """The power goes, and comes back; what was under way may have been carried out or not."""
    cut = replace(world, faults=world.faults + 1)
    yield "power cut", restart(cut)
    if not world.held:  # what a person held can't outlive the journal
        yield "power cut, and the journal is gone", start(forget(cut))
    for duty in world.paying:
        _, books = answer(duty, world.books)
        if books != world.books:
            yield "power cut, after it was done", restart(replace(cut, books=books))
    if isinstance(world.printing, duties.PrintFailure):
        told = (*world.told, (world.printing.cause, world.now))
        yield "power cut in mid-slip", restart(replace(cut, told=told))
    elif isinstance(world.printing, duties.PrintConcern):
        yield "power cut in mid-slip", restart(concern_on_paper(cut, world.printing, complete=False))
        yield "power cut behind the slip", restart(concern_on_paper(cut, world.printing, complete=True))
    elif isinstance(world.printing, duties.Print):
        yield "power cut in mid-ticket", restart(on_paper(cut, world.printing, complete=False))
        yield "power cut behind the ticket", restart(on_paper(cut, world.printing, complete=True))


def forget(world: World) -> World:
    """There is no journal any more, so nobody knows what was seen, printed and told."""
    paid = {letter.lower() for letter in world.books.paid}
    return replace(world, till=AT_OUR_POS, told=(), concerns=(), seen=frozenset(), may_be_out=world.may_be_out | paid)


def restart(world: World) -> World:
    """What the journal kept, and a new start. Doorbells that were not acknowledged are still under way."""
    if isinstance(world.printing, duties.Print):
        world = replace(world, may_be_out=world.may_be_out | {world.printing.order.reference})
    journal = Journal(Path(":memory:"))
    journal.save(Durable(), world.till.durable)
    durable = journal.load("us", world.now)
    journal.close()
    till = Till.resume(SETTINGS, replace(durable, history=world.till.history), world.now)
    return start(replace(world, till=till))


def start(world: World) -> World:
    world = replace(written(world), paying=(), printing=None, questions=())
    return learn(learn(world, events.Started()), events.BrokerConnected())
