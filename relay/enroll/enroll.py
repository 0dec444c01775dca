"""`till-relay enroll` and `till-relay revoke`: a till's credentials are made and ended here, and told to the broker.

Enrolling makes a folder for the installer, the till's bundle. Only the password's hash is kept here. `--csv` enrolls a
table of tills: table.py.
"""

import argparse
import sys
import time
from pathlib import Path

from edge.config.table import TILL_COLUMNS
from edge.config.yaml_nodes import ConfigError
from edge.contract.mqtt import Topics
from relay.claims import ClaimError, StoredClaim
from relay.config import Config, Tills
from relay.enroll import sealing, table, values
from relay.enroll.accounts import AccountError
from relay.enroll.brokers import Broker, Enrolled, broker_of
from relay.enroll.bundle import (
    BAD_CONFIGURATION,
    FILL_IN_LINES,
    LANGUAGES,
    PASSWORD,
    EnrollError,
    Wanted,
    make_bundle,
    make_folder,
    write_bundle,
)

DONE, FAILED, USAGE = 0, 1, 2
MIN_PASSWORD_CHARS = 32


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `till-relay enroll`."""
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("till", nargs="?", type=values.till_id, metavar="TILL", help="the till's id, as in CAJA01")
    columns = ", ".join((*TILL_COLUMNS, "token_file", "bundle"))
    whose.add_argument("--csv", type=Path, metavar="FILE", help=f"a table, one till a line; columns: {columns}")
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
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="the broker_password that the till has, if only its broker changes; default: a new one",
    )
    parser.add_argument("--again", action="store_true", help="make new credentials, and end the present ones")
    parser.add_argument("--name", type=values.line, help="the till's name for people, as printed on tickets")
    parser.add_argument("--language", type=values.language, help=f"of the tickets: {', '.join(LANGUAGES)}; default: es")
    parser.add_argument("--timezone", type=values.timezone, help="of the shop; default: fleet.timezone")
    parser.add_argument("--user-id", type=values.user_id, help="the account that receives the money")
    parser.add_argument("--store", type=values.external_id, help="the external_id of the store")
    parser.add_argument("--pos", type=values.external_id, help="the external_id of the point of sale")
    parser.add_argument("--support", type=values.line, help="whom to call, for the slips that report a failure")
    parser.add_argument("--header", type=values.header, help="at the top of tickets: 'KIOSCO SUR|Av. Siempre Viva 742'")
    parser.add_argument("--printer", type=values.printer, help="usb (the default), or as in 'network 192.0.2.7'")


def enroll(config: Config, options: argparse.Namespace) -> int:
    """Register a till, or a table of them. The exit code is 0 only if the broker knows too."""
    try:
        broker, tills = _broker(config), _tills(config)
        enroll_all = _enroll_table if options.csv else _enroll_one
        print(broker.enrolled(enroll_all(config, broker, tills, options)))
    except ConfigError as error:
        print(f"{error}\nNothing was written.", file=sys.stderr)
        return FAILED
    except (EnrollError, AccountError, ClaimError) as error:
        return _report_error(error)
    return DONE


def _enroll_table(config: Config, broker: Broker, tills: Tills, options: argparse.Namespace) -> list[Enrolled]:
    """Write all bundles, then let their tills in: whoever is let in has a bundle, whenever this is cut off."""
    if given := [name for name in ("out", "claim", "serial", "password_file") if getattr(options, name)]:
        raise EnrollError(
            f"--{given[0].replace('_', '-')} is for a single till; the bundles of a table are beside it", USAGE
        )
    with broker.open() as accounts:
        found = table.entries(config, tills, options, accounts)
        for entry in found:
            entry.write()
        for entry in found:
            if not entry.enrolled:
                accounts.put(entry.wanted.till, entry.bundle[PASSWORD], entry.wanted.user_id)
    print(table.report(options.csv, found))
    return [Enrolled(entry.wanted.till, entry.wanted.user_id) for entry in found]


def _enroll_one(config: Config, broker: Broker, tills: Tills, options: argparse.Namespace) -> list[Enrolled]:
    fleet_zone = config.fleet and config.fleet.timezone.key
    wanted = Wanted.of({**vars(options), "timezone": options.timezone or fleet_zone})
    bundle = make_bundle(config, tills, wanted)
    if options.password_file:
        bundle[PASSWORD] = _known_password(options.password_file)
    recipient = _recipient(config, options, wanted)
    folder = options.out or (None if recipient else Path(wanted.till))
    _register(broker, options, bundle[PASSWORD], folder)
    if folder:
        write_bundle(bundle, folder)
    if recipient:
        recipient.send(bundle)
    print(_report(wanted, folder, recipient, list(bundle)))
    return [Enrolled(wanted.till, wanted.user_id)]


def _known_password(path: Path) -> str:
    """Of a till that has its bundle, and whose broker changes. Raises `EnrollError`."""
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EnrollError(f"--password-file: {path} can't be read ({error})") from None
    if len(password) < MIN_PASSWORD_CHARS or not password.isascii() or not password.isprintable():
        raise EnrollError(f"--password-file: {path} isn't the broker_password of a bundle; name that file")
    return password


def _register(broker: Broker, options: argparse.Namespace, password: str, folder: Path | None) -> None:
    """Add the till's user; make the bundle's folder first, so that no user is added if that fails."""
    with broker.open() as accounts:
        if accounts.is_reserved(options.till):
            raise EnrollError(f"{options.till} is a user with other rights; give the till another id")
        if options.till in accounts and not options.again:
            raise EnrollError(
                f"{options.till} is enrolled already; --again makes new credentials and ends the old ones"
            )
        if folder:
            make_folder(folder)
        accounts.put(options.till, password, options.user_id)


def revoke(config: Config, options: argparse.Namespace) -> int:
    """Remove a till's user, rights and session. The exit code is 0 only if the broker knows too."""
    till = options.till
    try:
        broker = _broker(config)
        with broker.open() as accounts:
            accounts.remove(till)
        topics = Topics(config.broker.topic_root, till)
        print(REVOKED_TEXT.format(till=till, topics=topics, support=_as_support(config)))
        print(broker.revoked(till))
    except (EnrollError, AccountError) as error:
        return _report_error(error)
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


