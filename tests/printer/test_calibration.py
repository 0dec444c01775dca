"""How a till finds out how its printer prints, by its name or with a person and slips; and what it keeps of that.

The slips come out of the simulated printer, the answers from gpiozero's mock pins or a keyboard's pipe.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.config.schema import Config, PrinterConfig, load
from edge.core.calibration import CANDIDATE_COLUMNS, Calibration
from edge.core.cashier import Gesture
from edge.core.status import Signal
from edge.daemon.known_printer import (
    SAFE_COLUMNS,
    KnownPrinter,
    connection,
    fitted,
    known_printer_file,
    load_known_printer,
    questions,
    save_known_printer,
)
from edge.install.printer_setup import by_button, set_up
from edge.machine.panel import Panel
from edge.paper.calibration import lay_out_calibration, ruler
from edge.paper.escpos import codepages
from edge.paper.ticket import as_text
from edge.paper.words import WORDS
from edge.printer.models import MODELS, recognise
from edge.printer.track_record import Capability, Question, TrackRecord
from sim.board import BUTTON
from sim.printer.printer import Printer
from sim.shop import Shop

PAGES = ("CP858", "CP850", "CP1252", "CP860", "ASCII")
BEGIN = Calibration(PAGES)
RINGS = replace(BEGIN, columns=48, codepage="CP858", bells=("esc_a", "esc_b"))
CLONE = ("", "POS-58")
OPEN = {"printer": {"columns": None, "codepage": None}}
HELD = 1.3
"""Longer than the shop's `hold_seconds`."""


# --- the slips -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", CANDIDATE_COLUMNS)
def test_a_ruler_fills_its_line_and_says_how_long_it_is(columns):
    assert len(ruler(columns)) == columns
    assert f" {columns} " in ruler(columns)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("state", [BEGIN, BEGIN.right(), RINGS], ids=["columns", "codepage", "bell"])
def test_a_question_fits_on_the_narrowest_paper_and_needs_no_accents(language, state):
    words = WORDS[language]
    with_button, bare = (as_text(lay_out_calibration(state, words, said), 48).splitlines() for said in (True, False))
    question = [line for line in with_button if line not in bare]
    assert len(question) == 6
    assert all(line.isascii() and len(line) <= 32 for line in question)


@pytest.mark.parametrize("language", WORDS)
def test_the_slip_shows_the_code_that_tickets_end_in_and_the_result_says_what_was_taken(language):
    words = WORDS[language]
    readable, plain = BEGIN.right(), replace(BEGIN.right(), codepage="ASCII")
    assert "[QR CAJA01]" in as_text(lay_out_calibration(readable, words, code="CAJA01"), 32)
    assert "[QR" not in as_text(lay_out_calibration(readable, words), 32)
    assert words.calibration.plain in as_text(lay_out_calibration(plain, words), 32)
    assert words.calibration.plain not in as_text(lay_out_calibration(readable.right(), words), 32)
    assert len(words.calibration.plain) <= 32


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("EPSON TM-T20", 48),
        ("EPSON TM-T20III", 48),
        ("Epson TM-T20IIIL", 48),
        ("EPSON TM-T88V", 42),
        ("EPSON TM-T88VII", 42),
        ("EPSON TM-m30III", 48),
    ],
)
def test_a_printer_that_somebody_reported_on_is_known_by_its_name(name, columns):
    model = recognise(name)
    assert model is not None
    assert model.columns == columns


@pytest.mark.parametrize(
    "name", ["", "EPSON TM-T88III", "EPSON TM-T88", "POS-80", "XP TM-T20II", "BEMATECH MP-4200 TH"]
)
def test_a_name_that_clones_borrow_or_that_says_nothing_is_not_believed(name):
    assert recognise(name) is None


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_each_model_has_a_profile_with_its_code_page(model):
    assert model.codepage in codepages(model.profile)


# --- what is kept ----------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path) -> Config:
    """The configuration of a till that knows nothing of its printer, which isn't there."""
    shop = Shop(tmp_path, OPEN)
    shop.write_config()
    return load(shop.config)


def found(config: Config, printer: str = "POS-58", **known) -> KnownPrinter:
    return KnownPrinter(printer, connection(config.printer), **known)


def seen(printer: PrinterConfig) -> tuple:
    return printer.profile, printer.columns, printer.codepage


