"""`till-edge order create|show|cancel`: the order on this till, at Mercado Pago.

Each takes the configuration and what was typed, and returns the exit code.
"""

import argparse
import secrets
import sys
from datetime import UTC, datetime

from edge.cli.exit_codes import DONE, FAILED
from edge.config.schema import Config
from edge.core import events
from edge.machine.facts import version
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.new_order import (
    CHILEAN_TIME_ZONES,
    format_amount,
    fresh_reference,
    new_order,
    parse_amount,
    parse_item,
)


def create(config: Config, options: argparse.Namespace) -> int:
    """Put an order on this till, and print its reference."""
    now = datetime.now(UTC)
    reference = options.reference or fresh_reference(config.till.id, now, secrets.token_hex(3))
    items = [parse_item(item) for item in options.item]
    order = new_order(config, reference, parse_amount(options.total, "the total"), items, now)
    MercadoPago(config.mercadopago, version()).till.put(order)
    print(reference)
    return DONE


def show(config: Config, _: argparse.Namespace) -> int:
    """Print the reference and the total of the order on this till."""
    order = MercadoPago(config.mercadopago, version()).till.order()
    currency = "CLP" if config.till.timezone.key in CHILEAN_TIME_ZONES else ""
    print(f"{order.reference}  {format_amount(order.total, currency)}" if order else "no order on this till")
    return DONE


def cancel(config: Config, _: argparse.Namespace) -> int:
    """Remove the order from this till, unless it may be paid already."""
    api = MercadoPago(config.mercadopago, version())
    order = api.till.order()
    if order is None:
        print("no order on this till")
        return DONE
    tried = api.till.cancel(order.reference)
    if any(merchant_order.status == "closed" for merchant_order in tried.orders):
        print(f"{order.reference} may be paid already: if it is, the till prints its ticket", file=sys.stderr)
        return FAILED
    if tried.removal is not events.Removal.DELETED:
        print(f"{order.reference} was not cancelled: {tried.removal}", file=sys.stderr)
        return FAILED
    print(f"{order.reference} cancelled")
    return DONE
