"""Claim by code: a till without a bundle prints a slip, somebody enrolls its code, and the till gets its bundle.

The relay is its own process, tills are processes with a simulated printer on a cable, files are files.
"""

import io
import json
import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import requests

from edge.contract.claims import CODE_ALPHABET, Claim, encode_claim, make_code, parse_code, shown
from edge.contract.mqtt import encode
from edge.install.claim.identity import KEY_FILE, MAX_WRONG_BUNDLES, Identity, WrongCodeError, renewed
from edge.machine.facts import serial
from relay.claims import LIFETIME_S, ClaimStore, store_bundle, stored_claims
from tests.support.claimants import CODE, SERIAL, TOKEN, ClaimingTill, Desk
from tests.support.relays import wait_until
from tests.support.scripted_server import DRIBBLING, STEP_S, Script, Server, request
from tests.support.shipped_broker import SHOP

pytest_plugins = ["tests.support.relay_fixtures"]
pytestmark = pytest.mark.slow

WAITS = "waits for its code to be enrolled"
KILLED = -signal.SIGKILL
FEWEST_STEPS = 6
"""Of the claimant, once it is enrolled; those of root are cut off in test_claimed_bundle.py."""


@pytest.fixture
def desk(shared_broker, tmp_path):
    (tmp_path / "desk").mkdir()
    desk = Desk(tmp_path / "desk", shared_broker.port)
    yield desk
    desk.relay.kill()


@pytest.fixture
def new_till(desk, tmp_path):
    """Makes tills whose cards say where our relay is, or something else."""
    made: list[ClaimingTill] = []

    def make(url: str = "") -> ClaimingTill:
        made.append(ClaimingTill(tmp_path / f"till{len(made)}", url or desk.relay.url))
        return made[-1]

    yield make
    for till in made:
        till.close()


@pytest.fixture
def till(new_till) -> ClaimingTill:
    """A till that is switched on, has claimed, and has printed its slip."""
    till = new_till().plug_in().start()
    till.slip()
    till.wait_until_it_says(WAITS)
    return till


def identity(till: ClaimingTill) -> Identity:
    """The key that lies on the till's card."""
    return Identity(**json.loads((till.state / KEY_FILE).read_text()))


# --- the whole story --------------------------------------------------------------------------------------------------


def test_a_till_prints_its_code_and_gets_its_bundle_when_somebody_enrolls_it(desk, till, capsys):
    slip = till.slip().text
    assert till.code in slip
    assert identity(till).serial in slip
    assert "127.0.0.1" in slip
    assert "CONEXIÓN" not in slip
    desk.enroll("CAJA01", till.code)
    assert f"The till with serial {identity_shown(slip)} fetches its bundle" in capsys.readouterr().out
    assert till.wait_for_the_end() == 0
    config = till.configuration()
    assert (config.till.id, config.till.name) == ("CAJA01", "Caja 1: «patio»")
    assert config.mercadopago.access_token.reveal() == TOKEN
    assert len(config.broker.password.reveal()) >= 40


def identity_shown(slip: str) -> str:
    return slip.partition("N.º ")[2].split()[0]


def test_nobody_but_root_and_the_daemon_can_read_what_came(desk, till):
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0
    for path in (till.home / name for name in till.adopted):
        assert not path.stat().st_mode & 0o007, path
    assert stat.S_IMODE((till.home / "access_token").stat().st_mode) == 0o600


def test_when_all_is_done_neither_the_till_nor_the_relay_keeps_anything_of_it(desk, till):
    assert stat.S_IMODE((till.state / KEY_FILE).stat().st_mode) == 0o600
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0
    assert not list(till.state.iterdir())
    assert not list(desk.claims.iterdir())


def test_two_tills_get_each_its_own(desk, new_till):
    first, second = new_till().plug_in().start(), new_till().plug_in().start()
    assert first.code != second.code
    desk.enroll("CAJA02", second.code)
    desk.enroll("CAJA01", first.code)
    assert first.wait_for_the_end() == second.wait_for_the_end() == 0
    assert (first.configuration().till.id, second.configuration().till.id) == ("CAJA01", "CAJA02")


