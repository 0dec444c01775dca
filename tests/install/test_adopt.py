"""What lies on the boot partition becomes the configuration: whole or not at all, whenever the power goes."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.config.schema import ConfigError, load
from edge.config.values import read_secret
from edge.install.adopt.boot_partition import hand_over
from edge.install.adopt.bundle import adopt, resume, rights
from tests.support.cards import CONFIG, PASSWORD, ROOT, TOKEN, bundle, listed
from tests.support.processes import typed

# Counts what a process does to files, and kills it before it does the one that is asked for.
PULLING_THE_PLUG = """
import os, signal, sys
left = int(sys.argv.pop(1))
def hook(event, arguments):
    global left
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR) == 0:
        return
    if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
from pathlib import Path
from edge.cli.main import main
from edge.install.adopt.bundle import adopt, bundle_in
files = bundle_in(Path(sys.argv[2]))
sys.addaudithook(hook)
if sys.argv[1] == "adopt":
    sys.exit(main(sys.argv[1:]))
adopt(files, Path(sys.argv[4]).parent)
"""


class Pi:
    """The two places that count: the boot partition's folder, and where the configuration lives."""

    def __init__(self, folder: Path) -> None:
        self.dropped, self.home = folder / "till-edge", folder / "etc"
        bundle(self.dropped)

    def boot(self, steps: int | None = None, word: str = "adopt") -> tuple[int, str]:
        """What the unit runs; cut off after so many `steps`. With another word only the files are handed to `adopt`."""
        words = [word, str(self.dropped), "--config", str(self.home / "config.yaml")]
        if steps is None:
            return typed(main, *words)
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", PULLING_THE_PLUG, str(steps), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    @property
    def till(self) -> str:
        return load(self.home / "config.yaml", {"CREDENTIALS_DIRECTORY": str(self.home)}).till.id


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


NEW = CONFIG.format(till="CAJA01").replace("/etc/till-edge/", "")
"""The same, for a home that is elsewhere."""


# --- all is well ------------------------------------------------------------------------------------------------------


def test_a_bundle_is_taken_and_its_secrets_are_gone_from_the_card(pi):
    code, said = pi.boot()
    assert (code, said.splitlines()) == (
        0,
        [f"{pi.home}: access_token, broker_password, config.yaml, adopted from {pi.dropped} and wiped there"],
    )
    assert list(listed(pi.dropped)) == ["DONE.txt"]
    assert listed(pi.home) == {
        "access_token": TOKEN.encode() + b"\n",
        "broker_password": PASSWORD.encode(),
        "config.yaml": CONFIG.format(till="CAJA01").encode(),
    }


def test_a_secret_is_overwritten_and_not_only_unlinked(pi):
    links = {}
    for name in ("access_token", "broker_password", "config.yaml"):
        links[name] = pi.dropped.parent / f"what the card has of {name}"
        links[name].hardlink_to(pi.dropped / name)
    sizes = {name: path.stat().st_size for name, path in links.items()}
    pi.boot()
    assert {name: path.read_bytes() for name, path in links.items()} == {name: bytes(n) for name, n in sizes.items()}


def test_half_a_wiped_secret_is_no_part_of_a_bundle_and_goes_at_the_next_boot(pi):
    """The power went while a certificate was overwritten, which is one of two sectors by then."""
    torn = pi.dropped / ".wiped-ca.pem"
    torn.write_bytes(bytes(512) + b"-----END CERTIFICATE-----")
    code, said = pi.boot()
    assert code == 0, said
    assert not torn.exists()
    torn.write_bytes(b"what was left when the configuration was gone already")
    assert pi.boot()[0] == 0
    assert not torn.exists()


def test_what_is_said_afterwards_is_said_in_three_languages(pi):
    pi.boot()
    said = (pi.dropped / "DONE.txt").read_text()
    assert [line[:2] for line in said.splitlines()[::2]] == ["ES", "PT", "EN"]


def test_nobody_else_can_read_a_secret_and_the_rights_are_those_of_each_boot(pi):
    pi.boot()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in pi.home.iterdir()}
    assert modes == {"access_token": 0o600, "broker_password": 0o600, "config.yaml": 0o640}


