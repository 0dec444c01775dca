"""One who is loud, or a stranger from many addresses, keeps nobody else waiting: limits by till and by network."""

import re
import secrets
import select
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from edge.contract.claims import Claim, encode_claim
from relay import claims as stored
from relay.claims import ClaimStore
from relay.limits import AtOnce
from relay.mqtt import pings
from relay.mqtt.link import MAX_RECEIVED_BYTES
from relay.mqtt.pings import ALL_PINGS_LIMIT, NEW_TILLS_LIMIT, PING_LIMIT, Pings
from relay.networks import networks_of
from relay.web import app
from relay.web import claims as endpoint
from relay.web.claims import MAX_BODIES, MAX_NETWORK_BODIES, ClaimEndpoint
from tests.support.relays import CLAIMS, ROOT, begin_slow_request, subscribed, wait_until

CLAIM = Claim("K7QM", "00000000a3c1f0e2", "0.1.0", "")

pytest_plugins = ["tests.support.relay_fixtures"]


def allowed(counted: ClaimEndpoint, address: str, attempts: int = 1, now: float = 0.0) -> int:
    return sum(counted._allows(networks_of(address), now) for _ in range(attempts))


@pytest.fixture
def counted(tmp_path):
    return ClaimEndpoint(ClaimStore(tmp_path / "claims"), counter=None)


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("203.0.113.7", ("203.0.113.7/32", "203.0.113.0/24")),
        ("2001:db8:1:203::/64", ("2001:db8:1:203::/64", "2001:db8:1:200::/56", "2001:db8:1::/48")),
        ("2001:db8:1:203::9", ("2001:db8:1:203::/64", "2001:db8:1:200::/56", "2001:db8:1::/48")),
        ("unknown", ("unknown",)),
    ],
)
def test_a_stranger_is_known_by_his_networks(address, networks):
    assert networks_of(address) == networks


# --- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["2001:db8:1:{:x}::/64", "203.0.113.{}"])
def test_the_addresses_of_one_network_are_counted_together(counted, form):
    assert sum(allowed(counted, form.format(number), 10) for number in range(60)) <= 150


@pytest.mark.parametrize(
    "form", ["2001:db8:1:{:x}::/64", "2001:db8:{:x}:1::/64", "203.0.{}.7", "2001:{:x}::/64", "{}.0.113.7"]
)
def test_first_claims_of_quiet_networks_go_through_whatever_strangers_do(counted, form):
    for second in range(120):
        for number in range(60):
            allowed(counted, form.format(1 + number), now=second)
        assert allowed(counted, f"2001:db9:{second:x}::/64", now=second), f"refused in second {second}"


def test_a_shop_may_switch_on_all_its_tills_at_once(counted):
    assert allowed(counted, "203.0.113.7", 40) == 40


def test_strangers_make_room_for_each_other_and_not_at_the_cost_of_others(tmp_path):
    store = ClaimStore(tmp_path, max_claims=20, max_per_address=100)
    quiet = [f"{number:064x}" for number in range(5)]
    for number, key in enumerate(quiet):
        store.put(key, CLAIM, f"203.0.{number}.7")
    for number in range(100):
        store.put(f"{1000 + number:064x}", CLAIM, f"2001:db8:1:{number:x}::/64")
    assert len(store) == 20
    assert all(key in store for key in quiet)


# --- pings -----------------------------------------------------------------------------------------------------------


def test_a_till_that_pings_too_often_is_refused_and_the_others_are_not():
    counted = Pings()
    assert sum(counted.allows("tills/LOUD/ping", 0.0) for _ in range(10_000)) == PING_LIMIT[1]
    assert counted.allows("tills/CAJA01/ping", 0.0)
    assert counted.report() == "dropped 9940 pings of 1 tills: tills/LOUD/ping 9940; too many"
    assert counted.report() == ""


def test_pings_under_ever_new_names_are_limited_and_cost_no_memory():
    counted, (per_second, burst) = Pings(), NEW_TILLS_LIMIT
    assert counted.allows("tills/CAJA01/ping", 0.0)
    minute = [counted.allows(f"tills/X{number}/ping", number / 1000) for number in range(60_000)]
    assert sum(minute) <= burst + 60 * per_second
    assert counted.allows("tills/CAJA01/ping", 60.0), "whoever was heard before is heard"
    assert counted.report().endswith(" pings of 1 tills: new tills 57802; too many")


