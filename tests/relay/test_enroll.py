"""`till-relay enroll` and `revoke`: the bundle, mosquitto's files, and what a person is told. No broker runs here."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import ConfigError
from edge.config.schema import load as load_till
from relay.config import Mosquitto as Files
from relay.enroll.accounts import AccountError, reload_mosquitto
from tests.support.office import Office
from tests.support.relays import ROOT, wait_until
from tests.support.shipped_broker import SHOP, with_token

ADDRESS = "https://relay.example.net/mp/CAJA01/3rwudvwggbtrelgmesrohdj5wmspydyx"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# --- the bundle -------------------------------------------------------------------------------------------------------


def test_a_till_with_its_bundle_and_its_token_can_start(office):
    config = load_till(with_token(office.enroll(more=SHOP)))
    assert (config.till.id, config.till.name) == ("CAJA01", "Caja 1: «patio»")
    assert (config.till.timezone, config.till.language) == (ZoneInfo("America/Argentina/Buenos_Aires"), "es")
    assert config.mercadopago.user_id == "700100200"
    assert (config.mercadopago.external_store_id, config.mercadopago.external_pos_id) == ("SUC001", "SUC001POS003")
    assert config.mercadopago.notification_url == ADDRESS
    broker = config.broker
    assert (broker.host, broker.port, broker.username, broker.topic_root) == (
        "mqtt.example.net",
        8883,
        "CAJA01",
        "tills",
    )
    assert broker.tls.ca_file == office.folder / "bundle" / "ca.pem"


def test_what_only_the_shop_knows_is_left_to_fill_in_and_the_till_names_each_line(office, capsys):
    bundle = office.enroll()
    assert "To fill in, in " in capsys.readouterr().out
    text = (bundle / "config.yaml").read_text()
    with pytest.raises(ConfigError) as refusal:
        load_till(with_token(bundle))
    blanks = [number for number, line in enumerate(text.splitlines(), 1) if "# FILL IN" in line]
    assert [f"{bundle}/config.yaml:{number}: " for number in blanks] == [
        fault[: fault.index(": ") + 2] for fault in refusal.value.faults
    ]
    assert len(blanks) == 4


def test_what_is_commented_out_holds_as_soon_as_its_sign_is_taken_away(office):
    bundle = office.enroll(more=SHOP)
    page = bundle / "config.yaml"
    page.write_text(page.read_text().replace("# support:", "support:").replace("# ticket:", "ticket:"))
    config = load_till(with_token(bundle))
    assert config.till.support == "0800 555 0000"
    assert config.ticket.header == ("KIOSCO SUR", "Av. Siempre Viva 742")


def test_the_bundle_of_a_broker_with_a_public_certificate_has_no_certificates(office):
    office.configure("tills: {host: mqtt.example.net, port: 443}\n")
    bundle = office.enroll(more=SHOP)
    config = load_till(with_token(bundle))
    assert (config.broker.port, config.broker.tls.ca_file) == (443, None)
    assert not (bundle / "ca.pem").exists()


def test_the_time_zone_of_the_fleet_is_good_for_a_till(office):
    office.configure("tills: {host: mqtt.example.net}\nfleet: {timezone: America/Montevideo}\n")
    bundle = office.enroll(more="--user-id 700100200 --store S --pos P")
    assert load_till(with_token(bundle)).till.timezone == ZoneInfo("America/Montevideo")


@pytest.mark.parametrize("till", ["0123", "yes", "1e3", "null", "12-34", "_"])
def test_an_id_that_yaml_would_take_for_something_else_stays_what_it_is(office, till):
    office.configure("tills: {host: mqtt.example.net}\n")
    assert load_till(with_token(office.enroll(till, SHOP))).till.id == till


def test_the_notification_address_lies_in_a_file_of_its_own(office):
    assert (office.enroll() / "notification_address.txt").read_text() == f"{ADDRESS}\n"


def test_the_address_of_a_till_that_is_not_enrolled_is_printed_with_a_warning(office, capsys):
    office.enroll("CAJA01")
    capsys.readouterr()
    assert office.type("url CAJA01") == 0
    assert capsys.readouterr().err == ""
    assert office.type("url caja01") == 0
    said = capsys.readouterr()
    assert said.out.startswith("https://relay.example.net/mp/caja01/")
    assert said.err == "caja01 is not enrolled; is the id spelled the same way? Capitals matter\n"
    office.passwords.unlink()  # as for who may not read it
    assert office.type("url caja01") == 0
    assert capsys.readouterr().err == ""


def test_nobody_else_can_read_the_bundle(office):
    (office.folder / "bundle").mkdir(mode=0o755)
    bundle = office.enroll()
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in bundle.iterdir()} == dict.fromkeys(
        ("broker_password", "ca.pem", "config.yaml", "notification_address.txt"), 0o600
    )


def test_the_password_is_in_the_bundle_only(office, capsys):
    password = (office.enroll() / "broker_password").read_text()
    assert len(password) >= 40
    said = capsys.readouterr()
    assert password not in said.out + said.err + office.passwords.read_text() + office.acl.read_text()
    assert password != (office.enroll("CAJA02", out="other") / "broker_password").read_text()


def test_a_till_whose_broker_changes_keeps_its_password(office, capsys):
    password = office.enroll() / "broker_password"
    office.type(f"enroll CAJA01 --again --password-file {password} --out {office.folder}/same")
    assert (office.folder / "same" / "broker_password").read_text() == password.read_text()
    password.write_text("short")
    assert office.type(f"enroll CAJA02 --password-file {password} --out {office.folder}/two") == 1
    assert "isn't the broker_password of a bundle" in capsys.readouterr().err


# --- mosquitto's files ------------------------------------------------------------------------------------------------


def test_a_till_gets_a_user_and_may_hear_its_own_seller(office):
    office.enroll(more=SHOP)
    assert office.users == ["till-relay", "support", "CAJA01"]
    assert office.rights == "\nuser CAJA01\ntopic read relay/status\ntopic read sellers/700100200/orders\n"


def test_a_till_of_an_unknown_seller_hears_none_and_that_is_said(office, capsys):
    office.enroll()
    assert office.rights == "\nuser CAJA01\ntopic read relay/status\n"
    assert "Without --user-id it does not receive" in capsys.readouterr().out


def test_what_others_wrote_and_whose_the_files_are_stays(office):
    office.passwords.write_text("# ours\nsensor:$6$old$hash\n")
    head = office.acl.read_text().replace("# --- enrolled", "user sensor\ntopic read ñandú/#\n# --- enrolled")
    office.acl.write_text(head)
    os.chown(office.passwords, -1, os.getgid())
    office.enroll()
    assert office.passwords.read_text().startswith("# ours\nsensor:$6$old$hash\nCAJA01:$7$101$")
    assert office.acl.read_text().startswith(head)
    assert stat.S_IMODE(office.passwords.stat().st_mode) == 0o640
    assert office.type("revoke CAJA01") == 1
    assert (office.passwords.read_text(), office.acl.read_text()) == ("# ours\nsensor:$6$old$hash\n", head)


def test_enrolling_twice_is_refused_and_changes_nothing(office, capsys):
    office.enroll()
    before = office.passwords.read_text(), office.acl.read_text()
    assert office.type(f"enroll CAJA01 --user-id 1 --out {office.folder}/second") == 1
    assert "CAJA01 is enrolled already; --again makes new credentials" in capsys.readouterr().err
    assert (office.passwords.read_text(), office.acl.read_text()) == before
    assert not (office.folder / "second").exists()


def test_enrolling_again_makes_a_new_password_and_keeps_the_seller_unless_another_is_named(office):
    first = office.enroll(more=SHOP)
    before = office.passwords.read_text()
    second = office.enroll(more="--again", out="second")
    assert (first / "broker_password").read_text() != (second / "broker_password").read_text()
    assert office.passwords.read_text() != before
    assert office.users.count("CAJA01") == 1
    assert "sellers/700100200/orders" in office.rights
    office.enroll(more="--again --user-id 5", out="third")
    assert office.rights == "\nuser CAJA01\ntopic read relay/status\ntopic read sellers/5/orders\n"


@pytest.mark.parametrize("user", ["till-relay", "support"])
def test_no_till_gets_the_rights_of_the_relay_or_of_support(office, capsys, user):
    before = office.passwords.read_text(), office.acl.read_text()
    assert office.type(f"enroll {user} --again --out {office.folder}/bundle") == 1
    assert "is a user with other rights" in capsys.readouterr().err
    assert office.type(f"revoke {user}") == 1
    assert (office.passwords.read_text(), office.acl.read_text()) == before


def test_revoking_removes_user_and_rights_of_this_till_only(office, capsys):
    office.enroll("CAJA01", SHOP, "first")
    office.enroll("CAJA010", SHOP, "second")
    assert office.type("revoke CAJA01") == 1
    assert office.users == ["till-relay", "support", "CAJA010"]
    assert office.rights == "\nuser CAJA010\ntopic read relay/status\ntopic read sellers/700100200/orders\n"
    assert "access token" in capsys.readouterr().out


@pytest.mark.parametrize("till", ["CAJA02", "caja01"])
def test_a_till_that_is_not_enrolled_cannot_be_revoked(office, capsys, till):
    office.enroll()
    assert office.type(f"revoke {till}") == 1
    assert f"{till} is not enrolled" in capsys.readouterr().err
    assert "CAJA01" in office.users


# --- what a person must mend ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("break_it", "says", "code"),
    [
        (lambda office: office.configure(""), "no section tills", 78),
        (lambda office: office.config.write_text(TWO_BROKERS), "are both here; keep the section of the broker", 78),
        (lambda office: office.configure("tills: {host: h, ca_file: nowhere.pem}\n"), "tills.ca_file: ", 78),
        (lambda office: office.configure("tills: {host: h, ca_file: key.pem}\n"), "holds a private key", 78),
        (lambda office: office.passwords.unlink(), "till-passwords can't be read (No such file or directory)", 1),
        (lambda office: office.acl.write_text("pattern read #\n"), "has no line that begins with", 1),
        (lambda office: (office.folder / "bundle" / "x").mkdir(parents=True), "bundle isn't empty", 1),
        (lambda office: (office.folder / "bundle").touch(), "can't make the folder", 1),
    ],
)
def test_what_stands_in_the_way_is_said_and_nobody_is_let_in(office, capsys, break_it, says, code):
    (office.folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    break_it(office)
    assert office.type(f"enroll CAJA01 --out {office.folder}/bundle") == code
    said = capsys.readouterr()
    assert says in said.err
    assert "Traceback" not in said.err
    assert not office.passwords.exists() or "CAJA01" not in office.users


ELSEWHERE = (
    "public_url: https://relay.example.net\nsecret_file: secret\n"
    "broker: {host: 127.0.0.1, tls: false}\ntills: {host: mqtt.example.net}\n"
)
RABBITMQ = f"{ELSEWHERE}rabbitmq: {{url: 'http://127.0.0.1:1', password_file: api.password}}\n"
TWO_BROKERS = f"{RABBITMQ}mosquitto: {{password_file: till-passwords, acl_file: till-acl}}\n"


def test_at_a_broker_that_is_not_ours_the_bundle_is_made_and_its_people_are_told(office, capsys):
    office.config.write_text(ELSEWHERE)
    assert office.type(f"enroll CAJA01 --user-id 700100200 --out {office.folder}/bundle") == 0
    said = capsys.readouterr().out
    for right in ("tills/CAJA01/orders", "sellers/700100200/orders", "relay/status", "tills/CAJA01/answers"):
        assert right in said
    assert {"config.yaml", "broker_password"} <= {path.name for path in (office.folder / "bundle").iterdir()}
    assert office.type("revoke CAJA01") == 0
    assert "remove the user, its rights" in capsys.readouterr().out


def test_a_rabbitmq_that_cannot_be_asked_lets_nobody_in_and_says_why(office, capsys):
    office.config.write_text(RABBITMQ)
    (office.folder / "api.password").write_text("secret")
    assert office.type(f"enroll CAJA01 --out {office.folder}/bundle") == 1
    assert "RabbitMQ's management API at http://127.0.0.1:1 can't be asked" in capsys.readouterr().err
    assert not (office.folder / "bundle").exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://10.0.0.1:15672", "would send the password unencrypted"),
        ("10.0.0.1:15672", "write the address of RabbitMQ's management"),
    ],
)
def test_the_address_of_rabbitmq_is_one_to_which_a_password_may_go(office, capsys, url, says):
    office.config.write_text(RABBITMQ.replace("http://127.0.0.1:1", url))
    assert office.type("revoke CAJA01") == 78
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "enroll 'CAJA 01'",
        "enroll CAJA01:x",
        "enroll CAJA01 --user-id '7 topic readwrite #'",
        "enroll CAJA01 --user-id 007",
        "enroll CAJA01 --store 'SUC 1'",
        "enroll CAJA01 --timezone Mars",
        "enroll CAJA01 --language fr",
        "enroll CAJA01 --name 'Caja\n1'",
        "enroll CAJA01 --name ''",
        "revoke '#'",
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(office, line):
    with pytest.raises(SystemExit) as exit_:
        office.type(line)
    assert exit_.value.code == 2
    assert office.users == ["till-relay", "support"]


def test_if_mosquitto_cannot_be_told_the_person_is_told_how(office, capsys):
    office.enroll()
    assert "reload it: systemctl reload mosquitto" in capsys.readouterr().err


@pytest.mark.parametrize("pid", ["", "mosquitto", "0", "-1", "99999999", "ours"])
def test_nobody_is_signalled_but_mosquitto(tmp_path, pid):
    """A pid file that was left behind may name us, whom a SIGHUP would end."""
    (tmp_path / "pid").write_text(pid.replace("ours", str(os.getpid())))
    with pytest.raises(AccountError, match="systemctl reload mosquitto"):
        reload_mosquitto(Files(tmp_path, tmp_path, tmp_path / "pid"))


def test_a_mosquitto_that_is_just_starting_is_not_ended_by_the_signal(tmp_path):
    """It has a listener and a pid file before it has a handler."""
    starting = tmp_path / "mosquitto"
    starting.symlink_to(shutil.which("sleep"))
    with subprocess.Popen([starting, "60"]) as process:
        wait_until(lambda: (Path(f"/proc/{process.pid}/comm")).read_text() == "mosquitto\n", "it bears the name")
        (tmp_path / "pid").write_text(str(process.pid))
        with pytest.raises(AccountError, match="names no mosquitto that is ready"):
            reload_mosquitto(Files(tmp_path, tmp_path, tmp_path / "pid"))
        process.terminate()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.slow
def test_many_at_the_same_time_forget_nobody(office):
    """Each reads the files, adds its till and writes them back."""
    tills = [f"CAJA{number:02}" for number in range(6)]
    command = [sys.executable, "-m", "relay", "enroll", "--config", str(office.config)]
    started = [
        subprocess.Popen([*command, till, "--out", office.folder / till], cwd=ROOT, stderr=subprocess.DEVNULL)
        for till in tills
    ]
    assert [process.wait(60) for process in started] == [1] * len(tills)
    assert sorted(office.users) == sorted(["till-relay", "support", *tills])
    assert all(f"user {till}\n" in office.rights for till in tills)
