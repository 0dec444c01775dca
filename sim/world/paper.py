"""The paper as it comes out: row by row, drawn from what the printer made of its bytes, and what lies there counted."""

import base64
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import ImageChops

from sim.mercadopago import MercadoPago
from sim.printer.paper import CELL_WIDTH, Blank, Row, Ticket, draw, height_of
from sim.printer.printer import Printer

COPY_MARKS = ("COPIA", "CÓPIA", "COPY")
INK = 34
"""Its grey."""
MAX_OLD_SHEETS = 12
"""Papers that somebody is shown who comes later."""


class Strip:
    """What one watcher has seen of the paper so far."""

    def __init__(self, printer: Printer, first: int) -> None:
        """`first` is the number of the first paper that is shown."""
        self._printer = printer
        self._sheet = max(first, len(printer.tickets) - MAX_OLD_SHEETS)
        self._rows = 0

    def news(self) -> Iterator[dict[str, Any]]:
        """What came out since the last time: rows, and the ends of sheets."""
        sheets = self._printer.sheets
        while self._sheet < len(sheets):
            sheet, number = sheets[self._sheet], self._sheet
            is_last = number == len(sheets) - 1
            if self._rows > len(sheet.rows):  # what hung out was torn off and thrown away
                self._rows = 0
                yield {"sheet": number, "again": True}
            fresh, self._rows = sheet.rows[self._rows :], len(sheet.rows)
            if fresh:
                yield {"sheet": number, "rows": [_shown(row, sheet.columns) for row in fresh]}
            if is_last:
                return
            yield {"sheet": number, "end": True, "cut": sheet.cut, **_ended(sheet)}
            self._sheet, self._rows = self._sheet + 1, 0


def _ended(sheet: Ticket) -> dict[str, Any]:
    return {"whole": sheet.complete, "copy": _is_copy(sheet), "text": sheet.text}


def _is_copy(sheet: Ticket) -> bool:
    return any(mark in sheet.text for mark in COPY_MARKS)


@lru_cache(maxsize=1024)
def _shown(row: Row, columns: int) -> dict[str, Any]:
    """A row as the page draws it: its height in dots, and a picture of its ink."""
    if isinstance(row, Blank):
        return {"dots": row.dots, "picture": ""}
    ink = ImageChops.invert(draw(row, columns * CELL_WIDTH))
    black = ink.point(lambda _: INK)
    black.putalpha(ink)
    file = io.BytesIO()
    black.save(file, "PNG", optimize=True)
    return {"dots": height_of(row), "picture": base64.b64encode(file.getvalue()).decode()}


# --- what lies there, counted ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """Every paid order gets its ticket; a second one is marked as a copy: in numbers."""

    paid: int
    """Orders that are paid in Mercado Pago's own books."""
    tickets: int
    """Of those, how many have a whole ticket on paper."""
    copies: int
    """Papers that are marked as a copy."""
    unpaid: int
    """Tickets of orders that nobody paid. There must be none."""
    unmarked: int
    """Second tickets without a mark. There must be none."""

    @property
    def waiting(self) -> int:
        return self.paid - self.tickets

    def shown(self) -> dict[str, int]:
        return {**vars(self), "waiting": self.waiting}


class Ledger:
    """Compares Mercado Pago's books with the paper. Each paper is read once."""

    def __init__(self, mercadopago: MercadoPago, printer: Printer) -> None:
        self._mercadopago = mercadopago
        self._printer = printer
        self._read: list[tuple[str, bool]] = []
        """The reference on each paper, "" if it is no whole ticket of an order; and whether it is marked as a copy."""

    def promise(self) -> Promise:
        paid, known = self._references()
        self._read += [_read(ticket, known) for ticket in self._printer.tickets[len(self._read) :]]
        tickets = [(reference, marked) for reference, marked in self._read if reference]
        ours = {reference for reference, _ in tickets}
        plain = [reference for reference, marked in tickets if not marked]
        copies, unmarked = len(tickets) - len(plain), len(plain) - len(set(plain))
        return Promise(len(paid), len(ours & paid), copies, len(ours - paid), unmarked)

    def _references(self) -> tuple[set[str], set[str]]:
        """Of the orders that are paid, and of all that ever were on the till."""
        with self._mercadopago.lock:
            approved = (each for each in self._mercadopago.payments.values() if each["status"] == "approved")
            return {str(each["external_reference"]) for each in approved}, set(self._mercadopago.placed)


def _read(ticket: Ticket, known: Iterable[str]) -> tuple[str, bool]:
    """Only a ticket has its operation number as a QR code; slips have none."""
    whole = ticket.complete and bool(ticket.qrs)
    reference = next((each for each in known if each in ticket.text), "") if whole else ""
    return reference, _is_copy(ticket)
