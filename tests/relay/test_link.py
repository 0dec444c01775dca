"""The relay's connections live in its event loop. A bug there ends it loudly; all that TLS read ahead is heard."""

import asyncio
import contextlib
import ssl
import time

import pytest

from edge.contract.mqtt import Doorbell
from relay.config import Broker, Tls
from relay.mqtt.client import MAX_RECONNECT_DELAY_S
from relay.mqtt.link import KEEPALIVE_S, reconnect_pause_s
from relay.mqtt.listener import PingListener
from tests.support.odd_broker import PUBLISH, Link, OddBroker, packet
from tests.support.relays import PATIENCE, subscribed, wait_until
from tests.support.tls import make_certificate

pytest_plugins = ["tests.support.relay_fixtures"]

ONE_BUG = """
import os, paho.mqtt.client
def bug(self):
    raise ZeroDivisionError("the bug")
if not os.path.exists({mark!r}):
    open({mark!r}, "w").close()
    paho.mqtt.client.Client._handle_{packet} = lambda self, *_: bug(self)
"""


# --- a bug ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("packet", ["pubackcomp", "suback", "connack"])
def test_a_bug_inside_paho_ends_the_relay_loudly_and_it_starts_again(broker, start_relay, tmp_path, packet):
    bug = ONE_BUG.format(mark=str(tmp_path / "mark"), packet=packet)
    relay = start_relay(broker.port, hurry=bug)
    assert relay.process.wait(PATIENCE) == 1
    assert "the link to the broker ended by a bug; so does this process" in relay.log
    assert "ZeroDivisionError: the bug" in relay.log
    relay.start()  # as systemd does: Restart=always
    relay.wait_until_healthy()
    with subscribed(broker) as till:
        assert relay.notify() == 201
        assert till.next()["id"] == "31415926535"


# --- TLS --------------------------------------------------------------------------------------------------------------

PINGS = [f"nonce-{number}" for number in range(20)]


def test_what_came_in_one_record_of_tls_is_all_read_at_once(tmp_path):
    """paho takes one packet at a time; the rest lies in the TLS object, and the socket isn't readable any more."""
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def say_all_in_one_record(link: Link) -> None:
        link.welcome()
        link.write(b"".join(packet(PUBLISH & 0xF0, ping(nonce)) for nonce in PINGS))
        link.wait()

    with OddBroker(say_all_in_one_record, context) as broker:
        heard = asyncio.run(nonces_heard(Broker("127.0.0.1", broker.port, tls=Tls(ca_file=certificate))))
    assert heard == PINGS


def ping(nonce: str) -> bytes:
    topic = b"tills/CAJA01/ping"
    return len(topic).to_bytes(2, "big") + topic + b"\0" + f'{{"v":1,"id":"{nonce}"}}'.encode()


async def nonces_heard(broker: Broker) -> list[str]:
    """Those that a listener hears long before the connection's next sign of life could make it look again."""
    heard: list[str] = []
    complete = asyncio.Event()

    def answer(_till: str, doorbell: Doorbell) -> None:
        heard.append(doorbell.id)
        if len(heard) == len(PINGS):
            complete.set()

    listener = PingListener(broker, answer, lambda: None)
    listener.start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(complete.wait(), KEEPALIVE_S / 3)
    await listener.stop(1.0)
    return heard


# --- coming back ------------------------------------------------------------------------------------------------------


def test_the_pause_before_connecting_again_grows_to_a_limit_and_is_a_matter_of_luck():
    assert [reconnect_pause_s(attempts, 0.0) for attempts in range(5)] == [1, 2, 4, 5, 5]
    assert [reconnect_pause_s(attempts, 1.0) for attempts in range(5)] == [1.5, 3, 5, 5, 5]
    assert reconnect_pause_s(0, 0.3) < reconnect_pause_s(0, 0.4)
    assert reconnect_pause_s(1_000_000, 0.5) <= MAX_RECONNECT_DELAY_S


@pytest.mark.slow
def test_a_relay_whose_broker_hangs_up_comes_back_after_a_second_and_later_each_time(start_relay):
    came: list[float] = []
    with OddBroker(lambda _: came.append(time.monotonic())) as broker:
        start_relay(broker.port)
        wait_until(lambda: len(came) >= 6, "both connections were tried three times")
    gaps = [later - earlier for earlier, later in zip(came, came[2:], strict=False)]
    assert min(gaps) > 0.8, gaps
    assert max(gaps[2:]) > 1.5, gaps
