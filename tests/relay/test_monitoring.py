"""The rules and the dashboard that ship: in a real Prometheus, over the metrics of real processes.

No Grafana can be installed here, so the dashboard is held against the types that Grafana makes of its own schemas.
"""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from sim.mosquitto import Mosquitto
from tests.support.prometheus import MONITORING, RULES, Prometheus
from tests.support.receivers import MailServer, Webhook
from tests.support.relays import RelayProcess, wait_until
from tests.support.watched import READY, STATUSES, Fleet

DASHBOARD = MONITORING / "till-relay.dashboard.json"
RULES_TEST = Path(__file__).parent / "rules_test.yml"
UNITS = {"none", "s", "h", "decbytes", "reqps", "percentunit"}
"""Of Grafana's units, those that the dashboard uses."""

needs_prometheus = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no prometheus here")


def dashboard() -> dict[str, Any]:
    return json.loads(DASHBOARD.read_text())


def queries() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


# --- the dashboard, as Grafana reads it -------------------------------------------------------------------------------


def not_grafanas(written: dict[str, Any]) -> list[str]:
    """The keys, dotted, that Grafana's own types don't keep."""
    plugins.register_default_plugins()
    return list(_lost(written, json.loads(JSONEncoder().encode(Dashboard.from_json(written)))))


def _lost(written: Any, kept: Any, place: str = "") -> Iterator[str]:
    if isinstance(written, dict) and isinstance(kept, dict):
        for key, value in written.items():
            yield from _lost(value, kept[key], f"{place}.{key}") if key in kept else [f"{place}.{key}"]
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for one, other in zip(written, kept, strict=True):
            yield from _lost(one, other, place)
    elif written != kept:
        yield place


def test_the_dashboard_has_no_key_that_grafana_does_not_know():
    assert not_grafanas(dashboard()) == []


@pytest.mark.parametrize("key", ["titel", "panels.fieldConfg", "panels.targets.exprr", "panels.gridPos.z"])
def test_a_key_that_grafana_does_not_know_is_found(key):
    bent = copy.deepcopy(dashboard())
    *way, last = key.split(".")
    place: Any = bent
    for step in way:
        place = place[step][0] if isinstance(place[step], list) else place[step]
    place[last] = 1
    assert not_grafanas(bent) == [f".{key}"]


def test_no_panel_lies_on_another_and_each_has_its_number_and_a_known_unit():
    panels = dashboard()["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["fieldConfig"]["defaults"].get("unit", "none") for panel in panels} <= UNITS


# --- the rules --------------------------------------------------------------------------------------------------------


@needs_prometheus
def test_each_rule_fires_when_it_should_and_not_before():
    command = ["promtool", "test", "rules", str(RULES_TEST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_rule_is_without_a_test():
    rules = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    assert {test["name"] for test in yaml.safe_load(RULES_TEST.read_text())["tests"]} == rules


# --- a real Prometheus ------------------------------------------------------------------------------------------------


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    """A fleet of four, one of them dark and one without paper; a relay that rings; the watch that tells."""
    relay_folder, prometheus_folder = tmp_path / "relay", tmp_path / "prometheus"
    relay_folder.mkdir()
    prometheus_folder.mkdir()
    with Mosquitto() as broker, MailServer() as mail, Webhook() as hook:
        relay, fleet = RelayProcess(relay_folder, broker.port), Fleet(tmp_path, broker, mail, hook)
        well = READY | {
            "disk_free_mb": 12000, "round_trip_ms": 40, "clock_offset_seconds": 1, "owed_tickets": 0,
            "last_ticket": {"at": "2026-03-02T12:00:00+00:00"}, "today": {"printed": 7, "copies": 1},
        }  # fmt: skip
        no_paper = well | {"state": "printer", "printer": "no_paper", "ready_to_sell": False}
        for number, status in enumerate((well, well, no_paper, STATUSES["dark"][0]), 1):
            fleet.till(status, f"CAJA0{number}")
        fleet.watch.start()
        relay.wait_until_healthy()
        prometheus = Prometheus(prometheus_folder, relay, fleet)
        try:
            wait_until(prometheus.is_ready, "Prometheus is ready")
            wait_until(lambda: bool(prometheus.query('up{job="till-relay"} == 1')), "the relay was read")
            for _ in range(20):
                assert relay.notify() == 201
            wait_until(lambda: bool(prometheus.query('till_alert{cause="printer"}')), "the watch tells")
            yield prometheus
        finally:
            prometheus.close()
            relay.kill()
            fleet.close()


@pytest.mark.slow
@needs_prometheus
def test_every_query_of_the_dashboard_has_an_answer_and_the_rules_fire(prometheus: Prometheus):
    def unanswered() -> list[str]:
        results = {each: prometheus.query(each) for each in queries()}
        return [each for each, found in results.items() if not found or found[0]["value"][1] == "NaN"]

    wait_until(lambda: unanswered() == [], "each query has an answer")
    assert prometheus.query("sum(till_ready_to_sell)")[0]["value"][1] == "2"
    wait_until(lambda: ("TillNeedsHelp", "CAJA04", "firing") in prometheus.alerts(), "the dark till is an alert")
    assert ("TillNeedsHelp", "CAJA03", "firing") in prometheus.alerts()
    assert not any(till in ("CAJA01", "CAJA02") for _, till, _ in prometheus.alerts())
