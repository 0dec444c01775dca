"""The slip of a till that waits for its bundle: its code, its serial, and what to do. Pure.

No configuration tells yet which language is spoken and how wide the paper is: all three languages, and the narrowest.
"""

from collections.abc import Iterator

from edge.claim_wire import shown
from edge.ticket import CENTERED, HEADLINE, Align, Cut, Line, Rule, Size, Style, Text, clean

COLUMNS = 32
CODE = Style(Align.CENTER, bold=True, size=Size.DOUBLE)

TITLE = "ALTA DE CAJA / TILL SET-UP"
ADVICE = ("Dicte este código a soporte.", "Dite este código ao suporte.", "Read this code to support.")
AFTERWARDS = ("Después arranca sola.", "Depois inicia sozinha.", "Then it starts by itself.")
OFFLINE = ("SIN CONEXIÓN", "Sem conexão / No connection")


def lay_out_claim(code: str, serial: str, host: str, offline: bool) -> tuple[Line, ...]:
    """Lay out the slip. `host` is where the till claims; `offline` if it could not be reached so far."""
    return (
        Text(TITLE, HEADLINE),
        Rule(),
        Text(shown(code), CODE),
        Rule(),
        *(Text(sentence, CENTERED) for sentence in (*ADVICE, *AFTERWARDS)),
        Rule(),
        Text(f"N.º {clean(serial)}", CENTERED),
        Text(clean(host), CENTERED),
        *_offline(offline),
        Cut(),
    )


def _offline(offline: bool) -> Iterator[Line]:
    if offline:
        yield Rule()
        yield Text(OFFLINE[0], HEADLINE)
        yield Text(OFFLINE[1], CENTERED)
