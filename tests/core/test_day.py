"""The end of a day: what the slip counts, which differences it names, and how a person comes by it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import MercadoPagoConfig, Secret, TicketConfig, TillConfig
from edge.contract import mqtt as wire
from edge.core import duties, events
from edge.core.day_report import Day, Entry, Received, Sum
from edge.core.order import MerchantOrder
from edge.mercadopago import decode
from edge.mercadopago.client import MAX_SWEEP_PAGES, MercadoPago
from edge.mercadopago.exchange import PAGE_SIZE
from edge.paper.slips import MOST_ENTRIES, lay_out_day
from edge.paper.ticket import Text, as_text
from sim import mercadopago as sim
from sim.shop import TILL, Shop, wait_for
from tests.support.desk import Books, Desk, with_history, with_settings
from tests.support.facts import APPROVED, PAID, POS, REFERENCE

BUENOS_AIRES = ZoneInfo("America/Argentina/Buenos_Aires")
NOON = datetime(2026, 3, 2, 15, tzinfo=UTC)
"""Of the second of March in Buenos Aires."""
THE_SECOND = date(2026, 3, 2)
OUT = events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)


def sale(number: int, amount: str = "100", when: datetime = NOON, currency: str = "ARS") -> MerchantOrder:
    """A paid order; its payment is called `p1`, its reference `sale-1`."""
    money = Decimal(amount)
    payment = replace(APPROVED, id=f"p{number}", amount=money, currency=currency, date_approved=when)
    return replace(PAID, id=str(number), external_reference=f"sale-{number}", total=money, payments=(payment,))


def refunded(order: MerchantOrder, amount: str) -> MerchantOrder:
    [payment] = order.payments
    return replace(order, payments=(replace(payment, refunded=Decimal(amount)),))


def desk_of(*orders: MerchantOrder) -> Desk:
    """A till in Buenos Aires, in the evening, where all this was sold and printed."""
    desk = Desk(with_settings(timezone=BUENOS_AIRES), Books(today=datetime(2026, 3, 3, 0, 45, tzinfo=UTC)))
    for order in orders:
        desk.books.write(order)
        desk.ring(order.id).print()
    return desk


def close(desk: Desk, day: date = THE_SECOND) -> Day:
    """Ask for the slip of a day, and have it printed."""
    desk.hear(events.DayAsked(day)).settle()
    for _ in range(20):  # what the list names and the till doesn't know is looked up first
        desk = desk if desk.till.printer.slips else desk.wait(2)
    slip = next(slip for slip in desk.till.printer.slips if isinstance(slip, duties.PrintDay))
    desk.hear(events.SlipTried(slip, OUT))
    return slip.day


def ars(amount: str) -> tuple[tuple[str, Decimal], ...]:
    return (("ARS", Decimal(amount)),)


# --- counts and sums -----------------------------------------------------------------------------------------------


def test_a_day_that_agrees():
    day = close(desk_of(sale(1, "100.50"), sale(2, "200"), sale(3, "0.25")))
    assert day.tickets == day.listed == Sum(3, ars("300.75"))
    assert (day.on, day.asked_at) == (THE_SECOND, datetime(2026, 3, 3, 0, 45, tzinfo=UTC))
    assert day.agrees
    assert (day.waiting, day.unconfirmed, day.cancelled, day.unknown_before) == ((), 0, 0, None)


def test_a_day_without_a_sale():
    day = close(desk_of())
    assert day.tickets == day.listed == Sum()
    assert day.agrees


def test_each_currency_has_its_own_total():
    day = close(desk_of(sale(1, "100"), sale(2, "7", currency="USD"), sale(3, "50")))
    assert day.tickets == day.listed == Sum(3, (("ARS", Decimal(150)), ("USD", Decimal(7))))


def test_a_copy_is_no_sale_not_even_while_it_is_printed():
    desk = desk_of(sale(1))
    desk.hear(events.ReprintAsked("sale-1"))
    assert close(desk).tickets == Sum(1, ars("100"))
    desk.settle().print()
    assert close(desk).tickets == Sum(1, ars("100"))


def test_what_the_printer_did_not_prove_is_counted_apart():
    desk = desk_of(sale(1))
    desk.books.write(sale(2))
    desk.ring("2").print(events.TicketUnproved(events.Paper.UNKNOWN))
    day = close(desk)
    assert day.tickets.count == 2
    assert day.unconfirmed == 1
    assert day.agrees


def test_what_was_cancelled_is_counted():
    desk = desk_of()
    desk.books.on_till = "never-paid"
    desk.wait(61).press(3)
    desk.wait(30)
    assert close(desk).cancelled == 1
    assert close(desk, date(2026, 3, 1)).cancelled == 0


def test_what_still_waits_for_its_ticket_is_named_and_is_no_difference():
    desk = desk_of(sale(1))
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    desk.books.write(sale(2, "250"))
    day = close(desk.ring("2"))
    assert day.tickets == Sum(1, ars("100"))
    assert day.listed == Sum(2, ars("350"))
    assert day.waiting == (Entry("sale-2", Decimal(250), "ARS"),)
    assert day.agrees
    assert close(desk, date(2026, 3, 1)).waiting == ()


def test_the_day_ends_at_midnight_in_the_shops_timezone():
    before, after = datetime(2026, 3, 3, 2, 59, 59, tzinfo=UTC), datetime(2026, 3, 3, 3, 0, tzinfo=UTC)
    desk = desk_of(sale(1, "1", when=before), sale(2, "2", when=after))
    assert close(desk).tickets == close(desk).listed == Sum(1, ars("1"))
    third = close(desk, date(2026, 3, 3))
    assert third.tickets == third.listed == Sum(1, ars("2"))


def test_a_sale_paid_in_two_pieces_is_one_sale_on_both_sides():
    pieces = (replace(APPROVED, id="pa", amount=Decimal(60)), replace(APPROVED, id="pb", amount=Decimal(40)))
    day = close(desk_of(replace(sale(1), payments=pieces)))
    assert day.tickets == day.listed == Sum(1, ars("100"))


# --- differences ---------------------------------------------------------------------------------------------------


def test_money_that_went_back_is_named_by_its_sale():
    desk = desk_of(sale(1), sale(2, "80"), sale(3))
    desk.books.write(refunded(sale(2, "80"), "80"))
    day = close(desk)
    assert day.tickets == Sum(3, ars("280"))
    assert day.listed == Sum(2, ars("200"))
    assert day.without_money == (Entry("sale-2", Decimal(80), "ARS"),)
    assert not day.agrees


def test_of_what_went_back_in_part_the_part_is_named():
    desk = desk_of(sale(1))
    desk.books.write(refunded(sale(1), "30.10"))
    day = close(desk)
    assert day.listed == Sum(1, ars("69.90"))
    assert day.without_money == (Entry("sale-1", Decimal("30.10"), "ARS"),)


def test_what_went_back_before_the_ticket_is_no_difference():
    overpaid = replace(refunded(sale(1, "110"), "10"), total=Decimal(100))
    day = close(desk_of(overpaid))
    assert day.tickets == day.listed == Sum(1, ars("100"))
    assert day.agrees


def test_a_payment_that_has_no_ticket_here_is_named():
    desk = desk_of(sale(1))
    desk.books.write(replace(sale(2, "9"), cancelled=True))
    day = close(desk.ring("2"))
    assert desk.reasons == ["cancelled"]
    assert day.without_ticket == (Entry("p2", Decimal(9), "ARS"),)
    assert not day.agrees


def test_differences_are_found_though_the_sums_agree():
    desk = desk_of(sale(1))
    desk.books.write(refunded(sale(1), "100"), replace(sale(2), cancelled=True))
    day = close(desk)
    assert day.tickets == day.listed
    assert (len(day.without_money), len(day.without_ticket)) == (1, 1)


def test_money_that_was_paid_twice_for_one_sale_has_one_ticket_and_is_a_difference():
    again = replace(sale(2), external_reference="sale-1")
    assert close(desk_of(sale(1), again)).without_ticket == (Entry("p2", Decimal(100), "ARS"),)


def test_a_payment_of_this_moment_is_on_its_way_to_a_ticket_and_no_difference():
    desk = desk_of(sale(1))
    desk.hear(events.DayAsked(THE_SECOND))
    desk.books.write(sale(2))
    answer = desk.books.answer
    [ask] = [duty for duty in desk.till.agenda.due if isinstance(duty, duties.ReadDay)]
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "2"), events.Answered(ask, desk.books.answer(ask)))
    assert desk.till.printer.slips == ()
    desk.books.answer = lambda duty: (  # type: ignore[method-assign]
        answer(duty) if isinstance(duty, duties.ReadDay) else events.Unreachable(events.Trouble.BUSY, "busy")
    )
    desk.wait(240)
    [slip] = desk.till.printer.slips
    assert slip.day.on_the_way == (Entry("p2", Decimal(100), "ARS"),)
    assert slip.day.agrees


def this_moment(desk: Desk, number: int) -> MerchantOrder:
    return sale(number, when=desk.books.today - timedelta(seconds=5))


def test_what_the_till_had_not_heard_of_is_looked_up_before_it_is_called_missing():
    desk = desk_of(sale(1))
    desk.books.write(sale(2))
    day = close(desk)
    assert duties.Verify("2") in desk.asked
    assert (day.waiting, day.without_ticket) == ((Entry("sale-2", Decimal(100), "ARS"),), ())
    assert day.agrees


def test_a_ticket_that_was_found_by_the_report_comes_before_its_slip():
    desk = desk_of(sale(1))
    desk.books.write(this_moment(desk, 2))
    desk.hear(events.DayAsked(THE_SECOND)).settle().wait(3)
    assert isinstance(desk.owed(), duties.Print)


@pytest.mark.parametrize("status", ["opened", "closed"])
def test_a_young_payment_of_an_order_that_lags_behind_is_on_its_way(status):
    desk = desk_of(sale(1))
    order = this_moment(desk, 2)
    desk.books.write(order)
    desk.books.orders["2"] = replace(order, status=status, payments=())
    answer = desk.books.answer
    listed = Received("p2", "2", Decimal(100), "ARS", order.first_paid_at)
    desk.books.answer = lambda duty: (  # type: ignore[method-assign]
        events.DayRead(desk.books.today, (listed,)) if isinstance(duty, duties.ReadDay) else answer(duty)
    )
    day = close(desk)
    assert (day.on_the_way, day.without_ticket) == ((Entry("p2", Decimal(100), "ARS"),), ())


def test_an_old_payment_whose_order_stays_unpaid_is_missing():
    desk = desk_of()
    order = sale(2)
    desk.books.write(replace(order, payments=()))
    answer = desk.books.answer
    listed = Received("p2", "2", Decimal(100), "ARS", NOON)
    desk.books.answer = lambda duty: (  # type: ignore[method-assign]
        events.DayRead(desk.books.today, (listed,)) if isinstance(duty, duties.ReadDay) else answer(duty)
    )
    assert close(desk).without_ticket == (Entry("p2", Decimal(100), "ARS"),)


def test_a_second_payment_of_one_sale_is_a_difference_however_young():
    desk = desk_of(sale(1))
    desk.books.write(replace(this_moment(desk, 2), external_reference="sale-1"))
    assert close(desk).without_ticket == (Entry("p2", Decimal(100), "ARS"),)


def test_a_sale_of_this_moment_that_the_list_lacks_is_no_difference():
    desk = desk_of(sale(1))
    desk.books.write(this_moment(desk, 2))
    desk.ring("2").print()
    answer = desk.books.answer
    desk.books.answer = lambda duty: (  # type: ignore[method-assign]
        events.DayRead(desk.books.today, tuple(each for each in answer(duty).payments if each.id != "p2"))
        if isinstance(duty, duties.ReadDay)
        else answer(duty)
    )
    day = close(desk)
    assert (day.not_listed_yet, day.without_money) == ((Entry("sale-2", Decimal(100), "ARS"),), ())
    assert day.agrees


def test_a_sale_of_this_moment_whose_money_went_back_is_a_difference():
    desk = desk_of(sale(1))
    order = this_moment(desk, 2)
    desk.books.write(order)
    desk.ring("2").print()
    desk.books.write(replace(refunded(order, "100"), order_status="reverted"))
    assert close(desk).without_money == (Entry("sale-2", Decimal(100), "ARS"),)


def test_what_was_paid_before_the_till_knew_of_it_is_not_looked_up():
    desk = desk_of(sale(1))
    desk.till = with_history(desk.till, complete_since=NOON + timedelta(hours=1))
    desk.books.write(sale(2))
    desk.asked.clear()
    assert close(desk).without_ticket == (Entry("p2", Decimal(100), "ARS"),)
    assert duties.Verify("2") not in desk.asked


def test_a_sale_of_yesterday_whose_money_went_back_is_yesterdays_difference():
    order = sale(1, when=NOON - timedelta(days=1) + timedelta(hours=10))
    desk = desk_of(order)
    desk.books.write(refunded(order, "100"))
    assert close(desk).agrees
    assert close(desk, date(2026, 3, 1)).without_money == (Entry("sale-1", Decimal(100), "ARS"),)


def test_a_journal_that_begins_within_the_day_says_so():
    desk = desk_of(sale(1))
    assert close(desk).unknown_before is None
    desk.till = with_history(desk.till, complete_since=NOON)
    assert close(desk).unknown_before == NOON
    assert close(desk, date(2026, 3, 3)).unknown_before is None


# --- asking --------------------------------------------------------------------------------------------------------


def command(desk: Desk, day: date | None = None) -> duties.Reply:
    desk.hear(events.CommandCame(duties.Command.END_OF_DAY, duties.ReplyTo("support/answers"), day=day))
    [reply] = desk.till.outbox.replies
    desk.hear(events.Replied())
    return reply


def test_a_day_to_come_has_no_slip():
    reply = command(desk_of(sale(1)), date(2026, 3, 3))
    assert (reply.done, reply.text) == (False, "2026-03-03 is still to come: here it is 2026-03-02")


def test_support_asks_for_today_and_is_told_which_day_that_is():
    desk = desk_of(sale(1))
    reply = command(desk)
    assert (reply.done, reply.text) == (True, "the slip of 2026-03-02 is printed as soon as Mercado Pago has answered")
    duty = desk.settle().owed()
    assert isinstance(duty, duties.PrintDay)
    assert duty.day.on == THE_SECOND
    desk.hear(events.SlipTried(duty, OUT))
    assert desk.owed() is None


def test_support_gets_one_day_at_a_time():
    desk = desk_of()
    desk.books.down = True
    assert command(desk).done
    assert not command(desk, date(2026, 3, 1)).done
    desk.books.down = False
    assert not command(desk.settle()).done
    desk.hear(events.SlipTried(desk.owed(), OUT))
    assert command(desk).done


def test_before_we_have_heard_the_time_nobody_knows_what_today_is():
    desk = desk_of()
    desk.till = replace(desk.till, sweeps=replace(desk.till.sweeps, swept_at=None))
    assert desk.till.sweeps.today(BUENOS_AIRES, desk.now) is None
    assert not command(desk).done
    assert command(desk, THE_SECOND).done


def test_the_question_waits_for_mercado_pago():
    desk = desk_of(sale(1))
    desk.books.down = True
    desk.hear(events.DayAsked(THE_SECOND)).wait(120)
    assert desk.till.printer.slips == ()
    desk.books.down = False
    assert [slip.day.tickets.count for slip in desk.wait(60).till.printer.slips] == [1]


def test_a_ticket_comes_before_the_slip_and_the_slip_comes_again_if_it_breaks_off():
    desk = desk_of(sale(1))
    command(desk)
    desk.books.write(sale(2, when=desk.books.today))
    desk.settle().ring("2")
    assert isinstance(desk.owed(), duties.Print)
    desk.print().wait(3)
    slip = desk.owed()
    desk.hear(events.SlipTried(slip, events.TicketInterrupted(events.Paper.READY)))
    assert desk.wait(5).owed() == slip


def test_a_slip_that_waits_for_paper_gives_way_to_a_newer_one_of_its_day():
    desk = desk_of(sale(1)).hear(events.PrinterSeen(events.Paper.OUT))
    desk.hear(events.DayAsked(THE_SECOND), events.DayAsked(date(2026, 3, 1))).settle()
    desk.books.write(refunded(sale(1), "100"))
    desk.hear(events.DayAsked(THE_SECOND)).settle()
    assert [(slip.day.on.day, slip.day.agrees) for slip in desk.till.printer.slips] == [(1, True), (2, False)]


def test_a_long_list_is_asked_for_piece_by_piece():
    desk = desk_of(sale(1)).hear(events.DayAsked(THE_SECOND))
    [ask] = [duty for duty in desk.till.agenda.due if isinstance(duty, duties.ReadDay)]
    first = Received("other", "9", Decimal(5), "ARS", NOON)
    desk.hear(events.Answered(ask, events.DayRead(desk.books.today, (first,), reached=NOON)))
    [rest] = [duty for duty in desk.till.agenda.due if isinstance(duty, duties.ReadDay)]
    assert (rest.begin, rest.since, rest.so_far) == (ask.begin, NOON, (first,))
    assert "other" not in str(rest)  # which goes into reports and logs


@pytest.mark.parametrize("day", ["2026-02-29", "20260302", "2026-W10-1", "1999-12-31", "yesterday", "", 20260302, []])
def test_what_is_no_day_is_refused_with_a_reason(day):
    with pytest.raises(wire.BadMessageError, match="date is"):
        wire.decode_command(wire.encode({"v": 1, "command": "end_of_day", "date": day}))


def test_a_day_is_optional():
    assert wire.decode_command(b'{"v":1,"command":"end_of_day"}').day is None
    assert wire.decode_command(b'{"v":1,"command":"end_of_day","date":"2026-03-02"}').day == THE_SECOND


LISTED = {
    "id": 98000000002,
    "status": "approved",
    "operation_type": "regular_payment",
    "date_approved": "2026-03-02T17:39:20.000-04:00",
    "order": {"id": 31415926535},
    "pos_id": 55001,
    "transaction_amount": Decimal("5350.5"),
    "transaction_amount_refunded": Decimal("350.25"),
    "currency_id": "ARS",
}
ODD = (
    {"transaction_amount": "lots"},
    {"transaction_amount_refunded": []},
    {"date_approved": "2026-03-02"},
    {"currency_id": {}},
    {"operation_type": "card_validation"},
    {"status": "refunded"},
)


def test_a_listed_payment_is_what_is_left_of_its_money_and_an_odd_one_hides_no_other():
    results = [*({**LISTED, **odd} for odd in ODD), LISTED]
    page = decode.decode_listed_payments({"results": results, "paging": {"total": len(results)}})
    when = datetime(2026, 3, 2, 21, 39, 20, tzinfo=UTC)
    assert page.found == ((Received("98000000002", "31415926535", Decimal("5000.25"), "ARS", when), POS),)
    assert (page.size, page.total) == (len(results), len(results))


# --- on paper ------------------------------------------------------------------------------------------------------

FULL = Day(
    on=THE_SECOND,
    asked_at=datetime(2026, 3, 3, 0, 45, tzinfo=UTC),
    tickets=Sum(214, (("ARS", Decimal("1284350.50")), ("USD", Decimal(12)))),
    unconfirmed=2,
    waiting=(Entry(REFERENCE, Decimal("5350.5"), "ARS"),),
    on_the_way=(Entry("98000000300", Decimal(100), "ARS"),),
    not_listed_yet=(Entry("T1-young", Decimal(70), "ARS"),),
    cancelled=7,
    listed=Sum(215, ars("1290351")),
    without_ticket=(Entry("98000000217", Decimal(12400), "ARS"),),
    without_money=(Entry(REFERENCE, Decimal(11750), "ARS"),),
    unknown_before=NOON,
    site="MLA",
)


def paper(day: Day, language: str = "es", columns: int = 48) -> list[str]:
    till = TillConfig(id=TILL, name="Caja 1", language=language, timezone=BUENOS_AIRES)
    return as_text(lay_out_day(day, TicketConfig(header=("Kiosco Sur",)), till, columns), columns).splitlines()


def test_the_slip_says_all_there_is_to_say():
    assert [" ".join(row.split()) for row in paper(FULL) if row.strip("- ")] == [
        "CIERRE DEL DÍA",
        "Kiosco Sur",
        "Caja 1",
        "Fecha 02/03/2026",
        "Consultado 02/03 21:45",
        "Sin datos hasta 02/03 12:00",
        "Tickets: 214 $1.284.350,50",
        "US$12,00",
        "sin confirmar 2",
        "Ventas en MP: 215 $1.290.351,00",
        "Canceladas 7",
        "Falta imprimir: 1",
        f"{REFERENCE} $5.350,50",
        "En camino: 1",
        "98000000300 $100,00",
        "MP todavía no muestra: 1",
        "T1-young $70,00",
        "****************** DIFERENCIA ******************",
        "No coincide con Mercado Pago.",
        "Pagos sin ticket: 1",
        "98000000217 $12.400,00",
        "Pagos devueltos o faltantes: 1",
        f"{REFERENCE} $11.750,00",
    ]


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_on_narrow_paper_no_reference_and_no_amount_is_torn_apart(language):
    rows = paper(FULL, language, 32)
    assert max(map(len, rows)) <= 32
    for whole in (REFERENCE, "98000000217", "$12.400,00", "$1.290.351,00"):
        assert any(whole in row for row in rows), whole


def test_a_day_that_agrees_says_so_and_has_no_alarm():
    calm = replace(FULL, without_ticket=(), without_money=())
    lines = lay_out_day(calm, TicketConfig(), TillConfig(id=TILL, name="", timezone=UTC), 48)
    assert not any(isinstance(line, Text) and line.style.inverse for line in lines)
    assert any("Coincide con Mercado Pago." in row for row in paper(calm))


def test_of_too_many_differences_the_rest_is_counted():
    many = tuple(Entry(f"p{number}", Decimal(1), "ARS") for number in range(MOST_ENTRIES + 7))
    rows = paper(replace(FULL, without_ticket=many))
    assert f"Pagos sin ticket: {len(many)}" in rows
    assert "+ 7" in rows
    assert sum(row.startswith("p") for row in rows) == MOST_ENTRIES


# --- against Mercado Pago and the whole daemon ---------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[sim.MercadoPago]:
    with sim.MercadoPago() as service:
        yield service


def read_day(service: sim.MercadoPago, day: date) -> tuple[list[events.DayRead], list[Received]]:
    """All pieces of Mercado Pago's list of a day, as the till asks for them one by one."""
    config = MercadoPagoConfig(
        user_id=service.user_id,
        external_store_id="SUC001",
        external_pos_id="SUC001POS003",
        access_token=Secret(service.access_token),
        api_url=service.url,
    )
    api, desk = MercadoPago(config), Desk(with_settings(timezone=UTC)).hear(events.DayAsked(day))
    desk.till = with_history(desk.till, complete_since=datetime(2027, 1, 1, tzinfo=UTC))  # so it looks nothing up
    pieces = []
    while asked := [duty for duty in desk.till.agenda.due if isinstance(duty, duties.ReadDay)]:
        answer = api.do(asked[0]).answer
        assert isinstance(answer, events.DayRead), answer
        pieces.append(answer)
        desk.hear(events.Answered(asked[0], answer))
    [slip] = desk.till.printer.slips
    assert slip.day.listed.count == len({each.id for each in pieces[-1].payments if each.amount})
    return pieces, list(pieces[-1].payments)


