"""The demo's page with all that is behind it, in this process: so that a test sees the paper and the books, too."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.__main__ import PAPER_DOTS_PER_SECOND, WATCH
from sim.goods import GOODS
from sim.mercadopago import MercadoPago
from sim.shop import Shop
from sim.world.loudspeaker import VOICES, Loudspeaker
from sim.world.server import Server, listen
from sim.world.stage import Stage
from tests.support.pages import page_of

PACE_S = 0.05
"""Nobody has to read along."""


@contextmanager
def opened(folder: Path, language: str = "es", api: str = "instore", heard: bool = False) -> Iterator[Stage]:
    """A stage that is open: a shop, its page, and a device that was let in. `heard`: the till speaks."""
    goods = GOODS[language]
    settings, _ = page_of({**goods.settings(language), "watch": WATCH})
    settings |= {"sound": {"speech": VOICES[language]}} if heard else {}
    shop = Shop(folder, settings, MercadoPago(site=goods.site), api=api)
    loudspeaker = Loudspeaker(folder, shop.board.log) if heard else None
    shop.board.environment = loudspeaker.environment if loudspeaker else {}
    with shop:
        shop.printer.dots_per_second = PAPER_DOTS_PER_SECOND
        stage = Stage(shop, goods, language, PACE_S, loudspeaker)
        try:
            stage.open()
            yield stage
        finally:
            stage.close()


@contextmanager
def served(stage: Stage) -> Iterator[str]:
    """Its address, as long as it is served."""
    listener = listen()
    server = Server(stage)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
