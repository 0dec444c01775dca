"""The contract with the relay: what is read, and what is refused with a reason."""

import pytest

from edge.contract import mqtt as wire
from edge.contract.mqtt import (
    Announcement,
    BadMessageError,
    Doorbell,
    Topics,
    decode_announcement,
    decode_doorbell,
    encode,
    encode_doorbell,
)


def test_a_doorbell_survives_the_wire():
    doorbell = Doorbell("merchant_order", "31415926535", "2026-03-02T20:39:21Z", "2f1c")
    assert decode_doorbell(encode_doorbell(doorbell)) == doorbell


def test_an_id_may_be_a_number_and_unknown_keys_are_ignored():
    payload = b'{"v":1,"kind":"payment","id":98000000002,"amount":"1000000","paid":true}'
    assert decode_doorbell(payload) == Doorbell("payment", "98000000002")


def test_an_order_of_the_orders_api_has_an_id_of_its_own_kind():
    payload = b'{"v":1,"kind":"order","id":"ORD01KA0000000000000000000AA"}'
    assert decode_doorbell(payload).id == "ORD01KA0000000000000000000AA"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"not json", "not JSON"),
        (b"[]", "a JSON list"),
        (b"null", "a JSON NoneType"),
        (b"[" * 4000, "not JSON"),
        (b"x" * 1_000_000, "1000000 bytes"),
        (b'{"kind":"payment","id":1}', "v is None"),
        (b'{"v":2,"kind":"payment","id":1}', "v is 2"),
        (b'{"v":true,"kind":"payment","id":1}', "v is True"),
        (b'{"v":1,"kind":"refund","id":1}', "kind is 'refund'"),
        (b'{"v":1,"kind":["payment"],"id":1}', "kind is"),
        (b'{"v":1,"kind":"payment"}', "id None"),
        (b'{"v":1,"kind":"payment","id":true}', "id True"),
        (b'{"v":1,"kind":"payment","id":1.5}', "id 1.5"),
        (b'{"v":1,"kind":"payment","id":-1}', "id '-1'"),
        (b'{"v":1,"kind":"payment","id":"1/../2"}', "id '1/../2'"),
        (b'{"v":1,"kind":"payment","id":"' + b"9" * 40 + b'"}', "not the id"),
        (b'{"v":1,"kind":"payment","id":' + b"9" * 40 + b"}", "not the id"),
        (b'{"v":1,"kind":"payment","id":' + b"9" * 4000 + b"}", "not the id"),
        ('{"v":1,"kind":"payment","id":"١٢"}'.encode(), "not the id"),
        (b'{"v":1,"kind":"order","id":"12"}', "not the id"),
    ],
)
def test_what_is_no_doorbell_is_refused_with_a_reason(payload, says):
    with pytest.raises(BadMessageError) as refusal:
        decode_doorbell(payload)
    assert says in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("order", "announced"),
    [
        ("ORD01KA0000000000000000000AA", Announcement(id="ORD01KA0000000000000000000AA")),
        ("ORDTST01KA0000000000000000000AA", Announcement(id="ORDTST01KA0000000000000000000AA")),
        ("CAJA01-000417", Announcement(reference="CAJA01-000417")),
        ("ORD-1", Announcement(reference="ORD-1")),
    ],
)
def test_an_announcement_names_an_order_by_its_id_or_by_its_reference(order, announced):
    assert decode_announcement(encode({"v": 1, "order": order, "later": "key"})) == announced


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not JSON"),
        (b'{"order":"CAJA01-000417"}', "v is None"),
        (b'{"v":1}', "order is None"),
        (b'{"v":1,"order":""}', "order is ''"),
        (b'{"v":1,"order":417}', "order is 417"),
        (b'{"v":1,"order":["a"]}', "order is ['a']"),
        (b'{"v":1,"order":"a/../b"}', "order is 'a/../b'"),
        (b'{"v":1,"order":"' + b"a" * 65 + b'"}', "it must be an order's id"),
        (b'{"v":1,"order":' + b"9" * 4000 + b"}", "it must be an order's id"),
        ('{"v":1,"order":"ñandú"}'.encode(), "order is 'ñandú'"),
    ],
)
def test_what_is_no_announcement_is_refused_with_a_reason(payload, says):
    with pytest.raises(BadMessageError) as refusal:
        decode_announcement(payload)
    assert says in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_the_topics_of_a_till():
    topics = Topics("tills", "CAJA01")
    assert (topics.orders, topics.status, topics.tickets) == (
        "tills/CAJA01/orders",
        "tills/CAJA01/status",
        "tills/CAJA01/tickets",
    )


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "caja 1", "x" * 65, "cajá"])
def test_what_can_not_be_the_name_of_a_till(name):
    assert not wire.is_till_id(name)
