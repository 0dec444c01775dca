"""One connection to the broker that keeps coming back, and logs once why it isn't there.

It lives in the event loop, like the requests: paho reads and writes when the loop says so, and calls back there. Only
names, TCP and TLS wait in a thread of their own, for as long as a connection is being made.
"""

import asyncio
import contextlib
import logging
import random
import re
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from relay.bugs import end_by
from relay.config import Broker
from relay.mqtt.client import MAX_RECONNECT_DELAY_S, MIN_RECONNECT_DELAY_S, new_client

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
KEEPALIVE_CHECK_INTERVAL_S = 1.0
MAX_RECEIVED_BYTES = 512
"""A ping has 100. The broker keeps larger messages back. Subscribe with QoS 0: with QoS 1, mosquitto (2.0.11, 2.0.21)
waits for ever for an acknowledgement of what it kept back, and after 20 of those it sends nothing more."""

MAX_IN_FLIGHT = 1000
"""Publications that may be unacknowledged, if the broker allows as many. In a cluster one till's queue may be without
its node; with paho's 20, as many doorbells of such tills would hold up those of all others."""
NO_LIMIT = 65535
"""The receive maximum of a broker that names none."""


def reconnect_pause_s(attempts: int, luck: float) -> float:
    """Return how long to wait after so many vain attempts: `luck` (0 to 1) keeps relays from returning all together.

    Never less than a second: a killed broker may have forgotten the tills' sessions, and who rings before the tills
    are back rings nobody.
    """
    shortest = MIN_RECONNECT_DELAY_S << min(attempts, 10)
    return min(shortest * (1 + luck / 2), float(MAX_RECONNECT_DELAY_S))


class Link:
    """One connection. All methods, and all callbacks of its client, are for the event loop that called `open`.

    `carries` says in the log what is interrupted. `on_open` is called with each new connection, before anything comes.
    """

    def __init__(self, broker: Broker, carries: str, on_open: Callable[[], None]) -> None:
        self.is_open = False
        self._closed = asyncio.Event()
        self._address = f"{broker.host}:{broker.port}"
        self._broker, self._carries, self._on_open = broker, carries, on_open
        self._trouble = ""
        self._attempts = 0
        """Since there was a connection."""
        self._socket: Any = None
        """Read and written by the event loop; None while there is none, or while it is being connected."""
        self.client = client = new_client(broker, _client_id())
        client.on_connect = lambda _client, _data, _flags, reason, more: self._on_connect(reason, more)
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: self._on_close(reason)
        client.on_socket_open = _send_at_once
        client.on_socket_close = lambda *_: self._leave_socket()
        client.on_socket_register_write = lambda *_: self._write_soon()
        client.on_socket_unregister_write = lambda *_: self._await_no_room()

    def open(self) -> None:
        """Begin to connect, and keep trying: a relay starts even if the broker is down."""
        self._loop = asyncio.get_running_loop()
        self.client.connect_async(
            self._broker.host, self._broker.port, KEEPALIVE_S, clean_start=True, properties=_limits()
        )
        self._keeping = asyncio.create_task(self._keep_connected())
        self._keeping.add_done_callback(_end_with_the_link)

    async def close(self, timeout_s: float) -> None:
        """Disconnect. A thread that waits for a name server may outlive us; it calls no closed event loop."""
        self.client.disconnect()
        if self.is_open:
            try:
                await asyncio.wait_for(self._closed.wait(), timeout_s)
            except TimeoutError:
                log.warning("the broker did not confirm the end of the connection for %s", self._carries)
        self._keeping.cancel()
        self._leave_socket()

    def report(self, trouble: str) -> None:
        """Log a trouble, unless it was logged since there was a connection."""
        if trouble != self._trouble:
            log.warning("%s: %s", self._carries, trouble)
        self._trouble = trouble

    # --- connecting, again and again ---

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._in_thread(self.client.reconnect)
            except OSError as error:
                self.report(f"no connection to {self._address}: {error}")
            else:
                await self._serve()
            await asyncio.sleep(reconnect_pause_s(self._attempts, random.random()))
            self._attempts += 1

    async def _in_thread(self, connect: Callable[[], object]) -> None:
        """Connect without holding up the loop. Raises what `connect` raises."""
        done: asyncio.Future[None] = self._loop.create_future()

        def work() -> None:
            error = None
            try:
                connect()
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(_settle, done, error)

        threading.Thread(target=work, name=f"connect for {self._carries}", daemon=True).start()
        await done

    async def _serve(self) -> None:
        """Read and write until the connection ends. Raises what paho raises by a bug."""
        self._socket = self.client.socket()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._socket, self._read)
        self._write_soon()
        while self._socket is not None:
            self._step(self.client.loop_misc)
            await asyncio.wait([self._ended], timeout=KEEPALIVE_CHECK_INTERVAL_S)
        self._ended.result()

    def _step(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            self._leave_socket(error)

    def _read(self) -> None:
        self._step(self.client.loop_read)
        # TLS reads ahead: what it holds already, the loop can't see.
        if self._broker.tls and self._socket is not None and self._socket.pending():
            self._loop.call_soon(self._read)

    def _write_soon(self) -> None:
        """All that this turn of the loop publishes is written together, at its end."""
        if self._socket is not None:
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        if self._socket is not None:
            self._step(self.client.loop_write)
        if self._socket is not None and self.client.want_write():
            self._loop.add_writer(self._socket, self._step, self.client.loop_write)

    def _await_no_room(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _leave_socket(self, error: Exception | None = None) -> None:
        if self._socket is None:
            return
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket = None
        _settle(self._ended, error)

    # --- what paho calls back ---

    def _on_connect(self, reason: ReasonCode, limits: Properties | None) -> None:
        if reason.is_failure:
            self.report(f"the broker refused the connection: {reason}")
            return
        # paho doesn't read it, and lets its own limit be set only before the first connection.
        self.client._max_inflight_messages = min(getattr(limits, "ReceiveMaximum", NO_LIMIT), MAX_IN_FLIGHT)
        self.is_open, self._trouble, self._attempts = True, "", 0
        self._closed.clear()
        log.info("%s: connected to the broker at %s", self._carries, self._address)
        self._on_open()

    def _on_close(self, reason: ReasonCode) -> None:
        if self.is_open:
            log.info("%s: the connection to the broker ended: %s", self._carries, reason)
        elif not self._trouble:  # else it ended because of that
            self.report(f"the broker ended the connection before it was made: {reason}")
        self.is_open = False
        self._closed.set()


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _end_with_the_link(keeping: asyncio.Task[None]) -> None:
    if not keeping.cancelled():
        end_by(keeping.exception(), "the link to the broker")


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
