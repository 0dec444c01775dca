"""What all MQTT clients of the relay have in common: how they authenticate, and that they keep reconnecting."""

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from relay.config import Broker

MIN_RECONNECT_DELAY_S, MAX_RECONNECT_DELAY_S = 1, 5
"""Between two attempts to connect. A notification that is refused meanwhile comes again after 15 minutes only."""


def new_client(broker: Broker, client_id: str) -> paho.Client:
    """Return a client with the credentials and the TLS of the configuration. It is not connected yet."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
    client.reconnect_delay_set(MIN_RECONNECT_DELAY_S, MAX_RECONNECT_DELAY_S)
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set_context(broker.tls.context())
    return client
