"""A private mosquitto on the loopback, for tests and the demo: the broker that ships in Debian, not an imitation.

It keeps what a shop's broker would keep over `restart()`, and over `kill()` all that had reached its disk: whatever
it acknowledged, or, if it isn't `durable`, what mosquitto's own defaults had written there, which is next to nothing.
The port stays the same for the life of the object; the folder goes away with `close()` if it was made here.
"""

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from sim.network import HOST, free_port

log = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds that the broker gets to start, or to stop."""


class MosquittoError(RuntimeError):
    """The broker is missing or did not start; the text says what to do."""


class Mosquitto:
    """One broker process. `settings` are further lines of mosquitto.conf; `acl` is the text of an ACL file.

    `settings` and `durable` may be changed while it doesn't run.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        port: int | None = None,
        settings: Iterable[str] = (),
        acl: str = "",
        anonymous: bool = True,
        durable: bool = True,
    ) -> None:
        self.host = HOST
        self.port = port or free_port()
        self._cleanup = ExitStack()
        self.folder = Path(folder or self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mosquitto-")))
        self.settings = tuple(settings)
        self.durable = durable
        """Whether its disk has what it acknowledged; mosquitto by itself writes every half an hour."""
        self._acl = acl
        self._anonymous = anonymous
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the broker and return when it accepts connections. Raises `MosquittoError`."""
        if self.running:
            return self
        program = find_mosquitto()
        if accepts(self.host, self.port):
            raise MosquittoError(f"something else listens on port {self.port} already: stop it, or choose another port")
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(self._configuration())
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [program, "-c", str(configuration)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._wait_until_it_listens()
        log.debug("mosquitto listens on %s:%d", self.host, self.port)
        return self

    def stop(self) -> None:
        """End the broker in good order; it says farewell to nobody but writes its disk."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """End the broker as a power cut would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> Self:
        """Stop the broker if it runs and start it again, on the same port and with what it kept."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Stop the broker and remove its folder, if it was made here. May be called twice."""
        self.stop()
        self._cleanup.close()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process, for tests that freeze it (SIGSTOP). Raises `MosquittoError` if it does not run."""
        if self._process is None:
            raise MosquittoError("the broker does not run; start it first")
        return self._process.pid

    @property
    def log_file(self) -> Path:
        return self.folder / "mosquitto.log"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _configuration(self) -> str:
        lines = [
            f"listener {self.port} {self.host}",
            f"allow_anonymous {'true' if self._anonymous else 'false'}",
            "persistence true",
            f"persistence_location {self.folder}/",
        ]
        if self.durable:
            lines += ["autosave_on_changes true", "autosave_interval 1"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes the user mosquitto, who can't write our folder
        if self._acl:
            acl_file = self.folder / "acl"
            acl_file.write_text(self._acl)
            acl_file.chmod(0o600)
            lines.append(f"acl_file {acl_file}")
        return "\n".join([*lines, *self.settings, ""])

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not accepts(self.host, self.port):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise MosquittoError(f"mosquitto did not start on port {self.port}:\n{self.log_file.read_text()}")
            time.sleep(0.01)


def find_mosquitto() -> str:
    """Return the path of the broker's program. Raises `MosquittoError`."""
    # Debian keeps it in /usr/sbin, which is not in the PATH of ordinary users.
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise MosquittoError("mosquitto is not installed. On Debian and Raspberry Pi OS: sudo apt install mosquitto")
    return program


def accepts(host: str, port: int) -> bool:
    """Say whether somebody accepts connections there now."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
