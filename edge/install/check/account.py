"""What Mercado Pago knows of this till: account, store and point of sale; and whether it takes an order.

The order is put only on a till that is free as far as can be known, expires after a minute whatever happens, names no
notification address, and is removed only if it is still the one on the till, or by its id. To a running daemon it is an
order like any other that nobody pays.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from edge.config.schema import Config
from edge.core import events
from edge.install.check.findings import Cause, Finding, Part, blocked, failed, ok, skipped, warning
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.decode import PointOfSale
from edge.mercadopago.exchange import ApiError
from edge.mercadopago.fields import DecodeError
from edge.mercadopago.new_order import CHILEAN_TIME_ZONES, NewOrder, fresh_reference, new_order

TEST_AMOUNT = Decimal(10)
"""Whole, for Chile. A customer who pays it in the second that it is there has bought something like any other."""
TEST_ORDER_LIFETIME = timedelta(seconds=60)
COUNTRY_BY_SITE = {
    "MLA": "Argentina",
    "MLB": "Brazil",
    "MLC": "Chile",
    "MLU": "Uruguay",
    "MLM": "Mexico",
    "MPE": "Peru",
    "MCO": "Colombia",
}
CAUSE_BY_TROUBLE = {
    events.Trouble.NETWORK: Cause.API_UNREACHABLE,
    events.Trouble.CLOCK: Cause.CLOCK_WRONG,
    events.Trouble.REFUSED: Cause.TOKEN_REFUSED,
    events.Trouble.FORBIDDEN: Cause.WRONG_APPLICATION,
    events.Trouble.NO_SUCH_TILL: Cause.NO_POS,
    events.Trouble.BUSY: Cause.API_ERROR,
}
ADVICE = {
    Cause.API_UNREACHABLE: "check the cable, the router, and any firewall in between",
    Cause.CLOCK_WRONG: "set the clock: timedatectl set-ntp true",
    Cause.TOKEN_REFUSED: "copy the token again from the account that receives the money",
    Cause.WRONG_APPLICATION: "make an application for in-person payments (QR), and use its token",
    Cause.NO_POS: "correct mercadopago.external_pos_id, or external_store_id and user_id",
    Cause.API_ERROR: "try again in a minute",
}


def check_account(api: MercadoPago, config: Config) -> Iterator[Finding]:
    """Try the token, then the store, then the point of sale."""
    yield (token := _tried(Part.TOKEN, lambda: _token(api, config)))
    if token.cause not in (None, Cause.OTHER_COUNTRY):
        yield blocked(Part.STORE, Part.TOKEN)
        yield blocked(Part.POS, Part.TOKEN)
        return
    yield _tried(Part.STORE, lambda: _store(api, config))
    yield _tried(Part.POS, lambda: _point_of_sale(api, config))


def check_order(api: MercadoPago, config: Config, now: datetime, nonce: str, waiting: str = "") -> Finding:
    """Put a small order on the till, fetch it, remove it. Any other order is left alone.

    `now` is Mercado Pago's time; `nonce` makes the reference a fresh one; `waiting` is the id of the order that the
    daemon knows to be on the till, where the till itself can't be asked.
    """
    reference = fresh_reference(f"check-{config.till.id}", now, nonce)
    order = new_order(config, reference, TEST_AMOUNT, (), now, TEST_ORDER_LIFETIME)
    order = replace(order, notification_url=None)  # no doorbell for this one
    return _tried(Part.ORDER, lambda: _there_and_back(api, order, waiting))


def _there_and_back(api: MercadoPago, order: NewOrder, waiting: str) -> Finding:
    there = api.till.look(waiting)
    if there.reference:
        seen = f"the order {there.reference} is on the till; it was not touched, and no order was tried"
        return skipped(Part.ORDER, Cause.TILL_IN_USE, seen, "check again when it is paid or gone")
    began = time.monotonic()
    try:
        loaded = api.till.look(api.till.put(order).handle)
    finally:  # what was not answered may have been carried out all the same
        tried = _remove(api, order)
    return _judge(order.reference, loaded, tried, time.monotonic() - began)


def _tried(part: Part, attempt: Callable[[], Finding]) -> Finding:
    """What an attempt finds, or why Mercado Pago can't be asked."""
    try:
        return attempt()
    except ApiError as error:
        cause = CAUSE_BY_TROUBLE[error.trouble]
        if part is Part.ORDER and 400 <= error.status < 500 and cause in (Cause.API_ERROR, Cause.NO_POS):
            return failed(part, Cause.ORDER_REFUSED, str(error), "send this line to support")
        return failed(part, cause, str(error), ADVICE[cause])
    except DecodeError as error:
        return failed(part, Cause.API_ERROR, f"an answer that makes no sense: {error}", ADVICE[Cause.API_ERROR])


