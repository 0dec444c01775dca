"""What the tests share. What is large is imported where it is needed: the pure tests start sooner without it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browsers import browser as browser  # a fixture

if TYPE_CHECKING:
    from sim.shop import Shop

# No deadline: how long an example takes shows how busy the machine is, and nothing about us.
settings.register_profile("all", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", settings.get_profile("all"), max_examples=10)
"""For `make quick` and `make check`, which pass `--hypothesis-profile few`."""
settings.load_profile("all")


@pytest.fixture(scope="session", autouse=True)
def temporary_files() -> Iterator[Path]:
    """Where programs leave temporary files while they are tested. Other users may, too; it goes with the tests."""
    before, folder = os.environ.get("TMPDIR"), Path(tempfile.mkdtemp(prefix="till-edge-tests-"))
    folder.chmod(0o1777)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = None
    os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)
    shutil.rmtree(folder)


@pytest.fixture
def shop_of(tmp_path):
    """Opens shops, and closes them after the test. Each argument goes to `Shop`."""
    from sim.shop import Shop

    opened: list[Shop] = []

    def open_shop(settings=None, **parts) -> Shop:
        folder = tmp_path / f"shop{len(opened)}"
        folder.mkdir()
        shop = Shop(folder, settings, **parts)
        opened.append(shop)
        return shop.open()

    yield open_shop
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(shop_of) -> "Shop":
    """A shop that is ready to sell."""
    return shop_of()


@pytest.fixture
def mercadopago():
    """A simulated Mercado Pago alone, over HTTP."""
    from sim.mercadopago import MercadoPago

    with MercadoPago() as service:
        yield service


@pytest.fixture
def printer():
    """A simulated printer alone, with paper of 58 mm."""
    from sim.printer.printer import Printer

    with Printer(columns=32) as printer:
        yield printer
