"""Brokers that refuse, say nothing, hang up or speak another language: what the till says of them is what is known."""

import gc
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge.config.schema import BrokerConfig, TlsConfig
from edge.contract.reason_codes import FIRST_FAILURE, OLD_LOGIN_CODES, REASON_CODES, Refusal, reason
from edge.core import duties, events
from edge.core.events import BrokerTrouble as Trouble
from edge.inbox import Arrival, Call, Inbox
from edge.mqtt import session
from edge.mqtt.ending import MAX_IN_A_ROW
from edge.mqtt.session import MqttBroker
from tests.support.facts import USER
from tests.support.odd_broker import CONNECT, Link, OddBroker, Talk

UNKNOWN = (0x7F, 0xA3, 0xFE)
"""No standard has these."""
TROUBLES = {
    Refusal.CREDENTIALS: Trouble.CREDENTIALS,
    Refusal.UNFIT: Trouble.UNFIT,
    Refusal.BUSY: Trouble.BUSY,
    Refusal.UNKNOWN: Trouble.REFUSED,
}


class Till:
    """A till's session at an odd broker, and what it hears."""

    def __init__(self, broker: OddBroker, tls: TlsConfig | None = None) -> None:
        self._inbox: Inbox = Inbox()
        config = BrokerConfig(host=broker.host, port=broker.port, tls=tls)
        self.broker = MqttBroker(config, "CAJA01", USER, "1.2.3", self._inbox)
        self._thread = threading.Thread(target=self.broker.loop, daemon=True)
        self._thread.start()

    def hear(self, *kinds: type, timeout: float = 20) -> events.Event:
        """The next event of these kinds."""
        while True:
            try:
                arrived = self._inbox.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"none of {kinds} within {timeout} s") from None
            if isinstance(arrived, Call):
                arrived.run()
            elif isinstance(arrived, Arrival) and isinstance(arrived.event, kinds):
                return arrived.event

    def lost(self) -> events.BrokerLost:
        event = self.hear(events.BrokerLost)
        assert isinstance(event, events.BrokerLost)
        return event

    def leave(self) -> None:
        self.broker.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def till_at(talk: Talk, tls: TlsConfig | None = None) -> Iterator[Till]:
    with OddBroker(talk) as broker:
        till = Till(broker, tls)
        yield till
        till.leave()
        del till
        gc.collect()  # paho's clients are in circles, and each has files open


def says_number(lost: events.BrokerLost, number: int) -> bool:
    return f"(0x{number:02X})" in lost.why


# --- refusals ------------------------------------------------------------------------------------------------------

LOGIN_CODES = [code for code in REASON_CODES if reason(code).refusal is not Refusal.TAKEN_OVER]


@pytest.mark.parametrize("code", [*LOGIN_CODES, *UNKNOWN], ids=hex)
def test_a_refused_login_is_told_by_its_kind_and_number(code):
    with till_at(lambda link: link.answer_login(code)) as till:
        lost = till.lost()
    assert lost.trouble is TROUBLES[reason(code).refusal]
    assert says_number(lost, code)
    assert ("password_file" in lost.why) == (lost.trouble is Trouble.CREDENTIALS)


@pytest.mark.parametrize("code", OLD_LOGIN_CODES)
def test_a_code_of_an_older_standard_is_understood(code):
    with till_at(lambda link: link.answer_login(code)) as till:
        lost = till.lost()
    assert lost.trouble is TROUBLES[reason(OLD_LOGIN_CODES[code]).refusal]
    assert says_number(lost, OLD_LOGIN_CODES[code])


@pytest.mark.parametrize("code", OLD_LOGIN_CODES)
def test_a_broker_of_an_older_standard_is_told_as_that(code):
    """Those that read our version first answer 1. Of the others' answers the library gives us no code."""
    with till_at(lambda link: link.write(bytes([0x20, 2, 0, code])) if link.hear(CONNECT) else None) as till:
        lost = till.lost()
    assert lost.trouble is (Trouble.UNFIT if code == 1 else Trouble.NO_MQTT)
    assert "older standard" in lost.why or "unsupported protocol version" in lost.why


@pytest.mark.parametrize("code", [*LOGIN_CODES, *UNKNOWN[1:]], ids=hex)
def test_a_refused_subscription_is_no_refused_login(code):
    def talk(link: Link) -> None:
        link.answer_login()
        link.answer_subscription(code)
        link.wait()

    with till_at(talk) as till:
        lost = till.lost()
    expected = TROUBLES[reason(code).refusal]
    assert lost.trouble is (Trouble.RIGHTS if expected is Trouble.CREDENTIALS else expected)
    assert "tills/CAJA01/orders" in lost.why
    assert says_number(lost, code)
    assert "password" not in lost.why.replace(reason(code).name, "")


