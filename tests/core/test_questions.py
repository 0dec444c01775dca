"""Questions about how the printer prints: answered by the button beside the till's work, and a sale always wins."""

import pytest

from edge.core import duties, events
from edge.core.calibration import CANDIDATE_COLUMNS, Calibration
from edge.core.events import Paper, Proof
from edge.core.notices import Concern
from edge.core.status import status
from tests.support.desk import Books, Desk
from tests.support.facts import PAID, POS, REFERENCE

BEGIN = Calibration(("CP858", "CP850", "ASCII"), printer="POS-58")
PRINTED = events.TicketPrinted(Proof.STATUS, Paper.READY)
HOLD_S = 2.5


def asked(desk: Desk | None = None, unknown: Calibration = BEGIN) -> Desk:
    """A till whose printer is not known; its first slip is out."""
    desk = (desk or Desk()).hear(events.PrinterSeen(Paper.READY, unknown))
    return slip_out(desk)


def slip_out(desk: Desk, end: events.TicketEnd = PRINTED) -> Desk:
    slip = desk.owed()
    assert isinstance(slip, duties.PrintCalibration)
    desk.hear(events.SlipTried(slip, end))
    desk.now += 0.1
    return desk


def answer(desk: Desk, seconds: float = 0.2) -> Desk:
    return desk.press(seconds).wait(0.5)


def state(desk: Desk) -> Calibration | None:
    return desk.till.questions.asked


# --- the answers -----------------------------------------------------------------------------------------------------


def test_right_takes_what_is_shown_and_next_shows_the_next():
    done = BEGIN.next().right().next().right()
    assert (done.done, done.columns, done.codepage) == (True, 42, "CP850")


def test_of_the_widths_the_first_comes_after_the_last():
    begin, widths = BEGIN, []
    for _ in range(6):
        widths.append(begin.width)
        begin = begin.next()
    assert widths == [*CANDIDATE_COLUMNS, *CANDIDATE_COLUMNS]
    assert (begin.columns, begin.question) == (32, "codepage"), "nobody is asked for ever"


def test_after_the_last_code_page_plain_letters_are_taken():
    wide = BEGIN.right()
    assert not wide.next().done
    assert (wide.next().next().done, wide.next().next().codepage) == (True, "ASCII")


def test_a_printer_without_a_page_of_ours_is_asked_for_its_width_alone():
    assert Calibration(("ASCII",)).right().codepage == "ASCII"
    assert Calibration(("ASCII",), columns=40).settled().done


def test_only_what_is_not_known_is_asked():
    assert Calibration(BEGIN.pages, columns=40).right().codepage == "CP858"
    assert Calibration(BEGIN.pages, codepage="CP850").next().right().columns == 42


# --- beside the work -------------------------------------------------------------------------------------------------


def test_a_press_takes_a_hold_passes_on_and_the_result_ends_it():
    desk = answer(asked(), HOLD_S)
    assert state(desk) == BEGIN.next()
    desk = answer(slip_out(desk))
    assert state(desk) == BEGIN.next().right()
    desk = answer(slip_out(desk))
    assert state(desk).done
    slip_out(desk)
    assert state(desk) is None
    desk.hear(events.PrinterSeen(Paper.READY)).wait(30)
    assert not isinstance(desk.owed(), duties.PrintCalibration)


def test_a_hold_while_nothing_is_sold_cancels_nothing():
    desk = answer(asked(), HOLD_S)
    assert desk.outcomes == []
    assert not any(isinstance(duty, duties.Cancel) for duty in desk.asked)


def test_an_order_on_the_till_wins():
    desk = asked()
    desk.books.on_till = REFERENCE
    desk.wait(61)
    assert desk.till.cashier.loaded == REFERENCE
    answer(desk, HOLD_S)
    assert desk.outcomes == ["cancelled"]
    assert state(desk) == BEGIN


@pytest.mark.parametrize("seconds", [0.2, HOLD_S])
def test_an_order_that_the_till_has_not_seen_yet_wins_too_and_is_not_cancelled(seconds):
    """Who answers a slip says nothing about an order that no light has shown."""
    desk = asked()
    desk.books.on_till = REFERENCE
    answer(desk, seconds).wait(15)
    assert (desk.outcomes, desk.till.cashier.loaded, state(desk)) == ([], REFERENCE, BEGIN)
    assert answer(desk, HOLD_S).wait(15).outcomes == ["cancelled"], "now a light shows it"


def test_a_hold_with_a_slip_in_the_hand_cancels_nothing_even_if_it_is_no_answer():
    """Something else is to be looked at, so the slip can't be answered now; the person doesn't know that."""
    desk = asked()
    desk.till = desk.till.alarm(Concern.UNREADABLE, "x")
    desk.hear(events.Ticked()).books.on_till = REFERENCE
    assert answer(desk, HOLD_S).wait(15).outcomes == []


def test_without_a_slip_a_hold_means_an_order_that_was_not_seen_yet():
    desk = Desk()
    desk.books.on_till = REFERENCE
    assert answer(desk, HOLD_S).wait(15).outcomes == ["cancelled"]


def test_the_status_says_what_is_asked():
    desk = Desk()
    said = [status(desk.till, desk.now)["printer_question"]]
    desk = asked(desk)
    for _ in range(2):
        said.append(status(desk.till, desk.now)["printer_question"])
        desk = slip_out(answer(desk))
    said.append(status(desk.till, desk.now)["printer_question"])
    assert said == [None, "columns", "codepage", None]


