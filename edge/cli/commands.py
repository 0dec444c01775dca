"""The daemon, and the commands that read or add to its journal.

Each takes the configuration and what was typed, and returns the exit code. What the daemon needs is imported only by
`run`: the others need neither the broker, nor the printer, nor the pins.
"""

import argparse
import contextlib
import logging
import signal
import sys
from datetime import datetime

from edge.cli.exit_codes import DONE, FAILED, USAGE
from edge.cli.orders_view import View
from edge.config.schema import Config, ConfigError
from edge.core import events
from edge.core.lifecycle import Order
from edge.core.lookup import candidates, find
from edge.journal.file import BrokenJournalError
from edge.journal.store import Journal
from edge.machine.facts import version

log = logging.getLogger(__name__)


def run(config: Config, options: argparse.Namespace) -> int:
    """Run the daemon until a signal stops it."""
    from edge.daemon.assembly import assemble
    from edge.machine.panel import PanelError
    from edge.paper.escpos import UnknownPrinterError

    need_folder(config, options)
    try:
        daemon = assemble(config, version())
    except UnknownPrinterError as error:
        raise ConfigError([f"{options.config}: printer: {error}"]) from error
    except PanelError as error:
        raise ConfigError([f"{options.config}: panel: {error}"]) from error
    log.info("till %s, version %s, journal %s", config.till.id, version(), config.journal.path)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    daemon.run()
    log.info("stopped")
    return DONE


def need_folder(config: Config, options: argparse.Namespace) -> None:
    """Raise `ConfigError` if the journal's folder doesn't exist."""
    if not config.journal.path.parent.is_dir():
        raise ConfigError([f"{options.config}: journal.path: there is no folder {config.journal.path.parent}; make it"])


# --- the journal -----------------------------------------------------------------------------------------------------


def orders(config: Config, options: argparse.Namespace) -> int:
    """Print the orders in the journal, and what a person must look at."""
    with contextlib.closing(_open_journal(config, read_only=True)) as journal:
        view = View.of(journal.orders(), journal.notices(), config.till.timezone, options.day, options.limit)
    print(view.as_json() if options.json else "\n".join(view.table()))
    return DONE


def reprint(config: Config, options: argparse.Namespace) -> int:
    """Leave a request for a marked copy of a ticket."""
    with contextlib.closing(_open_journal(config)) as journal:
        order = _last(journal) if options.last else _find(journal, options.wanted)
        if isinstance(order, str):
            print(f"till-edge: {order}", file=sys.stderr)
            return FAILED
        journal.request(events.ReprintAsked(order.reference))
    print(f"asked for: the daemon prints {order.reference} as a marked copy, now or as soon as it runs")
    return DONE


def _find(journal: Journal, wanted: str) -> Order | str:
    """The paid order that a person means, or why there is none, in words."""
    notices = journal.notices()
    found = find(journal.orders(), (*notices, *notices.seen), wanted)
    if not found:
        return f"there is no order {wanted!r}, nor an operation, nor one that ends so; `till-edge orders` lists them"
    if len(found) > 1:
        return f"{wanted!r} may be each of these: {candidates(found)}; write more of it"
    return found[0] if found[0].reading else f"{found[0].reference!r} is not paid; `till-edge orders` lists them"


def _last(journal: Journal) -> Order | str:
    """The order whose ticket came out last."""
    last = journal.last_ticket()
    order = next((order for order in journal.orders() if last and order.reference == last.reference), None)
    return order or "no ticket has come out of this till yet; `till-edge orders` lists the orders"


def report(config: Config, options: argparse.Namespace) -> int:
    """Leave a request for the slip of a day."""
    today = datetime.now(config.till.timezone).date()
    day = options.day or today
    if day > today:
        print(f"till-edge: {day} is still to come: here it is {today}; is this machine's clock right?", file=sys.stderr)
        return USAGE
    _open_journal(config).request(events.DayAsked(day))
    print(f"asked for: the daemon prints the slip of {day}, now or as soon as it runs and Mercado Pago answers")
    return DONE


def _open_journal(config: Config, read_only: bool = False) -> Journal:
    path = config.journal.path
    if not path.exists():
        raise ConfigError([f"{path}: there is no journal yet; has the daemon run with this configuration?"])
    try:
        return Journal(path, read_only)
    except BrokenJournalError as error:
        raise ConfigError([f"{error}; the daemon repairs it when it is next started"]) from error
