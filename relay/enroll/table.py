"""`till-relay enroll --csv`: a table of tills is enrolled in one go. All its mistakes are reported at once, each with
its line and column, and nothing is written while there is one.

Running it again is safe: a till that is enrolled keeps its credentials, a bundle that was cut off is completed.
"""

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.config import schema
from edge.config.table import TILL_COLUMNS, Row, load
from edge.config.yaml_nodes import ConfigError
from edge.machine.files import write_whole
from relay.config import Config, Tills
from relay.enroll.brokers import Accounts
from relay.enroll.bundle import (
    CONFIGURATION,
    FILL_IN_LINES,
    PASSWORD,
    TOKEN,
    EnrollError,
    Wanted,
    make_bundle,
    write_bundle,
)
from relay.enroll.values import READERS

COLUMN_OF_KEY = {
    "till.id": "till",
    "mercadopago.external_store_id": "store",
    "mercadopago.external_pos_id": "pos",
    "access_token": "token_file",
}
"""The columns that aren't called like their key in the till's configuration."""
STAND_IN_TOKEN = "APP_USR-0"
"""A bundle may get its token later, on the laptop; the configuration is tried with this one."""


@dataclass(frozen=True)
class Entry:
    """One till of the table, checked. `entries` makes it; `keep` says what of it is there already."""

    line: int
    wanted: Wanted
    folder: Path
    bundle: Mapping[str, str] = field(repr=False)
    enrolled: bool = False
    """It has its credentials and its bundle has its password: both stay."""

    @property
    def differs(self) -> bool:
        """Whether its bundle says something else than the table."""
        path = self.folder / CONFIGURATION
        return path.exists() and path.read_text(encoding="utf-8") != self.bundle[CONFIGURATION]

    def write(self) -> None:
        """Write what its folder lacks; if the till isn't enrolled, all of it. Raises `EnrollError`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = {name: text for name, text in self.bundle.items() if not (self.folder / name).exists()}
        write_bundle(missing if self.enrolled else self.bundle, self.folder)


def entries(config: Config, tills: Tills, options: argparse.Namespace, accounts: Accounts) -> list[Entry]:
    """Read and check the whole table. Raises `ConfigError` with all its mistakes, in the order of the lines."""
    found: list[Entry] = []
    faults: list[tuple[int, str]] = []
    for row in load(options.csv, ("till",)):
        entry, wrong = _entry(config, tills, options, row)
        wrong += list(_in_the_way(entry, accounts, options.again)) if entry else []
        faults += [(row.line, fault) for fault in wrong]
        if entry:
            is_kept = entry.wanted.till in accounts and not options.again
            found.append(Entry(entry.line, entry.wanted, entry.folder, entry.bundle, is_kept))
    faults += _twins(found)
    if faults:
        faults.sort(key=lambda each: each[0])
        raise ConfigError([f"{options.csv}:{line}: {fault}" for line, fault in faults])
    return found


def _entry(config: Config, tills: Tills, options: argparse.Namespace, row: Row) -> tuple[Entry | None, list[str]]:
    """Read one line. With mistakes in single values there is no entry, and what they make together isn't tried."""
    values, faults = _values(options, row)
    wanted = Wanted.of({"timezone": config.fleet and config.fleet.timezone.key, **values}) if "till" in values else None
    if wanted and not faults:
        faults += [f"{name}: is missing: {FILL_IN_LINES[name].partition(': ')[2]}" for name in wanted.unknown]
    if faults or wanted is None:
        return None, faults
    try:
        bundle = make_bundle(config, tills, wanted)
    except EnrollError as error:
        if error.code != 1:
            raise
        return None, [f"token_file: {error}"]
    faults += _refused_by_the_till(bundle)
    return Entry(row.line, wanted, options.csv.parent / row.bundle, bundle), faults


