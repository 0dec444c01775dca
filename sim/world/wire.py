"""What passed between the parties, message by message: taken from the wires themselves, and told to whoever watches.

Nothing here is made up for the show: each message is an HTTP exchange, an MQTT message, bytes of a printer, or the deed
of a person. Most of what machines say all day is routine, and marked so.
"""

import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sim.mercadopago.http import Exchange
from sim.mercadopago.notifier import Letter
from sim.printer import escpos
from sim.shop import TILL, Shop

MAX_MESSAGES = 300
MAX_DETAIL_CHARS = 6000
SAME_PRINT_S = 1.0
"""Bytes that come later than this after the first ones are another print."""
ORDER_PATH = re.compile(r"/instore/qr/.*/orders|/v1/orders(/\w+(/cancel)?)?")
PAID = ("closed", "approved")
PAID_STATUS = re.compile(r'"status": ?"(closed|processed)"')


@dataclass
class Message:
    """One thing that passed. `kind` is a word that the page has a sentence for, which `facts` fill in."""

    id: int
    at_s: float
    """Since the demo began."""
    sender: str
    receiver: str
    kind: str
    facts: dict[str, Any]
    details: list[str]
    """What passed, as it was on the wire."""
    routine: bool = False
    steps: tuple[str, ...] = ()
    """The numbers that Mercado Pago's integration guide gives it."""
    version: int = 0
    """Grows with each change."""

    def shown(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "version"}


@dataclass
class _Open:
    """Messages that are still to be completed, by what they are about."""

    exchanges: dict[int, Message] = field(default_factory=dict)
    letters: dict[int, Message] = field(default_factory=dict)
    bytes: Message | None = None


