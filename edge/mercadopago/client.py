"""Mercado Pago as seen from one till: a duty goes in, a fact comes out.

`do` never raises for what the network or the other side does: that becomes `Unreachable`. So does an answer that can't
be decoded, so that one odd order doesn't stop the till.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from edge.config.schema import MercadoPagoConfig
from edge.core import duties, events
from edge.core.order import MerchantOrder, WantedOrder
from edge.mercadopago.clock import ServerClock
from edge.mercadopago.decode import (
    Owner,
    PointOfSale,
    decode_listed_payments,
    decode_owner,
    decode_payment,
    decode_payments,
    decode_point_of_sale,
    decode_pos_id,
    decode_store_id,
)
from edge.mercadopago.exchange import ApiError, Exchange
from edge.mercadopago.fields import DecodeError, Found, Page, iso
from edge.mercadopago.instore import InStoreTill
from edge.mercadopago.new_order import NewOrder
from edge.mercadopago.orders import ORDER_ID, OrdersTill

log = logging.getLogger(__name__)

MAX_SWEEP_PAGES = 3
"""Of one piece of a sweep; then a cashier who waits for an answer comes first."""
LATEST = 3
"""Payments on the list of the latest. One is the rule; more only make it longer."""
TIME_AGAIN_S = 0.5
MAX_WAIT_FOR_TIME_S = 4.0
"""How long a sweep waits for Mercado Pago's time to be sure: only where this machine's own clock is wrong."""


class MercadoPago:
    """The API as seen from one till. Used by one thread; those that ask side by side share a `clock`.

    An order is in the book of the API that put it on the till, and may be in the other's too. `till` is the back-end of
    the configuration: it shows the till, and takes new orders. An order that has an id is the Orders API's under
    either, so that a shop may move between the two in the middle of a day.
    """

    def __init__(self, config: MercadoPagoConfig, version: str = "", clock: ServerClock | None = None) -> None:
        self._config = config
        self._exchange = Exchange(config, version, clock or ServerClock())
        self._instore, self._orders = InStoreTill(self._exchange, config), OrdersTill(self._exchange, config)
        self.till: InStoreTill | OrdersTill = self._orders if config.api == "orders" else self._instore

    def do(self, duty: duties.PaymentDuty) -> events.Answered:
        """Do a duty; the event says what came of it."""
        try:
            return events.Answered(duty, self._answer(duty))
        except ApiError as error:
            if _means_not_found(error, duty):
                return events.Answered(duty, events.NotFound())
            too_many = error.status == 429
            failed = events.Unreachable(error.trouble, str(error), random.random(), error.retry_after, too_many)
            return events.Answered(duty, failed)
        except DecodeError as error:
            log.warning("%s: Mercado Pago's answer can't be decoded: %s", duty, error)
            failed = events.Unreachable(events.Trouble.BUSY, f"unreadable answer: {error}", random.random())
            return events.Answered(duty, failed)

    def clock_ahead(self) -> float | None:
        """Seconds that our clock is ahead of Mercado Pago's; None before that is known. From any thread."""
        return self._exchange.clock.ahead()

    def close(self) -> None:
        self._exchange.close()

    def _answer(self, duty: duties.PaymentDuty) -> events.Answer:
        match duty:
            case duties.FindPos():
                return self._find_pos()
            case duties.Verify(identity):
                return events.MerchantOrderRead(self._book(identity).read(identity))
            case duties.ReadPayment(identity):
                return decode_payment(self._exchange.get("/v1/payments/" + quote(identity, safe="")))
            case duties.Search():
                return events.OrdersFound(duty.reference, self.find(duty))
            case duties.LookAtTill(announced):
                return self.till.look(announced)
            case duties.Cancel(reference, handle):
                return self.cancel(reference, handle)
            case duties.PutOrder(order, announced):
                return self._put(order, announced)
            case duties.Sweep(pos_id, since):
                return self._sweep(pos_id, since)
            case duties.ListLatest(pos_id):
                return self._list_latest(pos_id)
            case duties.ReadDay():
                return self._fetch_day(duty)

    def _book(self, identity: str) -> InStoreTill | OrdersTill:
        return self._orders if ORDER_ID.fullmatch(identity) else self._instore

    def find(self, search: duties.Search) -> tuple[MerchantOrder, ...]:
        """All that there is of a reference: by its id, or in our own book, or else in the other. Raises as `till`."""
        if search.handle:
            return self._orders.known(search.handle)
        other = self._instore if self.till is self._orders else self._orders
        return self.till.find(search.reference) or (() if search.on_till else other.find(search.reference))

    def cancel(self, reference: str, handle: str) -> events.CancelTried:
        """Remove an order: by its id, or else if it is on the till by now. Raises as `till`."""
        return self._book(handle).cancel(reference, handle)

    def _put(self, wanted: WantedOrder, announced: str) -> events.OrderPut | events.OrderNotPut:
        """Put an order on a free till. Asked again after an answer was lost, it finds what the first attempt did."""
        there = self.till.look(announced)
        if there.reference is None:
            return self._put_on_free_till(wanted)
        if there.reference == wanted.reference:
            return events.OrderPut(there)
        return events.OrderNotPut(wanted.reference, events.PutRefusal.OCCUPIED, there.reference)

    def _put_on_free_till(self, wanted: WantedOrder) -> events.OrderPut | events.OrderNotPut:
        for order in self.find(duties.Search(wanted.reference)):
            if order.handle and order.status == "opened" and not (order.cancelled or order.moved_money):
                return events.OrderPut(events.TillSeen(wanted.reference, order.total, order.handle))
            return events.OrderNotPut(wanted.reference, events.PutRefusal.USED)
        now = datetime.fromtimestamp(self._exchange.clock.now(), UTC)
        try:
            ours = self.till.put(NewOrder.of(wanted, now, self._config.notification_url))
        except ApiError as error:
            if not error.is_final:
                raise
            return events.OrderNotPut(wanted.reference, events.PutRefusal.REFUSED, str(error))
        return events.OrderPut(events.TillSeen(wanted.reference, ours.total, ours.handle))

    # --- what Mercado Pago knows --------------------------------------------------------------------------------------

    def owner(self) -> Owner:
        """The account that our token belongs to. Raises `ApiError`, `DecodeError`."""
        return decode_owner(self._exchange.get("/users/me"))

    def store_id(self) -> str | None:
        """The internal id of our store; None if the account has none of that name. Raises `ApiError`, `DecodeError`."""
        name = self._config.external_store_id
        answer = self._exchange.get(f"/users/{self._config.user_id}/stores/search", {"external_id": name})
        return decode_store_id(answer, name)

    def point_of_sale(self) -> PointOfSale | None:
        """Our point of sale, in whatever store; None if it isn't there. Raises `ApiError`, `DecodeError`."""
        name = self._config.external_pos_id
        return decode_point_of_sale(self._exchange.get("/pos", {"external_id": name}), name)

    def _find_pos(self) -> events.PosFound | events.NotFound:
        query = {"external_id": self._config.external_pos_id, "external_store_id": self._config.external_store_id}
        answer = self._exchange.get("/pos", query)
        pos_id = decode_pos_id(answer, self._config.external_pos_id, self._config.external_store_id)
        return events.PosFound(pos_id) if pos_id else events.NotFound()

    def _sweep(self, pos_id: str, since: datetime | None) -> events.Swept:
        """Payments by the date of their creation: a refund meanwhile may shift pages, but not where a piece begins."""
        until = self._time()
        begin = since or until - timedelta(minutes=duties.Sweep.FIRST_MINUTES)
        if begin > until:
            begin = until - timedelta(minutes=duties.Sweep.MISTRUSTED_MINUTES)
        end = until + timedelta(minutes=1)
        found, complete = self._approved(pos_id, "date_created", begin, end, decode_payments)
        ours = {payment.id: payment.merchant_order for payment in found if payment.pos_id in ("", pos_id)}
        reached = None if complete else _reached((payment.created for payment in found if payment.created), begin)
        money = {payment.id: payment.money for payment in found if payment.id in ours and payment.money}
        unplaced = frozenset(payment.id for payment in found if not payment.pos_id)
        return events.Swept(pos_id, until, ours, reached, money, unplaced)

    def _list_latest(self, pos_id: str) -> events.LatestListed:
        """The newest payments that name our point of sale: only a few, for a customer waits."""
        until = datetime.fromtimestamp(self._exchange.clock.now(), UTC)
        begin = until - timedelta(minutes=duties.ListLatest.MINUTES)
        query = _approved_query(pos_id, "date_created", begin, until + timedelta(minutes=1), newest_first=True)
        page = decode_payments(self._exchange.get("/v1/payments/search", {**query, "limit": str(LATEST)}))
        ours = {each.id: each.merchant_order for each in page.found if each.pos_id == pos_id}
        return events.LatestListed(pos_id, ours)

    def _fetch_day(self, duty: duties.ReadDay) -> events.DayRead | events.NotFound:
        """Payments by the date of their approval. This is rare enough to ask for our point of sale as well."""
        pos = self._find_pos()
        if isinstance(pos, events.NotFound):
            return pos
        at, begin = self._time(), duty.since or duty.begin
        found, complete = self._approved(pos.pos_id, "date_approved", begin, duty.end, decode_listed_payments)
        ours = tuple(replace(payment, placed=bool(pos_id)) for payment, pos_id in found if pos_id in ("", pos.pos_id))
        reached = None if complete else _reached((payment.approved_at for payment, _ in found), begin)
        return events.DayRead(at, (*duty.so_far, *ours), reached)

    def _approved(
        self, pos_id: str, date: str, begin: datetime, end: datetime, decode: Callable[[Any], Page[Found]]
    ) -> tuple[list[Found], bool]:
        """The oldest approved payments of a point of sale, by one of their dates; and whether these are all."""
        query = _approved_query(pos_id, date, begin, end)
        return self._exchange.search("/v1/payments/search", query, decode, MAX_SWEEP_PAGES)

    def _time(self) -> datetime:
        """Mercado Pago's time, asked for until it is sure: by one that is an hour off, payments would be missed."""
        clock, give_up_at = self._exchange.clock, time.monotonic() + MAX_WAIT_FOR_TIME_S
        if not clock.is_sure:
            self._find_pos()
        while clock.is_doubtful and time.monotonic() < give_up_at:
            time.sleep(TIME_AGAIN_S)
            self._find_pos()
        return datetime.fromtimestamp(clock.now(), UTC)


def _approved_query(
    pos_id: str, date: str, begin: datetime, end: datetime, newest_first: bool = False
) -> dict[str, str]:
    return {
        "pos_id": pos_id,
        "status": "approved",
        "sort": date,
        "criteria": "desc" if newest_first else "asc",
        "range": date,
        "begin_date": iso(begin),
        "end_date": iso(end),
    }


def _reached(dates: Iterable[datetime], begin: datetime) -> datetime:
    """How far a piece of a search got, and where the next one begins: always later. Raises `DecodeError`."""
    latest = max(dates, default=None)
    if latest is None:
        raise DecodeError("no payment on these pages has a date")
    return max(latest, begin + timedelta(milliseconds=1))


def _means_not_found(error: ApiError, duty: duties.PaymentDuty) -> bool:
    """Whether it is no failure, but the answer: there is no such thing."""
    if isinstance(duty, duties.Verify | duties.ReadPayment):
        return error.names_nothing
    return error.status == 404 and isinstance(duty, duties.FindPos)
