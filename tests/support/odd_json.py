"""Odd values, and JSON with some of its own values replaced by them."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

ODD = (
    "null", "true", "false", "0", "-1", "1", "0.1", "-0.0", "1e300", "1e-300", "1e1000000", "1e-1000000", "NaN",
    "-Infinity", "1e" + "9" * 20, "9" * 21, "9" * 4000, "9" * 5000, '""', '"0"', '"1e5"', '"NaN"', '"\\ud800"',
    '"\\u001bp"', '"../.."', '"1/../2"', '"1\\n"', '"approved"', '"closed"', '"payment"', "[]", "{}",
    "[null]", '{"":{}}', "[" * 900 + "]" * 900,
)  # fmt: skip
"""Values that are rare in a message, written in JSON."""


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """The place of each value in a piece of JSON: the list or object around it, and its index or key there."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def bend(message: bytes, chance: random.Random, values: Sequence[str]) -> bytes:
    """Replace as many values of a message by these, written in JSON. Raises `ValueError` or `RecursionError`."""
    head, newline, body = message.rpartition(b"\n")
    content = json.loads(body)
    marks = [f"mark {number}" for number in range(len(values))]
    for mark in marks:
        if not (found := list(places(content))):
            raise ValueError("nothing to change")
        holder, key = chance.choice(found)
        holder[key] = mark
    text = json.dumps(content)
    for mark, value in zip(marks, values, strict=True):
        text = text.replace(f'"{mark}"', value)
    return head + newline + text.encode()
