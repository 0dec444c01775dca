"""The stories of updates in a booted Debian: taken from a signed repository while the till sells, refused where the
signature is wrong, and taken back where the new daemon doesn't come up.
"""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from booted import GATE, JOURNAL, TRIAL, UNIT, Till
from debian import ROOT, check, wait_for

from sim.network import free_port

REFUSED = "/etc/apt/preferences.d/till-edge-refused"
WORKS, CRASHES, DIES = "0.1.1", "0.1.2", "0.1.3"
DIES_AFTER_S = 12
FORM = "SCHEMA_VERSION = "


@dataclass
class Repository:
    """A signed repository, served from this machine. `open_repository` makes it."""

    folder: Path
    port: int
    keys: dict[str, Path] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, package: Path, signer: str = "ours") -> Path:
        """Add a package, and sign all; returns the package that makes a till use this repository."""
        fresh = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copy(package, fresh)
        environ = {**os.environ, "GNUPGHOME": str(self._keyring(signer))}
        command = [sys.executable, ROOT / "packaging/apt_repository.py", "--key", signer, "--url", self.url]
        command += ["--packages", fresh, "--out", self.folder / "served"]
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
        return next(fresh.glob("till-edge-archive_*.deb"))

    def _keyring(self, signer: str) -> Path:
        if signer not in self.keys:
            # Its agent listens on a socket there, whose path must be short.
            self.keys[signer] = Path(tempfile.mkdtemp(prefix="gpg-"))
            make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", signer, "ed25519", "sign"]
            subprocess.run(make, env={**os.environ, "GNUPGHOME": str(self.keys[signer])}, check=True)
        return self.keys[signer]


