"""A finger on a button: contacts that bounce, edges that nobody reports, a wire that is read too late."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge.core.cashier import BOUNCE_S, MAX_READING_GAP_S, STUCK_AFTER_S, Button, Gesture

HOLD_S = 2.0
EVERY_S = 0.01


def feel(
    *wire: tuple[float, bool],
    until: float,
    button: Button | None = None,
    hold: float = HOLD_S,
    blind: tuple[float, float] = (0.0, 0.0),
) -> list[tuple[float, Gesture]]:
    """Read the wire every 10 ms, but not between the two moments of `blind`. Return what was felt, and when."""
    felt, level, pending = [], False, list(wire)
    button = button or Button()
    if button.down:
        level = True
    for tick in range(1, round(until / EVERY_S) + 1):
        now = round(tick * EVERY_S, 3)
        while pending and pending[0][0] <= now:
            level = pending.pop(0)[1]
        if blind[0] < now < blind[1]:
            continue
        button, gesture = button.read(level, now, hold)
        if gesture is not Gesture.NONE:
            felt.append((now, gesture))
    return felt


def gestures(*wire: tuple[float, bool], **how: object) -> list[Gesture]:
    return [gesture for _, gesture in feel(*wire, **how)]


def test_a_press_is_told_when_the_finger_leaves():
    assert feel((1.0, True), (1.2, False), until=3) == [(1.21, Gesture.PRESS)]


def test_a_hold_is_told_while_the_finger_is_down_and_only_once():
    assert feel((1.0, True), (9.0, False), until=10) == [(3.0, Gesture.HOLD)]


def test_bouncing_contacts_are_one_press():
    bounces = [(1.0, True), (1.01, False), (1.02, True), (1.2, False), (1.21, True), (1.22, False)]
    assert gestures(*bounces, until=3) == [Gesture.PRESS]


def test_a_spike_on_the_wire_is_nothing():
    assert feel((1.0, True), (1.02, False), until=5) == []


def test_readings_that_a_busy_loop_takes_late_mean_what_they_meant():
    """The times are those of the readings, whenever the core hears of them."""
    bounces = [(1.0, True), (1.01, False), (1.02, True), (3.5, False), (3.51, True), (3.52, False)]
    assert gestures(*bounces, until=5) == [Gesture.HOLD]


def test_a_button_found_down_is_stuck_until_released():
    stuck = Button.found(True, 0.0)
    assert stuck.stuck
    assert feel(until=10, button=stuck) == []
    assert feel((5.0, False), until=10, button=stuck) == []


def test_after_its_release_a_stuck_button_works_again():
    stuck = Button.found(True, 0.0)
    assert gestures((1.0, False), (2.0, True), (2.5, False), until=4, button=stuck) == [Gesture.PRESS]


def test_two_presses_are_two():
    presses = [(1.0, True), (1.1, False), (1.3, True), (1.4, False)]
    assert gestures(*presses, until=3) == [Gesture.PRESS, Gesture.PRESS]


def test_a_button_that_stays_down_is_stuck():
    button = Button()
    for tick in range(1, 70 * 10):
        button, _ = button.read(True, tick / 10, HOLD_S)
        assert button.stuck == (tick / 10 - button.down_at >= STUCK_AFTER_S)
    for tick in range(2):
        button, gesture = button.read(False, 70 + tick / 10, HOLD_S)
    assert (button.stuck, button.down, gesture) == (False, False, Gesture.NONE)


def test_a_finger_that_may_have_been_lifted_unseen_does_not_hold():
    """Down, up and down again, and the wire was read at neither edge."""
    wire = [(1.0, True), (1.15, False), (2.8, True), (3.2, False)]
    assert gestures(*wire, until=5, blind=(1.1, 3.0)) == [Gesture.PRESS]


def test_a_reading_that_says_that_the_finger_is_away_ends_a_hold():
    """A slow machine reads the wire ten times a second: one reading of `up` was no bounce."""
    button, felt = Button(), []
    for tick in range(1, 40):
        button, gesture = button.read(tick != 10, tick / 10, HOLD_S)
        felt += [(tick / 10, gesture)] if gesture is not Gesture.NONE else []
    assert felt == [(1.1, Gesture.PRESS), (3.1, Gesture.HOLD)]


def test_a_release_that_was_not_seen_is_a_press_when_the_wire_is_read_again():
    assert feel((1.0, True), (1.15, False), until=9, blind=(1.1, 7.0)) == [(7.0, Gesture.PRESS)]


def test_a_hold_that_was_not_watched_begins_anew():
    assert feel((1.0, True), until=9, blind=(1.1, 4.0)) == [(6.0, Gesture.HOLD)]


PAUSES = st.one_of(st.sampled_from([0.01, 0.02, 0.02, 0.1, 0.4]), st.floats(0.001, 5.0))


@given(readings=st.lists(st.tuples(st.sampled_from([True, True, True, False]), PAUSES), max_size=60))
def test_a_hold_was_read_from_the_wire_for_all_of_its_time(readings):
    """Whatever was read, and whenever: no gap in it, and no reading that says that the finger is away, but a bounce."""
    button, seen, now = Button(), [], 0.0
    for down, pause in readings:
        now += pause
        seen.append((now, down))
        button, gesture = button.read(down, now, HOLD_S)
        if gesture is Gesture.HOLD:
            window = [index for index, (at, _) in enumerate(seen) if at >= now - HOLD_S]
            assert down
            assert now - seen[window[0]][0] >= HOLD_S - MAX_READING_GAP_S
            for one, other in itertools.pairwise(seen[index] for index in window):
                assert other[0] - one[0] <= MAX_READING_GAP_S
                assert one[1] or other[0] - one[0] < BOUNCE_S or not other[1]
