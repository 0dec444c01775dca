"""Which library is whose: each machine's environment has what its programs import, and nothing of another machine's."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from relay.config import Watch

ROOT = Path(__file__).parent.parent.parent
OURS = {"edge", "relay", "provision", "sim", "tests", "qa", "scripts"}
DISTRIBUTIONS = packages_distributions()
ONLY_A_TILL = {"gpiozero", "colorzero", "python-escpos", "qrcode", "python-barcode", "pillow", "requests"}
ONLY_A_RELAY = {"starlette", "uvicorn", "h11", "anyio", "prometheus-client", "rich", "pynacl", "spake2"}


def name_of(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def asked_for(extra: str) -> set[str]:
    """What pyproject.toml names for an extra, with what all need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(each) for each in project["dependencies"] + project["optional-dependencies"][extra]]
    names = {name_of(each.name) for each in wanted if each.name != "till-edge"}
    return names.union(*(asked_for(inner) for each in wanted if each.name == "till-edge" for inner in each.extras))


def brought_by(names: Iterable[str]) -> set[str]:
    """All distributions that come with these, as their metadata says."""
    found, left = set(), set(names)
    while left:
        name = left.pop()
        found.add(name)
        wanted = (Requirement(each) for each in requires(name) or ())
        needed = {name_of(each.name) for each in wanted if not each.marker or each.marker.evaluate({"extra": ""})}
        left |= needed - found
    return found


def libraries_of(*folders: str) -> dict[str, str]:
    """Distribution -> a file that imports it, wherever in the file."""
    found = {}
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {module.partition(".")[0] for module in modules} - OURS - sys.stdlib_module_names - {"_typeshed"}
            found |= {name_of(name): str(path) for top in tops for name in DISTRIBUTIONS.get(top, [top])}
    return found


def test_a_relay_gets_nothing_that_only_a_till_uses():
    assert not brought_by(asked_for("relay")) & ONLY_A_TILL


@pytest.mark.parametrize("extra", ["till", "provision"])
def test_neither_a_till_nor_a_laptop_gets_anything_of_the_relay(extra):
    assert not brought_by(asked_for(extra)) & ONLY_A_RELAY


LOCKS = {"relay/requirements.txt": ("relay",), "relay/requirements-watch.txt": ("relay", "watch")}
"""A file -> the extras that it is for."""


