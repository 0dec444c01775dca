"""A Debian package made of a table of paths and contents, without root, and the same bytes each time."""

import gzip
import hashlib
import io
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class File:
    """What stands at one path of the package."""

    content: bytes
    program: bool = False


Tree = dict[str, File]


def commit_time() -> int:
    """Seconds since 1970 of the last commit, unless SOURCE_DATE_EPOCH says otherwise."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    return int(told or subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT))


def pack(tree: Tree, control: Tree, when: int, package: Path) -> None:
    """Write the package. `control`: what dpkg reads of it and runs; `when`: Unix seconds, of all its files."""
    sums = "".join(f"{hashlib.md5(tree[path].content).hexdigest()}  {path}\n" for path in sorted(tree))
    configuration = "".join(f"/{path}\n" for path in sorted(tree) if path.startswith("etc/"))
    control = {**control, "md5sums": File(sums.encode())}
    if configuration:
        control["conffiles"] = File(configuration.encode())
    package.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder, "stage")
        for path, file in (tree | {f"DEBIAN/{name}": file for name, file in control.items()}).items():
            _write(stage / path, file)
        for path in [stage, *stage.rglob("*")]:
            os.utime(path, (when, when))
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        # One thread: how xz cuts its blocks must not depend on the number of cores.
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z9", "--threads-max=1", "--build", stage, package]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": str(when)}
        )


def files_in(folder: Path) -> Iterator[tuple[str, File]]:
    """All that is in a folder, by its name there."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(folder)), File(path.read_bytes(), bool(path.stat().st_mode & 0o100))


def kibibytes(tree: Tree) -> int:
    """What the package takes on the disk, for its field Installed-Size."""
    return sum(-(-len(file.content) // 1024) for file in tree.values())


def zipped(text: str) -> bytes:
    """Not by gzip.compress, whose bytes depend on the version of Python."""
    zipped = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, zipped, mtime=0) as file:
        file.write(text.encode())
    return zipped.getvalue()


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    path.chmod(0o755 if file.program else 0o644)
