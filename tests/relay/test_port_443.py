"""A way in where only port 443 is open: MQTT by its name in the greeting of TLS, through HAProxy as it is shipped."""

import queue
import threading
from pathlib import Path

import pytest
import trustme

from edge.config.schema import BrokerConfig, Secret, TlsConfig
from edge.core import events
from edge.inbox import Arrival, Inbox
from edge.mqtt.session import MqttBroker
from relay.config import Rabbitmq
from relay.enroll.rabbitmq import RabbitmqAccounts
from sim.rabbitmq import MANAGEMENT_PORT, Cluster, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "RabbitMQ can be had")]

PATIENCE_S = 30.0


def first_news(port: int, ca_file: Path, alpn: str | None) -> events.Event:
    """What a till hears first of its broker at this door."""
    inbox: Inbox = Inbox()
    tls = TlsConfig(ca_file=ca_file, alpn=alpn)
    config = BrokerConfig(host="127.0.0.1", port=port, username="A", password=Secret("A"), tls=tls)
    broker = MqttBroker(config, "A", "1", "1.2.3", inbox)
    threading.Thread(target=broker.loop, daemon=True).start()
    try:
        while True:
            arrived = inbox.get(timeout=PATIENCE_S)
            if isinstance(arrived, Arrival) and isinstance(arrived.event, events.BrokerConnected | events.BrokerLost):
                return arrived.event
    except queue.Empty:
        raise AssertionError("nothing was heard of the broker") from None
    finally:
        broker.close()


def test_a_till_that_names_mqtt_comes_in_at_port_443_and_another_is_told_that_no_broker_is_there(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Cluster(1) as cluster:
        pem = cluster.folder / "mqtt.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
        url = f"http://{cluster.nodes[0].address}:{MANAGEMENT_PORT}"
        RabbitmqAccounts(Rabbitmq(url, cluster.passwords / "till-enroll.password"), "tills").put("A", "A", "1")
        door = cluster.start_haproxy(pem).port443
        assert first_news(door, tmp_path / "ca.pem", "mqtt") == events.BrokerConnected()
        other = first_news(door, tmp_path / "ca.pem", None)
        assert isinstance(other, events.BrokerLost)
