"""An update that doesn't come up is taken back, with its journal, and no ticket is lost or comes twice unmarked.

dpkg and systemctl are played by scripts here; `scripts/test-deb` takes a real update back on a booted machine.
"""

import importlib.machinery
import importlib.util
import json
import os
import pwd
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from edge.core.lifecycle import Order, Stage
from edge.core.notices import Concern, Notice
from edge.core.settings import Settings
from edge.core.state import Till
from edge.journal import file
from edge.journal.file import SCHEMA_VERSION
from edge.journal.store import open_journal
from edge.machine.facts import Machine as Facts
from edge.machine.systemd import WORKING
from tests.support.facts import PAID, USER

ROOT = Path(__file__).parent.parent.parent
GATE = ROOT / "packaging" / "update-gate"
GATE_ENDS_WITHIN_S = 30.0
TRY_LOCK = "import fcntl; fcntl.lockf(open('lock', 'a+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
FAKES = {
    "dpkg-query": """case "$*" in
    *--show*) echo "$(cat package)" ;;
    *--listfiles*) echo "$PWD/usr/bin/till-edge" ;;
    *) printf 'Package: till-edge\\nStatus: install ok installed\\nVersion: 1\\n' ;;
esac""",
    "dpkg": f"""echo "dpkg $* ${{TILL_EDGE_GOING_BACK:-}}" >>log
[ "$DPKG_FRONTEND_LOCKED" = 1 ] && ! {sys.executable} -c "{TRY_LOCK}" 2>/dev/null && echo "the gate has the lock" >>log
case "$*" in *--configure*) exit 1 ;; esac
echo "installed 1" >package; cp daemon-of-1 daemon""",
    "dpkg-deb": 'for made; do :; done; echo "the package of $(cat package)" >"$made"',
    "systemctl": """case "$1" in
    show) printf 'ActiveState=%s\\nStatusText=%s\\nMainPID=%s\\nUser=%s\\n' $(cat daemon) $(cat user) ;;
    *) echo "systemctl $*" >>log ;;
esac""",
}


