"""The till's links: whether doorbells would reach it, what news of the links means, and how it looks for itself. Pure.

No link is trusted. Whenever one comes or goes the till looks around; while none rings, it looks often. A broker grants
a subscription that its rights forbid, so the till pings: only a ping that the relay rings back proves the way, and it
does so whatever a broker of several nodes, each with retained messages of its own, says of the relay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.core import duties, events
from edge.core.budget import Budget
from edge.core.notices import Concern

if TYPE_CHECKING:
    from edge.core.state import Till

PING_EVERY_S = 300.0
PING_AGAIN_S = 30.0
"""After a ping that wasn't echoed."""
ECHO_TIMEOUT_S = 10.0
DEAF_AFTER_MISSES = 2
HOLDS_AFTER_S = 10.0
"""A session that lasted so long holds."""
PASSING = (events.BrokerTrouble.UNREACHABLE, events.BrokerTrouble.LOST)
"""These are over when there is a connection; any other trouble may end it again at once."""


@dataclass(frozen=True)
class Echo:
    """The till's pings and their echoes."""

    number: int = 0
    """Of the last ping."""
    sent_at: float | None = None
    """When it left; None if no echo is awaited."""
    due_at: float = 0.0
    """When the next ping is due."""
    round_trip_s: float | None = None
    """Of the last echo; None if the last ping had none."""
    missed: int = 0
    """Pings in a row without an echo."""

    @property
    def given_up_at(self) -> float:
        """Until when the echo of the ping that is out is awaited; long ago if none is."""
        return float("-inf") if self.sent_at is None else self.sent_at + ECHO_TIMEOUT_S


@dataclass(frozen=True)
class Link:
    """How the links are, as far as the broker's thread heard. Not kept over a restart."""

    broker_up: bool = False
    connected_at: float = 0.0
    """When the session began, if there is one."""
    broker_trouble: events.BrokerTrouble | None = None
    """What is wrong with the broker. It may let us in and throw us out again: only a session that holds ends that."""
    broker_error: str = ""
    """The same for people; "" if nothing is."""
    refused_reports: str = ""
    """Why the broker takes no reports; "" if it does, as far as we know."""
    missing_rights: tuple[str, ...] = ()
    """What the broker forbids us in this session, for people. The doorbells are never among it."""
    relay_up: bool = True
    """Until we hear otherwise: a shop's own relay may never publish its status."""
    relay_speaks: bool = False
    """It published its status, or rang a ping back, so it rings pings back."""
    echo: Echo = field(default_factory=Echo)
    dropped_messages: int = 0
    """Messages on our topics that could not be read, since the start."""
    identify_until: float | None = None
    """Until when the lights wave, because support asked which till this is."""
    commands: Mapping[duties.Command, Budget] = field(default_factory=dict)
    """What of each command's share is spent; those that print have one together, that of the test ticket."""

    @property
    def deaf(self) -> bool:
        """The relay is there, and its doorbells don't reach us."""
        return self.relay_speaks and self.relay_up and self.echo.missed >= DEAF_AFTER_MISSES

    @property
    def must_poll(self) -> bool:
        """Nobody rings, or we wouldn't hear it."""
        return not (self.broker_up and self.relay_up) or self.deaf

    def ping_due(self, now: float) -> int | None:
        """The number of the ping that is owed now."""
        return self.echo.number + 1 if self.broker_up and now >= self.echo.due_at else None

    def connected(self, now: float) -> "Link":
        echo = replace(self.echo, sent_at=None, due_at=now)
        link = replace(self, broker_up=True, connected_at=now, echo=echo, missing_rights=())
        return link.well() if self.broker_trouble in PASSING else link

    def lost(self, trouble: events.BrokerTrouble, error: str) -> "Link":
        return replace(self, broker_up=False, broker_trouble=trouble, broker_error=error)

    def well(self) -> "Link":
        return replace(self, broker_trouble=None, broker_error="")

    def holds(self, now: float) -> bool:
        return self.broker_up and now >= self.connected_at + HOLDS_AFTER_S

    def relay_seen(self, online: bool, now: float) -> "Link":
        """What is said of the relay. That it is gone may be an old message, and that it is back isn't heard by a deaf
        till: a ping tells, in the first case soon, in the other at once, or when the one that is out is given up."""
        if online:
            due_at = max(now, self.echo.given_up_at) if self.echo.missed else self.echo.due_at
        else:
            due_at = min(self.echo.due_at, now + ECHO_TIMEOUT_S)
        return replace(self, relay_up=online, relay_speaks=True, echo=replace(self.echo, due_at=due_at))

    def forbidden(self, what: str) -> "Link":
        return replace(self, missing_rights=tuple(sorted({*self.missing_rights, what})))

    def ping_sent(self, number: int, now: float) -> "Link":
        return replace(self, echo=replace(self.echo, number=number, sent_at=now, due_at=now + PING_EVERY_S))

    def ping_echoed(self, number: int, now: float) -> "Link":
        """The echo of the last ping, which a relay rang; any other is late, or came twice."""
        if self.echo.sent_at is None or number != self.echo.number:
            return self
        echo = replace(self.echo, sent_at=None, round_trip_s=now - self.echo.sent_at, missed=0)
        return replace(self, relay_up=True, relay_speaks=True, echo=echo)

    def ping_overdue(self, now: float) -> bool:
        return self.echo.sent_at is not None and now >= self.echo.given_up_at

    def ping_missed(self, now: float) -> "Link":
        missed = self.echo.missed + 1
        due_at = min(self.echo.due_at, now + PING_AGAIN_S)
        echo = replace(self.echo, sent_at=None, due_at=due_at, round_trip_s=None, missed=missed)
        return replace(self, echo=echo)


