"""A port that is no printer's: another service answers, nothing does, or nobody listens.

Some letters have the bits of a printer's answers: "SSH-2.0" has a status in it.
"""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.config.schema import PrinterConfig
from edge.core.events import Paper, TicketPrinted, TicketRefused
from edge.install.printer_setup import place_keys
from edge.printer.printer import Printer
from edge.printer.timeouts import Timeouts
from sim.network import free_port
from sim.printer.printer import Printer as SimPrinter
from tests.support.cards import CONFIG
from tests.support.processes import typed
from tests.support.scripted_server import Server

TIMEOUTS = Timeouts(answer=0.3, late=0.1, stall=1.0, proof=0.5, lag=0.3, settle=0.1)
TICKET = b"\x1b@one ticket\n\x1dV\x00"
GREETINGS = {
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "FTP or mail": b"220 ready\r\n",
    "telnet": b"\xff\xfd\x18\xff\xfd\x20",
    "VNC": b"RFB 003.008\n",
}
ANSWERS = {
    "a web server": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "something encrypted": b"\x15\x03\x01\x00\x02\x02\x16",
}


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Starts a service that greets, and answers whatever has `upon` in it; returns its port."""
    servers: list[Server] = []

    def start(greeting: bytes, answer: bytes, upon: bytes = b"") -> int:
        def script(wire: socket.socket) -> None:
            wire.sendall(greeting)
            while heard := wire.recv(4096):
                wire.sendall(answer if upon in heard else b"")

        servers.append(Server(script))
        return servers[-1].port

    yield start
    for server in servers:
        server.close()


def at(port: int, proof: str = "auto") -> Printer:
    return Printer(PrinterConfig(connection="network", host="127.0.0.1", port=port, proof=proof), TIMEOUTS)


@pytest.mark.parametrize("service", [*GREETINGS, *ANSWERS])
def test_another_service_gets_no_ticket_and_is_named(serve, service):
    port = serve(GREETINGS.get(service, b""), ANSWERS.get(service, b""))
    printer = at(port)
    assert printer.look() is Paper.GONE
    assert printer.complaint == f"127.0.0.1:{port}: {service} answers there; is this the printer's port?"
    assert printer.print(TICKET) == TicketRefused(Paper.GONE)
    assert printer.identity() == ""
    assert f"{service} answers there" in printer.complaint


def test_a_complaint_ends_when_the_printer_is_there():
    with SimPrinter() as sim:
        printer = at(sim.port)
        sim.switch_off()
        assert (printer.identity(), bool(printer.complaint)) == ("", True)
        sim.switch_on()
        assert (bool(printer.identity()), printer.complaint) == (True, "")
        assert isinstance(printer.print(TICKET), TicketPrinted)


@pytest.mark.parametrize("proof", ["auto", "process_id"])
def test_one_that_speaks_up_when_it_has_the_ticket_has_printed_none(serve, proof):
    """A web server waits for the end of a line, and a look has none. The ticket is still owed, and unmarked."""
    port = serve(b"", ANSWERS["a web server"], upon=b"\n")
    printer = at(port, proof)
    assert printer.look() is Paper.UNKNOWN
    assert printer.print(TICKET) == printer.print(TICKET) == TicketRefused(Paper.GONE)
    assert "a web server answers there" in printer.complaint


@pytest.fixture
def till(tmp_path: Path) -> Callable[[str], tuple[int, str]]:
    """Types `till-edge printer` at a till whose configuration has this section `printer`."""

    def type_(section: str) -> tuple[int, str]:
        journal = f"journal: {{path: {tmp_path}/journal.db}}\n"
        config = CONFIG.format(till="CAJA01").replace("/etc/till-edge/", "").replace("connection: usb", section)
        for name, text in {"config.yaml": config + journal, "access_token": "x", "broker_password": "y"}.items():
            (tmp_path / name).write_text(text)
        return typed(main, "printer", "--config", tmp_path / "config.yaml")

    return type_


def network(port: int, more: str = "") -> str:
    return f"connection: network\n  host: 127.0.0.1\n  port: {port}{more}"


WRITTEN = "\n  columns: 32\n  codepage: CP858"
"""Nothing is left to be found out; that nobody listens there must be said all the same."""


@pytest.mark.parametrize("more", ["", WRITTEN], ids=["open", "written"])
def test_nobody_listens_and_one_line_says_which_key(till, tmp_path, more):
    port = free_port()
    keys = f"{tmp_path}/config.yaml: printer.host and printer.port: 127.0.0.1:{port}"
    advice = "refuses the connection; is this the printer's port, and is no other host printing?"
    assert till(network(port, more)) == (1, f"{keys}: {advice}\n")


def test_another_service_is_told_in_one_line(till, tmp_path, serve):
    port = serve(GREETINGS["SSH"], b"")
    where = f"{tmp_path}/config.yaml: printer.host and printer.port: 127.0.0.1:{port}"
    assert till(network(port)) == (1, f"{where}: SSH answers there; is this the printer's port?\n")


def test_one_that_says_nothing_may_be_a_printer_and_the_keys_are_named(till, tmp_path, serve):
    code, said = till(network(serve(b"", b""), WRITTEN))
    assert code == 0
    correct = f"if no slip comes out, correct printer.host and printer.port in {tmp_path}/config.yaml"
    assert said.splitlines()[0] == f"the printer doesn't say who it is; {correct}"


def test_a_device_that_is_not_there_is_told_with_its_key(till, tmp_path):
    code, said = till("connection: file\n  device: /dev/till-edge-nowhere")
    where = f"{tmp_path}/config.yaml: printer.device: /dev/till-edge-nowhere"
    assert (code, said) == (1, f"{where}: not there; is the printer plugged in and switched on?\n")


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        (PrinterConfig("network", host="127.0.0.1"), "printer.host and printer.port"),
        (PrinterConfig("serial", Path("/dev/ttyS0")), "printer.device"),
        (PrinterConfig("file", Path("/dev/x")), "printer.device"),
        (PrinterConfig("usb", Path("/dev/usb/lp1")), "printer.device"),
        (PrinterConfig("usb"), "printer.connection"),
    ],
)
def test_each_connection_has_its_keys(config, keys):
    assert place_keys(config) == keys
