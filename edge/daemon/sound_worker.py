"""What is to be heard becomes beeps and speech, and how that went becomes an event.

The one place that knows both the words and what plays them. Nothing here holds up a sale: it has a thread of its own,
each sound has its deadline, and no trouble is raised.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from edge.config.schema import SoundConfig
from edge.core import duties, events
from edge.machine.buzzer import Buzzer
from edge.machine.loudspeaker import Loudspeaker, SoundError
from edge.machine.speech import Speech
from edge.paper.sound_words import BEEPS, all_sentences, sentence

log = logging.getLogger(__name__)

LANGUAGES = {"es-419": "es", "pt-BR": "pt", "en": "en"}
VOICES = {"es-419": "es-419", "pt-BR": "pt-br", "en": "en-us"}
"""espeak-ng's names of what the configuration calls Latin American Spanish, Brazilian Portuguese, English."""
PREPARE_FOR_S = 0.2
"""How long pieces are made at a stretch, for a sale may want to be heard."""


class Talker:
    """Speech through a loudspeaker: whole sentences, from pieces that are kept."""

    def __init__(self, language: str, with_amount: bool, speech: Speech, loudspeaker: Loudspeaker) -> None:
        self._language = language
        self._with_amount = with_amount
        self._speech = speech
        self._loudspeaker = loudspeaker

    def say(self, play: duties.Play) -> None:
        """Say it. Raises `SoundError`."""
        pieces = sentence(play, self._language, self._with_amount)
        samples = self._speech.samples(pieces)
        log.info("says: %s", " ".join(pieces))
        self._loudspeaker.play(samples)

    def prepare(self) -> bool:
        """Make missing pieces for a moment. Returns whether all are there. Raises `SoundError`."""
        until, wanted = time.monotonic() + PREPARE_FOR_S, all_sentences(self._language, self._with_amount)
        while (piece := self._speech.first_missing(wanted)) is not None:
            if time.monotonic() > until:
                return False
            self._speech.make(piece)
        self._speech.tidy()
        return True


class SoundWorker:
    """Does the duties to the ear, one at a time, for the thread of that name."""

    def __init__(self, buzzer: Buzzer | None, talker: Talker | None) -> None:
        self._buzzer = buzzer
        self._talker = talker

    def do(self, duty: duties.SoundDuty) -> events.SoundEvent:
        """Return what came of the duty. Blocks for as long as the sound lasts, and some seconds at worst."""
        match duty:
            case duties.Play():
                errors = (_tried(self._beep, duty), _tried(self._say, duty))
                return events.SoundTried("; ".join(filter(None, errors)))
            case duties.PrepareSounds():
                return self._prepare()

    def _beep(self, play: duties.Play) -> None:
        if self._buzzer:
            self._buzzer.beep(BEEPS[play.sign])

    def _say(self, play: duties.Play) -> None:
        if self._talker:
            self._talker.say(play)

    def _prepare(self) -> events.SoundsPrepared:
        """What can't be made now is tried again when it is to be heard."""
        try:
            return events.SoundsPrepared(self._talker is None or self._talker.prepare())
        except SoundError as error:
            return events.SoundsPrepared(True, str(error))


def _tried(sound: Callable[[duties.Play], None], play: duties.Play) -> str:
    """Let it be heard. Returns why it can't be, for people, or ""."""
    try:
        sound(play)
    except SoundError as error:
        return str(error)
    return ""


def sound_worker(config: SoundConfig, state_folder: Path) -> SoundWorker | None:
    """The worker for what is configured; None if that is at most the printer's bell."""
    buzzer = Buzzer(config.buzzer_pin, config.buzzer_tone_hz) if config.buzzer_pin is not None else None
    if buzzer is None and config.speech is None:
        return None
    return SoundWorker(buzzer, _talker(config, state_folder) if config.speech else None)


def _talker(config: SoundConfig, state_folder: Path) -> Talker:
    assert config.speech is not None
    speech = Speech(VOICES[config.speech], config.volume, state_folder / "sounds")
    return Talker(LANGUAGES[config.speech], config.amount, speech, Loudspeaker(config.device))
