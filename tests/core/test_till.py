"""The till's rules, as stories. No process, no socket: the core and a clock turned by hand."""

from dataclasses import replace

import pytest

from edge.core import duties, events
from edge.core.evidence import FRESH_READING_S
from edge.core.lifecycle import LIFE, IllegalMove, Move, Order, Stage
from edge.core.links import report_duty
from edge.core.notices import Concern
from edge.core.settings import Settings
from edge.core.state import Till
from edge.core.status import Signal, problems
from tests.support.desk import Books, Desk
from tests.support.facts import APPROVED, OPENED, PAID, POS, REFERENCE, USER


def paid(identity: str, reference: str = REFERENCE):
    """Another paid merchant order."""
    payment = replace(APPROVED, id=f"9{identity}")
    return replace(PAID, id=identity, external_reference=reference, payments=(payment,))


def books(*orders, place: str = POS, on_till: str | None = None) -> Books:
    written = Books(on_till=on_till)
    written.write(*orders, place=place)
    return written


def selling(*orders, place: str = POS) -> Desk:
    """A desk at which the order of the story is on the till, seen, and waits for its money."""
    desk = Desk(books=books(on_till=REFERENCE))
    assert desk.stage(REFERENCE) is Stage.WAITING
    desk.books.write(*orders, place=place)
    return desk


def test_an_outcome_waits_for_the_broker():
    desk = selling(PAID)
    desk.hear(events.BrokerLost("no route")).ring(PAID.id).print()
    assert report_duty(desk.till, desk.now) is None
    desk.hear(events.BrokerConnected())
    number, report = report_duty(desk.till, desk.now)
    assert (number, report.outcome) == (1, duties.Outcome.PRINTED)


# --- one sale ------------------------------------------------------------------------------------------------------


def test_a_doorbell_is_looked_into_and_the_ticket_printed():
    desk = Desk(books=books())
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    assert [duty.order for duty in desk.printed] == [PAID]
    assert desk.outcomes == ["printed"]
    assert desk.sign is Signal.PAID


def test_a_doorbell_of_a_payment_leads_to_its_order():
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(APPROVED.id, events.Kind.PAYMENT).print()
    assert desk.asked[-2:] == [duties.ReadPayment(APPROVED.id), duties.Verify(PAID.id)]
    assert len(desk.printed) == 1


@pytest.mark.parametrize(
    ("kind", "identity"), [(events.Kind.ORDER, "ORD01KA0000000000000000000AA"), (events.Kind.LOOK, "subscription")]
)
def test_a_doorbell_that_names_nothing_readable_means_look_around(kind, identity):
    desk = Desk(books=books())
    desk.books.write(PAID)
    desk.ring(identity, kind).print()
    assert desk.outcomes == ["printed"]
    assert len(desk.printed) == 1


def test_three_merchant_orders_and_many_doorbells_are_one_ticket():
    scans = [replace(OPENED, id=str(number)) for number in (1, 2)]
    desk = selling(*scans)
    for _ in range(3):
        desk.ring("1").ring("2")
    desk.books.write(PAID)
    desk.books.on_till = None
    for identity in (PAID.id, "1", PAID.id, "2", PAID.id, PAID.id, PAID.id):
        desk.ring(identity).print()
    desk.wait(120).print()
    assert len(desk.printed) == 1
    assert desk.outcomes == ["printed"]


def test_a_repeated_doorbell_of_a_finished_order_costs_one_question():
    desk = selling(PAID)
    desk.ring(PAID.id).print()
    before = len(desk.asked)
    desk.ring(PAID.id).print()
    assert desk.asked[before:] == [duties.Verify(PAID.id)]


def test_equal_doorbells_fall_together():
    desk = Desk()
    desk.books.write(PAID)
    desk.hear(*[events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id)] * 5).settle()
    assert desk.asked[-2:] == [duties.Verify(PAID.id), duties.ListLatest(POS)]
    assert desk.asked.count(duties.Verify(PAID.id)) == 1


