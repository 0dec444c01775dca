"""A till's notification address. Its last part is a secret computed from the till's id, so there is no table to keep.

The secret is all that tells Mercado Pago from a stranger: these notifications carry no signature that can be verified.
"""

import base64
import hashlib
import hmac

PURPOSE = b"mp/"
"""Keeps secrets of tills apart from secrets of anything else that the same key may come to sign."""


def secret_of(till: str, key: bytes) -> str:
    """Return the secret of a till: 32 letters and digits, 160 bits."""
    digest = hmac.digest(key, PURPOSE + till.encode(), hashlib.sha256)
    return base64.b32encode(digest[:20]).decode().lower()


def opens(till: str, secret: str, key: bytes) -> bool:
    """Say whether `secret` is the till's, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(secret.encode(errors="replace"), secret_of(till, key).encode())


def address_of(till: str, public_url: str, key: bytes) -> str:
    """Return the `notification_url` that orders of this till carry."""
    return f"{public_url}/mp/{till}/{secret_of(till, key)}"
