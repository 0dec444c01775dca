"""Power cuts at random moments between doorbell and paper; `make torture` makes many more of them."""

import pytest
from torture import kill_during_sales

from sim.shop import Shop

pytestmark = pytest.mark.slow


def test_no_power_cut_loses_a_ticket_or_prints_two_unmarked_ones(shop: Shop):
    seen = kill_during_sales(shop, kills=20)
    assert sum(seen.values()) == 20
    assert set(seen) <= {"one ticket", "one ticket, marked", "one, and a marked copy"}
