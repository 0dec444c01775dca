"""The simulated Mercado Pago's notifications: their forms, their order, and how often they come."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from sim.mercadopago import LADDER, OLD_LADDER, MercadoPago
from sim.mercadopago.notifier import Letter
from sim.shop import wait_for
from tests.support.caller import ask

pytestmark = pytest.mark.slow


class Receiver:
    """Whoever stands behind `notification_url`. `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.patience = threading.Event()
        """While it is clear, no answer leaves."""
        self.patience.set()
        self.got: list[tuple[str, dict, dict, dict]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                url, length = urlsplit(self.path), int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                receiver.got.append((url.path, parse_qs(url.query), dict(self.headers), body))
                receiver.patience.wait()
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mp/secret?shop=1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count: int) -> list[dict]:
        """Wait until so many notifications came; return their bodies."""
        wait_for(lambda: len(self.got) >= count, f"{count} notifications")
        return [body for _, _, _, body in self.got]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def sale(service: MercadoPago, receiver: Receiver) -> tuple[str, str]:
    """Scan and pay. Returns the ids of the merchant order and of the payment."""
    service.put_order("R1", 10, notification_url=receiver.url)
    service.scan()
    payment = service.pay()
    return str(payment["order"]["id"]), str(payment["id"])


def all_told(service: MercadoPago, receiver: Receiver) -> list[dict]:
    """What was told so far: letters go one after another, and this puts a last one into the queue."""
    service.notifier.send(Letter(receiver.url, {"id": "the end"}, "nobody", {}))
    wait_for(lambda: any(headers["User-Agent"] == "nobody" for _, _, headers, _ in receiver.got), "the end")
    return [body for _, _, headers, body in receiver.got if headers["User-Agent"] != "nobody"]


def test_the_feed_names_what_to_read_and_carries_a_signature_that_proves_nothing(mercadopago, receiver):
    order, payment = sale(mercadopago, receiver)
    opened, closed, paid = receiver.wait(3)
    resource = f"https://api.mercadolibre.com/merchant_orders/{order}"
    assert opened == closed == {"resource": resource, "topic": "merchant_order"}
    assert paid == {"resource": payment, "topic": "payment"}
    path, query, headers, _ = receiver.got[0]
    assert (path, query) == ("/mp/secret", {"shop": ["1"], "id": [order], "topic": ["merchant_order"]})
    assert headers["User-Agent"] == "MercadoPago Feed v2.0 merchant_order"
    assert headers["x-signature"].startswith("ts=")
    assert len({headers["x-request-id"] for _, _, headers, _ in receiver.got}) == 3


def test_a_webhook_has_the_id_of_the_merchant_order_at_its_root(mercadopago, receiver):
    mercadopago.habits.forms = ("webhook",)
    order, payment = sale(mercadopago, receiver)
    opened, closed, paid = receiver.wait(3)
    assert (opened["id"], opened["status"], opened["action"]) == (order, "opened", "create")
    assert (closed["id"], closed["status"], closed["action"]) == (order, "closed", "update")
    assert (closed["type"], "id" in closed["data"]) == ("topic_merchant_order_wh", False)
    assert (paid["action"], paid["data"], paid["type"]) == ("payment.created", {"id": payment}, "payment")
    assert receiver.got[2][1]["data.id"] == [payment]


@pytest.mark.parametrize(
    ("made_at", "notice", "statuses"),
    [
        ("scan", "before", ["opened", "closed"]),
        ("scan", "after", ["closed", "opened"]),
        ("scan", "both", ["opened", "closed", "opened"]),
        ("payment", "before", ["closed"]),
        ("never_opened_notification", "before", ["closed"]),
    ],
)
def test_opened_is_told_before_or_after_closed_or_never(mercadopago, receiver, made_at, notice, statuses):
    mercadopago.switches.mo_created_at, mercadopago.switches.opened_notice = made_at, notice
    mercadopago.habits.forms, mercadopago.habits.topics = ("webhook",), ("merchant_order",)
    sale(mercadopago, receiver)
    assert [body["status"] for body in all_told(mercadopago, receiver)] == statuses


def test_several_forms_come_for_one_event_and_each_may_come_twice(mercadopago, receiver):
    mercadopago.habits.forms, mercadopago.habits.repeat = ("ipn", "webhook", "test"), 2
    mercadopago.habits.shuffle = True
    mercadopago.habits.topics = ("payment",)
    sale(mercadopago, receiver)
    receiver.wait(6)
    agents = sorted(headers["User-Agent"].split()[0] for _, _, headers, _ in receiver.got)
    assert agents == ["MercadoPago"] * 4 + ["restclient-node/4.15.3"] * 2


def test_source_news_is_obeyed_if_the_habit_says_so(mercadopago, receiver):
    mercadopago.habits.forms, mercadopago.habits.topics = ("ipn", "webhook"), ("payment",)
    mercadopago.habits.obey_source_news = True
    receiver.url += "&source_news=webhooks"
    sale(mercadopago, receiver)
    assert [body["type"] for body in all_told(mercadopago, receiver)] == ["payment"]


def test_nothing_is_told_when_notifications_are_lost_or_no_address_was_given(mercadopago, receiver):
    mercadopago.put_order("R1", 10)
    mercadopago.pay()
    mercadopago.habits.drop = True
    sale(mercadopago, receiver)
    assert all_told(mercadopago, receiver) == []


def test_a_read_right_after_the_notification_may_find_nothing(mercadopago, receiver):
    mercadopago.switches.hidden_after_notification_seconds = 2
    order, payment = sale(mercadopago, receiver)
    assert ask(mercadopago, "GET", f"/merchant_orders/{order}").status_code == 404
    assert ask(mercadopago, "GET", f"/v1/payments/{payment}").status_code == 404
    mercadopago.advance(2)
    assert ask(mercadopago, "GET", f"/merchant_orders/{order}").status_code == 200


def test_what_was_never_told_is_hidden_from_its_first_notification_on(mercadopago, receiver):
    mercadopago.switches.mo_created_at = "never_opened_notification"
    mercadopago.switches.hidden_after_notification_seconds = 2
    mercadopago.put_order("R1", 10, notification_url=receiver.url)
    address = f"/merchant_orders/{mercadopago.scan()}"
    mercadopago.advance(3)
    assert ask(mercadopago, "GET", address).status_code == 200
    mercadopago.pay()
    assert ask(mercadopago, "GET", address).status_code == 404
    mercadopago.advance(3)
    assert ask(mercadopago, "GET", address).status_code == 200


@pytest.mark.parametrize("ladder", [LADDER, OLD_LADDER])
def test_who_does_not_say_200_is_told_again_and_again(mercadopago, receiver, ladder):
    receiver.status = 204
    mercadopago.habits.topics = ("payment",)
    mercadopago.habits.ladder = tuple(seconds * 1e-7 for seconds in ladder)
    _, payment = sale(mercadopago, receiver)
    assert [body["resource"] for body in receiver.wait(1 + len(ladder))] == [payment] * (1 + len(ladder))
    assert len({headers["x-request-id"] for _, _, headers, _ in receiver.got}) == 1 + len(ladder)
    assert len(all_told(mercadopago, receiver)) == 1 + len(ladder)


def test_who_takes_too_long_is_told_again(mercadopago, receiver):
    mercadopago.habits.topics = ("payment",)
    mercadopago.habits.time_scale = 0.01
    receiver.patience.clear()
    sale(mercadopago, receiver)
    wait_for(lambda: mercadopago.notifier.answers, "the timeout")
    assert mercadopago.notifier.answers[0][1] == 0
    receiver.patience.set()
    receiver.wait(2)


def test_who_says_201_is_left_in_peace(mercadopago, receiver):
    receiver.status = 201
    mercadopago.habits.ladder = (0.0,)
    sale(mercadopago, receiver)
    wait_for(lambda: len(mercadopago.notifier.answers) == 3, "three answers")
    assert len(all_told(mercadopago, receiver)) == 3


def test_nothing_leaves_this_machine(mercadopago, caplog):
    mercadopago.put_order("R1", 10, notification_url="http://relay.invalid/mp")
    mercadopago.habits.ladder = ()
    mercadopago.pay()
    wait_for(lambda: len(mercadopago.notifier.answers) == 3, "three attempts")
    assert caplog.messages == ["relay.invalid is not on this machine: nothing is sent there"] * 3
