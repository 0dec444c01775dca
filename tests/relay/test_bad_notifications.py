"""Whatever is posted to the relay, what becomes of it can be read by the till."""

from hypothesis import given
from hypothesis import strategies as st

from edge.contract import mqtt as wire
from qa.fuzz import NOTIFICATIONS
from relay.web.notification import doorbell_of
from tests.support.bent import anything, bent
from tests.support.examples import examples

forms = st.dictionaries(
    st.sampled_from(["id", "topic", "type", "data.id", "resource"]) | st.text(max_size=5), st.text()
)
bodies = [notification.partition(b"\n")[2] for notification in NOTIFICATIONS]


@examples(1000)
@given(st.sampled_from(["GET", "POST", "PUT"]), forms, st.text(), anything | bent(*bodies))
def test_a_notification_becomes_a_doorbell_that_the_till_can_read_or_nothing(method, query, request_id, body):
    doorbell = doorbell_of(method, query, {"x-request-id": request_id}, body)
    assert doorbell is None or wire.decode_doorbell(wire.encode_doorbell(doorbell)) == doorbell