class Machine:
    """A till with version 1 installed, and a sale in its journal."""

    def __init__(self, folder: Path, gate: ModuleType) -> None:
        self.folder, self.gate = folder, gate
        self.journal = folder / "state" / "journal.db"
        for name in ("cache", "state", "apt", "bin", "usr/bin"):
            (folder / name).mkdir(parents=True)
        for name, script in FAKES.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\ncd {folder}\n{script}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "usr/bin/till-edge").touch()
        (folder / "user").write_text("root")
        self.package("installed 1")
        self.daemon(f"active {WORKING} 11")
        (folder / "daemon-of-1").write_text(f"active {WORKING} 12")
        self.sell("sale-1")

    def package(self, text: str) -> None:
        (self.folder / "package").write_text(text)

    def daemon(self, text: str) -> None:
        (self.folder / "daemon").write_text(text)

    def sell(self, reference: str) -> None:
        """As the daemon of the package that is there: what it prints is in the journal."""
        journal, before = open_journal(self.journal, "us", 0.0)
        reading = replace(PAID, id=reference, external_reference=reference)
        till = Till.resume(Settings(USER), before, 0.0).put(Order(reference, Stage.PRINTED, True, reading))
        journal.save(before, till.durable)
        journal.close()

    def change_form(self) -> None:
        """As a newer daemon does, when it opens the journal: this one's own code, with the form below ours."""
        with sqlite3.connect(self.journal) as database:
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    loader = importlib.machinery.SourceFileLoader("update_gate", str(GATE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_loader("update_gate", loader)
    assert spec
    gate = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "update_gate", gate)
    loader.exec_module(gate)
    cache = tmp_path / "cache"
    places = {"CACHE": cache, "TRIAL": cache / "trial.json", "SELF": cache / "update-gate"}
    places |= {"REFUSED": tmp_path / "apt/refused", "DPKG_LOCK": tmp_path / "lock", "LIBRARY": ROOT}
    places |= {"JOURNAL": tmp_path / "state/journal.db", "CONFIG": tmp_path / "config.yaml"}
    times = {"COMES_UP_WITHIN_S": 0.3, "STEADY_FOR_S": 0.2, "LOOK_EVERY_S": 0.02}
    for name, value in {**places, **times}.items():
        monkeypatch.setattr(gate, name, value)
    monkeypatch.setattr(gate, "pack", lambda trial: gate._write(trial.package, b"the old package"))
    return Machine(tmp_path, gate)


def test_an_update_that_works_leaves_nothing_behind(machine):
    machine.gate.keep("2")
    assert (machine.folder / "cache/till-edge_1_all.deb").exists()
    assert "systemctl start --no-block till-edge-update.service" in machine.log()
    machine.package("installed 2")
    machine.daemon(f"active {WORKING} 21")
    machine.gate.attempt()
    assert list((machine.folder / "cache").iterdir()) == []
    assert "--install" not in machine.log()


@pytest.mark.parametrize(
    "daemon", ["failed x 0", "activating x 22", "active waiting-for-the-journal 23"], ids=["78", "crashes", "journal"]
)
def test_an_update_that_does_not_come_up_is_taken_back_and_not_taken_again(machine, daemon):
    machine.gate.keep("2")
    machine.package("installed 2")
    machine.daemon(daemon)
    machine.gate.attempt()
    log = machine.log()
    assert log.index("systemctl stop till-edge.service") < log.index("--install") < log.index("systemctl restart")
    assert "till-edge_1_all.deb 1\n" in log
    assert "Pin: version 2\nPin-Priority: -1\n" in (machine.folder / "apt/refused").read_text()
    assert not (machine.folder / "cache/trial.json").exists()


def test_the_status_tells_what_was_taken_back_until_an_update_works(machine):
    refused = machine.folder / "apt/refused"
    told = lambda: Facts(machine.folder, lambda: None, refused=refused).facts()["update_error"]  # noqa: E731
    for version, daemon in (("2", "failed x 0"), ("3", f"active {WORKING} 31")):
        machine.gate.keep(version)
        machine.package(f"installed {version}")
        machine.daemon(daemon)
        before = told()
        machine.gate.attempt()
        assert (before, told()) in (("", "2: till-edge 2 doesn't come up"), ("2: till-edge 2 doesn't come up", ""))


def test_a_daemon_that_comes_up_and_dies_again_and_again_has_not_come_up(machine):
    machine.gate.keep("2")
    machine.package("installed 2")
    (machine.folder / "bin/systemctl").write_text(
        f"#!/bin/sh\ncd {machine.folder}\n"
        f'case "$1" in show) printf "ActiveState=active\\nStatusText={WORKING}\\nMainPID=%s\\n" "$(date +%N)" ;; '
        '*) echo "systemctl $*" >>log ;; esac\n'
    )
    machine.gate.attempt()
    assert "--install" in machine.log()


def test_a_till_that_did_not_work_before_has_nothing_to_go_back_to(machine):
    machine.daemon("inactive x 0")
    machine.gate.keep("2")
    assert list((machine.folder / "cache").iterdir()) == []
    assert machine.log() == ""


def test_an_update_that_was_not_installed_after_all_ends_the_trial(machine):
    machine.gate.keep("2")
    machine.gate.attempt()
    assert list((machine.folder / "cache").iterdir()) == []


def test_what_the_power_left_half_installed_is_taken_back_at_the_next_boot(machine):
    machine.gate.keep("2")
    machine.package("half-installed 2")
    machine.gate.attempt()
    assert "dpkg --configure till-edge" in machine.log()
    assert "--install" in machine.log()


def test_going_back_goes_on_where_the_power_cut_it_off(machine):
    machine.gate.keep("2")
    machine.package("installed 2")
    trial = machine.gate.load()
    replace(trial, going_back=True).save()
    machine.gate.attempt()
    assert "--install" in machine.log()


def test_while_it_goes_back_the_way_back_from_there_is_not_prepared(machine, monkeypatch):
    monkeypatch.setenv("TILL_EDGE_GOING_BACK", "1")
    machine.gate.keep("1")
    assert list((machine.folder / "cache").iterdir()) == []


def test_a_second_update_before_the_first_has_proved_itself_goes_back_to_the_one_that_did(machine):
    machine.gate.keep("2")
    machine.package("installed 2")
    machine.gate.keep("3")
    assert json.loads((machine.folder / "cache/trial.json").read_text())["old"] == "1"
    machine.package("installed 3")
    machine.daemon("failed x 0")
    machine.gate.attempt()
    assert "till-edge_1_all.deb" in machine.log()
    assert "Pin: version 3" in (machine.folder / "apt/refused").read_text()


# --- the journal ------------------------------------------------------------------------------------------------------


def in_the_older_form(machine: Machine) -> None:
    """The journal becomes one of the form before; opening it is then what a newer daemon does."""
    with sqlite3.connect(machine.journal) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
        for column in ("page", "asked_at"):
            database.execute(f"ALTER TABLE wishes DROP COLUMN {column}")


def version(path: Path) -> int:
    with sqlite3.connect(path) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_form_leaves_a_copy_in_the_old_one_and_what_was_sold_is_in_both(machine):
    in_the_older_form(machine)
    journal, durable = open_journal(machine.journal, "us", 0.0)
    journal.close()
    copy = machine.journal.with_name("journal.db.older")
    assert (version(copy), version(machine.journal)) == (SCHEMA_VERSION - 1, SCHEMA_VERSION)
    assert list(durable.orders.finished) == ["sale-1"]
    with sqlite3.connect(copy) as database:
        assert database.execute("SELECT reference FROM orders").fetchall() == [("sale-1",)]
    assert (copy.stat().st_mode & 0o077) == (machine.journal.stat().st_mode & 0o077)


def taken_back(machine: Machine, sold_by_the_new_one: bool, spoil: Callable[[Machine], None] = lambda _: None) -> Till:
    """The newer daemon opens the journal, is taken back, and the older one opens what it finds then."""
    machine.gate.keep("2")
    in_the_older_form(machine)
    machine.package("installed 2")
    open_journal(machine.journal, "us", 0.0)[0].close()
    if sold_by_the_new_one:
        machine.sell("sale-2")
    machine.change_form()
    spoil(machine)
    machine.daemon("failed x 0")
    machine.gate.attempt()
    assert version(machine.journal) == SCHEMA_VERSION - 1
    journal, durable = open_journal(machine.journal, "us", 0.0)
    journal.close()
    return Till.resume(Settings(USER), durable, 0.0)


def test_an_update_that_wrote_nothing_is_taken_back_as_if_it_had_never_been(machine):
    till = taken_back(machine, sold_by_the_new_one=False)
    assert list(till.orders.finished) == ["sale-1"]
    assert Notice(Concern.JOURNAL_DAMAGED) not in till.notices


def test_after_an_update_that_sold_the_old_till_knows_that_it_does_not_know_all_tickets(machine):
    """Then what is found paid comes as a copy (core: nothing is told from a copy without `complete_since`)."""
    till = taken_back(machine, sold_by_the_new_one=True)
    assert list(till.orders.finished) == ["sale-1"]
    assert Notice(Concern.JOURNAL_DAMAGED) in till.notices
    assert till.history.complete_since is None


def test_a_second_new_form_before_the_first_has_proved_itself_leaves_the_copy_that_the_old_one_can_read(
    machine, monkeypatch
):
    machine.gate.keep("2")
    in_the_older_form(machine)
    machine.package("installed 2")
    open_journal(machine.journal, "us", 0.0)[0].close()
    machine.gate.keep("3")
    machine.package("installed 3")
    monkeypatch.setattr(file, "UPGRADES", {**file.UPGRADES, SCHEMA_VERSION: ()})
    monkeypatch.setattr(file, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    machine.sell("sale-3")
    assert version(machine.journal) == SCHEMA_VERSION + 1
    machine.daemon("failed x 0")
    machine.gate.attempt()
    assert "till-edge_1_all.deb" in machine.log()
    assert version(machine.journal) == SCHEMA_VERSION - 1


def test_who_installs_is_waited_for_and_what_he_installs_has_a_trial_of_its_own(machine):
    """While the gate finds that 2 doesn't come up, apt begins to replace it by 3, which opens the journal."""
    machine.gate.keep("2")
    in_the_older_form(machine)
    machine.package("installed 2")
    open_journal(machine.journal, "us", 0.0)[0].close()
    machine.daemon("failed x 0")
    with a_running_apt(machine):
        gate = threading.Thread(target=machine.gate.attempt)
        gate.start()
        machine.gate.keep("3")
        machine.package("unpacked 3")
        machine.sell("sale-3")
        gate.join(0.3)
        before = machine.log()
        machine.package("installed 3")
    gate.join(GATE_ENDS_WITHIN_S)
    assert "dpkg" not in before
    assert version(machine.journal) == SCHEMA_VERSION - 1
    assert "Pin: version 3" in (machine.folder / "apt/refused").read_text()


@contextmanager
def a_running_apt(machine: Machine) -> Iterator[None]:
    """Has dpkg's lock, as apt has it while it installs."""
    program = f"{TRY_LOCK.replace('open', 'x := open')}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=machine.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as apt:
        assert apt.stdout
        apt.stdout.readline()
        yield
        apt.communicate(b"\n")


def test_while_it_goes_back_nobody_else_can_install(machine):
    machine.gate.keep("2")
    machine.package("installed 2")
    machine.daemon("failed x 0")
    machine.gate.attempt()
    assert "--install till-edge_1_all.deb 1\nthe gate has the lock\n" in machine.log().replace(
        f"{machine.gate.CACHE}/", ""
    )
    assert subprocess.run([sys.executable, "-c", TRY_LOCK], cwd=machine.folder, check=False).returncode == 0


def test_an_update_over_one_that_could_not_be_taken_back_has_a_chance_of_its_own(machine):
    machine.gate.keep("2")
    replace(machine.gate.load(), going_back=True).save()
    machine.gate.keep("3")
    machine.package("installed 3")
    machine.daemon(f"active {WORKING} 31")
    machine.gate.attempt()
    assert "--install" not in machine.log()


def test_the_notes_of_a_newer_gate_are_read(machine):
    machine.gate.keep("2")
    path = machine.folder / "cache/trial.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"why": "of a later release"}))
    assert machine.gate.load().old == "1"


def test_a_journal_elsewhere_is_taken_back_too(machine):
    machine.journal = machine.folder / "another card" / "till.db"
    machine.journal.parent.mkdir()
    machine.sell("sale-1")
    example = (ROOT / "config.example.yaml").read_text()
    (machine.folder / "config.yaml").write_text(f"{example}\njournal:\n  path: {machine.journal}\n")
    till = taken_back(machine, sold_by_the_new_one=True)
    assert Notice(Concern.JOURNAL_DAMAGED) in till.notices


def without_its_note(machine: Machine) -> None:
    machine.journal.with_suffix(".lock").unlink()


def with_half_a_note(machine: Machine) -> None:
    machine.journal.with_suffix(".lock").write_bytes(b'[5, "2026-03')


def with_another_note(machine: Machine) -> None:
    machine.journal.with_suffix(".lock").write_bytes(b"5")


def damaged(machine: Machine) -> None:
    with_half_a_note(machine)
    for suffix in ("-wal", "-shm"):
        machine.journal.with_name(machine.journal.name + suffix).unlink(missing_ok=True)
    machine.journal.write_bytes(b"no database, but as long as one. " * 1000)


@pytest.mark.parametrize("spoil", [without_its_note, with_half_a_note, with_another_note, damaged])
def test_what_the_new_one_sold_is_not_forgotten_with_the_note(machine, spoil):
    till = taken_back(machine, sold_by_the_new_one=True, spoil=spoil)
    assert Notice(Concern.JOURNAL_DAMAGED) in till.notices
    assert till.history.complete_since is None


def test_where_the_note_cant_be_written_nothing_is_put_back(machine):
    machine.gate.keep("2")
    in_the_older_form(machine)
    machine.package("installed 2")
    open_journal(machine.journal, "us", 0.0)[0].close()
    without_its_note(machine)
    machine.journal.with_suffix(".lock").mkdir()
    machine.daemon("failed x 0")
    machine.gate.attempt()
    assert "--install" not in machine.log()
    assert machine.gate.load().going_back


def test_without_its_journal_the_old_package_isnt_put_back_and_the_copy_stays(machine, monkeypatch):
    """It would wait for a journal that it can read, and nobody would have one any more."""
    machine.gate.keep("2")
    in_the_older_form(machine)
    machine.package("installed 2")
    open_journal(machine.journal, "us", 0.0)[0].close()
    machine.daemon("failed x 0")
    with monkeypatch.context() as card:
        card.setattr(machine.gate, "put_back", lambda journal, copy: sys.exit("input/output error"))
        machine.gate.attempt()
    assert "--install" not in machine.log()
    assert machine.gate.load().going_back
    machine.gate.attempt()
    assert version(machine.journal) == SCHEMA_VERSION - 1


def test_the_note_of_what_was_written_outlives_a_power_cut(machine):
    """The daemon doesn't force it to the disk. The gate does, before it discards the journal that knows."""
    in_the_older_form(machine)
    open_journal(machine.journal, "us", 0.0)[0].close()
    machine.sell("sale-2")
    machine.journal.with_suffix(".lock").write_bytes(b"")
    machine.gate.put_back(machine.journal, machine.journal.with_name("journal.db.older"))
    assert json.loads(machine.journal.with_suffix(".lock").read_bytes())[0] == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up being root")
def test_a_link_that_the_daemons_user_left_leads_root_nowhere(machine, tmp_path):
    """Whoever took over the daemon owns its folder; root works there with no more rights than that."""
    state = machine.folder / "state"
    secret = machine.folder / "secret"
    secret.write_text("root's own")
    secret.chmod(0o600)
    in_the_older_form(machine)
    open_journal(machine.journal, "us", 0.0)[0].close()
    machine.sell("sale-2")
    machine.journal.with_suffix(".lock").unlink()
    machine.journal.with_suffix(".lock").symlink_to(secret)
    for path in (state, *state.iterdir()):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)  # pytest's own: nobody has to get through
    (machine.folder / "user").write_text("nobody")
    copy = machine.journal.with_name("journal.db.older")
    put_back = lambda: machine.gate.put_back(machine.journal, copy)  # noqa: E731
    assert not machine.gate.as_the_daemon(put_back)
    assert (secret.read_text(), secret.stat().st_uid) == ("root's own", 0)
    machine.journal.with_suffix(".lock").unlink()
    assert machine.gate.as_the_daemon(put_back)
    assert version(machine.journal) == SCHEMA_VERSION - 1
    assert machine.journal.with_suffix(".lock").stat().st_uid == pwd.getpwnam("nobody").pw_uid


def test_it_runs_with_the_python_of_both_releases_and_nothing_else():
    done = subprocess.run([sys.executable, "-I", GATE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "update-gate: keep VERSION, or try\n")
