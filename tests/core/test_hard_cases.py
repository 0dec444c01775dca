"""Stories that once broke the promise: each was told by somebody who set out to break it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from edge.core import duties, events
from edge.core.agenda import Agenda
from edge.core.lifecycle import Stage
from edge.core.order import MerchantOrder
from edge.core.printing import MAX_LISTED
from edge.core.settings import Settings
from edge.core.state import Till
from edge.core.status import Signal, problems
from edge.core.till import payment_duty
from tests.support.desk import Books, Desk, at_our_pos, with_history, with_settings
from tests.support.facts import APPROVED, PAID, POS, REFERENCE, USER

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEEP = timedelta(days=14)
OUT = events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)


@dataclass
class DatedBooks(Books):
    """A sweep lists payments by their creation, as Mercado Pago does."""

    today: datetime = NOON
    created: dict[str, datetime] = field(default_factory=dict)

    def answer(self, duty: duties.PaymentDuty) -> events.Answer:
        if not isinstance(duty, duties.Sweep) or self.down:
            return super().answer(duty)
        since = duty.since or self.today - timedelta(minutes=duties.Sweep.FIRST_MINUTES)
        found = self._approved(duty.pos_id).items()
        listed = {payment: order for payment, order in found if self.created.get(payment, NOON) >= since}
        return events.Swept(duty.pos_id, self.today, listed)


class DatedDesk(Desk):
    """Mercado Pago's clock goes with ours."""

    books: DatedBooks

    def wait(self, seconds: float) -> "DatedDesk":
        for _ in range(round(seconds)):
            self.books.today += timedelta(seconds=1)
            self.now += 1
            self.hear(events.Ticked()).settle()
        return self

    @property
    def papers(self) -> list[tuple[str, tuple[duties.Banner, ...]]]:
        return [(duty.order.id, duty.banners) for duty in self.printed]


def desk_of(till: Till | None = None, on_till: str | None = None, today: datetime = NOON) -> DatedDesk:
    return DatedDesk(till, DatedBooks(today=today, on_till=on_till))


def sale(number: int, reference: str = "", when: datetime = NOON) -> MerchantOrder:
    payment = replace(APPROVED, id=f"p{number}", date_approved=when)
    return replace(PAID, id=f"{number}", external_reference=reference or f"sale-{number}", payments=(payment,))


def given_back(order: MerchantOrder) -> MerchantOrder:
    [payment] = order.payments
    return replace(order, order_status="reverted", payments=(replace(payment, status="refunded"),))


def without_paper(*orders: MerchantOrder, on_till: str | None = None) -> DatedDesk:
    """A till that heard of these sales while there was no paper."""
    desk = desk_of(on_till=on_till)
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    desk.books.write(*orders)
    desk.books.on_till = None
    for order in orders:
        desk.ring(order.id)
    return desk


def new_roll(desk: DatedDesk) -> DatedDesk:
    desk.hear(events.PrinterSeen(events.Paper.READY)).settle()
    return desk


# --- money that came twice -----------------------------------------------------------------------------------------


def test_two_phones_that_pay_one_order_are_said_once():
    twice = replace(sale(1), payments=(*sale(1).payments, *sale(2).payments))
    desk = desk_of()
    desk.books.write(sale(1))
    desk.ring("1").print()
    desk.books.write(twice)
    desk.ring("1").ring("1")
    assert desk.outcomes == ["printed", "double_payment"]
    assert desk.sign is Signal.PAID
    assert desk.wait(4).sign is Signal.ATTENTION
    assert desk.tell().press().ring("1").wait(100).sign is Signal.READY
    assert len(desk.printed) == 1


def test_two_phones_that_paid_before_anybody_looked_have_one_ticket():
    desk = desk_of()
    desk.books.write(replace(sale(1), payments=(*sale(1).payments, *sale(2).payments)))
    desk.ring("1").print()
    assert (len(desk.printed), desk.outcomes) == (1, ["double_payment", "printed"])


# --- two tickets ---------------------------------------------------------------------------------------------------


