"""The page's process, for whichever shop a file of stories has."""

from collections.abc import Iterator

import pytest

from tests.support.pages import PageProcess


@pytest.fixture(scope="module")
def page(shop) -> Iterator[PageProcess]:
    page = PageProcess(shop.config, shop.settings["page"]["port"]).start()
    yield page
    page.end()
