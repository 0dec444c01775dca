"""The table of all tills: who needs help comes first, in words, whatever the tills may have written."""

import io
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge.contract.mqtt import MAX_RECORD_BYTES, OFFLINE, encode
from relay.fleet.facts import MAX_DELAY_S, Record, Status, decode_record, decode_status
from relay.fleet.rows import Check, Help, Hours, Row, checks_of, rows_of
from relay.fleet.table import STYLES, ago, picture, summary

NOW = datetime(2026, 11, 24, 22, 4, 5, tzinfo=UTC)
BUENOS_AIRES = ZoneInfo("America/Argentina/Buenos_Aires")


def message(state: str = "ready", **facts: object) -> bytes:
    return encode({"v": 1, "state": state, "printer": "ready", "relay": "online", "api": "ok", **facts})


def status(state: str = "ready", **facts: object) -> Status:
    return decode_status(message(state, **facts))


def record(well: object = True, failed: tuple[object, ...] = (), **facts: object) -> bytes:
    checks = [{"part": "token", "grade": "ok"}, *({"part": part, "grade": "failed"} for part in failed)]
    return encode(
        {"v": 1, "till": "CAJA01", "at": "2026-11-21T19:04:05+00:00", "well": well, "checks": checks, **facts}
    )


def drawn(
    statuses: dict[str, Status],
    width: int = 120,
    height: int = 100,
    shop_is_open: bool = True,
    records: dict[str, Record] | None = None,
) -> str:
    console = Console(width=width, height=height, file=io.StringIO())
    with console.capture() as capture:
        console.print(picture(rows_of(statuses, records or {}, shop_is_open), NOW, [], console, height))
    return capture.get()


def test_who_has_an_older_version_than_another_is_behind_and_is_counted():
    statuses = {till: status(version=version) for till, version in (("A", "0.9.0"), ("B", "0.10.0"), ("C", "0.10.0"))}
    behind = {
        row.till for row in rows_of({**statuses, "D": status(version="?"), "E": status()}, {}, True) if row.is_behind
    }
    assert behind == {"A", "D"}
    assert "1 behind the newest version" in drawn(statuses)
    assert "behind" not in drawn({till: statuses[till] for till in "BC"})


# --- who comes first --------------------------------------------------------------------------------------------------


def test_who_needs_help_most_comes_first():
    statuses = {
        "A-ready": status(),
        "B-busy": status("waiting"),
        "C-other": status("ready", throttled=["under_voltage"]),
        "D-clock": status("starting", api="clock"),
        "E-polling": status("polling"),
        "F-printer": status("printer", printer="no_paper"),
        "G-unreachable": status("unreachable", api="network"),
        "H-attention": status("attention", problems=["late_money: ref-1"]),
        "I-dark": status("offline"),
    }
    assert [row.till for row in rows_of(statuses, {}, shop_is_open=True)] == sorted(statuses, reverse=True)


def test_tills_of_a_kind_are_sorted_by_their_names():
    statuses = {"CAJA03": status(), "CAJA01": status("offline"), "CAJA02": status(), "CAJA00": status("offline")}
    assert [row.till for row in rows_of(statuses, {}, shop_is_open=True)] == ["CAJA00", "CAJA01", "CAJA02", "CAJA03"]


def test_what_is_wrong_counts_even_while_a_sale_outshines_it():
    (row,) = rows_of({"CAJA01": status("paid", printer="cover_open")}, {}, shop_is_open=True)
    assert row.help is Help.PRINTER


def test_a_dark_till_stands_out_while_the_shop_is_open():
    (row,) = rows_of({"CAJA01": status("offline")}, {}, shop_is_open=True)
    assert row.help is Help.DARK
    assert "DARK" in drawn({"CAJA01": status("offline")})
    assert {"bold", "red3"} <= set(STYLES[Help.DARK].split())


def test_a_dark_till_is_dim_while_the_shop_is_closed():
    (row,) = rows_of({"CAJA01": status("offline")}, {}, shop_is_open=False)
    assert row.help is Help.CLOSED
    assert row.wrong == ()
    assert "DARK" not in drawn({"CAJA01": status("offline")}, shop_is_open=False)
    assert STYLES[Help.CLOSED] == "dim"


