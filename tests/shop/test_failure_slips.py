"""What fails is on paper, once: the whole daemon against one failure at a time, its printer in order.

A failure that may go by itself is told after a second here, and after a minute in a shop.
"""

import json
import time
from datetime import timedelta

import pytest

from sim.mercadopago import Fault, MercadoPago
from sim.printer.paper import Ticket
from sim.shop import Shop, wait_for
from tests.shop.test_disk import Disk, disk  # noqa: F401
from tests.shop.test_outages import Authority

pytestmark = pytest.mark.slow

SOON = {"watch": {"slip_after_seconds": 1, "idle_every_seconds": 1}, "till": {"support": "Soporte: 11 5555-0000"}}
A_WHILE = 5.0
"""Seconds in which a slip that is not due would have come."""
REFUSED = Fault("status", status=401)


def one_slip(shop: Shop, title: str) -> Ticket:
    """The only paper there is, after a while."""
    shop.printer.wait_for_tickets(1, timeout=30)
    time.sleep(A_WHILE)
    [slip] = shop.printer.tickets
    assert f"{title}\n" in slip.text
    assert "CAJA01" in slip.text
    assert slip.complete
    return slip


def start_again(shop: Shop) -> None:
    shop.board.pull_the_plug()
    shop.board.plug_in()


def test_no_internet_comes_and_goes_and_is_told_once(shop_of):
    shop = shop_of(SOON)
    for _ in range(3):
        shop.mercadopago.go_away()
        shop.wait_for_state("unreachable")
        shop.printer.wait_for_tickets(1)
        time.sleep(3)
        shop.mercadopago.come_back()
        shop.wait_for_state("ready", timeout=60)
    slip = one_slip(shop, "SIN INTERNET")
    assert "Soporte: 11 5555-0000" in slip.text
    assert "Fecha" in slip.text
    assert f"no connection to {shop.mercadopago.url}" in " ".join(slip.text.split())
    shop.sell("the-sale")
    shop.wait_for_outcome("printed")
    assert "the-sale" in shop.printer.tickets[-1].text


def test_a_refused_token_is_told_once_and_not_at_each_start(shop_of):
    shop = shop_of(SOON)
    shop.mercadopago.faults.append(REFUSED)
    shop.printer.wait_for_tickets(1)
    for _ in range(3):
        shop.board.log.write_text("")
        start_again(shop)
        shop.board.log_says("refuses the access token")
        time.sleep(1)
    slip = one_slip(shop, "TOKEN RECHAZADO")
    assert "put a valid one into access_token_file" in " ".join(slip.text.split())
    assert shop.mercadopago.access_token not in slip.text


def test_a_till_that_mercado_pago_does_not_know_is_told(shop_of):
    shop = shop_of({**SOON, "mercadopago": {"external_pos_id": "SUC001POS999"}}, without=("board",))
    shop.board.plug_in()
    assert "external_pos_id" in one_slip(shop, "CAJA EQUIVOCADA").text


def test_a_clock_that_lost_the_time_is_told_without_a_date(tmp_path):
    authority, mercadopago = Authority(tmp_path), MercadoPago()
    mercadopago.api.tls = authority.identity(timedelta(days=1))
    settings = {**SOON, "mercadopago": {"api_url": f"https://127.0.0.1:{mercadopago.api.port}"}}
    shop = Shop(tmp_path, settings, mercadopago, without=("board",))
    shop.board.environment["SSL_CERT_FILE"] = str(authority.file)
    with shop:
        shop.board.plug_in()
        slip = one_slip(shop, "HORA EQUIVOCADA")
        assert "Fecha" not in slip.text
        assert shop.status["api"] == "clock"


def test_a_disk_that_takes_nothing_is_told(shop_of, disk: Disk):  # noqa: F811
    shop = shop_of({**SOON, "journal": {"path": str(disk.folder / "journal.db")}})
    shop.board.pull_the_plug()
    disk.read_only(True)
    shop.board.plug_in()
    shop.sell("the-sale")
    one_slip(shop, "SIN MEMORIA")
    disk.read_only(False)
    shop.wait_for_outcome("printed")
    assert len(shop.printer.tickets) == 2


def test_the_ticket_of_a_paid_order_comes_first(shop_of):
    shop = shop_of(SOON)
    shop.printer.paper_out()
    shop.wait_for_state("printer")
    shop.sell("the-sale")
    wait_for(lambda: shop.status["owed_tickets"] == 1, "its ticket is owed")
    shop.mercadopago.faults.append(REFUSED)
    shop.wait_for_state("attention")
    shop.printer.load_paper()
    ticket, slip = shop.printer.wait_for_tickets(2)
    assert "the-sale" in ticket.text
    assert "TOKEN RECHAZADO" in slip.text


def test_without_paper_it_comes_later_if_it_is_still_so(shop_of):
    shop = shop_of(SOON)
    shop.printer.paper_out()
    shop.wait_for_state("printer")
    shop.mercadopago.faults.append(REFUSED)
    shop.wait_for_state("attention")
    shop.printer.load_paper()
    one_slip(shop, "TOKEN RECHAZADO")


def test_without_paper_it_does_not_come_when_it_is_over(shop_of):
    shop = shop_of(SOON)
    shop.printer.paper_out()
    shop.wait_for_state("printer")
    shop.mercadopago.go_away()
    wait_for(lambda: shop.status["api"] == "network" and "no connection" in json.dumps(shop.status), "it is away")
    time.sleep(A_WHILE)
    shop.mercadopago.come_back()
    wait_for(lambda: shop.status["api"] == "ok", "it is back", timeout=60)
    shop.printer.load_paper()
    shop.wait_for_state("ready")
    time.sleep(A_WHILE)
    assert shop.printer.tickets == []
