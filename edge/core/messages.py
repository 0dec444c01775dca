"""Every message inside the till, on one page: what happened (events) and what is to be done (duties).

Events are past tense and carry facts; duties are imperative and carry all that a worker needs to do them.
Workers turn a duty into an event and share nothing else with the core. All are frozen, so any thread may hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from edge.core.day_report import Day, Received
from edge.core.order import MerchantOrder

# --- duties: what the payments worker does -------------------------------------------------------------------------


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
    """Read all merchant orders of a reference."""

    reference: str


@dataclass(frozen=True)
class LookAtTill:
    """Ask which order is loaded on our till."""


@dataclass(frozen=True)
class Cancel:
    """Remove the order from our till, if it is still the one meant, and read its merchant orders."""

    reference: str


@dataclass(frozen=True)
class Sweep:
    """Ask what was paid at our point of sale since `since` (None: in the last `Sweep.FIRST_MINUTES` minutes).

    A sweep that finds much comes to its end in several pieces, each of which begins where the last one got to.
    """

    pos_id: str
    since: datetime | None = None

    FIRST_MINUTES = 15


@dataclass(frozen=True)
class ReadDay:
    """Ask what was approved at our point of sale from `begin` on and before `end`: a day of the shop's calendar.

    Like a sweep, a long list is read in several pieces: `so_far` was read up to `since`.
    """

    begin: datetime
    end: datetime
    since: datetime | None = None
    so_far: tuple[Received, ...] = field(default=(), repr=False, compare=False)

    def covers(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


PaymentDuty = FindPos | Verify | ReadPayment | Search | LookAtTill | Cancel | Sweep | ReadDay

# --- duties: what the printing worker does -------------------------------------------------------------------------


class Banner(StrEnum):
    """A sentence at the top of a ticket that changes what it means."""

    COPY = "copy"
    LATE = "late"


@dataclass(frozen=True)
class Print:
    """Print the ticket of a paid order."""

    order: MerchantOrder
    banners: tuple[Banner, ...] = ()


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
    WRONG_TILL = "wrong_till"
    """Mercado Pago knows no such point of sale in this account."""
    NO_MEMORY = "no_memory"
    """The journal takes nothing."""
    TWINS = "twins"
    """Two devices with one identity."""
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


Slip = PrintList | PrintTest | PrintDay | PrintFailure
"""What is printed beside tickets."""


@dataclass(frozen=True)
class LookAtPrinter:
    """Ask the printer how it is; nothing is printed."""


PrinterDuty = Print | Slip | LookAtPrinter

# --- events: from the broker ---------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a doorbell names."""

    MERCHANT_ORDER = "merchant_order"
    PAYMENT = "payment"
    ORDER = "order"
    PING = "ping"


RUNG: Mapping[str, type[Verify] | type[ReadPayment]] = {Kind.MERCHANT_ORDER: Verify, Kind.PAYMENT: ReadPayment}
"""What a doorbell of each kind makes us ask; the others are no question."""


@dataclass(frozen=True)
class DoorbellRang:
    """Somebody says: go and look at this id. Nothing about it is believed."""

    kind: Kind
    id: str
    for_all: bool = False
    """It was rung for all tills of the seller: most likely another one is meant."""


@dataclass(frozen=True)
class PingSent:
    """The ping of this number is on its way to the relay."""

    number: int


@dataclass(frozen=True)
class PingEchoed:
    """The relay rang it back: what is rung for us does reach us."""

    number: int


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
class CommandCame:
    """Support asks for something; `reference` names the order and `day` the day, where one is meant."""

    command: Command
    reply_to: ReplyTo = ReplyTo()
    reference: str = ""
    day: date | None = None


@dataclass(frozen=True)
class Reply:
    """What is answered to a command; `text` is for people."""

    to: ReplyTo
    command: Command
    done: bool
    text: str


@dataclass(frozen=True)
class Replied:
    """The first of the replies was given to the broker."""


@dataclass(frozen=True)
class MessageDropped:
    """A message on one of our topics could not be read."""

    topic: str
    why: str


