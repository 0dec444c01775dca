"""A receipt printer on the network: ESC/POS in over TCP, paper out, and everything that goes wrong in between.

It takes one host at a time, always at the same port. `DLE EOT` is answered on arrival; `GS r`, `GS ( H` and `GS I` when
all before them is on paper. `python -m sim.printer` runs one alone.
"""

import argparse
import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from sim.network import free_port
from sim.printer.mechanism import Mechanism

PROOFS = ("process_id", "status", "real_time", "none")
"""What a printer can answer: all; no `GS ( H`; only what is asked in real time; nothing."""
TICK = 0.02
"""Seconds within which it is noticed that the power went or that reading stopped."""
RECEIVE_BUFFER = 4096
"""Bytes. What a TM-T20 has; the host's kernel notices soon when a printer stops reading."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing the socket is a reset, not a farewell."""


class Printer(Mechanism):
    """The mechanism with a plug and a network socket. Faults are methods and plain attributes, set while it runs."""

    def __init__(
        self, columns: int = 48, proof: str = "process_id", save_to: Path | None = None, port: int = 0
    ) -> None:
        assert proof in PROOFS
        self.proof = proof
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.bytes_received = 0
        self.silent = False
        """Whether it takes what it is sent, prints it, and never answers."""
        self.reads = True
        """Whether it takes bytes at all; if not, the host's window fills up."""
        self.answer_delay = 0.0
        """Seconds."""
        self._bytes_left: int | None = None
        self._power: object | None = None
        self._threads: tuple[threading.Thread, ...] = ()
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None
        self._outbox: deque[tuple[float, socket.socket, bytes]] = deque()
        super().__init__(columns, save_to)

    # --- power -----------------------------------------------------------------------------------------------------

    def switch_on(self) -> Self:
        """Listen."""
        self._join()
        listener = self._listener = socket.create_server((self.host, self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        power = self._power = object()
        self._threads = (
            threading.Thread(target=self._serve, args=(power, listener), name="printer", daemon=True),
            threading.Thread(target=self._work, args=(power,), name="print head", daemon=True),
        )
        for thread in self._threads:
            thread.start()
        return self

    def switch_off(self) -> None:
        """The connection is reset, and what was in the buffer is gone. What is on paper stays. Twice is fine."""
        with self._changed:
            self._lose_power()
        self._join()

    def die_after(self, count: int) -> None:
        """The power fails when so many more bytes have come; what they say is printed first."""
        with self._changed:
            self._bytes_left = count

    start, stop = switch_on, switch_off

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _lose_power(self) -> None:
        self._power = None
        if self._listener is not None:  # first of all, so that whoever sees the reset can't come back in
            with contextlib.suppress(OSError):  # the wire's thread may have closed it this moment
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener = None
        self._bytes_left = None
        self._outbox.clear()
        self._lose_memory()
        self._changed.notify_all()

    def _join(self) -> None:
        """The threads see for themselves that the power is gone."""
        for thread in self._threads:
            thread.join()
        self._threads = ()

    # --- the wire: one thread --------------------------------------------------------------------------------------

    def _serve(self, power: object, listener: socket.socket) -> None:
        with listener:
            while self._power is power:
                if select.select([listener], [], [], TICK)[0] and (connection := self._accept(power, listener)):
                    self._talk(power, connection)

    def _accept(self, power: object, listener: socket.socket) -> socket.socket | None:
        with self._changed:
            return listener.accept()[0] if self._power is power else None

    def _talk(self, power: object, connection: socket.socket) -> None:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
            # A host that breaks off is no news; what it sent is printed all the same.
            with contextlib.suppress(ConnectionError):
                while self._power is power and self._receive(power, connection):
                    pass
            with self._changed:
                self._connection = None
                if self._power is not power:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _receive(self, power: object, connection: socket.socket) -> bool:
        """Take in what has come. Returns False when the host has said goodbye and all it asked is answered."""
        if not select.select([connection], [], [], TICK)[0]:
            return True
        with self._changed:
            if not self.reads:
                self._changed.wait(TICK)
            elif self._power is power:
                if not (data := connection.recv(4096)):
                    self._changed.wait_for(lambda: self._power is not power or (self._at_rest and not self._outbox))
                    return False
                self._hear(data)
        return True

    def _hear(self, data: bytes) -> None:
        dies = self._bytes_left is not None and len(data) >= self._bytes_left
        data = data[: self._bytes_left]
        if self._bytes_left is not None:
            self._bytes_left -= len(data)
        self.bytes_received += len(data)
        self._take_in(data)
        if dies:
            while self._step():
                pass
            self._lose_power()
        self._changed.notify_all()

    # --- answers and printing: another thread ----------------------------------------------------------------------

    def _work(self, power: object) -> None:
        with self._changed:
            while self._power is power:
                self._post()
                if self._step():
                    self._changed.notify_all()
                else:
                    self._changed.wait(self._pause)

    @property
    def _pause(self) -> float | None:
        """Seconds until something is due; None if nothing is."""
        now = time.monotonic()
        due = [self._outbox[0][0]] if self._outbox else []
        if not self._at_rest:  # also if it is over by now: the head would sleep for ever
            due.append(self._busy_until)
        return max(0.0, min(due) - now) if due else None

    def _say(self, answer: bytes, needs: str) -> None:
        """Answer whoever is connected, if there is anybody, as well as this printer can."""
        able = PROOFS.index(self.proof) <= PROOFS.index(needs)
        if self._connection is not None and able and not self.silent:
            self._outbox.append((time.monotonic() + self.answer_delay, self._connection, answer))
            self._changed.notify_all()

    def _post(self) -> None:
        """Send the answers that are due; those for a host that has gone are lost."""
        while self._outbox and self._outbox[0][0] <= time.monotonic():
            _, connection, answer = self._outbox.popleft()
            if connection is self._connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(answer)
            self._changed.notify_all()


def main() -> None:
    """Run a printer alone, for a look at what comes out."""
    parser = argparse.ArgumentParser("python -m sim.printer.printer", description="A receipt printer on the loopback.")
    parser.add_argument("--port", type=int, default=9100, help="0 takes a free one")
    parser.add_argument("--columns", type=int, default=48, help="48 for 80 mm paper, 32 for 58 mm")
    parser.add_argument(
        "--model", default="EPSON TM-T20III", help="as it says to GS I; '' for one that doesn't know it"
    )
    parser.add_argument("--save", type=Path, default=Path("out"), help="where tickets go, as .txt and .png")
    options = parser.parse_args()
    options.save.mkdir(parents=True, exist_ok=True)
    with Printer(options.columns, save_to=options.save, port=options.port) as printer:
        maker, _, model = options.model.rpartition(" ")
        printer.name = (maker, model) if model else None
        print(f"listening on {printer.host}:{printer.port}; tickets go to {options.save}/", flush=True)
        shown = 0
        while True:
            for ticket in printer.wait_for_tickets(shown + 1, timeout=threading.TIMEOUT_MAX)[shown:]:
                print(ticket.text, flush=True)
                shown += 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
