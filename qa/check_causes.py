"""Everything that can be wrong at a till, done to a shop one at a time, and what `till-edge check` finds.

`make causes` writes docs/check.md from the findings; a test compares them. Mercado Pago, the printer and the pins are
simulated at their protocols; the broker, its rights, TLS and the files are real.
"""

import contextlib
import os
import re
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
import yaml
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.config.schema import load
from edge.core import events
from edge.install.check.account import check_account, check_order
from edge.install.check.broker import Visit, check_broker
from edge.install.check.findings import Finding, Part
from edge.install.check.hardware import Press, check_machine, check_panel, check_printer
from edge.install.check.sound import check_sound
from edge.machine.facts import Machine
from edge.mercadopago.client import MercadoPago as Api
from relay.config import Mosquitto as Files
from relay.enroll.accounts import open_accounts
from sim.board import BUTTON, GroundedPin
from sim.mercadopago import Fault, MercadoPago
from sim.mosquitto import Mosquitto
from sim.printer.printer import Printer
from sim.shop import PATIENCE, TILL, Shop
from tests.support.odd_broker import CONNECT, PUBLISH, Link, OddBroker, Talk
from tests.support.scripted_server import Server
from tests.support.shipped_broker import Client, ShippedBroker

PAGE = Path(__file__).parent.parent / "docs" / "check.md"
Step = Callable[[Shop], Any]
Settings = dict[str, dict[str, Any]]


def nothing(_: Shop) -> None:
    pass


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong: in which part, how it is brought about, and words that its finding must have."""

    part: Part
    says: str
    settings: Settings = field(default_factory=dict)
    done: Step = nothing
    mercadopago: Callable[[], MercadoPago] = MercadoPago
    printer: Callable[[], Printer] = Printer
    broker: Callable[[Path], Any] = Mosquitto
    needs_root: bool = False
    api: str = "instore"
    """Which of Mercado Pago's the till is configured for, and its shop's software uses."""


# --- how each part is tried ----------------------------------------------------------------------------------------


def findings(shop: Shop, part: Part) -> list[Finding]:
    """What a check finds of a part and its neighbours."""
    return list(TRIES[part](shop))


def _account(shop: Shop) -> Iterator[Finding]:
    config = load(shop.config)
    with contextlib.closing(Api(config.mercadopago)) as api:
        yield from check_account(api, config)


def _order(shop: Shop) -> Iterator[Finding]:
    config = load(shop.config)
    with contextlib.closing(Api(config.mercadopago)) as api:
        known = next(reversed(shop.mercadopago.order_book.orders), "")  # to a daemon, to which it was announced
        yield check_order(api, config, datetime.now(UTC), "a1b2c3", known)


def _broker(shop: Shop) -> Iterator[Finding]:
    config = load(shop.config)
    with contextlib.closing(Visit(config, "0")) as visit:
        yield from check_broker(visit, config, ping_timeout_s=3)


def _printer(shop: Shop) -> Iterator[Finding]:
    return check_printer(load(shop.config), running=False)


def _panel(shop: Shop) -> Iterator[Finding]:
    os.environ.setdefault("GPIOZERO_PIN_FACTORY", "mock")
    return check_panel(load(shop.config), Press(nothing, 0.3), shown_s=0.1)


def _sound(shop: Shop) -> Iterator[Finding]:
    os.environ.setdefault("GPIOZERO_PIN_FACTORY", "mock")
    return check_sound(load(shop.config), Press(nothing, 0.3), running=False)


def _machine(shop: Shop) -> Iterator[Finding]:
    config = load(shop.config)
    with contextlib.closing(Api(config.mercadopago)) as api:
        for _ in check_account(api, config):
            pass
        facts = Machine(config.journal.path.parent, api.clock_ahead, shop.folder).facts()
        yield from check_machine(facts, config.journal.path)


TRIES: dict[Part, Callable[[Shop], Iterator[Finding]]] = {
    Part.TOKEN: _account,
    Part.STORE: _account,
    Part.POS: _account,
    Part.ORDER: _order,
    Part.BROKER: _broker,
    Part.RELAY: _broker,
    Part.PRINTER: _printer,
    Part.PROOF: _printer,
    Part.LIGHTS: _panel,
    Part.BUTTON: _panel,
    Part.SOUND: _sound,
    Part.CLOCK: _machine,
    Part.DISK: _machine,
    Part.POWER: _machine,
}

# --- what people and machines do wrong -----------------------------------------------------------------------------


def tls_that_ended(shop: Shop) -> None:
    authority, ago = trustme.CA(), timedelta(days=30)
    now = datetime.now(UTC)
    certificate = authority.issue_cert("127.0.0.1", not_before=now - 2 * ago, not_after=now - ago)
    shop.mercadopago.stop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    shop.mercadopago.api.tls = context
    shop.mercadopago.start()
    bundle = shop.folder / "bundle.pem"
    authority.cert_pem.write_to_path(str(bundle))
    os.environ["SSL_CERT_FILE"] = str(bundle)
    shop.settings = {"mercadopago": {"api_url": shop.mercadopago.url.replace("http:", "https:")}}
    shop.write_config()


class BusyTill(MercadoPago):
    """The shop's software puts a sale on the till the moment that ours is there."""

    def load(self, pos: Any, body: Any) -> None:
        super().load(pos, body)
        if body["external_reference"] != "CAJA01-000418":
            self.put_order("CAJA01-000418", "5350.50")


