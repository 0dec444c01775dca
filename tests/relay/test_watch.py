"""`till-relay watch`, as it ships: a real broker, a mail server and a webhook. Minutes pass as tenths of a second."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sim.mosquitto import Mosquitto
from tests.support.receivers import MailServer, Webhook
from tests.support.relays import PATIENCE, ROOT, wait_until
from tests.support.watched import HEARD_TIMEOUT_S, READY, STATUSES, Fleet, WatchProcess, readable

pytestmark = pytest.mark.slow


@pytest.fixture
def fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with Mosquitto() as broker, MailServer() as mail, Webhook() as hook:
        fleet = Fleet(tmp_path, broker, mail, hook, getattr(request, "param", ""))
        fleet.till(READY)
        yield fleet
        fleet.close()


def begun(fleet: Fleet) -> Fleet:
    """The watch runs, and its first digest is out."""
    fleet.watch.start()
    fleet.both_hear(f"Summary of {day_of(0)}", "Tills that are ready: 1 of 1. Nothing needs a check.")
    return fleet


def day_of(offset: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=offset):%-d %b}"


# --- each cause and its end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", STATUSES)
def test_each_cause_and_its_end_reach_the_mail_and_the_webhook_once(fleet: Fleet, cause: str):
    status, title, text = STATUSES[cause]
    begun(fleet)
    fleet.till(status)
    fleet.both_hear(title, text)
    fleet.hear_nothing(2.0)
    fleet.till(READY)
    fleet.both_hear(f"Over: {title}")
    fleet.hear_nothing(2.0)
    assert "://" not in fleet.watch.log, "an address has a password"


def test_a_relay_that_is_down_and_a_broker_that_is_away_reach_them_too(fleet: Fleet):
    begun(fleet)
    fleet.relay("offline")
    fleet.both_hear("the relay is down")
    fleet.relay("online")
    fleet.both_hear("Over: the relay is down")
    fleet.broker.stop()
    fleet.both_hear("the broker doesn't answer", "nobody knows how the tills are")
    assert fleet.watch.metrics()["till_watch_broker_connected",] == 0
    fleet.broker.start()
    fleet.both_hear("Over: the broker doesn't answer")


@pytest.mark.parametrize(
    "fleet", [f"  token_ends:\n  - CAJA01 {date.today() + timedelta(days=5)}\n"], indirect=True, ids=["in five days"]
)
def test_a_token_that_ends_soon_reaches_them_and_its_end_when_the_day_is_changed(fleet: Fleet):
    begun(fleet)
    fleet.both_hear("CAJA01: the token expires", f"expires on {day_of(5)}. Write a new one before that day.")
    fleet.watch.end()
    written = fleet.watch.config.read_text()
    fleet.watch.config.write_text(written.replace(str(date.today() + timedelta(days=5)), "2099-01-01"))
    fleet.watch.start()
    fleet.both_hear("Over: CAJA01: the token expires")


# --- nothing twice ----------------------------------------------------------------------------------------------------


def test_a_watch_that_is_killed_again_and_again_tells_nothing_twice(fleet: Fleet):
    begun(fleet)
    fleet.till(STATUSES["printer"][0])
    fleet.both_hear("CAJA01: doesn't print")
    fleet.watch.wait_until_remembered()
    for _ in range(5):
        fleet.watch.end(signal.SIGKILL)
        fleet.watch.start()
        wait_until(lambda: readable(fleet.watch).get(("till_up", "CAJA01")) == 1, "it watches again")
        fleet.hear_nothing(2.0)
    fleet.watch.end(signal.SIGKILL)
    fleet.till(READY)
    fleet.watch.start()
    fleet.both_hear("Over: CAJA01: doesn't print")
    fleet.hear_nothing(2.0)


def test_a_watch_that_is_killed_while_it_sends_marks_the_repetition(fleet: Fleet):
    begun(fleet)
    fleet.hook.gate.clear()  # the webhook has it, and doesn't say so
    fleet.till(STATUSES["printer"][0])
    assert fleet.hook.posts.get(timeout=HEARD_TIMEOUT_S)[0] == "till-edge: CAJA01: doesn't print"
    fleet.watch.end(signal.SIGKILL)
    fleet.hook.gate.set()
    fleet.watch.start()
    title, text = fleet.hook.posts.get(timeout=HEARD_TIMEOUT_S)
    assert title == "till-edge: CAJA01: doesn't print"
    assert text.startswith("This may be a repetition: the last attempt was cut off.")
    assert "repetition" not in fleet.mail.mails.get(timeout=HEARD_TIMEOUT_S)[1]
    fleet.hear_nothing(2.0)


def test_a_watch_that_is_told_to_stop_while_it_sends_finishes_first(fleet: Fleet):
    begun(fleet)
    fleet.hook.gate.clear()
    fleet.till(STATUSES["printer"][0])
    fleet.hook.posts.get(timeout=HEARD_TIMEOUT_S)
    assert fleet.watch.process
    fleet.watch.process.terminate()
    fleet.hook.gate.set()
    assert fleet.watch.process.wait(PATIENCE) == 0
    fleet.mail.mails.get(timeout=HEARD_TIMEOUT_S)
    fleet.watch.start()
    fleet.hear_nothing()


def test_a_mail_server_that_is_down_is_tried_again_and_the_webhook_hears_nothing_twice(fleet: Fleet):
    begun(fleet)
    fleet.mail.stop()
    fleet.till(STATUSES["dark"][0])
    assert fleet.hook.posts.get(timeout=HEARD_TIMEOUT_S)[0] == "till-edge: CAJA01: no sign of life"
    wait_until(
        lambda: fleet.watch.log.count("not delivered: till-edge: CAJA01: no sign of life") >= 2, "it was tried twice"
    )
    assert fleet.watch.metrics()["till_watch_messages_total", "mailto in line 1", "failed"] >= 2
    fleet.watch.end(signal.SIGKILL)
    fleet.watch.start()
    fleet.mail.start()
    assert fleet.mail.mails.get(timeout=HEARD_TIMEOUT_S)[0] == "till-edge: CAJA01: no sign of life"
    fleet.hear_nothing()


# --- the night --------------------------------------------------------------------------------------------------------


def test_nothing_comes_at_night_and_all_of_it_in_the_morning(fleet: Fleet):
    begun(fleet)
    fleet.watch.at(23)
    for status, till in (
        (STATUSES["printer"][0], "CAJA01"),
        (STATUSES["card"][0], "CAJA02"),
        (STATUSES["dark"][0], "CAJA03"),
    ):
        fleet.till(status, till)
    fleet.hear_nothing()
    fleet.watch.at(8.2, day=1)
    fleet.both_hear(f"Summary of {day_of(1)}", "- CAJA02: The memory card fails, or is full: disk I/O error.")
    fleet.hear_nothing(2.0)
    fleet.watch.at(9.2, day=1)
    fleet.both_hear("CAJA03: no sign of life")


# --- metrics, and what a person types ---------------------------------------------------------------------------------


def test_the_metrics_say_how_the_tills_are(fleet: Fleet):
    fleet.till(
        READY | {"disk_free_mb": 12000, "round_trip_ms": 40, "throttled": ["hot"], "today": {"printed": 7}}, "CAJA02"
    )
    fleet.till(STATUSES["dark"][0], "CAJA03")
    fleet.watch.start()
    wait_until(lambda: ("till_alert", "dark", "CAJA03") in readable(fleet.watch), "the alert shows")
    found = fleet.watch.metrics()
    assert [found["till_up", f"CAJA0{number}"] for number in (1, 2, 3)] == [1, 1, 0]
    assert found["till_disk_free_bytes", "CAJA02"] == 12e9
    assert found["till_relay_round_trip_seconds", "CAJA02"] == 0.04
    assert found["till_throttled", "hot", "CAJA02"] == 1
    assert found["till_tickets_today", "printed", "CAJA02"] == 7
    assert ("till_ready_to_sell", "CAJA03") not in found


def run(watch: WatchProcess, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "relay", "watch", *words, "--config", str(watch.config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_test_message_reaches_each_channel_and_one_that_fails_is_named(fleet: Fleet):
    done = run(fleet.watch, "--test")
    assert (done.returncode, done.stdout) == (0, "mailto in line 1: sent\njson in line 2: sent\n")
    fleet.both_hear("test", "This is how till-edge's alerts arrive.")
    fleet.mail.stop()
    done = run(fleet.watch, "--test")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "mailto in line 1: FAILED; apprise says why above")


def test_all_mistakes_of_the_channels_are_told_at_once_and_no_address_shows(fleet: Fleet):
    channels = fleet.watch.config.parent / "channels"
    channels.write_text("# mine\nbogus://hunter2\nhunter2\njson://h/hunter2\njson://h/hunter2\n")
    done = run(fleet.watch)
    lines = done.stderr.splitlines()
    assert done.returncode == 78
    assert [line.partition(": ")[0] for line in lines] == [f"{channels}:{number}" for number in (2, 3, 5)]
    assert "hunter2" not in done.stderr


def test_a_memory_that_cannot_be_written_and_a_missing_section_are_mistakes_of_the_configuration(fleet: Fleet):
    text = fleet.watch.config.read_text()
    fleet.watch.config.write_text(text.replace("memory_file: memory.json", "memory_file: gone/memory.json"))
    done = run(fleet.watch)
    assert done.returncode == 78
    assert done.stderr.startswith("watch.memory_file: ")
    fleet.watch.config.write_text(text.partition("watch:")[0])
    done = run(fleet.watch)
    assert (done.returncode, "has no section watch" in done.stderr) == (78, True)
