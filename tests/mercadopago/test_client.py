"""What the till makes of Mercado Pago's answers, good and bad: real HTTP against the simulator."""

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from edge.config.schema import MercadoPagoConfig, Secret
from edge.core import duties, events
from edge.core.order import Item, WantedOrder
from edge.mercadopago.client import MAX_SWEEP_PAGES, MercadoPago
from edge.mercadopago.exchange import PAGE_SIZE, ApiError
from edge.mercadopago.new_order import NewOrder
from sim import mercadopago as sim
from sim.mercadopago import Fault, Switches

pytestmark = pytest.mark.slow

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
def service():
    with sim.MercadoPago() as service:
        yield service


@pytest.fixture
def api(service) -> MercadoPago:
    return client(service)


def client(service, **changes) -> MercadoPago:
    config = MercadoPagoConfig(
        user_id=service.user_id,
        external_store_id="SUC001",
        external_pos_id="SUC001POS003",
        access_token=Secret(service.access_token),
        api_url=service.url,
    )
    return MercadoPago(dataclasses.replace(config, **changes))


def answer(api: MercadoPago, duty: duties.PaymentDuty) -> events.Answer:
    return api.do(duty).answer


def test_our_point_of_sale_is_found_by_the_id_that_the_shop_chose(service, api):
    assert answer(api, duties.FindPos()) == events.PosFound(str(service.account.till().id))


def test_a_point_of_sale_that_is_not_there_is_not_found(service):
    assert answer(client(service, external_pos_id="NOPE"), duties.FindPos()) == events.NotFound()


def test_amounts_come_as_exact_decimals(service, api):
    api.till.put(ORDER)
    service.account.pay()
    [order] = api.till.find("R1")
    assert (order.total, order.received) == (Decimal("5350.5"), Decimal("5350.5"))
    assert order.items[0].unit_price == Decimal("2675.25")
    assert all(isinstance(amount, Decimal) for amount in (order.total, order.received, order.items[0].quantity))


def test_a_read_leads_from_the_payment_to_its_order_and_place(service, api):
    api.till.put(ORDER)
    payment = service.account.pay()
    [order] = api.till.find("R1")
    found = answer(api, duties.ReadPayment(str(payment["id"])))
    created = datetime.fromisoformat(payment["date_created"])
    here = str(service.account.till().id)
    expected = events.PaymentRead(str(payment["id"]), here, order.id, created=created, reference="R1")
    assert dataclasses.replace(found, money=None) == expected
    assert answer(api, duties.Verify(order.id)) == events.MerchantOrderRead(order)


def test_a_search_finds_all_merchant_orders_of_a_reference_and_none_is_null(service, api):
    assert answer(api, duties.Search("R1")) == events.OrdersFound("R1", ())
    api.till.put(ORDER)
    for _ in range(70):
        service.account.scan()
    assert len(api.till.find("R1")) == 70


def test_the_order_on_the_till_may_come_as_an_object_or_as_a_list(service, api):
    assert answer(api, duties.LookAtTill()) == events.TillSeen(None)
    api.till.put(ORDER)
    for shape in ("object", "array"):
        service.switches.till_answer = shape
        assert answer(api, duties.LookAtTill()) == events.TillSeen("R1", Decimal("5350.5"))


@pytest.mark.parametrize("switches", [Switches(cancelled_key="canceled", detail_key="status_details")])
def test_the_newer_spelling_is_understood(switches):
    with sim.MercadoPago(switches=switches) as service:
        identity = service.account.forge(canceled=True)
        assert answer(client(service), duties.Verify(str(identity))).order.cancelled


# --- the sweep -----------------------------------------------------------------------------------------------------


def test_the_sweep_lists_what_was_paid_here_page_by_page(service, api):
    here = [service.account.forge() for _ in range(120)]
    service.account.forge(pos_id=1)
    service.account.forge(payments=[{"status": "rejected"}])
    swept = answer(api, duties.Sweep(str(service.account.till().id)))
    assert sorted(swept.payments.values()) == sorted(map(str, here))