def test_a_reference_cancelled_long_ago_and_used_again_is_not_forgotten_with_its_cancel():
    desk = desk_of(with_settings(keep_s=KEEP.total_seconds()), on_till="17")
    desk.press(2.5)
    desk.wait(1000)
    desk.books.today = desk.till.orders.finished["17"].first_finished_at + KEEP - timedelta(minutes=10)
    desk.books.on_till = "17"
    desk.wait(61)
    order = sale(1, "17", desk.books.today)
    desk.books.created["p1"] = desk.books.today
    desk.books.write(order)
    desk.books.on_till = None
    desk.ring("1").print()
    desk.wait(1000).print()
    assert desk.papers == [("1", ())]


@pytest.mark.parametrize("name", ["", "another-name"])
def test_a_merchant_order_that_is_called_otherwise_later_has_had_its_ticket(name):
    desk = desk_of()
    desk.books.write(sale(1))
    desk.ring("1").print()
    desk.books.write(replace(sale(1), external_reference=name))
    desk.ring("1").wait(200).print()
    assert desk.papers == [("1", ())]


def test_what_was_forgotten_and_rings_again_is_a_copy_even_if_it_was_filed_a_minute_before_it_was_paid():
    desk = desk_of(with_settings(keep_s=KEEP.total_seconds()))
    desk.wait(50)
    desk.books.write(sale(1, when=desk.books.today))
    desk.ring("1").print()
    desk.books.today = desk.till.orders.finished["sale-1"].first_finished_at + KEEP - timedelta(seconds=60)
    desk.wait(200)
    assert desk.till.orders.get("sale-1") is None
    desk.ring("1").print()
    assert desk.papers == [("1", ()), ("1", (duties.Banner.COPY,))]


def test_a_journal_that_lacks_commits_doubts_what_it_calls_unprinted():
    desk = desk_of()
    desk.books.write(sale(1))
    desk.hear(events.PrinterSeen(events.Paper.OUT)).ring("1")
    doubted = with_history(replace(desk.restart().till, agenda=Agenda()), complete_since=None)
    after = DatedDesk(replace(doubted, settings=Settings(USER)), desk.books)
    after.print()
    assert after.papers == [("1", (duties.Banner.COPY,))]


def test_a_further_payment_an_hour_after_the_ticket_makes_no_new_one_of_it():
    more = replace(APPROVED, id="p9", date_approved=NOON + timedelta(minutes=5))
    order = sale(1, when=NOON - timedelta(hours=1))
    desk = DatedDesk(at_our_pos(), DatedBooks(today=NOON + timedelta(minutes=6)))
    desk.books.write(replace(order, payments=(*order.payments, more)))
    desk.ring("1").print()
    assert desk.papers == [("1", (duties.Banner.COPY,))]


@pytest.mark.parametrize("on_till", [None, REFERENCE])
def test_an_order_that_is_given_its_reference_after_a_refund_has_its_ticket_all_the_same(on_till):
    desk, nameless = Desk(books=Books(on_till=on_till)), replace(PAID, external_reference="")
    refunded = replace(nameless, payments=(replace(APPROVED, status="refunded"),))
    for order in (nameless, refunded, PAID):
        desk.books.write(order)
        desk.ring(PAID.id)
    assert desk.owed().order == PAID


@pytest.mark.parametrize("on_till", [None, REFERENCE])
def test_an_order_that_is_given_its_reference_after_its_ticket_has_no_second_one(on_till):
    desk = Desk(books=Books(on_till=on_till))
    desk.books.write(replace(PAID, external_reference=""))
    desk.ring(PAID.id)
    desk.begin()
    desk.hear(events.TicketUnproved(events.Paper.READY))
    desk.books.write(PAID)
    desk.ring(PAID.id)
    assert desk.begin() is None


# --- no ticket -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [10, 7200])
def test_the_second_payment_of_a_sale_is_given_back_and_the_first_ones_ticket_comes(seconds):
    desk = without_paper(sale(1, REFERENCE), sale(2, REFERENCE), on_till=REFERENCE)
    desk.wait(seconds)
    desk.books.write(given_back(sale(2, REFERENCE)))
    new_roll(desk.ring("2"))
    if seconds > 1000:
        desk.hear(events.ReprintAsked(REFERENCE))
    desk.print()
    desk.wait(100).print()
    assert desk.papers == [("1", ())]


