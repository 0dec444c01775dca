"""Ends what the broker keeps for a till that is gone: its subscriptions, and the messages that wait for it.

Else they stay for two weeks, and a stolen till may have filled the broker's memory with them.
"""

import queue

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from relay.config import Broker
from relay.mqtt.client import new_client

KEEPALIVE_S = 30
ANSWER_TIMEOUT_S = 10.0


def end_session(broker: Broker, till: str) -> str:
    """Take a till's place at the broker for a moment and leave nothing there; return why not, or "".

    This works where the relay connects, because client ids are free there; a till's is its name.
    """
    client, answers = new_client(broker, till), queue.Queue[ReasonCode]()
    client.on_connect = lambda _client, _data, _flags, reason, _more: answers.put(reason)
    try:
        client.connect(broker.host, broker.port, KEEPALIVE_S, clean_start=True)
        client.loop_start()
        reason = answers.get(timeout=ANSWER_TIMEOUT_S)
    except OSError as error:
        return f"no connection to the broker at {broker.host}:{broker.port}: {error}"
    except queue.Empty:
        return f"the broker at {broker.host}:{broker.port} doesn't answer"
    finally:
        _leave(client)
    return f"the broker refuses {broker.username or 'us'}: {reason}" if reason.is_failure else ""


def _leave(client: paho.Client) -> None:
    client.disconnect()
    client.loop_stop()
