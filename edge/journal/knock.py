"""A knock: somebody left something for the daemon, in the journal or beside it, and it need not find that by itself.

A pipe of the daemon's beside the journal. Nothing is said through it, and nothing is lost with it: the daemon looks
every few seconds anyway.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

PIPE_MODE = 0o600
A_KNOCK = b"\n"


def knock(journal: Path) -> None:
    """Wake the daemon of this journal, if there is one."""
    with contextlib.suppress(OSError):  # without a daemon nobody has the other end
        pipe = os.open(_door(journal), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            if stat.S_ISFIFO(os.fstat(pipe).st_mode):
                os.write(pipe, A_KNOCK)
        finally:
            os.close(pipe)


class Door:
    """The daemon's end. `wait` is the body of a thread."""

    def __init__(self, journal: Path) -> None:
        """Put a new pipe there. Raises `OSError`."""
        path = _door(journal)
        path.unlink(missing_ok=True)
        os.mkfifo(path, PIPE_MODE)
        # Open at both ends, for one that nobody writes to would be at its end.
        self._pipe = os.open(path, os.O_RDWR | os.O_NOFOLLOW)

    def wait(self) -> None:
        """Return when somebody has knocked; however often, that counts once. Raises `OSError`."""
        os.read(self._pipe, 4096)


def open_door(journal: Path) -> Callable[[], None] | None:
    """What waits for a knock; None where no pipe can be made, which costs a person some seconds."""
    try:
        return Door(journal).wait
    except OSError as error:
        log.warning("requests are seen some seconds late: %s", error)
        return None


def _door(journal: Path) -> Path:
    return journal.with_suffix(".door")
