"""Draws docs/fleet.svg: twelve tills in the usual states of a shop, as `till-relay fleet` shows them."""

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from edge.contract.mqtt import encode
from relay.fleet.facts import Record, Status, decode_record, decode_status
from relay.fleet.rows import rows_of
from relay.fleet.table import picture

NOW = datetime(2026, 11, 24, 22, 4, 5, tzinfo=UTC)
PAGE = Path(__file__).parent.parent / "docs" / "fleet.svg"
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas"
DULL = ["#45475a", "#ff6b74", "#98d982", "#f2cf66", "#89b4fa", "#cba6f7", "#89dceb", "#cdd6f4"]
THEME = TerminalTheme((24, 24, 37), (205, 214, 244), [tuple(bytes.fromhex(color[1:])) for color in DULL])


def till(state: str, minutes: float, ticket: float | None = None, **facts: object) -> Status:
    """The status of a till that has been in `state` for so many minutes; `ticket` is the age of its last one."""
    before = {"state": state, "since": ago(minutes), "printer": "ready", "version": "0.3.0", "ready_to_sell": True}
    last = ticket if ticket is None else {"at": ago(ticket), "outcome": "printed"}
    return decode_status(encode({"v": 1, **before, "last_ticket": last, **facts}))


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


def gone(minutes: float, ticket: float) -> Status:
    return Status("offline").after(till("ready", 600, ticket), NOW - timedelta(minutes=minutes))


def checked(days: float, *failed: str) -> Record:
    """The record of a check so many days ago; `failed` are the parts that failed."""
    checks = [{"part": part, "grade": "failed"} for part in failed]
    return decode_record(encode({"v": 1, "at": ago(days * 1440), "well": not failed, "checks": checks}))


STATUSES = {
    "CENTRO-01": till("ready", 31, 0.7),
    "CENTRO-02": till("waiting", 0.4, 3),
    "CENTRO-03": till("printer", 6, 6.2, printer="no_paper", ready_to_sell=False),
    "CENTRO-04": till("ready", 12, 9, printer="low"),
    "NORTE-01": gone(4.3, 5),
    "NORTE-02": till("polling", 2, 2.4, relay="offline"),
    "NORTE-03": till("attention", 11, 14, problems=["late_money: N3-20261124-0087"]),
    "PUERTO-01": till("ready", 185, 1.2),
    "PUERTO-02": till("unreachable", 1.5, 22, api="network", api_error="no route to host", ready_to_sell=False),
    "PUERTO-03": till("paid", 0.03, 0.03),
    "SUR-01": till("starting", 0.9, api="clock", api_error="it shows 1970-01-01", version="0.2.4", ready_to_sell=False),
    "SUR-02": till("ready", 1710, 17, printer="unknown"),
}
RECORDS = {till: checked(41 + number) for number, till in enumerate(STATUSES)} | {"PUERTO-01": checked(3.2, "lights")}
del RECORDS["SUR-02"]


def main() -> None:
    console = Console(record=True, width=118, height=20, file=io.StringIO(), force_terminal=True)
    note = Text.assemble("relay ", ("online", "green"), (" · 19:04:05", "dim"))
    console.print(picture(rows_of(STATUSES, RECORDS, shop_is_open=True), NOW, [note], console, height=20), Text())
    PAGE.write_text(without_web_fonts(console.export_svg(title="till-relay fleet", theme=THEME)))


def without_web_fonts(svg: str) -> str:
    """A picture in our pages must fetch nothing from elsewhere."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)


if __name__ == "__main__":
    main()
