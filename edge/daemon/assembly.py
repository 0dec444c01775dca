"""Puts the daemon together from its configuration: the one place that knows all the parts."""

import contextlib
import gc
from dataclasses import replace

from edge.config.schema import Config
from edge.config.values import is_far
from edge.core.agenda import Line
from edge.core.settings import Settings
from edge.core.state import Durable
from edge.daemon.known_printer import Acquaintance
from edge.daemon.local_status import Handover
from edge.daemon.loop import Daemon
from edge.daemon.printing_worker import Composer, PrintingWorker
from edge.daemon.sound_worker import sound_worker
from edge.inbox import Inbox
from edge.journal.file import JournalError
from edge.journal.knock import open_door
from edge.journal.store import Journal, lock, open_journal
from edge.machine.facts import Machine, versions
from edge.machine.panel import Panel
from edge.mercadopago.client import MercadoPago
from edge.mercadopago.clock import ServerClock
from edge.mqtt.session import MqttBroker
from edge.printer.printer import Printer


def assemble(config: Config, version: str) -> Daemon:
    """A daemon that is ready to run. Raises `PanelError`, `UnknownPrinterError`, `InUseError`, `OSError`."""
    inbox = Inbox()
    with contextlib.suppress(JournalError):  # which is told while the daemon runs
        lock(config.journal.path).close()  # in use or not: that is said before anything else is touched
    wanted = settings(config)
    panel = Panel(config.panel)
    clock = ServerClock()
    lines = [MercadoPago(config.mercadopago, version, clock) for _ in Line]
    acquaintance = Acquaintance(config.journal.path, config.printer, config.sound.printer if config.sound else None)
    config = replace(config, printer=acquaintance.fitted)
    printer = Printer(config.printer, record=acquaintance.record, keep=acquaintance.keep)
    sound = sound_worker(config.sound, config.journal.path.parent) if config.sound else None
    printing = PrintingWorker(printer, Composer(config), acquaintance)

    def open_and_expect(now: float) -> tuple[Journal, Durable]:
        gc.disable()  # what is loaded has no cycles, and looking for some took a quarter of the time
        try:
            journal, durable = open_journal(config.journal.path, identity, now)
        finally:
            gc.enable()
        gc.freeze()  # thousands of orders, and all modules: they stay, and are never to be looked through
        if durable.orders.under_way:
            printer.expect_leftovers()
        return journal, durable

    identity = f"{config.mercadopago.user_id}/{config.mercadopago.external_pos_id}"
    return Daemon(
        settings=wanted,
        open_journal=open_and_expect,
        inbox=inbox,
        broker=MqttBroker(config.broker, config.till.id, config.mercadopago.user_id, version, inbox),
        panel=panel,
        pays=[line.do for line in lines],
        prints=printing.do,
        machine=Machine(config.journal.path.parent, clock.ahead).facts,
        handover=Handover(config.journal.path),
        has_page=config.page is not None,
        door=open_door(config.journal.path),
        plays=sound.do if sound else None,
        about=lambda: {"configuration": repr(config), "versions": versions()},
    )


def settings(config: Config) -> Settings:
    """What the core has to know of the configuration."""
    watch, sound = config.watch, config.sound
    return Settings(
        user_id=config.mercadopago.user_id,
        external_pos_id=config.mercadopago.external_pos_id,
        first_check_s=watch.first_check_seconds,
        check_every_s=watch.check_every_seconds,
        idle_every_s=watch.idle_every_seconds,
        outage_every_s=watch.outage_every_seconds,
        grace_s=watch.grace_minutes * 60,
        hold_s=config.panel.button.hold_seconds,
        keep_s=config.journal.keep_days * 24 * 3600,
        timezone=config.till.timezone,
        reference_prefix=config.mercadopago.reference_prefix or "",
        ignore_orderless=config.mercadopago.payments_without_order == "ignore",
        slip_after_s=watch.slip_after_seconds,
        plays=sound is not None and (sound.buzzer_pin is not None or sound.speech is not None),
        rings=sound is not None and sound.printer is not None,
        quiet=sound.quiet if sound else None,
        broker_far=is_far(config.broker.host),
    )
