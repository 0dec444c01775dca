"""The account over HTTP: routes, the bearer check, and every way in which a network or a service goes wrong.

A `Fault` is armed for a method and a path, for so many requests or until it is taken away.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sim.mercadopago.account import Account, ApiProblem, Json, Pos
from sim.network import break_off

Query = dict[str, str]
Answer = tuple[int, Any]


@dataclass
class Fault:
    """What goes wrong, where, and how often (-1: until it is removed).

    Kinds: `status` (with `status`, `retry_after`), `html` (a 502 page), `garbage` (200, no JSON), `empty` (200, no
    body), `slow` (dribbles a byte every `seconds`), `cut` (half the body), `reset_before` and `reset_after` the request
    is carried out, `hang` (`seconds`, then the answer), `pay_before` (the customer pays just before it is).
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    times: int = -1
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0.5

    def hits(self, method: str, path: str) -> bool:
        return bool(self.times and re.fullmatch(self.method, method) and re.search(self.path, path))


@dataclass(frozen=True)
class Request:
    """A request as it came, for tests to look at."""

    method: str
    path: str
    query: Query
    at: float
    client: tuple[str, int]
    """Address and port: one for each connection."""


class Api:
    """The server. It can leave the network and come back at the same port."""

    def __init__(self, account: Account, access_token: str, port: int = 0) -> None:
        self.account = account
        self.access_token = access_token
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.port = port
        self._server: _Server | None = None

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
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

    def hang_up(self) -> None:
        for connection in tuple(self.open):
            break_off(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        api = self.server.api
        api.requests.append(Request(self.command, url.path, query, time.monotonic(), self.client_address))
        fault = api.fault_for(self.command, url.path)
        if fault and fault.kind == "reset_before":
            return self._reset()
        if fault and fault.kind in ("status", "html", "garbage", "empty"):
            return self._answer_wrongly(fault)
        if fault and fault.kind == "pay_before":
            api.account.pay()
        status, answer = self._answer(url.path, query, body)
        if fault and fault.kind == "reset_after":
            return self._reset()
        return self._send(status, b"" if answer is None else dump(answer), fault)

    do_GET = do_PUT = do_POST = do_DELETE = _serve

    def _answer(self, path: str, query: Query, body: bytes) -> Answer:
        api = self.server.api
        if self.headers.get("Authorization") != f"Bearer {api.access_token}":
            return 401, {"message": "invalid access token", "error": "unauthorized", "status": 401, "cause": []}
        try:
            return route(api.account, self.command, path, query, body)
        except ApiProblem as problem:
            return problem.status, problem.body

    def _answer_wrongly(self, fault: Fault) -> None:
        page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
        match fault.kind:
            case "html":
                self._send(502, page, None, "text/html")
            case "garbage":
                self._send(200, page, None)
            case "empty":
                self._send(200, b"", None)
            case _:
                error = {"message": "wrong", "error": "fault", "status": fault.status, "cause": []}
                self._send(fault.status, dump(error), fault)

    def _send(self, status: int, body: bytes, fault: Fault | None, kind: str = "application/json") -> None:
        if fault and fault.kind == "hang":
            time.sleep(fault.seconds)
        self.send_response_only(status)
        self.send_header("Date", format_datetime(self.server.api.account.now().astimezone(UTC), usegmt=True))
        if fault and fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._write(body, fault)

    def _write(self, body: bytes, fault: Fault | None) -> None:
        if fault and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            return self._reset()
        if fault and fault.kind == "slow":
            for byte in body:
                self.wfile.write(bytes((byte,)))
                self.wfile.flush()
                time.sleep(fault.seconds)
            return None
        self.wfile.write(body)
        return None

    def _reset(self) -> None:
        self.close_connection = True
        break_off(self.connection)


# --- routes --------------------------------------------------------------------------------------------------------


def route(account: Account, method: str, path: str, query: Query, body: bytes) -> Answer:
    """Carry out one request."""
    for wanted, pattern, handle in ROUTES:
        if wanted == method and (found := re.fullmatch(pattern, path)):
            return handle(account, found.groupdict(), query, body)
    raise ApiProblem(404, "not_found", f"{method} {path} is unknown here")


def _pos(account: Account, names: Json) -> Pos:
    if not re.fullmatch("[0-9]+", names["user"]):
        raise ApiProblem(400, "invalid_collectorId", "collectorId must be a number")
    pos = account.pos.get(names["pos"])
    if (
        pos is None
        or names["user"] != account.user_id
        or names.get("store", pos.external_store_id) != pos.external_store_id
    ):
        raise ApiProblem(404, "pos_not_found", "no such point of sale")
    return pos


def _put(account: Account, names: Json, _: Query, body: bytes) -> Answer:
    try:
        order = json.loads(body, parse_float=Decimal)
    except ValueError:
        raise ApiProblem(400, "bad_request", "no JSON") from None
    account.put_order(_pos(account, names), order)
    return 204, None


def _look(account: Account, names: Json, _: Query, __: bytes) -> Answer:
    loaded = account.order_on(_pos(account, names))
    if loaded is None:
        raise ApiProblem(404, "point_of_sale_in_store_order_not_found", "No associated order found")
    return 200, [loaded.body] if account.switches.till_answer == "array" else loaded.body


def _delete(account: Account, names: Json, _: Query, __: bytes) -> Answer:
    account.delete_order(_pos(account, names))
    return 204, None


def _merchant_order(account: Account, names: Json, _: Query, __: bytes) -> Answer:
    if not re.fullmatch("[0-9]{1,20}", names["id"]):
        raise ApiProblem(400, "invalid_format", "the id is no number")
    order = account.merchant_order(int(names["id"]))
    if order is None:
        raise ApiProblem(404, "not_found", "merchant order not found")
    return 200, order


def _search_orders(account: Account, _: Json, query: Query, __: bytes) -> Answer:
    wanted = {
        name: query[name] for name in ("external_reference", "status", "preference_id", "site_id") if name in query
    }
    found = account.search_merchant_orders(**wanted)
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 30))
    page = found[offset : offset + limit]
    following = offset + limit if offset + limit < len(found) else 0
    return 200, {"elements": page or None, "next_offset": following, "total": len(found)}


