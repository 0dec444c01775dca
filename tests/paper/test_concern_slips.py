"""The slip of what a person must look at: operation numbers, sums, what to do; in each language and width."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import Language, TicketConfig, TillConfig
from edge.core.duties import PrintConcern
from edge.core.notices import TOLD_OTHERWISE, Concern, Notice
from edge.core.order import Payment, Verdict
from edge.paper.concern_words import CONCERN_WORDS, REASON_WORDS
from edge.paper.slips import lay_out_concern
from edge.paper.ticket import as_text

LANGUAGES = ("es", "pt", "en")
WHEN = datetime(2026, 3, 2, 21, 39, tzinfo=UTC)
PAYMENTS = tuple(Payment(f"13456788{n}", "approved", Decimal("5350.50"), Decimal(0), "ARS", WHEN) for n in (1, 2))


def printed(notice: Notice, language: Language = "es", columns: int = 32, is_copy: bool = False) -> str:
    till = TillConfig("CAJA01", "Caja 1", ZoneInfo("America/Argentina/Buenos_Aires"), language)
    return as_text(lay_out_concern(PrintConcern(notice, is_copy), TicketConfig(), till, columns), columns)


def test_each_concern_has_its_words_or_is_told_otherwise():
    assert {*CONCERN_WORDS, *TOLD_OTHERWISE} == set(Concern)
    assert not TOLD_OTHERWISE & set(CONCERN_WORDS)
    assert set(REASON_WORDS) == {verdict for verdict in Verdict if verdict.rejected}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("concern", CONCERN_WORDS)
def test_titles_and_advice_fit_the_narrowest_paper(concern, language):
    words = CONCERN_WORDS[concern][language]
    assert len(words.notice.title) <= 16
    assert all(len(line) <= 32 for line in words.notice.advice)
    assert len(words.check) >= 2
    assert set(CONCERN_WORDS[concern]) == set(LANGUAGES)


@pytest.mark.parametrize("columns", [32, 48])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("concern", CONCERN_WORDS)
def test_a_slip_names_operations_sums_and_what_to_do(concern, language, columns):
    text = printed(Notice(concern, "T1-7f3c", payments=PAYMENTS), language, columns)
    flat = " ".join(text.split())
    assert all(payment.id in flat for payment in PAYMENTS)
    assert flat.count("5.350,50") == 2
    assert "T1-7f3c" in flat
    assert all(sentence in flat for sentence in CONCERN_WORDS[concern][language].check)
    assert max(map(len, text.splitlines())) <= columns


def test_a_repetition_is_marked():
    notice = Notice(Concern.DOUBLE_PAYMENT, "T1", payments=PAYMENTS)
    assert "COPIA" in printed(notice, is_copy=True)
    assert "COPIA" not in printed(notice)


def test_what_was_given_back_stands_below_what_was_paid():
    payment = replace(PAYMENTS[0], refunded=Decimal("50"))
    text = printed(Notice(Concern.REJECTED, "T1", payments=(payment,)))
    assert "5.350,50" in text
    assert "Devuelto" in text
    assert "50,00" in text


def test_a_sale_without_ticket_says_why():
    text = printed(Notice(Concern.REJECTED, "T1", "refunded", PAYMENTS))
    assert "El pago se devolvió, entero o en parte." in " ".join(text.split())


def test_a_payment_that_is_all_that_is_known_is_called_an_operation():
    assert "Operación" in printed(Notice(Concern.PAID_WITHOUT_ORDER, "134567881"))
    assert printed(Notice(Concern.PAID_WITHOUT_ORDER, "134567881", payments=PAYMENTS[:1])).count("134567881") == 1


def test_what_others_wrote_cannot_steer_the_printer():
    assert "\x1b" not in printed(Notice(Concern.REJECTED, "T1\x1bp0", payments=PAYMENTS))
