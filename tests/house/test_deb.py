"""The package: built twice it is the same bytes, it holds what a till needs and nothing else, and its content runs.

`scripts/test-deb` really installs, runs, upgrades and removes it.
"""

import json
import os
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
RTUPDATE = "usr/share/python3/runtime.d/till-edge.rtupdate"
VENDORED = ("charset_normalizer", "escpos", "gpiozero", "idna", "paho.mqtt.client", "requests", "urllib3")

pytestmark = [
    pytest.mark.slow,  # packing takes seconds
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb here: not a Debian"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return build(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def unpacked(package):
    folder = package.parent / "unpacked"
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


def build(out: Path, *words: str, **environ: str) -> Path:
    command = [sys.executable, ROOT / "packaging" / "build.py", "--out", out, *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environ})
    (made,) = out.glob("*.deb")
    return made


def field(package: Path, name: str) -> str:
    return subprocess.check_output(["dpkg-deb", "--field", package, name], text=True).strip()


def run(unpacked: Path, code: str) -> str:
    """The output of Python with the package's libraries before all others, as its launcher has them."""
    prepared = f"import sys; sys.path.insert(0, {str(unpacked / 'usr/lib/till-edge')!r}); {code}"
    # Not the pins of this machine, if it has any; and no bytecode beside the files that other tests count.
    environ = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}
    return subprocess.check_output([sys.executable, "-I", "-B", "-c", prepared], text=True, env=environ)


# --- the same bytes ------------------------------------------------------------------------------------------------


def test_built_again_it_is_the_same_to_the_byte(package, tmp_path):
    # Another folder, another clock, another language, other rights on what is created.
    before = os.umask(0o077)
    try:
        again = build(tmp_path, TZ="Asia/Tokyo", LANG="es_AR.UTF-8", PYTHONHASHSEED="7")
    finally:
        os.umask(before)
    assert again.read_bytes() == package.read_bytes()


def test_another_time_makes_another_package(package, tmp_path):
    assert build(tmp_path, SOURCE_DATE_EPOCH="1000000000").read_bytes() != package.read_bytes()


def test_it_has_the_version_it_is_told(tmp_path):
    older = build(tmp_path, "--version", "0.0.1")
    assert older.name == "till-edge_0.0.1_all.deb"
    assert field(older, "Version") == "0.0.1"


# --- what it says is in it -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bill(unpacked):
    return json.loads((unpacked / "usr/share/doc/till-edge/sbom.cdx.json").read_text())


