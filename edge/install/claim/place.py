"""Where a till claims: the address of the relay on its card.

Behind a # the address may name the key of whoever signs bundles: `https://relay.example.net#5f1c…`.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.config.values import is_loopback
from edge.config.yaml_nodes import ConfigError
from edge.contract.claims import HEX_KEY


@dataclass(frozen=True)
class Place:
    """Where a till claims. Written on the card by an installer, and read by the claimant."""

    url: str
    signer: str
    """The key whose bundles alone are taken, in hexadecimal; "": whoever knows the code is trusted."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


def relay_url_files(home: Path) -> tuple[Path, ...]:
    """Where the address of the relay may be written; the first that exists counts. Only root can write there."""
    return home / "relay_url", Path("/boot/firmware/till-edge/relay_url")


def parse_place(text: str, where: str) -> Place:
    """Parse an address as a card has it, skipping lines that begin with #. Raises `ConfigError`."""
    lines = [line.strip() for line in text.splitlines()]
    line = next((line for line in lines if line and not line.startswith("#")), "")
    url, _, signer = line.partition("#")
    no_address = ConfigError([f"{where}: {line!r} is no address of a relay; write one like https://relay.example.net"])
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise no_address from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or port == 0:
        raise no_address
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError([f"{where}: {line!r}: claims are sent over https only; write https://"])
    if signer and not HEX_KEY.fullmatch(signer):
        raise ConfigError([f"{where}: the signer behind # is no key; copy the line of `till-relay claims --card`"])
    return Place(url.rstrip("/"), signer)


def place_on_card(files: tuple[Path, ...]) -> Place:
    """The address in the first of these files that exists. Raises `ConfigError`."""
    for path in files:
        try:
            return parse_place(path.read_text(encoding="utf-8-sig"), str(path))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: can't be read: {error}"]) from None
    raise ConfigError([f"{files[0]}: does not exist; write the address of the relay into it, or give it with --relay"])
