"""Files that are there as a whole or not at all, written where somebody else may have put a link."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int, forced: bool = True) -> None:
    """Put `content` in the place of `path`; root gives it to the owner of the folder. Raises `OSError`.

    Whoever owns the folder may not have us write elsewhere: the file is made anew, and no link is followed. `forced`:
    it is on the disk when this returns.
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
    """Have the names in a folder on the disk. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