@pytest.mark.parametrize("code", [0x00, *REASON_CODES, *UNKNOWN], ids=hex)
def test_who_is_sent_away_says_for_what(code):
    def talk(link: Link) -> None:
        link.welcome()
        link.send_away(code)

    with till_at(talk) as till:
        lost = till.lost()
    expected = {
        Refusal.UNKNOWN: Trouble.LOST,
        Refusal.CREDENTIALS: Trouble.RIGHTS,
        Refusal.TAKEN_OVER: Trouble.TAKEN_OVER,
    }
    known = reason(code).refusal
    assert lost.trouble is (expected.get(known) or TROUBLES[known])
    assert says_number(lost, code) or code == 0


@pytest.mark.parametrize("code", [0x80, 0x87, 0x97, 0xFE], ids=hex)
def test_a_refused_report_is_not_delivered(code):
    def talk(link: Link) -> None:
        link.welcome()
        link.refuse_messages(code)

    with till_at(talk) as till:
        till.hear(events.BrokerConnected)
        till.broker.report(7, duties.Report(duties.Outcome.PRINTED, "R1", "77"))
        heard = till.hear(events.ReportDelivered, events.ReportRefused)
    assert heard == events.ReportRefused(7, str(reason(code)))


@pytest.mark.parametrize("code", [0x00, 0x10], ids=hex)
def test_a_report_that_nobody_subscribes_to_is_delivered(code):
    def talk(link: Link) -> None:
        link.welcome()
        link.refuse_messages(code)

    with till_at(talk) as till:
        till.hear(events.BrokerConnected)
        till.broker.report(7, duties.Report(duties.Outcome.PRINTED, "R1", "77"))
        assert till.hear(events.ReportDelivered, events.ReportRefused) == events.ReportDelivered(7)


def test_each_code_of_the_standard_has_one_meaning():
    assert set(REASON_CODES) == set(range(FIRST_FAILURE, 0xA3))
    assert len({code.name for code in REASON_CODES.values()}) == len(REASON_CODES)


# --- nobody speaks, or in another language -------------------------------------------------------------------------


def login_only(link: Link) -> None:
    link.answer_login()
    link.wait()


@pytest.mark.parametrize("talk", [Link.wait, login_only])
def test_who_accepts_and_says_nothing_is_told_as_mute(talk, monkeypatch):
    monkeypatch.setattr(session, "ANSWER_TIMEOUT_S", 1.0)
    with till_at(talk) as till:
        lost = till.lost()
    assert lost.trouble is Trouble.MUTE
    assert "firewall" in lost.why
    assert "password" not in lost.why


def test_who_says_nothing_in_tls_is_told_as_mute(monkeypatch):
    monkeypatch.setattr(session, "CONNECT_TIMEOUT_S", 1.0)
    with till_at(Link.wait, TlsConfig()) as till:
        assert till.lost().trouble is Trouble.MUTE


@pytest.mark.parametrize("words", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 50])
def test_who_speaks_another_language_is_told_as_no_broker(words):
    def talk(link: Link) -> None:
        link.write(words * 20)
        link.wait()

    with till_at(talk) as till:
        lost = till.lost()
    assert lost.trouble is Trouble.NO_MQTT
    assert "password" not in lost.why


# --- who ends our sessions again and again ---------------------------------------------------------------------------


def before_the_login(link: Link) -> None:
    link.hear(CONNECT)


def before_the_subscription(link: Link) -> None:
    link.answer_login()


def after_it(link: Link) -> None:
    link.welcome()


def without_a_reason(link: Link) -> None:
    link.welcome()
    link.send_away(0x00)


@pytest.mark.slow
@pytest.mark.parametrize("talk", [before_the_login, before_the_subscription, after_it, without_a_reason])
def test_a_broker_that_hangs_up_is_told_as_that_and_not_as_twins(talk):
    with till_at(talk) as till:
        lost = [till.lost().trouble for _ in range(MAX_IN_A_ROW + 1)]
    assert lost == [*[Trouble.LOST] * (MAX_IN_A_ROW - 1), Trouble.HANGS_UP, Trouble.HANGS_UP]


@pytest.mark.slow
def test_only_a_broker_that_says_taken_over_makes_twins():
    def talk(link: Link) -> None:
        link.welcome()
        link.send_away(0x8E)

    with till_at(talk) as till:
        lost = [till.lost() for _ in range(MAX_IN_A_ROW)]
    assert [each.trouble for each in lost] == [*[Trouble.TAKEN_OVER] * (MAX_IN_A_ROW - 1), Trouble.TWINS]
    assert "two devices" in lost[-1].why
