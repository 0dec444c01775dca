"""What stands on the paper, and what never does."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from edge.config.schema import TicketConfig, TillConfig
from edge.core.duties import Banner
from edge.core.order import Item, MerchantOrder
from edge.paper.money import ARITHMETIC, SITES, count, money
from edge.paper.slips import lay_out_list
from edge.paper.ticket import (
    Cut,
    Logo,
    Qr,
    Row,
    Size,
    Text,
    as_text,
    clean,
    justify,
    lay_out,
    wrap,
)
from edge.paper.words import WORDS
from tests.support.examples import examples
from tests.support.facts import APPROVED, PAID

TICKET = TicketConfig(
    header=("Almacén Don Pepe", "Av. Corrientes 1234, CABA"),
    legend="DOCUMENTO NO VÁLIDO COMO FACTURA",
    footer=("¡Gracias por su compra!",),
    logo=None,
    qr=True,
)
TILL = TillConfig(id="CAJA01", timezone=ZoneInfo("America/Argentina/Buenos_Aires"), name="Caja 1", language="es")
NARROW, WIDE = 32, 48


def paid(*items: Item, total: str = "", site: str = "MLA", currency: str = "ARS") -> MerchantOrder:
    """An order of these items, paid in full by one payment."""
    price = Decimal(total) if total else sum((item.amount for item in items), Decimal(0))
    payment = replace(APPROVED, amount=price, currency=currency)
    return replace(PAID, items=items, total=price, payments=(payment,), site=site)


def item(title: str, quantity: str, unit_price: str) -> Item:
    return Item(title, Decimal(quantity), Decimal(unit_price))


def paper(order: MerchantOrder, *banners: Banner, columns: int = NARROW, ticket=TICKET, till=TILL) -> str:
    return as_text(lay_out(order, banners, ticket, till, columns), columns)


def written_rows(text: str) -> list[str]:
    return [row.strip() for row in text.splitlines() if row.strip()]


# --- the whole -----------------------------------------------------------------------------------------------------

WHOLE = """\
        Almacén Don Pepe
   Av. Corrientes 1234, CABA
             Caja 1
--------------------------------
Yerba mate suave con
palo 1 kg              $4.500,00
Medialunas
  6 x $850,00          $5.100,00
--------------------------------
TOTAL                  $9.600,00
--------------------------------
   Pagado con Mercado Pago QR

Fecha           02/03/2026 18:39
Operación            98000000002
Referencia
         t3-20260302-000417-7f3c

DOCUMENTO NO VÁLIDO COMO FACTURA

    ¡Gracias por su compra!

        [QR 98000000002]
