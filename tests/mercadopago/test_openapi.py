"""What the till sends and what the simulator answers fit Mercado Pago's own OpenAPI document, under either API.

Where they don't, a table names it: which side is followed, and why; a deviation that no longer occurs fails. The
document isn't part of this repository: it is looked for beside it, or where MERCADOPAGO_OPENAPI says.
"""

import contextlib
import copy
import dataclasses
import os
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
import requests

from edge.config.schema import Config, Secret, load
from edge.core import duties, events
from edge.core.order import Item, WantedOrder
from edge.install.check.account import check_account, check_order
from edge.install.check.findings import Grade
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.exchange import ApiError
from edge.mercadopago.new_order import NewOrder, new_order
from sim import mercadopago as sim
from sim.mercadopago import Fault
from sim.shop import Shop
from tests.support.openapi import Document
from tests.support.recording import Exchange, Recorder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = Path(os.environ.get("MERCADOPAGO_OPENAPI", ROOT.parent / "shared/openapi/mercadopago-MLA.yaml"))
APIS = ("instore", "orders")
UNKNOWN = {"instore": ("31999999999",), "orders": ("ORD" + "Z" * 26, "ORD" + "Z" * 25)}
"""Ids of nothing. The second is one that the till takes for an id, and the API doesn't."""


class Follow(StrEnum):
    """Which side is followed where two disagree."""

    REFERENCE = "reference"
    """The API reference of the resource, or the official SDK."""
    SEEN = "seen"
    """What was captured from a live account."""
    DOCUMENT = "document"
    """What the document means, though not what it says."""


@dataclass(frozen=True)
class Deviation:
    """Something that the document doesn't allow, or doesn't know. In `problems`, `*` stands for anything."""

    name: str
    follow: Follow
    why: str
    problems: tuple[str, ...]

    def explains(self, problem: str) -> bool:
        return any(_fits(each, problem) for each in self.problems)

    def idle(self, found: set[str]) -> list[str]:
        """What is listed and doesn't occur."""
        return [each for each in self.problems if not any(_fits(each, problem) for problem in found)]


def _fits(pattern: str, problem: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), problem) is not None


