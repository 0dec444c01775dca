"""The till's session at the MQTT broker: doorbells in; status and reports out; a will for when the power goes.

paho's callbacks run in the broker thread and only put events into the inbox; an exception in one would end the thread,
and with it the daemon. A message is acknowledged when the journal has it: after a crash the broker sends it again.
"""

import contextlib
import random
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config.schema import BrokerConfig, TlsConfig
from edge.contract import mqtt as wire
from edge.core import duties, events
from edge.core.backoff import back_off, jittered
from edge.core.budget import Budget, Rate
from edge.inbox import Arrival, Call, Inbox

KEEPALIVE_S = 30
SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps our messages while we are away."""
MIN_STATUS_INTERVAL_S = 1.0
"""Between two statuses of the same state."""
NEW_STATES = Rate(every_s=1.0, burst=10)
"""How often a status is published because of a new state, which others can make flap."""
MAX_RETRY_S = 15.0
"""Before jitter, which may double it."""
SHORT_SESSION_S = 10.0
"""Sessions that end sooner, one after the other, are evicted by a client with our name."""
MAX_EVICTIONS = 3
"""After so many, report twins. Reconnect once more, so that the status says so too, and then back off."""
TWIN_PAUSE_S = 60.0
TWINS_WHY = (
    "the broker ends our session again and again: most likely two devices use this till's identity; "
    "give each its own till id"
)


class Hurdle(StrEnum):
    """The steps to our doorbells that can fail, in this order."""

    ADDRESS = "address"
    TLS = "tls"
    LOGIN = "login"
    SUBSCRIPTION = "subscription"
    NONE = "none"


class MqttBroker:
    """One session at one broker. `loop` runs in the broker thread, everything else in the main thread."""

    def __init__(self, config: BrokerConfig, till: str, user_id: str, version: str, inbox: Inbox) -> None:
        self._config = config
        self._topics = wire.Topics(config.topic_root, till)
        self._for_all = wire.seller_topic(user_id)
        self._pings = secrets.token_hex(4)
        """Prefix of our pings' numbers, so that an echo of an earlier process is not taken for ours."""
        self._version = version
        self._inbox = inbox
        self._connection = 0
        """The number of this connection: a message must be acknowledged on the one that it came by."""
        self._closing = threading.Event()
        self._reports: dict[int, int] = {}
        self._facts: Mapping[str, Any] = {}
        self._since = ""
        self._published_at = float("-inf")
        self._states = Budget()
        self._why = ""
        self._subscribed = False
        self._hung_up = False
        """Whether an established session ended without a DISCONNECT of the broker."""
        self._record = mqtt.MQTTMessageInfo(0)
        self.hurdle = Hurdle.ADDRESS
        """The step at which the last attempt failed."""
        self._client = self._make_client(f"till-{till}")

    # --- the main thread -------------------------------------------------------------------------------------------

    def report(self, number: int, report: duties.Report) -> None:
        """Publish an outcome; `ReportDelivered` comes when the broker has it. paho resends it after reconnections."""
        message = {
            "v": wire.VERSION,
            "external_reference": report.reference or None,
            "outcome": report.outcome.value,
            "merchant_order": report.subject or None,
        }
        payload = wire.encode({**message, "reason": report.reason} if report.reason else message)
        self._reports[self._client.publish(self._topics.tickets, payload, qos=1).mid] = number

    def ping(self, number: int) -> None:
        """Ask the relay for an echo; `PingEchoed` comes if its doorbells reach us."""
        message = {"v": wire.VERSION, "id": f"{self._pings}-{number}"}
        self._client.publish(self._topics.ping, wire.encode(message), qos=1)

    def reply(self, reply: duties.Reply, facts: Mapping[str, Any]) -> None:
        """Answer a command, with `facts`, if it asked for an answer."""
        if not reply.to.topic:
            return
        message = {"v": wire.VERSION, "command": reply.command.value, "done": reply.done, "text": reply.text, **facts}
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = reply.to.correlation
        self._client.publish(reply.to.topic, wire.encode(message), qos=1, properties=properties)

    def show(self, facts: Mapping[str, Any]) -> None:
        """Publish the status, retained, if it differs from the last one. Called on each turn of the loop.

        Within `MIN_STATUS_INTERVAL_S` only a new `state` is published: each message of a flood changes a count.
        """
        now = time.monotonic()
        changed = facts.get("state") != self._facts.get("state")
        if facts == self._facts or not self._may_publish(changed, now):
            return
        if changed:
            self._states = self._states.spend(NEW_STATES, now)
            self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._facts, self._published_at = facts, now
        if self._client.is_connected():
            self._publish_status()

    def _may_publish(self, changed: bool, now: float) -> bool:
        return self._states.allows(NEW_STATES, now) if changed else now - self._published_at >= MIN_STATUS_INTERVAL_S

    def keep(self, record: bytes) -> None:
        """Publish the record of a check, retained."""
        self._record = self._client.publish(self._topics.commissioning, record, qos=1, retain=True)

    def has_kept(self, seconds: float) -> bool:
        """Whether the broker acknowledges the record within so many seconds."""
        with contextlib.suppress(RuntimeError, ValueError):  # the connection is lost
            self._record.wait_for_publish(seconds)
            return self._record.is_published()
        return False

    def close(self) -> None:
        """Publish that we are offline, and disconnect. The broker keeps the session, and its messages for us."""
        self._closing.set()
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))

    def _delivered(self, mid: int) -> None:
        number = self._reports.pop(mid, None)
        if number is not None:
            self._inbox.put(Arrival(events.ReportDelivered(number)))

    def _publish_status(self) -> None:
        facts = {"v": wire.VERSION, **self._facts, "since": self._since, "version": self._version}
        self._client.publish(self._topics.status, wire.encode(facts), qos=1, retain=True)

    # --- the broker thread -----------------------------------------------------------------------------------------

    def loop(self) -> None:
        """Connect again and again, until `close`."""
        failures = evictions = 0
        while not self._closing.is_set():
            began = time.monotonic()
            self._run_session()
            if self._closing.is_set():
                return
            short = time.monotonic() - began < SHORT_SESSION_S
            failures = failures + 1 if short else 0
            evictions = evictions + 1 if self._was_evicted(short) else 0
            twins = evictions >= MAX_EVICTIONS
            why = TWINS_WHY if twins else self._why or "the connection was lost"
            self._inbox.put(Arrival(events.BrokerLost(why, twins)))
            self._closing.wait(_pause_s(failures, evictions))

    def _run_session(self) -> None:
        self._why = ""
        self._subscribed = self._hung_up = False
        self.hurdle = Hurdle.ADDRESS
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = SESSION_EXPIRY_S
        host, port = self._config.host, self._config.port
        self._connection += 1
        try:
            self._client.connect(host, port, KEEPALIVE_S, clean_start=False, properties=connect)
            self.hurdle = Hurdle.LOGIN
            while self._client.loop(1.0) == mqtt.MQTT_ERR_SUCCESS:
                pass
        except (OSError, ValueError) as error:  # ValueError: an impossible host name
            self._why = _describe(error, f"{host}:{port}")
            if isinstance(error, ssl.SSLError | ConnectionResetError):  # somebody answers, but not in TLS
                self.hurdle = Hurdle.TLS

    def _was_evicted(self, short: bool) -> bool:
        """Whether a client with our name took our place. mosquitto before 2.0.15 only hangs up."""
        return "taken over" in self._why.lower() or (self._hung_up and short)

    def _make_client(self, client_id: str) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,  # `loop` does that, with jitter and with a reason
        )
        config = self._config
        if config.username:
            client.username_pw_set(config.username, config.password.reveal() if config.password else None)
        if config.tls:
            client.tls_set_context(_tls_context(config.tls))
        client.will_set(self._topics.status, wire.OFFLINE, qos=1, retain=True)
        # With this callback set, paho leaves all writing to `loop`. Without it the main thread would write to the
        # socket too, in the middle of what the broker thread is writing.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            self._why = f"the broker refuses us: {reason}; check broker.username and broker.password_file"
            return
        self.hurdle = Hurdle.SUBSCRIPTION
        topics = (self._topics.orders, wire.RELAY_STATUS, self._topics.commands, self._for_all)
        client.subscribe([(topic, 1) for topic in topics])

    def _on_subscribe(self, client: mqtt.Client, _: Any, __: int, reasons: list[ReasonCode], ___: Any) -> None:
        if reasons[0].is_failure:  # that of the doorbells; the others can be done without
            self._why = f"the broker refuses the subscription to {self._topics.orders}: {reasons[0]}"
            client.disconnect()
            return
        self._subscribed = True
        self.hurdle = Hurdle.NONE
        self._inbox.put(Arrival(events.BrokerConnected()))
        if self._facts:  # otherwise the loop is about to publish the first ones
            self._publish_status()

    def _on_disconnect(
        self, _: mqtt.Client, __: Any, flags: mqtt.DisconnectFlags, reason: ReasonCode, ___: Any
    ) -> None:
        self._why = self._why or f"the connection ended: {reason}"
        self._hung_up = self._subscribed and not flags.is_disconnect_packet_from_server

    def _on_publish(self, _: mqtt.Client, __: Any, mid: int, ___: Any, ____: Any) -> None:
        # The main thread looks up which report this was: it may be about to note the number down, and a lock around
        # that could deadlock with paho's own, which is held here.
        self._inbox.put(Call(lambda: self._delivered(mid)))

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        try:
            event = self._decode(message)
        except wire.BadMessageError as error:
            event = events.MessageDropped(message.topic, str(error))
        self._inbox.put(Arrival(event, self._acknowledgement(client, message)))

    def _decode(self, message: mqtt.MQTTMessage) -> events.Event:
        if message.topic == wire.RELAY_STATUS:
            return events.RelaySeen(wire.decode_state(bytes(message.payload)) == "online")
        if message.topic == self._topics.commands:
            return self._decode_command(message)
        doorbell = wire.decode_doorbell(bytes(message.payload))
        if doorbell.kind == events.Kind.PING:
            return self._decode_echo(doorbell.id)
        return events.DoorbellRang(events.Kind(doorbell.kind), doorbell.id, message.topic == self._for_all)

    def _decode_echo(self, nonce: str) -> events.Event:
        prefix, _, number = nonce.rpartition("-")
        return events.PingEchoed(int(number)) if prefix == self._pings and number.isdecimal() else events.Ticked()

    def _decode_command(self, message: mqtt.MQTTMessage) -> events.CommandCame:
        if message.retain:
            raise wire.BadMessageError(
                "retained, so that each connection would carry it out again; publish it without retain"
            )
        command = wire.decode_command(bytes(message.payload))
        topic = getattr(message.properties, "ResponseTopic", "")
        if any(letter in topic for letter in "+#\0"):
            raise wire.BadMessageError("its response topic has a wildcard")
        reply_to = duties.ReplyTo(topic, getattr(message.properties, "CorrelationData", b""))
        return events.CommandCame(duties.Command(command.command), reply_to, command.reference, command.day)

    def _acknowledgement(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> Callable[[], None]:
        connection = self._connection

        def acknowledge() -> None:
            if connection == self._connection:
                client.ack(message.mid, message.qos)

        return acknowledge


def _pause_s(failures: int, evictions: int) -> float:
    """Until the next session; hardly ever the same for two tills that lost the same broker."""
    if evictions > MAX_EVICTIONS:
        return jittered(TWIN_PAUSE_S, random.random(), spread=1.0)
    return back_off(failures, random.random(), max_s=MAX_RETRY_S, spread=1.0)


def _tls_context(tls: TlsConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _describe(error: Exception, address: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{address}: the broker's certificate is not trusted: {error.verify_message}"
    return f"{address}: {error}"
