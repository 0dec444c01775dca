"""How many notifications the relay takes, and how many of those are lost when something fails.

wrk posts on the loopback, and one subscriber with a session plays all the tills: every id that was answered with 200 or
201 must reach it. For comparison, under the same faults, the common hand-made receiver (express/), which answers before
it publishes. `python -m benchmarks.relay_load`; needs wrk, mosquitto, node and npm.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from relay.addresses import secret_of
from sim.mosquitto import Mosquitto, accepts
from sim.network import free_port
from sim.shop import Relay

HERE = Path(__file__).parent
TILLS = [f"CAJA{number:03}" for number in range(1000)]
CONNECTIONS = 32
FAULT_AFTER_S = 3.0
OUTAGE_S = 2.0
TIMEOUT_S = 30.0


# --- the parts --------------------------------------------------------------------------------------------------------


class Receiver(Protocol):
    """A program that takes notifications and publishes doorbells."""

    port: int

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def path(self, till: str) -> str: ...


class OurRelay(Relay):
    """The relay that ships."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        super().__init__(folder, broker)
        self._key = (folder / "relay.secret").read_text().strip().encode()

    def path(self, till: str) -> str:
        return f"/mp/{till}/{secret_of(till, self._key)}"


class HandMade:
    """Express and mqtt.js, answering first."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.port = free_port()
        self._command = ["node", str(modules() / "receiver.js"), str(self.port), str(broker.port)]
        self._log = folder / "express.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "NODE_ENV": "production"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def path(self, till: str) -> str:
        return f"/mp/{till}/{'0' * 32}"


def modules() -> Path:
    """Return a folder with the hand-made receiver and its packages; they are fetched once, by npm."""
    folder = Path(tempfile.gettempdir()) / "relay-load-express"
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "receiver.js"):
        shutil.copy(HERE / "express" / name, folder)
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    return folder


class Tills:
    """One subscriber with a session for all tills, and the ids of its doorbells."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: set[bytes] = set()
        self.last = time.monotonic()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "tills", protocol=paho.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe("tills/+/orders", qos=1)
        self._client.reconnect_delay_set(1, 1)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self._client.connect(broker.host, broker.port, clean_start=False, properties=session)
        self._client.loop_start()

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.add(message.payload.partition(b'"id":"')[2].partition(b'"')[0])
        self.last = time.monotonic()

    def wait_for(self, ids: set[bytes]) -> set[bytes]:
        """Return the ids whose doorbells are missing when none has come for ten seconds."""
        while (missing := ids - self.heard) and time.monotonic() - self.last < 10:
            time.sleep(0.1)
        return missing

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


# --- the faults -------------------------------------------------------------------------------------------------------

Fault = Callable[[Mosquitto, Receiver], None]


def nothing(_broker: Mosquitto, _receiver: Receiver) -> None:
    """Let it run."""


def broker_stopped(broker: Mosquitto, _receiver: Receiver) -> None:
    broker.stop()
    time.sleep(OUTAGE_S)
    broker.start()


def broker_killed(broker: Mosquitto, _receiver: Receiver) -> None:
    broker.kill()
    time.sleep(OUTAGE_S)
    broker.start()


def receiver_killed(_broker: Mosquitto, receiver: Receiver) -> None:
    receiver.kill()
    receiver.start()


def both(broker: Mosquitto, receiver: Receiver) -> None:
    broker.stop()
    time.sleep(OUTAGE_S)
    receiver.kill()
    receiver.start()
    broker.start()


BROKER = ["max_queued_messages 0", "set_tcp_nodelay true"]
"""One session stands for a thousand tills, so its queue has no limit."""
DISK = {"mosquitto's defaults": False, "each change on disk": True}
"""When the broker writes to its disk. relay/mosquitto/ ships the second."""
FAULTS: dict[str, Fault] = {
    "nothing fails": nothing,
    f"broker stopped, back after {OUTAGE_S:g} s": broker_stopped,
    f"broker SIGKILLed, back after {OUTAGE_S:g} s": broker_killed,
    "receiver SIGKILLed, started again": receiver_killed,
    "broker stopped, receiver SIGKILLed meanwhile": both,
}
RECEIVERS: dict[str, type[OurRelay] | type[HandMade]] = {"till-relay": OurRelay, "Express + mqtt": HandMade}


