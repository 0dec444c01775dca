"""A link to a printer that answers anything, whatever was asked."""

import time

from edge.printer.dialogue import Dialogue
from edge.printer.job import Job, Leftovers
from edge.printer.timeouts import Timeouts
from edge.printer.track_record import TrackRecord

TICKET = b"\x1b@ticket\x1dV\x01"
NUMBER = 4321
"""Of the ticket, as the printer is asked to echo it."""


class Bent:
    """Each write is answered with the next of these."""

    readable = True

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = iter(answers)
        self._due = b""

    def write(self, data: bytes, stall_timeout: float) -> None:
        self._due += next(self._answers, b"")

    def read(self, deadline: float) -> bytes:
        due, self._due = self._due, b""
        if not due:
            time.sleep(max(0.0, deadline - time.monotonic()))
        return due

    def close(self, abandon: bool = False) -> None:
        pass


def one_job(answers: list[bytes], proof: str = "auto", wait_s: float = 0.002) -> object:
    """What a whole job makes of these answers."""
    timeouts = Timeouts(wait_s, wait_s, wait_s, 2 * wait_s, wait_s, wait_s, wait_s, wait_s, wait_s)
    job = Job(Dialogue(Bent(answers), False, wait_s, wait_s), proof, timeouts, TrackRecord(), Leftovers())
    before = job.prepare(despite=False)
    job.send(TICKET, NUMBER)
    return job.judge(before, job.wait_for_proof())
