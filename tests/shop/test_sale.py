"""A sale, from the order on the till to the paper: the real daemon, relay and broker as processes."""

import json

import pytest

from sim.mercadopago import Habits, MercadoPago, Switches
from sim.shop import TILL, Shop, wait_for

pytestmark = pytest.mark.slow


def test_an_order_is_put_paid_and_printed(shop: Shop):
    reference = shop.order("Yerba 1 kg:2:2675.25", total="5350.50")
    shop.mercadopago.account.scan()
    shop.wait_for_state("waiting")
    payment = shop.mercadopago.account.pay()
    [ticket] = shop.printer.wait_for_tickets(1)
    assert ticket.cut
    assert "TOTAL" in ticket.text
    assert "$5.350,50" in ticket.text
    assert "Pagado con Mercado Pago QR" in ticket.text
    assert reference in ticket.text
    assert ticket.qrs == [str(payment["id"])]
    assert shop.printer.unknown == []
    [report] = shop.wait_for_outcome("printed")
    assert report["external_reference"] == reference
    shop.wait_for_passing_state("paid")
    shop.wait_for_state("ready")


def test_three_scans_and_a_dozen_doorbells_are_one_ticket(shop_of):
    switches, habits = Switches(), Habits(forms=("ipn", "webhook"), repeat=2)
    shop = shop_of(mercadopago=MercadoPago(switches=switches, habits=habits))
    shop.order(total="1200")
    scans = [shop.mercadopago.account.scan() for _ in range(3)]
    shop.mercadopago.account.pay()
    for _ in range(5):
        shop.ring(scans[2])
    for opened in scans[:2]:
        shop.ring(opened)
    shop.printer.wait_for_tickets(1)
    shop.wait_for_outcome("printed")
    shop.order(total="77", reference="the-next-sale")
    shop.mercadopago.account.pay()
    tickets = shop.printer.wait_for_tickets(2)
    assert [("1.200,00" in ticket.text, "77,00" in ticket.text) for ticket in tickets] == [(True, False), (False, True)]
    shop.wait_for_outcome("printed", 2)
    assert [report["outcome"] for report in shop.outcomes] == ["printed"] * 2


def test_the_light_tells_the_sale(shop: Shop):
    def lit(seconds: float = 1.2) -> set[str]:
        return {color for look in shop.board.watch(seconds) for color, on in look.items() if on}

    assert lit() == {"green"}
    shop.order(total="10")
    shop.mercadopago.account.scan()
    shop.wait_for_state("waiting")
    assert lit() == {"yellow"}
    shop.mercadopago.account.pay()
    shop.wait_for_state("paid")
    looks = shop.board.watch(0.8)
    assert {look["green"] for look in looks} == {True, False}
    assert not any(look["red"] or look["yellow"] for look in looks)


NO_MONEY = {
    "an opened order": ({"status": "opened", "order_status": "payment_required"}, None),
    "a closed order that nobody paid": ({"payments": []}, "not_covered"),
    "a refunded order": ({"order_status": "reverted"}, "refunded"),
    "an order paid in part": ({"total_amount": 100, "payments": [{"transaction_amount": 60}]}, "not_covered"),
    "another seller's order": ({"collector": {"id": 1}}, "wrong_collector"),
    "another till's payment": ({"pos_id": 55002}, "another_till"),
    "a payment charged back": ({"payments": [{"status": "charged_back"}]}, "not_covered"),
    "a cancelled order": ({"cancelled": True}, "cancelled"),
}


def test_nothing_is_printed_for_what_is_not_money(shop: Shop):
    for changes, _ in NO_MONEY.values():
        shop.ring(shop.mercadopago.account.forge(**changes))
    shop.ring(666)
    reasons = sorted([reason for _, reason in NO_MONEY.values() if reason] + ["not_found"])
    reports = shop.wait_for_outcome("rejected", len(reasons))
    assert sorted(report["reason"] for report in reports) == reasons
    shop.ring(shop.mercadopago.account.forge(external_reference="a-real-one"))
    [ticket] = shop.printer.wait_for_tickets(1)
    assert "a-real-one" in ticket.text
    assert shop.printer.loose.strip() == ""


