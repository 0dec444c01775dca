"""The relay's configuration and its `url` command: what is wrong is said all at once, with file, line and key."""

import json
import os
import re
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.reader import keys_of
from relay.__main__ import main
from relay.addresses import address_of, opens, secret_of, seller_address_of
from relay.config import (
    Broker,
    Config,
    ConfigError,
    Fleet,
    Listen,
    Mosquitto,
    OpeningHours,
    Support,
    TillPrefix,
    Tills,
    Tls,
    TokenEnd,
    Watch,
    load,
)
from tests.support.bent import bent, values
from tests.support.examples import examples
from tests.support.shipped_broker import make_certificates

KEY = "0123456789abcdef0123456789abcdef"
SMALLEST = "public_url: https://relay.example.net\nsecret_file: secret\nbroker: {host: mqtt.example.net}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(KEY + "\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "relay.yaml"
    path.write_text(text)
    return path


def faults(folder: Path, text: str) -> list[str]:
    """Return the faults, each without the folder's name."""
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    return [fault.removeprefix(f"{folder}{os.sep}") for fault in caught.value.faults]


# --- what is read -----------------------------------------------------------------------------------------------------


def test_the_smallest_configuration_listens_on_the_loopback_and_trusts_the_systems_certificates(folder):
    assert load(write(folder, SMALLEST)) == Config(
        Listen("127.0.0.1", 8080),
        "https://relay.example.net",
        KEY.encode(),
        Broker("mqtt.example.net", 8883, "", "", "tills", Tls()),
    )


def test_all_keys_are_read(folder):
    (folder / "password").write_text("0123 secret\n")
    config = load(
        write(
            folder,
            "listen: {host: '::1', port: 80}\npublic_url: https://example.net/relay/\nsecret_file: secret\n"
            "broker: {host: 127.0.0.1, port: 1884, tls: false, topic_root: a/b,\n"
            "         username: 0123, password_file: password}\n",
        )
    )
    assert config == Config(
        Listen("::1", 80),
        "https://example.net/relay",
        KEY.encode(),
        Broker("127.0.0.1", 1884, "0123", "0123 secret", "a/b", None),
    )


def test_the_sections_for_tills_and_fleet_are_read(folder):
    (folder / "signature").write_text("4ab1c0de\n")
    config = load(
        write(
            folder,
            f"{SMALLEST}signature_secret_file: signature\n"
            "mosquitto: {password_file: passwords, acl_file: /etc/acl, pid_file: /run/pid}\n"
            "tills: {host: mqtt.example.net, port: 8884, ca_file: ca.pem}\n"
            "fleet: {open: 08:00-22:30, timezone: America/Montevideo}\n",
        )
    )
    assert config.signature_secret == b"4ab1c0de"
    assert config.mosquitto == Mosquitto(folder / "passwords", Path("/etc/acl"), Path("/run/pid"))
    assert config.tills == Tills("mqtt.example.net", 8884, folder / "ca.pem")
    assert config.fleet == Fleet(ZoneInfo("America/Montevideo"), OpeningHours(time(8), time(22, 30)))
    assert "4ab1c0de" not in repr(config)


def test_what_the_references_of_tills_begin_with_is_read(folder):
    lines = "reference_prefixes:\n- 700100200 CAJA01 CAJA01-\n- 700100201 SUR CAJA01-\n- 700100200  2 2\n"
    assert load(write(folder, SMALLEST + lines)).reference_prefixes == (
        TillPrefix("700100200", "CAJA01", "CAJA01-"),
        TillPrefix("700100201", "SUR", "CAJA01-"),
        TillPrefix("700100200", "2", "2"),
    )


FLEET = "fleet: {timezone: America/Montevideo}\n"


