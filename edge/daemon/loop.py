"""The loop: facts come in, the till learns, the journal commits, and what is owed goes to the workers.

Only this thread touches the till. An event is settled (an MQTT message acknowledged, say) after the journal's
commit, so that whoever told us tells us again if the power goes first. If any thread's body ends, so does the
daemon, loudly: systemd starts it again and the journal resumes. While the journal can't be read or written, the loop
goes on, says so, and prints nothing that it could not remember.
"""

import contextlib
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from edge.core import duties, events
from edge.core.links import ping_duty, report_duty
from edge.core.printing import printer_duty
from edge.core.state import Till, changed_orders
from edge.core.status import diagnosis, signal, status
from edge.core.till import learn, payment_duty
from edge.daemon.local_status import Handover
from edge.inbox import FAST_TICK, TICK, Arrival, Death, Inbox, Panel, Thread, no_op
from edge.journal.keeper import Memory, Remember
from edge.machine import systemd

log = logging.getLogger(__name__)

LAST_TICKET = 15.0
"""How long a stop waits for the ticket that is just being printed, lest it come again as a copy. Seconds."""
LONGEST_JOB = 300.0
"""A worker that is busy for longer hangs: the watchdog is fed no more. Seconds; the slowest printer needs less."""


class Worker:
    """Does one duty at a time in a thread of its own; each ends as an event in the inbox."""

    def __init__(self, name: str, do: Callable[[Any], events.Event], inbox: Inbox) -> None:
        self._do = do
        self._inbox = inbox
        self._given: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._thread = Thread(name, self._work, inbox)

    def start(self) -> None:
        self._thread.start()

    @property
    def idle(self) -> bool:
        return self._busy_since is None

    def hangs(self, now: float) -> bool:
        return self._busy_since is not None and now - self._busy_since > LONGEST_JOB

    def give(self, duty: Any, now: float) -> None:
        """Hand over a duty. Only to an idle worker."""
        self._busy_since = now
        self._given.put(duty)

    def done(self) -> None:
        """The loop has taken in what the worker made of its duty."""
        self._busy_since = None

    def _work(self) -> None:
        while True:
            event = self._do(self._given.get())
            self._inbox.put(Arrival(event, heard=self.done))


class Broker(Protocol):
    def loop(self) -> None: ...

    def report(self, number: int, report: duties.Report) -> None: ...

    def ping(self, number: int) -> None: ...

    def reply(self, reply: duties.Reply, facts: Mapping[str, Any]) -> None: ...

    def show(self, facts: Mapping[str, Any]) -> None: ...

    def keep(self, record: bytes) -> None: ...

    def close(self) -> None: ...


class WorkerDied(RuntimeError):
    """A thread ended; the daemon ends with it."""


