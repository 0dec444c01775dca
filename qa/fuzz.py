"""Coverage-guided fuzzing of what other machines send: `python -m qa.fuzz --seconds 60`. Needs atheris.

Each target has its own process and its share of the time. It starts from genuine messages, and changes their bytes, the
values in their JSON, and their HTTP heads. A target suppresses the errors that its function documents; any other is a
crash: its input is printed, and the exit code is 1. Only edge/ and relay/ are instrumented.
"""

import argparse
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.schema import BrokerConfig, MercadoPagoConfig
from edge.config.values import Secret
from edge.contract import mqtt as wire
from edge.contract.mqtt import BadMessageError
from edge.core import duties, events, till
from edge.core.events import TicketPrinted
from edge.core.order import Account, MerchantOrder, verdict
from edge.core.settings import Settings
from edge.core.state import Till
from edge.core.sweeps import History, Sweeps
from edge.inbox import Arrival, Inbox
from edge.mercadopago import client, decode
from edge.mercadopago.clock import ServerClock
from edge.mercadopago.fields import DecodeError, Page, decode_json
from edge.mqtt.session import MqttBroker
from relay.web.notification import doorbell_of
from sim.mercadopago import account as simulated
from sim.mercadopago.http import dump, general_error, store_error
from sim.mercadopago.routes import route
from sim.mercadopago.shapes import Seller
from sim.mercadopago.switches import Switches
from sim.mercadopago.validation import ApiProblem
from tests.support.bent_printer import one_job
from tests.support.caller import TILL
from tests.support.canned_wire import each_connection_answers
from tests.support.facts import POS, REFERENCE, USER
from tests.support.odd_heads import bend_head
from tests.support.odd_json import ODD, bend

ROOT = Path(__file__).parent.parent
MAX_MEMORY_MB = 1024
MAX_INPUT_BYTES = 8192
INPUT_TIMEOUT_S = 10
"""A target that needs more memory or time has crashed."""

# --- genuine messages ----------------------------------------------------------------------------------------------


def _answers() -> dict[str, bytes]:
    """Mercado Pago's answers in the course of a sale with two attempts, the second one approved."""
    account = simulated.Account(Seller(USER, "MLA"), [("SUC001", "SUC001POS003")], Switches())
    account.now = lambda: datetime(2026, 3, 2, 21, 39, 20, tzinfo=UTC)
    account.put_order(REFERENCE, "5350.50", [("Yerba 1 kg", 2, "2675.25")])
    till = route(account, "GET", TILL, {}, b"")[1]
    account.scan()
    account.pay(approved=False)
    payment = account.pay()["id"]
    questions = {
        "merchant_order": (f"/merchant_orders/{next(iter(account.merchant_orders))}", {}),
        "merchant_orders": ("/merchant_orders/search", {"external_reference": REFERENCE}),
        "payment": (f"/v1/payments/{payment}", {}),
        "payments": ("/v1/payments/search", {"pos_id": POS, "status": "approved"}),
        "pos": ("/pos", {"external_id": "SUC001POS003"}),
    }
    answers = {name: route(account, "GET", path, query, b"")[1] for name, (path, query) in questions.items()}
    answers["till"] = till
    answers["store_error"] = store_error(ApiProblem(400, "instore_order_locked_error", "The order is locked"))
    answers["general_error"] = general_error(404, "merchant order not found")
    return {name: dump(answer) for name, answer in answers.items()}


