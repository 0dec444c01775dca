"""`till-relay tell TILL COMMAND`: sends a command to a till as support's user, and prints what the till answers.

The command expires with our patience: a till that is off doesn't carry it out tomorrow. Only the answer with our own
correlation data counts: others of support may talk to the same till at the same time.
"""

import argparse
import json
import queue
import sys
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.contract.mqtt import COMMANDS, VERSION, BadMessageError, Topics, encode, parse_day
from edge.contract.reason_codes import FIRST_FAILURE, login_reason, reason
from relay.config import Broker, Config
from relay.mqtt.client import new_client

DONE, FAILED, USAGE = 0, 1, 2
KEEPALIVE_S = 30
ANSWER_TIMEOUT_S = 15.0
MAX_ANSWER_TIMEOUT_S = 3600.0
NO_SUBSCRIBER = 0x10
ABOUT = {"reprint": "find", "end-of-day": "date"}
"""Command -> the key of what it is about."""


class NoAnswerError(Exception):
    """The till did not answer; the text says why, for people."""


class UsageError(Exception):
    """What was typed makes no command; the text says why."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `till-relay tell`, but for the till."""
    names = [name.replace("_", "-") for name in COMMANDS]
    parser.add_argument("order", choices=names, metavar="COMMAND", help=", ".join(names))
    parser.add_argument(
        "about", nargs="?", default="", metavar="ABOUT",
        help="reprint: the reference, the operation number, or the end of either; end-of-day: the day, like 2026-03-02",
    )  # fmt: skip
    parser.add_argument("--last", action="store_true", help="reprint: the ticket that came out last")
    parser.add_argument("--username", default="support", help="the broker's user; default: %(default)s")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="with that user's password")
    parser.add_argument("--seconds", type=_seconds, default=ANSWER_TIMEOUT_S, help="to wait; default: %(default)g")
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")


def run(config: Config, options: argparse.Namespace) -> int:
    """Send the command, print the answer, and return the exit code: 1 if it was refused, or nobody answered."""
    try:
        broker, message = _as_support(config, options), _command(options)
        answer = Conversation(broker, options.till, options.seconds).ask(message)
    except UsageError as error:
        print(f"till-relay tell: {error}", file=sys.stderr)
        return USAGE
    except NoAnswerError as error:
        print(f"till-relay tell: {error}", file=sys.stderr)
        return FAILED
    done = answer.get("done") is True
    print(_shown(answer, options), file=sys.stdout if done or options.json else sys.stderr)
    return DONE if done else FAILED


def _shown(answer: dict[str, Any], options: argparse.Namespace) -> str:
    """A report has no sentence: it is all facts."""
    if options.json or not answer.get("text"):
        return json.dumps(answer, indent=2)
    return f"{options.till}: {'' if answer.get('done') is True else 'refused: '}{answer['text']}"


# --- what was typed ---------------------------------------------------------------------------------------------------


def _as_support(config: Config, options: argparse.Namespace) -> Broker:
    """The relay's own user may not send commands. Raises `UsageError`."""
    if options.password_file is None:
        return _with_certificate(config)
    broker = config.broker
    try:
        password = options.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{options.password_file} can't be read: {error}") from None
    if not password:
        raise UsageError(f"{options.password_file} is empty; write the password of {options.username} into it")
    return replace(broker, username=options.username, password=password)


def _with_certificate(config: Config) -> Broker:
    """Raises `UsageError`."""
    broker, support = config.broker, config.support
    if support is None:
        if broker.username or (broker.tls and broker.tls.cert_file):
            raise UsageError(
                "the broker must know that you are support: write the section support into the configuration "
                "(relay.example.yaml has it), or name the file of a password: --password-file"
            )
        return broker
    if broker.tls is None:
        raise UsageError("the section support names a certificate, but broker.tls is false; a certificate needs TLS")
    tls = replace(broker.tls, cert_file=support.cert_file, key_file=support.key_file)
    try:
        tls.context()
    except OSError as error:
        raise UsageError(f"support.cert_file and key_file can't be used ({error}); are you root?") from None
    return replace(broker, username="", password="", tls=tls)


