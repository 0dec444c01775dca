"""Files that exist as a whole or not at all, written even where somebody else may have put a link."""

import errno
import os
import stat
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


def read_plain(path: Path, max_bytes: int, owner: int | None = None) -> bytes:
    """Read a small file. Raises `OSError`, also for a link, which is not followed, a pipe, and too large a file.

    `owner`: the number of the user to whom it must belong, since another's file may have been linked there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is no plain file", str(path))
        if owner not in (None, found.st_uid):
            raise OSError(errno.EPERM, "belongs to somebody else", str(path))
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def sync(folder: Path) -> None:
    """Force the names in a folder to the disk. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
