"""Debian systems in folders: made once by debootstrap, copied for every test, entered, booted, thrown away.

Everything is mounted in a namespace that ends with its command, however that ends. So nothing is left to be unmounted,
and deleting stays on one file system.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "chroots"
MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
NEEDED = ("debootstrap", "systemd-nspawn", "nsenter", "unshare")
TIMEOUT_S = 180.0
"""For anything in a booted system."""

EMULATED = {"arm64": "cortex-a53", "armhf": "cortex-a7"}
"""The processors of a Pi Zero 2 W and a Pi 2. By default qemu emulates all features there are, ten times slower."""

NSPAWN = ["systemd-nspawn", "--quiet", "--register=no"]
if not Path("/run/systemd/system").is_dir():
    # No systemd runs here that could make a unit for it. Two booted at once would then disturb each other.
    NSPAWN.append("--keep-unit")


class Failure(Exception):
    """Something is not as promised."""


def check(well: object, otherwise: object) -> None:
    if not well:
        raise Failure(str(otherwise))


def wait_for(look: Callable[[], object], otherwise: str, seconds: float = TIMEOUT_S) -> str:
    """Return the first true value of `look`, as text. Raises `Failure` with `otherwise` after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return str(found)
        time.sleep(0.1)
    raise Failure(f"{otherwise}, not within {seconds:.0f} s")


class System:
    """A Debian in a folder. Root runs each command in a container of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._enter = [*NSPAWN, "--as-pid2", "--pipe", "-D", str(folder), "--resolv-conf=copy-host"]
        self._enter += [f"--setenv=QEMU_CPU={cpu}" for cpu in [os.environ.get("QEMU_CPU")] if cpu]

    def run(self, command: str, status: int | None = 0, how: str = "") -> str:
        """Run a shell command; returns its output. Raises `Failure` unless its exit code is `status` (None: any).

        `how` is an option of systemd-nspawn.
        """
        # The messages of systemd-nspawn itself stay on its own standard error.
        inside = f"exec 2>&1; unset NOTIFY_SOCKET; export DEBIAN_FRONTEND=noninteractive; {command}"
        entered = [*self._enter, *[how] * bool(how), "sh", "-c", inside]
        done = subprocess.run(entered, capture_output=True, text=True, check=False, timeout=1800)
        well = status in (None, done.returncode)
        check(well, f"{command!r}: exit code {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def apt(self, words: str, how: str = "") -> str:
        return self.run(f"apt-get --yes --quiet {words}", how=how)

    def path(self, path: str) -> Path:
        """The path of one of its files, seen from here."""
        return self.folder / path.lstrip("/")

    def has(self, path: str) -> bool:
        return os.path.lexists(self.path(path))

    def megabytes(self) -> int:
        return int(subprocess.check_output(["du", "-smx", self.folder], text=True).split()[0])


class Machine(System):
    """A booted system: commands run beside its services."""

    def __init__(self, folder: Path, first: str) -> None:
        super().__init__(folder)
        self.first = first
        """The number of its first process, seen from here."""
        # Not with this machine's environment: it may name this machine's files.
        own = ["env", "-i", "HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        self._enter = ["nsenter", "--target", first, "--all", "--", *own]

    def show(self, what: str, unit: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value --property {what} {unit}")


def base(release: str, arch: str, more: str = "") -> Path:
    """A bare system with `more` packages, separated by commas, made once."""
    folder = FOLDER / f"{release}-{arch}{'-and-more' if more else ''}"
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        making, log = folder.with_suffix(".making"), folder.with_suffix(".log")
        _delete(making)
        command = ["unshare", "--mount", "debootstrap", "--variant=minbase", f"--arch={arch}"]
        with log.open("w") as file:
            command += [f"--include=ca-certificates,{more}".rstrip(","), release, str(making), MIRROR]
            done = subprocess.run(command, stdout=file, stderr=file, check=False)
        check(done.returncode == 0, f"debootstrap failed: see {log}")
        making.rename(folder)
    return folder


@contextlib.contextmanager
def copy(original: Path) -> Iterator[System]:
    """A copy that is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"testing-{original.name}-", dir=FOLDER))
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", original, folder / "root"], check=True)
        yield System(folder / "root")
    finally:
        _delete(folder)


def _delete(folder: Path) -> None:
    mounted = re.findall(rf"^\S+ ({re.escape(str(folder))}\S*) ", Path("/proc/mounts").read_text(), re.MULTILINE)
    check(not mounted, f"{mounted} is mounted; nothing was deleted: unmount it, then delete {folder}")
    # The processes of a killed container may go on writing for a moment.
    remove = ["rm", "-rf", "--one-file-system", str(folder)]
    wait_for(lambda: subprocess.run(remove, check=False).returncode == 0, f"{folder} could not be deleted", 10)


@contextlib.contextmanager
def plugged_in(system: System, *options: str) -> Iterator[Machine]:
    """Switch it on, with options for systemd-nspawn and its kernel. At the end the plug is pulled.

    It sees this machine's network and can't change it.
    """
    command = [*NSPAWN, "--boot", "--console=pipe", "-D", str(system.folder), *options]
    # On a machine with the old hierarchy of control groups, a current systemd insists on the new one.
    environ = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, env=environ, stdin=nothing, stdout=nothing, stderr=nothing) as container:
        try:
            yield Machine(system.folder, wait_for(lambda: _first_process(container.pid), "the machine did not start"))
        finally:
            # When its first process ends, all others end; with systemd-nspawn alone they would go on.
            if container.poll() is None and (first := _first_process(container.pid)):
                os.kill(int(first), signal.SIGKILL)
            container.wait(TIMEOUT_S)


def _first_process(nspawn: int) -> str:
    """The number of its process 1, "" while there is none: for a moment another process prepares it."""
    for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if re.search(r"^NSpid:.*\t1$", Path(f"/proc/{child}/status").read_text(), re.MULTILINE):
                return child
    return ""


@contextlib.contextmanager
def boot(system: System, *options: str, at_once: Callable[[], None] = lambda: None) -> Iterator[Machine]:
    """Boot it, with options for systemd-nspawn, and shut it down at the end; `at_once` is called while it boots."""
    with plugged_in(system, *options) as machine:
        at_once()
        wait_for(lambda: _is_up(machine), "the machine did not come up")
        yield machine
        machine.run("systemctl poweroff", status=None)
        wait_for(lambda: not Path(f"/proc/{machine.first}").exists(), "the machine did not go off")


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl is-system-running", status=None) in ("running", "degraded")


def emulate(arch: str) -> None:
    """Let this machine run another processor's programs. Raises `Failure` with what is missing."""
    if arch == own_arch():
        return
    check(arch in EMULATED, f"{arch} can't be emulated; possible: {', '.join(EMULATED)}")
    name = {"arm64": "aarch64", "armhf": "arm"}[arch]
    there = Path(f"/proc/sys/fs/binfmt_misc/qemu-{name}").exists()
    check(there, f"can't run {arch} here: apt-get install qemu-user-static binfmt-support, or start systemd-binfmt")
    os.environ["QEMU_CPU"] = EMULATED[arch]


def own_arch() -> str:
    return subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()


def missing() -> list[str]:
    """The programs that this machine lacks."""
    return [program for program in NEEDED if shutil.which(program) is None]