@pytest.mark.parametrize("name", ["config.yaml", "access_token", "broker_password", "client.key"])
def test_rights_are_those_that_systemd_gives_at_each_boot(name):
    table = (ROOT / "systemd/till-edge.tmpfiles").read_text().replace("*.key", "client.key")
    found = re.search(rf"^z /etc/till-edge/{re.escape(name)} +(\d+) +(\S+) +(\S+)", table, re.MULTILINE)
    mode, owner, group = rights(name)
    assert found
    assert found.groups() == (f"{mode:04o}", owner, group)


def test_booting_again_does_nothing(pi):
    pi.boot()
    before = listed(pi.home)
    code, said = pi.boot()
    assert (code, said) == (0, f"{pi.dropped}: nothing to adopt\n")
    assert listed(pi.home) == before


def test_a_folder_that_is_not_there_is_a_mistake_of_whoever_named_it(pi):
    shutil.rmtree(pi.dropped)
    code, said = pi.boot()
    assert code == 1
    assert said == f"till-edge: there is no folder {pi.dropped}; give the one that has the bundle\n"


def test_what_was_accepted_is_finished_though_the_card_has_no_such_folder_any_more(pi):
    (pi.home / ".accepted").mkdir(parents=True)
    (pi.dropped / "config.yaml").rename(pi.home / ".accepted" / "config.yaml")
    shutil.rmtree(pi.dropped)
    assert pi.boot()[0] == 0
    assert (pi.home / "config.yaml").exists()


def test_a_new_configuration_alone_keeps_the_token_that_is_there(pi):
    pi.boot()
    (pi.dropped / "config.yaml").write_text(NEW.replace("CAJA01", "CAJA02"))
    assert pi.boot()[0] == 0
    assert pi.till == "CAJA02"
    assert (pi.home / "access_token").read_text().strip() == TOKEN


def test_what_is_beside_the_configuration_and_in_no_bundle_stays_as_it_is(pi):
    pi.home.mkdir()
    (pi.home / "config.yaml.mine~").write_text("kept")
    (pi.home / "config.yaml.mine~").chmod(0o444)
    assert pi.boot()[0] == 0
    assert (pi.home / "config.yaml.mine~").read_text() == "kept"
    assert stat.S_IMODE((pi.home / "config.yaml.mine~").stat().st_mode) == 0o444


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_bundle_with_mistakes_stays_and_all_of_them_are_told_beside_it(pi):
    (pi.dropped / "config.yaml").write_text(
        CONFIG.format(till="CAJA01").replace("id: CAJA01", "id: CAJA 1").replace("connection", "conection")
    )
    (pi.dropped / "broker_password").unlink()
    before = listed(pi.dropped)
    code, said = pi.boot()
    assert code == 78
    told = (pi.dropped / "ERROR.txt").read_text().splitlines()
    assert [line[:2] for line in told[:3]] == ["ES", "PT", "EN"]
    hidden = "the file named here (not shown, it may be the secret itself)"
    faults = [
        "config.yaml:2: till.id: is 'CAJA 1'; write 1 to 64 of A-Z a-z 0-9 _ -",
        f"config.yaml:12: broker.password_file: {hidden}: there is no such file; create it",
        "config.yaml:13: printer.connection: is missing; add it",
        "config.yaml:14: printer.conection: there is no such key; did you mean connection?",
    ]
    assert told[4:] == faults == said.splitlines()[-4:]  # before them, that there is no printer to say so
    assert {**before, "ERROR.txt": (pi.dropped / "ERROR.txt").read_bytes()} == listed(pi.dropped)
    assert listed(pi.home) == {}


def test_a_mended_bundle_is_taken_at_the_next_boot(pi):
    token = (pi.dropped / "access_token").read_bytes()
    (pi.dropped / "access_token").unlink()
    assert pi.boot()[0] == 78
    assert "access_token: is missing, or empty; put the access token" in (pi.dropped / "ERROR.txt").read_text()
    (pi.dropped / "access_token").write_bytes(token)
    assert pi.boot()[0] == 0
    assert list(listed(pi.dropped)) == ["DONE.txt"]