ANSWERS = _answers()
DUTIES = {
    "merchant_order": duties.Verify("31415926535"),
    "payment": duties.ReadPayment("98000000002"),
    "pos": duties.FindPos(),
    "till": duties.LookAtTill(),
    "payments": duties.Sweep(POS),
    "merchant_orders": duties.Search(REFERENCE),
    "store_error": duties.Cancel(REFERENCE),
}
"""The question that leads to each of these answers."""
HEAD = b"HTTP/1.1 %b\r\nDate: Mon, 02 Mar 2026 21:39:20 GMT\r\nContent-Type: application/json\r\n%b\r\n"
SLOWER = HEAD % (b"429 Too Many Requests", b"Retry-After: 7\r\n")
WHOLE_ANSWERS = tuple(
    b"%d\n" % number + head + ANSWERS[name]
    for number, name in enumerate(DUTIES)
    for head in (HEAD % (b"200 OK", b"Content-Length: %d\r\n" % len(ANSWERS[name])), HEAD % (b"403 No", b""), SLOWER)
)
"""The number of the question in the first line; behind it head and body of the answer."""
DOORBELLS = (
    b'{"v":1,"kind":"merchant_order","id":"31415926535","received_at":"2026-03-02T20:39:21Z","request_id":"2f1c"}',
    b'{"v":1,"kind":"payment","id":98000000002}',
    b'{"v":1,"kind":"order","id":"ORD01KA0000000000000000000AA"}',
    b'{"v":1,"kind":"ping","id":"a_nonce-1"}',
    wire.ONLINE,
)
ANNOUNCEMENTS = (b'{"v":1,"order":"ORD01KA0000000000000000000AA"}', b'{"v":1,"order":"CAJA01-000417"}')
NOTIFICATIONS = (
    b'topic=merchant_order&id=31415926535\n{"resource":"https://api.mercadolibre.com/merchant_orders/31415926535",'
    b'"topic":"merchant_order"}',
    b'topic=payment&id=98000000002\n{"resource":"98000000002","topic":"payment"}',
    b'data.id=31415926535&type=topic_merchant_order_wh\n{"action":"update","data":{"status":"closed"},'
    b'"id":"31415926535","type":"topic_merchant_order_wh"}',
    b'data.id=98000000002&type=payment\n{"action":"payment.updated","data":{"id":"98000000002"},"id":12345678901,'
    b'"type":"payment"}',
    b'type=order\n{"action":"order.processed","type":"order","data":{"id":"ORD01KA0000000000000000000AA"}}',
)
"""The query in the first line, the body in the second."""
PACKETS = (
    b'\x00{"v":1,"command":"report"}',
    b'\x1a\x08\x00\x14tills/CAJA01/answers\x09\x00\x00{"v":1,"command":"identify"}',
    b'\x0a\x02\x00\x00\x00\x0f\x09\x00\x02ab{"v":1,"command":"reprint","last":true}',
)
"""The end of a PUBLISH: its properties and its payload."""
PRINTER_ANSWERS = (
    b'\x12|\x12|\x12|\x12|\x14\x00\x00\x0f|7"4321\x00\x00|\x12|\x12|\x12|\x12',
    b"\x12|\x1e|\x12|\x12||\x0f|\x1a|\x72|\x36|\x52",
    b"_TM-T20III\x00|_EPSON\x00|7%\x00|\x16",
)
"""What a printer says to each thing that it is sent in the course of a ticket."""

# --- targets -------------------------------------------------------------------------------------------------------

READERS: tuple[Callable[[Any], object], ...] = (
    decode.decode_merchant_order,
    decode.decode_merchant_orders,
    decode.decode_payment,
    decode.decode_payments,
    decode.decode_listed_payments,
    decode.decode_loaded_order,
    decode.decode_error_code,
    lambda answer: decode.decode_pos_id(answer, "SUC001POS003", "SUC001"),
)


def read_message(data: bytes) -> None:
    """Bytes as they come from the broker."""
    with suppress(BadMessageError):
        wire.decode_doorbell(data)
    with suppress(BadMessageError):
        wire.decode_state(data)
    with suppress(BadMessageError):
        announced = wire.decode_announcement(data)
        assert bool(announced.id) != bool(announced.reference)


def read_answer(data: bytes) -> None:
    """Bytes as Mercado Pago answers them. Whatever can be read can also be written down, and an order is judged."""
    with suppress(DecodeError):
        answer = decode_json(data)
        for read in READERS:
            with suppress(DecodeError):
                _use(read(answer))


def _use(found: object) -> None:
    for each in found.found if isinstance(found, Page) else (found,):
        written(each)
        if isinstance(each, MerchantOrder):
            verdict(each, Account(USER, POS), True, {payment.id: "" for payment in each.payments})
            verdict(each, Account(USER, POS), False, {payment.id: POS for payment in each.payments})


def written(found: object) -> bytes:
    """A reading as the journal and the status write it."""
    content = asdict(found) if is_dataclass(found) and not isinstance(found, type) else found
    return json.dumps(content, default=str, ensure_ascii=False).encode()


SELLER = MercadoPagoConfig(USER, "SUC001", "SUC001POS003", Secret("TEST-1"), "http://127.0.0.1:9")
TIME = datetime(2026, 3, 2, 21, 39, 20, tzinfo=UTC).timestamp()
WATCHING = till.step(Till(Settings(USER), sweeps=Sweeps(History(POS))), events.Started(), 0.0)


def read_whole_answer(data: bytes) -> events.Answered:
    """Head and body as Mercado Pago answers a question with them: a fact comes of it, and the till takes it."""
    number, _, answer = data.partition(b"\n")
    duty = tuple(DUTIES.values())[int(number[:3]) % len(DUTIES) if number.isdigit() else 0]
    api = client.MercadoPago(SELLER)
    api._exchange.clock = ServerClock(own=lambda: TIME)
    with each_connection_answers(answer):
        answered = api.do(duty)
    api.close()
    if isinstance(answered.answer, events.Unreachable):
        assert 0 <= answered.answer.retry_after <= 60
    written(answered.answer)
    till.step(WATCHING, answered, 1.0)
    return answered


def read_notification(data: bytes) -> None:
    """Query and body as they are posted to the relay. The till can read any doorbell that comes of it."""
    query, _, body = data.partition(b"\n")
    form = dict(parse_qsl(query.decode("latin1")))
    doorbell = doorbell_of("POST", form, {"x-request-id": form.get("request", "")}, body)
    if doorbell is not None:
        assert wire.decode_doorbell(wire.encode_doorbell(doorbell)) == doorbell


