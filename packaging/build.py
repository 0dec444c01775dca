"""`make deb`: the Debian package, without root, from this tree and the wheels that vendor.txt names by their hashes.

The same commit gives the same bytes: all times are that of the commit, all owners root, all rights one of two, the
order that of the names. The package is first a table of paths and contents; only `deb.pack` touches the disk.
"""

import argparse
import re
import tomllib
from email.utils import formatdate
from pathlib import Path, PurePosixPath

from deb import ROOT, File, Tree, commit_time, files_in, kibibytes, pack, zipped
from sbom import Vendored, bill_of_materials
from wheels import Wheel, copyright_notice, download

PACKAGING = ROOT / "packaging"
LIBRARY = "usr/lib/till-edge"
DOC = "usr/share/doc/till-edge"
SBOM = f"{DOC}/sbom.cdx.json"

PACKAGES = ("edge",)
"""Of this repository: what is imported at a till."""
SYSTEM = "usr/lib/systemd/system"
"""Where all of systemd/ goes, but for these."""
ELSEWHERE = {
    "till-edge.watchdog.conf": "usr/lib/systemd/system.conf.d/till-edge.conf",
    "till-edge.journald.conf": "usr/lib/systemd/journald.conf.d/till-edge.conf",
    "till-edge.rules": "usr/lib/udev/rules.d/70-till-edge.rules",
    "till-edge.sysusers": "usr/lib/sysusers.d/till-edge.conf",
    "till-edge.tmpfiles": "usr/lib/tmpfiles.d/till-edge.conf",
}
DOCUMENTS = (
    "README.md",
    "README.es.md",
    "README.pt.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "relay/README.md",
    "relay/firewall.nft",
    "relay/mosquitto/README.md",
    "relay/rabbitmq/README.md",
)
"""Beside all of docs/: what its pages and these lead to is there, so that no link is dead at a till."""
PROGRAMS = {
    "till-edge": "usr/bin/till-edge",
    "till-edge-page": "usr/bin/till-edge-page",
    "update-gate": "usr/libexec/till-edge/update-gate",
    "rtupdate": "usr/share/python3/runtime.d/till-edge.rtupdate",
}


def main() -> None:
    options = _options()
    wheels = download((PACKAGING / "vendor.txt").read_text())
    tree = contents(wheels, options.version, commit_time())
    package = options.out / f"till-edge_{options.version}_all.deb"
    pack(tree, control(tree, options.version), commit_time(), package)
    package.with_name(f"till-edge_{options.version}.cdx.json").write_bytes(tree[SBOM].content)
    print(f"{package}: {package.stat().st_size:,} bytes")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build till-edge_VERSION_all.deb.")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    parser.add_argument("--version", default=version, help="default: that of pyproject.toml, %(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="FOLDER", help="default: dist")
    return parser.parse_args()


def contents(wheels: list[Wheel], version: str, when: int) -> Tree:
    """All that the package installs."""
    tree: Tree = {}
    for wheel in wheels:
        tree |= wheel.modules(LIBRARY)
    for package in PACKAGES:
        tree |= {f"{LIBRARY}/{package}/{name}": file for name, file in files_in(ROOT / package)}
    tree |= {ELSEWHERE.get(name, f"{SYSTEM}/{name}"): file for name, file in files_in(ROOT / "systemd")}
    tree |= {f"{DOC}/docs/{name}": file for name, file in files_in(ROOT / "docs")}
    tree |= {f"{DOC}/{name}": File((ROOT / name).read_bytes()) for name in DOCUMENTS}
    tree[f"{DOC}/examples/config.example.yaml"] = File((ROOT / "config.example.yaml").read_bytes())
    tree |= {target: File((PACKAGING / name).read_bytes(), program=True) for name, target in PROGRAMS.items()}
    metadata = f"Metadata-Version: 2.1\nName: till-edge\nVersion: {version}\n"
    tree[f"{LIBRARY}/till_edge-{version}.dist-info/METADATA"] = File(metadata.encode())
    tree[f"{DOC}/copyright"] = File(copyright_notice(wheels).encode())
    tree[SBOM] = File(sbom(wheels, version, when))
    tree[f"{DOC}/changelog.gz"] = File(zipped(changelog(version, when)))
    tree["usr/share/lintian/overrides/till-edge"] = File((PACKAGING / "lintian-overrides").read_bytes())
    return tree


def sbom(wheels: list[Wheel], version: str, when: int) -> bytes:
    """What is in the package and what comes with it from apt, for scanners."""
    vendored = [Vendored(wheel.metadata, wheel.sha256) for wheel in wheels]
    return bill_of_materials(version, when, vendored, (PACKAGING / "control").read_text())


def changelog(version: str, when: int) -> str:
    """In the form that Debian's tools read; what people read is CHANGELOG.md."""
    entry = "  * What changed for shopkeepers and installers is in CHANGELOG.md."
    signature = f" -- {_maintainer()}  {formatdate(when)}"
    return f"till-edge ({version}) stable; urgency=medium\n\n{entry}\n\n{signature}\n"


def _maintainer() -> str:
    found = re.search(r"^Maintainer: (.+)$", (PACKAGING / "control").read_text(), re.MULTILINE)
    assert found
    return found[1]


def control(tree: Tree, version: str) -> Tree:
    """What dpkg reads of the package before it installs it, and what it runs."""
    text = (PACKAGING / "control").read_text().format(version=version, kibibytes=kibibytes(tree))
    scripts = {name: File(_script(name, tree).encode(), program=True) for name in ("postinst", "prerm", "postrm")}
    return {"control": File(text.encode()), **scripts}


def _script(name: str, tree: Tree) -> str:
    """What root runs; the units to enable are those that say what wants them."""
    units = {PurePosixPath(path).name: tree[path] for path in sorted(tree) if path.startswith(f"{SYSTEM}/")}
    enabled = [unit for unit, file in units.items() if b"\n[Install]\n" in file.content]
    return (PACKAGING / name).read_text().replace("@UNITS@", " ".join(enabled))


if __name__ == "__main__":
    main()
