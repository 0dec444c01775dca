"""The loop: what is settled when, and what ends it. Real journal, real threads; the far ends are plain objects."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.core import duties, events
from edge.core.agenda import Line
from edge.core.lifecycle import Stage
from edge.core.settings import Settings
from edge.core.state import Durable
from edge.core.status import Signal
from edge.daemon.loop import Daemon, WorkerDiedError
from edge.inbox import Arrival, Inbox
from edge.journal.store import Journal, open_journal
from edge.machine.button import READING_INTERVAL_S
from tests.support.facts import PAID, POS, REFERENCE, USER

pytestmark = pytest.mark.slow


class Quiet:
    """A broker or a panel at which nothing happens."""

    def __init__(self) -> None:
        self.reports: list[duties.Report] = []
        self._end = threading.Event()

    def loop(self) -> None:
        self._end.wait()

    def report(self, number: int, report: duties.Report) -> None:
        self.reports.append(report)

    def show(self, *_: object) -> None:
        pass

    def button_down(self) -> bool:
        return False

    def wait_for_edge(self, seconds: float) -> bool:
        """None comes; the wire is read all the same, and often."""
        time.sleep(min(seconds, READING_INTERVAL_S))
        return False

    def close(self) -> None:
        self._end.set()


def reading(duty: duties.PaymentDuty) -> events.Event:
    """A Mercado Pago where our one order is paid."""
    answers: dict[type, events.Answer] = {
        duties.FindPos: events.PosFound(POS),
        duties.LookAtTill: events.TillSeen(None),
        duties.Verify: events.MerchantOrderRead(PAID),
        duties.ReadPayment: events.PaymentRead(PAID.payments[0].id, POS, PAID.id),
        duties.Search: events.OrdersFound(REFERENCE, (PAID,)),
        duties.Sweep: events.Swept(POS, datetime(2026, 3, 2, 21, 35, tzinfo=UTC)),
    }
    return events.Answered(duty, answers.get(type(duty), events.Unreachable(events.Trouble.NETWORK, "away")))


def proving(duty: duties.PrinterDuty) -> events.Event:
    return (
        events.TicketPrinted(events.Proof.STATUS, events.Paper.READY)
        if isinstance(duty, duties.Print)
        else events.PrinterSeen(events.Paper.READY)
    )


@pytest.fixture
def make(tmp_path):
    """Makes daemons; each on the same journal."""
    journals = []

    def opened(now: float) -> tuple[Journal, Durable]:
        journal, durable = open_journal(tmp_path / "journal.db", "us", now)
        journals.append(journal)
        return journal, durable

    def build(pay: Callable = reading, prints: Callable = proving, panel: Quiet | None = None) -> tuple[Daemon, Inbox]:
        for journal in journals:
            journal.close()
        inbox = Inbox()
        return Daemon(Settings(USER), opened, inbox, Quiet(), panel or Quiet(), [pay] * len(Line), prints), inbox

    yield build
    for journal in journals:
        journal.close()


class ShortPress(Quiet):
    """A panel whose button is pressed shortly, while the disk takes longer than a finger must be held to cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Signal] = []
        self.inbox: Inbox = Inbox()
        self.down = False

    def button_down(self) -> bool:
        return self.down

    def show(self, sign: Signal, _: float) -> None:
        """By its lights it is known how far the loop has come; while they are set, the loop stands still."""
        news = sign not in self.shown
        self.shown.append(sign)
        if sign is Signal.WAITING and news:
            self.down = True
        if sign is Signal.HOLDING and news:
            self.inbox.put(Arrival(events.RelaySeen(True)))
            self.down = False
            time.sleep(Settings(USER).hold_s)


def stages(path: Path) -> list[Stage]:
    journal = Journal(path / "journal.db")
    found = [order.stage for order in journal.orders()]
    journal.close()
    return found


def test_an_event_is_settled_when_the_journal_has_it(make, tmp_path):
    daemon, inbox = make(pay=lambda duty: events.Answered(duty, events.Unreachable(events.Trouble.NETWORK, "away")))
    on_disk: list[set] = []

    def settle() -> None:
        other = Journal(tmp_path / "journal.db")
        on_disk.append(set(other.load("us", 0).doorbells))
        other.close()
        daemon.stop()

    inbox.put(Arrival(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "7"), settle))
    daemon.run()
    assert on_disk == [{duties.Verify("7")}]