def test_its_bill_of_materials_is_valid_cyclonedx_and_lies_beside_it_too(package, unpacked, bill):
    text = (unpacked / "usr/share/doc/till-edge/sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(text) is None
    assert package.with_name("till-edge_0.1.0.cdx.json").read_text() == text


def test_all_that_is_inside_is_in_the_bill_with_the_hash_it_was_checked_by(unpacked, bill):
    named = {(each["name"], each["version"], each["hashes"][0]["content"]) for each in of_kind(bill, "pypi")}
    vendored = (ROOT / "packaging/vendor.txt").read_text()
    lines = re.findall(r"(?m)^(\S+)==(\S+) --hash=sha256:(\w+)$", vendored)
    assert named == {(re.sub(r"[-_.]+", "-", name).lower(), version, digest) for name, version, digest in lines}
    installed = {path.name for path in (unpacked / "usr/lib/till-edge").glob("*.dist-info")}
    assert len(installed) == len(named) + 1, "and ourselves"


def test_what_comes_from_apt_is_in_the_bill(package, bill):
    named = {each["properties"][0]["value"] for each in of_kind(bill, "deb")}
    assert named == {each for name in ("Depends", "Recommends") for each in field(package, name).split(", ")}


def of_kind(bill: dict, kind: str) -> list[dict]:
    return [each for each in bill["components"] if each["purl"].startswith(f"pkg:{kind}/")]


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_all_belongs_to_root_and_only_root_can_change_it(package):
    listed = subprocess.check_output(["dpkg-deb", "--contents", package], text=True).splitlines()
    rights = {(line.split()[0], line.split()[1]) for line in listed}
    assert rights == {(mode, "root/root") for mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x")}


def test_nothing_in_it_is_compiled(unpacked):
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pyc", ".so", ".whl", ".ttf")]
    assert not [path for path in files if path.read_bytes().startswith(b"\x7fELF")]
    assert not list(unpacked.rglob("__pycache__"))


def test_it_brings_no_configuration_that_an_upgrade_could_overwrite(unpacked):
    assert not (unpacked / "etc").exists()
    assert not (unpacked / "DEBIAN/conffiles").exists()
    assert (unpacked / "usr/share/doc/till-edge/examples/config.example.yaml").exists()


def test_every_file_of_the_daemon_and_of_systemd_is_in_it(unpacked):
    shipped = {path.read_bytes() for path in unpacked.rglob("*") if path.is_file()}
    sources = [path for folder in ("edge", "systemd") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert [path for path in sources if "__pycache__" not in path.parts and path.read_bytes() not in shipped] == []


def test_beside_its_own_folders_it_touches_nothing_but_these(unpacked):
    ours = ("usr/lib/till-edge/", "usr/share/doc/till-edge/", "usr/lib/systemd/system/till-edge", "DEBIAN/")
    files = [str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()]
    assert sorted(file for file in files if not file.startswith(ours)) == [
        "usr/bin/till-edge",
        "usr/bin/till-edge-page",
        "usr/lib/systemd/journald.conf.d/till-edge.conf",
        "usr/lib/systemd/system.conf.d/till-edge.conf",
        "usr/lib/sysusers.d/till-edge.conf",
        "usr/lib/tmpfiles.d/till-edge.conf",
        "usr/lib/udev/rules.d/70-till-edge.rules",
        "usr/libexec/till-edge/update-gate",
        "usr/share/lintian/overrides/till-edge",
        "usr/share/python3/runtime.d/till-edge.rtupdate",
    ]


def test_the_scripts_enable_each_unit_that_says_what_wants_it(unpacked):
    units = (unpacked / "usr/lib/systemd/system").glob("till-edge*")
    wanted = sorted(unit.name for unit in units if unit.is_file() and "[Install]" in unit.read_text())
    for script in ("postinst", "prerm", "postrm"):
        assert re.findall('^units="(.*)"$', (unpacked / "DEBIAN" / script).read_text(), re.MULTILINE) == [
            " ".join(wanted)
        ]


def test_no_link_of_its_documents_is_dead_on_the_pi(unpacked):
    documents = unpacked / "usr/share/doc/till-edge"
    pages = [*documents.rglob("*.md")]
    assert {"README.md", "docs/install.es.md", "docs/symptoms.pt.md"} <= {str(p.relative_to(documents)) for p in pages}
    links = [
        (page, link) for page in pages for link in re.findall(r'(?:\]\(|src=")([^)"#\s:]+)[)"#]', page.read_text())
    ]
    assert [(page.name, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_neither_the_simulator_nor_the_relay_nor_any_test_is_in_it(unpacked):
    folders = {path.name for path in (unpacked / "usr/lib/till-edge").rglob("*") if path.is_dir()}
    assert not folders & {"sim", "relay", "provision", "tests"}


def test_each_vendored_library_comes_with_its_licence(unpacked):
    notice = (unpacked / "usr/share/doc/till-edge/copyright").read_text()
    pinned = re.findall(r"^([\w-]+)==(\S+)", (ROOT / "packaging/vendor.txt").read_text(), re.MULTILINE)
    parts = {tuple(part.split(",")[0].split()[:2]) for part in notice.split("=" * 78)[1:]}
    assert {name.replace("_", "-").lower() for name, _ in parts} == {name.replace("_", "-") for name, _ in pinned}
    assert {version for _, version in parts} == {version for _, version in pinned}


def test_what_pyproject_asks_for_is_vendored_or_comes_from_apt(package):
    known = (ROOT / "packaging/vendor.txt").read_text() + field(package, "Depends").replace("python3-", "\n")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for wanted in project["dependencies"] + project["optional-dependencies"]["till"]:
        name = re.match(r"[\w-]+", wanted)[0]
        assert re.search(rf"^{re.escape({'pyyaml': 'yaml'}.get(name, name))}\b|, {name}", known, re.MULTILINE), name


# --- what is in it, run ----------------------------------------------------------------------------------------------


def test_the_daemon_runs_with_what_is_vendored(unpacked):
    where = run(unpacked, f"import edge.daemon.assembly, {', '.join(VENDORED)}; "
                          "import edge.paper.escpos as e; e.Encoder();"
                          f"print([m.__file__ for n, m in sys.modules.items() if n in {VENDORED!r}])")  # fmt: skip
    files = re.findall(r"'(.*?)'", where)
    assert len(files) == len(VENDORED)
    assert all(file.startswith(str(unpacked)) for file in files)


def test_it_knows_its_version_and_those_of_its_libraries(unpacked, package):
    assert run(unpacked, "from edge.cli.main import version; print(version())").strip() == field(package, "Version")
    assert "2.2.0" in run(unpacked, "from edge.machine.facts import versions; print(versions())")


@pytest.mark.skipif(shutil.which("lintian") is None, reason="there is no lintian here: apt-get install lintian")
def test_lintian_has_nothing_to_say_but_what_is_explained(package):
    done = subprocess.run(["lintian", "--allow-root", package], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("script", ["DEBIAN/postinst", "DEBIAN/prerm", "DEBIAN/postrm", RTUPDATE])
def test_the_scripts_that_root_runs_are_valid(unpacked, script):
    subprocess.run(["sh", "-n", unpacked / script], check=True)
