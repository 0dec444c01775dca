"""Mercado Pago's in-store API (version 2) and merchant orders: a duty goes in, a fact comes out.

One session, kept alive; every exchange has a deadline. `do` never raises for what the network or the other side does:
that becomes `Unreachable`. So does an answer that can't be decoded, so that one odd order doesn't stop the till. The
token is sent in one header and appears in no message, log or exception.
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
from edge.mercadopago.decode import (
    DecodeError,
    Found,
    Owner,
    Page,
    PointOfSale,
    decode_error_code,
    decode_json,
    decode_listed_payments,
    decode_loaded_order,
    decode_merchant_order,
    decode_merchant_orders,
    decode_owner,
    decode_payment,
    decode_payments,
    decode_point_of_sale,
    decode_pos_id,
    decode_store_id,
    encode_order,
)

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 4 * 1024 * 1024
PAGE_SIZE = 50
MAX_SEARCH_PAGES = 10
"""A question that took longer than the watchdog waits would be asked for ever."""
MAX_SWEEP_PAGES = 3
"""Of one piece of a sweep; then a cashier who waits for an answer comes first."""
MAX_RETRY_AFTER_S = 60.0
"""A `Retry-After` of a day is not obeyed while a customer stands at the till."""


class ApiError(Exception):
    """Mercado Pago couldn't be reached, or refused. `code` is its own word for the reason; the text is for people."""

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
        self._session = Session(config.api_url, headers, config.timeout_seconds, MAX_BODY_BYTES)
        self._clock = time.time
        """Mercado Pago's time, in Unix seconds; our own time before the first answer."""

    def do(self, duty: duties.PaymentDuty) -> events.Answered:
        """Do a duty; the event says what came of it."""
        try:
            return events.Answered(duty, self._answer(duty))
        except ApiError as error:
            if _means_not_found(error, duty):
                return events.Answered(duty, events.NotFound())
            failed = events.Unreachable(error.trouble, str(error), random.random(), error.retry_after)
            return events.Answered(duty, failed)
        except DecodeError as error:
            log.warning("%s: Mercado Pago's answer can't be decoded: %s", duty, error)
            failed = events.Unreachable(events.Trouble.BUSY, f"unreadable answer: {error}", random.random())
            return events.Answered(duty, failed)

    def clock_ahead(self) -> float | None:
        """Seconds that our clock is ahead of Mercado Pago's; None before the first answer. From any thread."""
        return None if self._clock is time.time else time.time() - self._clock()

    def close(self) -> None:
        self._session.close()

    def _answer(self, duty: duties.PaymentDuty) -> events.Answer:
        match duty:
            case duties.FindPos():
                return self._find_pos()
            case duties.Verify(identity):
                answer = self._get("/merchant_orders/" + quote(identity, safe=""))
                return events.MerchantOrderRead(decode_merchant_order(answer))
            case duties.ReadPayment(identity):
                return decode_payment(self._get("/v1/payments/" + quote(identity, safe="")))
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
                return self._fetch_day(duty)

    # --- what Mercado Pago knows --------------------------------------------------------------------------------------

    def find_merchant_orders(self, reference: str) -> tuple[MerchantOrder, ...]:
        """All merchant orders of exactly this reference. Raises `ApiError`, `DecodeError`."""
        query = {"external_reference": reference}
        found, _ = self._search("/merchant_orders/search", query, decode_merchant_orders, MAX_SEARCH_PAGES)
        return tuple(order for order in found if order.external_reference == reference)

    def order_on_till(self) -> LoadedOrder | None:
        """The order on our till, whoever put it there. Raises `ApiError`, `DecodeError`."""
        try:
            return decode_loaded_order(self._get(self._till_path))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def owner(self) -> Owner:
        """The account that our token belongs to. Raises `ApiError`, `DecodeError`."""
        return decode_owner(self._get("/users/me"))

    def store_id(self) -> str | None:
        """The internal id of our store; None if the account has none of that name. Raises `ApiError`, `DecodeError`."""
        name = self._config.external_store_id
        answer = self._get(f"/users/{self._config.user_id}/stores/search", {"external_id": name})
        return decode_store_id(answer, name)

    def point_of_sale(self) -> PointOfSale | None:
        """Our point of sale, in whatever store; None if it isn't there. Raises `ApiError`, `DecodeError`."""
        name = self._config.external_pos_id
        return decode_point_of_sale(self._get("/pos", {"external_id": name}), name)

    def _find_pos(self) -> events.PosFound | events.NotFound:
        query = {"external_id": self._config.external_pos_id, "external_store_id": self._config.external_store_id}
        answer = self._get("/pos", query)
        pos_id = decode_pos_id(answer, self._config.external_pos_id, self._config.external_store_id)
        return events.PosFound(pos_id) if pos_id else events.NotFound()

    def _sweep(self, pos_id: str, since: datetime | None) -> events.Swept:
        """Payments by the date of their creation: a refund meanwhile may shift pages, but not where a piece begins."""
        if self._clock is time.time:
            self._find_pos()  # for their time: by a clock that is an hour off, an hour of payments would be missed
        until = datetime.fromtimestamp(self._clock(), UTC)
        begin = since or until - timedelta(minutes=duties.Sweep.FIRST_MINUTES)
        end = until + timedelta(minutes=1)
        found, complete = self._approved(pos_id, "date_created", begin, end, decode_payments)
        ours = {payment.id: payment.merchant_order for payment in found if payment.pos_id in ("", pos_id)}
        reached = None if complete else _reached((payment.created for payment in found if payment.created), begin)
        money = {payment.id: payment.money for payment in found if payment.id in ours and payment.money}
        return events.Swept(pos_id, until, ours, reached, money)

    def _fetch_day(self, duty: duties.ReadDay) -> events.DayRead | events.NotFound:
        """Payments by the date of their approval. This is rare enough to ask for our point of sale as well."""
        pos = self._find_pos()
        if isinstance(pos, events.NotFound):
            return pos
        at, begin = datetime.fromtimestamp(self._clock(), UTC), duty.since or duty.begin
        found, complete = self._approved(pos.pos_id, "date_approved", begin, duty.end, decode_listed_payments)
        ours = tuple(payment for payment, pos_id in found if pos_id in ("", pos.pos_id))
        reached = None if complete else _reached((payment.approved_at for payment, _ in found), begin)
        return events.DayRead(at, (*duty.so_far, *ours), reached)

    def _approved(
        self, pos_id: str, date: str, begin: datetime, end: datetime, decode: Callable[[Any], Page[Found]]
    ) -> tuple[list[Found], bool]:
        """The oldest approved payments of a point of sale, by one of their dates; and whether these are all."""
        query = {
            "pos_id": pos_id,
            "status": "approved",
            "sort": date,
            "criteria": "asc",
            "range": date,
            "begin_date": _iso(begin),
            "end_date": _iso(end),
        }
        return self._search("/v1/payments/search", query, decode, MAX_SWEEP_PAGES)

    def _search(
        self, path: str, query: Mapping[str, str], decode: Callable[[Any], Page[Found]], max_pages: int
    ) -> tuple[list[Found], bool]:
        """What a search finds on the first pages, and whether that is all."""
        found: list[Found] = []
        seen = 0
        for _ in range(max_pages):
            page = decode(self._get(path, {**query, "limit": str(PAGE_SIZE), "offset": str(seen)}))
            found.extend(page.found)
            seen += page.size
            if len(page.found) < page.size:
                log.warning("%s %s: %d elements can't be decoded", path, query, page.size - len(page.found))
            if not page.size or seen >= page.total:
                return found, True
        return found, False

    # --- the order on the till -------------------------------------------------------------------------------------

    def put_order(self, order: Mapping[str, Any]) -> None:
        """Put an order, as `new_order` makes it, on our till; it replaces any that is there. Raises `ApiError`."""
        config = self._config
        store = f"/stores/{quote(config.external_store_id)}/pos/{quote(config.external_pos_id)}/orders"
        self._call("PUT", f"/instore/qr/seller/collectors/{config.user_id}{store}", body=encode_order(order))

    def cancel(self, reference: str) -> events.CancelTried:
        """Remove the order if it is still on the till, then fetch what was paid. Raises `ApiError`, `DecodeError`.

        DELETE acts on the till, not on a reference, and removes whatever is there; hence the look just before.
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
            # Absent, paid and not removable all come as the same 400 (or 500, as documented).
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
        return decode_json(self._call("GET", path, query).body)

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
        """Keep Mercado Pago's time by the monotonic clock: the machine's own may be set at any moment."""
        try:
            ahead = parsedate_to_datetime(response.date).timestamp() - response.date_at
        except (ValueError, TypeError, OverflowError):  # no date: the last one still counts
            return
        self._clock = lambda: time.monotonic() + ahead


def _reached(dates: Iterable[datetime], begin: datetime) -> datetime:
    """How far a piece of a search got, and where the next one begins: always later. Raises `DecodeError`."""
    latest = max(dates, default=None)
    if latest is None:
        raise DecodeError("no payment on these pages has a date")
    return max(latest, begin + timedelta(milliseconds=1))


def _means_not_found(error: ApiError, duty: duties.PaymentDuty) -> bool:
    """Whether an id is unknown, malformed, or somebody else's. A bad token shows when we ask for our own things."""
    if not isinstance(duty, duties.Verify | duties.ReadPayment):
        return error.status == 404 and isinstance(duty, duties.FindPos)
    return error.status in (400, 403, 404) or error.code == "invalid_caller_id"


