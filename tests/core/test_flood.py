"""Ten thousand doorbells from a broker gone mad: the real sale is found, and Mercado Pago isn't flooded."""

from dataclasses import replace
from functools import cache

import pytest

from edge.core import duties, events
from edge.core.agenda import LOOKS
from edge.core.cashier import PRESSES
from edge.core.maps import MAX_REMEMBERED
from edge.core.state import Till
from edge.core.status import Signal
from edge.core.till import payment_duty
from tests.support.desk import Desk
from tests.support.facts import APPROVED, PAID, POS

FLOOD = 10_000


def flooded(desk: Desk) -> Desk:
    return desk.hear(*(events.DoorbellRang(events.Kind.MERCHANT_ORDER, f"9{number}") for number in range(FLOOD)))


@cache
def _flooded_till() -> Till:
    return flooded(Desk()).till


def flooded_desk() -> Desk:
    """A desk at which the flood has just arrived. A till never changes, so one flood does for all."""
    desk = Desk()
    desk.till = _flooded_till()
    return desk


def worked(desk: Desk, seconds: float) -> Desk:
    """Let time pass, with a Mercado Pago that takes a tenth of a second for each answer."""
    end = desk.now + seconds
    while desk.now < end:
        out = desk.ask_all()
        desk.now += 0.1
        desk.hear(*(events.Answered(duty, desk.books.answer(duty)) for duty in out), events.Ticked())
    return desk


def lookups(desk: Desk) -> int:
    return sum(isinstance(duty, duties.Verify | duties.ReadPayment) for duty in desk.asked)


def test_equal_doorbells_fall_together():
    desk = Desk()
    desk.hear(*[events.DoorbellRang(events.Kind.MERCHANT_ORDER, "7")] * FLOOD)
    assert list(desk.till.agenda.due).count(duties.Verify("7")) == 1


def test_at_most_a_hundred_wait_and_a_sweep_answers_for_the_others():
    desk = flooded_desk()
    assert sum(isinstance(duty, duties.Verify) for duty in desk.till.agenda.due) == 100
    assert any(isinstance(duty, duties.Sweep) and due.at <= desk.now + 5 for duty, due in desk.till.agenda.due.items())


def test_a_sale_in_the_midst_of_it_is_found_in_seconds():
    desk = flooded_desk()
    desk.books.write(PAID)
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id))
    flooded(desk)
    worked(desk, 15).print()
    assert [duty.order for duty in desk.printed] == [PAID]


def test_an_order_on_the_till_is_watched_as_if_nothing_was():
    desk = flooded_desk()
    desk.books.on_till = PAID.reference
    desk.press()
    desk.books.on_till = None
    desk.books.write(PAID)
    worked(desk, 15).print()
    assert [duty.order for duty in desk.printed] == [PAID]


def test_lookups_are_paced():
    desk = Desk()
    desk.asked.clear()
    worked(flooded(desk), 60)
    assert 200 < lookups(desk) <= 60 * 4 + 40 + 1


def test_the_pace_does_not_hold_up_an_ordinary_day():
    """A till that was off for a while has a few dozen doorbells waiting."""
    desk = Desk()
    desk.asked.clear()
    desk.hear(*(events.DoorbellRang(events.Kind.MERCHANT_ORDER, f"9{number}") for number in range(30)))
    worked(desk, 3.5)
    assert lookups(desk) >= 30


def test_the_reports_of_a_flood_are_bounded_and_those_of_sales_are_not():
    desk = Desk()
    for number in range(2 * MAX_REMEMBERED):
        desk.till = desk.till.report(duties.Outcome.REJECTED, merchant_order=f"{number}", reason="not_found")
    assert len(desk.till.outbox.reports) == MAX_REMEMBERED
    desk.books.write(PAID, place=POS)
    desk.ring(PAID.id).print()
    assert desk.outcomes[-1] == "printed"


