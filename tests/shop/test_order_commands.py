"""`till-edge order create|show|cancel`, and what is refused before anybody is asked."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from edge.cli.main import main
from edge.core.lifecycle import Order, Stage
from edge.core.orders import Orders
from edge.core.state import Durable
from edge.journal.store import Journal
from edge.mercadopago.new_order import fresh_reference
from sim.mercadopago import Fault
from sim.shop import Shop
from tests.support.facts import PAID

NOTHING_THERE = {
    "instore": "no order on this till",
    "orders": "no order that this till knows of; one that was not announced can't be seen",
}


@pytest.fixture
def till_edge(tmp_path, mercadopago, capsys):
    """Runs a command with a shop's configuration; returns the exit code, what it printed, and its complaint."""
    shop = Shop(tmp_path, {"till": {}}, mercadopago=mercadopago)
    shop.printer.port = 1
    if shop.api == "orders":  # the daemon ran here before: the journal is where it hears of an order
        Journal(tmp_path / "journal.db").close()

    def run(*arguments: str, **till: str) -> tuple[int, str, str]:
        shop.settings = {"till": till, "mercadopago": {"notification_url": "http://127.0.0.1/mp/CAJA01/secret"}}
        shop.write_config()
        code = main([*arguments, "--config", str(shop.config)])
        said = capsys.readouterr()
        return code, said.out.strip(), said.err.strip()

    return run


def test_create_puts_an_order_that_mercado_pago_takes(till_edge, mercadopago, api):
    code, reference, _ = till_edge("order", "create", "--total", "5350.50", "--item", "Yerba 1 kg:2:2675.25")
    loaded = mercadopago.account.till().loaded
    assert code == 0
    assert loaded.reference == reference
    assert loaded.total == Decimal("5350.50")
    assert loaded.body["items"][0]["unit_price"] == Decimal("2675.25")
    if api == "instore":
        assert loaded.body["items"][0]["total_amount"] == Decimal("5350.5")
        assert loaded.body["notification_url"] == "http://127.0.0.1/mp/CAJA01/secret"
    assert timedelta(minutes=9) < loaded.expires - datetime.now(UTC) <= timedelta(minutes=10)


def test_each_order_has_a_fresh_reference(till_edge):
    references = {till_edge("order", "create", "--total", "1", "--replace")[1] for _ in range(3)}
    assert len(references) == 3


def test_a_fresh_reference_is_never_too_long():
    assert len(fresh_reference("x" * 64, datetime.now(UTC), "abcdef")) <= 64


def test_show_and_cancel(till_edge, api):
    nothing = (0, NOTHING_THERE[api])
    assert till_edge("order", "show")[:2] == nothing
    till_edge("order", "create", "--total", "10.50", "--reference", "R1")
    assert till_edge("order", "show")[1].split() == ["R1", "10.50"]
    assert till_edge("order", "cancel")[:2] == (0, "R1 cancelled")
    assert till_edge("order", "cancel")[:2] == nothing