PAYMENT = "GET /v1/payments/{id} | 200"
TILL = "/instore/qr/seller/collectors/{user_id}"
DEVIATIONS = (
    Deviation(
        "`type` is only `online`",
        Follow.REFERENCE,
        "the QR reference has `qr`; the document describes orders of online payments",
        ("POST /v1/orders | body type | enum qr",),
    ),
    Deviation(
        "`payer` and `payment_method` are required",
        Follow.REFERENCE,
        "nobody knows who will scan a QR, and how that customer pays",
        (
            "POST /v1/orders | body | required payer",
            "POST /v1/orders | body transactions.payments[] | required payment_method",
        ),
    ),
    Deviation(
        "`config.qr`, `expiration_time` and `unit_measure` are unknown",
        Follow.REFERENCE,
        "they put a QR order on a till, and end it",
        tuple(f"*/v1/orders* | *{name} | unknown" for name in ("config.qr", "expiration_time", "items[].unit_measure")),
    ),
    Deviation(
        "`unit_price` of an item is a number",
        Follow.REFERENCE,
        "all amounts of a QR order are decimal strings there; the till reads both",
        ("*/v1/orders* | *items[].unit_price | type str",),
    ),
    Deviation(
        "states of orders and payments are missing",
        Follow.REFERENCE,
        "the page of states and the webhooks have them; what is in neither means: look again",
        tuple(f"GET /v1/orders* | 200 *status | enum {word}" for word in ("expired", "refunded", "charged_back")),
    ),
    Deviation(
        "details of a status are missing",
        Follow.REFERENCE,
        "the same; only `partially_refunded` means anything to the till",
        tuple(
            f"*/v1/orders* | *status_detail | enum {word}"
            for word in ("canceled", "expired", "refunded", "partially_refunded", "ready_to_process")
        ),
    ),
    Deviation(
        "`refunded_amount` of a payment is unknown",
        Follow.REFERENCE,
        "without it nobody sees how much of an order went back",
        ("GET /v1/orders* | 200 *transactions.payments[].refunded_amount | unknown",),
    ),
    Deviation(
        "`user_id` of an order is a number",
        Follow.REFERENCE,
        "webhooks have it as text; the till reads both",
        ("*/v1/orders* | *user_id | type str",),
    ),
    Deviation(
        "`paging` of the order search has numbers",
        Follow.REFERENCE,
        "the SDK says that they come as text; the till reads both",
        tuple(f"GET /v1/orders | 200 paging.{name} | type str" for name in ("limit", "offset", "total")),
    ),
    Deviation(
        "errors of the Orders API look like all others",
        Follow.REFERENCE,
        "they are a list, `errors`; the till reads each shape",
        ("GET /v1/orders/{id} | 40* | required *", "GET /v1/orders/{id} | 40* errors | unknown"),
    ),
    Deviation(
        "an order for an unknown point of sale has no answer",
        Follow.REFERENCE,
        "404 `pos_not_found`",
        ("POST /v1/orders | 404 | unknown",),
    ),
    Deviation(
        "putting and removing an in-store order answers 200",
        Follow.REFERENCE,
        "204, without a body; the till takes any 2xx",
        (f"PUT {TILL}* | 204 | unknown", f"DELETE {TILL}* | 204 | unknown"),
    ),
    Deviation(
        "refusals of the in-store paths are missing",
        Follow.REFERENCE,
        "only 200 is described there; the reference lists the others",
        (f"PUT {TILL}* | 404 | unknown", f"GET {TILL}* | 404 | unknown", f"DELETE {TILL}* | 409 | unknown"),
    ),
    Deviation(
        "a search of merchant orders answers one of them",
        Follow.REFERENCE,
        "a list, `elements`; each element is held against the schema of a merchant order",
        tuple(f"GET /merchant_orders/search | 200 {name} | unknown" for name in ("elements", "next_offset", "total")),
    ),
    Deviation(
        "`cancelled` is spelled `canceled`",
        Follow.REFERENCE,
        "reference and SDK; the till reads both",
        ("GET /merchant_orders/{id} | 200 cancelled | unknown",),
    ),
    Deviation(
        "`is_test` of a merchant order is unknown",
        Follow.REFERENCE,
        "the SDK has it; the till doesn't read it",
        ("GET /merchant_orders/{id} | 200 is_test | unknown",),
    ),
    Deviation(
        "`notification_url` and `sponsor_id` are never null",
        Follow.REFERENCE,
        "they are, where the order named none",
        tuple(
            f"GET /merchant_orders/{{id}} | 200 {name} | type NoneType" for name in ("notification_url", "sponsor_id")
        ),
    ),
    Deviation(
        "words for money that went back",
        Follow.REFERENCE,
        "`reverted`, `partially_reverted`; the payments decide, never the word",
        tuple(
            f"GET /merchant_orders/{{id}} | 200 order_status | enum {word}"
            for word in ("reverted", "partially_reverted")
        ),
    ),
    Deviation(
        "`GET /users/me` is missing",
        Follow.REFERENCE,
        "whose token it is; asked by `till-edge check`, and when a token is refused",
        ("GET /users/me | path | unknown",),
    ),
    Deviation(
        "points of sale: `id` is text, `status`, `user_id` and `qr` are unknown",
        Follow.REFERENCE,
        "the reference has them, and numbers as ids; the till reads both",
        (
            "GET /pos | 200 results[].id | type int",
            "GET /pos | 200 results[].qr | unknown",
            "GET /pos | 200 results[].status | unknown",
            "GET /pos | 200 results[].user_id | unknown",
        ),
    ),
    Deviation(
        "`pos_id`, `order` and more of a payment are unknown",
        Follow.REFERENCE,
        "the SDK and captures have them; that a payment names its point of sale is what a ticket rests on (P2, P3)",
        tuple(
            f"GET /v1/payments/* | 200 *{name} | unknown"
            for name in (
                *("authorization_code", "collector_id", "fee_details", "live_mode", "order"),
                *("point_of_interaction", "pos_id", "refunds", "store_id"),
            )
        ),
    ),
    Deviation(
        "`nullable` in a document of version 3.1",
        Follow.DOCUMENT,
        "3.1 doesn't know this word of 3.0; a payment that isn't approved has no `date_approved`",
        (f"{PAYMENT} date_approved | type NoneType",),
    ),
    Deviation(
        "payments can't be searched by `date_approved`",
        Follow.REFERENCE,
        "the reference has it (S8); the slip of a day needs it, tickets don't",
        ("GET /v1/payments/search | query range | enum date_approved",),
    ),
    Deviation(
        "a policy's refusal looks like all others",
        Follow.SEEN,
        "it has a `code` and no `error` (E4); the till reads both",
        (
            "GET /v1/payments/{id} | 403 | required error",
            "GET /v1/payments/{id} | 403 blocked_by | unknown",
            "GET /v1/payments/{id} | 403 code | unknown",
        ),
    ),
)
"""All that differs. What isn't here fails, and so does what no longer occurs."""


