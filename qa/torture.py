"""Kills the real daemon (SIGKILL) at random moments between doorbell and paper, then reads the paper.

`python -m qa.torture --kills N` prints how often the paper showed what; `make torture` kills 200 times.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from sim.printer.paper import Ticket
from sim.shop import Shop, wait_for

MAX_LIFE_S = 0.12
"""From the payment to the kill; a sale takes less than half of it."""


def kill_during_sales(shop: Shop, kills: int, seed: int = 1) -> Counter[str]:
    """Sell, and cut the power once during each sale. Returns how many sales left which papers."""
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(kills):
        reference = f"sale-{number}"
        shop.sell(reference)
        time.sleep(chance.uniform(0, MAX_LIFE_S))
        shop.board.pull_the_plug()
        shop.board.plug_in()
        wait_for(lambda ref=reference: settled(shop, ref), f"{reference} is settled")
        seen[described(by_sale(shop.printer.tickets)[reference])] += 1
    return seen


def settled(shop: Shop, reference: str) -> bool:
    """Whether the till has reported that this ticket is out."""
    ends = ("printed", "copy", "unconfirmed")
    return any(each["external_reference"] == reference and each["outcome"] in ends for each in shop.outcomes)


def by_sale(tickets: Iterable[Ticket]) -> dict[str, list[Ticket]]:
    """The pieces of paper of each sale. All in one go, for it takes long to draw a ticket's text."""
    papers: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        for sale in {word for word in ticket.text.split() if word.startswith("sale-")}:
            papers[sale].append(ticket)
    return papers


def on_paper(tickets: Iterable[Ticket]) -> set[str]:
    """The sales that have a whole ticket, marked or not."""
    return set(by_sale(ticket for ticket in tickets if ticket.complete))


def described(papers: Iterable[Ticket]) -> str:
    """Which papers one sale left, in words."""
    whole = [ticket for ticket in papers if ticket.complete]
    unmarked = [ticket for ticket in whole if "COPIA" not in ticket.text]
    if not whole:
        return "LOST"
    if len(unmarked) > 1:
        return "TWO UNMARKED"
    if len(whole) == 1:
        return "one ticket" if unmarked else "one ticket, marked"
    return "one, and a marked copy"


def main() -> int:
    """Torture a shop. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m qa.torture")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--api", choices=("instore", "orders"), default="instore", help="which of Mercado Pago's APIs")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Shop(Path(folder), api=options.api) as shop:
        seen = kill_during_sales(shop, options.kills)
    for what, count in sorted(seen.items()):
        print(f"{what:24} {count:5}")
    print(f"{options.kills} kills in {time.monotonic() - began:.0f} s")
    return 1 if seen["LOST"] or seen["TWO UNMARKED"] else 0


if __name__ == "__main__":
    sys.exit(main())