@contextlib.contextmanager
def open_repository() -> Iterator[Repository]:
    """Serve a repository that is empty yet."""
    with tempfile.TemporaryDirectory(prefix="apt-") as folder:
        (Path(folder) / "served").mkdir()
        repository = Repository(Path(folder), free_port())
        handler = functools.partial(_Quiet, directory=str(Path(folder) / "served"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", repository.port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield repository
        finally:
            server.shutdown()
            for keyring in repository.keys.values():
                subprocess.run(["gpgconf", "--homedir", keyring, "--kill", "all"], check=False)
                shutil.rmtree(keyring, ignore_errors=True)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def spoil(package: Path, version: str, path: str, old: str, new: str, out: Path) -> Path:
    """A package of another version in which one file says something else."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / "stage"
        subprocess.run(["dpkg-deb", "--raw-extract", package, stage], check=True)
        control = stage / "DEBIAN/control"
        lines = [
            f"Version: {version}" if line.startswith("Version: ") else line for line in control.read_text().splitlines()
        ]
        control.write_text("\n".join(lines) + "\n")
        spoiled = stage / "usr/lib/till-edge" / path
        text = spoiled.read_text()
        check(old in text, f"{path} has no {old!r}")
        spoiled.write_text(text.replace(old, new, 1))
        made = out / f"till-edge_{version}_all.deb"
        build = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", stage, made]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    return made


def stories(till: Till, repository: Repository, package: Path, folder: Path) -> Iterator[functools.partial[str]]:
    """All of them, in their order. `package`: the one that is installed, from which the others are made."""
    yield functools.partial(takes_an_update_while_it_sells, till, repository, package, folder)
    yield functools.partial(refuses_a_wrong_signature, till, repository, package, folder)
    yield functools.partial(takes_back_what_crashes, till, repository, package, folder)
    yield functools.partial(takes_back_what_sells_and_dies, till, repository, package, folder)


def takes_an_update_while_it_sells(till: Till, repository: Repository, package: Path, folder: Path) -> str:
    same = "log = logging.getLogger(__name__)\n"
    newer = spoil(package, WORKS, "edge/journal/store.py", same, same, folder)
    archive = repository.publish(newer)
    shutil.copy(archive, till.machine.path("/root"))
    till.machine.apt(f"install /root/{archive.name}")
    till.sell()
    began = time.monotonic()
    update = threading.Thread(target=_upgrade, args=(till,))
    update.start()
    sold = 0
    while update.is_alive():
        till.sell()
        sold += 1
    update.join()
    took = time.monotonic() - began
    _check_version(till, WORKS)
    wait_for(lambda: not till.machine.has(TRIAL), f"the update did not prove itself:\n{_log(till)}")
    check(f"till-edge {WORKS} works" in _log(till), _log(till))
    till.sell()
    return (
        f"unattended-upgrades took {WORKS} in {took:.0f} s, {sold} sales meanwhile, a ticket for each; it proved itself"
    )


def refuses_a_wrong_signature(till: Till, repository: Repository, package: Path, folder: Path) -> str:
    newer = spoil(package, "0.1.9", "edge/journal/store.py", "log = ", "log = ", folder)
    served = repository.folder / "served"
    shutil.copytree(served, repository.folder / "before")
    repository.publish(newer, signer="somebody")
    said = till.machine.run("apt-get update 2>&1", status=None)
    check("NO_PUBKEY" in said or "not signed" in said or "Missing key" in said, said)
    _upgrade(till)
    _check_version(till, WORKS)
    shutil.rmtree(served)
    (repository.folder / "before").rename(served)
    listed = next(served.glob("dists/stable/main/binary-amd64/Packages"), None) or next(served.rglob("Packages"))
    kept = listed.read_bytes()
    for path in served.rglob("Packages*"):
        path.write_bytes(b"")
    again = till.machine.run("rm -rf /var/lib/apt/lists/*; apt-get update 2>&1", status=100)
    check("unexpected size" in again or "Hash Sum mismatch" in again, again)
    shutil.rmtree(served)
    served.mkdir()
    check(kept, "the list was empty already")
    repository.publish(spoil(package, WORKS, "edge/journal/store.py", "log = ", "log = ", folder))
    till.machine.apt("update")
    return "a repository that somebody else signed is refused, and so is one whose lists aren't those that were signed"


def takes_back_what_crashes(till: Till, repository: Repository, package: Path, folder: Path) -> str:
    """A sale while no daemon is up gets its ticket from the old one."""
    crashing = spoil(package, CRASHES, "edge/journal/store.py", "log = logging", "log = loging", folder)
    repository.publish(crashing)
    began = time.monotonic()
    _upgrade(till)
    _check_version(till, CRASHES)
    till.sold += 1
    till.shop.sell(f"MESA-{till.sold}")
    _wait_until_back(till, WORKS)
    took = time.monotonic() - began
    wait_for(lambda: f"MESA-{till.sold}" in till.reported(), "the ticket was not reported")
    till.one_ticket_each()
    _upgrade(till)
    _check_version(till, WORKS)
    sale = "the sale meanwhile has its ticket"
    return f"{CRASHES} crashes: back to {WORKS} {took:.0f} s after; {sale}; it is not taken again"


def takes_back_what_sells_and_dies(till: Till, repository: Repository, package: Path, folder: Path) -> str:
    """It changes the journal's form, prints a ticket, and dies: the old daemon doesn't print that as if it were new."""
    form = next(line for line in _file(package, "edge/journal/file.py").splitlines() if line.startswith(FORM))
    number = int(form.removeprefix(FORM))
    dying = spoil(
        package, DIES, "edge/journal/file.py", form,
        f"import os, threading\n{FORM}{number + 1}\nUPGRADES_TO_COME = {{{number}: ()}}\n"
        f"if os.environ.get('NOTIFY_SOCKET'): threading.Timer({DIES_AFTER_S}, os._exit, [1]).start()", folder,
    )  # fmt: skip
    dying = spoil(
        dying,
        DIES,
        "edge/journal/file.py",
        "for step in UPGRADES[older]",
        "for step in {**UPGRADES, **UPGRADES_TO_COME}[older]",
        _fresh(folder),
    )
    repository.publish(dying)
    began = time.monotonic()
    _upgrade(till)
    _check_version(till, DIES)
    till.in_doubt.add(till.sold + 1)
    till.sell()
    _wait_until_back(till, WORKS)
    took = time.monotonic() - began
    till.shop.wait_for_state("ready", "attention", timeout=90)
    time.sleep(5)  # what it owes, it owes now
    till.one_ticket_each()
    copies = len(till.paper(rf"MESA-{till.sold}\b")) - 1
    check(not till.machine.has(f"{JOURNAL}.older"), "the copy was left")
    till.sell()
    ticket = f"its ticket came again {copies} times, as a copy"
    return f"{DIES} changes the journal, sells and dies: back to {WORKS} {took:.0f} s after; {ticket}"


def _fresh(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def _file(package: Path, path: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        return (Path(folder) / "usr/lib/till-edge" / path).read_text()


def _upgrade(till: Till) -> None:
    """As apt-daily.timer and apt-daily-upgrade.timer do."""
    till.machine.run("apt-get update; unattended-upgrade --verbose", status=None)


def _check_version(till: Till, version: str) -> None:
    found = till.machine.run("dpkg-query --show --showformat='${Version}' till-edge")
    check(
        found == version,
        f"{found} is installed, and not {version}\n{_log(till)}",
    )


def _wait_until_back(till: Till, version: str) -> None:
    back = lambda: till.machine.has(REFUSED) and not till.machine.has(TRIAL)  # noqa: E731
    wait_for(back, f"it was not taken back:\n{_log(till)}")
    _check_version(till, version)
    wait_for(lambda: till.machine.show("ActiveState", UNIT) == "active", "the old one does not work")
    told = lambda: "doesn't come up" in till.shop.status.get("update_error", "")  # noqa: E731
    wait_for(told, "the status does not tell that an update was taken back")


def _log(till: Till) -> str:
    """What the gate said, and what apt did."""
    apt = "tail -n 60 /var/log/unattended-upgrades/*.log"
    return till.machine.run(f"{apt}; journalctl --no-pager --output cat --unit {GATE} | tail -n 60", status=None)
