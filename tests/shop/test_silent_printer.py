"""A printer that answered yesterday and is switched off behind its adapter today, which takes every byte."""

import pytest

from sim.shop import Shop, wait_for

pytestmark = pytest.mark.slow


def test_it_has_its_light_gets_no_byte_of_the_ticket_and_prints_it_unmarked_when_it_answers(shop: Shop):
    shop.sell("yesterday")
    shop.wait_for_outcome("printed")
    shop.board.shut_down()
    assert (shop.folder / "printer.json").exists()
    shop.printer.silent = True
    shop.board.plug_in()
    shop.sell("today")
    shop.wait_for_state("printer")
    shop.board.log_says("order today: paid")
    assert shop.status["printer"] == "no_answer"
    assert shop.status["owed_tickets"] == 1
    assert (len(shop.printer.tickets), shop.printer.loose) == (1, "")
    shop.printer.silent = False
    shop.board.press()
    ticket = shop.printer.wait_for_tickets(2)[1].text
    assert "today" in ticket
    assert "COPIA" not in ticket
    shop.wait_for_outcome("printed", 2)
    shop.wait_for_state("ready")


def test_the_status_says_how_this_printer_proves_and_not_the_one_before_it(shop: Shop):
    """At the counter another printer stands in its place: one that answers after the cut, but echoes nothing."""
    shop.sell("MESA-1")
    shop.wait_for_outcome("printed")
    wait_for(lambda: shop.status["proof"] == "process_id", "its echo is told")
    shop.printer.switch_off()
    shop.wait_for_state("printer")
    shop.printer.name, shop.printer.proof = ("BIXOLON", "SRP-350"), "status"
    shop.printer.switch_on()
    shop.wait_for_state("ready")
    wait_for(lambda: shop.status["proof"] == "none", "the new one has proved nothing yet")
    shop.sell("MESA-2")
    shop.wait_for_outcome("printed", 2)
    wait_for(lambda: shop.status["proof"] == "status", "it proves by its status")
