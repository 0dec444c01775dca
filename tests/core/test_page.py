"""What the till's page asks for: an order, a cancel, a look, a code on paper; and what it is shown of them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from edge.core import duties, events
from edge.core.agenda import Due
from edge.core.lifecycle import Stage
from edge.core.order import Item, WantedOrder
from edge.core.page import MAX_PLACINGS, PAIRING_TIMEOUT_S, PLACING_TIMEOUT_S
from edge.core.status import Signal, page
from edge.core.timer import due_at
from tests.support.desk import Books, Desk
from tests.support.facts import OPENED, PAID, REFERENCE

WANTED = WantedOrder(REFERENCE, "Caja 1", Decimal("5350.5"), (Item("Yerba 1 kg", Decimal(2), Decimal("2675.25")),))
OUT = events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)


def placed(desk: Desk, reference: str = REFERENCE) -> str:
    return page(desk.till)["placings"][reference]["result"]


def put(desk: Desk, order: WantedOrder = WANTED) -> Desk:
    return desk.hear(events.OrderAsked(order)).settle()


def times_put(desk: Desk) -> int:
    return sum(isinstance(duty, duties.PutOrder) for duty in desk.asked)


# --- an order ------------------------------------------------------------------------------------------------------


def test_an_order_of_the_page_is_put_on_the_till_watched_paid_and_printed():
    desk = put(Desk())
    assert placed(desk) == "done"
    assert (desk.books.on_till, desk.stage(REFERENCE), desk.sign) == (REFERENCE, Stage.WAITING, Signal.WAITING)
    desk.books.write(PAID)
    desk.books.on_till = None
    desk.wait(31).print()
    assert [duty.order.external_reference for duty in desk.printed] == [REFERENCE]
    assert (desk.stage(REFERENCE), desk.sign) == (Stage.PRINTED, Signal.PAID)


def test_who_asks_twice_means_the_same_order():
    desk = Desk().hear(events.OrderAsked(WANTED)).hear(events.OrderAsked(WANTED))
    assert placed(desk) == "asked"
    put(desk.settle())
    assert (times_put(desk), placed(desk)) == (1, "done")


def test_an_order_that_is_on_the_till_stays_there_and_is_named():
    desk = Desk(books=Books(on_till="another"))
    put(desk)
    assert times_put(desk) == 0
    assert page(desk.till)["placings"][REFERENCE] == {"result": "occupied", "why": "another"}
    assert desk.books.on_till == "another"


def test_an_order_that_the_till_has_not_seen_yet_stays_there_too():
    desk = Desk()
    desk.books.on_till = "another"
    assert placed(put(desk)) == "occupied"
    assert (desk.books.on_till, desk.till.cashier.loaded) == ("another", "another")


def test_one_order_at_a_time_is_put_on_the_till():
    desk = Desk().hear(events.OrderAsked(WANTED), events.OrderAsked(replace(WANTED, reference="second")))
    assert page(desk.till)["placings"]["second"] == {"result": "occupied", "why": REFERENCE}
    assert placed(desk.settle()) == "done"


def test_no_order_is_put_there_while_a_cancel_is_under_way_or_a_hold_waits_for_its_order():
    desk = put(Desk())
    desk.hear(events.CancelAsked(REFERENCE), events.OrderAsked(replace(WANTED, reference="second")))
    assert placed(desk, "second") == "occupied"
    desk = Desk(books=Books(by_id=True))
    desk.put_finger(2.5).hear(events.OrderAsked(WANTED))
    assert page(desk.till)["placings"][REFERENCE] == {"result": "occupied", "why": ""}


def test_a_reference_that_had_its_sale_is_not_used_again():
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    assert (placed(put(desk)), times_put(desk)) == ("used", 0)


@pytest.mark.parametrize("refusal", [events.PutRefusal.USED, events.PutRefusal.REFUSED])
def test_a_refusal_of_mercado_pago_is_shown_with_its_word_and_may_be_tried_again(refusal):
    desk = put(Desk(books=Books(refusal=refusal)))
    assert page(desk.till)["placings"][REFERENCE] == {"result": refusal.value, "why": "because"}
    assert desk.stage(REFERENCE) is None
    desk.books.refusal = None
    assert placed(put(desk)) == "done"


def test_without_mercado_pago_it_is_tried_for_a_while_and_never_put_there_later():
    desk = Desk()
    desk.books.down = True
    put(desk).wait(PLACING_TIMEOUT_S - 1)
    assert (placed(desk), times_put(desk) > 1) == ("asked", True)
    desk.wait(2)
    assert placed(desk) == "no_answer"
    assert not any(isinstance(duty, duties.PutOrder) for duty in desk.till.agenda.due)
    asked = times_put(desk)
    desk.books.down = False
    desk.wait(120)
    assert (times_put(desk), desk.books.on_till) == (asked, None)


def test_the_till_wakes_to_give_an_order_up():
    desk = Desk().hear(events.OrderAsked(WANTED), events.Asked(duties.PutOrder(WANTED)))
    moments = [desk.now]
    while moments[-1] < desk.now + PLACING_TIMEOUT_S:
        moments.append(due_at(desk.till, moments[-1]))
    assert moments[-1] == desk.now + PLACING_TIMEOUT_S


def test_an_answer_that_comes_after_it_was_given_up_still_counts_and_a_failure_does_not_bring_it_back():
    duty = duties.PutOrder(WANTED)
    for answer, expected in (
        (events.OrderPut(events.TillSeen(REFERENCE, WANTED.total)), "done"),
        (events.Unreachable(events.Trouble.NETWORK, "no connection"), "no_answer"),
    ):
        desk = Desk().hear(events.OrderAsked(WANTED), events.Asked(duty))
        desk.now += PLACING_TIMEOUT_S
        desk.hear(events.Ticked(), events.Answered(duty, answer))
        assert (placed(desk), duty in desk.till.agenda.due) == (expected, False)


def test_a_restart_forgets_it_and_an_order_that_was_put_there_is_found_by_asking_again():
    desk = Desk().hear(events.OrderAsked(WANTED))
    desk.books.on_till = REFERENCE  # it was put there, and the power went before the answer
    again = desk.restart()
    assert again.till.page.placings == {}
    assert (placed(put(again)), again.stage(REFERENCE)) == ("done", Stage.WAITING)


def test_with_the_orders_api_what_is_announced_may_be_in_the_way_and_is_named_to_the_worker():
    desk = Desk(books=Books(by_id=True))
    desk.books.write(replace(OPENED, id="ORD01", external_pos_id="SUC001POS003"))
    desk.hear(events.OrderAnnounced(id="ORD01")).settle()
    desk.till = replace(desk.till, cashier=replace(desk.till.cashier, loaded=None))
    put(desk, replace(WANTED, reference="second"))
    [asked] = [duty for duty in desk.asked if isinstance(duty, duties.PutOrder)]
    assert asked.announced == "ORD01"


def test_only_the_last_orders_are_remembered():
    desk = Desk(books=Books(refusal=events.PutRefusal.REFUSED))
    for number in range(MAX_PLACINGS + 5):
        put(desk, replace(WANTED, reference=f"sale-{number}"))
    assert len(desk.till.page.placings) == MAX_PLACINGS
    assert placed(desk, f"sale-{MAX_PLACINGS + 4}") == "refused"


# --- cancel, and look ----------------------------------------------------------------------------------------------


def test_a_cancel_of_the_page_is_a_held_button():
    desk = put(Desk()).hear(events.CancelAsked(REFERENCE))
    assert page(desk.till)["cancelling"]
    desk.settle()
    assert (desk.stage(REFERENCE), desk.books.on_till, desk.sign) == (Stage.CANCELLED, None, Signal.CANCELLED)
    assert desk.outcomes == ["cancelled"]


def test_a_cancel_of_an_order_that_was_paid_prints_its_ticket():
    desk = put(Desk())
    desk.books.write(PAID)
    desk.books.removal = events.Removal.REFUSED
    desk.hear(events.CancelAsked(REFERENCE)).settle().print()
    assert desk.stage(REFERENCE) is Stage.PRINTED


def test_a_cancel_means_the_order_that_it_names_and_not_what_a_finger_points_at():
    desk = put(Desk()).put_finger()
    desk.hear(events.CancelAsked("unknown")).settle()
    assert (desk.stage(REFERENCE), desk.till.cashier.pointed_at) == (Stage.WAITING, REFERENCE)


def test_a_look_of_the_page_is_a_press():
    desk = put(Desk()).wait(5)
    desk.books.write(PAID)
    desk.hear(events.CheckAsked()).settle().print()
    assert desk.stage(REFERENCE) is Stage.PRINTED


# --- a device that asks to be let in -------------------------------------------------------------------------------


def slips(desk: Desk) -> list:
    return [slip for slip in desk.till.printer.slips if isinstance(slip, duties.PrintPairing)]


def test_the_code_is_printed_when_the_button_is_pressed_and_only_once():
    desk = Desk().hear(events.PairingAsked("123456"))
    assert (slips(desk), page(desk.till)["pairing"]) == ([], "asked")
    desk.press()
    assert (slips(desk), page(desk.till)["pairing"]) == ([duties.PrintPairing("123456")], "printed")
    assert desk.owed() == duties.PrintPairing("123456")
    desk.hear(events.SlipTried(desk.owed(), OUT)).press()
    assert slips(desk) == []


def test_a_press_without_a_device_that_asks_or_long_after_it_prints_no_code():
    desk = Desk().press()
    assert (slips(desk), page(desk.till)["pairing"]) == ([], None)
    desk.hear(events.PairingAsked("123456")).wait(PAIRING_TIMEOUT_S).press()
    assert slips(desk) == []


def test_a_look_of_the_page_prints_no_code_for_nobody_stands_at_the_till():
    desk = Desk().hear(events.PairingAsked("123456"), events.CheckAsked())
    assert slips(desk) == []


def test_the_device_that_asked_last_is_meant():
    desk = Desk().hear(events.PairingAsked("111111"), events.PairingAsked("222222")).press()
    assert slips(desk) == [duties.PrintPairing("222222")]


def test_without_paper_the_code_is_not_kept_for_later():
    desk = Desk().hear(events.PairingAsked("123456"), events.PrinterSeen(events.Paper.OUT)).press()
    assert (slips(desk), page(desk.till)["pairing"]) == ([], "no_paper")
    desk.hear(events.PrinterSeen(events.Paper.READY)).press()
    assert slips(desk) == [duties.PrintPairing("123456")]


def test_a_code_is_shown_in_no_log():
    assert "123456" not in f"{events.PairingAsked('123456')} {duties.PrintPairing('123456')}"
    assert "123456" not in repr(Desk().hear(events.PairingAsked("123456")).press().till)


# --- what is shown -------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_shown_by_the_names_of_the_slips():
    desk = Desk()
    desk.books.down = True
    desk.wait(90)
    assert page(desk.till)["failures"] == ["no_internet"]
    desk.books.down = False
    desk.wait(60)
    assert page(desk.till)["failures"] == []


def test_one_odd_answer_is_no_failure():
    desk = Desk()
    desk.hear(events.Answered(duties.LookAtTill(), events.Unreachable(events.Trouble.BUSY, "500")))
    assert desk.till.failures.since
    assert page(desk.till)["failures"] == []


def test_what_a_person_must_look_at_is_shown_as_on_its_slip():
    desk = Desk()
    desk.books.write(replace(PAID, payments=(replace(PAID.payments[0]), replace(PAID.payments[0], id="p2"))))
    desk.ring(PAID.id)
    assert page(desk.till)["notices"] == [{"concern": "double_payment", "reference": REFERENCE, "reason": ""}]


def test_a_question_of_the_page_is_not_kept_by_the_journal():
    desk = Desk()
    before = desk.till.durable
    desk.hear(events.OrderAsked(WANTED), events.PairingAsked("123456"))
    assert desk.till.durable == before
    assert desk.till.agenda.due[duties.PutOrder(WANTED)] == Due(desk.now, desk.now, urgent=True)
