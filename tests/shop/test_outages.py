"""What is between the till and its money goes away: the broker, the relay, Mercado Pago, names, the date, the identity.

Each story is the real daemon against one fault. However the news comes, or doesn't, it ends the same way: a sale that
was paid has one ticket, and nobody had to mend the till.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
import yaml

from edge.core.agenda import Line
from sim.board import Board
from sim.mercadopago import Fault, Habits, MercadoPago
from sim.printer.printer import Printer
from sim.shop import POS, STORE, TILL, Shop, wait_for
from tests.support.odd_broker import Link, OddBroker, Talk

pytestmark = pytest.mark.slow

PROMISE = 40.0
"""Seconds from payment to ticket when nobody rings: what the product promises with the watch settings that it ships."""
LOOKS = ("first_check_seconds", "check_every_seconds", "idle_every_seconds", "outage_every_seconds")
LETTERS = 3
"""What Mercado Pago posts of a sale that was paid without a scan: an order opened, the order closed, the payment."""
NEVER_LOOKS = {"watch": dict.fromkeys(LOOKS, 600)}
OFTEN_LOOKS = {"watch": {"outage_every_seconds": 1}}


def rung(shop: Shop) -> list[str]:
    """The doorbells that the till heard so far, as its log tells them."""
    return [line for line in shop.board.log.read_text().splitlines() if "DoorbellRang" in line]


def wait_until_told(shop: Shop, count: int) -> None:
    """Wait until the relay has answered so many of Mercado Pago's notifications with 201."""
    answers = shop.mercadopago.notifier.answers
    wait_for(lambda: sum(status == 201 for _, status in answers) >= count, f"{count} notifications are taken")


def wait_for_the_light_of_polling(shop: Shop) -> None:
    """Green, with a short yellow flash: no other sign has both."""
    wait_for(lambda: shop.board.lights["green"] and shop.board.lights["yellow"], "the panel shows polling")


def unplug(shop: Shop) -> None:
    """The till's power goes, after its first sweep: what is paid before that comes marked as a copy."""
    shop.board.log_says("Swept(")
    shop.board.pull_the_plug()


def sell(shop: Shop, total: str = "10") -> str:
    """An order on the till, and the customer pays it at once. Returns its reference."""
    reference = shop.order(total=total)
    shop.mercadopago.account.pay()
    return reference


SAYS_TWINS = "CAJA DUPLICADA"


def tickets_of(printer: Printer) -> list[str]:
    """What came out for sales; the slip that says what fails is none of them."""
    return [paper.text for paper in printer.tickets if SAYS_TWINS not in paper.text]


def assert_one_unmarked_ticket_each(printer: Printer, *references: str) -> None:
    tickets = tickets_of(printer)
    assert [sum(reference in ticket for ticket in tickets) for reference in references] == [1] * len(references)
    assert len(tickets) == len(references)
    assert not any("COPIA" in ticket for ticket in tickets)


# --- the broker ----------------------------------------------------------------------------------------------------


def test_the_broker_is_away_for_three_sales_and_then_everything_is_said_twice(shop_of):
    habits = Habits(forms=("ipn", "webhook"), ladder=(2.0,) * 100)  # not so often that the relay refuses it
    shop = shop_of(OFTEN_LOOKS, mercadopago=MercadoPago(habits=habits))
    shop.broker.stop()
    sales = []
    for number in (1, 2, 3):
        sales.append(sell(shop))
        shop.printer.wait_for_tickets(number)
    assert all(status == 503 for _, status in shop.mercadopago.notifier.answers)
    heard = len(shop.ears.heard)
    shop.broker.start()
    wait_until_told(shop, 3 * LETTERS * len(habits.forms))
    shop.board.log_says("ReportDelivered(number=3)")
    wait_for(lambda: len(shop.ears.heard) > heard, "our own ears are back at the broker")
    told = len(shop.states)
    sales.append(sell(shop))
    shop.wait_for_passing_state("paid", told)
    shop.wait_for_state("ready")
    assert len(rung(shop)) >= 3 * LETTERS * len(habits.forms)
    assert_one_unmarked_ticket_each(shop.printer, *sales)
    assert {report["outcome"] for report in shop.outcomes} == {"printed"}


