"""What support may ask of a till, what rings for all tills of a seller, whether the till would hear it, its status."""

import json
from dataclasses import replace

import pytest

from edge.contract import mqtt as wire
from edge.core import duties, events
from edge.core.lifecycle import Stage
from edge.core.links import ECHO_TIMEOUT_S, PING_AGAIN_S, PING_EVERY_S, ping_duty
from edge.core.notices import Concern
from edge.core.remote import COMMANDS
from edge.core.status import Signal, status
from edge.journal.rows import _write_report, report_from
from tests.support.desk import Books, Desk, with_settings
from tests.support.facts import PAID, REFERENCE

ANSWERED = duties.ReplyTo("support/answers", b"7")
OUT = events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)


def ask(desk: Desk, command: duties.Command, reference: str = "") -> duties.Reply:
    """Give a command, and take the reply that is owed."""
    desk.hear(events.CommandCame(command, ANSWERED, reference)).settle()
    [reply] = desk.till.outbox.replies
    desk.hear(events.Replied())
    assert (reply.to, reply.command) == (ANSWERED, command)
    return reply


def sold() -> Desk:
    desk = Desk()
    desk.books.write(PAID)
    return desk.ring(PAID.id).print()


# --- commands ------------------------------------------------------------------------------------------------------


def test_identify_waves_the_lights_for_a_while():
    desk = Desk()
    assert ask(desk, duties.Command.IDENTIFY).done
    assert desk.sign is Signal.IDENTIFY
    assert desk.wait(20).sign is Signal.READY


def test_a_test_slip_is_printed_once_and_is_no_ticket():
    desk = Desk()
    assert ask(desk, duties.Command.TEST_TICKET).done
    assert "already" in ask(desk, duties.Command.TEST_TICKET).text
    assert desk.owed() == duties.PrintTest()
    desk.hear(events.SlipTried(duties.PrintTest(), OUT))
    assert desk.owed() is None
    assert desk.till.outbox.today.counts == {}


def test_a_test_slip_that_broke_off_comes_again():
    desk = Desk()
    ask(desk, duties.Command.TEST_TICKET)
    desk.hear(events.SlipTried(duties.PrintTest(), events.TicketInterrupted(events.Paper.READY)))
    assert desk.wait(5).owed() == duties.PrintTest()


def test_no_test_slip_without_paper():
    reply = ask(Desk().hear(events.PrinterSeen(events.Paper.OUT)), duties.Command.TEST_TICKET)
    assert not reply.done
    assert reply.text == "the printer can't print now: no_paper"


def test_a_ticket_comes_before_a_test_slip():
    desk = Desk()
    ask(desk, duties.Command.TEST_TICKET)
    desk.books.write(PAID)
    assert isinstance(desk.ring(PAID.id).owed(), duties.Print)


def test_a_reprint_is_a_marked_copy():
    desk = sold()
    assert ask(desk, duties.Command.REPRINT, REFERENCE).done
    desk.print()
    assert [duty.banners for duty in desk.printed] == [(), (duties.Banner.COPY,)]


def test_a_reprint_of_what_is_not_known_is_refused():
    reply = ask(sold(), duties.Command.REPRINT, "another")
    assert (reply.done, reply.text) == (False, "this till knows no order 'another'")


def test_no_command_prints_an_unmarked_ticket():
    """Neither of an order that waits for its money, nor of one that waits on a list for somebody at the till."""
    desk = sold()
    waiting = desk.till.put(replace(desk.till.orders.get(REFERENCE), stage=Stage.LISTED))
    for stage in (Stage.LISTED, Stage.WAITING, Stage.PAID, Stage.CANCELLED):
        desk.till = waiting.put(replace(waiting.orders.get(REFERENCE), stage=stage))
        assert not ask(desk, duties.Command.REPRINT, REFERENCE).done
        assert desk.stage(REFERENCE) is stage


