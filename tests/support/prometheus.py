"""Debian's Prometheus with the configuration and the rules that ship."""

import contextlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests

from sim.network import free_port
from sim.shop import Relay
from tests.support.relays import PATIENCE, ROOT, RelayProcess
from tests.support.watched import Fleet

MONITORING = ROOT / "relay/monitoring"
RULES = MONITORING / "till-relay.rules.yml"


class Prometheus:
    """The shipped configuration, with these ports and each second."""

    def __init__(self, folder: Path, relay: RelayProcess | Relay, fleet: Fleet) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        shutil.copy(RULES, folder)
        text = (MONITORING / "prometheus.yml").read_text().replace("15s", "1s")
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{relay.port}")
        text = text.replace("127.0.0.1:9108", f"127.0.0.1:{fleet.watch.metrics_port}")
        (folder / "prometheus.yml").write_text(text)
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        options.append(f"--web.listen-address={self.url.removeprefix('http://')}")
        with (folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(["prometheus", *options], stdout=log, stderr=log)

    def is_ready(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/-/ready", timeout=PATIENCE).status_code == 200
        return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/api/v1/query", {"query": expression}, timeout=PATIENCE).json()
        assert answer["status"] == "success", (expression, answer)
        return answer["data"]["result"]

    def alerts(self) -> set[tuple[str, str, str]]:
        """Name, till and state."""
        found = requests.get(f"{self.url}/api/v1/alerts", timeout=PATIENCE).json()["data"]["alerts"]
        return {(each["labels"]["alertname"], each["labels"].get("till", ""), each["state"]) for each in found}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
