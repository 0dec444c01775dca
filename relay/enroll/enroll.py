"""`till-relay enroll` and `till-relay revoke`: a till's credentials begin and end here, on the broker's machine.

Enrolling makes a folder for whoever installs the till: its configuration, the password of its broker user, the
certificates to trust and its notification address. Nothing of it is kept here but the password's hash. What only the
shop knows stands in the configuration as lines to fill in.
"""

import argparse
import json
import os
import re
import secrets
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.contract.mqtt import NUMERIC_ID, Topics
from relay.addresses import address_of
from relay.claims import ClaimError
from relay.config import Config, Mosquitto, Tills
from relay.enroll import sealing
from relay.enroll.accounts import AccountError, opened, reload

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78
LANGUAGES = ("es", "pt", "en")
EXTERNAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)

CONFIGURATION = """\
# The configuration of the till {till}. Put the access token of Mercado Pago into this folder, as access_token; then
# till-provision. By hand: all of it into /etc/till-edge. config.example.yaml explains every key.

till:
  id: {till}
  name: {name}
  timezone: {timezone}
  language: {language}
  # Whom to call: a line for the slips that say what fails.
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

BLANKS = {
    "timezone": "FILL IN: the shop's time zone, as in America/Argentina/Buenos_Aires",
    "user_id": "FILL IN: the number of the account that receives the money",
    "store": "FILL IN: the external_id of the store",
    "pos": "FILL IN: the external_id of the point of sale",
}
"""What stands where the command line was silent. A till with such a line doesn't start, and names the line."""


class Refused(Exception):
    """What was asked for can't be done; the text says what to do instead, `code` is the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `enroll TILL`."""
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the bundle goes; default: the till's id")
    parser.add_argument("--claim", type=sealing.code, metavar="CODE", help="send the bundle to the till with this slip")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds the access token, for the bundle")
    parser.add_argument("--again", action="store_true", help="make new credentials, and end those that it has")
    parser.add_argument("--name", type=_line, help="the till's name for people, as it stands on tickets")
    parser.add_argument("--language", choices=LANGUAGES, default="es", help="of the tickets; default: %(default)s")
    parser.add_argument("--timezone", type=_timezone, help="of the shop; default: fleet.timezone")
    parser.add_argument("--user-id", type=user_id, help="the account that receives the money")
    parser.add_argument("--store", type=_external_id, help="the external_id of the store")
    parser.add_argument("--pos", type=_external_id, help="the external_id of the point of sale")


def enroll(config: Config, options: argparse.Namespace) -> int:
    """Let a till in and write its bundle. The exit code is 0 if mosquitto knows it too."""
    try:
        files, tills = _sections(config)
        bundle = _bundle(config, tills, options)
        claim = _claim(config, options, bundle)
        folder = options.out or (None if claim else Path(options.till))
        with opened(files) as accounts:
            if accounts.is_reserved(options.till):
                raise Refused(f"{options.till} is a user with other rights; give the till another id")
            if options.till in accounts and not options.again:
                raise Refused(
                    f"{options.till} is enrolled already; --again makes new credentials and ends the old ones"
                )
            if folder:
                _make(folder)
            accounts.put(options.till, bundle["broker_password"], options.user_id)
        if folder:
            _write(bundle, folder)
        if claim:
            claim.send(bundle)
        print(_report(options, folder, claim, bundle))
        reload(files)
    except (Refused, AccountError, ClaimError) as error:
        return _said(error)
    print(f"Mosquitto was told: {options.till} can come in now.")
    return DONE


def revoke(config: Config, options: argparse.Namespace) -> int:
    """Let a till in no more. The exit code is 0 if mosquitto has thrown it out too."""
    till = options.till
    try:
        files = _mosquitto(config)
        with opened(files) as accounts:
            if accounts.is_reserved(till) or till not in accounts:
                raise Refused(f"{till} is not enrolled; is it written as it was? Capitals count")
            accounts.remove(till)
        print(AFTERWARDS.format(till=till, topics=Topics(config.broker.topic_root, till)))
        reload(files)
    except (Refused, AccountError) as error:
        return _said(error)
    print(f"Mosquitto was told: it ends the connection of {till} now.")
    return DONE