class EagerCustomer(MercadoPago):
    """Somebody scans as soon as an order is there."""

    def place(self, *order: Any) -> Any:
        loaded = super().place(*order)
        self.begin_payment()
        return loaded


def fault(kind: str, **more: Any) -> Step:
    return lambda shop: shop.mercadopago.faults.append(Fault(kind, **more))


def enrolled(folder: Path, password: str = "secret") -> ShippedBroker:
    """The broker that is shipped, and our till at it."""
    broker = ShippedBroker(folder)
    with open_accounts(Files(broker.password_file, broker.acl_file)) as accounts:
        accounts.put(TILL, password, "700100200")
    return broker


def over_tls(shop: Shop, password: str = "secret", ca_file: Path | None = None) -> None:
    """What an enrolled till's configuration says."""
    secret = shop.folder / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    tls = {"ca_file": str(ca_file or shop.broker.ca_file)}
    broker = {"port": shop.broker.tills_port, "username": TILL, "password_file": str(secret), "tls": tls}
    shop.settings = {**shop.settings, "broker": broker}
    shop.write_config()


def stranger(shop: Shop) -> None:
    other = shop.folder / "other-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    over_tls(shop, ca_file=other)


def other_name(shop: Shop) -> None:
    shop.broker.certify("mqtt.example.net")
    shop.broker.restart()
    over_tls(shop)


