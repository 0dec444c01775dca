"""What a person must look at, and its way onto paper. Pure.

Each concern is told by one slip, and shown by the light until it is on paper and somebody has pressed the button. The
journal keeps both, with what was looked at last, so that no restart tells the same news twice or forgets it untold.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from edge.core.maps import without
from edge.core.order import Payment, Verdict

if TYPE_CHECKING:
    from edge.core.state import Till

MAX_SEEN = 200
"""Notices that somebody has looked at and that are still known."""


class Concern(StrEnum):
    """Why a person must look. The values are in the journal and the status; the slips' words in `concern_words.py`."""

    LATE_MONEY = "late_money"
    DOUBLE_PAYMENT = "double_payment"
    REFERENCE_USED_AGAIN = "reference_used_again"
    REJECTED = "rejected"
    NOT_CANCELLED = "not_cancelled"
    UNREADABLE = "unreadable"
    PAID_WITHOUT_ORDER = "paid_without_order"
    SILENT_PRINTER = "silent_printer"
    JOURNAL_DAMAGED = "journal_damaged"
    NOT_CONFIRMED = "not_confirmed"
    STUCK_BUTTON = "stuck_button"
    TWINS = "two_devices_with_this_identity"


TOLD_OTHERWISE = frozenset({Concern.TWINS})
"""A failure's slip tells these, see `failures.py`."""
STANDING = frozenset({Concern.NOT_CONFIRMED, Concern.STUCK_BUTTON})
"""What the till's state shows for as long as it lasts; it ends by itself."""
NEWS_EACH_TIME = frozenset(
    {Concern.NOT_CANCELLED, Concern.UNREADABLE, Concern.SILENT_PRINTER, Concern.JOURNAL_DAMAGED, Concern.TWINS}
)
"""What may happen again. Any other is told once, however often Mercado Pago is asked about the same money."""
PATIENCE_S: Mapping[str, float] = {Verdict.NOT_COVERED: 20.0, Concern.STUCK_BUTTON: 20.0}
"""Concern or reason -> how long it stands before its slip, where it may pass by itself: payments may lag behind
their order, and a finger may rest on the button."""


@dataclass(frozen=True)
class Notice:
    """One thing to look at. Raised by what the till learns; a press of the button says that somebody looked."""

    concern: Concern
    reference: str = ""
    """An order's reference, a payment's id, or whatever names the thing; "" where nothing has to be named."""
    reason: str = ""
    """Why a sale has no ticket, in the words of the `tickets` topic."""
    payments: tuple[Payment, ...] = ()
    """The money that it is about, as it was then: the slip's operation numbers and sums."""

    @property
    def news(self) -> tuple[str, str, str, frozenset[str]]:
        """What makes two notices the same news: a further payment does, and some of it that went back doesn't."""
        payments = frozenset(payment.id for payment in self.payments) - {self.reference}
        return self.concern, self.reference, self.reason, payments

    @property
    def patience_s(self) -> float:
        """How long it stands before its slip."""
        return PATIENCE_S.get(self.reason or self.concern, 0.0)


class Stage(StrEnum):
    """How far the slip of a notice has come."""

    OWED = "owed"
    BEGUN = "begun"
    DONE = "done"
    """It is on paper, or another slip tells it."""


@dataclass(frozen=True)
class Telling:
    """The slip of one notice. Begun is in the journal before the first byte, as with tickets."""

    stage: Stage = Stage.OWED
    may_be_out: bool = False
    """An earlier attempt may be on paper, so the next one is marked as a copy."""

    def again(self) -> "Telling":
        """It broke off, or nobody knows whether it is out."""
        return Telling(Stage.OWED, may_be_out=True)


