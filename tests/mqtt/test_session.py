"""The till's place at a real mosquitto: what it hears, what it says, and what it says when it is gone."""

import json
import queue
import threading
import time
from pathlib import Path

import pytest

from edge.config.schema import BrokerConfig, Secret
from edge.core import duties, events
from edge.inbox import Arrival, Call, Inbox
from edge.mqtt.session import MAX_REST_S, MqttBroker
from sim.mosquitto import Mosquitto
from sim.shop import TILL, Ears, wait_for
from tests.support.facts import USER

pytestmark = pytest.mark.slow

NO_SALE = {"copy": False, "amount": None, "currency": None, "payments": [], "paid_at": None}


@pytest.fixture
def mosquitto(tmp_path):
    broker = Mosquitto(tmp_path / "mosquitto").start()
    yield broker
    broker.close()


@pytest.fixture
def ears(mosquitto):
    ears = Ears(mosquitto.host, mosquitto.port)
    yield ears
    ears.close()


class Till:
    """A till's connection and its inbox, with no daemon behind them."""

    def __init__(self, mosquitto: Mosquitto, **config: object) -> None:
        self.inbox: Inbox = Inbox()
        settings = {"host": mosquitto.host, "port": mosquitto.port, "tls": None, **config}
        self.broker = MqttBroker(BrokerConfig(**settings), TILL, USER, "1.2.3", self.inbox)
        self.thread = threading.Thread(target=self.broker.loop, daemon=True)
        self.thread.start()

    def hear(self, kind: type, timeout: float = 10) -> Arrival:
        """The next event of a kind; others are passed over."""
        while True:
            try:
                arrived = self.inbox.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__} within {timeout} s") from None
            if isinstance(arrived, Call):
                arrived.run()
            elif isinstance(arrived, Arrival) and isinstance(arrived.event, kind):
                return arrived

    def leave(self) -> None:
        self.broker.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def till(mosquitto):
    till = Till(mosquitto)
    till.hear(events.BrokerConnected)
    yield till
    till.leave()


def ring(ears: Ears, identity: int) -> None:
    ears.say(f"tills/{TILL}/orders", json.dumps({"v": 1, "kind": "merchant_order", "id": identity}))


def test_a_doorbell_becomes_an_event(till, ears):
    ring(ears, 7)
    assert till.hear(events.DoorbellRang).event == events.DoorbellRang(events.Kind.MERCHANT_ORDER, "7")


def test_a_session_where_nothing_happens_is_left_alone(till, ears):
    """And what comes after a rest is heard and said at once."""
    status = Path(f"/proc/self/task/{till.thread.native_id}/status")

    def wakeups() -> int:
        [line] = [line for line in status.read_text().splitlines() if line.startswith("voluntary")]
        return int(line.split()[1])

    time.sleep(1)  # the answers to the subscription
    before = wakeups()
    time.sleep(MAX_REST_S)
    assert wakeups() - before <= 2
    began = time.monotonic()
    ring(ears, 7)
    till.hear(events.DoorbellRang).settle()
    till.broker.report(1, duties.Report(duties.Outcome.PRINTED))
    till.hear(events.ReportDelivered)
    assert time.monotonic() - began < 1


def test_what_was_not_settled_rings_again_at_the_next_connection(mosquitto, ears):
    """A crash between the message and the journal's commit."""
    first = Till(mosquitto)
    first.hear(events.BrokerConnected)
    ring(ears, 1)
    ring(ears, 2)
    first.hear(events.DoorbellRang).settle()
    first.hear(events.DoorbellRang)
    first.leave()
    second = Till(mosquitto)
    assert second.hear(events.DoorbellRang).event.id == "2"
    second.leave()


def test_what_rang_while_we_were_away_is_heard(mosquitto, ears):
    first = Till(mosquitto)
    first.hear(events.BrokerConnected)
    first.leave()
    ring(ears, 3)
    second = Till(mosquitto)
    assert second.hear(events.DoorbellRang).event.id == "3"
    second.leave()