def test_the_first_payment_of_a_sale_is_given_back_and_the_ticket_is_the_second_ones():
    desk = without_paper(sale(1, REFERENCE), sale(2, REFERENCE), on_till=REFERENCE)
    desk.books.write(given_back(sale(1, REFERENCE)))
    new_roll(desk.ring("1"))
    desk.wait(30).print()
    assert [identity for identity, _ in desk.papers] == ["2"]


def test_a_payment_under_review_for_hours_is_found_though_nobody_rings():
    desk = desk_of(on_till=REFERENCE)
    desk.hear(events.BrokerLost("no route")).wait(20)
    desk.books.on_till = None
    desk.books.created["p1"] = desk.books.today
    desk.wait(2 * 3600)
    desk.books.write(sale(1, REFERENCE, desk.books.today))
    desk.wait(3700).print()
    assert [identity for identity, _ in desk.papers] == ["1"]


def test_looking_further_back_finds_nothing_of_the_time_before_this_journal():
    desk = desk_of(with_history(with_settings(), complete_since=None))
    desk.books.write(sale(1, when=NOON - timedelta(days=1)))
    desk.books.created["p1"] = NOON - timedelta(days=1)
    desk.wait(4000).print()
    assert desk.papers == []


def slowly(desk: Desk, seconds: float, latency: float, every: float = 0, *heard: events.Event) -> Desk:
    """Mercado Pago takes its time for each answer, while `heard` comes every so often."""
    ends = desk.now + seconds
    following = desk.now
    while desk.now < ends:
        duty = payment_duty(desk.till, desk.now)
        if duty is not None:
            desk.hear(events.Asked(duty))
        desk.now += latency if duty else 0.25
        while every and following <= desk.now:
            desk.hear(*heard)
            following += every
        desk.hear(events.Answered(duty, desk.books.answer(duty)) if duty else events.Ticked())
    return desk


@pytest.mark.parametrize(("latency", "every"), [(0.1, 0.1), (1, 1), (2, 4)])
def test_a_relay_that_keeps_saying_that_it_is_there_does_not_starve_a_doorbell(latency, every):
    desk = Desk()
    desk.books.write(PAID)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id))
    slowly(desk, 120, latency, every, events.RelaySeen(True)).settle().print()
    assert len(desk.printed) == 1


@pytest.mark.parametrize("latency", [2, 6])
def test_slow_answers_do_not_starve_what_the_sweep_found(latency):
    desk = Desk(books=Books(on_till="next-sale"))
    desk.hear(events.BrokerLost("no route"))
    slowly(desk, 100, latency)
    desk.books.write(PAID)
    slowly(desk, 300, latency).print()
    assert len(desk.printed) == 1


# --- a ticket for money that is somewhere else ---------------------------------------------------------------------


def test_a_reference_that_two_tills_use_prints_where_it_was_paid():
    desk = desk_of(on_till="000417")
    desk.books.write(sale(1, "000417"), place="another POS")
    desk.press().wait(300).print()
    assert desk.printed == []
    assert desk.reasons == ["another_till"]
    desk.books.write(sale(2, "000417"))
    desk.books.on_till = None
    desk.wait(60).print()
    assert desk.papers == [("2", ())]


def test_a_hold_waits_until_it_is_known_where_the_money_is():
    desk = desk_of(on_till=REFERENCE)
    desk.books.write(sale(1, REFERENCE))
    desk.books.on_till = None
    place = desk.books.places.pop("p1")
    desk.press(2.5).wait(5)
    assert desk.stage(REFERENCE) is Stage.CANCELLING
    desk.books.places["p1"] = place
    desk.wait(30).print()
    assert (desk.papers, desk.outcomes) == ([("1", ())], ["printed"])


# --- a ticket for money that went back -----------------------------------------------------------------------------


def test_money_goes_back_while_its_ticket_is_under_way_and_the_ticket_breaks_off():
    desk = desk_of(on_till=REFERENCE)
    desk.books.write(sale(1, REFERENCE))
    desk.ring("1")
    assert desk.begin()
    desk.books.write(given_back(sale(1, REFERENCE)))
    desk.ring("1").hear(events.TicketInterrupted(events.Paper.OUT))
    new_roll(desk.wait(120)).wait(5).print()
    assert len(desk.printed) == 1


def test_money_goes_back_unheard_while_there_is_no_paper():
    desk = without_paper(sale(1))
    desk.books.write(given_back(sale(1)))
    new_roll(desk.wait(600)).print()
    assert desk.printed == []