def test_the_watch_has_defaults_for_all_but_where_it_tells(folder):
    watch = load(write(folder, SMALLEST + FLEET + "watch: {channels_file: channels}\n")).watch
    assert watch == Watch(folder / "channels", quiet=OpeningHours(time(22), time(8)))
    assert (watch.dark_minutes, watch.no_paper_minutes, watch.attention_minutes, watch.language) == (10, 10, 30, "es")
    text = (
        "watch: {language: pt, quiet: 23:00-07:30, dark_minutes: 5, metrics_port: 9108, token_ends: [A 2027-05-28]}\n"
    )
    watch = load(write(folder, SMALLEST + FLEET + text)).watch
    assert (watch.language, watch.dark_minutes, watch.metrics_port) == ("pt", 5, 9108)
    assert watch.token_ends == (TokenEnd("A", date(2027, 5, 28)),)


def test_all_mistakes_of_the_watch_are_told_at_once(folder):
    text = "watch:\n  language: fr\n  quiet: night\n  dark_minutes: 0\n"
    text += "  token_ends: [CAJA01, CAJA01 31.5.2027]\n  chanels: x\n"
    assert faults(folder, SMALLEST + text) == [
        "relay.yaml:4: watch: needs the shops' time zone for its quiet hours; add the section fleet with timezone",
        "relay.yaml:5: watch.language: is 'fr'; write one of es, pt, en",
        "relay.yaml:6: watch.quiet: is 'night'; write opening hours like 08:00-22:00",
        "relay.yaml:7: watch.dark_minutes: is '0'; write whole minutes from 1 to 1440",
        "relay.yaml:8: watch.token_ends[1]: is 'CAJA01'; write the till or the account, and the token's last day, "
        "like 700100200 2027-05-28",
        "relay.yaml:8: watch.token_ends[2]: is 'CAJA01 31.5.2027'; write the till or the account, and the token's last "
        "day, like 700100200 2027-05-28",
        "relay.yaml:9: watch.chanels: there is no such key; did you mean channels_file?",
    ]


@pytest.mark.parametrize(
    "line", ["CAJA01-", "CAJA01 CAJA01-", "kiosco CAJA01 C-", "7 CAJA/1 C-", "7 A B C", "[7, A, B]"]
)
def test_a_line_of_prefixes_that_is_none_is_refused_with_an_example(folder, line):
    [fault] = faults(folder, f"{SMALLEST}reference_prefixes:\n- 7 CAJA01 C1-\n- {line}\n")
    assert fault.startswith("relay.yaml:6: reference_prefixes[2]: ")


def test_no_reference_may_begin_like_those_of_two_tills_of_a_seller(folder):
    lines = "reference_prefixes:\n- 7 CAJA01 C1-\n- 8 SUR C1-\n- 7 CAJA02 C1-2-\n"
    assert faults(folder, SMALLEST + lines) == [
        "relay.yaml:7: reference_prefixes[3]: C1-2- begins with C1-, so C1-2-1 would be of CAJA01 and of CAJA02; "
        "let each begin differently"
    ]


def test_shops_may_have_no_hours_or_close_after_midnight(folder):
    fleet = SMALLEST + "fleet: {timezone: America/Lima"
    assert load(write(folder, fleet + "}")).fleet == Fleet(ZoneInfo("America/Lima"), None)
    assert load(write(folder, fleet + ", open: 18:00 - 02:00}")).fleet == Fleet(
        ZoneInfo("America/Lima"), OpeningHours(time(18), time(2))
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("fleet: {open: 08:00-22:00}", "fleet.timezone: is missing"),
        (
            "fleet: {timezone: America/Buenos}",
            "no time zone is called 'America/Buenos'; write one like America/Montevideo; did you mean",
        ),
        ("fleet: {timezone: America}", "no time zone is called 'America'"),
        ("fleet: {timezone: UTC, open: 8-22}", "is '8-22'; write opening hours like 08:00-22:00"),
        ("fleet: {timezone: UTC, open: 08:00-24:00}", "is '08:00-24:00'; write opening hours"),
        ("fleet: {timezone: UTC, open: 08:00-08:00}", "write 00:00-23:59 for shops that never close"),
        ("fleet: {timezone: UTC, opening: 08:00-22:00}", "fleet.opening: there is no such key; did you mean open?"),
        ("tills: {port: 8883}", "tills.host: is missing"),
        (
            "tills: {host: 'mqtt://mqtt.example.net'}",
            "is 'mqtt://mqtt.example.net'; write only a name or an IP address",
        ),
        ("tills: {host: 'mqtt.example.net:8883'}", "is 'mqtt.example.net:8883'; write only a name"),
        ("tills: {host: 192.0.2.300}", "is '192.0.2.300'; write only a name"),
        ("mosquitto: {password_file: passwords}", "mosquitto.acl_file: is missing"),
        ("mosquitto: {password_files: passwords}", "did you mean password_file?"),
        ("signature_secret_file: nowhere", "signature_secret_file: "),
    ],
)
def test_what_is_wrong_with_the_sections_for_tills_and_fleet_is_said(folder, line, fault):
    [first, *_] = sorted(faults(folder, SMALLEST + line), key=lambda each: fault not in each)
    assert first.startswith("relay.yaml:4: ")
    assert fault in first


