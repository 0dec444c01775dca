"""The pauses between attempts: of the agenda, of the session at the broker, of a claim."""

import pytest

from edge.core.backoff import back_off, jittered


def test_each_failure_doubles_the_pause_up_to_the_longest():
    assert [back_off(tries) for tries in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert [back_off(tries, first_s=1, max_s=5) for tries in range(4)] == [1, 2, 4, 5]


def test_it_never_overflows():
    assert back_off(10**9) == 30


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 10.0), (0.5, 11.5), (1.0, 13.0)])
def test_jitter_only_lengthens_a_pause(jitter, pause):
    assert jittered(10.0, jitter, spread=0.3) == pytest.approx(pause)
    assert back_off(0, jitter, first_s=10.0, spread=0.3) == pytest.approx(pause)
