"""Mercado Pago's JSON, as documented and as nobody would send it."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.mercadopago import decode
from edge.mercadopago.fields import DecodeError, decode_json
from qa.fuzz import READERS

ORDER = {
    "id": 31415926535,
    "status": "closed",
    "external_reference": "R1",
    "site_id": "MLA",
    "payments": [
        {
            "id": 98000000002,
            "transaction_amount": 5350.5,
            "currency_id": "ARS",
            "status": "approved",
            "date_approved": "2026-03-02T17:39:20.000-04:00",
            "amount_refunded": 0,
        }
    ],
    "collector": {"id": 700100200, "email": "", "nickname": "KIOSCOSUR"},
    "items": [{"title": "Yerba 1 kg", "quantity": 2, "unit_price": 2675.25}],
    "total_amount": 5350.5,
    "cancelled": False,
    "order_status": "paid",
}


def read(**changes: object):
    return decode.decode_merchant_order(decode_json(json.dumps({**ORDER, **changes}).encode()))


def test_what_is_documented_is_read():
    order = read()
    assert (order.id, order.collector_id, order.total) == ("31415926535", "700100200", Decimal("5350.5"))
    assert order.payments[0].date_approved.isoformat() == "2026-03-02T17:39:20-04:00"
    assert order.items[0].amount == Decimal("5350.50")


def test_null_and_missing_are_the_same():
    for key in ("payments", "items", "external_reference", "order_status"):
        without = {name: value for name, value in ORDER.items() if name != key}
        assert read(**{key: None}) == decode.decode_merchant_order(decode_json(json.dumps(without).encode()))


def test_a_number_is_exact():
    assert decode_json(b"0.1") + decode_json(b"0.2") == Decimal("0.3")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": True},
        {"id": 1.5},
        {"id": 10**50},
        {"id": ""},
        {"id": ".."},
        {"id": "1/2"},
        {"id": "1\n"},
        {"id": "1" * 41},
        {"collector": None},
        {"collector": {}},
        {"total_amount": "lots"},
        {"total_amount": "NaN"},
        {"total_amount": "Infinity"},
        {"total_amount": 1e300},
        {"total_amount": 1e-300},
        {"total_amount": "1." + "0" * 50},
        {"total_amount": True},
        {"total_amount": []},
        {"payments": {}},
        {"payments": [1]},
        {"payments": [{"id": 1, "transaction_amount": {}}]},
        {"items": "none"},
        {"status": 1.5},
    ],
)
def test_what_is_not_documented_is_unreadable(changes):
    with pytest.raises(DecodeError):
        read(**changes)


@pytest.mark.parametrize("body", [b"", b"<html>", b"NaN", b"[" * 100_000, b"\xff", b'{"a":' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_unreadable(body):
    with pytest.raises(DecodeError):
        decode.decode_merchant_order(decode_json(body))


@pytest.mark.parametrize("date", ["", "yesterday", 5, "2026-03-02", "2026-03-02T17:39:20", "0001-01-01T00:00:00+00:00"])
def test_a_date_that_makes_no_sense_is_none(date):
    assert read(payments=[{**ORDER["payments"][0], "date_approved": date}]).payments[0].date_approved is None


def test_a_lone_surrogate_can_be_stored_and_printed():
    order = decode.decode_merchant_order(decode_json(json.dumps(ORDER).replace("R1", "\\ud800").encode()))
    order.external_reference.encode()


def test_an_error_with_a_lone_surrogate_can_be_published():
    assert decode.decode_error_code(decode_json(b'{"error": "\\ud800"}')).encode() == b"?"


def test_a_point_of_sale_of_another_store_is_not_ours():
    results = [{"id": 1, "external_id": "POS1", "external_store_id": "OTHER"}]
    assert decode.decode_pos_id({"results": results}, "POS1", "SUC001") is None
    assert decode.decode_pos_id({"results": [{**results[0], "external_store_id": "SUC001"}]}, "POS1", "SUC001") == "1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
near_orders = st.fixed_dictionaries({key: st.just(value) | json_values for key, value in ORDER.items()})


@given(
    json_values
    | near_orders
    | st.fixed_dictionaries({"elements": json_values, "results": json_values, "paging": json_values})
)
def test_any_json_is_read_or_unreadable(value):
    body = json.dumps(value).encode()
    for reader in READERS:
        with contextlib.suppress(DecodeError):
            reader(decode_json(body))


@given(st.binary())
def test_any_bytes_are_json_or_unreadable(body):
    with contextlib.suppress(DecodeError):
        decode_json(body)


@pytest.mark.parametrize("amount", ["1e1000000", "1e999999999", "-1e400", "1e-999999999"])
def test_an_amount_beyond_all_reckoning_is_unreadable(amount):
    """Decimal can hold it and can't even compare it."""
    body = b'{"id": 1, "collector": {"id": 2}, "total_amount": %s}' % amount.encode()
    with pytest.raises(DecodeError, match="total_amount"):
        decode.decode_merchant_order(decode_json(body))
