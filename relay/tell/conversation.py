"""One command to any number of tills, and what each of them answers.

The command expires with our patience: a till that is off doesn't carry it out tomorrow. Only answers with our own
correlation data count: others of support may talk to the same tills at the same time.
"""

import json
import queue
import time
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.contract.mqtt import Topics, encode
from edge.contract.reason_codes import FIRST_FAILURE, login_reason, reason
from relay.config import Broker
from relay.mqtt.client import new_client

KEEPALIVE_S = 30
NO_SUBSCRIBER = 0x10
TILL = "{till}"
"""Stands for the till's name where a callback doesn't know it."""

Answer = dict[str, Any]
Outcome = Answer | str
"""A till's answer, or why there is none, for people."""


class NoBrokerError(Exception):
    """The broker doesn't take us; the text says why, for people."""


class Conversation:
    """`ask` may be called once. paho's callbacks run in its network thread: they only put into queues what came."""

    def __init__(self, broker: Broker, seconds: float) -> None:
        self._broker, self._seconds = broker, seconds
        self._ready: queue.Queue[str] = queue.Queue()
        """Why the broker refuses us; "" if it doesn't."""
        self._heard: queue.Queue[tuple[object, Outcome]] = queue.Queue()
        """The number of a command's packet, or its mark, and what came of it."""
        self._answers = Topics(broker.topic_root, "+").answers
        self._client = new_client(broker, f"tell-{token_hex(4)}")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.put("")
        self._client.on_publish = lambda _client, _data, mid, code, _more: self._on_published(mid, code.value)
        self._client.on_message = self._on_message

    def ask(self, tills: Sequence[str], message: Answer) -> dict[str, Outcome]:
        """Return what each till answers, or why it doesn't. Raises `NoBrokerError`."""
        self._connect()
        try:
            self._wait_until_ready()
            asked: dict[object, str] = {each: till for till in tills for each in self._publish(till, message)}
            return self._collect(tills, asked)
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    @property
    def _address(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _connect(self) -> None:
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise NoBrokerError(f"no connection to the broker at {self._address}: {error}") from None
        self._client.loop_start()

    def _wait_until_ready(self) -> None:
        mute = f"the broker at {self._address} doesn't answer: a firewall in between, or a wrong port?"
        try:
            refusal = self._ready.get(timeout=self._seconds)
        except queue.Empty:
            refusal = f"within {self._seconds:g} s {mute}"
        if refusal:
            raise NoBrokerError(refusal)

    def _publish(self, till: str, message: Answer) -> tuple[int, bytes]:
        """Return what the broker's acknowledgement and the till's answer are known by."""
        topics, mark = Topics(self._broker.topic_root, till), token_hex(8).encode()
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = topics.answers, mark
        properties.MessageExpiryInterval = round(self._seconds)
        return self._client.publish(topics.commands, encode(message), qos=1, properties=properties).mid, mark

    def _collect(self, tills: Sequence[str], asked: Mapping[object, str]) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        until = time.monotonic() + self._seconds
        while len(found) < len(tills) and (left := until - time.monotonic()) > 0:
            try:
                known_by, outcome = self._heard.get(timeout=left)
            except queue.Empty:
                break
            if till := asked.get(known_by):
                found.setdefault(till, outcome.replace(TILL, till) if isinstance(outcome, str) else outcome)
        silent = f"within {self._seconds:g} s no answer from {TILL}: it is off, or there is no such till"
        return {till: found.get(till, silent.replace(TILL, till)) for till in tills}

    # --- paho's network thread ---

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: Any, ___: Any) -> None:
        if code.value:
            self._ready.put(f"the broker refuses {self._broker.username or 'us'}: {login_reason(code.value)}")
        else:
            client.subscribe(self._answers, 1)

    def _on_published(self, mid: int, code: int) -> None:
        if code >= FIRST_FAILURE:
            who = self._broker.username or "us"
            self._heard.put((mid, f"the broker takes no command for {TILL} from {who}: {reason(code)}"))
        elif code == NO_SUBSCRIBER:
            self._heard.put((mid, f"no till {TILL} listens at this broker: is its name right, has it ever been on?"))

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        self._heard.put((getattr(message.properties, "CorrelationData", b""), _decoded(bytes(message.payload))))


def _decoded(payload: bytes) -> Outcome:
    """A report is longer than what a till reads, so the contract's limit doesn't hold here."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        answer = None
    return answer if isinstance(answer, dict) else f"the answer of {TILL} can't be read: it is no JSON object"
