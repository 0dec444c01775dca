"""The benchmark still runs with the parts that ship: both sell, and what it measures can be."""

import pytest

from benchmarks.contenders import pair
from benchmarks.latency import Situation, one
from benchmarks.process import cpu_s, resident_kib, threads
from sim.shop import wait_for

pytestmark = pytest.mark.slow
SALES = 3
DELAY_S = 0.05
SLACK_S = 5.0
"""More than a busy machine adds."""


@pytest.mark.parametrize("api", ["instore", "orders"])
def test_both_sell_and_neither_is_faster_than_mercado_pago(tmp_path, api):
    with pair(tmp_path / "shops", api) as both:
        found = one(both, Situation(api, DELAY_S, seen=True), SALES)
        both.settle()
        assert all(len(contender.shop.printer.tickets) == contender.sold for contender in both.both)
        assert all(cpu_s(contender.pid) > 0 and resident_kib(contender.pid) > 0 for contender in both.both)
        assert {"MainThread", "broker", "hands"} <= set(both.ours.shop.board.threads.values())
        assert set(both.ours.shop.board.threads) <= set(threads(both.ours.pid))
    for values in (found.ours, found.theirs):
        assert len(values) == SALES
        assert all(DELAY_S < value < DELAY_S + SLACK_S for value in values)


def test_an_order_that_was_noticed_waits_on_the_till(tmp_path):
    with pair(tmp_path / "shops") as both:
        both.ours.announce(both.ours.put())
        wait_for(lambda: both.ours.shop.state() == "waiting", "the till waits for the payment")
