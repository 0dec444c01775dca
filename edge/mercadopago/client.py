"""Mercado Pago's in-store API (version 2) and merchant orders: a duty goes in, a fact comes out.

One session, kept alive, with deadlines on everything. `do` never raises for what the network or the other side does:
that becomes `Unreachable`, and so does an answer that can't be read, lest one odd order stop the till.
The token leaves in one header and is in no message, log or exception.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from edge.config.schema import MercadoPagoConfig
from edge.core import duties, events
from edge.core.order import LoadedOrder, MerchantOrder
from edge.http import Failure, HttpError, Response, Session
from edge.mercadopago import decode as readings
from edge.mercadopago.decode import Found, Owner, Page, PointOfSale, Unreadable

log = logging.getLogger(__name__)

LARGEST_BODY = 4 * 1024 * 1024
PAGE = 50
MOST_PAGES = 10
"""Of one search. A question that takes longer than the watchdog waits would be asked for ever."""
PIECE = 3
"""Pages of a sweep before the next question may be asked: meanwhile a cashier waits for an answer."""
LONGEST_PAUSE = 60.0
"""Seconds; a `Retry-After` of a day is not obeyed while a customer stands at the till."""


class ApiError(Exception):
    """Mercado Pago couldn't be asked, or said no. `code` is its own word for why; the text is for people."""

    def __init__(
        self, trouble: events.Trouble, why: str, status: int = 0, code: str = "", retry_after: float = 0
    ) -> None:
        super().__init__(why)
        self.trouble = trouble
        self.status = status
        self.code = code
        self.retry_after = retry_after