# --- a day on the wire ----------------------------------------------------------------------------------------------


class Day:
    """A day of one shop, through the till's own client: each thing that it can ask, and each answer that there is."""

    def __init__(self, service: sim.MercadoPago, config: Config) -> None:
        self.service = service
        self.config = config
        self.api = MercadoPago(config.mercadopago)
        self.done: set[type] = set()
        self._sales = 0

    def play(self) -> None:
        self.check()
        self.sale()
        self.sale_without_software()
        self.ends_of_a_sale()
        self.cancels()
        self.refunds()
        self.lists()
        self.refusals()

    def ask(self, duty: duties.PaymentDuty) -> Any:
        self.done.add(type(duty))
        return self.api.do(duty).answer

    # --- the parts of the day --------------------------------------------------------------------------------------

    def check(self) -> None:
        found = [*check_account(self.api, self.config), check_order(self.api, self.config, datetime.now(UTC), "a1b2c3")]
        assert {finding.grade for finding in found} == {Grade.OK}

    def sale(self) -> None:
        order, handle = self.put(
            Item("Yerba", Decimal(2), Decimal("2675.25")), Item("Jamón", Decimal("0.350"), Decimal(10000))
        )
        assert self.ask(duties.LookAtTill(handle)).reference == order.reference
        self.ask(duties.Search(order.reference, handle))
        self.service.scan()
        self.service.pay(approved=False)
        self.read(order, handle)
        self.pay(order, handle)

    def sale_without_software(self) -> None:
        """The till's own page wants an order on the till."""
        wanted = WantedOrder("by-the-page", "Venta", Decimal(100), (Item("Yerba", Decimal(1), Decimal(100)),))
        assert isinstance(self.ask(duties.PutOrder(wanted)), events.OrderPut)
        self.service.pay()

    def ends_of_a_sale(self) -> None:
        for status in ("in_process", "authorized", "in_mediation", "cancelled", "charged_back"):
            self.pay(*self.put(), status=status)
        for method in ("interop_transfer", "visa", "debvisa", "consumer_credits"):
            self.pay(*self.put(), method=method)
        order, handle = self.put()
        self.service.expire()
        self.read(order, handle)

    def cancels(self) -> None:
        for before in (lambda: None, self.service.begin_payment, self.service.pay, self.service.expire):
            order, handle = self.put()
            before()
            self.ask(duties.Cancel(order.reference, handle))
            self.ask(duties.Cancel(order.reference, handle))
            self.read(order, handle)

    def refunds(self) -> None:
        """By a person, with whatever sends them; the till reads what became of the money."""
        for amount in ("10.00", None):
            order, handle = self.put()
            payment = self.service.pay()["id"]
            if handle:
                some = {"transactions": [{"id": self.service.order_book.orders[handle].payment_id, "amount": amount}]}
                self.post(f"/v1/orders/{handle}/refund", some if amount else None)
            else:
                self.post(f"/v1/payments/{payment}/refunds", {"amount": float(amount)} if amount else None)
            self.read(order, handle, payment)

    def lists(self) -> None:
        pos = self.ask(duties.FindPos()).pos_id
        now = datetime.now(UTC)
        assert self.ask(duties.Sweep(pos)).payments
        assert self.ask(duties.ListLatest(pos)).payments
        assert self.ask(duties.ReadDay(now - timedelta(hours=1), now + timedelta(hours=1))).payments
        assert self.ask(duties.Search("never-used")) == events.OrdersFound("never-used", ())

    def refusals(self) -> None:
        api = self.config.mercadopago.api
        for identity in UNKNOWN[api]:
            assert self.ask(duties.Verify(identity)) == events.NotFound()
        assert self.ask(duties.ReadPayment("98999999999")) == events.NotFound()
        with contextlib.suppress(ApiError):
            self.elsewhere(external_pos_id="NOWHERE").till.put(self.new())
        stranger = self.elsewhere(access_token=Secret("APP_USR-wrong"))
        for duty in (duties.Verify(UNKNOWN[api][0]), duties.ReadPayment("98999999999"), duties.Sweep("55001")):
            assert stranger.do(duty).answer.trouble is events.Trouble.REFUSED
        policy = Fault("status", path="/v1/payments", status=403, error="PA_UNAUTHORIZED_RESULT_FROM_POLICIES")
        self.service.faults.append(policy)
        assert self.ask(duties.ReadPayment("98999999999")).trouble is events.Trouble.FORBIDDEN

    # --- the shop --------------------------------------------------------------------------------------------------

    def elsewhere(self, **changes: Any) -> MercadoPago:
        return MercadoPago(dataclasses.replace(self.config.mercadopago, **changes))

    def post(self, path: str, body: Any) -> None:
        api = self.config.mercadopago
        headers = {"Authorization": f"Bearer {api.access_token.reveal()}", "X-Idempotency-Key": str(uuid.uuid4())}
        requests.post(api.api_url + path, json=body, headers=headers, timeout=5).raise_for_status()

    def new(self, *items: Item) -> NewOrder:
        self._sales += 1
        total = sum((item.amount for item in items), Decimal(0)) or Decimal("100.50")
        return new_order(self.config, f"CAJA01-{self._sales:06d}", total, items, datetime.now(UTC))

    def put(self, *items: Item) -> tuple[NewOrder, str]:
        order = self.new(*items)
        return order, self.api.till.put(order).handle

    def pay(self, order: NewOrder, handle: str, **how: Any) -> None:
        self.read(order, handle, self.service.pay(**how)["id"])

    def read(self, order: NewOrder, handle: str, payment: int = 0) -> None:
        """Read all that there is of an order, in each way that the till has."""
        found = self.ask(duties.Search(order.reference)).orders
        for each in (*self.ask(duties.Search(order.reference, handle)).orders, *found):
            self.ask(duties.Verify(each.id))
        if payment:
            self.ask(duties.ReadPayment(str(payment)))


