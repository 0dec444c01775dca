"""The relay's connection to the broker: `publish` returns when the broker has acknowledged, or raises the reason.

It also answers pings, and keeps the retained `relay/status` true for all relays that share it: the will of one that
dies says "offline", and one that lives says "online" again, and repeats it for tills at other nodes of a cluster.
"""

import asyncio
import logging

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from edge.contract.mqtt import (
    OFFLINE,
    ONLINE,
    RELAY_STATUS,
    REPEAT_EVERY_S,
    BadMessageError,
    Doorbell,
    Topics,
    decode_state,
    encode_doorbell,
)
from relay.config import Broker
from relay.mqtt.link import Link
from relay.mqtt.listener import PingListener

log = logging.getLogger(__name__)

ACKNOWLEDGE_TIMEOUT_S = 4.0
"""Mercado Pago waits 22 seconds for us; some of its senders wait 5."""
MAX_QUEUED_MESSAGES = 1000
"""Held by paho while the broker takes none. They are doorbells, so sending them late does no harm."""
NO_SUBSCRIBER = 0x10


class PublishError(Exception):
    """The broker did not acknowledge a message; the text says why."""


class Publisher:
    """One connection to the broker. All methods are for the event loop that called `start`."""

    def __init__(self, broker: Broker) -> None:
        self._leaving = False
        self._root = broker.topic_root
        self._waiting: dict[int, asyncio.Future[ReasonCode]] = {}
        self._link = Link(broker, "doorbells", self._on_open)
        self._client = self._prepared(self._link.client)
        self._listener = PingListener(broker, self._ring_back, self._publish_online)
        self._repeating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect, and keep trying: a relay starts even if the broker is down."""
        self._loop = asyncio.get_running_loop()
        self._link.open()
        self._listener.start()
        self._repeating = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        """Publish "offline" and disconnect properly, so that the broker doesn't publish the will."""
        self._leaving = True
        if self._repeating:
            self._repeating.cancel()
        try:
            await self.publish(RELAY_STATUS, OFFLINE, retain=True)
        except PublishError as error:
            log.warning("could not publish that the relay is offline: %s", error)
        await asyncio.gather(self._listener.stop(ACKNOWLEDGE_TIMEOUT_S), self._link.close(ACKNOWLEDGE_TIMEOUT_S))

    @property
    def connected(self) -> bool:
        """Whether there is a connection for doorbells."""
        return self._link.is_open

    @property
    def hears_pings(self) -> bool:
        """Whether pings are answered now."""
        return self.connected and self._listener.hears

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
        future: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._waiting[mid] = future
        timer = self._loop.call_later(ACKNOWLEDGE_TIMEOUT_S, _give_up, future)
        try:
            return await future
        finally:
            timer.cancel()
            del self._waiting[mid]

    # --- what comes from the broker, in the event loop ---

    def _on_open(self) -> None:
        self._client.subscribe(RELAY_STATUS, 0)
        self._publish_online()

    def _on_publish(self, mid: int, reason: ReasonCode) -> None:
        future = self._waiting.get(mid)
        if future is not None and not future.done():
            future.set_result(reason)

    def _on_status(self, message: paho.MQTTMessage) -> None:
        """Publish "online" again if another relay, or the will of a dead connection, published "offline"."""
        try:
            online = decode_state(bytes(message.payload)) == "online"
        except BadMessageError:
            online = False
        if not online:
            self._publish_online()

    def _publish_online(self) -> None:
        """Whoever publishes "online" answers pings."""
        if self.hears_pings and not self._leaving:
            self._client.publish(RELAY_STATUS, ONLINE, qos=1, retain=True)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_EVERY_S)
            self._publish_online()

    def _ring_back(self, till: str, doorbell: Doorbell) -> None:
        """Answer a ping: if the till gets this doorbell, its subscription works."""
        self._client.publish(Topics(self._root, till).orders, encode_doorbell(doorbell), 1)

    def _prepared(self, client: paho.Client) -> paho.Client:
        client.max_queued_messages_set(MAX_QUEUED_MESSAGES)
        client.will_set(RELAY_STATUS, OFFLINE, qos=1, retain=True)
        client.on_publish = lambda _client, _data, mid, reason, _more: self._on_publish(mid, reason)
        client.on_message = lambda _client, _data, message: self._on_status(message)
        return client


def _give_up(acknowledgement: asyncio.Future[ReasonCode]) -> None:
    """A timer of our own: `asyncio.wait_for` costs a twentieth of a notification."""
    if not acknowledgement.done():
        reason = f"the broker did not acknowledge within {ACKNOWLEDGE_TIMEOUT_S:g} seconds"
        acknowledgement.set_exception(PublishError(reason))
