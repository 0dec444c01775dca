"""The demo's loudspeaker: what the till plays through ALSA, sample by sample, and what its log says that it says.

ALSA's file device hands each sound to a program that keeps it. Without espeak-ng and aplay here the till has no voice.
"""

import io
import re
import shutil
import wave
from dataclasses import dataclass
from pathlib import Path

SAMPLES_PER_SECOND = 22050
VOICES = {"es": "es-419", "pt": "pt-BR", "en": "en"}
SAYS = re.compile(r"sound_worker: says: (.*)")
KEEPS = """#!/bin/sh
file={folder}/$(date +%s%N)
cat > $file.part && mv $file.part $file.raw
"""


@dataclass(frozen=True)
class Sound:
    """One sound of the till's, which was played to its end."""

    number: int
    text: str
    """Its subtitle."""


class Loudspeaker:
    """Plugged into the board before that starts; `log` is the daemon's."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log = folder / "loudspeaker", log
        self._folder.mkdir()
        program, self._config = self._folder / "keep", self._folder / "asound.conf"
        program.write_text(KEEPS.format(folder=self._folder))
        program.chmod(0o755)
        device = f'type file slave.pcm "null" file "|{program}" format "raw"'
        self._config.write_text(f"pcm.null {{ type null }}\npcm.!default {{ {device} }}\n")

    @staticmethod
    def can_be_had() -> bool:
        return all(map(shutil.which, ("espeak-ng", "aplay")))

    @property
    def environment(self) -> dict[str, str]:
        """Of the daemon that is to be heard."""
        return {"ALSA_CONFIG_PATH": str(self._config)}

    def since(self, number: int) -> list[Sound]:
        """The sounds after this one, in their order."""
        files = self._files()
        if len(files) <= number:
            return []
        said = SAYS.findall(self._log.read_text(errors="replace"))
        return [Sound(each, said[each - 1]) for each in range(number + 1, min(len(files), len(said)) + 1)]

    def wav(self, number: int) -> bytes:
        """A sound as a file that browsers play. Raises `IndexError`."""
        samples, file = self._files()[number - 1].read_bytes(), io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, SAMPLES_PER_SECOND, 0, "NONE", ""))
            sound.writeframes(samples)
        return file.getvalue()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.raw"))
