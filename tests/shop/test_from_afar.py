"""Support, the relay and a seller's other tills, as the whole daemon hears and answers them."""

import json
import time
from collections.abc import Iterator

import pytest
import yaml

from sim.shop import TILL, Shop, wait_for
from tests.support.facts import USER

pytestmark = pytest.mark.slow

COMMANDS = f"tills/{TILL}/commands"
STATUS = f"tills/{TILL}/status"


@pytest.fixture(scope="module")
def far(tmp_path_factory, api) -> Iterator[Shop]:
    """One shop for all stories; each leaves it ready to sell."""
    with Shop(tmp_path_factory.mktemp("far")) as shop:
        yield shop


def command(shop: Shop, command: str, **more: str) -> dict:
    answer = shop.ears.ask(COMMANDS, {"command": command, **more})
    assert (answer["v"], answer["command"]) == (1, command)
    return answer


def test_a_report_tells_what_is_known_and_no_secret(far: Shop):
    far.sell("the-sale")
    far.wait_for_outcome("printed")
    report = command(far, "report")
    assert report["status"]["state"] in ("ready", "paid")
    assert report["status"]["disk_free_mb"] > 0
    assert {"external_reference": "the-sale", "stage": "printed"} in report["orders"]
    assert report["versions"]["python"]
    assert far.config.parent.name in report["configuration"]
    token = far.config.parent / yaml.safe_load(far.config.read_text())["mercadopago"]["access_token_file"]
    assert token.read_text().strip() not in json.dumps(report)


def test_a_test_slip_comes_out_and_says_that_it_is_no_receipt(far: Shop):
    before = len(far.printer.tickets)
    assert command(far, "test_ticket")["done"]
    slip = far.printer.wait_for_tickets(before + 1)[-1]
    assert "No es un comprobante." in slip.text
    assert "áéíóúüñ ÁÉÍÓÚÜÑ ¡¿ºª $ €" in slip.text


def test_the_lights_wave(far: Shop):
    assert command(far, "identify")["done"]
    far.wait_for_state("identify")
    wait_for(lambda: all(far.board.lights.values()) or far.board.lights["red"], "the wave comes by")
    far.wait_for_state("ready", timeout=30)


def test_a_reprint_is_marked_and_one_of_nothing_is_refused(far: Shop):
    far.sell("again")
    wait_for(lambda: any("again" in ticket.text for ticket in far.printer.tickets), "its ticket")
    before = len(far.printer.tickets)
    wait_for(lambda: command(far, "reprint", external_reference="again")["done"], "it can be copied")
    assert "COPIA" in far.printer.wait_for_tickets(before + 1)[-1].text
    refused = command(far, "reprint", external_reference="never-heard-of")
    assert not refused["done"]
    assert "never-heard-of" in refused["text"]


@pytest.mark.parametrize(
    "payload", ["", "{}", '{"v":1}', '{"v":1,"command":"cancel"}', '{"v":1,"command":["report"]}', "\x00"]
)
def test_what_is_no_command_is_dropped_and_counted(far: Shop, payload):
    before = far.status["dropped_messages"]
    far.ears.say(COMMANDS, payload)
    wait_for(lambda: far.status["dropped_messages"] == before + 1, "it is counted")


def test_a_retained_command_is_not_obeyed_at_each_connection(far: Shop):
    before = len(far.printer.tickets)
    far.ears._client.publish(COMMANDS, json.dumps({"v": 1, "command": "test_ticket"}), qos=1, retain=True)
    far.printer.wait_for_tickets(before + 1)  # to whoever is connected it comes as any other
    assert command(far, "check_now")["done"]  # the one before it is acknowledged now, and doesn't come again
    printed, dropped = len(far.printer.tickets), far.status["dropped_messages"]
    far.broker.stop()
    far.broker.start()
    wait_for(lambda: far.status.get("dropped_messages", 0) > dropped, "it is dropped")
    assert command(far, "check_now")["done"]
    assert [ticket.text.split()[0] for ticket in far.printer.tickets[printed:]] == []
    far.ears.say(COMMANDS, "")  # and so it stays, for later stories


def test_the_echo_of_a_ping_is_measured(far: Shop):
    wait_for(lambda: far.status.get("round_trip_ms") is not None and far.status.get("relay") == "online", "an echo")
    assert far.ears.on(f"tills/{TILL}/ping")


def test_what_rings_for_all_tills_of_the_seller_is_heard(far: Shop):
    far.wait_for_state("ready", timeout=30)
    far.mercadopago.habits.drop = True
    reference = far.order(total="10")
    far.mercadopago.account.scan()
    wait_for(lambda: far.status["loaded"] == reference, "the order is seen", timeout=90)
    before = len(far.printer.tickets)
    far.mercadopago.account.pay()
    [order] = [
        each for each in far.mercadopago.account.merchant_orders.values() if each["external_reference"] == reference
    ]
    far.ears.say(f"sellers/{USER}/orders", json.dumps({"v": 1, "kind": "merchant_order", "id": order["id"]}))
    assert reference in far.printer.wait_for_tickets(before + 1)[-1].text
    far.mercadopago.habits.drop = False


# --- floods: what others cause has a limit, and the shop sells through it --------------------------------------------


def flood(shop: Shop, seconds: float, *messages: tuple[str, dict], at_least: int = 0) -> int:
    """Publish these in turn, as fast as the broker takes them. Returns how many were published."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until or count < at_least:
        topic, message = messages[count % len(messages)]
        shop.ears.say(topic, json.dumps({"v": 1, **message}))
        count += 1
    return count


def test_a_relay_that_flaps_costs_a_few_questions(far: Shop):
    wait_for(lambda: far.status["state"] in ("ready", "polling"), "all is quiet")
    before, began = len(far.mercadopago.requests), time.monotonic()
    flaps = ("relay/status", {"state": "offline"}), ("relay/status", {"state": "online"})
    published = flood(far, 10, *flaps, at_least=200)
    asked, statuses = len(far.mercadopago.requests) - before, len(far.ears.on(STATUS))
    seconds = time.monotonic() - began
    assert asked <= 3 * seconds, f"{asked} questions in {seconds:.0f} s after {published} changes"
    assert statuses < published
    far.ears.say("relay/status", '{"v":1,"state":"online"}')
    far.wait_for_state("ready", timeout=30)


def test_a_flood_of_test_slips_and_looks_is_refused_and_a_sale_in_it_has_its_ticket(far: Shop):
    before, asked = len(far.printer.tickets), len(far.mercadopago.requests)
    flood(far, 5, (COMMANDS, {"command": "test_ticket"}), (COMMANDS, {"command": "check_now"}))
    far.sell("in-the-flood")
    wait_for(lambda: any("in-the-flood" in slip.text for slip in far.printer.tickets), "its ticket")
    slips = len(far.printer.tickets) - before - 1
    assert slips <= 5, f"{slips} test slips"
    assert len(far.mercadopago.requests) - asked <= 40
    refused = command(far, "test_ticket")
    assert (refused["done"], refused["text"][:17]) == (False, "too many commands")
