"""The button's wire: its level at this moment, and a wait that an edge cuts short. No decision rests on an edge.

On a Pi the wire is had from the kernel, which wakes whoever waits for an edge. lgpio, which drives the lights, would
look for edges itself: two thousand times a second, as soon as one is wanted. Other ways to the pins are gpiozero's.
"""

import os
import select
import struct
import threading
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from typing import Any, Protocol

from edge.core import events
from edge.core.cashier import RELEASE_S

READING_INTERVAL_S = 0.02
"""Of the button's wire: a quick press takes three times as long."""
MARGIN_S = 0.001
READINGS_AFTER_RELEASE = 10
MAX_REST_S = 5.0
"""How long a finger is there unnoticed if no edge is reported at all. The kernel keeps sixteen and drops the rest; the
wire is read after any of them, so that those which were dropped are not missed."""


class Wire(Protocol):
    """The button's wire, which any thread may read. One thread may wait."""

    def is_down(self) -> bool: ...

    def wait_for_edge(self, seconds: float) -> bool: ...

    def close(self) -> None: ...


def open_wire(gpio: int) -> Wire:
    """The wire from a GPIO to the button, in the way that gpiozero has chosen to reach the pins.

    Raises `OSError`, and whatever gpiozero raises.
    """
    import gpiozero

    factory = gpiozero.Device.pin_factory
    if type(factory).__module__ == "gpiozero.pins.lgpio":
        return KernelWire(Path(f"/dev/gpiochip{factory.chip}"), gpio)
    return GpiozeroWire(gpiozero.DigitalInputDevice(gpio, pull_up=True))


class KernelWire:
    """A line of the kernel's GPIO character device; the form of its requests is in `linux/gpio.h`, version 2."""

    REQUEST = struct.Struct("=I252x 32s Q264x II20x i")
    """`gpio_v2_line_request`: offset, consumer, flags, how many lines, events to keep, and the answer, a file."""
    VALUES = struct.Struct("=QQ")
    """`gpio_v2_line_values`: the levels, and which of them are asked for."""
    EVENT_BYTES = 48
    GET_LINE, GET_VALUES = 0xC250B407, 0xC010B40E
    FLAGS = 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8
    """An input, edges up and down, pulled up."""
    KEPT_EVENTS = 16

    def __init__(self, chip: Path, line: int) -> None:
        """Take the line. Raises `OSError`."""
        request = bytearray(self.REQUEST.pack(line, b"till-edge", self.FLAGS, 1, self.KEPT_EVENTS, 0))
        device = os.open(chip, os.O_RDWR)
        try:
            ioctl(device, self.GET_LINE, request)
        finally:
            os.close(device)
        *_, self._line = self.REQUEST.unpack(request)
        self._edges = select.poll()
        self._edges.register(self._line, select.POLLIN)

    def is_down(self) -> bool:
        """Whether the wire is connected to ground. Raises `OSError`."""
        levels, _ = self.VALUES.unpack(ioctl(self._line, self.GET_VALUES, self.VALUES.pack(0, 1)))
        return not levels & 1

    def wait_for_edge(self, seconds: float) -> bool:
        """Return at an edge, which may have been some time ago, or after so many seconds. Raises `OSError`."""
        if not self._edges.poll(seconds * 1000):
            return False
        os.read(self._line, self.KEPT_EVENTS * self.EVENT_BYTES)
        return True

    def close(self) -> None:
        os.close(self._line)


class GpiozeroWire:
    """A digital input of gpiozero: the mock pins, or another of its ways to real ones."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._edge = threading.Event()
        device.when_activated = device.when_deactivated = self._edge.set

    def is_down(self) -> bool:
        """Whether the wire is connected to ground."""
        return bool(self._device.is_active)

    def wait_for_edge(self, seconds: float) -> bool:
        """Return at an edge, which may have been some time ago, or after so many seconds."""
        seen = self._edge.wait(seconds)
        self._edge.clear()
        return seen

    def close(self) -> None:
        self._device.close()


def watch_button(
    is_down: Callable[[], bool],
    wait_for_edge: Callable[[float], bool],
    put: Callable[[events.PanelEvent], None],
    ended: Callable[[], bool],
) -> None:
    """Read the button until `ended`. Its readings are `put` while it is down, after each release, and at the start.

    A thread's body: a loop that waits for a slow disk would miss a finger. It reads fifty times a second as long as a
    finger may be there, and then sleeps; an edge wakes it from either. Ends by what a reading raises, too.
    """
    up, level, woken = 0, False, False
    while not ended():
        down, now = is_down(), time.monotonic()
        up = 0 if down else up + 1
        if up <= READINGS_AFTER_RELEASE:
            put(events.ButtonDown(now) if down else events.ButtonUp(now))
        if woken or down != level:  # a release counts soon; a wire that only rattles isn't read at each edge
            time.sleep(READING_INTERVAL_S if down == level else RELEASE_S + MARGIN_S)
            level, woken = down, False
        else:
            woken = wait_for_edge(READING_INTERVAL_S if up < READINGS_AFTER_RELEASE else MAX_REST_S)
