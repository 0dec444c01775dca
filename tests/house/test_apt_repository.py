"""The apt repository: signed, the same bytes each time, and read by apt's own tools.

`scripts/test-deb --updates` takes updates from one on a booted machine, and refuses a wrong signature.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "packaging" / "apt_repository.py"
URL = "https://apt.example.net/till-edge"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gpg") or not shutil.which("dpkg-deb"), reason="apt install gpg dpkg"),
]


class Publisher:
    """A machine with a key, and packages in a folder."""

    def __init__(self, folder: Path, keyring: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "GNUPGHOME": str(keyring), "SOURCE_DATE_EPOCH": "1000000000"}
        self.gpg("--quick-generate-key", "archive", "ed25519", "sign")
        time.sleep(
            1.0
        )  # gpg doesn't stop its clock at the second that it is; a key that signs in that second is no till's
        (folder / "packages").mkdir()
        self.package("1.0")

    def gpg(self, *words: str) -> str:
        command = ["gpg", "--batch", "--quiet", "--passphrase", "", *words]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True).stdout

    def package(self, version: str) -> None:
        stage = self.folder / f"stage-{version}" / "DEBIAN"
        stage.mkdir(parents=True)
        fields = "Maintainer: x <x@localhost>\nDescription: x\n"
        (stage / "control").write_text(f"Package: till-edge\nVersion: {version}\nArchitecture: all\n{fields}")
        made = self.folder / "packages" / f"till-edge_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--build", stage.parent, made], stdout=subprocess.DEVNULL, check=True)

    def publish(self, out: str = "apt", key: str = "archive", url: str = URL) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, SCRIPT, "--key", key, "--url", url]
        command += ["--packages", self.folder / "packages", "--out", self.folder / out]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)

    def files(self, out: str = "apt") -> dict[str, bytes]:
        root = self.folder / out
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def publisher(tmp_path) -> Iterator[Publisher]:
    keyring = Path(tempfile.mkdtemp(prefix="gpg-"))  # its agent's socket needs a short path
    try:
        yield Publisher(tmp_path, keyring)
    finally:
        subprocess.run(["gpgconf", "--homedir", keyring, "--kill", "all"], check=False)
        shutil.rmtree(keyring, ignore_errors=True)


def test_the_same_packages_and_key_give_the_same_bytes_signatures_included(publisher):
    assert publisher.publish("first").returncode == 0
    assert publisher.publish("second").returncode == 0
    assert publisher.files("first") == publisher.files("second")


def test_the_lists_are_signed_and_name_each_package_by_its_hash(publisher):
    done = publisher.publish()
    assert done.returncode == 0, done.stderr
    suite = publisher.folder / "apt/dists/stable"
    publisher.gpg("--verify", str(suite / "InRelease"))
    publisher.gpg("--verify", str(suite / "Release.gpg"), str(suite / "Release"))
    packages = (suite / "main/binary-arm64/Packages").read_text()
    assert "Filename: pool/main/till-edge_1.0_all.deb\nSize: " in packages
    assert packages.count("SHA256: ") == 2


def test_an_older_version_stays_beside_a_newer_one(publisher):
    publisher.publish()
    (publisher.folder / "packages/till-edge_1.0_all.deb").unlink()
    publisher.package("1.1")
    publisher.publish()
    listed = (publisher.folder / "apt/dists/stable/main/binary-amd64/Packages").read_text()
    assert "Version: 1.0\n" in listed
    assert "Version: 1.1\n" in listed


def test_the_package_for_tills_has_address_key_and_permission(publisher):
    publisher.publish()
    (package,) = (publisher.folder / "packages").glob("till-edge-archive_*.deb")
    unpacked = publisher.folder / "unpacked"
    subprocess.run(["dpkg-deb", "--raw-extract", package, unpacked], check=True)
    sources = (unpacked / "etc/apt/sources.list.d/till-edge.sources").read_text()
    keyring = unpacked / "usr/share/keyrings/till-edge-archive.gpg"
    assert f"URIs: {URL}\n" in sources
    assert "Signed-By: /usr/share/keyrings/till-edge-archive.gpg\n" in sources
    assert (
        keyring.read_bytes()
        == subprocess.run(["gpg", "--export", "archive"], env=publisher.environ, capture_output=True, check=True).stdout
    )
    assert "BEGIN PGP PRIVATE" not in subprocess.check_output(["gpg", "--enarmor", "-o", "-", keyring], text=True)
    assert (unpacked / "DEBIAN/conffiles").read_text().splitlines() == [
        "/etc/apt/apt.conf.d/52till-edge",
        "/etc/apt/sources.list.d/till-edge.sources",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"key": "nobody"}, "there are 0 secret keys called 'nobody'"),
        ({"url": "apt.example.net"}, "is no address"),
    ],
)
def test_what_a_person_must_mend_is_said(publisher, words, said):
    done = publisher.publish(**words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def apt(folder: Path, *words: str) -> str:
    """A till's apt, with all of its files in a folder of the test."""
    etc, state = folder / "etc", folder / "state"
    for each in ("etc/sources.list.d", "etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = [
        f"Dir::Etc={etc}",
        f"Dir::State={state}",
        f"Dir::State::lists={state}/lists",
        f"Dir::Cache={folder}/cache",
    ]
    options += [f"Dir::State::status={state}/status", "APT::Sandbox::User=root"]
    command = [words[0], *(f"-o{each}" for each in options), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt here")
def test_a_till_does_not_go_back_to_older_lists_though_they_are_signed(publisher, tmp_path):
    """So a list needs no end (docs/packaging.md): an old one that is shown again changes nothing."""
    till, served, key = tmp_path / "till", tmp_path / "served", tmp_path / "key.gpg"
    export = ["gpg", "--export", "archive"]
    key.write_bytes(subprocess.run(export, env=publisher.environ, capture_output=True, check=True).stdout)
    publisher.publish("older")
    publisher.package("1.1")
    publisher.environ["SOURCE_DATE_EPOCH"] = str(
        int(time.time()) + 5
    )  # later than the key, from which the older one is
    publisher.publish("newer")
    (till / "etc").mkdir(parents=True)
    (till / "etc/sources.list").write_text(f"deb [signed-by={key} arch=amd64] copy:{served} stable main\n")
    candidates = []
    for each in ("older", "newer", "older"):
        served.unlink(missing_ok=True)
        served.symlink_to(publisher.folder / each)
        apt(till, "apt-get", "update")
        policy = apt(till, "apt-cache", "policy", "till-edge")
        candidates.append(next(line.split()[1] for line in policy.splitlines() if "Candidate" in line))
    assert candidates == ["1.0", "1.1", "1.1"]
