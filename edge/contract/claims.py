"""The contract of claiming, between a till without a bundle and the relay. Pure; standard library only.

    PUT    /claims/{public key in hexadecimal}    a claim, which may be repeated
    GET    /claims/{public key in hexadecimal}    204: nothing yet; 200: the sealed bundle; 404: unknown, claim (again)
    DELETE /claims/{public key in hexadecimal}    the till has its bundle

The key is in no answer and on no slip: only the till and the relay's owner know an address.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.contract.mqtt import VERSION, BadMessageError, decode, encode

CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no two characters are confused when they are read aloud."""
CODE_LENGTH = 10
"""Characters, 50 bits. To find another key with the same code costs 2^50 times the scrypt below."""
SCRYPT_PARAMETERS = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}
"""32 MiB: some tenths of a second on a Pi Zero 2 W, once at its start."""
MAX_SEALED_BYTES = 64 * 1024
"""Bytes. A bundle has about two thousand, and twice as many with certificates."""

PUBLIC_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
SERIAL = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
RELEASE = re.compile(r"[A-Za-z0-9_.+-]{1,32}", re.ASCII)
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
TYPED_AS = str.maketrans("OIL", "011", "-–— ")
"""What people type instead of a character of the code, and between its characters."""


@dataclass(frozen=True)
class Claim:
    """What a till claims to be. The relay stores it; `till-relay enroll` checks with `code_of` that it fits the key."""

    code: str
    serial: str
    release: str


def code_of(public_key: bytes, serial: str) -> str:
    """Return the code of the till that has this key (X25519, 32 bytes) and this serial."""
    digest = hashlib.scrypt(public_key, salt=b"till-edge claim 1 " + serial.encode(), dklen=8, **SCRYPT_PARAMETERS)
    bits = int.from_bytes(digest) >> 64 - 5 * CODE_LENGTH
    return "".join(CODE_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(CODE_LENGTH)))


def parse_code(text: str) -> str:
    """Read a code as people type it: small letters, O for 0, I or L for 1, dashes and spaces anywhere or nowhere.

    Raises `BadMessageError`.
    """
    code = text.upper().translate(TYPED_AS)
    wrong = sorted(set(code) - set(CODE_ALPHABET))
    if wrong:
        raise BadMessageError(f"{text!r} is no code: no code contains {wrong[0]!r}; one looks like K7QMX-4TZ9C")
    if len(code) != CODE_LENGTH:
        raise BadMessageError(f"{text!r} is no code: it has {len(code)} letters and digits, and a code {CODE_LENGTH}")
    return code


def shown(code: str) -> str:
    """Return a code as it is printed: K7QMX-4TZ9C."""
    return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"


def encode_claim(claim: Claim) -> bytes:
    """Encode a claim, as the till sends it."""
    return encode({"v": VERSION, "code": claim.code, "serial": claim.serial, "release": claim.release})


def decode_claim(payload: bytes) -> Claim:
    """Decode a claim, which anybody may have written. Raises `BadMessageError`."""
    message = decode(payload)
    fields = {name: message.get(name) for name in ("code", "serial", "release")}
    forms = {"code": re.compile(f"[{CODE_ALPHABET}]{{{CODE_LENGTH}}}"), "serial": SERIAL, "release": RELEASE}
    for name, value in fields.items():
        if not isinstance(value, str) or not forms[name].fullmatch(value):
            raise BadMessageError(f"{name} is not what a till writes there")
    return Claim(**fields)  # type: ignore[arg-type]  # they are strings: each has matched its form


def encode_bundle(code: str, files: Mapping[str, str]) -> bytes:
    """Encode a bundle before it is sealed. Only the till with this code accepts it."""
    return encode({"v": VERSION, "code": code, "files": dict(files)})


def decode_bundle(payload: bytes, code: str) -> dict[str, bytes]:
    """Decode a bundle that was unsealed: its files, by name. Raises `BadMessageError`."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        raise BadMessageError("the bundle is not JSON") from None
    if not isinstance(message, dict) or message.get("v") != VERSION or not isinstance(message.get("files"), dict):
        raise BadMessageError(f"the bundle is of another form; this till reads version {VERSION}")
    if message.get("code") != code:
        raise BadMessageError("the bundle is for another code")
    return dict(_file(name, text) for name, text in message["files"].items())


def _file(name: str, text: object) -> tuple[str, bytes]:
    try:
        if FILE_NAME.fullmatch(name) and isinstance(text, str):
            return name, text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        pass
    raise BadMessageError(f"the bundle has a file that can't be one: {name[:40]!r}")
