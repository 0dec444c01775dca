"""What is known of a printer outlives jobs and starts, and what its silence means depends on it."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.config.schema import PrinterConfig
from edge.core.events import Paper, Proof, TicketPrinted, TicketRefused, TicketUnproved
from edge.daemon.known_printer import Acquaintance, known_printer_file, load_known_printer
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts
from edge.printer.track_record import Capability, Question
from sim.printer.printer import Printer as SimPrinter

pytestmark = pytest.mark.slow

TIMEOUTS = Timeouts(answer=0.4, late=0.2, stall=0.5, proof=1.0, lag=0.3, settle=0.1, silent=0.1, poll=0.05, clear=0.1)
TICKET = b"\x1b@" + b"line\n" * 10 + b"\x1dV\x01"


@pytest.fixture
def sim():
    with SimPrinter() as printer:
        yield printer


def started(sim: SimPrinter, folder: Path, proof: str = "auto") -> Printer:
    """The printer as a daemon has it after a start."""
    config = PrinterConfig(connection="network", host=sim.host, port=sim.port, proof=proof)
    known = Acquaintance(folder / "journal.db", config)
    return Printer(config, TIMEOUTS, known.record, known.keep)


def known(folder: Path):
    return load_known_printer(folder / "journal.db").record


def test_a_start_finds_what_the_last_one_knew(sim, tmp_path):
    printer = started(sim, tmp_path)
    assert printer.look() is Paper.READY
    assert printer.print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    record = known(tmp_path)
    assert record.capability is Capability.ECHO
    assert record.name == "EPSON TM-T20III"
    assert {Question.STATUS, Question.NAME, Question.ECHO} <= record.answers
    assert started(sim, tmp_path).look() is Paper.READY


def test_the_first_ticket_after_switching_on_is_swallowed_and_not_called_printed(sim, tmp_path):
    started(sim, tmp_path).print(TICKET)
    sim.swallows = 1
    assert started(sim, tmp_path).print(TICKET) == TicketUnproved(Paper.READY, alarming=True)
    assert started(sim, tmp_path).print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)
    assert len(sim.tickets) == 2


def test_a_first_ticket_that_was_swallowed_settles_no_weak_proof(sim, tmp_path):
    """Nobody can know that the first of all was swallowed; it must not be believed for ever that no echo comes."""
    sim.swallows = 1
    started(sim, tmp_path).print(TICKET)
    assert started(sim, tmp_path).print(TICKET) == TicketPrinted(Proof.PROCESS_ID, Paper.READY)


@pytest.mark.parametrize("able", ["process_id", "status", "real_time"])
def test_one_that_answered_before_the_start_and_is_silent_now_gets_no_ticket(sim, tmp_path, able):
    sim.proof = able
    started(sim, tmp_path).look()
    sim.silent = True
    printer = started(sim, tmp_path)
    assert printer.look() is Paper.SILENT
    assert printer.print(TICKET) == TicketRefused(Paper.SILENT)
    assert sim.tickets == []
    sim.silent = False
    assert isinstance(printer.print(TICKET), TicketPrinted)


def test_one_that_never_answered_prints_as_ever(sim, tmp_path):
    sim.silent = True
    for _ in range(2):
        assert started(sim, tmp_path).print(TICKET) == TicketUnproved(Paper.UNKNOWN)
    assert len(sim.tickets) == 2


def test_one_that_falls_silent_in_mid_ticket_is_alarming_from_its_first_ticket_on(sim, tmp_path):
    printer = started(sim, tmp_path)
    assert printer.look() is Paper.READY
    sim.locks_at = "GS V"
    assert printer.print(TICKET) == TicketUnproved(Paper.UNKNOWN, alarming=True)


def test_one_that_answers_other_questions_only_is_not_silent(sim, tmp_path):
    started(sim, tmp_path).print(TICKET)
    sim.knows_real_time = False
    assert isinstance(started(sim, tmp_path).print(TICKET), TicketPrinted)


def test_a_person_knows_better_than_the_printer(sim, tmp_path):
    started(sim, tmp_path).look()
    sim.silent = True
    assert started(sim, tmp_path).print(TICKET, despite=True) == TicketUnproved(Paper.UNKNOWN, alarming=True)
    assert len(sim.tickets) == 1


def test_a_printer_that_was_exchanged_begins_anew(sim, tmp_path):
    printer = started(sim, tmp_path)
    printer.look()
    printer.print(TICKET)
    sim.switch_off()
    assert printer.look() is Paper.GONE
    sim.name, sim.proof = ("BIXOLON", "SRP-350"), "status"
    sim.switch_on()
    assert printer.look() is Paper.READY
    assert printer.print(TICKET) == TicketPrinted(Proof.STATUS, Paper.READY)
    assert known(tmp_path).name == "BIXOLON SRP-350"
    assert known(tmp_path).capability is Capability.BARRIER


def test_how_it_proves_is_that_printers_own(sim, tmp_path):
    printer = started(sim, tmp_path)
    printer.look()
    assert printer.proof is Proof.NONE
    printer.print(TICKET)
    assert printer.proof is started(sim, tmp_path).proof is Proof.PROCESS_ID
    sim.switch_off()
    printer.look()
    assert printer.proof is Proof.PROCESS_ID, "out of reach it is the same one"
    sim.name, sim.proof = ("BIXOLON", "SRP-350"), "status"
    sim.switch_on()
    printer.look()
    assert printer.proof is Proof.NONE
    printer.print(TICKET)
    assert printer.proof is started(sim, tmp_path).proof is Proof.STATUS


def test_an_exchange_while_the_till_was_off_is_noticed_at_its_start(sim, tmp_path):
    started(sim, tmp_path).look()
    started(sim, tmp_path).print(TICKET)
    sim.name, sim.proof = ("BIXOLON", "SRP-350"), "status"
    printer = started(sim, tmp_path)
    assert printer.look() is Paper.READY
    assert printer.print(TICKET) == TicketPrinted(Proof.STATUS, Paper.READY)


def test_a_garbled_name_is_no_other_printer(sim, tmp_path):
    started(sim, tmp_path).look()
    sim.noise = 1
    started(sim, tmp_path).look()
    assert known(tmp_path).name == "EPSON TM-T20III"


@pytest.mark.parametrize(
    ("command", "question"), [("GS a", Question.WATCH), ("GS I", Question.NAME), ("GS ( H", Question.ECHO)]
)
def test_a_question_that_locks_it_up_is_not_asked_again(sim, tmp_path, command, question):
    sim.locks_at = command
    printer = started(sim, tmp_path)
    printer.look()
    printer.print(TICKET)
    assert question in known(tmp_path).shunned
    sim.switch_off()
    sim.switch_on()
    printer = started(sim, tmp_path)
    assert printer.look() is Paper.READY
    assert isinstance(printer.print(TICKET), TicketPrinted)


@pytest.mark.parametrize("noise", [b"\n", b"\0", b"\0\0\0", b"\x0a\x00", b"\x7f", b"\xff\x00"])
def test_a_byte_that_is_no_answer_proves_nothing(sim, tmp_path, noise):
    sim.proof, sim.babbles = "real_time", noise
    printer = started(sim, tmp_path)
    printer.look()
    printer.print(TICKET)
    assert known(tmp_path).capability is Capability.STATUS


@pytest.mark.parametrize("roll", ["near its end", "new"])
@pytest.mark.parametrize("drawer", [False, True])
def test_answers_that_come_one_question_late_refuse_no_ticket_for_ever(sim, tmp_path, roll, drawer):
    sim.proof, sim.answers_late = "real_time", True
    sim.move_drawer(drawer)
    if roll == "near its end":
        sim.paper_low()
    printer = started(sim, tmp_path)
    ends: list[object] = []
    while len(sim.tickets) < 3:
        ends.append(printer.print(TICKET))
        assert len(ends) < 6, ends


def test_an_older_file_is_read(sim, tmp_path):
    here = f"network {sim.host}:{sim.port}"
    text = f'{{"printer": "", "connection": "{here}", "profile": null, "columns": 42, "codepage": null}}'
    known_printer_file(tmp_path / "journal.db").write_text(text)
    started(sim, tmp_path).look()
    kept = load_known_printer(tmp_path / "journal.db")
    assert kept.columns == 42
    assert Question.STATUS in kept.record.answers


@pytest.mark.parametrize("record", ['{"capability": "best"}', '{"answers": ["all"]}', '{"answers": 5}', "[]", "7"])
def test_a_record_that_makes_no_sense_is_set_aside(sim, tmp_path, record):
    path = known_printer_file(tmp_path / "journal.db")
    path.write_text(f'{{"printer": "", "connection": "network x:1", "record": {record}}}')
    assert load_known_printer(tmp_path / "journal.db") is None
    assert path.with_name("printer.json.broken").exists()


def test_another_connection_is_another_printer(sim, tmp_path):
    started(sim, tmp_path).print(TICKET)
    with SimPrinter(proof="none") as other:
        assert started(other, tmp_path).print(TICKET) == TicketUnproved(Paper.UNKNOWN)


def test_what_is_kept_is_what_was_learned(sim, tmp_path):
    printer = started(sim, tmp_path)
    printer.look()
    written = known_printer_file(tmp_path / "journal.db").stat().st_mtime_ns
    for _ in range(3):
        printer.look()
    assert known_printer_file(tmp_path / "journal.db").stat().st_mtime_ns == written
    assert replace(known(tmp_path), failed_watches=1) == known(tmp_path)