class Daemon:
    """The till at work; `till` knows nothing yet and `remember` brings what the journal knows.

    `run` returns after `stop`, or raises.
    """

    def __init__(
        self,
        till: Till,
        remember: Remember,
        inbox: Inbox,
        broker: Broker,
        panel: Panel,
        pay: Callable[[duties.PaymentDuty], events.Event],
        prints: Callable[[duties.PrinterDuty], events.Event],
        machine: Callable[[], Mapping[str, Any]] = dict,
        handover: Handover | None = None,
        about: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._till = till
        self._memory = Memory(remember)
        self._unsettled: list[Callable[[], None]] = []
        self._early: list[events.DoorbellRang | events.LinkEvent] = []
        """What we heard while the journal could not be read."""
        self._inbox = inbox
        self._waiting: deque[Arrival | Death] = deque()
        """What was taken out of the inbox and comes after the finger."""
        self._broker = broker
        self._handover = handover
        self._panel = panel
        self._machine = machine
        self._about = about or {}
        """What a report says of versions and configuration, beside what changes."""
        self._clock = clock
        self._payments = Worker("payments", pay, inbox)
        self._printing = Worker("printing", prints, inbox)
        self._reporting: int | None = None
        self._stopping = False

    def stop(self) -> None:
        """End `run` soon. Safe to call from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until `stop`. Raises `InUse`, `BrokenJournal`, `WorkerDied`."""
        self._recall()
        self._payments.start()
        self._printing.start()
        Thread("broker", self._broker.loop, self._inbox).start()
        systemd.ready("working")
        while not self._stopping:
            self._step()
        systemd.stopping()
        deadline = self._clock() + LAST_TICKET
        while not self._printing.idle and self._clock() < deadline:
            self._step()
        self._panel.close()
        self._broker.close()

    def _step(self) -> None:
        """Take in one event, or the passing of time; then hand out what is owed."""
        arrival = self._next()
        if isinstance(arrival, Death):
            raise WorkerDied(f"the thread {arrival.name} ended") from arrival.error
        arrival.heard()
        self._learn(arrival.event, arrival.settle)
        if not self._memory.read:
            self._recall()
        self._hear_wishes()
        self._hand_out()
        self._show()

    def _next(self) -> Arrival | Death:
        """What came first, or the passing of time."""
        if self._waiting:
            return self._waiting.popleft()
        try:
            return self._inbox.get(timeout=FAST_TICK if self._till.button.unsettled else TICK)
        except queue.Empty:
            return Arrival(events.Ticked())

    def _feel_the_finger(self) -> None:
        """Edges go before all that waits: a finger that was let go while the disk was slow would look as if it held."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.append(self._inbox.get_nowait())
        for arrival in tuple(self._waiting):
            if isinstance(arrival, Arrival) and isinstance(arrival.event, events.PanelEvent):
                self._waiting.remove(arrival)
                self._hear(arrival.event)

    def _hear(self, event: events.Event) -> None:
        before, self._till = self._till, learn(self._till, event, self._clock())
        _tell(before, self._till, event)

    def _recall(self) -> None:
        """Take up what the journal knows, if it can be read; what we heard since is told to that till."""
        now = self._clock()
        if (till := self._memory.recall(now)) is None:
            self._till = learn(self._till, events.JournalTried(self._memory.why), now)
            return
        self._till = till
        for event in (events.Started(self._panel.button_down()), *self._early):
            self._learn(event)
        self._early.clear()

    def _learn(self, event: events.Event, settle: Callable[[], None] = no_op) -> bool:
        """Take in a fact; `settle` is called when it is on the disk. Returns whether it is already."""
        if not isinstance(event, events.PanelEvent):
            self._feel_the_finger()
        self._hear(event)
        if settle is not no_op:
            self._unsettled.append(settle)
        if not self._memory.read and isinstance(event, events.DoorbellRang | events.LinkEvent):
            self._early.append(event)
        return self._keep()

    def _keep(self) -> bool:
        now = self._clock()
        kept = self._memory.keep(self._till, now)
        if self._memory.why != self._till.journal_why:
            self._till = learn(self._till, events.JournalTried(self._memory.why), now)
        while kept and self._unsettled:
            self._unsettled.pop(0)()
        return kept

    def _hear_wishes(self) -> None:
        """What a person at the command line asked for, by way of the journal."""
        for wish, grant in self._memory.wishes():
            if self._learn(wish):
                grant()

    def _hand_out(self) -> None:
        if self._stopping:
            return
        now = self._clock()
        if self._payments.idle and (pay := payment_duty(self._till, now)):
            self._learn(events.Asked(pay))
            self._payments.give(pay, now)
        if self._printing.idle and (paper := printer_duty(self._till, now)):
            self._print(paper, now)
        if report := report_duty(self._till):
            self._send(*report)
        if (ping := ping_duty(self._till, now)) is not None:
            self._broker.ping(ping)
            self._learn(events.PingSent(ping))
        if self._till.replies:
            self._reply(self._till.replies[0], now)

    def _print(self, duty: duties.PrinterDuty, now: float) -> None:
        """The first byte of a ticket leaves when it is on the disk that it does, and never before."""
        if isinstance(duty, duties.Print) and not self._learn(events.TicketBegun(duty.order.reference)):
            self._learn(events.TicketRefused(self._till.printer.paper))
            return
        if isinstance(duty, duties.PrintFailure):
            self._learn(events.SlipBegun(duty))
        self._printing.give(duty, now)

    def _send(self, number: int, report: duties.Report) -> None:
        """Give each report to the broker once: paho repeats it until it is acknowledged."""
        if number != self._reporting:
            self._reporting = number
            self._broker.report(number, report)

    def _reply(self, reply: duties.Reply, now: float) -> None:
        """Answer support; a report is all that we know of ourselves."""
        facts: dict[str, Any] = {}
        if reply.command is duties.Command.REPORT:
            facts = {**self._about, "status": self._status(now), **diagnosis(self._till, now)}
        self._broker.reply(reply, facts)
        self._learn(events.Replied())

    def _hand_over(self, handover: Handover, status: Mapping[str, Any]) -> None:
        """Tell who checks this till how it is, and support what came of a check."""
        why = self._till.broker_why or "not connected yet"
        handover.show({**status, "broker": "connected" if self._till.broker_up else why})
        if self._till.broker_up and (record := handover.take_record()):
            self._broker.keep(record)

    def _status(self, now: float) -> dict[str, Any]:
        return {**status(self._till, now), **self._machine()}

    def _show(self) -> None:
        now = self._clock()
        self._panel.show(signal(self._till, now), now)
        status = self._status(now)
        self._broker.show(status)
        if self._handover:
            self._hand_over(self._handover, status)
        if not (self._payments.hangs(now) or self._printing.hangs(now)):
            systemd.alive()


def _tell(before: Till, after: Till, event: events.Event) -> None:
    """One line for each stage that an order reached, and for whatever else a person at the log wants to know."""
    if not isinstance(event, events.Ticked):
        log.debug("%s", event)
    if isinstance(event, events.MessageDropped):
        log.warning("dropped a message on %s: %s", event.topic, event.why)
    for order in changed_orders(before, after):
        known = before.order(order.reference)
        if known is None or known.stage is not order.stage:
            log.info("order %s: %s", order.reference, order.stage)
    for number in after.reports.keys() - before.reports.keys():
        report = after.reports[number]
        log.info("%s %s %s %s", report.outcome, report.reference, report.merchant_order, report.reason)
    if isinstance(event, events.SlipBegun):
        log.info("a slip says: %s", event.slip.cause)
    if before.api.why != after.api.why:
        log.log(logging.WARNING if after.api.why else logging.INFO, "Mercado Pago: %s", after.api.why or "answers")
    if before.broker_up != after.broker_up or before.broker_why != after.broker_why:
        log.info("broker: %s", after.broker_why or "connected")
    if before.printer.paper is not after.printer.paper:
        log.info("printer: %s", after.printer.paper)