def read_printer(data: bytes) -> None:
    """Bytes as a printer answers them. Where an echo is demanded, only the ticket's own number proves it."""
    assert isinstance(one_job(data.split(b"|"), "auto", wait_s=0.0005), events.TicketEnd)
    proved = isinstance(one_job(data.split(b"|"), "process_id", wait_s=0.0005), TicketPrinted)
    assert not proved or b'7"4321\0' in data.translate(None, b"|\x11\x13")


INBOX = Inbox()
BROKER = MqttBroker(BrokerConfig("127.0.0.1", 1883), "CAJA01", "700100200", "0", INBOX)


def read_properties(data: bytes) -> None:
    """A command with MQTT's properties. What paho refuses ends the connection; all else becomes an event."""
    message = MQTTMessage(1, b"tills/CAJA01/commands")
    message.properties = Properties(PacketTypes.PUBLISH)
    try:
        length = message.properties.unpack(data)[1]
    except Exception:  # paho's own, of whatever kind it finds
        return
    message.payload = data[length:]
    BROKER._on_message(BROKER._client, None, message)
    arrival = INBOX.get()
    assert isinstance(arrival, Arrival)
    assert isinstance(arrival.event, events.CommandCame | events.MessageDropped)


@dataclass(frozen=True)
class Target:
    """The function that is fed, and the genuine messages that it starts from."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


TARGETS = {
    "edge.contract.mqtt": Target(read_message, (*DOORBELLS, *ANNOUNCEMENTS)),
    "edge.mqtt.session": Target(read_properties, PACKETS),
    "edge.mercadopago.decode": Target(read_answer, tuple(ANSWERS.values())),
    "edge.http": Target(read_whole_answer, WHOLE_ANSWERS),
    "edge.printer.dialogue": Target(read_printer, PRINTER_ANSWERS),
    "relay.web.notification": Target(read_notification, NOTIFICATIONS),
}

# --- one target, in this process --------------------------------------------------------------------------------------


def fuzz_here(name: str, options: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    logging.disable()

    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        """Half of them by the fuzzer's own choice, half within the JSON or the head."""
        chance = random.Random(seed)
        number, _, answer = data.partition(b"\n")
        if answer.startswith(b"HTTP/") and chance.random() < 0.5 and len(answer) < largest / 2:
            return number + b"\n" + bend_head(answer, chance)[: largest - 9]
        with suppress(ValueError, RecursionError):
            if chance.random() < 0.5 and len(bent := bend(data, chance, [chance.choice(ODD)])) <= largest:
                return bent
        return bytes(atheris.Mutate(data, largest))

    atheris.Setup([name, *options], TARGETS[name].read, custom_mutator=mutate)
    atheris.Fuzz()


# --- one process for each target -----------------------------------------------------------------------------------

PROGRAM = """
import sys, atheris
with atheris.instrument_imports(include=["edge", "relay"]):
    from qa import fuzz
fuzz.fuzz_here(sys.argv[1], sys.argv[2:])
"""


@dataclass(frozen=True)
class Result:
    """How one target ended. A crash ends it, so there is at most one; `why` is for people."""

    inputs: int
    seconds: float
    crashes: tuple[bytes, ...]
    why: str


def fuzz(name: str, seconds: int) -> Result:
    """Fuzz one target in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, crashes = Path(folder, "corpus"), Path(folder, "crashes")
        corpus.mkdir()
        crashes.mkdir()
        for number, seed in enumerate(TARGETS[name].seeds):
            (corpus / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MAX_MEMORY_MB}", f"-timeout={INPUT_TIMEOUT_S}",
                   f"-max_len={MAX_INPUT_BYTES}", f"-artifact_prefix={crashes}/", "-print_final_stats=1"]  # fmt: skip
        command = [sys.executable, "-c", PROGRAM, name, str(corpus), *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        found = tuple(file.read_bytes() for file in sorted(crashes.iterdir()))
        why = (done.stdout.strip() or done.stderr)[-3000:] if found or done.returncode else ""
        return Result(*_figures(done.stderr), found, why)


def _figures(output: str) -> tuple[int, float]:
    """The number of inputs, and the seconds that they took."""
    inputs = re.search(r"stat::number_of_executed_units:\s+(\d+)", output)
    seconds = re.search(r"Done \d+ runs in (\d+) second", output)
    return int(inputs[1]) if inputs else 0, float(seconds[1]) if seconds else 0.0


def main() -> int:
    """Fuzz all targets, one after the other. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m qa.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    share = max(1, parser.parse_args().seconds // len(TARGETS))
    failed = False
    print(f"{'target':24} {'inputs':>10} {'seconds':>8} {'crashes':>8}")
    for name in TARGETS:
        result = fuzz(name, share)
        print(f"{name:24} {result.inputs:10} {result.seconds:8.0f} {len(result.crashes):8}", flush=True)
        failed |= bool(result.why)
        if result.why:
            print(result.why, *(f"input: {crash!r}" for crash in result.crashes), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
