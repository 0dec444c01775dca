"""The contract of claiming, between a till without a bundle and the relay. Pure; standard library only.

    PUT    /claims/{public key in hexadecimal}    a claim; again and again is fine
    GET    /claims/{public key in hexadecimal}    204: nothing yet; 200: the sealed bundle; 404: unknown, claim (again)
    DELETE /claims/{public key in hexadecimal}    the till has its bundle

The key is in no answer and on no paper: who knows an address is the till itself, or keeps the relay.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.contract.mqtt import VERSION, BadMessage, decode, encode

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing that is taken for something else when it is read aloud."""
CODE_LETTERS = 10
"""50 bits. Another key with the same code costs 2^50 times the stretching below."""
STRETCH = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}
"""scrypt with 32 MiB: some tenths of a second on a Pi Zero 2 W, once at its start."""
LARGEST_SEALED = 64 * 1024
"""Bytes. A bundle has about two thousand, and as many more with certificates."""

PUBLIC_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
SERIAL = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
RELEASE = re.compile(r"[A-Za-z0-9_.+-]{1,32}", re.ASCII)
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
MEANT = str.maketrans("OIL", "011", "-–— ")
"""What people write for what they see, and what they put between."""


@dataclass(frozen=True)
class Claim:
    """What a till says of itself. Nobody has to believe it: `code_of` tells whether code, key and serial belong."""

    code: str
    serial: str
    release: str


def code_of(public_key: bytes, serial: str) -> str:
    """The code of the till that has this key (X25519, 32 bytes) and this serial."""
    digest = hashlib.scrypt(public_key, salt=b"till-edge claim 1 " + serial.encode(), dklen=8, **STRETCH)
    bits = int.from_bytes(digest) >> 64 - 5 * CODE_LETTERS
    return "".join(LETTERS[bits >> 5 * place & 31] for place in reversed(range(CODE_LETTERS)))


def read_code(text: str) -> str:
    """Read a code as a person typed it: small letters, O for 0, I or L for 1, dash and spaces anywhere or nowhere.

    Raises `BadMessage`.
    """
    code = text.upper().translate(MEANT)
    wrong = sorted(set(code) - set(LETTERS))
    if wrong:
        raise BadMessage(f"{text!r} is no code: none has {wrong[0]!r} in it; it looks like K7QMX-4TZ9C")
    if len(code) != CODE_LETTERS:
        raise BadMessage(f"{text!r} is no code: it has {len(code)} letters and digits, and a code {CODE_LETTERS}")
    return code


def shown(code: str) -> str:
    """A code as people see it: K7QMX-4TZ9C."""
    return f"{code[: CODE_LETTERS // 2]}-{code[CODE_LETTERS // 2 :]}"


def encode_claim(claim: Claim) -> bytes:
    """Write a claim as the till puts it."""
    return encode({"v": VERSION, "code": claim.code, "serial": claim.serial, "release": claim.release})


def decode_claim(payload: bytes) -> Claim:
    """Read a claim, whoever wrote it. Raises `BadMessage`."""
    message = decode(payload)
    fields = {name: message.get(name) for name in ("code", "serial", "release")}
    forms = {"code": re.compile(f"[{LETTERS}]{{{CODE_LETTERS}}}"), "serial": SERIAL, "release": RELEASE}
    for name, value in fields.items():
        if not isinstance(value, str) or not forms[name].fullmatch(value):
            raise BadMessage(f"{name} is not what a till writes there")
    return Claim(**fields)  # type: ignore[arg-type]  # they are strings: each has matched


def encode_bundle(code: str, files: Mapping[str, str]) -> bytes:
    """Write a bundle as it is sealed. The code in it says for whom: another till refuses it."""
    return encode({"v": VERSION, "code": code, "files": dict(files)})


def decode_bundle(payload: bytes, code: str) -> dict[str, bytes]:
    """Read the files of a bundle that was opened, by name. Raises `BadMessage`."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        raise BadMessage("the bundle is not JSON") from None
    if not isinstance(message, dict) or message.get("v") != VERSION or not isinstance(message.get("files"), dict):
        raise BadMessage(f"the bundle is of another form; this till reads version {VERSION}")
    if message.get("code") != code:
        raise BadMessage("the bundle is for another code")
    return dict(_file(name, text) for name, text in message["files"].items())


def _file(name: str, text: object) -> tuple[str, bytes]:
    try:
        if FILE_NAME.fullmatch(name) and isinstance(text, str):
            return name, text.encode()
    except UnicodeEncodeError:  # half a surrogate
        pass
    raise BadMessage(f"the bundle has a file that can't be one: {name[:40]!r}")
