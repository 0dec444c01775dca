"""The way by which doorbells come, tried with the till's own name: connection, TLS, password, subscription, and a ping.

Only while no daemon runs: two with one name throw each other out, and where the broker makes the user the client id, as
ours does, another client id is no other name. What waits for the daemon is not acknowledged, so it comes again.
"""

import queue
import time
from collections.abc import Iterator, Mapping
from typing import Any

from edge.config.schema import Config
from edge.config.values import is_loopback
from edge.core import events
from edge.core.links import ECHO_TIMEOUT_S
from edge.inbox import Inbox, Thread
from edge.install.check.findings import Cause, Finding, Part, blocked, failed, ok, skipped, warning
from edge.mqtt.session import Hurdle, MqttBroker

CONNECTED_WITHIN = 15.0
SLOW = 2000
"""Milliseconds from a ping to its doorbell."""
GOODBYE = 3.0
IN_FLIGHT = 20
"""Of unacknowledged messages mosquitto sends no more, so that an echo behind them doesn't come."""
STOP_IT = "to try it: systemctl stop till-edge, check again, systemctl start till-edge"


class Visit:
    """One session at the broker. Nothing of what comes is acknowledged."""

    def __init__(self, config: Config, version: str) -> None:
        self._inbox = Inbox()
        till, user = config.till.id, config.mercadopago.user_id
        self.broker = MqttBroker(config.broker, till, user, version, self._inbox)
        self._thread = Thread("broker", self.broker.loop, self._inbox)
        self.relay_online: bool | None = None
        self.waiting = 0
        """Doorbells that came for the daemon."""
        self._thread.start()

    def wait_for(self, *kinds: type[events.Event], seconds: float) -> events.Event | None:
        """The next event of these kinds, or None."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                arrival = self._inbox.get(timeout=left)
            except queue.Empty:
                return None
            event = getattr(arrival, "event", None)
            self._note(event)
            if isinstance(event, kinds):
                return event
        return None

    def _note(self, event: events.Event | None) -> None:
        if isinstance(event, events.RelaySeen):
            self.relay_online = event.online
        elif isinstance(event, events.DoorbellRang | events.CommandCame):
            self.waiting += 1

    def close(self) -> None:
        self.broker.close()
        self._thread.join(GOODBYE)


def check_broker(visit: Visit, config: Config, patience: float = ECHO_TIMEOUT_S) -> Iterator[Finding]:
    """Try the broker, then the relay behind it, which gets so many seconds to ring."""
    event = visit.wait_for(events.BrokerConnected, events.BrokerLost, seconds=CONNECTED_WITHIN)
    if isinstance(event, events.BrokerConnected):
        yield ok(Part.BROKER, f"{_address(config)} lets us in{_how(config)} and takes the subscription")
        yield _relay(visit, patience)
        return
    why = event.why if isinstance(event, events.BrokerLost) else f"{_address(config)}: no answer"
    if visit.broker.hurdle is Hurdle.ADDRESS and is_loopback(config.broker.host):
        yield from _without_relay()
        return
    cause, advice = HURDLES[visit.broker.hurdle]
    yield failed(Part.BROKER, cause, why, advice)
    yield blocked(Part.RELAY, Part.BROKER)


def _without_relay() -> Iterator[Finding]:
    """A broker on this machine that nobody runs is how a till is told that it has none."""
    seen = "no relay configured: sells by looking, some seconds slower"
    yield warning(Part.BROKER, Cause.NO_RELAY, seen, "if there should be one, write its broker.host")
    yield skipped(Part.RELAY, Cause.NO_RELAY, "not tried, for none is configured")


HURDLES = {
    Hurdle.ADDRESS: (
        Cause.BROKER_UNREACHABLE,
        "see that broker.host and broker.port are right and that the network lets us through",
    ),
    Hurdle.TLS: (
        Cause.NO_TLS,
        "see that broker.port is the one for TLS, broker.host the name in its certificate, and broker.tls.ca_file",
    ),
    Hurdle.LOGIN: (Cause.LOGIN_REFUSED, "enrol the till again: till-relay enroll"),
    Hurdle.SUBSCRIPTION: (Cause.SUBSCRIPTION_REFUSED, "see the till's rights at the broker"),
    Hurdle.NONE: (Cause.BROKER_LOST, "see that no other device has this till's identity"),
}


def _relay(visit: Visit, patience: float) -> Finding:
    """Ask the relay to ring: the only proof that what is rung reaches us."""
    began = time.monotonic()
    visit.broker.ping(1)
    event = visit.wait_for(events.PingEchoed, events.BrokerLost, seconds=patience)
    if isinstance(event, events.PingEchoed):
        return _heard((time.monotonic() - began) * 1000)
    if isinstance(event, events.BrokerLost):
        return failed(Part.RELAY, *_BROKEN, HURDLES[Hurdle.NONE][1])
    if visit.waiting >= IN_FLIGHT:
        seen = f"{visit.waiting} doorbells wait for the daemon, and the ping's may be behind them"
        return skipped(Part.RELAY, Cause.DOORBELLS_WAIT, seen, "start the daemon, and check again")
    return _silent(visit.relay_online)


_BROKEN = (Cause.BROKER_LOST, "the broker threw us out while we waited for the relay")


def _heard(milliseconds: float) -> Finding:
    value = f"{milliseconds:.0f} ms"
    if milliseconds > SLOW:
        return warning(Part.RELAY, Cause.RELAY_SLOW, f"a ping came back after {value}", "see the network", value)
    return ok(Part.RELAY, f"a ping came back as a doorbell in {value}", value)


def _silent(online: bool | None) -> Finding:
    if online is None:
        seen = "nobody says that he is the relay, and no ping came back: a relay of another kind, or none"
        return warning(Part.RELAY, Cause.RELAY_SILENT, seen, "see that till-relay runs and comes to this broker")
    if online:
        seen = "the relay is there, and what it rings doesn't reach us"
        return failed(Part.RELAY, Cause.RELAY_UNHEARD, seen, "see this till's rights at the broker, and topic_root")
    return failed(Part.RELAY, Cause.RELAY_OFFLINE, "the relay is offline", "start till-relay on its server")


# --- while the daemon is there -------------------------------------------------------------------------------------


def ask_daemon(status: Mapping[str, Any], config: Config) -> Iterator[Finding]:
    """What the running daemon says of its own session; it pings the relay every five minutes."""
    broker = str(status.get("broker", ""))
    if broker == "connected":
        yield ok(Part.BROKER, "the running daemon is connected, and subscribed")
        yield _relay_of_daemon(status)
    elif not broker:
        seen = "the running daemon has the till's place at the broker"
        yield skipped(Part.BROKER, Cause.DAEMON_RUNS, seen, STOP_IT)
        yield skipped(Part.RELAY, Cause.DAEMON_RUNS, seen)
    elif is_loopback(config.broker.host):
        yield from _without_relay()
    else:
        seen, advice = f"the running daemon says: {broker}", HURDLES[Hurdle.ADDRESS][1]
        yield failed(Part.BROKER, Cause.BROKER_UNREACHABLE, seen, advice)
        yield blocked(Part.RELAY, Part.BROKER)


def unanswered(status: Mapping[str, Any]) -> bool:
    """Whether the running daemon has been connected for less than a ping takes, or the relay knows none."""
    return (status.get("broker"), status.get("relay"), status.get("round_trip_ms")) == ("connected", "online", None)


def _relay_of_daemon(status: Mapping[str, Any]) -> Finding:
    trip = status.get("round_trip_ms")
    if isinstance(trip, int):
        return _heard(trip)
    return _silent({"unheard": True, "offline": False}.get(str(status.get("relay"))))


def _address(config: Config) -> str:
    return f"{config.broker.host}:{config.broker.port}"


def _how(config: Config) -> str:
    user = f" as {config.broker.username}" if config.broker.username else ""
    return user + (" over TLS" if config.broker.tls else "")
