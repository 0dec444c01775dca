"""`till-provision`, on the installer's laptop: a freshly flashed card becomes a till's, without a login on it.

    till-provision --boot /media/me/bootfs --bundle CAJA01 --deb till-edge_0.1.0_all.deb --ssh-key me.pub
    till-provision --csv tills.csv --out cards --release trixie --deb till-edge_0.1.0_all.deb --ssh-key me.pub

All mistakes are reported at once, and then nothing is written.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

DONE, FAILED, USAGE, BAD_CONFIGURATION = 0, 1, 2, 78

try:
    from edge.config import table
    from edge.config.reader import BadValueError
    from edge.config.yaml_nodes import ConfigError
    from provision import card, plan
    from provision.plan import Package, Plan, PlanError, Release, Request, make_plan
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] in ("edge", "provision"):
        raise
    print(f"till-provision: {error.name} is not installed; pip install 'till-edge[provision]'", file=sys.stderr)
    sys.exit(BAD_CONFIGURATION)

COLUMNS = (*table.CARD_COLUMNS, "token_file")
PATH_COLUMNS = ("bundle", "ssh_key", "token_file")
"""A table gives these relative to its own folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one card, or a folder for each of many. Returns the exit code: 0, 1 failed, 2 usage."""
    options = parser().parse_args(arguments)
    one = options.boot and options.bundle and not (options.csv or options.out)
    many = options.csv and options.out and not (options.bundle or options.hostname)
    if not (one or many):
        usage = "for one card give --boot and --bundle; for many --csv and --out, without --bundle and --hostname"
        return _complain(usage, USAGE)
    try:
        return _many(options) if many else _one(options)
    except (PlanError, ConfigError, BadValueError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or 'the card'} can't be written: {error.strerror}; is it full, or locked?")


def parser() -> argparse.ArgumentParser:
    """The options, in three groups."""
    does = "On the installer's laptop: make the boot partition of a freshly flashed card into that of a till."
    parser = argparse.ArgumentParser("till-provision", description=does)
    _add_one_card(parser.add_argument_group("one card"))
    _add_many_cards(parser.add_argument_group("many cards"))
    _add_every_card(parser.add_argument_group("every card"))
    return parser


def _add_one_card(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--boot", type=Path, metavar="FOLDER", help="where the card's partition bootfs is mounted")
    group.add_argument("--bundle", metavar="FOLDER", help="made by till-relay enroll, with a file access_token added")
    group.add_argument("--hostname", metavar="NAME", help="default: the till's id, in lower case")


def _add_many_cards(group: "argparse._ArgumentGroup") -> None:
    columns = f"one till a line; columns: {', '.join(COLUMNS)}, and those of till-relay enroll"
    group.add_argument("--csv", type=Path, metavar="FILE", help=columns)
    out = "gets a folder for each till, to be copied to its card"
    group.add_argument("--out", type=Path, metavar="FOLDER", help=out)


def _add_every_card(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--deb", type=Path, required=True, metavar="FILE", help="the till's package")
    archive = "made by make apt-repository: with it the till takes updates by itself"
    group.add_argument("--archive", type=Path, metavar="FILE", help=archive)
    release = "of Raspberry Pi OS; default: recognised on a fresh card"
    group.add_argument("--release", type=_release, metavar="{bookworm,trixie}", help=release)
    group.add_argument("--user", default="till", metavar="NAME", help="who logs in by SSH; default: %(default)s")
    token = "holds the access token, for a bundle without one"
    group.add_argument("--token-file", metavar="FILE", help=token)
    group.add_argument("--ssh-key", metavar="FILE", help="the public key that may log in; no password ever may")
    group.add_argument("--wifi-ssid", metavar="NAME", help="default: none, the till is on a cable")
    group.add_argument("--wifi-password-file", type=Path, metavar="FILE", help="the Wi-Fi's password, on one line")
    group.add_argument("--wifi-country", metavar="XX", help="where the radio is, like AR, BR, UY, ES")
    group.add_argument("--again", action="store_true", help="overwrite what was prepared before")


def _release(text: str) -> Release:
    try:
        return Release(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no release; choose {' or '.join(Release)}") from None


def _complain(text: str, code: int = FAILED) -> int:
    print("\n".join(f"till-provision: {line}" for line in text.splitlines()), file=sys.stderr)
    return code


# --- one card --------------------------------------------------------------------------------------------------------


def _one(options: argparse.Namespace) -> int:
    found = card.recognise(options.boot, options.release)
    if found.used and not options.again:
        raise BadValueError(f"{options.boot}: {found.used}; --again overwrites it")
    packages, request = _common(options)
    made = make_plan(request, packages)
    _write(options.boot, card.files(made, found.release, found.command_line), made, found.release)
    print("Eject the card as your system wants it, put it into the Pi, and plug the Pi in.")
    return DONE


def _common(options: argparse.Namespace) -> tuple[tuple[Package, ...], Request]:
    """The packages, and what the command line gives for every till."""
    texts = {name: getattr(options, name, None) for name in COLUMNS}
    places = {name: f"--{name.replace('_', '-')}" for name in COLUMNS}
    places["wifi_password"] += "-file"
    if options.wifi_password_file:
        texts["wifi_password"] = plan.load_password(options.wifi_password_file)
    packages = [plan.load_package(options.deb)]
    if options.archive:
        packages.append(plan.load_package(options.archive, "till-edge-archive", "make apt-repository"))
    return tuple(packages), Request({name: str(text) for name, text in texts.items() if text}, places)


def _write(folder: Path, contents: Mapping[str, bytes], made: Plan, release: Release) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    card.write(folder, contents)
    network = f"Wi-Fi {made.wifi.ssid}" if made.wifi else "Ethernet"
    print(f"{folder}: till {made.till}, host {made.hostname}, user {made.user}, {network}, {release}")
    for name, content in contents.items():
        print(f"  {name:45} {len(content):>9,} bytes")


# --- many cards ------------------------------------------------------------------------------------------------------


def _many(options: argparse.Namespace) -> int:
    release, line = _image(options)
    plans = _plans(options)
    for made in plans:
        _write(options.out / made.hostname, card.files(made, release, line), made, release)
    print(f"{len(plans)} folders. Copy the contents of each to the partition bootfs of its own freshly flashed card.")
    return DONE


def _image(options: argparse.Namespace) -> tuple[Release, str | None]:
    """What all the cards are flashed with: the release, and its kernel's command line where that changes."""
    if options.boot:
        found = card.recognise(options.boot, options.release)
        return found.release, found.command_line
    if options.release is Release.TRIXIE:
        return Release.TRIXIE, None
    raise BadValueError(
        "add --boot, the partition bootfs of one of the freshly flashed cards: all get its command line; for Trixie"
        " --release trixie will do"
    )