AFTERWARDS = """\
{till} has no user and no rights any more. What else there is to do:
- If the till was lost or stolen, end the access token that is on it, in Mercado Pago's panel. It is worth more than
  this password.
- Its notification address stays valid, for it is computed and stands in no list: whoever has it can ring a bell that
  nobody hears. It ends with a new secret_file, which ends all other addresses as well.
- Its last status stays at the broker, and in the table of the fleet, and so does what was found when it was checked.
  To clear them, as the user support:
  mosquitto_pub -u support -P … -t {topics.status} -r -n
  mosquitto_pub -u support -P … -t {topics.commissioning} -r -n
"""


# --- the bundle -------------------------------------------------------------------------------------------------------


def _bundle(config: Config, tills: Tills, options: argparse.Namespace) -> dict[str, str]:
    """Return the files, by name."""
    address = address_of(options.till, config.public_url, config.key)
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
    lines = {key: f" # {BLANKS[key]}" if value is None else _quoted(str(value)) for key, value in known.items()}
    return CONFIGURATION.format(**lines, port=tills.port, tls="  tls: {ca_file: ca.pem}\n" if tills.ca_file else "")


def _quoted(text: str) -> str:
    """Write a text such that YAML takes it for one: `0123`, `yes` and `1e3` are ids too."""
    return json.dumps(text, ensure_ascii=False)


def _certificates(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"tills.ca_file: {path} can't be read ({error})", BAD_CONFIGURATION) from None
    if "PRIVATE KEY" in text:
        raise Refused(f"tills.ca_file: {path} holds a private key; write the certificate's file", BAD_CONFIGURATION)
    return text


def _token(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--token-file: {path} can't be read ({error})") from None
    if not text.isascii() or not text.isprintable() or not text or " " in text:
        raise Refused(f"--token-file: {path} holds no access token; write it there, alone, on one line")
    return text + "\n"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise Refused(f"can't make the folder {folder}: {error.strerror}") from None
    if not is_empty:
        raise Refused(f"the folder {folder} isn't empty; name another one with --out")


def _write(bundle: dict[str, str], folder: Path) -> None:
    try:
        folder.chmod(0o700)
        for name, text in bundle.items():
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
    except OSError as error:
        raise Refused(f"can't write into {folder}: {error.strerror}; enroll the till --again") from None


def _report(
    options: argparse.Namespace, folder: Path | None, claim: sealing.Addressee | None, bundle: dict[str, str]
) -> str:
    lines = [f"{options.till} is enrolled."]
    if folder:
        lines += [f"For who installs it, secrets included: {folder}/", *map("  {}".format, bundle)]
    if claim:
        lines += [f"The till with serial {claim.waiting.claim.serial} fetches its bundle within a minute, if it is on."]
    if blanks := _blanks(bundle):
        lines += [f"To fill in, in {folder}/config.yaml: {'; '.join(blanks)}."]
    if options.user_id is None:
        lines += ["Without --user-id it will not hear notifications for the whole seller (till-relay url --seller)."]
    return "\n".join(lines)


def _blanks(bundle: dict[str, str]) -> list[str]:
    return [text.partition(": ")[2] for text in BLANKS.values() if text in bundle["config.yaml"]]


def _claim(config: Config, options: argparse.Namespace, bundle: dict[str, str]) -> sealing.Addressee | None:
    """Which till is meant. At a till that claims there is nobody who fills anything in."""
    if options.claim is None:
        return None
    missing = [*_blanks(bundle), *([] if options.token_file else ["its access token, by --token-file"])]
    if missing:
        raise Refused(f"a till that fetches its bundle needs all of it; say also {'; '.join(missing)}")
    addressee = sealing.find(config, options.claim)
    if addressee.waiting.enrolled and not options.again:
        raise Refused("a bundle waits for this till already; --again puts another in its place")
    return addressee


# --- what must be there, and how it is said ---------------------------------------------------------------------------


def _mosquitto(config: Config) -> Mosquitto:
    if config.mosquitto is None:
        raise Refused("the configuration has no section mosquitto; relay.example.yaml has one", BAD_CONFIGURATION)
    return config.mosquitto


def _sections(config: Config) -> tuple[Mosquitto, Tills]:
    if config.tills is None:
        raise Refused("the configuration has no section tills; relay.example.yaml has one", BAD_CONFIGURATION)
    return _mosquitto(config), config.tills


def _said(error: Refused | AccountError | ClaimError) -> int:
    print(error, file=sys.stderr)
    return error.code if isinstance(error, Refused) else FAILED


def user_id(text: str) -> str:
    """Read the number of an account, for argparse."""
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