def test_a_till_that_has_its_configuration_claims_nothing(till):
    till.kill()
    (till.home / "config.yaml").write_text("till: {}\n")
    assert till.start().wait_for_the_end() == 0
    assert "nothing to claim" in till.log


def test_a_bundle_can_lie_in_a_folder_as_well(desk, till):
    desk.enroll("CAJA01", till.code, f"--out {desk.folder}/copy")
    assert till.wait_for_the_end() == 0
    for name in ("broker_password", "access_token", "config.yaml"):
        assert (desk.folder / "copy" / name).read_bytes() == (till.home / name).read_bytes()


# --- the code ---------------------------------------------------------------------------------------------------------


def test_a_code_is_taken_as_people_type_it(desk, till):
    typed = till.code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    desk.enroll("CAJA01", typed)
    assert till.wait_for_the_end() == 0


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("AAAAA-AAAAA", "no till claims AAAAA-AAAAA"),
        ("ooooo-IIiLR", "no till claims 00000-1111R"),
    ],
)
def test_a_code_that_nobody_claims_lets_nobody_in(desk, till, capsys, typed, says):
    assert enroll(desk, typed) == 1
    assert says in capsys.readouterr().err
    assert "CAJA01" not in desk.passwords.read_text()


@pytest.mark.parametrize(
    "typed", ["", "AAAAA", "AAAAA-AAAAAA", "AAAAA-AAAAU", "AAAAA-AAAA!", "AAAAA-AAAAB", "ÑÑÑÑÑ-ÑÑÑÑÑ"]
)
def test_what_can_be_no_code_is_wrong_usage(desk, typed):
    with pytest.raises(SystemExit) as exit_:
        enroll(desk, typed)
    assert exit_.value.code == 2


def enroll(desk: Desk, code: str, more: str = SHOP) -> int:
    return desk.type(f"enroll CAJA01 --claim '{code}' {SERIAL} --token-file {desk.folder}/token {more}")


