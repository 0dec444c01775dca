"""Ports that accept a connection and say nothing: each is told as mute, soon, and never as one that refuses."""

import os
import pty
import subprocess
import sys
import time
from contextlib import closing

import pytest
import yaml

from edge.config.schema import load
from edge.install.check.account import check_account
from edge.install.check.broker import Visit, check_broker
from edge.install.check.findings import Cause, Finding, Part
from edge.install.check.hardware import check_printer
from edge.install.claim import relay as claims
from edge.install.claim.identity import Identity
from edge.install.claim.place import Place
from edge.install.claim.relay import Relay, RelayError
from edge.mercadopago.client import MercadoPago
from qa.check_causes import Wrong, shop_with
from tests.support.odd_broker import Link, OddBroker

pytestmark = pytest.mark.slow
BLAME = ("refuse", "password", "enrol", "token again")


@pytest.fixture
def mute_port():
    with OddBroker(Link.wait) as nobody:
        yield nobody.port


def settled(shop, **sections: dict) -> None:
    settings = yaml.safe_load(shop.config.read_text())
    for name, section in sections.items():
        settings[name] |= section
    shop.config.write_text(yaml.safe_dump(settings))


def assert_no_blame(finding: Finding) -> None:
    said = f"{finding.seen} {finding.advice}"
    assert [word for word in BLAME if word in said] == []


def test_a_mute_broker(mute_port, tmp_path):
    with shop_with(Wrong(Part.BROKER, ""), tmp_path) as shop:
        settled(shop, broker={"port": mute_port})
        config, began = load(shop.config), time.monotonic()
        with closing(Visit(config, "0")) as visit:
            finding = next(iter(check_broker(visit, config)))
    assert finding.cause is Cause.BROKER_MUTE
    assert "firewall" in finding.seen
    assert time.monotonic() - began < 20
    assert_no_blame(finding)


def test_a_mute_mercado_pago(mute_port, tmp_path):
    with shop_with(Wrong(Part.TOKEN, ""), tmp_path) as shop:
        settled(shop, mercadopago={"api_url": f"http://127.0.0.1:{mute_port}", "timeout_seconds": 1})
        with closing(MercadoPago(load(shop.config).mercadopago)) as api:
            finding = next(iter(check_account(api, load(shop.config))))
    assert finding.cause is Cause.API_UNREACHABLE
    assert "no answer in time" in finding.seen
    assert_no_blame(finding)


def test_a_mute_printer(mute_port, tmp_path):
    with shop_with(Wrong(Part.PRINTER, ""), tmp_path) as shop:
        settled(shop, printer={"connection": "network", "host": "127.0.0.1", "port": mute_port})
        began = time.monotonic()
        finding = next(iter(check_printer(load(shop.config), False)))
    assert finding.cause is Cause.PRINTER_SILENT
    assert time.monotonic() - began < 20
    assert_no_blame(finding)


def test_a_mute_relay_for_claims(mute_port, monkeypatch):
    monkeypatch.setattr(claims, "STEP_TIMEOUT_S", 1.0)
    place = Place(f"http://127.0.0.1:{mute_port}", None)
    with (
        closing(Relay(place, "0")) as relay,
        pytest.raises(RelayError, match="firewall") as said,
    ):
        relay.ask(Identity("ABC", "", "K7QMX4TZ9M", "", "00" * 32))
    assert_no_blame(Finding(Part.RELAY, None, str(said.value)))


def test_on_a_terminal_a_check_says_what_it_waits_for(mute_port, tmp_path):
    with shop_with(Wrong(Part.BROKER, ""), tmp_path) as shop:
        settled(shop, broker={"port": mute_port})
        terminal, end = pty.openpty()
        command = [sys.executable, "-m", "edge", "check", "--no-order", "--no-ticket", "--config", str(shop.config)]
        environment = os.environ | {"GPIOZERO_PIN_FACTORY": "mock"}
        done = subprocess.run(command, stderr=end, stdin=subprocess.DEVNULL, capture_output=False, env=environment,
                              stdout=subprocess.PIPE, timeout=90, check=False)  # fmt: skip
        os.close(end)
        said = os.read(terminal, 4096).decode()
        os.close(terminal)
    assert f"waits for the broker (127.0.0.1:{mute_port}), at most 15 s" in said
    assert "waits for Mercado Pago" in said
    assert b"waits" not in done.stdout
