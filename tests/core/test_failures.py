"""When a slip says what fails: once it has lasted, once an hour, behind the tickets, and never when it is over."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.config.schema import TicketConfig, TillConfig
from edge.core import duties, events
from edge.core.failures import NO_POS, SLIP_EVERY_S
from edge.core.links import HOLDS_AFTER_S, report_duty
from edge.core.notices import Concern
from edge.core.state import Till
from edge.core.status import status
from edge.journal.store import Journal
from edge.paper.failure_words import FAILURE_WORDS
from edge.paper.slips import MOST_DETAILS, lay_out_failure
from edge.paper.ticket import as_text
from tests.support.desk import Books, Desk, with_history, with_settings
from tests.support.facts import PAID, POS, REFERENCE

OUT = events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)
GONE = events.TicketRefused(events.Paper.GONE)
BROKEN = events.TicketInterrupted(events.Paper.READY)
MINUTE = 60.0


def told(desk: Desk, end: events.TicketEnd = OUT) -> duties.PrintFailure | None:
    """Print the slip that is owed, if one is."""
    slip = desk.owed()
    if isinstance(slip, duties.PrintFailure):
        desk.hear(events.SlipBegun(slip))
        desk.hear(events.SlipTried(slip, end))
        return slip
    return None


def causes(desk: Desk, seconds: float) -> list[duties.Cause]:
    """What is told in a time, each slip printed as soon as it is owed."""
    slips = []
    for _ in range(round(seconds / 5)):
        slips.append(told(desk.wait(5)))
    return [slip.cause for slip in slips if slip]


def failing(trouble: events.Trouble, till: Till | None = None) -> Desk:
    """A till that sold until now, when Mercado Pago goes away."""
    desk = Desk(till)
    desk.books.down, desk.books.trouble = True, trouble
    return desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "1")).settle()


# --- what fails ----------------------------------------------------------------------------------------------------


def test_no_internet_is_told_when_it_lasted_for_a_minute():
    desk = failing(events.Trouble.NETWORK)
    assert causes(desk, 55) == []
    slip = told(desk.wait(35))
    assert (slip.cause, slip.why) == (duties.Cause.NO_INTERNET, "no connection")
    assert slip.at is not None


def test_a_slip_is_not_older_than_the_last_answer():
    """After a while Mercado Pago is asked every half minute only, and may be back."""
    desk = failing(events.Trouble.NETWORK)
    while not isinstance(desk.wait(0.25).owed(), duties.PrintFailure):
        assert desk.now < 2000
    assert desk.now == desk.till.api.failed_at


def test_a_blip_is_told_by_nobody():
    desk = failing(events.Trouble.NETWORK)
    desk.wait(50)
    desk.books.down = False
    assert causes(desk, 10 * MINUTE) == []


def test_with_a_broker_out_on_the_internet_there_is_internet_and_it_is_mercado_pago():
    far = failing(events.Trouble.NETWORK, with_settings(broker_far=True))
    assert causes(far, 4 * MINUTE) == []
    assert causes(far, 2 * MINUTE) == [duties.Cause.API_DOWN]
    lost = failing(events.Trouble.NETWORK, with_settings(broker_far=True)).hear(events.BrokerLost("no route"))
    assert causes(lost, 100) == [duties.Cause.NO_INTERNET]


def test_a_mercado_pago_in_trouble_is_given_five_minutes():
    desk = failing(events.Trouble.BUSY)
    assert causes(desk, 5 * MINUTE - 10) == []
    assert causes(desk, 45) == [duties.Cause.API_DOWN]


def test_one_odd_question_is_no_failure():
    desk = Desk()
    for _ in range(100):
        desk.wait(5).hear(events.Answered(duties.Verify("odd"), events.Unreachable(events.Trouble.BUSY, "unreadable")))
        assert told(desk) is None


def test_a_wrong_clock_is_given_two_minutes_and_its_slip_has_no_date():
    desk = Desk(books=Books(down=True, trouble=events.Trouble.CLOCK))
    assert causes(desk, 2 * MINUTE - 10) == []
    slip = told(desk.wait(45))
    assert (slip.cause, slip.at) == (duties.Cause.WRONG_CLOCK, None)


def test_a_date_that_only_the_journal_knows_is_not_shown():
    before = Desk()
    before.books.down = True
    slip = told(before.restart().wait(90))
    assert (before.till.history.swept_until is not None, slip.cause, slip.at) == (True, duties.Cause.NO_INTERNET, None)


def test_a_refused_token_is_told_at_once():
    assert told(failing(events.Trouble.REFUSED)).cause is duties.Cause.TOKEN_REFUSED


@pytest.mark.parametrize("pos_id", ["", POS])
def test_a_till_that_mercado_pago_does_not_know_is_told_at_once(pos_id):
    """Be it that it knew it yesterday, so that it is still asked what was paid there."""
    desk = Desk(with_history(with_settings(), pos_id=pos_id))
    desk.hear(events.Answered(duties.FindPos(), events.NotFound())).settle()
    slip = told(desk)
    assert (slip.cause, slip.why) == (duties.Cause.WRONG_TILL, NO_POS)
    assert causes(desk.hear(events.Answered(duties.FindPos(), events.NotFound())), 5) == []
    desk.hear(events.Answered(duties.FindPos(), events.PosFound(POS)))
    assert duties.Cause.WRONG_TILL not in desk.till.failures.since


def test_a_refused_token_is_told_behind_an_unknown_till():
    desk = Desk().hear(events.Answered(duties.FindPos(), events.NotFound()))
    assert causes(desk, 5) == [duties.Cause.WRONG_TILL]
    desk.hear(events.Answered(duties.LookAtTill(), events.Unreachable(events.Trouble.REFUSED, "401")))
    assert causes(desk, 5) == [duties.Cause.TOKEN_REFUSED]


def test_twins_are_told_at_once_and_until_somebody_has_looked():
    desk = Desk().hear(events.BrokerLost("thrown out again and again", events.BrokerTrouble.TWINS))
    slip = told(desk)
    assert (slip.cause, slip.why) == (duties.Cause.TWINS, "thrown out again and again")
    desk.press()
    assert causes(desk, 2 * SLIP_EVERY_S) == []


def test_a_lost_broker_is_a_matter_of_the_lights():
    assert causes(Desk().hear(events.BrokerLost("no route"), events.RelaySeen(online=False)), 10 * MINUTE) == []


def test_a_journal_that_takes_nothing_is_told_and_nothing_else_is_meanwhile():
    desk = failing(events.Trouble.NETWORK).hear(events.JournalTried("the disk is full"))
    slip = told(desk.wait(2 * MINUTE))
    assert (slip.cause, slip.why) == (duties.Cause.NO_MEMORY, "the disk is full")
    assert causes(desk, 2 * MINUTE) == []
    desk.hear(events.JournalTried(""))
    assert causes(desk, 5) == [duties.Cause.NO_INTERNET]


# --- how often -----------------------------------------------------------------------------------------------------


def test_an_outage_of_a_night_is_one_slip():
    assert causes(failing(events.Trouble.NETWORK), 12 * SLIP_EVERY_S) == [duties.Cause.NO_INTERNET]


def test_what_comes_and_goes_is_told_once_an_hour():
    desk, slips = failing(events.Trouble.NETWORK), []
    for _ in range(18):  # five minutes each
        slips += causes(desk, 3 * MINUTE)
        desk.books.down = False
        slips += causes(desk, 2 * MINUTE)
        desk.books.down = True
        desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "1")).settle()
    assert slips == [duties.Cause.NO_INTERNET] * 2


def test_who_presses_the_button_may_not_have_seen_the_slip_of_an_hour_ago():
    desk = failing(events.Trouble.REFUSED)
    assert told(desk)
    assert causes(desk, SLIP_EVERY_S) == []
    desk.press()
    assert causes(desk, 5) == [duties.Cause.TOKEN_REFUSED]
    desk.press()
    assert causes(desk, 5) == []


def test_each_cause_has_its_own_hour():
    desk = failing(events.Trouble.REFUSED)
    assert causes(desk, 5) == [duties.Cause.TOKEN_REFUSED]
    desk.books.trouble = events.Trouble.NETWORK
    assert causes(desk, 3 * MINUTE) == [duties.Cause.NO_INTERNET]


# --- the printer ---------------------------------------------------------------------------------------------------


def test_a_ticket_comes_first():
    desk = Desk()
    desk.hear(events.PrinterSeen(events.Paper.OUT))
    desk.books.write(PAID)
    desk.ring(PAID.id)
    desk.books.down, desk.books.trouble = True, events.Trouble.REFUSED
    desk.hear(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "2")).settle().hear(
        events.PrinterSeen(events.Paper.READY)
    )
    assert isinstance(desk.owed(), duties.Print)
    desk.print()
    assert desk.printed[-1].order.external_reference == REFERENCE
    assert told(desk).cause is duties.Cause.TOKEN_REFUSED


def test_a_ticket_that_can_t_be_printed_holds_up_no_slip():
    """Its money may have gone back meanwhile, and nobody can be asked."""
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(PAID.id)
    desk.books.down = True
    again = desk.restart()
    assert causes(again, 90) == [duties.Cause.NO_INTERNET]
    assert again.printed == []


def test_without_paper_it_comes_later_if_it_is_still_so():
    desk = failing(events.Trouble.NETWORK).hear(events.PrinterSeen(events.Paper.OUT))
    assert causes(desk, 10 * MINUTE) == []
    assert causes(desk.hear(events.PrinterSeen(events.Paper.READY)), 5) == [duties.Cause.NO_INTERNET]


def test_without_paper_it_does_not_come_when_it_is_over():
    desk = failing(events.Trouble.NETWORK).hear(events.PrinterSeen(events.Paper.OUT)).wait(10 * MINUTE)
    desk.books.down = False
    assert causes(desk.wait(40).hear(events.PrinterSeen(events.Paper.READY)), MINUTE) == []


@pytest.mark.parametrize("end", [GONE, BROKEN])
def test_one_that_did_not_come_out_whole_comes_again(end):
    desk = failing(events.Trouble.REFUSED)
    assert told(desk, end)
    assert desk.till.failures.last_slip_at == {}
    assert told(desk) is None, "the printer gets a rest"
    assert causes(desk.hear(events.PrinterSeen(events.Paper.READY)), 5) == [duties.Cause.TOKEN_REFUSED]


def test_a_printer_that_breaks_at_each_is_not_fed_the_whole_roll():
    desk = failing(events.Trouble.REFUSED)
    slips = [told(desk.wait(MINUTE), BROKEN) for _ in range(30)]
    assert sum(map(bool, slips)) == 3


def test_a_printer_that_never_answers_is_told_once():
    desk = failing(events.Trouble.REFUSED)
    assert told(desk, events.TicketUnproved(events.Paper.UNKNOWN))
    assert causes(desk, SLIP_EVERY_S / 2) == []
    assert Concern.SILENT_PRINTER not in {notice.concern for notice in desk.till.notices}


# --- across a restart ----------------------------------------------------------------------------------------------


def restarted(path: Path, till: Till, sql: str = "") -> Till:
    """The till as the journal knows it, behind what somebody does to the file."""
    journal = Journal(path)
    journal.save(journal.load("us", 0.0), till.durable)
    journal._database.execute(sql or "SELECT 1")
    journal.close()
    return Till.resume(till.settings, Journal(path).load("us", 1000.0), 1000.0)


def told_now(path: Path, sql: str = "") -> list[duties.Cause]:
    """What is told soon after a start, where the token's refusal was told before it."""
    desk = failing(events.Trouble.REFUSED)
    assert told(desk)
    kept = with_history(restarted(path, desk.till, sql), pos_id=POS)
    return causes(failing(events.Trouble.REFUSED, kept), 5)