def test_whoever_enrolls_without_a_terminal_gives_the_serial(desk, till, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert desk.type(f"enroll CAJA01 --claim {till.code} --token-file {desk.folder}/token {SHOP}") == 1
    assert "add --serial and the N.º on the slip" in capsys.readouterr().err
    assert nothing_was_made(desk)


@pytest.mark.parametrize(("answer", "end"), [("", 1), ("n", 1), ("y", 0), (" Y ", 0)])
def test_the_serial_is_asked_for_before_anything_is_made_or_sent(desk, till, monkeypatch, answer, end):
    asked = []

    def asks(text: str) -> str:
        asked.append((text, nothing_was_made(desk)))
        return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", asks)
    till.kill()
    desk.type(f"enroll CAJA01 --claim {till.code} --token-file {desk.folder}/token {SHOP}")
    assert asked == [("Is this serial on the slip? [y/N] ", True)]
    assert nothing_was_made(desk) is bool(end)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def nothing_was_made(desk: Desk) -> bool:
    return "CAJA01" not in desk.passwords.read_text() and not list(desk.claims.glob("*.bundle"))


def test_another_serial_is_another_till(desk, till, capsys):
    assert enroll(desk, till.code, f"{SHOP} --serial 0000000000000000") == 1
    assert "are code and serial as on its newest slip" in capsys.readouterr().err
    assert nothing_was_made(desk)


# --- the power goes, the network, the paper ---------------------------------------------------------------------------


def test_a_till_that_is_switched_on_again_has_the_same_code_and_prints_it_again(till):
    code = till.code
    till.start()
    assert code in till.slip(2).text


@pytest.mark.parametrize("step", range(1, 9))
def test_whatever_moment_the_power_goes_before_it_is_enrolled_the_slip_stays_true(desk, new_till, step):
    till = new_till().plug_in().start(lose_power_at=step)
    assert till.wait_for_the_end() == KILLED
    till.start().slip()
    till.wait_until_it_says(WAITS)
    assert till.codes == {shown(identity(till).code)}
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0
    assert till.configuration().till.id == "CAJA01"


def test_whatever_moment_the_power_goes_afterwards_the_bundle_is_adopted(desk, new_till):
    for step in count(1):
        till = new_till().start()
        till.wait_until_it_says(WAITS)
        till.kill()
        desk.enroll("CAJA01", shown(identity(till).code), "--again")
        end = till.start(lose_power_at=step).wait_for_the_end()
        if end == KILLED:
            assert till.adopt() == 0
            assert till.start().wait_for_the_end() == 0
        assert till.configuration().mercadopago.access_token.reveal() == TOKEN
        assert len(till.adopted) == 4
        if end == 0:
            break
    assert step > FEWEST_STEPS


def test_the_slip_comes_when_there_is_a_printer(desk, new_till):
    till = new_till().start()
    till.wait_until_it_says(WAITS)
    assert not till.printer.tickets
    till.plug_in()
    assert till.code == shown(identity(till).code)


def test_without_network_it_waits_and_says_so_on_paper(desk, new_till):
    desk.relay.kill()
    till = new_till().plug_in().start(hurry="claimant.NETWORK_TIMEOUT_S = 0.5")
    assert "SIN CONEXIÓN" in till.slip().text
    till.wait_until_it_says("the relay can't be reached")
    desk.start()
    till.wait_until_it_says(WAITS)
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0


def test_a_press_of_the_button_prints_the_slip_again(till):
    code = till.code
    assert till.board("lights") == {"green": False, "yellow": True, "red": False}
    till.board("down")
    assert code in till.slip(2).text
    assert "CONEXIÓN" not in till.slip(2).text


def test_a_till_without_pins_claims_as_well(desk, new_till):
    till = new_till().plug_in().start(pins="native")
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0
    assert "no lights and no button" in till.log


def test_a_key_that_a_dying_card_has_broken_is_replaced(till):
    old = till.code
    till.kill()
    (till.state / KEY_FILE).write_bytes(b"\0" * 64)
    till.start()
    assert old not in till.slip(2).text
    assert f"{KEY_FILE} can't be read; this till gets a new code" in till.log


def test_a_card_that_was_copied_makes_a_key_of_its_own(till):
    old = till.code
    till.kill()
    kept = json.loads((till.state / KEY_FILE).read_text())
    (till.state / KEY_FILE).write_text(json.dumps({**kept, "serial": "10000000abcdef01"}))
    till.start()
    assert old not in till.slip(2).text
    assert "is void, or another machine's or relay's" in till.log


# --- the relay --------------------------------------------------------------------------------------------------------


def test_a_relay_that_is_started_again_knows_its_tills(desk, till):
    desk.restart()
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0


def test_a_relay_that_lost_all_claims_is_told_again(desk, till):
    desk.relay.kill()
    shutil.rmtree(desk.claims)
    desk.start()
    wait_until(lambda: bool(list(stored_claims(desk.claims))), "the till claims again")
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0


def test_what_a_power_cut_left_half_written_is_claimed_again(desk, till):
    desk.relay.kill()
    (claim,) = desk.claims.glob("*.claim")
    claim.write_bytes(b"")
    desk.start()
    wait_until(lambda: bool(list(stored_claims(desk.claims))), "the till claims again")


def test_the_open_claims_are_listed(desk, till, capsys):
    assert desk.type("claims") == 0
    listed = capsys.readouterr().out
    assert f"{till.code[:4]}…" in listed
    assert till.code[:5] not in listed
    assert identity(till).serial in listed
    assert "127.0.0.1" in listed
    till.kill()
    desk.enroll("CAJA01", till.code)
    desk.type("claims")
    assert "enrolled, not fetched yet" in capsys.readouterr().out


def test_a_code_that_is_enrolled_already_is_not_enrolled_as_another_till_by_mistake(desk, till, capsys):
    till.kill()
    desk.enroll("CAJA01", till.code)
    line = f"--claim {till.code} {SERIAL} --token-file {desk.folder}/token {SHOP}"
    assert desk.type(f"enroll CAJA02 {line}") == 1
    assert "a bundle waits for this till already" in capsys.readouterr().err
    assert "CAJA02" not in desk.passwords.read_text()
    desk.enroll("CAJA02", till.code, "--again")
    till.start().wait_for_the_end()
    assert till.configuration().till.id == "CAJA02"


def test_a_relay_that_never_ran_has_no_claims_and_that_is_said(desk, capsys):
    desk.relay.kill()
    shutil.rmtree(desk.claims)
    assert desk.type("claims") == 1
    assert "No such file or directory; are you root, and has the relay run?" in capsys.readouterr().err


def test_nobody_waits_and_that_is_said(desk, capsys):
    assert desk.type("claims") == 0
    assert "no till waits" in capsys.readouterr().out


def test_a_relay_that_takes_no_claims_says_so_and_the_till_waits(start_relay, shared_broker, new_till, capsys):
    relay = start_relay(shared_broker.port)
    wait_until(relay.listens, "the relay listens")
    till = new_till(relay.url).plug_in().start()
    till.wait_until_it_says("this relay takes no claims")
    assert till.code


def test_a_relay_of_an_older_release_is_told_on_paper(new_till, serve):
    def as_before(wire: socket.socket) -> None:
        while head := request(wire):
            known, body = (b"404 Not Found", b"") if head.startswith(b"GET") else (b"400 Bad Request", OLD_REFUSAL)
            wire.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (known, len(body), body))

    till = new_till(serve(as_before).url).plug_in().start()
    till.wait_until_it_says("the relay doesn't understand this till: is its release the same?")
    assert "v is 2; this till speaks 1" in till.log
    assert "EL RELAY NO ACEPTA EL ALTA" in till.slip().text


