"""docs/orders.md says what is so: both its programs are run as they stand there, at the broker that is shipped.

They sell at a simulated Mercado Pago, by the whole daemon and relay. Only names, passwords and patience are put in.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.addresses import seller_address_of
from sim.mercadopago import Fault
from sim.shop import Shop, wait_for
from tests.support.relays import KEY
from tests.support.shipped_broker import Client, ShippedBroker
from tests.support.shipped_shop import a_shop_at, hear

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "orders.md").read_text()
REFERENCES = iter(f"CAJA01-{number:06}" for number in range(417, 1000))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedBroker]:
    broker = ShippedBroker(tmp_path_factory.mktemp("broker"))
    broker.let_in_software_of("CAJA01")
    with broker:
        yield broker


@pytest.fixture(scope="module")
def open_shop(broker: ShippedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Client]]:
    with a_shop_at(broker, tmp_path_factory.mktemp("shop"), api="orders") as (shop, support):
        public_url = shop.notification_url.partition("/mp/")[0]
        shop.mercadopago.application_url = seller_address_of("700100200", public_url, KEY.encode())
        yield shop, support


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package that the page names, as npm installs it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "mqtt@5"]
    if subprocess.run(command, cwd=folder, timeout=120, check=False).returncode:
        pytest.skip("npm can't install mqtt: is there a way to its registry?")
    return folder


Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture(params=["python", "javascript"])
def begin(request: pytest.FixtureRequest, broker: ShippedBroker, open_shop: tuple[Shop, Client]) -> Begin:
    """Starts the page's program in one of its languages, for one sale."""
    api, language = open_shop[0].mercadopago, request.param
    [program] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    program = put_in(program, "https://api.mercadopago.com", api.url)
    program = put_in(program, '"the access token"', f'"{api.access_token}"')
    program = put_in(program, '"pos-CAJA01", "…")', '"pos-CAJA01", "pos-CAJA01"PORT)')
    if language == "python":
        program = put_in(put_in(program, "mqtt.example.net", "127.0.0.1"), "PORT", f", port={broker.tills_port}")
        command, folder = [sys.executable, "-c"], None
    else:
        program = put_in(put_in(program, "mqtt.example.net", f"127.0.0.1:{broker.tills_port}"), "PORT", "")
        command, folder = ["node", "-e"], request.getfixturevalue("modules")
    trusting = os.environ | {"SSL_CERT_FILE": str(broker.ca_file), "NODE_EXTRA_CA_CERTS": str(broker.ca_file)}

    def begin(reference: str, patience: int) -> subprocess.Popen[str]:
        mine = put_in(put_in(program, "CAJA01-000417", reference), "patience = 300", "patience=300", or_nothing=True)
        mine = put_in(mine, "patience=300", f"patience={patience}")
        return subprocess.Popen([*command, mine], cwd=folder, env=trusting, stdout=subprocess.PIPE, text=True)

    return begin


def put_in(program: str, shown: str, instead: str, or_nothing: bool = False) -> str:
    assert program.count(shown) == 1 or or_nothing, shown
    return program.replace(shown, instead)


def end_of(process: subprocess.Popen[str]) -> str:
    """Return what it printed."""
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return printed.strip()


def loaded(support: Client, reference: str) -> None:
    hear(support, "tills/CAJA01/status", lambda status: status["loaded"] == reference)


def test_what_the_customer_pays_is_printed(begin, open_shop):
    shop, support = open_shop
    process = begin(reference := next(REFERENCES), patience=40)
    loaded(support, reference)
    shop.mercadopago.pay()
    assert end_of(process) == "printed"
    assert "Yerba 1 kg" in shop.printer.tickets[-1].text
    assert "5.350,50" in shop.printer.tickets[-1].text


def test_what_nobody_pays_is_cancelled_and_off_the_till(begin, open_shop):
    shop, support = open_shop
    process = begin(reference := next(REFERENCES), patience=3)
    loaded(support, reference)
    assert end_of(process) == "cancelled"
    assert shop.mercadopago.order_on(shop.mercadopago.till()) is None
    loaded(support, None)


def test_what_is_being_paid_is_not_cancelled_and_is_printed(begin, open_shop):
    shop, support = open_shop
    process = begin(reference := next(REFERENCES), patience=3)
    loaded(support, reference)
    shop.mercadopago.begin_payment()
    began = len(shop.mercadopago.api.requests)
    wait_for(lambda: any(each.path.endswith("/cancel") for each in shop.mercadopago.api.requests[began:]), "it cancels")
    shop.mercadopago.finish_payment()
    assert end_of(process) == "printed"


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status"])
def test_an_answer_that_is_lost_makes_no_second_order(begin, open_shop, kind):
    shop, support = open_shop
    before = set(shop.mercadopago.order_book.orders)
    shop.mercadopago.faults.append(fault := Fault(kind, "POST", "/v1/orders$", times=1))
    process = begin(reference := next(REFERENCES), patience=40)
    loaded(support, reference)
    assert fault.times == 0
    assert len(set(shop.mercadopago.order_book.orders) - before) == 1
    shop.mercadopago.pay()
    assert end_of(process) == "printed"
