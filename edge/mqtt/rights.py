"""What the broker forbids us, by topic: how a till goes on without it, and how it finds out which topic it was.

Some brokers answer what they forbid and go on (mosquitto). Others end the connection, with a reason (HiveMQ) or without
a word (RabbitMQ before 4.3); who offers it again is thrown out for ever. For the broker's thread, but for `forbids`.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MessageState

from edge.core.backoff import back_off

FIRST_PAUSE_S, MAX_PAUSE_S = 300.0, 3600.0
"""How long what ended a session isn't tried again. Somebody may grant the right; or it was the network, after all."""
ENDINGS = 3
"""After so many sessions in a row that ended at the same topic without a word, it is taken for forbidden."""


@dataclass
class Rights:
    """What is known of them. Made by the session, which tells how it ended."""

    careful: bool = False
    """One packet at a time: sessions were ended, and it could have been any of several."""
    _until: dict[str, float] = field(default_factory=dict)
    _times: dict[str, int] = field(default_factory=dict)
    _suspects: AbstractSet[str] = frozenset()
    """What was unanswered at each of the last endings."""
    _endings: int = 0

    def forbids(self, topic: str, now: float) -> bool:
        """Whether the topic is to be left alone."""
        return now < self._until.get(topic, float("-inf"))

    def forbidden(self, now: float) -> list[str]:
        """The topics that are left alone."""
        return [topic for topic in self._until if self.forbids(topic, now)]

    def ended_otherwise(self) -> None:
        """A session ended for another reason."""
        self._suspects, self._endings = frozenset(), 0

    def ended(self, unanswered: AbstractSet[str], over_a_right: bool, now: float, endings: int = ENDINGS) -> str:
        """A session ended while these topics were unanswered; returns the one that did it, "" while that is unsure.

        `endings`: how many of them, without a word, are enough.
        """
        again = unanswered & self._suspects
        self._suspects, self._endings = (again, self._endings + 1) if again else (unanswered, 1)
        known = any(topic in self._times for topic in self._suspects)
        if not self._suspects or not (over_a_right or known or self._endings >= endings):
            return ""
        self.careful = len(self._suspects) > 1
        return "" if self.careful else self.forbid(next(iter(self._suspects)), now)

    def forbid(self, topic: str, now: float) -> str:
        """Leave a topic alone for a while, twice as long each time. Returns it."""
        times = self._times.get(topic, 0)
        self._times[topic] = times + 1
        self._until[topic] = now + back_off(times, first_s=FIRST_PAUSE_S, max_s=MAX_PAUSE_S)
        self.ended_otherwise()
        return topic


def unanswered(client: mqtt.Client) -> set[str]:
    """The topics of what was sent and not acknowledged: paho knows them, and has no public name for it."""
    with client._out_message_mutex:
        messages = list(client._out_messages.values())
    return {message.topic for message in messages if message.state == MessageState.MQTT_MS_WAIT_FOR_PUBACK}


def limit(client: mqtt.Client, in_flight: int) -> None:
    """Let so many messages be unacknowledged, from the next connection on; paho itself allows that once only."""
    with client._out_message_mutex:
        client._max_inflight_messages = in_flight


def take_back(client: mqtt.Client) -> list[int]:
    """Take back all that waits, between two connections, so that paho doesn't begin the next one with it.

    Returns the numbers of the messages.
    """
    with client._out_message_mutex:
        numbers = list(client._out_messages)
        client._out_messages.clear()
    return numbers
