"""The boot partition of a card: what is on it, and what is written to it.

A card is recognised by what Raspberry Pi OS has there. Files are written beside the old ones, brought to the disk, and
renamed; the kernel's command line comes last, so that nothing begins that isn't there yet.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from edge.config.reader import BadValueError
from edge.install.adopt.boot_partition import wipe
from edge.machine.files import sync
from provision import bookworm, first_boot, trixie
from provision.plan import Plan, Release

COMMAND_LINE = "cmdline.txt"
MARKS = (COMMAND_LINE, "config.txt")
FRESH = {"init=/usr/lib/raspberrypi-sys-mods/firstboot": Release.BOOKWORM, "resize": Release.TRIXIE}
"""Words of the command line of a card that never ran: github.com/RPi-Distro/raspberrypi-sys-mods/issues/103."""


@dataclass(frozen=True)
class Card:
    """A boot partition that was looked at."""

    release: Release
    command_line: str
    used: str | None
    """What says that somebody has prepared it already."""


def look(folder: Path, told: Release | None) -> Card:
    """Recognise a boot partition. Raises `BadValueError`; `told` is what the installer says of its release."""
    missing = [name for name in MARKS if not (folder / name).is_file()]
    if missing:
        raise BadValueError(
            f"{folder} has no {' and no '.join(missing)}: it is not the boot partition of a Raspberry Pi OS card; give"
            " the folder where your system shows the card's partition bootfs"
        )
    line = (folder / COMMAND_LINE).read_text(encoding="utf-8", errors="replace").strip()
    if not line or "\n" in line or "root=" not in line:
        raise BadValueError(f"{folder / COMMAND_LINE} is not the one line that a kernel is told; flash the card again")
    return Card(_release(folder, line, told), line, _used(folder, line))


def _release(folder: Path, line: str, told: Release | None) -> Release:
    seen = next((release for word, release in FRESH.items() if word in line.split()), None)
    if seen is None and (folder / "user-data").exists() and (folder / "meta-data").exists():
        seen = Release.TRIXIE
    if seen and told and seen != told:
        raise BadValueError(f"{folder} looks like {seen}, not {told}; leave --release out")
    if found := seen or told:
        return found
    raise BadValueError(
        f"{folder}: a card that has run before doesn't say its release; add --release bookworm or trixie"
    )


def _used(folder: Path, line: str) -> str | None:
    for name in (first_boot.BUNDLE, first_boot.SETUP):
        if (folder / name).exists():
            return f"there is a folder {name}"
    if (folder / "firstrun.sh").exists() or "systemd.run=" in line:
        return "there is a firstrun.sh, as Raspberry Pi Imager makes one for settings of its own"
    if _says_something(folder / "user-data"):
        return "user-data says something already, as Raspberry Pi Imager writes it for settings of its own"
    return None


def _says_something(path: Path) -> bool:
    """The image's own has explanations only; some had one setting."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (yaml.YAMLError, UnicodeDecodeError):
        return True
    return bool(found) and set(found) != {"ssh_pwauth"}


# --- what goes onto it -----------------------------------------------------------------------------------------------


def files(plan: Plan, release: Release, command_line: str | None) -> dict[str, bytes]:
    """All files by their paths on the boot partition; cmdline.txt is among them only if it changes."""
    made = bookworm.files(plan) if release is Release.BOOKWORM else trixie.files(plan)
    bundle = {f"{first_boot.BUNDLE}/{name}": content for name, content in sorted(plan.bundle.items())}
    all_files = {**bundle, **first_boot.files(plan.package), **made}
    if command_line is not None:
        change = bookworm.command_line if release is Release.BOOKWORM else trixie.command_line
        if change(command_line).strip() != command_line.strip():
            all_files[COMMAND_LINE] = change(command_line).encode()
    return all_files


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write them all, and have them on the disk. Raises `OSError`."""
    for name in (first_boot.BUNDLE, first_boot.SETUP):
        _empty(folder / name)
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    for parent in sorted({(folder / name).parent for name in contents} | {folder}):
        sync(parent)


def _empty(folder: Path) -> None:
    """What was prepared before goes: its secrets, and what it says of itself."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file():
            wipe(path)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    with open(new, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _private(path: str, flags: int) -> int:
    """FAT has no rights; a folder that is copied to a card later has."""
    return os.open(path, flags, 0o600)
