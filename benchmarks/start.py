"""From the start of the process until it is ready to sell."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.contenders import Contender, pair
from benchmarks.figures import Cell, Limit, Part, Table, median, p99, ratio

STARTS = 10
LIMITS = (Limit("start to ready, till-edge / bare script", 0.7),)
HEAD = ("who", "median s", "longest s")
NOTE = """\
{starts} starts each, in turn, after one that doesn't count, so that files are in memory and modules compiled. till-edge
is ready when it publishes `ready`: it has checked its journal and reached broker, printer and Mercado Pago. The bare
script is ready when it has subscribed at the broker. After a Pi was switched on, all is read from the card as well."""


BARE_LIBRARIES = "import requests, paho.mqtt.client, escpos.printer"
OUR_LIBRARIES = "import requests, paho.mqtt.client, yaml, sqlite3, zoneinfo, gpiozero, gpiozero.pins.mock"
PRINTER_LIBRARY = "import escpos.printer"
"""Which till-edge loads as well, once it is ready."""
TELL = "; print(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1])"
LIBRARIES_HEAD = ("Python and the libraries that each needs, nothing else", "median s", "memory MiB")
LIBRARIES_NOTE = """\
What no change of our own code could save: the time in which the interpreter loads the libraries that the bare script
needs, and those that till-edge can't be ready without; and the memory that they take, python-escpos included, which
till-edge loads when it is ready. {starts} runs each, in turn."""


def measure(folder: Path, _sales: int) -> Part:
    """Start both so often, and what they rest on."""
    with pair(folder / "start") as both:
        for contender in both.both:
            contender.sell()
        both.settle()
        both.in_turn(1, restart)
        ours, theirs = both.in_turn(STARTS, restart)
    medians = ratio(median(ours), median(theirs))
    rows: tuple[tuple[Cell, ...], ...] = (
        ("bare script", median(theirs), p99(theirs)),
        ("till-edge", median(ours), p99(ours)),
        ("till-edge / bare script", medians, ratio(p99(ours), p99(theirs))),
    )
    start = Table("Start", NOTE.format(starts=STARTS), HEAD, rows)
    return Part((start, libraries()), (medians,))


def libraries() -> Table:
    """How long it takes to load the libraries alone, and how much memory they take."""
    loaded = [(load(BARE_LIBRARIES), load(OUR_LIBRARIES)) for _ in range(STARTS)]
    theirs, ours = ([seconds for seconds, _ in runs] for runs in zip(*loaded, strict=True))
    their_mib, our_mib = loaded[0][0][1], load(f"{OUR_LIBRARIES}; {PRINTER_LIBRARY}")[1]
    rows: tuple[tuple[Cell, ...], ...] = (
        ("bare script", median(theirs), their_mib),
        ("till-edge", median(ours), our_mib),
        ("till-edge / bare script", ratio(median(ours), median(theirs)), ratio(our_mib, their_mib)),
    )
    return Table("Libraries", LIBRARIES_NOTE.format(starts=STARTS), LIBRARIES_HEAD, rows)


def load(imports: str) -> tuple[float, float]:
    """Seconds from the start of an interpreter to its end, and its memory in MiB."""
    began = time.monotonic()
    told = subprocess.run([sys.executable, "-c", imports + TELL], capture_output=True, text=True, check=True).stdout
    return time.monotonic() - began, int(told) / 1024


def restart(contender: Contender) -> float:
    """Seconds until it is ready."""
    contender.stop()
    began = time.monotonic()
    contender.start()
    return time.monotonic() - began
