"""A till that can't start says on paper what is wrong with its configuration, if it can find out where its paper is."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.config.schema import PrinterConfig
from edge.daemon.known_printer import KnownPrinter, save_known_printer
from edge.install.config_slip import print_config_slip, salvage_config
from sim.printer.paper import Ticket
from sim.shop import wait_for

MISTAKE = "till.langauge: there is no such key"
LONG_AGO = 3700.0


@pytest.fixture
def config(tmp_path, printer) -> Path:
    """The configuration of a till whose installer can't spell."""
    path = tmp_path / "config.yaml"
    (tmp_path / "token").write_text("APP_USR-0")
    path.write_text(f"""\
till: {{id: CAJA01, timezone: UTC, langauge: es, language: pt, support: "Suporte: 11 5555-0000"}}
mercadopago: {{user_id: 1, external_store_id: A, external_pos_id: B, access_token_file: token}}
broker: {{host: 127.0.0.1, tls: false}}
journal: {{path: state/journal.db}}
printer: {{connection: network, host: {printer.host}, port: {printer.port}, columns: 32}}
ticket:
  header:
  - MERCADINHO DO SUL
""")
    return path


def run(config: Path, by_hand: bool = False) -> subprocess.CompletedProcess[str]:
    """Start the daemon, as systemd does, or somebody at a shell."""
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    state = config.parent / "state"
    state.mkdir(exist_ok=True)
    environment = os.environ if by_hand else {**os.environ, "STATE_DIRECTORY": str(state)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_what_is_known_of_the_printer_serves_this_slip_too(config, printer):
    config.write_text(config.read_text().replace(", columns: 32", ""))
    state = config.parent / "state"
    state.mkdir()
    known = KnownPrinter("POS-58", f"network {printer.host}:{printer.port}", columns=26, codepage="CP850")
    save_known_printer(state / "journal.db", known)
    assert run(config).returncode == 78
    [slip] = printer.wait_for_tickets(1)
    assert max(len(line) for line in slip.text.splitlines()) <= 29  # 26, and what centres it on paper of 32


def says(slip: Ticket, text: str) -> bool:
    """Whether it is on the slip, however the path before it has torn the lines apart."""
    return "".join(text.split()) in "".join(slip.text.split())


def test_the_mistakes_are_on_paper_with_their_lines_in_the_shops_language(config, printer):
    assert run(config).returncode == 78
    [slip] = printer.wait_for_tickets(1)
    assert slip.complete
    for part in ("MAL CONFIGURADO", "MERCADINHO DO SUL", "Suporte: 11 5555-0000", "CAJA01"):
        assert part in slip.text
    assert says(slip, f"config.yaml:1: {MISTAKE}")


def test_other_commands_tell_the_terminal_and_no_paper(config, printer):
    command = [sys.executable, "-m", "edge", "orders", "--config", str(config)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 78
    assert printer.tickets == []


def test_a_till_whose_card_has_a_mistake_says_so_on_paper_if_it_has_no_other_configuration(config, printer):
    """It lies dark: without a configuration no daemon starts."""
    card, home = config.parent / "till-edge", config.parent / "etc"
    card.mkdir()
    (card / "config.yaml").write_text(config.read_text().replace("token", "access_token"))
    (card / "access_token").write_text("APP_USR-0")
    command = [sys.executable, "-m", "edge", "adopt", str(card), "--config", str(home / "config.yaml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 78
    [slip] = printer.wait_for_tickets(1)
    assert says(slip, f"- config.yaml:1: {MISTAKE}")
    home.mkdir(exist_ok=True)
    (home / "config.yaml").write_text("with which the till goes on")
    (card / "access_token").unlink()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 78
    assert len(printer.tickets) == 1


def test_one_text_is_said_once_an_hour(config, printer):
    run(config)
    run(config)
    assert len(printer.tickets) == 1
    [note] = (config.parent / "state").iterdir()
    os.utime(note, (time.time() - LONG_AGO, time.time() - LONG_AGO))
    run(config)
    assert len(printer.wait_for_tickets(2)) == 2


def test_another_mistake_is_said_at_once(config, printer):
    run(config)
    config.write_text(config.read_text().replace("langauge", "lingua"))
    run(config)
    assert len(printer.wait_for_tickets(2)) == 2


def test_what_is_no_yaml_in_one_section_hides_no_other(config, printer):
    config.write_text(config.read_text() + "panel:\n\tbutton: 26\n")
    run(config)
    [slip] = printer.wait_for_tickets(1)
    assert "MERCADINHO DO SUL" in slip.text
    assert says(slip, ":10:1: a tab")


def test_a_printer_that_is_off_is_no_trouble_and_hears_of_it_later(config, printer):
    printer.switch_off()
    done = run(config, by_hand=True)
    assert (done.returncode, "Traceback" in done.stderr) == (78, False)
    assert list((config.parent / "state").iterdir()) == []
    printer.switch_on()
    run(config, by_hand=True)
    assert len(printer.wait_for_tickets(1)) == 1
    assert len(list((config.parent / "state").iterdir())) == 1


def test_a_printer_that_comes_up_behind_the_till_is_waited_for(config, printer):
    printer.switch_off()
    later = threading.Timer(1.0, printer.switch_on)
    later.start()
    run(config)
    later.join()
    assert len(printer.wait_for_tickets(1)) == 1


def test_a_printer_that_hangs_keeps_nobody_waiting(config, printer):
    printer.reads = False
    print_config_slip(config, ["a mistake"], {"STATE_DIRECTORY": str(config.parent)}, timeout_s=0.2)
    assert "config-slip" in {thread.name for thread in threading.enumerate()}, "it was not waited for at all"


def test_what_can_t_be_noted_down_is_not_printed(config, printer):
    print_config_slip(config, ["a mistake"], {"STATE_DIRECTORY": str(config.parent / "nowhere")})
    assert printer.tickets == []


def test_a_profile_that_nobody_knows_is_told_with_another(config, printer):
    config.write_text(config.read_text().replace("columns: 32", "columns: 32, profile: NO-SUCH"))
    run(config)
    assert len(printer.wait_for_tickets(1)) == 1


@pytest.mark.parametrize("text", [None, "", "\0", "a: [", "- a\n- b", "printer: 5", "till: {id: [1]}\nprinter: {}"])
def test_of_a_file_that_says_nothing_a_usb_printer_and_spanish_remain(tmp_path, text):
    if text is not None:
        (tmp_path / "config.yaml").write_text(text)
    remains = salvage_config(tmp_path / "config.yaml")
    assert (remains.printer.connection, remains.till.language, remains.ticket.header) == ("usb", "es", ())


def test_a_header_that_is_half_unreadable_is_half_shown(config):
    config.write_text(config.read_text() + "  - {a: b}\n")
    assert salvage_config(config).ticket.header == ("MERCADINHO DO SUL",)


def test_a_note_that_has_no_folder_of_its_own_goes_with_the_tests(temporary_files, tmp_path):
    """A till whose journal has no folder yet."""
    (tmp_path / "config.yaml").write_text("journal: {path: not-yet/journal.db}")
    before = set(temporary_files.glob("till-edge-*.said"))
    (tmp_path / "printer").touch()
    paper = PrinterConfig("file", tmp_path / "printer")
    print_config_slip(tmp_path / "config.yaml", ["a mistake"], {}, printer=paper)
    wait_for((tmp_path / "printer").read_bytes, "the slip")
    assert len(set(temporary_files.glob("till-edge-*.said")) - before) == 1
