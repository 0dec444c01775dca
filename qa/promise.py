"""What the explorer checks: in every world, and where all has become quiet."""

from edge.core import duties, events
from edge.core.duties import Cause
from edge.core.events import Trouble
from edge.core.lifecycle import Stage
from edge.core.links import ping_duty
from edge.core.notices import TOLD_OTHERWISE, Concern
from edge.core.order import Verdict
from edge.core.page import Placed
from edge.core.printing import printer_duty
from edge.core.questions import question_duty
from edge.core.status import signal
from edge.core.till import payment_duty, step
from edge.core.timer import due_at
from qa.world import Broken, World

PROMPT_S = 10.0
"""How long a customer waits at most while only a question is refused that the ticket doesn't need."""
FOR_EVER_S = 1e6
SHORTLY_S = 0.01
ALWAYS_ASKED = ("Sweep", "LookAtTill")


def check(world: World) -> None:
    """What must hold in every world. Raises `Broken`."""
    for reference in {reference for reference, _, _ in world.paper}:
        check_tickets(reference, world)
    for letter in world.books.cancelled:
        if "hold" not in world.acts or not {f"announce {letter}", f"put {letter}"} & set(world.acts):
            raise Broken(f"{letter} was cancelled by its id, and nobody meant it")
    for order in world.till.orders:
        if order.stage is Stage.PRINTED and order.reference not in world.proved:
            raise Broken(f"{order.reference} is called printed and nobody proved it")
        if order.stage is Stage.CANCELLED and world.books.on_till == order.reference:
            raise Broken(f"{order.reference} is called cancelled and is on the till")
        wanted = {"hold", f"call off {order.reference}"} & set(world.acts)
        if order.stage in (Stage.CANCELLING, Stage.CANCELLED) and not wanted:
            raise Broken(f"{order.reference} is being cancelled, and nobody held the button")
    check_concerns(world)
    check_heard(world)
    check_sleep(world)


def check_question(world: World, duty: duties.PaymentDuty) -> None:
    """An order that was given up, or that another world has forgotten, isn't put on the till."""
    if isinstance(duty, duties.PutOrder):
        placing = world.till.page.placings.get(duty.order.reference)
        if placing is None or placing.result is not Placed.ASKED:
            raise Broken(f"{duty.order.reference} is put on the till, and nobody waits for it")


def check_sleep(world: World) -> None:
    """A loop that sleeps until `due_at` misses nothing: up to that moment nothing changes by itself."""
    till, now = world.till, world.now
    if payment_duty(till, now) or printer_duty(till, now):
        return
    moment = due_at(till, now)
    before = now + FOR_EVER_S if moment is None else moment - SHORTLY_S
    if before <= now:
        return
    later = step(till, events.Ticked(), before)
    if later != till or signal(later, before) is not signal(till, now):
        raise Broken(f"the till changes by itself before {moment}")
    if payment_duty(later, before) or printer_duty(later, before) or ping_duty(later, before) != ping_duty(till, now):
        raise Broken(f"something is due before {moment}")


def check_tickets(reference: str, world: World) -> None:
    """The tickets of one order: with money that was ours, one of them unmarked, marked only if there may be another."""
    tickets = [each for each in world.paper if each[0] == reference]
    if sum(not marked for _, marked, _ in tickets) > 1:
        raise Broken(f"two unmarked tickets of {reference}")
    if not any(letter.lower() == reference for letter in world.books.paid):
        raise Broken(f"a ticket of {reference} and no money")
    if reference in world.books.strange:
        raise Broken(f"a ticket of {reference}, which was never sold here")
    if tickets[0][1] and reference not in world.may_be_out:
        raise Broken(f"{reference}'s first ticket is marked as a copy")


def check_concerns(world: World) -> None:
    """Each has one slip, or repetitions that are marked; and nobody's press wipes what was never on paper."""
    unmarked = [notice for notice, marked, _ in world.concerns if not marked]
    if len(unmarked) > len(set(unmarked)):
        raise Broken("two unmarked slips of one concern")
    on_slips = {notice for notice, _, _ in world.concerns}
    if wiped := [notice.concern for notice in world.till.notices.seen if notice not in on_slips]:
        raise Broken(f"nobody was told of {wiped} on paper, and it is called seen")


