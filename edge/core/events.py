"""Everything that can happen to the till: facts in the past tense, put into the inbox by workers, broker and panel.

The loop hands each to the core, in the order in which they came. Nothing about an event is a command, and what other
machines say in one is not believed. All are frozen, so any thread may hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from edge.core.calibration import Calibration
from edge.core.day_report import Received
from edge.core.duties import (
    Command,
    PaymentDuty,
    Play,
    PrintConcern,
    PrintFailure,
    ReadPayment,
    ReplyTo,
    RingBell,
    Slip,
    Verify,
)
from edge.core.order import MerchantOrder, Payment, WantedOrder

# --- from the broker -----------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a doorbell names."""

    MERCHANT_ORDER = "merchant_order"
    PAYMENT = "payment"
    ORDER = "order"
    """Of the Orders API: the id of the order that is on a till."""
    LOOK = "look"
    """The relay was notified of something, and doesn't understand of what."""
    PING = "ping"


RUNG: Mapping[str, type[Verify] | type[ReadPayment]] = {
    Kind.MERCHANT_ORDER: Verify,
    Kind.PAYMENT: ReadPayment,
    Kind.ORDER: Verify,
}
"""The question that a doorbell of each kind leads to. Any other kind means: look now."""


@dataclass(frozen=True)
class DoorbellRang:
    """A message says: go and look at this id. Nothing else in it is believed."""

    kind: Kind
    id: str
    for_all: bool = False
    """It was published for all tills of the seller, so most likely another till is meant."""


@dataclass(frozen=True)
class OrderAnnounced:
    """The shop's software says what it put on our till, by its id or its reference. It is read, not believed."""

    id: str = ""
    reference: str = ""


@dataclass(frozen=True)
class PingSent:
    """A ping left for the relay."""

    number: int


@dataclass(frozen=True)
class PingEchoed:
    """The relay rang a ping back, so doorbells do reach us."""

    number: int


@dataclass(frozen=True)
class CommandCame:
    """Support wants something done. `reference` names an order and `day` a day, where the command needs one.

    Without a reference, `find` may name the order as a person does, or `last` mean the one whose ticket came last.
    """

    command: Command
    reply_to: ReplyTo = field(default_factory=ReplyTo)
    reference: str = ""
    day: date | None = None
    find: str = ""
    last: bool = False


@dataclass(frozen=True)
class Replied:
    """The first of the waiting replies was given to the broker."""


@dataclass(frozen=True)
class MessageDropped:
    """A message on one of our topics could not be read."""

    topic: str
    why: str


@dataclass(frozen=True)
class BrokerConnected:
    """The broker granted our subscription."""


class BrokerTrouble(StrEnum):
    """Why there is no session at the broker, by what a person can do about it. The values stand in the status."""

    UNREACHABLE = "unreachable"
    LOST = "lost"
    """It was there, and ended. That happens."""
    NO_TLS = "no_tls"
    MUTE = "mute"
    """Somebody accepts the connection and says nothing."""
    NO_MQTT = "no_mqtt"
    """Somebody answers, in another language."""
    CREDENTIALS = "credentials"
    RIGHTS = "rights"
    """It lets us in, but not to our doorbells."""
    UNFIT = "unfit"
    """It can't do what a till needs."""
    BUSY = "busy"
    REFUSED = "refused"
    """By a code that says no more."""
    HANGS_UP = "hangs_up"
    """It ends our sessions again and again, and doesn't say why."""
    TAKEN_OVER = "taken_over"
    """Another client came with our name: the broker says so."""
    TWINS = "twins"
    """The same again and again, so that a person must look."""


@dataclass(frozen=True)
class BrokerLost:
    """The connection to the broker ended, or could not be made. `why` is for people."""

    why: str
    trouble: BrokerTrouble = BrokerTrouble.LOST


@dataclass(frozen=True)
class RightMissed:
    """The broker forbids one of our topics, and lets us go on without it. `what` is for people."""

    what: str


@dataclass(frozen=True)
class RelaySeen:
    """The relay's status, or its will, says whether the relay is there."""

    online: bool


@dataclass(frozen=True)
class ReportDelivered:
    """The broker acknowledged the report with this number."""

    number: int


@dataclass(frozen=True)
class ReportRefused:
    """The broker doesn't take the report with this number. `why` is for people."""

    number: int
    why: str


# --- from the payments worker --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PosFound:
    """The internal id of our point of sale."""

    pos_id: str


@dataclass(frozen=True)
class MerchantOrderRead:
    """One merchant order, as it is now."""

    order: MerchantOrder


@dataclass(frozen=True)
class PaymentRead:
    """Where a payment was made. `pos_id` and `merchant_order` are "" where Mercado Pago names none."""

    id: str
    pos_id: str
    merchant_order: str
    approved: bool = True
    created: datetime | None = None
    reference: str = ""
    """The shop's, which leads to the order where no merchant order is named."""
    money: Payment | None = None
    """What was paid; None where Mercado Pago gives no sensible amount."""


