"""`till-relay fleet`: all tills in one live table, who needs help first; `--json` says the same to machines.

It only listens: what it shows is what the broker retains. On a terminal the table lives until Ctrl-C, and a broker
that goes away is said above it; into a pipe, and as JSON, it is told once and completely, or it fails and says why.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from datetime import time as wall_time
from io import TextIOWrapper
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import Any
from zoneinfo import ZoneInfo

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode
from rich.console import Console
from rich.live import Live
from rich.text import Text

from edge.wire import RELAY_STATUS, BadMessage, decode_state
from relay.client import new_client
from relay.config import Broker, Config
from relay.fleet_rows import Hours, Row, Status, counts_of, read_status, rows_of
from relay.fleet_table import ago, picture

DONE, FAILED, USAGE = 0, 1, 2
PATIENCE = 15.0
"""Seconds that the broker gets to tell all."""
QUIET = 0.5
"""Seconds without a retained message after which nobody has more to tell."""
KEEPALIVE = 30
WIDE = 1000
"""Columns in a pipe: one till is one line there, whole."""


class Misfortune(Exception):
    """The table can't be told; the text says why."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what can be told to `fleet`, besides the configuration."""
    parser.add_argument("--json", action="store_true", help="print what is retained as one JSON document, and end")
    parser.add_argument(
        "--open", type=_opening_hours, metavar="08:00-22:00", help="a till that is dark then stands out"
    )
    parser.add_argument("--timezone", type=_timezone, metavar="ZONE", help="of --open; default: fleet.timezone")
    parser.add_argument("--username", default="", help="the broker's user, instead of the relay's own")
    parser.add_argument("--password-file", dest="password", type=_secret, metavar="FILE", help="of --username")


