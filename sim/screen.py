"""The shop on a terminal: lights, paper and log, and keys for everything that can happen at a till."""

import os
import re
import select
import sys
import termios
import textwrap
import tty
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from rich.console import Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from sim.goods import Goods
from sim.shop import Shop

NEEDED = os.terminal_size((110, 40))
"""The smallest terminal that shows the whole shop."""
PAPER_WIDTH = 54
LIGHTS_HEIGHT, SAID_HEIGHT = 9, 4
FRAME = 2
"""Lines, and columns without the space within."""

SHADES = {"green": ("#1f3d2b", "#2bff88"), "yellow": ("#3d381f", "#ffe02b"), "red": ("#3d1f1f", "#ff4040")}


@dataclass(frozen=True)
class Key:
    """What a key does, in words."""

    words: str
    do: Callable[[], str]


class Screen:
    """The player's view and hands."""

    def __init__(self, shop: Shop, goods: Goods) -> None:
        self._shop = shop
        self._goods = goods
        self._numbers = count(1)
        self._said = "Press n for a new order, then p to pay it."
        self._away = False
        self._keys = {
            "n": Key("new order", self._order),
            "s": Key("scan", lambda: f"merchant order {shop.mercadopago.account.scan()} is open"),
            "p": Key("scan and pay", lambda: f"payment {shop.mercadopago.account.pay()['id']} is approved"),
            "r": Key(
                "pay, rejected", lambda: f"payment {shop.mercadopago.account.pay(status='rejected')['id']} is rejected"
            ),
            "b": Key("press the button", lambda: self._press(0.2, "the till is asked to check now")),
            "h": Key("hold the button", lambda: self._press(1.4, "the till is asked to cancel the order")),
            "o": Key("take the paper away", lambda: self._paper(shop.printer.paper_out, "the roll is empty")),
            "l": Key("load paper", lambda: self._paper(shop.printer.load_paper, "a new roll")),
            "w": Key("cut the network / restore it", self._network),
            "k": Key("pull the plug / plug in", self._plug),
            "q": Key("quit", lambda: ""),
        }

    def run(self) -> int:
        """Play until somebody quits. Returns the exit code."""
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        try:
            with Live(screen=True, auto_refresh=False) as live:
                while (key := self._read_key()) != "q":
                    if key in self._keys:
                        self._said = self._obey(self._keys[key])
                    live.update(self._draw(os.terminal_size(live.console.size)), refresh=True)
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        return 0

    def _read_key(self) -> str:
        ready = select.select([sys.stdin], [], [], 0.08)[0]
        return os.read(sys.stdin.fileno(), 1).decode(errors="replace").lower() if ready else ""

    def _obey(self, key: Key) -> str:
        try:
            return f"{key.words}: {key.do()}"
        except (LookupError, RuntimeError, OSError) as error:
            return f"{key.words}: {str(error).splitlines()[0]}"

    # --- what the keys do ------------------------------------------------------------------------------------------

    def _order(self) -> str:
        items, total = self._goods.order(next(self._numbers) % len(self._goods.items) + 1)
        reference = self._shop.order(*items, total=total)
        return f"{reference} is on the till; s scans it, b makes the till check"

    def _press(self, seconds: float, words: str) -> str:
        if not self._shop.board.running:
            return "the Pi has no power"
        self._shop.board.press(seconds)
        return words

    def _paper(self, act: Callable[[], None], words: str) -> str:
        act()
        return words

    def _network(self) -> str:
        self._away = not self._away
        if self._away:
            self._shop.mercadopago.go_away()
            self._shop.broker.stop()
            return "neither Mercado Pago nor the broker can be reached"
        self._shop.mercadopago.come_back()
        self._shop.broker.start()
        return "both can be reached again"

    def _plug(self) -> str:
        if self._shop.board.running:
            self._shop.board.pull_the_plug()
            return "the Pi has no power"
        self._shop.board.plug_in()
        return "the Pi starts"

    # --- what is seen ----------------------------------------------------------------------------------------------

    def _draw(self, size: os.terminal_size) -> Layout:
        if not fits(size):
            return Layout(Text(f"Make the window {NEEDED.columns} x {NEEDED.lines} or larger; q quits."))
        layout = Layout()
        layout.split_row(Layout(name="till", ratio=1), Layout(name="paper", size=PAPER_WIDTH))
        status = self._shop.status
        said = "   ".join(f"{name}: {status.get(name, '?')}" for name in ("state", "printer", "api"))
        said = "the till's status can't arrive" if self._away else said
        till = Group(self._lights(), Text("\n  " + (said if self._shop.board.running else "no power")))
        problems = Text("\n".join(f"  ! {problem}" for problem in status.get("problems", [])), style="bold red")
        keys = Text("\n".join(f"  {key}  {what.words}" for key, what in self._keys.items()))
        command = Text(f"--config {self._shop.config}", style="dim", no_wrap=True)
        heights = (LIGHTS_HEIGHT, len(self._keys) + FRAME, SAID_HEIGHT, 1 + FRAME)
        rows = newest(self._shop.board.tail(200), size.columns - PAPER_WIDTH - 2 * FRAME)
        log = Text("\n".join(rows[-(size.lines - sum(heights) - FRAME) :]), style="dim")
        panels = (
            Panel(Group(till, problems), title=f"till CAJA01, api: {self._shop.api}"),
            Panel(keys, title="keys"),
            Panel(Text(self._said), title="what happened"),
            Panel(command, title="in another terminal: .venv/bin/till-edge orders"),
        )
        fixed = (Layout(panel, size=height) for panel, height in zip(panels, heights, strict=True))
        layout["till"].split_column(*fixed, Layout(Panel(log, title="log")))
        layout["paper"].update(Panel(self._paper_text(), title="paper"))
        return layout

    def _lights(self) -> Text:
        text = Text("\n  ")
        for color, on in self._shop.board.lights.items():
            text.append("●  ", style=SHADES[color][on])
        return text

    def _paper_text(self) -> Text:
        """The newest paper, as far as it fits: what hangs out, and below it the tickets before."""
        pieces = [self._shop.printer.loose.rstrip("\n")]
        pieces += [ticket.text.rstrip("\n") + "\n" + "- " * 24 for ticket in reversed(self._shop.printer.tickets[-3:])]
        return Text("\n".join(piece for piece in pieces if piece.strip()), style="black on #fdfcf7")


def fits(size: os.terminal_size) -> bool:
    """Whether the shop can be seen on a terminal of this size."""
    return size.columns >= NEEDED.columns and size.lines >= NEEDED.lines


def newest(log: str, width: int) -> list[str]:
    """The rows of a log for people: who said it is cut off, and what was said is not."""
    said = (line for line in log.splitlines() if not line.startswith("DEBUG"))
    messages = (re.sub(r"^INFO [\w.]+: ", "", line) for line in said)
    return [row for message in messages for row in textwrap.wrap(message, width, subsequent_indent="  ")]
