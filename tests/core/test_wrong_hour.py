"""An hour of Mercado Pago's that is wrong: what rests on it heals when the right one is heard."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edge.core import duties
from tests.support.desk import Books, Desk, at_our_pos, with_history, with_settings
from tests.support.facts import APPROVED, PAID

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
IN_2099 = datetime(2099, 3, 2, tzinfo=UTC)
IN_2020 = datetime(2020, 3, 2, tzinfo=UTC)


def paid(identity: str, when: datetime):
    payment = replace(APPROVED, id=f"9{identity}", date_approved=when)
    return replace(PAID, id=identity, external_reference=f"sale-{identity}", payments=(payment,))


def sell(desk: Desk, identity: str) -> tuple[duties.Banner, ...]:
    """A sale that is paid now; returns the banners of its ticket."""
    desk.books.write(paid(identity, desk.books.today))
    desk.ring(identity).print()
    return desk.printed[-1].banners


@pytest.mark.parametrize("wrong", [IN_2099, IN_2020])
def test_the_first_hour_of_a_new_journal_was_wrong(wrong):
    desk = Desk(at_our_pos(with_settings().settings), Books(today=wrong))
    desk.books.today = NOON
    desk.wait(61)
    assert desk.till.history.complete_since == NOON
    desk.books.today += timedelta(seconds=1)
    assert sell(desk, "1") == ()
    assert sell(desk.restart().wait(1), "2") == ()


def test_what_was_paid_long_after_the_hour_of_a_new_journal_may_have_its_ticket():
    desk = Desk(at_our_pos(with_settings().settings), Books(today=IN_2020))
    desk.books.write(paid("1", NOON))
    desk.ring("1").print()
    assert desk.printed[-1].banners == (duties.Banner.COPY,)
    desk.books.today = NOON + timedelta(minutes=2)
    desk.wait(61)
    assert sell(desk, "2") == ()


def test_a_journal_that_knows_from_a_time_to_come_knows_from_now_on():
    poisoned = with_history(with_settings(), complete_since=IN_2099, swept_until=IN_2099)
    desk = Desk(poisoned, Books(today=NOON))
    desk.books.today += timedelta(seconds=61)
    desk.wait(61)
    desk.books.today += timedelta(seconds=1)
    assert sell(desk, "1") == ()


@pytest.mark.parametrize("wrong", [IN_2099, IN_2020])
def test_one_wrong_hour_in_the_middle_of_the_day_forgets_nothing(wrong):
    desk = Desk(with_settings(keep_s=14 * 24 * 3600), Books(today=NOON))
    sell(desk, "1")
    desk.books.today = wrong
    desk.wait(61)
    desk.books.today = NOON + timedelta(minutes=2)
    desk.wait(61)
    assert "sale-1" in desk.till.orders.finished
    assert sell(desk, "2") == ()


def test_the_first_hour_after_a_start_forgets_nothing():
    desk = Desk(with_settings(keep_s=14 * 24 * 3600), Books(today=NOON))
    sell(desk, "1")
    desk.books.today = IN_2099
    desk = desk.restart().wait(1)
    assert "sale-1" in desk.till.orders.finished


@pytest.mark.parametrize("wrong", [IN_2099, IN_2020])
def test_a_leap_begins_no_journal_anew_that_is_older_than_the_process(wrong):
    since = NOON - timedelta(days=1)
    desk = Desk(with_history(with_settings(), complete_since=since, swept_until=NOON), Books(today=NOON))
    desk.books.today = wrong
    desk.wait(61)
    desk.books.today = NOON + timedelta(minutes=2)
    desk.wait(61)
    assert desk.till.history.complete_since == since


def test_between_two_sweeps_the_clock_goes_on():
    desk = Desk()
    heard = desk.till.sweeps.clock(desk.now)
    assert heard == desk.books.today
    assert desk.till.sweeps.clock(desk.now + 30) == heard + timedelta(seconds=30)
