"""Root gives up its rights, for good, before it opens what belongs to the service.

Whoever owns a folder may have put a link in it. As root we would follow it to root's own files; as the owner we can
do no more than the owner could anyway.
"""

import os
import pwd
import stat
from pathlib import Path

MAX_PARTS = 200
"""On the way to a folder, links included; only a circle of links has more."""


def become_owner(folder: Path) -> None:
    """If root runs this, become the user to whom `folder` belongs, with its groups. Raises `OSError`."""
    owner = _first_other_owner(folder) if os.geteuid() == 0 else None
    if owner is None:
        return
    user, group = owner
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        os.setgroups([])
    else:
        group = entry.pw_gid
        os.initgroups(entry.pw_name, group)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def _first_other_owner(path: Path) -> tuple[int, int] | None:
    """User and group of the first part of a path, from / on, that isn't root's; None if all are, or one is missing.

    Only root's own links are followed: what comes behind another's part is as that one wants it.
    """
    here, ahead = Path("/"), list(path.absolute().parts[1:])
    for _ in range(MAX_PARTS):
        if not ahead:
            return None
        here /= ahead.pop(0)
        try:
            found = here.lstat()
        except FileNotFoundError:
            return None
        if found.st_uid != 0:
            return found.st_uid, found.st_gid
        if stat.S_ISLNK(found.st_mode):
            target = here.parent / os.readlink(here)
            here, ahead = Path("/"), [*target.parts[1:], *ahead]
    raise OSError(f"{path}: its links lead in a circle")
