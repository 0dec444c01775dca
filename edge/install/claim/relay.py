"""Where a till claims: the relay as it is seen from there, over HTTP with deadlines.

Its address stands on the card, with the key of whoever signs bundles behind a #: `https://relay.example.net#5f1c…`.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.config.values import is_loopback
from edge.config.yaml_nodes import ConfigError
from edge.contract.claims import LARGEST_SEALED, PUBLIC_KEY, Claim, encode_claim
from edge.http import Failure, HttpError, Response, Session
from edge.install.claim.key import Identity

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds for a connection, and for each piece of an answer; an answer gets twice as long in all."""
LONGEST_PAUSE = 3600.0


class NoBundle(Exception):
    """The relay gave none, and could not say that there is none yet. `pause` is what it asks for, in seconds."""

    def __init__(self, why: str, offline: bool = False, pause: float = 0.0) -> None:
        super().__init__(why)
        self.offline = offline
        self.pause = pause


@dataclass(frozen=True)
class Place:
    """Where to claim, and whose bundles to take; None: whoever can write at the relay is trusted."""

    url: str
    signer: bytes | None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


class Relay:
    """One till's claim at its relay."""

    def __init__(self, place: Place, identity: Identity, version: str) -> None:
        self._path = f"/claims/{identity.public_key.hex()}"
        self._claim = encode_claim(Claim(identity.code, identity.serial, version))
        self._session = Session(place.url, {"User-Agent": f"till-edge/{version}"}, PATIENCE, LARGEST_SEALED)

    def ask(self) -> bytes | None:
        """Return the sealed bundle; None while there is none, and then the relay knows of us. Raises `NoBundle`."""
        answer = self._exchange("GET")
        if answer.status == 404:
            answer = self._exchange("PUT", self._claim)
            if answer.status == 404:
                raise NoBundle("this relay takes no claims; its relay.yaml needs the section claims", pause=60)
        match answer.status:
            case 200:
                return answer.body
            case 201 | 204:
                return None
        pause = min(answer.retry_after_s, LONGEST_PAUSE)
        raise NoBundle(f"the relay answers {answer.status} {answer.body[:80]!r}", pause=pause)

    def thank(self) -> None:
        """Let the relay forget us. Raises `NoBundle`."""
        self._exchange("DELETE")

    def close(self) -> None:
        self._session.close()

    def _exchange(self, method: str, body: bytes | None = None) -> Response:
        try:
            return self._session.exchange(method, self._path, body=body)
        except HttpError as error:
            raise NoBundle(_why(error), offline=True) from None


def read_place(text: str, where: str) -> Place:
    """Read an address as a card has it; lines that begin with # are passed over. Raises `ConfigError`."""
    lines = [line.strip() for line in text.splitlines()]
    line = next((line for line in lines if line and not line.startswith("#")), "")
    url, _, signer = line.partition("#")
    odd = ConfigError([f"{where}: {line!r} is no address of a relay; write one like https://relay.example.net"])
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise odd from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or port == 0:
        raise odd
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError([f"{where}: {line!r}: claims go by https only"])
    if signer and not PUBLIC_KEY.fullmatch(signer):
        raise ConfigError([f"{where}: what stands behind # is no key; copy the line of `till-relay claims --card`"])
    return Place(url.rstrip("/"), bytes.fromhex(signer) if signer else None)


def place_on_card(files: tuple[Path, ...]) -> Place:
    """Read the first of these files that is there. Raises `ConfigError`."""
    for path in files:
        try:
            return read_place(path.read_text(encoding="utf-8-sig"), str(path))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: can't be read: {error}"]) from None
    raise ConfigError([f"{files[0]}: is not there; write the address of the relay into it, or say it with --relay"])


def _why(error: HttpError) -> str:
    if error.failure is Failure.CLOCK:
        return "this machine's clock is wrong: the relay's certificate is not valid at its date"
    return f"the relay can't be reached: {error}"