def expired(shop: Shop) -> None:
    shop.broker.certify("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    shop.broker.restart()
    over_tls(shop)


def say(shop: Shop, topic: str, payload: bytes, retain: bool = False) -> None:
    client = Client(shop.broker.port)
    client.say(topic, payload, retain=retain)
    client.close()


def relay_says(state: bytes) -> Step:
    return lambda shop: say(shop, "relay/status", b'{"v":1,"state":"%s"}' % state, retain=True)


def deaf(folder: Path) -> Mosquitto:
    """A broker that grants the subscription and lets nothing through, as mosquitto does."""
    return Mosquitto(folder, acl=f"topic readwrite relay/status\ntopic write tills/{TILL}/ping\n")


def backlog(shop: Shop) -> None:
    """The daemon was there once; since then it was rung thirty times."""
    with contextlib.closing(Visit(load(shop.config), "0")) as visit:
        visit.wait_for(events.BrokerConnected, seconds=PATIENCE)
    for number in range(30):
        say(shop, f"tills/{TILL}/orders", b'{"v":1,"kind":"merchant_order","id":"%d"}' % (31000000000 + number))


def odd(talk: Talk) -> Step:
    """At the broker's address is one that does one odd thing."""

    def replace_broker(shop: Shop) -> None:
        settings = yaml.safe_load(shop.config.read_text())
        settings["broker"] |= {"port": OddBroker(talk).port}
        shop.config.write_text(yaml.safe_dump(settings))

    return replace_broker


def no_doorbells(link: Link) -> None:
    link.answer_login()
    link.answer_subscription(0x87)
    link.wait()


def twin(link: Link) -> None:
    """Another device comes with our name while we wait for the relay."""
    link.welcome()
    link.hear(PUBLISH)
    link.send_away(0x8E)


def by_usb(shop: Shop) -> None:
    settings = yaml.safe_load(shop.config.read_text())
    settings["printer"] = {"connection": "usb", "device": "/dev/usb/lp9"}
    shop.config.write_text(yaml.safe_dump(settings))


def another_service(shop: Shop) -> None:
    """The configuration names the port of a service that greets, and waits."""
    settings = yaml.safe_load(shop.config.read_text())
    settings["printer"]["port"] = Server(lambda wire: wire.sendall(b"SSH-2.0-OpenSSH_9.2\r\n") or wire.recv(1)).port
    shop.config.write_text(yaml.safe_dump(settings))


def no_pins(_: Shop) -> None:
    Device.pin_factory = None
    os.environ["GPIOZERO_PIN_FACTORY"] = "lgpio"


def button(down: bool) -> Step:
    def move(_: Shop) -> None:
        Device.pin_factory = MockFactory()
        if down:
            Device.pin_factory.pin(BUTTON, pin_class=GroundedPin)

    return move


def foreign_journal(shop: Shop) -> None:
    (shop.folder / "journal.db").touch()
    os.chown(shop.folder / "journal.db", 12345, 12345)


def mounted(options: str) -> Step:
    def mount(shop: Shop) -> None:
        disk = shop.folder / "disk"
        disk.mkdir()
        os.system(f"mount -t tmpfs -o {options} none {disk}")
        shop.settings = {"journal": {"path": str(disk / "journal.db")}}
        shop.write_config()

    return mount


def firmware(bits: str) -> Step:
    """The firmware's file of a Pi 4, below the folder that stands for /sys."""

    def write(shop: Shop) -> None:
        file = shop.folder / "devices/platform/soc/soc:firmware/get_throttled"
        file.parent.mkdir(parents=True)
        file.write_text(bits)

    return write


def mp(**settings: Any) -> Settings:
    return {"mercadopago": settings}


WRONG: dict[str, Wrong] = {
    "Mercado Pago can't be reached": Wrong(
        Part.TOKEN, "no connection to", done=lambda shop: shop.mercadopago.go_away()
    ),
    "Mercado Pago doesn't answer in time": Wrong(
        Part.TOKEN, "no answer in time", mp(timeout_seconds=0.2), fault("hang", seconds=1)
    ),
    "Mercado Pago is in trouble": Wrong(Part.TOKEN, "500", done=fault("status", status=500)),
    "Mercado Pago's answer is a web page": Wrong(Part.TOKEN, "makes no sense", done=fault("garbage")),
    "The clock is years off": Wrong(Part.TOKEN, "clock is wrong", done=tls_that_ended),
    "The token is not valid": Wrong(
        Part.TOKEN, "refuses the access token", done=lambda shop: setattr(shop.mercadopago.api, "access_token", "other")
    ),
    "The token's application is one for online payments": Wrong(
        Part.STORE,
        "in-person payments",
        done=fault("status", status=403, path="/pos|/stores", error="PA_UNAUTHORIZED_RESULT_FROM_POLICIES"),
    ),
    "The token is another account's": Wrong(
        Part.TOKEN,
        "the token belongs to account 700100200 (KIOSCOSUR), and mercadopago.user_id is 700100201",
        mp(user_id=700100201),
    ),
    "The account is of another country": Wrong(
        Part.TOKEN, "is in Argentina, and till.timezone is America/Santiago", {"till": {"timezone": "America/Santiago"}}
    ),
    "No such store": Wrong(Part.STORE, "the account has no store SUC999", mp(external_store_id="SUC999")),
    "No such point of sale": Wrong(Part.POS, "no point of sale CAJA9", mp(external_pos_id="CAJA9")),
    "The point of sale is another store's": Wrong(
        Part.POS,
        "SUC001POS003 belongs to the store SUC001, and mercadopago.external_store_id is SUC002",
        mp(external_store_id="SUC002"),
        mercadopago=lambda: MercadoPago(pos=(("SUC001", "SUC001POS003"), ("SUC002", "SUC002POS001"))),
    ),
    "The point of sale takes any amount": Wrong(
        Part.POS, "fixed_amount false", done=lambda shop: setattr(shop.mercadopago.till(), "fixed_amount", False)
    ),
    "The point of sale is switched off": Wrong(
        Part.POS, "is not active", done=lambda shop: setattr(shop.mercadopago.till(), "status", "inactive")
    ),
    "A sale is on the till": Wrong(
        Part.ORDER,
        "the order CAJA01-000417 is on the till; it was not touched",
        done=lambda shop: shop.mercadopago.put_order("CAJA01-000417", "5350.50"),
    ),
    "A sale comes to the till meanwhile": Wrong(Part.ORDER, "CAJA01-000418 replaced ours", mercadopago=BusyTill),
    "Mercado Pago takes no order": Wrong(Part.ORDER, "pos_not_found", mp(external_store_id="SUC999")),
    "The token's application may not create Orders": Wrong(
        Part.ORDER,
        "in-person payments",
        done=fault("status", status=403, path="/v1/orders", error="PA_UNAUTHORIZED_RESULT_FROM_POLICIES"),
        api="orders",
    ),
    "An order doesn't come to the till": Wrong(
        Part.ORDER,
        "it is not on the till",
        done=lambda shop: setattr(shop.mercadopago.switches, "longest_life_seconds", 0),
    ),
    "An order can't be removed": Wrong(
        Part.ORDER,
        "could not be removed (refused)",
        done=fault("status", method="DELETE|POST", path="/pos/.*/orders$|/cancel$", status=400),
    ),
    "A customer is just paying the order": Wrong(
        Part.ORDER, "could not be removed (locked)", mercadopago=EagerCustomer
    ),
    "There is no relay": Wrong(
        Part.BROKER, "no relay configured: the till polls Mercado Pago", done=lambda shop: shop.broker.stop()
    ),
    "The broker can't be found": Wrong(
        Part.BROKER, "mqtt.invalid:8883", {"broker": {"host": "mqtt.invalid", "port": 8883, "tls": True}}
    ),
    "The broker's certificate is a stranger's": Wrong(Part.BROKER, "not trusted", done=stranger, broker=enrolled),
    "The broker's certificate has another name": Wrong(
        Part.BROKER, "not valid for '127.0.0.1'", done=other_name, broker=enrolled
    ),
    "The broker's certificate has expired": Wrong(Part.BROKER, "has expired", done=expired, broker=enrolled),
    "The broker speaks no TLS": Wrong(Part.BROKER, "Connection reset", {"broker": {"tls": True}}),
    "The broker wants another password": Wrong(
        Part.BROKER, "the broker refuses us: not authorized", done=lambda shop: over_tls(shop, "old"), broker=enrolled
    ),
    "The broker's port accepts and says nothing": Wrong(Part.BROKER, "no answer to the login", done=odd(Link.wait)),
    "The broker's port is another program's": Wrong(
        Part.BROKER, "does not speak MQTT", done=odd(lambda link: link.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 20))
    ),
    "The broker can't do what a till needs": Wrong(
        Part.BROKER, "retain not supported (0x9A)", done=odd(lambda link: link.answer_login(0x9A))
    ),
    "The broker is full": Wrong(Part.BROKER, "quota exceeded", done=odd(lambda link: link.answer_login(0x97))),
    "The broker refuses and doesn't say why": Wrong(
        Part.BROKER, "unspecified error (0x80)", done=odd(lambda link: link.answer_login(0x80))
    ),
    "The broker refuses the doorbells": Wrong(
        Part.BROKER, "the subscription to tills/CAJA01/orders", done=odd(no_doorbells)
    ),
    "The broker hangs up": Wrong(Part.BROKER, "hung up", done=odd(lambda link: link.hear(CONNECT))),
    "The relay is off": Wrong(Part.RELAY, "the relay is offline", done=relay_says(b"offline")),
    "The broker lets no doorbell through": Wrong(
        Part.RELAY, "its doorbells don't reach us", done=relay_says(b"online"), broker=deaf
    ),
    "No relay announces itself": Wrong(Part.RELAY, "no ping came back"),
    "Doorbells wait for the daemon": Wrong(Part.RELAY, "20 doorbells wait for the daemon", done=backlog),
    "Another device uses the till's name": Wrong(Part.RELAY, "session taken over (0x8E)", done=odd(twin)),
    "The printer can't be reached": Wrong(
        Part.PRINTER, "refuses the connection", done=lambda shop: shop.printer.switch_off()
    ),
    "The printer's port is another service's": Wrong(
        Part.PRINTER, "SSH answers there; is this the printer's port?", done=another_service
    ),
    "The printer is not plugged in": Wrong(
        Part.PRINTER, "/dev/usb/lp9: not there; is the printer plugged in", done=by_usb
    ),
    "No paper": Wrong(
        Part.PRINTER, "the printer has no paper; put in a roll", done=lambda shop: shop.printer.paper_out()
    ),
    "Little paper": Wrong(Part.PRINTER, "the roll is near its end", done=lambda shop: shop.printer.paper_low()),
    "The cover is open": Wrong(Part.PRINTER, "cover is open", done=lambda shop: shop.printer.open_cover()),
    "The cutter is stuck": Wrong(Part.PRINTER, "reports that it can't print", done=lambda shop: shop.printer.jam()),
    "The printer answers nothing": Wrong(
        Part.PRINTER, "answers none", done=lambda shop: setattr(shop.printer, "silent", True)
    ),
    "The printer can't prove what it prints as is demanded": Wrong(
        Part.PROOF,
        "doesn't prove by process_id; write printer.proof: auto",
        {"printer": {"proof": "process_id"}},
        printer=lambda: Printer(proof="status"),
    ),
    "No pins": Wrong(Part.LIGHTS, "sudo apt install python3-lgpio", done=no_pins),
    "The button is stuck": Wrong(Part.BUTTON, "is pressed, though nobody was asked to", done=button(down=True)),
    "The button's wire is loose": Wrong(Part.BUTTON, "no press came within", done=button(down=False)),
    "The buzzer's pin can't be had": Wrong(
        Part.SOUND, "the buzzer's pin 12 can't be used", {"sound": {"buzzer_pin": 12}}, done=no_pins
    ),
    "Nobody hears the sounds": Wrong(
        Part.SOUND, "nobody pressed the button", {"sound": {"buzzer_pin": 12}}, done=button(down=False)
    ),
    "The clock is some minutes slow": Wrong(
        Part.CLOCK, "behind Mercado Pago's", done=lambda shop: shop.mercadopago.advance(125)
    ),
    "The clock is hours fast": Wrong(
        Part.CLOCK, "ahead of Mercado Pago's", done=lambda shop: shop.mercadopago.advance(-7200)
    ),
    "The journal's folder is missing": Wrong(
        Part.DISK, "there is no folder /nowhere", {"journal": {"path": "/nowhere/journal.db"}}
    ),
    "The card is read-only": Wrong(Part.DISK, "Read-only file system", done=mounted("ro"), needs_root=True),
    "The card is full": Wrong(Part.DISK, "less than 100 MB are free", done=mounted("size=50m"), needs_root=True),
    "The card is nearly full": Wrong(Part.DISK, "300 MB are free", done=mounted("size=299m"), needs_root=True),
    "The journal is another user's": Wrong(Part.DISK, "journal.db in ", done=foreign_journal, needs_root=True),
    "Too little power": Wrong(Part.POWER, "too little power", done=firmware("50001")),
    "The Pi is hot": Wrong(Part.POWER, "slowed down: hot, throttled", done=firmware("c")),
}

