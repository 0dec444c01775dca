"""The Orders API as one till sees it, by real HTTP against the simulator; and that a cancel is for one order."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.schema import MercadoPagoConfig, Secret
from edge.core import duties, events
from edge.core.order import Account, Item, Verdict, money, verdict
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.decode_order import decode_order
from edge.mercadopago.new_order import NewOrder
from sim import mercadopago as sim
from sim.mercadopago import Fault, Switches

pytestmark = pytest.mark.slow

POS, OTHER_POS = "SUC001POS003", "SUC001POS004"
UNKNOWN = "ORD01KA0000000000000000000ZZ"
ORDER = NewOrder(
    reference="R1",
    title="Caja 1",
    total=Decimal("5350.50"),
    items=(Item("Yerba", Decimal(2), Decimal("2675.25")),),
    created=datetime.now(UTC),
    lifetime=timedelta(minutes=10),
    whole=False,
)


@pytest.fixture
def service() -> Iterator[sim.MercadoPago]:
    with sim.MercadoPago(pos=[("SUC001", POS), ("SUC001", OTHER_POS)]) as service:
        yield service


@pytest.fixture
def api(service: sim.MercadoPago) -> MercadoPago:
    return client(service)


def client(service: sim.MercadoPago, **changes: Any) -> MercadoPago:
    config = MercadoPagoConfig(
        user_id=service.user_id,
        external_store_id="SUC001",
        external_pos_id=POS,
        access_token=Secret(service.access_token),
        api_url=service.url,
        api="orders",
    )
    return MercadoPago(dataclasses.replace(config, **changes))


def answer(api: MercadoPago, duty: duties.PaymentDuty) -> Any:
    return api.do(duty).answer


def account(service: sim.MercadoPago) -> Account:
    return Account(service.user_id, service.pos_internal_id(POS), POS)


# --- created, read, found -------------------------------------------------------------------------------------------


def test_an_order_that_is_created_can_be_read_found_and_seen(service, api):
    placed = api.till.put(ORDER)
    [reading] = answer(api, duties.Search("R1", placed.handle)).orders
    assert (reading.id, reading.reference, reading.total) == (placed.handle, "R1", Decimal("5350.50"))
    assert (reading.external_pos_id, reading.site, reading.items) == (POS, "MLA", ORDER.items)
    assert answer(api, duties.Verify(placed.handle)) == events.MerchantOrderRead(reading)
    assert answer(api, duties.Search("R1")).orders == (reading,)
    for named in (placed.handle, "R1"):
        assert answer(api, duties.LookAtTill(named)) == events.TillSeen("R1", ORDER.total, placed.handle)


def test_a_repeated_create_is_one_order_and_another_sum_is_another(service, api):
    first, again = api.till.put(ORDER), api.till.put(ORDER)
    assert first == again
    assert len(service.order_book.orders) == 1
    assert api.till.put(dataclasses.replace(ORDER, total=Decimal(10), items=())).handle != first.handle


def test_all_pages_of_a_search_are_read_though_its_totals_are_text(service, api):
    handles = {service.create_order("R1", "10") for _ in range(60)}
    assert {order.id for order in answer(api, duties.Search("R1")).orders} == handles


def test_what_is_sold_by_weight_is_one_piece_of_its_price(service, api):
    ham = Item("Jamón", Decimal("0.350"), Decimal(10000))
    placed = api.till.put(dataclasses.replace(ORDER, total=Decimal(3500), items=(ham,)))
    [reading] = answer(api, duties.Search("R1", placed.handle)).orders
    assert reading.items == (Item("Jamón × 0.350", Decimal(1), Decimal(3500)),)


def test_amounts_of_chile_have_no_decimals(service):
    with sim.MercadoPago(site="MLC") as chile:
        placed = client(chile).till.put(dataclasses.replace(ORDER, total=Decimal(5350), items=(), whole=True))
        chile.pay()
        [reading] = answer(client(chile), duties.Search("R1", placed.handle)).orders
        assert (reading.total, reading.currency, reading.site) == (Decimal(5350), "CLP", "MLC")
        assert money(reading, account(chile)) is Verdict.PAID


# --- paid ------------------------------------------------------------------------------------------------------------


def read(service: sim.MercadoPago, handle: str) -> Any:
    return answer(client(service), duties.Verify(handle)).order


def test_paid_is_told_without_a_question_for_the_place(service, api):
    placed = api.till.put(ORDER)
    assert verdict(read(service, placed.handle), account(service), False, {}) is Verdict.LOOK_AGAIN
    payment = service.pay()
    reading = read(service, placed.handle)
    assert verdict(reading, account(service), False, {}) is Verdict.PAID
    assert [each.id for each in reading.approved] == [str(payment["id"])]
    assert reading.paid_at.year == datetime.now(UTC).year


@pytest.mark.parametrize("paid", [False, True])
def test_an_order_at_another_till_is_not_ours_before_and_after_it_is_paid(service, api, paid):
    handle = service.create_order("R1", "10", pos=OTHER_POS)
    if paid:
        service.pay(pos=OTHER_POS)
    assert verdict(read(service, handle), account(service), True, {}) is Verdict.ANOTHER_TILL
    assert answer(api, duties.LookAtTill(handle)) == events.TillSeen(None, known=False)


def test_money_that_went_back_is_not_there(service, api):
    placed = api.till.put(ORDER)
    payment = service.pay()
    service.refund(payment["id"], "10.00")
    assert verdict(read(service, placed.handle), account(service), True, {}) is Verdict.REFUNDED
    service.refund(payment["id"])
    assert verdict(read(service, placed.handle), account(service), True, {}) is Verdict.REFUNDED


def test_a_charge_back_is_not_money(service, api):
    placed = api.till.put(ORDER)
    service.chargeback(service.pay()["id"])
    assert verdict(read(service, placed.handle), account(service), True, {}).rejected


def test_an_order_that_expired_unpaid_is_expired(service, api):
    placed = api.till.put(ORDER)
    service.advance(11 * 60)
    assert verdict(read(service, placed.handle), account(service), True, {}) is Verdict.EXPIRED
    assert answer(api, duties.LookAtTill(placed.handle)) == events.TillSeen(None, known=False)


SHOWN: dict[str, Any] = {
    "id": "ORD01KA0000000000000000000AA",
    "status": "processed",
    "status_detail": "accredited",
    "external_reference": "R1",
    "user_id": "700100200",
    "country_code": "ARG",
    "total_amount": "100.00",
    "config": {"qr": {"external_pos_id": POS}},
    "transactions": {"payments": [{"id": "PAY1", "reference_id": "98", "amount": "100.00", "status": "processed"}]},
}
US = Account("700100200", "1", POS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Verdict.PAID),
        ({"country_code": "MLA"}, Verdict.PAID),
        ({"user_id": "1"}, Verdict.WRONG_COLLECTOR),
        ({"config": {"qr": {"external_pos_id": OTHER_POS}}}, Verdict.ANOTHER_TILL),
        ({"config": {}}, Verdict.PLACE_UNKNOWN),
        ({"total_amount": "100.01"}, Verdict.NOT_COVERED),
        ({"total_amount": "0"}, Verdict.NOT_COVERED),
        ({"transactions": {}}, Verdict.NOT_COVERED),
        ({"transactions": {"payments": []}}, Verdict.NOT_COVERED),
        ({"status": "created"}, Verdict.LOOK_AGAIN),
        ({"status": "processing"}, Verdict.LOOK_AGAIN),
        ({"status": "action_required"}, Verdict.LOOK_AGAIN),
        ({"status": "failed"}, Verdict.LOOK_AGAIN),
        ({"status": "something new"}, Verdict.LOOK_AGAIN),
        ({"status": "expired"}, Verdict.EXPIRED),
        ({"status": "canceled"}, Verdict.CANCELLED),
        ({"status": "refunded"}, Verdict.REFUNDED),
        ({"status_detail": "partially_refunded"}, Verdict.LOOK_AGAIN),
    ],
)
def test_each_clause_of_paid(changes, expected):
    assert verdict(decode_order(SHOWN | changes), US, False, {}) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "created"}, Verdict.NOT_COVERED),
        ({"status": "failed"}, Verdict.NOT_COVERED),
        ({"status": "charged_back"}, Verdict.NOT_COVERED),
        ({"status": "in a word of next year"}, Verdict.NOT_COVERED),
        ({"amount": "99.99"}, Verdict.NOT_COVERED),
        ({"refunded_amount": "0.01"}, Verdict.NOT_COVERED),
        ({"reference_id": None, "reference": {"id": "98"}}, Verdict.PAID),
        ({"reference_id": None}, Verdict.PAID),
    ],
)
def test_each_clause_of_a_payment(changes, expected):
    payment = SHOWN["transactions"]["payments"][0] | changes
    assert verdict(decode_order(SHOWN | {"transactions": {"payments": [payment]}}), US, False, {}) is expected


# --- cancelled -------------------------------------------------------------------------------------------------------


def cancel(api: MercadoPago, handle: str) -> Any:
    return answer(api, duties.Cancel("R1", handle))


def test_an_order_is_cancelled_by_its_id_whatever_is_on_the_till_by_then(service, api):
    first = api.till.put(ORDER)
    following = api.till.put(dataclasses.replace(ORDER, reference="R2"))
    assert cancel(api, first.handle).removal is events.Removal.DELETED
    assert read(service, first.handle).cancelled
    assert answer(api, duties.LookAtTill(following.handle)).reference == "R2"
    assert not [request for request in service.requests if request.method == "DELETE"]


def test_an_order_that_is_being_paid_is_locked(service, api):
    placed = api.till.put(ORDER)
    service.begin_payment()
    assert cancel(api, placed.handle) == events.CancelTried("R1", events.Removal.LOCKED, (), "R1")


def test_a_cancel_of_a_paid_order_reads_the_money(service, api):
    placed = api.till.put(ORDER)
    service.pay()
    tried = cancel(api, placed.handle)
    assert (tried.removal, [order.id for order in tried.orders]) == (events.Removal.REFUSED, [placed.handle])


@pytest.mark.parametrize("end", ["cancelled before", "expired"])
def test_an_order_that_ended_by_itself_is_absent(service, api, end):
    placed = api.till.put(ORDER)
    service.advance(11 * 60) if end == "expired" else cancel(api, placed.handle)
    assert cancel(api, placed.handle) == events.CancelTried("R1", events.Removal.ABSENT, (), "R1")


def test_a_cancel_that_was_carried_out_and_not_answered_is_absent_the_next_time(service, api):
    placed = api.till.put(ORDER)
    service.faults.append(Fault("reset_after", path="/cancel$", times=1))
    assert isinstance(cancel(api, placed.handle), events.Unreachable)
    assert cancel(api, placed.handle).removal is events.Removal.ABSENT


@pytest.mark.parametrize("state", ["waiting", "replaced", "being paid", "paid", "expired", "cancelled", "unknown"])
@pytest.mark.parametrize("fault", [None, 400, 404, 409, 423, 500])
def test_whatever_is_answered_a_cancel_writes_to_no_other_address_than_its_orders(service, api, state, fault):
    """There is no other request that it could make: nothing acts on the till, and no other id is known."""
    handle = UNKNOWN if state == "unknown" else api.till.put(ORDER).handle
    if state == "replaced":
        service.create_order("the-next-sale", "7")
    into_state = {"being paid": service.begin_payment, "paid": service.pay, "expired": service.expire}
    into_state.get(state, lambda: None)()
    if state == "cancelled":
        cancel(api, handle)
    if fault:
        service.faults.append(Fault("status", path="/cancel$", status=fault, times=1))
    before = len(service.requests)
    for _ in range(3):
        cancel(api, handle)
    written = {(request.method, request.path) for request in service.requests[before:] if request.method != "GET"}
    assert written == {("POST", f"/v1/orders/{handle}/cancel")}


STEPS = st.lists(st.sampled_from(["put", "pay", "cancel", "cancel old", "begin", "expire"]), max_size=12)


@given(steps=STEPS)
def test_no_cancel_touches_any_order_but_its_own(steps):
    """Whatever happens before and between: what was not cancelled by its id is as it would be without the cancels."""
    service = sim.Account(sim.Seller("700100200", "MLA"), [("SUC001", POS)], Switches())
    handles: list[str] = []
    wanted: set[str] = set()
    for number, step in enumerate(steps):
        before = {each: service.order_book.read(each)["status"] for each in handles}
        meant = ""
        try:
            if step == "put":
                handles.append(service.create_order(f"R{number}", "10"))
            elif step.startswith("cancel") and handles:
                meant = handles[0] if step == "cancel old" else handles[-1]
                wanted.add(meant)
                service.order_book.cancel(f"key-{number}", meant)
            elif step == "pay":
                service.pay()
            elif step == "begin":
                service.begin_payment()
            elif step == "expire":
                service.advance(11 * 60)
        except (LookupError, sim.ApiProblem):
            pass
        for each, status in before.items():
            now = service.order_book.read(each)["status"]
            assert step not in ("cancel", "cancel old") or each == meant or now == status
            assert now != "canceled" or each in wanted


# --- what is unknown, refused, or somebody else's -------------------------------------------------------------------


def test_what_nobody_announced_is_not_known(api):
    assert answer(api, duties.LookAtTill()) == events.TillSeen(None, known=False)
    assert answer(api, duties.LookAtTill(UNKNOWN)) == events.TillSeen(None, known=False)
    assert answer(api, duties.LookAtTill("a-reference")) == events.TillSeen(None, known=False)


def test_a_look_at_a_till_that_can_not_be_asked_still_shows_whether_mercado_pago_answers(service, api):
    service.go_away()
    assert answer(api, duties.LookAtTill()).trouble is events.Trouble.NETWORK
    service.come_back()


def test_an_id_that_is_unknown_is_not_found(api):
    assert answer(api, duties.Verify(UNKNOWN)) == events.NotFound()
    assert answer(api, duties.Search("R1", UNKNOWN)) == events.OrdersFound("R1", ())


def test_an_application_that_may_not_ask_is_for_a_person(service, api):
    service.faults.append(Fault("status", path="/v1/orders", status=403, error="PA_UNAUTHORIZED_RESULT_FROM_POLICIES"))
    assert answer(api, duties.Verify(UNKNOWN)).trouble is events.Trouble.FORBIDDEN


# --- either finds the other's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("configured", ["instore", "orders"])
@pytest.mark.parametrize("placed_by", ["instore", "orders"])
def test_a_reference_is_found_in_whichever_book_it_is(service, configured, placed_by):
    placed = client(service, api=placed_by).till.put(ORDER)
    service.pay()
    api = client(service, api=configured)
    found = answer(api, duties.Search("R1")).orders
    assert found
    assert all(money(order, account(service)) is Verdict.PAID for order in found)
    if placed.handle:
        assert answer(api, duties.Verify(placed.handle)).order.id == placed.handle


def test_what_the_till_shows_is_looked_for_in_one_book_only(service):
    api = client(service, api="instore")
    api.till.put(ORDER)
    answer(api, duties.Search("R1", on_till=True))
    assert not [request for request in service.requests if request.path.startswith("/v1/orders")]
