"""How many requests a minute does one till ask of Mercado Pago, that is, of what its account may ask?

`python -m benchmarks.account_share` counts what reaches the simulated Mercado Pago while nothing is sold, while an
order waits, in a sale, without a relay, and while everything is answered 429. It takes six minutes for each API.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sim.mercadopago.http import Fault
from sim.shop import Shop

MINUTE_S = 60.0
AFTER_FIRST_CHECK_S = 40.0
"""An order waits in earnest when its first question was asked."""
SETTLE_S = 5.0
APIS = ("instore", "orders")


def main() -> None:
    for api in APIS:
        with tempfile.TemporaryDirectory() as folder, Shop(Path(folder), api=api) as shop:
            measure(shop)


def measure(shop: Shop) -> None:
    """Print a line for each situation."""
    time.sleep(SETTLE_S)
    count(shop, "at rest")
    count(shop, "a sale, from the order to the ticket", lambda: sell(shop))
    shop.mercadopago.put_order("waits", "100.00", notification_url=shop.notification_url)
    shop.board.press()
    time.sleep(AFTER_FIRST_CHECK_S)
    count(shop, "an order waits")
    shop.relay.stop()
    time.sleep(SETTLE_S)
    count(shop, "an order waits, without a relay")
    shop.mercadopago.pay()
    shop.wait_for_outcome("printed", 2)
    time.sleep(SETTLE_S)
    count(shop, "at rest, without a relay")
    shop.mercadopago.faults.append(Fault("status", status=429))
    count(shop, "at rest, without a relay, all is answered 429")


def count(shop: Shop, what: str, act: Callable[[], object] = lambda: time.sleep(MINUTE_S)) -> None:
    """Print how many requests came in while `act` lasted; as a rule, a minute."""
    before = len(shop.mercadopago.requests)
    act()
    print(f"{shop.api:8} {len(shop.mercadopago.requests) - before:4}  {what}", flush=True)


def sell(shop: Shop) -> None:
    shop.sell("a-sale")
    shop.wait_for_outcome("printed")
    time.sleep(SETTLE_S)


if __name__ == "__main__":
    main()