def test_news_that_comes_while_the_answer_is_under_way_is_looked_into_again():
    desk = Desk(books=books(OPENED))
    duty = duties.Verify(PAID.id)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id), events.Asked(duty))
    stale = events.Answered(duty, events.MerchantOrderRead(OPENED))
    desk.books.write(PAID)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id), stale).settle().print()
    assert len(desk.printed) == 1


def test_opened_is_no_more_than_look_again():
    desk = selling(OPENED)
    desk.ring(OPENED.id).print()
    assert desk.printed == []
    assert desk.outcomes == []
    assert desk.sign is Signal.WAITING


def test_an_order_without_a_reference_is_filed_under_its_own_id():
    desk = Desk(books=books())
    desk.books.write(replace(PAID, external_reference=""))
    desk.ring(PAID.id).print()
    assert desk.stage(f"merchant_order-{PAID.id}") is Stage.PRINTED


# --- what gets no ticket -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(PAID, payments=()), "not_covered"),
        (replace(PAID, order_status="refunded"), "refunded"),
        (replace(PAID, collector_id="1"), "wrong_collector"),
        (replace(PAID, cancelled=True), "cancelled"),
        (replace(PAID, total=PAID.total + 1), "not_covered"),
    ],
)
def test_no_money_no_ticket_and_the_reason_is_said_once(order, reason):
    desk = Desk(books=books(order))
    desk.ring(order.id).ring(order.id).print()
    assert desk.printed == []
    assert desk.reasons == [reason]


def test_another_tills_payment_is_not_ours():
    desk = Desk(books=books(PAID, place="55002"))
    desk.ring(PAID.id).print()
    assert desk.printed == []
    assert desk.reasons == ["another_till"]


def test_a_forged_id_is_asked_for_a_while_and_then_named():
    desk = Desk()
    desk.ring("666").wait(30).print()
    assert desk.printed == []
    assert desk.reasons == ["not_found"]


def test_a_notification_that_beats_the_order_by_seconds_still_gets_its_ticket():
    desk = Desk()
    desk.ring(PAID.id)
    desk.wait(3)
    desk.books.write(PAID)
    desk.wait(5).print()
    assert len(desk.printed) == 1


def test_a_payment_without_an_order_is_for_a_person():
    desk = Desk()
    desk.books.places["77"] = POS
    desk.ring("77", events.Kind.PAYMENT).wait(30)
    assert desk.reasons == ["no_merchant_order"]
    assert desk.sign is Signal.ATTENTION


def test_a_refund_that_is_heard_of_while_the_ticket_waits_for_paper_takes_it_back():
    desk = selling(PAID)
    desk.hear(events.PrinterSeen(events.Paper.OUT)).ring(PAID.id)
    desk.books.write(replace(PAID, order_status="refunded"))
    desk.ring(PAID.id).hear(events.PrinterSeen(events.Paper.READY)).print()
    assert desk.printed == []
    assert desk.reasons == ["refunded"]
    assert desk.sign is Signal.ATTENTION


def test_a_ticket_owed_since_yesterday_is_looked_into_at_the_start():
    desk = selling(PAID)
    desk.hear(events.PrinterSeen(events.Paper.OUT)).ring(PAID.id)
    desk.books.write(replace(PAID, order_status="refunded"))
    assert desk.restart().print().printed == []


def test_an_old_reading_is_never_judged():
    """Paid, with its place unknown; then refunded; then, late, the place comes."""
    desk = Desk()
    desk.hear(events.Answered(duties.Verify(PAID.id), events.MerchantOrderRead(PAID)))
    desk.books.write(replace(PAID, order_status="refunded"))
    desk.now += FRESH_READING_S + 1
    desk.settle().print()
    assert desk.printed == []
    assert desk.reasons == ["refunded"]


def test_money_that_names_no_till_at_all_is_for_a_person():
    desk = Desk(books=books(PAID, place=""))
    desk.ring(PAID.id).print()
    assert desk.printed == []
    assert desk.reasons == ["no_place"]
    assert desk.sign is Signal.ATTENTION


