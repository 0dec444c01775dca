"""Every history of a small shop, within a bound that takes seconds; `make explore` walks further."""

import pytest

from qa.explorer import SHOPS, Explorer, Limits


@pytest.mark.slow
@pytest.mark.parametrize("shop", SHOPS)
def test_without_a_fault_every_history_keeps_the_promise(shop):
    walk = Explorer(Limits(faults=0, acts=SHOPS[shop])).walk()
    assert walk.complete
    assert walk.worlds > 100


@pytest.mark.slow
@pytest.mark.parametrize("shop", ["a sale", "a press", "money after a cancel", "a cancel while somebody pays"])
def test_with_one_fault_every_history_keeps_the_promise(shop):
    walk = Explorer(Limits(faults=1, acts=SHOPS[shop])).walk()
    assert walk.complete
    assert walk.worlds > 2000