def test_money_goes_back_unheard_while_its_ticket_is_on_a_list():
    desk = listed(sale(1), sale(2))
    desk.books.write(given_back(sale(1)))
    desk.press().print()
    assert [identity for identity, _ in desk.papers] == ["2"]


def listed(*orders: MerchantOrder) -> DatedDesk:
    desk = new_roll(without_paper(*orders).wait(1300))
    desk.hear(events.SlipTried(desk.owed(), OUT))
    return desk


def test_a_refund_that_opens_the_order_again_is_a_refund():
    desk = without_paper(sale(1))
    desk.books.write(replace(given_back(sale(1)), status="opened"))
    new_roll(desk.ring("1")).print()
    assert desk.printed == []


def in_doubt(status: str) -> DatedDesk:
    """A till with a new roll, whose paid order reads as unpaid by now, or as nothing."""
    desk = without_paper(sale(1))
    desk.wait(100)
    desk.books.write(replace(sale(1), status="opened", order_status="payment_required", payments=()))
    if status == "gone":
        del desk.books.orders["1"]
    return new_roll(desk)


@pytest.mark.parametrize("status", ["opened", "gone"])
def test_what_waited_and_reads_as_unpaid_is_asked_for_until_it_is_paid_again(status):
    desk = in_doubt(status).wait(600).print()
    assert desk.printed == []
    assert ["sale-1" in problem for problem in problems(desk.till)] == [True]
    assert desk.asked.count(duties.Verify("1")) < 40
    desk.books.write(sale(1))
    desk.wait(60).print()
    assert desk.papers == [("1", ())]


@pytest.mark.parametrize("status", ["opened", "gone"])
def test_a_person_may_have_it_all_the_same(status):
    desk = in_doubt(status).wait(200).hear(events.ReprintAsked("sale-1"))
    desk.settle().print()
    assert desk.papers == [("1", ())]


def test_money_goes_back_unheard_while_nothing_can_be_remembered():
    desk = desk_of()
    desk.hear(events.JournalTried("the disk is full"))
    desk.books.write(sale(1))
    desk.ring("1").wait(600)
    desk.books.write(given_back(sale(1)))
    desk.hear(events.JournalTried("")).settle().print()
    assert desk.printed == []


def test_money_goes_back_unheard_while_the_printer_breaks_at_each_ticket():
    desk = desk_of()
    desk.books.write(sale(1))
    desk.ring("1")
    for _ in range(30):
        assert desk.begin()
        desk.hear(events.TicketInterrupted(events.Paper.READY)).wait(61)
    desk.books.write(given_back(sale(1)))
    desk.wait(61)
    assert desk.begin() is None


def test_money_goes_back_unheard_behind_a_long_row_of_tickets():
    desk = without_paper(*(sale(number) for number in range(5)))
    new_roll(desk)
    desk.books.write(given_back(sale(4)))
    for _ in range(4):
        assert desk.begin()
        desk.wait(30)
        desk.hear(OUT)
    desk.settle().print()
    assert [identity for identity, _ in desk.papers] == ["0", "1", "2", "3"]


def test_a_copy_is_printed_though_the_money_went_back():
    desk = desk_of()
    desk.books.write(sale(1))
    desk.ring("1").print()
    desk.books.write(given_back(sale(1)))
    desk.wait(300).hear(events.PrinterSeen(events.Paper.OUT), events.ReprintAsked("sale-1"))
    new_roll(desk.ring("1").wait(300)).print()
    assert desk.papers == [("1", ()), ("1", (duties.Banner.COPY,))]


def test_what_a_person_called_for_and_broke_off_is_no_copy_that_they_asked_for():
    desk = listed(sale(1), sale(2)).press()
    assert desk.begin().order.id == "1"
    desk.hear(events.TicketInterrupted(events.Paper.OUT))
    desk.books.write(given_back(sale(1)))
    new_roll(desk.ring("1").wait(5)).wait(40).print()
    assert [identity for identity, _ in desk.papers] == ["1", "2"]


def test_a_sweep_whose_filter_did_not_work_prints_no_other_tills_ticket():
    """The adapter drops what names another point of sale; what names none is asked about."""
    desk = desk_of()
    desk.books.write(sale(1), place="another POS")
    desk.hear(events.Answered(duties.Sweep(POS), events.Swept(POS, NOON, {"p1": ""}))).settle().print()
    assert desk.printed == []


