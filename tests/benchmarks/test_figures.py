"""The benchmarks' arithmetic and tables: what is shown was measured, and what wasn't is never a number."""

import sys

import pytest

from benchmarks import __main__ as bench
from benchmarks import page
from benchmarks.figures import (
    Limit,
    Part,
    Table,
    Unmeasured,
    combined,
    limit_row,
    median,
    p99,
    ratio,
    shown,
    table_text,
)

MISSING = Unmeasured("strace is missing")
LIMIT = Limit("CPU per sale", 12, "ms")


def test_a_median_is_the_value_in_the_middle():
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == 2.5


def test_two_of_two_hundred_are_larger_than_the_p99():
    assert p99(range(200, 0, -1)) == 198
    assert p99([7.0]) == 7.0
    assert p99([1, 2]) == 2


def test_of_no_values_there_is_no_figure():
    assert isinstance(median([]), Unmeasured)
    assert isinstance(p99([]), Unmeasured)


def test_a_ratio_says_how_many_times_theirs_is_ours():
    assert ratio(30.0, 10.0) == 3.0


@pytest.mark.parametrize(("ours", "theirs"), [(MISSING, 1.0), (1.0, MISSING)])
def test_what_is_computed_from_a_missing_figure_is_missing_for_the_same_reason(ours, theirs):
    assert ratio(ours, theirs) == MISSING
    assert combined(lambda one, other: one + other, ours, theirs) == MISSING


def test_a_ratio_to_nothing_is_missing():
    assert isinstance(ratio(1.0, 0.0), Unmeasured)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.00964, "0.00964"), (1.1, "1.10"), (58.04, "58.0"), (662.4, "662"), (1236.0, "1,236"), ("so", "so")],
)
def test_three_digits_are_shown(value, text):
    assert shown(value) == text


def test_what_was_not_measured_says_why():
    assert shown(MISSING) == "not measured: strace is missing"


def test_a_table_has_a_line_for_each_row():
    text = table_text(Table("At rest", "A minute.", ("who", "CPU %"), (("bare", 0.05), ("till-edge", MISSING))))
    assert text.splitlines() == [
        "## At rest",
        "",
        "A minute.",
        "",
        "| who | CPU % |",
        "| --- | ---: |",
        "| bare | 0.0500 |",
        "| till-edge | not measured: strace is missing |",
    ]


def test_a_limit_is_kept_or_not():
    assert limit_row(LIMIT, 12.0)[1:] == ("at most 12.0 ms", "12.0 ms", "yes")
    assert limit_row(LIMIT, 12.1)[1:] == ("at most 12.0 ms", "12.1 ms", "**no**")
    assert limit_row(Limit("relay", 0.6, at_least=True), 0.43)[1:] == ("at least 0.600", "0.430", "**no**")


def test_a_limit_without_a_figure_is_neither_kept_nor_broken():
    assert limit_row(LIMIT, MISSING)[2:] == (MISSING, "")


class Broken:
    """A part of the benchmarks that fails."""

    LIMITS = (LIMIT, LIMIT)

    @staticmethod
    def measure(_folder, _sales):
        raise RuntimeError("the broker\nis gone")


class Fine:
    """A part that has something to show."""

    LIMITS = (LIMIT,)

    @staticmethod
    def measure(_folder, sales):
        return Part((Table("Fine", f"{sales} sales.", ("what", "ms"), (("all", 1.0),)),), (11.0,))


def test_a_part_that_fails_costs_its_own_figures_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "PARTS", {"broken": Broken, "fine": Fine})
    monkeypatch.setattr(bench, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--sales", "7"])
    assert bench.main() == 1
    text = (tmp_path / "performance.md").read_text()
    assert text.count("| CPU per sale | at most 12.0 ms | not measured: RuntimeError: the broker |  |") == 2
    assert "| CPU per sale | at most 12.0 ms | 11.0 ms | yes |" in text
    assert "## Missing: broken\n\nNot measured: RuntimeError: the broker." in text
    assert "## Fine\n\n7 sales." in text
    assert "## What was not measured" in text
    assert "is gone" in capsys.readouterr().err


def test_the_page_says_where_and_when_it_was_measured():
    told = page.text([], load_before=0.5)
    assert "commit " in told
    assert "0.5 before" in told
    assert " cores, " in told


def test_each_part_is_measured_against_its_limits():
    assert all(isinstance(part.LIMITS, tuple) and part.measure for part in bench.PARTS.values())
