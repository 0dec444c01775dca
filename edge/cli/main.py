"""`till-edge`: what can be typed, and what becomes of the errors that come back.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (systemd does not restart on that one).
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeAlias

INTERRUPTED = 130

try:
    from edge.cli import commands as do
    from edge.cli import install_commands as installing
    from edge.config.schema import Config, ConfigError, load
    from edge.contract.mqtt import BadMessage, read_day
    from edge.journal.file import JournalError
    from edge.journal.store import InUseError
    from edge.machine.facts import version
    from edge.mercadopago.client import ApiError
    from edge.mercadopago.decode import Unreadable
    from edge.mercadopago.new_order import BadOrder
except KeyboardInterrupt:  # Ctrl-C while all this loads
    sys.exit(INTERRUPTED)

DEFAULT_CONFIG = Path("/etc/till-edge/config.yaml")
BAD_CONFIG = 78
LONGEST_WAIT = 600
"""Seconds for which somebody may be asked to press the button."""

Command = Callable[[argparse.Namespace], int]
Adding: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        options = _parser().parse_args(arguments)
        _log(options.verbose)
        return int(options.command(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except (ApiError, Unreadable, BadOrder, JournalError, InUseError) as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return do.FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _log(everything: bool) -> None:
    """Before anything imports python-escpos, which would set the log up in its own way."""
    level = logging.DEBUG if everything else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("urllib3").setLevel(logging.INFO)


def _configured(command: Callable[[Config, argparse.Namespace], int]) -> Command:
    """A command of a till that is set up."""
    return lambda options: command(load(options.config), options)


def _run(options: argparse.Namespace) -> int:
    """Nobody at the counter reads the log, and systemd does not start us again after a mistake in the configuration."""
    try:
        return _configured(do.run)(options)
    except ConfigError as error:
        from edge.install.config_slip import say_on_paper

        print(error, file=sys.stderr)
        say_on_paper(options.config, error.faults)
        return BAD_CONFIG


def _day(text: str) -> date:
    try:
        return read_day(text)
    except BadMessage:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it like 2026-03-02") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to wait; write seconds, 1 to {LONGEST_WAIT}")
    return seconds


# --- what can be typed ---------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("till-edge", description="Prints a ticket for what Mercado Pago says is paid.")
    parser.add_argument("--version", action="version", version=version())
    _add_common(parser, DEFAULT_CONFIG, False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "run", "the daemon", _run)
    _add_check(commands)
    _add_journal(commands)
    _add_order(commands)
    _add_installing(commands)
    _add_provision(commands)
    return parser


def _add(commands: Adding, name: str, does: str, command: Command) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=does)
    # Said in front of the command or behind it; what isn't said behind it must not undo what was said in front.
    _add_common(parser, argparse.SUPPRESS, argparse.SUPPRESS)
    parser.set_defaults(command=command)
    return parser


def _add_common(parser: argparse.ArgumentParser, config: Path | str, verbose: bool | str) -> None:
    default = f"default: {DEFAULT_CONFIG}"
    parser.add_argument("--config", type=Path, default=config, metavar="FILE", help=default)
    parser.add_argument("--verbose", action="store_true", default=verbose, help="log every event")


def _add_check(commands: Adding) -> None:
    does = "try each part of this till, and print the acceptance ticket"
    check = _add(commands, "check", does, _configured(installing.check))
    check.add_argument("--json", action="store_true", help="all that was found, as JSON")
    check.add_argument("--no-order", action="store_true", help="put no order on the till: for one that is selling")
    check.add_argument("--no-ticket", action="store_true", help="print nothing")
    check.add_argument("--button", action="store_true", help="ask for a press of the button; so it is at a terminal")
    check.add_argument("--seconds", type=_seconds, default=20, help="how long a press is waited for; default: 20")


def _add_journal(commands: Adding) -> None:
    _add(commands, "orders", "the journal as a table", _configured(do.orders))
    reprint = _add(commands, "reprint", "print a marked copy of a ticket", _configured(do.reprint))
    reprint.add_argument("reference")
    does = "print the slip of a day, checked against Mercado Pago"
    report = _add(commands, "report", does, _configured(do.report))
    report.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="default: today")


def _add_order(commands: Adding) -> None:
    order = commands.add_parser("order", help="the order on this till, at Mercado Pago")
    orders = order.add_subparsers(required=True, metavar="COMMAND")
    create = _add(orders, "create", "put an order on this till; prints its reference", _configured(do.create))
    create.add_argument("--total", required=True, help="what the customer pays, like 5350.50")
    create.add_argument("--item", action="append", default=[], metavar="TITLE:QUANTITY:UNIT_PRICE")
    create.add_argument("--reference", help="default: a fresh one; never use one twice")
    _add(orders, "show", "say which order is on this till", _configured(do.show))
    _add(orders, "cancel", "remove the order from this till", _configured(do.cancel))


def _add_installing(commands: Adding) -> None:
    does = "find out how the printer prints, with your help if nobody knows it"
    printer = _add(commands, "printer", does, _configured(installing.printer))
    printer.add_argument("--calibrate", action="store_true", help="ask, even if the printer is known by its name")
    does = "take over the configuration that lies on the boot partition"
    adopt = _add(commands, "adopt", does, installing.adopt)
    adopt.add_argument("bundle", type=Path, metavar="FOLDER", help="as till-edge provision left it")
    does = "print a slip with a code, and wait for the bundle of whoever enrolls it"
    claim = _add(commands, "claim", does, installing.claim)
    default = "where to claim; default: what the file relay_url of the card says"
    claim.add_argument("--relay", metavar="URL", help=default)
    claim.add_argument("--printer", type=Path, metavar="DEVICE", help="default: the first USB printer")
    claim.add_argument("--state", type=Path, default=Path("/var/lib/till-edge-claim"), help="default: %(default)s")


def _add_provision(commands: Adding) -> None:
    """It writes cards and not tickets: another machine's program, which a till doesn't have."""
    does = "on a laptop: make the boot partition of a fresh card into that of a till"
    try:
        from provision.command import add_options, provision
    except ModuleNotFoundError as error:
        if error.name != "provision":
            raise
        # Whatever is typed behind it, options too, gets the same answer.
        command = commands.add_parser("provision", help=does, prefix_chars="\0", add_help=False)
        command.add_argument("words", nargs="*")
        command.set_defaults(command=installing.on_a_till, verbose=False)
    else:
        command = commands.add_parser("provision", help=does, description=does)
        add_options(command)
        command.set_defaults(command=provision, verbose=False)
