"""Every story of the whole shop is told twice: with each API that its software may put orders on the till with."""

from collections.abc import Iterator

import pytest

from sim.shop import Shop

APIS = ("instore", "orders")


@pytest.fixture(scope="module", params=APIS, autouse=True)
def api(request: pytest.FixtureRequest) -> Iterator[str]:
    """The API of all shops that a test opens; a shop of a whole module must ask for it, too."""
    before, Shop.api = Shop.api, request.param
    yield request.param
    Shop.api = before
