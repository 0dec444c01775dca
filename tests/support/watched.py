"""The watch as a process, its receivers, and a broker on which a test says how the tills are."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from sim.mosquitto import Mosquitto
from sim.network import free_port
from tests.support.receivers import MailServer, Webhook
from tests.support.relays import KEY, PATIENCE, ROOT, Subscriber, wait_until

HEARD_TIMEOUT_S = 60.0
"""For a message on a busy machine: apprise is imported, the broker found, the mail taken."""
HURRY = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
import relay.fleet.watcher, relay.watch.alerts as alerts, relay.watch.command as command, relay.watch.post as post
alerts.Rules.patience = lambda self, cause: timedelta(seconds=1)
alerts.OVER_AFTER = timedelta(seconds=1)
command.TICK_S = 0.2
post.MIN_RETRY_S = 0.5
real = relay.fleet.watcher.Watcher.now
offset = Path({offset!r})
relay.fleet.watcher.Watcher.now = lambda self: real(self) + timedelta(hours=float(offset.read_text()))
from relay.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
READY = {
    "v": 1,
    "state": "ready",
    "ready_to_sell": True,
    "printer": "ready",
    "api": "ok",
    "problems": [],
    "version": metadata.version("till-edge"),
}
STATUSES: Mapping[str, tuple[dict[str, object], str, str]] = {
    "dark": ({"v": 1, "state": "offline"}, "CAJA01: no sign of life", "Check its plug and its network."),
    "printer": (
        READY | {"state": "printer", "printer": "no_paper"},
        "CAJA01: doesn't print", "It can't print: there is no paper.",
    ),
    "attention": (
        READY | {"state": "attention", "problems": ["double_payment: CAJA01-000417"]},
        "CAJA01: something must be checked", "double_payment: CAJA01-000417",
    ),
    "token_refused": (
        READY | {"api": "refused", "api_error": "401 unauthorized"},
        "CAJA01: Mercado Pago refuses the token", "401 unauthorized",
    ),
    "mercado_pago": (
        READY | {"state": "unreachable", "ready_to_sell": False, "api": "network", "api_error": "no route"},
        "CAJA01: can't ask Mercado Pago", "no payment can be confirmed: no route.",
    ),
    "card": (READY | {"journal_error": "disk I/O error"}, "CAJA01: the memory card fails", "disk I/O error"),
    "update": (
        READY | {"update_error": "0.2.0: till-edge 0.2.0 doesn't come up"},
        "CAJA01: an update failed", "0.2.0: till-edge 0.2.0 doesn't come up. It goes on selling.",
    ),
    "sound": (READY | {"sound_error": "aplay: no such device"}, "CAJA01: can't be heard", "aplay: no such device"),
    "version": (READY | {"version": "0.0.9"}, "CAJA01: old version", "0.0.9 < "),
}  # fmt: skip


class WatchProcess:
    """`till-relay watch` with a configuration of its own, and a clock that can be moved by hours."""

    def __init__(self, folder: Path, broker: Mosquitto, *addresses: str, more: str = "") -> None:
        self._folder = folder
        self.metrics_port = free_port()
        self.log_file, self.offset = folder / "watch.log", folder / "offset"
        (folder / "secret").write_text(KEY)
        (folder / "channels").write_text("".join(f"{address}\n" for address in addresses))
        self.memory = folder / "memory.json"
        self.config = folder / "relay.yaml"
        self.config.write_text(
            f"public_url: http://127.0.0.1\nsecret_file: secret\n"
            f"broker: {{host: 127.0.0.1, port: {broker.port}, tls: false}}\n"
            f"fleet: {{timezone: UTC, open: 09:00-21:00}}\n"
            f"watch:\n  channels_file: channels\n  memory_file: memory.json\n  language: en\n"
            f"  metrics_port: {self.metrics_port}\n  quiet: 22:00-08:00\n{more}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def at(self, hour: float, day: int = 0) -> None:
        """Set the clock that the watch reads."""
        now = datetime.now(UTC)
        wanted = now.replace(hour=int(hour), minute=int(hour % 1 * 60)) + timedelta(days=day)
        self.offset.write_text(str((wanted - now).total_seconds() / 3600))

    def start(self) -> None:
        command = [sys.executable, "-c", HURRY.format(offset=str(self.offset)), "watch", "--config", str(self.config)]
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_until_remembered(self) -> None:
        """Return when the memory knows that all is out that was owed."""
        wait_until(lambda: '"is_sending": true' not in self.memory.read_text(), "what was sent is remembered")

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Name and values of the labels, which are sorted by their names, -> value."""
        text = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=PATIENCE).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {(each.name, *(value for _, value in sorted(each.labels.items()))): each.value for each in samples}


class Fleet:
    """A broker on which the test says how the tills are, and the watch with its receivers."""

    def __init__(self, folder: Path, broker: Mosquitto, mail: MailServer, hook: Webhook, more: str = "") -> None:
        self.broker, self.mail, self.hook = broker, mail, hook
        self.watch = WatchProcess(folder, broker, mail.address, hook.address, more=more)
        self.watch.at(12)
        self._says = Subscriber(broker.port)

    def till(self, status: Mapping[str, object], till: str = "CAJA01") -> None:
        self._says.say(f"tills/{till}/status", json.dumps(status).encode(), retain=True)

    def relay(self, state: str) -> None:
        self._says.say("relay/status", json.dumps({"v": 1, "state": state}).encode(), retain=True)

    def both_hear(self, title: str, text: str = "") -> None:
        """The mail and the webhook have the same, and nothing else came before it."""
        for receiver in (self.mail.mails, self.hook.posts):
            heard = receiver.get(timeout=HEARD_TIMEOUT_S)
            assert heard[0] == f"till-edge: {title}"
            assert text in " ".join(heard[1].split())

    def hear_nothing(self, seconds: float = 4.0) -> None:
        with pytest.raises(queue.Empty):
            self.mail.mails.get(timeout=seconds)
        assert self.hook.posts.empty()

    def close(self) -> None:
        if self.watch.process:
            self.watch.process.kill()
            self.watch.process.wait()
        self._says.close()


def readable(watch: WatchProcess) -> dict[tuple[str, ...], float]:
    with contextlib.suppress(requests.ConnectionError):
        return watch.metrics()
    return {}
