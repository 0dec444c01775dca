"""The relay as it ships: its own process, a real broker, real HTTP, and a till that is a real subscriber.

What comes in by HTTP becomes a doorbell, or does not.
"""

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

import pytest
import requests

from relay.addresses import secret_of
from sim.mercadopago import Habits, MercadoPago
from tests.support.relays import FEED, KEY, PATIENCE, RelayProcess, begin_slow_request, subscribed, wait_until

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow


# --- a notification becomes a doorbell --------------------------------------------------------------------------------


def test_the_printed_address_works(relay, till):
    answer = requests.post(relay.address(), json=FEED, timeout=PATIENCE)
    assert answer.status_code == 201
    assert till.next()["id"] == "31415926535"


def test_a_doorbell_says_no_more_than_where_to_look(relay, till):
    body = {**FEED, "resource": "http://evil.example/merchant_orders/31415926535", "status": "closed", "amount": 5350.5}
    headers = {"x-request-id": "2f1c0000-0000-4000-8000-000000000000"}
    assert requests.post(relay.url + relay.path(), json=body, headers=headers, timeout=PATIENCE).status_code == 201
    doorbell = till.next()
    assert doorbell.pop("received_at").endswith("+00:00")
    assert doorbell == {"v": 1, "kind": "merchant_order", "id": "31415926535", "request_id": headers["x-request-id"]}


def test_get_rings_as_post_does(relay, till):
    answer = requests.get(relay.url + relay.path() + "?topic=payment&id=98000000002", timeout=PATIENCE)
    assert answer.status_code == 201
    assert (till_heard := till.next())["kind"] == "payment"
    assert till_heard["id"] == "98000000002"


def test_a_broken_body_does_not_spoil_a_good_query(relay, till):
    answer = requests.post(relay.url + relay.path() + "?data.id=98000000002&type=payment", b"\xff{", timeout=PATIENCE)
    assert answer.status_code == 201
    assert till.next()["id"] == "98000000002"


def test_both_channels_ring_for_the_same_payment(relay, till):
    assert relay.notify({"resource": "98000000002", "topic": "payment"}) == 201
    assert relay.notify({"type": "payment", "id": 7, "data": {"id": "98000000002"}}) == 201
    assert [till.next()["id"], till.next()["id"]] == ["98000000002", "98000000002"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        json.dumps({"topic": "payment", "resource": "123456"}).encode(),
    ],
    ids=["empty", "an empty object", "test button"],
)
def test_what_names_nothing_is_answered_200_and_rings_nobody(relay, till, body):
    assert requests.post(relay.url + relay.path(), body, timeout=PATIENCE).status_code == 200
    assert relay.notify({"topic": "payment", "resource": "98000000003"}) == 201
    assert till.next()["id"] == "98000000003", "something rang before"


def test_what_the_relay_does_not_understand_rings_all_the_same(relay, till):
    assert relay.notify({"type": "stop_delivery_op_wh"}) == 201
    assert (heard := till.next())["kind"] == "look"
    assert heard["id"] == "stop_delivery_op_wh"


def test_an_empty_body_with_ids_in_the_query_rings(relay, till):
    answer = requests.post(relay.url + relay.path() + "?id=98000000002&type=payment", timeout=PATIENCE)
    assert answer.status_code == 201
    assert (heard := till.next())["kind"] == "payment"
    assert heard["id"] == "98000000002"


def test_each_till_hears_only_its_own_doorbells(relay, till):
    assert relay.notify({"topic": "payment", "resource": "98000000004"}, till="CAJA02") == 201
    assert relay.notify({"topic": "payment", "resource": "98000000005"}, till="CAJA01") == 201
    assert till.next()["id"] == "98000000005"


def test_a_till_that_nobody_installed_is_told_of_in_the_log(relay):
    assert relay.notify(till="CAJA-NEW") == 201
    assert "nobody is subscribed to tills/CAJA-NEW/orders" in relay.log


def test_a_signature_is_reported_and_nothing_depends_on_it(shared_broker, start_relay, tmp_path):
    (tmp_path / "panel").write_text(KEY[::-1])
    relay = start_relay(shared_broker.port, more=f"signature_secret_file: {tmp_path}/panel\n")
    relay.wait_until_healthy()
    signature = f"ts={int(time.time())},v1="
    manifest = f"id:98000000002;request-id:abc;{signature[:-4].replace('=', ':')};"
    good = hmac.new(KEY[::-1].encode(), manifest.encode(), hashlib.sha256).hexdigest()
    for digest in (good, "0" * 64):
        headers = {"x-signature": signature + digest, "x-request-id": "abc"}
        address = relay.url + relay.path() + "?data.id=98000000002&type=payment"
        assert requests.post(address, headers=headers, timeout=PATIENCE).status_code == 201
    assert relay.metric("till_relay_signatures_total", result="verified") == 1
    assert relay.metric("till_relay_signatures_total", result="unverified") == 1
    assert good not in relay.log


# --- the address of a seller, for notifications that name no till ---------------------------------------------------


