"""`till-edge provision`, on the installer's laptop: a freshly flashed card becomes a till's, without a login on it.

    till-edge provision --boot /media/me/bootfs --bundle CAJA01 --deb till-edge_0.1.0_all.deb --ssh-key me.pub
    till-edge provision --csv tills.csv --out cards --release trixie --deb till-edge_0.1.0_all.deb --ssh-key me.pub

All that is wrong is told at once, and then nothing is written.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from edge.config.reader import BadValueError
from provision import card, plan, table
from provision.plan import Faults, Package, Plan, Release, Wish, planned

DONE, FAILED, USAGE = 0, 1, 2
PATHS = ("bundle", "ssh_key")
"""What a table names relative to where it lies."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `provision`."""
    one = parser.add_argument_group("one card")
    one.add_argument("--boot", type=Path, metavar="FOLDER", help="where the card's partition bootfs is mounted")
    one.add_argument("--bundle", metavar="FOLDER", help="what till-relay enroll made, with a file access_token in it")
    one.add_argument("--hostname", metavar="NAME", help="default: the till's id, in small letters")
    many = parser.add_argument_group("many cards")
    many.add_argument("--csv", type=Path, metavar="FILE", help=f"one till a line; columns: {', '.join(table.COLUMNS)}")
    many.add_argument(
        "--out", type=Path, metavar="FOLDER", help="gets a folder for each till, to be copied to its card"
    )
    every = parser.add_argument_group("every card")
    every.add_argument("--deb", type=Path, required=True, metavar="FILE", help="the till's package")
    every.add_argument(
        "--release", type=_release, metavar="{bookworm,trixie}", help="of Raspberry Pi OS; seen on a fresh card"
    )
    every.add_argument("--user", default="till", metavar="NAME", help="who comes in by SSH; default: %(default)s")
    every.add_argument("--ssh-key", metavar="FILE", help="the public key that may come in; no password ever may")
    every.add_argument("--wifi-ssid", metavar="NAME", help="without it the till is on a cable")
    every.add_argument(
        "--wifi-password-file", type=Path, metavar="FILE", help="holds the Wi-Fi's password, on one line"
    )
    every.add_argument("--wifi-country", metavar="XX", help="where the radio is, as in AR, BR, UY, ES")
    every.add_argument("--again", action="store_true", help="write over what was prepared before")


def _release(text: str) -> Release:
    try:
        return Release(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no release; choose {' or '.join(Release)}") from None


def provision(options: argparse.Namespace) -> int:
    """Write one card, or a folder for each of many; the exit code."""
    one = options.boot and options.bundle and not (options.csv or options.out)
    many = options.csv and options.out and not (options.bundle or options.hostname)
    if not (one or many):
        words = "for one card give --boot and --bundle; for many --csv and --out, without --bundle and --hostname"
        return _say(words, USAGE)
    try:
        return _many(options) if many else _one(options)
    except (Faults, BadValueError) as error:
        return _say(str(error))
    except OSError as error:
        return _say(f"{error.filename or 'the card'} can't be written: {error.strerror}; is it full, or locked?")


def _say(text: str, code: int = FAILED) -> int:
    print("\n".join(f"till-edge: {line}" for line in text.splitlines()), file=sys.stderr)
    return code


def _one(options: argparse.Namespace) -> int:
    there = card.look(options.boot, options.release)
    if there.used and not options.again:
        raise BadValueError(f"{options.boot}: {there.used}; --again writes over it")
    package, wish = _common(options)
    made = planned(wish, package)
    _write(options.boot, card.files(made, there.release, there.command_line), made, there.release)
    print("Take the card out as your system wants it done (eject), put it into the Pi, and plug the Pi in.")
    return DONE


def _many(options: argparse.Namespace) -> int:
    release, line = _image(options)
    plans = _plans(options)
    for made in plans:
        _write(options.out / made.hostname, card.files(made, release, line), made, release)
    print(f"{len(plans)} folders. Copy what is in each to the partition bootfs of its own freshly flashed card.")
    return DONE


def _plans(options: argparse.Namespace) -> list[Plan]:
    """All of a table. Raises `Faults` with those of all its lines."""
    package, common = _common(options)
    faults: list[str] = []
    plans: dict[int, Plan] = {}
    for row in table.read(options.csv):
        try:
            plans[row.line] = planned(_wish(common, row, options.csv), package)
        except Faults as error:
            # What the command line says wrong is wrong in each line.
            faults += [fault for fault in error.lines if fault not in faults]
    faults += _twins(options.csv, plans) + ([] if options.again else _there_already(options, plans))
    if faults:
        raise Faults(faults)
    return list(plans.values())


def _common(options: argparse.Namespace) -> tuple[Package, Wish]:
    """The package, and what the command line says of each till."""
    texts = {name: getattr(options, name, None) for name in table.COLUMNS}
    places = {name: f"--{name.replace('_', '-')}" for name in table.COLUMNS}
    places["wifi_password"] += "-file"
    if options.wifi_password_file:
        texts["wifi_password"] = plan.password(options.wifi_password_file)
    return plan.package(options.deb), Wish({name: str(text) for name, text in texts.items() if text}, places)


def _wish(common: Wish, row: table.Row, path: Path) -> Wish:
    """A cell outranks the command line."""
    cells = {name: text for name, text in row.cells.items() if text}
    cells |= {name: str(path.parent / cells[name]) for name in PATHS if name in cells}
    inherited = {name: place for name, place in common.places.items() if name in common.texts and name not in cells}
    here = {name: f"{path}:{row.line}: {name}" for name in table.COLUMNS}
    return Wish({**common.texts, **cells}, {**here, **inherited})


def _image(options: argparse.Namespace) -> tuple[Release, str | None]:
    """What all the cards are flashed with: the release, and its kernel's command line where that changes."""
    if options.boot:
        there = card.look(options.boot, options.release)
        return there.release, there.command_line
    if options.release is Release.TRIXIE:
        return Release.TRIXIE, None
    raise BadValueError(
        "add --boot, the partition bootfs of one of the freshly flashed cards, for all get its command line; or, if"
        " they are Trixie, --release trixie"
    )


def _twins(path: Path, plans: Mapping[int, Plan]) -> list[str]:
    """Two machines with one name throw each other out, and two tills with one point of sale print the same sales."""
    seen: dict[tuple[str, str], int] = {}
    faults = []
    for line, made in plans.items():
        till, place = f"the till {made.till}", f"the point of sale {made.point_of_sale}"
        for column, value in (("hostname", made.hostname), ("bundle", till), ("bundle", place)):
            first = seen.setdefault((column, value), line)
            if first != line:
                faults.append(f"{path}:{line}: {column}: {value} is in line {first} already; each card has its own")
    return faults


def _there_already(options: argparse.Namespace, plans: Mapping[int, Plan]) -> list[str]:
    folders = {line: options.out / made.hostname for line, made in plans.items()}
    return [
        f"{options.csv}:{line}: hostname: {folder} is there already; --again writes over it"
        for line, folder in folders.items()
        if folder.exists()
    ]


def _write(folder: Path, contents: Mapping[str, bytes], made: Plan, release: Release) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    card.write(folder, contents)
    network = f"Wi-Fi {made.wifi.ssid}" if made.wifi else "Ethernet"
    print(f"{folder}: till {made.till}, host {made.hostname}, user {made.user}, {network}, {release}")
    for name, content in contents.items():
        print(f"  {name:45} {len(content):>9,} bytes")