def test_an_attempt_without_an_order_that_was_not_approved_is_no_matter():
    desk = Desk()
    attempt = events.PaymentRead("77", POS, "", approved=False)
    for _ in range(6):
        desk.hear(events.Answered(duties.ReadPayment("77"), attempt))
    assert desk.reasons == ["no_merchant_order"]
    assert desk.sign is Signal.READY


def test_a_power_cut_between_the_order_and_its_place_does_not_lose_it():
    desk = Desk()
    desk.books.write(PAID)
    desk.hear(events.Answered(duties.Verify(PAID.id), events.MerchantOrderRead(PAID)))
    assert duties.Verify(PAID.id) in desk.till.agenda.due
    assert desk.printed == []


def test_a_refund_before_the_ticket_is_for_a_person_and_gets_none():
    desk = selling(replace(PAID, order_status="refunded"))
    desk.ring(PAID.id).print()
    assert desk.printed == []
    assert desk.sign is Signal.ATTENTION


def test_without_knowing_our_own_pos_no_money_is_believed():
    desk = Desk(Till(Settings(USER)), books(PAID))
    assert desk.asked[0] == duties.FindPos()
    assert desk.till.history.pos_id == POS


# --- nobody rings --------------------------------------------------------------------------------------------------


def test_the_order_on_the_till_is_asked_for_after_thirty_seconds_and_then_every_five():
    desk = selling()
    seen = []
    for _ in range(40):
        before = len(desk.asked)
        desk.wait(1)
        seen.append(any(isinstance(duty, duties.Search) for duty in desk.asked[before:]))
    assert [second + 1 for second, asked in enumerate(seen) if asked] == [30, 35, 40]


def test_an_order_that_left_the_till_is_asked_for_at_once():
    desk = selling()
    desk.books.write(PAID)
    desk.books.on_till = None
    desk.wait(10.25).print()
    assert len(desk.printed) == 1


def test_without_a_broker_the_till_looks_often_enough_to_sell():
    desk = Desk()
    desk.hear(events.BrokerLost("no route")).settle()
    desk.books.on_till = REFERENCE
    desk.wait(11)
    assert desk.stage(REFERENCE) is Stage.WAITING
    desk.books.write(PAID)
    desk.books.on_till = None
    desk.wait(11).print()
    assert len(desk.printed) == 1


def test_the_sweep_finds_what_no_doorbell_told():
    desk = Desk()
    desk.books.write(PAID)
    desk.wait(55).print()
    assert desk.printed == []
    desk.wait(10).print()
    assert len(desk.printed) == 1


def test_the_sweep_runs_again_when_the_broker_is_back():
    desk = Desk()
    desk.books.write(PAID)
    desk.hear(events.BrokerLost("gone"), events.BrokerConnected()).settle().print()
    assert len(desk.printed) == 1


def test_a_broker_that_stays_away_is_no_reason_to_look_again_each_time():
    desk = Desk()
    desk.hear(events.BrokerLost("gone")).settle()
    desk.asked.clear()
    desk.hear(events.BrokerLost("no route"), events.BrokerLost("no route")).settle()
    assert desk.asked == []


@pytest.mark.parametrize("gone", [events.RelaySeen(False), events.BrokerLost("gone")])
def test_where_nobody_rings_the_sweep_comes_often(gone):
    desk = Desk()
    desk.hear(events.BrokerConnected()).wait(1).hear(gone).wait(1)
    desk.asked.clear()
    desk.wait(60)
    assert sum(isinstance(duty, duties.Sweep) for duty in desk.asked) > 5


def test_the_sweep_asks_only_for_what_is_new():
    desk = selling(PAID)
    desk.ring(PAID.id).print()
    before = len(desk.asked)
    desk.press()
    assert sorted(type(duty).__name__ for duty in desk.asked[before:]) == ["LookAtTill", "Sweep"]


