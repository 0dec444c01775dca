"""`till-edge check`: what it says of all that can be wrong, that no daemon is disturbed, and what it leaves behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.config.schema import load
from edge.contract.mqtt import MAX_RECORD_BYTES, encode
from edge.core import events
from edge.daemon.local_status import Handover, leave_record, read_status
from edge.install.check.acceptance import Acceptance, lay_out_acceptance
from edge.install.check.acceptance_words import ACCEPTANCE
from edge.install.check.account import check_order
from edge.install.check.broker import Visit, ask_daemon
from edge.install.check.findings import Cause, Finding, Grade, Part, all_well, failed, ok, skipped
from edge.install.check.hardware import Press, ask_daemon_for_printer, check_machine, check_panel, leave_panel
from edge.install.check.light_words import MEANINGS
from edge.install.check.runner import Check, Options
from edge.journal.store import in_use, lock
from edge.machine.facts import Board, board
from edge.mercadopago.client import MercadoPago as Api
from edge.paper.escpos import Encoder
from edge.paper.ticket import Row, as_text
from qa.check_causes import INTRODUCTION, PAGE, WRONG, Wrong, enrolled, found, over_tls, row, shop_with
from relay.fleet.facts import decode_record
from sim.board import BUTTON, LEDS
from sim.mercadopago import Fault
from sim.shop import PATIENCE, TILL, Shop, wait_for
from tests.support.processes import with_default_signals
from tests.support.shipped_broker import Client

HELP_URL = "https://help.example.net/till"
HELP = {"till": {"help_url": HELP_URL}}
SLOW = {Part.SOUND, Part.BROKER, Part.RELAY, Part.PRINTER, Part.PROOF}
RECORD = f"tills/{TILL}/commissioning"


def marks(wrong: Wrong) -> list[pytest.MarkDecorator]:
    root = pytest.mark.skipif(wrong.needs_root and os.geteuid() != 0, reason="needs root")
    return [root, pytest.mark.slow] if wrong.part in SLOW else [root]


both_apis = pytest.mark.parametrize("api", ["instore", "orders"])
CAUSES = [pytest.param(title, wrong, id=title.replace(" ", "_"), marks=marks(wrong)) for title, wrong in WRONG.items()]


@pytest.mark.parametrize(("title", "wrong"), CAUSES)
def test_what_is_wrong_is_said_in_words_and_stands_on_the_page(title, wrong, tmp_path):
    finding = found(wrong, tmp_path)
    assert wrong.says in finding.line
    assert finding.advice
    assert row(title, finding, tmp_path) in PAGE.read_text(), "run `make causes`"


@pytest.mark.parametrize(
    "title", ["A sale is on the till", "An order can't be removed", "A customer is just paying the order"]
)
def test_what_is_wrong_with_an_order_is_said_alike_under_the_orders_api(title, tmp_path):
    finding = found(replace(WRONG[title], api="orders"), tmp_path)
    assert row(title, finding, tmp_path) in PAGE.read_text()


def test_the_page_has_nothing_else():
    page = PAGE.read_text()
    assert page.startswith(INTRODUCTION)
    rows = page.removeprefix(INTRODUCTION).splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in rows] == list(WRONG)


# --- the whole command ---------------------------------------------------------------------------------------------


def check(shop: Shop, *options: str) -> tuple[int, str, str]:
    """What an installer types, with no terminal; the exit code, what it says, and its complaints."""
    environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}
    command = [sys.executable, "-m", "edge", "check", *options, "--config", str(shop.config)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=90, env=environment, stdin=subprocess.DEVNULL, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def grades(said: str) -> dict[str, str]:
    """The grade of each part."""
    return {line[9:23].strip(): line[:8].strip() for line in said.splitlines()}


@pytest.mark.slow
@both_apis
def test_a_till_of_which_all_is_well(shop_of, api):
    shop = shop_of(HELP, without=("board",), api=api)
    code, said, complaints = check(shop)
    assert (code, complaints) == (0, "")
    assert list(grades(said)) == [part.value for part in Part if part is not Part.SOUND]
    assert {part for part, grade in grades(said).items() if grade != "ok"} <= {"button", "power", "disk"}
    [ticket] = shop.printer.tickets
    assert "Lo que se probó está bien." in ticket.text, "nobody pressed the button"
    assert "Si no vio las tres" in ticket.text, "no machine can tell whether they shone"
    assert HELP_URL in ticket.text, "the code"
    assert shop.mercadopago.till().loaded is None
    wait_for(lambda: shop.ears.on(RECORD), "the record")
    assert shop.ears.on(RECORD)[0]["well"] is True


@pytest.mark.slow
def test_the_record_stays_at_the_broker_and_has_no_secret_in_it(shop_of):
    shop = shop_of(without=("board",))
    code, said, _ = check(shop, "--json", "--no-ticket")
    late = Client(shop.broker.port)
    late.subscribe(RECORD)
    record = late.next()[1].decode()
    late.close()
    assert json.loads(record) == json.loads(said)
    assert code == 0
    assert shop.printer.tickets == []
    assert shop.mercadopago.access_token not in record
    assert len(record.encode()) < MAX_RECORD_BYTES
    told = json.loads(record)
    assert {"v", "till", "at", "version", "board", "serial", "printer", "well", "checks", "versions"} == set(told)
    assert [each["part"] for each in told["checks"]] == [part.value for part in Part if part is not Part.SOUND]


@pytest.mark.slow
def test_what_fails_is_on_the_ticket_in_the_shops_words(shop_of):
    shop = shop_of({"till": {"language": "pt"}}, without=("board",))
    shop.mercadopago.till().fixed_amount = False
    shop.relay.kill()
    wait_for(lambda: shop.state("relay/status") == "offline", "the relay's will")
    code, said, _ = check(shop)
    assert code == 1
    assert grades(said)["point of sale"] == grades(said)["relay"] == "failed"
    assert grades(said)["order"] == "skipped"
    text = " ".join(shop.printer.tickets[0].text.split())
    assert "HÁ FALHAS" in text
    assert "Falhas: 2." in text
    assert "O caixa aceita qualquer valor: configure valor fixo." in text
    assert "O relay está desligado" in text


@pytest.mark.slow
def test_a_till_without_a_relay_may_open(shop_of):
    shop = shop_of({"broker": {"host": "127.0.0.1", "port": 1}}, without=("board", "relay"))
    code, said, complaints = check(shop)
    assert code == 0
    assert "no relay configured: the till polls Mercado Pago" in said
    assert grades(said)["broker"] == "warning"
    assert "no record at the broker: the daemon publishes it as soon as it can" in complaints


@pytest.mark.slow
def test_a_bad_configuration_is_told_as_ever(shop_of, tmp_path):
    shop = Shop(tmp_path, {"till": {"langauge": "es"}, "panel": {"leds": {"red": 27}}})
    shop.write_config()
    code, _, complaints = check(shop)
    assert code == 78
    assert "did you mean language?" in complaints
    assert "pin 27 is used by" in complaints


@pytest.mark.slow
def test_a_till_that_sells_gets_no_order(shop_of):
    shop = shop_of(without=("board", "relay"))
    _, said, _ = check(shop, "--no-order")
    assert "skipped  order          not tried, as requested" in said
    assert {request.method for request in shop.mercadopago.requests} == {"GET"}


# --- a daemon that runs --------------------------------------------------------------------------------------------


@pytest.mark.slow
@both_apis
def test_a_running_daemon_is_not_disturbed_and_says_what_it_knows(shop_of, api):
    shop = shop_of(api=api)
    shop.wait_for_state("ready")
    heard = len(shop.ears.heard)
    code, said, complaints = check(shop)
    assert (code, complaints) == (0, "")
    assert "the running daemon is connected" in said
    assert "in use by the running daemon; to try it: systemctl stop till-edge" in said
    assert grades(said)["relay"] == grades(said)["printer"] == grades(said)["order"] == "ok"
    wait_for(lambda: shop.ears.on(RECORD), "the daemon leaves the record at the broker")
    shop.sell("the-next-sale")
    shop.wait_for_outcome("printed")
    states = [json.loads(payload)["state"] for topic, payload in shop.ears.heard[heard:] if topic.endswith("/status")]
    assert not {"offline", "attention", "printer", "starting"} & set(states)
    trial = [outcome for outcome in shop.outcomes if outcome["external_reference"].startswith(f"check-{TILL}-")]
    assert [outcome["external_reference"] for outcome in shop.outcomes if outcome not in trial] == ["the-next-sale"]
    # Mercado Pago notifies that an order of the Orders API was cancelled, whoever made it.
    assert [outcome["reason"] for outcome in trial] == ["cancelled"] * (api == "orders")
    assert len(shop.printer.tickets) == 2


@pytest.mark.slow
def test_a_daemon_that_sees_the_trial_order_ends_where_it_was(shop_of):
    """It is on the till for some milliseconds only; here the daemon happens to look just then."""
    shop = shop_of({"watch": {"idle_every_seconds": 1, "check_every_seconds": 1, "grace_minutes": 0.05}})
    shop.mercadopago.faults.append(Fault("hang", "PUT", seconds=2.5, times=1))
    config = load(shop.config)
    with closing(Api(config.mercadopago)) as api:
        finding = check_order(api, replace_timeout(config, 10), datetime.now(UTC), "a1b2c3")
    assert finding.grade is Grade.OK
    reference = finding.seen.split()[0]
    statuses = shop.ears.on(f"tills/{TILL}/status")
    assert reference in {status.get("loaded") for status in statuses}, "the daemon never saw it"
    wait_for(lambda: f"order {reference}: lapsed" in shop.board.tail(400), "it is forgotten")
    wait_for(lambda: shop.status["waiting"] == 0, "the status of one state is told once a second")
    assert (shop.status["state"], shop.status["loaded"], shop.status["problems"]) == ("ready", None, [])
    assert shop.outcomes == []
    assert shop.printer.tickets == []


def replace_timeout(config, seconds):
    return replace(config, mercadopago=replace(config.mercadopago, timeout_seconds=seconds))


@pytest.mark.slow
def test_at_the_shipped_broker_a_running_daemon_keeps_its_place(tmp_path):
    """There a till's user is its client id, whatever it says: a second connection would throw the daemon out."""
    with shop_with(Wrong(Part.BROKER, "", broker=enrolled), tmp_path) as shop:
        over_tls(shop)
        auditor = Client(shop.broker.port, "auditor")
        auditor.subscribe(f"tills/{TILL}/status")
        shop.board.plug_in()
        wait_for(lambda: b'"ready_to_sell":true' in auditor.next()[1], "the till is ready")
        code, said, _ = check(shop)
        auditor.say(f"tills/{TILL}/status", b"the end")
        states = []
        while (payload := auditor.next()[1]) != b"the end":
            states.append(json.loads(payload)["state"])
        shop.board.shut_down()
        auditor.close()
    assert "the running daemon is connected" in said
    assert "offline" not in states
    assert code == 0