# --- who waits for whom --------------------------------------------------------------------------------------------


def failing(desk: Desk, *kinds: type[duties.PaymentDuty]) -> Desk:
    """Mercado Pago answers all but these."""
    answer, odd = desk.books.answer, events.Unreachable(events.Trouble.BUSY, "an answer that makes no sense")
    desk.books.answer = lambda duty: odd if isinstance(duty, kinds) else answer(duty)  # type: ignore[method-assign]
    return desk


def test_a_cancel_that_always_fails_stops_no_other_sale():
    desk = failing(desk_of(on_till=REFERENCE), duties.Cancel)
    desk.press(2.5)
    desk.wait(20)
    desk.books.write(sale(2))
    desk.ring("2").wait(60).print()
    assert desk.papers == [("2", ())]


def test_a_hold_ends_though_nobody_can_say_where_the_money_is():
    desk = failing(desk_of(on_till=REFERENCE), duties.ReadPayment)
    desk.books.write(sale(1, REFERENCE), place="another POS")  # so that the sweep doesn't tell either
    desk.books.on_till = None
    desk.press(2.5)
    desk.wait(300)
    assert desk.reasons == ["not_cancelled: being_paid"]


def test_money_at_another_till_keeps_no_order_on_ours():
    desk = desk_of(on_till="000417")
    desk.books.write(sale(1, "000417"), place="another POS")
    desk.press(2.5)
    desk.wait(30)
    assert desk.books.on_till is None
    assert desk.stage("000417") is Stage.CANCELLED


def test_a_finger_that_drops_a_question_while_it_is_handed_out_is_no_trouble():
    desk = desk_of(on_till=REFERENCE)
    assert duties.Search(REFERENCE) in desk.till.agenda.due
    desk.till = desk.till.drop(duties.Search(REFERENCE))
    desk.hear(events.Asked(duties.Search(REFERENCE)))
    desk.books.write(sale(1, REFERENCE))
    desk.ring("1").print()
    assert desk.papers == [("1", ())]


def test_a_backlog_is_one_list_however_slow_mercado_pago_answers():
    desk = without_paper(*(sale(number) for number in range(20))).wait(1300)
    desk.hear(events.PrinterSeen(events.Paper.READY))
    assert isinstance(desk.owed(), duties.PrintList)
    assert len(desk.owed().orders) == 20


def test_a_cashier_who_cancels_waits_for_no_backlog():
    desk = listed(*(sale(number) for number in range(20)))
    desk.books.on_till = "next"
    desk.wait(61)
    desk.put_finger(0.2).lift_finger()  # all twenty are called for
    desk.till = desk.till.owe(duties.Cancel("next"), desk.now)
    assert payment_duty(desk.till, desk.now) == duties.Cancel("next")


def test_a_ticket_that_waits_to_be_confirmed_has_its_turn_though_answers_are_slow():
    desk = Desk(books=Books(on_till="next-sale"))
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    desk.books.write(PAID)
    desk.ring(PAID.id).wait(100)
    desk.hear(events.BrokerLost("no route"), events.PrinterSeen(events.Paper.READY))
    desk.hear(events.Answered(duties.Verify(PAID.id), events.Unreachable(events.Trouble.BUSY, "once")))
    slowly(desk, 120, 6).print()
    assert len(desk.printed) == 1


# --- a light or a word that lies -----------------------------------------------------------------------------------


def test_a_hold_is_not_answered_with_cancelled_while_the_money_is_there():
    desk = desk_of(on_till=REFERENCE)
    desk.books.write(replace(sale(1, REFERENCE), status="opened", order_status="payment_in_process"))
    desk.press(2.5)
    assert desk.outcomes == ["rejected"]
    assert desk.reasons == ["not_cancelled: being_paid"]


def test_a_search_that_lags_has_its_time_after_an_outage_as_well():
    desk = desk_of(on_till=REFERENCE)
    desk.books.down = True
    desk.press(2.5)
    desk.wait(30)
    desk.books.on_till, desk.books.down = None, False
    desk.wait(8)
    assert desk.stage(REFERENCE) is Stage.CANCELLING
    desk.wait(30)
    assert desk.stage(REFERENCE) is Stage.CANCELLED


