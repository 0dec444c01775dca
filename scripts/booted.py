"""The stories of the real service in a booted Debian, in all of its sandbox, with an open shop around it.

The shop (Mercado Pago, relay, broker, printer) is simulated on this machine, and the till reaches it over the loopback.
Its pins are simulated in the till: a container has none.
"""

import contextlib
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from debian import Machine, System, boot, check, wait_for

from sim.shop import Shop

UNIT = "till-edge.service"
UNITS = (UNIT, "till-edge-adopt.service", "till-edge-claim.service", "till-edge-page.service")
LARGEST_EXPOSURE = 1.7
CONFIG = "/etc/till-edge/config.yaml"
TOKEN = "/etc/till-edge/access_token"
JOURNAL = "/var/lib/till-edge/journal.db"
SETTINGS = {"mercadopago": {"access_token_file": TOKEN}, "journal": {"path": JOURNAL}}
UDEV_VERIFIES_SINCE = 254
PINS = "[Service]\nEnvironment=GPIOZERO_PIN_FACTORY=mock\n"
GATE = "till-edge-update.service"
PATIENCE = "[Service]\nEnvironment=COMES_UP_WITHIN_S=20 STEADY_FOR_S=15\n"
"""At a shop the gate of updates is patient for minutes."""
TRIAL = "/var/cache/till-edge/trial.json"


@dataclass
class Till:
    """A booted till, the shop around it, and the package to which it will be upgraded."""

    machine: Machine
    shop: Shop
    newer: str
    sold: int = 0
    in_doubt: set[int] = field(default_factory=set)
    """The sales whose ticket may come again, marked as a copy."""

    def sell(self) -> str:
        """One sale; returns its ticket. Raises `Failure` unless each sale so far has one ticket, and no copy."""
        self.sold += 1
        self.shop.sell(f"MESA-{self.sold}")
        # A report may come twice, a ticket may not.
        wait_for(lambda: f"MESA-{self.sold}" in self.reported(), "the ticket was not reported")
        return self.one_ticket_each()

    def one_ticket_each(self) -> str:
        """Returns the last sale's. Raises `Failure` unless each sale so far has one, and more only where it may."""
        tickets = {number: self.paper(rf"MESA-{number}\b") for number in range(1, self.sold + 1)}
        for number, found in tickets.items():
            copies = found[1:] if number in self.in_doubt else []
            check(found and "COPIA" not in found[0] and len(found) == 1 + len(copies), tickets)
            check(all("COPIA" in copy for copy in copies), tickets)
        return tickets[self.sold][0]

    def reported(self) -> list[str]:
        return [outcome["external_reference"] for outcome in self.shop.outcomes if outcome["outcome"] == "printed"]

    def paper(self, pattern: str) -> list[str]:
        """The papers from the printer that have a pattern in them."""
        return [ticket.text for ticket in self.shop.printer.tickets if re.search(pattern, ticket.text)]

    def process(self) -> str:
        return self.machine.show("MainPID", UNIT)

    def state(self) -> str:
        return self.machine.show("ActiveState", UNIT)

    def wait_for_another(self, process: str) -> None:
        back = lambda: self.state() == "active" and self.process() not in (process, "0")  # noqa: E731
        wait_for(back, "the service did not come back")

    def log(self) -> str:
        return self.machine.run(f"journalctl --no-pager --output cat --unit {UNIT}")


