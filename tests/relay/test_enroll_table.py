"""`till-relay enroll --csv`: a hundred tills in one command, all mistakes of a table at once, and twice is safe."""

from pathlib import Path

import pytest

from edge.config.schema import load as load_till
from relay.enroll.accounts import AccountError
from relay.enroll.bundle import EnrollError
from tests.support.cards import KEY, TOKEN, Laptop, listed
from tests.support.office import Office

HEADING = "till,name,user_id,store,pos,timezone,language,support,header,printer"
ZONE = "America/Argentina/Buenos_Aires"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def row(till: str, pos: str = "", more: str = "es,0800 555 0000,KIOSCO SUR|Av. Siempre Viva 742,usb") -> str:
    return f"{till},Caja de {till},700100200,SUC001,{pos or 'POS' + till},{ZONE},{more}"


def enroll(office: Office, *lines: str, more: str = "") -> int:
    """Enroll a table. There is no mosquitto here to be told, hence 1 when all else is done."""
    (office.folder / "table").mkdir(exist_ok=True)
    (office.folder / "table/tills.csv").write_text("\n".join(lines) + "\n")
    return office.type(f"enroll --csv {office.folder}/table/tills.csv {more}")


def bundle(office: Office, till: str) -> Path:
    return office.folder / "table" / till


def test_each_line_is_a_till_that_starts_as_soon_as_it_has_its_token(office, capsys):
    network = row("CAJA02", more="pt,,,network 192.0.2.7 9101").replace("Caja de", "Caixa:")
    assert enroll(office, HEADING, row("CAJA01"), network, row("CAJA03", more=",,,serial /dev/serial0 9600")) == 1
    first, second, third = (_loaded(bundle(office, till)) for till in ("CAJA01", "CAJA02", "CAJA03"))
    assert (first.till.support, first.ticket.header) == ("0800 555 0000", ("KIOSCO SUR", "Av. Siempre Viva 742"))
    assert (second.till.name, second.till.language) == ("Caixa: CAJA02", "pt")
    assert (second.printer.host, second.printer.port) == ("192.0.2.7", 9101)
    assert (str(third.printer.device), third.printer.baudrate) == ("/dev/serial0", 9600)
    assert {"CAJA01", "CAJA02", "CAJA03"} < set(office.users)
    assert "user CAJA02\ntopic read relay/status\ntopic read sellers/700100200/orders\n" in office.rights
    assert "3 tills; 3 enrolled now, 0 were enrolled and keep their credentials" in capsys.readouterr().out


def _loaded(folder: Path):
    (folder / "access_token").write_text(TOKEN)
    return load_till(folder / "config.yaml")


def test_ten_mistakes_are_told_at_once_and_nothing_is_written(office, capsys):
    before = office.passwords.read_bytes(), office.acl.read_bytes()
    table = (
        HEADING,
        row("CAJA 01", "POS01"),
        row("support"),
        row("CAJA03").replace("700100200", "7001OO200"),
        row("CAJA04").replace("SUC001", "SUC 1"),
        row("CAJA05").replace(ZONE, "Buenos Aires"),
        row("CAJA06", more="fr,,,usb"),
        row("CAJA07", more="es,,,wifi"),
        row("CAJA08", more="es,,,network 192.0.2.300"),
        "CAJA09,,700100200,,,,,,,",
        row("CAJA10"),
        row("CAJA10", "POS11"),
        row("CAJA12", "POSCAJA10"),
    )
    assert enroll(office, *table) == 1
    said = capsys.readouterr().err.replace(f"{office.folder}/table/", "").splitlines()
    assert [line.partition(";")[0] for line in said] == [
        "tills.csv:2: till: 'CAJA 01' is no till id: 1 to 64 of A-Z a-z 0-9 _ -",
        "tills.csv:3: till: support is a user with other rights",
        "tills.csv:4: user_id: '7001OO200' is no account: a number, as in 700100200",
        "tills.csv:5: store: 'SUC 1' is no external_id: 1 to 60 of A-Z a-z 0-9 _ . -",
        "tills.csv:6: timezone: no time zone is called 'Buenos Aires'",
        "tills.csv:7: language: 'fr' is no language of a till",
        "tills.csv:8: printer: 'wifi' is no printer's connection",
        "tills.csv:9: printer: is '192.0.2.300'",
        "tills.csv:10: timezone: is missing: the shop's time zone, as in America/Argentina/Buenos_Aires",
        "tills.csv:10: store: is missing: the external_id of the store",
        "tills.csv:10: pos: is missing: the external_id of the point of sale",
        "tills.csv:12: till: CAJA10 is in line 11 already",
        "tills.csv:13: pos: the point of sale POSCAJA10 of account 700100200 is in line 11 already",
        "Nothing was written.",
    ]
    assert (office.passwords.read_bytes(), office.acl.read_bytes()) == before
    assert list((office.folder / "table").iterdir()) == [office.folder / "table/tills.csv"]