OLD_REFUSAL = b"v is 2; this till speaks 1\n"


def test_a_till_of_an_older_release_is_told_what_to_do(desk):
    old = {"v": 1, "code": "K7QMX4TZ9C", "serial": "100000001", "release": "0.1.0"}
    answer = requests.put(f"{desk.relay.url}/claims/{key(1)}", json.dumps(old), timeout=20)
    assert answer.status_code == 400
    assert answer.text[:80] == "this till's package is older: install the relay's release of till-edge on it\n"[:80]
    wait_until(lambda: "no claim from 127.0.0.1: this till's package is older" in desk.relay.log, "so is its owner")


@pytest.mark.parametrize("script", DRIBBLING.values(), ids=DRIBBLING.keys())
def test_a_relay_whose_answer_does_not_end_is_given_up_and_the_slip_comes(new_till, serve, script):
    began = time.monotonic()
    hurry = (
        f"claimant.NETWORK_TIMEOUT_S = 0.5\nimport edge.install.claim.relay as relay\nrelay.STEP_TIMEOUT_S = {STEP_S}"
    )
    till = new_till(serve(script).url).plug_in().start(hurry=hurry)
    till.wait_until_it_says("the relay ")
    assert "SIN CONEXIÓN" in till.slip().text
    assert time.monotonic() - began < 15, "what dribbles here would go on for a minute"


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Server]]:
    servers: list[Server] = []

    def start(script: Script) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_a_folder_in_which_the_relay_cannot_write_is_told_at_the_start(start_relay, shared_broker, tmp_path):
    (tmp_path / "file").touch()
    relay = start_relay(shared_broker.port, more=f"claims: {{folder: {tmp_path}/file/claims, key_file: key}}\n")
    assert relay.process.wait(20) == 78
    assert "claims.folder: " in relay.log
    assert "Traceback" not in relay.log


# --- in between -------------------------------------------------------------------------------------------------------


