"""The demo's web application: its files, what happens as a stream, people's deeds; all else is the till's page.

It listens on this machine alone. The browser gets the session of the device that the demo let in.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sim.goods import GOODS
from sim.world.loudspeaker import Sound
from sim.world.paper import Strip
from sim.world.proxy import hand_on
from sim.world.scenarios import SCENARIOS
from sim.world.stage import BusyError, Stage
from sim.world.words import WORDS

STATIC = Path(__file__).parent / "static"
SHARED = "elements.js"
"""A file of the till's page, as it ships; taken from the disk, for the demo goes on when the page's process is dead."""
FILES = {path.name: path for path in sorted(STATIC.iterdir())}
FILES[SHARED] = Path(str(files("edge.page"))) / "static" / SHARED
LOOK_EVERY_S = 0.05
STILL_EVERY_S = 5.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TILL = "/till"
"""Where the till's page is for the demo; the page itself thinks that it is at the root."""


class Demo:
    """Answers a browser."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def start(self, request: Request) -> Response:
        """The demo's page, for a browser that is let in at the till's page from now on."""
        response = FileResponse(STATIC / "world.html", headers={"content-security-policy": POLICY, **PLAIN})
        response.set_cookie("till-session", self._stage.session, httponly=True, samesite="strict")
        return response

    async def file(self, request: Request) -> Response:
        file = FILES.get(request.path_params["name"])
        return FileResponse(file, headers=PLAIN) if file else Response("no such file\n", 404)

    async def words(self, request: Request) -> Response:
        wanted = request.query_params.get("language", "")[:2]
        language = wanted if wanted in WORDS else self._stage.language
        facts = {"language": language, "languages": list(GOODS), "words": WORDS[language]}
        return JSONResponse({**facts, "scenarios": list(SCENARIOS), "api": self._stage.shop.api}, headers=PLAIN)

    async def live(self, request: Request) -> Response:
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=PLAIN)

    async def _events(self) -> AsyncIterator[str]:
        strip, version, shown, still = Strip(self._stage.shop.printer, self._stage.first_sheet), 0, "", 0.0
        heard = len(self._sounds(0))  # only what is said from now on
        yield _event("hello", {})
        while not self._stage.closed:
            still += LOOK_EVERY_S
            if (state := json.dumps(self._stage.view())) != shown or still >= STILL_EVERY_S:
                shown, still = state, 0.0
                yield f"event: state\ndata: {state}\n\n"
            messages, version = self._stage.wire.since(version)
            if messages:
                yield _event("messages", [message.shown() for message in messages])
            if paper := await asyncio.to_thread(lambda: list(strip.news())):
                yield _event("paper", paper)
            if sounds := await asyncio.to_thread(self._sounds, heard):
                heard = sounds[-1].number
                yield _event("sounds", [vars(sound) for sound in sounds])
            await asyncio.sleep(LOOK_EVERY_S)

    def _sounds(self, number: int) -> list[Sound]:
        return self._stage.loudspeaker.since(number) if self._stage.loudspeaker else []

    async def sound(self, request: Request) -> Response:
        """One sound, with the very samples that the till played."""
        loudspeaker, number = self._stage.loudspeaker, request.path_params["number"]
        if loudspeaker is None or not 0 < number <= len(self._sounds(0)):
            return Response("no such sound\n", 404)
        return Response(loudspeaker.wav(number), media_type="audio/wav", headers=PLAIN)

    async def do(self, request: Request) -> Response:
        """A deed of a person, who sits before this very page."""
        if request.headers.get("origin") != f"http://{request.headers.get('host')}":
            return JSONResponse({"error": "origin"}, 403)
        try:
            facts = json.loads(await request.body())
            await asyncio.to_thread(lambda: self._stage.do(**facts))
        except BusyError:
            return JSONResponse({"error": "busy"}, 409)
        except (LookupError, ValueError, TypeError) as error:
            return JSONResponse({"error": "impossible", "why": str(error)}, 409)
        except (OSError, RuntimeError, TimeoutError) as error:
            return JSONResponse({"error": "failed", "why": str(error).splitlines()[0]}, 500)
        return JSONResponse({})

    async def till(self, request: Request) -> Response:
        path = request.url.path
        return await hand_on(request, self._stage.world.page.port, "/" if path == TILL else path)


PLAIN = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def create_app(stage: Stage) -> Starlette:
    """The demo as an ASGI application."""
    demo = Demo(stage)
    routes = [
        Route("/", demo.start),
        Route("/world/words", demo.words),
        Route("/world/live", demo.live),
        Route("/world/do", demo.do, methods=["POST"]),
        Route("/world/sound/{number:int}", demo.sound),
        Route("/world/{name}", demo.file),
        Route("/{path:path}", demo.till, methods=["GET", "POST"]),
    ]
    return Starlette(routes=routes)
