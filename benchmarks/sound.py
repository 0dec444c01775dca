"""What a sound costs: from the paper's proof to its first sample, and whether light and ticket are later for it.

Two tills in turn, one silent and one that speaks through an ALSA device which takes samples at once.
"""

import os
import shutil
import threading
import time
from pathlib import Path

from benchmarks.contenders import SALE_TIMEOUT_S, TillEdge
from benchmarks.figures import Cell, Figure, Limit, Part, Table, Unmeasured, median, p99, ratio
from benchmarks.process import KIB, cpu_s, resident_kib
from sim.shop import wait_for

MS = 1000
WARM_UPS = 5
PIECES = 100
"""More are made before anything is measured."""
LIMITS = (
    Limit("from the proof to the first sample, median", 30, "ms"),
    Limit("from the proof to the first sample, p99", 100, "ms"),
    Limit("ticket's first byte, speaking / silent", 1.1),
    Limit("light, speaking / silent", 1.1),
)
NOTE = """\
{sales} sales each, in turn, after {warm_ups} that don't count, with Mercado Pago answering at once, of orders never
seen before; both tills say nothing else meanwhile. The proof is the moment at which the simulated printer has cut the
ticket; the first sample is read behind ALSA's file device, so that aplay's start is in it and a sound card's own delay
isn't. The light is told at the broker in the same turn of the loop in which the pins are set. Processor time has that
of aplay in it, in whole hundredths of a second for all sales together."""


class Ear:
    """Reads what ALSA's file device writes."""

    def __init__(self, folder: Path) -> None:
        pipe, self.config = folder / "samples", folder / "asound.conf"
        os.mkfifo(pipe)
        device = f'type file slave.pcm "null" file "{pipe}" format "raw"'
        self.config.write_text(f"pcm.null {{ type null }}\npcm.!default {{ {device} }}\n")
        self._samples = os.open(pipe, os.O_RDWR)  # so that it never ends
        self.heard_at: list[float] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while os.read(self._samples, 1 << 16):
            self.heard_at.append(time.monotonic())

    def first_after(self, moment: float) -> float:
        return float(
            wait_for(lambda: next((at for at in self.heard_at if at > moment), 0.0), "a sound", SALE_TIMEOUT_S)
        )


class Till(TillEdge):
    """One of the two; what was measured of each sale, in seconds."""

    def __init__(self, folder: Path, ear: Ear | None) -> None:
        super().__init__(folder)
        self.ear = ear
        self.first_bytes: list[float] = []
        self.lights: list[float] = []
        self.sounds: list[float] = []
        self.memory_kib: Figure = Unmeasured("nothing was sold")
        if ear:
            self.shop.settings = {"sound": {"speech": "es-419"}}
            self.environment = {"ALSA_CONFIG_PATH": str(ear.config)}

    def sell_once(self) -> None:
        self.settle()
        self.first_bytes.append(self.finish(self.put()))
        proof_at = self.finished_at()
        wait_for(lambda: self.shop.state() == "paid", "the light", SALE_TIMEOUT_S)
        self.lights.append(time.monotonic() - self.rung_at)
        if self.ear:
            self.sounds.append(self.ear.first_after(proof_at) - proof_at)
        wait_for(lambda: self.shop.state() == "ready", "the end of the light", SALE_TIMEOUT_S)

    def forget(self) -> None:
        for measured in (self.first_bytes, self.lights, self.sounds):
            measured.clear()

    @property
    def all_cpu_s(self) -> float:
        """With the processes that it started, and that have ended."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return cpu_s(self.pid) + sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, sales: int) -> Part:
    """Both tills, in turn."""
    if not (shutil.which("aplay") and shutil.which("espeak-ng")):
        missing = Unmeasured("espeak-ng or alsa-utils is not installed")
        return Part((Table("What a sound costs", f"Not measured: {missing}.", (), ()),), (missing,) * len(LIMITS))
    ear = Ear(folder)
    with Till(folder / "silent", None) as silent, Till(folder / "speaking", ear) as speaking:
        kept = folder / "speaking/sounds"
        wait_for(lambda: len(list(kept.glob("*/*.wav"))) > PIECES, "the pieces", SALE_TIMEOUT_S)
        time.sleep(2)
        sell((silent, speaking), WARM_UPS)
        silent.forget(), speaking.forget()
        before = silent.all_cpu_s, speaking.all_cpu_s
        sell((silent, speaking), sales)
        cpu_ms = [(till.all_cpu_s - at) / sales * MS for till, at in zip((silent, speaking), before, strict=True)]
        memory = [resident_kib(till.pid) for till in (silent, speaking)]
    return Part((table(silent, speaking, cpu_ms, memory, sales),), reached(silent, speaking))


def sell(tills: tuple[Till, Till], sales: int) -> None:
    for _ in range(sales):
        for till in tills:
            till.sell_once()


def reached(silent: Till, speaking: Till) -> tuple[Figure, ...]:
    return (
        median(speaking.sounds) * MS,
        p99(speaking.sounds) * MS,
        ratio(median(speaking.first_bytes), median(silent.first_bytes)),
        ratio(median(speaking.lights), median(silent.lights)),
    )


def table(silent: Till, speaking: Till, cpu_ms: list[float], memory: list[Figure], sales: int) -> Table:
    def row(what: str, of_silent: list[float], of_speaking: list[float]) -> list[tuple[Cell, ...]]:
        pairs = ((f"{what}, {name}", how(of_silent) * MS, how(of_speaking) * MS) for name, how in HOW.items())
        return [(name, before, after, ratio(after, before)) for name, before, after in pairs]

    sounds = [
        (f"from the proof to the first sample, {name}, ms", "", how(speaking.sounds) * MS, "")
        for name, how in HOW.items()
    ]
    mib = [each if isinstance(each, Unmeasured) else each / KIB for each in memory]
    rows = (
        *sounds,
        *row("ticket's first byte, ms", silent.first_bytes, speaking.first_bytes),
        *row("light, ms", silent.lights, speaking.lights),
        ("processor for each sale, ms", *cpu_ms, ratio(cpu_ms[1], cpu_ms[0])),
        ("memory, MiB", *mib, ""),
    )
    note = NOTE.format(sales=sales, warm_ups=WARM_UPS)
    return Table("What a sound costs", note, ("a sale", "silent", "speaking", "ratio"), rows)


HOW = {"median": median, "p99": p99}
