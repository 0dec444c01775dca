"""How the printer prints, if nobody knows: slips ask a person, and the button answers them while nothing is sold. Pure.

A sale always wins. A finger answers a slip if that was out, and nothing was being sold, since before the finger went
down, and if the look at the till that follows finds no order there. A press means all else that it ever means; a hold
while a slip is out cancels only an order that the till had seen before. A restart asks again.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.core.calibration import Calibration
from edge.core.cashier import HOLD_COUNTS_S, Gesture
from edge.core.duties import PrintCalibration
from edge.core.lifecycle import Stage

if TYPE_CHECKING:
    from edge.core.state import Till

SELLING = (Stage.CANCELLING, Stage.PAID, Stage.LISTED, Stage.PRINTING)
"""An order in one of these is somebody's business at the till."""


@dataclass(frozen=True)
class Questions:
    """What is being asked about the printer, and how far that is. Not kept."""

    asked: Calibration | None = None
    """None: all is known."""
    out: bool = False
    """Its slip is on paper."""
    open_since: float | None = None
    """Since when a gesture may answer it; None if none may now."""
    answer: Calibration | None = None
    """What a gesture makes of it, as soon as the till is seen to be free."""
    answered_at: float = 0.0

    def unknown(self, found: Calibration | None) -> "Questions":
        """This is not known of the printer now. Answers given so far count, unless it is another printer."""
        if self.asked and (self.asked.done or (found and found.printer == self.asked.printer)):
            return self
        return self if self.asked == found else Questions(found)

    def slip_out(self, slip: PrintCalibration) -> "Questions":
        """The slip is on paper; after the result there is nothing more to ask."""
        if slip.state != self.asked:
            return self
        return Questions() if slip.state.done else replace(self, out=True)

    def opened(self, quiet: bool, now: float) -> "Questions":
        """Whether it can be answered now, and since when."""
        if not (quiet and self.out):
            is_shut = self.open_since is None and self.answer is None
            return self if is_shut else replace(self, open_since=None, answer=None)
        return self if self.open_since is not None else replace(self, open_since=now)

    def gestured(self, gesture: Gesture, since: float, now: float) -> "Questions":
        """A finger that came down at `since` meant this."""
        if gesture is Gesture.NONE or self.asked is None or self.open_since is None or since < self.open_since:
            return self
        answer = self.asked.right() if gesture is Gesture.PRESS else self.asked.next()
        return replace(self, answer=answer, answered_at=now)

    def till_is_free(self, now: float) -> "Questions":
        """No order is on the till: the answer counts, if it was given a moment ago."""
        if self.answer is None:
            return self
        return Questions(self.answer) if now < self.answered_at + HOLD_COUNTS_S else replace(self, answer=None)


def question_duty(till: "Till") -> PrintCalibration | None:
    """The slip that is owed now; none while something is being sold."""
    asked = till.questions.asked
    return PrintCalibration(asked) if asked and not till.questions.out and _quiet(till) else None


def observe_questions(till: "Till", now: float) -> "Till":
    """Note whether the button may answer."""
    questions = till.questions.opened(_quiet(till), now)
    return till if questions is till.questions else replace(till, questions=questions)


def _quiet(till: "Till") -> bool:
    """Whether nothing is being sold, and nobody has anything to look at."""
    return till.cashier.loaded is None and not till.orders.in_stage(*SELLING) and not till.notices