@pytest.mark.slow
def test_what_was_approved_here_on_that_day_is_listed_whenever_it_was_begun(service):
    def at(*moment: int):
        return lambda: datetime(2026, 3, *moment, tzinfo=UTC)

    yesterday = {"date_created": "2026-02-27T10:00:00.000+00:00"}
    service.account.now = at(2, 10)
    reviewed = service.account.forge(payments=[yesterday])
    partly = service.account.forge(payments=[{"amount_refunded": Decimal("0.50")}])
    service.account.forge(pos_id=1)
    service.account.forge(payments=[{"status": "rejected"}])
    service.account.refund(int(service.account.merchant_orders[service.account.forge()]["payments"][0]["id"]))
    service.account.now = at(3, 0, 0, 1)
    service.account.forge()
    _, payments = read_day(service, THE_SECOND)
    assert {each.merchant_order for each in payments} == {str(reviewed), str(partly)}
    whole, part = sorted((each.amount for each in payments), reverse=True)
    assert whole - part == Decimal("0.50")


@pytest.mark.slow
def test_a_busy_day_is_read_in_pieces_and_to_its_end(service):
    sold = PAGE_SIZE * MAX_SWEEP_PAGES + 30
    for number in range(sold):
        service.account.now = lambda number=number: datetime(2026, 3, 2, 10, tzinfo=UTC) + timedelta(minutes=number)
        service.account.forge()
    pieces, payments = read_day(service, THE_SECOND)
    assert len(pieces) == 2
    assert len({each.id for each in payments}) == sold


