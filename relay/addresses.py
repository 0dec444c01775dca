"""The notification addresses: one per till, and one per seller for notifications that name no till.

The last part of each is a secret computed from the name before it, so there is no table to keep. The secret is all
that tells Mercado Pago from a stranger: most of these notifications carry no signature that can be verified.
"""

import base64
import hashlib
import hmac

from edge.contract.mqtt import NUMERIC_ID

TILL = b"mp/"
SELLER = b"seller/"
"""What a secret is for: the same key signs both, and neither may open the other's address."""


def secret_of(till: str, key: bytes) -> str:
    """Return the secret of a till: 32 letters and digits, 160 bits."""
    return _secret(TILL + till.encode(), key)


def opens(till: str, secret: str, key: bytes) -> bool:
    """Say whether `secret` is the till's, in a time that does not depend on how much of it is right."""
    return _same(secret, secret_of(till, key))


def address_of(till: str, public_url: str, key: bytes) -> str:
    """Return the `notification_url` that orders of this till carry."""
    return f"{public_url}/mp/{till}/{secret_of(till, key)}"


def seller_address_of(user_id: str, public_url: str, key: bytes) -> str:
    """Return the address that a seller writes into Mercado Pago's panel, where one is for all tills."""
    return f"{public_url}/mp/{user_id}-{_secret(SELLER + user_id.encode(), key)}"


def seller_of(segment: str, key: bytes) -> str | None:
    """Return the seller whose address ends with this segment; None if it is nobody's."""
    user_id, _, secret = segment.partition("-")
    if NUMERIC_ID.fullmatch(user_id) and _same(secret, _secret(SELLER + user_id.encode(), key)):
        return user_id
    return None


def _secret(name: bytes, key: bytes) -> str:
    return base64.b32encode(hmac.digest(key, name, hashlib.sha256)[:20]).decode().lower()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
