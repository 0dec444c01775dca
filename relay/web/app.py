"""The relay's web application. Its one promise: 201 if and only if the broker has acknowledged the doorbell.

503 makes Mercado Pago notify again; 200 is for the test button and for a request that says nothing.
A path contains a secret, so nothing here logs a path.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge.contract.mqtt import Doorbell, Topics, encode_doorbell, is_till_id, seller_topic
from relay.addresses import opens, seller_of
from relay.claims import ClaimStore
from relay.config import Config
from relay.limits import AtOnce, Limit
from relay.mqtt.publisher import Publisher, PublishError
from relay.web.body import bounded_body, is_ambiguous
from relay.web.claims import ClaimEndpoint
from relay.web.metrics import Metrics
from relay.web.notification import doorbell_of, reference_of
from relay.web.signature import Signature, examine

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
TILL_LIMIT = (10, 100)
SELLER_LIMIT = (200, 2000)
"""Notifications per second, and at once. Each sale causes about four; a seller's address serves all its tills."""
TILL_BODIES, SELLER_BODIES = 10, 100
"""Bodies of one address that may be on their way at once. Mercado Pago's arrive with their heads."""
HEALTH_TILL = "relay-health"
"""The till that `/health` rings. No till has this name."""


class Answer(Enum):
    """Every answer to a notification: status and text."""

    RUNG = 201, "the broker has the doorbell"
    NOTHING = 200, "nothing in it"
    AMBIGUOUS = 400, "a body has one length"
    NO_SUCH_ADDRESS = 404, "no such address"
    NO_BODY = 408, "the body did not arrive"
    TOO_LARGE = 413, f"a notification has at most {MAX_BODY_BYTES} bytes"
    TOO_OFTEN = 429, "this address was used too often"
    NOT_TAKEN = 503, "the broker did not take it; notify again"


HANG_UP = {"connection": "close"}
RESPONSES = {
    answer: PlainTextResponse(f"{answer.value[1]}\n", answer.value[0], HANG_UP if answer is Answer.AMBIGUOUS else None)
    for answer in Answer
}
"""Made once: a response may be sent any number of times."""


@dataclass(frozen=True)
class Bell:
    """What an address rings: one till, or all tills of a seller. `_bell` makes it from the path of a request."""

    owner: str
    """`till` or `seller`"""
    name: str
    topics: tuple[str, ...]
    """The first to which somebody is subscribed is rung."""
    limit: Limit
    bodies: AtOnce


