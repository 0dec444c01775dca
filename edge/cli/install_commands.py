"""What an installer asks of a till: take over a configuration, find out how the printer prints, try each part.

Each returns the exit code. What it takes is imported where it is needed: some of it is large, and some of it a till
that sells doesn't have.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from edge.cli.commands import FAILED, need_folder
from edge.config.schema import Config, ConfigError
from edge.install.check.findings import all_well
from edge.machine.facts import version

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

if TYPE_CHECKING:
    from edge.core.cashier import Gesture
    from edge.install.check.check import Check


def check(config: Config, options: argparse.Namespace) -> int:
    """Try each part; the exit code says whether all is well."""
    from edge.install.check.check import Check, Options
    from edge.install.check.parts import Press
    from edge.paper.escpos import UnknownPrinterError

    _end_once()
    if not options.verbose:  # what the adapters log is in the findings
        logging.getLogger("edge").setLevel(logging.CRITICAL)
    asked = options.button or sys.stdin.isatty()
    press = Press(lambda text: print(text, file=sys.stderr, flush=True), options.seconds)
    wanted = Options(not options.no_order, not options.no_ticket, press if asked else Press())
    try:
        trial = Check(config, version(), wanted)
    except (UnknownPrinterError, OSError) as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    with contextlib.closing(trial):
        return _tell(trial, options)


def _end_once() -> None:
    """Whatever ends us, be it systemd or a line that breaks, or twice Ctrl-C: our order leaves the till first."""

    def end(*_: object) -> None:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            os.write(2, b"till-edge: ends as soon as nothing of it is left\n")
        raise KeyboardInterrupt

    for number in ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, end)


def _tell(trial: "Check", options: argparse.Namespace) -> int:
    """Say what is found, as it is found; then the ticket, and the record."""
    for finding in trial.run():
        if not options.json:
            print(finding.line, flush=True)
    ticket = "" if options.no_ticket else trial.print_ticket()
    left = trial.leave_record()
    if options.json:
        print(json.dumps(trial.record(), ensure_ascii=False, indent=2))
    for what, why in (("acceptance ticket", ticket), ("record at the broker", left)):
        if why:
            print(f"no {what}: {why}", file=sys.stderr)
    return 0 if all_well(trial.findings) else FAILED


def printer(config: Config, options: argparse.Namespace) -> int:
    """Find out how the printer prints, and keep it."""
    from edge.daemon.known_printer import is_open, known_printer_file, save_known_printer
    from edge.daemon.printer_setup import find_out, identify
    from edge.paper.escpos import UnknownPrinterError

    need_folder(config, options)
    who = identify(config.printer)
    print(f"the printer says that it is {who}" if who else "the printer doesn't say who it is")
    if not is_open(config.printer):
        print(f"{options.config} has its columns and code page, which win; remove them there to have them found out")
        return 0
    try:
        found = find_out(config, who, _by_keyboard, believe=not options.calibrate, with_button=False)
    except UnknownPrinterError as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    if found is None or None in (found.columns, found.codepage) or not save_known_printer(config.journal.path, found):
        print("till-edge: nothing was found out, and nothing changed", file=sys.stderr)
        return FAILED
    place = known_printer_file(config.journal.path)
    print(f"kept in {place}: {found.columns} columns, {found.codepage}; restart the daemon to use it")
    return 0


def _by_keyboard() -> "Gesture":
    from edge.core.cashier import Gesture

    try:
        said = input("Is the slip right: one line, or all accents? Enter: yes; n: no, print the next one. ")
    except EOFError:
        return Gesture.NONE
    return Gesture.HOLD if said.strip().lower().startswith("n") else Gesture.PRESS


def adopt(options: argparse.Namespace) -> int:
    """Take over the configuration that lies on the boot partition. A till that has none yet says on paper why not."""
    from edge.install.adopt.boot_partition import CardError, hand_over
    from edge.install.adopt.bundle import ACCEPTED, CONFIGURATION
    from edge.install.config_slip import say_on_paper

    home = options.config.parent
    # At boot what was accepted before is finished, whatever has become of the card.
    if not options.bundle.is_dir() and not (home / ACCEPTED).exists():
        print(f"till-edge: there is no folder {options.bundle}; name the one that has the bundle", file=sys.stderr)
        return FAILED
    try:
        hand_over(options.bundle, home)
    except CardError as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED
    except ConfigError as error:
        if not options.config.exists():
            say_on_paper(options.bundle / CONFIGURATION, error.faults)
        raise
    return 0


def claim(options: argparse.Namespace) -> int:
    """Print a slip with a code, and wait until somebody enrolls it."""
    try:
        from edge.install.claim.claim import claim as wait_for_bundle
    except ModuleNotFoundError as error:
        if error.name != "nacl":
            raise
        raise ConfigError(
            ["claiming needs PyNaCl: apt install python3-nacl, or pip install 'till-edge[claim]'"]
        ) from None
    try:
        return wait_for_bundle(options, version())
    except ConfigError as error:
        from edge.config.schema import PrinterConfig
        from edge.install.config_slip import say_on_paper

        say_on_paper(options.config, error.faults, printer=PrinterConfig("usb", options.printer))
        raise
    except OSError as error:
        print(f"till-edge: {error}", file=sys.stderr)
        return FAILED


def on_a_till(_: argparse.Namespace) -> int:
    """A till doesn't have the program that makes cards."""
    print("till-edge: cards are made on the installer's laptop, in a clone: docs/provisioning.md", file=sys.stderr)
    return FAILED
