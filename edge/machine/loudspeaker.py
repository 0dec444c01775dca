"""A loudspeaker at an ALSA device, by `aplay`. Whatever that does, it ends some seconds after the sound would have.

A process for each sound: a device that is plugged in again is found again, and one that hangs takes nothing with it.
"""

import subprocess

SAMPLES_PER_SECOND = 22050
"""16 bits, one channel: what espeak-ng makes."""
BYTES_PER_SECOND = 2 * SAMPLES_PER_SECOND
GRACE_S = 5.0
"""How much longer than its sound a device may take before it is called stuck."""
FORMAT = ("-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(SAMPLES_PER_SECOND))


class SoundError(Exception):
    """Something can't be heard; the text says why, for people."""


class Loudspeaker:
    """One device, by the name that `aplay -L` shows."""

    def __init__(self, device: str, program: str = "aplay", grace_s: float = GRACE_S) -> None:
        self._device = device
        self._command = (program, "-q", "-D", device, *FORMAT)
        self._grace_s = grace_s

    def play(self, samples: bytes) -> None:
        """Play to the end. Raises `SoundError`."""
        try:
            aplay = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise SoundError("aplay is not installed; sudo apt install alsa-utils") from error
        with aplay:
            try:
                _, complaint = aplay.communicate(samples, len(samples) / BYTES_PER_SECOND + self._grace_s)
            except subprocess.TimeoutExpired:
                aplay.kill()
                raise SoundError(f"the sound device {self._device} takes nothing; is it in use, or stuck?") from None
        if aplay.returncode:
            raise SoundError(f"the sound device {self._device} can't be used: {_last_line(complaint)}")


def _last_line(complaint: bytes) -> str:
    lines = complaint.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it broke off"