@pytest.mark.slow
def test_what_was_rung_for_a_stopped_daemon_is_still_there_after_a_check(tmp_path):
    with shop_with(Wrong(Part.BROKER, "", broker=enrolled), tmp_path) as shop:
        over_tls(shop)
        config = load(shop.config)
        with closing(Visit(config, "0")) as daemon:  # it was there once
            assert daemon.wait_for(events.BrokerConnected, seconds=PATIENCE)
        relay = shop.broker.come("till-relay")
        relay.say(f"tills/{TILL}/orders", b'{"v":1,"kind":"merchant_order","id":"31000000001"}')
        relay.close()
        code, _, _ = check(shop, "--no-order", "--no-ticket")
        assert code == 0
        with closing(Visit(config, "0")) as daemon:
            assert daemon.wait_for(events.DoorbellRang, seconds=PATIENCE)
            assert daemon.wait_for(events.DoorbellRang, seconds=1) is None


def test_to_ask_whether_a_daemon_runs_makes_no_file(tmp_path):
    journal = tmp_path / "journal.db"
    assert not in_use(journal)
    assert list(tmp_path.iterdir()) == []
    held = lock(journal)
    assert in_use(journal)
    held.close()
    assert not in_use(journal)


def said_by_daemon(shop: Shop, **status) -> dict[str, str]:
    """What a check makes of the status of a daemon, which is at work while it looks."""
    config = load(shop.config)
    findings = (*ask_daemon(status, config), *ask_daemon_for_printer(status, config), *leave_panel())
    return {finding.part.value: f"{finding.grade} {finding.seen}" for finding in findings}