class MercadoPago:
    """The API as seen from one till. Used by one thread."""

    def __init__(self, config: MercadoPagoConfig, version: str = "") -> None:
        self._config = config
        headers = {"Authorization": f"Bearer {config.access_token.reveal()}", "User-Agent": f"till-edge/{version}"}
        self._session = Session(config.api_url, headers, config.timeout_seconds, LARGEST_BODY)
        self._clock = time.time
        """Mercado Pago's time, in Unix seconds; ours until we have heard theirs."""

    def do(self, duty: duties.PaymentDuty) -> events.Answered:
        """Do what is owed and say what came of it."""
        try:
            return events.Answered(duty, self._answer(duty))
        except ApiError as error:
            if _says_not_yours(error, duty):
                return events.Answered(duty, events.NotFound())
            return events.Answered(
                duty, events.Unreachable(error.trouble, str(error), random.random(), error.retry_after)
            )
        except Unreadable as error:
            log.warning("%s: Mercado Pago's answer can't be read: %s", duty, error)
            return events.Answered(
                duty, events.Unreachable(events.Trouble.BUSY, f"unreadable answer: {error}", random.random())
            )

    def clock_ahead(self) -> float | None:
        """How many seconds our clock is ahead of Mercado Pago's; None before we heard theirs. From any thread."""
        return None if self._clock is time.time else time.time() - self._clock()

    def close(self) -> None:
        self._session.close()

    def _answer(self, duty: duties.PaymentDuty) -> events.Answer:
        match duty:
            case duties.FindPos():
                return self._find_pos()
            case duties.Verify(identity):
                order = self._get("/merchant_orders/" + quote(identity, safe=""))
                return events.MerchantOrderRead(readings.read_merchant_order(order))
            case duties.ReadPayment(identity):
                return readings.read_payment(self._get("/v1/payments/" + quote(identity, safe="")))
            case duties.Search(reference):
                return events.OrdersFound(reference, self.find_merchant_orders(reference))
            case duties.LookAtTill():
                loaded = self.order_on_till()
                return events.TillSeen(loaded.reference if loaded else None)
            case duties.Cancel(reference):
                return self.cancel(reference)
            case duties.Sweep(pos_id, since):
                return self._sweep(pos_id, since)
            case duties.ReadDay():
                return self._read_day(duty)

    # --- reading ---------------------------------------------------------------------------------------------------

    def find_merchant_orders(self, reference: str) -> tuple[MerchantOrder, ...]:
        """All merchant orders of exactly this reference. Raises `ApiError`, `Unreadable`."""
        query = {"external_reference": reference}
        found, _ = self._some("/merchant_orders/search", query, readings.read_merchant_orders, MOST_PAGES)
        return tuple(order for order in found if order.external_reference == reference)

    def order_on_till(self) -> LoadedOrder | None:
        """The order on our till, whoever put it there. Raises `ApiError`, `Unreadable`."""
        try:
            return readings.read_till(self._get(self._till_path))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def owner(self) -> Owner:
        """Whose token ours is. Raises `ApiError`, `Unreadable`."""
        return readings.read_owner(self._get("/users/me"))

    def store_id(self) -> str | None:
        """The internal id of our store, or None where there is no such one. Raises `ApiError`, `Unreadable`."""
        name = self._config.external_store_id
        answer = self._get(f"/users/{self._config.user_id}/stores/search", {"external_id": name})
        return readings.read_store(answer, name)

    def point_of_sale(self) -> PointOfSale | None:
        """What the account says of our point of sale, in whatever store. Raises `ApiError`, `Unreadable`."""
        name = self._config.external_pos_id
        return readings.read_point_of_sale(self._get("/pos", {"external_id": name}), name)

    def _find_pos(self) -> events.PosFound | events.NotFound:
        query = {"external_id": self._config.external_pos_id, "external_store_id": self._config.external_store_id}
        answer = self._get("/pos", query)
        pos = readings.read_pos(answer, self._config.external_pos_id, self._config.external_store_id)
        return events.PosFound(pos) if pos else events.NotFound()

    def _sweep(self, pos_id: str, since: datetime | None) -> events.Swept:
        """The payments by the date of their creation; a refund meanwhile shifts pages, and no beginning."""
        if self._clock is time.time:
            self._find_pos()  # to hear their time first: an hour is missed, or told as news, by a clock that is off
        until = datetime.fromtimestamp(self._clock(), UTC)
        begin = since or until - timedelta(minutes=duties.Sweep.FIRST_MINUTES)
        end = until + timedelta(minutes=1)
        found, complete = self._approved(pos_id, "date_created", begin, end, readings.read_payments)
        ours = {payment.id: payment.merchant_order for payment in found if payment.pos_id in ("", pos_id)}
        reached = None if complete else _got_to((payment.created for payment in found if payment.created), begin)
        return events.Swept(pos_id, until, ours, reached)

    def _read_day(self, duty: duties.ReadDay) -> events.DayRead | events.NotFound:
        """The payments by the date of their approval. Asked seldom, so that our point of sale may be asked for too."""
        place = self._find_pos()
        if isinstance(place, events.NotFound):
            return place
        at, begin = datetime.fromtimestamp(self._clock(), UTC), duty.since or duty.begin
        found, complete = self._approved(place.pos_id, "date_approved", begin, duty.end, readings.read_listed_payments)
        ours = tuple(payment for payment, pos_id in found if pos_id in ("", place.pos_id))
        reached = None if complete else _got_to((payment.approved_at for payment, _ in found), begin)
        return events.DayRead(at, (*duty.so_far, *ours), reached)

    def _approved(
        self, pos_id: str, date: str, begin: datetime, end: datetime, read: Callable[[Any], Page[Found]]
    ) -> tuple[list[Found], bool]:
        """The oldest approved payments of a point of sale, by one of their dates, and whether these are all."""
        query = {
            "pos_id": pos_id,
            "status": "approved",
            "sort": date,
            "criteria": "asc",
            "range": date,
            "begin_date": _iso(begin),
            "end_date": _iso(end),
        }
        return self._some("/v1/payments/search", query, read, PIECE)

    def _some(
        self, path: str, query: Mapping[str, str], read: Callable[[Any], Page[Found]], pages: int
    ) -> tuple[list[Found], bool]:
        """What a search finds on so many pages, and whether that is all."""
        found: list[Found] = []
        seen = 0
        for _ in range(pages):
            page = read(self._get(path, {**query, "limit": str(PAGE), "offset": str(seen)}))
            found.extend(page.found)
            seen += page.size
            if len(page.found) < page.size:
                log.warning("%s %s: %d elements can't be read", path, query, page.size - len(page.found))
            if not page.size or seen >= page.total:
                return found, True
        return found, False

    # --- the order on the till -------------------------------------------------------------------------------------

    def put_order(self, order: Mapping[str, Any]) -> None:
        """Put an order on our till, in the API's own words; it replaces the one that is there. Raises `ApiError`."""
        config = self._config
        store = f"/stores/{quote(config.external_store_id)}/pos/{quote(config.external_pos_id)}/orders"
        self._call("PUT", f"/instore/qr/seller/collectors/{config.user_id}{store}", body=readings.encode(order))

    def cancel(self, reference: str) -> events.CancelTried:
        """Remove the order if it is still the one meant, then read what was paid. Raises `ApiError`, `Unreadable`.

        DELETE acts on the till and not on a reference: whatever is there now would go, so we look just before.
        """
        loaded = self.order_on_till()
        removal = events.Removal.ANOTHER
        if loaded is None:
            removal = events.Removal.ABSENT
        elif loaded.reference == reference:
            removal = self._delete()
        on_till = loaded.reference if loaded else None
        return events.CancelTried(reference, removal, self.find_merchant_orders(reference), on_till)

    def _delete(self) -> events.Removal:
        try:
            self._call("DELETE", self._till_path)
        except ApiError as error:
            if error.code == "instore_order_locked_error" or error.status in (409, 423):
                return events.Removal.LOCKED
            # Nothing there, paid, or not to be deleted: all come as the same 400 (or, as documented, 500).
            if error.status in (400, 404) or error.code.startswith("in_store_order"):
                return events.Removal.REFUSED
            raise
        return events.Removal.DELETED

    @property
    def _till_path(self) -> str:
        config = self._config
        return f"/instore/qr/seller/collectors/{config.user_id}/pos/{quote(config.external_pos_id)}/orders"

    # --- HTTP ------------------------------------------------------------------------------------------------------

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return readings.parse(self._call("GET", path, query).body)

    def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            response = self._session.exchange(method, path, query, body, headers)
        except HttpError as error:
            raise _unreachable(error, self._config.api_url) from None
        self._note_time(response)
        if 200 <= response.status < 300:
            return response
        raise _refused(method, path, response)

    def _note_time(self, response: Response) -> None:
        """Keep Mercado Pago's time by the clock that never jumps: ours may be set at any moment."""
        try:
            ahead = parsedate_to_datetime(response.date).timestamp() - response.date_at
        except (ValueError, TypeError, OverflowError):  # no date: what we knew before has to do
            return
        self._clock = lambda: time.monotonic() + ahead


