"""The relay's web side. Its one promise: 201 if and only if the broker has acknowledged the doorbell.

503 makes Mercado Pago notify again; 200 is for what interests no till, or can't be read, and would not get better.
A path holds a secret, so nothing here logs a path.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from edge.wire import Doorbell, Topics, encode_doorbell, is_till_id
from relay.address import opens
from relay.config import Config
from relay.notification import doorbell_of
from relay.publisher import NotTaken, Publisher

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024
BODY_PATIENCE = 10.0
"""Seconds that a sender gets for its body."""


class Relay:
    """Answers HTTP requests with the help of one publisher."""

    def __init__(self, config: Config, publisher: Publisher) -> None:
        self._config = config
        self._publisher = publisher

    async def notify(self, request: Request) -> Response:
        """Take a notification for a till."""
        till, secret = request.path_params["till"], request.path_params["secret"]
        if not is_till_id(till) or not opens(till, secret, self._config.key):
            return PlainTextResponse("no such address\n", 404)
        try:
            body = await _bounded_body(request)
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("the body did not arrive\n", 408)
        if body is None:
            return PlainTextResponse(f"a notification has at most {LARGEST_BODY} bytes\n", 413)
        doorbell = doorbell_of(request.method, request.query_params, request.headers, body)
        if doorbell is None:
            log.info("%s: nothing to look at in %.200r %.200r", till, request.url.query, body)
            return PlainTextResponse("nothing in it that a till could look at\n")
        return await self._ring(till, doorbell)

    async def health(self, _request: Request) -> Response:
        """Say whether a notification would get through now."""
        connected = self._publisher.connected
        return JSONResponse({"broker": "connected" if connected else "not connected"}, 200 if connected else 503)

    async def _ring(self, till: str, doorbell: Doorbell) -> Response:
        doorbell = replace(doorbell, received_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        topics = Topics(self._config.broker.topic_root, till)
        try:
            await self._publisher.publish(topics.orders, encode_doorbell(doorbell))
        except NotTaken as error:
            log.warning("%s: %s %s not delivered: %s", till, doorbell.kind, doorbell.id, error)
            return PlainTextResponse("the broker did not take it; notify again\n", 503)
        log.info("%s: %s %s", till, doorbell.kind, doorbell.id)
        return PlainTextResponse("the till was told\n", 201)


def create_app(config: Config) -> Starlette:
    """Return the relay as an ASGI application; it connects to the broker for as long as it is served."""
    publisher = Publisher(config.broker)
    relay = Relay(config, publisher)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        publisher.start()
        yield
        await publisher.stop()

    routes = [Route("/mp/{till}/{secret}", relay.notify, methods=["GET", "POST"]), Route("/health", relay.health)]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False  # Mercado Pago does not follow redirects
    return app


async def _bounded_body(request: Request) -> bytes | None:
    """Read the body, and no further than to the first byte too many; None means that there was one."""
    body = bytearray()
    async with asyncio.timeout(BODY_PATIENCE):
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return None
    return bytes(body)
