"""A buzzer on a pin, by gpiozero: an active one, which has its own tone, or a passive one, which is given a tone."""

import os
import tempfile
import time
from collections.abc import Iterable
from typing import Any

from edge.machine.loudspeaker import SoundError

PAUSE_S = 0.1
"""Between two beeps."""


class Buzzer:
    """The pin is taken at the first beep, and asked for again as long as it can't be had."""

    def __init__(self, pin: int, tone_hz: int | None) -> None:
        self._pin = pin
        self._tone_hz = tone_hz
        self._device: Any = None

    def beep(self, seconds: Iterable[float]) -> None:
        """Beep for so long each time. Raises `SoundError`."""
        try:
            self._device = self._device or self._open()
            for length in seconds:
                self._sound()
                time.sleep(length)
                self._device.off() if self._tone_hz is None else self._device.stop()
                time.sleep(PAUSE_S)
        except (
            Exception
        ) as error:  # for a pin in use, lgpio raises an error of its own that derives only from Exception
            raise SoundError(f"the buzzer's pin {self._pin} can't be used: {error}") from error

    def _open(self) -> Any:
        # Without this, gpiozero tries four ways to the pins and warns about each.
        os.environ.setdefault("GPIOZERO_PIN_FACTORY", "lgpio")
        os.environ.setdefault("LG_WD", tempfile.gettempdir())  # lgpio writes a file into its working directory
        import gpiozero

        return gpiozero.Buzzer(self._pin) if self._tone_hz is None else gpiozero.TonalBuzzer(self._pin, octaves=4)

    def _sound(self) -> None:
        if self._tone_hz is None:
            self._device.on()
        else:
            from gpiozero.tones import Tone

            self._device.play(Tone.from_frequency(self._tone_hz))
