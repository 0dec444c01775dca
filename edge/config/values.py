"""How the values of the till's configuration are read: each function returns the value, or says what to write instead.

`Pin`, `Port`, `Host` and so on are types with their form attached, for the fields of a configuration. No secret shows
in a `repr` or an error, not even if somebody writes the token where the name of its file belongs.
"""

import codecs
import ipaddress
import logging
import os
import re
import ssl
import stat
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from edge.config.reader import TOKEN_PATTERN, BadValueError, Form, Value, closest, shown
from edge.contract import mqtt as wire

log = logging.getLogger(__name__)

MAX_SECRET_BYTES = 4096
CREDENTIALS_FOLDER = Path("/run/credentials")
"""Where systemd puts credentials. Their access lists look like rights of the group, so the mode of a file means nothing
there."""

DEVICES_FOLDER = Path("/dev")

BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
YAML_TYPES = {"bool": "yes or no", "int": "a number", "float": "a number", "timestamp": "a date", "null": "nothing"}


class Secret:
    """A text that no `repr` and no format shows; `reveal` returns it."""

    __slots__ = ("_text",)

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


# --- text ------------------------------------------------------------------------------------------------------------


def text(value: Value) -> str:
    """A text that isn't empty."""
    if not any_text(value).strip():
        raise BadValueError("is empty; write something, or remove the key")
    return value.text


def any_text(value: Value) -> str:
    """A text, which may be empty."""
    value.single()
    if value.kind in YAML_TYPES:
        raise BadValueError(f"YAML takes {shown(value.text)} for {YAML_TYPES[value.kind]}; put it in quotes")
    if value.kind != "str":
        raise BadValueError("begins with an exclamation mark; put it in quotes")
    return value.text


def choice(*words: str) -> Callable[[Value], str]:
    def read(value: Value) -> str:
        if value.kind in YAML_TYPES:
            raise BadValueError(
                f"YAML takes {shown(value.text)} for {YAML_TYPES[value.kind]}; write one of {', '.join(words)}"
            )
        if text(value) in words:
            return value.text
        near = closest(value.text, words)
        question = f"; did you mean {near}?" if near else ""
        raise BadValueError(f"is {shown(value.text)}; write one of {', '.join(words)}{question}")

    return read


def matching(pattern: re.Pattern[str], what: str) -> Callable[[Value], str]:
    def read(value: Value) -> str:
        if not pattern.fullmatch(text(value)):
            raise BadValueError(f"is {shown(value.text)}; write {what}")
        return value.text

    return read


def user_id(value: Value) -> str:
    """The number of an account: digits only, with or without quotes."""
    if value.kind not in ("str", "int") or not re.fullmatch(r"[1-9][0-9]{0,19}", value.text, re.ASCII):
        raise BadValueError(
            f"is {shown(value.text)}; write the number of the account that receives the money, in digits"
        )
    return value.text


def timezone(value: Value) -> ZoneInfo:
    name = text(value)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone; no such name; the name of a folder
        near = closest(name, available_timezones())
        question = f"; did you mean {near}?" if near else ""
        raise BadValueError(
            f"no time zone is called {shown(name)}; write one like America/Montevideo{question}"
        ) from None


# --- numbers ---------------------------------------------------------------------------------------------------------


def whole(least: int, most: int) -> Callable[[Value], int]:
    def read(value: Value) -> int:
        _refuse_quotes(value)
        if value.kind != "int" or not re.fullmatch(r"-?(0|[1-9][0-9]*)", value.text, re.ASCII):
            raise BadValueError(f"is {shown(value.text)}; write a whole number from {least} to {most}")
        if len(value.text) > 10 or not least <= int(value.text) <= most:
            raise BadValueError(f"is {shown(value.text)}; it must be from {least} to {most}")
        return int(value.text)

    return read


def baudrate(value: Value) -> int:
    """A speed that serial lines have, in bits per second."""
    speed = whole(BAUD_RATES[0], BAUD_RATES[-1])(value)
    if speed not in BAUD_RATES:
        raise BadValueError(f"is {speed}; write one of {', '.join(map(str, BAUD_RATES))}")
    return speed


def number(least: float, most: float) -> Callable[[Value], float]:
    def read(value: Value) -> float:
        _refuse_quotes(value)
        if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", value.text, re.ASCII):
            raise BadValueError(f"is {shown(value.text)}; write a number from {least:g} to {most:g}")
        if not least <= float(value.text) <= most:
            raise BadValueError(f"is {shown(value.text)}; it must be from {least:g} to {most:g}")
        return float(value.text)

    return read


def yes_or_no(value: Value) -> bool:
    if value.kind != "bool":
        raise BadValueError(f"is {shown(value.text)}; write true or false, without quotes")
    return value.text.lower() in ("true", "yes", "on")