def find(desk: Desk, wanted: str = "", last: bool = False) -> duties.Reply:
    desk.till = replace(desk.till, outbox=replace(desk.till.outbox, replies=()))
    desk.hear(events.CommandCame(duties.Command.REPRINT, ANSWERED, find=wanted, last=last)).settle()
    [reply] = desk.till.outbox.replies
    return reply


@pytest.mark.parametrize("wanted", [REFERENCE, REFERENCE[-6:], PAID.payments[0].id, PAID.payments[0].id[-5:]])
def test_a_copy_is_found_as_a_person_names_it(wanted):
    desk = sold()
    reply = find(desk, wanted)
    assert (reply.done, reply.text) == (True, f"a marked copy is printed of {REFERENCE}")
    assert duties.Banner.COPY in desk.owed().banners


def test_the_last_ticket_needs_no_name():
    assert find(sold(), last=True).text == f"a marked copy is printed of {REFERENCE}"
    assert find(Desk(), last=True).text == "no ticket has come out here yet"


def test_what_may_be_two_is_not_guessed():
    desk = sold()
    other = replace(PAID, id="2", external_reference="x" + REFERENCE[-6:])
    desk.books.write(replace(other, payments=tuple(replace(each, id="22") for each in PAID.payments)))
    desk.ring("2").print()
    reply = find(desk, REFERENCE[-6:])
    assert not reply.done
    assert REFERENCE in reply.text
    assert other.external_reference in reply.text


def test_a_reference_means_exactly_what_it_says_as_it_always_did():
    assert not ask(sold(), duties.Command.REPRINT, REFERENCE[-6:]).done
    assert not ask(sold(), duties.Command.REPRINT, PAID.payments[0].id).done


def test_check_now_looks_at_everything_and_acknowledges_nothing():
    desk = sold()
    desk.books.write(replace(PAID, id="2", payments=tuple(replace(each, id="22") for each in PAID.payments)))
    desk.ring("2").tell()
    assert desk.till.notices
    desk.asked.clear()
    assert ask(desk, duties.Command.CHECK_NOW).done
    assert {type(duty) for duty in desk.asked} >= {duties.LookAtTill, duties.Sweep}
    assert isinstance(desk.owed(), duties.LookAtPrinter)
    assert desk.till.notices


@pytest.mark.parametrize("command", [duties.Command.IDENTIFY, duties.Command.REPORT, duties.Command.CHECK_NOW])
def test_a_flood_of_a_command_is_refused_with_the_time_to_wait(command):
    desk = Desk()
    replies = [ask(desk, command) for _ in range(50)]
    assert sum(reply.done for reply in replies) == COMMANDS.burst
    assert replies[-1].text == "too many commands; try again in 30 seconds"
    desk.now += COMMANDS.every_s
    assert ask(desk, command).done
    assert not ask(desk, command).done


def test_a_flood_of_commands_uses_little_paper_whichever_they_are():
    desk = sold()
    for _ in range(50):
        ask(desk, duties.Command.TEST_TICKET)
        if desk.owed() == duties.PrintTest():
            desk.hear(events.SlipTried(duties.PrintTest(), OUT))
        ask(desk, duties.Command.REPRINT, REFERENCE)
        desk.print()
    assert desk.till.link.commands.keys() == {duties.Command.TEST_TICKET}
    copies = len(desk.printed) - 1
    assert 0 < copies < COMMANDS.burst


def test_what_is_refused_for_another_reason_uses_up_nothing():
    desk = sold()
    for _ in range(50):
        assert "knows no order" in ask(desk, duties.Command.REPRINT, "another").text
    assert ask(desk, duties.Command.REPRINT, REFERENCE).done


def test_a_flood_of_one_command_leaves_the_others_alone():
    desk = Desk()
    for _ in range(50):
        ask(desk, duties.Command.IDENTIFY)
    assert ask(desk, duties.Command.REPORT).done
    assert ask(desk, duties.Command.TEST_TICKET).done


