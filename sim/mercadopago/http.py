"""The account over HTTP: the bearer check, and every way in which a network or a service goes wrong.

A `Fault` is armed for a method and a path, for so many requests or until it is taken away. What the addresses mean is
in `routes`. Numbers leave exactly as they are in the books.
"""

import json
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sim.mercadopago.account import Account
from sim.mercadopago.routes import Answer, route
from sim.mercadopago.validation import ApiProblem
from sim.network import break_off, free_port

ERRORS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    423: "locked",
    429: "too_many_requests",
    500: "internal_error",
    503: "service_unavailable",
}
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Fault:
    """What goes wrong, where (regular expressions), and how often (-1: until it is removed).

    Kinds: `status` (with `status`, `retry_after`), `html` (a 502 page), `garbage` (200, no JSON), `empty` (200, no
    body), `slow` (dribbles a byte every `seconds`), `slow_head` (the same, before the head ends), `cut` (half the
    body), `reset_before` and `reset_after` the request is carried out, `hang` (`seconds`, then the answer),
    `pay_before` (the customer pays just before it is), `date` (all is well but for the header `Date`).
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    times: int = -1
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0.5
    error: str = ""
    """The code in the body of the kind `status`; `PA_UNAUTHORIZED_RESULT_FROM_POLICIES` has a shape of its own."""
    date: str = ""
    """The header `Date` of the kind `date`; "" for none."""

    def hits(self, method: str, path: str) -> bool:
        return bool(self.times and re.fullmatch(self.method, method) and re.search(self.path, path))


@dataclass(frozen=True)
class Request:
    """A request as it came, for tests to look at."""

    method: str
    path: str
    query: dict[str, str]
    at: float
    """By `time.monotonic`."""
    client: tuple[str, int]
    """Address and port: one for each connection."""


@dataclass(eq=False)
class Exchange:
    """A request and what became of it, for whoever watches the wire. Made when it comes, and filled in when it ends."""

    method: str
    path: str
    query: dict[str, str]
    body: str
    status: int = 0
    """0 before the answer, and where there was none."""
    answer: str = ""


class Api:
    """The server. It can leave the network and come back at the same port."""

    def __init__(self, account: Account, access_token: str, port: int = 0) -> None:
        self.account = account
        self.access_token = access_token
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.port = port or free_port()
        self.watched: Callable[[Exchange], None] = lambda exchange: None
        """Called with each exchange twice: when it comes, and when it is answered."""
        self.tls: ssl.SSLContext | None = None
        """What it shows of itself over TLS from the next `start` on; None: plain HTTP."""
        self._server: _Server | None = None

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="mercadopago", daemon=True).start()

    def stop(self) -> None:
        """Be gone from the network: no listening socket, and no open connection either."""
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
        self._server = None

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Take the first armed fault that fits."""
        with self.account.lock:
            for fault in self.faults:
                if fault.hits(method, path):
                    fault.times -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        self.api = api
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)
        if api.tls:  # each handler shakes hands in its own thread, so that one client holds up no other
            self.socket = api.tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in tuple(self.open):
            break_off(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else is a bug of ours and must be seen."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    """Head and body leave in one piece, as those of a real service do."""
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        api = self.server.api
        api.requests.append(Request(self.command, url.path, query, time.monotonic(), self.client_address))
        self._exchange = Exchange(self.command, url.path, query, body.decode(errors="replace"))
        api.watched(self._exchange)
        fault = api.fault_for(self.command, url.path)
        kind = fault.kind if fault else ""
        if kind == "reset_before":
            return self._reset()
        if fault and kind in ("status", "html", "garbage", "empty"):
            return self._answer_wrongly(fault)
        if kind == "pay_before":
            api.account.pay()
        status, answer = self._answer(url.path, query, body)
        if kind == "reset_after":
            return self._reset()
        return self._send(status, b"" if answer is None else dump(answer), fault)

    do_GET = do_PUT = do_POST = do_DELETE = _serve

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        api = self.server.api
        if self.headers.get("Authorization") != f"Bearer {api.access_token}":
            return 401, general_error(401, "invalid access token")
        try:
            key = self.headers.get("X-Idempotency-Key", "")
            return route(api.account, self.command, path, query, body, key)
        except ApiProblem as problem:
            if path.startswith("/instore/"):
                return problem.status, store_error(problem)
            if path.startswith("/v1/orders"):
                return problem.status, orders_error(problem)
            return problem.status, general_error(problem.status, problem.message, problem.error)

    def _answer_wrongly(self, fault: Fault) -> None:
        match fault.kind:
            case "html":
                self._send(502, PAGE, fault, "text/html")
            case "garbage":
                self._send(200, PAGE, fault)
            case "empty":
                self._send(200, b"", fault)
            case _:
                self._send(fault.status, dump(_refusal(fault)), fault)

    def _send(self, status: int, body: bytes, fault: Fault | None, kind: str = "application/json") -> None:
        if fault and fault.kind == "hang":
            time.sleep(fault.seconds)
        self._exchange.status, self._exchange.answer = status, body.decode(errors="replace")
        self.server.api.watched(self._exchange)
        self.send_response_only(status)
        date = format_datetime(self.server.api.account.now().astimezone(UTC), usegmt=True)
        if date := fault.date if fault and fault.kind == "date" else date:
            self.send_header("Date", date)
        if fault and fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        if fault and fault.kind == "slow_head":
            self.flush_headers()
            self._dribble(b"X-Served-By: somebody slow\r\n", fault)
        self.end_headers()
        self._write(body, fault)

    def _write(self, body: bytes, fault: Fault | None) -> None:
        if fault and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            return self._reset()
        if fault and fault.kind == "slow":
            return self._dribble(body, fault)
        self.wfile.write(body)
        return None

    def _dribble(self, text: bytes, fault: Fault) -> None:
        for byte in text:
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            time.sleep(fault.seconds)

    def _reset(self) -> None:
        self.close_connection = True
        break_off(self.connection)


def _refusal(fault: Fault) -> dict[str, Any]:
    if not fault.error.startswith("PA_"):
        return general_error(fault.status, "a fault", fault.error)
    policy = {"code": fault.error, "blocked_by": "PolicyAgent", "status": fault.status}
    return {**policy, "message": "At least one policy returned UNAUTHORIZED."}


def store_error(problem: ApiProblem) -> dict[str, Any]:
    """The body of an error of the in-store family."""
    return {"error": problem.error, "message": problem.message, "status": problem.status, "causes": []}


def orders_error(problem: ApiProblem) -> dict[str, Any]:
    """The body of an error of the Orders API."""
    return {"errors": [{"code": problem.error, "message": problem.message, "details": []}]}


def general_error(status: int, message: str, error: str = "") -> dict[str, Any]:
    """The body of an error anywhere else."""
    return {"message": message, "error": error or ERRORS.get(status, "error"), "status": status, "cause": []}


def dump(value: Any) -> bytes:
    """Write JSON with decimals as the numbers that they are; a float would turn the longest into others."""
    return _json(value).encode()


def _json(value: Any) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_json(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_json, value)) + "]"
        case Decimal():
            text = format(value, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return json.dumps(value, ensure_ascii=False)
