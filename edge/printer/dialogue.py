"""One job's exchange with a printer: questions out, answers in, each with its deadline.

Answers to `DLE EOT` don't name their question, so none is asked while an earlier one is unanswered: its late answer
would be taken for the next one's, and a drawer for an open cover. Echoes and barriers are noted whenever they come.
"""

import time
from collections.abc import Callable

from edge.core.events import Paper
from edge.printer import replies
from edge.printer.commands import ASK_NAME, ASK_STATUS, BARRIER, FILLER, MAKER, MODEL
from edge.printer.models import full_name
from edge.printer.track_record import Question
from edge.printer.transport import StalledError, Transport


class Dialogue:
    """Made by `Printer` for one job. `one_way`: no answer can come, so nothing is asked and nothing waited for.

    Seconds: `answer_timeout` for each answer; `late_timeout` more for a printer that is known to answer. `whole`: all
    that was sent before got through.
    """

    def __init__(
        self, transport: Transport, one_way: bool, answer_timeout: float, late_timeout: float, whole: bool = True
    ) -> None:
        self._transport = transport
        self._answer_timeout = answer_timeout
        self._late_timeout = late_timeout
        self._parser = replies.Parser()
        self._unanswered = False
        self._question = replies.PRINTER
        self._status: int | None = None
        self._cleared = False
        self._watched = False
        self._was_well = False
        self._names: list[str] = []
        self.one_way = one_way
        self.whole = whole
        """Whether all that was sent so far got through. If not, half a command may be left in the printer."""
        self.heard: frozenset[Question] = frozenset()
        """What it has answered."""
        self.echoes: set[bytes] = set()
        self.barriers = 0
        self._expected_barriers = 0
        self._noisy = False
        self.stopped = False
        """Whether the printer reported, while it was watched and before any proof, that it came to a stop."""

    @property
    def answered(self) -> bool:
        """Whether it has answered anything at all."""
        return bool(self.heard)

    def forget_proofs(self) -> None:
        """What comes from now on belongs to the next ticket."""
        self.echoes.clear()
        self.barriers = 0

    def expect_barriers(self, count: int) -> None:
        """So many more answers to `GS r` may come. One that nobody asked for is noise, and so are all others then."""
        self._expected_barriers += count

    @property
    def passed_barrier(self) -> bool:
        """Whether `GS r` was answered, as far as its one byte can be told from noise."""
        return self.barriers > 0 and not self._noisy

    def health(self, known: frozenset[Question]) -> Paper:
        """Ask how the printer is, before anything is sent to it. `known`: what it ever answered.

        One that is known to answer and says nothing is SILENT. Raises `TransportError` if the link is gone.
        """
        paper = self.paper()
        if paper is Paper.UNKNOWN and known:
            paper = replies.paper(self._late_answer())
        if paper is not Paper.UNKNOWN or self.one_way or not known:
            return paper
        return Paper.UNKNOWN if self._answers_otherwise(known) else Paper.SILENT

    def watch(self, command: bytes, timeout: float) -> bool:
        """Have the printer report each change. False if it doesn't report first that it is well: it isn't understood.

        Raises `TransportError`.
        """
        self._was_well = self.stopped = False
        self.send(command, timeout)
        self._watched = self.wait(lambda: self._was_well, time.monotonic() + timeout)
        return self._watched

    def send(self, data: bytes, stall_timeout: float) -> None:
        """Hand all of `data` over, behind a filler where half a command may be left. Raises `TransportError`."""
        data = data if self.whole else FILLER + data
        self.whole = False
        self._transport.write(data, stall_timeout)
        self.whole = True

    def paper(self) -> Paper:
        """Ask how the printer is. Silence is UNKNOWN. Raises `TransportError` if the link is gone."""
        statuses = self._ask_all()
        if replies.contradict(statuses) and (answer := self._ask(replies.PRINTER)) is not None:
            statuses[replies.PRINTER] = answer
        return replies.paper(statuses)

    def identity(self) -> str:
        """Ask for its name: "EPSON TM-T20III", or "" from one that doesn't say. Raises `TransportError`.

        One that takes the question for letters prints none of them: whatever comes next begins with a reset.
        """
        model = self._ask_name(MODEL)
        maker = self._ask_name(MAKER) if model else ""
        return full_name(maker, model)

    def clear(self, command: bytes, timeout: float) -> bool:
        """Have the printer empty its buffers; nothing may follow until it says so, which not every printer does."""
        self._cleared = False
        self.send(command, timeout)
        return self.wait(lambda: self._cleared, time.monotonic() + timeout)

    def wait(self, until: Callable[[], bool], deadline: float) -> bool:
        """Take in answers until something holds; False at the deadline. Raises `TransportError` if the link is gone."""
        while not until():
            if self.one_way or time.monotonic() >= deadline:
                return False
            for answer in self._parser.feed(self._transport.read(deadline)):
                self._note(answer)
        return True

    def close(self, abandon: bool = False) -> None:
        """Let the printer go; twice is fine. `abandon`: what was not sent is thrown away."""
        self._transport.close(abandon)

    def _late_answer(self) -> dict[int, int]:
        """The answer that is still out, if it comes after all."""
        if not self._unanswered or not self.wait(lambda: not self._unanswered, time.monotonic() + self._late_timeout):
            return {}
        return self._possible(self._question, self._status)

    def _answers_otherwise(self, known: frozenset[Question]) -> bool:
        """Whether it answers a question that it answered before, though not this one."""
        if Question.BARRIER in known:
            self.expect_barriers(1)
            self.send(BARRIER, self._answer_timeout)
            self.wait(lambda: self.answered, time.monotonic() + self._answer_timeout)
        elif Question.NAME in known:
            self._ask_name(MODEL)
        return self.answered

    def _ask_all(self) -> dict[int, int]:
        """The four statuses; one that doesn't come, or can't be the answer to its question, is left out."""
        statuses: dict[int, int] = {}
        for question in (replies.PRINTER, replies.ROLL, replies.OFFLINE_CAUSE, replies.ERROR_CAUSE):
            if (answer := self._ask(question)) is None:
                break
            statuses |= self._possible(question, answer)
        return statuses

    @staticmethod
    def _possible(question: int, answer: int | None) -> dict[int, int]:
        return {question: answer} if answer is not None and replies.can_be(question, answer) else {}

    def _ask(self, question: int) -> int | None:
        if self.one_way or self._unanswered:
            return None
        self._question, self._status, self._unanswered = question, None, True
        try:
            self.send(ASK_STATUS + bytes([question]), self._answer_timeout)
            self.wait(lambda: not self._unanswered, time.monotonic() + self._answer_timeout)
        except StalledError:
            pass  # it takes no questions: silence, like any other
        return self._status

    def _ask_name(self, n: int) -> str:
        self._names.clear()
        if not self.one_way:
            self.send(ASK_NAME + bytes([n]), self._answer_timeout)
            self.wait(lambda: bool(self._names), time.monotonic() + self._answer_timeout)
        return self._names[0] if self._names else ""

    def _note(self, answer: replies.PrinterReply) -> None:
        match answer:
            case replies.Status(byte):
                self._status, self._unanswered = byte, False
                self._hear(Question.STATUS)
            case replies.Barrier():
                self._note_barrier()
            case replies.ProcessId(digits):
                self.echoes.add(digits)
                self._hear(Question.ECHO)
            case replies.Cleared():
                self._cleared = True
            case replies.AutomaticStatus(stopped):
                self._note_change(stopped)
                self._hear(Question.WATCH)
            case replies.Name(text):
                self._names.append(text)
                self._hear(Question.NAME)

    def _hear(self, question: Question) -> None:
        self.heard |= {question}

    def _note_barrier(self) -> None:
        """A zero is an answer to `GS r`, and also what a bad line says: only what was asked for counts."""
        if self._expected_barriers:
            self._expected_barriers -= 1
            self.barriers += 1
            self._hear(Question.BARRIER)
        else:
            self._noisy = True

    def _note_change(self, stopped: bool) -> None:
        self._was_well = self._was_well or not stopped
        if stopped and self._watched and not self.echoes and not self.barriers:
            self.stopped = True
