"""The relay's metrics, in Prometheus' format. They contain no secret, and no till's name: a chain has hundreds of
tills, and each name would be a series of its own.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from relay.mqtt.publisher import Publisher

ACKNOWLEDGEMENT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class Metrics:
    """The counters of one relay."""

    def __init__(self, publisher: Publisher) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.notifications = Counter(
            "till_relay_notifications",
            "Notifications received, by kind and answer.",
            ["kind", "answer"],
            registry=registry,
        )
        self.doorbells = Counter(
            "till_relay_doorbells", "Doorbells that the broker acknowledged.", ["address"], registry=registry
        )
        self.unheard = Counter(
            "till_relay_doorbells_unheard", "Doorbells for which the broker reported no subscriber.", registry=registry
        )
        self.signatures = Counter(
            "till_relay_signatures",
            "Notifications by the result of checking x-signature.",
            ["result"],
            registry=registry,
        )
        self.claims = Counter(
            "till_relay_claims",
            "Requests of tills without a bundle, by method and answer.",
            ["method", "answer"],
            registry=registry,
        )
        self.acknowledgement = Histogram(
            "till_relay_puback_seconds",
            "From publishing to the broker's acknowledgement.",
            buckets=ACKNOWLEDGEMENT_BUCKETS_S,
            registry=registry,
        )
        connected = Gauge("till_relay_broker_connected", "1 while the broker is connected.", registry=registry)
        connected.set_function(lambda: publisher.connected)
        hears = Gauge("till_relay_hears_pings", "1 while pings of tills are answered.", registry=registry)
        hears.set_function(lambda: publisher.hears_pings)
        waiting = Gauge(
            "till_relay_unacknowledged", "Messages that wait for the broker's acknowledgement.", registry=registry
        )
        waiting.set_function(lambda: publisher.unacknowledged)

    def text(self) -> bytes:
        """Return all metrics with their present values."""
        return generate_latest(self._registry)
