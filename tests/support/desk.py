"""A till on a desk: the pure core, a clock turned by hand, and Mercado Pago's books as plain facts."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from edge.core import duties, events
from edge.core.day_report import Received
from edge.core.lifecycle import Order, Stage
from edge.core.order import MerchantOrder, Payment, WantedOrder
from edge.core.printing import printer_duty
from edge.core.settings import Settings
from edge.core.state import Till
from edge.core.status import Signal, signal
from edge.core.sweeps import History, Sweeps
from edge.core.till import payment_duty, step
from edge.machine.button import READING_INTERVAL_S
from tests.support.facts import EXTERNAL_POS, POS, USER

OURS = Settings(USER, EXTERNAL_POS)
YESTERDAY = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Books:
    """What Mercado Pago would answer now."""

    today: datetime = datetime(2026, 3, 2, 21, 45, tzinfo=UTC)

    orders: dict[str, MerchantOrder] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    """What reading a payment says of its money."""
    on_till: str | None = None
    total: Decimal | None = None
    """Of the order on the till."""
    removal: events.Removal | None = None
    refusal: events.PutRefusal | None = None
    """Why no order is put on the till."""
    down: bool = False
    trouble: events.Trouble = events.Trouble.NETWORK
    """What is wrong while it is down."""
    by_id: bool = False
    """As under the Orders API: no till can be asked what is on it, and an order is found and cancelled by its id."""
    searchable: bool = True
    """Whether an order that has an id is also found by its reference."""
    named: bool = True
    """Whether payments name a merchant order."""
    orderless: set[str] = field(default_factory=set)
    """Payments that name none, in any case."""
    lists: bool = True
    """Whether the list of the latest payments is up to date."""
    refused: dict[type, events.Trouble] = field(default_factory=dict)
    """Which questions alone are refused, and how."""

    def write(self, *orders: MerchantOrder, place: str = POS) -> None:
        for order in orders:
            self.orders[order.id] = order
            self.places.update({payment.id: place for payment in order.payments})
            self.payments.update({payment.id: payment for payment in order.payments})

    def answer(self, duty: duties.PaymentDuty) -> events.Answer:
        if self.down:
            return events.Unreachable(self.trouble, "no connection")
        if type(duty) in self.refused:
            return events.Unreachable(self.refused[type(duty)], f"no {type(duty).__name__} for you")
        match duty:
            case duties.FindPos():
                return events.PosFound(POS)
            case duties.Verify(identity):
                return events.MerchantOrderRead(self.orders[identity]) if identity in self.orders else events.NotFound()
            case duties.ReadPayment(identity):
                return self._payment(identity)
            case duties.Search(reference, handle):
                return events.OrdersFound(reference, self._of(reference, handle))
            case duties.LookAtTill(announced):
                return self._seen(announced) if self.by_id else events.TillSeen(self.on_till, self.total)
            case duties.Cancel(reference, handle):
                return self._cancel_by_id(reference, handle) if handle else self._cancel(reference)
            case duties.PutOrder(order):
                return self._put(order)
            case duties.Sweep(pos_id):
                unplaced = self._swept("")
                found = self._swept(pos_id) | unplaced
                return events.Swept(pos_id, self.today, found, unplaced=frozenset(unplaced))
            case duties.ListLatest(pos_id):
                return events.LatestListed(pos_id, self._swept(pos_id) if self.lists else {})
            case duties.ReadDay():
                return events.DayRead(self.today, tuple(self._received()))

    def _put(self, order: WantedOrder) -> events.Answer:
        if self.refusal:
            return events.OrderNotPut(order.reference, self.refusal, "because")
        if self.on_till not in (None, order.reference):
            return events.OrderNotPut(order.reference, events.PutRefusal.OCCUPIED, self.on_till)
        self.on_till, self.total = order.reference, order.total
        return events.OrderPut(events.TillSeen(order.reference, order.total))

    def _payment(self, identity: str) -> events.Answer:
        if identity not in self.places:
            return events.NotFound()
        order = self._approved(self.places[identity]).get(identity, "")
        reference = self.orders[order].external_reference if order else ""
        return events.PaymentRead(
            identity,
            self.places[identity],
            self._named_by(identity, order),
            reference=reference if self.by_id else "",
            money=self.payments.get(identity),
        )

    def _of(self, reference: str, handle: str = "") -> tuple[MerchantOrder, ...]:
        if handle:
            return (self.orders[handle],)
        found = (order for order in self.orders.values() if order.external_reference == reference)
        return tuple(order for order in found if self.searchable or not order.handle)

    def _seen(self, announced: str) -> events.TillSeen:
        order = self.orders.get(announced)
        if order is None or order.status != "opened" or order.cancelled or order.external_pos_id != EXTERNAL_POS:
            return events.TillSeen(None, known=False)
        return events.TillSeen(order.external_reference, order.total, order.id)

    def _cancel_by_id(self, reference: str, handle: str) -> events.CancelTried:
        order = self.orders[handle]
        removal = self.removal or (events.Removal.DELETED if order.status == "opened" else events.Removal.REFUSED)
        if removal is events.Removal.DELETED:
            self.orders[handle] = replace(order, cancelled=True)
        return events.CancelTried(reference, removal, (order,) if order.moved_money else (), reference)

    def _approved(self, pos_id: str) -> dict[str, str]:
        approved = {payment.id: order.id for order in self.orders.values() for payment in order.approved}
        return {payment: order for payment, order in approved.items() if self.places[payment] == pos_id}

    def _swept(self, pos_id: str) -> dict[str, str]:
        found = self._approved(pos_id)
        return {payment: self._named_by(payment, order) for payment, order in found.items()}

    def _named_by(self, payment: str, order: str) -> str:
        return order if self.named and payment not in self.orderless else ""

    def _received(self) -> Iterator[Received]:
        for order in self.orders.values():
            for each in order.approved:
                left = each.amount - each.refunded
                place = self.places[each.id]
                named = self._named_by(each.id, order.id)
                yield Received(each.id, named, left, each.currency, each.date_approved, placed=bool(place))

    def _cancel(self, reference: str) -> events.CancelTried:
        on_till, removal = self.on_till, events.Removal.ANOTHER
        if on_till is None:
            removal = events.Removal.ABSENT
        elif on_till == reference:
            removal = self.removal or events.Removal.DELETED
        if removal is events.Removal.DELETED:
            self.on_till = None
        return events.CancelTried(reference, removal, self._of(reference), on_till)


class Desk:
    """Everything that happens to one till, step by step."""

    def __init__(self, till: Till | None = None, books: Books | None = None) -> None:
        self.books = books or Books()
        self.now = 1000.0
        self.asked: list[duties.PaymentDuty] = []
        self.printed: list[duties.Print] = []
        self.finger = False
        self.told: list[duties.PrintConcern] = []
        self.till = till or with_settings()
        self.hear(events.Started(), events.BrokerConnected(), events.PrinterSeen(events.Paper.READY))
        self.settle()

    def hear(self, *heard: events.Event) -> "Desk":
        for event in heard:
            self.till = step(self.till, event, self.now)
        return self

    def ring(self, identity: str, kind: events.Kind = events.Kind.MERCHANT_ORDER) -> "Desk":
        return self.hear(events.DoorbellRang(kind, identity)).settle()

    def settle(self) -> "Desk":
        """Do all that is owed to Mercado Pago this moment."""
        for _ in range(200):
            duty = payment_duty(self.till, self.now)
            if duty is None:
                return self
            self.asked.append(duty)
            self.hear(events.Asked(duty))
            self.hear(events.Answered(duty, self.books.answer(duty)))
        raise AssertionError(f"the till never rests: {self.asked[-5:]}")

    def ask_all(self) -> list[duties.PaymentDuty]:
        """Ask all that may be asked side by side; nothing is answered yet."""
        out: list[duties.PaymentDuty] = []
        while duty := payment_duty(self.till, self.now):
            self.asked.append(duty)
            out.append(duty)
            self.hear(events.Asked(duty))
        return out

    def wait(self, seconds: float) -> "Desk":
        """Let time pass, doing what falls due on the way."""
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            self.hear(events.ButtonDown() if self.finger else events.Ticked()).settle()
        return self

    def press(self, seconds: float = 0.2) -> "Desk":
        return self.put_finger(seconds).lift_finger().settle()

    def put_finger(self, seconds: float = 0.1) -> "Desk":
        """Push the button, and leave the finger there; until it is lifted, the wire is read as the panel reads it."""
        self.finger = True
        return self._read_button(events.ButtonDown, seconds)

    def lift_finger(self) -> "Desk":
        self.finger = False
        return self._read_button(events.ButtonUp, 0.1)

    def _read_button(self, reading: type[events.PanelEvent], seconds: float) -> "Desk":
        self.hear(reading())
        for _ in range(round(seconds / READING_INTERVAL_S)):
            self.now += READING_INTERVAL_S
            self.hear(reading())
        return self

    def owed(self) -> duties.PrinterDuty | None:
        return printer_duty(self.till, self.now)

    def begin(self) -> duties.Print | None:
        """Hand out the ticket that is owed, if one is; its first byte may leave."""
        duty = self.owed()
        if not isinstance(duty, duties.Print):
            return None
        self.hear(events.TicketBegun(duty.order.reference))
        self.printed.append(duty)
        return duty

    def print(self, *ends: events.Event) -> "Desk":
        """Print what is owed; each ticket ends as told, the others with proof."""
        endings = list(ends)
        while self.begin():
            self.hear(endings.pop(0) if endings else events.TicketPrinted(events.Proof.PROCESS_ID, events.Paper.READY))
        return self

    def tell(self, *ends: events.TicketEnd) -> "Desk":
        """Print the slips of what a person must look at; each ends as told, the others with proof."""
        endings = list(ends)
        while isinstance(slip := self.owed(), duties.PrintConcern):
            self.told.append(slip)
            end = endings.pop(0) if endings else events.TicketPrinted(events.Proof.PROCESS_ID, events.Paper.READY)
            self.hear(events.SlipBegun(slip), events.SlipTried(slip, end))
        return self

    def restart(self) -> "Desk":
        """A power cut: only what the journal keeps comes back."""
        return Desk(Till.resume(self.till.settings, self.till.durable, 0.0), self.books)

    @property
    def outcomes(self) -> list[str]:
        return [report.outcome.value for report in self.till.outbox.reports.values()]

    @property
    def reasons(self) -> list[str]:
        return [report.reason for report in self.till.outbox.reports.values() if report.reason]

    @property
    def sign(self) -> Signal:
        return signal(self.till, self.now)

    def stage(self, reference: str) -> Stage | None:
        order: Order | None = self.till.orders.get(reference)
        return order.stage if order else None


def with_settings(**changes: float) -> Till:
    """A till that has sold before."""
    return at_our_pos(replace(OURS, **changes), complete_since=YESTERDAY)


def at_our_pos(settings: Settings = OURS, **history: datetime) -> Till:
    """A till that knows its point of sale, and of its history what is given."""
    return Till(settings, sweeps=Sweeps(History(POS, **history)))


def with_history(till: Till, **changes: object) -> Till:
    """The same till, with another history of its point of sale."""
    return replace(till, sweeps=replace(till.sweeps, history=replace(till.history, **changes)))
