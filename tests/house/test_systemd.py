"""The units as systemd sees them: no complaint about any line, and little power over the machine.

`scripts/test-deb` runs the service under the real systemd.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.install.claim.claimed_bundle import BUNDLE_FILE
from edge.install.claim.place import relay_url_files

SYSTEMD = Path(__file__).parent.parent.parent / "systemd"
RESTART_STEPS_SINCE = 254
LARGEST_EXPOSURE = 1.7
LARGEST_EXPOSURE_OF_PAGE = 1.5
"""It listens in the shop's network."""
ADOPT, CLAIM, PAGE = "till-edge-adopt.service", "till-edge-claim.service", "till-edge-page.service"
UPDATE = "till-edge-update.service"
CLAIMED = f"/var/lib/till-edge-claim/{BUNDLE_FILE}"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")


@pytest.fixture
def units(tmp_path):
    """The units in a folder of their own, with a program that exists here in the place of the installed one."""
    program = tmp_path / "till-edge"
    program.touch(mode=0o755)
    for unit in (*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.target")):
        text = unit.read_text().replace("/usr/bin/till-edge-page", str(program))
        (tmp_path / unit.name).write_text(text.replace("/usr/bin/till-edge", str(program)))
    if systemd_version() >= RESTART_STEPS_SINCE:
        shutil.copytree(SYSTEMD / "till-edge.service.d", tmp_path / "till-edge.service.d")
    return tmp_path


def systemd_version() -> int:
    return int(re.findall(r"\d+", analyze("--version"))[0])


def analyze(*words: object) -> str:
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def lines(name: str, pattern: str) -> list:
    return re.findall(f"^{pattern}$", (SYSTEMD / name).read_text(), re.MULTILINE)


def values(name: str, key: str) -> list[str]:
    return lines(name, f"{key}=(.*)")


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_units(units):
    # It exits 0 on keys that it doesn't know: any word is a failure.
    assert analyze("verify", *units.glob("*.service"), *units.glob("*.target")) == ""


@needs_systemd
def test_systemd_does_have_something_to_say_about_a_wrong_word(units):
    with (units / "till-edge.service").open("a") as unit:
        unit.write("[Service]\nProtectSystm=strict\n")
    assert "ProtectSystm" in analyze("verify", units / "till-edge.service")


@needs_systemd
def test_the_service_can_do_little_to_the_machine(units):
    """Also the relay's, which stand on another machine; but what goes back to an older package runs dpkg."""
    relays = [SYSTEMD.parent / "relay" / name for name in ("till-relay.service", "till-relay-watch.service")]
    units_at_risk = [path for path in (*units.glob("*.service"), *relays) if path.name != UPDATE]
    exposures = {path.name: exposure(path) for path in units_at_risk}
    assert set(exposures) == {"till-edge.service", ADOPT, CLAIM, PAGE, *(path.name for path in relays)}
    assert max(exposures.values()) <= LARGEST_EXPOSURE, exposures
    assert exposures[PAGE] <= LARGEST_EXPOSURE_OF_PAGE


def exposure(unit: Path) -> float:
    told = analyze("security", "--offline=true", "--no-pager", unit)
    return float(re.findall(rf"exposure level for {unit.name}: ([0-9.]+)", told)[0])


def test_the_log_is_kept_on_the_card_whatever_the_system_wants():
    """A name that comes after Raspberry Pi OS's 40-rpi-volatile-storage.conf."""
    assert values("till-edge.journald.conf", "Storage") == ["persistent"]
    assert "till-edge.conf" > "40-rpi-volatile-storage.conf"


@needs_systemd
@pytest.mark.parametrize("name", ["till-edge.service", CLAIM, PAGE])
def test_each_protection_that_is_missing_is_explained_in_the_unit(units, name):
    told = analyze("security", "--offline=true", "--no-pager", units / name)
    missing = re.findall(r"^✗ (\w+)=(?:~AF_\(?(\w+))?", told, re.MULTILINE)
    assert missing
    comments = "\n".join(lines(name, "#.*"))
    for key, family in missing:
        assert (f"AF_{family}" if family else key) in comments, f"{key} is not explained"


def test_a_wrong_configuration_is_not_tried_again_and_all_else_for_ever():
    assert values("till-edge.service", "RestartPreventExitStatus") == ["78"]
    assert values("till-edge.service", "Restart") == ["always"]
    assert values("till-edge.service", "StartLimitIntervalSec") == ["0"]


def test_the_clock_comes_first_then_the_network_then_the_daemon_and_nothing_waits():
    assert values("till-edge.service", "After") == ["network.target"]
    assert values("till-edge.target", "After") == ["systemd-timesyncd.service network.target"]
    assert values("till-edge.target", "Wants") == ["systemd-timesyncd.service"]
    for name in ("till-edge.service", "till-edge.target"):
        assert not re.findall("^(Requires|After)=.*(online|time-sync)", (SYSTEMD / name).read_text(), re.MULTILINE)


def test_the_token_is_handed_over_and_not_readable_by_the_service():
    assert values("till-edge.service", "LoadCredential") == ["access_token:/etc/till-edge/access_token"]
    rights = lines("till-edge.tmpfiles", r"z /etc/till-edge/access_token +(\S+) +(\S+) +(\S+)")
    assert rights == [("0600", "root", "root")]


def test_the_user_is_in_the_group_of_every_device():
    groups = set(lines("till-edge.sysusers", r"m till-edge (\S+)"))
    assert groups == {"lp", "dialout", "gpio", "audio"}
    assert set(lines("till-edge.rules", r'.*GROUP="(\w+)".*')) == {"lp", "gpio"}


def test_a_till_claims_only_without_a_configuration_and_with_somewhere_to_claim():
    assert values(CLAIM, "ConditionPathExists") == [
        "!/etc/till-edge/config.yaml",
        f"!{CLAIMED}",
        "|/etc/till-edge/relay_url",
        "|/boot/firmware/till-edge/relay_url",
    ]
    files = relay_url_files(Path("/etc/till-edge"))
    assert list(map(str, files)) == ["/etc/till-edge/relay_url", "/boot/firmware/till-edge/relay_url"]
    assert values(CLAIM, "OnSuccess") == ["till-edge.service"]
    assert CLAIM in values("till-edge.service", "Wants")


def test_what_talks_to_the_internet_while_a_till_claims_is_no_root_and_can_only_leave_a_bundle():
    assert values(CLAIM, "User") == ["till-edge"]
    assert values(CLAIM, "CapabilityBoundingSet") == values(CLAIM, "AmbientCapabilities") == [""]
    assert values(CLAIM, "ReadWritePaths") == []
    assert values(CLAIM, "StateDirectory") == ["till-edge-claim"]
    assert values(CLAIM, "TemporaryFileSystem") == ["/etc/till-edge:ro"]
    assert lines("till-edge.tmpfiles", r"z /etc/till-edge/relay_url +(\S+) +(\S+) +(\S+)") == [
        ("0640", "root", "till-edge")
    ]


def test_root_adopts_what_was_claimed_where_it_was_left_and_nobody_waits_for_a_bundle_meanwhile():
    assert f"|{CLAIMED}" in values(ADOPT, "ConditionPathExists")
    assert values(ADOPT, "ExecStart") == [f"/usr/bin/till-edge adopt /boot/firmware/till-edge --claimed {CLAIMED}"]
    assert "-/var/lib/till-edge-claim" in values(ADOPT, "ReadWritePaths")[0].split()
    assert ADOPT in values("till-edge.service", "Wants")
    assert ADOPT in values(CLAIM, "After")[0].split()


def test_the_page_sees_no_secret_of_the_daemon_whose_user_it_has():
    assert values(PAGE, "User") == values("till-edge.service", "User")
    assert values(PAGE, "LoadCredential") == values(PAGE, "SetCredential") == []
    assert values(PAGE, "TemporaryFileSystem") == ["/etc/till-edge:ro"]
    shown = values(PAGE, "BindReadOnlyPaths")[0].split()
    assert shown == ["/etc/till-edge/config.yaml", "-/etc/till-edge/page.pem", "-/etc/till-edge/page.key"]
    assert "-/run/credentials" in values(PAGE, "InaccessiblePaths")[0].split()


def test_the_page_can_neither_signal_nor_trace_the_daemon():
    refused = set(values(PAGE, "SystemCallFilter")[-1].removeprefix("~").split())
    assert {"kill", "tkill", "tgkill", "pidfd_send_signal", "process_vm_readv", "process_vm_writev"} <= refused
    assert values(PAGE, "PrivateUsers") == ["yes"]
    assert values(PAGE, "CapabilityBoundingSet") == [""]


def test_daemon_and_page_meet_in_the_same_folders_and_neither_takes_the_others_away():
    for key in ("StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode"):
        assert values(PAGE, key) == values("till-edge.service", key) != []
    for name in (PAGE, "till-edge.service"):
        assert values(name, "RuntimeDirectoryPreserve") == ["yes"]


def test_a_page_that_nobody_wants_is_no_failure_and_a_wrong_configuration_is_not_tried_again():
    assert values(PAGE, "Restart") == ["on-failure"]
    assert values(PAGE, "RestartPreventExitStatus") == ["78"]
    assert values(PAGE, "PartOf") == values(PAGE, "WantedBy") == ["till-edge.service"]
