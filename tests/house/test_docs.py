"""The pages for people are true: their commands exist, their words are the program's, their links lead somewhere."""

import contextlib
import re
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from edge.cli.main import main as till_edge
from edge.config.schema import Language, PanelConfig, load
from edge.core.events import Paper
from edge.core.notices import Concern
from edge.core.order import Verdict
from edge.install.check.acceptance_words import ACCEPTANCE
from edge.install.check.light_words import MEANINGS
from edge.paper.concern_words import CONCERN_WORDS
from edge.paper.failure_words import FAILURE_WORDS
from edge.paper.words import WORDS
from edge.printer.transport import ADVICE
from relay.enroll import bundle
from scripts.card_words import CARD_WORDS
from scripts.wiring import ground_near, pin_of
from sim.mercadopago import MercadoPago, Switches
from tests.support.commands_in import is_understood, mentioned, shown, targets

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("relay/**/*.md")])
INSTALL = ("docs/install.md", "docs/install.es.md", "docs/install.pt.md")
SYMPTOMS = ("docs/symptoms.md", "docs/symptoms.es.md", "docs/symptoms.pt.md")
LANGUAGES = ("en", "es", "pt")
PROGRAM = "\n".join(path.read_text() for folder in ("edge", "relay") for path in sorted((ROOT / folder).rglob("*.py")))


def read(page: str) -> str:
    return (ROOT / page).read_text()


# --- every page ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page):
    text = page.read_text()
    wrong = [command for command in shown(text) if not is_understood(command)]
    wrong += [command for command in mentioned(text) if not is_understood(command, whole=False)]
    assert wrong == []
    assert targets(text) <= set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)|(?:src|href)=\"([^\"#]+)", page.read_text())
    targets = {link or other for link, other in links if not (link or other).startswith("http")}
    assert [target for target in sorted(targets) if not (page.parent / target).exists()] == []


# --- from the box to the first sale --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", INSTALL)
def test_the_installer_is_told_the_pins_of_the_drawing(page):
    panel = PanelConfig()
    leds = [pin_of(gpio) for gpio in (panel.leds.green, panel.leds.yellow, panel.leds.red)]
    rows = re.findall(r"^\| \w+ \| (\d+) \| (\d+) \|.* (\d+)(?:;.*)? \|$", read(page), re.M)
    button = pin_of(panel.button.pin)
    pins = [*((pin, ground_near(*leds)) for pin in leds), (button, ground_near(button))]
    gpios = (panel.leds.green, panel.leds.yellow, panel.leds.red, panel.button.pin)
    expected = [(str(gpio), str(pin), str(ground)) for gpio, (pin, ground) in zip(gpios, pins, strict=True)]
    assert rows == expected


@pytest.mark.parametrize("page", INSTALL)
def test_what_has_to_be_known_is_found_as_the_page_says(tmp_path, page, capsys):
    [words] = set(re.findall(r"^ *\.venv/bin/till-edge (account [^#\n]*?) *(?:#.*)?$", read(page), re.M))
    with MercadoPago() as service:
        (tmp_path / "access_token").write_text(service.access_token)
        with contextlib.chdir(tmp_path):
            assert till_edge([*words.split(), "--api-url", service.url]) == 0
    said = capsys.readouterr().out
    assert said.startswith("account 700100200 ")
    assert all(word in said and f"`{word}`" in read(page) for word in ("store SUC001", "ok SUC001POS003"))


@pytest.mark.parametrize("page", INSTALL)
def test_the_configuration_of_the_shop_with_one_till_is_one_with_which_it_starts(tmp_path, page):
    [text] = re.findall(r"^ *```yaml\n(.*?)^ *```", read(page), re.M | re.S)
    (tmp_path / "config.yaml").write_text(textwrap.dedent(text))
    (tmp_path / "access_token").write_text("APP_USR-0")
    config = load(tmp_path / "config.yaml", {})
    assert (config.till.id, config.broker.host, config.broker.tls) == ("CAJA01", "127.0.0.1", None)


@pytest.mark.parametrize(("page", "language"), list(zip(INSTALL, LANGUAGES, strict=True)))
def test_the_acceptance_ticket_says_what_the_installer_looks_for(page, language):
    words = ACCEPTANCE[language]
    assert [
        text for text in (words.title, words.well, words.tried.rstrip("."), words.failed) if text not in read(page)
    ] == []


@pytest.mark.parametrize("translation", INSTALL[1:])
def test_the_installer_is_told_the_same_steps_in_each_language(translation):
    assert outline(read(translation)) == outline(read("docs/install.md"))


def outline(text: str) -> list[str]:
    """Headings by level, and numbered steps."""
    return re.findall(r"^(?:#+|\d+\.|   ?\d+\.) ", text, re.M)


