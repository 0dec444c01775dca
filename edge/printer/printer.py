"""Print, look, prove: a duty goes in, an event comes out, and no misfortune of a printer is ever raised.

The link is opened for each job and closed after it: a network printer serves one host at a time, and what was unplugged
and plugged in again is simply found again. What is printed is `compose`'s affair; this page adds the proof behind
it and judges what the printer answers. How well a printer can prove is learned while printing; a printer that once
did better is not believed on less.
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from edge.config.schema import PrinterConfig
from edge.core import duties, events
from edge.core.events import Paper, Proof
from edge.printer.dialogue import Dialogue
from edge.printer.transport import Stalled, Transport, TransportError, open_transport
from edge.printer.usb import usb_name

log = logging.getLogger(__name__)

# The id goes behind the cut, where its echo says that the ticket is printed and cut off. In front of the cut it would
# call a ticket printed that hangs in a jammed cutter.
PROCESS_ID = b"\x1d(H\x06\x0000"
BARRIER = b"\x1dr\x01"

RESET = b"\x1b@"
ENOUGH = 3
"""So many times in a row make a habit."""
LARGEST_REMAINS = 8192
"""Bytes. A ticket with a logo and a code in dots."""
WATCH, LEAVE_ALONE = b"\x1da\x0e", b"\x1da\x00"
"""Automatic status of line, errors and paper, for a roll may be changed between two looks. A reset ends it."""

CLEAR_BUFFERS = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
START_AFRESH = RESET + b"\x1bd\x06\x1dV\x01"
"""Reset, feed the remains past the cutter, cut them off."""


@dataclass(frozen=True)
class Patience:
    """How long a printer is waited for. Seconds."""

    answer: float = 1.0
    """An answer to `DLE EOT`, which is given at once even by a printer that can't print."""
    stall: float = 20.0
    """No byte was taken for so long: it never will. A cutter or a hot head pause for less."""
    proof: float = 20.0
    """From the last byte to the proof: a long ticket on a slow printer, and the 4 KB that a serial line buffers."""
    lag: float = 8.0
    """To print what was read ahead: how much later than the answer to `GS r` the echo may come."""
    settle: float = 3.0
    """Where status is all the proof there is: the time in which a ticket that runs into trouble does so."""
    silent: float = 0.5
    """For anything, from a printer that never said anything."""
    poll: float = 0.5
    """Between two looks at a printer that is printing."""
    clear: float = 2.0
    """For a printer to say that its buffers are empty; not every one can."""


class Level(IntEnum):
    """What a printer was seen to be able to do."""

    SILENT = 0
    STATUS = 1
    BARRIER = 2
    ECHO = 3


