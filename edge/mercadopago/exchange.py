"""One exchange with Mercado Pago: HTTP within a deadline, JSON, and what a failure means.

Raises `ApiError` where it can't be reached or refuses, and `DecodeError` for what can't be read. The token is sent in
one header and appears in no message, log or exception.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from edge.config.schema import MercadoPagoConfig
from edge.core import events
from edge.http import Failure, HttpError, Response, Session
from edge.mercadopago.clock import ServerClock
from edge.mercadopago.decode import decode_error_code
from edge.mercadopago.fields import DecodeError, Found, Page, decode_json, encode_json

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 4 * 1024 * 1024
PAGE_SIZE = 50
TOKEN_REFUSED = frozenset({"invalid_access_token", "invalid_token", "unauthorized"})
ANOTHER_SELLERS = "invalid_caller_id"
"""What a 401 says if the token is good, and the thing somebody else's."""
POLICY = "PA_"
"""How the code of a 403 begins if the application may not ask for any of these."""
TILL_UNKNOWN = frozenset({"pos_not_found", "pos_obtainment_error", "store_not_found"})
TOKEN_IS_GOOD_FOR_S = 60.0
"""How long it isn't asked again whose token it is."""
MAX_RETRY_AFTER_S = 60.0
"""A `Retry-After` of a day is not obeyed while a customer stands at the till."""
WHOSE_TOKEN = "/users/me"
INTERCEPTED = "a proxy, a firewall or a virus scanner may be reading along: use another network"
NO_HEADERS: Mapping[str, str] = {}


class ApiError(Exception):
    """Mercado Pago couldn't be reached, or refused. `code` is its own word for the reason; the text is for people."""

    def __init__(
        self, trouble: events.Trouble, why: str, status: int = 0, code: str = "", retry_after: float = 0
    ) -> None:
        super().__init__(why)
        self.trouble = trouble
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def is_final(self) -> bool:
        """Whether it is an answer to what was sent, so that the same again would be refused again."""
        if self.trouble is events.Trouble.REFUSED:
            return False
        return 400 <= self.status < 500 and self.status not in (408, 423, 425, 429)

    @property
    def names_nothing(self) -> bool:
        """Whether the id that was asked for is unknown, malformed, or another seller's.

        The last may be a 403; but one that names a policy is about the application.
        """
        if self.status == 403:
            return self.trouble is events.Trouble.FORBIDDEN and not self.code.startswith(POLICY)
        return (self.status in (400, 404) and self.trouble is events.Trouble.BUSY) or self.code == ANOTHER_SELLERS


class Exchange:
    """The connection to the API, kept alive. Used by one thread, but for `clock.ahead`."""

    def __init__(self, config: MercadoPagoConfig, version: str, clock: ServerClock) -> None:
        self._url = config.api_url
        headers = {"Authorization": f"Bearer {config.access_token.reveal()}", "User-Agent": f"till-edge/{version}"}
        self._session = Session(config.api_url, headers, config.timeout_seconds, MAX_BODY_BYTES)
        self.clock = clock
        self._good_until = 0.0
        """Until when the token is known to be good."""

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON that is there. Raises `ApiError`, `DecodeError`."""
        return decode_json(self.call("GET", path, query).body)

    def search(
        self, path: str, query: Mapping[str, str], decode: Callable[[Any], Page[Found]], max_pages: int
    ) -> tuple[list[Found], bool]:
        """What a search finds on the first pages, and whether that is all. Raises `ApiError`, `DecodeError`."""
        found: list[Found] = []
        seen = 0
        for _ in range(max_pages):
            page = decode(self.get(path, {**query, "limit": str(PAGE_SIZE), "offset": str(seen)}))
            found.extend(page.found)
            seen += page.size
            if len(page.found) < page.size:
                log.warning("%s %s: %d elements can't be decoded", path, query, page.size - len(page.found))
            if not page.size or seen >= page.total:
                return found, True
        return found, False

    def post(self, path: str, key: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON that a POST is answered. What has the same `key` is done once. Raises `ApiError`, `DecodeError`."""
        return decode_json(self.call("POST", path, body=body, headers={"X-Idempotency-Key": key}).body)

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Response:
        """Ask, and return what was answered with 2xx. Raises `ApiError`, `DecodeError`."""
        content = None if body is None else encode_json(body)
        kind = {} if content is None else {"Content-Type": "application/json"}
        try:
            response = self._session.exchange(method, path, query, content, {**kind, **headers})
        except HttpError as error:
            raise _unreachable(error, self._url) from None
        self.clock.hear(response.date, response.date_at)
        if 200 <= response.status < 300:
            return response
        code = _code(response)
        if _is_about_the_token(response.status, code) and not self._token_is_good(path):
            raise _token_refused(method, path, response.status, code)
        raise _refused(method, path, response, code)

    def _token_is_good(self, path: str) -> bool:
        """Whether something else is answered: one address that refuses says nothing about the others."""
        if path == WHOSE_TOKEN:
            return False
        if time.monotonic() >= self._good_until:
            try:
                self.call("GET", WHOSE_TOKEN)
            except (ApiError, DecodeError):
                return False
            self._good_until = time.monotonic() + TOKEN_IS_GOOD_FOR_S
        return True


def _unreachable(error: HttpError, where: str) -> ApiError | DecodeError:
    match error.failure:
        case Failure.CLOCK:
            why = "this machine's clock is wrong: the certificate is not valid at its date"
            return ApiError(events.Trouble.CLOCK, why)
        case Failure.TLS:
            return ApiError(events.Trouble.NETWORK, f"no trusted connection to {where}: {error}; {INTERCEPTED}")
        case Failure.TIMEOUT:
            return ApiError(events.Trouble.NETWORK, f"no answer in time from {where}")
        case Failure.NETWORK:
            why = f"no connection to {where}: {error}; check that the network is up"
            return ApiError(events.Trouble.NETWORK, why)
        case Failure.TOO_LARGE:
            return DecodeError(str(error))


def _code(response: Response) -> str:
    try:
        return decode_error_code(decode_json(response.body))
    except DecodeError:
        return ""


def _is_about_the_token(status: int, code: str) -> bool:
    if code == ANOTHER_SELLERS:
        return False
    return status in (401, 403) or (status == 400 and code in TOKEN_REFUSED)


def _token_refused(method: str, path: str, status: int, code: str) -> ApiError:
    what = f"{method} {path}: {status} {code}".rstrip()
    why = f"Mercado Pago refuses the access token ({what}); put a valid one into access_token_file"
    return ApiError(events.Trouble.REFUSED, why, status, code)


def _refused(method: str, path: str, response: Response, code: str) -> ApiError:
    what = f"{method} {path}: {response.status} {code}".rstrip()
    if _is_about_the_token(response.status, code):
        why = (
            f"Mercado Pago takes the access token, and not for this: {what}; "
            "its application must be one for in-person payments (QR), see docs/install.md"
        )
        return ApiError(events.Trouble.FORBIDDEN, why, response.status, code)
    if code in TILL_UNKNOWN:
        return till_unknown(what, response.status, code)
    return ApiError(events.Trouble.BUSY, what, response.status, code, min(response.retry_after_s, MAX_RETRY_AFTER_S))


def till_unknown(what: str, status: int, code: str) -> ApiError:
    """Our own till isn't there, which is not the same as a till without an order."""
    why = f"Mercado Pago can't find our till ({what}); check external_store_id and external_pos_id"
    return ApiError(events.Trouble.NO_SUCH_TILL, why, status, code)
