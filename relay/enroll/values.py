"""The values of a till as people write them, on the command line and in a table: each is read here, or refused."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.contract.mqtt import NUMERIC_ID, is_till_id
from relay.enroll.bundle import LANGUAGES, PRINTER_KEYS

EXTERNAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
HEADER_SEPARATOR = "|"


def till_id(text: str) -> str:
    """Read a till's id. As all functions here, raises `argparse.ArgumentTypeError` with what to write instead."""
    if not is_till_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no till id: 1 to 64 of A-Z a-z 0-9 _ -")
    return text


def user_id(text: str) -> str:
    """Read the number of an account."""
    if not NUMERIC_ID.fullmatch(text) or text.startswith("0"):
        raise argparse.ArgumentTypeError(f"{text!r} is no account: a number, as in 700100200")
    return text


def external_id(text: str) -> str:
    """Read the integrator's id of a store, or of a point of sale."""
    if not EXTERNAL_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no external_id: 1 to 60 of A-Z a-z 0-9 _ . -")
    return text


def timezone(text: str) -> str:
    """Read the name of a time zone."""
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"no time zone is called {text!r}") from None


def language(text: str) -> str:
    """Read the language of the tickets."""
    if text not in LANGUAGES:
        raise argparse.ArgumentTypeError(f"{text!r} is no language of a till; choose {', '.join(LANGUAGES)}")
    return text


def line(text: str) -> str:
    """Read a line of letters."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("must be one line of letters")
    return text


def header(text: str) -> tuple[str, ...]:
    """Read the lines at the top of a ticket, with | between them."""
    return tuple(line(part.strip()) for part in text.split(HEADER_SEPARATOR))


def printer(text: str) -> tuple[str, ...]:
    """Read how a printer is connected: `usb`, `network 192.0.2.7 9100`, `serial /dev/serial0 38400`, `file DEVICE`."""
    words = tuple(text.split())
    keys = PRINTER_KEYS.get(words[0]) if words else None
    if keys is None or len(words) > 1 + len(keys) or (keys and len(words) == 1):
        example = "usb, network 192.0.2.7, network 192.0.2.7 9100, serial /dev/serial0 38400, file /dev/usb/lp0"
        raise argparse.ArgumentTypeError(f"{text!r} is no printer's connection; write one like {example}")
    return words


READERS: dict[str, Callable[[str], object]] = {
    "till": till_id,
    "name": line,
    "language": language,
    "timezone": timezone,
    "user_id": user_id,
    "store": external_id,
    "pos": external_id,
    "support": line,
    "header": header,
    "printer": printer,
    "token_file": Path,
}
"""How each value of a `bundle.Wanted` is read."""
