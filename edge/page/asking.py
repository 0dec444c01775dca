"""What a device asks for, from its JSON to the request that the daemon finds in the journal. Pure.

Whatever comes is a stranger's text until it has passed here: each function returns a request that the daemon can carry
out, or raises `AskError` with a word that the page has a sentence for.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from edge.config.schema import Config
from edge.core import events
from edge.core.lifecycle import Order
from edge.core.order import Item
from edge.mercadopago.new_order import (
    MAX_REFERENCE_LENGTH,
    MAX_TILL_IN_REFERENCE,
    OrderError,
    new_order,
    parse_amount,
    parse_quantity,
)
from edge.page.window import HAS_TICKET

MAX_LINES = 50
MAX_TITLE_LENGTH = 60
MAX_LABEL_LENGTH = 40
KEY = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}", re.ASCII)
"""What the device calls its sale, so that the same request again is the same order."""
REFERENCE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,255}", re.ASCII)
CODE = re.compile(r"[0-9]{6}", re.ASCII)


class AskError(ValueError):
    """It can't be asked for. `reason` is a word that the page has a sentence for; the text is for people who look."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


def order_asked(body: Mapping[str, Any], config: Config, now: datetime) -> events.OrderAsked:
    """An order of these lines: `{"key": …, "lines": [{"title": …, "quantity": …, "price": …}]}`. Raises `AskError`."""
    lines = body.get("lines")
    if not isinstance(lines, list) or not lines:
        raise AskError("empty")
    if len(lines) > MAX_LINES:
        raise AskError("too_many_lines")
    items = [_item(line, config) for line in lines]
    total = sum((item.amount for item in items), Decimal(0))
    try:
        if total >= 10**12:
            raise OrderError(f"{total} is more than Mercado Pago takes")
        return events.OrderAsked(new_order(config, reference_of(body, config), total, items, now).wanted)
    except OrderError as error:
        raise AskError("not_possible", str(error)) from error


def reference_of(body: Mapping[str, Any], config: Config) -> str:
    """The reference that follows from what the device calls its sale, and from whose till it is. Raises `AskError`."""
    key = _text(body, "key", KEY)
    prefix = config.mercadopago.reference_prefix or f"{config.till.id[:MAX_TILL_IN_REFERENCE]}-"
    return f"{prefix}{key}"[-MAX_REFERENCE_LENGTH:]


def _item(line: Any, config: Config) -> Item:
    if not isinstance(line, dict):
        raise AskError("malformed")
    try:
        quantity = parse_quantity(_plain(line, "quantity"), "the quantity")
        price = parse_amount(_plain(line, "price"), "the price")
    except OrderError as error:
        raise AskError("not_possible", str(error)) from error
    item = Item(title(_plain(line, "title")) or config.till.name, quantity, price)
    if item.amount != round(item.amount, 2):  # 0.333 kg of something: the line has to come to whole cents
        raise AskError("not_whole_cents", f"{quantity} times {price} is {item.amount}")
    return item


def title(text: str) -> str:
    """A line's name as it may stand on paper: no control characters, nothing that turns the line around."""
    letters = (letter for letter in " ".join(text.split()) if not unicodedata.category(letter).startswith("C"))
    return "".join(letters).strip()[:MAX_TITLE_LENGTH]


def cancel_asked(body: Mapping[str, Any]) -> events.CancelAsked:
    return events.CancelAsked(_text(body, "reference", REFERENCE))


def copy_asked(body: Mapping[str, Any], orders: Iterable[Order]) -> events.ReprintAsked:
    """A copy of a ticket that came out: a first one comes by itself. Raises `AskError`."""
    reference = _text(body, "reference", REFERENCE)
    if not any(order.reference == reference and order.stage in HAS_TICKET for order in orders):
        raise AskError("no_ticket")
    return events.ReprintAsked(reference)


def day_asked(today: str | None, now: datetime, config: Config) -> events.DayAsked:
    """Today by the daemon's knowledge of the time, or else by this machine's."""
    if today:
        return events.DayAsked(date.fromisoformat(today))
    return events.DayAsked(now.astimezone(config.till.timezone).date())


def code_entered(body: Mapping[str, Any]) -> str:
    """The code, without the blanks that people type. Raises `AskError`."""
    code = "".join(_plain(body, "code").split())
    if not CODE.fullmatch(code):
        raise AskError("wrong")
    return code


def session_named(body: Mapping[str, Any]) -> str:
    return _text(body, "id", re.compile(r"[0-9a-f]{16}", re.ASCII))


def label_of(user_agent: str) -> str:
    """What a device is called where sessions are listed: its system and its browser, if they say so."""
    systems = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "Mac"}
    browsers = {"Firefox": "Firefox", "Edg": "Edge", "OPR": "Opera", "Chrome": "Chrome", "Safari": "Safari"}
    named = [next((word for sign, word in found.items() if sign in user_agent), "") for found in (systems, browsers)]
    if not named[0] and "Linux" in user_agent:
        named[0] = "Linux"
    return " · ".join(filter(None, named)) or title(user_agent)[:MAX_LABEL_LENGTH] or "?"


def _text(body: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    text = _plain(body, name)
    if not pattern.fullmatch(text):
        raise AskError("malformed", f"{name} has another form")
    return text


def _plain(body: Mapping[str, Any], name: str) -> str:
    text = body.get(name, "")
    if not isinstance(text, str):
        raise AskError("malformed", f"{name} is no text")
    return text
