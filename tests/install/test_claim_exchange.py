"""The exchange over a claim's code: who can open a bundle, and what somebody at the relay learns who tries.

The attacks are mounted as they would be: with all that the relay ever holds, and our own library for the attacker.
"""

import json
import os

import pytest
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.signing import SigningKey
from spake2 import SPAKE2_A

from edge.contract.claims import CODE_ALPHABET, make_code, nameplate, password
from edge.install.claim.identity import (
    KEY_FILE,
    BundleError,
    Identity,
    WrongCodeError,
    load_or_make,
    make,
    renewed,
    save,
)
from relay.claims import StoredClaim
from relay.config import ClaimFiles
from relay.enroll.sealing import Recipient

SERIAL = "10000000abcdef01"
FILES = {"access_token": "APP_USR-1"}
OPENED = {"access_token": b"APP_USR-1"}
KEY = SigningKey(bytes(range(32)))
SIGNER = bytes(KEY.verify_key).hex()
LAST_TWO = [(one, other) for one in range(32) for other in range(32)]
"""All codes for somebody who knows all but two characters of the secret: 2^10 of 2^25."""


def desk(till: Identity, folder, code: str = "", key: SigningKey = KEY) -> Recipient:
    """What `till-relay enroll` has when somebody typed a code."""
    stored = StoredClaim(till.share, till.claim("0.1.0"), "192.0.2.7", 0, 0, None)
    return Recipient(stored, code or till.code, ClaimFiles(folder, folder / "key"), key)


def sealed_for(till: Identity, folder, code: str = "", key: SigningKey = KEY) -> bytes:
    """The bundle as the relay holds it."""
    desk(till, folder, code, key).send(FILES)
    return (folder / f"{till.share}.bundle").read_bytes()


def codes_like(code: str) -> list[str]:
    known = [CODE_ALPHABET.index(each) for each in code[:7]]
    return [make_code([*known, *last]) for last in LAST_TWO]


# --- who can open it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signer", ["", SIGNER])
def test_who_has_the_code_gets_the_bundle(tmp_path, signer):
    till = make(SERIAL, signer)
    assert till.open(sealed_for(till, tmp_path)).files(signer) == OPENED


def test_another_code_opens_nothing(tmp_path):
    till = make(SERIAL, "")
    wrong = next(code for code in codes_like(till.code) if code != till.code)
    with pytest.raises(WrongCodeError):
        till.open(sealed_for(till, tmp_path, wrong))


def test_a_bundle_opens_in_its_own_exchange_only(tmp_path):
    """A replay: the relay hands out an old bundle."""
    till = make(SERIAL, SIGNER)
    old = sealed_for(till, tmp_path)
    with pytest.raises(WrongCodeError):
        renewed(till, guessed=False).open(old)
    with pytest.raises(WrongCodeError):
        make(SERIAL, SIGNER).open(old)


@pytest.mark.parametrize("noise", [b"", b"x", bytes(33), bytes(200), b"B" + bytes(100), bytes(64 * 1024)])
def test_noise_is_no_bundle(noise):
    with pytest.raises(WrongCodeError, match="sealed without this till's code"):
        make(SERIAL, "").open(noise)


def test_each_bit_that_changes_on_the_way_spoils_it(tmp_path):
    till = make(SERIAL, "")
    sealed = sealed_for(till, tmp_path)
    for place in (0, 1, 20, 32, 33, 50, 57, 80, len(sealed) - 1):
        bent = bytearray(sealed)
        bent[place] ^= 1
        with pytest.raises(WrongCodeError):
            till.open(bytes(bent))


def test_a_share_sent_back_to_where_it_came_from_opens_nothing():
    till = make(SERIAL, "")
    for side in (b"A", b"B", b"S"):
        with pytest.raises(WrongCodeError):
            till.open(side + bytes.fromhex(till.share) + bytes(100))


def test_who_knows_the_code_but_has_not_the_key_on_the_card_gets_nothing_taken(tmp_path):
    till = make(SERIAL, SIGNER)
    with pytest.raises(BundleError, match=r"is signed by .*, and this till's card names") as refused:
        till.open(sealed_for(till, tmp_path, key=SigningKey.generate())).files(SIGNER)
    assert not isinstance(refused.value, WrongCodeError), "the code was right"


def test_a_signature_for_one_exchange_is_none_for_another(tmp_path):
    """Somebody who knows the code puts the signed part of an old bundle into a new exchange."""
    till = make(SERIAL, SIGNER)
    new = renewed(till, guessed=False)
    moved = {"old": sealed_for(till, tmp_path), "new": sealed_for(new, tmp_path)}
    keys = {name: session_key(each, moved[name]) for name, each in (("old", till), ("new", new))}
    signed = SecretBox(keys["old"]).decrypt(moved["old"][33:])
    with pytest.raises(BundleError, match="not signed as it should be"):
        new.open(moved["new"][:33] + bytes(SecretBox(keys["new"]).encrypt(signed))).files(SIGNER)


def session_key(till: Identity, sealed: bytes) -> bytes:
    return SPAKE2_A.from_serialized(till.exchange.encode()).finish(sealed[:33])


# --- tables, and what else can be prepared or tried offline -----------------------------------------------------------


@pytest.mark.slow
def test_a_table_made_in_advance_opens_nothing(tmp_path):
    """The attacker at the relay has a share of his own ready for every code, and takes the till's place with one.

    He sees nameplate and serial and is even told all of the code but two characters. Which of his 1,024 shares he puts
    there has to be decided before the desk answers, so 8 tills give him 8 guesses, whatever he computes.
    """
    opened = 0
    for _ in range(8):
        till = make(SERIAL, SIGNER)
        table = [code for code in codes_like(till.code) if nameplate(code) == nameplate(till.code)]
        assert till.code in table
        bet = table[int.from_bytes(os.urandom(2)) % len(table)]
        own = load_attacker(till, bet)
        sealed = sealed_for(replace_share(till, own), tmp_path, till.code)
        opened += any(opens(retold(own, code), sealed) for code in table[:32]) or opens(own, sealed)
    assert opened <= 1


