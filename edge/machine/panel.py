"""Three LEDs, by gpiozero, and a button. Others decide which signal is shown; this table says how it looks.

The loop drives the lights, frame by frame and without a thread of their own: blinking lights prove that the daemon is
alive, and lights that should blink but don't prove that it is not. It sleeps while they are steady.
"""

import os
import tempfile
from dataclasses import dataclass

from edge.config.schema import PanelConfig
from edge.core.status import Signal
from edge.machine.button import open_wire

FRAMES_PER_SECOND = 8
OFF = "." * 16
STEADY = "#" * 16
ONE_HERTZ = "####....####...."
FOUR_HERTZ = "#.#.#.#.#.#.#.#."
FLASH = "#..............."


@dataclass(frozen=True)
class Lights:
    """The pattern of each LED: sixteen frames, two seconds."""

    green: str = OFF
    yellow: str = OFF
    red: str = OFF


LIGHTS = {
    Signal.STARTING: Lights(yellow=STEADY),
    Signal.READY: Lights(green=STEADY),
    Signal.WAITING: Lights(yellow=ONE_HERTZ),
    Signal.WORKING: Lights(yellow=FOUR_HERTZ),
    Signal.PAID: Lights(green=FOUR_HERTZ),
    Signal.HOLDING: Lights(yellow=STEADY, red=FOUR_HERTZ),
    Signal.CANCELLED: Lights(yellow=STEADY, red=FOUR_HERTZ),
    Signal.ATTENTION: Lights(green="##..##..##..##..", red="..##..##..##..##"),
    Signal.PRINTER: Lights(red=ONE_HERTZ),
    Signal.POLLING: Lights(green=STEADY, yellow=FLASH),
    Signal.UNREACHABLE: Lights(red=STEADY),
    Signal.IDENTIFY: Lights(green="###.....###.....", yellow="..###.....###...", red="....###.....###."),
}


def frame(sign: Signal, now: float) -> tuple[bool, bool, bool]:
    """Whether green, yellow and red are on at `now`, in seconds."""
    lights = LIGHTS[sign]
    step = int(now * FRAMES_PER_SECOND) % len(OFF)
    return lights.green[step] == "#", lights.yellow[step] == "#", lights.red[step] == "#"


def next_change(sign: Signal, now: float) -> float | None:
    """When the lights of `sign` will next be others than at `now`, in the same seconds; None if they are steady."""
    first = int(now * FRAMES_PER_SECOND)
    shown = frame(sign, now)
    later = (each / FRAMES_PER_SECOND for each in range(first + 1, first + len(OFF)))
    return next((moment for moment in later if frame(sign, moment) != shown), None)


class PanelError(Exception):
    """The pins can't be used; the text says why."""


class Panel:
    """The pins. Raises `PanelError`."""

    def __init__(self, config: PanelConfig) -> None:
        # Without this, gpiozero tries four ways to the pins and warns about each.
        os.environ.setdefault("GPIOZERO_PIN_FACTORY", "lgpio")
        os.environ.setdefault("LG_WD", tempfile.gettempdir())  # lgpio writes a file into its working directory
        import gpiozero

        try:
            leds = config.leds
            self._leds = tuple(gpiozero.LED(pin) for pin in (leds.green, leds.yellow, leds.red))
            self._button = open_wire(config.button.pin)
        except ImportError as error:
            raise PanelError(f"{error}; on a Raspberry Pi: sudo apt install python3-lgpio") from error
        except Exception as error:
            # For a pin in use, lgpio raises an error of its own that derives only from Exception.
            if not (isinstance(error, gpiozero.GPIOZeroError | OSError) or type(error).__module__ == "lgpio"):
                raise
            raise PanelError(
                f"the GPIO pins can't be used: {error}; check that this user is in the group gpio"
            ) from error
        self._shown: tuple[bool, ...] = (False, False, False)

    def show(self, sign: Signal, now: float) -> float | None:
        """Set the lights to the frame of `sign` at `now`. Returns when the next is due; None if they are steady."""
        wanted = frame(sign, now)
        for led, was, on in zip(self._leds, self._shown, wanted, strict=True):
            if on != was:
                led.value = on
        self._shown = wanted
        return next_change(sign, now)

    def button_down(self) -> bool:
        """Whether the button is down at this moment, read from its wire."""
        return self._button.is_down()

    def wait_for_edge(self, seconds: float) -> bool:
        """Return when the button may have moved, or after so many seconds. For one thread, which then reads it."""
        return self._button.wait_for_edge(seconds)

    def close(self) -> None:
        """Release the pins; the lights go dark."""
        for device in (*self._leds, self._button):
            device.close()
