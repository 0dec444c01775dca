"""Draws docs/dashboard.svg: the dashboard's panels, from what its queries answer in a real Prometheus.

A soak of 600 sales at one till, in which something fails every few seconds, with the relay and the watch that ship, and
eleven tills that only say how they are. Fails if a query has no answer. A drawing of the results, not a Grafana.
"""

import contextlib
import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import requests

from qa.soak import Soak, by_sale, described, opened
from sim.shop import Shop
from tests.support.prometheus import MONITORING, Prometheus
from tests.support.receivers import MailServer, Webhook
from tests.support.relays import PATIENCE, wait_until
from tests.support.watched import READY, STATUSES, Fleet

PAGE = Path(__file__).parent.parent / "docs" / "dashboard.svg"
SALES = 600
SEED = 1
SECONDS = 120
"""As far back as the panels show."""
TILLS = [f"CAJA{number:02}" for number in range(2, 13)]
"""CAJA01 is the one that sells."""
CELL_W, CELL_H, GAP = 50, 28, 6
COLOURS = ("#3f8f4f", "#c9a227", "#3b6fb6", "#c4453b", "#8458a8", "#4aa3a3", "#d07a2d", "#777777")
UNITS = {
    "decbytes": (1e9, " GB"),
    "percentunit": (0.01, " %"),
    "s": (0.001, " ms"),
    "reqps": (1.0, " /s"),
    "h": (1.0, " h"),
}
MAX_ROWS = 7


# --- two minutes of a fleet -------------------------------------------------------------------------------------------


def live(fleet: Fleet, over: threading.Event) -> None:
    """Tills that say how they are: one that goes dark, one without paper, one that is behind."""
    second = 0
    while not over.wait(0.8):
        second += 1
        for number, till in enumerate(TILLS, 1):
            # The broker is restarted now and then: what can't be said now is said the next time.
            with contextlib.suppress(RuntimeError, ValueError):
                if (second + number) % 4 == 0:
                    fleet.till(status(number, second), till)


