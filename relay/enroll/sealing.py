"""Answering a claim: a till's bundle is signed, and sealed so that only the till with this code can open it.

The code is a hash of the till's key, so whoever enrolls it need not trust anybody in between, not even the relay. The
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

from edge.contract.claims import MAX_SEALED_BYTES, code_of, encode_bundle, parse_code, shown
from edge.contract.mqtt import BadMessageError
from relay.claims import ClaimError, StoredClaim, store_bundle, stored_claims
from relay.config import ClaimFiles, Config

if TYPE_CHECKING:
    from nacl.signing import SigningKey

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78
KEY_BYTES = 32


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


@dataclass(frozen=True)
class Recipient:
    """The till that printed a code, and what is needed to send it a bundle. `find_recipient` makes it."""

    stored: StoredClaim
    files: ClaimFiles
    key: "SigningKey"

    def send(self, bundle: Mapping[str, str]) -> None:
        """Sign and seal a bundle, and store it for the till to fetch. Raises `ClaimError`."""
        from nacl.public import PublicKey, SealedBox

        signed = self.key.sign(encode_bundle(self.stored.claim.code, bundle))
        box = SealedBox(PublicKey(bytes.fromhex(self.stored.public_key)))
        sealed = box.encrypt(bytes(self.key.verify_key) + bytes(signed))
        if len(sealed) > MAX_SEALED_BYTES:
            raise ClaimError(
                f"the bundle has {len(sealed)} bytes, a till takes {MAX_SEALED_BYTES}; is ca_file so large?"
            )
        try:
            store_bundle(self.files.folder, self.stored.public_key, sealed)
        except OSError as error:
            raise ClaimError(f"can't write into {self.files.folder}: {error.strerror}; enroll it --again") from None


def find_recipient(config: Config, code: str) -> Recipient:
    """Return the till that printed this code. Raises `ClaimError`."""
    files = claim_files(config)
    stated = [each for each in _all(files) if each.claim.code == code]
    for each in stated:
        if code_of(bytes.fromhex(each.public_key), each.claim.serial) == code:
            return Recipient(each, files, _signing_key(files.key_file))
    if stated:
        raise ClaimError(
            f"somebody between the till and here claims {shown(code)} with a key or a serial that is not that till's; "
            "nothing was sent. Check who can write here and in the web server in front"
        )
    raise ClaimError(
        f"no till claims {shown(code)}; is it written as on the slip, and has that till reached the internet? "
        "`till-relay claims` lists those that have"
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
        from nacl.signing import SigningKey
    except ImportError:
        raise ClaimError("this needs PyNaCl: apt install python3-nacl, or pip install 'till-edge[relay]'") from None
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
    """One line for each claim, beginning with what is printed on the slip."""
    rows = [("code", "serial", "claimed", "last seen", "from", ""), *map(_row, claims)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) if claims else "no till waits for its bundle"


def _row(each: StoredClaim) -> tuple[str, str, str, str, str, str]:
    since, seen = (time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) for moment in (each.since, each.seen))
    note = "enrolled, not fetched yet" if each.enrolled else ""
    return shown(each.claim.code), each.claim.serial, since, seen, each.address, note
