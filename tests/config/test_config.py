"""The daemon's configuration: what is read, and how all that is wrong is said at once, with file, line and key."""

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.config import schema as c
from edge.config.reader import keys_of
from edge.config.schema import Config, ConfigError, Secret, SoundConfig, load
from edge.config.values import is_far
from tests.support.examples import examples

EXAMPLE = Path(__file__).parent.parent.parent / "config.example.yaml"
TOKEN = "APP_USR-1234-secret"
SMALLEST = """\
till: {id: CAJA01, timezone: America/Montevideo}
mercadopago: {user_id: 700100200, external_store_id: SUC001, external_pos_id: SUC001POS003, access_token_file: token}
broker: {host: mqtt.example.net}
printer: {connection: usb}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a token, as an installer leaves it."""
    secret(tmp_path / "token", TOKEN + "\n")
    return tmp_path


def secret(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return path


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes) -> Config:
    return load(write(folder, content), environ={})


def faults(folder: Path, content: str | bytes) -> list[str]:
    """Return the faults, each without the name of the folder."""
    with pytest.raises(ConfigError) as caught:
        read(folder, content)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return [fault.replace(f"{folder}{os.sep}", "") for fault in caught.value.faults]


def changed(section: str, keys: str) -> str:
    """The smallest configuration with a few keys more, or others, in a section."""
    names = re.findall(r"(\w+):", keys)
    lines = [line for line in SMALLEST.splitlines() if not line.startswith(f"{section}:")]
    old = next((line for line in SMALLEST.splitlines() if line.startswith(f"{section}:")), f"{section}: {{}}")
    kept = [pair for pair in old.partition("{")[2].rstrip("}").split(", ") if pair and pair.split(":")[0] not in names]
    return "\n".join([*lines, f"{section}: {{{', '.join([*kept, keys])}}}"]) + "\n"


# --- what is read ----------------------------------------------------------------------------------------------------


def test_what_is_left_out_has_its_default(folder):
    assert read(folder, SMALLEST) == Config(
        c.TillConfig("CAJA01", "CAJA01", ZoneInfo("America/Montevideo"), "es"),
        c.MercadoPagoConfig(
            "700100200", "SUC001", "SUC001POS003", Secret(TOKEN), "https://api.mercadopago.com", 10.0, None
        ),
        c.BrokerConfig("mqtt.example.net", 8883, None, None, "tills", c.TlsConfig(None, None, None)),
        c.PrinterConfig("usb", None, 38400, None, 9100, None, None, None, "auto", False),
        c.TicketConfig((), "DOCUMENTO NO VÁLIDO COMO FACTURA", (), None, True),
        c.PanelConfig(c.LedsConfig(17, 27, 22), c.ButtonConfig(26, 2.0)),
        c.WatchConfig(30.0, 5.0, 60.0, 10.0, 15.0),
        c.JournalConfig(Path("/var/lib/till-edge/journal.db"), 30),
    )


