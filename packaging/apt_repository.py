"""`make apt-repository`: a signed apt repository of the packages in a folder, and the package that makes tills use it.

It is a folder of files for any web server. The same packages and the same key give the same bytes, signatures included,
if the key is of a kind whose signatures need no random numbers (ed25519). docs/packaging.md has the keys.
"""

import argparse
import gzip
import hashlib
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from deb import ROOT, File, Tree, commit_time, kibibytes, pack

SUITE, COMPONENT, ORIGIN = "stable", "main", "till-edge"
ARCHITECTURES = ("amd64", "arm64", "armhf")
KEYRING = "usr/share/keyrings/till-edge-archive.gpg"

SOURCES = """\
Types: deb
URIs: {url}
Suites: {suite}
Components: {component}
Signed-By: /{keyring}
"""
UNATTENDED = """\
// The till's own packages are installed by themselves, at the time of apt-daily-upgrade.timer.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Origins-Pattern { "origin=till-edge,archive=stable"; };
"""
CONTROL = """\
Package: till-edge-archive
Version: {version}
Architecture: all
Maintainer: The till-edge authors <till-edge@localhost>
Installed-Size: {kibibytes}
Depends: ca-certificates, unattended-upgrades
Section: misc
Priority: optional
Description: lets tills take updates from {host}
 The address of the repository, the key that signs it, and the permission for
 unattended-upgrades to install what comes from there.
"""


class RepositoryError(Exception):
    """A person must mend something; the text says what."""


@dataclass(frozen=True)
class Key:
    """The key that signs, in the keyring of whoever runs this."""

    fingerprint: str
    made: int
    """Unix seconds."""


def main() -> int:
    """Make the repository. Returns the exit code."""
    options = _options()
    try:
        key = find_key(options.key)
        when = max(commit_time(), key.made)
        archive = make_archive_package(options.url, key, when, options.packages)
        count = publish(options.packages, options.out, key, when)
    except (RepositoryError, OSError) as error:
        print(f"apt-repository: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {count} packages, signed by {key.fingerprint}")
    print(f"For tills that are to take updates from it: {archive}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a signed apt repository.")
    parser.add_argument("--key", required=True, help="the fingerprint of the key, or its user id")
    parser.add_argument("--url", required=True, help="where tills find it, like https://apt.example.net/till-edge")
    parser.add_argument("--packages", type=Path, default=ROOT / "dist", metavar="FOLDER", help="default: dist")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "apt", metavar="FOLDER", help="default: dist/apt")
    return parser.parse_args()


def find_key(wanted: str) -> Key:
    """The secret key of this name. Raises `RepositoryError`."""
    listed = _gpg("--list-secret-keys", "--with-colons", wanted, may_fail=True).decode()
    records = [line.split(":") for line in listed.splitlines()]
    made = [int(record[5]) for record in records if record[0] == "sec"]
    prints = [record[9] for record in records if record[0] == "fpr"]
    if len(made) != 1:
        raise RepositoryError(
            f"there are {len(made)} secret keys called {wanted!r} in your keyring; give a fingerprint"
        )
    return Key(prints[0], made[0])


def make_archive_package(url: str, key: Key, when: int, folder: Path) -> Path:
    """Write the package with address, key and permission into the folder; an older one goes."""
    if not url.startswith(("https://", "http://")):
        raise RepositoryError(f"{url!r} is no address; write one like https://apt.example.net/till-edge")
    tree: Tree = {
        KEYRING: File(_gpg("--export", key.fingerprint)),
        "etc/apt/sources.list.d/till-edge.sources": File(
            SOURCES.format(url=url.rstrip("/"), suite=SUITE, component=COMPONENT, keyring=KEYRING).encode()
        ),
        "etc/apt/apt.conf.d/52till-edge": File(UNATTENDED.encode()),
    }
    version = f"{_version()}+{when}"
    host = url.split("/")[2]
    control = CONTROL.format(version=version, kibibytes=kibibytes(tree), host=host)
    for older in folder.glob("till-edge-archive_*.deb"):
        older.unlink()
    package = folder / f"till-edge-archive_{version}_all.deb"
    pack(tree, {"control": File(control.encode())}, when, package)
    return package


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def publish(packages: Path, out: Path, key: Key, when: int) -> int:
    """Add the packages to the pool and write the lists anew; returns how many there are. Older versions stay."""
    pool = out / "pool" / COMPONENT
    pool.mkdir(parents=True, exist_ok=True)
    for package in sorted(packages.glob("*.deb")):
        shutil.copyfile(package, pool / package.name)
    found = sorted(pool.glob("*.deb"))
    listed = "\n".join(_entry(package, package.relative_to(out)) for package in found).encode()
    fresh = out / "dists" / f"{SUITE}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for architecture in ARCHITECTURES:
        folder = fresh / COMPONENT / f"binary-{architecture}"
        folder.mkdir(parents=True)
        (folder / "Packages").write_bytes(listed)
        (folder / "Packages.gz").write_bytes(gzip.compress(listed, mtime=0))
    (fresh / "Release").write_text(_release(fresh, when))
    _sign(fresh, key, when)
    shutil.rmtree(fresh.with_name(SUITE), ignore_errors=True)
    fresh.rename(fresh.with_name(SUITE))
    return len(found)


def _entry(package: Path, name: Path) -> str:
    control = subprocess.check_output(["dpkg-deb", "--field", package], text=True)
    return f"{control}Filename: {name}\nSize: {package.stat().st_size}\nSHA256: {_sha256(package)}\n"


def _release(folder: Path, when: int) -> str:
    fields = {
        "Origin": ORIGIN,
        "Label": ORIGIN,
        "Suite": SUITE,
        "Codename": SUITE,
        "Date": formatdate(when, usegmt=True),
        "Architectures": " ".join(ARCHITECTURES),
        "Components": COMPONENT,
        "Description": "what tills install",
    }
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    sums = [f" {_sha256(path)} {path.stat().st_size} {path.relative_to(folder)}" for path in files]
    return "\n".join([*(f"{name}: {value}" for name, value in fields.items()), "SHA256:", *sums]) + "\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sign(folder: Path, key: Key, when: int) -> None:
    for how, name in (("--clear-sign", "InRelease"), ("--detach-sign", "Release.gpg")):
        clock = ["--faked-system-time", f"{when}!"]
        target = ["--output", str(folder / name), str(folder / "Release")]
        _gpg(*clock, "--armor", "--digest-algo", "SHA512", "--local-user", key.fingerprint, how, *target)


def _gpg(*words: str, may_fail: bool = False) -> bytes:
    done = subprocess.run(["gpg", "--batch", "--yes", *words], capture_output=True, check=False)
    if done.returncode and not may_fail:
        raise RepositoryError(f"gpg {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