def test_the_relay_holds_nothing_that_it_can_read(desk, till):
    till.kill()
    desk.enroll("CAJA01", till.code, f"--out {desk.folder}/copy")
    (sealed,) = desk.claims.glob("*.bundle")
    password = (desk.folder / "copy" / "broker_password").read_bytes()
    everything = b"".join(path.read_bytes() for path in desk.claims.iterdir()) + desk.relay.log.encode()
    for secret in (TOKEN.encode(), password, b"CAJA01"):
        assert secret not in everything
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    assert stat.S_IMODE(sealed.parent.stat().st_mode) == 0o700


def rewrite(desk: Desk, **changes: str) -> None:
    """Somebody in between changes what the till says of itself."""
    (claim,) = desk.claims.glob("*.claim")
    claim.write_bytes(encode({**json.loads(claim.read_bytes()), **changes}))


def swap_the_share(desk: Desk, till: ClaimingTill, guess: str) -> Identity:
    """Somebody in between puts his own share in the place of the till's, made with his guess at the code."""
    true = identity(till)
    own = renewed(replace(true, code=guess), guessed=False)
    (claim,) = desk.claims.glob("*.claim")
    claim.rename(claim.with_name(f"{own.share}.claim"))
    return own


def other_code(code: str) -> str:
    """Another code with the same nameplate."""
    plain = parse_code(code)
    other = CODE_ALPHABET[CODE_ALPHABET.index(plain[4]) ^ 1]
    return make_code([CODE_ALPHABET.index(each) for each in plain[:4] + other + plain[5:9]])


def test_a_share_that_was_exchanged_on_the_way_is_one_guess(desk, till):
    """What he gets opens with the code that he guessed, or with nothing."""
    till.kill()
    wrong = swap_the_share(desk, till, other_code(till.code))
    desk.enroll("CAJA01", till.code)
    with pytest.raises(WrongCodeError):
        wrong.open((desk.claims / f"{wrong.share}.bundle").read_bytes())
    (desk.claims / f"{wrong.share}.bundle").unlink()
    right = swap_the_share(desk, till, parse_code(till.code))
    desk.enroll("CAJA01", till.code, "--again")
    opened = right.open((desk.claims / f"{right.share}.bundle").read_bytes())
    assert "config.yaml" in opened.files(right.signer), "or this shows nothing"


def test_a_serial_that_was_changed_on_the_way_ends_the_exchange(desk, till):
    till.kill()
    rewrite(desk, serial=f"666{serial()}")
    desk.enroll("CAJA01", till.code)
    till.start().wait_until_it_says("a bundle came that was sealed without this till's code")
    assert not till.adopted


def test_a_false_claim_beside_the_true_one_stops_both_and_that_is_said(desk, till, capsys):
    (claim,) = desk.claims.glob("*.claim")
    shutil.copy(claim, claim.with_name(f"{renewed(identity(till), guessed=False).share}.claim"))
    assert enroll(desk, till.code) == 1
    assert f"2 tills wait with codes that begin with {till.code[:4]}; nothing was sent" in capsys.readouterr().err
    assert nothing_was_made(desk)


@pytest.mark.parametrize("share", ["00" * 32, "ff" * 32, "01" + "00" * 31, "02" + "00" * 31, "ec" + "ff" * 30 + "7f"])
def test_a_share_that_no_till_makes_gets_nothing(desk, till, capsys, share):
    till.kill()
    (claim,) = desk.claims.glob("*.claim")
    claim.rename(claim.with_name(f"{share}.claim"))
    assert enroll(desk, till.code) == 1
    assert "somebody has made it up; nothing was sent" in capsys.readouterr().err
    assert not list(desk.claims.glob("*.bundle"))


def test_a_bundle_for_another_till_is_not_taken(desk, new_till):
    first, second = new_till().plug_in().start(), new_till().plug_in().start()
    codes = first.code, second.code
    first.wait_until_it_says(WAITS)
    second.wait_until_it_says(WAITS)
    first.kill()
    desk.enroll("CAJA01", codes[0])
    next(desk.claims.glob("*.bundle")).rename(desk.claims / f"{identity(second).share}.bundle")
    second.wait_until_it_says("a bundle came that was sealed without this till's code")
    assert not (second.home / "config.yaml").exists()
    wait_until(lambda: (desk.claims / f"{identity(second).share}.claim").exists(), "the till claims with a new share")
    desk.enroll("CAJA02", codes[1])
    assert second.wait_for_the_end() == 0
    assert second.configuration().till.id == "CAJA02"