class Printer:
    """One printer. `compose` writes the whole ticket, from reset to cut. Used by one thread."""

    def __init__(
        self,
        config: PrinterConfig,
        compose: Callable[[duties.Print | duties.Slip], bytes],
        patience: Patience = Patience(),
    ) -> None:
        self._config = config
        self._compose = compose
        self._patience = patience
        self._learned: Level | None = None
        # Counted, so that the late echo of one ticket never proves the next; from anywhere, for the same after a start.
        self._number = random.randrange(10_000)
        # Bytes of an interrupted ticket that the printer may still hold. None: an earlier process may have left some.
        self._remains: int | None = None
        self._owed_answers = 0
        # In a row: how often it could not be watched, and came to a stop in tickets that were whole to all appearances.
        self._unwatched = self._stops = 0
        self._complaint = ""

    def do(self, duty: duties.PrinterDuty) -> events.PrinterEvent:
        """Do the duty and return what came of it. Blocks, for minutes at worst."""
        match duty:
            case duties.LookAtPrinter():
                return events.PrinterSeen(self._look())
            case duties.PrintList() | duties.PrintTest() | duties.PrintDay() | duties.PrintFailure():
                return events.SlipTried(duty, self._print(self._compose(duty)))
            case duties.Print(_, banners):
                ticket = self._compose(duty)
                if self._remains is None and duties.Banner.COPY in banners:
                    self._remains = len(ticket)
                return self._print(ticket)

    @property
    def complaint(self) -> str:
        """Why the printer could not be reached the last time, for people; "" if it could."""
        return self._complaint

    def identity(self) -> str:
        """Ask who it is, like "EPSON TM-T20III"; "" if it doesn't say or can't be reached. Blocks for seconds."""
        try:
            dialogue = self._open()
        except TransportError:
            return ""
        try:
            return dialogue.identity() or usb_name(self._config)
        except TransportError:
            return usb_name(self._config)
        finally:
            dialogue.close()

    def expect_remains(self) -> None:
        """An earlier process was cut off in a ticket: the printer may hold a part of it, and half a command."""
        self._remains = LARGEST_REMAINS

    def close(self) -> None:
        """Nothing is open between two jobs; here for whoever holds things that have to be closed."""

    # --- looking ---------------------------------------------------------------------------------------------------

    def _look(self) -> Paper:
        try:
            dialogue = self._open()
        except TransportError as error:
            return self._complain(error)
        try:
            paper = dialogue.paper()
        except TransportError as error:
            return self._complain(error)
        finally:
            dialogue.close()
        self._complaint = ""
        return paper

    def _open(self) -> Dialogue:
        transport = open_transport(self._config)
        return Dialogue(transport, self._is_deaf(transport), self._patience_for_answers())

    def _is_deaf(self, transport: Transport) -> bool:
        return self._config.proof == "none" or not transport.readable

    def _patience_for_answers(self) -> float:
        return self._patience.silent if self._learned is Level.SILENT else self._patience.answer

    def _complain(self, error: TransportError) -> Paper:
        """Tell people once, not at each look."""
        if error.text != self._complaint:
            log.warning("printer: %s", error.text)
            self._complaint = error.text
        return error.paper

    # --- printing --------------------------------------------------------------------------------------------------

    def _print(self, ticket: bytes) -> events.TicketEnd:
        try:
            dialogue = self._open()
        except TransportError as error:
            return events.TicketRefused(self._complain(error))
        try:
            return self._deliver(dialogue, ticket)
        finally:
            dialogue.close()

    def _deliver(self, dialogue: Dialogue, ticket: bytes) -> events.TicketEnd:
        try:
            before = dialogue.paper()
            if not before.prints:
                return events.TicketRefused(before)
            self._clean_up(dialogue)
            watched = self._watch(dialogue)
        except TransportError as error:
            return events.TicketRefused(self._complain(error))
        identity = self._next_identity(dialogue)
        # A reset ends the watch.
        job = (ticket.removeprefix(RESET) if watched else ticket) + self._questions(dialogue, identity, watched)
        dialogue.forget_proofs()
        try:
            dialogue.send(job, self._patience.stall)
        except TransportError as error:
            return self._break_off(dialogue, error, len(job))
        self._complaint = ""
        if dialogue.deaf:
            return events.TicketUnproved(Paper.UNKNOWN)
        return self._judge(dialogue, identity, before, self._wait_for_proof(dialogue, identity), len(job))

    def _next_identity(self, dialogue: Dialogue) -> bytes:
        """Return four digits for this ticket, or b"" where they prove nothing; some printers would print them."""
        wanted = {"auto": self._learned not in (Level.STATUS, Level.BARRIER), "process_id": True}
        if dialogue.deaf or not wanted.get(self._config.proof, False):
            return b""
        self._number = (self._number + 1) % 10_000
        return b"%04d" % self._number

    def _watch(self, dialogue: Dialogue) -> bool:
        """Asked for and answered apart from the ticket, so that the answer is taken for no sign of it."""
        if dialogue.deaf or self._learned is Level.SILENT or self._unwatched >= ENOUGH:
            return False
        watched = dialogue.watch(RESET + WATCH, self._patience.answer)
        self._unwatched = 0 if watched else self._unwatched + 1
        return watched

    def _questions(self, dialogue: Dialogue, identity: bytes, watched: bool) -> bytes:
        if dialogue.deaf:
            return b""
        return (PROCESS_ID + identity if identity else b"") + BARRIER + (LEAVE_ALONE if watched else b"")

    def _break_off(self, dialogue: Dialogue, error: TransportError, size: int) -> events.TicketEnd:
        """The ticket did not get through."""
        dialogue.close(abandon=True)
        paper = self._complain(error)
        if error.taken == 0:
            return events.TicketRefused(paper)
        self._remains = size
        if isinstance(error, Stalled):  # the way is blocked behind our bytes; a fresh one may tell why
            found = self._look()
            paper = paper if found.prints else found
        return events.TicketInterrupted(paper)

    def _clean_up(self, dialogue: Dialogue) -> None:
        """Get rid of what an earlier ticket left behind, and of answers that are still to come for it."""
        fresh = b""
        if self._remains:
            if not dialogue.deaf:
                dialogue.clear(CLEAR_BUFFERS, self._patience.clear)
            # A command that was cut in half swallows at most as many bytes as its ticket had left; zeros print nothing.
            fresh = bytes(self._remains) + START_AFRESH
        if fresh or self._owed_answers:
            dialogue.send(fresh + (b"" if dialogue.deaf else BARRIER), self._patience.stall)
            dialogue.wait(lambda: dialogue.barriers > self._owed_answers, time.monotonic() + self._patience.lag)
        self._remains, self._owed_answers = self._remains and 0, 0

    # --- proving ---------------------------------------------------------------------------------------------------

    def _wait_for_proof(self, dialogue: Dialogue, identity: bytes) -> Paper:
        """Wait until nothing better can come, and return how the printer is then."""

        def proved() -> bool:
            return identity in dialogue.echoes if identity else dialogue.barriers > 0

        deadline = time.monotonic() + self._patience_for_proof(dialogue)
        lagging = False
        try:
            while not dialogue.wait(proved, min(deadline, time.monotonic() + self._patience.poll)):
                paper = dialogue.paper()
                if proved() or not paper.prints or time.monotonic() >= deadline:
                    break
                if dialogue.barriers and not lagging:
                    deadline, lagging = min(deadline, time.monotonic() + self._patience.lag), True
            return dialogue.paper()
        except TransportError as error:
            return self._complain(error)

    def _patience_for_proof(self, dialogue: Dialogue) -> float:
        if self._learned is Level.SILENT and not dialogue.heard:
            return self._patience.silent
        if self._learned is Level.STATUS and self._config.proof != "process_id":
            return self._patience.settle
        return self._patience.proof

    def _judge(self, dialogue: Dialogue, identity: bytes, before: Paper, after: Paper, size: int) -> events.TicketEnd:
        level = _level(dialogue, identity, before, after)
        if level is not Level.ECHO and not after.prints and not (after is Paper.GONE and self._may_hang_up(dialogue)):
            return self._interrupt(dialogue, after, size)
        if level or after is not Paper.GONE:
            self._learn(level)
        if level >= Level.BARRIER:  # it was heard as a command: nothing older swallows what comes
            self._remains = 0
        if self._is_in_pieces(dialogue):
            return events.TicketInterrupted(after)
        demanded = Level.ECHO if self._config.proof == "process_id" else Level.STATUS
        if level < max(demanded, self._learned or Level.SILENT):
            self._owed_answers = 1 if self._learned and not dialogue.barriers else 0
            return events.TicketUnproved(after)
        return events.TicketPrinted(Proof.PROCESS_ID if level is Level.ECHO else Proof.STATUS, after)

    def _is_in_pieces(self, dialogue: Dialogue) -> bool:
        """It came to a stop and went on by itself. One that says so of each ticket is believed no more."""
        self._stops = self._stops + 1 if dialogue.stopped else 0
        return 0 < self._stops < ENOUGH

    def _learn(self, level: Level) -> None:
        if self._learned is None or level > self._learned:
            self._learned = level
            log.info("printer: the best proof seen so far is %s", level.name.lower())

    def _may_hang_up(self, dialogue: Dialogue) -> bool:
        """Whether the end of the connection tells nothing: the ticket was through, or the printer never speaks."""
        if dialogue.barriers:
            return self._learned is not Level.ECHO
        return not dialogue.heard and not self._learned

    def _interrupt(self, dialogue: Dialogue, paper: Paper, size: int) -> events.TicketEnd:
        """The ticket comes again, so its rest must not: printers go on by themselves once there is paper."""
        self._remains = size
        with contextlib.suppress(TransportError):  # the next job tries again
            dialogue.clear(CLEAR_BUFFERS, self._patience.clear)
        return events.TicketInterrupted(paper)


def _level(dialogue: Dialogue, identity: bytes, before: Paper, after: Paper) -> Level:
    """The best proof in what the printer answered."""
    if identity and identity in dialogue.echoes:
        return Level.ECHO
    if dialogue.barriers:
        return Level.BARRIER
    answered = before is not Paper.UNKNOWN and after in (Paper.READY, Paper.LOW)
    return Level.STATUS if answered else Level.SILENT
