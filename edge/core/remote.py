"""What support may ask of a till from afar, and what it is answered. Pure.

None of this moves money, cancels an order or makes an unmarked ticket: whoever can write to the broker could do it.
Nor can they use up the paper or what may be asked of Mercado Pago: each command is done a few times, then now and then.
"""

from dataclasses import replace

from edge.core import duties, events
from edge.core.budget import Budget, Rate
from edge.core.lifecycle import Order, Stage
from edge.core.links import look_again
from edge.core.lookup import candidates, find
from edge.core.printing import reprint
from edge.core.reconciliation import ask_day, is_closing
from edge.core.state import Till

IDENTIFY_S = 15.0
"""How long the lights wave."""
COMMANDS = Rate(every_s=30.0, burst=5)
"""How often one command is done."""
PRINTING = (duties.Command.TEST_TICKET, duties.Command.REPRINT, duties.Command.END_OF_DAY)
"""Commands that use paper."""


def handle_command(till: Till, command: events.CommandCame, now: float) -> Till:
    """Do what was asked, as far as it may be done, and owe a reply. Only what is done is counted."""
    share = duties.Command.TEST_TICKET if command.command in PRINTING else command.command
    budget = till.link.commands.get(share, Budget())
    if not budget.allows(COMMANDS, now):
        wait_s = budget.free_at(COMMANDS, now) - now
        return _reply(till, command, False, f"too many commands; try again in {max(1, round(wait_s))} seconds")
    after = _carry_out(till, command, now)
    if not after.outbox.replies[-1].done:
        return after
    commands = {**after.link.commands, share: budget.spend(COMMANDS, now)}
    return replace(after, link=replace(after.link, commands=commands))


def _carry_out(till: Till, command: events.CommandCame, now: float) -> Till:
    match command.command:
        case duties.Command.IDENTIFY:
            till = replace(till, link=replace(till.link, identify_until=now + IDENTIFY_S))
            return _reply(till, command, True, f"the lights wave for {IDENTIFY_S:g} seconds")
        case duties.Command.CHECK_NOW:
            agenda, at = till.agenda.plan_look(now)
            till = look_again(replace(till, agenda=agenda), at)
            return _reply(till, command, True, "looking at the till, at its payments and at the printer")
        case duties.Command.REPORT:
            return _reply(till, command, True, "")
        case duties.Command.TEST_TICKET:
            return _test(till, command)
        case duties.Command.REPRINT:
            return _reprint(till, command)
        case duties.Command.END_OF_DAY:
            return _close_day(till, command, now)


def _reply(till: Till, command: events.CommandCame, done: bool, text: str) -> Till:
    return replace(till, outbox=till.outbox.reply(duties.Reply(command.reply_to, command.command, done, text)))


def _test(till: Till, command: events.CommandCame) -> Till:
    paper, test = till.printer.paper, duties.PrintTest()
    if not paper.prints:
        return _reply(till, command, False, f"the printer can't print now: {paper}")
    if test in till.printer.slips:
        return _reply(till, command, False, "a test slip is on its way already")
    return _reply(replace(till, printer=till.printer.owe(test)), command, True, "a test slip is printed")


def _reprint(till: Till, command: events.CommandCame) -> Till:
    """Only an order that has its ticket: a first ticket comes by itself, or when somebody at the till asks for it."""
    found = _meant(till, command)
    if not found:
        return _reply(till, command, False, _unknown(command))
    if len(found) > 1:
        return _reply(till, command, False, f"{command.find!r} may be each of these: {candidates(found)}")
    [order] = found
    if order.stage not in (Stage.PRINTED, Stage.UNCONFIRMED):
        return _reply(till, command, False, f"{order.reference} is {order.stage}: there is no ticket to copy")
    return _reply(reprint(till, order.reference), command, True, f"a marked copy is printed of {order.reference}")


def _unknown(command: events.CommandCame) -> str:
    wanted = command.reference or command.find
    return f"this till knows no order {wanted!r}" if wanted or not command.last else "no ticket has come out here yet"


def _meant(till: Till, command: events.CommandCame) -> list[Order]:
    """The orders that the command may mean. `external_reference` means exactly what it says, as it always did."""
    last = till.printer.last_ticket if command.last and not (command.reference or command.find) else None
    order = till.orders.get(command.reference or (last.reference if last else None))
    if order or command.reference or not command.find:
        return [order] if order else []
    return find(till.orders, (*till.notices, *till.notices.seen), command.find)


def _close_day(till: Till, command: events.CommandCame, now: float) -> Till:
    """One day at a time: whoever can write to the broker could ask for a thousand."""
    if is_closing(till):
        return _reply(till, command, False, "the slip of a day is on its way already")
    today = till.sweeps.today(till.settings.timezone, now)
    day = command.day or today
    if day and today and day > today:
        return _reply(till, command, False, f"{day} is still to come: here it is {today}")
    if day is None:
        return _reply(till, command, False, "today's date isn't known yet: name the day")
    text = f"the slip of {day} is printed as soon as Mercado Pago has answered"
    return _reply(ask_day(till, day, now), command, True, text)