def test_a_broker_that_forgets_what_it_acknowledged_costs_no_ticket(tmp_path):
    """Power goes at the broker's machine, which keeps what mosquitto keeps by default."""
    shop = Shop(tmp_path)
    shop.broker.durable = False
    with shop:
        unplug(shop)
        sales = [sell(shop) for _ in range(3)]
        wait_until_told(shop, 3 * LETTERS)
        wait_for(lambda: shop.mercadopago.notifier.idle, "the relay has all that Mercado Pago posts")
        shop.broker.kill()
        shop.broker.start()
        before = len(rung(shop))
        shop.board.plug_in()
        shop.printer.wait_for_tickets(3)
        shop.wait_for_state("ready")
        assert len(rung(shop)) == before, "the broker remembered, so this proves nothing"
        assert_one_unmarked_ticket_each(shop.printer, *sales)


def test_a_doorbell_that_a_full_queue_dropped_costs_no_ticket(tmp_path):
    """When its queue is full, mosquitto acknowledges the newest message, drops it, and says nothing."""
    shop = Shop(tmp_path)
    shop.broker.settings = ("max_queued_messages 5",)
    with shop:
        unplug(shop)
        for number in range(50):
            shop.ring(10**9 + number)
        sale = sell(shop)
        wait_until_told(shop, LETTERS)
        before = len(rung(shop))
        shop.board.plug_in()
        shop.wait_for_outcome("printed")
        assert len(rung(shop)) <= before + 5, "the queue was not overflown, so this proves nothing"
        assert_one_unmarked_ticket_each(shop.printer, sale)


# --- nobody rings --------------------------------------------------------------------------------------------------


def assert_the_promise_is_kept(shop: Shop) -> None:
    """An order is put on the till, seen there, and paid: its ticket comes in time, by looking alone."""
    reference = shop.order(total="10")
    shop.board.log_says(f"order {reference}: waiting")
    paid_at = time.monotonic()
    shop.mercadopago.account.pay()
    [ticket] = shop.printer.wait_for_tickets(1, timeout=2 * PROMISE)
    assert time.monotonic() - paid_at <= PROMISE
    assert reference in ticket.text
    assert rung(shop) == []


def test_the_relay_is_dead_and_the_till_sells_by_looking(shop: Shop):
    shop.relay.kill()
    shop.wait_for_state("polling")
    assert shop.state("relay/status") == "offline"
    assert shop.status["relay"] == "offline"
    assert_the_promise_is_kept(shop)


def test_relay_and_broker_are_dead_and_the_till_sells_by_looking(shop: Shop):
    shop.relay.kill()
    shop.broker.kill()
    wait_for_the_light_of_polling(shop)
    assert_the_promise_is_kept(shop)


def test_relay_and_broker_are_dead_and_a_press_of_the_button_looks_at_once(shop_of):
    shop = shop_of(NEVER_LOOKS)
    shop.relay.kill()
    shop.broker.kill()
    # Whoever connects here waits for half a minute: the till looks around when a link goes, so none may go.
    with socket.create_server((shop.broker.host, shop.broker.port)) as mute, mute.accept()[0]:
        wait_for_the_light_of_polling(shop)
        sale = sell(shop)
        lost = shop.board.log.read_text().count("BrokerLost")
        assert shop.printer.tickets == []
        shop.board.press()
        [ticket] = shop.printer.wait_for_tickets(1)
        assert shop.board.log.read_text().count("BrokerLost") == lost, "it was not the press that did it"
    assert sale in ticket.text


# --- Mercado Pago --------------------------------------------------------------------------------------------------

BROKEN_ANSWERS = {
    "an error of its own": Fault("status", status=500),
    "no answer": Fault("hang", seconds=1.5),
    "an answer that makes no sense": Fault("garbage"),
}


