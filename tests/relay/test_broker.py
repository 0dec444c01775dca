"""The relay and its broker: what happens to a doorbell when the broker goes, comes back, refuses or falls silent.

The promise under test: 201 if and only if the broker has acknowledged the doorbell.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from relay.config import Broker
from relay.mqtt import publisher as publishing
from relay.mqtt.publisher import Publisher, PublishError
from sim.mosquitto import Mosquitto
from tests.support.odd_broker import SUBSCRIBE, Link, OddBroker
from tests.support.relays import PATIENCE, subscribed, wait_until
from tests.support.tls import make_certificate

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow


# --- the broker goes, and comes back ----------------------------------------------------------------------------------


def test_no_broker_no_201(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    with subscribed(broker) as till:
        broker.stop()
        wait_until(lambda: not relay.is_healthy(), "the relay knows that its broker is gone")
        assert relay.notify() == 503
        broker.start()
        till.wait_until_back()
        relay.wait_until_healthy()
        assert relay.notify({"topic": "payment", "resource": "98000000002"}) == 201
        assert till.next()["id"] == "98000000002", "what was refused without a broker was kept all the same"


def test_a_relay_starts_without_its_broker_and_finds_it_later(start_relay):
    with Mosquitto() as broker:
        broker.stop()
        relay = start_relay(broker.port)
        wait_until(relay.listens, "the relay listens")
        assert relay.notify() == 503
        wait_until(lambda: "Connection refused" in relay.log, "the log says why")
        broker.start()
        with subscribed(broker) as till:
            relay.wait_until_healthy()
            assert relay.notify() == 201
            assert till.next()["id"] == "31415926535"


def test_a_broker_that_falls_silent_has_not_acknowledged(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    with subscribed(broker) as till:
        os.kill(broker.pid, signal.SIGSTOP)
        assert relay.notify() == 503
        os.kill(broker.pid, signal.SIGCONT)
        assert relay.notify({"topic": "payment", "resource": "98000000002"}) == 201
        assert [till.next()["id"], till.next()["id"]] == ["31415926535", "98000000002"]


def test_many_notifications_at_once_all_ring(relay, till):
    payments = [str(98000000100 + number) for number in range(80)]
    with ThreadPoolExecutor(20) as senders:
        codes = list(senders.map(lambda payment: relay.notify({"topic": "payment", "resource": payment}), payments))
    assert codes == [201] * len(payments)
    assert sorted(till.next()["id"] for _ in payments) == payments


def test_what_the_brokers_acl_forbids_is_not_delivered(start_relay):
    with Mosquitto(acl="topic read #\ntopic write relay/status\n") as broker:
        relay = start_relay(broker.port)
        wait_until(lambda: "doorbells: connected to the broker" in relay.log, "the relay is connected")
        assert relay.notify() == 503
        assert "Not authorized" in relay.log


def test_a_relay_that_the_broker_does_not_let_in_says_so(start_relay):
    with Mosquitto(anonymous=False) as broker:
        relay = start_relay(broker.port)
        wait_until(relay.listens, "the relay listens")
        assert relay.notify() == 503
        wait_until(lambda: "the broker refused the connection: Not authorized" in relay.log, "the log says why")


def test_what_is_owed_to_a_silent_broker_is_bounded(broker, monkeypatch):
    monkeypatch.setattr(publishing, "MAX_QUEUED_MESSAGES", 3)

    def lose_patience() -> None:
        monkeypatch.setattr(publishing, "ACKNOWLEDGE_TIMEOUT_S", 0.2)

    assert asyncio.run(refusals_of_a_silent_broker(broker, 5, lose_patience)) == [
        *["the broker did not acknowledge within 0.2 seconds"] * 3,
        *["3 messages wait for the broker already"] * 2,
    ]


async def refusals_of_a_silent_broker(broker: Mosquitto, attempts: int, lose_patience: Callable[[], None]) -> list[str]:
    publisher = Publisher(Broker(broker.host, broker.port, "", "", "tills", None))
    publisher.start()
    while not publisher.hears_pings:  # then it says that it is online, which has to be acknowledged, too
        await asyncio.sleep(0.01)
    await publisher.publish("tills/CAJA01/orders", b"{}")
    os.kill(broker.pid, signal.SIGSTOP)
    lose_patience()
    refusals = []
    for _ in range(attempts):
        with pytest.raises(PublishError) as refusal:
            await publisher.publish("tills/CAJA01/orders", b"{}")
        refusals.append(str(refusal.value))
    os.kill(broker.pid, signal.SIGCONT)
    await publisher.stop()
    return refusals


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


def test_the_broker_may_be_reached_by_tls(certificate, start_relay):
    with Mosquitto(settings=[f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]) as broker:
        relay = start_relay(broker.port, broker=f"tls: {{ca_file: {certificate[0]}}}")
        relay.wait_until_healthy()
        assert relay.notify() == 201


def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(certificate, start_relay):
    with Mosquitto(settings=[f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]) as broker:
        relay = start_relay(broker.port, broker="username: relay")
        wait_until(lambda: "certificate verify failed" in relay.log, "the log says why")
        assert relay.notify() == 503


# --- is anybody there -------------------------------------------------------------------------------------------------


def test_a_ping_comes_back_as_a_doorbell(relay, till):
    till.say("tills/CAJA01/ping", b'{"v":1,"id":"nonce-1"}')
    assert till.next() == {"v": 1, "kind": "ping", "id": "nonce-1"}


@pytest.mark.parametrize(
    "ping",
    [b"", b"{", b"\xff", b"[]", b'{"v":1}', b'{"v":2,"id":"a"}', b'{"v":1,"id":7}', b'{"v":1,"id":"a b"}', b"[" * 4000],
)
def test_a_ping_that_cannot_be_read_stops_nothing(relay, till, ping):
    till.say("tills/CAJA01/ping", ping)
    till.say("tills/CAJA01/ping", b'{"v":1,"id":"nonce-2"}')
    assert till.next()["id"] == "nonce-2"


def test_pings_are_echoed_again_after_the_broker_came_back(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    broker.restart()
    relay.wait_until_healthy()
    with subscribed(broker) as till:
        till.say("tills/CAJA01/ping", b'{"v":1,"id":"nonce-3"}')
        assert till.next()["id"] == "nonce-3"


def test_a_relay_whose_pings_alone_find_no_way_says_so_and_goes_on_ringing(start_relay):
    def serve(link: Link) -> None:
        link.answer_login()
        if b"/ping" not in link.hear(SUBSCRIBE):
            link.refuse_messages(0)

    with OddBroker(serve) as broker:
        relay = start_relay(broker.port)
        wait_until(lambda: "pings: the connection to the broker ended" in relay.log, "the log says it")
        assert relay.notify() == 201
        assert requests.get(relay.url + "/health", timeout=PATIENCE).json() == {
            "broker": "takes messages",
            "pings": "not answered; the log says why",
        }
        assert relay.metric("till_relay_hears_pings") == 0


def test_a_broker_that_hangs_up_before_it_lets_us_in_is_reported_once(start_relay):
    with OddBroker(lambda _: None) as broker:
        relay = start_relay(broker.port)
        wait_until(lambda: broker.connections > 4, "it has come again")
        assert relay.log.count("doorbells: the broker ended the connection before it was made") == 1
        assert relay.log.count("pings: the broker ended the connection before it was made") == 1


def test_pings_that_the_broker_forbids_to_hear_are_said_to_be_refused(start_relay):
    """Mosquitto grants each subscription; others refuse."""

    def refuse(link: Link) -> None:
        link.answer_login()
        link.answer_subscription(0x87)
        link.wait()

    with OddBroker(refuse) as broker:
        relay = start_relay(broker.port)
        wait_until(lambda: "pings: the broker refused the subscription to tills/+/ping: Not auth" in relay.log, "said")
        assert relay.metric("till_relay_hears_pings") == 0


def test_a_living_relay_says_online(relay, shared_broker):
    with subscribed(shared_broker, "relay/status") as status:
        assert status.next() == {"v": 1, "state": "online"}


def test_a_killed_relay_is_said_to_be_offline(broker, start_relay):
    relay = start_relay(broker.port)
    with subscribed(broker, "relay/status") as status:
        assert status.next()["state"] == "online"
        relay.kill()
        assert status.next()["state"] == "offline"