- - - - - - - - - - - - - - - -
"""


def test_a_ticket_reads_from_the_shop_to_the_operation_number():
    order = paid(item("Yerba mate suave con palo 1 kg", "1", "4500"), item("Medialunas", "6", "850"))
    assert paper(order) == WHOLE


def test_wide_paper_has_room_for_the_reference_beside_its_label():
    assert "Referencia               t3-20260302-000417-7f3c" in paper(PAID, columns=WIDE)


@pytest.mark.parametrize("language", WORDS)
def test_all_letters_fit_a_narrow_line(language):
    assert len(WORDS[language].all_letters) <= NARROW


def test_a_ticket_ends_with_one_cut():
    lines = lay_out(PAID, (Banner.COPY, Banner.LATE), TICKET, TILL, NARROW)
    assert lines[-1] == Cut()
    assert lines.count(Cut()) == 1


def test_what_is_not_configured_leaves_no_trace():
    bare = TicketConfig(header=(), legend="", footer=(), logo=None, qr=False)
    text = paper(PAID, ticket=bare, till=replace(TILL, name=""))
    assert text.startswith("-" * NARROW)
    assert written_rows(text)[-2] == PAID.external_reference
    assert "\n\n\n" not in text


def test_the_logo_stands_above_everything_but_the_banners(tmp_path):
    lines = lay_out(PAID, (), replace(TICKET, logo=tmp_path / "logo.png"), TILL, NARROW)
    assert lines[0] == Logo()


# --- items ---------------------------------------------------------------------------------------------------------


def test_one_of_a_thing_is_its_title_and_its_amount():
    assert "Agua                     $900,00" in paper(paid(item("Agua", "1", "900"))).splitlines()


def test_several_of_a_thing_show_what_one_costs():
    rows = written_rows(paper(paid(item("Medialunas", "6", "850"))))
    assert rows[rows.index("Medialunas") + 1] == "6 x $850,00          $5.100,00"


def test_a_weight_is_written_as_the_country_writes_it():
    assert "0,35 x $9.800,50" in paper(paid(item("Queso", "0.350", "9800.50")))
    assert "0.35 x S/ 98.50" in paper(paid(item("Queso", "0.350", "98.50"), site="MPE", currency="PEN"))


def test_a_long_title_wraps_and_its_amount_ends_the_last_row():
    rows = paper(paid(item("Aceite de oliva extra virgen primera prensada en frío", "1", "18450"))).splitlines()
    first = rows.index("Aceite de oliva extra")
    assert rows[first + 1 : first + 3] == ["virgen primera", "prensada en frío      $18.450,00"]


def test_an_order_without_items_prints_its_total():
    text = paper(paid(total="1500"))
    assert "TOTAL                  $1.500,00" in text
    assert "Subtotal" not in text


def test_two_hundred_items_print():
    text = paper(paid(*(item(f"Artículo número {number}", "1", "10") for number in range(200))))
    assert [row for row in text.splitlines() if "Artículo" in row][-1] == "Artículo número 199       $10,00"
    assert "TOTAL                  $2.000,00" in text


# --- the money -----------------------------------------------------------------------------------------------------


def test_items_that_do_not_add_up_are_not_made_to():
    rows = paper(paid(item("Remera", "1", "10000"), total="9000")).splitlines()
    assert "Subtotal              $10.000,00" in rows
    assert "Ajuste                -$1.000,00" in rows
    assert "TOTAL                  $9.000,00" in rows


def test_the_total_is_followed_by_what_was_paid_if_that_is_more():
    order = replace(paid(total="1000"), payments=(replace(APPROVED, amount=Decimal("1500")),))
    rows = written_rows(paper(order))
    assert rows[rows.index("TOTAL                  $1.000,00") + 1] == "Pagado                 $1.500,00"


def test_the_total_alone_stands_there_if_exactly_that_was_paid():
    assert not any(row.startswith("Pagado ") and "$" in row for row in paper(PAID).splitlines())


def test_a_rounding_of_less_than_a_peso_is_no_adjustment_in_chile():
    assert "Ajuste" not in paper(paid(item("Pan", "0.350", "1990"), total="697", site="MLC", currency="CLP"))


def test_each_payment_is_named_and_can_be_scanned():
    halves = tuple(replace(APPROVED, id=number, amount=Decimal("2675.25")) for number in ("98000000002", "98000000003"))
    lines = lay_out(replace(PAID, payments=halves), (), TICKET, TILL, NARROW)
    assert [line.right for line in lines if isinstance(line, Row) and line.left == "Operación"] == [
        "98000000002",
        "98000000003",
    ]
    assert [line.data for line in lines if isinstance(line, Qr)] == ["98000000002", "98000000003"]


def test_a_rejected_attempt_is_not_mentioned():
    attempt = replace(APPROVED, id="98000000001", status="rejected")
    assert "98000000001" not in paper(replace(PAID, payments=(attempt, APPROVED)))


@pytest.mark.parametrize("total", ["4500", "9999999", "123456789"])
@pytest.mark.parametrize(("site", "currency"), [("MLC", "CLP"), ("MCO", "COP"), ("MLB", "BRL")])
def test_the_total_is_one_row_in_the_largest_letters_that_fit(total, site, currency):
    lines = lay_out(paid(total=total, site=site, currency=currency), (), TICKET, TILL, NARROW)
    row = next(line for line in lines if isinstance(line, Row) and line.left == "TOTAL")
    assert row.style.bold
    assert row.style.size in (Size.TALL, Size.DOUBLE)
    assert len(justify(row.left, row.right, NARROW // row.style.size.width)) == 1


@pytest.mark.parametrize(
    ("site", "large", "small"),
    [
        ("MLA", "$1.234.567,50", "$1.234,00"),
        ("MLB", "R$ 1.234.567,50", "R$ 1.234,00"),
        ("MLC", "$1.234.568", "$1.234"),
        ("MLU", "$ 1.234.567,50", "$ 1.234,00"),
        ("MLM", "$1,234,567.50", "$1,234.00"),
        ("MPE", "S/ 1,234,567.50", "S/ 1,234.00"),
        ("MCO", "$1.234.567,50", "$1.234"),
    ],
)
def test_money_is_written_as_in_each_of_the_seven_countries(site, large, small):
    currency = SITES[site].currency
    assert money(Decimal("1234567.5"), currency, site) == large
    assert money(Decimal("1234"), currency, site) == small
    assert money(Decimal("-1234"), currency, site) == f"-{small}"


@pytest.mark.parametrize("site", SITES)
def test_without_a_currency_money_is_in_that_of_the_country(site):
    assert money(Decimal("10.5"), "", site) == money(Decimal("10.5"), SITES[site].currency, site)


LOCALES = {
    "MLA": "es_AR",
    "MLB": "pt_BR",
    "MLC": "es_CL",
    "MLU": "es_UY",
    "MLM": "es_MX",
    "MPE": "es_PE",
    "MCO": "es_CO",
}


@pytest.mark.parametrize("site", SITES)
@given(number=st.decimals(-(10**9), 10**9, places=4))
def test_separators_and_symbols_are_those_that_babel_knows(site, number):
    locale, country = LOCALES[site], SITES[site]
    with localcontext(ARITHMETIC):
        pattern = f"¤{country.space}#,##0" + ("" if site == "MLC" else ".00")
        babels = format_currency(number, country.currency, pattern, locale, currency_digits=False)
        if not (site == "MCO" and number == int(number)):
            assert money(number, country.currency, site) == babels
        assert count(number, "", site) == format_decimal(number, locale=locale, decimal_quantization=False)


def test_foreign_money_is_named():
    assert money(Decimal("12.5"), "USD", "MLA") == "US$12,50"
    assert money(Decimal("12.5"), "BRL", "MLA") == "BRL12,50"
    assert money(Decimal("12"), "P\x1b\u202eYG", "MLB") == "PYG 12,00"


def test_a_country_that_opens_tomorrow_still_gets_amounts():
    assert money(Decimal("12.5"), "ARS", "MLX") == "$12,50"
    assert money(Decimal("12.5"), "", "") == "12.50"


def test_half_a_cent_rounds_up_as_on_any_till():
    assert money(Decimal("0.125"), "ARS", "MLA") == "$0,13"
    assert money(Decimal("0.5"), "CLP", "MLC") == "$1"


def test_an_absurd_amount_is_printed_and_not_raised():
    assert paper(paid(item("Error", "9e14", "9e14"))).count("810.000.000.000") == 2


# --- the date ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "language", "written"),
    [
        ("America/Argentina/Buenos_Aires", "es", "Fecha           02/03/2026 18:39"),
        ("America/Mexico_City", "es", "Fecha           02/03/2026 15:39"),
        ("America/Sao_Paulo", "pt", "Data            02/03/2026 18:39"),
        ("America/Bogota", "en", "Date            2026-03-02 16:39"),
    ],
)
def test_the_date_is_mercado_pagos_in_the_time_of_the_shop(zone, language, written):
    assert written in paper(PAID, till=replace(TILL, timezone=ZoneInfo(zone), language=language))


def test_the_date_is_that_of_the_last_payment():
    later = replace(APPROVED, id="98000000003", date_approved=datetime(2026, 3, 3, 15, 0, tzinfo=UTC))
    assert "03/03/2026 12:00" in paper(replace(PAID, payments=(later, APPROVED)))


def test_without_a_date_none_is_made_up():
    assert "Fecha" not in paper(replace(PAID, payments=(replace(APPROVED, date_approved=None),)))


# --- banners and languages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "copy", "late"),
    [("es", "COPIA", "PAGO TARDÍO"), ("pt", "CÓPIA", "PAGO COM ATRASO"), ("en", "COPY", "LATE PAYMENT")],
)
def test_banners_stand_above_the_shops_name(language, copy, late):
    rows = written_rows(paper(PAID, Banner.COPY, Banner.LATE, till=replace(TILL, language=language)))
    assert rows[0].strip("* ") == copy
    assert rows[3].strip("* ") == late
    assert rows.index("Almacén Don Pepe") == 6


def test_a_first_ticket_has_no_banner():
    assert not any(notice.title in paper(PAID) for notice in WORDS["es"].banners.values())


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_the_words_of_each_language_fit_the_narrowest_paper(words):
    assert set(words.banners) == set(Banner)
    assert len(words.paid_with) <= NARROW
    assert all(len(label) <= 10 for label in (words.date, words.operation, words.reference, words.adjustment))
    for notice in words.banners.values():
        assert len(notice.title) <= NARROW // 2
        assert all(len(sentence) <= NARROW for sentence in notice.advice)


# --- text from outside ---------------------------------------------------------------------------------------------


def test_a_title_can_not_give_orders_to_the_printer():
    kick = "Pizza\x1bp\x00\x19\x19\r\nMargarita"
    assert "Pizzap Margarita" in paper(paid(item(kick, "1", "10")))


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        ("a\tb\r\nc\u2028d\u00a0e", "a b c d e"),
        ("pan\u202etac\u2069", "pantac"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("Cafe\u0301", "Café"),
        ("q\u0303 sola", "q sola"),
        ("\x9bCSI\x00", "CSI"),
    ],
)
def test_text_is_reduced_to_what_takes_a_column(dirty, plain):
    assert clean(dirty) == plain


def test_a_reference_is_wrapped_and_never_cut():
    reference = "SUCURSAL-PALERMO/CAJA01/7f0d9a5211aa4b8ea1110123456789ab/intento-2"
    rows = written_rows(paper(replace(PAID, external_reference=reference)))
    start = rows.index("Referencia") + 1
    assert "".join(rows[start : rows.index(TICKET.legend)]) == reference


def test_an_order_without_reference_is_named_as_the_journal_names_it():
    assert PAID.id in paper(replace(PAID, external_reference=""))


@examples(200)
@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from([24, NARROW, 42, WIDE]))
def test_no_text_breaks_the_ticket_or_its_width(title, reference, columns):
    order = replace(paid(item(title, "1", "10"), item(title, "3", "10")), external_reference=reference)
    lines = lay_out(order, (Banner.COPY,), TICKET, TILL, columns)
    written = [text for line in lines if isinstance(line, Text) for text in (line.text,)]
    written += [text for line in lines if isinstance(line, Row) for text in (line.left, line.right)]
    assert all(letter.isprintable() or letter == " " for text in written for letter in text)
    assert all(len(row) <= columns for row in as_text(lines, columns).splitlines())


@given(st.text(alphabet="ab -", max_size=200), st.integers(8, 48))
def test_wrapping_loses_no_letter(text, columns):
    assert "".join(wrap(text, columns)).replace(" ", "") == text.replace(" ", "")


def test_on_a_list_of_waiting_tickets_no_reference_is_torn_apart():
    orders = (paid(item("Yerba", "1", "1999999.99")), replace(PAID, external_reference="the-other"))
    rows = written_rows(as_text(lay_out_list(orders, TICKET, TILL, NARROW), NARROW))
    assert orders[0].reference in rows
    assert "the-other" in rows
    assert ["Tickets", "2"] in [row.split() for row in rows]
