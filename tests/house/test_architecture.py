"""What ARCHITECTURE.md promises about the code, held against the code."""

import ast
import sys
from pathlib import Path

import pytest

from scripts.diagram import PAGE, diagram, in_page

ROOT = Path(__file__).parent.parent.parent
PURE = (
    "closing",
    "day",
    "failures",
    "links",
    "printing",
    "sale",
    "rows",
    "support",
    "button",
    "life",
    "messages",
    "order",
    "signals",
    "state",
    "till",
    "wire",
    "claim_wire",
    "readings",
)


def imports(path: Path) -> set[str]:
    """All modules that a file imports, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "edge":
            found |= {f"edge.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_the_diagram_is_drawn_from_the_table_of_moves():
    text = PAGE.read_text()
    begin, end = in_page(text)
    assert text[begin:end] == diagram(), "run `make diagram`"


@pytest.mark.parametrize("name", PURE)
def test_the_core_knows_only_the_standard_library_and_itself(name):
    for module in imports(ROOT / "edge" / f"{name}.py"):
        package, _, rest = module.partition(".")
        assert package in sys.stdlib_module_names or (package == "edge" and rest.split(".")[0] in PURE), module


@pytest.mark.parametrize("name", PURE)
def test_the_core_has_no_clock_no_thread_and_no_file(name):
    banned = {"time", "threading", "os", "socket", "subprocess", "pathlib", "sqlite3", "random", "logging", "io"}
    assert not imports(ROOT / "edge" / f"{name}.py") & banned


def test_the_daemon_knows_nothing_of_the_simulator():
    for path in (ROOT / "edge").rglob("*.py"):
        assert not any(module.split(".")[0] in ("sim", "tests", "relay") for module in imports(path)), path


def test_what_sells_does_not_need_what_installs():
    """But for the commands, which are typed on the same machine."""
    for path in (ROOT / "edge").glob("*.py"):
        if path.stem != "__main__":
            assert not any(module.startswith("edge.install") for module in imports(path)), path


def test_the_relay_takes_nothing_of_the_till_but_the_contract_and_the_reader():
    allowed = {"edge.config.reader", "edge.config.yaml_nodes", "edge.machine.files"}
    for path in (ROOT / "relay").rglob("*.py"):
        ours = {module for module in imports(path) if module.split(".")[0] in ("edge", "sim")}
        assert {module for module in ours if not module.startswith("edge.contract.")} <= allowed, path


def test_every_file_of_the_daemon_is_in_the_page():
    text = PAGE.read_text()
    missing = [
        path.name for path in (ROOT / "edge").rglob("*.py") if path.stem != "__init__" and f"`{path.name}`" not in text
    ]
    assert missing == []
