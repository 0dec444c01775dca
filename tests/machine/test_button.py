"""The button's wire, on gpiozero's mock pins and on a kernel of ours: who wakes up when, and what is read."""

import contextlib
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from edge.config.schema import PanelConfig
from edge.core import events
from edge.machine import button
from edge.machine.button import MAX_REST_S, READINGS_AFTER_RELEASE, KernelWire, watch_button
from edge.machine.panel import Panel

SOON_S = 0.1


class Watch:
    """A panel on mock pins, and the thread that watches its button."""

    def __init__(self) -> None:
        self.panel = Panel(PanelConfig())
        self.pin: MockPin = Device.pin_factory.pin(PanelConfig().button.pin)
        self.readings: list[events.PanelEvent] = []
        self.looks = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        watch_button(self._look, self.panel.wait_for_edge, self.readings.append, lambda: self._ended)

    def _look(self) -> bool:
        self.looks += 1
        return self.panel.button_down()

    def rest(self) -> None:
        """Wait until the thread sleeps."""
        looks = -1
        while looks != self.looks:
            looks = self.looks
            time.sleep(SOON_S)
        self.readings.clear()

    def downs(self) -> list[float]:
        return [reading.at for reading in self.readings if isinstance(reading, events.ButtonDown)]

    def end(self) -> None:
        self._ended = True
        self.pin.drive_low()
        self.pin.drive_high()
        self._thread.join()
        self.panel.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    Device.pin_factory = MockFactory()
    watch = Watch()
    yield watch
    watch.end()
    Device.pin_factory = None


@pytest.mark.slow
def test_the_wire_of_a_button_that_nobody_touches_is_hardly_read(watch: Watch):
    watch.rest()
    before = watch.looks
    time.sleep(2 * MAX_REST_S)
    assert watch.looks - before <= 2
    assert watch.readings == [], "and nothing is put into the inbox"


def test_a_finger_is_felt_at_once_and_read_until_it_has_been_lifted(watch: Watch):
    watch.rest()
    pressed = time.monotonic()
    watch.pin.drive_low()
    time.sleep(0.4)
    watch.pin.drive_high()
    time.sleep(0.4)
    downs = watch.downs()
    ups = [reading for reading in watch.readings if isinstance(reading, events.ButtonUp)]
    assert downs[0] - pressed < SOON_S
    assert len(downs) >= 10
    assert len(ups) == READINGS_AFTER_RELEASE


@pytest.mark.slow
def test_a_finger_whose_edges_are_lost_is_felt_all_the_same(watch: Watch):
    watch.rest()
    pressed = time.monotonic()
    watch.pin._state = False  # the wire changes and nobody says so
    time.sleep(MAX_REST_S + 0.5)
    downs = watch.downs()
    assert downs[0] - pressed <= MAX_REST_S + SOON_S
    assert len(downs) >= 10
    watch.pin._state = True
    time.sleep(0.4)
    assert isinstance(watch.readings[-1], events.ButtonUp), "its release needs no edge"


def test_a_wire_that_rattles_is_not_read_at_each_edge(watch: Watch):
    watch.rest()
    before, end = watch.looks, time.monotonic() + 1
    while time.monotonic() < end:
        watch.pin.drive_low()
        watch.pin.drive_high()
        time.sleep(0.001)
    assert watch.looks - before <= 110


# --- the kernel's way ------------------------------------------------------------------------------------------------


class Kernel:
    """What Linux answers to requests for a line, by `linux/gpio.h`. The line is a pipe: an edge is a byte in it."""

    EVENT = bytes(48)

    def __init__(self) -> None:
        self.level = True
        self.line, self._edges = os.pipe()
        self.asked: tuple[int, bytes, int, int] | None = None

    def ioctl(self, file: int, number: int, argument: bytearray | bytes) -> bytes | int:
        assert len(argument) == (number >> 16) & 0x3FFF, "the number of a request says how long it is"
        if number == 0xC010B40E:
            assert file == self.line
            _, mask = struct.unpack("=QQ", argument)
            return struct.pack("=QQ", self.level and mask, mask)
        assert number == 0xC250B407
        [offset] = struct.unpack_from("=I", argument, 0)
        [flags] = struct.unpack_from("=Q", argument, 288)
        [lines] = struct.unpack_from("=I", argument, 560)
        self.asked = offset, bytes(argument[256:288]).rstrip(b"\0"), flags, lines
        struct.pack_into("=i", argument, 588, self.line)
        return 0

    def edge(self, level: bool) -> None:
        self.level = level
        os.write(self._edges, self.EVENT)

    def close(self) -> None:
        for file in (self.line, self._edges):
            with contextlib.suppress(OSError):
                os.close(file)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    kernel = Kernel()
    monkeypatch.setattr(button, "ioctl", kernel.ioctl)
    yield kernel
    kernel.close()


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    chip = tmp_path / "gpiochip0"
    chip.touch()
    return chip


def test_the_line_is_asked_for_as_an_input_with_both_edges_and_pulled_up(kernel: Kernel, chip: Path):
    KernelWire(chip, 26).close()
    assert kernel.asked == (26, b"till-edge", 0x4 | 0x10 | 0x20 | 0x100, 1)


def test_a_wire_at_ground_is_a_button_that_is_down(kernel: Kernel, chip: Path):
    wire = KernelWire(chip, 26)
    assert not wire.is_down()
    kernel.level = False
    assert wire.is_down()


def test_an_edge_wakes_who_waits_and_is_then_forgotten(kernel: Kernel, chip: Path):
    wire = KernelWire(chip, 26)
    began = time.monotonic()
    assert not wire.wait_for_edge(SOON_S)
    assert time.monotonic() - began >= SOON_S
    for level in (False, True, False):
        kernel.edge(level)
    assert wire.wait_for_edge(10)
    assert not wire.wait_for_edge(0)


def test_a_line_that_another_has_is_refused(chip: Path):
    with pytest.raises(OSError, match="ioctl"):
        KernelWire(chip, 26)
