"""Hostile requests to the relay, byte for byte, and the answer to each.

`PATH` in a request stands for the address of a till, with its secret, that must not hear more than `rings`; `OTHER` for
the address of another till. So nothing here is refused for want of a secret, unless the row is about that.
"""

import json
from dataclasses import dataclass
from typing import Any

from relay.web.app import MAX_BODY_BYTES
from relay.web.server import MAX_HEAD_BYTES

HUNG_UP = 0
"""No answer: the relay ends the connection."""


@dataclass(frozen=True)
class Row:
    """One request: its bytes, the status it gets, and the id that rings at the till ("": none)."""

    name: str
    request: bytes
    status: int
    rings: str = ""


def post(body: bytes | Any = b"", *headers: str, path: str = "PATH", method: str = "POST") -> bytes:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw(f"{method} {path} HTTP/1.1", f"Content-Length: {len(body)}", *headers) + body


def raw(first: str, *headers: str) -> bytes:
    return "\r\n".join([first, "Host: relay", *headers, "", ""]).encode("latin-1")


def get(query: str = "", path: str = "PATH") -> bytes:
    return raw(f"GET {path}{query} HTTP/1.1")


def order(identity: object) -> dict[str, object]:
    return {"topic": "merchant_order", "resource": identity}


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = raw("POST PATH HTTP/1.1", "Transfer-Encoding: chunked")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


RINGS_OTHER = post(order("666"), path="OTHER")
"""What must not be taken for a request of its own."""
TEXT = json.dumps(order("7")).encode()

