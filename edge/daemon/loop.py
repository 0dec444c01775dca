"""The loop: events come in, the till takes a step, the journal commits, and what is owed goes to the workers.

Only this thread touches the till. An event is settled (an MQTT message acknowledged, say) after the journal's commit:
if the power goes first, whoever published it repeats it. If any thread's body ends, so does the daemon, loudly;
systemd starts it again and the journal resumes. While the journal can't be read or written, the loop goes on, says so,
and prints nothing that it could not remember.
"""

import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from edge.core import duties, events
from edge.core.links import ping_duty, report_duty
from edge.core.printing import printer_duty
from edge.core.settings import Settings
from edge.core.state import Till
from edge.core.status import diagnosis, page, signal, status
from edge.core.till import payment_duty, step
from edge.daemon.chronicle import log_step
from edge.daemon.local_status import NOT_YET, Handover
from edge.daemon.worker import Worker
from edge.inbox import FRAME_S, Arrival, Call, Death, Inbox, Panel, Thread, no_op
from edge.journal.keeper import JournalKeeper, OpenJournal
from edge.machine import systemd
from edge.machine.button import watch_button

LAST_TICKET_TIMEOUT_S = 15.0
"""How long a stop waits for the ticket that is being printed, so that it doesn't come again as a copy."""


class Broker(Protocol):
    """What the loop asks of the broker's adapter. `loop` is its thread's body; the rest returns at once."""

    def loop(self) -> None: ...

    def report(self, number: int, report: duties.Report) -> None: ...

    def ping(self, number: int) -> None: ...

    def reply(self, reply: duties.Reply, facts: Mapping[str, Any]) -> None: ...

    def show(self, facts: Mapping[str, Any]) -> None: ...

    def keep(self, record: bytes) -> None: ...

    def close(self) -> None: ...


class WorkerDiedError(RuntimeError):
    """A thread ended; the daemon ends with it."""