# --- doing it ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def shop_with(wrong: Wrong, folder: Path) -> Iterator[Shop]:
    """A shop of which one thing is wrong, with no daemon."""
    shop = Shop(folder, wrong.settings, wrong.mercadopago(), wrong.printer(), api=wrong.api)
    shop.broker = wrong.broker(folder / "mosquitto")
    shop.mercadopago.start()
    shop.printer.start()
    shop.broker.start()
    before = dict(os.environ), Device.pin_factory
    try:
        shop.write_config()
        wrong.done(shop)
        yield shop
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        Device.pin_factory = before[1]
        if (folder / "disk").exists():
            os.system(f"umount --lazy {folder / 'disk'}")
        shop.close()


def found(wrong: Wrong, folder: Path) -> Finding:
    """What is found of the part."""
    with shop_with(wrong, folder) as shop:
        return next(finding for finding in findings(shop, wrong.part) if finding.part is wrong.part)


def plain(text: str, folder: Path) -> str:
    """A sentence without what differs from one run to the next."""
    text = text.replace(str(folder), "/var/lib/till-edge").replace("127.0.0.1", "HOST")
    text = re.sub(r"(?<=HOST:)\d+", "PORT", text)
    text = re.sub(r"check-CAJA01-\d+-\d+-\w+", "check-CAJA01-…", text)
    return re.sub(r"(?<![\w.-])12[0-9] s\b", "… s", text)


