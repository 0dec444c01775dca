"""A notification of Mercado Pago becomes a doorbell. Pure. Only the test button and an empty request become nothing.

Notifications have five forms, on two independent channels: "Feed" (`topic` and `resource`), webhooks of a merchant
order (the id at the root), of a payment and of an order (the id in `data`), and the panel's test button. Whatever else
comes means: look now. Anybody can write one, so a URL in it is never fetched; only the id at its end is used.
"""

import json
import re
from collections.abc import Mapping

from edge.contract.mqtt import IDS, LOOK, NONCE, Doorbell

KINDS = {
    "merchant_order": "merchant_order",
    "topic_merchant_order_wh": "merchant_order",
    "payment": "payment",
    "order": "order",
}
"""Mercado Pago's topics that concern a till -> the kind of doorbell."""

TEST_ID = "123456"
"""The id that the panel's test button sends; nothing has it."""
TEST_TOPIC = "test"
UNREADABLE = "unreadable"
"""The id of a doorbell whose notification names no topic."""

EMPTY = (b"", b"{}")
"""Bodies that say nothing."""
FEED, WEBHOOK = "feed", "webhook"
WEBHOOKS = ("payment", "order")
"""The `id` at the root of such a webhook's body is the number of the notification, and names nothing."""
BODY_PLACES = {FEED: ("resource", "id", "data.id"), WEBHOOK: ("data.id",)}
QUERY_PLACES = {FEED: ("resource", "id", "data.id"), WEBHOOK: ("data.id", "id", "resource")}
"""Where the id stands, the likeliest place first."""

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def doorbell_of(method: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Doorbell | None:
    """Return the doorbell for a notification; None for the test button and for a request that says nothing.

    The body is read first because Mercado Pago alone writes it; the query may contain the shop's own parameters.
    """
    posted = body if method == "POST" else b""
    form = _form_of(posted)
    named = [found for found in (_named_in(form, BODY_PLACES), _named_in(query, QUERY_PLACES)) if found]
    for kind, identity in named:
        if identity != TEST_ID:
            return Doorbell(kind, identity, request_id=_request_id(headers))
    topic = _topic(form) or _topic(query)
    if named or topic == TEST_TOPIC or not (query or posted.strip() not in EMPTY):
        return None
    return Doorbell(LOOK, topic if NONCE.fullmatch(topic) else UNREADABLE, request_id=_request_id(headers))


def reference_of(method: str, body: bytes) -> str:
    """Return the `external_reference` that the notification of an order brings along; "" for all others."""
    form = _form_of(body if method == "POST" else b"")
    data = form.get("data")
    return _word(data.get("external_reference")) if _topic(form) == "order" and isinstance(data, dict) else ""


def _form_of(body: bytes) -> Mapping[str, object]:
    """Return the body in the form of a query, in which `data.id` is one key."""
    try:
        form = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(form, dict):
        return {}
    data = form.get("data")
    return {**form, "data.id": data.get("id")} if isinstance(data, dict) else form


def _named_in(form: Mapping[str, object], places: Mapping[str, tuple[str, ...]]) -> tuple[str, str] | None:
    kind = KINDS.get(_topic(form))
    if kind is None:
        return None
    for place in places[WEBHOOK if _word(form.get("type")) in WEBHOOKS else FEED]:
        identity = _last_part(form.get(place))
        if IDS[kind].fullmatch(identity):
            return kind, identity
    return None


def _topic(form: Mapping[str, object]) -> str:
    """Return what the notification is about: a topic that concerns a till, if one is named, else any; "" for none."""
    action = _word(form.get("action")).partition(".")[0]
    named = [word for word in (_word(form.get("type")), _word(form.get("topic")), action) if word]
    return next((word for word in named if word in KINDS), named[0] if named else "")


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _last_part(value: object) -> str:
    """Return the id at the end of a URL, or the id itself."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.partition("?")[0].rstrip("/").rpartition("/")[2] if isinstance(value, str) else ""


def _request_id(headers: Mapping[str, str]) -> str:
    request_id = headers.get("x-request-id", "")
    return request_id if REQUEST_ID.fullmatch(request_id) else ""
