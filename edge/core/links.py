"""What news of the links means, and how the till looks for itself when nobody rings. Pure.

No link is trusted. Whenever one comes or goes the till looks around; while none rings, it looks often.
"""

from dataclasses import replace

from edge.core import duties, events
from edge.core.machines.notices import Concern
from edge.core.remote import handle_command
from edge.core.state import Till

# --- what is owed to the broker ------------------------------------------------------------------------------------


def report_duty(till: Till) -> tuple[int, duties.Report] | None:
    """The outcome that is owed to the relay now, with its number. Each is owed until the broker acknowledges it."""
    return till.outbox.next_report if till.link.broker_up else None


def ping_duty(till: Till, now: float) -> int | None:
    """The number of the ping that is owed now."""
    return till.link.ping_due(now)


# --- what a fact teaches -------------------------------------------------------------------------------------------


def on_link_event(till: Till, event: events.LinkEvent, now: float) -> Till:
    """The till after an event of its links, except a doorbell."""
    match event:
        case events.BrokerConnected():
            return look_around(replace(till, link=till.link.connected(now)), now)
        case events.BrokerLost():
            return _on_broker_lost(till, event, now)
        case events.RelaySeen(online):
            changed = online != till.link.relay_up
            till = replace(till, link=till.link.relay_seen(online))
            return look_around(till, now) if changed else till
        case events.PingSent(number):
            return replace(till, link=till.link.ping_sent(number, now))
        case events.PingEchoed(number):
            was_deaf = till.link.deaf
            till = replace(till, link=till.link.ping_echoed(number, now))
            return look_around(till, now) if was_deaf and not till.link.deaf else till
        case events.ReportDelivered(number):
            return replace(till, outbox=till.outbox.delivered(number))
        case events.MessageDropped():
            return replace(till, link=replace(till.link, dropped_messages=till.link.dropped_messages + 1))
        case events.CommandCame():
            till = look_again(till, now) if event.command is duties.Command.CHECK_NOW else till
            return handle_command(till, event, now)
        case events.Replied():
            return replace(till, outbox=replace(till.outbox, replies=till.outbox.replies[1:]))


def _on_broker_lost(till: Till, lost: events.BrokerLost, now: float) -> Till:
    till = till.alarm(Concern.TWINS) if lost.twins else till
    till = look_around(till, now) if till.link.broker_up else till
    return replace(till, link=till.link.lost(lost.why))


def miss_echo(till: Till, now: float) -> Till:
    """A ping that wasn't echoed in time is sent again soon; the second one in a row makes the till poll."""
    return replace(till, link=till.link.ping_missed(now)) if till.link.ping_overdue(now) else till


# --- looking for ourselves -----------------------------------------------------------------------------------------


def look_around(till: Till, now: float) -> Till:
    """Look at the till, and at what was paid there."""
    till = till.owe(duties.LookAtTill(), now)
    return till.owe(till.sweeps.next, now) if till.history.pos_id else till


def look_again(till: Till, now: float) -> Till:
    """Do now whatever waits for its time."""
    api = replace(till.api, retry_at=now)
    till = replace(till, api=api, printer=replace(till.printer, look_at=now, retry_at=now))
    for duty in till.agenda.due:
        till = till.owe(duty, now)
    return look_around(till, now)


def sweep_later(till: Till, now: float) -> Till:
    """A sweep is done: plan the next one."""
    every_s = till.settings.outage_every_s if till.link.must_poll else till.settings.idle_every_s
    sweeps, sweep, at = till.sweeps.plan(every_s, now)
    return replace(till, sweeps=sweeps).owe(sweep, at)


def look_later(till: Till, now: float) -> Till:
    """The till was looked at: plan the next look."""
    return till.owe(duties.LookAtTill(), now + _look_every_s(till))


def _look_every_s(till: Till) -> float:
    if till.link.must_poll:
        return till.settings.outage_every_s
    return 2 * till.settings.check_every_s if till.cashier.loaded else till.settings.idle_every_s
