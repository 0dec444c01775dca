"""`till-edge account`: an account with all that can be wrong with it, read from the simulated Mercado Pago."""

import pytest

from edge.cli.main import main
from relay.__main__ import main as till_relay
from sim.mercadopago import Fault, MercadoPago
from sim.mercadopago.books import Pos
from tests.support.office import Office

STORES = (("SUC001", "SUC001POS001"), ("SUC001", "SUC001POS002"), ("SUC002", "SUC002POS001"))


@pytest.fixture
def service():
    with MercadoPago(pos=STORES) as service:
        service.store_names["SUC001"] = "Kiosco Sur"
        yield service


class Typed:
    """What is typed on an installer's laptop, where there is a token and nothing else."""

    def __init__(self, service: MercadoPago, folder, capsys) -> None:
        self.service, self.capsys = service, capsys
        self.token = folder / "access_token"
        self.token.write_text(service.access_token + "\n")
        self.token.chmod(0o600)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main(["account", "--token-file", str(self.token), "--api-url", self.service.url, *words])
        said = self.capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def account(service, tmp_path, capsys) -> Typed:
    return Typed(service, tmp_path, capsys)


def test_a_sound_account_is_listed_by_store(account):
    code, said, _ = account()
    assert code == 0
    assert said.splitlines() == [
        "account 700100200 (KIOSCOSUR), Argentina",
        "",
        "store SUC001: Kiosco Sur (31000), Av. Siempre Viva 742, Buenos Aires",
        "  ok SUC001POS001: SUC001POS001 (55001)",
        "  ok SUC001POS002: SUC001POS002 (55002)",
        "",
        "store SUC002: SUC002 (31001), Av. Siempre Viva 742, Buenos Aires",
        "  ok SUC002POS001: SUC002POS001 (55003)",
        "",
        "3 of 3 points of sale can be a till",
    ]


@pytest.mark.parametrize(
    ("odd", "fault"),
    [
        (Pos(66001, "", 31000, "SUC001", name="Caja"), "has no external_id, as one made in the app: PUT /pos/66001"),
        (Pos(66001, "SUC001POS001", 31000, "SUC001"), "2 points of sale have the external_id SUC001POS001"),
        (Pos(66001, "CAJA-9", 31000, "SUC001"), "its external_id 'CAJA-9' has more than letters and digits"),
        (Pos(66001, "P9", 0, ""), "belongs to no store; PUT /pos/66001 with a store_id"),
        (Pos(66001, "P9", 39999, "SUC009"), "belongs to store 39999, which this account doesn't have"),
        (Pos(66001, "P9", 31000, "SUC002"), "names the store SUC002, and belongs to SUC001"),
        (Pos(66001, "P9", 31000, "SUC001", status="inactive"), "is not active"),
        (Pos(66001, "P9", 31000, "SUC001", fixed_amount=False), "has fixed_amount false"),
        (Pos(66001, "P9", 31000, "SUC001", has_qr=False), "has no QR to print"),
        (Pos(66001, "P9", 31000, "SUC001", category=5611203), "its category 5611203 is of another country; here it is"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
def test_each_thing_that_is_wrong_with_a_point_of_sale_is_said_with_what_to_do(account, odd, fault):
    account.service.idle_pos.append(odd)
    code, said, _ = account()
    assert code == 1
    assert f"       {fault}" in said
    assert f"({odd.id})" in said
    assert said.endswith("how to mend what is marked !!: docs/install.md, 2\n")
    assert "  ok SUC002POS001" in said


def test_a_store_without_a_point_of_sale_and_an_account_without_a_store_are_not_well(account):
    account.service.pos.clear()
    code, said, _ = account()
    assert code == 1
    assert said.count("    no point of sale: make one, as docs/install.md says in 2") == 2
    account.service.stores.clear()
    code, said, _ = account()
    assert code == 1
    assert "no store: make one, as docs/install.md says in 2" in said


@pytest.mark.parametrize("category", [473000, 999999])
def test_a_category_that_is_not_of_another_country_is_no_fault(account, category):
    account.service.idle_pos.append(Pos(66001, "P9", 31000, "SUC001", category=category))
    assert account()[0] == 0


def test_a_store_without_external_id_takes_its_points_of_sale_with_it(account):
    account.service.stores[""] = 31005
    account.service.idle_pos.append(Pos(66001, "P9", 31005, ""))
    code, said, _ = account()
    assert code == 1
    assert "    !! has no external_id, as one made in the app: PUT /users/700100200/stores/31005 gives one" in said
    assert "its store" in said


def test_an_account_of_hundreds_is_listed_to_its_end_and_nobody_twice(account):
    more = [Pos(66000 + number, f"P{number}", 31000, "SUC001") for number in range(130)]
    account.service.idle_pos += more
    code, said, _ = account()
    assert code == 0
    assert "133 of 133 points of sale can be a till" in said


def test_the_rows_of_the_table_are_those_of_all_that_is_sound(account):
    account.service.idle_pos.append(Pos(66001, "", 31000, "SUC001", name="Caja"))
    code, said, remarks = account("--csv")
    header = "Kiosco Sur|Av. Siempre Viva 742, Buenos Aires"
    assert code == 1
    assert said.splitlines()[:2] == [
        "till,name,user_id,store,pos,timezone,language,header,support,printer",
        f'SUC001POS001,SUC001POS001,700100200,SUC001,SUC001POS001,America/Argentina/Buenos_Aires,es,"{header}",,',
    ]
    assert len(said.splitlines()) == 4
    assert "1 points of sale are left out" in remarks


def test_enroll_takes_the_table_as_it_is(account, tmp_path):
    _, table, _ = account("--csv")
    office = Office(tmp_path)
    (tmp_path / "tills.csv").write_text(table)
    till_relay(["enroll", "--csv", str(tmp_path / "tills.csv"), "--config", str(office.config)])
    assert {"SUC001POS001", "SUC001POS002", "SUC002POS001"} < set(office.users)


@pytest.mark.parametrize(("site", "language", "remark"), [("MLB", "pt", True), ("MLU", "es", False)])
def test_language_and_time_zone_are_those_of_the_country(tmp_path, capsys, site, language, remark):
    with MercadoPago(site=site) as service:
        _, said, remarks = Typed(service, tmp_path, capsys)("--csv")
    assert f",{language}," in said
    assert ("has more than one" in remarks) is remark


def test_a_wrong_token_is_said_and_nothing_of_it_is_shown(account):
    account.token.write_text("APP_USR-0-another-secret\n")
    code, said, error = account()
    assert (code, said) == (1, "")
    assert "refuses the access token" in error
    assert "another-secret" not in error


def test_a_token_of_the_wrong_kind_of_application_is_told_as_that(account):
    policy = "PA_UNAUTHORIZED_RESULT_FROM_POLICIES"
    account.service.faults.append(Fault("status", "GET", "/stores/search", status=403, error=policy))
    code, _, error = account()
    assert code == 1
    assert "PA_UNAUTHORIZED" in error


def test_a_file_that_is_not_there_is_a_mistake_of_the_command(account, capsys):
    account.token.unlink()
    code, _, error = account()
    assert code == 78
    assert "--token-file: " in error
