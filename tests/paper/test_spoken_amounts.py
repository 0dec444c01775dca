"""Sums as they are heard: `spoken_amounts.tsv` was read by people; espeak-ng's own reading of the digits agrees."""

import difflib
import random
import re
import shutil
import subprocess
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from edge.paper.spoken_amounts import MONEY, TOO_LARGE, all_pieces, pieces_of_amount

TABLE = [
    line.split("\t") for line in Path(__file__).with_name("spoken_amounts.tsv").read_text(encoding="utf-8").splitlines()
]
"""Language, currency, amount, words."""
OWN_MONEY = {"es": "ARS", "pt": "BRL", "en": "ARS"}
VOICES = {"es": "es-419", "pt": "pt-br", "en": "en-us"}
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


@pytest.mark.parametrize(("language", "currency", "amount", "words"), TABLE)
def test_a_sum_is_said_as_people_say_it(language, currency, amount, words):
    assert " ".join(pieces_of_amount(Decimal(amount), currency, language)) == words


@pytest.mark.parametrize("language", OWN_MONEY)
def test_the_table_has_sixty_sums_of_each_language(language):
    assert sum(row[:2] == [language, OWN_MONEY[language]] for row in TABLE) >= 60


@pytest.mark.parametrize("language", MONEY)
@pytest.mark.parametrize("currency", ["ARS", "BRL", "CLP", "UYU"])
def test_every_piece_of_every_sum_can_be_recorded_beforehand(language, currency):
    pieces, chance = set(all_pieces(language)), random.Random(1)
    sums = [Decimal(cents) / 100 for cents in (*range(1, 3000), *(chance.randrange(1, 10**11) for _ in range(5000)))]
    needed = {piece for amount in sums for piece in pieces_of_amount(amount, currency, language)}
    assert needed <= pieces
    assert len(pieces) < 250


@pytest.mark.parametrize(
    ("amount", "currency"), [("0", "ARS"), ("-5", "ARS"), ("0.004", "ARS"), (str(TOO_LARGE), "ARS"), ("5", "XAU")]
)
def test_what_we_have_no_words_for_is_not_said(amount, currency):
    assert pieces_of_amount(Decimal(amount), currency, "es") == ()


# --- as it is heard --------------------------------------------------------------------------------------------------


@cache
def phonemes(language: str, text: str) -> str:
    """What espeak-ng makes of a text, without stress, pauses and doubled letters."""
    told = subprocess.run(["espeak-ng", "-v", VOICES[language], "-x", "-q", text], capture_output=True, text=True)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^A-Za-z@&^~*3]", "", told.stdout).lower())


@pytest.mark.slow
@needs_espeak
@pytest.mark.parametrize("language", OWN_MONEY)
def test_pieces_in_a_row_are_heard_as_the_sum_that_espeak_reads_from_its_digits(language):
    """Of all sums of the table the digits of each are nearest to its own pieces."""
    written = {"en": "{:,}"}.get(language, "{}")  # or it would read 1999 as a year
    wholes = {int(Decimal(amount)) for spoken, _, amount, _ in TABLE if spoken == language} - {0}
    heard = {
        whole: "".join(
            phonemes(language, piece) for piece in pieces_of_amount(Decimal(whole), OWN_MONEY[language], language)[:-1]
        )
        for whole in wholes
    }
    for whole in wholes:
        digits = phonemes(language, written.format(whole))
        nearest = max(heard, key=lambda other: difflib.SequenceMatcher(None, digits, heard[other]).ratio())
        assert nearest == whole


@pytest.mark.slow
@needs_espeak
@pytest.mark.parametrize(("language", "currency", "amount", "words"), TABLE)
def test_pieces_alone_are_heard_as_in_their_sentence(language, currency, amount, words):
    """Where two meet, at most one sound is another: an s before a voiced one, an n before a p."""
    pieces = pieces_of_amount(Decimal(amount), currency, language)
    alone, together = "".join(phonemes(language, piece) for piece in pieces), phonemes(language, words)
    changes = difflib.SequenceMatcher(None, alone, together).get_opcodes()
    assert sum(max(a - b, d - c) for tag, b, a, c, d in changes if tag != "equal") <= len(pieces), (alone, together)
