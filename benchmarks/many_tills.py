"""Hundreds of tills at one broker and one relay: do all come online, is a doorbell lost, what does each one cost?

`python -m benchmarks.many_tills --tills 500`. Each till is the daemon's own session (`edge.mqtt.session`) without a
daemon behind it. Half-way the relay is stopped and started again, then the broker. The figures are those of this
machine.
"""

import argparse
import http.client
import json
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Process, Queue
from pathlib import Path
from urllib.parse import urlsplit

from edge.config.schema import BrokerConfig
from edge.core import events
from edge.inbox import Arrival
from edge.mqtt.session import MqttBroker
from relay.addresses import address_of
from relay.config import load
from sim.mosquitto import Mosquitto
from sim.shop import Ears, Relay

USER = "700100200"
TILLS_PER_PROCESS = 100
IDLE_S = 65
"""Two keepalives: for so long the bytes of idle connections are counted."""


class Inbox:
    """One till's inbox: its events go to the queue of its process."""

    def __init__(self, till: str, arrived: "queue.SimpleQueue[tuple[str, Arrival]]") -> None:
        self._till = till
        self._arrived = arrived

    def put(self, arrival: Arrival) -> None:
        self._arrived.put((self._till, arrival))


def be_tills(names: list[str], host: str, port: int, told: "Queue[tuple[str, str]]") -> None:
    """A process of tills: pass on what they receive, and settle it as a daemon does after its journal's commit."""
    arrived: queue.SimpleQueue[tuple[str, Arrival]] = queue.SimpleQueue()
    config = BrokerConfig(host=host, port=port, tls=None)
    tills = {name: MqttBroker(config, name, USER, "bench", Inbox(name, arrived)) for name in names}  # type: ignore[arg-type]
    for till in tills.values():
        threading.Thread(target=till.loop, daemon=True).start()
    while True:
        name, arrival = arrived.get()
        match arrival.event:
            case events.BrokerConnected():
                tills[name].show({"state": "ready"})
                told.put((name, "online"))
            case events.BrokerLost():
                told.put((name, "offline"))
            case events.DoorbellRang(_, identity):
                told.put((name, identity))
        arrival.settle()


class Fleet:
    """All tills, a hundred to a process, which can wait for a thousand sockets only; and what they have received."""

    def __init__(self, broker: Mosquitto, count: int) -> None:
        self.names = [f"TILL{number:04}" for number in range(count)]
        self.online: set[str] = set()
        self.heard: set[tuple[str, str]] = set()
        self._told: Queue[tuple[str, str]] = Queue()
        crews = [self.names[first : first + TILLS_PER_PROCESS] for first in range(0, count, TILLS_PER_PROCESS)]
        self._processes = [
            Process(target=be_tills, args=(crew, broker.host, broker.port, self._told), daemon=True) for crew in crews
        ]
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self) -> None:
        for process in self._processes:
            process.start()

    def stop(self) -> None:
        for process in self._processes:
            process.kill()

    def _listen(self) -> None:
        while True:
            match self._told.get():
                case name, "online":
                    self.online.add(name)
                case name, "offline":
                    self.online.discard(name)
                case heard:
                    self.heard.add(heard)


class Poster:
    """Posts notifications as Mercado Pago does, and notes which were answered with 201."""

    def __init__(self, relay: Relay, names: list[str]) -> None:
        config = load(relay.config)
        self.accepted: set[tuple[str, str]] = set()
        self.refused = 0
        self._port = relay.port
        self._paths = {name: urlsplit(address_of(name, config.public_url, config.secret)).path for name in names}

    def ring_all(self, first: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._ring, self._paths, range(first, first + len(self._paths))))

    def _ring(self, name: str, identity: int) -> None:
        body = json.dumps(
            {"resource": f"https://api.mercadolibre.com/merchant_orders/{identity}", "topic": "merchant_order"}
        )
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("POST", f"{self._paths[name]}?topic=merchant_order&id={identity}", body)
            accepted = connection.getresponse().status == 201
        except OSError:
            accepted = False
        finally:
            connection.close()
        if accepted:
            self.accepted.add((name, str(identity)))
        else:
            self.refused += 1