@pytest.fixture
def well_before_midnight() -> None:
    """Shops sell and close within a day; in its last minutes this waits for the next."""
    now = datetime.now(BUENOS_AIRES)
    left = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - now
    if left < timedelta(minutes=2):
        time.sleep(left.total_seconds() + 1)


def slips_of(shop: Shop) -> list[str]:
    return [ticket.text for ticket in shop.printer.tickets if "CIERRE DEL DÍA" in ticket.text]


@pytest.mark.slow
@pytest.mark.usefixtures("well_before_midnight")
def test_the_evening_of_a_shop(shop: Shop):
    """Three are sold, the slip agrees; one is given back, and the slip asked for at the shell names it."""
    for reference in ("first", "second", "third"):
        shop.sell(reference)
    shop.wait_for_outcome("printed", 3)
    answer = shop.ears.ask(f"tills/{TILL}/commands", {"command": "end_of_day"})
    assert answer["done"], answer
    [slip] = wait_for(lambda: slips_of(shop), "the slip")
    assert "Coincide con Mercado Pago." in slip
    assert slip.count("$300,00") == 2

    [payment] = [
        each["id"] for each in shop.mercadopago.account.payments.values() if each["external_reference"] == "second"
    ]
    shop.mercadopago.account.refund(payment)
    day = datetime.now(BUENOS_AIRES).date()
    said = shop.command("report", "--day", day.isoformat())
    assert (
        said.stdout
        == f"asked for: the daemon prints the slip of {day}, now or as soon as it runs and Mercado Pago answers\n"
    )
    slip = wait_for(lambda: slips_of(shop)[1:], "the second slip")[0]
    rows = [" ".join(row.split()) for row in slip.splitlines()]
    for expected in ("DIFERENCIA", "Tickets: 3 $300,00", "Ventas en MP: 2 $200,00", "second $100,00"):
        assert expected in rows, slip
    assert "first" not in slip


