"""What the benchmarks do to a till can still be done to the one that ships, and what they read of it can be read."""

import shutil

import pytest

from benchmarks.button import press
from benchmarks.contenders import TillEdge, pair
from benchmarks.drain import paid, waited
from benchmarks.figures import Unmeasured
from benchmarks.full_journal import fill
from benchmarks.latency import ORDERS, Found
from benchmarks.process import written_kib
from benchmarks.start import restart
from benchmarks.system_calls import traced

pytestmark = pytest.mark.slow
SLACK_S = 20.0
"""More than a busy machine needs."""


def test_a_till_with_a_full_journal_starts_and_is_felt(tmp_path):
    till = TillEdge(tmp_path / "till")
    fill(till.shop.folder / "journal.db", 10)
    with till:
        assert 0 < restart(till) < SLACK_S
        assert 0 < press(till) < SLACK_S
        remembered = till.shop.command("orders", "--limit", "20").stdout
    assert remembered.count("before-") == 10


def test_doorbells_that_wait_become_tickets_of_both(tmp_path):
    with pair(tmp_path / "shops") as both:
        for contender in both.both:
            contender.sell()
            contender.settle()
            assert 0 < waited(contender, 3) < SLACK_S
            assert len(contender.shop.printer.tickets) == 4


@pytest.mark.skipif(not shutil.which("strace"), reason="apt install strace")
def test_what_a_till_writes_is_counted(tmp_path):
    with TillEdge(tmp_path / "till") as till:
        till.sell()
        till.settle()
        calls = traced(till, 1)
        assert calls.syncs >= 1
        assert calls.written_kib > 1
        assert written_kib(till.pid, till.shop.folder) != 0


def test_orders_that_are_paid_in_an_outage_have_names_of_their_own(tmp_path):
    till = TillEdge(tmp_path / "till")
    assert len(set(paid(till, 3))) == 3


def test_a_situation_that_failed_has_no_number():
    missing = Unmeasured("the till died")
    found = Found([], [], missing)
    assert (found.median, found.p99) == (missing, missing)
    assert found.row(str(ORDERS[0]))[1:] == (missing, "", "", "", "", "")
