"""Speech: each piece is made once by espeak-ng and kept as a WAV file, so that a sentence is only put together.

The files lie in a folder of their voice and volume. A file is there whole or not at all; one that a power cut left
shorter than it says is made again.
"""

import array
import io
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterable
from pathlib import Path

from edge.machine.files import write_whole
from edge.machine.loudspeaker import SAMPLES_PER_SECOND, SoundError

EDITION = 1
"""Of how pieces are made. Those of another one are deleted."""
WORDS_PER_MINUTE = 160
MAX_AMPLITUDE = 200
SYNTHESIS_TIMEOUT_S = 20.0
QUIETER = 100
"""A sample is so many times quieter than the loudest where espeak-ng only pauses."""
GAP = bytes(2 * int(0.03 * SAMPLES_PER_SECOND))
"""Between two pieces."""
MODE = 0o644
HEADER_BYTES = 44
"""Of a WAV file, before its samples."""


class Speech:
    """One voice at one volume, in percent; its pieces lie in a folder below `folder`."""

    def __init__(self, voice: str, volume: int, folder: Path, program: str = "espeak-ng") -> None:
        self._folder = folder / f"{EDITION}-{voice}-{volume}"
        amplitude = str(MAX_AMPLITUDE * volume // 100)
        self._program = program
        self._command = (program, "-v", voice, "-a", amplitude, "-s", str(WORDS_PER_MINUTE), "-z", "--stdout")
        self._made: set[str] = set()

    def samples(self, pieces: Iterable[str]) -> bytes:
        """The sentence of these pieces; one that is missing is made. Raises `SoundError`."""
        return GAP.join(self._read(piece) or self.make(piece) for piece in pieces)

    def first_missing(self, pieces: Iterable[str]) -> str | None:
        """The first of these pieces that isn't kept; None if all are."""
        for piece in pieces:
            if piece not in self._made and not self._read(piece):
                return piece
            self._made.add(piece)
        return None

    def make(self, piece: str) -> bytes:
        """Make a piece and keep it, if it can be kept. Raises `SoundError`."""
        samples = _trimmed(self._synthesise(piece))
        if not samples:  # kept, it would count as missing, and be made again for ever
            raise SoundError(f"espeak-ng says nothing for {piece!r}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._file(piece), _as_wav(samples), MODE, forced=False)
        except OSError as error:
            raise SoundError(f"{self._folder} takes no sounds: {error.strerror}") from error
        return samples

    def tidy(self) -> None:
        """Delete the pieces of other voices and volumes."""
        for other in self._folder.parent.glob("*-*-*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def _file(self, piece: str) -> Path:
        return self._folder / f"{piece}.wav"

    def _read(self, piece: str) -> bytes:
        """A piece as it is kept; b"" if it isn't, or not whole."""
        try:
            kept = self._file(piece).read_bytes()
        except OSError:
            return b""
        samples = kept[HEADER_BYTES:]
        # Compared and not parsed: for a header of a dying card Python's `wave` raises whatever comes.
        return samples if kept == _as_wav(samples) else b""

    def _synthesise(self, piece: str) -> bytes:
        """Behind a comma the voice stays up, as in the middle of a sentence."""
        if shutil.which(self._program) is None:
            raise SoundError("espeak-ng is not installed; sudo apt install espeak-ng")
        try:
            made = subprocess.run((*self._command, f"{piece},"), capture_output=True, timeout=SYNTHESIS_TIMEOUT_S)
        except OSError as error:
            raise SoundError(f"espeak-ng can't be run: {error.strerror}") from error
        except subprocess.TimeoutExpired:
            raise SoundError("espeak-ng doesn't end") from None
        header, _, samples = made.stdout.partition(b"data")
        if made.returncode or not header.startswith(b"RIFF"):
            complaint = made.stderr.decode(errors="replace").strip()
            raise SoundError(f"espeak-ng makes no speech: {complaint}")
        return samples[4:]


def _trimmed(samples: bytes) -> bytes:
    """Without the pauses at both ends."""
    values = array.array("h", samples[: len(samples) // 2 * 2])
    if sys.byteorder == "big":
        values.byteswap()
    silence = max(map(abs, values), default=0) // QUIETER
    loud = [at for at, value in enumerate(values) if abs(value) > silence]
    return samples[2 * loud[0] : 2 * loud[-1] + 2] if loud else b""


def _as_wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as kept:
        kept.setparams((1, 2, SAMPLES_PER_SECOND, 0, "NONE", ""))
        kept.writeframes(samples)
    return file.getvalue()
