"""The demo: `python -m sim`. A shop to play with, on a page or a terminal; where there is none, one sale as a story."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from sim.goods import GOODS, language_of
    from sim.mercadopago import MercadoPago
    from sim.mosquitto import MosquittoError
    from sim.network import free_port
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

WATCH = {
    "first_check_seconds": 3,
    "check_every_seconds": 2,
    "outage_every_seconds": 2,
    "idle_every_seconds": 20,
    "slip_after_seconds": 10,
}
"""Whoever plays waits less than a shop does."""
PAPER_DOTS_PER_SECOND = 800
"""Of the printer on the page: 100 mm/s, as a cheap thermal printer's."""


def main() -> int:
    """Open a shop; returns the exit code."""
    options = _parser().parse_args()
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGHUP, signal.SIGTERM):  # a terminal that is closed ends the shop
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        try:
            return _way_to_play(options)(options, Path(folder))
        except KeyboardInterrupt:
            return 0
        except (MosquittoError, OSError) as error:
            print(error, file=sys.stderr)
            return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sim", description="A whole shop on this machine.")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--page", action="store_true", help="on a page; the default at a terminal")
    how.add_argument("--terminal", action="store_true", help="on this terminal")
    how.add_argument("--story", action="store_true", help="play one sale and exit, as without a terminal")
    parser.add_argument(
        "--language", type=language_of, default="es", help="of page and tickets: es, pt or en; any other is es"
    )
    parser.add_argument("--api", choices=("instore", "orders"), default="instore", help="which of Mercado Pago's APIs")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep each ticket in FOLDER, as .txt and .png")
    parser.add_argument(
        "--port", type=int, default=0, help="the page's; the default is 8090, or another if it is taken"
    )
    parser.add_argument("--no-browser", action="store_true", help="open none")
    parser.add_argument("--pace", type=float, default=1.2, metavar="SECONDS", help="of a scenario's steps")
    return parser


Play = Callable[[argparse.Namespace, Path], int]


def _way_to_play(options: argparse.Namespace) -> Play:
    if options.page:
        return _on_page
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if options.story or not at_terminal:
        return _as_story
    return _on_terminal if options.terminal else _on_page


def _shop(options: argparse.Namespace, folder: Path, **settings: Any) -> Shop:
    goods = GOODS[options.language]
    printer, mercadopago = Printer(save_to=options.save), MercadoPago(site=goods.site)
    settings = {**goods.settings(options.language), **settings}
    return Shop(folder, settings, mercadopago, printer, api=options.api)


def _as_story(options: argparse.Namespace, folder: Path) -> int:
    with _shop(options, folder) as shop:
        return tell(shop, GOODS[options.language])


def _on_terminal(options: argparse.Namespace, folder: Path) -> int:
    from sim.screen import NEEDED, Screen, fits

    if not fits(shutil.get_terminal_size()):
        code = _as_story(options, folder)
        print(f"\nTo play it yourself, make the window {NEEDED.columns} x {NEEDED.lines} or larger.")
        return code
    with _shop(options, folder) as shop:
        return Screen(shop, GOODS[options.language]).run()


def _on_page(options: argparse.Namespace, folder: Path) -> int:
    from sim.world.loudspeaker import VOICES, Loudspeaker
    from sim.world.server import listen, serve
    from sim.world.stage import Stage

    listener = listen(options.port)
    heard = {"sound": {"speech": VOICES[options.language]}} if Loudspeaker.can_be_had() else {}
    shop = _shop(options, folder, watch=WATCH, page={"host": "127.0.0.1", "port": free_port()}, **heard)
    loudspeaker = Loudspeaker(folder, shop.board.log) if heard else None
    shop.board.environment = loudspeaker.environment if loudspeaker else {}
    shop.printer.dots_per_second = PAPER_DOTS_PER_SECOND
    print("The shop is opening…", flush=True)
    with shop:
        stage = Stage(shop, GOODS[options.language], options.language, options.pace, loudspeaker)
        try:
            stage.open()
            serve(stage, listener, browser=not options.no_browser)
        finally:
            stage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
