"""The demo: `python -m sim`. A shop to play with on a terminal; one sale told as a story where there is none."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from sim.mosquitto import MosquittoError
from sim.printer import Printer
from sim.shop import Shop
from sim.story import tell

NEEDED = (110, 40)
"""Columns and lines that the shop takes on a terminal."""


def main() -> int:
    """Open a shop; returns the exit code."""
    parser = argparse.ArgumentParser("python -m sim", description="A whole shop on this machine.")
    parser.add_argument("--story", action="store_true", help="play one sale and end, as without a terminal")
    parser.add_argument("--language", choices=("es", "pt", "en"), default="es", help="of the ticket")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep each ticket there, as .txt and .png")
    options = parser.parse_args()
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        printer = Printer(save_to=options.save)
        shop = Shop(Path(folder), {"till": {"language": options.language}}, printer=printer)
        try:
            with shop:
                return _play(shop, story=options.story or not (sys.stdin.isatty() and sys.stdout.isatty()))
        except KeyboardInterrupt:
            return 0
        except MosquittoError as error:
            print(error, file=sys.stderr)
            return 1


def _play(shop: Shop, story: bool) -> int:
    if story:
        return tell(shop)
    size = shutil.get_terminal_size()
    if size.columns < NEEDED[0] or size.lines < NEEDED[1]:
        code = tell(shop)
        print(f"\nTo play it yourself, make the window {NEEDED[0]} x {NEEDED[1]} or larger.")
        return code
    from sim.screen import Screen

    return Screen(shop).run()


if __name__ == "__main__":
    sys.exit(main())
