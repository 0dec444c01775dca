"""The broker's machine, where `till-relay enroll` is typed. No broker runs there."""

import shlex
from pathlib import Path

import trustme

from relay.__main__ import main
from relay.enroll.accounts import password_line
from tests.support.shipped_broker import SHIPPED


class Office:
    """The broker's machine: a relay's configuration and mosquitto's files, and a person who types commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passwords, self.acl = folder / "till-passwords", folder / "till-acl"
        self.passwords.write_text(f"{password_line('till-relay', 'x')}\n{password_line('support', 'x')}\n")
        self.passwords.chmod(0o640)
        self.acl.write_text((SHIPPED / "acl").read_text())
        (folder / "secret").write_text("0123456789abcdef0123456789abcdef")
        trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
        self.config = folder / "relay.yaml"
        self.configure("tills: {host: mqtt.example.net, ca_file: ca.pem}\n")

    def configure(self, tills: str) -> None:
        self.config.write_text(
            "public_url: https://relay.example.net\nsecret_file: secret\n"
            "broker: {host: 127.0.0.1, tls: false}\n"
            f"mosquitto: {{password_file: till-passwords, acl_file: till-acl, pid_file: mosquitto.pid}}\n{tills}"
        )

    def type(self, line: str) -> int:
        return main([*shlex.split(line), "--config", str(self.config)])

    def enroll(self, till: str = "CAJA01", more: str = "", out: str = "bundle") -> Path:
        """Enroll a till and return its bundle. There is no mosquitto here to be told, hence the 1."""
        assert self.type(f"enroll {till} {more} --out {self.folder / out}") == 1
        return self.folder / out

    @property
    def users(self) -> list[str]:
        return [line.partition(":")[0] for line in self.passwords.read_text().splitlines()]

    @property
    def rights(self) -> str:
        """What stands in the ACL file besides what is shipped."""
        return self.acl.read_text().removeprefix((SHIPPED / "acl").read_text())
