"""Hands requests on to the till's page and its answers back, byte by byte, streams included.

The page lets nobody put it in a frame but a page of its own origin. So the demo has that origin: it serves itself and
hands on everything else, with the head as it came; the page that ships is not changed for it.
"""

import asyncio
from collections.abc import AsyncIterator

import h11
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sim.network import HOST

CHUNK_BYTES = 65536
OF_A_CONNECTION = (b"connection", b"keep-alive", b"transfer-encoding", b"upgrade")


async def hand_on(request: Request, port: int, path: str) -> Response:
    """The answer of whoever listens at this port; 502 if nobody does."""
    body = await request.body()
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return PlainTextResponse("the till's page is not running\n", 502)
    line = h11.Connection(h11.CLIENT)
    target = f"{path}?{request.url.query}" if request.url.query else path
    head = h11.Request(method=request.method, target=target, headers=_of_this_request(request.headers.raw))
    writer.write((line.send(head) or b"") + (line.send(h11.Data(body)) or b"") + (line.send(h11.EndOfMessage()) or b""))
    try:
        answer = await _next(line, reader)
    except (OSError, h11.RemoteProtocolError):
        answer = None
    if not isinstance(answer, h11.Response):
        writer.close()
        return PlainTextResponse("the till's page did not answer\n", 502)
    response = StreamingResponse(_body(line, reader, writer), answer.status_code)
    response.raw_headers = _of_this_request(list(answer.headers))
    return response


def _of_this_request(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in OF_A_CONNECTION]


async def _next(line: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := line.next_event()) is h11.NEED_DATA:
        line.receive_data(await reader.read(CHUNK_BYTES))
    return event


async def _body(
    line: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    try:
        while isinstance(event := await _next(line, reader), h11.Data):
            yield bytes(event.data)
    except (OSError, h11.RemoteProtocolError):
        return  # it ended in mid-answer: what came is handed on, and the browser sees the end
    finally:
        writer.close()
