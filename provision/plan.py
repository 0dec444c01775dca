"""One till's card: what an installer asked for, checked, and nothing written yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from edge.config.reader import BadValueError
from edge.config.schema import Config, ConfigError
from edge.install.adopt.boot_partition import without_notes
from edge.install.adopt.bundle import bundle_in, load_bundle
from provision import values
from provision.values import Wifi

T = TypeVar("T")

PACKAGE = b"!<arch>\ndebian-binary"


class Release(StrEnum):
    """What Raspberry Pi OS is on the card."""

    BOOKWORM = "bookworm"
    TRIXIE = "trixie"


class Faults(Exception):
    """All that is wrong, one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class Package:
    """The till's Debian package."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """All that goes onto one card. Without Wi-Fi it is Ethernet."""

    till: str
    point_of_sale: str
    """As the account has it."""
    hostname: str
    user: str
    ssh_keys: tuple[str, ...]
    timezone: str
    bundle: Mapping[str, bytes] = field(repr=False)
    package: Package = field(repr=False)
    wifi: Wifi | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Wish:
    """One till in an installer's words: texts by the names of a table's columns, and where each stands."""

    texts: Mapping[str, str] = field(repr=False)
    places: Mapping[str, str]

    def of(self, name: str) -> str:
        return self.texts.get(name, "")


def planned(wish: Wish, package: Package) -> Plan:
    """Check a wish. Raises `Faults`."""
    told = _Told(wish)
    bundle = told.tried("bundle", lambda text: _bundle(Path(text)))
    till, account = (bundle[1].till, bundle[1].mercadopago) if bundle else (None, None)
    hostname = told.tried("hostname", lambda text: values.hostname(text or (till.id if till else "unknown")))
    user = told.tried("user", values.user)
    keys = told.tried("ssh_key", _keys)
    wifi = _wifi(told, wish)
    if told.faults or not (bundle and till and account and hostname and user and keys):
        raise Faults(told.faults)
    point_of_sale = f"{account.external_pos_id} of account {account.user_id}"
    return Plan(till.id, point_of_sale, hostname, user, keys, till.timezone.key, bundle[0], package, wifi)


class _Told:
    """Reads a wish, and goes on when something is wrong."""

    def __init__(self, wish: Wish) -> None:
        self.faults: list[str] = []
        self._wish = wish

    def tried(self, name: str, read: Callable[[str], T]) -> T | None:
        text, place = self._wish.of(name), self._wish.places[name]
        try:
            return read(text)
        except BadValueError as error:
            self.faults.append(f"{place}: {error}")
        except ConfigError as error:
            self.faults += [f"{place}: {text}/{fault}" for fault in error.faults]
        return None


def package(path: Path) -> Package:
    """Read the till's package. Raises `BadValueError`."""
    content = _content(path)
    if not content.startswith(PACKAGE) or not path.name.startswith("till-edge_") or path.suffix != ".deb":
        raise BadValueError(f"{path} is not the till's package; make deb makes it, as till-edge_VERSION_all.deb")
    return Package(path.name, content)


def password(path: Path) -> str:
    """Read a Wi-Fi's password, which is a line of its own. Raises `BadValueError`."""
    lines = _content(path).decode("utf-8-sig", "replace").splitlines()
    if len(lines) != 1:
        raise BadValueError(f"{path} must hold the password on one line, and nothing else")
    return lines[0]


def _bundle(folder: Path) -> tuple[dict[str, bytes], Config]:
    if not folder.is_dir():
        raise BadValueError(f"there is no folder {folder}; till-relay enroll makes one for each till")
    files = without_notes(bundle_in(folder))
    with TemporaryDirectory() as scratch:
        return files, load_bundle(files, Path(scratch, "bundle"))


def _keys(path: str) -> tuple[str, ...]:
    if not path:
        raise BadValueError(
            "is missing; nobody could come in. Give the file of your public key, like ~/.ssh/id_ed25519.pub"
        )
    content = _content(Path(path))
    try:
        return values.ssh_keys(content)
    except BadValueError as error:
        raise BadValueError(f"{path} {error}") from None


def _wifi(told: _Told, wish: Wish) -> Wifi | None:
    names = ("wifi_ssid", "wifi_password", "wifi_country")
    given = [name for name in names if wish.of(name)]
    missing = [wish.places[name] for name in names if name not in given]
    if given and missing:
        needs = f"a Wi-Fi needs a name, a password and a country; give {' and '.join(missing)}"
        told.faults.append(f"{wish.places[given[0]]}: {needs}")
    if missing:
        return None
    ssid = told.tried("wifi_ssid", values.ssid)
    password = told.tried("wifi_password", values.wifi_password)
    country = told.tried("wifi_country", values.country)
    return values.wifi(ssid, password, country) if ssid and password and country else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadValueError(f"{path} can't be read: {error.strerror}") from None
