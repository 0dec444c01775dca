"""Puts the daemon together from its configuration: the one place that knows all the parts."""

import time
from collections.abc import Callable

from edge import messages as m
from edge.broker import MqttBroker
from edge.config import Config
from edge.daemon import Arrival, Daemon, Inbox
from edge.encoder import Encoder
from edge.journal import Journal
from edge.mercadopago import MercadoPago
from edge.panel import Panel
from edge.printer import Printer
from edge.state import Settings
from edge.ticket import lay_out


def assemble(config: Config, version: str) -> Daemon:
    """A daemon that is ready to run. Raises `PanelError`, `UnknownPrinter`, `InUse`, `sqlite3.Error`, `OSError`."""
    inbox = Inbox()
    journal = Journal(config.journal.path)
    journal.claim()
    identity = f"{config.mercadopago.user_id}/{config.mercadopago.external_pos_id}"
    return Daemon(
        till=journal.load(settings(config), identity, time.monotonic()),
        journal=journal,
        inbox=inbox,
        broker=MqttBroker(config.broker, config.till.id, version, inbox),
        panel=Panel(config.panel, lambda event: inbox.put(Arrival(event))),
        pay=MercadoPago(config.mercadopago, version).do,
        prints=Printer(config.printer, composer(config)).do,
    )


def settings(config: Config) -> Settings:
    """What the core has to know of the configuration."""
    watch = config.watch
    return Settings(
        user_id=config.mercadopago.user_id,
        first_check=watch.first_check_seconds,
        check_every=watch.check_every_seconds,
        idle_every=watch.idle_every_seconds,
        outage_every=watch.outage_every_seconds,
        grace=watch.grace_minutes * 60,
        hold=config.panel.button.hold_seconds,
    )


def composer(config: Config) -> Callable[[m.Print], bytes]:
    """How the order of a `Print` becomes the bytes for this printer. Raises `UnknownPrinter`, `OSError`."""
    printer = config.printer
    encoder = Encoder(printer.profile, printer.columns, printer.codepage, config.ticket.logo)

    def compose(duty: m.Print) -> bytes:
        lines = lay_out(duty.order, duty.banners, config.ticket, config.till, encoder.columns)
        return encoder.encode(lines, open_drawer=printer.open_drawer and m.Banner.COPY not in duty.banners)

    return compose
