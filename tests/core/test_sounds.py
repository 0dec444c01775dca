"""What is heard: stories over the pure core."""

from dataclasses import replace
from datetime import time

import pytest

from edge.core import duties, events
from edge.core.duties import Heard
from edge.core.notices import Concern
from edge.core.order import MerchantOrder
from edge.core.sounds import ALARMS, HOLD_HEARD_AFTER_S, PAID_COUNTS_S, sound_duty
from edge.core.status import SHOWN_S, Signal, status
from edge.core.timer import due_at
from tests.support.desk import Desk, with_settings
from tests.support.facts import APPROVED, PAID

NEXT = replace(PAID, id="31415926536", external_reference="b", payments=(replace(APPROVED, id="98000000003"),))
READY, OUT = events.Paper.READY, events.Paper.OUT


def desk(**settings: object) -> Desk:
    return Desk(with_settings(**{"plays": True, **settings})).hear(events.SoundsPrepared(True))


def heard(desk: Desk) -> list[str]:
    """Play whatever is owed this moment; a sale with its reference."""
    signs: list[str] = []
    while isinstance(play := sound_duty(desk.till), duties.Play) and len(signs) < 9:
        desk.hear(events.SoundBegun(play), events.SoundTried())
        signs.append(f"{play.sign} {play.reference}".strip())
    return signs


def sell(desk: Desk, *orders: object) -> Desk:
    desk.books.write(*orders)
    for order in orders:
        desk.ring(order.id)
    return desk


def test_a_sale_is_heard_once_with_its_sum():
    shop = sell(desk(), PAID).print()
    play = sound_duty(shop.till)
    assert (play.sign, play.reference, play.amount, play.currency) == (
        Heard.PAID,
        PAID.external_reference,
        PAID.total,
        PAID.currency,
    )
    assert heard(shop) == [f"paid {PAID.external_reference}"]
    assert heard(shop.wait(60)) == []


def test_nothing_is_heard_before_the_paper_is_proved():
    shop = sell(desk(), PAID)
    assert shop.begin() is not None
    assert heard(shop) == []


def test_two_sales_within_a_second_are_both_heard_in_their_order():
    shop = sell(desk(), PAID, NEXT).print()
    assert shop.sign is Signal.PAID
    assert heard(shop) == [f"paid {PAID.external_reference}", f"paid {NEXT.external_reference}"]


def test_a_restart_lets_nothing_be_heard_again():
    shop = sell(desk(), PAID).print()
    assert heard(shop.restart()) == []
    assert heard(shop.restart().wait(30)) == []


def test_a_sound_that_was_begun_isnt_tried_again():
    shop = sell(desk(), PAID).print()
    shop.hear(events.SoundBegun(sound_duty(shop.till)), events.SoundTried("no loudspeaker"))
    assert heard(shop.wait(60)) == []


def test_a_copy_is_never_heard():
    shop = sell(desk(), PAID).print()
    heard(shop)
    shop.wait(5).hear(events.ReprintAsked(PAID.external_reference)).settle().print()
    assert shop.sign is Signal.PAID
    assert heard(shop) == []


def test_a_ticket_that_was_cut_off_comes_as_a_copy_and_silently():
    shop = sell(desk(), PAID).print(events.TicketInterrupted(OUT), events.TicketPrinted(events.Proof.STATUS, READY))
    shop.hear(events.PrinterSeen(READY)).wait(5).print()
    assert shop.stage(PAID.external_reference) == "printed"
    assert not any(sound.startswith("paid") for sound in heard(shop))


def test_a_ticket_that_nobody_proved_is_heard_only_if_the_light_says_paid():
    cannot_prove = sell(desk(), PAID).print(events.TicketUnproved(READY))
    assert heard(cannot_prove) == [f"paid {PAID.external_reference}"]
    fell_silent = sell(desk(), PAID).print(events.TicketUnproved(READY, alarming=True))
    assert heard(fell_silent) == ["attention"]


def test_a_sale_that_waited_too_long_for_its_sound_is_not_taken_for_anothers():
    shop = sell(desk(), PAID).print()
    shop.now += PAID_COUNTS_S
    assert heard(shop.hear(events.Ticked())) == []


