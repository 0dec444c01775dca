"""A bundle becomes this till's configuration: all of it or nothing, whatever moment the power goes.

First the files are written beside the old ones and loaded as the daemon would load them. What loads is accepted by one
rename; from there on `resume` finishes the work, however often it is cut off. What the bundle doesn't hold stays as
it is. Each file gets the owner and the rights that systemd/till-edge.tmpfiles gives it at each boot.
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
"""Where the configuration lives on a till, and what paths in a bundle may say."""

NEEDED = {
    CONFIGURATION: "till-relay enroll makes one",
    TOKEN: "put the access token of Mercado Pago into it, alone",
}

NAMES = (CONFIGURATION, TOKEN, "broker_password")
"""What a bundle calls its files; Windows may write them in capitals, and put `.txt` behind them."""

DAEMON = "till-edge"
"""The user."""
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.ASCII)
LARGEST = 1 << 20
"""Bytes of a file: a logo is the largest that there can be."""

INCOMING = ".incoming"
ACCEPTED = ".accepted"


def adopt(files: Mapping[str, bytes], folder: Path) -> None:
    """Make `files`, by their names, the configuration in `folder`. Raises `ConfigError` with all that is wrong."""
    resume(folder)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    incoming = folder / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        load_bundle(files, incoming, _plain_files(folder))
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    incoming.rename(folder / ACCEPTED)
    sync(folder)
    resume(folder)


def resume(folder: Path) -> None:
    """Finish what was accepted before the power went; nothing to do is fine."""
    accepted = folder / ACCEPTED
    if not accepted.is_dir():
        return
    # The configuration last: without one the daemon doesn't start.
    for path in sorted(accepted.iterdir(), key=lambda path: path.name == CONFIGURATION):
        path.rename(folder / path.name)
        sync(folder)
    accepted.rmdir()
    sync(folder)


def bundle_in(folder: Path) -> dict[str, bytes]:
    """The files of a bundle, by name; what is hidden, or was wiped, is none of it. Raises `ConfigError`."""
    try:
        paths = _plain_files(folder)
        large = [f"{path.name}: has more than {LARGEST} bytes; is it the right file?" for path in paths if _large(path)]
        if large:
            raise ConfigError(large)
        twice = [f"{path.name}: {meant(path.name)} is there too; leave only one of them" for path in _twins(paths)]
        if twice:
            raise ConfigError(twice)
        found = {meant(path.name): path.read_bytes() for path in paths}
    except OSError as error:
        raise ConfigError([f"{folder}: can't be read: {error.strerror}"]) from None
    return {name: content for name, content in found.items() if content.strip(b"\0")}


def meant(name: str) -> str:
    """What a file is called in a bundle, whatever FAT and Windows have made of its name."""
    plain = name.lower().removesuffix(".txt")
    return plain if plain in NAMES else name


def _twins(paths: Sequence[Path]) -> list[Path]:
    names = [meant(path.name) for path in paths]
    return [path for path in paths if path.name not in NAMES and names.count(meant(path.name)) > 1]


def _plain_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]


def _large(path: Path) -> bool:
    return path.stat().st_size > LARGEST


# --- written, and looked at ------------------------------------------------------------------------------------------


def load_bundle(files: Mapping[str, bytes], folder: Path, beside: Sequence[Path] = ()) -> Config:
    """Write `files` into a new folder and load them as the daemon would. Raises `ConfigError`, in a bundle's names.

    `beside` are files that are in place already. The daemon gets the token as a credential; and the paths that it is
    told are those of a till.
    """
    others = [path for path in beside if path.name not in files]
    _demand(files, {*files, *(path.name for path in others)})
    _lay_out(files, folder)
    links = [folder / path.name for path in others]
    for link, path in zip(links, others, strict=True):
        link.symlink_to(path)
    try:
        return _load(folder)
    finally:
        for link in links:
            link.unlink()


def _demand(files: Mapping[str, bytes], known: Set[str]) -> None:
    missing = [f"{name}: is missing, or empty; {what}" for name, what in NEEDED.items() if name not in known]
    odd = [f"{name!r}: is no name for a file; use A-Z a-z 0-9 _ . -" for name in files if not PLAIN.fullmatch(name)]
    if missing or odd:
        raise ConfigError(missing + odd)


def _load(folder: Path) -> Config:
    trial = folder / f"{INCOMING}.yaml"
    trial.write_bytes((folder / CONFIGURATION).read_bytes().replace(f"{HOME}/".encode(), f"{folder}/".encode()))
    try:
        return load(trial, {"CREDENTIALS_DIRECTORY": str(folder)})
    except ConfigError as error:
        told = (fault.replace(str(trial), CONFIGURATION).replace(f"{folder}/", "") for fault in error.faults)
        raise ConfigError(list(told)) from None
    finally:
        trial.unlink()


def _lay_out(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        _write(folder / name, content, name)
    sync(folder)


def _write(path: Path, content: bytes, name: str) -> None:
    """Write a new file as `name` is to be: no moment at which somebody else can read it."""
    with open(path, "xb", opener=_private) as file:
        file.write(content)
        _give(file.fileno(), name)
        file.flush()
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def rights(name: str) -> tuple[int, str, str]:
    """Mode, owner and group of a file, as systemd/till-edge.tmpfiles has them."""
    if name == TOKEN:
        return 0o600, "root", "root"
    if name == "broker_password" or name.endswith(".key"):
        return 0o600, DAEMON, DAEMON
    return 0o640, "root", DAEMON


def _give(descriptor: int, name: str) -> None:
    """Where the daemon has no user of its own, as on a developer's machine, all belongs to who runs this."""
    mode, owner, group = rights(name)
    try:
        daemon = pwd.getpwnam(DAEMON)
    except KeyError:
        daemon = None
    if daemon and os.geteuid() == 0:
        os.fchown(descriptor, daemon.pw_uid if owner == DAEMON else 0, daemon.pw_gid if group == DAEMON else 0)
    os.fchmod(descriptor, mode)
