"""The plan of one till's card: what an installer asked for, checked. Nothing is written yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from edge.config.reader import BadValueError
from edge.config.schema import Config, ConfigError
from edge.install.adopt.boot_partition import without_notes
from edge.install.adopt.bundle import TOKEN, bundle_in, load_bundle
from provision import values
from provision.values import Wifi

T = TypeVar("T")

PACKAGE_MAGIC = b"!<arch>\ndebian-binary"


class Release(StrEnum):
    """The release of Raspberry Pi OS on the card."""

    BOOKWORM = "bookworm"
    TRIXIE = "trixie"


class PlanError(Exception):
    """A request, or a table of them, has mistakes: all of them, one line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Package:
    """A Debian package: the till's, or the one that lets it take updates."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """All that goes onto one card. `make_plan` makes it when everything fits, and `card.files` turns it into files."""

    till: str
    point_of_sale: str
    """As the account has it."""
    hostname: str
    user: str
    ssh_keys: tuple[str, ...]
    timezone: str
    bundle: Mapping[str, bytes] = field(repr=False)
    packages: tuple[Package, ...] = field(repr=False)
    wifi: Wifi | None = field(default=None, repr=False)
    """None: Ethernet."""


@dataclass(frozen=True)
class Request:
    """What an installer typed for one till, made of the command line and a line of the table."""

    texts: Mapping[str, str] = field(repr=False)
    """By the names of the table's columns."""
    places: Mapping[str, str]
    """Where each of them stands: an option, or a line and a column. Mistakes are reported there."""

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


def make_plan(request: Request, packages: tuple[Package, ...]) -> Plan:
    """Check a request and load its bundle. Raises `PlanError` with all its mistakes."""
    checked = _Checker(request)
    token = checked.read("token_file", lambda text: _content(Path(text)) if text else b"")
    bundle = checked.read("bundle", lambda text: _load(Path(text), token or b""))
    till, account = (bundle[1].till, bundle[1].mercadopago) if bundle else (None, None)
    hostname = checked.read("hostname", lambda text: values.hostname(text or (till.id if till else "unknown")))
    user = checked.read("user", values.user)
    keys = checked.read("ssh_key", _load_keys)
    wifi = _wifi(checked, request)
    if checked.faults or not (bundle and till and account and hostname and user and keys):
        raise PlanError(checked.faults)
    point_of_sale = f"{account.external_pos_id} of account {account.user_id}"
    return Plan(till.id, point_of_sale, hostname, user, keys, till.timezone.key, bundle[0], packages, wifi)


class _Checker:
    """Parses a request text by text, and collects the mistakes."""

    def __init__(self, request: Request) -> None:
        self.faults: list[str] = []
        self._request = request

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        text, place = self._request.text(name), self._request.places[name]
        try:
            return parse(text)
        except BadValueError as error:
            self.faults.append(f"{place}: {error}")
        except ConfigError as error:
            self.faults += [f"{place}: {text}/{fault}" for fault in error.faults]
        return None


def load_package(path: Path, name: str = "till-edge", made_by: str = "make deb") -> Package:
    """The package of this name in a file. Raises `BadValueError`."""
    content = _content(path, f"{made_by} makes it")
    if not content.startswith(PACKAGE_MAGIC) or not path.name.startswith(f"{name}_") or path.suffix != ".deb":
        raise BadValueError(f"{path} is not the package {name}; {made_by} makes it, as {name}_VERSION_all.deb")
    return Package(path.name, content)


def load_password(path: Path) -> str:
    """The Wi-Fi's password, alone in a file. Raises `BadValueError`."""
    lines = _content(path).decode("utf-8-sig", "replace").splitlines()
    if len(lines) != 1:
        raise BadValueError(f"{path} must hold the password on one line and nothing else")
    return lines[0]


def _load(folder: Path, token: bytes) -> tuple[dict[str, bytes], Config]:
    if not folder.is_dir():
        raise BadValueError(f"there is no folder {folder}; till-relay enroll makes one for each till")
    given = {TOKEN: token} if token else {}
    files = {**given, **without_notes(bundle_in(folder))}
    with TemporaryDirectory() as scratch:
        return files, load_bundle(files, Path(scratch, "bundle"))


def _load_keys(path: str) -> tuple[str, ...]:
    if not path:
        raise BadValueError("is missing; nobody could log in. Give the file of your public key: ~/.ssh/id_ed25519.pub")
    content = _content(Path(path), "ssh-keygen -t ed25519 makes a key")
    try:
        return values.ssh_keys(content)
    except BadValueError as error:
        raise BadValueError(f"{path} {error}") from None


def _wifi(checked: _Checker, request: Request) -> Wifi | None:
    names = ("wifi_ssid", "wifi_password", "wifi_country")
    given = [name for name in names if request.text(name)]
    missing = [request.places[name] for name in names if name not in given]
    if given and missing:
        needs = f"a Wi-Fi needs a name, a password and a country; give {' and '.join(missing)}"
        checked.faults.append(f"{request.places[given[0]]}: {needs}")
    if missing:
        return None
    ssid = checked.read("wifi_ssid", values.ssid)
    password = checked.read("wifi_password", values.wifi_password)
    country = checked.read("wifi_country", values.country)
    return values.wifi(ssid, password, country) if ssid and password and country else None


def _content(path: Path, advice: str = "") -> bytes:
    """A file's bytes. Raises `BadValueError`, with the advice if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadValueError(f"{path}: there is no such file{'; ' * bool(advice)}{advice}") from None
    except OSError as error:
        raise BadValueError(f"{path} can't be read: {error.strerror}") from None
