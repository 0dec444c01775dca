"""`till-relay enroll` and `till-relay revoke`: a till's credentials are made and ended here, on the broker's machine.

Enrolling makes a folder for the installer: the till's configuration, the password of its broker user, the certificates
to trust, and its notification address. Only the password's hash is kept here. Values that only the shop knows are
lines to fill in.
"""

import argparse
import json
import re
import secrets
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.contract.mqtt import NUMERIC_ID, Topics
from edge.machine.files import write_whole
from relay.addresses import address_of
from relay.claims import ClaimError, StoredClaim
from relay.config import Config, Mosquitto, Tills
from relay.enroll import sealing
from relay.enroll.accounts import AccountError, open_accounts, reload_mosquitto
from relay.enroll.session import end_session

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78
LANGUAGES = ("es", "pt", "en")
EXTERNAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)

CONFIG_TEMPLATE = """\
# The configuration of the till {till}. Put the access token of Mercado Pago into this folder, as access_token; then
# till-provision. By hand: all of it into /etc/till-edge. config.example.yaml explains every key.

till:
  id: {till}
  name: {name}
  timezone: {timezone}
  language: {language}
  # Whom to call: a line for the slips that report a failure.
  # support: "0800 555 0000"

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
  connection: usb

# The shop's name and address, at the top of every ticket.
# ticket: {{header: [KIOSCO SUR, Av. Siempre Viva 742]}}
"""

FILL_IN_LINES = {
    "timezone": "FILL IN: the shop's time zone, as in America/Argentina/Buenos_Aires",
    "user_id": "FILL IN: the number of the account that receives the money",
    "store": "FILL IN: the external_id of the store",
    "pos": "FILL IN: the external_id of the point of sale",
}
"""Written for what the command line left out. A till with such a line doesn't start, and reports the line."""


class EnrollError(Exception):
    """The command can't be carried out; the text says what to do instead, and `code` is the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `till-relay enroll TILL`."""
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the bundle goes; default: the till's id")
    parser.add_argument(
        "--claim", type=sealing.code_argument, metavar="CODE", help="send the bundle to the till with this code"
    )
    parser.add_argument(
        "--serial",
        type=sealing.serial_argument,
        metavar="N.º",
        help="the number on that till's slip, or its end; default: you are asked whether the claim's is on it",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="holds the access token, which goes into the bundle"
    )
    parser.add_argument("--again", action="store_true", help="make new credentials, and end the present ones")
    parser.add_argument("--name", type=_line, help="the till's name for people, as printed on tickets")
    parser.add_argument("--language", choices=LANGUAGES, default="es", help="of the tickets; default: %(default)s")
    parser.add_argument("--timezone", type=_timezone, help="of the shop; default: fleet.timezone")
    parser.add_argument("--user-id", type=user_id, help="the account that receives the money")
    parser.add_argument("--store", type=_external_id, help="the external_id of the store")
    parser.add_argument("--pos", type=_external_id, help="the external_id of the point of sale")


def enroll(config: Config, options: argparse.Namespace) -> int:
    """Register a till and write its bundle. The exit code is 0 only if mosquitto was reloaded too."""
    try:
        files, tills = _sections(config)
        bundle = _bundle(config, tills, options)
        recipient = _recipient(config, options, bundle)
        folder = options.out or (None if recipient else Path(options.till))
        _register(files, options, bundle["broker_password"], folder)
        if folder:
            _write(bundle, folder)
        if recipient:
            recipient.send(bundle)
        print(_report(options, folder, recipient, bundle))
        reload_mosquitto(files)
    except (EnrollError, AccountError, ClaimError) as error:
        return _report_error(error)
    print(f"Mosquitto was reloaded: {options.till} can connect now.")
    return DONE


