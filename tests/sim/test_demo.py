"""The demo's screen: what a window is too small for is said, and its log is for people."""

import os

import pytest

from sim.screen import NEEDED, fits, newest

LOG = """INFO edge.mqtt.session: connected
DEBUG edge.daemon.loop: OrderSeen
INFO edge.daemon.loop: order CAJA01-20261127-102041-02d45a: the money went back before its ticket
WARNING edge.printer.printer: no answer
"""


def test_of_a_log_all_is_seen_that_was_said_and_not_who_said_it():
    rows = newest(LOG, 52)
    assert rows == [
        "connected",
        "order CAJA01-20261127-102041-02d45a: the money went",
        "  back before its ticket",
        "WARNING edge.printer.printer: no answer",
    ]


@pytest.mark.parametrize(("less", "is_enough"), [((0, 0), True), ((1, 0), False), ((0, 1), False)])
def test_a_window_that_is_too_small_is_noticed_also_when_it_shrinks(less, is_enough):
    size = os.terminal_size((NEEDED.columns - less[0], NEEDED.lines - less[1]))
    assert fits(size) is is_enough
