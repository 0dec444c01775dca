"""A file or a room of the repository that a page or the code names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROOMS = "benchmarks|docs|edge|packaging|provision|qa|relay|scripts|sim|systemd|tests"
NAMED = re.compile(rf"(?<![\w./{{}}-])(?:{ROOMS})/[\w/-]+\.(?:js|lua|md|py|svg|yaml)\b")


ROOM = re.compile(rf"`((?:{ROOMS})/(?:[\w.-]+/)*)`")
"""A folder counts as named only in backquotes: a slash alone may mean anything."""


def gone(text: str) -> set[str]:
    return {name for name in (*NAMED.findall(text), *ROOM.findall(text)) if not (ROOT / name).exists()}


def test_the_files_that_are_named_are_there():
    rooms = [path for room in ROOMS.split("|") for kind in ("py", "md") for path in (ROOT / room).rglob(f"*.{kind}")]
    texts = [path for path in (*ROOT.glob("*.md"), *rooms) if path != Path(__file__)]
    wrong = {str(path.relative_to(ROOT)): gone(path.read_text()) for path in texts}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_one_that_is_not_there_is_found():
    assert gone("see `edge/core/order.py`, edge/gone/order.py and `qa/lost/`.") == {"edge/gone/order.py", "qa/lost/"}