def test_waving_lights_hide_no_paid_ticket():
    desk = Desk()
    ask(desk, duties.Command.IDENTIFY)
    desk.books.write(PAID)
    assert desk.ring(PAID.id).print().sign is Signal.PAID


# --- the echo ------------------------------------------------------------------------------------------------------


def test_a_ping_goes_out_at_each_connection_and_its_echo_is_measured():
    desk = Desk()
    number = ping_duty(desk.till, desk.now)
    desk.hear(events.PingSent(number))
    assert ping_duty(desk.till, desk.now) is None
    desk.now += 0.035
    desk.hear(events.PingEchoed(number), events.PingEchoed(number))
    assert status(desk.till, desk.now)["round_trip_ms"] == 35
    desk.now += PING_EVERY_S
    assert ping_duty(desk.till, desk.now) == number + 1


def miss_pings(desk: Desk, count: int) -> Desk:
    for _ in range(count):
        desk.hear(events.PingSent(ping_duty(desk.till, desk.now)))
        desk.now += ECHO_TIMEOUT_S
        desk.hear(events.Ticked())
        desk.now += PING_AGAIN_S
    return desk


def test_a_till_whose_echo_fails_sells_by_looking_and_says_so():
    desk = miss_pings(Desk().hear(events.RelaySeen(True)), 2)
    assert desk.settle().sign is Signal.POLLING
    assert status(desk.till, desk.now)["relay"] == "unheard"
    assert status(desk.till, desk.now)["ready_to_sell"]
    desk.hear(events.PingSent(3), events.PingEchoed(3)).settle()
    assert desk.sign is Signal.READY


def test_a_relay_that_is_back_is_put_to_the_test_at_once():
    """Else the till would look by itself for half a minute longer than it must."""
    desk = miss_pings(Desk().hear(events.RelaySeen(True)), 2)
    desk.hear(events.PingSent(ping_duty(desk.till, desk.now)), events.RelaySeen(False))
    assert ping_duty(desk.till, desk.now) is None
    desk.hear(events.RelaySeen(True))
    assert ping_duty(desk.till, desk.now) is None, "one is out, and a relay that flaps must not get one for each word"
    desk.now += ECHO_TIMEOUT_S
    number = ping_duty(desk.hear(events.Ticked()).till, desk.now)
    assert number is not None
    assert desk.sign is Signal.POLLING
    assert desk.hear(events.PingSent(number), events.PingEchoed(number)).settle().sign is Signal.READY
    assert ping_duty(desk.hear(events.RelaySeen(True)).till, desk.now) is None


def test_one_lost_echo_means_nothing_nor_do_all_of_a_relay_that_never_spoke():
    assert not miss_pings(Desk().hear(events.RelaySeen(True)), 1).till.link.deaf
    assert not miss_pings(Desk(), 5).till.link.deaf


def ping(desk: Desk) -> int:
    number = ping_duty(desk.till, desk.now)
    desk.hear(events.PingSent(number))
    return number


def test_an_echo_proves_the_relay_whatever_a_node_of_the_broker_keeps_of_it():
    desk = Desk()
    number = ping(desk)
    desk.hear(events.RelaySeen(False))
    assert desk.settle().sign is Signal.POLLING
    desk.hear(events.PingEchoed(number)).settle()
    assert desk.sign is Signal.READY
    assert status(desk.till, desk.now)["relay"] == "online"


def test_a_relay_that_is_said_to_be_gone_is_asked_soon():
    desk = Desk()
    desk.hear(events.PingEchoed(ping(desk)))
    desk.now += 60
    desk.hear(events.RelaySeen(False))
    assert ping_duty(desk.till, desk.now) is None, "not at once: the till may be told so again and again"
    desk.now += ECHO_TIMEOUT_S
    desk.hear(events.PingEchoed(ping(desk))).settle()
    assert desk.sign is Signal.READY