def test_what_a_daemon_says_is_judged_like_what_is_seen(tmp_path):
    with shop_with(Wrong(Part.BROKER, ""), tmp_path) as shop:
        well = said_by_daemon(shop, broker="connected", round_trip_ms=40, printer="ready", proof="status")
        lost = said_by_daemon(shop, broker="127.0.0.1:1883: Connection refused", printer="no_paper", proof="none")
        before = said_by_daemon(shop, broker="mqtt.example.net:8883: Connection refused")  # config.yaml was changed
        unheard = said_by_daemon(shop, broker="connected", relay="unheard", round_trip_ms=None)
        offline = said_by_daemon(shop, broker="connected", relay="offline", round_trip_ms=None)
        older = said_by_daemon(shop)  # of a version that shows no status
        missing = said_by_daemon(shop, broker="connected", broker_error="no commands", round_trip_ms=40)
    assert {words.split()[0] for words in well.values()} == {"ok", "skipped"}
    assert lost["broker"] == "warning no relay configured: the till polls Mercado Pago, and sells some seconds slower"
    assert before["broker"] == "warning the running daemon still looks for mqtt.example.net"
    assert before["relay"].startswith("skipped not tried")
    assert lost["printer"] == "failed the printer has no paper"
    assert unheard["relay"] == "failed the relay is online, but its doorbells don't reach us"
    assert offline["relay"] == "failed the relay is offline"
    assert missing["broker"] == "warning the running daemon is connected, but no commands"
    assert {words.split()[0] for words in older.values()} == {"skipped"}


