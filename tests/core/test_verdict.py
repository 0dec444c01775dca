"""The rule of "paid", clause by clause: each test breaks one clause of an order that is paid."""

from dataclasses import replace
from decimal import Decimal

import pytest

from edge.core.order import Account, MerchantOrder, Verdict, verdict
from tests.support.facts import APPROVED, OPENED, PAID, POS, USER

ACCOUNT = Account(USER, POS)
HERE = {APPROVED.id: POS}


def judge(order: MerchantOrder, on_our_till: bool = False, places: dict[str, str] = HERE) -> Verdict:
    return verdict(order, ACCOUNT, on_our_till, places)


def test_closed_covered_ours_and_made_here_is_paid():
    assert judge(PAID) is Verdict.PAID


@pytest.mark.parametrize("status", ["opened", "", "undefined", "CLOSED", "paid"])
def test_only_the_word_closed_counts(status):
    assert judge(replace(PAID, status=status)) is Verdict.LOOK_AGAIN


def test_an_expired_merchant_order_is_no_money():
    assert judge(replace(PAID, status="expired")) is Verdict.EXPIRED


def test_another_sellers_money_is_not_ours():
    assert judge(replace(PAID, collector_id="1"), on_our_till=True) is Verdict.WRONG_COLLECTOR


def test_an_opened_order_of_another_seller_is_not_even_watched():
    assert judge(replace(OPENED, collector_id="1")) is Verdict.WRONG_COLLECTOR


def test_cancelled_outranks_closed():
    assert judge(replace(PAID, cancelled=True), on_our_till=True) is Verdict.CANCELLED


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("reverted", Verdict.REFUNDED),
        ("refunded", Verdict.REFUNDED),
        ("cancelled", Verdict.CANCELLED),
        ("pending_cancel", Verdict.CANCELLED),
        ("expired", Verdict.EXPIRED),
    ],
)
def test_a_word_that_takes_the_money_back_is_believed(word, expected):
    assert judge(replace(PAID, order_status=word), on_our_till=True) is expected


def test_the_word_paid_is_not_believed():
    """It includes payments that were charged back."""
    charged_back = replace(PAID, payments=(replace(APPROVED, status="charged_back"),))
    assert judge(charged_back, on_our_till=True) is Verdict.NOT_COVERED


@pytest.mark.parametrize(
    "status", ["rejected", "pending", "in_process", "in_mediation", "refunded", "cancelled", "authorized", ""]
)
def test_only_approved_payments_count(status):
    assert judge(replace(PAID, payments=(replace(APPROVED, status=status),)), on_our_till=True) is Verdict.NOT_COVERED


def test_closed_without_any_payment_is_not_paid_even_at_zero():
    assert judge(replace(PAID, payments=()), on_our_till=True) is Verdict.NOT_COVERED
    assert judge(replace(PAID, payments=(), total=Decimal(0)), on_our_till=True) is Verdict.NOT_COVERED


def test_a_cent_short_is_not_covered():
    assert judge(replace(PAID, total=Decimal("5350.51")), on_our_till=True) is Verdict.NOT_COVERED


@pytest.mark.parametrize(
    ("total", "paid", "currency", "expected"),
    [
        ("54.900000000000006", "54.9", "ARS", Verdict.PAID),
        ("54.9", "54.89999999999999", "ARS", Verdict.PAID),
        ("54.9", "54.8949999", "ARS", Verdict.NOT_COVERED),
        ("54.9", "54.89", "BRL", Verdict.NOT_COVERED),
        ("5350.0000000001", "5350", "CLP", Verdict.PAID),
        ("5351", "5350", "CLP", Verdict.NOT_COVERED),
        ("5350.4", "5350", "CLP", Verdict.PAID),
        ("5350.4", "5350", "ARS", Verdict.NOT_COVERED),
        (f"1{'0' * 35}1", f"1{'0' * 36}", "ARS", Verdict.NOT_COVERED),
        ("0.001", "0.001", "ARS", Verdict.NOT_COVERED),
    ],
)
def test_sums_are_compared_in_the_decimals_of_their_currency(total, paid, currency, expected):
    payment = replace(APPROVED, amount=Decimal(paid), currency=currency)
    assert judge(replace(PAID, total=Decimal(total), payments=(payment,)), on_our_till=True) is expected


def test_the_noise_of_a_float_is_no_second_payment():
    third = replace(APPROVED, amount=Decimal("18.300000000000001"), refunded=Decimal("0.000000000000004"))
    payments = tuple(replace(third, id=identity) for identity in "123")
    order = replace(PAID, total=Decimal("54.900000000000006"), payments=payments)
    assert order.received == order.due == Decimal("54.90")
    assert not order.paid_twice