class Wire:
    """All messages so far. Any thread may tell it of one."""

    def __init__(self, shop: Shop) -> None:
        self._mercadopago = shop.mercadopago
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._messages: deque[Message] = deque(maxlen=MAX_MESSAGES)
        self._changes = 0
        self._open = _Open()
        self._received = 0
        self._states: dict[str, bytes] = {}
        shop.mercadopago.api.watched = self._exchange
        shop.mercadopago.notifier.watched = self._letter
        shop.printer.watched = self._bytes

    def watch_broker(self, shop: Shop) -> None:
        """As soon as somebody listens there."""
        assert shop.ears is not None
        shop.ears.watched = self._publication

    # --- telling -----------------------------------------------------------------------------------------------------

    def say(self, sender: str, receiver: str, kind: str, *details: str, routine: bool = False, **facts: Any) -> Message:
        """Something passed, or somebody did something."""
        with self._lock:
            return self._add(sender, receiver, kind, facts, list(details), routine)

    def since(self, version: int) -> tuple[list[Message], int]:
        """What changed after `version`, and the version now."""
        with self._lock:
            return [each for each in self._messages if each.version > version], self._changes

    def _add(
        self, sender: str, receiver: str, kind: str, facts: dict[str, Any], details: list[str], routine: bool
    ) -> Message:
        self._received += 1
        texts = [_short(each) for each in details]
        message = Message(self._received, self._now_s(), sender, receiver, kind, facts, texts, routine)
        self._messages.append(message)
        return self._touch(message)

    def _now_s(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _touch(self, message: Message) -> Message:
        self._changes += 1
        message.version = self._changes
        return message

    # --- the wires ---------------------------------------------------------------------------------------------------

    def _exchange(self, exchange: Exchange) -> None:
        """A request of the till to Mercado Pago: first when it comes, then with its answer."""
        with self._lock:
            message = self._open.exchanges.pop(id(exchange), None)
            if message is None:
                kind = _kind_of(exchange)
                facts = {"method": exchange.method, "path": exchange.path}
                details = [_request_text(exchange)]
                message = self._add("till", "mercadopago", kind, facts, details, kind in ("look", "other"))
                self._open.exchanges[id(exchange)] = message
                return
            message.facts["status"] = exchange.status
            message.details.append(_short(f"HTTP {exchange.status}\n{_pretty(exchange.answer)}"))
            message.steps = _steps_of(message.kind, exchange)
            self._touch(message)

    def _letter(self, letter: Letter, status: int | None) -> None:
        """A notification to the relay: first when it leaves, then with its answer."""
        with self._lock:
            if status is None:
                sent = "&".join(f"{name}={value}" for name, value in letter.query.items())
                text = f"POST …?{sent}\nUser-Agent: {letter.agent}\n\n{json.dumps(letter.body, indent=2)}"
                facts = {"topic": letter.query.get("topic") or letter.body.get("type", ""), "status": ""}
                message = self._add("mercadopago", "relay", "webhook", facts, [text], False)
                message.steps = ("5b",) if self._is_of_payment(letter) else ()
                self._open.letters[id(letter)] = message
            elif message := self._open.letters.pop(id(letter), None):
                message.facts["status"] = status or "–"
                message.details.append(f"HTTP {status}" if status else "no answer")
                if message.steps and status in (200, 201):
                    message.steps = ("5b", "5c")
                self._touch(message)

    def _is_of_payment(self, letter: Letter) -> bool:
        """Whether it tells of an order that is paid by now. Most notifications don't say so themselves."""
        number = letter.query.get("id", "0")
        books = (self._mercadopago.merchant_orders, self._mercadopago.payments)
        known = next((book[int(number)] for book in books if number.isdecimal() and int(number) in book), None)
        return bool(PAID_STATUS.search(json.dumps(letter.body))) or bool(known and known["status"] in PAID)

    def _publication(self, topic: str, payload: bytes) -> None:
        """Something at the broker."""
        name = topic.removeprefix(f"tills/{TILL}/")
        try:
            body = json.loads(payload or b"{}")
        except ValueError:
            body = {}
        sender, receiver, kind, facts, routine = _publication_of(name, body)
        if name == "status":
            shown = json.dumps([body.get("state"), body.get("problems")]).encode()
            routine, self._states[name] = self._states.get(name) == shown, shown
        text = payload.decode(errors="replace")
        self.say(sender, receiver, kind, f"MQTT {topic}\n\n{_pretty(text)}", routine=routine, **facts)

    def _bytes(self, data: bytes, answered: bool) -> None:
        """To the printer, or back. What is to be printed comes in pieces, which are one message until it is proved."""
        with self._lock:
            if answered:
                proof = data[:2] == escpos.process_id(b"")[:2]
                if proof:
                    self._open.bytes = None
                kind = "proof" if proof else "printer_answers"
                self._add("printer", "till", kind, {"bytes": len(data)}, [_dump(data)], not proof)
            elif not (printed := escpos.REAL_TIME.sub(b"", data)):
                self._add("till", "printer", "printer_asked", {"bytes": len(data)}, [_dump(data)], True)
            elif (message := self._open.bytes) is not None and self._now_s() - message.at_s < SAME_PRINT_S:
                message.facts["bytes"] += len(printed)
                message.details.append(_dump(printed))
                self._touch(message)
            elif b"\n" not in printed:  # nothing comes out: it sets up, or frees a printer that waits for the rest
                self._add("till", "printer", "printer_asked", {"bytes": len(data)}, [_dump(printed)], True)
            else:
                facts = {"bytes": len(printed)}
                self._open.bytes = self._add("till", "printer", "bytes", facts, [_dump(printed)], False)
                self._open.bytes.steps = ("7",)


def _kind_of(exchange: Exchange) -> str:
    match exchange.method:
        case "PUT":
            return "order_put"
        case "DELETE":
            return "order_cancel"
        case "POST":
            return "order_cancel" if exchange.path.endswith("/cancel") else "order_put"
    if re.fullmatch(r"/merchant_orders/\d+|/v1/orders/\w+|/v1/payments/\d+", exchange.path):
        return "get"
    return "search" if "external_reference" in exchange.query else "look"


def _steps_of(kind: str, exchange: Exchange) -> tuple[str, ...]:
    if kind == "order_put" and exchange.status in (200, 201, 204):
        return ("1b", "2")
    if kind in ("get", "search") and exchange.status == 200 and PAID_STATUS.search(exchange.answer):
        return ("6a", "6b")
    return ()


def _publication_of(name: str, body: Any) -> tuple[str, str, str, dict[str, Any], bool]:
    kind = str(body.get("kind", "")) if isinstance(body, dict) else ""
    match name:
        case "orders":
            return "relay", "till", "doorbell", {"about": kind, "id": str(body.get("id", ""))}, kind == "ping"
        case "status":
            return "till", "broker", "status", {"state": str(body.get("state", ""))}, False
        case "tickets":
            facts = {"outcome": str(body.get("outcome", "")), "reference": str(body.get("external_reference", ""))}
            return "till", "broker", "outcome", facts, False
        case "announcements":
            return "page", "till", "announcement", {"order": str(body.get("order", ""))}, False
    return "broker", "broker", "other_topic", {"topic": name}, True


def _request_text(exchange: Exchange) -> str:
    query = "&".join(f"{name}={value}" for name, value in exchange.query.items())
    return f"{exchange.method} {exchange.path}{'?' * bool(query)}{query}\n\n{_pretty(exchange.body)}".strip()


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _short(text: str) -> str:
    return text if len(text) <= MAX_DETAIL_CHARS else text[:MAX_DETAIL_CHARS] + "\n…"


def _dump(data: bytes) -> str:
    """Sixteen bytes a row: as numbers, and as letters where they are some."""
    rows = (data[start : start + 16] for start in range(0, len(data), 16))
    return "\n".join(f"{row.hex(' '):47}  {''.join(chr(b) if 32 <= b < 127 else '·' for b in row)}" for row in rows)
