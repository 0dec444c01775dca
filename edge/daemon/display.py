"""What others see of the till: lights, the status at the broker, and what check and page on this machine read.

The lights follow each turn of the loop. The status is built when it is to be told: a new sign at once, and whatever
else changed within a second or so. Used by the loop's thread alone.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from edge.core.state import Till
from edge.core.status import Signal, page, signal, status
from edge.daemon.local_status import NOT_YET, STILL_HERE_EVERY_S, Handover
from edge.inbox import Panel

TELL_WITHIN_S = 1.25
"""A little longer than the broker's session keeps between two publications."""


class StatusBroker(Protocol):
    """What is asked of the broker's adapter; both return at once."""

    def show(self, facts: Mapping[str, Any]) -> None: ...

    def keep(self, record: bytes) -> None: ...


class Display:
    """Shows a till to cashiers, to the relay, and to this machine."""

    def __init__(
        self,
        panel: Panel,
        broker: StatusBroker,
        machine: Callable[[], Mapping[str, Any]],
        handover: Handover | None,
        has_page: bool,
    ) -> None:
        self._panel = panel
        self._broker = broker
        self._machine = machine
        self._handover = handover
        self._has_page = has_page
        self._told: Till | None = None
        self._told_at = float("-inf")
        self._sign: Signal | None = None
        self._frame_at: float | None = None

    def show(self, till: Till, now: float) -> None:
        """Set the lights, and tell whatever is to be told by now."""
        sign = signal(till, now)
        self._frame_at = self._panel.show(sign, now)
        if sign is not self._sign or now >= self._tell_at(till):
            self._told, self._told_at, self._sign = till, now, sign
            self._tell(till, now)

    def look_beside(self) -> None:
        """Somebody left something beside the journal: look for it with the next `show`."""
        self._told = None
        self._told_at = float("-inf")

    def due_at(self, till: Till) -> float | None:
        """When `show` has something to do for this till, if nothing happens; None if never."""
        first = min(self._tell_at(till), math.inf if self._frame_at is None else self._frame_at)
        return None if first == math.inf else first

    def _tell_at(self, till: Till) -> float:
        """By when something is to be told: what has changed, or to the page that we are still here."""
        if till is not self._told:
            return self._told_at + TELL_WITHIN_S
        return self._told_at + STILL_HERE_EVERY_S if self._has_page else math.inf

    def status(self, till: Till, now: float) -> dict[str, Any]:
        """The facts of the status, with those of the machine."""
        return {**status(till, now), **self._machine()}

    def _tell(self, till: Till, now: float) -> None:
        facts = self.status(till, now)
        self._broker.show(facts)
        if self._handover:
            self._hand_over(self._handover, till, facts)

    def _hand_over(self, handover: Handover, till: Till, facts: Mapping[str, Any]) -> None:
        """Give a check on this machine our status, and publish the record that it left."""
        broker = "connected" if till.link.broker_up else till.link.broker_error or NOT_YET
        handover.show({**facts, "broker": broker, "broker_trouble": facts["broker"]})
        if self._has_page:
            handover.show_page({**facts, **page(till)})
        if till.link.broker_up and (record := handover.take_record()):
            self._broker.keep(record)