def _refuse_quotes(value: Value) -> None:
    if value.kind == "str" and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", value.text, re.ASCII):
        raise BadValueError(f"is the text {shown(value.text)}; write the number without quotes")


# --- addresses -------------------------------------------------------------------------------------------------------


def host(value: Value) -> str:
    """The name or IP address of a machine."""
    name = text(value)
    if is_address(name) or (HOST_NAME.fullmatch(name) and not re.fullmatch(r"[0-9.]+", name)):
        return name
    raise BadValueError(f"is {shown(name)}; write only a name or an IP address, without mqtt:// and without :port")


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether the host is this machine."""
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def is_far(name: str) -> bool:
    """Whether the host is certainly on the internet, and can't be in the shop's own network."""
    if is_address(name):
        return ipaddress.ip_address(name).is_global
    return "." in name and not name.lower().endswith((".local", ".lan", ".home", ".internal", ".home.arpa"))


def api_url(value: Value) -> str:
    """Where the access token is sent: https, or this machine."""
    url = _url(value)
    if url.query or url.fragment:
        raise BadValueError(f"is {shown(value.text)}; write it without ? and #, like https://api.mercadopago.com")
    return value.text.rstrip("/")


def notification_url(value: Value) -> str:
    """Where Mercado Pago sends its notifications; it accepts at most 500 characters."""
    if _url(value).fragment or len(value.text) > 500:
        raise BadValueError("must have no # and at most 500 letters; write the address that till-relay url prints")
    return value.text


def page(value: Value) -> str:
    """A web page, for people with a phone."""
    _url(value)
    return value.text


def _url(value: Value) -> SplitResult:
    refusal = BadValueError(f"is {shown(text(value))}; write an address that begins with https://")
    try:
        url = urlsplit(value.text)
        port = url.port
    except ValueError:
        raise refusal from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or not value.text.isascii():
        raise refusal
    if " " in value.text or url.username is not None:
        raise BadValueError("must hold no blank and no password; write an address that begins with https://")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise BadValueError(f"is {shown(value.text)}; write https:// for all but this machine")
    return url


# --- files -----------------------------------------------------------------------------------------------------------


def path(value: Value) -> Path:
    where = value.folder / text(value)
    if value.confined and (where.parent != value.folder or where.name == ".."):
        raise BadValueError("leads out of the bundle; one that was claimed can name only files that are in it")
    return where


def device(value: Value) -> Path:
    where = Path(text(value))
    if not where.is_absolute():
        raise BadValueError(f"is {shown(value.text)}; write the whole path, like /dev/serial0")
    if value.confined and (not where.is_relative_to(DEVICES_FOLDER) or ".." in where.parts):
        raise BadValueError("is no device; a bundle that was claimed can name only what is in /dev")
    return where


def file(value: Value) -> Path:
    """A file that can be read, which is tried here."""
    _content(path(value), 1, echo=True)
    return path(value)


def certificates(value: Value) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file(value))
    except ssl.SSLError:
        raise BadValueError(f"{path(value)} holds no certificates; they must be in PEM form") from None
    return path(value)


def secret_file(value: Value) -> Secret:
    """The secret in a file: its one line."""
    return read_secret(path(value), _is_path(value))


def token_file(value: Value) -> Secret:
    """The access token in a file."""
    return read_token(path(value), _is_path(value))


def _is_path(value: Value) -> bool:
    """Whether the text is a path. If it isn't, it may be the secret itself, and must not get into a log."""
    # `Path.is_dir` raises for a folder that we may not enter.
    return "/" in value.text and os.path.isdir(path(value).parent)


def read_token(where: Path, echo: bool = True) -> Secret:
    """Read an access token; refuse what people copy along with it. The path is named only if `echo`.

    Raises `BadValueError`.
    """
    token = read_secret(where, echo)
    for sign, name in ((" ", "a blank"), ('"', "quotes"), ("'", "quotes"), ("=", "=")):
        if sign in token.reveal():
            raise BadValueError(f"{_called(where, echo)} has {name} in it; leave only the token")
    return token


def read_secret(where: Path, echo: bool = True) -> Secret:
    """Read a secret from a file. The path is named only if `echo`. Raises `BadValueError`."""
    content = _content(where, MAX_SECRET_BYTES + 1, echo).removeprefix(codecs.BOM_UTF8)
    name = _called(where, echo)
    if b"\0" in content.strip(b"\0"):  # UTF-16, Notepad's "Unicode"
        raise BadValueError(f"{name} is no plain text; save it as UTF-8")
    lines = content.splitlines()
    if not content.strip():
        raise BadValueError(f"{name} is empty; write the secret into it, on one line")
    if len(lines) > 1 or len(content) > MAX_SECRET_BYTES:
        raise BadValueError(f"{name} has more than one line; leave only the secret in it")
    if not re.fullmatch(rb"[\x20-\x7e]+", lines[0]):
        raise BadValueError(f"{name} holds letters that no secret has; write it again, as plain ASCII text")
    if lines[0] != lines[0].strip():
        raise BadValueError(f"{name} has a blank before or after the secret; remove it")
    _warn_if_others_can_read(where)
    return Secret(lines[0].decode("ascii"))