def test_a_sale_goes_before_everything_else():
    shop = sell(desk(), PAID)
    shop.begin()
    shop.put_finger(HOLD_HEARD_AFTER_S + 0.1)
    shop.hear(events.TicketPrinted(events.Proof.STATUS, READY))
    assert heard(shop) == [f"paid {PAID.external_reference}", "holding"]


# --- what lasts ------------------------------------------------------------------------------------------------------


def test_an_empty_printer_is_heard_once_and_not_again_behind_each_flash():
    shop = desk()
    assert heard(shop.hear(events.PrinterSeen(OUT))) == ["printer"]
    shop.press()
    assert heard(shop.wait(30)) == []
    shop.hear(events.PrinterSeen(READY))
    assert heard(shop.hear(events.PrinterSeen(OUT))) == ["printer"]


def test_what_ended_before_it_was_heard_isnt():
    shop = desk().hear(events.PrinterSeen(OUT), events.PrinterSeen(READY))
    assert heard(shop) == []


def test_a_line_that_is_down_is_heard():
    shop = desk()
    shop.books.down = True
    shop.wait(120)
    assert shop.sign is Signal.UNREACHABLE
    assert heard(shop) == ["unreachable"]


# --- the button ------------------------------------------------------------------------------------------------------


def test_a_press_is_not_heard_and_a_hold_is_heard_while_it_lasts():
    shop = desk()
    assert heard(shop.put_finger(0.2)) == []
    shop.lift_finger()
    shop.put_finger(HOLD_HEARD_AFTER_S + 0.1)
    assert heard(shop) == ["holding"]
    assert heard(shop.put_finger(0.5)) == []
    shop.lift_finger()
    shop.put_finger(HOLD_HEARD_AFTER_S + 0.1).lift_finger()
    assert heard(shop) == []


def test_the_loop_wakes_for_a_hold():
    shop = desk().put_finger(0.2)
    assert due_at(shop.till, shop.now) == pytest.approx(shop.till.cashier.button.down_at + HOLD_HEARD_AFTER_S)


def test_a_cancelled_order_is_heard_once():
    shop = desk()
    shop.books.on_till = "a"
    shop.press().put_finger(2.2)
    shop.lift_finger().settle()
    assert shop.sign is Signal.CANCELLED
    assert heard(shop) == ["cancelled"]
    assert heard(shop.wait(10)) == []


# --- when nothing is heard -------------------------------------------------------------------------------------------


def test_without_sound_nothing_is_owed():
    shop = sell(desk(plays=False), PAID).print()
    assert sound_duty(shop.till) is None
    assert not isinstance(shop.owed(), duties.RingBell)


@pytest.mark.parametrize(
    ("begin", "end", "quiet"),
    [(21, 22, True), (20, 21, False), (22, 7, False), (20, 7, True), (21, 7, True), (22, 21, False)],
)
def test_quiet_hours_may_span_midnight(begin, end, quiet):
    """It is 21:45 by Mercado Pago's clock."""
    shop = sell(desk(quiet=(time(begin), time(end))), PAID).print()
    assert heard(shop) == ([] if quiet else [f"paid {PAID.external_reference}"])
    shop.now += SHOWN_S
    assert heard(shop.hear(events.PrinterSeen(OUT))) == ([] if quiet else ["printer"])


def test_what_began_in_quiet_hours_is_not_heard_when_they_end():
    shop = desk(quiet=(time(21), time(22))).hear(events.PrinterSeen(OUT))
    shop.now += 3600
    assert heard(shop.hear(events.PrinterSeen(OUT))) == []


def test_what_fails_is_said_in_the_status_until_it_works_again():
    shop = desk().hear(events.SoundTried("no loudspeaker"))
    assert status(shop.till, shop.now)["sound_error"] == "no loudspeaker"
    assert shop.sign is Signal.READY
    assert status(shop.hear(events.SoundTried()).till, shop.now)["sound_error"] == ""