def test_cancel_says_so_when_somebody_is_paying(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    mercadopago.account.begin_payment()
    code, _, complaint = till_edge("order", "cancel")
    assert code == 1
    assert "R1 was not cancelled: locked" in complaint


def test_an_order_that_waits_is_not_replaced_unasked(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    code, said, complaint = till_edge("order", "create", "--total", "20", "--reference", "R2")
    assert (code, said) == (1, "")
    assert "R1  10.00 is on this till" in complaint
    assert "--replace" in complaint
    assert mercadopago.account.till().loaded.reference == "R1"


def test_an_order_is_replaced_if_that_is_asked_for_and_it_is_said(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    code, said, complaint = till_edge("order", "create", "--total", "20", "--reference", "R2", "--replace")
    assert (code, said) == (0, "R2")
    assert "R1  10.00 was on this till and is replaced" in complaint
    assert mercadopago.account.till().loaded.reference == "R2"


def test_an_order_that_somebody_is_paying_is_not_replaced(till_edge, mercadopago, api):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    mercadopago.account.begin_payment()
    if api == "orders":
        code, said, complaint = till_edge("order", "create", "--total", "20", "--reference", "R2", "--replace")
        assert (code, said) == (1, "")
        assert "R1  10.00 is being paid; it was not replaced" in complaint
        mercadopago.account.finish_payment()
        assert "R1  10.00 is paid" not in till_edge("order", "create", "--total", "20", "--replace")[2]
    else:
        mercadopago.switches.locked_put_refused = True
        assert till_edge("order", "create", "--total", "20", "--reference", "R2", "--replace")[0] == 1


def test_a_reference_that_was_paid_is_refused(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    mercadopago.account.pay()
    for more in ([], ["--replace"]):
        code, said, complaint = till_edge("order", "create", "--total", "20", "--reference", "R1", *more)
        assert (code, said) == (1, "")
        assert "the reference 'R1' was used before" in complaint
        assert "leave --reference out" in complaint
    assert mercadopago.account.till().loaded is None


def test_a_reference_that_was_only_scanned_is_refused_too_for_it_may_be_paid_late(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    mercadopago.account.scan()
    till_edge("order", "cancel")
    assert till_edge("order", "create", "--total", "20", "--reference", "R1")[0] == 1


@pytest.mark.parametrize("order", [Order("R1", Stage.PRINTED, True, PAID), Order("R1", Stage.CANCELLED)])
def test_a_reference_that_only_the_journal_knows_is_refused(till_edge, mercadopago, tmp_path, order):
    till_edge("order", "show")
    journal = Journal(tmp_path / "journal.db")
    journal.save(journal.load("us", 0), Durable(orders=Orders.of((order,))))
    journal.close()
    code, _, complaint = till_edge("order", "create", "--total", "20", "--reference", "R1")
    assert code == 1
    assert f"this till knows it as {order.stage}" in complaint
    assert mercadopago.account.till().loaded is None


def test_the_sum_of_an_order_that_nobody_scanned_may_be_corrected(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10", "--reference", "R1")
    assert till_edge("order", "create", "--total", "20", "--reference", "R1", "--replace")[0] == 0
    assert mercadopago.account.till().loaded.total == 20


def test_of_two_that_put_an_order_at_once_one_is_told(till_edge, mercadopago, api):
    """The other one comes between our PUT and our second look."""
    if api == "orders":
        pytest.skip("no till can be asked which of the two is there")
    load = mercadopago.account.load

    def load_both(pos: object, body: object) -> None:
        mercadopago.account.load = load
        load(pos, body)
        mercadopago.put_order("R2", "7.00")

    mercadopago.account.load = load_both
    code, said, complaint = till_edge("order", "create", "--total", "10", "--reference", "R1")
    assert (code, said) == (1, "")
    assert "R1 is not on this till: R2  7.00 was put in its place" in complaint


CHILE = {"timezone": "America/Santiago"}
REFUSED = {
    "a sum that does not fit": (["--total", "10", "--item", "a:2:4"], {}, "the items come to 8 and the total is 10"),
    "a reference too long": (["--total", "10", "--reference", "x" * 65], {}, "65 characters"),
    "a reference with a space": (["--total", "10", "--reference", "a b"], {}, "other characters"),
    "cents in Chile": (["--total", "10.50"], CHILE, "no cents"),
    "cents of an item in Chile": (["--total", "10", "--item", "a:2:4.5", "--item", "b:1:1"], CHILE, "no cents"),
    "thousands with a point": (["--total", "5.350"], {}, "no separator of thousands"),
    "thousands with an underscore": (["--total", "5_350"], {}, "no separator of thousands"),
    "a comma": (["--total", "10,50"], {}, "a point before two decimals"),
    "nothing": (["--total", "0.00"], {}, "more than nothing"),
    "less than nothing": (["--total", "-5"], {}, "'-5'; it must be more than nothing"),
    "no number": (["--total", "NaN"], {}, "'NaN'"),
    "other digits": (["--total", "\u0663"], {}, "no separator"),
    "a price with thousands": (["--total", "10", "--item", "a:1:1.500"], {}, "no separator of thousands"),
    "a quantity that is none": (["--total", "10", "--item", "a:x:10"], {}, "the quantity of a"),
    "an item that can't be read": (["--total", "10", "--item", "Yerba"], {}, "TITLE:QUANTITY:UNIT_PRICE"),
    "an item without a title": (["--total", "10", "--item", ":1:10"], {}, "TITLE:QUANTITY:UNIT_PRICE"),
}


@pytest.mark.parametrize(("options", "till", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_refused_before_any_call(till_edge, mercadopago, options, till, says):
    code, _, complaint = till_edge("order", "create", *options, **till)
    assert code == 1
    assert says in complaint
    assert mercadopago.api.requests == []


def test_in_chile_an_order_is_shown_without_cents_as_it_is_typed(till_edge):
    assert till_edge("order", "create", "--total", "1500", "--reference", "R1", **CHILE)[0] == 0
    assert till_edge("order", "show", **CHILE)[1].split() == ["R1", "1500"]


def test_a_title_may_have_colons(till_edge, mercadopago):
    assert till_edge("order", "create", "--total", "10", "--item", "Combo: 2 x 1:1:10")[0] == 0
    assert mercadopago.account.till().loaded.body["items"][0]["title"] == "Combo: 2 x 1"


def test_the_configuration_may_be_named_in_front_of_the_command(till_edge, tmp_path, capsys):
    till_edge("order", "create", "--total", "10.50", "--reference", "R1")
    assert main(["--config", str(tmp_path / "config.yaml"), "order", "show"]) == 0
    assert "R1" in capsys.readouterr().out
    assert main(["--config", str(tmp_path / "elsewhere.yaml"), "order", "show"]) == 78
    assert str(tmp_path / "elsewhere.yaml") in capsys.readouterr().err


def test_a_folder_is_no_configuration_and_that_is_said(till_edge, tmp_path, capsys):
    assert main(["orders", "--config", str(tmp_path)]) == 78
    assert capsys.readouterr().err == f"{tmp_path}: can't be read (Is a directory); name the file in it\n"


def test_a_day_that_is_still_to_come_has_no_slip(till_edge):
    code, said, complaint = till_edge("report", "--day", "2099-01-01")
    assert (code, said) == (2, "")
    assert "2099-01-01 is still to come" in complaint


@pytest.mark.parametrize("seconds", ["-5", "0", "nan", "inf", "soon"])
def test_nobody_can_press_a_button_in_less_than_no_time(till_edge, capsys, seconds):
    with pytest.raises(SystemExit, match="2"):
        till_edge("check", "--seconds", seconds)
    assert f"{seconds!r} is no time to wait" in capsys.readouterr().err


def test_without_a_journal_the_table_says_what_is_missing(till_edge, tmp_path):
    (tmp_path / "journal.db").unlink(missing_ok=True)
    code, _, complaint = till_edge("orders")
    assert code == 78
    assert "there is no journal yet" in complaint


def test_mercado_pago_away_is_a_sentence_and_no_traceback(till_edge, mercadopago):
    till_edge("order", "create", "--total", "10")
    mercadopago.go_away()
    code, _, complaint = till_edge("order", "show")
    assert code == 1
    assert "no connection" in complaint
    assert "Traceback" not in complaint
    mercadopago.come_back()


@pytest.mark.parametrize("command", ["show", "cancel"])
@pytest.mark.parametrize("error", ["pos_obtainment_error", "pos_not_found", ""])
def test_a_till_that_can_not_be_asked_is_not_a_till_without_an_order(till_edge, mercadopago, command, error, api):
    if api == "orders":
        pytest.skip("no till can be asked")
    assert till_edge("order", command) == (0, "no order on this till", "")
    mercadopago.faults.append(Fault("status", "GET", "/orders$", status=404, error=error))
    code, said, complaint = till_edge("order", command)
    assert (code, said) == (1, "")
    assert "external_pos_id" in complaint