@pytest.mark.parametrize("word", ["partially_reverted", "partially_refunded"])
@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (replace(APPROVED, id="2", status="refunded", refunded=APPROVED.amount), Verdict.PAID),
        (replace(APPROVED, id="2", status="charged_back"), Verdict.PAID),
        (replace(APPROVED, id="2", refunded=Decimal("5000")), Verdict.PAID),
        (replace(APPROVED, id="2"), Verdict.LOOK_AGAIN),
    ],
)
def test_where_some_money_went_back_the_payments_decide(word, other, expected):
    """Two paid one order and one gets it back: the sale is paid. A word that is ahead of its payments is waited for."""
    order = replace(PAID, order_status=word, payments=(APPROVED, other))
    assert judge(order, on_our_till=True) is expected


@pytest.mark.parametrize("word", ["partially_reverted", "partially_refunded"])
def test_where_too_little_is_left_it_was_refunded(word):
    order = replace(PAID, order_status=word, payments=(replace(APPROVED, refunded=Decimal(1)),))
    assert judge(order, on_our_till=True) is Verdict.REFUNDED


def test_what_was_given_back_does_not_count():
    partly = replace(APPROVED, refunded=Decimal("0.01"))
    assert judge(replace(PAID, payments=(partly,)), on_our_till=True) is Verdict.NOT_COVERED


def test_two_payments_may_cover_an_order_together():
    halves = (replace(APPROVED, id="1", amount=Decimal("5000")), replace(APPROVED, id="2", amount=Decimal("350.5")))
    assert judge(replace(PAID, payments=halves), places={"1": POS, "2": POS}) is Verdict.PAID


def test_amounts_are_decimal_to_the_last_cent():
    """0.1 + 0.2 is 0.3 here."""
    cents = (replace(APPROVED, id="1", amount=Decimal("0.1")), replace(APPROVED, id="2", amount=Decimal("0.2")))
    assert judge(replace(PAID, payments=cents, total=Decimal("0.3")), places={"1": POS}) is Verdict.PAID


def test_pesos_and_reais_do_not_add_up():
    mixed = (APPROVED, replace(APPROVED, id="2", currency="BRL"))
    assert judge(replace(PAID, payments=mixed), on_our_till=True) is Verdict.MIXED_CURRENCIES


def test_the_currency_of_a_rejected_attempt_is_no_matter():
    attempts = (replace(APPROVED, id="1", status="rejected", currency="USD"), APPROVED)
    assert judge(replace(PAID, payments=attempts)) is Verdict.PAID


def test_money_at_another_till_gets_no_ticket_here():
    assert judge(PAID, places={APPROVED.id: "55002"}) is Verdict.ANOTHER_TILL


def test_money_that_names_no_till_is_nobodys():
    assert judge(PAID, places={APPROVED.id: ""}) is Verdict.NO_PLACE


def test_no_total_and_no_money_is_not_paid():
    nothing = replace(APPROVED, amount=Decimal(0))
    assert judge(replace(PAID, payments=(nothing,), total=Decimal(0)), on_our_till=True) is Verdict.NOT_COVERED


@pytest.mark.parametrize("total", ["0", "-1"])
def test_an_order_over_nothing_is_not_paid_whatever_came(total):
    assert judge(replace(PAID, total=Decimal(total)), on_our_till=True) is Verdict.NOT_COVERED


def test_where_it_was_paid_has_to_be_asked_first():
    assert judge(PAID, places={}) is Verdict.PLACE_UNKNOWN


def test_one_payment_made_here_is_enough():
    elsewhere = replace(APPROVED, id="1", amount=Decimal(1))
    assert judge(replace(PAID, payments=(elsewhere, APPROVED)), places={"1": "55002", APPROVED.id: POS}) is Verdict.PAID
    assert judge(replace(PAID, payments=(elsewhere, APPROVED)), places={"1": "55002"}) is Verdict.PLACE_UNKNOWN


def test_where_no_till_is_named_it_is_enough_that_we_saw_it_on_ours():
    assert judge(PAID, on_our_till=True, places={}) is Verdict.PLACE_UNKNOWN
    assert judge(PAID, on_our_till=True, places={APPROVED.id: ""}) is Verdict.PAID


def test_a_reference_that_was_used_at_two_tills_was_paid_at_the_one_that_is_named():
    assert judge(PAID, on_our_till=True, places={APPROVED.id: "55002"}) is Verdict.ANOTHER_TILL


def test_a_payment_without_which_it_would_be_covered_is_one_too_many():
    twin = replace(APPROVED, id="2")
    assert replace(PAID, payments=(APPROVED, twin)).paid_twice
    assert not replace(PAID, payments=(APPROVED, replace(twin, status="rejected"))).paid_twice
    assert not replace(PAID, payments=(APPROVED, replace(twin, refunded=twin.amount))).paid_twice
    halves = (replace(APPROVED, amount=Decimal("5000")), replace(twin, amount=Decimal("350.5")))
    assert not replace(PAID, payments=halves).paid_twice


def test_the_reasons_of_a_rejection_are_what_the_tickets_topic_says():
    assert {found.value for found in Verdict if found.rejected} == {
        "wrong_collector", "another_till", "cancelled", "expired", "refunded", "not_covered", "mixed_currencies",
        "no_place",
    }  # fmt: skip
