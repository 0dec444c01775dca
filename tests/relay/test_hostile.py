"""A hostile world, over raw sockets, against the relay's own process: each request gets what the table says.

Whatever came, nothing rings that should not, the relay serves the next one, and its memory does not grow.
"""

import contextlib
import itertools
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from relay.web.app import HEALTH_TILL, MAX_BODY_BYTES
from tests.support.hostile import HUNG_UP, ROWS, Row, order
from tests.support.relays import subscribed

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow

GROWTH = 32 * 1024 * 1024
"""Bytes. What Python keeps for itself after the first time."""
marks = itertools.count(10**9)


def aimed(row: Row, relay, till: str) -> bytes:
    """The request of a row, for this till."""
    path = relay.path(till)
    names = {
        "ESCAPED": path.replace("/mp/" + till + "/", "/mp/" + till + "%2F"),
        "CAPITALS": path[: path.rindex("/")] + path[path.rindex("/") :].upper(),
        "OTHER": relay.path("OTHER"),
        "PATH": path,
    }
    request = row.request
    for name, meaning in names.items():
        request = request.replace(name.encode(), meaning.encode())
    return request


def answer(relay, request: bytes) -> int:
    """Send it and return the status of the first answer."""
    with relay.connect() as connection:
        with contextlib.suppress(ConnectionError):  # it may have seen enough
            connection.sendall(request)
        try:
            line = connection.makefile("rb").readline()
        except ConnectionResetError:
            return HUNG_UP
    return int(line.split()[1]) if line else HUNG_UP


@pytest.fixture(scope="module")
def everything(shared_broker):
    """All that anybody could hear."""
    with subscribed(shared_broker, "#") as subscriber:
        yield subscriber


def heard(everything, relay) -> list[tuple[str, str]]:
    """What rang so far: the topics, and the ids. The relay proves that it still serves."""
    mark = str(next(marks))
    assert relay.notify(order(mark), till=f"MARK{mark[-1]}") == 201
    rung = []
    while (message := everything.next_message()) and json.loads(message.payload).get("id") != mark:
        if not message.topic.startswith(("relay/", f"tills/{HEALTH_TILL}/")):
            rung.append((message.topic, json.loads(message.payload)["id"]))
    return rung


def test_the_table_is_long_enough_and_names_each_row_once():
    assert len({row.name for row in ROWS}) == len(ROWS) >= 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_request_gets_what_the_table_says(relay, everything, row):
    till = f"ROW{ROWS.index(row)}"
    assert answer(relay, aimed(row, relay, till)) == row.status
    assert heard(everything, relay) == ([(f"tills/{till}/orders", row.rings)] if row.rings else [])
    assert "Traceback" not in relay.log


def test_an_address_in_a_notification_is_never_followed(relay):
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/merchant_orders/7"
        assert relay.notify(order(address), till="TRAP") == 201
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_two_hundred_who_send_without_end_at_once_cost_no_memory(relay):
    before = relay.metric("process_resident_memory_bytes")
    with ThreadPoolExecutor(50) as senders:
        codes = list(senders.map(lambda number: endless(relay, f"END{number}"), range(200)))
    assert set(codes) == {413}
    assert relay.metric("process_resident_memory_bytes") - before < GROWTH


def endless(relay, till: str) -> int:
    head = f"POST {relay.path(till)} HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    return answer(relay, head.encode() + chunk * (4 * MAX_BODY_BYTES // 0x8000))


def test_the_whole_table_again_and_again_costs_no_memory(relay):
    send_all(relay, "FIRST")
    before = relay.metric("process_resident_memory_bytes")
    for number in range(5):
        send_all(relay, f"ROUND{number}")
    assert relay.metric("process_resident_memory_bytes") - before < GROWTH
    assert relay.notify() == 201


def send_all(relay, till: str) -> None:
    with ThreadPoolExecutor(8) as senders:
        numbered = enumerate(ROWS)
        list(senders.map(lambda row: answer(relay, aimed(row[1], relay, f"{till}-{row[0]}")), numbered))
