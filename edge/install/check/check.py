"""`till-edge check`: each part tried in turn, a line for each, a ticket at the end, and a record for support.

A daemon that runs is not disturbed: it has the till's place at the broker and the pins, so it is asked what it knows.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from edge.config.schema import Config
from edge.contract import mqtt as wire
from edge.core import events
from edge.core.links import ECHO_TIMEOUT_S
from edge.daemon.known_printer import KnownPrinter, fitted, is_open, load_known_printer
from edge.daemon.local_status import leave_record, read_status
from edge.daemon.printer_setup import by_button, identify, set_up
from edge.inbox import Arrival, Inbox
from edge.install.check.acceptance import Acceptance, lay_out_acceptance
from edge.install.check.account import check_account, check_order
from edge.install.check.broker import Visit, ask_daemon, check_broker, unanswered
from edge.install.check.findings import Cause, Finding, Findings, Grade, Part, blocked, failed, ok, skipped
from edge.install.check.parts import (
    Press,
    ask_daemon_for_printer,
    check_machine,
    check_panel,
    check_printer,
    leave_panel,
)
from edge.journal.store import in_use
from edge.machine.facts import Machine, board, versions
from edge.machine.panel import Panel, PanelError
from edge.mercadopago.client import MercadoPago
from edge.mqtt.session import Hurdle
from edge.paper.escpos import Encoder
from edge.printer.printer import Printer

AGAIN = 0.5
"""Seconds between two looks at what the daemon says."""
KEPT_WITHIN = 10.0
"""How long the broker may take to acknowledge the record. Seconds."""
PASSED = (Grade.OK, Grade.WARNING)
SHARED = ("serial", "file")
"""What two programs can have open at once."""


ASK_NOBODY = Press()


@dataclass(frozen=True)
class Options:
    """What is wanted."""

    order: bool = True
    ticket: bool = True
    press: Press = ASK_NOBODY


class Check:
    """One check of one till."""

    def __init__(self, config: Config, version: str, options: Options) -> None:
        """Raises `UnknownPrinterError`, `OSError`."""
        self._written = config
        self._version = version
        self._options = options
        self._use(load_known_printer(config.journal.path))
        self._api = MercadoPago(config.mercadopago, version)
        self._running = in_use(config.journal.path)
        self._status = read_status(config.journal.path) if self._running else {}
        self._visit: Visit | None = None
        self._found: list[Finding] = []

    def _use(self, known: KnownPrinter | None) -> None:
        """Print with what is known of the printer."""
        printer = fitted(self._written.printer, known)
        self._known_printer = known
        self._config = replace(self._written, printer=printer)
        self._encoder = Encoder(printer.profile, printer.columns, printer.codepage, self._config.ticket.logo)

    def run(self) -> Iterator[Finding]:
        """Try each part; what came of it is told at once."""
        steps: tuple[Callable[[], Iterator[Finding]], ...] = (
            lambda: iter([ok(Part.CONFIGURATION, "nothing to object to")]),
            lambda: check_account(self._api, self._config),
            self._order,
            self._broker,
            self._printer,
            self._panel,
            lambda: check_machine(self._machine(), self._config.journal.path),
        )
        for step in steps:
            for finding in step():
                self._found.append(finding)
                yield finding

    @property
    def findings(self) -> Findings:
        return tuple(self._found)

    @property
    def now(self) -> datetime:
        """By Mercado Pago's clock, if it was heard."""
        return datetime.now(UTC) - timedelta(seconds=self._api.clock_ahead() or 0)

    def close(self) -> None:
        if self._visit:
            self._visit.close()
        self._api.close()

    # --- steps -----------------------------------------------------------------------------------------------------

    def _order(self) -> Iterator[Finding]:
        if not self._options.order:
            yield skipped(Part.ORDER, Cause.NOT_WANTED, "not tried, as was asked for")
        elif not all(map(self._passed, (Part.TOKEN, Part.STORE, Part.POS))):
            yield blocked(Part.ORDER, Part.POS)
        else:
            yield check_order(self._api, self._config, self.now, secrets.token_hex(3))

    def _broker(self) -> Iterator[Finding]:
        if self._running:
            self._wait_for_echo()
            return ask_daemon(self._status, self._config)
        self._visit = Visit(self._config, self._version)
        return check_broker(self._visit, self._config)

    def _wait_for_echo(self) -> None:
        """A daemon that has just started has not heard its first ping yet."""
        deadline = time.monotonic() + ECHO_TIMEOUT_S
        while unanswered(self._status) and time.monotonic() < deadline:
            time.sleep(AGAIN)
            self._status = read_status(self._config.journal.path)

    def _printer(self) -> Iterator[Finding]:
        if self._shares_printer:
            return ask_daemon_for_printer(self._status, self._config)
        if self._options.ticket and not self._running and is_open(self._written.printer):
            self._get_to_know_printer()
        return check_printer(self._config, self._running)

    def _get_to_know_printer(self) -> None:
        """One that nobody knows prints its questions now, and not behind the acceptance ticket."""
        inbox = Inbox()
        try:
            panel = Panel(self._config.panel, lambda event: inbox.put(Arrival(event)))
        except PanelError:  # which is told when the lights are tried
            return
        with contextlib.closing(panel):
            set_up(self._written, by_button(panel, inbox, self._written.panel.button.hold_seconds))
        self._use(load_known_printer(self._written.journal.path))

    def _panel(self) -> Iterator[Finding]:
        return leave_panel() if self._running else check_panel(self._config, self._options.press)

    def _machine(self) -> Any:
        return Machine(self._config.journal.path.parent, self._api.clock_ahead).facts()

    @property
    def _shares_printer(self) -> bool:
        return self._running and self._config.printer.connection in SHARED

    def _passed(self, part: Part) -> bool:
        return any(finding.part is part and finding.grade in PASSED for finding in self._found)

    # --- what is left behind ---------------------------------------------------------------------------------------

    def acceptance(self) -> Acceptance:
        """All that the ticket says and the record keeps."""
        pi = board()
        return Acceptance(
            till=self._config.till.id,
            at=self.now,
            version=self._version,
            board=pi.model,
            serial=pi.serial,
            printer=self._model,
            hold=self._config.panel.button.hold_seconds,
            findings=self.findings,
        )

    @cached_property
    def _model(self) -> str:
        """What the printer calls itself, or else the profile that it is printed with. Asked once."""
        printer = self._config.printer
        asked = self._passed(Part.PRINTER) and not self._shares_printer
        who = identify(printer) if asked else self._known_printer.printer if self._known_printer else ""
        return who or str(printer.profile)

    def print_ticket(self) -> str:
        """Print the acceptance ticket; returns why it wasn't, for people, or ""."""
        if not self._passed(Part.PRINTER):
            return "the printer can't print it"
        if self._shares_printer:
            return "the running daemon has the printer; stop it to have the ticket printed"
        config = self._config
        lines = lay_out_acceptance(self.acceptance(), config.ticket, config.till, self._encoder.columns)
        job = self._encoder.encode(lines)
        end = Printer(config.printer).print(job)
        if isinstance(end, events.TicketPrinted | events.TicketUnproved):
            return ""
        why = f"the printer broke off: {end.paper}"
        self._found.append(failed(Part.PRINTER, Cause.PRINTER_ERROR, why, "see to it, and check again"))
        return why

    def record(self) -> dict[str, Any]:
        """The same as JSON. No secret is in it."""
        return {"v": wire.VERSION, **self.acceptance().as_json(), "versions": versions()}

    def leave_record(self) -> str:
        """Leave the record at the broker, or for the daemon to do so; returns why not yet, for people, or ""."""
        record = wire.encode(self.record())
        if self._visit and self._visit.broker.hurdle is Hurdle.NONE:
            self._visit.broker.keep(record)
            if self._visit.broker.has_kept(KEPT_WITHIN):
                return ""
        try:
            leave_record(self._config.journal.path, record)
        except OSError as error:
            return f"the broker can't be reached, nor the journal's folder: {error.strerror}"
        return "" if self._running else "the daemon leaves it there as soon as it can"
