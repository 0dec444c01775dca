"""How printers are named, and how the models print of which somebody reported what was on paper. Pure.

A printer gives its name in answer to `GS I`, and at USB in its device id. A name is believed only where no clone is
known to borrow it: "EPSON TM-T88III" is also what a Rongta RP326 answers, and an Elgin i8, with 48 columns where the
real one has 42. Models that aren't here are calibrated with a person.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """The beginning of its name; python-escpos' profile for it; letters on a line; code page."""

    name: str
    profile: str
    columns: int
    codepage: str


MODELS = (
    # escpos-printer-db: TM-T20II, and pull request 108 (III: its pages are the II's); on paper as reported to
    # ha-escpos-thermal-printer in issues 165 (TM-T20), 175 (X), 170 (IV)
    Model("EPSON TM-T20", "TM-T20II", 48, "CP858"),
    # V, VI, VII. escpos-printer-db: TM-T88V; ReceiptPrinterEncoder: V, VI, VII; on paper: issue 161 (VII)
    Model("EPSON TM-T88V", "TM-T88V", 42, "CP858"),
    # On paper: issue 180
    Model("EPSON TM-T70", "default", 42, "CP858"),
    # On paper, where CP858 came out wrong: issue 150
    Model("EPSON TM-m30III", "default", 48, "CP1252"),
)


def recognise(identity: str) -> Model | None:
    """Return the model with this name, if it is one of those we know."""
    name = identity.casefold()
    return next((model for model in MODELS if name.startswith(model.name.casefold())), None)


def full_name(maker: str, model: str) -> str:
    """Return both in printable letters; the names of many models begin with their makers already."""
    both = model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}"
    return "".join(letter for letter in both if letter.isprintable()).strip()
