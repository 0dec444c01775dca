"""The daemon's configuration: each section is a dataclass, each key one line of it.

`load` reads the file and what it points to (token, passwords), so that a daemon that starts has all it needs.
What is secret shows in no `repr`, no log and no error. `config.example.yaml` explains every key.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from edge import wire
from edge.yamlfile import ConfigError, Faults, Unfit, key, read_file, read_mapping, scalar, section, special, texts

__all__ = ["Config", "ConfigError", "load"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CODE_PAGES = ("CP858", "CP850", "CP860")
PROOFS = ("auto", "process_id", "status", "none")
CONNECTIONS = ("usb", "serial", "network", "file")
LANGUAGES = ("es", "pt", "en")
DEFAULT_TOKEN = "/etc/till-edge/access_token"
CREDENTIAL = "access_token"
"""The name of the systemd credential that takes the place of `access_token_file`."""


class Secret:
    """A text that shows itself only when asked to."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


# --- how a text becomes a value; each raises `Unfit` with what to write instead -------------------------------------


def text(value: str) -> str:
    if not value.strip():
        raise Unfit("is empty; write something")
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise Unfit(f"is {_shown(value)}; write a whole number from {least} to {most}")
        return int(value)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = float(value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value, re.ASCII) else -1.0
        if not least <= number <= most:
            raise Unfit(f"is {_shown(value)}; write a number from {least:g} to {most:g}")
        return number

    return read


def one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise Unfit(f"is {_shown(value)}; write one of {', '.join(words)}")
        return value

    return read


def matching(pattern: str, what: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise Unfit(f"is {_shown(value)}; write {what}")
        return value

    return read


def yes_or_no(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Unfit(f"is {_shown(value)}; write true or false")
    return value.lower() == "true"


def timezone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unfit(f"is {_shown(value)}; write a time zone like America/Argentina/Buenos_Aires") from None


def api_address(value: str) -> str:
    url = _url(value)
    if url.scheme != "https" and url.hostname not in LOOPBACK:
        raise Unfit("must begin with https://, for the access token travels there")
    return value.rstrip("/")


def address(value: str) -> str:
    _url(value)
    return value


def _url(value: str) -> Any:
    try:
        url = urlsplit(value)
        _ = url.port  # raises for one that is no number
    except ValueError:
        url = urlsplit("")
    if url.scheme in ("http", "https") and url.hostname:
        return url
    raise Unfit(f"is {_shown(value)}; write an address like https://api.mercadopago.com")


def secret_file(value: str) -> Secret:
    """The one line that a file holds."""
    path = Path(value)
    try:
        lines = path.read_bytes().decode("ascii").splitlines()
    except OSError as error:
        raise Unfit(f"{value} can't be read: {error.strerror}; see that it exists and this user may read it") from None
    except UnicodeDecodeError:
        raise Unfit(
            f"{value} holds something else than plain letters; put the secret in it, and nothing more"
        ) from None
    if len(lines) != 1 or not lines[0].strip() or not lines[0].isprintable():
        raise Unfit(f"{value} has {len(lines)} lines; put the secret in one line, and nothing more")
    return Secret(lines[0].strip())


def token_file(value: str) -> Secret:
    """The access token; a systemd credential of that name comes first."""
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), CREDENTIAL)
    return secret_file(str(credential) if credential.is_file() else value)


def existing(value: str) -> Path:
    path = Path(value)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise Unfit(f"{value} can't be read; see that it exists and this user may read it")
    return path


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:37] + "...")


# --- the sections --------------------------------------------------------------------------------------------------

WORD = matching(wire.TILL_ID.pattern, "1 to 64 of A-Z a-z 0-9 _ -")
EXTERNAL_ID = matching(r"[A-Za-z0-9_-]{1,60}", "the id that was chosen when it was made, of A-Z a-z 0-9 _ -")
PIN = whole(2, 27)
PORT = whole(1, 65535)


@dataclass(frozen=True)
class TillConfig:
    id: str = key(WORD)
    timezone: ZoneInfo = key(timezone)
    name: str = key(text, "")
    language: str = key(one_of(*LANGUAGES), "es")


@dataclass(frozen=True)
class MercadoPagoConfig:
    user_id: str = key(matching(r"[0-9]{1,20}", "the number of the account that receives the money"))
    external_store_id: str = key(EXTERNAL_ID)
    external_pos_id: str = key(EXTERNAL_ID)
    access_token_file: Secret = key(token_file, written=DEFAULT_TOKEN)
    api_url: str = key(api_address, "https://api.mercadopago.com")
    timeout_seconds: float = key(seconds(1, 60), 10.0)
    notification_url: str | None = key(address, None)

    @property
    def access_token(self) -> Secret:
        """What the file holds."""
        return self.access_token_file


@dataclass(frozen=True)
class TlsConfig:
    """Without `ca_file` the system's certificates are trusted."""

    ca_file: Path | None = key(existing, None)
    cert_file: Path | None = key(existing, None)
    key_file: Path | None = key(existing, None)

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise Unfit("cert_file and key_file go together; give both or neither")