def test_an_order_lapses_when_it_is_long_gone_and_unpaid():
    desk = selling()
    desk.books.on_till = None
    desk.wait(16 * 60)
    assert desk.stage(REFERENCE) is Stage.LAPSED
    assert desk.sign is Signal.READY


def test_while_the_api_is_away_no_order_lapses():
    desk = selling()
    desk.books.on_till = None
    desk.wait(11)
    desk.books.down = True
    desk.wait(3600)
    assert desk.stage(REFERENCE) is Stage.WAITING
    assert desk.sign is Signal.UNREACHABLE
    desk.books.down = False
    desk.books.write(PAID)
    desk.wait(60).print()
    assert len(desk.printed) == 1


def test_one_question_that_always_fails_does_not_stop_the_others():
    desk = Desk()
    desk.books.write(PAID)
    odd = duties.Verify("1")
    desk.hear(
        events.DoorbellRang(events.Kind.MERCHANT_ORDER, "1"), events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id)
    )
    for _ in range(200):
        desk.now += 0.25
        duty = till_duty(desk)
        if duty is not None:
            answer = events.Unreachable(events.Trouble.BUSY, "unreadable") if duty == odd else desk.books.answer(duty)
            desk.hear(events.Answered(duty, answer))
    desk.print()
    assert len(desk.printed) == 1


def till_duty(desk: Desk):
    from edge.core.till import payment_duty

    return payment_duty(desk.till, desk.now)


def test_after_an_outage_a_notification_may_still_be_too_early():
    desk = Desk()
    desk.books.down = True
    desk.ring(PAID.id).wait(300)
    desk.books.down = False
    while desk.till.agenda.due[duties.Verify(PAID.id)].not_found == 0:
        desk.wait(0.25)
    desk.books.write(PAID)
    desk.wait(5).print()
    assert len(desk.printed) == 1


def test_a_question_that_fails_for_ever_is_for_a_person():
    desk = Desk()
    odd = duties.Verify("1")
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "1"))
    for _ in range(4000):
        desk.now += 0.25
        duty = till_duty(desk)
        if duty is not None:
            answer = events.Unreachable(events.Trouble.BUSY, "unreadable") if duty == odd else desk.books.answer(duty)
            desk.hear(events.Answered(duty, answer))
    assert {notice.concern for notice in desk.till.notices} == {Concern.UNREADABLE}
    assert desk.asked.count(odd) < 100


def test_a_long_pause_is_shown():
    desk = Desk()
    desk.hear(events.Answered(duties.LookAtTill(), events.Unreachable(events.Trouble.BUSY, "429", retry_after=60)))
    assert desk.sign is Signal.UNREACHABLE


def test_a_refused_token_is_for_a_person_and_tried_slowly():
    desk = Desk()
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id))
    desk.hear(
        events.Answered(duties.Verify(PAID.id), events.Unreachable(events.Trouble.REFUSED, "401: put a valid token"))
    )
    assert desk.sign is Signal.ATTENTION
    assert "401: put a valid token" in problems(desk.till)
    before = len(desk.asked)
    desk.wait(59)
    assert len(desk.asked) == before
    desk.books.write(PAID)
    desk.wait(2).print()
    assert len(desk.printed) == 1


def test_mercado_pago_is_given_the_time_it_asks_for():
    desk = selling()
    desk.hear(events.Answered(duties.Search(REFERENCE), events.Unreachable(events.Trouble.BUSY, "429", retry_after=20)))
    before = len(desk.asked)
    desk.wait(19)
    assert len(desk.asked) == before


@pytest.mark.parametrize(("trouble", "longest_s"), [(events.Trouble.NETWORK, 9), (events.Trouble.BUSY, 45)])
def test_a_line_that_nobody_answers_is_tried_again_sooner_than_a_server_that_cannot(trouble, longest_s):
    desk = selling()
    pauses_s = {one_more_failure(desk, trouble) for _ in range(20)}
    assert longest_s - 1 <= max(pauses_s) <= longest_s