def test_all_keys_are_read(folder):
    secret(folder / "password", "with blanks inside")
    (folder / "logo.png").write_bytes(b"")
    text = """\
till: {id: CAJA_02, name: Caja 2, timezone: America/Sao_Paulo, language: pt, support: "Suporte: 11 5555-0000"}
mercadopago: {user_id: "1", external_store_id: "001", external_pos_id: P-1, access_token_file: token,
              api_url: "http://127.0.0.1:8000/", timeout_seconds: 2.5, notification_url: "https://relay.example.net/mp?a=b"}
broker: {host: "::1", port: 1884, username: till, password_file: password, topic_root: a/b, tls: false}
printer: {connection: network, host: 192.0.2.7, port: 9101, profile: TM-T20II, columns: 32, codepage: CP860,
          proof: none, open_drawer: true}
ticket: {header: [KIOSCO SUR, "Tel: 4444-5555"], legend: "", footer: ["¡Gracias!"], logo: logo.png, qr: false}
panel: {leds: {green: 2, yellow: 3, red: 4}, button: {pin: 5, hold_seconds: 1}}
watch: {first_check_seconds: 1, check_every_seconds: 2, idle_every_seconds: 3, outage_every_seconds: 4,
        grace_minutes: 5, slip_after_seconds: 6}
journal: {path: journal.db, keep_days: 14}
"""
    assert read(folder, text) == Config(
        c.TillConfig("CAJA_02", "Caja 2", ZoneInfo("America/Sao_Paulo"), "pt", "Suporte: 11 5555-0000"),
        c.MercadoPagoConfig(
            "1", "001", "P-1", Secret(TOKEN), "http://127.0.0.1:8000", 2.5, "https://relay.example.net/mp?a=b"
        ),
        c.BrokerConfig("::1", 1884, "till", Secret("with blanks inside"), "a/b", None),
        c.PrinterConfig("network", None, 38400, "192.0.2.7", 9101, "TM-T20II", 32, "CP860", "none", True),
        c.TicketConfig(("KIOSCO SUR", "Tel: 4444-5555"), "", ("¡Gracias!",), folder / "logo.png", False),
        c.PanelConfig(c.LedsConfig(2, 3, 4), c.ButtonConfig(5, 1.0)),
        c.WatchConfig(1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        c.JournalConfig(folder / "journal.db", 14),
    )


@pytest.mark.parametrize(
    ("keys", "printer"),
    [
        ("connection: usb, device: /dev/usb/lp1", c.PrinterConfig("usb", Path("/dev/usb/lp1"))),
        (
            "connection: serial, device: /dev/ttyUSB0, baudrate: 9600",
            c.PrinterConfig("serial", Path("/dev/ttyUSB0"), 9600),
        ),
        ("connection: file, device: /dev/usb/lp0", c.PrinterConfig("file", Path("/dev/usb/lp0"))),
    ],
)
def test_a_printer_is_reached_in_its_own_way(folder, keys, printer):
    assert read(folder, changed("printer", keys)).printer == printer


def test_empty_sections_and_keys_count_as_left_out(folder):
    text = SMALLEST + "panel:\nwatch:\n  # check_every_seconds: 5\nticket:\n  logo: null\n  legend:\n"
    assert read(folder, text) == read(folder, SMALLEST)


def test_a_byte_order_mark_and_the_line_ends_of_windows_do_no_harm(folder):
    assert read(folder, b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode()) == read(folder, SMALLEST)


@pytest.mark.parametrize(("tls", "port"), [("true", 8883), ("false", 1883), ("no", 1883)])
def test_the_port_is_the_usual_one_with_or_without_tls(folder, tls, port):
    assert read(folder, changed("broker", f"host: 127.0.0.1, tls: {tls}")).broker.port == port


@pytest.mark.parametrize(
    ("host", "far"),
    [
        ("mqtt.example.net", True),
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("192.168.1.5", False),
        ("fd00::1", False),
        ("localhost", False),
        ("server", False),
        ("Server.Local", False),
    ],
)
def test_what_may_be_in_the_shops_own_network_is_not_far(host, far):
    """A connection to it does not show that there is internet."""
    assert is_far(host) is far


# --- the example -----------------------------------------------------------------------------------------------------


@pytest.fixture
def credentials(folder: Path) -> dict[str, str]:
    """An environment with the credential that systemd hands over."""
    secret(folder / "access_token", TOKEN)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_the_example_lacks_nothing_but_the_token(credentials):
    config = load(EXAMPLE, credentials)
    assert config.till.name == "Caja 1"
    assert config.mercadopago.access_token == Secret(TOKEN)


def test_the_example_explains_every_key():
    def names(shape):
        for key in keys_of(shape):
            yield key.name
            yield from names(key.section) if key.section else ()

    text = EXAMPLE.read_text()
    assert [name for name in names(Config) if not re.search(rf"^[ #]*(\w+: {{.*)?\b{name}:", text, re.M)] == []


def test_what_the_example_has_behind_a_number_sign_is_what_holds_without(folder, credentials):
    no_defaults = (
        r"(support|help_url|notification_url|reference_prefix|username|password_file|tls|\w+_file|device|host|baudrate|"
        r"port: 9100|port: 8080|page|profile|columns|codepage|alpn|"
        r"sound|buzzer_pin|buzzer_tone_hz|printer: false|speech|amount|volume|quiet)"
    )
    lines = EXAMPLE.read_text().splitlines()
    uncommented = [re.sub(r"^( *)# ( *[a-z_]+:( |$))", r"\1\2", line) for line in lines]
    pairs = zip(lines, uncommented, strict=True)
    chosen = [line if re.match(rf" *# +{no_defaults}|# +{no_defaults}", line) else new for line, new in pairs]
    assert sum(line != new for line, new in zip(lines, chosen, strict=True)) > 15
    assert load(write(folder, "\n".join(chosen)), credentials) == load(EXAMPLE, credentials)


# --- all at once -----------------------------------------------------------------------------------------------------


def test_five_mistakes_are_said_in_one_go_each_with_its_line(folder):
    text = """\
till:
  id: CAJA01
  timezone: America/Montevideo
  langauge: es
mercadopago:
  user_id: 700100200
  external_store_id: SUC001
  access_token_file: nowhere/token
  external_pos_id: SUC001POS003
broker:
  port: 8883
printer:
  connection: usb
  columns: wide
panel:
  leds: {green: 5, yellow: 6, red: 13}
  button: {pin: 6}
"""
    (folder / "nowhere").mkdir()
    assert faults(folder, text) == [
        "config.yaml:4: till.langauge: there is no such key; did you mean language?",
        "config.yaml:8: mercadopago.access_token_file: nowhere/token: there is no such file; create it",
        "config.yaml:10: broker.host: is missing; add it",
        "config.yaml:14: printer.columns: is 'wide'; write a whole number from 24 to 64",
        "config.yaml:17: panel.button.pin: pin 6 is used by panel.leds.yellow already; choose another",
    ]


def test_a_mistake_is_said_once(folder):
    """What could not be read is not judged a second time by the rules between keys."""
    assert len(faults(folder, changed("printer", "connection: serial, device: lp0"))) == 1
    assert len(faults(folder, changed("broker", "host: a b, tls: false"))) == 1
    assert len(faults(folder, changed("till", "id: a b"))) == 1
    assert len(faults(folder, changed("broker", "tls: {colour: red}"))) == 1


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (SMALLEST + "tiket: {}\n", "5: tiket: there is no such key; did you mean ticket?"),
        (SMALLEST + "language: es\n", "5: language: there is no such key; did you mean till.language?"),
        (SMALLEST + "colour: red\n", "5: colour: there is no such key; the keys here are till, mercadopago, broker"),
        (SMALLEST + "1: 2\n", "5: 1: there is no such key"),
        (SMALLEST + "[a]: 2\n", "5: (a list or a section): there is no such key"),
        (SMALLEST + '"\\e[1m": 2\n', r"5: '\x1b[1m': there is no such key"),
        (
            changed("broker", "password: hunter2"),
            "4: broker.password: there is no such key; did you mean password_file?",
        ),
        (changed("panel", "Leds: {}"), "5: panel.Leds: there is no such key; did you mean leds?"),
        (SMALLEST + "till: {id: A}\n", "5: till: is here twice, first in line 1; remove one of them"),
        (
            SMALLEST + "journal:\n  keep_days: 30\n  keep_days: 40\n",
            "7: journal.keep_days: is here twice, first in line 6",
        ),
        (SMALLEST + "watch: often\n", "5: watch: must be a section with keys of its own: first_check_seconds, check"),
        (
            SMALLEST + "panel: {leds: [1, 2]}\n",
            "5: panel.leds: must be a section with keys of its own: green, yellow, red",
        ),
        ("- a\n", "1: the file: must be a section with keys of its own: till, mercadopago"),
        (SMALLEST.replace("{connection: usb}", ""), "4: printer.connection: is missing; add it"),
        (SMALLEST.replace("printer: {connection: usb}", ""), "1: printer.connection: is missing; add it"),
        (changed("till", "id: null"), "4: till.id: is missing; add it"),
    ],
)
def test_a_key_that_nothing_reads_and_one_that_lacks_are_said(folder, text, fault):
    assert any(line.startswith(f"config.yaml:{fault}") for line in faults(folder, text)), faults(folder, text)


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "keys", "fault"),
    [
        # what YAML takes for something else
        ("till", "id: 001", "till.id: YAML takes '001' for a number; put it in quotes"),
        ("till", "name: 1", "till.name: YAML takes '1' for a number; put it in quotes"),
        ("till", "name: 2026-01-02", "till.name: YAML takes '2026-01-02' for a date; put it in quotes"),
        ("till", "name: off", "till.name: YAML takes 'off' for yes or no; put it in quotes"),
        ("till", "language: no", "till.language: YAML takes 'no' for yes or no; write one of es, pt, en"),
        ("till", "name: !secret x", "till.name: begins with an exclamation mark; put it in quotes"),
        ("mercadopago", "external_store_id: 001", "external_store_id: YAML takes '001' for a number; put it in quotes"),
        ("mercadopago", "external_pos_id: 3", "external_pos_id: YAML takes '3' for a number; put it in quotes"),
        ("broker", "username: 123", "broker.username: YAML takes '123' for a number; put it in quotes"),
        ("ticket", "header: [a, 44]", "ticket.header[2]: YAML takes '44' for a number; put it in quotes"),
        (
            "ticket",
            "header: [{Tel: 44}]",
            "ticket.header[1]: must be a text; if it has a colon in it, put it in quotes",
        ),
        ("ticket", "header: a", "ticket.header: must be a list; write each line of it behind a dash: - text"),
        ("ticket", r'footer: ["a\Lb"]', "ticket.footer[1]: must be one line without control characters"),
        ("ticket", r'footer: ["\ep"]', "ticket.footer[1]: must be one line without control characters"),
        # the till
        ("till", "id: CAJA 01", "till.id: is 'CAJA 01'; write 1 to 64 of A-Z a-z 0-9 _ -"),
        ("till", "id: [CAJA01]", "till.id: is a list; write a single value"),
        ("till", "id: {a: b}", "till.id: must be a text"),
        ("till", 'name: " "', "till.name: is empty; write something, or remove the key"),
        ("till", "language: fr", "till.language: is 'fr'; write one of es, pt, en"),
        (
            "till",
            "timezone: America/Buenos_Aires_",
            "write one like America/Montevideo; did you mean America/Buenos_Aires?",
        ),
        ("till", "timezone: america/montevideo", "did you mean America/Montevideo?"),
        ("till", "timezone: America", "no time zone is called 'America'"),
        ("till", "timezone: ../UTC", "no time zone is called '../UTC'"),
        # Mercado Pago
        ("mercadopago", "user_id: shop", "user_id: is 'shop'; write the number of the account"),
        ("mercadopago", "user_id: 0700", "user_id: is '0700'; write the number of the account"),
        ("mercadopago", "user_id: 1.5", "user_id: is '1.5'; write the number of the account"),
        (
            "mercadopago",
            "external_pos_id: a/b",
            "external_pos_id: is 'a/b'; write the external_id it has at Mercado Pago",
        ),
        ("mercadopago", "external_pos_id: ..", "external_pos_id: is '..'; write the external_id"),
        (
            "mercadopago",
            "api_url: api.mercadopago.com",
            "api_url: is 'api.mercadopago.com'; write an address that begins",
        ),
        ("mercadopago", "api_url: ftp://a.example", "write an address that begins with https://"),
        ("mercadopago", "api_url: http://api.mercadopago.com", "write https:// for all but this machine"),
        ("mercadopago", "api_url: http://127.0.0.1.example.net", "write https:// for all but this machine"),
        ("mercadopago", "api_url: 'https://a.example:99999'", "write an address that begins with https://"),
        ("mercadopago", "api_url: 'https://[::1'", "write an address that begins with https://"),
        ("mercadopago", "api_url: 'https://a.example/?b=c'", "write it without ? and #"),
        ("mercadopago", "api_url: 'https://me:pw@a.example'", "must hold no blank and no password"),
        ("till", "help_url: http://help.example/till", "write https:// for all but this machine"),
        ("mercadopago", "notification_url: http://a.example/mp", "write https:// for all but this machine"),
        ("mercadopago", f"notification_url: https://a.example/{'a' * 500}", "must have no # and at most 500 letters"),
        ("mercadopago", "timeout_seconds: 0", "timeout_seconds: is '0'; it must be from 0.1 to 120"),
        ("mercadopago", "timeout_seconds: .inf", "timeout_seconds: is '.inf'; write a number from 0.1 to 120"),
        ("mercadopago", "timeout_seconds: '5'", "timeout_seconds: is the text '5'; write the number without quotes"),
        # the broker
        ("broker", "host: mqtt://a.example", "write only a name or an IP address, without mqtt:// and without :port"),
        ("broker", "host: 'a.example:1883'", "write only a name or an IP address"),
        ("broker", "host: 192.168.1", "write only a name or an IP address"),
        ("broker", "host: a..b", "write only a name or an IP address"),
        ("broker", "port: 0", "broker.port: is '0'; it must be from 1 to 65535"),
        ("broker", "port: -1", "broker.port: is '-1'; it must be from 1 to 65535"),
        ("broker", "port: 65536", "broker.port: is '65536'; it must be from 1 to 65535"),
        ("broker", "port: 08883", "broker.port: is '08883'; write a whole number from 1 to 65535"),
        ("broker", "port: 1_883", "broker.port: is '1_883'; write a whole number"),
        ("broker", "port: '8883'", "broker.port: is the text '8883'; write the number without quotes"),
        ("broker", "port: true", "broker.port: is 'true'; write a whole number from 1 to 65535"),
        ("broker", f"port: {'9' * 5000}", "it must be from 1 to 65535"),
        ("broker", "topic_root: tills/#", "broker.topic_root: is 'tills/#'; write words of A-Z"),
        (
            "broker",
            "tls: false",
            "broker.tls: can be false only for a broker on this machine, and mqtt.example.net isn't",
        ),
        ("broker", "tls: !!bool [x]", "broker.tls: must be a section with keys of its own"),
        ("broker", "tls: maybe", "broker.tls: must be a section with keys of its own: ca_file, cert_file, key_file"),
        ("broker", "tls: {ca_file: nowhere.pem}", "broker.tls.ca_file: nowhere.pem: there is no such file; create it"),
        (
            "broker",
            "tls: {ca_file: token}",
            "broker.tls.ca_file: token holds no certificates; they must be in PEM form",
        ),
        ("broker", "tls: {cert_file: token}", "broker.tls.cert_file: cert_file and key_file go together"),
        ("broker", "tls: {cert_file: token, key_file: token}", "broker.tls.key_file: token is not the key of token"),
        (
            "broker",
            "password_file: token",
            "broker.password_file: is a password without a username; add broker.username",
        ),
        # the printer
        ("printer", "connection: lan", "printer.connection: is 'lan'; write one of usb, serial, network, file"),
        ("printer", "connection: USB", "write one of usb, serial, network, file; did you mean usb?"),
        ("printer", "connection: serial", "printer.device: is missing; connection: serial needs it"),
        ("printer", "connection: file", "printer.device: is missing; connection: file needs it"),
        ("printer", "connection: network", "printer.host: is missing; connection: network needs it"),
        ("printer", "host: 192.0.2.7", "printer.host: is not used with connection: usb; remove it"),
        ("printer", "port: 9100", "printer.port: is not used with connection: usb; remove it"),
        ("printer", "baudrate: 9600", "printer.baudrate: is not used with connection: usb; remove it"),
        (
            "printer",
            "connection: network, host: a, device: /dev/lp0",
            "printer.device: is not used with connection: network",
        ),
        (
            "printer",
            "connection: serial, device: /dev/ttyS1, baudrate: 9601",
            "printer.baudrate: is 9601; write one of 1200",
        ),
        (
            "printer",
            "connection: file, device: lp0",
            "printer.device: is 'lp0'; write the whole path, like /dev/serial0",
        ),
        ("printer", "columns: 23", "printer.columns: is '23'; it must be from 24 to 64"),
        ("printer", "codepage: cp850", "write one of CP858, CP850, CP1252, CP860, ASCII; did you mean CP850?"),
        ("printer", "proof: process", "printer.proof: is 'process'; write one of auto, process_id, status, none"),
        ("printer", "open_drawer: 'true'", "printer.open_drawer: is 'true'; write true or false, without quotes"),
        # the rest
        ("ticket", "logo: nowhere.png", "ticket.logo: nowhere.png: there is no such file; create it"),
        ("ticket", "logo: /dev/zero", "ticket.logo: /dev/zero is no plain file; write the path of one"),
        ("panel", "leds: {green: 1}", "panel.leds.green: is '1'; it must be from 2 to 27"),
        ("panel", "leds: {green: GPIO17}", "panel.leds.green: is 'GPIO17'; write a whole number from 2 to 27"),
        ("panel", "button: {hold_seconds: 0}", "panel.button.hold_seconds: is '0'; it must be from 0.1 to 30"),
        ("watch", "check_every_seconds: 0", "watch.check_every_seconds: is '0'; it must be from 0.01 to 86400"),
        ("watch", "grace_minutes: -5", "watch.grace_minutes: is '-5'; it must be from 0.01 to 1440"),
        ("journal", "keep_days: 7", "journal.keep_days: is '7'; it must be from 14 to 3650"),
        ("journal", "keep_days: 30.5", "journal.keep_days: is '30.5'; write a whole number from 14 to 3650"),
    ],
)
def test_a_value_that_is_unfit_is_said_with_what_to_write_instead(folder, section, keys, fault):
    [said] = faults(folder, changed(section, keys))
    assert fault in said


