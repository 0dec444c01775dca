"""How soon does a till find a sale whose doorbells were lost when the broker was killed?

`python -m benchmarks.forgetful_broker --rounds 10`. The till is off; a sale is paid, and the relay answers 201; the
broker is killed with mosquitto's default persistence and started again; the till is switched on. The time is taken from
the running daemon to the ticket.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sim.shop import Shop, wait_for

NOTIFICATIONS_PER_SALE = 3
"""Of one that is paid without a scan."""


def run(rounds: int, folder: Path) -> int:
    """Returns the exit code."""
    shop = Shop(folder)
    shop.broker.durable = False
    found = []
    with shop:
        for number in range(rounds):
            shop.wait_for_state("ready")
            found.append(forget_one(shop, number))
        tickets = len(shop.printer.tickets)
    doorbells = rounds * NOTIFICATIONS_PER_SALE
    print(f"{rounds} sales whose {doorbells} doorbells were acknowledged and lost: {tickets} tickets")
    slowest, median = max(found), statistics.median(found)
    print(f"from the daemon's start to the ticket: {min(found):.1f} to {slowest:.1f} s, median {median:.1f} s")
    return 0 if tickets == rounds else 1


def forget_one(shop: Shop, number: int) -> float:
    """One sale whose doorbells are lost. Returns the seconds from the running daemon to its ticket."""
    before, taken = len(shop.printer.tickets), _taken(shop)
    shop.board.log_says("Swept(")  # a sale paid before the first sweep would come as a copy
    shop.board.pull_the_plug()
    shop.sell(f"sale-{number}")
    wait_for(lambda: _taken(shop) >= taken + NOTIFICATIONS_PER_SALE, "the relay took the notifications")
    shop.broker.kill()
    shop.broker.start()
    shop.board.plug_in()
    began = time.monotonic()
    shop.printer.wait_for_tickets(before + 1, timeout=120)
    return time.monotonic() - began


def _taken(shop: Shop) -> int:
    return sum(status == 201 for _, status in shop.mercadopago.notifier.answers)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.forgetful_broker")
    parser.add_argument("--rounds", type=int, default=10)
    with tempfile.TemporaryDirectory() as folder:
        return run(parser.parse_args().rounds, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
