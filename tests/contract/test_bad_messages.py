"""Whatever comes from the broker is a message of the contract, or it is refused with a reason."""

from hypothesis import given

from edge.contract import mqtt as wire
from edge.core import events
from qa.fuzz import ANNOUNCEMENTS, DOORBELLS
from tests.support.bent import anything, bent
from tests.support.examples import examples
from tests.support.refusals import assert_fit_to_be_shown, is_one_path_segment


@examples(400)
@given(anything | bent(*DOORBELLS))
def test_a_doorbell_is_of_a_known_kind_and_its_id_is_one_part_of_a_path_or_it_is_refused(payload):
    try:
        doorbell = wire.decode_doorbell(payload)
    except wire.BadMessageError as refusal:
        assert_fit_to_be_shown(refusal)
    else:
        assert events.Kind(doorbell.kind)
        assert is_one_path_segment(doorbell.id)


@examples(250)
@given(anything | bent(*ANNOUNCEMENTS))
def test_an_announcement_names_one_order_by_one_part_of_a_path_or_it_is_refused(payload):
    try:
        announced = wire.decode_announcement(payload)
    except wire.BadMessageError as refusal:
        assert_fit_to_be_shown(refusal)
    else:
        assert bool(announced.id) != bool(announced.reference)
        assert is_one_path_segment(announced.id or announced.reference)


@examples(150)
@given(anything | bent(*DOORBELLS))
def test_the_relays_status_is_a_word_or_it_is_refused(payload):
    try:
        assert isinstance(wire.decode_state(payload), str)
    except wire.BadMessageError as refusal:
        assert_fit_to_be_shown(refusal)
