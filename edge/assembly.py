"""Puts the daemon together from its configuration: the one place that knows all the parts."""

import contextlib
from collections.abc import Callable

from edge import messages as m
from edge.broker import MqttBroker
from edge.config import Config
from edge.daemon import Arrival, Daemon, Inbox
from edge.encoder import Encoder
from edge.journal import claim, remember
from edge.journal_file import JournalError
from edge.mercadopago import MercadoPago
from edge.panel import Panel
from edge.printer import Printer
from edge.state import Settings, Till
from edge.ticket import lay_out, lay_out_list


def assemble(config: Config, version: str) -> Daemon:
    """A daemon that is ready to run. Raises `PanelError`, `UnknownPrinter`, `InUse`, `OSError`."""
    inbox = Inbox()
    with contextlib.suppress(JournalError):  # which is told while the daemon runs
        claim(config.journal.path).close()  # in use or not: that is said before anything else is touched
    wanted = settings(config)
    identity = f"{config.mercadopago.user_id}/{config.mercadopago.external_pos_id}"
    return Daemon(
        till=Till(wanted),
        remember=lambda now: remember(config.journal.path, wanted, identity, now),
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
        keep=config.journal.keep_days * 24 * 3600,
    )


def composer(config: Config) -> Callable[[m.Print | m.PrintList], bytes]:
    """How what is to be printed becomes the bytes for this printer. Raises `UnknownPrinter`, `OSError`."""
    printer = config.printer
    encoder = Encoder(printer.profile, printer.columns, printer.codepage, config.ticket.logo)

    def compose(duty: m.Print | m.PrintList) -> bytes:
        if isinstance(duty, m.PrintList):
            return encoder.encode(lay_out_list(duty.orders, config.ticket, config.till, encoder.columns))
        lines = lay_out(duty.order, duty.banners, config.ticket, config.till, encoder.columns)
        return encoder.encode(lines, open_drawer=printer.open_drawer and m.Banner.COPY not in duty.banners)

    return compose