def test_what_was_told_is_not_told_again_by_each_start(tmp_path):
    assert told_now(tmp_path / "journal.db") == []


def test_it_was_told_before_its_first_byte():
    """A printer that pulls the power down would else tell it for ever."""
    desk = failing(events.Trouble.REFUSED)
    desk.hear(events.SlipBegun(desk.owed()))
    assert causes(desk.restart(), 5) == []


@pytest.mark.parametrize(("seconds", "again"), [(3500, []), (3700, [duties.Cause.TOKEN_REFUSED])])
def test_an_hour_later_a_start_tells_it_again(tmp_path, seconds, again):
    sql = f"UPDATE memory SET value = value - {seconds} WHERE key LIKE 'told:%'"
    assert told_now(tmp_path / "journal.db", sql) == again


def test_a_clock_that_was_set_back_makes_no_slip(tmp_path):
    """The Pi has no clock of its own: after a power cut it may be years ago."""
    sql = "UPDATE memory SET value = value + 99999999 WHERE key LIKE 'told:%'"
    assert told_now(tmp_path / "journal.db", sql) == []


def test_a_cause_of_a_later_version_is_no_harm(tmp_path):
    assert told_now(tmp_path / "journal.db", "INSERT INTO memory VALUES ('told:flood', '1')") == []