@dataclass(frozen=True)
class Record:
    """What went over the wire on that day, and which duties of the till were done."""

    exchanges: list[Exchange]
    done: set[type]


def record(api: str, folder: Path) -> Record:
    with sim.MercadoPago() as service, Recorder(service.url) as wire:
        shop = Shop(folder, {"mercadopago": {"api_url": wire.url}}, mercadopago=service, api=api)
        shop.write_config()
        day = Day(service, load(shop.config))
        day.play()
        return Record(wire.exchanges, day.done)


# --- what the document says of it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    return {api: record(api, tmp_path_factory.mktemp(api)) for api in APIS}


@pytest.fixture(scope="module")
def document() -> Document:
    if not DOCUMENT.exists():
        pytest.skip(f"Mercado Pago's OpenAPI document is not at {DOCUMENT}; MERCADOPAGO_OPENAPI says where it is")
    return Document(DOCUMENT)


@pytest.mark.parametrize("api", APIS)
def test_the_day_has_all_that_the_till_can_ask(days, api):
    assert days[api].done == set(get_args(duties.PaymentDuty))
    methods = {exchange.method for exchange in days[api].exchanges}
    assert methods == ({"GET", "PUT", "DELETE", "POST"} if api == "instore" else {"GET", "POST"})


def problems(document: Document, exchange: Exchange) -> Iterator[str]:
    """All that differs, also in each merchant order that a search found: their schema is the one of a single one."""
    yield from map(str, document.problems(exchange))
    if exchange.path == "/merchant_orders/search" and exchange.status == 200:
        for each in exchange.answer["elements"] or ():
            path = f"/merchant_orders/{each['id']}"
            alone = dataclasses.replace(exchange, path=path, query=(), answer=each)
            yield from map(str, document.problems(alone))


def test_what_differs_is_in_the_table_and_nothing_else_is(days, document):
    exchanges = [exchange for day in days.values() for exchange in day.exchanges]
    found = Counter(problem for exchange in exchanges for problem in problems(document, exchange))
    unnamed = {problem: times for problem, times in found.items() if not any(d.explains(problem) for d in DEVIATIONS)}
    idle = {deviation.name: gone for deviation in DEVIATIONS if (gone := deviation.idle(set(found)))}
    assert unnamed == {}, "differs, and is not in the table"
    assert idle == {}, "is in the table, and no longer occurs"


