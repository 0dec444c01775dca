"""Puts the daemon together from its configuration: the one place that knows all the parts."""

import time

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
    """A daemon that is ready to run. Raises `PanelError`, `sqlite3.Error`."""
    inbox = Inbox()
    journal = Journal(config.journal.path)
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
