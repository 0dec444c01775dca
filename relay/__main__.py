"""The commands: `till-relay run`, `url`, `enroll`, `revoke`, `claims`, `fleet`, `watch` and `tell`.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (EX_CONFIG of sysexits.h, on which systemd doesn't try again).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

DONE, BAD_CONFIGURATION = 0, 78

try:
    from relay.addresses import address_of, seller_address_of
    from relay.config import Config, ConfigError, load
    from relay.enroll import enroll, sealing, values
    from relay.enroll.accounts import NOT_ENROLLED, AccountError, Accounts
    from relay.fleet import command as fleet
    from relay.tell import command as tell
    from relay.watch import command as watch
    from relay.web import server
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] in ("edge", "relay"):
        raise
    print(f"till-relay: {error.name} is not installed; pip install 'till-edge[relay]'", file=sys.stderr)
    sys.exit(BAD_CONFIGURATION)

DEFAULT_CONFIG = Path("/etc/till-relay/relay.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        config = load(options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    return COMMANDS[options.command].run(config, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("till-relay", description="Rings a till when Mercado Pago notifies of a payment.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        command.add_options(subparser)
        subparser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")
    return parser


# --- run, url ---------------------------------------------------------------------------------------------------------


def _no_options(_parser: argparse.ArgumentParser) -> None:
    pass


def _run(config: Config, _options: argparse.Namespace) -> int:
    return server.run(config)


def _url_options(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("till", nargs="?", type=values.till_id, metavar="TILL", help="the till's id, as in CAJA01")
    whose.add_argument("--seller", type=values.user_id, metavar="USER_ID", help="all tills of an account, 700100200")


def _url(config: Config, options: argparse.Namespace) -> int:
    if options.seller:
        print(seller_address_of(options.seller, config.public_url, config.secret))
    else:
        print(address_of(options.till, config.public_url, config.secret))
        if _is_unknown(options.till, config):
            print(NOT_ENROLLED.format(options.till), file=sys.stderr)
    return DONE


def _is_unknown(till: str, config: Config) -> bool:
    """Whether this machine's mosquitto has no such till. Who may not read its files isn't told."""
    try:
        return config.mosquitto is not None and till not in Accounts(config.mosquitto)
    except AccountError:
        return False


# --- enroll, revoke ---------------------------------------------------------------------------------------------------


def _till_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("till", type=values.till_id, metavar="TILL", help="the till's id, as in CAJA01")


# --- the table --------------------------------------------------------------------------------------------------------


class Command(NamedTuple):
    """One command: its help, its options and what it does."""

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Config, argparse.Namespace], int]


COMMANDS = {
    "run": Command("run the relay until SIGTERM or SIGINT", _no_options, _run),
    "url": Command("print the notification address of a till, or of a seller", _url_options, _url),
    "enroll": Command("register tills, and write what their installer needs", enroll.add_options, enroll.enroll),
    "revoke": Command("end a till's credentials", _till_option, enroll.revoke),
    "claims": Command("list the tills that wait for their bundle", sealing.add_options, sealing.run),
    "fleet": Command("show all tills, and which of them need help", fleet.add_options, fleet.run),
    "watch": Command("tell people what is wrong with the tills, until SIGTERM", watch.add_options, watch.run),
    "tell": Command("send tills a command, and print their answers", tell.add_options, tell.run),
}


if __name__ == "__main__":
    sys.exit(main())