class Daemon:
    """The till at work. `run` returns after `stop`, or raises."""

    def __init__(
        self,
        settings: Settings,
        open_journal: OpenJournal,
        inbox: Inbox,
        broker: Broker,
        panel: Panel,
        pays: Iterable[Callable[[duties.PaymentDuty], events.Event]],
        prints: Callable[[duties.PrinterDuty], events.Event],
        machine: Callable[[], Mapping[str, Any]] = dict,
        handover: Handover | None = None,
        about: Mapping[str, Any] | None = None,
        has_page: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._till = Till(settings)
        self._journal = JournalKeeper(open_journal)
        self._unsettled: list[Callable[[], None]] = []
        self._early: list[events.FromBroker] = []
        """What happened while the journal could not be read."""
        self._inbox = inbox
        self._waiting: deque[Arrival | Call | Death] = deque()
        """Taken out of the inbox, and processed after the button's readings."""
        self._broker = broker
        self._handover = handover
        self._panel = panel
        self._machine = machine
        self._about = about or {}
        """What a report adds about versions and configuration, which don't change."""
        self._has_page = has_page
        self._clock = clock
        self._payments: deque[Worker[duties.PaymentDuty]] = deque(
            Worker(f"payments {number}", pay, inbox) for number, pay in enumerate(pays, 1)
        )
        """The one that has rested longest is first: all their connections stay warm."""
        self._printing: Worker[duties.PrinterDuty] = Worker("printing", prints, inbox)
        self._reporting: int | None = None
        self._stopping = False
        self._ended = False
        """Nobody is there any more to whom a reading of the button would be of use."""

    def stop(self) -> None:
        """End `run` soon. Safe to call from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until `stop`. Raises `InUseError`, `BrokenJournalError`, `WorkerDiedError`."""
        try:
            self._run()
        finally:
            self._ended = True

    def _run(self) -> None:
        self._load_journal()
        for worker in (*self._payments, self._printing):
            worker.start()
        Thread("broker", self._broker.loop, self._inbox).start()
        Thread("panel", self._watch_button, self._inbox).start()
        systemd.ready("working")
        while not self._stopping:
            self._turn()
        systemd.stopping()
        deadline = self._clock() + LAST_TICKET_TIMEOUT_S
        while not self._printing.idle and self._clock() < deadline:
            self._turn()
        self._panel.close()
        self._broker.close()

    def _watch_button(self) -> None:
        panel, put = self._panel, lambda reading: self._inbox.put(Arrival(reading))
        watch_button(panel.button_down, panel.wait_for_edge, put, lambda: self._ended)

    # --- events in -----------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Take in one event, or the passing of time; then hand out what is owed, and show how things are."""
        self._take_in(self._next())
        if not self._journal.loaded:
            self._load_journal()
        self._take_requests()
        self._hand_out()
        self._show()

    def _next(self) -> Arrival | Call | Death:
        """What arrived first, or the passing of time."""
        if self._waiting:
            return self._waiting.popleft()
        try:
            return self._inbox.get(timeout=FRAME_S)
        except queue.Empty:
            return Arrival(events.Ticked())

    def _take_in(self, arrived: Arrival | Call | Death) -> None:
        match arrived:
            case Death(name, error):
                raise WorkerDiedError(f"the thread {name} ended") from error
            case Call(run):
                run()
            case Arrival(event, settle, taken):
                taken()
                self._learn(event, settle)

    def _learn(self, event: events.Event, settle: Callable[[], None] = no_op) -> bool:
        """Take a step; `settle` is called when it is on the disk. Returns whether it is already."""
        if not isinstance(event, events.PanelEvent):
            self._drain_button_readings()
        self._step(event)
        if settle is not no_op:
            self._unsettled.append(settle)
        if not self._journal.loaded and isinstance(event, events.FromBroker):
            self._early.append(event)
        return self._commit()

    def _drain_button_readings(self) -> None:
        """Readings go before everything that waits: a hold means the order that was there when the finger went down."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.append(self._inbox.get_nowait())
        for arrived in tuple(self._waiting):
            if isinstance(arrived, Arrival) and isinstance(arrived.event, events.PanelEvent):
                self._waiting.remove(arrived)
                self._step(arrived.event)

    def _step(self, event: events.Event) -> None:
        before, self._till = self._till, step(self._till, event, self._clock())
        log_step(before, self._till, event)

    def _commit(self) -> bool:
        """Write what changed, then settle what was waiting for that."""
        now = self._clock()
        saved = self._journal.save(self._till.durable, now)
        if self._journal.error != self._till.journal_error:
            self._till = step(self._till, events.JournalTried(self._journal.error), now)
        while saved and self._unsettled:
            self._unsettled.pop(0)()
        return saved

    def _load_journal(self) -> None:
        """Take up what the journal knows, if it can be read, and then what happened since."""
        now = self._clock()
        if (durable := self._journal.load(now)) is None:
            self._till = step(self._till, events.JournalTried(self._journal.error), now)
            return
        self._till = Till.resume(self._till.settings, durable, now)
        for event in (events.Started(self._panel.button_down()), *self._early):
            self._learn(event)
        self._early.clear()

    def _take_requests(self) -> None:
        """What a person at the command line left in the journal."""
        for request, strike_off in self._journal.requests():
            if self._learn(request):
                strike_off()

    # --- duties out ----------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        if self._stopping:
            return
        now = self._clock()
        while (question := payment_duty(self._till, now)) and (worker := self._rested()):
            self._learn(events.Asked(question))
            worker.give(question, now)
        if self._printing.idle and (job := printer_duty(self._till, now)):
            self._print(job, now)
        if report := report_duty(self._till, now):
            self._report(*report)
        if (ping := ping_duty(self._till, now)) is not None:
            self._broker.ping(ping)
            self._learn(events.PingSent(ping))
        if self._till.outbox.replies:
            self._reply(self._till.outbox.replies[0], now)

    def _rested(self) -> Worker[duties.PaymentDuty] | None:
        """A worker that may ask the next question; it goes behind the others."""
        worker = next((worker for worker in self._payments if worker.idle), None)
        if worker is not None:
            self._payments.remove(worker)
            self._payments.append(worker)
        return worker

    def _print(self, duty: duties.PrinterDuty, now: float) -> None:
        """The first byte of a ticket leaves only after the disk has it that it does."""
        if isinstance(duty, duties.Print) and not self._learn(events.TicketBegun(duty.order.reference)):
            self._learn(events.TicketRefused(self._till.printer.paper))
            return
        if isinstance(duty, duties.PrintFailure):
            self._learn(events.SlipBegun(duty))
        if isinstance(duty, duties.PrintConcern) and not self._learn(events.SlipBegun(duty)):
            self._learn(events.SlipTried(duty, events.TicketRefused(self._till.printer.paper)))
            return
        self._printing.give(duty, now)

    def _report(self, number: int, report: duties.Report) -> None:
        """Give each report to the broker once: paho repeats it until it is acknowledged."""
        if number != self._reporting:
            self._reporting = number
            self._broker.report(number, report)

    def _reply(self, reply: duties.Reply, now: float) -> None:
        """Answer support; the reply to `report` carries all that we know of ourselves."""
        facts: dict[str, Any] = {}
        if reply.command is duties.Command.REPORT:
            facts = {**self._about, "status": self._status(now), **diagnosis(self._till, now)}
        self._broker.reply(reply, facts)
        self._learn(events.Replied())

    # --- what others see -----------------------------------------------------------------------------------------

    def _show(self) -> None:
        now = self._clock()
        self._panel.show(signal(self._till, now), now)
        status = self._status(now)
        self._broker.show(status)
        if self._handover:
            self._hand_over(self._handover, status)
        if not any(worker.hangs(now) for worker in (*self._payments, self._printing)):
            systemd.alive()

    def _status(self, now: float) -> dict[str, Any]:
        return {**status(self._till, now), **self._machine()}

    def _hand_over(self, handover: Handover, status: Mapping[str, Any]) -> None:
        """Give a check on this machine our status, and publish the record that it left."""
        link = self._till.link
        broker = "connected" if link.broker_up else link.broker_error or NOT_YET
        handover.show({**status, "broker": broker, "broker_trouble": status["broker"]})
        if self._has_page:
            handover.show_page({**status, **page(self._till)})
        if link.broker_up and (record := handover.take_record()):
            self._broker.keep(record)