@pytest.mark.parametrize(
    ("hours", "utc", "is_open"),
    [
        (("08:00", "22:00"), "10:59", False),
        (("08:00", "22:00"), "11:00", True),
        (("08:00", "22:00"), "00:59", True),
        (("08:00", "22:00"), "01:00", False),
        (("18:00", "02:00"), "04:59", True),
        (("18:00", "02:00"), "05:00", False),
        (("18:00", "02:00"), "20:59", False),
        (("18:00", "02:00"), "21:00", True),
        (("00:00", "00:00"), "07:00", True),
    ],
)
def test_hours_are_those_of_the_clock_in_the_shop_and_may_go_over_midnight(hours, utc, is_open):
    shop = Hours(*map(wall_time.fromisoformat, hours), BUENOS_AIRES)
    assert shop.include(datetime.fromisoformat(f"2026-11-24T{utc}:00+00:00")) is is_open


# --- what is wrong, in words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "help_", "words"),
    [
        ({"state": "attention", "problems": ["late_money: ref_1"]}, Help.ATTENTION, "late money: ref_1"),
        ({"state": "attention", "problems": ["silent_printer: "]}, Help.ATTENTION, "silent printer"),
        ({"problems": ["ref_1 has no ticket; `till-edge reprint ref_1`"]}, Help.ATTENTION, "reprint ref_1`"),
        ({"printer": "no_paper"}, Help.PRINTER, "no paper"),
        ({"printer": "gone"}, Help.PRINTER, "switched off or unplugged"),
        ({"printer": "low"}, Help.OTHER, "nearly used up"),
        ({"state": "unreachable", "api": "network", "api_error": "no route"}, Help.UNREACHABLE, "asked: no route"),
        ({"state": "starting", "api": "clock", "api_error": "1970"}, Help.CLOCK, "its clock is wrong: 1970"),
        ({"relay": "offline"}, Help.POLLING, "no relay reaches it"),
        ({"relay": "unheard"}, Help.POLLING, "rights at the broker"),
        ({"state": "starting", "ready_to_sell": False, "not_ready": "no POS yet"}, Help.OTHER, "no POS yet"),
        ({"throttled": ["under_voltage"]}, Help.OTHER, "under voltage"),
        ({"sound_error": "no such device"}, Help.OTHER, "can't be heard: no such device"),
        ({"update_error": "0.2.0: doesn't come up"}, Help.OTHER, "an update was taken back: 0.2.0: doesn't come up"),
        ({"disk_free_mb": 12}, Help.OTHER, "12 MB left"),
        ({"state": "dancing"}, Help.OTHER, "'dancing', which is not known here"),
        ({"state": 5}, Help.OTHER, "reports no state"),
        ({"state": "offline"}, Help.DARK, "no sign of life"),
    ],
)
def test_each_trouble_has_its_words(facts, help_, words):
    (row,) = rows_of({"CAJA01": status(**facts)}, {}, shop_is_open=True)
    assert row.help is help_
    assert words in "; ".join(row.wrong)


def test_a_till_with_two_troubles_says_both():
    said = drawn({"CAJA01": status("attention", problems=["rejected: ref-1"], printer="gone")})
    assert "rejected: ref-1; the printer is switched off" in said


@pytest.mark.parametrize("state", ["ready", "waiting", "working", "paid", "holding", "cancelled"])
def test_of_a_till_that_sells_there_is_nothing_to_say(state):
    (row,) = rows_of({"CAJA01": status(state, ready_to_sell=True, printer="unknown")}, {}, shop_is_open=True)
    assert row.help in (Help.READY, Help.BUSY)
    assert row.wrong == ()


def test_one_odd_answer_of_mercado_pago_is_no_outage():
    (row,) = rows_of(
        {"CAJA01": status("ready", ready_to_sell=True, api="busy", api_error="503")}, {}, shop_is_open=True
    )
    assert row.help is Help.READY


def test_a_till_that_goes_dark_keeps_what_it_had_said():
    before = status(version="0.3.0", last_ticket={"at": "2026-11-24T22:00:05+00:00"})
    dark = decode_status(OFFLINE).after(before, at=NOW - timedelta(minutes=3))
    again = decode_status(OFFLINE).after(dark, at=NOW)
    assert (dark.version, ago(dark.last_ticket, NOW), ago(dark.since, NOW)) == ("0.3.0", "4m", "3m")
    assert again == dark


def test_a_till_that_should_have_repeated_its_status_is_dark():
    said = status(at=NOW.isoformat(), repeated_every_s=300)
    in_time, late = (NOW + timedelta(seconds=300 + seconds) for seconds in (MAX_DELAY_S, MAX_DELAY_S + 1))
    assert not said.as_of(in_time).is_gone
    gone = said.as_of(late)
    assert (gone.is_gone, gone.since) == (True, NOW)
    (row,) = rows_of({"CAJA01": gone}, {}, shop_is_open=True)
    assert row.help is Help.DARK


