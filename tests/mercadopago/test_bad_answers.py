"""Whatever Mercado Pago answers is read or refused: nothing else happens, and nothing is printed that is not paid.

Answers are genuine ones, bent: values of any kind took the place of others.
"""

import json
import math
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.contract import mqtt as wire
from edge.core import duties, events
from edge.core.order import Account, MerchantOrder, Verdict, money
from edge.core.status import status
from edge.core.till import payment_duty
from edge.mercadopago import decode
from edge.mercadopago.fields import DecodeError, decode_json
from qa.fuzz import ANSWERS, READERS, written
from tests.support.bent import anything, bent
from tests.support.desk import Books, Desk
from tests.support.examples import examples
from tests.support.facts import POS, REFERENCE, USER
from tests.support.refusals import assert_fit_to_be_shown, is_one_path_segment

# --- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ANSWERS)
@examples(200)
@given(st.data())
def test_an_answer_is_unreadable_or_what_is_read_can_be_kept_whoever_reads_it(name, data):
    read_with_all(data.draw(bent(ANSWERS[name])))


@examples(150)
@given(anything)
def test_anything_at_all_is_unreadable_or_what_is_read_can_be_kept(body):
    read_with_all(body)


def read_with_all(body: bytes) -> None:
    try:
        answer = decode_json(body)
    except DecodeError as refusal:
        assert_fit_to_be_shown(refusal)
        return
    for read in READERS:
        try:
            written(read(answer))
        except DecodeError as refusal:
            assert_fit_to_be_shown(refusal)


@examples(400)
@given(bent(ANSWERS["payment"]))
def test_an_id_in_an_answer_is_one_part_of_a_path_or_it_is_unreadable(body):
    try:
        payment = decode.decode_payment(decode_json(body))
    except DecodeError as refusal:
        assert_fit_to_be_shown(refusal)
    else:
        assert is_one_path_segment(payment.id)
        assert payment.merchant_order == "" or is_one_path_segment(payment.merchant_order)


# --- money ---------------------------------------------------------------------------------------------------------

TOTAL = Decimal("5350.5")
TAKEN_BACK = {"reverted", "refunded", "cancelled", "pending_cancel", "expired"}
PARTLY = {"partially_reverted", "partially_refunded"}

hairs = st.sampled_from(["0", "0.01", "-0.01", "-1e-30", "0.004", "-0.004", "0.005", "-0.005"]).map(Decimal)
amounts = st.builds(Context(prec=50).add, st.sampled_from([TOTAL, TOTAL, TOTAL / 2, -TOTAL, Decimal(0)]), hairs)
payments = st.fixed_dictionaries(
    {
        "id": st.integers(1, 3),
        "status": st.sampled_from([*["approved"] * 4, "rejected", "charged_back"]),
        "transaction_amount": st.just(TOTAL) | amounts,
        "amount_refunded": st.just(0) | amounts,
        "currency_id": st.sampled_from([*["ARS"] * 4, "BRL", None]),
    }
)
facts = st.one_of(
    st.tuples(st.just("payments"), st.lists(payments, max_size=2)),
    st.tuples(st.just("total_amount"), amounts),
    st.tuples(st.just("status"), st.sampled_from(["opened", "expired", ""])),
    st.tuples(st.just("order_status"), st.sampled_from(["paid", *sorted(TAKEN_BACK | PARTLY)])),
    st.tuples(st.sampled_from(["cancelled", "canceled"]), st.booleans()),
    st.tuples(st.just("collector"), st.sampled_from([{"id": 1}, {"id": USER}, {"id": int(USER)}])),
)


def retold(order: bytes, changes: dict[str, Any]) -> bytes:
    """The order with other facts; amounts are exact to the last digit."""
    return json.dumps({**json.loads(order), **changes}, default=str).encode()


genuine = ANSWERS["merchant_order"]
orders = bent(genuine) | st.builds(retold, st.just(genuine), st.lists(facts, max_size=3).map(dict))


def money_is_there(body: bytes) -> bool:
    """The rule of "paid" told a second time, from the JSON itself and in fractions of the currency's smallest coin."""
    order = json.loads(body, parse_float=Decimal)
    approved = [payment for payment in order["payments"] or [] if payment.get("status") == "approved"]
    currency = str(approved[0].get("currency_id")) if approved else ""
    received = sum(
        _coins(each.get("transaction_amount"), currency) - _coins(each.get("amount_refunded"), currency)
        for each in approved
    )
    return (
        order["status"] == "closed"
        and str(order["collector"]["id"]) == USER
        and not (order.get("cancelled") or order.get("canceled"))
        and order.get("order_status") not in TAKEN_BACK
        and len({str(payment.get("currency_id")) for payment in approved}) == 1
        and received >= _coins(order["total_amount"], currency) > 0
    )


def _coins(amount: Any, currency: str) -> int:
    exactly = abs(Fraction(Decimal(amount or 0)))
    coins = math.floor(exactly * (1 if currency == "CLP" else 100) + Fraction(1, 2))
    return coins if Decimal(amount or 0) > 0 else -coins


def read_order(body: bytes) -> MerchantOrder | None:
    try:
        return decode.decode_merchant_order(decode_json(body))
    except DecodeError:
        return None