@dataclass(frozen=True)
class Notices:
    """All of them, oldest first."""

    open: Mapping[Notice, Telling] = field(default_factory=dict)
    seen: tuple[Notice, ...] = ()
    """What was told and acknowledged, the last ones. Read by `till-edge orders`."""
    since: Mapping[Notice, float] = field(default_factory=dict)
    """When each open one was first noted, in the core's seconds. Not kept: after a start, patience begins anew."""

    def __iter__(self) -> Iterator[Notice]:
        return iter(self.open)

    def __len__(self) -> int:
        return len(self.open)

    def has(self, *concerns: Concern) -> bool:
        return any(notice.concern in concerns for notice in self.open)

    def raised(self, notice: Notice) -> "Notices":
        """A person must look, unless somebody has."""
        is_known = notice in self.open or (self._knows(notice) and notice.concern not in NEWS_EACH_TIME)
        stage = Stage.DONE if notice.concern in TOLD_OTHERWISE else Stage.OWED
        return self if is_known else self._put(notice, Telling(stage))

    def _knows(self, notice: Notice) -> bool:
        """Whether it is open, or somebody has looked at it."""
        return any(notice.news == known.news for known in (*self.open, *self.seen))

    def solved(self, concern: Concern, *references: str) -> "Notices":
        """These are over: nobody has to look any more, and what isn't on paper needs none."""
        over = [notice for notice in self.open if notice.concern is concern and notice.reference in references]
        return replace(self, open=without(self.open, *over)) if over else self

    def acknowledged(self) -> "Notices":
        """Somebody has looked at what is on paper. What is still to be told stays."""
        told = [notice for notice, telling in self.open.items() if telling.stage is Stage.DONE]
        return replace(self, open=without(self.open, *told), seen=(*self.seen, *told)[-MAX_SEEN:])

    @property
    def untold(self) -> int:
        """How many slips are still to come."""
        return sum(telling.stage is not Stage.DONE for telling in self.open.values())

    # --- the slips ---------------------------------------------------------------------------------------------------

    def observed(self, now: float) -> "Notices":
        """Note since when each stands."""
        if self.open.keys() == self.since.keys():
            return self
        return replace(self, since={notice: self.since.get(notice, now) for notice in self.open})

    def slip_due(self, now: float) -> Notice | None:
        """The oldest that is to be told now."""
        due = (notice for notice, telling in self.open.items() if telling.stage is Stage.OWED)
        return next((each for each in due if now >= self.since.get(each, now) + each.patience_s), None)

    def slip_begun(self, notice: Notice) -> "Notices":
        """The first byte may leave."""
        return self._move(notice, Stage.BEGUN)

    def slip_refused(self, notice: Notice) -> "Notices":
        """Not a byte was sent."""
        return self._move(notice, Stage.OWED)

    def slip_out(self, notice: Notice) -> "Notices":
        return self._move(notice, Stage.DONE)

    def slip_in_doubt(self, notice: Notice) -> "Notices":
        """It broke off, or nobody knows whether it is out."""
        return self._put(notice, self.open[notice].again()) if notice in self.open else self

    def resumed(self) -> "Notices":
        """After a start. A slip that was begun may be out."""
        begun = [notice for notice, telling in self.open.items() if telling.stage is Stage.BEGUN]
        return replace(self, open={**self.open, **{notice: self.open[notice].again() for notice in begun}})

    def _move(self, notice: Notice, stage: Stage) -> "Notices":
        """What was solved meanwhile is left alone."""
        return self._put(notice, replace(self.open[notice], stage=stage)) if notice in self.open else self

    def _put(self, notice: Notice, telling: Telling) -> "Notices":
        return replace(self, open={**self.open, notice: telling})


def all_of(notices: Iterable[Notice]) -> Notices:
    """These, each still to be told."""
    collected = Notices()
    for notice in notices:
        collected = collected.raised(notice)
    return collected


# --- what stands for as long as the till is as it is ---------------------------------------------------------------


def observe_notices(till: "Till", now: float) -> "Till":
    """Raise what stands, end what stood, and note since when each is there."""
    standing = tuple(_standing(till))
    notices = till.notices
    for notice in till.notices:
        if notice.concern in STANDING and notice not in standing:
            notices = notices.solved(notice.concern, notice.reference)
    for notice in standing:
        notices = notices.raised(notice)
    notices = notices.observed(now)
    return till if notices is till.notices else replace(till, notices=notices)


def _standing(till: "Till") -> Iterator[Notice]:
    if till.cashier.button.stuck:
        yield Notice(Concern.STUCK_BUTTON)
    for order in till.orders.unprinted:
        if order.reading and till.agenda.keeps_failing_to_read(order.reading.id):
            yield Notice(Concern.NOT_CONFIRMED, order.reference, payments=order.reading.approved)
