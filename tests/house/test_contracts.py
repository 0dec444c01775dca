"""The contracts in pyproject.toml hold, and each of them can be broken: deliberate wrong imports are found."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PARTS = ("edge", "relay", "provision", "sim", "qa", "benchmarks", "scripts", "tests")
LINT = Path(sys.executable).with_name("lint-imports")

WRONG = (
    ("edge/core/order.py", "import time", "edge.core.order -> time"),
    ("edge/core/printing.py", "import requests", "edge.core.printing -> requests"),
    ("edge/core/links.py", "from edge.contract import mqtt", "edge.core.links -> edge.contract.mqtt"),
    ("edge/contract/mqtt.py", "from edge.core import order", "edge.contract.mqtt -> edge.core.order"),
    ("edge/contract/claims.py", "import yaml", "edge.contract.claims -> yaml"),
    ("edge/printer/dialogue.py", "import edge.paper.escpos", "edge.printer.dialogue -> edge.paper.escpos"),
    ("edge/mqtt/session.py", "import edge.daemon.loop", "edge.mqtt.session -> edge.daemon.loop"),
    ("edge/daemon/loop.py", "import edge.install.config_slip", "edge.daemon.loop -> edge.install.config_slip"),
    ("edge/machine/facts.py", "import sim.board", "edge.machine.facts -> sim.board"),
    ("edge/journal/file.py", "import tests.support.facts", "edge.journal.file -> tests.support.facts"),
    ("edge/inbox.py", "import relay.config", "edge.inbox -> relay.config"),
    ("edge/spare" + ".py", "", "edge.spare"),
    ("edge/core/evidence.py", "import edge.core.till", "No cycles are allowed in edge.core."),
    ("relay/config.py", "import edge.journal.store", "relay.config -> edge.journal.store"),
    ("relay/addresses.py", "import relay.web.app", "relay.addresses -> relay.web.app"),
    ("provision/values.py", "import edge.daemon.loop", "provision.values -> edge.daemon.loop"),
    ("sim/printer/escpos.py", "import edge.paper.escpos", "sim.printer.escpos -> edge.paper.escpos"),
    ("sim/network.py", "import sim.shop", "sim.network -> sim.shop"),
)
"""A file, a line that mustn't be in it, and how the contracts report it."""

IMPURE = {"open", "print", "input", "eval", "exec", "__import__"}
CLOCKS = {"now", "utcnow", "today"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The code in a folder of its own, for it is going to be harmed."""
    folder = tmp_path_factory.mktemp("copy")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> tuple[int, str]:
    """The exit code and what is printed, without its line ends: they come at some width."""
    done = subprocess.run([LINT, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_each_wrong_import_is_found_and_there_is_none(copy):
    assert lint(copy)[0] == 0, lint(copy)[1]
    for file, line, _ in WRONG:
        with (copy / file).open("a") as code:
            code.write(f"\n{line}\n")
    code, told = lint(copy)
    assert code == 1
    assert [found for *_, found in WRONG if found not in told] == []
    assert re.search(r"0 kept, (\d+) broken", told), "a contract that nothing here breaks may hold nothing"


def impure(text: str) -> list[str]:
    """The calls in a piece of code that open something or read a clock, though nothing had to be imported for them."""
    called = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    built_in = [func.id for func in called if isinstance(func, ast.Name) and func.id in IMPURE]
    clocks = [ast.unparse(func) for func in called if isinstance(func, ast.Attribute) and func.attr in CLOCKS]
    return built_in + [name for name in clocks if name.split(".")[-2] in ("datetime", "date")]


@pytest.mark.parametrize("path", sorted((ROOT / "edge/core").glob("*.py")), ids=lambda path: path.stem)
def test_the_core_opens_nothing_and_reads_no_clock(path):
    assert impure(path.read_text()) == []


@pytest.mark.parametrize("code", ["datetime.now(UTC)", "datetime.date.today()", "def f(): return open('x')"])
def test_a_file_or_a_clock_would_be_seen(code):
    assert len(impure(code)) == 1
