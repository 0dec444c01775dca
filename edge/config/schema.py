"""The till's configuration: each section is a dataclass, each key one line of it; the rest are rules between keys.

`load` also reads the files that the configuration names (token, password, certificates), so that a daemon that starts
has everything it needs. All mistakes are reported at once. `config.example.yaml` explains every key.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from edge.config.reader import UNREAD, Form, Reader
from edge.config.values import (
    AlsaName,
    AnyPath,
    AnyText,
    ApiUrl,
    Baudrate,
    Bell,
    Certificates,
    Device,
    ExternalId,
    File,
    Host,
    Hours,
    Minutes,
    NotificationUrl,
    PageUrl,
    Pin,
    Port,
    Seconds,
    Secret,
    SecretFile,
    Text,
    Texts,
    TillId,
    Timezone,
    TopicRoot,
    UserId,
    YesOrNo,
    choice,
    is_loopback,
    number,
    read_token,
    text,
    token_file,
    whole,
)
from edge.config.yaml_nodes import ConfigError, compose

__all__ = ["BrokerConfig", "Config", "ConfigError", "PanelConfig", "PrinterConfig", "Secret", "TlsConfig", "load"]

TOKEN_FILE = Path("/etc/till-edge/access_token")
TOKEN_KEY = "mercadopago.access_token_file"
CREDENTIAL = "access_token"
"""The systemd credential that overrides the token's file."""

Language = Literal["es", "pt", "en"]
Connection = Literal["usb", "serial", "network", "file"]
CodePage = Literal["CP858", "CP850", "CP1252", "CP860", "ASCII"]
Api = Literal["instore", "orders"]
PaymentsWithoutOrder = Literal["report", "ignore"]
Speech = Literal["es-419", "pt-BR", "en"]
Proof = Literal["auto", "process_id", "status", "none"]


@dataclass(frozen=True)
class TillConfig:
    """Which till this is. Its name is printed on tickets; without one it is the id."""

    id: TillId
    name: Annotated[str, Form(text, default_from=lambda till: till["id"])]
    timezone: Timezone
    language: Annotated[Language, Form(choice(*get_args(Language)))] = "es"
    support: Text | None = None
    """Whom to call; printed on slips that report a failure."""
    help_url: PageUrl | None = None
    """Where the QR code on the acceptance ticket leads."""


API_URL = "https://api.mercadopago.com"


@dataclass(frozen=True)
class MercadoPagoConfig:
    """The account and the point of sale, and how to ask Mercado Pago about them."""

    user_id: UserId
    external_store_id: ExternalId
    external_pos_id: ExternalId
    access_token: Annotated[Secret, Form(token_file, suffix="_file", default_from=lambda _: read_token(TOKEN_FILE))]
    api_url: ApiUrl = API_URL
    timeout_seconds: Annotated[float, Form(number(0.1, 120))] = 10.0
    notification_url: NotificationUrl | None = None
    """Put into the orders that are created here; without it they have none."""
    reference_prefix: Text | None = None
    """How this till's references begin. Needed only where one address serves all tills of a seller."""
    api: Annotated[Api, Form(choice(*get_args(Api)))] = "instore"
    """Which of Mercado Pago's APIs the shop's software puts its orders on the till with."""
    payments_without_order: Annotated[PaymentsWithoutOrder, Form(choice(*get_args(PaymentsWithoutOrder)))] = "report"
    """What becomes of money at our point of sale that no order explains. Ignored where a Point terminal sells there."""


@dataclass(frozen=True)
class TlsConfig:
    """The files of an encrypted connection. Without `ca_file` the system's certificates are trusted."""

    ca_file: Certificates | None = None
    cert_file: File | None = None
    key_file: File | None = None
    alpn: Text | None = None
    """The protocol that the till names in the greeting of TLS, for a door at port 443 that others use too."""


@dataclass(frozen=True)
class BrokerConfig:
    """How to reach the broker. `tls` is None only for a broker on this machine."""

    host: Host
    port: Annotated[int, Form(whole(1, 65535), default_from=lambda broker: 1883 if broker["tls"] is None else 8883)]
    username: Text | None = None
    password: SecretFile | None = None
    topic_root: TopicRoot = "tills"
    tls: TlsConfig | None = field(default_factory=TlsConfig)


