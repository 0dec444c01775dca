"""The contract of claiming, between a till without a bundle and the relay. Pure; standard library only.

    PUT    /claims/{share}    a claim, which may be repeated
    GET    /claims/{share}    204: nothing yet; 200: the sealed bundle; 404: unknown, claim (again)
    DELETE /claims/{share}    the till has its bundle, or needs none under this share any more

Till and desk run SPAKE2 over the secret half of the code; a share opens one bundle: docs/decisions.md, *Claims*.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from edge.contract.mqtt import BadMessageError, decode, encode

CLAIM_VERSION = 2
"""In 1 the code was a hash of the till's key, for which a table could be made in advance."""
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no two characters are confused when they are read aloud."""
NAMEPLATE_LENGTH, SECRET_LENGTH = 4, 5
"""Characters. The nameplate finds the claim and is sent; the secret, 25 bits, leaves the till on paper only."""
CODE_LENGTH = NAMEPLATE_LENGTH + SECRET_LENGTH + 1
"""With a check character at its end, which tells a wrong character from a wrong code before anything is sent."""
MAX_SEALED_BYTES = 64 * 1024
"""A bundle has about two thousand, and twice as many with certificates."""

HEX_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
"""A share, which is a claim's address; or the key of whoever signs bundles."""
NAMEPLATE = re.compile(f"[{CODE_ALPHABET}]{{{NAMEPLATE_LENGTH}}}", re.ASCII)
SERIAL = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
RELEASE = re.compile(r"[A-Za-z0-9_.+-]{1,32}", re.ASCII)
SIGNER = re.compile(rf"({HEX_KEY.pattern})?", re.ASCII)
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
TYPED_AS = str.maketrans("OIL", "011", "-–— ")
"""What people type instead of a character of the code, and between its characters."""


@dataclass(frozen=True)
class Claim:
    """What a till claims to be. The relay stores it, and `till-relay enroll` finds it by its nameplate.

    Whoever stands in between can write what he likes here. It only ends the exchange: both sides put it into SPAKE2.
    """

    nameplate: str
    serial: str
    release: str
    signer: str
    """The key that the till's card names, in hexadecimal; "" if it names none."""


def make_code(values: Sequence[int]) -> str:
    """Return the code of nine random numbers from 0 to 31, with its check character."""
    return "".join(CODE_ALPHABET[value] for value in (*values, _check_value(values)))


def _check_value(values: Sequence[int]) -> int:
    """Odd weights: one wrong character always gives another sum, two that changed places nearly always."""
    return sum((2 * place + 1) * value for place, value in enumerate(values)) % len(CODE_ALPHABET)


def parse_code(text: str) -> str:
    """Read a code as people type it: small letters, O for 0, I or L for 1, dashes and spaces anywhere or nowhere.

    Raises `BadMessageError`.
    """
    code = text.upper().translate(TYPED_AS)
    wrong = sorted(set(code) - set(CODE_ALPHABET))
    if wrong:
        raise BadMessageError(f"{text!r} is no code: no code contains {wrong[0]!r}; one looks like K7QMX-4TZ9M")
    if len(code) != CODE_LENGTH:
        raise BadMessageError(f"{text!r} is no code: it has {len(code)} letters and digits, and a code {CODE_LENGTH}")
    values = [CODE_ALPHABET.index(character) for character in code]
    if _check_value(values[:-1]) != values[-1]:
        raise BadMessageError(f"{text!r} is no code: a character is wrong, or two changed places; read the slip again")
    return code


def nameplate(code: str) -> str:
    """Return the part of a code by which its claim is found. It is no secret."""
    return code[:NAMEPLATE_LENGTH]


def password(code: str) -> bytes:
    """Return what both sides of SPAKE2 take for the password."""
    return f"till-edge claim {CLAIM_VERSION} {code}".encode()


def signed_text(till_share: bytes, desk_share: bytes, payload: bytes) -> bytes:
    """Return what is signed of a bundle: it is good for this exchange, and its signature for nothing else."""
    return b"till-edge bundle %d\n" % CLAIM_VERSION + till_share + desk_share + payload


def shown(code: str) -> str:
    """Return a code as it is printed: K7QMX-4TZ9M."""
    return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"


def encode_claim(claim: Claim) -> bytes:
    """Encode a claim, as the till sends it."""
    return encode({"v": CLAIM_VERSION, **asdict(claim)})


def decode_claim(payload: bytes) -> Claim:
    """Decode a claim, which anybody may have written. Raises `BadMessageError`."""
    message = decode(payload, versions=(1, CLAIM_VERSION))
    forms = {"nameplate": NAMEPLATE, "serial": SERIAL, "release": RELEASE, "signer": SIGNER}
    if message["v"] != CLAIM_VERSION:
        raise BadMessageError("this till's package is older: install the relay's release of till-edge on it")
    fields = {name: message.get(name) for name in forms}
    for name, value in fields.items():
        if not isinstance(value, str) or not forms[name].fullmatch(value):
            raise BadMessageError(f"{name} is not what a till writes there")
    return Claim(**fields)  # type: ignore[arg-type]  # they are strings: each has matched its form


def encode_bundle(files: Mapping[str, str]) -> bytes:
    """Encode a bundle before it is signed and sealed."""
    return encode({"v": CLAIM_VERSION, "files": dict(files)})


def decode_bundle(payload: bytes) -> dict[str, bytes]:
    """Decode a bundle that was unsealed: its files, by name. Raises `BadMessageError`."""
    files = decode(payload, MAX_SEALED_BYTES, (CLAIM_VERSION,)).get("files")
    if not isinstance(files, dict):
        raise BadMessageError("the bundle has no files")
    return dict(_file(name, text) for name, text in files.items())


def _file(name: str, text: object) -> tuple[str, bytes]:
    try:
        if FILE_NAME.fullmatch(name) and isinstance(text, str):
            return name, text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        pass
    raise BadMessageError(f"the bundle has a file that can't be one: {name[:40]!r}")
