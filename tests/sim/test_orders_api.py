"""The simulator's Orders API: what the documentation says of `/v1/orders`, type `qr`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sim.mercadopago import Habits, MercadoPago, Switches

TILL = "SUC001POS003"


@pytest.fixture
def service() -> Iterator[MercadoPago]:
    with MercadoPago() as service:
        yield service


def body(**changes: Any) -> dict[str, Any]:
    return {
        "type": "qr",
        "external_reference": "the-sale",
        "description": "the sale",
        "total_amount": "5350.50",
        "config": {"qr": {"external_pos_id": TILL, "mode": "static"}},
        "transactions": {"payments": [{"amount": "5350.50"}]},
        "items": [{"title": "Yerba", "quantity": 2, "unit_price": "2675.25", "unit_measure": "unit"}],
    } | changes


def ask(service: MercadoPago, method: str, path: str = "", key: str = "k1", **more: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {service.access_token}", "X-Idempotency-Key": key}
    answer = requests.request(method, f"{service.url}/v1/orders{path}", headers=headers, timeout=5, **more)
    return answer.status_code, answer.json()


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["errors"][0]["code"]


def test_an_order_is_created_waits_and_is_processed(service: MercadoPago) -> None:
    status, order = ask(service, "POST", json=body())
    assert (status, order["status"], len(order["id"])) == (201, "created", 29)
    assert order["transactions"]["payments"][0]["status_detail"] == "ready_to_process"
    payment = service.pay()
    _, order = ask(service, "GET", f"/{order['id']}")
    assert (order["status"], order["status_detail"], order["total_paid_amount"]) == (
        "processed",
        "accredited",
        "5350.50",
    )
    assert order["config"]["qr"]["external_pos_id"] == TILL
    assert order["transactions"]["payments"][0]["reference_id"] == str(payment["id"])


def test_a_rejected_attempt_leaves_the_order_as_it_was(service: MercadoPago) -> None:
    identity = service.create_order("the-sale", "100")
    service.pay(approved=False)
    assert ask(service, "GET", f"/{identity}")[1]["status"] == "created"


def test_one_key_is_one_order(service: MercadoPago) -> None:
    first, again = ask(service, "POST", json=body()), ask(service, "POST", json=body())
    assert first[1]["id"] == again[1]["id"]
    other = ask(service, "POST", json=body(external_reference="another"))
    assert code(other) == (409, "idempotency_key_already_used")
    service.advance(25 * 3600)
    assert ask(service, "POST", json=body(external_reference="another"))[0] == 201


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "online"}, (400, "property_value")),
        ({"total_amount": 5350.5}, (400, "property_type")),
        ({"total_amount": "5350.505"}, (400, "property_value")),
        ({"total_amount": "1.00"}, (400, "invalid_total_amount")),
        ({"notification_url": "http://x"}, (400, "unsupported_properties")),
        ({"external_reference": "with a blank"}, (400, "property_value")),
        ({"expiration_time": "ten minutes"}, (400, "property_value")),
        ({"expiration_time": "PT20S"}, (400, "property_value")),
        ({"config": {"qr": {"external_pos_id": "NOWHERE"}}}, (404, "pos_not_found")),
        ({"transactions": {"payments": []}}, (400, "required_properties")),
        (
            {"items": [{"title": "x", "quantity": 1, "unit_price": "1.00"}]},
            (400, "order_items_total_amount_mismatch"),
        ),
    ],
)
def test_what_is_wrong_is_refused(service: MercadoPago, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code(ask(service, "POST", json=body(**changes))) == expected


def test_it_lives_ten_minutes_whatever_is_asked_for(service: MercadoPago) -> None:
    identity = ask(service, "POST", json=body(expiration_time="PT2H"))[1]["id"]
    service.advance(599)
    assert ask(service, "GET", f"/{identity}")[1]["status"] == "created"
    service.advance(2)
    assert ask(service, "GET", f"/{identity}")[1]["status"] == "expired"


def test_only_what_nobody_pays_is_canceled(service: MercadoPago) -> None:
    identity = service.create_order("the-sale", "100")
    service.begin_payment()
    assert code(ask(service, "POST", f"/{identity}/cancel", key="c1")) == (409, "instore_order_locked_error")
    service.finish_payment(approved=False)
    assert ask(service, "POST", f"/{identity}/cancel", key="c2")[1]["status"] == "canceled"
    assert code(ask(service, "POST", f"/{identity}/cancel", key="c3")) == (409, "order_already_canceled")
    assert service.order_on(service.till()) is None


def test_a_cancel_leaves_the_next_order_alone(service: MercadoPago) -> None:
    first = service.create_order("first", "100")
    service.create_order("second", "200")
    ask(service, "POST", f"/{first}/cancel", key="c1")
    on_till = service.order_on(service.till())
    assert on_till is not None
    assert on_till.reference == "second"


def test_a_refund_in_part_and_in_full(service: MercadoPago) -> None:
    identity = service.create_order("the-sale", "100")
    service.pay()
    part = {"transactions": [{"id": "PAY", "amount": "40.00"}]}
    assert ask(service, "POST", f"/{identity}/refund", key="r1", json=part)[1]["status_detail"] == "partially_refunded"
    assert ask(service, "POST", f"/{identity}/refund", key="r2")[1]["status"] == "refunded"


def test_what_is_asked_wrongly(service: MercadoPago) -> None:
    assert code(ask(service, "GET", "/short")) == (400, "invalid_path_param")
    assert code(ask(service, "GET", "/ORD" + "0" * 26)) == (404, "order_not_found")
    assert code(ask(service, "POST", key="", json=body())) == (400, "empty_required_header")


def test_a_search_covers_at_most_thirty_days_and_begins_in_the_past(service: MercadoPago) -> None:
    now = datetime.now(UTC)

    def search(begin: float, end: float) -> tuple[int, Any]:
        days = {"begin_date": now + timedelta(days=begin), "end_date": now + timedelta(days=end)}
        return ask(service, "GET", params={name: date.isoformat() for name, date in days.items()})

    assert search(-29, 1)[0] == search(-30, 0)[0] == 200
    assert code(search(-30, 0.01)) == code(search(1, 2)) == (400, "invalid_parameter")
    assert code(ask(service, "GET")) == (400, "missing_required_params")


def test_an_order_that_ends_before_its_time_is_expired(service: MercadoPago) -> None:
    identity = service.create_order("the-sale", "100")
    service.expire()
    assert ask(service, "GET", f"/{identity}")[1]["status"] == "expired"


def test_search_and_merchant_orders_are_switches() -> None:
    with MercadoPago(switches=Switches(orders_have_merchant_orders=False, search_finds_qr_orders=False)) as service:
        service.create_order("the-sale", "100")
        payment = service.pay()
        assert payment["order"] == {}
        assert service.search_merchant_orders(lambda order: True) == []
        now = datetime.now(UTC)
        days = {"begin_date": (now - timedelta(days=1)).isoformat(), "end_date": (now + timedelta(days=1)).isoformat()}
        assert ask(service, "GET", params=days)[1]["data"] == []
        service.switches.search_finds_qr_orders = True
        assert len(ask(service, "GET", params=days | {"external_reference": "the-sale"})[1]["data"]) == 1
        assert ask(service, "GET", params=days | {"external_reference": "another"})[1]["data"] == []


def test_habits_of_the_application(service: MercadoPago) -> None:
    sent: list[tuple[str, str]] = []
    service.account.notify = lambda notices: sent.extend((each.topic, each.status) for each in notices)
    service.application_url = "http://127.0.0.1:9/"
    service.create_order("the-sale", "100")
    service.pay()
    assert ("order", "processed") in sent
    assert "order" in Habits().topics
