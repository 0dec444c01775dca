"""How long a printer is waited for, at each step of a job."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Seconds. The defaults are the daemon's; installation and set-up have shorter ones, for somebody stands there."""

    answer: float = 1.0
    """For an answer to `DLE EOT`, which is given at once even by a printer that can't print."""
    late: float = 4.0
    """So much longer, once, where a printer that has answered before says nothing: print servers are busy at times."""
    stall: float = 20.0
    """Without a byte taken: none ever will be. A cutter or a hot head pause for less."""
    proof: float = 20.0
    """From the last byte to the proof: a long ticket on a slow printer, and the 4 KB that a serial line buffers."""
    lag: float = 8.0
    """To print what was read ahead: how much later than the answer to `GS r` the echo may come."""
    settle: float = 3.0
    """Where status is all the proof there is: within this time a ticket that runs into trouble has done so."""
    silent: float = 0.5
    """For anything, from a printer that never said anything."""
    poll: float = 0.5
    """Between two looks at a printer that is printing."""
    clear: float = 2.0
    """For a printer to say that its buffers are empty; not every one can."""
    ring: float = 0.5
    """For a printer to be reached for its bell, and to take it: meanwhile a ticket waits."""


DEFAULT_TIMEOUTS = Timeouts()