def test_two_who_print_on_one_serial_line_would_print_a_mixture(tmp_path):
    with shop_with(Wrong(Part.PRINTER, ""), tmp_path) as shop:
        settings = yaml.safe_load(shop.config.read_text())
        settings["printer"] = {"connection": "serial", "device": "/dev/ttyS9"}
        shop.config.write_text(yaml.safe_dump(settings))
        held = lock(load(shop.config).journal.path)
        with closing(Check(load(shop.config), "0", Options(order=False))) as check:
            findings = {finding.part: finding for finding in check.run()}
            why = check.print_ticket()
        held.close()
    assert findings[Part.PRINTER].seen == "the running daemon uses the printer"
    assert why == "the printer can't print it"


def test_a_ticket_that_breaks_off_is_a_failure(tmp_path):
    with shop_with(Wrong(Part.PRINTER, ""), tmp_path) as shop:
        held = lock(load(shop.config).journal.path)
        with closing(Check(load(shop.config), "0", Options(order=False))) as check:
            assert all_well(tuple(check.run()))
            shop.printer.paper_out(after_lines=10)
            assert check.print_ticket() == "the printer broke off: no_paper"
            assert check.findings[-1].grade is Grade.FAILED
        held.close()


def test_files_beside_the_journal_say_how_the_daemon_is_and_what_a_check_found(tmp_path):
    journal = tmp_path / "journal.db"
    daemon = Handover(journal)
    assert read_status(journal) == {}
    daemon.show({"broker": "connected", "state": "ready", "loaded": "a-sale"})
    assert read_status(journal) == {"broker": "connected"}
    leave_record(journal, b"a record")
    assert daemon.take_record() == b"a record"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.status"]
    (tmp_path / "journal.status").write_bytes(b'{"broker": "conn')  # a power cut
    assert read_status(journal) == {}
    Handover(tmp_path / "nowhere" / "journal.db").show({"broker": "connected"})


# --- the order on the till -----------------------------------------------------------------------------------------


def try_order(shop: Shop, waiting: str = "") -> Finding:
    config = load(shop.config)
    with closing(Api(config.mercadopago)) as api:
        return check_order(api, config, datetime.now(UTC), "a1b2c3", waiting)


@both_apis
def test_an_order_on_the_till_is_not_touched(tmp_path, api):
    with shop_with(Wrong(Part.ORDER, "", api=api), tmp_path) as shop:
        shop.mercadopago.put_order("a-sale", "5350.50")
        before = shop.mercadopago.till().loaded
        finding = try_order(shop, next(iter(shop.mercadopago.order_book.orders), ""))
        assert finding.grade is Grade.SKIPPED
        assert shop.mercadopago.till().loaded is before
        assert [request.method for request in shop.mercadopago.requests] == ["GET"]


