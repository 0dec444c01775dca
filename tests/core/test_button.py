"""A finger on a button, and contacts that bounce."""

from edge.core.cashier import Button, Gesture

UP = Button()


def feel(
    *edges: tuple[float, bool], until: float, button: Button = UP, hold: float = 2.0
) -> list[tuple[float, Gesture]]:
    """Play edges, settling every 10 ms as the loop does; return what was felt, and when."""
    felt = []
    pending = list(edges)
    for tick in range(int(until * 100) + 1):
        now = tick / 100
        while pending and pending[0][0] <= now:
            at, level = pending.pop(0)
            button = button.edge(level, at)
        button, gesture = button.settle(now, hold)
        if gesture is not Gesture.NONE:
            felt.append((now, gesture))
    return felt


def test_a_press_is_told_when_the_finger_leaves():
    assert feel((1.0, True), (1.2, False), until=3) == [(1.23, Gesture.PRESS)]


def test_a_hold_is_told_while_the_finger_is_down_and_only_once():
    assert feel((1.0, True), (9.0, False), until=10) == [(3.0, Gesture.HOLD)]


def test_bouncing_contacts_are_one_press():
    bounces = [(1.0, True), (1.004, False), (1.008, True), (1.2, False), (1.205, True), (1.21, False)]
    assert [gesture for _, gesture in feel(*bounces, until=3)] == [Gesture.PRESS]


def test_a_spike_on_the_wire_is_nothing():
    assert feel((1.0, True), (1.001, False), until=5) == []


def test_a_loop_that_was_busy_still_knows_a_hold_from_a_press():
    button = Button().edge(True, 1.0)
    button, _ = button.settle(1.1, 2.0)
    button = button.edge(False, 3.5)
    _, gesture = button.settle(4.0, 2.0)
    assert gesture is Gesture.HOLD


def test_a_button_found_down_is_stuck_until_released():
    stuck = Button.found(True, 0.0)
    assert stuck.stuck
    assert feel(until=10, button=stuck) == []
    assert feel((5.0, False), until=10, button=stuck) == []


def test_after_its_release_a_stuck_button_works_again():
    stuck = Button.found(True, 0.0)
    assert [g for _, g in feel((1.0, False), (2.0, True), (2.5, False), until=4, button=stuck)] == [Gesture.PRESS]


def test_two_presses_are_two():
    presses = [(1.0, True), (1.1, False), (1.3, True), (1.4, False)]
    assert [gesture for _, gesture in feel(*presses, until=3)] == [Gesture.PRESS, Gesture.PRESS]
