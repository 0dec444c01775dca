"""The daemon, and the commands that read or add to its journal.

Each takes the configuration and what was typed, and returns the exit code. What the daemon needs is imported only by
`run`: the others need neither the broker, nor the printer, nor the pins.
"""

import argparse
import logging
import signal
import sys
from datetime import datetime

from edge.cli.exit_codes import DONE, FAILED, USAGE
from edge.config.schema import Config, ConfigError
from edge.core import events
from edge.core.order import NEVER
from edge.journal.file import BrokenJournalError
from edge.journal.store import Journal
from edge.machine.facts import version
from edge.mercadopago.new_order import format_amount

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


def orders(config: Config, _: argparse.Namespace) -> int:
    """Print the orders in the journal as a table."""
    journal = _open_journal(config, read_only=True)
    print(f"{'paid':19}  {'stage':11}  {'total':>16}  reference")
    for order in journal.orders():
        paid = order.reading
        dated = paid is not None and paid.paid_at > NEVER
        when = f"{paid.paid_at.astimezone(config.till.timezone):%Y-%m-%d %H:%M:%S}" if paid and dated else "-"
        amount = f"{format_amount(paid.total, paid.currency)} {paid.currency}" if paid else "-"
        print(f"{when:19}  {order.stage:11}  {amount:>16}  {order.reference}  {' '.join(order.banners)}".rstrip())
    journal.close()
    return DONE


def reprint(config: Config, options: argparse.Namespace) -> int:
    """Leave a request for a marked copy of a ticket."""
    journal = _open_journal(config)
    known = {order.reference: order for order in journal.orders()}
    order = known.get(options.reference)
    if order is None or order.reading is None:
        what = f"{options.reference!r} is not paid" if order else f"there is no order {options.reference!r}"
        print(f"till-edge: {what}; `till-edge orders` lists them", file=sys.stderr)
        return FAILED
    journal.request(events.ReprintAsked(options.reference))
    print("asked for: the daemon prints it as a marked copy, now or as soon as it runs")
    return DONE


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
