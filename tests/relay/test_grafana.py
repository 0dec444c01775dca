"""The dashboard that ships, compiled by TypeScript against the types that Grafana 13.2 publishes of its own schema.

`make grafana` fetches them from npm; where they aren't, these tests are skipped. The queries: test_monitoring.py.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.prometheus import MONITORING

ROOT = Path(__file__).parent.parent.parent
FETCHED = ROOT / "build/grafana"
TSC = FETCHED / "node_modules/.bin/tsc"
TYPES = ROOT / "tests/support/grafana_dashboard.ts"
OPTIONS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
DASHBOARD = (MONITORING / "till-relay.dashboard.json").read_text()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TSC.exists(), reason="there are no types of Grafana here: make grafana (needs npm)"),
]


def complaints(dashboard: str, name: str) -> str:
    """What the compiler says; "" if nothing."""
    program = FETCHED / f"{name}.ts"
    program.write_text(f"{TYPES.read_text()}\nexport const dashboard: Tills = {dashboard};\n")
    done = subprocess.run([TSC, *OPTIONS, program], cwd=FETCHED, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_grafana_takes_the_dashboard():
    assert complaints(DASHBOARD, "whole") == ""


BENT = {
    "an unknown key": ('"gridPos"', '"gridPoss"'),
    "an unknown word": ('"background"', '"backgrund"'),
    "a number as text": ('"schemaVersion": 38', '"schemaVersion": "38"'),
    "no query": ('"expr"', '"exprr"'),
    "an unknown panel": ('"timeseries"', '"timeserie"'),
    "an option of another panel": ('"colorMode"', '"showHeader"'),
}


@pytest.mark.parametrize("what", BENT)
def test_what_grafana_would_not_take_is_found(what: str):
    right, wrong = BENT[what]
    assert right in DASHBOARD
    bent = DASHBOARD.replace(right, wrong, 1)
    assert json.loads(bent) != json.loads(DASHBOARD)
    assert "error TS" in complaints(bent, what.replace(" ", "_"))