def _register(files: Mosquitto, options: argparse.Namespace, password: str, folder: Path | None) -> None:
    """Add the till's user; make the bundle's folder first, so that no user is added if that fails."""
    with open_accounts(files) as accounts:
        if accounts.is_reserved(options.till):
            raise EnrollError(f"{options.till} is a user with other rights; give the till another id")
        if options.till in accounts and not options.again:
            raise EnrollError(
                f"{options.till} is enrolled already; --again makes new credentials and ends the old ones"
            )
        if folder:
            _make(folder)
        accounts.put(options.till, password, options.user_id)


def revoke(config: Config, options: argparse.Namespace) -> int:
    """Remove a till's user, rights and session. The exit code is 0 only if mosquitto was reloaded too."""
    till = options.till
    try:
        files = _mosquitto(config)
        with open_accounts(files) as accounts:
            if accounts.is_reserved(till) or till not in accounts:
                raise EnrollError(f"{till} is not enrolled; is the id spelled the same way? Capitals matter")
            accounts.remove(till)
        topics = Topics(config.broker.topic_root, till)
        print(REVOKED_TEXT.format(till=till, topics=topics, support=_as_support(config)))
        reload_mosquitto(files)
    except (EnrollError, AccountError) as error:
        return _report_error(error)
    print(f"Mosquitto was reloaded: it ends the connection of {till} now.")
    if trouble := end_session(config.broker, till):
        print(f"What waits for {till} at the broker stays there for up to two weeks: {trouble}", file=sys.stderr)
    return DONE


REVOKED_TEXT = """\
The user {till} and its rights are removed. What is left to do:
- If the till was lost or stolen, revoke the access token that is on it, in Mercado Pago's panel. It is worth more than
  this password.
- Its notification address stays valid, because addresses are computed and not listed: whoever has it can send
  doorbells that no till receives. Only a new secret_file ends it, and that ends all other addresses as well.
- Its last status stays at the broker and in the fleet's table, and so does the result of its last check. To clear
  them, as the user support:
  mosquitto_pub {support} -t {topics.status} -r -n
  mosquitto_pub {support} -t {topics.commissioning} -r -n
"""


def _as_support(config: Config) -> str:
    """The options of mosquitto_pub, for a person to type."""
    tls, support = config.broker.tls, config.support
    if tls is None or support is None:
        return "-u support -P …"
    door = f"-h {config.broker.host} -p {config.broker.port}"
    trusted = f" --cafile {tls.ca_file}" if tls.ca_file else ""
    return f"{door}{trusted} --cert {support.cert_file} --key {support.key_file}"


# --- the bundle -------------------------------------------------------------------------------------------------------


def _bundle(config: Config, tills: Tills, options: argparse.Namespace) -> dict[str, str]:
    """Return the files, by name."""
    address = address_of(options.till, config.public_url, config.secret)
    files = {
        "config.yaml": _configuration(config, tills, options, address),
        "broker_password": secrets.token_urlsafe(32),
        "notification_address.txt": address + "\n",
    }
    if tills.ca_file:
        files["ca.pem"] = _certificates(tills.ca_file)
    if options.token_file:
        files["access_token"] = _token(options.token_file)
    return files


def _configuration(config: Config, tills: Tills, options: argparse.Namespace, address: str) -> str:
    known = {
        "till": options.till,
        "name": options.name or options.till,
        "timezone": options.timezone or (config.fleet.timezone if config.fleet else None),
        "language": options.language,
        "user_id": options.user_id,
        "store": options.store,
        "pos": options.pos,
        "address": address,
        "host": tills.host,
        "topic_root": config.broker.topic_root,
    }
    lines = {key: f" # {FILL_IN_LINES[key]}" if value is None else _quoted(str(value)) for key, value in known.items()}
    return CONFIG_TEMPLATE.format(**lines, port=tills.port, tls="  tls: {ca_file: ca.pem}\n" if tills.ca_file else "")


def _quoted(text: str) -> str:
    """Quote a text for YAML, where `0123`, `yes` and `1e3` would not be texts."""
    return json.dumps(text, ensure_ascii=False)


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise EnrollError(f"can't make the folder {folder}: {error.strerror}") from None
    if not is_empty:
        raise EnrollError(f"the folder {folder} isn't empty; name another one with --out")


