"""`till-relay fleet` as it ships: the real command as a process, a real broker, and tills that are real clients."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.mqtt import OFFLINE, ONLINE, RELAY_STATUS, encode
from relay.config import load
from relay.fleet import watcher
from sim.mosquitto import Mosquitto, find_mosquitto
from sim.network import free_port
from sim.shop import Shop
from tests.support.processes import with_default_signals

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
BUENOS_AIRES = ZoneInfo("America/Argentina/Buenos_Aires")
PATIENCE = 30.0


def message(state: str = "ready", **facts: object) -> bytes:
    return encode({"v": 1, "state": state, "printer": "ready", "relay": "online", "api": "ok", **facts})


def wait_until(condition: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with Mosquitto() as broker:
        yield broker


def configuration(folder: Path, port: int, broker: str = "tls: false", more: str = "") -> Path:
    path = folder / "relay.yaml"
    (folder / "secret").write_text("0123456789abcdef0123456789abcdef")
    path.write_text(
        "public_url: http://127.0.0.1:8080\nsecret_file: secret\n"
        f"broker: {{host: 127.0.0.1, port: {port}, {broker}}}\n{more}"
    )
    return path


def fleet(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "relay", "fleet", "--config", str(config), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


class Tills:
    """A client that says what tills say. With `will_of` it dies as that till."""

    here: ClassVar[list["Tills"]] = []

    def __init__(self, broker: Mosquitto, will_of: str = "", username: str = "") -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.max_queued_messages_set(0)
        if will_of:
            self._client.will_set(f"tills/{will_of}/status", OFFLINE, qos=1, retain=True)
        if username:
            self._client.username_pw_set(username, username)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self.here.append(self)

    def say(self, statuses: dict[str, bytes], root: str = "tills") -> "Tills":
        """Return when the broker has taken them."""
        for till, payload in statuses.items():
            last = self._client.publish(f"{root}/{till}/status", payload, qos=1, retain=True)
        last.wait_for_publish(PATIENCE)
        return self

    def leave_records(self, records: dict[str, bytes]) -> "Tills":
        """Say what a check found, as a till does."""
        for till, payload in records.items():
            last = self._client.publish(f"tills/{till}/commissioning", payload, qos=1, retain=True)
        last.wait_for_publish(PATIENCE)
        return self

    def say_in_passing(self, statuses: dict[str, bytes]) -> "Tills":
        """At a broker that keeps nothing for whoever asks for all tills, a listener has what it hears live."""
        for till, payload in statuses.items():
            self._client.publish(f"tills/{till}/status", payload, qos=1).wait_for_publish(PATIENCE)
        return self

    def say_of_relay(self, payload: bytes) -> "Tills":
        self._client.publish(RELAY_STATUS, payload, qos=1, retain=True).wait_for_publish(PATIENCE)
        return self

    def die(self) -> None:
        """End without a farewell, as a power cut does."""
        self._client.loop_stop()
        self._client.socket().shutdown(socket.SHUT_RDWR)
        self._client.socket().close()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(autouse=True)
def nobody_stays() -> Iterator[None]:
    """A client that stays would knock at the door of its broker for the rest of the day."""
    yield
    while Tills.here:
        Tills.here.pop().leave()


WELL = encode({"v": 1, "at": "2026-03-02T10:00:00+00:00", "well": True, "checks": [{"part": "token", "grade": "ok"}]})
FAILED = encode(
    {"v": 1, "at": "2026-03-02T10:00:00+00:00", "well": False, "checks": [{"part": "disk", "grade": "failed"}]}
)
SHOP = {
    "CAJA01": message(version="0.3.0", today={"printed": 41}),
    "CAJA02": OFFLINE,
    "CAJA03": message("printer", printer="no_paper"),
}


def test_json_says_all_that_is_retained(broker, tmp_path):
    Tills(broker).say(SHOP).say_of_relay(ONLINE)
    done = fleet(configuration(tmp_path, broker.port), "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["relay"] == "online"
    assert told["counts"] == {"tills": 3, "dark": 1, "need_a_look": 1, "closed": 0, "ready": 1}
    assert [(till["till"], till["help"]) for till in told["tills"]] == [
        ("CAJA02", "dark"),
        ("CAJA03", "printer"),
        ("CAJA01", "ready"),
    ]
    assert told["tills"][1]["wrong"] == ["no paper"]
    assert told["tills"][2]["status"] == json.loads(SHOP["CAJA01"])


def test_json_says_what_each_till_was_found_to_be(broker, tmp_path):
    Tills(broker).say(SHOP).leave_records({"CAJA01": FAILED, "CAJA03": WELL, "NEVER-RUN": WELL})
    told = json.loads(fleet(configuration(tmp_path, broker.port), "--json").stdout)
    assert told["checks"] == {"failed": 1, "unreadable": 0, "never": 1, "well": 1, "unknown": 0}
    assert [(till["till"], till["check"]) for till in told["tills"]] == [
        ("CAJA02", "never"),
        ("CAJA03", "well"),
        ("CAJA01", "failed"),
    ]
    assert [till["commissioning"] for till in told["tills"]] == [None, json.loads(WELL), json.loads(FAILED)]
    assert told["tills"][2]["wrong"] == []


def test_a_record_that_was_cleared_is_none(broker, tmp_path):
    Tills(broker).say(SHOP).leave_records({"CAJA01": FAILED, "CAJA03": WELL}).leave_records({"CAJA01": b""})
    told = json.loads(fleet(configuration(tmp_path, broker.port), "--json").stdout)
    assert {till["till"]: till["check"] for till in told["tills"]} == {
        "CAJA01": "never",
        "CAJA02": "never",
        "CAJA03": "well",
    }


def test_a_pipe_gets_the_table_once_and_each_till_whole_on_one_line(broker, tmp_path):
    words = "one thing and another " * 8
    Tills(broker).say({**SHOP, "CAJA04": message("attention", problems=[words])})
    done = fleet(configuration(tmp_path, broker.port))
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "4 tills: 1 dark, 2 need a look, 1 ready · check: none that we may read"
    assert [line.split()[0] for line in lines[-4:]] == ["CAJA02", "CAJA04", "CAJA03", "CAJA01"]
    assert words.strip() in lines[-3]


def test_more_tills_than_a_queue_of_the_broker_holds_are_all_told(tmp_path):
    with Mosquitto(durable=False) as broker:
        tills = [f"CAJA{number:04}" for number in range(2500)]
        record = encode({"v": 1, "well": True, "padding": "x" * 2000})
        Tills(broker).say(dict.fromkeys(tills, message(padding="x" * 700))).leave_records(dict.fromkeys(tills, record))
        done = fleet(configuration(tmp_path, broker.port), "--json")
    told = json.loads(done.stdout)
    assert (told["counts"]["ready"], told["checks"]["well"]) == (2500, 2500)


def test_a_broker_that_retains_nothing_is_no_failure(broker, tmp_path):
    config = configuration(tmp_path, broker.port)
    assert json.loads(fleet(config, "--json", "--seconds", "1").stdout)["tills"] == []
    assert "No till has published a status" in fleet(config, "--seconds", "1").stdout


def test_where_the_broker_keeps_nothing_for_us_what_is_heard_is_shown_and_the_rest_is_not_denied(broker, tmp_path):
    config = configuration(tmp_path, broker.port)
    command = [sys.executable, "-m", "relay", "fleet", "--config", str(config), "--json", "--seconds", "8"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        tills = Tills(broker)
        while process.poll() is None:
            tills.say_in_passing({"CAJA01": message()})
            time.sleep(0.2)
        said, complaint = process.communicate()
    document = json.loads(said)
    assert ([each["till"] for each in document["tills"]], document["complete"]) == (["CAJA01"], False)
    assert process.returncode == 1
    assert "gave no status that it keeps, so this may not be all: 1 heard in" in complaint
    assert "--seconds 300" in complaint


def test_silence_is_no_peace(broker, tmp_path):
    done = fleet(configuration(tmp_path, broker.port), "--seconds", "1")
    assert done.returncode == 1
    assert "no till was ever on, or it gives none for all tills at once" in done.stderr


def test_who_listened_for_a_ping_interval_has_heard_everybody(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(watcher, "REPEAT_EVERY_S", 5.0)
    listener = watcher.Watcher(load(configuration(tmp_path, broker.port)).broker, None)
    listener.start()
    try:
        listener.wait_for_all()
        Tills(broker).say_in_passing({"CAJA01": message()})
        assert listener.listen_instead(0.5)
        assert listener.listen_instead(5.0) == ""
        assert [row.till for row in listener.rows()] == ["CAJA01"]
    finally:
        listener.stop()


def test_a_status_that_was_cleared_is_gone(broker, tmp_path):
    Tills(broker).say(SHOP).say({"CAJA02": b""})
    told = json.loads(fleet(configuration(tmp_path, broker.port), "--json").stdout)
    assert [till["till"] for till in told["tills"]] == ["CAJA03", "CAJA01"]


def test_other_roots_have_other_tills(broker, tmp_path):
    Tills(broker).say(SHOP).say({"NORTE": message()}, root="chain/north")
    config = configuration(tmp_path, broker.port, "tls: false, topic_root: chain/north")
    assert [till["till"] for till in json.loads(fleet(config, "--json").stdout)["tills"]] == ["NORTE"]


def test_opening_hours_come_from_the_configuration_or_the_command_line(broker, tmp_path):
    Tills(broker).say(SHOP)
    now = datetime.now(BUENOS_AIRES)
    closed = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=4):%H:%M}"
    opened = f"{now - timedelta(hours=2):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    section = f"fleet: {{open: '{closed}', timezone: America/Argentina/Buenos_Aires}}\n"
    config = configuration(tmp_path, broker.port, more=section)
    assert json.loads(fleet(config, "--json").stdout)["counts"]["closed"] == 1
    assert json.loads(fleet(config, "--json", "--open", opened).stdout)["counts"]["dark"] == 1
    zone = "America/Argentina/Buenos_Aires"
    plain = configuration(tmp_path, broker.port)
    assert json.loads(fleet(plain, "--json", "--open", closed, "--timezone", zone).stdout)["counts"]["closed"] == 1


def test_a_broker_that_is_away_is_a_failure_in_one_sentence(tmp_path):
    port = free_port()
    done = fleet(configuration(tmp_path, port), "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"till-relay fleet: no connection to the broker at 127.0.0.1:{port}: Connection refused\n"


def test_one_who_is_not_let_in_is_told_so_and_support_comes_in_with_its_own_password(tmp_path):
    with guarded() as broker:
        Tills(broker, username="CAJA01").say({"CAJA01": message()})
        config = configuration(tmp_path, broker.port)
        refused = fleet(config)
        assert refused.returncode == 1
        assert "refused us, who gave no username: Not authorized" in refused.stderr
        (tmp_path / "password").write_text("support\n")
        told = fleet(config, "--json", "--username", "support", "--password-file", str(tmp_path / "password"))
        assert [till["till"] for till in json.loads(told.stdout)["tills"]] == ["CAJA01"]


def test_one_who_may_not_read_sees_no_tills(tmp_path):
    with guarded() as broker:
        Tills(broker, username="CAJA01").say({"CAJA01": message()})
        (tmp_path / "password").write_text("CAJA01")
        config = configuration(tmp_path, broker.port, "tls: false, username: CAJA01, password_file: password")
        assert "or we may not read it" in fleet(config).stdout


def test_one_who_may_not_read_checks_does_not_say_that_there_were_none(tmp_path):
    with guarded() as broker:
        Tills(broker, username="CAJA01").say({"CAJA01": message()}).leave_records({"CAJA01": WELL})
        (tmp_path / "password").write_text("support")
        config = configuration(tmp_path, broker.port, "tls: false, username: support, password_file: password")
        (till,) = json.loads(fleet(config, "--json").stdout)["tills"]
        assert (till["check"], till["commissioning"]) == ("unknown", None)


def test_on_a_terminal_a_refusal_stays_in_sight(tmp_path, terminal_of):
    with guarded() as broker:
        terminal_of(configuration(tmp_path, broker.port)).shows("refused us, who gave no username: Not authorized")


@contextlib.contextmanager
def guarded() -> Iterator[Mosquitto]:
    """A broker whose users have their names as passwords; `support` reads, `CAJA01` writes."""
    acl = "user support\ntopic read tills/+/status\nuser CAJA01\ntopic write tills/CAJA01/#\n"
    with contextlib.ExitStack() as stack:
        broker = Mosquitto(acl=acl, anonymous=False)
        stack.callback(broker.close)
        passwords = broker.folder / "passwords"
        passwords.write_text("support:support\nCAJA01:CAJA01\n")
        hasher = Path(find_mosquitto()).with_name("mosquitto_passwd")
        subprocess.run([hasher if hasher.exists() else "mosquitto_passwd", "-U", passwords], check=True)
        broker.settings = (f"password_file {passwords}",)
        yield broker.start()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--open", "noon"], "no opening hours; write them like 08:00-22:00"),
        (["--open", "08:00-25:00"], "no opening hours"),
        (["--timezone", "Mars"], "no time zone is called 'Mars'"),
        (["--username", "support", "--password-file", "/nowhere"], "/nowhere can't be read: No such file"),
        (["--password-file", "secret"], "--password-file is for --username"),
    ],
)
def test_mistakes_on_the_command_line_are_told(tmp_path, options, words):
    config = configuration(tmp_path, free_port())
    done = fleet(config, *(str(tmp_path / option) if option == "secret" else option for option in options))
    assert done.returncode == 2
    assert words in done.stderr


def test_a_real_till_is_understood(shop):
    assert seen(shop) == ("ready", [], "unknown")
    command = [sys.executable, "-m", "edge", "check", "--no-ticket", "--no-order", "--config", str(shop.config)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode == 0
    wait_until(lambda: seen(shop) == ("ready", [], "well"), lambda: str(seen(shop)))
    shop.printer.paper_out()
    wait_until(lambda: seen(shop) == ("printer", ["no paper"], "well"), lambda: str(seen(shop)))
    shop.board.pull_the_plug()
    wait_until(lambda: seen(shop)[0] == "dark", lambda: str(seen(shop)))


def seen(shop: Shop) -> tuple[str, list[str], str]:
    (till,) = json.loads(fleet(shop.relay.config, "--json").stdout)["tills"]
    return till["help"], till["wrong"], till["check"]


# --- on a terminal ----------------------------------------------------------------------------------------------------


class Terminal:
    """The command on a terminal of 120 by 30, and all that it wrote there."""

    def __init__(self, config: Path) -> None:
        self._controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        without_size = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "relay", "fleet", "--config", str(config)],
            cwd=ROOT,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**without_size, "TERM": "xterm-256color"},
            preexec_fn=with_default_signals,
        )
        os.close(terminal)
        os.set_blocking(self._controller, False)
        self.written = ""

    def shows(self, words: str) -> None:
        """Wait until `words` are on the screen."""
        wait_until(lambda: words in self.screen(), lambda: f"waited in vain for {words!r}: {self.written[-5000:]!r}")

    def screen(self) -> str:
        """What is on the screen that was drawn last."""
        with contextlib.suppress(BlockingIOError, OSError):  # nothing there; the other side has ended
            while part := os.read(self._controller, 65536):
                self.written += part.decode(errors="replace")
        screens = re.split(r"\x1b\[H", self.written)  # each is drawn from the top
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screens[-1])

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        wait_until(self._has_ended, lambda: f"it does not end: {self.written[-5000:]!r}")
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._controller)

    def _has_ended(self) -> bool:
        self.screen()  # who can't write can't end
        return self.process.poll() is not None


@pytest.fixture
def terminal_of() -> Iterator[Callable[[Path], Terminal]]:
    with contextlib.ExitStack() as stack:

        def open_terminal(config: Path) -> Terminal:
            terminal = Terminal(config)
            stack.callback(terminal.close)
            return terminal

        yield open_terminal


def test_the_table_lives(broker, tmp_path, terminal_of):
    till = Tills(broker, will_of="CAJA01").say(SHOP).say_of_relay(ONLINE)
    terminal = terminal_of(configuration(tmp_path, broker.port))
    terminal.shows("3 tills: 1 dark, 1 needs a look, 1 ready")
    terminal.shows("relay online")
    till.die()
    terminal.shows("3 tills: 2 dark, 1 needs a look")
    wait_until(lambda: re.search(r"CAJA01 +DARK +\d+s +0\.3\.0 ", terminal.screen()), terminal.screen)
    Tills(broker).say({"CAJA01": message(), "CAJA02": message()}).say_of_relay(OFFLINE)
    terminal.shows("3 tills: 1 needs a look, 2 ready")
    terminal.shows("relay offline")
    Tills(broker).leave_records({"CAJA03": WELL, "CAJA02": FAILED})
    terminal.shows("check: 1 failed, 1 never")
    assert re.search(r"its check failed \d+d( \d+h)? ago: disk", terminal.screen())
    Tills(broker).leave_records({"CAJA02": WELL, "CAJA01": WELL})
    wait_until(lambda: "check: " not in terminal.screen(), terminal.screen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_has_seen_enough_leaves_and_the_terminal_is_as_before(broker, tmp_path, terminal_of, number):
    Tills(broker).say(SHOP)
    terminal = terminal_of(configuration(tmp_path, broker.port))
    terminal.shows("3 tills")
    assert terminal.end(number) == 0
    assert "\x1b[?1049l" in terminal.written
    assert "Traceback" not in terminal.written


def test_a_broker_that_goes_away_is_told_above_the_last_table(broker, tmp_path, terminal_of):
    Tills(broker).say(SHOP)
    terminal = terminal_of(configuration(tmp_path, broker.port))
    terminal.shows("3 tills")
    broker.stop()
    terminal.shows("The table is")
    terminal.shows("CAJA03")
    broker.start()
    terminal.shows("relay reports nothing")
    terminal.shows("3 tills: 1 dark")


def test_a_broker_that_has_lost_everything_takes_no_till_out_of_the_table(broker, tmp_path, terminal_of):
    Tills(broker).say(SHOP)
    terminal = terminal_of(configuration(tmp_path, broker.port))
    terminal.shows("3 tills: 1 dark")
    broker.stop()
    terminal.shows("The table is")
    (broker.folder / "mosquitto.db").unlink()
    broker.start()
    terminal.shows("relay reports nothing")
    terminal.shows("3 tills: 1 dark")


LIVING = {f"CAJA0{number}": message(at="2026-03-02T12:00:00+00:00") for number in (1, 2, 3)}


@pytest.fixture
def listener(broker, tmp_path) -> Iterator[watcher.Watcher]:
    """One that listens for long, as `till-relay watch` does, and has heard of three tills and a dark one."""
    Tills(broker).say({**LIVING, "CAJA04": OFFLINE})
    listener = watcher.Watcher(load(configuration(tmp_path, broker.port)).broker, None)
    listener.start()
    listen_until(listener, lambda: listener.is_complete and len(listener.statuses) == 4)
    yield listener
    listener.stop()


def listen_until(listener: watcher.Watcher, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        listener.listen(0.1)


def test_of_a_broker_that_has_lost_everything_a_dark_till_isnt_known_to_be_well(broker, listener):
    """Nor is a till that was on before, and hasn't come back to the new broker."""
    broker.stop()
    listen_until(listener, lambda: bool(listener.trouble))
    (broker.folder / "mosquitto.db").unlink()
    broker.start()
    newer = message(at="2026-03-02T12:05:00+00:00")
    Tills(broker).say({"CAJA01": newer, "CAJA02": newer})
    listen_until(listener, lambda: listener.is_complete and listener.statuses["CAJA02"].at.minute == 5)
    listener.listen(1.0)
    assert listener.statuses["CAJA04"].is_gone
    assert not listener.statuses["CAJA03"].is_gone
    assert set(listener.heard) == {"CAJA01", "CAJA02", "CAJA03", "CAJA04"}


@pytest.mark.parametrize("connections", [1, 2])
def test_what_was_cleared_while_nobody_listened_leaves_the_table(broker, listener, connections):
    """The broker remembers the others, so it hasn't lost this one."""
    for _ in range(connections):
        listener.stop()
        listen_until(listener, lambda: bool(listener.trouble))
        Tills(broker).say({"CAJA03": b""})
        listener.start()
        listen_until(listener, lambda: not listener.trouble and listener.is_complete)
        listen_until(listener, lambda: "CAJA03" not in listener.statuses)
    assert set(listener.statuses) == {"CAJA01", "CAJA02", "CAJA04"}
    assert "CAJA03" in listener.heard, "it is known to be out of the fleet"


def test_a_terminal_may_come_before_the_broker(tmp_path, terminal_of):
    with Mosquitto() as broker:
        broker.stop()
        terminal = terminal_of(configuration(tmp_path, broker.port))
        terminal.shows("No connection to the broker")
        broker.start()
        Tills(broker).say(SHOP)
        terminal.shows("3 tills")
