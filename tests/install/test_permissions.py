"""Who may do what: an ordinary user reads one line, and root does nothing that the service's user couldn't do.

The folder of the journal belongs to the service, which may be in a stranger's hands: whatever it puts there, links
above all, must not make root touch a file of its own.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.lifecycle import Order, Stage
from edge.core.orders import Orders
from edge.core.state import Durable
from edge.journal.file import SUFFIXES
from edge.journal.store import Journal
from edge.machine.files import read_plain
from edge.machine.users import become_owner
from sim.shop import Shop
from tests.support.facts import PAID, REFERENCE

SERVICE = 54321
"""A user who exists nowhere, as the owner of the journal's folder."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
COMMANDS = (
    "check --no-order --no-ticket",
    "orders",
    f"reprint {REFERENCE}",
    "report",
    "printer",
    "order show",
    "order cancel",
    "order create --total 5",
)
CHILD = """
import os, sys
import edge.daemon.assembly, edge.install.check.runner, edge.install.claim.claimant, edge.cli.main
import encodings.idna, gpiozero.pins.mock, stringprep  # an interpreter of root's may be out of another's reach
edge.machine.facts.version()  # for what that imports
if sys.argv[1] != "0":
    os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
sys.exit(edge.cli.main.main(sys.argv[2:]))
"""


@pytest.fixture
def till() -> Iterator[Shop]:
    """An installed till: root's configuration, and the service's folder with a journal in it."""
    folder = Path(tempfile.mkdtemp(prefix="till-edge-"))
    folder.chmod(0o755)
    (folder / "etc").mkdir(mode=0o750)
    (folder / "var").mkdir(mode=0o700)
    shop = Shop(folder / "etc", {"journal": {"path": str(folder / "var/journal.db")}})
    shop.write_config()
    journal = Journal(folder / "var/journal.db")
    order = Order(REFERENCE, Stage.PRINTED, True, PAID)
    journal.save(Durable(), Durable(orders=Orders.of([order])))
    journal.close()
    for path in (folder / "var", *(folder / "var").iterdir()):
        os.chown(path, SERVICE, SERVICE)
    yield shop
    shutil.rmtree(folder)


def state(till: Shop) -> Path:
    return till.folder.parent / "var"


def till_edge(till: Shop, command: str, user: int = 0) -> tuple[int, str]:
    """Type a command as a user; return the exit code, and all that is said."""
    environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}
    child = [sys.executable, "-c", CHILD, str(user), *command.split(), "--config", str(till.config)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.iterdir()}


@as_root
@pytest.mark.slow
@pytest.mark.parametrize("command", [*COMMANDS, "adopt /nowhere"])
def test_who_forgets_sudo_reads_one_line(till, command):
    code, said = till_edge(till, command, user=65534)
    assert code == 1
    [line] = said.splitlines()
    assert "no permission; try: sudo till-edge " + command in line


@as_root
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_root_types_leaves_files_of_the_service_only(till, command):
    till_edge(till, command)
    assert owners(state(till)) == {SERVICE}


@as_root
@pytest.mark.slow
def test_orders_changes_nothing(till):
    before = {path.name: path.read_bytes() for path in state(till).iterdir()}
    code, said = till_edge(till, "orders")
    assert (code, REFERENCE in said) == (0, True)
    assert {path.name: path.read_bytes() for path in state(till).iterdir()} == before


@as_root
@pytest.mark.slow
@pytest.mark.parametrize("command", ["orders", f"reprint {REFERENCE}", "report"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_link_in_the_place_of_the_journal_leads_nowhere(till, command, suffix):
    """Also to a file that anybody may read: it is no journal of ours."""
    secret = till.folder.parent / "secret.db"
    with sqlite3.connect(secret) as database:
        database.execute("CREATE TABLE mine (word TEXT)")
    before = secret.read_bytes()
    place = state(till) / f"journal.db{suffix}"
    place.unlink(missing_ok=True)
    place.symlink_to(secret)
    code, said = till_edge(till, command)
    assert code == 1
    assert f"{place.name} is a link, which is not followed" in said
    assert secret.read_bytes() == before


@as_root
@pytest.mark.slow
@pytest.mark.parametrize("name", ["printer.json", "journal.lock", "journal.status", "journal.record"])
@pytest.mark.parametrize("command", ["check --no-order --no-ticket", "printer"])
def test_no_link_beside_the_journal_is_followed(till, name, command):
    secret = till.folder.parent / "secret"
    secret.write_text('{"printer": "a secret", "connection": "usb"}')
    secret.chmod(0o600)
    (state(till) / name).symlink_to(secret)
    _, said = till_edge(till, command)
    assert "a secret" not in said
    assert secret.read_text() == '{"printer": "a secret", "connection": "usb"}'
    assert secret.stat().st_uid == 0


@as_root
def test_root_follows_its_own_links_and_nobody_elses(tmp_path):
    """Each way to a folder, and whom root becomes who goes it."""
    service, ours = tmp_path / "service", tmp_path / "ours"
    service.mkdir()
    ours.mkdir()
    (tmp_path / "to-service").symlink_to(service)
    (service / "to-root").symlink_to(ours)
    (service / "below").mkdir()
    for path in (service, service / "to-root"):
        os.chown(path, SERVICE, SERVICE, follow_symlinks=False)
    ways = {"service": SERVICE, "to-service": SERVICE, "service/to-root": SERVICE, "service/below": SERVICE}
    ways |= {"ours": 0, "nowhere/at/all": 0, "ours/../service": SERVICE}
    assert {way: user_after(tmp_path / way) for way in ways} == ways


def user_after(way: Path) -> int:
    """Who a process of root's is after it became the owner of a folder, and whether it is that for good."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            become_owner(way)
            real, effective, saved = os.getresuid()
            same = real == effective == saved and (real == 0 or (os.getgroups() == [] and os.getgid() == real))
            os.write(writer, str(real if same else -1).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return int(answer.read())


def test_a_small_file_is_read_and_nothing_else(tmp_path):
    (tmp_path / "file").write_bytes(b"word")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert read_plain(tmp_path / "file", 4) == b"word"
    for name, most in (("file", 3), ("link", 4), ("pipe", 4), ("nothing", 4)):
        with pytest.raises(OSError, match=name):
            read_plain(tmp_path / name, most)
