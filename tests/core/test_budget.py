"""What others can cause is bounded, whatever they do, and nothing that they cause is lost."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.budget import Budget, Rate

RATE = Rate(every_s=5.0, burst=6)
PAUSES = st.lists(st.floats(0, 20), min_size=1, max_size=200)


def moments(pauses: list[float]) -> list[float]:
    now, found = 1000.0, []
    for pause in pauses:
        now += pause
        found.append(now)
    return found


@given(PAUSES)
def test_in_any_stretch_of_time_no_more_is_planned_than_the_rate_allows(pauses):
    budget, planned = Budget(), []
    for now in moments(pauses):
        budget, at = budget.plan(RATE, now)
        planned.append(at)
    planned = sorted(set(planned))
    for first, begin in enumerate(planned):
        for count, end in enumerate(planned[first:], start=1):
            assert count <= RATE.burst + (end - begin) / RATE.every_s + 1e-6


@given(PAUSES)
def test_each_reason_is_followed_by_a_look_soon(pauses):
    budget = Budget()
    for now in moments(pauses):
        budget, at = budget.plan(RATE, now)
        assert now <= at <= now + RATE.every_s


def test_a_full_budget_makes_nobody_wait():
    budget = Budget()
    for number in range(RATE.burst):
        budget, at = budget.plan(RATE, 1000.0 + number / 100)
        assert at == 1000.0 + number / 100


@given(PAUSES)
def test_what_is_refused_is_allowed_at_the_moment_that_is_named(pauses):
    budget = Budget()
    for now in moments(pauses):
        at = budget.free_at(RATE, now)
        assert budget.allows(RATE, now) == (at == now)
        assert budget.allows(RATE, at + 1e-6)
        budget = budget.spend(RATE, at)