def test_no_slip_comes_while_an_order_is_on_the_till():
    desk = Desk(books=Books(on_till=REFERENCE)).hear(events.PrinterSeen(Paper.READY, BEGIN))
    assert not isinstance(desk.owed(), duties.PrintCalibration)
    desk.books.on_till = None
    desk.wait(61)
    assert isinstance(desk.owed(), duties.PrintCalibration)


def test_a_ticket_goes_first_and_a_finger_during_it_answers_nothing():
    desk = asked()
    desk.books.write(PAID, place=POS)
    desk.ring(PAID.id)
    desk.put_finger()
    desk.print().lift_finger().settle()
    assert [ticket.banners for ticket in desk.printed] == [()]
    assert state(desk) == BEGIN


def test_what_must_be_looked_at_takes_the_press():
    desk = asked()
    desk.till = desk.till.alarm(Concern.UNREADABLE, "x")
    desk.hear(events.Ticked()).tell()
    answer(desk)
    assert not desk.till.notices
    assert state(desk) == BEGIN
    answer(desk)
    assert state(desk) == BEGIN.right()


def test_what_a_finger_does_while_the_slip_is_printed_is_no_answer():
    desk = Desk().hear(events.PrinterSeen(Paper.READY, BEGIN))
    slip = desk.owed()
    desk.put_finger()
    desk.hear(events.SlipTried(slip, PRINTED)).lift_finger().settle()
    assert state(desk) == BEGIN


def test_without_mercado_pago_nothing_is_answered_and_nothing_forgotten():
    desk = asked()
    desk.books.down = True
    answer(desk).wait(60)
    desk.books.down = False
    desk.wait(60)
    assert state(desk) == BEGIN
    assert state(answer(desk)) == BEGIN.right()


def test_a_slip_that_broke_off_comes_again():
    desk = Desk().hear(events.PrinterSeen(Paper.READY, BEGIN))
    slip_out(desk, events.TicketInterrupted(Paper.OUT))
    desk.hear(events.PrinterSeen(Paper.READY, BEGIN)).wait(5)
    slip_out(desk)
    assert state(answer(desk)) == BEGIN.right()


def test_the_result_comes_again_too_though_all_is_known_by_then():
    desk = answer(asked(unknown=Calibration(BEGIN.pages, columns=40)))
    slip_out(desk, events.TicketRefused(Paper.OUT))
    desk.hear(events.PrinterSeen(Paper.READY)).wait(5)
    assert desk.owed().state.done
    slip_out(desk)
    assert state(desk) is None


def test_another_printer_begins_anew():
    desk = answer(asked())
    other = Calibration(BEGIN.pages, printer="POS-80")
    desk.hear(events.PrinterSeen(Paper.READY, other))
    assert desk.owed() == duties.PrintCalibration(other)


def test_one_that_turns_out_to_be_known_is_asked_about_no_more():
    desk = asked().hear(events.PrinterSeen(Paper.READY))
    answer(desk).wait(5)
    assert state(desk) is None


def test_a_restart_asks_again():
    desk = answer(asked()).restart()
    assert state(desk) is None
    desk.hear(events.PrinterSeen(Paper.READY, BEGIN))
    assert desk.owed() == duties.PrintCalibration(BEGIN)


def test_a_slip_that_is_out_is_not_printed_again():
    assert not isinstance(asked().wait(1).owed(), duties.PrintCalibration)


def test_the_slip_of_another_question_is_not_this_ones():
    desk = Desk().hear(events.PrinterSeen(Paper.READY, BEGIN))
    desk.hear(events.SlipTried(duties.PrintCalibration(BEGIN.next()), PRINTED))
    assert not desk.till.questions.out


def test_a_look_from_before_the_press_does_not_answer_for_it():
    desk = asked()
    desk.now += 100
    desk.hear(events.Ticked())
    look = duties.LookAtTill()
    out = desk.ask_all()
    assert look in out
    desk.hear(*(events.Answered(duty, desk.books.answer(duty)) for duty in out if duty != look))
    desk.put_finger(0.2).lift_finger()
    sweep = desk.ask_all()
    desk.hear(*(events.Answered(duty, desk.books.answer(duty)) for duty in sweep))
    desk.books.on_till = REFERENCE
    desk.hear(events.Answered(look, events.TillSeen(None)))
    desk.wait(2)
    assert (state(desk), desk.till.cashier.loaded) == (BEGIN, REFERENCE)


def test_an_empty_till_is_not_free_while_a_sweep_may_show_that_something_was_sold():
    """Two questions are out: the till is empty already, and the list has what was paid."""
    desk = asked()
    desk.books.write(PAID)
    desk.put_finger(0.2).lift_finger()
    out = desk.ask_all()
    look, sweep = (next(duty for duty in out if isinstance(duty, kind)) for kind in (duties.LookAtTill, duties.Sweep))
    for duty in (look, sweep):
        desk.now += 0.1
        desk.hear(events.Answered(duty, desk.books.answer(duty)))
    desk.wait(1).print()
    assert len(desk.printed) == 1
    assert state(desk) == BEGIN, "the press meant the sale"
