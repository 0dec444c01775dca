"""The libraries that go into a package: wheels as PyPI has them, checked by hash, the same on every machine."""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from functools import cached_property
from pathlib import Path, PurePosixPath

from deb import ROOT, File, Tree

DOWNLOADS = ROOT / "build" / "wheels"

LEFT_OUT = re.compile(r"(docs|tests|gpiozerocli|\w+/tests|barcode/fonts)/")
"""Of the wheels: what no till imports. Bar codes are never drawn here, and a font belongs in a package of fonts."""
LICENCE = re.compile(r"(?i)(licen[cs]e|notice|edl-v|copying)[^/]*")
METADATA = ("METADATA", "entry_points.txt")
"""How versions are told, and how gpiozero finds its pin factories."""


@dataclass(frozen=True)
class Wheel:
    """One vendored library, as it was published."""

    path: Path

    @cached_property
    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.path) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def metadata(self) -> Message:
        name = next(name for name in self.members if name.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(self.members[name])

    def modules(self, library: str) -> Tree:
        """Where its files go: the code, and of the metadata only what is read at run time."""
        kept = (name for name in self.members if self._is_kept(name))
        return {f"{library}/{name}": File(self.members[name]) for name in kept}

    def licences(self) -> list[str]:
        found = [name for name in self.members if ".dist-info/" in name and LICENCE.fullmatch(PurePosixPath(name).name)]
        return [self.members[name].decode() for name in sorted(found)]

    @staticmethod
    def _is_kept(name: str) -> bool:
        if ".dist-info/" in name:
            return PurePosixPath(name).name in METADATA
        return not LEFT_OUT.match(name)


def download(wanted: str) -> list[Wheel]:
    """The wheels of a list in pip's form, with hashes; what is there already stays."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    found = _matching(wanted)
    if len(found) < wanted.count("=="):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps", "--dest", DOWNLOADS]
        pure = ["--only-binary", ":all:", "--implementation", "py", "--abi", "none", "--platform", "any"]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
            listed.write(wanted)
            listed.flush()
            subprocess.run([*pip, *pure, "--python-version", "3.11", "-r", listed.name], check=True)
        found = _matching(wanted)
    return found


def _matching(wanted: str) -> list[Wheel]:
    wheels = (Wheel(path) for path in sorted(DOWNLOADS.glob("*.whl")))
    return [wheel for wheel in wheels if wheel.sha256 in wanted]


def copyright_notice(wheels: list[Wheel]) -> str:
    """The licences of all that is in the package, each as its authors wrote it."""
    parts = [f"till-edge\n\n{(ROOT / 'LICENSE').read_text()}"]
    for wheel in wheels:
        texts = wheel.licences()
        assert texts, f"{wheel.path.name} has no licence in it"
        name, version = wheel.metadata["Name"], wheel.metadata["Version"]
        parts.append(
            f"{name} {version}, from https://pypi.org/project/{name}/{version}/\n\n" + "\n\n".join(map(_short, texts))
        )
    return f"\n\n{'=' * 78}\n\n".join(part.strip() for part in parts) + "\n"


def _short(licence: str) -> str:
    """Debian has this one on every machine already."""
    if "Apache License" in licence and "Version 2.0" in licence:
        return "Licensed under the Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0"
    return licence.strip()
