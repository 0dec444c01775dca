"""Tickets that waited for long: one list of them, and a person says when. And what a journal can't know."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from edge.core import duties, events
from edge.core.lifecycle import Stage
from edge.core.order import MerchantOrder
from edge.core.status import Signal, problems
from tests.support.desk import YESTERDAY, Books, Desk, at_our_pos, with_settings
from tests.support.facts import APPROVED, PAID

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def paid(number: int, when: datetime = NOON) -> MerchantOrder:
    payment = replace(APPROVED, id=f"p{number}", date_approved=when + timedelta(seconds=number))
    return replace(PAID, id=f"{number}", external_reference=f"sale-{number}", payments=(payment,))


def behind_an_empty_roll(minutes: int, *orders: MerchantOrder) -> Desk:
    """A till that heard of these orders while there was no paper, and now there is, so many minutes later."""
    desk = Desk(books=Books(today=NOON + timedelta(minutes=1)))
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    for order in orders:
        desk.books.write(order)
        desk.ring(order.id)
    desk.books.today = NOON + timedelta(minutes=minutes)
    return desk.wait(70).hear(events.PrinterSeen(events.Paper.READY)).settle()


OUT = events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)


def slip(desk: Desk, end: events.TicketEnd = OUT) -> tuple[str, ...]:
    """Print the list that is owed; the references on it."""
    duty = desk.owed()
    assert isinstance(duty, duties.PrintList), duty
    desk.hear(events.SlipTried(duty, end))
    return tuple(order.reference for order in duty.orders)


def test_a_backlog_of_minutes_comes_in_the_order_of_payment():
    desk = behind_an_empty_roll(10, paid(3), paid(1), paid(2))
    while desk.print().settle().owed():
        pass
    assert [duty.order.reference for duty in desk.printed] == ["sale-1", "sale-2", "sale-3"]


def test_tickets_that_can_not_be_confirmed_hold_up_no_other():
    desk = behind_an_empty_roll(10, paid(1))
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    for order in (paid(2), paid(3), paid(4)):
        desk.books.write(order)
        desk.ring(order.id)
    desk.wait(70)
    for identity in ("1", "2", "3"):
        del desk.books.orders[identity]
    desk.hear(events.PrinterSeen(events.Paper.READY)).settle().wait(5).print()
    assert [duty.order.reference for duty in desk.printed] == ["sale-4"]


def test_an_old_backlog_is_listed_and_a_press_prints_it():
    desk = behind_an_empty_roll(20, paid(2), paid(1))
    assert slip(desk) == ("sale-1", "sale-2")
    assert desk.print().printed == []
    assert desk.sign is Signal.ATTENTION
    assert problems(desk.till) == ["2 tickets wait on a list that was printed; a press of the button prints them"]
    desk.press().print()
    assert [(duty.order.reference, duty.banners) for duty in desk.printed] == [("sale-1", ()), ("sale-2", ())]
    assert desk.wait(4).sign is Signal.READY


def test_a_new_sale_is_held_up_neither_by_forty_tickets_that_were_called_for_nor_by_their_readings():
    """Each answer takes a second, each ticket two."""
    desk = behind_an_empty_roll(20, *(paid(number) for number in range(40)))
    slip(desk)
    desk.press()
    new = paid(99, desk.books.today)
    desk.books.write(new)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, new.id))
    began = desk.now
    while "sale-99" not in [duty.order.reference for duty in desk.printed]:
        out, ticket = desk.ask_all(), desk.begin() if desk.till.orders.under_way is None else None
        desk.now += 1
        desk.hear(*(events.Answered(duty, desk.books.answer(duty)) for duty in out), events.Ticked())
        if ticket or desk.till.orders.under_way:
            desk.now += 1
            desk.hear(OUT)
    assert desk.now - began < 12
    while desk.settle().print().printed and desk.till.orders.unprinted:
        pass
    assert len({duty.order.reference for duty in desk.printed}) == 41


def test_a_new_sale_is_not_held_up_by_the_list():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    slip(desk)
    desk.books.write(paid(3, desk.books.today))
    desk.ring("3").print()
    assert [duty.order.reference for duty in desk.printed] == ["sale-3"]


def test_one_old_ticket_is_printed_and_not_listed():
    desk = behind_an_empty_roll(20, paid(1)).print()
    assert [duty.order.reference for duty in desk.printed] == ["sale-1"]


def test_a_list_that_broke_off_comes_again():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    slip(desk, events.TicketInterrupted(events.Paper.OUT))
    desk.hear(events.PrinterSeen(events.Paper.READY)).wait(3)
    assert slip(desk) == ("sale-1", "sale-2")


def test_a_list_outlives_a_power_cut():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    slip(desk)
    desk = desk.restart()
    assert desk.print().printed == []
    assert len(desk.press().print().printed) == 2


def test_what_was_called_for_is_not_listed_again_when_the_paper_ends_once_more():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    slip(desk)
    desk.press().hear(events.PrinterSeen(events.Paper.OUT)).wait(1).hear(events.PrinterSeen(events.Paper.READY)).print()
    assert len(desk.printed) == 2


def test_what_is_called_for_while_the_list_is_printed_does_not_go_on_it():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    duty = desk.owed()
    assert isinstance(duty, duties.PrintList), duty
    desk.hear(events.ReprintAsked("sale-1"), events.SlipTried(duty, OUT)).settle().print()
    assert [ticket.order.id for ticket in desk.printed] == ["1"]
    assert desk.stage("sale-2") is Stage.LISTED


def test_money_that_went_back_leaves_the_list():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    slip(desk)
    back = replace(paid(1).payments[0], refunded=Decimal("5350.5"))
    desk.books.write(replace(paid(1), order_status="reverted", payments=(back,)))
    desk.ring("1")
    assert desk.stage("sale-1") is Stage.LAPSED
    assert len(desk.press().print().printed) == 1


def test_a_single_one_can_be_asked_for_from_the_command_line():
    desk = behind_an_empty_roll(20, paid(1), paid(2))
    slip(desk)
    desk.hear(events.ReprintAsked("sale-2")).settle().print()
    assert [(duty.order.reference, duty.banners) for duty in desk.printed] == [("sale-2", ())]


def test_copies_that_a_person_wants_are_no_backlog():
    desk = behind_an_empty_roll(5, paid(1), paid(2)).print()
    desk.books.today = NOON + timedelta(days=2)
    desk.wait(70).hear(events.ReprintAsked("sale-1"), events.ReprintAsked("sale-2")).print()
    assert [duty.banners for duty in desk.printed[2:]] == [(duties.Banner.COPY,), (duties.Banner.COPY,)]


def test_money_that_went_back_while_the_power_was_out_gets_no_ticket():
    desk = behind_an_empty_roll(2, paid(1))
    back = replace(paid(1).payments[0], refunded=Decimal("5350.5"))
    desk.books.down = True
    desk = desk.restart()
    assert desk.print().printed == []
    desk.books.write(replace(paid(1), order_status="reverted", payments=(back,)))
    desk.books.down = False
    assert desk.wait(40).print().printed == []
    assert desk.stage("sale-1") is Stage.LAPSED


# --- what a journal can't know -------------------------------------------------------------------------------------


def test_a_new_journal_marks_what_was_paid_before_it_began():
    """The one that was there before may have printed it."""
    books = Books(today=NOON)
    books.write(paid(1, NOON - timedelta(minutes=5)))
    desk = Desk(at_our_pos(), books).print()
    books.write(paid(2, NOON + timedelta(seconds=5)))
    desk.ring("2").print()
    assert [duty.banners for duty in desk.printed] == [(duties.Banner.COPY,), ()]


def test_a_new_journal_judges_nothing_before_its_first_sweep():
    desk = Desk(at_our_pos(), Books(today=NOON))
    assert [type(duty) for duty in desk.asked][:2] == [duties.FindPos, duties.Sweep]


def test_a_payment_without_a_date_is_given_the_benefit_of_the_doubt():
    undated = replace(paid(1), payments=(replace(APPROVED, date_approved=None),))
    books = Books(today=NOON)
    books.write(undated)
    desk = Desk(with_settings(), books).ring("1").print()
    assert [duty.banners for duty in desk.printed] == [()]


def test_what_was_finished_long_ago_is_forgotten():
    desk = Desk(with_settings(keep_s=14 * 24 * 3600), Books(today=NOON))
    desk.books.write(paid(1))
    desk.ring("1").print()
    desk.books.today = NOON + timedelta(days=13)
    assert "sale-1" in desk.wait(61).till.orders.finished
    desk.books.today = NOON + timedelta(days=15)
    assert "sale-1" in desk.wait(61).till.orders.finished, "an hour that was heard once makes nothing old"
    assert "sale-1" not in desk.wait(61).till.orders.finished


def test_a_doorbell_for_what_was_forgotten_brings_a_marked_copy():
    desk = Desk(with_settings(keep_s=14 * 24 * 3600), Books(today=NOON))
    desk.books.write(paid(1))
    desk.ring("1").print()
    desk.books.orders, forgotten = {}, desk.books.orders
    desk.books.today = NOON + timedelta(days=15)
    desk.wait(122).books.orders = forgotten
    desk.ring("1").print()
    assert [duty.banners for duty in desk.printed] == [(), (duties.Banner.COPY,)]


def test_a_till_that_forgets_nothing_knows_as_long_as_before():
    desk = Desk(with_settings(), Books(today=NOON)).wait(61)
    assert desk.till.history.complete_since == YESTERDAY


# --- a disk that fails ---------------------------------------------------------------------------------------------


def test_what_can_not_be_remembered_is_not_printed():
    desk = Desk(books=Books(today=NOON)).hear(events.JournalTried("the disk is full"))
    desk.books.write(paid(1))
    desk.ring("1")
    assert desk.print().printed == []
    assert desk.sign is Signal.ATTENTION
    assert problems(desk.till) == ["nothing can be printed, for it could not be remembered: the disk is full"]
    desk.press()
    assert desk.sign is Signal.ATTENTION
    assert len(desk.hear(events.JournalTried("")).print().printed) == 1
