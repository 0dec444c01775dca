"""The boot partition of a card: what is on it, and what is written to it.

A card is recognised by the files of Raspberry Pi OS. Each file is written as a whole; the kernel's command line comes
last, so that it starts nothing that isn't there yet.
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from edge.config.reader import BadValueError
from edge.install.adopt.boot_partition import wipe
from edge.machine.files import sync, write_whole
from provision import bookworm, first_boot, trixie
from provision.plan import Plan, Release

FILE_MODE = 0o600
"""FAT has no rights, but a folder that is copied to a card later has."""
COMMAND_LINE = "cmdline.txt"
IMAGE_FILES = (COMMAND_LINE, "config.txt")
RELEASE_BY_WORD = {"init=/usr/lib/raspberrypi-sys-mods/firstboot": Release.BOOKWORM, "resize": Release.TRIXIE}
"""Words on the command line of a card that never ran: github.com/RPi-Distro/raspberrypi-sys-mods/issues/103."""
TILL_ID = re.compile(r"""(?m)^ +id: *["']?([\w-]+)""", re.ASCII)
INSTANCE = re.compile(r"(?m)^instance-id: till-edge-([a-z0-9-]+)-[0-9a-f]{12}$")
HOST = re.compile(r"(?m)^hostname=([a-z0-9-]+)$")
"""Where a card that was prepared tells which till it is, or else its host."""


@dataclass(frozen=True)
class Card:
    """A boot partition as `recognise` found it."""

    release: Release
    command_line: str
    used: str | None
    """The sign that somebody has prepared it already."""


def recognise(folder: Path, stated: Release | None) -> Card:
    """Inspect a boot partition. `stated` is the release that the installer gave. Raises `BadValueError`."""
    missing = [name for name in IMAGE_FILES if not (folder / name).is_file()]
    if missing:
        raise BadValueError(
            f"{folder} has no {' and no '.join(missing)}: it is not the boot partition of a Raspberry Pi OS card; give"
            " the folder where your system shows the card's partition bootfs"
        )
    line = (folder / COMMAND_LINE).read_text(encoding="utf-8", errors="replace").strip()
    if not line or "\n" in line or "root=" not in line:
        raise BadValueError(
            f"{folder / COMMAND_LINE} is no kernel's command line, which is one line; flash the card again"
        )
    return Card(_release(folder, line, stated), line, _used(folder, line))


def _release(folder: Path, line: str, stated: Release | None) -> Release:
    seen = next((release for word, release in RELEASE_BY_WORD.items() if word in line.split()), None)
    if seen is None and (folder / "user-data").exists() and (folder / "meta-data").exists():
        seen = Release.TRIXIE
    if seen and stated and seen != stated:
        raise BadValueError(f"{folder} looks like {seen}, not {stated}; leave --release out")
    if found := seen or stated:
        return found
    raise BadValueError(f"{folder}: a card that has run doesn't show its release; add --release bookworm or trixie")


def _used(folder: Path, line: str) -> str | None:
    for name in (first_boot.BUNDLE, first_boot.SETUP):
        if (folder / name).exists():
            return f"there is a folder {name}{_whose(folder)}"
    if (folder / "firstrun.sh").exists() or "systemd.run=" in line:
        return "there is a firstrun.sh, as Raspberry Pi Imager makes it for settings of its own"
    if _has_settings(folder / "user-data"):
        return "user-data has settings already, as Raspberry Pi Imager makes it for settings of its own"
    return None


def _whose(folder: Path) -> str:
    """Whose card it is, as far as it still says so: the configuration is wiped at first boot, Trixie's name isn't."""
    signs = ((f"{first_boot.BUNDLE}/config.yaml", TILL_ID), ("meta-data", INSTANCE), ("firstrun.sh", HOST))
    for name, pattern in signs:
        with contextlib.suppress(OSError):
            if found := pattern.search((folder / name).read_text(encoding="utf-8", errors="replace")):
                return f", of the till {found[1]}"
    return ""


def _has_settings(path: Path) -> bool:
    """The image's own file has only comments; in some images, one setting."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (yaml.YAMLError, UnicodeDecodeError):
        return True
    return bool(found) and set(found) != {"ssh_pwauth"}


# --- what goes onto it -----------------------------------------------------------------------------------------------


def files(plan: Plan, release: Release, command_line: str | None) -> dict[str, bytes]:
    """All files of a card, by their paths on the boot partition; cmdline.txt only if it changes."""
    made = bookworm.files(plan) if release is Release.BOOKWORM else trixie.files(plan)
    bundle = {f"{first_boot.BUNDLE}/{name}": content for name, content in sorted(plan.bundle.items())}
    all_files = {**bundle, **first_boot.files(plan.packages), **made}
    if command_line is not None:
        change = bookworm.command_line if release is Release.BOOKWORM else trixie.command_line
        if change(command_line).strip() != command_line.strip():
            all_files[COMMAND_LINE] = change(command_line).encode()
    return all_files


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Wipe what was prepared before, and write the files: on the disk when this returns. Raises `OSError`."""
    for name in (first_boot.BUNDLE, first_boot.SETUP):
        _wipe_files(folder / name)
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, FILE_MODE)
    sync(folder)


def _wipe_files(folder: Path) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file():
            wipe(path)