@pytest.mark.slow
@pytest.mark.usefixtures("well_before_midnight")
def test_what_was_paid_a_moment_ago_is_not_called_missing_though_nobody_rang(shop_of):
    """The broker is gone and the till looks seldom: only the report could tell it of the sale."""
    looks = ("first_check_seconds", "check_every_seconds", "idle_every_seconds", "outage_every_seconds")
    shop = shop_of({"watch": dict.fromkeys(looks, 600)})
    shop.sell("first")
    shop.wait_for_outcome("printed")
    shop.broker.stop()
    shop.mercadopago.habits.drop = True
    shop.sell("second")
    assert shop.command("report").returncode == 0
    [slip] = wait_for(lambda: slips_of(shop), "the slip")
    assert "Coincide con Mercado Pago." in slip
    assert "Tickets: 2" in slip
    assert ["second" in ticket.text for ticket in shop.printer.tickets] == [False, True, False]


@pytest.mark.slow
@pytest.mark.usefixtures("well_before_midnight")
def test_a_slip_that_was_asked_for_while_the_till_was_off_comes_when_it_is_on(shop: Shop):
    shop.sell("only")
    shop.wait_for_outcome("printed")
    shop.board.shut_down()
    assert shop.command("report").returncode == 0
    assert "is no day; write it like 2026-03-02" in shop.command("report", "--day", "2026-02-30").stderr
    shop.board.plug_in()
    [slip] = wait_for(lambda: slips_of(shop), "the slip")
    assert "Tickets: 1" in slip


