"""A claimed bundle on its way from the claimant to root, who adopts it.

The claimant talks to the internet and has no rights. An attacker who takes it over can leave any file here, so root
believes nothing of it: the file is read as a stranger's, the signature is checked again, the configuration can name
nothing outside the bundle, and a till that has a configuration keeps it.
"""

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from edge.config.schema import ConfigError
from edge.contract.claims import MAX_SEALED_BYTES, decode_bundle, signed_text
from edge.install.adopt.boot_partition import CardError
from edge.install.adopt.bundle import CONFIGURATION, KNOWN_NAMES, adopt, resume
from edge.install.claim.place import place_on_card, relay_url_files
from edge.machine.files import read_plain, sync, write_whole

BUNDLE_FILE: Final = "bundle"
"""In the claimant's folder; till-edge-adopt.service looks for it."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64
TILL_SHARE_BYTES = 32
DESK_SHARE_BYTES = 33
"""With SPAKE2's letter for the side in front."""
POSSIBLE_NAME = re.compile("|".join((*KNOWN_NAMES, r"notification_address\.txt", r"[a-z_-]+\.(pem|crt|key|png)")))
"""Of a file that a desk sends. Others in the folder of the configuration are not a desk's to write: `relay_url`."""


class BundleError(Exception):
    """A bundle is not for this till, or not from somebody it trusts."""


@dataclass(frozen=True)
class ClaimedBundle:
    """What was sealed, and for which exchange. The claimant opens it; the claimant and then root look into it."""

    signer: bytes
    signature: bytes
    till_share: bytes
    desk_share: bytes
    payload: bytes

    def encode(self) -> bytes:
        return b"".join(astuple(self))

    def files(self, signer: str) -> dict[str, bytes]:
        """The files, by name, if `signer` has signed them; "" stands for anybody. Raises `BundleError`."""
        if signer not in ("", self.signer.hex()):
            by = f"the bundle that came is signed by {self.signer.hex()}"
            raise BundleError(f"{by}, and this till's card names {signer}")
        try:
            signed = signed_text(self.till_share, self.desk_share, self.payload)
            VerifyKey(self.signer).verify(signed, self.signature)
            files = decode_bundle(self.payload)
        except (CryptoError, ValueError, TypeError) as error:
            raise BundleError(f"the bundle that came is not signed as it should be, or broken: {error}") from None
        if odd := sorted(name for name in files if not POSSIBLE_NAME.fullmatch(name)):
            raise BundleError(f"the bundle that came has a file that no desk sends: {odd[0]!r}")
        return files


def decode(content: bytes) -> ClaimedBundle:
    """Take apart what `ClaimedBundle.encode` has put together. Too short a content makes one that nobody signed."""
    ends = list(accumulate((KEY_BYTES, SIGNATURE_BYTES, TILL_SHARE_BYTES, DESK_SHARE_BYTES)))
    signer, signature, till_share, desk_share = (content[begin:end] for begin, end in pairwise([0, *ends]))
    return ClaimedBundle(signer, signature, till_share, desk_share, content[ends[-1] :])


def leave(bundle: ClaimedBundle, folder: Path) -> Path:
    """Leave a bundle for root; it is on the disk when this returns. Raises `OSError`."""
    path = folder / BUNDLE_FILE
    write_whole(path, bundle.encode(), 0o600)
    return path


def adopt_claimed(path: Path, home: Path) -> None:
    """Adopt the bundle that a claimant has left at `path`, as the configuration in `home`, and delete it.

    Raises `ConfigError` for an unfit bundle, which is deleted all the same, and `CardError` for a failing card.
    """
    try:
        resume(home)
        if (home / CONFIGURATION).exists():
            _delete(path)
            print(f"{path}: deleted; {home} has a configuration already")
            return
        files = _adopt(path, home)
    except OSError as error:
        raise CardError(f"{home}: can't be written: {error.strerror}; make room, or use another card") from None
    except BaseException:
        _delete(path)
        raise
    _delete(path)
    print(f"{home}: {', '.join(sorted(files))}, adopted from {path} and deleted there")


def _adopt(path: Path, home: Path) -> Mapping[str, bytes]:
    signer = place_on_card(relay_url_files(home)).signer
    try:
        files = decode(_read(path)).files(signer)
    except BundleError as error:
        raise ConfigError([f"{path}: {error}; enroll the till again"]) from None
    adopt(files, home, confined=True)
    return files


def _read(path: Path) -> bytes:
    try:
        return read_plain(path, MAX_SEALED_BYTES, path.parent.stat().st_uid)
    except OSError as error:
        raise BundleError(f"can't be read: {error.strerror}") from None


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        sync(path.parent)
    except OSError as error:
        raise CardError(f"{path}: can't be deleted: {error.strerror}; delete it by hand") from None
