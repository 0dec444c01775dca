"""Files that exist as a whole or not at all, written even where somebody else may have put a link."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int, forced: bool = True) -> None:
    """Replace the file `path` by `content`; if root does it, the owner of the folder owns the file. Raises `OSError`.

    The file is made anew and no link is followed, so that the owner of the folder can't make us write elsewhere.
    `forced`: it is on the disk when this returns.
    """
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        os.fchmod(descriptor, mode)
        if forced:
            os.fsync(descriptor)
    fresh.replace(path)
    if forced:
        sync(path.parent)


def sync(folder: Path) -> None:
    """Force the names in a folder to the disk. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
