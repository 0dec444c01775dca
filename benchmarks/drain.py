"""How long do hundreds of paid orders take that waited for the end of an outage?

Doorbells that waited at the broker while the till was off; doorbells that rang while Mercado Pago was gone; and no
doorbells at all, for the broker was gone: till-edge asks by itself then.
"""

import time
from pathlib import Path

from benchmarks.contenders import Contender, TillEdge, pair
from benchmarks.figures import Cell, Figure, Limit, Part, Table, Unmeasured, ratio

PER_SALE = 2.5
"""Of 200 sales it makes 500 paid orders."""
DELAY_S = 0.05
"""How long Mercado Pago takes to answer each question."""
OUTAGE_S = 12.0
"""For so long it is gone after the last doorbell: a till that asks again asks as seldom as it ever does by then."""
DRAIN_TIMEOUT_S = 120.0
PAYMENT_EVERY_S = 0.01
"""A till's search goes on from the second in which a piece of it ended; no point of sale has 150 payments in one."""
LOST: Figure = Unmeasured("it loses them all")

LIMITS = (
    Limit("drain after the till was off, till-edge / bare script", 1.3),
    Limit("drain after Mercado Pago was gone, till-edge / bare script after it was off", 1.3),
)
HEAD = ("the outage", "bare script: s", "till-edge: s", "ratio")
NOTE = """\
{count} orders are paid in an outage, and Mercado Pago takes {delay:.0f} ms for each answer. The time runs from the end
of the outage to the last whole ticket. *The till was off*: the doorbells waited at the broker; the time begins with the
start of the process. *Mercado Pago was gone*, for {outage:.0f} s after the last doorbell: the bare script's questions
fail, and it prints none of these orders; the ratio is to its time after it was off. till-edge asks again after some
seconds, which is in the time, and in the next row isn't. *The broker was gone*: nobody could ring. till-edge asks
Mercado Pago by itself, and prints while the broker is still gone; the time begins with the last payment."""


def measure(folder: Path, sales: int) -> Part:
    """The three outages."""
    count = int(sales * PER_SALE)
    with pair(folder / "drain") as both:
        for contender in both.both:
            contender.sell()
            contender.settle()
            contender.delay(DELAY_S)
        off = {contender: waited(contender, count) for contender in both.both}
        api, broker = without_api(both.ours, count), without_broker(both.ours, count)
    return _part(count, off[both.ours], off[both.theirs], api, broker)


def _part(count: int, ours: float, theirs: float, api: tuple[float, float], broker: float) -> Part:
    whole, waiting = api
    rows: tuple[tuple[Cell, ...], ...] = (
        ("the till was off", theirs, ours, ratio(ours, theirs)),
        ("Mercado Pago was gone", LOST, whole, ratio(whole, theirs)),
        ("the same, from its first question on", LOST, whole - waiting, ratio(whole - waiting, theirs)),
        ("the broker was gone", LOST, broker, ratio(broker, theirs)),
    )
    note = NOTE.format(count=count, delay=DELAY_S * 1000, outage=OUTAGE_S)
    table = Table(f"{count} paid orders after an outage", note, HEAD, rows)
    return Part((table,), (ratio(ours, theirs), ratio(whole, theirs)))


def waited(contender: Contender, count: int) -> float:
    """Seconds that it takes for so many doorbells that wait when it is switched on."""
    contender.stop()
    for identity in paid(contender, count):
        contender.ring(identity)
    began = time.monotonic()
    contender.launch()
    return drained(contender, began)


def without_api(till: TillEdge, count: int) -> tuple[float, float]:
    """Seconds from the return of Mercado Pago to the last ticket, and to the first question."""
    orders = paid(till, count)
    till.shop.mercadopago.go_away()
    for identity in orders:
        till.ring(identity)
    time.sleep(OUTAGE_S)
    began, asked = time.monotonic(), len(till.shop.mercadopago.requests)
    till.shop.mercadopago.come_back()
    took = drained(till, began)
    return took, till.shop.mercadopago.requests[asked].at - began


def without_broker(till: TillEdge, count: int) -> float:
    """Seconds from the last payment, of which nobody tells the till."""
    till.shop.broker.stop()
    paid(till, count)
    began = time.monotonic()
    till.shop.printer.wait_for_tickets(till.sold, DRAIN_TIMEOUT_S)
    took = time.monotonic() - began
    till.shop.broker.start()
    till.wait_for_tickets()
    return took


def paid(contender: Contender, count: int) -> list[str]:
    """What the doorbells of so many orders name that were paid just now."""

    def order() -> str:
        identity = contender.put()
        contender.pay()
        time.sleep(PAYMENT_EVERY_S)
        return identity

    return [order() for _ in range(count)]


def drained(contender: Contender, began: float) -> float:
    """Wait for the last ticket. Returns the seconds since the outage ended, at `began`."""
    contender.shop.printer.wait_for_tickets(contender.sold, DRAIN_TIMEOUT_S)
    took = time.monotonic() - began
    contender.wait_for_tickets()
    return took
