"""Answering a claim: a till's bundle is signed, and sealed so that only the till with this code can open it.

The key comes of SPAKE2 over the code, so whoever enrolls it need not trust anybody in between, not even the relay. The
signature lets a till whose card names our key refuse bundles of anybody else.
"""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.claims import (
    MAX_SEALED_BYTES,
    SERIAL,
    encode_bundle,
    nameplate,
    parse_code,
    password,
    shown,
    signed_text,
)
from edge.contract.mqtt import BadMessageError
from relay.claims import ClaimError, StoredClaim, store_bundle, stored_claims
from relay.config import ClaimFiles, Config

if TYPE_CHECKING:
    from nacl.signing import SigningKey
    from spake2 import SPAKE2_B

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78
KEY_BYTES = 32
SERIAL_END_LENGTH = 4


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `till-relay claims`."""
    parser.add_argument("--card", action="store_true", help="print the line for the file relay_url on the tills' cards")


def run(config: Config, options: argparse.Namespace) -> int:
    """List the tills that wait for their bundle, or print the line that says where a till claims."""
    try:
        files = claim_files(config)
        if options.card:
            print(f"{config.public_url}#{bytes(_signing_key(files.key_file).verify_key).hex()}")
        else:
            print(_table(sorted(_all(files), key=lambda each: each.since)))
    except ClaimError as error:
        print(error, file=sys.stderr)
        return FAILED
    return DONE


def claim_files(config: Config) -> ClaimFiles:
    """Return the section `claims`. Raises `ClaimError` if the configuration has none."""
    if config.claims is None:
        raise ClaimError("the configuration has no section claims; relay.example.yaml has one")
    return config.claims


def code_argument(text: str) -> str:
    """Read a code from the command line, for argparse."""
    try:
        return parse_code(text)
    except BadMessageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def serial_argument(text: str) -> str:
    """Read the end of a serial from the command line, for argparse."""
    if not SERIAL.fullmatch(text.strip()) or len(text.strip()) < SERIAL_END_LENGTH:
        wanted = f"give the N.º on the slip, or its last {SERIAL_END_LENGTH} characters or more"
        raise argparse.ArgumentTypeError(f"{text!r} is no serial: {wanted}")
    return text.strip()


@dataclass(frozen=True)
class Recipient:
    """The till that waits under a code, and what is needed to send it a bundle. `find_recipient` makes it."""

    stored: StoredClaim
    code: str
    files: ClaimFiles
    key: "SigningKey"

    def send(self, bundle: Mapping[str, str]) -> None:
        """Sign and seal a bundle, and store it for the till to fetch. Raises `ClaimError`."""
        sealed = self._seal(encode_bundle(bundle))
        if len(sealed) > MAX_SEALED_BYTES:
            size = f"the bundle has {len(sealed)} bytes, a till takes {MAX_SEALED_BYTES}"
            raise ClaimError(f"{size}; is ca_file so large?")
        try:
            store_bundle(self.files.folder, self.stored.share, sealed)
        except OSError as error:
            raise ClaimError(f"can't write into {self.files.folder}: {error.strerror}; enroll it --again") from None

    def _seal(self, payload: bytes) -> bytes:
        """Our half of the exchange, and behind it what only a till that knows the code can open."""
        from nacl.secret import SecretBox
        from spake2 import SPAKE2_B

        claim, till_share = self.stored.claim, bytes.fromhex(self.stored.share)
        half = SPAKE2_B(password(self.code), idA=claim.serial.encode(), idB=bytes.fromhex(claim.signer))
        desk_share = half.start()
        signature = self.key.sign(signed_text(till_share, desk_share, payload)).signature
        session_key = _finish(half, till_share)
        return bytes(desk_share + SecretBox(session_key).encrypt(bytes(self.key.verify_key) + signature + payload))


def _finish(half: "SPAKE2_B", till_share: bytes) -> bytes:
    from spake2 import SPAKEError
    from spake2.ed25519_basic import NotOnCurve

    try:
        return bytes(half.finish(b"A" + till_share))
    except (SPAKEError, NotOnCurve, ValueError):
        raise ClaimError("this claim is no till's: somebody has made it up; nothing was sent") from None


def find_recipient(config: Config, code: str, serial_end: str | None) -> Recipient:
    """Return the till that waits under this code, and whose serial ends so. Raises `ClaimError`.

    Somebody in between can have written all of a claim. Not knowing the code, he gets one guess for a bundle, and none
    if the true claim is beside his.
    """
    files = claim_files(config)
    found = [each for each in _all(files) if each.claim.nameplate == nameplate(code)]
    if serial_end is not None:
        found = [each for each in found if each.claim.serial.lower().endswith(serial_end.lower())]
    match found:
        case []:
            raise ClaimError(NOBODY_CLAIMS.format(code=shown(code)))
        case [stored]:
            key = _signing_key(files.key_file)
            _check_signer(stored.claim.signer, bytes(key.verify_key).hex())
            return Recipient(stored, code, files, key)
    raise ClaimError(SEVERAL_CLAIM.format(number=len(found), nameplate=nameplate(code)))


NOBODY_CLAIMS = (
    "no till claims {code}; are code and serial as on its newest slip, and has that till reached the internet? "
    "`till-relay claims` lists those that have"
)
SEVERAL_CLAIM = (
    "{number} tills wait with codes that begin with {nameplate}; nothing was sent. Add --serial and the whole N.º on "
    "the slip. If you have, somebody imitates that till: on it, remove /var/lib/till-edge-claim/key.json and switch it "
    "on again, and it prints a new code"
)


def _check_signer(named: str, ours: str) -> None:
    if named not in ("", ours):
        raise ClaimError(
            f"that till's card names the key {named}, and ours is {ours}: it would not take the bundle, and nothing "
            "was sent. Write the line of `till-relay claims --card` into its file relay_url, and switch it on again"
        )


def _all(files: ClaimFiles) -> list[StoredClaim]:
    try:
        return list(stored_claims(files.folder))
    except OSError as error:
        raise ClaimError(
            f"{files.folder} can't be read: {error.strerror}; are you root, and has the relay run?"
        ) from None


def _signing_key(path: Path) -> "SigningKey":
    """Read our key; make one if there is none."""
    try:
        import spake2  # noqa: F401  # needed when it comes to sealing, and nothing is done before that is sure
        from nacl.signing import SigningKey
    except ImportError:
        needs = "this needs PyNaCl and spake2: apt install python3-nacl python3-spake2"
        raise ClaimError(f"{needs}, or pip install 'till-edge[relay]'") from None
    try:
        if not path.exists():
            _make_key(path)
        return SigningKey(bytes.fromhex(path.read_text().strip()))
    except OSError as error:
        raise ClaimError(f"claims.key_file: {path}: {error.strerror}; are you root?") from None
    except ValueError:  # not hexadecimal, or of another length
        raise ClaimError(f"claims.key_file: {path} holds no key; remove it, and a new one is made") from None


def _make_key(path: Path) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
        file.flush()
        os.fsync(file.fileno())


def _table(claims: list[StoredClaim]) -> str:
    """One line for each claim, beginning with what the code on its slip begins with. Nobody here knows the rest."""
    rows = [("code", "serial", "claimed", "last seen", "from", ""), *map(_row, claims)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) if claims else "no till waits for its bundle"


def _row(each: StoredClaim) -> tuple[str, str, str, str, str, str]:
    since, seen = (time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) for moment in (each.since, each.seen))
    note = "enrolled, not fetched yet" if each.enrolled else ""
    return f"{each.claim.nameplate}…", each.claim.serial, since, seen, each.address, note
