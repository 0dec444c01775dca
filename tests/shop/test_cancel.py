"""A finger held on the real gpiozero button, on mock pins: the five ways it can end, and edges that are lost."""

import time

import pytest

from sim.mercadopago import Fault
from sim.shop import Shop

pytestmark = pytest.mark.slow
HOLD = 1.4


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """A shop with an order on its till."""
    shop.order(total="250", reference="the-sale")
    shop.mercadopago.account.scan()
    shop.wait_for_state("waiting")
    return shop


@pytest.mark.parametrize("lost", ["up", "down", "down and up"])
def test_a_press_is_a_press_though_an_edge_of_it_is_lost(waiting: Shop, lost: str):
    """The kernel keeps sixteen edges and drops the others; the level is on the wire all the same."""
    waiting.board.button(down=True, silently="down" in lost)
    time.sleep(0.15)
    waiting.board.button(down=False, silently="up" in lost)
    time.sleep(HOLD + 0.5)
    assert not any(report["outcome"] in ("cancelled", "rejected") for report in waiting.outcomes)
    assert waiting.command("order", "show").stdout.split()[0] == "the-sale"
    waiting.mercadopago.habits.drop = True
    waiting.mercadopago.account.pay()
    waiting.board.press()
    [ticket] = waiting.printer.wait_for_tickets(1)
    assert "the-sale" in ticket.text


def test_a_hold_is_a_hold_though_its_edge_is_lost(waiting: Shop):
    waiting.board.button(down=True, silently=True)
    waiting.wait_for_outcome("cancelled")
    waiting.board.button(down=False, silently=True)


def test_cancelled(waiting: Shop):
    waiting.board.press(HOLD)
    [report] = waiting.wait_for_outcome("cancelled")
    assert report["external_reference"] == "the-sale"
    assert waiting.command("order", "show").stdout.startswith("no order")
    assert waiting.printer.tickets == []


def test_already_paid_prints_its_ticket(waiting: Shop):
    waiting.mercadopago.habits.drop = True
    waiting.mercadopago.account.pay()
    waiting.board.press(HOLD)
    [ticket] = waiting.printer.wait_for_tickets(1)
    assert "the-sale" in ticket.text
    waiting.wait_for_outcome("printed")
    assert not any(report["outcome"] == "cancelled" for report in waiting.outcomes)


def test_being_paid_goes_on_watching_and_prints(waiting: Shop):
    waiting.mercadopago.account.begin_payment()
    waiting.board.press(HOLD)
    [report] = waiting.wait_for_outcome("rejected")
    assert report["reason"] == "not_cancelled: being_paid"
    waiting.mercadopago.account.finish_payment()
    [ticket] = waiting.printer.wait_for_tickets(1)
    assert "the-sale" in ticket.text


def test_another_order_is_there_and_nothing_is_deleted(waiting: Shop, api: str):
    """Where orders have an id the old one is cancelled by it; else the till says that it wasn't."""
    waiting.mercadopago.announce = lambda _order: None
    waiting.mercadopago.put_order("the-next-sale", 99)
    waiting.board.press(HOLD)
    if api == "orders":
        [report] = waiting.wait_for_outcome("cancelled")
        assert report["external_reference"] == "the-sale"
    else:
        [report] = waiting.wait_for_outcome("rejected")
        assert report["reason"] == "not_cancelled: another_order_on_till"
        assert waiting.command("order", "show").stdout.split() == ["the-next-sale", "99.00"]
        waiting.wait_for_state("attention")
        waiting.board.press()
        waiting.wait_for_state("waiting")
    waiting.mercadopago.pay()
    waiting.wait_for_outcome("printed")
    assert any("the-next-sale" in ticket.text for ticket in waiting.printer.tickets)


def test_unknown_is_asked_until_it_is_known(waiting: Shop):
    waiting.mercadopago.go_away()
    waiting.board.press(HOLD)
    waiting.wait_for_state("unreachable")
    assert waiting.outcomes == []
    waiting.mercadopago.come_back()
    waiting.wait_for_outcome("cancelled", timeout=60)


def test_a_delete_that_was_carried_out_and_not_answered_ends_as_cancelled(waiting: Shop):
    waiting.mercadopago.faults.append(Fault("reset_after", "DELETE", times=1))
    waiting.mercadopago.faults.append(Fault("reset_after", path="/cancel$", times=1))
    waiting.board.press(HOLD)
    waiting.wait_for_outcome("cancelled", timeout=40)


def test_paid_between_the_delete_and_its_answer_prints(waiting: Shop, api: str):
    if api == "orders":
        pytest.skip("an order that was cancelled by its id can't be paid any more")
    waiting.mercadopago.habits.drop = True
    waiting.mercadopago.account.on_delete = lambda: waiting.mercadopago.account.pay(reference="the-sale")
    waiting.board.press(HOLD)
    [ticket] = waiting.printer.wait_for_tickets(1)
    assert "the-sale" in ticket.text
    waiting.wait_for_outcome("printed")


def test_money_after_the_cancel_comes_with_a_warning(waiting: Shop):
    waiting.board.press(HOLD)
    waiting.wait_for_outcome("cancelled")
    waiting.mercadopago.account.pay(reference="the-sale")
    [ticket] = waiting.printer.wait_for_tickets(1)
    assert "TARD" in ticket.text.upper()
    waiting.wait_for_outcome("late_money")
    waiting.wait_for_state("attention")
    waiting.board.press()
    waiting.wait_for_state("ready")


def test_a_button_found_pressed_is_stuck_until_released(waiting: Shop):
    waiting.board.shut_down()
    waiting.board.plug_in(button_down=True)
    waiting.wait_for_state("attention")
    assert any("found pressed" in problem for problem in waiting.status["problems"])
    waiting.board.button(down=False)
    waiting.wait_for_state("waiting")
    assert waiting.command("order", "show").stdout.split()[0] == "the-sale"
