"""The page in a browser: clicked, typed and looked at, with the daemon, the printer and Mercado Pago behind it.

What a cashier reads is read from the page, and what the customer gets from the paper.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sim.shop import Shop
from tests.support.browsers import SERIOUS, needs_chromium
from tests.support.pages import Device, code_on, page_of

pytest.importorskip("playwright.sync_api", reason="there is no Playwright for this machine")
from axe_playwright_python.sync_playwright import Axe

pytestmark = [pytest.mark.slow, needs_chromium]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 860}
LOCALES = {"es": "es-AR", "pt": "pt-BR", "en": "en-US"}
SHORT_MS = 100


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    watch = {"first_check_seconds": 1, "check_every_seconds": 1, "slip_after_seconds": 1}
    settings, _ = page_of({"watch": watch, "till": {"support": "Soporte: 0800"}})
    with Shop(tmp_path_factory.mktemp("shop"), settings) as shop:
        yield shop


@pytest.fixture(scope="module")
def cookies(shop, page) -> list[dict[str, Any]]:
    """Of a device that was let in."""
    secret = Device(page).pair(shop).http.cookies["till-session"]
    return [{"name": "till-session", "value": secret, "url": page.url, "httpOnly": True, "sameSite": "Strict"}]


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser, page, cookies) -> Iterator[Open]:
    """Opens the page in a new window, let in or not; the console stays empty in each."""
    complaints: list[str] = []
    windows = []

    def open_page(language: str = "es", let_in: bool = True, size: dict[str, int] = PHONE, **more: Any) -> Any:
        window = browser.new_context(viewport=size, locale=LOCALES[language], **more)
        windows.append(window)
        if let_in:
            window.add_cookies(cookies)
        tab = window.new_page()
        tab.set_default_timeout(20_000)
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
        tab.goto(page.url)
        if let_in:
            tab.wait_for_selector('#light:not([data-light="unknown"])')
        return tab

    yield open_page
    for window in windows:
        window.close()
    assert [each for each in complaints if "net::ERR" not in each and "503" not in each] == []


def text(tab: Any, selector: str) -> str:
    return tab.inner_text(selector).replace("\u00a0", " ")


def press_keys(tab: Any, amount: str) -> None:
    for sign in amount:
        tab.click(f'#keypad button:text-is("{sign}")')


def wait_for_mode(tab: Any, mode: str) -> None:
    tab.wait_for_selector(f'#order[data-mode="{mode}"]:visible')


def sell(tab: Any, shop: Shop, amount: str = "5350") -> None:
    press_keys(tab, amount)
    tab.click("#put")
    wait_for_mode(tab, "on_till")
    shop.mercadopago.pay()
    wait_for_mode(tab, "printed")


def faults(tab: Any) -> list[str]:
    """What axe-core finds that is serious."""
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['target']}" for each in found if each["impact"] in SERIOUS]


# --- a sale --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "button", "waits", "paid"),
    [
        ("es", "Cobrar $ 5.350,00", "Esperando el pago", "PAGADO"),
        ("pt", "Cobrar $ 5.350,00", "Aguardando o pagamento", "PAGO"),
        ("en", "Charge $ 5.350,00", "Waiting for the payment", "PAID"),
    ],
)
def test_a_sale_by_clicking_in_each_language(shop, open_page, language, button, waits, paid):
    tab = open_page(language)
    before = len(shop.printer.tickets)
    assert tab.get_attribute("html", "lang") == language
    press_keys(tab, "5350")
    assert text(tab, "#put") == button
    tab.click("#put")
    wait_for_mode(tab, "on_till")
    assert (text(tab, "#light-title"), text(tab, "#order-total")) == (waits, "$ 5.350,00")
    shop.mercadopago.pay()
    wait_for_mode(tab, "printed")
    assert text(tab, "#order-title") == paid
    assert "5.350,00" in shop.printer.wait_for_tickets(before + 1)[-1].text
    tab.click("#next")
    assert text(tab, "#tickets strong >> nth=0") == "$ 5.350,00"


def test_several_items_with_quantities_and_one_that_is_script(shop, open_page):
    tab = open_page(size=DESKTOP)
    before = len(shop.printer.tickets)
    name = "<img src=x onerror=alert(1)>"
    tab.fill("#what", name)
    tab.fill("#quantity", "2")
    press_keys(tab, "2675,25")
    tab.click("#add")
    assert name in text(tab, "#lines")
    assert tab.query_selector("#lines img") is None
    tab.fill("#what", "Pan")
    tab.fill("#quantity", "0,350")
    press_keys(tab, "1000")
    assert text(tab, "#put") == "Cobrar $ 5.700,50"
    tab.click("#put")
    wait_for_mode(tab, "on_till")
    shop.mercadopago.pay()
    wait_for_mode(tab, "printed")
    paper = shop.printer.wait_for_tickets(before + 1)[-1].text
    assert "<img src=x" in paper
    assert "5.700,50" in paper
    tab.click("#next")


@pytest.mark.parametrize(
    ("typed", "shown", "charge"),
    [
        ("5350", "5350", "$ 5.350,00"),
        ("5350,5", "5350,5", "$ 5.350,50"),
        ("5350,567", "5350,56", "$ 5.350,56"),
        ("5.350", "5350", "$ 5.350,00"),
        ("5.350,50", "5350,50", "$ 5.350,50"),
        ("00070", "70", "$ 70,00"),
        ("abc1-2e3", "123", "$ 123,00"),
    ],
)
def test_a_separator_of_thousands_is_never_taken_for_the_decimals(open_page, typed, shown, charge):
    tab = open_page()
    tab.focus("#amount")
    tab.keyboard.type(typed)
    assert tab.input_value("#amount") == shown
    assert text(tab, "#put") == f"Cobrar {charge}"


def test_what_can_not_be_charged_has_no_button(open_page):
    tab = open_page()
    assert tab.is_disabled("#put")
    press_keys(tab, "5")
    assert tab.is_enabled("#put")
    tab.fill("#quantity", "0")
    assert tab.is_disabled("#put")
    tab.fill("#quantity", "x")
    assert tab.is_disabled("#put")


# --- cancel --------------------------------------------------------------------------------------------------------


def on_till(tab: Any) -> None:
    press_keys(tab, "100")
    tab.click("#put")
    wait_for_mode(tab, "on_till")


def test_a_held_button_cancels_and_a_short_press_asks(shop, open_page):
    tab = open_page()
    on_till(tab)
    tab.click("#cancel", delay=SHORT_MS)
    assert text(tab, "#sure-question") == "¿Cancelar esta orden?"
    tab.click("#sure-no")
    time.sleep(1)
    assert tab.is_visible("#cancel")
    tab.hover("#cancel")
    tab.mouse.down()
    wait_for_mode(tab, "cancelled")
    tab.mouse.up()
    assert shop.wait_for_outcome("cancelled")
    tab.click("#next")


def test_a_finger_that_slides_off_cancels_nothing(open_page):
    tab = open_page()
    on_till(tab)
    tab.hover("#cancel")
    tab.mouse.down()
    tab.mouse.move(1, 1)
    time.sleep(1.5)
    tab.mouse.up()
    assert (tab.is_visible("#cancel"), tab.is_visible("#sure")) == (True, False)
    tab.click("#cancel", delay=SHORT_MS)
    tab.click("#sure-yes")
    wait_for_mode(tab, "cancelled")
    tab.click("#next")


def test_a_keyboard_alone_sells_and_cancels(shop, open_page):
    tab = open_page(size=DESKTOP)
    before = len(shop.printer.tickets)
    keys = tab.keyboard
    reach(tab, "amount")
    keys.type("5350,50")
    keys.press("Enter")
    wait_for_mode(tab, "on_till")
    shop.mercadopago.pay()
    wait_for_mode(tab, "printed")
    shop.printer.wait_for_tickets(before + 1)
    reach(tab, "next")
    keys.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "amount"
    keys.type("70")
    keys.press("Enter")
    wait_for_mode(tab, "on_till")
    reach(tab, "cancel")
    keys.down("Enter")
    wait_for_mode(tab, "cancelled")
    keys.up("Enter")
    reach(tab, "next")
    keys.press("Enter")
    tab.wait_for_selector("#sale:visible")


def reach(tab: Any, identity: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(60):
        if tab.evaluate("document.activeElement.id") == identity:
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {identity}")


# --- the other panels ----------------------------------------------------------------------------------------------


def test_a_copy_and_the_slip_of_the_day_come_out(shop, open_page):
    tab = open_page(size=DESKTOP)
    sell(tab, shop)
    before = len(shop.printer.tickets)
    tab.click("#tickets button >> nth=0")
    tab.click("#sure-yes")
    assert "COPIA" in shop.printer.wait_for_tickets(before + 1)[-1].text
    assert text(tab, "#error") == "Sale una copia, marcada como copia."
    tab.click("#day-slip")
    assert "CIERRE DEL DÍA" in shop.printer.wait_for_tickets(before + 2)[-1].text


def test_no_paper_is_the_light_and_the_ticket_comes_when_it_is_back(shop, open_page):
    tab = open_page()
    shop.printer.paper_out()
    tab.wait_for_selector('#light[data-light="printer"]')
    assert text(tab, "#light-title") == "Impresora"
    press_keys(tab, "100")
    tab.click("#put")
    wait_for_mode(tab, "on_till")
    shop.mercadopago.pay()
    wait_for_mode(tab, "working")
    assert "PAGADO" not in text(tab, "body")
    shop.printer.load_paper()
    wait_for_mode(tab, "printed")


def test_no_internet_is_said_in_the_words_of_its_slip(shop, open_page):
    tab = open_page(size=DESKTOP)
    shop.mercadopago.go_away()
    try:
        tab.wait_for_selector("#wrong h3")
        tab.wait_for_selector('#light[data-light="unreachable"]')
        assert text(tab, "#wrong h3") == "SIN INTERNET"
        assert "¿Está encendido el router?" in text(tab, "#wrong")
        assert text(tab, "#support") == "Soporte: 0800"
        assert faults(tab) == []
    finally:
        shop.mercadopago.come_back()
    tab.click("#check")
    tab.wait_for_selector("#wrong", state="hidden")
    tab.wait_for_selector('#light[data-light="ready"]')


def test_the_pages_process_killed_in_mid_sale_says_so_and_comes_back_with_the_truth(shop, page, open_page):
    tab = open_page()
    before = len(shop.printer.tickets)
    on_till(tab)
    page.kill()
    shop.mercadopago.pay()
    shop.printer.wait_for_tickets(before + 1)
    tab.wait_for_selector('#light[data-light="unknown"]')
    assert "PAGADO" not in text(tab, "#light")
    page.start()
    wait_for_mode(tab, "printed")
    assert text(tab, "#order-title") == "PAGADO"
    tab.click("#next")


def test_a_daemon_that_is_gone_is_not_known_to_be_well(shop, open_page):
    tab = open_page()
    shop.board.pull_the_plug()
    try:
        tab.wait_for_selector('#light[data-light="unknown"]')
        assert text(tab, "#light-title") == "No se sabe"
        press_keys(tab, "5")
        assert tab.is_disabled("#put")
    finally:
        shop.board.plug_in()
    tab.wait_for_selector('#light[data-light="ready"]')
    assert tab.is_enabled("#put")


def test_another_device_sees_the_sale_and_none_puts_a_second_order(shop, open_page):
    first, second = open_page(), open_page("pt")
    press_keys(second, "7")
    on_till(first)
    wait_for_mode(second, "on_till")
    assert second.is_hidden("#put")
    shop.mercadopago.pay()
    wait_for_mode(second, "printed")
    assert text(second, "#order-title") == "PAGO"
    first.click("#next")
    second.click("#next")
    assert (first.input_value("#amount"), second.input_value("#amount")) == ("", "7")


# --- letting a device in -------------------------------------------------------------------------------------------


def test_a_device_is_let_in_with_the_code_from_the_paper_listed_and_put_out(shop, open_page):
    owner = open_page(size=DESKTOP)
    tab = open_page(let_in=False)
    assert tab.is_hidden("#shop")
    tab.click("#pair-ask")
    tab.wait_for_selector("#pair-code:visible")
    time.sleep(0.5)
    before = len(shop.printer.tickets)
    shop.board.press()
    shop.printer.wait_for_tickets(before + 1)
    code = code_on(shop)
    tab.fill("#pair-code", f"{code[:3]} {code[3:]}")
    tab.click("#pair-form button")
    tab.wait_for_selector('#light[data-light="ready"]')
    owner.click("#devices summary")
    owner.wait_for_selector("#device-list li >> nth=1")
    owner.click("#device-list button >> nth=0")
    tab.wait_for_selector("#pair-ask:visible")


def test_each_state_has_no_serious_fault_by_axe_in_light_and_dark(shop, page, open_page):
    for scheme in ("light", "dark"):
        stranger = open_page(let_in=False, color_scheme=scheme)
        stranger.wait_for_selector("#pair-ask:visible")
        assert faults(stranger) == []
        tab = open_page(size=DESKTOP, color_scheme=scheme)
        assert faults(tab) == []
        press_keys(tab, "100")
        tab.click("#add")
        press_keys(tab, "5")
        assert faults(tab) == []
        tab.click("#put")
        wait_for_mode(tab, "on_till")
        assert faults(tab) == []
        tab.click("#cancel", delay=SHORT_MS)
        assert faults(tab) == []
        tab.click("#sure-no")
        shop.mercadopago.pay()
        wait_for_mode(tab, "printed")
        assert faults(tab) == []
        tab.click("#devices summary")
        tab.wait_for_selector("#device-list li")
        assert faults(tab) == []


def test_axe_would_find_a_fault(open_page):
    tab = open_page()
    tab.evaluate("document.querySelector('label[for=quantity]').remove()")
    assert faults(tab) != []


def test_the_page_is_there_within_a_second_and_fits_a_small_phone(open_page):
    """The best of three: the machine has other things to do while it tests."""
    tabs = [open_page(size={"width": 320, "height": 568}) for _ in range(3)]
    assert tabs[0].evaluate("document.documentElement.scrollWidth") <= 320
    loaded_ms = [tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") for tab in tabs]
    assert 0 < min(loaded_ms) < 1000


def test_it_can_be_installed(page, open_page):
    tab = open_page()
    told = tab.context.new_cdp_session(tab).send("Page.getAppManifest")
    assert told["errors"] == []
    assert told["url"] == f"{page.url}/page.webmanifest"
