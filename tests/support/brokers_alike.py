"""The brokers at which the contract holds, each as it is shipped, and what a test does at any of them alike."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from edge.config.schema import BrokerConfig, Secret, TlsConfig
from relay.config import Mosquitto as Files
from relay.config import Rabbitmq
from relay.enroll.accounts import open_accounts
from relay.enroll.rabbitmq import EXCHANGE, VHOST, RabbitmqAccounts, topic_rights
from sim.rabbitmq import DEBIAN, MANAGEMENT_PORT, MQTT_PORT, Cluster, why_not
from tests.support.shipped_broker import Client, ShippedBroker

SELLERS = {"A": "1", "B": "2"}
"""Two tills, of two sellers, which have their names for passwords."""


class Alike(Protocol):
    """One broker, with the tills A and B, relay, support, and an auditor who may say and hear everything."""

    def come(self, user: str, **how: Any) -> Client: ...

    def config(self, till: str) -> BrokerConfig:
        """How a till's session comes here."""

    def withhold(self, till: str, part: str) -> None:
        """Take a till's right to say or hear one of its topics, or `sellers`; "" gives all back."""

    def fill(self) -> None:
        """Let nobody in any more: it is full."""


class AtMosquitto:
    """`relay/mosquitto`, on the mosquitto of this machine or of another Debian."""

    def __init__(self, broker: ShippedBroker) -> None:
        self._broker = broker
        with open_accounts(Files(broker.password_file, broker.acl_file)) as accounts:
            for till, seller in SELLERS.items():
                accounts.put(till, till, seller)
        self._enrolled = broker.acl_file.read_text()
        broker.start()
        self._crowd: list[Client] = []

    def come(self, user: str, **how: Any) -> Client:
        broker = self._broker
        if user in SELLERS:
            doors: dict[str, Any] = {"port": broker.tills_port, "ca_file": broker.ca_file, "client_id": f"till-{user}"}
        elif user in ("till-relay", "support"):
            doors = {"port": broker.relay_port, "ca_file": broker.folder / "ca-of-relays.pem"}
            return Client(**{**doors, "identity": broker.folder / user, **how})
        else:
            doors = {"port": broker.port}
        return Client(**{**doors, "user": user, **how})

    def config(self, till: str) -> BrokerConfig:
        tls = TlsConfig(ca_file=self._broker.ca_file)
        return BrokerConfig(
            host="127.0.0.1", port=self._broker.tills_port, username=till, password=Secret(till), tls=tls
        )

    def withhold(self, till: str, part: str) -> None:
        lines = self._enrolled.splitlines()
        dropped = f"topic read sellers/{SELLERS[till]}/orders" if part == "sellers" else f"tills/%u/{part}"
        kept = [line for line in lines if not part or not line.endswith(dropped)]
        self._broker.acl_file.write_text("\n".join([*kept, ""]))
        self._broker.reload()

    def fill(self) -> None:
        """The shipped limit of the tills' door, with fewer."""
        self._broker.stop()
        self._broker.max_connections = 1
        self._broker.start()
        self._crowd.append(self.come("B"))

    def close(self) -> None:
        for client in self._crowd:
            client.close()
        self._broker.close()


class AtRabbitmq:
    """`relay/rabbitmq`, with one node."""

    def __init__(self) -> None:
        self._cluster = Cluster(1).start()
        self._node = self._cluster.nodes[0]
        url = f"http://{self._node.address}:{MANAGEMENT_PORT}"
        self.accounts = RabbitmqAccounts(Rabbitmq(url, self._cluster.passwords / "till-enroll.password"), "tills")
        for till, seller in SELLERS.items():
            self.accounts.put(till, till, seller)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.accounts._ask("PUT", "users/auditor", {"password": "auditor", "tags": ""})
        self.accounts._ask("PUT", f"permissions/{VHOST}/auditor", everything)

    def come(self, user: str, **how: Any) -> Client:
        known = (self._cluster.passwords / f"{user}.password").exists()
        password = self._cluster.password(user) if known else user
        client_id = {"till-relay": "till-relay-test-1", "support": "tell-1"}.get(user, f"till-{user}")
        door = {"host": self._node.address, "port": MQTT_PORT, "password": password, "client_id": client_id}
        return Client(**{**door, "user": user, **how})

    def config(self, till: str) -> BrokerConfig:
        return BrokerConfig(host=self._node.address, port=MQTT_PORT, username=till, password=Secret(till), tls=None)

    def withhold(self, till: str, part: str) -> None:
        rights = topic_rights("tills", till, rf"sellers\.{SELLERS[till]}\.orders")
        if part:
            rights = {key: value.replace(part, "nothing") for key, value in rights.items()}
        self.accounts._ask("PUT", f"topic-permissions/{VHOST}/{till}", {**rights, "exchange": EXCHANGE})

    def fill(self) -> None:
        self.accounts._ask("PUT", f"vhost-limits/{VHOST}/max-connections", {"value": 0})  # type: ignore[dict-item]

    def close(self) -> None:
        self._cluster.close()


BROKERS = ("mosquitto", "mosquitto of Debian 13", "rabbitmq")


@contextlib.contextmanager
def broker_of(kind: str, folder: Path) -> Iterator[Alike]:
    """Skips the test where this broker can't be had."""
    if kind != "mosquitto" and (reason := why_not()):
        pytest.skip(reason)
    with _path_of(kind, folder):
        broker: Any = AtRabbitmq() if kind == "rabbitmq" else AtMosquitto(ShippedBroker(folder / "broker"))
        try:
            yield broker
        finally:
            broker.close()


@contextlib.contextmanager
def _path_of(kind: str, folder: Path) -> Iterator[None]:
    """Let `mosquitto` mean the one of that Debian, while it starts."""
    before = os.environ["PATH"]
    if kind == BROKERS[1]:
        program = folder / "mosquitto"
        inside = f'mount --rbind /tmp {DEBIAN}/tmp; exec chroot {DEBIAN} /usr/sbin/mosquitto "$@"'
        program.write_text(f"#!/bin/sh\nexec unshare --mount sh -c '{inside}' sh \"$@\"\n")
        program.chmod(0o755)
        os.environ["PATH"] = f"{folder}:{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
