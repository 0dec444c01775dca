"""The bundle that a claimant leaves for root. An attacker who has taken it over gains nothing by what he leaves."""

import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from edge.cli.main import main
from edge.config.schema import load
from edge.contract.claims import MAX_SEALED_BYTES, encode_bundle, signed_text
from edge.install.claim.claimed_bundle import BundleError, ClaimedBundle, decode, leave
from tests.support.cards import CONFIG, PASSWORD, ROOT, TOKEN, bundle, listed
from tests.support.processes import typed

KEY, OTHER_KEY = SigningKey(bytes(range(32))), SigningKey(bytes(32))
SIGNER = bytes(KEY.verify_key).hex()
SHARES = bytes(32), b"B" + bytes(32)
FILES = {"config.yaml": CONFIG.format(till="CAJA01"), "access_token": TOKEN, "broker_password": PASSWORD}
STRANGER = 54321

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

# Kills the process before it changes a file for the n-th time.
PULLING_THE_PLUG = """
import os, signal, sys
left = int(sys.argv.pop(1))
def hook(event, arguments):
    global left
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR) == 0:
        return
    if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
from edge.cli.main import main
import edge.install.claim.claimed_bundle
sys.addaudithook(hook)
sys.exit(main(sys.argv[1:]))
"""


def signed(files: dict[str, str], key: SigningKey = KEY) -> ClaimedBundle:
    payload = encode_bundle(files)
    signature = key.sign(signed_text(*SHARES, payload)).signature
    return ClaimedBundle(bytes(key.verify_key), signature, *SHARES, payload)


class Pi:
    """A till that has claimed: root's folder, which names the key of its desk, and the claimant's."""

    def __init__(self, folder: Path, signer: str = SIGNER) -> None:
        self.folder, self.home, self.state = folder, folder / "etc", folder / "state"
        self.home.mkdir()
        self.state.mkdir(mode=0o700)
        (self.home / "relay_url").write_text(f"https://relay.example.net#{signer}".rstrip("#"))
        self.bundle = self.state / "bundle"

    @property
    def words(self) -> list[str]:
        """What the unit runs."""
        home = ["--config", str(self.home / "config.yaml")]
        return ["adopt", str(self.folder / "card"), "--claimed", str(self.bundle), *home]

    def adopt(self) -> tuple[int, str]:
        return typed(main, *self.words)

    def take(self, files: dict[str, str], key: SigningKey = KEY) -> tuple[int, str]:
        leave(signed(files, key), self.state)
        return self.adopt()

    @property
    def adopted(self) -> set[str]:
        return set(listed(self.home)) - {"relay_url"}


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


# --- all is well ------------------------------------------------------------------------------------------------------


def test_a_bundle_that_was_claimed_becomes_the_configuration_and_is_deleted(pi):
    code, said = pi.take(FILES)
    assert (code, f"adopted from {pi.bundle} and deleted there" in said) == (0, True)
    assert pi.adopted == set(FILES)
    assert load(pi.home / "config.yaml", {"CREDENTIALS_DIRECTORY": str(pi.home)}).till.id == "CAJA01"
    assert stat.S_IMODE((pi.home / "access_token").stat().st_mode) == 0o600
    assert not listed(pi.state)


def test_what_is_left_is_what_was_there(pi):
    leave(signed(FILES), pi.state)
    assert decode(pi.bundle.read_bytes()) == signed(FILES)
    assert stat.S_IMODE(pi.bundle.stat().st_mode) == 0o600


def test_certificates_may_come_with_it(pi):
    """They are loaded, and so these are refused as what they are."""
    code, said = pi.take({**FILES, "ca.pem": "none", "config.yaml": with_key("broker.tls", "{ca_file: ca.pem}")})
    assert code == 78
    assert "ca.pem holds no certificates" in said


def test_a_till_whose_card_names_no_key_takes_any_signature(tmp_path):
    assert Pi(tmp_path, signer="").take(FILES, OTHER_KEY)[0] == 0


