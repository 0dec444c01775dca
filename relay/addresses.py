"""The notification addresses: one per till, and one per seller for notifications that name no till.

The last part of each is a secret that is computed from the name before it, so no table is kept. The secret is all that
distinguishes Mercado Pago from a stranger: most of these notifications have no signature that can be verified.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from edge.contract.mqtt import NUMERIC_ID

TILL_PURPOSE = b"mp/"
SELLER_PURPOSE = b"seller/"
"""One key signs both kinds of secret; the purpose keeps one kind from opening an address of the other."""
MAX_REMEMBERED_SECRETS = 4096
"""Names whose secrets need not be computed again: each sale notifies some four times, and strangers make up names."""


def secret_of(till: str, key: bytes) -> str:
    """Return the secret of a till: 160 bits, as 32 letters and digits."""
    return _secret(TILL_PURPOSE + till.encode(), key)


def opens(till: str, secret: str, key: bytes) -> bool:
    """Whether `secret` is the till's. The time that this takes does not depend on how much of it is right."""
    return _same(secret, secret_of(till, key))


def address_of(till: str, public_url: str, key: bytes) -> str:
    """Return the `notification_url` for the orders of this till."""
    return f"{public_url}/mp/{till}/{secret_of(till, key)}"


def seller_address_of(user_id: str, public_url: str, key: bytes) -> str:
    """Return the one address for all tills of a seller, which the seller writes into Mercado Pago's panel."""
    return f"{public_url}/mp/{user_id}-{_secret(SELLER_PURPOSE + user_id.encode(), key)}"


def seller_of(segment: str, key: bytes) -> str | None:
    """Return the seller whose address ends with `segment`; None if it is nobody's."""
    user_id, _, secret = segment.partition("-")
    if NUMERIC_ID.fullmatch(user_id) and _same(secret, _secret(SELLER_PURPOSE + user_id.encode(), key)):
        return user_id
    return None


@lru_cache(MAX_REMEMBERED_SECRETS)
def _secret(name: bytes, key: bytes) -> str:
    return base64.b32encode(hmac.digest(key, name, hashlib.sha256)[:20]).decode().lower()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
