"""A receipt printer on the network: ESC/POS in over TCP, paper out, and everything that goes wrong with paper.

It answers `DLE EOT`, `GS r`, `GS ( H` and `GS I` as a current Epson TM does, each in its own time: the first at once,
the others when all before them was printed. `python -m sim.printer` runs one alone.
"""

import argparse
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from sim import escpos
from sim.escpos import CODE_PAGES, DLE, ESC, FS, GS, Command
from sim.network import break_off
from sim.paper import LINE_HEIGHT, Blank, Code, Letters, Look, Picture, Row, Ticket

REAL_TIME = re.compile(rb"\x10\x04([\x01-\x04])|\x10\x14\x08.{7}", re.DOTALL)
PROOFS = ("process_id", "status", "real_time", "none")


class Sheet:
    """The print head: letters become lines, lines become rows on paper."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.reset()

    def reset(self) -> None:
        """ESC @."""
        self.look = Look()
        self.page = "cp437"
        self.align = 0
        self.module = 3
        self.qr = b""
        self.cells: list[tuple[str, Look]] = []

    def letters(self, data: bytes) -> list[Row]:
        """Take letters; return the lines that are full."""
        full: list[Row] = []
        for letter in data.decode(self.page, errors="replace"):
            if self._width + self.look.width > self.columns:
                full.append(self.line())
            self.cells.append((letter, self.look))
        return full

    def line(self) -> Letters:
        """End the line."""
        indent = (0, (self.columns - self._width) // 2, self.columns - self._width)[self.align]
        row = Letters(tuple(self.cells), indent)
        self.cells = []
        return row

    @property
    def _width(self) -> int:
        return sum(look.width for _, look in self.cells)

    def wear(self, **changes: object) -> None:
        self.look = Look(**{**self.look.__dict__, **changes})  # type: ignore[arg-type]


class Printer:
    """The printer. Faults are attributes and methods that tests set while it runs."""

    def __init__(
        self, columns: int = 48, proof: str = "process_id", save_to: Path | None = None, port: int = 0
    ) -> None:
        assert proof in PROOFS
        self.columns = columns
        self.proof = proof
        self.host = "127.0.0.1"
        self.port = port
        self.tickets: list[Ticket] = []
        self.unknown: list[Command] = []
        self.bytes_received = 0
        self.silent = False
        self.reads = True
        self.answer_delay = 0.0
        self.bytes_per_second: float | None = None
        self.forgets_at_paper_end = False
        self._save_to = save_to
        self._has_paper = True
        self._near_end = False
        self._cover_open = False
        self._error = False
        self._lines_left: int | None = None
        self._bytes_left: int | None = None
        self._changed = threading.Condition(threading.RLock())
        self._sheet = Sheet(columns)
        self._paper = Ticket(columns)
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None

    # --- what people do to it --------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Switch it on."""
        self._listener = socket.create_server((self.host, self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), name="printer", daemon=True).start()
        return self

    switch_on = start

    def switch_off(self) -> None:
        """The connection breaks, and what was in the buffer is gone. What is on paper stays."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if (connection := self._connection) is not None:
            break_off(connection)  # its own thread closes it
        with self._changed:
            self._sheet.reset()

    stop = switch_off

    def paper_out(self, after_lines: int = 0) -> None:
        """The roll ends, now or after so many more lines."""
        with self._changed:
            self._lines_left = after_lines
            self._has_paper = self._has_paper and after_lines > 0

    def load_paper(self) -> None:
        with self._changed:
            self._has_paper, self._near_end, self._lines_left = True, False, None

    def paper_low(self) -> None:
        self._near_end = True

    def open_cover(self) -> None:
        self._cover_open = True

    def close_cover(self) -> None:
        self._cover_open = False

    def jam(self) -> None:
        """The knife is stuck."""
        self._error = True

    def clear_jam(self) -> None:
        self._error = False

    def die_after(self, count: int) -> None:
        """The connection is reset, and the printer off, when so many more bytes came."""
        self._bytes_left = count

    def tear_off(self) -> None:
        """Somebody takes the paper that hangs out."""
        with self._changed:
            self._end_ticket(cut=False)

    # --- what people see -------------------------------------------------------------------------------------------

    @property
    def loose(self) -> str:
        """What hangs out of the printer, not cut yet."""
        with self._changed:
            return self._paper.text

    def wait_for_tickets(self, count: int, timeout: float = 20) -> list[Ticket]:
        """Wait until so many tickets are out. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.tickets) >= count, timeout):
                raise TimeoutError(f"{len(self.tickets)} tickets, not {count}; loose: {self._paper.text!r}")
            return list(self.tickets)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    # --- the wire --------------------------------------------------------------------------------------------------

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connection = connection
            try:
                self._talk(connection)
            except OSError:
                pass
            finally:
                self._connection = None
                connection.close()

    def _talk(self, connection: socket.socket) -> None:
        """One connection: take bytes in, print what can be printed, answer."""
        buffer = bytearray()
        while True:
            if self.reads and select.select([connection], [], [], 0.01)[0]:
                data = connection.recv(
                    4096 if self.bytes_per_second is None else max(1, int(self.bytes_per_second / 20))
                )
                if not data:
                    break
                buffer += self._take(data, connection)
                if self.bytes_per_second:
                    time.sleep(len(data) / self.bytes_per_second)
            elif not self.reads:
                time.sleep(0.01)
            self._work(buffer, connection)
        # What was sent before a farewell is printed still, if it can be.
        deadline = time.monotonic() + 5
        while buffer and time.monotonic() < deadline and self._listener is not None:
            self._work(buffer, None)
            time.sleep(0.01)

    def _take(self, data: bytes, connection: socket.socket) -> bytes:
        self.bytes_received += len(data)
        if self._bytes_left is not None:
            data = data[: self._bytes_left]
            self._bytes_left -= len(data)
            if self._bytes_left == 0:
                self._bytes_left = None
                threading.Thread(target=self.switch_off, daemon=True).start()
        return data

    def _work(self, buffer: bytearray, connection: socket.socket | None) -> None:
        with self._changed:
            if not self._can_print:
                self._hear_real_time(buffer, connection)
                return
            for command in escpos.commands(buffer):
                self._obey(command, connection, buffer)
                if not self._can_print:
                    break

    @property
    def _can_print(self) -> bool:
        return self._has_paper and not self._cover_open and not self._error

    def _hear_real_time(self, buffer: bytearray, connection: socket.socket | None) -> None:
        """With its buffer at a standstill a printer still hears what is said in real time."""
        while found := REAL_TIME.search(bytes(buffer)):
            if found[1]:
                del buffer[found.start() : found.end()]
                self._answer(connection, self._status(found[1][0]))
            else:
                buffer.clear()
                self._sheet.cells = []
                self._answer(connection, b"\x37\x25\x00")

    def _answer(self, connection: socket.socket | None, answer: bytes, needs: str = "real_time") -> None:
        able = PROOFS.index(self.proof) <= PROOFS.index(needs)
        if connection is None or self.silent or not able:
            return
        if self.answer_delay:
            threading.Timer(self.answer_delay, _send, (connection, answer)).start()
        else:
            _send(connection, answer)

    # --- the commands ----------------------------------------------------------------------------------------------

    def _obey(self, command: Command, connection: socket.socket | None, buffer: bytearray) -> None:
        if not command.name:
            self._letters(command.data)
            return
        handle = HANDLERS.get(command.name)
        if handle is not None:
            handle(self, command.data)
            return
        match command.name, command.data:
            case (b"\x10\x04", data):
                self._answer(connection, self._status(data[0]))
            case (b"\x10\x14", data) if data[:1] == b"\x08":
                buffer.clear()
                self._sheet.cells = []
                self._answer(connection, b"\x37\x25\x00")
            case (b"\x1dr", data):
                self._answer(connection, self._transmitted(data[0]), "status")
            case (b"\x1d(H", data) if data[2:4] == b"00":
                self._answer(connection, b"\x37\x22" + data[4:8] + b"\x00", "process_id")
            case (b"\x1dI", data) if data[0] >= 65:
                names = {65: b"1.00", 66: b"EPSON", 67: b"TM-T20III", 68: b"X000001"}
                self._answer(connection, b"_" + names.get(data[0], b"") + b"\x00", "status")
            case _:
                self.unknown.append(command)

    def _status(self, n: int) -> bytes:
        """`DLE EOT n`; bits 1 and 4 are always set."""
        offline = 0 if self._can_print else 0x08
        out = 0 if self._has_paper else 0x60
        cause = (0x04 if self._cover_open else 0) | (0x20 if not self._has_paper else 0) | (0x40 if self._error else 0)
        near = 0x0C if self._near_end or not self._has_paper else 0
        bits = {1: offline, 2: cause, 3: 0x08 if self._error else 0, 4: near | out}[n]
        return bytes((0x12 | bits,))

    def _transmitted(self, n: int) -> bytes:
        near = 0x03 if self._near_end else 0
        return bytes((near if n in (1, 49) else 0,))

    def _letters(self, data: bytes) -> None:
        if data[0] >= 0x20:
            for row in self._sheet.letters(data):
                self._print(row)
        elif data == b"\n":
            self._print(self._sheet.line())
        elif data not in (b"\r", b"\0"):
            self.unknown.append(Command(data, b""))

    def _print(self, row: Row) -> None:
        self._paper.rows.append(row)
        if self._lines_left is not None:
            self._lines_left -= 1
            self._has_paper = self._lines_left > 0
            if not self._has_paper:
                self._sheet.cells = []

    def feed(self, dots: int) -> None:
        if self._sheet.cells:
            self._print(self._sheet.line())
        if dots:
            self._print(Blank(dots))

    def cut(self) -> None:
        if self._sheet.cells:
            self._print(self._sheet.line())
        self._end_ticket(cut=True)

    def _end_ticket(self, cut: bool) -> None:
        if self._paper.blank:
            self._paper = Ticket(self.columns)
            return
        ticket, self._paper = self._paper, Ticket(self.columns)
        ticket.cut = cut
        self.tickets.append(ticket)
        if self._save_to:
            ticket.save(self._save_to / f"{len(self.tickets):03}")
        self._changed.notify_all()

    def qr(self, data: bytes) -> None:
        """GS ( k: what is stored is drawn when it says so."""
        parameters = data[2:]
        match parameters[:2]:
            case b"1C":
                self._sheet.module = parameters[2]
            case b"1P":
                self._sheet.qr = parameters[3:]
            case b"1Q":
                self._print(
                    Code(self._sheet.qr.decode("utf-8", errors="replace"), self._sheet.module, self._sheet.align)
                )

    def raster(self, data: bytes) -> None:
        """GS v 0."""
        self._print(Picture(data[1] + 256 * data[2], data[5:], self._sheet.align))

    def kick(self) -> None:
        self._paper.drawer_kicks += 1

    @property
    def sheet(self) -> Sheet:
        return self._sheet


