"""`till-edge`: what can be typed, and which exit code and sentence an error becomes."""

import argparse
import contextlib
import gc
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeAlias

from edge.cli.exit_codes import BAD_CONFIG, FAILED, INTERRUPTED
from edge.cli.extras import missing_extra

gc.disable()  # while all this loads: ninety searches for garbage found none
try:
    from edge.cli import commands, install_commands, order_commands
    from edge.config.schema import API_URL, Config, ConfigError, load
    from edge.contract.mqtt import BadMessageError, parse_day
    from edge.journal.file import JournalError
    from edge.journal.store import InUseError
    from edge.machine.facts import version
    from edge.machine.users import become_owner
    from edge.mercadopago.exchange import ApiError
    from edge.mercadopago.fields import DecodeError
    from edge.mercadopago.new_order import OrderError
except KeyboardInterrupt:  # Ctrl-C while all this loads
    sys.exit(INTERRUPTED)
except ModuleNotFoundError as error:
    print(missing_extra(error), file=sys.stderr)
    sys.exit(BAD_CONFIG)
gc.enable()

DEFAULT_CONFIG = Path("/etc/till-edge/config.yaml")
MAX_PRESS_TIMEOUT_S = 600

Command = Callable[[argparse.Namespace], int]
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    ordinary = os.geteuid() != 0
    try:
        options = _parser().parse_args(arguments)
        _set_up_log(options.verbose)
        return int(options.command(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except PermissionError as error:
        again = f"try: {shlex.join(['sudo', 'till-edge', *(sys.argv[1:] if arguments is None else arguments)])}"
        advice = again if ordinary else "let the service's user have it"
        print(f"till-edge: {error.filename or error.strerror}: no permission; {advice}", file=sys.stderr)
        return FAILED
    except (ApiError, DecodeError, OrderError, JournalError, InUseError) as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED
    except ModuleNotFoundError as error:  # some are imported only where they are needed
        print(missing_extra(error), file=sys.stderr)
        return BAD_CONFIG
    except KeyboardInterrupt:
        return INTERRUPTED


def _set_up_log(verbose: bool) -> None:
    """Before anything imports python-escpos, which would set the log up in its own way."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("urllib3").setLevel(logging.INFO)


def _configured(command: Callable[[Config, argparse.Namespace], int]) -> Command:
    """A command that needs the configuration. From then on it has the rights of the service, and no more."""

    def run(options: argparse.Namespace) -> int:
        config = load(options.config)
        become_owner(config.journal.path.parent)
        return command(config, options)

    return run


def _typed(command: Callable[[Config, argparse.Namespace], int]) -> Command:
    """A command that a person types, who may have forgotten sudo. Raises `PermissionError`."""

    def run(options: argparse.Namespace) -> int:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            options.config.open("rb").close()
        return _configured(command)(options)

    return run


def _run(options: argparse.Namespace) -> int:
    """Run the daemon. A mistake in the configuration is printed on paper too.

    Nobody at the counter reads the log, and systemd doesn't start us again.
    """
    try:
        return _configured(commands.run)(options)
    except ConfigError as error:
        from edge.install.config_slip import print_config_slip

        print(error, file=sys.stderr)
        print_config_slip(options.config, error.faults)
        return BAD_CONFIG


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except BadMessageError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it like 2026-03-02") from None


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of orders; write one from 1 on")
    return int(text[:9])


def _press_timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= MAX_PRESS_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to wait; write seconds, 1 to {MAX_PRESS_TIMEOUT_S}")
    return seconds


# --- what can be typed ---------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    does = "Prints a ticket for each order that Mercado Pago says is paid."
    parser = argparse.ArgumentParser("till-edge", description=does)
    parser.add_argument("--version", action="version", version=version())
    _add_common(parser, DEFAULT_CONFIG, False)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(subparsers, "run", "run the daemon", _run)
    _add_check(subparsers)
    _add_journal(subparsers)
    _add_order(subparsers)
    _add_installing(subparsers)
    _add_moved(subparsers)
    return parser


def _add(subparsers: Subparsers, name: str, does: str, command: Command) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=does, description=does)
    # These may stand before the command or after it; an absent one after it must not undo the one before.
    _add_common(parser, argparse.SUPPRESS, argparse.SUPPRESS)
    parser.set_defaults(command=command)
    return parser


def _add_common(parser: argparse.ArgumentParser, config: Path | str, verbose: bool | str) -> None:
    default = f"default: {DEFAULT_CONFIG}"
    parser.add_argument("--config", type=Path, default=config, metavar="FILE", help=default)
    parser.add_argument("--verbose", action="store_true", default=verbose, help="log every event")


def _add_check(subparsers: Subparsers) -> None:
    does = "try each part of this till, and print the acceptance ticket"
    check = _add(subparsers, "check", does, _typed(install_commands.check))
    check.add_argument("--json", action="store_true", help="print all findings as JSON")
    check.add_argument("--no-order", action="store_true", help="put no order on the till; for a till that is selling")
    check.add_argument("--no-ticket", action="store_true", help="print nothing on paper")
    check.add_argument("--button", action="store_true", help="ask for a press of the button; default at a terminal")
    help_ = "how long to wait for the press; default: 20"
    check.add_argument("--seconds", type=_press_timeout, default=20, help=help_)


def _add_journal(subparsers: Subparsers) -> None:
    orders = _add(subparsers, "orders", "print the orders in the journal, and what to look at", _typed(commands.orders))
    orders.add_argument("--json", action="store_true", help="print them as JSON")
    orders.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="only what was paid or finished on that day")
    orders.add_argument("--limit", type=_limit, metavar="N", help="only the last N orders")
    reprint = _add(subparsers, "reprint", "print a marked copy of a ticket", _typed(commands.reprint))
    which = reprint.add_mutually_exclusive_group(required=True)
    which.add_argument("wanted", nargs="?", metavar="REFERENCE", help="or an operation number, or the end of either")
    which.add_argument("--last", action="store_true", help="the ticket that came out last")
    does = "print the slip of a day, checked against Mercado Pago"
    report = _add(subparsers, "report", does, _typed(commands.report))
    report.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="default: today")


def _add_order(subparsers: Subparsers) -> None:
    order = subparsers.add_parser("order", help="the order on this till, at Mercado Pago")
    orders = order.add_subparsers(required=True, metavar="COMMAND")
    does = "put an order on this till, and print its reference"
    create = _add(orders, "create", does, _typed(order_commands.create))
    create.add_argument("--total", required=True, help="what the customer pays, like 5350.50")
    create.add_argument("--item", action="append", default=[], metavar="TITLE:QUANTITY:UNIT_PRICE")
    create.add_argument("--reference", help="default: a fresh one; a used one is refused")
    create.add_argument("--replace", action="store_true", help="put it in the place of an order that is on the till")
    _add(orders, "show", "print the order on this till", _typed(order_commands.show))
    _add(orders, "cancel", "remove the order from this till", _typed(order_commands.cancel))


def _add_installing(subparsers: Subparsers) -> None:
    does = "find out how the printer prints; you answer questions if its name isn't known"
    printer = _add(subparsers, "printer", does, _typed(install_commands.printer))
    printer.add_argument("--calibrate", action="store_true", help="ask even if the printer is known by its name")
    does = "list the stores and points of sale of an account, and what is wrong with them; needs no configuration"
    account = _add(subparsers, "account", does, install_commands.account)
    help_ = "holds the account's access token, alone on one line"
    account.add_argument("--token-file", type=Path, required=True, metavar="FILE", help=help_)
    account.add_argument("--csv", action="store_true", help="print the rows of the table for till-relay enroll --csv")
    account.add_argument("--api-url", default=API_URL, metavar="URL", help="default: %(default)s")
    does = "adopt the configuration on the boot partition"
    adopt = _add(subparsers, "adopt", does, install_commands.adopt)
    adopt.add_argument("bundle", type=Path, metavar="FOLDER", help="the bundle, as till-provision left it")
    help_ = "a bundle that `till-edge claim` has left; only for a till that has no configuration"
    adopt.add_argument("--claimed", type=Path, metavar="FILE", help=help_)
    does = "print a slip with a code, and wait for the bundle of whoever enrolls it"
    claim = _add(subparsers, "claim", does, install_commands.claim)
    help_ = "where to claim; default: the address in the card's file relay_url"
    claim.add_argument("--relay", metavar="URL", help=help_)
    claim.add_argument("--printer", type=Path, metavar="DEVICE", help="default: the first USB printer")
    claim.add_argument("--state", type=Path, default=Path("/var/lib/till-edge-claim"), help="default: %(default)s")


def _add_moved(subparsers: Subparsers) -> None:
    """A command of earlier versions. Whatever is typed behind it, options included, gets the same answer."""
    moved = subparsers.add_parser("provision", prefix_chars="\0", add_help=False)
    moved.add_argument("words", nargs="*")
    moved.set_defaults(command=install_commands.provision_has_moved, verbose=False)