# --- symptoms and cures --------------------------------------------------------------------------------------------


def rows(page: str) -> list[list[str]]:
    """Of all its tables, without their heads."""
    lines = [line for line in read(page).splitlines() if line.startswith("| ")]
    return [row for line in lines if len(row := line.strip("|").split(" | ")) == 3 and not line.startswith("|---")]


def quoted(page: str) -> list[list[str]]:
    """What each row says that the program says."""
    return [re.findall(r"`([^`]+)`", seen) for seen, *_ in rows(page)]


@pytest.mark.parametrize("page", SYMPTOMS)
def test_all_that_the_program_may_say_has_its_cure(page):
    told = [words for row in quoted(page) for words in row]
    wanted = [
        *ADVICE.values(),
        *Concern,
        *(verdict for verdict in Verdict if verdict.rejected),
        *(paper for paper in Paper if not paper.prints),
    ]
    assert [words for words in wanted if words not in told] == []


@pytest.mark.parametrize(("page", "language"), list(zip(SYMPTOMS, LANGUAGES, strict=True)))
def test_what_a_paper_begins_with_is_on_the_page(page, language):
    words = WORDS[language]
    titles = [words.waiting.title, words.day.difference.title, *(notice.title for notice in words.banners.values())]
    titles += [said[language].notice.title for said in CONCERN_WORDS.values()]
    assert [title for title in titles if title not in read(page)] == []


@pytest.mark.parametrize(("page", "language"), list(zip(SYMPTOMS, LANGUAGES, strict=True)))
def test_what_a_slip_says_of_a_failure_is_on_the_page(page, language):
    failures = FAILURE_WORDS[language].causes.values()
    assert [failure.notice.title for failure in failures if failure.notice.title not in read(page)] == []


@pytest.mark.parametrize("page", SYMPTOMS)
def test_what_is_looked_up_is_what_the_program_says(page):
    assert [words for row in quoted(page) for words in row if words not in PROGRAM] == []


@pytest.mark.parametrize("translation", SYMPTOMS[1:])
def test_the_cures_are_the_same_in_each_language(translation):
    assert len(rows(translation)) == len(rows("docs/symptoms.md"))
    assert quoted(translation) == quoted("docs/symptoms.md")


# --- languages -------------------------------------------------------------------------------------------------------


def test_a_language_that_may_be_configured_has_all_its_words():
    tables = (WORDS, FAILURE_WORDS, ACCEPTANCE, MEANINGS, CARD_WORDS, bundle.LANGUAGES, LANGUAGES)
    assert [set(table) ^ set(get_args(Language)) for table in tables] == [set()] * len(tables)


@pytest.mark.parametrize("language", LANGUAGES[1:])
@pytest.mark.parametrize("page", ["README", "docs/install", "docs/symptoms"])
def test_what_a_shopkeeper_or_an_installer_reads_is_there_in_each_language(page, language):
    assert (ROOT / f"{page}.{language}.md").is_file()


# --- what points into the code ---------------------------------------------------------------------------------------


def test_the_names_beside_a_file_are_in_it():
    """As in "`verdict` in `edge/core/order.py`", and in "`OVERLAP`, `LOOK_BACK` in `edge/core/sweeps.py`"."""
    text = read("docs/mercadopago.md") + read("docs/decisions.md")
    beside = re.findall(r"((?:`[\w.]+`(?:, | and )?)+) in `([\w/]+\.py)`", text)
    pairs = [(name, path) for names, path in beside for name in re.findall(r"`([\w.]+)`", names)]
    assert len(pairs) > 20
    assert [(name, path) for name, path in pairs if name.rpartition(".")[2] not in (ROOT / path).read_text()] == []


def test_each_fact_has_one_number_and_each_number_a_fact():
    text = read("docs/mercadopago.md")
    facts = re.findall(r"^\| ([A-Z]\d+) \|", text, re.M)
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text + read("docs/decisions.md"))
    cited = set(re.findall(r"\b([A-Z]\d+)\b", prose)) - {"V1", "V2"}
    assert len(facts) == len(set(facts))
    assert cited - set(facts) == set()


def test_what_the_code_cites_is_a_fact():
    facts = re.findall(r"^\| ([A-Z]\d+) \|", read("docs/mercadopago.md"), re.M)
    cited = re.findall(r"docs/mercadopago\.md, ([A-Z]\d+)", PROGRAM)
    assert [number for number in cited if number not in facts] == []


def test_each_switch_of_the_simulator_is_a_fact_that_nobody_knows():
    text = read("docs/mercadopago.md")
    assert [each.name for each in fields(Switches) if f"`{each.name}`" not in text] == []
