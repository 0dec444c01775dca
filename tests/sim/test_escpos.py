"""What the simulated printer makes of hand-written ESC/POS: letters, commands, codes, images, and their looks."""

import ast
from pathlib import Path

import pytest

from sim.printer import escpos
from sim.printer.paper import Letters
from sim.printer.printer import Printer
from tests.support.hosts import CUT, EURO_PAGE, QR, READY, RESET, call, hear_out, printed

SIM = Path(__file__).parent.parent.parent / "sim"


# --- letters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "codec", "words"),
    [
        (19, "cp858", "ñ Ñ á é í ó ú ü ç ã õ ¿ ¡ €"),
        (2, "cp850", "ñ Ñ á é í ó ú ü ç ã õ ¿ ¡"),
        (3, "cp860", "ã õ ç á é í ó ú ü À Ê Õ"),
        (16, "cp1252", "ñ Ñ ã õ ç ¿ ¡ €"),
    ],
)
def test_letters_are_those_of_the_chosen_code_page(printer, number, codec, words):
    ticket = printed(printer, RESET + b"\x1bt" + bytes((number,)) + words.encode(codec) + b"\n" + CUT)
    assert ticket.text == words + "\n"
    assert printer.unknown == []


def test_a_reset_goes_back_to_the_first_code_page(printer):
    assert printed(printer, EURO_PAGE + RESET + b"\x9b\n" + CUT).text == "¢\n"


def test_a_country_replaces_the_letters_that_it_needs_for_its_own(printer):
    assert printed(printer, b"\x1bR\x0b[\\]{|}~\x1bR\x00[\\]\n" + CUT).text == "¡Ñ¿íñóú[\\]\n"


def test_lines_stand_where_they_are_told(printer):
    lines = b"left\n\x1ba\x01middle\n\x1ba\x02right\n\x1ba\x00\x1dL\x30\x00four in\n\x1dL\x00\x00a\tb\tc\n"
    assert printed(printer, lines + CUT).text.splitlines() == [
        "left",
        " " * 13 + "middle",
        " " * 27 + "right",
        "    four in",
        "a       b       c",
    ]


def test_long_lines_go_on_in_the_next(printer):
    assert printed(printer, b"x" * 40 + b"\n\x1d!\x10" + b"W" * 20 + b"\n" + CUT).text.splitlines() == [
        "x" * 32,
        "x" * 8,
        "W" * 16,
        "W" * 4,
    ]


def test_80_mm_paper_has_48_letters_a_line_and_the_small_font_more():
    with Printer() as printer:
        assert printed(printer, b"x" * 49 + b"\n\x1bM\x01" + b"y" * 65 + b"\n" + CUT).text.splitlines() == [
            "x" * 48,
            "x",
            "y" * 64,
            "y",
        ]


def test_letters_wear_what_they_are_told(printer):
    ticket = printed(printer, b"\x1bE\x01a\x1bE\x00\x1b-\x02b\x1b-\x00\x1dB\x01c\x1dB\x00\x1d!\x12d\x1b!\xb9e\n" + CUT)
    looks = [look for _, look in ticket.rows[0].cells]
    assert [look.bold for look in looks] == [True, False, False, False, True]
    assert [look.underline for look in looks] == [0, 2, 0, 0, 1]
    assert [look.inverse for look in looks] == [False, False, True, False, False]
    assert [(look.width, look.height) for look in looks] == [(1, 1), (1, 1), (1, 1), (2, 3), (2, 2)]
    assert [look.small for look in looks] == [False, False, False, False, True]


def test_paper_that_is_fed_shows_as_empty_lines(printer):
    assert printed(printer, b"one\x1bd\x03two\n\x1bJ\x1ethree\n" + CUT).text == "one\n\n\ntwo\n\nthree\n"


# --- commands ------------------------------------------------------------------------------------------------------

STORY = (
    RESET + EURO_PAGE + b"\x1ba\x01\x1bE\x01\x1d!\x11HI\n\x1d!\x00" + QR + b"\x1dv0\x00\x01\x00\x02\x00\x0a\x0b" + CUT
)


def test_commands_may_be_cut_anywhere(printer):
    with call(printer) as host:
        for count, byte in enumerate(STORY, start=1):
            host.sendall(bytes((byte,)))
            printer.wait_until(lambda printer, count=count: printer.bytes_received == count, "a byte arrives")
    [ticket] = printer.wait_for_tickets(1)
    first = next(row for row in ticket.rows if isinstance(row, Letters))
    assert [(letter, look.bold, look.width, look.height) for letter, look in first.cells] == [
        ("H", True, 2, 2),
        ("I", True, 2, 2),
    ]
    assert ticket.qrs == ["AB"]
    assert len(ticket.images) == 1
    assert printer.unknown == []


def test_a_command_that_one_host_began_is_ended_by_the_next(printer):
    with call(printer) as first:
        first.sendall(b"begun\n\x1ba")
    assert printed(printer, b"\x02right\n" + CUT).text == "begun\n" + " " * 27 + "right\n"


