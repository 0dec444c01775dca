"""The demo's page in a browser: clicked, typed and looked at. What came out is read from the page and the paper."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sim.shop import wait_for
from sim.world.faults import FAULTS
from sim.world.scenarios import SATURDAYS_SALES, SCENARIOS, Play, tidy
from sim.world.stage import Stage
from tests.support.browsers import SERIOUS, needs_chromium
from tests.support.demo import opened, served

pytest.importorskip("playwright.sync_api", reason="there is no Playwright for this machine")
from axe_playwright_python.sync_playwright import Axe

pytestmark = [pytest.mark.slow, needs_chromium]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SCENARIO_MS = 60_000


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("shop")) as stage:
        yield stage


@pytest.fixture(scope="module")
def url(stage) -> Iterator[str]:
    with served(stage) as url:
        yield url


Open = Callable[..., Any]


@pytest.fixture
def open_demo(browser, url) -> Iterator[Open]:
    """Opens the demo in a new window, and waits until the till in it is ready; the console stays empty."""
    complaints: list[str] = []
    windows = []

    def open_demo(language: str = "es", size: dict[str, int] = DESKTOP, **more: Any) -> Any:
        window = browser.new_context(viewport=size, **more)
        windows.append(window)
        tab = window.new_page()
        tab.set_default_timeout(20_000)
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(f"{url}/?language={language}")
        till(tab).locator("#sale:visible, #order:visible").wait_for()
        till(tab).locator('#light:not([data-light="unknown"])').wait_for()
        return tab

    yield open_demo
    for window in windows:
        window.close()
    assert [each for each in complaints if "502" not in each and "net::ERR" not in each] == []


@pytest.fixture(autouse=True)
def mended(request) -> Iterator[None]:
    yield
    if "stage" in request.fixturenames:
        tidy(Play(request.getfixturevalue("stage").world, "guide"))


def till(tab: Any) -> Any:
    """The till's page, in its frame."""
    return tab.frame_locator("#till")


def text(tab: Any, selector: str) -> str:
    return tab.inner_text(selector).replace("\u00a0", " ")


def counters(tab: Any) -> dict[str, int]:
    return {name: int(text(tab, f"#count-{name}")) for name in ("paid", "tickets", "copies", "waiting")}


def papers(tab: Any) -> list[str]:
    """What is printed on each paper that has come out, as the page has it for whoever can't see it."""
    tab.wait_for_timeout(300)
    return tab.locator("#paper .sheet.ended figcaption").all_text_contents()


def charge(tab: Any, amount: str = "5350") -> None:
    if till(tab).locator("#next").is_visible():
        till(tab).locator("#next").click()
    for sign in amount:
        till(tab).locator(f'#keypad button:text-is("{sign}")').click()
    till(tab).locator("#put").click()
    till(tab).locator('#order[data-mode="on_till"]').wait_for()


def wait_for_meaning(tab: Any, *meanings: str) -> None:
    tab.wait_for_selector(", ".join(f'#meaning[data-meaning="{each}"]' for each in meanings))


def play(tab: Any, name: str) -> None:
    tab.click(f"#scenario-{name}")
    tab.wait_for_selector(f'#playing[data-name="{name}"]:not([data-result=""])', timeout=SCENARIO_MS)


# --- scenarios -------------------------------------------------------------------------------------------------------

