"""The relay's connection to the broker: `publish` returns when the broker has acknowledged, or raises the reason.

It also answers pings, and keeps the retained `relay/status` true for all relays that share it: the will of one that
dies says "offline", and one that lives says "online" again. paho's network thread runs little of our code: its
callbacks refuse pings that are too many and pass all else on to the event loop, because an exception in one would end
the thread, and the client would believe that it is still connected.
"""

import asyncio
import logging
import re
import secrets
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.contract.mqtt import (
    OFFLINE,
    ONLINE,
    RELAY_STATUS,
    BadMessageError,
    Topics,
    decode_state,
    encode_doorbell,
)
from relay.config import Broker
from relay.mqtt.client import new_client
from relay.mqtt.pings import REPORT_INTERVAL_S, Pings

log = logging.getLogger(__name__)

ACKNOWLEDGE_TIMEOUT_S = 4.0
"""Mercado Pago waits 22 seconds for us; some of its senders wait 5."""
KEEPALIVE_S = 30
MAX_QUEUED_MESSAGES = 1000
"""Held by paho while the broker takes none. They are doorbells, so sending them late does no harm."""
MAX_RECEIVED_BYTES = 512
"""A ping has 100. The broker keeps larger messages back."""
REFUSAL_PAUSE_S = 0.002
NO_SUBSCRIBER = 0x10


class PublishError(Exception):
    """The broker did not acknowledge a message; the text says why."""


