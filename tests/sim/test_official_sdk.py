"""The simulator is no friend of ours only: Mercado Pago's own SDK, as it comes from PyPI, works against it."""

import pytest
import requests
from mercadopago import SDK
from mercadopago.http import HttpClient


class Rerouted(HttpClient):
    """The SDK's own client, sent to another host; the SDK takes such a client as an argument."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method, url, maxretries=None, **kwargs):
        return super().request(method, url.replace("https://api.mercadopago.com", self._url), maxretries, **kwargs)


@pytest.fixture
def sdk(mercadopago) -> SDK:
    return SDK(mercadopago.access_token, http_client=Rerouted(mercadopago.url))


def test_a_merchant_order_is_read_by_id(mercadopago, sdk):
    identity = mercadopago.account.forge(external_reference="R1")
    answer = sdk.merchant_order().get(identity)
    assert answer["status"] == 200
    assert answer["response"]["external_reference"] == "R1"
    assert answer["response"]["payments"][0]["status"] == "approved"


def test_merchant_orders_are_searched_by_reference(mercadopago, sdk):
    identity = mercadopago.account.forge(external_reference="R1")
    answer = sdk.merchant_order().search({"external_reference": "R1"})
    assert [order["id"] for order in answer["response"]["elements"]] == [identity]
    empty = sdk.merchant_order().search({"external_reference": "R2"})["response"]
    assert empty == {"elements": None, "next_offset": 0, "total": 0}


def test_a_payment_is_read_by_id(mercadopago, sdk):
    identity = mercadopago.account.forge()
    [payment] = mercadopago.account.merchant_orders[identity]["payments"]
    answer = sdk.payment().get(payment["id"])
    assert answer["response"]["order"]["id"] == identity
    assert answer["response"]["pos_id"] == str(mercadopago.account.till().id)


def test_payments_are_searched_by_point_of_sale(mercadopago, sdk):
    mercadopago.account.forge()
    mercadopago.account.forge(pos_id=1)
    found = sdk.payment().search({"pos_id": mercadopago.account.till().id, "status": "approved"})["response"]
    assert found["paging"]["total"] == 1


def test_a_payment_is_refunded(mercadopago, sdk):
    mercadopago.put_order("R1", "100.50")
    payment = mercadopago.pay()["id"]
    assert sdk.refund().create(payment, {"amount": 30.25})["response"]["amount"] == 30.25
    assert [refund["amount"] for refund in sdk.refund().list_all(payment)["response"]] == [30.25]
    assert sdk.payment().get(payment)["response"]["transaction_amount_refunded"] == 30.25


def test_a_wrong_token_is_told(mercadopago):
    answer = SDK("APP_USR-wrong", http_client=Rerouted(mercadopago.url)).payment().get(1)
    assert answer["status"] == 401


def test_requests_without_the_sdk_get_the_same(mercadopago):
    identity = mercadopago.account.forge()
    headers = {"Authorization": f"Bearer {mercadopago.access_token}"}
    answer = requests.get(f"{mercadopago.url}/merchant_orders/{identity}", headers=headers, timeout=5)
    assert answer.json()["id"] == identity


def test_an_order_is_created_read_cancelled_and_refunded_by_the_sdk(sdk, mercadopago):
    def body(reference):
        return {
            "type": "qr",
            "external_reference": reference,
            "total_amount": "50.00",
            "config": {"qr": {"external_pos_id": "SUC001POS003", "mode": "static"}},
            "transactions": {"payments": [{"amount": "50.00"}]},
        }

    first = sdk.order().create(body("first"))
    assert (first["status"], first["response"]["status"]) == (201, "created")
    assert sdk.order().cancel(first["response"]["id"])["response"]["status"] == "canceled"

    second = sdk.order().create(body("second"))["response"]["id"]
    mercadopago.pay()
    assert sdk.order().get(second)["response"]["status"] == "processed"
    refunded = sdk.order().refund(second)
    assert (refunded["status"], refunded["response"]["status"]) == (201, "refunded")
