"""The relay as it ships: its own process, a real broker, real HTTP, and a till that is a real subscriber.

The promise under test: 201 if and only if the broker has acknowledged the doorbell.
"""

import asyncio
import contextlib
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
import pytest
import requests
from paho.mqtt.enums import CallbackAPIVersion

from relay import publisher as publishing
from relay.address import secret_of
from relay.config import Broker
from relay.publisher import NotTaken, Publisher
from sim.mosquitto import Mosquitto, accepts
from sim.network import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
KEY = "0123456789abcdef0123456789abcdef"
FEED = {"resource": "https://api.mercadolibre.com/merchant_orders/31415926535", "topic": "merchant_order"}
PATIENCE = 20.0


# --- the parts --------------------------------------------------------------------------------------------------------


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


class RelayProcess:
    """`python -m relay run` with a configuration of its own."""

    def __init__(self, folder: Path, broker_port: int, broker: str = "tls: false", port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "relay.yaml"
        self.log_file = folder / "relay.log"
        (folder / "secret").write_text(KEY)
        self.config.write_text(
            f"listen: {{port: {self.port}}}\npublic_url: {self.url}\nsecret_file: secret\n"
            f"broker: {{host: 127.0.0.1, port: {broker_port}, {broker}}}\n"
        )
        with self.log_file.open("wb") as output:
            command = [sys.executable, "-m", "relay", "run", "--config", str(self.config)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)

    def address(self, till: str = "CAJA01") -> str:
        command = [sys.executable, "-m", "relay", "url", till, "--config", str(self.config)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    def path(self, till: str = "CAJA01") -> str:
        return f"/mp/{till}/{secret_of(till, KEY.encode())}"

    def notify(self, body: object = FEED, till: str = "CAJA01") -> int:
        return requests.post(self.url + self.path(till), json=body, timeout=PATIENCE).status_code

    def listens(self) -> bool:
        assert self.process.poll() is None, self.log
        return accepts("127.0.0.1", self.port)

    def is_healthy(self) -> bool:
        return self.listens() and requests.get(self.url + "/health", timeout=PATIENCE).status_code == 200

    def wait_until_healthy(self) -> None:
        wait_until(self.is_healthy, "the relay is connected to its broker")

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Subscriber:
    """What a till hears: one topic, in the order of arrival."""

    def __init__(self, port: int, topic: str = "tills/CAJA01/orders", client_id: str = "") -> None:
        self._heard: queue.Queue[dict[str, object]] = queue.Queue()
        granted: queue.Queue[object] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self.client.on_message = lambda _client, _data, message: self._heard.put(json.loads(message.payload))
        self.client.on_subscribe = lambda *_: granted.put(True)
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        granted.get(timeout=PATIENCE)
        self._granted = granted

    def next(self) -> dict[str, object]:
        return self._heard.get(timeout=PATIENCE)

    def wait_until_back(self) -> None:
        self._granted.get(timeout=PATIENCE)

    def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def subscribed(broker: Mosquitto, topic: str = "tills/CAJA01/orders") -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port, topic)
    try:
        yield subscriber
    finally:
        subscriber.close()


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[Mosquitto]:
    with Mosquitto() as broker:
        yield broker


@pytest.fixture(scope="module")
def relay(shared_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay for the tests that harm neither it nor its broker."""
    relay = RelayProcess(tmp_path_factory.mktemp("relay"), shared_broker.port)
    relay.wait_until_healthy()
    yield relay
    relay.kill()


@pytest.fixture
def till(shared_broker: Mosquitto) -> Iterator[Subscriber]:
    with subscribed(shared_broker) as subscriber:
        yield subscriber


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A broker of the test's own, to be stopped, frozen or killed."""
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def start_relay(tmp_path: Path) -> Iterator[Callable[..., RelayProcess]]:
    started: list[RelayProcess] = []

    def start(broker_port: int, **settings: object) -> RelayProcess:
        started.append(RelayProcess(tmp_path, broker_port, **settings))
        return started[-1]

    yield start
    for relay in started:
        relay.kill()


# --- a notification becomes a doorbell --------------------------------------------------------------------------------


def test_the_printed_address_works(relay, till):
    answer = requests.post(relay.address(), json=FEED, timeout=PATIENCE)
    assert answer.status_code == 201
    assert till.next()["id"] == "31415926535"


def test_a_doorbell_says_no_more_than_where_to_look(relay, till):
    body = {**FEED, "resource": "http://evil.example/merchant_orders/31415926535", "status": "closed", "amount": 5350.5}
    headers = {"x-request-id": "2f1c0000-0000-4000-8000-000000000000"}
    assert requests.post(relay.url + relay.path(), json=body, headers=headers, timeout=PATIENCE).status_code == 201
    doorbell = till.next()
    assert doorbell.pop("received_at").endswith("+00:00")
    assert doorbell == {"v": 1, "kind": "merchant_order", "id": "31415926535", "request_id": headers["x-request-id"]}


def test_get_rings_as_post_does(relay, till):
    answer = requests.get(relay.url + relay.path() + "?topic=payment&id=98000000002", timeout=PATIENCE)
    assert answer.status_code == 201
    assert (till_heard := till.next())["kind"] == "payment"
    assert till_heard["id"] == "98000000002"


def test_a_broken_body_does_not_spoil_a_good_query(relay, till):
    answer = requests.post(relay.url + relay.path() + "?data.id=98000000002&type=payment", b"\xff{", timeout=PATIENCE)
    assert answer.status_code == 201
    assert till.next()["id"] == "98000000002"


def test_both_channels_ring_for_the_same_payment(relay, till):
    assert relay.notify({"resource": "98000000002", "topic": "payment"}) == 201
    assert relay.notify({"type": "payment", "id": 7, "data": {"id": "98000000002"}}) == 201
    assert [till.next()["id"], till.next()["id"]] == ["98000000002", "98000000002"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\x00\xff",
        json.dumps({"topic": "payment", "resource": "123456"}).encode(),
        b'{"type":"stop_delivery_op_wh"}',
    ],
    ids=["empty", "broken", "binary", "test button", "fraud alert"],
)
def test_what_names_nothing_is_answered_200_and_rings_nobody(relay, till, body):
    assert requests.post(relay.url + relay.path(), body, timeout=PATIENCE).status_code == 200
    assert relay.notify({"topic": "payment", "resource": "98000000003"}) == 201
    assert till.next()["id"] == "98000000003", "something rang before"


def test_each_till_hears_only_its_own_doorbells(relay, till):
    assert relay.notify({"topic": "payment", "resource": "98000000004"}, till="CAJA02") == 201
    assert relay.notify({"topic": "payment", "resource": "98000000005"}, till="CAJA01") == 201
    assert till.next()["id"] == "98000000005"


def test_a_till_that_nobody_installed_is_told_of_in_the_log(relay):
    assert relay.notify(till="CAJA-NEW") == 201
    assert "nobody is subscribed to tills/CAJA-NEW/orders" in relay.log


# --- who may ring -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["x", "a" * 32, secret_of("CAJA02", KEY.encode()), "ñ", "%00", "%ff"])
def test_a_wrong_secret_rings_nobody(relay, till, secret):
    answer = requests.post(f"{relay.url}/mp/CAJA01/{secret}", json=FEED, timeout=PATIENCE)
    assert answer.status_code == 404
    assert relay.notify({"topic": "payment", "resource": "98000000006"}) == 201
    assert till.next()["id"] == "98000000006"


@pytest.mark.parametrize(
    "till_id", ["..", ".", "%2e%2e", "+", "%23", "CAJA01%2Forders", "CAJA01%00", "CAJA%C3%91", "CAJA 01", "a" * 65, ""]
)
def test_what_is_no_till_id_is_not_found_even_with_its_secret(relay, shared_broker, till_id):
    path = f"/mp/{till_id}/{secret_of(unquote(till_id), KEY.encode())}".replace(" ", "%20")
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=PATIENCE)
    with subscribed(shared_broker, "#") as everything, contextlib.closing(connection):
        connection.request("POST", path, json.dumps(FEED))
        assert connection.getresponse().status == 404
        assert relay.notify({"topic": "payment", "resource": "98000000007"}) == 201
        heard = [everything.next()]
        while heard[-1].get("id") != "98000000007":
            heard.append(everything.next())
        assert [message for message in heard if "kind" in message] == heard[-1:]