@dataclass(frozen=True)
class PrinterConfig:
    """How to reach the printer, and what it can do. Where profile, columns or code page is None, it is found out."""

    connection: Annotated[Connection, Form(choice(*get_args(Connection)))]
    device: Device | None = None
    baudrate: Baudrate = 38400
    host: Host | None = None
    port: Port = 9100
    profile: Text | None = None
    columns: Annotated[int | None, Form(whole(24, 64))] = None
    codepage: Annotated[CodePage | None, Form(choice(*get_args(CodePage)))] = None
    proof: Annotated[Proof, Form(choice(*get_args(Proof)))] = "auto"
    open_drawer: YesOrNo = False


@dataclass(frozen=True)
class TicketConfig:
    """What is printed on every ticket."""

    header: Texts = ()
    legend: AnyText = "DOCUMENTO NO VÁLIDO COMO FACTURA"
    footer: Texts = ()
    logo: File | None = None
    qr: YesOrNo = True


@dataclass(frozen=True)
class LedsConfig:
    """GPIO numbers (BCM)."""

    green: Pin = 17
    yellow: Pin = 27
    red: Pin = 22


@dataclass(frozen=True)
class ButtonConfig:
    """A GPIO number (BCM), and how many seconds the button is held to cancel."""

    pin: Pin = 26
    hold_seconds: Annotated[float, Form(number(0.1, 30))] = 2.0


@dataclass(frozen=True)
class PanelConfig:
    """The lights and the button."""

    leds: LedsConfig = field(default_factory=LedsConfig)
    button: ButtonConfig = field(default_factory=ButtonConfig)


@dataclass(frozen=True)
class WatchConfig:
    """When the till asks again, how long it waits, and after how long a slip reports a failure."""

    first_check_seconds: Seconds = 30.0
    check_every_seconds: Seconds = 5.0
    idle_every_seconds: Seconds = 60.0
    outage_every_seconds: Seconds = 10.0
    grace_minutes: Minutes = 15.0
    slip_after_seconds: Seconds = 60.0


@dataclass(frozen=True)
class JournalConfig:
    """Where orders are kept, and for how long: at least 14 days, as other machines' sessions and retries may last."""

    path: AnyPath = Path("/var/lib/till-edge/journal.db")
    keep_days: Annotated[int, Form(whole(14, 3650))] = 30


@dataclass(frozen=True)
class PageConfig:
    """Where the till's page listens. Without a certificate it speaks HTTP, which others in the network could read."""

    host: Host = "0.0.0.0"
    port: Port = 8080
    cert_file: File | None = None
    key_file: File | None = None


@dataclass(frozen=True)
class SoundConfig:
    """What is heard, and from what: a buzzer on a pin, the printer's bell, a loudspeaker that speaks. At least one."""

    buzzer_pin: Pin | None = None
    buzzer_tone_hz: Annotated[int | None, Form(whole(50, 7000))] = None
    """For a passive buzzer, which needs a tone; an active one has its own."""
    printer: Bell = None
    """`ask`: a person says at calibration by which command it rings, if it does."""
    speech: Annotated[Speech | None, Form(choice(*get_args(Speech)))] = None
    amount: YesOrNo = True
    volume: Annotated[int, Form(whole(1, 100))] = 80
    device: AlsaName = "default"
    quiet: Hours | None = None


@dataclass(frozen=True)
class Config:
    """The whole configuration. `load` makes it at the start; it doesn't change afterwards."""

    till: TillConfig
    mercadopago: MercadoPagoConfig
    broker: BrokerConfig
    printer: PrinterConfig
    ticket: TicketConfig
    panel: PanelConfig
    watch: WatchConfig
    journal: JournalConfig
    page: PageConfig | None = None
    """None: there is no page."""
    sound: SoundConfig | None = None
    """None: nothing is heard."""


NOT_THE_PAGES = frozenset(
    {
        TOKEN_KEY,
        "broker.password_file",
        "broker.tls.ca_file",
        "broker.tls.cert_file",
        "broker.tls.key_file",
        "ticket.logo",
    }
)
"""The files that are not opened by the page's process, which may not read them: there they are `UNREAD`."""


def load(path: Path, environ: Mapping[str, str] = os.environ, confined: bool = False) -> Config:
    """Read a configuration. Raises `ConfigError` with all its mistakes.

    `confined`: a stranger may have written it, so it may name only files that are beside it, and devices.
    """
    return _checked(Reader(path, _credentials(environ), confined), path)