@dataclass(frozen=True)
class BrokerConnected:
    """The subscription stands."""


@dataclass(frozen=True)
class BrokerLost:
    """The connection to the broker ended or could not be made; `why` is for people."""

    why: str
    twins: bool = False
    """Another device has our name; a person must look."""


@dataclass(frozen=True)
class RelaySeen:
    """The relay said, or its will said, whether it is there."""

    online: bool


class Outcome(StrEnum):
    """What became of an order, in the words of the `tickets` topic."""

    PRINTED = "printed"
    UNCONFIRMED = "unconfirmed"
    COPY = "copy"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    LATE_MONEY = "late_money"
    DOUBLE_PAYMENT = "double_payment"


@dataclass(frozen=True)
class Report:
    """What the relay is told of one outcome. `reason` says why, where it is a rejection."""

    outcome: Outcome
    reference: str = ""
    merchant_order: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ReportDelivered:
    """The broker acknowledged the report with this number."""

    number: int


# --- events: from the payments worker ------------------------------------------------------------------------------


@dataclass(frozen=True)
class PosFound:
    pos_id: str


@dataclass(frozen=True)
class MerchantOrderRead:
    order: MerchantOrder


@dataclass(frozen=True)
class PaymentRead:
    """Where a payment was made. `pos_id` and `merchant_order` are "" where Mercado Pago names none."""

    id: str
    pos_id: str
    merchant_order: str
    approved: bool = True
    created: datetime | None = None


@dataclass(frozen=True)
class OrdersFound:
    reference: str
    orders: tuple[MerchantOrder, ...]


@dataclass(frozen=True)
class TillSeen:
    """The order on our till, or None."""

    reference: str | None


class Removal(StrEnum):
    """What became of the attempt to remove an order from the till."""

    DELETED = "deleted"
    ABSENT = "absent"
    """Nothing was loaded: it expired, was paid, or an earlier removal succeeded unanswered."""
    ANOTHER = "another"
    """Another order is loaded now; nothing was removed."""
    LOCKED = "locked"
    """Somebody is paying it this moment."""
    REFUSED = "refused"
    """Mercado Pago answered no without saying why."""


@dataclass(frozen=True)
class CancelTried:
    """The removal and, read after it, the merchant orders of the reference. The reading outranks the removal."""

    reference: str
    removal: Removal
    orders: tuple[MerchantOrder, ...]
    on_till: str | None = None
    """The reference that was loaded when we looked."""


@dataclass(frozen=True)
class Swept:
    """The payments approved at our point of sale: payment id -> merchant order id ("" where there is none)."""

    pos_id: str
    until: datetime
    """By Mercado Pago's clock; the Pi's may be wrong."""
    payments: Mapping[str, str] = field(default_factory=dict)
    reached: datetime | None = None
    """There is more: these are the payments created up to here. None at the end."""


@dataclass(frozen=True)
class DayRead:
    """The payments approved at our point of sale in the time that was asked for, and those of the pieces before."""

    at: datetime
    """By Mercado Pago's clock."""
    payments: tuple[Received, ...] = ()
    reached: datetime | None = None
    """There is more: these are the payments approved up to here. None at the end."""


@dataclass(frozen=True)
class NotFound:
    """Mercado Pago knows nothing under the id that the duty named."""


class Trouble(StrEnum):
    """Why Mercado Pago could not be asked."""

    NETWORK = "network"
    BUSY = "busy"
    """429, 5xx, or an answer that makes no sense."""
    CLOCK = "clock"
    """TLS was refused because the certificate is not valid at the time that this machine believes it is."""
    REFUSED = "refused"
    """401 or 403: the token is wrong. A person must look."""


@dataclass(frozen=True)
class Unreachable:
    """No answer that could be used. `why` is for people; `jitter` is a random number in [0, 1)."""

    trouble: Trouble
    why: str
    jitter: float = 0.0
    retry_after: float = 0.0
    """Seconds that Mercado Pago asked us to wait."""


Answer = (
    PosFound
    | MerchantOrderRead
    | PaymentRead
    | OrdersFound
    | TillSeen
    | CancelTried
    | Swept
    | DayRead
    | NotFound
    | Unreachable
)


