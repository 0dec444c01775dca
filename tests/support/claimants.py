"""The parts of the stories of claiming: the relay and its administrator, and tills without a bundle."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from edge.cli.main import main as till_edge
from edge.config.schema import Config, load
from edge.contract.claims import parse_code
from edge.install.claim.claimed_bundle import BUNDLE_FILE
from edge.machine.facts import serial
from relay.__main__ import main
from relay.enroll.accounts import password_line
from sim.network import free_port
from sim.printer.paper import Ticket
from sim.printer.printer import Printer
from sim.printer.usb import Cable
from tests.support.relays import PATIENCE, ROOT, RelayProcess, wait_until
from tests.support.shipped_broker import SHIPPED, SHOP

SERIAL = f"--serial {serial()}"
"""All tills of a story run on this machine, and have its serial."""
TOKEN = "APP_USR-1234-abcd"
CODE = re.compile(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b")

LOSE_POWER_AT = """
import os, signal, sys
steps = 0
def count(event, arguments):
    global steps
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "http.client.send") or writes:
        where = str(arguments[0])
        if event == "http.client.send" or where.startswith({folder!r}):
            steps += 1
            if steps == {step}:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
"""
"""The power may fail before each change on the disk and each request over the network."""


class Desk:
    """The machine of the relay, where somebody enrolls tills. Mosquitto itself is elsewhere."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.folder = folder
        self.passwords = folder / "till-passwords"
        self.passwords.write_text(f"{password_line('till-relay', 'x')}\n")
        (folder / "till-acl").write_text((SHIPPED / "acl").read_text())
        (folder / "token").write_text(f"{TOKEN}\n")
        self.claims = folder / "claims"
        self._broker_port, self._port = broker_port, free_port()
        self._tills = "tills: {host: mqtt.example.net}\n"
        self.start()

    def start(self) -> None:
        """Start the relay, always on the same port."""
        more = (
            "mosquitto: {password_file: till-passwords, acl_file: till-acl, pid_file: mosquitto.pid}\n"
            "claims: {folder: claims, key_file: claim_key}\n"
        )
        self.relay = RelayProcess(self.folder, self._broker_port, port=self._port, more=more + self._tills)
        wait_until(self.relay.listens, "the relay listens")

    def restart(self) -> None:
        self.relay.kill()
        self.start()

    def configure(self, tills: str) -> None:
        """Change the broker for the next till's bundle; the running relay doesn't use it."""
        path = self.relay.config
        path.write_text(path.read_text().replace(self._tills, tills))
        self._tills = tills

    def type(self, line: str) -> int:
        return main([*shlex.split(line), "--config", str(self.relay.config)])

    def enroll(self, till: str, code: str, more: str = "") -> None:
        """No mosquitto runs here that could reload, hence the 1; what counts is that the till has its user."""
        line = f"enroll {till} --claim '{code}' {SERIAL} --token-file {self.folder / 'token'} {SHOP} {more}"
        assert self.type(line) == 1
        assert f"{till}:" in self.passwords.read_text()


class ClaimingTill:
    """`till-edge claim` as a process, with a printer on a cable. `url` is the relay's, as on its card."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.home, self.state = folder / "etc", folder / "state"
        folder.mkdir()
        self.home.mkdir()
        (self.home / "relay_url").write_text(f"{url}\n")
        self.printer = Printer().switch_on()
        self.cable = Cable(self.printer, folder / "lp0")
        self.process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        self.kill()
        self.cable.pull_out()
        self.printer.switch_off()

    def start(self, hurry: str = "", lose_power_at: int = 0, pins: str = "mock") -> Self:
        """Start it anew, with its patience in tenths of seconds."""
        self.kill()
        fault = LOSE_POWER_AT.format(folder=str(self.folder), step=lose_power_at) if lose_power_at else ""
        program = (
            "import sys, edge.install.claim.claimant as claimant\n"
            f"claimant.ATTENDED_INTERVAL_S = claimant.SLIP_RETRY_S = 0.2\nclaimant.UNATTENDED_INTERVAL_S = 0.3\n"
            f"{hurry}\n{fault}\n"
            "from sim.board import main\nsys.exit(main(sys.argv[1:]))"
        )
        self.pins = free_port()
        words = [str(self.pins), "claim", "--printer", self.cable.node, "--state", self.state]
        command = [sys.executable, "-c", program, *words, "--config", self.home / "config.yaml"]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=output, env={**os.environ, "GPIOZERO_PIN_FACTORY": pins}
            )
        return self

    def plug_in(self) -> Self:
        self.cable.plug_in()
        return self

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def board(self, word: str) -> dict[str, bool]:
        """`lights`, or `down` and `up` for the button."""
        with socket.create_connection(("127.0.0.1", self.pins), PATIENCE) as wire:
            wire.sendall(f"{word}\n".encode())
            return json.loads(wire.makefile("rb").readline() or b"{}")

    def wait_for_the_end(self) -> int:
        """Until it has ended by itself, and root has adopted what it left, as the units do."""
        assert self.process is not None
        return self.process.wait(PATIENCE) or self.adopt()

    def adopt(self) -> int:
        """What till-edge-adopt.service runs, and when."""
        if not self.bundle.exists():
            return 0
        command = ["adopt", str(self.folder / "card"), "--claimed", str(self.bundle)]
        return till_edge([*command, "--config", str(self.home / "config.yaml")])

    @property
    def bundle(self) -> Path:
        return self.state / BUNDLE_FILE

    @property
    def adopted(self) -> set[str]:
        """The names of the files that came with a bundle."""
        return {path.name for path in self.home.iterdir()} - {"relay_url"}

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def wait_until_it_says(self, what: str) -> None:
        wait_until(lambda: what in self.log, f"the till says {what!r}")

    def slip(self, number: int = 1) -> Ticket:
        return self.printer.wait_for_tickets(number)[number - 1]

    @property
    def codes(self) -> set[str]:
        """All codes that ever came out on paper, as a person would type them."""
        return {code for ticket in self.printer.tickets for code in CODE.findall(ticket.text)}

    @property
    def code(self) -> str:
        self.slip()
        (code,) = self.codes
        assert parse_code(code)
        return code

    def configuration(self) -> Config:
        """The daemon's configuration."""
        return load(self.home / "config.yaml", {"CREDENTIALS_DIRECTORY": str(self.home)})
