"""Mercado Pago's notifications: real HTTP to the order's `notification_url`, with its forms, haste and patience.

Answers other than 200 and 201 bring an instant duplicate and then the ladder of retries. The signature header is there
and can't be verified, as for QR in life. Nothing is sent to any address but the loopback.
"""

import heapq
import http.client
import itertools
import json
import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = 22.0
LADDER = (0.5, 900.0, 900.0, 900.0, 21600.0, 172800.0)
"""Seconds from one try to the next."""


@dataclass
class Habits:
    """How notifications come. `forms` are those of every event: `ipn`, `webhook`, or both, either first."""

    forms: tuple[str, ...] = ("ipn",)
    delay: float = 0.0
    repeat: int = 1
    shuffle: bool = False
    drop: bool = False
    time_scale: float = 1.0
    """What a second of the ladder and the timeout lasts."""


@dataclass(order=True)
class _Letter:
    due: float
    number: int
    request: "Request" = field(compare=False)
    tries: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Request:
    """One notification, ready to be sent."""

    url: str
    query: dict[str, str]
    agent: str
    body: dict[str, Any]


class Notifier:
    """Sends notifications from a thread of its own. `answers` has what came back, with the address."""

    def __init__(self, user_id: str, habits: Habits) -> None:
        self.habits = habits
        self.answers: list[tuple[str, int]] = []
        self._user_id = user_id
        self._letters: list[_Letter] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._deliver, name="notifier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def notify(self, url: str, topic: str, identity: str) -> None:
        """Send what Mercado Pago would send of one event."""
        if self.habits.drop or not url:
            return
        requests = [form_of(form, url, topic, identity, self._user_id) for form in self.habits.forms]
        requests = [request for request in requests if request] * self.habits.repeat
        if self.habits.shuffle:
            random.shuffle(requests)
        for request in requests:
            self.send(request, self.habits.delay)

    def send(self, request: Request, delay: float = 0.0) -> None:
        """Send one request after `delay` seconds."""
        self._post(_Letter(time.monotonic() + delay, next(self._numbers), request))

    def _post(self, letter: _Letter) -> None:
        with self._wake:
            heapq.heappush(self._letters, letter)
            self._wake.notify()

    def _deliver(self) -> None:
        while (letter := self._next()) is not None:
            status = _send(letter.request, TIMEOUT * self.habits.time_scale)
            self.answers.append((letter.request.url, status))
            if status not in (200, 201) and letter.tries < len(LADDER):
                pause = LADDER[letter.tries] * self.habits.time_scale
                due = time.monotonic() + pause
                self._post(_Letter(due, next(self._numbers), letter.request, letter.tries + 1))

    def _next(self) -> _Letter | None:
        with self._wake:
            while not self._stopped:
                now = time.monotonic()
                if self._letters and self._letters[0].due <= now:
                    return heapq.heappop(self._letters)
                self._wake.wait(self._letters[0].due - now if self._letters else None)
        return None


def form_of(form: str, url: str, topic: str, identity: str, user_id: str) -> Request | None:
    """One event in one of the documented forms; None where that form has no such event."""
    date = time.strftime("%Y-%m-%dT%H:%M:%S.000-04:00")
    if form == "ipn":
        resource = f"https://api.mercadolibre.com/merchant_orders/{identity}" if topic == "merchant_order" else identity
        body: dict[str, Any] = {"resource": resource, "topic": topic}
        return Request(url, {"id": identity, "topic": topic}, f"MercadoPago Feed v2.0 {topic}", body)
    common = {"api_version": "v1", "date_created": date, "live_mode": True}
    if form == "webhook" and topic == "merchant_order":
        body = {"action": "update", "application_id": "5550001", "id": identity, "status": "closed", "version": 1}
        body |= {"data": {"currency_id": "", "marketplace": "NONE", "status": "closed"}, **common}
        body |= {"type": "topic_merchant_order_wh", "user_id": int(user_id)}
        return Request(url, {}, "MercadoPago WebHook v1.0 merchant_order", body)
    if form == "webhook" and topic == "payment":
        body = {"action": "payment.updated", "data": {"id": identity}, "id": 112233, "type": "payment", **common}
        return Request(
            url,
            {"data.id": identity, "type": "payment"},
            "MercadoPago WebHook v1.0 payment",
            body | {"user_id": user_id},
        )
    if form == "test":
        return Request(url, {"topic": "payment", "id": "123456"}, "restclient-node/4.15.3", {})
    return None


def _send(request: Request, timeout: float) -> int:
    """The status that came back; 0 if nothing did."""
    address = urlsplit(request.url)
    if address.hostname not in LOOPBACK:
        log.error("%s is not on this machine: nothing is sent there", address.hostname)
        return 0
    query = "&".join(part for part in (address.query, urlencode(request.query)) if part)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": request.agent,
        "x-request-id": str(uuid.uuid4()),
        "x-signature": f"ts={int(time.time())},v1={random.randbytes(32).hex()}",
    }
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.request("POST", f"{address.path}?{query}", json.dumps(request.body), headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
