"""The till's place at the MQTT broker: doorbells in; status and reports out; a will for when the power goes.

paho's callbacks run in the broker thread and only put events into the inbox; an exception in one would end the thread,
and so the daemon. A message is acknowledged when the journal has it: after a crash the broker sends it again.
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
from edge.inbox import Arrival, Call, Inbox

KEEPALIVE = 30
SESSION_SECONDS = 7 * 24 * 3600
"""How long the broker keeps our messages while we are away."""
STATUS_PAUSE = 1.0
"""Seconds between two statuses of one state."""
SLOWEST_RETRY = 30.0
SHORT_SESSION = 10.0
"""Seconds. Sessions as short as this, one after the other, are thrown out by somebody with our name."""
TWINS = 3
"""After so many we say it. We come back once more, for the status to say it too, and then leave the other in peace."""
TWIN_PAUSE = 60.0
TWINS_WHY = (
    "the broker throws us out again and again: most likely two devices use this till's identity; "
    "give each its own till id"
)


class Hurdle(StrEnum):
    """What stands between us and our doorbells, in this order."""

    ADDRESS = "address"
    TLS = "tls"
    LOGIN = "login"
    SUBSCRIPTION = "subscription"
    NONE = "none"


class MqttBroker:
    """One session at one broker. `loop` belongs to the broker thread, the rest to the main thread."""

    def __init__(self, config: BrokerConfig, till: str, user_id: str, version: str, inbox: Inbox) -> None:
        self._config = config
        self._topics = wire.Topics(config.topic_root, till)
        self._for_all = wire.seller_topic(user_id)
        self._pings = secrets.token_hex(4)
        """Goes before the number of each ping, so that an echo of an earlier process's is none of ours."""
        self._version = version
        self._inbox = inbox
        self._connection = 0
        """Counts connections: an acknowledgement belongs to the one its message came by."""
        self._closing = threading.Event()
        self._reports: dict[int, int] = {}
        self._facts: Mapping[str, Any] = {}
        self._since = ""
        self._shown_at = float("-inf")
        self._why = ""
        self._subscribed = False
        self._hung_up = False
        """Whether a session that stood ended without a word."""
        self._kept = mqtt.MQTTMessageInfo(0)
        self.hurdle = Hurdle.ADDRESS
        """The one that the last attempt did not take."""
        self._client = self._make_client(f"till-{till}")

    # --- the main thread -------------------------------------------------------------------------------------------

    def report(self, number: int, report: duties.Report) -> None:
        """Publish an outcome; `ReportDelivered` comes when the broker has it. paho repeats it over reconnections."""
        message = {
            "v": wire.VERSION,
            "external_reference": report.reference or None,
            "outcome": report.outcome.value,
            "merchant_order": report.subject or None,
        }
        payload = wire.encode({**message, "reason": report.reason} if report.reason else message)
        self._reports[self._client.publish(self._topics.tickets, payload, qos=1).mid] = number

    def ping(self, number: int) -> None:
        """Ask the relay to ring; `PingEchoed` comes if what it rings reaches us."""
        message = {"v": wire.VERSION, "id": f"{self._pings}-{number}"}
        self._client.publish(self._topics.ping, wire.encode(message), qos=1)

    def reply(self, reply: duties.Reply, facts: Mapping[str, Any]) -> None:
        """Answer a command, with `facts` beside it, where somebody awaits an answer."""
        if not reply.to.topic:
            return
        message = {"v": wire.VERSION, "command": reply.command.value, "done": reply.done, "text": reply.text, **facts}
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = reply.to.correlation
        self._client.publish(reply.to.topic, wire.encode(message), qos=1, properties=properties)

    def show(self, facts: Mapping[str, Any]) -> None:
        """Publish the status, retained, if it is another than the last. Called again and again.

        Within a second of the last one only a new `state` is told: a flood of odd messages changes its count each time.
        """
        changed = facts.get("state") != self._facts.get("state")
        if facts == self._facts or not (changed or time.monotonic() - self._shown_at >= STATUS_PAUSE):
            return
        if changed:
            self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._facts, self._shown_at = facts, time.monotonic()
        if self._client.is_connected():
            self._publish_status()

    def keep(self, record: bytes) -> None:
        """Publish the record of a check, retained."""
        self._kept = self._client.publish(self._topics.commissioning, record, qos=1, retain=True)

    def has_kept(self, seconds: float) -> bool:
        """Whether the broker has the record within so many seconds."""
        with contextlib.suppress(RuntimeError, ValueError):  # the connection went
            self._kept.wait_for_publish(seconds)
            return self._kept.is_published()
        return False

    def close(self) -> None:
        """Say that we are offline, and go. The session, with what is rung meanwhile, stays at the broker."""
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
        """Keep one session going until `close`."""
        failures = evictions = 0
        while not self._closing.is_set():
            began = time.monotonic()
            self._run_session()
            if self._closing.is_set():
                return
            short = time.monotonic() - began < SHORT_SESSION
            failures = failures + 1 if short else 0
            evictions = evictions + 1 if self._thrown_out(short) else 0
            twins = evictions >= TWINS
            why = TWINS_WHY if twins else self._why or "the connection was lost"
            self._inbox.put(Arrival(events.BrokerLost(why, twins)))
            self._closing.wait(_pause(failures, evictions))

    def _run_session(self) -> None:
        self._why = ""
        self._subscribed = self._hung_up = False
        self.hurdle = Hurdle.ADDRESS
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = SESSION_SECONDS
        host, port = self._config.host, self._config.port
        self._connection += 1
        try:
            self._client.connect(host, port, KEEPALIVE, clean_start=False, properties=connect)
            self.hurdle = Hurdle.LOGIN
            while self._client.loop(1.0) == mqtt.MQTT_ERR_SUCCESS:
                pass
        except (OSError, ValueError) as error:  # ValueError: a host name that no name can be
            self._why = _words(error, f"{host}:{port}")
            if isinstance(error, ssl.SSLError | ConnectionResetError):  # somebody is there, and no talk of TLS
                self.hurdle = Hurdle.TLS

    def _thrown_out(self, short: bool) -> bool:
        """Whether somebody with our name took our place. mosquitto before 2.0.15 doesn't say so, it only hangs up."""
        return "taken over" in self._why.lower() or (self._hung_up and short)

    def _make_client(self, client_id: str) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,  # `loop` does that, with jitter and with words
        )
        config = self._config
        if config.username:
            client.username_pw_set(config.username, config.password.reveal() if config.password else None)
        if config.tls:
            client.tls_set_context(_tls_context(config.tls))
        client.will_set(self._topics.status, wire.OFFLINE, qos=1, retain=True)
        # With somebody to tell of things to be written, paho leaves the writing to `loop`; else the main thread would
        # write to the socket as well, in the midst of what the broker thread is writing.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            self._why = f"the broker refuses us: {reason}; look at broker.username and broker.password_file"
            return
        self.hurdle = Hurdle.SUBSCRIPTION
        topics = (self._topics.orders, wire.RELAY_STATUS, self._topics.commands, self._for_all)
        client.subscribe([(topic, 1) for topic in topics])

    def _on_subscribe(self, client: mqtt.Client, _: Any, __: int, reasons: list[ReasonCode], ___: Any) -> None:
        if reasons[0].is_failure:  # the doorbells'; without the others we can live
            self._why = f"the broker refuses the subscription to {self._topics.orders}: {reasons[0]}"
            client.disconnect()
            return
        self._subscribed = True
        self.hurdle = Hurdle.NONE
        self._inbox.put(Arrival(events.BrokerConnected()))
        if self._facts:  # else the loop is just about to show the first ones
            self._publish_status()

    def _on_disconnect(
        self, _: mqtt.Client, __: Any, flags: mqtt.DisconnectFlags, reason: ReasonCode, ___: Any
    ) -> None:
        self._why = self._why or f"the connection ended: {reason}"
        self._hung_up = self._subscribed and not flags.is_disconnect_packet_from_server

    def _on_publish(self, _: mqtt.Client, __: Any, mid: int, ___: Any, ____: Any) -> None:
        # Which report that was is looked up by the main thread: it may be just about to note it, and a lock for that
        # would meet paho's own, which is held here.
        self._inbox.put(Call(lambda: self._delivered(mid)))

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        try:
            event = self._read(message)
        except wire.BadMessage as error:
            event = events.MessageDropped(message.topic, str(error))
        self._inbox.put(Arrival(event, self._acknowledgement(client, message)))

    def _read(self, message: mqtt.MQTTMessage) -> events.Event:
        if message.topic == wire.RELAY_STATUS:
            return events.RelaySeen(wire.decode_state(bytes(message.payload)) == "online")
        if message.topic == self._topics.commands:
            return self._read_command(message)
        doorbell = wire.decode_doorbell(bytes(message.payload))
        if doorbell.kind == events.Kind.PING:
            return self._read_echo(doorbell.id)
        return events.DoorbellRang(events.Kind(doorbell.kind), doorbell.id, message.topic == self._for_all)

    def _read_echo(self, nonce: str) -> events.Event:
        begin, _, number = nonce.rpartition("-")
        return events.PingEchoed(int(number)) if begin == self._pings and number.isdecimal() else events.Ticked()

    def _read_command(self, message: mqtt.MQTTMessage) -> events.CommandCame:
        if message.retain:
            raise wire.BadMessage("retained, so that it would be obeyed at each connection; publish it without")
        command = wire.decode_command(bytes(message.payload))
        topic = getattr(message.properties, "ResponseTopic", "")
        if any(letter in topic for letter in "+#\0"):
            raise wire.BadMessage("its response topic has a wildcard")
        reply_to = duties.ReplyTo(topic, getattr(message.properties, "CorrelationData", b""))
        return events.CommandCame(duties.Command(command.command), reply_to, command.reference, command.day)

    def _acknowledgement(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> Callable[[], None]:
        connection = self._connection

        def acknowledge() -> None:
            if connection == self._connection:
                client.ack(message.mid, message.qos)

        return acknowledge


def _pause(failures: int, evictions: int) -> float:
    """Seconds until the next session; never the same for two tills that lost the same broker."""
    if evictions > TWINS:
        return TWIN_PAUSE * (1 + random.random())
    return min(2.0 ** min(failures, 8), SLOWEST_RETRY) * (0.5 + random.random() / 2)


def _tls_context(tls: TlsConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _words(error: Exception, address: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{address}: the broker's certificate is not trusted: {error.verify_message}"
    return f"{address}: {error}"
