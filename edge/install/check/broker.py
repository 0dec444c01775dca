"""The way of the doorbells, tried in the till's own name: connection, TLS, password, subscription, and a ping.

Only while no daemon runs: two clients of one name evict each other, and our broker makes the user the client id, so
that another client id would be no other name. Messages for the daemon are not acknowledged, so that they come again.
"""

import queue
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from edge.config.schema import Config
from edge.config.values import is_loopback
from edge.core import events
from edge.core.events import BrokerTrouble as Trouble
from edge.core.links import ECHO_TIMEOUT_S
from edge.daemon.local_status import NOT_YET
from edge.inbox import Inbox, Thread
from edge.install.check.findings import Cause, Finding, Part, blocked, failed, ok, skipped, warning
from edge.mqtt.session import MqttBroker

CONNECT_TIMEOUT_S = 15.0
SLOW_PING_MS = 2000
GOODBYE_TIMEOUT_S = 3.0
MAX_IN_FLIGHT = 20
"""mosquitto sends no more messages than these unacknowledged, so that an echo behind them doesn't come."""
HOST_FIRST = re.compile(r"(\S+):\d+: ")
RESTART_IT = "the configuration has changed since it started: systemctl restart till-edge, then check again"
STOP_IT = "to try it: systemctl stop till-edge, check again, systemctl start till-edge"


class Visit:
    """One session at the broker. No message in it is acknowledged."""

    def __init__(self, config: Config, version: str) -> None:
        self._inbox = Inbox()
        till, user = config.till.id, config.mercadopago.user_id
        self.broker = MqttBroker(config.broker, till, user, version, self._inbox)
        self._thread = Thread("broker", self.broker.loop, self._inbox)
        self.relay_online: bool | None = None
        self.waiting = 0
        """How many messages came for the daemon."""
        self._thread.start()

    def wait_for(self, *kinds: type[events.Event], seconds: float) -> events.Event | None:
        """The next event of these kinds; None if there is none in time."""
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
        self._thread.join(GOODBYE_TIMEOUT_S)


def check_broker(visit: Visit, config: Config, ping_timeout_s: float = ECHO_TIMEOUT_S) -> Iterator[Finding]:
    """Try the broker, then the relay behind it, which has `ping_timeout_s` to echo a ping."""
    event = visit.wait_for(events.BrokerConnected, events.BrokerLost, seconds=CONNECT_TIMEOUT_S)
    if isinstance(event, events.BrokerConnected):
        yield ok(Part.BROKER, f"{_address(config)} accepts the login{_how(config)} and the subscription")
        yield _relay(visit, ping_timeout_s)
        return
    if not isinstance(event, events.BrokerLost):
        event = events.BrokerLost(f"{_address(config)}: no answer within {CONNECT_TIMEOUT_S:g} s", Trouble.UNREACHABLE)
    yield from _lost(event.trouble, event.why, config)


def _lost(trouble: Trouble, why: str, config: Config) -> Iterator[Finding]:
    if trouble is Trouble.UNREACHABLE and is_loopback(config.broker.host):
        yield from _without_relay()
        return
    cause, advice = EXPIRED if trouble is Trouble.NO_TLS and OPENSSL_SAYS_EXPIRED in why else TROUBLES[trouble]
    yield failed(Part.BROKER, cause, why, advice)
    yield blocked(Part.RELAY, Part.BROKER)


def _without_relay() -> Iterator[Finding]:
    """A till without a relay is configured with a broker on this machine, where none runs."""
    seen = "no relay configured: the till polls Mercado Pago, and sells some seconds slower"
    yield warning(Part.BROKER, Cause.NO_RELAY, seen, "if there is a relay, set broker.host")
    yield skipped(Part.RELAY, Cause.NO_RELAY, "not tried: none is configured")