def test_without_tls_the_port_is_the_one_without_tls(folder):
    assert load(write(folder, SMALLEST.replace("}", ", tls: false}"))).broker.port == 1883


EXAMPLE = (Path(__file__).parent.parent.parent / "relay" / "relay.example.yaml").read_text()


@pytest.fixture
def broker_files(folder: Path) -> Path:
    """What make-certificates writes for the relay."""
    make_certificates(folder / "made")
    (folder / "made" / "ca-of-relays.pem").rename(folder / "made" / "ca.pem")
    return (folder / "made").rename(folder / "broker")


@pytest.mark.slow
def test_the_example_needs_nothing_but_the_secret_and_the_certificates(folder, broker_files):
    config = load(write(folder, EXAMPLE.replace("/etc/till-relay/", f"{folder}/")))
    own = Tls(broker_files / "ca.pem", broker_files / "till-relay.pem", broker_files / "till-relay.key")
    assert config.broker == Broker("127.0.0.1", 8884, "", "", "tills", own)
    assert config.support == Support(broker_files / "support.pem", broker_files / "support.key")
    assert config.mosquitto == Mosquitto(Path("/etc/mosquitto/till-passwords"), Path("/etc/mosquitto/till-acl"))
    assert config.tills == Tills("mqtt.example.net", 8883, None)
    assert (config.signature_secret, config.fleet) == (None, None)


def test_the_example_with_all_that_is_optional_lacks_nothing_but_real_certificates(folder):
    (folder / "broker").mkdir()
    certificates = [f"broker/{name}" for name in ("ca.pem", "till-relay.pem", "till-relay.key")]
    for name in ("broker_password", "signature_secret", *certificates):
        (folder / name).write_text("not a certificate")
    whole = re.sub(r"^( *)# ( *\w+:)", r"\1\2", EXAMPLE.replace("  # tls: false\n", ""), flags=re.MULTILINE)
    [fault] = faults(folder, whole.replace("/etc/till-relay/", f"{folder}/"))
    assert "broker.tls: these certificates can't be used" in fault