@both_apis
@pytest.mark.parametrize("unanswered", [1, 2])
def test_an_order_that_was_put_and_not_answered_is_removed_all_the_same(tmp_path, api, unanswered):
    """Under Orders its id is learned by asking for it again: the same order is created once."""
    with shop_with(Wrong(Part.ORDER, "", api=api), tmp_path) as shop:
        shop.mercadopago.faults.append(Fault("reset_after", "PUT|POST", "orders$", times=unanswered))
        assert try_order(shop).grade is Grade.FAILED
        assert shop.mercadopago.till().loaded is None
        assert list(shop.mercadopago.placed) != []
        orders = [shop.mercadopago.order_book.status(order) for order in shop.mercadopago.order_book.orders.values()]
        assert orders == (["canceled"] if api == "orders" else [])


def test_a_trial_order_is_cancelled_by_its_id_and_the_shops_next_one_left_alone(tmp_path):
    with shop_with(Wrong(Part.ORDER, "", api="orders"), tmp_path) as shop:
        service = shop.mercadopago
        service.faults.append(Fault("hang", "POST", "/cancel$", seconds=1, times=1))
        trial = threading.Thread(target=try_order, args=(shop,))
        trial.start()
        wait_for(lambda: any(request.path.endswith("/cancel") for request in service.requests), "it is being cancelled")
        service.put_order("the-next-sale", "100")
        trial.join(PATIENCE)
        assert service.till().loaded.reference == "the-next-sale"
        assert [service.order_book.status(order) for order in service.order_book.orders.values()] == [
            "canceled",
            "created",
        ]


@pytest.fixture
def started(tmp_path) -> Iterator[Callable[..., tuple[Shop, subprocess.Popen]]]:
    """Starts checks as processes, each with its order on the till; what is given runs in each before it is a check."""
    with contextlib.ExitStack() as stack:

        def start(first: Callable[[], object], api: str = "instore") -> tuple[Shop, subprocess.Popen]:
            shop = stack.enter_context(shop_with(Wrong(Part.ORDER, "", api=api), tmp_path))
            shop.mercadopago.faults.append(Fault("hang", "GET", "orders", seconds=1.5))
            command = [sys.executable, "-m", "edge", "check", "--no-ticket", "--config", str(shop.config)]
            environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            checking = subprocess.Popen(command, env=environment, preexec_fn=first, **quiet)
            stack.enter_context(checking)
            wait_for(lambda: shop.mercadopago.till().loaded, "the order is on the till")
            return shop, checking

        yield start


@pytest.mark.slow
@both_apis
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_check_that_is_ended_in_the_midst_of_its_order_leaves_none_behind(number, started, api):
    """By an impatient hand, which presses twice; by systemd; by a line that breaks."""
    shop, checking = started(with_default_signals, api)
    checking.send_signal(number)
    time.sleep(0.3)
    checking.send_signal(number)
    assert checking.wait(PATIENCE) == 130
    assert shop.mercadopago.till().loaded is None