def test_what_a_spreadsheet_changed_is_told_with_all_else(office, capsys):
    table = (row("CAJA01").replace("700100200", "7.00E+08"), row("CAJA02") + ",one,more", row("CAJA03", "POS 3"))
    assert enroll(office, HEADING, *table) == 1
    said = capsys.readouterr().err.replace(f"{office.folder}/table/", "").splitlines()
    assert [line.partition(";")[0] for line in said] == [
        "tills.csv:2: user_id: a spreadsheet took the text for a number",
        "tills.csv:3: has more cells than columns",
        "tills.csv:4: pos: 'POS 3' is no external_id: 1 to 60 of A-Z a-z 0-9 _ . -",
        "Nothing was written.",
    ]


def test_twice_is_safe_and_a_longer_table_enrolls_only_what_is_new(office, capsys):
    enroll(office, HEADING, row("CAJA01"))
    before, accounts = listed(bundle(office, "CAJA01")), office.passwords.read_bytes()
    assert enroll(office, HEADING, row("CAJA01")) == 1
    assert (listed(bundle(office, "CAJA01")), office.passwords.read_bytes()) == (before, accounts)
    capsys.readouterr()
    enroll(office, HEADING, row("CAJA01"), row("CAJA02"))
    assert listed(bundle(office, "CAJA01")) == before
    assert "2 tills; 1 enrolled now, 1 were enrolled" in capsys.readouterr().out
    assert office.users[-2:] == ["CAJA01", "CAJA02"]


def test_a_table_that_says_something_else_than_a_bundle_is_told_and_how_it_gets_into_it(office, capsys):
    enroll(office, HEADING, row("CAJA01"))
    password = (bundle(office, "CAJA01") / "broker_password").read_text()
    corrected = (HEADING, row("CAJA01").replace("KIOSCO SUR", "KIOSCO NORTE"))
    enroll(office, *corrected)
    assert "CAJA01/config.yaml says something else than the table, and stays as it is" in capsys.readouterr().out
    (bundle(office, "CAJA01") / "config.yaml").unlink()
    enroll(office, *corrected)
    assert "KIOSCO NORTE" in (bundle(office, "CAJA01") / "config.yaml").read_text()
    assert (bundle(office, "CAJA01") / "broker_password").read_text() == password


def test_a_run_that_was_cut_off_before_a_till_was_let_in_is_finished_by_the_next(office, monkeypatch):
    def cut_off(*_: object) -> None:
        raise AccountError("the power went")

    with monkeypatch.context() as power:
        power.setattr("relay.enroll.accounts.Accounts.put", cut_off)
        enroll(office, HEADING, row("CAJA01"))
    assert "CAJA01" not in office.users
    enroll(office, HEADING, row("CAJA01"))
    assert "CAJA01" in office.users
    assert _loaded(bundle(office, "CAJA01")).broker.username == "CAJA01"


def test_who_is_enrolled_without_a_bundle_here_keeps_his_credentials_unless_they_are_to_end(office, capsys):
    office.enroll("CAJA01")
    accounts = office.passwords.read_bytes()
    assert enroll(office, HEADING, row("CAJA01")) == 1
    said = capsys.readouterr().err
    assert "tills.csv:2: till: CAJA01 is enrolled already, and " in said
    assert "copy its folder to there, or end its credentials with till-relay revoke CAJA01" in said
    assert office.passwords.read_bytes() == accounts
    enroll(office, HEADING, row("CAJA01"), more="--again")
    assert office.passwords.read_bytes() != accounts
    assert bundle(office, "CAJA01").is_dir()


def test_a_folder_of_something_else_is_not_written_into(office, capsys):
    (bundle(office, "CAJA01") / "photos").mkdir(parents=True)
    enroll(office, HEADING, row("CAJA01"))
    assert "isn't empty; name another one" in capsys.readouterr().err
    assert "CAJA01" not in office.users


def test_what_the_command_line_gives_is_good_for_all_empty_cells(office):
    table = ("till;pos;name", "CAJA01;POS1;", "CAJA02;POS2;La otra")
    (office.folder / "token").write_text(TOKEN)
    options = f"--user-id 700100200 --store SUC001 --timezone {ZONE} --token-file {office.folder}/token --support 0800"
    assert enroll(office, *table, more=options) == 1
    config = load_till(bundle(office, "CAJA02") / "config.yaml")
    assert (config.till.name, config.till.support, config.mercadopago.external_pos_id) == ("La otra", "0800", "POS2")


def test_what_is_for_a_single_till_is_wrong_usage_with_a_table(office, capsys):
    assert enroll(office, HEADING, row("CAJA01"), more="--out somewhere") == EnrollError("", 2).code
    assert "--out is for a single till" in capsys.readouterr().err


def test_one_table_makes_the_bundles_and_the_cards(office):
    """A hundred tills: enrolled here, copied to the laptop, and a folder for each card."""
    tills = [f"CAJA{number:03}" for number in range(100)]
    table = "\n".join((HEADING, *map(row, tills)))
    assert enroll(office, table) == 1
    laptop = Laptop(office.folder / "table")
    (laptop.folder / "me.pub").write_text(KEY)
    (laptop.folder / "token").write_text(TOKEN)
    code, said = laptop.many(table, "--release", "trixie", "--token-file", "token")
    assert code == 0, said
    cards = sorted(path.name for path in (laptop.folder / "cards").iterdir())
    assert cards == [till.lower() for till in tills]
    assert (laptop.folder / "cards/caja007/till-edge/access_token").read_text() == TOKEN
    assert not (bundle(office, "CAJA007") / "access_token").exists()
