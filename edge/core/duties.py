"""Everything that the till can owe: to Mercado Pago, to the printer, to the ear, to the relay.

The core works a duty out from what it knows; a worker carries it out and answers with an event (`events.py`). A duty is
an imperative and carries all that its worker needs. All are frozen, so any thread may hold them.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from edge.core.calibration import Calibration
from edge.core.day_report import Day, Received
from edge.core.notices import Notice
from edge.core.order import NEVER, MerchantOrder, WantedOrder

PAYMENT_PREFIX = "payment "
"""Stands before a payment's id wherever the reader expects the id of a merchant order."""

# --- to Mercado Pago: the payments worker's ------------------------------------------------------------------------


@dataclass(frozen=True)
class FindPos:
    """Ask for the internal id of our point of sale."""


@dataclass(frozen=True)
class Verify:
    """Read the merchant order `id`."""

    id: str


@dataclass(frozen=True)
class ReadPayment:
    """Read the payment `id`: where it was made and which merchant order it belongs to."""

    id: str


@dataclass(frozen=True)
class Search:
    """Read all that Mercado Pago has of a reference."""

    reference: str
    handle: str = field(default="", compare=False, repr=False)
    """Its id on our till, where Mercado Pago gave it one. Like the next one filled in when the question goes out."""
    on_till: bool = field(default=False, compare=False, repr=False)
    """The till itself showed it, so that it need not be looked for anywhere else."""


@dataclass(frozen=True)
class LookAtTill:
    """Ask which order is on our till."""

    announced: str = field(default="", compare=False, repr=False)
    """The id or the reference that may be there: where no till can be asked, that one is read."""


@dataclass(frozen=True)
class Cancel:
    """Remove the order from our till if it is still the one that was meant, then read what was paid of it."""

    reference: str
    handle: str = field(default="", compare=False, repr=False)
    """As in `Search`. An order that has one is removed by it, whatever else is on the till by then."""


@dataclass(frozen=True)
class PutOrder:
    """Put this order on our till, unless another one is there. The same order is put there once."""

    order: WantedOrder
    announced: str = field(default="", compare=False, repr=False)
    """As in `LookAtTill`: it may be in the way."""


@dataclass(frozen=True)
class Sweep:
    """Ask what was paid at our point of sale since `since` (None: in the last `Sweep.FIRST_MINUTES` minutes).

    A long list is read in several pieces; each begins where the last one ended.
    """

    pos_id: str
    since: datetime | None = None

    FIRST_MINUTES = 15
    MISTRUSTED_MINUTES = 60
    """How far back, if `since` is still to come: the clock that it was read from was wrong."""


@dataclass(frozen=True)
class ReadDay:
    """Ask what was approved at our point of sale from `begin` on and before `end`: a day of the shop's calendar.

    Like a sweep, a long list is read in several pieces: `so_far` was read up to `since`.
    """

    begin: datetime
    end: datetime
    since: datetime | None = None
    so_far: tuple[Received, ...] = field(default=(), repr=False, compare=False)
    rounds: int = field(default=0, compare=False)
    """How often the list was read already, with what the till didn't know of it looked up in between."""

    def covers(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True)
class ListLatest:
    """Ask which payments came in last at our point of sale: where an order was paid, asked beside the order itself."""

    pos_id: str

    MINUTES = 5
    """How far back."""


PaymentDuty = FindPos | Verify | ReadPayment | Search | LookAtTill | Cancel | PutOrder | Sweep | ReadDay | ListLatest

# --- to the printer: the printing worker's -------------------------------------------------------------------------


class Banner(StrEnum):
    """A sentence at the top of a ticket that changes what it means."""

    COPY = "copy"
    LATE = "late"


@dataclass(frozen=True)
class Print:
    """Print the ticket of a paid order."""

    order: MerchantOrder
    banners: tuple[Banner, ...] = ()
    despite: bool = False
    """A person pressed the button although the printer says that it can't print: it may be wrong about itself."""


@dataclass(frozen=True)
class PrintList:
    """Print which tickets wait, oldest first, instead of the tickets."""

    orders: tuple[MerchantOrder, ...]


@dataclass(frozen=True)
class PrintTest:
    """Print a slip that shows how this printer prints; it is no ticket, and says so."""


@dataclass(frozen=True)
class PrintDay:
    """Print what a day came to, and where Mercado Pago says otherwise."""

    day: Day


class Cause(StrEnum):
    """What keeps a till from its work while its printer prints. The values stand in the journal."""

    NO_INTERNET = "no_internet"
    API_DOWN = "api_down"
    WRONG_CLOCK = "wrong_clock"
    TOKEN_REFUSED = "token_refused"
    WRONG_APPLICATION = "wrong_application"
    """The token's application may not ask what a till has to ask."""
    WRONG_TILL = "wrong_till"
    """Mercado Pago knows no such point of sale in this account."""
    NO_MEMORY = "no_memory"
    """The journal takes nothing."""
    TWINS = "twins"
    """Two devices with one identity."""
    BROKER_CREDENTIALS = "broker_credentials"
    """The broker doesn't take user, password or rights of this till."""
    BROKER_UNFIT = "broker_unfit"
    """It can't do what a till needs."""
    BROKER_BUSY = "broker_busy"
    BROKER_REFUSES = "broker_refuses"
    """It doesn't say why in words that we know."""
    BROKER_MUTE = "broker_mute"
    BROKER_HANGS_UP = "broker_hangs_up"
    MISCONFIGURED = "misconfigured"
    """There is no till yet that could owe this one; see `config_slip.py`."""


