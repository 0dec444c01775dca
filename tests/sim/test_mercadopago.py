"""The simulated Mercado Pago keeps the documentation's promises on orders and payments, or breaks them by a switch."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from edge.core.order import Account, Verdict, verdict
from edge.mercadopago.decode import decode_merchant_order
from edge.mercadopago.fields import decode_json
from sim.mercadopago import MercadoPago, Switches
from tests.support.caller import ITEM, ORDER, PUT, TILL, ask, found, get, refusal, state

pytestmark = pytest.mark.slow


# --- the order on the till -----------------------------------------------------------------------------------------


def test_an_order_is_put_shown_and_deleted(mercadopago):
    put = ask(mercadopago, "PUT", PUT, json=ORDER)
    assert (put.status_code, put.content) == (204, b"")
    assert get(mercadopago, TILL) == ORDER
    deleted = ask(mercadopago, "DELETE", TILL)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert refusal(ask(mercadopago, "GET", TILL)) == (404, "point_of_sale_in_store_order_not_found")


def test_the_shops_software_in_the_process_goes_the_same_way(mercadopago):
    mercadopago.put_order("R1", "5350.50", [("Yerba", 2, "2675.25")])
    assert get(mercadopago, TILL)["items"][0]["total_amount"] == 5350.5
    mercadopago.put_order("R2", 10)
    mercadopago.switches.till_answer = "array"
    assert [order["external_reference"] for order in get(mercadopago, TILL)] == ["R2"]


WRONG_ORDERS = [
    ("invalid_external_reference", {"external_reference": None}),
    ("invalid_external_reference", {"external_reference": "a b"}),
    ("invalid_external_reference", {"external_reference": "ñ"}),
    ("invalid_external_reference", {"external_reference": "x" * 65}),
    ("invalid_title", {"title": ""}),
    ("invalid_description", {"description": None}),
    ("invalid_total_amount", {"total_amount": None}),
    ("invalid_total_amount", {"total_amount": "5350.5"}),
    ("invalid_expiration_date", {"expiration_date": "tomorrow"}),
    ("invalid_expiration_date", {"expiration_date": "2031-01-01T00:00:00.000"}),
    ("invalid_expiration_date", {"expiration_date": "2001-01-01T00:00:00.000-03:00"}),
    ("invalid_notification_url", {"notification_url": "ftp://example.net"}),
    ("invalid_id", {"sponsor": {}}),
    ("invalid_sponsor.id", {"sponsor": {"id": "me"}}),
    ("invalid_amount", {"cash_out": {}}),
    ("invalid_cash_out.amount", {"cash_out": {"amount": "1"}}),
    ("error_creating_seller_qr_order", {"items": []}),
    ("invalid_unit_measure", {"items": [{**ITEM, "unit_measure": None}]}),
    ("invalid_quantity", {"items": [{**ITEM, "quantity": None}]}),
    ("invalid_unit_price", {"items": [{**ITEM, "unit_price": None}]}),
    ("invalid_items.title", {"items": [{**ITEM, "title": 7}]}),
    ("invalid_items.quantity", {"items": [{**ITEM, "quantity": "2"}]}),
    ("invalid_items.unit_price", {"items": [{**ITEM, "unit_price": 0.333}]}),
    ("invalid_items.total_amount", {"items": [{**ITEM, "total_amount": "1"}]}),
    ("invalid_items.currency_id", {"items": [{**ITEM, "currency_id": 1}]}),
]


@pytest.mark.parametrize(("code", "changes"), WRONG_ORDERS)
def test_a_wrong_order_is_refused_with_the_documented_code(mercadopago, code, changes):
    assert refusal(ask(mercadopago, "PUT", PUT, json=ORDER | changes)) == (400, code)
    assert ask(mercadopago, "GET", TILL).status_code == 404


def test_a_wrong_address_is_refused(mercadopago):
    assert refusal(ask(mercadopago, "GET", TILL.replace("700100200", "me"))) == (400, "invalid_collectorId")
    assert refusal(ask(mercadopago, "GET", TILL.replace("SUC001POS003", "%20"))) == (400, "invalid_externalPosId")
    assert refusal(ask(mercadopago, "PUT", PUT.replace("SUC001/", "SUC009/"), json=ORDER)) == (404, "pos_not_found")
    mercadopago.switches.unknown_pos_status = 400
    assert refusal(ask(mercadopago, "GET", TILL.replace("POS003", "POS009"))) == (400, "pos_not_found")
    assert refusal(ask(mercadopago, "PUT", PUT, data="{")) == (400, "bad_request")


def test_sums_are_enforced_if_the_switch_says_so(mercadopago):
    wrong = ORDER | {"total_amount": 5350.49}
    assert ask(mercadopago, "PUT", PUT, json=wrong).status_code == 204
    mercadopago.switches.enforce_sums = True
    assert refusal(ask(mercadopago, "PUT", PUT, json=wrong)) == (400, "invalid_total_amount")
    assert ask(mercadopago, "PUT", PUT, json=ORDER).status_code == 204


def test_chile_has_no_centavos():
    with MercadoPago(site="MLC") as service:
        assert refusal(ask(service, "PUT", PUT, json=ORDER)) == (400, "invalid_total_amount")
        service.put_order("R1", 5350)
        assert service.pay()["currency_id"] == "CLP"
        service.switches.whole_pesos = False
        assert ask(service, "PUT", PUT, json=ORDER).status_code == 204


@pytest.mark.parametrize(("asked", "lives"), [(None, 600), ("17:31:00.000-03:00", 60), ("18:30:00.000-03:00", 600)])
def test_an_order_lives_as_long_as_asked_and_never_longer_than_ten_minutes(mercadopago, asked, lives):
    mercadopago.now = lambda: datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    mercadopago.put_order("R1", 10, **({"expiration_date": f"2026-03-02T{asked}"} if asked else {}))
    mercadopago.advance(lives - 1)
    assert ask(mercadopago, "GET", TILL).status_code == 200
    mercadopago.advance(1)
    assert ask(mercadopago, "GET", TILL).status_code == 404


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "in_store_order_delete_error"),
        (404, "point_of_sale_in_store_order_not_found"),
        (500, "in_store_order_creation_error"),
    ],
)
def test_deleting_nothing_and_deleting_what_was_paid_are_answered_alike(mercadopago, status, code):
    mercadopago.switches.absent_delete_status = status
    assert refusal(ask(mercadopago, "DELETE", TILL)) == (status, code)
    mercadopago.put_order("R1", 10)
    mercadopago.pay()
    assert refusal(ask(mercadopago, "DELETE", TILL)) == (status, code)


@pytest.mark.parametrize("status", [400, 409, 423])
def test_an_order_is_locked_while_somebody_pays(mercadopago, status):
    mercadopago.switches.locked_status = status
    mercadopago.put_order("R1", 10)
    mercadopago.begin_payment()
    assert refusal(ask(mercadopago, "DELETE", TILL)) == (status, "instore_order_locked_error")
    mercadopago.switches.locked_put_refused = True
    assert refusal(ask(mercadopago, "PUT", PUT, json=ORDER)) == (status, "instore_order_locked_error")
    mercadopago.finish_payment(approved=False)
    assert ask(mercadopago, "DELETE", TILL).status_code == 204


def test_an_order_that_was_replaced_on_the_pay_screen_is_the_one_that_is_paid(mercadopago):
    mercadopago.put_order("old", 10)
    mercadopago.begin_payment()
    mercadopago.put_order("new", 20)
    assert mercadopago.finish_payment()["external_reference"] == "old"
    assert get(mercadopago, TILL)["external_reference"] == "new"


def test_the_life_of_an_order_is_a_switch(mercadopago):
    mercadopago.switches.life_seconds = 60
    mercadopago.put_order("R1", 10)
    mercadopago.advance(61)
    assert ask(mercadopago, "GET", TILL).status_code == 404
    mercadopago.switches.longest_life_seconds = None
    mercadopago.put_order("R2", 10, expiration_date="2100-01-01T00:00:00.000-03:00")
    mercadopago.advance(86400)
    assert ask(mercadopago, "GET", TILL).status_code == 200


def test_somebody_may_pay_between_the_delete_and_its_answer(mercadopago):
    mercadopago.put_order("R1", 10)
    mercadopago.on_delete = lambda: mercadopago.pay(reference="R1")
    assert ask(mercadopago, "DELETE", TILL).status_code == 204
    assert [order["status"] for order in found(mercadopago, "R1")] == ["closed"]


# --- merchant orders -----------------------------------------------------------------------------------------------


# The documentation's example, shortened only in its texts.
DOCUMENTED = """
{"id":31415926535,"status":"closed","external_reference":"R1","preference_id":"700100200-0f0e","application_id":"5550001",
 "site_id":"MLA","marketplace":"NONE","notification_url":"http://127.0.0.1:9/mp","sponsor_id":null,
 "payments":[
   {"id":98000000001,"transaction_amount":5350.5,"total_paid_amount":5350.5,"shipping_cost":0,"currency_id":"ARS",
    "status":"rejected","status_detail":"cc_rejected_insufficient_amount","operation_type":"regular_payment",
    "date_created":"2026-03-02T17:38:50.000-04:00","last_modified":"2026-03-02T17:38:51.000-04:00","amount_refunded":0},
   {"id":98000000002,"transaction_amount":5350.5,"total_paid_amount":5350.5,"shipping_cost":0,"currency_id":"ARS",
    "status":"approved","status_detail":"accredited","operation_type":"regular_payment",
    "date_approved":"2026-03-02T17:39:20.000-04:00","date_created":"2026-03-02T17:39:19.000-04:00",
    "last_modified":"2026-03-02T17:39:20.000-04:00","amount_refunded":0}],
 "shipments":[],"payouts":[],"collector":{"id":700100200,"email":"","nickname":"KIOSCOSUR"},
 "payer":{"id":9000001,"email":""},
 "items":[{"id":"779001","category_id":"almacen","currency_id":"ARS","title":"Yerba 1 kg","description":"Yerba 1 kg",
           "picture_url":null,"quantity":2,"unit_price":2675.25}],
 "shipping_cost":0,"total_amount":5350.5,"paid_amount":5350.5,"refunded_amount":0,"cancelled":false,
 "additional_info":"","order_status":"paid","is_test":false,"date_created":"2026-03-02T17:38:30.000-04:00",
 "last_updated":"2026-03-02T17:39:21.000-04:00"}