HANGS_UP = (
    Cause.BROKER_HANGS_UP,
    "look into the broker's log: its own trouble, a right that is missing, or another device with this till's identity",
)
TAKEN_OVER = (Cause.BROKER_LOST, "check that no other device uses this till's identity")
ADVICE_ON_RIGHTS = "check the till's rights at the broker"
OPENSSL_SAYS_EXPIRED = "certificate has expired"
EXPIRED = (
    Cause.CERTIFICATE_EXPIRED,
    "renew it on the broker's machine (certbot renew), unless this machine's clock is wrong (date)",
)
TROUBLES = {
    Trouble.UNREACHABLE: (
        Cause.BROKER_UNREACHABLE,
        "check broker.host and broker.port, and that no firewall blocks them",
    ),
    Trouble.NO_TLS: (
        Cause.NO_TLS,
        "check broker.port (the one for TLS), broker.host (the name in its certificate) and broker.tls.ca_file",
    ),
    Trouble.MUTE: (Cause.BROKER_MUTE, "check broker.port, and any firewall or proxy in between"),
    Trouble.NO_MQTT: (Cause.NO_BROKER, "check broker.host and broker.port; a till needs a broker with MQTT 5"),
    Trouble.CREDENTIALS: (Cause.LOGIN_REFUSED, "enrol the till again: till-relay enroll"),
    Trouble.RIGHTS: (Cause.SUBSCRIPTION_REFUSED, ADVICE_ON_RIGHTS),
    Trouble.UNFIT: (
        Cause.BROKER_UNFIT,
        "a till needs MQTT 5, QoS 1, retained messages and a session that lasts: change the broker, or its plan",
    ),
    Trouble.BUSY: (Cause.BROKER_BUSY, "check again in some minutes; if it stays so, the broker needs more room"),
    Trouble.REFUSED: (Cause.BROKER_REFUSES, "look into the broker's log"),
    Trouble.LOST: HANGS_UP,
    Trouble.HANGS_UP: HANGS_UP,
    Trouble.TAKEN_OVER: TAKEN_OVER,
    Trouble.TWINS: TAKEN_OVER,
}


def _relay(visit: Visit, timeout_s: float) -> Finding:
    """Ping the relay: only an echo proves that its doorbells reach us."""
    began = time.monotonic()
    visit.broker.ping(1)
    event = visit.wait_for(events.PingEchoed, events.BrokerLost, seconds=timeout_s)
    if isinstance(event, events.PingEchoed):
        return _heard((time.monotonic() - began) * 1000)
    if isinstance(event, events.BrokerLost):
        cause, advice = TROUBLES[event.trouble]
        return failed(Part.RELAY, cause, f"while we waited for the relay: {event.why}", advice)
    if visit.waiting >= MAX_IN_FLIGHT:
        seen = f"{visit.waiting} doorbells wait for the daemon, and the echo may be queued behind them"
        return skipped(Part.RELAY, Cause.DOORBELLS_WAIT, seen, "start the daemon, and check again")
    return _silent(visit.relay_online)


def _heard(milliseconds: float) -> Finding:
    value = f"{milliseconds:.0f} ms"
    if milliseconds > SLOW_PING_MS:
        return warning(Part.RELAY, Cause.RELAY_SLOW, f"a ping came back after {value}", "check the network", value)
    return ok(Part.RELAY, f"a ping came back as a doorbell in {value}", value)


def _silent(online: bool | None) -> Finding:
    if online is None:
        seen = "no relay announces itself, and no ping came back: a relay of another kind, or none"
        return warning(
            Part.RELAY, Cause.RELAY_SILENT, seen, "check that till-relay runs and is connected to this broker"
        )
    if online:
        seen = "the relay is online, but its doorbells don't reach us"
        return failed(Part.RELAY, Cause.RELAY_UNHEARD, seen, "check this till's rights at the broker, and topic_root")
    return failed(Part.RELAY, Cause.RELAY_OFFLINE, "the relay is offline", "start till-relay on its server")


# --- while a daemon runs -------------------------------------------------------------------------------------------


def ask_daemon(status: Mapping[str, Any], config: Config) -> Iterator[Finding]:
    """What the running daemon reports of its own session; it pings the relay every five minutes."""
    broker = str(status.get("broker", ""))
    if broker == "connected":
        yield _rights_of_daemon(str(status.get("broker_error", "")))
        yield _relay_of_daemon(status)
    elif not broker:
        seen = "the running daemon holds the till's session at the broker"
        yield skipped(Part.BROKER, Cause.DAEMON_RUNS, seen, STOP_IT)
        yield skipped(Part.RELAY, Cause.DAEMON_RUNS, seen)
    elif (tried := HOST_FIRST.match(broker)) and tried[1] != config.broker.host:
        yield warning(Part.BROKER, Cause.DAEMON_RUNS, f"the running daemon still looks for {tried[1]}", RESTART_IT)
        yield blocked(Part.RELAY, Part.BROKER)
    else:
        trouble = status.get("broker_trouble")
        known = Trouble(trouble) if trouble in list(Trouble) else Trouble.UNREACHABLE
        yield from _lost(known, f"the running daemon reports: {broker}", config)


def _rights_of_daemon(missing: str) -> Finding:
    """It is let in; what the broker forbids it all the same is done without."""
    if not missing:
        return ok(Part.BROKER, "the running daemon is connected and subscribed")
    return warning(
        Part.BROKER, Cause.RIGHT_MISSING, f"the running daemon is connected, but {missing}", ADVICE_ON_RIGHTS
    )


def unanswered(status: Mapping[str, Any]) -> bool:
    """Whether the running daemon has no echo yet: it started a moment ago, or the relay knows no pings."""
    if status.get("broker") == NOT_YET:
        return True
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