# --- a run ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """The figures of one receiver under one fault. Latencies are in milliseconds, over all answers."""

    per_second: float
    p50: float
    p99: float
    taken: int
    lost: int
    behind: float
    """Seconds from the end of the load to the last doorbell."""


def run(kind: type[OurRelay] | type[HandMade], fault: Fault, durable: bool, seconds: int) -> Result:
    """Load one receiver for so many seconds, with one fault in between."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-load-")))
        broker = stack.enter_context(Mosquitto(settings=BROKER, durable=durable))
        tills = stack.enter_context(closing(Tills(broker)))
        receiver: Receiver = kind(folder, broker)
        receiver.start()
        stack.callback(receiver.kill)
        wait_for_the_first_doorbell(receiver, tills)
        with failing(fault, broker, receiver):
            output = load(receiver, folder, seconds)
        taken = {id for part in folder.glob("taken*") for id in part.read_bytes().split()}
        tills.last = ended = time.monotonic()
        lost = tills.wait_for(taken)
        behind = tills.last - ended
    duration, p50, p99 = (int(word) for word in output.partition("RESULT ")[2].split()[:3])
    return Result(len(taken) * 1e6 / duration, p50 / 1000, p99 / 1000, len(taken), len(lost), behind)


def wait_for_the_first_doorbell(receiver: Receiver, tills: Tills) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not tills.heard:
        assert time.monotonic() < deadline, "no doorbell came from the receiver"
        if accepts("127.0.0.1", receiver.port):
            body = '{"resource":"1","topic":"merchant_order"}'
            address = f"http://127.0.0.1:{receiver.port}{receiver.path('CAJA999')}"
            command = ["curl", "-s", "-o", os.devnull, "-H", "Content-Type: application/json", "-d", body, address]
            subprocess.run(command, check=False)
        time.sleep(0.2)


def load(receiver: Receiver, folder: Path, seconds: int) -> str:
    (folder / "paths").write_text("\n".join(receiver.path(till) for till in TILLS))
    options = [f"-t{CONNECTIONS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
    command = ["wrk", *options, "-s", str(HERE / "relay_load.lua"), f"http://127.0.0.1:{receiver.port}"]
    command += ["--", str(folder / "paths"), str(folder / "taken")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def failing(fault: Fault, broker: Mosquitto, receiver: Receiver) -> Iterator[None]:
    timer = threading.Timer(FAULT_AFTER_S, fault, (broker, receiver))
    timer.start()
    yield
    timer.join()


# --- the table --------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Load the relay, and the common hand-made receiver beside it.")
    parser.add_argument("--seconds", type=int, default=10, help="length of each run; default: %(default)s")
    seconds = parser.parse_args().seconds
    print(f"{os.cpu_count()} cores for everything: receiver, mosquitto, subscriber and wrk. So the rates are a floor.")
    print(f"{CONNECTIONS} connections, {len(TILLS)} tills, {seconds} s each, the fault after {FAULT_AFTER_S:g} s.")
    print("taken: answered 201 (till-relay: after PUBACK) or 200 (Express: before publishing). lost: no doorbell.")
    print("behind: seconds from the end of the load until the last doorbell.")
    print("wrk drops connections that are refused: where the receiver was killed, most of the load came before that.")
    for disk, durable in DISK.items():
        print(f"\n{'broker: ' + disk:46}{'receiver':16}", *(f"{word:>8}" for word in COLUMNS))
        for what, fault in FAULTS.items():
            compare(what, fault, durable, seconds)


COLUMNS = ("taken/s", "p50 ms", "p99 ms", "taken", "lost", "behind")


def compare(what: str, fault: Fault, durable: bool, seconds: int) -> None:
    """Put both receivers through the same, and print their figures and the ratios."""
    ours, theirs = (show(what, name, run(kind, fault, durable, seconds)) for name, kind in RECEIVERS.items())
    pairs = ((ours.per_second, theirs.per_second), (ours.p50, theirs.p50), (ours.p99, theirs.p99))
    print(f"{'':46}{'ratio':16}", *(f"{one / other:>8.2f}" for one, other in pairs), flush=True)


def show(what: str, name: str, result: Result) -> Result:
    """Print one line of the table."""
    times = f"{result.per_second:>8.0f} {result.p50:>8.1f} {result.p99:>8.1f}"
    print(f"{what:46}{name:16}", times, f"{result.taken:>8} {result.lost:>8} {result.behind:>8.1f}", flush=True)
    return result


if __name__ == "__main__":
    main()