def test_all_tills_of_a_fleet_may_ping_at_once_and_many_that_flood_may_not_ring_without_end():
    counted, burst = Pings(), ALL_PINGS_LIMIT[1]
    assert all(counted.allows(f"tills/X{number}/ping", 0.0) for number in range(burst))
    assert not counted.allows("tills/X0/ping", 0.0)
    assert sum(counted.allows(f"tills/X{number % 1000}/ping", 0.001 * number) for number in range(1, 10_001)) == 2000


def test_what_cannot_be_used_is_reported_with_one_reason():
    counted = Pings()
    for _ in range(3):
        assert counted.echo("A", "tills/A/ping", b"{", False) is None
    assert counted.report().startswith("dropped 3 pings of 1 tills: tills/A/ping 3; not JSON")


@pytest.mark.slow
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("ping", [b'{"v":1,"id":"a"}', b"{", b"[" * 4000], ids=["good", "broken", "large"])
def test_one_till_that_floods_keeps_no_doorbell_and_no_ping_of_another_waiting(broker, start_relay, ping, qos):
    relay = start_relay(broker.port, hurry="import relay.mqtt.listener as l; l.REPORT_INTERVAL_S = 1")
    relay.wait_until_healthy()
    command = [sys.executable, "-c", FLOOD, str(broker.port), ping.decode(), str(qos)]
    with subscribed(broker) as till, subprocess.Popen(command, stdout=subprocess.PIPE) as flood:
        try:
            time.sleep(2)
            codes = [relay.notify({"topic": "payment", "resource": str(100 + number)}) for number in range(40)]
            till.say("tills/CAJA01/ping", b'{"v":1,"id":"ours"}')
            assert [till.next()["id"] for _ in range(41)] == [*(str(100 + number) for number in range(40)), "ours"]
            assert flood.poll() is None, "they had to wait for its end"
        finally:
            flood.terminate()
        sent = int(flood.communicate()[0])
    assert codes == [201] * 40
    assert sent > MIN_FLOOD[qos], "that was no flood"
    assert len(relay.log) < 20_000
    if len(ping) < MAX_RECEIVED_BYTES:
        wait_until(lambda: sum(map(int, re.findall(r"dropped (\d+) pings", relay.log))) > MIN_FLOOD[qos] / 2, "dropped")


MIN_FLOOD = {0: 5000, 1: 1000}
"""Pings by QoS, in some three seconds. Each of QoS 1 waits for its acknowledgement, so they are fewer."""
FLOOD = """
import signal, sys, time
import paho.mqtt.client as paho
sent = 0
def said(*_):
    global sent
    sent += 1
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print(sent)))
client = paho.Client(paho.CallbackAPIVersion.VERSION2, "LOUD", protocol=paho.MQTTv5)
client.on_publish = said
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_start()
until = time.monotonic() + 60
while time.monotonic() < until:
    client.publish("tills/LOUD/ping", sys.argv[2], qos=int(sys.argv[3]))
    while len(client._out_packet) > 50 or len(client._out_messages) > 1000:
        time.sleep(0.001)
"""
"""A till that pings as fast as it can. Of its end it says how many pings have left."""


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_so_many_at_once_and_no_more():
    limit = AtOnce(2)
    with limit.one("a") as first, limit.one("a") as second, limit.one("a") as third, limit.one("b") as other:
        assert (first, second, third, other) == (True, True, False, True)
    with limit.one("a") as again:
        assert again
    assert len(limit) == 0


@pytest.mark.slow
def test_slow_bodies_to_four_addresses_take_no_room_from_others(relay):
    slow = []
    try:
        for number in range(200):
            connection = relay.connect()
            slow.append(connection)
            path = relay.path(f"SLOW{number % 4}")
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: relay\r\nContent-Length: 100\r\n\r\n".encode())
        assert [relay.notify(till=f"OTHER{number}") for number in range(30)] == [201] * 30
        wait_until(lambda: relay.metric("till_relay_notifications_total", kind="", answer="429") > 100, "refused")
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.slow
def test_a_slow_body_keeps_the_next_one_of_its_address_from_nothing(relay):
    with relay.connect() as connection:
        begin_slow_request(connection, relay)
        assert relay.notify() == 201


