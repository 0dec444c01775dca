"""One ticket's way through an open dialogue: prepare the printer, send, wait for the proof, judge. In this order, once.

Two questions follow the ticket, a process id and a barrier. They come after the cut, so that an answer means that the
ticket is printed and cut off: before it, a ticket that hangs in a jammed cutter would count as printed.
"""

import contextlib
import logging
import time
from dataclasses import dataclass, replace

from edge.core.events import Paper, Proof, TicketEnd, TicketInterrupted, TicketPrinted, TicketUnproved
from edge.printer.commands import BARRIER, CLEAR_BUFFERS, CUT_OFF_LEFTOVERS, PROCESS_ID, RESET, STOP_WATCHING, WATCH
from edge.printer.dialogue import Dialogue
from edge.printer.timeouts import Timeouts
from edge.printer.track_record import Capability, Question, TrackRecord
from edge.printer.transport import TransportError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leftovers:
    """What earlier jobs left behind. Made by a job that was cut off, cleaned up by the next."""

    size: int | None = None
    """Bytes of an interrupted ticket that the printer may still hold. None: an earlier process may have left some."""
    answers: int = 0
    """Barriers that are still to be answered."""


class Job:
    """Made by `Printer` for one ticket. `record` and `leftovers` come from earlier jobs and go on to the next."""

    def __init__(
        self, dialogue: Dialogue, proof: str, timeouts: Timeouts, record: TrackRecord, leftovers: Leftovers
    ) -> None:
        """`proof` is what the configuration demands: auto, process_id, status or none."""
        self.record = record
        self.leftovers = leftovers
        self._dialogue = dialogue
        self._demands_echo = proof == "process_id"
        self._may_echo = proof == "auto" and record.may_echo
        self._timeouts = timeouts
        self._watched = False
        self._size = 0
        self._process_id = b""
        dialogue.expect_barriers(leftovers.answers)

    @property
    def one_way(self) -> bool:
        """Whether no answer can come, so that there is nothing to wait for."""
        return self._dialogue.one_way

    # --- up to the last byte ------------------------------------------------------------------------------------------

    def prepare(self, despite: bool) -> Paper:
        """Return how the printer is; if it prints, rid it of leftovers and watch it. Raises `TransportError`.

        `despite`: a person wants the ticket whatever the printer says of itself.
        """
        paper = self._dialogue.health(self.record.answers)
        if paper.prints or despite:
            self._clean_up()
            self._watched = self._watch()
        return paper

    def send(self, ticket: bytes, number: int) -> None:
        """Send the ticket and the questions. `number`: 0 to 9999, a new one each time. Raises `TransportError`."""
        self._process_id = self._choose_process_id(number)
        # A reset would end the watch.
        job = (ticket.removeprefix(RESET) if self._watched else ticket) + self._questions()
        self._size = len(job)
        self._dialogue.forget_proofs()
        self._dialogue.send(job, self._timeouts.stall)

    def abandon(self, taken: int) -> None:
        """Give up after `taken` bytes; what is still on its way is thrown away."""
        self._dialogue.close(abandon=True)
        if taken:
            self.leftovers = replace(self.leftovers, size=self._size)

    def _clean_up(self) -> None:
        """Get rid of what an earlier ticket left in the printer, and of late answers to it."""
        size = self.leftovers.size
        tidying = b""
        if size:
            if not self.one_way:
                self._dialogue.clear(CLEAR_BUFFERS, self._timeouts.clear)
            # A command that was cut in half swallows at most as many bytes as its ticket had left; zeros print nothing.
            tidying = bytes(size) + CUT_OFF_LEFTOVERS
        if tidying or self.leftovers.answers:
            self._dialogue.expect_barriers(1)
            self._dialogue.send(tidying + (b"" if self.one_way else BARRIER), self._timeouts.stall)
            self._wait_for_barriers(self.leftovers.answers + 1)
        self.leftovers = Leftovers(size and 0)

    def _wait_for_barriers(self, count: int) -> None:
        deadline = time.monotonic() + self._timeouts.lag
        self._dialogue.wait(lambda: self._dialogue.barriers >= count, deadline)

    def _watch(self) -> bool:
        """Ask for it apart from the ticket, so that its answer isn't taken for one to the ticket."""
        if self.one_way or not self.record.can_be_watched:
            return False
        watched = self._dialogue.watch(RESET + WATCH, self._timeouts.answer)
        self.record = self.record.note_watch(watched)
        if not watched and self._fell_silent():
            self.record = self.record.shun(Question.WATCH)
        return watched

    def _fell_silent(self) -> bool:
        """Whether it answered in this job and does no more."""
        return self._dialogue.answered and self._dialogue.paper() is Paper.UNKNOWN

    def _choose_process_id(self, number: int) -> bytes:
        """Four digits, or b"" where they would prove nothing; some printers would print them."""
        asked = (self._demands_echo or self._may_echo) and not self.one_way
        return b"%04d" % number if asked else b""

    def _questions(self) -> bytes:
        if self.one_way:
            return b""
        self._dialogue.expect_barriers(1)
        echo = PROCESS_ID + self._process_id if self._process_id else b""
        return echo + BARRIER + (STOP_WATCHING if self._watched else b"")

    # --- after the last byte ------------------------------------------------------------------------------------------

    def wait_for_proof(self) -> Paper:
        """Wait until nothing better can come; return how the printer is then. Raises `TransportError`."""
        deadline = time.monotonic() + self._proof_timeout()
        lagging = False
        while not self._dialogue.wait(self._proved, min(deadline, time.monotonic() + self._timeouts.poll)):
            paper = self._dialogue.paper()
            if self._proved() or not paper.prints or time.monotonic() >= deadline:
                break
            if self._dialogue.barriers and not lagging:
                deadline, lagging = min(deadline, time.monotonic() + self._timeouts.lag), True
        return self._dialogue.paper()

    def _proof_timeout(self) -> float:
        if self.record.silent and not self._dialogue.answered:
            return self._timeouts.silent
        if self.record.capability is Capability.STATUS and not self._demands_echo:
            return self._timeouts.settle
        return self._timeouts.proof

    def _proved(self) -> bool:
        """Whether the best answer that was asked for is there."""
        return self._echoed() if self._process_id else self._dialogue.passed_barrier

    def _echoed(self) -> bool:
        return bool(self._process_id) and self._process_id in self._dialogue.echoes

    def judge(self, before: Paper, after: Paper) -> TicketEnd:
        """Decide what the answers prove. `before` and `after`: how the printer was; GONE if the link broke.

        Where it said before the ticket already that it can't print, the same word after it is no news.
        """
        shown = self._shown(before, after)
        doubted = not before.prints and after is before
        whole = after.prints or doubted or shown is Capability.ECHO
        if not (whole or (after is Paper.GONE and self._may_hang_up())):
            return self._interrupt(after)
        self._note(shown, after)
        if self.record.stopped:
            return TicketInterrupted(after)
        if shown < self._required():
            late = bool(self.record.capability) and not self._dialogue.barriers
            self.leftovers = replace(self.leftovers, answers=int(late))
            return TicketUnproved(after, alarming=bool(self.record.answers))
        return TicketPrinted(Proof.PROCESS_ID if shown is Capability.ECHO else Proof.STATUS, after)

    def _shown(self, before: Paper, after: Paper) -> Capability:
        """The best proof in what the printer answered."""
        if self._echoed():
            return Capability.ECHO
        if self._dialogue.passed_barrier:
            return Capability.BARRIER
        answered = before in (Paper.READY, Paper.LOW) and after in (Paper.READY, Paper.LOW)
        return Capability.STATUS if answered else Capability.SILENT

    def _required(self) -> Capability:
        """What this printer has to show for a ticket to count as printed."""
        demanded = Capability.ECHO if self._demands_echo else Capability.STATUS
        return max(demanded, self.record.capability or Capability.SILENT)

    def _note(self, shown: Capability, after: Paper) -> None:
        """Keep for later jobs what this one showed. A link that broke before any proof shows nothing."""
        known = self.record.capability
        self.record = self.record.note_answers(self._dialogue.heard)
        if self._process_id and self._dialogue.answered:  # silence says nothing about this question
            self.record = self.record.note_echo(self._echoed())
        if self._process_id and not self._echoed() and after is Paper.UNKNOWN and self._dialogue.answered:
            self.record = self.record.shun(Question.ECHO)
        if shown or after is not Paper.GONE:
            self.record = self.record.note_capability(shown)
        if self.record.capability is not known:
            log.info("printer: the best proof seen so far is %s", shown.name.lower())
        if shown >= Capability.BARRIER:  # it was heard as a command: nothing older swallows what comes
            self.leftovers = replace(self.leftovers, size=0)
        self.record = self.record.note_stop(self._dialogue.stopped)

    def _may_hang_up(self) -> bool:
        """Whether the end of the connection shows nothing: the ticket was through, or the printer never answers."""
        if self._dialogue.barriers:
            return self.record.capability is not Capability.ECHO
        return not self._dialogue.answered and not self.record.capability

    def _interrupt(self, paper: Paper) -> TicketInterrupted:
        """The ticket comes again, so its rest must not: printers go on by themselves once there is paper."""
        self.leftovers = replace(self.leftovers, size=self._size)
        with contextlib.suppress(TransportError):  # the next job tries again
            self._dialogue.clear(CLEAR_BUFFERS, self._timeouts.clear)
        return TicketInterrupted(paper)
