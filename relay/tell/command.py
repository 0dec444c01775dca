"""`till-relay tell TILL COMMAND`: sends a command to a till as support's user, and prints what the till answers.

`--all` and `--where state=attention` mean many tills at once, each with a line of its own. The exit code is 0 only if
every till that was meant has done it.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.config.reader import closest
from edge.contract.mqtt import COMMANDS, VERSION, BadMessageError, is_till_id, parse_day
from relay.config import Broker, Config
from relay.fleet.watcher import FleetError, Watcher
from relay.tell.choice import Choice, Condition, UnknownKeyError, chosen
from relay.tell.conversation import Answer, Conversation, NoBrokerError, Outcome

DONE, FAILED, USAGE = 0, 1, 2
ANSWER_TIMEOUT_S = 15.0
MAX_ANSWER_TIMEOUT_S = 3600.0
ABOUT = {"reprint": "find", "end-of-day": "date"}
"""Command -> the key of what it is about."""
NAMES = tuple(name.replace("_", "-") for name in COMMANDS)
OFF = "it is off, and was not asked"


class UsageError(Exception):
    """What was typed makes no command; the text says why."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `till-relay tell`."""
    parser.add_argument(
        "words", nargs="+", metavar="[TILL] COMMAND [ABOUT]",
        help=f"the till's id, unless --all or --where is given; one of {', '.join(NAMES)}; for reprint the reference, "
        "the operation number, or the end of either; for end-of-day the day, like 2026-03-02",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="all tills of the broker")
    parser.add_argument(
        "--where", action="append", type=_condition, default=[], metavar="KEY=VALUE",
        help="all tills whose status has this, like state=attention; or help=dark, check=failed, as in till-relay "
        "fleet; several must all hold",
    )  # fmt: skip
    parser.add_argument("--last", action="store_true", help="reprint: the ticket that came out last")
    parser.add_argument("--username", default="support", help="the broker's user; default: %(default)s")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="with that user's password")
    parser.add_argument("--seconds", type=_seconds, default=ANSWER_TIMEOUT_S, help="to wait; default: %(default)g")
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON; of many tills, by till")


def run(config: Config, options: argparse.Namespace) -> int:
    """Send the command, print the answers, and return the exit code: 1 if one was refused, or a till didn't answer."""
    try:
        broker = _as_support(config, options)
        till, message = _typed(options)
        if till:
            [outcome] = Conversation(broker, options.seconds).ask([till], message).values()
            return _print_one(till, outcome, options.json)
        choice = _choice(broker, options)
        found = Conversation(broker, options.seconds).ask(choice.on, message) if choice.on else {}
        return _print_many(found | dict.fromkeys(choice.off, OFF), options.json)
    except (UsageError, UnknownKeyError) as error:
        print(f"till-relay tell: {error}", file=sys.stderr)
        return USAGE
    except (NoBrokerError, FleetError) as error:
        print(f"till-relay tell: {error}", file=sys.stderr)
        return FAILED


def _choice(broker: Broker, options: argparse.Namespace) -> Choice:
    """Which tills are meant, by what the broker retains. Raises `FleetError` and `UnknownKeyError`."""
    watcher = Watcher(broker, None)
    watcher.start()
    try:
        watcher.wait_for_all()
        choice = chosen(watcher.rows(), options.where)
    finally:
        watcher.stop()
    if not choice.on and not choice.off:
        raise FleetError("no till is like that; till-relay fleet shows all of them")
    return choice


# --- the answers ------------------------------------------------------------------------------------------------------


def _print_one(till: str, outcome: Outcome, as_json: bool) -> int:
    if isinstance(outcome, str):
        print(f"till-relay tell: {outcome}", file=sys.stderr)
        return FAILED
    is_done = outcome.get("done") is True
    print(_shown(till, outcome, as_json), file=sys.stdout if is_done or as_json else sys.stderr)
    return DONE if is_done else FAILED


def _print_many(found: Mapping[str, Outcome], as_json: bool) -> int:
    """A line for each till, in the order of their names, and how many did it."""
    done = [till for till, outcome in found.items() if not isinstance(outcome, str) and outcome.get("done") is True]
    if as_json:
        print(json.dumps({till: _as_answer(found[till]) for till in sorted(found)}, indent=2))
    for till in () if as_json else sorted(found):
        outcome = found[till]
        line = f"{till}: {outcome}" if isinstance(outcome, str) else _shown(till, outcome, as_json)
        print(line, file=sys.stdout if till in done else sys.stderr)
    print(f"{len(done)} of {len(found)} tills did it", file=sys.stderr)
    return DONE if len(done) == len(found) else FAILED


def _as_answer(outcome: Outcome) -> Answer:
    return {"done": False, "text": outcome} if isinstance(outcome, str) else outcome


def _shown(till: str, answer: Answer, as_json: bool) -> str:
    """A report has no sentence: it is all facts."""
    if as_json or not answer.get("text"):
        return json.dumps(answer, indent=2)
    return f"{till}: {'' if answer.get('done') is True else 'refused: '}{answer['text']}"


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


def _typed(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The till, "" for many, and the message. Raises `UsageError`."""
    many = options.all or bool(options.where)
    if options.all and options.where:
        raise UsageError("--all means every till, and --where some of them; give one of the two")
    till, *words = ["", *options.words] if many else options.words
    if till and not is_till_id(till):
        raise UsageError(f"{till!r} is no till id: 1 to 64 of A-Z a-z 0-9 _ -")
    if many and words[0] not in NAMES and len(words) > 1 and words[1] in NAMES:
        raise UsageError(f"{words[0]} is a till, and --all or --where means many; give one of the two")
    if words and words[0] not in NAMES:
        near = closest(words[0], NAMES)
        raise UsageError(
            f"{words[0]!r} is no command; " + (f"did you mean {near}?" if near else f"there are {', '.join(NAMES)}")
        )
    if not words or len(words) > 2:
        raise UsageError(f"write a till and a command, like CAJA01 identify; the commands are {', '.join(NAMES)}")
    return till, _message(words[0], words[1] if len(words) > 1 else "", options.last)


def _message(order: str, about: str, last: bool) -> dict[str, Any]:
    """Raises `UsageError`."""
    message: dict[str, Any] = {"v": VERSION, "command": order.replace("-", "_")}
    if (about and order not in ABOUT) or (last and order != "reprint"):
        raise UsageError(f"{order} takes no more than the till")
    if order == "reprint" and bool(about) is last:
        raise UsageError("reprint takes a reference, an operation number, the end of either, or --last")
    if order == "end-of-day" and about:
        try:
            parse_day(about)
        except BadMessageError as error:
            raise UsageError(str(error)) from None
    if last:
        message["last"] = True
    return message | ({ABOUT[order]: about} if about else {})


def _condition(text: str) -> Condition:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"{text!r}: write a key of the status and its value, like state=attention")
    return Condition(key, value)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= MAX_ANSWER_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r}: write seconds from 1 to {MAX_ANSWER_TIMEOUT_S:g}")
    return seconds