INTRODUCTION = """# What `till-edge check` says, and what to do

Each line was produced by doing to a till what the first column says; `make causes` writes this page and a test compares
it. The acceptance ticket says the same in the shop's language.

`ok`: nothing to do. `warning`: the till sells, but somebody should know. `failed`: correct it and check again.
`skipped`: not tried, and why. The command ends with 0 if nothing failed, 1 if something did, 78 if the configuration
is wrong.

| what is wrong | part | grade | what `check` sees | what to do |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page, freshly produced."""
    rows = [_row(title, wrong) for title, wrong in WRONG.items()]
    return INTRODUCTION + "".join(rows)


def _row(title: str, wrong: Wrong) -> str:
    with tempfile.TemporaryDirectory() as name:
        finding = found(wrong, Path(name))
        return row(title, finding, Path(name))


def row(title: str, finding: Finding, folder: Path) -> str:
    """A cause as a line of the page."""
    said = [plain(text, folder).replace("|", "/") for text in (finding.seen, finding.advice)]
    return f"| {title} | {finding.part} | {finding.grade} | {said[0]} | {said[1]} |\n"


if __name__ == "__main__":
    started = time.monotonic()
    PAGE.write_text(page())
    print(f"{len(WRONG)} causes in {time.monotonic() - started:.0f} s")
