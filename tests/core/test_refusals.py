"""A question that alone is refused: a person is told, and the others go on at their pace. And 429, which all share."""

from dataclasses import replace

import pytest

from edge.core import duties, events
from edge.core.agenda import MAX_PACE, Due, Pace, Refusal
from edge.core.duties import Cause
from edge.core.failures import failure_duty
from edge.core.lifecycle import Stage
from edge.core.status import Signal, problems
from tests.support.desk import Books, Desk, at_our_pos, with_settings
from tests.support.facts import APPROVED, PAID, REFERENCE

FORBIDDEN, NO_SUCH_TILL = events.Trouble.FORBIDDEN, events.Trouble.NO_SUCH_TILL
QUESTIONS = [duties.FindPos, duties.Sweep, duties.LookAtTill, duties.Search]


@pytest.mark.parametrize("trouble", [FORBIDDEN, NO_SUCH_TILL])
@pytest.mark.parametrize("question", QUESTIONS)
def test_one_question_that_is_refused_holds_up_no_ticket(question, trouble):
    desk = Desk(books=Books(refused={question: trouble}))
    desk.wait(5)
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    assert len(desk.printed) == 1


def test_it_is_said_for_as_long_as_it_is_so():
    desk = Desk(books=Books(refused={duties.Sweep: FORBIDDEN, duties.LookAtTill: NO_SUCH_TILL}))
    assert desk.sign is Signal.ATTENTION
    assert problems(desk.till) == ["no LookAtTill for you", "no Sweep for you"]
    desk.books.refused.clear()
    assert problems(desk.wait(61).till) == []
    assert desk.sign is Signal.READY


def test_what_is_answered_again_is_refused_no_more_though_it_is_asked_on():
    desk = Desk(books=Books(on_till=REFERENCE, refused={duties.Search: FORBIDDEN})).wait(90)
    desk.books.on_till = ""
    assert problems(desk.wait(120).till) == ["no Search for you"]
    desk.books.refused.clear()
    desk.wait(65)
    assert duties.Search(REFERENCE) in desk.till.agenda.due
    assert problems(desk.till) == []


def test_it_is_asked_again_once_a_minute():
    desk = Desk(books=Books(refused={duties.Sweep: FORBIDDEN})).wait(600)
    assert sum(isinstance(duty, duties.Sweep) for duty in desk.asked) == 11


def test_it_goes_ahead_of_no_other_any_more():
    refused = Due(0, 0, urgent=True).after_refusal(Refusal(FORBIDDEN, "no"), 10)
    assert (refused.urgent, refused.at) == (False, 70)


@pytest.mark.parametrize(("trouble", "cause"), [(FORBIDDEN, Cause.WRONG_APPLICATION), (NO_SUCH_TILL, Cause.WRONG_TILL)])
def test_a_slip_says_what_the_application_may_not_do(trouble, cause):
    desk = Desk(books=Books(refused={duties.LookAtTill: trouble})).wait(1)
    slip = failure_duty(desk.till, desk.now)
    assert (slip.cause, slip.why) == (cause, "no LookAtTill for you")


def test_a_first_start_that_may_not_ask_for_its_point_of_sale_is_not_silent():
    desk = Desk(at_our_pos(with_settings().settings), Books(refused={duties.FindPos: FORBIDDEN}))
    assert desk.sign is Signal.ATTENTION


def test_where_payments_may_not_be_read_the_reference_seen_on_our_till_decides():
    desk = Desk(books=Books(on_till=REFERENCE, refused={duties.ReadPayment: FORBIDDEN}))
    desk.books.write(PAID)
    other = replace(APPROVED, id="9")
    desk.books.write(replace(PAID, id="2", external_reference="elsewhere", payments=(other,)), place="")
    desk.ring(PAID.id).ring("2").wait(70).print()
    assert [duty.order for duty in desk.printed] == [PAID]
    assert "no ReadPayment for you" in problems(desk.till)


def test_nobody_waits_for_a_place_that_may_not_be_asked_for():
    desk = Desk(books=Books(on_till=REFERENCE, refused={duties.ReadPayment: FORBIDDEN, duties.Sweep: FORBIDDEN}))
    desk.books.write(PAID)
    desk.ring(PAID.id).wait(5).print()
    assert [duty.order for duty in desk.printed] == [PAID]


def test_a_cancel_that_is_refused_is_told_and_the_sale_watched_on():
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.refused = {duties.Cancel: NO_SUCH_TILL}
    desk.press(2.5).wait(1)
    assert desk.stage(REFERENCE) is Stage.WAITING
    assert desk.reasons == ["not_cancelled: refused"]
    desk.books.write(PAID)
    desk.wait(40).print()
    assert len(desk.printed) == 1


def test_one_odd_answer_rests_only_its_own_question():
    desk = Desk(books=Books())
    desk.hear(events.Answered(duties.LookAtTill(), events.Unreachable(events.Trouble.BUSY, "500")))
    assert desk.till.api.retry_at <= desk.now
    desk.hear(events.Answered(duties.Search("R"), events.Unreachable(events.Trouble.BUSY, "500")))
    assert desk.till.api.retry_at > desk.now, "two in a row are the line's"


# --- 429 -----------------------------------------------------------------------------------------------------------


def looks(desk: Desk, seconds: float) -> int:
    before = len(desk.asked)
    desk.wait(seconds)
    return len(desk.asked) - before


def test_a_till_that_is_told_to_slow_down_looks_less_often_and_recovers():
    desk = Desk(with_settings(idle_every_s=5), Books())
    often = looks(desk, 60)
    for _ in range(4):
        desk.hear(events.Answered(duties.LookAtTill(), events.Unreachable(events.Trouble.BUSY, "429", too_many=True)))
    assert looks(desk, 60) < often / 3
    desk.wait(300)
    assert looks(desk, 60) > often * 0.9


def test_it_slows_down_by_half_each_time_and_not_without_end():
    pace = Pace()
    for _ in range(20):
        pace = pace.slowed(100.0)
    assert pace.factor(100.0) == MAX_PACE
    assert pace.factor(160.0) == MAX_PACE / 2
    assert pace.factor(10_000.0) == 1.0