def test_each_unfit_line_of_a_list_is_said_with_its_own_line(folder):
    text = SMALLEST + "ticket:\n  header:\n    - KIOSCO SUR\n    - 4444\n    - Tel: 5555\n"
    assert [fault.split(": ")[:2] for fault in faults(folder, text)] == [
        ["config.yaml:8", "ticket.header[2]"],
        ["config.yaml:9", "ticket.header[3]"],
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", '"::1"'])
def test_without_tls_a_broker_is_reached_on_this_machine(folder, host):
    assert read(folder, changed("broker", f"host: {host}, tls: false")).broker.tls is None


# --- pins ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("panel", "blamed", "other"),
    [
        ("leds: {green: 5, yellow: 5}", "panel.leds.yellow", "panel.leds.green"),
        ("leds: {red: 5}, button: {pin: 5}", "panel.button.pin", "panel.leds.red"),
        ("button: {pin: 17}", "panel.button.pin", "panel.leds.green"),
        ("leds: {green: 26}", "panel.leds.green", "panel.button.pin"),
    ],
)
def test_a_pin_has_one_use_and_what_is_written_is_blamed(folder, panel, blamed, other):
    [fault] = faults(folder, changed("panel", panel))
    assert re.search(rf"5: {blamed}: pin \d+ is used by {other} already", fault)


