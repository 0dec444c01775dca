"""The key of a till that has no bundle yet, and the code on its slip, which is made from the key.

The key is on the disk before anybody sees the code, so that whatever moment the power goes the slip stays true. It is
readable by root only, and forgotten as soon as the bundle is adopted.
"""

import json
import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from nacl.signing import VerifyKey

from edge.contract.claims import code_of, decode_bundle
from edge.contract.mqtt import BadMessage
from edge.machine.files import sync, write_whole

log = logging.getLogger(__name__)

FILE = "key.json"
KEY_BYTES = 32


class BadBundle(Exception):
    """What came is not for this till, or not from whom it trusts."""


@dataclass(frozen=True)
class Identity:
    """Who this till is, until it has its bundle."""

    serial: str
    private_key: bytes = field(repr=False)

    @cached_property
    def public_key(self) -> bytes:
        return bytes(PrivateKey(self.private_key).public_key)

    @cached_property
    def code(self) -> str:
        """Costs some tenths of a second."""
        return code_of(self.public_key, self.serial)

    def open(self, sealed: bytes, signer: bytes | None) -> dict[str, bytes]:
        """Return the files of a bundle, by name. `signer`: whose bundles alone are taken. Raises `BadBundle`."""
        try:
            opened = SealedBox(PrivateKey(self.private_key)).decrypt(sealed)
            sender, signed = opened[:KEY_BYTES], opened[KEY_BYTES:]
            payload = VerifyKey(sender).verify(signed)
        except (CryptoError, ValueError, TypeError):
            raise BadBundle("a bundle came that this till can't open") from None
        if signer is not None and sender != signer:
            raise BadBundle(f"a bundle came that {sender.hex()} has signed, and this till's card names {signer.hex()}")
        try:
            return decode_bundle(payload, self.code)
        except BadMessage as error:
            raise BadBundle(str(error)) from None


def load_or_make(folder: Path, serial: str) -> Identity:
    """Return the identity that lies in `folder`; a new one where there is none, or that of another machine.

    Raises `OSError`.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text())
        identity = Identity(found["serial"], bytes.fromhex(found["private_key"]))
        if identity.serial == serial and len(identity.private_key) == KEY_BYTES:
            return identity
        log.warning("%s is the key of another machine: this card is a copy; a new key is made", path)
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        log.warning("%s can't be read; a new key is made", path)
    identity = Identity(serial, bytes(PrivateKey.generate()))
    _keep(path, json.dumps({"serial": serial, "private_key": identity.private_key.hex()}))
    return identity


def forget(folder: Path) -> None:
    """There is no more need of the key."""
    (folder / FILE).unlink(missing_ok=True)
    sync(folder)


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, text.encode(), 0o600)
