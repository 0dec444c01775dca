"""The simulated Mercado Pago's searches, its door, and the ways in which a network and a service go wrong."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from sim.mercadopago import Fault
from tests.support.caller import ORDER, PUT, TILL, ask, found, get, state

pytestmark = pytest.mark.slow


# --- searching -----------------------------------------------------------------------------------------------------


def test_a_search_that_finds_nothing_says_null(mercadopago):
    nothing = {"elements": None, "next_offset": 0, "total": 0}
    assert get(mercadopago, "/merchant_orders/search", external_reference="R1") == nothing
    paging = {"total": 0, "limit": 30, "offset": 0}
    assert get(mercadopago, "/v1/payments/search", pos_id=1) == {"paging": paging, "results": []}


def test_a_search_lags_behind_a_read_by_id(mercadopago):
    now = mercadopago.now()
    mercadopago.now = lambda: now
    mercadopago.switches.search_lag_seconds = 10
    mercadopago.put_order("R1", 10)
    identity = mercadopago.scan()
    mercadopago.advance(6)
    mercadopago.pay()
    assert found(mercadopago, "R1") == []
    mercadopago.advance(6)
    assert state(mercadopago)[0] == "opened"
    assert get(mercadopago, f"/merchant_orders/{identity}")["status"] == "closed"
    mercadopago.advance(6)
    assert state(mercadopago)[0] == "closed"


def test_a_merchant_order_is_forgotten_after_ninety_days(mercadopago):
    mercadopago.forge(external_reference="R1")
    mercadopago.advance(89 * 86400)
    assert len(found(mercadopago, "R1")) == 1
    mercadopago.advance(2 * 86400)
    assert found(mercadopago, "R1") == []


def test_pages_follow_each_other(mercadopago):
    orders = [mercadopago.forge(external_reference="R1") for _ in range(3)]
    first = get(mercadopago, "/merchant_orders/search", external_reference="R1", limit=2)
    assert ([each["id"] for each in first["elements"]], first["next_offset"], first["total"]) == (orders[:2], 2, 3)
    second = get(mercadopago, "/merchant_orders/search", external_reference="R1", limit=2, offset=2)
    assert ([each["id"] for each in second["elements"]], second["next_offset"]) == (orders[2:], 0)
    payments = get(mercadopago, "/v1/payments/search", limit=2, offset=2)
    assert (payments["paging"], len(payments["results"])) == ({"total": 3, "limit": 2, "offset": 2}, 1)


def test_payments_are_searched_by_place_status_and_date(mercadopago):
    now = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    mercadopago.now = lambda: now
    old = mercadopago.forge_payment(external_reference="R1")
    mercadopago.advance(1200)
    new = mercadopago.forge_payment(transaction_amount=50)
    mercadopago.forge_payment(pos_id="1", store_id="2", status="rejected", date_approved=None)

    def ids(**query) -> list[int]:
        return [each["id"] for each in get(mercadopago, "/v1/payments/search", **query)["results"]]

    here = {"pos_id": mercadopago.pos_internal_id(), "range": "date_approved"}
    assert ids(**here) == [old, new]
    assert ids(**here, sort="date_created", criteria="desc") == [new, old]
    assert ids(**here, begin_date="NOW-15MINUTES", end_date="NOW") == [new]
    assert ids(**here, begin_date="NOW-1DAYS", end_date="NOW-10MINUTES") == [old]
    assert ids(**here, end_date="2026-03-02T17:40:00.000-03:00") == [old]
    assert ids(external_reference="R1") == [old]
    assert ids(store_id="2") == ids(status="rejected") != []
    unclear = ask(mercadopago, "GET", "/v1/payments/search", params={"begin_date": "2026-03-02T17:40:00"})
    assert unclear.status_code == 400


def test_the_installers_questions_are_answered(mercadopago):
    [pos] = get(mercadopago, "/pos", external_id="SUC001POS003", external_store_id="SUC001")["results"]
    assert str(pos["id"]) == mercadopago.pos_internal_id()
    assert get(mercadopago, "/pos", external_id="NOWHERE")["results"] == []
    assert get(mercadopago, f"/pos/{pos['id']}") == pos
    [store] = get(mercadopago, "/users/700100200/stores/search", external_id="SUC001")["results"]
    assert store["id"] == pos["store_id"]
    assert get(mercadopago, "/users/me") == {"id": 700100200, "nickname": "KIOSCOSUR", "site_id": "MLA"}


# --- the door ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}])
def test_without_the_token_nobody_gets_in(mercadopago, header):
    answer = requests.put(mercadopago.url + PUT, json=ORDER, headers=header, timeout=5)
    assert answer.status_code == 401
    assert answer.json().keys() == {"message", "error", "status", "cause"}
    assert mercadopago.till().loaded is None


@pytest.mark.parametrize("path", ["/mpmobile/instore/qr/700100200/X", "/merchant_orders/1", "/nowhere"])
def test_what_is_unknown_is_404_with_the_general_body(mercadopago, path):
    answer = ask(mercadopago, "GET", path)
    assert answer.status_code == 404
    assert answer.json().keys() == {"message", "error", "status", "cause"}


def test_the_date_comes_from_the_clock_and_requests_are_recorded_on_one_connection(mercadopago):
    mercadopago.now = lambda: datetime(2031, 5, 5, 12, tzinfo=UTC)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {mercadopago.access_token}"
        first = session.get(mercadopago.url + "/users/me", params={"a": "b"}, timeout=5)
        session.get(mercadopago.url + "/pos", timeout=5)
    assert parsedate_to_datetime(first.headers["Date"]) == mercadopago.now()
    asked = mercadopago.requests
    assert [(each.method, each.path, each.query) for each in asked] == [
        ("GET", "/users/me", {"a": "b"}),
        ("GET", "/pos", {}),
    ]
    assert asked[0].client == asked[1].client
    assert asked[0].at <= asked[1].at


def test_a_fault_strikes_where_and_as_often_as_it_is_told(mercadopago):
    mercadopago.faults.append(Fault("status", "GET", "/users", times=2, status=429, retry_after=7))
    answers = [ask(mercadopago, "GET", path) for path in ("/pos", "/users/me", "/users/me", "/users/me")]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault("html"), 502, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
        (Fault("garbage"), 200, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
        (Fault("empty"), 200, b""),
        (Fault("slow", seconds=0.001), 200, None),
    ],
)
def test_an_answer_can_be_wrong(mercadopago, fault, status, body):
    good = ask(mercadopago, "GET", "/users/me").content
    mercadopago.faults.append(fault)
    answer = ask(mercadopago, "GET", "/users/me")
    assert (answer.status_code, answer.content) == (status, good if body is None else body)


@pytest.mark.parametrize("status", [401, 500, 503])
def test_any_status_can_be_answered(mercadopago, status):
    mercadopago.faults.append(Fault("status", status=status))
    assert ask(mercadopago, "GET", "/users/me").json()["status"] == status


@pytest.mark.parametrize(("kind", "loaded"), [("reset_before", False), ("reset_after", True)])
def test_a_connection_can_break_before_or_after_the_order_is_loaded(mercadopago, kind, loaded):
    mercadopago.faults.append(Fault(kind, "PUT"))
    with pytest.raises(requests.ConnectionError):
        ask(mercadopago, "PUT", PUT, json=ORDER)
    assert (mercadopago.till().loaded is not None) is loaded


def test_an_answer_can_be_cut_in_the_middle(mercadopago):
    mercadopago.faults.append(Fault("cut"))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(mercadopago, "GET", "/users/me")


def test_the_network_goes_and_comes_back_at_the_same_address(mercadopago):
    url = mercadopago.url
    mercadopago.put_order("R1", 10)
    mercadopago.go_away()
    with pytest.raises(requests.ConnectionError):
        ask(mercadopago, "GET", TILL)
    mercadopago.come_back()
    assert mercadopago.url == url
    assert get(mercadopago, TILL)["external_reference"] == "R1"
