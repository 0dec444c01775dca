"""What scripts/test-cluster sets up in front of the nodes: relays, tills by the hundred, shops, and who rings them.

A till of the hundreds is the daemon's own session at the broker and its own judgement of its links (`edge.core.links`),
without a printer behind it. Times are of the monotonic clock, which all processes of a machine share.
"""

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from debian import check, wait_for

from edge.config.schema import BrokerConfig, Secret, TlsConfig
from edge.core import events
from edge.core.links import Link
from edge.inbox import Arrival, Call
from edge.mqtt.session import MqttBroker
from relay.addresses import address_of
from relay.config import load
from sim.mosquitto import accepts
from sim.network import free_port
from sim.rabbitmq import MQTT_PORT, Cluster, Node
from sim.shop import Shop

SELLER = "700100200"
TILLS_PER_PROCESS = 60
RINGS_PER_S = 40.0
RINGERS = 64
"""Rings that may wait for an answer at a time."""
TICK_S = 0.2
SECRET = "0123456789abcdef0123456789abcdef"
READY_TIMEOUT_S = 60.0
RELAY_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Door:
    """Where tills come in: HAProxy."""

    port: int
    ca_file: Path


# --- relays ----------------------------------------------------------------------------------------------------------


class Relay:
    """A relay as a process, behind HAProxy or at one node of the cluster."""

    def __init__(self, cluster: Cluster, folder: Path, name: str) -> None:
        self.port = free_port()
        self.config = folder / f"{name}.yaml"
        self._cluster, self._log = cluster, folder / f"{name}.log"
        (folder / "secret").write_text(SECRET)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, place: Node | Door) -> None:
        """Start it there, and return when it answers."""
        write_relay(self.config, self._cluster, place, self.port)
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "relay", "run", "--config", str(self.config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(lambda: accepts("127.0.0.1", self.port), "the relay did not start", RELAY_TIMEOUT_S)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(RELAY_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def write_relay(path: Path, cluster: Cluster, place: Node | Door, port: int = 8080) -> None:
    """The configuration of a relay, or of the fleet's table."""
    where: dict[str, Any] = {"host": "127.0.0.1", "port": place.port, "tls": {"ca_file": str(place.ca_file)}} \
        if isinstance(place, Door) else {"host": place.address, "port": MQTT_PORT, "tls": False}  # fmt: skip
    broker = {**where, "username": "till-relay", "password_file": str(cluster.passwords / "till-relay.password")}
    settings = {
        "listen": {"port": port},
        "public_url": f"http://127.0.0.1:{port}",
        "secret_file": str(path.with_name("secret")),
        "broker": broker,
    }
    path.write_text(yaml.safe_dump(settings))


# --- tills by the hundred --------------------------------------------------------------------------------------------


class Inbox:
    """One till's inbox: its events go to the queue of its process."""

    def __init__(self, till: str, arrived: "queue.SimpleQueue[tuple[str, Arrival | Call]]") -> None:
        self._till, self._arrived = till, arrived

    def put(self, arrival: Arrival | Call) -> None:
        self._arrived.put((self._till, arrival))


class Crew:
    """The tills of one process. `told` gets (when, till, what, about what)."""

    def __init__(self, names: list[str], door: Door, told: "Queue[tuple[float, str, str, str]]") -> None:
        self._told = told
        self._arrived: queue.SimpleQueue[tuple[str, Arrival | Call]] = queue.SimpleQueue()
        self._links = {name: Link() for name in names}
        self._brokers = {name: self._session(name, door) for name in names}

    def work(self) -> None:
        """Until the process is ended."""
        for broker in self._brokers.values():
            threading.Thread(target=broker.loop, daemon=True).start()
        look_at = 0.0
        while True:
            try:
                name, arrival = self._arrived.get(timeout=TICK_S)
            except queue.Empty:
                pass
            else:
                self._take(name, arrival)
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + TICK_S
                for name in self._links:
                    self._ping(name)

    def _session(self, name: str, door: Door) -> MqttBroker:
        tls = TlsConfig(ca_file=door.ca_file)
        config = BrokerConfig(host="127.0.0.1", port=door.port, username=name, password=Secret(name), tls=tls)
        return MqttBroker(config, name, SELLER, "cluster", Inbox(name, self._arrived))  # type: ignore[arg-type]

    def _take(self, name: str, arrival: Arrival | Call) -> None:
        if isinstance(arrival, Call):
            arrival.run()
            return
        now, link = time.monotonic(), self._links[name]
        match arrival.event:
            case events.BrokerConnected():
                self._set(name, link.connected(now))
                self._brokers[name].show({"state": "ready"})
                self._tell(name, "online")
            case events.BrokerLost(why, trouble):
                self._set(name, link.lost(trouble, why))
                self._tell(name, "offline", why)
            case events.RelaySeen(online):
                self._set(name, link.relay_seen(online, now))
            case events.PingEchoed(number):
                self._set(name, link.ping_echoed(number, now))
            case events.DoorbellRang(_, identity):
                self._tell(name, "heard", identity)
        arrival.settle()

    def _ping(self, name: str) -> None:
        now, link = time.monotonic(), self._links[name]
        if link.ping_overdue(now):
            link = link.ping_missed(now)
        if (number := link.ping_due(now)) is not None:
            self._brokers[name].ping(number)
            link = link.ping_sent(number, now)
        self._set(name, link)

    def _set(self, name: str, link: Link) -> None:
        before, self._links[name] = self._links[name], link
        if before.must_poll != link.must_poll:
            self._tell(name, "polls" if link.must_poll else "listens")

    def _tell(self, name: str, what: str, about: str = "") -> None:
        self._told.put((time.monotonic(), name, what, about))


def be_tills(names: list[str], door: Door, told: "Queue[tuple[float, str, str, str]]") -> None:
    Crew(names, door, told).work()


@dataclass
class Fleet:
    """All tills, and what they told."""

    names: list[str]
    online: set[str] = field(default_factory=set)
    polling: set[str] = field(default_factory=set)
    heard: set[tuple[str, str]] = field(default_factory=set)
    comings: list[tuple[float, str, str]] = field(default_factory=list)
    """Each "online" and "offline", with its time and till."""
    whys: Counter[str] = field(default_factory=Counter)
    _processes: list[Process] = field(default_factory=list)

    def start(self, door: Door) -> None:
        told: Queue[tuple[float, str, str, str]] = Queue()
        for first in range(0, len(self.names), TILLS_PER_PROCESS):
            crew = self.names[first : first + TILLS_PER_PROCESS]
            self._processes.append(Process(target=be_tills, args=(crew, door, told), daemon=True))
            self._processes[-1].start()
        self.polling = set(self.names)
        threading.Thread(target=self._listen, args=[told], daemon=True).start()

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def outages_s(self, since: float) -> tuple[int, list[float]]:
        """How many tills were thrown out since then, and how long after then those that are back came back."""
        out = {name for at, name, what in self.comings if at >= since and what == "offline"}
        back = {name: at - since for at, name, what in self.comings if at >= since and what == "online"}
        return len(out), sorted(back[name] for name in out & back.keys() & self.online)

    def _listen(self, told: "Queue[tuple[float, str, str, str]]") -> None:
        while True:
            at, name, what, about = told.get()
            if what in ("online", "offline"):
                (self.online.add if what == "online" else self.online.discard)(name)
                self.comings.append((at, name, what))
                self.whys[about] += bool(about)
            elif what == "heard":
                self.heard.add((name, about))
            else:
                (self.polling.add if what == "polls" else self.polling.discard)(name)


# --- who rings -------------------------------------------------------------------------------------------------------


class Ringer:
    """Posts notifications for all tills, now at one relay and now at the other, and notes which were accepted."""

    def __init__(self, relays: list[Relay], names: list[str]) -> None:
        self.accepted: dict[tuple[str, str], float] = {}
        self.refused: list[tuple[float, int]] = []
        """When, and with which status; 0 if nobody answered."""
        self._relays, self._names = relays, names
        self._stopping = threading.Event()
        config = load(relays[0].config)
        self._paths = {name: urlsplit(address_of(name, config.public_url, config.secret)).path for name in names}
        self._lock = threading.Lock()
        self._next = iter(self._rings())
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """As Mercado Pago, which waits for an answer and doesn't wait to send the next one."""
        self._threads = [threading.Thread(target=self._ring, daemon=True) for _ in range(RINGERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(RELAY_TIMEOUT_S)

    def count(self, since: float) -> tuple[int, int]:
        """Accepted and refused since then."""
        accepted = sum(at >= since for at in list(self.accepted.values()))
        return accepted, sum(at >= since for at, _ in list(self.refused))

    def _rings(self) -> Iterator[tuple[float, str, str, Relay]]:
        began, number = time.monotonic(), 0
        while True:
            name = self._names[number % len(self._names)]
            yield began + number / RINGS_PER_S, name, str(1_000_000 + number), self._relays[number % len(self._relays)]
            number += 1

    def _ring(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                at, name, identity, relay = next(self._next)
            time.sleep(max(0.0, at - time.monotonic()))
            status = self._post(relay.port, self._paths[name], identity)
            if status == http.client.CREATED:
                self.accepted[name, identity] = time.monotonic()
            else:
                self.refused.append((time.monotonic(), status))

    def _post(self, port: int, path: str, identity: str) -> int:
        resource = f"https://api.mercadolibre.com/merchant_orders/{identity}"
        body = json.dumps({"resource": resource, "topic": "merchant_order"})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", f"{path}?topic=merchant_order&id={identity}", body)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


# --- whole shops -----------------------------------------------------------------------------------------------------


class Till:
    """A shop with a whole daemon, whose broker is the cluster."""

    def __init__(self, folder: Path, name: str, door: Door, relay: Relay) -> None:
        folder.mkdir()
        (folder / "broker_password").write_text(name)
        (folder / "broker_password").chmod(0o600)
        broker = {
            "host": "127.0.0.1",
            "port": door.port,
            "username": name,
            "password_file": str(folder / "broker_password"),
            "tls": {"ca_file": str(door.ca_file)},
        }
        self._shop = Shop(folder, {"broker": broker, "till": {"id": name}}, without=("relay", "board"))
        config = load(relay.config)
        self._shop.notification_url = address_of(name, config.public_url, config.secret)
        self.sold = 0

    def open(self) -> None:
        """Return when it is ready: a sale of before that would have its ticket as a copy."""
        self._shop.open()
        self._shop.board.plug_in()
        wait_for(self._is_ready, "the daemon did not become ready", READY_TIMEOUT_S)

    def _is_ready(self) -> bool:
        seen = self._shop.board.watch(1.0)
        return all(lights == {"green": True, "yellow": False, "red": False} for lights in seen)

    def close(self) -> None:
        self._shop.close()

    def sell(self) -> None:
        self.sold += 1
        self._shop.sell(f"MESA-{self.sold}")

    def tickets(self) -> int:
        """Returns how many sales have their one ticket. Raises `Failure` for a copy."""
        papers = [ticket.text for ticket in self._shop.printer.tickets]
        copies = [paper for paper in papers if "COPIA" in paper]
        check(not copies, f"a ticket came out as a copy: {copies}")
        return sum(any(f"MESA-{number}\n" in paper or f"MESA-{number} " in paper for paper in papers)
                   for number in range(1, self.sold + 1))  # fmt: skip


# --- the fleet's table -----------------------------------------------------------------------------------------------


class Table:
    """`till-relay fleet` at one node, as somebody types it, for so many seconds."""

    def __init__(self, cluster: Cluster, folder: Path, node: Node, seconds: float) -> None:
        config = folder / f"fleet-{node.address}.yaml"
        write_relay(config, cluster, node)
        command = [sys.executable, "-m", "relay", "fleet", "--json", "--seconds", f"{seconds:g}", "--config", config]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        self._timeout_s = seconds + 60

    def read(self) -> tuple[int, dict[str, Any], str]:
        """The exit code, the document, and what was said of it."""
        said, complaint = self._process.communicate(timeout=self._timeout_s)
        return self._process.returncode, json.loads(said) if said else {}, complaint.strip()

    def close(self) -> None:
        self._process.kill()