@dataclass(frozen=True)
class OrdersFound:
    """All merchant orders of a reference, as they are now; none is no proof that none was paid."""

    reference: str
    orders: tuple[MerchantOrder, ...]


@dataclass(frozen=True)
class TillSeen:
    """The order that is on our till now, or None; its total, where Mercado Pago says it, and its id, if it has one."""

    reference: str | None
    total: Decimal | None = None
    handle: str = ""
    known: bool = True
    """False: nothing was announced, and the till itself can't be asked; perhaps there is one."""


class Removal(StrEnum):
    """What became of the attempt to remove an order from the till."""

    DELETED = "deleted"
    ABSENT = "absent"
    """Nothing was on the till: the order expired, was paid, or an earlier removal worked and its answer was lost."""
    ANOTHER = "another"
    """Another order is on the till now; nothing was removed."""
    LOCKED = "locked"
    """Somebody is paying it this moment."""
    REFUSED = "refused"
    """Mercado Pago refused without a reason."""


@dataclass(frozen=True)
class CancelTried:
    """An attempt to cancel: the removal, and the merchant orders of the reference, read after it. These outrank it."""

    reference: str
    removal: Removal
    orders: tuple[MerchantOrder, ...]
    on_till: str | None = None
    """The reference that was on the till before the attempt."""


@dataclass(frozen=True)
class OrderPut:
    """The order is on our till: as it is seen there."""

    seen: TillSeen


class PutRefusal(StrEnum):
    """Why an order was not put on our till."""

    OCCUPIED = "occupied"
    """Another order is there."""
    USED = "used"
    """Its reference was used before; perhaps this very order was paid already."""
    REFUSED = "refused"
    """Mercado Pago doesn't take it."""


@dataclass(frozen=True)
class OrderNotPut:
    """The order is not on our till. `why` is for people: what is in the way, or Mercado Pago's word."""

    reference: str
    refusal: PutRefusal
    why: str = ""


@dataclass(frozen=True)
class Swept:
    """The payments approved at our point of sale: payment id -> merchant order id ("" where there is none)."""

    pos_id: str
    until: datetime
    """By Mercado Pago's clock; the Pi's may be wrong."""
    payments: Mapping[str, str] = field(default_factory=dict)
    reached: datetime | None = None
    """There is more: these are the payments created up to here. None at the end."""
    money: Mapping[str, Payment] = field(default_factory=dict)
    """What was paid with each of them, as far as Mercado Pago says so sensibly."""
    unplaced: frozenset[str] = frozenset()
    """Those that are listed without a point of sale. They may be anybody's: an online sale of the same account, say."""


@dataclass(frozen=True)
class LatestListed:
    """The newest payments that name our point of sale: payment id -> merchant order id ("" where there is none)."""

    pos_id: str
    payments: Mapping[str, str] = field(default_factory=dict)


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
    """Mercado Pago doesn't know the id in the duty."""


class Trouble(StrEnum):
    """Why Mercado Pago could not be asked."""

    NETWORK = "network"
    BUSY = "busy"
    """429, 5xx, or an answer that makes no sense."""
    CLOCK = "clock"
    """TLS failed because the certificate isn't valid at the date that this machine believes in."""
    REFUSED = "refused"
    """The token is refused, whatever is asked. A person must look."""
    FORBIDDEN = "forbidden"
    """The token is good, and its application may not ask this. A person must look; other questions are answered."""
    NO_SUCH_TILL = "no_such_till"
    """This address knows no till of ours. A person must look; other questions are answered."""

    @property
    def is_the_questions(self) -> bool:
        """Whether it says nothing about any other question."""
        return self in (Trouble.FORBIDDEN, Trouble.NO_SUCH_TILL)


@dataclass(frozen=True)
class Unreachable:
    """No usable answer. `why` is for people; `jitter` is a random number in [0, 1)."""

    trouble: Trouble
    why: str
    jitter: float = 0.0
    retry_after: float = 0.0
    """Seconds that Mercado Pago asked us to wait."""
    too_many: bool = False
    """429: more is asked of the account than Mercado Pago answers, by all its tills together."""


Answer = (
    PosFound
    | MerchantOrderRead
    | PaymentRead
    | OrdersFound
    | TillSeen
    | CancelTried
    | OrderPut
    | OrderNotPut
    | Swept
    | LatestListed
    | DayRead
    | NotFound
    | Unreachable
)


@dataclass(frozen=True)
class Answered:
    """Mercado Pago's answer to a duty, or the lack of one."""

    duty: PaymentDuty
    answer: Answer


# --- from the printing worker --------------------------------------------------------------------------------------