@pytest.fixture(scope="module")
def trading(tmp_path_factory, api) -> Iterator[Shop]:
    """One shop for all that Mercado Pago may answer; each story leaves it ready to sell."""
    settings = {"mercadopago": {"timeout_seconds": 0.5}}
    with Shop(tmp_path_factory.mktemp("trading"), settings) as shop:
        yield shop


def is_sold_when_it_is_over(shop: Shop, begins, ends) -> None:
    reference = shop.order(total="10")
    shop.mercadopago.account.scan()
    shop.wait_for_state("waiting")
    before, told = len(shop.printer.tickets), len(shop.states)
    begins()
    shop.mercadopago.account.pay()
    shop.wait_for_state("unreachable")
    assert len(shop.printer.tickets) == before
    ends()
    *_, ticket = shop.printer.wait_for_tickets(before + 1)
    assert reference in ticket.text
    assert "COPIA" not in ticket.text
    shop.wait_for_passing_state("paid", told)
    shop.wait_for_state("ready")
    assert len(shop.printer.tickets) == before + 1


def test_mercado_pago_is_out_of_reach(trading: Shop):
    is_sold_when_it_is_over(trading, trading.mercadopago.go_away, trading.mercadopago.come_back)


@pytest.mark.parametrize("fault", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_mercado_pago_gives(trading: Shop, fault: Fault):
    faults = trading.mercadopago.faults
    is_sold_when_it_is_over(trading, lambda: faults.append(fault), faults.clear)


def test_mercado_pago_is_asked_too_often_and_says_when_to_come_again(trading: Shop):
    requests, faults = trading.mercadopago.requests, trading.mercadopago.faults
    asked: list[int] = []

    def begins() -> None:
        faults.append(Fault("status", status=429, retry_after=3))
        asked.append(len(requests))

    is_sold_when_it_is_over(trading, begins, faults.clear)
    at = [request.at for request in requests[asked[0] :]]
    refused_at = [moment for moment in at if moment <= at[0] + 1]  # those that were out with the first
    second, third = at[len(refused_at) : len(refused_at) + 2]
    assert len(refused_at) <= len(Line)
    assert min(second - refused_at[-1], third - second) >= 2.9


# Longer than a name can be: the resolver refuses it by itself, and nothing is sent to any name server.
NO_SUCH_HOST = ".".join(["no-such-host" * 5] * 5) + ".invalid"


def test_a_name_that_nobody_knows_is_said_in_words(shop_of):
    shop = shop_of({"mercadopago": {"api_url": f"https://{NO_SUCH_HOST}"}}, without=("relay", "board"))
    shop.board.plug_in()
    shop.wait_for_state("unreachable")
    assert shop.status["api"] == "network"
    assert f"no connection to https://{NO_SUCH_HOST}" in shop.status["api_error"]
    assert "not known" in shop.status["api_error"]
    assert "check that the network is up" in shop.status["api_error"]
    shop.board.log_says(f"Mercado Pago: {shop.status['api_error']}")
    assert shop.board.running


# --- the date ------------------------------------------------------------------------------------------------------


class Authority:
    """Whom this shop's till trusts, and who says from when on Mercado Pago is itself."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def identity(self, valid_in: timedelta) -> ssl.SSLContext:
        now = datetime.now(UTC)
        certificate = self._ca.issue_cert("127.0.0.1", not_before=now + valid_in, not_after=now + timedelta(days=30))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context


def test_a_clock_that_lost_the_time_is_said_and_waited_for(tmp_path):
    """After a power cut the Pi is back in the past until it hears the time: no certificate is valid there yet."""
    authority, mercadopago = Authority(tmp_path), MercadoPago()
    today, too_early = authority.identity(timedelta(days=-1)), authority.identity(timedelta(days=1))
    mercadopago.api.tls = today
    shop = Shop(tmp_path, {"mercadopago": {"api_url": f"https://127.0.0.1:{mercadopago.api.port}"}}, mercadopago)
    shop.board.environment["SSL_CERT_FILE"] = str(authority.file)
    with shop:
        unplug(shop)
        mercadopago.go_away()
        mercadopago.put_order("the-sale", "10", notification_url=shop.notification_url)
        mercadopago.pay()
        mercadopago.api.tls = too_early
        mercadopago.come_back()
        shop.board.plug_in()
        shop.wait_for_state("starting")
        assert shop.status["api"] == "clock"
        assert "clock" in shop.status["api_error"]
        assert shop.printer.tickets == []
        mercadopago.go_away()
        mercadopago.api.tls = today
        mercadopago.come_back()
        shop.wait_for_outcome("printed", timeout=60)
        shop.wait_for_state("ready")
        assert_one_unmarked_ticket_each(shop.printer, "the-sale")


# --- the identity --------------------------------------------------------------------------------------------------

OTHER_POS = "SUC001POS004"
TWINS = "two devices use this till's identity"
PERHAPS_TWINS = "another device may use this till's identity"
"""What is known at a mosquitto before 2.0.15, which throws the first of two out without a word."""


class Twins:
    """Two tills side by side; the second one's card was copied, and nobody gave it a name of its own."""

    def __init__(self, folder: Path) -> None:
        mercadopago = MercadoPago(pos=((STORE, POS), (STORE, OTHER_POS)))
        self.shop = Shop(folder, OFTEN_LOOKS, mercadopago)
        self.printer = Printer()
        self.board = Board(folder / "twin.yaml", folder / "twin.log")

    def __enter__(self) -> "Twins":
        self.shop.open()
        self.printer.start()
        config = yaml.safe_load(self.shop.config.read_text())
        config["mercadopago"]["external_pos_id"] = OTHER_POS
        config["printer"]["port"] = self.printer.port
        config["journal"]["path"] += ".twin"
        self.board.config.write_text(yaml.safe_dump(config))
        self.board.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        if self.board.running:
            self.board.shut_down()
        self.printer.stop()
        self.shop.close()

    def sell(self, reference: str, pos: str) -> None:
        mercadopago = self.shop.mercadopago
        mercadopago.put_order(reference, "10", pos=pos, notification_url=self.shop.notification_url)
        mercadopago.pay(pos)

    def wait_until_told(self) -> tuple[Path, str]:
        """Wait until one of them says that there are two, or may be; return its log, and what it said."""
        said = [(log, words) for log in (self.shop.board.log, self.board.log) for words in (TWINS, PERHAPS_TWINS)]
        return wait_for(lambda: next((each for each in said if each[1] in each[0].read_text()), None), "a word", 90)


@pytest.fixture(scope="module")
def twins(tmp_path_factory, api) -> Iterator[Twins]:
    with Twins(tmp_path_factory.mktemp("twins")) as twins:
        yield twins


def test_two_devices_with_one_identity_say_so_and_sell_on(twins: Twins):
    twins.board.log_says("broker: connected")
    for number in (1, 2):
        twins.sell(f"left-{number}", POS)
        twins.sell(f"right-{number}", OTHER_POS)
        for printer in (twins.shop.printer, twins.printer):
            wait_for(lambda: len(tickets_of(printer)) == number, f"sale {number} is on paper")  # noqa: B023
        twins.wait_until_told()
    assert_one_unmarked_ticket_each(twins.shop.printer, "left-1", "left-2")
    assert_one_unmarked_ticket_each(twins.printer, "right-1", "right-2")


def test_two_devices_with_one_identity_can_be_seen_from_afar_and_on_paper(twins: Twins):
    log, words = twins.wait_until_told()
    slips = [slip for slip in twins.shop.printer.tickets + twins.printer.tickets if SAYS_TWINS in slip.text]
    assert (1 <= len(slips) <= 2) if words == TWINS else not slips, "each says it once, and only if it is certain"
    wait_for(lambda: "broker: connected" in log.read_text().split(words)[-1], "it comes back to say it", 40)
    concern = "two_devices" if words == TWINS else "may use this till"
    wait_for(lambda: concern in str(twins.shop.ears.on(f"tills/{TILL}/status")), "the status says it", timeout=5)


# --- one resource of Mercado Pago's --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/payments/search", "/pos$", "/orders$", "/merchant_orders/search"])
def test_one_resource_that_refuses_holds_up_no_ticket_and_is_named(shop, path, api):
    if api == "orders" and path == "/orders$":
        path = "/v1/orders"
    sell(shop)
    shop.printer.wait_for_tickets(1)
    policy = "PA_UNAUTHORIZED_RESULT_FROM_POLICIES"
    shop.mercadopago.faults.append(Fault("status", "GET", path, status=403, error=policy))
    shop.say('{"v":1,"command":"check_now"}', f"tills/{TILL}/commands")
    before = time.monotonic()
    for number in (2, 3):
        shop.sell(f"sale-{number}")
        shop.printer.wait_for_tickets(number)
    assert time.monotonic() - before < 12
    if path in (
        "/v1/payments/search",
        "/orders$",
        "/v1/orders",
    ):  # the others are asked at a start, or if an order waits
        wait_for(lambda: any("in-person payments" in each for each in shop.status["problems"]), "it is named")


# --- the hour ------------------------------------------------------------------------------------------------------

POISON = {
    "far in the future": "Tue, 02 Mar 2099 10:00:00 GMT",
    "far in the past": "Sun, 02 Mar 1997 10:00:00 GMT",
    "five years ahead": "Tue, 02 Mar 2032 10:00:00 GMT",
    "no time at all": "Mon, 02 Mar 2026 10:00:00 +99999999999999999",
    "the last second": "Fri, 31 Dec 9999 23:59:59 GMT",
    "absent": "",
}


@pytest.mark.parametrize("date", POISON.values(), ids=POISON.keys())
def test_a_wrong_hour_at_the_first_start_marks_no_ticket_and_hides_no_sale(shop_of, date):
    """The first answers tell another time; nobody rings, so that the second sale is found by a sweep alone."""
    mercadopago = MercadoPago()
    mercadopago.faults.append(Fault("date", times=4, date=date))
    shop = shop_of({"watch": {"idle_every_seconds": 2}}, mercadopago=mercadopago, without=("relay",))
    sales = []
    for number in (1, 2):
        sales.append(sell(shop))
        shop.wait_for_outcome("printed", number)
        mercadopago.faults.append(Fault("date", times=3, date=date))
    shop.board.pull_the_plug()
    shop.board.plug_in()
    shop.board.log_says("Swept(")
    sales.append(sell(shop))
    shop.printer.wait_for_tickets(3)
    assert_one_unmarked_ticket_each(shop.printer, *sales)


# --- odd brokers ---------------------------------------------------------------------------------------------------


def at(talk: Talk, folder: Path, **watch: float) -> Shop:
    """A shop whose till is at a broker that does one odd thing. It sells by looking."""
    broker = OddBroker(talk)
    settings = {"broker": {"host": broker.host, "port": broker.port}, "watch": {"outage_every_seconds": 1, **watch}}
    return Shop(folder, settings, without=("relay", "board"))


def hang_up(link: Link) -> None:
    link.welcome()


def refuse_the_till(link: Link) -> None:
    link.answer_login(0x87)


@pytest.mark.parametrize(
    ("talk", "title"),
    [(hang_up, "AVISOS CORTADOS"), (refuse_the_till, "AVISOS NEGADOS"), (Link.wait, "BROKER MUDO")],
)
def test_at_an_odd_broker_the_till_sells_and_paper_says_what_is_known(talk, title, tmp_path):
    with at(talk, tmp_path, slip_after_seconds=1) as shop:
        shop.board.plug_in()
        slip = wait_for(lambda: next((each for each in shop.printer.tickets if title in each.text), None), "a slip", 90)
        assert SAYS_TWINS not in slip.text
        shop.mercadopago.put_order("the-sale", "10")
        shop.mercadopago.pay()
        wait_for(lambda: any("the-sale" in each.text for each in shop.printer.tickets), "the ticket", 40)
        assert "two_devices" not in shop.board.log.read_text()