def _got_to(dates: Iterable[datetime], begin: datetime) -> datetime:
    """Where the next piece begins: always further on. Raises `Unreadable`."""
    latest = max(dates, default=None)
    if latest is None:
        raise Unreadable("no payment of the search has a date")
    return max(latest, begin + timedelta(milliseconds=1))


def _says_not_yours(error: ApiError, duty: duties.PaymentDuty) -> bool:
    """Whether an id is unknown, malformed, or somebody else's; a bad token shows in what we ask of our own."""
    if not isinstance(duty, duties.Verify | duties.ReadPayment):
        return error.status == 404 and isinstance(duty, duties.FindPos)
    return error.status in (400, 403, 404) or error.code == "invalid_caller_id"


def _unreachable(error: HttpError, where: str) -> ApiError | Unreadable:
    match error.failure:
        case Failure.CLOCK:
            why = "this machine's clock is wrong: the certificate is not valid at its date"
            return ApiError(events.Trouble.CLOCK, why)
        case Failure.TLS:
            return ApiError(events.Trouble.NETWORK, f"no trusted connection to {where}: {error}")
        case Failure.TIMEOUT:
            return ApiError(events.Trouble.NETWORK, f"no answer in time from {where}")
        case Failure.NETWORK:
            why = f"no connection to {where}: {error}; see that the network is up"
            return ApiError(events.Trouble.NETWORK, why)
        case Failure.TOO_LARGE:
            return Unreadable(str(error))


def _refused(method: str, path: str, response: Response) -> ApiError:
    try:
        code = readings.error_code(readings.parse(response.body))
    except Unreadable:
        code = ""
    what = f"{method} {path}: {response.status} {code}".rstrip()
    if code == "pos_not_found":
        what += "; look at external_store_id and external_pos_id"
    if response.status in (401, 403):
        why = f"Mercado Pago refuses the access token ({what}); put a valid one into access_token_file"
        return ApiError(events.Trouble.REFUSED, why, response.status, code)
    return ApiError(events.Trouble.BUSY, what, response.status, code, min(response.retry_after_s, LONGEST_PAUSE))


def _iso(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