def test_a_relay_that_comes_and_goes_causes_no_flood_of_pings():
    desk, sent = Desk(), 0
    for _ in range(600):
        desk.now += 0.1
        desk.hear(events.RelaySeen(False), events.RelaySeen(True))
        if ping_duty(desk.till, desk.now) is not None:
            desk.hear(events.PingEchoed(ping(desk)))
            sent += 1
    assert sent <= 60 / ECHO_TIMEOUT_S + 1


def test_who_rang_back_once_and_then_no_more_is_missed():
    """Its broker's node died, and the node said no will."""
    desk = Desk()
    desk.hear(events.PingEchoed(ping(desk)))
    desk.now += PING_EVERY_S
    miss_pings(desk, 2)
    assert desk.settle().sign is Signal.POLLING


def test_what_an_echo_allows_to_be_heard_again_is_asked_for():
    desk = Desk(books=Books(on_till=REFERENCE))
    number = ping(desk)
    desk.hear(events.RelaySeen(False)).settle()
    desk.asked.clear()
    desk.hear(events.PingEchoed(number)).settle()
    assert desk.asked


def test_a_missing_right_is_told_until_the_next_connection():
    desk = Desk().hear(events.RightMissed("no commands"), events.RightMissed("no answers"))
    assert status(desk.till, desk.now)["broker_error"] == "no answers; no commands"
    desk.hear(events.BrokerLost("gone"), events.BrokerConnected())
    assert status(desk.till, desk.now)["broker_error"] == ""


# --- doorbells for all tills of a seller ---------------------------------------------------------------------------


def ring_for_all(desk: Desk, identity: str, kind: events.Kind = events.Kind.MERCHANT_ORDER) -> Desk:
    desk.asked.clear()
    return desk.hear(events.DoorbellRang(kind, identity, for_all=True)).settle()


ELSEWHERE = replace(PAID, id="99", external_reference="another-till's")


def test_a_till_that_waits_for_no_money_looks_up_nothing_that_rings_for_all():
    assert ring_for_all(Desk(), PAID.id).asked == []


def test_what_rings_for_all_and_is_watched_here_is_printed():
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.write(PAID)
    ring_for_all(desk, PAID.id).print()
    assert len(desk.printed) == 1


@pytest.mark.parametrize("kind", [events.Kind.MERCHANT_ORDER, events.Kind.PAYMENT])
def test_what_rings_for_all_and_is_another_tills_is_no_matter_of_ours(kind):
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.write(ELSEWHERE, place="another POS")
    ring_for_all(desk, ELSEWHERE.id if kind is events.Kind.MERCHANT_ORDER else ELSEWHERE.payments[0].id, kind)
    assert len(desk.asked) == 1
    assert desk.till.outbox.reports == {}
    assert not desk.till.notices


def test_a_payment_here_that_rings_for_all_is_printed():
    desk = Desk(books=Books(on_till=REFERENCE))
    desk.books.write(PAID)
    ring_for_all(desk, PAID.payments[0].id, events.Kind.PAYMENT).print()
    assert len(desk.printed) == 1


def test_a_reference_with_our_prefix_is_looked_up_though_nothing_is_watched():
    desk = Desk(with_settings(reference_prefix="t3-"))
    desk.books.write(PAID, replace(ELSEWHERE, payments=()))
    ring_for_all(desk, PAID.id).print()
    ring_for_all(desk, ELSEWHERE.id).print()
    assert [duty.order.reference for duty in desk.printed] == [REFERENCE]
    assert [report.reference for report in desk.till.outbox.reports.values()] == [REFERENCE]


def test_an_id_that_rang_for_all_and_stays_unknown_is_nobodys_rejection():
    desk = ring_for_all(Desk(books=Books(on_till=REFERENCE)), "12345")
    desk.wait(60)
    assert desk.till.outbox.reports == {}


