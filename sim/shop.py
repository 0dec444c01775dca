"""A whole shop on this machine: Mercado Pago, printer, broker, relay and the Pi at the till, joined by addresses.

Daemon and relay are the very programs that ship, as processes of their own. Only what stands at the other end of
their sockets and pins is simulated.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
import requests
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sim.board import BUTTON, LEDS, Board
from sim.mercadopago import MercadoPago
from sim.mosquitto import Mosquitto
from sim.network import free_port
from sim.printer.printer import Printer

TILL = "CAJA01"
STORE, POS = "SUC001", "SUC001POS003"
PATIENCE = 30.0
"""How long anything may take that ought to happen. Seconds."""


def wait_for(condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
    """Return what `condition` returns as soon as that is true. Raises `TimeoutError` with `what` did not happen."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.01)
    return found


class Ears:
    """Hears all that is said at the broker, and can say anything."""

    def __init__(self, host: str, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self._answers: dict[bytes, bytes] = {}
        """By the correlation data of their commands."""
        self.watched: Callable[[str, bytes], None] = lambda topic, payload: None
        """Called with each message."""
        self._connected = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._connected.set()
        self._client.on_message = self._hear
        self._client.reconnect_delay_set(1, 1)  # what is said while it waits is not heard
        self._client.connect(host, port)
        self._client.loop_start()
        if not self._connected.wait(PATIENCE):
            raise TimeoutError("no subscription at the broker")

    def _hear(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/answers"):
            self._answers[getattr(message.properties, "CorrelationData", b"")] = message.payload
        self.heard.append((message.topic, message.payload))
        if message.topic.endswith("/status"):
            self.retained[message.topic] = message.payload
        self.watched(message.topic, message.payload)

    def say(self, topic: str, payload: bytes | str) -> None:
        """Publish, and wait for the broker's acknowledgement."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(PATIENCE)

    def post(self, topic: str, payload: bytes | str) -> None:
        """Publish as soon as the broker is there, and wait for nothing."""
        self._client.publish(topic, payload, qos=1)

    def ask(self, topic: str, message: dict[str, Any], retain: bool = False) -> dict[str, Any]:
        """Publish, and wait for what the till answers, with our correlation data."""
        mark = secrets.token_bytes(8)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = topic.replace("commands", "answers"), mark
        self._client.publish(topic, json.dumps({"v": 1, **message}), qos=1, retain=retain, properties=properties)
        answer: dict[str, Any] = json.loads(wait_for(lambda: self._answers.get(mark), "an answer"))
        return answer

    def on(self, topic: str) -> list[dict[str, Any]]:
        """All JSON messages of a topic, in the order they came."""
        return [json.loads(payload) for heard, payload in tuple(self.heard) if heard == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Relay:
    """The relay, as a process of its own."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self._folder = folder
        self.port = free_port()
        self.config = folder / "relay.yaml"
        self._process: subprocess.Popen[bytes] | None = None
        secret = folder / "relay.secret"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        settings = {
            "listen": {"host": "127.0.0.1", "port": self.port},
            "public_url": f"http://127.0.0.1:{self.port}",
            "secret_file": str(secret),
            "broker": {"host": broker.host, "port": broker.port, "tls": False},
        }
        self.config.write_text(yaml.safe_dump(settings))

    def url(self, till: str = TILL) -> str:
        """The address that the shop's orders name for notifications."""
        command = [sys.executable, "-m", "relay", "url", till, "--config", str(self.config)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def start(self) -> None:
        with (self._folder / "relay.log").open("ab") as log:
            command = [sys.executable, "-m", "relay", "run", "--config", str(self.config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    @property
    def well(self) -> bool:
        """Whether it takes notifications, and the broker takes its doorbells: what it says of itself."""
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/health", timeout=PATIENCE).ok
        return False

    def tail(self) -> str:
        """The end of its log."""
        log = self._folder / "relay.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
        self._process = None


class Shop:
    """Everything between the customer's phone and the paper.

    `settings` are laid over the daemon's configuration, section by section. Parts that are not wanted from the start
    can be left out by name: `without=("relay", "board")`. What is set to None is left out of the configuration.
    `api` is the one that the shop's software uses, and the daemon.
    """

    api = "instore"
    """Of the shops that are made from now on, if they don't say otherwise."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        mercadopago: MercadoPago | None = None,
        printer: Printer | None = None,
        without: tuple[str, ...] = (),
        api: str = "",
    ) -> None:
        self.folder = folder
        self.api = api or self.api
        self._without = without
        self.mercadopago = mercadopago or MercadoPago()
        self.mercadopago.software, self.mercadopago.announce = self.api, self.announce
        self.printer = printer or Printer(columns=48)
        self.broker = Mosquitto(folder / "mosquitto")
        self.relay = Relay(folder, self.broker)
        self.config = folder / "config.yaml"
        self.settings = settings or {}
        self.board = Board(self.config, folder / "till.log")
        self.ears: Ears | None = None
        self.notification_url = ""

    # --- opening and closing ---------------------------------------------------------------------------------------

    def open(self) -> Self:
        """Start everything, and wait until the till is ready to sell."""
        self.mercadopago.start()
        self.printer.start()
        self.broker.start()
        self.ears = Ears(self.broker.host, self.broker.port)
        if "relay" not in self._without:
            self.notification_url = self.relay.url()
            self.mercadopago.application_url = self.notification_url if self.api == "orders" else ""
            self.relay.start()
            self._wait(lambda: self.state("relay/status") == "online", "the relay comes up", PATIENCE)
        self.write_config()
        if "board" not in self._without:
            self.board.plug_in()
            self._wait(
                lambda: self.state() == "ready" and self.status["printer"] == "ready", "the till is ready", PATIENCE
            )
        return self

    def close(self) -> None:
        """Stop whatever runs."""
        if self.board.running:
            self.board.shut_down()
        if self.ears is not None:
            self.ears.close()
        self.relay.stop()
        self.broker.close()
        self.printer.stop()
        self.mercadopago.stop()

    def __enter__(self) -> Self:
        try:
            return self.open()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def write_config(self) -> None:
        """Write what an installer would write."""
        token = self.folder / "access_token"
        token.write_text(self.mercadopago.access_token)
        token.chmod(0o600)
        sections: dict[str, dict[str, Any]] = {
            "till": {"id": TILL, "name": "Caja 1", "timezone": "America/Argentina/Buenos_Aires", "language": "es"},
            "mercadopago": {
                "api": self.api,
                "user_id": int(self.mercadopago.user_id),
                "external_store_id": STORE,
                "external_pos_id": POS,
                "access_token_file": str(token),
                "api_url": self.mercadopago.url,
                "timeout_seconds": 3,
            },
            "broker": {"host": self.broker.host, "port": self.broker.port, "tls": False},
            "printer": {
                "connection": "network",
                "host": self.printer.host,
                "port": self.printer.port,
                "columns": self.printer.columns,
                "codepage": "CP858",
            },
            "ticket": {"header": ["KIOSCO SUR", "Av. Siempre Viva 742"], "footer": ["¡Gracias por su compra!"]},
            "panel": {"leds": dict(LEDS), "button": {"pin": BUTTON, "hold_seconds": 1}},
            "journal": {"path": str(self.folder / "journal.db")},
        }
        if self.notification_url:
            sections["mercadopago"]["notification_url"] = self.notification_url
        for name, values in self.settings.items():
            merged = {**sections.get(name, {}), **values}
            sections[name] = {key: value for key, value in merged.items() if value is not None}
        self.config.write_text(yaml.safe_dump(sections, allow_unicode=True, sort_keys=False))

    # --- what people do --------------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `till-edge` as somebody at a shell would."""
        command = [sys.executable, "-m", "edge", *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))

    def order(self, *items: str, total: str, reference: str = "") -> str:
        """Put an order on the till, as the shop's software does, whatever is there. Items: `TITLE:QUANTITY:PRICE`."""
        options = ["--replace", *(f"--item={item}" for item in items)]
        done = self.command(
            "order", "create", "--total", total, *options, *(["--reference", reference] * bool(reference))
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def sell(self, reference: str) -> None:
        """Have an order put on the till, and paid: no command, no scan, only what Mercado Pago makes of it."""
        self.mercadopago.put_order(reference, "100.00", notification_url=self.notification_url)
        self.mercadopago.pay()

    def ring(self, identity: str | int, kind: str = "merchant_order") -> None:
        """Ring the doorbell, with no relay in between."""
        self.say(json.dumps({"v": 1, "kind": kind, "id": identity}))

    def announce(self, order: str) -> None:
        """Tell the till which order is on it, as the shop's software does."""
        if self.ears is not None:
            self.ears.post(f"tills/{TILL}/announcements", json.dumps({"v": 1, "order": order}))

    def say(self, payload: bytes | str, topic: str = f"tills/{TILL}/orders") -> None:
        """Publish anything on a topic."""
        assert self.ears is not None
        self.ears.say(topic, payload)

    # --- what people see -------------------------------------------------------------------------------------------

    @property
    def status(self) -> dict[str, Any]:
        """The till's retained status."""
        assert self.ears is not None
        return dict(json.loads(self.ears.retained.get(f"tills/{TILL}/status", b"{}")))

    def state(self, topic: str = f"tills/{TILL}/status") -> str:
        assert self.ears is not None
        return str(json.loads(self.ears.retained.get(topic, b"{}")).get("state", ""))

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """What the till reported on `tickets`."""
        assert self.ears is not None
        return self.ears.on(f"tills/{TILL}/tickets")

    @property
    def states(self) -> list[str]:
        """All states that the till ever told, in their order; one that passes may be over when somebody looks."""
        assert self.ears is not None
        return [str(status.get("state")) for status in self.ears.on(f"tills/{TILL}/status")]

    def wait_for_passing_state(self, state: str, after: int = 0) -> None:
        """Wait until a state was told, after so many others."""
        self._wait(lambda: state in self.states[after:], f"the till becomes {state}", PATIENCE)

    def wait_for_state(self, *states: str, timeout: float = PATIENCE) -> None:
        self._wait(lambda: self.state() in states, f"the till becomes {' or '.join(states)}", timeout)

    def wait_for_outcome(self, outcome: str, count: int = 1, timeout: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until an outcome was reported so often; return those reports."""
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            found[:] = [report for report in self.outcomes if report["outcome"] == outcome]
            return len(found) >= count

        self._wait(enough, f"{count} x {outcome}", timeout)
        return found

    def _wait(self, condition: Callable[[], Any], what: str, timeout: float) -> None:
        try:
            wait_for(condition, what, timeout)
        except TimeoutError as error:
            raise AssertionError(
                f"{error}; status {self.status}\noutcomes {self.outcomes}\n{self.board.tail()}\n{self.relay.tail()}"
            ) from None
