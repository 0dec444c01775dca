"""Deliberate bugs in the core and its journal, and whether explorer and stories catch them: `make mutants`.

Each bug of `qa.mutant_table` is put into a copy of the repository. The stories are run there, and the explorer where
they pass; with `--both` it always is, which takes hours. `make mutants ONLY=text` tries those with `text` in their name
or address; `python -m qa.mutants --list-broken` only looks whether all still apply.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path

from qa.mutant_table import BUGS

ROOT = Path(__file__).parent.parent
COPIED = ("edge", "qa", "sim", "tests", "pyproject.toml")
TIMEOUT_S = 300
"""Unharmed code takes a tenth of it."""
EXPLORE = """
from qa.explorer import SHOPS, Explorer, Limits
for shop in SHOPS.values():
    Explorer(Limits(1, shop), 2500).walk()
"""
PYTEST = ["-m", "pytest", "-xq", "-p", "no:cacheprovider", "-m", "not slow", "--hypothesis-profile", "few"]
STORIES = ["tests/core", "tests/journal", "--ignore=tests/core/test_explorer.py"]
CATCHERS = {
    "stories": [sys.executable, *PYTEST, *STORIES],
    "explorer": [sys.executable, "-c", EXPLORE],
}


class DoesNotApplyError(Exception):
    """The code has changed, so that a bug can't be put into it; the message says why."""


@dataclass(frozen=True)
class Mutant:
    """One bug, as it stands in the table: `old`, in the function at `address`, becomes `new`."""

    what: str
    address: str
    old: str
    new: str

    def apply(self, edge: Path) -> None:
        """Put it into a copy of edge/. Raises `DoesNotApplyError`."""
        self.file(edge).write_text(self.mutated(edge))

    def mutated(self, edge: Path) -> str:
        """The text of its file with the bug in it. Raises `DoesNotApplyError`."""
        try:
            return mutated(self.file(edge).read_text(), self.address.partition(":")[2], self.old, self.new)
        except (OSError, ValueError) as error:
            raise DoesNotApplyError(f"{self.address}: {self.what}: {error}") from None

    def file(self, edge: Path) -> Path:
        return edge / self.address.partition(":")[0]


MUTANTS = tuple(Mutant(what, address, old, new) for address, bugs in BUGS.items() for what, old, new in bugs)

UNHARMED = Mutant("nothing", "core/order.py:EXACT", "prec=100", "prec=100")
DEAD = Mutant("everything", "core/order.py:EXACT", "prec=100", "prec=1 // 0")
"""Controls: nobody may catch the first, and both must catch the second; otherwise the results mean nothing."""


def mutated(text: str, name: str, old: str, new: str) -> str:
    """A module's text with `old` replaced in the definition of `name`. Raises `ValueError`, if only for its syntax.

    Both the name and the fragment must be there exactly once. Whitespace in the fragment stands for any whitespace.
    """
    found = [node for other, node in definitions(ast.parse(text)) if other == name]
    if len(found) != 1:
        raise ValueError(f"there are {len(found)} of {name}")
    lines = text.splitlines(keepends=True)
    first, last = found[0].lineno - 1, found[0].end_lineno
    body = "".join(lines[first:last])
    places = list(re.finditer(r"\s+".join(map(re.escape, old.split())), body))
    if len(places) != 1:
        raise ValueError(f"there are {len(places)} of {old!r}")
    begin, end = places[0].span()
    after = "".join([*lines[:first], body[:begin], new, body[end:], *lines[last:]])
    try:
        ast.parse(after)  # anybody would catch broken syntax
    except SyntaxError as error:
        raise ValueError(f"{new!r} breaks the syntax: {error}") from None
    return after


def definitions(parent: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.stmt]]:
    """The functions, methods and constants of a module, with their names."""
    for node in getattr(parent, "body", ()):
        match node:
            case ast.FunctionDef(name=name):
                yield prefix + name, node
            case ast.ClassDef(name=name):
                yield from definitions(node, f"{prefix}{name}.")
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name, node


def broken() -> list[str]:
    """Why a bug doesn't apply, for each that doesn't."""
    reasons = []
    for mutant in MUTANTS:
        try:
            mutant.mutated(ROOT / "edge")
        except DoesNotApplyError as error:
            reasons.append(str(error))
    return reasons


def caught_by(mutant: Mutant, both: bool) -> list[str]:
    """Who catches the bug: `stories`, `explorer`; the first that does, or `both`. Raises `DoesNotApplyError`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            _copy(ROOT / name, copy / name)
        mutant.apply(copy / "edge")
        catchers = (name for name, command in CATCHERS.items() if _fails(command, copy))
        return list(catchers) if both else list(islice(catchers, 1))


def _copy(original: Path, copy: Path) -> None:
    if original.is_dir():
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(original, copy)


def _fails(command: list[str], copy: Path) -> bool:
    """Whether a command fails in the copy. Python looks for modules there first, and then among what is installed."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return True  # a till that never rests is caught as well
    return done.returncode != 0


def main() -> int:
    """Try all, or some. Returns the exit code: 0 if all were caught."""
    parser = argparse.ArgumentParser("python -m qa.mutants")
    parser.add_argument("--only", default="", metavar="TEXT", help="those with TEXT in their name or address")
    parser.add_argument("--both", action="store_true", help="let the explorer try those that the stories catch, too")
    parser.add_argument("--list-broken", action="store_true", help="only list those that don't apply any more")
    options = parser.parse_args()
    if reasons := broken():
        print(*reasons, f"{len(reasons)} of {len(MUTANTS)} don't apply", sep="\n")
        return 1
    if options.list_broken:
        print(f"all {len(MUTANTS)} apply")
        return 0
    return run([mutant for mutant in MUTANTS if options.only in f"{mutant.what} {mutant.address}"], options.both)


def run(mutants: list[Mutant], both: bool) -> int:
    """Try the controls, then these. Returns the exit code."""
    if caught_by(UNHARMED, True) or len(caught_by(DEAD, True)) < len(CATCHERS):
        print("the controls fail: the copy is not what is tested")
        return 1
    began, results = time.monotonic(), []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, catchers in zip(mutants, pool.map(caught_by, mutants, repeat(both)), strict=True):
            print(f"{mutant.what:52} {' and '.join(catchers) or 'NOBODY'}", flush=True)
            results.append(catchers)
    caught = sum(map(bool, results))
    by_whom = Counter(" and ".join(catchers) for catchers in results if catchers)
    print(f"{len(mutants)} deliberate bugs in {time.monotonic() - began:.0f} s: {caught} caught, {dict(by_whom)}")
    return 0 if caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
