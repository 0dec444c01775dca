"""A request's body, read no further and for no longer than it may be."""

import asyncio

from starlette.requests import Request

PATIENCE = 10.0
"""Seconds that a sender gets for its body."""


def is_ambiguous(request: Request) -> bool:
    """Whether the body has two lengths: where it ends depends on who reads it; what follows may be no request."""
    return {"transfer-encoding", "content-length"} <= set(request.headers)


async def bounded_body(request: Request, largest: int) -> bytes | None:
    """Read the body, and no further than to the first byte too many; None means that there was one, or will be.

    Raises `TimeoutError`, `ClientDisconnect`.
    """
    if int(request.headers.get("content-length", "0")) > largest:
        return None
    body = bytearray()
    async with asyncio.timeout(PATIENCE):
        async for chunk in request.stream():
            body += chunk
            if len(body) > largest:
                return None
    return bytes(body)
