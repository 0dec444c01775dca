"""Two relays behind a load balancer, and one broker: they share nothing and do each other no harm."""

import json

import pytest

from edge.contract.mqtt import OFFLINE, RELAY_STATUS
from tests.support.relays import subscribed, wait_until

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow


@pytest.fixture
def pair(broker, start_relay):
    relays = start_relay(broker.port), start_relay(broker.port)
    for relay in relays:
        relay.wait_until_healthy()
    return relays


@pytest.fixture
def status(broker, pair):
    """What `relay/status` says from now on; it begins with what is retained."""
    with subscribed(broker, RELAY_STATUS) as subscriber:
        assert subscriber.next()["state"] == "online"
        yield subscriber


def said_until(status, state: str) -> list[str]:
    said = [status.next()["state"]]
    while said[-1] != state:
        said.append(status.next()["state"])
    return said


def retained(broker) -> str:
    with subscribed(broker, RELAY_STATUS) as newcomer:
        return newcomer.next()["state"]


def test_each_of_them_rings_the_till(broker, pair):
    with subscribed(broker) as till:
        for relay, order in zip(pair, ("1", "2"), strict=True):
            assert relay.notify({"topic": "merchant_order", "resource": order}) == 201
        assert [till.next()["id"], till.next()["id"]] == ["1", "2"]


def test_neither_throws_the_other_out(broker, pair):
    names = [line.split(" as ")[1].split(" ")[0] for line in connections(broker) if " as till-relay-" in line]
    assert len(set(names)) == len(names) == 4, "each has a connection of its own for pings"
    assert not any("connection to the broker ended" in relay.log for relay in pair)


def connections(broker) -> list[str]:
    return [line for line in broker.log_file.read_text().splitlines() if "New client connected" in line]


def test_one_that_stops_leaves_the_other_online(broker, pair, status):
    assert pair[0].terminate() == 0
    said_until(status, "offline")
    said_until(status, "online")
    assert retained(broker) == "online"


def test_one_that_dies_leaves_the_other_online(broker, pair, status):
    pair[1].kill()
    said_until(status, "offline")
    said_until(status, "online")
    assert retained(broker) == "online"


def test_the_will_of_a_dead_connection_that_comes_late_is_contradicted(broker, pair, status):
    status.say(RELAY_STATUS, OFFLINE, retain=True)
    said_until(status, "offline")
    said_until(status, "online")
    wait_until(lambda: retained(broker) == "online", "the relays are online again")


@pytest.mark.parametrize("payload", [b"", b"{", b'{"v":1}', b'{"v":1,"state":7}', b"\xff"])
def test_a_status_that_nobody_can_read_is_mended(broker, pair, payload):
    with subscribed(broker) as stranger:
        stranger.say(RELAY_STATUS, payload, retain=True)
    with subscribed(broker, RELAY_STATUS) as newcomer:
        while b'"online"' not in newcomer.next_message().payload:
            pass
    assert all(relay.is_healthy() for relay in pair)


def test_the_last_one_to_go_leaves_offline(broker, pair):
    assert pair[0].terminate() == 0
    wait_until(lambda: retained(broker) == "online", "the other one says that it is there")
    assert pair[1].terminate() == 0
    assert retained(broker) == "offline"


def test_two_that_stop_together_leave_offline(broker, pair):
    for relay in pair:
        relay.process.terminate()
    assert [relay.process.wait(20) for relay in pair] == [0, 0]
    assert retained(broker) == "offline"


def test_a_ping_that_both_answer_does_no_harm(broker, pair):
    with subscribed(broker) as till:
        till.say("tills/CAJA01/ping", json.dumps({"v": 1, "id": "nonce"}).encode())
        assert [till.next()["id"], till.next()["id"]] == ["nonce", "nonce"]