def _token(api: MercadoPago, config: Config) -> Finding:
    owner = api.owner()
    began = time.monotonic()
    api.owner()  # again, over the open connection: each question of the till takes as long
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    who = f"account {owner.user_id}{f' ({owner.nickname})' if owner.nickname else ''}"
    if owner.user_id != config.mercadopago.user_id:
        seen = f"the token belongs to {who}, and mercadopago.user_id is {config.mercadopago.user_id}"
        return failed(
            Part.TOKEN, Cause.OTHER_ACCOUNT, seen, "use the token of the account that receives the money", took
        )
    country = COUNTRY_BY_SITE.get(owner.site, owner.site or "no country")
    if (owner.site == "MLC") != (config.till.timezone.key in CHILEAN_TIME_ZONES):
        seen = f"{who} is in {country}, and till.timezone is {config.till.timezone.key}"
        return warning(Part.TOKEN, Cause.OTHER_COUNTRY, seen, "set till.timezone to the shop's", took)
    return ok(Part.TOKEN, f"{who}, {country}; an answer takes {took}", took)


def _store(api: MercadoPago, config: Config) -> Finding:
    name = config.mercadopago.external_store_id
    store = api.store_id()
    if store is None:
        return failed(
            Part.STORE,
            Cause.NO_STORE,
            f"the account has no store {name}",
            "create it, or correct mercadopago.external_store_id; stores made in the app may lack an external id",
        )
    return ok(Part.STORE, f"{name} is store {store}", store)


def _point_of_sale(api: MercadoPago, config: Config) -> Finding:
    pos, name = api.point_of_sale(), config.mercadopago.external_pos_id
    if pos is None:
        return failed(
            Part.POS,
            Cause.NO_POS,
            f"the account has no point of sale {name}",
            "create it, or correct mercadopago.external_pos_id; those made in the app may lack an external id",
        )
    return next(_faults(pos, config), ok(Part.POS, f"{name} is point of sale {pos.id} of this store", pos.id))


def _faults(pos: PointOfSale, config: Config) -> Iterator[Finding]:
    """What is wrong with the point of sale, the worst first."""
    name, store = config.mercadopago.external_pos_id, config.mercadopago.external_store_id
    if pos.external_store_id not in ("", store):
        seen = f"{name} belongs to the store {pos.external_store_id}, and mercadopago.external_store_id is {store}"
        yield failed(Part.POS, Cause.OTHER_STORE, seen, "correct one of the two")
    if not pos.active:
        yield failed(Part.POS, Cause.POS_INACTIVE, f"{name} is not active", "activate it in the account")
    if not pos.fixed_amount:
        seen = f"{name} has fixed_amount false: customers type any amount, without an order"
        yield failed(Part.POS, Cause.FREE_AMOUNT, seen, "set fixed_amount to true: PUT /pos/" + pos.id)


# --- the order -----------------------------------------------------------------------------------------------------


def _remove(api: MercadoPago, order: NewOrder) -> events.CancelTried | None:
    """Remove our order if it is there; None if we can't know whether it is gone."""
    for _ in range(2):
        with contextlib.suppress(ApiError, DecodeError):
            return api.cancel(order.reference, api.till.handle_of(order))
    return None


def _judge(reference: str, loaded: events.TillSeen, tried: events.CancelTried | None, seconds: float) -> Finding:
    if loaded.reference is None:
        seen = "Mercado Pago accepted an order, but it is not on the till"
        return failed(
            Part.ORDER,
            Cause.ORDER_LOST,
            seen,
            "check that user_id, external_store_id and external_pos_id belong together",
        )
    if loaded.reference != reference:
        return _replaced(loaded.reference)
    if loaded.total != TEST_AMOUNT:
        seen = f"an order of {TEST_AMOUNT} was put on the till, but one of {loaded.total} is there"
        return failed(Part.ORDER, Cause.ORDER_LOST, seen, ADVICE[Cause.API_ERROR])
    removal = tried.removal if tried else None
    if tried and removal is events.Removal.ANOTHER:
        return _replaced(tried.on_till or "of the shop")
    if removal is not events.Removal.DELETED:
        seen = f"{reference} was put on the till, but could not be removed ({removal or 'no answer'})"
        return failed(Part.ORDER, Cause.ORDER_STAYS, seen, "it expires within a minute; then check again")
    took = f"{seconds * 1000:.0f} ms"
    return ok(Part.ORDER, f"{reference} was put on the till, fetched and removed in {took}", took)


def _replaced(by: str) -> Finding:
    seen = f"the order {by} replaced ours; it was not touched"
    return warning(Part.ORDER, Cause.ORDER_REPLACED, seen, "check again with --no-order while the till sells")
