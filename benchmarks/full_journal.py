"""A journal with many finished orders, as a till has it after weeks; made with the till's own code."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.contenders import GOODS
from edge.core.lifecycle import Order, Stage
from edge.core.order import Item, MerchantOrder, Payment
from edge.core.orders import Orders
from edge.core.state import Durable
from edge.core.sweeps import History
from edge.journal.store import open_journal
from sim.mercadopago import MercadoPago
from sim.shop import POS

REMEMBERED = timedelta(days=29)
"""A till forgets orders of more than 30 days ago."""


def fill(path: Path, count: int) -> None:
    """Make a journal with so many printed orders, evenly over the days that a till remembers."""
    now, user = datetime.now(UTC), MercadoPago().user_id
    orders = Orders.of(_printed(number, now - REMEMBERED * (1 - number / count), user) for number in range(count))
    history = History(swept_until=now, complete_since=now - REMEMBERED)
    journal, empty = open_journal(path, f"{user}/{POS}", 0.0)
    journal.save(empty, Durable(orders=orders, history=history))
    journal.close()


def _printed(number: int, at: datetime, user: str) -> Order:
    items = tuple(Item(title, Decimal(quantity), Decimal(price)) for title, quantity, price in GOODS)
    total = sum((item.amount for item in items), Decimal(0))
    payment = Payment(f"97{number:09}", "approved", total, Decimal(0), "ARS", at)
    reading = MerchantOrder(
        id=f"30{number:09}",
        status="closed",
        order_status="paid",
        external_reference=f"before-{number:06}",
        collector_id=user,
        cancelled=False,
        total=total,
        site="MLA",
        items=items,
        payments=(payment,),
    )
    return Order(reading.external_reference, Stage.PRINTED, reading=reading, first_finished_at=at)