def _send(connection: socket.socket, answer: bytes) -> None:
    try:
        connection.sendall(answer)
    except OSError:  # whoever asked has gone
        return


def _look(name: str) -> Callable[[Printer, bytes], None]:
    return lambda printer, data: printer.sheet.wear(**{name: bool(data[0] & 1)})


def _size(printer: Printer, data: bytes) -> None:
    printer.sheet.wear(width=(data[0] >> 4) + 1, height=(data[0] & 7) + 1)


def _mode(printer: Printer, data: bytes) -> None:
    n = data[0]
    printer.sheet.wear(bold=bool(n & 8), height=2 if n & 16 else 1, width=2 if n & 32 else 1, underline=bool(n & 128))


def _page(printer: Printer, data: bytes) -> None:
    printer.sheet.page = CODE_PAGES.get(data[0], "ascii")


def _align(printer: Printer, data: bytes) -> None:
    printer.sheet.align = data[0] & 3


def _nothing(_: Printer, __: bytes) -> None:
    """Known, and of no consequence for what is on the paper here."""


OF_NO_CONSEQUENCE = (
    *(ESC + name for name in (b"R", b"2", b"3", b"M", b"{", b" ", b"D")),
    *(GS + name for name in (b"L", b"W", b"P", b"a")),
    *(FS + b".", FS + b"&", DLE + b"\x05"),
)
HANDLERS: dict[bytes, Callable[[Printer, bytes], None]] = {
    ESC + b"@": lambda printer, _: printer.sheet.reset(),
    ESC + b"t": _page,
    ESC + b"a": _align,
    ESC + b"E": _look("bold"),
    ESC + b"G": _look("bold"),
    ESC + b"-": _look("underline"),
    GS + b"B": _look("inverse"),
    ESC + b"!": _mode,
    GS + b"!": _size,
    ESC + b"d": lambda printer, data: printer.feed(data[0] * LINE_HEIGHT),
    ESC + b"J": lambda printer, data: printer.feed(data[0]),
    ESC + b"i": lambda printer, _: printer.cut(),
    ESC + b"m": lambda printer, _: printer.cut(),
    GS + b"V": lambda printer, _: printer.cut(),
    ESC + b"p": lambda printer, _: printer.kick(),
    GS + b"(k": lambda printer, data: printer.qr(data),
    GS + b"v0": lambda printer, data: printer.raster(data),
    **dict.fromkeys(OF_NO_CONSEQUENCE, _nothing),
}


def main() -> None:
    """Run a printer alone, for a look at what comes out."""
    parser = argparse.ArgumentParser("python -m sim.printer", description="A receipt printer on the loopback.")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--columns", type=int, default=48)
    parser.add_argument("--save", type=Path, default=Path("out"), help="where tickets go, as .txt and .png")
    options = parser.parse_args()
    options.save.mkdir(parents=True, exist_ok=True)
    with Printer(options.columns, save_to=options.save, port=options.port) as printer:
        print(f"listening on {printer.host}:{printer.port}; tickets go to {options.save}/")
        while True:
            print(printer.wait_for_tickets(len(printer.tickets) + 1, timeout=10**8)[-1].text)


if __name__ == "__main__":
    main()