def test_what_it_does_not_know_it_names_and_goes_on(printer):
    assert printed(printer, b"\x1b\x99\x1bc5\x01\x1d(Z\x02\x00ab\x1dk\x04123\x00ok\n" + CUT).text == "ok\n"
    assert [command.name for command in printer.unknown] == ["ESC 99", "ESC c", "GS ( Z", "GS k"]


def test_what_is_only_possible_at_the_beginning_of_a_line_is_refused_elsewhere(printer):
    assert printed(printer, b"abc" + CUT + b"\x1ba\x01def\n" + CUT).text == "abcdef\n"
    assert [command.name for command in printer.unknown] == ["GS V", "ESC a"]


@pytest.mark.parametrize(
    "cut", [b"\x1dV\x00", b"\x1dV\x01", b"\x1dV0", b"\x1dV1", b"\x1dVA\x10", b"\x1dVB\x00", b"\x1bi"]
)
def test_every_way_to_cut_ends_the_ticket(printer, cut):
    ticket = printed(printer, b"x\n" + cut)
    assert (ticket.text, ticket.cut, ticket.complete) == ("x\n", True, True)
    assert (printer.loose, printer.unknown) == ("", [])


def test_kicks_of_the_drawer_are_counted(printer):
    assert printed(printer, b"\x1bp\x00\x32\x32\x10\x14\x01\x00\x01kicked\n" + CUT).drawer_kicks == 2
    assert printer.drawer_kicks == 2


def test_the_text_of_a_qr_is_kept_and_the_code_drawn(printer):
    ticket = printed(printer, QR + b"\x1d(k\x07\x001P0\xc3\xb1\xc3\xb3\x1d(k\x03\x001Q0" + CUT)
    assert ticket.qrs == ["AB", "ñó"]
    assert ticket.text == "             [QR AB]\n             [QR ñó]\n".replace(" " * 13, "")
    drawn = ticket.rows[0].draw()
    assert drawn.size == (21 * 6, 21 * 6)
    assert [drawn.getpixel((at * 6, 0)) for at in range(9)] == [0] * 7 + [255] + [drawn.getpixel((48, 0))]


def test_images_keep_their_dots(printer):
    dots = b"\xf0\x10\x04\x01"  # it contains a real-time command
    raster = b"\x1dv0\x00\x01\x00\x04\x00" + dots
    stored = b"0p0\x01\x011\x08\x00\x04\x00" + dots
    print_it = b"\x1d(L\x02\x0002"
    graphics = b"\x1d(L\x0e\x00" + stored + print_it + b"\x1d8L\x0e\x00\x00\x00" + stored + print_it
    with call(printer) as host:
        host.sendall(raster + graphics + CUT)
        assert hear_out(host) == READY * 3
    images = printer.wait_for_tickets(1)[0].images
    assert [image.size for image in images] == [(8, 4)] * 3
    assert [image.getpixel((x, 0)) for image in images for x in (0, 3, 4, 7)] == [0, 0, 255, 255] * 3
    assert printer.unknown == []


def test_wherever_a_stream_is_cut_the_same_commands_come_out():
    for at in range(len(STORY)):
        buffer, found = bytearray(), []
        for part in (STORY[:at], STORY[at:]):
            buffer += part
            while command := escpos.take(buffer):
                found.append(command)
        assert "".join(command.data.decode("latin1") for command in found if not command.name) == "HI"
        assert [command.name for command in found if command.name] == [
            "ESC @", "ESC t", "ESC a", "ESC E", "GS !", "LF", "GS !", *["GS ( k"] * 5, "GS v 0", "GS V",
        ]  # fmt: skip


# --- looking at it -------------------------------------------------------------------------------------------------


def dark(picture, color_below: int = 200) -> int:
    return sum(count for count, color in picture.getcolors(1 << 20) if sum(color) < color_below)


def test_a_ticket_can_be_looked_at(printer, tmp_path):
    ticket = printed(
        printer, EURO_PAGE + b"\x1d!\x11BIG\n\x1d!\x00\x1dB\x01dark\n\x1dB\x00" + QR + b"\x1cp\x01\x00" + CUT
    )
    ticket.save(tmp_path / "001")
    assert (tmp_path / "001.txt").read_text() == ticket.text
    assert (tmp_path / "001.png").read_bytes().startswith(b"\x89PNG")
    assert dark(ticket.picture()) > 5000


def test_bold_wide_and_inverse_letters_have_more_ink(printer):
    plain, *others = (
        dark(printed_alone(look + b"MERCADO\n"))
        for look in (b"", b"\x1bE\x01", b"\x1d!\x10", b"\x1d!\x01", b"\x1dB\x01", b"\x1b-\x02")
    )
    assert all(ink > plain for ink in others)


def printed_alone(data: bytes):
    with Printer(columns=32) as printer:
        return printed(printer, data + CUT).picture()


def test_accents_are_drawn_letter_by_letter(printer):
    pictures = {letter: printed_alone(EURO_PAGE + letter.encode("cp858") + b"\n").tobytes() for letter in "aáãnñuúü¿¡?"}
    assert len(set(pictures.values())) == len(pictures)


def test_it_shares_nothing_with_the_encoder_that_it_judges():
    for path in SIM.rglob("*.py"):
        modules = [
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        ]
        assert not any(module.split(".")[0] == "escpos" for module in modules), path