def test_what_was_not_told_after_all_is_not_remembered(tmp_path):
    desk = failing(events.Trouble.REFUSED)
    failures = desk.till.failures.slip_begun(duties.Cause.TOKEN_REFUSED, desk.now)
    began = replace(desk.till, failures=failures)
    path = tmp_path / "journal.db"
    assert restarted(path, began).failures.last_slip_at.keys() == {duties.Cause.TOKEN_REFUSED}
    journal = Journal(path)
    journal.save(began.durable, desk.till.durable)
    assert journal.load("us", 0.0).last_slip_at == {}


# --- what it says --------------------------------------------------------------------------------------------------

KIOSK = TicketConfig(("KIOSCO SUR",))


def till_of(language: str, support: str | None = None) -> TillConfig:
    return TillConfig("CAJA01", "Caja 1", ZoneInfo("America/Argentina/Buenos_Aires"), language, support)


@pytest.mark.parametrize("language", FAILURE_WORDS)
@pytest.mark.parametrize("cause", duties.Cause)
def test_every_cause_has_its_words_and_they_fit_on_the_narrowest_paper(cause, language):
    failure = FAILURE_WORDS[language].causes[cause]
    assert len(failure.notice.title) <= 16
    assert all(len(sentence) <= 32 for sentence in failure.notice.advice)
    assert failure.meaning
    assert failure.check