"""
FREE = re.compile("preference_id|date_.*|last_.*")


def shape(value, key=""):
    """A value with what differs from one order to the next made alike."""
    if isinstance(value, dict):
        return {name: shape(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    if key == "id" and isinstance(value, int) and value > 2**32:
        return "an id of more than 32 bits"
    return re.sub(r"[0-9a-f]+", "0", value) if FREE.fullmatch(key) else value


def test_a_merchant_order_is_the_one_of_the_documentation(mercadopago):
    item = {**ITEM, "sku_number": "779001", "category": "almacen", "title": "Yerba 1 kg", "description": "Yerba 1 kg"}
    ask(mercadopago, "PUT", PUT, json={**ORDER, "items": [item], "notification_url": "http://127.0.0.1:9/mp"})
    mercadopago.pay(approved=False)
    mercadopago.pay()
    [order] = found(mercadopago, "R1")
    documented = json.loads(DOCUMENTED)
    assert re.fullmatch("700100200-[0-9a-f-]{36}", order["preference_id"])
    order["preference_id"] = documented["preference_id"]
    assert shape(order) == shape(documented)


def test_a_payment_says_where_and_how_it_was_made(mercadopago):
    mercadopago.put_order("R1", "5350.50")
    made = mercadopago.pay(method="interop_transfer")
    payment = get(mercadopago, f"/v1/payments/{made['id']}")
    assert (payment["pos_id"], payment["store_id"]) == (mercadopago.pos_internal_id(), "31000")
    assert payment["order"] == {"id": found(mercadopago, "R1")[0]["id"], "type": "mercadopago"}
    assert payment["payment_type_id"] == "bank_transfer"
    assert payment["point_of_interaction"]["sub_type"] == "INTER_PSP"
    assert payment["metadata"] == {"hide_payer_information": True}
    mercadopago.put_order("R2", 10)
    assert mercadopago.pay(method="visa")["card"] == {"last_four_digits": "0604"}


def test_a_payment_may_name_no_place_or_another(mercadopago):
    for place in (None, "1"):
        [payment] = mercadopago.merchant_orders[mercadopago.forge(pos_id=place)]["payments"]
        assert get(mercadopago, f"/v1/payments/{payment['id']}")["pos_id"] == place
    mercadopago.put_order("R1", 10)
    assert mercadopago.pay(pos_id="2")["pos_id"] == "2"


@pytest.mark.parametrize("amount", ["5350.50", "0.10", "12345678901234567.89", "100"])
def test_amounts_leave_as_the_decimals_that_came_in(mercadopago, amount):
    body = json.dumps(ORDER).replace("5350.5", amount)
    assert ask(mercadopago, "PUT", PUT, data=body).status_code == 204
    payment = mercadopago.pay()
    text = ask(mercadopago, "GET", f"/v1/payments/{payment['id']}").text
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal)["transaction_amount"] == Decimal(amount)
    assert get(mercadopago, "/merchant_orders", external_reference="R1")["total"] == 1


def test_each_scan_leaves_a_merchant_order_and_only_the_paid_one_closes(mercadopago):
    mercadopago.switches.scans = 2
    mercadopago.put_order("R1", 10)
    mercadopago.scan()
    mercadopago.scan()
    mercadopago.pay()
    assert [order["status"] for order in found(mercadopago, "R1")] == ["opened", "opened", "opened", "closed"]


@pytest.mark.parametrize(("made_at", "counts"), [("put", (1, 1, 1)), ("scan", (0, 1, 1)), ("payment", (0, 0, 1))])
def test_a_merchant_order_appears_when_the_switch_says(mercadopago, made_at, counts):
    mercadopago.switches.mo_created_at = made_at
    mercadopago.put_order("R1", 10)
    after_put = len(found(mercadopago, "R1"))
    mercadopago.scan()
    after_scan = len(found(mercadopago, "R1"))
    mercadopago.pay()
    assert (after_put, after_scan, len(found(mercadopago, "R1"))) == counts


def test_payments_in_part_close_the_order_when_they_cover_it(mercadopago):
    mercadopago.put_order("R1", 100)
    mercadopago.pay(amount=60)
    assert state(mercadopago) == ("opened", "partially_paid", 60)
    mercadopago.pay(amount=40)
    assert state(mercadopago) == ("closed", "paid", 100)


def test_a_pending_payment_is_no_payment_until_it_is_approved(mercadopago):
    mercadopago.put_order("R1", 100)
    payment = mercadopago.pending()
    assert state(mercadopago) == ("opened", "payment_in_process", 0)
    mercadopago.approve(payment["id"])
    assert state(mercadopago) == ("closed", "paid", 100)


@pytest.mark.parametrize(("words", "word"), [("old", "reverted"), ("2026", "refunded")])
def test_a_refunded_order_stays_closed(mercadopago, words, word):
    mercadopago.switches.refund_words = words
    mercadopago.put_order("R1", 100)
    payment = mercadopago.pay(refunded=30)["id"]
    assert state(mercadopago)[:2] == ("closed", f"partially_{word}")
    refund = ask(mercadopago, "POST", f"/v1/payments/{payment}/refunds")
    assert (refund.status_code, refund.json()["amount"]) == (201, 70)
    assert state(mercadopago)[:2] == ("closed", word)
    assert [each["amount"] for each in get(mercadopago, f"/v1/payments/{payment}/refunds")] == [30, 70]
    assert ask(mercadopago, "POST", f"/v1/payments/{payment}/refunds").status_code == 400


def test_an_order_charged_back_goes_on_saying_paid(mercadopago):
    mercadopago.put_order("R1", 100)
    mercadopago.chargeback(mercadopago.pay()["id"])
    assert state(mercadopago)[:2] == ("closed", "paid")
    assert found(mercadopago, "R1")[0]["payments"][0]["status"] == "charged_back"


@pytest.mark.parametrize(("says", "word"), [("opened", "payment_required"), ("expired", "expired")])
def test_an_expired_order_can_still_be_paid(mercadopago, says, word):
    mercadopago.switches.expired_status = says
    mercadopago.put_order("R1", 100)
    mercadopago.scan()
    mercadopago.advance(601)
    assert state(mercadopago)[:2] == (says, word)
    mercadopago.pay(reference="R1")
    assert state(mercadopago)[:2] == ("closed", "paid")


def test_one_reference_can_be_paid_twice(mercadopago):
    mercadopago.put_order("R1", 100)
    mercadopago.pay()
    mercadopago.pay(reference="R1", new_scan=True)
    assert [order["status"] for order in found(mercadopago, "R1")] == ["closed", "closed"]


def test_the_spelling_and_the_reference_are_switches():
    switches = Switches(
        cancelled_key="canceled",
        detail_key="status_details",
        payment_names_reference=False,
        order_names_reference=False,
    )
    with MercadoPago(switches=switches) as service:
        service.put_order("R1", 10)
        payment = service.pay()
        order = get(service, f"/merchant_orders/{payment['order']['id']}")
        assert order["canceled"] is False
        assert order["payments"][0]["status_details"] == "accredited"
        assert (order["external_reference"], payment["external_reference"]) == ("", None)


CLAUSES = {
    Verdict.PAID: {},
    Verdict.LOOK_AGAIN: {"status": "opened"},
    Verdict.WRONG_COLLECTOR: {"collector": {"id": 1}},
    Verdict.CANCELLED: {"cancelled": True},
    Verdict.EXPIRED: {"status": "expired"},
    Verdict.REFUNDED: {"order_status": "reverted"},
    Verdict.NOT_COVERED: {"payments": [{"amount_refunded": 1}]},
    Verdict.MIXED_CURRENCIES: {
        "payments": [{"transaction_amount": 60}, {"transaction_amount": 40, "currency_id": "USD"}]
    },
    Verdict.ANOTHER_TILL: {"pos_id": 1},
}


@pytest.mark.parametrize(("expected", "changes"), CLAUSES.items(), ids=lambda value: str(value)[:20])
def test_each_clause_of_paid_can_be_forged(mercadopago, expected, changes):
    identity = mercadopago.forge(**changes)
    order = decode_merchant_order(decode_json(ask(mercadopago, "GET", f"/merchant_orders/{identity}").content))
    places = {each.id: get(mercadopago, f"/v1/payments/{each.id}")["pos_id"] for each in order.payments}
    account = Account(mercadopago.user_id, mercadopago.pos_internal_id())
    assert verdict(order, account, on_our_till=False, places=places) is expected
