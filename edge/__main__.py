"""The commands that people type: `till-edge run`, `check`, `printer`, `orders`, `reprint`, `report`, `order …`.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (systemd does not restart on that one).
"""

import argparse
import contextlib
import json
import logging
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edge import messages as m
from edge.config import Config, ConfigError, load
from edge.findings import all_well
from edge.journal import InUse, Journal
from edge.journal_file import BrokenJournal, JournalError
from edge.mercadopago import ApiError, MercadoPago
from edge.new_order import BadOrder, fresh_reference, new_order, read_amount, read_item
from edge.order import NEVER
from edge.readings import Unreadable
from edge.wire import BadMessage, read_day

if TYPE_CHECKING:
    from edge.button import Gesture
    from edge.check import Check

DEFAULT_CONFIG = Path("/etc/till-edge/config.yaml")
FAILED = 1
BAD_CONFIG = 78
INTERRUPTED = 130

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    # Before anything imports python-escpos, which would set the log up in its own way.
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("urllib3").setLevel(logging.INFO)
    try:
        if "early" in options:
            return int(options.early(options))
        config = load(options.config)
        command: Callable[[Config, argparse.Namespace], int] = options.command
        return command(config, options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        if options.command is _run:
            _say_on_paper(options.config, error)
        return BAD_CONFIG
    except (ApiError, Unreadable, BadOrder, JournalError, InUse) as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(config: Config, options: argparse.Namespace) -> int:
    # Here and not above: `order` and `orders` need neither the broker, nor the printer, nor the pins.
    from edge.assembly import assemble
    from edge.encoder import UnknownPrinter
    from edge.panel import PanelError

    _need_folder(config, options)
    try:
        daemon = assemble(config, version())
    except UnknownPrinter as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    except PanelError as error:
        raise ConfigError([f"{options.config}: panel: {error}"]) from error
    log.info("till %s, version %s, journal %s", config.till.id, version(), config.journal.path)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    daemon.run()
    log.info("stopped")
    return 0


def _say_on_paper(path: Path, error: ConfigError) -> None:
    """Nobody at the counter reads the log, and systemd does not start us again."""
    from edge.config_slip import say_on_paper

    say_on_paper(path, error.faults)


def _check(config: Config, options: argparse.Namespace) -> int:
    from edge.check import Check, Options
    from edge.check_parts import Press
    from edge.encoder import UnknownPrinter

    if not options.verbose:  # what the adapters log is in the findings
        logging.getLogger("edge").setLevel(logging.CRITICAL)
    asked = options.button or sys.stdin.isatty()
    press = Press(lambda text: print(text, file=sys.stderr, flush=True), options.seconds)
    wanted = Options(not options.no_order, not options.no_ticket, press if asked else Press())
    try:
        check = Check(config, version(), wanted)
    except (UnknownPrinter, OSError) as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    with contextlib.closing(check):
        return _tell(check, options)


def _tell(check: "Check", options: argparse.Namespace) -> int:
    """Say what is found, as it is found; then the ticket, and the record."""
    for finding in check.run():
        if not options.json:
            print(finding.line, flush=True)
    ticket = "" if options.no_ticket else check.print_ticket()
    left = check.leave_record()
    if options.json:
        print(json.dumps(check.record(), ensure_ascii=False, indent=2))
    for what, why in (("acceptance ticket", ticket), ("record at the broker", left)):
        if why:
            print(f"no {what}: {why}", file=sys.stderr)
    return 0 if all_well(check.findings) else FAILED


def _need_folder(config: Config, options: argparse.Namespace) -> None:
    if not config.journal.path.parent.is_dir():
        raise ConfigError([f"{options.config}: journal.path: there is no folder {config.journal.path.parent}; make it"])


def _printer(config: Config, options: argparse.Namespace) -> int:
    from edge import printer_setup as setup
    from edge.encoder import UnknownPrinter

    _need_folder(config, options)
    who = setup.identify(config.printer)
    print(f"the printer says that it is {who}" if who else "the printer doesn't say who it is")
    if not setup.is_open(config.printer):
        print(f"{options.config} has its columns and code page, which win; remove them there to have them found out")
        return 0
    try:
        found = setup.find_out(config, who, _by_keyboard, believe=not options.calibrate, with_button=False)
    except UnknownPrinter as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    if found is None or None in (found.columns, found.codepage) or not setup.keep(config.journal.path, found):
        print("till-edge: nothing was found out, and nothing changed", file=sys.stderr)
        return FAILED
    place = setup.kept_in(config.journal.path)
    print(f"kept in {place}: {found.columns} columns, {found.codepage}; restart the daemon to use it")
    return 0


def _by_keyboard() -> "Gesture":
    from edge.button import Gesture

    try:
        said = input("Is the slip right: one line, or all accents? Enter: yes; n: no, print the next one. ")
    except EOFError:
        return Gesture.NONE
    return Gesture.HOLD if said.strip().lower().startswith("n") else Gesture.PRESS


def _orders(config: Config, _: argparse.Namespace) -> int:
    journal = _open_journal(config)
    print(f"{'paid':19}  {'stage':11}  {'total':>16}  reference")
    for order in journal.orders():
        paid = order.reading
        dated = paid is not None and paid.paid_at > NEVER
        when = f"{paid.paid_at.astimezone(config.till.timezone):%Y-%m-%d %H:%M:%S}" if paid and dated else "-"
        amount = f"{paid.total} {paid.currency}" if paid else "-"
        print(f"{when:19}  {order.stage:11}  {amount:>16}  {order.reference}  {' '.join(order.banners)}".rstrip())
    journal.close()
    return 0


def _reprint(config: Config, options: argparse.Namespace) -> int:
    journal = _open_journal(config)
    known = {order.reference: order for order in journal.orders()}
    order = known.get(options.reference)
    if order is None or order.reading is None:
        what = f"{options.reference!r} is not paid" if order else f"there is no order {options.reference!r}"
        print(f"till-edge: {what}; `till-edge orders` lists them", file=sys.stderr)
        return FAILED
    journal.wish(m.ReprintAsked(options.reference))
    print("asked for: the daemon prints it as a marked copy, now or as soon as it runs")
    return 0


def _report(config: Config, options: argparse.Namespace) -> int:
    day = options.day or datetime.now(config.till.timezone).date()
    _open_journal(config).wish(m.DayAsked(day))
    print(f"asked for: the daemon prints the slip of {day}, now or as soon as it runs and Mercado Pago answers")
    return 0


def _day(text: str) -> date:
    try:
        return read_day(text)
    except BadMessage:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it like 2026-03-02") from None


def _create(config: Config, options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    reference = options.reference or fresh_reference(config.till.id, now, secrets.token_hex(3))
    items = [read_item(item) for item in options.item]
    order = new_order(config, reference, read_amount(options.total, "the total"), items, now)
    MercadoPago(config.mercadopago, version()).put_order(order)
    print(reference)
    return 0


def _show(config: Config, _: argparse.Namespace) -> int:
    order = MercadoPago(config.mercadopago, version()).order_on_till()
    print(f"{order.reference}  {order.total}" if order else "no order on this till")
    return 0


def _cancel(config: Config, _: argparse.Namespace) -> int:
    api = MercadoPago(config.mercadopago, version())
    order = api.order_on_till()
    if order is None:
        print("no order on this till")
        return 0
    tried = api.cancel(order.reference)
    if any(reading.status == "closed" for reading in tried.orders):
        print(f"{order.reference} may be paid already: the till says so on paper if it is", file=sys.stderr)
        return FAILED
    if tried.removal is not m.Removal.DELETED:
        print(f"{order.reference} was not cancelled: {tried.removal}", file=sys.stderr)
        return FAILED
    print(f"{order.reference} cancelled")
    return 0


def _adopt(options: argparse.Namespace) -> int:
    from edge.boot_partition import hand_over

    hand_over(options.bundle, options.config.parent)
    return 0


def _add_provision(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
        command.set_defaults(early=_not_here, verbose=False)
    else:
        command = commands.add_parser("provision", help=does, description=does)
        add_options(command)
        command.set_defaults(early=provision, verbose=False)


def _not_here(_: argparse.Namespace) -> int:
    print("till-edge: cards are made on the installer's laptop: pip install till-edge there", file=sys.stderr)
    return FAILED


def _claim(options: argparse.Namespace) -> int:
    try:
        from edge.claim import claim
    except ModuleNotFoundError as error:
        if error.name != "nacl":
            raise
        raise ConfigError(
            ["claiming needs PyNaCl: apt install python3-nacl, or pip install 'till-edge[claim]'"]
        ) from None
    try:
        return claim(options, version())
    except OSError as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED


def _open_journal(config: Config) -> Journal:
    path = config.journal.path
    if not path.exists():
        raise ConfigError([f"{path}: there is no journal yet; has the daemon run with this configuration?"])
    try:
        return Journal(path)
    except BrokenJournal as error:
        raise ConfigError([f"{error}; the daemon mends it when it is started again"]) from error


def version() -> str:
    """The version of this distribution."""
    try:
        return metadata.version("till-edge")
    except metadata.PackageNotFoundError:
        return "0"


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )
    common.add_argument("--verbose", action="store_true", help="log every event")
    parser = argparse.ArgumentParser("till-edge", description="Prints a ticket for what Mercado Pago says is paid.")
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str, do: object
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=does, description=does, parents=[common])
        command.set_defaults(command=do)
        return command

    add(commands, "run", "the daemon", _run)
    check = add(commands, "check", "try each part of this till, and print the acceptance ticket", _check)
    check.add_argument("--json", action="store_true", help="all that was found, as JSON")
    check.add_argument("--no-order", action="store_true", help="put no order on the till: for one that is selling")
    check.add_argument("--no-ticket", action="store_true", help="print nothing")
    check.add_argument("--button", action="store_true", help="ask for a press of the button; so it is at a terminal")
    check.add_argument("--seconds", type=float, default=20, help="how long a press is waited for; default: 20")
    add(commands, "orders", "the journal as a table", _orders)
    add(commands, "reprint", "print a marked copy of a ticket", _reprint).add_argument("reference")
    report = add(commands, "report", "print the slip of a day, checked against Mercado Pago", _report)
    report.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="default: today")
    printer = add(commands, "printer", "find out how the printer prints, with your help if nobody knows it", _printer)
    printer.add_argument("--calibrate", action="store_true", help="ask, even if the printer is known by its name")
    order = commands.add_parser("order", help="the order on this till, at Mercado Pago")
    orders = order.add_subparsers(required=True, metavar="COMMAND")
    create = add(orders, "create", "put an order on this till; prints its reference", _create)
    create.add_argument("--total", required=True, help="what the customer pays, like 5350.50")
    create.add_argument("--item", action="append", default=[], metavar="TITLE:QUANTITY:UNIT_PRICE")
    create.add_argument("--reference", help="default: a fresh one; never use one twice")
    add(orders, "show", "say which order is on this till", _show)
    add(orders, "cancel", "remove the order from this till", _cancel)
    adopt = add(commands, "adopt", "take over the configuration that lies on the boot partition", None)
    adopt.add_argument("bundle", type=Path, metavar="FOLDER", help="as till-edge provision left it")
    adopt.set_defaults(early=_adopt)
    _add_provision(commands)
    claim = add(commands, "claim", "print a slip with a code, and wait for the bundle of whoever enrolls it", None)
    claim.add_argument(
        "--relay", metavar="URL", help="where to claim; default: what the file relay_url of the card says"
    )
    claim.add_argument("--printer", type=Path, metavar="DEVICE", help="default: the first USB printer")
    claim.add_argument("--state", type=Path, default=Path("/var/lib/till-edge-claim"), help="default: %(default)s")
    claim.set_defaults(early=_claim)
    return parser


if __name__ == "__main__":
    sys.exit(main())