# --- guessing ---------------------------------------------------------------------------------------------------------


def guess(desk: Desk, till: ClaimingTill) -> None:
    """Somebody at the relay sends a bundle as soon as the till has a new share, and waits until it was tried."""
    share = identity(till).share
    wait_until(lambda: (desk.claims / f"{share}.claim").exists(), "the till claims")
    store_bundle(desk.claims, share, os.urandom(300))
    wait_until(lambda: identity(till).share != share, "the till has tried it")


def test_after_five_wrong_bundles_the_code_is_void_until_somebody_presses_the_button(desk, till):
    old = till.code
    for number in range(MAX_WRONG_BUNDLES):
        assert "ANULADO" not in till.printer.tickets[-1].text, number
        guess(desk, till)
    void = till.slip(2).text
    assert "CÓDIGO ANULADO" in void
    assert old not in void
    share = identity(till).share
    time.sleep(1.5)  # several times as long as it waits between two questions
    assert not list(desk.claims.glob("*.claim")), "it asks no more"
    till.board("down")
    new = CODE.findall(till.slip(3).text)
    assert new != [old]
    assert identity(till).share != share
    till.wait_until_it_says(WAITS)
    wait_until(lambda: bool(list(desk.claims.glob("*.claim"))), "the till claims again")
    assert enroll(desk, old) == 1
    desk.enroll("CAJA01", new[0])
    assert till.wait_for_the_end() == 0


def test_guesses_are_counted_over_power_cuts_and_a_void_code_does_not_come_back(desk, till):
    old = till.code
    for _ in range(MAX_WRONG_BUNDLES - 1):
        guess(desk, till)
    till.start()
    assert old in till.slip(2).text
    guess(desk, till)
    assert "CÓDIGO ANULADO" in till.slip(3).text
    till.start()
    assert CODE.findall(till.slip(4).text) != [old]


def test_a_bundle_that_does_not_fit_is_no_guess_and_each_has_a_share_of_its_own(desk, new_till, capsys):
    desk.type("claims --card")
    till = new_till(capsys.readouterr().out.strip()).start()
    till.wait_until_it_says(WAITS)
    desk.configure("tills: {host: mqtt.example.net, ca_file: ca.pem}\n")
    (desk.folder / "ca.pem").write_text("no certificate\n")
    shares = {identity(till).share}
    for _ in range(MAX_WRONG_BUNDLES + 1):
        share = identity(till).share
        wait_until(lambda share=share: (desk.claims / f"{share}.claim").exists(), "the till claims")
        desk.enroll("CAJA01", shown(identity(till).code), "--again")
        wait_until(lambda share=share: identity(till).share != share, "the till has tried it")
        shares.add(identity(till).share)
    assert len(shares) == MAX_WRONG_BUNDLES + 2
    assert identity(till).wrong_bundles == 0


# --- whom to trust ----------------------------------------------------------------------------------------------------


def test_a_till_whose_card_names_our_key_takes_nobody_elses_bundle(desk, new_till, capsys):
    """Not even from somebody who knows the code."""
    assert desk.type("claims --card") == 0
    till = new_till(capsys.readouterr().out.strip()).plug_in().start()
    till.wait_until_it_says(WAITS)
    ours = desk.folder / "claim_key"
    ours.rename(desk.folder / "ours")
    assert enroll(desk, till.code) == 1
    assert f"that till's card names the key {identity(till).signer}, and ours is " in capsys.readouterr().err
    assert nothing_was_made(desk)
    till.kill()
    rewrite(desk, signer="")  # he makes his own desk send it all the same
    desk.enroll("CAJA66", till.code)
    till.start().wait_until_it_says("a bundle came that was sealed without this till's code")
    (desk.folder / "ours").rename(ours)
    wait_until(lambda: bool(list(desk.claims.glob("*.claim"))), "the till claims with a new share")
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0
    assert till.configuration().till.id == "CAJA01"


