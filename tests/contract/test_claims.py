"""The code of a claim, and what is refused of a claim and of a bundle."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.claims import (
    CODE_ALPHABET,
    CODE_LENGTH,
    NAMEPLATE_LENGTH,
    SECRET_LENGTH,
    Claim,
    decode_bundle,
    decode_claim,
    encode_bundle,
    encode_claim,
    make_code,
    nameplate,
    parse_code,
    shown,
    signed_text,
)
from edge.contract.mqtt import BadMessageError
from tests.support.bent import anything, bent
from tests.support.examples import examples
from tests.support.refusals import assert_fit_to_be_shown

CLAIM = Claim("K7QM", "10000000abcdef01", "0.1.0", "ab" * 32)
OLD_CLAIM = b'{"v":1,"code":"K7QMX4TZ9C","serial":"10000000abcdef01","release":"0.1.0"}'
"""Of a till before SPAKE2."""

values = st.lists(
    st.integers(0, 31), min_size=NAMEPLATE_LENGTH + SECRET_LENGTH, max_size=NAMEPLATE_LENGTH + SECRET_LENGTH
)
places = st.integers(0, CODE_LENGTH - 1)


@examples(200)
@given(values)
def test_a_code_is_read_as_it_is_printed_and_as_people_type_it(values):
    code = make_code(values)
    assert parse_code(shown(code)) == code
    assert parse_code(f" {shown(code).lower().replace('0', 'o').replace('1', 'l')} ") == code
    assert code.startswith(nameplate(code))


@examples(200)
@given(values, places, st.sampled_from(CODE_ALPHABET))
def test_one_wrong_character_is_no_code(values, place, character):
    code = make_code(values)
    wrong = code[:place] + character + code[place + 1 :]
    if wrong == code:
        return
    with pytest.raises(BadMessageError, match="a character is wrong"):
        parse_code(wrong)


def test_characters_that_changed_places_are_no_code_but_for_one_pair_in_31():
    taken = 0
    for one in CODE_ALPHABET:
        for other in CODE_ALPHABET:
            code = make_code([CODE_ALPHABET.index(each) for each in f"K7QMX{one}{other}Z9"])
            changed = code[:5] + other + one + code[7:]
            with contextlib.suppress(BadMessageError):
                taken += changed != code and bool(parse_code(changed))
    assert taken == 32


def test_a_claim_comes_back_as_it_was_sent():
    assert decode_claim(encode_claim(CLAIM)) == CLAIM
    assert b"K7QMX" not in encode_claim(CLAIM), "nothing of the secret half"


def test_a_till_of_an_older_release_is_told_so():
    with pytest.raises(BadMessageError, match="install the relay's release of till-edge"):
        decode_claim(OLD_CLAIM)


@examples(300)
@given(anything | bent(encode_claim(CLAIM), OLD_CLAIM))
def test_what_anybody_sends_is_a_claim_or_it_is_refused(payload):
    try:
        claim = decode_claim(payload)
    except BadMessageError as refusal:
        assert_fit_to_be_shown(refusal)
    else:
        assert decode_claim(encode_claim(claim)) == claim


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"v":1,"files":{}}', b'{"v":2}', b'{"v":2,"files":[]}', b'{"v":2,"files":{"a":1}}']
)
def test_what_is_no_bundle_is_refused(payload):
    with pytest.raises(BadMessageError):
        decode_bundle(payload)


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "/a", ".a", "-a", "a" * 65, "a\n", "a\0"])
def test_a_file_of_a_bundle_lies_in_its_folder(name):
    with pytest.raises(BadMessageError, match="a file that can't be one"):
        decode_bundle(encode_bundle({name: "x"}))


def test_a_bundle_keeps_its_files():
    files = {"config.yaml": "till: {}\n", "access_token": "ñ"}
    assert decode_bundle(encode_bundle(files)) == {name: text.encode() for name, text in files.items()}
    with pytest.raises(BadMessageError):
        decode_bundle(json.dumps({"v": 2, "files": {"a": "\ud800"}}).encode())


def test_what_is_signed_begins_with_what_it_is_for():
    assert signed_text(b"till", b"desk", b"payload") == b"till-edge bundle 2\ntilldeskpayload"
