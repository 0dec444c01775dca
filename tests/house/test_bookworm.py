"""Traps of Bookworm's Python 3.11.2, which newer ones don't have. `scripts/test-deb` runs the package there."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ("edge", "relay", "provision")


def empty_members(text: str) -> Iterator[str]:
    """The members of enumerations whose value is an empty tuple: 3.11.2 makes a bare object of it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
            assigned = [each for each in node.body if isinstance(each, ast.Assign)]
            yield from (f"{node.name}.{ast.unparse(each)}" for each in assigned if ast.unparse(each.value) == "()")


def test_no_member_of_an_enumeration_is_an_empty_tuple():
    files = [path for room in SHIPPED for path in (ROOT / room).rglob("*.py")]
    assert [found for path in files for found in empty_members(path.read_text())] == []


def test_one_would_be_found():
    assert list(empty_members("class Notice(Enum):\n    NONE = ()\n    VOID = ('x',)\n")) == ["Notice.NONE = ()"]
