"""What is heard at a till: the whole daemon, espeak-ng, aplay, and ALSA's file and null devices as loudspeaker.

Each sound ends in a file of its own. It is known by its samples, which are those of the pieces that the till keeps.
"""

import shutil
import time
from decimal import Decimal
from pathlib import Path

import pytest

from edge.core import duties
from edge.core.duties import Heard
from edge.daemon.sound_worker import VOICES
from edge.machine.speech import Speech
from edge.paper.sound_words import sentence
from sim.shop import Shop, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("espeak-ng") and shutil.which("aplay")), reason="espeak-ng or alsa-utils is not installed"
    ),
]
SPEECH = {"speech": "es-419"}
RECORDS = "file={folder}/$(date +%s%N)\ncat > $file.part && mv $file.part $file.raw"
ENDS_IN_THE_MIDDLE = "head -c 20000 > /dev/null"
TAKES_NOTHING = "exec sleep 60"


class Loudspeaker:
    """An ALSA configuration whose default device is what we say."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "heard"
        self.folder.mkdir()
        self._config, self._program = folder / "asound.conf", folder / "loudspeaker"
        self.plug_in()
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(self._config))

    def plug_in(self, behaviour: str = RECORDS) -> None:
        self._program.write_text("#!/bin/sh\n" + behaviour.format(folder=self.folder))
        self._program.chmod(0o755)
        device = f'type file slave.pcm "null" file "|{self._program}" format "raw"'
        self._config.write_text(f"pcm.null {{ type null }}\npcm.!default {{ {device} }}\n")

    def unplug(self) -> None:
        self._config.write_text("pcm.null { type null }\n")

    @property
    def heard(self) -> list[bytes]:
        """What was heard, in its order."""
        return [each.read_bytes() for each in sorted(self.folder.glob("*.raw"))]


@pytest.fixture
def loudspeaker(tmp_path, monkeypatch):
    return Loudspeaker(tmp_path, monkeypatch)


def said(shop: Shop, sign: Heard, amount: str = "0") -> bytes:
    """The samples of a sentence, from the pieces that this till keeps."""
    speech = Speech(VOICES["es-419"], 80, shop.folder / "sounds")
    return speech.samples(sentence(duties.Play(sign, 0, "", Decimal(amount), "ARS"), "es", with_amount=True))


def starts_with(heard: bytes, wanted: bytes) -> bool:
    """ALSA fills its last period up with silence."""
    return heard.startswith(wanted) and not heard[len(wanted) :].strip(b"\0")


def sell(shop: Shop, reference: str, total: str) -> None:
    shop.mercadopago.put_order(reference, total, notification_url=shop.notification_url)
    shop.mercadopago.pay()


def test_a_sale_is_heard_once_with_its_sum_and_not_again_after_a_restart(shop_of, loudspeaker):
    shop = shop_of({"sound": SPEECH})
    sell(shop, "a", "5350.50")
    shop.wait_for_outcome("printed")
    wait_for(lambda: loudspeaker.heard, "a sound")
    assert starts_with(loudspeaker.heard[0], said(shop, Heard.PAID, "5350.50"))
    shop.board.shut_down()
    shop.board.plug_in()
    shop.wait_for_state("ready")
    sell(shop, "b", "21")
    shop.wait_for_outcome("printed", 2)
    wait_for(lambda: len(loudspeaker.heard) >= 2, "the next sound")
    assert starts_with(loudspeaker.heard[1], said(shop, Heard.PAID, "21"))
    shop.command("reprint", "a")
    shop.wait_for_outcome("copy")
    time.sleep(2)
    assert len(loudspeaker.heard) == 2


def test_two_sales_within_a_second_are_both_heard_in_their_order(shop_of, loudspeaker):
    shop = shop_of({"sound": SPEECH})
    sell(shop, "a", "100")
    sell(shop, "b", "101")
    shop.wait_for_outcome("printed", 2)
    wait_for(lambda: len(loudspeaker.heard) == 2, "two sounds")
    on_paper = ["100" if "100,00" in ticket.text else "101" for ticket in shop.printer.tickets]
    assert sorted(on_paper) == ["100", "101"]
    for heard, amount in zip(loudspeaker.heard, on_paper, strict=True):
        assert starts_with(heard, said(shop, Heard.PAID, amount))


def test_a_loudspeaker_that_goes_in_mid_sentence_delays_nothing_and_comes_back_by_itself(shop_of, loudspeaker):
    shop = shop_of({"sound": SPEECH})
    loudspeaker.plug_in(ENDS_IN_THE_MIDDLE)
    sell(shop, "a", "1234567.89")
    wait_for(lambda: "the sound device default can't be used" in shop.status["sound_error"], "the trouble is said")
    loudspeaker.unplug()
    sell(shop, "b", "101")
    shop.wait_for_outcome("printed", 2)
    wait_for(lambda: "No such file or directory" in shop.status["sound_error"], "the other trouble is said")
    loudspeaker.plug_in()
    sell(shop, "c", "21")
    wait_for(lambda: loudspeaker.heard, "a sound")
    assert [starts_with(each, said(shop, Heard.PAID, "21")) for each in loudspeaker.heard] == [True]
    wait_for(lambda: shop.status["sound_error"] == "", "the trouble is over")


def test_a_loudspeaker_that_takes_nothing_delays_neither_light_nor_ticket(shop_of, loudspeaker):
    shop = shop_of({"sound": SPEECH})
    loudspeaker.plug_in(TAKES_NOTHING)
    sell(shop, "a", "100")
    shop.wait_for_outcome("printed", 1, timeout=5)
    shop.wait_for_passing_state("paid")
    sell(shop, "b", "101")
    shop.wait_for_outcome("printed", 2, timeout=5)
    wait_for(lambda: "takes nothing" in shop.status["sound_error"], "the trouble is said")


def test_without_espeak_the_till_sells_and_says_what_is_missing(shop_of, loudspeaker, tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/sbin")  # where mosquitto is
    shop = shop_of({"sound": SPEECH})
    wait_for(lambda: "sudo apt install espeak-ng" in shop.status["sound_error"], "the trouble is said")
    assert shop.state() == "ready"
    sell(shop, "a", "100")
    shop.wait_for_outcome("printed")