def test_a_folder_on_the_card_comes_first(pi):
    bundle(pi.folder / "card", till="CAJA02")
    code, said = pi.take(FILES)
    assert code == 0, said
    assert "CAJA02" in (pi.home / "config.yaml").read_text()
    assert not pi.bundle.exists()


def test_a_mistake_on_the_card_keeps_nothing_from_being_claimed(pi):
    bundle(pi.folder / "card")
    (pi.folder / "card/config.yaml").write_text("till: [")
    assert pi.take(FILES)[0] == 78, "the card's mistake is told"
    assert pi.adopted == set(FILES)


def test_wherever_the_power_goes_the_next_boot_adopts_it(pi):
    leave(signed(FILES), pi.state)
    before = pi.folder.with_name("before")
    shutil.copytree(pi.folder, before)
    for steps in itertools.count():
        shutil.rmtree(pi.folder)
        shutil.copytree(before, pi.folder)
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", PULLING_THE_PLUG, str(steps), *pi.words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert pi.adopt()[0] == 0
        assert (pi.adopted, listed(pi.state)) == (set(FILES), {}), f"cut after {steps} steps"
    assert steps > 10


# --- somebody has taken the claimant over -----------------------------------------------------------------------------


def refuses(pi: Pi, why: str) -> None:
    """Nothing is taken, and the next bundle has its chance."""
    code, said = pi.adopt()
    assert (code, why in said, "Traceback" in said) == (78, True, False), said
    assert not pi.adopted
    assert not os.path.lexists(pi.bundle)
    assert pi.take(FILES)[0] == 0


@pytest.mark.parametrize("what", ["signer", "signature", "till_share", "desk_share", "payload"])
def test_each_part_is_signed(pi, what):
    true = signed(FILES)
    part = getattr(true, what)
    leave(replace(true, **{what: bytes([part[0] ^ 1]) + part[1:]}), pi.state)
    refuses(pi, "is signed by" if what == "signer" else "is not signed as it should be")


def test_another_key_than_the_cards_signs_nothing(pi):
    leave(signed(FILES, OTHER_KEY), pi.state)
    refuses(pi, f"is signed by {bytes(OTHER_KEY.verify_key).hex()}, and this till's card names {SIGNER}")


def test_a_till_that_has_a_configuration_keeps_it(pi):
    pi.take(FILES)
    before = listed(pi.home)
    code, said = pi.take({**FILES, "config.yaml": CONFIG.format(till="CAJA66")})
    assert (code, f"deleted; {pi.home} has a configuration already" in said) == (0, True)
    assert listed(pi.home) == before
    assert not pi.bundle.exists()


@pytest.mark.parametrize("target", ["card", "file", "nowhere"])
def test_no_link_is_followed(pi, target):
    """Neither to a bundle that anybody could have put somewhere, nor to a folder of one."""
    bundle(pi.folder / "elsewhere")
    (pi.folder / "file").write_bytes(signed(FILES).encode())
    pi.bundle.symlink_to(pi.folder / ("elsewhere" if target == "card" else target))
    refuses(pi, "can't be read: Too many levels of symbolic links")
    assert (pi.folder / "elsewhere/access_token").exists()
    assert (pi.folder / "file").exists()


def test_a_pipe_does_not_keep_the_machine_from_starting(pi):
    os.mkfifo(pi.bundle)
    refuses(pi, "is no plain file")


def test_a_folder_in_its_place_is_told(pi):
    bundle(pi.bundle)
    code, said = pi.adopt()
    assert (code, f"{pi.bundle}: can't be deleted" in said) == (1, True), said
    assert not pi.adopted
    assert (pi.bundle / "access_token").exists()


@as_root
def test_a_file_of_somebody_else_is_not_read(pi):
    """A hard link to a file of root's."""
    (pi.folder / "root's").write_bytes(signed(FILES).encode())
    pi.bundle.hardlink_to(pi.folder / "root's")
    os.chown(pi.state, STRANGER, STRANGER)
    refuses(pi, "belongs to somebody else")
    assert (pi.folder / "root's").exists()


