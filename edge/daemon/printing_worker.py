"""What is owed to the printer becomes bytes, and how they were proved becomes an event.

The one place that knows both the printer and what is on paper; neither of them knows a duty or the other.
"""

from collections.abc import Callable

from edge.config.schema import Config
from edge.core import duties, events
from edge.paper.escpos import Encoder
from edge.paper.slips import lay_out_concern, lay_out_day, lay_out_failure, lay_out_list, lay_out_test
from edge.paper.ticket import Line, lay_out
from edge.printer.printer import Printer

Printable = duties.Print | duties.Slip


class PrintingWorker:
    """Does the printer's duties, one at a time, for the thread of that name."""

    def __init__(self, printer: Printer, compose: Callable[[Printable], bytes]) -> None:
        self._printer = printer
        self._compose = compose

    def do(self, duty: duties.PrinterDuty) -> events.PrinterEvent:
        """Return what came of the duty. Blocks, for minutes at worst."""
        match duty:
            case duties.LookAtPrinter():
                return events.PrinterSeen(self._printer.look())
            case duties.Print(_, banners, despite):
                is_copy = duties.Banner.COPY in banners
                return self._printer.print(self._compose(duty), is_copy, despite)
            case slip:
                return events.SlipTried(slip, self._printer.print(self._compose(slip)))


class Composer:
    """Turns what is to be printed into the bytes for one printer."""

    def __init__(self, config: Config) -> None:
        """Raises `UnknownPrinterError`, and `OSError` if the logo can't be read."""
        printer = config.printer
        self._ticket, self._till = config.ticket, config.till
        self._encoder = Encoder(printer.profile, printer.columns, printer.codepage, config.ticket.logo)
        self._opens_drawer = printer.open_drawer

    def compose(self, duty: Printable) -> bytes:
        """Return a whole ticket or slip, from reset to cut. The drawer opens with a ticket, not with its copy."""
        sells = isinstance(duty, duties.Print) and duties.Banner.COPY not in duty.banners
        return self._encoder.encode(self._lines(duty), open_drawer=self._opens_drawer and sells)

    def _lines(self, duty: Printable) -> tuple[Line, ...]:
        how = self._ticket, self._till, self._encoder.columns
        match duty:
            case duties.Print(order, banners):
                return lay_out(order, banners, *how)
            case duties.PrintList(orders):
                return lay_out_list(orders, *how)
            case duties.PrintTest():
                return lay_out_test(*how)
            case duties.PrintDay(day):
                return lay_out_day(day, *how)
            case duties.PrintFailure():
                return lay_out_failure(duty, *how)
            case duties.PrintConcern():
                return lay_out_concern(duty, *how)