@contextlib.contextmanager
def open_till(system: System, newer: str) -> Iterator[Till]:
    """Open a shop, and boot the till in it with an installer's configuration."""
    for unit, settings in ((UNIT, PINS), (GATE, PATIENCE)):
        drop_in = system.path(f"/etc/systemd/system/{unit}.d/test.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(settings)
    with (
        tempfile.TemporaryDirectory(prefix="shop-") as folder,
        Shop(Path(folder), SETTINGS, without=("board",)) as shop,
    ):
        # Which API is the default one, and a key that older packages don't know.
        system.path(CONFIG).write_text(re.sub(r"^ *api: instore\n", "", shop.config.read_text(), flags=re.MULTILINE))
        system.path(TOKEN).write_text(shop.mercadopago.access_token)
        with boot(system) as machine:
            yield Till(machine, shop, newer)


def is_up(till: Till) -> str:
    till.shop.wait_for_state("ready", timeout=60)
    check(till.machine.show("User", UNIT) == till.machine.run(f"stat -c %U {JOURNAL}") == "till-edge", "another user")
    complaints = till.machine.run("journalctl --no-pager --output cat --boot | grep -E '/till-edge.*:[0-9]+: '", None)
    # Bookworm's systemd doesn't know the two keys of back-off.conf, and says so.
    unknown = [line for line in complaints.splitlines() if not re.search("RestartSteps|RestartMaxDelaySec", line)]
    check(not unknown, "\n".join(unknown))
    version = till.machine.run("systemctl --version").split()[1]
    if int(version) >= UDEV_VERIFIES_SINCE:
        till.machine.run("udevadm verify /usr/lib/udev/rules.d/70-till-edge.rules")
    began, ready = (
        int(till.machine.show(f"{what}TimestampMonotonic", UNIT)) for what in ("ExecMainStart", "ActiveEnter")
    )
    watchdog = till.machine.run("systemctl show --value --property RuntimeWatchdogUSec")
    seconds = (ready - began) / 1e6
    return f"systemd {version}: ready after {seconds:.1f} s; {exposures(till)}; hardware watchdog {watchdog}"


def exposures(till: Till) -> str:
    """Of each unit, as systemd says it."""
    told = [till.machine.run(f"systemd-analyze security --no-pager {unit}") for unit in UNITS]
    found = [re.findall(r"exposure level for (\S+): ([0-9.]+)", text)[0] for text in told]
    check(all(float(value) <= LARGEST_EXPOSURE for _, value in found), found)
    return "exposure " + ", ".join(f"{unit} {value}" for unit, value in found)


def sells(till: Till) -> str:
    ticket = till.sell()
    check("100,00" in ticket and f"MESA-{till.sold}" in ticket, ticket)
    return "a sale is paid, and its ticket printed"


def survives_a_kill(till: Till) -> str:
    first, began = till.process(), time.monotonic()
    till.machine.run(f"kill -KILL {first}")
    till.sell()
    till.wait_for_another(first)
    return f"killed, a sale paid meanwhile: its ticket {time.monotonic() - began:.1f} s after the kill"


def is_watched(till: Till) -> str:
    """A process that is stopped makes no progress."""
    first, began = till.process(), time.monotonic()
    till.machine.run(f"kill -STOP {first}")
    till.sell()
    till.wait_for_another(first)
    check("Watchdog timeout" in till.log(), "it was not the watchdog")
    return f"hung, seen by the watchdog: a ticket {time.monotonic() - began:.1f} s after"


def is_not_tried_again(till: Till) -> str:
    till.machine.run(f"mv {TOKEN} /root/; systemctl restart {UNIT}", status=None)
    wait_for(lambda: till.state() == "failed", "the service did not give up")
    check(till.machine.show("ExecMainStatus", UNIT) == "78", "another exit code")
    told = [line for line in till.log().splitlines() if TOKEN in line]
    check(told, f"nothing was said of {TOKEN}:\n{till.log()}")
    check(len(till.paper("MAL CONFIGURADA")) == 1, "paper doesn't say so")
    time.sleep(5)
    check(till.state() == "failed", "it was tried again")
    till.machine.run(f"mv /root/access_token {TOKEN}; systemctl restart {UNIT}")
    till.sell()
    return f"without its token: exit code 78, not tried again; says on paper, once, {told[-1]}"


def is_upgraded(till: Till) -> str:
    till.sell()
    first, version = till.process(), till.machine.run("till-edge --version")
    till.machine.apt(f"install {till.newer}")
    check(till.process() != first and till.state() == "active", "it was not restarted")
    check(till.machine.run("till-edge --version") != version, "the same version")
    orders = till.machine.run("till-edge orders")
    check(re.search("printed .* MESA-1", orders), f"the journal has forgotten a ticket:\n{orders}")
    till.sell()
    wait_for(lambda: not till.machine.has(TRIAL), "the update did not prove itself")
    check(till.machine.run("till-edge --version") != version, "the update was taken back")
    return f"upgraded from {version} while it sold: restarted, the journal is kept, the next ticket comes; it stays"


STORIES = (is_upgraded, is_up, sells, survives_a_kill, is_watched, is_not_tried_again)
