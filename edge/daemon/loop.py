"""The loop: events come in, the till takes a step, what is owed goes to the workers; then it sleeps until more is due.

Only this thread touches the till. What changed is in the journal before anything leaves that rests on it: a ticket's
first byte, a cancel, a report; whatever can wait is written within a second, with what has changed by then. An event is
settled (an MQTT message acknowledged, say) after that: if the power goes first, whoever published it repeats it. If any
thread's body ends, so does the daemon, loudly. While the journal fails, nothing is printed that it could not keep.
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
from edge.core.sounds import sound_duty
from edge.core.state import Till
from edge.core.status import diagnosis
from edge.core.till import payment_duty, step
from edge.core.timer import due_at
from edge.daemon.chronicle import log_step
from edge.daemon.display import Display, StatusBroker
from edge.daemon.local_status import Handover
from edge.daemon.worker import Worker
from edge.inbox import Arrival, Call, Death, Inbox, Panel, Thread, no_op
from edge.journal.keeper import JournalKeeper, OpenJournal
from edge.machine import systemd
from edge.machine.button import watch_button

LAST_TICKET_TIMEOUT_S = 15.0
"""How long a stop waits for the ticket that is being printed, so that it doesn't come again as a copy."""
MAX_SLEEP_S = 10.0
"""A third of what the watchdog waits."""
SHORTLY_S = 0.001
"""A moment is over a moment later, however times are rounded."""
KEEP_WITHIN_S = 0.5
"""How long a change may wait for the next one before it is written, and a message for its acknowledgement."""
MAX_UNSETTLED = 8
"""The broker sends no more than twenty messages that we haven't acknowledged."""
MAX_AT_ONCE = 50
"""Events that are taken in before anything is handed out again."""

KEPT_AT_ONCE = (events.TicketPrinted, events.TicketUnproved, events.TicketInterrupted, events.SlipTried)
"""What came of paper: a power cut between this and the disk would cost a needless copy."""


