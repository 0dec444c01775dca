"""The world of the explorer: till, paper and Mercado Pago's books at one moment; and what Mercado Pago answers in it.

Orders are known by one letter, and so are their merchant orders. A payment is known by the letter of its order.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from edge.core import duties, events
from edge.core import till as core
from edge.core.calibration import Calibration
from edge.core.notices import Notice
from edge.core.order import Item, MerchantOrder, Payment, WantedOrder
from edge.core.settings import Settings
from edge.core.sounds import sound_duty
from edge.core.state import Durable, Till
from edge.core.status import Signal, signal
from edge.core.sweeps import History, Sweeps
from edge.daemon.loop import KEPT_AT_ONCE

USER, POS, NEIGHBOUR, EXTERNAL_POS = "1", "55001", "55002", "SUC001POS003"
SETTINGS = Settings(USER, EXTERNAL_POS, plays=True)
AT_OUR_POS = Till(SETTINGS, sweeps=Sweeps(History(POS)))
DATE = datetime(2026, 3, 2, 21, 39, 20, tzinfo=UTC)
WRONG_HOURS = {"ahead": timedelta(days=73 * 365), "behind": timedelta(days=-6 * 365)}


@dataclass(frozen=True)
class Books:
    """What Mercado Pago knows, and what it refuses to say."""

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
    nowhere: tuple[str, ...] = ()
    """Those whose payment names no point of sale."""
    strange: tuple[str, ...] = ()
    """Those that were never at our point of sale: sold online, or at another till of the same account."""
    refuses: str = ""
    """The kind of question that our application may not ask."""
    hour: str = ""
    """How the clock is wrong that the next sweep hears."""
    misled: bool = False
    """The last sweep heard a wrong one."""


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
    questions: tuple[Calibration, ...] = ()
    """Slips that ask how the printer prints."""
    paying: tuple[duties.PaymentDuty, ...] = ()
    """The questions that are out."""
    printing: duties.Print | duties.PrintFailure | duties.PrintConcern | duties.PrintCalibration | None = None
    rings: tuple[str, ...] = ()
    """Doorbells under way."""
    proved: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Orders for which the button was held."""
    swallowed: tuple[str, ...] = ()
    """Tickets that the printer took and lost: nobody can know, so a person must be told."""
    heard: tuple[str, ...] = ()
    """Sales that were heard, each time; by the loudspeaker, that is, which plays at once."""
    seen: frozenset[str] = frozenset()
    """Orders that the till saw at its point of sale, as far as its journal goes back."""
    may_be_out: frozenset[str] = frozenset()
    """Orders of which the till can't know whether their ticket came out."""
    unknown: Calibration | None = None
    """What is not known of the printer that is there."""
    idle: bool = False
    """Nothing was being sold when a finger last came down."""
    slow_disk: bool = False
    """Whether it matters that the journal is written a moment later."""
    disk: Durable | None = None
    """What the journal has, where it lags behind the till."""
    unsettled: tuple[str, ...] = ()
    """Doorbells that are not acknowledged, so that they come again after a power cut."""
    faults: int = 0
    acts: tuple[str, ...] = ()
    """What customer and shop did already; each act happens once."""
    now: float = 0.0


class Broken(AssertionError):
    """A world in which the promise does not hold, and how it came about."""


def learn(world: World, event: events.Event) -> World:
    """The till hears this; and what it can know from here on."""
    till = core.step(world.till, event, world.now)
    if world.slow_disk:
        world = written(world) if is_kept_at_once(world.till, till, event) else lagging(world, till)
    seen = world.seen | ({till.cashier.loaded} if till.cashier.loaded else set())
    is_new = None in (world.till.history.complete_since, till.history.complete_since)
    paid = {letter.lower() for letter in world.books.paid} if is_new or world.books.misled else set()
    return listen(replace(world, till=till, seen=seen, may_be_out=world.may_be_out | paid))


def listen(world: World) -> World:
    """Whatever is to be heard is heard at once. Of a sale the light says so."""
    while isinstance(play := sound_duty(world.till), duties.Play):
        if world.heard.count(play.reference) > 1:
            raise Broken(f"{play.reference} is heard again and again")
        if play.sign is duties.Heard.PAID:
            if signal(world.till, world.now) not in (Signal.PAID, Signal.HOLDING):
                raise Broken(f"{play.reference} is heard, and the light doesn't say paid")
            world = replace(world, heard=(*world.heard, play.reference))
        world = replace(world, till=core.step(world.till, events.SoundBegun(play), world.now))
    return world


