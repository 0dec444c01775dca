"""The page's web application: files, what is going on as a stream, and requests that end in the journal.

Nothing is changed without a session and the proof that the request comes from this very page. No answer has a secret of
the till: this process doesn't know the access token.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.config.schema import Config, PageConfig
from edge.core import events
from edge.journal.file import BrokenJournalError, JournalError
from edge.journal.store import Journal
from edge.page.access import BUTTON_TIMEOUT_S, CODE_LASTS_S, SESSION_LASTS_S, Access, AccessError, Session
from edge.page.asking import (
    AskError,
    cancel_asked,
    code_entered,
    copy_asked,
    day_asked,
    label_of,
    order_asked,
    session_named,
)
from edge.page.money import money_of
from edge.page.streams import Streams
from edge.page.window import Window, view
from edge.page.words import LANGUAGES, WORDS

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 16 * 1024
BODY_TIMEOUT_S = 10.0
MAX_REQUESTS_PER_MINUTE = 60
"""Of one device: a person can't press faster, and the journal is on a card."""
STATIC = Path(__file__).parent / "static"
SCRIPTS = ("page.js", "dom.js", "elements.js", "sale.js", "order.js", "panels.js", "pair.js")
FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    **{name: (name, "text/javascript; charset=utf-8") for name in SCRIPTS},
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "icon-192.png": ("icon-192.png", "image/png"),
    "icon-512.png": ("icon-512.png", "image/png"),
    "page.webmanifest": ("page.webmanifest", "application/manifest+json"),
}
"""All files there are, by their address; no path from outside reaches the disk."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}
Handler = Callable[[Request], Awaitable[Response]]
Asked = Callable[[Request, Session, Mapping[str, Any]], Awaitable[Response]]


class RefusedError(Exception):
    """The request is answered with this and changes nothing."""

    def __init__(self, status: int, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.response = JSONResponse({"error": reason, "text": text}, status)


class Page:
    """Answers the requests of all devices."""

    def __init__(self, config: Config, page: PageConfig) -> None:
        self._config = config
        self._journal = config.journal.path
        self._access = Access(self._journal.with_suffix(".page-access"))
        self._window = Window(self._journal)
        self._tls = page.cert_file is not None
        self.streams = Streams(self._window.stamp)
        self._spent: dict[str, list[float]] = {}
        """Session -> when it last asked for something."""

    # --- anybody -----------------------------------------------------------------------------------------------------

    async def file(self, request: Request) -> Response:
        name, kind = FILES[request.path_params.get("name", "")]
        return Response((STATIC / name).read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})

    async def start(self, request: Request) -> Response:
        """What the page has to know before anything else, in its language."""
        language = self._language(request)
        facts = {
            "paired": self._session(request) is not None,
            "language": language,
            "words": WORDS[language],
            "till": self._config.till.name,
            "encrypted": self._tls,
            "hold_seconds": self._config.panel.button.hold_seconds,
            "money": money_of(self._config),
            "asks": self._access.asks(request.cookies.get(self._cookie("asks"), "")),
        }
        return JSONResponse(facts)

    async def ask(self, request: Request) -> Response:
        """A device wants to be let in: the till prints a code as soon as somebody presses its button."""
        self._refuse_strangers(request)
        try:
            device, code = self._access.ask()
        except AccessError as error:
            raise RefusedError(429, error.reason) from None
        try:
            await self._leave(events.PairingAsked(code))
        except RefusedError:
            self._access.withdraw(device)
            raise
        response = JSONResponse({"press_within": BUTTON_TIMEOUT_S})
        self._set_cookie(response, "asks", device, CODE_LASTS_S)
        return response

    async def asking(self, request: Request) -> Response:
        """How far it is: whether the button was pressed. Only for the device that asks."""
        if not self._access.asks(request.cookies.get(self._cookie("asks"), "")):
            return JSONResponse({"stage": "expired"})
        seen = await asyncio.to_thread(self._window.look)
        stage = seen.status.get("pairing") or "asked" if seen.status else "unheard"
        return JSONResponse({"stage": stage})

    async def enter(self, request: Request) -> Response:
        """The device enters its code."""
        self._refuse_strangers(request)
        body = await self._body(request)
        try:
            device, label = request.cookies.get(self._cookie("asks"), ""), request.headers.get("user-agent", "")
            secret = self._access.enter(device, code_entered(body), label_of(label))
        except AccessError as error:
            raise RefusedError(429 if error.reason == "locked" else 403, error.reason) from None
        log.info("a device was let in: %s", label_of(request.headers.get("user-agent", "")))
        response = JSONResponse({})
        self._set_cookie(response, "session", secret, SESSION_LASTS_S)
        response.delete_cookie(self._cookie("asks"), path="/")
        return response

    # --- devices that were let in ------------------------------------------------------------------------------------

    async def live(self, request: Request) -> Response:
        """What is going on, again and again: server-sent events."""
        session = self._need_session(request)
        language = self._language(request)

        def shown() -> str:
            return json.dumps(view(self._window.look(), self._config, language), ensure_ascii=False)

        stream = self.streams.open(session.id, shown, lambda: self._access.session(self._secret(request)) is not None)
        if stream is None:
            raise RefusedError(503, "too_many_streams")
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def order(self, request: Request, _session: Session, body: Mapping[str, Any]) -> Response:
        asked = order_asked(body, self._config, datetime.now(UTC))
        await self._leave(asked)
        return JSONResponse({"reference": asked.order.reference})

    async def cancel(self, _request: Request, _session: Session, body: Mapping[str, Any]) -> Response:
        return await self._leave(cancel_asked(body))

    async def check(self, _request: Request, _session: Session, _body: Mapping[str, Any]) -> Response:
        return await self._leave(events.CheckAsked())

    async def copy(self, _request: Request, _session: Session, body: Mapping[str, Any]) -> Response:
        seen = await asyncio.to_thread(self._window.look)
        return await self._leave(copy_asked(body, seen.orders))

    async def day(self, _request: Request, _session: Session, _body: Mapping[str, Any]) -> Response:
        seen = await asyncio.to_thread(self._window.look)
        today = (seen.status.get("today") or {}).get("date")
        return await self._leave(day_asked(today, datetime.now(UTC), self._config))

    async def sessions(self, request: Request) -> Response:
        """All devices that are let in, and which of them this one is."""
        ours = self._need_session(request)
        listed = [
            {"id": each.id, "label": each.label, "since": each.since, "seen": each.seen, "this": each.id == ours.id}
            for each in self._access.sessions
        ]
        return JSONResponse({"sessions": listed})

    async def end(self, _request: Request, _session: Session, body: Mapping[str, Any]) -> Response:
        self._access.end(session_named(body))
        self.streams.wake()
        return JSONResponse({})

    # --- what all of them need ---------------------------------------------------------------------------------------

    def asked(self, carry_out: Asked) -> Handler:
        """A request that changes something: only with a session, and from this very page."""

        async def handle(request: Request) -> Response:
            self._refuse_strangers(request)
            session = self._need_session(request)
            self._spend(session)
            return await carry_out(request, session, await self._body(request))

        return handle

    def _refuse_strangers(self, request: Request) -> None:
        """Another site's page may send a request with our cookies, but can't say that it is from here."""
        origin, site = request.headers.get("origin", ""), request.headers.get("sec-fetch-site", "same-origin")
        ours = f"{'https' if self._tls else 'http'}://{request.headers.get('host', '')}"
        if origin != ours or site != "same-origin":
            raise RefusedError(403, "wrong_origin")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise RefusedError(415, "malformed")

    def _need_session(self, request: Request) -> Session:
        session = self._session(request)
        if session is None:
            raise RefusedError(401, "no_session")
        return session

    def _session(self, request: Request) -> Session | None:
        return self._access.session(self._secret(request))

    def _secret(self, request: Request) -> str:
        return request.cookies.get(self._cookie("session"), "")

    def _spend(self, session: Session) -> None:
        now = asyncio.get_running_loop().time()
        recent = [at for at in self._spent.get(session.id, ()) if now - at < 60]
        if len(recent) >= MAX_REQUESTS_PER_MINUTE:
            raise RefusedError(429, "too_often")
        self._spent[session.id] = [*recent, now]

    async def _body(self, request: Request) -> Mapping[str, Any]:
        if {"transfer-encoding", "content-length"} <= set(request.headers):
            raise RefusedError(400, "malformed")
        try:
            content = await _bounded(request)
            body = json.loads(content or b"{}")
        except (TimeoutError, ClientDisconnect):
            raise RefusedError(408, "malformed") from None
        except (ValueError, RecursionError):
            raise RefusedError(400, "malformed") from None
        if not isinstance(body, dict):
            raise RefusedError(400, "malformed")
        return body

    async def _leave(self, request: events.Request) -> Response:
        """Leave a request for the daemon."""
        await asyncio.to_thread(self._write, request)
        return JSONResponse({})

    def _write(self, request: events.Request) -> None:
        if not self._journal.exists():
            raise RefusedError(503, "no_journal")
        try:
            journal = Journal(self._journal)
        except (JournalError, BrokenJournalError) as error:
            log.error("%s", error)
            raise RefusedError(503, "no_journal") from None
        try:
            journal.request(request)
        except (JournalError, BrokenJournalError) as error:
            log.error("%s", error)
            raise RefusedError(503, "no_journal") from None
        finally:
            journal.close()

    def _language(self, request: Request) -> str:
        """The first that the browser wants of those that the till speaks; else the till's own."""
        wanted = request.query_params.get("language", "") + "," + request.headers.get("accept-language", "")
        words = (word.partition(";")[0].strip().lower()[:2] for word in wanted[:200].split(","))
        return next((word for word in words if word in LANGUAGES), self._config.till.language)

    def _cookie(self, name: str) -> str:
        return f"__Host-till-{name}" if self._tls else f"till-{name}"

    def _set_cookie(self, response: Response, name: str, value: str, seconds: float) -> None:
        response.set_cookie(
            self._cookie(name), value, int(seconds), path="/", secure=self._tls, httponly=True, samesite="strict"
        )