@pytest.mark.slow
def test_a_check_that_nohup_started_goes_on_when_the_line_breaks(started):
    _, checking = started(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    checking.send_signal(signal.SIGHUP)
    assert checking.wait(PATIENCE) == 0


@both_apis
def test_the_trial_order_rings_nobody_and_lives_a_minute(tmp_path, api):
    settings = {"mercadopago": {"notification_url": "https://relay.example/x"}}
    with shop_with(Wrong(Part.ORDER, "", settings, api=api), tmp_path) as shop:
        try_order(shop)
        [order] = shop.mercadopago.placed.values()
        assert "notification_url" not in order.body
        assert order.reference.startswith(f"check-{TILL}-")
        assert (order.expires - datetime.now(UTC)).total_seconds() <= 60


# --- lights and button ---------------------------------------------------------------------------------------------


def test_each_light_is_lit_alone_and_a_press_is_felt(tmp_path):
    before = Device.pin_factory
    Device.pin_factory = pins = MockFactory()
    try:
        with shop_with(Wrong(Part.BUTTON, ""), tmp_path) as shop:
            Device.pin_factory = pins
            asked = []
            press = Press(
                lambda text: (asked.append(text), threading.Timer(0.3, pins.pin(BUTTON).drive_low).start()), 5
            )
            seen, done = set(), threading.Event()
            eyes = threading.Thread(target=look, args=(pins, seen, done))
            eyes.start()
            lights, button = check_panel(load(shop.config), press, shown_s=1.5)
            done.set()
            eyes.join()
    finally:
        Device.pin_factory = before
    assert {("green",), ("yellow",), ("red",)} <= seen
    assert asked == ["press the button now (within 5 s)"]
    assert (lights.grade, button.grade) == (Grade.OK, Grade.OK)


OPEN = {"printer": {"profile": None, "columns": None, "codepage": None}}
"""Nothing is written of how the printer prints."""


def answer_with_presses(shop: Shop, pins: MockFactory, slips: int) -> None:
    """One press for each slip that asks, when it lies there and the yellow light blinks: an answer is waited for."""
    button, yellow = pins.pin(BUTTON), pins.pin(LEDS["yellow"])
    for number in range(1, slips + 1):
        shop.printer.wait_for_tickets(number)
        before = yellow.state
        wait_for(lambda: yellow.state != before, "the yellow light blinks")  # noqa: B023
        button.drive_low()
        time.sleep(0.2)
        button.drive_high()


@pytest.mark.slow
def test_a_printer_that_nobody_knows_asks_before_its_acceptance_ticket(tmp_path):
    with shop_with(Wrong(Part.PRINTER, "", settings=OPEN), tmp_path) as shop:
        Device.pin_factory = pins = MockFactory()
        shop.printer.name = ("", "POS-80")
        hand = threading.Thread(target=answer_with_presses, args=(shop, pins, 2))
        hand.start()
        with closing(Check(load(shop.config), "0", Options(order=False, press=Press(print, 0.1)))) as check:
            assert all(finding.grade is Grade.OK for finding in check.run() if finding.part is Part.PRINTER)
            assert check.print_ticket() == ""
        hand.join()
        asked, accents, done, acceptance = shop.printer.wait_for_tickets(4)
    assert "48" in asked.text
    assert "CP858" in accents.text
    assert "LISTO" in done.text
    assert "─" * 48 in acceptance.text.splitlines()
    assert "POS-80" in acceptance.text


@pytest.mark.slow
def test_where_nobody_is_there_to_answer_nobody_is_asked(tmp_path):
    """So the first boot goes on to the daemon, which asks beside its work."""
    with shop_with(Wrong(Part.PRINTER, "", settings=OPEN), tmp_path) as shop:
        Device.pin_factory = MockFactory()
        shop.printer.name = ("", "POS-80")
        with closing(Check(load(shop.config), "0", Options(order=False))) as check:
            assert all_well(tuple(check.run()))
            assert check.print_ticket() == ""
        [acceptance] = shop.printer.wait_for_tickets(1)
    assert "─" * 32 in acceptance.text.splitlines()


LGPIO = """
class error(Exception):
    pass


SET_PULL_NONE = SET_PULL_UP = SET_PULL_DOWN = BOTH_EDGES = RISING_EDGE = FALLING_EDGE = 0


def gpiochip_open(chip):
    return 1


def gpiochip_close(handle):
    pass


def gpio_free(handle, pin):
    pass


def gpio_claim_input(*_):
    raise error("GPIO busy")


gpio_claim_output = gpio_claim_input
"""
"""What of lgpio is called before it finds that another program has the pin, with its own kind of error."""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to mount: run as root")
def test_pins_that_another_program_has_are_a_sentence(tmp_path):
    """On what says that it is a Pi Zero 2 W."""
    with shop_with(Wrong(Part.LIGHTS, ""), tmp_path) as shop:
        (tmp_path / "lgpio.py").write_text(LGPIO)
        (tmp_path / "cpuinfo").write_text("Revision\t: 902120\n")
        environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "lgpio", "PYTHONPATH": str(tmp_path)}
        command = f"mount --bind {tmp_path}/cpuinfo /proc/cpuinfo && exec {sys.executable} -m edge check --no-ticket"
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{command} --config {shop.config}"],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "failed   lights         the GPIO pins can't be used: GPIO busy" in done.stdout


def test_a_machine_of_which_all_is_well(tmp_path):
    facts = {"clock_offset_seconds": 1, "disk_free_mb": 25600, "throttled": []}
    findings = list(check_machine(facts, tmp_path / "journal.db"))
    assert [(finding.grade, finding.value) for finding in findings] == [
        (Grade.OK, "+1 s"),
        (Grade.OK, "25600 MB"),
        (Grade.OK, ""),
    ]
    assert list(tmp_path.iterdir()) == []


