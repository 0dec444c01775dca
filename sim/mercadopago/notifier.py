"""Mercado Pago's notifications: real HTTP to the order's `notification_url`, with its forms, haste and patience.

Answers other than 200 and 201 bring an instant duplicate and then the ladder of retries. The signature header is there
and can't be verified, as for QR in life. Nothing is sent to any address but the loopback.
"""

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from sim.mercadopago.books import Notice

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = 22.0
LADDER = (0.5, 900.0, 900.0, 900.0, 21600.0, 172800.0)
"""Seconds from one try to the next: a duplicate at once, every quarter of an hour, then longer."""
OLD_LADDER = (30.0, 300.0, 1800.0)
"""The same, as an older page of the documentation has it."""

Form = Literal["ipn", "webhook", "test"]


@dataclass
class Habits:
    """How notifications come. `forms` are those of every event: one, or several, either first."""

    forms: tuple[Form, ...] = ("ipn",)
    topics: tuple[str, ...] = ("merchant_order", "payment", "order")
    delay: float = 0.0
    """Seconds."""
    repeat: int = 1
    shuffle: bool = False
    """Send what one event brings in any order."""
    drop: bool = False
    secret: bytes | None = None
    """The application's, by which its own notifications are signed; None: signed by nobody's, as for QR codes."""
    signs_lower_case: bool = False
    """Whether `data.id` is signed in lower case."""
    signs_seconds: bool = False
    """Whether `ts` counts seconds."""
    obey_source_news: bool = False
    """Whether `?source_news=webhooks` (or `ipn`) on the address limits the forms."""
    ladder: tuple[float, ...] = LADDER
    time_scale: float = 1.0
    """What a second of the ladder and the timeout lasts."""


@dataclass(frozen=True)
class Letter:
    """One notification, ready to be sent."""

    url: str
    query: dict[str, str]
    agent: str
    body: dict[str, Any]


@dataclass(order=True)
class _Posted:
    due: float
    number: int
    letter: Letter = field(compare=False)
    tries: int = field(default=0, compare=False)


class Notifier:
    """Sends notifications, one after another, from a thread of its own."""

    def __init__(self, user_id: str, habits: Habits) -> None:
        self.habits = habits
        self.answers: list[tuple[Letter, int]] = []
        """What was sent, and the status that came back; 0 if none did."""
        self.watched: Callable[[Letter, int | None], None] = lambda letter, status: None
        """Called with each letter twice: when it leaves (None), and with what came back."""
        self._user_id = user_id
        self._posted: list[_Posted] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        self._sending = False

    @property
    def idle(self) -> bool:
        """Whether all that was posted is answered, and nothing is to be tried again."""
        with self._wake:
            return not self._posted and not self._sending

    def start(self) -> None:
        self._stopped = False
        threading.Thread(target=self._deliver, name="notifier", daemon=True).start()

    def stop(self) -> None:
        """Send nothing any more; what is on its way isn't waited for."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def notify(self, notices: list[Notice]) -> None:
        """Send what Mercado Pago would send of one event."""
        habits = self.habits
        if habits.drop:
            return
        letters = [
            letter
            for notice in notices
            if notice.topic in habits.topics
            for form in self._forms_for(notice.url)
            for letter in [letter_of(form, notice, self._user_id)] * habits.repeat
        ]
        if habits.shuffle:
            random.shuffle(letters)
        for letter in letters:
            self.send(letter, habits.delay)

    def send(self, letter: Letter, delay: float = 0.0) -> None:
        """Send one notification after `delay` seconds."""
        self._post(_Posted(time.monotonic() + delay, next(self._numbers), letter))

    def _forms_for(self, url: str) -> tuple[Form, ...]:
        wanted = parse_qs(urlsplit(url).query).get("source_news", [""])[-1]
        if self.habits.obey_source_news and wanted:
            return tuple(form for form in self.habits.forms if form == wanted.removesuffix("s"))
        return self.habits.forms

    def _post(self, posted: _Posted) -> None:
        with self._wake:
            heapq.heappush(self._posted, posted)
            self._wake.notify()

    def _deliver(self) -> None:
        while (posted := self._next()) is not None:
            self.watched(posted.letter, None)
            status = _send(posted.letter, self.habits)
            self.watched(posted.letter, status)
            self.answers.append((posted.letter, status))
            if status not in (200, 201) and posted.tries < len(self.habits.ladder):
                due = time.monotonic() + self.habits.ladder[posted.tries] * self.habits.time_scale
                self._post(_Posted(due, next(self._numbers), posted.letter, posted.tries + 1))

    def _next(self) -> _Posted | None:
        with self._wake:
            self._sending = False
            while not self._stopped:
                now = time.monotonic()
                if self._posted and self._posted[0].due <= now:
                    self._sending = True
                    return heapq.heappop(self._posted)
                self._wake.wait(self._posted[0].due - now if self._posted else None)
        return None


# --- forms ---------------------------------------------------------------------------------------------------------


def letter_of(form: Form, notice: Notice, user_id: str) -> Letter:
    """Write one event in one of the documented forms."""
    match form, notice.topic:
        case _, "order":
            return _order_webhook(notice, user_id)
        case "ipn", _:
            return _feed(notice)
        case "webhook", "merchant_order":
            return _merchant_order_webhook(notice, user_id)
        case "webhook", _:
            return _payment_webhook(notice, user_id)
        case _:
            return Letter(notice.url, {"topic": "payment", "id": "123456"}, "restclient-node/4.15.3", {})


def _feed(notice: Notice) -> Letter:
    resource = f"https://api.mercadolibre.com/merchant_orders/{notice.id}"
    body = {"resource": resource if notice.topic == "merchant_order" else notice.id, "topic": notice.topic}
    return Letter(notice.url, {"id": notice.id, "topic": notice.topic}, f"MercadoPago Feed v2.0 {notice.topic}", body)


def _merchant_order_webhook(notice: Notice, user_id: str) -> Letter:
    """The merchant order's id is at the root, and `data` has none: so it was captured."""
    body = {
        "action": "create" if notice.new else "update",
        "api_version": "v1",
        "application_id": "5550001",
        "data": {"currency_id": "", "marketplace": "NONE", "status": notice.status},
        "date_created": notice.date,
        "id": notice.id,
        "live_mode": True,
        "status": notice.status,
        "type": "topic_merchant_order_wh",
        "user_id": int(user_id),
        "version": 1,
    }
    return Letter(notice.url, {}, "MercadoPago WebHook v1.0 merchant_order", body)