def test_a_piece_that_could_be_made_doesnt_end_a_loudspeakers_trouble():
    shop = Desk(with_settings(plays=True)).hear(events.SoundTried("no loudspeaker"), events.SoundsPrepared(False))
    assert status(shop.till, shop.now)["sound_error"] == "no loudspeaker"
    shop.hear(events.SoundsPrepared(True, "no voice"))
    assert status(shop.till, shop.now)["sound_error"] == "no voice"


def test_pieces_are_made_until_none_is_missing_and_a_sale_goes_first():
    shop = Desk(with_settings(plays=True))
    assert sound_duty(shop.till) == duties.PrepareSounds()
    shop.hear(events.SoundsPrepared(complete=False))
    assert sound_duty(shop.till) == duties.PrepareSounds()
    sell(shop, PAID).print()
    assert heard(shop) == [f"paid {PAID.external_reference}"]
    shop.hear(events.SoundsPrepared(complete=True))
    assert sound_duty(shop.till) is None


# --- the printer's bell ----------------------------------------------------------------------------------------------


def bells(shop: Desk) -> list[str]:
    signs: list[str] = []
    while isinstance(bell := shop.owed(), duties.RingBell) and len(signs) < 9:
        shop.hear(events.SoundBegun(bell), events.SoundTried())
        signs.append(bell.sign.value)
    return signs


def test_the_bell_rings_for_each_sale_behind_the_tickets_and_never_for_a_copy():
    shop = sell(desk(plays=False, rings=True), PAID, NEXT)
    shop.begin()
    shop.hear(events.TicketPrinted(events.Proof.STATUS, READY))
    assert isinstance(shop.owed(), duties.Print)
    assert bells(shop.print()) == ["paid", "paid"]
    shop.wait(5).hear(events.ReprintAsked(PAID.external_reference)).settle().print()
    assert bells(shop) == []


def test_the_bell_doesnt_ring_in_a_printer_that_cant_print():
    shop = desk(plays=False, rings=True).hear(events.PrinterSeen(OUT))
    assert bells(shop) == []


def test_the_bell_rings_only_where_it_is_wanted_and_not_for_a_hold():
    assert bells(sell(desk(), PAID).print()) == []
    shop = desk(plays=False, rings=True).put_finger(HOLD_HEARD_AFTER_S + 0.1)
    assert bells(shop) == []


def test_both_voices_are_heard():
    shop = sell(desk(rings=True), PAID).print()
    assert (heard(shop), bells(shop)) == ([f"paid {PAID.external_reference}"], ["paid"])


def test_a_bell_that_rings_doesnt_mend_a_loudspeaker_and_the_other_way_round():
    shop = sell(desk(rings=True), PAID).print()
    shop.hear(events.SoundBegun(sound_duty(shop.till)), events.SoundTried("no loudspeaker"))
    shop.hear(events.SoundBegun(shop.owed()), events.SoundTried(of_bell=True))
    assert status(shop.till, shop.now)["sound_error"] == "no loudspeaker"
    shop.hear(events.SoundTried("no printer", of_bell=True))
    assert status(shop.till, shop.now)["sound_error"] == "no loudspeaker; no printer"
    assert status(shop.hear(events.SoundTried()).till, shop.now)["sound_error"] == "no printer"


def test_a_bell_that_is_over_when_it_begins_costs_no_sale_its_own():
    """The loop reads the button between the moment that a bell is owed and the moment that it begins."""
    shop = desk(plays=False, rings=True)
    shop.till = shop.till.alarm(Concern.NOT_CANCELLED)
    sell(shop, PAID).print().tell()
    assert [play.sign for play in shop.till.sounds.bells] == [Heard.ATTENTION, Heard.PAID]
    shop.wait(SHOWN_S).press()
    assert [play.sign for play in shop.till.sounds.bells] == [Heard.PAID]
    shop.hear(events.SoundBegun(duties.RingBell(Heard.ATTENTION)))
    assert bells(shop) == ["paid"]


def test_the_bell_rings_for_a_sale_first():
    shop = desk(plays=False, rings=True)
    shop.till = shop.till.alarm(Concern.NOT_CANCELLED)
    sell(shop, PAID).print().tell().wait(SHOWN_S)
    assert bells(shop) == ["paid", "attention"]


