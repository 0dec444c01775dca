"""Whether Mercado Pago signed a notification: the documents' rule, the official SDK's, and what is neither."""

import hashlib
import hmac

import pytest
from mercadopago.webhook.validator import InvalidWebhookSignatureError, WebhookSignatureValidator

from relay.web.signature import SIGNATURE_TOLERANCE_S, Signature, examine

KEY = b"the secret of the panel"
NOW = 1772480361.5
SECONDS, MILLISECONDS = "1772480361", "1772480361500"
REQUEST = "2f1c0000-0000-4000-8000-000000000000"
ORDER = "ORD01KA0000000000000000000AA"


def digest(manifest: str, key: bytes = KEY) -> str:
    return hmac.new(key, manifest.encode(), hashlib.sha256).hexdigest()


def signed(data_id: str = ORDER, time: str = SECONDS, key: bytes = KEY) -> str:
    return f"ts={time},v1={digest(f'id:{data_id};request-id:{REQUEST};ts:{time};', key)}"


def result(header: str, request_id: str = REQUEST, data_id: str = ORDER, key: bytes | None = KEY, now: float = NOW):
    return examine(header, request_id, data_id, key, now)


# --- what is verified -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", [SECONDS, MILLISECONDS])
@pytest.mark.parametrize("data_id", [ORDER, ORDER.lower()], ids=["as it comes", "in lower case"])
def test_both_cases_of_the_id_and_both_units_of_time_are_taken(time, data_id):
    assert result(signed(data_id, time)) is Signature.VERIFIED


def test_what_the_official_sdk_verifies_is_verified():
    header = signed("98000000002")
    WebhookSignatureValidator.validate(header, REQUEST, "98000000002", KEY.decode())
    assert result(header, data_id="98000000002") is Signature.VERIFIED


def test_what_the_official_sdk_refuses_is_not_verified():
    header = signed(key=b"another")
    with pytest.raises(InvalidWebhookSignatureError):
        WebhookSignatureValidator.validate(header, REQUEST, ORDER, KEY.decode())
    assert result(header) is Signature.UNVERIFIED


def test_what_is_missing_is_left_out_of_what_is_signed():
    without_id = f"ts={SECONDS},v1={digest(f'request-id:{REQUEST};ts:{SECONDS};')}"
    assert result(without_id, data_id="") is Signature.VERIFIED
    without_request = f"ts={SECONDS},v1={digest(f'id:{ORDER};ts:{SECONDS};')}"
    assert result(without_request, request_id="") is Signature.VERIFIED


def test_blanks_and_the_order_of_the_parts_do_not_matter():
    time, _, v1 = signed().partition(",")
    assert result(f" {v1} , {time} ") is Signature.VERIFIED
    assert result(signed().upper().replace("TS=", "ts=").replace("V1=", "v1=")) is Signature.VERIFIED


# --- what is not ------------------------------------------------------------------------------------------------------


def test_no_header_is_no_signature():
    assert result("") is Signature.ABSENT
    assert result("", key=None) is Signature.ABSENT


def test_without_the_panels_secret_nothing_is_verified():
    assert result(signed(), key=None) is Signature.UNVERIFIED


@pytest.mark.parametrize(
    "change",
    [{"data_id": "ORD01KA0000000000000000000AB"}, {"data_id": ""}, {"request_id": "another"}, {"request_id": ""}],
    ids=str,
)
def test_a_signature_is_of_one_notification_only(change):
    assert result(signed(), **change) is Signature.UNVERIFIED


def test_another_time_than_the_signed_one_is_not_verified():
    assert result(signed().replace(SECONDS, "1772480362")) is Signature.UNVERIFIED


@pytest.mark.parametrize("time", [SECONDS, MILLISECONDS])
@pytest.mark.parametrize("shift", [SIGNATURE_TOLERANCE_S + 1, -SIGNATURE_TOLERANCE_S - 1])
def test_an_old_signature_is_not_verified_again(time, shift):
    assert result(signed(time=time), now=NOW + shift) is Signature.UNVERIFIED


@pytest.mark.parametrize("shift", [SIGNATURE_TOLERANCE_S - 1, 1 - SIGNATURE_TOLERANCE_S])
def test_clocks_may_differ_a_little(shift):
    assert result(signed(time=MILLISECONDS), now=NOW + shift) is Signature.VERIFIED


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "=",
        ",",
        "ts=,v1=",
        f"ts={SECONDS}",
        f"v1={'0' * 64}",
        f"ts={SECONDS},v1=",
        f"ts={SECONDS},v1={'0' * 63}",
        f"ts={SECONDS},v1={'g' * 64}",
        f"ts=-1,v1={'0' * 64}",
        f"ts=1e9,v1={'0' * 64}",
        f"ts=\xb2,v1={'0' * 64}",
        f"ts={SECONDS},v1={'ÿ' * 64}",
        f"ts={'9' * 5000},v1={'0' * 64}",
        f"ts={SECONDS},v2={'0' * 64}",
    ],
)
def test_a_header_that_nobody_can_read_is_not_verified(header):
    assert result(header) is Signature.UNVERIFIED
