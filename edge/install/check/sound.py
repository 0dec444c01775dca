"""What is heard at the till: each sign is played, and by the button somebody says that it was heard."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from edge.config.schema import Config, SoundConfig
from edge.core import events
from edge.core.duties import Heard, Play
from edge.core.status import Signal
from edge.daemon.known_printer import Acquaintance
from edge.daemon.sound_worker import sound_worker
from edge.install.check.broker import STOP_IT
from edge.install.check.findings import Cause, Finding, Part, failed, ok, skipped
from edge.install.check.hardware import Press, show_until
from edge.machine.panel import Panel, PanelError
from edge.paper.sound_words import BEEPS
from edge.printer.printer import Printer

CURRENCIES = {"es-419": "ARS", "pt-BR": "BRL", "en": "ARS"}
SAMPLE_AMOUNT = Decimal("5350.50")
RINGS_S = 1.0
"""How long the printer's bell is given."""


def check_sound(config: Config, press: Press, running: bool) -> Iterator[Finding]:
    """Play each sign with each voice that is configured; nothing where none is."""
    if config.sound is None:
        return
    if running:
        yield skipped(Part.SOUND, Cause.DAEMON_RUNS, "in use by the running daemon", STOP_IT)
        return
    error = _play(config.sound) or _ring(config)
    if error:
        yield failed(Part.SOUND, Cause.SOUND_FAILED, error, "check sound in the configuration, and the wires")
    else:
        yield _heard(config, press)


def _play(sound: SoundConfig) -> str:
    """Let each sign be heard. Returns why one can't be, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        worker = sound_worker(sound, Path(folder))
        for sign in Heard if worker else ():
            currency = CURRENCIES[sound.speech or "en"]
            tried = worker.do(Play(sign, 0.0, "", SAMPLE_AMOUNT, currency)) if worker else None
            if isinstance(tried, events.SoundTried) and tried.error:
                return tried.error
    return ""


def _ring(config: Config) -> str:
    """Ring the printer's bell, where its command is known. Returns why it can't be rung, or ""."""
    bell = Acquaintance(config.journal.path, config.printer, config.sound.printer if config.sound else None).bell
    if bell is None:
        return ""
    error = Printer(config.printer).ring(bell % len(BEEPS[Heard.PAID]))
    time.sleep(RINGS_S)
    return error


def _heard(config: Config, press: Press) -> Finding:
    """Ask whether it was heard, if somebody is there to be asked."""
    if press.ask is None:
        return ok(Part.SOUND, "each sign was played: did you hear them?", cause=Cause.SOUND_UNHEARD)
    try:
        panel = Panel(config.panel)
    except PanelError:  # a finding of its own
        return ok(Part.SOUND, "each sign was played: did you hear them?", cause=Cause.SOUND_UNHEARD)
    with contextlib.closing(panel):
        press.ask(f"did you hear the sounds? press the button (within {press.seconds:.0f} s)")
        return _answer(panel.button_down, panel, press)


def _answer(pressed: Callable[[], bool], panel: Panel, press: Press) -> Finding:
    if show_until(panel, Signal.WAITING, press.seconds, pressed):
        return ok(Part.SOUND, "each sign was played, and heard")
    seen = f"each sign was played, and nobody pressed the button within {press.seconds:g} s"
    return failed(Part.SOUND, Cause.SOUND_UNHEARD, seen, "check loudspeaker, volume, sound.device and the wires")