def claiming(relay, stack: ExitStack, address: str, body: bytes = b"") -> socket.socket:
    """A connection from an address that has sent the head of a claim and, of the body, this."""
    connection = stack.enter_context(relay.connect())
    head = f"PUT /claims/{secrets.token_hex(32)} HTTP/1.1\r\nHost: relay\r\nX-Forwarded-For: {address}\r\n"
    connection.sendall(f"{head}Content-Length: {len(encode_claim(CLAIM))}\r\n\r\n".encode() + body)
    return connection


def claims(relay, address: str) -> int:
    """Send a whole claim, and return the answer's status."""
    with ExitStack() as stack:
        return status(claiming(relay, stack, address, encode_claim(CLAIM)))


def status(connection: socket.socket) -> int:
    return int(connection.recv(4096).split()[1])


def is_answered(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["203.0.113.{}", "2001:db8:1:{:x}::1"])
def test_slow_claims_of_one_network_are_refused_after_four_and_keep_no_other_waiting(relay, form):
    with ExitStack() as stack:
        slow = [claiming(relay, stack, form.format(number)) for number in range(1, 11)]
        wait_until(lambda: sum(map(is_answered, slow)) == 10 - MAX_NETWORK_BODIES, "the others are refused")
        assert {status(each) for each in slow if is_answered(each)} == {429}
        assert claims(relay, form.format(77)) == 429
        assert claims(relay, "198.51.100.7") == 201
    wait_until(lambda: claims(relay, form.format(78)) == 201, "there is room again")


@pytest.mark.slow
def test_slow_claims_of_many_networks_are_refused_after_a_hundred(start_relay, broker):
    relay = start_relay(broker.port, more=CLAIMS)
    relay.wait_until_healthy()
    with ExitStack() as stack:
        slow = [claiming(relay, stack, f"2001:db8:{number:x}::1") for number in range(1, MAX_BODIES + 11)]
        wait_until(lambda: sum(map(is_answered, slow)) == 10, "ten are refused")
        assert {status(each) for each in slow if is_answered(each)} == {429}
        assert claims(relay, "198.51.100.7") == 429
        assert relay.notify() == 201
    wait_until(lambda: claims(relay, "198.51.100.8") == 201, "there is room again")


# --- the README's numbers --------------------------------------------------------------------------------------------


def test_the_documents_name_the_numbers_of_the_code():
    text = re.sub(r"\s+", " ", (ROOT / "relay/README.md").read_text()).replace(",", "")
    rows = zip(endpoint.NETWORK_CLAIMS_LIMITS, ("/64 or /32", "/56", "/48 or /24"), strict=True)
    for (rate, burst), name in rows:
        assert f"| {name} | {burst} | one in {1 / rate:.0f} seconds |" in text
    assert f"room for {stored.MAX_CLAIMS} claims {stored.MAX_CLAIMS_PER_ADDRESS} of them" in text
    assert f"{endpoint.QUIET_CLAIMS_LIMIT[1]} claims an hour" in text
    assert f"{endpoint.ALL_CLAIMS_LIMIT[0]} a second after a burst of {endpoint.ALL_CLAIMS_LIMIT[1]}" in text
    assert pings.PING_LIMIT == (1, 60)
    assert "60 pings at once then one a second" in text
    assert pings.NEW_TILLS_LIMIT == (20, 1000)
    assert "new tills 1000 at once then 20 a second" in text
    assert pings.ALL_PINGS_LIMIT == (200, 1000)
    assert "all tills together 1000 at once then 200 a second" in text
    assert f"more than {app.TILL_BODIES} bodies of one address" in text
    assert f"(a seller's: {app.SELLER_BODIES})" in text
    assert f"{MAX_NETWORK_BODIES} bodies of one /48 or /24 and {MAX_BODIES} of all" in text
