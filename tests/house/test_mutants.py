"""The deliberate bugs of `make mutants` still apply to the code, and one that doesn't is reported."""

import pytest

from qa.mutants import DEAD, MUTANTS, ROOT, UNHARMED, DoesNotApplyError, Mutant, broken, mutated

CODE = """LIMIT = 2

def verdict(order):
    return (order.paid and
            order.ours)

class Till:
    def verdict(self):
        return self.paid and self.paid
"""


def test_all_bugs_apply():
    assert broken() == []
    assert len({mutant.what for mutant in MUTANTS}) == len(MUTANTS)


def test_the_controls_apply():
    assert UNHARMED.mutated(ROOT / "edge") == UNHARMED.file(ROOT / "edge").read_text()
    assert DEAD.mutated(ROOT / "edge") != DEAD.file(ROOT / "edge").read_text()


@pytest.mark.parametrize(
    ("name", "old", "new", "after"),
    [
        ("verdict", "order.paid and order.ours", "True", "return (True)"),
        ("Till.verdict", "self.paid and", "", "return  self.paid\n"),
        ("LIMIT", "2", "3", "LIMIT = 3"),
    ],
)
def test_a_fragment_is_replaced_in_its_function_however_its_lines_are_broken(name, old, new, after):
    assert after in mutated(CODE, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        ("judge", "order.paid", "True", "there are 0 of judge"),
        ("verdict", "self.paid and", "", "there are 0 of 'self.paid and'"),
        ("Till.verdict", "self.paid", "True", "there are 2 of 'self.paid'"),
        ("verdict", "order.paid and", "and", "'and' breaks the syntax"),
    ],
)
def test_a_bug_that_does_not_apply_is_reported(name, old, new, why):
    with pytest.raises(ValueError, match=why):
        mutated(CODE, name, old, new)


def test_a_file_that_is_not_there_is_reported():
    with pytest.raises(DoesNotApplyError, match="a bug"):
        Mutant("a bug", "core/gone.py:verdict", "a", "b").mutated(ROOT / "edge")
