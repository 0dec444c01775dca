"""The relay's side of the broker: `publish` returns when the broker has acknowledged, or says why it has not.

Also keeps the retained `relay/status` true, however many relays share it (a will says "offline" for one that dies, and
whoever is alive says "online" again), and rings pings back.
paho's network thread does nothing of ours: its callbacks only hand over to the event loop, for an exception in one
would end the thread and leave a client that believes to be connected.
"""

import asyncio
import logging
import re
import secrets
import socket
import sys
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from edge.contract.mqtt import (
    NONCE,
    OFFLINE,
    ONLINE,
    RELAY_STATUS,
    BadMessage,
    Doorbell,
    Topics,
    decode,
    decode_state,
    encode_doorbell,
    is_till_id,
)
from relay.config import Broker
from relay.mqtt.client import new_client

log = logging.getLogger(__name__)

PATIENCE = 4.0
"""Seconds to wait for the broker. Mercado Pago waits 22 seconds for us, at some of its senders 5."""
KEEPALIVE = 30
MOST_WAITING = 1000
"""Messages that paho may hold for a broker that takes none; they are doorbells, so sending them late does no harm."""
NO_SUBSCRIBER = 0x10


class NotTaken(Exception):
    """The broker did not acknowledge; the text says why."""


class Publisher:
    """One connection to the broker. All methods belong to the event loop that called `start`."""

    def __init__(self, broker: Broker) -> None:
        self.connected = False
        self._leaving = False
        self._broker = broker
        self._waiting: dict[int, asyncio.Future[ReasonCode]] = {}
        self._gone = asyncio.Event()
        self._trouble = ""
        self._client = self._new_client()

    def start(self) -> None:
        """Begin to connect, and keep connecting; a broker that is down is no reason not to start."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE, clean_start=True)
        self._client.loop_start()

    async def stop(self) -> None:
        """Say "offline" and leave in good order, so that the will stays unsaid."""
        self._leaving = True
        try:
            await self.publish(RELAY_STATUS, OFFLINE, retain=True)
        except NotTaken as error:
            log.warning("could not say that the relay is offline: %s", error)
        self._client.disconnect()
        if self.connected:
            try:
                await asyncio.wait_for(self._gone.wait(), PATIENCE)
            except TimeoutError:
                log.warning("the broker did not take our farewell")
        self._forget_callbacks()

    @property
    def unacknowledged(self) -> int:
        """How many publications wait for the broker's word."""
        return len(self._waiting)

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Publish with QoS 1 and return upon the broker's acknowledgement. Raises `NotTaken`.

        False if the broker says that nobody is subscribed; not every broker does.
        """
        if not self.connected:
            raise NotTaken("there is no connection to the broker")
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        if sent.rc == paho.MQTT_ERR_QUEUE_SIZE:
            raise NotTaken(f"{MOST_WAITING} messages wait for the broker already")
        reason = await self._acknowledgement(sent.mid)
        if reason.is_failure:
            raise NotTaken(f"the broker refused it: {reason}")
        return bool(reason.value != NO_SUBSCRIBER)

    async def _acknowledgement(self, mid: int) -> ReasonCode:
        # No race: the acknowledgement comes through this event loop, which is busy here until the next `await`.
        future = self._waiting[mid] = self._loop.create_future()
        try:
            return await asyncio.wait_for(future, PATIENCE)
        except TimeoutError:
            raise NotTaken(f"the broker did not acknowledge within {PATIENCE:g} seconds") from None
        finally:
            del self._waiting[mid]

    # --- what the broker says, in the event loop ---

    def _on_connect(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self._tell(f"the broker refused the connection: {reason}")
            return
        self.connected, self._trouble = True, ""
        self._gone.clear()
        log.info("connected to the broker at %s:%d", self._broker.host, self._broker.port)
        self._client.subscribe([(f"{self._broker.topic_root}/+/ping", 1), (RELAY_STATUS, 1)])
        self._say_online()

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
        if message.topic == RELAY_STATUS:
            self._contradict(message)
        else:
            self._ring_back(message)

    def _contradict(self, message: paho.MQTTMessage) -> None:
        """Say "online" again where another relay, or the will of a dead connection, said that there is none."""
        try:
            online = decode_state(bytes(message.payload)) == "online"
        except BadMessage:
            online = False
        if not online and not self._leaving:
            self._say_online()

    def _say_online(self) -> None:
        self._client.publish(RELAY_STATUS, ONLINE, qos=1, retain=True)

    def _ring_back(self, message: paho.MQTTMessage) -> None:
        """Answer a ping: the till that hears it knows that its subscription works."""
        till = message.topic.removeprefix(f"{self._broker.topic_root}/").removesuffix("/ping")
        try:
            nonce = decode(bytes(message.payload)).get("id")
        except BadMessage as error:
            log.warning("dropped a ping on %s: %s", message.topic, error)
            return
        if message.retain or not is_till_id(till) or not isinstance(nonce, str) or not NONCE.fullmatch(nonce):
            log.warning("dropped a ping on %s: its till or its id is not usable, or it was retained", message.topic)
            return
        self._client.publish(Topics(self._broker.topic_root, till).orders, encode_doorbell(Doorbell("ping", nonce)), 1)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    # --- paho ---

    def _new_client(self) -> paho.Client:
        client = new_client(self._broker, _client_id())
        client.max_queued_messages_set(MOST_WAITING)
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

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        # paho names no reason, but calls this while it handles the exception.
        reason = sys.exc_info()[1]
        self._hand_over(self._tell, f"no connection to {self._broker.host}:{self._broker.port}: {reason}")

    def _hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)

    def _forget_callbacks(self) -> None:
        """Keep a network thread that outlives us, waiting for a name server, away from a closed event loop."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = client.on_message = None
        client.on_connect_fail = None


def _send_at_once(_client: paho.Client, _data: object, connection: Any) -> None:
    """Let no doorbell wait until the broker has confirmed the one before."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _client_id() -> str:
    """Return a name of our own: of two relays with one name, each would throw the other out."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32]
    return f"till-relay-{host}-{secrets.token_hex(4)}"
