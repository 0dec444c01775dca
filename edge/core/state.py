"""Everything the till knows, as one frozen value made of its machines; and what of it a power cut must not take. Pure.

Each machine's page has its own facts and methods. The stories tell what an event means to several
of them: `till.py`, `sale.py`, `cancelling.py`, `printing.py`, `links.py`, `remote.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.core.agenda import Agenda, ApiLine, Due
from edge.core.cashier import Cashier
from edge.core.duties import Cause, Outcome, PaymentDuty, ReadPayment, Report, Verify
from edge.core.events import Proof
from edge.core.evidence import Evidence
from edge.core.failures import Failures
from edge.core.lifecycle import Order
from edge.core.links import Link
from edge.core.notices import Concern, Notice, Notices
from edge.core.order import Account, Payment
from edge.core.orders import Orders
from edge.core.outbox import LastTicket, Outbox, Today
from edge.core.page import Page
from edge.core.printing import PrinterLine
from edge.core.questions import Questions
from edge.core.settings import Settings
from edge.core.sounds import Sounds
from edge.core.sweeps import History, Sweeps


@dataclass(frozen=True)
class Durable:
    """What a power cut must not take. The journal writes what differs between two of these, and reads one at a start.

    Whatever else the till knows is asked for again after a start.
    """

    orders: Orders = field(default_factory=Orders)
    doorbells: frozenset[Verify | ReadPayment] = frozenset()
    reports: Mapping[int, Report] = field(default_factory=dict)
    notices: Notices = field(default_factory=Notices)
    history: History = field(default_factory=History)
    proof: Proof = Proof.NONE
    today: Today = field(default_factory=Today)
    last_ticket: LastTicket | None = None
    last_slip_at: Mapping[Cause, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Till:
    """Everything the till knows. Made at a start by `resume`, changed by `till.step` alone, read by everybody."""

    settings: Settings
    orders: Orders = field(default_factory=Orders)
    agenda: Agenda = field(default_factory=Agenda)
    api: ApiLine = field(default_factory=ApiLine)
    evidence: Evidence = field(default_factory=Evidence)
    sweeps: Sweeps = field(default_factory=Sweeps)
    printer: PrinterLine = field(default_factory=PrinterLine)
    questions: Questions = field(default_factory=Questions)
    link: Link = field(default_factory=Link)
    cashier: Cashier = field(default_factory=Cashier)
    failures: Failures = field(default_factory=Failures)
    outbox: Outbox = field(default_factory=Outbox)
    notices: Notices = field(default_factory=Notices)
    page: Page = field(default_factory=Page)
    sounds: Sounds = field(default_factory=Sounds)
    journal_error: str = ""
    """Why the journal takes nothing, for people; "" if it does. What can't be remembered isn't printed."""

    @classmethod
    def resume(cls, settings: Settings, durable: Durable, now: float) -> "Till":
        """The till as the journal knows it."""
        return cls(
            settings,
            orders=durable.orders,
            agenda=Agenda({duty: Due(now, now) for duty in sorted(durable.doorbells, key=repr)}),
            sweeps=Sweeps(durable.history),
            printer=PrinterLine(proof=durable.proof, last_ticket=durable.last_ticket),
            failures=Failures(last_slip_at=durable.last_slip_at),
            outbox=Outbox(durable.reports, max(durable.reports, default=0), today=durable.today),
            notices=durable.notices.resumed(),
        )

    @property
    def durable(self) -> Durable:
        """What the journal is to keep of this till."""
        return Durable(
            orders=self.orders,
            doorbells=self.agenda.doorbells,
            reports=self.outbox.reports,
            notices=self.notices,
            history=self.sweeps.history,
            proof=self.printer.proof,
            today=self.outbox.today,
            last_ticket=self.printer.last_ticket,
            last_slip_at=self.failures.last_slip_at,
        )

    @property
    def history(self) -> History:
        return self.sweeps.history

    @property
    def account(self) -> Account:
        return Account(self.settings.user_id, self.history.pos_id, self.settings.external_pos_id)

    # --- the verbs of the stories: each changes one machine, with what it has to know of another -------------------

    def put(self, order: Order) -> "Till":
        """File an order; one that is finished is dated by Mercado Pago's clock."""
        return replace(self, orders=self.orders.put(order, self.history.swept_until))

    def owe(self, duty: PaymentDuty, at: float, urgent: bool = False) -> "Till":
        return replace(self, agenda=self.agenda.owe(duty, at, urgent))

    def insist(self, duty: PaymentDuty, now: float) -> "Till":
        """A sale waits for this question alone. One that failed keeps its own clock."""
        due = self.agenda.due.get(duty)
        untried = due is None or not (due.urgent or due.failures or due.not_found or due.refused)
        return self.owe(duty, now, urgent=True) if untried else self

    def schedule(self, duty: PaymentDuty, due: Due) -> "Till":
        return replace(self, agenda=self.agenda.schedule(duty, due))

    def drop(self, *duties: PaymentDuty) -> "Till":
        return replace(self, agenda=self.agenda.drop(*duties))

    def report(self, outcome: Outcome, reference: str = "", merchant_order: str = "", reason: str = "") -> "Till":
        """Publish an outcome as soon as the broker is there, and count it."""
        return self.publish(Report(outcome, reference, merchant_order, reason))

    def publish(self, report: Report) -> "Till":
        return replace(self, outbox=self.outbox.add(report, self.sweeps.day(self.settings.timezone)))

    def alarm(
        self, concern: Concern, reference: str = "", payments: tuple[Payment, ...] = (), reason: str = ""
    ) -> "Till":
        """A person must look, and is told on paper; `payments` is the money that it is about."""
        return replace(self, notices=self.notices.raised(Notice(concern, reference, reason, payments)))

    def solve(self, concern: Concern, *references: str) -> "Till":
        """Nobody has to look at these any more."""
        return replace(self, notices=self.notices.solved(concern, *references))
