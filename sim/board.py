"""The Raspberry Pi: the very daemon that ships, as a process of its own, on mock pins that can be reached from outside.

`python -m sim.board PORT run --config FILE` is `till-edge run --config FILE` plus a thread that moves the pins of
gpiozero's mock factory by order of whoever connects to PORT on the loopback; `Board` is that somebody.
"""

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from sim.network import free_port

ROOT = Path(__file__).parent.parent
LEDS = {"green": 17, "yellow": 27, "red": 22}
BUTTON = 26
DARK = dict.fromkeys(LEDS, False)


class Board:
    """A Pi that can be plugged in, unplugged, and have its button pressed."""

    def __init__(self, config: Path, log: Path, environment: dict[str, str] | None = None) -> None:
        self.config = config
        self.log = log
        self.environment = environment or {}
        self.fragile = False
        """Whether it can be told to die at a step; it is slower then."""
        self.interpreter: tuple[str, ...] = (sys.executable,)
        """What runs the daemon, with the emulator before it if there is one."""
        self.verbose = True
        """Whether its log has each event."""
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: socket.socket | None = None
        self._turn = threading.Lock()
        """One word and its answer at a time."""

    def plug_in(self, button_down: bool = False, timeout: float = 20) -> None:
        """Start the daemon and wait until its pins can be reached. Raises `RuntimeError` with its log if it ends."""
        port = free_port()
        environment = {**os.environ, **self.environment, "GPIOZERO_PIN_FACTORY": "mock"}
        command = [*self.interpreter, "-m", "sim.board", str(port), "run", "--config", str(self.config)]
        command += ["--verbose"] * self.verbose
        environment["SIM_BUTTON"] = "down" if button_down else "up"
        environment["SIM_FRAGILE"] = "yes" if self.fragile else ""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        self._wire = self._connect(port, time.monotonic() + timeout)

    def pull_the_plug(self) -> None:
        """SIGKILL: nobody gets to say goodbye."""
        self._end(signal.SIGKILL)

    def shut_down(self, timeout: float = 30) -> int:
        """SIGTERM, as systemd does it. Returns the exit code."""
        return self._end(signal.SIGTERM, timeout)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def lights(self) -> dict[str, bool]:
        """Which LEDs are on this moment; all are dark when the daemon is dead."""
        try:
            return dict(self._say("lights")) if self.running else DARK
        except (OSError, RuntimeError):  # it died while we looked
            return DARK

    @property
    def threads(self) -> dict[int, str]:
        """The daemon's threads, by the kernel's number; what this module adds to it is called `hands`."""
        return {int(number): name for number, name in self._say("threads").items()}

    def watch(self, seconds: float) -> list[dict[str, bool]]:
        """What the LEDs did: a look every 20 ms."""
        end = time.monotonic() + seconds
        seen = []
        while time.monotonic() < end:
            seen.append(self.lights)
            time.sleep(0.02)
        return seen

    def press(self, seconds: float = 0.2) -> None:
        """Push the button for so long."""
        self.button(down=True)
        time.sleep(seconds)
        self.button(down=False)

    def die_at(self, function: str, event: str) -> None:
        """Kill the daemon (SIGKILL) when `function` is entered ("call") or left ("return") the next time.

        `function` is a qualified name as in `Journal._commit`; the board must have been started as `fragile`.
        """
        self._say(f"die {function} {event}")

    def wait_for_death(self, timeout: float = 20) -> None:
        """Wait until the daemon died by `die_at`. Raises `subprocess.TimeoutExpired`."""
        assert self._process is not None
        code = self._process.wait(timeout)
        assert code == -signal.SIGKILL, f"it ended with {code}:\n{self.tail()}"

    def button(self, down: bool, silently: bool = False) -> None:
        """Move the button. `silently`: the wire changes and no edge is reported."""
        self._say(("silently " if silently else "") + ("down" if down else "up"))

    def _say(self, word: str) -> Any:
        with self._turn:
            assert self._wire is not None
            self._wire.sendall(word.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = self._wire.recv(4096)
                if not part:
                    raise RuntimeError(f"the daemon is gone:\n{self.tail()}")
                answer += part
            return json.loads(answer)

    def _connect(self, port: int, deadline: float) -> socket.socket:
        while time.monotonic() < deadline:
            if not self.running:
                raise RuntimeError(f"the daemon ended:\n{self.tail()}")
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the daemon doesn't come up:\n{self.tail()}")

    def _end(self, number: signal.Signals, timeout: float = 10) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout)
        if self._wire is not None:
            self._wire.close()
        return code

    def log_says(self, text: str, timeout: float = 20) -> None:
        """Wait until the log has a line with `text`. Raises `TimeoutError`."""
        deadline = time.monotonic() + timeout
        while text not in self.log.read_text(errors="replace"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the log never says {text!r}:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self, lines: int = 30) -> str:
        """The end of the daemon's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.running:
            self.shut_down()


class GroundedPin(MockPin):
    """A pin whose button is down when somebody first looks: no pull-up lifts it."""

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self.drive_low()


class Step:
    """A place in the program at which the power is to go."""

    def __init__(self) -> None:
        self._armed = ("", "")

    def arm(self, function: str, event: str) -> None:
        self._armed = (function, event)

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """Called by the interpreter whenever a function is entered or left."""
        if event == self._armed[1] and frame.f_code.co_qualname == self._armed[0]:
            os.kill(os.getpid(), signal.SIGKILL)


STEP = Step()


class _Hands(socketserver.StreamRequestHandler):
    """Moves the pins of this process."""

    def handle(self) -> None:
        threading.current_thread().name = "hands"
        for line in self.rfile:
            self.wfile.write(json.dumps(self._obey(line.decode().strip())).encode() + b"\n")

    def _obey(self, word: str) -> Any:
        if word == "threads":
            return {thread.native_id: thread.name for thread in threading.enumerate()}
        if word.startswith("die "):
            _, function, event = word.split()
            return STEP.arm(function, event)
        pins = Device.pin_factory
        if pins is None:  # the daemon has not come so far yet
            return DARK
        if word == "lights":
            return {color: bool(pins.pin(number).state) for color, number in LEDS.items()}
        button = pins.pin(BUTTON)
        if word.startswith("silently "):
            button._state = not word.endswith("down")
            return None
        return button.drive_low() if word == "down" else button.drive_high()


def main(arguments: list[str]) -> int:
    """Run till-edge with its pins within reach, on a clock that may be wrong."""
    if ahead := float(os.environ.get("SIM_CLOCK_AHEAD_S", "0")):
        right = time.time
        time.time = lambda: right() + ahead  # before the daemon's modules take it
    from edge.cli.main import main as till_edge

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", int(arguments[0])), _Hands)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="hands", daemon=True).start()
    if os.environ.get("SIM_FRAGILE"):
        threading.setprofile(STEP.profile)
        sys.setprofile(STEP.profile)
    if os.environ.get("SIM_BUTTON") == "down":
        Device.pin_factory = MockFactory()
        Device.pin_factory.pin(BUTTON, pin_class=GroundedPin)
    return till_edge(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
