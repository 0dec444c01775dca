"""What a printer answers, read from bytes that come in any portions and with anything in between."""

import pytest

from edge.core.events import Paper
from edge.printer import replies
from edge.printer.replies import AutomaticStatus, Barrier, Cleared, Name, Parser, ProcessId, Status

ASB = b"\x14\x00\x00\x0f"


def read(*portions: bytes) -> list[replies.PrinterReply]:
    parser = Parser()
    return [answer for portion in portions for answer in parser.feed(portion)]


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"\x12", Status(0x12)),
        (b"\x1e", Status(0x1E)),
        (b"\x72", Status(0x72)),
        (b"\x00", Barrier(0x00)),
        (b"\x0f", Barrier(0x0F)),
        (b'7"1234\x00', ProcessId(b"1234")),
        (b"7%\x00", Cleared()),
        (b"_TM-T20III\x00", Name("TM-T20III")),
        (b"_\x00", Name("")),
    ],
)
def test_each_kind_is_known_by_its_fixed_bits(data, answer):
    assert read(data) == [answer]


@pytest.mark.parametrize(
    ("status", "stopped"),
    [
        pytest.param("10 00 00 0f", False, id="well"),
        pytest.param("14 00 03 0f", False, id="drawer, and paper near its end"),
        pytest.param("38 00 00 0f", True, id="cover open"),
        pytest.param("18 00 0f 0f", True, id="no paper"),
        pytest.param("18 08 00 0f", True, id="cutter"),
        pytest.param("58 00 00 0f", False, id="somebody feeds paper"),
        pytest.param("18 40 00 0f", False, id="the head cools down"),
    ],
)
def test_an_automatic_status_tells_whether_a_person_is_needed(status, stopped):
    assert read(bytes.fromhex(status)) == [AutomaticStatus(stopped)]


def test_the_answer_behind_an_automatic_status_is_read():
    assert read(ASB + b"\x00" + ASB + b"\x12") == [
        AutomaticStatus(False),
        Barrier(0),
        AutomaticStatus(False),
        Status(0x12),
    ]


def test_bytes_one_by_one_mean_the_same():
    whole = ASB + b'\x12\x007"0042\x00' + ASB + b"7%\x00\x1a"
    assert read(*(bytes([byte]) for byte in whole)) == read(whole)
    well = AutomaticStatus(False)
    assert read(whole) == [well, Status(0x12), Barrier(0), ProcessId(b"0042"), well, Cleared(), Status(0x1A)]


def test_a_name_is_read_between_anything_and_in_any_portions():
    whole = ASB + b"\x12_EPSON\x00\x00" + ASB + b"_TM-T88V\x00"
    assert read(*(bytes([byte]) for byte in whole)) == read(whole)
    well = AutomaticStatus(False)
    assert read(whole) == [well, Status(0x12), Name("EPSON"), Barrier(0), well, Name("TM-T88V")]


def test_after_a_name_that_never_ends_the_next_answer_is_read():
    assert read(b"_TM", b"\x12")[-1:] == [Status(0x12)]


def test_flow_control_may_stand_inside_an_echo():
    assert read(b'7"12\x1334\x11\x00') == [ProcessId(b"1234")]


def test_an_id_that_looks_like_other_answers_is_still_an_id():
    assert read(b'7"2277\x00') == [ProcessId(b"2277")]


def test_after_a_block_that_never_ends_the_next_answer_is_read():
    assert read(b'7"12', b"\x12")[-1:] == [Status(0x12)]


def test_after_an_automatic_status_that_was_cut_off_the_next_answer_is_read():
    assert read(b"\x10\x00", b"\x12") == [Barrier(0), Status(0x12)]


def test_bytes_that_fit_nothing_are_dropped():
    assert read(b"\xff\x80\x93\xb2\x12") == [Status(0x12)]


def test_blocks_that_nobody_asked_for_are_dropped_whole():
    assert read(b"7#2\x00\x12") == [Status(0x12)]


READY = {replies.PRINTER: 0x12, replies.ROLL: 0x12, replies.OFFLINE_CAUSE: 0x12, replies.ERROR_CAUSE: 0x12}


@pytest.mark.parametrize(
    ("changes", "paper"),
    [
        ({}, Paper.READY),
        ({replies.PRINTER: 0x16}, Paper.READY),  # the drawer is open
        ({replies.ROLL: 0x1E}, Paper.LOW),
        ({replies.PRINTER: 0x1A, replies.ROLL: 0x7E, replies.OFFLINE_CAUSE: 0x32}, Paper.OUT),
        ({replies.ROLL: 0x72}, Paper.OUT),
        ({replies.PRINTER: 0x1A, replies.OFFLINE_CAUSE: 0x16}, Paper.COVER),
        ({replies.PRINTER: 0x1A, replies.ROLL: 0x7E, replies.OFFLINE_CAUSE: 0x36}, Paper.COVER),
        ({replies.PRINTER: 0x1A, replies.OFFLINE_CAUSE: 0x52, replies.ERROR_CAUSE: 0x1A}, Paper.ERROR),
        ({replies.PRINTER: 0x1A, replies.OFFLINE_CAUSE: 0x52, replies.ERROR_CAUSE: 0x32}, Paper.ERROR),
        ({replies.PRINTER: 0x1A, replies.OFFLINE_CAUSE: 0x52, replies.ERROR_CAUSE: 0x52}, Paper.READY),  # hot head
        ({replies.PRINTER: 0x1A, replies.OFFLINE_CAUSE: 0x1A}, Paper.READY),  # somebody holds the feed button
        ({replies.PRINTER: 0x1A}, Paper.ERROR),
    ],
)
def test_four_statuses_sum_up_to_one_word(changes, paper):
    assert replies.paper(READY | changes) is paper


def test_no_status_at_all_is_neither_ready_nor_failed():
    assert replies.paper({}) is Paper.UNKNOWN


def test_what_was_not_answered_is_not_held_against_the_printer():
    assert replies.paper({replies.PRINTER: 0x12}) is Paper.READY
    assert replies.paper({replies.PRINTER: 0x1A}) is Paper.ERROR
