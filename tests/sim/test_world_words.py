"""The demo's words are the same three times, with one for all that can happen; its lamps are read as they shine."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.core.status import Signal
from edge.machine import panel
from sim import lamps
from sim.board import DARK
from sim.goods import GOODS
from sim.world import wire
from sim.world.faults import FAULTS
from sim.world.scenarios import GUIDE, SCENARIOS
from sim.world.words import WORDS

STATIC = Path("sim/world/static")
LANGUAGES = tuple(WORDS)


def keys(words: Any, path: str = "") -> Iterator[str]:
    if isinstance(words, dict):
        for name, inside in words.items():
            yield from keys(inside, f"{path}/{name}")
    elif isinstance(words, list):
        yield from (f"{path}/{number}" for number in range(len(words)))
    else:
        yield f"{path} {sorted(re.findall(r'{(.*?)}', words))}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_words_and_fills_in_the_same(language):
    assert list(keys(WORDS[language])) == list(keys(WORDS["en"]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_word_for_all_that_can_happen(language):
    words = WORDS[language]
    assert tuple(words["faults"]) == FAULTS
    assert list(words["scenarios"]) == list(words["steps"]) == list(SCENARIOS)
    for name, scenario in SCENARIOS.items():
        assert tuple(words["steps"][name]) == scenario.steps
    assert set(words["meanings"]) == {*lamps.MEANINGS.values(), "dark"}
    assert set(GOODS) == set(WORDS)


def test_each_kind_of_message_that_is_told_has_words():
    sources = "".join(path.read_text() for path in Path("sim/world").glob("*.py"))
    said = set(re.findall(r"""(?:say|_add)\(\s*"\w+", "\w+", "(\w+)\"""", sources))
    said |= set(re.findall(r'return "(\w+)"', sources[sources.index("def _kind_of") : sources.index("def _steps_of")]))
    assert len(said) > 10
    assert said - set(WORDS["en"]["kinds"]) == set()


def test_the_guides_numbers_are_told_from_1a_to_7():
    assert GUIDE == ("1a", "1b", "2", "3", "4", "5a", "5b", "5c", "6a", "6b", "7")


@pytest.mark.parametrize("name", ["world.html", "world.js", "box.js", "phone.js", "messages.js", "paper.js", "dom.js"])
def test_each_word_that_the_page_asks_for_is_there(name):
    text = (STATIC / name).read_text()
    asked = set(re.findall(r'data-(?:word|label|title)="(\w+)"', text)) | set(re.findall(r"words\.(\w+)", text))
    assert asked - set(WORDS["en"]) == set()


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir()))
def test_nothing_is_fetched_from_elsewhere(name):
    text = (STATIC / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|//cdn|@import", text) == []


def test_what_passes_is_kept_short():
    assert wire._short("x" * 10_000).endswith("\n…")
    assert len(wire._dump(bytes(range(40))).splitlines()) == 3


# --- lamps -----------------------------------------------------------------------------------------------------------

SEEN = {
    Signal.STARTING: "starting",
    Signal.READY: "ready",
    Signal.WAITING: "waiting",
    Signal.WORKING: "working",
    Signal.PAID: "paid",
    Signal.HOLDING: "holding",
    Signal.CANCELLED: "holding",
    Signal.ATTENTION: "attention",
    Signal.PRINTER: "printer",
    Signal.POLLING: "polling",
    Signal.UNREACHABLE: "unreachable",
}
"""What a person says who sees the lamps. While support asks, the lamps keep their last meaning."""


@pytest.mark.parametrize("before", list(SEEN))
@pytest.mark.parametrize("sign", list(SEEN))
def test_each_sign_is_read_from_the_pins_alone_whichever_was_shown_before(before, sign, monkeypatch):
    seen = lamps.Lamps(None)
    looks = [(at / 25, before) for at in range(75)] + [(at / 25, sign) for at in range(75, 150)]
    for at, shown in looks:
        on = dict(zip(DARK, panel.frame(shown, at), strict=True))
        seen.note(on, at)
    monkeypatch.setattr(lamps.time, "monotonic", lambda: 150 / 25)
    assert seen.meaning == SEEN[sign]