def test_what_was_kept_is_read_again(config):
    known = found(config, profile="TM-T20II", columns=48, codepage="CP850")
    assert load_known_printer(config.journal.path) is None
    assert save_known_printer(config.journal.path, known)
    assert load_known_printer(config.journal.path) == known


def test_what_is_written_wins_key_by_key(config):
    known = found(config, columns=32, codepage="CP850")
    for written, expected in [
        ({}, ("default", 32, "CP850")),
        ({"columns": 42}, ("default", 42, "CP850")),
        ({"codepage": "CP860"}, ("default", 32, "CP860")),
        ({"profile": "TM-T88V"}, ("TM-T88V", 32, "CP850")),
        ({"columns": 42, "codepage": "CP860"}, ("default", 42, "CP860")),
        ({"codepage": "ASCII"}, ("default", 32, "ASCII")),
    ]:
        assert seen(fitted(replace(config.printer, **written), known)) == expected


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("TM-T20II", ("TM-T20II", 48, "CP858")),
        ("POS-5890", ("POS-5890", 32, "CP858")),
        ("TM-T88II", ("TM-T88II", 42, "CP850")),
        ("simple", ("simple", 42, "ASCII")),
        ("NT-80-V-UL", ("NT-80-V-UL", 32, "CP858")),
    ],
)
def test_a_profile_that_is_written_fills_what_it_knows_and_nobody_is_asked(config, profile, expected):
    written = replace(config.printer, profile=profile)
    assert seen(fitted(written, None)) == expected
    assert questions(written, found(config)) is None


def test_what_is_asked_is_what_is_open(config):
    assert questions(config.printer, found(config)) == Calibration(PAGES, printer="POS-58")
    assert questions(config.printer, found(config, columns=42)) == Calibration(PAGES, 42, printer="POS-58")
    assert questions(replace(config.printer, profile="default"), found(config)) is not None
    assert questions(config.printer, found(config, "EPSON TM-T20II")) is None
    assert questions(config.printer, found(config, columns=42, codepage="ASCII")) is None


def test_what_was_found_for_another_place_or_another_profile_is_not_used(config):
    safe = ("default", 32, "CP858")
    assert seen(fitted(config.printer, None)) == safe
    assert seen(fitted(config.printer, KnownPrinter("POS-80", "usb", columns=48, codepage="CP850"))) == safe
    lacks_it = replace(config.printer, profile="TM-T88II")
    assert fitted(lacks_it, found(config, columns=42, codepage="CP858")).codepage == "CP850"


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"printer": "POS-58", "conn',
        "[]",
        '{"printer": "POS-58"}',
        '{"printer": 58, "connection": "usb"}',
        '{"printer": "", "connection": "usb", "columns": "32"}',
        '{"printer": "", "connection": "usb", "columns": 3200}',
        '{"printer": "", "connection": "usb", "columns": 32.5}',
        '{"printer": "", "connection": "usb", "codepage": "CP1"}',
        '{"printer": "", "connection": "usb", "codepage": ["CP850"]}',
        '{"printer": "", "connection": "usb", "profile": "TM-T99", "codepage": "CP850"}',
        '{"printer": "", "connection": "usb", "profile": "TM-T99"}',
        '{"printer": "", "connection": "usb", "colour": "red"}',
        "\x00" * 40,
    ],
)
def test_a_file_that_makes_no_sense_is_set_aside_with_a_warning(config, text, caplog):
    path = known_printer_file(config.journal.path)
    path.write_text(text)
    assert load_known_printer(config.journal.path) is None
    assert "makes no sense" in caplog.text
    assert not path.exists()
    assert path.with_name("printer.json.broken").read_text() == text
    assert seen(fitted(config.printer, None))[1] == 32


def test_a_file_that_is_no_text_is_set_aside_too(config):
    known_printer_file(config.journal.path).write_bytes(b"\xff\xfe{")
    assert load_known_printer(config.journal.path) is None
    assert not known_printer_file(config.journal.path).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_finds_out_the_daemon_can_read(config):
    os.chown(config.journal.path.parent, 65534, 65534)
    save_known_printer(config.journal.path, found(config))
    assert known_printer_file(config.journal.path).stat().st_uid == 65534


def test_a_disk_that_takes_nothing_is_a_warning(config, caplog):
    blocked = known_printer_file(config.journal.path).with_name("printer.json.new")
    blocked.mkdir()
    assert not save_known_printer(config.journal.path, found(config))
    assert "can't be written" in caplog.text


# --- the printer is asked --------------------------------------------------------------------------------------------