def test_a_long_sweep_comes_in_pieces_each_of_which_begins_where_the_last_one_got_to(service, api):
    """Meanwhile a cashier may be answered, and a payment that is refunded shifts the pages of no later piece."""
    begin = datetime.now(UTC) - timedelta(hours=2)
    here = set()
    for number in range(400):
        service.account.now = lambda number=number: begin + timedelta(seconds=number)
        here.add(str(service.account.forge()))
    service.account.now = lambda: begin + timedelta(hours=2)
    pos = str(service.account.till().id)
    found, since, pieces = set(), begin - timedelta(minutes=1), 0
    while since:
        swept = answer(api, duties.Sweep(pos, since))
        if not pieces:
            service.account.refund(int(next(iter(swept.payments))))
        found |= set(swept.payments.values())
        since, pieces = swept.reached, pieces + 1
    assert found == here
    assert pieces == 3


def test_a_sweep_gets_through_a_second_in_which_very_many_paid(service, api):
    """More than a piece takes: the next one begins within that second, or the sweep would never end."""
    moments = itertools.count()
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    service.account.now = lambda: begin + timedelta(milliseconds=min(next(moments) // 10, 999))
    paid = {str(service.account.forge()) for _ in range(MAX_SWEEP_PAGES * PAGE_SIZE + 50)}
    service.account.now = lambda: datetime.now(UTC)
    pos, since, found = str(service.account.till().id), None, set()
    for _ in range(10):
        swept = answer(api, duties.Sweep(pos, since))
        found, since = found | set(swept.payments.values()), swept.reached
        if since is None:
            break
    assert (since, found) == (None, paid)


def test_a_sweep_hears_mercado_pagos_time_before_it_asks(service, api):
    """The Pi's clock may be an hour behind: what was paid since would be missed, and its ticket doubted by nobody."""
    service.account.now = lambda: datetime.now(UTC) + timedelta(hours=1)
    paid = str(service.account.forge())
    swept = answer(api, duties.Sweep(str(service.account.till().id)))
    assert swept.until - datetime.now(UTC) > timedelta(minutes=59)
    assert list(swept.payments.values()) == [paid]


def test_the_sweep_goes_back_as_far_as_it_is_told(service, api):
    now = datetime.now(UTC)
    service.account.now = lambda: now - timedelta(hours=2)
    old = str(service.account.forge())
    service.account.now = lambda: now
    pos = str(service.account.till().id)
    assert answer(api, duties.Sweep(pos)).payments == {}
    assert list(answer(api, duties.Sweep(pos, now - timedelta(hours=3))).payments.values()) == [old]


def test_the_sweeps_time_is_mercado_pagos(service, api):
    """The Pi may believe that it is 1970."""
    service.account.now = lambda: datetime(2031, 5, 5, 12, tzinfo=UTC)
    answer(api, duties.FindPos())
    swept = answer(api, duties.Sweep(str(service.account.till().id)))
    assert abs(swept.until - datetime(2031, 5, 5, 12, tzinfo=UTC)) < timedelta(seconds=5)


# --- cancelling ----------------------------------------------------------------------------------------------------


def cancel(api: MercadoPago) -> events.Removal:
    return answer(api, duties.Cancel("R1")).removal


def test_only_the_order_that_is_meant_is_deleted(service, api):
    assert cancel(api) is events.Removal.ABSENT
    api.till.put(ORDER)
    assert cancel(api) is events.Removal.DELETED
    api.till.put(dataclasses.replace(ORDER, reference="R2"))
    assert cancel(api) is events.Removal.ANOTHER
    assert api.till.look().reference == "R2"


@pytest.mark.parametrize("status", [400, 409, 423])
def test_a_locked_order_is_recognised_by_any_status(service, api, status):
    service.switches.locked_status = status
    api.till.put(ORDER)
    service.account.begin_payment()
    assert cancel(api) is events.Removal.LOCKED


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_delete_that_is_refused_without_reason_is_no_cancel(service, api, status):
    api.till.put(ORDER)
    service.switches.absent_delete_status = status
    # Paid between the look and the DELETE.
    service.faults.append(Fault("pay_before", "DELETE", times=1))
    tried = answer(api, duties.Cancel("R1"))
    assert tried.removal is events.Removal.REFUSED
    assert [order.status for order in tried.orders] == ["closed"]


def test_a_cancel_reads_what_was_paid_after_it_deleted(service, api):
    api.till.put(ORDER)
    service.account.on_delete = lambda: service.account.pay(reference="R1")
    tried = answer(api, duties.Cancel("R1"))
    assert tried.removal is events.Removal.DELETED
    assert [order.status for order in tried.orders] == ["closed"]


# --- misfortune ----------------------------------------------------------------------------------------------------

HASTE = 0.5
"""Seconds, for what does not come. What comes is waited for, however busy the machine."""
BAD_ANSWERS = {
    "429": Fault("status", status=429, retry_after=7),
    "500": Fault("status", status=500),
    "503": Fault("status", status=503),
    "502 as a page": Fault("html"),
    "a page with 200": Fault("garbage"),
    "nothing with 200": Fault("empty"),
    "half a body": Fault("cut"),
    "a reset": Fault("reset_before"),
    "a body that dribbles": Fault("slow", seconds=0.2),
    "a head that dribbles": Fault("slow_head", seconds=0.2),
    "no answer": Fault("hang", seconds=1.5),
    "a redirect": Fault("status", status=302),
}


@pytest.mark.parametrize("fault", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_what_can_not_be_used_is_unreachable(service, api, fault):
    identity = str(service.account.forge())
    service.faults.append(dataclasses.replace(fault))
    found = answer(client(service, timeout_seconds=HASTE), duties.Verify(identity))
    assert isinstance(found, events.Unreachable), found
    assert found.why
    assert 0 <= found.jitter < 1
    service.faults.clear()
    assert isinstance(answer(api, duties.Verify(identity)), events.MerchantOrderRead)


def test_the_time_that_mercado_pago_asks_for_is_told(service, api):
    service.faults.append(Fault("status", status=429, retry_after=7))
    found = answer(api, duties.LookAtTill())
    assert (found.trouble, found.retry_after) == (events.Trouble.BUSY, 7.0)


def test_a_refused_token_is_for_a_person_and_is_not_shown(service):
    wrong = client(service, access_token=Secret("APP_USR-secret-and-wrong"))
    found = answer(wrong, duties.LookAtTill())
    assert found.trouble is events.Trouble.REFUSED
    assert "access_token_file" in found.why
    assert "secret" not in found.why


def test_an_id_that_is_unknown_or_no_id_is_not_found(api):
    assert answer(api, duties.Verify("1")) == events.NotFound()
    assert answer(api, duties.Verify("nonsense")) == events.NotFound()
    assert answer(api, duties.ReadPayment("1")) == events.NotFound()


def test_a_404_where_none_belongs_is_no_fact(service, api):
    service.faults.append(Fault("status", path="search", status=404))
    assert answer(api, duties.Search("R1")).trouble is events.Trouble.BUSY


def test_nobody_there_is_a_network_trouble(service, api):
    service.go_away()
    assert answer(api, duties.LookAtTill()).trouble is events.Trouble.NETWORK
    service.come_back()
    assert answer(api, duties.LookAtTill()) == events.TillSeen(None)


def test_one_connection_serves_many_questions(service, api):
    for _ in range(5):
        answer(api, duties.LookAtTill())
    assert len({request.client for request in service.api.requests}) == 1


def test_the_token_is_in_a_header_and_nowhere_else(service, api):
    answer(api, duties.Search("R1"))
    assert all(service.access_token not in request.path + str(request.query) for request in service.api.requests)


def test_an_order_that_mercado_pago_refuses_is_told_in_its_words(api):
    with pytest.raises(ApiError, match="400 invalid_external_reference"):
        api.till.put(dataclasses.replace(ORDER, reference="no spaces please"))


def test_proxies_of_the_environment_are_not_used(service, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert answer(client(service), duties.LookAtTill()) == events.TillSeen(None)


# --- one resource that refuses ---------------------------------------------------------------------------------------

POLICY = "PA_UNAUTHORIZED_RESULT_FROM_POLICIES"


@pytest.mark.parametrize("error", [POLICY, ""])
@pytest.mark.parametrize(
    ("path", "duty"),
    [("/pos$", duties.FindPos()), ("/v1/payments/search", duties.Sweep("55001")), ("/orders$", duties.LookAtTill())],
)
def test_what_the_application_may_not_do_is_named_and_is_no_bad_token(service, api, path, duty, error):
    answer(api, duties.FindPos())  # so that a sweep knows what time it is
    service.faults.append(Fault("status", path=path, status=403, error=error))
    found = answer(api, duty)
    assert found.trouble is events.Trouble.FORBIDDEN
    assert "in-person payments" in found.why
    assert path.rstrip("$") in found.why


@pytest.mark.parametrize(("status", "error"), [(401, ""), (403, POLICY), (400, "invalid_access_token")])
@pytest.mark.parametrize("duty", [duties.FindPos(), duties.Verify("1"), duties.LookAtTill(), duties.Search("R1")])
def test_a_token_that_is_refused_for_all_is_a_bad_token(service, api, status, error, duty):
    service.faults.append(Fault("status", status=status, error=error))
    assert answer(api, duty).trouble is events.Trouble.REFUSED


def test_a_401_for_one_resource_is_no_bad_token(service, api):
    service.faults.append(Fault("status", path="/v1/payments/search", status=401))
    assert answer(api, duties.Sweep(str(service.account.till().id))).trouble is events.Trouble.FORBIDDEN


def test_whose_token_it_is_is_asked_once_a_minute(service, api):
    service.faults.append(Fault("status", path="/orders$", status=403))
    for _ in range(5):
        answer(api, duties.LookAtTill())
    assert [request.path for request in service.requests].count("/users/me") == 1


def test_a_payment_that_policies_hide_is_not_an_unknown_one(service, api):
    service.faults.append(Fault("status", path="/v1/payments/1", status=403, error=POLICY, times=1))
    assert answer(api, duties.ReadPayment("1")).trouble is events.Trouble.FORBIDDEN
    service.faults.append(Fault("status", path="/v1/payments/1", status=403, times=1))
    assert answer(api, duties.ReadPayment("1")) == events.NotFound(), "another seller's"


# --- absent, or not to be asked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["pos_obtainment_error", "pos_not_found", "not_found", "something_new", ""])
def test_a_404_of_another_kind_is_not_a_till_without_an_order(service, api, error):
    service.faults.append(Fault("status", "GET", path="/orders$", status=404, error=error))
    for duty in (duties.LookAtTill(), duties.Cancel("R1")):
        found = answer(api, duty)
        assert found.trouble is events.Trouble.NO_SUCH_TILL
        assert "external_pos_id" in found.why


def test_a_delete_at_a_till_that_is_not_found_is_no_refusal(service, api):
    api.till.put(ORDER)
    service.faults.append(Fault("status", "DELETE", status=404, error="pos_obtainment_error"))
    assert answer(api, duties.Cancel("R1")).trouble is events.Trouble.NO_SUCH_TILL


# --- an order that the till's page wants ----------------------------------------------------------------------------

WANTED = duties.PutOrder(WantedOrder("R1", "Caja 1", ORDER.total, ORDER.items))


@pytest.mark.parametrize("which", ["instore", "orders"])
def test_a_wanted_order_is_put_on_a_free_till_once_however_often_it_is_asked_for(service, which):
    api = client(service, api=which)
    first, again = answer(api, WANTED), answer(api, WANTED)
    assert first == again
    assert (first.seen.reference, first.seen.total) == ("R1", ORDER.total)
    assert bool(first.seen.handle) == (which == "orders")
    assert answer(api, duties.LookAtTill(first.seen.handle)) == first.seen


@pytest.mark.parametrize("which", ["instore", "orders"])
def test_a_wanted_order_replaces_none(service, which):
    api = client(service, api=which)
    there = api.till.put(ORDER)
    second = duties.PutOrder(dataclasses.replace(WANTED.order, reference="R2"), there.handle)
    assert answer(api, second) == events.OrderNotPut("R2", events.PutRefusal.OCCUPIED, "R1")


@pytest.mark.parametrize("which", ["instore", "orders"])
def test_a_wanted_order_that_was_paid_meanwhile_is_not_put_there_again(service, which):
    api = client(service, api=which)
    answer(api, WANTED)
    service.pay()
    assert answer(api, WANTED) == events.OrderNotPut("R1", events.PutRefusal.USED)


@pytest.mark.parametrize("status", [400, 401, 403, 409])
def test_what_mercado_pago_does_not_take_is_refused_with_its_word(service, status):
    service.faults.append(Fault("status", "PUT", status=status))
    refused = answer(client(service), WANTED)
    assert (refused.refusal, str(status) in refused.why) == (events.PutRefusal.REFUSED, True)


@pytest.mark.parametrize("status", [423, 429, 500])
def test_what_may_pass_is_no_refusal_of_the_order(service, status):
    service.faults.append(Fault("status", "PUT", status=status))
    assert isinstance(answer(client(service), WANTED), events.Unreachable)
