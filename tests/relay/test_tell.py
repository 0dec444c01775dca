"""`till-relay tell`, as it ships: the shipped broker and its rights, the real daemon, and what support types."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.contract.mqtt import COMMANDS
from relay.config import Mosquitto as Files
from relay.enroll.accounts import open_accounts
from relay.fleet.facts import decode_status
from relay.fleet.rows import rows_of
from relay.tell.choice import Choice, Condition, chosen
from sim.shop import TILL, Shop
from tests.support.shipped_broker import Client, ShippedBroker

pytestmark = pytest.mark.slow


class Fleet:
    """The shipped broker, one shop whose till uses it, and the machine of the relay's operator."""

    def __init__(self, folder: Path) -> None:
        self.broker = ShippedBroker(folder / "shipped")
        with open_accounts(Files(self.broker.password_file, self.broker.acl_file)) as accounts:
            accounts.put(TILL, TILL, "700100200")
        (folder / "desk").mkdir()
        (folder / "till_password").write_text(TILL)
        (folder / "till_password").chmod(0o600)
        self.desk = folder / "desk"
        self.config = self.broker.relay_yaml(self.desk)
        door = {
            "port": self.broker.tills_port,
            "tls": {"ca_file": str(self.broker.ca_file)},
            "username": TILL,
            "password_file": str(folder / "till_password"),
        }
        self.shop = Shop(folder, {"broker": door}, without=("relay", "board"))

    def tell(self, *words: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
        """What the operator's command prints."""
        command = [sys.executable, "-m", "relay", "tell", *words, "--config", str(self.config)]
        command += ["--password-file", str(self.desk / password)] if password else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        return done

    def say_of(self, order: str, *words: str) -> str:
        """What a command says that is done; waiting while an earlier slip is still under way."""
        until = time.monotonic() + 30
        while (done := self.tell(TILL, order, *words)).returncode:
            assert time.monotonic() < until, done.stderr
            time.sleep(0.2)
        return done.stdout


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    with fleet.broker, fleet.shop as shop:
        shop.board.plug_in()
        witness = Client(fleet.broker.port, "auditor")
        witness.subscribe(f"tills/{TILL}/status")
        while json.loads(witness.next()[1]).get("state") != "ready":
            pass
        witness.close()
        yield fleet


def test_every_command_reaches_the_till_and_what_it_answers_is_printed(fleet: Fleet):
    shop = fleet.shop
    assert fleet.say_of("identify") == f"{TILL}: the lights wave for 15 seconds\n"
    assert fleet.say_of("test-ticket") == f"{TILL}: a test slip is printed\n"
    assert "No es un comprobante." in shop.printer.wait_for_tickets(1)[-1].text
    assert json.loads(fleet.say_of("report"))["versions"]["python"]
    assert fleet.say_of("end-of-day", "2026-03-02").startswith(f"{TILL}: the slip of 2026-03-02 is printed")
    shop.printer.wait_for_tickets(2)
    shop.sell("CAJA01-000417")  # no relay rings here: support has the till look
    assert fleet.say_of("check-now").startswith(f"{TILL}: looking at the till")
    shop.printer.wait_for_tickets(3)
    for about in ("000417", "--last"):
        assert fleet.say_of("reprint", about) == f"{TILL}: a marked copy is printed of CAJA01-000417\n"
    copies = shop.printer.wait_for_tickets(5)[-2:]
    assert ["COPIA" in copy.text for copy in copies] == [True, True]


def test_no_command_of_the_contract_is_missing():
    listed = subprocess.run([sys.executable, "-m", "relay", "tell", "-h"], capture_output=True, text=True, check=True)
    assert ", ".join(name.replace("_", "-") for name in COMMANDS) in " ".join(listed.stdout.split())


def test_what_is_refused_is_a_failure_with_its_reason(fleet: Fleet):
    done = fleet.tell(TILL, "reprint", "never-heard-of")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{TILL}: refused: this till knows no order 'never-heard-of'\n"
    answer = fleet.tell(TILL, "reprint", "never-heard-of", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout) == {
        "v": 1, "command": "reprint", "done": False, "text": "this till knows no order 'never-heard-of'",
    }  # fmt: skip


def test_a_till_that_does_not_answer_is_waited_for_so_long_and_no_longer(fleet: Fleet):
    unknown = fleet.tell("CAJA99", "identify", "--seconds", "1")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "CAJA99" in unknown.stderr
    fleet.shop.board.shut_down()
    off = fleet.tell(TILL, "test-ticket", "--seconds", "1")
    assert off.stderr == f"till-relay tell: within 1 s no answer from {TILL}: it is off, or there is no such till\n"
    assert off.returncode == 1
    before = len(fleet.shop.printer.tickets)
    time.sleep(2)  # a message expires by the broker's clock, which has whole seconds
    fleet.shop.board.plug_in()
    assert fleet.say_of("identify")
    assert len(fleet.shop.printer.tickets) == before, "what nobody waits for any more is not carried out"


@pytest.mark.parametrize(
    ("words", "password", "code", "said"),
    [
        ((), "no-such-file", 2, "no-such-file can't be read: "),
    ],
)
def test_who_may_not_is_told_so(fleet: Fleet, words, password, code, said):
    done = fleet.tell(TILL, "identify", *words, password=password)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_without_supports_certificate_no_command_goes_out(fleet: Fleet):
    """The relay's own may not send any."""
    config = fleet.config.read_text()
    [section] = [line for line in config.splitlines() if line.startswith("support:")]
    relays = section.replace("support.", "till-relay.")
    missing = section.replace("support.pem", "none.pem")
    elsewhere = "broker: {host: 127.0.0.1, tls: false, username: a, password_file: secret}"
    broker = next(line for line in config.splitlines() if line.startswith("broker:"))
    try:
        for shown, written, code, said in (
            (section, relays, 1, f"takes no command for {TILL} from us: "),
            (section, "", 2, "write the section support into the configuration"),
            (section, missing, 2, "support.cert_file and key_file can't be used ("),
            (broker, elsewhere, 2, "a certificate needs TLS"),
        ):
            fleet.config.write_text(config.replace(shown, written))
            done = fleet.tell(TILL, "identify")
            assert (done.returncode, done.stdout) == (code, ""), done.stderr
            assert said in done.stderr
    finally:
        fleet.config.write_text(config)


@pytest.mark.parametrize(
    "words",
    [
        ("cancel",), ("identify", "X"), ("identify", "--last"), ("reprint",), ("reprint", "X", "--last"),
        ("end-of-day", "yesterday"), ("identify", "--seconds", "0"), ("identify", "--seconds", "nan"),
    ],
)  # fmt: skip
def test_what_makes_no_command_is_not_sent(fleet: Fleet, words):
    done = fleet.tell(TILL, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_a_broker_that_is_not_there_is_named(fleet: Fleet):
    port = fleet.broker.relay_port
    fleet.broker.stop()
    try:
        done = fleet.tell(TILL, "identify")
    finally:
        fleet.broker.start()
    assert done.returncode == 1
    assert f"no connection to the broker at 127.0.0.1:{port}: " in done.stderr


# --- many tills -------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(fleet: Fleet) -> Iterator[Fleet]:
    """Beside the till that is there, one that is off, and one that was there once and has no session any more."""
    auditor = Client(fleet.broker.port, "auditor")
    others = {"CAJA98": {"v": 1, "state": "offline"}, "CAJA99": {"v": 1, "state": "attention", "problems": ["a", "b"]}}
    for till, status in others.items():
        auditor.say(f"tills/{till}/status", json.dumps(status).encode(), retain=True)
    fleet.say_of("identify")
    yield fleet
    for till in others:
        auditor.say(f"tills/{till}/status", b"", retain=True)
    auditor.close()


def test_all_tills_are_told_at_once_and_each_has_its_line(three: Fleet):
    done = three.tell("--all", "identify", "--seconds", "3")
    assert done.returncode == 1
    assert done.stdout == f"{TILL}: the lights wave for 15 seconds\n"
    assert done.stderr.splitlines() == [
        "CAJA98: it is off, and was not asked",
        "CAJA99: no till CAJA99 listens at this broker: is its name right, has it ever been on?",
        "1 of 3 tills did it",
    ]


def test_some_tills_are_told_by_what_their_status_says(three: Fleet):
    ready = three.tell("--where", "printer=ready", "--where", "ready_to_sell=true", "check-now")
    assert (ready.returncode, ready.stderr) == (0, "1 of 1 tills did it\n")
    assert ready.stdout.startswith(f"{TILL}: looking at the till")
    dark = three.tell("--where", "help=dark", "report", "--json")
    assert (dark.returncode, json.loads(dark.stdout)) == (
        1, {"CAJA98": {"done": False, "text": "it is off, and was not asked"}},
    )  # fmt: skip
    nobody = three.tell("--where", "state=identify-me", "identify")
    assert (nobody.returncode, "no till is like that" in nobody.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--where", "stat=ready", "identify"), "no till's status has 'stat'; there are "),
        (("--where", "ready", "identify"), "write a key of the status and its value, like state=attention"),
        (("--all", "--where", "state=ready", "identify"), "give one of the two"),
        (("--all", TILL, "identify"), f"{TILL} is a till, and --all or --where means many"),
        (("--all", "cancel"), "'cancel' is no command; there are identify, "),
        ((TILL, "chekc-now"), "'chekc-now' is no command; did you mean check-now?"),
        ((TILL, "reprint", "one", "two"), "write a till and a command"),
        (("CAJA 1", "identify"), "'CAJA 1' is no till id"),
        (("identify",), "write a till and a command"),
    ],
)
def test_what_means_no_tills_is_not_sent(three: Fleet, words, said):
    done = three.tell(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_of_a_list_each_part_counts_and_values_are_written_as_in_json():
    statuses = {
        "A": decode_status(b'{"v":1,"state":"attention","problems":["x: 1","y"],"ready_to_sell":false,"loaded":null}'),
        "B": decode_status(b'{"v":1,"state":"offline","owed_tickets":2}'),
    }
    rows = rows_of(statuses, {}, True)
    for key, value, meant in (
        ("problems", "y", Choice(("A",), ())), ("ready_to_sell", "false", Choice(("A",), ())),
        ("loaded", "null", Choice(("A",), ("B",))), ("owed_tickets", "2", Choice((), ("B",))),
        ("till", "B", Choice((), ("B",))), ("help", "attention", Choice(("A",), ())),
    ):  # fmt: skip
        assert chosen(rows, [Condition(key, value)]) == meant
    assert chosen(rows, []) == Choice(("A",), ("B",))