@pytest.mark.parametrize("path", ["/", "/mp", "/mp/CAJA01", "/mp/CAJA01/", "/metrics"])
def test_other_addresses_are_not_found_and_do_not_redirect(relay, path):
    answer = requests.post(relay.url + path, json=FEED, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == 404


def test_a_slash_too_many_is_not_found_rather_than_redirected(relay):
    answer = requests.post(relay.url + relay.path() + "/", json=FEED, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == 404


def test_the_log_does_not_hold_the_secret(relay):
    relay.notify()
    relay.notify({"topic": "unknown"})
    requests.put(relay.url + relay.path(), timeout=PATIENCE)
    assert "CAJA01" in relay.log
    assert secret_of("CAJA01", KEY.encode()) not in relay.log


# --- large and slow bodies --------------------------------------------------------------------------------------------


def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(relay, till):
    text = json.dumps(FEED).encode()
    address = relay.url + relay.path()
    assert requests.post(address, text.ljust(64 * 1024), timeout=PATIENCE).status_code == 201
    assert till.next()["id"] == "31415926535"
    assert requests.post(address, text.ljust(64 * 1024 + 1), timeout=PATIENCE).status_code == 413


def test_an_endless_body_is_refused_while_it_comes(relay):
    with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as connection:
        head = f"POST {relay.path()} HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(65):
            connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 413 ")


def test_a_sender_that_goes_away_in_mid_body_leaves_no_trace(relay):
    with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as connection:
        begin_slow_request(connection, relay)
    assert relay.notify() == 201
    assert "Traceback" not in relay.log


def begin_slow_request(connection: socket.socket, relay: RelayProcess) -> bytes:
    """Send a head and return the body that is owed; the relay has begun to wait for it."""
    body = json.dumps(FEED).encode()
    head = f"POST {relay.path()} HTTP/1.1\r\nHost: relay\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    return body


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
    payments = [str(98000000100 + number) for number in range(200)]
    with ThreadPoolExecutor(20) as senders:
        codes = list(senders.map(lambda payment: relay.notify({"topic": "payment", "resource": payment}), payments))
    assert codes == [201] * len(payments)
    assert sorted(till.next()["id"] for _ in payments) == payments


def test_what_the_brokers_acl_forbids_is_not_delivered(start_relay):
    with Mosquitto(acl="topic read #\ntopic write relay/status\n") as broker:
        relay = start_relay(broker.port)
        relay.wait_until_healthy()
        assert relay.notify() == 503
        assert "Not authorized" in relay.log


def test_a_relay_that_the_broker_does_not_let_in_says_so(start_relay):
    with Mosquitto(anonymous=False) as broker:
        relay = start_relay(broker.port)
        wait_until(relay.listens, "the relay listens")
        assert relay.notify() == 503
        wait_until(lambda: "the broker refused the connection: Not authorized" in relay.log, "the log says why")


def test_what_is_owed_to_a_silent_broker_is_bounded(broker, monkeypatch):
    monkeypatch.setattr(publishing, "MOST_WAITING", 3)
    monkeypatch.setattr(publishing, "PATIENCE", 0.2)
    assert asyncio.run(refusals_of_a_silent_broker(broker, 5)) == [
        *["the broker did not acknowledge within 0.2 seconds"] * 3,
        *["3 messages wait for the broker already"] * 2,
    ]


async def refusals_of_a_silent_broker(broker: Mosquitto, attempts: int) -> list[str]:
    publisher = Publisher(Broker(broker.host, broker.port, "", "", "tills", None))
    publisher.start()
    while not publisher.connected:
        await asyncio.sleep(0.01)
    await publisher.publish("tills/CAJA01/orders", b"{}")
    os.kill(broker.pid, signal.SIGSTOP)
    refusals = []
    for _ in range(attempts):
        with pytest.raises(NotTaken) as refusal:
            await publisher.publish("tills/CAJA01/orders", b"{}")
        refusals.append(str(refusal.value))
    os.kill(broker.pid, signal.SIGCONT)
    await publisher.stop()
    return refusals


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_the_broker_may_be_reached_by_tls(certificate, start_relay):
    with Mosquitto(settings=[f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]) as broker:
        relay = start_relay(broker.port, broker="tls: {ca_file: ca.pem}")
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


def test_a_living_relay_says_online(relay, shared_broker):
    with subscribed(shared_broker, "relay/status") as status:
        assert status.next() == {"v": 1, "state": "online"}


def test_a_killed_relay_is_said_to_be_offline(broker, start_relay):
    relay = start_relay(broker.port)
    with subscribed(broker, "relay/status") as status:
        assert status.next()["state"] == "online"
        relay.kill()
        assert status.next()["state"] == "offline"


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_that_is_told_to_stop_says_offline_and_exits_0(broker, start_relay, number):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    relay.process.send_signal(number)
    assert relay.process.wait(PATIENCE) == 0
    assert "Traceback" not in relay.log
    with subscribed(broker, "relay/status") as status:
        assert status.next() == {"v": 1, "state": "offline"}


def test_a_relay_without_a_broker_stops_as_well(start_relay):
    relay = start_relay(free_port())
    wait_until(relay.listens, "the relay listens")
    assert relay.terminate() == 0


def test_a_request_that_was_accepted_is_finished_before_the_end(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    with (
        subscribed(broker) as till,
        socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as connection,
    ):
        body = begin_slow_request(connection, relay)
        relay.process.terminate()
        wait_until(lambda: not accepts("127.0.0.1", relay.port), "the relay accepts no more")
        connection.sendall(body)
        assert connection.recv(1024).startswith(b"HTTP/1.1 201 ")
        assert till.next()["id"] == "31415926535"
    assert relay.process.wait(PATIENCE) == 0


THREAD_WITH_A_BUG = """
import sys, threading, time
from relay.__main__ import main
from sim.mosquitto import accepts

def work():
    while not accepts("127.0.0.1", int(sys.argv[2])):
        time.sleep(0.02)
    raise ZeroDivisionError("the bug")

threading.Thread(target=work, daemon=True).start()
sys.exit(main(["run", "--config", sys.argv[1]]))
"""


def test_a_thread_that_ends_by_a_bug_ends_the_relay_loudly(broker, start_relay):
    relay = start_relay(broker.port)
    relay.kill()
    command = [sys.executable, "-c", THREAD_WITH_A_BUG, str(relay.config), str(relay.port)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "ZeroDivisionError: the bug" in ended.stderr


def test_a_port_that_is_taken_is_said(broker, start_relay):
    relay = start_relay(broker.port, port=broker.port)
    assert relay.process.wait(PATIENCE) == 1
    assert f"can't listen on 127.0.0.1 port {broker.port}: Address already in use" in relay.log


def test_the_address_is_the_public_one(relay):
    assert urlsplit(relay.address("CAJA02")).path == relay.path("CAJA02")
