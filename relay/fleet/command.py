"""`till-relay fleet`: all tills in one live table, the most urgent first; `--json` prints the same for machines.

It reads what the broker retains, and else listens. On a terminal the table is live until Ctrl-C, and the loss of the
broker is reported above it. In a pipe, and as JSON, the whole table is printed once, or the command fails and says why.
"""

import argparse
import json
import signal
import sys
from dataclasses import replace
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live

from edge.contract.mqtt import REPEAT_EVERY_S
from relay.config import Broker, Config, OpeningHours
from relay.fleet.rows import Hours, Row, checks_of, counts_of
from relay.fleet.table import picture
from relay.fleet.watcher import LISTENED_S, FleetError, Watcher

DONE, FAILED, USAGE = 0, 1, 2
PIPE_WIDTH = 1000
"""Characters: in a pipe each till is one whole line."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `till-relay fleet`."""
    parser.add_argument("--json", action="store_true", help="print everything as one JSON document, and end")
    parser.add_argument(
        "--open", type=_opening_hours, metavar="08:00-22:00", help="opening hours; a till that is dark then is marked"
    )
    parser.add_argument("--timezone", type=_timezone, metavar="ZONE", help="of --open; default: fleet.timezone")
    parser.add_argument(
        "--seconds", type=float, default=LISTENED_S,
        help="to listen, in a pipe, where the broker keeps nothing for us; default: %(default)g, all that live: 300",
    )  # fmt: skip
    parser.add_argument("--username", default="", help="the broker's user, instead of the relay's own")
    parser.add_argument("--password-file", dest="password", type=_secret, metavar="FILE", help="of --username")


def run(config: Config, options: argparse.Namespace) -> int:
    """Show the tills and return the exit code."""
    if options.password and not options.username:
        print("till-relay fleet: --password-file is for --username; give both or neither", file=sys.stderr)
        return USAGE
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for terminals that lack our characters
    live = sys.stdout.isatty() and not Console().is_dumb_terminal and not options.json
    watcher = Watcher(_broker(config.broker, options), _hours(config, options))
    watcher.start()
    try:
        return _show_live(watcher) if live else _print_once(watcher, options)
    except FleetError as error:
        print(f"till-relay fleet: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return DONE if live else FAILED
    finally:
        watcher.stop()


def _broker(broker: Broker, options: argparse.Namespace) -> Broker:
    return replace(broker, username=options.username, password=options.password) if options.username else broker


def _hours(config: Config, options: argparse.Namespace) -> Hours | None:
    zone: ZoneInfo | None = options.timezone or (config.fleet.timezone if config.fleet else None)
    hours: OpeningHours | None = options.open or (config.fleet.open if config.fleet else None)
    return Hours(hours.open_from, hours.open_until, zone) if hours else None


# --- output -----------------------------------------------------------------------------------------------------------


def _show_live(watcher: Watcher) -> int:
    """Draw the table every second, until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            height = live.console.size.height
            drawn = picture(watcher.rows(), watcher.now(), [watcher.headline()], live.console, height)
            live.update(drawn, refresh=True)
            watcher.listen(1.0)


def _print_once(watcher: Watcher, options: argparse.Namespace) -> int:
    """Print the whole table once; it has failed if that may not be all. Raises `FleetError`."""
    watcher.wait_for_all()
    gap = watcher.listen_instead(options.seconds)
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    if options.json:
        console.out(json.dumps({**_document(watcher), "complete": not gap}, indent=2), highlight=False)
    else:
        console.print(picture(watcher.rows(), watcher.now(), [watcher.headline()], console, height=sys.maxsize))
    if gap:
        print(f"till-relay fleet: {gap}; to hear them all: --seconds {REPEAT_EVERY_S:g}", file=sys.stderr)
    return FAILED if gap else DONE


def _document(watcher: Watcher) -> dict[str, Any]:
    rows = watcher.rows()
    return {
        "v": 1,
        "at": watcher.now().isoformat(timespec="seconds"),
        "relay": watcher.relay or None,
        "counts": counts_of(rows),
        "checks": checks_of(rows),
        "tills": [_facts(row) for row in rows],
    }


def _facts(row: Row) -> dict[str, Any]:
    ours = {
        "till": row.till,
        "help": row.help.value,
        "check": row.check.value,
        "wrong": row.wrong,
        "behind": row.is_behind,
    }
    return {**ours, "status": row.status.facts or None, "commissioning": row.record.facts or None}


# --- the values on the command line -----------------------------------------------------------------------------------


def _opening_hours(text: str) -> OpeningHours:
    try:
        return OpeningHours(*(datetime.strptime(part.strip(), "%H:%M").time() for part in text.split("-")))
    except (TypeError, ValueError):  # more or fewer than two; no time of day
        raise argparse.ArgumentTypeError(f"{text!r} are no opening hours; write them like 08:00-22:00") from None


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
