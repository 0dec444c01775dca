"""What a monitoring system may know of the relay, in Prometheus' format. No till's name and no secret is in it:
a chain has hundreds of tills, and each would make a series of its own.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from relay.mqtt.publisher import Publisher

ACKNOWLEDGED_WITHIN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class Metrics:
    """The counters of one relay."""

    def __init__(self, publisher: Publisher) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.notifications = Counter(
            "till_relay_notifications", "What came, and how it was answered.", ["kind", "answer"], registry=registry
        )
        self.doorbells = Counter(
            "till_relay_doorbells", "What the broker acknowledged.", ["address"], registry=registry
        )
        self.unheard = Counter(
            "till_relay_doorbells_unheard", "Doorbells that the broker said nobody is subscribed to.", registry=registry
        )
        self.signatures = Counter(
            "till_relay_signatures", "What became of the x-signature header.", ["result"], registry=registry
        )
        self.claims = Counter(
            "till_relay_claims",
            "What tills without a bundle asked, and the answer.",
            ["method", "answer"],
            registry=registry,
        )
        self.acknowledgement = Histogram(
            "till_relay_puback_seconds",
            "From publishing to the broker's acknowledgement.",
            buckets=ACKNOWLEDGED_WITHIN,
            registry=registry,
        )
        connected = Gauge("till_relay_broker_connected", "1 while the broker is connected.", registry=registry)
        connected.set_function(lambda: publisher.connected)
        waiting = Gauge("till_relay_unacknowledged", "What waits for the broker's acknowledgement.", registry=registry)
        waiting.set_function(lambda: publisher.unacknowledged)

    def text(self) -> bytes:
        """Return all of them as they are now."""
        return generate_latest(self._registry)
