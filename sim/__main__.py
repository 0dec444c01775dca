"""The demo: `python -m sim`. A shop to play with on a terminal; one sale told as a story where there is none."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

try:
    from sim.mosquitto import MosquittoError
    from sim.printer.printer import Printer
    from sim.shop import Shop
    from sim.story import tell
except KeyboardInterrupt:  # Ctrl-C while all this loads
    sys.exit(0)
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] in ("edge", "sim"):
        raise
    print(f"python -m sim: {error.name} is not installed; pip install '.[sim]', or make demo", file=sys.stderr)
    sys.exit(1)


def main() -> int:
    """Open a shop; returns the exit code."""
    parser = argparse.ArgumentParser("python -m sim", description="A whole shop on this machine.")
    parser.add_argument("--story", action="store_true", help="play one sale and exit, as without a terminal")
    parser.add_argument("--language", choices=("es", "pt", "en"), default="es", help="the ticket's language")
    parser.add_argument("--api", choices=("instore", "orders"), default="instore", help="which of Mercado Pago's APIs")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep each ticket in FOLDER, as .txt and .png")
    options = parser.parse_args()
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGHUP, signal.default_int_handler)  # a terminal that is closed ends the shop
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        printer = Printer(save_to=options.save)
        shop = Shop(Path(folder), {"till": {"language": options.language}}, printer=printer, api=options.api)
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
    from sim.screen import NEEDED, Screen, fits

    if not fits(shutil.get_terminal_size()):
        code = tell(shop)
        print(f"\nTo play it yourself, make the window {NEEDED.columns} x {NEEDED.lines} or larger.")
        return code
    return Screen(shop).run()


if __name__ == "__main__":
    sys.exit(main())
