"""The till's page: the very process that ships, started again when it ends, as its unit does; and a device let in.

The device gets in as a person does: it asks, somebody presses the till's button, and the code is read from the paper.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests

from sim.shop import PATIENCE, Shop, wait_for

AGAIN_AFTER_S = 1.0
"""As in its unit."""
CODE_DIGITS = 6


class TillPage:
    """`till-edge-page`, as a process of its own."""

    def __init__(self, config: Path, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._config = config
        self._log = config.with_name("page.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._ended = threading.Event()
        self._device = requests.Session()
        self._device.trust_env = False
        self._device.headers["User-Agent"] = "demo"

    def open(self) -> None:
        """Start it, and keep it running."""
        self.start()
        threading.Thread(target=self._keep_running, name="page's unit", daemon=True).start()

    def start(self) -> None:
        """Start it, and wait until it answers. Raises `TimeoutError`."""
        self._wanted = True
        self._launch()
        wait_for(self._answers, f"the till's page answers\n{self._log.read_text()}", PATIENCE)

    def kill(self) -> None:
        """SIGKILL, and nobody starts it again."""
        self._wanted = False
        self._end(signal.SIGKILL)

    def crash(self) -> None:
        """SIGKILL; its unit starts it again."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        self._wanted = False
        self._ended.set()
        self._end(signal.SIGTERM)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "edge.page", "--config", str(self._config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ), cwd=ROOT)

    def _keep_running(self) -> None:
        while not self._ended.wait(AGAIN_AFTER_S):
            if self._wanted and self._process is not None and self._process.poll() is not None:
                self._launch()

    def _answers(self) -> bool:
        try:
            return self._device.get(self.url, timeout=5).ok
        except requests.RequestException:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)

    # --- what a person does there ------------------------------------------------------------------------------------

    def pair(self, shop: Shop) -> str:
        """Let a device in; returns its session's secret. Raises `TimeoutError`, `requests.RequestException`."""
        before = len(shop.printer.tickets)
        self._ask("pair/ask")
        wait_for(self._is_asked, "the till knows that a device asks", PATIENCE)
        shop.board.press()
        slip = shop.printer.wait_for_tickets(before + 1)[before]
        self._ask("pair/enter", code=code_on(slip.text))
        return str(self._device.cookies["till-session"])

    def _is_asked(self) -> bool:
        stage = self._device.get(f"{self.url}/api/pair/asking", timeout=10).json()["stage"]
        return bool(stage == "asked")

    def charge(self, *lines: tuple[str, str, str]) -> str:
        """Type an order and charge it; returns its reference."""
        key = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        named = [{"title": title, "quantity": quantity, "price": price} for title, quantity, price in lines]
        return str(self._ask("order", key=key, lines=named)["reference"])

    def cancel(self, reference: str) -> None:
        self._ask("cancel", reference=reference)

    def check(self) -> None:
        self._ask("check")

    def _ask(self, what: str, **body: Any) -> Any:
        headers = {"Origin": self.url, "Content-Type": "application/json"}
        answer = self._device.post(f"{self.url}/api/{what}", json.dumps(body), headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()


ROOT = Path(__file__).parent.parent.parent


def code_on(slip: str) -> str:
    """The code that a slip shows. Raises `LookupError`."""
    lines = ("".join(letter for letter in line if letter not in " *") for line in slip.splitlines())
    code = next((line for line in lines if line.isdigit() and len(line) == CODE_DIGITS), None)
    if code is None:
        raise LookupError(f"no code on the slip:\n{slip}")
    return code
