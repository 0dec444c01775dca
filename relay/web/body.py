"""Reading a request's body within a limit of bytes and of seconds."""

import asyncio

from starlette.requests import Request

BODY_TIMEOUT_S = 10.0


def is_ambiguous(request: Request) -> bool:
    """Whether the body has two lengths. Where it ends then depends on the reader: what follows may not be a request."""
    return "transfer-encoding" in request.headers and "content-length" in request.headers


async def bounded_body(request: Request, max_bytes: int) -> bytes | None:
    """Read the body; None if it has, or announces, more than `max_bytes`. No byte beyond the first too many is kept.

    Raises `TimeoutError` after `BODY_TIMEOUT_S`, and `ClientDisconnect`.
    """
    if int(request.headers.get("content-length", "0")) > max_bytes:
        return None
    body = bytearray()
    async with asyncio.timeout(BODY_TIMEOUT_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                return None
    return bytes(body)