def test_which_pi_this_is_stands_in_its_device_tree(tmp_path):
    tree = tmp_path / "proc" / "device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(b"Raspberry Pi Zero 2 W Rev 1.0\0")
    (tree / "serial-number").write_bytes(b"10000000abcdef01\0")
    assert board(tmp_path) == Board("Raspberry Pi Zero 2 W Rev 1.0", "10000000abcdef01")
    assert board(tmp_path / "elsewhere") == Board("", "")


def look(pins: MockFactory, seen: set, done: threading.Event) -> None:
    while not done.is_set():
        seen.add(tuple(color for color, number in LEDS.items() if pins.pin(number).state))
        time.sleep(0.01)


# --- the ticket ----------------------------------------------------------------------------------------------------

EVERYTHING = tuple(
    Finding(list(Part)[number % len(Part)], Grade.FAILED, "x" * 300, "y" * 100, cause, "1234 ms")
    for number, cause in enumerate(Cause)
)


def ticket(language: str, columns: int, findings: tuple[Finding, ...], folder: Path) -> list[str]:
    shop = Shop(folder, {"till": {"language": language, "help_url": HELP_URL}})
    shop.write_config()
    config = load(shop.config)
    now = datetime(2026, 3, 2, 21, 45, tzinfo=UTC)
    acceptance = Acceptance(TILL, now, "0.1.0", "Raspberry Pi", "10000000abcdef01", "TM-T20II", 2.5, findings)
    lines = lay_out_acceptance(acceptance, config.ticket, config.till, columns)
    assert all(len(line.left) + len(line.right) < columns for line in lines if isinstance(line, Row)), "a row is torn"
    assert b"?" not in Encoder(columns=columns).encode(line for line in lines)
    return as_text(lines, columns).splitlines()


@pytest.mark.parametrize("language", ACCEPTANCE)
@pytest.mark.parametrize("columns", [32, 48])
def test_the_ticket_fits_its_paper_whatever_is_on_it(language, columns, tmp_path):
    well = tuple(ok(part, "it is", "12345 ms") for part in Part)
    for findings in (well, EVERYTHING):
        text = ticket(language, columns, findings, tmp_path)
        assert [line.strip() for line in text if len(line) > columns] in ([], [f"[QR {HELP_URL}]"])
        assert HELP_URL.removeprefix("https://") in "\n".join(text)


def test_the_ticket_names_what_was_not_tried_and_vouches_for_the_rest_only(tmp_path):
    at_work = (Part.LIGHTS, Part.BUTTON)
    findings = tuple(skipped(part, Cause.DAEMON_RUNS, "") if part in at_work else ok(part, "") for part in Part)
    text = ticket("es", 32, findings, tmp_path)
    assert "Lo que se probó está bien." in [line.strip() for line in text]
    assert "Sin probar: Luces, Botón." in text
    assert "Todo bien" not in "".join(text)


def test_what_is_not_there_was_not_left_out(tmp_path):
    findings = (skipped(Part.RELAY, Cause.NO_RELAY, ""), skipped(Part.POWER, Cause.NO_PI, ""), ok(Part.CLOCK, ""))
    assert "Todo bien: la caja puede vender." in [line.strip() for line in ticket("es", 32, findings, tmp_path)]


@pytest.mark.parametrize("language", ACCEPTANCE)
def test_the_ticket_says_of_every_light_what_it_means(language, tmp_path):
    text = " ".join(" ".join(ticket(language, 32, EVERYTHING, tmp_path)).split())
    for meaning in MEANINGS[language]:
        assert ": " in meaning.on_ticket
        assert meaning.on_ticket in text


@pytest.mark.parametrize("language", ACCEPTANCE)
def test_every_part_grade_and_cause_has_its_words(language):
    words = ACCEPTANCE[language]
    assert (set(words.parts), set(words.grades), set(words.causes)) == (set(Part), set(Grade), set(Cause))


def test_the_record_is_read_by_others_even_if_everything_fails():
    findings = tuple(failed(part, Cause.NO_PINS, "x" * 1000, "mend it") for part in Part)
    now = datetime(2026, 3, 2, 21, 45, tzinfo=UTC)
    record = Acceptance("C" * 64, now, "0.1.0", "Raspberry Pi", "10000000abcdef01", "TM-T20II", 2, findings).as_json()
    read = decode_record(encode({"v": 1, **record}))
    assert (read.well, read.failed, read.at) == (False, tuple(Part), now)
