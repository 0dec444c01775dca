"""The relay's configuration: a YAML file becomes frozen dataclasses, or a list of all that is wrong with it.

Every fault names file, line and key and says what to do. Files that the configuration names are read here, so that
a relay that starts has its secrets. What is secret shows in no `repr`.
"""

import ipaddress
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from relay.yamlfile import ConfigError, Faults, Section, Unfit, read_section

__all__ = ["Broker", "ClaimFiles", "Config", "ConfigError", "Fleet", "Listen", "Mosquitto", "Tills", "Tls", "load"]

SHORTEST_KEY = 32
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOST_NAME = re.compile(r"(?=.*[A-Za-z])(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
OPENING_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]) ?- ?([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
T = TypeVar("T")


@dataclass(frozen=True)
class Listen:
    """Where the relay waits for HTTP."""

    host: str
    port: int


@dataclass(frozen=True)
class Tls:
    """The files of an encrypted connection. Without `ca_file` the system's certificates are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Read the files. Raises `OSError`, of which `ssl.SSLError` is one."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


@dataclass(frozen=True)
class Broker:
    """How to reach the broker, and the first part of all topics."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    topic_root: str
    tls: Tls | None


@dataclass(frozen=True)
class Mosquitto:
    """The files of a mosquitto on this machine. Only `till-relay enroll` and `revoke` open them, so they are not
    looked at here: the relay itself may neither read nor write them."""

    password_file: Path
    acl_file: Path
    pid_file: Path = Path("/run/mosquitto/mosquitto.pid")


@dataclass(frozen=True)
class ClaimFiles:
    """Where claims and sealed bundles lie, and with what key bundles are signed. Only `till-relay enroll` and `claims`
    open the key: the relay itself may neither read nor write it."""

    folder: Path
    key_file: Path


@dataclass(frozen=True)
class Tills:
    """What the tills are told: where their broker is, and which certificates to trust instead of the system's."""

    host: str
    port: int = 8883
    ca_file: Path | None = None


@dataclass(frozen=True)
class Fleet:
    """When the shops are open, in their own time. Hours that end before they begin go over midnight."""

    timezone: ZoneInfo
    open_from: time | None = None
    open_until: time | None = None


@dataclass(frozen=True)
class Config:
    """All that the relay is told."""

    listen: Listen
    public_url: str
    key: bytes = field(repr=False)
    """What the secrets of all addresses are made from."""
    broker: Broker
    signature_key: bytes | None = field(default=None, repr=False)
    """What Mercado Pago signs some of its notifications with."""
    mosquitto: Mosquitto | None = None
    tills: Tills | None = None
    fleet: Fleet | None = None
    claims: ClaimFiles | None = None
    """None: no till can claim here."""


KEYS = {
    "listen",
    "public_url",
    "secret_file",
    "signature_secret_file",
    "broker",
    "mosquitto",
    "tills",
    "fleet",
    "claims",
}


def load(path: Path) -> Config:
    """Read a configuration file. Raises `ConfigError`, which names all faults at once."""
    faults = Faults(path)
    top = read_section(faults, KEYS)
    config = Config(
        listen=_listen(top.section("listen", {"host", "port"})),
        public_url=top.required("public_url", _public_url),
        key=top.required("secret_file", _in(path, _key)),
        broker=_broker(top.section("broker", {"host", "port", "username", "password_file", "topic_root", "tls"}), path),
        signature_key=top.optional("signature_secret_file", _in(path, _secret_bytes), None),
        mosquitto=_mosquitto(top, path) if top.has("mosquitto") else None,
        tills=_tills(top, path) if top.has("tills") else None,
        fleet=_fleet(top) if top.has("fleet") else None,
        claims=_claims(top, path) if top.has("claims") else None,
    )
    faults.raise_if_any()
    return config


def _listen(section: Section) -> Listen:
    return Listen(section.optional("host", str, "127.0.0.1"), section.optional("port", _port, 8080))


def _broker(section: Section, path: Path) -> Broker:
    tls = None if section.is_false("tls") else _tls(section, path)
    username = section.optional("username", str, "")
    if section.has("password_file") and not username:
        section.fault("password_file", "a password without a username; add broker.username")
    return Broker(
        host=section.required("host", str),
        port=section.optional("port", _port, 8883 if tls else 1883),
        username=username,
        password=section.optional("password_file", _in(path, _secret_text), ""),
        topic_root=section.optional("topic_root", _topic_root, "tills"),
        tls=tls,
    )


def _tls(broker: Section, path: Path) -> Tls:
    keys = ("ca_file", "cert_file", "key_file")
    section = broker.section("tls", set(keys))
    tls = Tls(*(section.optional(key, _in(path, _existing), None) for key in keys))
    if section.has("cert_file") != section.has("key_file"):
        broker.fault("tls", "cert_file and key_file go together; give both or neither")
    elif all(getattr(tls, key) for key in keys if section.has(key)):
        _try_out(tls, broker)
    return tls


def _try_out(tls: Tls, broker: Section) -> None:
    try:
        tls.context()
    except OSError as error:
        broker.fault("tls", f"these certificates can't be used ({error}); they must be PEM files that belong together")


def _mosquitto(top: Section, path: Path) -> Mosquitto:
    section = top.section("mosquitto", {"password_file", "acl_file", "pid_file"})
    return Mosquitto(
        password_file=section.required("password_file", _in(path, _any)),
        acl_file=section.required("acl_file", _in(path, _any)),
        pid_file=section.optional("pid_file", _in(path, _any), Mosquitto.pid_file),
    )


def _tills(top: Section, path: Path) -> Tills:
    section = top.section("tills", {"host", "port", "ca_file"})
    return Tills(
        host=section.required("host", _host),
        port=section.optional("port", _port, 8883),
        ca_file=section.optional("ca_file", _in(path, _any), None),
    )


def _claims(top: Section, path: Path) -> ClaimFiles:
    section = top.section("claims", {"folder", "key_file"})
    return ClaimFiles(
        folder=section.required("folder", _in(path, _any)),
        key_file=section.required("key_file", _in(path, _any)),
    )


def _fleet(top: Section) -> Fleet:
    section = top.section("fleet", {"open", "timezone"})
    hours = section.required("open", _opening_hours) if section.has("open") else None
    return Fleet(section.required("timezone", _timezone), *(hours or (None, None)))


# --- the values; each raises `Unfit` with what is wrong and what to write instead -------------------------------------


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise Unfit(f"{text!r} is no port; write a number from 1 to 65535")
    return int(text)


def _host(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not HOST_NAME.fullmatch(text):
            raise Unfit(f"{text!r} is no host; write a name or an IP address, without mqtt:// and :port") from None
    return text


def _opening_hours(text: str) -> tuple[time, time]:
    match = OPENING_HOURS.fullmatch(text)
    if match is None:
        raise Unfit(f"{text!r} are no opening hours; write them like 08:00-22:00")
    hour, minute, until_hour, until_minute = map(int, match.groups())
    hours = time(hour, minute), time(until_hour, until_minute)
    if hours[0] == hours[1]:
        raise Unfit(f"{text!r} begins when it ends; write 00:00-23:59 for shops that never close")
    return hours


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # no such zone; no such name; the name of a folder
        raise Unfit(f"no time zone is called {text!r}; write one like America/Argentina/Buenos_Aires") from None


def _topic_root(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", text, re.ASCII):
        raise Unfit(f"{text!r} can't begin a topic; write letters, digits, _ and -, as in: tills")
    return text


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Unfit(f"{text!r} is no address of a relay; write one like https://relay.example.net")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Unfit("Mercado Pago notifies by https only; write an address that begins with https://")
    return text.rstrip("/")


def _key(path: Path) -> bytes:
    text = _secret_text(path)
    if len(text) < SHORTEST_KEY:
        raise Unfit(f"{path} holds fewer than {SHORTEST_KEY} characters; make one with: openssl rand -hex 32 > {path}")
    return text.encode()


def _secret_bytes(path: Path) -> bytes:
    return _secret_text(path).encode()


def _secret_text(path: Path) -> str:
    text = _existing(path).read_text(encoding="utf-8", errors="replace").strip()
    if not text:
        raise Unfit(f"{path} is empty; write the secret into it, on one line")
    return text


def _existing(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unfit(f"{path} can't be read ({reason}); create it and let the relay's user read it") from None
    return path


def _any(path: Path) -> Path:
    return path


def _in(configuration: Path, read: Callable[[Path], T]) -> Callable[[str], T]:
    """Let paths be relative to the folder of the configuration file."""
    return lambda text: read(configuration.parent / text)