def one_more_failure(desk: Desk, trouble: events.Trouble) -> float:
    """Seconds from an answer that didn't come to the next question."""
    duty, began = duties.Search(REFERENCE), desk.now
    desk.hear(events.Answered(duty, events.Unreachable(trouble, "no answer", jitter=0.99)))
    while till_duty(desk) is None:
        desk.now += 0.25
    return desk.now - began


# --- the button ----------------------------------------------------------------------------------------------------


def test_a_press_looks_now():
    desk = selling()
    desk.books.write(PAID)
    desk.press().print()
    assert len(desk.printed) == 1


def test_a_press_does_not_wait_for_the_back_off():
    desk = selling(PAID)
    desk.hear(
        events.Answered(duties.Search(REFERENCE), events.Unreachable(events.Trouble.BUSY, "429", retry_after=200))
    )
    desk.press().print()
    assert len(desk.printed) == 1


def test_a_hold_cancels():
    desk = selling(OPENED)
    desk.press(2.5)
    assert desk.stage(REFERENCE) is Stage.CANCELLED
    assert desk.outcomes == ["cancelled"]
    assert desk.sign is Signal.CANCELLED
    assert desk.books.on_till is None


def test_a_hold_too_late_prints_the_ticket():
    desk = selling()
    desk.books.write(PAID)
    desk.books.on_till = None
    desk.press(2.5).print()
    assert desk.stage(REFERENCE) is Stage.PRINTED
    assert desk.outcomes == ["printed"]


def test_a_hold_while_somebody_pays_goes_on_watching():
    desk = selling(OPENED)
    desk.books.removal = events.Removal.LOCKED
    desk.press(2.5)
    assert desk.reasons == ["not_cancelled: being_paid"]
    assert desk.sign is Signal.WAITING
    desk.books.write(PAID)
    desk.wait(6).print()
    assert len(desk.printed) == 1


def test_a_hold_that_finds_another_order_deletes_nothing():
    desk = selling()
    desk.books.on_till = "the-next-sale"
    desk.press(2.5)
    assert desk.books.on_till == "the-next-sale"
    assert desk.reasons == ["not_cancelled: another_order_on_till"]
    assert desk.sign is Signal.ATTENTION
    assert desk.stage("the-next-sale") is Stage.WAITING


def test_a_hold_without_an_answer_is_asked_until_there_is_one():
    desk = selling()
    desk.books.down = True
    desk.press(2.5)
    desk.wait(60)
    assert desk.stage(REFERENCE) is Stage.CANCELLING
    assert desk.sign is Signal.UNREACHABLE
    desk.books.down = False
    desk.wait(60)
    assert desk.stage(REFERENCE) is Stage.CANCELLED


def test_a_held_button_survives_a_power_cut():
    desk = selling()
    desk.books.down = True
    desk.press(2.5)
    desk.books.down = False
    desk = desk.restart()
    assert desk.stage(REFERENCE) is Stage.CANCELLED


def test_an_order_that_is_just_gone_is_called_cancelled_only_when_a_search_had_time_to_know():
    desk = selling()
    desk.books.on_till = None
    desk.press(2.5)
    assert desk.stage(REFERENCE) is Stage.CANCELLING
    desk.wait(20)
    assert desk.stage(REFERENCE) is Stage.CANCELLED


def test_a_hold_before_we_saw_the_order_finds_it():
    desk = Desk()
    desk.books.on_till = REFERENCE
    desk.press(2.5)
    assert desk.stage(REFERENCE) is Stage.CANCELLED


def test_a_hold_with_nothing_on_the_till_is_over_after_one_look():
    desk = Desk()
    desk.press(2.5)
    assert desk.till.cashier.cancel_wanted_at is None
    desk.books.on_till = "the-next-sale"
    desk.wait(61)
    assert desk.stage("the-next-sale") is Stage.WAITING


