"""Hears the pings of all tills, on a connection of its own: a flood of them holds up no doorbell's acknowledgement."""

import asyncio
import logging
import time
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from edge.contract.mqtt import Doorbell
from relay.config import Broker
from relay.mqtt.link import Link
from relay.mqtt.pings import REPORT_INTERVAL_S, Pings

log = logging.getLogger(__name__)


class PingListener:
    """`answer` is called with a till and the doorbell that answers its ping; `on_hearing` when `hears` has changed to
    True. All methods are for the event loop that called `start`.
    """

    def __init__(self, broker: Broker, answer: Callable[[str, Doorbell], None], on_hearing: Callable[[], None]) -> None:
        self._subscribed = False
        self._root = broker.topic_root
        self._answer, self._on_hearing = answer, on_hearing
        self._pings = Pings()
        self._reporting: asyncio.Task[None] | None = None
        self._link = Link(broker, "pings", self._subscribe)
        self._link.client.on_subscribe = lambda _client, _data, _mid, reasons, _more: self._on_subscribe(reasons)
        self._link.client.on_message = self._sift

    @property
    def hears(self) -> bool:
        """Whether pings are answered now."""
        return self._link.is_open and self._subscribed

    def start(self) -> None:
        """Begin to connect, and keep trying."""
        self._link.open()
        self._reporting = asyncio.create_task(self._report())

    async def stop(self, timeout_s: float) -> None:
        """Disconnect."""
        if self._reporting:
            self._reporting.cancel()
        await self._link.close(timeout_s)

    def _subscribe(self) -> None:
        self._subscribed = False
        # A lost ping is sent again; and see `MAX_RECEIVED_BYTES`.
        self._link.client.subscribe(f"{self._root}/+/ping", 0)

    def _on_subscribe(self, reasons: list[ReasonCode]) -> None:
        if refused := [str(reason) for reason in reasons if reason.is_failure]:
            self._link.report(f"the broker refused the subscription to {self._root}/+/ping: {refused[0]}")
            return
        self._subscribed = True
        self._on_hearing()

    def _sift(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        # Read as fast as it comes, one between two turns of the event loop: while it waits at the broker, other tills'
        # pings wait behind it.
        if self._pings.allows(message.topic, time.monotonic()):
            self._on_ping(message)

    def _on_ping(self, message: paho.MQTTMessage) -> None:
        till = message.topic.removeprefix(f"{self._root}/").removesuffix("/ping")
        doorbell = self._pings.echo(till, message.topic, bytes(message.payload), message.retain)
        if doorbell:
            self._answer(till, doorbell)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            if refused := self._pings.report():
                log.warning("%s", refused)