def test_a_slip_says_what_whom_to_call_which_till_and_when():
    slip = duties.PrintFailure(duties.Cause.NO_INTERNET, "no connection to https://api.example", Books().today)
    text = as_text(lay_out_failure(slip, KIOSK, till_of("es", "Soporte: 11 5555-0000"), 32), 32)
    for part in ("* SIN INTERNET *", "KIOSCO SUR", "Soporte: 11 5555-0000", "CAJA01", "02/03/2026 18:45"):
        assert part in text
    assert "no connection to https://api.example" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 32


def test_where_nobody_is_named_whoever_installed_the_till_is_called():
    text = as_text(lay_out_failure(duties.PrintFailure(duties.Cause.TWINS), KIOSK, till_of("es"), 32), 32)
    assert "Llame a quien instaló la caja." in text
    assert "Fecha" not in text
    assert "Para soporte" not in text


def test_of_many_details_the_first_are_shown_and_none_is_endless():
    slip = duties.PrintFailure(
        duties.Cause.MISCONFIGURED, "\n".join(f"mistake {number} {'x' * 999}" for number in range(9))
    )
    text = as_text(lay_out_failure(slip, KIOSK, till_of("en"), 48), 48)
    assert text.count("- mistake") == MOST_DETAILS
    assert f"+ {9 - MOST_DETAILS}" in text
    assert len(text) < 2500


# --- the broker ----------------------------------------------------------------------------------------------------

HANGS_UP = events.BrokerLost("hung up again", events.BrokerTrouble.HANGS_UP)


def hang_up_for(desk: Desk, seconds: float) -> Desk:
    """A broker that lets us in, and hangs up after two seconds."""
    for _ in range(round(seconds / 4)):
        desk.hear(HANGS_UP).wait(2)
        desk.hear(events.BrokerConnected()).wait(2)
    return desk


def test_a_broker_that_hangs_up_is_told_on_paper_when_it_lasts():
    assert not isinstance(hang_up_for(Desk(), 60).owed(), duties.PrintFailure)
    slip = hang_up_for(Desk(), 400).owed()
    assert isinstance(slip, duties.PrintFailure)
    assert (slip.cause, slip.why) == (duties.Cause.BROKER_HANGS_UP, "hung up again")


def test_a_broker_that_hung_up_is_well_as_soon_as_a_session_holds():
    desk = hang_up_for(Desk(), 20)
    assert status(desk.till, desk.now)["broker"] == "hangs_up"
    desk.wait(HOLDS_AFTER_S)
    facts = status(desk.till, desk.now)
    assert (facts["broker"], facts["broker_error"], facts["problems"]) == ("ok", "", [])
    assert not isinstance(desk.owed(), duties.PrintFailure)


def test_a_broker_that_was_away_is_well_as_soon_as_it_is_back():
    desk = Desk().hear(events.BrokerLost("no route", events.BrokerTrouble.UNREACHABLE))
    assert status(desk.till, desk.now)["broker"] == "unreachable"
    assert status(desk.hear(events.BrokerConnected()).till, desk.now)["broker"] == "ok"


@pytest.mark.parametrize("trouble", events.BrokerTrouble)
def test_only_what_the_broker_says_of_twins_needs_a_press(trouble):
    desk = Desk()
    for _ in range(10):
        desk.hear(events.BrokerLost("x", trouble)).wait(2)
        desk.hear(events.BrokerConnected()).wait(2)
    desk.wait(HOLDS_AFTER_S)
    assert bool(desk.till.notices) == (trouble is events.BrokerTrouble.TWINS)


def test_a_report_that_the_broker_refuses_stays_owed_and_lets_others_go_first():
    desk = Desk()
    for name in ("first", "second"):
        desk.till = desk.till.report(duties.Outcome.PRINTED, name)
    number, report = report_duty(desk.till, desk.now)
    assert report.reference == "first"
    desk.hear(events.ReportRefused(number, "not authorized (0x87)"))
    assert report_duty(desk.till, desk.now) is None
    assert "not authorized" in status(desk.till, desk.now)["broker_error"]
    desk.wait(31)
    number, report = report_duty(desk.till, desk.now)
    assert report.reference == "second"
    desk.hear(events.ReportDelivered(number))
    assert report_duty(desk.till, desk.now)[1].reference == "first"
    assert status(desk.till, desk.now)["broker_error"] == ""
