"""The claims of tills that wait for their bundle, and sealed bundles that wait for their till: files in one folder.

The relay writes claims and gives bundles out; `till-relay enroll` reads claims and lays bundles down. All of it may get
lost: a till claims again, and a bundle is made again. Strangers can claim too, so there is room for so many, and who
was unseen the longest makes room: a till that waits is seen every minute.
"""

import errno
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.contract.claims import LARGEST_SEALED, PUBLIC_KEY, Claim, decode_claim, encode_claim
from edge.contract.mqtt import BadMessage, decode, encode

MOST = 2_000
MOST_FROM_ONE = 500
"""Claims in all, and from one address: a workshop may try out all tills of a chain in one go."""
LIFETIME = 7 * 24 * 3600
"""Seconds since a claim was seen last, or since a bundle was laid down."""
LARGEST_FILE = 4096


class ClaimError(Exception):
    """What was asked for can't be done with these claims; the text says why and what to do."""


class Full(Exception):
    """There is no room for one more claim, for each has a bundle that waits."""


@dataclass(frozen=True)
class Waiting:
    """A claim as it lies in the folder. Times are Unix seconds."""

    public_key: str
    claim: Claim
    address: str
    since: float
    seen: float
    enrolled: float | None
    """When its bundle was laid down."""


class Claims:
    """The relay's side of the folder. For any thread. Raises `OSError`, as the disk does."""

    def __init__(self, folder: Path, most: int = MOST, most_from_one: int = MOST_FROM_ONE) -> None:
        self._folder = folder
        self._most, self._most_from_one = most, most_from_one
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(waiting(folder), key=lambda each: each.seen)
        self._known = OrderedDict((each.public_key, each.address) for each in found)
        """public key -> address; the last seen at the end."""
        for path in folder.glob("*.claim"):
            if path.stem not in self._known:  # a power cut left it half
                path.unlink()

    def put(self, public_key: str, claim: Claim, address: str) -> None:
        """Note a claim, or note it again. Raises `Full`."""
        with self._lock:
            if public_key not in self._known:
                self._make_room(address)
            since = _since(self._claim(public_key)) or time.time()
            _write(self._claim(public_key), encode(_as_message(claim, address, since)))
            self._known[public_key] = address
            self._known.move_to_end(public_key)

    def bundle(self, public_key: str) -> bytes | None:
        """Return the sealed bundle, None while there is none. Raises `KeyError` if nobody claimed with this key."""
        with self._lock:
            self._known.move_to_end(public_key)
            try:
                os.utime(self._claim(public_key))
            except FileNotFoundError:  # a person has tidied up
                raise KeyError(public_key) from None
            return _read(self._bundle(public_key), LARGEST_SEALED)

    def remove(self, public_key: str) -> None:
        """Forget a claim and its bundle. Raises `KeyError` if nobody claimed with this key."""
        with self._lock:
            self._drop(public_key)

    def expire(self) -> None:
        """Forget what is too old."""
        oldest = time.time() - LIFETIME
        with self._lock:
            for path in [*self._folder.glob("*.bundle"), *self._folder.glob("*.new")]:
                if (_changed(path) or 0.0) < oldest:
                    path.unlink(missing_ok=True)
            for public_key in list(self._known):
                if (_changed(self._claim(public_key)) or 0.0) < oldest and not self._bundle(public_key).exists():
                    self._drop(public_key)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, public_key: str) -> bool:
        return public_key in self._known

    def _make_room(self, address: str) -> None:
        neighbours = [each for each, its in self._known.items() if its == address]
        if len(neighbours) >= self._most_from_one:
            self._drop(self._first_open(neighbours))
        elif len(self._known) >= self._most:
            self._drop(self._first_open(list(self._known)))

    def _first_open(self, public_keys: list[str]) -> str:
        """The one that was unseen the longest; never one that a person has enrolled already."""
        for public_key in public_keys:
            if not self._bundle(public_key).exists():
                return public_key
        raise Full

    def _drop(self, public_key: str) -> None:
        del self._known[public_key]
        self._claim(public_key).unlink(missing_ok=True)
        self._bundle(public_key).unlink(missing_ok=True)

    def _claim(self, public_key: str) -> Path:
        return self._folder / f"{public_key}.claim"

    def _bundle(self, public_key: str) -> Path:
        return self._folder / f"{public_key}.bundle"


def waiting(folder: Path) -> Iterator[Waiting]:
    """All claims of the folder, in no order; what is no claim is passed over. Raises `OSError`."""
    # Not glob, which passes over a folder that can't be read.
    for path in (path for path in folder.iterdir() if path.suffix == ".claim"):
        try:
            message = _read(path, LARGEST_FILE) or b""
            claim, more = decode_claim(message), decode(message)
            address, since = str(more["address"]), float(more["since"])
        except (BadMessage, KeyError, TypeError, ValueError):
            continue
        seen = _changed(path)
        if PUBLIC_KEY.fullmatch(path.stem) and seen is not None:
            yield Waiting(path.stem, claim, address, since, seen, _changed(path.with_suffix(".bundle")))


def lay_down(folder: Path, public_key: str, sealed: bytes) -> None:
    """Let the relay give this to the till when it asks next. On disk when it returns. Raises `OSError`."""
    _write(folder / f"{public_key}.bundle", sealed, durable=True)


def _as_message(claim: Claim, address: str, since: float) -> dict[str, object]:
    return {**decode(encode_claim(claim)), "address": address, "since": since}


def _since(path: Path) -> float | None:
    try:
        return float(decode(_read(path, LARGEST_FILE) or b"")["since"])
    except (BadMessage, KeyError, TypeError, ValueError):
        return None


def _changed(path: Path) -> float | None:
    """When a file was written or seen last; None if there is none."""
    try:
        return path.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None


def _read(path: Path, most: int) -> bytes | None:
    """Read a file; None if there is none. Root reads here what the relay's user wrote: no link is followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def _write(path: Path, content: bytes, durable: bool = False) -> None:
    """Put a whole file in its place, readable by the folder's owner only."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    owner = path.parent.stat()
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if owner.st_uid != os.geteuid():  # root wrote it; the relay gives it out
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
