"""`make deb` makes the relay's package too, in the way of the till's: the same commit gives the same bytes.

Inside are the libraries of relay/requirements-watch.txt, those of the relay and of its watch, by the hashes that stand
there, but for those that come from apt.
"""

import argparse
import re
import tomllib
from pathlib import Path

from deb import ROOT, File, Tree, commit_time, files_in, kibibytes, pack
from sbom import Vendored, bill_of_materials
from wheels import Wheel, copyright_notice, download

HERE = ROOT / "packaging" / "relay"
LIBRARY = "usr/lib/till-edge-relay"
DOC = "usr/share/doc/till-edge-relay"
SYSTEM = "usr/lib/systemd/system"
SBOM = f"{DOC}/sbom.cdx.json"
OF_THE_TILL = re.compile(r"__init__\.py|(contract|config)/.*\.py|machine/(__init__|files)\.py")
"""What the relay may import of the till, as pyproject.toml has it."""
LOCK = ROOT / "relay/requirements-watch.txt"
FROM_APT = ("certifi", "cffi", "cryptography", "pycparser", "pynacl", "pyyaml", "setuptools", "spake2", "tzdata")
"""Compiled, or kept up to date by the system: packaging/relay/control asks for them."""
PLACES = {
    "till-relay": "usr/bin/till-relay",
    "rtupdate": "usr/share/python3/runtime.d/till-edge-relay.rtupdate",
    "sysusers": "usr/lib/sysusers.d/till-edge-relay.conf",
    "tmpfiles": "usr/lib/tmpfiles.d/till-edge-relay.conf",
}
PROGRAMS = ("till-relay", "rtupdate")


def main() -> None:
    """Write the package and its bill of materials into a folder."""
    parser = argparse.ArgumentParser(description="Build till-edge-relay_VERSION_all.deb.")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    parser.add_argument("--version", default=version, help="default: that of pyproject.toml, %(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="FOLDER", help="default: dist")
    options = parser.parse_args()
    when, tree = commit_time(), contents(options.version)
    package = options.out / f"till-edge-relay_{options.version}_all.deb"
    pack(tree, control(tree, options.version), when, package)
    package.with_name(f"till-edge-relay_{options.version}.cdx.json").write_bytes(tree[SBOM].content)
    print(f"{package}: {package.stat().st_size:,} bytes")


def wanted() -> str:
    """The lines of the lock that go into the package."""
    blocks = re.split(r"^(?=[A-Za-z])", LOCK.read_text(), flags=re.MULTILINE)
    return "".join(block for block in blocks if "==" in block and block.partition("==")[0].lower() not in FROM_APT)


def contents(version: str) -> Tree:
    """All that the package installs."""
    wheels = download(wanted())
    tree: Tree = {}
    for wheel in wheels:
        tree |= wheel.modules(LIBRARY)
    tree |= {f"{LIBRARY}/edge/{name}": file for name, file in files_in(ROOT / "edge") if OF_THE_TILL.match(name)}
    tree |= {f"{LIBRARY}/relay/{name}": file for name, file in files_in(ROOT / "relay") if name.endswith(".py")}
    tree |= {f"{SYSTEM}/{path.name}": File(path.read_bytes()) for path in sorted((ROOT / "relay").glob("*.service"))}
    tree |= {PLACES[name]: File((HERE / name).read_bytes(), name in PROGRAMS) for name in PLACES}
    tree |= _documents()
    metadata = f"Metadata-Version: 2.1\nName: till-edge\nVersion: {version}\n"
    tree[f"{LIBRARY}/till_edge-{version}.dist-info/METADATA"] = File(metadata.encode())
    tree[f"{DOC}/copyright"] = File(copyright_notice(wheels).encode())
    tree[SBOM] = File(_sbom(wheels, version))
    return tree


def _documents() -> Tree:
    """What is copied or read when a relay is set up, as it lies in the repository."""
    found = {name: file for name, file in files_in(ROOT / "relay") if not name.endswith(".py")}
    left_out = ("Containerfile", "requirements.txt", LOCK.name)
    return {f"{DOC}/relay/{name}": file for name, file in found.items() if name not in left_out}


def _sbom(wheels: list[Wheel], version: str) -> bytes:
    vendored = [Vendored(wheel.metadata, wheel.sha256) for wheel in wheels]
    return bill_of_materials(version, commit_time(), vendored, (HERE / "control").read_text(), "till-edge-relay")


def control(tree: Tree, version: str) -> Tree:
    """What dpkg reads of the package before it installs it, and what it runs."""
    text = (HERE / "control").read_text().format(version=version, kibibytes=kibibytes(tree))
    scripts = {name: File((HERE / name).read_bytes(), program=True) for name in ("postinst", "prerm", "postrm")}
    return {"control": File(text.encode()), **scripts}


if __name__ == "__main__":
    main()
