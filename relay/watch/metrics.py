"""The tills' metrics, for a Prometheus. Each series names a till, so they have a port of their own, on the loopback.

What a till doesn't say has no series. Without a broker no till has any: old figures would look like new ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from relay.fleet.facts import Record, Status
from relay.watch.signs import Sign, View

HOST = "127.0.0.1"
NUMBERS = {
    "waiting": ("till_orders_waiting", "Orders that wait for their payment.", 1.0),
    "owed_tickets": ("till_owed_tickets", "Paid orders whose ticket is still to come.", 1.0),
    "owed_slips": ("till_owed_slips", "Slips for a person that are not on paper yet.", 1.0),
    "dropped_messages": ("till_dropped_messages", "Messages that the till could not use, since its start.", 1.0),
    "round_trip_ms": ("till_relay_round_trip_seconds", "The last ping to the relay and back.", 0.001),
    "disk_free_mb": ("till_disk_free_bytes", "Free space on the memory card.", 1_000_000.0),
    "clock_offset_seconds": ("till_clock_offset_seconds", "How far the till's clock is ahead of Mercado Pago's.", 1.0),
}
"""Key of a status -> the metric, what it says, and the factor to its unit."""
OUTCOMES = ("printed", "unconfirmed", "copies", "rejected", "cancelled")


class Exporter:
    """What `/metrics` of the watch answers. `show` is called each second, by the service."""

    def __init__(self, channels: Iterable[str]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._fleet = FleetCollector()
        self._registry.register(self._fleet)
        self._messages = Counter(
            "till_watch_messages", "Attempts to tell people, by result.", ["channel", "result"], registry=self._registry
        )
        for channel in channels:
            for result in ("sent", "failed"):
                self._messages.labels(channel, result)

    def listen(self, port: int | None) -> None:
        """Answer from now on, if there is a port. Raises `OSError`."""
        if port is not None:
            start_http_server(port, HOST, self._registry)

    def count(self, channel: str, is_sent: bool) -> None:
        """An attempt was made."""
        self._messages.labels(channel, "sent" if is_sent else "failed").inc()

    def show(self, view: View, records: Mapping[str, Record], alerts: Sequence[Sign]) -> None:
        """From now on this is how the tills are."""
        self._fleet.shown = view, dict(records), tuple(alerts)


class FleetCollector(Collector):
    """The last view, as metrics."""

    def __init__(self) -> None:
        self.shown: tuple[View, Mapping[str, Record], Sequence[Sign]] | None = None

    def collect(self) -> Iterator[Metric]:
        if self.shown is None:
            yield _gauge("till_watch_broker_connected", "1 while the broker is connected.", [([], 0.0)])
            return
        view, records, alerts = self.shown
        connected = float(not view.broker_trouble)
        yield _gauge("till_watch_broker_connected", "1 while the broker is connected.", [([], connected)])
        yield _gauge("till_alert", "What is wrong and has lasted.", _alerts(alerts), "till", "cause")
        if view.relay:
            yield _gauge(
                "till_relay_online", "1 while the relay says that it is there.", [([], float(view.relay == "online"))]
            )
        yield from _of_tills(view.statuses, records)


def _of_tills(statuses: Mapping[str, Status], records: Mapping[str, Record]) -> Iterator[Metric]:
    here = {till: status for till, status in statuses.items() if not status.is_gone}
    yield _each("till_up", "1 while the till is connected to the broker.", statuses, lambda each: not each.is_gone)
    yield _each("till_ready_to_sell", "1 while it could confirm and print a sale.", here, lambda each: each.can_sell)
    yield _each("till_problems", "What a person must look at.", here, lambda each: len(each.problems))
    yield _words(
        "till_state", "1 for the till's state.", "state", {till: [each.state] for till, each in statuses.items()}
    )
    yield _words(
        "till_printer", "1 for how its printer is.", "printer", {till: [each.printer] for till, each in here.items()}
    )
    yield _words(
        "till_info",
        "1 for the version of its program.",
        "version",
        {till: [each.version] for till, each in statuses.items()},
    )
    yield _words(
        "till_throttled",
        "1 for each complaint of its computer.",
        "reason",
        {till: each.throttled for till, each in here.items()},
    )
    for key, (name, text, factor) in NUMBERS.items():
        yield _each(name, text, here, lambda each, key=key, factor=factor: _times(each.facts.get(key), factor))
    yield _each(
        "till_last_ticket_timestamp_seconds",
        "When its last ticket came out.",
        here,
        lambda each: _unix(each.last_ticket),
    )
    today = GaugeMetricFamily("till_tickets_today", "Of the till's calendar day.", labels=["till", "outcome"])
    for till, each in here.items():
        counts = each.facts.get("today")
        for outcome in OUTCOMES:
            if isinstance(counts, dict) and (count := _times(counts.get(outcome), 1.0)) is not None:
                today.add_metric([till, outcome], count)
    yield today
    yield _each("till_check_passed", "1 if its last check found all well.", records, lambda each: each.well)


def _alerts(alerts: Sequence[Sign]) -> list[tuple[list[str], float]]:
    named = sorted({(sign.subject, sign.cause.value) for sign in alerts})
    return [([subject, cause], 1.0) for subject, cause in named]


def _words(name: str, text: str, label: str, words: Mapping[str, Iterable[str]]) -> GaugeMetricFamily:
    return _gauge(
        name, text, [([till, word], 1.0) for till, each in words.items() for word in each if word], "till", label
    )


def _each(name: str, text: str, tills: Mapping[str, Any], value: Any) -> GaugeMetricFamily:
    found = [([till], value(each)) for till, each in tills.items()]
    return _gauge(name, text, [(labels, float(number)) for labels, number in found if number is not None], "till")


def _gauge(name: str, text: str, samples: Iterable[tuple[list[str], float]], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _times(value: object, factor: float) -> float | None:
    return value * factor if isinstance(value, int | float) and not isinstance(value, bool) else None


def _unix(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
