"""`/claims/{share}`: where a till without a bundle claims one and fetches it. Nobody is authenticated here.

A claim's address is the till's share of its exchange, 256 random bits that are in no answer and on no slip. Only the
till can open the bundle that it gets. The requests and answers: edge/contract/claims.py.
"""

import asyncio
import contextlib
import ipaddress
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from edge.contract.claims import HEX_KEY, Claim, decode_claim
from edge.contract.mqtt import MAX_MESSAGE_BYTES, BadMessageError
from relay.claims import ClaimsFullError, ClaimStore
from relay.limits import AtOnce, Limit
from relay.networks import networks_of
from relay.web.body import bounded_body, is_ambiguous

log = logging.getLogger(__name__)

ALL_CLAIMS_LIMIT = (10, 200)
"""Claims per second, and at once, of all tills together; first claims of quiet networks are counted by themselves."""
NETWORK_CLAIMS_LIMITS = ((0.05, 50), (0.1, 100), (0.2, 150))
"""The same for one network: the narrowest first, as in `networks_of`. A till claims once in its life, and again when it
is switched on."""
QUIET_CLAIMS_LIMIT = (1 / 3600, 2)
"""The first claims of a wide network have a share of their own: strangers can't use it up from their networks."""
MAX_NETWORKS = 100_000
MAX_BODIES, MAX_NETWORK_BODIES = 100, 4
"""Bodies of claims that may be on their way at once: of all, and of one wide network. A till's comes with its head."""
TILL_REQUESTS_LIMIT = (10, 100)
"""Requests for one bundle per second, and at once. A till asks every five seconds."""
TOO_LARGE = f"a claim has at most {MAX_MESSAGE_BYTES} bytes"
RETRY_AFTER_S = (10, 60)
"""The range for `Retry-After`. It is random, so that clients that were rejected together don't return together."""
EXPIRE_INTERVAL_S = 3600.0

T = TypeVar("T")


class ClaimEndpoint:
    """Answers the requests, and expires old claims while it is open."""

    def __init__(self, claims: ClaimStore, counter: Counter) -> None:
        self._claims = claims
        self._counter = counter
        self._all, self._quiet = Limit(*ALL_CLAIMS_LIMIT), Limit(*QUIET_CLAIMS_LIMIT, MAX_NETWORKS)
        self._networks = [Limit(*limit, MAX_NETWORKS) for limit in NETWORK_CLAIMS_LIMITS]
        self._all_bodies, self._bodies = AtOnce(MAX_BODIES), AtOnce(MAX_NETWORK_BODIES)
        self._till = Limit(*TILL_REQUESTS_LIMIT)

    async def serve(self, request: Request) -> Response:
        """Store a claim, return its bundle, or remove both."""
        try:
            response = await self._answer(request, request.path_params["share"])
        except OSError as error:
            log.error("claims: %s", error)
            response = _refusal(503, "claims can't be kept at the moment")
        self._counter.labels(request.method, response.status_code).inc()
        return response

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Expire old claims for as long as the context is open."""
        expiring = asyncio.create_task(self._expire())
        yield
        expiring.cancel()

    async def _answer(self, request: Request, share: str) -> Response:
        if not HEX_KEY.fullmatch(share):
            return _refusal(404, "no such address")
        if request.method == "PUT":
            return await self._put(request, share)
        if share not in self._claims:
            return _refusal(404, "nobody claims with this share")
        if not self._till.allows(share, time.monotonic()):
            return _refusal(429, "too many requests for this bundle")
        with contextlib.suppress(KeyError):  # it was removed just now
            return await (self._delete(share) if request.method == "DELETE" else self._get(share))
        return _refusal(404, "nobody claims with this share")

    async def _put(self, request: Request, share: str) -> Response:
        address = address_of(request)
        if not self._allows(networks_of(address), time.monotonic()):
            return _refusal(429, "too many claims; claim again")
        if is_ambiguous(request):
            return PlainTextResponse("a body has one length\n", 400, {"connection": "close"})
        claim = await self._claim_in(request, networks_of(address)[-1])
        if isinstance(claim, Response):
            return claim
        try:
            await _in_thread(lambda: self._claims.put(share, claim, address))
        except ClaimsFullError:
            return _refusal(503, "there is no room for one more claim")
        log.info("claim of a till with serial %s, from %s", claim.serial, address)
        return PlainTextResponse("claimed\n", 201)

    def _allows(self, networks: tuple[str, ...], now: float) -> bool:
        within = [limit.allows(network, now) for limit, network in zip(self._networks, networks, strict=False)]
        share = "quiet networks" if self._quiet.allows(networks[-1], now) else "all others"
        return all(within) and self._all.allows(share, now)

    async def _claim_in(self, request: Request, network: str) -> Claim | Response:
        with self._all_bodies.one("") as all_allow, self._bodies.one(network) as allows:
            if not all_allow or not allows:
                return _refusal(429, "too many claims; claim again")
            try:
                body = await bounded_body(request, MAX_MESSAGE_BYTES)
                return decode_claim(body) if body is not None else _refusal(413, TOO_LARGE)
            except (TimeoutError, ClientDisconnect):
                return _refusal(408, "the body did not arrive")
            except BadMessageError as error:
                log.info("no claim from %s: %s", address_of(request), error)
                return _refusal(400, str(error))

    async def _get(self, share: str) -> Response:
        sealed = await _in_thread(lambda: self._claims.bundle(share))
        if sealed is None:
            return Response(status_code=204)
        return Response(sealed, media_type="application/octet-stream", headers={"cache-control": "no-store"})

    async def _delete(self, share: str) -> Response:
        await _in_thread(lambda: self._claims.remove(share))
        return Response(status_code=204)

    async def _expire(self) -> None:
        while True:
            try:
                await _in_thread(self._claims.expire)
            except OSError as error:
                log.error("claims: %s", error)
            await asyncio.sleep(EXPIRE_INTERVAL_S)


def address_of(request: Request) -> str:
    """Return the client's address, as far as it can be known: IPv4, or the /64 network of an IPv6 address.

    A private address is that of our own web server, so `X-Forwarded-For` is believed there and nowhere else.
    """
    peer = request.client.host if request.client else ""
    if _is_private(peer):
        peer = ",".join(request.headers.getlist("x-forwarded-for") or [peer]).rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def _is_private(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_private
    except ValueError:
        return False


async def _in_thread(do: Callable[[], T]) -> T:
    """Run in a thread, so that no doorbell waits for a slow disk."""
    return await asyncio.to_thread(do)


def _refusal(status: int, text: str) -> Response:
    headers = {"retry-after": str(random.randint(*RETRY_AFTER_S))} if status in (429, 503) else None
    return PlainTextResponse(f"{text}\n", status, headers)