def test_the_bell_doesnt_ring_while_an_order_is_read_which_may_bring_a_ticket():
    shop = sell(desk(plays=False, rings=True), PAID).print()
    reads = duties.Verify(NEXT.id)
    shop.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, NEXT.id), events.Asked(reads))
    assert not isinstance(shop.owed(), duties.RingBell)
    shop.hear(events.Answered(reads, events.Unreachable(events.Trouble.NETWORK, "no answer")))
    assert shop.owed() == duties.RingBell(Heard.PAID)


def test_the_bell_rings_although_mercado_pago_cant_be_asked():
    shop = desk(plays=False, rings=True)
    shop.books.down = True
    shop.wait(120)
    assert bells(shop) == ["unreachable"]


# --- many at once ----------------------------------------------------------------------------------------------------


def sales(count: int) -> list[MerchantOrder]:
    return [
        replace(PAID, id=f"3{number}", external_reference=f"s{number}", payments=(replace(APPROVED, id=f"9{number}"),))
        for number in range(count)
    ]


def test_of_seven_sales_while_one_is_heard_the_next_has_its_sum_and_the_others_are_heard_as_one():
    shop = desk()
    first, *others = sales(7)
    sell(shop, first).print()
    assert heard(shop) == ["paid s0"]
    for order in others:
        sell(shop, order).print()
        shop.now += 2
    owed = shop.till.sounds.owed
    assert [(play.reference, play.sales) for play in owed] == [("s1", 1), ("s6", 5)]
    shop.hear(events.SoundBegun(sound_duty(shop.till)), events.SoundTried())
    shop.now += PAID_COUNTS_S - 2.5  # two long sentences later
    assert sound_duty(shop.hear(events.Ticked()).till).sales == 5
    assert heard(shop) == ["paid s6"]
    assert heard(shop.wait(60)) == []


def test_a_row_of_tickets_rings_twice_and_not_for_each():
    shop = desk(plays=False, rings=True)
    sell(shop, *sales(7))
    for _ in range(7):
        shop.begin()
        shop.hear(events.TicketPrinted(events.Proof.STATUS, READY))
    assert bells(shop) == ["paid", "paid"]


# --- what flaps ------------------------------------------------------------------------------------------------------


def flap(shop: Desk, times: int) -> list[str]:
    """The paper goes and comes, every two seconds."""
    signs: list[str] = []
    for _ in range(times):
        signs += heard(shop.hear(events.PrinterSeen(OUT)))
        shop.now += 1
        shop.hear(events.PrinterSeen(READY))
        shop.now += 1
    return signs


def test_a_line_that_flaps_all_day_is_heard_a_few_times_and_then_now_and_then():
    shop = desk()
    assert flap(shop, 30) == ["printer"] * ALARMS.burst
    hours = 8
    alarms = flap(shop, hours * 1800)
    assert 0 < len(alarms) <= hours * 3600 / ALARMS.every_s + 1


def test_each_sign_has_alarms_of_its_own():
    shop = desk()
    flap(shop, 30)
    shop.books.down = True
    assert "unreachable" in heard(shop.wait(120))


def test_what_stays_after_it_flapped_is_heard_as_soon_as_there_may_be_an_alarm():
    shop = desk()
    flap(shop, 10)
    assert heard(shop.hear(events.PrinterSeen(OUT))) == []
    alarm_at = shop.till.sounds.alarm_at
    assert alarm_at is not None
    shop.now = alarm_at - 1
    assert heard(shop.hear(events.PrinterSeen(OUT))) == []
    assert due_at(shop.till, shop.now) <= alarm_at
    shop.now = alarm_at
    assert heard(shop.hear(events.Ticked())) == ["printer"]
    assert heard(shop.hear(events.Ticked())) == []


def test_what_flapped_and_is_over_is_not_heard_later():
    shop = desk()
    flap(shop, 10)
    assert heard(shop.wait(3 * ALARMS.every_s)) == []
    assert heard(shop.hear(events.PrinterSeen(OUT))) == ["printer"]
