"""What a person must look at, against the whole daemon: on paper once, over power cuts and presses; in the table."""

import json

import pytest

from edge.core.notices import Concern
from edge.paper.concern_words import CONCERN_WORDS
from edge.paper.failure_words import SPANISH
from sim.printer.paper import Ticket
from sim.shop import Shop, wait_for

pytestmark = pytest.mark.slow

TWICE = CONCERN_WORDS[Concern.DOUBLE_PAYMENT]["es"].notice.title


def slips(shop: Shop) -> list[Ticket]:
    return [paper for paper in shop.printer.tickets if SPANISH.check in paper.text]


def pay_twice(shop: Shop) -> list[str]:
    """A sale with its ticket, paid again. Returns both operation numbers."""
    shop.sell("the-sale")
    shop.wait_for_outcome("printed")
    shop.mercadopago.account.pay(reference="the-sale", new_scan=True)
    shop.wait_for_outcome("double_payment")
    return [str(each["id"]) for each in shop.mercadopago.account.payments.values()]


def wait_until_told(shop: Shop) -> None:
    """A status of before anything was owed says 0, too."""
    wait_for(lambda: slips(shop) and shop.status["owed_slips"] == 0, "all slips are out")


def test_a_sale_that_was_paid_twice_is_on_paper_and_in_the_table(shop: Shop):
    operations = pay_twice(shop)
    wait_until_told(shop)
    [slip] = slips(shop)
    assert TWICE in slip.text
    assert all(operation in slip.text for operation in operations)
    assert slip.text.count("100,00") == 2
    said = json.loads(shop.command("orders", "--json").stdout)
    assert [each["concern"] for each in said["orders"][0]["concerns"]] == ["double_payment"]
    shop.board.press()
    shop.wait_for_state("ready")
    assert "! double_payment (seen)" in shop.command("orders").stdout
    for wanted in (*operations, operations[0][-7:], "--last"):
        assert shop.command("reprint", wanted).returncode == 0
    shop.wait_for_outcome("copy")
    assert len(slips(shop)) == 1


def test_no_press_and_no_power_cut_takes_what_was_never_on_paper(shop: Shop):
    shop.sell("the-sale")
    shop.wait_for_outcome("printed")
    shop.printer.paper_out()
    shop.wait_for_state("printer")
    shop.mercadopago.account.pay(reference="the-sale", new_scan=True)
    shop.wait_for_outcome("double_payment")
    shop.board.press()
    shop.board.pull_the_plug()
    shop.wait_for_state("offline")
    shop.board.plug_in()
    shop.wait_for_state("printer")
    assert slips(shop) == []
    shop.printer.load_paper()
    shop.wait_for_state("attention")
    wait_until_told(shop)
    [slip] = slips(shop)
    assert TWICE in slip.text
    assert "COPIA" not in slip.text
    assert shop.state() == "attention", "told, and nobody has pressed the button since"
    shop.board.press()
    shop.wait_for_state("ready")
    shop.board.pull_the_plug()
    shop.board.plug_in()
    shop.wait_for_state("ready")
    assert len(slips(shop)) == 1


ORDERLESS = CONCERN_WORDS[Concern.PAID_WITHOUT_ORDER]["es"].notice.title


def test_a_payment_without_an_order_is_told_once_over_sweeps_and_power_cuts(shop_of):
    shop = shop_of({"watch": {"idle_every_seconds": 1}})
    shop.mercadopago.account.forge_payment()
    shop.wait_for_state("attention")
    wait_until_told(shop)
    shop.board.press()
    shop.wait_for_state("ready")
    shop.board.pull_the_plug()
    shop.wait_for_state("offline")
    shop.board.plug_in()
    shop.sell("after")
    shop.wait_for_outcome("printed")
    assert [ORDERLESS in slip.text for slip in slips(shop)] == [True]


def test_a_point_terminal_at_our_point_of_sale_can_be_ignored(shop_of):
    shop = shop_of({"mercadopago": {"payments_without_order": "ignore"}})
    shop.mercadopago.account.forge_payment()
    shop.sell("ours")
    shop.wait_for_outcome("printed")
    assert shop.command("report").returncode == 0
    day = wait_for(lambda: [paper for paper in shop.printer.tickets if "Sin orden" in paper.text], "the day's slip")
    assert "Coincide con Mercado Pago." in day[0].text
    assert slips(shop) == []
    assert [each["outcome"] for each in shop.outcomes] == ["printed"]
    assert shop.state() == "ready"