# --- what is reported, and to whom a bundle goes --------------------------------------------------------------------


def _report(wanted: Wanted, folder: Path | None, recipient: sealing.Recipient | None, names: list[str]) -> str:
    lines = [f"{wanted.till} is enrolled."]
    if folder:
        lines += [f"For the installer, secrets included: {folder}/", *map("  {}".format, names)]
    if recipient:
        serial = recipient.stored.claim.serial
        lines += [f"The till with serial {serial} fetches its bundle within a minute, if it is on."]
    if wanted.unknown:
        lines += [f"To fill in, in {folder}/config.yaml: {'; '.join(_blanks(wanted))}."]
    if wanted.user_id is None:
        lines += ["Without --user-id it does not receive notifications for the whole seller (till-relay url --seller)."]
    return "\n".join(lines)


def _blanks(wanted: Wanted) -> list[str]:
    return [FILL_IN_LINES[name].partition(": ")[2] for name in wanted.unknown]


def _recipient(config: Config, options: argparse.Namespace, wanted: Wanted) -> sealing.Recipient | None:
    """Return the till that `--claim` means. Nobody fills anything in there, so its bundle must be complete."""
    if options.claim is None:
        return None
    missing = [*_blanks(wanted), *([] if options.token_file else ["its access token, by --token-file"])]
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


# --- sections and errors ---------------------------------------------------------------------------------------------


def _broker(config: Config) -> Broker:
    """The one broker at which tills have their users."""
    if config.mosquitto is not None and config.rabbitmq is not None:
        wrong = "the sections mosquitto and rabbitmq are both here; keep the section of the broker that the tills use"
        raise EnrollError(wrong, BAD_CONFIGURATION)
    return broker_of(config)


def _tills(config: Config) -> Tills:
    if config.tills is None:
        raise EnrollError("the configuration has no section tills; relay.example.yaml has one", BAD_CONFIGURATION)
    return config.tills


def _report_error(error: EnrollError | AccountError | ClaimError) -> int:
    print(error, file=sys.stderr)
    return error.code if isinstance(error, EnrollError) else FAILED
