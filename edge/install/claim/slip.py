"""The slip of a till that waits for its bundle: its code, its serial, what to do, and what is wrong. Pure.

Without a configuration neither the language nor the width of the paper is known: all three languages, and the narrowest
paper.
"""

from collections.abc import Iterator
from enum import Enum

from edge.contract.claims import shown
from edge.paper.ticket import CENTERED, HEADLINE, Align, Cut, Feed, Line, Size, Style, Text, clean

COLUMNS = 32
CODE = Style(Align.CENTER, bold=True, size=Size.DOUBLE)

RULE = Text("─" * COLUMNS, CENTERED)
"""Centred, however wide the paper is."""

TITLE = "ALTA / ATIVAÇÃO / SET-UP"
ADVICE = (
    ("Dicte este código a soporte.", "Después la caja arranca sola."),
    ("Dite este código ao suporte.", "Depois o caixa inicia sozinho."),
    ("Read this code to support.", "Then the till starts by itself."),
)
VOID_ADVICE = (
    ("Apriete el botón de la caja,", "o apáguela y enciéndala:", "sale otro código."),
    ("Aperte o botão do caixa,", "ou desligue-o e ligue-o:", "sai outro código."),
    ("Press the till's button,", "or switch it off and on:", "a new code is printed."),
)


class Notice(Enum):
    """What is wrong, as the slip says it: a headline, then lines. The claimant finds out.

    A text and no tuple: Bookworm's Python 3.11.2 makes something else of an empty one.
    """

    NONE = ""
    OFFLINE = "SIN CONEXIÓN\nSem conexão / No connection"
    REFUSED = "EL RELAY NO ACEPTA EL ALTA\nO relay não aceita a ativação\nThe relay refuses the set-up"
    """It takes no claims, or its release is another one."""
    VOID = "CÓDIGO ANULADO\nCódigo anulado / Code void"
    """Too many bundles came from somebody who doesn't know the code."""


def lay_out_claim(code: str, serial: str, host: str, notice: Notice) -> tuple[Line, ...]:
    """The slip on paper. `host` is where the till claims. A void code isn't on it."""
    advice = VOID_ADVICE if notice is Notice.VOID else ADVICE
    return (
        Text(TITLE, HEADLINE),
        RULE,
        *(() if notice is Notice.VOID else (Text(shown(code), CODE), RULE)),
        *(line for texts in advice for line in (*(Text(text, CENTERED) for text in texts), Feed())),
        RULE,
        Text(f"N.º {clean(serial)}", CENTERED),
        Text(clean(host), CENTERED),
        *_lines(notice),
        Cut(),
    )


def _lines(notice: Notice) -> Iterator[Line]:
    for place, text in enumerate(notice.value.splitlines()):
        if place == 0:
            yield RULE
        yield Text(text, CENTERED if place else HEADLINE)
