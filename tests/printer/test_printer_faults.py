"""What a printer can do to a ticket: no paper, no power, no cable, no answer, a jammed cutter.

Each story is the real daemon against one misfortune, and ends with what lies on the counter and what was reported.
A ticket may come twice, the second one marked as a copy; never not at all; never twice unmarked.
"""

from collections.abc import Callable, Iterator

import pytest
import yaml

from sim.printer.printer import Printer
from sim.printer.usb import Cable
from sim.shop import TILL, Shop, wait_for

pytestmark = pytest.mark.slow

SLOW = 400
"""Bytes per second: a ticket takes two or three seconds, long enough to do something to it."""
Deed = Callable[[Printer], None]


@pytest.fixture
def shop(shop_of) -> Shop:
    """A shop without a relay: doorbells are rung at the broker."""
    return shop_of(without=("relay",))


def sell(shop: Shop, reference: str = "the-sale") -> None:
    """An order is paid, and a doorbell is rung."""
    shop.ring(shop.mercadopago.account.forge(external_reference=reference))


def piece(text: str) -> str:
    """What a customer sees in a piece of paper."""
    if not ("KIOSCO SUR" in text and "¡Gracias" in text):
        return "scrap"
    return "copy" if "COPIA" in text else "ticket"


def on_paper(shop: Shop) -> list[str]:
    return [piece(ticket.text) for ticket in shop.printer.tickets]


def reported(shop: Shop) -> list[str]:
    return [report["outcome"] for report in shop.outcomes]


def assert_all_that_came_of_it(shop: Shop, paper: list[str], outcomes: list[str]) -> None:
    """Wait for the outcomes; then one more sale shows that the shop sells on and that nothing else was to come."""
    for outcome in set(outcomes):
        shop.wait_for_outcome(outcome, outcomes.count(outcome))
    sell(shop, "the-next-sale")
    shop.wait_for_outcome("printed", outcomes.count("printed") + 1)
    assert on_paper(shop) == [*paper, "ticket"]
    assert "the-next-sale" in shop.printer.tickets[-1].text
    assert reported(shop) == [*outcomes, "printed"]


def wait_for_trouble(shop: Shop, paper: str) -> None:
    """The lights show that it is the printer, and the status says what is wrong with it."""
    shop.wait_for_state("printer")
    assert shop.status["printer"] == paper


def wait_for_half_a_ticket(shop: Shop) -> None:
    shop.printer.wait_until(lambda printer: "KIOSCO SUR" in printer.loose, "a ticket has begun")


# --- trouble before the ticket: it waits, and comes once ------------------------------------------------------------

BEFORE = {
    "the paper is out": (Printer.paper_out, Printer.load_paper, "no_paper"),
    "the cover is open": (Printer.open_cover, Printer.close_cover, "cover_open"),
    "it is switched off": (Printer.switch_off, Printer.switch_on, "gone"),
    "the cutter is jammed": (Printer.jam, Printer.clear_jam, "error"),
}


@pytest.mark.parametrize(("breaks", "is_mended", "paper"), BEFORE.values(), ids=BEFORE.keys())
def test_a_ticket_waits_for_a_printer_in_trouble_and_comes_once(shop: Shop, breaks: Deed, is_mended: Deed, paper: str):
    breaks(shop.printer)
    sell(shop)
    wait_for_trouble(shop, paper)  # perhaps before anything is known to be paid
    wait_for(lambda: shop.status["owed_tickets"] == 1, "its ticket is owed")
    assert on_paper(shop) == []
    is_mended(shop.printer)
    assert_all_that_came_of_it(shop, ["ticket"], ["printed"])


def test_three_sales_behind_an_empty_roll_come_in_the_order_of_their_payment(shop: Shop):
    references = ["paid-first", "paid-second", "paid-third"]
    paid = []
    for reference in references:
        paid.append(shop.mercadopago.account.forge(external_reference=reference))
        shop.mercadopago.account.advance(5)
    shop.printer.paper_out()
    for identity in reversed(paid):
        shop.ring(identity)
    wait_for(lambda: shop.status["owed_tickets"] == 3, "all three are known to be paid")
    shop.printer.load_paper()
    tickets = shop.printer.wait_for_tickets(3)
    assert [next(name for name in references if name in ticket.text) for ticket in tickets] == references
    assert_all_that_came_of_it(shop, ["ticket"] * 3, ["printed"] * 3)
    assert [report["external_reference"] for report in shop.outcomes[:3]] == references


# --- the paper ends in mid-ticket -----------------------------------------------------------------------------------


def forgets(printer: Printer) -> None:
    printer.forgets_at_paper_end, printer.clears = True, False


