"""The values that an installer types, checked before anything is written.

Each function returns the value, or raises `BadValueError` with what to write instead.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from babel import Locale

from edge.config.reader import BadValueError

HOSTNAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
USER = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
SYSTEM_USERS = frozenset(
    ("root", "daemon", "bin", "sys", "adm", "mail", "nobody", "sshd", "www-data", "till-edge", "gpio", "lp", "sudo")
)
KEY_TYPES = re.compile(r"ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com")
PSK = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
PASSPHRASE = re.compile(r"[\x20-\x7e]{8,63}", re.ASCII)


@dataclass(frozen=True)
class Wifi:
    """A network. Its password is never on a card, only the key that WPA2 derives from it."""

    ssid: str
    psk: str
    country: str


def hostname(text: str) -> str:
    """The machine's name in its network."""
    if HOSTNAME.fullmatch(text.lower()):
        return text.lower()
    better = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63] or "caja01"
    raise BadValueError(f"{text!r} is no hostname: at most 63 of a-z 0-9 -, and no _; write {better}")


def user(text: str) -> str:
    """The user who may log in by SSH."""
    if not USER.fullmatch(text):
        raise BadValueError(f"{text!r} is no user: at most 32 of a-z 0-9 -, a letter first")
    if text in SYSTEM_USERS:
        raise BadValueError(f"{text!r} is a user of the system; choose another name")
    return text


def ssid(text: str) -> str:
    """The name of a Wi-Fi."""
    well_named = text and len(text.encode()) <= 32 and text.isprintable() and text == text.strip()
    if not well_named or re.search(r"[;\\]", text):
        raise BadValueError(f"{text!r} is no name of a Wi-Fi that can be written: at most 32 letters, without ; and \\")
    return text


def wifi_password(text: str) -> str:
    """A password, or the key derived from it. Neither is ever shown."""
    if not text.isascii():
        raise BadValueError(
            "the Wi-Fi's password must be of plain ASCII, and has a letter with an accent or another sign that isn't;"
            " give the Wi-Fi another password, at the router"
        )
    if not PSK.fullmatch(text) and not PASSPHRASE.fullmatch(text):
        raise BadValueError(f"the Wi-Fi's password has {len(text)} letters; it must have 8 to 63, of plain ASCII")
    return text


def country(text: str) -> str:
    """Where a radio stands: a country of ISO 3166, for its frequencies."""
    if text not in Locale("en").territories or not re.fullmatch("[A-Z]{2}", text):
        raise BadValueError(f"{text!r} is no country: two capital letters, as in AR, BR, UY, ES")
    return text


def wifi(ssid: str, password: str, country: str) -> Wifi:
    """The network of a checked name, password and country."""
    return Wifi(ssid, password.lower() if PSK.fullmatch(password) else _derived(password, ssid), country)


def _derived(password: str, ssid: str) -> str:
    """As WPA2 does it: PBKDF2 with the name as salt (IEEE 802.11i, H.4)."""
    return hashlib.pbkdf2_hmac("sha1", password.encode(), ssid.encode(), 4096, 32).hex()


def ssh_keys(content: bytes) -> tuple[str, ...]:
    """The keys in a file of public keys, as OpenSSH writes it."""
    if b"PRIVATE KEY" in content or b"PuTTY-User-Key-File" in content:
        raise BadValueError("holds a private key, which must never leave your laptop; give the file that ends in .pub")
    if b"BEGIN SSH2 PUBLIC KEY" in content:
        raise BadValueError("is in PuTTY's format; ssh-keygen -i -f FILE converts it")
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise BadValueError("is empty; give a file that ends in .pub, as ssh-keygen -t ed25519 makes it")
    for key in keys:
        if not _is_key(key):
            raise BadValueError(f"has a line that is no public key ({key[:20]!r}…); give a file that ends in .pub")
    return keys


def _is_key(line: str) -> bool:
    kind, _, rest = line.partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except (binascii.Error, ValueError):
        return False
    # The key itself repeats its kind.
    named = len(kind).to_bytes(4, "big") + kind.encode()
    return bool(KEY_TYPES.fullmatch(kind)) and blob.startswith(named) and len(blob) > len(named) and line.isprintable()