@examples(1000)
@given(orders)
@example(genuine)
@example(retold(genuine, {"payments": [{"id": 1, "status": "approved", "transaction_amount": "5350.494" + "9" * 30}]}))
def test_what_is_judged_paid_has_its_money(body):
    order = read_order(body)
    if order is not None and money(order, Account(USER, POS)) is Verdict.PAID:
        assert money_is_there(body)


def test_the_genuine_order_is_paid():
    assert money(read_order(genuine), Account(USER, POS)) is Verdict.PAID
    assert money_is_there(genuine)


# --- the core ------------------------------------------------------------------------------------------------------

answers = {
    duties.FindPos: bent(ANSWERS["pos"]),
    duties.Verify: orders,
    duties.ReadPayment: bent(ANSWERS["payment"]),
    duties.LookAtTill: bent(ANSWERS["till"]),
    duties.Sweep: bent(ANSWERS["payments"]),
}
"""What may be answered to a duty; to the others, a page of orders."""

pages = st.lists(orders, max_size=2)
refusals = bent(ANSWERS["store_error"], ANSWERS["general_error"])
doorbells = st.builds(
    events.DoorbellRang, st.sampled_from([events.Kind.MERCHANT_ORDER, events.Kind.PAYMENT]), st.sampled_from("123")
)


class Story:
    """A till to which anything is answered, and the JSON of the orders that it was told of."""

    def __init__(self, on_till: str | None, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.desk = Desk(books=Books(on_till=on_till))
        self.draw = draw
        self.bodies: dict[MerchantOrder, bytes] = {}

    def go_on(self) -> None:
        """Answer what the till asks, or else let something happen."""
        duty = payment_duty(self.desk.till, self.desk.now)
        if duty is None:
            self.desk.now += self.draw(st.sampled_from([1.0, 30.0, 1000.0]))
            self.desk.hear(
                self.draw(doorbells | st.sampled_from([events.Ticked(), events.ButtonDown(), events.ButtonUp()]))
            )
        else:
            self.desk.hear(events.Asked(duty), events.Answered(duty, self.answer(duty)))
        wire.encode(status(self.desk.till, self.desk.now))
        self.print()

    def answer(self, duty: duties.PaymentDuty) -> events.Answer:
        """What Mercado Pago's answer amounts to, as the payments worker sees it."""
        try:
            return self._read(duty)
        except DecodeError as error:
            return events.Unreachable(events.Trouble.BUSY, str(error))

    def _read(self, duty: duties.PaymentDuty) -> events.Answer:
        if self.draw(st.integers(0, 9)) == 9:
            code = decode.decode_error_code(decode_json(self.draw(refusals)))
            return self.draw(
                st.sampled_from([events.NotFound(), *(events.Unreachable(trouble, code) for trouble in events.Trouble)])
            )
        answer = decode_json(self.draw(answers[type(duty)])) if type(duty) in answers else None
        match duty:
            case duties.FindPos():
                pos = decode.decode_pos_id(answer, "SUC001POS003", "SUC001")
                return events.PosFound(pos) if pos else events.NotFound()
            case duties.Verify():
                return events.MerchantOrderRead(self.found(self.draw(orders)))
            case duties.ReadPayment():
                return decode.decode_payment(answer)
            case duties.LookAtTill():
                loaded = decode.decode_loaded_order(answer)
                return events.TillSeen(loaded.reference, loaded.total) if loaded else events.TillSeen(None)
            case duties.Sweep(pos_id):
                found = decode.decode_payments(answer).found
                return events.Swept(pos_id, self.desk.books.today, {each.id: each.merchant_order for each in found})
            case duties.ListLatest(pos_id):
                listed = decode.decode_payments(decode_json(self.draw(answers[duties.Sweep]))).found
                return events.LatestListed(pos_id, {each.id: each.merchant_order for each in listed})
        found = tuple(map(self.found, self.draw(pages)))
        if isinstance(duty, duties.Search):
            return events.OrdersFound(duty.reference, found)
        return events.CancelTried(duty.reference, self.draw(st.sampled_from(events.Removal)), found)

    def found(self, body: bytes) -> MerchantOrder:
        order = decode.decode_merchant_order(decode_json(body))
        self.bodies[order] = body
        return order

    def print(self) -> None:
        """Print what is owed; it must have been paid."""
        duty = self.desk.owed()
        if isinstance(duty, duties.PrintList):
            assert all(money_is_there(self.bodies[order]) for order in duty.orders)
            self.desk.hear(events.SlipTried(duty, events.TicketUnproved(events.Paper.READY)))
        if ticket := self.desk.begin():
            assert money_is_there(self.bodies[ticket.order])
            self.desk.hear(
                self.draw(
                    st.sampled_from(
                        [events.TicketUnproved(events.Paper.READY), events.TicketRefused(events.Paper.READY)]
                    )
                )
            )


@examples(150)
@given(st.sampled_from([None, REFERENCE]), st.integers(1, 16), st.data())
def test_whatever_is_answered_the_till_goes_on_and_prints_only_what_is_paid(on_till, steps, data):
    story = Story(on_till, data.draw)
    for _ in range(steps):
        story.go_on()