class Person:
    """Answers with one gesture after the other, then no more."""

    def __init__(self, *gestures: Gesture) -> None:
        self.asked = 0
        self._gestures = iter(gestures)

    def __call__(self) -> Gesture:
        self.asked += 1
        return next(self._gestures, Gesture.NONE)


@pytest.fixture
def counter(tmp_path):
    """A shop's files, and an unknown printer of 32 columns."""
    with Printer(columns=32) as printer:
        printer.name = CLONE
        shop = Shop(tmp_path, OPEN, printer=printer)
        shop.write_config()
        yield shop


def ask(shop: Shop, *gestures: Gesture) -> tuple[Person, Config]:
    person = Person(*gestures)
    return person, set_up(load(shop.config), person)


RIGHT = (Gesture.HOLD, Gesture.HOLD, Gesture.PRESS, Gesture.PRESS)


@pytest.mark.slow
def test_an_unknown_printer_is_calibrated_once(counter):
    person, config = ask(counter, *RIGHT)
    assert seen(config.printer) == ("default", 32, "CP858")
    assert person.asked == 4
    assert len(counter.printer.tickets) == 5
    assert ruler(32) in counter.printer.tickets[2].text
    again, config = ask(counter)
    assert seen(config.printer) == ("default", 32, "CP858")
    assert again.asked == 0
    assert len(counter.printer.tickets) == 5


@pytest.mark.slow
def test_a_page_that_the_printer_lacks_can_be_seen_and_passed_over(counter):
    del counter.printer.pages[19]
    _, config = ask(counter, *RIGHT[:3], Gesture.HOLD, Gesture.PRESS)
    assert config.printer.codepage == "CP850"
    wrong, right = (counter.printer.tickets[number].text for number in (3, 4))
    assert "ÁÉÍÓÚÜÑ" not in wrong
    assert "áéíóúüñ ÁÉÍÓÚÜÑ" in right


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, ("EPSON", "TM-T88III")], ids=["silent", "borrowed name"])
def test_who_says_nothing_that_can_be_believed_is_calibrated_too(counter, name):
    counter.printer.name = name
    assert ask(counter, *RIGHT)[0].asked == 4
    assert ask(counter)[0].asked == 0


@pytest.mark.slow
def test_a_known_printer_prints_nothing_and_asks_nobody(counter):
    counter.printer.name = ("EPSON", "TM-T88VI")
    person, config = ask(counter)
    assert seen(config.printer) == ("TM-T88V", 42, "CP858")
    assert person.asked == 0
    assert counter.printer.tickets == []


@pytest.mark.slow
def test_who_is_not_answered_goes_on_and_asks_again_the_next_time(counter):
    for _ in range(2):
        person, config = ask(counter)
        assert person.asked == 1
        assert seen(config.printer) == ("default", 32, "CP858")


@pytest.mark.slow
def test_what_the_printer_has_shown_is_kept_beside_the_answers(counter):
    config = load(counter.config)
    record = TrackRecord("POS-58", Capability.STATUS, frozenset({Question.STATUS}))
    save_known_printer(config.journal.path, found(config, record=record))
    assert ask(counter, *RIGHT)[0].asked == 4
    known = load_known_printer(config.journal.path)
    assert (known.columns, known.record) == (32, record)


@pytest.mark.slow
def test_of_an_answer_that_was_given_no_second_silence_takes_anything_away(counter):
    _, config = ask(counter, Gesture.HOLD, Gesture.PRESS)
    assert seen(config.printer) == ("default", 42, "CP858")


@pytest.mark.slow
def test_another_printer_is_noticed(counter):
    ask(counter, *RIGHT)
    counter.printer.name = ("", "POS-80")
    person, config = ask(counter, Gesture.PRESS, Gesture.PRESS)
    assert person.asked == 2
    assert config.printer.columns == 48
    counter.printer.name = ("EPSON", "TM-T20II")
    person, config = ask(counter)
    assert person.asked == 0
    assert seen(config.printer) == ("TM-T20II", 48, "CP858")


@pytest.mark.slow
def test_noise_on_the_line_makes_no_other_printer(counter):
    config = load(counter.config)
    save_known_printer(config.journal.path, found(config, "POS-58", columns=42, codepage="CP858"))
    counter.printer.noise = 1
    person, config = ask(counter)
    assert counter.printer.noise == 0
    assert person.asked == 0
    assert config.printer.columns == 42