def _plans(options: argparse.Namespace) -> list[Plan]:
    """A plan for each line of the table. Raises `PlanError` with the mistakes of all lines."""
    packages, common = _common(options)
    faults: list[str] = []
    plans: dict[int, Plan] = {}
    for row in table.load(options.csv, ("bundle", "till")):
        faults += [f"{options.csv}:{row.line}: {fault}" for fault in row.faults]
        try:
            plans[row.line] = make_plan(_request(common, row, options.csv), packages)
        except PlanError as error:
            # A mistake on the command line is one in each line, and is reported once.
            faults += [fault for fault in error.faults if fault not in faults]
    faults += _twins(options.csv, plans) + ([] if options.again else _existing(options, plans))
    if faults:
        raise PlanError(faults)
    return list(plans.values())


def _request(common: Request, row: table.Row, path: Path) -> Request:
    """A cell outranks the command line."""
    cells = {name: text for name, text in {**row.cells, "bundle": row.bundle}.items() if text and name in COLUMNS}
    cells |= {name: str(path.parent / cells[name]) for name in PATH_COLUMNS if name in cells}
    inherited = {name: place for name, place in common.places.items() if name in common.texts and name not in cells}
    here = {name: f"{path}:{row.line}: {name}" for name in COLUMNS}
    return Request({**common.texts, **cells}, {**here, **inherited})


def _twins(path: Path, plans: Mapping[int, Plan]) -> list[str]:
    """Two machines with one name evict each other; two tills with one point of sale print the same sales."""
    seen: dict[tuple[str, str], int] = {}
    faults = []
    for line, made in plans.items():
        till, point_of_sale = f"the till {made.till}", f"the point of sale {made.point_of_sale}"
        for column, value in (("hostname", made.hostname), ("bundle", till), ("bundle", point_of_sale)):
            first = seen.setdefault((column, value), line)
            if first != line:
                faults.append(f"{path}:{line}: {column}: {value} is in line {first} already; each card has its own")
    return faults


def _existing(options: argparse.Namespace, plans: Mapping[int, Plan]) -> list[str]:
    folders = {line: options.out / made.hostname for line, made in plans.items()}
    return [
        f"{options.csv}:{line}: hostname: {folder} exists already; --again overwrites it"
        for line, folder in folders.items()
        if folder.exists()
    ]
