"""Where tills without a bundle claim, and fetch it. Nobody has to say who he is, and nobody learns anything here.

A claim's address is the till's public key, which stands nowhere else: who could guess it could guess the key. What is
given out only the till can open. How the addresses look and what they answer: edge/claim_wire.py.
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

from edge.contract.claims import PUBLIC_KEY, decode_claim
from edge.contract.mqtt import LARGEST_MESSAGE, BadMessage
from relay.claims import Claims, Full
from relay.web.body import bounded_body, is_ambiguous
from relay.web.limits import Limit

log = logging.getLogger(__name__)

ALL_LIMIT = (10, 200)
ADDRESS_LIMIT = (0.05, 50)
"""Claims per second, and at once: of all together, and from one address. A till claims once in its life, and again when
it is switched on."""
TILL_LIMIT = (10, 100)
"""Questions after one bundle, which come every five seconds."""
RETRY_AFTER = 10, 60
"""Seconds, at random: those that were refused together don't come back together."""
EXPIRE_EVERY = 3600.0

T = TypeVar("T")


class ClaimDesk:
    """Answers `/claims/{public key}`."""

    def __init__(self, claims: Claims, counter: Counter) -> None:
        self._claims = claims
        self._counter = counter
        self._all, self._address, self._till = Limit(*ALL_LIMIT), Limit(*ADDRESS_LIMIT), Limit(*TILL_LIMIT)

    async def serve(self, request: Request) -> Response:
        """Take a claim, give out a bundle, or forget both."""
        try:
            response = await self._answer(request, request.path_params["public_key"])
        except OSError as error:
            log.error("claims: %s", error)
            response = _refusal(503, "claims can't be kept at the moment")
        self._counter.labels(request.method, response.status_code).inc()
        return response

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Forget what is too old, for as long as the desk is open."""
        cleaning = asyncio.create_task(self._clean())
        yield
        cleaning.cancel()

    async def _answer(self, request: Request, public_key: str) -> Response:
        if not PUBLIC_KEY.fullmatch(public_key):
            return _refusal(404, "no such address")
        if request.method == "PUT":
            return await self._put(request, public_key)
        if public_key not in self._claims:
            return _refusal(404, "nobody claims with this key")
        if not self._till.allows(public_key, time.monotonic()):
            return _refusal(429, "this is asked too often")
        with contextlib.suppress(KeyError):  # it was forgotten just now
            return await (self._delete(public_key) if request.method == "DELETE" else self._get(public_key))
        return _refusal(404, "nobody claims with this key")

    async def _put(self, request: Request, public_key: str) -> Response:
        address = address_of(request)
        now = time.monotonic()
        if not self._address.allows(address, now) or not self._all.allows("", now):
            return _refusal(429, "too many claims; claim again")
        if is_ambiguous(request):
            return PlainTextResponse("a body has one length\n", 400, {"connection": "close"})
        try:
            body = await bounded_body(request, LARGEST_MESSAGE)
            if body is None:
                return _refusal(413, f"a claim has at most {LARGEST_MESSAGE} bytes")
            claim = decode_claim(body)
        except (TimeoutError, ClientDisconnect):
            return _refusal(408, "the body did not arrive")
        except BadMessage as error:
            return _refusal(400, str(error))
        try:
            await _aside(lambda: self._claims.put(public_key, claim, address))
        except Full:
            return _refusal(503, "there is no room for one more claim")
        log.info("claim of a till with serial %s, from %s", claim.serial, address)
        return PlainTextResponse("claimed\n", 201)

    async def _get(self, public_key: str) -> Response:
        sealed = await _aside(lambda: self._claims.bundle(public_key))
        if sealed is None:
            return Response(status_code=204)
        return Response(sealed, media_type="application/octet-stream", headers={"cache-control": "no-store"})

    async def _delete(self, public_key: str) -> Response:
        await _aside(lambda: self._claims.remove(public_key))
        return Response(status_code=204)

    async def _clean(self) -> None:
        while True:
            try:
                await _aside(self._claims.expire)
            except OSError as error:
                log.error("claims: %s", error)
            await asyncio.sleep(EXPIRE_EVERY)


def address_of(request: Request) -> str:
    """Who asks, as far as it can be known: an IPv4 address, or the half of an IPv6 address that names a network.

    From a private address it is a web server of ours who asks, and it says for whom.
    """
    peer = request.client.host if request.client else ""
    if _is_ours(peer):
        peer = ",".join(request.headers.getlist("x-forwarded-for") or [peer]).rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def _is_ours(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_private
    except ValueError:
        return False


async def _aside(do: Callable[[], T]) -> T:
    """A slow disk keeps no doorbell waiting."""
    return await asyncio.to_thread(do)


def _refusal(status: int, text: str) -> Response:
    headers = {"retry-after": str(random.randint(*RETRY_AFTER))} if status in (429, 503) else None
    return PlainTextResponse(f"{text}\n", status, headers)
