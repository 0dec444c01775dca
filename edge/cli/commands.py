"""What people and systemd ask of a till that is set up: the daemon, its journal, and the order at Mercado Pago.

Each takes the configuration and what was typed, and returns the exit code. What it takes to run the daemon is imported
only by `run`: the others need neither the broker, nor the printer, nor the pins.
"""

import argparse
import logging
import secrets
import signal
import sys
from datetime import UTC, datetime
from decimal import Decimal

from edge.config.schema import Config, ConfigError
from edge.core import events
from edge.core.order import NEVER
from edge.journal.file import BrokenJournalError
from edge.journal.store import Journal
from edge.machine.facts import version
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.new_order import CHILE, fresh_reference, new_order, read_amount, read_item

FAILED, USAGE = 1, 2

log = logging.getLogger(__name__)


def run(config: Config, options: argparse.Namespace) -> int:
    """The daemon, until it is told to stop."""
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
    return 0


def need_folder(config: Config, options: argparse.Namespace) -> None:
    """Raises `ConfigError` if there is nowhere to remember anything."""
    if not config.journal.path.parent.is_dir():
        raise ConfigError([f"{options.config}: journal.path: there is no folder {config.journal.path.parent}; make it"])


# --- the journal -----------------------------------------------------------------------------------------------------


def orders(config: Config, _: argparse.Namespace) -> int:
    """The journal as a table."""
    journal = _open_journal(config)
    print(f"{'paid':19}  {'stage':11}  {'total':>16}  reference")
    for order in journal.orders():
        paid = order.reading
        dated = paid is not None and paid.paid_at > NEVER
        when = f"{paid.paid_at.astimezone(config.till.timezone):%Y-%m-%d %H:%M:%S}" if paid and dated else "-"
        amount = f"{_amount(paid.total, paid.currency)} {paid.currency}" if paid else "-"
        print(f"{when:19}  {order.stage:11}  {amount:>16}  {order.reference}  {' '.join(order.banners)}".rstrip())
    journal.close()
    return 0


def reprint(config: Config, options: argparse.Namespace) -> int:
    """Leave a wish for a marked copy."""
    journal = _open_journal(config)
    known = {order.reference: order for order in journal.orders()}
    order = known.get(options.reference)
    if order is None or order.reading is None:
        what = f"{options.reference!r} is not paid" if order else f"there is no order {options.reference!r}"
        print(f"till-edge: {what}; `till-edge orders` lists them", file=sys.stderr)
        return FAILED
    journal.request(events.ReprintAsked(options.reference))
    print("asked for: the daemon prints it as a marked copy, now or as soon as it runs")
    return 0


def report(config: Config, options: argparse.Namespace) -> int:
    """Leave a wish for the slip of a day."""
    today = datetime.now(config.till.timezone).date()
    day = options.day or today
    if day > today:
        print(f"till-edge: {day} is still to come: here it is {today}; is this machine's clock right?", file=sys.stderr)
        return USAGE
    _open_journal(config).request(events.DayAsked(day))
    print(f"asked for: the daemon prints the slip of {day}, now or as soon as it runs and Mercado Pago answers")
    return 0


def _open_journal(config: Config) -> Journal:
    path = config.journal.path
    if not path.exists():
        raise ConfigError([f"{path}: there is no journal yet; has the daemon run with this configuration?"])
    try:
        return Journal(path)
    except BrokenJournalError as error:
        raise ConfigError([f"{error}; the daemon mends it when it is started again"]) from error


# --- the order on this till ------------------------------------------------------------------------------------------


def create(config: Config, options: argparse.Namespace) -> int:
    """Put an order on this till."""
    now = datetime.now(UTC)
    reference = options.reference or fresh_reference(config.till.id, now, secrets.token_hex(3))
    items = [read_item(item) for item in options.item]
    order = new_order(config, reference, read_amount(options.total, "the total"), items, now)
    MercadoPago(config.mercadopago, version()).put_order(order)
    print(reference)
    return 0


def show(config: Config, _: argparse.Namespace) -> int:
    """Say which order is on this till."""
    order = MercadoPago(config.mercadopago, version()).order_on_till()
    currency = "CLP" if config.till.timezone.key in CHILE else ""
    print(f"{order.reference}  {_amount(order.total, currency)}" if order else "no order on this till")
    return 0


def _amount(amount: Decimal, currency: str) -> str:
    """As `--total` takes it."""
    return f"{amount:.2f}" if currency != "CLP" or amount % 1 else f"{amount:.0f}"


def cancel(config: Config, _: argparse.Namespace) -> int:
    """Remove the order from this till, unless it may be paid."""
    api = MercadoPago(config.mercadopago, version())
    order = api.order_on_till()
    if order is None:
        print("no order on this till")
        return 0
    tried = api.cancel(order.reference)
    if any(reading.status == "closed" for reading in tried.orders):
        print(f"{order.reference} may be paid already: the till says so on paper if it is", file=sys.stderr)
        return FAILED
    if tried.removal is not events.Removal.DELETED:
        print(f"{order.reference} was not cancelled: {tried.removal}", file=sys.stderr)
        return FAILED
    print(f"{order.reference} cancelled")
    return 0