BODIES = [
    Row("no body", post(), 200),
    Row("a body as large as may be", post(TEXT.ljust(MAX_BODY_BYTES)), 201, "7"),
    Row("one byte more", post(TEXT.ljust(MAX_BODY_BYTES + 1)), 413),
    Row("ten gigabytes are promised", raw("POST PATH HTTP/1.1", "Content-Length: 10000000000") + b"{", 413),
    Row("chunks without end", chunked(*[b" " * 1024] * 65, end=b""), 413),
    Row("chunks of one byte", chunked(*[bytes([byte]) for byte in TEXT]), 201, "7"),
    Row("a chunk of 2^80 bytes", chunked(end=b"F" * 21 + b"\r\n"), 400),
    Row("a chunk whose size is no number", chunked(end=b"ZZ\r\n"), 400),
    Row("a chunk with a negative size", chunked(end=b"-1\r\n"), 400),
    Row("a chunk with an extension without end", chunked(end=b"1;" + b"x" * 2 * MAX_HEAD_BYTES), 400),
    Row("60,000 nested lists", post(b"[" * 60_000), 201, "unreadable"),
    Row("10,000 nested objects", post(b'{"data":' * 7_000), 201, "unreadable"),
    Row("a number of 60,000 digits", post(b'{"topic":"payment","resource":' + b"9" * 60_000 + b"}"), 201, "unreadable"),
    Row("a list", post([order("7")]), 201, "unreadable"),
    Row("a text", post("merchant_order"), 201, "unreadable"),
    Row("null", post(b"null"), 201, "unreadable"),
    Row("NaN for an id", post(b'{"topic":"payment","resource":NaN}'), 201, "payment"),
    Row("text that is no UTF-8", post(b'{"topic":"payment","resource":"\xff\xfe7"}'), 201, "unreadable"),
    Row("UTF-16", post(TEXT.decode().encode("utf-16")), 201, "7"),
    Row("a byte order mark", post(b"\xef\xbb\xbf" + TEXT), 201, "7"),
    Row("half a surrogate for a topic", post(b'{"topic":"\\ud800","resource":"7"}'), 201, "unreadable"),
    Row("half a surrogate in the id", post(b'{"topic":"payment","resource":"7\\ud800"}'), 201, "payment"),
    Row(
        "gzip, which is not unpacked",
        post(b"\x1f\x8b\x08\0" + b"\0" * 1000, "Content-Encoding: gzip"),
        201,
        "unreadable",
    ),
    Row("bytes", post(bytes(range(128, 256)) * 32), 201, "unreadable"),
    Row(
        "a form",
        post(b"topic=payment&resource=7", "Content-Type: application/x-www-form-urlencoded"),
        201,
        "unreadable",
    ),
    Row(
        "a file upload",
        post(b"--x\r\n\r\n7\r\n--x--", "Content-Type: multipart/form-data; boundary=x"),
        201,
        "unreadable",
    ),
    Row(
        "XML that names a file",
        post(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
        201,
        "unreadable",
    ),
    Row("a key twice: the last one counts", post(b'{"topic":"payment","resource":"6","resource":"7"}'), 201, "7"),
]

TEST_BUTTON = [Row("the test button", post(order("123456")), 200)]

WRONG_TYPES = [
    Row(f"the id is {json.dumps(value)[:40]}", post(order(value)), 201, "merchant_order")
    for value in (
        *[True, None, 1.5, -1, 10**20, [], ["7"], {}, {"id": "7"}, ""],
        *["-7", "+7", "7.0", "1e3", "0x7", " 7", "7\n", "7\r\nX: y", "7\x00", "٣", "9" * 21],
        *[
            "1 OR 1=1",
            "'; DROP TABLE orders; --",
            "${jndi:ldap://127.0.0.1/a}",
            "%s%n%x",
            "{{7*7}}",
            "<script>",
            "+",
            "#",
        ],
        *["7/../orders", "../../relay/status"],
    )
]

TYPES_OF_THE_REST = [
    Row(f"the topic is {json.dumps(value)[:40]}", post({"topic": value, "resource": "7"}), 201, rings)
    for value, rings in (
        *[(value, "unreadable") for value in (7, None, ["payment"], {"payment": 1}, "../status", "payment\x00")],
        *[(value, value) for value in ("ping", "PAYMENT", "__proto__")],
    )
] + [
    Row(f"the data are {json.dumps(value)}", post({"type": "payment", "data": value}), 201, "payment")
    for value in ("7", ["7"], [{"id": "7"}], {"id": {"id": "7"}}, {"ID": "7"}, None)
]

STRANGE_RESOURCES = [
    Row(f"resource {address[:40]}", post(order(address + "31415926535")), 201, "31415926535")
    for address in (
        *["http://evil.example/merchant_orders/", "https://api.mercadolibre.com.evil.example/merchant_orders/"],
        *["https://user:password@evil.example/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:1883/"],
        *["file:///etc/passwd/", "gopher://127.0.0.1:6379/", "//evil.example/", "\\\\evil\\share/", "../CAJA02/"],
    )
]

QUERIES = [
    Row("an empty query", get("?"), 200),
    Row("a path for an id: its end counts", get("?topic=payment&id=../../CAJA02/7"), 201, "7"),
    Row("an id with a zero byte", get("?topic=payment&id=7%00"), 201, "payment"),
    Row("an id with a line end", get("?topic=payment&id=7%0d%0aX:+y"), 201, "payment"),
    Row("bytes that are no text", get("?topic=%ff%fe&id=%c0%ae"), 201, "unreadable"),
    Row("half an escape", get("?topic=payment&id=%"), 201, "payment"),
    Row("an id twice: the last one counts", get("?topic=payment&id=6&id=7"), 201, "7"),
    Row("2,000 parameters", get("?" + "&".join(["a=b"] * 2000)), 201, "unreadable"),
    Row("a query of 32 KiB, at once", get("?" + "a" * 2 * MAX_HEAD_BYTES), 201, "unreadable"),
    Row("a query without end", b"GET PATH?" + b"a" * 2 * MAX_HEAD_BYTES, 400),
    Row("a body that comes with GET", post(order("7"), method="GET"), 200),
]

PATHS = [
    Row(f"path {path[:40]}", post(order("7"), path=path), 404)
    for path in (
        *["/", "//", "/mp", "/mp/", "/mp//", "PATH/", "/PATH", "PATH/7", "PATH%00", "PATH%0a", "PATH;a", "/x/..PATH"],
        *[
            "/mp/CAJA02/..PATH",
            "/mp/./CAJA01/x",
            "/%2e%2ePATH",
            "/mp/%c0%ae%c0%ae/x",
            "/mp/+/x",
            "/mp/%23/x",
            "/mp/$SYS/x",
        ],
        *[
            "/mp/../../etc/passwd",
            "/MP/CAJA01/x",
            "/.env",
            "/wp-login.php",
            "/mp/" + "a" * 10_000,
            "/mp/%F0%9F%92%A9/x",
        ],
        *["http://evil.examplePATH", "/mp/700100200-x", "/mp/-", "/mp/00-", "/mp/" + "9" * 5000 + "-x", "/mp/x%00-y"],
    )
] + [
    Row("an escaped slash is a slash", post(order("7"), path="ESCAPED"), 201, "7"),
    Row("the secret in capitals", post(order("7"), path="CAPITALS"), 404),
]

METHODS = [
    Row(f"method {method}", post(order("7"), method=method), 405)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post", "X" * 1000)
] + [
    Row("HEAD", raw("HEAD PATH HTTP/1.1"), 200),
    Row("the metrics are not written", post(b"x", path="/metrics"), 405),
    Row("nor is the health", post(b"x", path="/health"), 405),
]

HEADERS = [
    Row("a header of 32 KiB, at once", raw("GET PATH HTTP/1.1", "X-A: " + "a" * 2 * MAX_HEAD_BYTES), 200),
    Row("a header without end", b"GET PATH HTTP/1.1\r\nX-A: " + b"a" * 2 * MAX_HEAD_BYTES, 400),
    Row("5,000 headers, at once", raw("GET PATH HTTP/1.1", *["X-A: b"] * 5000), 200),
    Row("headers without end", b"GET PATH HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000, 400),
    Row("a first line without end", b"G" * 2 * MAX_HEAD_BYTES, 400),
    Row("empty lines without end", b"\r\n" * 2 * MAX_HEAD_BYTES, 400),
    Row("a header without a colon", raw("GET PATH HTTP/1.1", "X-A"), 400),
    Row("a header with a blank before its colon", raw("GET PATH HTTP/1.1", "X-A : b"), 400),
    Row("a header with a zero byte", raw("GET PATH HTTP/1.1", "X-A: \0"), 400),
    Row("a header without a name", raw("GET PATH HTTP/1.1", ": b"), 400),
    Row("two hosts", raw("GET PATH HTTP/1.1", "Host: evil.example"), 400),
    Row("no host", b"GET PATH HTTP/1.1\r\n\r\n", 400),
    Row("an odd request id is left out", post(order("7"), 'X-Request-Id: "}\t{'), 201, "7"),
    Row("a signature of 8 KiB", post(order("7"), "X-Signature: ts=1,v1=" + "a" * 8192), 201, "7"),
    Row("a signature of commas", post(order("7"), "X-Signature: " + "," * 8192), 201, "7"),
    Row("a signature that is no text", post(order("7"), "X-Signature: ts=\xb2,v1=\xff"), 201, "7"),
    Row("an upgrade to a web socket", post(order("7"), "Connection: Upgrade", "Upgrade: websocket"), 201, "7"),
    Row("an upgrade to HTTP/2", post(order("7"), "Connection: Upgrade", "Upgrade: h2c"), 201, "7"),
    Row(
        "somebody else's address forwarded",
        post(order("7"), "X-Forwarded-For: 127.0.0.1", "X-Original-URL: /metrics"),
        201,
        "7",
    ),
    Row("another verb in a header", post(order("7"), "X-HTTP-Method-Override: DELETE"), 201, "7"),
]

LENGTHS = {
    "two kinds of length": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "two kinds of length, the other way round": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 0", "Content-Length: 9"],
    "a length with a sign": ["Content-Length: +0"],
    "a negative length": ["Content-Length: -1"],
    "a hexadecimal length": ["Content-Length: 0x0"],
    "a length of 5,000 digits": ["Content-Length: " + "9" * 5000],
    "an encoding nobody knows": ["Transfer-Encoding: xchunked"],
    "an encoding twice": ["Transfer-Encoding: chunked, chunked"],
    "an encoding and identity": ["Transfer-Encoding: chunked, identity"],
    "an encoding after a vertical tab": ["Transfer-Encoding: \x0bchunked"],
}

SMUGGLED = [
    Row(name, raw("POST PATH HTTP/1.1", *headers) + b"0\r\n\r\n" + RINGS_OTHER, 400)
    for name, headers in LENGTHS.items()
] + [
    Row("a request in the body of a POST", post(RINGS_OTHER), 201, "unreadable"),
    Row("a request in the body of a GET", post(RINGS_OTHER, method="GET"), 200),
    Row("a request in the body of a 404", post(RINGS_OTHER, path="/mp/CAJA01/x"), 404),
    Row("a request in a header", post(b"", "X-A: a\r\n b: c"), 200),
    Row("a request after a chunk with a wrong end", chunked(end=b"1\r\nxxx0\r\n\r\n") + RINGS_OTHER, 400),
]

OTHER_PROTOCOLS = [
    Row("HTTP/0.9", b"GET PATH\r\n\r\n", 400),
    Row("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 64, 404),
    Row("HTTP/9.9", b"GET PATH HTTP/9.9\r\nHost: relay\r\n\r\n", 200),
    Row("HTTP/1.1 in small letters", b"GET PATH http/1.1\r\nHost: relay\r\n\r\n", 400),
    Row("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n", 400),
    Row("MQTT", b"\x10\x10\0\x04MQTT\x05\x02\0\x1e\0\0\x03abc\r\n\r\n", 400),
    Row("Redis", b"FLUSHALL\r\n\r\n", 400),
    Row("mail", b"EHLO evil.example\r\n\r\n", 400),
    Row("noise", bytes(range(256)) * 8 + b"\r\n\r\n", 400),
]

CLAIM = {"v": 2, "nameplate": "K7QM", "serial": "100000001", "release": "0.1.0", "signer": ""}
KEY = "ab" * 32


def claim(body: object, *headers: str, key: str = KEY) -> bytes:
    return post(body, *headers, path=f"/claims/{key}", method="PUT")


CLAIMS = [
    Row("a claim", claim(CLAIM), 201),
    Row("a claim with more in it", claim({**CLAIM, "path": "../../etc", "admin": True}), 201),
    Row("a claim of 4,097 bytes", claim(json.dumps(CLAIM).encode().ljust(4097)), 413),
    Row("ten gigabytes of claim are promised", raw(f"PUT /claims/{KEY} HTTP/1.1", "Content-Length: 10000000000"), 413),
    Row("a claim with two kinds of length", claim(CLAIM, "Transfer-Encoding: chunked"), 400),
    Row("a claim of nothing", claim(b""), 400),
    Row("a claim of nested lists", claim(b"[" * 4000), 400),
    Row("a claim that is no text", claim(bytes(range(128, 256))), 400),
    *(
        Row(f"the {name} of a claim is {json.dumps(value)[:40]}", claim({**CLAIM, name: value}), 400)
        for name, value in (
            *[("v", 1), ("v", 3), ("v", True), ("v", [2]), ("signer", None), ("signer", "ab"), ("signer", ["ab" * 32])],
            *[("nameplate", None), ("nameplate", "K7QMX"), ("nameplate", "OILU"), ("nameplate", ["K7QM"])],
            *[("serial", ""), ("serial", "1\n2"), ("serial", "\x1b[2J"), ("serial", "a" * 65), ("serial", {"a": 1})],
            *[("release", "\ud800"), ("release", "<script>"), ("release", 1)],
        )
    ),
    *(
        Row(f"the key of a claim is {key[:4]}…{key[-4:]}, {len(key)}", claim(CLAIM, key=key), 404)
        for key in (
            "",
            "x",
            "AB" * 32,
            "ab" * 31,
            "ab" * 33,
            "ab" * 31 + "a%0a",
            "../" * 21 + "a",
            "%2e%2e%2f" + "a" * 61,
        )
    ),
    Row("a bundle that nobody asked for is not there", get(path="/claims/" + "cd" * 32), 404),
    Row("nor can it be removed", post(path="/claims/" + "cd" * 32, method="DELETE"), 404),
    Row("a claim is no notification", post(CLAIM, path=f"/claims/{KEY}"), 405),
    Row("claims are not listed", get(path="/claims/"), 404),
    Row("nor is the folder", get(path="/claims"), 404),
]

ROWS = [
    *BODIES,
    *TEST_BUTTON,
    *WRONG_TYPES,
    *TYPES_OF_THE_REST,
    *STRANGE_RESOURCES,
    *QUERIES,
    *PATHS,
    *METHODS,
    *HEADERS,
    *SMUGGLED,
    *OTHER_PROTOCOLS,
    *CLAIMS,
]
