"""The forms in which Mercado Pago notifies, as captured, and the texts that others may write in their place."""

import json

import pytest

from edge.contract.mqtt import Doorbell
from relay.web.notification import doorbell_of

MERCHANT_ORDER = Doorbell("merchant_order", "31415926535")
PAYMENT = Doorbell("payment", "98000000002")
ORDER = Doorbell("order", "ORD01KA0000000000000000000AA")
LOOK = Doorbell("look", "unreadable")


def post(body: object = b"", query: dict[str, str] | None = None, headers: dict[str, str] | None = None):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return doorbell_of("POST", query or {}, headers or {}, text)


# --- the five forms ---------------------------------------------------------------------------------------------------

FEED_ORDER = {"resource": "https://api.mercadolibre.com/merchant_orders/31415926535", "topic": "merchant_order"}
FEED_PAYMENT = {"resource": "98000000002", "topic": "payment"}
WEBHOOK_MERCHANT_ORDER = {
    "action": "update",
    "api_version": "v1",
    "application_id": "5550001",
    "data": {"currency_id": "", "marketplace": "NONE", "status": "closed"},
    "date_created": "2026-03-02T17:39:21.510-04:00",
    "id": "31415926535",
    "live_mode": True,
    "status": "closed",
    "type": "topic_merchant_order_wh",
    "user_id": 700100200,
    "version": 1,
}
WEBHOOK_PAYMENT = {
    "action": "payment.updated",
    "api_version": "v1",
    "data": {"id": "98000000002"},
    "date_created": "2026-03-02T20:39:21Z",
    "id": 12345678901,
    "live_mode": True,
    "type": "payment",
    "user_id": "700100200",
}
WEBHOOK_ORDER = {
    "action": "order.processed",
    "type": "order",
    "user_id": "700100200",
    "data": {"id": "ORD01KA0000000000000000000AA", "type": "qr", "status": "processed", "total_amount": "5350.50"},
}


@pytest.mark.parametrize(
    ("query", "body", "doorbell"),
    [
        ({"id": "31415926535", "topic": "merchant_order"}, FEED_ORDER, MERCHANT_ORDER),
        ({"id": "98000000002", "topic": "payment"}, FEED_PAYMENT, PAYMENT),
        ({"data.id": "31415926535", "type": "topic_merchant_order_wh"}, WEBHOOK_MERCHANT_ORDER, MERCHANT_ORDER),
        ({"data.id": "98000000002", "type": "payment"}, WEBHOOK_PAYMENT, PAYMENT),
        ({"data.id": "ORD01KA0000000000000000000AA", "type": "order"}, WEBHOOK_ORDER, ORDER),
    ],
    ids=["feed merchant_order", "feed payment", "webhook merchant_order", "webhook payment", "webhook order"],
)
class TestEachForm:
    def test_is_understood_as_it_comes(self, query, body, doorbell):
        assert post(body, query) == doorbell

    def test_is_understood_by_its_body_alone(self, query, body, doorbell):
        assert post(body) == doorbell

    def test_is_understood_by_its_query_alone(self, query, body, doorbell):
        assert doorbell_of("GET", query, {}, b"") == doorbell

    @pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b"{}", b"[" * 60_000])
    def test_is_understood_by_its_query_when_its_body_is_broken(self, query, body, doorbell, broken):
        assert post(broken, query) == doorbell


def test_a_payment_may_come_with_its_address():
    assert post({"resource": "https://api.mercadopago.com/v1/payments/98000000002", "topic": "payment"}) == PAYMENT


def test_both_channels_name_the_same_payment():
    assert post(FEED_PAYMENT) == post(WEBHOOK_PAYMENT) == PAYMENT


def test_the_number_of_a_notification_is_not_taken_for_a_payment():
    assert post({**WEBHOOK_PAYMENT, "data": {}}) == Doorbell("look", "payment")


@pytest.mark.parametrize("body", [b"", b"{}", b"{", {"action": "payment.updated"}, {**WEBHOOK_PAYMENT, "data": None}])
@pytest.mark.parametrize(
    ("query", "doorbell"),
    [
        ({"id": "98000000002", "type": "payment"}, PAYMENT),
        ({"id": "98000000002", "topic": "payment"}, PAYMENT),
        ({"data.id": "98000000002", "topic": "payment"}, PAYMENT),
        ({"resource": "https://api.mercadopago.com/v1/payments/98000000002", "type": "payment"}, PAYMENT),
        ({"id": "31415926535", "type": "topic_merchant_order_wh"}, MERCHANT_ORDER),
        ({"id": "ORD01KA0000000000000000000AA", "type": "order"}, ORDER),
        ({"id": "ORD01KA0000000000000000000AA", "topic": "order"}, ORDER),
    ],
)
def test_the_query_may_hold_all_that_there_is(query, body, doorbell):
    assert post(body, query) == doorbell