async def _bounded(request: Request) -> bytes:
    """The body. Raises `RefusedError` as soon as it, or what it announces, is too long."""
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit() or int(announced[:12]) > MAX_BODY_BYTES:
        raise RefusedError(413, "too_large")
    body = bytearray()
    async with asyncio.timeout(BODY_TIMEOUT_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise RefusedError(413, "too_large")
    return bytes(body)


class Guarded:
    """Puts the protecting headers on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(each for each in added if each[0] not in given)]
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return error.response


async def _not_asked(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AskError)
    return JSONResponse({"error": error.reason, "text": str(error)}, 422)


async def _disk(_request: Request, error: Exception) -> Response:
    log.error("%s", error)
    return JSONResponse({"error": "no_journal", "text": ""}, 503)


async def _unknown(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("no such address\n", 404)


def create_app(config: Config, page: PageConfig) -> ASGIApp:
    """The page as an ASGI application."""
    ours = Page(config, page)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        ours.streams.close()

    routes = [Route(f"/{name}", _of(ours.file, name)) for name in FILES]
    routes += [
        Route("/api/start", ours.start),
        Route("/api/pair/ask", ours.ask, methods=["POST"]),
        Route("/api/pair/asking", ours.asking),
        Route("/api/pair/enter", ours.enter, methods=["POST"]),
        Route("/api/live", ours.live),
        Route("/api/sessions", ours.sessions),
        *(Route(f"/api/{name}", ours.asked(getattr(ours, method)), methods=["POST"]) for name, method in ASKED.items()),
    ]
    errors = {RefusedError: _refused, AskError: _not_asked, OSError: _disk, 404: _unknown}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=errors)
    app.router.redirect_slashes = False
    return Guarded(app)


ASKED = {
    "order": "order",
    "cancel": "cancel",
    "check": "check",
    "copy": "copy",
    "day": "day",
    "sessions/end": "end",
}
"""What a device that was let in may ask for: address -> method."""


def _of(serve: Handler, name: str) -> Handler:
    async def handle(request: Request) -> Response:
        request.path_params["name"] = name
        return await serve(request)

    return handle
