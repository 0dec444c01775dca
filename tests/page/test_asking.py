"""What a device may ask for: text from strangers becomes a request that the daemon can carry out, or a word."""

import contextlib
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.schema import Config, load_for_page
from edge.core import events
from edge.core.lifecycle import Order, Stage
from edge.core.order import Item
from edge.page import asking
from edge.page.asking import AskError
from edge.page.money import money_of
from edge.page.words import WORDS
from tests.support.facts import PAID, REFERENCE
from tests.support.pages import KEY, LINES

EXAMPLE = Path(__file__).parent.parent.parent / "config.example.yaml"
NOW = datetime(2026, 3, 3, 0, 45, tzinfo=UTC)
"""The second of March in Buenos Aires."""


def configured(tmp_path: Path, zone: str = "America/Argentina/Buenos_Aires", prefix: str = "") -> Config:
    text = EXAMPLE.read_text().replace("America/Argentina/Buenos_Aires", zone)
    text = text.replace("# reference_prefix: CAJA01-", f"reference_prefix: {prefix}") if prefix else text
    (tmp_path / "config.yaml").write_text(text)
    return load_for_page(tmp_path / "config.yaml")


@pytest.fixture
def config(tmp_path) -> Config:
    return configured(tmp_path)


def ask(config: Config, lines: object, key: object = KEY) -> events.OrderAsked:
    return asking.order_asked({"key": key, "lines": lines}, config, NOW)


def refused(config: Config, lines: object, key: object = KEY) -> str:
    with pytest.raises(AskError) as error:
        ask(config, lines, key)
    return error.value.reason


def line(title: str = "", quantity: str = "1", price: str = "10.00") -> dict:
    return {"title": title, "quantity": quantity, "price": price}


def test_lines_become_an_order_whose_total_is_theirs(config):
    order = ask(config, [*LINES, line("Pan", "0.350", "1000")]).order
    assert order.total == Decimal("5700.50")
    assert order.items[1] == Item("Pan", Decimal("0.350"), Decimal(1000))
    assert (order.title, order.whole) == ("Caja 1", False)


def test_the_reference_follows_from_the_key_so_that_asking_again_is_the_same_order(config):
    assert ask(config, LINES).order.reference == ask(config, LINES).order.reference == f"CAJA01-{KEY}"


def test_the_reference_begins_as_this_tills_references_must(tmp_path):
    config = configured(tmp_path, prefix="SUR-1-")
    assert ask(config, LINES).order.reference == f"SUR-1-{KEY}"


def test_a_line_without_a_name_is_called_as_the_till(config):
    assert ask(config, [line("  ")]).order.items[0].title == "Caja 1"


def test_in_chile_pesos_have_no_cents(tmp_path):
    config = configured(tmp_path, "America/Santiago")
    assert ask(config, [line(price="5350")]).order.whole
    assert refused(config, [line(price="5350.50")]) == "not_possible"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "empty"),
        (None, "empty"),
        ("many", "empty"),
        (["Yerba"], "malformed"),
        ([{"title": 7, "quantity": "1", "price": "1"}], "malformed"),
        ([line(price="0")], "not_possible"),
        ([line(price="-5")], "not_possible"),
        ([line(price="1e9")], "not_possible"),
        ([line(price="5.350,00")], "not_possible"),
        ([line(price="١٢")], "not_possible"),
        ([line(quantity="0")], "not_possible"),
        ([line(quantity="NaN")], "not_possible"),
        ([line(quantity="0.333", price="10.01")], "not_whole_cents"),
        ([line(price="999999999999"), line(price="999999999999")], "not_possible"),
        ([line()] * 51, "too_many_lines"),
    ],
)
def test_what_can_not_be_sold_is_refused_with_a_word(config, lines, reason):
    assert refused(config, lines) == reason


@pytest.mark.parametrize("key", ["", "x", KEY + "0", KEY.upper() + "\n", "../../etc", 7, None, "२" * 8])
def test_a_key_of_another_form_is_refused(config, key):
    assert refused(config, LINES, key) == "malformed"


def test_a_title_has_no_markup_of_paper_and_nothing_that_turns_the_line_around(config):
    title = ask(config, [line("A\x1bB\u202eC\x00\n  D" + "x" * 100)]).order.items[0].title
    assert title.startswith("ABC D")
    assert len(title) == 60


@given(st.text())
def test_any_title_is_printable_and_short(text):
    title = asking.title(text)
    assert len(title) <= 60
    assert not any(ord(letter) < 32 for letter in title)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_whatever_comes_is_a_request_or_a_word(tmp_path_factory, value):
    config = configured(tmp_path_factory.mktemp("any"))
    for body in ({"key": KEY, "lines": value}, {"key": value, "lines": LINES}, {"reference": value}, {"code": value}):
        for make in (
            lambda body: asking.order_asked(body, config, NOW),
            asking.cancel_asked,
            asking.code_entered,
            asking.session_named,
            lambda body: asking.copy_asked(body, []),
        ):
            with contextlib.suppress(AskError):
                make(body)


def test_each_word_has_its_sentence():
    source = Path(asking.__file__).read_text()
    reasons = set(re.findall(r'AskError\("(\w+)"', source))
    assert reasons
    assert reasons <= set(WORDS["es"]["errors"])


def test_a_copy_is_only_of_a_ticket_that_came_out():
    orders = [Order(REFERENCE, Stage.PRINTED, reading=PAID), Order("waits", Stage.PAID, reading=PAID)]
    assert asking.copy_asked({"reference": REFERENCE}, orders) == events.ReprintAsked(REFERENCE)
    for reference in ("waits", "unknown"):
        with pytest.raises(AskError, match="no_ticket"):
            asking.copy_asked({"reference": reference}, orders)


def test_the_day_is_the_daemons_or_else_this_machines(config):
    assert asking.day_asked("2026-03-01", NOW, config) == events.DayAsked(date(2026, 3, 1))
    assert asking.day_asked(None, NOW, config) == events.DayAsked(date(2026, 3, 2))


def test_a_code_may_be_typed_as_it_is_printed():
    assert asking.code_entered({"code": " 123 456 "}) == "123456"


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Android · Chrome"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "iPhone · Safari"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Linux · Firefox"),
        ("curl/8.5 <script>", "curl/8.5 <script>"),
        ("", "?"),
    ],
)
def test_a_device_is_called_what_a_person_recognises(agent, label):
    assert asking.label_of(agent) == label


@pytest.mark.parametrize(
    ("zone", "currency", "decimals"),
    [
        ("America/Argentina/Cordoba", "ARS", 2),
        ("America/Sao_Paulo", "BRL", 2),
        ("America/Santiago", "CLP", 0),
        ("America/Montevideo", "UYU", 2),
        ("Europe/Berlin", "", 2),
    ],
)
def test_the_currency_is_the_countrys_until_something_was_sold(tmp_path, zone, currency, decimals):
    config = configured(tmp_path, zone)
    assert (money_of(config)["currency"], money_of(config)["decimals"]) == (currency, decimals)
    assert money_of(config, [Order("a"), Order("b", reading=PAID)])["currency"] == "ARS"
