"""The page for integrators says what is so: its example is run as it stands there, but for the address."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.messages import Outcome
from sim.mosquitto import Mosquitto
from sim.shop import Ears

PAGE = (Path(__file__).parent.parent / "docs" / "integrating.md").read_text()


def test_the_page_names_every_outcome():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M)) == {outcome.value for outcome in Outcome}


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


@pytest.mark.slow
def test_the_example_in_python_says_whether_to_sell(tmp_path):
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    with Mosquitto(tmp_path / "mosquitto") as broker:
        address = f'hostname="{broker.host}", port={broker.port})'
        example, changes = re.subn(r'hostname=".*?\}\s*\)', address, example, flags=re.S)
        assert changes == 1
        ears = Ears(broker.host, broker.port)
        for saying, status in SAYINGS.items():
            ears._client.publish("tills/CAJA01/status", json.dumps(status), 1, retain=True).wait_for_publish(10)
            done = subprocess.run(
                [sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=True
            )
            assert done.stdout.strip() == saying
        ears.close()