def status(number: int, second: int) -> dict[str, Any]:
    """How one till is in this second."""
    facts: dict[str, Any] = READY | {
        "disk_free_mb": 3000 + 700 * number, "round_trip_ms": 30 + 7 * number + second % 5,
        "clock_offset_seconds": number % 3, "owed_tickets": 0,
        "today": {"printed": second * (number + 2) // 9, "copies": second // 40, "rejected": number % 2},
        "last_ticket": {"at": datetime.now(UTC).isoformat(), "external_reference": "x", "outcome": "printed"},
        "state": ("ready", "waiting", "working", "paid")[(second // 4 + number) % 4],
    }  # fmt: skip
    if number == 3 and second > 40:
        return facts | {"state": "printer", "printer": "no_paper", "ready_to_sell": False, "owed_tickets": second // 30}
    if number == 5 and second > 70:
        return dict(STATUSES["dark"][0])
    return facts | ({"version": "0.0.9"} if number == 8 else {})


# --- what the queries answer ------------------------------------------------------------------------------------------


def ranges(prometheus: Prometheus, expression: str) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    """The series of a query over the last minutes."""
    now = time.time()
    asked = {"query": expression, "start": str(now - SECONDS), "end": str(now), "step": "2"}
    answer = requests.get(f"{prometheus.url}/api/v1/query_range", asked, timeout=PATIENCE).json()
    found = [(each["metric"], [(at - now + SECONDS, float(value)) for at, value in each["values"]])
             for each in answer["data"]["result"]]  # fmt: skip
    return [(labels, [point for point in points if point[1] == point[1]]) for labels, points in found]


def named(legend: str, labels: dict[str, str]) -> str:
    """A legend with its labels, as Grafana writes it."""
    for key, value in labels.items():
        legend = legend.replace(f"{{{{{key}}}}}", value)
    return legend


# --- the drawing ------------------------------------------------------------------------------------------------------


def picture(prometheus: Prometheus) -> str:
    """All panels in their places."""
    panels = json.loads((MONITORING / "till-relay.dashboard.json").read_text())["panels"]
    height = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in panels) * CELL_H
    parts = [text for each in panels for text in drawn(each, prometheus)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * CELL_W} {height}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="#f4f5f5"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def drawn(panel: dict[str, Any], prometheus: Prometheus) -> Iterator[str]:
    """One panel."""
    place = panel["gridPos"]
    x, y = place["x"] * CELL_W + GAP / 2, place["y"] * CELL_H + GAP / 2
    w, h = place["w"] * CELL_W - GAP, place["h"] * CELL_H - GAP
    yield f'<g transform="translate({x},{y})"><rect width="{w}" height="{h}" fill="#fff" stroke="#d5d8da"/>'
    yield f'<text x="8" y="18" font-weight="bold">{escape(panel["title"])}</text>'
    yield from {"stat": stat, "table": table, "timeseries": lines}[panel["type"]](panel, prometheus, w, h)
    yield "</g>"


def stat(panel: dict[str, Any], prometheus: Prometheus, w: float, h: float) -> Iterator[str]:
    value = float(prometheus.query(panel["targets"][0]["expr"])[0]["value"][1])
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    fill = {"green": "#3f8f4f", "red": "#c4453b"}[colour]
    yield f'<text x="{w / 2}" y="{h / 2 + 24}" font-size="40" text-anchor="middle" fill="{fill}">{value:g}</text>'


def table(panel: dict[str, Any], prometheus: Prometheus, w: float, _h: float) -> Iterator[str]:
    hidden = panel["transformations"][0]["options"]["excludeByName"]
    rows = [each["metric"] for each in prometheus.query(panel["targets"][0]["expr"])]
    columns = [key for key in (sorted(rows[0]) if rows else ()) if key not in hidden]
    for number, row in enumerate([dict(zip(columns, columns, strict=True)), *rows[:MAX_ROWS]]):
        for column, key in enumerate(columns):
            weight = "bold" if number == 0 else "normal"
            at = f'x="{12 + column * w / len(columns)}" y="{44 + number * 20}"'
            yield f'<text {at} font-weight="{weight}">{escape(row.get(key, ""))}</text>'
    if len(rows) > MAX_ROWS:
        yield f'<text x="12" y="{44 + (MAX_ROWS + 1) * 20}" fill="#777">and {len(rows) - MAX_ROWS} more</text>'


def scaled(unit: str, top: float) -> tuple[float, str]:
    """What a panel's values are divided by, and what stands behind them."""
    if unit == "s" and top >= 1.0:
        return (86400.0, " d") if top >= 86400.0 else (1.0, " s")
    return UNITS.get(unit, (1.0, ""))


def lines(panel: dict[str, Any], prometheus: Prometheus, w: float, h: float) -> Iterator[str]:
    found = [(named(target["legendFormat"], labels), points) for target in panel["targets"]
             for labels, points in ranges(prometheus, target["expr"]) if points]  # fmt: skip
    top = max((value for _, points in found for _, value in points), default=1.0) or 1.0
    factor, unit = scaled(panel["fieldConfig"]["defaults"].get("unit", ""), top)
    left, wide, high = 58.0, w - 70.0, h - 70.0
    for share in (0.0, 0.5, 1.0):
        level = 28 + high * (1 - share)
        yield f'<line x1="{left}" x2="{left + wide}" y1="{level}" y2="{level}" stroke="#e3e5e6"/>'
        scale = f"{top * share / factor:.3g}{unit}"
        yield f'<text x="{left - 4}" y="{level + 4}" text-anchor="end" font-size="10">{scale}</text>'
    for number, (_, points) in enumerate(found):
        way = " ".join(f"{left + wide * at / SECONDS:.1f},{28 + high * (1 - value / top):.1f}" for at, value in points)
        yield f'<polyline points="{way}" fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.6"/>'
    along = left
    for number, (name, _) in enumerate(found[:8]):
        yield f'<text x="{along:.0f}" y="{h - 14}" font-size="11" fill="{COLOURS[number]}">{escape(name)}</text>'
        along += 12 + 5.8 * len(name)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, MailServer() as mail, Webhook() as hook:
        folder = Path(name)
        for part in ("watch", "prometheus"):
            (folder / part).mkdir()
        with opened() as shop:
            fleet = Fleet(folder / "watch", shop.broker, mail, hook)
            fleet.watch.start()
            prometheus = Prometheus(folder / "prometheus", shop.relay, fleet)
            try:
                wait_until(prometheus.is_ready, "Prometheus is ready")
                print(sold(shop, fleet))
                wait_until(
                    lambda: bool(prometheus.query("till_relay_online == 1")), "the relay is back after the last fault"
                )
                complain_of_silence(prometheus)
                PAGE.write_text(picture(prometheus))
            finally:
                prometheus.close()
                fleet.close()
    print(PAGE)


def sold(shop: Shop, fleet: Fleet) -> str:
    """The soak; returns what came of it."""
    soak, over, began = Soak(shop, SALES, random.Random(SEED)), threading.Event(), time.monotonic()
    others = threading.Thread(target=live, args=(fleet, over))
    others.start()
    try:
        soak.run()
    finally:
        over.set()
        others.join()
    papers = by_sale(shop.printer.tickets)
    seen = Counter(described(papers[reference]) for reference in soak.sold)
    faults = sum(soak.faults.values())
    return f"{len(soak.sold)} sales in {time.monotonic() - began:.0f} s, {faults} faults; {dict(seen)}"


def complain_of_silence(prometheus: Prometheus) -> None:
    """Each query must have had an answer in these minutes."""
    panels = json.loads((MONITORING / "till-relay.dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    silent = [each for each in asked if not any(points for _, points in ranges(prometheus, each))]
    print(f"{len(asked) - len(silent)} of {len(asked)} queries answered")
    assert not silent, silent


if __name__ == "__main__":
    assert shutil.which("prometheus"), "apt install prometheus"
    main()