def test_an_older_till_that_never_repeats_itself_is_not_called_dark():
    year = timedelta(days=365)
    assert not status().as_of(NOW + year).is_gone
    assert not status(at=NOW.isoformat()).as_of(NOW + year).is_gone


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (-5, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3660, "1h 01m"), (86400 * 2 + 7200, "2d 2h")],
)
def test_times_are_told_in_their_largest_units(seconds, words):
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


# --- who should be checked --------------------------------------------------------------------------------------------


def checked(records: dict[str, bytes], *tills: str) -> list[Row]:
    read = {till: decode_record(payload) for till, payload in records.items()}
    return rows_of({till: status() for till in tills}, read, shop_is_open=True)


@pytest.mark.parametrize(
    ("payload", "check", "words"),
    [
        (record(), Check.WELL, ""),
        (record(well=False, failed=("lights", "no_such_part")), Check.FAILED, "failed 3d 3h ago: lights, no such part"),
        (record(well=False), Check.FAILED, "its check failed 3d 3h ago"),
        (record(well=False, at="once", failed=("disk",)), Check.FAILED, "its check failed: disk"),
        (record(well=False, at=None, checks="few"), Check.FAILED, "its check failed"),
        (record(well=False, at=None, checks=[3, {"grade": "failed"}]), Check.FAILED, "its check failed"),
        (record(well="yes"), Check.UNREADABLE, "does not say whether all was well"),
        (record(v=2), Check.UNREADABLE, "can't be read: v is 2; this till speaks 1"),
        (record(padding="x" * MAX_RECORD_BYTES), Check.UNREADABLE, f"at most {MAX_RECORD_BYTES} are read"),
        (b"\xff", Check.UNREADABLE, "not UTF-8: invalid start byte at byte 0"),
        (b"[]", Check.UNREADABLE, "an object is needed"),
    ],
)
def test_each_check_has_its_words_and_none_keeps_a_till_from_being_ready(payload, check, words):
    (row,) = checked({"CAJA01": payload}, "CAJA01")
    assert (row.check, row.help, row.wrong) == (check, Help.READY, ())
    said = drawn({"CAJA01": status()}, width=160, records={"CAJA01": decode_record(payload)}).splitlines()[-1].rstrip()
    assert said.endswith(words or "ready")


def test_of_tills_that_are_equally_well_those_come_first_that_should_be_checked():
    records = {"A": record(), "C": b"?", "D": record(well=False), "E": record()}
    rows = checked(records, "A", "B", "C", "D", "E")
    assert [(row.till, row.check.value) for row in rows] == [
        ("D", "failed"),
        ("C", "unreadable"),
        ("B", "never"),
        ("A", "well"),
        ("E", "well"),
    ]
    assert checks_of(rows) == {"failed": 1, "unreadable": 1, "never": 1, "well": 2, "unknown": 0}
    assert summary(rows).plain == "5 tills: 5 ready · check: 1 failed, 1 unreadable, 1 never"


def test_who_needs_help_to_sell_comes_before_who_failed_a_check():
    statuses = {"A": status(), "B": status("waiting"), "C": status("polling")}
    rows = rows_of(statuses, {"A": decode_record(record(well=False))}, shop_is_open=True)
    assert [row.till for row in rows] == ["C", "B", "A"]


def test_of_a_fleet_without_any_record_nobody_is_said_to_have_never_been_checked():
    """It may be our rights at the broker."""
    rows = checked({}, "CAJA01")
    assert [row.check for row in rows] == [Check.UNKNOWN]
    assert summary(rows).plain == "1 till: 1 ready · check: none that we may read"


def test_of_a_fleet_that_is_all_well_checked_there_is_nothing_to_say():
    assert summary(checked({"CAJA01": record()}, "CAJA01")).plain == "1 till: 1 ready"


def test_a_record_of_a_till_that_has_no_status_is_no_till():
    assert [row.till for row in checked({"REVOKED": record()}, "CAJA01")] == ["CAJA01"]


def test_the_table_says_what_failed_behind_what_is_wrong_now():
    records = {"A": decode_record(record(well=False, failed=("lights",))), "B": decode_record(record())}
    lines = drawn({"A": status(printer="low"), "B": status(), "C": status()}, records=records).splitlines()
    assert lines[-3].rstrip().endswith("the paper is nearly used up; its check failed 3d 3h ago: lights")
    assert re.fullmatch(r"C +ready +ready +never checked *", lines[-2])
    assert re.fullmatch(r"B +ready +ready *", lines[-1])


# --- what a till may write --------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(datetime.isoformat),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = ["state", "since", "version", "ready_to_sell", "not_ready", "printer", "api", "api_error", "relay", "problems"]
KEYS += ["last_ticket", "throttled", "disk_free_mb"]
TROUBLED = st.sampled_from(["offline", "unreachable", "starting", "clock", "low", "2026-01-01T00:00:00+23:59"])
ODD = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON | TROUBLED))