def _payment(account: Account, names: Json, _: Query, __: bytes) -> Answer:
    with account.lock:
        payment = account.payments.get(int(names["id"]))
    if payment is None:
        raise ApiProblem(404, "not_found", "Payment not found")
    return 200, payment


def _search_payments(account: Account, _: Json, query: Query, __: bytes) -> Answer:
    names = ("pos_id", "store_id", "external_reference", "status")
    with account.lock:
        found = [
            payment
            for payment in account.payments.values()
            if all(str(payment.get(name)) == query[name] for name in names if name in query)
            and _in_range(account, payment, query)
        ]
    found.sort(key=lambda payment: payment["date_created"], reverse=query.get("criteria") == "desc")
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 30))
    paging = {"total": len(found), "limit": limit, "offset": offset}
    return 200, {"paging": paging, "results": found[offset : offset + limit]}


def _in_range(account: Account, payment: Json, query: Query) -> bool:
    if "range" not in query:
        return True
    if payment.get(query["range"]) is None:
        return False
    date = datetime.fromisoformat(payment[query["range"]])
    begin, end = _instant(account, query.get("begin_date")), _instant(account, query.get("end_date"))
    return (begin is None or begin <= date) and (end is None or date <= end)


def _instant(account: Account, text: str | None) -> datetime | None:
    """A date, `NOW`, or `NOW-15MINUTES` and the like."""
    if text is None:
        return None
    if found := re.fullmatch(r"NOW(?:-(\d+)(MINUTE|HOUR|DAY|MONTH)S?)?", text):
        lengths = {"MINUTE": 1, "HOUR": 60, "DAY": 1440, "MONTH": 43200}
        return account.now() - timedelta(minutes=int(found[1] or 0) * lengths.get(found[2] or "MINUTE", 1))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ApiProblem(400, "bad_request", f"{text} is no date") from None


def _refund(account: Account, names: Json, _: Query, body: bytes) -> Answer:
    amount = json.loads(body or b"{}", parse_float=Decimal).get("amount")
    if int(names["id"]) not in account.payments:
        raise ApiProblem(404, "not_found", "Payment not found")
    account.refund(int(names["id"]), amount)
    return 201, {"id": 1, "payment_id": int(names["id"]), "amount": amount, "status": "approved"}


def _pos_json(pos: Pos, user_id: str) -> Json:
    return {
        "id": pos.id,
        "status": "active",
        "user_id": int(user_id),
        "name": pos.external_id,
        "fixed_amount": True,
        "category": 621102,
        "store_id": str(pos.store_id),
        "external_store_id": pos.external_store_id,
        "external_id": pos.external_id,
    }


def _search_pos(account: Account, _: Json, query: Query, __: bytes) -> Answer:
    found = [
        _pos_json(pos, account.user_id)
        for pos in account.pos.values()
        if pos.external_id == query.get("external_id", pos.external_id)
        and pos.external_store_id == query.get("external_store_id", pos.external_store_id)
    ]
    return 200, {"paging": {"total": len(found), "offset": 0, "limit": 50}, "results": found}


def _one_pos(account: Account, names: Json, _: Query, __: bytes) -> Answer:
    for pos in account.pos.values():
        if str(pos.id) == names["id"]:
            return 200, _pos_json(pos, account.user_id)
    raise ApiProblem(404, "not_found", "no such point of sale")


def _search_stores(account: Account, _: Json, query: Query, __: bytes) -> Answer:
    found = [
        {"id": str(identity), "name": name, "external_id": name}
        for name, identity in account.stores.items()
        if name == query.get("external_id", name)
    ]
    return 200, {"paging": {"total": len(found), "offset": 0, "limit": 50}, "results": found}


def _me(account: Account, _: Json, __: Query, ___: bytes) -> Answer:
    return 200, {"id": int(account.user_id), "nickname": "KIOSCOSUR", "site_id": account.site}


Handle = Callable[[Account, Json, Query, bytes], Answer]
TILL = r"/instore/qr/seller/collectors/(?P<user>[^/]+)/pos/(?P<pos>[^/]+)/orders"
ROUTES: list[tuple[str, str, Handle]] = [
    ("PUT", TILL.replace("/pos/", "/stores/(?P<store>[^/]+)/pos/"), _put),
    ("GET", TILL, _look),
    ("DELETE", TILL, _delete),
    ("GET", r"/merchant_orders(/search)?", _search_orders),
    ("GET", r"/merchant_orders/(?P<id>[^/]+)", _merchant_order),
    ("GET", r"/v1/payments/search", _search_payments),
    ("GET", r"/v1/payments/(?P<id>[0-9]+)", _payment),
    ("POST", r"/v1/payments/(?P<id>[0-9]+)/refunds", _refund),
    ("GET", r"/pos", _search_pos),
    ("GET", r"/pos/(?P<id>[0-9]+)", _one_pos),
    ("GET", r"/users/[0-9]+/stores/search", _search_stores),
    ("GET", r"/users/me", _me),
]


def dump(answer: Any) -> bytes:
    """JSON with decimals as numbers, to the cent."""
    return json.dumps(answer, default=_number).encode()


def _number(value: Any) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{value!r} has no place in an answer")
