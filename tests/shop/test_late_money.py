"""Money that comes late, twice, or goes back: the books of Mercado Pago change when nobody expects it any more.

Each story is the real daemon. A ticket is printed for money that is there and for no other; where that is not the
plain course of a sale, the panel calls for a person until somebody presses the button.
"""

import pytest

from edge.core.notices import Concern
from edge.paper.concern_words import CONCERN_WORDS
from edge.paper.failure_words import SPANISH
from sim.mercadopago import Fault, MercadoPago, Switches
from sim.printer.paper import Ticket
from sim.shop import Shop, wait_for

pytestmark = pytest.mark.slow

HOLD = 1.4
BRISK = {"check_every_seconds": 0.3, "idle_every_seconds": 1}
LATE = "TARD"
"""What the banner of late money says, in part."""


def put_and_scan(shop: Shop, reference: str = "the-sale") -> None:
    shop.order(total="250", reference=reference)
    shop.mercadopago.account.scan()
    wait_for(lambda: shop.status["loaded"] == reference, "the till knows of it")


def outcomes(shop: Shop) -> list[str]:
    return [report["outcome"] for report in shop.outcomes]


def slips(shop: Shop) -> list[Ticket]:
    return [paper for paper in shop.printer.tickets if SPANISH.check in paper.text]


def sales(shop: Shop) -> list[Ticket]:
    return [paper for paper in shop.printer.tickets if SPANISH.check not in paper.text]


def assert_a_person_is_called_and_dismisses_it(shop: Shop, concern: str, state: str = "ready") -> None:
    """One slip says what it is and what to do; if the power went in the middle of it, a marked one follows."""
    shop.wait_for_state("attention")
    assert [problem.split(":")[0] for problem in shop.status["problems"]] == [concern]
    wait_for(lambda: shop.status["owed_slips"] == 0, f"the slip of {concern}")
    slip, *repetitions = slips(shop)
    assert all("COPIA" in repetition.text for repetition in repetitions)
    assert CONCERN_WORDS[Concern(concern)]["es"].notice.title in slip.text
    assert "the-sale" in slips(shop)[-1].text
    assert "250,00" in slips(shop)[-1].text
    assert slips(shop)[-1].complete
    shop.board.press()
    shop.wait_for_state(state)
    assert shop.status["problems"] == []


def assert_the_next_sale_is_the_only_ticket(shop: Shop) -> None:
    """Whatever was still owed would have come before it, or with it."""
    shop.order(total="99", reference="the-next-sale")
    shop.mercadopago.account.pay()
    shop.wait_for_outcome("printed")
    [ticket] = sales(shop)
    assert "the-next-sale" in ticket.text
    assert shop.printer.loose.strip() == ""


# --- after a cancel ------------------------------------------------------------------------------------------------


def test_money_that_comes_after_the_cancel_is_found_though_nobody_rings(shop: Shop):
    put_and_scan(shop)
    shop.board.press(HOLD)
    shop.wait_for_outcome("cancelled")
    shop.mercadopago.habits.drop = True
    shop.mercadopago.account.pay(reference="the-sale")
    [ticket] = shop.printer.wait_for_tickets(1, timeout=90)
    assert LATE in ticket.text.upper()
    shop.wait_for_outcome("printed")
    assert outcomes(shop) == ["cancelled", "late_money", "printed"]
    assert_a_person_is_called_and_dismisses_it(shop, "late_money")


def test_the_cancel_is_remembered_over_a_power_cut_and_so_is_the_alarm(shop: Shop):
    put_and_scan(shop)
    shop.board.press(HOLD)
    shop.wait_for_outcome("cancelled")
    shop.board.pull_the_plug()
    shop.mercadopago.account.pay(reference="the-sale")
    shop.board.plug_in()
    [ticket] = shop.printer.wait_for_tickets(1)
    assert LATE in ticket.text.upper()
    shop.wait_for_outcome("printed")
    shop.board.pull_the_plug()
    shop.wait_for_state("offline")
    shop.board.plug_in()
    assert_a_person_is_called_and_dismisses_it(shop, "late_money")
    assert len(sales(shop)) == 1


