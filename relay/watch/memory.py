"""The ledger's file: whole or not at all, so that a kill or a power cut leaves what was written last.

A file that can't be read is no reason to be silent: the watch then says in its log that it begins anew.
"""

import json
import logging
from datetime import date, datetime
from pathlib import Path
from typing import Any

from edge.machine.files import write_whole
from relay.watch.alerts import Alert, Channel, Ledger
from relay.watch.signs import Cause, Sign

log = logging.getLogger(__name__)

VERSION = 1


class Memory:
    """The file of one watch."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Ledger:
        """Return what is remembered; an empty ledger if nothing is, or if it can't be read."""
        try:
            return _ledger(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Ledger()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s can't be read (%r): what was told before may be told again", self._path, error)
            return Ledger()

    def save(self, ledger: Ledger) -> None:
        """Write it, and return when it is on the disk. Raises `OSError`."""
        write_whole(self._path, json.dumps(_facts(ledger), indent=1).encode(), 0o600)


def _facts(ledger: Ledger) -> dict[str, Any]:
    return {
        "v": VERSION,
        "alerts": [
            {
                **_named(sign),
                "detail": alert.detail,
                "since": alert.since.isoformat(),
                "gone_since": _text(alert.gone_since),
            }
            for sign, alert in sorted(ledger.alerts.items())
        ],
        "channels": {
            name: {
                "told": [_named(sign) for sign in sorted(channel.told)],
                "digest": _text(channel.digest),
                "is_sending": channel.is_sending,
            }
            for name, channel in ledger.channels.items()
        },
    }


def _ledger(facts: dict[str, Any]) -> Ledger:
    if facts["v"] != VERSION:
        raise ValueError(f"v is {facts['v']}; this till-relay reads {VERSION}")
    alerts = [
        Alert(_sign(each), each["detail"], _moment(each["since"]), each["gone_since"] and _moment(each["gone_since"]))
        for each in facts["alerts"]
    ]
    channels = {
        name: Channel(
            frozenset(_sign(sign) for sign in each["told"]),
            each["digest"] and date.fromisoformat(each["digest"]),
            each["is_sending"],
        )
        for name, each in facts["channels"].items()
    }
    return Ledger({alert.sign: alert for alert in alerts}, channels)


def _named(sign: Sign) -> dict[str, str]:
    return {"subject": sign.subject, "cause": sign.cause.value, "about": sign.about}


def _sign(facts: dict[str, str]) -> Sign:
    return Sign(facts["subject"], Cause(facts["cause"]), facts["about"])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def _text(moment: date | None) -> str | None:
    return None if moment is None else moment.isoformat()
