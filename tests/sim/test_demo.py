"""The demo tells a sale and can be played, under either API; too small a window is said, and its log is for people."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from sim.goods import language_of
from sim.screen import NEEDED, fits, newest
from sim.shop import PATIENCE

APIS = ("instore", "orders")

LOG = """INFO edge.mqtt.session: connected
DEBUG edge.daemon.loop: OrderSeen
INFO edge.daemon.loop: order CAJA01-20261127-102041-02d45a: the money went back before its ticket
WARNING edge.printer.printer: no answer
"""


def test_of_a_log_all_is_seen_that_was_said_and_not_who_said_it():
    rows = newest(LOG, 52)
    assert rows == [
        "connected",
        "order CAJA01-20261127-102041-02d45a: the money went",
        "  back before its ticket",
        "WARNING edge.printer.printer: no answer",
    ]


@pytest.mark.parametrize(("less", "is_enough"), [((0, 0), True), ((1, 0), False), ((0, 1), False)])
def test_a_window_that_is_too_small_is_noticed_also_when_it_shrinks(less, is_enough):
    size = os.terminal_size((NEEDED.columns - less[0], NEEDED.lines - less[1]))
    assert fits(size) is is_enough


@pytest.mark.slow
@pytest.mark.parametrize(
    ("api", "says"),
    [
        ("instore", ("puts order CAJA01-", "Mercado Pago opens merchant order 31")),
        ("orders", ("creates order CAJA01-", "Its id is ORD", "It announces that id, and the till reads the order")),
    ],
)
def test_without_a_terminal_a_sale_is_told(api, says):
    done = subprocess.run(
        ["make", "-s", "demo", f"API={api}", f"VENV={sys.prefix}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    told = done.stdout
    for words in (*says, "light yellow, blinking", "| Operación", "the till publishes: printed CAJA01-"):
        assert words in told


SPANISH = ("ñ", "Ñ", "¡", "VÁLIDO", "Pagado", "Operación", "Fecha", "Gracias", "Yerba", "Caja", "KIOSCO")


@pytest.mark.slow
def test_in_portuguese_the_ticket_is_portuguese_altogether():
    command = ["make", "-s", "demo", "LANGUAGE=pt", f"VENV={sys.prefix}"]
    nobody = subprocess.DEVNULL
    done = subprocess.run(command, stdin=nobody, capture_output=True, text=True, timeout=90, check=True)
    ticket = "\n".join(line for line in done.stdout.splitlines() if line.strip().startswith("|"))
    for words in ("MERCEARIA DO SUL", "Pago com Mercado Pago QR", "R$ 53,50", "NÃO É DOCUMENTO FISCAL", "Obrigado"):
        assert words in ticket
    assert [word for word in SPANISH if word in ticket] == []


@pytest.mark.parametrize(
    ("wanted", "spoken"), [("pt", "pt"), ("pt_BR:en", "pt"), ("de:en", "en"), ("fr", "es"), ("", "es"), ("EN", "en")]
)
def test_a_language_is_named_as_the_environment_names_it(wanted, spoken):
    assert language_of(wanted) == spoken


class Player:
    """Somebody at a terminal that is just large enough."""

    def __init__(self, *options: str) -> None:
        self._end, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", NEEDED.lines, NEEDED.columns, 0, 0))
        command = [sys.executable, "-m", "sim", "--terminal", *options]
        # The terminal says how large it is; xdist's workers are told the size of another one.
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment["TERM"] = "xterm"
        self.demo = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=environment)
        os.close(end)

    def press(self, key: str) -> None:
        os.write(self._end, key.encode())

    def wait_to_see(self, words: str) -> None:
        """Until the screen has drawn this, in one piece, since the last time."""
        seen, deadline = "", time.monotonic() + PATIENCE
        while words not in seen:
            assert time.monotonic() < deadline, f"no {words!r} in {seen[-4000:]}"
            if select.select([self._end], [], [], 0.1)[0]:
                seen += os.read(self._end, 65536).decode(errors="replace")


@contextlib.contextmanager
def playing(*options: str) -> Iterator[Player]:
    player = Player(*options)
    try:
        yield player
    finally:
        player.demo.terminate()
        player.demo.wait(PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("api", APIS)
def test_it_is_played_on_a_terminal(api):
    with playing("--api", api) as player:
        player.wait_to_see(f"api: {api}")
        player.wait_to_see("state: ready")
        player.press("n")
        player.wait_to_see("s scans it")
        player.press("p")
        player.wait_to_see("Pagado con Mercado Pago QR")
        player.press("n")
        player.wait_to_see("s scans it")
        player.press("b")
        player.wait_to_see("state: waiting")
        player.press("h")
        player.wait_to_see("cancelled")
        player.press("q")
        assert player.demo.wait(PATIENCE) == 0


@pytest.mark.slow
def test_a_terminal_of_80_by_24_has_names_and_words_for_the_lamps():
    assert os.terminal_size((80, 24)) == NEEDED
    with playing() as player:
        player.wait_to_see("green: on ")
        player.press("o")
        player.wait_to_see("red: blinks ")
        player.press("l")
        player.wait_to_see("green: on ")
