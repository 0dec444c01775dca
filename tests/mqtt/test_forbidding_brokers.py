"""Brokers that forbid one of the till's topics: it goes on without it, says which it is, and isn't thrown out for ever.

One answers and goes on (mosquitto), one hangs up without a word (RabbitMQ 4.0), one hangs up and says why (HiveMQ).
"""

import json

import pytest

from edge.contract.mqtt import RELAY_STATUS, Topics, seller_topic
from edge.core import duties, events
from edge.mqtt import ending, session
from edge.mqtt.rights import ENDINGS, FIRST_PAUSE_S, MAX_PAUSE_S, Rights
from sim.shop import wait_for
from tests.mqtt.test_odd_brokers import Till, till_at
from tests.support.facts import USER
from tests.support.odd_broker import NOT_AUTHORIZED, PUBLISH, Link

TOPICS = Topics("tills", "CAJA01")
OTHERS = (RELAY_STATUS, TOPICS.commands, TOPICS.announcements, seller_topic(USER))
WAYS = [None, NOT_AUTHORIZED]
REPORT = duties.Report(duties.Outcome.PRINTED, "MESA-1")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The till comes back without a pause."""
    monkeypatch.setattr(ending.Streaks, "pause_s", lambda *_: 0.01)


def forbidding(topic: str, code: int | None):
    def talk(link: Link) -> None:
        link.answer_login()
        link.forbid([topic], code)

    return talk


def settles(till: Till) -> None:
    """No session ends any more."""
    with pytest.raises(AssertionError):
        till.hear(events.BrokerLost, timeout=1)


@pytest.mark.parametrize("code", WAYS)
@pytest.mark.parametrize("topic", OTHERS)
def test_a_topic_that_may_not_be_heard_is_done_without_and_is_named(topic, code):
    with till_at(forbidding(topic, code)) as till:
        lost = till.lost()
        assert (lost.trouble, topic in lost.why) == (events.BrokerTrouble.RIGHTS, True)
        missed = till.hear(events.RightMissed)
        assert topic in missed.what
        settles(till)


@pytest.mark.parametrize("topic", OTHERS)
@pytest.mark.parametrize("shows", [False, True])
def test_a_broker_that_hangs_up_at_a_subscription_and_answers_nothing_throws_nobody_out_for_ever(topic, shows):
    def talk(link: Link) -> None:
        link.answer_login()
        link.forbid([topic], None, answers=False)

    with till_at(talk) as till:
        if shows:
            till.broker.show({"state": "ready"})
        for _ in range(4 * ENDINGS):
            if topic in till.lost().why:
                break
        else:
            raise AssertionError("it is thrown out for ever")
        settles(till)


@pytest.mark.parametrize("code", WAYS)
def test_the_doorbells_are_never_done_without(code):
    with till_at(forbidding(TOPICS.orders, code)) as till:
        for _ in range(ENDINGS + 2):
            lost = till.lost()
            assert (lost.trouble, TOPICS.orders in lost.why) == (events.BrokerTrouble.RIGHTS, True)


def test_refused_doorbells_cast_no_suspicion_on_a_report_that_is_under_way():
    sessions = iter(("ends at the report", "refuses the doorbells"))

    def talk(link: Link) -> None:
        match next(sessions, "is well"):
            case "ends at the report":
                link.welcome()
                link.hear(PUBLISH)
            case "refuses the doorbells":
                link.answer_login()
                link.answer_subscription(NOT_AUTHORIZED)
                link.wait()
            case _:
                link.answer_login()
                link.forbid([], None)

    with till_at(talk) as till:
        till.hear(events.BrokerConnected)
        till.broker.report(1, REPORT)
        assert till.lost().trouble is events.BrokerTrouble.LOST
        lost = till.lost()
        assert (lost.trouble, TOPICS.orders in lost.why) == (events.BrokerTrouble.RIGHTS, True)
        assert TOPICS.tickets not in lost.why
        assert till.hear(events.ReportDelivered, events.ReportRefused) == events.ReportDelivered(1)


@pytest.mark.parametrize("code", WAYS)
def test_a_report_that_may_not_be_said_is_refused_and_not_offered_again(code):
    with till_at(forbidding(TOPICS.tickets, code)) as till:
        till.hear(events.BrokerConnected)
        till.broker.report(1, REPORT)
        refused = till.hear(events.ReportRefused)
        assert refused.number == 1
        till.hear(events.BrokerConnected)
        till.broker.report(2, REPORT)
        while TOPICS.tickets not in till.hear(events.ReportRefused).why:
            till.broker.report(2, REPORT)  # it may have been any of several at first
        settles(till)


@pytest.mark.parametrize("code", WAYS)
def test_a_status_that_may_not_be_said_is_told_apart_from_what_leaves_with_it(code):
    with till_at(forbidding(TOPICS.status, code)) as till:
        till.broker.show({"state": "ready"})
        connections = 0
        while TOPICS.status not in getattr(event := till.hear(events.BrokerConnected, events.BrokerLost), "why", ""):
            if isinstance(event, events.BrokerConnected):
                connections += 1
                assert connections <= 2 * ENDINGS, "nobody said what is forbidden"
                till.broker.ping(1)
                till.broker.report(1, REPORT)
        assert TOPICS.status in till.hear(events.RightMissed).what
        till.broker.report(2, REPORT)
        while till.hear(events.ReportDelivered).number != 2:
            pass
        settles(till)


def test_an_answer_goes_to_our_own_topic_whatever_was_asked_for():
    heard = []

    def talk(link: Link) -> None:
        link.welcome()
        while message := link.hear(PUBLISH):
            heard.append(message[2 : 2 + int.from_bytes(message[:2], "big")].decode())

    with till_at(talk) as till:
        till.hear(events.BrokerConnected)
        to = duties.ReplyTo("somebody/else", b"1")
        till.broker.reply(duties.Reply(to, duties.Command.IDENTIFY, True, "the lights wave"), {})
        wait_for(lambda: heard, "an answer")
        assert heard == [TOPICS.answers]


def test_a_status_is_repeated_for_whoever_has_not_heard_it(monkeypatch):
    monkeypatch.setattr(session, "MAX_REST_S", 0.05)
    monkeypatch.setattr(session.wire, "REPEAT_EVERY_S", 0.2)
    heard = []

    def talk(link: Link) -> None:
        link.welcome()
        while message := link.hear(PUBLISH):
            length = int.from_bytes(message[:2], "big")
            heard.append(json.loads(message[5 + length :]))

    with till_at(talk) as till:
        till.broker.show({"state": "ready"})
        wait_for(lambda: len(heard) >= 3, "the same status again")
        assert {(each["state"], each["repeated_every_s"]) for each in heard} == {("ready", 0.2)}
        assert all(each["at"] for each in heard)


# --- what may be concluded -----------------------------------------------------------------------------------------


def ended(rights_: Rights, *topics: str, said: bool = False) -> str:
    return rights_.ended(frozenset(topics), said, 0.0)


def test_one_ending_without_a_word_proves_nothing():
    rights_ = Rights()
    assert [ended(rights_, "a") for _ in range(ENDINGS)] == ["", "", "a"]


def test_another_ending_between_proves_that_it_was_something_else():
    rights_ = Rights()
    ended(rights_, "a")
    ended(rights_, "a")
    rights_.ended_otherwise()
    assert ended(rights_, "a") == ""
    assert ended(rights_, "b") == ""
    assert ended(rights_, "a") == ""


def test_what_was_unanswered_each_time_did_it():
    rights_ = Rights()
    assert [ended(rights_, "a", "b"), ended(rights_, "b", "c"), ended(rights_, "b")] == ["", "", "b"]


def test_if_it_may_have_been_several_they_go_one_by_one():
    rights_ = Rights()
    for _ in range(ENDINGS):
        assert ended(rights_, "a", "b") == ""
    assert rights_.careful
    assert ended(rights_, "b") == "b"
    assert not rights_.careful


def test_what_is_forbidden_is_tried_again_and_then_later_and_later():
    rights_ = Rights()
    ended(rights_, "a", said=True)
    assert rights_.forbids("a", FIRST_PAUSE_S - 1)
    assert not rights_.forbids("a", FIRST_PAUSE_S)
    assert ended(rights_, "a") == "a", "it is known, so that once is enough"
    assert rights_.forbids("a", FIRST_PAUSE_S)
    for _ in range(10):
        ended(rights_, "a")
    assert not rights_.forbids("a", MAX_PAUSE_S)


def test_nothing_unanswered_is_nothing_forbidden():
    rights_ = Rights()
    assert [ended(rights_) for _ in range(2 * ENDINGS)] == [""] * 2 * ENDINGS
