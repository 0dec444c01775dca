"""The loudspeaker, the kept pieces and the buzzer, each against what stands at its other end."""

import array
import itertools
import shutil
import wave
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge.core import duties, events
from edge.core.duties import Heard
from edge.daemon.sound_worker import SoundWorker, Talker
from edge.machine.buzzer import Buzzer
from edge.machine.loudspeaker import BYTES_PER_SECOND, Loudspeaker, SoundError
from edge.machine.speech import GAP, HEADER_BYTES, Speech
from edge.paper.sound_words import BEEPS, SPOKEN_WORDS, all_sentences, sentence

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


def program(folder: Path, does: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


# --- the loudspeaker -------------------------------------------------------------------------------------------------


def test_samples_reach_the_device_whole(tmp_path):
    samples = bytes(range(256)) * 1000
    Loudspeaker("plughw:1,0", program(tmp_path, f'echo "$@" > {tmp_path}/said; cat > {tmp_path}/played')).play(samples)
    assert (tmp_path / "played").read_bytes() == samples
    assert "-D plughw:1,0" in (tmp_path / "said").read_text()


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo 'aplay: main:831: audio open error: No such device' >&2; exit 1", "audio open error: No such device"),
        ("head -c 1000 > /dev/null; kill -9 $$", "the sound device default can't be used: it broke off"),
        ("exec sleep 60", "the sound device default takes nothing; is it in use, or stuck?"),
    ],
)
def test_a_device_that_fails_is_said_within_its_time(tmp_path, does, said):
    with pytest.raises(SoundError, match=r".") as raised:
        Loudspeaker("default", program(tmp_path, does), grace_s=0.3).play(bytes(BYTES_PER_SECOND // 2))
    assert said in str(raised.value)


def test_what_is_not_installed_is_said_with_what_to_do(tmp_path):
    with pytest.raises(SoundError, match="sudo apt install alsa-utils"):
        Loudspeaker("default", str(tmp_path / "aplay")).play(b"")
    with pytest.raises(SoundError, match="sudo apt install espeak-ng"):
        Speech("es-419", 80, tmp_path, str(tmp_path / "espeak-ng")).make("mil")


# --- the pieces ------------------------------------------------------------------------------------------------------


@needs_espeak
def test_a_piece_is_made_once_and_a_sentence_is_put_together(tmp_path):
    speech = Speech("es-419", 80, tmp_path)
    assert speech.first_missing(("mil", "pesos")) == "mil"
    first, second = speech.make("mil"), speech.make("pesos")
    later = Speech("es-419", 80, tmp_path, program(tmp_path, "exit 1"))
    assert later.first_missing(("mil", "pesos")) is None
    assert later.samples(("mil", "pesos")) == first + GAP + second
    assert 0.1 < len(first) / BYTES_PER_SECOND < 1


def test_a_piece_that_a_dying_card_has_bent_is_missing_and_costs_no_daemon(tmp_path):
    """What this raises ends the sound's thread, and with it the daemon, again at each start."""
    speech = Speech("es-419", 80, tmp_path, program(tmp_path, "printf 'RIFF....data\\1\\2\\3\\4abcdefgh'"))
    assert speech.make("mil") == b"abcdefgh"
    assert speech.first_missing(("mil",)) is None
    file = next(tmp_path.glob("*/mil.wav"))
    whole = file.read_bytes()
    for at, bit in itertools.product(range(HEADER_BYTES), range(8)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        assert Speech("es-419", 80, tmp_path).first_missing(("mil",)) == "mil"


@needs_espeak
def test_a_piece_that_a_power_cut_left_short_is_made_again(tmp_path):
    speech = Speech("es-419", 80, tmp_path)
    whole = speech.make("mil")
    file = next(tmp_path.glob("*/mil.wav"))
    for left in (b"", file.read_bytes()[:30], file.read_bytes()[:-500]):
        file.write_bytes(left)
        assert Speech("es-419", 80, tmp_path).first_missing(("mil",)) == "mil"
        assert Speech("es-419", 80, tmp_path).samples(("mil",)) == whole


@needs_espeak
def test_a_lower_volume_is_quieter_and_replaces_the_other(tmp_path):
    loud, quiet = Speech("es-419", 90, tmp_path), Speech("es-419", 20, tmp_path)
    assert peak(loud.make("mil")) > 3 * peak(quiet.make("mil"))
    assert len(loud.make("pesos")) == pytest.approx(len(Speech("es-419", 2, tmp_path).make("pesos")), rel=0.02)
    quiet.tidy()
    assert [folder.name for folder in tmp_path.iterdir()] == ["1-es-419-20"]


def peak(samples: bytes) -> int:
    return max(map(abs, array.array("h", samples)))


@needs_espeak
def test_a_voice_that_isnt_there_is_said(tmp_path):
    with pytest.raises(SoundError, match="espeak-ng makes no speech"):
        Speech("xx-none", 80, tmp_path).make("mil")


def test_a_piece_without_a_sound_is_said_and_not_kept_as_one_that_is_there(tmp_path):
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\nprintf 'RIFF    WAVEdata    '; head -c 1000 /dev/zero\n")
    mute.chmod(0o755)
    with pytest.raises(SoundError, match="says nothing for 'mil'"):
        Speech("es-419", 80, tmp_path, str(mute)).make("mil")
    assert not [*tmp_path.rglob("*.wav")]


@needs_espeak
@pytest.mark.slow
@pytest.mark.parametrize(("language", "voice"), [("es", "es-419"), ("pt", "pt-br"), ("en", "en-us")])
def test_every_piece_of_a_language_can_be_made_and_read_as_a_wav_file(tmp_path, language, voice):
    speech = Speech(voice, 80, tmp_path)
    talker = Talker(language, True, speech, Loudspeaker("default"))
    while not talker.prepare():
        pass
    for piece in all_sentences(language, True):
        with wave.open(str(next(tmp_path.glob("*")) / f"{piece}.wav")) as kept:
            assert kept.getnframes() > 500, piece


@pytest.mark.parametrize("language", SPOKEN_WORDS)
def test_each_sign_has_a_sentence_and_beeps_of_its_own(language):
    assert set(SPOKEN_WORDS[language].sentences) == set(BEEPS) == set(Heard)
    assert len(set(BEEPS.values())) == len(Heard)
    unknown = duties.Play(Heard.PAID, 0, "a", currency="XAU")
    assert sentence(unknown, language, with_amount=True) == (SPOKEN_WORDS[language].sentences[Heard.PAID],)


@pytest.mark.parametrize(
    ("language", "several"),
    [("es", "cinco pagos recibidos"), ("pt", "cinco pagamentos recebidos"), ("en", "five payments received")],
)
@pytest.mark.parametrize("with_amount", [True, False])
def test_sales_that_are_heard_as_one_are_counted(language, several, with_amount):
    play = duties.Play(Heard.PAID, 0, "a", Decimal("5350.50"), "ARS", sales=5)
    pieces = sentence(play, language, with_amount)
    assert " ".join(pieces) == several
    assert set(pieces) <= set(all_sentences(language, with_amount))
    held = replace(play, sign=Heard.HOLDING)
    assert sentence(held, language, with_amount) == (SPOKEN_WORDS[language].sentences[Heard.HOLDING],)


# --- the buzzer ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pins(monkeypatch):
    factory = MockFactory(pin_class=MockPWMPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_an_active_buzzer_beeps_as_often_as_its_sign_says(pins):
    Buzzer(12, None).beep((0.01, 0.01, 0.01))
    assert [state.state for state in pins.pin(12).states].count(True) == 3
    assert pins.pin(12).state == 0


def test_a_passive_buzzer_is_given_its_tone(pins):
    Buzzer(12, 2000).beep((0.02,))
    assert pins.pin(12).frequency is None or pins.pin(12).frequency == pytest.approx(2000)
    assert any(state.state for state in pins.pin(12).states)


def test_a_pin_that_is_in_use_is_said_and_taken_as_soon_as_it_is_free(pins):
    from gpiozero import LED

    other, buzzer = LED(12), Buzzer(12, None)
    with pytest.raises(SoundError, match="the buzzer's pin 12 can't be used"):
        buzzer.beep((0.01,))
    other.close()
    buzzer.beep((0.01,))


# --- the worker ------------------------------------------------------------------------------------------------------


def test_what_one_voice_cant_do_keeps_no_other_from_being_heard(pins, tmp_path):
    played = tmp_path / "played"
    pieces = Speech("es-419", 80, tmp_path, program(tmp_path, "exit 1"))
    (tmp_path / "aplay").write_text(f"#!/bin/sh\ncat > {played}\n")
    (tmp_path / "aplay").chmod(0o755)
    folder = tmp_path / "1-es-419-80"
    folder.mkdir()
    with wave.open(str(folder / "Orden cancelada.wav"), "wb") as kept:
        kept.setparams((1, 2, 22050, 0, "NONE", ""))
        kept.writeframes(b"\1\2" * 900)
    taken = pins.pin(12)
    from gpiozero import LED

    with LED(12):
        worker = SoundWorker(Buzzer(12, None), Talker("es", True, pieces, Loudspeaker("d", str(tmp_path / "aplay"))))
        tried = worker.do(duties.Play(Heard.CANCELLED, 0))
    assert isinstance(tried, events.SoundTried)
    assert "pin 12" in tried.error
    assert played.read_bytes() == b"\1\2" * 900
    assert taken.number == 12
