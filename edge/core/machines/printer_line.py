"""How the printer is, what waits for it beside tickets, and when to look at it again. Pure."""

from dataclasses import dataclass, replace

from edge.core.duties import Slip
from edge.core.events import Paper, Proof
from edge.core.machines.agenda import back_off
from edge.core.machines.outbox import LastTicket

LOOK_EVERY_S = 10.0
LOOK_AT_TROUBLE_EVERY_S = 2.0
MAX_BREAKS = 3
"""A ticket that broke off this often lets the others go first; such a printer is in trouble, whatever it says."""
MAX_LATENCIES = 200


@dataclass(frozen=True)
class PrinterLine:
    """What the printing worker's events told. The journal keeps the best proof and the last ticket."""

    paper: Paper = Paper.UNKNOWN
    look_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    """Tickets and slips that broke off or were refused, in a row."""
    proof: Proof = Proof.NONE
    """The best proof that this printer was ever seen to give."""
    slips: tuple[Slip, ...] = ()
    """What is owed to it beside tickets. A restart loses them."""
    ticket_at: float | None = None
    """When a ticket last came out that the light may call paid."""
    last_ticket: LastTicket | None = None
    latencies_s: tuple[float, ...] = ()
    """From the news to the paper, for the last `MAX_LATENCIES` tickets."""

    def may_print(self, now: float) -> bool:
        return self.paper.prints and now >= self.retry_at

    @property
    def next_slip(self) -> Slip | None:
        return next(iter(self.slips), None)

    @property
    def keeps_breaking(self) -> bool:
        return self.failures >= MAX_BREAKS

    def seen(self, paper: Paper, now: float) -> "PrinterLine":
        every_s = LOOK_EVERY_S if paper.prints else LOOK_AT_TROUBLE_EVERY_S
        return replace(self, paper=paper, look_at=now + every_s)

    def failed(self, paper: Paper, now: float) -> "PrinterLine":
        """What was sent is still owed; a printer that breaks at each ticket is not fed the whole roll."""
        failures = self.failures + 1
        return replace(self, failures=failures, retry_at=now + back_off(failures)).seen(paper, now)

    def succeeded(self, paper: Paper, now: float) -> "PrinterLine":
        """It took something to its end."""
        return replace(self, failures=0, retry_at=now).seen(paper, now)

    def proved(self, proof: Proof) -> "PrinterLine":
        return replace(self, proof=proof) if proof.better_than(self.proof) else self

    def owe(self, slip: Slip) -> "PrinterLine":
        return replace(self, slips=(*self.slips, slip))

    def without_slip(self, slip: Slip) -> "PrinterLine":
        return replace(self, slips=tuple(other for other in self.slips if other != slip))

    def note_latency(self, seconds: float) -> "PrinterLine":
        return replace(self, latencies_s=(*self.latencies_s[1 - MAX_LATENCIES :], seconds))