def _payment_webhook(notice: Notice, user_id: str) -> Letter:
    body = {
        "action": "payment.created" if notice.new else "payment.updated",
        "api_version": "v1",
        "data": {"id": notice.id},
        "date_created": notice.date,
        "id": random.randrange(10**11, 10**12),
        "live_mode": True,
        "type": "payment",
        "user_id": user_id,
    }
    return Letter(notice.url, {"data.id": notice.id, "type": "payment"}, "MercadoPago WebHook v1.0 payment", body)


def _order_webhook(notice: Notice, user_id: str) -> Letter:
    body = {
        "action": f"order.{notice.status}",
        "api_version": "v1",
        "application_id": "5550001",
        "data": {**(notice.order or {}), "version": 2},
        "date_created": notice.date,
        "live_mode": True,
        "type": "order",
        "user_id": user_id,
    }
    return Letter(notice.url, {"data.id": notice.id, "type": "order"}, "MercadoPago WebHook v1.0 order", body)


def _signature(letter: Letter, habits: Habits, request_id: str) -> str:
    """The header `x-signature`; for an address of an order's own it can't be verified."""
    ts = str(int(time.time() if habits.signs_seconds else time.time() * 1000))
    if habits.secret is None:
        return f"ts={ts},v1={random.randbytes(32).hex()}"
    identity = letter.query.get("data.id", "")
    parts = [("id", identity.lower() if habits.signs_lower_case else identity), ("request-id", request_id), ("ts", ts)]
    manifest = "".join(f"{name}:{value};" for name, value in parts if value)
    return f"ts={ts},v1={hmac.new(habits.secret, manifest.encode(), hashlib.sha256).hexdigest()}"


def _send(letter: Letter, habits: Habits) -> int:
    """Return the status that came back; 0 if none did."""
    address = urlsplit(letter.url)
    if address.hostname not in LOOPBACK:
        log.error("%s is not on this machine: nothing is sent there", address.hostname)
        return 0
    query = "&".join(part for part in (address.query, urlencode(letter.query)) if part)
    request_id = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": letter.agent,
        "x-request-id": request_id,
        "x-signature": _signature(letter, habits, request_id),
    }
    timeout = TIMEOUT * habits.time_scale
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.request("POST", f"{address.path or '/'}?{query}", json.dumps(letter.body), headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
