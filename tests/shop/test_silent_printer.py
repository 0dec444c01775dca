"""A printer that answered yesterday and is switched off behind its adapter today, which takes every byte."""

import pytest

from sim.shop import Shop

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
