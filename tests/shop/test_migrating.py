"""A shop moves from one API to the other in the middle of its day, as docs/migrating.md says, and loses no ticket."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sim.shop import TILL, Shop, wait_for

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "migrating.md").read_text()
HOLD = 1.4
WAYS = [("instore", "orders"), ("orders", "instore")]


def move(shop: Shop, api: str) -> None:
    """The step in the configuration; the till is started by somebody else."""
    written = shop.config.read_text()
    [line] = re.findall(rf"^ +(api: {api})$", PAGE, re.M)
    shop.config.write_text(re.sub(r"\bapi: (instore|orders)$", line, written, flags=re.M))


def restart(shop: Shop) -> None:
    shop.board.plug_in()
    shop.wait_for_state("ready", "waiting", "paid")


def switch_software(shop: Shop, api: str) -> None:
    shop.mercadopago.software = api


def ticketed(shop: Shop, *references: str) -> None:
    """Each has one ticket, unmarked, and no other came."""
    printed = shop.wait_for_outcome("printed", len(references))
    assert [report["external_reference"] for report in printed] == list(references)
    tickets = shop.printer.wait_for_tickets(len(references))
    assert all(reference in ticket.text for reference, ticket in zip(references, tickets, strict=True))
    assert not any("COPIA" in ticket.text for ticket in tickets)


@pytest.fixture
def open_shop(shop_of):
    def opened(api: str) -> Shop:
        shop = shop_of({"mercadopago": {"reference_prefix": f"{TILL}-"}}, api=api)
        [command] = re.findall(r"`till-relay (url --seller .+?)`", PAGE)
        asking = [sys.executable, "-m", "relay", *shlex.split(command), "--config", str(shop.relay.config)]
        answered = subprocess.run(asking, check=True, capture_output=True, text=True)
        shop.mercadopago.application_url = answered.stdout.strip()
        return shop

    return opened


@pytest.mark.parametrize(("before", "after"), WAYS)
def test_what_was_put_before_a_move_and_is_paid_on_the_way_or_after_it_has_its_ticket(open_shop, before, after):
    shop = open_shop(before)
    shop.sell("CAJA01-sold-before")
    shop.wait_for_outcome("printed")
    shop.mercadopago.put_order("CAJA01-paid-on-the-way", "100.00", notification_url=shop.notification_url)
    shop.mercadopago.scan()
    shop.wait_for_state("waiting")
    shop.board.shut_down()
    move(shop, after)
    shop.mercadopago.pay()
    restart(shop)
    ticketed(shop, "CAJA01-sold-before", "CAJA01-paid-on-the-way")

    shop.sell("CAJA01-between")  # the software still uses the old API
    ticketed(shop, "CAJA01-sold-before", "CAJA01-paid-on-the-way", "CAJA01-between")
    switch_software(shop, after)
    shop.sell("CAJA01-sold-after")
    ticketed(shop, "CAJA01-sold-before", "CAJA01-paid-on-the-way", "CAJA01-between", "CAJA01-sold-after")
    assert shop.status["problems"] == []


def test_an_order_of_before_the_move_is_out_of_the_buttons_reach_and_has_its_ticket_all_the_same(open_shop):
    """No till can be asked for it any more. The other way round the till itself shows what is there."""
    shop = open_shop("instore")
    shop.mercadopago.put_order("CAJA01-no-hurry", "100.00", notification_url=shop.notification_url)
    shop.mercadopago.scan()
    shop.wait_for_state("waiting")
    shop.board.shut_down()
    move(shop, "orders")
    restart(shop)
    assert shop.state() == "ready"
    shop.board.press(HOLD)
    shop.wait_for_state("attention")
    assert shop.status["problems"] != []
    assert shop.mercadopago.till().loaded is not None
    assert not any(report["outcome"] == "cancelled" for report in shop.outcomes)
    shop.mercadopago.pay()
    [report] = shop.wait_for_outcome("printed")
    assert report["external_reference"] == "CAJA01-no-hurry"


@pytest.mark.parametrize(("before", "after"), WAYS)
def test_the_commands_of_the_page_work_as_they_stand(open_shop, before, after):
    shop = open_shop(before)
    section = PAGE.partition("## 2. Move a till" if after == "orders" else "## 3. Go back")[2].partition("\n## ")[0]
    commands = re.findall(r"^ +sudo (.+)$", section, re.M)
    assert commands[:2] == ["systemctl restart till-edge", "till-edge check"]
    move(shop, after)
    for command in commands:
        if command.startswith("systemctl"):
            shop.board.shut_down()
            restart(shop)
            continue
        done = shop.command(*shlex.split(command)[1:])
        assert done.returncode == 0, done.stdout + done.stderr
        if "create" in command:
            shop.wait_for_state("waiting")
    assert shop.mercadopago.till().loaded is None
    asked = {request.path.split("/")[1] for request in shop.mercadopago.requests if request.method in ("PUT", "POST")}
    assert asked == {"v1" if after == "orders" else "instore"}


def test_the_announcement_of_the_page_is_one_that_the_till_reads(open_shop):
    shop = open_shop("orders")
    [topic] = re.findall(r"`(tills/\w+/announcements)`", PAGE)
    [example] = re.findall(r'^ +(\{"v":1,"order":"ORD.*\})$', PAGE, re.M)
    assert topic == f"tills/{TILL}/announcements"
    handle = shop.mercadopago.create_order("the-sale", "100.00")
    assert json.loads(example)["order"] == handle
    shop.say(example, topic)
    shop.wait_for_state("waiting")
    wait_for(lambda: shop.status["loaded"] == "the-sale", "the order is seen")
