"""The relay, as a till that claims sees it: one claim over HTTP."""

from edge.contract.claims import MAX_SEALED_BYTES, encode_claim
from edge.http import Failure, HttpError, Response, Session
from edge.install.claim.identity import Identity
from edge.install.claim.place import Place
from edge.install.claim.slip import Notice

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


def _describe(error: HttpError) -> str:
    if error.failure is Failure.CLOCK:
        return "this machine's clock is wrong: the relay's certificate is not valid at its date"
    if error.failure is Failure.TIMEOUT:
        return f"the relay doesn't answer within {STEP_TIMEOUT_S:g} s: a firewall in between, or a wrong port?"
    return f"the relay can't be reached: {error}"