def test_a_queue_of_real_sales_is_not_paced():
    desk = Desk()
    desk.asked.clear()
    for number in range(90):
        payment = replace(APPROVED, id=f"p{number}")
        desk.books.write(replace(PAID, id=f"{number}", external_reference=f"sale-{number}", payments=(payment,)))
        desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, f"{number}"))
    worked(desk, 40).print()
    assert len(desk.printed) == 90


def test_our_own_questions_go_before_what_others_ring():
    desk = flooded_desk()
    desk.now += 1
    desk.hear(events.BrokerLost("no route"))
    assert isinstance(payment_duty(desk.till, desk.now), duties.LookAtTill | duties.Sweep)


# --- reasons to look -----------------------------------------------------------------------------------------------


def flap(desk: Desk, kind: str, number: int) -> None:
    """One more reason to look around, of a kind that others can cause as often as they like."""
    match kind:
        case "the relay's status":
            desk.hear(events.RelaySeen(number % 2 == 0))
        case "the broker":
            desk.hear(events.BrokerLost("hung up") if number % 2 else events.BrokerConnected())
        case "a command":
            desk.hear(events.CommandCame(duties.Command.CHECK_NOW))
        case "doorbells":
            desk.hear(*(events.DoorbellRang(events.Kind.MERCHANT_ORDER, f"9{id_}") for id_ in range(150)))
        case "all at once":
            for each in REASONS[:-1]:
                flap(desk, each, number)


REASONS = ("the relay's status", "the broker", "a command", "doorbells", "all at once")


def looked(desk: Desk) -> int:
    return sum(isinstance(duty, duties.LookAtTill | duties.Sweep) for duty in desk.asked)


@pytest.mark.parametrize("kind", REASONS)
def test_whatever_flaps_mercado_pago_is_asked_a_few_times(kind):
    """One look is two questions; and an outage of the relay has its own pace."""
    desk = Desk()
    desk.asked.clear()
    for number in range(20 if "all" in kind or kind == "doorbells" else 500):
        flap(desk, kind, number)
        desk.settle()
        desk.now += 0.5 if kind in ("doorbells", "all at once") else 0.02
    assert 0 < looked(desk) <= 2 * (LOOKS.burst + 10 / LOOKS.every_s + 1) + 2


def test_what_flapped_is_looked_at_once_more_after_the_last_time():
    desk = Desk()
    for number in range(501):
        flap(desk, "the relay's status", number)
        desk.settle()
    desk.asked.clear()
    desk.wait(LOOKS.every_s)
    assert looked(desk) >= 2


def test_a_line_that_rests_is_not_woken_by_a_flood_of_commands():
    """Mercado Pago says: not before 60 s. Support may insist a few times."""
    desk = Desk()
    desk.asked.clear()
    for _ in range(500):
        desk.hear(events.CommandCame(duties.Command.CHECK_NOW))
        if duty := payment_duty(desk.till, desk.now):
            desk.asked.append(duty)
            away = events.Unreachable(events.Trouble.BUSY, "429", retry_after=60)
            desk.hear(events.Asked(duty), events.Answered(duty, away))
        desk.now += 0.02
    assert len(desk.asked) <= LOOKS.burst + 2


def test_a_shorted_button_floods_nobody_and_a_press_still_counts():
    desk = Desk()
    desk.asked.clear()
    for _ in range(40):
        desk.press(0.1)
    assert 0 < looked(desk) <= 2 * (PRESSES.burst + 40 * 0.15 / PRESSES.every_s + 1) + 2
    desk.asked.clear()
    desk.wait(PRESSES.every_s)
    assert looked(desk) >= 2


def test_what_others_cause_takes_nothing_from_the_cashier():
    desk = Desk()
    for number in range(500):
        flap(desk, "the relay's status", number)
        desk.settle()
    desk.asked.clear()
    desk.press()
    assert looked(desk) == 2
    assert desk.sign is not Signal.ATTENTION


def test_a_look_that_is_put_off_puts_off_nothing_else():
    desk = Desk()
    for _ in range(40):
        desk.press(0.1)
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    assert len(desk.printed) == 1
