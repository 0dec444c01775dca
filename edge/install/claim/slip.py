"""The slip of a till that waits for its bundle: its code, its serial, and what to do. Pure.

Without a configuration neither the language nor the width of the paper is known: all three languages, and the narrowest
paper.
"""

from collections.abc import Iterator

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
OFFLINE = ("SIN CONEXIÓN", "Sem conexão / No connection")


def lay_out_claim(code: str, serial: str, host: str, offline: bool) -> tuple[Line, ...]:
    """The slip on paper. `host` is where the till claims; `offline`: it could not be reached so far."""
    return (
        Text(TITLE, HEADLINE),
        RULE,
        Text(shown(code), CODE),
        RULE,
        *(line for what, then in ADVICE for line in (Text(what, CENTERED), Text(then, CENTERED), Feed())),
        RULE,
        Text(f"N.º {clean(serial)}", CENTERED),
        Text(clean(host), CENTERED),
        *_offline(offline),
        Cut(),
    )


def _offline(offline: bool) -> Iterator[Line]:
    if offline:
        yield RULE
        yield Text(OFFLINE[0], HEADLINE)
        yield Text(OFFLINE[1], CENTERED)
