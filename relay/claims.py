"""The claims of tills that wait for their bundle, and sealed bundles that wait for their till: files in one folder.

The relay writes claims and gives bundles out; `till-relay enroll` reads claims and stores bundles. All of it may be
lost: a till claims again, and a bundle can be made again. Strangers can claim too, so the number of claims is limited,
and of the most crowded network the claim that was unseen the longest makes room; a till that waits is seen every
minute.
"""

import errno
import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.claims import CLAIM_VERSION, HEX_KEY, MAX_SEALED_BYTES, Claim, decode_claim, encode_claim
from edge.contract.mqtt import BadMessageError, decode, encode
from edge.machine.files import write_whole
from relay.networks import networks_of

MAX_CLAIMS = 2_000
MAX_CLAIMS_PER_ADDRESS = 500
"""Enough for a workshop that tries out all tills of a chain at once."""
LIFETIME_S = 7 * 24 * 3600
"""Counted from when a claim was last seen, or a bundle was stored."""
MAX_CLAIM_FILE_BYTES = 4096
OWNER_ONLY = 0o600


class ClaimError(Exception):
    """A command can't be carried out with these claims; the text says why and what to do."""


class ClaimsFullError(Exception):
    """There is no room for one more claim, because a bundle waits for each of the others."""


@dataclass(frozen=True)
class StoredClaim:
    """A claim as it is in the folder. The relay writes it; `till-relay enroll` and `claims` read it.

    Times are Unix seconds.
    """

    share: str
    claim: Claim
    address: str
    """Where the till asked from."""
    since: float
    seen: float
    enrolled: float | None
    """When its bundle was stored; None if there is no bundle yet."""


class ClaimStore:
    """The relay's view of the folder. May be used from any thread. Methods raise `OSError` if the disk fails."""

    def __init__(
        self, folder: Path, max_claims: int = MAX_CLAIMS, max_per_address: int = MAX_CLAIMS_PER_ADDRESS
    ) -> None:
        self._folder = folder
        self._max_claims, self._max_per_address = max_claims, max_per_address
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(stored_claims(folder), key=lambda each: each.seen)
        self._known = OrderedDict((each.share, each.address) for each in found)
        """share -> address; the last seen is at the end."""
        for path in folder.glob("*.claim"):
            if path.stem not in self._known:  # a power cut left half of it
                path.unlink()

    def put(self, share: str, claim: Claim, address: str) -> None:
        """Store a claim, or store it again. Raises `ClaimsFullError`."""
        with self._lock:
            if share not in self._known:
                self._make_room(address)
            since = _since(self._claim_path(share)) or time.time()
            content = encode(_as_message(claim, address, since))
            write_whole(self._claim_path(share), content, OWNER_ONLY, forced=False)
            self._known[share] = address
            self._known.move_to_end(share)

    def bundle(self, share: str) -> bytes | None:
        """Return the sealed bundle; None if there is none yet. Raises `KeyError` if nobody claimed with this share."""
        with self._lock:
            self._known.move_to_end(share)
            try:
                os.utime(self._claim_path(share))
            except FileNotFoundError:  # a person has removed it
                raise KeyError(share) from None
            return _read(self._bundle_path(share), MAX_SEALED_BYTES)

    def remove(self, share: str) -> None:
        """Remove a claim and its bundle. Raises `KeyError` if nobody claimed with this share."""
        with self._lock:
            self._drop(share)

    def expire(self) -> None:
        """Remove what is older than `LIFETIME_S`."""
        oldest = time.time() - LIFETIME_S
        with self._lock:
            for path in [*self._folder.glob("*.bundle"), *self._folder.glob("*.new")]:
                if (_modified_at(path) or 0.0) < oldest:
                    path.unlink(missing_ok=True)
            for share in list(self._known):
                is_old = (_modified_at(self._claim_path(share)) or 0.0) < oldest
                if is_old and not self._bundle_path(share).exists():
                    self._drop(share)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, share: str) -> bool:
        return share in self._known

    def _make_room(self, address: str) -> None:
        neighbours = [each for each, its in self._known.items() if its == address]
        if len(neighbours) >= self._max_per_address:
            self._drop(self._first_without_bundle(neighbours))
        elif len(self._known) >= self._max_claims:
            self._drop(self._first_without_bundle(self._crowd_first()))

    def _crowd_first(self) -> list[str]:
        """Return all claims, those of the most crowded network first: strangers make room for each other."""
        network = {each: networks_of(address)[-1] for each, address in self._known.items()}
        crowd = Counter(network.values())
        return sorted(self._known, key=lambda each: -crowd[network[each]])

    def _first_without_bundle(self, shares: list[str]) -> str:
        """Return the claim that was unseen the longest, but never one that a person has enrolled already."""
        for share in shares:
            if not self._bundle_path(share).exists():
                return share
        raise ClaimsFullError

    def _drop(self, share: str) -> None:
        del self._known[share]
        self._claim_path(share).unlink(missing_ok=True)
        self._bundle_path(share).unlink(missing_ok=True)

    def _claim_path(self, share: str) -> Path:
        return self._folder / f"{share}.claim"

    def _bundle_path(self, share: str) -> Path:
        return _bundle_path(self._folder, share)


def stored_claims(folder: Path) -> Iterator[StoredClaim]:
    """Yield all claims of the folder, in no order, and skip other files. Raises `OSError`."""
    # Not glob, which passes over a folder that can't be read.
    for path in (path for path in folder.iterdir() if path.suffix == ".claim"):
        try:
            message = _read(path, MAX_CLAIM_FILE_BYTES) or b""
            claim, more = decode_claim(message), _decoded(message)
            address, since = str(more["address"]), float(more["since"])
        except (BadMessageError, KeyError, TypeError, ValueError):
            continue
        seen = _modified_at(path)
        if HEX_KEY.fullmatch(path.stem) and seen is not None:
            enrolled = _modified_at(_bundle_path(folder, path.stem))
            yield StoredClaim(path.stem, claim, address, since, seen, enrolled)


def store_bundle(folder: Path, share: str, sealed: bytes) -> None:
    """Store a sealed bundle, which the relay gives to the till when it asks next. It is on the disk on return.

    Raises `OSError`.
    """
    write_whole(_bundle_path(folder, share), sealed, OWNER_ONLY)


def _bundle_path(folder: Path, share: str) -> Path:
    return folder / f"{share}.bundle"


def _as_message(claim: Claim, address: str, since: float) -> dict[str, object]:
    return {**_decoded(encode_claim(claim)), "address": address, "since": since}


def _decoded(message: bytes) -> dict[str, Any]:
    return decode(message, versions=(CLAIM_VERSION,))


def _since(path: Path) -> float | None:
    try:
        return float(_decoded(_read(path, MAX_CLAIM_FILE_BYTES) or b"")["since"])
    except (BadMessageError, KeyError, TypeError, ValueError):
        return None


def _modified_at(path: Path) -> float | None:
    """Return when a file was written or touched; None if there is none."""
    try:
        return path.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None


def _read(path: Path, max_bytes: int) -> bytes | None:
    """Read a file; None if there is none. Root reads here what the relay's user wrote, so no link is followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read(max_bytes)
