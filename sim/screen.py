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
from sim.lamps import Lamps
from sim.shop import Shop

NEEDED = os.terminal_size((80, 24))
"""The smallest terminal that shows the shop: lamps, keys and paper."""
ROOMY = os.terminal_size((110, 40))
"""Shows the log and the configuration, too."""
FRAME = 2
"""Lines, and columns without the space within."""
PAPER_WIDTH = 48 + FRAME
TILL_HEIGHT, SAID_HEIGHT = 3, 4

SHADES = {"green": ("#2f5d41", "#2bff88"), "yellow": ("#5d562f", "#ffe02b"), "red": ("#5d2f2f", "#ff4040")}
LOOKS = {"slow": "blinks", "fast": "blinks fast", "flash": "flashes"}


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
        self._lamps = Lamps(shop.board)
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
            "w": Key("cut/restore the network", self._network),
            "k": Key("pull the plug / plug in", self._plug),
            "q": Key("quit", lambda: ""),
        }

    def run(self) -> int:
        """Play until somebody quits. Returns the exit code."""
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        self._lamps.start()
        try:
            with Live(screen=True, auto_refresh=False) as live:
                while (key := self._read_key()) != "q":
                    if key in self._keys:
                        self._said = self._obey(self._keys[key])
                    live.update(self._draw(os.terminal_size(live.console.size)), refresh=True)
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
            self._lamps.stop()
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
        return f"s scans it, b checks it; its reference is {reference}"

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
        layout, below = Layout(), Layout()
        layout.split_column(Layout(self._till(), size=TILL_HEIGHT + FRAME), below)
        hands, paper = Layout(ratio=1), Layout(_panel(self._paper_text(), "paper"), size=PAPER_WIDTH)
        below.split_row(hands, paper)
        hands.split_column(*self._hands(size))
        return layout

    def _till(self) -> Panel:
        status = self._shop.status
        said = "   ".join(f"{name}: {status.get(name, '?')}" for name in ("state", "printer", "api"))
        said = "the till's status can't arrive" if self._away else said
        problems = Text("; ".join(status.get("problems", [])), style="bold red", no_wrap=True, overflow="ellipsis")
        inside = Group(self._lights(), Text(said if self._shop.board.running else "no power"), problems)
        return Panel(inside, title=f"till CAJA01, api: {self._shop.api}", padding=(0, 1))

    def _hands(self, size: os.terminal_size) -> list[Layout]:
        """What can be done, and what came of it; below, if there is room, what the till's log says."""
        keys = Text("\n".join(f"{key}  {what.words}" for key, what in self._keys.items()))
        panels = [Layout(_panel(keys, "keys"), size=len(self._keys) + FRAME)]
        said = _panel(Text(self._said), "what happened")
        if not fits(size, ROOMY):
            return [*panels, Layout(said)]
        command = Text(f"--config {self._shop.config}", style="dim", no_wrap=True)
        rows = newest(self._shop.board.tail(200), size.columns - PAPER_WIDTH - FRAME)
        room = size.lines - TILL_HEIGHT - len(self._keys) - SAID_HEIGHT - 1 - 5 * FRAME
        log = Text("\n".join(rows[-room:]), style="dim")
        panels += [Layout(said, size=SAID_HEIGHT + FRAME)]
        panels += [Layout(_panel(command, "in another terminal: .venv/bin/till-edge orders"), size=1 + FRAME)]
        return [*panels, Layout(_panel(log, "log"))]

    def _lights(self) -> Text:
        """Each lamp as it is at this moment, with its name and how it looks."""
        text, looks = Text(), self._lamps.looks
        for color, on in self._lamps.on.items():
            text.append("● ", style=SHADES[color][on])
            text.append(f"{color}: {LOOKS.get(looks[color], looks[color]):11}   ")
        return text

    def _paper_text(self) -> Text:
        """The newest paper, as far as it fits: what hangs out, and below it the tickets before."""
        pieces = [self._shop.printer.loose.rstrip("\n")]
        pieces += [ticket.text.rstrip("\n") + "\n" + "- " * 24 for ticket in reversed(self._shop.printer.tickets[-3:])]
        return Text("\n".join(piece for piece in pieces if piece.strip()), style="black on #fdfcf7")


def _panel(inside: Text, title: str) -> Panel:
    return Panel(inside, title=title, padding=0)


def fits(size: os.terminal_size, needed: os.terminal_size = NEEDED) -> bool:
    """Whether what needs so much can be seen on a terminal of this size."""
    return size.columns >= needed.columns and size.lines >= needed.lines


def newest(log: str, width: int) -> list[str]:
    """The rows of a log for people: who said it is cut off, and what was said is not."""
    said = (line for line in log.splitlines() if not line.startswith("DEBUG"))
    messages = (re.sub(r"^INFO [\w.]+: ", "", line) for line in said)
    return [row for message in messages for row in textwrap.wrap(message, width, subsequent_indent="  ")]
