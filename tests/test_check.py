"""`till-edge check`: what it says of each thing that is wrong, that it disturbs no daemon, and what it leaves behind."""

import os

import pytest
from check_causes import PAGE, WRONG, found, row

CAUSES = [
    pytest.param(
        title,
        wrong,
        id=title.replace(" ", "_"),
        marks=pytest.mark.skipif(wrong.needs_root and os.geteuid() != 0, reason="needs root"),
    )
    for title, wrong in WRONG.items()
]


@pytest.mark.parametrize(("title", "wrong"), CAUSES)
def test_what_is_wrong_is_said_in_words_and_stands_on_the_page(title, wrong, tmp_path):
    finding = found(wrong, tmp_path)
    assert wrong.says in finding.line
    assert finding.advice
    assert row(title, finding, tmp_path) in PAGE.read_text(), "run `make causes`"
