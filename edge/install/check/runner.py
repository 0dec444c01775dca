"""`till-edge check`: each part tried in turn, with a line for each, a ticket at the end, and a record for support.

A running daemon is not disturbed: it holds the pins and the till's session at the broker, so its own status is read.
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
from edge.install.check.acceptance import Acceptance, lay_out_acceptance
from edge.install.check.account import check_account, check_order
from edge.install.check.broker import CONNECT_TIMEOUT_S, Visit, ask_daemon, check_broker, unanswered
from edge.install.check.findings import Cause, Finding, Findings, Grade, Part, blocked, failed, ok, skipped
from edge.install.check.hardware import (
    Press,
    ask_daemon_for_printer,
    check_machine,
    check_panel,
    check_printer,
    leave_panel,
)
from edge.install.check.sound import check_sound
from edge.install.printer_setup import by_button, identify, set_up
from edge.journal.store import announced_order, in_use
from edge.machine.facts import Machine, board, versions
from edge.machine.panel import Panel, PanelError
from edge.mercadopago.client import MercadoPago
from edge.paper.escpos import Encoder
from edge.printer.printer import Printer

STATUS_INTERVAL_S = 0.5
"""Between two looks at the daemon's status."""
RECORD_TIMEOUT_S = 10.0
"""For the broker to acknowledge the record."""
PASSED = (Grade.OK, Grade.WARNING)
UNLOCKED_CONNECTIONS = ("serial", "file")
"""Two programs can have these open at once."""

ASK_NOBODY = Press()


@dataclass(frozen=True)
class Options:
    """What the person at the terminal wants tried."""

    order: bool = True
    ticket: bool = True
    press: Press = ASK_NOBODY
    announce: Callable[[str], None] = lambda _: None
    """Called before each part that may keep a person waiting, with what it waits for and how long at most."""


