"""Sells for minutes while something fails every few seconds, then reads the paper and weighs the daemon.

`python -m qa.soak --sales N`; `make soak` sells 2,000: forty days of fifty by Mercado Pago's clock, so that the till
forgets what is older than `keep_days` and its memory should stop growing. The power fails only in the first quarter:
the rest is one life of the daemon, whose memory, threads and open files are watched.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa.torture import by_sale, described, on_paper
from sim.mercadopago import Fault, MercadoPago
from sim.printer.printer import Printer
from sim.shop import Shop, wait_for

SALE_INTERVAL_S = 0.15
"""As long as the till keeps up."""
MAX_UNPRINTED = 40
RUN_TIMEOUT_S = 540.0
SALES_A_DAY = 50
KEEP_DAYS = 14
"""The smallest `journal.keep_days` that the configuration allows."""
FAULT_INTERVAL_S = (1.0, 4.0)
"""From the end of one fault to the next."""
FAULT_LASTS_S = (0.0, 2.5)
"""At its shortest a roll is changed between two looks at the printer."""


@dataclass(frozen=True)
class Weight:
    """The daemon at one moment of its life."""

    at: float
    sold: int
    rss: int
    """Kilobytes."""
    threads: int
    files: int


def weigh(pid: int, sold: int) -> Weight:
    """Raises `OSError` if the process is gone."""
    facts = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Weight(time.monotonic(), sold, int(facts["VmRSS"].split()[0]), int(facts["Threads"]), files)


@dataclass
class Soak:
    """One run."""

    shop: Shop
    sales: int
    chance: random.Random
    sold: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    weights: list[Weight] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _on_paper: set[str] = field(default_factory=set)
    _read: int = 0

    def run(self) -> None:
        with ThreadPoolExecutor(1, "spoiler") as pool:
            spoiling = pool.submit(self._spoil)
            try:
                self._sell()
            finally:
                self.over.set()
        spoiling.result()  # if it died, nothing failed any more and the run proves nothing
        try:
            wait_for(lambda: self._printed() >= set(self.sold), "all is on paper", 120)
        except TimeoutError as error:
            missing = sorted(set(self.sold) - self._printed())
            raise TimeoutError(f"{error}; missing: {[self._story_of(sale) for sale in missing]}") from None

    def _story_of(self, sale: str) -> str:
        """The papers of a sale, and its lines in the log."""
        pieces = [f"cut={each.cut} interrupted={each.interrupted}" for each in by_sale(self.shop.printer.tickets)[sale]]
        lines = self.shop.board.log.read_text(errors="replace").splitlines()
        where = [number for number, line in enumerate(lines) if f"{sale}: " in line]
        story = [line[:160] for line in lines[where[0] : where[-1] + 5] if "DEBUG" not in line or "Ticket" in line]
        return "\n".join([sale, *pieces, *story]) if where else sale

    def _sell(self) -> None:
        ends = time.monotonic() + RUN_TIMEOUT_S
        for number in range(self.sales):
            if time.monotonic() > ends:
                raise TimeoutError(f"{number} of {self.sales} sales in {RUN_TIMEOUT_S:.0f} s; faults: {self.faults}")
            if number and number % 500 == 0:
                print(f"{number} sold, {len(self._printed())} printed", flush=True)
            reference = f"sale-{number}"
            self.shop.sell(reference)
            self.sold.append(reference)
            if number % 10 == 0 and number > self.sales / 3:  # the last power cut is surely over
                self.weights.append(weigh(self.shop.board.pid, number))
            if len(self.sold) % SALES_A_DAY == 0:
                self._sleep()
            time.sleep(SALE_INTERVAL_S)
            wait_for(lambda: len(self.sold) - len(self._printed()) < MAX_UNPRINTED, "the till keeps up", 60)

    def _sleep(self) -> None:
        """The shop closes when the last ticket is out, and opens a day later."""
        wait_for(lambda: self._printed() >= set(self.sold), "the day's tickets are out", 60)
        self.shop.mercadopago.account.advance(24 * 3600)

    @property
    def _one_life(self) -> bool:
        return len(self.sold) > self.sales / 4

    def _printed(self) -> set[str]:
        """The sales with a whole ticket. Paper and not reports, which a dead broker would hold back."""
        fresh = self.shop.printer.tickets[self._read :]
        self._read += len(fresh)
        self._on_paper |= on_paper(fresh)
        return self._on_paper

    def _spoil(self) -> None:
        while not self.over.wait(self.chance.uniform(*FAULT_INTERVAL_S)):
            name, fault = self.chance.choice(list(FAULTS.items()))
            if fault is power_cut and self._one_life:
                continue
            self.faults[name] += 1
            fault(self.shop, self.chance.uniform(*FAULT_LASTS_S))


def power_cut(shop: Shop, seconds: float) -> None:
    shop.board.pull_the_plug()
    time.sleep(seconds / 4)
    shop.board.plug_in()


def then(begin: Callable[[Shop], object], end: Callable[[Shop], object]) -> Callable[[Shop, float], None]:
    """Something fails, and is mended after some seconds."""

    def fault(shop: Shop, seconds: float) -> None:
        begin(shop)
        time.sleep(seconds)
        end(shop)

    return fault


def api(kind: str, **how: Any) -> Callable[[Shop, float], None]:
    """A fault is used up when it happens, so each one is made anew."""
    return then(
        lambda shop: shop.mercadopago.faults.append(Fault(kind, **how)), lambda shop: shop.mercadopago.faults.clear()
    )


def drop_notifications(shop: Shop, drop: bool) -> None:
    shop.mercadopago.habits.drop = drop


def rumours(shop: Shop) -> None:
    first = random.randrange(10**9)
    for number in range(first, first + 50):
        shop.ring(number)


FAULTS: dict[str, Callable[[Shop, float], None]] = {
    "power cut": power_cut,
    "paper out": then(lambda shop: shop.printer.paper_out(), lambda shop: shop.printer.load_paper()),
    "paper out in mid-ticket": then(lambda shop: shop.printer.paper_out(5), lambda shop: shop.printer.load_paper()),
    "cover open": then(lambda shop: shop.printer.open_cover(), lambda shop: shop.printer.close_cover()),
    "printer off": then(lambda shop: shop.printer.switch_off(), lambda shop: shop.printer.switch_on()),
    "cutter jam": then(lambda shop: shop.printer.jam(at_cut=True), lambda shop: shop.printer.clear_jam()),
    "broker restarted": then(lambda shop: shop.broker.stop(), lambda shop: shop.broker.start()),
    "broker killed": then(lambda shop: shop.broker.kill(), lambda shop: shop.broker.start()),
    "relay killed": then(lambda shop: shop.relay.kill(), lambda shop: shop.relay.start()),
    "Mercado Pago away": then(lambda shop: shop.mercadopago.go_away(), lambda shop: shop.mercadopago.come_back()),
    "Mercado Pago answers 500": api("status", status=500),
    "Mercado Pago answers HTML": api("html"),
    "answers cut off": api("cut", times=5),
    "answers late": api("hang", seconds=0.5),
    "notifications lost": then(
        lambda shop: drop_notifications(shop, True), lambda shop: drop_notifications(shop, False)
    ),
    "fifty rumours": then(rumours, lambda _: None),
}


def slope(weights: list[Weight]) -> float:
    """Kilobytes per minute: least squares through the second half of a life, for the first half fills caches."""
    late = weights[len(weights) // 2 :]
    middle = sum(weight.at for weight in late) / len(late)
    mean = sum(weight.rss for weight in late) / len(late)
    spread = sum((weight.at - middle) ** 2 for weight in late)
    return 60 * sum((weight.at - middle) * (weight.rss - mean) for weight in late) / spread


def growth(soak: Soak) -> float:
    """Kilobytes of memory for each sale of the second half of a life."""
    late = soak.weights[len(soak.weights) // 2 :]
    minutes = (late[-1].at - late[0].at) / 60
    return slope(soak.weights) * minutes / (late[-1].sold - late[0].sold)


@contextmanager
def soaked(sales: int, seed: int = 1, software: str = "instore"):
    """A shop that has made so many sales, not yet closed."""
    with opened(software) as shop:
        soak = Soak(shop, sales, random.Random(seed))
        soak.run()
        yield soak


@contextmanager
def opened(software: str = "instore"):
    """A shop in which days can leap."""
    shop_settings = {
        "watch": {"first_check_seconds": 2, "check_every_seconds": 2, "idle_every_seconds": 5},
        "journal": {"keep_days": KEEP_DAYS},
    }
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), shop_settings, MercadoPago(), Printer(columns=48), api=software)
        # The till's own clock stays where it is. One that never agreed with Mercado Pago's is overruled in seconds; one
        # that did in ten minutes, in which no sweep would see the new day's sales.
        shop.mercadopago.account.advance(24 * 3600)
        with shop:
            # Who began the journal marks what is paid long after the hour by which it began, and here each day leaps.
            power_cut(shop, 0)
            shop.wait_for_state("ready")
            yield shop


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser("python -m qa.soak")
    parser.add_argument("--sales", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--api", choices=("instore", "orders"), default="instore", help="which of Mercado Pago's APIs")
    options = parser.parse_args()
    began = time.monotonic()
    with soaked(options.sales, options.seed, options.api) as soak:
        seconds = time.monotonic() - began
        papers = by_sale(soak.shop.printer.tickets)
        seen = Counter(described(papers[reference]) for reference in soak.sold)
        soak.weights.append(weigh(soak.shop.board.pid, len(soak.sold)))
        return report(soak, seen, seconds)


def report(soak: Soak, seen: Counter[str], seconds: float) -> int:
    """Print the figures. Returns the exit code."""
    print(f"{len(soak.sold)} sales in {seconds:.0f} s, {sum(soak.faults.values())} faults:")
    print("  " + ", ".join(f"{count} {name}" for name, count in sorted(soak.faults.items())))
    for what, count in sorted(seen.items()):
        print(f"{what:24} {count:5}")
    first, last = soak.weights[0], soak.weights[-1]
    print("memory, KB: " + " ".join(f"{weight.sold}:{weight.rss}" for weight in soak.weights[::12]))
    print(
        f"the daemon's last life, {last.at - first.at:.0f} s: memory {first.rss} -> {last.rss} KB, "
        f"{slope(soak.weights):+.0f} KB a minute in its second half "
        f"({growth(soak):+.2f} KB a sale); "
        f"threads {first.threads} -> {last.threads}; open files {first.files} -> {last.files}"
    )
    bad = seen["LOST"] + seen["TWO UNMARKED"] + (last.threads > first.threads) + (last.files > first.files + 1)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