def _write(bundle: dict[str, str], folder: Path) -> None:
    try:
        folder.chmod(0o700)
        for name, text in bundle.items():
            write_whole(folder / name, text.encode(), 0o600)
    except OSError as error:
        raise EnrollError(f"can't write into {folder}: {error.strerror}; enroll the till --again") from None


def _report(
    options: argparse.Namespace, folder: Path | None, recipient: sealing.Recipient | None, bundle: dict[str, str]
) -> str:
    lines = [f"{options.till} is enrolled."]
    if folder:
        lines += [f"For the installer, secrets included: {folder}/", *map("  {}".format, bundle)]
    if recipient:
        serial = recipient.stored.claim.serial
        lines += [f"The till with serial {serial} fetches its bundle within a minute, if it is on."]
    if blanks := _blanks(bundle):
        lines += [f"To fill in, in {folder}/config.yaml: {'; '.join(blanks)}."]
    if options.user_id is None:
        lines += ["Without --user-id it does not receive notifications for the whole seller (till-relay url --seller)."]
    return "\n".join(lines)


def _blanks(bundle: dict[str, str]) -> list[str]:
    return [text.partition(": ")[2] for text in FILL_IN_LINES.values() if text in bundle["config.yaml"]]


def _recipient(config: Config, options: argparse.Namespace, bundle: dict[str, str]) -> sealing.Recipient | None:
    """Return the till that `--claim` means. Nobody fills anything in there, so its bundle must be complete."""
    if options.claim is None:
        return None
    missing = [*_blanks(bundle), *([] if options.token_file else ["its access token, by --token-file"])]
    if missing:
        raise EnrollError(f"a till that fetches its bundle needs a complete one; add {'; '.join(missing)}")
    recipient = sealing.find_recipient(config, options.claim, options.serial)
    if options.serial is None:
        _ask_for_serial(recipient.stored)
    if recipient.stored.enrolled and not options.again:
        raise EnrollError("a bundle waits for this till already; --again replaces it")
    return recipient


def _ask_for_serial(stored: StoredClaim) -> None:
    """Let a person compare the serial with the slip, before anything is made or sent."""
    if not sys.stdin.isatty():
        raise EnrollError("add --serial and the N.º on the slip; nobody can be asked here, for this is no terminal")
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(stored.since))
    print(f"The till with serial {stored.claim.serial} claims this code, from {stored.address}, since {since}.")
    if input("Is this serial on the slip? [y/N] ").strip().lower() not in ("y", "yes"):
        raise EnrollError("nothing was sent; `till-relay claims` lists the tills that wait")


# --- sections, errors and values of the command line -----------------------------------------------------------------


def _mosquitto(config: Config) -> Mosquitto:
    if config.mosquitto is None:
        raise EnrollError("the configuration has no section mosquitto; relay.example.yaml has one", BAD_CONFIGURATION)
    return config.mosquitto


def _sections(config: Config) -> tuple[Mosquitto, Tills]:
    if config.tills is None:
        raise EnrollError("the configuration has no section tills; relay.example.yaml has one", BAD_CONFIGURATION)
    return _mosquitto(config), config.tills


def _report_error(error: EnrollError | AccountError | ClaimError) -> int:
    print(error, file=sys.stderr)
    return error.code if isinstance(error, EnrollError) else FAILED


def user_id(text: str) -> str:
    """Read the number of an account from the command line, for argparse."""
    if not NUMERIC_ID.fullmatch(text) or text.startswith("0"):
        raise argparse.ArgumentTypeError(f"{text!r} is no account: a number, as in 700100200")
    return text


def _external_id(text: str) -> str:
    if not EXTERNAL_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no external_id: 1 to 60 of A-Z a-z 0-9 _ . -")
    return text


def _timezone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"no time zone is called {text!r}") from None


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a name is one line of letters")
    return text
