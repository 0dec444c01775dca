"""A till's bundle: what its installer takes away. Its configuration, the password of its broker user, the certificates
to trust, and its notification address. Values that only the shop knows are lines to fill in.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from edge.machine.files import write_whole
from relay.addresses import address_of
from relay.config import Config, Tills

FAILED, BAD_CONFIGURATION = 1, 78
LANGUAGES = ("es", "pt", "en")
CONFIGURATION, PASSWORD, TOKEN = "config.yaml", "broker_password", "access_token"

CONFIG_TEMPLATE = """\
# The configuration of the till {till}. Put the access token of Mercado Pago into this folder, as access_token; then
# till-provision. By hand: all of it into /etc/till-edge. config.example.yaml explains every key.

till:
  id: {till}
  name: {name}
  timezone: {timezone}
  language: {language}
  # Whom to call: a line for the slips that report a failure.
  {support}

mercadopago:
  user_id: {user_id}
  external_store_id: {store}
  external_pos_id: {pos}
  access_token_file: access_token
  notification_url: {address}

broker:
  host: {host}
  port: {port}
  username: {till}
  password_file: broker_password
  topic_root: {topic_root}
{tls}
printer:
  # Or serial, network, file: see config.example.yaml.
  {printer}

# The shop's name and address, at the top of every ticket.
{header}
"""

FILL_IN_LINES = {
    "timezone": "FILL IN: the shop's time zone, as in America/Argentina/Buenos_Aires",
    "user_id": "FILL IN: the number of the account that receives the money",
    "store": "FILL IN: the external_id of the store",
    "pos": "FILL IN: the external_id of the point of sale",
}
"""Written for what the command line left out. A till with such a line doesn't start, and reports the line."""

PRINTER_KEYS = {
    "usb": (),
    "network": ("host", "port"),
    "serial": ("device", "baudrate"),
    "file": ("device",),
}
"""How a printer is connected -> the keys that the words after it are."""


class EnrollError(Exception):
    """The command can't be carried out; the text says what to do instead, and `code` is the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Wanted:
    """What is known of a till when it is enrolled, as the command line or a line of a table gives it. None: unknown."""

    till: str
    name: str | None = None
    language: str = LANGUAGES[0]
    timezone: str | None = None
    user_id: str | None = None
    store: str | None = None
    pos: str | None = None
    support: str | None = None
    header: tuple[str, ...] = ()
    printer: tuple[str, ...] = ("usb",)
    """The connection and the words after it, in the order of `PRINTER_KEYS`."""
    token_file: Path | None = None

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Wanted":
        """Make one of values by name; names that mean nothing here are left aside."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if values.get(field.name) is not None})  # type: ignore[arg-type]

    @property
    def unknown(self) -> list[str]:
        """The names of the values without which the till doesn't start."""
        return [name for name in FILL_IN_LINES if getattr(self, name) is None]


def make_bundle(config: Config, tills: Tills, wanted: Wanted) -> dict[str, str]:
    """Return the files of a new bundle, by name. Raises `EnrollError`."""
    address = address_of(wanted.till, config.public_url, config.secret)
    files = {
        CONFIGURATION: _configuration(config, tills, wanted, address),
        PASSWORD: secrets.token_urlsafe(32),
        "notification_address.txt": address + "\n",
    }
    if tills.ca_file:
        files["ca.pem"] = _certificates(tills.ca_file)
    if wanted.token_file:
        files[TOKEN] = _token(wanted.token_file)
    return files


def make_folder(folder: Path) -> None:
    """Make the folder of a new bundle. Raises `EnrollError`, also if something is in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise EnrollError(f"can't make the folder {folder}: {error.strerror}") from None
    if not is_empty:
        raise EnrollError(f"the folder {folder} isn't empty; name another one with --out")


def write_bundle(bundle: Mapping[str, str], folder: Path) -> None:
    """Write the files into the folder, which exists; nobody else can read them. Raises `EnrollError`."""
    try:
        folder.chmod(0o700)
        for name, text in bundle.items():
            write_whole(folder / name, text.encode(), 0o600)
    except OSError as error:
        raise EnrollError(f"can't write into {folder}: {error.strerror}; enroll the till --again") from None


def _configuration(config: Config, tills: Tills, wanted: Wanted, address: str) -> str:
    known = {
        "till": wanted.till,
        "name": wanted.name or wanted.till,
        "timezone": wanted.timezone,
        "language": wanted.language,
        "user_id": wanted.user_id,
        "store": wanted.store,
        "pos": wanted.pos,
        "address": address,
        "host": tills.host,
        "topic_root": config.broker.topic_root,
    }
    lines = {key: f" # {FILL_IN_LINES[key]}" if value is None else _quoted(value) for key, value in known.items()}
    return CONFIG_TEMPLATE.format(
        **lines,
        port=tills.port,
        tls="  tls: {ca_file: ca.pem}\n" if tills.ca_file else "",
        support=f"support: {_quoted(wanted.support)}" if wanted.support else '# support: "0800 555 0000"',
        printer="\n  ".join(_printer_lines(wanted.printer)),
        header=f"ticket:\n  header: {_quoted(wanted.header)}"
        if wanted.header
        else "# ticket: {header: [KIOSCO SUR, Av. Siempre Viva 742]}",
    )


def _printer_lines(words: tuple[str, ...]) -> list[str]:
    """The keys of the printer's section. Port and baud rate are numbers, which aren't quoted."""
    connection, *others = words
    values = zip(PRINTER_KEYS[connection], others, strict=False)
    return [
        f"connection: {connection}",
        *(f"{key}: {value if value.isdecimal() else _quoted(value)}" for key, value in values),
    ]


def _quoted(value: str | tuple[str, ...]) -> str:
    """Quote a text, or a list of them, for YAML, where `0123`, `yes` and `1e3` would not be texts."""
    return json.dumps(value, ensure_ascii=False)


def _certificates(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnrollError(f"tills.ca_file: {path} can't be read ({error})", BAD_CONFIGURATION) from None
    if "PRIVATE KEY" in text:
        raise EnrollError(f"tills.ca_file: {path} holds a private key; write the certificate's file", BAD_CONFIGURATION)
    return text


def _token(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EnrollError(f"--token-file: {path} can't be read ({error})") from None
    if not text.isascii() or not text.isprintable() or not text or " " in text:
        raise EnrollError(f"--token-file: {path} holds no access token; write it there, alone, on one line")
    return text + "\n"
