"""The parts of the relay's stories: the relay as a process, and a till that receives its doorbells."""

import contextlib
import json
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import requests
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client.parser import text_string_to_metric_families

from relay.addresses import secret_of, seller_address_of
from sim.mosquitto import Mosquitto, accepts
from sim.network import free_port

ROOT = Path(__file__).parent.parent.parent
KEY = "0123456789abcdef0123456789abcdef"
FEED = {"resource": "https://api.mercadolibre.com/merchant_orders/31415926535", "topic": "merchant_order"}
PATIENCE = 20.0
CLAIMS = "claims: {folder: claims, key_file: claim_key}\n"
"""What a relay's configuration says more, if tills may claim there."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


class RelayProcess:
    """`python -m relay run` with a configuration of its own.

    `more` are further lines of relay.yaml, and `hurry` is Python that runs first, to shorten a timeout.
    """

    def __init__(
        self,
        folder: Path,
        broker_port: int,
        broker: str = "tls: false",
        port: int | None = None,
        more: str = "",
        hurry: str = "",
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "relay.yaml"
        self.log_file = folder / "relay.log"
        (folder / "secret").write_text(KEY)
        self.config.write_text(
            f"listen: {{port: {self.port}}}\npublic_url: {self.url}\nsecret_file: secret\n"
            f"broker: {{host: 127.0.0.1, port: {broker_port}, {broker}}}\n{more}"
        )
        self._program = f"import sys; from relay.__main__ import main\n{hurry}\nsys.exit(main(sys.argv[1:]))"
        self.start()

    def start(self) -> None:
        """Also again, when it has ended."""
        with self.log_file.open("ab") as output:
            command = [sys.executable, "-c", self._program, "run", "--config", str(self.config)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)

    def address(self, till: str = "CAJA01") -> str:
        command = [sys.executable, "-m", "relay", "url", till, "--config", str(self.config)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    def path(self, till: str = "CAJA01") -> str:
        return f"/mp/{till}/{secret_of(till, KEY.encode())}"

    def seller_path(self, user_id: str = "700100200") -> str:
        return seller_address_of(user_id, "", KEY.encode())

    def notify(self, body: object = FEED, till: str = "CAJA01") -> int:
        return requests.post(self.url + self.path(till), json=body, timeout=PATIENCE).status_code

    def metric(self, name: str, **labels: str) -> float:
        """The value of one series in `/metrics`; 0 if it isn't there yet."""
        text = requests.get(self.url + "/metrics", timeout=PATIENCE).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name == name and sample.labels == labels)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def listens(self) -> bool:
        assert self.process.poll() is None, self.log
        return accepts("127.0.0.1", self.port)

    def is_healthy(self) -> bool:
        return self.listens() and requests.get(self.url + "/health", timeout=PATIENCE).status_code == 200

    def wait_until_healthy(self) -> None:
        """Return when notifications ring and pings are answered: there is a connection for each."""
        wait_until(self.is_healthy, "the relay is connected to its broker")
        wait_until(lambda: self.metric("till_relay_hears_pings") == 1, "the relay answers pings")

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
    """The messages of one topic, in the order of arrival."""

    def __init__(self, port: int, topic: str | list[tuple] = "tills/CAJA01/orders", client_id: str = "") -> None:
        self._heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
        granted: queue.Queue[object] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self.client.on_message = lambda _client, _data, message: self._heard.put(message)
        self.client.on_subscribe = lambda *_: granted.put(True)
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        granted.get(timeout=PATIENCE)
        self._granted = granted

    def next(self) -> dict[str, object]:
        return json.loads(self.next_message().payload)

    def next_message(self) -> paho.MQTTMessage:
        return self._heard.get(timeout=PATIENCE)

    def wait_until_back(self) -> None:
        self._granted.get(timeout=PATIENCE)

    def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def subscribed(broker: Mosquitto, topic: str | list[tuple] = "tills/CAJA01/orders") -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port, topic)
    try:
        yield subscriber
    finally:
        subscriber.close()


def begin_slow_request(connection: socket.socket, relay: RelayProcess) -> bytes:
    """Send a head and return the body that is to follow; the relay waits for it already."""
    body = json.dumps(FEED).encode()
    head = f"POST {relay.path()} HTTP/1.1\r\nHost: relay\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    return body