@dataclass(frozen=True)
class Answered:
    """What Mercado Pago had to say to a duty."""

    duty: PaymentDuty
    answer: Answer


# --- events: from the printing worker ------------------------------------------------------------------------------


class Paper(StrEnum):
    """How the printer is, as far as it said so."""

    READY = "ready"
    LOW = "low"
    """Near end: it still prints."""
    UNKNOWN = "unknown"
    """It did not answer. Silence is neither ready nor failed."""
    OUT = "no_paper"
    COVER = "cover_open"
    ERROR = "error"
    GONE = "gone"
    """It can't be opened: switched off, unplugged, no such address."""

    @property
    def prints(self) -> bool:
        """Whether it is worth sending a ticket."""
        return self in (Paper.READY, Paper.LOW, Paper.UNKNOWN)


class Proof(StrEnum):
    """How well a printer can prove what it printed, best first."""

    PROCESS_ID = "process_id"
    """It echoed `GS ( H` after printing."""
    STATUS = "status"
    """It answered `GS r` after the cut."""
    NONE = "none"

    def better_than(self, other: "Proof") -> bool:
        ranking = list(Proof)
        return ranking.index(self) < ranking.index(other)


@dataclass(frozen=True)
class PrinterSeen:
    paper: Paper


@dataclass(frozen=True)
class TicketPrinted:
    """The printer proved it."""

    proof: Proof
    paper: Paper


@dataclass(frozen=True)
class TicketUnproved:
    """All bytes were taken; nobody knows whether they became a ticket."""

    paper: Paper


@dataclass(frozen=True)
class TicketInterrupted:
    """Some bytes were taken and the ticket is known to be incomplete."""

    paper: Paper


@dataclass(frozen=True)
class TicketRefused:
    """Not a byte was sent."""

    paper: Paper


TicketEnd = TicketPrinted | TicketUnproved | TicketInterrupted | TicketRefused


@dataclass(frozen=True)
class SlipTried:
    """What became of a slip."""

    slip: Slip
    end: TicketEnd


# --- events: from the loop, before a duty goes out -------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """The question is on its way: a doorbell that comes from here on may be newer than the answer."""

    duty: PaymentDuty


@dataclass(frozen=True)
class TicketBegun:
    """The first byte may leave now. In the journal before it does."""

    reference: str


@dataclass(frozen=True)
class SlipBegun:
    """The first byte may leave now of a slip that is not to come at each start. In the journal before it does."""

    slip: PrintFailure


# --- events: from the panel, the service manager and the clock -----------------------------------------------------


@dataclass(frozen=True)
class ButtonDown:
    """An edge, and when it came (seconds of the core's clock; None: this moment): the loop may be late to hear."""

    at: float | None = None


@dataclass(frozen=True)
class ButtonUp:
    at: float | None = None


@dataclass(frozen=True)
class JournalTried:
    """Whether the journal takes what it is given; `why` not, for people, or "" if it does."""

    why: str


@dataclass(frozen=True)
class Started:
    """The journal was read; from here on the till owes what it says."""

    button_down: bool = False


@dataclass(frozen=True)
class Ticked:
    """Time passed and nothing else happened."""


@dataclass(frozen=True)
class ReprintAsked:
    """A person wants the ticket of this order again; it comes as a marked copy."""

    reference: str


@dataclass(frozen=True)
class DayAsked:
    """A person wants the slip of this day, of the shop's calendar."""

    day: date


Wish = ReprintAsked | DayAsked
"""What somebody at the command line asks for."""

LinkEvent = (
    BrokerConnected
    | BrokerLost
    | RelaySeen
    | PingSent
    | PingEchoed
    | ReportDelivered
    | MessageDropped
    | CommandCame
    | Replied
)
PrinterEvent = PrinterSeen | TicketBegun | TicketEnd | SlipBegun | SlipTried
PanelEvent = ButtonDown | ButtonUp
Event = DoorbellRang | LinkEvent | Asked | Answered | PrinterEvent | PanelEvent | JournalTried | Started | Ticked | Wish
