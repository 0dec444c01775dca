"""The page's sentences: the same ones in each language, and none that the page asks for in vain."""

import re
from pathlib import Path
from typing import Any

import pytest

from edge.core.lifecycle import Stage
from edge.core.page import Placed
from edge.core.status import COUNTED, Signal
from edge.page.app import FILES, STATIC
from edge.page.words import WORDS


def keys(words: Any, path: str = "") -> set[str]:
    """Every key, and which of them are filled in with what."""
    if isinstance(words, str):
        return {f"{path} {sorted(re.findall(r'{(.*?)}', words))}"}
    entries = words.items() if hasattr(words, "items") else enumerate(words)
    return {found for key, value in entries for found in keys(value, f"{path}.{key}")}


@pytest.mark.parametrize("language", WORDS)
def test_each_language_has_the_same_sentences_with_the_same_gaps(language):
    assert keys(WORDS[language]) == keys(WORDS["en"])


@pytest.mark.parametrize("language", WORDS)
def test_no_language_has_a_sentence_of_another(language):
    def sentences(words: Any) -> set[str]:
        if isinstance(words, str):
            return {words} if words.count(" ") > 1 else set()
        return {each for value in (words.values() if hasattr(words, "values") else words) for each in sentences(value)}

    others = set().union(*(sentences(words) for name, words in WORDS.items() if name != language))
    assert not sentences(WORDS[language]) & others


def test_all_that_the_till_can_say_has_its_words():
    words = WORDS["es"]
    assert set(words["lights"]) == {*Signal, "unknown"}
    assert set(words["stages"]) == set(Stage)
    assert set(words["counts"]) == set(COUNTED)
    assert set(words["placings"]) == {*Placed, "lost"} - {Placed.ASKED, Placed.DONE}


def test_the_page_asks_for_no_word_that_is_not_there():
    html = (STATIC / "index.html").read_text()
    scripts = "".join((STATIC / name).read_text() for name, _ in FILES.values() if name.endswith(".js"))
    used = set(re.findall(r'data-word="(\w+)"', html)) | set(re.findall(r"page\.words\.(\w+)", scripts))
    assert used
    assert used <= set(WORDS["es"])


def test_every_element_that_a_script_wants_is_on_the_page():
    html = (STATIC / "index.html").read_text()
    scripts = "".join((STATIC / name).read_text() for name, _ in FILES.values() if name.endswith(".js"))
    ids = set(re.findall(r'id="([\w-]+)"', html))
    assert set(re.findall(r'(?:\$|say)\("([\w-]+)"', scripts)) <= ids
    assert set(re.findall(r'(?:for|aria-labelledby)="([\w-]+)"', html)) <= ids


def test_each_file_that_is_named_is_served_and_each_that_is_there_is_named():
    assert {name for name, _ in FILES.values()} == {path.name for path in Path(STATIC).iterdir()}
    html = (STATIC / "index.html").read_text()
    assert set(re.findall(r'(?:href|src)="/([\w.-]+)"', html)) <= set(FILES)


def test_the_page_needs_nothing_from_anywhere_else_and_has_no_style_or_script_in_its_markup():
    for name, _ in FILES.values():
        if not name.endswith(".png"):
            text = (STATIC / name).read_text().replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacent|eval\(", text), name
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*src=)", html)
