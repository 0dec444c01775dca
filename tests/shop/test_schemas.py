"""The JSON schemas of docs/schema/: all that daemon and relay say fits them, and they lack none of its keys."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edge.contract import mqtt as wire
from edge.core import duties, events
from edge.core.lifecycle import Stage
from edge.core.settings import Settings
from edge.core.state import Till
from edge.core.status import Signal, diagnosis, status
from edge.machine.facts import Machine
from sim.shop import TILL, Shop, wait_for
from tests.support.facts import USER

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs" / "schema").glob("*.json")}
PAGES = [(ROOT / page).read_text() for page in ("docs/integrating.md", "relay/README.md", "README.md")]
ADDED = {
    "v": 1,
    "since": "2026-03-02T20:39:21+00:00",
    "version": "0",
    "at": "2026-03-02T20:39:21+00:00",
    "repeated_every_s": 300,
}
"""What the daemon adds to the core's status."""


def closed(schema: Any) -> Any:
    """The same schema, for which a key that it doesn't know is a mistake. Who reads messages ignores such keys."""
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if "properties" in schema and "object" in schema.get("type", ()) else {}
    deeper = {key: closed(value) for key, value in schema.get("properties", {}).items()}
    items = {"items": closed(schema["items"])} if "items" in schema else {}
    return {**more, **schema, **({"properties": deeper} if deeper else {}), **items}


VALIDATORS = {
    name: Draft202012Validator(closed(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, schema in SCHEMAS.items()
}


def faults(name: str, message: Any) -> list[str]:
    found = [f"{name}: {error.json_path}: {error.message}" for error in VALIDATORS[name].iter_errors(message)]
    if name == "answer" and "status" in message:
        found += faults("status", {**message["status"], **ADDED})
    return found


def kind(message: dict[str, Any]) -> str:
    """Which schema an example of a page is for."""
    if "command" in message:
        return "answer" if "done" in message else "command"
    if "state" in message:
        return "status" if message["state"] == "offline" else "relay-status"
    if "order" in message:
        return "announcement"
    return "doorbell" if "kind" in message else "ping"


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema_and_explains_every_key(name):
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert all(each.get("description") for each in SCHEMAS[name]["properties"].values())


def test_every_example_fits():
    examples = [json.loads(text) for page in PAGES for text in re.findall(r'\{"v":1[^{}]*\}', page)]
    assert {kind(each) for each in examples} >= {"answer", "announcement", "command", "status", "doorbell", "ping"}
    usable = [
        {**each, "id": "x"} if kind(each) == "ping" else each for each in examples
    ]  # the page's ping has an ellipsis
    assert [fault for each in usable for fault in faults(kind(each), each)] == []


def test_the_page_links_every_schema_and_explains_every_key_of_a_status():
    assert [name for name in SCHEMAS if f"(schema/{name}.json)" not in PAGES[0]] == []
    for key, value in SCHEMAS["status"]["properties"].items():
        assert key == "v" or f"| `{key}` | {value['description']} |\n" in PAGES[0]


def enum(name: str, key: str) -> set[str]:
    return set(SCHEMAS[name]["properties"][key]["enum"])


def test_the_words_are_those_of_the_code():
    assert enum("status", "state") == {*Signal, "offline"}
    assert enum("status", "printer") == set(events.Paper)
    assert enum("status", "proof") == set(events.Proof)
    assert enum("status", "api") == {*events.Trouble, "ok"}
    assert enum("status", "broker") == {*events.BrokerTrouble, "ok"}
    assert enum("outcome", "outcome") == set(duties.Outcome)
    assert enum("command", "command") == enum("answer", "command") == set(wire.COMMANDS)
    assert enum("doorbell", "kind") == set(wire.IDS)
    [orders] = [SCHEMAS["answer"]["properties"]["orders"]["items"]["properties"]["stage"]["enum"]]
    assert set(orders) == set(Stage)
    [listed] = re.findall(r"All values of `reason`:\n\n((?:\* .*\n)+)", PAGES[0])
    assert SCHEMAS["outcome"]["then"]["properties"]["reason"]["enum"] == re.findall(r"`([^`]+)`", listed)


def test_a_till_that_knows_nothing_yet_fits(tmp_path):
    till, machine = Till(Settings(USER)), Machine(tmp_path, lambda: None, tmp_path).facts()
    said = {**status(till, 0.0), **machine}
    assert faults("status", {**said, **ADDED}) == []
    report = {
        "v": 1,
        "command": "report",
        "done": True,
        "text": "",
        "configuration": "",
        "versions": {},
        "status": said,
    }
    assert faults("answer", {**report, **diagnosis(till, 0.0)}) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("status", {"v": 1, "state": "ready"}),
        ("status", {"v": 2, "state": "offline"}),
        ("doorbell", {"v": 1, "kind": "payment", "id": "ORD01KA0000000000000000000AA"}),
        ("doorbell", {"v": 1, "kind": "payment", "id": "1", "amount": "5"}),
        ("command", {"v": 1, "command": "cancel"}),
        ("outcome", {"v": 1, "outcome": "rejected"}),
        ("ping", {"v": 1, "id": "a b"}),
        ("announcement", {"v": 1}),
        ("announcement", {"v": 1, "order": "a/b"}),
        ("announcement", {"v": 1, "order": "a" * 65}),
        ("announcement", {"v": 1, "order": 417}),
        ("announcement", {"v": 1, "order": "CAJA01-000417", "amount": "5"}),
        ("relay-status", {"v": 1, "state": "ready"}),
    ],
)
def test_what_is_wrong_does_not_fit(name, message):
    assert faults(name, message) != []


