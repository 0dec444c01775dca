"""What support may ask of a till from afar, and what it is answered. Pure.

None of this moves money, cancels an order or makes an unmarked ticket: whoever can write to the broker could do it.
"""

from dataclasses import replace

from edge.core import duties, events
from edge.core.lifecycle import Stage
from edge.core.printing import reprint
from edge.core.reconciliation import ask_day, being_closed, today
from edge.core.state import Till

IDENTIFY = 15.0
"""How long the lights wave. Seconds."""


def obey(till: Till, came: events.CommandCame, now: float) -> Till:
    """Do what was asked, as far as it may be, and owe an answer."""
    match came.command:
        case duties.Command.IDENTIFY:
            return _reply(
                replace(till, identify_until=now + IDENTIFY), came, True, f"the lights wave for {IDENTIFY:g} seconds"
            )
        case duties.Command.CHECK_NOW:
            return _reply(till, came, True, "looking at the till, at its payments and at the printer")
        case duties.Command.REPORT:
            return _reply(till, came, True, "")
        case duties.Command.TEST_TICKET:
            return _test(till, came)
        case duties.Command.REPRINT:
            return _reprint(till, came)
        case duties.Command.END_OF_DAY:
            return _close(till, came, now)


def _reply(till: Till, came: events.CommandCame, done: bool, text: str) -> Till:
    return replace(till, replies=(*till.replies, duties.Reply(came.reply_to, came.command, done, text)))


def _test(till: Till, came: events.CommandCame) -> Till:
    paper = till.printer.paper
    if not paper.prints:
        return _reply(till, came, False, f"the printer can't print now: {paper}")
    if duties.PrintTest() in till.slips:
        return _reply(till, came, False, "a test slip is on its way already")
    return _reply(replace(till, slips=(*till.slips, duties.PrintTest())), came, True, "a test slip is printed")


def _reprint(till: Till, came: events.CommandCame) -> Till:
    """Only what has its ticket: a first ticket comes by itself, or when somebody at the till asks for it."""
    order = till.order(came.reference)
    if order is None:
        return _reply(till, came, False, f"this till knows no order {came.reference!r}")
    if order.stage not in (Stage.PRINTED, Stage.UNCONFIRMED):
        return _reply(till, came, False, f"{came.reference} is {order.stage}: there is no ticket to copy")
    return _reply(reprint(till, came.reference), came, True, "a marked copy is printed")


def _close(till: Till, came: events.CommandCame, now: float) -> Till:
    """One day at a time: whoever can write to the broker could ask for a thousand."""
    if being_closed(till):
        return _reply(till, came, False, "the slip of a day is on its way already")
    present = today(till, now)
    day = came.day or present
    if day and present and day > present:
        return _reply(till, came, False, f"{day} is still to come: here it is {present}")
    if day is None:
        return _reply(till, came, False, "which day it is is not known yet: name the one that is meant")
    return _reply(ask_day(till, day, now), came, True, f"the slip of {day} is printed when Mercado Pago was asked")
