"""Who may use the page: devices that were let in with a code from the till's own printer; kept in a file of the page's.

A code is good for one device, for a few minutes and a few tries, and comes on paper only when somebody presses the
till's button. What is kept of codes and sessions is their hashes: whoever reads the file can't use the page.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge.machine.files import read_plain, write_whole

CODE_DIGITS = 6
CODE_LASTS_S = 300.0
"""From the moment when the device asked."""
BUTTON_TIMEOUT_S = 60.0
"""How long the button may be pressed for it, and no other device can ask."""
MAX_WRONG_CODES = 5
LOCK_S = 60.0
"""After so many wrong codes nobody can enter one for so long, and the code is no longer good."""
SESSION_LASTS_S = 30 * 24 * 3600.0
"""Since it was last used."""
MAX_SESSIONS = 20
"""The one that has not been used for longest makes room."""
SEEN_EVERY_S = 24 * 3600.0
"""How exactly it is kept when a session was last used; the card is spared."""
MAX_FILE_BYTES = 1 << 18
UNREADABLE = (OSError, ValueError, KeyError, TypeError)


class AccessError(Exception):
    """The device is not let in. `reason` is a word that the page has a sentence for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Session:
    """A device that was let in. Its secret is only in the device's cookie."""

    id: str
    """Names it where sessions are listed and ended. No secret."""
    secret_hash: str
    label: str
    """What the device called itself."""
    since: float
    seen: float


@dataclass(frozen=True)
class Pairing:
    """A device that asked, and has not entered its code yet."""

    device_hash: str
    code_hash: str
    since: float


@dataclass(frozen=True)
class Kept:
    """What the file keeps."""

    sessions: tuple[Session, ...] = ()
    pairing: Pairing | None = None
    wrong_codes: int = 0
    locked_at: float = 0.0


class Access:
    """Lets devices in and out. Used by one thread. Times are the wall clock's: they outlive a restart."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._kept = _read(path)

    def ask(self) -> tuple[str, str]:
        """A device wants to be let in: its secret, and the code to be printed. Raises `AccessError`, `OSError`."""
        now = self._clock()
        self._refuse_while_locked(now)
        pairing = self._kept.pairing
        if pairing is not None and 0 <= now - pairing.since < BUTTON_TIMEOUT_S:
            raise AccessError("busy")
        device, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        self._keep(replace(self._kept, pairing=Pairing(_hash(device), _hash(device + code), now), wrong_codes=0))
        return device, code

    def withdraw(self, device: str) -> None:
        """The device asks no more. Raises `OSError`."""
        if self.asks(device):
            self._keep(replace(self._kept, pairing=None))

    def asks(self, device: str) -> bool:
        """Whether this device asked, and its code may still be entered."""
        pairing = self._kept.pairing
        if pairing is None or not 0 <= self._clock() - pairing.since < CODE_LASTS_S:
            return False
        return hmac.compare_digest(pairing.device_hash, _hash(device))

    def enter(self, device: str, code: str, label: str) -> str:
        """The session's secret for a device that enters its code. Raises `AccessError`, `OSError`."""
        now = self._clock()
        self._refuse_while_locked(now)
        pairing = self._kept.pairing
        if pairing is None or not self.asks(device):
            raise AccessError("expired")
        if not hmac.compare_digest(pairing.code_hash, _hash(device + code)):
            self._count_wrong_code(now)
        secret = secrets.token_urlsafe(32)
        session = Session(secrets.token_hex(8), _hash(secret), label, now, now)
        longest_used = sorted(self._living(now), key=lambda each: each.seen)[1 - MAX_SESSIONS :]
        self._keep(Kept((*longest_used, session)))
        return secret

    def _count_wrong_code(self, now: float) -> None:
        """Raises `AccessError`, always."""
        wrong_codes = self._kept.wrong_codes + 1
        if wrong_codes < MAX_WRONG_CODES:
            self._keep(replace(self._kept, wrong_codes=wrong_codes))
            raise AccessError("wrong")
        self._keep(replace(self._kept, pairing=None, wrong_codes=0, locked_at=now))
        raise AccessError("locked")

    def _refuse_while_locked(self, now: float) -> None:
        if 0 <= now - self._kept.locked_at < LOCK_S:
            raise AccessError("locked")

    # --- who is in ---------------------------------------------------------------------------------------------------

    def session(self, secret: str) -> Session | None:
        """The session that this secret belongs to; None if there is none, or it has ended."""
        now, hashed = self._clock(), _hash(secret)
        found = next((each for each in self._living(now) if hmac.compare_digest(each.secret_hash, hashed)), None)
        if found is not None and now - found.seen > SEEN_EVERY_S:
            found = self._seen(found, now)
        return found

    def _seen(self, session: Session, now: float) -> Session:
        seen = replace(session, seen=now)
        with contextlib.suppress(OSError):  # a disk that fails turns nobody out
            self._keep(replace(self._kept, sessions=tuple(seen if each == session else each for each in self.sessions)))
        return seen

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All that have not ended."""
        return tuple(self._living(self._clock()))

    def end(self, identity: str) -> None:
        """End a session. Raises `OSError`."""
        self._keep(replace(self._kept, sessions=tuple(each for each in self.sessions if each.id != identity)))

    def _living(self, now: float) -> list[Session]:
        return [each for each in self._kept.sessions if now - each.seen < SESSION_LASTS_S]

    def _keep(self, kept: Kept) -> None:
        """In memory even if the disk fails: a session that was ended is ended, and a wrong code counts."""
        self._kept = kept
        write_whole(self._path, json.dumps(asdict(kept)).encode(), 0o600)


def _read(path: Path) -> Kept:
    """What the file keeps; a file that can't be read lets nobody in."""
    try:
        kept = json.loads(read_plain(path, MAX_FILE_BYTES))
        sessions = tuple(Session(**each) for each in kept["sessions"])
        pairing = Pairing(**kept["pairing"]) if kept["pairing"] else None
        return Kept(sessions, pairing, int(kept["wrong_codes"]), float(kept["locked_at"]))
    except UNREADABLE:
        return Kept()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