@pytest.mark.parametrize(
    "message",
    [
        *({"v": 1, "order": order} for order in ("ORD01KA0000000000000000000AA", "CAJA01-000417", "a" * 64, "_")),
        *({"v": 1, "order": order} for order in ("", "a" * 65, "a/b", "a b", "ñ", 417, None, ["a"], {"id": "a"})),
        *({"v": version, "order": "a"} for version in (2, "1", None)),
        {"v": 1},
        {"order": "a"},
    ],
    ids=str,
)
def test_the_till_reads_those_announcements_that_fit_and_no_others(message):
    try:
        wire.decode_announcement(wire.encode(message))
        is_read = True
    except wire.BadMessageError:
        is_read = False
    assert is_read == (faults("announcement", message) == [])


TOPICS = {
    f"tills/{TILL}/status": "status",
    f"tills/{TILL}/tickets": "outcome",
    f"tills/{TILL}/orders": "doorbell",
    f"tills/{TILL}/ping": "ping",
    f"tills/{TILL}/commands": "command",
    f"tills/{TILL}/announcements": "announcement",
    "relay/status": "relay-status",
}


@pytest.mark.slow
def test_all_that_is_said_in_a_day_of_a_shop_fits(tmp_path):
    with Shop(tmp_path) as shop:
        for said in ({"command": "identify"}, {"command": "test_ticket"}, {"command": "check_now"}):
            assert faults("answer", shop.ears.ask(f"tills/{TILL}/commands", said)) == []
        shop.sell("paid")
        shop.wait_for_outcome("printed")
        shop.ring(4242)  # Mercado Pago doesn't know it
        assert faults("answer", shop.ears.ask(f"tills/{TILL}/commands", {"command": "reprint", "last": True})) == []
        report = shop.ears.ask(f"tills/{TILL}/commands", {"command": "report"})
        assert faults("answer", report) == []
        assert set(report) == set(SCHEMAS["answer"]["properties"])
        day = shop.ears.ask(f"tills/{TILL}/commands", {"command": "end_of_day", "date": "2026-03-02"})
        assert faults("answer", day) == []
        shop.announce("cancelled")
        shop.order(total="10", reference="cancelled")
        shop.board.press()
        wait_for(lambda: shop.status["loaded"] == "cancelled", "the order is seen")
        shop.board.press(1.5)
        shop.wait_for_outcome("cancelled")
        wait_for(lambda: shop.status.get("round_trip_ms") is not None, "an echo")
        assert set(shop.status) == set(SCHEMAS["status"]["properties"])
        shop.board.shut_down()
        shop.wait_for_state("offline")
        shop.relay.stop()
        wait_for(lambda: shop.state("relay/status") == "offline", "the relay says goodbye")
        heard = [(TOPICS[topic], json.loads(payload)) for topic, payload in tuple(shop.ears.heard) if topic in TOPICS]
    assert {name for name, _ in heard} == set(TOPICS.values())
    assert {message["outcome"] for name, message in heard if name == "outcome"} >= {"printed", "copy", "cancelled"}
    assert [fault for name, message in heard for fault in faults(name, message)] == []
