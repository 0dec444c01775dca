"""What the page is shown: what the daemon says and the journal has, and nothing while the daemon is silent."""

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.core.lifecycle import Order, Stage
from edge.daemon.display import Display
from edge.daemon.local_status import SILENT_AFTER_S, STILL_HERE_EVERY_S, Handover, page_status, read_page_status
from edge.journal.store import Journal
from edge.page.window import MAX_ORDERS, Seen, Window, view
from tests.core.test_page import WANTED
from tests.page.test_asking import configured
from tests.support.desk import Desk
from tests.support.facts import PAID, REFERENCE


@pytest.fixture
def config(tmp_path) -> Config:
    return configured(tmp_path)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "journal.db"


def saved(path: Path, *orders: Order) -> None:
    desk = Desk()
    before = desk.till.durable
    for order in orders:
        desk.till = desk.till.put(order)
    with closing(Journal(path)) as journal:
        journal.save(before, desk.till.durable)


def test_what_the_daemon_shows_arrives_and_is_fresh(path):
    Handover(path).show_page({"state": "ready"})
    assert read_page_status(path)["state"] == "ready"
    assert page_status(path).stat().st_mode & 0o777 == 0o600


def test_what_the_daemon_showed_long_ago_or_before_a_restart_of_the_machine_says_nothing(path):
    for at in (time.monotonic() - SILENT_AFTER_S, time.monotonic() + 60, None, "now"):
        page_status(path).write_text(json.dumps({"state": "ready", "at": at}))
        assert read_page_status(path) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_a_status_that_can_not_be_read_says_nothing(path, content):
    page_status(path).write_text(content)
    assert read_page_status(path) == {}


