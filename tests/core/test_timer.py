"""The moment until which the loop may sleep. The explorer holds it in every world; here is what it has no moves for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge.core
from edge.core import duties, events
from edge.core.status import SHOWN_S, signal
from edge.core.till import step
from edge.core.timer import due_at
from tests.support.desk import Desk
from tests.support.facts import PAID

SHORTLY_S = 0.001


def changes(desk: Desk) -> bool:
    """Whether the sign changes exactly at the moment that the till names, and not before."""
    moment = due_at(desk.till, desk.now)
    assert moment is not None
    before, after = (step(desk.till, events.Ticked(), moment + by) for by in (-SHORTLY_S, SHORTLY_S))
    return signal(before, moment - SHORTLY_S) is not signal(after, moment + SHORTLY_S)


def test_the_light_of_a_ticket_ends_in_time():
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(PAID.id).print()
    assert due_at(desk.till, desk.now) == pytest.approx(desk.now + SHOWN_S)
    assert changes(desk)


def test_the_wave_of_a_till_that_support_looks_for_ends_in_time():
    desk = Desk().hear(events.CommandCame(duties.Command.IDENTIFY)).settle()
    until = desk.till.link.identify_until
    while (moment := due_at(desk.till, desk.now)) is not None and moment < until:
        desk.now = moment + SHORTLY_S
        desk.hear(events.Ticked(), events.PrinterSeen(events.Paper.READY)).settle()
    assert moment == until
    assert changes(desk)


def test_a_ping_that_is_not_echoed_is_missed_in_time():
    desk = Desk().hear(events.PingSent(1))
    while desk.till.link.echo.missed == 0:
        moment = due_at(desk.till, desk.now)
        desk.now = moment + SHORTLY_S
        desk.hear(events.Ticked(), events.PrinterSeen(events.Paper.READY)).settle()
    assert desk.now == pytest.approx(1010, abs=1)


def test_a_till_at_rest_has_little_to_do():
    desk = Desk()
    desk.hear(events.PingSent(1), events.PingEchoed(1))
    turns, began = 0, desk.now
    while desk.now < began + 60:
        desk.now = due_at(desk.till, desk.now) + SHORTLY_S
        desk.hear(events.Ticked()).settle()
        if desk.owed():
            desk.hear(events.PrinterSeen(events.Paper.READY))
        turns += 1
    assert turns < 12


# --- one way to compute a moment -----------------------------------------------------------------------------------


def elapsed_times_compared(module: Path) -> Iterator[str]:
    """Each comparison of `now - since` with something."""
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Compare(left=ast.BinOp(left=ast.Name("now" | "at"), op=ast.Sub())):
                yield f"{module.name}:{node.lineno}: {ast.unparse(node)}"


def test_whoever_decides_computes_a_moment_as_the_timer_does():
    """`since + x` and `now - since` differ in the last bit: woken at the one, the till finds the other not come."""
    modules = Path(edge.core.__path__[0]).glob("*.py")
    assert [found for module in modules for found in elapsed_times_compared(module)] == []
