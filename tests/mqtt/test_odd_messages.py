"""Messages with odd properties, topics and payloads: none ends the till, and the doorbell behind them rings."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core import events
from tests.mqtt.test_odd_brokers import till_at
from tests.support.odd_broker import PUBLISH, Link

TOPICS = ("tills/CAJA01/orders", "tills/CAJA01/commands", "relay/status", "sellers/1/orders", "elsewhere", "", "\0+#")
PAYLOADS = (
    b'{"v":1,"kind":"merchant_order","id":"7"}',
    b'{"v":1,"kind":"ping","id":"x-99999999999999999999999"}',
    b'{"v":1,"command":"report"}',
    b'{"v":1,"state":"online"}',
    b"",
    b"\xff" * 50,
)


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def properties_of(chance: random.Random) -> bytes:
    """Some properties of a PUBLISH, genuine in form: odd in content."""
    odd = (b"", b"a", b"tills/CAJA01/answers", b"a/+/#", b"\0", "ñ€😀".encode(), b"\xff\xfe", b"x" * 300)
    kinds = (
        lambda: b"\x01" + bytes([chance.choice((0, 1))]),
        lambda: b"\x02" + chance.randbytes(4),
        lambda: b"\x03" + text(chance.choice(odd)),
        lambda: b"\x08" + text(chance.choice(odd)),
        lambda: b"\x09" + text(chance.choice(odd)),
        lambda: b"\x0b" + bytes([chance.randrange(1, 128)]),
        lambda: b"\x23" + chance.randbytes(2),
        lambda: b"\x26" + text(chance.choice(odd)) + text(chance.choice(odd)),
        lambda: chance.randbytes(3),
    )
    return b"".join(chance.choice(kinds)() for _ in range(chance.randrange(4)))


def odd_message(chance: random.Random, mid: int) -> tuple[int, bytes]:
    body, found = b"", properties_of(chance)
    topic = chance.choice((*(each.encode() for each in TOPICS), b"\xff\xfe"))
    length = len(found)
    while length > 127:
        body, length = body + bytes([length & 127 | 128]), length >> 7
    body += bytes([length])
    flags = 0x02 | chance.choice((0, 1, 8, 9))
    return PUBLISH | flags, text(topic) + mid.to_bytes(2, "big") + body + found + chance.choice(PAYLOADS)


BELL = b'{"v":1,"kind":"merchant_order","id":"31415926535"}'


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_no_message_ends_the_till_and_a_genuine_doorbell_is_heard_after_it(seed):
    """The broker's packet may end the connection, if it is none of MQTT; then the next session hears the doorbell."""
    first = [True]

    def talk(link: Link) -> None:
        link.welcome()
        chance = random.Random(seed)
        if first.pop() if first else False:
            for mid in range(1, 4):
                link.say(*odd_message(chance, mid))
        link.say(PUBLISH | 0x02, text(b"tills/CAJA01/orders") + b"\0\x63\0" + BELL)
        link.wait()

    with till_at(talk) as till:
        while True:
            event = till.hear(events.DoorbellRang)
            if event.id == "31415926535":
                return


@pytest.mark.parametrize("topic", ["", "a/+", "#", "x" * 65000])
def test_an_odd_response_topic_is_no_harm(topic):
    def talk(link: Link) -> None:
        link.welcome()
        found = b"\x08" + text(topic.encode())
        length = len(found)
        size = b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        command = json.dumps({"v": 1, "command": "report"}).encode()
        link.say(PUBLISH | 0x02, text(b"tills/CAJA01/commands") + b"\0\x01" + size + bytes([length]) + found + command)
        link.say(PUBLISH | 0x02, text(b"tills/CAJA01/orders") + b"\0\x63\0" + BELL)
        link.wait()

    with till_at(talk) as till:
        assert till.hear(events.DoorbellRang).id == "31415926535"
