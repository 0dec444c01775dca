"""From the release of the button to the first question on the wire: how soon a press is felt."""

import random
import time
from pathlib import Path

from benchmarks.contenders import TillEdge
from benchmarks.figures import Limit, Part, Table, median, p99
from sim.shop import wait_for

MS = 1000
PRESSES = 15
PRESS_S = 0.2
PAUSES_S = (1.0, 2.0)
"""The finger comes at any moment, and not so often that the till thinks the button broken."""
TIMEOUT_S = 10.0

LIMITS = (
    Limit("release of the button to the first question, median", 20, "ms"),
    Limit("release of the button to the first question, p99", 20, "ms"),
)
HEAD = ("the button", "median ms", "p99")
NOTE = """\
{presses} presses of {press:.0f} ms at random moments, at rest: from the moment before the simulated pin moves until the
simulated Mercado Pago has read the question. The bare script has no button."""


def measure(folder: Path, _sales: int) -> Part:
    """Press so often."""
    with TillEdge(folder / "till") as till:
        till.sell()
        till.settle()
        found = [press(till) * MS for _ in range(PRESSES)]
    rows = (("release to the first question", median(found), p99(found)),)
    note = NOTE.format(presses=PRESSES, press=PRESS_S * MS)
    return Part((Table("The button", note, HEAD, rows),), (median(found), p99(found)))


def press(till: TillEdge) -> float:
    """Seconds from the release to the question."""
    time.sleep(random.uniform(*PAUSES_S))
    requests, board = till.shop.mercadopago.requests, till.shop.board
    board.button(down=True)
    time.sleep(PRESS_S)
    released, asked = time.monotonic(), len(requests)
    board.button(down=False)
    wait_for(lambda: len(requests) > asked, "a question after a press", TIMEOUT_S)
    return requests[asked].at - released