def test_secrets_do_not_show(folder):
    (folder / "password").write_text("hunter2")
    config = load(write(folder, SMALLEST.replace("}", ", username: relay, password_file: password}")))
    assert KEY not in repr(config)
    assert "hunter2" not in repr(config)


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_all_faults_are_said_at_once_in_the_order_of_their_lines(folder):
    text = (
        "listen: {port: 808080}\n"
        "publicurl: https://relay.example.net\n"
        "secret_file: nowhere\n"
        "broker:\n"
        "  port: http\n"
        "  topic_root: tills/#\n"
        "  tls: {cert_file: secret}\n"
        "  colour: red\n"
    )
    assert faults(folder, text) == [
        "relay.yaml:1: listen.port: is '808080'; write a whole number from 1 to 65535",
        "relay.yaml:1: public_url: is missing; add it",
        "relay.yaml:2: publicurl: there is no such key; did you mean public_url?",
        f"relay.yaml:3: secret_file: {folder}/nowhere can't be read (No such file or directory); "
        "create it and let the relay's user read it",
        "relay.yaml:4: broker.host: is missing; add it",
        "relay.yaml:5: broker.port: is 'http'; write a whole number from 1 to 65535",
        "relay.yaml:6: broker.topic_root: is 'tills/#'; write words of A-Z a-z 0-9 _ - with / between them, like tills",
        "relay.yaml:7: broker.tls.cert_file: cert_file and key_file go together; give both or neither",
        "relay.yaml:8: broker.colour: there is no such key; "
        "the keys here are host, port, username, password_file, topic_root, tls",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("public_url: relay.example.net", "is 'relay.example.net'; write the address of the relay, like https://"),
        ("public_url: 'https://relay.example.net/?a=b'", "a=b'; write the address of the relay"),
        ("public_url: 'https://[::1'", "is 'https://[::1'; write the address of the relay"),
        ("public_url: http://relay.example.net", "Mercado Pago notifies by https only"),
        ("public_url: https://relay.example.net/mp/", "ends with /mp, which the relay itself puts behind it"),
        ("public_url: [a]", "public_url: is a list; write a single value"),
        ("public_url: {a: b}", "public_url: must be a text; if it has a colon in it, put it in quotes"),
        ("public_url: ''", "public_url: is empty; write something, or remove the key"),
        ("public_url:", "is missing"),
    ],
)
def test_an_address_must_be_one_that_mercado_pago_can_reach(folder, line, fault):
    text = SMALLEST.replace("public_url: https://relay.example.net", line)
    assert fault in " ".join(faults(folder, text))


def test_http_is_good_enough_on_the_loopback(folder):
    text = SMALLEST.replace("https://relay.example.net", "http://127.0.0.1:8080/")
    assert load(write(folder, text)).public_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("secret", "fault"), [("", "is empty"), ("short", "fewer than 32 characters"), (" " * 40, "is empty")]
)
def test_a_guessable_secret_is_refused(folder, secret, fault):
    (folder / "secret").write_text(secret)
    assert fault in faults(folder, SMALLEST)[0]


def test_a_password_needs_a_username(folder):
    (folder / "password").write_text("hunter2")
    assert "add broker.username" in faults(folder, SMALLEST.replace("}", ", password_file: password}"))[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [", "relay.yaml:1:5: is not YAML"),
        ("a: b\n\tc: d", "relay.yaml:2:1: a tab; indent with blanks only"),
        ("- a", "relay.yaml:1: the file: must be a section with keys of its own: listen, public_url, secret_file"),
        ("broker: mqtt.example.net\n", "relay.yaml:1: broker: must be a section with keys of its own: host, port"),
        (SMALLEST + "secret_file: secret\n", "relay.yaml:4: secret_file: is here twice, first in line 2; remove one"),
        (SMALLEST + "host: a\n", "relay.yaml:4: host: there is no such key; did you mean listen.host?"),
        ("listen:\n", "public_url: is missing"),
        ("", "relay.yaml: is empty; start from relay.example.yaml"),
    ],
)
def test_what_is_no_configuration_is_said_with_its_line(folder, text, fault):
    assert fault in "\n".join(faults(folder, text))


def test_a_file_that_is_not_there_is_said(folder):
    with pytest.raises(ConfigError, match=r"nothing.yaml: there is no such file; start from relay.example.yaml"):
        load(folder / "nothing.yaml")