@pytest.mark.parametrize("content", [b"", b"x", bytes(161), bytes(MAX_SEALED_BYTES + 1)])
def test_noise_is_no_bundle(pi, content):
    pi.bundle.write_bytes(content)
    refuses(pi, "enroll the till again")


@pytest.mark.parametrize(
    "name",
    ["relay_url", "config.yaml.new", ".accepted", "../relay_url", "/etc/shadow", "a/b.pem", "x.yaml", ".pem", ""],
)
def test_no_other_file_of_roots_folder_can_be_written(pi, name):
    """`relay_url` would name the key of whoever signs the next bundle."""
    with pytest.raises(BundleError):
        signed({**FILES, name: "x"}).files("")
    leave(signed({**FILES, name: "x"}), pi.state)
    refuses(pi, "the bundle")
    assert (pi.home / "relay_url").read_text().endswith(SIGNER)


def with_key(key: str, value: str) -> str:
    """The configuration with one key of a section, in the place of what is written there."""
    section, _, name = key.partition(".")
    lines = [line for line in FILES["config.yaml"].splitlines() if not line.startswith(f"  {name}:")]
    if f"{section}:" not in lines:
        return "\n".join([*lines, f"{section}:", f"  {name}: {value}", ""])
    lines.insert(lines.index(f"{section}:") + 1, f"  {name}: {value}")
    return "\n".join([*lines, ""])


OUTSIDE = ("/etc/hostname", "/root/secret", "../relay_url", "..", "sub/file", "/etc/till-edge/../hostname", "/dev/zero")


@pytest.mark.parametrize(
    "key", ["broker.password_file", "mercadopago.access_token_file", "ticket.logo", "journal.path"]
)
@pytest.mark.parametrize("path", OUTSIDE)
def test_no_file_outside_of_the_bundle_can_be_named(pi, key, path):
    """Root would read it, and say what it is; later a command of root's would send it to whatever `api_url` says."""
    leave(signed({**FILES, "config.yaml": with_key(key, path)}), pi.state)
    refuses(pi, f"{key}: leads out of the bundle; one that was claimed can name only files that are in it")


@pytest.mark.parametrize("path", OUTSIDE)
def test_nor_among_the_certificates(pi, path):
    leave(signed({**FILES, "config.yaml": with_key("broker.tls", f"{{ca_file: {path}}}")}), pi.state)
    refuses(pi, "broker.tls.ca_file: leads out of the bundle")


@pytest.mark.parametrize("device", ["/etc/hostname", "/dev/../etc/hostname", "/var/lib/till-edge/journal.db"])
def test_no_printer_can_be_a_file(pi, device):
    config = FILES["config.yaml"].replace("connection: usb", f"connection: file\n  device: {device}")
    leave(signed({**FILES, "config.yaml": config}), pi.state)
    refuses(pi, "printer.device: is no device; a bundle that was claimed can name only what is in /dev")


def test_what_lies_in_the_folder_already_is_not_used(pi):
    """A token that an installer left there doesn't become a stranger's."""
    (pi.home / "access_token").write_text("APP_USR-the-shops")
    leave(signed({name: text for name, text in FILES.items() if name != "access_token"}), pi.state)
    code, said = pi.adopt()
    assert (code, "access_token: is missing" in said) == (78, True), said
    assert pi.adopted == {"access_token"}


@given(st.binary(max_size=400) | st.integers(0, 600).map(lambda place: bent(place)))
def test_whatever_lies_there_root_ends_with_a_word_about_it(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("pi")
    pi = Pi(folder)
    pi.bundle.write_bytes(content)
    refuses(pi, "enroll the till again")
    shutil.rmtree(folder)


def bent(place: int) -> bytes:
    content = bytearray(signed(FILES).encode())
    content[place % len(content)] ^= 1
    return bytes(content)