BAD_MESSAGES = [
    b"",
    b"not json",
    b"x" * 1_000_000,
    b'{"v":1,"kind":"merchant_order","id":{"a":1}}',
    b'{"v":1,"kind":7,"id":1}',
    b"\xff\xfe\xfd",
    b'{"v":1,"kind":"merchant_order","id":"%s"}' % (b"9" * 40),
    b"[" * 3000,
]


def test_messages_that_make_no_sense_are_counted_and_the_next_one_prints(shop: Shop):
    for payload in BAD_MESSAGES:
        shop.say(payload)
    shop.ring(shop.mercadopago.account.forge(external_reference="good"))
    [ticket] = shop.printer.wait_for_tickets(1)
    assert "good" in ticket.text
    wait_for(lambda: shop.status["dropped_messages"] == len(BAD_MESSAGES), "all are counted")


def test_a_power_cut_before_the_ticket_does_not_lose_it(shop: Shop):
    shop.printer.paper_out()
    shop.wait_for_state("printer", timeout=40)
    shop.ring(shop.mercadopago.account.forge(external_reference="owed"))
    shop.board.log_says("order owed: paid")
    shop.board.pull_the_plug()
    shop.printer.load_paper()
    shop.board.plug_in()
    [ticket] = shop.printer.wait_for_tickets(1)
    assert "owed" in ticket.text
    assert "COPIA" not in ticket.text


def test_a_doorbell_that_rang_while_the_power_was_out_is_answered(shop: Shop):
    shop.board.pull_the_plug()
    shop.ring(shop.mercadopago.account.forge(external_reference="while-away"))
    shop.board.plug_in()
    [ticket] = shop.printer.wait_for_tickets(1)
    assert "while-away" in ticket.text


def test_the_will_says_that_the_till_is_gone(shop: Shop):
    shop.board.pull_the_plug()
    shop.wait_for_state("offline")
    shop.board.plug_in()
    shop.wait_for_state("ready")
    assert shop.board.shut_down() == 0
    shop.wait_for_state("offline")


def test_a_reprint_is_a_marked_copy_while_the_daemon_runs(shop: Shop):
    reference = shop.order(total="10")
    shop.mercadopago.account.pay()
    shop.printer.wait_for_tickets(1)
    shop.wait_for_outcome("printed")
    assert reference in shop.command("orders").stdout
    assert shop.command("reprint", reference).returncode == 0
    tickets = shop.printer.wait_for_tickets(2)
    assert ["COPIA" in ticket.text for ticket in tickets] == [False, True]
    shop.wait_for_outcome("copy")
    assert shop.command("reprint", "unknown").returncode == 1


def test_without_relay_and_broker_the_shop_sells_on(shop_of):
    shop = shop_of({"watch": {"outage_every_seconds": 2}}, without=("relay",))
    shop.broker.stop()
    shop.board.log_says("broker:")
    reference = shop.order(total="10")
    shop.mercadopago.account.pay()
    [ticket] = shop.printer.wait_for_tickets(1, timeout=40)
    assert reference in ticket.text
    wait_for(lambda: not shop.board.lights["yellow"] and shop.board.lights["green"], "the green after the sale")
    looks = [look for _ in range(3) for look in shop.board.watch(2.2)]
    assert any(look["yellow"] for look in looks)
    assert any(look["green"] and not look["yellow"] for look in looks)


def test_a_wrong_token_is_for_a_person(shop_of):
    shop = shop_of(without=("board",))
    shop.mercadopago.api.access_token = "another"
    shop.board.plug_in()
    shop.wait_for_state("attention")
    assert "access_token_file" in json.dumps(shop.status["problems"])
    assert shop.mercadopago.access_token not in shop.board.log.read_text()
    assert shop.status["api"] == "refused"


def test_the_status_is_retained_and_says_what_is_what(shop: Shop):
    status = shop.status
    assert {name: status[name] for name in ("v", "state", "printer", "api", "relay", "problems")} == {
        "v": 1,
        "state": "ready",
        "printer": "ready",
        "api": "ok",
        "relay": "online",
        "problems": [],
    }
    assert status["since"]
    assert status["version"]
    assert f"tills/{TILL}/status" in shop.ears.retained