def test_two_pins_may_be_swapped(folder):
    leds = read(folder, changed("panel", "leds: {green: 27, yellow: 17}")).panel.leds
    assert (leds.green, leds.yellow) == (27, 17)


def test_the_serial_port_of_the_pi_takes_two_pins(folder):
    text = changed("printer", "connection: serial, device: /dev/serial0") + "panel: {button: {pin: 14}}\n"
    assert "panel.button.pin: pin 14 is used by printer.device already" in faults(folder, text)[0]


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty; write the secret into it, on one line"),
        (b" \n", "is empty"),
        (b"one\ntwo\n", "has more than one line; leave only the secret in it"),
        (b"secret\n\n", "has more than one line"),
        (b"x" * 5000, "has more than one line"),
        ("señal".encode(), "holds letters that no secret has"),
        (b"se\0cret", "is no plain text; save it as UTF-8"),
        (b"secret \n", "has a blank before or after the secret; remove it"),
    ],
)
def test_a_file_that_holds_no_secret_is_said_without_its_content(folder, content, fault):
    (folder / "sub").mkdir()
    secret(folder / "sub" / "token", content)
    [said] = faults(folder, changed("mercadopago", "access_token_file: sub/token"))
    assert f"mercadopago.access_token_file: sub/token {fault}" in said
    assert not re.search("secret$|one$|señal|x{9}", said)


