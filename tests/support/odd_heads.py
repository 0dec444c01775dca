"""HTTP answers with odd heads: genuine ones, of which a line or two were changed."""

import random
from collections.abc import Callable

STATUS_LINES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 204 No Content", b"HTTP/1.1 206 Partial", b"HTTP/1.1 302 Found",
    b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 401 No", b"HTTP/1.1 403 No", b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 423 Locked", b"HTTP/1.1 429 Slow", b"HTTP/1.1 500 Oh", b"HTTP/1.1 503 Busy", b"HTTP/1.1 999 X",
    b"HTTP/1.1 -1 X", b"HTTP/1.1 " + b"9" * 400 + b" X", b"HTTP/1.1 2\xb2 X", b"HTTP/9.9 200 OK", b"HTTP/1.1",
    b"ICY 200 OK", b"200 OK", b"", b"\x00", b"HTTP/1.1 200 " + b"\xff" * 90,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
)  # fmt: skip
NAMES = (
    b"Date", b"Retry-After", b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Location", b"Set-Cookie",
    b"Connection", b"Content-Type", b"WWW-Authenticate", b"", b" ", b"Date ", b"X\x00", b"\xff", b"x" * 900,
)  # fmt: skip
VALUES = (
    b"", b"0", b"-1", b"1", b"7", b"1.5", b"1e9", b"0x10", b"+5", b"1_0", b"1, 2", b"9" * 30, b"9" * 5000, b"\xb2",
    "\u0661".encode(), b"NaN", b"inf", b"\x00", b"\xff", b"chunked", b"gzip", b"deflate", b"gzip, gzip", b"identity",
    b"br", b"close", b"keep-alive", b"upgrade", b"Mon, 02 Mar 2026 21:39:20 GMT",
    b"Mon, 02 Mar 2026 10:00:00 +99999999999999999",
    b"Mon, 02 Mar 2026 10:00:00 -2400", b"Fri, 31 Dec 9999 23:59:59 -2359", b"Mon, 01 Jan 0001 00:00:00 +2359",
    b"Mon, 02 Mar 99999999999 10:00:00 GMT", b"Mon, 31 Feb 2026 25:61:61 GMT", b"Mon, 02 Mar 2099 10:00:00 GMT",
    b"Thu, 01 Jan 1970 00:00:00 GMT", b"http://[", b"//\xff", b"a=\"", b" ", b"a\r\n b", b"text/html; charset=\xff",
)  # fmt: skip
LINE_ENDS = (b"\r\n", b"\n", b"\r", b"", b"\r\n\r\n")


def bend_head(answer: bytes, chance: random.Random) -> bytes:
    """An HTTP answer with one thing in its head changed, or with its body sent in another way."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    changed = chance.choice(CHANGES)(lines, chance)
    if chance.random() < 0.1:
        return chunked(changed, body, chance)
    end = chance.choice(LINE_ENDS) if chance.random() < 0.1 else b"\r\n"
    return end.join(changed) + blank + body


def _another_status(lines: list[bytes], chance: random.Random) -> list[bytes]:
    return [chance.choice(STATUS_LINES), *lines[1:]]


def _another_header(lines: list[bytes], chance: random.Random) -> list[bytes]:
    at = chance.randrange(1, len(lines) + 1)
    return [*lines[:at], chance.choice(NAMES) + chance.choice((b": ", b":", b" ")) + chance.choice(VALUES), *lines[at:]]


def _another_value(lines: list[bytes], chance: random.Random) -> list[bytes]:
    at = chance.randrange(len(lines))
    return [*lines[:at], lines[at].partition(b":")[0] + b": " + chance.choice(VALUES), *lines[at + 1 :]]


def _one_less(lines: list[bytes], chance: random.Random) -> list[bytes]:
    at = chance.randrange(len(lines))
    return [*lines[:at], *lines[at + 1 :]]


def _one_twice(lines: list[bytes], chance: random.Random) -> list[bytes]:
    at = chance.randrange(len(lines))
    return [*lines[:at], *lines[at : at + 1] * chance.choice((2, 2, 2, 200)), *lines[at + 1 :]]


Change = Callable[[list[bytes], random.Random], list[bytes]]
CHANGES: tuple[Change, ...] = (_another_status, _another_header, _another_value, _one_less, _one_twice)


def chunked(lines: list[bytes], body: bytes, chance: random.Random) -> bytes:
    """The same answer in two chunks, whose sizes may be wrong."""
    lines = [line for line in lines if not line.lower().startswith(b"content-length")]
    cut = chance.randrange(len(body) + 1)
    sizes = [b"%x" % cut, b"%x" % (len(body) - cut), b"0"]
    if chance.random() < 0.5:
        sizes[chance.randrange(3)] = chance.choice((b"", b"-1", b"f" * 30, b"zz", b"1;x=y", b"\xff", b"ffff"))
    first, second, last = sizes
    pieces = (first, body[:cut], second, body[cut:], last, b"", b"")
    return b"\r\n".join((*lines, b"Transfer-Encoding: chunked")) + b"\r\n\r\n" + b"\r\n".join(pieces)