@dataclass(frozen=True)
class PrintFailure:
    """Print what keeps the till from its work, and whom to call."""

    cause: Cause
    why: str = ""
    """The details, for whoever is called; one on each line."""
    at: datetime | None = None
    """By Mercado Pago's clock; None if we have not heard it since the start."""


@dataclass(frozen=True)
class PrintConcern:
    """Print what a person must look at: the operation numbers, the sums, and what to do."""

    notice: Notice
    is_copy: bool = False
    """An earlier attempt may have come out."""


@dataclass(frozen=True)
class PrintCalibration:
    """Print what a person is asked about how this printer prints; or, when all is answered, use that and show it."""

    state: Calibration


@dataclass(frozen=True)
class PrintPairing:
    """Print the code that lets a device use the till's page."""

    code: str = field(repr=False)


Slip = PrintList | PrintTest | PrintDay | PrintFailure | PrintConcern | PrintCalibration | PrintPairing
"""What is printed beside tickets."""


@dataclass(frozen=True)
class LookAtPrinter:
    """Ask the printer how it is; nothing is printed."""


# --- what is heard: the sound worker's, and the printer's bell ------------------------------------------------------


class Heard(StrEnum):
    """The signs of the light that are heard, too, by the same names as in `status.Signal`."""

    PAID = "paid"
    HOLDING = "holding"
    CANCELLED = "cancelled"
    ATTENTION = "attention"
    PRINTER = "printer"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Play:
    """Let a sign be heard, once. Of a sale it carries the sum."""

    sign: Heard
    at: float
    """When the light began to say it, in the core's seconds."""
    reference: str = ""
    amount: Decimal = Decimal(0)
    currency: str = ""
    sales: int = 1
    """How many it stands for: with more than one, the sum is the last one's, and their number is said instead."""


@dataclass(frozen=True)
class PrepareSounds:
    """Make the next pieces that sounds are put together from, so that a sale need not wait for any."""


@dataclass(frozen=True)
class RingBell:
    """Let the printer's own bell be heard. Nothing is printed, and nothing is proved."""

    sign: Heard


SoundDuty = Play | PrepareSounds
PrinterDuty = Print | Slip | LookAtPrinter | RingBell

# --- to the relay and to support: the broker's ---------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of an order, in the words of the `tickets` topic."""

    PRINTED = "printed"
    UNCONFIRMED = "unconfirmed"
    COPY = "copy"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    LATE_MONEY = "late_money"
    DOUBLE_PAYMENT = "double_payment"
    REFERENCE_USED_AGAIN = "reference_used_again"


@dataclass(frozen=True)
class Report:
    """One outcome, as it is published. Made where it happens; kept by the journal until the broker acknowledges it."""

    outcome: Outcome
    reference: str = ""
    merchant_order: str = ""
    """The id of the merchant order that it is about, if one is."""
    reason: str = ""
    """Why, if it is a rejection."""
    payment: str = ""
    """The id of the payment, if no merchant order is known."""
    amount: str = ""
    """What the order came to, exactly, as a decimal number; "" where no reading is at hand."""
    currency: str = ""
    payments: tuple[str, ...] = ()
    """The operation numbers of the money that moved."""
    paid_at: str = ""
    """RFC 3339, by Mercado Pago's clock; "" where it gives no date."""
    copy: bool = False
    """The ticket is marked as a copy, whatever became of it."""

    def of(self, reading: MerchantOrder | None) -> "Report":
        """The same, with what a bookkeeper needs of the sale."""
        if reading is None:
            return self
        return replace(
            self,
            amount=f"{reading.total:f}",
            currency=next((payment.currency for payment in reading.moved_money), ""),
            payments=tuple(payment.id for payment in reading.moved_money),
            paid_at="" if reading.paid_at == NEVER else reading.paid_at.isoformat(timespec="seconds"),
        )

    @property
    def subject(self) -> str:
        """What it is about, as it is published and logged; "" if neither is known."""
        return shown(ReadPayment(self.payment) if self.payment else Verify(self.merchant_order))


class Command(StrEnum):
    """What support may ask of a till. None of them moves money or makes an unmarked ticket."""

    IDENTIFY = "identify"
    TEST_TICKET = "test_ticket"
    REPRINT = "reprint"
    REPORT = "report"
    CHECK_NOW = "check_now"
    END_OF_DAY = "end_of_day"


@dataclass(frozen=True)
class ReplyTo:
    """Where an answer is awaited; the topic is "" where none is."""

    topic: str = ""
    correlation: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What is answered to a command; `text` is for people."""

    to: ReplyTo
    command: Command
    done: bool
    text: str


def shown(lookup: Verify | ReadPayment) -> str:
    """How a merchant order or a payment is named for people, and in what is published."""
    return lookup.id if isinstance(lookup, Verify) else PAYMENT_PREFIX + lookup.id