WHOLE = json.dumps(
    {
        "listen": {"host": "127.0.0.1", "port": 8080},
        "public_url": "https://relay.example.net",
        "secret_file": "secret",
        "broker": {"host": "a", "port": 1, "username": "a", "password_file": "secret", "topic_root": "a", "tls": None},
        "signature_secret_file": "secret",
        "reference_prefixes": ["7 A A-"],
        "support": {"cert_file": "a", "key_file": "b"},
        "mosquitto": {"password_file": "a", "acl_file": "b", "pid_file": "c"},
        "rabbitmq": {"url": "https://a", "password_file": "a", "username": "a", "ca_file": "a"},
        "tills": {"host": "a", "port": 1, "ca_file": "a"},
        "fleet": {"timezone": "UTC", "open": "08:00-22:00"},
        "claims": {"folder": "a", "key_file": "b"},
        "watch": {
            "channels_file": "a",
            "memory_file": "b",
            "language": "es",
            "quiet": "22:00-08:00",
            "dark_minutes": 1,
            "no_paper_minutes": 1,
            "attention_minutes": 1,
            "token_ends": ["A 2027-05-28"],
            "metrics_port": 1,
        },
    }
).encode()


def test_the_whole_configuration_has_every_key(folder):
    def names(shape):
        for key in keys_of(shape):
            yield key.name
            yield from names(key.section) if key.section and key.name != "tls" else ()

    def written(section):
        for name, value in section.items():
            yield name
            yield from written(value) if isinstance(value, dict) else ()

    assert list(written(json.loads(WHOLE))) == list(names(Config))
    load(write(folder, WHOLE.decode()))


@examples(60)
@given(bent(WHOLE, by=values, most=9) | st.binary(max_size=200))
def test_whatever_is_written_is_read_or_said_line_by_line(folder, content):
    path = folder / "relay.yaml"
    path.write_bytes(content)
    said = said_of(path)
    assert said is None or said
    assert all(fault.startswith(f"{path}:") and fault.isprintable() for fault in said or ())


def said_of(path: Path) -> list[str] | None:
    try:
        load(path)
    except ConfigError as error:
        return error.faults
    return None


# --- the addresses ----------------------------------------------------------------------------------------------------


def test_a_secret_opens_the_address_of_its_own_till_only():
    key = KEY.encode()
    assert opens("CAJA01", secret_of("CAJA01", key), key)
    assert not opens("CAJA02", secret_of("CAJA01", key), key)
    assert not opens("CAJA01", secret_of("CAJA01", key), key + b"0")
    assert not opens("CAJA01", secret_of("CAJA01", key)[:-1], key)
    assert not opens("CAJA01", "", key)


def test_an_address_stays_the_same_for_ever():
    """Orders carry it, so a release that changed it would silence all tills."""
    assert (
        address_of("CAJA01", "https://relay.example.net", KEY.encode())
        == "https://relay.example.net/mp/CAJA01/3rwudvwggbtrelgmesrohdj5wmspydyx"
    )


# --- the commands -----------------------------------------------------------------------------------------------------


def test_url_prints_the_address(folder, capsys):
    assert main(["url", "CAJA01", "--config", str(write(folder, SMALLEST))]) == 0
    assert capsys.readouterr().out == address_of("CAJA01", "https://relay.example.net", KEY.encode()) + "\n"


def test_url_prints_the_address_of_a_seller(folder, capsys):
    assert main(["url", "--seller", "700100200", "--config", str(write(folder, SMALLEST))]) == 0
    printed = capsys.readouterr().out
    assert printed == seller_address_of("700100200", "https://relay.example.net", KEY.encode()) + "\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["url"],
        ["url", "--seller", "me"],
        ["url", "CAJA01", "--seller", "7"],
        ["revoke"],
        ["enroll"],
        ["url", "CAJA 01"],
        ["url", "../x"],
        ["run", "--port", "1"],
        ["walk"],
    ],
)
def test_wrong_usage_exits_2(arguments):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


@pytest.mark.parametrize("command", [["run"], ["url", "CAJA01"]])
def test_a_wrong_configuration_exits_78_and_says_why(folder, capsys, command):
    path = write(folder, "secret_file: secret\n")
    assert main([*command, "--config", str(path)]) == 78
    assert f"{path}:1: public_url: is missing; add it" in capsys.readouterr().err
