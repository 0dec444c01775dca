"""The contract between tills, relay and support, at each broker that is shipped here: who may say and hear what.

And the five wrong rights: a till goes on without what it may not, or says in words what stands in its way.
"""

import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator

import pytest

from edge.contract.mqtt import Topics
from edge.core import duties, events
from edge.core.events import BrokerTrouble as Trouble
from edge.inbox import Arrival, Call, Inbox
from edge.mqtt.session import MqttBroker
from tests.support.brokers_alike import BROKERS, Alike, broker_of
from tests.support.shipped_broker import WEEK, Client

pytestmark = pytest.mark.slow

A = Topics("tills", "A")
FROM_TILL = ("status", "tickets", "answers", "ping", "commissioning")
TO_TILL = ("orders", "commands", "announcements")
TOPICS = [
    *(f"tills/{till}/{part}" for till in ("A", "B") for part in (*TO_TILL, *FROM_TILL)),
    *("sellers/1/orders", "sellers/2/orders", "relay/status", "tills", "anything"),
]
SAYS = {
    "A": {f"tills/A/{part}" for part in FROM_TILL},
    "till-relay": {"tills/A/orders", "tills/B/orders", "sellers/1/orders", "sellers/2/orders", "relay/status"},
    "support": {f"tills/{till}/{part}" for till in "AB" for part in ("commands", "status", "commissioning")},
}
HEARS = {
    "A": {*(f"tills/A/{part}" for part in TO_TILL), "sellers/1/orders", "relay/status"},
    "till-relay": {
        *(f"tills/{till}/{part}" for till in "AB" for part in ("ping", "status", "commissioning")),
        "relay/status",
    },
    "support": {
        *(f"tills/{till}/{part}" for till in "AB" for part in ("status", "tickets", "answers", "commissioning"))
    }
    | {"relay/status"},
}
PATIENCE_S = 30.0


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alike]:
    with broker_of(request.param, tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def say(client: Client, topic: str) -> None:
    """Whoever has no right may be answered, ignored or thrown out."""
    client.paho.publish(topic, b"said", qos=1)
    until = time.monotonic() + 0.3
    while time.monotonic() < until and client.gone.empty():
        time.sleep(0.01)


def drain(heard: "queue.Queue[tuple[str, bytes]]", last: bytes) -> set[str]:
    found = set()
    while True:
        topic, payload = heard.get(timeout=PATIENCE_S)
        if payload == last:
            return found
        found.add(topic)


# --- who may say and hear what ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", SAYS)
def test_what_each_says_is_heard_where_it_may_say_it_and_nowhere_else(broker, user):
    auditor = broker.come("auditor")
    auditor.subscribe("#")
    for topic in TOPICS:
        speaker = broker.come(user)
        say(speaker, topic)
        speaker.close()
    auditor.say("anything", b"the end")
    heard = drain(auditor.heard, b"the end")
    auditor.close()
    assert heard == SAYS[user]


@pytest.mark.parametrize("user", HEARS)
def test_each_hears_what_it_may_hear_and_nothing_else(broker, user):
    auditor = broker.come("auditor")
    heard = set()
    for topic in TOPICS:
        listener = broker.come(user)
        listener.subscribe(topic)
        auditor.say(topic, b"said")
        with contextlib.suppress(queue.Empty):
            heard.add(listener.heard.get(timeout=5 if topic in HEARS[user] else 0.2)[0])
        listener.close()
    auditor.close()
    assert heard == HEARS[user]


@pytest.mark.parametrize("password", ["wrong", "B", ""])
def test_nobody_comes_in_without_the_password(broker, password):
    stranger = broker.come("A", password=password or "-")
    assert not stranger.is_in
    stranger.close()


def test_what_is_rung_while_a_till_is_away_waits_for_it_in_order(broker):
    relay, till = broker.come("till-relay"), broker.come("A", session=WEEK)
    till.subscribe(A.orders)
    till.close()
    for number in range(20):
        relay.say(A.orders, str(number))
    till = broker.come("A", session=WEEK)
    assert [till.next()[1] for _ in range(20)] == [str(number).encode() for number in range(20)]
    till.close()
    relay.close()
    broker.come("A").close()  # ends the session


def test_a_status_is_kept_for_whoever_asks_for_this_till(broker):
    till, support = broker.come("A"), broker.come("support")
    till.say(A.status, b"kept", retain=True)
    support.subscribe(A.status)
    assert support.next() == (A.status, b"kept")
    till.say(A.status, b"", retain=True)
    for client in (till, support):
        client.close()


# --- the till's own session, and the five wrong rights ---------------------------------------------------------------


class Till:
    """The daemon's session of the till A."""

    def __init__(self, broker: Alike) -> None:
        self._inbox: Inbox = Inbox()
        self.broker = MqttBroker(broker.config("A"), "A", "1", "1.2.3", self._inbox)
        self.broker.show({"state": "ready"})
        self._thread = threading.Thread(target=self.broker.loop, daemon=True)
        self._thread.start()

    def hear(self, *kinds: type, timeout: float = PATIENCE_S) -> events.Event:
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            try:
                arrived = self._inbox.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(arrived, Call):
                arrived.run()
            elif isinstance(arrived, Arrival):
                arrived.settle()
                if isinstance(arrived.event, kinds):
                    return arrived.event
        raise AssertionError(f"none of {kinds} within {timeout} s")

    def settles(self) -> None:
        """No session ends any more."""
        with pytest.raises(AssertionError):
            self.hear(events.BrokerLost, timeout=3)

    def close(self) -> None:
        self.broker.close()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def till(broker: Alike) -> Iterator[Till]:
    till = Till(broker)
    yield till
    till.close()
    broker.withhold("A", "")


def test_a_till_is_rung_and_reports(broker, till):
    till.hear(events.BrokerConnected)
    relay = broker.come("till-relay")
    relay.say(A.orders, json.dumps({"v": 1, "kind": "merchant_order", "id": "4242"}))
    assert till.hear(events.DoorbellRang).id == "4242"
    till.broker.report(1, duties.Report(duties.Outcome.PRINTED, "MESA-1"))
    assert till.hear(events.ReportDelivered, events.ReportRefused) == events.ReportDelivered(1)
    relay.close()


def test_a_forbidden_publication_is_refused_and_throws_no_till_out_for_ever(broker):
    broker.withhold("A", "tickets")
    till = Till(broker)
    try:
        till.hear(events.BrokerConnected)
        till.broker.report(1, duties.Report(duties.Outcome.PRINTED, "MESA-1"))
        refused = till.hear(events.ReportRefused, timeout=60)
        assert ("not authorized (0x87)" in refused.why) or (A.tickets in refused.why)
        till.settles()
    finally:
        till.close()
        broker.withhold("A", "")


def test_a_forbidden_subscription_throws_no_till_out_for_ever(broker):
    broker.withhold("A", "sellers")
    till = Till(broker)
    relay = broker.come("till-relay")
    try:
        till.hear(events.BrokerConnected)
        time.sleep(6)  # it may be thrown out once
        relay.say(A.orders, json.dumps({"v": 1, "kind": "merchant_order", "id": "4242"}))
        assert till.hear(events.DoorbellRang).id == "4242"
        till.settles()
    finally:
        till.close()
        relay.close()
        broker.withhold("A", "")


def test_who_comes_with_a_tills_client_id_hears_nothing_of_it(broker, till):
    till.hear(events.BrokerConnected)
    thief = broker.come("B", client_id="till-A")
    relay = broker.come("till-relay")
    thief.paho.subscribe(A.orders, 1)
    relay.say(A.orders, json.dumps({"v": 1, "kind": "merchant_order", "id": "4242"}))
    assert till.hear(events.DoorbellRang, timeout=60).id == "4242"
    assert thief.heard.empty()
    thief.close()
    relay.close()


def test_a_will_on_the_status_of_another_is_not_said(broker):
    auditor = broker.come("auditor")
    auditor.subscribe("#")
    thief = broker.come("A", will="tills/B/status")
    thief.paho.loop_stop()
    thief.paho.socket().close()
    time.sleep(2)
    auditor.say("anything", b"the end")
    assert "tills/B/status" not in drain(auditor.heard, b"the end")
    auditor.close()


def test_a_full_broker_is_never_said_to_have_twins(broker):
    """The last test at each broker."""
    broker.fill()
    till = Till(broker)
    try:
        for _ in range(3):
            lost = till.hear(events.BrokerLost, timeout=60)
            assert "full" in lost.why or lost.trouble in (Trouble.LOST, Trouble.HANGS_UP, Trouble.BUSY), lost
    finally:
        till.close()