# --- while the finger is on the button -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 500])
def test_paid_while_the_removal_is_under_way_prints_and_cancels_nothing(shop_of, status, api):
    """Mercado Pago says no in one of its ways, and none of them says that it is because the order was paid."""
    switches = Switches(absent_delete_status=status, search_lag_seconds=1.5)
    shop = shop_of(mercadopago=MercadoPago(switches=switches))
    put_and_scan(shop)
    shop.mercadopago.habits.drop = True
    removal = {"instore": ("DELETE", "/orders$"), "orders": ("POST", "/cancel$")}[api]
    shop.mercadopago.faults.append(Fault("pay_before", *removal, times=1))
    shop.board.press(HOLD)
    [ticket] = shop.printer.wait_for_tickets(1)
    assert "the-sale" in ticket.text
    assert LATE not in ticket.text.upper()
    shop.wait_for_outcome("printed")
    shop.wait_for_state("ready")
    assert outcomes(shop) == ["printed"]


# --- after its time ------------------------------------------------------------------------------------------------


def test_money_soon_after_the_order_expired_is_a_sale_like_any_other(shop_of):
    shop = shop_of({"watch": BRISK}, mercadopago=MercadoPago(switches=Switches(expired_status="expired")))
    put_and_scan(shop)
    shop.mercadopago.account.expire()
    [report] = shop.wait_for_outcome("rejected")
    assert report["reason"] == "expired"
    shop.wait_for_state("ready")
    shop.mercadopago.account.pay(reference="the-sale")
    [ticket] = shop.printer.wait_for_tickets(1)
    assert LATE not in ticket.text.upper()
    shop.wait_for_outcome("printed")
    shop.wait_for_state("ready")
    assert outcomes(shop) == ["rejected", "printed"]


def test_money_long_after_the_order_expired_comes_with_a_warning(shop_of, api):
    """An order that has an id also says itself that it expired."""
    shop = shop_of({"watch": {**BRISK, "grace_minutes": 0.02}})
    put_and_scan(shop)
    shop.mercadopago.account.expire()
    shop.board.log_says("order the-sale: lapsed")
    shop.wait_for_state("ready")
    shop.mercadopago.account.pay(reference="the-sale")
    [ticket] = shop.printer.wait_for_tickets(1)
    assert LATE in ticket.text.upper()
    shop.wait_for_outcome("printed")
    assert outcomes(shop) == [*(["rejected"] if api == "orders" else []), "late_money", "printed"]
    assert_a_person_is_called_and_dismisses_it(shop, "late_money")


# --- twice ---------------------------------------------------------------------------------------------------------


def test_two_customers_pay_one_order_and_it_has_one_ticket(shop: Shop):
    put_and_scan(shop)
    shop.mercadopago.account.pay()
    shop.wait_for_outcome("printed")
    second = shop.mercadopago.account.pay(reference="the-sale", new_scan=True)
    [report] = shop.wait_for_outcome("double_payment")
    assert report["external_reference"] == "the-sale"
    assert report["merchant_order"] == str(second["order"]["id"])
    assert_a_person_is_called_and_dismisses_it(shop, "double_payment")
    assert len(sales(shop)) == 1
    assert outcomes(shop) == ["printed", "double_payment"]


# --- back again ----------------------------------------------------------------------------------------------------

GONE = {
    "refunded": (lambda account, payment: account.refund(payment), "refunded"),
    "refunded in part": (lambda account, payment: account.refund(payment, 50), "refunded"),
    "charged back": (lambda account, payment: account.chargeback(payment), "not_covered"),
}


@pytest.mark.parametrize(("take", "reason"), GONE.values(), ids=GONE)
def test_money_that_went_back_before_its_ticket_gets_none(shop: Shop, take, reason):
    shop.printer.paper_out()
    put_and_scan(shop)
    payment = shop.mercadopago.account.pay()
    shop.wait_for_state("printer")
    take(shop.mercadopago.account, payment["id"])
    [report] = shop.wait_for_outcome("rejected")
    assert (report["external_reference"], report["reason"]) == ("the-sale", reason)
    shop.printer.load_paper()
    assert_a_person_is_called_and_dismisses_it(shop, "rejected")
    assert_the_next_sale_is_the_only_ticket(shop)


def test_money_that_went_back_while_the_power_was_out_gets_no_ticket(shop: Shop):
    shop.printer.paper_out()
    put_and_scan(shop)
    payment = shop.mercadopago.account.pay()
    shop.wait_for_state("printer")
    shop.board.pull_the_plug()
    shop.mercadopago.habits.drop = True
    shop.mercadopago.account.refund(payment["id"])
    shop.mercadopago.habits.drop = False
    shop.printer.load_paper()
    shop.board.plug_in()
    [report] = shop.wait_for_outcome("rejected")
    assert (report["external_reference"], report["reason"]) == ("the-sale", "refunded")
    assert_a_person_is_called_and_dismisses_it(shop, "rejected")
    assert_the_next_sale_is_the_only_ticket(shop)