def test_a_bundle_with_which_the_daemon_could_not_start_is_not_taken(desk, till):
    desk.configure("tills: {host: mqtt.example.net, ca_file: ca.pem}\n")
    (desk.folder / "ca.pem").write_text("no certificate\n")
    desk.enroll("CAJA01", till.code)
    till.wait_until_it_says("this bundle can't be adopted; enroll the code again: ")
    assert "ca.pem" in till.log
    assert not till.adopted
    desk.configure("tills: {host: mqtt.example.net}\n")
    wait_until(lambda: (desk.claims / f"{identity(till).share}.claim").exists(), "the till claims with a new share")
    desk.enroll("CAJA01", till.code, "--again")
    assert till.wait_for_the_end() == 0


# --- what a person must mend ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("enroll CAJA01 --claim CODE SERIAL --token-file token", "add the shop's time zone"),
        (f"enroll CAJA01 --claim CODE SERIAL {SHOP}", "its access token, by --token-file"),
        (f"enroll CAJA01 --claim CODE SERIAL {SHOP} --token-file nowhere", "nowhere can't be read"),
        (f"enroll CAJA01 --claim CODE SERIAL {SHOP} --token-file empty", "holds no access token"),
        (f"enroll CAJA01 --claim CODE SERIAL {SHOP} --token-file relay.yaml", "holds no access token"),
    ],
)
def test_what_is_missing_is_said_and_nobody_is_let_in(desk, till, capsys, line, says):
    (desk.folder / "empty").touch()
    for name in ("token", "nowhere", "empty", "relay.yaml"):
        line = line.replace(f"--token-file {name}", f"--token-file {desk.folder}/{name}")
    assert desk.type(line.replace("CODE", till.code).replace("SERIAL", SERIAL)) == 1
    assert says in capsys.readouterr().err
    assert "CAJA01" not in desk.passwords.read_text()
    assert not list(desk.claims.glob("*.bundle"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("relay.example.net", "is no address of a relay; write one like https://relay.example.net"),
        ("https://[relay.example.net", "is no address of a relay"),
        ("https://relay.example.net:99999", "is no address of a relay"),
        ("http://relay.example.net", "claims are sent over https only; write https://"),
        ("https://relay.example.net#abc", "is no key; copy the line of `till-relay claims --card`"),
        ("", "relay_url: '' is no address"),
    ],
)
def test_an_address_that_can_be_none_is_told(new_till, url, says):
    till = new_till(url or "# nothing").plug_in()
    assert till.start().wait_for_the_end() == 78
    assert says in till.log
    assert "MAL CONFIGURADA" in till.slip().text, "nobody reads the log"
    assert says in " ".join(till.slip().text.split())


def test_the_signing_key_is_made_once_and_for_root_only(desk, capsys):
    desk.type("claims --card")
    desk.type("claims --card")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[1]
    assert lines[0].startswith(f"{desk.relay.url}#")
    assert stat.S_IMODE((desk.folder / "claim_key").stat().st_mode) == 0o600
    (desk.folder / "claim_key").write_text("0123\n")
    assert desk.type("claims --card") == 1
    assert "holds no key; remove it" in capsys.readouterr().err


# --- too many ---------------------------------------------------------------------------------------------------------

CLAIM = Claim("K7QM", "100000001", "0.1.0", "")


def key(number: int) -> str:
    return f"{number:064x}"


def put(desk: Desk, number: int, address: str) -> requests.Response:
    """A claim of somebody at `address`, as the web server in front hands it on."""
    url = f"{desk.relay.url}/claims/{key(number)}"
    return requests.put(url, encode_claim(CLAIM), headers={"X-Forwarded-For": f"9.9.9.9, {address}"}, timeout=20)


