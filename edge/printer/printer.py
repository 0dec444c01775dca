"""Bytes go in, and how they were proved comes out. No trouble with a printer is ever raised.

The link is opened for each job and closed after it: a network printer serves one host at a time, and one that was
unplugged and plugged in again is simply found again. Nothing in this room knows what is printed, or why.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import replace

from edge.config.schema import PrinterConfig
from edge.core.events import Paper, Proof, TicketEnd, TicketInterrupted, TicketRefused, TicketUnproved
from edge.printer.connections import CONNECT_TIMEOUT_S, open_transport
from edge.printer.dialogue import Dialogue
from edge.printer.job import Job, Leftovers
from edge.printer.timeouts import DEFAULT_TIMEOUTS, Timeouts
from edge.printer.track_record import Question, TrackRecord
from edge.printer.transport import NoPrinterError, StalledError, TransportError
from edge.printer.usb import usb_name

log = logging.getLogger(__name__)

MAX_TICKET_BYTES = 8192
"""Of a ticket with a logo and a code in dots."""


class Printer:
    """One printer, used by one thread. Its methods block: for seconds as a rule, for minutes at worst."""

    def __init__(
        self,
        config: PrinterConfig,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        record: TrackRecord | None = None,
        keep: Callable[[TrackRecord], object] = lambda record: None,
    ) -> None:
        """`record`: what is known of the printer from earlier starts. `keep` is called with what was learned since."""
        self._config = config
        self._timeouts = timeouts
        self._record = record or TrackRecord()
        self._keep = keep
        self._met = record is None
        """Whether it was asked who it is, since it was last out of reach. Without a record it may be anyone."""
        self._kept = self._record
        self._leftovers = Leftovers()
        self._whole = False
        """Whether all that was sent to it got through, the last time; an earlier process may have been cut off."""
        # Counted, so that the late echo of one ticket never proves the next. The start is random for the same reason.
        self._number = random.randrange(10_000)
        self._complaint = ""

    def print(self, ticket: bytes, is_copy: bool = False, despite: bool = False, prove: bool = True) -> TicketEnd:
        """Print a whole ticket, from reset to cut. `is_copy`: a part of its original may be left in the printer.

        `despite`: print it even if the printer says that it can't, for a person says that it can. `prove`: whether to
        wait for its proof; of a question to a person the answer is proof enough.
        """
        if is_copy and self._leftovers.size is None:
            self._leftovers = replace(self._leftovers, size=len(ticket))
        try:
            dialogue = self._open(one_way=not prove)
        except TransportError as error:
            return TicketRefused(self._complain(error))
        job = Job(dialogue, self._config.proof, self._timeouts, self._record, self._leftovers)
        try:
            return self._deliver(job, ticket, despite)
        finally:
            self._close(dialogue)
            self._leftovers = job.leftovers
            self._learn(job.record.note_answers(dialogue.heard))

    def ring(self, command: bytes) -> str:
        """Send the command of the bell, and wait for nothing. Returns why it could not be sent, for people, or "".

        A ticket may come meanwhile, so a printer that doesn't take it at once is let go.
        """
        try:
            dialogue = self._open(one_way=True, timeout=self._timeouts.ring)
        except TransportError as error:
            return error.text
        try:
            dialogue.send(command, self._timeouts.ring)
        except TransportError as error:
            self._close(dialogue, abandon=True)  # or it would ring later, and block the next connection until then
            return error.text
        self._close(dialogue)
        return ""

    def look(self) -> Paper:
        """Return how the printer is; nothing is printed."""
        try:
            dialogue = self._open()
        except TransportError as error:
            return self._complain(error)
        try:
            paper = self._meet(dialogue)
        except TransportError as error:
            return self._complain(error)
        finally:
            self._close(dialogue)
            self._learn(self._record.note_answers(dialogue.heard))
        self._complaint = ""
        return paper

    def identity(self) -> str:
        """Return its name, like "EPSON TM-T20III"; "" if it doesn't say, or can't be reached, as `complaint` says."""
        self._complaint = ""
        try:
            dialogue = self._open()
        except TransportError as error:
            self._complaint = error.text
            return ""
        try:
            return self._name(dialogue)
        except TransportError as error:
            self._complaint = error.text
            return usb_name(self._config)
        finally:
            self._close(dialogue)

    def _meet(self, dialogue: Dialogue) -> Paper:
        """How it is; and, when it was out of reach, who it is, for it may have been exchanged."""
        paper = dialogue.health(self._record.answers)
        if self._met or not paper.prints:
            return paper
        self._met = True
        if not self._record.may_ask(Question.NAME):
            return paper
        name = self._name(dialogue)
        if name != self._record.name and name:
            name = self._name(dialogue)  # an answer that was garbled on its way makes no other printer
        if name and self._record.name and name != self._record.name:
            log.warning("printer: it is %s now and was %s; what was known of it is forgotten", name, self._record.name)
            self._record = TrackRecord()
        self._record = replace(self._record, name=name or self._record.name)
        return self._after_name(dialogue, paper)

    def _name(self, dialogue: Dialogue) -> str:
        return dialogue.identity() or usb_name(self._config)

    def _after_name(self, dialogue: Dialogue, before: Paper) -> Paper:
        """A printer that answered before it was asked for its name, and no more after it, is never asked again."""
        if before is Paper.UNKNOWN or Question.NAME in dialogue.heard:
            return before
        after = dialogue.paper()
        if after is Paper.UNKNOWN:
            self._record = self._record.shun(Question.NAME)
        return after

    def _learn(self, record: TrackRecord) -> None:
        """Keep what is new about it."""
        self._record = record
        if record != self._kept:
            self._kept = record
            self._keep(record)

    def expect_leftovers(self) -> None:
        """Note that an earlier process was cut off in a ticket: a part of it may be left, and half a command."""
        self._leftovers = replace(self._leftovers, size=MAX_TICKET_BYTES)

    @property
    def proof(self) -> Proof:
        """How well it proves what it prints, as far as it has shown."""
        return self._record.proof

    @property
    def complaint(self) -> str:
        """Why the printer could not be reached the last time, for people; "" if it could."""
        return self._complaint

    def _deliver(self, job: Job, ticket: bytes, despite: bool) -> TicketEnd:
        """A broken link means three different things: before the first byte, on the way, and after the last one."""
        try:
            before = job.prepare(despite)
        except TransportError as error:
            return TicketRefused(self._complain(error))
        if not (before.prints or despite):
            return TicketRefused(before)
        try:
            job.send(ticket, self._next_number())
        except TransportError as error:
            return self._break_off(job, error)
        self._complaint = ""
        return self._prove(job, before)

    def _break_off(self, job: Job, error: TransportError) -> TicketEnd:
        """The ticket did not get through."""
        job.abandon(error.taken)
        paper = self._complain(error)
        if error.taken == 0:
            return TicketRefused(paper)
        if isinstance(error, StalledError):  # this link is blocked by our bytes; a new one may show why
            found = self.look()
            paper = paper if found.prints else found
        return TicketInterrupted(paper)

    def _prove(self, job: Job, before: Paper) -> TicketEnd:
        if job.one_way:
            return TicketUnproved(Paper.UNKNOWN)
        try:
            after = job.wait_for_proof()
        except NoPrinterError as error:
            return TicketRefused(self._complain(error))
        except TransportError as error:
            after = self._complain(error)
        return job.judge(before, after)

    def _open(self, one_way: bool = False, timeout: float = CONNECT_TIMEOUT_S) -> Dialogue:
        transport = open_transport(self._config, timeout)
        one_way = one_way or self._config.proof == "none" or not transport.readable
        answer_timeout = self._record.answer_timeout(self._timeouts)
        return Dialogue(transport, one_way, answer_timeout, self._timeouts.late, self._whole)

    def _close(self, dialogue: Dialogue, abandon: bool = False) -> None:
        dialogue.close(abandon)
        self._whole = dialogue.whole

    def _next_number(self) -> int:
        self._number = (self._number + 1) % 10_000
        return self._number

    def _complain(self, error: TransportError) -> Paper:
        """Log it once, not at each look."""
        if error.text != self._complaint:
            log.warning("printer: %s", error.text)
            self._complaint = error.text
        self._met = False
        return error.paper
