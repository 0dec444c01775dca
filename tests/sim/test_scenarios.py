"""The demo's scenarios, judged by books and paper: under either API they end well, and each can end badly."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sim.mercadopago import Fault
from sim.printer.paper import Code, Letters, Look, Ticket
from sim.shop import wait_for
from sim.world import paper
from sim.world.scenarios import SCENARIOS, Play
from sim.world.stage import Stage
from tests.support.demo import opened

pytestmark = pytest.mark.slow
IMPATIENT_S = 8.0
SEARCH = "/merchant_orders"


@pytest.fixture(scope="module", params=["instore", "orders"])
def stage(request, tmp_path_factory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("shop"), api=request.param) as stage:
        yield stage


@pytest.fixture
def broken_stage(tmp_path) -> Iterator[Stage]:
    with opened(tmp_path) as stage:
        stage.world.timeout_s = IMPATIENT_S
        yield stage


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_ends_well_under_either_api(stage, name):
    play = Play(stage.world, name)
    play.run()
    assert (play.result, play.why) == ("done", "")
    assert {step.state for step in play.steps[:-1]} == {"done"}


# --- and each can end badly ------------------------------------------------------------------------------------------


def ticket_of(reference: str) -> Ticket:
    """A ticket that nobody should have printed."""
    line = Letters(tuple((letter, Look()) for letter in reference))
    return Ticket(48, [line, Code("98000000001")], cut=True)


@contextmanager
def meanwhile(condition: Callable[[], object], deed: Callable[[], None]) -> Iterator[None]:
    """Somebody does it as soon as the condition holds."""

    def lie_in_wait() -> None:
        wait_for(condition, "the moment to break it")
        deed()

    thread = threading.Thread(target=lie_in_wait)
    thread.start()
    yield
    thread.join()


def loaded(stage: Stage) -> str:
    return next(iter(stage.shop.mercadopago.placed), "")


def test_the_guides_flow_fails_where_no_notification_comes(broken_stage):
    broken_stage.shop.mercadopago.habits.drop = True
    play = Play(broken_stage.world, "guide")
    play.run()
    assert (play.result, play.why) == ("failed", f"step 5b: not within {IMPATIENT_S} s")


def test_a_double_scan_fails_where_a_second_ticket_comes(broken_stage):
    tickets = broken_stage.shop.printer.tickets
    play = Play(broken_stage.world, "double_scan")
    with meanwhile(lambda: play.gain().tickets, lambda: tickets.append(ticket_of(loaded(broken_stage)))):
        play.run()
    assert (play.result, play.gain().unmarked) == ("failed", 1)


def test_a_cancel_against_a_payment_fails_where_the_ticket_is_lost(broken_stage):
    broken_stage.shop.printer.proof = "none"
    broken_stage.shop.printer.swallows = 1
    play = Play(broken_stage.world, "cancel_against_payment")
    play.run()
    assert (play.result, play.why) == ("failed", f"1 tickets: not within {IMPATIENT_S} s")


def test_a_power_cut_fails_where_the_second_ticket_has_no_mark(broken_stage, monkeypatch):
    monkeypatch.setattr(paper, "COPY_MARKS", ())
    play = Play(broken_stage.world, "power_cut")
    play.run()
    assert play.result == "failed"
    assert "copies=0" in play.why


def test_a_saturday_fails_where_mercado_pago_does_not_answer(broken_stage):
    mercadopago = broken_stage.shop.mercadopago
    play = Play(broken_stage.world, "saturday")
    with meanwhile(lambda: mercadopago.payments, lambda: mercadopago.faults.append(Fault("status", path=SEARCH))):
        play.run()
    assert (play.result, play.why) == ("failed", f"1 tickets: not within {IMPATIENT_S} s")


def test_a_forged_notification_fails_where_a_ticket_comes_for_it(broken_stage):
    tickets, wire = broken_stage.shop.printer.tickets, broken_stage.wire
    play = Play(broken_stage.world, "forged")
    lied = lambda: any(each.kind == "forged" for each in wire.since(0)[0])  # noqa: E731
    with meanwhile(lied, lambda: tickets.append(ticket_of(loaded(broken_stage)))):
        play.run()
    assert play.result == "failed"
    assert "unpaid=1" in play.why or play.why == "something more came out"


def test_a_scenario_that_is_stopped_ends_at_once_and_the_next_one_tidies_up(broken_stage):
    broken_stage.do("scenario", name="saturday")
    wait_for(lambda: broken_stage.world.faults.on == ["relay_dead"], "the relay is dead")
    broken_stage.do("stop")
    wait_for(lambda: not broken_stage.view()["playing"], "it has stopped", 3)
    assert broken_stage.view()["scenario"]["result"] == "stopped"
    play = Play(replace(broken_stage.world, timeout_s=40), "guide")
    play.run()
    assert (play.result, play.why) == ("done", "")
    assert broken_stage.world.faults.on == []