def test_a_flood_from_one_address_stops_neither_the_others_nor_the_doorbells(desk, till):
    answers = [put(desk, number, "192.0.2.1") for number in range(80)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 20
    assert all(10 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    assert put(desk, 1000, "192.0.2.2").status_code == 201
    assert put(desk, 1001, "2001:db8:1:2::1").status_code == 201
    assert desk.relay.notify() == 201
    desk.enroll("CAJA01", till.code)
    assert till.wait_for_the_end() == 0


def test_a_network_counts_as_one_address(desk):
    answers = {put(desk, number, f"2001:db8::{number:x}").status_code for number in range(80)}
    assert answers == {201, 429}
    assert {each.address for each in stored_claims(desk.claims)} == {"2001:db8::/64"}


def test_a_till_that_is_refused_waits_as_long_as_it_is_told(desk, new_till):
    for number in range(61):
        put(desk, number, "127.0.0.1")
    till = new_till().plug_in().start()  # and it goes on, or there would be room again by the time that it asks
    for number in count(61):
        put(desk, number, "127.0.0.1")
        if "the relay answers 429" in till.log:
            break
        assert number < 20_000, till.log
    assert "CONEXIÓN" not in till.slip().text
    time.sleep(1.5)  # after which it would be let in; it was told to wait for ten seconds at least
    assert WAITS not in till.log


def test_whoever_was_unseen_the_longest_makes_room_and_nobody_who_is_enrolled(tmp_path):
    claims = ClaimStore(tmp_path / "claims", max_claims=4, max_per_address=3)
    for number, address in enumerate(("192.0.2.1", "192.0.2.1", "192.0.2.1")):
        claims.put(key(number), CLAIM, address)
    claims.bundle(key(0))
    claims.put(key(3), CLAIM, "192.0.2.1")
    assert [key(number) in claims for number in range(4)] == [True, False, True, True], "of its own address"
    claims.put(key(4), CLAIM, "192.0.2.2")
    (tmp_path / "claims" / f"{key(2)}.bundle").touch()
    claims.put(key(5), CLAIM, "192.0.2.3")
    assert [key(number) in claims for number in range(6)] == [False, False, True, True, True, True]
    assert len(list(stored_claims(tmp_path / "claims"))) == 4


def test_the_relay_remembers_who_was_seen_last(tmp_path):
    claims = ClaimStore(tmp_path / "claims", max_claims=2)
    claims.put(key(1), CLAIM, "192.0.2.1")
    claims.put(key(2), CLAIM, "192.0.2.2")
    claims.bundle(key(1))
    age(tmp_path / "claims" / f"{key(2)}.claim", 60)
    again = ClaimStore(tmp_path / "claims", max_claims=2)
    again.put(key(3), CLAIM, "192.0.2.3")
    assert [key(number) in again for number in (1, 2, 3)] == [True, False, True]


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_what_is_a_week_old_is_forgotten(tmp_path):
    folder = tmp_path / "claims"
    claims = ClaimStore(folder)
    for number in range(4):
        claims.put(key(number), CLAIM, "192.0.2.1")
    for number in (0, 1):
        (folder / f"{key(number)}.bundle").touch()
    (folder / "left.new").touch()
    for name in (f"{key(0)}.claim", f"{key(0)}.bundle", f"{key(1)}.claim", f"{key(2)}.claim", "left.new"):
        age(folder / name, LIFETIME_S + 60)
    claims.expire()
    assert {path.name for path in folder.iterdir()} == {f"{key(1)}.claim", f"{key(1)}.bundle", f"{key(3)}.claim"}
    with pytest.raises(KeyError):
        claims.bundle(key(0))


def test_no_link_that_somebody_made_in_the_folder_is_followed(tmp_path):
    folder = tmp_path / "claims"
    folder.mkdir()
    outside = tmp_path / "outside"
    outside.write_bytes(encode({**json.loads(encode_claim(CLAIM)), "address": "", "since": 0}))
    (folder / f"{key(1)}.claim").symlink_to(outside)
    assert list(stored_claims(folder)) == []