def test_money_that_a_sweep_finds_before_its_order_is_open_again_is_no_riddle_any_more_when_it_is():
    desk = desk_of(on_till=REFERENCE)
    desk.books.write(replace(sale(1, REFERENCE), status="expired"))
    desk.ring("1")
    assert desk.reasons == ["expired"]
    desk.hear(events.Answered(duties.Sweep(POS), events.Swept(POS, NOON, {"p1": "1"})))
    assert desk.sign is Signal.ATTENTION
    desk.books.write(sale(1, REFERENCE))
    desk.books.on_till = None
    desk.settle().print()
    assert desk.wait(4).sign is Signal.READY
    assert desk.papers == [("1", ())]


@pytest.mark.parametrize("why", ["not to be read", "expired"])
def test_money_whose_order_is_no_order_is_shown_to_a_person(why):
    desk = desk_of(on_till=REFERENCE)
    desk.books.write(replace(sale(1, REFERENCE), status="expired"))
    if why == "not to be read":
        del desk.books.orders["1"]
        desk.books._approved = lambda _: {"p1": "1"}  # type: ignore[method-assign]
    desk.books.on_till = None
    desk.wait(600).print()
    assert desk.printed == []
    assert desk.sign is Signal.ATTENTION


def test_a_paid_order_that_can_never_be_read_again_is_shown_until_a_person_decides():
    desk = without_paper(sale(1, REFERENCE), on_till=REFERENCE)
    answer = desk.books.answer
    unreadable = events.Unreachable(events.Trouble.BUSY, "an answer that makes no sense")
    desk.books.answer = lambda duty: unreadable if duty == duties.Verify("1") else answer(duty)  # type: ignore[method-assign]
    kept = desk.restart().till
    after = new_roll(DatedDesk(kept, desk.books)).wait(600)
    after.tell().press().wait(60).print()
    assert after.printed == []
    assert [REFERENCE in problem for problem in problems(after.till)] == [True]
    after.hear(events.ReprintAsked(REFERENCE)).print()
    assert len(after.printed) == 1


def test_the_light_does_not_say_paid_of_a_ticket_that_a_silent_printer_may_not_have_printed():
    desk = desk_of(on_till=REFERENCE)
    desk.till = replace(desk.till, printer=desk.till.printer.proved(events.Proof.PROCESS_ID))
    desk.books.write(sale(1, REFERENCE))
    desk.ring("1").print(events.TicketUnproved(events.Paper.UNKNOWN))
    assert desk.sign is Signal.ATTENTION


# --- long sweeps and long lists ------------------------------------------------------------------------------------


def test_a_sweep_in_pieces_goes_on_where_it_got_to_and_is_done_at_the_end():
    desk = desk_of()
    before = desk.till.history.swept_until
    first, second = duties.Sweep(POS, NOON - timedelta(days=3)), duties.Sweep(POS, NOON - timedelta(days=1))
    desk.hear(events.Answered(first, events.Swept(POS, NOON + timedelta(hours=1), {}, reached=second.since)))
    assert second in desk.till.agenda.due
    assert desk.till.history.swept_until == before
    desk.hear(events.Answered(second, events.Swept(POS, NOON + timedelta(hours=1), {})))
    assert desk.till.history.swept_until == NOON + timedelta(hours=1)
    assert len([duty for duty in desk.till.agenda.due if isinstance(duty, duties.Sweep)]) == 1


def test_a_list_of_hundreds_comes_in_pieces():
    desk = without_paper(*(sale(number) for number in range(60)))
    new_roll(desk.wait(1300)).wait(30)
    lists = []
    while isinstance(desk.owed(), duties.PrintList):
        lists.append(len(desk.owed().orders))
        desk.hear(events.SlipTried(desk.owed(), OUT))
    assert lists == [MAX_LISTED, 60 - MAX_LISTED]


def test_a_second_payment_that_was_reported_is_not_looked_up_at_each_sweep():
    desk = Desk()
    desk.books.write(PAID, replace(PAID, id="2", payments=(replace(APPROVED, id="9"),)))
    desk.ring(PAID.id).ring("2").print().wait(20 * 60)
    assert desk.outcomes.count("double_payment") == 1
    assert sum(duty == duties.Verify("2") for duty in desk.asked) < 5