@pytest.mark.parametrize(
    ("written", "fault"),
    [("sub/nothing", "sub/nothing: there is no such file; create it"), ("sub/x", "sub/x is no plain file")],
)
def test_a_secret_that_is_not_there_is_said(folder, written, fault):
    (folder / "sub" / "x").mkdir(parents=True)
    [said] = faults(folder, changed("mercadopago", f"access_token_file: {folder}/{written}"))
    assert fault in said


def test_a_secret_that_this_user_may_not_read_is_said():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        token = secret(folder / "token", TOKEN)
        path = write(folder, changed("mercadopago", f"access_token_file: {token}"))
        path.chmod(0o644)
        assert load(path, {}).mercadopago.access_token == Secret(TOKEN)
        token.chmod(0)
        with (
            as_anybody(),
            pytest.raises(ConfigError, match=f"{folder}/token: no permission to read it; use sudo, or "),
        ):
            load(path, {})


@contextmanager
def as_anybody() -> Iterator[None]:
    """Root may read everything; who tests as root becomes somebody else for a moment."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("written", [TOKEN, "hunter2", "hunter2/hunter2"])
def test_a_secret_in_the_place_of_its_file_does_not_get_into_the_log(folder, written):
    [fault] = faults(folder, changed("mercadopago", f"access_token_file: {written}"))
    assert "access_token_file: the file named here (not shown, it may be the secret itself)" in fault
    assert written not in fault


def test_a_token_under_another_key_does_not_get_into_the_log_either(folder):
    text = changed("mercadopago", f"user_id: {TOKEN}, api_url: 'http://x/{TOKEN}', access_token: {TOKEN}, {TOKEN}: 1")
    found = faults(folder, text + f"ticket: {{logo: {TOKEN}}}\n")
    assert len(found) == 5
    assert TOKEN not in "".join(found)


def test_a_folder_that_can_not_be_looked_into_is_no_crash(folder):
    [fault] = faults(folder, changed("mercadopago", f"access_token_file: {'a' * 300}/token"))
    assert "can't be read: File name too long; write the path of a file" in fault


def test_secrets_show_only_when_asked_to(folder):
    secret(folder / "password", "hunter2\r\n")
    config = read(folder, changed("broker", "username: till, password_file: password"))
    assert config.mercadopago.access_token.reveal() == TOKEN
    assert config.broker.password.reveal() == "hunter2"
    for shown in (
        repr(config),
        str(config.broker.password),
        f"{config.broker.password}",
    ):
        assert "hunter2" not in shown
        assert TOKEN not in shown


def test_a_secret_that_others_can_read_is_used_with_a_warning(folder, caplog):
    (folder / "token").chmod(0o640)
    with caplog.at_level(logging.WARNING):
        assert read(folder, SMALLEST).mercadopago.access_token == Secret(TOKEN)
    assert caplog.messages == [f"{folder}/token can be read by others than its owner; chmod 600 {folder}/token"]


def test_a_secret_that_only_its_owner_can_read_gives_no_warning(folder, caplog):
    with caplog.at_level(logging.WARNING):
        read(folder, SMALLEST)
    assert caplog.messages == []


def test_the_credential_of_systemd_comes_before_the_file(folder, credentials):
    secret(folder / "access_token", "from-systemd")
    text = changed("mercadopago", "access_token_file: nowhere")
    assert load(write(folder, text), credentials).mercadopago.access_token == Secret("from-systemd")


def test_credentials_without_a_token_leave_the_file_in_place(folder):
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    assert load(write(folder, SMALLEST), environ).mercadopago.access_token == Secret(TOKEN)


@pytest.mark.parametrize("blank", ["", "\n"])
def test_a_blank_credential_is_none_and_the_missing_file_is_named(folder, credentials, blank):
    secret(folder / "access_token", blank)
    written = write(folder, changed("mercadopago", "access_token_file: ./token"))
    assert load(written, credentials).mercadopago.access_token == Secret(TOKEN)
    (folder / "token").unlink()
    with pytest.raises(ConfigError, match="/token: there is no such file; create it"):
        load(written, credentials)


# --- certificates ----------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    files = ["-subj", f"/CN={name}", "-out", f"{folder}/{name}.pem", "-keyout", f"{folder}/{name}.key"]
    subprocess.run([*command, *files], check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes certificates with openssl")
def test_a_certificate_goes_with_its_own_key(folder):
    certificate(folder, "till")
    certificate(folder, "other")
    text = changed("broker", "tls: {ca_file: other.pem, cert_file: till.pem, key_file: till.key}")
    assert read(folder, text).broker.tls == c.TlsConfig(folder / "other.pem", folder / "till.pem", folder / "till.key")
    [fault] = faults(folder, text.replace("till.key", "other.key"))
    assert "broker.tls.key_file: other.key is not the key of till.pem" in fault


# --- what is no configuration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "config.yaml: is empty; start from config.example.yaml"),
        ("# nothing\n", "config.yaml: is empty"),
        (b"till: {id: \xff}", "config.yaml:1: is not UTF-8; save the file as UTF-8"),
        (b"a: b\n\nc: \xe9\n", "config.yaml:3: is not UTF-8"),
        ("a: b\nc: \0\n", "config.yaml:2: an unprintable character; remove it"),
        ("x" * 70000, "config.yaml: has more than 65536 bytes; is it the right file?"),
        ("[" * 5000, "config.yaml: nested too deeply"),
        ("till:\n\tid: CAJA01\n", "config.yaml:2:1: a tab; indent with blanks only"),
        ("till:\n  id: CAJA01\n\tname: a\n", "config.yaml:3:1: a tab; indent with blanks only"),
        ("till:\n  id: CAJA01\n name: a\n", "config.yaml:3:2: this line is not indented like its neighbours"),
        ("till:\n  id: a\n    name: b\n", "config.yaml:3:9: a colon where none can be; is the line indented like"),
        ("till:\n  name: Caja: 1\n", "config.yaml:2:13: a colon where none can be"),
        ("till:\n  name: @home\n", "config.yaml:2:9: a text can't begin with @; put it in quotes"),
        ("till:\n  id CAJA01\n  name: a\n", "config.yaml:2: a key without a colon; write it as: key: value"),
        (
            "till:\n  id: a\nbroker\nprinter:\n",
            "config.yaml:3: a key without a colon; write it as: key: value",
        ),
        ('till: {id: a}\nname: "abc\nb: c\n', "config.yaml:2:7: the quotes that are opened here are never closed"),
        (
            "till: {id: a\nbroker: {host: b}\n",
            "config.yaml:1:7: what is opened here is never closed with }, or a comma is missing",
        ),
        (
            'logo: "C:\\logo"\n',
            "config.yaml:1:11: a backslash in double quotes means something else; use single quotes",
        ),
        ('logo: "\\UFFFFFFFF"\n', "config.yaml: a backslash with a number that is no character"),
        ("a: b\n---\nc: d\n", "config.yaml:2:1: a second document; remove the line with ---"),
        ("a: &x b\n", "config.yaml:1:4: & and * can't be used here; put the text in quotes"),
        ("a: *x\n", "config.yaml:1:4: & and * can't be used here"),
        ("a: &a [x]\nb: &b [*a, *a]\n", "config.yaml:1:4: & and * can't be used here"),
    ],
)
def test_what_is_no_yaml_is_said_in_plain_words(folder, content, fault):
    [said] = faults(folder, content)
    assert said.startswith(fault)


SOUND = """\
till:
  id: CAJA01
  timezone: America/Montevideo