def is_kept_at_once(before: Till, after: Till, event: events.Event) -> bool:
    """Whether the loop writes before it does anything else."""
    changes = isinstance(event, events.Asked) and isinstance(event.duty, duties.Cancel)
    begins = before.history.complete_since is None and after.history.complete_since is not None
    begins = begins or after.notices.seen is not before.notices.seen
    begun = isinstance(event, (events.TicketBegun, events.SlipBegun, *KEPT_AT_ONCE))
    return changes or begins or begun


def lagging(world: World, after: Till) -> World:
    """The journal has what was there before this event."""
    changed = world.disk is None and after.durable != world.till.durable
    return replace(world, disk=world.till.durable) if changed else world


def written(world: World) -> World:
    """The journal has all, and what waited for that is acknowledged."""
    return replace(world, disk=None, unsettled=())


# --- Mercado Pago --------------------------------------------------------------------------------------------------


def date(payments: int) -> datetime:
    """Mercado Pago's clock after so many payments: it is these that tell one moment from the next."""
    return DATE + timedelta(minutes=payments)


def paid_at(letter: str, books: Books) -> datetime:
    return date(books.paid.index(letter)) + timedelta(seconds=1)


def reading(letter: str, books: Books) -> MerchantOrder:
    paid = letter in books.paid
    when = paid_at(letter, books) if paid else DATE
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


def place(letter: str, books: Books) -> str:
    """The point of sale that a payment names."""
    if letter in books.nowhere:
        return ""
    return NEIGHBOUR if letter in books.strange else POS


MAY_NOT = events.Unreachable(events.Trouble.FORBIDDEN, "the application may not ask this")


def answer(duty: duties.PaymentDuty, books: Books) -> tuple[events.Answer, Books]:
    """What Mercado Pago answers, and its books afterwards."""
    if type(duty).__name__ == books.refuses:
        return MAY_NOT, books
    match duty:
        case duties.FindPos():
            return events.PosFound(POS), books
        case duties.Verify(identity) if identity.startswith("#"):
            return events.MerchantOrderRead(reading_by_id(identity[1:], books)), books
        case duties.Verify(letter):
            found = letter in known(books)
            return (events.MerchantOrderRead(reading(letter, books)) if found else events.NotFound()), books
        case duties.ReadPayment(identity):
            letter = identity[1:]
            found = letter in books.paid
            return (events.PaymentRead(identity, place(letter, books), letter) if found else events.NotFound()), books
        case duties.Search(reference, handle):
            return events.OrdersFound(reference, readings(reference, books, handle)), books
        case duties.LookAtTill(announced) if books.by_id:
            return seen_by_id(announced, books), books
        case duties.LookAtTill():
            return events.TillSeen(books.on_till or None), books
        case duties.Cancel(reference, handle) if handle:
            return cancel_by_id(reference, handle, books)
        case duties.ListLatest(pos_id):
            listed = {f"p{letter}": letter for letter in books.paid if place(letter, books) == pos_id}
            return events.LatestListed(pos_id, listed), books
        case duties.Sweep(_, since):
            return sweep(since, books), replace(books, hour="", misled=bool(books.hour))
        case duties.Cancel(reference):
            return cancel(reference, books)
        case duties.PutOrder(order):
            return put(order.reference, books)


def wanted(letter: str) -> WantedOrder:
    """What the till's page wants on the till."""
    return WantedOrder(letter, "x", Decimal(1), (Item("x", Decimal(1), Decimal(1)),))


def put(reference: str, books: Books) -> tuple[events.Answer, Books]:
    """The client looks first, so that no order is put over another; a reference can be used once."""
    if books.on_till == reference:
        return events.OrderPut(events.TillSeen(reference)), books
    if books.on_till:
        return events.OrderNotPut(reference, events.PutRefusal.OCCUPIED, books.on_till), books
    if reference in known(books):
        return events.OrderNotPut(reference, events.PutRefusal.USED), books
    return events.OrderPut(events.TillSeen(reference)), replace(books, on_till=reference)


def sweep(since: datetime | None, books: Books) -> events.Swept:
    """What was approved in the time that is asked for, as the client asks for it by the hour that it hears."""
    until = date(len(books.paid)) + WRONG_HOURS.get(books.hour, timedelta(0))
    begin = since or until - timedelta(minutes=duties.Sweep.FIRST_MINUTES)
    begin = until - timedelta(minutes=duties.Sweep.MISTRUSTED_MINUTES) if begin > until else begin
    end = until + timedelta(minutes=1)
    listed = [letter for letter in books.paid if begin <= paid_at(letter, books) <= end]
    ours = {f"p{letter}": letter for letter in listed if place(letter, books) != NEIGHBOUR}
    unplaced = frozenset(payment for payment, letter in ours.items() if not place(letter, books))
    return events.Swept(POS, until, ours, unplaced=unplaced)


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