GAINS = {
    "guide": (1, 0),
    "double_scan": (1, 0),
    "cancel_against_payment": (1, 0),
    "power_cut": (1, 1),
    "saturday": (SATURDAYS_SALES, 0),
    "forged": (1, 0),
}
"""Scenario -> orders paid, copies."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_by_one_click(stage, open_demo, name):
    tab = open_demo()
    before, first = counters(tab), len(stage.shop.printer.tickets)
    play(tab, name)
    paid, copies = GAINS[name]
    ended = tab.get_attribute("#playing", "data-result"), "Cumplido" in text(tab, "#result")
    assert ended == ("done", True), text(tab, "#playing")
    assert set(tab.eval_on_selector_all("#steps li", "all => all.map(each => each.dataset.state)")) == {"done"}
    after = counters(tab)
    assert {key: after[key] - before[key] for key in after} == {
        "paid": paid,
        "tickets": paid,
        "copies": copies,
        "waiting": 0,
    }
    out = stage.shop.printer.tickets[first:]
    assert sum(ticket.complete and "Pagado con Mercado Pago QR" in ticket.text for ticket in out) == paid
    assert [each for each in out if "COPIA" in each.text] == [each for each in out if each.complete][:copies]
    shown = papers(tab)[-len(out) :]
    assert [each.removeprefix("cortado a mano: ") for each in shown] == [ticket.text for ticket in out]


def test_the_numbers_of_the_guide_stand_beside_what_passed(stage, open_demo):
    tab = open_demo()
    tab.evaluate("document.getElementById('messages').replaceChildren()")
    play(tab, "guide")
    numbers = tab.locator("#messages li:visible .badge").all_text_contents()
    assert [number for number in ("1b", "2", "5b", "5c", "6a", "6b", "7") if number not in numbers] == []
    assert "5b" not in tab.locator('#messages li[data-kind="webhook"]').first.inner_text()  # that one tells of the scan


def test_after_a_power_cut_half_a_ticket_lies_there_and_a_whole_one(stage, open_demo):
    tab = open_demo()
    play(tab, "power_cut")
    half, whole = papers(tab)[-2:]
    assert half.startswith("cortado a mano: ")
    assert ("COPIA" in half, "COPIA" in whole) == (False, True)
    assert len(half) < len(whole)


# --- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "meaning", "title"),
    [
        ("es", "Pagado; salió el ticket", "PAGADO"),
        ("pt", "Pago; o ticket saiu", "PAGO"),
        ("en", "Paid; the ticket is out", "PAID"),
    ],
)
def test_a_sale_by_clicking_in_each_language(stage, open_demo, language, meaning, title):
    tab = open_demo(language)
    before = counters(tab)
    charge(tab)
    wait_for_meaning(tab, "waiting")
    tab.click("#deed-scan")
    tab.wait_for_selector("#deed-pay")
    assert "5.350,00" in text(tab, "#phone-total")
    tab.click("#deed-pay_rejected")
    tab.wait_for_selector('#phone[data-stage="rejected"]')
    assert counters(tab) == before
    tab.click("#deed-pay_other_wallet")
    tab.wait_for_selector('#phone[data-stage="approved"]')
    till(tab).locator('#order[data-mode="printed"]').wait_for()
    wait_for_meaning(tab, "paid")
    assert (text(tab, "#meaning"), till(tab).locator("#order-title").inner_text()) == (meaning, title)
    tab.wait_for_selector(f'#count-tickets:text-is("{before["tickets"] + 1}")')
    operation = text(tab, "#phone-text").split()[-1]
    assert operation in papers(tab)[-1]


def test_the_button_held_cancels_and_a_payment_after_that_is_late(stage, open_demo):
    tab = open_demo()
    charge(tab, "700")
    tab.click("#deed-scan")
    tab.wait_for_selector("#deed-pay")
    tab.hover("#button")
    tab.mouse.down()
    till(tab).locator('#order[data-mode="cancelled"]').wait_for()
    tab.mouse.up()
    tab.click("#deed-pay")
    tab.wait_for_selector('#phone[data-stage="gone"]')
    before = counters(tab)
    tab.click("#deed-pay_late")
    stage.shop.wait_for_outcome("late_money")
    tab.wait_for_selector(f'#count-tickets:text-is("{before["tickets"] + 1}")')
    stage.shop.wait_for_state("attention")
    wait_for_meaning(tab, "attention")
    tab.click("#button", delay=200)
    wait_for_meaning(tab, "ready")


def test_a_phone_finds_nothing_to_pay_where_nothing_was_charged(stage, open_demo):
    tab = open_demo()
    assert stage.shop.mercadopago.order_on(stage.shop.mercadopago.till()) is None
    tab.click("#deed-scan")
    tab.wait_for_selector('#phone[data-stage="nothing"]')


def test_a_keyboard_alone_sells_and_cancels(stage, open_demo):
    tab = open_demo()
    before, keys = counters(tab), tab.keyboard
    reach(tab, "amount")
    keys.type("70")
    keys.press("Enter")
    till(tab).locator('#order[data-mode="on_till"]').wait_for()
    reach(tab, "deed-scan")
    keys.press("Enter")
    tab.wait_for_selector("#deed-pay")
    reach(tab, "deed-pay")
    keys.press("Enter")
    till(tab).locator('#order[data-mode="printed"]').wait_for()
    tab.wait_for_selector(f'#count-tickets:text-is("{before["tickets"] + 1}")')
    reach(tab, "next")
    keys.press("Enter")
    keys.type("80")
    keys.press("Enter")
    till(tab).locator('#order[data-mode="on_till"]').wait_for()
    reach(tab, "button", "Shift+Tab")  # forwards there are all the messages
    keys.down("Space")
    till(tab).locator('#order[data-mode="cancelled"]').wait_for()
    keys.up("Space")
    assert stage.shop.mercadopago.order_on(stage.shop.mercadopago.till()) is None


def reach(tab: Any, identity: str, key: str = "Tab") -> None:
    """Press a key until an element has the focus, in the page or in the till's frame."""
    focused = """() => {
        const here = document.activeElement;
        return here && here.id === "till" ? here.contentDocument.activeElement.id : here && here.id;
    }"""
    for _ in range(120):
        if tab.evaluate(focused) == identity:
            return
        tab.keyboard.press(key)
    raise AssertionError(f"{key} never comes to {identity}")