def test_a_bad_bundle_changes_nothing_of_what_is_there(pi):
    pi.boot()
    before = listed(pi.home)
    (pi.dropped / "config.yaml").write_text("till: [")
    assert pi.boot()[0] == 78
    assert listed(pi.home) == before


@pytest.mark.parametrize("name", ["../config.yaml", "a/b", ".hidden", "", "naïve"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    files = {"config.yaml": NEW.encode(), "access_token": b"x", "broker_password": b"y"}
    with pytest.raises(ConfigError, match="is no possible name"):
        adopt({**files, name: b"z"}, tmp_path / "etc")
    assert listed(tmp_path) == {}


def test_a_file_that_is_too_large_is_no_configuration(pi):
    (pi.dropped / "logo.png").write_bytes(bytes(range(256)) * 4097)
    assert pi.boot()[0] == 78
    assert "logo.png: has more than 1048576 bytes" in (pi.dropped / "ERROR.txt").read_text()


# --- what Windows makes of a card -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ACCESS_TOKEN", "access_token.txt", "Access_Token.TXT"])
def test_a_token_whose_name_windows_has_changed_is_the_token(pi, name):
    """FAT knows no small letters for sure, and Notepad adds its ending; a till that sells would keep the old one."""
    pi.boot()
    bundle(pi.dropped, access_token="APP_USR-another")
    (pi.dropped / "access_token").rename(pi.dropped / name)
    code, said = pi.boot()
    assert code == 0, said
    assert set(listed(pi.home)) == {"access_token", "broker_password", "config.yaml"}
    assert (pi.home / "access_token").read_text() == "APP_USR-another"
    assert list(listed(pi.dropped)) == ["DONE.txt"]


def test_of_two_files_that_could_be_the_token_none_is_taken(pi):
    (pi.dropped / "access_token.txt").write_text("APP_USR-another")
    assert pi.boot()[0] == 78
    told = (pi.dropped / "ERROR.txt").read_text()
    assert "access_token.txt: access_token is there too; keep only one" in told
    assert listed(pi.home) == {}


def test_a_file_that_is_empty_is_not_said_to_be_missing(pi):
    (pi.dropped / "config.yaml").write_bytes(bytes(300))  # as FAT leaves what a power cut has torn
    assert pi.boot()[0] == 78
    assert "config.yaml: is missing, or empty; till-relay enroll makes one" in (pi.dropped / "ERROR.txt").read_text()


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (f'"{TOKEN}"', "quotes"),
        (f"access_token={TOKEN}", "="),
        ("APP_USR-70 01-secret", "a blank"),
        (f"Bearer {TOKEN}", "a blank"),
    ],
)
def test_more_than_the_token_in_its_file_is_told_before_mercado_pago_refuses_it(pi, token, said):
    (pi.dropped / "access_token").write_text(token)
    code, told = pi.boot()
    assert code == 78
    assert f"mercadopago.access_token_file: access_token has {said} in it; leave only the token" in told
    assert TOKEN not in told


@pytest.mark.parametrize("coded", ["utf-16", "utf-16-le"])
def test_a_token_in_the_wrong_letters_is_told_as_that(pi, coded):
    (pi.dropped / "access_token").write_bytes(f"{TOKEN}\r\n".encode(coded))
    code, told = pi.boot()
    assert code == 78
    assert "access_token is no plain text; save it as UTF-8" in told


def test_the_mark_that_notepad_puts_before_a_text_is_no_part_of_a_secret(pi):
    for name in ("access_token", "broker_password", "config.yaml"):
        text = (pi.dropped / name).read_text().replace("\n", "\r\n")
        (pi.dropped / name).write_bytes(text.encode("utf-8-sig"))
    code, said = pi.boot()
    assert code == 0, said
    assert read_secret(pi.home / "access_token").reveal() == TOKEN
    assert read_secret(pi.home / "broker_password").reveal() == PASSWORD


