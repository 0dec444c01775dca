"""Who may use the page: codes, their few tries, the lock, and sessions that end."""

import json
from pathlib import Path

import pytest

from edge.page.access import (
    BUTTON_TIMEOUT_S,
    CODE_LASTS_S,
    LOCK_S,
    MAX_SESSIONS,
    MAX_WRONG_CODES,
    SEEN_EVERY_S,
    SESSION_LASTS_S,
    Access,
    AccessError,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_772_480_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "journal.page-access"


@pytest.fixture
def access(path, clock) -> Access:
    return Access(path, clock)


def refused(do, *words: str) -> str:
    with pytest.raises(AccessError) as error:
        do(*words)
    return error.value.reason


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def let_in(access: Access, clock: Clock, label: str = "phone") -> str:
    clock.now += BUTTON_TIMEOUT_S
    return access.enter(*access.ask(), label)


def test_the_code_lets_the_device_in_that_asked_once(access):
    device, code = access.ask()
    assert (len(code), code.isdigit(), access.asks(device)) == (6, True, True)
    session = access.session(access.enter(device, code, "phone"))
    assert session.label == "phone"
    assert refused(access.enter, device, code, "again") == "expired"


def test_a_code_is_of_no_use_to_another_device(access):
    _, code = access.ask()
    assert refused(access.enter, "another", code, "thief") == "expired"
    assert access.sessions == ()


def test_while_one_device_waits_for_the_button_no_other_can_ask(access, clock):
    device, _ = access.ask()
    assert refused(access.ask) == "busy"
    clock.now += BUTTON_TIMEOUT_S
    access.ask()
    assert not access.asks(device)


def test_a_device_that_asks_no_more_makes_room(access):
    device, _ = access.ask()
    access.withdraw("another")
    assert refused(access.ask) == "busy"
    access.withdraw(device)
    access.ask()


def test_a_code_is_good_for_five_minutes(access, clock):
    device, code = access.ask()
    clock.now += CODE_LASTS_S
    assert refused(access.enter, device, code, "late") == "expired"


def test_five_wrong_codes_lock_for_a_minute_and_end_the_code(access, path, clock):
    device, code = access.ask()
    reasons = [refused(access.enter, device, wrong(code), "thief") for _ in range(MAX_WRONG_CODES)]
    assert reasons == ["wrong"] * (MAX_WRONG_CODES - 1) + ["locked"]
    assert refused(access.enter, device, code, "owner") == "locked"
    assert refused(Access(path, clock).ask) == "locked"  # a restart doesn't open it
    clock.now += LOCK_S
    assert refused(access.enter, device, code, "owner") == "expired"
    assert access.session(access.enter(*access.ask(), "owner"))


def test_after_four_wrong_codes_the_right_one_still_counts_and_a_restart_forgets_none(access, path, clock):
    device, code = access.ask()
    for _ in range(MAX_WRONG_CODES - 1):
        access = Access(path, clock)
        assert refused(access.enter, device, wrong(code), "clumsy") == "wrong"
    assert access.session(access.enter(device, code, "clumsy"))


def test_a_session_outlives_a_restart_and_ends_when_it_is_not_used(access, path, clock):
    secret = let_in(access, clock)
    clock.now += SESSION_LASTS_S - 1
    assert Access(path, clock).session(secret)
    assert Access(path, clock).session(secret).seen == clock.now
    clock.now += SESSION_LASTS_S
    assert Access(path, clock).session(secret) is None


def test_the_disk_is_spared(access, path, clock):
    secret = let_in(access, clock)
    before = path.stat().st_ino
    clock.now += SEEN_EVERY_S - 1
    access.session(secret)
    assert path.stat().st_ino == before


def test_a_session_that_is_ended_is_ended(access, path, clock):
    kept, ended = let_in(access, clock, "kept"), let_in(access, clock, "ended")
    access.end(access.session(ended).id)
    assert access.session(ended) is None
    assert [each.label for each in Access(path, clock).sessions] == ["kept"]
    assert access.session(kept)


def test_the_one_that_was_not_used_for_longest_makes_room(access, clock):
    secrets = [let_in(access, clock) for _ in range(MAX_SESSIONS + 1)]
    assert [access.session(secret) is not None for secret in secrets] == [False] + [True] * MAX_SESSIONS


@pytest.mark.parametrize("secret", ["", "x", "A" * 43])
def test_nobody_else_has_a_session(access, clock, secret):
    let_in(access, clock)
    assert access.session(secret) is None


def test_who_reads_the_file_finds_no_code_and_no_secret(access, path, clock):
    secret = let_in(access, clock)
    clock.now += BUTTON_TIMEOUT_S
    device, code = access.ask()
    text = path.read_text()
    assert secret not in text
    assert device not in text
    assert f'"{code}"' not in text
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sessions": [{}]}', "null", '{"sessions": 7}'])
def test_a_file_that_can_not_be_read_lets_nobody_in(path, clock, content):
    path.write_text(content)
    access = Access(path, clock)
    assert access.sessions == ()
    assert let_in(access, clock)
    assert json.loads(path.read_text())["sessions"]


def test_a_link_in_its_place_is_not_followed(tmp_path, path, clock):
    target = tmp_path / "target"
    target.write_text("precious")
    path.symlink_to(target)
    let_in(Access(path, clock), clock)
    assert target.read_text() == "precious"
