"""The fleet, as the broker has it: all retained messages, with proof that they are all, and then every change.

Some brokers give no retained message to whoever asks for all tills, such as RabbitMQ's nodes. That is found out, and
said; then a watcher has heard every till that lives after `REPEAT_EVERY_S`.
"""

import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode
from rich.text import Text

from edge.contract.mqtt import RELAY_STATUS, REPEAT_EVERY_S, BadMessageError, Topics, decode_state
from relay.config import Broker
from relay.fleet.facts import Record, Status, decode_record, decode_status
from relay.fleet.rows import Hours, Row, rows_of
from relay.fleet.table import ago
from relay.mqtt.client import new_client

RETAINED_TIMEOUT_S = 15.0
"""For the broker to send all retained messages."""
QUIET_S = 0.5
"""Without a retained message for this long, there are no more."""
KEEPALIVE_S = 30
LISTENED_S = 10.0
"""How long is listened, at least, where the broker gave nothing that it keeps."""


class FleetError(Exception):
    """The tills can't be shown; the text says why."""


class Watcher:
    """What the broker has sent so far. All methods are for one thread; paho's thread only puts into the inbox."""

    def __init__(self, broker: Broker, hours: Hours | None) -> None:
        self.relay = ""
        """The relay's status: "online", "offline", or "" if there is none."""
        self._root = broker.topic_root
        self._broker = broker
        self._hours = hours
        self._statuses: dict[str, Status] = {}
        self._records: dict[str, Record] = {}
        self._topics_seen: set[str] = set()
        """The topics of which this connection has brought a message."""
        self._topics_before: set[str] = set()
        """Those of the connection before."""
        self._remembers = False
        """Whether this connection's broker gave us something that we had before, as one that was emptied can't."""
        self._trouble = ""
        self._trouble_since = self.now()
        self._unasked: list[str] = []
        """Subscriptions that this connection still has to make."""
        self._fence: int | None = None
        self._fence_passed = False
        self._last_retained = 0.0
        self._keeps = False
        """Whether the broker ever brought a status that it keeps."""
        self._cleared: set[str] = set()
        """Tills whose status somebody has cleared, with which they are out of the fleet."""
        self._listening_since = 0.0
        self._inbox: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = SimpleQueue()
        self._client = self._new_client()

    def start(self) -> None:
        """Begin to connect, and keep trying."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect. May be called at any time."""
        self._client.disconnect()

    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def statuses(self) -> Mapping[str, Status]:
        """Till -> its last status."""
        now = self.now()
        return {till: status.as_of(now) for till, status in self._statuses.items()}

    @property
    def heard(self) -> Collection[str]:
        """The tills of which it is known how they are. Of any other a broker may just have lost what it kept."""
        return self._statuses.keys() | self._cleared

    @property
    def records(self) -> Mapping[str, Record]:
        """Till -> the record of its last check."""
        return self._records

    @property
    def trouble(self) -> str:
        """Why there is no connection to the broker; "" if there is one, or none was tried."""
        return self._trouble

    @property
    def is_complete(self) -> bool:
        """Whether everything retained has come, or else whoever lives was heard: who isn't there is gone."""
        return self._is_complete() and not self._gap

    def rows(self) -> list[Row]:
        """Return a row for each till, the most urgent first."""
        return rows_of(self.statuses, self._records, self._hours is None or self._hours.include(self.now()))

    def listen(self, seconds: float) -> None:
        """Take in what comes from the broker, for this many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._take_one(left)
        if self._is_complete() and self._remembers:
            self._forget_the_cleared()

    def _forget_the_cleared(self) -> None:
        """Forget what was cleared while there was no connection: the broker had it, and remembers the rest."""
        cleared = self._topics_before - self._topics_seen
        for till in [till for till in self._statuses if self._of(till).status in cleared]:
            self._clear(till)
        for till in [till for till in self._records if self._of(till).commissioning in cleared]:
            del self._records[till]

    def wait_for_all(self) -> None:
        """Return when all retained messages have come. Raises `FleetError`."""
        until = time.monotonic() + RETAINED_TIMEOUT_S
        while not self._is_complete():
            self._take_one(QUIET_S)
            if self._trouble:
                raise FleetError(self._trouble)
            if time.monotonic() > until:
                late = f"{self._where} did not send everything within {RETAINED_TIMEOUT_S:g} seconds"
                raise FleetError(f"{late}. {self._known}")

    def listen_instead(self, seconds: float) -> str:
        """Where the broker gave nothing that it keeps, listen; return what is then missing, for people, "" for nothing.

        Raises `FleetError` if the connection is lost meanwhile.
        """
        if self._keeps:
            return ""
        self.listen(seconds)
        if self._trouble:
            raise FleetError(self._trouble)
        return self._gap

    @property
    def _gap(self) -> str:
        """What a table of living tills lacks."""
        listened_s = time.monotonic() - self._listening_since
        if self._keeps or listened_s >= REPEAT_EVERY_S:
            return ""
        heard = f"{len(self._statuses)} heard in {listened_s:.0f} s" if self._statuses else "no till was ever on"
        return (
            f"{self._where} gave no status that it keeps, so this may not be all: {heard}, or it gives none for all "
            f"tills at once, as RabbitMQ does. Tills repeat theirs every {REPEAT_EVERY_S:g} s"
        )

    def headline(self) -> Text:
        """Return the line about the relay and the connection to the broker."""
        if self._trouble:
            words = f"{self._trouble[0].upper()}{self._trouble[1:]}"
            age = ago(self._trouble_since, self.now())
            return Text(f"{words}. The table is {age} old.", "bold white on red3")
        if not self._is_complete():
            return Text(f"Listening to {self._where} …", "dim")
        if gap := self._gap:
            return Text(gap, "yellow")
        style = {"online": "green", "offline": "bold red"}.get(self.relay, "dim")
        clock = self.now().astimezone(self._hours.zone if self._hours else None)
        return Text.assemble("relay ", (self.relay or "reports nothing", style), (f" · {clock:%H:%M:%S}", "dim"))

    @property
    def _where(self) -> str:
        return f"the broker at {self._broker.host}:{self._broker.port}"

    @property
    def _known(self) -> str:
        return f"{len(self._statuses)} tills came; a broker with more of them may need a larger max_queued_messages"

    def _is_complete(self) -> bool:
        """Mosquitto sends in order, so the fence proves it. A cluster may not, so it must also have been quiet."""
        return self._fence_passed and time.monotonic() - self._last_retained > QUIET_S

    def _take_one(self, seconds: float) -> None:
        try:
            function, arguments = self._inbox.get(timeout=seconds)
        except Empty:
            return
        function(*arguments)

    # --- what comes from the broker, in our own thread ---

    def _on_connect(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self._report(f"{self._where} refused {self._broker.username or 'us, who gave no username'}: {reason}")
            return
        self._trouble = ""
        self._topics_before, self._topics_seen, self._remembers = self._topics_seen, set(), False
        self._fence_passed, self._listening_since = False, time.monotonic()
        every = self._of("+")
        self._unasked = [every.status, every.commissioning]
        self._ask()

    def _ask(self) -> None:
        """Make one subscription after the other, so that the broker has less to send at once."""
        # QoS 0, because of QoS 1 mosquitto sends only as many retained messages as its queue holds (1,020), and drops
        # the rest silently. A connection keeps the order, so the answer to a second subscription, the fence, follows
        # everything of the first; and where mosquitto drops what its socket doesn't take, it drops that answer too.
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
        if not self._trouble:  # else a refusal ended it, which is reported already
            self._report(f"{self._where} is gone: {reason}")

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if message.retain:
            self._last_retained = time.monotonic()
        if message.topic == RELAY_STATUS:
            self.relay = _state(bytes(message.payload))
            return
        till = message.topic.removeprefix(f"{self._root}/").rpartition("/")[0]
        self._topics_seen.add(message.topic)
        if message.topic == self._of(till).status:
            self._on_status(till, bytes(message.payload), message.retain)
        else:
            self._on_record(till, bytes(message.payload), message.retain)

    def _on_status(self, till: str, payload: bytes, retained: bool) -> None:
        self._keeps = self._keeps or retained
        if not payload:  # somebody cleared it
            self._clear(till)
            return
        status = decode_status(payload)
        before = self._statuses.get(till, Status())
        # A will has no date: that of today is the same as that of a month ago.
        self._remembers |= retained and status.at is not None and status.facts == before.facts
        status = status if retained else replace(status, at=self.now())
        gone_at = None if retained else self.now()
        self._statuses[till] = status.after(before, gone_at) if status.is_gone else status

    def _clear(self, till: str) -> None:
        self._statuses.pop(till, None)
        self._cleared.add(till)

    def _on_record(self, till: str, payload: bytes, retained: bool) -> None:
        if payload:
            record, before = decode_record(payload), self._records.get(till, Record())
            self._remembers |= retained and record.at is not None and record.facts == before.facts
            self._records[till] = record
        else:
            self._records.pop(till, None)

    def _of(self, till: str) -> Topics:
        return Topics(self._root, till)

    def _report(self, trouble: str) -> None:
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
        # paho passes no reason, but calls this while it handles the exception.
        reason = sys.exc_info()[1]
        words = getattr(reason, "strerror", None) or reason
        self._hand_over(self._report, f"no connection to {self._where}: {words}")

    def _hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        self._inbox.put((function, arguments))


def _state(payload: bytes) -> str:
    try:
        state = decode_state(payload)
    except BadMessageError:
        return ""
    return state if state in ("online", "offline") else ""
