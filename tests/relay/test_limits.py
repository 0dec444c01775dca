"""How often one address may be used: a burst, then so many per second, each name for itself, in bounded memory."""

from relay.limits import Limit


def uses(limit: Limit, name: str, now: float, attempts: int) -> int:
    return sum(limit.allows(name, now) for _ in range(attempts))


def test_a_burst_is_allowed_and_then_no_more():
    assert uses(Limit(10, 100), "CAJA01", now=0, attempts=150) == 100


def test_time_brings_more():
    limit = Limit(10, 100)
    uses(limit, "CAJA01", now=0, attempts=100)
    assert uses(limit, "CAJA01", now=0.05, attempts=5) == 0
    assert uses(limit, "CAJA01", now=1, attempts=50) == 10


def test_what_is_refused_costs_nothing():
    limit = Limit(10, 100)
    uses(limit, "CAJA01", now=0, attempts=1000)
    assert uses(limit, "CAJA01", now=0.1, attempts=10) == 1


def test_rest_brings_no_more_than_one_burst():
    limit = Limit(10, 100)
    uses(limit, "CAJA01", now=0, attempts=100)
    assert uses(limit, "CAJA01", now=10_000, attempts=1000) == 100


def test_many_small_rests_add_up():
    limit = Limit(10, 100)
    uses(limit, "CAJA01", now=0, attempts=100)
    assert sum(uses(limit, "CAJA01", now=moment / 100, attempts=1) for moment in range(1, 1001)) in (99, 100)


def test_each_name_is_counted_by_itself():
    limit = Limit(10, 100)
    uses(limit, "CAJA01", now=0, attempts=150)
    assert uses(limit, "CAJA02", now=0, attempts=150) == 100


def test_only_the_last_used_names_are_remembered():
    limit = Limit(10, 100, max_names=3)
    for name in ("a", "b", "c", "a", "d"):
        uses(limit, name, now=0, attempts=100)
    assert len(limit) == 3
    assert uses(limit, "a", now=0, attempts=1) == 0, "it was used after b, so it is remembered"
    assert uses(limit, "b", now=0, attempts=1) == 1