def run(config: Config, options: argparse.Namespace) -> int:
    """Show the tills and return the exit code."""
    if options.password and not options.username:
        print("till-relay fleet: --password-file is for --username; give both or neither", file=sys.stderr)
        return USAGE
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for terminals that don't know our characters
    live = sys.stdout.isatty() and not Console().is_dumb_terminal and not options.json
    watcher = Watcher(_broker(config.broker, options), _hours(config, options))
    watcher.start()
    try:
        return _watch(watcher) if live else _tell(watcher, options.json)
    except Misfortune as misfortune:
        print(f"till-relay fleet: {misfortune}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return DONE if live else FAILED
    finally:
        watcher.stop()


def _broker(broker: Broker, options: argparse.Namespace) -> Broker:
    return replace(broker, username=options.username, password=options.password) if options.username else broker


def _hours(config: Config, options: argparse.Namespace) -> Hours | None:
    zone: ZoneInfo | None = options.timezone or (config.fleet.timezone if config.fleet else None)
    if options.open:
        open_from, open_until = options.open
        return Hours(open_from, open_until, zone)
    if config.fleet and config.fleet.open_from and config.fleet.open_until:
        return Hours(config.fleet.open_from, config.fleet.open_until, zone)
    return None


# --- telling ----------------------------------------------------------------------------------------------------------


def _watch(watcher: "Watcher") -> int:
    """Draw the table each second, until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            height = live.console.size.height
            drawn = picture(watcher.rows(), watcher.now(), [watcher.headline()], live.console, height)
            live.update(drawn, refresh=True)
            watcher.listen(1.0)


def _tell(watcher: "Watcher", as_json: bool) -> int:
    """Print all once. Raises `Misfortune`."""
    watcher.wait_for_all()
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    if as_json:
        console.out(json.dumps(_document(watcher), indent=2), highlight=False)
    else:
        console.print(picture(watcher.rows(), watcher.now(), [watcher.headline()], console, height=sys.maxsize))
    return DONE


def _document(watcher: "Watcher") -> dict[str, Any]:
    rows = watcher.rows()
    return {
        "v": 1,
        "at": watcher.now().isoformat(timespec="seconds"),
        "relay": watcher.relay or None,
        "counts": counts_of(rows),
        "tills": [_facts(row) for row in rows],
    }


def _facts(row: Row) -> dict[str, Any]:
    return {"till": row.till, "help": row.help.value, "wrong": row.wrong, "status": row.status.facts or None}


# --- listening --------------------------------------------------------------------------------------------------------


class Watcher:
    """What the broker told so far. All methods belong to the thread that calls `listen`; paho's only hands over."""

    def __init__(self, broker: Broker, hours: Hours | None) -> None:
        self.relay = ""
        """What the relay's status says: "online", "offline", or "" for nothing."""
        self._topics = f"{broker.topic_root}/+/status"
        self._broker = broker
        self._hours = hours
        self._statuses: dict[str, Status] = {}
        self._told: set[str] = set()
        """The tills that this connection brought."""
        self._trouble = ""
        self._trouble_since = self.now()
        self._fence: int | None = None
        self._fence_passed = False
        self._last_retained = 0.0
        self._inbox: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = SimpleQueue()
        self._client = self._new_client()

    def start(self) -> None:
        """Begin to connect, and keep connecting."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE)
        self._client.loop_start()

    def stop(self) -> None:
        """Leave; may be called at any time."""
        self._client.disconnect()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def rows(self) -> list[Row]:
        """All tills, who needs help first."""
        return rows_of(self._statuses, self._hours is None or self._hours.include(self.now()))

    def listen(self, seconds: float) -> None:
        """Take in what comes, for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._hear(left)
        if self._is_complete():
            self._statuses = {till: status for till, status in self._statuses.items() if till in self._told}

    def wait_for_all(self) -> None:
        """Return when all that is retained has come. Raises `Misfortune`."""
        until = time.monotonic() + PATIENCE
        while not self._is_complete():
            self._hear(QUIET)
            if self._trouble:
                raise Misfortune(self._trouble)
            if time.monotonic() > until:
                raise Misfortune(f"{self._where} did not tell all within {PATIENCE:g} seconds. {self._known}")

    def headline(self) -> Text:
        """Say how it stands with relay and broker."""
        if self._trouble:
            words = f"{self._trouble[0].upper()}{self._trouble[1:]}"
            age = ago(self._trouble_since, self.now())
            return Text(f"{words}. Nothing was heard for {age}: the table is as old.", "bold white on red3")
        if not self._is_complete():
            return Text(f"Listening to {self._where} …", "dim")
        style = {"online": "green", "offline": "bold red"}.get(self.relay, "dim")
        clock = self.now().astimezone(self._hours.zone if self._hours else None)
        return Text.assemble("relay ", (self.relay or "says nothing", style), (f" · {clock:%H:%M:%S}", "dim"))

    @property
    def _where(self) -> str:
        return f"the broker at {self._broker.host}:{self._broker.port}"

    @property
    def _known(self) -> str:
        return f"{len(self._told)} tills came; a broker with more of them may need a larger max_queued_messages"

    def _is_complete(self) -> bool:
        """The fence proves it for mosquitto, which sends in order; the quiet is for brokers that are clusters."""
        return self._fence_passed and time.monotonic() - self._last_retained > QUIET

    def _hear(self, seconds: float) -> None:
        try:
            function, arguments = self._inbox.get(timeout=seconds)
        except Empty:
            return
        function(*arguments)

    # --- what the broker says, in the thread that listens ---

    def _on_connect(self, reason: ReasonCode) -> None:
        if reason.is_failure:
            self._tell(f"{self._where} refused {self._broker.username or 'us, who gave no username'}: {reason}")
            return
        self._trouble = ""
        self._told.clear()
        self._fence_passed = False
        # QoS 0, for of QoS 1 mosquitto retells no more than its queue holds, 1,020, and says nothing of the rest.
        # What comes on a connection comes in order, so the answer to a second subscription follows all of the first;
        # and where mosquitto drops what its socket doesn't take, it drops that answer too.
        self._client.subscribe(self._topics, qos=0)
        self._fence = self._client.subscribe(RELAY_STATUS, qos=0)[1]

    def _on_subscribe(self, packet: int) -> None:
        if packet == self._fence:
            self._fence_passed, self._last_retained = True, time.monotonic()

    def _on_disconnect(self, reason: ReasonCode) -> None:
        self._fence_passed = False
        if not self._trouble:  # else a refusal ended it, and that is said
            self._tell(f"{self._where} is gone: {reason}")

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if message.retain:
            self._last_retained = time.monotonic()
        if message.topic == RELAY_STATUS:
            self.relay = _state(bytes(message.payload))
            return
        till = message.topic.removeprefix(f"{self._broker.topic_root}/").removesuffix("/status")
        self._told.add(till)
        if not message.payload:  # somebody cleared it
            self._statuses.pop(till, None)
            return
        status = read_status(bytes(message.payload))
        before = self._statuses.get(till, Status())
        gone_at = None if message.retain else self.now()
        self._statuses[till] = status.after(before, gone_at) if status.is_gone else status

    def _tell(self, trouble: str) -> None:
        if not self._trouble:
            self._trouble_since = self.now()
        self._trouble = trouble

    # --- paho ---

    def _new_client(self) -> paho.Client:
        client = new_client(self._broker, f"till-fleet-{token_hex(4)}")
        client.on_connect = lambda _client, _data, _flags, reason, _more: self._hand_over(self._on_connect, reason)
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: self._hand_over(
            self._on_disconnect, reason
        )
        client.on_subscribe = lambda _client, _data, packet, _reasons, _more: self._hand_over(
            self._on_subscribe, packet
        )
        client.on_message = lambda _client, _data, message: self._hand_over(self._on_message, message)
        client.on_connect_fail = self._on_connect_fail
        return client

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        # paho names no reason, but calls this while it handles the exception.
        reason = sys.exc_info()[1]
        words = getattr(reason, "strerror", None) or reason
        self._hand_over(self._tell, f"no connection to {self._where}: {words}")

    def _hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        self._inbox.put((function, arguments))


def _state(payload: bytes) -> str:
    try:
        state = decode_state(payload)
    except BadMessage:
        return ""
    return state if state in ("online", "offline") else ""


# --- the values on the command line -----------------------------------------------------------------------------------


def _opening_hours(text: str) -> tuple[wall_time, wall_time]:
    try:
        first, last = (datetime.strptime(part.strip(), "%H:%M").time() for part in text.split("-"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no opening hours; write them like 08:00-22:00") from None
    return first, last


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # no such zone; no such name; the name of a folder
        raise argparse.ArgumentTypeError(f"no time zone is called {text!r}") from None


def _secret(text: str) -> str:
    try:
        secret = Path(text).read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be read: {error.strerror}") from None
    if not secret:
        raise argparse.ArgumentTypeError(f"{text} is empty; write the password into it")
    return secret