def until(what: str, holds: Callable[[], bool], patience: float = 120) -> float:
    """Wait; returns the seconds it took. Raises `TimeoutError`."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > patience:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(0.05)
    return time.monotonic() - began


def memory(pid: int) -> int:
    """Kilobytes in use by a process."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def traffic(ears: Ears) -> int:
    """Bytes in and out of the broker, by its own count."""
    return sum(int(ears.last(f"$SYS/broker/bytes/{way}") or 0) for way in ("received", "sent"))


class Meter(Ears):
    """Receives only what the broker publishes about itself."""

    def last(self, topic: str) -> bytes | None:
        return self.retained.get(topic)

    def _hear(self, client: object, data: object, message: object) -> None:
        self.retained[message.topic] = message.payload  # type: ignore[attr-defined]


def run(count: int, folder: Path) -> int:
    """Returns the exit code."""
    settings = ("sys_interval 1", "max_queued_messages 10000")
    with Mosquitto(folder / "mosquitto", settings=settings) as broker:
        relay = Relay(folder, broker)
        relay.start()
        empty = memory(broker.pid)
        fleet = Fleet(broker, count)
        fleet.start()
        took = until("all online", lambda: len(fleet.online) == count)
        print(f"{count} tills online in {took:.1f} s; mosquitto {empty} -> {memory(broker.pid)} KB, "
              f"{(memory(broker.pid) - empty) / count:.1f} KB a till")  # fmt: skip
        report_idle(broker, count)
        poster = Poster(relay, fleet.names)
        ring(fleet, poster, "with all up", 1)
        relay.stop()
        ring(fleet, poster, "with the relay stopped", 10_001)
        relay.start()
        wait_for_relay(poster, fleet)
        ring(fleet, poster, "with the relay back", 20_001)
        broker.restart()
        took = until("all online again", lambda: len(fleet.online) == count)
        print(f"broker restarted: {count} tills online again {took:.1f} s after it took connections")
        wait_for_relay(poster, fleet)
        ring(fleet, poster, "with the broker back", 30_001)
        lost = poster.accepted - fleet.heard
        print(f"{len(poster.accepted)} answered with 201, {poster.refused} refused (Mercado Pago repeats these), "
              f"{len(lost)} lost")  # fmt: skip
        relay.stop()
        fleet.stop()
        return 1 if lost else 0


def ring(fleet: Fleet, poster: Poster, when: str, first: int) -> None:
    before, began = len(poster.accepted), time.monotonic()
    poster.ring_all(first)
    seconds = time.monotonic() - began
    until("all heard", lambda: poster.accepted <= fleet.heard, 30)
    print(f"{when}: one doorbell to each till in {seconds:.1f} s, {len(poster.accepted) - before} accepted, all heard")


def wait_for_relay(poster: Poster, fleet: Fleet) -> None:
    """Wait until it takes notifications again; each try is one."""
    numbers = iter(range(10**6, 2 * 10**6))

    def takes() -> bool:
        before = len(poster.accepted)
        poster._ring(fleet.names[0], next(numbers))
        time.sleep(0.2)
        return len(poster.accepted) > before

    until("the relay takes notifications", takes)


def report_idle(broker: Mosquitto, count: int) -> None:
    meter = Meter(broker.host, broker.port)
    meter._client.subscribe("$SYS/broker/bytes/#")
    until("the broker counts", lambda: traffic(meter) > 0)
    time.sleep(10)  # the meter has had its retained statuses by then
    before = traffic(meter)
    time.sleep(IDLE_S)
    spent = (traffic(meter) - before) / count / IDLE_S
    month = spent * 86400 * 30 / 1e6
    print(f"idle: {spent:.2f} bytes of MQTT a second and till, {month:.1f} MB a month, without TLS and TCP")
    meter.close()


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.many_tills")
    parser.add_argument("--tills", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return run(options.tills, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
