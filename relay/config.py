"""The relay's configuration: a YAML file becomes frozen dataclasses, or a list of everything that is wrong with it.

Every fault names file, line and key, and says what to do. The secrets that the configuration names are read here, so
that a relay that starts has them. No secret shows in a `repr`.
"""

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from datetime import date, time
from itertools import combinations
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from edge.config.reader import BadValueError, Form, Reader, Value, closest, shown
from edge.config.yaml_nodes import ConfigError, compose
from edge.contract.mqtt import NUMERIC_ID, REFERENCE, TILL_ID

__all__ = [
    "Broker",
    "ClaimFiles",
    "Config",
    "ConfigError",
    "Fleet",
    "Listen",
    "Mosquitto",
    "OpeningHours",
    "Rabbitmq",
    "Support",
    "TillPrefix",
    "Tills",
    "Tls",
    "TokenEnd",
    "Watch",
    "load",
]

EXAMPLE = "relay.example.yaml"
MIN_SECRET_CHARS = 32
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
LANGUAGES = ("es", "pt", "en")
MAX_MINUTES = 24 * 60
TILL_PREFIX = (NUMERIC_ID, TILL_ID, REFERENCE)
"""The forms of the three words of a `TillPrefix`."""
HOST_NAME = re.compile(r"(?=.*[A-Za-z])(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
OPENING_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]) ?- ?([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True)
class OpeningHours:
    """When shops open and close, by the clock on their wall. Hours that end before they begin go over midnight."""

    open_from: time
    open_until: time


@dataclass(frozen=True)
class TillPrefix:
    """What the references of a till's orders begin with, among those of its seller. A line of `reference_prefixes`."""

    user_id: str
    till: str
    prefix: str


@dataclass(frozen=True)
class TokenEnd:
    """The last day of the token of a till, or of an account. A line of `watch.token_ends`."""

    whose: str
    last_day: date


# --- the values; a number is taken as it is written, so that a username 0123 needs no quotes -------------------------


def _text(value: Value) -> str:
    if not value.single():
        raise BadValueError("is empty; write something, or remove the key")
    return value.text


def _port(value: Value) -> int:
    text = _text(value)
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise BadValueError(f"is {shown(text)}; write a whole number from 1 to 65535")
    return int(text)


def _host(value: Value) -> str:
    text = _text(value)
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not HOST_NAME.fullmatch(text):
            raise BadValueError(
                f"is {shown(text)}; write only a name or an IP address, without mqtt:// and without :port"
            ) from None
    return text


def _opening_hours(value: Value) -> OpeningHours:
    text = _text(value)
    match = OPENING_HOURS.fullmatch(text)
    if match is None:
        raise BadValueError(f"is {shown(text)}; write opening hours like 08:00-22:00")
    hour, minute, until_hour, until_minute = map(int, match.groups())
    hours = OpeningHours(time(hour, minute), time(until_hour, until_minute))
    if hours.open_from == hours.open_until:
        advice = "write 00:00-23:59 for shops that never close"
        raise BadValueError(f"is {shown(text)}, which ends when it begins; {advice}")
    return hours


def _timezone(value: Value) -> ZoneInfo:
    name = _text(value)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone; no such name; the name of a folder
        near = closest(name, available_timezones())
        question = f"; did you mean {near}?" if near else ""
        raise BadValueError(
            f"no time zone is called {shown(name)}; write one like America/Montevideo{question}"
        ) from None


def _topic_root(value: Value) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", text, re.ASCII):
        raise BadValueError(f"is {shown(text)}; write words of A-Z a-z 0-9 _ - with / between them, like tills")
    return text


def _public_url(value: Value) -> str:
    text = _text(value)
    refusal = BadValueError(f"is {shown(text)}; write the address of the relay, like https://relay.example.net")
    try:
        parts = urlsplit(text)
    except ValueError:  # half a bracket
        raise refusal from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise refusal
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        raise BadValueError("Mercado Pago notifies by https only; write an address that begins with https://")
    if parts.path.rstrip("/").endswith("/mp"):
        raise BadValueError("ends with /mp, which the relay itself puts behind it; leave that out")
    return text.rstrip("/")


def _management_url(value: Value) -> str:
    text = _text(value)
    parts = urlsplit(text) if "[" not in text else None  # half a bracket
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadValueError(
            f"is {shown(text)}; write the address of RabbitMQ's management, like http://127.0.0.1:15672"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        raise BadValueError("would send the password unencrypted; write https://, or ask a node on this machine")
    return text.rstrip("/")


def _path(value: Value) -> Path:
    return value.folder / _text(value)


def _readable_file(value: Value) -> Path:
    path = _path(value)
    try:
        path.open("rb").close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadValueError(f"{path} can't be read ({reason}); create it and let the relay's user read it") from None
    return path


def _password(value: Value) -> str:
    path = _readable_file(value)
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not text:
        raise BadValueError(f"{path} is empty; write the secret into it, on one line")
    return text


def _secret(value: Value) -> bytes:
    return _password(value).encode()


def _long_secret(value: Value) -> bytes:
    secret = _password(value)
    if len(secret) < MIN_SECRET_CHARS:
        path = _path(value)
        advice = f"make one with: openssl rand -hex 32 > {path}"
        raise BadValueError(f"{path} holds fewer than {MIN_SECRET_CHARS} characters; {advice}")
    return secret.encode()


def _till_prefix(value: Value) -> TillPrefix:
    text = _text(value)
    words = text.split()
    if len(words) != len(TILL_PREFIX) or not all(map(re.Pattern.fullmatch, TILL_PREFIX, words)):
        advice = "write the account, the till, and what its references begin with, like 700100200 CAJA01 CAJA01-"
        raise BadValueError(f"is {shown(text)}; {advice}")
    return TillPrefix(*words)


Text = Annotated[str, Form(_text)]
Port = Annotated[int, Form(_port)]
AnyPath = Annotated[Path, Form(_path)]
ReadableFile = Annotated[Path, Form(_readable_file)]


def _token_end(value: Value) -> TokenEnd:
    text = _text(value)
    whose, _, day = text.partition(" ")
    advice = "write the till or the account, and the token's last day, like 700100200 2027-05-28"
    if not TILL_ID.fullmatch(whose):
        raise BadValueError(f"is {shown(text)}; {advice}")
    try:
        return TokenEnd(whose, date.fromisoformat(day.strip()))
    except ValueError:
        raise BadValueError(f"is {shown(text)}; {advice}") from None


def _language(value: Value) -> str:
    text = _text(value)
    if text not in LANGUAGES:
        raise BadValueError(f"is {shown(text)}; write one of {', '.join(LANGUAGES)}")
    return text


def _minutes(value: Value) -> int:
    text = _text(value)
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= MAX_MINUTES:
        raise BadValueError(f"is {shown(text)}; write whole minutes from 1 to {MAX_MINUTES}")
    return int(text)


# --- the sections ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listen:
    """Where the relay waits for HTTP."""

    host: Text = "127.0.0.1"
    port: Port = 8080


@dataclass(frozen=True)
class Tls:
    """The files of an encrypted connection. Without `ca_file` the system's certificates are trusted."""

    ca_file: ReadableFile | None = None
    cert_file: ReadableFile | None = None
    key_file: ReadableFile | None = None

    def context(self) -> ssl.SSLContext:
        """Load the files. Raises `OSError`, of which `ssl.SSLError` is one."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


@dataclass(frozen=True)
class Broker:
    """How to reach the broker, and the first part of all topics."""

    host: Text
    port: Annotated[int, Form(_port, default_from=lambda broker: 8883 if broker["tls"] else 1883)]
    username: Text = ""
    password: Annotated[str, Form(_password, suffix="_file")] = field(default="", repr=False)
    topic_root: Annotated[str, Form(_topic_root)] = "tills"
    tls: Tls | None = field(default_factory=Tls)


@dataclass(frozen=True)
class Support:
    """The certificate that is the broker's user `support`. Only `till-relay tell`, which root types, opens it: the
    relay itself must not be able to send commands."""

    cert_file: AnyPath
    key_file: AnyPath


@dataclass(frozen=True)
class Mosquitto:
    """The files of a mosquitto on this machine. They are not opened here, because the relay itself may neither read
    nor write them; only `till-relay enroll` and `revoke` do."""

    password_file: AnyPath
    acl_file: AnyPath
    pid_file: AnyPath = Path("/run/mosquitto/mosquitto.pid")


@dataclass(frozen=True)
class Rabbitmq:
    """RabbitMQ's management API, at any node. The password is not read here, because the relay itself may not read it;
    only `till-relay enroll` and `revoke` do."""

    url: Annotated[str, Form(_management_url)]
    password_file: AnyPath
    username: Text = "till-enroll"
    ca_file: AnyPath | None = None

    def password(self) -> str:
        """Read it. Raises `OSError`."""
        return self.password_file.read_text(encoding="utf-8").strip()

    def context(self) -> ssl.SSLContext:
        """Load the certificates. Raises `OSError`, of which `ssl.SSLError` is one."""
        return ssl.create_default_context(cafile=self.ca_file)


@dataclass(frozen=True)
class Tills:
    """What each till's bundle says of the broker: its address, and certificates to trust instead of the system's."""

    host: Annotated[str, Form(_host)]
    port: Port = 8883
    ca_file: AnyPath | None = None


@dataclass(frozen=True)
class Fleet:
    """The time zone of the shops and, if they are known, their opening hours."""

    timezone: Annotated[ZoneInfo, Form(_timezone)]
    open: Annotated[OpeningHours | None, Form(_opening_hours)] = None


@dataclass(frozen=True)
class ClaimFiles:
    """The folder of claims and sealed bundles, and the key that signs bundles. Only `till-relay enroll` and `claims`
    open the key: the relay itself may neither read nor write it."""

    folder: AnyPath
    key_file: AnyPath


@dataclass(frozen=True)
class Watch:
    """What `till-relay watch` tells people, and when. Only that command opens the files."""

    channels_file: AnyPath | None = None
    """apprise's addresses, one a line: they contain passwords. None: nobody is told, and there are only metrics."""
    memory_file: AnyPath = Path("/var/lib/till-relay-watch/memory.json")
    language: Annotated[str, Form(_language)] = "es"
    quiet: Annotated[OpeningHours, Form(_opening_hours)] = OpeningHours(time(22), time(8))
    """What can wait waits until these hours end; the digest comes then."""
    dark_minutes: Annotated[int, Form(_minutes)] = 10
    no_paper_minutes: Annotated[int, Form(_minutes)] = 10
    attention_minutes: Annotated[int, Form(_minutes)] = 30
    token_ends: Annotated[tuple[TokenEnd, ...], Form(_token_end, is_list=True)] = ()
    metrics_port: Annotated[int | None, Form(_port)] = None
    """Where, on this machine, a Prometheus reads how the tills are; None: nowhere."""


@dataclass(frozen=True)
class Config:
    """The whole configuration. `load` makes it once, for each command."""

    listen: Listen
    public_url: Annotated[str, Form(_public_url)]
    secret: Annotated[bytes, Form(_long_secret, suffix="_file")] = field(repr=False)
    """The key from which the secrets of all addresses are computed."""
    broker: Broker
    signature_secret: Annotated[bytes | None, Form(_secret, suffix="_file")] = field(default=None, repr=False)
    """What Mercado Pago signs some of its notifications with."""
    reference_prefixes: Annotated[tuple[TillPrefix, ...], Form(_till_prefix, is_list=True)] = ()
    """Whose order a seller's notification is about; an order whose reference begins otherwise rings all his tills."""
    support: Support | None = None
    mosquitto: Mosquitto | None = None
    rabbitmq: Rabbitmq | None = None
    tills: Tills | None = None
    fleet: Fleet | None = None
    claims: ClaimFiles | None = None
    """None: no till can claim here."""
    watch: Watch | None = None


def load(path: Path) -> Config:
    """Read a configuration file. Raises `ConfigError` with all its mistakes."""
    reader = Reader(path)
    config = reader.read(Config, compose(path, EXAMPLE))
    _check_username(reader)
    _check_certificates(reader)
    _check_prefixes(reader)
    _check_watch(reader)
    reader.raise_if_faulty()
    return config


# --- rules between keys; a value that could not be read is not in `values` -------------------------------------------


def _check_username(reader: Reader) -> None:
    if "broker.password_file" in reader.written and "broker.username" not in reader.written:
        reader.fault("broker.password_file", "is a password without a username; add broker.username")


def _check_prefixes(reader: Reader) -> None:
    """No reference of a seller begins like those of two tills."""
    lines = [(place, line) for place, line in reader.values.items() if isinstance(line, TillPrefix)]
    for (_, first), (place, line) in combinations(lines, 2):
        shorter, longer = sorted((first.prefix, line.prefix), key=len)
        if first.user_id == line.user_id and longer.startswith(shorter):
            advice = f"so {longer}1 would be of {first.till} and of {line.till}; let each begin differently"
            reader.fault(place, f"{longer} begins with {shorter}, {advice}")


def _check_watch(reader: Reader) -> None:
    """The morning is somewhere."""
    if reader.values.get("watch") is not None and "fleet" not in reader.written:
        reader.fault("watch", "needs the shops' time zone for its quiet hours; add the section fleet with timezone")


def _check_certificates(reader: Reader) -> None:
    """A certificate and its key go together, and can be loaded."""
    pair = [key for key in ("broker.tls.cert_file", "broker.tls.key_file") if key in reader.written]
    if len(pair) == 1:
        reader.fault(pair[0], "cert_file and key_file go together; give both or neither")
    elif all(f"broker.tls.{name}" in reader.values for name in ("ca_file", "cert_file", "key_file")):
        try:
            reader.values["broker.tls"].context()
        except OSError as error:
            advice = "they must be PEM files that belong together"
            reader.fault("broker.tls", f"these certificates can't be used ({error}); {advice}")
