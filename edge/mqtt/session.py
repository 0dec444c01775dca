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
from functools import partial
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config.schema import BrokerConfig, TlsConfig
from edge.contract import mqtt as wire
from edge.contract.reason_codes import FIRST_FAILURE, reason
from edge.core import duties, events
from edge.core.budget import Budget, Rate
from edge.inbox import Arrival, Call, Inbox
from edge.mqtt import rights
from edge.mqtt.ending import (
    Ending,
    Stage,
    Streaks,
    ended_by,
    forbidden,
    hung_up,
    mute,
    no_mqtt,
    of_error,
    refused_login,
    refused_subscription,
    sent_away,
)

KEEPALIVE_S = 20
"""A ping is sent, and its answer missed, up to `MAX_REST_S` later: a dead connection is noticed after a minute."""
MAX_REST_S = 10.0
"""How long the broker thread sleeps where nothing arrives and nothing is to be sent; paho wakes it for both."""
KEEP_ALIVE_TIMEOUT = 0x8D
"""paho's code for a broker that doesn't answer its ping."""
SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps our messages while we are away."""
MIN_STATUS_INTERVAL_S = 1.0
"""Between two statuses of the same state."""
NEW_STATES = Rate(every_s=1.0, burst=10)
"""How often a status is published because of a new state, which others can make flap."""
CONNECT_TIMEOUT_S = 5.0
"""For each address of the broker, and for TLS."""
ANSWER_TIMEOUT_S = 10.0
"""For the login and the subscription to be answered."""
SHORT_SESSION_S = 10.0
MAX_IN_FLIGHT = 20
"""Publications that may be unacknowledged at a time, as in paho itself."""


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
        self._repeat_at = float("-inf")
        """When the same status is published again."""
        self._states = Budget()
        self._stage = Stage.ADDRESS
        self._rights = rights.Rights()
        self._unasked: list[str] = []
        """Topics to which this connection still has to subscribe, one after the other."""
        self._asked = ""
        """The one to which it is just subscribing."""
        self._refused = ""
        """The last one that was refused."""
        self._ending: Ending | None = None
        """How the session ended, as soon as that is known."""
        self._missing: list[str] = []
        """What this connection may not do, as far as the core hasn't heard it."""
        self._record = mqtt.MQTTMessageInfo(0)
        self._client = self._make_client(f"till-{till}")

    # --- the main thread -------------------------------------------------------------------------------------------

    def report(self, number: int, report: duties.Report) -> None:
        """Publish an outcome; `ReportDelivered` comes when the broker has it. paho resends it after reconnections."""
        message = {
            "v": wire.VERSION,
            "external_reference": report.reference or None,
            "outcome": report.outcome.value,
            "merchant_order": report.subject or None,
            "copy": report.copy,
            "amount": report.amount or None,
            "currency": report.currency or None,
            "payments": list(report.payments),
            "paid_at": report.paid_at or None,
        }
        payload = wire.encode({**message, "reason": report.reason} if report.reason else message)
        if sent := self._publish(self._topics.tickets, payload):
            self._reports[sent.mid] = number
        else:
            self._inbox.put(Arrival(events.ReportRefused(number, forbidden(self._topics.tickets))))

    def ping(self, number: int) -> None:
        """Ask the relay for an echo; `PingEchoed` comes if its doorbells reach us."""
        message = {"v": wire.VERSION, "id": f"{self._pings}-{number}"}
        self._publish(self._topics.ping, wire.encode(message))

    def reply(self, reply: duties.Reply, facts: Mapping[str, Any]) -> None:
        """Answer a command, with `facts`, if it asked for an answer; on our own topic, the only one that we may use.

        A broker that ends the session at any other would do so for ever.
        """
        if not reply.to.topic:
            return
        message = {"v": wire.VERSION, "command": reply.command.value, "done": reply.done, "text": reply.text, **facts}
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = reply.to.correlation
        self._publish(self._topics.answers, wire.encode(message), properties=properties)

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
        nothing = mqtt.MQTTMessageInfo(0)
        self._record = self._publish(self._topics.commissioning, record, retain=True) or nothing

    def has_kept(self, seconds: float) -> bool:
        """Whether the broker acknowledges the record within so many seconds."""
        with contextlib.suppress(RuntimeError, ValueError):  # the connection is lost
            self._record.wait_for_publish(seconds)
            return self._record.is_published()
        return False

    @property
    def works(self) -> bool:
        """Whether the broker has granted our subscription, and not ended the session since."""
        return self._stage is Stage.WORKING

    def close(self) -> None:
        """Publish that we are offline, and disconnect. The broker keeps the session, and its messages for us."""
        self._closing.set()
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))

    def _acknowledged(self, mid: int, code: int) -> None:
        if code >= FIRST_FAILURE:
            self._refuse(mid, str(reason(code)))
        elif (number := self._reports.pop(mid, None)) is not None:
            self._inbox.put(Arrival(events.ReportDelivered(number)))

    def _refuse(self, mid: int, why: str) -> None:
        """If this message was a report, the core offers it again, later."""
        if (number := self._reports.pop(mid, None)) is not None:
            self._inbox.put(Arrival(events.ReportRefused(number, why)))

    def _publish_status(self) -> None:
        self._repeat_at = time.monotonic() + wire.REPEAT_EVERY_S
        now = datetime.now(UTC).isoformat(timespec="seconds")
        ours = {"since": self._since, "version": self._version, "at": now, "repeated_every_s": wire.REPEAT_EVERY_S}
        self._publish(self._topics.status, wire.encode({"v": wire.VERSION, **self._facts, **ours}), retain=True)

    def _publish(
        self, topic: str, payload: bytes, retain: bool = False, properties: Properties | None = None
    ) -> mqtt.MQTTMessageInfo | None:
        """Give paho a message; None if its topic ended a session, so that it isn't offered."""
        if self._rights.forbids(topic, time.monotonic()):
            return None
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)

    # --- the broker thread -----------------------------------------------------------------------------------------

    def loop(self) -> None:
        """Connect again and again, until `close`."""
        streaks = Streaks()
        while not self._closing.is_set():
            began = time.monotonic()
            ending = self._run_session()
            self._stage = Stage.ADDRESS
            if self._closing.is_set():
                return
            streaks = streaks.after(ending, short=time.monotonic() - began < SHORT_SESSION_S)
            self._inbox.put(Arrival(streaks.report(ending)))
            self._closing.wait(streaks.pause_s(random.random()))

    def _run_session(self) -> Ending:
        self._ending = None
        self._stage = Stage.ADDRESS
        rights.limit(self._client, 1 if self._rights.careful else MAX_IN_FLIGHT)
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = SESSION_EXPIRY_S
        self._connection += 1
        try:
            self._client.connect(
                self._config.host, self._config.port, KEEPALIVE_S, clean_start=False, properties=connect
            )
        except (OSError, ValueError) as error:  # ValueError: an impossible host name
            return of_error(error, self._address, CONNECT_TIMEOUT_S)
        self._stage = Stage.LOGIN
        began = time.monotonic()
        end = self._work()
        ending = self._ending or self._silent_ending(end)
        return self._over_a_right(ending, short=time.monotonic() - began < SHORT_SESSION_S) or ending

    def _over_a_right(self, ending: Ending, short: bool) -> Ending | None:
        """How the session ended, if that was because of something that the broker forbids: it isn't offered again."""
        now, told = time.monotonic(), ending.trouble is events.BrokerTrouble.RIGHTS
        ours = self._refused == self._topics.orders  # we left by ourselves: what else was under way has no part in it
        if self._stage < Stage.SUBSCRIPTION or ours or not (told or ending.hung_up):
            self._rights.ended_otherwise()
            return None
        if self._refused and short:  # RabbitMQ refuses a subscription, and then hangs up
            topic = self._rights.forbid(self._refused, now)
        else:
            # Without the doorbells there is no session to go on with, so that they are always asked for.
            asked, waits = {self._asked} - {"", self._topics.orders}, rights.unanswered(self._client)
            # And who hangs up without a word at a subscription may do so for any reason, but not for ever.
            alone = not (told or waits)
            topic = self._rights.ended(
                asked | waits if told else waits or asked, told, now, 2 * rights.ENDINGS if alone else rights.ENDINGS
            )
        found = ended_by(topic, ending) if topic else None
        if found or self._rights.careful:
            for mid in rights.take_back(self._client):
                self._inbox.put(Call(partial(self._refuse, mid, (found or ending).why)))
        return found

    def _work(self) -> MQTTErrorCode:
        """Take part in the session until its end. Returns paho's code for the end."""
        answer_by = time.monotonic() + ANSWER_TIMEOUT_S
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
            code = self._client.loop(MAX_REST_S if self.works else 1.0)
            if self._facts and self.works and time.monotonic() >= self._repeat_at:
                self._publish_status()
            if not self.works and time.monotonic() >= answer_by:
                return MQTTErrorCode.MQTT_ERR_KEEPALIVE
        return code

    def _silent_ending(self, code: MQTTErrorCode) -> Ending:
        """Of a session that ended without a word of the broker."""
        match code:
            case MQTTErrorCode.MQTT_ERR_KEEPALIVE:
                return mute(self._stage, self._address, ANSWER_TIMEOUT_S)
            case MQTTErrorCode.MQTT_ERR_PROTOCOL:
                return no_mqtt(self._stage, self._address)
        return hung_up(self._stage, self._address)

    @property
    def _address(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    def _make_client(self, client_id: str) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,  # `loop` does that, with jitter and with a reason
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
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

    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        if code.value:
            self._ending = refused_login(code.value)
            return
        self._stage = Stage.SUBSCRIPTION
        ours = self._topics
        # The doorbells come first; the others can be done without. One by one, because a broker may refuse all of a
        # packet for one of them, or end the connection and not say for which.
        self._unasked = [ours.orders, wire.RELAY_STATUS, ours.commands, ours.announcements, self._for_all]
        self._missing = [forbidden(topic) for topic in self._rights.forbidden(time.monotonic())]
        self._refused = ""
        self._subscribe(client)

    def _subscribe(self, client: mqtt.Client) -> None:
        """Ask for the next topic, if there is one."""
        self._asked = ""
        while self._unasked and not self._asked:
            topic = self._unasked.pop(0)
            if not self._rights.forbids(topic, time.monotonic()):
                self._asked = topic
                client.subscribe(topic, 1)

    def _on_subscribe(self, client: mqtt.Client, _: Any, __: int, codes: list[ReasonCode], ___: Any) -> None:
        topic, code = self._asked, codes[0].value if codes else 0x80
        if code >= FIRST_FAILURE:
            self._refused = topic
            if topic == self._topics.orders:
                self._ending = refused_subscription(code, topic)
                client.disconnect()
                return
            self._missing.append(refused_subscription(code, topic).why)
        self._subscribe(client)
        if not self._asked or not self._rights.careful:
            self._announce()

    def _announce(self) -> None:
        """The session works: tell it once, and what is missing whenever there is something."""
        if not self.works:
            self._stage = Stage.WORKING
            self._inbox.put(Arrival(events.BrokerConnected()))
            if self._facts:  # otherwise the loop is about to publish the first ones
                self._publish_status()
        for what in self._missing:
            self._inbox.put(Arrival(events.RightMissed(what)))
        self._missing = []

    def _on_disconnect(
        self, _: mqtt.Client, __: Any, flags: mqtt.DisconnectFlags, code: ReasonCode | None, ___: Any
    ) -> None:
        number = code.value if code else 0
        if flags.is_disconnect_packet_from_server:
            self._ending = self._ending or sent_away(number)
        elif number == KEEP_ALIVE_TIMEOUT:
            self._ending = mute(self._stage, self._address, KEEPALIVE_S)

    def _on_publish(self, _: mqtt.Client, __: Any, mid: int, code: ReasonCode, ___: Any) -> None:
        # The main thread looks up which report this was: it may be about to note the number down, and a lock around
        # that could deadlock with paho's own, which is held here.
        self._inbox.put(Call(lambda: self._acknowledged(mid, code.value)))

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        try:
            event = self._decode(message)
        except UnicodeDecodeError:
            event = events.MessageDropped("?", "its topic is not UTF-8")
        except wire.BadMessageError as error:
            event = events.MessageDropped(message.topic, str(error))
        self._inbox.put(Arrival(event, self._acknowledgement(client, message)))

    def _decode(self, message: mqtt.MQTTMessage) -> events.Event:
        if message.topic == wire.RELAY_STATUS:
            return events.RelaySeen(wire.decode_state(bytes(message.payload)) == "online")
        if message.topic == self._topics.commands:
            return self._decode_command(message)
        if message.topic == self._topics.announcements:
            announced = wire.decode_announcement(bytes(message.payload))
            return events.OrderAnnounced(announced.id, announced.reference)
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
        about = command.reference, command.day, command.find, command.last
        return events.CommandCame(duties.Command(command.command), reply_to, *about)

    def _acknowledgement(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> Callable[[], None]:
        connection = self._connection

        def acknowledge() -> None:
            if connection == self._connection:
                client.ack(message.mid, message.qos)

        return acknowledge


def _tls_context(tls: TlsConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    if tls.alpn:
        context.set_alpn_protocols([tls.alpn])
    return context


def _with_all_codes() -> dict[int, dict[str, list[int]]]:
    """paho's names of reason codes, and one for each that it doesn't know: it would end the connection unread."""
    kinds = range(PacketTypes.CONNECT, PacketTypes.AUTH + 1)
    names = {code: dict(ReasonCode.names.get(code, {})) for code in range(256)}
    for code, known in names.items():
        named = {kind for its_kinds in known.values() for kind in its_kinds}
        known[f"code {code}"] = [kind for kind in kinds if kind not in named]
    return names


ReasonCode.names = _with_all_codes()
