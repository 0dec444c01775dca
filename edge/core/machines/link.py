"""Whether doorbells would reach the till: broker, relay, and the echo that alone proves it. Pure.

A broker grants a subscription that its rights forbid, so the till pings: the relay rings each ping back as a doorbell.
"""

from dataclasses import dataclass, field, replace

PING_EVERY_S = 300.0
PING_AGAIN_S = 30.0
"""After a ping that wasn't echoed."""
ECHO_TIMEOUT_S = 10.0
DEAF_AFTER_MISSES = 2


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


@dataclass(frozen=True)
class Link:
    """How the links are, as far as the broker's thread heard. Not kept over a restart."""

    broker_up: bool = False
    broker_error: str = ""
    """Why there is no connection, for people."""
    relay_up: bool = True
    """Until we hear otherwise: a shop's own relay may never publish its status."""
    relay_speaks: bool = False
    """It published its status, so it also rings pings back."""
    echo: Echo = field(default_factory=Echo)
    dropped_messages: int = 0
    """Messages on our topics that could not be read, since the start."""
    identify_until: float | None = None
    """Until when the lights wave, because support asked which till this is."""

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
        return replace(self, broker_up=True, broker_error="", echo=replace(self.echo, sent_at=None, due_at=now))

    def lost(self, error: str) -> "Link":
        return replace(self, broker_up=False, broker_error=error)

    def relay_seen(self, online: bool) -> "Link":
        return replace(self, relay_up=online, relay_speaks=True)

    def ping_sent(self, number: int, now: float) -> "Link":
        return replace(self, echo=replace(self.echo, number=number, sent_at=now, due_at=now + PING_EVERY_S))

    def ping_echoed(self, number: int, now: float) -> "Link":
        """The echo of the last ping; any other is late, or came twice."""
        if self.echo.sent_at is None or number != self.echo.number:
            return self
        round_trip_s = now - self.echo.sent_at
        return replace(self, echo=replace(self.echo, sent_at=None, round_trip_s=round_trip_s, missed=0))

    def ping_overdue(self, now: float) -> bool:
        return self.echo.sent_at is not None and now - self.echo.sent_at >= ECHO_TIMEOUT_S

    def ping_missed(self, now: float) -> "Link":
        missed = self.echo.missed + 1
        echo = replace(self.echo, sent_at=None, due_at=now + PING_AGAIN_S, round_trip_s=None, missed=missed)
        return replace(self, echo=echo)
