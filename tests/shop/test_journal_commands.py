"""`till-edge orders` and `reprint`: what a person sees of the journal, and how a sale is named."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from edge.cli.main import main
from edge.core import duties, events
from edge.core.lifecycle import Order, Stage
from edge.core.notices import Concern, Notice, all_of
from edge.core.orders import Orders
from edge.core.outbox import LastTicket
from edge.core.state import Durable
from edge.journal.store import Journal
from sim.shop import Shop
from tests.support.facts import APPROVED, PAID, REFERENCE

[FIRST] = PAID.payments
EXTRA = replace(FIRST, id="22000000022")
ORPHAN = replace(APPROVED, id="77000000077", amount=Decimal(99))
NEXT_DAY = replace(
    PAID,
    id="9",
    external_reference="T1-next-7f3c",
    payments=(replace(FIRST, id="98000000099", date_approved=FIRST.date_approved + timedelta(days=1)),),
)
TWICE = Notice(Concern.DOUBLE_PAYMENT, REFERENCE, payments=(FIRST, EXTRA))
RIDDLE = Notice(Concern.PAID_WITHOUT_ORDER, ORPHAN.id, payments=(ORPHAN,))


@pytest.fixture
def till_edge(tmp_path, mercadopago, capsys):
    """Runs a command on a journal with two sales, one paid twice, and a payment without an order."""
    shop = Shop(tmp_path, mercadopago=mercadopago)
    shop.printer.port = 1
    shop.write_config()
    notices = all_of([TWICE, RIDDLE]).slip_out(TWICE)
    orders = (
        Order(REFERENCE, Stage.PRINTED, True, PAID),
        Order("T1-next-7f3c", Stage.PRINTED, True, NEXT_DAY),
        Order("waiting"),
    )
    last = LastTicket(None, "T1-next-7f3c", duties.Outcome.PRINTED)
    journal = Journal(tmp_path / "journal.db")
    kept = journal.load("us", 0)
    for count in range(len(orders)):  # one after the other, as they come to a till
        before, kept = kept, Durable(orders=Orders.of(orders[: count + 1]), notices=notices, last_ticket=last)
        journal.save(before, kept)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(shop.config)])
        said = capsys.readouterr()
        return code, said.out.rstrip(), said.err.strip()

    def asked() -> list[events.Request]:
        return [request for _, request in journal._requests()]

    run.asked = asked
    return run


def test_an_order_is_marked_with_its_concern_and_one_without_an_order_is_listed(till_edge):
    code, said, _ = till_edge("orders")
    lines = said.splitlines()
    assert code == 0
    assert any(REFERENCE in line and "! double_payment (done)" in line for line in lines)
    assert any(ORPHAN.id in line and "paid_without_order" in line and "99.00 ARS" in line for line in lines)
    assert sum("!" in line for line in lines) == 2


def test_json_says_the_same_with_operation_numbers_and_sums(till_edge):
    said = json.loads(till_edge("orders", "--json")[1])
    first, second, waiting = said["orders"]
    assert first["external_reference"] == REFERENCE
    assert [each["id"] for each in first["concerns"][0]["operations"]] == [FIRST.id, EXTRA.id]
    assert first["operations"][0]["amount"] == str(FIRST.amount)
    assert (second["concerns"], waiting["paid_at"], waiting["total"]) == ([], None, None)
    [riddle] = said["concerns"]
    assert (riddle["concern"], riddle["slip"], riddle["operations"][0]["id"]) == (
        "paid_without_order",
        "owed",
        ORPHAN.id,
    )


def test_a_day_and_a_limit(till_edge):
    day = FIRST.date_approved.date().isoformat()
    of_the_day = json.loads(till_edge("orders", "--json", "--day", day)[1])
    assert [order["external_reference"] for order in of_the_day["orders"]] == [REFERENCE]
    last_two = json.loads(till_edge("orders", "--json", "--limit", "2")[1])
    assert [order["external_reference"] for order in last_two["orders"]] == ["T1-next-7f3c", "waiting"]
    assert json.loads(till_edge("orders", "--json", "--day", "2026-01-01")[1])["orders"] == []


@pytest.mark.parametrize("options", [["--limit", "0"], ["--limit", "-1"], ["--limit", "x"], ["--day", "2026-02-30"]])
def test_a_day_or_limit_that_is_none_is_refused(till_edge, capsys, options):
    with pytest.raises(SystemExit, match="2"):
        till_edge("orders", *options)
    assert options[1] in capsys.readouterr().err


@pytest.mark.parametrize(
    "wanted", [REFERENCE, REFERENCE[-11:], FIRST.id, FIRST.id[-6:], EXTRA.id, REFERENCE[-11:].upper()]
)
def test_a_copy_is_found_by_reference_operation_or_the_end_of_either(till_edge, wanted):
    assert till_edge("reprint", wanted)[0] == 0
    assert till_edge.asked() == [events.ReprintAsked(REFERENCE)]


def test_the_last_one(till_edge):
    assert till_edge("reprint", "--last")[0] == 0
    assert till_edge.asked() == [events.ReprintAsked("T1-next-7f3c")]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("nobody", "there is no order 'nobody'"),
        (ORPHAN.id, "there is no order"),
        ("waiting", "'waiting' is not paid"),
        ("", "there is no order ''"),
    ],
)
def test_what_names_no_ticket_is_said(till_edge, wanted, says):
    code, _, complaint = till_edge("reprint", wanted)
    assert code == 1
    assert says in complaint
    assert till_edge.asked() == []


def test_an_end_of_two_is_not_guessed_and_names_both(till_edge):
    code, _, complaint = till_edge("reprint", "7f3c")
    assert code == 1
    assert f"'7f3c' may be each of these: {REFERENCE}, T1-next-7f3c; write more of it" in complaint
    assert till_edge.asked() == []


@pytest.mark.parametrize("arguments", [[], ["--last", "R1"]])
def test_one_name_or_the_last_one(till_edge, capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        till_edge("reprint", *arguments)
    assert "--last" in capsys.readouterr().err
