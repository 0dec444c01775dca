"""The drawing of the wiring, the meanings of the lights and the card agree with the code."""

import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from edge.config.schema import PanelConfig
from edge.core import duties
from edge.core.duties import Heard
from edge.core.status import Signal
from edge.install.check.light_words import MEANINGS, Meaning
from edge.paper.sound_words import SPOKEN_WORDS, sentence
from edge.paper.words import WORDS
from scripts import card, wiring

ROOT = Path(__file__).parent.parent.parent
LANGUAGES = tuple(WORDS)

# --- the drawing ---------------------------------------------------------------------------------------------------


def test_the_wiring_is_drawn_from_the_configurations_defaults():
    assert wiring.PAGE.read_text() == wiring.draw(PanelConfig()), "run `python -m scripts.wiring`"


def test_no_led_draws_more_than_it_should():
    assert wiring.resistor() == 330
    assert all(3 < wiring.current(color, wiring.resistor()) <= 5 for color in wiring.FORWARD_V)


# --- the lights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_signal_has_one_meaning(language):
    told = [signal for meaning in MEANINGS[language] for signal in meaning.signals]
    assert sorted(told) == sorted(Signal)
    assert [meaning.signals for meaning in MEANINGS[language]] == [meaning.signals for meaning in MEANINGS["en"]]


@pytest.mark.parametrize(("page", "language"), [("README.md", "en"), ("README.es.md", "es"), ("README.pt.md", "pt")])
def test_the_readme_says_of_the_lights_what_the_card_says(page, language):
    rows = "\n".join(map(row, MEANINGS[language]))
    assert f"|---|---|---|\n{rows}\n\n" in (ROOT / page).read_text(), f"the table must be:\n{rows}"


def row(meaning: Meaning) -> str:
    """A row of the README's table; the light that everybody waits for is bold."""
    looks, means = meaning.looks, f"{meaning.means} ({meaning.more})" if meaning.more else meaning.means
    if Signal.PAID in meaning.signals:
        looks, means = f"**{looks}**", f"**{means}**"
    return f"| {looks} | {means} | {meaning.do} |"


def test_a_hold_takes_as_long_as_the_sentences_say():
    assert PanelConfig().button.hold_seconds == 2, (
        "the card, the READMEs and edge/install/check/light_words.py say two seconds"
    )


# --- the card ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_is_one_page_and_always_the_same(tmp_path, language):
    first, second = tmp_path / "1.pdf", tmp_path / "2.pdf"
    for path in (first, second):
        card.make_card(path, language, "Caja 1", "0800 555 0000")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().count(b"/Type /Page\n") == 1


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="apt install poppler-utils")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_says_all_that_there_is_to_say(tmp_path, language):
    card.make_card(tmp_path / "card.pdf", language, "Caja 1", "0800 555 0000")
    done = subprocess.run(["pdftotext", "-raw", tmp_path / "card.pdf", "-"], capture_output=True, text=True, check=True)
    said = " ".join(done.stdout.lower().split())
    notices = (WORDS[language].waiting, *WORDS[language].banners.values())
    wanted = [text for meaning in MEANINGS[language] for text in (meaning.looks, meaning.means, meaning.do)]
    wanted += [text for notice in notices for text in (notice.title, *notice.advice)]
    assert [text for text in ("Caja 1", "0800 555 0000", *wanted) if text.lower() not in said] == []


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="apt install poppler-utils")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_can_say_what_each_sound_means(tmp_path, language):
    card.make_card(tmp_path / "card.pdf", language, "Caja 1", "0800 555 0000", sound=True)
    done = subprocess.run(["pdftotext", "-raw", tmp_path / "card.pdf", "-"], capture_output=True, text=True, check=True)
    said, spoken = " ".join(done.stdout.split()), SPOKEN_WORDS[language]
    wanted = [f"{spoken.beeps[sign]}: “{spoken.sentences[sign]}”" for sign in Heard]
    assert [text for text in wanted if text not in said] == []


def test_the_page_about_sounds_says_of_each_sign_what_is_heard():
    page = (ROOT / "docs/sound.md").read_text()
    for sign in Heard:
        row = next(line for line in page.splitlines() if f"| {SPOKEN_WORDS['en'].beeps[sign]} |" in line)
        assert sign is Heard.PAID or all(f"“{SPOKEN_WORDS[each].sentences[sign]}”" in row for each in LANGUAGES)
    for language, currency in (("es", "ARS"), ("pt", "BRL"), ("en", "ARS")):
        sale = duties.Play(Heard.PAID, 0, "", Decimal("5350.50"), currency)
        assert f"“{' '.join(sentence(sale, language, with_amount=True))}”" in page
        assert f"“{SPOKEN_WORDS[language].sentences[Heard.PAID]}”" in page


def test_a_name_that_is_too_long_for_the_card_is_refused(tmp_path, capsys):
    assert card.main(["--till", "Caja de la entrada " * 5, "--folder", str(tmp_path)]) == 1
    assert "is too long for the card; shorten it" in capsys.readouterr().err
