"""What the broker tells of the fleet: all that is retained, proved to be all, and from then on what changes."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode
from rich.text import Text

from edge.contract.mqtt import RELAY_STATUS, BadMessage, Topics, decode_state
from relay.config import Broker
from relay.fleet.facts import Record, Status, read_record, read_status
from relay.fleet.rows import Hours, Row, rows_of
from relay.fleet.table import ago
from relay.mqtt.client import new_client

PATIENCE = 15.0
"""Seconds that the broker gets to tell all."""
QUIET = 0.5
"""Seconds without a retained message after which nobody has more to tell."""
KEEPALIVE = 30


class Misfortune(Exception):
    """The table can't be told; the text says why."""


class Watcher:
    """What the broker told so far. All methods belong to the thread that calls `listen`; paho's only hands over."""

    def __init__(self, broker: Broker, hours: Hours | None) -> None:
        self.relay = ""
        """What the relay's status says: "online", "offline", or "" for nothing."""
        self._root = broker.topic_root
        self._broker = broker
        self._hours = hours
        self._statuses: dict[str, Status] = {}
        self._records: dict[str, Record] = {}
        self._told: set[str] = set()
        """The topics that this connection brought."""
        self._trouble = ""
        self._trouble_since = self.now()
        self._unasked: list[str] = []
        """What this connection is still to be asked for."""
        self._fence: int | None = None
        self._fence_passed = False
        self._last_retained = 0.0
        self._inbox: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = SimpleQueue()
        self._client = self._new_client()

    def start(self) -> None:
        """Begin to connect, and keep connecting."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE)
        self._client.loop_start()

    def stop(self) -> None:
        """Leave; may be called at any time."""
        self._client.disconnect()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def rows(self) -> list[Row]:
        """All tills, who needs help first."""
        return rows_of(self._statuses, self._records, self._hours is None or self._hours.include(self.now()))

    def listen(self, seconds: float) -> None:
        """Take in what comes, for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._hear(left)
        if self._is_complete():
            self._statuses = {
                till: told for till, told in self._statuses.items() if self._of(till).status in self._told
            }
            self._records = {
                till: told for till, told in self._records.items() if self._of(till).commissioning in self._told
            }

    def wait_for_all(self) -> None:
        """Return when all that is retained has come. Raises `Misfortune`."""
        until = time.monotonic() + PATIENCE
        while not self._is_complete():
            self._hear(QUIET)
            if self._trouble:
                raise Misfortune(self._trouble)
            if time.monotonic() > until:
                raise Misfortune(f"{self._where} did not tell all within {PATIENCE:g} seconds. {self._known}")

    def headline(self) -> Text:
        """Say how it stands with relay and broker."""
        if self._trouble:
            words = f"{self._trouble[0].upper()}{self._trouble[1:]}"
            age = ago(self._trouble_since, self.now())
            return Text(f"{words}. Nothing was heard for {age}: the table is as old.", "bold white on red3")
        if not self._is_complete():
            return Text(f"Listening to {self._where} …", "dim")
        style = {"online": "green", "offline": "bold red"}.get(self.relay, "dim")
        clock = self.now().astimezone(self._hours.zone if self._hours else None)
        return Text.assemble("relay ", (self.relay or "says nothing", style), (f" · {clock:%H:%M:%S}", "dim"))

    @property
    def _where(self) -> str:
        return f"the broker at {self._broker.host}:{self._broker.port}"

    @property
    def _known(self) -> str:
        return f"{len(self._statuses)} tills came; a broker with more of them may need a larger max_queued_messages"

    def _is_complete(self) -> bool:
        """The fence proves it for mosquitto, which sends in order; the quiet is for brokers that are clusters."""
        return self._fence_passed and time.monotonic() - self._last_retained > QUIET

    def _hear(self, seconds: float) -> None:
        try:
            function, arguments = self._inbox.get(timeout=seconds)
        except Empty:
            return
        function(*arguments)

    # --- what the broker says, in the thread that listens ---

    def _on_connect(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self._tell(f"{self._where} refused {self._broker.username or 'us, who gave no username'}: {reason}")
            return
        self._trouble = ""
        self._told.clear()
        self._fence_passed = False
        every = self._of("+")
        self._unasked = [every.status, every.commissioning]
        self._ask()

    def _ask(self) -> None:
        """Ask for one thing after the other, so that the broker has less to send at once."""
        # QoS 0, for of QoS 1 mosquitto retells no more than its queue holds, 1,020, and says nothing of the rest.
        # What comes on a connection comes in order, so the answer to a second subscription follows all of the first;
        # and where mosquitto drops what its socket doesn't take, it drops that answer too.
        self._client.subscribe(self._unasked.pop(0), qos=0)
        self._fence = self._client.subscribe(RELAY_STATUS, qos=0)[1]

    def _on_subscribe(self, packet: int) -> None:
        if packet != self._fence:
            return
        if self._unasked:
            self._ask()
        else:
            self._fence_passed, self._last_retained = True, time.monotonic()

    def _on_disconnect(self, reason: ReasonCode) -> None:
        self._fence_passed = False
        if not self._trouble:  # else a refusal ended it, and that is said
            self._tell(f"{self._where} is gone: {reason}")

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if message.retain:
            self._last_retained = time.monotonic()
        if message.topic == RELAY_STATUS:
            self.relay = _state(bytes(message.payload))
            return
        till = message.topic.removeprefix(f"{self._root}/").rpartition("/")[0]
        self._told.add(message.topic)
        if message.topic == self._of(till).status:
            self._on_status(till, bytes(message.payload), message.retain)
        else:
            self._on_record(till, bytes(message.payload))

    def _on_status(self, till: str, payload: bytes, retained: bool) -> None:
        if not payload:  # somebody cleared it
            self._statuses.pop(till, None)
            return
        status = read_status(payload)
        before = self._statuses.get(till, Status())
        gone_at = None if retained else self.now()
        self._statuses[till] = status.after(before, gone_at) if status.is_gone else status

    def _on_record(self, till: str, payload: bytes) -> None:
        if payload:
            self._records[till] = read_record(payload)
        else:
            self._records.pop(till, None)

    def _of(self, till: str) -> Topics:
        return Topics(self._root, till)

    def _tell(self, trouble: str) -> None:
        if not self._trouble:
            self._trouble_since = self.now()
        self._trouble = trouble

    # --- paho ---

    def _new_client(self) -> paho.Client:
        client = new_client(self._broker, f"till-fleet-{token_hex(4)}")
        client.on_connect = lambda _client, _data, _flags, reason, _more: self._hand_over(self._on_connect, reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: self._hand_over(
            self._on_disconnect, reason
        )
        client.on_subscribe = lambda _client, _data, packet, _reasons, _more: self._hand_over(
            self._on_subscribe, packet
        )
        client.on_message = lambda _client, _data, message: self._hand_over(self._on_message, message)
        client.on_connect_fail = self._on_connect_fail
        return client

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        # paho names no reason, but calls this while it handles the exception.
        reason = sys.exc_info()[1]
        words = getattr(reason, "strerror", None) or reason
        self._hand_over(self._tell, f"no connection to {self._where}: {words}")

    def _hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        self._inbox.put((function, arguments))


def _state(payload: bytes) -> str:
    try:
        state = decode_state(payload)
    except BadMessage:
        return ""
    return state if state in ("online", "offline") else ""