def _values(options: argparse.Namespace, row: Row) -> tuple[dict[str, object], list[str]]:
    """A cell outranks the command line, whose values are read already."""
    values = {name: value for name in READERS if (value := getattr(options, name, None)) is not None}
    faults = list(row.faults)
    if not row.cells.get("till") and not faults:
        faults.append("till: is empty; give each till an id, as in CAJA01")
    for name in (*TILL_COLUMNS, "token_file"):
        if text := row.cells.get(name):
            try:
                values[name] = READERS[name](text)
            except argparse.ArgumentTypeError as error:
                faults.append(f"{name}: {error}")
    if row.cells.get("token_file"):
        values["token_file"] = options.csv.parent / str(values["token_file"])
    return values, faults


def _refused_by_the_till(bundle: Mapping[str, str]) -> list[str]:
    """Load a configuration as the till will, and return its faults, by column."""
    with TemporaryDirectory() as scratch:
        for name, text in {TOKEN: STAND_IN_TOKEN, **bundle}.items():
            write_whole(Path(scratch, name), text.encode(), 0o600, forced=False)
        try:
            schema.load(Path(scratch, CONFIGURATION), {})
        except ConfigError as error:
            return [_by_column(fault) for fault in error.faults]
    return []


def _by_column(fault: str) -> str:
    match = re.fullmatch(r".*?:\d+: ([a-z_.]+)(?:\[\d+\])?: (.*)", fault)
    if match is None:
        return fault
    section, _, key = match[1].partition(".")
    return f"{COLUMN_OF_KEY.get(match[1], 'printer' if section == 'printer' else key)}: {match[2]}"


def _in_the_way(entry: Entry, accounts: Accounts, again: bool) -> Iterator[str]:
    till, folder = entry.wanted.till, entry.folder
    has_password = (folder / PASSWORD).is_file()
    if accounts.is_reserved(till):
        yield f"till: {till} is a user with other rights; give the till another id"
    elif till in accounts and not has_password and not again:
        yield (
            f"till: {till} is enrolled already, and {folder} has no bundle of it; copy its folder to there, or end its"
            f" credentials with till-relay revoke {till}; --again would make new ones for all tills of the table"
        )
    elif folder.exists() and not folder.is_dir():
        yield f"bundle: {folder} is a file; name another folder"
    elif folder.is_dir() and not has_password and any(path.name != TOKEN for path in folder.iterdir()):
        yield f"bundle: the folder {folder} isn't empty; name another one"


def _twins(found: list[Entry]) -> Iterator[tuple[int, str]]:
    """Two tills with one id evict each other; two with one point of sale print the same sales."""
    seen: dict[tuple[str, str], int] = {}
    for entry in found:
        wanted = entry.wanted
        where = f"the point of sale {wanted.pos} of account {wanted.user_id}"
        for column, value in (("till", wanted.till), ("pos", where), ("bundle", str(entry.folder))):
            first = seen.setdefault((column, value), entry.line)
            if first != entry.line and (column != "bundle" or seen["till", wanted.till] == entry.line):
                yield entry.line, f"{column}: {value} is in line {first} already; each till has its own"


def report(path: Path, found: list[Entry]) -> str:
    """What was done, for a person."""
    fresh = [entry for entry in found if not entry.enrolled]
    kept = len(found) - len(fresh)
    lines = [f"{path}: {len(found)} tills; {len(fresh)} enrolled now, {kept} were enrolled and keep their credentials."]
    lines += [f"The bundles, secrets included, are beside the table: {path.parent.absolute()}/"]
    if without := [entry for entry in found if TOKEN not in entry.bundle and not (entry.folder / TOKEN).exists()]:
        lines += [f"{len(without)} bundles have no access token: give till-provision --token-file"]
    lines += [
        f"{path}:{entry.line}: {entry.folder / CONFIGURATION} says something else than the table, and stays as it is;"
        " remove the file and repeat the command, and it is written anew, with the same credentials"
        for entry in found
        if entry.enrolled and entry.differs
    ]
    return "\n".join(lines)
