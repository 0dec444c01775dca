"""The bytes of a ticket, read back by a small reader that knows only the commands that it may contain."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge.paper.escpos import ASCII, CODEPAGES, Encoder, UnknownPrinterError, codepages, fold
from edge.paper.ticket import ALARM, HEADLINE, Align, Cut, Feed, Logo, Qr, Row, Rule, Size, Style, Text
from tests.support.examples import examples

ROOT = Path(__file__).parent.parent.parent
TABLES = {2: "CP850", 3: "CP860", 16: "CP1252", 19: "CP858"}
"""The number behind `ESC t`, as in Epson's reference."""

ARGUMENTS = {
    b"\x1b@": 0, b"\x1c.": 0, b"\x1bR": 1, b"\x1bt": 1, b"\x1bE": 1, b"\x1ba": 1, b"\x1bd": 1, b"\x1bp": 3,
    b"\x1d!": 1, b"\x1dB": 1, b"\x1dV": 1,
}  # fmt: skip
SPANISH_AND_PORTUGUESE = "ñ á é í ó ú ü ç ã õ â ê ô à ¿ ¡ º ª $ R$ S/ Ñ Á É Í Ó Ú Ü Ç Ã Õ Â Ê Ô À"


@dataclass
class Reading:
    """What came out of the bytes: rows of text, and the commands in their order."""

    rows: list[str] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)
    text: bytes = b""

    @property
    def codepage(self) -> str:
        return next(TABLES[command[2]] for command in self.commands if command.startswith(b"\x1bt"))


def read(ticket: bytes) -> Reading:
    reading, row, at = Reading(), b"", 0
    while at < len(ticket):
        if ticket[at : at + 1] == b"\n":
            reading.rows.append(row.decode(reading.codepage))
            row, at = b"", at + 1
        elif ticket[at] >= 0x20:
            row, at = row + ticket[at : at + 1], at + 1
            reading.text += ticket[at - 1 : at]
        else:
            length = command_length(ticket[at:])
            reading.commands.append(ticket[at : at + length])
            at += length
    assert not row, "text without an end"
    return reading


def command_length(rest: bytes) -> int:
    if rest.startswith(b"\x1d(k"):
        return 5 + int.from_bytes(rest[3:5], "little")
    if rest.startswith(b"\x1dv0"):
        return 8 + int.from_bytes(rest[4:6], "little") * int.from_bytes(rest[6:8], "little")
    return 2 + ARGUMENTS[rest[:2]]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(columns=32)


# --- letters -------------------------------------------------------------------------------------------------------


def test_a_code_page_without_lines_has_dashes():
    assert read(Encoder(columns=24, codepage="CP1252").encode([Rule(), Cut()])).rows[0] == "-" * 24


@pytest.mark.parametrize("codepage", CODEPAGES)
def test_all_letters_of_spanish_and_portuguese_are_on_each_code_page(codepage):
    reading = read(Encoder(columns=80, codepage=codepage).encode([Text(SPANISH_AND_PORTUGUESE), Cut()]))
    assert reading.codepage == codepage
    assert reading.rows == [SPANISH_AND_PORTUGUESE]


@pytest.mark.parametrize(
    ("codepage", "printed"),
    [
        ("CP858", "\"hola\" - 'x'... € aeroskobing l d ?"),
        ("CP850", "\"hola\" - 'x'... EUR aeroskobing l d ?"),
        ("CP860", "\"hola\" - 'x'... EUR aeroskobing l d ?"),
    ],
)
def test_what_a_code_page_lacks_becomes_its_closest_letter(codepage, printed):
    text = "“hola” – ‘x’… € ærøskøbing ł đ 寿"
    assert fold(text, codepage).replace("æ", "ae").replace("ø", "o") == printed


def test_letters_that_a_code_page_has_are_left_alone():
    assert fold("Öl æ ø Å ½ ²", "CP858") == "Öl æ ø Å ½ ²"


def test_accents_that_came_apart_are_put_together():
    assert fold("Sa\u0303o Jose\u0301", "CP860") == "São José"


@pytest.mark.parametrize("codepage", CODEPAGES)
@examples(300)
@given(text=st.text(alphabet=st.characters(), max_size=60))
def test_no_text_raises_and_no_control_byte_comes_out_of_it(codepage, text):
    reading = read(
        Encoder(columns=32, codepage=codepage).encode([Text(text), Row(text, text), Text(text, ALARM), Cut()])
    )
    assert all(byte >= 0x20 and byte != 0x7F for byte in reading.text)
    assert {command[:2] for command in reading.commands} <= set(ARGUMENTS)
    assert not any(command.startswith(b"\x1bp") for command in reading.commands)
    assert all(len(row) <= 32 for row in reading.rows)


# --- rows and columns ----------------------------------------------------------------------------------------------


def test_a_row_reaches_from_edge_to_edge(encoder):
    assert read(encoder.encode([Row("Agua", "$900,00")])).rows == ["Agua                     $900,00"]


def test_double_letters_leave_half_the_columns(encoder):
    double = Style(size=Size.DOUBLE)
    assert read(encoder.encode([Row("TOTAL", "$900,00", double)])).rows == ["TOTAL    $900,00"]
    assert read(encoder.encode([Text("dieciséis letras y más", double)])).rows == ["dieciséis letras", "y más"]


def test_letters_that_grow_on_a_poorer_code_page_still_fit_the_row():
    reading = read(Encoder(columns=16, codepage="CP850").encode([Row("Saldo en €", "$1,00")]))
    assert reading.rows == ["Saldo en", "EUR        $1,00"]


