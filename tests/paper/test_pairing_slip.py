"""The slip with the code that lets a device use the till's page, in each language and width."""

from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import TicketConfig, TillConfig
from edge.paper.slips import lay_out_pairing
from edge.paper.ticket import as_text
from edge.paper.words import WORDS


@pytest.mark.parametrize("columns", [32, 48])
@pytest.mark.parametrize("language", WORDS)
def test_the_code_is_there_to_be_typed_and_what_it_is_for(language, columns):
    till = TillConfig("CAJA01", "Caja 1", ZoneInfo("America/Argentina/Buenos_Aires"), language)
    text = as_text(lay_out_pairing("123456", TicketConfig(), till, columns), columns)
    assert "123 456" in text
    assert "Caja 1" in text
    assert all(sentence in text for sentence in WORDS[language].pairing.advice)
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("language", WORDS)
def test_title_and_advice_fit_the_narrowest_paper(language):
    pairing = WORDS[language].pairing
    assert len(pairing.title) <= 16
    assert all(len(line) <= 32 for line in pairing.advice)
