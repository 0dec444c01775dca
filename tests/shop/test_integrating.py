"""The page for integrators says what is so: its example is run as it stands there, but for whom it asks."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.duties import Command, Outcome
from edge.core.evidence import NO_ORDER
from edge.core.order import Verdict
from relay.enroll.accounts import password_line
from tests.support.shipped_broker import Client, ShippedBroker

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "integrating.md").read_text()


def test_the_page_names_every_outcome():
    section = PAGE.partition("## What became of an order")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == {outcome.value for outcome in Outcome}


def test_the_page_has_every_reason_and_no_other():
    [listed] = re.findall(r"All values of `reason`:\n\n((?:\* .*\n)+)", PAGE)
    said = set(re.findall(r"`([^`]+)`", listed))
    core = "".join(path.read_text() for path in sorted((ROOT / "edge" / "core").glob("*.py")))
    verdicts = {verdict.value for verdict in Verdict if verdict.rejected}
    lookups = set(re.findall(r'reject\(till, \w+, "(\w+)"\)', core)) | {NO_ORDER}
    kept = {f"not_cancelled: {reason}" for reason in re.findall(r'_kept\(till, order, "(\w+)", now\)', core)}
    assert {"not_found", "no_merchant_order"} <= lookups
    assert len(kept) == 3
    assert said == verdicts | lookups | kept


def test_the_page_names_every_command():
    section = PAGE.partition("## Commands from afar")[2].partition("\n## ")[0]
    assert [
        command.value for command in Command if f"`{command}`" not in section and f'"{command}"' not in section
    ] == []


SAYINGS = {
    "sell": {"v": 1, "state": "ready", "ready_to_sell": True, "not_ready": ""},
    "careful: the printer can't print: no_paper": {
        "v": 1,
        "state": "printer",
        "ready_to_sell": False,
        "not_ready": "the printer can't print: no_paper",
    },
    "careful: offline": {"v": 1, "state": "offline"},
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ShippedBroker]:
    """The shipped one, with the user that its README tells to make."""
    broker = ShippedBroker(tmp_path / "mosquitto")
    broker.let_in_software_of("CAJA01")
    with broker.password_file.open("a") as passwords:
        passwords.write(f"{password_line('stranger', 'stranger')}\n")
    with broker:
        yield broker


def run_the_example(broker: ShippedBroker, user: str = "pos-CAJA01", password: str = "") -> str:
    """Return what it prints, run as it stands on the page but for whom it asks."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    shown = '"mqtt.example.net", "pos-CAJA01", "…")'
    assert example.count(shown) == 1
    example = example.replace(shown, f'"127.0.0.1", "{user}", "{password or user}", port={broker.tills_port})')
    trusting = os.environ | {"SSL_CERT_FILE": str(broker.ca_file)}
    return subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=True, env=trusting
    ).stdout.strip()


@pytest.mark.slow
def test_the_example_in_python_says_whether_to_sell(broker):
    till = Client(broker.port, "auditor")
    for saying, status in SAYINGS.items():
        till.say("tills/CAJA01/status", json.dumps(status), retain=True)
        assert run_the_example(broker) == saying
    till.close()


@pytest.mark.slow
def test_the_example_says_in_a_while_that_it_is_not_let_in(broker):
    till = Client(broker.port, "auditor")
    till.say("tills/CAJA01/status", b'{"v":1,"state":"ready","ready_to_sell":true}', retain=True)
    till.close()
    no_rights = "careful: no status came: CAJA01 was never on, or stranger may not read it"
    assert run_the_example(broker, user="stranger") == no_rights
    assert run_the_example(broker, password="wrong") == "careful: the broker refuses pos-CAJA01: Not authorized"
    broker.stop()
    assert run_the_example(broker).startswith("careful: the broker can't be reached: ")
