"""What people type, and the mistakes that they make: the exit code and a sentence, never a traceback."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge.core.lifecycle import Order, Stage
from edge.core.orders import Orders
from edge.core.state import Durable
from edge.journal.store import Journal, lock
from sim.shop import Shop
from tests.support.facts import PAID, REFERENCE

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path) -> Shop:
    """A shop's files, with nothing running."""
    shop = Shop(tmp_path)
    shop.write_config()
    return shop


def till_edge(shop: Shop, *arguments: str) -> tuple[int, str]:
    """Run a command on mock pins; return its exit code and all that it said."""
    environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}
    command = [sys.executable, "-m", "edge", *arguments, "--config", str(shop.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_no_configuration(shop):
    shop.config.unlink()
    code, said = till_edge(shop, "run")
    assert code == 78
    assert str(shop.config) in said


def test_five_mistakes_in_the_configuration_are_told_at_once(shop):
    shop.config.write_text(
        """till: {id: CAJA01, timezone: America/Montevideo, langauge: es}
mercadopago:
  user_id: 700100200
  external_store_id: SUC001
  access_token_file: /nowhere/token
broker: {host: 127.0.0.1, tls: false, port: many}
printer: {connection: usb}
panel:
  leds: {green: 17, yellow: 27, red: 27}
"""
    )
    code, said = till_edge(shop, "run")
    lines = [line for line in said.splitlines() if line.startswith(str(shop.config))]
    assert code == 78
    assert [line.split(": ")[0].removeprefix(f"{shop.config}:") for line in lines] == ["1", "2", "5", "6", "9"]
    assert "did you mean language?" in lines[0]


def test_a_journal_whose_folder_is_missing(shop, tmp_path):
    shop.settings = {"journal": {"path": str(tmp_path / "nowhere" / "journal.db")}}
    shop.write_config()
    code, said = till_edge(shop, "run")
    assert code == 78
    assert f"journal.path: there is no folder {tmp_path / 'nowhere'}" in said


@pytest.mark.parametrize("command", [["orders"], ["reprint", "R1"]])
def test_a_journal_that_is_none(shop, command):
    (shop.folder / "journal.db").write_bytes(b"this is no database, and never was one" * 100)
    code, said = till_edge(shop, *command)
    assert code == 78
    assert "journal.db: file is not a database" in said


def test_a_second_daemon_is_refused(shop):
    held = lock(shop.folder / "journal.db")
    code, said = till_edge(shop, "run")
    assert code == 1
    assert "another till-edge works from this journal" in said
    held.close()


def test_a_machine_without_pins(shop):
    environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "lgpio"}
    command = [sys.executable, "-m", "edge", "run", "--config", str(shop.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
    if Path("/dev/gpiochip0").exists():
        pytest.skip("this machine has pins")
    assert done.returncode == 78
    assert "panel:" in done.stderr
    assert find_spec("lgpio") or "sudo apt install python3-lgpio" in done.stderr
    assert "Traceback" not in done.stderr


def test_orders_and_reprint_say_what_there_is(shop):
    journal = Journal(shop.folder / "journal.db")
    orders = Orders.of((Order(REFERENCE, Stage.PRINTED, True, PAID), Order("waiting")))
    journal.save(journal.load("us", 0), Durable(orders=orders))
    journal.close()
    code, said = till_edge(shop, "orders")
    assert code == 0
    assert f"2026-03-02 18:39:20  printed           5350.50 ARS  {REFERENCE}" in said.splitlines()
    assert till_edge(shop, "reprint", "waiting") == (
        1,
        "till-edge: 'waiting' is not paid; `till-edge orders` lists them\n",
    )
    assert "there is no order 'nobody'" in till_edge(shop, "reprint", "nobody")[1]
    assert till_edge(shop, "reprint", REFERENCE)[0] == 0


@pytest.mark.parametrize("words", [("edge", "orders"), ("edge", "check"), ("sim",)])
def test_ctrl_c_while_the_libraries_load_is_no_traceback(tmp_path, words):
    (tmp_path / "yaml.py").write_text("raise KeyboardInterrupt")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, timeout=30, env=environment, check=False
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode in (0, 130)


def test_a_plug_pulled_and_put_in_again_leaves_the_lights_dark_for_a_moment(shop):
    """Nobody may be asked for pins that are not there yet."""
    shop.mercadopago.start()
    shop.board.plug_in()
    assert set(shop.board.lights) == {"green", "yellow", "red"}
    shop.board.pull_the_plug()
    assert not any(shop.board.lights.values())
    shop.board.plug_in()
    assert set(shop.board.lights) == {"green", "yellow", "red"}
    shop.board.pull_the_plug()
    shop.mercadopago.stop()
