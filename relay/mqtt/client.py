"""What every MQTT client of this side has in common: how it comes in at the broker, and that it keeps trying."""

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from relay.config import Broker

LONGEST_PAUSE = 5
"""Seconds between two attempts to connect. What the relay refuses meanwhile comes again in 15 minutes only."""


def new_client(broker: Broker, client_id: str) -> paho.Client:
    """A client with the credentials and the TLS of the configuration; not connected."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
    client.reconnect_delay_set(1, LONGEST_PAUSE)
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set_context(broker.tls.context())
    return client