def has_only_shapes(text: str) -> bool:
    return not any(unicodedata.category(char)[0] == "C" for char in text.replace("\n", ""))


@given(facts=ODD, till=st.text())
def test_whatever_a_till_says_is_drawn(facts, till):
    payload = json.dumps({"v": 1, **facts}).encode()
    assert has_only_shapes(drawn({till: decode_status(payload), "CAJA02": status()}, width=80, height=24))


@given(payload=st.binary().filter(lambda payload: not payload.lstrip().startswith(b"{")))
def test_what_is_no_status_is_a_problem_of_its_till(payload):
    (row,) = rows_of({"CAJA01": decode_status(payload)}, {}, shop_is_open=True)
    assert row.help is Help.ATTENTION
    assert "its status can't be read" in row.wrong[0]


@given(
    facts=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["at", "well", "checks"], JSON | st.just([{"grade": "failed"}]))
    )
)
def test_whatever_a_record_says_is_drawn(facts):
    told = decode_record(json.dumps({"v": 1, **facts}).encode())
    assert has_only_shapes(drawn({"CAJA01": status(), "CAJA02": status()}, records={"CAJA01": told}))


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-24T22:00:00", "yesterday", 5, None, ["x"]],
)
def test_odd_dates_are_no_dates_or_very_old(moment):
    records = {"CAJA01": decode_record(record(at=moment))}
    said = drawn({"CAJA01": status(since=moment, last_ticket={"at": moment})}, records=records)
    assert "CAJA01" in said


@pytest.mark.parametrize("megabytes", [-(10**400), 10**400, True, "few", -1])
def test_an_odd_number_is_not_told(megabytes):
    assert "MB left" not in drawn({"CAJA01": status(disk_free_mb=megabytes)})


def test_markup_is_text():
    said = drawn({"[red]CAJA": status("attention", problems=["[bold]fire[/bold] :fire: [/]"], version="[link=x]")})
    assert "[red]CAJA" in said
    assert "[bold]fire[/bold] :fire: [/]" in said
    assert "[link=x]" in said


def test_control_characters_never_reach_the_terminal():
    odd = "\x1b[2J\x1b]0;mine\x07\r\n\x9b31m‮evil\u2066\ud800"
    payload = json.dumps({"v": 1, "state": odd, "problems": [odd], "version": odd}).encode()
    checks = [{"grade": "failed", "part": odd}] * 99
    failed = decode_record(json.dumps({"v": 1, "well": False, "at": odd, "checks": checks}).encode())
    assert has_only_shapes(drawn({odd: decode_status(payload)}, records={odd: failed}))


# --- how it looks -----------------------------------------------------------------------------------------------------

CROWD = (
    {f"CAJA{number:03}": status() for number in range(495)}
    | {f"DARK{number}": status("offline") for number in range(3)}
    | {"LOOK1": status("printer", printer="gone"), "LOOK2": status("polling")}
)


def test_the_summary_counts_the_tills():
    text = summary(rows_of(CROWD, {}, shop_is_open=True))
    assert text.plain == "500 tills: 3 dark, 2 need a look, 495 ready · check: none that we may read"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 6)])
def test_of_500_tills_those_are_shown_that_need_help_and_it_is_said_how_many_more_there_are(width, height):
    lines = drawn(CROWD, width, height).splitlines()
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    assert lines[4].startswith("DARK0")
    assert lines[-1] == f"and {500 - (height - 5)} more: {CROWD_REST[height]}"


CROWD_REST = {24: "481 ready", 40: "465 ready", 6: "2 dark, 2 need a look, 495 ready"}


def test_where_there_is_room_every_word_is_shown():
    words = "one thing and another " * 8
    said = drawn({"CAJA01": status("attention", problems=[words])}, width=80, height=24)
    assert re.sub(r"\s+", " ", said).count("one thing") == 8


def test_where_there_is_none_each_till_has_one_line():
    tills = {f"CAJA{number:02}": status("attention", problems=["one thing and another " * 8]) for number in range(20)}
    lines = drawn(tills, width=80, height=24).splitlines()
    assert len(lines) == 24
    assert sum(line.startswith("CAJA") for line in lines) == 20


def test_a_narrow_terminal_cuts_what_is_wrong_and_nothing_else():
    said = drawn({"SUR-0001": status("unreachable", version="0.3.0", api_error="word " * 30)}, width=70, height=6)
    assert "SUR-0001" in said
    assert "unreachable" in said
    assert "0.3.0" not in said
