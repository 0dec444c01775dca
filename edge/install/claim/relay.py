"""The relay, as a till that claims sees it: one claim over HTTP, and the address of the relay on the card.

Behind a # the address may name the key of whoever signs bundles: `https://relay.example.net#5f1c…`.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.config.values import is_loopback
from edge.config.yaml_nodes import ConfigError
from edge.contract.claims import HEX_KEY, MAX_SEALED_BYTES, encode_claim
from edge.http import Failure, HttpError, Response, Session
from edge.install.claim.identity import Identity
from edge.install.claim.slip import Notice

log = logging.getLogger(__name__)

STEP_TIMEOUT_S = 10.0
REFUSED_PAUSE_S = 60.0
"""A person has to change something at the relay first."""
MAX_PAUSE_S = 3600.0


class RelayError(Exception):
    """The relay gave no bundle, and no answer that there is none yet. `pause_s` is what it asks us to wait."""

    def __init__(self, why: str, notice: Notice = Notice.NONE, pause_s: float = 0.0) -> None:
        super().__init__(why)
        self.notice = notice
        self.pause_s = pause_s


@dataclass(frozen=True)
class Place:
    """Where a till claims. Written on the card by an installer, and read by the claimant."""

    url: str
    signer: str
    """The key whose bundles alone are taken, in hexadecimal; "": whoever knows the code is trusted."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


class Relay:
    """The relay's claims. Each request takes at most the deadline of an exchange: edge/http.py."""

    def __init__(self, place: Place, version: str) -> None:
        self._version = version
        self._session = Session(place.url, {"User-Agent": f"till-edge/{version}"}, STEP_TIMEOUT_S, MAX_SEALED_BYTES)

    def ask(self, identity: Identity) -> bytes | None:
        """Return the sealed bundle, or None while there is none; then the relay knows us. Raises `RelayError`."""
        answer = self._exchange("GET", identity)
        if answer.status == 404:
            self.put_claim(identity)
            return None
        if answer.status not in (200, 204):
            raise _as_relay_error(answer)
        return answer.body if answer.status == 200 else None

    def put_claim(self, identity: Identity) -> None:
        """Tell the relay that we wait. Raises `RelayError`."""
        answer = self._exchange("PUT", identity, encode_claim(identity.claim(self._version)))
        if answer.status != 201:
            raise _as_relay_error(answer)

    def delete_claim(self, identity: Identity) -> None:
        """Let the relay forget a claim and its bundle. Raises `RelayError`."""
        self._exchange("DELETE", identity)

    def close(self) -> None:
        self._session.close()

    def _exchange(self, method: str, identity: Identity, body: bytes | None = None) -> Response:
        try:
            return self._session.exchange(method, f"/claims/{identity.share}", body=body)
        except HttpError as error:
            raise RelayError(_describe(error), Notice.OFFLINE) from None


def _as_relay_error(answer: Response) -> RelayError:
    match answer.status:
        case 404:
            why = "this relay takes no claims; its relay.yaml needs the section claims"
            return RelayError(why, Notice.REFUSED, REFUSED_PAUSE_S)
        case 400:
            why = f"the relay doesn't understand this till: is its release the same? It answers {answer.body[:120]!r}"
            return RelayError(why, Notice.REFUSED, REFUSED_PAUSE_S)
    pause_s = min(answer.retry_after_s, MAX_PAUSE_S)
    return RelayError(f"the relay answers {answer.status} {answer.body[:80]!r}", pause_s=pause_s)


def parse_place(text: str, where: str) -> Place:
    """Parse an address as a card has it, skipping lines that begin with #. Raises `ConfigError`."""
    lines = [line.strip() for line in text.splitlines()]
    line = next((line for line in lines if line and not line.startswith("#")), "")
    url, _, signer = line.partition("#")
    no_address = ConfigError([f"{where}: {line!r} is no address of a relay; write one like https://relay.example.net"])
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise no_address from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or port == 0:
        raise no_address
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError([f"{where}: {line!r}: claims are sent over https only"])
    if signer and not HEX_KEY.fullmatch(signer):
        raise ConfigError([f"{where}: the signer behind # is no key; copy the line of `till-relay claims --card`"])
    return Place(url.rstrip("/"), signer)


def place_on_card(files: tuple[Path, ...]) -> Place:
    """The address in the first of these files that exists. Raises `ConfigError`."""
    for path in files:
        try:
            return parse_place(path.read_text(encoding="utf-8-sig"), str(path))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: can't be read: {error}"]) from None
    raise ConfigError([f"{files[0]}: does not exist; write the address of the relay into it, or give it with --relay"])


def _describe(error: HttpError) -> str:
    if error.failure is Failure.CLOCK:
        return "this machine's clock is wrong: the relay's certificate is not valid at its date"
    if error.failure is Failure.TIMEOUT:
        return f"the relay doesn't answer within {STEP_TIMEOUT_S:g} s: a firewall in between, or a wrong port?"
    return f"the relay can't be reached: {error}"