def tls(node: yaml.Node) -> TlsConfig | None:
    """`false`, or a section."""
    if isinstance(node, yaml.ScalarNode):
        if scalar(node).lower() != "false":
            raise Unfit(f"is {_shown(scalar(node))}; write the certificates' files, or false on this machine")
        return None
    faults = Faults(Path(), [])
    config = read_mapping(node, TlsConfig, "tls", faults)
    if faults.found:
        raise Unfit("; ".join(text for _, text in faults.found))
    return config


@dataclass(frozen=True)
class BrokerConfig:
    host: str = key(matching(r"[A-Za-z0-9_.:-]{1,253}", "a host name or an IP address"))
    port: int = key(PORT, 8883)
    username: str | None = key(text, None)
    password_file: Secret | None = key(secret_file, None)
    topic_root: str = key(WORD, "tills")
    tls: TlsConfig | None = special(tls, TlsConfig())

    def __post_init__(self) -> None:
        if self.tls is None and self.host not in LOOPBACK:
            raise Unfit(f"is false, and {self.host} is another machine; only this machine is reached without", at="tls")
        if self.password_file and not self.username:
            raise Unfit("a password without a username; add broker.username", at="password_file")

    @property
    def password(self) -> Secret | None:
        return self.password_file


@dataclass(frozen=True)
class PrinterConfig:
    connection: str = key(one_of(*CONNECTIONS))
    device: Path | None = key(Path, None)
    baudrate: int = key(whole(1200, 921600), 38400)
    host: str | None = key(matching(r"[A-Za-z0-9_.:-]{1,253}", "a host name or an IP address"), None)
    port: int = key(PORT, 9100)
    profile: str = key(text, "default")
    columns: int = key(whole(24, 64), 48)
    codepage: str = key(one_of(*CODE_PAGES), "CP858")
    proof: str = key(one_of(*PROOFS), "auto")
    open_drawer: bool = key(yes_or_no, False)

    def __post_init__(self) -> None:
        needed = {"serial": "device", "file": "device", "network": "host"}.get(self.connection)
        if needed and getattr(self, needed) is None:
            raise Unfit(f"is {self.connection}, which needs printer.{needed}; add it", at="connection")
        strange = {"usb": ("device", "host"), "network": ("device",), "serial": ("host",), "file": ("host",)}
        for name in strange.get(self.connection, ()):
            if getattr(self, name) is not None:
                raise Unfit(f"connection is {self.connection}, which has no {name}; remove it", at=name)


@dataclass(frozen=True)
class TicketConfig:
    header: tuple[str, ...] = special(texts, ())
    legend: str = key(str, "DOCUMENTO NO VÁLIDO COMO FACTURA")
    footer: tuple[str, ...] = special(texts, ())
    logo: Path | None = key(existing, None)
    qr: bool = key(yes_or_no, True)


@dataclass(frozen=True)
class LedsConfig:
    green: int = key(PIN, 17)
    yellow: int = key(PIN, 27)
    red: int = key(PIN, 22)


@dataclass(frozen=True)
class ButtonConfig:
    pin: int = key(PIN, 26)
    hold_seconds: float = key(seconds(0.5, 10), 2.0)


@dataclass(frozen=True)
class PanelConfig:
    leds: LedsConfig = section(LedsConfig)
    button: ButtonConfig = section(ButtonConfig)

    def __post_init__(self) -> None:
        users: dict[int, str] = {self.button.pin: "button.pin"}
        for each in fields(self.leds):
            pin = getattr(self.leds, each.name)
            if pin in users:
                raise Unfit(f"pin {pin} is used twice, here and by panel.{users[pin]}", at=f"leds.{each.name}")
            users[pin] = f"leds.{each.name}"


@dataclass(frozen=True)
class WatchConfig:
    first_check_seconds: float = key(seconds(1, 600), 30.0)
    check_every_seconds: float = key(seconds(1, 600), 5.0)
    idle_every_seconds: float = key(seconds(5, 3600), 60.0)
    outage_every_seconds: float = key(seconds(2, 600), 10.0)
    grace_minutes: float = key(seconds(1, 1440), 15.0)


@dataclass(frozen=True)
class JournalConfig:
    path: Path = key(Path, Path("/var/lib/till-edge/journal.db"))
    keep_days: int = key(whole(14, 3650), 30)


@dataclass(frozen=True)
class Config:
    till: TillConfig = section(TillConfig, required=True)
    mercadopago: MercadoPagoConfig = section(MercadoPagoConfig, required=True)
    broker: BrokerConfig = section(BrokerConfig, required=True)
    printer: PrinterConfig = section(PrinterConfig, required=True)
    ticket: TicketConfig = section(TicketConfig)
    panel: PanelConfig = section(PanelConfig)
    watch: WatchConfig = section(WatchConfig)
    journal: JournalConfig = section(JournalConfig)


def load(path: Path) -> Config:
    """Read the configuration. Raises `ConfigError` with all the mistakes of the file."""
    config = read_file(path, Config)
    return replace(config, till=replace(config.till, name=config.till.name or config.till.id))