mercadopago:
  user_id: 700100200
  external_store_id: SUC001
  external_pos_id: SUC001POS003
broker:
  host: 127.0.0.1
  tls: false
printer:
  connection: usb
ticket:
  header:
    - Almacén
    - Tel. 099
"""


SLIPS = (
    (": ", ":", "write a blank after"),
    (": ", " ", "a key without a colon"),
    (": ", " = ", "and no ="),
    (": ", ":\t", "plain blank after"),
    (": ", ":\u00a0", "plain blank after"),
    (": ", "\uff1a", "a colon of another alphabet"),
    ("    - ", "    -", "behind a dash and a blank"),
    (":\n", "\n", "a key without a colon"),
    ("  ", "\u00a0 ", "an odd blank"),
    ("  ", "\t", "a tab"),
)
"""What is written by mistake, what instead, and what is said."""


@pytest.mark.parametrize(
    ("number", "slip"),
    [
        (number, slip)
        for number, line in enumerate(SOUND.splitlines(keepends=True), start=1)
        for slip in SLIPS
        if slip[0] in line
    ],
)
def test_a_slip_of_the_finger_is_told_at_its_own_line(folder, number, slip):
    """Wherever in the file it is: YAML would notice it a line later, or two, or take it for a text."""
    lines, (right, wrong, advice) = SOUND.splitlines(keepends=True), slip
    lines[number - 1] = lines[number - 1].replace(right, wrong, 1)
    told = faults(folder, "".join(lines))
    assert [fault for fault in told if re.match(rf"config.yaml:{number}:.*{advice}", fault)], told
    assert "a colon where none can be" not in str(told)


def test_several_slips_of_the_finger_are_told_at_once(folder):
    text = SOUND.replace("user_id: ", "user_id:").replace("external_store_id: ", "external_store_id = ")
    assert [fault.partition(": ")[0] for fault in faults(folder, text)] == ["config.yaml:5", "config.yaml:6"]


@pytest.mark.parametrize(("number", "line"), [(6, "external_store_id: SUC001"), (6, "   external_store_id: SUC001")])
def test_a_line_that_is_not_indented_like_its_neighbours_is_told_at_its_own(folder, number, line):
    lines = SOUND.splitlines()
    lines[number - 1] = line
    [fault] = faults(folder, "\n".join(lines))
    assert fault.startswith(f"config.yaml:{number}:")
    assert "indented like its neighbours" in fault


@pytest.mark.parametrize("text", ["hunter2", "hunter2 is my password", "APP_USR-1:2", "TEST-1234-x"])
def test_a_secret_on_a_line_of_its_own_is_not_shown(folder, text):
    told = "\n".join(faults(folder, SOUND.replace("  external_store_id: SUC001", f"  {text}")))
    assert "config.yaml:6" in told
    assert text not in told


def test_a_configuration_that_is_not_there_is_said(folder):
    with pytest.raises(ConfigError, match=r"nothing.yaml: there is no such file; start from config.example.yaml"):
        load(folder / "nothing.yaml", {})
    with pytest.raises(ConfigError, match=r"can't be read \(Is a directory\)"):
        load(folder, {})


# --- whatever comes --------------------------------------------------------------------------------------------------

SHORT = st.text(max_size=6)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | SHORT
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SHORT, inner, max_size=3))
NAMES = sorted({key.name for shape in (Config, *(key.section for key in keys_of(Config))) for key in keys_of(shape)})
FLOW = st.recursive(
    st.sampled_from(["usb", "1", "no", "~", '"\\ud800"', "/", "''", "!x y", "2.5", "a b", "-", "? ", "<<", "="])
    | SHORT,
    lambda inner: (
        st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"
        )
        | st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    ),
)
ANYTHING = examples(300)


def load_or_refuse(folder: Path, content: bytes) -> None:
    try:
        told = [repr(read(folder, content))]
    except ConfigError as error:
        told = error.faults
    assert told
    assert all(fault.isprintable() and fault.startswith(("Config(", str(folder))) for fault in told)


@ANYTHING
@given(st.binary(max_size=200))
@example(b'"\\UFFFFFFFF"')
@example(b'"\\ud800": 1')
def test_any_bytes_are_read_or_refused(folder, content):
    load_or_refuse(folder, content)


@ANYTHING
@given(st.text(alphabet="ab:-{}[]'\"\\|>&*!%@`#?,. \t\n\r~<=0", max_size=80))
def test_any_text_of_yaml_is_read_or_refused(folder, content):
    load_or_refuse(folder, content.encode())


@ANYTHING
@given(st.lists(st.tuples(st.sampled_from(NAMES), FLOW), max_size=6))
def test_any_values_under_the_real_keys_are_read_or_refused(folder, pairs):
    lines = "".join(f"{name}: {value}\n" for name, value in pairs)
    load_or_refuse(folder, lines.encode("utf-8", "surrogatepass"))


@ANYTHING
@given(st.sampled_from(NAMES), TREES)
def test_one_odd_value_in_a_good_configuration_is_read_or_refused(folder, name, value):
    import yaml

    load_or_refuse(folder, (SMALLEST + yaml.safe_dump({name: value}, allow_unicode=True)).encode())


# --- sound -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{buzzer_pin: 12}", SoundConfig(buzzer_pin=12)),
        ("{printer: true}", SoundConfig(printer="ask")),
        ("{printer: esc_b, buzzer_pin: 12, buzzer_tone_hz: 2000}", SoundConfig(12, 2000, "esc_b")),
        (
            "{speech: pt-BR, amount: false, volume: 35, device: 'plughw:CARD=Device,DEV=0', quiet: 22:00-07:30}",
            SoundConfig(
                speech="pt-BR",
                amount=False,
                volume=35,
                device="plughw:CARD=Device,DEV=0",
                quiet=(time(22), time(7, 30)),
            ),
        ),
        ("false", None),
    ],
)
def test_sound_has_three_voices_in_any_combination(folder, credentials, written, read):
    assert load(write(folder, f"{EXAMPLE.read_text()}\nsound: {written}\n"), credentials).sound == read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("true", "sound: names nothing that could be heard; add buzzer_pin, printer or speech"),
        ("{volume: 50}", "sound: names nothing that could be heard"),
        ("{printer: false}", "sound: names nothing that could be heard"),
        ("{printer: bell}", "sound.printer: is 'bell'; write true, false, or one of esc_a, esc_b"),
        ("{speech: es}", "sound.speech: is 'es'; write one of es-419, pt-BR, en"),
        ("{speech: en, volume: 0}", "sound.volume: is '0'; it must be from 1 to 100"),
        ("{speech: en, device: 'file:/etc/passwd'}", "sound.device: is 'file:/etc/passwd'; write the name that"),
        ("{speech: en, device: 'file:journal.db'}", "sound.device: is 'file:journal.db'; write the name that"),
        ("{speech: en, quiet: 22-7}", "sound.quiet: is '22-7'; write two times of the day, like 22:00-07:00"),
        ("{speech: en, quiet: 22:00-22:00}", "sound.quiet: is '22:00-22:00'; write two times"),
        ("{buzzer_pin: 17}", "sound.buzzer_pin: pin 17 is used by panel.leds.green already"),
        ("{speech: en, buzzer_tone_hz: 2000}", "sound.buzzer_tone_hz: is a tone without a buzzer"),
    ],
)
def test_each_mistake_in_sound_is_said(folder, credentials, written, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(write(folder, f"{EXAMPLE.read_text()}\nsound: {written}\n"), credentials)
