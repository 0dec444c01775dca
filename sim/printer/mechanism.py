"""What a receipt printer does with the bytes it has, and what people do to it: paper, cover, cutter, drawer.

Bytes wait in the buffer until they are printed, cleared, or lost with the power; hosts come and go meanwhile. Nothing
here knows a socket: answers leave through `_answer`. Everything may be called from any thread.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from sim.printer import escpos
from sim.printer.escpos import CLEARED, CODE_PAGES, Command, Health, RealTimeScanner
from sim.printer.head import Cut, Effect, Head, Kick
from sim.printer.paper import Ticket, height_of

CUT = b"\x1dV"


class EndOfRoll:
    """From here on there is no paper."""


class Mechanism:
    """Buffer, print head, paper and sensors. Faults and habits are plain attributes, which may be set at any time."""

    def __init__(self, columns: int, save_to: Path | None) -> None:
        self.columns = columns
        self.tickets: list[Ticket] = []
        self.unknown: list[Command] = []
        """Commands that it did not know, or that were not possible where they stood."""
        self.bell = ""
        """The command that rings its bell: ESC B, ESC ( A, or "" for none. Any other is unknown to it."""
        self.rings: list[int] = []
        """How often it rang each time."""
        self.drawer_kicks = 0
        self.came_at: deque[float] = deque(maxlen=1000)
        """When bytes came that are to be printed, by `time.monotonic`; questions asked in real time are none."""
        self.bytes_per_second: float | None = None
        """How fast it prints; None is at once."""
        self.dots_per_second: float | None = None
        """How fast the paper moves; None is at once. There are 8 dots to the millimetre."""
        self.watched: Callable[[bytes, bool], None] = lambda data, answered: None
        """Called with all bytes that come, and with those that it answers."""
        self.forgets_at_paper_end = False
        """Whether the rest of a ticket is dropped, instead of printed, when new paper is loaded."""
        self.clears = True
        """Whether it knows `DLE DC4` function 8, which empties its buffers."""
        self.name: tuple[str, str] | None = ("EPSON", "TM-T20III")
        """Maker and model, as in the answer to `GS I`. A printer without them prints that question's last letter."""
        self.noise = 0
        """How many more of its answers to `GS I` arrive garbled."""
        self.knows_real_time = True
        """Whether it answers `DLE EOT`."""
        self.swallows = 0
        """How many more tickets it takes and loses, as some do with the first one after they were switched on."""
        self.locks_at = ""
        """The command after which it says nothing more until it is switched off and on; "" for none."""
        self.locked = False
        self.pages = dict(CODE_PAGES)
        """The code page of each `ESC t n`; not every printer has them all."""
        self._save_to = save_to
        self._changed = threading.Condition(threading.RLock())
        self._health = Health()
        self._jams_at_cut = self._jams_for_good = False
        self._lines_left: int | None = None
        self._roll_ends_behind = ""
        self._paper = Ticket(columns)
        self._lose_memory()

    def _answer(self, answer: bytes, needs: str) -> None:
        """Send an answer. `needs`: the least of `PROOFS` that a printer must be capable of."""
        raise NotImplementedError

    def _lose_memory(self) -> None:
        self._scanner = RealTimeScanner()
        self._head = Head(self.columns, self.pages)
        self._watched_items = 0
        self._reported: tuple[bool, ...] = ()
        self._busy_until = 0.0
        self._empty_buffers()

    def _empty_buffers(self) -> None:
        """What isn't on paper never will be."""
        self._buffer = bytearray()
        self._pending: deque[Effect | EndOfRoll] = deque()
        self._needs_bytes = True
        self._head.forget_line()
        self._paper.interrupted = not self._paper.blank

    # --- what people do to it --------------------------------------------------------------------------------------

    def paper_out(self, after_lines: int = 0) -> None:
        """The roll ends: now, or after so many more rows, even in mid-ticket."""
        with self._changed:
            self._lines_left = after_lines
            self._spend_paper(0)

    def paper_out_behind(self, command: str) -> None:
        """The roll ends after the next command of this name: "GS V" is the cut."""
        with self._changed:
            self._roll_ends_behind = command

    def load_paper(self) -> None:
        """Put in a new roll. What hung out of the old one has fallen off; the rest of its ticket comes on the new."""
        with self._changed:
            if not self._health.paper:
                self._change_roll()
            self._lines_left, self._roll_ends_behind = None, ""
            self._sense(paper=True, near_end=False)

    def _change_roll(self) -> None:
        begun = self._paper.interrupted = not self._paper.blank
        self._end_ticket(cut=False)
        if self.forgets_at_paper_end:
            self._empty_buffers()
        self._paper.interrupted = begun and bool(self._buffer or self._pending or not self._head.at_start)

    def paper_low(self) -> None:
        """The roll is near its end. It still prints."""
        self._sense(near_end=True)

    def open_cover(self) -> None:
        self._sense(cover_open=True)

    def close_cover(self) -> None:
        self._sense(cover_open=False)

    def move_drawer(self, high: bool) -> None:
        """The drawer was opened or closed; which of the two is `high` depends on the drawer."""
        self._sense(drawer_high=high)

    def jam(self, at_cut: bool = False, for_good: bool = False) -> None:
        """The cutter jams: now, or at the next cut. `for_good`: no host can recover it."""
        with self._changed:
            self._jams_at_cut, self._jams_for_good = at_cut or for_good, for_good
            self._sense(jammed=not at_cut)

    def clear_jam(self) -> None:
        """The cutter is free; the cut is tried again, and printing goes on."""
        with self._changed:
            self._jams_at_cut = self._jams_for_good = False
            self._sense(jammed=False)

    def tear_off(self) -> None:
        """Somebody takes the paper that hangs out."""
        with self._changed:
            self._end_ticket(cut=False)
            self._changed.notify_all()

    # --- what people see -------------------------------------------------------------------------------------------

    @property
    def loose(self) -> str:
        """What hangs out of the printer, still uncut."""
        with self._changed:
            return self._paper.text

    @property
    def sheets(self) -> list[Ticket]:
        """All papers so far, and what hangs out, as they are at this moment."""
        with self._changed:
            return [*self.tickets, replace(self._paper, rows=list(self._paper.rows))]

    @property
    def health(self) -> Health:
        """What its sensors see."""
        return self._health

    def wait_until(self, condition: Callable[[Self], object], what: str, timeout: float = 20) -> None:
        """Wait until a condition holds. Raises `TimeoutError`, which says `what` was waited for."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                found = f"{len(self.tickets)} tickets; loose: {self.loose!r}"
                raise TimeoutError(f"{what}: not within {timeout} s; {found}")

    def wait_for_tickets(self, count: int, timeout: float = 20) -> list[Ticket]:
        """Wait until so many tickets are out, whole or not. Raises `TimeoutError`."""
        self.wait_until(lambda printer: len(printer.tickets) >= count, f"{count} tickets", timeout)
        return list(self.tickets)

    # --- bytes in --------------------------------------------------------------------------------------------------

    def _take_in(self, data: bytes) -> None:
        for piece, command in self._scanner.pieces(data):
            if self.swallows:
                self.swallows -= piece.count(CUT)
            else:
                self._buffer += piece
            if escpos.REAL_TIME.sub(b"", piece):
                self.came_at.append(time.monotonic())
            self._needs_bytes = False
            if command:
                self._execute_at_once(command)

    def _execute_at_once(self, command: Command) -> None:
        """Real-time commands: neither bytes in the buffer nor missing paper hold them up."""
        match command:
            case Command("DLE EOT", data) if self.knows_real_time:
                self._answer(self._health.real_time(data[0]), "real_time")
            case Command("DLE ENQ", data):
                if self._health.jammed and data == b"\x02":
                    self._empty_buffers()
                self._sense(jammed=False)
            case Command("DLE DC4", data) if data[0] == escpos.CLEAR_BUFFERS and self.clears:
                self._empty_buffers()
                self._sense(jammed=False)
                self._answer(CLEARED, "real_time")
            case Command("DLE DC4", data) if data[0] == escpos.PULSE:
                self._kick()

    # --- printing --------------------------------------------------------------------------------------------------

    @property
    def _at_rest(self) -> bool:
        """Whether nothing more is printed until something changes."""
        return not self._health.online or (self._needs_bytes and not self._pending)

    def _step(self) -> bool:
        """Do the next thing, if there is one and it can be done now."""
        if not self._health.online or time.monotonic() < self._busy_until:
            return False
        if self._pending:
            self._perform(self._pending[0])
            return True
        before = len(self._buffer)
        command = escpos.take(self._buffer)
        self._needs_bytes = command is None
        if command is None:
            self._changed.notify_all()  # it is at rest now, which somebody may wait for
            return False
        if self.bytes_per_second:
            self._busy_until = time.monotonic() + (before - len(self._buffer)) / self.bytes_per_second
        self._execute(command)
        self._end_roll_behind(command)
        return True

    def _end_roll_behind(self, command: Command) -> None:
        if self._roll_ends_behind and command.name == self._roll_ends_behind:
            self._roll_ends_behind = ""
            self._pending.append(EndOfRoll())

    def _execute(self, command: Command) -> None:
        self.locked = self.locked or bool(self.locks_at and command.name == self.locks_at)
        match command:
            case Command("GS r", data) if data[0] in (1, 2, 49, 50):
                return self._answer(self._health.queued(data[0]), "status")
            case Command("ESC v" | "ESC u" as name):
                return self._answer(self._health.queued(1 if name == "ESC v" else 2), "status")
            case Command("GS ( H", data) if data[:2] == b"00" and len(data) == 6:
                return self._answer(escpos.process_id(data[2:]), "process_id")
            case Command("GS I", data) if self.name is None:
                command = Command("", data)
            case Command("GS I", data) if answer := escpos.identity(data[0], *self.name):
                if self.noise:
                    self.noise, answer = self.noise - 1, answer.swapcase()
                return self._answer(answer, "status")
            case Command(name, data) if name and name == self.bell:
                return self.rings.append(data[2] if name == "ESC ( A" else data[0])
            case Command("GS a", data):
                return self._watch(data[0])
            case Command("ESC @"):
                self._watched_items = 0
        effects = self._head.execute(command)
        if effects is None:
            self.unknown.append(command)
        self._pending.extend(effects or ())
        return None

    def _perform(self, effect: Effect | EndOfRoll) -> None:
        """Do one thing to the paper or the drawer; a cut that jams is still to be done."""
        if isinstance(effect, Cut) and self._jams_at_cut:
            self._jams_at_cut = self._jams_for_good
            return self._sense(jammed=True)
        self._pending.popleft()
        match effect:
            case EndOfRoll():
                self.paper_out()
            case Cut():
                self._end_ticket(cut=True)
            case Kick():
                self._kick()
            case row:
                self._paper.rows.append(row)
                if self.dots_per_second:
                    self._busy_until = time.monotonic() + height_of(row) / self.dots_per_second
                self._spend_paper(1)
        return None

    def _spend_paper(self, rows: int) -> None:
        if self._lines_left is not None:
            self._lines_left -= rows
            if self._lines_left <= 0:
                self._sense(paper=False)

    def _kick(self) -> None:
        self.drawer_kicks += 1
        self._paper.drawer_kicks += 1

    def _end_ticket(self, cut: bool) -> None:
        ticket, self._paper = self._paper, Ticket(self.columns)
        ticket.cut = cut
        if ticket.blank:
            return
        if self._save_to:
            ticket.save(self._save_to / f"{len(self.tickets) + 1:03}")
        self.tickets.append(ticket)

    # --- sensors ---------------------------------------------------------------------------------------------------

    def _sense(self, **changes: bool) -> None:
        """The sensors see something new; a host that asked for automatic status gets it."""
        with self._changed:
            self._health = replace(self._health, **changes)
            if self._watched_items and self._health.watched(self._watched_items) != self._reported:
                self._report()
            self._changed.notify_all()

    def _watch(self, items: int) -> None:
        """GS a: report how it is now, and from now on each change."""
        self._watched_items = items & 0x0F
        if self._watched_items:
            self._report()

    def _report(self) -> None:
        self._reported = self._health.watched(self._watched_items)
        self._answer(self._health.automatic(), "status")