class Relay:
    """Answers HTTP requests with the help of one publisher."""

    def __init__(self, config: Config, publisher: Publisher) -> None:
        self._key = config.secret
        self._root = config.broker.topic_root
        self._prefixes = config.reference_prefixes
        self._signature_secret = config.signature_secret
        self._publisher = publisher
        self._metrics = Metrics(publisher)
        self._till_limit, self._seller_limit = Limit(*TILL_LIMIT), Limit(*SELLER_LIMIT)
        self._till_bodies, self._seller_bodies = AtOnce(TILL_BODIES), AtOnce(SELLER_BODIES)
        self._probe: asyncio.Task[str] | None = None

    def claim_endpoint(self, claims: ClaimStore) -> ClaimEndpoint:
        """Return the endpoint for tills without a bundle."""
        return ClaimEndpoint(claims, self._metrics.claims)

    async def notify(self, request: Request) -> Response:
        """Answer a notification for a till, or for all tills of a seller."""
        kind, answer = await self._take(request)
        self._metrics.notifications.labels(kind, answer.value[0]).inc()
        return RESPONSES[answer]

    async def health(self, _request: Request) -> Response:
        """Answer 200 if the broker takes doorbells now, else 503 with the reason; and whether pings are answered."""
        # All requests share one probe: while the broker is silent, more would fill the queue of the doorbells.
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ring_health_till())
        trouble = await asyncio.shield(self._probe)
        pings = "answered" if self._publisher.hears_pings else "not answered; the log says why"
        return JSONResponse({"broker": trouble or "takes messages", "pings": pings}, 503 if trouble else 200)

    async def metrics(self, _request: Request) -> Response:
        """Answer a monitoring system with the metrics."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _take(self, request: Request) -> tuple[str, Answer]:
        """Return the kind of doorbell ("" if there is none) and the answer."""
        bell = self._bell(request.path_params)
        if bell is None:
            return "", Answer.NO_SUCH_ADDRESS
        if not bell.limit.allows(bell.name, time.monotonic()):
            return "", Answer.TOO_OFTEN
        if is_ambiguous(request):
            return "", Answer.AMBIGUOUS
        body = await self._body(request, bell)
        if isinstance(body, Answer):
            return "", body
        self._report_signature(request, bell)
        doorbell = doorbell_of(request.method, request.query_params, request.headers, body)
        if doorbell is None:
            log.info("%s: nothing in %.200r %.200r", bell.name, request.url.query, body)
            return "", Answer.NOTHING
        return doorbell.kind, await self._ring(self._aimed(bell, request.method, body), doorbell)

    async def _body(self, request: Request, bell: Bell) -> bytes | Answer:
        with bell.bodies.one(bell.name) as allowed:
            if not allowed:
                return Answer.TOO_OFTEN
            try:
                body = await bounded_body(request, MAX_BODY_BYTES)
            except (TimeoutError, ClientDisconnect):
                return Answer.NO_BODY
        return Answer.TOO_LARGE if body is None else body

    def _bell(self, path: Mapping[str, str]) -> Bell | None:
        if "seller" in path:
            seller = seller_of(path["seller"], self._key)
            if seller is None:
                return None
            return Bell("seller", seller, (seller_topic(seller),), self._seller_limit, self._seller_bodies)
        till = path["till"]
        if not is_till_id(till) or not opens(till, path["secret"], self._key):
            return None
        return Bell("till", till, (Topics(self._root, till).orders,), self._till_limit, self._till_bodies)

    def _aimed(self, bell: Bell, method: str, body: bytes) -> Bell:
        """Put the till first whose order a seller's notification is about; all his tills are rung if it isn't there.

        What the body says is believed for this only: in the worst case a till looks, and finds nothing of its own.
        """
        reference = reference_of(method, body) if bell.owner == "seller" else ""
        ours = [each for each in self._prefixes if each.user_id == bell.name and reference.startswith(each.prefix)]
        return replace(bell, topics=(*(Topics(self._root, each.till).orders for each in ours), *bell.topics))

    def _report_signature(self, request: Request, bell: Bell) -> None:
        headers, data_id = request.headers, request.query_params.get("data.id", "")
        signature, request_id = headers.get("x-signature", ""), headers.get("x-request-id", "")
        result = examine(signature, request_id, data_id, self._signature_secret, time.time())
        self._metrics.signatures.labels(result).inc()
        if result is not Signature.ABSENT:
            log.debug("%s: signature %s", bell.name, result)

    async def _ring(self, bell: Bell, doorbell: Doorbell) -> Answer:
        doorbell = replace(doorbell, received_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        began = time.perf_counter()
        try:
            await self._publish(bell, encode_doorbell(doorbell))
        except PublishError as error:
            log.warning("%s: %s %s not delivered: %s", bell.name, doorbell.kind, doorbell.id, error)
            return Answer.NOT_TAKEN
        self._metrics.acknowledgement.observe(time.perf_counter() - began)
        self._metrics.doorbells.labels(bell.owner).inc()
        log.info("%s: %s %s", bell.name, doorbell.kind, doorbell.id)
        return Answer.RUNG

    async def _publish(self, bell: Bell, payload: bytes) -> None:
        """Publish to the first topic to which somebody is subscribed. Raises `PublishError`."""
        for topic in bell.topics:
            if await self._publisher.publish(topic, payload):
                return
            self._metrics.unheard.inc()
            log.warning("nobody is subscribed to %s; is this till installed?", topic)

    async def _ring_health_till(self) -> str:
        """Return why the broker does not take doorbells; "" if it does."""
        try:
            await self._publisher.publish(
                Topics(self._root, HEALTH_TILL).orders, encode_doorbell(Doorbell("ping", HEALTH_TILL))
            )
        except PublishError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class Direct:
    """A handler that raises no `HTTPException`, without what Starlette wraps around one for that.

    `create_app` makes it for the addresses of notifications, which take nearly all of the relay's time.
    """

    handle: Callable[[Request], Awaitable[Response]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.handle(Request(scope, receive, send))
        await response(scope, receive, send)


def create_app(config: Config) -> Starlette:
    """Return the relay as an ASGI application, which is connected to the broker while it is served.

    Raises `OSError` if the folder for claims can't be used.
    """
    publisher = Publisher(config.broker)
    relay = Relay(config, publisher)
    endpoint = relay.claim_endpoint(ClaimStore(config.claims.folder)) if config.claims else None

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        publisher.start()
        async with endpoint.open() if endpoint else nullcontext():
            yield
        await publisher.stop()

    routes = [
        Route("/mp/{till}/{secret}", Direct(relay.notify), methods=["GET", "POST"]),
        Route("/mp/{seller}", Direct(relay.notify), methods=["GET", "POST"]),
        Route("/health", relay.health),
        Route("/metrics", relay.metrics),
    ]
    if endpoint:
        routes.append(Route("/claims/{share}", endpoint.serve, methods=["PUT", "GET", "DELETE"]))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False  # Mercado Pago does not follow redirects
    return app
