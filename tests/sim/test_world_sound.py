"""The demo speaks: the very samples of the till in the browser, with subtitles."""

import io
import wave

import pytest
import requests

from sim.shop import wait_for
from sim.world.loudspeaker import Loudspeaker
from tests.support.browsers import CHROMIUM, needs_chromium
from tests.support.demo import opened, served

playwright = pytest.importorskip("playwright.sync_api", reason="there is no Playwright for this machine")
pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.skipif(not Loudspeaker.can_be_had(), reason="espeak-ng or alsa-utils is not installed"),
]
WORDS = {"es": ("La caja dice: “Recibimos cien pesos”", "cien"), "pt": ("O caixa diz: “Recebemos cem reais”", "cem")}


@pytest.mark.parametrize("language", WORDS)
def test_a_sale_is_heard_in_the_browser_as_the_till_said_it(tmp_path, language):
    subtitle, piece = WORDS[language]
    with opened(tmp_path, language, heard=True) as stage, served(stage) as url, playwright.sync_playwright() as started:
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        tab = browser.new_page()
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{url}/?language={language}")
        tab.locator("#lamps li").first.wait_for()
        wait_for(lambda: list(tmp_path.glob(f"sounds/*/{piece}.wav")), "the pieces", 60)
        stage.shop.sell("a")
        tab.get_by_text(subtitle).wait_for(timeout=30_000)
        tab.wait_for_timeout(500)
        assert f"{url}/world/sound/1" in asked
        with wave.open(io.BytesIO(requests.get(f"{url}/world/sound/1").content)) as heard:
            samples = heard.readframes(heard.getnframes())
        with wave.open(str(next(tmp_path.glob(f"sounds/*/{piece}.wav")))) as kept:
            assert kept.readframes(kept.getnframes()) in samples
        assert requests.get(f"{url}/world/sound/2").status_code == 404
        browser.close()
