"""Who a till is that has no bundle yet: the code on its slip, and its half of a SPAKE2 exchange over that code.

Both are on the disk before anybody sees the code, so that a slip stays true whenever the power goes. Only the daemon's
user can read them, and they are deleted as soon as the bundle is there. One exchange opens one bundle: whoever doesn't
know the code has one guess in it, and after `MAX_WRONG_BUNDLES` guesses the code is void.
"""

import json
import logging
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from spake2 import SPAKE2_A, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from edge.contract.claims import (
    CODE_ALPHABET,
    HEX_KEY,
    NAMEPLATE_LENGTH,
    SECRET_LENGTH,
    Claim,
    make_code,
    nameplate,
    parse_code,
    password,
)
from edge.install.claim.claimed_bundle import (
    DESK_SHARE_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    BundleError,
    ClaimedBundle,
)
from edge.machine.files import sync, write_whole

log = logging.getLogger(__name__)

KEY_FILE = "key.json"
MAX_WRONG_BUNDLES = 5
"""A guess is right once in 2^25. So many also forgive a person at the desk who enrolls a wrong code."""


class WrongCodeError(BundleError):
    """Whoever sealed the bundle didn't know the code: it is a guess."""


@dataclass(frozen=True)
class Identity:
    """Who this till is until it has its bundle. Made or loaded when it starts to claim; the file has its fields."""

    serial: str
    signer: str
    """The key that the card names, in hexadecimal; "" if it names none. SPAKE2 takes it for the desk's name."""
    code: str = field(repr=False)
    exchange: str = field(repr=False)
    """Our half of SPAKE2, as its library keeps it."""
    share: str
    """What the desk needs of our half, in hexadecimal and without the side: the claim's address."""
    wrong_bundles: int = 0

    @property
    def is_void(self) -> bool:
        """Too many guesses were made at the code."""
        return self.wrong_bundles >= MAX_WRONG_BUNDLES

    def claim(self, release: str) -> Claim:
        """What the relay is told."""
        return Claim(nameplate(self.code), self.serial, release, self.signer)

    def open(self, sealed: bytes) -> ClaimedBundle:
        """Open a sealed bundle, in which nothing is looked at yet. Raises `WrongCodeError`."""
        desk_share = sealed[:DESK_SHARE_BYTES]
        try:
            opened = SecretBox(self._session_key(desk_share)).decrypt(sealed[DESK_SHARE_BYTES:])
        except (CryptoError, SPAKEError, NotOnCurve, ValueError, TypeError):
            raise WrongCodeError("a bundle came that was sealed without this till's code") from None
        signer, signature = opened[:KEY_BYTES], opened[KEY_BYTES : KEY_BYTES + SIGNATURE_BYTES]
        payload = opened[KEY_BYTES + SIGNATURE_BYTES :]
        return ClaimedBundle(signer, signature, bytes.fromhex(self.share), desk_share, payload)

    def _session_key(self, desk_share: bytes) -> bytes:
        if len(desk_share) != DESK_SHARE_BYTES:
            raise ValueError("too short")
        key: bytes = _resume(self.exchange).finish(desk_share)
        return key


def make(serial: str, signer: str) -> Identity:
    """A new identity, with a new code."""
    code = make_code([secrets.randbelow(len(CODE_ALPHABET)) for _ in range(NAMEPLATE_LENGTH + SECRET_LENGTH)])
    return Identity(serial, signer, code, *_start_exchange(code, serial, signer))


def renewed(identity: Identity, guessed: bool) -> Identity:
    """The same code in a new exchange. `guessed`: the old one was used up by somebody who didn't know the code."""
    exchange, share = _start_exchange(identity.code, identity.serial, identity.signer)
    return replace(identity, exchange=exchange, share=share, wrong_bundles=identity.wrong_bundles + guessed)


def load_or_make(folder: Path, serial: str, signer: str) -> Identity:
    """The identity in `folder`, or a new one if there is none, or only one that is void or another machine's.

    Raises `OSError`.
    """
    path = folder / KEY_FILE
    try:
        identity = Identity(**json.loads(path.read_text()))
        _check(identity)
        if (identity.serial, identity.signer) == (serial, signer) and not identity.is_void:
            return identity
        log.warning("the code in %s is void, or another machine's or relay's: this till gets a new one", path)
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, AttributeError, SPAKEError):
        log.warning("%s can't be read; this till gets a new code", path)
    identity = make(serial, signer)
    save(folder, identity)
    return identity


def _check(identity: Identity) -> None:
    """Raises one of many errors, which `load_or_make` knows, if a field is not what we write there."""
    _resume(identity.exchange)
    if parse_code(identity.code) != identity.code or not HEX_KEY.fullmatch(identity.share):
        raise ValueError("code or share")


def save(folder: Path, identity: Identity) -> None:
    """Keep an identity; it is on the disk when this returns. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(folder / KEY_FILE, json.dumps(asdict(identity)).encode(), 0o600)


def forget(folder: Path) -> None:
    """Delete the identity; the deletion is on the disk when this returns."""
    (folder / KEY_FILE).unlink(missing_ok=True)
    sync(folder)


def _start_exchange(code: str, serial: str, signer: str) -> tuple[str, str]:
    """Our half of a new exchange, as its library keeps it, and its share."""
    half = SPAKE2_A(password(code), idA=serial.encode(), idB=bytes.fromhex(signer))
    share = half.start()[1:].hex()
    return half.serialize().decode(), share


def _resume(exchange: str) -> SPAKE2_A:
    return SPAKE2_A.from_serialized(exchange.encode())
