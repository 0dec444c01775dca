"""The relay's package: the same bytes each time, what the relay needs and nothing else, and its commands run.

`scripts/test-deb` really installs it.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parent.parent.parent
LIBRARY = "usr/lib/till-edge-relay"

pytestmark = [
    pytest.mark.slow,  # packing takes seconds
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb here: not a Debian"),
]


def build(out: Path) -> Path:
    command = [sys.executable, ROOT / "packaging/build_relay.py", "--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (made,) = out.glob("*.deb")
    return made


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("relay"))


@pytest.fixture(scope="module")
def unpacked(package) -> Path:
    folder = package.parent / "unpacked"
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


def test_built_again_it_is_the_same_to_the_byte(package, tmp_path):
    assert build(tmp_path).read_bytes() == package.read_bytes()


def test_its_libraries_are_those_that_are_locked_with_hashes(package, unpacked):
    """And what isn't inside comes from apt."""
    bill = json.loads((unpacked / "usr/share/doc/till-edge-relay/sbom.cdx.json").read_text())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    locked = (ROOT / "relay/requirements-watch.txt").read_text()
    inside = {part["name"]: part for part in bill["components"] if part["purl"].startswith("pkg:pypi/")}
    assert all(part["hashes"][0]["content"] in locked for part in inside.values())
    depends = subprocess.check_output(["dpkg-deb", "--field", package, "Depends"], text=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["relay"], *extras["watch"]]
    names = [re.split(r"[<>=\[]", each)[0].lower() for each in wanted]
    apt = {"pynacl": "python3-nacl", "pyyaml": "python3-yaml", "spake2": "python3-spake2", "tzdata": "tzdata"}
    assert [name for name in names if name not in inside and apt.get(name, "?") not in depends] == []


def test_each_module_of_the_relay_is_in_it_and_of_the_till_only_what_it_may_import(unpacked):
    library = unpacked / LIBRARY
    modules = {path.relative_to(ROOT) for path in (ROOT / "relay").rglob("*.py")}
    assert {path for path in modules if not (library / path).exists()} == set()
    assert {path.name for path in (library / "edge").iterdir() if path.is_dir()} == {"config", "contract", "machine"}


def test_its_commands_run_with_what_is_in_it(unpacked):
    path = f"import sys; sys.path.insert(0, {str(unpacked / LIBRARY)!r})"
    code = f"{path}; from relay.__main__ import main; main(['--help'])"
    said = subprocess.check_output([sys.executable, "-I", "-B", "-c", code], text=True)
    assert all(command in said for command in ("run", "url", "enroll", "fleet", "tell"))


def test_its_units_and_what_they_need_are_in_it(unpacked):
    units = {path.name for path in (ROOT / "relay").glob("*.service")}
    assert {path.name for path in (unpacked / "usr/lib/systemd/system").iterdir()} == units
    documents = unpacked / "usr/share/doc/till-edge-relay/relay"
    assert (documents / "mosquitto/make-certificates").stat().st_mode & 0o111
    assert (documents / "firewall.nft").exists()


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_scripts_that_root_runs_are_valid(unpacked, script):
    subprocess.run(["sh", "-n", unpacked / "DEBIAN" / script], check=True)
