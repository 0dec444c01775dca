"""Whether Mercado Pago signed a notification. Pure. The result is counted, and nothing depends on it.

Notifications of QR codes are not signed, or wrongly. On the others, Mercado Pago's documents and SDK disagree: whether
`data.id` is signed as it comes or in lower case, and whether `ts` counts seconds or milliseconds. Both are accepted.
"""

import hashlib
import hmac
import re
from enum import StrEnum

SIGNATURE_TOLERANCE_S = 15 * 60
"""Between the signature and now. Each repetition of a notification is signed anew."""
MIN_MILLISECONDS = 10**12
"""A `ts` from here on counts milliseconds: in seconds it would be the year 33658."""
TIMESTAMP = re.compile(r"[0-9]{1,16}", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Signature(StrEnum):
    """The result of checking the header `x-signature`."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    """The signature is wrong, too old or unreadable, or there is no key to check it with."""
    ABSENT = "absent"


def examine(header: str, request_id: str, data_id: str, key: bytes | None, now: float) -> Signature:
    """Check the header `x-signature: ts=…,v1=…` with the panel's secret.

    `request_id` is the header `x-request-id` and `data_id` the query's `data.id`, each "" if absent. `now`: Unix
    seconds.
    """
    if not header:
        return Signature.ABSENT
    parts = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in header.split(","))}
    time, digest = parts.get("ts", ""), parts.get("v1", "").lower()
    if key is None or not TIMESTAMP.fullmatch(time) or not DIGEST.fullmatch(digest) or not _is_recent(int(time), now):
        return Signature.UNVERIFIED
    expected = [_digest(identity, request_id, time, key) for identity in (data_id, data_id.lower())]
    matches = [hmac.compare_digest(digest, each) for each in expected]
    return Signature.VERIFIED if any(matches) else Signature.UNVERIFIED


def _is_recent(time: int, now: float) -> bool:
    return abs(now - (time / 1000 if time >= MIN_MILLISECONDS else time)) <= SIGNATURE_TOLERANCE_S


def _digest(data_id: str, request_id: str, time: str, key: bytes) -> str:
    parts = [("id", data_id), ("request-id", request_id), ("ts", time)]
    manifest = "".join(f"{name}:{value};" for name, value in parts if value)
    return hmac.new(key, manifest.encode(), hashlib.sha256).hexdigest()