def test_systemd_gives_the_status_a_folder_in_memory(path, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    Handover(path).show_page({"state": "ready"})
    assert [each.name for each in folder.iterdir()] == ["journal.page"]
    assert read_page_status(path)["state"] == "ready"


class Nobody:
    """Lights that don't blink, and a broker that takes everything."""

    def show(self, *_: object) -> None: ...

    def keep(self, _: bytes) -> None: ...


def test_a_till_where_nothing_happens_says_to_its_page_now_and_then_that_it_is_there(path):
    desk, nobody = Desk(), Nobody()
    written = {}
    for has_page in (True, False):
        display = Display(nobody, nobody, dict, Handover(path), has_page)
        page_status(path).unlink(missing_ok=True)
        display.show(desk.till, desk.now)
        before = page_status(path).stat().st_ino if has_page else None
        due_at = display.due_at(desk.till)
        assert due_at == (desk.now + STILL_HERE_EVERY_S if has_page else None)
        for later in (STILL_HERE_EVERY_S - 0.1, STILL_HERE_EVERY_S):
            display.show(desk.till, desk.now + later)
            written[has_page, later] = page_status(path).exists() and page_status(path).stat().st_ino != before
    assert list(written.values()) == [False, True, False, False]
    assert STILL_HERE_EVERY_S < SILENT_AFTER_S / 2


def test_a_silent_daemon_is_not_known_to_be_well(path, config):
    saved(path, Order(REFERENCE, Stage.WAITING))
    shown = view(Window(path).look(), config, "es")
    assert (shown["heard"], shown["light"], shown["order"], shown["today"]) == (False, "unknown", None, None)


def test_without_a_journal_there_is_nothing_to_show_and_none_is_made(path, config):
    assert view(Window(path).look(), config, "en")["orders"] == []
    assert not path.exists()


def test_what_is_paid_and_printed_is_what_the_journal_says(path, config):
    saved(path, Order("waits"), Order(REFERENCE, Stage.PAID, reading=PAID))
    window = Window(path)
    by_name = {order["reference"]: order for order in view(window.look(), config, "es")["orders"]}
    assert (by_name[REFERENCE]["stage"], by_name[REFERENCE]["copies"]) == ("paid", False)
    assert (by_name[REFERENCE]["total"], by_name["waits"]["total"]) == ("5350.5", None)
    saved(path, Order(REFERENCE, Stage.PRINTED, reading=PAID))
    by_name = {order["reference"]: order for order in view(window.look(), config, "es")["orders"]}
    assert (by_name[REFERENCE]["stage"], by_name[REFERENCE]["copies"]) == ("printed", True)


def test_only_the_last_orders_are_shown(path, config):
    saved(path, *(Order(f"sale-{number}", Stage.PRINTED, reading=PAID) for number in range(MAX_ORDERS + 10)))
    assert len(view(Window(path).look(), config, "es")["orders"]) == MAX_ORDERS


def test_a_journal_that_can_not_be_read_leaves_what_was_seen_of_it(path, config):
    saved(path, Order(REFERENCE, Stage.PRINTED, reading=PAID))
    window = Window(path)
    before = window.look().orders
    for name in ("journal.db", "journal.db-wal"):
        path.with_name(name).unlink(missing_ok=True)
    path.write_text("no database, but a text that is long enough to be taken for one" * 100)
    assert window.look().orders == before


def test_the_page_sees_that_something_changed(path):
    window = Window(path)
    before = window.stamp()
    Handover(path).show_page({"state": "ready"})
    assert window.stamp() != before


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_what_is_wrong_is_told_in_the_words_of_the_slips(config, language):
    status = {
        "state": "attention",
        "failures": ["no_internet", "one_of_a_later_version"],
        "notices": [
            {"concern": "double_payment", "reference": REFERENCE, "reason": ""},
            {"concern": "rejected", "reference": "", "reason": "not_covered"},
            {"concern": "two_devices_with_this_identity", "reference": "", "reason": ""},
        ],
    }
    wrong = view(Seen(status), config, language)["wrong"]
    titles = {"es": "SIN INTERNET", "pt": "SEM INTERNET", "en": "NO INTERNET"}
    assert wrong[0]["title"] == titles[language]
    assert len(wrong[0]["check"]) >= 2
    assert wrong[1] == {"title": "one_of_a_later_version", "lines": [], "check": [], "reference": ""}
    assert (wrong[2]["reference"], len(wrong)) == (REFERENCE, 5)


@pytest.mark.parametrize("state", ["paid", "cancelled"])
def test_what_became_of_the_last_order_is_not_said_beside_the_next_one(config, state):
    """The box's light shows it for three seconds, in which a page may put the next order on the till."""
    assert view(Seen({"state": state, "loaded": None}), config, "es")["light"] == state
    assert view(Seen({"state": state, "loaded": REFERENCE}), config, "es")["light"] == "waiting"


@pytest.mark.parametrize("stage", Stage)
def test_what_the_journal_says_of_the_order_on_the_till_is_newer_than_what_the_daemon_told(config, stage):
    order = Order(REFERENCE, stage, reading=None if stage in (Stage.WAITING, Stage.CANCELLING) else PAID)
    shown = view(Seen({"state": "waiting", "loaded": REFERENCE}, (order,)), config, "es")["order"]
    assert (shown is not None) == (stage in (Stage.WAITING, Stage.CANCELLING))
    assert shown is None or shown["cancelling"] == (stage is Stage.CANCELLING)


def test_all_that_the_daemon_can_show_can_be_sent(path, config):
    from edge.core import events
    from edge.core.status import page, status

    desk = Desk().hear(events.OrderAsked(WANTED), events.PairingAsked("123456")).settle()
    Handover(path).show_page({**status(desk.till, desk.now), **page(desk.till)})
    shown = view(Window(path).look(), config, "es")
    json.dumps(shown)
    assert shown["order"] == {"reference": REFERENCE, "total": "5350.5", "cancelling": False}
    assert shown["pairing"] == "asked"
    assert "123456" not in page_status(path).read_text()
    assert replace(WANTED).reference in shown["placings"]