# --- places --------------------------------------------------------------------------------------------------------


def test_what_names_no_till_is_named_and_not_counted():
    """An online sale of the same account."""
    desk = desk_of(sale(1))
    desk.books.write(replace(sale(2, "99999"), external_reference="web-1"), place="")
    day = close(desk)
    assert day.listed == Sum(1, ars("100"))
    assert day.no_place == (Entry("p2", Decimal(99999), "ARS"),)
    assert day.agrees


def test_what_paid_an_order_here_is_counted_though_the_list_names_no_till():
    desk = desk_of(sale(1))
    desk.books.places["p1"] = ""
    day = close(desk)
    assert day.listed == day.tickets == Sum(1, ars("100"))
    assert day.no_place == ()


# --- another device ------------------------------------------------------------------------------------------------


def beside_a_terminal(**settings: bool) -> Day:
    """The day of a till that sold once, at a point of sale where a Point terminal sold twice."""
    desk = desk_of(sale(1))
    desk.till = replace(desk.till, settings=replace(desk.till.settings, **settings))
    for number, amount in ((2, "30"), (3, "12.50")):
        desk.books.write(sale(number, amount))
    desk.books.orderless |= {"p2", "p3"}
    return close(desk.wait(120))


def test_what_a_terminal_sold_is_a_difference():
    assert [entry.name for entry in beside_a_terminal().without_ticket] == ["p2", "p3"]


def test_what_a_terminal_sold_is_counted_apart_where_it_is_to_be_ignored():
    day = beside_a_terminal(ignore_orderless=True)
    assert (day.agrees, day.listed, day.no_order) == (True, Sum(1, ars("100")), Sum(2, ars("42.50")))
    text = as_text(lay_out_day(day, TicketConfig(), TillConfig(id=TILL, name="", timezone=UTC), 32), 32)
    assert "Sin orden, no contados: 2" in text
    assert "42,50" in text