def _unreachable(error: HttpError, where: str) -> ApiError | DecodeError:
    match error.failure:
        case Failure.CLOCK:
            why = "this machine's clock is wrong: the certificate is not valid at its date"
            return ApiError(events.Trouble.CLOCK, why)
        case Failure.TLS:
            return ApiError(events.Trouble.NETWORK, f"no trusted connection to {where}: {error}")
        case Failure.TIMEOUT:
            return ApiError(events.Trouble.NETWORK, f"no answer in time from {where}")
        case Failure.NETWORK:
            why = f"no connection to {where}: {error}; check that the network is up"
            return ApiError(events.Trouble.NETWORK, why)
        case Failure.TOO_LARGE:
            return DecodeError(str(error))


def _refused(method: str, path: str, response: Response) -> ApiError:
    try:
        code = decode_error_code(decode_json(response.body))
    except DecodeError:
        code = ""
    what = f"{method} {path}: {response.status} {code}".rstrip()
    if code == "pos_not_found":
        what += "; check external_store_id and external_pos_id"
    if response.status in (401, 403):
        why = f"Mercado Pago refuses the access token ({what}); put a valid one into access_token_file"
        return ApiError(events.Trouble.REFUSED, why, response.status, code)
    return ApiError(events.Trouble.BUSY, what, response.status, code, min(response.retry_after_s, MAX_RETRY_AFTER_S))


def _iso(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