# --- faults ----------------------------------------------------------------------------------------------------------

SHOWN = {
    "no_paper": ("printer",),
    "cover_open": ("printer",),
    "printer_off": ("printer",),
    "internet_down": ("unreachable",),
    "relay_dead": ("polling",),
    "broker_dead": ("polling",),
    "mercadopago_slow": ("ready",),
    "wrong_clock": ("ready",),
    "plug_pulled": ("dark",),
    "page_dead": ("ready",),
}
"""Fault -> what the lamps say of it."""
SELLS = ("relay_dead", "broker_dead", "mercadopago_slow", "wrong_clock", "page_dead")
"""The ticket comes while it lasts."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_switched_on_seen_on_the_lamps_and_a_sale_is_kept(stage, open_demo, fault):
    tab = open_demo()
    wait_for_meaning(tab, "ready")
    tab.click(f"#fault-{fault}")
    tab.wait_for_selector(f'#fault-{fault}[aria-checked="true"]')
    wait_for_meaning(tab, *SHOWN[fault])
    before, reference = counters(tab), f"CAJA01-despite-{fault}"
    put_and_pay(stage, reference)
    tab.wait_for_selector(f'#count-paid:text-is("{before["paid"] + 1}")')
    ticket = f'#count-tickets:text-is("{before["tickets"] + 1}")'
    if fault in SELLS:
        tab.wait_for_selector(ticket, timeout=40_000)
    tab.click(f"#fault-{fault}")
    tab.wait_for_selector(f'#fault-{fault}[aria-checked="false"]')
    tab.wait_for_selector(ticket, timeout=40_000)
    stage.shop.wait_for_state("ready", "attention")
    if stage.shop.state() == "attention":
        tab.click("#button", delay=200)
    wait_for_meaning(tab, "ready")
    assert counters(tab)["copies"] == before["copies"]


def put_and_pay(stage: Stage, reference: str) -> None:
    """A sale of the shop's other software: it doesn't need the till's own page, or its Pi."""
    stage.shop.mercadopago.put_order(reference, "100.00", notification_url=stage.shop.notification_url)
    stage.shop.mercadopago.scan()
    stage.shop.mercadopago.pay(reference=reference)


def test_a_slow_mercado_pago_is_slow(stage, open_demo):
    tab = open_demo()
    tab.click("#fault-mercadopago_slow")
    tab.wait_for_selector('#fault-mercadopago_slow[aria-checked="true"]')
    began = time.monotonic()
    token = {"Authorization": f"Bearer {stage.shop.mercadopago.access_token}"}
    requests.get(f"{stage.shop.mercadopago.url}/users/me", headers=token, timeout=10)
    assert time.monotonic() - began > 1


def test_the_till_of_a_pi_that_is_three_days_behind_has_the_right_date_on_its_tickets(stage, open_demo):
    tab = open_demo()
    tab.click("#fault-wrong_clock")
    tab.wait_for_selector('#fault-wrong_clock[aria-checked="true"]')
    wait_for(
        lambda: (stage.shop.status.get("clock_offset_seconds") or 0) < -86400, "the till sees that its clock is wrong"
    )
    wait_for_meaning(tab, "ready")
    before = len(stage.shop.printer.tickets)
    put_and_pay(stage, "CAJA01-wrong-clock")
    today = time.strftime("%d/%m/%Y", time.gmtime(time.time() - 3 * 3600))
    assert today in stage.shop.printer.wait_for_tickets(before + 1)[before].text


def test_the_pages_process_killed_in_mid_sale_comes_back_with_the_truth(stage, open_demo):
    tab = open_demo()
    before = counters(tab)
    charge(tab)
    tab.click("#deed-scan")
    tab.wait_for_selector("#deed-pay")
    tab.click("#fault-page_dead")
    tab.wait_for_selector('#fault-page_dead[aria-checked="true"]')
    assert requests.get(f"{tab.url.partition('?')[0]}till", timeout=10).status_code == 502
    tab.click("#deed-pay")
    tab.wait_for_selector(f'#count-tickets:text-is("{before["tickets"] + 1}")')
    till(tab).locator('#light[data-light="unknown"]').wait_for()
    assert "PAGADO" not in till(tab).locator("body").inner_text()
    tab.click("#fault-page_dead")
    till(tab).locator('#order[data-mode="printed"]').wait_for()
    assert till(tab).locator("#order-title").inner_text() == "PAGADO"


