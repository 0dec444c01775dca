"""Debian systems in folders: made once by debootstrap, copied for every test, entered, booted, thrown away.

Whatever is mounted for them is mounted in a namespace that ends with the command, however that ends; so nothing is left
to be unmounted, and what is deleted is deleted on one file system only.
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
PATIENCE = 180.0
"""Seconds that anything may take in a booted system."""

EMULATED = {"arm64": "cortex-a53", "armhf": "cortex-a7"}
"""What qemu plays: a Pi Zero 2 W, a Pi 2. Untold, it plays all that any processor can do, ten times slower."""

NSPAWN = ["systemd-nspawn", "--quiet", "--register=no"]
if not Path("/run/systemd/system").is_dir():
    # There is nobody who could make a unit for it. Two that are booted at once get into each other's way then.
    NSPAWN.append("--keep-unit")


class Failure(Exception):
    """Something is not as it was promised."""


def check(well: object, otherwise: object) -> None:
    if not well:
        raise Failure(str(otherwise))


def wait_for(look: Callable[[], object], otherwise: str, seconds: float = PATIENCE) -> str:
    """What `look` says as soon as it says something. Raises `Failure`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return str(found)
        time.sleep(0.1)
    raise Failure(f"{otherwise}, not within {seconds:.0f} s")


class System:
    """A Debian in a folder. Each command is run in it by root, in a container of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._enter = [*NSPAWN, "--as-pid2", "--pipe", "-D", str(folder), "--resolv-conf=copy-host"]
        self._enter += [f"--setenv=QEMU_CPU={cpu}" for cpu in [os.environ.get("QEMU_CPU")] if cpu]

    def run(self, command: str, status: int | None = 0, how: str = "") -> str:
        """What a shell command says. Raises `Failure` if its exit code is another; None means any.

        `how` is an option of systemd-nspawn's.
        """
        # What systemd-nspawn itself has to say is on its own standard error.
        inside = f"exec 2>&1; unset NOTIFY_SOCKET; export DEBIAN_FRONTEND=noninteractive; {command}"
        told = [*self._enter, *[how] * bool(how), "sh", "-c", inside]
        done = subprocess.run(told, capture_output=True, text=True, check=False, timeout=1800)
        well = status in (None, done.returncode)
        check(well, f"{command!r}: exit code {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def apt(self, words: str, how: str = "") -> str:
        return self.run(f"apt-get --yes --quiet {words}", how=how)

    def path(self, path: str) -> Path:
        """Where a path of the system is for us."""
        return self.folder / path.lstrip("/")

    def has(self, path: str) -> bool:
        return os.path.lexists(self.path(path))

    def megabytes(self) -> int:
        return int(subprocess.check_output(["du", "-smx", self.folder], text=True).split()[0])


class Machine(System):
    """A system that was booted: commands are run beside its services."""

    def __init__(self, folder: Path, first: str) -> None:
        super().__init__(folder)
        self.first = first
        """The number of its first process."""
        self._enter = ["nsenter", "--target", first, "--all", "--"]

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
    """A copy to play with, deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"testing-{original.name}-", dir=FOLDER))
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", original, folder / "root"], check=True)
        yield System(folder / "root")
    finally:
        _delete(folder)


def _delete(folder: Path) -> None:
    mounted = re.findall(rf"^\S+ ({re.escape(str(folder))}\S*) ", Path("/proc/mounts").read_text(), re.MULTILINE)
    check(not mounted, f"{mounted} is mounted; nothing was deleted: unmount it, then delete {folder}")
    # The processes of a container that was killed may still be writing for a moment.
    remove = ["rm", "-rf", "--one-file-system", str(folder)]
    wait_for(lambda: subprocess.run(remove, check=False).returncode == 0, f"{folder} could not be deleted", 10)


@contextlib.contextmanager
def plugged_in(system: System, *options: str) -> Iterator[Machine]:
    """Switch it on, with options of systemd-nspawn's and words for its kernel. In the end the plug is pulled.

    It sees this machine's network, and can't change it.
    """
    command = [*NSPAWN, "--boot", "--console=pipe", "-D", str(system.folder), *options]
    # Where there is still the old hierarchy of control groups, a current systemd wants the new one.
    environ = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, env=environ, stdin=nothing, stdout=nothing, stderr=nothing) as container:
        try:
            yield Machine(system.folder, wait_for(lambda: _first_process(container.pid), "the machine did not start"))
        finally:
            # The first process of the machine takes all others with it; systemd-nspawn alone would leave them.
            if container.poll() is None and (first := _first_process(container.pid)):
                os.kill(int(first), signal.SIGKILL)
            container.wait(PATIENCE)


def _first_process(nspawn: int) -> str:
    """The number of the machine's process 1, "" while there is none; for a moment another one prepares it."""
    for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if re.search(r"^NSpid:.*\t1$", Path(f"/proc/{child}/status").read_text(), re.MULTILINE):
                return child
    return ""


@contextlib.contextmanager
def boot(system: System) -> Iterator[Machine]:
    """Boot it, and shut it down in the end."""
    with plugged_in(system) as machine:
        wait_for(lambda: _is_up(machine), "the machine did not come up")
        yield machine
        machine.run("systemctl poweroff", status=None)
        wait_for(lambda: not Path(f"/proc/{machine.first}").exists(), "the machine did not go off")


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl is-system-running", status=None) in ("running", "degraded")


def emulate(arch: str) -> None:
    """See to it that this machine can run programs of another. Raises `Failure` with what is missing."""
    if arch == own_arch():
        return
    check(arch in EMULATED, f"there is no processor to play {arch}; there is: {', '.join(EMULATED)}")
    name = {"arm64": "aarch64", "armhf": "arm"}[arch]
    there = Path(f"/proc/sys/fs/binfmt_misc/qemu-{name}").exists()
    check(there, f"can't run {arch} here: apt-get install qemu-user-static binfmt-support, or start systemd-binfmt")
    os.environ["QEMU_CPU"] = EMULATED[arch]


def own_arch() -> str:
    return subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()


def missing() -> list[str]:
    """Which programs this machine lacks."""
    return [program for program in NEEDED if shutil.which(program) is None]