class Publisher:
    """One connection to the broker. All methods are for the event loop that called `start`."""

    def __init__(self, broker: Broker) -> None:
        self.connected = False
        self._leaving = False
        self._broker = broker
        self._waiting: dict[int, asyncio.Future[ReasonCode]] = {}
        self._gone = asyncio.Event()
        self._trouble = ""
        self._pings = Pings()
        self._reporting: asyncio.Task[None] | None = None
        self._hears_pings = False
        self._client, self._ears = self._new_client(), self._new_ears()

    def start(self) -> None:
        """Begin to connect, and keep trying: a relay starts even if the broker is down."""
        self._loop = asyncio.get_running_loop()
        self._reporting = self._loop.create_task(self._report_pings())
        self._client.connect_async(
            self._broker.host, self._broker.port, KEEPALIVE_S, clean_start=True, properties=_limits()
        )
        self._client.loop_start()
        self._ears.connect_async(
            self._broker.host, self._broker.port, KEEPALIVE_S, clean_start=True, properties=_limits()
        )
        self._ears.loop_start()

    async def stop(self) -> None:
        """Publish "offline" and disconnect properly, so that the broker doesn't publish the will."""
        self._leaving = True
        if self._reporting:
            self._reporting.cancel()
        try:
            await self.publish(RELAY_STATUS, OFFLINE, retain=True)
        except PublishError as error:
            log.warning("could not publish that the relay is offline: %s", error)
        self._ears.disconnect()
        self._client.disconnect()
        if self.connected:
            try:
                await asyncio.wait_for(self._gone.wait(), ACKNOWLEDGE_TIMEOUT_S)
            except TimeoutError:
                log.warning("the broker did not confirm the end of the connection")
        self._forget_callbacks()

    @property
    def unacknowledged(self) -> int:
        """The number of messages that wait for the broker's acknowledgement."""
        return len(self._waiting)

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Publish with QoS 1 and return when the broker has acknowledged. Raises `PublishError`.

        Returns False if the broker reports that nobody is subscribed; not every broker reports it.
        """
        if not self.connected:
            raise PublishError("there is no connection to the broker")
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        if sent.rc == paho.MQTT_ERR_QUEUE_SIZE:
            raise PublishError(f"{MAX_QUEUED_MESSAGES} messages wait for the broker already")
        reason = await self._acknowledgement(sent.mid)
        if reason.is_failure:
            raise PublishError(f"the broker refused it: {reason}")
        return bool(reason.value != NO_SUBSCRIBER)

    async def _acknowledgement(self, mid: int) -> ReasonCode:
        # No race: the acknowledgement comes through this event loop, which runs this function until the next `await`.
        future = self._waiting[mid] = self._loop.create_future()
        try:
            return await asyncio.wait_for(future, ACKNOWLEDGE_TIMEOUT_S)
        except TimeoutError:
            raise PublishError(f"the broker did not acknowledge within {ACKNOWLEDGE_TIMEOUT_S:g} seconds") from None
        finally:
            del self._waiting[mid]

    # --- what comes from the broker, in the event loop ---

    def _on_connect(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self._report(f"the broker refused the connection: {reason}")
            return
        self.connected, self._trouble = True, ""
        self._gone.clear()
        log.info("connected to the broker at %s:%d", self._broker.host, self._broker.port)
        self._client.subscribe(RELAY_STATUS, 1)
        if self._hears_pings:
            self._publish_online()

    def _on_ears(self, hears: bool) -> None:
        """Whoever publishes "online" answers pings."""
        self._hears_pings = hears
        if hears and self.connected:
            self._publish_online()

    def _on_disconnect(self, reason: ReasonCode) -> None:
        if self.connected:
            log.info("the connection to the broker ended: %s", reason)
        self.connected = False
        self._gone.set()

    def _on_publish(self, mid: int, reason: ReasonCode) -> None:
        future = self._waiting.get(mid)
        if future is not None and not future.done():
            future.set_result(reason)

    def _on_message(self, message: paho.MQTTMessage) -> None:
        self._on_status(message)

    def _on_status(self, message: paho.MQTTMessage) -> None:
        """Publish "online" again if another relay, or the will of a dead connection, published "offline"."""
        try:
            online = decode_state(bytes(message.payload)) == "online"
        except BadMessageError:
            online = False
        if not online and not self._leaving and self._hears_pings:
            self._publish_online()

    def _publish_online(self) -> None:
        self._client.publish(RELAY_STATUS, ONLINE, qos=1, retain=True)

    def _answer_ping(self, message: paho.MQTTMessage) -> None:
        """Ring the till that sent a ping: if it gets this doorbell, its subscription works."""
        till = message.topic.removeprefix(f"{self._broker.topic_root}/").removesuffix("/ping")
        doorbell = self._pings.echo(till, message.topic, bytes(message.payload), message.retain)
        if doorbell:
            self._client.publish(Topics(self._broker.topic_root, till).orders, encode_doorbell(doorbell), 1)

    async def _report_pings(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            if refused := self._pings.report():
                log.warning("%s", refused)

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    # --- paho ---

    def _new_client(self) -> paho.Client:
        client = new_client(self._broker, _client_id())
        client.max_queued_messages_set(MAX_QUEUED_MESSAGES)
        client.will_set(RELAY_STATUS, OFFLINE, qos=1, retain=True)
        client.on_connect = lambda _client, _data, _flags, reason, _more: self._hand_over(self._on_connect, reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: self._hand_over(
            self._on_disconnect, reason
        )
        client.on_publish = lambda _client, _data, mid, reason, _more: self._hand_over(self._on_publish, mid, reason)
        client.on_message = lambda _client, _data, message: self._hand_over(self._on_message, message)
        client.on_connect_fail = self._on_connect_fail
        client.on_socket_open = _send_at_once
        return client

    def _listen(self, ears: paho.Client, *_: object) -> None:
        ears.subscribe(f"{self._broker.topic_root}/+/ping", 1)

    def _new_ears(self) -> paho.Client:
        """A connection for pings alone: a till that floods would hold up the other one's acknowledgements."""
        ears = new_client(self._broker, _client_id())
        ears.on_connect = self._listen
        ears.on_subscribe = lambda *_: self._hand_over(self._on_ears, True)
        ears.on_disconnect = lambda *_: self._hand_over(self._on_ears, False)
        ears.on_message = self._sift
        return ears

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        # paho passes no reason, but calls this while it handles the exception.
        reason = sys.exc_info()[1]
        self._hand_over(self._report, f"no connection to {self._broker.host}:{self._broker.port}: {reason}")

    def _sift(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        # In paho's thread, which rests after each refusal: else the broker would send as fast as we can read.
        if self._pings.allows(message.topic, time.monotonic()):
            self._hand_over(self._answer_ping, message)
        else:
            time.sleep(REFUSAL_PAUSE_S)

    def _hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)

    def _forget_callbacks(self) -> None:
        """The network thread may outlive us, waiting for a name server; it must not call a closed event loop."""
        ears = self._ears
        ears.on_connect = ears.on_subscribe = ears.on_disconnect = ears.on_message = None
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = client.on_message = None
        client.on_connect_fail = None


def _send_at_once(_client: paho.Client, _data: object, connection: Any) -> None:
    """Without this a doorbell waits until the broker has confirmed the one before it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _limits() -> Properties:
    limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    limits.MaximumPacketSize = MAX_RECEIVED_BYTES
    return limits


def _client_id() -> str:
    """Return a unique name: two relays with the same name would disconnect each other."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
    return f"till-relay-{host}-{secrets.token_hex(4)}"