def test_a_hold_that_nobody_answered_does_not_cancel_a_later_sale():
    desk = Desk()
    desk.books.down = True
    desk.press(2.5).wait(3600)
    desk.books.down = False
    desk.books.on_till = "tomorrows-sale"
    desk.wait(120)
    assert desk.books.on_till == "tomorrows-sale"
    assert desk.sign is Signal.ATTENTION


def test_a_hold_means_the_order_that_was_there_when_the_finger_went_down():
    desk = selling()
    desk.put_finger()
    desk.books.write(PAID)
    desk.books.on_till = "the-next-sale"
    desk.ring(PAID.id)
    desk.hear(events.Answered(duties.LookAtTill(), events.TillSeen("the-next-sale")))
    assert desk.till.cashier.loaded == "the-next-sale"
    desk.wait(3)
    desk.lift_finger().wait(1).print()
    assert desk.books.on_till == "the-next-sale"
    assert desk.outcomes == ["printed"]


def test_a_press_that_the_loop_hears_of_late_is_a_press():
    desk = selling(PAID)
    desk.now += 5
    pressed_at = desk.now - 1
    for wire, since in ((events.ButtonDown, 0.0), (events.ButtonUp, 0.2)):
        desk.hear(*(wire(pressed_at + since + 0.02 * number) for number in range(10)))
    desk.settle().print()
    assert len(desk.printed) == 1


def test_money_after_a_cancel_gets_a_ticket_with_a_banner_and_a_person():
    desk = selling()
    desk.press(2.5)
    desk.books.write(PAID)
    desk.wait(60).print()
    assert [duty.banners for duty in desk.printed] == [(duties.Banner.LATE,)]
    assert desk.outcomes == ["cancelled", "late_money", "printed"]
    desk.wait(4)
    assert desk.sign is Signal.ATTENTION
    desk.tell().press()
    assert desk.sign is Signal.READY


def test_a_second_paid_order_of_one_reference_is_said_and_not_printed():
    desk = selling(PAID)
    desk.ring(PAID.id).print()
    desk.books.write(paid("2"))
    desk.ring("2").ring("2").print()
    assert len(desk.printed) == 1
    assert desk.outcomes == ["printed", "double_payment"]
    desk.wait(4)
    assert desk.sign is Signal.ATTENTION


def test_a_notice_survives_a_power_cut():
    desk = selling(PAID, paid("2"))
    desk.ring(PAID.id).ring("2").print()
    desk = desk.restart()
    assert {notice.concern for notice in desk.till.notices} == {Concern.DOUBLE_PAYMENT}


def test_a_stuck_button_cancels_nothing():
    desk = Desk(books=books(on_till=REFERENCE))
    desk.hear(events.Started(button_down=True)).wait(10)
    assert desk.stage(REFERENCE) is Stage.WAITING
    assert desk.sign is Signal.ATTENTION


# --- paper ---------------------------------------------------------------------------------------------------------


def due_for_paper() -> Desk:
    return selling(PAID).ring(PAID.id)


def test_no_paper_no_ticket_yet_and_it_is_no_copy():
    desk = due_for_paper()
    desk.begin()
    desk.hear(events.TicketRefused(events.Paper.OUT))
    assert desk.sign is Signal.PRINTER
    desk.wait(59)
    assert desk.begin() is None
    desk.hear(events.PrinterSeen(events.Paper.READY)).print()
    assert desk.printed[-1].banners == ()
    assert desk.outcomes == ["printed"]


def test_a_ticket_cut_off_comes_again_as_a_copy():
    desk = due_for_paper()
    desk.begin()
    desk.hear(events.TicketInterrupted(events.Paper.OUT), events.PrinterSeen(events.Paper.READY)).wait(3).print()
    assert desk.printed[-1].banners == (duties.Banner.COPY,)
    assert desk.outcomes == ["copy"]


def test_a_power_cut_between_the_first_byte_and_the_proof_means_a_copy():
    desk = due_for_paper()
    desk.begin()
    desk = desk.restart().print()
    assert desk.printed[-1].banners == (duties.Banner.COPY,)