def load_for_page(path: Path) -> Config:
    """Read a configuration without its secrets. Raises `ConfigError` with all its other mistakes."""
    return _checked(Reader(path, unread=NOT_THE_PAGES), path)


def _checked(reader: Reader, path: Path) -> Config:
    config = reader.read(Config, compose(path))
    for rule in (_pins, _printer, _plain_text, _certificates, _password, _sound):
        rule(reader)
    reader.raise_if_faulty()
    return config


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder or "/", CREDENTIAL)
    # Without a file the unit passes a blank credential; then the file is what is missing, and its name is reported.
    given = folder and credential.exists() and credential.read_bytes().strip()
    return {TOKEN_KEY: str(credential)} if given else {}


# --- rules between keys; a value that could not be read is not in `values` -------------------------------------------

PINS = ("panel.leds.green", "panel.leds.yellow", "panel.leds.red", "panel.button.pin", "sound.buzzer_pin")
UARTS = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")
UART_PINS = (14, 15)

CONNECTIONS = {
    "usb": ((), ("device",)),
    "serial": (("device",), ("baudrate",)),
    "network": (("host",), ("port",)),
    "file": (("device",), ()),
}
"""Connection -> the keys it needs, and the others it may have."""


def _pins(reader: Reader) -> None:
    """A pin has one use. If one of two uses is a default, the fault is reported for the other, which is written."""
    used = dict.fromkeys(UART_PINS, "printer.device") if str(reader.values.get("printer.device")) in UARTS else {}
    for key in sorted(PINS, key=lambda key: key in reader.written):
        pin = reader.values.get(key)
        if pin in used:
            reader.fault(key, f"pin {pin} is used by {used[pin]} already; choose another")
        elif pin is not None:
            used[pin] = key


def _printer(reader: Reader) -> None:
    """Each kind of connection has its own keys."""
    connection = reader.values.get("printer.connection")
    if connection is None:
        return
    needed, possible = CONNECTIONS[connection]
    for name in ("device", "baudrate", "host", "port"):
        key = f"printer.{name}"
        if name in needed and key not in reader.written:
            reader.fault(key, f"is missing; connection: {connection} needs it")
        elif name not in needed + possible and key in reader.written:
            reader.fault(key, f"is not used with connection: {connection}; remove it")


def _plain_text(reader: Reader) -> None:
    """Without TLS anybody on the way could read the password, so it is for this machine only."""
    host = reader.values.get("broker.host")
    if reader.values.get("broker.tls", UNREAD) is None and host is not None and not is_loopback(host):
        reader.fault("broker.tls", f"can be false only for a broker on this machine, and {host} isn't; remove it")


def _certificates(reader: Reader) -> None:
    """A certificate and its key go together, and belong together: ours at the broker, and the page's."""
    for section in ("broker.tls", "page"):
        _certificate(reader, section)


def _certificate(reader: Reader, section: str) -> None:
    certificate, key = (reader.values.get(f"{section}.{name}") for name in ("cert_file", "key_file"))
    names = [name for name in ("cert_file", "key_file") if f"{section}.{name}" in reader.written]
    if len(names) == 1:
        reader.fault(f"{section}.{names[0]}", "cert_file and key_file go together; give both or neither")
    elif certificate and key:
        try:
            # The empty password keeps OpenSSL from asking for one on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
        except ssl.SSLError:
            reader.fault(
                f"{section}.key_file",
                f"{key} is not the key of {certificate}; both must be in PEM form, without password",
            )


def _password(reader: Reader) -> None:
    if "broker.password_file" in reader.written and "broker.username" not in reader.written:
        reader.fault("broker.password_file", "is a password without a username; add broker.username")


def _sound(reader: Reader) -> None:
    """A section that names nothing to hear it from is a mistake, and so is a tone without its buzzer."""
    voices = ("sound.buzzer_pin", "sound.printer", "sound.speech")
    if reader.values.get("sound", UNREAD) is None or not any(key.startswith("sound") for key in reader.written):
        return
    if not any(reader.values.get(voice, UNREAD) for voice in voices if voice in reader.written):
        reader.fault("sound", "names nothing that could be heard; add buzzer_pin, printer or speech")
    elif "sound.buzzer_tone_hz" in reader.written and "sound.buzzer_pin" not in reader.written:
        reader.fault("sound.buzzer_tone_hz", "is a tone without a buzzer; add sound.buzzer_pin")