def locked(lock: str) -> dict[str, str]:
    """Distribution -> version; each has at least one hash."""
    entries = re.split(r"\n(?=\w)", re.sub(r"(?m)^ *#.*\n", "", (ROOT / lock).read_text()).strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    return {name_of(entry.partition("==")[0]): entry.partition("==")[2].split()[0] for entry in entries}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_relays_lock_has_all_that_it_needs_and_nothing_else(lock):
    """Whatever a newer Python has itself may be in it, too."""
    only_for_older = {"typing-extensions"}
    builds = {"setuptools"}
    needed = brought_by(name for extra in LOCKS[lock] for name in asked_for(extra)) | builds
    assert set(locked(lock)) - only_for_older == needed - only_for_older


def test_the_two_locks_name_the_same_versions():
    relay, watch = map(locked, LOCKS)
    assert {name: watch[name] for name in relay} == relay


@pytest.mark.parametrize("lock", LOCKS)
def test_a_relays_lock_fits_what_the_project_asks_for(lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = list(project["project"]["dependencies"])
    asked += [each for extra in LOCKS[lock] for each in project["project"]["optional-dependencies"][extra]]
    wanted = [Requirement(each) for each in asked + project["build-system"]["requires"]]
    versions = locked(lock)
    assert [str(each) for each in wanted if not each.specifier.contains(versions[name_of(each.name)])] == []


def rooms() -> set[str]:
    return {path.name for path in (ROOT / "edge").iterdir() if (path / "__init__.py").exists()}


@pytest.mark.parametrize(
    ("extra", "folders"),
    [
        ("claim", [f"edge/{room}" for room in rooms() - {"page"}]),
        ("page", ["edge/page", "edge/config", "edge/core", "edge/journal"]),
        ("relay", ["relay", "edge/contract", "edge/config"]),
        ("provision", ["provision", "edge/config", "edge/install/adopt"]),
        ("sim", ["sim"]),
    ],
)
def test_an_extra_brings_all_that_its_programs_import(extra, folders):
    had = brought_by(asked_for(extra)) | (brought_by(asked_for("watch")) if extra == "relay" else set())
    assert {name: path for name, path in libraries_of(*folders).items() if name not in had} == {}


def test_only_the_watch_needs_more_than_a_relay_has():
    """It is another process, so that the relay's own memory has none of it; and there it is said."""
    had = brought_by(asked_for("relay"))
    missing = {name: Path(path).name for name, path in libraries_of("relay").items() if name not in had}
    assert missing == {"apprise": "channels.py"}


def test_only_claiming_and_the_page_need_more_than_a_till_has():
    """And there it is said: tests/install and tests/page have that."""
    had = brought_by(asked_for("till"))
    missing = {name: path for name, path in libraries_of("edge").items() if name not in had}
    rooms_that_miss = {name: Path(path).parent.name for name, path in missing.items()}
    assert rooms_that_miss == {"pynacl": "claim", "spake2": "claim", "starlette": "page", "uvicorn": "page"}


WITHOUT = """
import importlib.abc, runpy, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "{library}" or name == "{library}":
            raise ModuleNotFoundError("No module named '{library}'", name="{library}")

sys.meta_path.insert(0, Missing())
runpy.run_module("{program}", run_name="__main__")
"""
TILL = """\
till: {id: CAJA01, timezone: America/Montevideo}
mercadopago: {user_id: 1, external_store_id: a, external_pos_id: b, access_token_file: token}
broker: {host: mqtt.example.net}
printer: {connection: network, host: 127.0.0.1}
journal: {path: journal.db}
"""


def run_without(library: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT.format(library=library, program=program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


@pytest.mark.parametrize(
    ("program", "missing", "answer"),
    [
        ("relay", "uvicorn", "till-relay: uvicorn is not installed; pip install 'till-edge[relay]'\n"),
        ("relay", "rich", "till-relay: rich is not installed; pip install 'till-edge[relay]'\n"),
        ("provision", "babel", "till-provision: babel is not installed; pip install 'till-edge[provision]'\n"),
        ("provision", "yaml", "till-provision: yaml is not installed; pip install 'till-edge[provision]'\n"),
        ("sim", "PIL", "python -m sim: PIL is not installed; pip install '.[sim]', or make demo\n"),
    ],
)
def test_a_command_whose_extra_is_missing_names_it_in_one_line(program, missing, answer):
    done = run_without(missing, program)
    assert (done.stdout, done.stderr, done.returncode) == ("", answer, 1 if program == "sim" else 78)


@pytest.mark.parametrize("library", ["paho", "gpiozero"])
def test_the_till_names_its_extra_although_it_imports_some_libraries_only_when_it_needs_them(tmp_path, library):
    (tmp_path / "token").write_text("secret")
    (tmp_path / "config.yaml").write_text(TILL)
    (tmp_path / "token").chmod(0o600)
    done = run_without(library, "edge", "run", "--config", str(tmp_path / "config.yaml"))
    said = f"till-edge: {library} is not installed; pip install 'till-edge[till]'"
    assert (done.stderr.splitlines()[-1], done.returncode) == (said, 78)
    assert "Traceback" not in done.stderr


def test_a_module_of_ours_that_is_missing_is_a_bug_and_shows_as_one():
    assert "Traceback" in run_without("relay.claims", "relay").stderr
    assert "Traceback" in run_without("provision.plan", "provision").stderr


def test_the_relays_image_serves_the_watch_too():
    """Its libraries, and a folder that its user may write for what the watch remembers."""
    text = (ROOT / "relay/Containerfile").read_text()
    assert "--require-hashes -r /src/relay/requirements-watch.txt" in text
    assert f"install -d -o till-relay -m 700 {Watch.memory_file.parent}" in text