def _content(where: Path, most: int, echo: bool) -> bytes:
    try:
        if not stat.S_ISREG(where.stat().st_mode):  # a pipe would block, and /dev/zero never ends
            raise BadValueError(f"{_called(where, echo)} is no plain file; write the path of one")
        with where.open("rb") as opened:
            return opened.read(most)
    except FileNotFoundError:
        raise BadValueError(f"{_called(where, echo)}: there is no such file; create it") from None
    except PermissionError:
        raise BadValueError(
            f"{_called(where, echo)}: no permission to read it; use sudo, or let the daemon's user read it"
        ) from None
    except OSError as error:
        raise BadValueError(
            f"{_called(where, echo)} can't be read: {error.strerror}; write the path of a file"
        ) from None


def _called(where: Path, echo: bool) -> str:
    if echo and not TOKEN_PATTERN.search(str(where)):
        return str(where)
    return "the file named here (not shown, it may be the secret itself)"


def _warn_if_others_can_read(where: Path) -> None:
    if where.stat().st_mode & 0o077 and not where.is_relative_to(CREDENTIALS_FOLDER):
        log.warning("%s can be read by others than its owner; chmod 600 %s", where, where)


# --- sound -----------------------------------------------------------------------------------------------------------

ALSA_NAME = re.compile(r"(?!file\b|tee\b)[A-Za-z0-9_-]+(:[A-Za-z0-9_=,.-]+)?", re.ASCII)
"""Not ALSA's own devices that write files."""
HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def hours(value: Value) -> tuple[time, time]:
    """From when to when, by the shop's clock."""
    found = HOURS.fullmatch(text(value))
    if not found or found.group(1, 2) == found.group(3, 4):
        raise BadValueError(f"is {shown(value.text)}; write two times of the day, like 22:00-07:00")
    begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups())
    return time(begin_hour, begin_minute), time(end_hour, end_minute)


def bell(value: Value) -> str | None:
    """Whether the printer's bell is used, and by which command."""
    if value.kind == "bool":
        return "ask" if yes_or_no(value) else None
    if value.text not in BELLS:
        raise BadValueError(f"is {shown(value.text)}; write true, false, or one of {', '.join(BELLS)}")
    return value.text


# --- the forms as annotations ----------------------------------------------------------------------------------------

EXTERNAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
BELLS = ("esc_a", "esc_b")
TOPIC = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", re.ASCII)

Text = Annotated[str, Form(text)]
AnyText = Annotated[str, Form(any_text)]
Texts = Annotated[tuple[str, ...], Form(any_text, is_list=True)]
TillId = Annotated[str, Form(matching(wire.TILL_ID, "1 to 64 of A-Z a-z 0-9 _ -"))]
ExternalId = Annotated[str, Form(matching(EXTERNAL_ID, "the external_id it has at Mercado Pago, of A-Z a-z 0-9 _ . -"))]
TopicRoot = Annotated[str, Form(matching(TOPIC, "words of A-Z a-z 0-9 _ - with / between them, like tills"))]
UserId = Annotated[str, Form(user_id)]
Timezone = Annotated[ZoneInfo, Form(timezone)]
YesOrNo = Annotated[bool, Form(yes_or_no)]
AlsaName = Annotated[str, Form(matching(ALSA_NAME, "the name that `aplay -L` shows, like default or plughw:1,0"))]
Hours = Annotated[tuple[time, time], Form(hours)]
Bell = Annotated[str | None, Form(bell)]
Pin = Annotated[int, Form(whole(2, 27))]
Baudrate = Annotated[int, Form(baudrate)]
Port = Annotated[int, Form(whole(1, 65535))]
Host = Annotated[str, Form(host)]
ApiUrl = Annotated[str, Form(api_url)]
PageUrl = Annotated[str, Form(page)]
NotificationUrl = Annotated[str, Form(notification_url)]
AnyPath = Annotated[Path, Form(path)]
Device = Annotated[Path, Form(device)]
File = Annotated[Path, Form(file)]
Certificates = Annotated[Path, Form(certificates)]
SecretFile = Annotated[Secret, Form(secret_file, suffix="_file")]
Seconds = Annotated[float, Form(number(0.01, 86400))]
Minutes = Annotated[float, Form(number(0.01, 1440))]
