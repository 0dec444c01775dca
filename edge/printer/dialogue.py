"""One job's exchange with a printer: questions out, answers in, each with its deadline.

Answers to `DLE EOT` don't name their question, so none is asked while an earlier one is unanswered: its late answer
would be taken for the next one's, and a drawer for an open cover. Echoes and barriers are noted whenever they come.
"""

import time
from collections.abc import Callable

from edge.core.events import Paper
from edge.printer import replies
from edge.printer.commands import ASK_NAME, ASK_STATUS, MAKER, MODEL
from edge.printer.models import full_name
from edge.printer.transport import StalledError, Transport


class Dialogue:
    """Made by `Printer` for one job. `one_way`: no answer can come, so nothing is asked and nothing waited for."""

    def __init__(self, transport: Transport, one_way: bool, answer_timeout: float) -> None:
        self._transport = transport
        self._answer_timeout = answer_timeout
        self._parser = replies.Parser()
        self._unanswered = False
        self._status: int | None = None
        self._cleared = False
        self._watched = False
        self._was_well = False
        self._names: list[str] = []
        self.one_way = one_way
        self.answered = False
        """Whether it has answered anything at all."""
        self.echoes: set[bytes] = set()
        self.barriers = 0
        self.stopped = False
        """Whether the printer reported, while it was watched and before any proof, that it came to a stop."""

    def forget_proofs(self) -> None:
        """What comes from now on belongs to the next ticket."""
        self.echoes.clear()
        self.barriers = 0

    def watch(self, command: bytes, timeout: float) -> bool:
        """Have the printer report each change. False if it doesn't report first that it is well: it isn't understood.

        Raises `TransportError`.
        """
        self._was_well = self.stopped = False
        self.send(command, timeout)
        self._watched = self.wait(lambda: self._was_well, time.monotonic() + timeout)
        return self._watched

    def send(self, data: bytes, stall_timeout: float) -> None:
        """Hand all of `data` over. Raises `TransportError`."""
        self._transport.write(data, stall_timeout)

    def paper(self) -> Paper:
        """Ask how the printer is. Silence is UNKNOWN. Raises `TransportError` if the link is gone."""
        statuses: dict[int, int] = {}
        for question in (replies.PRINTER, replies.ROLL, replies.OFFLINE_CAUSE, replies.ERROR_CAUSE):
            if (answer := self._ask(question)) is None:
                break
            statuses[question] = answer
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

    def _ask(self, question: int) -> int | None:
        if self.one_way or self._unanswered:
            return None
        self._status, self._unanswered = None, True
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
        self.answered = True
        match answer:
            case replies.Status(byte):
                self._status, self._unanswered = byte, False
            case replies.Barrier():
                self.barriers += 1
            case replies.ProcessId(digits):
                self.echoes.add(digits)
            case replies.Cleared():
                self._cleared = True
            case replies.AutomaticStatus(stopped):
                self._note_change(stopped)
            case replies.Name(text):
                self._names.append(text)

    def _note_change(self, stopped: bool) -> None:
        self._was_well = self._was_well or not stopped
        if stopped and self._watched and not self.echoes and not self.barriers:
            self.stopped = True
