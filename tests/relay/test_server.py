"""The relay as a server: who is slow keeps nobody waiting, it says how it is, and it ends in good order."""

import contextlib
import functools
import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from relay.addresses import secret_of
from relay.web.server import MAX_CONNECTIONS, _listener
from sim.mosquitto import Mosquitto, accepts
from sim.network import free_port
from tests.support.relays import FEED, KEY, PATIENCE, ROOT, begin_slow_request, subscribed, wait_until

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow


# --- who is slow keeps nobody waiting --------------------------------------------------------------------------------

HALF_A_HEAD = b"POST /mp/CAJA01/x HTTP/1.1\r\nHost: relay\r\nX-Slow: "
SHORT_EXCHANGE = "import relay.web.server; relay.web.server.EXCHANGE_TIMEOUT_S = 2.0"


def ends(connection: socket.socket) -> bool:
    """Wait for the other side to hang up; False if it keeps the line open."""
    try:
        while connection.recv(1024):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("sent", [b"", b"P", HALF_A_HEAD], ids=["nothing", "a byte", "half a head"])
def test_more_slow_clients_than_there_is_room_for_block_nobody(relay, till, sent):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(relay.connect()) for _ in range(MAX_CONNECTIONS + 50)]
        for connection in slow:
            with contextlib.suppress(ConnectionError):  # the first had to make room already
                connection.sendall(sent)
        assert relay.notify() == 201
        slow[0].settimeout(2)  # it has happened already
        assert ends(slow[0]), "there is room for all of them?"
    assert till.next()["id"] == "31415926535"


def test_a_connection_that_is_being_served_makes_no_room_for_others(relay, till):
    with relay.connect() as served, contextlib.ExitStack() as stack:
        body = begin_slow_request(served, relay)
        for _ in range(MAX_CONNECTIONS + 50):
            stack.enter_context(relay.connect())
        assert relay.notify({"topic": "payment", "resource": "2"}) == 201
        served.sendall(body)
        assert served.recv(1024).startswith(b"HTTP/1.1 201 ")
    assert [till.next()["id"], till.next()["id"]] == ["2", "31415926535"]


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD], ids=["nothing", "half a head"])
def test_a_head_that_does_not_come_ends_the_connection(broker, start_relay, sent):
    relay = start_relay(broker.port, hurry=SHORT_EXCHANGE)
    wait_until(relay.listens, "the relay listens")
    with relay.connect() as slow:
        slow.sendall(sent)
        assert ends(slow)


def test_a_second_head_that_does_not_come_ends_the_connection_too(broker, start_relay):
    relay = start_relay(broker.port, hurry=SHORT_EXCHANGE)
    wait_until(relay.listens, "the relay listens")
    with relay.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n" + HALF_A_HEAD)
        assert slow.recv(1024).startswith(b"HTTP/1.1 404 ")
        assert ends(slow)


def test_who_asks_without_end_and_reads_no_answer_is_hung_up_on(broker, start_relay):
    relay = start_relay(broker.port, hurry=SHORT_EXCHANGE)
    wait_until(relay.listens, "the relay listens")
    with relay.connect() as deaf, pytest.raises(ConnectionError):
        ask_without_end(deaf)


def ask_without_end(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n" * 1000)


def test_a_connection_may_rest_between_two_requests(broker, start_relay):
    relay = start_relay(broker.port, hurry=SHORT_EXCHANGE)
    wait_until(relay.listens, "the relay listens")
    resting = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=PATIENCE)
    resting.connect()
    resting.auto_open = False
    with contextlib.closing(resting), relay.connect() as slow:
        assert status_of(resting) == 404
        assert ends(slow), "the time of one exchange has passed"
        assert status_of(resting) == 404


