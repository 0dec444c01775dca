"""How many instructions of a Pi's processor a sale takes: both run under qemu, as a Cortex-A53, and are counted.

Only the count means something: qemu knows nothing of caches and of how long an instruction takes, and runs the program
some twenty times slower. It needs an arm64 Debian, which `sudo benchmarks/get-arm64` unpacks.
"""

import shutil
import subprocess
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import BareTill, Contender, TillEdge
from benchmarks.figures import Cell, Limit, Part, Table, ratio

ROOT = Path(__file__).parent.parent
ARM = ROOT / "build/arm64"
SOURCE = Path(__file__).with_name("count_instructions.c")
NEEDED = ("qemu-aarch64", "gcc")
PURE = ("appdirs.py", "argcomplete", "barcode", "certifi", "colorzero", "escpos", "gpiozero", "gpiozero-*.dist-info")
PURE += ("idna", "importlib_resources", "paho", "python_escpos-*.dist-info", "qrcode", "requests", "six.py")
PURE += ("typing_extensions.py", "tzdata", "urllib3")
"""The libraries without compiled parts, which are taken from here; the others are Debian's, for arm64."""
WARM_UPS = 3
SALES = 15
REST_S = 10.0
SETTLE_S = 6.0
"""After a sale the light blinks for three seconds."""
MILLION = 1e6

LIMITS: tuple[Limit, ...] = ()
HEAD = ("million instructions of a Cortex-A53", "bare script", "till-edge", "ratio")
NOTE = """\
Under `qemu-aarch64` with `QEMU_CPU=cortex-a53`, Debian's own Python 3.13, counted by a plugin, without the kernel's
work. {sales} sales each in turn, {warm_ups} more before them; Mercado Pago answers at once; {rest:.0f} s at rest.
Emulation is so slow that a sale takes much longer than it should; what the till would have done at rest in that time
is taken off. These are no times: a Pi's processor may take one cycle or a hundred for an instruction."""


@dataclass
class Counted:
    """One contender under qemu, and the instructions that it was seen to take."""

    contender: Contender
    file: Path
    start: int = 0
    rest_per_s: float = 0.0
    sales: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """So many since its start."""
        return int.from_bytes(self.file.read_bytes()[:8], "little") if self.file.exists() else 0

    def restart(self) -> None:
        self.contender.stop()
        self.file.unlink()
        self.contender.start()
        self.start = self.count

    def rest(self) -> None:
        before, began = self.count, time.monotonic()
        time.sleep(REST_S)
        self.rest_per_s = (self.count - before) / (time.monotonic() - began)

    def sell(self) -> None:
        before, began = self.count, time.monotonic()
        self.contender.sell()
        self.contender.settle()
        self.sales.append(self.count - before - self.rest_per_s * (time.monotonic() - began))

    @property
    def a_sale(self) -> float:
        return sum(self.sales) / len(self.sales)


def measure(folder: Path, _sales: int) -> Part:
    """Both. Raises `FileNotFoundError` if something is missing."""
    missing = [program for program in NEEDED if not shutil.which(program)] + ["build/arm64"] * (not ARM.is_dir())
    if missing:
        raise FileNotFoundError(f"missing: {', '.join(missing)} (sudo benchmarks/get-arm64)")
    plugin, libraries = _plugin(folder), _libraries(folder)
    till, bare = TillEdge(folder / "till"), BareTill(folder / "bare")
    ours, theirs = (_emulated(contender, plugin, libraries) for contender in (till, bare))
    with till, bare:
        _count(ours, theirs)
    rows = (
        _row("a sale", theirs.a_sale, ours.a_sale),
        _row("a second at rest", theirs.rest_per_s, ours.rest_per_s),
        _row("from the start until it is ready", theirs.start, ours.start),
    )
    return Part((Table("On a Pi's processor", NOTE.format(sales=SALES, warm_ups=WARM_UPS, rest=REST_S), HEAD, rows),))


def _row(what: str, theirs: float, ours: float) -> tuple[Cell, ...]:
    return what, theirs / MILLION, ours / MILLION, ratio(ours, theirs)


def _count(*both: Counted) -> None:
    for each in both:
        for _ in range(WARM_UPS):
            each.contender.sell()
        each.contender.settle()
        each.restart()  # by now all its modules are compiled
        each.contender.sell()
        each.contender.settle()
    time.sleep(SETTLE_S)
    for each in both:
        each.rest()
    for _ in range(SALES):
        for each in both:
            each.sell()


# --- under qemu ----------------------------------------------------------------------------------------------------


def _plugin(folder: Path) -> Path:
    """Compile what counts."""
    plugin = folder / "count.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin, SOURCE], check=True)
    return plugin


def _libraries(folder: Path) -> Path:
    """A folder with those of our libraries that run on any processor."""
    libraries = folder / "libraries"
    libraries.mkdir()
    installed = Path(sysconfig.get_path("purelib"))
    for found in (found for name in PURE for found in installed.glob(name)):
        (libraries / found.name).symlink_to(found)
    return libraries


def _emulated(contender: Contender, plugin: Path, libraries: Path) -> Counted:
    """Put a contender under qemu, before it is started."""
    count = contender.shop.folder / "count"
    emulator = ("qemu-aarch64", "-L", str(ARM), "-plugin", f"{plugin},count={count}")
    contender.interpreter = (*emulator, str(ARM / "usr/bin/python3"))
    contender.environment = {
        "QEMU_CPU": "cortex-a53",
        "PYTHONPATH": f"{libraries}:{ROOT}",
        "PYTHONPYCACHEPREFIX": str(libraries.with_name("compiled")),
    }
    return Counted(contender, count)