def test_a_banner_is_white_on_black_from_edge_to_edge(encoder):
    reading = read(encoder.encode([Text("COPIA", ALARM), Text("x")]))
    assert reading.rows[0] == "     COPIA      "
    assert [command for command in reading.commands if command.startswith(b"\x1dB")] == [b"\x1dB\x01", b"\x1dB\x00"]


def test_a_rule_crosses_the_paper(encoder):
    assert read(encoder.encode([Rule()])).rows == ["─" * 32]


def test_only_changes_of_style_are_sent(encoder):
    lines = [Text("a", HEADLINE), Text("b", HEADLINE), Text("c")]
    styling = [c for c in read(encoder.encode(lines)).commands if c[:2] in (b"\x1bE", b"\x1ba", b"\x1d!", b"\x1dB")]
    assert styling == [b"\x1bE\x01", b"\x1ba\x01", b"\x1bE\x00", b"\x1ba\x00"]


def test_each_ticket_is_encoded_afresh(encoder):
    lines = [Text("a", Style(Align.CENTER, bold=True)), Feed(2), Cut()]
    assert encoder.encode(lines) == encoder.encode(lines)


# --- commands ------------------------------------------------------------------------------------------------------


def test_a_ticket_starts_with_a_reset_and_its_code_page(encoder):
    assert read(encoder.encode([Cut()])).commands[:4] == [b"\x1b@", b"\x1c.", b"\x1bR\x00", b"\x1bt\x13"]


def test_the_cut_is_partial_and_behind_the_text(encoder):
    assert encoder.encode([Text("fin"), Cut()]).endswith(b"fin\n\x1bd\x06\x1dV\x01")


def test_the_operation_number_is_a_qr_that_the_printer_draws(encoder):
    ticket = encoder.encode([Qr("98000000002")])
    drawing = [command for command in read(ticket).commands if command.startswith(b"\x1d(k")]
    assert b"\x1d(k\x0e\x001P098000000002" in drawing
    assert drawing[-1] == b"\x1d(k\x03\x001Q0"


def test_a_printer_without_qr_gets_none():
    ticket = Encoder("POS-5890").encode([Qr("98000000002"), Cut()])
    assert b"98000000002" not in ticket


def test_the_drawer_opens_only_if_asked(encoder):
    kick = b"\x1bp\x00"
    assert kick not in encoder.encode([Cut()])
    assert kick in encoder.encode([Cut()], open_drawer=True)


@pytest.mark.parametrize("profile", [None, "TM-T88V"])
def test_the_logo_is_fitted_to_the_paper(tmp_path, profile, capsys):
    picture = tmp_path / "logo.png"
    Image.new("RGB", (1200, 300), "black").save(picture)
    reading = read(Encoder(profile, columns=32, logo=picture).encode([Logo(), Cut()]))
    (raster,) = (command for command in reading.commands if command.startswith(b"\x1dv0"))
    assert int.from_bytes(raster[4:6], "little") * 8 == 32 * 12
    assert int.from_bytes(raster[6:8], "little") == 96
    assert capsys.readouterr().out == ""


# --- what a person must mend ---------------------------------------------------------------------------------------


def test_an_unknown_profile_is_told_with_those_that_exist():
    with pytest.raises(UnknownPrinterError, match=r"TM-T99.*TM-T88V"):
        Encoder("TM-T99")


def test_a_code_page_that_the_printer_lacks_is_told_with_those_it_has():
    with pytest.raises(UnknownPrinterError, match="no code page CP858; it has CP850, CP1252, CP860, ASCII"):
        Encoder("TM-T88II", codepage="CP858")


def test_the_profile_chooses_what_is_left_open():
    chosen = Encoder("TM-T20II")
    assert (chosen.columns, chosen.codepage) == (48, "CP858")


def test_a_printer_with_none_of_our_code_pages_prints_plain_letters():
    encoder = Encoder("TM-U220")
    assert encoder.codepage == ASCII
    job = encoder.encode([Text("áéíóúüñ ÇÃÕ ¡¿ºª R$ €"), Rule()])
    assert b"aeiouun CAO !?oa R$ EUR" in job
    assert b"-" * encoder.columns in job
    assert b"\x1bt\x00" in job
    assert all(byte < 0x80 for byte in job)


def test_plain_letters_can_be_had_of_any_printer():
    for profile in ("default", "TM-T88V", "POS-5890"):
        assert codepages(profile)[-1] == ASCII
        assert Encoder(profile, codepage=ASCII).codepage == ASCII


def test_what_is_no_printer_is_refused():
    with pytest.raises(UnknownPrinterError, match="AF-240 has no letters"):
        Encoder("AF-240")


def test_a_logo_that_is_not_there_is_told_at_start(tmp_path):
    with pytest.raises(OSError, match=r"logo\.png"):
        Encoder(columns=32, logo=tmp_path / "logo.png")


# --- the library ---------------------------------------------------------------------------------------------------


def test_the_library_leaves_nothing_behind_and_finds_its_pickle(tmp_path):
    program = (
        "import sys, yaml; yaml.safe_load = lambda _: sys.exit('YAML')\n"
        "from edge.paper.escpos import load_library\nload_library()"
    )
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_what_a_printer_can_print_is_known_without_the_library():
    """A start waits for nothing that only a ticket needs."""
    program = "import sys; from edge.paper.escpos import Encoder; Encoder('TM-T88V'); sys.exit('escpos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
