"""Makes the pictures of the demo in docs/, from the demo itself in headless Chromium: a sale as an animation, and more.

`python -m scripts.demo_pictures [es pt en]`; needs the test dependencies and chromium. A minute for each language.
"""

import io
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent.parent / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WINDOW = {"width": 1100, "height": 1140}
DESKTOP = {"width": 1280, "height": 900}
AMOUNTS = {"es": "5350", "pt": "53", "en": "5350"}
WIDTH_PX, QUALITY = 840, 55
MAX_BYTES = 2_000_000
MIN_FRAME_MS, LAST_FRAME_MS = 70, 3500
COLOURS = 200
POINTER = """() => {
  const pointer = document.createElement("div");
  pointer.id = "pointer";
  const look = "position:fixed;z-index:9;width:26px;height:26px;margin:-13px;border-radius:50%;pointer-events:none;" +
    "background:#f2c230b0;border:2px solid #16181d;left:50%;top:60%;transition:left .35s,top .35s,transform .15s";
  for (const [name, value] of look.split(";").map((each) => each.split(":"))) pointer.style.setProperty(name, value);
  document.body.append(pointer);
}"""
MOVE = (
    "([x, y]) => { const { style } = document.getElementById('pointer'); style.left = x + 'px'; style.top = y + 'px'; }"
)
PRESS = "(on) => { document.getElementById('pointer').style.transform = on ? 'scale(.6)' : ''; }"


@contextmanager
def demo(language: str) -> Iterator[str]:
    """The demo as a process; its address."""
    command = [sys.executable, "-m", "sim", "--page", "--no-browser", "--language", language, "--pace", "0.8"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


class Film:
    """Pictures of the stage, as fast as the browser makes them, and how long each was to be seen."""

    def __init__(self, tab: Any) -> None:
        self._tab = tab
        self._box = tab.locator(".stage").bounding_box()
        self._frames: list[tuple[float, bytes]] = []

    def roll(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self._frames.append((time.monotonic(), self._tab.screenshot(clip=self._box, type="jpeg", quality=92)))

    def click(self, element: Any) -> None:
        box = element.bounding_box()
        self._tab.evaluate(MOVE, [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
        self.roll(0.45)
        self._tab.evaluate(PRESS, True)
        element.click()
        self.roll(0.15)
        self._tab.evaluate(PRESS, False)

    def save(self, path: Path) -> None:
        """Raises `SystemExit` if it gets too large."""
        pictures = [_scaled(Image.open(io.BytesIO(content))) for _, content in self._frames]
        times = [at for at, _ in self._frames]
        lasts = [max(MIN_FRAME_MS, round((b - a) * 1000)) for a, b in pairwise(times)]
        options = {"duration": [*lasts, LAST_FRAME_MS], "loop": 0, "quality": QUALITY, "method": 4}
        pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
        if path.stat().st_size > MAX_BYTES:
            sys.exit(f"{path} has {path.stat().st_size} bytes")


def _scaled(picture: Any) -> Any:
    height = round(picture.height * WIDTH_PX / picture.width)
    return picture.convert("RGB").resize((WIDTH_PX, height), Image.Resampling.LANCZOS)


def film_a_sale(tab: Any, language: str) -> None:
    """From the empty till to the ticket."""
    till = tab.frame_locator("#till")
    tab.evaluate(POINTER)
    film = Film(tab)
    film.roll(0.8)
    for sign in AMOUNTS[language]:
        film.click(till.locator(f'#keypad button:text-is("{sign}")'))
    film.click(till.locator("#put"))
    film.roll(4, until=lambda: tab.is_visible('#meaning[data-meaning="waiting"]'))
    film.roll(1)
    film.click(tab.locator("#deed-scan"))
    tab.wait_for_selector("#deed-pay")
    film.roll(0.9)
    film.click(tab.locator("#deed-pay"))
    film.roll(8, until=lambda: till.locator('#order[data-mode="printed"]').is_visible())
    film.roll(1.5)
    film.save(DOCS / f"sale.{language}.webp")


def still(tab: Any, name: str, width_px: int) -> None:
    """A picture of the window, small."""
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    height = round(picture.height * width_px / picture.width)
    small = picture.resize((width_px, height), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(DOCS / name, optimize=True)


def wait_for_till(tab: Any) -> None:
    tab.frame_locator("#till").locator('#light:not([data-light="unknown"])').wait_for()
    tab.wait_for_timeout(500)


def take_all(browser: Any, url: str, language: str) -> None:
    tab = browser.new_context(viewport=WINDOW).new_page()
    tab.goto(f"{url}?language={language}")
    wait_for_till(tab)
    film_a_sale(tab, language)
    tab = browser.new_context(viewport=DESKTOP).new_page()
    tab.goto(f"{url}?language={language}")
    wait_for_till(tab)
    tab.click("#scenario-power_cut")
    tab.wait_for_selector('#playing:not([data-result=""])', timeout=60_000)
    tab.wait_for_timeout(300)
    still(tab, f"demo.{language}.png", 1000)


def main(languages: list[str]) -> None:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for language in languages or list(AMOUNTS):
            with demo(language) as url:
                take_all(browser, url, language)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