# --- what is owed to the broker ------------------------------------------------------------------------------------


def report_duty(till: "Till", now: float) -> tuple[int, duties.Report] | None:
    """The outcome that is owed to the relay now, with its number. Each is owed until the broker acknowledges it."""
    return till.outbox.next_report if till.link.broker_up and now >= till.outbox.retry_at else None


def ping_duty(till: "Till", now: float) -> int | None:
    """The number of the ping that is owed now."""
    return till.link.ping_due(now)


# --- what a fact teaches -------------------------------------------------------------------------------------------


def on_link_event(till: "Till", event: events.LinkEvent, now: float) -> "Till":
    """The till after an event of its links, except doorbells and commands."""
    match event:
        case events.BrokerConnected():
            return look_around(replace(till, link=till.link.connected(now)), now)
        case events.BrokerLost():
            return _on_broker_lost(till, event, now)
        case events.RelaySeen(online):
            changed = online != till.link.relay_up
            till = replace(till, link=till.link.relay_seen(online, now))
            return look_around(till, now) if changed else till
        case events.PingSent(number):
            return replace(till, link=till.link.ping_sent(number, now))
        case events.PingEchoed(number):
            had_to_poll = till.link.must_poll
            till = replace(till, link=till.link.ping_echoed(number, now))
            return look_around(till, now) if had_to_poll and not till.link.must_poll else till
        case events.ReportDelivered(number):
            link = replace(till.link, refused_reports="")
            return replace(till, link=link, outbox=till.outbox.delivered(number))
        case events.ReportRefused(number, why):
            link = replace(till.link, refused_reports=why)
            return replace(till, link=link, outbox=till.outbox.refused(number, now))
        case events.RightMissed(what):
            return replace(till, link=till.link.forbidden(what))
        case events.MessageDropped():
            return replace(till, link=replace(till.link, dropped_messages=till.link.dropped_messages + 1))
        case events.Replied():
            return replace(till, outbox=replace(till.outbox, replies=till.outbox.replies[1:]))


def _on_broker_lost(till: "Till", lost: events.BrokerLost, now: float) -> "Till":
    till = till.alarm(Concern.TWINS) if lost.trouble is events.BrokerTrouble.TWINS else till
    till = look_around(till, now) if till.link.broker_up else till
    return replace(till, link=till.link.lost(lost.trouble, lost.why))


def trust_broker(till: "Till", now: float) -> "Till":
    """A session that holds ends what was said of the broker that hung up."""
    mended = till.link.broker_trouble is not None and till.link.holds(now)
    return replace(till, link=till.link.well()) if mended else till


def miss_echo(till: "Till", now: float) -> "Till":
    """A ping that wasn't echoed in time is sent again soon; the second one in a row makes the till poll."""
    return replace(till, link=till.link.ping_missed(now)) if till.link.ping_overdue(now) else till


# --- looking for ourselves -----------------------------------------------------------------------------------------


def look_around(till: "Till", now: float) -> "Till":
    """Look at the till, and at what was paid there; if others cause that too often, a little later."""
    agenda, at = till.agenda.plan_look(now)
    return _look(replace(till, agenda=agenda), at)


def look_again(till: "Till", at: float) -> "Till":
    """Do at this moment whatever waits for a later one, and look around."""
    api = replace(till.api, retry_at=min(till.api.retry_at, at))
    printer = till.printer
    printer = replace(printer, look_at=min(printer.look_at, at), retry_at=min(printer.retry_at, at))
    till = replace(till, api=api, printer=printer)
    for duty in till.agenda.due:
        till = till.owe(duty, at)
    return _look(till, at)


def _look(till: "Till", at: float) -> "Till":
    till = till.owe(duties.LookAtTill(), at)
    return till.owe(till.sweeps.next, at) if till.history.pos_id else till


def sweep_later(till: "Till", now: float) -> "Till":
    """A sweep is done: plan the next one."""
    every_s = till.settings.outage_every_s if till.link.must_poll else till.settings.idle_every_s
    every_s *= till.agenda.pace.factor(now)
    sweeps, sweep, at = till.sweeps.plan(every_s, now)
    return replace(till, sweeps=sweeps).owe(sweep, at)


def look_later(till: "Till", now: float) -> "Till":
    """The till was looked at: plan the next look."""
    return till.owe(duties.LookAtTill(), now + _look_every_s(till) * till.agenda.pace.factor(now))


def _look_every_s(till: "Till") -> float:
    if till.link.must_poll:
        return till.settings.outage_every_s
    return 2 * till.settings.check_every_s if till.cashier.loaded else till.settings.idle_every_s
