"""The installer's commands: try each part, find out how the printer prints, adopt or claim a configuration.

Each returns the exit code. Imports are local where they are large, or where a till that sells doesn't have the library.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.commands import need_folder
from edge.cli.exit_codes import BAD_CONFIG, DONE, FAILED, USAGE
from edge.config.schema import Config, ConfigError
from edge.install.check.findings import all_well
from edge.machine.facts import version

if TYPE_CHECKING:
    from edge.core.cashier import Gesture
    from edge.install.check.runner import Check

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def check(config: Config, options: argparse.Namespace) -> int:
    """Try each part. Returns `DONE` if nothing failed."""
    from edge.install.check.hardware import Press
    from edge.install.check.runner import Check, Options
    from edge.paper.escpos import UnknownPrinterError

    _end_gracefully()
    if not options.verbose:  # the findings repeat what the adapters log
        logging.getLogger("edge").setLevel(logging.CRITICAL)
    with_button = options.button or sys.stdin.isatty()
    press = Press(lambda text: print(text, file=sys.stderr, flush=True), options.seconds)
    wanted = Options(
        not options.no_order, not options.no_ticket, press if with_button else Press(), _announcer(options.json)
    )
    try:
        running = Check(config, version(), wanted)
    except (UnknownPrinterError, OSError) as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    with contextlib.closing(running):
        return _report(running, options)


def account(options: argparse.Namespace) -> int:
    """List an account's stores and points of sale. Returns `DONE` if it has some, and nothing is wrong with any."""
    from edge.config.reader import BadValueError
    from edge.config.schema import MercadoPagoConfig
    from edge.config.values import read_token
    from edge.install import account as lists
    from edge.mercadopago.account import read_account
    from edge.mercadopago.clock import ServerClock
    from edge.mercadopago.exchange import Exchange

    try:
        token = read_token(options.token_file)
    except BadValueError as error:
        raise ConfigError([f"--token-file: {error}"]) from None
    unknown = MercadoPagoConfig("", "", "", token, options.api_url)
    with contextlib.closing(Exchange(unknown, version(), ServerClock())) as exchange:
        found = read_account(exchange)
    print(lists.as_csv(found) if options.csv else "\n".join(lists.as_text(found)), end="" if options.csv else "\n")
    for remark in lists.remarks(found) if options.csv else ():
        print(f"till-edge: {remark}", file=sys.stderr)
    well = found.points_of_sale and len(lists.usable(found)) == len(found.points_of_sale)
    return DONE if well and found.complete else FAILED


def _announcer(as_json: bool) -> Callable[[str], None]:
    """Says on a terminal what the check waits for; in a pipe or a log nobody waits."""
    if as_json or not sys.stderr.isatty():
        return lambda _: None
    return lambda what: print(f"...      waits for {what}", file=sys.stderr, flush=True)


def _end_gracefully() -> None:
    """Let the check take its order off the till before it ends, by whatever signal, and however often that comes."""

    def end(*_: object) -> None:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            os.write(2, b"till-edge: ends as soon as it has cleaned up\n")
        raise KeyboardInterrupt

    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup sets that
            signal.signal(number, end)


def _report(running: "Check", options: argparse.Namespace) -> int:
    """Print each finding as it comes; then the ticket, and the record."""
    for finding in running.run():
        if not options.json:
            print(finding.line, flush=True)
    no_ticket = "" if options.no_ticket else running.print_ticket()
    no_record = running.leave_record()
    if options.json:
        print(json.dumps(running.record(), ensure_ascii=False, indent=2))
    for what, why in (("acceptance ticket", no_ticket), ("record at the broker", no_record)):
        if why:
            print(f"no {what}: {why}", file=sys.stderr)
    return DONE if all_well(running.findings) else FAILED