class Broker(StatusBroker, Protocol):
    """What the loop asks of the broker's adapter. `loop` is its thread's body; the rest returns at once."""

    def loop(self) -> None: ...

    def report(self, number: int, report: duties.Report) -> None: ...

    def ping(self, number: int) -> None: ...

    def reply(self, reply: duties.Reply, facts: Mapping[str, Any]) -> None: ...

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
        about: Callable[[], Mapping[str, Any]] = dict,
        has_page: bool = False,
        door: Callable[[], None] | None = None,
        plays: Callable[[duties.SoundDuty], events.SoundEvent] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._till = Till(settings)
        self._journal = JournalKeeper(open_journal)
        self._kept: Till | None = None
        """The till as it is on the disk."""
        self._keep_at: float | None = None
        """By when the disk is to have what has changed since, and what arrived is settled; None if nothing waits."""
        self._unsettled: list[Callable[[], None]] = []
        self._early: list[events.FromBroker] = []
        """What happened while the journal could not be read."""
        self._inbox = inbox
        self._waiting: deque[Arrival | Call | Death] = deque()
        """Taken out of the inbox, and processed after the button's readings."""
        self._broker = broker
        self._panel = panel
        self._display = Display(panel, broker, machine, handover, has_page)
        self._about = about
        """What a report adds about versions and configuration, read from the files of five libraries."""
        self._door = door
        """Returns when another process has left something; None where none can say so."""
        self._clock = clock
        self._payments: deque[Worker[duties.PaymentDuty]] = deque(
            Worker(f"payments {number}", pay, inbox) for number, pay in enumerate(pays, 1)
        )
        """The one that has rested longest is first: all their connections stay warm."""
        self._printing: Worker[duties.PrinterDuty] = Worker("printing", prints, inbox)
        self._workers: tuple[Worker[Any], ...] = (*self._payments, self._printing)
        self._sound: Worker[duties.SoundDuty] | None = Worker("sound", plays, inbox) if plays else None
        """Not among the others: however long a loudspeaker hangs, the till sells."""
        self._handed_out_at = self._requests_at = float("-inf")
        self._reporting: int | None = None
        self._stopping = False
        self._ended = False
        """Nobody is there any more to whom a reading of the button would be of use."""

    def stop(self) -> None:
        """End `run` soon. Safe to call from a signal handler."""
        self._stopping = True
        self._inbox.put(Call(no_op))

    def run(self) -> None:
        """Work until `stop`. Raises `InUseError`, `BrokenJournalError`, `WorkerDiedError`."""
        try:
            self._run()
        finally:
            self._ended = True

    def _run(self) -> None:
        self._load_journal()
        for worker in (*self._workers, *filter(None, (self._sound,))):
            worker.start()
        Thread("broker", self._broker.loop, self._inbox).start()
        Thread("panel", self._watch_button, self._inbox).start()
        if self._door:
            Thread("door", self._wait_at_the_door, self._inbox).start()
        self._say_ready()
        while not self._stopping:
            self._turn()
        systemd.stopping()
        deadline = self._clock() + LAST_TICKET_TIMEOUT_S
        while not self._printing.idle and self._clock() < deadline:
            self._turn()
        self._keep()
        self._panel.close()
        self._broker.close()

    def _say_ready(self) -> None:
        """Without its journal the till is there, but of no use: an update that can't read it is taken back."""
        systemd.ready(systemd.WORKING if self._journal.loaded else "waiting for the journal")

    def _watch_button(self) -> None:
        panel, put = self._panel, lambda reading: self._inbox.put(Arrival(reading))
        watch_button(panel.button_down, panel.wait_for_edge, put, lambda: self._ended)

    def _wait_at_the_door(self) -> None:
        while self._door and not self._ended:
            self._door()
            self._inbox.put(Call(self._look_beside))

    def _look_beside(self) -> None:
        self._requests_at = self._clock()
        self._display.look_beside()

    # --- events in -----------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Take in what has happened, or the passing of time; then hand out what is owed, and show how things are."""
        self._take_in(self._next())
        for _ in range(MAX_AT_ONCE):
            if not self._waiting and self._inbox.empty():
                break
            self._take_in(self._next())
        if not self._journal.loaded:
            self._load_journal()
            self._say_ready()
        self._take_requests()
        if self._keep_at is not None and self._clock() >= self._keep_at:
            self._keep()
        self._hand_out()
        self._show()
        self._let_hear()

    def _next(self) -> Arrival | Call | Death:
        """What arrived first, or the passing of time: the loop sleeps until something is due."""
        if self._waiting:
            return self._waiting.popleft()
        try:
            return self._inbox.get(timeout=self._sleep_s())
        except queue.Empty:
            return Arrival(events.Ticked())

    def _sleep_s(self) -> float:
        """Until something is due that wasn't when duties were last handed out."""
        now = self._clock()
        owed_at, shown_at = due_at(self._till, self._handed_out_at), self._display.due_at(self._till)
        moments = (owed_at, shown_at, self._keep_at, self._journal.retry_at)
        first = min((moment for moment in moments if moment is not None), default=now + MAX_SLEEP_S)
        return min(max(first - now, 0.0) + SHORTLY_S, MAX_SLEEP_S)

    def _take_in(self, arrived: Arrival | Call | Death) -> None:
        match arrived:
            case Death(name, error):
                raise WorkerDiedError(f"the thread {name} ended") from error
            case Call(run):
                run()
            case Arrival(event, settle, taken):
                taken()
                self._learn(event, settle)

    def _learn(self, event: events.Event, settle: Callable[[], None] = no_op) -> None:
        """Take a step; `settle` is called when it is on the disk."""
        if not isinstance(event, events.PanelEvent):
            self._drain_button_readings()
        self._step(event)
        if settle is not no_op:
            self._unsettled.append(settle)
        if not self._journal.loaded and isinstance(event, events.FromBroker):
            self._early.append(event)
        full = len(self._unsettled) >= MAX_UNSETTLED
        self._plan_to_keep(isinstance(event, KEPT_AT_ONCE) or full or self._must_last())

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

    # --- the journal ---------------------------------------------------------------------------------------------

    def _must_last(self) -> bool:
        """Whether the journal begins, so that what is paid from now on has its first ticket; or a person looked."""
        kept, till = self._kept, self._till
        if kept is None:
            return till.history.complete_since is not None
        begins = kept.history.complete_since is None and till.history.complete_since is not None
        return begins or till.notices.seen is not kept.notices.seen

    def _plan_to_keep(self, at_once: bool) -> None:
        """Write what changed soon, together with what else changes until then."""
        if self._till is self._kept and not self._unsettled:
            return
        by = self._clock() + (0.0 if at_once else KEEP_WITHIN_S)
        self._keep_at = by if self._keep_at is None else min(self._keep_at, by)

    def _keep(self) -> bool:
        """Write what changed, then settle what was waiting for that. Returns whether all is on the disk."""
        now = self._clock()
        saved = self._journal.save(self._till.durable, now)
        if self._journal.error != self._till.journal_error:
            self._till = step(self._till, events.JournalTried(self._journal.error), now)
        self._keep_at = None if saved else self._journal.retry_at
        while saved and self._unsettled:
            self._unsettled.pop(0)()
        self._kept = self._till if saved else self._kept
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
        """What a person at the command line or at the till's page left in the journal, and knocked for, as a rule."""
        now = self._clock()
        if now < self._requests_at:
            return
        self._requests_at = now + (MAX_SLEEP_S if self._door else 0.0)
        for request, strike_off in self._journal.requests():
            self._learn(request)
            if self._keep():
                strike_off()

    # --- duties out ----------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        now = self._handed_out_at = self._clock()
        if self._stopping:
            return
        while (question := payment_duty(self._till, self._clock())) and (worker := self._rested()):
            self._ask(question, worker)
        if self._printing.idle and (job := printer_duty(self._till, now)):
            self._print(job, now)
        if report := report_duty(self._till, now):
            self._report(*report)
        if (ping := ping_duty(self._till, now)) is not None:
            self._broker.ping(ping)
            self._learn(events.PingSent(ping))
        while self._till.outbox.replies:
            self._reply(self._till.outbox.replies[0], now)

    def _rested(self) -> Worker[duties.PaymentDuty] | None:
        """A worker that may ask the next question; it goes behind the others."""
        worker = next((worker for worker in self._payments if worker.idle), None)
        if worker is not None:
            self._payments.remove(worker)
            self._payments.append(worker)
        return worker

    def _ask(self, duty: duties.PaymentDuty, worker: Worker[duties.PaymentDuty]) -> None:
        self._learn(events.Asked(duty))
        if isinstance(duty, duties.Cancel | duties.PutOrder):  # it changes something, and a restart is to know
            self._keep()
        worker.give(duty, self._clock())

    def _print(self, duty: duties.PrinterDuty, now: float) -> None:
        """The first byte of a ticket leaves only after the disk has it that it does."""
        match duty:
            case duties.Print():
                begun: events.Event = events.TicketBegun(duty.order.reference)
                refused: events.Event = events.TicketRefused(self._till.printer.paper)
            case duties.PrintConcern() | duties.PrintFailure():
                begun = events.SlipBegun(duty)
                refused = events.SlipTried(duty, events.TicketRefused(self._till.printer.paper))
            case duties.RingBell():
                self._learn(events.SoundBegun(duty))
                self._printing.give(duty, now)
                return
            case _:
                self._printing.give(duty, now)
                return
        self._learn(begun)
        if self._keep() or isinstance(duty, duties.PrintFailure):  # a slip may tell that the disk fails
            self._printing.give(duty, now)
        else:
            self._learn(refused)

    def _report(self, number: int, report: duties.Report) -> None:
        """Give each report to the broker once: paho repeats it until it is acknowledged."""
        if number != self._reporting:
            self._reporting = number
            self._keep()  # or a restart would tell it otherwise
            self._broker.report(number, report)

    def _reply(self, reply: duties.Reply, now: float) -> None:
        """Answer support; the reply to `report` carries all that we know of ourselves."""
        facts: dict[str, Any] = {}
        if reply.command is duties.Command.REPORT:
            facts = {**self._about(), "status": self._display.status(self._till, now), **diagnosis(self._till, now)}
        self._broker.reply(reply, facts)
        self._learn(events.Replied())

    # --- what others see -----------------------------------------------------------------------------------------

    def _show(self) -> None:
        now = self._clock()
        self._display.show(self._till, now)
        if not any(worker.hangs(now) for worker in self._workers):
            systemd.alive()

    def _let_hear(self) -> None:
        """After the lights, which say it first. What was begun isn't tried again, so nobody hears it twice."""
        if self._sound is None or not self._sound.idle or self._stopping:
            return
        if (duty := sound_duty(self._till)) is not None:
            if isinstance(duty, duties.Play):
                self._learn(events.SoundBegun(duty))
            self._sound.give(duty, self._clock())