def test_an_acknowledgement_is_never_sent_on_another_connection(mosquitto, till, ears):
    ring(ears, 4)
    stale = till.hear(events.DoorbellRang)
    mosquitto.kill()
    till.hear(events.BrokerLost)
    mosquitto.start()
    till.hear(events.BrokerConnected)
    stale.settle()
    ears.close()
    again = Ears(mosquitto.host, mosquitto.port)
    ring(again, 5)
    assert till.hear(events.DoorbellRang).event.id in ("4", "5")
    again.close()


def test_the_status_is_retained_and_published_only_when_it_changes(till, ears):
    for state in ("ready", "ready", "waiting", "waiting"):
        till.broker.show({"state": state})
    topic = f"tills/{TILL}/status"
    wait_for(lambda: ears.on(topic)[-1:] and ears.on(topic)[-1].get("state") == "waiting", "the status")
    assert [status.get("state") for status in ears.on(topic)] == ["ready", "waiting"]
    late = Ears(till.broker._config.host, till.broker._config.port)
    wait_for(lambda: late.retained.get(topic), "the retained status")
    assert json.loads(late.retained[topic])["version"] == "1.2.3"
    late.close()


def test_a_count_that_changes_all_the_time_is_not_told_all_the_time(till, ears):
    topic = f"tills/{TILL}/status"
    for count in range(1000):
        till.broker.show({"state": "ready", "dropped_messages": count})
    till.broker.show({"state": "waiting", "dropped_messages": 1000})
    wait_for(lambda: ears.on(topic)[-1:] and ears.on(topic)[-1].get("dropped_messages") == 1000, "the new state")
    assert len(ears.on(topic)) < 10


def test_a_farewell_says_offline(mosquitto, ears):
    till = Till(mosquitto)
    till.hear(events.BrokerConnected)
    till.broker.show({"state": "ready"})
    till.leave()
    topic = f"tills/{TILL}/status"
    wait_for(lambda: ears.on(topic)[-1:] == [{"v": 1, "state": "offline"}], "the will")


def test_a_report_is_delivered_once_the_broker_has_it(till, ears):
    till.broker.report(9, duties.Report(duties.Outcome.REJECTED, "R1", "77", "refunded"))
    assert till.hear(events.ReportDelivered).event.number == 9
    wait_for(lambda: ears.on(f"tills/{TILL}/tickets"), "the report")
    assert ears.on(f"tills/{TILL}/tickets") == [
        {"v": 1, "external_reference": "R1", "outcome": "rejected", "merchant_order": "77", "reason": "refunded"}
        | NO_SALE
    ]


def test_reports_and_statuses_at_the_same_time_do_not_wait_for_each_other(till):
    """A lock of ours met one of paho's here once, and the lights stood still."""
    for number in range(1, 300):
        till.broker.show({"state": f"state {number}"})
        till.broker.report(number, duties.Report(duties.Outcome.PRINTED, "R1", "77"))
        assert till.hear(events.ReportDelivered).event.number == number


def test_a_report_made_while_the_broker_is_away_comes_when_it_is_back(mosquitto, till):
    mosquitto.stop()
    till.hear(events.BrokerLost)
    till.broker.report(3, duties.Report(duties.Outcome.PRINTED, "R1", "77"))
    mosquitto.start()
    assert till.hear(events.ReportDelivered, timeout=20).event.number == 3


def test_the_relays_presence_is_heard(till, ears):
    for state in ("online", "offline"):
        ears.say("relay/status", json.dumps({"v": 1, "state": state}))
        assert till.hear(events.RelaySeen).event.online is (state == "online")


def test_a_wrong_password_is_said_in_words(tmp_path):
    strict = Mosquitto(tmp_path / "strict", anonymous=False).start()
    till = Till(strict, username="CAJA01", password=Secret("wrong"))
    why = till.hear(events.BrokerLost).event.why
    assert "broker.username" in why
    assert "wrong" not in why
    till.leave()
    strict.close()


def test_nobody_there_is_said_with_the_address(mosquitto):
    mosquitto.stop()
    till = Till(mosquitto)
    assert f"{mosquitto.host}:{mosquitto.port}" in till.hear(events.BrokerLost).event.why
    till.leave()
