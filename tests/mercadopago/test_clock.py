"""Mercado Pago's time: which `Date` is believed, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.mercadopago.clock import ServerClock

NOW = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)
IN_2099 = datetime(2099, 3, 2, 10, 0, tzinfo=UTC)


@dataclass
class Machine:
    """A machine whose own clock is wrong by so much, and the answers that it hears."""

    wrong: timedelta = timedelta(0)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.clock = ServerClock(lambda: (NOW + self.wrong).timestamp() + self.seconds, lambda: 500 + self.seconds)

    def hear(self, told: datetime | None = None, after: float = 0.0) -> "Machine":
        self.seconds += after
        told = told or NOW + timedelta(seconds=self.seconds)
        self.clock.hear(format_datetime(told.astimezone(UTC), usegmt=True), 500 + self.seconds)
        return self

    @property
    def error(self) -> float:
        return abs(self.clock.now() - NOW.timestamp() - self.seconds)


def test_what_our_own_clock_confirms_is_believed_at_once():
    machine = Machine(wrong=timedelta(minutes=9)).hear()
    assert machine.clock.is_sure
    assert machine.error < 1
    assert machine.clock.ahead() == pytest.approx(540, abs=1)


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(days=-40), timedelta(days=-365 * 56)])
def test_what_it_contradicts_needs_answers_that_agree_for_some_seconds(wrong):
    machine = Machine(wrong=wrong).hear()
    assert machine.clock.is_doubtful
    assert not machine.hear(after=1).clock.is_sure
    assert machine.hear(after=2).clock.is_sure
    assert machine.error < 1


@pytest.mark.parametrize("told", [IN_2099, datetime(1970, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)])
def test_a_year_that_can_not_be_is_not_heard(told):
    machine = Machine()
    for _ in range(100):
        machine.hear(told, after=10)
    assert not machine.clock.is_sure
    assert machine.error < 1


def test_an_hour_that_is_heard_once_changes_nothing():
    machine = Machine(wrong=timedelta(hours=-1)).hear().hear(after=3)
    machine.hear(NOW + timedelta(days=2), after=1).hear(after=1)
    assert machine.error < 1


def test_a_clock_that_jumps_at_each_answer_leaves_us_with_our_own():
    machine = Machine()
    for days in range(1, 50):
        machine.hear(NOW + timedelta(days=days), after=1)
    assert machine.error < 1


def test_what_two_witnesses_said_is_overruled_only_by_ten_minutes_of_the_same():
    machine = Machine().hear()
    for _ in range(59):
        machine.hear(NOW + timedelta(days=1, seconds=machine.seconds + 10), after=10)
    assert machine.error < 2
    for _ in range(3):
        machine.hear(NOW + timedelta(days=1, seconds=machine.seconds + 10), after=10)
    assert machine.error > 80_000
    assert machine.hear(after=1).error < 2, "and one right answer mends it"


@pytest.mark.parametrize("date", ["", "soon", "Mon, 02 Mar 2026 10:00:00 +99999999999999999", "0", "Mon, 99 Mar 2026"])
def test_a_date_that_is_none_is_no_news(date):
    clock = Machine().clock
    clock.hear(date, 500)
    assert not clock.is_sure
    assert clock.ahead() is None


@given(st.text(max_size=60))
def test_no_header_ends_the_daemon(text):
    machine = Machine()
    for date in (text, f"Mon, 02 Mar 2026 10:00:00 {text}", f"Mon, 02 Mar {text} 10:00:00", f"31 Dec 9999 {text}"):
        machine.clock.hear(date, 500)
    assert datetime.fromtimestamp(machine.clock.now(), UTC) + timedelta(minutes=1)
