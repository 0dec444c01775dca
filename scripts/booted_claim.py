"""The story of a claim on a booted till: its units from the slip's code to the daemon, with the relay that ships.

The till finds no printer, so its code is taken from its log.
"""

import contextlib
import io
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from booted import CONFIG, JOURNAL, TOKEN, UNIT, Till
from debian import Machine, check, wait_for

from tests.support.claimants import Desk
from tests.support.shipped_broker import SHOP

ADOPT, CLAIM = "till-edge-adopt.service", "till-edge-claim.service"
RELAY_URL = "/etc/till-edge/relay_url"
LEFT_BEHIND = "/etc/till-edge/broker_password"
STATE = "/var/lib/till-edge-claim"
TOLD = re.compile(r"the code of this till is (\S+), its serial (\S+), its relay")
BY_HAND = "till-edge claim --relay http://127.0.0.1:9 --state /var/lib/by-hand >/dev/null 2>&1"
AS_CLAIMANT = "nsenter --target {} --mount -- setpriv --reuid=till-edge --regid=till-edge --init-groups"


def claims(till: Till) -> str:
    """With the line that `till-relay claims --card` prints. Afterwards the till is as it was."""
    began = time.monotonic()
    with _without_configuration(till.machine), _desk(till) as desk:
        till.machine.path(RELAY_URL).write_text(_typed(desk, "claims --card"))
        till.machine.run(f"systemctl start {UNIT}")
        told = wait_for(lambda: TOLD.search(_log(till, CLAIM)) and _log(till, CLAIM), "the till printed no code")
        code, serial = TOLD.findall(told)[0]
        wait_for(lambda: "waits for its code to be enrolled" in _log(till, CLAIM), "the till did not claim")
        _has_no_rights(till)
        _gives_up_roots_rights(till)
        _typed(desk, f"enroll CAJA09 --claim {code} --serial {serial} --token-file {desk.folder}/token {SHOP}")
        wait_for(lambda: till.state() == "active", f"it did not start:\n{_log(till, CLAIM)}{_log(till, ADOPT)}")
        _is_adopted(till, desk)
    till.sell()
    return f"claims as its user, without rights; root adopts; the daemon starts: {time.monotonic() - began:.0f} s"


@contextlib.contextmanager
def _without_configuration(machine: Machine) -> Iterator[None]:
    """As a till that had another configuration before."""
    kept = "/root/kept"
    machine.run(f"systemctl stop {UNIT}; mkdir {kept}; mv {CONFIG} {TOKEN} /var/lib/till-edge {kept}")
    machine.run(f"install -d -o till-edge /var/lib/till-edge; touch {JOURNAL}")
    machine.run(f"install -m 600 -o till-edge /dev/null {LEFT_BEHIND}")
    yield
    machine.run(f"systemctl stop {UNIT} {CLAIM}; rm -r /etc/till-edge/* /var/lib/till-edge")
    machine.run(f"mv {kept}/till-edge /var/lib/; mv {kept}/* /etc/till-edge/; rmdir {kept}; systemctl start {UNIT}")


@contextlib.contextmanager
def _desk(till: Till) -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        desk = Desk(Path(folder), till.shop.broker.port)
        try:
            yield desk
        finally:
            desk.relay.kill()


def _typed(desk: Desk, line: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        desk.type(line)
    return said.getvalue()


def _log(till: Till, unit: str) -> str:
    return till.machine.run(f"journalctl --no-pager --output cat --unit {unit}")


def _has_no_rights(till: Till) -> None:
    """What whoever takes the claimant over would have."""
    process = till.machine.show("MainPID", CLAIM)
    rights = till.machine.run(f"stat -c %U /proc/{process}; grep CapEff /proc/{process}/status", None).split()
    check(rights == ["till-edge", "CapEff:", "0" * 16], f"{rights}\n{_log(till, CLAIM)}")
    till.machine.run(f"stat {STATE}/key.json {LEFT_BEHIND} {JOURNAL}")
    enter = AS_CLAIMANT.format(process)
    check(till.machine.run(f"{enter} ls -A /etc/till-edge") == "relay_url", "it sees more than where to claim")
    for act in (f"ls {JOURNAL}", "touch /etc/till-edge/x", f"sh -c '>>{RELAY_URL}'", "touch /var/lib/x"):
        said = till.machine.run(f"{enter} {act}", None)
        check(re.search("Permission denied|Read-only file system", said), f"{act}: {said}")


def _gives_up_roots_rights(till: Till) -> None:
    """Typed by root, it becomes the owner of its folder."""
    till.machine.run("install -d -o till-edge /var/lib/by-hand")
    soon = "for try in $(seq 300); do [ $(stat -c %U /proc/$!) = root ] || break; sleep 0.1; done"
    user = till.machine.run(f"{BY_HAND} & {soon}; stat -c %U /proc/$!; kill $!; rm -r /var/lib/by-hand")
    check(user == "till-edge", f"by hand, it runs as {user}")


def _is_adopted(till: Till, desk: Desk) -> None:
    rights = till.machine.run(f"stat -c '%a %U:%G' {TOKEN} {CONFIG} {LEFT_BEHIND}").splitlines()
    check(rights == ["600 root:root", "640 root:till-edge", "600 till-edge:till-edge"], rights)
    check("CAJA09" in till.machine.path(CONFIG).read_text(), "another configuration")
    check(not till.machine.run(f"ls -A {STATE}"), "something of the claim was left")
    wait_for(lambda: not list(desk.claims.glob("*.bundle")), "the relay keeps the bundle")
    check(till.machine.show("ActiveState", CLAIM) == "inactive", "it goes on claiming")
    check(till.machine.show("NRestarts", CLAIM) == "0", _log(till, CLAIM))
    check("and deleted there" in _log(till, ADOPT), _log(till, ADOPT))