class Check:
    """One check of one till: `run` tries the parts, then ticket and record can be made of the findings."""

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
        """From here on, print with what is known of the printer."""
        printer = fitted(self._written.printer, known)
        self._known_printer = known
        self._config = replace(self._written, printer=printer)
        self._encoder = Encoder(printer.profile, printer.columns, printer.codepage, self._config.ticket.logo)

    def run(self) -> Iterator[Finding]:
        """Try each part; each finding is yielded at once."""
        api, broker = self._config.mercadopago, self._config.broker
        mercadopago = f"Mercado Pago ({api.api_url}), at most {api.timeout_seconds:g} s for each answer"
        relay = f"and then the relay, at most {ECHO_TIMEOUT_S:g} s"
        steps: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
            ("", lambda: iter([ok(Part.CONFIGURATION, "no mistakes")])),
            (mercadopago, lambda: check_account(self._api, self._config)),
            ("", self._order),
            (f"the broker ({broker.host}:{broker.port}), at most {CONNECT_TIMEOUT_S:g} s, {relay}", self._broker),
            (f"the printer ({self._config.printer.connection})", self._printer),
            ("", self._panel),
            ("", lambda: check_sound(self._config, self._options.press, self._running)),
            ("", lambda: check_machine(self._machine(), self._config.journal.path)),
        )
        for waits_for, step in steps:
            if waits_for:
                self._options.announce(waits_for)
            for finding in step():
                self._found.append(finding)
                yield finding

    @property
    def findings(self) -> Findings:
        return tuple(self._found)

    @property
    def now(self) -> datetime:
        """By Mercado Pago's clock, if an answer of theirs gave the time."""
        return datetime.now(UTC) - timedelta(seconds=self._api.clock_ahead() or 0)

    def close(self) -> None:
        if self._visit:
            self._visit.close()
        self._api.close()

    # --- steps -----------------------------------------------------------------------------------------------------

    def _order(self) -> Iterator[Finding]:
        if not self._options.order:
            yield skipped(Part.ORDER, Cause.NOT_WANTED, "not tried, as requested")
        elif not all(map(self._passed, (Part.TOKEN, Part.STORE, Part.POS))):
            yield blocked(Part.ORDER, Part.POS)
        else:
            waiting = announced_order(self._config.journal.path)
            yield check_order(self._api, self._config, self.now, secrets.token_hex(3), waiting)

    def _broker(self) -> Iterator[Finding]:
        if self._running:
            self._wait_for_echo()
            return ask_daemon(self._status, self._config)
        self._visit = Visit(self._config, self._version)
        return check_broker(self._visit, self._config)

    def _wait_for_echo(self) -> None:
        """A daemon that has just started has no echo of its first ping yet."""
        deadline = time.monotonic() + ECHO_TIMEOUT_S
        while unanswered(self._status) and time.monotonic() < deadline:
            time.sleep(STATUS_INTERVAL_S)
            self._status = read_status(self._config.journal.path)

    def _printer(self) -> Iterator[Finding]:
        if self._shares_printer:
            return ask_daemon_for_printer(self._status, self._config)
        if self._options.ticket and not self._running and is_open(self._written.printer):
            self._identify_printer()
        return check_printer(self._config, self._running)

    def _identify_printer(self) -> None:
        """An unknown printer asks now, not after the acceptance ticket, if somebody is there to answer."""
        if self._options.press.ask is None:
            set_up(self._written, None)
            self._use(load_known_printer(self._written.journal.path))
            return
        try:
            panel = Panel(self._config.panel)
        except PanelError:  # a finding when the lights are tried
            return
        with contextlib.closing(panel):
            set_up(self._written, by_button(panel, self._written.panel.button.hold_seconds))
        self._use(load_known_printer(self._written.journal.path))

    def _panel(self) -> Iterator[Finding]:
        return leave_panel() if self._running else check_panel(self._config, self._options.press)

    def _machine(self) -> Any:
        return Machine(self._config.journal.path.parent, self._api.clock_ahead).facts()

    @property
    def _shares_printer(self) -> bool:
        return self._running and self._config.printer.connection in UNLOCKED_CONNECTIONS

    def _passed(self, part: Part) -> bool:
        return any(finding.part is part and finding.grade in PASSED for finding in self._found)

    # --- what is left behind ---------------------------------------------------------------------------------------

    def acceptance(self) -> Acceptance:
        """The content of the ticket and of the record."""
        pi = board()
        return Acceptance(
            till=self._config.till.id,
            at=self.now,
            version=self._version,
            board=pi.model,
            serial=pi.serial,
            printer=self._model,
            hold_s=self._config.panel.button.hold_seconds,
            findings=self.findings,
        )

    @cached_property
    def _model(self) -> str:
        """The printer's own name, or else the profile in use. Asked once."""
        printer = self._config.printer
        asked = self._passed(Part.PRINTER) and not self._shares_printer
        who = identify(printer) if asked else self._known_printer.printer if self._known_printer else ""
        return who or str(printer.profile)

    def print_ticket(self) -> str:
        """Print the acceptance ticket. Returns why it wasn't printed, for people, or ""."""
        if not self._passed(Part.PRINTER):
            return "the printer can't print it"
        if self._shares_printer:
            return "the running daemon uses the printer; stop it to have the ticket printed"
        config = self._config
        lines = lay_out_acceptance(self.acceptance(), config.ticket, config.till, self._encoder.columns)
        job = self._encoder.encode(lines)
        end = Printer(config.printer).print(job)
        if isinstance(end, events.TicketPrinted | events.TicketUnproved):
            return ""
        why = f"the printer broke off: {end.paper}"
        self._found.append(failed(Part.PRINTER, Cause.PRINTER_ERROR, why, "correct that, and check again"))
        return why

    def record(self) -> dict[str, Any]:
        """The record, as JSON. It holds no secret."""
        return {"v": wire.VERSION, **self.acceptance().as_json(), "versions": versions()}

    def leave_record(self) -> str:
        """Publish the record, or leave it for the daemon to publish. Returns why it isn't there yet, or ""."""
        record = wire.encode(self.record())
        if self._visit and self._visit.broker.works:
            self._visit.broker.keep(record)
            if self._visit.broker.has_kept(RECORD_TIMEOUT_S):
                return ""
        try:
            leave_record(self._config.journal.path, record)
        except OSError as error:
            return f"neither the broker nor the journal's folder can be reached: {error.strerror}"
        return "" if self._running else "the daemon publishes it as soon as it can"
