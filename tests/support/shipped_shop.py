"""A shop at the broker that relay/mosquitto/ ships, with the till that `till-relay enroll` makes; support listens."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from relay.__main__ import main
from sim.network import free_port
from sim.shop import Shop
from tests.support.relays import ROOT
from tests.support.shipped_broker import Client, ShippedBroker


@contextlib.contextmanager
def a_shop_at(broker: ShippedBroker, folder: Path, api: str = "instore") -> Iterator[tuple[Shop, Client]]:
    """A shop whose till and relay come to this broker, ready to sell; and what support reads there."""
    port = free_port()
    relay_yaml = broker.relay_yaml(folder, port)
    bundle = folder / "bundle"
    assert main(["enroll", "CAJA01", "--user-id", "700100200", "--out", str(bundle), "--config", str(relay_yaml)]) == 0
    given = yaml.safe_load((bundle / "config.yaml").read_text())
    (shop_folder := folder / "shop").mkdir()
    door = given["broker"] | {"password_file": f"{bundle}/broker_password", "tls": {"ca_file": f"{bundle}/ca.pem"}}
    support = broker.come("support")
    support.subscribe("tills/+/status", "tills/+/tickets", "tills/+/answers", "relay/status")
    with (
        running_relay(relay_yaml),
        Shop(shop_folder, {"broker": door}, without=("relay", "board"), api=api) as shop,
        contextlib.closing(support),
    ):
        shop.notification_url = given["mercadopago"]["notification_url"]
        shop.board.plug_in()
        hear(support, "tills/CAJA01/status", lambda status: status["ready_to_sell"] and status["relay"] == "online")
        yield shop, support


@contextlib.contextmanager
def running_relay(config: Path) -> Iterator[None]:
    relay = subprocess.Popen([sys.executable, "-m", "relay", "run", "--config", config], cwd=ROOT)
    try:
        yield
    finally:
        relay.terminate()
        assert relay.wait(30) == 0


def hear(client: Client, topic: str, is_it: Callable[[dict[str, object]], bool]) -> None:
    """Wait for a message on a topic; what comes before it is passed over."""
    while True:
        came, payload = client.next()
        if came == topic and is_it(json.loads(payload)):
            return