# --- a card that fails ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A disk of its own, mounted there with what is there already."""
    before = listed(folder) if folder.exists() else {}
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
    try:
        for name, content in before.items():
            (folder / name).write_bytes(content)
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_a_card_that_can_not_be_wiped_is_told_and_the_configuration_is_taken(pi):
    with disk(pi.dropped, "ro"):
        code, said = pi.boot()
    assert code == 1
    assert f"{pi.dropped}: what was adopted can't be wiped there: Read-only file system; keep this card safe" in said
    assert set(listed(pi.home)) == {"access_token", "broker_password", "config.yaml"}


@needs_root
@pytest.mark.parametrize(("options", "why"), [("ro", "Read-only file system"), ("size=4k", "No space left on device")])
def test_a_till_whose_disk_takes_nothing_says_so_on_the_card(pi, options, why):
    with disk(pi.home, options):
        with contextlib.suppress(OSError):
            (pi.home / "what else is there").write_bytes(bytes(65536))
        code, said = pi.boot()
    assert code == 1
    assert f"{pi.home}: can't be written: {why}; make room, or use another card" in said
    assert why in (pi.dropped / "ERROR.txt").read_text()
    assert (pi.dropped / "access_token").exists()


# --- the plug is pulled -----------------------------------------------------------------------------------------------


def cut_at_every_step(pi: Pi, before: Path) -> int:
    """Start anew from `before` for each step, cut off there, and boot again; the number of steps that there are."""
    for steps in itertools.count():
        shutil.rmtree(pi.home.parent)
        shutil.copytree(before, pi.home.parent)
        code, said = pi.boot(steps)
        if code == 0:
            return steps
        assert code == -signal.SIGKILL, said
        if (pi.home / "config.yaml").exists():
            assert pi.till in ("CAJA01", "CAJA02"), f"cut after {steps} steps, the daemon could not start"
        hand_over(pi.dropped, pi.home)
        assert list(listed(pi.dropped)) == ["DONE.txt"], f"cut after {steps} steps"
        assert set(listed(pi.home)) == {"access_token", "broker_password", "config.yaml"}, f"cut after {steps} steps"
    raise AssertionError


@pytest.mark.slow
def test_a_till_that_is_cut_off_at_any_step_is_set_up_at_the_next_boot(pi, tmp_path_factory):
    before = tmp_path_factory.mktemp("before") / "pi"
    shutil.copytree(pi.home.parent, before)
    steps = cut_at_every_step(pi, before)
    assert steps > 15
    assert listed(pi.home)["access_token"] == TOKEN.encode() + b"\n"


@pytest.mark.slow
def test_a_till_that_gets_another_configuration_never_has_half_of_each(pi, tmp_path_factory):
    pi.boot()
    bundle(pi.dropped, "CAJA02", broker_password="another", access_token="APP_USR-another")
    before = tmp_path_factory.mktemp("before") / "pi"
    shutil.copytree(pi.home.parent, before)
    cut_at_every_step(pi, before)
    files = listed(pi.home)
    assert (files["broker_password"], files["access_token"]) == (b"another", b"APP_USR-another")
    assert b"CAJA02" in files["config.yaml"]


@pytest.mark.slow
def test_a_bundle_that_lies_nowhere_is_taken_whole_or_not_at_all(pi, tmp_path_factory):
    """As one that came by the network: after a cut there is nobody to hand it over again."""
    pi.boot()
    old = listed(pi.home)
    new = listed(bundle(pi.dropped, "CAJA02", broker_password="another", access_token="APP_USR-another"))
    before = tmp_path_factory.mktemp("before") / "pi"
    shutil.copytree(pi.home.parent, before)
    found = []
    for steps in itertools.count():
        shutil.rmtree(pi.home.parent)
        shutil.copytree(before, pi.home.parent)
        code, said = pi.boot(steps, "hand")
        resume(pi.home)
        files = {name: content for name, content in listed(pi.home).items() if not name.startswith(".incoming/")}
        assert files == old or {**files, **new} == files, f"cut after {steps} steps"
        found.append(files == old)
        if code == 0:
            break
        assert code == -signal.SIGKILL, said
    assert found == sorted(found, reverse=True)
    assert True in found
    assert False in found