def test_what_is_asked_beside_a_question_does_not_wait_for_its_answer(make):
    """A duty that came up while others were handed out is handed out as well, though nothing happens meanwhile."""
    listed = threading.Event()

    def pay(duty: duties.PaymentDuty) -> events.Event:
        if isinstance(duty, duties.ListLatest):
            listed.set()
        if isinstance(duty, duties.Verify):
            in_time.append(listed.wait(5))
            daemon.stop()
        return reading(duty)

    in_time: list[bool] = []
    daemon, inbox = make(pay)
    inbox.put(Arrival(events.DoorbellRang(events.Kind.MERCHANT_ORDER, "7")))
    daemon.run()
    assert in_time == [True]


def test_the_first_byte_leaves_after_begun_is_on_disk(make, tmp_path):
    seen: list[Stage] = []

    def prints(duty: duties.PrinterDuty) -> events.Event:
        if isinstance(duty, duties.Print):
            other = Journal(tmp_path / "journal.db")
            seen.append(other.load("us", 0).orders.living[REFERENCE].stage)
            other.close()
            daemon.stop()
        return proving(duty)

    daemon, inbox = make(prints=prints)
    inbox.put(Arrival(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id)))
    daemon.run()
    assert seen == [Stage.PRINTING]


def test_a_stop_waits_for_the_ticket_that_is_being_printed(make, tmp_path):
    def slow(duty: duties.PrinterDuty) -> events.Event:
        if isinstance(duty, duties.Print):
            daemon.stop()
            time.sleep(0.5)
        return proving(duty)

    daemon, inbox = make(prints=slow)
    inbox.put(Arrival(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id)))
    daemon.run()
    assert stages(tmp_path) == [Stage.PRINTED]


def test_a_short_press_cancels_nothing_however_long_the_disk_takes_meanwhile(make):
    """That the button was let go stands behind other news, which came when a hold would have been one."""
    panel = ShortPress()

    def pay(duty: duties.PaymentDuty) -> events.Event:
        if Signal.HOLDING in panel.shown and not isinstance(duty, duties.Sweep):
            daemon.stop()  # what the press, or the hold, has asked for
            asked.append(type(duty))
        return (
            events.Answered(duty, events.TillSeen(REFERENCE)) if isinstance(duty, duties.LookAtTill) else reading(duty)
        )

    asked: list[type] = []
    daemon, panel.inbox = make(pay=pay, panel=panel)
    daemon.run()
    assert duties.Cancel not in asked
    assert Signal.CANCELLED not in panel.shown


def test_a_worker_that_dies_takes_the_daemon_with_it(make):
    def broken(duty: duties.PaymentDuty) -> events.Event:
        raise ZeroDivisionError("a bug")

    daemon, _ = make(pay=broken)
    with pytest.raises(WorkerDiedError, match="payments") as death:
        daemon.run()
    assert isinstance(death.value.__cause__, ZeroDivisionError)


def test_a_daemon_that_starts_again_goes_on_where_it_was(make):
    def stuck(duty: duties.PrinterDuty) -> events.Event:
        if isinstance(duty, duties.Print):
            raise SystemError("the power goes")
        return proving(duty)

    daemon, inbox = make(prints=stuck)
    inbox.put(Arrival(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id)))
    with pytest.raises(WorkerDiedError):
        daemon.run()
    printed: list[duties.Print] = []

    def prints(duty: duties.PrinterDuty) -> events.Event:
        if isinstance(duty, duties.Print):
            printed.append(duty)
            again.stop()
        return proving(duty)

    again, _ = make(prints=prints)
    again.run()
    assert [duty.banners for duty in printed] == [(duties.Banner.COPY,)]


def test_a_wish_from_the_command_line_is_granted(make, tmp_path):
    printed: list[duties.Print] = []

    def prints(duty: duties.PrinterDuty) -> events.Event:
        if isinstance(duty, duties.Print):
            printed.append(duty)
            if len(printed) == 1:
                shell = Journal(tmp_path / "journal.db")
                shell.request(events.ReprintAsked(REFERENCE))
                shell.close()
            else:
                daemon.stop()
        return proving(duty)

    daemon, inbox = make(prints=prints)
    inbox.put(Arrival(events.DoorbellRang(events.Kind.MERCHANT_ORDER, PAID.id)))
    daemon.run()
    assert [duty.banners for duty in printed] == [(), (duties.Banner.COPY,)]
