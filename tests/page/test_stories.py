"""Whole sales by way of the page, over HTTP, with the daemon that ships; with each API of Mercado Pago."""

import os
import signal
import sqlite3
import time
import zlib
from collections.abc import Iterator

import pytest

from sim.shop import Shop, wait_for
from tests.support.pages import KEY, Device, memory_mb, page_of

pytestmark = pytest.mark.slow
REFERENCE = f"CAJA01-{KEY}"


@pytest.fixture(scope="module", params=["instore", "orders"])
def shop(request, tmp_path_factory) -> Iterator[Shop]:
    settings, _ = page_of({"watch": {"first_check_seconds": 1, "check_every_seconds": 1}})
    with Shop(tmp_path_factory.mktemp("shop"), settings, api=request.param) as shop:
        yield shop


@pytest.fixture(scope="module")
def device(shop, page) -> Device:
    return Device(page).pair(shop)


@pytest.fixture
def key(request) -> str:
    """A sale of its own for each story."""
    return f"20260302-214500-{zlib.crc32(request.node.nodeid.encode()) % 16**6:06x}"


def stage_of(shown: dict, reference: str) -> str | None:
    return next((order["stage"] for order in shown["orders"] if order["reference"] == reference), None)


def put(device: Device, key: str) -> str:
    answer = device.order(key)
    assert answer.ok, answer.text
    reference = answer.json()["reference"]
    device.wait_until(lambda shown: shown["order"] and shown["order"]["reference"] == reference, "it is on the till")
    return reference


def sold(device: Device, reference: str) -> dict:
    return device.wait_until(lambda shown: stage_of(shown, reference) == "printed", "its ticket is out")


def test_a_sale_from_the_keypad_to_the_paper(shop, device, key):
    before = len(shop.printer.tickets)
    reference = put(device, key)
    shown = device.wait_until(lambda shown: shown["light"] == "waiting", "it waits")
    assert shown["order"] == {"reference": reference, "total": "5350.50", "cancelling": False}
    shop.mercadopago.pay()
    shown = sold(device, reference)
    assert len(shop.printer.tickets) == before + 1
    assert "5.350,50" in shop.printer.tickets[-1].text
    assert shown["today"]["printed"] >= 1


def test_paid_is_shown_only_after_the_paper_is_out(shop, device, key):
    reference = put(device, key)
    before = len(shop.printer.tickets)
    seen = []
    shop.mercadopago.pay()
    for shown in device.live():
        seen.append((stage_of(shown, reference), len(shop.printer.tickets) - before))
        if seen[-1][0] == "printed":
            break
    assert all(tickets == 1 for stage, tickets in seen if stage == "printed")
    assert seen[-1][0] == "printed"


def test_the_same_request_again_is_the_same_order(shop, device, key):
    reference = put(device, key)
    assert [device.order(key).json()["reference"] for _ in range(3)] == [reference] * 3
    shop.mercadopago.pay()
    sold(device, reference)
    assert device.order(key).ok
    shown = device.wait_until(lambda shown: shown["placings"].get(reference, {}).get("result") == "used", "it is used")
    assert shown["order"] is None
    assert sum(reference in ticket.text for ticket in shop.printer.tickets) <= 1


def test_a_second_order_does_not_replace_the_first(shop, device, key):
    reference = put(device, key)
    second = device.order(f"{key[:-1]}{(int(key[-1], 16) + 1) % 16:x}").json()["reference"]
    shown = device.wait_until(lambda shown: second in shown["placings"], "an answer")
    assert shown["placings"][second] == {"result": "occupied", "why": reference}
    device.post("/api/cancel", {"reference": reference})
    device.wait_until(lambda shown: stage_of(shown, reference) == "cancelled", "it is cancelled")


def test_a_cancel_takes_the_order_off_the_till(shop, device, key):
    reference = put(device, key)
    assert device.post("/api/cancel", {"reference": reference}).ok
    shown = device.wait_until(lambda shown: stage_of(shown, reference) == "cancelled", "it is cancelled")
    assert shown["order"] is None
    assert shop.wait_for_outcome("cancelled")[-1]["external_reference"] == reference


def test_a_cancel_that_comes_after_the_money_prints_the_ticket(shop, device, key):
    reference = put(device, key)
    shop.mercadopago.pay()
    device.post("/api/cancel", {"reference": reference})
    sold(device, reference)


def test_a_copy_and_the_slip_of_the_day(shop, device, key):
    reference = put(device, key)
    shop.mercadopago.pay()
    sold(device, reference)
    before = len(shop.printer.tickets)
    assert device.post("/api/copy", {"reference": reference}).ok
    copy = shop.printer.wait_for_tickets(before + 1)[-1]
    assert "COPIA" in copy.text
    assert device.post("/api/day").ok
    assert "CIERRE DEL DÍA" in shop.printer.wait_for_tickets(before + 2)[-1].text


def test_the_pages_process_killed_in_mid_sale_costs_no_ticket_and_comes_back_with_the_truth(shop, page, device, key):
    reference = put(device, key)
    before = len(shop.printer.tickets)
    page.kill()
    shop.mercadopago.pay()
    shop.printer.wait_for_tickets(before + 1)
    page.start()
    assert stage_of(sold(device, reference), reference) == "printed"


def test_a_daemon_that_is_gone_or_hangs_is_not_known_to_be_well(shop, device):
    device.wait_until(lambda shown: shown["heard"], "it is there")
    pid = shop.board.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        shown = device.wait_until(lambda shown: not shown["heard"], "its silence is shown")
        assert (shown["light"], shown["order"]) == ("unknown", None)
    finally:
        os.kill(pid, signal.SIGCONT)
    device.wait_until(lambda shown: shown["heard"] and shown["light"] in ("ready", "polling"), "it is back")


def test_what_was_asked_of_a_daemon_that_was_away_is_not_done_half_a_minute_later(shop, device, key):
    shop.board.pull_the_plug()
    reference = device.order(key).json()["reference"]
    database = sqlite3.connect(shop.folder / "journal.db", isolation_level=None)
    database.execute("UPDATE wishes SET asked_at = asked_at - 60")
    database.close()
    shop.board.plug_in()
    device.wait_until(lambda shown: shown["heard"] and shown["light"] in ("ready", "polling"), "it is back")
    time.sleep(2)
    shown = device.wait_until(lambda shown: True, "anything")
    assert (shown["order"], stage_of(shown, reference)) == (None, None)


def test_everybody_who_watches_sees_the_same(shop, page, device, key):
    other = Device(page)
    other.http.cookies.update(device.http.cookies)
    reference = put(device, key)
    shown = other.wait_until(lambda shown: shown["order"], "the other sees it")
    assert shown["order"]["reference"] == reference
    device.post("/api/cancel", {"reference": reference})
    other.wait_until(lambda shown: stage_of(shown, reference) == "cancelled", "the other sees that, too")


def test_it_ends_at_once_when_it_is_told_to_though_somebody_watches(shop, page, device):
    stream = device.get("/api/live", stream=True)
    next(stream.iter_lines())
    began = time.monotonic()
    assert page.end() == 0
    assert time.monotonic() - began < 5
    page.start()
    wait_for(lambda: device.get("/api/start").json()["paired"], "the session is still good")
    assert memory_mb(page.process.pid) < 45