def goes_on(printer: Printer) -> None:
    printer.clears = False


def clears_when_told(printer: Printer) -> None:
    printer.clears = True


def test_a_ticket_cut_short_by_the_end_of_the_roll_comes_again_as_a_copy(shop_of):
    """Three shops at once, to save the waits: with new paper one printer goes on by itself, two don't."""
    rest = {clears_when_told: [], forgets: [], goes_on: ["scrap"]}
    shops = {habit: shop_of(without=("relay",)) for habit in rest}
    for habit, shop in shops.items():
        habit(shop.printer)
        shop.printer.paper_out(after_lines=5)
        sell(shop)
    for shop in shops.values():
        wait_for_trouble(shop, "no_paper")
        shop.printer.load_paper()
    for habit, shop in shops.items():
        assert_all_that_came_of_it(shop, ["scrap", *rest[habit], "copy"], ["copy"])


def test_a_roll_changed_faster_than_anybody_looks_costs_a_copy_for_the_ticket_is_in_two_pieces(shop: Shop):
    shop.printer.bytes_per_second = SLOW
    sell(shop)
    wait_for_half_a_ticket(shop)
    shop.printer.paper_out()
    shop.printer.load_paper()
    assert_all_that_came_of_it(shop, ["scrap", "scrap", "copy"], ["copy"])


def test_a_roll_that_ends_right_behind_a_ticket_keeps_the_next_sale_waiting(shop: Shop):
    shop.printer.paper_out_behind("GS ( H")
    sell(shop)
    shop.wait_for_outcome("printed")
    wait_for_trouble(shop, "no_paper")
    sell(shop, "waits-for-paper")
    wait_for(lambda: shop.status["owed_tickets"] == 1, "a ticket waits")
    assert on_paper(shop) == ["ticket"]
    shop.printer.load_paper()
    assert_all_that_came_of_it(shop, ["ticket", "ticket"], ["printed", "printed"])


def test_a_roll_that_ends_between_cut_and_proof_makes_a_copy_for_nobody_could_know(shop: Shop):
    shop.printer.paper_out_behind("GS V")
    sell(shop)
    wait_for_trouble(shop, "no_paper")
    assert on_paper(shop) == ["ticket"]
    shop.printer.load_paper()
    assert_all_that_came_of_it(shop, ["ticket", "copy"], ["copy"])


# --- other trouble in mid-ticket ------------------------------------------------------------------------------------


def test_a_cover_opened_while_printing_costs_a_copy_although_the_printer_goes_on(shop: Shop):
    goes_on(shop.printer)
    shop.printer.bytes_per_second = SLOW
    sell(shop)
    wait_for_half_a_ticket(shop)
    shop.printer.open_cover()
    wait_for_trouble(shop, "cover_open")
    shop.printer.bytes_per_second = None
    shop.printer.close_cover()
    assert_all_that_came_of_it(shop, ["ticket", "copy"], ["copy"])


def test_a_printer_switched_off_in_mid_ticket_prints_a_copy_when_it_is_on_again(shop: Shop):
    shop.printer.bytes_per_second = SLOW
    sell(shop)
    wait_for_half_a_ticket(shop)
    shop.printer.switch_off()
    wait_for_trouble(shop, "gone")
    shop.printer.bytes_per_second = None
    shop.printer.switch_on()
    assert_all_that_came_of_it(shop, ["scrap", "copy"], ["copy"])


def test_a_printer_that_dies_with_half_a_ticket_in_it_prints_a_copy_when_it_is_on_again(shop: Shop):
    shop.printer.die_after(300)
    sell(shop)
    wait_for_trouble(shop, "gone")
    assert piece(shop.printer.loose) == "scrap"
    shop.printer.switch_on()
    assert_all_that_came_of_it(shop, ["scrap", "copy"], ["copy"])


def test_a_ticket_that_hangs_in_a_jammed_cutter_is_not_printed_and_a_copy_comes(shop: Shop):
    """The till has the printer recover, and the next cut jams again: only a person can free the cutter."""
    shop.printer.jam(at_cut=True, for_good=True)
    sell(shop)
    wait_for_trouble(shop, "error")
    assert piece(shop.printer.loose) == "ticket"
    assert on_paper(shop) == reported(shop) == []
    shop.printer.clear_jam()
    assert_all_that_came_of_it(shop, ["ticket", "copy"], ["copy"])


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay_s", [1.5, 2, 3])
def test_a_printer_that_answers_seconds_late_is_believed_and_prints_once(shop: Shop, delay_s: float):
    """It answered at once before, so that its silence would be taken for a fault."""
    shop.printer.answer_delay = delay_s
    sell(shop)
    shop.wait_for_outcome("printed")
    shop.printer.answer_delay = 0
    assert_all_that_came_of_it(shop, ["ticket"], ["printed"])


