"""The till's page as a process of its own, as it ships, and devices that use it over HTTP."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from sim.network import free_port
from sim.shop import Shop, wait_for

KEY = "20260302-214500-00abcd"
LINES = [{"title": "Yerba 1 kg", "quantity": "2", "price": "2675.25"}]


class PageProcess:
    """`till-edge-page` beside the shop's daemon."""

    def __init__(self, config: Path, port: int, certificate: Path | None = None) -> None:
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        self.trusted = str(certificate) if certificate else True
        self._config = config
        self.log = config.with_name("page.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "PageProcess":
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "edge.page", "--config", str(self._config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self._answers, f"the page answers; {self.log.read_text()}")
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.url, timeout=5, verify=self.trusted).ok
        return False

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)


class Device:
    """A browser's side of HTTP: it keeps cookies, and says where its requests come from."""

    def __init__(self, page: PageProcess, origin: str | None = None) -> None:
        self._url = page.url
        self.origin = page.url if origin is None else origin
        self.http = requests.Session()
        self.http.trust_env, self.http.verify = False, page.trusted
        self.http.headers["User-Agent"] = "Mozilla/5.0 (Linux; Android 15) Chrome/140.0"

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.http.get(f"{self._url}{path}", timeout=20, **more)

    def post(self, path: str, body: Any = None, **headers: str | None) -> requests.Response:
        """A POST as the page sends it; a header of None is left out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Origin": self.origin or None, "Sec-Fetch-Site": "same-origin", **named}
        return self.http.post(f"{self._url}{path}", json={} if body is None else body, headers=sent, timeout=20)

    def pair(self, shop: Shop) -> "Device":
        """Ask, press the button, read the code from the paper, and enter it."""
        before = len(shop.printer.tickets)
        assert self.post("/api/pair/ask").ok
        wait_for(lambda: self.get("/api/pair/asking").json()["stage"] == "asked", "the till knows that a device asks")
        shop.board.press()
        shop.printer.wait_for_tickets(before + 1)
        assert self.post("/api/pair/enter", {"code": code_on(shop)}).ok
        return self

    def order(self, key: str = KEY, lines: Any = None) -> requests.Response:
        return self.post("/api/order", {"key": key, "lines": lines or LINES})

    def live(self) -> Iterator[dict[str, Any]]:
        """What the page is shown, from now on."""
        with self.http.get(f"{self._url}/api/live", stream=True, timeout=20) as stream:
            for line in stream.iter_lines():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    def wait_until(self, holds: Any, what: str) -> dict[str, Any]:
        """The first view of which that holds."""
        shown = None
        with contextlib.suppress(requests.RequestException):
            for shown in self.live():
                if holds(shown):
                    return shown
        raise AssertionError(f"{what}; last shown: {shown}")


def code_on(shop: Shop) -> str:
    """The code on the slip that came out last."""
    text = shop.printer.tickets[-1].text
    digits = [line.replace(" ", "").strip("*") for line in text.splitlines()]
    return next(line for line in digits if line.isdigit() and len(line) == 6)


def page_of(shop_settings: dict[str, Any] | None = None) -> tuple[dict[str, Any], int]:
    """Settings of a shop with a page, and the page's port."""
    port = free_port()
    return {**(shop_settings or {}), "page": {"host": "127.0.0.1", "port": port}}, port


def memory_mb(process: int) -> float:
    """Resident memory, what is shared with others included."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
