"""One connection to the broker that keeps coming back, and logs once why it isn't there.

What happens is passed on to the event loop. An exception in a callback would end paho's network thread, and the client
would believe that it is still connected.
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
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from relay.config import Broker
from relay.mqtt.client import new_client

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
MAX_RECEIVED_BYTES = 512
"""A ping has 100. The broker keeps larger messages back. Subscribe with QoS 0: with QoS 1, mosquitto (2.0.11, 2.0.21)
waits for ever for an acknowledgement of what it kept back, and after 20 of those it sends nothing more."""


class Link:
    """One connection. All methods are for the event loop that called `open`; `hand_over` is for paho's callbacks.

    `carries` says in the log what is interrupted. `on_open` is called with each new connection, before anything comes.
    """

    def __init__(self, broker: Broker, carries: str, on_open: Callable[[], None]) -> None:
        self.is_open = False
        self.closed = asyncio.Event()
        self._address = f"{broker.host}:{broker.port}"
        self._broker, self._carries, self._on_open = broker, carries, on_open
        self._trouble = ""
        self.client = client = new_client(broker, _client_id())
        client.on_connect = lambda _client, _data, _flags, reason, _more: self.hand_over(self._on_connect, reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: self.hand_over(self._on_close, reason)
        client.on_connect_fail = self._on_connect_fail
        client.on_socket_open = _send_at_once

    def open(self) -> None:
        """Begin to connect, and keep trying: a relay starts even if the broker is down."""
        self._loop = asyncio.get_running_loop()
        self.client.connect_async(
            self._broker.host, self._broker.port, KEEPALIVE_S, clean_start=True, properties=_limits()
        )
        self.client.loop_start()

    async def close(self, timeout_s: float) -> None:
        """Disconnect. The network thread may outlive us, waiting for a name server; it calls no closed event loop."""
        self.client.disconnect()
        if self.is_open:
            try:
                await asyncio.wait_for(self.closed.wait(), timeout_s)
            except TimeoutError:
                log.warning("the broker did not confirm the end of the connection for %s", self._carries)
        client = self.client
        client.on_connect = client.on_disconnect = client.on_connect_fail = None
        client.on_publish = client.on_subscribe = client.on_message = None

    def hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        """Let the event loop call a function, from paho's thread."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def report(self, trouble: str) -> None:
        """Log a trouble, unless it was logged since there was a connection."""
        if trouble != self._trouble:
            log.warning("%s: %s", self._carries, trouble)
        self._trouble = trouble

    def _on_connect(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self.report(f"the broker refused the connection: {reason}")
            return
        self.is_open, self._trouble = True, ""
        self.closed.clear()
        log.info("%s: connected to the broker at %s", self._carries, self._address)
        self._on_open()

    def _on_close(self, reason: ReasonCode) -> None:
        if self.is_open:
            log.info("%s: the connection to the broker ended: %s", self._carries, reason)
        elif not self._trouble:  # else it ended because of that
            self.report(f"the broker ended the connection before it was made: {reason}")
        self.is_open = False
        self.closed.set()

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        # paho passes no reason, but calls this while it handles the exception.
        self.hand_over(self.report, f"no connection to {self._address}: {sys.exc_info()[1]}")


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