@pytest.mark.slow
def test_a_printer_that_can_not_answer_now_is_no_other(counter):
    ask(counter, Gesture.HOLD, Gesture.PRESS, Gesture.PRESS)
    counter.printer.paper_out()
    person, config = ask(counter)
    assert person.asked == 0
    assert config.printer.columns == 42


@pytest.mark.slow
def test_without_paper_nobody_is_asked_before_there_is_some(counter):
    counter.printer.paper_out()
    person, config = ask(counter, *RIGHT)
    assert person.asked == 0
    assert config.printer.columns == SAFE_COLUMNS
    counter.printer.load_paper()
    assert ask(counter, *RIGHT)[0].asked == 4


@pytest.mark.slow
def test_what_is_written_is_not_asked(counter):
    counter.settings = {"printer": {"columns": 40, "codepage": None}}
    counter.write_config()
    person, config = ask(counter, Gesture.HOLD, Gesture.PRESS)
    assert person.asked == 2
    assert seen(config.printer) == ("default", 40, "CP850")
    counter.settings = {}
    counter.write_config()
    heard = counter.printer.bytes_received
    assert ask(counter)[0].asked == 0
    assert counter.printer.bytes_received == heard


# --- the finger ------------------------------------------------------------------------------------------------------


class Finger:
    """On the button of a real panel, with mock pins."""

    def __init__(self, config: Config) -> None:
        self.panel = Panel(config.panel)
        self._pin = Device.pin_factory.pin(BUTTON)

    def down(self) -> None:
        self._pin.drive_low()

    def up(self) -> None:
        self._pin.drive_high()

    def answers(self, *acts, hold: float = 20.0, patience: float = 20.0) -> Gesture:
        """The gesture that is understood. The acts come every 200 ms, from when the lights wait for an answer."""
        lit = Lit(self.panel)

        def play() -> None:
            lit.waits.wait()
            for act in acts:
                time.sleep(0.2)
                act()

        hand = threading.Thread(target=play)
        hand.start()
        gesture = by_button(lit, hold, patience)()
        hand.join()
        return gesture