def status_of(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_an_answer_is_not_held_back_until_the_first_part_of_it_is_confirmed():
    with (
        _listener("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# --- who comes too often ----------------------------------------------------------------------------------------------


def test_an_address_that_is_used_without_end_does_not_keep_the_relay_from_the_others(relay, shared_broker):
    with subscribed(shared_broker, "tills/CAJA07/orders") as till, ThreadPoolExecutor(8) as senders:
        payments = [{"topic": "payment", "resource": str(number)} for number in range(1, 301)]
        codes = list(senders.map(lambda payment: relay.notify(payment, till="CAJA07"), payments))
        assert set(codes) == {201, 429}
        assert codes.count(201) >= 100, "a burst is allowed"
        assert relay.notify(till="CAJA08") == 201
        till.say("tills/CAJA07/ping", b'{"v":1,"id":"the-end"}')
        heard = [till.next()["id"]]
        while heard[-1] != "the-end":
            heard.append(till.next()["id"])
        assert len(heard) - 1 == codes.count(201)


def test_wrong_secrets_do_not_use_up_what_the_till_may(relay):
    address = f"{relay.url}/mp/CAJA09/{'a' * 32}"
    with ThreadPoolExecutor(8) as senders:
        assert set(senders.map(lambda _: requests.post(address, timeout=PATIENCE).status_code, range(150))) == {404}
    assert relay.notify(till="CAJA09") == 201


# --- how it is --------------------------------------------------------------------------------------------------------


def health(relay) -> tuple[int, str]:
    answer = requests.get(relay.url + "/health", timeout=PATIENCE)
    return answer.status_code, answer.json()["broker"]


def test_health_is_200_while_the_broker_takes_messages(relay):
    assert health(relay) == (200, "takes messages")


def test_health_says_that_there_is_no_broker(start_relay):
    relay = start_relay(free_port())
    wait_until(relay.listens, "the relay listens")
    assert health(relay) == (503, "there is no connection to the broker")


def test_health_notices_a_broker_that_is_connected_and_silent(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    os.kill(broker.pid, signal.SIGSTOP)
    assert health(relay) == (503, "the broker did not acknowledge within 4 seconds")
    os.kill(broker.pid, signal.SIGCONT)
    relay.wait_until_healthy()


def test_health_notices_a_broker_that_forbids_doorbells(start_relay):
    with Mosquitto(acl="topic read #\ntopic readwrite relay/status\n") as broker:
        relay = start_relay(broker.port)
        wait_until(relay.listens, "the relay listens")
        wait_until(lambda: relay.metric("till_relay_broker_connected") == 1, "the relay is connected")
        assert health(relay) == (503, "the broker refused it: Not authorized")


def test_many_who_ask_for_health_burden_a_silent_broker_with_one_message(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    os.kill(broker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(20) as askers:
        answers = [askers.submit(health, relay) for _ in range(20)]
        wait_until(lambda: relay.metric("till_relay_unacknowledged") > 0, "the first one asks")
        assert relay.metric("till_relay_unacknowledged") == 1
        assert {answer.result()[0] for answer in answers} == {503}
    os.kill(broker.pid, signal.SIGCONT)


def test_metrics_count_what_came_and_what_became_of_it(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    with subscribed(broker):
        assert [relay.notify(), relay.notify({"topic": "payment", "resource": "7"}), relay.notify({})] == [
            201,
            201,
            200,
        ]
        assert requests.post(relay.url + "/mp/CAJA01/x", timeout=PATIENCE).status_code == 404
        assert requests.post(relay.url + relay.seller_path(), json=FEED, timeout=PATIENCE).status_code == 201
    count = functools.partial(relay.metric, "till_relay_notifications_total")
    assert count(kind="merchant_order", answer="201") == 2
    assert count(kind="payment", answer="201") == 1
    assert count(kind="", answer="200") == count(kind="", answer="404") == 1
    assert relay.metric("till_relay_doorbells_total", address="till") == 2
    assert relay.metric("till_relay_doorbells_total", address="seller") == 1
    assert relay.metric("till_relay_doorbells_unheard_total") == 1, "nobody listens for the seller"
    assert relay.metric("till_relay_puback_seconds_count") == 3
    assert relay.metric("till_relay_broker_connected") == 1
    assert relay.metric("till_relay_signatures_total", result="absent") == 4


def test_metrics_name_no_till_and_no_secret(relay):
    assert relay.notify() == 201
    text = requests.get(relay.url + "/metrics", timeout=PATIENCE).text
    assert "till_relay_notifications_total" in text
    assert "CAJA" not in text
    assert secret_of("CAJA01", KEY.encode()) not in text


def test_metrics_know_that_the_broker_is_gone(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    broker.stop()
    wait_until(lambda: relay.metric("till_relay_broker_connected") == 0, "the relay knows")
    assert relay.notify() == 503
    assert relay.metric("till_relay_notifications_total", kind="merchant_order", answer="503") == 1


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_that_is_told_to_stop_says_offline_and_exits_0(broker, start_relay, number):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    relay.process.send_signal(number)
    assert relay.process.wait(PATIENCE) == 0
    assert "Traceback" not in relay.log
    with subscribed(broker, "relay/status") as status:
        assert status.next() == {"v": 1, "state": "offline"}


def test_a_relay_without_a_broker_stops_as_well(start_relay):
    relay = start_relay(free_port())
    wait_until(relay.listens, "the relay listens")
    assert relay.terminate() == 0


def test_a_request_that_was_accepted_is_finished_before_the_end(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    with (
        subscribed(broker) as till,
        socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as connection,
    ):
        body = begin_slow_request(connection, relay)
        relay.process.terminate()
        wait_until(lambda: not accepts("127.0.0.1", relay.port), "the relay accepts no more")
        connection.sendall(body)
        assert connection.recv(1024).startswith(b"HTTP/1.1 201 ")
        assert till.next()["id"] == "31415926535"
    assert relay.process.wait(PATIENCE) == 0


def test_what_waits_for_the_broker_is_published_before_the_end(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    orders = [str(number) for number in range(20)]
    with subscribed(broker) as till, ThreadPoolExecutor(len(orders)) as senders:
        os.kill(broker.pid, signal.SIGSTOP)
        codes = [senders.submit(relay.notify, {"topic": "merchant_order", "resource": order}) for order in orders]
        wait_until(lambda: relay.metric("till_relay_unacknowledged") == len(orders), "all of them wait")
        relay.process.terminate()
        wait_until(lambda: not accepts("127.0.0.1", relay.port), "the relay accepts no more")
        os.kill(broker.pid, signal.SIGCONT)
        assert {code.result() for code in codes} == {201}
        assert sorted((till.next()["id"] for _ in orders), key=int) == orders
    assert relay.process.wait(PATIENCE) == 0


def test_a_relay_that_is_stopped_under_load_loses_nothing_that_it_took(broker, start_relay):
    relay = start_relay(broker.port)
    relay.wait_until_healthy()
    with subscribed(broker, "tills/+/orders") as tills, ThreadPoolExecutor(8) as senders:
        taken = [senders.submit(notify_until_the_end, relay, sender) for sender in range(8)]
        heard = {tills.next()["id"] for _ in range(50)}
        assert relay.terminate() == 0
        owed = {order for future in taken for order in future.result()}
        while owed - heard:
            heard.add(tills.next()["id"])


def notify_until_the_end(relay, sender: int) -> list[str]:
    """Notify without a pause, and return the orders that were answered 201."""
    taken: list[str] = []
    with contextlib.suppress(requests.ConnectionError):
        for number in itertools.count():
            order = f"{sender}{number:06}"
            if relay.notify({"topic": "merchant_order", "resource": order}, till=f"CAJA{number}") == 201:
                taken.append(order)
    return taken


THREAD_WITH_A_BUG = """
import sys, threading, time
from relay.__main__ import main
from sim.mosquitto import accepts

def work():
    while not accepts("127.0.0.1", int(sys.argv[2])):
        time.sleep(0.02)
    raise ZeroDivisionError("the bug")

threading.Thread(target=work, daemon=True).start()
sys.exit(main(["run", "--config", sys.argv[1]]))
"""


def test_a_thread_that_ends_by_a_bug_ends_the_relay_loudly(broker, start_relay):
    relay = start_relay(broker.port)
    relay.kill()
    command = [sys.executable, "-c", THREAD_WITH_A_BUG, str(relay.config), str(relay.port)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "ZeroDivisionError: the bug" in ended.stderr


def test_a_port_that_is_taken_is_said(broker, start_relay):
    relay = start_relay(broker.port, port=broker.port)
    assert relay.process.wait(PATIENCE) == 1
    assert f"can't listen on 127.0.0.1 port {broker.port}: Address already in use" in relay.log