@pytest.fixture
def all_tills(shared_broker):
    """What every till of the seller hears."""
    with subscribed(shared_broker, "sellers/700100200/orders") as subscriber:
        yield subscriber


def test_the_address_of_a_seller_rings_all_his_tills(relay, all_tills):
    answer = requests.post(relay.url + relay.seller_path(), json=FEED, timeout=PATIENCE)
    assert answer.status_code == 201
    doorbell = all_tills.next()
    assert doorbell.pop("received_at")
    assert doorbell == {"v": 1, "kind": "merchant_order", "id": "31415926535"}


def test_the_address_of_a_seller_takes_get_as_well(relay, all_tills):
    address = relay.url + relay.seller_path()
    assert requests.get(address + "?type=payment&data.id=98000000002", timeout=PATIENCE).status_code == 201
    assert all_tills.next()["id"] == "98000000002"


def test_no_till_hears_the_doorbell_of_another_seller(relay, all_tills, till):
    assert requests.post(relay.url + relay.seller_path("700100201"), json=FEED, timeout=PATIENCE).status_code == 201
    assert requests.post(relay.url + relay.seller_path(), json={**FEED, "resource": "7"}, timeout=PATIENCE).ok
    assert relay.notify({**FEED, "resource": "8"}) == 201
    assert all_tills.next()["id"] == "7"
    assert till.next()["id"] == "8"


def test_only_the_sellers_own_secret_opens_his_address(relay):
    own = relay.seller_path().partition("-")[2]
    of_a_till = secret_of("700100200", KEY.encode())
    for path in ("/mp/700100201-" + own, "/mp/700100200-" + of_a_till, "/mp/700100200-", "/mp/-" + own, "/mp/x-" + own):
        assert requests.post(relay.url + path, json=FEED, timeout=PATIENCE).status_code == 404, path
    assert requests.post(f"{relay.url}/mp/700100200/{own}", json=FEED, timeout=PATIENCE).status_code == 404


# --- an order of the Orders API: two tills at the address of their seller --------------------------------------------

USER = "700100200"
PANEL = b"the secret of the panel"
CAJA01_ORDER, CAJA02_ORDER = "CAJA01-000417", "CAJA02-000018"


