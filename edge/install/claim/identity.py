"""The key of a till that has no bundle yet, and the code on its slip, which is derived from the key.

The key is on the disk before anybody sees the code, so that a slip stays true whenever the power goes. Only root can
read it, and it is deleted as soon as the bundle is adopted.
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
from edge.contract.mqtt import BadMessageError
from edge.machine.files import sync, write_whole

log = logging.getLogger(__name__)

KEY_FILE = "key.json"
KEY_BYTES = 32


class BundleError(Exception):
    """A bundle is not for this till, or not from somebody it trusts."""


@dataclass(frozen=True)
class Identity:
    """Who this till is until it has its bundle. Made or loaded when it starts to claim."""

    serial: str
    private_key: bytes = field(repr=False)

    @cached_property
    def public_key(self) -> bytes:
        return bytes(PrivateKey(self.private_key).public_key)

    @cached_property
    def code(self) -> str:
        """Some tenths of a second to compute."""
        return code_of(self.public_key, self.serial)

    def open(self, sealed: bytes, signer: bytes | None) -> dict[str, bytes]:
        """The files of a sealed bundle, by name. With a `signer`, only its bundles are taken. Raises `BundleError`."""
        try:
            opened = SealedBox(PrivateKey(self.private_key)).decrypt(sealed)
            sender, signed = opened[:KEY_BYTES], opened[KEY_BYTES:]
            payload = VerifyKey(sender).verify(signed)
        except (CryptoError, ValueError, TypeError):
            raise BundleError("a bundle came that this till can't open") from None
        if signer is not None and sender != signer:
            by = f"the bundle that came is signed by {sender.hex()}"
            raise BundleError(f"{by}, and this till's card names {signer.hex()}")
        try:
            return decode_bundle(payload, self.code)
        except BadMessageError as error:
            raise BundleError(str(error)) from None


def load_or_make(folder: Path, serial: str) -> Identity:
    """The identity in `folder`, or a new one if there is none, or only that of another machine.

    Raises `OSError`.
    """
    path = folder / KEY_FILE
    try:
        found = json.loads(path.read_text())
        identity = Identity(found["serial"], bytes.fromhex(found["private_key"]))
        if identity.serial == serial and len(identity.private_key) == KEY_BYTES:
            return identity
        log.warning("%s is the key of another machine: this card is a copy, and gets a new key", path)
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        log.warning("%s can't be read; this till gets a new key", path)
    identity = Identity(serial, bytes(PrivateKey.generate()))
    _save(path, json.dumps({"serial": serial, "private_key": identity.private_key.hex()}))
    return identity


def forget(folder: Path) -> None:
    """Delete the key; the deletion is on the disk when this returns."""
    (folder / KEY_FILE).unlink(missing_ok=True)
    sync(folder)


def _save(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, text.encode(), 0o600)