class Paper(StrEnum):
    """How the printer is, as far as it answers."""

    READY = "ready"
    LOW = "low"
    """Near end: it still prints."""
    UNKNOWN = "unknown"
    """It has never answered. Its silence is neither ready nor failed."""
    SILENT = "no_answer"
    """It answered before, and says nothing now: it is switched off behind an adapter, say, or hangs."""
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
    """The printer was asked how it is."""

    paper: Paper
    unknown: Calibration | None = None
    """What a person must be asked about how it prints; None if all is known."""
    proof: Proof | None = None
    """The best that this printer has shown; another one in its place has shown nothing yet. None: it isn't said."""


@dataclass(frozen=True)
class TicketPrinted:
    """The printer proved it."""

    proof: Proof
    paper: Paper


@dataclass(frozen=True)
class TicketUnproved:
    """All bytes were taken; nobody knows whether they became a ticket."""

    paper: Paper
    alarming: bool = False
    """This printer is known to answer, so a person must look; of one that never answered nothing else is to be had."""


@dataclass(frozen=True)
class TicketInterrupted:
    """Some bytes were taken, and the ticket is known to be incomplete."""

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


# --- from the loop, before a duty goes out -------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question goes out. A doorbell that comes from now on may be newer than the answer."""

    duty: PaymentDuty


@dataclass(frozen=True)
class TicketBegun:
    """The first byte of a ticket may leave as soon as the journal has this."""

    reference: str


@dataclass(frozen=True)
class SlipBegun:
    """The first byte of a slip may leave that says what is wrong.

    The journal has it first: a failure's slip would come at each start, and a concern's twice without a mark.
    """

    slip: PrintFailure | PrintConcern


@dataclass(frozen=True)
class SoundBegun:
    """A sound is about to be heard, or the bell: whatever comes of it, it isn't tried again."""

    duty: Play | RingBell


# --- from the sound worker -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SoundTried:
    """A sound was heard, as far as can be known. `error`: why not, for people; "" if it was."""

    error: str = ""
    of_bell: bool = False
    """It was the printer's; what it does says nothing of a loudspeaker."""


@dataclass(frozen=True)
class SoundsPrepared:
    """Some pieces were made. `complete`: none is missing, or none can be made now; `error` as in `SoundTried`."""

    complete: bool
    error: str = ""


# --- from the panel, the journal and the clock ---------------------------------------------------------------------


@dataclass(frozen=True)
class ButtonDown:
    """The button's wire was read, and is down. Put by the panel's thread, again and again while a finger is there.

    `at`: when, in seconds of the core's clock, for the loop may be late; None: now.
    """

    at: float | None = None


@dataclass(frozen=True)
class ButtonUp:
    """The button's wire was read, and is up: some times after each release. `at` as for `ButtonDown`."""

    at: float | None = None


@dataclass(frozen=True)
class JournalTried:
    """The journal took what it was given, or did not. `why` not, for people; "" if it did."""

    why: str


@dataclass(frozen=True)
class Started:
    """The journal was read; from now on the till owes what it knows from there."""

    button_down: bool = False


@dataclass(frozen=True)
class Ticked:
    """Time passed and nothing else happened."""


@dataclass(frozen=True)
class ReprintAsked:
    """A person wants the ticket of this order again, as a marked copy."""

    reference: str


@dataclass(frozen=True)
class DayAsked:
    """A person wants the slip of a day of the shop's calendar."""

    day: date


@dataclass(frozen=True)
class OrderAsked:
    """A person wants this order on the till."""

    order: WantedOrder


@dataclass(frozen=True)
class CancelAsked:
    """A person wants this order cancelled, as if the button had been held for it."""

    reference: str


@dataclass(frozen=True)
class CheckAsked:
    """A person wants the till to look now, as if the button had been pressed."""


@dataclass(frozen=True)
class PairingAsked:
    """A device wants to use the till's page. Its code is for paper, and only if somebody presses the button."""

    code: str = field(repr=False)


PageRequest = OrderAsked | CancelAsked | CheckAsked | PairingAsked
"""What somebody at the till's page asks for. A moment later it is of no use any more."""
Request = ReprintAsked | DayAsked | OrderAnnounced | PageRequest
"""What another process on this machine asks for: the command line, or the till's page."""

LinkEvent = (
    BrokerConnected
    | BrokerLost
    | RightMissed
    | RelaySeen
    | PingSent
    | PingEchoed
    | ReportDelivered
    | ReportRefused
    | MessageDropped
    | Replied
)
FromBroker = DoorbellRang | OrderAnnounced | LinkEvent | CommandCame
PrinterEvent = PrinterSeen | TicketBegun | TicketEnd | SlipBegun | SlipTried
SoundEvent = SoundBegun | SoundTried | SoundsPrepared
PanelEvent = ButtonDown | ButtonUp

Event = (
    FromBroker | Asked | Answered | PrinterEvent | SoundEvent | PanelEvent | JournalTried | Started | Ticked | Request
)
"""Everything that `till.step` takes."""