def _command(options: argparse.Namespace) -> dict[str, Any]:
    """The message to the till. Raises `UsageError`."""
    message = {"v": VERSION, "command": options.order.replace("-", "_")}
    if (options.about and options.order not in ABOUT) or (options.last and options.order != "reprint"):
        raise UsageError(f"{options.order} takes no more than the till")
    if options.order == "reprint" and bool(options.about) is options.last:
        raise UsageError("reprint takes a reference, an operation number, the end of either, or --last")
    if options.order == "end-of-day" and options.about:
        try:
            parse_day(options.about)
        except BadMessageError as error:
            raise UsageError(str(error)) from None
    if options.last:
        message["last"] = True
    return message | ({ABOUT[options.order]: options.about} if options.about else {})


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= MAX_ANSWER_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r}: write seconds from 1 to {MAX_ANSWER_TIMEOUT_S:g}")
    return seconds


# --- the broker -------------------------------------------------------------------------------------------------------


class Conversation:
    """One question to one till. `ask` may be called once.

    paho's callbacks run in its network thread: they only put into queues what came.
    """

    def __init__(self, broker: Broker, till: str, seconds: float) -> None:
        self._broker, self._till, self._seconds = broker, till, seconds
        self._topics = Topics(broker.topic_root, till)
        self._mark = token_hex(8).encode()
        self._ready: queue.Queue[str] = queue.Queue()
        """Why the broker refuses us; "" if it doesn't."""
        self._heard: queue.Queue[dict[str, Any] | str] = queue.Queue()
        """The till's answer, or why none will come."""
        self._client = new_client(broker, f"tell-{token_hex(4)}")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.put("")
        self._client.on_publish = lambda _client, _data, _mid, code, _more: self._on_published(code.value)
        self._client.on_message = self._on_message

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the till's answer. Raises `NoAnswerError`."""
        address = f"{self._broker.host}:{self._broker.port}"
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise NoAnswerError(f"no connection to the broker at {address}: {error}") from None
        self._client.loop_start()
        try:
            self._wait(self._ready, f"the broker at {address} doesn't answer: a firewall in between, or a wrong port?")
            self._publish(message)
            silent = f"no answer from {self._till}: it is off, or there is no such till"
            answer: dict[str, Any] = self._wait(self._heard, silent)
            return answer
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _wait(self, source: "queue.Queue[Any]", otherwise: str) -> Any:
        """Return what comes, if it is no sentence. Raises `NoAnswerError`."""
        try:
            came = source.get(timeout=self._seconds)
        except queue.Empty:
            raise NoAnswerError(f"within {self._seconds:g} s {otherwise}") from None
        if isinstance(came, str) and came:
            raise NoAnswerError(came)
        return came

    def _publish(self, message: dict[str, Any]) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = self._topics.answers, self._mark
        properties.MessageExpiryInterval = round(self._seconds)
        self._client.publish(self._topics.commands, encode(message), qos=1, properties=properties)

    # --- paho's network thread ---

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: Any, ___: Any) -> None:
        if code.value:
            self._ready.put(f"the broker refuses {self._broker.username or 'us'}: {login_reason(code.value)}")
        else:
            client.subscribe(self._topics.answers, 1)

    def _on_published(self, code: int) -> None:
        if code >= FIRST_FAILURE:
            who = self._broker.username or "us"
            self._heard.put(f"the broker takes no command for {self._till} from {who}: {reason(code)}")
        elif code == NO_SUBSCRIBER:
            self._heard.put(f"no till {self._till} listens at this broker: is its name right, has it ever been on?")

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        if getattr(message.properties, "CorrelationData", b"") == self._mark:
            self._heard.put(_decoded(bytes(message.payload)))


def _decoded(payload: bytes) -> dict[str, Any] | str:
    """A report is longer than what a till reads, so the contract's limit doesn't hold here."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        answer = None
    return answer if isinstance(answer, dict) else "the till's answer can't be read: it is no JSON object"