# --- the status ----------------------------------------------------------------------------------------------------


def facts(desk: Desk) -> dict:
    return status(desk.till, desk.now)


def test_the_status_counts_the_day_and_names_the_last_ticket():
    desk = sold()
    ask(desk, duties.Command.REPRINT, REFERENCE)
    desk.print()
    today = facts(desk)["today"]
    assert today == {"date": "2026-03-02", "printed": 1, "unconfirmed": 0, "copies": 1, "rejected": 0, "cancelled": 0}
    assert facts(desk)["last_ticket"]["external_reference"] == REFERENCE
    assert facts(desk)["last_ticket"]["outcome"] == "copy"
    desk.books.today = desk.books.today.replace(day=3)
    assert facts(desk.wait(61))["today"]["printed"] == 0


def test_from_the_doorbell_to_the_paper_is_measured_and_a_copy_is_not():
    desk = Desk()
    desk.books.write(PAID)
    desk.ring(PAID.id)
    desk.now += 0.25
    desk.print()
    ask(desk, duties.Command.REPRINT, REFERENCE)
    desk.now += 60
    desk.print()
    assert facts(desk)["event_to_paper_ms"] == {"p50": 250, "p95": 250, "count": 1}


NOT_READY = {
    "no paper": ((events.PrinterSeen(events.Paper.OUT),), "the printer can't print: no_paper"),
    "no journal": ((events.JournalTried("the disk is full"),), "nothing can be remembered: the disk is full"),
}


@pytest.mark.parametrize("why", NOT_READY)
def test_a_till_that_could_not_print_now_says_so_before_the_sale(why):
    events, words = NOT_READY[why]
    desk = Desk()
    assert facts(desk)["ready_to_sell"]
    desk.hear(*events)
    assert (facts(desk)["ready_to_sell"], facts(desk)["not_ready"]) == (False, words)


def test_a_till_that_can_not_ask_says_so_before_the_sale():
    desk = Desk()
    desk.books.down = True
    desk.wait(120)
    assert not facts(desk)["ready_to_sell"]
    assert facts(desk)["not_ready"].startswith("Mercado Pago can't be asked: no connection")
    desk.books.down = False
    assert facts(desk.wait(60))["ready_to_sell"]


def test_a_status_with_many_problems_can_still_be_read():
    desk = Desk()
    for number in range(100):
        desk.till = desk.till.alarm(Concern.LATE_MONEY, f"a-reference-of-some-length-{number}" * 2)
    assert facts(desk)["problems"][-1] == "and 90 more"
    assert wire.decode_state(wire.encode({"v": 1, **facts(desk)})) == "attention"


# --- outcomes ------------------------------------------------------------------------------------------------------


def test_an_outcome_has_what_a_bookkeeper_needs_and_the_journal_keeps_it():
    desk = sold()
    [report] = desk.till.outbox.reports.values()
    assert (report.amount, report.currency) == (f"{PAID.total:f}", "ARS")
    assert report.payments == tuple(payment.id for payment in PAID.approved)
    assert report.paid_at == PAID.paid_at.isoformat(timespec="seconds")
    assert not report.copy
    assert report_from(json.loads(json.dumps(_write_report(report)))) == report


def test_an_unconfirmed_copy_says_that_it_is_a_copy():
    desk = sold()
    ask(desk, duties.Command.REPRINT, REFERENCE)
    desk.print(events.TicketUnproved(events.Paper.UNKNOWN))
    assert [(report.outcome.value, report.copy) for report in desk.till.outbox.reports.values()] == [
        ("printed", False),
        ("unconfirmed", True),
    ]


def test_a_report_of_an_earlier_version_is_read():
    older = {"outcome": "rejected", "reference": "R", "merchant_order": "payment 7", "reason": "not_found"}
    assert report_from(older) == duties.Report(duties.Outcome.REJECTED, "R", reason="not_found", payment="7")