def test_a_printer_that_never_proves_anything_raises_no_alarm():
    desk = due_for_paper().print(events.TicketUnproved(events.Paper.UNKNOWN)).wait(4)
    assert desk.outcomes == ["unconfirmed"]
    assert desk.sign is Signal.READY


def test_a_printer_known_to_answer_that_falls_silent_does():
    desk = due_for_paper().print()
    desk.books.write(paid("2", "another"))
    desk.ring("2").print(events.TicketUnproved(events.Paper.UNKNOWN)).wait(4)
    assert desk.outcomes == ["printed", "unconfirmed"]
    assert desk.sign is Signal.ATTENTION


def test_what_is_unconfirmed_is_never_printed_again_by_itself():
    desk = due_for_paper().print(events.TicketUnproved(events.Paper.UNKNOWN))
    desk.restart().ring(PAID.id).wait(700).print()
    assert len(desk.printed) == 1


def test_a_reprint_is_a_marked_copy():
    desk = due_for_paper().print()
    desk.hear(events.ReprintAsked(REFERENCE)).print()
    assert [duty.banners for duty in desk.printed] == [(), (duties.Banner.COPY,)]
    assert desk.outcomes == ["printed", "copy"]


def test_a_reprint_of_what_nobody_paid_is_nothing():
    desk = selling()
    desk.hear(events.ReprintAsked(REFERENCE), events.ReprintAsked("unknown")).print()
    assert desk.printed == []


def test_what_waits_for_paper_comes_in_the_order_of_payment():
    early = replace(
        paid("2", "early"), payments=(replace(APPROVED, id="7", date_approved=APPROVED.date_approved.replace(hour=9)),)
    )
    desk = Desk(books=books(PAID, early))
    desk.hear(events.PrinterSeen(events.Paper.OUT)).ring(PAID.id).ring("2")
    desk.hear(events.PrinterSeen(events.Paper.READY)).print()
    assert [duty.order.reference for duty in desk.printed] == ["early", REFERENCE]


def test_a_printer_that_breaks_at_every_ticket_does_not_eat_the_roll():
    desk = due_for_paper()
    for _ in range(600):
        desk.now += 0.5
        desk.hear(events.Ticked())
        if desk.begin():
            desk.hear(events.TicketInterrupted(events.Paper.READY))
    assert len(desk.printed) < 20


def test_a_printer_that_breaks_at_every_ticket_is_to_be_seen_to():
    desk = due_for_paper()
    signs = []
    for _ in range(4):
        desk.begin()
        signs.append(desk.hear(events.TicketInterrupted(events.Paper.READY)).sign)
        desk.wait(31)
    assert signs == [Signal.WORKING, Signal.WORKING, Signal.PRINTER, Signal.PRINTER]
    assert desk.print().wait(4).sign is Signal.READY


def test_a_ticket_that_always_breaks_lets_the_others_out():
    desk = due_for_paper()
    desk.books.write(paid("2", "another"))
    desk.ring("2")
    for _ in range(400):
        desk.now += 0.5
        desk.hear(events.Ticked())
        if duty := desk.begin():
            breaks = duty.order.reference == REFERENCE
            desk.hear(
                events.TicketInterrupted(events.Paper.READY)
                if breaks
                else events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)
            )
    assert desk.stage("another") is Stage.PRINTED
    assert desk.stage(REFERENCE) is Stage.PAID


# --- the table of moves --------------------------------------------------------------------------------------------


def test_an_illegal_move_raises_and_changes_nothing():
    order = Order(REFERENCE, Stage.PRINTED)
    with pytest.raises(IllegalMove, match="printed"):
        order.moved(Move.PROVED)
    assert order.stage is Stage.PRINTED


def test_every_stage_has_a_way_to_a_ticket_or_an_end():
    assert set(LIFE) == set(Stage)
    for stage in (Stage.WAITING, Stage.CANCELLING, Stage.CANCELLED, Stage.LAPSED):
        assert LIFE[stage][Move.PAID] is Stage.PAID
