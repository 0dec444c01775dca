"""The tills' users in mosquitto's files: the passwords, and the rights that no pattern can express.

A file is replaced as a whole and is on disk before that, so mosquitto and a power cut find the old one or the new one.
What others wrote stays as it is. Whoever comes at the same time waits.
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
from relay.config import Mosquitto

MARK = "# --- enrolled tills"
"""Begins the line of the ACL file behind which everything is ours."""
ITERATIONS = 101
"""As mosquitto_passwd has it. The passwords are random, so nobody guesses them one by one, and at each reload mosquitto
checks the password of every till that is connected while all others wait."""
SALT_BYTES = 12
"""What mosquitto 2.0 expects."""


class AccountError(Exception):
    """The files, or mosquitto, are not as they must be; the text says what to do."""


class Accounts:
    """Both files, as they were read. Each change is on disk when its method returns. Raises `AccountError`."""

    def __init__(self, files: Mosquitto) -> None:
        self._files = files
        self._passwords = _read(files.password_file).splitlines()
        self._head, self._rights = _rights(files.acl_file)

    def __contains__(self, till: str) -> bool:
        return till in self._rights or any(_user(line) == till for line in self._passwords)

    def is_reserved(self, till: str) -> bool:
        """Say whether a user of this name has rights that no till has."""
        return f"user {till}" in self._head

    def put(self, till: str, password: str, user_id: str | None) -> None:
        """Let a till in, which then may hear its seller; without `user_id` the one it could hear before."""
        if user_id is not None or till not in self._rights:
            topics = [RELAY_STATUS, *([seller_topic(user_id)] if user_id else [])]
            self._rights[till] = [f"topic read {topic}" for topic in topics]
        self._save_rights()
        self._save_passwords(till, password_line(till, password))

    def remove(self, till: str) -> None:
        """Let a till in no more."""
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
def opened(files: Mosquitto) -> Iterator[Accounts]:
    """Give out the accounts, to one process at a time. Raises `AccountError`."""
    try:
        folder = os.open(files.password_file.parent, os.O_RDONLY)
    except OSError as error:
        raise AccountError(f"{files.password_file.parent} can't be opened: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield Accounts(files)
    finally:
        os.close(folder)


def reload(files: Mosquitto) -> None:
    """Make mosquitto read its files; whoever has no valid password any more is thrown out. Raises `AccountError`."""
    try:
        pid = int(files.pid_file.read_text())
        if not awaits_hangup(pid):
            raise ValueError
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it names no mosquitto that is ready"
        raise AccountError(
            f"mosquitto doesn't know yet ({files.pid_file}: {reason}); if it runs, tell it: systemctl reload mosquitto"
        ) from None


def awaits_hangup(pid: int) -> bool:
    """Say whether this is a mosquitto that SIGHUP makes reload. It would end all others: one that is just starting, and
    whoever has the number of one that is long gone."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^Name:\tmosquitto\n(?:.*\n)*SigCgt:\t([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGHUP - 1) & 1)


def password_line(user: str, password: str) -> str:
    """Return a line of a password file: PBKDF2 with SHA-512, as mosquitto 1.6 and later read it."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"{user}:$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _user(line: str) -> str:
    return line.partition(":")[0]


def _rights(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Read an ACL file: the lines up to the mark, and behind it the topics of each till."""
    lines = _read(path).splitlines()
    marks = [number for number, line in enumerate(lines) if line.startswith(MARK)]
    if not marks:
        raise AccountError(f"{path} has no line that begins with {MARK!r}; take the one in relay/mosquitto/acl")
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
    """Put a new file in the place of one that is there, with its owner and its mode."""
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
        _sync(path.parent)
    except OSError as error:
        raise AccountError(f"{path} can't be written ({error.strerror}); are you root?") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