class Lit:
    """A panel, and whether its lights were set."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self.waits = threading.Event()

    def show(self, sign: Signal, now: float) -> None:
        self._panel.show(sign, now)
        self.waits.set()

    def button_down(self) -> bool:
        return self._panel.button_down()


@pytest.fixture
def finger(config):
    Device.pin_factory = MockFactory()
    hand = Finger(config)
    yield hand
    hand.panel.close()
    Device.pin_factory = None


@pytest.mark.slow
def test_a_press_and_a_hold_are_told_apart(finger):
    assert finger.answers(finger.down, finger.up) is Gesture.PRESS
    assert finger.answers(finger.down, hold=0.5) is Gesture.HOLD
    assert finger.answers(finger.up, finger.down, finger.up) is Gesture.PRESS


@pytest.mark.slow
def test_who_does_not_move_is_waited_for_no_longer_than_it_was_said(finger):
    assert finger.answers(patience=0.3) is Gesture.NONE


@pytest.mark.slow
def test_what_is_done_while_the_slip_is_printed_is_no_answer_to_it(finger):
    for act in (finger.down, finger.up):
        act()
        time.sleep(0.1)
    assert finger.answers(patience=0.5) is Gesture.NONE
    finger.down()
    assert finger.answers(time.time, finger.up, patience=1.0) is Gesture.NONE


# --- the daemon ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stall(shop_of):
    """A shop that has just been set up, with an unknown printer of 58 mm; the Pi is not plugged in yet."""
    printer = Printer(columns=32)
    printer.name = CLONE
    return shop_of(OPEN, printer=printer, without=("relay", "board"))


def slip(shop: Shop, number: int) -> str:
    """Wait for a slip; a finger that comes as soon as it is out is no answer to it."""
    text = shop.printer.wait_for_tickets(number)[number - 1].text
    time.sleep(0.3)
    return text


def kept(shop: Shop) -> dict:
    return json.loads((shop.folder / "printer.json").read_text())


def calibrate(shop: Shop, first: int = 1) -> None:
    for number, seconds in enumerate((HELD, HELD, 0.2, 0.2), start=first):
        slip(shop, number)
        shop.board.press(seconds)
    shop.printer.wait_for_tickets(first + 4)


@pytest.mark.slow
def test_from_the_first_start_to_a_ticket_that_fits(stall):
    stall.board.plug_in()
    calibrate(stall)
    assert "LISTO" in stall.printer.tickets[4].text
    assert stall.printer.tickets[3].qrs == stall.printer.tickets[4].qrs == ["CAJA01"]
    assert (kept(stall)["columns"], kept(stall)["codepage"]) == (32, "CP858")
    stall.wait_for_state("ready")
    stall.order(total="100.00")
    stall.mercadopago.account.pay()
    stall.board.press()
    ticket = stall.printer.wait_for_tickets(6)[5]
    assert "─" * 32 in ticket.text.splitlines()
    stall.board.shut_down()
    stall.board.plug_in()
    stall.wait_for_state("ready")
    assert len(stall.printer.tickets) == 6


@pytest.mark.slow
def test_it_sells_while_it_asks_and_a_hold_means_the_order_on_the_till(stall):
    stall.board.plug_in()
    slip(stall, 1)
    stall.order(total="100.00")
    stall.mercadopago.account.pay()
    stall.board.press()
    assert "TOTAL" in stall.printer.wait_for_tickets(2)[1].text
    stall.wait_for_outcome("printed")
    stall.wait_for_state("ready")
    stall.order(total="77.00")
    stall.board.press()
    stall.wait_for_state("waiting")
    stall.board.press(HELD)
    stall.wait_for_outcome("cancelled")
    stall.wait_for_state("ready")
    assert len(stall.printer.tickets) == 2, "neither the press nor the hold answered the slip"
    stall.board.press()
    assert "AJUSTE" in stall.printer.wait_for_tickets(3)[2].text


@pytest.mark.slow
def test_a_hold_that_says_no_to_a_slip_cancels_no_order_that_nobody_noticed(stall):
    stall.board.plug_in()
    slip(stall, 1)
    stall.mercadopago.put_order("unnoticed", "77.00")
    stall.board.press(HELD)
    stall.wait_for_state("waiting")
    stall.mercadopago.pay()
    stall.board.press()
    stall.wait_for_outcome("printed")
    assert [each["outcome"] for each in stall.outcomes] == ["printed"]
    assert len(stall.printer.tickets) == 2, "and the slip still waits for its answer"


@pytest.mark.slow
def test_who_finds_no_right_page_gets_plain_letters(stall):
    stall.board.plug_in()
    for number, seconds in enumerate((HELD, HELD, 0.2, *[HELD] * 4), start=1):
        slip(stall, number)
        stall.board.press(seconds)
    result = stall.printer.wait_for_tickets(8)[7].text
    assert "Se imprime sin acentos" in result
    assert "aeiouun AEIOUUN" in result
    assert kept(stall)["codepage"] == "ASCII"


@pytest.mark.slow
def test_a_printer_that_says_who_it_is_is_fitted_at_once(stall):
    stall.printer.name = ("EPSON", "TM-T20II")
    stall.board.plug_in()
    stall.wait_for_state("ready")
    stall.order(total="100.00")
    stall.mercadopago.account.pay()
    stall.board.press()
    assert "─" * 32 in stall.printer.wait_for_tickets(1)[0].text
    assert len(stall.printer.tickets) == 1


@pytest.mark.slow
def test_a_power_cut_in_the_middle_begins_the_questions_anew(stall):
    stall.board.plug_in()
    for number, seconds in enumerate((HELD, HELD, 0.2), start=1):
        slip(stall, number)
        stall.board.press(seconds)
    slip(stall, 4)
    stall.board.pull_the_plug()
    assert kept(stall)["columns"] is None
    stall.board.plug_in()
    assert ruler(48)[:20] in slip(stall, 5)


@pytest.mark.slow
def test_a_power_cut_while_it_is_kept_leaves_the_old_or_all(stall):
    stall.board.fragile = True
    stall.board.plug_in()
    for number, seconds in enumerate((HELD, HELD, 0.2), start=1):
        slip(stall, number)
        stall.board.press(seconds)
    slip(stall, 4)
    stall.board.die_at("Path.replace", "call")
    stall.board.press()
    stall.board.wait_for_death()
    assert kept(stall)["columns"] is None
    assert (stall.folder / "printer.json.new").exists()
    stall.board.fragile = False
    stall.board.plug_in()
    assert ruler(48)[:20] in slip(stall, 5)


@pytest.mark.slow
def test_a_start_waits_for_nobody(stall):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(10)
        manager.bind(str(stall.folder / "notify"))
        stall.board.environment["NOTIFY_SOCKET"] = str(stall.folder / "notify")
        stall.board.plug_in()
        heard = [manager.recv(100) for _ in range(4)]
        assert heard == [b"READY=1\nSTATUS=working", *[b"WATCHDOG=1"] * 3]
        slip(stall, 1)


# --- the command -----------------------------------------------------------------------------------------------------


def till_edge_printer(shop: Shop, *options: str, typed: str = "") -> tuple[int, str]:
    command = [sys.executable, "-m", "edge", "printer", *options, "--config", str(shop.config)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_at_a_keyboard(counter):
    code, said = till_edge_printer(counter, typed="n\nn\n\n\n")
    assert code == 0, said
    assert "it is POS-58" in said
    assert "32 columns, CP858; restart" in said
    assert (kept(counter)["columns"], kept(counter)["codepage"]) == (32, "CP858")
    assert "boton" not in "".join(ticket.text for ticket in counter.printer.tickets)
    assert ask(counter)[0].asked == 0


@pytest.mark.slow
def test_who_goes_away_from_the_keyboard_changes_nothing(counter):
    ask(counter, *RIGHT)
    before = kept(counter)
    code, said = till_edge_printer(counter, typed="\n")
    assert code == 1
    assert "nothing changed" in said
    assert kept(counter) == before


@pytest.mark.slow
def test_a_known_printer_is_calibrated_only_on_demand(counter):
    counter.printer.name = ("EPSON", "TM-T20III")
    code, said = till_edge_printer(counter)
    assert code == 0
    assert "48 columns, CP858" in said
    assert counter.printer.tickets == []
    code, said = till_edge_printer(counter, "--calibrate", typed="n\nn\n\n\n")
    assert code == 0
    assert kept(counter)["columns"] == 32
    assert ask(counter)[1].printer.columns == 32


@pytest.mark.slow
def test_a_keyboard_is_asked_for_the_bell_where_it_is_wanted_and_once(counter):
    """A known printer, whose bell takes the second command."""
    counter.printer.name, counter.printer.bell = ("EPSON", "TM-T20III"), "ESC B"
    counter.settings = {**OPEN, "sound": {"printer": True}}
    counter.write_config()
    code, said = till_edge_printer(counter, typed="n\n\n")
    assert (code, kept(counter)["bell"]) == (0, "esc_b"), said
    assert "48 columns, CP858, bell: esc_b; restart" in said
    assert counter.printer.rings == [3]
    asked = len(counter.printer.tickets)
    code, said = till_edge_printer(counter)
    assert (code, kept(counter)["bell"]) == (0, "esc_b"), said
    assert (counter.printer.rings, len(counter.printer.tickets)) == ([3], asked)


@pytest.mark.slow
def test_a_keyboard_is_asked_for_the_bell_where_all_else_is_written(counter):
    counter.printer.bell = "ESC ( A"
    counter.settings = {"sound": {"printer": True}}
    counter.write_config()
    code, said = till_edge_printer(counter, typed="\n")
    assert (code, kept(counter)["bell"]) == (0, "esc_a"), said


@pytest.mark.slow
def test_a_keyboard_that_says_nothing_of_the_bell_keeps_how_a_known_printer_prints(counter):
    counter.printer.name = ("EPSON", "TM-T20III")
    counter.settings = {**OPEN, "sound": {"printer": True}}
    counter.write_config()
    code, said = till_edge_printer(counter)
    assert (code, kept(counter)["columns"], kept(counter)["bell"]) == (0, 48, None), said


@pytest.mark.slow
def test_what_is_written_in_the_configuration_is_not_asked_for(counter):
    counter.settings = {}
    counter.write_config()
    code, said = till_edge_printer(counter)
    assert code == 0
    assert "remove them there" in said
    assert not Path(counter.folder / "printer.json").exists()


@pytest.mark.slow
def test_a_profile_that_does_not_exist_is_told(counter):
    counter.settings = {"printer": {**OPEN["printer"], "profile": "TM-T99"}}
    counter.write_config()
    code, said = till_edge_printer(counter)
    assert code == 78
    assert "no printer profile is called 'TM-T99'" in said


@pytest.mark.slow
def test_a_printer_that_is_not_there(counter):
    counter.printer.switch_off()
    code, said = till_edge_printer(counter)
    assert code == 1
    [line] = said.splitlines()
    assert "printer.host and printer.port: " in line
    assert "refuses the connection" in line