@pytest.fixture(scope="module")
def application(shared_broker, tmp_path_factory) -> Iterator[RelayProcess]:
    """A relay that knows what the references of two tills begin with, and the secret of the application."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "panel").write_bytes(PANEL)
    prefixes = f"[{USER} CAJA01 CAJA01-, {USER} CAJA02 CAJA02-, {USER} GONE GONE-, 700100201 OTHER OTHER-]"
    more = f"signature_secret_file: panel\nreference_prefixes: {prefixes}\n"
    relay = RelayProcess(folder, shared_broker.port, more=more)
    relay.wait_until_healthy()
    yield relay
    relay.kill()


@pytest.fixture
def heard(shared_broker, application) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """What has rung so far: the topics, with the id of each doorbell."""
    topics = (*(f"tills/{till}/orders" for till in ("CAJA01", "CAJA02", "OTHER")), f"sellers/{USER}/orders")
    with subscribed(shared_broker, [(topic, 1) for topic in topics]) as subscriber:

        def until(last: str) -> Iterator[tuple[str, str]]:
            while (message := subscriber.next_message()) and (identity := json.loads(message.payload)["id"]) != last:
                yield message.topic, identity

        yield lambda: [application.notify({**FEED, "resource": "7"}), list(until("7"))][1]


def order_webhook(
    reference: object = CAJA01_ORDER, identity: str = "ORD01KA0000000000000000000AA"
) -> dict[str, object]:
    return {"type": "order", "action": "order.processed", "data": {"id": identity, "external_reference": reference}}


@pytest.mark.parametrize("lower_case", [False, True], ids=["case kept", "lower case"])
@pytest.mark.parametrize("seconds", [False, True], ids=["ms", "s"])
@pytest.mark.parametrize(("secret", "result"), [(PANEL, "verified"), (b"another", "unverified"), (None, "unverified")])
def test_only_the_till_whose_order_it_is_is_rung_whoever_signed(
    application, heard, lower_case, seconds, secret, result
):
    before = application.metric("till_relay_signatures_total", result=result)
    habits = Habits(topics=("order",), secret=secret, signs_lower_case=lower_case, signs_seconds=seconds)
    with MercadoPago(USER, pos=(("SUC001", "POS1"), ("SUC001", "POS2")), habits=habits) as mercadopago:
        mercadopago.application_url = application.url + application.seller_path()
        first = mercadopago.create_order(CAJA01_ORDER, "100", pos="POS1")
        second = mercadopago.create_order(CAJA02_ORDER, "200", pos="POS2")
        mercadopago.pay("POS2")
        wait_until(lambda: len(mercadopago.notifier.answers) == 1, "it was notified")
        mercadopago.pay("POS1")
        wait_until(lambda: len(mercadopago.notifier.answers) == 2, "it was notified")
        assert [status for _, status in mercadopago.notifier.answers] == [201, 201]
    assert heard() == [("tills/CAJA02/orders", second), ("tills/CAJA01/orders", first)]
    assert application.metric("till_relay_signatures_total", result=result) == before + 2


@pytest.mark.parametrize(
    "body",
    [
        order_webhook("000417"),
        order_webhook("caja01-000417"),
        order_webhook("GONE-000417"),  # nobody is subscribed to this till
        order_webhook("OTHER-000417"),  # a till of another seller
        order_webhook(""),
        order_webhook(None),
        order_webhook([CAJA01_ORDER]),
        {"type": "payment", "data": {"id": "1", "external_reference": CAJA01_ORDER}},
        {"type": "order", "external_reference": CAJA01_ORDER, "data": {"id": "ORD01KA0000000000000000000AA"}},
        {"type": "topic_merchant_order_wh", "id": "1", "data": {"external_reference": CAJA01_ORDER}},
    ],
    ids=str,
)
def test_what_names_no_till_of_the_seller_rings_all_his_tills(application, heard, body):
    address = application.url + application.seller_path()
    assert requests.post(address, json=body, timeout=PATIENCE).status_code == 201
    assert [topic for topic, _ in heard()] == [f"sellers/{USER}/orders"]


def test_what_the_relay_does_not_understand_of_an_order_is_looked_at_by_its_till(application, heard):
    address = application.url + application.seller_path()
    assert requests.post(address, json=order_webhook(identity="17"), timeout=PATIENCE).status_code == 201
    assert heard() == [("tills/CAJA01/orders", "order")]


def test_an_order_at_the_address_of_a_till_rings_that_till_whatever_its_reference(application, heard):
    assert application.notify(order_webhook(CAJA02_ORDER)) == 201
    assert heard() == [("tills/CAJA01/orders", "ORD01KA0000000000000000000AA")]


# --- who may ring -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["x", "a" * 32, secret_of("CAJA02", KEY.encode()), "ñ", "%00", "%ff"])
def test_a_wrong_secret_rings_nobody(relay, till, secret):
    answer = requests.post(f"{relay.url}/mp/CAJA01/{secret}", json=FEED, timeout=PATIENCE)
    assert answer.status_code == 404
    assert relay.notify({"topic": "payment", "resource": "98000000006"}) == 201
    assert till.next()["id"] == "98000000006"


@pytest.mark.parametrize(
    "till_id", ["..", ".", "%2e%2e", "+", "%23", "CAJA01%2Forders", "CAJA01%00", "CAJA%C3%91", "CAJA 01", "a" * 65, ""]
)
def test_what_is_no_till_id_is_not_found_even_with_its_secret(relay, shared_broker, till_id):
    path = f"/mp/{till_id}/{secret_of(unquote(till_id), KEY.encode())}".replace(" ", "%20")
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=PATIENCE)
    with subscribed(shared_broker, "#") as everything, contextlib.closing(connection):
        connection.request("POST", path, json.dumps(FEED))
        assert connection.getresponse().status == 404
        assert relay.notify({"topic": "payment", "resource": "98000000007"}) == 201
        heard = [everything.next()]
        while heard[-1].get("id") != "98000000007":
            heard.append(everything.next())
        assert [message for message in heard if "kind" in message] == heard[-1:]


@pytest.mark.parametrize("path", ["/", "/mp", "/mp/", "/mp/CAJA01", "/mp/CAJA01/", "/mp//"])
def test_other_addresses_are_not_found_and_do_not_redirect(relay, path):
    answer = requests.post(relay.url + path, json=FEED, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == 404


def test_a_slash_too_many_is_not_found_rather_than_redirected(relay):
    answer = requests.post(relay.url + relay.path() + "/", json=FEED, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == 404


def test_the_log_does_not_hold_the_secret(relay):
    relay.notify()
    relay.notify({"topic": "unknown"})
    requests.put(relay.url + relay.path(), timeout=PATIENCE)
    assert "CAJA01" in relay.log
    assert secret_of("CAJA01", KEY.encode()) not in relay.log


def test_the_address_is_the_public_one(relay):
    assert urlsplit(relay.address("CAJA02")).path == relay.path("CAJA02")


# --- large and slow bodies --------------------------------------------------------------------------------------------


def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(relay, till):
    text = json.dumps(FEED).encode()
    address = relay.url + relay.path()
    assert requests.post(address, text.ljust(64 * 1024), timeout=PATIENCE).status_code == 201
    assert till.next()["id"] == "31415926535"
    assert requests.post(address, text.ljust(64 * 1024 + 1), timeout=PATIENCE).status_code == 413


def test_an_endless_body_is_refused_while_it_comes(relay):
    with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as connection:
        head = f"POST {relay.path()} HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(65):
            connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 413 ")


def test_a_sender_that_goes_away_in_mid_body_leaves_no_trace(relay):
    with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as connection:
        begin_slow_request(connection, relay)
    assert relay.notify() == 201
    assert "Traceback" not in relay.log