def test_an_action_says_what_a_missing_type_would():
    assert post({"action": "payment.created", "data": {"id": "98000000002"}}) == PAYMENT
    assert post({"action": "order.processed", "data": {"id": ORDER.id}}) == ORDER


def test_an_id_may_be_written_as_a_number():
    assert post({**WEBHOOK_MERCHANT_ORDER, "id": 31415926535}) == MERCHANT_ORDER


def test_the_id_of_a_sandbox_order_is_longer():
    identity = "ORDTST01KA0000000000000000000000AA"
    assert post({"type": "order", "data": {"id": identity}}) == Doorbell("order", identity)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"topic": "payment", "id": "123456"}, {"resource": "123456", "topic": "payment"}),
        ({"data.id": "123456", "type": "payment"}, {**WEBHOOK_PAYMENT, "data": {"id": "123456"}}),
        ({"data.id": "123456", "type": "test"}, {"action": "test.created", "type": "test", "data": {"id": "123456"}}),
    ],
)
def test_the_test_button_rings_no_till(query, body):
    assert post(body, query) is None


# --- what else may come -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "topic", ["stop_delivery_op_wh", "point_integration_wh", "subscription", "", 7, None, ["payment"], {}]
)
def test_any_other_topic_means_look_now(topic):
    look = Doorbell("look", topic) if topic and isinstance(topic, str) else LOOK
    assert post({"topic": topic, "resource": "31415926535", "id": "1"}) == look
    assert post({"type": topic, "data": {"id": "31415926535"}}) == look


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"topic=payment&id=98000000002", {"resource": "7"}])
def test_what_cannot_be_read_means_look_now(body):
    assert post(body) == LOOK
    assert post(b"", {"payment_id": "98000000002"}) == LOOK


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}"])
def test_who_says_nothing_rings_no_till(body):
    assert post(body) is None
    assert doorbell_of("GET", {}, {}, b"{") is None


def test_parameters_of_the_shop_do_not_hide_the_body():
    assert post(FEED_ORDER, {"id": "7", "topic": "payment", "type": "caja"}) == MERCHANT_ORDER


def test_of_an_evil_address_only_the_id_is_taken():
    body = {"resource": "http://evil.example/a?b=/../merchant_orders/31415926535", "topic": "merchant_order"}
    assert post(body) == Doorbell("look", "merchant_order")
    assert post({**body, "resource": "http://evil.example/x/merchant_orders/31415926535"}) == MERCHANT_ORDER
    assert post({**body, "resource": "file:///merchant_orders/31415926535/?x=1"}) == MERCHANT_ORDER


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "abc",
        "-1",
        "1.5",
        "1e9",
        " 31415926535",
        "31415926535\n",
        "٣١٤",
        "9" * 21,
        "ORD01",
        "31415926535#",
        True,
        1.5,
        None,
        [],
        {},
    ],
)
def test_what_is_no_id_means_look_now(identity):
    assert post({"topic": "merchant_order", "resource": identity}) == Doorbell("look", "merchant_order")
    assert post({"topic": "merchant_order", "id": identity}) == Doorbell("look", "merchant_order")
    assert post({"type": "payment", "data": {"id": identity}}) == Doorbell("look", "payment")
    assert post({"type": "order", "data": {"id": identity}}) == Doorbell("look", "order")


def test_a_number_of_ten_thousand_digits_means_look_now():
    assert post(b'{"type":"payment","data":{"id":' + b"9" * 10_000 + b"}}") == LOOK


def test_an_unusable_id_in_the_body_leaves_the_one_in_the_query():
    body = {"topic": "merchant_order", "resource": "https://api.mercadolibre.com/merchant_orders/"}
    assert post(body, {"topic": "merchant_order", "id": "31415926535"}) == MERCHANT_ORDER


def test_the_request_id_goes_along_to_find_a_notification_again():
    headers = {"x-request-id": "2f1c0000-0000-4000-8000-000000000000"}
    assert post(FEED_ORDER, headers=headers).request_id == "2f1c0000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("request_id", ["", "a" * 65, 'x"y', "a\nb", "ñ"])
def test_an_odd_request_id_is_left_out(request_id):
    assert post(FEED_ORDER, headers={"x-request-id": request_id}) == MERCHANT_ORDER


def test_a_body_that_comes_with_get_is_not_read():
    assert doorbell_of("GET", {}, {}, json.dumps(FEED_ORDER).encode()) is None
