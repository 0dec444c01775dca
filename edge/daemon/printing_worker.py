"""What is owed to the printer becomes bytes, and how they were proved becomes an event.

The one place that knows both the printer and what is on paper; neither of them knows a duty or the other.
"""

from edge.config.schema import Config, PrinterConfig, TicketConfig, TillConfig
from edge.core import duties, events
from edge.core.calibration import Calibration
from edge.daemon.known_printer import Acquaintance
from edge.paper.calibration import lay_out_calibration
from edge.paper.escpos import Encoder, load_library
from edge.paper.slips import (
    lay_out_concern,
    lay_out_day,
    lay_out_failure,
    lay_out_list,
    lay_out_pairing,
    lay_out_test,
)
from edge.paper.sound_words import BEEPS
from edge.paper.ticket import Line, lay_out
from edge.paper.words import WORDS
from edge.printer.commands import BELLS
from edge.printer.printer import Printer

ASKED_RINGS = 3
"""How often the bell rings when a person is asked whether it was heard."""

Printable = duties.Print | duties.Slip
LaidOut = (
    duties.Print
    | duties.PrintList
    | duties.PrintTest
    | duties.PrintDay
    | duties.PrintFailure
    | duties.PrintConcern
    | duties.PrintPairing
)
"""All but the slips that ask how they are to be encoded."""


class PrintingWorker:
    """Does the printer's duties, one at a time, for the thread of that name."""

    def __init__(self, printer: Printer, composer: "Composer", acquaintance: Acquaintance) -> None:
        self._printer = printer
        self._composer = composer
        self._acquaintance = acquaintance
        self._has_looked = False

    def do(self, duty: duties.PrinterDuty) -> events.PrinterEvent | events.SoundTried:
        """Return what came of the duty. Blocks, for minutes at worst."""
        match duty:
            case duties.LookAtPrinter():
                if self._has_looked:  # the first look is waited for: without it the till isn't ready
                    load_library()
                paper, self._has_looked = self._printer.look(), True
                self._composer.fit(self._acquaintance.fitted)  # it may have told who it is
                return events.PrinterSeen(paper, self._acquaintance.questions, self._printer.proof)
            case duties.RingBell(sign):
                command = self._acquaintance.bell
                return events.SoundTried(
                    self._printer.ring(command % len(BEEPS[sign])) if command else "", of_bell=True
                )
            case duties.Print(_, banners, despite):
                is_copy = duties.Banner.COPY in banners
                return self._printer.print(self._composer.compose(duty), is_copy, despite)
            case duties.PrintCalibration(state) if not state.done:
                return events.SlipTried(duty, self._printer.print(self._composer.compose(duty), prove=False))
            case duties.PrintCalibration(state):
                self._acquaintance.answered(state)
                self._composer.fit(self._acquaintance.fitted)
        return events.SlipTried(duty, self._printer.print(self._composer.compose(duty)))


class Composer:
    """Turns what is to be printed into the bytes for one printer."""

    def __init__(self, config: Config) -> None:
        """Raises `UnknownPrinterError`, and `OSError` if the logo can't be read."""
        self._ticket, self._till = config.ticket, config.till
        self._opens_drawer = config.printer.open_drawer
        self._printer = config.printer
        self._encoder = self._encoder_for(config.printer)

    def fit(self, printer: PrinterConfig) -> None:
        """From here on, print as this one does."""
        if printer != self._printer:
            self._printer, self._encoder = printer, self._encoder_for(printer)

    def compose(self, duty: Printable) -> bytes:
        """Return a whole ticket or slip, from reset to cut. The drawer opens with a ticket, not with its copy."""
        if isinstance(duty, duties.PrintCalibration):
            return calibration_slip(duty.state, self._printer.profile, self._till, self._ticket)
        sells = isinstance(duty, duties.Print) and duties.Banner.COPY not in duty.banners
        return self._encoder.encode(self._lines(duty), open_drawer=self._opens_drawer and sells)

    def _encoder_for(self, printer: PrinterConfig) -> Encoder:
        return Encoder(printer.profile, printer.columns, printer.codepage, self._ticket.logo)

    def _lines(self, duty: LaidOut) -> tuple[Line, ...]:
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
            case duties.PrintPairing(code):
                return lay_out_pairing(code, *how)


def calibration_slip(
    state: Calibration, profile: str | None, till: TillConfig, ticket: TicketConfig, with_button: bool = True
) -> bytes:
    """The slip that asks a person, encoded as all would be if that answer were right; with its bell, if it asks for it.

    `with_button`: whether it explains how to answer. Raises `UnknownPrinterError`.
    """
    code = till.id if ticket.qr else ""
    lines = lay_out_calibration(state, WORDS[till.language], with_button, code)
    slip = Encoder(profile, state.width, state.page).encode(lines)
    return slip + BELLS[state.rung] % ASKED_RINGS if state.question == "bell" else slip
