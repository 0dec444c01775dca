"""A bundle becomes this till's configuration: all of it or nothing, whenever the power goes.

The files are first written beside the old ones and loaded as the daemon would load them. One rename accepts them; from
then on `resume` finishes the work, however often it is cut off. Files that the bundle lacks stay as they are. Owners
and rights are those that systemd/till-edge.tmpfiles sets at each boot.
"""

import os
import pwd
import re
import shutil
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Final

from edge.config.schema import CREDENTIAL, Config, ConfigError, load
from edge.machine.files import sync

CONFIGURATION: Final = "config.yaml"
TOKEN: Final = CREDENTIAL
HOME: Final = Path("/etc/till-edge")
"""The folder of the configuration on a till. Paths in a bundle's config.yaml may begin with it."""

REQUIRED_FILES = {
    CONFIGURATION: "till-relay enroll makes one",
    TOKEN: "put the access token of Mercado Pago into it, alone",
}

KNOWN_NAMES = (CONFIGURATION, TOKEN, "broker_password")
"""Windows may write these in capitals, and append `.txt`."""

DAEMON_USER = "till-edge"
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.ASCII)
MAX_FILE_BYTES = 1 << 20
"""Room for a logo, the largest file that there can be."""

INCOMING = ".incoming"
ACCEPTED = ".accepted"


def adopt(files: Mapping[str, bytes], folder: Path, confined: bool = False) -> None:
    """Make `files`, by their names, the configuration in `folder`. Raises `ConfigError` with all mistakes.

    `confined`: a stranger may have made them, so they must do without what is there, and lead nowhere else.
    """
    resume(folder)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    incoming = folder / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        load_bundle(files, incoming, () if confined else _plain_files(folder), confined)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    incoming.rename(folder / ACCEPTED)
    sync(folder)
    resume(folder)


def resume(folder: Path) -> None:
    """Finish an adoption that was accepted before the power went, if there is one."""
    accepted = folder / ACCEPTED
    if not accepted.is_dir():
        return
    # The configuration comes last: without one the daemon doesn't start.
    for path in sorted(accepted.iterdir(), key=lambda path: path.name == CONFIGURATION):
        path.rename(folder / path.name)
        sync(folder)
    accepted.rmdir()
    sync(folder)


def bundle_in(folder: Path) -> dict[str, bytes]:
    """The files of a bundle, by name, without those that are hidden or wiped. Raises `ConfigError`."""
    try:
        paths = _plain_files(folder)
        too_large = f"has more than {MAX_FILE_BYTES} bytes; is it the right file?"
        faults = [f"{path.name}: {too_large}" for path in paths if path.stat().st_size > MAX_FILE_BYTES]
        faults += [f"{path.name}: {known_as(path.name)} is there too; keep only one" for path in _twins(paths)]
        if faults:
            raise ConfigError(faults)
        found = {known_as(path.name): path.read_bytes() for path in paths}
    except OSError as error:
        raise ConfigError([f"{folder}: can't be read: {error.strerror}"]) from None
    return {name: content for name, content in found.items() if content.strip(b"\0")}


def known_as(name: str) -> str:
    """The name of a file in a bundle, whatever FAT and Windows have made of it."""
    plain = name.lower().removesuffix(".txt")
    return plain if plain in KNOWN_NAMES else name


def _twins(paths: Sequence[Path]) -> list[Path]:
    names = [known_as(path.name) for path in paths]
    return [path for path in paths if path.name not in KNOWN_NAMES and names.count(known_as(path.name)) > 1]


def _plain_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]


# --- written, and loaded on trial ------------------------------------------------------------------------------------


def load_bundle(
    files: Mapping[str, bytes], folder: Path, beside: Sequence[Path] = (), confined: bool = False
) -> Config:
    """Write `files` into the new `folder` and load them as the daemon would. Raises `ConfigError`, in a bundle's names.

    `beside`: files that are in place already. As for the daemon, the token is a credential, and the paths in the
    configuration are those of a till. `confined`: as for `adopt`.
    """
    others = [path for path in beside if path.name not in files]
    _check_names(files, {*files, *(path.name for path in others)})
    _lay_out(files, folder)
    links = [folder / path.name for path in others]
    for link, path in zip(links, others, strict=True):
        link.symlink_to(path)
    try:
        return _load(folder, confined)
    finally:
        for link in links:
            link.unlink()


def _check_names(files: Mapping[str, bytes], known: Set[str]) -> None:
    missing = [f"{name}: is missing, or empty; {what}" for name, what in REQUIRED_FILES.items() if name not in known]
    odd = [f"{name!r}: is no possible name; use A-Z a-z 0-9 _ . -" for name in files if not FILE_NAME.fullmatch(name)]
    if missing or odd:
        raise ConfigError(missing + odd)


def _load(folder: Path, confined: bool) -> Config:
    trial = folder / f"{INCOMING}.yaml"
    trial.write_bytes((folder / CONFIGURATION).read_bytes().replace(f"{HOME}/".encode(), f"{folder}/".encode()))
    try:
        return load(trial, {"CREDENTIALS_DIRECTORY": str(folder)}, confined)
    except ConfigError as error:
        faults = [fault.replace(str(trial), CONFIGURATION).replace(f"{folder}/", "") for fault in error.faults]
        raise ConfigError(faults) from None
    finally:
        trial.unlink()


def _lay_out(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        _write(folder / name, content, name)
    sync(folder)


def _write(path: Path, content: bytes, name: str) -> None:
    """Write a new file with the owner and rights of `name`; nobody else can read it at any moment.

    The folder as a whole takes its place by one rename, so that the files need none of their own.
    """
    with open(path, "xb", opener=_private) as file:
        file.write(content)
        _set_owner(file.fileno(), name)
        file.flush()
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def rights(name: str) -> tuple[int, str, str]:
    """Mode, owner and group of a file, as in systemd/till-edge.tmpfiles."""
    if name == TOKEN:
        return 0o600, "root", "root"
    if name == "broker_password" or name.endswith(".key"):
        return 0o600, DAEMON_USER, DAEMON_USER
    return 0o640, "root", DAEMON_USER


def _set_owner(descriptor: int, name: str) -> None:
    """Where there is no user for the daemon, as on a developer's machine, the files stay with the one who runs this."""
    mode, owner, group = rights(name)
    try:
        daemon = pwd.getpwnam(DAEMON_USER)
    except KeyError:
        daemon = None
    if daemon and os.geteuid() == 0:
        os.fchown(
            descriptor, daemon.pw_uid if owner == DAEMON_USER else 0, daemon.pw_gid if group == DAEMON_USER else 0
        )
    os.fchmod(descriptor, mode)
