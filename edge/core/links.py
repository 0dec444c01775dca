"""The till's links: who rings, whether we would hear it, and how we look for ourselves when nobody does. Pure.

No link is trusted. Whenever one comes or goes the till looks around; while none rings, it looks often. That a
subscription works is proved only by a ping that the relay rings back: a broker grants what its rights forbid.
"""

from dataclasses import replace
from datetime import timedelta

from edge.core import duties, events
from edge.core.remote import obey
from edge.core.state import Concern, Till, without

SWEEP_OVERLAP = timedelta(hours=1)
"""A payment is listed under the date of its creation; its approval may come later."""
FAR = timedelta(days=3)
FAR_EVERY = 3600.0
PING_EVERY = 300.0
PING_AGAIN = 30.0
"""After one that was not rung back."""
PING_PATIENCE = 10.0
"""How long an echo may take. Seconds, as all these."""

# --- what is owed to the broker ------------------------------------------------------------------------------------


def report_duty(till: Till) -> tuple[int, duties.Report] | None:
    """What we owe the relay now: outcomes, one after the other, each until it is acknowledged."""
    return next(iter(till.reports.items()), None) if till.broker_up else None


def ping_duty(till: Till, now: float) -> int | None:
    """The number of the ping that is owed now."""
    return till.echo.number + 1 if till.broker_up and now >= till.echo.due_at else None


# --- what a fact teaches -------------------------------------------------------------------------------------------


def take_link_event(till: Till, event: events.LinkEvent, now: float) -> Till:
    """The till after an event of its links, save a doorbell."""
    match event:
        case events.BrokerConnected():
            till = replace(till, broker_up=True, broker_why="", echo=replace(till.echo, sent_at=None, due_at=now))
            return look_around(till, now)
        case events.BrokerLost(why, twins):
            till = till.alarm(Concern.TWINS) if twins else till
            till = look_around(till, now) if till.broker_up else till
            return replace(till, broker_up=False, broker_why=why)
        case events.RelaySeen(online):
            before, till = till, replace(till, relay_up=online, relay_speaks=True)
            return look_around(till, now) if online != before.relay_up else till
        case events.PingSent(number):
            return replace(till, echo=replace(till.echo, number=number, sent_at=now, due_at=now + PING_EVERY))
        case events.PingEchoed(number):
            return _take_echo(till, number, now)
        case events.ReportDelivered(number):
            return replace(till, reports=without(till.reports, number))
        case events.MessageDropped():
            return replace(till, dropped_messages=till.dropped_messages + 1)
        case events.CommandCame():
            till = look_again(till, now) if event.command is duties.Command.CHECK_NOW else till
            return obey(till, event, now)
        case events.Replied():
            return replace(till, replies=till.replies[1:])


def _take_echo(till: Till, number: int, now: float) -> Till:
    if till.echo.sent_at is None or number != till.echo.number:
        return till  # a late one, or told twice
    was_deaf = till.deaf
    till = replace(till, echo=replace(till.echo, sent_at=None, round_trip=now - till.echo.sent_at, missed=0))
    return look_around(till, now) if was_deaf else till


def miss_echo(till: Till, now: float) -> Till:
    """A ping that was not rung back in time: ask again sooner."""
    echo = till.echo
    if echo.sent_at is None or now - echo.sent_at < PING_PATIENCE:
        return till
    return replace(
        till, echo=replace(echo, sent_at=None, due_at=now + PING_AGAIN, round_trip=None, missed=echo.missed + 1)
    )


# --- looking for ourselves -----------------------------------------------------------------------------------------


def look_around(till: Till, now: float) -> Till:
    """Look at the till and at what was paid there."""
    till = till.owe(duties.LookAtTill(), now)
    return till.owe(sweep(till), now) if till.pos_id else till


def look_again(till: Till, now: float) -> Till:
    """Whatever waits for its time is done now."""
    till = replace(till, api=replace(till.api, retry_at=now), printer=replace(till.printer, look_at=now, retry_at=now))
    for duty in till.agenda:
        till = till.owe(duty, now)
    return look_around(till, now)


def sweep(till: Till) -> duties.Sweep:
    """The sweep that takes up where the last one ended."""
    return duties.Sweep(till.pos_id, till.swept_until - SWEEP_OVERLAP if till.swept_until else None)


def sweep_again(till: Till, now: float) -> Till:
    """When to sweep next; once an hour further back, for a payment may be under review for days."""
    far_at = now if till.swept_far_at is None else till.swept_far_at
    if now - far_at < FAR_EVERY or till.swept_until is None or till.known_since is None:
        return replace(till, swept_far_at=far_at).owe(sweep(till), now + _sweep_every(till))
    since = max(till.swept_until - FAR, till.known_since - SWEEP_OVERLAP)
    return replace(till, swept_far_at=now).owe(duties.Sweep(till.pos_id, since), now)


def look_every(till: Till) -> float:
    """Seconds from one look at the till to the next."""
    if till.selling_blind:
        return till.settings.outage_every
    return 2 * till.settings.check_every if till.loaded else till.settings.idle_every


def _sweep_every(till: Till) -> float:
    return till.settings.outage_every if till.selling_blind else till.settings.idle_every
