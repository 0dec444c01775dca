"""What the page shows, made of what the daemon says of itself and of the journal; never of what the page asked for.

A daemon that is silent is not known to be well: then nothing is said of the till but that. What is paid, and whether
its ticket is out, is what the journal says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.config.schema import Config
from edge.core.duties import Cause
from edge.core.lifecycle import Order, Stage
from edge.core.notices import Concern
from edge.core.order import NEVER
from edge.core.status import Signal
from edge.daemon.local_status import page_status, read_page_status
from edge.journal.file import BrokenJournalError, JournalError
from edge.journal.store import Journal
from edge.page.money import money_of
from edge.paper.concern_words import CONCERN_WORDS, REASON_WORDS
from edge.paper.failure_words import FAILURE_WORDS, Failure

MAX_ORDERS = 30
"""The last ones, of which the page shows those that are paid."""
HAS_TICKET = (Stage.PRINTED, Stage.UNCONFIRMED)
OF_THE_LAST_ORDER = (Signal.PAID, Signal.CANCELLED)
Stamp = tuple[tuple[int, int, int], ...]
"""When which file was last changed."""


@dataclass(frozen=True)
class Seen:
    """What there is to show. Made by `Window.look`; read by `view`, once for each language."""

    status: Mapping[str, Any]
    """Of the daemon; empty while it is silent."""
    orders: tuple[Order, ...] = ()
    """The newest first."""


class Window:
    """The page's look into the till. Used by one thread at a time."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._stamp: Stamp | None = None
        self._orders: tuple[Order, ...] = ()

    def look(self) -> Seen:
        """What there is now. The journal is opened only after it has changed."""
        stamp = _stamp(self._journal, self._journal.with_name(self._journal.name + "-wal"))
        if stamp != self._stamp:
            self._orders, self._stamp = self._read_orders(), stamp
        return Seen(read_page_status(self._journal), self._orders)

    def stamp(self) -> Stamp:
        """Changes whenever something may have changed."""
        beside = self._journal.with_name(self._journal.name + "-wal")
        return _stamp(self._journal, beside, page_status(self._journal))

    def _read_orders(self) -> tuple[Order, ...]:
        """The last orders; as before, while the journal can't be read."""
        if not self._journal.exists():
            return ()
        try:
            journal = Journal(self._journal, read_only=True)
        except (JournalError, BrokenJournalError):
            return self._orders
        try:
            return tuple(journal.latest_orders(MAX_ORDERS))
        except (JournalError, BrokenJournalError):
            return self._orders
        finally:
            journal.close()


def _stamp(*files: Path) -> Stamp:
    return tuple(_stamp_of(file) for file in files)


def _stamp_of(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


# --- as it is sent to the page --------------------------------------------------------------------------------------


def view(seen: Seen, config: Config, language: str) -> dict[str, Any]:
    """What the page shows of this, in its language."""
    status = seen.status
    return {
        "heard": bool(status),
        "light": _light(status),
        "printer": status.get("printer", "unknown"),
        "order": _on_till(seen),
        "placings": status.get("placings", {}),
        "pairing": status.get("pairing"),
        "orders": [_order(order) for order in seen.orders],
        "today": status.get("today"),
        "listed": status.get("listed", 0),
        "wrong": list(_wrong(status, language)),
        "support": config.till.support or FAILURE_WORDS[language].installer,
        "money": money_of(config, seen.orders),
    }


def _light(status: Mapping[str, Any]) -> str:
    """The box's light; but what happened a moment ago to one order is not said beside the next one."""
    state = str(status.get("state", "unknown"))
    return Signal.WAITING.value if state in OF_THE_LAST_ORDER and status.get("loaded") else state


def _on_till(seen: Seen) -> dict[str, Any] | None:
    """The order that is on the till, as the daemon told last; what the journal says of it is newer."""
    reference = seen.status.get("loaded")
    stage = next((order.stage for order in seen.orders if order.reference == reference), Stage.WAITING)
    if not reference or stage not in (Stage.WAITING, Stage.CANCELLING):
        return None
    return {
        "reference": reference,
        "total": seen.status.get("total"),
        "cancelling": stage is Stage.CANCELLING or bool(seen.status.get("cancelling")),
    }


def _order(order: Order) -> dict[str, Any]:
    reading = order.reading
    return {
        "reference": order.reference,
        "stage": order.stage.value,
        "total": str(reading.total) if reading else None,
        "paid_at": _iso(reading.paid_at) if reading else None,
        "operations": [payment.id for payment in reading.approved] if reading else [],
        "marks": [banner.value for banner in order.banners],
        "copies": reading is not None and order.stage in HAS_TICKET,
    }


def _iso(moment: datetime) -> str | None:
    return None if moment == NEVER else moment.isoformat(timespec="seconds")


def _wrong(status: Mapping[str, Any], language: str) -> Iterator[dict[str, Any]]:
    """What fails, and what a person must look at, in the words of the slips; an unknown name is shown as it is."""
    causes, concerns = FAILURE_WORDS[language].causes, CONCERN_WORDS
    for name in status.get("failures", ()):
        words = causes[Cause(name)] if name in list(Cause) and Cause(name) in causes else None
        yield _told(name, words)
    for notice in status.get("notices", ()):
        name, reason = notice["concern"], REASON_WORDS.get(notice["reason"])
        known = name in list(Concern) and Concern(name) in concerns
        words = concerns[Concern(name)][language] if known else None
        yield _told(name, words, notice["reference"], reason[language] if reason else "")


def _told(name: str, words: Failure | None, reference: str = "", reason: str = "") -> dict[str, Any]:
    if words is None:
        return {"title": name, "lines": [reason] if reason else [], "check": [], "reference": reference}
    lines = [*words.notice.advice, *([reason] if reason else []), *words.meaning]
    return {"title": words.notice.title, "lines": lines, "check": list(words.check), "reference": reference}
