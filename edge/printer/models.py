"""Which printer prints how: for models of which somebody reported what was found on paper, and no others. Pure.

A printer says who it is in answer to `GS I`, and at USB by its device id. A name is believed only where no clone is
known to borrow it: "EPSON TM-T88III" is also what a Rongta RP326 says, and an Elgin i8, with 48 columns where the
real one has 42. Whatever isn't here is found out with a person, by calibration.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """How the name begins by which it is known; python-escpos' profile for it; letters on a line; code page."""

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
    """Return the model that calls itself so, if it is one of those we know."""
    name = identity.casefold()
    return next((model for model in MODELS if name.startswith(model.name.casefold())), None)