def printer(config: Config, options: argparse.Namespace) -> int:
    """Find out how the printer prints, and keep the answer."""
    from edge.daemon.known_printer import is_open, known_printer_file, save_known_printer
    from edge.install.printer_setup import asks_for_bell, find_out, place_keys
    from edge.paper.escpos import UnknownPrinterError
    from edge.printer.printer import Printer

    need_folder(config, options)
    there, keys = Printer(config.printer), place_keys(config.printer)
    who = there.identity()
    if there.complaint:
        print(f"{options.config}: {keys}: {there.complaint}", file=sys.stderr)
        return FAILED
    silent = f"the printer doesn't say who it is; if no slip comes out, correct {keys} in {options.config}"
    print(f"the printer says that it is {who}" if who else silent)
    if not is_open(config.printer) and not asks_for_bell(config):
        print(f"{options.config} sets its columns and code page, which win; remove them there to have them found out")
        return DONE
    try:
        found = find_out(config, who, _by_keyboard, believe=not options.calibrate, with_button=False)
    except UnknownPrinterError as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    if found is None or None in (found.columns, found.codepage) or not save_known_printer(config.journal.path, found):
        print("till-edge: nothing was found out, and nothing changed", file=sys.stderr)
        return FAILED
    place = known_printer_file(config.journal.path)
    bell = f", bell: {found.bell}" if found.bell else ""
    print(f"kept in {place}: {found.columns} columns, {found.codepage}{bell}; restart the daemon to use it")
    return DONE


def _by_keyboard() -> "Gesture":
    from edge.core.cashier import Gesture

    try:
        answer = input("Is it right: one line, all accents, or a bell that rang? Enter: yes; n: no, the next one. ")
    except EOFError:
        return Gesture.NONE
    return Gesture.HOLD if answer.strip().lower().startswith("n") else Gesture.PRESS


def adopt(options: argparse.Namespace) -> int:
    """Adopt the configuration on the boot partition, or one that was claimed."""
    from edge.install.adopt.boot_partition import hand_over
    from edge.install.adopt.bundle import ACCEPTED, CONFIGURATION

    home = options.config.parent
    # Whatever lies there: its owner may have made a link of it, or a folder.
    claimed = options.claimed is not None and os.path.lexists(options.claimed)
    # An adoption that was accepted before a power cut is finished, whatever has become of the card.
    if not options.bundle.is_dir() and not claimed and not (home / ACCEPTED).exists():
        print(f"till-edge: there is no folder {options.bundle}; give the one that has the bundle", file=sys.stderr)
        return FAILED
    code = _adopt(lambda: hand_over(options.bundle, home), options, options.bundle / CONFIGURATION)
    if not claimed:
        return code
    from edge.install.claim.claimed_bundle import adopt_claimed

    return max(code, _adopt(lambda: adopt_claimed(options.claimed, home), options, options.config))


def _adopt(work: Callable[[], None], options: argparse.Namespace, salvaged: Path) -> int:
    """Return the exit code of an adoption. A till that has no configuration yet prints what is wrong.

    The slip is printed with what can be salvaged of the configuration `salvaged`.
    """
    from edge.install.adopt.boot_partition import CardError
    from edge.install.config_slip import print_config_slip

    try:
        work()
    except CardError as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED
    except ConfigError as error:
        print(error, file=sys.stderr)
        if not options.config.exists():
            print_config_slip(salvaged, error.faults)
        return BAD_CONFIG
    return DONE


def claim(options: argparse.Namespace) -> int:
    """Print a slip with a code, and wait until somebody enrolls it."""
    try:
        from edge.install.claim.claimant import claim as wait_for_bundle
    except ModuleNotFoundError as error:
        if error.name not in ("nacl", "spake2"):
            raise
        needs = "claiming needs PyNaCl and spake2: apt install python3-nacl python3-spake2"
        raise ConfigError([f"{needs}, or pip install 'till-edge[claim]'"]) from None
    try:
        return wait_for_bundle(options, version())
    except ConfigError as error:
        from edge.config.schema import PrinterConfig
        from edge.install.config_slip import print_config_slip

        print_config_slip(options.config, error.faults, printer=PrinterConfig("usb", options.printer))
        raise
    except PermissionError:  # sudo was forgotten
        raise
    except OSError as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED


def provision_has_moved(_: argparse.Namespace) -> int:
    """Cards are made by another program, which a till doesn't have."""
    moved = "cards are now made by till-provision, on the installer's laptop, in a clone: docs/provisioning.md"
    print(f"till-edge: {moved}", file=sys.stderr)
    return USAGE
