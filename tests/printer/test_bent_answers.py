"""A printer's answers, bent byte by byte: nothing crashes, and nothing that wasn't asked for proves a ticket."""

import time

from hypothesis import given
from hypothesis import strategies as st

from edge.core.events import Paper, TicketEnd, TicketPrinted
from edge.printer.dialogue import Dialogue
from edge.printer.replies import Parser
from tests.support.bent_printer import Bent, one_job

GENUINE = (
    b"\x12",
    b"\x16",
    b"\x1a",
    b"\x72",
    b"\x00",
    b"\x0f",
    b'7"1234\x00',
    b"7%\x00",
    b"_TM\x00",
    b"\x14\x00\x00\x0f",
)
ANYTHING = st.lists(st.one_of(st.sampled_from(GENUINE), st.binary(max_size=4)), max_size=8).map(b"".join)


@given(st.lists(st.binary(max_size=6), max_size=12))
def test_what_is_read_does_not_hang_on_how_it_is_split(portions):
    whole, parts = Parser(), Parser()
    assert [answer for portion in portions for answer in parts.feed(portion)] == whole.feed(b"".join(portions))


@given(st.lists(ANYTHING, max_size=12), st.sampled_from(["auto", "process_id", "status"]))
def test_whatever_is_answered_a_job_comes_to_an_end(answers, proof):
    assert isinstance(one_job(answers, proof), TicketEnd)


@given(st.lists(ANYTHING, max_size=12))
def test_only_this_tickets_own_number_proves_it_where_an_echo_is_demanded(answers):
    proved = isinstance(one_job(answers, "process_id"), TicketPrinted)
    assert not proved or b'7"4321\x00' in b"".join(answers).translate(None, b"\x11\x13")


@given(st.binary(max_size=40))
def test_a_barrier_that_nobody_asked_for_is_none(noise):
    dialogue = Dialogue(Bent([noise]), False, 0.002, 0.002)
    dialogue.send(b"ticket", 0.01)
    dialogue.wait(lambda: False, time.monotonic() + 0.002)
    assert not dialogue.passed_barrier
    assert isinstance(dialogue.paper(), Paper)