def check_heard(world: World) -> None:
    """Each sale is heard at most once, after its ticket came out, and never for a copy."""
    if len(world.heard) > len(set(world.heard)):
        raise Broken("a sale is heard twice")
    unmarked = {reference for reference, marked, complete in world.paper if complete and not marked}
    if strange := set(world.heard) - unmarked:
        raise Broken(f"{strange} is heard, and has no ticket but a copy")


def check_answer(before: World, after: World) -> None:
    """A gesture answers only what is on paper, and only where no order is on the till."""
    asked = before.till.questions.asked
    if asked is None or after.till.questions.asked == asked:
        return
    if before.books.on_till:
        raise Broken("a gesture answered a slip while an order was on the till")
    if not before.idle:
        raise Broken("a gesture answered a slip while something was sold")
    if asked not in before.questions:
        raise Broken("a gesture answered a slip that was not on paper")


def check_prompt(begin: World, later: World) -> None:
    """Whoever is refused one question answers the others: no customer waits for what the ticket doesn't need."""
    if not begin.books.refuses or begin.faults or later.now - begin.now < PROMPT_S:
        return
    missing = without_ticket(later)
    if begin.books.refuses == "ReadPayment":  # then it is ours only by the reference that was seen here
        missing = [letter for letter in missing if letter.lower() in begin.seen]
    if missing:
        raise Broken(f"{missing} waits for its ticket because {begin.books.refuses} is refused")


def without_ticket(world: World) -> list[str]:
    """The orders of ours that are paid and have no whole ticket, and whose ticket was not swallowed either."""
    done = {reference for reference, _, complete in world.paper if complete} | {*world.swallowed, *world.books.strange}
    return [letter for letter in world.books.paid if letter.lower() not in done]


def check_end(world: World) -> None:
    """What must hold when all is quiet. Raises `Broken`."""
    named = {notice.reference for notice, _, complete in world.concerns if complete}
    for letter in without_ticket(world):
        unplaceable = letter in world.books.nowhere or world.books.refuses == "ReadPayment"
        if world.books.refuses == "Sweep" and world.faults and letter.lower() not in world.seen:
            continue  # its doorbell was lost, and nothing else leads to it; a slip says what is refused
        if letter.lower() in world.seen or not unplaceable or letter.lower() not in named:
            raise Broken(f"{letter} is paid and has no ticket")
    for letter in world.books.nowhere:
        if letter in world.books.strange and letter not in named:
            raise Broken(f"nobody was told that {letter} names no place")
    if world.swallowed and not any(notice.concern is Concern.SILENT_PRINTER for notice, _, _ in world.concerns):
        raise Broken("a ticket was swallowed, and nobody was told to look")
    for reference in world.held:
        order = world.till.orders.get(reference)
        if order is None or order.stage in (Stage.CANCELLING,):
            raise Broken(f"the button was held for {reference}, and nothing came of it")
    if world.till.orders.in_stage(Stage.PAID, Stage.PRINTING):
        raise Broken("a ticket is still owed")
    check_all_told(world)


def check_all_told(world: World) -> None:
    """Whatever a person must look at, or mend, is on paper; and what is over is not said any more."""
    told = {notice for notice, _, complete in world.concerns if complete}
    for notice in (*world.till.notices, *world.till.notices.seen):
        if notice.concern not in TOLD_OTHERWISE and notice not in told:
            raise Broken(f"a person must look at {notice.concern} {notice.reference}, and no slip says so")
        if (
            notice.reason == Verdict.NO_PLACE
            and notice.reference not in world.books.nowhere
            and not world.books.refuses
        ):
            raise Broken(f"{notice.reference} names its place")
    forbidden = Trouble.FORBIDDEN in world.till.agenda.refusals.values() or world.books.refuses in ALWAYS_ASKED
    begun = world.till.failures.last_slip_at.keys() | {cause for cause, _ in world.told}
    if forbidden and Cause.WRONG_APPLICATION not in begun:
        raise Broken("a question is refused for ever, and no slip says so")
    if world.till.link.broker_trouble or any(notice.concern is Concern.TWINS for notice in world.till.notices):
        raise Broken("the broker is well again, and still called names")
    if question_duty(world.till) or (world.till.questions.out and world.till.questions.asked not in world.questions):
        raise Broken("a question about the printer was never put on paper")