def load_attacker(till: Identity, code: str) -> Identity:
    """A share that somebody made with a bet on a code, under the till's serial and signer."""
    return renewed(Identity(till.serial, till.signer, code, "", ""), guessed=False)


def replace_share(till: Identity, own: Identity) -> Identity:
    return Identity(till.serial, till.signer, till.code, own.exchange, own.share)


def retold(own: Identity, code: str) -> Identity:
    """The same secret number, told that the code was another one: what trying codes offline comes to."""
    kept = json.loads(own.exchange)
    return Identity(own.serial, own.signer, code, json.dumps({**kept, "password": password(code).hex()}), own.share)


def opens(till: Identity, sealed: bytes) -> bool:
    try:
        SecretBox(session_key(till, sealed)).decrypt(sealed[33:])
    except CryptoError:
        return False
    return True


@pytest.mark.slow
def test_who_only_listens_can_try_no_code_offline(tmp_path):
    """All of the relay's files, and every code with every secret number that the attacker likes: nothing to compare."""
    till = make(SERIAL, "")
    sealed = sealed_for(till, tmp_path)
    assert opens(till, sealed), "or this shows nothing"
    assert not any(opens(load_attacker(till, code), sealed) for code in [*codes_like(till.code)[:50], till.code])


def test_one_bet_on_the_right_code_does_win(tmp_path):
    """The attack above is mounted rightly: with the right code it opens the bundle."""
    till = make(SERIAL, SIGNER)
    own = load_attacker(till, till.code)
    assert opens(own, sealed_for(replace_share(till, own), tmp_path))


def test_no_part_of_the_code_but_its_nameplate_leaves_the_till(tmp_path):
    till = make(SERIAL, SIGNER)
    everything = repr(till.claim("0.1.0")) + till.share + sealed_for(till, tmp_path).hex() + repr(till)
    assert till.code[:4] in everything
    assert till.code[4:9] not in everything


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_what_is_kept_is_what_it_was(tmp_path):
    made = load_or_make(tmp_path, SERIAL, SIGNER)
    save(tmp_path, renewed(made, guessed=True))
    kept = load_or_make(tmp_path, SERIAL, SIGNER)
    assert (kept.code, kept.wrong_bundles) == (made.code, 1)
    assert kept.share != made.share
    assert load_or_make(tmp_path, "another", SIGNER).code != made.code


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "x", '{"serial": 1}', '{"serial":"1","private_key":"00"}', '{"serial": "\\ud800"}']
)
def test_a_file_that_can_not_be_read_is_replaced(tmp_path, text):
    (tmp_path / KEY_FILE).write_text(text)
    assert load_or_make(tmp_path, SERIAL, "").serial == SERIAL


@pytest.mark.parametrize("name", ["serial", "signer", "code", "exchange", "share", "wrong_bundles"])
@pytest.mark.parametrize("value", [None, 7, "", "x", [], "{}", '{"side":"A"}'])
def test_a_field_that_is_not_ours_replaces_the_file_or_does_no_harm(tmp_path, name, value):
    made = load_or_make(tmp_path, SERIAL, "")
    (tmp_path / KEY_FILE).write_text(json.dumps({**json.loads((tmp_path / KEY_FILE).read_text()), name: value}))
    found = load_or_make(tmp_path, SERIAL, "")
    assert found == made or found.open(sealed_for(found, tmp_path)).files(SIGNER) == OPENED


# --- releases ---------------------------------------------------------------------------------------------------------

KEPT = (
    '{"hashed_params": "8cdd8eb1abd98ba5c45665970f50a726c33d0ea6001daeef354dfb8afa299129", "side": "A", '
    '"idA": "31303030303030306162636465663031", '
    '"idB": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8", '
    '"password": "74696c6c2d6564676520636c61696d2032204b37514d5834545a394d", '
    '"xy_scalar": "40ac08cb35c584e9fcb2d87b0edd439db0b182b28701735ff94dcbc510dd3800"}'
)
SHARE = "d6f625060c13c14f7ffce5ac240f689a01fcfcfe5885e399878071f16be94d8f"
SEALED = (
    "42e28c5e291102e6dd6d9cb8fd936481c59faee8bb77bf3848a8ae06c78d67c023fc2ebf7bf37bc4beb79b89fa54cebc41f95bf06ec8fe2e"
    "6472cfeabafd0908b57898d259099650f2033830b9f9a8e31a52dda82347c0c66cf9d9b37b694d8d7360e49b615b6f5a0c4adbc06029a0ea"
    "62ecf84af825f63daa042d08deeb59659d5dbbb593090c31efd38d9c95b4e50478040756b8de7d7a4e20c724b09407d4a2da88665a313c65"
    "3ce0bf164bc0157ecc81d62999871325a00b6f97a87794fc5d2696cf37f87f44c97bbe54092f34edbb68d83734"
)


def test_a_bundle_that_an_earlier_release_sealed_is_opened():
    """Tills and relays of different releases must agree, and spake2 0.8 (Bookworm) and 0.9 (Trixie)."""
    till = Identity(SERIAL, SIGNER, "K7QMX4TZ9M", KEPT, SHARE)
    assert till.open(bytes.fromhex(SEALED)).files(SIGNER) == {"config.yaml": b"till: {}\n"}
