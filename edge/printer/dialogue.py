"""One job's exchange with a printer: questions out, answers in, each with its deadline.

Answers to `DLE EOT` don't say which question they answer, so none is asked while an earlier one is unanswered: the
late answer would be taken for the next one's, and a drawer for an open cover. Echoes and barriers are noted
whenever they come.
"""

import time
from collections.abc import Callable

from edge.core.events import Paper
from edge.printer import replies
from edge.printer.transport import Stalled, Transport

ASK = b"\x10\x04"
WHO = b"\x1dI"
MAKER, MODEL = 66, 67


class Dialogue:
    """`deaf` is True where no answer is to be expected: nothing is asked then and nothing waited for."""

    def __init__(self, transport: Transport, deaf: bool, answer_seconds: float) -> None:
        self._transport = transport
        self._answer_seconds = answer_seconds
        self._parser = replies.Parser()
        self._unanswered = False
        self._status: int | None = None
        self._cleared = False
        self._watched = False
        self._was_well = False
        self.deaf = deaf
        self.heard = False
        self.echoes: set[bytes] = set()
        self.barriers = 0
        self.stopped = False
        """Whether the printer told by itself that it came to a stop, while it was watched and before any proof."""
        self.names: list[str] = []

    def forget_proofs(self) -> None:
        """What comes from now on belongs to the next ticket."""
        self.echoes.clear()
        self.barriers = 0

    def watch(self, command: bytes, seconds: float) -> bool:
        """Have the printer tell of each change. False if it doesn't say that it is well: then it is not understood."""
        self._was_well = self.stopped = False
        self.send(command, seconds)
        self._watched = self.wait(lambda: self._was_well, time.monotonic() + seconds)
        return self._watched

    def send(self, data: bytes, stall_seconds: float) -> None:
        """Hand all of `data` over. Raises `TransportError`."""
        self._transport.write(data, stall_seconds)

    def paper(self) -> Paper:
        """Ask how the printer is. Silence is UNKNOWN. Raises `TransportError` when the link is gone."""
        statuses: dict[int, int] = {}
        for question in (replies.PRINTER, replies.ROLL, replies.OFFLINE_CAUSE, replies.ERROR_CAUSE):
            if (answer := self._ask(question)) is None:
                break
            statuses[question] = answer
        return replies.paper(statuses)

    def identity(self) -> str:
        """Ask who it is. "EPSON TM-T20III", or "" from one that doesn't say. Raises `TransportError`.

        One that takes the question for letters prints none of them: whatever comes next begins with a reset.
        """
        model = self._ask_name(MODEL)
        maker = self._ask_name(MAKER) if model else ""
        return replies.full_name(maker, model)

    def clear(self, command: bytes, seconds: float) -> bool:
        """Have the printer empty its buffers; nothing may follow until it says so, which not every printer does."""
        self._cleared = False
        self.send(command, seconds)
        return self.wait(lambda: self._cleared, time.monotonic() + seconds)

    def wait(self, until: Callable[[], bool], deadline: float) -> bool:
        """Listen until something is so; False at the deadline. Raises `TransportError` when the link is gone."""
        while not until():
            if self.deaf or time.monotonic() >= deadline:
                return False
            for answer in self._parser.feed(self._transport.read(deadline)):
                self._note(answer)
        return True

    def close(self, abandon: bool = False) -> None:
        """Let the printer go; twice is fine. `abandon`: what was not sent is thrown away."""
        self._transport.close(abandon)

    def _ask(self, question: int) -> int | None:
        if self.deaf or self._unanswered:
            return None
        self._status, self._unanswered = None, True
        try:
            self.send(ASK + bytes([question]), self._answer_seconds)
            self.wait(lambda: not self._unanswered, time.monotonic() + self._answer_seconds)
        except Stalled:
            pass  # it takes no questions: silence, like any other
        return self._status

    def _ask_name(self, n: int) -> str:
        self.names.clear()
        if not self.deaf:
            self.send(WHO + bytes([n]), self._answer_seconds)
            self.wait(lambda: bool(self.names), time.monotonic() + self._answer_seconds)
        return self.names[0] if self.names else ""

    def _note(self, answer: replies.Answer) -> None:
        self.heard = True
        match answer:
            case replies.Status(byte):
                self._status, self._unanswered = byte, False
            case replies.Barrier():
                self.barriers += 1
            case replies.ProcessId(digits):
                self.echoes.add(digits)
            case replies.Cleared():
                self._cleared = True
            case replies.Automatic(stopped):
                self._was_well = self._was_well or not stopped
                if stopped and self._watched and not self.echoes and not self.barriers:
                    self.stopped = True
            case replies.Name(text):
                self.names.append(text)
