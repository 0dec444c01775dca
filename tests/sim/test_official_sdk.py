"""The simulator is no friend of ours only: Mercado Pago's own SDK, as it comes from PyPI, works against it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from mercadopago import SDK
from mercadopago.config import RequestOptions
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


# --- the Orders API -------------------------------------------------------------------------------------------------


def order(reference: str) -> dict[str, Any]:
    return {
        "type": "qr",
        "external_reference": reference,
        "total_amount": "50.00",
        "config": {"qr": {"external_pos_id": "SUC001POS003", "mode": "static"}},
        "transactions": {"payments": [{"amount": "50.00"}]},
    }


def refused(answer: dict[str, Any]) -> tuple[int, str]:
    return answer["status"], answer["response"]["errors"][0]["code"]


def test_an_order_is_created_and_read(mercadopago, sdk):
    created = sdk.order().create(order("R1"))
    identity = created["response"]["id"]
    assert (created["status"], created["response"]["status"]) == (201, "created")
    assert mercadopago.till().loaded.reference == "R1"
    mercadopago.pay()
    read = sdk.order().get(identity)
    assert (read["status"], read["response"]["status"]) == (200, "processed")
    assert read["response"]["config"]["qr"]["external_pos_id"] == "SUC001POS003"
    assert refused(sdk.order().get("ORD" + "0" * 26)) == (404, "order_not_found")


def test_the_same_key_creates_one_order(mercadopago, sdk):
    again = RequestOptions(custom_headers={"x-idempotency-key": "the-key"})
    identities = {sdk.order().create(order("R1"), again)["response"]["id"] for _ in range(3)}
    assert set(mercadopago.order_book.orders) == identities
    assert len(identities) == 1
    assert refused(sdk.order().create(order("R2"), again)) == (409, "idempotency_key_already_used")


def test_an_order_is_cancelled_unless_somebody_pays_or_paid(mercadopago, sdk):
    identity = sdk.order().create(order("R1"))["response"]["id"]
    assert sdk.order().cancel(identity)["response"]["status"] == "canceled"
    assert mercadopago.till().loaded is None
    assert refused(sdk.order().cancel(identity)) == (409, "order_already_canceled")
    paid = sdk.order().create(order("R2"))["response"]["id"]
    mercadopago.begin_payment()
    assert refused(sdk.order().cancel(paid)) == (409, "instore_order_locked_error")
    mercadopago.finish_payment()
    assert refused(sdk.order().cancel(paid)) == (409, "order_already_canceled")
    assert sdk.order().get(paid)["response"]["status"] == "processed"


def test_an_order_is_refunded_in_part_and_then_all_of_it(mercadopago, sdk):
    identity = sdk.order().create(order("R1"))["response"]["id"]
    mercadopago.pay()
    [payment] = sdk.order().get(identity)["response"]["transactions"]["payments"]
    part = sdk.order().refund(identity, {"transactions": [{"id": payment["id"], "amount": "20.00"}]})
    assert (part["status"], part["response"]["status_detail"]) == (201, "partially_refunded")
    assert part["response"]["transactions"]["payments"][0]["refunded_amount"] == "20.00"
    assert sdk.order().refund(identity)["response"]["status"] == "refunded"
    assert sdk.order().get(identity)["response"]["transactions"]["payments"][0]["refunded_amount"] == "50.00"


def test_orders_are_searched_page_by_page(sdk):
    identities = [sdk.order().create(order(f"R{number}"))["response"]["id"] for number in range(5)]
    now = datetime.now(UTC)
    days = {"begin_date": (now - timedelta(days=1)).isoformat(), "end_date": (now + timedelta(hours=1)).isoformat()}
    assert [each["id"] for each in sdk.order().search_auto_paging_iter(days, limit=2)] == identities
    found = sdk.order().search({**days, "external_reference": "R3"})["response"]
    assert ([each["id"] for each in found["data"]], found["paging"]["total"]) == (identities[3:4], "1")
    assert refused(sdk.order().search({"external_reference": "R3"})) == (400, "missing_required_params")
