"""A notification of Mercado Pago becomes a doorbell, or nothing. Pure.

Notifications have five forms, on two independent channels: "Feed" (`topic` and `resource`), webhooks of a merchant
order (the id at the root), of a payment and of an order (the id in `data`), and the panel's test button. Anybody can
write one, so a URL in it is never fetched; only the id at its end is used.
"""

import json
import re
from collections.abc import Mapping

from edge.contract.mqtt import IDS, Doorbell

KINDS = {
    "merchant_order": "merchant_order",
    "topic_merchant_order_wh": "merchant_order",
    "payment": "payment",
    "order": "order",
}
"""Mercado Pago's topics that concern a till -> the kind of doorbell."""

TEST_ID = "123456"
"""The id that the panel's test button sends; nothing has it."""

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def doorbell_of(method: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Doorbell | None:
    """Return the doorbell for a notification; None if it names nothing that a till could look up.

    The body is read first because Mercado Pago alone writes it; the query may contain the shop's own parameters.
    """
    forms: list[Mapping[str, object]] = [query]
    if method == "POST":
        forms.insert(0, _form_of(body))
    for form in forms:
        named = _named_in(form)
        if named is not None and named[1] != TEST_ID:
            return Doorbell(*named, request_id=_request_id(headers))
    return None


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


def _named_in(form: Mapping[str, object]) -> tuple[str, str] | None:
    kind = _kind(form.get("type")) or _kind(form.get("topic"))
    if kind is None:
        return None
    # The `id` at a webhook's root is the number of the notification, except in those of merchant orders.
    is_webhook = _kind(form.get("type")) in ("payment", "order")
    for place in ("data.id",) if is_webhook else ("resource", "id", "data.id"):
        identity = _last_part(form.get(place))
        if IDS[kind].fullmatch(identity):
            return kind, identity
    return None


def _kind(name: object) -> str | None:
    return KINDS.get(name) if isinstance(name, str) else None


def _last_part(value: object) -> str:
    """Return the id at the end of a URL, or the id itself."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.partition("?")[0].rstrip("/").rpartition("/")[2] if isinstance(value, str) else ""


def _request_id(headers: Mapping[str, str]) -> str:
    request_id = headers.get("x-request-id", "")
    return request_id if REQUEST_ID.fullmatch(request_id) else ""
