"""What Mercado Pago says about an order, and the one rule that decides whether it is paid.

`MerchantOrder` is a reading: it was true when Mercado Pago answered and may be outdated a second later.
`verdict` is pure and is the only place in the product that turns a reading into "paid". Every clause of it
has a test of its own. Amounts are `Decimal` from the first byte; nothing here computes with floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from enum import StrEnum

NEVER = datetime.min.replace(tzinfo=UTC)
EXACT = Context(prec=100)
"""Readings have amounts of up to 50 digits; the usual 28 would round a sum that is a hair short up to the total."""
DECIMALS = {"CLP": 0, "PYG": 0}
"""Of the currencies that have none; all others of Mercado Pago's countries have two."""


def in_currency(amount: Decimal, currency: str) -> Decimal:
    """An amount in the currency's own decimals: Mercado Pago's floats say 54.900000000000006 for 54.90."""
    with localcontext(EXACT):
        return amount.quantize(Decimal(1).scaleb(-DECIMALS.get(currency, 2)), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the order, as the shop's software sent it."""

    title: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay, as it stands inside a merchant order."""

    id: str
    status: str
    amount: Decimal
    """`transaction_amount`: the price, without the payer's instalment interest or coupons."""
    refunded: Decimal
    currency: str
    date_approved: datetime | None = None

    @property
    def approved(self) -> bool:
        return self.status == "approved"

    @property
    def left(self) -> Decimal:
        """What was not given back."""
        with localcontext(EXACT):
            return in_currency(self.amount, self.currency) - in_currency(self.refunded, self.currency)

    @property
    def returned(self) -> bool:
        """Whether some of it went back, to the payer or to the bank."""
        return self.refunded > 0 or self.status in ("refunded", "charged_back")


@dataclass(frozen=True, slots=True)
class MerchantOrder:
    """Mercado Pago's account of one order; several may exist for one `external_reference`."""

    id: str
    status: str
    order_status: str
    external_reference: str
    collector_id: str
    cancelled: bool
    total: Decimal
    site: str
    items: tuple[Item, ...] = ()
    payments: tuple[Payment, ...] = ()
    external_pos_id: str = ""
    """The shop's name of the point of sale, where the order itself names it; "" where only its payments do."""

    @property
    def handle(self) -> str:
        """The id by which it is read and cancelled on its till; "" of one that is made by somebody's scan."""
        return self.id if self.external_pos_id else ""

    @property
    def reference(self) -> str:
        """What the till files the order under: the shop's reference, or Mercado Pago's id where there is none."""
        return self.external_reference or f"merchant_order-{self.id}"

    @property
    def approved(self) -> tuple[Payment, ...]:
        return tuple(payment for payment in self.payments if payment.approved)

    def is_the_money_of(self, other: "MerchantOrder") -> bool:
        """Whether `other` has all of its payments: one sale that Mercado Pago tells under two names."""
        return {payment.id for payment in self.approved} <= {payment.id for payment in other.approved}

    @property
    def moved_money(self) -> tuple[Payment, ...]:
        """The payments that took money, at least for a while: what a person looks up where a sale went wrong."""
        return tuple(payment for payment in self.payments if payment.status not in ("rejected", "cancelled"))

    @property
    def received(self) -> Decimal:
        """The money that is really there: approved, less what was given back."""
        with localcontext(EXACT):
            return sum((payment.left for payment in self.approved), Decimal(0))

    @property
    def paid_twice(self) -> bool:
        """Whether one of its payments could go back, and the order would still be covered."""
        with localcontext(EXACT):
            return any(each.left > 0 and self.received - each.left >= self.due for each in self.approved)

    @property
    def due(self) -> Decimal:
        """The total, in the decimals of the currency that it was paid in."""
        return in_currency(self.total, self.currency)

    @property
    def paid_at(self) -> datetime:
        """When the money came, by Mercado Pago's clock; the beginning of time where no date is given."""
        return max((payment.date_approved for payment in self.approved if payment.date_approved), default=NEVER)

    @property
    def first_paid_at(self) -> datetime:
        """When the first of the money came; a further payment may follow an hour after the ticket."""
        return min((payment.date_approved for payment in self.approved if payment.date_approved), default=NEVER)

    @property
    def currency(self) -> str:
        return self.approved[0].currency if self.approved else ""


@dataclass(frozen=True)
class LoadedOrder:
    """The order on a till, as its GET shows it; whether it is paid is not in there."""

    reference: str
    total: Decimal
    handle: str = ""
    """Its id, where Mercado Pago gives it one."""


@dataclass(frozen=True)
class WantedOrder:
    """An order that somebody wants on our till. Made and checked by the till's page; each back-end of Mercado Pago
    writes it in its own JSON."""

    reference: str
    """Fresh, so that whoever asks twice means the same order."""
    title: str
    total: Decimal
    items: tuple[Item, ...]
    whole: bool = False
    """Whether its currency has no decimals."""


@dataclass(frozen=True)
class Account:
    """Who must have received the money, and where."""

    user_id: str
    pos_id: str
    """The internal id of our point of sale, by which payments name it."""
    external_pos_id: str = ""
    """The name that the shop chose for it, by which orders name it."""


class Verdict(StrEnum):
    """What a reading amounts to. The values of the rejections are the `reason` on the `tickets` topic."""

    PAID = "paid"
    LOOK_AGAIN = "look_again"
    PLACE_UNKNOWN = "place_unknown"

    WRONG_COLLECTOR = "wrong_collector"
    ANOTHER_TILL = "another_till"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    NOT_COVERED = "not_covered"
    NO_PLACE = "no_place"
    """Covered, and Mercado Pago names no point of sale for any of its payments."""
    MIXED_CURRENCIES = "mixed_currencies"

    @property
    def rejected(self) -> bool:
        return self not in (Verdict.PAID, Verdict.LOOK_AGAIN, Verdict.PLACE_UNKNOWN)


# Mercado Pago's reference and its OpenAPI of 2026 use different words (docs/mercadopago.md, M4); both are refused.
# `paid` is not believed either: it includes payments that were charged back (docs/mercadopago.md, M5).
UNPAID_WORDS = {
    "reverted": Verdict.REFUNDED,
    "refunded": Verdict.REFUNDED,
    "cancelled": Verdict.CANCELLED,
    "pending_cancel": Verdict.CANCELLED,
    "expired": Verdict.EXPIRED,
}
PARTLY_RETURNED = frozenset({"partially_reverted", "partially_refunded"})
"""What is left may still cover the order, as where one of two payments went back: the payments decide."""


def verdict(order: MerchantOrder, account: Account, on_our_till: bool, places: Mapping[str, str]) -> Verdict:
    """Say whether the money of `order` is there, in full, at our till.

    An order that names its point of sale settles that. Otherwise `places` says where a payment was made, as far as that
    is known ("" where Mercado Pago names none; then it is enough that the reference was seen loaded on our till:
    `on_our_till`).
    """
    found = money(order, account)
    if not found.rejected and order.external_pos_id not in ("", account.external_pos_id):
        return Verdict.ANOTHER_TILL
    if found is not Verdict.PAID or order.external_pos_id:
        return found
    named = {places[payment.id] for payment in order.approved if places.get(payment.id)}
    if account.pos_id in named:
        return Verdict.PAID
    if unplaced(order, places):
        return Verdict.PLACE_UNKNOWN
    if named:
        return Verdict.ANOTHER_TILL
    return Verdict.PAID if on_our_till else Verdict.NO_PLACE


def money(order: MerchantOrder, account: Account) -> Verdict:
    """Say whether the money of `order` is there, in full, and ours, wherever it was paid."""
    if order.collector_id != account.user_id:
        return Verdict.WRONG_COLLECTOR
    if order.cancelled:
        return Verdict.CANCELLED
    if order.status == "expired":
        return Verdict.EXPIRED
    if UNPAID_WORDS.get(order.order_status) is Verdict.REFUNDED:
        return Verdict.REFUNDED
    if order.status != "closed":
        return Verdict.LOOK_AGAIN
    if order.order_status in UNPAID_WORDS:
        return UNPAID_WORDS[order.order_status]
    if order.order_status in PARTLY_RETURNED and not any(payment.returned for payment in order.payments):
        return Verdict.LOOK_AGAIN  # the word is ahead of its payments
    if len({payment.currency for payment in order.approved}) > 1:
        return Verdict.MIXED_CURRENCIES
    if order.due <= 0 or order.received < order.due:
        return _short(order)
    return Verdict.PAID


def _short(order: MerchantOrder) -> Verdict:
    """Too little is there: some went back, or it never was enough."""
    return Verdict.REFUNDED if order.order_status in PARTLY_RETURNED else Verdict.NOT_COVERED


def unplaced(order: MerchantOrder, places: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the approved payments whose point of sale is still to be asked."""
    return tuple(payment.id for payment in order.approved if payment.id not in places)