def test_the_pages_unit_starts_it_again_when_it_crashes(stage, open_demo):
    tab = open_demo()
    charge(tab)
    crashed = stage.world.page.pid
    stage.world.page.crash()
    tab.click("#deed-scan")
    tab.wait_for_selector("#deed-pay")
    tab.click("#deed-pay")
    till(tab).locator('#order[data-mode="printed"]').wait_for()
    assert stage.world.page.pid != crashed


# --- how it looks, and to whom ---------------------------------------------------------------------------------------


def serious_faults(tab: Any) -> list[str]:
    """What axe-core finds that is serious. Of the messages, twenty are enough: it looks at each for long."""
    tab.evaluate("[...document.querySelectorAll('#messages li')].slice(0, -20).forEach((each) => each.remove())")
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['target']}" for each in found if each["impact"] in SERIOUS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_no_serious_fault_in_any_state(stage, open_demo, scheme, size):
    tab = open_demo(size=size, color_scheme=scheme)
    assert serious_faults(tab) == []
    charge(tab)
    tab.click("#deed-scan")
    tab.wait_for_selector("#deed-pay")
    assert serious_faults(tab) == []
    tab.click("#deed-pay_rejected")
    tab.wait_for_selector('#phone[data-stage="rejected"]')
    tab.click("#fault-no_paper")
    wait_for_meaning(tab, "printer")
    assert serious_faults(tab) == []
    tab.click("#fault-no_paper")
    tab.click("#deed-pay")
    till(tab).locator('#order[data-mode="printed"]').wait_for()
    tab.click("#routine")
    tab.locator("#messages summary").last.click()
    assert serious_faults(tab) == []
    play(tab, "guide")
    assert serious_faults(tab) == []


def test_axe_would_find_a_fault(open_demo):
    tab = open_demo()
    tab.evaluate("document.getElementById('till').removeAttribute('title')")
    assert serious_faults(tab) != []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_window(open_demo, width):
    tab = open_demo(size={"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_whoever_comes_later_sees_the_same_paper_and_the_same_numbers(stage, open_demo):
    first = open_demo()
    play(first, "guide")
    second = open_demo()
    assert counters(second) == counters(first)
    assert papers(second)[-1] == papers(first)[-1] == stage.shop.printer.tickets[-1].text


# --- what it doesn't weaken ------------------------------------------------------------------------------------------


def test_the_tills_page_is_framed_by_its_own_origin_alone_and_keeps_its_policy(stage, url):
    here = requests.get(f"{url}/till", timeout=10)
    itself = requests.get(stage.world.page.url, timeout=10)
    assert here.headers["content-security-policy"] == itself.headers["content-security-policy"]
    assert here.headers["content-security-policy"].endswith("frame-ancestors 'self'")
    assert here.content == itself.content


@pytest.mark.parametrize("path", ["/world/do", "/api/order", "/api/cancel"])
def test_another_sites_page_can_do_nothing(stage, url, path):
    cookies = {"till-session": stage.session}
    stranger = {"Origin": "http://evil.example", "Content-Type": "application/json"}
    body = {"deed": "scan"}
    assert requests.post(url + path, json=body, headers=stranger, cookies=cookies, timeout=10).status_code == 403


def test_a_deed_that_is_not_possible_is_refused(stage, url):
    ours = {"Origin": url}
    for body in (
        {"deed": "fly"},
        {"deed": "pay"},
        {"deed": "fault", "name": "x", "on": True},
        {"deed": "scan", "x": 1},
    ):
        assert requests.post(f"{url}/world/do", json=body, headers=ours, timeout=10).status_code == 409
    assert requests.post(f"{url}/world/do", data=b"[", headers=ours, timeout=10).status_code == 409


# --- as a process ----------------------------------------------------------------------------------------------------


def children_of(process: int) -> list[int]:
    threads = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_where_it_is_without_a_browser_and_ends_cleanly(number):
    environment = {name: each for name, each in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "sim", "--page", "--language", "pt"]
    reset = lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)]  # noqa: E731
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=reset)
    assert demo.stdout is not None
    said = demo.stdout.readline() + demo.stdout.readline()
    where = next(word for word in said.split() if word.startswith("http://127.0.0.1:"))
    assert requests.get(where, timeout=10).ok
    started = children_of(demo.pid)
    assert len(started) >= 4  # the broker, the relay, the daemon, the page
    demo.send_signal(number)
    assert demo.wait(20) == 0
    assert [each for each in started if Path(f"/proc/{each}").exists()] == []