def test_the_page_says_how_much_was_checked(days, document):
    """Within a tenth: a question more is no news."""
    page = (ROOT / "docs/mercadopago.md").read_text()
    for api, day in days.items():
        described = sum(map(document.describes_answer, day.exchanges))
        print(f"{api}: {len(day.exchanges)} requests and answers, {described} answers with a schema")
        [said] = re.findall(rf"^\| `{api}` \| (\d+) \| (\d+) \|$", page, re.M)
        assert [int(number) for number in said] == pytest.approx([len(day.exchanges), described], rel=0.1)


def test_the_page_names_each_deviation():
    rows = "".join(f"| {each.name} | {each.follow} | {each.why} |\n" for each in DEVIATIONS)
    assert rows in (ROOT / "docs/mercadopago.md").read_text(), f"docs/mercadopago.md must have this:\n{rows}"


# --- that it would notice -------------------------------------------------------------------------------------------


def search(exchange: Exchange) -> bool:
    return (exchange.method, exchange.path) == ("GET", "/v1/orders")


def creation(exchange: Exchange) -> bool:
    return (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/orders", 201)


def sweep(exchange: Exchange) -> bool:
    return exchange.path == "/v1/payments/search" and exchange.status == 200


def bend(part: str, name: str, value: Any = None) -> Callable[[Exchange], Exchange]:
    """Change something in a part of an exchange; None takes it away."""

    def bent(exchange: Exchange) -> Exchange:
        whole = copy.deepcopy(getattr(exchange, part))
        changed = dict(whole) if part == "query" else whole
        changed.pop(name, None)
        changed |= {} if value is None else {name: value}
        return dataclasses.replace(exchange, **{part: tuple(changed.items()) if part == "query" else changed})

    return bent


@pytest.mark.parametrize(
    ("which", "bent", "at", "rule"),
    [
        (search, bend("query", "begin_date"), "query begin_date", "required"),
        (search, bend("query", "end_date", "tomorrow"), "query end_date", "format"),
        (search, bend("query", "limit", "101"), "query limit", "maximum"),
        (search, bend("query", "offset", "some"), "query offset", "type str"),
        (search, bend("query", "type", "qr"), "query type", "enum qr"),
        (search, bend("query", "access_token", "APP_USR-1"), "query access_token", "unknown"),
        (search, bend("headers", "authorization"), "header authorization", "security"),
        (sweep, bend("query", "criteria"), "query criteria", "required"),
        (sweep, bend("query", "range", "date_of_the_moon"), "query range", "enum date_of_the_moon"),
        (sweep, bend("answer", "results", "none"), "200 results", "type str"),
        (creation, bend("headers", "x-idempotency-key"), "header X-Idempotency-Key", "required"),
        (creation, bend("headers", "x-idempotency-key", "1"), "header X-Idempotency-Key", "format"),
        (creation, bend("headers", "x-more", "1"), "header x-more", "unknown"),
        (creation, bend("headers", "content-type", "text/plain"), "body text/plain", "unknown"),
        (creation, bend("body", "total_amount", 5350.5), "body total_amount", "type float"),
        (creation, bend("body", "total_amount"), "body", "required total_amount"),
        (creation, bend("body", "notification_url", "http://x"), "body notification_url", "unknown"),
        (creation, bend("body", "items", [{"quantity": 0.35}]), "body items[].quantity", "type float"),
        (creation, bend("answer", "status", "paid"), "201 status", "enum paid"),
        (creation, bend("answer", "created_date", "today"), "201 created_date", "format"),
        (creation, lambda exchange: dataclasses.replace(exchange, status=200), "200", "unknown"),
        (creation, lambda exchange: dataclasses.replace(exchange, path="/v2/orders"), "path", "unknown"),
    ],
)
def test_what_is_bent_is_noticed(days, document, which, bent, at, rule):
    exchange = next(filter(which, days["orders"].exchanges))
    before, after = set(document.problems(exchange)), set(document.problems(bent(exchange)))
    assert (at, rule) in {(problem.at, problem.rule) for problem in after - before}
