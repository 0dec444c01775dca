"""A receipt printer on the network: ESC/POS goes in over TCP, paper comes out, and much can go wrong in between.

It serves one host at a time, always at the same port. `DLE EOT` is answered on arrival; `GS r`, `GS ( H` and `GS I`
when all before them is on paper. `python -m sim.printer` runs one alone.
"""

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from sim.network import free_port, readable
from sim.printer.mechanism import Mechanism

PROOFS = ("process_id", "status", "real_time", "none")
"""What a printer can answer, most first: all; no `GS ( H`; only what is asked in real time; nothing."""
TICK_S = 0.02
"""Within this time it is noticed that the power went or that reading stopped."""
RECEIVE_BUFFER_BYTES = 4096
"""What a TM-T20 has. The host's kernel soon notices a printer that stops reading."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
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
        """Whether it takes all bytes, prints them, and never answers."""
        self.reads = True
        """Whether it takes bytes at all. If not, the host's window fills up."""
        self.answer_delay = 0.0
        """Seconds."""
        self.answers_late = False
        """Whether each answer leaves only when the next one is due, even on another connection."""
        self.babbles = b""
        """What it says after each answer, though nobody asked."""
        self._late = b""
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
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        power = self._power = object()
        self._threads = (
            threading.Thread(target=self._serve, args=(power, listener), name="printer", daemon=True),
            threading.Thread(target=self._work, args=(power,), name="print head", daemon=True),
        )
        for thread in self._threads:
            thread.start()
        return self

    def switch_off(self) -> None:
        """The connection is reset, and the buffer is lost. What is on paper stays. Twice is fine."""
        with self._changed:
            self._lose_power()
        self._join()

    def die_after(self, count: int) -> None:
        """The power fails after so many more bytes; what they print comes out first."""
        with self._changed:
            self._bytes_left = count

    start, stop = switch_on, switch_off

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _lose_power(self) -> None:
        self._power = None
        if self._listener is not None:  # first of all, so that a host that sees the reset can't come back in
            with contextlib.suppress(OSError):  # the wire's thread may just have closed it
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener = None
        self._bytes_left = None
        self.locked, self._late = False, b""
        self._outbox.clear()
        self._lose_memory()
        self._changed.notify_all()

    def _join(self) -> None:
        """The threads notice by themselves that the power is gone."""
        for thread in self._threads:
            thread.join()
        self._threads = ()

    # --- the wire: one thread --------------------------------------------------------------------------------------

    def _serve(self, power: object, listener: socket.socket) -> None:
        with listener:
            while self._power is power:
                if readable(listener, seconds=TICK_S) and (connection := self._accept(power, listener)):
                    self._serve_host(power, connection)

    def _accept(self, power: object, listener: socket.socket) -> socket.socket | None:
        with self._changed:
            return listener.accept()[0] if self._power is power else None

    def _serve_host(self, power: object, connection: socket.socket) -> None:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
            # What a host sent before it broke off is printed all the same.
            with contextlib.suppress(ConnectionError):
                while self._power is power and self._receive(power, connection):
                    pass
            with self._changed:
                self._connection = None
                if self._power is not power:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def _receive(self, power: object, connection: socket.socket) -> bool:
        """Take in what has come. Returns False when the host has closed its end and has all its answers."""
        if not readable(connection, seconds=TICK_S):
            return True
        with self._changed:
            if not self.reads:
                self._changed.wait(TICK_S)
            elif self._power is power:
                if not (data := connection.recv(4096)):
                    self._changed.wait_for(lambda: self._power is not power or (self._at_rest and not self._outbox))
                    return False
                self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        dies = self._bytes_left is not None and len(data) >= self._bytes_left
        data = data[: self._bytes_left]
        if self._bytes_left is not None:
            self._bytes_left -= len(data)
        self.bytes_received += len(data)
        self.watched(data, False)
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
                self._send_due_answers()
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

    def _answer(self, answer: bytes, needs: str) -> None:
        """Answer the host that is connected, if there is one and this printer can."""
        able = PROOFS.index(self.proof) <= PROOFS.index(needs)
        if self._connection is None or not able or self.silent or self.locked:
            return
        if self.answers_late:
            answer, self._late = self._late, answer
        self.watched(answer, True)
        self._outbox.append((time.monotonic() + self.answer_delay, self._connection, answer + self.babbles))
        self._changed.notify_all()

    def _send_due_answers(self) -> None:
        """Send the answers that are due. Those for a host that has gone are lost."""
        while self._outbox and self._outbox[0][0] <= time.monotonic():
            _, connection, answer = self._outbox.popleft()
            if connection is self._connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(answer)
            self._changed.notify_all()