def test_a_printer_that_takes_no_bytes_for_a_while_prints_once(shop: Shop):
    shop.printer.reads = False
    sell(shop)
    shop.board.log_says("order the-sale: printing")
    shop.printer.reads = True
    assert_all_that_came_of_it(shop, ["ticket"], ["printed"])


def falls_silent(printer: Printer) -> None:
    printer.silent = True


def speaks_again(printer: Printer) -> None:
    printer.silent = False


def stops_reading(printer: Printer) -> None:
    printer.reads = False


def reads_again(printer: Printer) -> None:
    printer.reads = True


def test_a_printer_that_answered_once_and_does_no_more_gets_its_ticket_when_it_answers_again(shop_of):
    """Two shops at once, for either till waits as long: one printer answers no more, one does nothing at all."""
    silent, stuck = shops = [shop_of(without=("relay",)) for _ in range(2)]
    for shop in shops:
        sell(shop, "proved")
        shop.wait_for_outcome("printed")
    falls_silent(silent.printer)
    stops_reading(stuck.printer)
    for shop in shops:
        sell(shop)
    for shop in shops:
        shop.wait_for_state("printer")
        assert shop.status["printer"] == "no_answer"
        assert on_paper(shop) == ["ticket"]
    speaks_again(silent.printer)
    reads_again(stuck.printer)
    for shop in shops:
        shop.board.press()
        shop.wait_for_outcome("printed", 2)
        assert on_paper(shop) == ["ticket", "ticket"]
        assert reported(shop) == ["printed", "printed"]


def test_a_printer_that_is_said_to_be_unable_to_answer_leaves_tickets_unconfirmed_and_alarms_nobody(shop_of):
    shop = shop_of({"printer": {"proof": "none"}}, printer=Printer(proof="none"), without=("relay", "board"))
    shop.board.plug_in()
    shop.wait_for_state("ready")
    for count in (1, 2):
        sell(shop, f"sale-{count}")
        shop.wait_for_outcome("unconfirmed", count)
    shop.wait_for_state("ready")
    assert on_paper(shop) == ["ticket", "ticket"]
    assert reported(shop) == ["unconfirmed", "unconfirmed"]
    states = [status.get("state") for status in shop.ears.on(f"tills/{TILL}/status")]
    assert "paid" in states
    assert "attention" not in states


# --- the cable -------------------------------------------------------------------------------------------------------


class UsbShop:
    """A shop whose printer has a device node that comes and goes with its cable."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.cable = Cable(shop.printer, shop.folder / "lp0")
        settings = yaml.safe_load(shop.config.read_text())
        settings["printer"] = {"connection": "usb", "device": str(self.cable.node)}
        shop.config.write_text(yaml.safe_dump(settings))
        self.cable.plug_in()
        shop.board.plug_in()
        shop.wait_for_state("ready")


@pytest.fixture
def usb(shop_of) -> Iterator[UsbShop]:
    usb = UsbShop(shop_of(without=("relay", "board")))
    yield usb
    usb.cable.pull_out()


def test_a_ticket_waits_for_the_cable_and_comes_once(usb: UsbShop):
    usb.cable.pull_out()
    sell(usb.shop)
    wait_for_trouble(usb.shop, "gone")
    usb.cable.plug_in()
    assert_all_that_came_of_it(usb.shop, ["ticket"], ["printed"])


def test_a_cable_pulled_when_half_a_ticket_is_through_costs_a_copy(usb: UsbShop):
    usb.cable.pull_out_after(300)
    sell(usb.shop)
    wait_for_trouble(usb.shop, "gone")
    assert piece(usb.shop.printer.loose) == "scrap"
    usb.cable.plug_in()
    assert_all_that_came_of_it(usb.shop, ["scrap", "copy"], ["copy"])


def test_a_cable_pulled_while_the_printer_prints_what_it_has_costs_a_copy_for_nobody_could_know(usb: UsbShop):
    usb.shop.printer.bytes_per_second = SLOW
    sell(usb.shop)
    wait_for_half_a_ticket(usb.shop)
    usb.cable.pull_out()
    wait_for_trouble(usb.shop, "gone")
    usb.shop.printer.bytes_per_second = None
    usb.shop.printer.wait_for_tickets(1)
    usb.cable.plug_in()
    assert_all_that_came_of_it(usb.shop, ["ticket", "copy"], ["copy"])
