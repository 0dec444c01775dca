"""The tills' users in mosquitto's files: their passwords, and the rights that no pattern can express.

A file is replaced as a whole, so that mosquitto, or a start after a power cut, finds the old one or the new one. What
others wrote in it stays as it is. Two commands at the same time wait for each other.
"""

import base64
import fcntl
import hashlib
import os
import re
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.contract.mqtt import RELAY_STATUS, seller_topic
from edge.machine.files import sync
from relay.config import Mosquitto

TILLS_MARK = "# --- enrolled tills"
"""Begins the line of the ACL file after which everything is ours."""
PBKDF2_ITERATIONS = 101
"""As in mosquitto_passwd. More would not help, because the passwords are random; and at each reload mosquitto checks
the password of every connected till, while all others wait."""
NOT_ENROLLED = "{} is not enrolled; is the id spelled the same way? Capitals matter"
SALT_BYTES = 12
"""Mosquitto 2.0 expects this length."""


class AccountError(Exception):
    """Mosquitto or one of its files is not as it must be; the text says what to do."""


class Accounts:
    """Both files, as they were read. A change is on the disk when its method returns. Methods raise `AccountError`."""

    def __init__(self, files: Mosquitto) -> None:
        self._files = files
        self._passwords = _read(files.password_file).splitlines()
        self._head, self._rights = _rights(files.acl_file)

    def __contains__(self, till: str) -> bool:
        return till in self._rights or any(_user(line) == till for line in self._passwords)

    def is_reserved(self, till: str) -> bool:
        """Whether a user of this name has rights that no till has."""
        return f"user {till}" in self._head

    def put(self, till: str, password: str, user_id: str | None) -> None:
        """Add a till, which may read the doorbells of its seller; without `user_id`, of the one that it had before."""
        if user_id is not None or till not in self._rights:
            topics = [RELAY_STATUS, *([seller_topic(user_id)] if user_id else [])]
            self._rights[till] = [f"topic read {topic}" for topic in topics]
        self._save_rights()
        self._save_passwords(till, password_line(till, password))

    def remove(self, till: str) -> None:
        """Remove a till's user and its rights."""
        if self.is_reserved(till) or till not in self:
            raise AccountError(NOT_ENROLLED.format(till))
        self._save_passwords(till)
        self._rights.pop(till, None)
        self._save_rights()

    def _save_passwords(self, till: str, *instead: str) -> None:
        self._passwords = [*(line for line in self._passwords if _user(line) != till), *instead]
        _replace(self._files.password_file, self._passwords)

    def _save_rights(self) -> None:
        blocks = [line for till, topics in self._rights.items() for line in ("", f"user {till}", *topics)]
        _replace(self._files.acl_file, [*self._head, *blocks])


@contextmanager
def open_accounts(files: Mosquitto) -> Iterator[Accounts]:
    """Open the accounts, for one process at a time. Raises `AccountError`."""
    try:
        folder = os.open(files.password_file.parent, os.O_RDONLY)
    except OSError as error:
        raise AccountError(f"{files.password_file.parent} can't be opened: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield Accounts(files)
    finally:
        os.close(folder)


def reload_mosquitto(files: Mosquitto) -> None:
    """Make mosquitto read its files again, which disconnects users without a valid password. Raises `AccountError`."""
    try:
        pid = int(files.pid_file.read_text())
        if not handles_sighup(pid):
            raise ValueError
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it names no mosquitto that is ready"
        problem = f"mosquitto was not reloaded ({files.pid_file}: {reason})"
        raise AccountError(f"{problem}; if it runs, reload it: systemctl reload mosquitto") from None


def handles_sighup(pid: int) -> bool:
    """Whether this process is a mosquitto that reloads on SIGHUP. Any other would be killed by it: a mosquitto that is
    just starting, or a process that has the number of one that ended long ago."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^Name:\tmosquitto\n(?:.*\n)*SigCgt:\t([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGHUP - 1) & 1)


def password_line(user: str, password: str) -> str:
    """Return a line of a password file: PBKDF2 with SHA-512, which mosquitto 1.6 and later can read."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PBKDF2_ITERATIONS)
    return f"{user}:$7${PBKDF2_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _user(line: str) -> str:
    return line.partition(":")[0]


def _rights(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Read an ACL file: the lines up to the mark, and the topics of each till after it."""
    lines = _read(path).splitlines()
    marks = [number for number, line in enumerate(lines) if line.startswith(TILLS_MARK)]
    if not marks:
        raise AccountError(f"{path} has no line that begins with {TILLS_MARK!r}; take the one in relay/mosquitto/acl")
    head, rights = lines[: marks[0] + 1], dict[str, list[str]]()
    topics: list[str] = []
    for line in filter(None, lines[marks[0] + 1 :]):
        if line.startswith("user "):
            topics = rights[line.removeprefix("user ")] = []
        else:
            topics.append(line)
    return head, rights


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise AccountError(f"{path} can't be read ({error.strerror}); see relay/mosquitto/README.md") from None


def _replace(path: Path, lines: list[str]) -> None:
    """Replace a file that exists; owner and mode stay (`edge.machine.files.write_whole` takes the folder's owner)."""
    new = path.with_name(f"{path.name}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            old = path.stat()
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), old.st_mode & 0o7777)
            file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync(path.parent)
    except OSError as error:
        raise AccountError(f"{path} can't be written ({error.strerror}); are you root?") from None
